//! Ahsay and what is sold on it (1Backup, CoreTech).
//!
//! The status stands in brackets in the subject. The product itself tells of runs that it missed and
//! of quotas that are used up.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    shape::{found, pattern},
    signature::explain,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "ahsay",
    title: "Ahsay (1Backup, CoreTech)",
    source: "subjects after a public parser of real mails, in English and Italian; of the words in \
             brackets only some are sure, all others are not understood",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:\S{1,4}: )?(?:backup report|report di backup) \[([^\]]{1,100})\] > (.{1,100}?) > (.{1,200}?)(?: > .{0,200}?)?(?:,? ?(\d{4})-(\d{2})-(\d{2})-(\d{2})-(\d{2})-(\d{2}))?$",
    )
});
static MISSED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:scheduled backup|il backup programmato), (.{1,100}?) > (.{1,200}?)(?: > .{1,200})?, (?:was missed|non è stato eseguito|è stato saltato|è mancato)\.?$",
    )
});
static QUOTA: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^account, (.{1,100}), has exceeded its backup quota"));

fn recognises(letter: &Letter) -> bool {
    let subject = letter.subject.folded().trim_end();
    SUBJECT.is_match(subject) || MISSED.is_match(subject) || QUOTA.is_match(subject)
}

fn status(words: &str) -> Option<Outcome> {
    Some(match words.trim() {
        "ok" | "completed successfully" | "success" => Outcome::Ok,
        "ok (no files backed up)" | "ok (nessun file salvato)" => Outcome::Warning,
        it if it.starts_with("ok with warning") || it.starts_with("completed with warning") => {
            Outcome::Warning
        }
        "warning" | "avviso" => Outcome::Warning,
        it if it.starts_with("completed with error") => Outcome::Failed,
        "error" | "errore" | "failed" | "fallito" | "interrupted" | "interrotto" | "missed"
        | "quota exceeded" | "not yet finished" => Outcome::Failed,
        _ => return None,
    })
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let subject = letter.subject.folded().trim_end();
    let text = letter.subject.shown().trim();
    if let Some(captures) = MISSED.captures(subject) {
        return says(Outcome::Failed, found(&letter.subject, &captures, 2), text, "was missed");
    }
    if let Some(captures) = QUOTA.captures(subject) {
        let user = found(&letter.subject, &captures, 1);
        return says(Outcome::Warning, user, text, "exceeded its backup quota");
    }
    let Some(captures) = SUBJECT.captures(subject) else { return Says::default() };
    // A mail without a body may have been cut off within its subject.
    let outcome = status(&captures[1]).filter(|it| *it != Outcome::Ok || !letter.body.is_empty());
    let name = found(&letter.subject, &captures, 3);
    let Some(outcome) = outcome else {
        return Says { names: Arc::from(name), text: Arc::from(text), ..Says::default() };
    };
    let reason = letter.body.labelled(&["error:", "errore:"]).unwrap_or(&captures[1]);
    let mut says = says(outcome, name, text, reason);
    let part = |at: usize| captures.get(at).map_or("", |it| it.as_str());
    if captures.get(4).is_some() {
        let id = (4..10).map(part).collect::<Vec<_>>();
        let at = format!("{} {}", id[..3].join("-"), id[3..].join(":"));
        says.began_at = words::moment(&at, habits);
        says.run = Some(Arc::from(id.join("-")));
    }
    says
}

fn says(outcome: Outcome, name: &str, text: &str, reason: &str) -> Says {
    let mut says = Says {
        outcome: Some(outcome),
        names: Arc::from(name),
        text: Arc::from(text),
        ..Says::default()
    };
    explain(&mut says, "ahsay", reason, name);
    says
}
