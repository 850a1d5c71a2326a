//! Opening: lock, look, bring up to date, begin a new life.

use std::{collections::HashMap, path::Path, path::PathBuf, sync::Arc};

use model::{Belief, Moment, Position};
use rusqlite::Connection;

use crate::{
    DeskPast, OpenError, StoreHealth,
    connect::{SQLITE_VERSION_MIN, connect},
    folder::Folder,
    inspect::{Memory, inspect, is_there, refusal},
    migrate::{MIGRATIONS, create, latest, upgrade},
    read,
};

/// An opened store that nobody writes to yet; see [`Store::writer`].
#[derive(Debug)]
pub struct Store {
    pub(crate) folder: Folder,
    pub(crate) path: PathBuf,
    pub(crate) conn: Connection,
    pub(crate) boot: u64,
    pub(crate) next_result: i64,
    pub(crate) health: Arc<StoreHealth>,
}

/// A store and what it remembers.
#[derive(Debug)]
pub struct Opened {
    /// The store itself.
    pub store: Store,
    /// The number of this life; larger than any before.
    pub boot: u64,
    /// What is believed, by full name (`customer/host/service`).
    pub beliefs: HashMap<String, Belief>,
    /// Which rules their threshold memories belong to, by full name, of those of which that was
    /// said (see [`Batch::rules`](crate::Batch::rules)). A memory of other rules is worth nothing.
    pub rules: HashMap<String, u64>,
    /// What the desk goes on with.
    pub desk: DeskPast,
    /// How far each shard's stream has been kept, of whatever life; sorted by shard.
    pub positions: Vec<(u32, Position)>,
    /// Who used the store last; `None` if it is new.
    pub past: Option<PastBoot>,
}

/// The life of an engine before this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastBoot {
    /// Its number.
    pub number: u64,
    /// When it began, in seconds since 1970.
    pub started_at_secs: u64,
    /// Did it stop cleanly?
    pub clean: bool,
}

impl Store {
    /// Opens the store in the folder `dir` and begins a new life at `now_secs` (since 1970). Folder
    /// and database are made if they are missing.
    ///
    /// # Errors
    /// See [`OpenError`]. Whatever it is, a database that is there is left as it was.
    pub fn open(dir: &Path, now_secs: u64) -> Result<Opened, OpenError> {
        open_with(dir, now_secs, MIGRATIONS)
    }

    /// The writer's figures; they stay at zero until it runs.
    #[must_use]
    pub fn health(&self) -> Arc<StoreHealth> {
        Arc::clone(&self.health)
    }
}

/// Opens with another list of migrations than the real one, for tests of migrations.
pub(crate) fn open_with(
    dir: &Path,
    now_secs: u64,
    migrations: &[&str],
) -> Result<Opened, OpenError> {
    check_sqlite(rusqlite::version_number(), rusqlite::version())?;
    let folder = Folder::take(dir)?;
    let path = folder.database();
    if !is_there(&path)? {
        create(&folder, migrations)?;
    }
    let known = latest(migrations);
    let now = Moment::from_secs(now_secs);
    let inspected = inspect(&path, known, now)?;
    if inspected.version < known {
        upgrade(&folder, &path, inspected.version, migrations)?;
    }
    let refuse = |source: rusqlite::Error| refusal(&path, source);
    let conn = connect(&path).map_err(refuse)?;
    let Memory { believed, desk } = match inspected.memory {
        Some(memory) => memory,
        None => Memory::read(&conn, now).map_err(refuse)?,
    };
    let positions = read::positions(&conn).map_err(refuse)?;
    let next_result = read::last_result(&conn).map_err(refuse)? + 1;
    let boot = begin(&conn, now_secs).map_err(refuse)?;
    let health = Arc::default();
    let store = Store { folder, path, conn, boot, next_result, health };
    let read::Believed { beliefs, rules } = believed;
    Ok(Opened { store, boot, beliefs, rules, desk, positions, past: inspected.past })
}

/// Is the SQLite with this number and name one that keeps what it was given?
fn check_sqlite(number: i32, name: &str) -> Result<(), OpenError> {
    match number < SQLITE_VERSION_MIN {
        true => Err(OpenError::SqliteTooOld { found: name.to_owned() }),
        false => Ok(()),
    }
}

/// Numbers the new life higher than anything that any row speaks of.
fn begin(conn: &Connection, now_secs: u64) -> rusqlite::Result<u64> {
    let sql = "
        INSERT INTO boot (number, started_at_secs)
        SELECT 1 + max(
            (SELECT coalesce(max(number), 0) FROM boot),
            (SELECT coalesce(max(boot), 0) FROM position),
            (SELECT coalesce(max(boot), 0) FROM transition)), ?1
        RETURNING number";
    let boot: i64 = conn.prepare(sql)?.query_row([now_secs.cast_signed()], |row| row.get(0))?;
    Ok(boot.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_that_can_corrupt_the_log_is_refused() {
        for (number, name) in [(3_051_002, "3.51.2"), (3_050_099, "3.50.99")] {
            let error = check_sqlite(number, name).unwrap_err();
            assert!(error.to_string().starts_with(&format!("SQLite {name} is too old")), "{error}");
            assert!(!error.hint().is_empty());
        }
        check_sqlite(3_051_003, "3.51.3").unwrap();
        check_sqlite(rusqlite::version_number(), rusqlite::version()).unwrap();
    }
}
