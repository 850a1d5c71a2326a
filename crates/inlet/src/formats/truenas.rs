//! TrueNAS and FreeNAS: alerts.
//!
//! A mail lists what is new, what is over, and all that stands. Only what is new tells of a run;
//! what stands is of before. But good news about one task is in part only while another one stands
//! as failed. Alerts about anything else than replication, cloud sync, rsync and snapshots are not
//! about runs. Its queue gives a mail up after three tries, so a lost mail is nothing unusual.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{part, weighed, worse},
    shape::{pattern, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter};

pub(super) static FORMAT: Format = Format {
    name: "truenas",
    title: "TrueNAS (alerts)",
    source: "code of its middleware: the layout of the mail and the texts of alerts; the current \
             shape of the subject is not sure, so it is not looked at",
    recognises,
    read,
    ends_suffice: false,
};

static HEAD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:true|free)nas(?: [a-z]{2,12})? @ (\S{1,200})$"));
static TASK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^(?:\S{1,60} - )?((?:replication|cloud sync task|cloud_?sync|rsync task|snapshot task(?: for dataset)?|cloud backup task|periodic snapshot task) "?(.{1,200}?)"?) (succeeded|finished successfully|failed|has failed|was aborted|cancelled)\b[.:]?(.*)$"#,
    )
});

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    New,
    Cleared,
    Current,
}

struct Task<'a> {
    section: Section,
    name: &'a str,
    outcome: Outcome,
    line: &'a str,
    reason: String,
}

fn recognises(letter: &Letter) -> bool {
    letter.body.lines().take(5).any(|it| HEAD.is_match(it.1))
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let tasks = tasks(letter);
    let new = || tasks.iter().filter(|it| it.section == Section::New);
    let said = new().map(|it| Some(it.outcome)).fold(None, worse);
    let stands =
        tasks.iter().any(|it| it.section == Section::Current && it.outcome == Outcome::Failed);
    let objects: Vec<(Arc<str>, Outcome)> =
        new().map(|it| (Arc::from(it.name), it.outcome)).collect();
    let outcome = match said {
        Some(Outcome::Ok) if stands => Some(Outcome::Partial),
        Some(_) => weighed(said, &objects),
        // An alert that nobody takes for one of a task is not about a run, if the mail is whole.
        None if whole_lines(&letter.body).any(|it| section(it.1).is_some()) => Some(Outcome::Other),
        None if letter.body.line(|it| it == "this is a test alert").is_some() => {
            Some(Outcome::Other)
        }
        None => None,
    };
    let worst = new().find(|it| Some(it.outcome) == said);
    let host = letter
        .body
        .lines()
        .find_map(|(shown, folded)| Some(part(shown, folded, HEAD.captures(folded)?.get(1)?)));
    let mut says = Says {
        outcome,
        names: Arc::from(host.unwrap_or_default()),
        text: Arc::from(worst.map_or_else(|| first(letter), |it| it.line)),
        objects,
        ..Says::default()
    };
    let bad = worst.filter(|it| it.outcome != Outcome::Ok);
    let (reason, name) = bad.map_or((String::new(), ""), |it| (it.reason.clone(), it.name));
    explain(&mut says, "truenas", &reason, name);
    says
}

fn section(line: &str) -> Option<Section> {
    Some(match line {
        "new alert:" | "new alerts:" => Section::New,
        "the following alert has been cleared:"
        | "the following alerts have been cleared:"
        | "these alerts have been cleared:" => Section::Cleared,
        "current alerts:" | "current alert:" => Section::Current,
        _ => return None,
    })
}

fn tasks(letter: &Letter) -> Vec<Task<'_>> {
    let mut now = Section::None;
    let ended = whole_lines(&letter.body).count();
    let mut all = Vec::new();
    for (at, (shown, folded)) in letter.body.lines().enumerate() {
        if let Some(begun) = section(folded) {
            now = begun;
            continue;
        }
        let bullet = |it: char| matches!(it, '*' | '-' | '\u{2022}' | ' ');
        let (shown, folded) = (shown.trim_start_matches(bullet), folded.trim_start_matches(bullet));
        let Some(captures) = TASK.captures(folded) else { continue };
        let outcome = match &captures[3] {
            "succeeded" | "finished successfully" => Outcome::Ok,
            _ => Outcome::Failed,
        };
        let Some(name) = captures.get(1) else { continue };
        if at < ended || outcome != Outcome::Ok {
            let name = part(shown, folded, name);
            let reason = captures[4].trim().to_owned();
            all.push(Task { section: now, name, outcome, line: shown, reason });
        }
    }
    all
}

/// The first alert, whatever it is about.
fn first(letter: &Letter) -> &str {
    let mut lines = letter.body.lines().skip_while(|it| section(it.1).is_none());
    let line = lines.find(|it| !it.1.is_empty() && section(it.1).is_none());
    line.map_or_else(|| letter.subject.shown().trim(), |it| it.0)
}

#[cfg(test)]
mod tests {
    use model::DateOrder;

    use super::*;
    use crate::Text;

    fn says(body: &str) -> Says {
        let letter = Letter { body: Text::new(body), ..Letter::default() };
        assert!(recognises(&letter));
        let habits = Habits {
            zone: "UTC".to_owned(),
            dates: DateOrder::DayFirst,
            now: model::Moment::from_secs(1_790_000_000),
        };
        read(&letter, &habits)
    }

    #[test]
    fn good_news_is_in_part_while_another_task_stands_as_failed() {
        let new = "TrueNAS SCALE @ nas1\n\nNew alerts:\n* Replication \"a\" succeeded.\n";
        assert_eq!(says(new).outcome, Some(Outcome::Ok));
        let stands = format!("{new}\nCurrent alerts:\n* Replication \"b\" failed: x.\n");
        assert_eq!(says(&stands).outcome, Some(Outcome::Partial));
    }

    #[test]
    fn what_stands_or_is_over_tells_of_no_run() {
        let stands = "TrueNAS @ nas1\n\nCurrent alerts:\n* Replication \"b\" failed: x.\n";
        assert_eq!(says(stands).outcome, Some(Outcome::Other));
        assert_eq!(says("TrueNAS @ nas1\n\nReplication \"b\" succeeded.\n").outcome, None);
    }
}
