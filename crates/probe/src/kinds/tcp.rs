//! `tcp`: does anything listen there, and does it say what it should?
//!
//! Opens a connection and closes it again. With `send` and `expect` it talks first, with `tls` or
//! `starttls` under encryption, and then it also knows how long the certificate is good for.
//!
//! A check that only connects cuts the connection instead of closing it, so that ten thousand of
//! them do not use the local ports up. A server that logs aborted connections will log ours; give
//! it something to `expect` where that is noise.

use std::{sync::Arc, time::Duration};

use model::{
    Cause, CauseCode, Form, KindSpec, Measure, MeasureSpec, ParamFault, ParamSpec, Params, Unit,
    Verdict,
};
use regex::bytes::Regex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use crate::{
    Ask, Found, Kind, World,
    terms::{self, fault},
    wires::{
        connect::{self, Phases, Place, late},
        resolve::Family,
        starttls::{self, StartTls},
        stream::{Stream, Wire},
        tls::{self, TlsFacts, TlsTerms},
    },
};

/// Bytes that are read while the expected ones do not come, when `read_max` is not written.
const READ_BYTES_DEFAULT: i64 = 64 << 10;
/// `read_max` may not be larger.
const READ_BYTES_MAX: i64 = 16 << 20;
/// How often the largest answer may be searched from its beginning. A target that sends byte by
/// byte must not make us search all of it for every byte.
const SEARCHES_MAX: u64 = 64;

/// A check of a TCP port.
#[derive(Debug)]
pub(crate) struct Tcp {
    /// Instead of the host's address.
    address: Option<Arc<str>>,
    port: u16,
    family: Family,
    starttls: Option<StartTls>,
    /// `None`: in the clear.
    tls: Option<TlsTerms>,
    send: Vec<u8>,
    expect: Option<Expected>,
    read_max: usize,
}

/// What the answer must contain.
#[derive(Debug)]
enum Expected {
    Bytes(Vec<u8>),
    Pattern(Regex),
}

impl Expected {
    /// Is it in `heard`, of which everything before `new` was searched before?
    fn is_in(&self, heard: &[u8], new: usize) -> bool {
        match self {
            Self::Bytes(bytes) => {
                let from = new.saturating_sub(bytes.len());
                heard[from..].windows(bytes.len()).any(|it| it == bytes)
            }
            Self::Pattern(pattern) => pattern.is_match(heard),
        }
    }

    /// Does a search cost the length of all that was heard?
    fn is_costly(&self) -> bool {
        matches!(self, Self::Pattern(_))
    }
}

/// Places in `measures` below.
const TIME: u8 = 0;
const RESOLVE: u8 = 1;
const CONNECT: u8 = 2;
const STARTTLS: u8 = 3;
const TLS: u8 = 4;
const ANSWER: u8 = 5;
const BYTES_FAILED: u8 = 6;
const REGEX_FAILED: u8 = 7;
const DNS: u8 = 8;
const IP_PROTOCOL: u8 = 9;
const IP_HASH: u8 = 10;
const TLS_FIRST: u8 = 11;

impl Kind for Tcp {
    const SPEC: KindSpec = KindSpec {
        name: "tcp",
        summary: "Connects to a TCP port, and may talk, with or without TLS.",
        manual: "Without `send` and `expect` the check is fine as soon as the connection stands; \
                 it is then cut, not closed, to spare local ports. With `expect` or \
                 `expect_regex` it reads until that has come. `tls: yes` encrypts at once, \
                 `starttls` after the few words that the protocol has for it; either way nothing \
                 of `send` leaves before the certificate was found good, unless `verify: off`. \
                 The end of the certificate is measured even if it is not good.",
        main_param: Some("port"),
        main_measure: "time",
        params: PARAMS,
        measures: MEASURES,
        causes: &[
            CauseCode::Timeout,
            CauseCode::Refused,
            CauseCode::Reset,
            CauseCode::Unreachable,
            CauseCode::Closed,
            CauseCode::NameNotFound,
            CauseCode::NameTimeout,
            CauseCode::NameFailure,
            CauseCode::TlsHandshake,
            CauseCode::CertificateExpired,
            CauseCode::CertificateName,
            CauseCode::CertificateUntrusted,
            CauseCode::CertificateInvalid,
            CauseCode::StartTlsRefused,
            CauseCode::Mismatch,
            CauseCode::Malformed,
            CauseCode::TooLarge,
        ],
        asked_together: false,
        example: r#"smtp: { tcp: { port: 25, starttls: smtp, send: "QUIT\r\n", expect: "221" }, cert: { warn: under 21d } }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let (address, port) = target(params, &mut faults);
        let starttls = params.text("starttls").and_then(StartTls::from_word);
        if starttls.is_some() && params.flag("tls") == Some(false) {
            faults.push(fault("tls", "`starttls` leads to TLS", "leave `tls` out"));
        }
        let encrypted = starttls.is_some() || params.flag("tls") == Some(true);
        let tls = terms::tls(params, &mut faults);
        if !encrypted {
            for param in ["server_name", "verify", "ca"] {
                if params.get(param).is_some() {
                    faults.push(fault(param, "without TLS it means nothing", "write `tls: yes`"));
                }
            }
        }
        let built = Self {
            address,
            port,
            family: terms::family(params),
            starttls,
            tls: encrypted.then_some(tls),
            send: bytes_of(params, "send", &mut faults).unwrap_or_default(),
            expect: expected(params, &mut faults),
            read_max: read_max(params, &mut faults),
        };
        if faults.is_empty() { Ok(built) } else { Err(faults) }
    }

    fn needs_host(&self) -> bool {
        self.address.is_none()
    }

    async fn look(&self, world: &World, ask: &Ask<'_>) -> Found {
        let start = Instant::now();
        let mut seen = Seen::default();
        let verdict = match self.talk(world, ask, &mut seen).await {
            Ok(()) => Verdict::OK,
            Err(cause) => cause.into(),
        };
        Found { verdict, measures: seen.measures(start.elapsed(), self.expect.as_ref()) }
    }
}

/// What one look brought to light, however it ended.
#[derive(Debug, Default)]
struct Seen {
    phases: Phases,
    tls: TlsFacts,
    /// Did the expected come? `None`: nothing was waited for.
    matched: Option<bool>,
    answer: Option<Duration>,
}

impl Tcp {
    async fn talk(&self, world: &World, ask: &Ask<'_>, seen: &mut Seen) -> Result<(), Cause> {
        let host = match self.address.as_ref().or(ask.target.address.as_ref()) {
            Some(host) => &**host,
            None => return Err(Cause::new(CauseCode::Internal, "no host and no `address`")),
        };
        let place = Place { host, port: self.port, family: self.family };
        let mut tcp = connect::connect(world, place, ask, &mut seen.phases).await?;
        if let Some(protocol) = self.starttls {
            let start = Instant::now();
            protocol.ask_for(&mut tcp, ask).await?;
            Phases::add(&mut seen.phases.starttls, start);
            ask.trace.step(|| format!("agreed on STARTTLS in {:?}", start.elapsed()));
        }
        let wire = match &self.tls {
            None => Wire::Plain(tcp),
            Some(terms) => {
                let out = (ask, &mut seen.phases, &mut seen.tls);
                Wire::Tls(Box::new(world.tls.shake(tcp, host, terms, &[], out).await?))
            }
        };
        if self.send.is_empty() && self.expect.is_none() {
            connect::close_abruptly(wire.tcp());
            return Ok(());
        }
        self.converse(wire, ask, seen).await
    }

    async fn converse(&self, wire: Wire, ask: &Ask<'_>, seen: &mut Seen) -> Result<(), Cause> {
        let start = Instant::now();
        let mut stream = Stream::new(wire, self.read_max as u64 + 1);
        if !self.send.is_empty() {
            self.say(&mut stream, ask).await?;
        }
        if let Some(expected) = &self.expect {
            seen.matched = Some(false);
            self.wait_for(expected, &mut stream, ask).await?;
            seen.matched = Some(true);
            seen.answer = Some(start.elapsed());
            ask.trace.step(|| format!("the expected answer came in {:?}", start.elapsed()));
        }
        // Whoever was talked to is told that it is over; whether it hears that is its own affair.
        let farewell = timeout_at(ask.deadline, stream.shutdown()).await;
        tracing::trace!(?farewell, "closed after a conversation");
        Ok(())
    }

    async fn say(&self, stream: &mut Stream, ask: &Ask<'_>) -> Result<(), Cause> {
        let sending = async {
            stream.write_all(&self.send).await?;
            stream.flush().await
        };
        timeout_at(ask.deadline, sending)
            .await
            .map_err(|_| late(ask, format_args!("sending")))?
            .map_err(|error| io_cause("sending", &error))?;
        ask.trace.step(|| format!("sent {} bytes", self.send.len()));
        Ok(())
    }

    async fn wait_for(
        &self,
        expected: &Expected,
        stream: &mut Stream,
        ask: &Ask<'_>,
    ) -> Result<(), Cause> {
        let mut heard = Heard { bytes: Vec::new(), searched: 0, cost_left: self.cost_max() };
        let mut block = vec![0_u8; 4096.min(self.read_max)];
        let end = loop {
            match timeout_at(ask.deadline, stream.read(&mut block)).await {
                Err(_) => break late(ask, format_args!("waiting for the expected answer")),
                Ok(Err(error)) => break io_cause("reading", &error),
                Ok(Ok(0)) => break Cause::bare(CauseCode::Closed),
                Ok(Ok(count)) => heard.bytes.extend_from_slice(&block[..count]),
            }
            if heard.has(expected, false) {
                return Ok(());
            }
            if heard.bytes.len() >= self.read_max {
                break Cause::bare(CauseCode::TooLarge);
            }
        };
        if heard.has(expected, true) {
            return Ok(());
        }
        Err(heard.unexpected(&end))
    }

    fn cost_max(&self) -> u64 {
        self.read_max as u64 * SEARCHES_MAX
    }
}

/// What came, and how much of it was searched.
struct Heard {
    bytes: Vec<u8>,
    searched: usize,
    /// Bytes that may still be searched before the end.
    cost_left: u64,
}

impl Heard {
    fn has(&mut self, expected: &Expected, last: bool) -> bool {
        let cost = if expected.is_costly() { self.bytes.len() as u64 } else { 0 };
        if self.searched == self.bytes.len() || (!last && cost > self.cost_left) {
            return false;
        }
        self.cost_left = self.cost_left.saturating_sub(cost);
        let found = expected.is_in(&self.bytes, self.searched);
        self.searched = self.bytes.len();
        found
    }

    /// What came instead of the expected, when the conversation ended like this.
    fn unexpected(&self, end: &Cause) -> Cause {
        let heard = String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(256)]);
        match end.code {
            CauseCode::TooLarge => {
                let text = format!("not in the first {} bytes: {heard}", self.bytes.len());
                Cause::new(CauseCode::TooLarge, text)
            }
            // A whole answer came, and it is not the expected one.
            CauseCode::Closed | CauseCode::Timeout if !self.bytes.is_empty() => {
                Cause::new(CauseCode::Mismatch, format!("answered: {heard}"))
            }
            CauseCode::Closed => Cause::new(CauseCode::Closed, "closed without an answer"),
            _ => end.clone(),
        }
    }
}

fn io_cause(doing: &str, error: &std::io::Error) -> Cause {
    match error.get_ref().and_then(|it| it.downcast_ref::<tokio_rustls::rustls::Error>()) {
        Some(error) => Cause::new(CauseCode::TlsHandshake, error.to_string()),
        None => crate::wires::errno::cause_of(doing, error),
    }
}

impl Seen {
    fn measures(&self, took: Duration, expected: Option<&Expected>) -> Vec<Measure> {
        let mut measures = vec![Measure::number(TIME, took.as_secs_f64())];
        let phases = [
            (RESOLVE, self.phases.resolve),
            (CONNECT, self.phases.connect),
            (STARTTLS, self.phases.starttls),
            (TLS, self.phases.tls),
            (ANSWER, self.answer),
            (DNS, self.phases.resolve),
        ];
        let known = phases.into_iter().filter_map(|(index, took)| Some((index, took?)));
        measures.extend(known.map(|(index, took)| Measure::number(index, took.as_secs_f64())));
        if let (Some(matched), Some(expected)) = (self.matched, expected) {
            let index = if expected.is_costly() { REGEX_FAILED } else { BYTES_FAILED };
            measures.push(Measure::number(index, f64::from(u8::from(!matched))));
        }
        if let Some(address) = self.phases.address {
            measures.push(Measure::number(IP_PROTOCOL, connect::ip_protocol(address)));
            measures.push(Measure::number(IP_HASH, connect::ip_hash(address)));
        }
        self.tls.measure(TLS_FIRST, &mut measures);
        measures
    }
}

/// Reads `address` and `port`, which may hold both: `mail.example:25`.
fn target(params: &Params, faults: &mut Vec<ParamFault>) -> (Option<Arc<str>>, u16) {
    let address = params.text("address").map(Arc::from);
    let Some(text) = params.text("port") else {
        faults.push(fault("port", "is missing", "write `tcp: 443` or `tcp: { port: 443 }`"));
        return (address, 0);
    };
    let (host, digits) = match text.rsplit_once(':') {
        Some((host, digits)) => (Some(host), digits),
        None => (None, text),
    };
    let port = digits.parse::<u16>().ok().filter(|it| *it > 0);
    if port.is_none() {
        faults.push(fault("port", format!("`{digits}` is not a port"), "1 to 65535"));
    }
    let Some(host) = host else { return (address, port.unwrap_or(0)) };
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    if bare.is_empty() || (bare.contains(':') && bare.len() == host.len()) {
        faults.push(fault("port", format!("`{host}` is not a host"), "as in `[::1]:443`"));
    } else if address.is_some() {
        faults.push(fault("port", "names a host, and so does `address`", "keep one of them"));
    }
    (address.or_else(|| Some(Arc::from(bare))), port.unwrap_or(0))
}

fn expected(params: &Params, faults: &mut Vec<ParamFault>) -> Option<Expected> {
    let bytes = bytes_of(params, "expect", faults);
    let pattern = terms::pattern(params, "expect_regex", faults);
    if bytes.is_some() && pattern.is_some() {
        faults.push(fault("expect_regex", "stands beside `expect`", "keep one of them"));
    }
    pattern.map(Expected::Pattern).or(bytes.map(Expected::Bytes))
}

fn read_max(params: &Params, faults: &mut Vec<ParamFault>) -> usize {
    let bytes = params.number("read_max").unwrap_or(READ_BYTES_DEFAULT);
    if !(1..=READ_BYTES_MAX).contains(&bytes) {
        faults.push(fault("read_max", "is out of range", "1B to 16MiB"));
    }
    usize::try_from(bytes.clamp(1, READ_BYTES_MAX)).unwrap_or(1)
}

/// The bytes that the text of `param` stands for; never none.
fn bytes_of(params: &Params, param: &'static str, faults: &mut Vec<ParamFault>) -> Option<Vec<u8>> {
    match unescape(params.text(param)?) {
        Ok(bytes) if bytes.is_empty() => faults.push(fault(param, "is empty", "leave it out")),
        Ok(bytes) => return Some(bytes),
        Err(what) => faults.push(fault(param, what, r"known are \r \n \t \0 \\ and \x1f")),
    }
    None
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let mut glyphs = after.chars();
        bytes.push(match glyphs.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let digits = after.get(1..3).filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
                let digits = digits.ok_or(r"has a `\x` without two digits")?;
                glyphs = after[3..].chars();
                u8::from_str_radix(digits, 16).expect("two hexadecimal digits fit a byte")
            }
            Some(other) => return Err(format!(r"has an unknown `\{other}`")),
            None => return Err(r"ends in a single `\`".to_owned()),
        });
        rest = glyphs.as_str();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "port",
        form: Form::Text,
        default: "",
        doc: "The port, or host and port as in `mail.example:25`.",
    },
    ParamSpec {
        name: "address",
        form: Form::Text,
        default: "",
        doc: "Name or address to connect to, instead of the host's.",
    },
    terms::FAMILY,
    ParamSpec {
        name: "send",
        form: Form::Text,
        default: "",
        doc: r"What to send once connected. `\r \n \t \0 \\` and `\x1f` stand for bytes.",
    },
    ParamSpec {
        name: "expect",
        form: Form::Text,
        default: "",
        doc: "What must come, somewhere in the answer; written like `send`.",
    },
    ParamSpec {
        name: "expect_regex",
        form: Form::Regex,
        default: "",
        doc: "A regular expression that the answer must match, judged as it grows.",
    },
    ParamSpec {
        name: "read_max",
        form: Form::Bytes,
        default: "64KiB",
        doc: "Read no more than this while waiting for the answer.",
    },
    ParamSpec {
        name: "tls",
        form: Form::Flag,
        default: "no",
        doc: "Speak TLS from the first byte on.",
    },
    ParamSpec {
        name: "starttls",
        form: Form::Choice(starttls::WORDS),
        default: "",
        doc: "Go over to TLS in the manner of this protocol.",
    },
    terms::SERVER_NAME,
    terms::VERIFY,
    terms::CA,
];

const fn phase(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    doc: &'static str,
) -> MeasureSpec {
    let series = Some(("probe_tcp_duration_seconds", labels));
    MeasureSpec { name, unit: Unit::Seconds, series, doc }
}

const fn number(name: &'static str, series: &'static str, doc: &'static str) -> MeasureSpec {
    MeasureSpec { name, unit: Unit::Number, series: Some((series, &[])), doc }
}

const MEASURES: &[MeasureSpec] = &[
    MeasureSpec { name: "time", unit: Unit::Seconds, series: None, doc: "The whole look." },
    phase("resolve", &[("phase", "resolve")], "Learning the address."),
    phase("connect", &[("phase", "connect")], "Connecting."),
    phase("starttls_time", &[("phase", "starttls")], "Agreeing on STARTTLS, greeting included."),
    phase("tls_time", &[("phase", "tls")], "The TLS handshake."),
    phase("answer", &[("phase", "expect")], "Sending, and waiting for the expected answer."),
    number("bytes_failed", "probe_failed_due_to_bytes", "1 if `expect` did not come."),
    number("regex_failed", "probe_failed_due_to_regex", "1 if `expect_regex` did not match."),
    MeasureSpec {
        name: "dns",
        unit: Unit::Seconds,
        series: Some(("probe_dns_lookup_time_seconds", &[])),
        doc: "Learning the address.",
    },
    number("ip_protocol", "probe_ip_protocol", "4 or 6."),
    number("ip_hash", "probe_ip_addr_hash", "A number that changes when the address does."),
    tls::CERT,
    tls::CERT_END,
    tls::CHAIN_END,
    tls::FINGERPRINT,
    tls::TLS_VERSION,
    tls::TLS_CIPHER,
];

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use model::Value;
    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::{Target, Trace, WorldSettings};

    /// One look at `port` of the loopback, as a shard would have it.
    fn look(port: u16) -> Found {
        let params = Params([("port", Value::Text(port.to_string().into()))].into());
        let tcp = Tcp::build(&params).unwrap();
        let target = Target { name: "acme/web/port".into(), address: Some("127.0.0.1".into()) };
        let timeout = Duration::from_secs(20);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let deadline = Instant::now() + timeout;
            let ask = Ask { target: &target, deadline, timeout, trace: &Trace::off() };
            Kind::look(&tcp, &World::new(&WorldSettings::default()), &ask).await
        })
    }

    #[test]
    fn a_port_is_fine_once_somebody_listens() {
        // Bound, so that nobody else takes it, and not listening yet.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        let Verdict::Seen { cause: Some(cause), .. } = look(port).verdict else {
            panic!("nobody listens there yet");
        };
        assert_eq!(cause.code, CauseCode::Refused);
        socket.listen(1).unwrap();
        assert_eq!(look(port).verdict, Verdict::OK);
    }

    #[test]
    fn texts_stand_for_bytes() {
        assert_eq!(unescape(r"a\r\n\t\0\\\x1F\xff").unwrap(), b"a\r\n\t\0\\\x1f\xff");
        assert_eq!(unescape("grün").unwrap(), "grün".as_bytes());
        for wrong in [r"\q", "\\", r"\x1", r"\xg0", r"\x1é", r"\é"] {
            assert!(unescape(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_found_across_the_pieces_they_come_in() {
        let expected = Expected::Bytes(b"ready".to_vec());
        let mut heard = Heard { bytes: b"rea".to_vec(), searched: 0, cost_left: 0 };
        assert!(!heard.has(&expected, false));
        heard.bytes.extend_from_slice(b"dy");
        assert!(heard.has(&expected, false));
    }

    #[test]
    fn a_pattern_is_searched_for_only_so_often_before_the_end() {
        let expected = Expected::Pattern(Regex::new("x").unwrap());
        let mut heard = Heard { bytes: b"aaax".to_vec(), searched: 0, cost_left: 3 };
        assert!(!heard.has(&expected, false));
        assert!(heard.has(&expected, true));
    }
}
