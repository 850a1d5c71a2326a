//! One HTTP request, one answer.
//!
//! HTTP/1.1 over connections of our own, kept for a moment so that a storm does not shake hands for
//! every message. Redirects are not followed: a request is signed and addressed to one place, and
//! what stands in it is nobody else's. No proxy, no cookie, no compression: nothing that a receiver
//! could grow.
//!
//! The one fact that matters when no answer comes is whether the request may have been read. It
//! may have from the moment its body was handed to the connection, and not before.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request as Message, Response, StatusCode,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::AbortHandle,
    time::{Instant, timeout_at},
};
use url::{Host, Url};

use crate::{World, answer, net};

/// Bytes of an answer that are read; the rest of a larger one is cut off with the connection.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Status line and headers of an answer together.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Headers of an answer.
const HEADERS_MAX: usize = 100;
/// Once the status is there, its text must follow within this time or is not waited for.
const ANSWER_TEXT_MAX: Duration = Duration::from_secs(5);
/// Connections without work that are kept in all.
const IDLE_MAX: usize = 128;
/// Connections without work that are kept to one receiver.
const IDLE_PER_PLACE_MAX: usize = 16;
/// How long they are kept: less than the shortest usual patience of servers, since a request on a
/// connection that is just being closed has an outcome that nobody knows.
const IDLE_FOR_MAX: Duration = Duration::from_secs(4);
/// Bytes of a receiver's own words in a fault.
const SNIPPET_BYTES_MAX: usize = 200;
/// Shorter texts are no secrets, and would make holes into ordinary words.
const SECRET_BYTES_MIN: usize = 6;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    secure: bool,
    /// A name, or an address, with brackets if it is IPv6.
    host: String,
    port: u16,
    /// Path and query. Often a secret.
    target: String,
    /// From `user:password@` in the URL.
    authorization: Option<HeaderValue>,
}

impl Destination {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, without a word of it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err("begins neither with `https://` nor with `http://`".to_owned()),
        };
        let host = url.host_str().filter(|it| !it.is_empty()).ok_or("names no host")?.to_owned();
        let mut target = url.path().to_owned();
        if let Some(query) = url.query() {
            target.push('?');
            target.push_str(query);
        }
        let port = url.port_or_known_default().ok_or("names no port")?;
        Ok(Self { secure, host, port, target, authorization: basic(&url)? })
    }

    /// The same place with `path` after what the URL had.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        let base = self.target.trim_end_matches('/');
        Self { target: format!("{base}{path}"), ..self.clone() }
    }

    /// For faults and logs: no path, no query, no password.
    pub(crate) fn shown(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }

    fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// Is `host` this very machine, by an address or name that cannot be anything else?
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => {
            bare.parse().is_ok_and(|it: Ipv4Addr| it.is_loopback())
                || bare.parse().is_ok_and(|it: Ipv6Addr| it.is_loopback())
        }
    }
}

fn basic(url: &Url) -> Result<Option<HeaderValue>, String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let mut both = percent_decoded(url.username());
    both.push(b':');
    both.extend(percent_decoded(url.password().unwrap_or_default()));
    let text = format!("Basic {}", BASE64.encode(&both));
    let mut value = HeaderValue::try_from(text).map_err(|_| "has an unusable password")?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let byte = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) to: &'a Destination,
    /// More roots to trust.
    pub(crate) ca: Option<&'a Arc<Path>>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Texts that must not come back in a fault, beside the path and the headers.
    pub(crate) secrets: Vec<&'a str>,
}

impl<'a> Request<'a> {
    /// A POST of JSON.
    pub(crate) fn json(to: &'a Destination, body: &impl serde::Serialize) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Texts, numbers and maps with texts for keys can always be written.
        let body = serde_json::to_vec(body).expect("what we write is JSON");
        let (ca, secrets) = (None, Vec::new());
        Self { method: Method::POST, to, ca, headers, body: body.into(), secrets }
    }

    fn message(&self, handed: &Arc<AtomicBool>) -> Message<Tracked> {
        let body = Tracked { bytes: Some(self.body.clone()), handed: Arc::clone(handed) };
        let mut message = Message::new(body);
        *message.method_mut() = self.method.clone();
        // Checked as a part of a URL, which is stricter.
        *message.uri_mut() = self.to.target.parse().unwrap_or_default();
        let headers = message.headers_mut();
        if let Ok(host) = HeaderValue::try_from(self.to.authority()) {
            headers.insert(HOST, host);
        }
        let agent = concat!("campanile/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(authorization) = &self.to.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        message
    }

    fn place(&self) -> Place {
        let Destination { secure, host, port, .. } = self.to;
        Place { secure: *secure, host: host.clone(), port: *port, ca: self.ca.cloned() }
    }

    /// `text` without anything that only the receiver and we should know.
    fn masked(&self, text: &str) -> String {
        let parts = self.to.target.split(['/', '?', '&', '=']);
        let headers = self.headers.values().chain(self.to.authorization.as_ref());
        let headers = headers.filter(|it| it.is_sensitive()).filter_map(|it| it.to_str().ok());
        let words = headers.flat_map(|it| it.split(' '));
        mask(text, parts.chain(words).chain(self.secrets.iter().copied()))
    }
}

/// `text` without `secrets`, in whatever form the far end may repeat them: as they were sent,
/// percent-decoded, as the user and password in a header, or as JSON writes them.
pub(crate) fn mask<'a>(text: &str, secrets: impl Iterator<Item = &'a str>) -> String {
    let mut forms = BTreeSet::new();
    for secret in secrets {
        forms.insert(secret.to_owned());
        forms.extend(String::from_utf8(percent_decoded(secret)));
        let login = BASE64.decode(secret).ok().and_then(|it| String::from_utf8(it).ok());
        forms.extend(login.iter().flat_map(|it| it.split([':', '\0'])).map(str::to_owned));
    }
    let in_json = |it: &String| {
        let quoted = serde_json::Value::from(it.as_str()).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let mut forms: Vec<String> = forms.iter().map(in_json).chain(forms.clone()).collect();
    // The longest first: a secret may stand in another one.
    forms.sort_unstable_by_key(|it| std::cmp::Reverse(it.len()));
    let mut masked = text.to_owned();
    for form in forms.iter().filter(|it| it.len() >= SECRET_BYTES_MIN) {
        masked = masked.replace(form, "…");
    }
    masked
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: StatusCode,
    /// How long the receiver wants to be left alone.
    pub(crate) after: Option<Duration>,
    /// Where it points instead, for faults: scheme and host alone.
    pub(crate) points_to: Option<String>,
    /// Its beginning, at most so much as is read.
    pub(crate) body: Bytes,
    /// Who answered, for faults.
    pub(crate) shown: String,
    /// The receiver's own words, fit for a fault.
    pub(crate) snippet: String,
}

/// Nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(crate) fault: String,
    pub(crate) may_have_arrived: bool,
}

impl Silence {
    fn unsent(fault: impl Into<String>) -> Self {
        Self { fault: fault.into(), may_have_arrived: false }
    }
}

/// Sends `request` and waits for its answer, until `deadline`.
///
/// # Errors
/// When there is no answer, with whether the request may have been read.
pub(crate) async fn exchange(
    world: &World,
    request: &Request<'_>,
    deadline: Instant,
) -> Result<Answer, Silence> {
    let Ok(Ok(_permit)) = timeout_at(deadline, world.in_flight().acquire()).await else {
        return Err(Silence::unsent("too many deliveries are under way"));
    };
    let handed = Arc::new(AtomicBool::new(false));
    match timeout_at(deadline, talk(world, request, deadline, &handed)).await {
        Ok(result) => result,
        Err(_) => {
            let may_have_arrived = handed.load(Ordering::Relaxed);
            let fault = format!("no answer from {} in time", request.to.shown());
            Err(Silence { fault, may_have_arrived })
        }
    }
}

async fn talk(
    world: &World,
    request: &Request<'_>,
    deadline: Instant,
    handed: &Arc<AtomicBool>,
) -> Result<Answer, Silence> {
    let place = request.place();
    let mut message = request.message(handed);
    if let Some(mut line) = world.pool().take(&place) {
        match line.sender.try_send_request(message).await {
            Ok(response) => return Ok(receive(world, request, place, line, response).await),
            Err(mut error) => match error.take_message() {
                // It was never sent: the far end had closed the connection. On a new one, then.
                Some(unsent) => message = unsent,
                None => return Err(broken(request, error.error(), handed)),
            },
        }
    }
    let mut line = open(world, request, deadline).await.map_err(Silence::unsent)?;
    match line.sender.try_send_request(message).await {
        Ok(response) => Ok(receive(world, request, place, line, response).await),
        Err(error) => Err(broken(request, error.error(), handed)),
    }
}

fn broken(request: &Request<'_>, error: &hyper::Error, handed: &AtomicBool) -> Silence {
    let mut fault = format!("no answer from {}: {error}", request.to.shown());
    if let Some(source) = std::error::Error::source(error) {
        fault = format!("{fault}: {source}");
    }
    Silence { fault, may_have_arrived: handed.load(Ordering::Relaxed) }
}

async fn open(world: &World, request: &Request<'_>, deadline: Instant) -> Result<Line, String> {
    let to = request.to;
    let tcp = net::connect(world, &to.host, to.port, deadline).await?;
    if to.secure {
        shaken(world.trusts().shake(tcp, &to.host, request.ca).await?).await
    } else {
        shaken(tcp).await
    }
}

async fn shaken<S>(stream: S) -> Result<Line, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("cannot begin to speak HTTP: {error}"))?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Whoever waits for an answer hears of it there.
            tracing::debug!(%error, "a connection to a receiver broke");
        }
    });
    Ok(Line { sender, driver: Driver(task.abort_handle()) })
}

async fn receive(
    world: &World,
    request: &Request<'_>,
    place: Place,
    mut line: Line,
    response: Response<Incoming>,
) -> Answer {
    let (head, body) = response.into_parts();
    let header = |name| head.headers.get(name).and_then(|it| it.to_str().ok());
    let after = header(RETRY_AFTER).and_then(|it| answer::retry_after(it, world.now()));
    let points_to = header(LOCATION).map(|it| pointed_to(request.to, it));
    let (body, whole) = read(body).await;
    if whole && timeout_at(Instant::now() + ANSWER_TEXT_MAX, line.sender.ready()).await.is_ok() {
        world.pool().put(place, line);
    }
    let words = request.masked(&String::from_utf8_lossy(&body));
    let snippet = crate::text::one_line(&words, SNIPPET_BYTES_MAX);
    let shown = request.to.shown();
    Answer { code: head.status, after, points_to, body, shown, snippet }
}

/// The beginning of an answer, and whether that is all of it.
async fn read(mut body: Incoming) -> (Bytes, bool) {
    let until = Instant::now() + ANSWER_TEXT_MAX;
    let mut read = Vec::new();
    loop {
        match timeout_at(until, body.frame()).await {
            Ok(None) => return (read.into(), true),
            Ok(Some(Ok(frame))) => {
                let Ok(piece) = frame.into_data() else { continue };
                let room = ANSWER_BYTES_MAX - read.len();
                read.extend_from_slice(&piece[..piece.len().min(room)]);
                if piece.len() > room {
                    return (read.into(), false);
                }
            }
            Ok(Some(Err(_))) | Err(_) => return (read.into(), false),
        }
    }
}

fn pointed_to(from: &Destination, location: &str) -> String {
    match Destination::parse(location) {
        Ok(to) if to.shown() == from.shown() => "the same host".to_owned(),
        Ok(to) => format!("another host, {}", to.shown()),
        Err(_) => "the same host".to_owned(),
    }
}

/// The body of a request that notes when it leaves our hands.
#[derive(Debug)]
struct Tracked {
    bytes: Option<Bytes>,
    handed: Arc<AtomicBool>,
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.handed.store(true, Ordering::Relaxed);
        Poll::Ready(self.bytes.take().map(|it| Ok(Frame::data(it))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |it| it.len() as u64))
    }
}

/// Where a connection leads, and whom it trusts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    secure: bool,
    host: String,
    port: u16,
    ca: Option<Arc<Path>>,
}

/// A connection.
#[derive(Debug)]
struct Line {
    sender: SendRequest<Tracked>,
    #[expect(dead_code, reason = "ends the task of the connection when it goes")]
    driver: Driver,
}

/// The task that drives a connection; ends with it.
#[derive(Debug)]
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connections without work, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<BTreeMap<Place, Vec<(Instant, Line)>>>,
}

impl Pool {
    fn take(&self, place: &Place) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = idle.get_mut(place)?;
        while let Some((since, line)) = lines.pop() {
            if since.elapsed() < IDLE_FOR_MAX && line.sender.is_ready() {
                return Some(line);
            }
        }
        None
    }

    fn put(&self, place: Place, line: Line) {
        if line.sender.is_closed() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, lines| {
            lines.retain(|(since, line)| {
                now.duration_since(*since) < IDLE_FOR_MAX && !line.sender.is_closed()
            });
            !lines.is_empty()
        });
        if idle.values().map(Vec::len).sum::<usize>() >= IDLE_MAX {
            return;
        }
        let lines = idle.entry(place).or_default();
        if lines.len() < IDLE_PER_PLACE_MAX {
            lines.push((now, line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_url_tells_no_secret() {
        let url = "https://me:pass%3Aword@hooks.example:8443/services/T0/B0/token?key=abc";
        let to = Destination::parse(url).unwrap();
        assert_eq!(to.shown(), "https://hooks.example:8443");
        assert_eq!(to.target, "/services/T0/B0/token?key=abc");
        let basic = to.authorization.unwrap();
        assert_eq!(basic, format!("Basic {}", BASE64.encode(b"me:pass:word")));
        assert!(!format!("{basic:?}").contains("Basic"), "a header that is not printed");
    }

    #[test]
    fn urls_that_lead_nowhere_are_refused_without_repeating_them() {
        for wrong in
            ["", "hooks.example/x", "ftp://a/b", "file:///etc/passwd", "http://", "https://[::1"]
        {
            let fault = Destination::parse(wrong).unwrap_err();
            assert!(wrong.is_empty() || !fault.contains(wrong), "{fault}");
        }
    }

    #[test]
    fn only_what_must_be_this_machine_is_the_loopback() {
        for (url, loopback) in [
            ("http://127.0.0.1/", true),
            ("http://127.8.9.10/", true),
            ("http://[::1]:80/", true),
            ("http://localhost/", true),
            ("http://localhost.example/", false),
            ("http://127.0.0.1.example/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&Destination::parse(url).unwrap().host), loopback, "{url}");
        }
    }

    #[test]
    fn the_words_of_a_receiver_are_cleared_of_what_it_was_sent() {
        let to =
            Destination::parse("https://hooks.example/services/T0secret?token=hunter22").unwrap();
        let mut request = Request::json(&to, &1);
        let mut value = HeaderValue::from_static("Bearer verysecret");
        value.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, value);
        request.secrets.push("routing-key");
        let said = "no T0secret, hunter22, verysecret or routing-key here";
        assert_eq!(request.masked(said), "no …, …, … or … here");
        let to = Destination::parse("https://me:pass%3Aword@h.example/in/a%2Fb%2Fsecret").unwrap();
        let request = Request::json(&to, &1);
        let said = "me may not in/a/b/secret by pass:word, nor a%2Fb%2Fsecret";
        assert_eq!(request.masked(said), "me may not in/… by pass:word, nor …");
    }

    #[test]
    fn a_secret_is_masked_in_every_form() {
        let both = BASE64.encode(b"robot:hunter22");
        for (secret, said) in [
            (&*both, "the password hunter22 is wrong"),
            (&both, &format!("Basic {both}")),
            ("say \"friend\"", r#"{"key": "say \"friend\""}"#),
            ("a%20long%20one", "a long one"),
        ] {
            let masked = mask(said, [secret].into_iter());
            assert!(masked.contains('…'), "{secret} in {said}: {masked}");
        }
        assert_eq!(mask("no secret", [""].into_iter()), "no secret");
    }
}
