//! One socket of the ring: sending and receiving in batches, under the runtime's readiness.
//!
//! The kernel does what it can before we are woken: it lets nothing but echo replies with our own
//! identifier through, and stamps their arrival, so that the load of this process does not show in
//! round-trip times. All looks of a shard share the socket, since each raw socket of a machine
//! costs every other one a copy of every reply.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, BorrowedFd},
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use model::{Cause, CauseCode};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
    task::yield_now,
    time::sleep,
};

use super::{
    PingCounts, SocketKind,
    codec::{self, Framing, Request, Seal},
    said,
    table::{Judgement, Key, SLOTS_MAX, Table},
    volley::{Answer, Packet, Volley},
};
use crate::{
    raw::{self, Datagram, Inbox, Outbox, Queue},
    wires::errno,
};

/// What the kernel charges for one short reply while it waits to be read, whatever its length:
/// measured as `skb->truesize` of echo replies up to 64 bytes.
const REPLY_TRUESIZE_BYTES: usize = 832;
/// Holds a reply for every slot. The kernel doubles what it is asked for.
pub(crate) const RECEIVE_BUFFER_BYTES: usize = SLOTS_MAX * REPLY_TRUESIZE_BYTES / 2;
/// Batches in one turn, before others have theirs: about a millisecond's worth.
const TURN_BATCHES: usize = 16;
/// Batches with which a full receive buffer is read to its end, before silence is believed.
pub(crate) const BUFFER_BATCHES: usize = SLOTS_MAX / raw::BATCH;
/// First pause when our machine has no room for a packet; doubled up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Longest pause between two attempts to send.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// A send call may report an error that an earlier packet met, each once. The same error so many
/// times in a row is the packet's own.
const STRIKES_MAX: u32 = 3;
/// Bits of the identifier that stay; the others change with the time, so that a stuck entry in a
/// firewall's table does not stay in use for ever.
const TAG_MASK: u16 = 0xfff0;
/// How often the identifier of a raw socket changes.
const ROTATION_SECS: u64 = 60;

/// Whose packet: which of whose.
type Owner = (Rc<Volley>, u16);

/// One socket with its outstanding packets.
#[derive(Debug)]
pub(crate) struct Port {
    socket: AsyncFd<Socket>,
    framing: Framing,
    identity: Identity,
    state: RefCell<State>,
    wanted: Notify,
}

/// The identifier in our packets.
#[derive(Clone, Copy, Debug)]
enum Identity {
    /// Ours to choose: these bits, and a few more that change.
    Tag(u16, Instant),
    /// The kernel puts its own in.
    Kernel,
}

#[derive(Debug)]
struct State {
    table: Table<Owner>,
    queue: VecDeque<Key>,
    batch: Vec<Key>,
    inbox: Inbox,
    outbox: Outbox,
    counts: PingCounts,
    dropped: u32,
}

/// How a turn of sending ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The queue is empty.
    Done,
    /// There is more, others first.
    More,
    /// Our machine has no room; wait.
    Congested,
}

impl Port {
    /// Opens a socket of this kind.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn open(v6: bool, kind: SocketKind, buffer_bytes: usize) -> io::Result<Self> {
        let (domain, protocol) = match v6 {
            false => (Domain::IPV4, Protocol::ICMPV4),
            true => (Domain::IPV6, Protocol::ICMPV6),
        };
        let (seal, now) = (Seal::new(), Instant::now());
        let (socket_type, identity) = match kind {
            SocketKind::Raw => (Type::RAW, Identity::Tag(seal.tag() & TAG_MASK, now)),
            SocketKind::Datagram => (Type::DGRAM, Identity::Kernel),
        };
        let socket = Socket::new(domain, socket_type.nonblocking(), Some(protocol))?;
        raw::tell_arrival(socket.as_fd(), v6)?;
        raw::tell_errors(socket.as_fd(), v6)?;
        widen(&socket, buffer_bytes);
        match identity {
            Identity::Tag(tag, _) => {
                raw::only_echo_replies(socket.as_fd(), v6)?;
                socket.attach_filter(&filter(v6, tag))?;
            }
            // Gives the socket its identifier before the first packet needs it.
            Identity::Kernel => socket.bind(&any_address(v6).into())?,
        }
        let framing = match (v6, kind) {
            (true, _) => Framing::V6,
            (false, SocketKind::Raw) => Framing::RawV4,
            (false, SocketKind::Datagram) => Framing::DatagramV4,
        };
        let dropped = raw::dropped(socket.as_fd()).unwrap_or(0);
        let state = State {
            table: Table::new(seal, now),
            queue: VecDeque::new(),
            batch: Vec::with_capacity(raw::BATCH),
            inbox: Inbox::new(),
            outbox: Outbox::new(),
            counts: PingCounts::default(),
            dropped,
        };
        Ok(Self {
            socket: raw::watch(socket)?,
            framing,
            identity,
            state: RefCell::new(state),
            wanted: Notify::new(),
        })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
    }

    /// What was counted since it was opened.
    pub(crate) fn counts(&self) -> PingCounts {
        self.state.borrow().counts
    }

    /// How many replies the kernel has dropped so far, modulo 2^32, because we did not read them
    /// in time.
    pub(crate) fn dropped(&self) -> u32 {
        let mut state = self.state.borrow_mut();
        if let Ok(dropped) = raw::dropped(self.fd()) {
            state.counts.dropped_by_kernel += u64::from(dropped.wrapping_sub(state.dropped));
            state.dropped = dropped;
        }
        state.dropped
    }

    /// Queues one more packet of `volley`.
    ///
    /// # Errors
    /// As many packets are under way as there are sequences.
    pub(crate) fn launch(&self, volley: &Rc<Volley>, expires_at: Instant) -> Result<Key, Cause> {
        let mut state = self.state.borrow_mut();
        let owner = (Rc::clone(volley), volley.add());
        let key = state.table.take(owner, volley.target, expires_at, Instant::now());
        let Some(key) = key else {
            let text = format!("{SLOTS_MAX} pings are under way already");
            return Err(Cause::new(CauseCode::Overload, text));
        };
        state.queue.push_back(key);
        self.wanted.notify_one();
        Ok(key)
    }

    /// Forgets a packet that nobody waits for any more.
    pub(crate) fn release(&self, key: Key) {
        self.state.borrow_mut().table.release(key, Instant::now());
    }

    /// The requests that are not settled, in the order of their sequences.
    /// How large the kernel made the receive buffer.
    #[cfg(test)]
    pub(crate) fn receive_buffer_bytes(&self) -> usize {
        self.socket.get_ref().recv_buffer_size().expect("an open socket has a buffer")
    }

    #[cfg(test)]
    pub(crate) fn outstanding(&self) -> Vec<Request> {
        let state = self.state.borrow();
        let identifier = self.identity.now();
        let request = |key: Key| Request {
            identifier,
            sequence: key.sequence,
            stamp: state.table.stamp(key).expect("it is outstanding"),
            payload_bytes: 56,
        };
        state.table.outstanding().map(request).collect()
    }

    /// Makes the send buffer as small as the kernel allows.
    #[cfg(test)]
    pub(crate) fn narrow(&self) {
        self.socket.get_ref().set_send_buffer_size(0).expect("a small buffer is granted");
    }

    /// Reads what has come in; true if there may be more.
    pub(crate) fn receive(&self, batches_max: usize) -> bool {
        let mut state = self.state.borrow_mut();
        for _ in 0..batches_max {
            let replies = state.read(self.fd(), self.framing, Queue::Replies);
            let errors = state.read(self.fd(), self.framing, Queue::Errors);
            if !replies && !errors {
                return false;
            }
        }
        true
    }

    /// Sends one batch of what is queued.
    fn send(&self) -> Turn {
        let identifier = self.identity.now();
        let mut state = self.state.borrow_mut();
        state.pack(self.framing, identifier);
        state.ship(self.fd())
    }
}

impl Identity {
    /// What to put into a packet that goes out now.
    fn now(self) -> u16 {
        match self {
            Self::Kernel => 0,
            Self::Tag(tag, opened_at) => {
                let turns = opened_at.elapsed().as_secs() / ROTATION_SECS;
                tag | (turns as u16 & !TAG_MASK)
            }
        }
    }
}

impl State {
    /// Reads one batch; false if nothing was there.
    fn read(&mut self, fd: BorrowedFd<'_>, framing: Framing, queue: Queue) -> bool {
        let count = match self.inbox.receive(fd, queue) {
            Ok(count) => count,
            // Anything else is an error that some packet met, ours or not: the error queue knows
            // more about it, and now it is out of the way.
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        let now = (Instant::now(), SystemTime::now());
        let Self { inbox, table, counts, .. } = self;
        for index in 0..count {
            let datagram = inbox.datagram(index);
            match queue {
                Queue::Replies => hear(table, counts, framing, &datagram, now),
                Queue::Errors => hear_error(table, counts, framing, &datagram),
            }
        }
        count > 0
    }

    /// Fills the outbox from the queue. Packets that nobody waits for are passed over.
    fn pack(&mut self, framing: Framing, identifier: u16) {
        self.outbox.clear();
        self.batch.clear();
        while !self.outbox.is_full() {
            let Some(key) = self.queue.pop_front() else { break };
            let Some(((volley, _), target)) = self.table.owner(key) else { continue };
            let Some(stamp) = self.table.stamp(key) else { continue };
            let sequence = key.sequence;
            let payload_bytes = volley.payload_bytes;
            let request = Request { identifier, sequence, stamp, payload_bytes };
            self.outbox.put(target, volley.hop_limit, |bytes| request.encode(framing, bytes));
            self.batch.push(key);
        }
    }

    /// Sends the outbox. What finds no room goes back to the head of the queue.
    fn ship(&mut self, fd: BorrowedFd<'_>) -> Turn {
        let (mut first, mut strikes) = (0, 0);
        while first < self.batch.len() {
            let now = Instant::now();
            for key in &self.batch[first..] {
                self.table.sent(*key, now);
            }
            let error = match self.outbox.send(fd, first) {
                Ok(count) => {
                    self.went(first..first + count, now);
                    first += count;
                    strikes = 0;
                    continue;
                }
                Err(error) => error,
            };
            strikes += 1;
            match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => {
                    self.counts.congested += 1;
                    self.put_back(first);
                    return Turn::Congested;
                }
                _ if strikes < STRIKES_MAX => {}
                _ => {
                    self.fail(first, &error);
                    first += 1;
                    strikes = 0;
                }
            }
        }
        if self.queue.is_empty() { Turn::Done } else { Turn::More }
    }

    fn went(&mut self, which: std::ops::Range<usize>, now: Instant) {
        self.counts.sent += which.len() as u64;
        for key in &self.batch[which] {
            if let Some(((volley, number), _)) = self.table.owner(*key) {
                volley.sent(*number, now);
            }
        }
    }

    fn put_back(&mut self, first: usize) {
        for key in self.batch.drain(first..).rev() {
            self.queue.push_front(key);
        }
    }

    /// Our own machine refuses the packet at `index` of the batch.
    fn fail(&mut self, index: usize, error: &io::Error) {
        if let Some((volley, number)) = self.table.release(self.batch[index], Instant::now()) {
            volley.settle(number, refused(error));
        }
    }
}

/// Reads for as long as the port lives.
pub(crate) async fn receive_forever(port: Rc<Port>) {
    loop {
        let interest = Interest::READABLE | Interest::ERROR;
        let Ok(mut guard) = port.socket.ready(interest).await else { return };
        if port.receive(TURN_BATCHES) {
            drop(guard);
            yield_now().await;
        } else {
            guard.clear_ready();
        }
    }
}

/// Sends for as long as the port lives. Waking up late is welcome: whatever was queued in the same
/// turn of the runtime goes out in the same call.
pub(crate) async fn send_forever(port: Rc<Port>) {
    let mut pause = PAUSE_MIN;
    loop {
        match port.send() {
            Turn::Done => {
                port.wanted.notified().await;
                pause = PAUSE_MIN;
            }
            Turn::More => {
                yield_now().await;
                pause = PAUSE_MIN;
            }
            Turn::Congested => {
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Takes in one reply.
fn hear(
    table: &mut Table<Owner>,
    counts: &mut PingCounts,
    framing: Framing,
    datagram: &Datagram<'_>,
    (now, wall): (Instant, SystemTime),
) {
    counts.received += 1;
    let echo = codec::decode_reply(framing, datagram.bytes, datagram.cut);
    let (Some(echo), Some(source)) = (echo, datagram.peer) else {
        counts.malformed += 1;
        return;
    };
    // The wall clock is only used for the short time in the buffer, so a step of it does no harm.
    let waited = datagram.arrived_at.and_then(|it| wall.duration_since(it).ok());
    let arrived_at = now.checked_sub(waited.unwrap_or_default()).unwrap_or(now);
    match table.judge(source, echo.sequence, echo.payload, arrived_at) {
        Judgement::Answer((volley, number), took) => {
            let hop_limit = echo.hop_limit.or(datagram.hop_limit);
            counts.answered += 1;
            volley.settle(number, Packet::Answered(Answer { took, hop_limit }));
        }
        Judgement::Late => counts.late += 1,
        Judgement::Doubled => counts.doubled += 1,
        Judgement::Forged => counts.forged += 1,
        Judgement::Foreign => counts.foreign += 1,
        Judgement::Malformed => counts.malformed += 1,
    }
}

/// Takes in what the network said about a packet that may be ours.
fn hear_error(
    table: &mut Table<Owner>,
    counts: &mut PingCounts,
    framing: Framing,
    datagram: &Datagram<'_>,
) {
    let (Some(target), Some(error)) = (datagram.peer, datagram.error) else { return };
    if error.message.is_none() {
        // Our own kernel's, which the send call reported too.
        return;
    }
    let quoted = codec::decode_quote(framing, datagram.bytes)
        .and_then(|echo| table.quoted(target, echo.sequence, echo.payload));
    let Some((key, proven)) = quoted else {
        counts.foreign_errors += 1;
        return;
    };
    counts.errors += 1;
    let cause = Cause::new(CauseCode::Unreachable, said(target, &error));
    if !proven {
        if let Some(((volley, _), _)) = table.owner(key) {
            volley.hint(cause);
        }
    } else if let Some((volley, number)) = table.release(key, Instant::now()) {
        volley.settle(number, Packet::Unreachable(cause));
    }
}

/// What it means that our own machine refuses to send.
fn refused(error: &io::Error) -> Packet {
    let text = |code| Cause::new(code, format!("sending a ping: {error}"));
    match (error.raw_os_error(), errno::code_of(error)) {
        // Nothing is bound here, so it is the source address that is missing.
        (Some(libc::EADDRNOTAVAIL), _) => Packet::Unsent(text(CauseCode::NoRoute)),
        (Some(libc::EMSGSIZE), _) | (_, CauseCode::Unreachable) => {
            Packet::Unreachable(text(CauseCode::Unreachable))
        }
        (_, code) if code.owner() == model::Owner::Ours => Packet::Unsent(text(code)),
        (_, _) => Packet::Unsent(text(CauseCode::Internal)),
    }
}

/// A large buffer if the system lets us, else as large as it lets us.
fn widen(socket: &Socket, bytes: usize) {
    let forced = i32::try_from(bytes).map(|it| raw::force_receive_buffer(socket.as_fd(), it));
    if !matches!(forced, Ok(Ok(())))
        && let Err(error) = socket.set_recv_buffer_size(bytes)
    {
        tracing::debug!(%error, "the receive buffer of the ping socket keeps its size");
    }
}

fn any_address(v6: bool) -> SocketAddr {
    let address: IpAddr = match v6 {
        false => Ipv4Addr::UNSPECIFIED.into(),
        true => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(address, 0)
}

/// Lets through what is an echo reply with the bits of `tag` in its identifier. What is dropped
/// here wakes nobody and takes no room.
fn filter(v6: bool, tag: u16) -> Vec<SockFilter> {
    // Opcodes of classic BPF, from `linux/bpf_common.h`.
    const LOAD_X: u16 = 0x01;
    const LOAD_X_IP_HEADER_BYTES: u16 = 0xb1;
    const LOAD_BYTE_AT_X: u16 = 0x50;
    const LOAD_HALF_AT_X: u16 = 0x48;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let (first, reply_type) = match v6 {
        // An IPv6 socket is shown the ICMPv6 header first.
        true => (SockFilter::new(LOAD_X, 0, 0, 0), 129),
        false => (SockFilter::new(LOAD_X_IP_HEADER_BYTES, 0, 0, 0), 0),
    };
    vec![
        first,
        SockFilter::new(LOAD_BYTE_AT_X, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 0, 4, reply_type),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, 4),
        SockFilter::new(AND, 0, 0, u32::from(TAG_MASK)),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, u32::from(tag)),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
