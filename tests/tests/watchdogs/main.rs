//! Reports that come from real programs by every way in: swaks, postfix, dovecot, curl, a folder,
//! the command line. Each is in its slot, once, whatever dies in between.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod books;
#[path = "../storm/chance.rs"]
mod chance;
mod estate;
mod folder;
mod kills;
mod mailbox;
mod mails;
mod pings;
mod queue;
mod senders;
mod trust;
mod verbs;
