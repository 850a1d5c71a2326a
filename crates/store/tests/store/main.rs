//! The store from outside: what it remembers, what it refuses, and what it survives.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod child;
mod desk;
mod lists;
mod objects;
mod outages;
mod refuses;
mod remembers;
mod sample;
