//! Mails with signatures, and the records that they are held against.
#![no_main]

fuzz::target!(inlet::corpus::proofs, inlet::corpus::seeds, "proofs");
