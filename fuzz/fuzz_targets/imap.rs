//! Servers of mailboxes.
#![no_main]

fuzz::target!(inlet::corpus::imap, inlet::corpus::seeds, "imap");
