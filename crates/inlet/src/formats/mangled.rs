//! Examples that were cut, shuffled and spoilt on their way: no format comes to harm by them, and
//! bad news never becomes good by what is missing.

use std::fs;

use model::Outcome;
use proptest::{prelude::*, sample::Index};

use super::{CATALOGUE, Format, named, tests::*};
use crate::{Letter, Text, mime};

/// Of these the product itself says that all is well; only figures or further lines tell that it is
/// not, and without those nothing does.
const CALLED_GOOD: [&str; 8] = [
    "saved-and-broken-off.eml",
    "warned-on-the-way.eml",
    "digest-of-good-and-bad.eml",
    "one-was-left-out.eml",
    "nothing-was-there.eml",
    "subject-better-than-body.eml",
    "counts-worse-than-words.eml",
    "row-with-a-strange-word.eml",
];

/// These read whole logs: one that is cut off before the command that failed tells of what went well
/// alone.
const LOGS: [&str; 1] = ["restic"];

/// Examples that are no good news, and their formats.
fn bad() -> Vec<(&'static Format, String, Vec<u8>)> {
    let all = examples().into_iter().filter_map(|(name, path)| {
        let format = named(&name)?;
        let raw = fs::read(&path).unwrap();
        let says = (format.read)(&mime::letter(&raw), &habits());
        if CALLED_GOOD.iter().any(|it| path.ends_with(it)) {
            return None;
        }
        (says.outcome != Some(Outcome::Ok)).then(|| (format, path.display().to_string(), raw))
    });
    all.collect()
}

fn assert_not_ok(format: &Format, path: &str, letter: &Letter) {
    // Whatever is left of it may be taken for any product.
    for reader in CATALOGUE.iter().filter(|it| it.name == format.name || (it.recognises)(letter)) {
        let says = (reader.read)(letter, &habits());
        assert!(
            says.outcome != Some(Outcome::Ok),
            "{path} read by {} is good:\n{}\n\n{}",
            reader.name,
            letter.subject.shown(),
            letter.body.shown()
        );
    }
}

fn with_body(letter: &Letter, lines: &[&str]) -> Letter {
    Letter { body: Text::new(&lines.join("\n")), ..letter.clone() }
}

#[test]
fn a_bad_mail_without_any_one_of_its_lines_is_not_good() {
    for (format, path, raw) in bad() {
        let letter = mime::letter(&raw);
        let bare = Letter { subject: Text::default(), ..letter.clone() };
        assert_not_ok(format, &path, &bare);
        let lines: Vec<&str> = letter.body.shown().lines().collect();
        for at in 0..lines.len() {
            let mut left = lines.clone();
            left.remove(at);
            assert_not_ok(format, &path, &with_body(&letter, &left));
            assert_not_ok(format, &path, &with_body(&bare, &left));
            assert_not_ok(format, &path, &with_body(&bare, &lines[..at]));
            assert_not_ok(format, &path, &with_body(&bare, &lines[at..]));
        }
    }
}

#[test]
fn a_row_of_one_machine_is_no_verdict_of_the_job() {
    let format = named("veeam").unwrap();
    let report = "Backup job: Daily VMs\nsrv-web\tSuccess\t20:01:00\t20:02:40\t90 GB\t3 GB";
    let letter = Letter { body: Text::new(report), ..Letter::default() };
    assert_not_ok(format, "a row without its table", &letter);
}

#[test]
fn a_bad_mail_that_is_cut_off_anywhere_is_not_good() {
    for (format, path, raw) in bad() {
        // What nobody understands may be so for its last words alone.
        let is_strange = (format.read)(&mime::letter(&raw), &habits()).outcome.is_none();
        if is_strange || LOGS.contains(&format.name) {
            continue;
        }
        for end in (0..raw.len()).step_by(3) {
            assert_not_ok(format, &path, &mime::letter(&raw[..end]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_bad_mail_whose_lines_are_shuffled_and_lost_is_not_good(
        which in any::<Index>(),
        order in proptest::collection::vec(any::<Index>(), 0..40),
        keep_subject in any::<bool>(),
    ) {
        let bad = bad();
        let (format, path, raw) = which.get(&bad);
        let mut letter = mime::letter(raw);
        if !keep_subject {
            letter.subject = Text::default();
        }
        let lines: Vec<&str> = letter.body.shown().lines().collect();
        if lines.is_empty() {
            return Ok(());
        }
        let shuffled: Vec<&str> = order.iter().map(|it| *it.get(&lines)).collect();
        assert_not_ok(format, path, &with_body(&letter, &shuffled));
    }

    #[test]
    fn spoilt_mails_do_no_harm(
        which in any::<Index>(),
        spoils in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..30),
    ) {
        let all = examples();
        let (_, path) = which.get(&all);
        let mut raw = fs::read(path).unwrap();
        for (at, byte) in spoils {
            let at = at.index(raw.len());
            raw[at] = byte;
        }
        let letter = mime::letter(&raw);
        for format in CATALOGUE {
            let _ = (format.recognises)(&letter);
            let _ = (format.read)(&letter, &habits());
        }
    }

    #[test]
    fn any_text_does_no_harm(subject in "\\PC{0,80}", body in "[\\PC\t\n]{0,400}") {
        let letter = Letter { subject: Text::new(&subject), body: Text::new(&body), ..Letter::default() };
        for format in CATALOGUE {
            let _ = (format.recognises)(&letter);
            let _ = (format.read)(&letter, &habits());
        }
    }
}
