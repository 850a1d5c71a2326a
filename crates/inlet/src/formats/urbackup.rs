//! UrBackup.
//!
//! The subject tells kind and client, never how it went. The body counts: `( 12 infos, 0 warnings, 0
//! errors )`; the counts are the verdict. Which mails are sent at all is set per user, so silence may
//! be good.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::part,
    shape::{pattern, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "urbackup",
    title: "UrBackup",
    source: "code and report script of UrBackup 2; the script can be replaced, and then its mails \
             need own rules",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^(?:urbackup: )?((?:resumed )?(?:incremental|full) (?:file|image) backup of "([^"]{1,200})")$"#,
    )
});
static SENTENCE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^urbackup just did an? (?:resumed )?(?:incremental|full) (?:file|image) backup of "([^"]{1,200})"\.$"#,
    )
});
static COUNTS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\( ?(\d{1,9}) infos?, (\d{1,9}) warnings?, (\d{1,9}) errors? ?\)$")
});

/// Lines at either end of the log in which a time is looked for.
const LOOKED_AT_MAX: usize = 50;

fn recognises(letter: &Letter) -> bool {
    letter.subject.folded().starts_with("urbackup: ")
        || letter.body.line(|it| SENTENCE.is_match(it)).is_some()
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let sentence = letter.body.lines().find_map(|(shown, folded)| {
        Some(part(shown, folded, SENTENCE.captures(folded)?.get(1)?).to_owned())
    });
    let subject = letter.subject.folded().trim();
    let of_subject = SUBJECT.captures(subject).and_then(|it| it.get(2));
    let of_subject =
        of_subject.map(|it| part(letter.subject.shown().trim(), subject, it).to_owned());
    let counts = whole_lines(&letter.body).find_map(|(shown, folded)| {
        let captures = COUNTS.captures(folded)?;
        let count = |at: usize| captures[at].parse::<u64>().unwrap_or(u64::MAX);
        Some((shown, count(2), count(3)))
    });
    let outcome = match counts {
        Some((_, _, errors)) if errors > 0 => Some(Outcome::Failed),
        Some((_, warnings, _)) if warnings > 0 => Some(Outcome::Warning),
        Some(_) if sentence.is_some() || of_subject.is_some() => Some(Outcome::Ok),
        _ => None,
    };
    let client = of_subject.or(sentence).unwrap_or_default();
    let log: Vec<&str> = letter.body.lines().map(|it| it.1).collect();
    let began_at = log.iter().take(LOOKED_AT_MAX).find_map(|it| logged_at(it, habits));
    let ended_at = log.iter().rev().take(LOOKED_AT_MAX).find_map(|it| logged_at(it, habits));
    let mut says = Says {
        outcome,
        names: Arc::from(&*client),
        text: Arc::from(counts.map_or_else(|| letter.subject.shown().trim(), |it| it.0)),
        began_at,
        ended_at,
        ..Says::default()
    };
    if let Some(of) = outcome.filter(|_| !client.is_empty()) {
        says.objects.push((Arc::from(&*client), of));
    }
    let reason = ["error: ", "(error): ", "warning: ", "(warning): "]
        .iter()
        .find_map(|mark| letter.body.line(|it| it.contains(mark)).map(|it| (it.1, *mark)))
        .map_or("", |(line, mark)| line.split_once(mark).map_or("", |it| it.1));
    explain(&mut says, "urbackup", reason, &client);
    says
}

/// The time at the begin of a line of the log: `2026-09-21 02:00:03: INFO: …`.
fn logged_at(line: &str, habits: &Habits) -> Option<model::Moment> {
    let begin = line.get(..19)?;
    begin.starts_with("20").then(|| words::moment(begin, habits)).flatten()
}
