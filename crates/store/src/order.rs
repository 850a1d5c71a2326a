//! What the writer is told.

use crossbeam_channel::Sender;
use model::{Belief, CheckResult, CheckableId, Moment, Transition};

/// One order to the writer.
#[derive(Clone, Debug)]
pub enum Order {
    /// These ids stand for these names from now on. Must come before the first [`Batch`] that
    /// speaks of them; a name that is known already is not an error.
    Names(Vec<(CheckableId, String)>),
    /// What one turn of a shard produced.
    Batch(Batch),
    /// Nothing is believed any longer about the checkables of these names; their history stays.
    Forget(Vec<String>),
    /// Answers once everything that was sent before it is on the disk.
    Flush(Sender<()>),
    /// Keeps everything that was sent before it, marks a clean stop and ends.
    Close,
}

/// Everything that one turn of a shard produced. Kept whole or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Which shard.
    pub shard: u32,
    /// The highest sequence number that the shard has given out so far.
    pub position_last: u64,
    /// What is believed now, of those whose belief changed. The last one of an id counts.
    pub beliefs: Vec<(CheckableId, Belief)>,
    /// What changed, each with its sequence number in this life of the shard.
    pub transitions: Vec<(u64, Transition)>,
    /// Every result that was judged, when recording is on; in the order of judging.
    pub results: Vec<Recorded>,
}

/// A result as it was fed to the shard, so that another engine can be fed the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The shard's `now` when it judged it.
    pub at: Moment,
    /// The result, before thresholds.
    pub result: CheckResult,
}

impl Batch {
    /// Is there nothing in it that is worth a row?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.beliefs.is_empty() && self.transitions.is_empty() && self.results.is_empty()
    }

    /// How many rows it makes.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.beliefs.len() + self.transitions.len() + self.results.len()
    }

    /// Adds a later batch of the same shard, for a sender that found the writer's queue full and
    /// goes on from memory. A belief that the later one replaces is dropped.
    pub fn absorb(&mut self, later: Self) {
        debug_assert_eq!(self.shard, later.shard, "batches of two shards are two orders");
        self.position_last = self.position_last.max(later.position_last);
        let newer: std::collections::BTreeSet<_> = later.beliefs.iter().map(|it| it.0).collect();
        self.beliefs.retain(|(id, _)| !newer.contains(id));
        self.beliefs.extend(later.beliefs);
        self.transitions.extend(later.transitions);
        self.results.extend(later.results);
    }
}

impl Order {
    /// How many rows it makes.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Names(names) => names.len(),
            Self::Batch(batch) => batch.rows(),
            Self::Forget(names) => names.len(),
            Self::Flush(_) | Self::Close => 0,
        }
    }
}
