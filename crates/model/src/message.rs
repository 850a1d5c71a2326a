//! What shards and desk say to each other.
//!
//! Plain values that could travel over a wire: later they do. Every message of a shard carries its
//! [`Position`], so that a desk which has seen it can say so and drop a repeat.

use crate::{CheckableId, Look, Moment, Transition};

/// Where a message stands in its sender's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Which life of the sender: grows by one at each start.
    pub boot: u64,
    /// Counts from 1 within that life, without gaps.
    pub seq: u64,
}

/// From a shard to the desk.
#[derive(Clone, Debug, PartialEq)]
pub enum FromShard {
    /// A belief changed.
    Changed(Transition),
    /// A host with parents gave its first bad answer: are its parents up? The shard holds the
    /// host's hard verdict until [`ToShard::Parents`] comes, but never for long.
    AreParentsUp {
        /// The host that failed.
        host: CheckableId,
        /// When it failed; the answer must be newer.
        at: Moment,
    },
    /// A look that [`ToShard::CheckNow`] asked for has ended.
    Looked {
        /// At what.
        checkable: CheckableId,
        /// When the look began.
        at: Moment,
        /// Is it fine, as far as is believed now, soft news included?
        up: bool,
    },
    /// A conclusive result of one that [`ToShard::Watch`] asks to hear of, whether it changed
    /// anything or not.
    Seen {
        /// Of whom.
        checkable: CheckableId,
        /// When it came.
        at: Moment,
        /// What is believed since, soft news included.
        now: Look,
    },
}

/// From the desk to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToShard {
    /// How the parents of a host are.
    Parents {
        /// The host.
        host: CheckableId,
        /// Is at least one of them up?
        any_up: bool,
        /// Does it answer [`FromShard::AreParentsUp`], rather than report a change?
        answer: bool,
    },
    /// A window without checks holds it: do not look, or look again.
    Rest {
        /// Whom.
        checkable: CheckableId,
        /// Not look?
        resting: bool,
    },
    /// We ourselves cannot see out, or can again: bad news is none meanwhile. To every shard.
    Blind {
        /// Can we not?
        blind: bool,
    },
    /// Somebody waits for what its results will be: tell of every conclusive one, or no longer.
    Watch {
        /// Whose.
        checkable: CheckableId,
        /// Tell?
        watching: bool,
    },
    /// Look at once. An attempt is counted only if the last one is a retry interval old.
    CheckNow {
        /// At what.
        checkable: CheckableId,
    },
}
