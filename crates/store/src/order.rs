//! What the writer is told.

use std::collections::BTreeMap;

use crossbeam_channel::Sender;
use model::{Belief, CheckResult, CheckableId, Moment, Row, Transition};

/// One order to the writer.
#[derive(Clone, Debug)]
pub enum Order {
    /// These ids stand for these names from now on. Must come before the first [`Batch`] that
    /// speaks of them; a name that is known already is not an error.
    Names(Vec<(CheckableId, String)>),
    /// What one turn of a shard produced, and what the desk made of it.
    Batch(Batch),
    /// What the desk wants kept after an input that came from no shard: a command, a timer, the
    /// outcome of a delivery. Kept whole or not at all.
    Desk {
        /// In order; a later row replaces an earlier one with the same key.
        rows: Vec<Row>,
        /// As [`Batch::done`].
        done: Option<u64>,
    },
    /// Nothing is believed any longer about the checkables of these names; their history stays.
    Forget(Vec<String>),
    /// Deletes what was over before that moment: recorded results, transitions, events, decisions,
    /// ended problems with their alerts, proposals that came to nothing, windows, silences and
    /// overrides of the past. Calls stay. A portion only, so that nobody waits long for it.
    Prune {
        /// What ended earlier goes.
        before: Moment,
        /// At most so many rows of each table.
        rows_max: u32,
    },
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
    /// For beliefs with a memory of thresholds: which rules it belongs to. Without it the memory
    /// is kept all the same, and comes back as one of unknown rules.
    pub rules: BTreeMap<CheckableId, u64>,
    /// What changed, each with its sequence number in this life of the shard.
    pub transitions: Vec<(u64, Transition)>,
    /// Every result that was judged, when recording is on; in the order of judging.
    pub results: Vec<Recorded>,
    /// What the desk made of it, in order.
    pub desk: Vec<Row>,
    /// The number of the [`Receipt`] for it; numbers of one sender grow.
    pub done: Option<u64>,
}

/// What became of an order that asked for a receipt. Receipts come in the order of the orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// All of it is on the disk.
    Kept(u64),
    /// Nothing of it is kept, now or ever: SQLite refuses its content.
    Refused(u64),
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
    /// Is there nothing in it that is worth a row or a receipt?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows() == 0 && self.done.is_none()
    }

    /// How many rows it makes.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.beliefs.len() + self.transitions.len() + self.results.len() + self.desk.len()
    }

    /// Adds a later batch of the same shard, for a sender that found the writer's queue full and
    /// goes on from memory. A belief that the later one replaces is dropped, and its receipt
    /// stands for both.
    pub fn absorb(&mut self, later: Self) {
        debug_assert_eq!(self.shard, later.shard, "batches of two shards are two orders");
        self.position_last = self.position_last.max(later.position_last);
        let newer: std::collections::BTreeSet<_> = later.beliefs.iter().map(|it| it.0).collect();
        self.beliefs.retain(|(id, _)| !newer.contains(id));
        self.rules.retain(|id, _| !newer.contains(id));
        self.beliefs.extend(later.beliefs);
        self.rules.extend(later.rules);
        self.transitions.extend(later.transitions);
        self.results.extend(later.results);
        self.desk.extend(later.desk);
        self.done = later.done.or(self.done);
    }
}

impl Order {
    /// How many rows it makes, or unmakes at most from one table.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Names(names) => names.len(),
            Self::Batch(batch) => batch.rows(),
            Self::Desk { rows, .. } => rows.len(),
            Self::Forget(names) => names.len(),
            Self::Prune { rows_max, .. } => *rows_max as usize,
            Self::Flush(_) | Self::Close => 0,
        }
    }

    /// The number of the receipt that it asks for.
    pub(crate) fn done(&self) -> Option<u64> {
        match self {
            Self::Batch(batch) => batch.done,
            Self::Desk { done, .. } => *done,
            _ => None,
        }
    }

    /// What it is, in a few words, for the log: rows may be many, and none of the log's business.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Names(names) => format!("{} names", names.len()),
            Self::Batch(it) => format!(
                "batch of shard {} up to {}: {} beliefs, {} transitions, {} results, {} of the desk",
                it.shard,
                it.position_last,
                it.beliefs.len(),
                it.transitions.len(),
                it.results.len(),
                it.desk.len()
            ),
            Self::Desk { rows, .. } => format!("{} rows of the desk", rows.len()),
            Self::Forget(names) => format!("{} names to forget", names.len()),
            Self::Prune { before, .. } => format!("what was over before {before}"),
            Self::Flush(_) => "flush".to_owned(),
            Self::Close => "close".to_owned(),
        }
    }
}
