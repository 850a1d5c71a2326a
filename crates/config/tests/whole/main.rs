//! Files in, plans and messages out. One binary, since linking costs more than running.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod catalogue;
mod duty;
mod explain;
mod folder;
mod golden;
mod hostile;
mod plan;
mod secrets;
mod watchdogs;
