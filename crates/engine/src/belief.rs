//! From results to beliefs: soft and hard, attempts, flapping, down and unreachable.
//!
//! One pure function per event. `docs/states.md` is the description that this file and the
//! reference model of the tests both follow; the table of profiles there names every difference
//! that a `match` on [`Profile`] makes here.

use model::{
    Belief, Cause, Check, CheckableId, Look, Moment, Profile, StateType, Status, Transition,
};

use crate::history;

/// How the host of a service stands, for the service's own results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostView {
    /// It is up, or there is none, or nobody judges it.
    Up,
    /// Its last conclusive result was bad, be it believed or not.
    NotUp,
}

/// Whose result it is, and what surrounds it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Whose.
    pub checkable: CheckableId,
    /// By which rules.
    pub check: &'a Check,
    /// Is it a host?
    pub of_host: bool,
    /// For a service: how its host stands. For a host: [`HostView::Up`].
    pub host: HostView,
    /// For a host: it has no parents, or at least one of them is up.
    pub parents_up: bool,
}

/// What is believed before any result.
#[must_use]
pub fn initial(profile: Profile, of_host: bool, now: Moment) -> Belief {
    let status = if of_host { Status::Up } else { Status::Ok };
    Belief {
        now: Look { status, kind: StateType::Hard, attempt: 1 },
        known: false,
        hard_status: status,
        flapping: false,
        history: history::empty(profile),
        since: now,
        hard_since: now,
        attempt_at: Moment::ZERO,
        host_was_down: false,
        thresholds: Vec::new(),
        cause: None,
    }
}

/// Percent of state change, in hundredths, that follows from the kept history.
#[must_use]
pub fn centipercent(belief: &Belief, profile: Profile) -> u16 {
    history::centipercent(history::of_profile(belief.history, profile), profile)
}

/// Takes in one conclusive result: `raw` is one of the four service statuses, for hosts too.
/// Returns what changed, if status, type, attempt or flapping did.
pub fn observe(
    belief: &mut Belief,
    subject: &Subject<'_>,
    now: Moment,
    raw: Status,
    cause: Option<Cause>,
) -> Option<Transition> {
    debug_assert!(!raw.is_of_host(), "a look speaks in service statuses");
    let before = (belief.now, belief.flapping);
    let seen = meaning(subject, raw);
    let look = next_look(belief, subject, seen, now);
    become_look(belief, look, now);
    belief.known = true;
    settle_cause(belief, before.0, cause);
    record(belief, subject, seen, raw);
    transition(belief, subject, before, now)
}

/// Takes in that the parents of a host have come or gone: a bad host is down or unreachable.
pub fn parents_changed(
    belief: &mut Belief,
    subject: &Subject<'_>,
    now: Moment,
) -> Option<Transition> {
    let before = (belief.now, belief.flapping);
    if belief.now.status.is_fine() {
        return None;
    }
    let status = meaning(subject, Status::Critical);
    become_look(belief, Look { status, ..belief.now }, now);
    transition(belief, subject, before, now)
}

/// What a look's status means for this checkable.
fn meaning(subject: &Subject<'_>, raw: Status) -> Status {
    match raw {
        _ if !subject.of_host => raw,
        Status::Ok | Status::Warning => Status::Up,
        _ if subject.parents_up => Status::Down,
        _ => Status::Unreachable,
    }
}

/// Soft, hard and attempt after a result that means `seen`.
fn next_look(belief: &mut Belief, subject: &Subject<'_>, seen: Status, now: Moment) -> Look {
    let (was, check) = (belief.now, subject.check);
    let max = check.attempts_max.max(1);
    let waits = check.profile == Profile::Campanile && subject.host == HostView::NotUp;
    let afresh = std::mem::replace(&mut belief.host_was_down, waits && !seen.is_fine());
    if seen.is_fine() {
        let soft = check.profile == Profile::Nagios
            && subject.of_host
            && !was.status.is_fine()
            && was.kind == StateType::Soft;
        let kind = if soft { StateType::Soft } else { StateType::Hard };
        return Look { status: seen, kind, attempt: 1 };
    }
    let attempt = match (was.status.is_fine(), was.kind) {
        (false, StateType::Hard) if waits => return was,
        (false, StateType::Hard) => return Look { status: seen, ..was },
        (true, _) if waits => 1,
        (false, StateType::Soft) if waits => return Look { status: seen, ..was },
        (true, _) => 1,
        (false, StateType::Soft) if afresh => 1,
        (false, StateType::Soft) => was.attempt.saturating_add(1),
    };
    belief.attempt_at = now;
    if waits || attempt < max {
        return Look { status: seen, kind: StateType::Soft, attempt: attempt.min(max) };
    }
    let attempt = if check.profile == Profile::Icinga { 1 } else { max };
    Look { status: seen, kind: StateType::Hard, attempt }
}

fn become_look(belief: &mut Belief, look: Look, now: Moment) {
    let was = std::mem::replace(&mut belief.now, look);
    if was.status != look.status {
        belief.since = now;
    }
    if look.kind == StateType::Hard {
        if was.kind == StateType::Soft && belief.hard_status != look.status
            || was.kind == StateType::Hard && was.status != look.status
        {
            belief.hard_since = now;
        }
        belief.hard_status = look.status;
    }
}

/// The cause belongs to the status: kept while that stays, so that a value which wanders while
/// the status does not is no change to store.
fn settle_cause(belief: &mut Belief, before: Look, cause: Option<Cause>) {
    if belief.now.status.is_fine() {
        belief.cause = None;
    } else if let Some(cause) = cause {
        let same = belief.cause.as_ref().is_some_and(|it| it.code == cause.code);
        if !same || before != belief.now {
            belief.cause = Some(cause);
        }
    }
}

/// Puts the result into the history and judges flapping, where the profile and the settings of
/// the checkable let it count.
fn record(belief: &mut Belief, subject: &Subject<'_>, seen: Status, raw: Status) {
    let (profile, flapping) = (subject.check.profile, subject.check.flapping);
    let kept = history::of_profile(belief.history, profile);
    let soft_problem = belief.now.kind == StateType::Soft && !belief.now.status.is_fine();
    if profile == Profile::Nagios && !subject.of_host && soft_problem {
        belief.history = kept;
        return;
    }
    let ignored = flapping.ignored & (1 << seen.number()) != 0;
    belief.history = if ignored {
        history::push_ignored(kept, profile)
    } else {
        history::push(kept, profile, seen, raw)
    };
    if ignored && profile != Profile::Icinga {
        return;
    }
    let percent = history::centipercent(belief.history, profile);
    let (high, low) = (flapping.high_centipercent, flapping.low_centipercent);
    belief.flapping = flapping.judged
        && match (profile, belief.flapping) {
            (Profile::Icinga, false) => percent > high,
            (Profile::Icinga, true) => percent > low,
            (_, false) => percent >= high,
            (_, true) => percent > low,
        };
}

fn transition(
    belief: &Belief,
    subject: &Subject<'_>,
    (from, was_flapping): (Look, bool),
    now: Moment,
) -> Option<Transition> {
    if from == belief.now && was_flapping == belief.flapping {
        return None;
    }
    Some(Transition {
        checkable: subject.checkable,
        at: now,
        from,
        to: belief.now,
        was_flapping,
        flapping: belief.flapping,
        centipercent: centipercent(belief, subject.check.profile),
        cause: belief.cause.clone(),
        measures: Vec::new(),
    })
}

#[cfg(test)]
#[path = "belief_tests.rs"]
mod tests;
