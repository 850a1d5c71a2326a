//! `/api/v1`: what people and programs may ask of a running engine.
//!
//! One table of [`routes`] says everything: the router, the OpenAPI document and the tests of who
//! may do what are made from it. Every request passes one [`door`]: token, pace, origin, scope,
//! customer; what is refused there never reaches the desk. Whatever is refused is written down. Reads come from the
//! [`Ledger`] of committed rows, changes are asked of the [`Desk`] and answered once committed.

mod act;
mod ask;
mod audit;
mod bucket;
mod content;
mod door;
mod fault;
mod forms;
mod object;
mod openapi;
mod read;
mod route;
mod routes;
mod seams;
mod shape;
mod stream;
#[cfg(test)]
mod tests;
/// Tokens: how their secrets are made, kept and recognised.
pub mod token;
mod watchdogs;
mod watching;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use model::{Actor, EventId, Moment, Reply, Request};
use tokio::{
    sync::{Semaphore, watch},
    task::spawn_blocking,
    time::timeout,
};

pub(crate) use door::router;
pub use seams::{
    AlertFilter, AlertsShown, Answering, CallFilter, CallsShown, CheckableView, Consequence,
    Customers, Cut, Desk, EventPiece, Ledger, LedgerFault, OnDuty, Page, ProblemFilter,
    ProblemsShown, ProposalFilter, ProposalsShown, Read, Story, StoryFilter, Supposition,
    WindowFilter, WindowView, WouldAsk, WouldTell,
};
pub use token::Tokens;
pub use watching::{
    BadgeView, Fed, Feed, JobFilter, JobView, NotTaken, Ping, ReportsFilter, Secrets, Signal,
    SlotsFilter, Suggestion, Taking, ToCome, ToComeFilter, Watchdogs,
};

use crate::{
    Readings,
    api::{
        audit::Audit,
        bucket::{Buckets, Pace},
        fault::Fault,
        stream::Streams,
    },
};

/// How often one token may ask.
const PACE: Pace = Pace { per_second: 50, burst: 200 };

/// How often one address may ping or look at badges. A provider behind one address has hundreds of
/// jobs that end on the same minute.
const PING_PACE: Pace = Pace { per_second: 50, burst: 1_000 };

/// Reads of the ledger at once; each has a thread.
const READS_MAX: usize = 8;

/// Longest time until a read has its turn, and longest time it may take.
const READ_WAIT_MAX: Duration = Duration::from_secs(10);

/// Longest time the desk may take before its asker is told that no answer came.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// What the interface stands on.
pub struct Seams {
    /// What is read.
    pub ledger: Arc<dyn Ledger>,
    /// Where changes are asked for.
    pub desk: Arc<dyn Desk>,
    /// Who may come in.
    pub tokens: Arc<Tokens>,
    /// The last event that was committed. Streams end when its sender is dropped.
    pub wakes: watch::Receiver<EventId>,
    /// The engine's clock.
    pub clock: Arc<dyn Fn() -> Moment + Send + Sync>,
}

/// The interface. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    seams: Seams,
    watchdogs: OnceLock<Arc<dyn Watchdogs>>,
    buckets: Buckets,
    pingers: Buckets,
    reads: Arc<Semaphore>,
    streams: Streams,
    audit: Audit,
    patience: Duration,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("tokens", &self.0.seams.tokens).finish_non_exhaustive()
    }
}

impl Api {
    /// The interface over `seams`.
    #[must_use]
    pub fn new(seams: Seams) -> Self {
        Self::with(seams, PACE, ANSWER_WAIT_MAX)
    }

    fn with(seams: Seams, pace: Pace, patience: Duration) -> Self {
        Self(Arc::new(Inner {
            seams,
            watchdogs: OnceLock::new(),
            buckets: Buckets::new(pace),
            pingers: Buckets::new(PING_PACE),
            reads: Arc::new(Semaphore::new(READS_MAX)),
            streams: Streams::default(),
            audit: Audit::default(),
            patience,
        }))
    }

    /// Answers for watchdogs from now on, and hears pings. To be called once; until then whoever asks
    /// is told to wait.
    pub fn hear(&self, watchdogs: Arc<dyn Watchdogs>) {
        let is_first = self.0.watchdogs.set(watchdogs).is_ok();
        debug_assert!(is_first, "watchdogs are offered once");
    }

    /// Who hears pings; `None` before anybody does.
    pub(crate) fn ears(&self) -> Option<Arc<dyn Watchdogs>> {
        self.0.watchdogs.get().map(Arc::clone)
    }

    /// Is there anything left in the bucket of this address?
    pub(crate) fn may_ping(&self, crowd: u64) -> bool {
        self.0.pingers.take(crowd, self.now())
    }

    pub(crate) fn now(&self) -> Moment {
        (self.0.seams.clock)()
    }

    /// Reads on a thread for blocking work.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Ledger) -> Read<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = timeout(READ_WAIT_MAX, Arc::clone(&self.0.reads).acquire_owned()).await;
        let Ok(turn) = turn else {
            return Err(Fault::busy("too much is read at once; wait"));
        };
        let turn = turn.expect("the semaphore is never closed");
        let ledger = Arc::clone(&self.0.seams.ledger);
        let reading = spawn_blocking(move || {
            // Kept until it is really over: whoever is not waited for any more still has a thread.
            let _turn = turn;
            read(&*ledger)
        });
        let answer = timeout(READ_WAIT_MAX, reading).await;
        match answer {
            Ok(Ok(Ok(found))) => Ok(found),
            Ok(Ok(Err(LedgerFault::Cursor))) => {
                Err(Fault::invalid("parameter cursor", "not a cursor of this list; leave it out"))
            }
            Ok(Ok(Err(LedgerFault::Unreadable(why)))) => {
                tracing::error!(why, "the store cannot be read for the interface");
                Err(Fault::busy("the store cannot be read now; see the engine's log"))
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "a read for the interface broke");
                Err(Fault::busy("the store cannot be read now; see the engine's log"))
            }
            Err(_) => Err(Fault::busy("the store takes too long; wait")),
        }
    }

    async fn ask(&self, request: Request) -> Result<Reply, Fault> {
        match timeout(self.0.patience, self.0.seams.desk.ask(request)).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(Fault::stopping()),
            Err(_) => Err(Fault::no_answer()),
        }
    }

    /// Ends what would otherwise never end: the engine stops.
    pub(crate) fn end(&self) {
        self.0.streams.end();
    }

    /// Says what was refused, for `/metrics`.
    pub(crate) fn readings(&self, readings: &mut Readings) {
        self.0.audit.read(readings);
        let help = "Streams of events that are open";
        readings.gauge("campanile_api_streams", help, &[], self.0.streams.count() as f64);
    }
}

/// A moment, as RFC 3339 writes it.
pub(crate) fn moment_text(at: Moment) -> String {
    shape::At(at).to_string()
}

/// Whose objects `actor` may see, narrowed to one customer if `wanted` is given.
fn narrowed(actor: &Actor, wanted: Option<&str>) -> Customers {
    match wanted {
        None => actor.customers.clone(),
        Some(wanted) if actor.may_see(wanted) => Some(vec![wanted.into()]),
        Some(_) => Some(Vec::new()),
    }
}
