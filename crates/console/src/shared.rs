//! What the console reads and the rest of the engine writes.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;
use model::Moment;

use crate::{
    Board, Counters, Readings,
    api::Api,
    pages::Visits,
    readings::{Reading, Source, Sources},
};

/// What this program is, as labels of `campanile_build_info`.
#[derive(Clone, Debug)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// Further labels, such as the version of SQLite.
    pub labels: Vec<(&'static str, String)>,
}

/// Everything that is shown. One for the life of the process, behind an `Arc`.
pub struct Shared {
    board: ArcSwap<Board>,
    counters: Counters,
    build: Build,
    clock: Box<dyn Fn() -> Moment + Send + Sync>,
    plan_loaded: AtomicBool,
    shards_begun: Vec<AtomicBool>,
    stopping: AtomicBool,
    reload_failed: AtomicBool,
    /// In nanoseconds since 1970; 0: none yet.
    plan_loaded_at: AtomicU64,
    sources: Mutex<Sources>,
    api: OnceLock<Api>,
    pub(crate) visits: Visits,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("build", &self.build).finish_non_exhaustive()
    }
}

impl Shared {
    /// Nothing loaded and nothing begun yet. `kinds` are the names of the catalogue in its order;
    /// `clock` is the engine's clock.
    #[must_use]
    pub fn new(
        build: Build,
        shards: u32,
        kinds: &[&'static str],
        clock: impl Fn() -> Moment + Send + Sync + 'static,
    ) -> Self {
        Self {
            board: ArcSwap::default(),
            counters: Counters::new(shards, kinds),
            build,
            clock: Box::new(clock),
            plan_loaded: AtomicBool::new(false),
            shards_begun: (0..shards).map(|_| AtomicBool::new(false)).collect(),
            stopping: AtomicBool::new(false),
            reload_failed: AtomicBool::new(false),
            plan_loaded_at: AtomicU64::new(0),
            sources: Mutex::new(Sources(Vec::new())),
            api: OnceLock::new(),
            visits: Visits::default(),
        }
    }

    /// The counters, for the shards.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The board that is shown now.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        self.board.load_full()
    }

    /// A plan was loaded: `board` is shown from now on. Also ends the failure of a reload.
    pub fn show(&self, board: Arc<Board>) {
        self.board.store(board);
        self.plan_loaded_at.store(self.now().as_nanos(), Relaxed);
        self.reload_failed.store(false, Relaxed);
        self.plan_loaded.store(true, Relaxed);
    }

    /// A reload failed; the plan before it goes on.
    pub fn reload_failed(&self) {
        self.reload_failed.store(true, Relaxed);
    }

    /// A shard has begun to look.
    pub fn shard_began(&self, shard: u32) {
        if let Some(begun) = self.shards_begun.get(shard as usize) {
            begun.store(true, Relaxed);
        }
    }

    /// The engine is about to end; it is not ready any more.
    pub fn stopping(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Asks `source` for more numbers at each scrape. It must not block.
    pub fn add_source(&self, source: impl Fn(&mut Readings) + Send + Sync + 'static) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.0.push(Arc::new(source));
    }

    /// Offers the interface for people and programs. To be called once, before
    /// [`serve`](crate::serve()); without it there is none.
    pub fn offer(&self, api: Api) {
        let figures = api.clone();
        if self.api.set(api).is_ok() {
            self.add_source(move |readings| figures.readings(readings));
        } else {
            debug_assert!(false, "the interface is offered once");
        }
    }

    pub(crate) fn api(&self) -> Option<&Api> {
        self.api.get()
    }

    /// Why the engine is not ready; `None` if it is.
    #[must_use]
    pub fn not_ready(&self) -> Option<String> {
        let waiting = self.shards_begun.iter().filter(|it| !it.load(Relaxed)).count();
        match () {
            () if self.stopping.load(Relaxed) => Some("stopping".to_owned()),
            () if !self.plan_loaded.load(Relaxed) => Some("no plan is loaded yet".to_owned()),
            () if waiting > 0 => {
                let all = self.shards_begun.len();
                Some(format!("{waiting} of {all} shards have not begun yet"))
            }
            () => None,
        }
    }

    pub(crate) fn now(&self) -> Moment {
        (self.clock)()
    }

    pub(crate) fn build(&self) -> &Build {
        &self.build
    }

    pub(crate) fn has_reload_failed(&self) -> bool {
        self.reload_failed.load(Relaxed)
    }

    pub(crate) fn plan_loaded_at(&self) -> Moment {
        Moment::from_nanos(self.plan_loaded_at.load(Relaxed))
    }

    /// What all sources say now.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let sources: Vec<Source> =
            self.sources.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        let mut readings = Readings::default();
        for source in sources {
            source(&mut readings);
        }
        self.visits.read(&mut readings);
        readings.settle()
    }
}
