//! The console from outside: over real connections, read as a strict reader would.

mod board;
mod door;
mod exposition;
mod fixture;
mod large;
mod page;
