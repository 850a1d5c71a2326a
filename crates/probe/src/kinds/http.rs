//! `http`: does the page come, and is it the right one?
//!
//! Every place on the way, redirects included, is resolved, connected to and timed anew; nothing is
//! pooled or cached. What an admin trusts to one server stays with it: a redirect to another one
//! gets neither passwords nor headers nor a body.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Version,
    header::{self, HeaderValue},
};
use model::{
    Cause, CauseCode, Form, KindSpec, Measure, MeasureSpec, ParamFault, ParamSpec, Params, Unit,
    Value, Verdict,
};
use tokio::time::Instant;
use url::Url;

use crate::{
    Ask, Found, Kind, World,
    terms::{self, counted, fault},
    wires::{
        accept::{Codes, Path, Wanted},
        connect::{self, Phases, Place},
        headers::{http_date, written_headers},
        http::{self, Answer, Protocol},
        redirect,
        resolve::Family,
        stream::Wire,
        tls::{self, TlsFacts, TlsTerms},
    },
};

/// How many redirects are followed when nothing is written.
const REDIRECTS_DEFAULT: i64 = 5;
/// More cannot be asked for.
const REDIRECTS_MAX: i64 = 10;
/// How much of a body is read when nothing is written.
const BODY_BYTES_DEFAULT: i64 = 256 << 10;
/// More cannot be asked for.
const BODY_BYTES_MAX: i64 = 16 << 20;
/// How we introduce ourselves.
const USER_AGENT: &str = concat!("campanile/", env!("CARGO_PKG_VERSION"));
/// A check of a web page.
#[derive(Debug)]
pub(crate) struct Http {
    page: Page,
    method: Method,
    /// What an admin wrote, passwords included: for the first server only.
    headers: HeaderMap,
    body: Bytes,
    redirects_max: usize,
    /// Accepted codes were written down: a redirect among them is an answer, and not followed.
    codes_written: bool,
    wanted: Wanted,
    body_max: usize,
    version: Wish,
    tls: TlsTerms,
    /// Where to connect to in the place of the URL's host.
    address: Option<Arc<str>>,
    family: Family,
}

/// What to ask for.
#[derive(Debug)]
enum Page {
    Whole(Box<Url>),
    /// A path on the host of the check.
    Path(Box<str>),
}

/// Which HTTP to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Any,
    Http1,
    Http2,
}

/// Places in `measures` below.
const TIME: u8 = 0;
const RESOLVE: u8 = 1;
const CONNECT: u8 = 2;
const TLS: u8 = 3;
const PROCESSING: u8 = 4;
const TRANSFER: u8 = 5;
const CODE: u8 = 6;
const HTTP_VERSION: u8 = 7;
const ENCRYPTED: u8 = 8;
const HOPS: u8 = 9;
const LENGTH: u8 = 10;
const SIZE: u8 = 11;
const MODIFIED: u8 = 12;
const BODY_FAILED: u8 = 13;
const DNS: u8 = 14;
const IP_PROTOCOL: u8 = 15;
const IP_HASH: u8 = 16;
const TLS_FIRST: u8 = 17;

impl Kind for Http {
    const SPEC: KindSpec = KindSpec {
        name: "http",
        summary: "Asks for a page by HTTP/1.1 or HTTP/2, with or without TLS.",
        manual: "The URL may be a path alone (`http: /health`); it is then asked of the host's \
                 address, without TLS.\n\n\
                 Redirects are followed, each place resolved, connected to and timed anew. A \
                 redirect to another host or port, or from https to http, gets no password, no \
                 header of `headers`, and no body; one that leaves HTTP or brings a user along \
                 is refused. When `expect` names a redirect's code, that redirect is the answer.\n\n\
                 Nothing is sent to a server whose certificate is not good, unless `verify: off`; \
                 its end is measured all the same. Compressed answers are not asked for.",
        main_param: Some("url"),
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
            CauseCode::Mismatch,
            CauseCode::Malformed,
            CauseCode::TooLarge,
            CauseCode::HttpStatus,
            CauseCode::Redirects,
            CauseCode::RedirectRefused,
        ],
        asked_together: false,
        example: r#"shop: { http: { url: "https://shop.example/health", body: '"ok":true' }, warn: over 800ms, cert: { warn: under 21d } }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let body = Bytes::from(params.text("send_body").unwrap_or_default().to_owned());
        let redirects = params.number("redirects").unwrap_or(REDIRECTS_DEFAULT);
        let redirects = usize::try_from(redirects.clamp(0, REDIRECTS_MAX)).unwrap_or(0);
        let body_max = params.number("body_max").unwrap_or(BODY_BYTES_DEFAULT);
        if !(0..=BODY_BYTES_MAX).contains(&body_max) {
            faults.push(fault("body_max", "is out of range", "0B to 16MiB"));
        }
        let built = Self {
            page: page(params, &mut faults),
            method: method(params, &body, &mut faults),
            headers: written_headers(params, &mut faults),
            body,
            redirects_max: redirects,
            codes_written: params.get("expect").is_some(),
            wanted: wanted(params, redirects > 0, &mut faults),
            body_max: usize::try_from(body_max.clamp(0, BODY_BYTES_MAX)).unwrap_or(0),
            version: match params.text("version") {
                Some("1.1") => Wish::Http1,
                Some("2") => Wish::Http2,
                _ => Wish::Any,
            },
            tls: terms::tls(params, &mut faults),
            address: params.text("address").map(Arc::from),
            family: terms::family(params),
        };
        if faults.is_empty() { Ok(built) } else { Err(faults) }
    }

    fn needs_host(&self) -> bool {
        self.address.is_none() && matches!(self.page, Page::Path(_))
    }

    async fn look(&self, world: &World, ask: &Ask<'_>) -> Found {
        let start = Instant::now();
        let mut seen = Seen::default();
        let judged = match self.travel(world, ask, &mut seen).await {
            Ok(answer) => self.judge(&answer, &mut seen),
            Err(cause) => Err(cause),
        };
        let verdict = judged.map_or_else(Verdict::from, |()| Verdict::OK);
        Found { verdict, measures: seen.measures(start.elapsed()) }
    }
}

/// What one look brought to light, however it ended.
#[derive(Debug, Default)]
struct Seen {
    phases: Phases,
    tls: TlsFacts,
    hops: usize,
    /// Of the last answer.
    answer: Option<AnswerFacts>,
}

#[derive(Debug)]
struct AnswerFacts {
    code: u16,
    version: f64,
    encrypted: bool,
    length: Option<u64>,
    size: usize,
    modified: Option<i64>,
    body_failed: bool,
}

/// One request on the way.
struct Stop {
    url: Url,
    method: Method,
    /// Is it the server that the admin meant?
    trusted: bool,
    body: bool,
}

impl Http {
    /// Goes from page to page until one does not lead elsewhere.
    async fn travel(&self, world: &World, ask: &Ask<'_>, seen: &mut Seen) -> Result<Answer, Cause> {
        let mut stop = Stop {
            url: self.first_url(ask)?,
            method: self.method.clone(),
            trusted: true,
            body: !self.body.is_empty(),
        };
        let mut visited = Vec::new();
        loop {
            let answer = self.visit(world, ask, &stop, seen).await?;
            let Some(location) = self.next_location(&answer) else { return Ok(answer) };
            if seen.hops == self.redirects_max {
                let text = format!("more than {}", counted(self.redirects_max, "redirect"));
                return Err(Cause::new(CauseCode::Redirects, text));
            }
            seen.hops += 1;
            let next = self.next_stop(&stop, &answer, &location)?;
            visited.push(stop);
            if visited.iter().any(|it| it.url == next.url && it.method == next.method) {
                let text = format!("in a circle after {}", counted(seen.hops, "redirect"));
                return Err(Cause::new(CauseCode::Redirects, text));
            }
            stop = next;
        }
    }

    /// Where `answer` leads, if it does and we go there.
    fn next_location(&self, answer: &Answer) -> Option<HeaderValue> {
        let code = answer.status.as_u16();
        let accepted = self.codes_written && self.wanted.codes.has(code);
        if self.redirects_max == 0 || accepted || !redirect::leads_elsewhere(code) {
            return None;
        }
        answer.headers.get(header::LOCATION).cloned()
    }

    fn next_stop(
        &self,
        from: &Stop,
        answer: &Answer,
        location: &HeaderValue,
    ) -> Result<Stop, Cause> {
        let hop = redirect::follow(&from.url, location.as_bytes())?;
        let get = redirect::becomes_get(answer.status.as_u16(), &from.method);
        let body = from.body && !get;
        let trusted = from.trusted && hop.trusted;
        if body && !trusted {
            let host = hop.url.host_str().unwrap_or_default();
            let text = format!("with the body of the request to {host}");
            return Err(Cause::new(CauseCode::RedirectRefused, text));
        }
        let method = if get { Method::GET } else { from.method.clone() };
        Ok(Stop { url: hop.url, method, trusted, body })
    }

    async fn visit(
        &self,
        world: &World,
        ask: &Ask<'_>,
        stop: &Stop,
        seen: &mut Seen,
    ) -> Result<Answer, Cause> {
        let (wire, protocol) = self.reach(world, ask, stop, seen).await?;
        let request = self.request(stop, protocol)?;
        let read = if stop.method == Method::HEAD { 0 } else { self.body_max };
        let answer = http::exchange(wire, protocol, request, read, (ask, &mut seen.phases)).await?;
        ask.trace.step(|| {
            let origin = stop.url.origin().ascii_serialization();
            let (version, size) = (answer.version, answer.body.len());
            format!("{} {origin}: {version:?} {}, {size} bytes", stop.method, answer.status)
        });
        seen.answer = Some(AnswerFacts::of(&answer, stop));
        Ok(answer)
    }

    /// Connects to the server of `stop`, and agrees on TLS and on the version of HTTP.
    async fn reach(
        &self,
        world: &World,
        ask: &Ask<'_>,
        stop: &Stop,
        seen: &mut Seen,
    ) -> Result<(Wire, Protocol), Cause> {
        let name = stop.url.host_str().unwrap_or_default();
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let place = Place {
            host: self.address.as_deref().filter(|_| stop.trusted).unwrap_or(name),
            port: stop.url.port_or_known_default().unwrap_or(80),
            family: self.family,
        };
        let tcp = connect::connect(world, place, ask, &mut seen.phases).await?;
        if stop.url.scheme() != "https" {
            let http2 = self.version == Wish::Http2;
            let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
            return Ok((Wire::Plain(tcp), protocol));
        }
        let offer: &[&[u8]] = match self.version {
            Wish::Any => &[b"h2", b"http/1.1"],
            Wish::Http1 => &[b"http/1.1"],
            Wish::Http2 => &[b"h2"],
        };
        let terms = if stop.trusted { &self.tls } else { &self.tls.elsewhere() };
        seen.tls = TlsFacts::default();
        let out = (ask, &mut seen.phases, &mut seen.tls);
        let stream = world.tls.shake(tcp, name, terms, offer, out).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if self.version == Wish::Http2 && !http2 {
            return Err(Cause::new(CauseCode::Mismatch, "the server does not speak HTTP/2"));
        }
        let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
        Ok((Wire::Tls(Box::new(stream)), protocol))
    }

    fn request(&self, stop: &Stop, protocol: Protocol) -> Result<Request<Full<Bytes>>, Cause> {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        if stop.trusted {
            for (name, value) in &self.headers {
                headers.insert(name, value.clone());
            }
        }
        let host = headers
            .remove(header::HOST)
            .map_or_else(|| authority(&stop.url), |it| it.to_str().unwrap_or_default().to_owned());
        let path = &stop.url[url::Position::BeforePath..url::Position::AfterQuery];
        let uri = match protocol {
            Protocol::Http1 => {
                let close = HeaderValue::from_static("close");
                headers.insert(header::CONNECTION, close);
                let host = HeaderValue::try_from(&host).map_err(|error| unusable(&error))?;
                headers.insert(header::HOST, host);
                path.to_owned()
            }
            Protocol::Http2 => format!("{}://{host}{path}", stop.url.scheme()),
        };
        let body = if stop.body { self.body.clone() } else { Bytes::new() };
        let request = Request::builder().method(&stop.method).uri(uri).body(Full::new(body));
        let mut request = request.map_err(|error| unusable(&error))?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn first_url(&self, ask: &Ask<'_>) -> Result<Url, Cause> {
        let path = match &self.page {
            Page::Whole(url) => return Ok(Url::clone(url)),
            Page::Path(path) => path,
        };
        let Some(address) = &ask.target.address else {
            let text = "no host to ask; write the whole URL";
            return Err(Cause::new(CauseCode::Internal, text));
        };
        let brackets = address.contains(':') && !address.starts_with('[');
        let host = if brackets { format!("[{address}]") } else { address.to_string() };
        Url::parse(&format!("http://{host}{path}")).map_err(|error| unusable(&error))
    }

    fn judge(&self, answer: &Answer, seen: &mut Seen) -> Result<(), Cause> {
        self.wanted.judge_code(answer)?;
        let judged = self.wanted.judge_body(answer);
        if let Some(facts) = &mut seen.answer {
            facts.body_failed = judged.is_err();
        }
        judged
    }
}

/// A request that we cannot even write is a fault of our own.
fn unusable(error: &dyn std::fmt::Display) -> Cause {
    Cause::new(CauseCode::Internal, format!("the request cannot be written: {error}"))
}

/// Host and port, as they stand in a request.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl AnswerFacts {
    fn of(answer: &Answer, stop: &Stop) -> Self {
        let modified = answer.headers.get(header::LAST_MODIFIED);
        Self {
            code: answer.status.as_u16(),
            version: match answer.version {
                Version::HTTP_2 => 2.0,
                Version::HTTP_10 => 1.0,
                _ => 1.1,
            },
            encrypted: stop.url.scheme() == "https",
            length: answer.length,
            size: answer.body.len(),
            modified: modified.and_then(|it| http_date(it.to_str().ok()?)),
            body_failed: false,
        }
    }

    fn measure(&self, measures: &mut Vec<Measure>) {
        // Lengths and dates are far below 2^53, so a float holds them exactly.
        let length = self.length.map_or(-1.0, |it| it as f64);
        let flag = |it: bool| f64::from(u8::from(it));
        measures.extend([
            Measure::number(CODE, f64::from(self.code)),
            Measure::number(HTTP_VERSION, self.version),
            Measure::number(ENCRYPTED, flag(self.encrypted)),
            Measure::number(LENGTH, length),
            Measure::number(SIZE, self.size as f64),
            Measure::number(BODY_FAILED, flag(self.body_failed)),
        ]);
        measures.extend(self.modified.map(|it| Measure::number(MODIFIED, it as f64)));
    }
}

impl Seen {
    fn measures(&self, took: Duration) -> Vec<Measure> {
        let mut measures = vec![Measure::number(TIME, took.as_secs_f64())];
        let phases = [
            (RESOLVE, self.phases.resolve),
            (CONNECT, self.phases.connect),
            (TLS, self.phases.tls),
            (PROCESSING, self.phases.processing),
            (TRANSFER, self.phases.transfer),
            (DNS, self.phases.resolve),
        ];
        let known = phases.into_iter().filter_map(|(index, took)| Some((index, took?)));
        measures.extend(known.map(|(index, took)| Measure::number(index, took.as_secs_f64())));
        measures.push(Measure::number(HOPS, self.hops as f64));
        if let Some(answer) = &self.answer {
            answer.measure(&mut measures);
        }
        if let Some(address) = self.phases.address {
            measures.push(Measure::number(IP_PROTOCOL, connect::ip_protocol(address)));
            measures.push(Measure::number(IP_HASH, connect::ip_hash(address)));
        }
        self.tls.measure(TLS_FIRST, &mut measures);
        measures
    }
}

fn page(params: &Params, faults: &mut Vec<ParamFault>) -> Page {
    let text = params.text("url").unwrap_or_default();
    if text.starts_with('/') && !text.starts_with("//") {
        return Page::Path(text.into());
    }
    let hint = "as in `https://www.example/` or `/health`";
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(_) if text.is_empty() => {
            faults.push(fault("url", "is missing", hint));
            return Page::Path("/".into());
        }
        Err(error) => {
            faults.push(fault("url", format!("is no URL: {error}"), hint));
            return Page::Path("/".into());
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        faults.push(fault("url", format!("`{}` is not of HTTP", url.scheme()), hint));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "write `user` and `password: \"${secret:…}\"` instead";
        faults.push(fault("url", "holds a user or a password", hint));
    }
    Page::Whole(Box::new(url))
}

fn method(params: &Params, body: &Bytes, faults: &mut Vec<ParamFault>) -> Method {
    let default = if body.is_empty() { "GET" } else { "POST" };
    let method = params.text("method").unwrap_or(default);
    if !body.is_empty() && matches!(method, "GET" | "HEAD") {
        faults.push(fault("method", format!("{method} has no body"), "leave `send_body` out"));
    }
    Method::from_bytes(method.as_bytes()).unwrap_or_default()
}

fn wanted(params: &Params, redirects_followed: bool, faults: &mut Vec<ParamFault>) -> Wanted {
    let codes = match params.get("expect").map(Codes::parse) {
        None => Codes::default_for(redirects_followed),
        Some(Ok(codes)) => codes,
        Some(Err(wrong)) => {
            let hint = "as in `200`, `2xx` or `[200, 301..308]`";
            faults.push(fault("expect", format!("`{wrong}` is no status code"), hint));
            Codes::default_for(redirects_followed)
        }
    };
    let wanted = Wanted {
        codes,
        text: params.text("body").map(|it| it.as_bytes().into()),
        pattern: terms::pattern(params, "body_regex", faults),
        forbidden: terms::pattern(params, "body_not_regex", faults),
        json: json(params, faults),
    };
    if wanted.judges_body() && params.text("method") == Some("HEAD") {
        faults.push(fault("method", "the answer to HEAD has no body to judge", "use GET"));
    }
    wanted
}

fn json(params: &Params, faults: &mut Vec<ParamFault>) -> Vec<(Path, Box<str>)> {
    let Some(Value::Map(written)) = params.get("json") else { return Vec::new() };
    let mut wanted = Vec::new();
    for (path, value) in written {
        let hint = "as in `status`, `$.checks[0].name` or `[\"odd.key\"]`";
        let value: Option<Box<str>> = match value {
            Value::Text(text) => Some(text.as_ref().into()),
            Value::Secret(secret) => Some(secret.reveal().into()),
            Value::Number(number) => Some(number.to_string().into()),
            Value::Flag(flag) => Some(flag.to_string().into()),
            _ => None,
        };
        match (Path::parse(path), value) {
            (Some(path), Some(value)) => wanted.push((path, value)),
            _ => faults.push(fault("json", format!("`{path}` is no path to a value"), hint)),
        }
    }
    wanted
}

const PARAMS: &[ParamSpec] = &[
    param("url", Form::Text, "", "What to ask for; a path alone is asked of the host's address."),
    param(
        "method",
        Form::Choice(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
        "GET, or POST with `send_body`",
        "The method.",
    ),
    param("headers", Form::TextMap, "", "More headers; `host` may be among them."),
    param("send_body", Form::Text, "", "The body of the request."),
    param("user", Form::Text, "", "User for basic authentication."),
    param("password", Form::Secret, "", "Password for basic authentication."),
    param("bearer", Form::Secret, "", "Token for bearer authentication."),
    param("redirects", Form::Count(0, REDIRECTS_MAX), "5", "Follow no more redirects than this."),
    param("expect", Form::Codes, "2xx; with `redirects: 0` 3xx too", "Codes that are fine."),
    param("body", Form::Text, "", "A text that the body must contain."),
    param("body_regex", Form::Regex, "", "A regular expression that the body must match."),
    param("body_not_regex", Form::Regex, "", "A regular expression that the body must not match."),
    param(
        "json",
        Form::TextMap,
        "",
        "Paths into a body of JSON with the values that must stand there: `{ status: ok }`.",
    ),
    param("body_max", Form::Bytes, "256KiB", "Read no more of the body than this."),
    param(
        "version",
        Form::Choice(&["any", "1.1", "2"]),
        "any",
        "Version of HTTP. `any` is whatever the server prefers under TLS, and 1.1 without it.",
    ),
    param("address", Form::Text, "", "Name or address to connect to in place of the URL's host."),
    terms::FAMILY,
    terms::SERVER_NAME,
    terms::VERIFY,
    terms::CA,
];

const fn param(
    name: &'static str,
    form: Form,
    default: &'static str,
    doc: &'static str,
) -> ParamSpec {
    ParamSpec { name, form, default, doc }
}

const fn phase(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    doc: &'static str,
) -> MeasureSpec {
    let series = Some(("probe_http_duration_seconds", labels));
    MeasureSpec { name, unit: Unit::Seconds, series, doc }
}

const fn measure(
    name: &'static str,
    unit: Unit,
    series: &'static str,
    doc: &'static str,
) -> MeasureSpec {
    MeasureSpec { name, unit, series: Some((series, &[])), doc }
}

const MEASURES: &[MeasureSpec] = &[
    MeasureSpec { name: "time", unit: Unit::Seconds, series: None, doc: "The whole look." },
    phase("resolve", &[("phase", "resolve")], "Learning the addresses of all places."),
    phase("connect", &[("phase", "connect")], "Connecting to them."),
    phase("tls_time", &[("phase", "tls")], "The TLS handshakes with them."),
    phase("processing", &[("phase", "processing")], "From the requests to the heads of answers."),
    phase("transfer", &[("phase", "transfer")], "Reading the bodies."),
    measure("code", Unit::Number, "probe_http_status_code", "Status code of the last answer."),
    measure("http_version", Unit::Number, "probe_http_version", "1.1 or 2."),
    measure("encrypted", Unit::Number, "probe_http_ssl", "1 if the last answer came under TLS."),
    measure("hops", Unit::Number, "probe_http_redirects", "Redirects that were followed."),
    measure("length", Unit::Bytes, "probe_http_content_length", "As announced; -1 if it was not."),
    measure(
        "size",
        Unit::Bytes,
        "probe_http_uncompressed_body_length",
        "What was read of the body.",
    ),
    measure(
        "modified",
        Unit::Number,
        "probe_http_last_modified_timestamp_seconds",
        "When the page was last changed, as the server has it, in seconds since 1970.",
    ),
    measure("body_failed", Unit::Number, "probe_failed_due_to_regex", "1 if the body is not fine."),
    measure("dns", Unit::Seconds, "probe_dns_lookup_time_seconds", "Learning the addresses."),
    measure("ip_protocol", Unit::Number, "probe_ip_protocol", "4 or 6."),
    measure("ip_hash", Unit::Number, "probe_ip_addr_hash", "Changes when the address does."),
    tls::CERT,
    tls::CERT_END,
    tls::CHAIN_END,
    tls::FINGERPRINT,
    tls::TLS_VERSION,
    tls::TLS_CIPHER,
];
