//! Why a mailbox cannot be read, in words for people.
//!
//! What a server says is cut, made printable and never shown if our password is in it: a fault goes
//! into pages, logs and calls.

use std::{io, sync::Arc};

/// Characters of a server's words that are shown.
const SAID_CHARS_MAX: usize = 160;

/// Why a mailbox cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImapFault {
    #[error("cannot reach {host}: {error}")]
    Unreachable { host: Arc<str>, error: io::Error },
    #[error("{0}")]
    Tls(String),
    #[error("cannot read the password file {path}: {error}")]
    Password { path: Arc<str>, error: io::Error },
    #[error("the server does not let {user} in")]
    NotLetIn { user: Arc<str> },
    #[error("the server knows no way to log in by password")]
    NoWayIn,
    #[error("{what} did not answer in time")]
    Silent { what: &'static str },
    #[error("the server closed the connection{}", after(.said))]
    Closed { said: String },
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("the server talks nonsense: {0}")]
    Nonsense(&'static str),
    #[error("the server says too much: {0}")]
    TooMuch(&'static str),
    #[error("the server refuses {verb}{}", after(.said))]
    Refused { verb: &'static str, said: String },
    #[error("the folder {folder} cannot be read: {why}")]
    Folder { folder: Arc<str>, why: String },
    #[error("mails are not taken at the moment, they wait in the mailbox")]
    Later,
    #[error("how far the mailbox was read cannot be remembered: {0}")]
    Cursor(String),
}

impl ImapFault {
    /// Is it of a kind that trying again soon cannot help? Then servers lock out whoever insists.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::NotLetIn { .. } | Self::NoWayIn | Self::Password { .. })
    }
}

fn after(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// The words of a server for people, without any of `secrets`.
pub(super) fn said(words: &[u8], secrets: &[Vec<u8>]) -> String {
    let has = |secret: &Vec<u8>| words.windows(secret.len().max(1)).any(|it| it == &secret[..]);
    if secrets.iter().any(has) {
        return "(words that hold our password)".to_owned();
    }
    let printable = |it: char| if it.is_control() { '?' } else { it };
    String::from_utf8_lossy(words).trim().chars().take(SAID_CHARS_MAX).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_printable_and_without_the_password() {
        let secrets = [b"geheim".to_vec(), Vec::new()];
        assert_eq!(said(b" [ALERT] go\x1b[2J away\r", &secrets), "[ALERT] go?[2J away");
        assert_eq!(said(&[b'x'; 1000], &secrets).len(), SAID_CHARS_MAX);
        assert!(!said(b"bad password geheim", &secrets).contains("geheim"));
        assert_eq!(said(b"", &secrets), "");
        let fault = ImapFault::Refused { verb: "EXAMINE", said: String::new() };
        assert_eq!(fault.to_string(), "the server refuses EXAMINE");
    }
}
