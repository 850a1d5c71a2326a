//! What failures of the same kind have in common, so that they are shown, counted and grouped as
//! one: the product's own error code, else the known cause and the thing it happened to, else the
//! text without everything that differs from run to run.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::advice::Cause;
use crate::{text::fold, words::is_of_the_calendar};

/// A signature is never longer; in characters.
pub const SIGNATURE_MAX: usize = 120;

struct Patterns {
    code: Regex,
    hex: Regex,
    numbered: Regex,
    guid: Regex,
    path: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let of = |text| Regex::new(text).expect("a pattern of ours is valid");
    Patterns {
        // V-79-57344-65233, ANR2579E, RBK0009I, CPF3D05.
        code: of(
            r"\b(v-\d{2,3}-\d{3,6}-\d{1,6}|anr\d{4}[eiws]|rbk\d{4}[eiw]|(?:cpf|brm)[0-9a-f]{4})\b",
        ),
        hex: of(r"\b0x[0-9a-f]{4,16}\b"),
        numbered: of(r"\berror (?:code:? ?)?(-?\d{2,6})\b"),
        guid: of(r"\{?\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b\}?"),
        path: of(r#"(?:\b[a-z]:|\\\\)\\?[^\s"',;]*|\S*\\\S*|\S*://\S*|(?:^|[\s("'])/[^\s"',;)]*"#),
    }
});

/// Fills in signature and advice of what did not go well. `reason` is the line in which the product
/// gives it, as it came, if it gives one; `object` the repository, volume or machine that it happened to.
pub fn explain(says: &mut Says, product: &str, reason: &str, object: &str) {
    let Some(outcome @ (Outcome::Failed | Outcome::Partial | Outcome::Warning)) = says.outcome
    else {
        return;
    };
    says.signature = if reason.trim().is_empty() {
        bounded(&format!("{product} {} {}", outcome.word(), stripped(&fold(object), false)))
    } else {
        signature(product, reason, object)
    };
    says.advice = Arc::from(Cause::of(&fold(reason)).map_or("", Cause::advice));
}

/// What the sentence that gives the verdict tells of the cause, without the name of the job; nothing
/// if it gives the verdict alone.
#[must_use]
pub fn told_by(says: &Says) -> String {
    let sentence = match &*says.names {
        "" => says.text.to_string(),
        name => says.text.replace(name, ""),
    };
    if Cause::of(&fold(&sentence)).is_some() { sentence } else { String::new() }
}

/// See [`explain`].
#[must_use]
pub fn signature(product: &str, reason: &str, object: &str) -> Arc<str> {
    let folded = fold(reason);
    let object = stripped(&fold(object), false);
    let told = match (code(&folded), Cause::of(&folded)) {
        (Some(code), _) => code,
        (None, Some(cause)) => format!("{} {object}", cause.word()),
        (None, None) => stripped(&folded, true),
    };
    bounded(&format!("{product} {told}"))
}

fn bounded(text: &str) -> Arc<str> {
    Arc::from(text.trim().chars().take(SIGNATURE_MAX).collect::<String>().trim_end())
}

/// An error code of the product's own. Codes of the system below (`0x8…`) say nothing of the cause.
#[must_use]
pub fn code(folded: &str) -> Option<String> {
    let patterns = &*PATTERNS;
    if let Some(found) = patterns.code.find(folded) {
        return Some(found.as_str().to_owned());
    }
    let own = |it: &&str| {
        let figures = it.trim_start_matches("0x");
        !(figures.len() == 8 && figures.starts_with(['8', 'c'])) && figures.contains(|it| it != '0')
    };
    if let Some(hex) = patterns.hex.find_iter(folded).map(|it| it.as_str()).find(own) {
        return Some(hex.to_owned());
    }
    patterns.numbered.captures(folded).map(|it| format!("error {}", &it[1]))
}

/// A folded text without paths, ids, dates and punctuation; of an object the figures stay.
#[must_use]
pub fn stripped(folded: &str, figures: bool) -> String {
    let patterns = &*PATTERNS;
    let text = patterns.guid.replace_all(folded, " ");
    let text = patterns.path.replace_all(&text, " ");
    let mut words = Vec::new();
    for word in text.split(|it: char| it.is_whitespace() || ",;:!?\"()[]<>|=".contains(it)) {
        let word = word.trim_matches(|it: char| !it.is_alphanumeric());
        let differs = figures && word.contains(|it: char| it.is_numeric());
        if !word.is_empty() && !differs && !is_of_the_calendar(word) {
            words.push(word);
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_code_of_the_product_names_the_problem() {
        for (reason, told) in [
            ("V-79-57344-65233 - Snapshot failed", "p v-79-57344-65233"),
            ("Error code: 0x01350016 at 03:12", "p 0x01350016"),
            ("ANR2579E Schedule NIGHT failed", "p anr2579e"),
            ("Script: error -519 (network)", "p error -519"),
        ] {
            assert_eq!(&*signature("p", reason, "srv"), told);
        }
    }

    #[test]
    fn codes_of_the_system_do_not() {
        assert_eq!(
            &*signature("p", "VSS failed, code 0x80042306, on \\\\NAS\\b", "Repo 1"),
            "p snapshot repo 1"
        );
    }

    #[test]
    fn what_differs_from_run_to_run_is_left_out() {
        let first = "Job 12 broke at Tue, 29 Sep 2026 on C:\\Data\\x.vbk (4 of 7 files), id \
                     1f0e2d3c-aaaa-bbbb-cccc-0123456789ab";
        let second = "Job 13 broke at mercoledì, 30 Sep 2026 on D:\\Other\\y.vbk (1 of 7 files), id \
                      9f0e2d3c-aaaa-bbbb-cccc-0123456789ab";
        assert_eq!(&*signature("p", first, ""), "p job broke at on of files id");
        assert_eq!(signature("p", first, ""), signature("p", second, ""));
    }

    #[test]
    fn only_what_is_bad_is_explained() {
        let mut says = Says { outcome: Some(Outcome::Ok), ..Says::default() };
        explain(&mut says, "p", "disk full", "");
        assert!(says.signature.is_empty() && says.advice.is_empty());
        says.outcome = Some(Outcome::Failed);
        explain(&mut says, "p", "disk full", "Repo");
        assert_eq!(&*says.signature, "p disk-full repo");
        assert!(says.advice.contains("Free space"));
        explain(&mut says, "p", "", "Job 7");
        assert_eq!(&*says.signature, "p failed job 7");
    }

    proptest! {
        #[test]
        fn signatures_are_bounded_and_without_harm(reason in "\\PC{0,300}", object in "\\PC{0,80}") {
            let told = signature("p", &reason, &object);
            prop_assert!(told.chars().count() <= SIGNATURE_MAX);
            prop_assert!(!told.contains('\n'));
        }
    }
}
