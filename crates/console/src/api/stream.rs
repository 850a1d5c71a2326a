//! Events as a stream of server-sent events.
//!
//! A stream reads committed events piece by piece and hands them to its connection through a short
//! queue; it never keeps more than one piece. A client that does not take them is cut off and comes
//! back with `Last-Event-ID`, so nobody's slowness costs memory and nothing is missed.

use std::{
    collections::BTreeMap,
    fmt::Write,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures_util::Stream;
use model::{Actor, EventId, NoteId};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use crate::api::{
    Api, Customers,
    ask::{Answer, Ask},
    fault::Fault,
    forms::told::EventForm,
    narrowed,
    read::EVENTS_MAX,
};

/// Streams at once; each holds a connection.
pub(crate) const STREAMS_MAX: usize = 64;

/// Streams of one token, so that it cannot keep the others out.
pub(crate) const STREAMS_OF_TOKEN_MAX: usize = 16;

/// A comment is sent when nothing else was for so long, so that nobody on the way gives up.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);

/// A client that takes nothing for this long is cut off.
const STALL_MAX: Duration = Duration::from_secs(30);

/// Frames that may wait for the client.
const FRAMES_WAITING_MAX: usize = 2;

/// Pause when there should be news and is none.
const BEHIND_PAUSE: Duration = Duration::from_millis(200);

/// How long a client is asked to wait before it comes back, in milliseconds.
const RETRY_MILLIS: u32 = 2_000;

/// The streams that are open.
#[derive(Debug)]
pub(crate) struct Streams {
    by_token: Arc<Mutex<BTreeMap<NoteId, usize>>>,
    ended: watch::Sender<bool>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { by_token: Arc::default(), ended: watch::Sender::new(false) }
    }
}

impl Streams {
    pub(crate) fn count(&self) -> usize {
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Ends all of them, and any that come later.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// A place for one more, if there is one for this token.
    fn enter(&self, token: NoteId) -> Option<Place> {
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = by_token.values().sum();
        let own = by_token.entry(token).or_default();
        let has_room = all < STREAMS_MAX && *own < STREAMS_OF_TOKEN_MAX;
        if has_room {
            *own += 1;
        } else if *own == 0 {
            by_token.remove(&token);
        }
        has_room.then(|| Place { token, by_token: Arc::clone(&self.by_token) })
    }
}

/// A place among the streams; given back when it is dropped.
struct Place {
    token: NoteId,
    by_token: Arc<Mutex<BTreeMap<NoteId, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = by_token.get_mut(&self.token) {
            *own -= 1;
            if *own == 0 {
                by_token.remove(&self.token);
            }
        }
    }
}

/// Begins a stream.
pub(crate) fn serve(ask: Ask) -> Result<Answer, Fault> {
    let streams = &ask.api.0.streams;
    let place = streams.enter(ask.token).ok_or_else(|| {
        Fault::busy("too many streams are open, or too many of this token; end one, or wait")
    })?;
    let ended = streams.ended.subscribe();
    let wakes = ask.api.0.seams.wakes.clone();
    let last = *wakes.borrow();
    // Whoever claims to know what has not happened yet goes on from now.
    let after = begin(&ask)?.unwrap_or(last).min(last);
    let (frames, waiting) = mpsc::channel(FRAMES_WAITING_MAX);
    let customers = narrowed(&ask.actor, ask.query.text("customer"));
    let Ask { api, actor, token, .. } = ask;
    let teller =
        Teller { api, actor, token, customers, after, wakes, ended, frames, _place: place };
    tokio::spawn(teller.tell());
    let body = Body::from_stream(Frames(waiting));
    Ok(Answer::of("text/event-stream", body))
}

/// Behind which event it begins: what the client says, `None` for now.
fn begin(ask: &Ask) -> Result<Option<EventId>, Fault> {
    if let Some(last) = ask.headers.get("last-event-id") {
        let last = last.to_str().ok().and_then(|it| it.trim().parse().ok()).map(EventId);
        let why = "not the id of an event";
        return last.map(Some).ok_or_else(|| Fault::invalid("header Last-Event-ID", why));
    }
    Ok(ask.query.number("after")?.map(EventId))
}

struct Teller {
    api: Api,
    actor: Actor,
    token: NoteId,
    customers: Customers,
    after: EventId,
    wakes: watch::Receiver<EventId>,
    ended: watch::Receiver<bool>,
    frames: mpsc::Sender<Bytes>,
    _place: Place,
}

/// The stream ends.
struct Ended;

impl Teller {
    async fn tell(mut self) {
        let hello = format!("retry: {RETRY_MILLIS}\n\n");
        if self.send(hello).await.is_err() {
            return;
        }
        while self.step().await.is_ok() {}
    }

    /// Waits for news and sends it, or a sign of life.
    async fn step(&mut self) -> Result<(), Ended> {
        let after = self.after;
        let gone = self.frames.clone();
        let news = tokio::select! {
            news = timeout(KEEP_ALIVE_EVERY, self.wakes.wait_for(|it| *it > after)) => {
                news.map(|it| it.map(drop))
            }
            () = gone.closed() => return Err(Ended),
            _ = self.ended.wait_for(|it| *it) => return Err(Ended),
        };
        match news {
            Ok(Ok(())) => {}
            // The engine ends.
            Ok(Err(_)) => return Err(Ended),
            Err(_) => {
                self.still_welcome()?;
                return self.send(": still here\n\n".to_owned()).await;
            }
        }
        self.still_welcome()?;
        let customers = self.customers.clone();
        let read = move |it: &dyn super::Ledger| it.events(after, &customers, EVENTS_MAX);
        let piece = self.api.read(read).await.map_err(|_| Ended)?;
        if piece.read_to <= after {
            // Whoever woke us is ahead of what can be read; not to be asked again in a hurry.
            sleep(BEHIND_PAUSE).await;
        }
        self.after = self.after.max(piece.read_to);
        let mut frames = String::new();
        for event in piece.items.iter().filter(|it| self.actor.may_see(&it.customer)) {
            put(&mut frames, &EventForm::from(event));
        }
        if frames.is_empty() { Ok(()) } else { self.send(frames).await }
    }

    /// A token that ends, ends what it has opened.
    fn still_welcome(&self) -> Result<(), Ended> {
        let holds = self.api.0.seams.tokens.holds(self.token, self.api.now());
        if holds { Ok(()) } else { Err(Ended) }
    }

    async fn send(&self, text: String) -> Result<(), Ended> {
        match timeout(STALL_MAX, self.frames.send(text.into())).await {
            Ok(Ok(())) => Ok(()),
            // The client is gone, or might as well be.
            Ok(Err(_)) | Err(_) => Err(Ended),
        }
    }
}

/// JSON has no line breaks of its own, so one line of data is all of it.
fn put(frames: &mut String, event: &EventForm) {
    let json = serde_json::to_string(event).expect("a shape can always be written");
    write!(frames, "id: {}\nevent: {}\ndata: {json}\n\n", event.id, event.kind)
        .expect("writing to a text does not fail");
}

/// What waits for the client.
struct Frames(mpsc::Receiver<Bytes>);

impl Stream for Frames {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|it| it.map(Ok))
    }
}
