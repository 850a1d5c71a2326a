//! Windows Server Backup, by mails of scripts: it sends none itself.
//!
//! Three things that scripts mail are understood: properties of `Get-WBSummary` and `Get-WBJob`,
//! whose results are codes; events of the log `Microsoft-Windows-Backup`; and what `wbadmin` prints.
//! Words that a script adds, in its subject too, are never a verdict. `LastSuccessfulBackupTime`
//! stands in every summary and tells nothing of the last run.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{part, rank, value, weighed},
    shape::{pattern, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter, read::OBJECTS_MAX, words};

pub(super) static FORMAT: Format = Format {
    name: "windows-server-backup",
    title: "Windows Server Backup (scripts)",
    source: "properties as public scripts mail them, messages of events and of wbadmin by general \
             knowledge, in English; no real mail seen",
    recognises,
    read,
    ends_suffice: false,
};

static PROPERTY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^([a-z]{4,40})[ \t]*[:\t][ \t]*(.{0,500})$"));
static EVENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:event ?id|instanceid|id)[ \t]*[:\t][ \t]*(\d{1,5})$"));
static VOLUME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:the )?backup of (?:volume )?(.{1,100}?) (completed successfully|completed with warnings|failed|could not be completed|was not completed|did not complete)\.?$",
    )
});

/// What events and `wbadmin` say of the whole run.
const SENTENCES: &[(&str, Outcome)] = &[
    ("the backup operation has finished successfully", Outcome::Ok),
    ("the backup operation successfully completed", Outcome::Ok),
    ("the backup operation completed with errors", Outcome::Partial),
    ("the backup operation completed with warnings", Outcome::Warning),
    ("the backup operation stopped before completing", Outcome::Failed),
    ("error - ", Outcome::Failed),
    ("windows backup encountered an error", Outcome::Failed),
];
const HAS_FAILED: &str = "the backup operation that started at";

/// Events that tell of a run that went wrong.
const FAILED_EVENTS: &[u32] = &[
    5, 8, 9, 17, 18, 19, 20, 21, 22, 49, 50, 52, 100, 517, 518, 519, 521, 527, 528, 544, 545, 546,
    561, 564, 612,
];
const WENT_WELL: u32 = 4;
/// Volumes of one machine that are kept: one more than a report may have, so that it is said.
const VOLUMES_MAX: usize = OBJECTS_MAX + 1;

fn recognises(letter: &Letter) -> bool {
    let has = |mark: &str| letter.body.folded().contains(mark);
    let about = |mark: &str| letter.subject.folded().contains(mark) || has(mark);
    has("lastbackupresulthr")
        || has("microsoft-windows-backup") && has("backup operation")
        || about("windows server backup")
            && (has("the backup operation") || has("hresult") || has("wbadmin"))
        || has("wbadmin 1.0 - backup command-line tool")
}

struct Told {
    outcome: Outcome,
    text: String,
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let body = &letter.body;
    let mut all: Vec<Told> = Vec::new();
    let ended = whole_lines(body).count();
    let of_log = body.folded().contains("microsoft-windows-backup");
    for (at, (shown, folded)) in body.lines().enumerate() {
        // The last line may be cut off, and then says nothing good.
        let told = property(folded).or_else(|| event(of_log, folded)).or_else(|| sentence(folded));
        let told = told.filter(|it| at < ended || *it != Outcome::Ok);
        all.extend(told.map(|outcome| Told { outcome, text: shown.to_owned() }));
    }
    let objects = volumes(letter);
    let worst = all.iter().max_by_key(|it| rank(it.outcome));
    let outcome = weighed(worst.map(|it| it.outcome), &objects);
    let time = |labels: &[&str]| value(body, labels).and_then(|it| words::moment(it, habits));
    let text = worst.map_or_else(|| letter.subject.shown().trim(), |it| &it.text);
    let computer = value(body, &["machinename", "computer", "computername", "server"]);
    let mut says = Says {
        outcome,
        names: Arc::from(computer.unwrap_or_default()),
        text: Arc::from(text),
        began_at: time(&["starttime"]),
        ended_at: time(&["endtime"]).or_else(|| time(&["lastbackuptime"])),
        size: value(body, &["totalbytes", "backupsize", "bytesprocessed"]).and_then(words::size),
        objects,
        ..Says::default()
    };
    let reason = value(body, &["detailedmessage", "errordescription", "detailed error"]);
    let reason = reason.unwrap_or(text).to_owned();
    let name = Arc::clone(&says.names);
    explain(&mut says, "windows-server-backup", &reason, &name);
    says
}

/// A result that is a code: zero is well. The detailed one is of parts of a run that went well as a
/// whole.
fn property(line: &str) -> Option<Outcome> {
    let captures = PROPERTY.captures(line)?;
    let value = captures[2].trim();
    let is_zero =
        || !value.is_empty() && value.trim_start_matches("0x").bytes().all(|it| it == b'0');
    match &captures[1] {
        "lastbackupresulthr" | "hresult" => {
            Some(if is_zero() { Outcome::Ok } else { Outcome::Failed })
        }
        "lastbackupresultdetailedhr" | "detailedhresult" if is_zero() => None,
        "lastbackupresultdetailedhr" | "detailedhresult" => Some(Outcome::Warning),
        "jobstate" if matches!(value, "failed" | "aborted" | "cancelled") => Some(Outcome::Failed),
        _ => None,
    }
}

/// An event by its number, if the mail is `of_log` at all.
fn event(of_log: bool, line: &str) -> Option<Outcome> {
    let id: u32 = EVENT.captures(line)?[1].parse().ok()?;
    match id {
        _ if !of_log => None,
        WENT_WELL => Some(Outcome::Ok),
        it if FAILED_EVENTS.contains(&it) => Some(Outcome::Failed),
        _ => None,
    }
}

fn sentence(line: &str) -> Option<Outcome> {
    let line =
        line.strip_prefix("message").map_or(line, |it| it.trim_start_matches([' ', ':', '\t']));
    if line.starts_with(HAS_FAILED) && line.contains("has failed") {
        return Some(Outcome::Failed);
    }
    let known = SENTENCES.iter().find(|it| line.starts_with(it.0))?;
    let rest = line[known.0.len()..].trim_start();
    // A success is the whole sentence.
    (known.1 != Outcome::Ok || rest.is_empty() || rest.starts_with('.')).then_some(known.1)
}

/// The volumes, each once: the summary at the end names them again.
fn volumes(letter: &Letter) -> Vec<(Arc<str>, Outcome)> {
    let mut all: Vec<(Arc<str>, Outcome)> = Vec::new();
    for (shown, folded) in letter.body.lines() {
        let Some(captures) = VOLUME.captures(folded) else { continue };
        let Some(name) = captures.get(1).map(|it| part(shown, folded, it)) else { continue };
        let outcome = match &captures[2] {
            "completed successfully" => Outcome::Ok,
            "completed with warnings" => Outcome::Warning,
            _ => Outcome::Failed,
        };
        match all.iter().position(|it| &*it.0 == name) {
            Some(at) if rank(all[at].1) < rank(outcome) => all[at].1 = outcome,
            None if all.len() < VOLUMES_MAX => all.push((Arc::from(name), outcome)),
            Some(_) | None => {}
        }
    }
    all
}
