//! Bacula and Bareos.
//!
//! The report of a job ends with the line `Termination:`; its words are the verdict, and the
//! counters of errors may make it worse, as older versions do not say `with warnings`. The subject
//! has the type, the status, the client and the level, but knows of no warnings. The sender is made
//! to be the recipient, so nothing can be told by it.
//!
//! Backups, copies, migrations, archives and consolidations are runs; restores, verifications and
//! administrative jobs are not, unless they failed.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{rank, value},
    shape::{count_of, found, pattern, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "bacula",
    title: "Bacula, Bareos",
    source: "code and default configuration of Bacula and Bareos, in English; texts are translated \
             where the server runs in another language, and then need own rules",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:bacula|bareos): ([a-z]+) (ok|ok -- with warnings|error|fatal error|canceled|incomplete|differences|warnings?) of (\S{1,128})(?: (.{1,40}))?$",
    )
});
static WAITS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:bacula|bareos): intervention needed for (\S{1,200})"));
static TERMINATION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^termination:[ \t]*(?:\*+ *)?([a-z][^*]*?)(?: *\*+)?$"));
/// What is appended to the name of a job to name its run.
static RUN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\.\d{4}-\d{2}-\d{2}_\d{2}\.\d{2}\.\d{2}_\d{2,}$"));

const ERRORS: &[&str] = &["non-fatal fd errors", "fd errors", "sd errors"];
const STATUSES: &[&str] = &["fd termination status", "sd termination status"];

fn is_own_subject(subject: &str) -> bool {
    ["bacula: ", "bareos: ", "bacula daemon message", "bareos daemon message"]
        .iter()
        .any(|it| subject.starts_with(it))
}

fn recognises(letter: &Letter) -> bool {
    let has = |label: &str| letter.body.line(|it| it.starts_with(label)).is_some();
    is_own_subject(letter.subject.folded()) || has("termination:") && has("jobid:") && has("job:")
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let subject = letter.subject.folded().trim_end();
    if let Some(captures) = WAITS.captures(subject) {
        return waits(letter, found(&letter.subject, &captures, 1));
    }
    let is_about_daemons = subject.starts_with("bacula daemon message")
        || subject.starts_with("bareos daemon message");
    let ends: Vec<(&str, Option<Outcome>)> = whole_lines(&letter.body)
        .filter_map(|it| Some((it.0, TERMINATION.captures(it.1)?)))
        .map(|(shown, it)| (shown, termination(it[1].trim())))
        .collect();
    if is_about_daemons && ends.is_empty() {
        let text = Arc::from(letter.subject.shown().trim());
        return Says { outcome: Some(Outcome::Other), text, ..Says::default() };
    }
    let of_subject = SUBJECT.captures(subject).and_then(|it| status(&it[1], &it[2]));
    let worst = ends.iter().max_by_key(|it| it.1.map_or(u8::MAX, rank));
    let said = match worst {
        Some((_, outcome)) => *outcome,
        // Without its end, a report is never good.
        None => of_subject.filter(|it| *it != Outcome::Ok),
    };
    let outcome = said
        .map(|said| [Some(said), of_subject, counted(letter, said)])
        .and_then(|all| all.into_iter().flatten().max_by_key(|it| rank(*it)));
    let line = worst.map_or_else(|| letter.subject.shown().trim(), |it| it.0);
    report(letter, habits, outcome, line)
}

fn report(letter: &Letter, habits: &Habits, outcome: Option<Outcome>, line: &str) -> Says {
    let body = &letter.body;
    let job = value(body, &["job"]).unwrap_or_default();
    let client = value(body, &["client", "restore client", "backup client"]).unwrap_or_default();
    let client = client.trim_start_matches('"').split(['"', ' ']).next().unwrap_or("");
    let began_at = value(body, &["start time"]).and_then(|it| words::moment(it, habits));
    let bytes = value(body, &["fd bytes written"]).or_else(|| value(body, &["sd bytes written"]));
    let mut says = Says {
        outcome,
        names: Arc::from(RUN.replace(job, "")),
        text: Arc::from(line),
        began_at,
        ended_at: value(body, &["end time"]).and_then(|it| words::moment(it, habits)),
        size: bytes.and_then(count_of),
        duration: value(body, &["elapsed time"]).and_then(words::duration),
        run: value(body, &["jobid"]).map(Arc::from),
        ..Says::default()
    };
    if let Some(of) = outcome.filter(|_| !client.is_empty()) {
        says.objects.push((Arc::from(client), of));
    }
    let reason = reason(letter);
    explain(&mut says, "bacula", &reason, client);
    says
}

/// The words of the line `Termination:`, without asterisks.
fn termination(words: &str) -> Option<Outcome> {
    let (kind, rest) = words.split_once(' ')?;
    status(kind, rest)
}

fn status(kind: &str, words: &str) -> Option<Outcome> {
    let is_run = matches!(
        kind,
        "backup"
            | "copy"
            | "copying"
            | "migration"
            | "archive"
            | "consolidate"
            | "virtual"
            | "full"
    );
    Some(match words {
        "ok" if is_run => Outcome::Ok,
        "ok" if matches!(kind, "restore" | "verify" | "admin") => Outcome::Other,
        "ok -- with warnings" | "warnings" | "warning" => Outcome::Warning,
        "ok -- warning file count mismatch" | "differences" => Outcome::Warning,
        "error" | "fatal error" | "canceled" | "incomplete" | "failed" => Outcome::Failed,
        it if it.starts_with("failed -- incomplete") => Outcome::Failed,
        _ => return None,
    })
}

/// What counters and the states of the daemons add to a run that is called good.
fn counted(letter: &Letter, said: Outcome) -> Option<Outcome> {
    let errors = ERRORS.iter().filter_map(|it| value(&letter.body, &[it]).and_then(count_of));
    let other = STATUSES
        .iter()
        .filter_map(|it| value(&letter.body, &[it]))
        .any(|it| !matches!(it.to_lowercase().as_str(), "ok" | "" | "sd despooling attributes"));
    (said == Outcome::Ok && (errors.sum::<u64>() > 0 || other)).then_some(Outcome::Warning)
}

/// The first line of the log that speaks of an error.
fn reason(letter: &Letter) -> String {
    let told = ["fatal error: ", "error: ", "warning: "].iter().find_map(|mark| {
        let line = letter.body.line(|it| it.contains(mark))?;
        let at = line.1.find(mark)? + mark.len();
        Some(line.1[at..].to_owned())
    });
    told.unwrap_or_default()
}

/// The job stands still until somebody has put in a medium.
fn waits(letter: &Letter, job: &str) -> Says {
    let mut says = Says {
        outcome: Some(Outcome::Failed),
        names: Arc::from(RUN.replace(job, "").trim_end_matches('.')),
        text: Arc::from(letter.subject.shown().trim()),
        ..Says::default()
    };
    let name = Arc::clone(&says.names);
    explain(&mut says, "bacula", "intervention needed", &name);
    says
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_termination_are_the_verdict() {
        for (line, then) in [
            ("termination:            backup ok", Some(Outcome::Ok)),
            ("termination: backup ok -- with warnings", Some(Outcome::Warning)),
            ("termination: *** backup error ***", Some(Outcome::Failed)),
            ("termination: backup canceled", Some(Outcome::Failed)),
            ("termination: *** backup failed -- incomplete ***", Some(Outcome::Failed)),
            ("termination: verify differences", Some(Outcome::Warning)),
            ("termination: verify ok", Some(Outcome::Other)),
            ("termination: copying ok", Some(Outcome::Ok)),
            ("termination: inappropriate term code: q", None),
            ("termination: backup ok so far", None),
        ] {
            let found = TERMINATION.captures(line).and_then(|it| termination(it[1].trim()));
            assert_eq!(found, then, "{line}");
        }
    }
}
