//! What the mail servers count, for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What was refused, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A connection: there are too many.
    Connections,
    /// A connection: this peer has too many.
    PeerConnections,
    /// A mail: this peer has sent too many in a minute.
    PeerRate,
    /// A recipient: this customer got too many mails in a minute.
    CustomerRate,
    /// A mail: the taker has no room.
    Room,
    /// A mail: there was no memory for it in time.
    Memory,
    /// A mail that is too large.
    Size,
    /// A line that is too long.
    Line,
    /// CR or LF alone.
    BareLine,
    /// A byte of zero.
    Nul,
    /// Something that came before our answer.
    Early,
    /// A recipient that is nobody.
    Nobody,
    /// A recipient that the taker could not say anything about.
    Unsure,
    /// A recipient too many.
    Recipients,
    /// A mail before STARTTLS.
    Plain,
    /// A handshake that failed.
    Handshake,
    /// A command that is wrong or not done here.
    Command,
    /// A connection with too many errors, commands or mails.
    Session,
    /// A connection on which nothing came in time.
    Idle,
    /// A mail that came too slowly.
    Slow,
    /// A login that was not right.
    Login,
}

impl Refusal {
    /// All of them, with their words.
    pub const ALL: [(Self, &'static str); 21] = [
        (Self::Connections, "connections"),
        (Self::PeerConnections, "peer-connections"),
        (Self::PeerRate, "peer-rate"),
        (Self::CustomerRate, "customer-rate"),
        (Self::Room, "room"),
        (Self::Memory, "memory"),
        (Self::Size, "size"),
        (Self::Line, "line"),
        (Self::BareLine, "bare-line"),
        (Self::Nul, "nul"),
        (Self::Early, "early"),
        (Self::Nobody, "nobody"),
        (Self::Unsure, "unsure"),
        (Self::Recipients, "recipients"),
        (Self::Plain, "plain"),
        (Self::Handshake, "handshake"),
        (Self::Command, "command"),
        (Self::Session, "session"),
        (Self::Idle, "idle"),
        (Self::Slow, "slow"),
        (Self::Login, "login"),
    ];
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) secured: AtomicU64,
    pub(super) taken: AtomicU64,
    pub(super) later: AtomicU64,
    pub(super) never: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) panics: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

/// One number for `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Name of its family, without `_total`.
    pub name: &'static str,
    /// What it means, without a full stop.
    pub help: &'static str,
    /// Does it only grow?
    pub is_counter: bool,
    /// A label and its value, if the family has one.
    pub label: Option<(&'static str, &'static str)>,
    /// How much.
    pub value: u64,
}

impl Counters {
    /// How often something was refused for this reason.
    #[must_use]
    pub fn refused(&self, why: Refusal) -> u64 {
        self.refused[why as usize].load(Relaxed)
    }

    /// Mails that were taken; one for several recipients of LMTP counts for each.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    pub(super) fn refuse(&self, why: Refusal) {
        self.refused[why as usize].fetch_add(1, Relaxed);
    }

    /// All of them.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let counter = |name, help, label, value: &AtomicU64| Reading {
            name,
            help,
            is_counter: true,
            label,
            value: value.load(Relaxed),
        };
        let mut all = vec![
            counter(
                "campanile_inlet_connections",
                "Connections to the mail servers that got a place",
                None,
                &self.connections,
            ),
            counter(
                "campanile_inlet_connections_secured",
                "Connections to the mail servers that went on with TLS",
                None,
                &self.secured,
            ),
            counter(
                "campanile_inlet_received_bytes",
                "Bytes of mails that the mail servers have handed on",
                None,
                &self.bytes,
            ),
            counter(
                "campanile_inlet_panics",
                "Takers and sessions of the mail servers that have panicked",
                None,
                &self.panics,
            ),
        ];
        let answers = [("taken", &self.taken), ("later", &self.later), ("never", &self.never)];
        for (answer, value) in answers {
            let help = "Answers of the mail servers to whole mails";
            all.push(counter("campanile_inlet_mails", help, Some(("answer", answer)), value));
        }
        for ((_, word), value) in Refusal::ALL.iter().zip(&self.refused) {
            let help = "What the mail servers have refused before a mail was whole, by reason";
            all.push(counter("campanile_inlet_refused", help, Some(("reason", *word)), value));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_place() {
        for ((why, word), place) in Refusal::ALL.iter().zip(0..) {
            assert_eq!(*why as usize, place, "{word}");
        }
    }
}
