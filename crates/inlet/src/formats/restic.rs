//! restic and what is built on it (autorestic, resticprofile), by the mail of cron or of a script.
//!
//! A run that has saved something says `snapshot … saved`; that is good only if nothing says that a
//! file could not be read: such a run ends with exit status 3 and is one in part. `Fatal:` and any
//! other exit status than 0 and 3 are failures. Lines and JSON are understood.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use model::{Outcome, Says};
use regex::Regex;
use serde_json::Value;

use super::{
    Format,
    cells::worse,
    shape::{cron, pattern, runs, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "restic",
    title: "restic (cron, scripts)",
    source: "code of restic and its output in public issues; the mail is cron's or a script's, so \
             only the output of restic is a verdict; with --quiet a good run says nothing",
    recognises,
    read,
    ends_suffice: false,
};

const PROGRAMS: &[&str] = &["restic", "autorestic", "resticprofile", "rustic", "restic-backup"];

static SAVED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^snapshot ([0-9a-f]{8}) saved$"));
static PROCESSED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^processed (\d{1,12}) files?, ([0-9.]{1,20} (?:b|[kmgtpe]ib)) in ([0-9:]{3,12})$")
});
static EXIT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:exit(?:ed)?(?: with)?(?: exit)?(?: status| code)?|rc|returned)[ :=]{1,3}(\d{1,3})\b",
    )
});

const UNREAD: &str = "warning: at least one source file could not be read";
/// The exit status of a run that could not read some files.
const IN_PART: u64 = 3;

#[derive(Default)]
struct Told {
    outcome: Option<Outcome>,
    saved: Vec<String>,
    text: String,
    reason: String,
    size: Option<u64>,
    duration: Option<Duration>,
}

impl Told {
    fn worsens(&mut self, outcome: Outcome, text: &str) {
        let before = self.outcome;
        self.outcome = worse(self.outcome, Some(outcome));
        if before != self.outcome {
            text.clone_into(&mut self.text);
        }
    }
}

fn recognises(letter: &Letter) -> bool {
    let by_cron =
        cron(&letter.subject).is_some_and(|it| PROGRAMS.iter().any(|program| runs(it.1, program)));
    let has = |pattern: &Regex| letter.body.line(|it| pattern.is_match(it)).is_some();
    let json = |kind: &str| letter.body.folded().contains(kind);
    by_cron
        || has(&SAVED) && has(&PROCESSED)
        || json("\"message_type\":\"summary\"") && json("\"snapshot_id\"")
        || letter.body.line(|it| it == UNREAD).is_some()
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let cron = cron(&letter.subject);
    let mut told = Told::default();
    let ended = whole_lines(&letter.body).count();
    for (at, (shown, folded)) in letter.body.lines().enumerate() {
        if folded.starts_with("{\"message_type\"") {
            json(&mut told, shown);
        } else if at < ended || !SAVED.is_match(folded) {
            line(&mut told, shown, folded);
        }
    }
    // What broke off behind a snapshot that was saved has failed all the same.
    let outcome = told.outcome.filter(|it| *it != Outcome::Ok || !told.saved.is_empty());
    let mut says = Says {
        outcome,
        names: Arc::from(cron.map_or("", |it| it.0)),
        text: Arc::from(if told.text.is_empty() {
            letter.subject.shown().trim()
        } else {
            &told.text
        }),
        size: told.size,
        duration: told.duration,
        run: told.saved.first().map(|it| Arc::from(&**it)),
        ..Says::default()
    };
    let name = Arc::clone(&says.names);
    explain(&mut says, "restic", &told.reason, &name);
    says
}

fn line(told: &mut Told, shown: &str, folded: &str) {
    if let Some(captures) = SAVED.captures(folded) {
        told.saved.push(captures[1].to_owned());
        told.worsens(Outcome::Ok, shown);
    } else if let Some(captures) = PROCESSED.captures(folded) {
        told.size = words::size(&captures[2]).and_then(|it| it.checked_add(told.size.unwrap_or(0)));
        let lasted = lasted(&captures[3]);
        told.duration = lasted.map(|it| it.saturating_add(told.duration.unwrap_or_default()));
    } else if folded == UNREAD {
        told.worsens(Outcome::Partial, shown);
    } else if folded.starts_with("error: ") {
        keep(&mut told.reason, shown);
        told.worsens(Outcome::Partial, shown);
    } else if folded.starts_with("fatal: ") {
        shown.clone_into(&mut told.reason);
        told.worsens(Outcome::Failed, shown);
    } else if (folded.contains("exit") || folded.contains("restic returned"))
        && let Some(status) = EXIT.captures(folded).and_then(|it| it[1].parse().ok())
    {
        exit(told, status, shown);
    }
}

fn exit(told: &mut Told, status: u64, text: &str) {
    match status {
        0 => {}
        IN_PART => told.worsens(Outcome::Partial, text),
        _ => told.worsens(Outcome::Failed, text),
    }
}

fn keep(reason: &mut String, text: &str) {
    if reason.is_empty() {
        text.clone_into(reason);
    }
}

/// One message of `restic --json`. Broken ones say nothing good.
fn json(told: &mut Told, shown: &str) {
    let Ok(message) = serde_json::from_str::<Value>(shown) else { return };
    let text = |key: &str| message.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match text("message_type").as_str() {
        "summary" => {
            let id: String = text("snapshot_id").chars().take(8).collect();
            if id.is_empty() {
                return;
            }
            told.worsens(Outcome::Ok, &format!("snapshot {id} saved"));
            told.saved.push(id);
            told.size = message.get("total_bytes_processed").and_then(Value::as_u64);
            let seconds = message.get("total_duration").and_then(Value::as_f64);
            told.duration = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
        }
        "error" => {
            let why = message.get("error").and_then(|it| it.get("message")).and_then(Value::as_str);
            keep(&mut told.reason, why.unwrap_or_default());
            told.worsens(Outcome::Partial, why.unwrap_or("error"));
        }
        "exit_error" => {
            let status = message.get("code").and_then(Value::as_u64).unwrap_or(1);
            keep(&mut told.reason, &text("message"));
            exit(told, status, &text("message"));
        }
        _ => {}
    }
}

/// `3:21` is minutes and seconds, `1:03:21` has hours.
fn lasted(text: &str) -> Option<Duration> {
    let parts: Option<Vec<u64>> = text.split(':').map(|it| it.parse().ok()).collect();
    let seconds = match parts?.as_slice() {
        [minutes, seconds] => minutes.checked_mul(60)?.checked_add(*seconds)?,
        [hours, minutes, seconds] => {
            hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(*seconds)?
        }
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_minutes_or_of_hours() {
        for (text, seconds) in [("0:02", 2), ("3:21", 201), ("1:03:21", 3801)] {
            assert_eq!(lasted(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "12", "a:b", "99999999999999999999:1", "1:2:3:4"] {
            assert_eq!(lasted(text), None, "{text}");
        }
    }

    #[test]
    fn the_exit_status_three_is_in_part() {
        for (status, then) in [
            (0, None),
            (3, Some(Outcome::Partial)),
            (1, Some(Outcome::Failed)),
            (12, Some(Outcome::Failed)),
        ] {
            let mut told = Told::default();
            line(&mut told, "", &format!("restic exited with status {status}"));
            assert_eq!(told.outcome, then, "{status}");
        }
    }
}
