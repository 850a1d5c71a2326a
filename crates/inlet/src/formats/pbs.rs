//! Proxmox Backup Server.
//!
//! The subject ends with the verdict; a sentence of the body repeats it. A server sends the mails of
//! all its tasks to the same place, so what they are about decides what they count for: a sync and a
//! tape backup are runs. Garbage collection, pruning and verification look after what is stored: that
//! they went well is no backup and satisfies no slot; that they failed is told, since what is stored
//! may be in danger. Who wants to wait for a verification writes a rule of his own for it.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::{Captures, Regex};

use super::{
    Format,
    cells::{value, worse},
    shape::{found, pattern},
    signature::explain,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "pbs",
    title: "Proxmox Backup Server",
    source: "templates and code of Proxmox Backup Server as of 2024: subjects and sentences are sure; \
             templates can be overridden since version 3.2, and then need own rules",
    recognises,
    read,
    ends_suffice: true,
};

static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(garbage collect|verify|verification|prune|pruning|sync(?: (?:remote '[^']{1,200}'|local|push|pull))?|tape backup(?: '([^']{1,200})')?) datastore '([^']{1,200})' (successful|failed)$",
    )
});

static MEDIA: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^load media '([^']{1,200})' request for (?:drive|changer) '([^']{1,200})'$")
});

/// Begins of the sentence with the verdict.
const TASKS: &[&str] =
    &["garbage collection", "verification", "synchronization", "pruning", "tape backup"];

/// Mails of the server about itself.
const ASIDES: &[&str] = &[
    "new software packages available",
    "test notification",
    "could not renew",
    "certificate renewal failed",
];

fn recognises(letter: &Letter) -> bool {
    let subject = letter.subject.folded().trim();
    STATUS.is_match(subject)
        || MEDIA.is_match(subject)
        || letter.from_name.folded().starts_with("proxmox backup server")
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let subject = letter.subject.folded();
    if let Some(captures) = MEDIA.captures(subject) {
        return media(letter, &captures);
    }
    if ASIDES.iter().any(|it| subject.starts_with(it)) {
        let text = Arc::from(letter.subject.shown());
        return Says { outcome: Some(Outcome::Other), text, ..Says::default() };
    }
    let told = told(letter);
    let Some(captures) = STATUS.captures(subject) else {
        // The body alone can only make it worse.
        return of_body(told);
    };
    let task = captures.get(1).map_or("", |it| it.as_str());
    let said = if captures.get(4).is_some_and(|it| it.as_str() == "successful") {
        Outcome::Ok
    } else {
        Outcome::Failed
    };
    let is_run = task.starts_with("sync") || task.starts_with("tape");
    let outcome = match worse(Some(said), told.as_ref().map(|it| it.0)) {
        Some(Outcome::Ok) if !is_run => Some(Outcome::Other),
        it => it,
    };
    let store = found(&letter.subject, &captures, 3);
    let job = value(&letter.body, &["job id"]).unwrap_or(store);
    let mut says = Says {
        outcome,
        text: Arc::from(letter.subject.shown().trim()),
        names: Arc::from(job),
        duration: value(&letter.body, &["duration"]).and_then(words::duration),
        objects: snapshots(letter, outcome),
        run: value(&letter.body, &["task id"]).map(Arc::from),
        ..Says::default()
    };
    explain(&mut says, "pbs", &told.map_or_else(String::new, |it| it.1), store);
    says
}

/// What the sentence of the body says, and why.
fn told(letter: &Letter) -> Option<(Outcome, String)> {
    letter.body.lines().find_map(|(shown, folded)| {
        let rest = TASKS.iter().find_map(|it| folded.strip_prefix(it))?;
        match rest.trim_start() {
            "successful." => Some((Outcome::Ok, String::new())),
            it if it.starts_with("failed") => {
                let reason = shown.split_once(':').map_or("", |it| it.1);
                // The number of an error of the system below is none of the product.
                let reason = reason.split(" (os error").next().unwrap_or(reason).trim();
                Some((Outcome::Failed, reason.to_owned()))
            }
            _ => None,
        }
    })
}

fn of_body(told: Option<(Outcome, String)>) -> Says {
    let Some((Outcome::Failed, reason)) = told else { return Says::default() };
    let mut says =
        Says { outcome: Some(Outcome::Failed), text: Arc::from(&*reason), ..Says::default() };
    explain(&mut says, "pbs", &reason, "");
    says
}

/// A tape backup that waits: it goes no further until somebody has put the tape in.
fn media(letter: &Letter, captures: &Captures<'_>) -> Says {
    let mut says = Says {
        outcome: Some(Outcome::Failed),
        text: Arc::from(letter.subject.shown().trim()),
        names: Arc::from(found(&letter.subject, captures, 2)),
        ..Says::default()
    };
    explain(&mut says, "pbs", "load media", found(&letter.subject, captures, 2));
    says
}

/// The snapshots that a tape backup has written, or on which a verification failed.
fn snapshots(letter: &Letter, outcome: Option<Outcome>) -> Vec<(Arc<str>, Outcome)> {
    let (head, each) = match outcome {
        Some(Outcome::Ok) => ("snapshots included:", Outcome::Ok),
        _ => ("verification failed on these snapshots/groups:", Outcome::Failed),
    };
    let lines = letter.body.lines().skip_while(|it| it.1 != head).skip(1);
    let lines = lines.skip_while(|it| it.1.is_empty());
    let named = lines.take_while(|it| is_snapshot(it.1));
    named.map(|it| (Arc::from(it.0), each)).collect()
}

/// `vm/101/2026-09-21T00:30:03Z`, with a namespace before it or not.
fn is_snapshot(line: &str) -> bool {
    ["vm/", "ct/", "host/"].iter().any(|it| line.contains(it)) && !line.contains(' ')
}
