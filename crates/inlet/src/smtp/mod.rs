//! Servers for mail: SMTP with STARTTLS, and LMTP.
//!
//! A sender is told 250 only once the [`Taker`] says that the mail is kept; until then it is the
//! sender's, and whatever happens here is nothing but a reason to send it again. So nothing is
//! queued, nothing is passed on to anybody, and nobody is ever written to.
//!
//! What decides is apart from what waits. `lines` says where a command ends, `dots` where a mail
//! ends, `dialogue` what a command means where the session stands; `crowd` and `budget` know who may
//! have how much, and `session` is the dull part that reads, waits and writes. The parser of commands
//! is a library's; where lines and mails end is not left to it, because that is what smuggling lives
//! on.
//!
//! All servers of an engine share one [`Gate`]: connections, rates and memory are limited together,
//! and each peer and each customer has only its share of them.

mod budget;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod corpus;
mod counters;
mod crowd;
mod dialogue;
mod dots;
mod limits;
mod lines;
mod listener;
mod login;
mod reply;
mod server;
mod session;
mod tls;
mod wire;

#[cfg(test)]
mod tests;

use std::{net::IpAddr, ops::Deref, sync::Arc};

use futures_util::future::BoxFuture;
use model::Moment;

pub use counters::{Counters, Reading, Refusal};
pub use limits::{Flight, Limits, MAIL_BYTES_MAX, Quota, Times};
pub use listener::{Listener, UNIX, bind};
pub use login::Login;
pub use server::{Gate, Intake, converse, serve};
pub use tls::{Keys, KeysError};

use crate::Envelope;

/// Takes the mails that a server has received.
pub trait Taker: Send + Sync {
    /// The time, on the engine's own clock.
    fn now(&self) -> Moment;

    /// What a recipient of the envelope means. Asked for every recipient, so it has to be quick.
    fn recipient(&self, address: &str, peer: IpAddr) -> Welcome;

    /// Is there room to keep one more mail: on the disk, and in the queue before it? Asked before
    /// every mail, so it has to be quick.
    fn room(&self) -> bool;

    /// Keeps a mail. One answer for each recipient, in their order; a missing one counts as
    /// [`Answer::Later`].
    fn take(&self, mail: Mail) -> BoxFuture<'_, Vec<Answer>>;
}

/// What a recipient means to a [`Taker`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// It is ours.
    Ours {
        /// Whose share of rate and memory the mail takes: a customer. Empty if that is not known
        /// before the mail is read: then it takes that of its peer alone, since a share that all
        /// such customers had together would let one of them keep the others waiting.
        whose: Arc<str>,
    },
    /// Nobody is called so.
    Nobody,
    /// That cannot be said now.
    Later,
}

/// A whole mail, not yet kept by anybody.
#[derive(Debug)]
pub struct Mail {
    /// How it came; its recipients are those that were welcome, in their order.
    pub envelope: Envelope,
    /// Did it come over TLS?
    pub secure: bool,
    /// The mail as it was sent, with CR LF at the end of each line.
    pub raw: Raw,
}

/// The bytes of a mail. Their memory is booked until they are dropped: they and their booking are
/// one thing, so that nobody can let go of the one and keep the other.
#[derive(Debug)]
pub struct Raw {
    bytes: Vec<u8>,
    share: budget::Share,
}

impl Raw {
    /// Lets go of the bytes. What is there in their place, of so many bytes, is booked for them from
    /// now on, until this is dropped.
    pub fn replaced_by(&mut self, bytes: usize) {
        self.bytes = Vec::new();
        self.share.shrink(bytes);
    }
}

impl Deref for Raw {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What became of a mail for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is kept: it survives whatever happens now.
    Taken,
    /// The sender should try again, for this reason.
    Later(String),
    /// It will not be kept, for this reason.
    Never(String),
}
