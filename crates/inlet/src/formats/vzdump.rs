//! Proxmox VE, `vzdump`: the backup of virtual machines and containers.
//!
//! The subject has the verdict (`vzdump backup status (NODE): backup successful`, or `backup
//! failed` with a reason). The body begins with a table of the guests and goes on with the whole log,
//! in which a good run may well contain lines with `ERROR`: the log is never read for the verdict.

use std::sync::Arc;

use model::{Outcome, Says};

use super::Format;
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "vzdump",
    title: "Proxmox VE (vzdump)",
    source: "templates and code of Proxmox VE 7 and 8",
    recognises,
    read,
};

const SUBJECT: &str = "vzdump backup status (";

fn recognises(letter: &Letter) -> bool {
    letter.subject.folded().contains(SUBJECT)
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let subject = letter.subject.folded();
    let Some((_, rest)) = subject.split_once(SUBJECT) else { return Says::default() };
    let Some((node, verdict)) = rest.split_once("): ") else { return Says::default() };
    let outcome = match verdict.trim() {
        "backup successful" => Some(Outcome::Ok),
        it if it.starts_with("backup failed") => Some(Outcome::Failed),
        _ => None,
    };
    let guests = guests(letter);
    Says {
        outcome: worst(outcome, &guests),
        text: Arc::from(letter.subject.shown()),
        names: Arc::from(node),
        size: letter.body.labelled(&["total size"]).and_then(words::size),
        duration: letter.body.labelled(&["total running time"]).and_then(words::duration),
        objects: guests,
        ..Says::default()
    }
}

/// A run that failed as a whole, but in which some guests are well, is one in part.
fn worst(outcome: Option<Outcome>, guests: &[(Arc<str>, Outcome)]) -> Option<Outcome> {
    let well = guests.iter().any(|it| it.1 == Outcome::Ok);
    match outcome {
        Some(Outcome::Failed) if well => Some(Outcome::Partial),
        it => it,
    }
}

/// The rows of the table of guests: VMID, NAME, STATUS, and what follows.
fn guests(letter: &Letter) -> Vec<(Arc<str>, Outcome)> {
    let rows = letter.body.lines().skip_while(|it| !it.1.starts_with("vmid"));
    let rows = rows.skip(1).take_while(|it| it.1.starts_with(|it: char| it.is_ascii_digit()));
    rows.filter_map(|(shown, folded)| {
        let cells: Vec<&str> = folded.split_whitespace().collect();
        // A name may be missing, and then the status is the second cell.
        let status = cells.iter().skip(1).take(2).find_map(|it| match *it {
            "ok" => Some(Outcome::Ok),
            "err" | "error" | "failed" => Some(Outcome::Failed),
            _ => None,
        })?;
        let named: Vec<&str> = shown.split_whitespace().take(2).collect();
        let alone = matches!(cells.get(1), Some(&"ok" | &"err" | &"error" | &"failed"));
        let name = if alone { named[..1].join(" ") } else { named.join(" ") };
        Some((Arc::from(name), status))
    })
    .collect()
}
