//! The house of what is heard: every intake brings its mails here, and is told that one is taken
//! only once it is kept.
//!
//! A mail is taken apart and read on the intakes' own runtime, so that a large or nasty one holds up
//! neither the desk nor a page. The desk says to which slot it belongs; what it says and the bytes
//! themselves, packed, are kept in one transaction. In between nothing is queued on our side: until
//! then the mail is its sender's.

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use crossbeam_channel::Sender;
use flate2::{Compression, write::ZlibEncoder};
use futures_util::future::{BoxFuture, join_all};
use inlet::{
    Ears, Envelope, Inlet, Proofs, Recipient, Resolver,
    imap::{Cursor, Cursors},
    keeper::{Fetched, Keeper, Part, Taking},
    smtp::{Answer, Mail, Taker, Welcome},
};
use model::{Heard, IntakeState, Moment, Refusal, Reply, ReportId};
use store::Reader;
use tokio::{
    sync::{Semaphore, SemaphorePermit, oneshot},
    task::block_in_place,
};

use crate::{clock::Clock, desk::ToDesk, intakes::THREADS};

/// With less room on the disk no mail is taken: 256 MiB, so that the desk still has some.
const DISK_FREE_MIN: u64 = 256 << 20;
/// How often the room on the disk is looked at.
const DISK_LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the desk may take to keep a mail before its sender is told to come again.
const KEEP_WITHIN: Duration = Duration::from_secs(30);
/// How long a mark waits for room before the desk.
const MARK_RETRY: Duration = Duration::from_millis(50);
/// Mails that are read at the same time; the others wait, and no thread with them. One less than the
/// intakes have threads, so that there is always one for who is speaking.
const READ_AT_ONCE_MAX: usize = THREADS - 1;
/// A mail of more bytes is large: 256 KiB. Only one of them is read at a time, so that small ones
/// always find a reader, and packing takes the memory of one.
const LARGE_BYTES: usize = 256 << 10;

/// What became of something that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is on the disk, as these reports.
    Taken(Vec<ReportId>),
    /// Nobody expects it, and such mails are not kept.
    Nobody,
    /// Not now, for this reason.
    Later(String),
}

/// Where everything that is heard is brought.
pub(crate) struct House {
    clock: Clock,
    folder: PathBuf,
    desk: Sender<ToDesk>,
    ears: ArcSwap<Ears>,
    inlet: Inlet,
    /// `None`: names cannot be looked up, so nothing can be proved by them.
    resolver: Option<Resolver>,
    readers: Semaphore,
    reader_of_large: Semaphore,
    /// Moments at which mails came in that are not kept yet, and their numbers.
    under_way: Mutex<BTreeSet<(Moment, u64)>>,
    next: AtomicU64,
    has_room: AtomicBool,
    disk_looked_at: AtomicU64,
}

/// Something that came in and is not kept yet.
struct UnderWay<'a> {
    house: &'a House,
    place: (Moment, u64),
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.house.under_way().remove(&self.place);
    }
}

impl House {
    pub(crate) fn new(clock: Clock, folder: &Path, desk: Sender<ToDesk>) -> Self {
        let resolver = Resolver::system()
            .inspect_err(|error| tracing::warn!(%error, "senders cannot be proved by their names"))
            .ok();
        Self {
            clock,
            folder: folder.to_owned(),
            desk,
            ears: ArcSwap::default(),
            inlet: Inlet::default(),
            resolver,
            readers: Semaphore::new(READ_AT_ONCE_MAX),
            reader_of_large: Semaphore::new(1),
            under_way: Mutex::default(),
            next: AtomicU64::new(0),
            has_room: AtomicBool::new(true),
            disk_looked_at: AtomicU64::new(0),
        }
    }

    /// From now on these jobs are listened for.
    pub(crate) fn listen_for(&self, ears: Ears) {
        self.ears.store(Arc::new(ears));
    }

    /// What is listened for.
    pub(crate) fn ears(&self) -> Arc<Ears> {
        self.ears.load_full()
    }

    /// How often a reader of mails has broken down.
    pub(crate) fn broken(&self) -> u64 {
        self.inlet.broken()
    }

    /// What a mail would be heard as; nothing is kept.
    pub(crate) fn read(&self, raw: &[u8], envelope: &Envelope) -> Vec<Heard> {
        self.inlet.hear(raw, envelope, &self.ears(), &Proofs::default())
    }

    /// Everything that came in until then is with the desk.
    pub(crate) fn read_until(&self) -> Moment {
        let first = self.under_way().first().map(|it| it.0);
        let now = self.clock.now();
        first.map_or(now, |it| it.before(Duration::from_nanos(1)).min(now))
    }

    /// Takes a mail apart, reads it and has it kept. `must`: also if nobody is found for it.
    /// `vouched`: a person vouches for it.
    pub(crate) async fn keep_mail(
        &self,
        raw: &[u8],
        envelope: &Envelope,
        must: bool,
        vouched: Option<&Arc<str>>,
    ) -> Kept {
        let _under_way = self.begin(envelope.at);
        match self.read_in(raw, envelope, must, vouched).await {
            Some((heard, packed)) => self.keep(heard, Some(packed)).await,
            None => Kept::Nobody,
        }
    }

    /// What was heard by a mail, and the mail as it is kept. Nothing if nobody is found for it.
    async fn read_in(
        &self,
        raw: &[u8],
        envelope: &Envelope,
        must: bool,
        vouched: Option<&Arc<str>>,
    ) -> Option<(Vec<Heard>, Arc<[u8]>)> {
        let ears = self.ears();
        let turn = self.turn(raw.len()).await;
        let opened = aside(raw.len(), || self.inlet.open(raw, envelope));
        drop(turn);
        let asked = inlet::Asked::by(&ears, &opened.letter);
        let proofs = match &self.resolver {
            Some(resolver) if asked.is_any() => inlet::trust::prove(&opened, asked, resolver).await,
            _ => Proofs::default(),
        };
        let _turn = self.turn(raw.len()).await;
        aside(raw.len(), || {
            let mut heard = self.inlet.read(&opened, &ears, &proofs);
            if heard.is_empty() && must {
                heard.push(self.inlet.unclaimed(&opened));
            }
            for it in &mut heard {
                it.proof.vouched = vouched.cloned();
            }
            (!heard.is_empty()).then(|| (heard, pack(raw).into()))
        })
    }

    /// Waits until a mail of so many bytes may be read.
    async fn turn(&self, bytes: usize) -> [Option<SemaphorePermit<'_>>; 2] {
        // Neither is ever closed.
        let large = match bytes > LARGE_BYTES {
            true => self.reader_of_large.acquire().await.ok(),
            false => None,
        };
        [large, self.readers.acquire().await.ok()]
    }

    /// Has a ping kept, with its body.
    pub(crate) async fn keep_ping(&self, heard: Heard, body: Option<Vec<u8>>) -> Kept {
        if !self.has_room() {
            return Kept::Later("the disk is almost full".to_owned());
        }
        let _under_way = self.begin(heard.at);
        let packed = body.map(|it| aside(it.len(), || pack(&it)).into());
        self.keep(vec![heard], packed).await
    }

    async fn keep(&self, heard: Vec<Heard>, mail: Option<Arc<[u8]>>) -> Kept {
        let mut answers = Vec::new();
        for heard in heard {
            let (reply, answer) = oneshot::channel();
            let mail = mail.clone();
            if self.desk.try_send(ToDesk::Heard { heard: Box::new(heard), mail, reply }).is_err() {
                return Kept::Later("there is too much to do at the moment".to_owned());
            }
            answers.push(answer);
        }
        let Ok(answers) = tokio::time::timeout(KEEP_WITHIN, join_all(answers)).await else {
            return Kept::Later("it could not be kept in time".to_owned());
        };
        let mut ids = Vec::new();
        for answer in answers {
            match answer {
                Ok(Reply::Done { id, .. }) => ids.extend(id.parse().ok().map(ReportId)),
                Ok(Reply::Refused(Refusal::Busy { why })) => return Kept::Later(why),
                Ok(Reply::Refused(_)) | Err(_) => {
                    return Kept::Later("it could not be kept".to_owned());
                }
            }
        }
        Kept::Taken(ids)
    }

    /// Says how an intake is, behind everything that it brought before.
    pub(crate) async fn mark(&self, state: IntakeState) {
        let mut message = ToDesk::Intake(state);
        while let Err(error) = self.desk.try_send(message) {
            match error {
                crossbeam_channel::TrySendError::Full(it) => message = it,
                crossbeam_channel::TrySendError::Disconnected(_) => return,
            }
            tokio::time::sleep(MARK_RETRY).await;
        }
    }

    fn begin(&self, at: Moment) -> UnderWay<'_> {
        let place = (at, self.next.fetch_add(1, Relaxed));
        self.under_way().insert(place);
        UnderWay { house: self, place }
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, BTreeSet<(Moment, u64)>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is there room on the disk? Looked at once in a while.
    fn has_room(&self) -> bool {
        let now = self.clock.now().as_nanos();
        let last = self.disk_looked_at.load(Relaxed);
        if now >= last.saturating_add(u64::try_from(DISK_LOOK_EVERY.as_nanos()).unwrap_or(0))
            && self.disk_looked_at.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
        {
            let free = rustix::fs::statvfs(&self.folder).map(|it| it.f_bavail * it.f_frsize);
            let has_room = free.is_ok_and(|it| it >= DISK_FREE_MIN);
            if self.has_room.swap(has_room, Relaxed) != has_room {
                match has_room {
                    true => tracing::info!("there is room on the disk again: mails are taken"),
                    false => tracing::error!("the disk is almost full: no mail is taken"),
                }
            }
        }
        self.has_room.load(Relaxed)
    }
}

/// Does what a mail of so many bytes takes. A thread that reads mails keeps some megabytes for all the
/// patterns of the formats, so only what takes long goes to another thread, and that is one mail at
/// a time.
fn aside<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes > LARGE_BYTES { block_in_place(work) } else { work() }
}

/// As it is kept.
pub(crate) fn pack(raw: &[u8]) -> Vec<u8> {
    let how = if raw.len() > LARGE_BYTES { Compression::fast() } else { Compression::default() };
    // Room for what cannot be packed: to make more of it on the way would take as much once more.
    let room = raw.len() + raw.len() / 1_000 + 64;
    let mut packer = ZlibEncoder::new(Vec::with_capacity(room), how);
    // Writing into memory does not fail.
    let packed = packer.write_all(raw).and_then(|()| packer.finish());
    packed.unwrap_or_default()
}

impl Taker for House {
    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn recipient(&self, address: &str, _: std::net::IpAddr) -> Welcome {
        match self.ears.load().recipient(address) {
            Recipient::Job(name) => {
                let customer = name.split('/').next().unwrap_or_default();
                Welcome::Ours { whose: Arc::from(customer) }
            }
            // For whom it is, is seen when it is there.
            Recipient::Open => Welcome::Ours { whose: Arc::from("") },
            Recipient::Nobody => Welcome::Nobody,
        }
    }

    fn room(&self) -> bool {
        self.has_room() && !self.desk.is_full()
    }

    fn take(&self, mail: Mail) -> BoxFuture<'_, Vec<Answer>> {
        Box::pin(async move {
            let Mail { envelope, mut raw, .. } = mail;
            let count = envelope.recipients.len().max(1);
            let _under_way = self.begin(envelope.at);
            let kept = match self.read_in(&raw, &envelope, false, None).await {
                Some((heard, packed)) => {
                    raw.replaced_by(packed.len());
                    self.keep(heard, Some(packed)).await
                }
                None => Kept::Nobody,
            };
            let answer = match kept {
                Kept::Taken(_) => Answer::Taken,
                Kept::Nobody => Answer::Never("nobody expects this mail".to_owned()),
                Kept::Later(why) => Answer::Later(why),
            };
            vec![answer; count]
        })
    }
}

impl Keeper for House {
    fn now(&self) -> Moment {
        self.clock.now()
    }

    async fn take(&self, mail: Fetched) -> Taking {
        if !self.has_room() {
            return Taking::Later;
        }
        let envelope = Envelope {
            at: mail.at,
            intake: Arc::clone(&mail.intake),
            is_cut: mail.part != Part::Whole,
            ..Envelope::default()
        };
        // A mailbox cannot refuse: what nobody is found for is kept all the same.
        match self.keep_mail(&mail.raw, &envelope, true, None).await {
            Kept::Taken(_) => Taking::Taken,
            Kept::Nobody => Taking::Never,
            Kept::Later(_) => Taking::Later,
        }
    }

    async fn tell(&self, state: IntakeState) {
        self.mark(state).await;
    }
}

impl Cursors for House {
    async fn load(&self, intake: &str, folder: &str) -> Result<Option<Cursor>, String> {
        let name = cursor_name(intake, folder);
        let found = block_in_place(|| {
            Reader::open(&self.folder).and_then(|it| it.cursor(&name)).map_err(|it| it.to_string())
        })?;
        Ok(found.and_then(|it| {
            let (validity, last) = it.split_once(' ')?;
            Some(Cursor { validity: validity.parse().ok()?, last: last.parse().ok()? })
        }))
    }

    async fn save(&self, intake: &str, folder: &str, cursor: Cursor) -> Result<(), String> {
        let name = Arc::from(cursor_name(intake, folder));
        let value = Arc::from(format!("{} {}", cursor.validity, cursor.last));
        // What is lost of it is only read again, and then known.
        self.desk
            .try_send(ToDesk::Cursor(name, value))
            .map_err(|_| "there is too much to do at the moment".to_owned())
    }
}

fn cursor_name(intake: &str, folder: &str) -> String {
    format!("{intake}/{folder}")
}
