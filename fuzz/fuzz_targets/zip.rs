//! Archives.
#![no_main]

fuzz::target!(inlet::corpus::zip, inlet::corpus::seeds, "zip");
