//! One place of a shard: a checkable with what is believed about it.

use std::sync::Arc;

use model::{Age, Belief, Cause, Check, CheckableId, Moment, RunId, StateType, Status};

/// What a shard must know about a checkable.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Is it a host?
    pub of_host: bool,
    /// For a service: its host, which lives in the same shard.
    pub host: Option<CheckableId>,
    /// For a host: does it have parents?
    pub has_parents: bool,
    /// Does it tell whether we ourselves can see out? Then it is believed while we cannot.
    pub canary: bool,
    /// How it is asked and judged; `None` for a host that is left to its services.
    pub check: Option<Arc<Check>>,
    /// A hash of whatever fixes its place in time: its name, or its host's for kinds that are
    /// asked together.
    pub phase: u64,
    /// Tells definitions apart: an answer to a question that has been rewritten is dropped.
    pub definition: u64,
}

/// A run that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Awaited {
    pub(crate) run: RunId,
    pub(crate) started_at: Moment,
    /// Asked for out of turn, so it may confirm but not hurry.
    pub(crate) on_demand: bool,
}

/// Why a run is wanted out of turn, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// In turn.
    None,
    /// The desk wants to hear the outcome.
    Asked,
}

/// A bad result of a host that would be believed, if only its parents had been looked at.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) raw: Status,
    pub(crate) cause: Option<Cause>,
}

/// One checkable of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) spec: Spec,
    pub(crate) belief: Belief,
    pub(crate) awaited: Option<Awaited>,
    /// When the run that waits for a free place was due.
    pub(crate) waiting_since: Option<Moment>,
    /// The run that waits was asked for out of turn.
    pub(crate) waits_on_demand: bool,
    pub(crate) wish: Wish,
    /// A window without checks holds it.
    pub(crate) resting: bool,
    /// The desk wants to hear of every conclusive result.
    pub(crate) watched: bool,
    /// For hosts: runs under way at it and its services.
    pub(crate) in_flight: u16,
    /// For hosts: no parents, or one of them is up.
    pub(crate) parents_up: bool,
    /// For hosts: since when the desk has been asked about the parents.
    pub(crate) question_at: Option<Moment>,
    /// For hosts: has the desk been asked since the host was last fine?
    pub(crate) has_asked_about_parents: bool,
    pub(crate) held: Option<Box<Held>>,
    /// Start of the last run that ended, whatever its outcome.
    pub(crate) last_at: Moment,
    /// Start of the last run that ended conclusively.
    pub(crate) conclusive_at: Moment,
    /// Since when this process has watched it.
    pub(crate) watched_since: Moment,
}

impl Slot {
    pub(crate) fn new(spec: Spec, belief: Belief, now: Moment) -> Self {
        Self {
            spec,
            belief,
            awaited: None,
            waiting_since: None,
            waits_on_demand: false,
            wish: Wish::None,
            resting: false,
            watched: false,
            in_flight: 0,
            parents_up: true,
            question_at: None,
            has_asked_about_parents: false,
            held: None,
            last_at: Moment::ZERO,
            conclusive_at: Moment::ZERO,
            watched_since: now,
        }
    }

    /// Is bad news being confirmed, so that the retry interval holds?
    pub(crate) fn is_retrying(&self) -> bool {
        self.belief.now.kind == StateType::Soft && !self.belief.now.status.is_fine()
    }

    /// The same, or is it known but for word about the parents?
    pub(crate) fn is_confirming(&self) -> bool {
        self.is_retrying() || self.held.is_some()
    }

    /// Fresh, stale, or not looked at yet.
    pub(crate) fn age(&self, now: Moment) -> Age {
        let Some(check) = &self.spec.check else { return Age::Fresh };
        if self.resting {
            return Age::Fresh;
        }
        let limit = check.every * Age::INTERVALS_MAX + check.timeout;
        let asked = match &check.period {
            // Nobody is late while nobody may ask: count from the opening.
            Some(period) if !period.is_open(now) => return Age::Fresh,
            Some(period) if !period.is_open(self.conclusive_at.max(self.watched_since)) => {
                now.before(limit)
            }
            _ => Moment::ZERO,
        };
        Age::of(self.conclusive_at, self.watched_since.max(asked), now, limit)
    }
}
