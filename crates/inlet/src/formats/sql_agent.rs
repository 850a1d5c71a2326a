//! SQL Server Agent: jobs of Microsoft SQL Server.
//!
//! The subject always says that the job *completed*; whether it succeeded stands in brackets before
//! it, which some send without, and in the body behind `STATUS:`.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::worse,
    shape::{found, pattern, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "sql-agent",
    title: "Microsoft SQL Server Agent",
    source: "subjects and bodies as public scripts and parsers of real mails have them, in English; \
             servers in other languages need own rules",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:\[the job (succeeded|failed|was cancelled|was canceled)\.?\] ?)?sql server job system: '(.{1,200})' completed on (\\\\\S{1,200}?)\.?$",
    )
});
/// `'Nightly' was run on 9/21/2026 at 2:00:00 AM`.
static RUN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^job run:[ \t]*'(.{1,200})' was run on (.{6,60})$"));

fn recognises(letter: &Letter) -> bool {
    letter.subject.folded().contains("sql server job system: '")
        || letter.body.line(|it| RUN.is_match(it)).is_some()
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let subject = &letter.subject;
    let captures = SUBJECT.captures(subject.folded().trim_end());
    let bracket = captures.as_ref().and_then(|it| it.get(1)).map(|it| match it.as_str() {
        "succeeded" => Outcome::Ok,
        _ => Outcome::Failed,
    });
    let status = whole_lines(&letter.body).find_map(|(_, folded)| {
        Some(match folded.strip_prefix("status:")?.trim() {
            "succeeded" => Some(Outcome::Ok),
            "failed" | "canceled" | "cancelled" => Some(Outcome::Failed),
            _ => None,
        })
    });
    // Without its subject it may be any mail that quotes one.
    let said =
        worse(bracket, status.flatten()).filter(|it| captures.is_some() || *it != Outcome::Ok);
    // A status that nobody knows speaks against good news.
    let outcome = said.filter(|it| status != Some(None) || *it != Outcome::Ok);
    let run = letter.body.lines().find_map(|it| RUN.captures(it.1));
    let name = match (&captures, &run) {
        (Some(it), _) => found(subject, it, 2).to_owned(),
        (None, Some(it)) => it[1].to_owned(),
        (None, None) => String::new(),
    };
    let began_at = run.and_then(|it| words::moment(&it[2], habits));
    let duration = letter.body.labelled(&["duration:"]).and_then(words::duration);
    let message = letter.body.labelled(&["messages:"]).unwrap_or_default();
    let mut says = Says {
        outcome,
        names: Arc::from(&*name),
        text: Arc::from(if message.is_empty() { subject.shown().trim() } else { message }),
        began_at,
        ended_at: began_at.zip(duration).map(|it| it.0.after(it.1)),
        duration,
        ..Says::default()
    };
    let reason = if message.is_empty() { String::new() } else { reason(message, &name) };
    explain(&mut says, "sql-agent", &reason, &name);
    says
}

/// What the message tells without the name of the job, and without what every message has.
fn reason(message: &str, name: &str) -> String {
    let sentences = message.replace(name, "");
    let told: Vec<&str> = sentences
        .split(". ")
        .map(str::trim)
        .filter(|it| !it.starts_with("The job failed") && !it.starts_with("The Job was invoked"))
        .collect();
    told.join(". ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_come_with_and_without_bracket_and_with_quotes_in_names() {
        for (subject, name) in [
            (
                "[the job succeeded.] sql server job system: 'it's on' completed on \\\\srv\\erp.",
                "it's on",
            ),
            ("[the job failed] sql server job system: 'a' completed on \\\\srv.", "a"),
            ("sql server job system: 'a' completed on \\\\srv", "a"),
        ] {
            let captures = SUBJECT.captures(subject).unwrap();
            assert_eq!(&captures[2], name);
        }
        assert!(
            !SUBJECT.is_match("[the job went] sql server job system: 'a' completed on \\\\srv")
        );
    }
}
