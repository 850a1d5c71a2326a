//! What the desk has to look at again by itself, by time.
//!
//! Nothing is ever taken out: what a timer was set for keeps the moment itself, and a timer that
//! fires at another one finds nothing to do.

use std::collections::BTreeSet;

use model::{CheckableId, Moment, NoteId, ProblemId};

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The next step, reminder, proposal or call of a problem; its hold or its acknowledgement ends.
    Problem(ProblemId),
    /// The list of what a problem explains is to be written.
    Grown(ProblemId),
    /// One that may have been explained by something that has ended.
    Unsettled(CheckableId),
    /// A silence begins or ends.
    Silence(NoteId),
    /// A window begins or ends, or the customer is to be reminded of it.
    Windows,
    /// The next sign of life is due.
    Heartbeat,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Moment, Timer)>);

impl Timers {
    pub(crate) fn set(&mut self, at: Moment, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(crate) fn next(&self) -> Option<Moment> {
        self.0.first().map(|it| it.0)
    }

    /// The next one that is due, if one is.
    pub(crate) fn pop(&mut self, now: Moment) -> Option<(Moment, Timer)> {
        if self.0.first()?.0 > now { None } else { self.0.pop_first() }
    }
}
