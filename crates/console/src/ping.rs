//! Pings, in the shape that clients of healthchecks use: `/ping/TOKEN`, `/start`, `/fail`, `/log`,
//! `/EXIT-CODE`.
//!
//! The token in the path is the secret, so there is no other. `OK` is said only once the ping is
//! kept. Machines ask here, not browsers: nothing hangs on where a request comes from, and everything
//! on how much and how often.

#[cfg(any(test, feature = "fuzz"))]
pub mod corpus;

use std::{net::IpAddr, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::BytesMut;
use futures_util::StreamExt;
use model::stable_hash;
use tokio::time::timeout;

use crate::api::{Api, NotTaken, Ping, Signal};

/// What is kept of the body of a ping.
pub const PING_BODY_BYTES_MAX: usize = 100_000;

/// What is read of a body and not kept, so that its sender gets an answer.
const DISCARDED_BYTES_MAX: usize = 8 << 20;

/// Longest time in which a body may trickle in.
const BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// Longest wait until a ping is kept.
const KEEP_WAIT_MAX: Duration = Duration::from_secs(10);

/// Characters of a token.
const TOKEN_CHARS: usize = 26;

/// Characters of what a client calls itself.
const AGENT_CHARS_MAX: usize = 200;

/// Who has opened the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The paths of pings.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(api: &Api) -> Router<S> {
    Router::new()
        .route("/ping/{token}", get(plain).post(plain))
        .route("/ping/{token}/{signal}", get(signalled).post(signalled))
        .with_state(api.clone())
}

async fn plain(
    State(api): State<Api>,
    peer: Option<Extension<Peer>>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    hear(&api, peer, &token, "", query.as_deref(), request).await
}

async fn signalled(
    State(api): State<Api>,
    peer: Option<Extension<Peer>>,
    Path((token, signal)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    hear(&api, peer, &token, &signal, query.as_deref(), request).await
}

async fn hear(
    api: &Api,
    peer: Option<Extension<Peer>>,
    token: &str,
    signal: &str,
    query: Option<&str>,
    request: Request,
) -> Response {
    let peer = peer_of(peer, request.headers());
    if !api.may_ping(crowd_of(peer)) {
        return too_many();
    }
    let (Some(token), Some(signal)) = (token_of(token), signal_of(signal)) else {
        return unknown();
    };
    let run = match run_of(query) {
        Ok(run) => run,
        Err(why) => return (StatusCode::BAD_REQUEST, why).into_response(),
    };
    let agent = agent_of(request.headers());
    let (body, cut) = match body_of(request.into_body()).await {
        Ok(body) => body,
        Err(why) => return why.into_response(),
    };
    let at = api.now();
    let ping = Ping { token, signal, run, body, cut, peer, agent, at };
    let Some(watchdogs) = api.ears() else { return not_now() };
    match timeout(KEEP_WAIT_MAX, watchdogs.ping(ping)).await {
        Ok(Ok(())) => {
            let limit = HeaderValue::from(PING_BODY_BYTES_MAX);
            ([("ping-body-limit", limit)], "OK").into_response()
        }
        Ok(Err(NotTaken::Nobody)) => unknown(),
        Ok(Err(NotTaken::Unreadable(_))) => {
            (StatusCode::BAD_REQUEST, "it cannot be read\n").into_response()
        }
        Ok(Err(NotTaken::NotNow(why))) => {
            tracing::warn!(why, "a ping cannot be kept now");
            not_now()
        }
        Err(_) => not_now(),
    }
}

/// A proxy on this machine says for whom it asks; anybody else speaks for themselves.
fn peer_of(peer: Option<Extension<Peer>>, headers: &HeaderMap) -> IpAddr {
    let peer = peer.map_or(IpAddr::from([0; 4]), |it| it.0.0).to_canonical();
    let last = headers.get_all("x-forwarded-for").iter().next_back();
    let said = last.and_then(|it| it.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    if peer.is_loopback() { said.unwrap_or(peer) } else { peer }
}

/// The bucket of whoever asks.
pub(crate) fn bucket_of(peer: Option<Extension<Peer>>, headers: &HeaderMap) -> u64 {
    crowd_of(peer_of(peer, headers))
}

/// Those who share a bucket: one address of IPv4, one network of IPv6.
fn crowd_of(peer: IpAddr) -> u64 {
    match peer.to_canonical() {
        IpAddr::V4(it) => stable_hash(&it.to_string()),
        IpAddr::V6(it) => stable_hash(&format!("{:x?}", &it.segments()[..4])),
    }
}

/// What looks like no token is none; whether it is one is for others to say.
fn token_of(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let is_letter = |it: u8| it.is_ascii_lowercase() || (b'2'..=b'7').contains(&it);
    (text.len() == TOKEN_CHARS && text.bytes().all(is_letter)).then_some(text)
}

fn signal_of(text: &str) -> Option<Signal> {
    let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    match text {
        "" => Some(Signal::Success),
        "start" => Some(Signal::Start),
        "fail" => Some(Signal::Fail),
        "log" => Some(Signal::Log),
        code if is_number => code.parse().ok().map(Signal::Exit),
        _ => None,
    }
}

/// The UUID in `rid`. Other parameters are none of our business: clients add their own.
fn run_of(query: Option<&str>) -> Result<Option<String>, &'static str> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or("").as_bytes());
    let Some((_, run)) = pairs.find(|it| it.0 == "rid") else { return Ok(None) };
    let run = run.to_ascii_lowercase();
    let places = [8, 13, 18, 23];
    let fits = |(place, it): (usize, u8)| match places.contains(&place) {
        true => it == b'-',
        false => it.is_ascii_hexdigit(),
    };
    let is_uuid = run.len() == 36 && run.bytes().enumerate().all(fits);
    if is_uuid { Ok(Some(run)) } else { Err("parameter rid: not a UUID\n") }
}

/// One line of text.
fn agent_of(headers: &HeaderMap) -> String {
    let said = headers.get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    let said = String::from_utf8_lossy(said);
    said.chars().filter(|it| !it.is_control()).take(AGENT_CHARS_MAX).collect()
}

/// Why a body was not taken.
type NoBody = (StatusCode, &'static str);

/// The begin of the body, and whether there was more.
async fn body_of(body: Body) -> Result<(Bytes, bool), NoBody> {
    let read = async {
        let mut stream = body.into_data_stream();
        let (mut kept, mut seen) = (BytesMut::new(), 0);
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_| (StatusCode::BAD_REQUEST, "the body broke off\n"))?;
            seen += piece.len();
            let room = PING_BODY_BYTES_MAX - kept.len();
            kept.extend_from_slice(&piece[..piece.len().min(room)]);
            if seen > DISCARDED_BYTES_MAX {
                return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n"));
            }
        }
        Ok((kept.freeze(), seen > PING_BODY_BYTES_MAX))
    };
    let slow = (StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n");
    timeout(BODY_WAIT_MAX, read).await.unwrap_or(Err(slow))
}

/// The same for every path that leads nowhere.
fn unknown() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

fn not_now() -> Response {
    let retry = [(header::RETRY_AFTER, "10")];
    (StatusCode::SERVICE_UNAVAILABLE, retry, "it cannot be kept now; repeat\n").into_response()
}

fn too_many() -> Response {
    let retry = [(header::RETRY_AFTER, "5")];
    (StatusCode::TOO_MANY_REQUESTS, retry, "too many at once; repeat\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_token_or_signal_is_one() {
        let token = "abcdefghijklmnopqrstuvwx27";
        assert_eq!(token_of(&token.to_uppercase()).as_deref(), Some(token));
        for wrong in ["", "abc", "abcdefghijklmnopqrstuvwx19", "abcdefghijklmnopqrstuvwx2é", "a/b"]
        {
            assert_eq!(token_of(wrong), None, "{wrong}");
        }
        assert_eq!(signal_of("0"), Some(Signal::Exit(0)));
        assert_eq!(signal_of("255"), Some(Signal::Exit(255)));
        for wrong in ["256", "-1", "+1", "0x1", "0000", "1 ", "ok", "START", "success"] {
            assert_eq!(signal_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_run_is_a_uuid() {
        let run = "728B3763-4F9C-4B7A-8D2F-0123456789AB";
        let lower = Some(run.to_lowercase());
        assert_eq!(run_of(Some(&format!("create=1&rid={run}"))), Ok(lower));
        assert_eq!(run_of(None), Ok(None));
        for wrong in ["rid=", "rid=1", "rid=728b3763-4f9c-4b7a-8d2f-0123456789a%0a"] {
            assert!(run_of(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_proxy_on_this_machine_speaks_for_others() {
        let peer = |at: &str, said: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", said.parse().unwrap());
            peer_of(Some(Extension(Peer(at.parse().unwrap()))), &headers).to_string()
        };
        assert_eq!(peer("127.0.0.1", "203.0.113.9, 192.0.2.1"), "192.0.2.1");
        assert_eq!(peer("::ffff:127.0.0.1", "192.0.2.1"), "192.0.2.1");
        assert_eq!(peer("198.51.100.7", "192.0.2.1"), "198.51.100.7");
        assert_eq!(peer("127.0.0.1", "nonsense"), "127.0.0.1");
        let crowd = |it: &str| crowd_of(it.parse().unwrap());
        assert_eq!(crowd("2001:db8::1"), crowd("2001:db8::ffff:1"));
        assert_ne!(crowd("2001:db8::1"), crowd("2001:db8:0:1::1"));
        assert_ne!(crowd("192.0.2.1"), crowd("192.0.2.2"));
    }
}
