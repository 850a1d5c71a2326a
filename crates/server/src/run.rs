//! `campanile run`: everything in one process.

use std::{
    fmt,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use config::Loaded;
use model::{EngineSettings, Moment, Plan, Span};
use probe::{CATALOGUE, SocketKind, ping_right, read_trusted_roots};
use store::{Opened, Store, Writer};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    time::interval,
};

use crate::{
    access::Access,
    clock::Clock,
    desk::Past,
    follower::{Follower, Restored},
    log::Log,
    parts::{Kept, Parts, blocking},
    readings,
};

/// How long the store may take for its last commits; with the end of the shards, which comes
/// before, below the promised 5 s.
const CLOSE_WITHIN: Duration = Duration::from_millis(1_500);
/// Requests for a reload that may wait.
const RELOADS_WAITING_MAX: usize = 16;
/// How often it is looked whether all parts still live.
const LIVENESS_EVERY: Duration = Duration::from_millis(500);
/// Threads of the runtime that serves pages and signals.
const PAGE_THREADS: usize = 2;

/// Why an engine did not start, or did not go on.
#[derive(Debug)]
pub enum RunError {
    /// The configuration has mistakes, rendered for people.
    Configuration(String),
    /// A part of the engine has ended by itself. The others have been stopped in good order, so
    /// another start goes on where they were.
    Broken {
        /// The thread that has ended.
        part: String,
    },
    /// Anything else, with what to do about it where that is known.
    Other {
        /// What went wrong.
        error: anyhow::Error,
        /// A remedy; may be empty.
        hint: String,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(text) => f.write_str(text),
            Self::Broken { part } => {
                write!(f, "error: a part of the engine has ended, {part}; see the log above it")
            }
            Self::Other { error, hint } if hint.is_empty() => write!(f, "error: {error:#}"),
            Self::Other { error, hint } => write!(f, "error: {error:#}\n  = help: {hint}"),
        }
    }
}

impl From<anyhow::Error> for RunError {
    fn from(error: anyhow::Error) -> Self {
        Self::Other { error, hint: String::new() }
    }
}

/// Reads a configuration with the kinds of this program.
#[must_use]
pub fn load(main_file: &Path) -> Loaded {
    let kinds: Vec<_> = CATALOGUE.iter().map(probe::Entry::for_config).collect();
    let formats: Vec<&str> = inlet::CATALOGUE.iter().map(|it| it.name).collect();
    config::load(main_file, &kinds, &notify::channel_kinds(), &formats)
}

/// Runs the engine until it is told to stop. `log` is where its log is written, for the figures.
///
/// # Errors
/// What kept it from starting, or from going on: half an engine would be worse than none.
pub fn run(main_file: &Path, log: &Log) -> Result<(), RunError> {
    let runtime = pages_runtime().context("cannot start the runtime")?;
    // From here on a SIGHUP waits until there is a plan to be replaced, and does not end us.
    let hangup = {
        let _inside = runtime.enter();
        signal(SignalKind::hangup()).context("cannot hear SIGHUP")?
    };
    let plan = plan_to_run(main_file)?;
    let listener = listen(&plan.engine)?;
    say_ping_right();
    read_trusted_roots();
    let clock = Clock::anchored();
    let now_secs = clock.now().as_nanos() / 1_000_000_000;
    let opened = Store::open(&plan.engine.data, now_secs)
        .map_err(|it| RunError::Other { hint: it.hint().to_owned(), error: it.into() })?;
    if let Some(past) = opened.past.filter(|it| !it.clean) {
        tracing::warn!(boot = past.number, "the engine before this one did not stop cleanly");
    }
    let past = Past {
        folder: plan.engine.data.clone(),
        away: away(&opened, clock.now()),
        installation: opened.desk.installation,
        next_id: opened.desk.next_id,
        rows: opened.desk.rows,
    };
    let (receipt, receipts) = crossbeam_channel::unbounded();
    let (writer, store) = opened
        .store
        .writer_with(move |it| {
            // A desk that has ended waits for no receipts.
            if receipt.send(it).is_err() {
                tracing::debug!("nobody waits for what the store has kept");
            }
        })
        .context("cannot start the store's thread")?;
    let kept = Kept { store, receipts, past };
    let parts = Parts::start(clock, opened.boot, &plan.engine, kept, &writer)?;
    readings::publish_log(&parts.common.shared, log.dropped());
    let life = Life { main_file: main_file.to_owned(), parts, writer, listener, hangup };
    let ended = runtime
        .block_on(life.live(plan, Restored { beliefs: opened.beliefs, rules: opened.rules }));
    // What hangs in a disk or in a reload is left behind: nobody waits for it any more.
    runtime.shutdown_background();
    ended
}

/// When there was no engine: since the last sign of life that the one before has kept.
fn away(opened: &Opened, now: Moment) -> Option<Span> {
    let last = opened.desk.alive_at?;
    (last < now).then_some(Span { from: last, until: now })
}

/// Serves pages, hears signals, and lets slow things wait without standing in the way.
fn pages_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(PAGE_THREADS)
        .thread_name("pages")
        .enable_all()
        .build()
}

/// The plan alone: what was written is not needed once it is a plan, and it is large.
fn plan_to_run(main_file: &Path) -> Result<Plan, RunError> {
    let mut loaded = load(main_file);
    let Some(plan) = loaded.plan.take() else {
        let text = format!("{}{}", loaded.render(false), loaded.summary());
        return Err(RunError::Configuration(text));
    };
    if loaded.warnings() > 0 {
        tracing::warn!("the configuration has warnings:\n{}", loaded.render(false));
    }
    Ok(plan)
}

fn listen(settings: &EngineSettings) -> Result<TcpListener, RunError> {
    TcpListener::bind(settings.listen).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program has this port; change `listen:` under `engine:`, or use port 0"
            }
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need a right of their own",
            _ => "`listen:` under `engine:` must be an address of this machine",
        };
        let what = format!("cannot listen on {}", settings.listen);
        RunError::Other { error: anyhow::Error::new(error).context(what), hint: hint.to_owned() }
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

/// A running engine.
struct Life {
    main_file: PathBuf,
    parts: Parts,
    writer: Writer,
    listener: TcpListener,
    hangup: Signal,
}

impl Life {
    async fn live(self, plan: Plan, restored: Restored) -> Result<(), RunError> {
        let Self { main_file, parts, writer, listener, hangup } = self;
        let mut terminate = signal(SignalKind::terminate()).context("cannot hear SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot hear SIGINT")?;
        let address = listener.local_addr().context("the listener has no address")?;
        let (reload, reloads) = mpsc::channel(RELOADS_WAITING_MAX);
        let (stop, mut stopped) = watch::channel(false);
        let shared = Arc::clone(&parts.common.shared);
        let until = async move {
            // An error means that the sender is gone, which is a reason to stop as well.
            drop(stopped.wait_for(|it| *it).await);
        };
        let access = Access::new(&parts, &plan.engine.data);
        let hearing = access.hearing();
        shared.offer(access.api.clone());
        let serve = console::serve(listener, Arc::clone(&shared), reload, until);
        let mut console = tokio::spawn(serve);
        tracing::info!("listening on http://{address}");
        let folder = plan.engine.data.clone();
        let now = parts.common.clock.now();
        let mut keeping = tokio::spawn(async move { access.keep(&folder, now).await });
        let mut follower = Follower::new(main_file, &parts, plan.engine.clone());
        // A start and a reload that are under way are given up.
        let broken = tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            part = first_ended(&parts, &writer) => Some(part),
            _ = &mut console => Some("console".to_owned()),
            _ = &mut keeping => Some("access".to_owned()),
            () = follower.follow(plan, restored, hearing, hangup, reloads) => {
                Some("console".to_owned())
            }
        };
        if let Some(part) = &broken {
            tracing::error!(part, "a part of the engine has ended; the rest is stopped");
        }
        tracing::info!("stopping");
        shared.stopping();
        stop.send_replace(true);
        if !parts.stop().await {
            tracing::error!("a part of the engine does not end; it is left behind");
        }
        let closed = blocking(move || writer.close(CLOSE_WITHIN)).await;
        tracing::info!(?closed, "stopped");
        broken.map_or(Ok(()), |part| Err(RunError::Broken { part }))
    }
}

/// Waits until a thread ends that nobody has asked to.
async fn first_ended(parts: &Parts, writer: &Writer) -> String {
    let mut next = interval(LIVENESS_EVERY);
    loop {
        next.tick().await;
        if let Some(part) = parts.ended() {
            return part;
        }
        if writer.is_finished() {
            return "store-writer".to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::Pin};

    use engine::Spec;
    use model::{CheckableId, KindId};
    use probe::{Ask, Found, Looker, Target, World};

    use super::*;
    use crate::{build::Question, desk::ToDesk, shard::Change};

    fn settings(data: &Path) -> EngineSettings {
        EngineSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            data: data.to_owned(),
            shards: 2,
            in_flight_max: 64,
            in_flight_per_host_max: 8,
            record_results: false,
            revision: 0,
        }
    }

    /// An engine with nothing to do.
    fn idle(data: &Path) -> (Life, Plan) {
        let engine = settings(data);
        let opened = Store::open(data, 1).unwrap();
        let (writer, store) = opened.store.writer().unwrap();
        let parts =
            Parts::start(Clock::anchored(), opened.boot, &engine, Kept::silent(store), &writer)
                .unwrap();
        let listener = TcpListener::bind(engine.listen).unwrap();
        let hangup = signal(SignalKind::hangup()).unwrap();
        let life = Life { main_file: data.join("config.yaml"), parts, writer, listener, hangup };
        (life, Plan { engine, hosts: Vec::new(), services: Vec::new(), duty: Arc::default() })
    }

    /// What becomes of an engine after `blow`.
    fn ended_by(blow: impl AsyncFnOnce(&Parts)) -> Result<(), RunError> {
        let folder = tempfile::tempdir().unwrap();
        let runtime = pages_runtime().unwrap();
        let ended = runtime.block_on(async {
            let (life, plan) = idle(folder.path());
            blow(&life.parts).await;
            life.live(plan, Restored::default()).await
        });
        // As in `run`: the start that was given up may still wait for the part that has ended.
        runtime.shutdown_background();
        ended
    }

    /// Breaks the thread that lets go of it.
    struct Mine;

    impl Looker for Mine {
        fn look<'a>(
            &'a self,
            _: &'a World,
            _: &'a Ask<'a>,
        ) -> Pin<Box<dyn Future<Output = Found> + 'a>> {
            Box::pin(std::future::pending())
        }
    }

    impl Drop for Mine {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    #[test]
    fn an_engine_with_a_broken_shard_does_not_go_on_as_half_an_engine() {
        let ended = ended_by(async |parts| {
            let target = Arc::new(Target { name: "acme/web/x".into(), address: None });
            let timeout = Duration::from_secs(1);
            let question =
                Some(Question { looker: Arc::new(Mine), target, timeout, kind: KindId(0) });
            let spec = Spec {
                of_host: false,
                host: None,
                has_parents: false,
                canary: false,
                check: None,
                phase: 0,
                definition: 0,
            };
            let (id, name) = (CheckableId(1), None);
            let put = Change::Put { id, name, spec, question, cell: None, restored: None };
            let remove = Change::Remove { id, name: "acme/web/x".into() };
            let limits = crate::parts::limits_of(&settings(Path::new("")), 2);
            parts.change([put, remove].into_iter(), limits).await;
        });
        assert!(matches!(&ended, Err(RunError::Broken { part }) if part == "shard-1"), "{ended:?}");
    }

    #[test]
    fn nor_does_one_without_a_desk() {
        let ended = ended_by(async |parts| parts.common.desk.send(ToDesk::Stop).unwrap());
        assert!(matches!(&ended, Err(RunError::Broken { part }) if part == "desk"), "{ended:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_takes_nothing_does_not_keep_the_shards_from_ending() {
        let folder = tempfile::tempdir().unwrap();
        let engine = settings(folder.path());
        let opened = Store::open(folder.path(), 1).unwrap();
        let (writer, _) = opened.store.writer().unwrap();
        // Nobody ever takes anything out of this one.
        let (store, _stuck) = crossbeam_channel::bounded(1);
        let parts =
            Parts::start(Clock::anchored(), opened.boot, &engine, Kept::silent(store), &writer)
                .unwrap();
        let named = |id| Change::Put {
            id: CheckableId(id),
            name: Some(format!("acme/web{id}").into()),
            spec: Spec {
                of_host: true,
                host: None,
                has_parents: false,
                canary: false,
                check: None,
                phase: 0,
                definition: 0,
            },
            question: None,
            cell: None,
            restored: None,
        };
        parts.change((0..4).map(named), crate::parts::limits_of(&engine, 2)).await;
        parts.begin().await;
        // Nothing is under way, so nothing but the store could hold this up.
        assert!(parts.stop().await, "a shard waits for the store");
        assert_eq!(writer.close(CLOSE_WITHIN), store::Closed::Clean);
    }
}
