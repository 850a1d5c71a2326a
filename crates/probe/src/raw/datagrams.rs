//! Batches of datagrams: `recvmmsg` and `sendmmsg`.
//!
//! The memory that the kernel writes to is made once and used again; the structures that point at
//! it are made anew for every call, so no pointer outlives the call that it was made for.

use std::{
    fmt, io,
    mem::MaybeUninit,
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
    time::SystemTime,
};

use super::control::{self, CONTROL_BYTES, CONTROL_OUT_BYTES, NAME_BYTES, NetworkError};

/// Datagrams in one call. Measured on loopback: more than 32 at once gain nothing.
pub(crate) const BATCH: usize = 32;
/// Bytes kept of one datagram: an Ethernet frame's worth, and a little.
pub(crate) const DATAGRAM_BYTES_MAX: usize = 1_600;

/// What to read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// What others sent to us.
    Replies,
    /// What the network said about packets of ours; see [`super::tell_errors`].
    Errors,
}

/// One datagram, as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram<'a> {
    /// The first [`DATAGRAM_BYTES_MAX`] of it. From [`Queue::Errors`]: as much as was quoted of
    /// the packet that the error is about.
    pub(crate) bytes: &'a [u8],
    /// Who sent it; from [`Queue::Errors`]: to whom we sent that packet.
    pub(crate) peer: Option<IpAddr>,
    /// Was it longer than what is kept?
    pub(crate) cut: bool,
    /// When the kernel got it.
    pub(crate) arrived_at: Option<SystemTime>,
    /// Hop limit with which it arrived.
    pub(crate) hop_limit: Option<u8>,
    /// What it is about.
    pub(crate) error: Option<NetworkError>,
}

/// Where the kernel puts what it received.
struct Place {
    bytes: [u8; DATAGRAM_BYTES_MAX],
    name: [u8; NAME_BYTES],
    control: [u8; CONTROL_BYTES],
    length: usize,
    name_length: usize,
    control_length: usize,
    cut: bool,
}

/// Memory for one batch of received datagrams.
pub(crate) struct Inbox(Box<[Place]>);

/// Memory for one batch of datagrams to send.
pub(crate) struct Outbox {
    parcels: Box<[Parcel]>,
    used: usize,
}

/// One datagram to send.
struct Parcel {
    bytes: [u8; DATAGRAM_BYTES_MAX],
    name: [u8; NAME_BYTES],
    control: [u8; CONTROL_OUT_BYTES],
    length: usize,
    name_length: usize,
    control_length: usize,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox")
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({})", self.used)
    }
}

/// A header that says nothing.
fn empty_header() -> libc::mmsghdr {
    // SAFETY: a `mmsghdr` is integers and pointers (and padding on some systems); zeros are a
    // valid value of all of them: null pointers with lengths of zero.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn empty_vector() -> libc::iovec {
    libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }
}

impl Inbox {
    /// Room for [`BATCH`] datagrams.
    pub(crate) fn new() -> Self {
        let place = || Place {
            bytes: [0; DATAGRAM_BYTES_MAX],
            name: [0; NAME_BYTES],
            control: [0; CONTROL_BYTES],
            length: 0,
            name_length: 0,
            control_length: 0,
            cut: false,
        };
        Self((0..BATCH).map(|_| place()).collect())
    }

    /// Takes in what is there, without waiting; says how many.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; an error that an earlier packet met, once.
    #[allow(clippy::unnecessary_cast, reason = "the type of a length differs between C libraries")]
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>, queue: Queue) -> io::Result<usize> {
        let mut vectors = [empty_vector(); BATCH];
        let mut headers = [empty_header(); BATCH];
        for ((place, vector), header) in self.0.iter_mut().zip(&mut vectors).zip(&mut headers) {
            vector.iov_base = place.bytes.as_mut_ptr().cast();
            vector.iov_len = place.bytes.len();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = place.name.as_mut_ptr().cast();
            header.msg_hdr.msg_namelen = NAME_BYTES as libc::socklen_t;
            header.msg_hdr.msg_control = place.control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        }
        let flags = match queue {
            Queue::Replies => libc::MSG_DONTWAIT,
            Queue::Errors => libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE,
        };
        // SAFETY: `headers` holds `BATCH` headers. Each points at one vector in `vectors` and at
        // arrays in `self`, all of which live until the call is over, with their true lengths; no
        // two of them overlap. A null timeout is allowed.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                flags as _,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (place, header) in self.0.iter_mut().zip(&headers).take(count) {
            place.length = (header.msg_len as usize).min(DATAGRAM_BYTES_MAX);
            place.name_length = (header.msg_hdr.msg_namelen as usize).min(NAME_BYTES);
            place.control_length = (header.msg_hdr.msg_controllen as usize).min(CONTROL_BYTES);
            place.cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        }
        Ok(count)
    }

    /// The datagram at place `index` of what [`Self::receive`] took in last.
    pub(crate) fn datagram(&self, index: usize) -> Datagram<'_> {
        let place = &self.0[index];
        let attached = control::read(&place.control[..place.control_length]);
        Datagram {
            bytes: &place.bytes[..place.length],
            peer: control::address(&place.name[..place.name_length]),
            cut: place.cut,
            arrived_at: attached.arrived_at,
            hop_limit: attached.hop_limit,
            error: attached.error,
        }
    }
}

impl Outbox {
    /// Room for [`BATCH`] datagrams.
    pub(crate) fn new() -> Self {
        let parcel = || Parcel {
            bytes: [0; DATAGRAM_BYTES_MAX],
            name: [0; NAME_BYTES],
            control: [0; CONTROL_OUT_BYTES],
            length: 0,
            name_length: 0,
            control_length: 0,
        };
        Self { parcels: (0..BATCH).map(|_| parcel()).collect(), used: 0 }
    }

    /// Is there no room for another one?
    pub(crate) fn is_full(&self) -> bool {
        self.used == BATCH
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// Adds a datagram whose bytes `write` puts down; it says how many.
    pub(crate) fn put(
        &mut self,
        target: IpAddr,
        hop_limit: Option<u8>,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) {
        let parcel = &mut self.parcels[self.used];
        (parcel.name, parcel.name_length) = control::name(target);
        parcel.control_length = 0;
        if let Some(limit) = hop_limit {
            parcel.control = control::hop_limit(limit, target.is_ipv6());
            parcel.control_length = CONTROL_OUT_BYTES;
        }
        parcel.length = write(&mut parcel.bytes).min(DATAGRAM_BYTES_MAX);
        self.used += 1;
    }

    /// Sends from the `first` on, without waiting; says how many went.
    ///
    /// # Errors
    /// What the first of them met. Not sure to be its own fault: the kernel hands out an error
    /// that an earlier packet met here too, once.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>, first: usize) -> io::Result<usize> {
        let mut vectors = [empty_vector(); BATCH];
        let mut headers = [empty_header(); BATCH];
        let parcels = &mut self.parcels[first..self.used];
        for ((parcel, vector), header) in parcels.iter_mut().zip(&mut vectors).zip(&mut headers) {
            vector.iov_base = parcel.bytes.as_mut_ptr().cast();
            vector.iov_len = parcel.length;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = parcel.name.as_mut_ptr().cast();
            header.msg_hdr.msg_namelen = parcel.name_length as libc::socklen_t;
            if parcel.control_length > 0 {
                header.msg_hdr.msg_control = parcel.control.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = parcel.control_length as _;
            }
        }
        let count = self.used - first;
        // SAFETY: the first `count` of `headers` each point at one vector in `vectors` and at
        // arrays in `self`, all of which live until the call is over, with lengths that do not
        // exceed theirs. The kernel only reads them, and writes the sent length into the headers.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                count as libc::c_uint,
                (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}
