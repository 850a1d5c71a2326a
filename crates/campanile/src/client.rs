//! Speaks HTTP with a running engine.
//!
//! One request a connection, blocking, over plain TCP to this machine and over TLS to any other.
//! All that is needed of HTTP/1.1 fits here, with limits on everything, so no library is.

use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, TcpStream, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use serde_json::Value;

use crate::tls;

/// Longest wait for a connection.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest silence of the engine. It answers a command within 10 s, or says that it has not.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Bytes of the head of an answer.
const HEAD_BYTES_MAX: u64 = 64 << 10;
/// Bytes of an answer.
const BODY_BYTES_MAX: u64 = 64 << 20;
/// The port of an engine for which none is said, and of one behind TLS.
const PORT: u16 = 8080;
const TLS_PORT: u16 = 443;

/// What an address is trusted with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// A file with roots beside those of this machine.
    pub(crate) ca: Option<PathBuf>,
    /// May a token go to another machine without TLS?
    pub(crate) insecure: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// It would not be safe to ask like this, so nothing was sent.
    Unsafe(String),
    /// No engine is there, or what is there speaks something else.
    Nobody(io::Error),
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        Self::Nobody(error)
    }
}

/// Where an engine is, and by what right it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    authority: String,
    host: String,
    port: u16,
    prefix: String,
    token: Option<String>,
    tls: bool,
    trust: Trust,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, String)],
    pub(crate) body: Option<&'a Value>,
    /// A mail as it came, instead of a body.
    pub(crate) mail: Option<&'a [u8]>,
    /// The version that was seen.
    pub(crate) version: Option<u64>,
    /// The same for a repeat.
    pub(crate) repeat_key: Option<&'a str>,
}

/// What the engine answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Client {
    /// An engine at `url`.
    ///
    /// # Errors
    /// It is no such URL.
    pub(crate) fn new(url: &str, token: Option<String>, trust: Trust) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{url}` is no address of an engine: {why}");
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(wrong("only http:// and https:// are spoken")),
        };
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let unsafe_in_head = |it: char| it.is_whitespace() || it.is_control() || it == '@';
        if authority.is_empty() || url.contains(unsafe_in_head) {
            return Err(wrong("it must look like http://127.0.0.1:8080"));
        }
        // An address of IPv6 stands in brackets and has colons of its own.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong("the port is no number"))?)
            }
            _ => (authority, if tls { TLS_PORT } else { PORT }),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { authority: authority.to_owned(), host, port, prefix, token, tls, trust })
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.prefix)
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// No engine is there, what is there speaks something else, or it would not be safe.
    pub(crate) fn ask(&self, ask: &Ask<'_>) -> Result<Answer, NoAnswer> {
        let stream = self.connect()?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))?;
        let body = ask.body.map(ToString::to_string).unwrap_or_default();
        let body = ask.mail.unwrap_or(body.as_bytes());
        let mut request = self.head(ask, body.len()).into_bytes();
        request.extend_from_slice(body);
        if self.tls {
            let stream = tls::shake(stream, &self.host, self.trust.ca.as_deref())?;
            Ok(exchange(stream, &request)?)
        } else {
            Ok(exchange(stream, &request)?)
        }
    }

    fn connect(&self) -> Result<TcpStream, NoAnswer> {
        let mut last = NoAnswer::Nobody(io::Error::other("the name has no address"));
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            if !self.may_send_to(address.ip()) {
                let why = format!(
                    "{} is another machine, and over plain http anybody on the way could read the \
                     token: use https://, a tunnel (`ssh -L`), or --insecure",
                    address.ip()
                );
                last = NoAnswer::Unsafe(why);
                continue;
            }
            match TcpStream::connect_timeout(&address, CONNECT_WAIT_MAX) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    /// A token goes out of this machine through TLS, or not at all.
    fn may_send_to(&self, ip: IpAddr) -> bool {
        let is_private = self.tls || ip.to_canonical().is_loopback();
        is_private || self.token.is_none() || self.trust.insecure
    }

    fn head(&self, ask: &Ask<'_>, length: usize) -> String {
        let mut target = format!("{}{}", self.prefix, ask.path);
        for (at, (name, value)) in ask.query.iter().enumerate() {
            let sign = if at == 0 { '?' } else { '&' };
            write!(target, "{sign}{name}={}", encoded(value)).expect("a text takes everything");
        }
        let Self { authority, .. } = self;
        let mut head = format!(
            "{} {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\
             accept: application/json\r\nuser-agent: campanile\r\n",
            ask.method
        );
        let mut put = |name: &str, value: &str| {
            write!(head, "{name}: {value}\r\n").expect("a text takes everything");
        };
        if let Some(token) = &self.token {
            put("authorization", &format!("Bearer {token}"));
        }
        if let Some(version) = ask.version {
            put("if-match", &format!("\"{version}\""));
        }
        if let Some(key) = ask.repeat_key {
            put("idempotency-key", key);
        }
        if ask.mail.is_some() {
            put("content-type", "message/rfc822");
        } else if ask.body.is_some() {
            put("content-type", "application/json");
        }
        if ask.method != "GET" {
            put("content-length", &length.to_string());
        }
        head.push_str("\r\n");
        head
    }
}

fn exchange(mut stream: impl Read + Write, request: &[u8]) -> io::Result<Answer> {
    // An engine that refuses early may not want the rest; its answer is what counts.
    let sent = stream.write_all(request).and_then(|()| stream.flush());
    read_answer(&mut BufReader::new(stream)).map_err(|error| sent.err().unwrap_or(error))
}

/// A text as part of a path or query.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                all.push(char::from(byte));
            }
            _ => write!(all, "%{byte:02X}").expect("a text takes everything"),
        }
        all
    })
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn read_answer(from: &mut impl BufRead) -> io::Result<Answer> {
    let (status, head) = read_head(from)?;
    let field = |name: &str| {
        let mut fields = head.iter().filter(|it| it.0.eq_ignore_ascii_case(name));
        fields.next().map(|it| it.1.as_str())
    };
    let body = if field("transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
        read_chunks(from)?
    } else if let Some(length) = field("content-length") {
        let length = length.parse().map_err(|_| broken("the length of the answer is no number"))?;
        read_exactly(from, length)?
    } else {
        let mut body = Vec::new();
        from.take(BODY_BYTES_MAX).read_to_end(&mut body)?;
        body
    };
    let body = serde_json::from_slice(&body).map_err(|_| {
        broken("the answer is no JSON; is that an engine, and does it have this interface?")
    })?;
    Ok(Answer { status, body })
}

type Fields = Vec<(String, String)>;

fn read_head(from: &mut impl BufRead) -> io::Result<(u16, Fields)> {
    let mut from = from.take(HEAD_BYTES_MAX);
    let status = read_line(&mut from)?;
    let status = status
        .strip_prefix("HTTP/1.")
        .and_then(|it| it.split(' ').nth(1)?.parse().ok())
        .ok_or_else(|| broken("what is there does not speak HTTP"))?;
    let mut fields = Vec::new();
    loop {
        let line = read_line(&mut from)?;
        if line.is_empty() {
            return Ok((status, fields));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a broken header line"))?;
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    line.strip_suffix('\n')
        .map(|it| it.trim_end_matches('\r').to_owned())
        .ok_or_else(|| broken("the answer broke off"))
}

fn read_exactly(from: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    if length > BODY_BYTES_MAX {
        return Err(broken("the answer is too large"));
    }
    let mut body = Vec::new();
    from.take(length).read_to_end(&mut body)?;
    if body.len() as u64 == length { Ok(body) } else { Err(broken("the answer broke off")) }
}

fn read_chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(&mut from.take(HEAD_BYTES_MAX))?;
        let size = line.split(';').next().unwrap_or("").trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| broken("a broken chunk"))?;
        if size.saturating_add(body.len() as u64) > BODY_BYTES_MAX {
            return Err(broken("the answer is too large"));
        }
        body.extend(read_exactly(from, size)?);
        read_line(&mut from.take(HEAD_BYTES_MAX))?;
        if size == 0 {
            return Ok(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> io::Result<(u16, Value)> {
        read_answer(&mut text.as_bytes()).map(|it| (it.status, it.body))
    }

    #[test]
    fn an_address_is_taken_apart() {
        let parts = |url: &str| {
            let it = Client::new(url, None, Trust::default())?;
            Ok::<_, String>((it.host, it.port, it.prefix))
        };
        let fine = |host: &str, port, prefix: &str| Ok((host.to_owned(), port, prefix.to_owned()));
        assert_eq!(parts("http://127.0.0.1:9"), fine("127.0.0.1", 9, ""));
        assert_eq!(parts("http://engine/"), fine("engine", 8080, ""));
        assert_eq!(parts("engine:80/noc/"), fine("engine", 80, "/noc"));
        assert_eq!(parts("http://[::1]:9/x"), fine("::1", 9, "/x"));
        assert_eq!(parts("http://[::1]"), fine("::1", 8080, ""));
        assert_eq!(parts("https://noc.example/x"), fine("noc.example", 443, "/x"));
        assert_eq!(parts("https://[::1]:9"), fine("::1", 9, ""));
        for wrong in [
            "ftp://x",
            "https://",
            "http://",
            "http://x:y",
            "http://a b",
            "http://x\r\nevil: 1",
            "http://u@x",
        ] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn answers_are_read_in_each_of_the_three_ways() {
        let body = serde_json::json!({ "a": 1 });
        let head = "HTTP/1.1 200 OK\r\n";
        let whole = format!("{head}Content-Length: 7\r\n\r\n{{\"a\":1}}and more");
        assert_eq!(answer(&whole).unwrap(), (200, body.clone()));
        let chunks = "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n";
        assert_eq!(answer(&format!("{head}{chunks}")).unwrap(), (200, body.clone()));
        let until_the_end = answer("HTTP/1.0 404 No\r\n\r\n{\"a\":1}").unwrap();
        assert_eq!(until_the_end, (404, body));
    }

    #[test]
    fn whatever_else_is_there_is_told_from_an_engine() {
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(100_000));
        for wrong in [
            "",
            "220 mail.example ESMTP\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Length: 7000000000000\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
            "HTTP/1.1 200 OK\r\n\r\n<html>",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}",
            &endless,
        ] {
            assert!(answer(wrong).is_err(), "{}", &wrong[..wrong.len().min(60)]);
        }
    }

    #[test]
    fn a_text_in_a_path_cannot_leave_it() {
        assert_eq!(
            encoded("acme/patch night@2027-01-15T08:00:00Z?#%ä"),
            "acme%2Fpatch%20night%402027-01-15T08%3A00%3A00Z%3F%23%25%C3%A4"
        );
    }

    #[test]
    fn what_is_asked_stands_in_the_head() {
        let client =
            Client::new("http://x:1/p", Some("cmp_1_s".to_owned()), Trust::default()).unwrap();
        let body = serde_json::json!({});
        let ask = Ask {
            method: "POST",
            path: "/api/v1/calls",
            query: &[("a", "b c".to_owned()), ("d", "&".to_owned())],
            body: Some(&body),
            mail: None,
            version: Some(7),
            repeat_key: Some("k"),
        };
        let head = client.head(&ask, 2);
        assert!(head.starts_with("POST /p/api/v1/calls?a=b%20c&d=%26 HTTP/1.1\r\nhost: x:1\r\n"));
        for line in [
            "authorization: Bearer cmp_1_s",
            "if-match: \"7\"",
            "idempotency-key: k",
            "content-type: application/json",
            "content-length: 2",
        ] {
            assert!(head.contains(&format!("{line}\r\n")), "{line}");
        }
        assert!(head.ends_with("\r\n\r\n"));
        let mail = Ask { method: "POST", path: "/x", mail: Some(b"\xff"), ..Ask::default() };
        let head = client.head(&mail, 1);
        assert!(head.contains("content-type: message/rfc822\r\ncontent-length: 1\r\n"));
    }

    #[test]
    fn a_token_leaves_this_machine_through_tls_or_not_at_all() {
        let may = |url: &str, token: Option<&str>, insecure, ip: &str| {
            let trust = Trust { insecure, ca: None };
            let client = Client::new(url, token.map(str::to_owned), trust).unwrap();
            client.may_send_to(ip.parse().unwrap())
        };
        let token = Some("cmp_1_s");
        for here in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(may("http://x", token, false, here), "{here}");
        }
        for away in ["192.0.2.1", "10.0.0.1", "fe80::1", "::ffff:192.0.2.1", "0.0.0.0"] {
            assert!(!may("http://x", token, false, away), "{away}");
            assert!(may("https://x", token, false, away), "{away}");
            assert!(may("http://x", None, false, away), "{away}: there is nothing to be read");
            assert!(may("http://x", token, true, away), "{away}: somebody has said so");
        }
        let client = Client::new("http://192.0.2.1", token.map(str::to_owned), Trust::default());
        let ask = Ask { method: "GET", path: "/", ..Ask::default() };
        assert!(matches!(client.unwrap().ask(&ask), Err(NoAnswer::Unsafe(_))));
    }
}
