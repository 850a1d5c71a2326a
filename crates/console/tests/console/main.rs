//! The console from outside: over real connections, read as a strict reader would.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod board;
mod door;
mod exposition;
mod fixture;
mod large;
mod page;
