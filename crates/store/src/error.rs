//! Why a store cannot be opened, in words an operator can act on.

use std::{io, path::PathBuf};

/// Why a store cannot be opened. Nothing on the disk was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The SQLite that was linked has a known way to corrupt a write-ahead log.
    #[error("SQLite {found} is too old: it can corrupt a write-ahead log")]
    SqliteTooOld {
        /// The version that was linked.
        found: String,
    },
    /// The data folder cannot be made, read or written.
    #[error("cannot use the data folder {}", path.display())]
    Folder {
        /// The folder, or the file in it that could not be used.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process works on the same folder.
    #[error("another engine{} already uses the data folder {}", process(*pid), path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds the lock, where it could be read.
        pid: Option<u32>,
    },
    /// The file belongs to something else.
    #[error("{} is not a database of Campanile: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The file was written by a newer version of this program.
    #[error(
        "{} was written by a newer version of Campanile (schema {found}, known up to {known})",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// The file does not hold what was written to it.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first damage that was found.
        what: String,
    },
    /// A change of the schema failed; it was taken back.
    #[error("cannot bring {} from schema {from} to {to}", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// The schema it still has.
        from: u32,
        /// The schema it should have got.
        to: u32,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// SQLite could not open or read the file for a reason that is not damage.
    #[error("cannot open {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map(|it| format!(" (process {it})")).unwrap_or_default()
}

impl OpenError {
    /// What to do about it, in one sentence without a full stop.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::SqliteTooOld { .. } => "build with the bundled SQLite",
            Self::Folder { .. } => "give `engine: data:` a folder that this user may write to",
            Self::InUse { .. } => "stop the other engine, or give this one its own `engine: data:`",
            Self::Foreign { .. } => {
                "give `engine: data:` a folder of its own, or move the file away"
            }
            Self::Newer { .. } => {
                "run the newer version, or restore the copy made before its upgrade"
            }
            Self::Damaged { .. } => {
                "keep the file for a look at it, and restore a backup or start with an empty folder"
            }
            Self::Migration { .. } => {
                "the file is as it was and a copy lies beside it; run the older version meanwhile"
            }
            Self::Database { .. } => "look at the file's owner, its rights and the disk",
        }
    }
}
