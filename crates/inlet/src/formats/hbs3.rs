//! QNAP Hybrid Backup Sync 3.
//!
//! Begin and end are both told as `Info`, so the message decides: the verb before `job:` and what
//! stands behind the quoted name. That all is well is believed only where the severity says so, too.
//! The clock is that of the NAS, without a zone.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{part, value, worse},
    signature::{explain, told_by},
};
use crate::{Habits, Letter, text::fold, words};

pub(super) static FORMAT: Format = Format {
    name: "hbs3",
    title: "QNAP Hybrid Backup Sync 3",
    source: "Italian mail after a public parser, messages after public logs of the system; English \
             labels by analogy; no real message of a failure seen: any job with the severity of an \
             error has failed",
    recognises,
    read,
    ends_suffice: false,
};

const APP: &[&str] = &["nome app", "app name", "application", "applicazione"];
const MESSAGE: &[&str] = &["messaggio", "message", "content", "contenuto"];
const SEVERITY: &[&str] = &["gravità", "severity"];
const TIME: &[&str] = &["data/ora", "date/time"];

static TAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\[(?:hbs 3 )?hybrid backup sync(?: 3)?\]").expect("a pattern of ours is valid")
});
static MESSAGE_OF_JOB: LazyLock<Regex> = LazyLock::new(|| {
    // Verb and kind, the name in quotes or to the end, and what is behind it.
    Regex::new(
        r#"^(?:\[[^\]]{1,60}\][ \t]*)?([^":\[\]]{0,80}\bjob)[: \t]*(?:"(.{1,200})"(.{0,300})|:[ \t]*([^"]{1,200}))$"#,
    )
    .expect("a pattern of ours is valid")
});

fn recognises(letter: &Letter) -> bool {
    TAG.is_match(letter.subject.folded())
        || value(&letter.body, APP).is_some_and(|it| fold(it).contains("hybrid backup sync"))
            && value(&letter.body, MESSAGE).is_some()
}

/// How grave the NAS says it is.
fn severity(word: &str) -> Option<Outcome> {
    Some(match word.trim() {
        "info" | "information" | "informazioni" | "informazione" => Outcome::Ok,
        "warning" | "avviso" | "avvertenza" => Outcome::Warning,
        "error" | "errore" | "critical" | "critico" => Outcome::Failed,
        _ => return None,
    })
}

/// What the message says of a job.
struct Told {
    outcome: Option<Outcome>,
    name: String,
    rest: String,
}

fn told(message: &str) -> Option<Told> {
    let folded = fold(message);
    let found = MESSAGE_OF_JOB.captures(&folded)?;
    let name = found.get(2).or_else(|| found.get(4)).map_or("", |it| part(message, &folded, it));
    let rest = found.get(3).map_or("", |it| it.as_str()).trim_matches(['.', ' ', '!', ',']);
    let verb = found.get(1).map_or("", |it| it.as_str()).trim();
    let outcome = if verb.starts_with("started ") {
        rest.is_empty().then_some(Outcome::Started)
    } else if verb.starts_with("finished ") || verb.starts_with("completed ") {
        finished(rest)
    } else if ["failed", "stopped", "cancel", "abort", "unable", "could not", "interrupt"]
        .iter()
        .any(|it| verb.contains(it) || rest.contains(it))
    {
        Some(Outcome::Failed)
    } else {
        None
    };
    let name = name.trim_end_matches('.').to_owned();
    Some(Told { outcome, name, rest: rest.to_owned() })
}

/// What is behind the name of a job that has finished. Nothing is good; the rest only if known.
fn finished(rest: &str) -> Option<Outcome> {
    match rest {
        "" | "successfully" => Some(Outcome::Ok),
        it if it.contains("fail") || it.contains("error") => Some(Outcome::Partial),
        it if it.contains("warning") || it.contains("skipped") => Some(Outcome::Warning),
        _ => None,
    }
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let message = value(&letter.body, MESSAGE).unwrap_or("");
    let told = told(message);
    let bracket = letter.subject.folded().trim_start().strip_prefix('[');
    let bracket = bracket.and_then(|it| severity(it.split_once(']')?.0));
    let label = value(&letter.body, SEVERITY).and_then(|it| severity(&fold(it)));
    let grave = worse(bracket, label);
    let outcome = outcome(grave, told.as_ref());
    let at = value(&letter.body, TIME).and_then(|it| words::moment(it, habits));
    let is_begin = outcome == Some(Outcome::Started);
    let mut says = Says {
        outcome,
        names: Arc::from(told.as_ref().map_or("", |it| &it.name)),
        text: Arc::from(if message.is_empty() { letter.subject.shown().trim() } else { message }),
        began_at: at.filter(|_| is_begin),
        ended_at: at.filter(|_| !is_begin && outcome.is_some()),
        ..Says::default()
    };
    let reason = told.map(|it| it.rest).filter(|it| !it.is_empty());
    let reason = reason.unwrap_or_else(|| told_by(&says));
    let name = Arc::clone(&says.names);
    explain(&mut says, "hbs3", &reason, &name);
    says
}

fn outcome(grave: Option<Outcome>, told: Option<&Told>) -> Option<Outcome> {
    match (grave, told.and_then(|it| it.outcome)) {
        // An error is one, whatever it is about; a warning may be about anything.
        (Some(Outcome::Failed), Some(Outcome::Partial)) => Some(Outcome::Partial),
        (Some(Outcome::Failed), _) => Some(Outcome::Failed),
        (Some(Outcome::Warning), _) if told.is_none() => None,
        (Some(Outcome::Warning), said) => worse(Some(Outcome::Warning), said),
        (Some(_), said) => said,
        (None, said) => said.filter(|it| *it != Outcome::Ok),
    }
}
