//! NAKIVO Backup & Replication.
//!
//! A mail per job, with the name and how it ended, and a table of the machines; and reports over all
//! jobs by day, which tell of no single run.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{Row, part, rank, sentences, table, value, weighed, worse},
    signature::{explain, told_by},
};
use crate::{Habits, Letter, text::fold, words};

pub(super) static FORMAT: Format = Format {
    name: "nakivo",
    title: "NAKIVO Backup & Replication",
    source: "the sender's name after a public script; wording by general knowledge, no real mail \
             seen: only sentences about a job that end with a known verdict are understood",
    recognises,
    read,
    ends_suffice: false,
};

/// Ends of sentences about a job.
const ENDINGS: &[(&str, Outcome)] = &[
    ("has not been completed", Outcome::Failed),
    ("could not be completed", Outcome::Failed),
    ("has failed", Outcome::Failed),
    ("failed", Outcome::Failed),
    ("has been stopped", Outcome::Failed),
    ("was stopped", Outcome::Failed),
    ("stopped", Outcome::Failed),
    ("has been skipped", Outcome::Failed),
    ("was skipped", Outcome::Failed),
    ("has been completed with errors", Outcome::Partial),
    ("has completed with errors", Outcome::Partial),
    ("completed with errors", Outcome::Partial),
    ("partially successful", Outcome::Partial),
    ("has been completed with warnings", Outcome::Warning),
    ("has completed with warnings", Outcome::Warning),
    ("completed with warnings", Outcome::Warning),
    ("has been started", Outcome::Started),
    ("has started", Outcome::Started),
    ("has been completed successfully", Outcome::Ok),
    ("has been successfully completed", Outcome::Ok),
    ("has completed successfully", Outcome::Ok),
    ("has finished successfully", Outcome::Ok),
    ("completed successfully", Outcome::Ok),
    ("finished successfully", Outcome::Ok),
    ("was successful", Outcome::Ok),
    ("successful", Outcome::Ok),
];

static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
    // A job, by its name in quotes or before the word, and nothing between it and the verdict.
    Regex::new(
        r#"^(?:nakivo backup & replication[:,]?[ \t]*(?:- )?)?(?:the )?(?:(?:[a-z]{1,20} ){0,3}job[: \t]+"([^"]{1,200})"|"([^"]{1,200})"(?: (?:[a-z]{1,20} ){0,3}job)?|(?:job )?([^"]{1,200}?) job)(?:[: \t]|- )*$"#,
    )
    .expect("a pattern of ours is valid")
});

const JOB: &[&str] = &["job name", "job"];
const STATUS: &[&str] = &["job status", "last run status", "last result", "status", "result"];

fn recognises(letter: &Letter) -> bool {
    letter.from_name.folded().contains("nakivo")
        || letter.from.contains("nakivo")
        || letter.subject.folded().contains("nakivo backup & replication")
        || letter.body.line(|it| it.contains("nakivo backup & replication")).is_some()
}

fn result(word: &str) -> Option<Outcome> {
    Some(match word.trim() {
        "successful" | "succeeded" | "completed" | "ok" => Outcome::Ok,
        "warning" | "completed with warnings" => Outcome::Warning,
        "partially successful" | "completed with errors" => Outcome::Partial,
        "failed" | "error" | "stopped" | "skipped" | "not completed" => Outcome::Failed,
        _ => return None,
    })
}

struct Told {
    outcome: Outcome,
    name: String,
    text: String,
}

/// The worst sentence about a job.
fn told(letter: &Letter) -> Option<Told> {
    let mut worst: Option<Told> = None;
    for it in sentences(&letter.subject).chain(sentences(&letter.body)) {
        let known = ENDINGS.iter().find_map(|end| Some((end.1, it.folded.strip_suffix(end.0)?)));
        let Some((outcome, about)) = known else { continue };
        let Some(found) = ABOUT.captures(about) else { continue };
        let name = found.iter().skip(1).flatten().next();
        let name = name.map_or("", |name| part(&it.shown, &it.folded, name)).to_owned();
        if worst.as_ref().is_none_or(|last| rank(outcome) > rank(last.outcome)) {
            worst = Some(Told { outcome, name, text: it.shown });
        }
    }
    worst
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let body = &letter.body;
    let subject = letter.subject.folded();
    if subject.contains("overview report") || subject.contains("job overview") {
        let text = Arc::from(letter.subject.shown().trim());
        return Says { outcome: Some(Outcome::Other), text, ..Says::default() };
    }
    let told = told(letter);
    let labelled = value(body, STATUS).and_then(|it| result(&fold(it)));
    let rows = table(body, &["vm", "name", "vm name", "machine", "object", "source"], STATUS);
    let objects: Vec<(Arc<str>, Outcome)> =
        rows.iter().filter_map(|it| Some((Arc::from(&*it.name), result(&it.result)?))).collect();
    let said = worse(told.as_ref().map(|it| it.outcome), labelled);
    let outcome = weighed(said, &objects);
    // A row with a word that nobody knows speaks against good news.
    let unsure = rows.len() > objects.len() || body.is_empty();
    let outcome = outcome.filter(|it| !(unsure && *it == Outcome::Ok));
    let began_at = value(body, &["start time", "started"]).and_then(|it| words::moment(it, habits));
    let ended_at =
        value(body, &["end time", "finish time", "finished"]).and_then(|it| match began_at {
            Some(from) => words::moment_after(it, from, habits),
            None => words::moment(it, habits),
        });
    let name = value(body, JOB).map(str::to_owned);
    let name = name.or_else(|| told.as_ref().map(|it| it.name.clone())).unwrap_or_default();
    let mut says = Says {
        outcome,
        names: Arc::from(&*name),
        text: Arc::from(
            told.map_or_else(|| letter.subject.shown().trim().to_owned(), |it| it.text),
        ),
        began_at,
        ended_at,
        size: value(body, &["total size", "data size", "backup size"]).and_then(words::size),
        duration: value(body, &["duration", "running time"]).and_then(words::duration),
        objects,
        ..Says::default()
    };
    let (reason, object) = reason(&rows).unwrap_or_else(|| (told_by(&says), name));
    explain(&mut says, "nakivo", &reason, &object);
    says
}

/// What the table says of the first machine that is not well.
fn reason(rows: &[Row]) -> Option<(String, String)> {
    let bad =
        rows.iter().find(|it| result(&it.result) != Some(Outcome::Ok) && !it.last.is_empty())?;
    Some((bad.last.clone(), bad.name.clone()))
}
