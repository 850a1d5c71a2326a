//! Seeded worlds that misbehave on purpose.
//!
//! [`run`] lives through one world: targets that fail, a network that loses, delays and doubles
//! answers, blind spells, stalls, crashes, restarts, reloads and a wall clock that jumps. It drives
//! the very [`engine::Shard`]s and [`engine::Reach`] that run in production, and after every event
//! a [`judge`] holds them against what must be. Same seed, same world, same decisions: a failing
//! seed is a bug report.
//!
//! Not a model checker: worlds are drawn, not enumerated, because the bugs that matter need hours
//! of ordinary life between two faults. What guards the simulator itself is [`Planted`]: bugs put
//! in on purpose, each of which must be found.

mod agenda;
pub mod census;
pub mod desk;
pub mod dice;
pub mod disk;
pub mod gauge;
pub mod judge;
mod lived;
pub mod planted;
pub mod process;
pub mod reference;
pub mod target;
pub mod trace;
pub mod watchdogs;
pub mod weather;
mod world;

pub use lived::Lived;
pub use planted::{Bug, Planted};
pub use world::{run, watch};
