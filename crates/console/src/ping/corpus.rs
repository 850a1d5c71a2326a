//! What must hold of a ping, whatever its path, headers and body.
//!
//! An input has a line each for token, signal, query, what the client calls itself, and for whom a
//! proxy asks; what follows is the body, which comes in pieces where it has form feeds.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use super::{
    AGENT_CHARS_MAX, Extension, HeaderMap, HeaderValue, PING_BODY_BYTES_MAX, Peer, Signal,
    TOKEN_CHARS, agent_of, body_of, crowd_of, header, peer_of, run_of, signal_of, token_of,
};

const PINGS: [&str; 5] = [
    "abcdefghijklmnopqrstuvwx27\n\n\ncurl/8.9\n\n",
    "ABCDEFGHIJKLMNOPQRSTUVWX27\nstart\ncreate=1&rid=728b3763-4f9c-4b7a-8d2f-0123456789ab\n\n192.0.2.1\nok",
    "abcdefghijklmnopqrstuvwx27\nfail\nrid=%37%32\nPython-urllib\n203.0.113.9, 2001:db8::1\na\u{c}b\u{c}\u{c}c",
    "abcdefghijklmnopqrstuvwx27\n255\nrid\n\n::ffff:192.0.2.1\nexit",
    "abcdefghijklmnopqrstuvwx2\nlog\n&&=&;\n\u{1b}[31m\n\u{e9}\n",
];

/// Inputs to begin with.
#[must_use]
pub fn seeds(_: &str) -> Vec<Vec<u8>> {
    PINGS.map(|it| it.as_bytes().to_vec()).to_vec()
}

/// A ping.
///
/// # Panics
/// When something does not hold.
pub fn pings(input: &[u8]) {
    let mut parts = input.splitn(6, |it| *it == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (token, signal, query) = (next(), next(), next());
    let (agent, forwarded, body) = (next(), next(), next());
    named(&String::from_utf8_lossy(token), &String::from_utf8_lossy(signal));
    if let Ok(Some(run)) = run_of(Some(&String::from_utf8_lossy(query))) {
        assert!(run.len() == 36 && !run.contains(|it: char| it.is_uppercase()), "{run:?}");
    }
    let mut headers = HeaderMap::new();
    for (name, value) in [(header::USER_AGENT.as_str(), agent), ("x-forwarded-for", forwarded)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let agent = agent_of(&headers);
    assert!(agent.chars().count() <= AGENT_CHARS_MAX, "a name of {} bytes", agent.len());
    assert!(!agent.chars().any(char::is_control), "{agent:?}");
    // Only a proxy on this machine may say for whom it asks.
    for at in [[198, 51, 100, 7], [127, 0, 0, 1]] {
        let peer = peer_of(Some(Extension(Peer(at.into()))), &headers);
        assert!(at[0] == 127 || peer == std::net::IpAddr::from(at), "{at:?} speaks for {peer}");
        let _ = crowd_of(peer);
    }
    of_body(body);
}

fn named(token: &str, signal: &str) {
    if let Some(token) = token_of(token) {
        assert!(token.len() == TOKEN_CHARS, "{token:?}");
        assert!(token.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()));
    }
    if let Some(Signal::Exit(code)) = signal_of(signal) {
        assert_eq!(signal.parse::<u8>(), Ok(code));
    }
}

fn of_body(body: &[u8]) {
    // A short one again and again: so even that of a fuzzer reaches the limit.
    let times = if body.len() >= 64 { 1_000 } else { 1 };
    let pieces: Vec<Bytes> = body.split(|it| *it == 0x0c).map(Bytes::copy_from_slice).collect();
    let pieces: Vec<Bytes> = std::iter::repeat_n(pieces, times).flatten().collect();
    let sent: usize = pieces.iter().map(Bytes::len).sum();
    let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without sockets can always be made");
    let (kept, is_cut) = runtime.block_on(body_of(body)).expect("it comes in time");
    assert_eq!(kept.len(), sent.min(PING_BODY_BYTES_MAX), "its begin is kept");
    assert_eq!(is_cut, sent > PING_BODY_BYTES_MAX, "what is cut is said to be");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kept_ping_is_answered() {
        xtask::corpora::replay("pings", pings);
        seeds("").iter().for_each(|it| pings(it));
    }
}
