//! Veritas Backup Exec: alerts.
//!
//! The subject has the category, the server and the job. *Completed successfully. However, …* is a
//! warning. What is called information is not about a run; what asks for media stands still.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{value, worse},
    shape::{found, pattern, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter, text::fold};

pub(super) static FORMAT: Format = Format {
    name: "backup-exec",
    title: "Veritas Backup Exec",
    source: "subjects and sentences after public parsers of real mails, in English",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^backup exec alert: ([a-z -]{3,60}?)(?: \(server: "([^"]{0,200})"\))?(?: \(job: "(.{0,200})"\))?$"#,
    )
});
const STATUS: &[&str] = &["job completion status", "completed status"];

fn recognises(letter: &Letter) -> bool {
    letter.subject.folded().starts_with("backup exec alert:")
}

fn category(words: &str) -> Option<Outcome> {
    Some(match words {
        "job success" | "job completed" => Outcome::Ok,
        "job warning" | "job completed with exceptions" | "job exceptions" => Outcome::Warning,
        "job started" | "job start" => Outcome::Started,
        "job failed" | "job failure" | "job cancellation" | "job cancelled" | "job canceled" => {
            Outcome::Failed
        }
        it if it.starts_with("media") || it.starts_with("library insert") => Outcome::Failed,
        it if it.ends_with("information") => Outcome::Other,
        _ => return None,
    })
}

fn status(words: &str) -> Option<Outcome> {
    Some(match fold(words).trim_end_matches('.') {
        "successful" | "success" | "completed successfully" => Outcome::Ok,
        "successful with exceptions" | "completed with exceptions" | "exceptions" => {
            Outcome::Warning
        }
        "failed" | "canceled" | "cancelled" => Outcome::Failed,
        _ => return None,
    })
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let body = &letter.body;
    let Some(captures) = SUBJECT.captures(letter.subject.folded().trim_end()) else {
        return Says::default();
    };
    let of_subject = category(&captures[1]);
    let however = body.line(|it| it.contains("completed successfully.") && it.contains("however"));
    let of_status = value(body, STATUS).and_then(status);
    let is_whole =
        || whole_lines(body).any(|it| it.1.ends_with("completed successfully.") || is_status(it.1));
    let outcome = match of_subject {
        Some(it @ (Outcome::Other | Outcome::Started)) => Some(it),
        it => worse(worse(it, of_status), however.map(|_| Outcome::Warning)),
    };
    let outcome =
        outcome.filter(|it| *it != Outcome::Ok || of_subject == Some(Outcome::Ok) && is_whole());
    let job = found(&letter.subject, &captures, 3);
    let mut says = Says {
        outcome,
        names: Arc::from(job),
        text: Arc::from(however.map_or_else(|| letter.subject.shown().trim(), |it| it.0)),
        ..Says::default()
    };
    let reason = body.line(|it| it.contains("v-79-") || it.starts_with("error"));
    let reason = match reason {
        Some(line) => line.0.to_owned(),
        None if captures[1].starts_with("media") => "insert media".to_owned(),
        None if captures[1].starts_with("job cancel") => "canceled".to_owned(),
        None => String::new(),
    };
    explain(&mut says, "backup-exec", &reason, job);
    says
}

fn is_status(line: &str) -> bool {
    let rest = STATUS.iter().find_map(|it| line.strip_prefix(it));
    rest.and_then(|it| status(it.trim_start_matches([':', ' ', '\t']))) == Some(Outcome::Ok)
}
