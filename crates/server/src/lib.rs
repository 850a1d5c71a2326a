//! Drives: threads, runtimes, wiring, signals, reload.
//!
//! The only crate beside the simulator that knows the engine. It owns every clock, thread and
//! channel; it decides nothing. Start with [`run`](run()), then `shard.rs`.

mod attempt;
mod build;
mod clock;
mod descriptors;
mod desk;
mod follower;
mod looks;
mod outbox;
mod parts;
mod readings;
mod register;
mod replay;
mod run;
mod shard;

pub use attempt::{Attempt, try_once};
pub use config::{Explanation, Loaded, Unknown, explain};
pub use model::Plan;
pub use replay::{Refused, replay};
pub use run::{RunError, load, run};
