//! From an expected run to the three moments of its slot.
//!
//! Tolerances are elapsed time; only the nominal moment comes from a wall clock. Slots of one job
//! never overlap: what the tolerances say beyond that is cut.

use std::time::Duration;

use model::{Job, Moment, Nominal};

use super::usual::mad;

/// The default tolerance before the nominal moment is at most this …
const EARLY_MAX: Duration = Duration::from_secs(6 * 3600);
/// … and at most so many percent of the time since the slot before.
const EARLY_PERCENT: u32 = 25;
/// Whatever is written, the tolerance before is at most so many percent of that time.
const EARLY_PERCENT_MAX: u32 = 50;
/// The default tolerance behind the nominal moment is at least this …
const GRACE_MIN: Duration = Duration::from_secs(3600);
/// … and at least so many times the usual spread of the delays.
const GRACE_SPREADS: u32 = 2;

/// When a slot opens, is due and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) open: Moment,
    pub(crate) due: Moment,
    pub(crate) close: Moment,
}

/// The bounds of the slot of `it`, which lies between `before` and `next`. `delays` are seconds, as
/// [`model::JobMemory`] has them.
pub(crate) fn bounds(
    job: &Job,
    before: Option<Nominal>,
    it: Nominal,
    next: Option<Nominal>,
    delays: &[i64],
) -> Bounds {
    let open = opens(job, before, it);
    let next_opens = next.map(|next| opens(job, Some(it), next));
    let grace = job.grace.unwrap_or_else(|| {
        let spread = Duration::from_secs(mad(delays).unwrap_or(0));
        GRACE_MIN.max(spread.saturating_mul(GRACE_SPREADS))
    });
    let due = it.until.after(grace);
    let due = next_opens.map_or(due, |it| due.min(it)).max(it.at);
    let close = job.give_up.map(|give_up| it.until.after(give_up).max(due));
    let close = match (close, next_opens) {
        (Some(close), Some(next)) => close.min(next),
        (Some(close), None) => close,
        (None, Some(next)) => next,
        (None, None) => Moment::from_nanos(u64::MAX),
    };
    Bounds { open, due, close: close.max(due) }
}

fn opens(job: &Job, before: Option<Nominal>, it: Nominal) -> Moment {
    let gap = before.map(|before| it.from.since(before.until));
    let percent = |percent: u32| gap.map(|gap| gap / 100 * percent);
    let early =
        job.early.unwrap_or_else(|| percent(EARLY_PERCENT).unwrap_or(EARLY_MAX).min(EARLY_MAX));
    let early = percent(EARLY_PERCENT_MAX).map_or(early, |most| early.min(most));
    it.from.before(early)
}
