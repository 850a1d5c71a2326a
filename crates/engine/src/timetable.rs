//! When a checkable has its next turn.
//!
//! Everybody has a fixed place in time, by a hash of the name: so neither a start nor a reload is a
//! burst, and a look is where it was yesterday. Only while bad news is being confirmed are looks a
//! retry interval apart, wherever the regular turn is.

use std::time::Duration;

use model::{Check, Moment};

use crate::slot::Slot;

/// The first turn of one that is new, or that is to be asked otherwise than before; `None` if it is
/// not asked.
pub(crate) fn first(slot: &Slot, now: Moment) -> Option<Moment> {
    let check = slot.spec.check.as_ref()?;
    // Neither a restart nor a reload makes attempts follow each other faster.
    let retry = again_at(slot, check, now);
    if slot.is_retrying() && retry > now {
        return Some(retry);
    }
    let every = if slot.is_confirming() { check.retry_every } else { check.every };
    Some(now.next_in_phase(every, phase(slot.spec.phase, every)))
}

/// The next turn in phase, inside the check period; `None` if there is none.
pub(crate) fn regular(slot: &Slot, now: Moment) -> Option<Moment> {
    let check = slot.spec.check.as_ref()?;
    let phase = phase(slot.spec.phase, check.every);
    let due = now.next_in_phase(check.every, phase);
    let Some(period) = check.period.as_ref().filter(|it| !it.is_open(due)) else {
        return Some(due);
    };
    let opens = period.next_open(due)?;
    let in_phase = opens.before(Duration::from_nanos(1)).next_in_phase(check.every, phase);
    // A period shorter than the interval may hold no place in phase at all.
    Some(if period.is_open(in_phase) { in_phase } else { opens })
}

/// The next look at bad news that is not believed yet, after one that began at `started_at`.
pub(crate) fn retry(slot: &Slot, now: Moment, started_at: Moment) -> Option<Moment> {
    let check = slot.spec.check.as_ref()?;
    let due = started_at.after(check.retry_every).max(now);
    if is_open(check, due) { Some(due) } else { regular(slot, due) }
}

/// When bad news that is being confirmed may be looked at again: a retry interval after the attempt
/// went up, at once if that is over; `None` if there is none or nobody may ask then.
pub(crate) fn overdue(slot: &Slot, now: Moment) -> Option<Moment> {
    let check = slot.spec.check.as_ref().filter(|_| slot.is_retrying())?;
    Some(again_at(slot, check, now)).filter(|it| is_open(check, *it))
}

fn again_at(slot: &Slot, check: &Check, now: Moment) -> Moment {
    slot.belief.attempt_at.min(now).after(check.retry_every).max(now)
}

fn is_open(check: &Check, at: Moment) -> bool {
    check.period.as_ref().is_none_or(|it| it.is_open(at))
}

/// Where in its interval a checkable has its place.
fn phase(hash: u64, every: Duration) -> Duration {
    let every = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX).max(1);
    Duration::from_nanos(hash % every)
}
