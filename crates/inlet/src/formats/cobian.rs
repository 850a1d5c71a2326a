//! Cobian Backup and Cobian Reflector.
//!
//! The log is the body; its last lines have the verdict and the count of errors. Lines that begin
//! with `ERR` are errors. The parenthesis of the subject holds a date or a host, as it happens.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{part, worse},
    shape::{pattern, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter};

pub(super) static FORMAT: Format = Format {
    name: "cobian",
    title: "Cobian Backup, Cobian Reflector",
    source: "sentences of the log after public parsers, in English; subject and text can be set by \
             the user",
    recognises,
    read,
    ends_suffice: false,
};

/// What stands before a line of the log: a mark and a time.
static LOGGED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:(err)? ?\d{4}-\d{2}-\d{2} \d{2}:\d{2}(?::\d{2})? )?(.*)$"));
static DONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\** ?(?:the )?backup (?:is done|done)(?: for the task (.{1,200}?))?\. ?errors: (\d{1,9})\b",
    )
});
static TASK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"^\** ?(?:backing up|the task|task|beginning the task) "([^"]{1,200})""#)
});

fn recognises(letter: &Letter) -> bool {
    let named = |it: &str| it.contains("cobian backup") || it.contains("cobian reflector");
    named(letter.subject.folded()) || letter.body.line(named).is_some()
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let ended = whole_lines(&letter.body).count();
    let (mut outcome, mut text, mut reason) = (None, "", "");
    let mut name = String::new();
    for (at, (shown, folded)) in letter.body.lines().enumerate() {
        let Some(captures) = LOGGED.captures(folded) else { continue };
        let line = captures.get(2).map_or("", |it| it.as_str().trim());
        let told = verdict(line).filter(|it| at < ended || *it != Outcome::Ok);
        if captures.get(1).is_some_and(|it| it.as_str() == "err") {
            reason = if reason.is_empty() { line } else { reason };
            outcome = worse(outcome, Some(Outcome::Partial));
        }
        if told.is_some() {
            outcome = worse(outcome, told);
            text = shown;
        }
        if let Some(task) = TASK.captures(line).or_else(|| DONE.captures(line)) {
            let own = captures.get(2).map_or("", |it| part(shown, folded, it));
            name = task.get(1).map_or(name, |it| part(own, line, it).to_owned());
        }
    }
    let text = if text.is_empty() { letter.subject.shown().trim() } else { text };
    let mut says =
        Says { outcome, names: Arc::from(&*name), text: Arc::from(text), ..Says::default() };
    explain(&mut says, "cobian", reason, &name);
    says
}

fn verdict(line: &str) -> Option<Outcome> {
    if let Some(captures) = DONE.captures(line) {
        let is_clean = captures[2].bytes().all(|it| it == b'0');
        return Some(if is_clean { Outcome::Ok } else { Outcome::Partial });
    }
    Some(match line.trim_matches(['*', ' ']) {
        "the backup has ended without errors." | "the backup has ended without errors" => {
            Outcome::Ok
        }
        it if it.starts_with("the backup has ended. there are errors") => Outcome::Partial,
        it if it.starts_with("the backup has been aborted") => Outcome::Failed,
        _ => return None,
    })
}
