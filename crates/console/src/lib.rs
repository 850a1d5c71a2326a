//! Shows: `/metrics`, health, readiness, and a door for "reload".
//!
//! Shards write what they believe into a [`Board`] of atomics and count in [`Counters`]; nothing
//! here ever takes a lock that a shard could wait for on its way. A scrape reads the same atomics
//! from a thread of its own and streams them out piece by piece, so its cost is its own.
//!
//! The console writes nothing. What it can ask for, a reload or through [`api`] a command to the
//! desk, is a message to others.

pub mod api;
mod badge;
mod board;
mod body;
mod cell;
mod counters;
mod exposition;
mod names;
mod pages;
mod ping;
mod probes;
mod readings;
mod serve;
mod shared;
mod texts;
mod watchdogs;

pub use board::{Board, Entry};
pub use cell::Cell;
pub use counters::{Counters, Histogram, KindCounters, Outcome};
pub use pages::{ReloadOutcome, ReloadRequest};
pub use ping::PING_BODY_BYTES_MAX;
#[cfg(any(test, feature = "fuzz"))]
pub use ping::corpus;
pub use readings::Readings;
pub use serve::{CONNECTIONS_MAX, serve};
pub use shared::{Build, Shared};
pub use watchdogs::{WatchdogFigures, number_of};
