//! Acronis Cyber Protect.
//!
//! One alert per machine and plan. The names of the states are documented, the mails around them are
//! not, so a state counts only where it begins the subject or a line, or is the value of a label; and
//! a mail is taken for theirs only if sender or text name them. Recaps of open alerts and mails on the
//! health of disks land in the same box and are not about runs.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{rank, value},
    signature::{explain, told_by},
};
use crate::{Habits, Letter, Text, text::fold, words};

pub(super) static FORMAT: Format = Format {
    name: "acronis",
    title: "Acronis Cyber Protect",
    source: "names of notifications and alerts after the maker's documents; no real mail seen: \
             recognised by sender or signature and by these names alone",
    recognises,
    read,
    ends_suffice: false,
};

/// States, the longer before those that they begin with. English ones are documented; of other
/// languages only bad ones are known.
const STATES: &[(&str, Outcome)] = &[
    ("backup did not start", Outcome::Failed),
    ("backup has not started", Outcome::Failed),
    ("backup could not be completed", Outcome::Failed),
    ("backup has failed", Outcome::Failed),
    ("backup failed", Outcome::Failed),
    ("backup is not responding", Outcome::Failed),
    ("backup was canceled", Outcome::Failed),
    ("backup was cancelled", Outcome::Failed),
    ("backup canceled", Outcome::Failed),
    ("backup cancelled", Outcome::Failed),
    ("backup was missed", Outcome::Failed),
    ("backup is missed", Outcome::Failed),
    ("missed backup", Outcome::Failed),
    ("no successful backups", Outcome::Failed),
    ("backup succeeded with warnings", Outcome::Warning),
    ("backup completed with warnings", Outcome::Warning),
    ("backup finished with warnings", Outcome::Warning),
    ("backup completed successfully", Outcome::Ok),
    ("backup finished successfully", Outcome::Ok),
    ("backup succeeded", Outcome::Ok),
    ("backup non riuscito", Outcome::Failed),
    ("backup fallito", Outcome::Failed),
    ("backup completato con avvisi", Outcome::Warning),
    ("backup fehlgeschlagen", Outcome::Failed),
    ("backup ist fehlgeschlagen", Outcome::Failed),
    ("échec de la sauvegarde", Outcome::Failed),
    ("la sauvegarde a échoué", Outcome::Failed),
];

/// What stands alone as the value of a label.
const RESULTS: &[(&str, Outcome)] = &[
    ("failed", Outcome::Failed),
    ("error", Outcome::Failed),
    ("missed", Outcome::Failed),
    ("canceled", Outcome::Failed),
    ("cancelled", Outcome::Failed),
    ("warning", Outcome::Warning),
    ("completed with warnings", Outcome::Warning),
    ("succeeded with warnings", Outcome::Warning),
    ("succeeded", Outcome::Ok),
    ("completed", Outcome::Ok),
    ("ok", Outcome::Ok),
];

const STATUS: &[&str] = &["status", "result", "backup status", "alert", "alert type"];
const PLAN: &[&str] = &["protection plan", "backup plan", "plan name", "plan"];
const MACHINE: &[&str] =
    &["machine name", "device name", "machine", "device", "workload", "resource"];
const REASON: &[&str] = &["error", "error message", "reason", "cause", "details", "message"];

static SIGN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\bacronis (?:cyber (?:protect|backup|cloud)|backup|true image)\b")
        .expect("a pattern of ours is valid")
});
static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:\[[^\]]{0,80}\][ \t]*|acronis[a-z0-9 ]{0,60}[:-][ \t]*|(?:alert|notification):[ \t]*)*")
        .expect("a pattern of ours is valid")
});

fn recognises(letter: &Letter) -> bool {
    let sender = letter.from.contains("acronis") || letter.from_name.folded().contains("acronis");
    let signed = SIGN.is_match(letter.body.folded()) || SIGN.is_match(letter.subject.folded());
    signed && (sender || state_of(letter).is_some() || is_aside(letter))
        || sender && (state_of(letter).is_some() || is_aside(letter))
}

/// A recap of alerts, or the health of a disk.
fn is_aside(letter: &Letter) -> bool {
    let subject = letter.subject.folded();
    subject.contains("acronis drive monitor")
        || letter.body.line(|it| it.contains("acronis drive monitor")).is_some()
        || (subject.contains("daily recap") || subject.contains("recap about active alerts"))
}

/// The state that a line begins with. What follows may name the machine, nothing else.
fn state(line: &str) -> Option<Outcome> {
    let line = &line[PREFIX.find(line).map_or(0, |it| it.end())..];
    STATES.iter().find_map(|(text, outcome)| {
        let rest = line.strip_prefix(text)?;
        let named = ["", ".", "!"].contains(&rest)
            || [":", " - ", " on ", " for ", " (", ". "].iter().any(|it| rest.starts_with(it));
        named.then_some(*outcome)
    })
}

/// The worst of what subject, lines and labels say, and where.
fn state_of(letter: &Letter) -> Option<(Outcome, String)> {
    let of_lines = |text: &Text| {
        let found: Vec<(Outcome, String)> = text
            .lines()
            .filter_map(|(shown, folded)| Some((state(folded)?, shown.to_owned())))
            .collect();
        found
    };
    let label = value(&letter.body, STATUS).and_then(|it| {
        let folded = fold(it);
        let result = RESULTS.iter().find(|known| known.0 == folded).map(|known| known.1);
        // One word of what went well may be about anything.
        let bad = result.filter(|it| *it != Outcome::Ok);
        Some((bad.or_else(|| state(&folded))?, it.to_owned()))
    });
    let all = of_lines(&letter.subject).into_iter().chain(of_lines(&letter.body)).chain(label);
    // Of equals the first: it is the subject.
    all.reduce(|one, other| if rank(other.0) > rank(one.0) { other } else { one })
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let body = &letter.body;
    if is_aside(letter) {
        let text = Arc::from(letter.subject.shown().trim());
        return Says { outcome: Some(Outcome::Other), text, ..Says::default() };
    }
    let said = state_of(letter);
    // A label with a word that nobody knows speaks against good news.
    let strange = value(body, STATUS).is_some_and(|it| {
        let folded = fold(it);
        RESULTS.iter().all(|known| known.0 != folded) && state(&folded).is_none()
    });
    // A state at the very end may be the begin of a longer one.
    let last = body.lines().map(|it| it.1).filter(|it| !it.is_empty()).last();
    let is_cut = last.is_none_or(|it| state(it).is_some());
    let unsure = strange || is_cut;
    let outcome = said.as_ref().map(|it| it.0).filter(|it| !(unsure && *it == Outcome::Ok));
    let machine = value(body, MACHINE).unwrap_or("");
    let began_at = value(body, &["start time", "started at", "started"])
        .and_then(|it| words::moment(it, habits));
    let ended_at =
        value(body, &["finish time", "end time", "finished at", "finished"]).and_then(|it| {
            match began_at {
                Some(from) => words::moment_after(it, from, habits),
                None => words::moment(it, habits),
            }
        });
    let objects = match outcome {
        Some(it) if !machine.is_empty() => vec![(Arc::from(machine), it)],
        _ => Vec::new(),
    };
    let mut says = Says {
        outcome,
        names: Arc::from(value(body, PLAN).unwrap_or("")),
        text: Arc::from(said.map_or_else(|| letter.subject.shown().trim().to_owned(), |it| it.1)),
        began_at,
        ended_at,
        size: value(body, &["backup size", "data size", "bytes saved"]).and_then(words::size),
        duration: value(body, &["duration"]).and_then(words::duration),
        objects,
        ..Says::default()
    };
    let code = value(body, &["error code", "code"]).unwrap_or("");
    let reason = value(body, REASON).map_or_else(|| told_by(&says), str::to_owned);
    let reason = format!("{reason} {code}");
    let about = if machine.is_empty() { says.names.to_string() } else { machine.to_owned() };
    explain(&mut says, "acronis", &reason, &about);
    says
}
