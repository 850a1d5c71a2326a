//! Echo requests and replies as bytes, and the seal by which a reply proves that it is ours.
//!
//! Pure: bytes in, values out, no panic on any bytes. An identifier of 16 bits and a sequence of 16
//! bits prove nothing: other programs ping too, and anybody can guess them. So each request carries
//! a random cookie, a number that is never used twice, the time at which it expires, and a keyed
//! digest over these with target and sequence. Only who got the request can answer it, only with
//! its own address, and only once.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
};

/// Type, code, checksum, identifier, sequence.
pub(crate) const HEADER_BYTES: usize = 8;
/// Cookie, nonce, expiry and digest, at the front of the payload.
pub(crate) const STAMP_BYTES: usize = 32;
/// The shortest header of IPv4.
const IP_HEADER_BYTES_MIN: usize = 20;

const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REPLY_V4: u8 = 0;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

/// What a socket hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// IPv4 header first, checksum not verified by the kernel.
    RawV4,
    /// ICMP header first, checksum verified by the kernel.
    DatagramV4,
    /// ICMPv6 header first, checksum verified by the kernel; raw and datagram alike.
    V6,
}

impl Framing {
    fn request_type(self) -> u8 {
        if self == Self::V6 { ECHO_REQUEST_V6 } else { ECHO_REQUEST_V4 }
    }

    fn reply_type(self) -> u8 {
        if self == Self::V6 { ECHO_REPLY_V6 } else { ECHO_REPLY_V4 }
    }
}

/// An echo request or reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Echo<'a> {
    pub(crate) identifier: u16,
    pub(crate) sequence: u16,
    /// From the IPv4 header, where there is one.
    pub(crate) hop_limit: Option<u8>,
    pub(crate) payload: &'a [u8],
}

/// Reads a reply. `None`: cut off, damaged, or no echo reply.
pub(crate) fn decode_reply(framing: Framing, bytes: &[u8], cut: bool) -> Option<Echo<'_>> {
    let (message, hop_limit) = match framing {
        Framing::RawV4 => strip_ip(bytes)?,
        Framing::DatagramV4 | Framing::V6 => (bytes, None),
    };
    // What was cut off is missing from the sum; then the seal alone must do.
    if framing == Framing::RawV4 && !cut && checksum(message) != 0 {
        return None;
    }
    decode(message, framing.reply_type(), hop_limit)
}

/// Reads a request of ours as an error message quotes it, possibly without its payload.
pub(crate) fn decode_quote(framing: Framing, bytes: &[u8]) -> Option<Echo<'_>> {
    decode(bytes, framing.request_type(), None)
}

fn decode(message: &[u8], wanted: u8, hop_limit: Option<u8>) -> Option<Echo<'_>> {
    let (header, payload) = message.split_first_chunk::<HEADER_BYTES>()?;
    let [kind, code, _, _, id_high, id_low, sequence_high, sequence_low] = *header;
    (kind == wanted && code == 0).then_some(Echo {
        identifier: u16::from_be_bytes([id_high, id_low]),
        sequence: u16::from_be_bytes([sequence_high, sequence_low]),
        hop_limit,
        payload,
    })
}

/// The content of an IPv4 packet, and its time to live.
fn strip_ip(bytes: &[u8]) -> Option<(&[u8], Option<u8>)> {
    let first = *bytes.first()?;
    let header_bytes = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header_bytes < IP_HEADER_BYTES_MIN {
        return None;
    }
    Some((bytes.get(header_bytes..)?, bytes.get(8).copied()))
}

/// The ones' complement sum of all 16-bit words, inverted; 0 for a message with a good checksum.
fn checksum(bytes: &[u8]) -> u16 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let last = rest.first().map_or(0, |it| u32::from(*it) << 8);
    let sum = pairs.iter().fold(last, |sum, pair| sum + u32::from(u16::from_be_bytes(*pair)));
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).expect("two folds of a sum of a few thousand words leave 16 bits")
}

/// An echo request to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) identifier: u16,
    pub(crate) sequence: u16,
    pub(crate) stamp: [u8; STAMP_BYTES],
    /// At least [`STAMP_BYTES`].
    pub(crate) payload_bytes: u16,
}

impl Request {
    /// Writes it to the front of `bytes`; says how long it is.
    pub(crate) fn encode(&self, framing: Framing, bytes: &mut [u8]) -> usize {
        self.write(framing.request_type(), bytes)
    }

    fn write(&self, kind: u8, bytes: &mut [u8]) -> usize {
        let length = (HEADER_BYTES + usize::from(self.payload_bytes)).min(bytes.len());
        let message = &mut bytes[..length];
        let [id_high, id_low] = self.identifier.to_be_bytes();
        let [sequence_high, sequence_low] = self.sequence.to_be_bytes();
        message[..HEADER_BYTES].copy_from_slice(&[
            kind,
            0,
            0,
            0,
            id_high,
            id_low,
            sequence_high,
            sequence_low,
        ]);
        let (stamp, filling) = message[HEADER_BYTES..].split_at_mut(STAMP_BYTES);
        stamp.copy_from_slice(&self.stamp);
        for (place, value) in filling.iter_mut().zip((0..=u8::MAX).cycle()) {
            *place = value;
        }
        // The kernel overwrites it where it knows better (IPv6, datagram sockets).
        let sum = checksum(message).to_be_bytes();
        message[2..4].copy_from_slice(&sum);
        length
    }
}

/// What a request carries to know its reply by, besides cookie and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Never used twice by one seal.
    pub(crate) nonce: u64,
    /// In nanoseconds since the ring was opened.
    pub(crate) expires_ns: u64,
}

/// What a seal thinks of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// We made it, for this peer and sequence.
    Ours(Stamp),
    /// Somebody else's ping.
    Foreign,
    /// It pretends to be ours, or comes from where we did not send it.
    Forged,
    /// Too short to tell.
    Short,
}

/// Makes and knows stamps. The keys are random and never leave the process.
#[derive(Debug)]
pub(crate) struct Seal {
    keys: RandomState,
    cookie: u64,
}

impl Seal {
    /// A seal like no other.
    pub(crate) fn new() -> Self {
        let keys = RandomState::new();
        // From other keys than the digest's, so that it gives nothing away about them.
        let cookie = RandomState::new().hash_one("cookie");
        Self { keys, cookie }
    }

    /// 16 random bits that others may know.
    pub(crate) fn tag(&self) -> u16 {
        let [high, low, ..] = self.cookie.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    fn digest(&self, peer: IpAddr, sequence: u16, stamp: Stamp) -> u64 {
        self.keys.hash_one((peer, sequence, stamp.nonce, stamp.expires_ns))
    }

    /// The stamp for a request to `peer`.
    pub(crate) fn stamp(&self, peer: IpAddr, sequence: u16, stamp: Stamp) -> [u8; STAMP_BYTES] {
        let digest = self.digest(peer, sequence, stamp);
        let words = [self.cookie, stamp.nonce, stamp.expires_ns, digest];
        let mut bytes = [0; STAMP_BYTES];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Judges a payload that `peer` sent (or to whom it was sent, in a quote).
    pub(crate) fn open(&self, peer: IpAddr, sequence: u16, payload: &[u8]) -> Opened {
        let Some(cookie) = word(payload, 0) else { return Opened::Short };
        if cookie != self.cookie {
            return Opened::Foreign;
        }
        let (Some(nonce), Some(expires_ns), Some(digest)) =
            (word(payload, 1), word(payload, 2), word(payload, 3))
        else {
            return Opened::Short;
        };
        let stamp = Stamp { nonce, expires_ns };
        if digest == self.digest(peer, sequence, stamp) {
            Opened::Ours(stamp)
        } else {
            Opened::Forged
        }
    }
}

fn word(payload: &[u8], index: usize) -> Option<u64> {
    payload.get(index * 8..)?.first_chunk().map(|it| u64::from_be_bytes(*it))
}

/// What the other side of the wire would send, for tests of everything behind the codec.
#[cfg(test)]
pub(crate) mod forge {
    use std::net::Ipv4Addr;

    use super::{Framing, HEADER_BYTES, Request, checksum};

    /// Source and destination of an IPv4 packet.
    pub(crate) type Route = (Ipv4Addr, Ipv4Addr);

    /// The reply to `request`, without the header of IPv4.
    pub(crate) fn reply(framing: Framing, request: &Request) -> Vec<u8> {
        let mut message = vec![0; HEADER_BYTES + usize::from(request.payload_bytes)];
        request.write(framing.reply_type(), &mut message);
        message
    }

    /// An error of the network that quotes so many bytes of `request`, which went along `route`.
    pub(crate) fn host_unreachable(request: &Request, route: Route, quoted: usize) -> Vec<u8> {
        let mut original = vec![0; HEADER_BYTES + usize::from(request.payload_bytes)];
        request.encode(Framing::RawV4, &mut original);
        let mut message = vec![3, 1, 0, 0, 0, 0, 0, 0];
        message.extend(packet(route, &original[..quoted]));
        let sum = checksum(&message).to_be_bytes();
        message[2..4].copy_from_slice(&sum);
        message
    }

    /// `message` with a header of IPv4.
    pub(crate) fn packet((source, destination): Route, message: &[u8]) -> Vec<u8> {
        let length = u16::try_from(20 + message.len()).unwrap().to_be_bytes();
        let mut packet = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 1, 0, 0];
        packet.extend(source.octets());
        packet.extend(destination.octets());
        let sum = checksum(&packet).to_be_bytes();
        packet[10..12].copy_from_slice(&sum);
        packet.extend(message);
        packet
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    const FRAMINGS: [Framing; 3] = [Framing::RawV4, Framing::DatagramV4, Framing::V6];
    const STAMP: Stamp = Stamp { nonce: 7, expires_ns: 5_000_000_000 };
    const SEQUENCE: u16 = 513;

    fn peer(framing: Framing) -> IpAddr {
        match framing {
            Framing::V6 => Ipv6Addr::LOCALHOST.into(),
            _ => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// A reply as a socket of this framing shows it.
    fn reply(framing: Framing, request: &Request) -> Vec<u8> {
        let message = forge::reply(framing, request);
        match framing {
            Framing::RawV4 => forge::packet((Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST), &message),
            _ => message,
        }
    }

    fn request(seal: &Seal, framing: Framing) -> Request {
        let stamp = seal.stamp(peer(framing), SEQUENCE, STAMP);
        Request { identifier: 0xbeef, sequence: SEQUENCE, stamp, payload_bytes: 56 }
    }

    #[test]
    fn a_reply_is_read_as_it_was_asked() {
        for framing in FRAMINGS {
            let seal = Seal::new();
            let bytes = reply(framing, &request(&seal, framing));
            let echo = decode_reply(framing, &bytes, false).unwrap();
            assert_eq!((echo.identifier, echo.sequence), (0xbeef, SEQUENCE));
            assert_eq!(echo.payload.len(), 56);
            assert_eq!(echo.hop_limit, (framing == Framing::RawV4).then_some(64));
            let opened = seal.open(peer(framing), echo.sequence, echo.payload);
            assert_eq!(opened, Opened::Ours(STAMP));
        }
    }

    #[test]
    fn a_known_checksum() {
        // The example of RFC 1071, section 3.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0xff]), !0xff00);
    }

    #[test]
    fn a_request_is_no_reply() {
        for framing in FRAMINGS {
            let mut bytes = [0; 64];
            let length = request(&Seal::new(), framing).encode(framing, &mut bytes);
            assert_eq!(length, 64);
            assert_eq!(decode_reply(framing, &bytes, true), None);
            assert!(decode_quote(framing, &bytes).is_some());
        }
    }

    #[test]
    fn the_seal_tells_whose_it_is() {
        let seal = Seal::new();
        let stamp = seal.stamp(peer(Framing::RawV4), SEQUENCE, STAMP);
        let open = |peer: &str, sequence| seal.open(peer.parse().unwrap(), sequence, &stamp);
        assert_eq!(open("127.0.0.1", SEQUENCE), Opened::Ours(STAMP));
        assert_eq!(open("127.0.0.2", SEQUENCE), Opened::Forged, "from another address");
        assert_eq!(open("127.0.0.1", SEQUENCE + 1), Opened::Forged, "with another sequence");
        let other = Seal::new();
        assert_eq!(other.open(peer(Framing::RawV4), SEQUENCE, &stamp), Opened::Foreign);
        assert_eq!(seal.open(peer(Framing::RawV4), SEQUENCE, &stamp[..31]), Opened::Short);
        assert_eq!(seal.open(peer(Framing::RawV4), SEQUENCE, &[]), Opened::Short);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..128),
            cut: bool,
        ) {
            let seal = Seal::new();
            for framing in FRAMINGS {
                for echo in [decode_reply(framing, &bytes, cut), decode_quote(framing, &bytes)]
                    .into_iter()
                    .flatten()
                {
                    let opened = seal.open(peer(framing), echo.sequence, echo.payload);
                    prop_assert!(!matches!(opened, Opened::Ours(_)));
                }
            }
        }

        /// One bit turned over anywhere in the stamp, and it is no longer ours.
        #[test]
        fn no_damaged_stamp_is_ours(bit in 0..STAMP_BYTES * 8) {
            let seal = Seal::new();
            let peer = peer(Framing::V6);
            let mut stamp = seal.stamp(peer, SEQUENCE, STAMP);
            stamp[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!matches!(seal.open(peer, SEQUENCE, &stamp), Opened::Ours(_)));
        }

        /// A raw socket shows damaged packets too; none of them gets past the checksum.
        #[test]
        fn no_damaged_reply_is_read(bit in 20 * 8..84_usize * 8) {
            let seal = Seal::new();
            let request = request(&seal, Framing::RawV4);
            let mut bytes = reply(Framing::RawV4, &request);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode_reply(Framing::RawV4, &bytes, false), None);
        }
    }
}
