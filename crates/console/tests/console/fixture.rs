//! A console with a board, and a client that speaks plain HTTP over a socket.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use console::{Board, Build, Entry, ReloadRequest, Shared};
use model::{
    Belief, Cause, CauseCode, CheckResult, CheckableId, KindSpec, Look, Measure, MeasureSpec,
    Moment, Reading, RunId, StateType, Status, Unit, Verdict,
};
use tokio::sync::{mpsc, oneshot};

/// Longest wait for anything that has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// When the tests take place.
pub(crate) const NOW_SECS: u64 = 1_800_000_000;

const fn measure(
    name: &'static str,
    unit: Unit,
    series: Option<(&'static str, &'static [(&'static str, &'static str)])>,
) -> MeasureSpec {
    MeasureSpec { name, unit, series, doc: "A \"measurement\"\nof a test." }
}

const fn kind(name: &'static str, measures: &'static [MeasureSpec]) -> KindSpec {
    KindSpec {
        name,
        summary: "",
        manual: "",
        main_param: None,
        main_measure: "",
        params: &[],
        measures,
        causes: &[],
        asked_together: false,
        example: "",
    }
}

/// Two phases of one family, a text, one that shares a family with `ping`, and one not shown.
pub(crate) static HTTP: KindSpec = kind(
    "http",
    &[
        measure(
            "connect",
            Unit::Seconds,
            Some(("probe_http_duration_seconds", &[("phase", "connect")])),
        ),
        measure("tls", Unit::Seconds, Some(("probe_http_duration_seconds", &[("phase", "tls")]))),
        measure("version", Unit::Text, Some(("probe_tls_version_info", &[("version", "")]))),
        measure("lookup", Unit::Seconds, Some(("probe_dns_lookup_time_seconds", &[]))),
        measure("hidden", Unit::Number, None),
    ],
);

pub(crate) static PING: KindSpec = kind(
    "ping",
    &[
        measure("rtt", Unit::Seconds, Some(("probe_icmp_duration_seconds", &[("phase", "rtt")]))),
        measure("lookup", Unit::Seconds, Some(("probe_dns_lookup_time_seconds", &[]))),
    ],
);

/// A service of `acme/web`.
pub(crate) fn service(id: u32, name: &str, kind: &'static KindSpec) -> Entry {
    Entry {
        id: CheckableId(id),
        customer: Arc::from("acme"),
        host: Arc::from("web"),
        service: Some(Arc::from(name)),
        kind: Some(kind),
        target: Arc::from("https://web.example/"),
        stale_after: Some(Duration::from_secs(185)),
        timeout: Duration::from_millis(2_500),
        watched_since: Moment::from_secs(NOW_SECS - 1_000),
    }
}

/// The host `acme/NAME`.
pub(crate) fn host(id: u32, name: &str) -> Entry {
    let host = Arc::from(name);
    Entry { host, service: None, target: Arc::from("10.0.0.1"), ..service(id, "", &PING) }
}

pub(crate) fn believed(status: Status, kind: StateType) -> Belief {
    Belief {
        now: Look { status, kind, attempt: 1 },
        known: true,
        hard_status: status,
        flapping: false,
        history: 0,
        since: Moment::ZERO,
        hard_since: Moment::ZERO,
        attempt_at: Moment::ZERO,
        host_was_down: false,
        thresholds: Vec::new(),
        cause: None,
    }
}

/// A look at `id` that began `ago` seconds before now and took 250 ms.
pub(crate) fn answer(ago: u64, verdict: Verdict, measures: Vec<Measure>) -> CheckResult {
    CheckResult {
        checkable: CheckableId(0),
        run: RunId(1),
        started_at: Moment::from_secs(NOW_SECS - ago),
        took: Duration::from_millis(250),
        verdict,
        measures,
    }
}

pub(crate) fn text(index: u8, text: &str) -> Measure {
    Measure { index, reading: Reading::Text(text.into()) }
}

pub(crate) fn refused() -> Verdict {
    Cause::bare(CauseCode::Refused).into()
}

/// A console that serves on a port of its own until it is dropped.
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    pub(crate) addr: SocketAddr,
    pub(crate) reloads: mpsc::Receiver<ReloadRequest>,
    /// Moves the clock, in seconds.
    pub(crate) later: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(entries: Vec<Entry>) -> Self {
        let later = Arc::new(AtomicU64::new(0));
        let build = Build { version: "1.2.3", labels: vec![("sqlite", "3.54.1".to_owned())] };
        let ticks = Arc::clone(&later);
        let clock = move || Moment::from_secs(NOW_SECS + ticks.load(Relaxed));
        let shared = Arc::new(Shared::new(build, 2, &["http", "ping"], clock));
        shared.show(Arc::new(Board::new(entries, None)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (ask, reloads) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build().unwrap();
            let shutdown = async { drop(stopped.await) };
            runtime.block_on(console::serve(listener, served, ask, shutdown)).unwrap();
        });
        Self { shared, addr, reloads, later, stop: Some(stop), thread: Some(thread) }
    }

    /// Tells it to end, without waiting.
    pub(crate) fn shut_down(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn wait(mut self) {
        self.shut_down();
        self.thread.take().unwrap().join().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    /// The page in OpenMetrics.
    pub(crate) fn metrics(&self) -> String {
        let accept = "Accept: application/openmetrics-text; version=1.0.0";
        let answer = self.ask(&format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\n{accept}\r\nConnection: close\r\n\r\n"
        ));
        assert_eq!(answer.code, 200);
        answer.text()
    }

    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut BufReader::new(stream)).expect("an answer comes")
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// An answer with what matters of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Was the body whole?
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        assert!(self.whole, "the body broke off");
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Reads one answer; `None` if the connection ended before its head did.
    pub(crate) fn read(from: &mut impl BufRead) -> Option<Self> {
        let mut body = Vec::new();
        let (head, whole) = read_with(from, |chunk| body.extend_from_slice(chunk))?;
        let code = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { code, head, body, whole })
    }
}

/// Reads an answer and hands over its body chunk by chunk as they were sent.
pub(crate) fn read_with(
    from: &mut impl BufRead,
    mut each: impl FnMut(&[u8]),
) -> Option<(String, bool)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    if let Some(length) = head.lines().find_map(|it| it.strip_prefix("content-length: ")) {
        let mut body = vec![0; length.parse().ok()?];
        let whole = from.read_exact(&mut body).is_ok();
        each(&body);
        return Some((head, whole));
    }
    let mut chunk = Vec::new();
    loop {
        let mut line = String::new();
        let length = match from.read_line(&mut line) {
            Ok(_) => usize::from_str_radix(line.trim_end(), 16),
            Err(_) => return Some((head, false)),
        };
        let Ok(length) = length else { return Some((head, false)) };
        chunk.resize(length + 2, 0);
        if from.read_exact(&mut chunk).is_err() {
            return Some((head, false));
        }
        if length == 0 {
            return Some((head, true));
        }
        each(&chunk[..length]);
    }
}
