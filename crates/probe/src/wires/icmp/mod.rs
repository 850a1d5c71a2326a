//! The ICMP ring: every ping of a shard over one socket for each family.
//!
//! A look launches its packets and waits for all of them; the ring tells their answers from
//! everything else that arrives. What is silence and what is our own deafness is decided here:
//! before a packet counts as lost, the socket is read to its end, and the kernel is asked whether
//! it had to drop replies meanwhile.
//!
//! Why not a crate: the ones there are take a socket or a task for each target, read the time in
//! user space, leave the receive buffer at a size that holds 256 replies, and match by numbers that
//! anybody can guess.

pub(super) mod codec;
mod port;
mod table;
#[cfg(test)]
mod tests;
mod volley;

use std::{
    cell::RefCell,
    fmt, io,
    net::IpAddr,
    ops::AddAssign,
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};

use model::{Cause, CauseCode};
use tokio::{
    task::{JoinHandle, spawn_local},
    time::sleep_until,
};

pub(crate) use codec::STAMP_BYTES;
use port::{BUFFER_BATCHES, Port, RECEIVE_BUFFER_BYTES, receive_forever, send_forever};
use table::Key;
use volley::Volley;
pub(crate) use volley::{Answer, Packet, Progress};

use super::errno;
use crate::raw::NetworkError;

/// After a failure to open the socket, looks get the same answer for this long.
const REOPEN_EVERY: Duration = Duration::from_secs(5);
/// What to do about a missing right.
const REMEDY: &str = "no right to ping: run `setcap cap_net_raw+ep` on the program (systemd: \
    AmbientCapabilities=CAP_NET_RAW), or open it to all with \
    `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`";

/// How the machine lets us ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// A raw socket; needs `CAP_NET_RAW`.
    Raw,
    /// A datagram socket; needs a group in `net.ipv4.ping_group_range`.
    Datagram,
}

impl fmt::Display for SocketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::Datagram => "datagram",
        })
    }
}

/// What passed through the ping sockets of one world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PingCounts {
    /// Packets that the kernel took.
    pub sent: u64,
    /// Packets that came in and passed the kernel's filter.
    pub received: u64,
    /// Those that answered a packet of ours in time.
    pub answered: u64,
    /// Those that pretend to be ours, or come from where we did not ask.
    pub forged: u64,
    /// Those that answer another program.
    pub foreign: u64,
    /// Those that came after the look was over.
    pub late: u64,
    /// Those that were answered already.
    pub doubled: u64,
    /// Those that are cut off, damaged or no echo reply.
    pub malformed: u64,
    /// Replies that the kernel dropped because we did not read them in time.
    pub dropped_by_kernel: u64,
    /// Errors of the network that are about an outstanding packet of ours.
    pub errors: u64,
    /// Errors of the network that are not, or cannot be proven to be.
    pub foreign_errors: u64,
    /// Times that our own machine had no room for a packet.
    pub congested: u64,
}

impl AddAssign for PingCounts {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.answered += other.answered;
        self.forged += other.forged;
        self.foreign += other.foreign;
        self.late += other.late;
        self.doubled += other.doubled;
        self.malformed += other.malformed;
        self.dropped_by_kernel += other.dropped_by_kernel;
        self.errors += other.errors;
        self.foreign_errors += other.foreign_errors;
        self.congested += other.congested;
    }
}

/// Says how this process may ping. For a warning at start, before the first look needs it.
///
/// # Errors
/// What is missing and what to do about it, for people.
pub fn ping_right() -> Result<SocketKind, String> {
    first_allowed(|kind| {
        let (domain, protocol) = (socket2::Domain::IPV4, socket2::Protocol::ICMPV4);
        socket2::Socket::new(domain, kind.socket_type(), Some(protocol)).map(|_| kind)
    })
    .map_err(|cause| cause.text.into_string())
}

impl SocketKind {
    fn socket_type(self) -> socket2::Type {
        match self {
            Self::Raw => socket2::Type::RAW,
            Self::Datagram => socket2::Type::DGRAM,
        }
    }
}

/// The first kind that we have the right to.
fn first_allowed<T>(mut open: impl FnMut(SocketKind) -> io::Result<T>) -> Result<T, Cause> {
    for kind in [SocketKind::Raw, SocketKind::Datagram] {
        match open(kind) {
            Ok(opened) => return Ok(opened),
            Err(error) if is_denied(&error) => {}
            Err(error) => return Err(errno::cause_of("opening a ping socket", &error)),
        }
    }
    Err(Cause::new(CauseCode::NoRight, REMEDY))
}

/// Datagram sockets of ICMP may be switched off, or absent as a protocol.
fn is_denied(error: &io::Error) -> bool {
    let denials = [libc::EPERM, libc::EACCES, libc::EPROTONOSUPPORT];
    error.raw_os_error().is_some_and(|it| denials.contains(&it))
}

/// One look's wish.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shot {
    /// Whom to ping.
    pub(crate) target: IpAddr,
    /// How many packets.
    pub(crate) packets: u16,
    /// Time from one to the next.
    pub(crate) gap: Duration,
    /// Length of the payload, at least [`STAMP_BYTES`].
    pub(crate) payload_bytes: u16,
    /// Hop limit of the packets; `None`: the system's.
    pub(crate) hop_limit: Option<u8>,
    /// When to give up.
    pub(crate) deadline: tokio::time::Instant,
}

/// What has become of a look's packets.
#[derive(Debug)]
pub(crate) struct Echoes {
    /// Each packet, and what else is known.
    pub(crate) progress: Progress,
    /// Silence proves nothing: the kernel dropped replies meanwhile, or we could not read them all.
    pub(crate) deaf: bool,
}

/// The ping sockets of one world. Opened by the first look that needs them.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    v4: RefCell<Berth>,
    v6: RefCell<Berth>,
    /// Counted by ports that are gone.
    past: RefCell<PingCounts>,
}

/// The place of one port.
#[derive(Debug, Default)]
enum Berth {
    #[default]
    Empty,
    Open(Rc<Port>, [JoinHandle<()>; 2]),
    Failed(Cause, Instant),
}

impl Ring {
    /// What was counted since the world was made.
    pub(crate) fn counts(&self) -> PingCounts {
        let mut sum = *self.past.borrow();
        for berth in [&self.v4, &self.v6] {
            if let Berth::Open(port, _) = &*berth.borrow() {
                sum += port.counts();
            }
        }
        sum
    }

    /// Sends the packets and waits for what becomes of them, at most until the deadline.
    ///
    /// # Errors
    /// Causes of our own: no right, no descriptor, no slot.
    pub(crate) async fn ping(&self, shot: &Shot) -> Result<Echoes, Cause> {
        let port = self.port(shot.target.is_ipv6())?;
        let dropped_before = port.dropped();
        let started = tokio::time::Instant::now();
        let volley = Rc::new(Volley::new(shot.target, shot.payload_bytes, shot.hop_limit));
        let mut flight = Flight { port: &port, keys: Vec::with_capacity(shot.packets.into()) };
        let mut timer = pin!(sleep_until(shot.deadline));
        for number in 0..shot.packets {
            if number > 0 {
                let due_at = started + shot.gap * u32::from(number);
                timer.as_mut().reset(due_at.min(shot.deadline));
                volley.wait(timer.as_mut(), Volley::is_stuck).await;
            }
            if volley.is_stuck() {
                break;
            }
            flight.keys.push(port.launch(&volley, shot.deadline.into_std())?);
        }
        timer.as_mut().reset(shot.deadline);
        volley.wait(timer.as_mut(), Volley::is_settled).await;
        let mut deaf = false;
        if !volley.is_settled() {
            let unread = port.receive(BUFFER_BATCHES);
            deaf = unread || port.dropped() != dropped_before;
        }
        drop(flight);
        Ok(Echoes { progress: volley.finish(), deaf })
    }

    /// The port for a family, opened if need be.
    fn port(&self, v6: bool) -> Result<Rc<Port>, Cause> {
        let mut berth = if v6 { self.v6.borrow_mut() } else { self.v4.borrow_mut() };
        match &*berth {
            Berth::Open(port, tasks) if !tasks.iter().any(JoinHandle::is_finished) => {
                return Ok(Rc::clone(port));
            }
            Berth::Failed(cause, at) if at.elapsed() < REOPEN_EVERY => return Err(cause.clone()),
            // A task that is gone broke; a new port is better than a deaf one.
            Berth::Open(port, _) => *self.past.borrow_mut() += port.counts(),
            Berth::Empty | Berth::Failed(..) => {}
        }
        let opened = first_allowed(|kind| Port::open(v6, kind, RECEIVE_BUFFER_BYTES));
        let answer = opened.map(Rc::new);
        *berth = match &answer {
            Ok(port) => Berth::open(port),
            Err(cause) => Berth::Failed(cause.clone(), Instant::now()),
        };
        answer
    }
}

impl Berth {
    fn open(port: &Rc<Port>) -> Self {
        let receiver = spawn_local(receive_forever(Rc::clone(port)));
        let sender = spawn_local(send_forever(Rc::clone(port)));
        Self::Open(Rc::clone(port), [receiver, sender])
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        if let Self::Open(_, tasks) = self {
            tasks.iter().for_each(JoinHandle::abort);
        }
    }
}

/// The slots of one look. They become free however it ends.
struct Flight<'a> {
    port: &'a Port,
    keys: Vec<Key>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        for key in self.keys.drain(..) {
            self.port.release(key);
        }
    }
}

/// What the network said about a packet to `target`, in words.
fn said(target: IpAddr, error: &NetworkError) -> String {
    let what = match (target.is_ipv6(), error.message) {
        (_, None) => io::Error::from_raw_os_error(error.number).to_string(),
        (false, Some((3, 0))) | (true, Some((1, 0))) => "network unreachable".into(),
        (false, Some((3, 1))) | (true, Some((1, 3))) => "host unreachable".into(),
        (false, Some((3, 9 | 10 | 13))) | (true, Some((1, 1))) => "prohibited by a filter".into(),
        (false, Some((3, 4))) | (true, Some((2, _))) => "packet too large for the way".into(),
        (false, Some((11, _))) | (true, Some((3, _))) => "hop limit exceeded on the way".into(),
        (_, Some((kind, code))) => format!("undeliverable (type {kind}, code {code})"),
    };
    match error.offender {
        Some(offender) => format!("{target}: {what}, says {offender}"),
        None => format!("{target}: {what}"),
    }
}
