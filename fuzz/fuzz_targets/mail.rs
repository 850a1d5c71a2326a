//! Bytes of mails, up to the report.
#![no_main]

fuzz::target!(inlet::corpus::mail, inlet::corpus::seeds, "mail");
