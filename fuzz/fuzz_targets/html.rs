//! Pages to text.
#![no_main]

fuzz::target!(inlet::corpus::html, inlet::corpus::seeds, "html");
