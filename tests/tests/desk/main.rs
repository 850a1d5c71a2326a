//! From a belief to a person: problems, proposals, calls and alerts of the real binary, with a real
//! receiver at the other end.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod alive;
mod changed;
mod estate;
mod faults;
mod held;
mod oncall;
mod outage;
mod story;
mod two;
mod uplink;
