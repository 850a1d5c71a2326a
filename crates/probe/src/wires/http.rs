//! One HTTP request over one connection, read within limits.
//!
//! Nothing is pooled: a check wants to know how long connecting takes, every time. hyper parses;
//! what it is fed, for how long and how much of it, is decided here. The driver of the connection
//! runs inside the look, not beside it, so that the end of the look is the end of everything.

use std::{cell::RefCell, error::Error as _, future::Future, io, pin::pin, rc::Rc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode, Version,
    body::Incoming,
    client::conn::{http1, http2},
    header::HeaderMap,
    rt::Executor,
};
use hyper_util::rt::TokioIo;
use model::{Cause, CauseCode};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    connect::{Phases, late},
    errno,
    stream::{Fault, FaultCell, Stream, Wire},
};
use crate::Ask;

/// Largest head of an answer. Servers are rarely willing to read half of that from us.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Most header lines of an answer.
const HEADERS_MAX: usize = 200;
/// What the wire may carry besides the body: heads, interim answers, frames, TLS records.
const WIRE_BYTES_EXTRA: u64 = 256 << 10;
/// How much larger than its body an answer may be on the wire. A chunk or a frame has a head of up
/// to nine bytes; real ones carry thousands.
const WIRE_BYTES_PER_BYTE: u64 = 2;

/// What a request is sent over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    /// As announced; `None` if it was not.
    pub(crate) length: Option<u64>,
    /// No longer than was asked for.
    pub(crate) body: Vec<u8>,
    /// Is `body` all of it?
    pub(crate) whole: bool,
}

/// Sends `request` over `wire` and reads the answer with up to `body_max` bytes of its body.
///
/// # Errors
/// `malformed` for an answer that is not of HTTP, `too-large` for one that ignores all limits,
/// `closed` for one that ends too soon, else whatever befell the connection.
pub(crate) async fn exchange(
    wire: Wire,
    protocol: Protocol,
    request: Request<Full<Bytes>>,
    body_max: usize,
    (ask, phases): (&Ask<'_>, &mut Phases),
) -> Result<Answer, Cause> {
    let wire_max = (body_max as u64).saturating_mul(WIRE_BYTES_PER_BYTE) + WIRE_BYTES_EXTRA;
    let stream = Stream::new(wire, wire_max);
    // All that is to come came, or nobody wants it: no port needs to wait for stray packets.
    stream.close_abruptly();
    let fault = stream.fault();
    let read = Read { body_max, fault, ask };
    match protocol {
        Protocol::Http1 => {
            let mut builder = http1::Builder::new();
            builder.max_header_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
            let shaken = timeout_at(ask.deadline, builder.handshake(TokioIo::new(stream))).await;
            let (mut sender, connection) = read.settled(shaken, "beginning HTTP/1.1")?;
            let work = async { read.answer(sender.send_request(request), phases).await };
            alongside(connection, work).await
        }
        Protocol::Http2 => {
            let tasks = Tasks::default();
            let builder = http2_builder(&tasks);
            let shaken = timeout_at(ask.deadline, builder.handshake(TokioIo::new(stream))).await;
            let (mut sender, connection) = read.settled(shaken, "beginning HTTP/2")?;
            let work = async { read.answer(sender.send_request(request), phases).await };
            alongside(connection, work).await
        }
    }
}

fn http2_builder(tasks: &Tasks) -> http2::Builder<Spawner> {
    let mut builder = http2::Builder::new(Spawner(Rc::clone(&tasks.0)));
    builder.max_header_list_size(u32::try_from(HEAD_BYTES_MAX).expect("32 KiB fit"));
    // A server has no business opening streams of its own.
    builder.max_concurrent_streams(0);
    builder
}

/// Drives the connection for as long as `work` takes, and not longer.
async fn alongside<T>(connection: impl Future, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        output = &mut work => return output,
        // Its error, if any, reaches `work` too.
        _ = connection => {}
    }
    work.await
}

/// How the answer is read.
struct Read<'a> {
    body_max: usize,
    fault: FaultCell,
    ask: &'a Ask<'a>,
}

impl Read<'_> {
    async fn answer(
        &self,
        sending: impl Future<Output = hyper::Result<Response<Incoming>>>,
        phases: &mut Phases,
    ) -> Result<Answer, Cause> {
        let start = Instant::now();
        let head = timeout_at(self.ask.deadline, sending).await;
        Phases::add(&mut phases.processing, start);
        let (head, mut body) = self.settled(head, "waiting for the answer")?.into_parts();
        let announced = head.headers.get(hyper::header::CONTENT_LENGTH);
        let length = announced.and_then(|it| it.to_str().ok()?.trim().parse().ok());

        let start = Instant::now();
        let mut answer = Answer {
            status: head.status,
            version: head.version,
            headers: head.headers,
            length,
            body: Vec::new(),
            whole: true,
        };
        let read = self.body(&mut body, &mut answer).await;
        Phases::add(&mut phases.transfer, start);
        read.map(|()| answer)
    }

    async fn body(&self, body: &mut Incoming, answer: &mut Answer) -> Result<(), Cause> {
        loop {
            let frame = timeout_at(self.ask.deadline, body.frame()).await;
            let frame = frame.map_err(|_| late(self.ask, format_args!("reading the body")))?;
            let Some(frame) = frame else { return Ok(()) };
            let frame = frame.map_err(|error| self.cause("reading the body", &error))?;
            // Trailers are of no interest.
            let Some(block) = frame.data_ref() else { continue };
            let room = self.body_max - answer.body.len();
            answer.body.extend_from_slice(&block[..block.len().min(room)]);
            if block.len() > room {
                answer.whole = false;
                return Ok(());
            }
        }
    }

    fn settled<T>(
        &self,
        result: Result<hyper::Result<T>, tokio::time::error::Elapsed>,
        doing: &str,
    ) -> Result<T, Cause> {
        let settled = result.map_err(|_| late(self.ask, format_args!("{doing}")))?;
        settled.map_err(|error| self.cause(doing, &error))
    }

    /// hyper knows what it could not parse; the stream knows why nothing more came.
    fn cause(&self, doing: &str, error: &hyper::Error) -> Cause {
        let io = error.source().and_then(|it| it.downcast_ref::<io::Error>());
        // hyper makes errors of its own in the same type, about what it read.
        let io = io.filter(|it| it.raw_os_error().is_some());
        let text = innermost(error);
        let code = match self.fault.get() {
            Some(Fault::TooMuch) => CauseCode::TooLarge,
            Some(Fault::Tls) => CauseCode::TlsHandshake,
            Some(Fault::Other(code)) => code,
            // hyper tells these apart by text alone: whether a head was too large only its
            // server may ask, and errors of HTTP/2 belong to a crate below.
            _ if error.is_parse() && text.ends_with("too large") => CauseCode::TooLarge,
            _ if text.contains("error received") => CauseCode::Reset,
            _ if text.contains("error detected") => CauseCode::Malformed,
            _ if error.is_parse() => CauseCode::Malformed,
            Some(Fault::Closed) => CauseCode::Closed,
            None => io.map_or(CauseCode::Malformed, errno::code_of),
        };
        Cause::new(code, format!("{doing}: {text}"))
    }
}

/// The text of the error below all errors, which is the one that says something.
fn innermost(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text = error.to_string();
        below = error.source();
    }
    text
}

/// The tasks that HTTP/2 needs beside the request; gone with it.
#[derive(Default)]
struct Tasks(Rc<RefCell<JoinSet<()>>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        // The tasks hold the set that holds them; this cuts the circle.
        self.0.borrow_mut().abort_all();
    }
}

#[derive(Clone)]
struct Spawner(Rc<RefCell<JoinSet<()>>>);

impl<F: Future + 'static> Executor<F> for Spawner {
    fn execute(&self, task: F) {
        self.0.borrow_mut().spawn_local(async move {
            task.await;
        });
    }
}
