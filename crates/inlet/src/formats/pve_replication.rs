//! Proxmox VE, replication of guests between nodes.
//!
//! Only failures are told, the first ones of a row each and then ever more seldom: silence is good.
//! The mail speaks of the last *successful* sync, which is of long ago.

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
    name: "pve-replication",
    title: "Proxmox VE (replication)",
    source: "code of Proxmox VE and a public test with the text of a mail",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^replication job:? '([^']{1,100})' failed$"));
static SENTENCE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^replication job '([^']{1,100})' with target '[^']{1,100}' and schedule '[^']{0,200}' failed!?$",
    )
});

fn recognises(letter: &Letter) -> bool {
    SUBJECT.is_match(letter.subject.folded().trim())
        || letter.body.line(|it| SENTENCE.is_match(it)).is_some()
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let subject = &letter.subject;
    let sentence = letter.body.line(|it| SENTENCE.is_match(it));
    let (id, text) = match (SUBJECT.captures(subject.folded().trim_end()), sentence) {
        (Some(captures), _) => (found(subject, &captures, 1).to_owned(), subject.shown().trim()),
        (None, Some((shown, folded))) => {
            let id = SENTENCE.captures(folded).map(|it| it[1].to_owned());
            (id.unwrap_or_default(), shown)
        }
        (None, None) => return Says::default(),
    };
    let guest = id.split('-').next().unwrap_or(&id);
    let mut says = Says {
        outcome: Some(Outcome::Failed),
        names: Arc::from(&*id),
        text: Arc::from(text),
        ended_at: None,
        objects: vec![(Arc::from(guest), Outcome::Failed)],
        // Mails of one row of failures have the last good sync in common.
        run: letter
            .body
            .labelled(&["last successful sync:"])
            .and_then(|it| words::moment(it, habits))
            .map(|it| Arc::from(format!("since {}", it.as_nanos() / 1_000_000_000))),
        ..Says::default()
    };
    let reason = letter.body.labelled(&["error:"]).unwrap_or_default();
    explain(&mut says, "pve-replication", reason, &id);
    says
}
