//! The lives of one engine: begun again and again on the same data, and ended by kill -9.

use std::{
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use store::{DATABASE_NAME, Reader};
use tempfile::TempDir;
use tests::{Running, Sandbox};

/// What the engine says once the database is open and everything is restored.
const WATCHING: &str = "watching";
/// Longest wait for that: thousands of times what it takes.
const START_MAX: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(2);

/// How one life goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    /// It ends so long after the process was started, whatever that does at the time; or else so
    /// long after it has begun to watch.
    pub(crate) in_start: bool,
    /// How long it lasts.
    pub(crate) lasts: Duration,
    /// It is told to read its configuration again so long before its end.
    pub(crate) reload: Option<Duration>,
}

/// Lives through `fate`. How long did the engine take to watch? `None` if it was killed before.
pub(crate) fn live(sandbox: &Arc<Sandbox>, fate: Fate) -> Option<Duration> {
    let mut command = sandbox.command();
    let begun = Instant::now();
    let mut engine = Running::start("campanile", command.args(["run", "config.yaml"]));
    let took = (!fate.in_start).then(|| {
        watch(&mut engine, begun);
        begun.elapsed()
    });
    let reload = fate.reload.unwrap_or_default().min(fate.lasts);
    thread::sleep(fate.lasts - reload);
    if took.is_some() && fate.reload.is_some() {
        engine.signal("HUP");
    }
    thread::sleep(reload);
    assert!(engine.ended().is_none(), "it ended by itself: {}", engine.log());
    engine.kill9();
    took
}

fn watch(engine: &mut Running, begun: Instant) {
    while !engine.log().contains(WATCHING) {
        let ended = engine.ended();
        assert!(ended.is_none(), "the engine did not come up, {ended:?}");
        assert!(begun.elapsed() < START_MAX, "the engine does not come up");
        thread::sleep(PAUSE);
    }
}

/// What a kill has left on the disk, set aside before anybody opens it again: to look at it where
/// it lies would do the recovery that the engine's next start is to be tested with.
pub(crate) struct Remains {
    folder: TempDir,
}

impl Remains {
    /// `None` if the engine was killed before it had made its database.
    pub(crate) fn of(sandbox: &Sandbox) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let data = sandbox.path().join("data");
        if !data.join(DATABASE_NAME).exists() {
            return None;
        }
        for name in [DATABASE_NAME.to_owned(), format!("{DATABASE_NAME}-wal")] {
            let from = data.join(&name);
            if from.exists() {
                fs::copy(from, folder.path().join(name)).unwrap();
            }
        }
        Some(Self { folder })
    }

    pub(crate) fn read(&self) -> Reader {
        Reader::open(self.folder.path()).unwrap()
    }

    /// Its files, in bytes.
    pub(crate) fn size(&self) -> u64 {
        let length = |path: &Path| fs::metadata(path).map_or(0, |it| it.len());
        fs::read_dir(self.folder.path()).unwrap().map(|it| length(&it.unwrap().path())).sum()
    }
}
