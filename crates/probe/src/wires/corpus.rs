//! What must hold of everything that comes over the wires, whatever the bytes.
//!
//! The first byte of an input says which reader gets the others. Fuzzing calls [`wires`] with inputs
//! of its own; what it has found to be of interest is kept, and the tests play it again.

use model::Value;
use tokio_rustls::rustls::pki_types::CertificateDer;
use url::Url;

use super::{
    accept::{Codes, Path},
    certificate::{Chain, RootEnds},
    headers::http_date,
    icmp::codec::{Framing, HEADER_BYTES, decode_quote, decode_reply},
    redirect::follow,
    snmp::corpus as snmp,
};

/// Something for each reader to begin with.
#[must_use]
pub fn seeds(_: &str) -> Vec<Vec<u8>> {
    let reply: &[u8] =
        b"\x30\x2a\x02\x01\x01\x04\x06public\xa2\x1d\x02\x01\x07\x02\x01\0\x02\x01\0\
        \x30\x12\x30\x10\x06\x08\x2b\x06\x01\x02\x01\x01\x03\0\x43\x04\0\x12\xd6\x87";
    let echo: &[u8] =
        b"\x45\0\0\x24\0\0\0\0\x40\x01\0\0\x7f\0\0\x01\x7f\0\0\x01\0\0\xff\xf8\0\x03\0\x04";
    let all: [(u8, &[u8]); 12] = [
        (0, echo),
        (0, b"\x81\0\0\0\0\x03\0\x04payload"),
        (1, reply),
        (1, b"\x30\x0f\x02\x01\x03\x30\x0a\x02\x01\x07\x02\x02\x05\xdc\x04\x01\x04"),
        (2, b"ifInOctets.3"),
        (2, b".1.3.6.1.2.1.1.3.0"),
        (3, b"Sun, 06 Nov 1994 08:49:37 GMT"),
        (4, b"//other.example:8443/a?b#c"),
        (4, b"https://user:word@web.example/../x"),
        (5, b"301..308"),
        (6, b"$.checks[0][\"odd.key\"].status"),
        (7, b"\x30\x82\x01\x00\x30\x81\xa7\xa0\x03\x02\x01\x02\x02\x01\x01"),
    ];
    all.map(|(reader, it)| [&[reader], it].concat()).to_vec()
}

/// Something that came over a wire.
///
/// # Panics
/// When something does not hold.
pub fn wires(input: &[u8]) {
    let Some((reader, bytes)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    match reader % 8 {
        0 => echo(bytes),
        1 => snmp::message(bytes),
        2 => snmp::name(&text),
        3 => {
            let end_of_9999 = 253_402_300_800;
            assert!(http_date(&text).is_none_or(|it| (0..=end_of_9999).contains(&it)), "{text}");
        }
        4 => redirect(bytes),
        5 => {
            if let Ok(codes) = Codes::parse(&Value::Text(text.as_ref().into())) {
                assert!(!codes.has(0) && !codes.has(99) && !codes.has(600), "{text}");
            }
        }
        6 => drop(Path::parse(&text)),
        _ => certificates(bytes),
    }
}

fn echo(bytes: &[u8]) {
    for framing in [Framing::RawV4, Framing::DatagramV4, Framing::V6] {
        for is_cut in [false, true] {
            if let Some(echo) = decode_reply(framing, bytes, is_cut) {
                assert!(echo.payload.len() + HEADER_BYTES <= bytes.len());
            }
        }
        if let Some(echo) = decode_quote(framing, bytes) {
            assert!(echo.payload.len() + HEADER_BYTES <= bytes.len());
        }
    }
}

fn redirect(location: &[u8]) {
    let from = Url::parse("https://web.example:8443/a/b?c=secret").expect("a good address");
    match follow(&from, location) {
        Ok(hop) => {
            assert!(matches!(hop.url.scheme(), "http" | "https"), "out of HTTP: {}", hop.url);
            assert!(hop.url.username().is_empty() && hop.url.password().is_none());
            assert!(!hop.trusted || hop.url.host() == from.host(), "trusted: {}", hop.url);
            assert!(!hop.trusted || hop.url.scheme() == "https", "trusted: {}", hop.url);
        }
        Err(cause) => assert!(!cause.text.contains("secret"), "{cause:?}"),
    }
}

/// Certificates one behind the other, each with its length in two bytes before it.
fn certificates(mut bytes: &[u8]) {
    let mut sent = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        sent.push(CertificateDer::from(rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    let mut roots = RootEnds::default();
    if let Some(last) = sent.last() {
        roots.add(last);
    }
    if let Some(chain) = Chain::read(&sent, &roots) {
        assert!(chain.earliest_end <= chain.leaf_end);
        assert!(chain.trusted_end.is_none_or(|it| it <= chain.leaf_end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_kept_is_read() {
        xtask::corpora::replay("wires", wires);
        seeds("").iter().for_each(|it| wires(it));
    }
}
