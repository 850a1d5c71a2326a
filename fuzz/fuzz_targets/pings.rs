//! Paths, headers and bodies of pings.
#![no_main]

fuzz::target!(console::corpus::pings, console::corpus::seeds, "pings");
