//! borgmatic, by the mail of cron or of a container's wrapper.
//!
//! It ends its output with `summary:` and a line for every configuration file; these are the
//! verdict. Good news needs the subject of such a mail and a summary in which all went well; an
//! error or a warning of borg before it makes it worse.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{part, weighed, worse},
    shape::{cron, pattern, runs, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "borgmatic",
    title: "borgmatic (cron)",
    source: "output in public issues and documentation; it has no mail of its own, so cron's and \
             that of a public container are read; with --verbosity below 1 a good run says nothing",
    recognises,
    read,
    ends_suffice: false,
};

static WRAPPED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\S{0,4} ?(success|failed|warning): (borgmatic.{0,200})$"));
static CONFIGURATION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(\S{1,300}\.ya?ml): (successfully ran configuration file|error running configuration file|an error occurred|.{0,40}\berror\b.{0,200})$",
    )
});
static STATUS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^terminating with (success|warning|error) status, rc (\d{1,3})$"));
static FAILED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:critical: )?(?:\S{1,300}: error running |command '.*' returned non-zero exit status|command .* died)",
    )
});
/// `Original size` of borg's statistics.
static THIS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^this archive: +([0-9.,]+ [kmgtp]?i?b)\b"));

fn recognises(letter: &Letter) -> bool {
    let by_cron = cron(&letter.subject).is_some_and(|it| runs(it.1, "borgmatic"));
    let by_body = || {
        letter.body.line(|it| it == "summary:").is_some()
            && letter.body.line(|it| CONFIGURATION.is_match(it)).is_some()
    };
    by_cron || WRAPPED.is_match(letter.subject.folded().trim_end()) || by_body()
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let body = &letter.body;
    let cron = cron(&letter.subject);
    let wrapped = WRAPPED.captures(letter.subject.folded().trim_end());
    let of_subject = wrapped.as_ref().map(|it| match &it[1] {
        "success" => Outcome::Ok,
        "warning" => Outcome::Warning,
        _ => Outcome::Failed,
    });
    let files = configurations(letter);
    let any = |outcome| files.iter().any(|it| it.1 == outcome);
    let of_files = match (any(Outcome::Failed), any(Outcome::Ok)) {
        (true, _) => Some(Outcome::Failed),
        (false, true) => Some(Outcome::Ok),
        (false, false) => None,
    };
    let mut log = body.lines().filter(|it| FAILED.is_match(it.1) || is_status(it.1, "error"));
    let failed = log.next();
    let warned = body.line(|it| is_status(it, "warning"));
    let of_log = match (failed, warned) {
        (Some(_), _) => Some(Outcome::Failed),
        (None, Some(_)) => Some(Outcome::Warning),
        (None, None) => None,
    };
    let is_own = cron.is_some() || of_subject.is_some();
    let said = match of_files {
        Some(_) => worse(worse(of_files, of_subject), of_log),
        None => worse(of_subject.filter(|it| *it != Outcome::Ok), of_log),
    };
    let outcome = weighed(said, &files).filter(|it| is_own || *it != Outcome::Ok);
    let text = failed.or(warned).map_or_else(|| summary_line(letter), |it| it.0);
    let mut says = Says {
        outcome,
        names: Arc::from(cron.map_or("", |it| it.0)),
        text: Arc::from(text),
        began_at: body.labelled(&["time (start):"]).and_then(|it| words::moment(it, habits)),
        ended_at: body.labelled(&["time (end):"]).and_then(|it| words::moment(it, habits)),
        size: body.lines().find_map(|it| words::size(&THIS.captures(it.1)?[1])),
        duration: body.labelled(&["duration:"]).and_then(words::duration),
        objects: files,
        run: body.labelled(&["archive fingerprint:"]).map(Arc::from),
        ..Says::default()
    };
    let reason = reason(letter, text);
    let name = Arc::clone(&says.names);
    explain(&mut says, "borgmatic", &reason, &name);
    says
}

fn is_status(line: &str, word: &str) -> bool {
    STATUS.captures(line).is_some_and(|it| &it[1] == word)
}

/// The lines below the last `summary:`, of which one may have been cut off.
fn configurations(letter: &Letter) -> Vec<(Arc<str>, Outcome)> {
    let lines: Vec<(&str, &str)> = whole_lines(&letter.body).collect();
    let Some(begin) = lines.iter().rposition(|it| it.1 == "summary:") else { return Vec::new() };
    let of = lines[begin + 1..].iter().filter_map(|(shown, folded)| {
        let captures = CONFIGURATION.captures(folded)?;
        let is_well = captures[2].starts_with("successfully");
        let outcome = if is_well { Outcome::Ok } else { Outcome::Failed };
        Some((Arc::from(part(shown, folded, captures.get(1)?)), outcome))
    });
    of.collect()
}

fn summary_line(letter: &Letter) -> &str {
    let line = letter.body.line(|it| CONFIGURATION.is_match(it));
    line.map_or_else(|| letter.subject.shown().trim(), |it| it.0)
}

/// What borg itself said, if it did; else the line that tells the failure.
fn reason(letter: &Letter, text: &str) -> String {
    let marks =
        ["permission denied", "no space left", "connection ", "failed to create/acquire", "stat: "];
    let told = letter.body.line(|it| marks.iter().any(|mark| it.contains(mark)));
    told.map_or(text, |it| it.0).to_owned()
}
