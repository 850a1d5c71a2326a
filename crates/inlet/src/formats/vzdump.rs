//! Proxmox VE, `vzdump`: the backup of virtual machines and containers.
//!
//! The subject has the verdict (`vzdump backup status (NODE): backup successful`, or `backup
//! failed` with a reason). The body begins with a table of the guests and goes on with the whole log,
//! in which a good run may well contain lines with `ERROR`: the log is never read for the verdict.

use std::sync::Arc;

use model::{Outcome, Says};

use super::{Format, cells::weighed};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "vzdump",
    title: "Proxmox VE (vzdump)",
    source: "templates and code of Proxmox VE 7 and 8",
    recognises,
    read,
    ends_suffice: true,
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
        outcome: weighed(outcome, &guests),
        text: Arc::from(letter.subject.shown()),
        names: Arc::from(node),
        size: letter.body.labelled(&["total size"]).and_then(words::size),
        duration: letter.body.labelled(&["total running time"]).and_then(words::duration),
        objects: guests,
        ..Says::default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Text, formats::tests::habits};

    /// Found by fuzzing: the subject alone was believed.
    #[test]
    fn a_good_subject_over_a_guest_that_failed_is_no_good_news() {
        let subject = Text::new("vzdump backup status (pve1.acme.example): backup successful");
        let body = "VMID Name Status Time\n101 erp ok 1s\n102 files err 4s\n";
        let letter = Letter { subject, body: Text::new(body), ..Letter::default() };
        assert_eq!(read(&letter, &habits()).outcome, Some(Outcome::Partial));
        let fine = Letter { body: Text::new(&body.replace("err", "ok")), ..letter };
        assert_eq!(read(&fine, &habits()).outcome, Some(Outcome::Ok));
    }
}
