//! Decides, never does.
//!
//! A [`Shard`] owns the timetable and the beliefs of its checkables, [`Reach`] knows who is behind
//! whom, and the [`desk`] makes problems, proposals, calls and alerts of it. All are plain state machines: a driver tells them what happened and what time it is,
//! and carries out the effects that they put into its buffer. An effect cannot fail here; whatever
//! goes wrong with it comes back later as an input. No clock, no socket, no thread, no randomness:
//! so the simulator drives the very code that runs in production.

pub mod belief;
pub mod desk;
mod history;
mod judge;
mod reach;
mod shard;
mod slot;
mod timetable;
mod watchdog;
mod wheel;

pub use judge::judge;
pub use reach::Reach;
pub use shard::{Effect, Input, Limits, Shard, View};
pub use slot::Spec;
