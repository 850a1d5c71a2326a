//! Synology Active Backup for Business, and its siblings for Microsoft 365 and Google Workspace: a
//! NAS that saves machines or accounts.
//!
//! The subject ends with the verdict, but not always: a task that was completed in part has none
//! there. The body repeats it in its first sentence. Apostrophes are typographic.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{part, sentences, value, worse},
    signature::{explain, told_by},
    synology::{ending, words as verdict},
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "active-backup",
    title: "Synology Active Backup for Business, Microsoft 365 and Google Workspace",
    source: "Italian and Danish subjects and the Italian body after public parsers and their \
             fixtures of real mails; the English subject in part; German wording and labels after \
             the same template, no real mail seen",
    recognises,
    read,
    ends_suffice: false,
};

const DEVICES_MAX: usize = 2_000;

const START: &[&str] =
    &["ora d'inizio", "ora di inizio", "start time", "startzeit", "starttidspunkt", "starttid"];
const END: &[&str] = &["ora di fine", "end time", "endzeit", "sluttidspunkt", "sluttid"];
const SIZE: &[&str] = &[
    "dimensioni trasferite",
    "transferred size",
    "data transferred",
    "übertragene größe",
    "übertragene datengröße",
    "overført størrelse",
];
const DEVICES: &[&str] = &["elenco dispositivi", "device list", "geräteliste", "enhedsliste"];

struct Patterns {
    product: Regex,
    subject: Regex,
    sentence: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let of = |text| Regex::new(text).expect("a pattern of ours is valid");
    Patterns {
        product: of(
            r"\bactive backup for (?:business|microsoft 365|office 365|google workspace)\b",
        ),
        // The store is a host's name, so it has no spaces: what follows it is the verdict.
        subject: of(
            r" - (?:the )?(?:attività di backup|backup task|backupopgaven?|sicherungsaufgabe|backup-?aufgabe|datensicherungsaufgabe) (.{1,200}) (?:su|on|auf|på) (\S{1,100})(?: (.{1,60}))?$",
        ),
        sentence: of(
            r"^(?:(?:l'attività di backup|attività di backup|(?:the |your )?backup task|backupopgaven?|(?:die )?(?:sicherungsaufgabe|backup-?aufgabe|datensicherungsaufgabe)) )(.{1,200}?)(?: (?:su|on|auf|på) (\S{1,100}))?$",
        ),
    }
});

fn recognises(letter: &Letter) -> bool {
    PATTERNS.product.is_match(letter.subject.folded())
        || PATTERNS.product.is_match(letter.body.folded()) && of_body(letter).is_some()
}

/// A verdict, the task it is about, and the sentence that gives it.
struct Said {
    outcome: Option<Outcome>,
    task: String,
    text: String,
}

fn of_subject(letter: &Letter) -> Option<Said> {
    let (shown, folded) = (letter.subject.shown(), letter.subject.folded());
    PATTERNS.product.find(folded)?;
    let found = PATTERNS.subject.captures(folded)?;
    Some(Said {
        outcome: found.get(3).and_then(|it| verdict(it.as_str())),
        task: unbracketed(part(shown, folded, found.get(1)?)),
        text: shown.trim().to_owned(),
    })
}

fn of_body(letter: &Letter) -> Option<Said> {
    let mut worst: Option<Said> = None;
    for it in sentences(&letter.body) {
        let Some((outcome, about)) = ending(&it.folded) else { continue };
        let Some(found) = PATTERNS.sentence.captures(about) else { continue };
        if outcome == Outcome::Ok && !it.whole {
            continue;
        }
        let task = found.get(1).map_or("", |name| part(&it.shown, &it.folded, name));
        let last = worst.as_ref().and_then(|it| it.outcome);
        if worse(last, Some(outcome)) != last {
            let task = unbracketed(task);
            worst = Some(Said { outcome: Some(outcome), task, text: it.shown });
        }
    }
    worst
}

fn unbracketed(name: &str) -> String {
    name.trim().trim_start_matches('[').trim_end_matches(']').to_owned()
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let body = &letter.body;
    let (subject, sentence) = (of_subject(letter), of_body(letter));
    let outcome = worse(
        subject.as_ref().and_then(|it| it.outcome),
        sentence.as_ref().and_then(|it| it.outcome),
    );
    // A subject that ends with words that nobody knows speaks against a good sentence.
    let strange = subject.as_ref().is_some_and(|it| it.outcome.is_none()) && has_words(letter);
    let unsure = strange || body.is_empty();
    let outcome = outcome.filter(|it| !(unsure && *it == Outcome::Ok));
    let told = sentence.as_ref().or(subject.as_ref());
    let began_at = value(body, START).and_then(|it| words::moment(it, habits));
    let ended_at = value(body, END).and_then(|it| match began_at {
        Some(from) => words::moment_after(it, from, habits),
        None => words::moment(it, habits),
    });
    let task = subject.as_ref().or(told).map_or("", |it| &it.task);
    let mut says = Says {
        outcome,
        names: Arc::from(task),
        text: Arc::from(told.map_or_else(|| letter.subject.shown().trim(), |it| &it.text)),
        began_at,
        ended_at,
        size: value(body, SIZE).and_then(words::size),
        duration: began_at.zip(ended_at).map(|(from, until)| until.since(from)),
        objects: devices(letter, outcome),
        ..Says::default()
    };
    let reason = reason(letter).unwrap_or_else(|| told_by(&says));
    let task = task.to_owned();
    explain(&mut says, "active-backup", &reason, &task);
    says
}

fn has_words(letter: &Letter) -> bool {
    PATTERNS.subject.captures(letter.subject.folded()).is_some_and(|it| it.get(3).is_some())
}

fn reason(letter: &Letter) -> Option<String> {
    const LABELS: &[&str] = &[
        "error message",
        "error",
        "reason",
        "errore",
        "motivo",
        "fehler",
        "grund",
        "fejl",
        "årsag",
    ];
    value(&letter.body, LABELS).map(str::to_owned)
}

/// The devices of a task share its lot; of one that was completed in part, nobody says which.
fn devices(letter: &Letter, outcome: Option<Outcome>) -> Vec<(Arc<str>, Outcome)> {
    let Some(list) = value(&letter.body, DEVICES) else { return Vec::new() };
    let names: Vec<&str> = list
        .split([',', ';'])
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .take(DEVICES_MAX)
        .collect();
    match outcome {
        Some(it @ (Outcome::Ok | Outcome::Failed)) => {
            names.into_iter().map(|name| (Arc::from(name), it)).collect()
        }
        Some(it) if names.len() == 1 => vec![(Arc::from(names[0]), it)],
        _ => Vec::new(),
    }
}
