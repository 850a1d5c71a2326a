//! Drives: threads, runtimes, wiring, signals, reload.
//!
//! The only crate beside the simulator that knows the engine. It owns every clock, thread and
//! channel; it decides nothing. Start with [`run`](run()), then `shard.rs`.

mod access;
mod attempt;
mod backlog;
mod build;
mod clock;
mod courier;
mod descriptors;
mod desk;
mod first_token;
mod follower;
mod house;
mod intakes;
mod ledger;
mod log;
mod looks;
mod parts;
mod readings;
mod refresher;
mod register;
mod replay;
mod routing;
mod run;
mod schedules;
mod shard;
mod watching;

pub use attempt::{Attempt, try_once};
pub use config::{Explanation, Loaded, RoutingTest, Unknown, explain, tests};
pub use log::Log;
pub use model::Plan;
pub use replay::{Refused, replay};
pub use routing::{Routed, routing_tests};
pub use run::{RunError, load, run};
