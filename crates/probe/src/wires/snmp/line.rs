//! One UDP socket for all agents of one address family, and the table of who waits for what.
//!
//! UDP has no connection that would tell an answer from a forgery, so the table does: an answer
//! counts only if it carries a number that is being waited for, comes from the very address and
//! port that was asked, and names the community that was sent (or, in version 3, proves itself).
//! The numbers are drawn at random from 31 bits, so that who cannot see our requests cannot guess
//! them. Everything else is counted and dropped.
//!
//! The table is behind a lock, although one thread owns the line: the SNMP library that speaks
//! version 3 over it asks for futures that could move. Nobody else ever wants the lock, and nobody
//! holds it across an await.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use model::{Cause, CauseCode};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::Interest,
    net::UdpSocket,
    sync::{mpsc, oneshot},
    task,
};

use super::{
    ber::Broken,
    message::{Identity, MESSAGE_BYTES_MAX, Response, Version, identify},
};
use crate::{
    raw::{self, Inbox, NetworkError, Queue},
    wires::errno,
};

/// Bytes of the socket's receive buffer. The kernel accounts a small datagram with about 1 KiB, so
/// this holds the answers of 4,000 agents that were asked in one moment while we do other things.
const RECEIVE_BUFFER_BYTES: i32 = 4 << 20;
/// Datagrams that are read before others get their turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// How often sending is tried again when the error may be that of an earlier datagram.
const SEND_TRIES_MAX: u32 = 4;
/// Numbers that are remembered after they were answered or given up, to tell late answers and
/// doubled ones from foreign ones. Two seconds' worth at 2,000 requests a second.
const RECENT: usize = 4_096;
/// Candidates for one answer in version 3 that may wait to be examined; more are dropped.
const CANDIDATES_MAX: usize = 8;

/// What became of the datagrams that came in, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnmpCounts {
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Answers that were waited for.
    pub answers: u64,
    /// Answers that came after the look had given up.
    pub late: u64,
    /// Answers that had been given already.
    pub doubled: u64,
    /// Messages from someone who was not asked, with the wrong community, or with a number that
    /// nobody asked under.
    pub foreign: u64,
    /// Datagrams that are no SNMP messages.
    pub malformed: u64,
    /// Requests of which the network said that they cannot be delivered.
    pub undeliverable: u64,
}

impl SnmpCounts {
    /// Both together.
    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            answers: self.answers + other.answers,
            late: self.late + other.late,
            doubled: self.doubled + other.doubled,
            foreign: self.foreign + other.foreign,
            malformed: self.malformed + other.malformed,
            undeliverable: self.undeliverable + other.undeliverable,
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    answers: AtomicU64,
    late: AtomicU64,
    doubled: AtomicU64,
    foreign: AtomicU64,
    malformed: AtomicU64,
    undeliverable: AtomicU64,
}

fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// How an answer proves whose it is.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// By the community that was sent, in the same version.
    Community(Version, Arc<[u8]>),
    /// By version 3's own means, which the receiver examines.
    User,
}

impl Proof {
    fn is_in(&self, identity: Identity<'_>) -> bool {
        match (self, identity) {
            (Self::Community(sent, name), Identity::Community { version, community, .. }) => {
                *sent == version && **name == *community
            }
            (Self::User, Identity::User { .. }) => true,
            _ => false,
        }
    }
}

/// What came for someone who waits.
#[derive(Debug)]
pub(super) enum Heard {
    /// An answer.
    Response(Response),
    /// An answer that cannot be read.
    Broken(Broken),
    /// A message of version 3, to be examined.
    Candidate(Bytes),
    /// The network could not deliver the request.
    Undeliverable(NetworkError),
}

#[derive(Debug)]
enum Receiver {
    /// The first one is taken.
    Once(oneshot::Sender<Heard>),
    /// As many as come until one is found good.
    Many(mpsc::Sender<Heard>),
}

#[derive(Debug)]
struct Waiting {
    target: Peer,
    proof: Proof,
    receiver: Receiver,
}

/// Address and port, without what an IPv6 socket address has besides.
type Peer = (IpAddr, u16);

fn peer(address: SocketAddr) -> Peer {
    (address.ip().to_canonical(), address.port())
}

/// What is known of an agent while somebody waits for it.
#[derive(Debug, Default)]
struct Source {
    waiting: u32,
    /// It sent something that is no SNMP message.
    garbled: Option<Broken>,
}

#[derive(Debug)]
struct Table {
    waiting: HashMap<u32, Waiting>,
    sources: HashMap<Peer, Source>,
    /// By the low bits of the number: the number, and whether it was answered.
    recent: Box<[(u32, bool)]>,
}

/// One socket.
#[derive(Debug)]
pub(super) struct Line {
    socket: UdpSocket,
    table: Mutex<Table>,
    counters: Counters,
    dice: RandomState,
    thrown: AtomicU64,
}

/// A place in the table; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    line: &'a Line,
    ids: Vec<u32>,
    target: Peer,
    answered: bool,
}

impl Slot<'_> {
    /// An answer was found good: what comes from now on is a double.
    pub(super) fn settle(&mut self) {
        self.answered = true;
        bump(&self.line.counters.answers);
    }

    /// Did the agent send something that is no SNMP message while we waited?
    pub(super) fn garbled(&self) -> Option<Broken> {
        self.line.table().sources.get(&self.target).and_then(|it| it.garbled)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut table = self.line.table();
        for id in &self.ids {
            if table.waiting.remove(id).is_some() {
                table.remember(*id, self.answered);
            }
        }
        table.leave(self.target);
    }
}

impl Table {
    fn remember(&mut self, id: u32, answered: bool) {
        self.recent[id as usize % RECENT] = (id, answered);
    }

    fn leave(&mut self, target: Peer) {
        if let Some(source) = self.sources.get_mut(&target) {
            source.waiting -= 1;
            if source.waiting == 0 {
                self.sources.remove(&target);
            }
        }
    }
}

impl Line {
    /// Opens the socket. Must be called inside a runtime.
    ///
    /// # Errors
    /// Causes of our own: no descriptor, no buffer, no such address family.
    pub(super) fn open(v6: bool) -> Result<Self, Cause> {
        let socket =
            open(v6).map_err(|error| errno::cause_of("opening the SNMP socket", &error))?;
        let table = Table {
            waiting: HashMap::new(),
            sources: HashMap::new(),
            recent: vec![(0, false); RECENT].into_boxed_slice(),
        };
        Ok(Self {
            socket,
            table: Mutex::new(table),
            counters: Counters::default(),
            dice: RandomState::new(),
            thrown: AtomicU64::new(0),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that nobody uses and nobody can guess: a keyed hash of a counter.
    pub(super) fn fresh_id(&self) -> u32 {
        loop {
            let throw = self.dice.hash_one(self.thrown.fetch_add(1, Relaxed));
            let id = u32::try_from(throw & 0x7fff_ffff).expect("31 bits fit 32");
            if id != 0 && !self.table().waiting.contains_key(&id) {
                return id;
            }
        }
    }

    /// Where the socket is bound.
    pub(super) fn local_address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }

    /// How many datagrams the kernel has dropped for want of room in our buffer.
    pub(super) fn dropped(&self) -> u32 {
        raw::dropped(self.socket.as_fd()).unwrap_or(0)
    }

    /// How many requests wait for an answer, and of how many agents.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> (usize, usize) {
        let table = self.table();
        (table.waiting.len(), table.sources.len())
    }

    pub(super) fn counts(&self) -> SnmpCounts {
        SnmpCounts {
            requests: self.counters.requests.load(Relaxed),
            answers: self.counters.answers.load(Relaxed),
            late: self.counters.late.load(Relaxed),
            doubled: self.counters.doubled.load(Relaxed),
            foreign: self.counters.foreign.load(Relaxed),
            malformed: self.counters.malformed.load(Relaxed),
            undeliverable: self.counters.undeliverable.load(Relaxed),
        }
    }

    /// Waits for the one answer under `id`.
    pub(super) fn expect(
        &self,
        id: u32,
        target: SocketAddr,
        proof: Proof,
    ) -> (Slot<'_>, oneshot::Receiver<Heard>) {
        let (sender, heard) = oneshot::channel();
        let target = peer(target);
        let waiting = Waiting { target, proof, receiver: Receiver::Once(sender) };
        (self.enter(target, [(id, waiting)].into()), heard)
    }

    /// Waits for candidates of version 3 under any of `ids`.
    pub(super) fn expect_candidates(
        &self,
        ids: impl Iterator<Item = u32>,
        target: SocketAddr,
    ) -> (Slot<'_>, mpsc::Receiver<Heard>) {
        let (sender, heard) = mpsc::channel(CANDIDATES_MAX);
        let target = peer(target);
        let waiting =
            || Waiting { target, proof: Proof::User, receiver: Receiver::Many(sender.clone()) };
        (self.enter(target, ids.map(|id| (id, waiting())).collect()), heard)
    }

    /// Watches what an agent sends that is no SNMP message, for as long as the slot is kept.
    pub(super) fn watch(&self, target: SocketAddr) -> Slot<'_> {
        self.enter(peer(target), Vec::new())
    }

    fn enter(&self, target: Peer, waiting: Vec<(u32, Waiting)>) -> Slot<'_> {
        let ids = waiting.iter().map(|(id, _)| *id).collect();
        let mut table = self.table();
        table.sources.entry(target).or_default().waiting += 1;
        table.waiting.extend(waiting);
        Slot { line: self, ids, target, answered: false }
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// What the kernel said. An error that an earlier datagram met is not this one's: the kernel
    /// hands it out to whoever comes next, so a doubtful one is tried again.
    pub(super) async fn send(&self, bytes: &[u8], target: SocketAddr) -> io::Result<()> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.socket.send_to(bytes, target).await {
                Ok(_) => break,
                Err(error) if tries < SEND_TRIES_MAX && may_be_anothers(&error) => {}
                Err(error) => return Err(error),
            }
        }
        bump(&self.counters.requests);
        Ok(())
    }

    /// Reads what comes, for as long as the line lives.
    pub(super) async fn listen(self: Arc<Self>) {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        // Errors are rare, and the memory for a batch of them is not small.
        let mut inbox = None;
        while let Ok(ready) = self.socket.ready(Interest::READABLE | Interest::ERROR).await {
            if ready.is_error() {
                self.read_errors(inbox.get_or_insert_with(Inbox::new));
            }
            for _ in 0..DATAGRAMS_PER_TURN {
                match self.socket.try_recv_from(&mut buffer) {
                    Ok((length, source)) => self.deliver(&buffer[..length], source),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An error that a datagram of ours met; the error queue has its particulars.
                    Err(error) => tracing::trace!(%error, "reading from the SNMP socket"),
                }
            }
            task::yield_now().await;
        }
    }

    fn deliver(&self, bytes: &[u8], source: SocketAddr) {
        let source = peer(source);
        let mut table = self.table();
        let identity = match identify(bytes) {
            Ok(identity) => identity,
            Err(broken) => {
                bump(&self.counters.malformed);
                if let Some(source) = table.sources.get_mut(&source) {
                    source.garbled = Some(broken);
                }
                return;
            }
        };
        let Some(waiting) = table.waiting.get(&identity.id()) else {
            let (id, answered) = table.recent[identity.id() as usize % RECENT];
            bump(match (id == identity.id(), answered) {
                (true, true) => &self.counters.doubled,
                (true, false) => &self.counters.late,
                (false, _) => &self.counters.foreign,
            });
            return;
        };
        if waiting.target != source || !waiting.proof.is_in(identity) {
            bump(&self.counters.foreign);
            return;
        }
        match &waiting.receiver {
            Receiver::Many(sender) => {
                if sender.try_send(Heard::Candidate(Bytes::copy_from_slice(bytes))).is_err() {
                    bump(&self.counters.foreign);
                }
            }
            Receiver::Once(_) => {
                bump(&self.counters.answers);
                let heard = Response::decode(bytes).map_or_else(Heard::Broken, Heard::Response);
                self.hand_over(&mut table, identity.id(), heard);
            }
        }
    }

    /// Gives `heard` to whoever waits under `id`. The first one takes the place: a second answer
    /// finds nobody.
    fn hand_over(&self, table: &mut Table, id: u32, heard: Heard) {
        let Some(waiting) = table.waiting.get(&id) else { return };
        let gone = match &waiting.receiver {
            Receiver::Many(sender) => sender.try_send(heard).is_err(),
            Receiver::Once(_) => {
                let Some(Waiting { receiver: Receiver::Once(sender), .. }) =
                    table.waiting.remove(&id)
                else {
                    return;
                };
                table.remember(id, true);
                sender.send(heard).is_err()
            }
        };
        if gone {
            tracing::trace!(id, "nobody waits any more for what was heard");
        }
    }

    /// What the network says about requests of ours: the particulars are in a queue of their own,
    /// each with the beginning of the request that it is about.
    fn read_errors(&self, inbox: &mut Inbox) {
        loop {
            let read = || inbox.receive(self.socket.as_fd(), Queue::Errors);
            // When the queue is empty this says so to the runtime too.
            let Ok(count) = self.socket.try_io(Interest::ERROR, read) else { return };
            for index in 0..count {
                let datagram = inbox.datagram(index);
                let (Some(error), Some(peer)) = (datagram.error, datagram.peer) else { continue };
                // Too large for a link on the way: the kernel takes the hint and cuts the repeat.
                if error.number == libc::EMSGSIZE {
                    continue;
                }
                self.report(datagram.bytes, peer, error);
            }
        }
    }

    fn report(&self, quoted: &[u8], address: IpAddr, error: NetworkError) {
        bump(&self.counters.undeliverable);
        // Some routers quote so little that the request cannot be known; its look times out.
        let Ok(identity) = identify(quoted) else { return };
        let mut table = self.table();
        let is_ours = table
            .waiting
            .get(&identity.id())
            .is_some_and(|it| it.target.0 == address.to_canonical() && it.proof.is_in(identity));
        if is_ours {
            self.hand_over(&mut table, identity.id(), Heard::Undeliverable(error));
        }
    }
}

fn may_be_anothers(error: &io::Error) -> bool {
    let code = errno::code_of(error);
    matches!(code, CauseCode::Refused | CauseCode::Unreachable | CauseCode::NoRoute)
}

fn open(v6: bool) -> io::Result<UdpSocket> {
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if v6 {
        socket.set_only_v6(true)?;
    }
    if let Err(error) = raw::force_receive_buffer(socket.as_fd(), RECEIVE_BUFFER_BYTES) {
        tracing::debug!(%error, "no right to a large receive buffer; taking what the system allows");
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES as usize)?;
    }
    raw::tell_errors(socket.as_fd(), v6)?;
    let any: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    socket.bind(&SocketAddr::new(any, 0).into())?;
    UdpSocket::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_receive_buffer_is_as_large_as_was_asked_for() {
        for v6 in [false, true] {
            let socket = open(v6).unwrap();
            let bytes = socket2::SockRef::from(&socket).recv_buffer_size().unwrap();
            assert!(bytes >= RECEIVE_BUFFER_BYTES as usize, "{bytes}");
        }
    }
}
