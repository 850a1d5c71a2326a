//! Figures and dates of reports.
#![no_main]

fuzz::target!(inlet::corpus::words, inlet::corpus::seeds, "words");
