//! `campanile run`: everything in one process.

use std::{
    collections::HashMap,
    fmt,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use config::Loaded;
use console::{Build, ReloadOutcome, ReloadRequest, Shared};
use crossbeam_channel::Sender;
use engine::Limits;
use model::{Belief, CheckableId, EngineSettings, Plan};
use probe::{CATALOGUE, SocketKind, ping_right, read_trusted_roots};
use store::{Order, Store, Writer};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
};

use crate::{
    build::{Piece, take_apart},
    clock::Clock,
    descriptors::looks_max,
    desk::{self, ToDesk},
    readings,
    register::Register,
    shard::{self, Change, Common, Handle, ToDriver, Wires},
};

/// Changes sent to a shard in one order: about a millisecond of its time.
const CHANGES_PER_ORDER: usize = 1_000;
/// Names sent to the store in one order.
const NAMES_PER_ORDER: usize = 10_000;
/// How long looks that are under way may go on after SIGTERM.
const DRAIN_WITHIN: Duration = Duration::from_millis(2_500);
/// How long the store may take for its last commits; with the drain below the promised 5 s.
const CLOSE_WITHIN: Duration = Duration::from_millis(1_500);
/// Requests for a reload that may wait.
const RELOADS_WAITING_MAX: usize = 16;
/// Threads of the runtime that serves pages and signals.
const PAGE_THREADS: usize = 2;

/// Why an engine did not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration has mistakes, rendered for people.
    Configuration(String),
    /// Anything else, with what to do about it where that is known.
    Other {
        /// What went wrong.
        error: anyhow::Error,
        /// A remedy; may be empty.
        hint: String,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(text) => f.write_str(text),
            Self::Other { error, hint } if hint.is_empty() => write!(f, "error: {error:#}"),
            Self::Other { error, hint } => write!(f, "error: {error:#}\n  = help: {hint}"),
        }
    }
}

impl From<anyhow::Error> for StartError {
    fn from(error: anyhow::Error) -> Self {
        Self::Other { error, hint: String::new() }
    }
}

/// Reads a configuration with the kinds of this program.
#[must_use]
pub fn load(main_file: &Path) -> Loaded {
    let kinds: Vec<_> = CATALOGUE.iter().map(probe::Entry::for_config).collect();
    config::load(main_file, &kinds)
}

/// Runs the engine until it is told to stop.
///
/// # Errors
/// What kept it from starting. Once it runs, it does not give up.
pub fn run(main_file: &Path) -> Result<(), StartError> {
    let loaded = load(main_file);
    let Some(plan) = loaded.plan.as_ref() else {
        let text = format!("{}{}", loaded.render(false), loaded.summary());
        return Err(StartError::Configuration(text));
    };
    if loaded.warnings() > 0 {
        tracing::warn!("the configuration has warnings:\n{}", loaded.render(false));
    }
    let listener = listen(&plan.engine)?;
    say_ping_right();
    read_trusted_roots();
    let clock = Clock::anchored();
    let now_secs = clock.now().as_nanos() / 1_000_000_000;
    let opened = Store::open(&plan.engine.data, now_secs)
        .map_err(|it| StartError::Other { hint: it.hint().to_owned(), error: it.into() })?;
    if let Some(past) = opened.past.filter(|it| !it.clean) {
        tracing::warn!(boot = past.number, "the engine before this one did not stop cleanly");
    }
    let (writer, store) = opened.store.writer().context("cannot start the store's thread")?;
    let parts = Parts::start(clock, opened.boot, &plan.engine, store, &writer)?;
    let plan = loaded.plan.expect("there is a plan, or we would have stopped above");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(PAGE_THREADS)
        .thread_name("pages")
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let life = Life { main_file: main_file.to_owned(), parts, running: plan.engine.clone() };
    runtime.block_on(life.live(plan, opened.beliefs, listener, writer))
}

fn listen(settings: &EngineSettings) -> Result<TcpListener, StartError> {
    TcpListener::bind(settings.listen).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program has this port; change `listen:` under `engine:`, or use port 0"
            }
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need a right of their own",
            _ => "`listen:` under `engine:` must be an address of this machine",
        };
        let what = format!("cannot listen on {}", settings.listen);
        StartError::Other { error: anyhow::Error::new(error).context(what), hint: hint.to_owned() }
    })
}

/// Without the right to ping everything else still works, so this is said, not fatal.
fn say_ping_right() {
    match ping_right() {
        Ok(SocketKind::Raw) => tracing::debug!("pings go through a raw socket"),
        Ok(SocketKind::Datagram) => tracing::info!("pings go through a datagram socket"),
        Err(remedy) => tracing::error!("no right to ping: {remedy}"),
    }
}

/// The threads and the ways between them.
struct Parts {
    common: Arc<Common>,
    shards: Vec<Handle>,
    desk: std::thread::JoinHandle<()>,
    register: Register,
}

impl Parts {
    fn start(
        clock: Clock,
        boot: u64,
        settings: &EngineSettings,
        store: Sender<Order>,
        writer: &Writer,
    ) -> anyhow::Result<Self> {
        let shards = match settings.shards {
            0 => std::thread::available_parallelism().map_or(1, |it| it.get() as u32),
            shards => shards,
        };
        let kinds: Vec<_> = CATALOGUE.iter().map(|it| it.spec.name).collect();
        let build = Build { version: env!("CARGO_PKG_VERSION"), labels: Vec::new() };
        let shared = Arc::new(Shared::new(build, shards, &kinds, move || clock.now()));
        let (to_desk, desk_inbox) = desk::inbox();
        let common = Arc::new(Common {
            clock,
            boot,
            shards,
            record_results: settings.record_results,
            shared,
            store,
            desk: to_desk,
            wires: (0..shards).map(|_| Wires::default()).collect(),
        });
        readings::publish(&common, writer.health());
        let limits = limits_of(settings, shards);
        let start = |number| shard::start(number, Arc::clone(&common), limits);
        let handles: Vec<_> = (0..shards).map(start).collect::<Result<_, _>>()?;
        let doors = handles.iter().map(|it| it.door.clone()).collect();
        let desk = desk::start(doors, desk_inbox).context("cannot start the desk's thread")?;
        Ok(Self { common, shards: handles, desk, register: Register::new(shards) })
    }

    /// Makes `plan` the one that runs. What is believed of those that stay is kept; `restored` is
    /// what an earlier process believed of those that are new.
    async fn apply(&mut self, plan: &Plan, restored: &HashMap<String, Belief>) {
        let laid = self.register.lay(plan);
        let before = self.common.shared.board();
        let pieces = take_apart(plan, &laid, &before, self.common.clock.now());
        self.name(&laid.added).await;
        let up_of_hosts: Vec<(CheckableId, bool)> = laid
            .hosts
            .iter()
            .filter_map(|(id, name)| Some((*id, restored.get(&**name)?.now.status.is_fine())))
            .collect();
        let limits = limits_of(&plan.engine, self.common.shards);
        let mut orders: Vec<Vec<Change>> =
            self.shards.iter().map(|_| vec![Change::Limit(limits)]).collect();
        for (id, _) in &laid.removed {
            orders[id.shard(self.common.shards) as usize].push(Change::Remove(*id));
        }
        for piece in pieces.all {
            let shard = piece.id.shard(self.common.shards) as usize;
            let restored = restored.get(&*piece.name).cloned().map(Box::new);
            let Piece { id, spec, question, cell, .. } = piece;
            orders[shard].push(Change::Put { id, spec, question, cell, restored });
            if orders[shard].len() >= CHANGES_PER_ORDER {
                let order = ToDriver::Change(std::mem::take(&mut orders[shard]));
                self.shards[shard].door.send(order).await;
            }
        }
        for (handle, changes) in self.shards.iter().zip(orders) {
            handle.door.send(ToDriver::Change(changes)).await;
        }
        self.common.shared.show(Arc::new(pieces.board));
        self.arrange(pieces.behind, up_of_hosts).await;
        let gone = laid.removed.iter().map(|(_, name)| name.to_string()).collect::<Vec<_>>();
        if !gone.is_empty() {
            let store = self.common.store.clone();
            blocking(move || store.send(Order::Forget(gone)).is_ok()).await;
        }
    }

    /// Tells the desk who is behind whom, and waits until the shards know what follows from it: a
    /// host behind a dead parent that answers before that would be taken for down.
    async fn arrange(
        &self,
        behind: Vec<(CheckableId, Vec<CheckableId>)>,
        restored: Vec<(CheckableId, bool)>,
    ) {
        let (done, arranged) = crossbeam_channel::bounded(0);
        let arrange = ToDesk::Arrange { behind, restored, done };
        let desk = self.common.desk.clone();
        // Nothing is ever received: the wait ends when the desk lets go of its end.
        blocking(move || desk.send(arrange).is_ok() && arranged.recv().is_ok()).await;
    }

    /// Tells the store the names of new ids, before any shard can speak of them.
    async fn name(&self, added: &[(CheckableId, Arc<str>)]) {
        for some in added.chunks(NAMES_PER_ORDER) {
            let names = some.iter().map(|(id, name)| (*id, name.to_string())).collect();
            let store = self.common.store.clone();
            blocking(move || store.send(Order::Names(names)).is_ok()).await;
        }
    }

    async fn begin(&self) {
        for handle in &self.shards {
            handle.door.send(ToDriver::Begin).await;
        }
    }

    /// Lets what is under way come in, then ends all threads but the store's.
    async fn stop(self) {
        for handle in &self.shards {
            handle.door.send(ToDriver::Drain { within: DRAIN_WITHIN }).await;
        }
        blocking(move || {
            for handle in self.shards {
                if handle.thread.join().is_err() {
                    tracing::error!("a shard had ended with a panic");
                }
            }
            let stopped = self.common.desk.send(ToDesk::Stop).is_ok();
            stopped && self.desk.join().is_ok()
        })
        .await;
    }
}

/// The limits of one of `shards`: each gets its part of what there is in all.
fn limits_of(settings: &EngineSettings, shards: u32) -> Limits {
    Limits {
        in_flight_max: looks_max(settings.in_flight_max).div_ceil(shards.max(1)).max(1),
        in_flight_per_host_max: u16::try_from(settings.in_flight_per_host_max)
            .unwrap_or(u16::MAX)
            .max(1),
    }
}

/// Waits for something slow without standing in the way of pages.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// What wakes the main loop.
enum Event {
    Hangup,
    Terminate,
    Reload(Option<ReloadRequest>),
    ConsoleEnded,
}

/// A running engine.
struct Life {
    main_file: PathBuf,
    parts: Parts,
    running: EngineSettings,
}

impl Life {
    async fn live(
        mut self,
        plan: Plan,
        restored: HashMap<String, Belief>,
        listener: TcpListener,
        writer: Writer,
    ) -> Result<(), StartError> {
        let mut hangup = signal(SignalKind::hangup()).context("cannot hear SIGHUP")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot hear SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot hear SIGINT")?;
        let address = listener.local_addr().context("the listener has no address")?;
        let (reload, mut reloads) = mpsc::channel(RELOADS_WAITING_MAX);
        let (stop, mut stopped) = watch::channel(false);
        let shared = Arc::clone(&self.parts.common.shared);
        let until = async move {
            // An error means that the sender is gone, which is a reason to stop as well.
            let _ = stopped.wait_for(|it| *it).await.is_ok();
        };
        let serve = console::serve(listener, Arc::clone(&shared), reload, until);
        let mut console = tokio::spawn(serve);
        tracing::info!("listening on http://{address}");
        self.parts.apply(&plan, &restored).await;
        drop((plan, restored));
        self.parts.begin().await;
        tracing::info!(shards = self.parts.common.shards, "watching");
        loop {
            let event = tokio::select! {
                _ = hangup.recv() => Event::Hangup,
                _ = terminate.recv() => Event::Terminate,
                _ = interrupt.recv() => Event::Terminate,
                request = reloads.recv() => Event::Reload(request),
                _ = &mut console => Event::ConsoleEnded,
            };
            match event {
                Event::Hangup => drop(self.reload().await),
                Event::Reload(Some(request)) => {
                    // Whoever asked may have gone away meanwhile.
                    let _ = request.reply.send(self.reload().await).is_ok();
                }
                Event::Reload(None) | Event::ConsoleEnded => {
                    tracing::error!("the console has ended; the engine stops");
                    break;
                }
                Event::Terminate => break,
            }
        }
        tracing::info!("stopping");
        shared.stopping();
        let _ = stop.send(true).is_ok();
        self.parts.stop().await;
        let closed = blocking(move || writer.close(CLOSE_WITHIN)).await;
        tracing::info!(?closed, "stopped");
        Ok(())
    }

    /// Reads the configuration anew. A bad one changes nothing.
    async fn reload(&mut self) -> ReloadOutcome {
        let main_file = self.main_file.clone();
        let Some(loaded) = blocking(move || load(&main_file)).await else {
            self.parts.common.shared.reload_failed();
            return ReloadOutcome::Refused("the reload broke; see the log".to_owned());
        };
        let Some(plan) = loaded.plan.as_ref() else {
            let text = format!("{}{}\n", loaded.render(false), loaded.summary());
            tracing::error!("the configuration was not taken over:\n{text}");
            self.parts.common.shared.reload_failed();
            return ReloadOutcome::Refused(text);
        };
        self.warn_of_restart(&plan.engine);
        self.parts.apply(plan, &HashMap::new()).await;
        let text = format!("{}{}\n", loaded.render(false), loaded.summary());
        tracing::info!("configuration taken over: {}", loaded.summary());
        ReloadOutcome::Done(text)
    }

    fn warn_of_restart(&self, settings: &EngineSettings) {
        let old = &self.running;
        let kept = [
            ("listen", old.listen != settings.listen && old.listen.port() != 0),
            ("data", old.data != settings.data),
            ("shards", old.shards != settings.shards),
            ("record", old.record_results != settings.record_results),
        ];
        for (key, _) in kept.iter().filter(|it| it.1) {
            tracing::warn!("`{key}:` under `engine:` is taken over at the next start");
        }
    }
}
