//! A receiver of webhooks that records everything it was sent, and misbehaves as it is told.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, SystemTime},
};

use serde_json::Value as Json;

use crate::until;

/// Longest body that is read, in bytes.
const BODY_MAX: usize = 4 << 20;
/// Longest wait for the next byte of a sender.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How often one that hangs looks whether it still is to.
const LOOK: Duration = Duration::from_millis(100);

/// What the receiver does with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Takes it: `200`.
    Take,
    /// The same, but thinks about it for so long.
    TakeAfter(Duration),
    /// Answers with this status, and has not taken it.
    Answer(u16),
    /// `429`, and wants to be left alone for so many seconds.
    Later(u64),
    /// Reads it, keeps it, and cuts the connection instead of answering.
    TakeAndCut,
    /// Cuts the connection instead of answering, and has not taken it.
    Cut,
    /// Reads it, has not taken it, and does not answer as long as it behaves so.
    Hang,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// When it was read.
    pub at: SystemTime,
    /// `/hook`.
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body; null if it is not JSON.
    pub body: Json,
    /// The body, as it came.
    pub text: String,
    /// Was it taken?
    pub taken: bool,
}

impl Received {
    /// The header called `name`; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|it| it.0 == name).map_or("", |it| &it.1)
    }

    /// The key of the alert: the same in every repeat.
    #[must_use]
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// `trigger`, `resolve`, ….
    #[must_use]
    pub fn kind(&self) -> &str {
        self.body["data"]["kind"].as_str().unwrap_or_else(|| {
            self.body["type"].as_str().unwrap_or("").trim_start_matches("alert.")
        })
    }

    /// The problem that it is about; 0 if about none.
    #[must_use]
    pub fn problem(&self) -> u64 {
        self.body["data"]["problem"].as_u64().unwrap_or(0)
    }

    /// What it is about, as people write it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.body["data"]["name"].as_str().unwrap_or("")
    }

    /// Is it of this kind, and about `name`?
    #[must_use]
    pub fn says(&self, kind: &str, name: &str) -> bool {
        self.kind() == kind && self.name() == name
    }
}

/// What is done with a request, by what it is and how many came before it.
type Rule = Box<dyn FnMut(&Received, usize) -> Manner + Send>;

struct Shared {
    received: Mutex<Vec<Received>>,
    script: Mutex<VecDeque<Manner>>,
    /// What follows when the script is at its end.
    rule: Mutex<Rule>,
    /// Grows with every new rule: who hangs looks whether it still is to.
    rules: AtomicU64,
    stopped: AtomicBool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("received", &self.received).finish_non_exhaustive()
    }
}

/// A receiver on a port of its own.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver {
    /// Listens, and takes everything.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            script: Mutex::default(),
            rule: Mutex::new(Box::new(|_, _| Manner::Take)),
            rules: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stopped.load(Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&serving);
                // A sender that goes away in the middle is not the receiver's fault.
                thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Self { address, shared }
    }

    /// `http://127.0.0.1:PORT/PATH`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// What it does with the next requests, one each.
    pub fn next(&self, manners: impl IntoIterator<Item = Manner>) {
        lock(&self.shared.script).extend(manners);
    }

    /// What it does with every request from now on.
    pub fn behave(&self, manner: Manner) {
        self.judge(move |_, _| manner);
    }

    /// It decides by the request itself, and by how many came before it, what to do with it.
    pub fn judge(&self, rule: impl FnMut(&Received, usize) -> Manner + Send + 'static) {
        *lock(&self.shared.rule) = Box::new(rule);
        self.shared.rules.fetch_add(1, Relaxed);
    }

    /// Everything so far.
    #[must_use]
    pub fn all(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// Everything that it has taken so far.
    #[must_use]
    pub fn taken(&self) -> Vec<Received> {
        let all = lock(&self.shared.received);
        all.iter().filter(|it| it.taken).cloned().collect()
    }

    /// How much it has taken so far.
    #[must_use]
    pub fn taken_count(&self) -> usize {
        lock(&self.shared.received).iter().filter(|it| it.taken).count()
    }

    /// Waits until `holds` of what it has taken.
    ///
    /// # Panics
    /// When that does not come.
    pub fn wait_for(&self, what: &str, holds: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        until(what, || {
            let taken = self.taken();
            if holds(&taken) { Ok(taken) } else { Err(format!("{taken:#?}")) }
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Relaxed);
        // Wakes the listener, which then sees that it is to stop.
        drop(TcpStream::connect(self.address));
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        loop {
            let Some(mut request) = read_request(&mut reader)? else { return Ok(()) };
            let rules = self.rules.load(Relaxed);
            let manner = self.keep(&mut request);
            match manner {
                Manner::Take | Manner::TakeAfter(_) => {
                    if let Manner::TakeAfter(pause) = manner {
                        thread::sleep(pause);
                    }
                    writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")?
                }
                Manner::Answer(status) => {
                    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n");
                    writer.write_all(head.as_bytes())?;
                }
                Manner::Later(secs) => {
                    let head = format!(
                        "HTTP/1.1 429 Later\r\nRetry-After: {secs}\r\nContent-Length: 0\r\n\r\n"
                    );
                    writer.write_all(head.as_bytes())?;
                }
                Manner::TakeAndCut | Manner::Cut => return Ok(()),
                Manner::Hang => {
                    self.hang(&mut reader, rules);
                    return Ok(());
                }
            }
        }
    }

    /// Decides what becomes of a request, and writes it down: in one step, so that the record has
    /// the order of the decisions.
    fn keep(&self, request: &mut Received) -> Manner {
        let mut received = lock(&self.received);
        let scripted = lock(&self.script).pop_front();
        let manner = scripted.unwrap_or_else(|| (lock(&self.rule))(request, received.len()));
        request.taken = matches!(manner, Manner::Take | Manner::TakeAfter(_) | Manner::TakeAndCut);
        received.push(request.clone());
        manner
    }

    /// Until the sender gives up, or the receiver is told to behave otherwise.
    fn hang(&self, reader: &mut BufReader<TcpStream>, rules: u64) {
        drop(reader.get_ref().set_read_timeout(Some(LOOK)));
        let hangs = || self.rules.load(Relaxed) == rules && !self.stopped.load(Relaxed);
        while hangs() {
            match reader.read(&mut [0]) {
                Err(error) if is_patience(error.kind()) => {}
                _ => return,
            }
        }
    }
}

fn is_patience(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Received>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|it| it.0 == "content-length");
    let length = length.and_then(|it| it.1.parse().ok()).unwrap_or(0_usize).min(BODY_MAX);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let body = serde_json::from_slice(&body).unwrap_or(Json::Null);
    Ok(Some(Received { at: SystemTime::now(), path, headers, body, text, taken: false }))
}
