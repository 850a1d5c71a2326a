//! How things stand, in words; and texts cut to their limits.

use std::time::Duration;

use model::{Call, CallState, DismissReason, HelpLevel, Moment, Proposal, ProposalState, Wait};

/// How a proposal stands.
pub(super) fn of_proposal(it: &Proposal, now: Moment) -> String {
    match &it.state {
        ProposalState::Open if it.snoozed_until.is_some_and(|until| now < until) => {
            "open, to be shown again later".to_owned()
        }
        ProposalState::Open => format!("open, version {}", it.version),
        ProposalState::Accepted { call, by, at } => {
            format!("accepted by {by} {} as call {call}", ago(*at, now))
        }
        ProposalState::Merged { call, by, at } => {
            format!("merged into call {call} by {by} {}", ago(*at, now))
        }
        ProposalState::Dismissed { reason, by, at, .. } => {
            format!("dismissed by {by} {} ({})", ago(*at, now), of_reason(*reason))
        }
        ProposalState::Withdrawn { at } => {
            format!("withdrawn {}, its cause was gone", ago(*at, now))
        }
    }
}

/// How a call stands.
pub(super) fn of_call(it: &Call, now: Moment) -> String {
    let with = it.assignee.as_ref().map(|who| format!(", with {who}")).unwrap_or_default();
    match &it.state {
        CallState::Open => "open, with nobody".to_owned(),
        CallState::Assigned => format!("assigned{with}"),
        CallState::InProgress => format!("in progress{with}"),
        CallState::Suspended { wait, since } => {
            format!("suspended {}, waiting for {}{with}", ago(*since, now), of_wait(wait))
        }
        CallState::Closed => {
            // The last message is the one that closed it.
            let by = it.messages.last().map(|it| format!(" by {}", it.by)).unwrap_or_default();
            let at = it.closed_at.map(|at| format!(" {}", ago(at, now))).unwrap_or_default();
            format!("closed{by}{at}")
        }
    }
}

/// What a call waits for.
pub(super) fn of_wait(wait: &Wait) -> String {
    match wait {
        Wait::Process { until } if until.fine_for.is_zero() => {
            format!("a fine result of {}", until.name)
        }
        Wait::Process { until } => {
            format!("{} to be fine for {}", until.name, of_duration(until.fine_for))
        }
        Wait::Slots { job, wanted: 1, .. } => format!("the next run of {job} to go well"),
        Wait::Slots { job, wanted, .. } => format!("{wanted} runs of {job} to go well"),
        Wait::Customer { .. } => "the customer".to_owned(),
        Wait::Supplier { reference, .. } if reference.is_empty() => "a supplier".to_owned(),
        Wait::Supplier { reference, .. } => format!("a supplier ({reference})"),
    }
}

pub(super) fn of_reason(reason: DismissReason) -> &'static str {
    DismissReason::ALL.iter().find(|it| it.0 == reason).map_or("", |it| it.1)
}

/// The help that `word` names: `on site`, `on-site`, `Tele-Assistance`.
pub(super) fn help(word: &str) -> Option<HelpLevel> {
    let letters: String = word
        .chars()
        .filter(|it| it.is_ascii_alphabetic())
        .map(|it| it.to_ascii_lowercase())
        .collect();
    match letters.as_str() {
        "onsite" => Some(HelpLevel::OnSite),
        "teleassistance" => Some(HelpLevel::TeleAssistance),
        "helpdesk" => Some(HelpLevel::HelpDesk),
        _ => None,
    }
}

/// `3m ago`.
fn ago(at: Moment, now: Moment) -> String {
    format!("{} ago", of_duration(now.since(at)))
}

/// `2d 3h`, `1h 30m`, `45s`: two units are enough for people.
pub(super) fn of_duration(it: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut rest = it.as_secs();
    let mut words = Vec::new();
    for (secs, unit) in UNITS {
        if rest >= secs && words.len() < 2 {
            words.push(format!("{}{unit}", rest / secs));
            rest %= secs;
        } else if !words.is_empty() {
            break;
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

/// At most `bytes` of `text`, cut between characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The first line of `text`, at most `bytes` of it and without control characters.
pub(super) fn line(text: &str, bytes: usize) -> String {
    let first = text.lines().next().unwrap_or("");
    cut(first, bytes).chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

/// The one of `names` that `wrong` was most likely meant to be.
pub(super) fn closest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer names are not compared: the work grows with the product of the lengths.
    const COMPARED_BYTES: usize = 64;
    if wrong.len() > COMPARED_BYTES {
        return None;
    }
    names
        .filter(|it| it.len() <= COMPARED_BYTES)
        .map(|it| (distance(wrong.as_bytes(), it.as_bytes()), it))
        .filter(|(distance, it)| *distance * 2 < it.len().max(3))
        .min()
        .map(|it| it.1)
}

/// How many bytes have to be put in, taken out or changed.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_and_cuts_fall_between_characters() {
        for (secs, words) in
            [(0, "0s"), (45, "45s"), (5_400, "1h 30m"), (3_605, "1h"), (183_600, "2d 3h")]
        {
            assert_eq!(of_duration(Duration::from_secs(secs)), words);
        }
        assert_eq!((cut("aß", 2), cut("aß", 3), cut("", 5)), ("a", "aß", ""));
        assert_eq!(line("one\ttwo\nthree", 100), "one two");
    }

    #[test]
    fn a_wrong_name_finds_the_one_that_was_meant() {
        let names = ["anna", "bruno", "chloe"];
        assert_eq!(closest("ana", names.into_iter()), Some("anna"));
        assert_eq!(closest("zzzzzz", names.into_iter()), None);
        assert_eq!(closest(&"a".repeat(1_000), names.into_iter()), None);
    }

    #[test]
    fn help_is_read_however_it_is_written() {
        assert_eq!(help("On-Site"), Some(HelpLevel::OnSite));
        assert_eq!(help("tele assistance"), Some(HelpLevel::TeleAssistance));
        assert_eq!(help("help_desk"), Some(HelpLevel::HelpDesk));
        assert_eq!(help("soon"), None);
    }
}
