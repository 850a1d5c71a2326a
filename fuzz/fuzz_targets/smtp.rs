//! Sessions of SMTP.
#![no_main]

fuzz::target!(inlet::corpus::smtp, inlet::corpus::seeds, "smtp");
