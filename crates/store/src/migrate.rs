//! The schema, as the ordered list of steps that led to it.
//!
//! A step is never edited once it has been released: files that have taken it are out there. The
//! number of steps taken is the file's `user_version`.

use std::{fs::File, io, path::Path};

use rusqlite::{Connection, TransactionBehavior};

use crate::{
    OpenError,
    connect::{APPLICATION_ID, connect},
    folder::{Folder, beside, create_private},
};

/// Every step, in order; the step at index n leads to schema n + 1.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001_first_light.sql"),
    include_str!("schema/0002_the_desk.sql"),
    include_str!("schema/0003_watchdogs.sql"),
];

/// The schema that `migrations` lead to.
pub(crate) fn latest(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).expect("there are fewer steps than fit a number")
}

/// Makes a new database with the newest schema.
///
/// It is built beside its place and renamed into it, so that a database under the right name is
/// always a whole one.
pub(crate) fn create(folder: &Folder, migrations: &[&str]) -> Result<(), OpenError> {
    let path = folder.database();
    let new = beside(&path, ".new");
    let fault = |source| OpenError::Folder { path: new.clone(), source };
    for suffix in ["", "-journal", "-wal", "-shm"] {
        remove_if_there(&beside(&new, suffix)).map_err(fault)?;
    }
    create_private(&new).map_err(fault)?;
    fill(&new, migrations).map_err(|source| OpenError::Database { path: new.clone(), source })?;
    File::open(&new).and_then(|it| it.sync_all()).map_err(fault)?;
    std::fs::rename(&new, &path).map_err(fault)?;
    folder.sync().map_err(fault)
}

fn fill(path: &Path, migrations: &[&str]) -> rusqlite::Result<()> {
    let mut conn = Connection::open(path)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    for (before, step) in migrations.iter().enumerate() {
        take_step(&mut conn, step, before + 1)?;
    }
    conn.close().map_err(|(_, error)| error)
}

/// Brings the database at `path` from schema `from` to the newest, one transaction a step, after a
/// copy of it was made beside it.
pub(crate) fn upgrade(
    folder: &Folder,
    path: &Path,
    from: u32,
    migrations: &[&str],
) -> Result<(), OpenError> {
    let to = latest(migrations);
    let failed = |source| OpenError::Migration { path: path.to_owned(), from, to, source };
    let mut conn = connect(path).map_err(failed)?;
    let copy = copy_before(folder, &conn, path, to)?;
    tracing::info!(from, to, copy = %copy.display(), "the database is brought to a newer schema");
    for (before, step) in migrations.iter().enumerate().skip(from as usize) {
        take_step(&mut conn, step, before + 1).map_err(failed)?;
    }
    // Into the file itself, so that an older program sees from its first page that it is newer.
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    conn.close().map_err(|(_, source)| failed(source))
}

fn take_step(conn: &mut Connection, step: &str, version: usize) -> rusqlite::Result<()> {
    let version = u32::try_from(version).expect("there are fewer steps than fit a number");
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(step)?;
    tx.pragma_update(None, "user_version", version)?;
    tx.commit()
}

/// Copies the database to `campanile.db.before-vN` and makes the copy durable.
fn copy_before(
    folder: &Folder,
    conn: &Connection,
    path: &Path,
    to: u32,
) -> Result<std::path::PathBuf, OpenError> {
    let copy = beside(path, &format!(".before-v{to}"));
    let part = beside(path, ".copy");
    let fault = |source| OpenError::Folder { path: part.clone(), source };
    remove_if_there(&part).map_err(fault)?;
    create_private(&part).map_err(fault)?;
    let target = part.to_string_lossy();
    conn.execute("VACUUM INTO ?1", [&target])
        .map_err(|source| OpenError::Database { path: part.clone(), source })?;
    File::open(&part).and_then(|it| it.sync_all()).map_err(fault)?;
    std::fs::rename(&part, &copy).map_err(fault)?;
    folder.sync().map_err(fault)?;
    Ok(copy)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
