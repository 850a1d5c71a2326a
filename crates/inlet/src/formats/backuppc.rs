//! BackupPC.
//!
//! It writes only when something is wrong, once in some days: silence is good. No mail of it says
//! that a backup went well, so none is ever read so.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    shape::{found, pattern},
    signature::explain,
};
use crate::{Habits, Letter};

pub(super) static FORMAT: Format = Format {
    name: "backuppc",
    title: "BackupPC",
    source: "language files and code of BackupPC 3 and 4, in English; subjects of some other \
             languages differ, while most of their texts are in English",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECTS: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [
        pattern(r"^backuppc: no recent backups on (\S{1,200})$"),
        pattern(r"^backuppc: no backups of (\S{1,200}) have succeeded$"),
    ]
});
static OUTLOOK: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^backuppc: outlook files on (\S{1,200}) need to be backed up$"));
static SENTENCES: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [
        pattern(r"\(([^\s()]{1,200})\) has not been successfully backed up for \d"),
        pattern(r"\(([^\s()]{1,200})\) has never been successfully backed up"),
    ]
});
/// A host in the mail to the administrator: `  - host (reason)`.
static HOST: LazyLock<Regex> = LazyLock::new(|| pattern(r"^- (\S{1,200}) \((.{1,500})\)$"));

const ADMIN: &str = "backuppc administrative attention needed";

fn recognises(letter: &Letter) -> bool {
    let subject = letter.subject.folded();
    subject.starts_with("backuppc: ")
        || subject.starts_with(ADMIN)
        || letter.body.line(|it| it == "backuppc genie").is_some()
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let subject = letter.subject.folded().trim_end();
    if subject.starts_with(ADMIN) {
        return admin(letter);
    }
    if let Some(captures) = OUTLOOK.captures(subject) {
        let host = found(&letter.subject, &captures, 1);
        return says(host, Outcome::Warning, letter.subject.shown(), "files in use");
    }
    let by_subject = SUBJECTS.iter().find_map(|it| it.captures(subject));
    if let Some(captures) = by_subject {
        let host = found(&letter.subject, &captures, 1);
        return says(host, Outcome::Failed, letter.subject.shown(), "not been backed up");
    }
    let by_body = letter.body.lines().find_map(|(shown, folded)| {
        let captures = SENTENCES.iter().find_map(|it| it.captures(folded))?;
        let host = super::cells::part(shown, folded, captures.get(1)?);
        Some(says(host, Outcome::Failed, shown, "not been backed up"))
    });
    by_body.unwrap_or_default()
}

fn says(host: &str, outcome: Outcome, text: &str, reason: &str) -> Says {
    let mut says = Says {
        outcome: Some(outcome),
        names: Arc::from(host),
        text: Arc::from(text.trim()),
        objects: vec![(Arc::from(host), outcome)],
        ..Says::default()
    };
    explain(&mut says, "backuppc", reason, host);
    says
}

/// The mail to the administrator names hosts and why they could not be saved, or a full disk.
fn admin(letter: &Letter) -> Says {
    let hosts: Vec<(&str, String)> = letter
        .body
        .lines()
        .filter_map(|(shown, folded)| {
            let captures = HOST.captures(folded)?;
            Some((super::cells::part(shown, folded, captures.get(1)?), captures[2].to_owned()))
        })
        .collect();
    let full = letter.body.line(|it| it.contains("too full") || it.contains("file system"));
    let text = match (hosts.first(), full) {
        (Some((host, reason)), _) => format!("{host} ({reason})"),
        (None, Some(line)) => line.0.to_owned(),
        (None, None) => letter.subject.shown().trim().to_owned(),
    };
    let mut says = Says {
        outcome: Some(Outcome::Failed),
        text: Arc::from(&*text),
        objects: hosts.iter().map(|it| (Arc::from(it.0), Outcome::Failed)).collect(),
        ..Says::default()
    };
    let object = hosts.first().map_or("", |it| it.0);
    let reason = hosts.first().map_or_else(
        || full.map_or_else(String::new, |_| "disk full".to_owned()),
        |it| it.1.clone(),
    );
    explain(&mut says, "backuppc", &reason, object);
    says
}
