//! The system calls that no safe crate offers, and nothing else: batches of datagrams with control
//! messages, and socket options by number.
//!
//! The only place of the project where `unsafe` is allowed. Everything that crosses into the kernel
//! is a plain array of bytes here, so each block has one claim to defend: these pointers are valid
//! for these lengths during this call. Taking the bytes apart is safe code, below and in the wires.

#![allow(unsafe_code)]

mod control;
mod datagrams;

use std::{
    io,
    mem::{size_of, size_of_val},
    os::fd::{AsRawFd, BorrowedFd},
};

use socket2::Socket;
use tokio::io::{Interest, unix::AsyncFd};

pub(crate) use control::NetworkError;
pub(crate) use datagrams::{BATCH, Datagram, Inbox, Outbox, Queue};

/// `linux/icmp.h`.
const ICMP_FILTER: i32 = 1;
/// `linux/icmpv6.h`.
const ICMPV6_FILTER: i32 = 1;
/// Place of the drop counter in the answer to `SO_MEMINFO` (`SK_MEMINFO_DROPS`).
const MEMINFO_DROPS: usize = 8;
/// Words of the answer to `SO_MEMINFO` (`SK_MEMINFO_VARS`).
const MEMINFO_WORDS: usize = 9;

/// Values that may be handed to the kernel as they lie in memory.
trait Plain: Copy {}
impl Plain for i32 {}
impl Plain for u32 {}
impl Plain for [u32; 8] {}

/// `setsockopt`.
fn set<T: Plain>(socket: BorrowedFd<'_>, level: i32, name: i32, value: T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).expect("a few words are few bytes");
    // SAFETY: `value` lives until after the call and is `length` initialised bytes long: `Plain`
    // is implemented for integers and arrays of them alone, which have no padding.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Switches an option that is a flag.
fn switch_on(socket: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<()> {
    set(socket, level, name, 1_i32)
}

/// Lets nothing but echo replies through to a raw socket.
pub(crate) fn only_echo_replies(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    const ECHO_REPLY_V6: usize = 129;
    if v6 {
        let mut blocked = [u32::MAX; 8];
        blocked[ECHO_REPLY_V6 / 32] &= !(1 << (ECHO_REPLY_V6 % 32));
        return set(socket, libc::IPPROTO_ICMPV6, ICMPV6_FILTER, blocked);
    }
    // Bit n blocks type n; an echo reply is type 0.
    set(socket, libc::SOL_RAW, ICMP_FILTER, !1_u32)
}

/// Every datagram comes with the time at which the kernel got it, and its hop limit.
pub(crate) fn tell_arrival(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    switch_on(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)?;
    match v6 {
        false => switch_on(socket, libc::IPPROTO_IP, libc::IP_RECVTTL),
        true => switch_on(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT),
    }
}

/// Errors of the network are queued for reading, and a full transmit queue of our own is told.
/// Without it the kernel says that a packet was sent which it threw away.
pub(crate) fn tell_errors(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    match v6 {
        false => switch_on(socket, libc::IPPROTO_IP, libc::IP_RECVERR),
        true => switch_on(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    }
}

/// Asks for a receive buffer beyond the system's limit; needs the right to administer the network.
pub(crate) fn force_receive_buffer(socket: BorrowedFd<'_>, bytes: i32) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes)
}

/// How many datagrams the kernel has dropped because the socket's buffer was full, modulo 2^32.
///
/// `SO_RXQ_OVFL` tells the same, but only with the next datagram that comes; after a burst there
/// may be none.
pub(crate) fn dropped(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut words = [0_u32; MEMINFO_WORDS];
    let mut length = libc::socklen_t::try_from(size_of_val(&words)).expect("nine words are few");
    // SAFETY: `words` is `length` writable bytes, and the kernel writes no more than `length`.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            words.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if done == 0 { Ok(words[MEMINFO_DROPS]) } else { Err(io::Error::last_os_error()) }
}

/// Has the runtime tell when something can be read from `socket`: a datagram or an error.
///
/// Must be called inside a runtime.
pub(crate) fn watch(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: the `Socket` owns its descriptor, which is open, and closes it only when it is
    // dropped, which the `AsyncFd` does last. Nobody gets a mutable reference to exchange it by.
    let watched =
        unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE | Interest::ERROR) };
    watched.map_err(Into::into)
}

/// Gives the calling thread a network of its own, so that a test can break it.
#[cfg(test)]
pub(crate) fn leave_network() -> io::Result<()> {
    // SAFETY: takes no pointer; changes nothing but the network namespace of this thread.
    let done = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes every privilege from the calling thread, for good, so that a test can be refused.
#[cfg(test)]
pub(crate) fn drop_rights() -> io::Result<()> {
    /// `_LINUX_CAPABILITY_VERSION_3` and "this thread".
    const HEADER: [u32; 2] = [0x2008_0522, 0];
    // Effective, permitted and inheritable, twice 32 bits of each: none.
    const NOTHING: [u32; 6] = [0; 6];
    let (mut header, nothing) = (HEADER, NOTHING);
    // SAFETY: both arrays have the size and layout of the kernel's structures (32-bit words only)
    // and live until the call is over; the kernel may write to the header, which is mutable.
    let done = unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), nothing.as_ptr()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
