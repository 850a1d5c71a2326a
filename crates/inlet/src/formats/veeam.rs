//! Veeam Backup & Replication, and what its siblings have in common with it.
//!
//! The subject begins with the verdict in brackets (`[Warning] JOB (3 objects)`) unless somebody has
//! written another one; the body has the same word in its head, three counts, and a row for each
//! machine. Labels are English everywhere, but dates and decimals are those of the server's own
//! language, and only the head has a date: what began before midnight ends behind it. A product that
//! is told to mail only after its last retry says the same words, later.

use std::sync::{Arc, LazyLock};

use model::{Moment, Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{cells, count, part, value, weighed, worse},
    signature::explain,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "veeam",
    title: "Veeam Backup & Replication",
    source: "public parsers and their fixtures after real mails of versions 11 to 13; the report of \
             scale-out repositories after the maker's documents",
    recognises: |letter| product(letter) == Some(Product::Replication),
    read: |letter, habits| read(letter, habits, "veeam"),
    ends_suffice: false,
};

/// Which of the siblings a mail is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Replication,
    Agent,
    Microsoft365,
}

/// A head is a few lines long; what stands below is of the table.
const HEAD_LINES_MAX: usize = 8;
/// The job, its verdict, and what was processed.
const HEAD_CELLS_MAX: usize = 3;
/// Machines that are kept of one report.
const OBJECTS_MAX: usize = 2_000;

struct Patterns {
    verdict: Regex,
    units: Regex,
    head: Regex,
    retry: Regex,
    processed: Regex,
    repository: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let of = |text| Regex::new(text).expect("a pattern of ours is valid");
    Patterns {
        verdict: of(r"\[(success|warning|failed|error)\][ \t]*(.*)$"),
        units: of(
            r"[ \t]*\((\d{1,6}) (?:objects?|vms?|machines?|instances?|hosts?|computers?|servers?|workloads?|items?|files?|shares?|databases?)\)(?:[ \t].*)?$",
        ),
        head: of(r"^(?:[a-z0-9/&() -]{1,40} )?(?:job|policy):[ \t]*(.+)$"),
        retry: of(r"[ \t]*\(retry[^)]{0,12}\)$"),
        repository: of(
            r#"(?i)\b(?:repository|extent) (?:"([^"]{1,60})"|\[([^\]]{1,60})\]|(\w+[_.-]\w[\w.-]*|\w*\d\w*))"#,
        ),
        processed: of(r"\b(\d{1,6}) of (\d{1,6}) [\p{L} ]{1,30} processed"),
    }
});

pub(super) fn product(letter: &Letter) -> Option<Product> {
    let begins = |text: &str| letter.body.line(|it| it.starts_with(text)).is_some();
    if begins("veeam agent for ") || begins("agent backup job:") || begins("agent backup policy:") {
        return Some(Product::Agent);
    }
    if begins("veeam backup for microsoft") || begins("veeam backup for office") {
        return Some(Product::Microsoft365);
    }
    let subject = letter.subject.folded();
    let shaped = PATTERNS.verdict.is_match(subject) && PATTERNS.units.is_match(subject);
    (shaped || begins("veeam backup & replication")).then_some(Product::Replication)
}

/// What the subject says.
#[derive(Debug, Default)]
struct Subject {
    outcome: Option<Outcome>,
    name: String,
    count: Option<u64>,
}

/// What the head of the body says.
#[derive(Debug, Default)]
struct Head {
    outcome: Option<Outcome>,
    name: Option<String>,
    began: Option<Moment>,
    processed: Option<(u64, u64)>,
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    name: Arc<str>,
    outcome: Outcome,
    details: String,
}

pub(super) fn read(letter: &Letter, habits: &Habits, product: &str) -> Says {
    let body = &letter.body;
    if letter.subject.folded().trim_start().starts_with("scale-out backup repository") {
        let text = Arc::from(letter.subject.shown());
        return Says { outcome: Some(Outcome::Other), text, ..Says::default() };
    }
    let subject = subject(letter, habits);
    let head = head(letter, habits);
    let rows = rows(letter);
    let objects: Vec<(Arc<str>, Outcome)> =
        rows.iter().map(|it| (Arc::clone(&it.name), it.outcome)).collect();
    let size = value(body, &["total size"]).and_then(words::size);
    let outcome = outcome(letter, &subject, &head, size, &objects);
    let clock = value(body, &["start time"]);
    let began_at = head.began.or_else(|| clock.and_then(|it| words::moment(it, habits)));
    let ended_at = began_at.and_then(|from| {
        value(body, &["end time"]).and_then(|it| words::moment_after(it, from, habits))
    });
    let (reason, object) = reason(letter, &rows);
    let name = head.name.clone().unwrap_or_else(|| subject.name.clone());
    let mut says = Says {
        outcome,
        names: Arc::from(&*name),
        text: text(letter, outcome, &reason, &object),
        began_at,
        ended_at,
        size,
        duration: value(body, &["duration"]).and_then(words::duration),
        objects,
        ..Says::default()
    };
    let nothing =
        outcome == Some(Outcome::Partial) && (subject.count == Some(0) || size == Some(0));
    let reason =
        if reason.is_empty() && nothing { "nothing to process".to_owned() } else { reason };
    let machine = if object.is_empty() { &name } else { &object };
    explain(&mut says, product, &reason, &self::object(&reason, machine));
    says
}

/// Each place that gives a verdict is believed as far as it is bad; that all is well has to be said
/// in words, counts alone do not.
fn outcome(
    letter: &Letter,
    subject: &Subject,
    head: &Head,
    size: Option<u64>,
    objects: &[(Arc<str>, Outcome)],
) -> Option<Outcome> {
    let said = worse(subject.outcome, head.outcome);
    let counted = if count(&letter.body, &["error"]).is_some_and(|it| it > 0) {
        Some(Outcome::Failed)
    } else if count(&letter.body, &["warning"]).is_some_and(|it| it > 0) {
        Some(Outcome::Warning)
    } else {
        None
    };
    let outcome = weighed(worse(said, counted), objects)?;
    let short = head.processed.is_some_and(|(done, of)| done < of);
    let nothing = subject.count == Some(0) || size == Some(0);
    if outcome == Outcome::Ok && (short || nothing) {
        return Some(Outcome::Partial);
    }
    Some(outcome)
}

fn state(word: &str) -> Option<Outcome> {
    Some(match word {
        "success" => Outcome::Ok,
        "warning" => Outcome::Warning,
        "failed" | "error" => Outcome::Failed,
        _ => return None,
    })
}

/// The first verdict in brackets counts: a job may be called like one. The agent writes the machine
/// before the job, and a date behind it.
fn subject(letter: &Letter, habits: &Habits) -> Subject {
    let (shown, folded) = (letter.subject.shown(), letter.subject.folded());
    let Some(found) = PATTERNS.verdict.captures(folded) else { return Subject::default() };
    let outcome = found.get(1).and_then(|it| state(it.as_str()));
    let name = found.get(2).map_or("", |it| part(shown, folded, it));
    let units = PATTERNS.units.captures(folded);
    let count = units.as_ref().and_then(|it| it[1].parse().ok());
    let name = match units {
        Some(it) => {
            let long = name.chars().count().saturating_sub(it[0].trim_end().chars().count());
            name.chars().take(long).collect::<String>()
        }
        None => name.to_owned(),
    };
    let name = match name.rsplit_once(" - ") {
        Some((job, date)) if words::moment(date, habits).is_some() => job.to_owned(),
        _ => name,
    };
    Subject { outcome, name: name.trim().to_owned(), count }
}

fn head(letter: &Letter, habits: &Habits) -> Head {
    let mut head = Head::default();
    let lines = letter.body.lines().skip_while(|it| !PATTERNS.head.is_match(first(it.1)));
    for (at, line) in lines.take(HEAD_LINES_MAX).enumerate() {
        let cells = cells(line);
        let is_counts = cells.len() > 1
            && cells[0].1 == "success"
            && cells[1].1.starts_with(|it: char| it.is_ascii_digit());
        if is_counts || cells[0].1 == "details" || is_of_table(line.1) {
            break;
        }
        if at == 0 {
            head.name = named(cells[0]);
        }
        // More cells make a row of the table, which speaks for one machine.
        if cells.len() <= HEAD_CELLS_MAX {
            let said = cells.iter().filter_map(|it| verdict(it.1)).next();
            head.outcome = worse(head.outcome, said);
        }
        if let Some(found) = PATTERNS.processed.captures(line.1) {
            head.processed = found[1].parse().ok().zip(found[2].parse().ok());
        }
        let dated = at > 0 && !line.1.starts_with("created by") && !line.1.contains(" processed");
        if dated && let Some(at) = words::moment(cells[0].0, habits) {
            head.began = Some(at);
        }
    }
    head
}

/// `Warning`, or `Warning 2 of 2 VMs processed` where both stand in one cell.
fn verdict(cell: &str) -> Option<Outcome> {
    let counted =
        |it: &(&str, &str)| PATTERNS.processed.find(it.1).is_some_and(|it| it.start() == 0);
    let of_first = || cell.split_once(' ').filter(counted).and_then(|it| state(it.0));
    state(cell).or_else(of_first)
}

fn first(folded: &str) -> &str {
    folded.split('\t').next().unwrap_or("").trim()
}

/// The name in the head, without what the product writes behind it.
fn named((shown, folded): (&str, &str)) -> Option<String> {
    let found = PATTERNS.head.captures(folded)?.get(1)?;
    let name = part(shown, folded, found);
    let cut = [" created by ", " veeam agent for "]
        .iter()
        .filter_map(|it| found.as_str().find(it))
        .min()
        .map(|it| found.as_str()[..it].chars().count());
    let name: String = name.chars().take(cut.unwrap_or(usize::MAX)).collect();
    let folded = name.to_lowercase();
    let retry = PATTERNS.retry.find(&folded).map(|it| it.as_str().chars().count());
    let long = name.chars().count() - retry.unwrap_or(0).min(name.chars().count());
    Some(name.chars().take(long).collect::<String>().trim().to_owned())
}

/// The line above the rows.
fn is_of_table(folded: &str) -> bool {
    let mut cells = folded.split('\t').map(str::trim);
    cells.next() == Some("name") && cells.next() == Some("status")
}

/// The rows below the line that begins with `Name`, `Status`.
fn rows(letter: &Letter) -> Vec<Row> {
    let lines = letter.body.lines().skip_while(|it| !is_of_table(it.1)).skip(1);
    let mut rows: Vec<Row> = Vec::new();
    for line in lines.take_while(|it| !it.1.starts_with("veeam ")).filter(|it| !it.1.is_empty()) {
        let cells = cells(line);
        let outcome = cells.get(1).and_then(|it| state(it.1));
        if let Some(outcome) = outcome.filter(|_| !cells[0].0.is_empty()) {
            if rows.len() >= OBJECTS_MAX {
                break;
            }
            // Seven figures lie between the status and the details.
            let details = if cells.len() > 8 { cells[cells.len() - 1].0 } else { "" };
            let details = details.to_owned();
            rows.push(Row { name: Arc::from(cells[0].0), outcome, details });
        } else if let Some(last) = rows.last_mut().filter(|it| it.details.is_empty()) {
            // Details of several lines.
            last.details = line.0.to_owned();
        }
    }
    rows
}

/// What a reason is about: the repository, if it names one, else the machine.
fn object(reason: &str, machine: &str) -> String {
    let found = PATTERNS.repository.captures(reason);
    let named = found.and_then(|it| it.iter().skip(1).flatten().next().map(|it| it.as_str()));
    named.map_or(machine, |it| it.trim_end_matches('.')).to_owned()
}

/// The worst row's details and machine; else what the job itself has to say, at the end of the row
/// of counts.
fn reason(letter: &Letter, rows: &[Row]) -> (String, String) {
    let bad = |outcome| rows.iter().find(|it| it.outcome == outcome && !it.details.is_empty());
    if let Some(row) = bad(Outcome::Failed).or_else(|| bad(Outcome::Warning)) {
        return (row.details.clone(), row.name.to_string());
    }
    let of_job = letter.body.lines().find_map(|line| {
        let cells = cells(line);
        (cells.len() > 8 && cells[0].1 == "success" && cells[2].1 == "start time")
            .then(|| cells[8].0.to_owned())
    });
    (of_job.unwrap_or_default(), String::new())
}

fn text(letter: &Letter, outcome: Option<Outcome>, reason: &str, object: &str) -> Arc<str> {
    let subject = letter.subject.shown().trim();
    match (outcome, reason, object) {
        (Some(Outcome::Ok) | None, ..) | (_, "", _) => Arc::from(subject),
        (_, _, "") => Arc::from(format!("{subject}: {reason}")),
        _ => Arc::from(format!("{subject}: {object}: {reason}")),
    }
}
