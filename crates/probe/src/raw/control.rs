//! Control messages and socket addresses, as the bytes that the kernel reads and writes.
//!
//! Taken apart by plain slicing with checked lengths: less code than the C macros, and no pointer.

use std::{
    mem::size_of,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime},
};

/// Bytes of the largest socket address that we handle, that of IPv6.
pub(super) const NAME_BYTES: usize = 28;
/// Bytes of an IPv4 socket address.
const NAME_V4_BYTES: usize = 16;
/// Length, level and type.
const HEAD_BYTES: usize = size_of::<usize>() + 8;
/// Room for what comes with one datagram: time stamp (32), hop limit (24), extended error with the
/// address of whoever sent it (64), with a reserve.
pub(super) const CONTROL_BYTES: usize = 192;
/// Room for a hop limit on the way out.
pub(super) const CONTROL_OUT_BYTES: usize = HEAD_BYTES + 8;
/// Bytes of `struct sock_extended_err`; the address of the offender follows it.
const EXTENDED_ERROR_BYTES: usize = 16;
/// `SO_EE_ORIGIN_LOCAL`: our own kernel says so, for example that the packet is too large.
const ORIGIN_LOCAL: u8 = 1;

/// What the network said about a packet of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NetworkError {
    /// As an error number.
    pub(crate) number: i32,
    /// Type and code of the ICMP message; `None` if our own kernel said it.
    pub(crate) message: Option<(u8, u8)>,
    /// Who said it, if it was said from outside.
    pub(crate) offender: Option<IpAddr>,
}

/// What came with one datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attached {
    pub(super) arrived_at: Option<SystemTime>,
    pub(super) hop_limit: Option<u8>,
    pub(super) error: Option<NetworkError>,
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn int(bytes: &[u8], at: usize) -> Option<i32> {
    word(bytes, at).map(i32::from_ne_bytes)
}

/// Reads what the kernel attached; what it does not know, it passes over.
pub(super) fn read(mut bytes: &[u8]) -> Attached {
    let mut attached = Attached::default();
    while let Some(length) = word(bytes, 0).map(usize::from_ne_bytes) {
        let (Some(level), Some(kind)) =
            (int(bytes, size_of::<usize>()), int(bytes, size_of::<usize>() + 4))
        else {
            break;
        };
        let Some(content) = bytes.get(HEAD_BYTES..length) else { break };
        attach(&mut attached, (level, kind), content);
        let Some(rest) = bytes.get(length.next_multiple_of(size_of::<usize>())..) else { break };
        bytes = rest;
    }
    attached
}

fn attach(attached: &mut Attached, kind: (i32, i32), content: &[u8]) {
    match kind {
        (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => attached.arrived_at = time(content),
        (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
            attached.hop_limit = int(content, 0).and_then(|it| u8::try_from(it).ok());
        }
        (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
            attached.error = network_error(content);
        }
        _ => {}
    }
}

fn time(content: &[u8]) -> Option<SystemTime> {
    let seconds = word(content, 0).map(i64::from_ne_bytes)?;
    let nanos = word(content, 8).map(i64::from_ne_bytes)?;
    let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

fn network_error(content: &[u8]) -> Option<NetworkError> {
    let number = int(content, 0)?;
    let [origin, kind, code] = word(content, 4)?;
    let message = (origin != ORIGIN_LOCAL).then_some((kind, code));
    let offender = content.get(EXTENDED_ERROR_BYTES..).and_then(address);
    Some(NetworkError { number, message, offender })
}

/// The address in a socket address.
pub(super) fn address(name: &[u8]) -> Option<IpAddr> {
    match i32::from(u16::from_ne_bytes(word(name, 0)?)) {
        libc::AF_INET => Some(Ipv4Addr::from(word::<4>(name, 4)?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(word::<16>(name, 8)?).into()),
        _ => None,
    }
}

/// The socket address of `address` with port 0, and its length.
pub(super) fn name(address: IpAddr) -> ([u8; NAME_BYTES], usize) {
    let mut name = [0; NAME_BYTES];
    let (family, length) = match address {
        IpAddr::V4(v4) => {
            name[4..8].copy_from_slice(&v4.octets());
            (libc::AF_INET, NAME_V4_BYTES)
        }
        IpAddr::V6(v6) => {
            name[8..24].copy_from_slice(&v6.octets());
            (libc::AF_INET6, NAME_BYTES)
        }
    };
    let family = u16::try_from(family).expect("address families are small numbers");
    name[..2].copy_from_slice(&family.to_ne_bytes());
    (name, length)
}

/// The control message that sets the hop limit of one packet.
pub(super) fn hop_limit(limit: u8, v6: bool) -> [u8; CONTROL_OUT_BYTES] {
    let (level, kind) = match v6 {
        false => (libc::IPPROTO_IP, libc::IP_TTL),
        true => (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT),
    };
    let mut bytes = [0; CONTROL_OUT_BYTES];
    let length_bytes = size_of::<usize>();
    bytes[..length_bytes].copy_from_slice(&(HEAD_BYTES + 4).to_ne_bytes());
    bytes[length_bytes..][..4].copy_from_slice(&level.to_ne_bytes());
    bytes[length_bytes + 4..][..4].copy_from_slice(&kind.to_ne_bytes());
    bytes[HEAD_BYTES..][..4].copy_from_slice(&i32::from(limit).to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_come_back() {
        for text in ["192.0.2.1", "2001:db8::1"] {
            let address: IpAddr = text.parse().unwrap();
            let (bytes, length) = name(address);
            assert_eq!(super::address(&bytes[..length]), Some(address));
        }
        assert_eq!(super::address(&[0; 28]), None);
    }

    #[test]
    fn what_we_attach_can_be_read() {
        for v6 in [false, true] {
            assert_eq!(read(&hop_limit(7, v6)).hop_limit, Some(7));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes);
            address(&bytes);
            network_error(&bytes);
        }

        /// Random bytes seldom form a message; these do.
        #[test]
        fn no_message_makes_it_panic(
            length in 0_usize..80,
            kind in prop::sample::select(vec![
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS),
                (libc::IPPROTO_IP, libc::IP_TTL),
                (libc::IPPROTO_IP, libc::IP_RECVERR),
                (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
            ]),
            content in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend(kind.0.to_ne_bytes());
            bytes.extend(kind.1.to_ne_bytes());
            bytes.extend(content);
            read(&bytes);
        }
    }
}
