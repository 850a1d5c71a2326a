//! Opens connections, all with the same settings.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig, ffi};

/// Marks a file as ours: "Cpn1".
pub(crate) const APPLICATION_ID: u32 = 0x4370_6e31;

/// Versions before this one can corrupt a write-ahead log when two connections reset it at once.
pub(crate) const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a statement waits for somebody else's lock, such as an admin's shell. Not longer: the
/// writer tries again anyway, and until then it cannot be told to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Statements kept prepared; the writer has about forty.
const STATEMENTS_MAX: usize = 64;

/// A log that a storm has blown up is cut back to this many bytes.
const LOG_BYTES_MAX: i64 = 64 << 20;

/// Opens `path` for the writer. The file must exist.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    settle(&conn)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(conn)
}

/// Opens `path` to look only; changes neither the file nor its log, not even on closing.
pub(crate) fn connect_to_look(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    settle(&conn)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(conn)
}

fn settle(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    // What the file says must never run as code, and a broken page is to be noticed on reading.
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)
}

/// Does this error say that the file is not what was written, rather than that the disk is full or
/// somebody holds a lock?
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    match error {
        E::SqliteFailure(it, _) => matches!(it.extended_code & 0xff, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB),
        // A column that holds another type or another range than we ever wrote.
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..)
        | E::QueryReturnedNoRows
        // A table or a column that every file of this schema has.
        | E::SqlInputError { .. } => true,
        _ => false,
    }
}
