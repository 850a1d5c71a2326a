//! One TCP connection, each step towards it timed.
//!
//! A failed connect needs more thought than its error number. The same number can come from a
//! router far away (the target's trouble) or from our own routing table (ours), and only ours may
//! make us blind. So a doubtful number is followed by a question that never leaves the machine:
//! would the kernel know a way to that address? A datagram socket that is connected, and sends
//! nothing, answers it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use model::{Cause, CauseCode};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout_at},
};

use super::{errno, resolve::Family};
use crate::{Ask, World};

/// Whom to connect to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Name or address, without brackets.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) family: Family,
}

/// How long each step of a look took, summed over its connections; `None`: it was not reached.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Phases {
    pub(crate) resolve: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    /// The upgrade by STARTTLS, before the handshake.
    pub(crate) starttls: Option<Duration>,
    pub(crate) tls: Option<Duration>,
    /// From the request to the first of the answer.
    pub(crate) processing: Option<Duration>,
    /// From there to the end of the answer.
    pub(crate) transfer: Option<Duration>,
    /// The address asked last.
    pub(crate) address: Option<IpAddr>,
}

impl Phases {
    /// Adds the time since `start` to `phase`.
    pub(crate) fn add(phase: &mut Option<Duration>, start: Instant) {
        *phase = Some(phase.unwrap_or_default() + start.elapsed());
    }
}

/// Connects, without delaying small packets.
///
/// # Errors
/// Those of the resolver; refused, reset, unreachable and timeout are the target's; no route, no
/// right and our own exhaustion are ours.
pub(crate) async fn connect(
    world: &World,
    place: Place<'_>,
    ask: &Ask<'_>,
    phases: &mut Phases,
) -> Result<TcpStream, Cause> {
    let resolved = world.resolver.resolve(place.host, place.family, ask.deadline).await?;
    phases.resolve = Some(phases.resolve.unwrap_or_default() + resolved.took);
    phases.address = Some(resolved.address);
    let peer = SocketAddr::new(resolved.address, place.port);
    ask.trace.step(|| format!("resolved {} to {} in {:?}", place.host, peer.ip(), resolved.took));

    let start = Instant::now();
    let attempt = timeout_at(ask.deadline, open(peer)).await;
    let stream = match attempt {
        Err(_) => return Err(late(ask, format_args!("connecting to {peer}"))),
        Ok(Err(error)) => return Err(cause_of_connect(peer, &error)),
        Ok(Ok(stream)) => stream,
    };
    Phases::add(&mut phases.connect, start);
    ask.trace.step(|| format!("connected to {peer} in {:?}", start.elapsed()));
    Ok(stream)
}

/// The cause of a look whose time ran out while it was `doing` something.
pub(crate) fn late(ask: &Ask<'_>, doing: std::fmt::Arguments<'_>) -> Cause {
    Cause::new(CauseCode::Timeout, format!("not done {doing} after {:?}", ask.timeout))
}

/// Makes closing `stream` cut the connection, so that it leaves no port behind in TIME_WAIT.
///
/// Only for a connection over which nothing is under way any more: what was sent and has not
/// arrived is thrown away.
pub(crate) fn close_abruptly(stream: &TcpStream) {
    // Without it the connection closes in the orderly way, which is no worse than slower.
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "a connection could not be told to close at once");
    }
}

/// 4 or 6.
pub(crate) fn ip_protocol(address: IpAddr) -> f64 {
    if address.is_ipv4() { 4.0 } else { 6.0 }
}

/// FNV-1a over the address, as blackbox_exporter has it: changes when the address does.
pub(crate) fn ip_hash(address: IpAddr) -> f64 {
    const OFFSET_BASIS: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    let fold = |bytes: &[u8]| {
        bytes.iter().fold(OFFSET_BASIS, |h, b| (h ^ u32::from(*b)).wrapping_mul(PRIME))
    };
    f64::from(match address {
        IpAddr::V4(address) => fold(&address.octets()),
        IpAddr::V6(address) => fold(&address.octets()),
    })
}

async fn open(peer: SocketAddr) -> io::Result<TcpStream> {
    let socket = if peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    socket.connect(peer).await
}

fn cause_of_connect(peer: SocketAddr, error: &io::Error) -> Cause {
    let own = || own_fault(peer.ip());
    let code = match error.raw_os_error() {
        // Our kernel has no way there, or a router said that it has none.
        Some(libc::ENETUNREACH) => own().unwrap_or(CauseCode::Unreachable),
        // A rule of our own machine, or a router that lets nobody through.
        Some(libc::EACCES) => own().unwrap_or(CauseCode::Unreachable),
        // No free port, or no address of our own to come from.
        Some(libc::EADDRNOTAVAIL) => own().unwrap_or(CauseCode::Ports),
        // Other ways in which a router says no.
        Some(libc::ENONET | libc::ENOPROTOOPT | libc::EPROTO | libc::EOPNOTSUPP) => {
            CauseCode::Unreachable
        }
        _ => errno::code_of(error),
    };
    Cause::new(code, format!("connecting to {peer}: {error}"))
}

/// What our own machine has against sending anything to `address`; `None`: nothing.
fn own_fault(address: IpAddr) -> Option<CauseCode> {
    let from: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // The discard port; nothing is sent.
    let error = UdpSocket::bind((from, 0)).and_then(|it| it.connect((address, 9))).err()?;
    Some(match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => CauseCode::NoRoute,
        _ => errno::code_of(&error),
    })
}
