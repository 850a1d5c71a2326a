//! The data folder and the lock that makes it one engine's own.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
};

use crate::OpenError;

/// The database's name inside the data folder.
pub const DATABASE_NAME: &str = "campanile.db";

/// The lock file's name inside the data folder.
pub const LOCK_NAME: &str = "campanile.lock";

/// For the owner alone: states and causes tell a lot about a customer's network.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Longest process number that is read from a lock file.
const PID_BYTES_MAX: u64 = 20;

/// A data folder that is ours for as long as this lives.
///
/// The lock is the system's, on an open file: it ends with the process, however that ends, so a
/// left-over lock file never keeps anybody out.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing and locks it.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        make(path).map_err(|source| OpenError::Folder { path: path.to_owned(), source })?;
        let lock_path = path.join(LOCK_NAME);
        let lock = lock(path, &lock_path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where the database lies.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE_NAME)
    }

    /// Makes what was created or renamed inside it durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// Makes a new, empty file that only its owner may read.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.sync_all()
}

/// `path` with `suffix` after its name, as SQLite names the files beside a database.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
    // The folder's own entry must outlive a power cut, or all that is in it goes with it.
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn lock(folder: &Path, path: &Path) -> Result<File, OpenError> {
    let fault = |source| OpenError::Folder { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    let mut file = options.open(path).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = read_pid(&mut file);
            return Err(OpenError::InUse { path: folder.to_owned(), pid });
        }
        Err(TryLockError::Error(source)) => return Err(fault(source)),
    }
    write_pid(&mut file).map_err(fault)?;
    Ok(file)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", process::id())
}
