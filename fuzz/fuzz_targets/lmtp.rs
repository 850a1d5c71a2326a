//! Sessions of LMTP.
#![no_main]

fuzz::target!(inlet::corpus::lmtp, inlet::corpus::seeds, "lmtp");
