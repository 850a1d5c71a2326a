//! The packets of one look, and what has become of each.
//!
//! Shared by the look, which waits, and the port, which settles. A look waits for all of its packets
//! at once: no task, no channel and no timer for each of them.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::poll_fn,
    net::IpAddr,
    pin::Pin,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use model::Cause;
use tokio::time::Sleep;

/// What has become of one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// Not sent yet.
    Queued,
    /// Sent, not answered.
    Sent,
    /// Answered.
    Answered(Answer),
    /// The network says that it did not arrive.
    Unreachable(Cause),
    /// It could not be sent, through a fault of our own.
    Unsent(Cause),
}

impl Packet {
    fn is_settled(&self) -> bool {
        !matches!(self, Self::Queued | Self::Sent)
    }
}

/// What an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// From the send call to the arrival in our kernel.
    pub(crate) took: Duration,
    /// What was left of the answer's hop limit.
    pub(crate) hop_limit: Option<u8>,
}

/// One look's packets.
pub(crate) struct Volley {
    pub(crate) target: IpAddr,
    pub(crate) payload_bytes: u16,
    pub(crate) hop_limit: Option<u8>,
    progress: RefCell<Progress>,
    waker: Cell<Option<Waker>>,
}

/// What becomes known as time passes.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// In the order in which they were launched.
    pub(crate) packets: Vec<Packet>,
    /// What the network said without proof that it saw our packet. Explains silence, settles
    /// nothing.
    pub(crate) hint: Option<Cause>,
    /// When the first packet went out.
    pub(crate) first_sent_at: Option<Instant>,
}

impl fmt::Debug for Volley {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Volley").field(&self.target).field(&self.progress).finish()
    }
}

impl Volley {
    pub(crate) fn new(target: IpAddr, payload_bytes: u16, hop_limit: Option<u8>) -> Self {
        Self {
            target,
            payload_bytes,
            hop_limit,
            progress: RefCell::default(),
            waker: Cell::default(),
        }
    }

    /// Adds a packet; says which it is.
    pub(crate) fn add(&self) -> u16 {
        let packets = &mut self.progress.borrow_mut().packets;
        packets.push(Packet::Queued);
        u16::try_from(packets.len() - 1).expect("a kind allows a hundred packets")
    }

    /// Notes that packet `number` went out.
    pub(crate) fn sent(&self, number: u16, now: Instant) {
        let mut progress = self.progress.borrow_mut();
        progress.first_sent_at.get_or_insert(now);
        if let Some(packet @ Packet::Queued) = progress.packets.get_mut(usize::from(number)) {
            *packet = Packet::Sent;
        }
    }

    /// Settles packet `number`, once and for all.
    pub(crate) fn settle(&self, number: u16, as_what: Packet) {
        let mut progress = self.progress.borrow_mut();
        if let Some(packet) = progress.packets.get_mut(usize::from(number))
            && !packet.is_settled()
        {
            *packet = as_what;
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Keeps the first hint.
    pub(crate) fn hint(&self, cause: Cause) {
        self.progress.borrow_mut().hint.get_or_insert(cause);
    }

    /// Is every packet settled?
    pub(crate) fn is_settled(&self) -> bool {
        self.progress.borrow().packets.iter().all(Packet::is_settled)
    }

    /// Is there a packet that could not be sent? Then the rest need not be tried.
    pub(crate) fn is_stuck(&self) -> bool {
        self.progress.borrow().packets.iter().any(|it| matches!(it, Packet::Unsent(_)))
    }

    /// Waits until `enough` holds or the timer has run out.
    pub(crate) async fn wait(&self, mut timer: Pin<&mut Sleep>, enough: impl Fn(&Self) -> bool) {
        poll_fn(|context| {
            if enough(self) {
                return Poll::Ready(());
            }
            self.waker.set(Some(context.waker().clone()));
            timer.as_mut().poll(context)
        })
        .await;
    }

    /// What is known by now; nothing is left behind.
    pub(crate) fn finish(&self) -> Progress {
        std::mem::take(&mut self.progress.borrow_mut())
    }
}
