//! What is believed about one checkable, and believed changes.
//!
//! Private to nobody: the engine alone changes a [`Belief`], the store keeps it, the console shows
//! it. Everything that decides about the next result is in here, so a restart that restores it
//! forgets nothing and believes nothing twice.

use std::time::Duration;

use crate::{Cause, CheckableId, Measure, Moment, StateType, Status};

/// Status, type and attempt: the part of a belief that people see first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    /// What is believed, or about to be.
    pub status: Status,
    /// Believed already?
    pub kind: StateType,
    /// Which bad result in a row; 1 when all is well.
    pub attempt: u8,
}

/// How far one rule's threshold has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThresholdMemory {
    /// Since when it has been crossed without a break; [`Moment::ZERO`] if it is not.
    pub since: Moment,
    /// Does it count?
    pub raised: bool,
}

/// Everything believed about one checkable.
#[derive(Clone, Debug, PartialEq)]
pub struct Belief {
    /// Status, type, attempt.
    pub now: Look,
    /// Has any conclusive result ever come? Until then the rest is only a beginning.
    pub known: bool,
    /// The last status that was hard.
    pub hard_status: Status,
    /// Does it flap?
    pub flapping: bool,
    /// The recent results as the flap ring keeps them; opaque outside the engine.
    pub history: u64,
    /// When the status last changed.
    pub since: Moment,
    /// When it last became hard or changed while hard.
    pub hard_since: Moment,
    /// When the attempt last went up, so that looks on demand do not count faster than retries.
    pub attempt_at: Moment,
    /// The host was not up when the last bad result came, so retries begin afresh.
    pub host_was_down: bool,
    /// One for each rule of the check, in its order; empty while no rule is or was crossed.
    pub thresholds: Vec<ThresholdMemory>,
    /// Why it is not well; `None` when it is.
    pub cause: Option<Cause>,
}

/// A change of a belief, for the record and for the desk.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Whose.
    pub checkable: CheckableId,
    /// When it was decided.
    pub at: Moment,
    /// What held before.
    pub from: Look,
    /// What holds now.
    pub to: Look,
    /// Did it flap before?
    pub was_flapping: bool,
    /// Does it flap now?
    pub flapping: bool,
    /// Percent of state change, in hundredths, after this result.
    pub centipercent: u16,
    /// Why.
    pub cause: Option<Cause>,
    /// What the look that made it measured; the first [`Transition::MEASURES_MAX`] of it. Empty if
    /// no look made it.
    pub measures: Vec<Measure>,
}

impl Transition {
    /// More values than these do not travel with one change.
    pub const MEASURES_MAX: usize = 16;

    /// Is it more than one further step of counting: a new hard state, or the begin or end of
    /// flapping?
    #[must_use]
    pub fn is_hard_change(&self) -> bool {
        let hard = self.to.kind == StateType::Hard
            && (self.from.kind == StateType::Soft || self.from.status != self.to.status);
        hard || self.was_flapping != self.flapping
    }
}

/// How old the last conclusive result may be before nothing may be shown as fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Never looked at, and not yet long overdue.
    Pending,
    /// The last conclusive result is recent.
    Fresh,
    /// The last conclusive result is too old to go by.
    Stale,
}

impl Age {
    /// A result is stale after this many intervals and one timeout without another.
    pub const INTERVALS_MAX: u32 = 3;

    /// Judges the last conclusive result, [`Moment::ZERO`] if none, of a check that has been
    /// watched since `watched_since`.
    #[must_use]
    pub fn of(conclusive_at: Moment, watched_since: Moment, now: Moment, limit: Duration) -> Self {
        let base = conclusive_at.max(watched_since);
        match (now.since(base) > limit, conclusive_at == Moment::ZERO) {
            (true, _) => Self::Stale,
            (false, true) => Self::Pending,
            (false, false) => Self::Fresh,
        }
    }
}
