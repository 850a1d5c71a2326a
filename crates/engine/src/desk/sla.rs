//! SLA clocks: promises that run in business hours and stand still for agreed reasons.
//!
//! A clock is the integral of "open and not paused". What has been counted is never counted again:
//! `spent` holds up to `counted_until`, and everything later follows from the calendar. So another
//! calendar, another contract or a call that begins to block changes what is to come and nothing
//! that has passed. That is also how a contract that changes is treated: the time spent so far
//! stays as it was counted, pauses included, and is held against the new allowance.
//!
//! Nothing here ticks. [`next_event`] finds in O(log n) when something is to be said, and [`wake`]
//! says it with the exact moment, however late it is called.

use std::time::Duration;

use model::{Hours, Moment, SlaClock, Span};

/// At this part of the allowed time the promise is broken, which is more than a warning.
const BREACH_PERCENT: u8 = 100;

/// Something that is to be said about a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SlaEvent {
    /// So many percent of the allowed time are spent.
    Warned(u8),
    /// All of it is.
    Breached,
}

/// A clock that runs from `from` on and allows `allowed` of open time.
pub(crate) fn start(allowed: Duration, from: Moment, hours: &Hours) -> SlaClock {
    let mut clock = SlaClock {
        allowed,
        spent: Duration::ZERO,
        counted_until: from,
        started_at: from,
        paused_since: None,
        met_at: None,
        due_at: None,
        warned: Vec::new(),
        breached_at: None,
    };
    clock.due_at = due(&clock, hours);
    clock
}

/// Open time spent until `now`.
pub(crate) fn spent(clock: &SlaClock, hours: &Hours, now: Moment) -> Duration {
    if clock.met_at.is_some() || clock.paused_since.is_some() || now <= clock.counted_until {
        return clock.spent;
    }
    clock.spent + hours.open_within(Span { from: clock.counted_until, until: now })
}

/// Counts up to `now`.
///
/// A due time that has passed without having been noticed becomes a breach at that very moment, so
/// that nothing done later can undo it.
pub(crate) fn count(clock: &mut SlaClock, hours: &Hours, now: Moment) {
    note_breach(clock, now);
    clock.spent = spent(clock, hours, now);
    if clock.met_at.is_none() {
        clock.counted_until = clock.counted_until.max(now);
    }
}

/// Stands still from `now` on; does nothing if it does already, or is met.
pub(crate) fn pause(clock: &mut SlaClock, hours: &Hours, now: Moment) {
    if clock.met_at.is_some() || clock.paused_since.is_some() {
        return;
    }
    count(clock, hours, now);
    clock.paused_since = Some(now);
    clock.due_at = None;
}

/// Runs again from `now` on.
pub(crate) fn resume(clock: &mut SlaClock, hours: &Hours, now: Moment) {
    if clock.paused_since.take().is_none() {
        return;
    }
    clock.counted_until = clock.counted_until.max(now);
    clock.due_at = due(clock, hours);
}

/// What was promised is done at `now`.
pub(crate) fn meet(clock: &mut SlaClock, hours: &Hours, now: Moment) {
    if clock.met_at.is_some() {
        return;
    }
    count(clock, hours, now);
    clock.paused_since = None;
    clock.met_at = Some(now);
    clock.due_at = None;
}

/// From `now` on `to` are its hours and `allowed` is what it allows; what has been spent stays.
pub(crate) fn switch(
    clock: &mut SlaClock,
    from: &Hours,
    to: &Hours,
    allowed: Duration,
    now: Moment,
) {
    if clock.met_at.is_some() {
        return;
    }
    count(clock, from, now);
    clock.allowed = allowed;
    clock.due_at = due(clock, to);
}

/// When something is to be said next; not later than now if it is already.
pub(crate) fn next_event(clock: &SlaClock, hours: &Hours, warn_percent: &[u8]) -> Option<Moment> {
    if clock.met_at.is_some() || clock.breached_at.is_some() {
        return None;
    }
    // While it stands still only what was reached before can be missing.
    let warning = owed_warnings(clock, warn_percent)
        .filter_map(|percent| reached_at(clock, hours, part(clock.allowed, percent)))
        .min();
    [clock.due_at, warning].into_iter().flatten().min()
}

/// Says what is to be said at `now`, each thing once.
pub(crate) fn wake(
    clock: &mut SlaClock,
    hours: &Hours,
    warn_percent: &[u8],
    now: Moment,
) -> Vec<SlaEvent> {
    let mut events = Vec::new();
    if clock.met_at.is_some() || clock.breached_at.is_some() {
        return events;
    }
    for percent in warn_percent.iter().copied() {
        let reached = reached_at(clock, hours, part(clock.allowed, percent));
        if owed_warnings(clock, &[percent]).next().is_some() && reached.is_some_and(|it| it <= now)
        {
            clock.warned.push(percent);
            events.push(SlaEvent::Warned(percent));
        }
    }
    note_breach(clock, now);
    if clock.breached_at.is_some() {
        events.push(SlaEvent::Breached);
    }
    events
}

/// Warnings that have not been given yet, in the order of the contract.
fn owed_warnings(clock: &SlaClock, warn_percent: &[u8]) -> impl Iterator<Item = u8> {
    warn_percent.iter().copied().filter(|it| *it < BREACH_PERCENT && !clock.warned.contains(it))
}

fn note_breach(clock: &mut SlaClock, now: Moment) {
    if clock.breached_at.is_none() {
        clock.breached_at = clock.due_at.filter(|it| *it <= now);
    }
}

/// When the allowed time runs out; a breach stays where it was.
fn due(clock: &SlaClock, hours: &Hours) -> Option<Moment> {
    if clock.met_at.is_some() || clock.paused_since.is_some() {
        return None;
    }
    clock.breached_at.or_else(|| reached_at(clock, hours, clock.allowed))
}

/// When so much time has been spent; at the latest moment that is counted if it already is.
fn reached_at(clock: &SlaClock, hours: &Hours, wanted: Duration) -> Option<Moment> {
    if wanted <= clock.spent {
        return Some(clock.counted_until);
    }
    if clock.paused_since.is_some() {
        return None;
    }
    hours.after(clock.counted_until, wanted - clock.spent)
}

fn part(allowed: Duration, percent: u8) -> Duration {
    let nanos = allowed.as_nanos().saturating_mul(u128::from(percent)) / 100;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[path = "sla_tests.rs"]
mod tests;
