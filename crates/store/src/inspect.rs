//! Looks at a file before anything may touch it.
//!
//! Everything here reads. Only a file that has passed is opened for writing, so a file that is
//! refused is left byte for byte as it was.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use model::Moment;
use rusqlite::{Connection, OptionalExtension};

use crate::{
    DeskPast, OpenError, PastBoot,
    connect::{APPLICATION_ID, connect_to_look, is_damage},
    desk,
    folder::beside,
    read::{self, Believed},
};

/// The header of an SQLite file, and where in it the two numbers of ours stand.
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;

/// A file up to this size is checked page by page, indices included, at every start: it takes a
/// moment. A larger one only after an unclean stop, and without the indices.
const ALWAYS_CHECKED_BYTES_MAX: u64 = 32 << 20;

/// What a file that passed holds.
#[derive(Debug)]
pub(crate) struct Inspected {
    /// Its schema.
    pub(crate) version: u32,
    /// Who used it last.
    pub(crate) past: Option<PastBoot>,
    /// What is remembered; absent if the schema is an older one.
    pub(crate) memory: Option<Memory>,
}

/// What is remembered and needed at once.
#[derive(Debug)]
pub(crate) struct Memory {
    /// What is believed.
    pub(crate) believed: Believed,
    /// What the desk goes on with.
    pub(crate) desk: DeskPast,
}

impl Memory {
    /// Reads it as of `now`.
    pub(crate) fn read(conn: &Connection, now: Moment) -> rusqlite::Result<Self> {
        Ok(Self { believed: read::believed(conn)?, desk: desk::past(conn, now)? })
    }
}

/// Is there a database at all?
///
/// A log without its database is not nothing: SQLite would play it into a new one.
pub(crate) fn is_there(path: &Path) -> Result<bool, OpenError> {
    let fault = |source| OpenError::Folder { path: path.to_owned(), source };
    if path.try_exists().map_err(fault)? {
        return Ok(true);
    }
    let log = beside(path, "-wal");
    match fs::metadata(&log) {
        Ok(it) if it.len() > 0 => {
            let what = format!("the file is gone, but its log {} is there", log.display());
            Err(OpenError::Damaged { path: path.to_owned(), what })
        }
        _ => Ok(false),
    }
}

/// Checks the file at `path`, which exists, and reads what it remembers as of `now`.
pub(crate) fn inspect(path: &Path, known: u32, now: Moment) -> Result<Inspected, OpenError> {
    check_header(path, known)?;
    let log = beside(path, "-wal");
    let had_log = log.exists();
    let inspected = look(path, known, now);
    if inspected.is_err() && !had_log {
        // SQLite makes these for a look, too: an empty log and an index over it.
        for made in [log, beside(path, "-shm")] {
            fs::remove_file(made).ok();
        }
    }
    inspected
}

fn look(path: &Path, known: u32, now: Moment) -> Result<Inspected, OpenError> {
    let refuse = |source: rusqlite::Error| refusal(path, source);
    let conn = connect_to_look(path).map_err(refuse)?;
    // Once more through the log, which may hold a newer first page than the file.
    let version = number(&conn, "PRAGMA user_version").map_err(refuse)?;
    check_version(path, version, known)?;
    let past = past_boot(&conn).map_err(refuse)?;
    let size = fs::metadata(path).map_or(u64::MAX, |it| it.len());
    let unclean = past.is_some_and(|it| !it.clean);
    if size <= ALWAYS_CHECKED_BYTES_MAX {
        check_pages(&conn, path, "PRAGMA integrity_check(1)")?;
    } else if unclean {
        check_pages(&conn, path, "PRAGMA quick_check(1)")?;
    }
    let memory = match version == known {
        true => Some(Memory::read(&conn, now).map_err(refuse)?),
        false => None,
    };
    Ok(Inspected { version, past, memory })
}

/// The error for a file at `path` that SQLite could not read.
pub(crate) fn refusal(path: &Path, source: rusqlite::Error) -> OpenError {
    if is_damage(&source) {
        OpenError::Damaged { path: path.to_owned(), what: source.to_string() }
    } else {
        OpenError::Database { path: path.to_owned(), source }
    }
}

fn check_header(path: &Path, known: u32) -> Result<(), OpenError> {
    let fault = |source| OpenError::Folder { path: path.to_owned(), source };
    let foreign = |what: String| OpenError::Foreign { path: path.to_owned(), what };
    let header = match read_header(path).map_err(fault)? {
        Some(header) if header.starts_with(MAGIC) => header,
        Some(_) => return Err(foreign("it is not an SQLite file".to_owned())),
        None => return Err(foreign("it is shorter than the head of an SQLite file".to_owned())),
    };
    let id = big_endian(&header, APPLICATION_ID_AT);
    if id != APPLICATION_ID {
        return Err(foreign(format!(
            "its application id is {id:#010x}, not {APPLICATION_ID:#010x}"
        )));
    }
    check_version(path, big_endian(&header, USER_VERSION_AT), known)
}

fn read_header(path: &Path) -> io::Result<Option<[u8; HEADER_BYTES]>> {
    let mut header = [0; HEADER_BYTES];
    match File::open(path)?.read_exact(&mut header) {
        Ok(()) => Ok(Some(header)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn big_endian(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    let bytes = header[at..at + 4].try_into().expect("four bytes are four bytes");
    u32::from_be_bytes(bytes)
}

fn check_version(path: &Path, found: u32, known: u32) -> Result<(), OpenError> {
    match found {
        0 => {
            let what = "it has no schema number".to_owned();
            Err(OpenError::Damaged { path: path.to_owned(), what })
        }
        _ if found > known => Err(OpenError::Newer { path: path.to_owned(), found, known }),
        _ => Ok(()),
    }
}

fn check_pages(conn: &Connection, path: &Path, check: &str) -> Result<(), OpenError> {
    let answer: String =
        conn.query_row(check, [], |row| row.get(0)).map_err(|error| refusal(path, error))?;
    match answer.as_str() {
        "ok" => Ok(()),
        what => {
            let what = what.lines().collect::<Vec<_>>().join(" ");
            Err(OpenError::Damaged { path: path.to_owned(), what })
        }
    }
}

fn past_boot(conn: &Connection) -> rusqlite::Result<Option<PastBoot>> {
    let sql =
        "SELECT number, started_at_secs, stopped_at_secs FROM boot ORDER BY number DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(PastBoot {
            number: row.get::<_, i64>(0)?.cast_unsigned(),
            started_at_secs: row.get::<_, i64>(1)?.cast_unsigned(),
            clean: row.get::<_, Option<i64>>(2)?.is_some(),
        })
    };
    conn.query_row(sql, [], read).optional()
}

fn number(conn: &Connection, sql: &str) -> rusqlite::Result<u32> {
    conn.query_row(sql, [], |row| row.get(0))
}
