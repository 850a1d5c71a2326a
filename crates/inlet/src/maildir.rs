//! Reads a folder that a mail program delivers into.
//!
//! A delivery agent writes a mail below `tmp` and moves it to `new` when it is whole, so `new` never
//! holds half a mail and `tmp` is never looked into. What the house has kept is moved on to `cur` as
//! seen, which is what any mail program does with a mail that was read; where that cannot be done
//! (a folder that we may only read) it is remembered by name instead.
//!
//! `new` is listed every few seconds. Being woken by the kernel would save those few seconds and
//! fails without a word on network file systems, where such folders like to lie.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use model::{IntakeState, Moment};
use tokio::{task::JoinError, time};

use crate::keeper::{FETCHED_BYTES_MAX, Fetched, Keeper, Part, Taking, headers, sane};

/// How often the folder is listed.
const EVERY: Duration = Duration::from_secs(5);
/// Mails that one listing takes in; the rest has its turn right after them.
const LISTED_MAX: usize = 10_000;
/// Mails that are remembered by name because they could not be moved.
const REMEMBERED_MAX: usize = 100_000;
/// A file system that does not answer for so long is a fault.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Between the last byte of a mail, which is its time, and its move to `new` a delivery agent may
/// take so long: the mark stays behind by that much.
const SETTLE: Duration = Duration::from_secs(5);
/// Characters of a file name that are shown.
const NAME_CHARS_MAX: usize = 120;

/// A folder with `new`, `cur` and `tmp`.
#[derive(Debug)]
pub struct Maildir {
    name: Arc<str>,
    folder: PathBuf,
    every: Duration,
    read_until: Moment,
    remembered: Remembered,
    refused: usize,
}

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
enum MaildirFault {
    #[error("cannot look into {}: {error}", .path.display())]
    Folder { path: PathBuf, error: io::Error },
    #[error("cannot read the mail {name}: {error}")]
    Mail { name: String, error: io::Error },
    #[error("the mail {name} is written to while it lies in new")]
    Unsettled { name: String },
    #[error("{} does not answer", .0.display())]
    Silent(PathBuf),
    #[error("mails are not taken at the moment, they wait in the folder")]
    Later,
    #[error("more than {REMEMBERED_MAX} mails cannot be moved to cur")]
    Crowded,
    #[error("looking into the folder broke off")]
    Broken,
}

/// What tells two files of one name apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    inode: u64,
    bytes: u64,
    seconds: i64,
    nanos: i64,
}

type Remembered = HashMap<OsString, Identity>;

/// A mail that lies in `new`.
#[derive(Debug)]
struct Lying {
    name: OsString,
    at: Option<Moment>,
    identity: Identity,
}

#[derive(Debug, Default)]
struct Listing {
    lying: Vec<Lying>,
    /// There are more than were listed.
    more: bool,
    /// What is no mail: links, folders, pipes.
    refused: usize,
}

/// What came of trying to read one mail.
#[derive(Debug)]
enum Look {
    Mail(Vec<u8>, Part),
    /// Another reader was faster.
    Gone,
    /// It is no file any more.
    Refused,
    /// It is not what was listed: the next listing will tell.
    Unsettled,
}

impl Maildir {
    /// The intake called `name` that reads `folder`.
    #[must_use]
    pub fn new(name: Arc<str>, folder: impl Into<PathBuf>) -> Self {
        Self {
            name,
            folder: folder.into(),
            every: EVERY,
            read_until: Moment::ZERO,
            remembered: Remembered::new(),
            refused: 0,
        }
    }

    /// Lists the folder so often.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Reads the folder for as long as it is polled. It may be dropped at any time: what was not
    /// taken by then stays where it is.
    pub async fn run<T: Keeper>(mut self, keeper: &T) -> ! {
        let mut was_well = true;
        loop {
            let began = keeper.now();
            let fault = self.round(keeper).await.err();
            match &fault {
                None => self.read_until = self.read_until.max(began.before(SETTLE)),
                Some(fault) if was_well => tracing::warn!(intake = %self.name, %fault, "deaf"),
                Some(_) => {}
            }
            was_well = fault.is_none();
            self.tell(keeper, fault.as_ref()).await;
            time::sleep(self.every).await;
        }
    }

    async fn tell<T: Keeper>(&self, keeper: &T, fault: Option<&MaildirFault>) {
        let fault = fault.map(|it| Arc::from(it.to_string()));
        let state =
            IntakeState { name: Arc::clone(&self.name), read_until: self.read_until, fault };
        keeper.tell(state).await;
    }

    /// Hands over all that lies in `new` now. One mail that cannot be read does not hold up the
    /// others, only the mark.
    async fn round<T: Keeper>(&mut self, keeper: &T) -> Result<(), MaildirFault> {
        let mut fault = None;
        loop {
            let listing = self.list(keeper).await?;
            for lying in listing.lying {
                match self.hand_over(keeper, lying).await {
                    Ok(()) => {}
                    Err(stop @ (MaildirFault::Later | MaildirFault::Crowded)) => return Err(stop),
                    Err(other) => fault = Some(other),
                }
            }
            match (fault, listing.more) {
                (Some(fault), _) => return Err(fault),
                (None, false) => return Ok(()),
                (None, true) => fault = None,
            }
        }
    }

    async fn list<T: Keeper>(&mut self, keeper: &T) -> Result<Listing, MaildirFault> {
        let new = self.folder.join("new");
        let path = new.clone();
        let mut remembered = std::mem::take(&mut self.remembered);
        let work = move || {
            let listing = list(&path, &mut remembered);
            (listing, remembered)
        };
        let (listing, remembered) = self.slowly(keeper, work).await?;
        self.remembered = remembered;
        let listing = listing.map_err(|error| MaildirFault::Folder { path: new, error })?;
        if listing.refused > self.refused {
            let count = listing.refused;
            tracing::warn!(intake = %self.name, count, "links, folders or pipes among the mails");
        }
        self.refused = listing.refused;
        Ok(listing)
    }

    async fn hand_over<T: Keeper>(&mut self, keeper: &T, lying: Lying) -> Result<(), MaildirFault> {
        let path = self.folder.join("new").join(&lying.name);
        let identity = lying.identity;
        let look = self.slowly(keeper, move || look(&path, identity)).await?;
        let name = shown(&lying.name);
        let (raw, part) = match look {
            Ok(Look::Mail(raw, part)) => (raw, part),
            Ok(Look::Gone | Look::Refused) => return Ok(()),
            Ok(Look::Unsettled) => return Err(MaildirFault::Unsettled { name }),
            Err(error) => return Err(MaildirFault::Mail { name, error }),
        };
        let mail = Fetched {
            intake: Arc::clone(&self.name),
            place: format!("new/{name}").into(),
            at: sane(lying.at, keeper.now()),
            raw,
            part,
        };
        match keeper.take(mail).await {
            Taking::Taken => {}
            Taking::Later => return Err(MaildirFault::Later),
            Taking::Never => tracing::warn!(intake = %self.name, name, "a mail is not taken"),
        }
        self.put_away(keeper, lying).await
    }

    async fn put_away<T: Keeper>(&mut self, keeper: &T, lying: Lying) -> Result<(), MaildirFault> {
        let (folder, name) = (self.folder.clone(), lying.name.clone());
        match self.slowly(keeper, move || put_away(&folder, &name)).await? {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(_) if self.remembered.len() >= REMEMBERED_MAX => Err(MaildirFault::Crowded),
            Err(error) => {
                let name = shown(&lying.name);
                tracing::debug!(intake = %self.name, name, %error, "a mail cannot be moved to cur");
                self.remembered.insert(lying.name, lying.identity);
                Ok(())
            }
        }
    }

    /// Runs `work` where it may block, and says so when it does for long. It is never run twice at
    /// the same time: a file system that hangs gets one thread, not all of them.
    async fn slowly<T: Keeper, R: Send + 'static>(
        &self,
        keeper: &T,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, MaildirFault> {
        let mut task = tokio::task::spawn_blocking(work);
        loop {
            match time::timeout(ANSWER_WAIT, &mut task).await {
                Ok(done) => return done.map_err(|_: JoinError| MaildirFault::Broken),
                Err(_) => {
                    let silent = MaildirFault::Silent(self.folder.clone());
                    self.tell(keeper, Some(&silent)).await;
                }
            }
        }
    }
}

/// The mails in `new` that are not remembered, oldest first. Names that are gone are forgotten.
fn list(new: &Path, remembered: &mut Remembered) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut still_there = Remembered::new();
    for entry in fs::read_dir(new)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_bytes().starts_with(b".") {
            continue;
        }
        let found = match entry.metadata() {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if !found.is_file() {
            listing.refused += 1;
            continue;
        }
        let identity = Identity::of(&found);
        if remembered.get(&name) == Some(&identity) {
            still_there.insert(name, identity);
            continue;
        }
        if listing.lying.len() >= LISTED_MAX {
            listing.more = true;
            break;
        }
        listing.lying.push(Lying { name, at: modified(&found), identity });
    }
    if !listing.more {
        *remembered = still_there;
    }
    listing.lying.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
    Ok(listing)
}

/// Reads the mail at `path`, if it is still the one that was listed. Nothing is opened that could
/// lead elsewhere or keep us waiting.
fn look(path: &Path, listed: Identity) -> io::Result<Look> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Look::Gone),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Ok(Look::Refused),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(Look::Refused);
    }
    let raw = read_some(&file)?;
    if Identity::of(&file.metadata()?) != listed {
        return Ok(Look::Unsettled);
    }
    if raw.len() > FETCHED_BYTES_MAX {
        return Ok(Look::Mail(headers(raw), Part::TooLarge(listed.bytes)));
    }
    Ok(Look::Mail(raw, Part::Whole))
}

/// One byte more than a mail may have, at most.
fn read_some(file: &File) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(FETCHED_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut raw = Vec::new();
    file.take(limit).read_to_end(&mut raw)?;
    Ok(raw)
}

/// Moves a mail to `cur` as one that was seen. Nothing is overwritten there.
fn put_away(folder: &Path, name: &OsStr) -> io::Result<()> {
    let bytes = name.as_bytes();
    let end = bytes.iter().position(|it| *it == b':').unwrap_or(bytes.len());
    let seen = OsString::from_vec([&bytes[..end], b":2,S"].concat());
    let target = folder.join("cur").join(seen);
    let source = folder.join("new").join(name);
    match fs::symlink_metadata(&target) {
        Ok(_) => return Err(ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    match fs::rename(&source, target) {
        // Not the mail is gone, but the folder that it should go to is not there.
        Err(error) if error.kind() == ErrorKind::NotFound && source.exists() => {
            Err(io::Error::other("there is no folder cur"))
        }
        other => other,
    }
}

impl Identity {
    fn of(found: &Metadata) -> Self {
        Self {
            inode: found.ino(),
            bytes: found.len(),
            seconds: found.mtime(),
            nanos: found.mtime_nsec(),
        }
    }
}

fn modified(found: &Metadata) -> Option<Moment> {
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Moment::ZERO.after(since))
}

/// A file name for people: whoever delivers has made it up.
fn shown(name: &OsStr) -> String {
    let printable = |it: char| if it.is_control() { '?' } else { it };
    name.to_string_lossy().chars().take(NAME_CHARS_MAX).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_put_away_as_seen_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = |it: &str| folder.path().join(it);
        for it in ["new", "cur"] {
            fs::create_dir(path(it)).unwrap();
        }
        fs::write(path("new/1.a.host"), "one").unwrap();
        put_away(folder.path(), OsStr::new("1.a.host")).unwrap();
        assert_eq!(fs::read(path("cur/1.a.host:2,S")).unwrap(), b"one");

        fs::write(path("new/1.a.host:2,"), "two").unwrap();
        let error = put_away(folder.path(), OsStr::new("1.a.host:2,")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(path("cur/1.a.host:2,S")).unwrap(), b"one");
        assert_eq!(fs::read(path("new/1.a.host:2,")).unwrap(), b"two");
        let gone = put_away(folder.path(), OsStr::new("2.b")).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
        fs::rename(path("cur"), path("elsewhere")).unwrap();
        let stays = put_away(folder.path(), OsStr::new("1.a.host:2,")).unwrap_err();
        assert_eq!(stays.to_string(), "there is no folder cur");
    }

    #[test]
    fn a_file_that_is_no_longer_the_listed_one_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail");
        fs::write(&path, "one").unwrap();
        let listed = Identity::of(&fs::metadata(&path).unwrap());
        assert!(matches!(look(&path, listed), Ok(Look::Mail(raw, Part::Whole)) if raw == b"one"));
        fs::write(&path, "longer than that").unwrap();
        assert!(matches!(look(&path, listed), Ok(Look::Unsettled)));
        // While it was open the number of the old one is taken, so the new one has another.
        let _open = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "one").unwrap();
        assert!(matches!(look(&path, listed), Ok(Look::Unsettled)));
        fs::remove_file(&path).unwrap();
        assert!(matches!(look(&path, listed), Ok(Look::Gone)));
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert!(matches!(look(&path, listed), Ok(Look::Refused)));
    }

    #[test]
    fn names_are_shown_without_tricks() {
        assert_eq!(shown(OsStr::new("a\u{1b}[2Jb\n")), "a?[2Jb?");
        assert_eq!(shown(OsStr::from_bytes(b"\xff1")), "\u{fffd}1");
        assert_eq!(shown(OsStr::new(&"x".repeat(250))).len(), NAME_CHARS_MAX);
    }
}
