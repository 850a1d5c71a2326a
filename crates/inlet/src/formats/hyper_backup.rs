//! Synology Hyper Backup: a NAS that saves its own folders elsewhere.
//!
//! The verdict is the first sentence of the body; labelled lines follow, and the name of the NAS at
//! the end. Names of tasks cannot have colons, quotes or brackets, so fields end where they seem to.
//! Checks of old backups and the clearing out of versions are told by the same package: they are not
//! runs, but what fails of them is bad news all the same.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use model::{Moment, Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{sentences, value},
    signature::{explain, told_by},
    synology::ending,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "hyper-backup",
    title: "Synology Hyper Backup",
    source: "German failure after a public fixture of a real mail; the English and Italian wording \
             and the other German sentences after its template, no real mail seen: other sentences \
             are not understood",
    recognises,
    read,
    ends_suffice: false,
};

const TASK: &[&str] = &["backup task", "attività di backup", "datensicherungsaufgabe"];
const TARGET: &[&str] = &[
    "backup destination",
    "backup target",
    "destinazione di backup",
    "destinazione backup",
    "destinazione",
    "sicherungsziel",
];
const START: &[&str] =
    &["start time", "ora d'inizio", "ora di inizio", "inizio", "startzeit", "start"];
const LASTED: &[&str] = &["duration", "durata", "dauer"];

static SUBJECT_OF_SENTENCE: LazyLock<Regex> = LazyLock::new(|| {
    // What the first sentence is about: the backup of a NAS, or a task of it.
    Regex::new(
        r"^(?:\[[^\]]{1,80}\][ \t]*)?(?:(?:your |the )?(?:data )?backup (?:task .{1,120}|on .{1,80})|data backup task on .{1,80}|(?:l'attività di backup|attività di backup|l'attività) .{1,120}|(?:il )?backup dei dati su .{1,80}|(?:die |ihre )?datensicherung(?:saufgabe)? .{1,120})$",
    )
    .expect("a pattern of ours is valid")
});

static HOUSEKEEPING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:integrity check|version rotation|controllo (?:di |dell')?integrità|rotazione (?:delle )?versioni|integritätsprüfung|versionsrotation)\b",
    )
    .expect("a pattern of ours is valid")
});

fn recognises(letter: &Letter) -> bool {
    if letter.subject.folded().contains("active backup for")
        || letter.body.folded().contains("active backup for")
    {
        return false;
    }
    let named = letter.body.folded().contains("hyper backup")
        || letter.subject.folded().contains("hyper backup");
    let labelled = value(&letter.body, TASK).is_some() && value(&letter.body, TARGET).is_some();
    let synology =
        named || letter.body.folded().contains(".hbk") || letter.body.folded().contains("synology");
    labelled && synology || named && said(letter).is_some()
}

/// The sentence that tells how it ended, as it came; housekeeping is told apart by its own words.
fn said(letter: &Letter) -> Option<(Outcome, String)> {
    let mut bad: Option<(Outcome, String)> = None;
    for it in sentences(&letter.body).chain(sentences(&letter.subject)) {
        let Some((outcome, about)) = ending(&it.folded) else { continue };
        let kept = HOUSEKEEPING.is_match(about);
        let is_cut = outcome == Outcome::Ok && !it.whole;
        if is_cut || !kept && !SUBJECT_OF_SENTENCE.is_match(about) {
            continue;
        }
        let outcome = match outcome {
            Outcome::Ok if kept => Outcome::Other,
            Outcome::Partial | Outcome::Warning if kept => Outcome::Failed,
            it => it,
        };
        if bad.as_ref().is_none_or(|last| badness(outcome) > badness(last.0)) {
            bad = Some((outcome, it.shown));
        }
    }
    bad
}

fn badness(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ok => 1,
        // Housekeeping that is named beside a run must not hide how the run ended.
        Outcome::Other => 0,
        Outcome::Warning => 2,
        Outcome::Partial => 3,
        _ => 4,
    }
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let body = &letter.body;
    let said = said(letter);
    let began_at = value(body, START).and_then(|it| words::moment(it, habits));
    let duration = value(body, LASTED).and_then(words::duration);
    let target = value(body, TARGET).unwrap_or("");
    let mut says = Says {
        outcome: said.as_ref().map(|it| it.0),
        names: Arc::from(value(body, TASK).unwrap_or("")),
        text: Arc::from(said.map(|it| it.1).unwrap_or_default()),
        began_at,
        ended_at: ended(began_at, duration),
        duration,
        ..Says::default()
    };
    let reason = reason(letter).unwrap_or_else(|| told_by(&says));
    // The target's folder differs by task, what stands before it is the machine.
    let target = target.split(" / ").next().unwrap_or(target).to_owned();
    explain(&mut says, "hyper-backup", &reason, &target);
    says
}

fn ended(began: Option<Moment>, lasted: Option<Duration>) -> Option<Moment> {
    began.zip(lasted).map(|(began, lasted)| began.after(lasted))
}

/// A line that names the cause, if the package writes one.
fn reason(letter: &Letter) -> Option<String> {
    const LABELS: &[&str] =
        &["error message", "error", "reason", "errore", "motivo", "fehler", "grund"];
    value(&letter.body, LABELS).map(str::to_owned)
}
