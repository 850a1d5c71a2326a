//! The store from outside: what it remembers, what it refuses, and what it survives.

mod child;
mod outages;
mod refuses;
mod remembers;
mod sample;
