//! Every limit of the mail servers, in one place.
//!
//! The defaults are for a provider of some hundred customers. Strangers may do little; relays, which
//! carry the mail of many, more. What is a reserve is said beside it: a limit alone does not keep a
//! flood from the others, a place that the flood cannot take does.

use std::time::Duration;

/// Bytes of one mail: 35 MiB. Large mail servers take up to that; reports have some kilobytes.
pub const MAIL_BYTES_MAX: usize = 35 << 20;
/// Bytes of a line of command with its end: what RFC 5321 says, and what `SIZE`, `BODY` and
/// `SMTPUTF8` add to it.
const COMMAND_BYTES_MAX: usize = 512 + 26 + 17 + 10;
/// Bytes of a line of text with its end. 1000 is what everybody has to take; scripts write whole
/// tables into one line, and a report is not refused for that.
const TEXT_LINE_BYTES_MAX: usize = 64 << 10;
const RECIPIENTS_MAX: usize = 50;
const CONNECTIONS_MAX: usize = 256;
/// Of all connections; the rest is kept for relays.
const STRANGERS_MAX: usize = 192;
const PEER_CONNECTIONS_MAX: usize = 8;
/// Half of all: one relay does not shut out another.
const RELAY_CONNECTIONS_MAX: usize = 128;
const COMMANDS_MAX: u32 = 10_000;
const ERRORS_MAX: u32 = 10;
const MAILS_MAX: u32 = 1_000;
/// Of a refused mail, so much is read to its end before the line is cut.
const DRAINED_BYTES_MAX: usize = 2 * MAIL_BYTES_MAX;
const FLIGHT_BYTES_MAX: usize = 128 << 20;
const FLIGHT_BIG_BYTES_MAX: usize = 96 << 20;

/// What the mail servers of an engine allow, all of them together.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one mail.
    pub mail_bytes: usize,
    /// Bytes of a line of command, with its end.
    pub command_bytes: usize,
    /// Bytes of a line of text, with its end.
    pub text_line_bytes: usize,
    /// Bytes of a refused mail that are read before the line is cut.
    pub drained_bytes: usize,
    /// Recipients of one mail.
    pub recipients: usize,
    /// Connections in all.
    pub connections: usize,
    /// Connections of peers that are no relays, together.
    pub strangers: usize,
    /// Connections of one peer.
    pub peer_connections: usize,
    /// Connections of one relay.
    pub relay_connections: usize,
    /// Commands on one connection.
    pub commands: u32,
    /// Commands on one connection that are no good.
    pub errors: u32,
    /// Mails on one connection.
    pub mails: u32,
    /// Mails of one peer in a minute, and so many at once.
    pub peer_mails_a_minute: u32,
    /// Mails of one relay in a minute, and so many at once.
    pub relay_mails_a_minute: u32,
    /// Mails for one customer in a minute, and so many at once, whoever sends them.
    pub customer_mails_a_minute: u32,
    /// Memory of mails in flight.
    pub flight: Flight,
    /// How long is waited for whom.
    pub times: Times,
}

/// How much memory mails in flight may take: from the first byte until somebody keeps them.
#[derive(Clone, Debug)]
pub struct Flight {
    /// A mail up to so many bytes is small, and has a reserve that big ones cannot take.
    pub small_bytes: usize,
    /// All of them.
    pub total: Quota,
    /// Those of one peer.
    pub peer: Quota,
    /// Those of one relay.
    pub relay: Quota,
    /// Those for one customer.
    pub customer: Quota,
    /// So long a mail that is small until then waits for memory before its sender is told to come
    /// again.
    pub wait: Duration,
}

/// Bytes of memory for somebody's mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// All of them.
    pub all: usize,
    /// The big ones of them. What is left is for the small ones.
    pub big: usize,
}

/// How long is waited.
#[derive(Clone, Debug)]
pub struct Times {
    /// For a whole command.
    pub command: Duration,
    /// For a whole command, while three of four connections are taken.
    pub command_crowded: Duration,
    /// For the handshake of TLS.
    pub handshake: Duration,
    /// Until an answer is sent.
    pub reply: Duration,
    /// In so long a text has to make progress.
    pub progress: Duration,
    /// Namely by so many bytes.
    pub progress_bytes: usize,
    /// For the whole text of a mail.
    pub text: Duration,
    /// For the taker.
    pub take: Duration,
    /// For a connection that is not within a mail.
    pub session: Duration,
    /// For what is under way when the server stops.
    pub drain: Duration,
    /// For a peer to read why it is cut off.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mail_bytes: MAIL_BYTES_MAX,
            command_bytes: COMMAND_BYTES_MAX,
            text_line_bytes: TEXT_LINE_BYTES_MAX,
            drained_bytes: DRAINED_BYTES_MAX,
            recipients: RECIPIENTS_MAX,
            connections: CONNECTIONS_MAX,
            strangers: STRANGERS_MAX,
            peer_connections: PEER_CONNECTIONS_MAX,
            relay_connections: RELAY_CONNECTIONS_MAX,
            commands: COMMANDS_MAX,
            errors: ERRORS_MAX,
            mails: MAILS_MAX,
            peer_mails_a_minute: 120,
            relay_mails_a_minute: 60_000,
            customer_mails_a_minute: 600,
            flight: Flight::default(),
            times: Times::default(),
        }
    }
}

impl Default for Flight {
    fn default() -> Self {
        Self {
            small_bytes: 256 << 10,
            total: Quota { all: FLIGHT_BYTES_MAX, big: FLIGHT_BIG_BYTES_MAX },
            // One mail of full size, and the small ones beside it.
            peer: Quota { all: 48 << 20, big: 40 << 20 },
            relay: Quota { all: 112 << 20, big: 80 << 20 },
            customer: Quota { all: 48 << 20, big: 40 << 20 },
            wait: Duration::from_secs(10),
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Self {
            // What RFC 5321 asks for.
            command: Duration::from_secs(300),
            command_crowded: Duration::from_secs(10),
            handshake: Duration::from_secs(15),
            reply: Duration::from_secs(30),
            // Slower than any modem: 136 bytes a second.
            progress: Duration::from_secs(30),
            progress_bytes: 4 << 10,
            text: Duration::from_secs(900),
            take: Duration::from_secs(60),
            session: Duration::from_secs(3600),
            drain: Duration::from_secs(20),
            farewell: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reserve_is_one() {
        let Limits { mail_bytes, flight, strangers, connections, .. } = Limits::default();
        assert!(strangers < connections);
        for quota in [flight.total, flight.peer, flight.relay, flight.customer] {
            assert!(quota.big < quota.all, "big mails leave something for small ones");
            assert!(mail_bytes + flight.small_bytes <= quota.big, "a mail of full size fits");
            assert!(quota.all <= flight.total.all);
        }
        assert!(flight.peer.all < flight.total.all, "one peer leaves something for the others");
        assert!(flight.customer.all < flight.total.all, "and so does one customer");
    }
}
