//! Xen Orchestra: reports of backup jobs.
//!
//! The subject has the verdict, between a mathematical minus and an emoji. The body, Markdown or what
//! has become of it, repeats it and lists the machines below headings with counts.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{weighed, worse},
    shape::{found, pattern},
    signature::explain,
};
use crate::{Habits, Letter, Text, words};

pub(super) static FORMAT: Format = Format {
    name: "xen-orchestra",
    title: "Xen Orchestra",
    source: "code of its plugin for reports, of 2017 to 2025",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\[xen orchestra\] ?\[?(success|failure|skipped|interrupted)\]?(?: -)? (?:metadata )?backup report for (.{1,200}?)(?: [^\p{L}\p{N}]{1,8})?$",
    )
});
static GLOBAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^global status: (success|failure|skipped|interrupted)\b"));
static HEADING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\d{1,6} (success|successes|failure|failures|skipped|interrupted)$")
});
const ASIDES: &[&str] = &["performance alert", "xo report", "update available"];

fn recognises(letter: &Letter) -> bool {
    letter.subject.folded().starts_with("[xen orchestra]")
        || letter.body.line(|it| GLOBAL.is_match(it.trim_start_matches(['#', ' ']))).is_some()
}

fn status(word: &str) -> Outcome {
    match word {
        "success" | "successes" => Outcome::Ok,
        // Nothing was saved, whatever the reason.
        _ => Outcome::Failed,
    }
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let subject = letter.subject.folded().trim_end();
    if ASIDES.iter().any(|it| subject.contains(it)) && !SUBJECT.is_match(subject) {
        let text = Arc::from(letter.subject.shown().trim());
        return Says { outcome: Some(Outcome::Other), text, ..Says::default() };
    }
    let body = plain(&letter.body);
    let captures = SUBJECT.captures(subject);
    let of_subject = captures.as_ref().map(|it| status(&it[1]));
    let of_body = body.lines().find_map(|it| Some(status(&GLOBAL.captures(it.1)?[1])));
    // Good news stand in the subject.
    let said = worse(of_subject, of_body)
        .filter(|it| *it != Outcome::Ok || of_subject == Some(Outcome::Ok));
    let objects = machines(&body);
    let warned = body.line(|it| it.starts_with('\u{26a0}') || it.starts_with("warning:"));
    let said = match said {
        Some(Outcome::Ok) if warned.is_some() => Some(Outcome::Warning),
        it => it,
    };
    let name = captures.as_ref().map_or("", |it| found(&letter.subject, it, 2));
    let mut says = Says {
        outcome: weighed(said, &objects),
        names: Arc::from(name),
        text: Arc::from(letter.subject.shown().trim()),
        began_at: body.labelled(&["start time:"]).and_then(|it| words::moment(it, habits)),
        ended_at: body.labelled(&["end time:"]).and_then(|it| words::moment(it, habits)),
        size: body.labelled(&["transfer size:"]).and_then(words::size),
        duration: body.labelled(&["duration:"]).and_then(words::duration),
        objects,
        run: body.labelled(&["run id:"]).map(Arc::from),
        ..Says::default()
    };
    let reason = body.labelled(&["error:"]).or_else(|| body.labelled(&["reason:"])).unwrap_or("");
    explain(&mut says, "xen-orchestra", reason, name);
    says
}

/// Without the marks of Markdown.
fn plain(body: &Text) -> Text {
    let lines = body.shown().lines().map(|it| {
        it.trim()
            .trim_start_matches(['#', '-', '*', '>', ' '])
            .replace("**", "")
            .replace("\\_", "_")
    });
    Text::new(&lines.collect::<Vec<_>>().join("\n"))
}

/// A machine is the line before its `UUID:`; how it is, the heading above says.
fn machines(body: &Text) -> Vec<(Arc<str>, Outcome)> {
    let mut now = None;
    let mut last = "";
    let mut all = Vec::new();
    for (shown, folded) in body.lines().filter(|it| !it.1.is_empty()) {
        if let Some(captures) = HEADING.captures(folded) {
            now = Some(status(&captures[1]));
        } else if folded.starts_with("uuid:") && !last.is_empty() {
            all.extend(now.map(|it| (Arc::from(last), it)));
        }
        last = shown;
    }
    all
}

#[cfg(test)]
mod tests {
    use model::DateOrder;

    use super::*;

    fn outcome(subject: &str, body: &str) -> Option<Outcome> {
        let (subject, body) = (Text::new(subject), Text::new(body));
        let habits = Habits {
            zone: "UTC".to_owned(),
            dates: DateOrder::DayFirst,
            now: model::Moment::from_secs(1_790_000_000),
        };
        read(&Letter { subject, body, ..Letter::default() }, &habits).outcome
    }

    #[test]
    fn the_body_makes_a_good_subject_worse() {
        let good = "[Xen Orchestra] success \u{2212} Backup report for Nightly \u{1f3c1}";
        assert_eq!(outcome(good, "## Global status: success\n"), Some(Outcome::Ok));
        assert_eq!(outcome(good, "## Global status: failure\n"), Some(Outcome::Failed));
        let warned = "## Global status: success\n\n- **\u{26a0}\u{fe0f} not enough disks**\n";
        assert_eq!(outcome(good, warned), Some(Outcome::Warning));
    }

    #[test]
    fn good_news_needs_the_subject() {
        assert_eq!(outcome("Fwd: report", "## Global status: success\n"), None);
        assert_eq!(outcome("Fwd: report", "## Global status: failure\n"), Some(Outcome::Failed));
    }
}
