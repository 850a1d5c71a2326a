//! The one thread that writes.
//!
//! It never loses what it was given and never gives up on the disk: a transaction that fails is
//! kept and tried again, with pauses that grow. Meanwhile nothing more is taken from the queue, so
//! its bound holds and whoever sends sees a full queue instead of a growing process.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use rusqlite::Connection;

use crate::{
    Order, Receipt, Store, StoreHealth,
    connect::connect,
    folder::Folder,
    group::{CommitError, Remedy, Rows, Scribe},
};

/// Most orders that may wait for the writer.
pub const ORDERS_WAITING_MAX: usize = 4_096;

/// Most orders in one transaction.
pub const ORDERS_PER_COMMIT_MAX: usize = 1_024;

/// A transaction is closed once it has this many rows; one order is never split, so it may have
/// more.
pub const ROWS_PER_COMMIT_MAX: usize = 20_000;

/// The first pause after a failure, and the longest; each is twice the one before.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// While nothing can be committed, the log says so this often.
const REMINDER: Duration = Duration::from_mins(1);

/// What a thread that was told to leave its work undone still gets to notice it.
const ABANDON_WAIT: Duration = Duration::from_millis(200);

/// How often a close looks whether the thread has ended.
const CLOSE_STEP: Duration = Duration::from_millis(5);

/// The writer's thread, seen from outside.
pub struct Writer {
    thread: JoinHandle<()>,
    orders: Sender<Order>,
    health: Arc<StoreHealth>,
    abandoned: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
}

/// How a writer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Everything is on the disk and a clean stop is marked.
    Clean,
    /// Something could not be written in time, or the clean stop could not be marked.
    Unclean,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("health", &self.health).finish_non_exhaustive()
    }
}

impl Store {
    /// Starts the writer on a thread of its own. The store closes cleanly on [`Order::Close`], and
    /// also when the last sender is gone.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn writer(self) -> io::Result<(Writer, Sender<Order>)> {
        self.writer_with(|_| {})
    }

    /// The same; `receipts` is called on the writer's thread with every receipt that an order asks
    /// for, in their order. It must not wait for anything: nothing is written meanwhile. An order
    /// of which no receipt has come when the writer has ended may have been kept or not.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn writer_with(
        self,
        receipts: impl Fn(Receipt) + Send + 'static,
    ) -> io::Result<(Writer, Sender<Order>)> {
        let (orders, waiting) = crossbeam_channel::bounded(ORDERS_WAITING_MAX);
        let health = Arc::clone(&self.health);
        let abandoned = Arc::new(AtomicBool::new(false));
        let closed = Arc::new(AtomicBool::new(false));
        let secretary = Secretary {
            conn: Some(self.conn),
            path: self.path,
            _folder: self.folder,
            boot: self.boot,
            next_result: self.next_result,
            rows: Rows::default(),
            waiting,
            receipts: Box::new(receipts),
            health: Arc::clone(&health),
            abandoned: Arc::clone(&abandoned),
            closed: Arc::clone(&closed),
        };
        let thread = thread::Builder::new().name("store-writer".to_owned());
        let thread = thread.spawn(move || secretary.run())?;
        let writer = Writer { thread, orders: orders.clone(), health, abandoned, closed };
        Ok((writer, orders))
    }
}

impl Writer {
    /// The writer's figures.
    #[must_use]
    pub fn health(&self) -> Arc<StoreHealth> {
        Arc::clone(&self.health)
    }

    /// Has the thread ended?
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Has everything that was sent so far written and ends the thread, but waits no longer than
    /// `within`: on a full disk there is no end to wait for. A thread that hangs in the disk is
    /// left to end with the process.
    pub fn close(self, within: Duration) -> Closed {
        let deadline = Instant::now() + within;
        // An error means that it has ended already, or that its queue stayed full.
        if self.orders.send_timeout(Order::Close, within).is_ok() {
            self.wait_until(deadline);
        }
        self.abandoned.store(true, Relaxed);
        self.thread.thread().unpark();
        self.wait_until(Instant::now() + ABANDON_WAIT);
        let joined = self.thread.is_finished() && self.thread.join().is_ok();
        if joined && self.closed.load(Relaxed) { Closed::Clean } else { Closed::Unclean }
    }

    fn wait_until(&self, deadline: Instant) {
        while !self.thread.is_finished() && Instant::now() < deadline {
            thread::sleep(CLOSE_STEP);
        }
    }

    /// Sends a [`Order::Flush`] and waits for its answer; `false` if none came within `within`.
    #[must_use]
    pub fn flush(&self, within: Duration) -> bool {
        let (reply, answer) = crossbeam_channel::bounded(1);
        let deadline = Instant::now() + within;
        self.orders.send_deadline(Order::Flush(reply), deadline).is_ok()
            && answer.recv_deadline(deadline).is_ok()
    }
}

/// What the thread owns.
struct Secretary {
    /// Absent only while the file is being opened again.
    conn: Option<Connection>,
    path: std::path::PathBuf,
    _folder: Folder,
    boot: u64,
    next_result: i64,
    rows: Rows,
    waiting: Receiver<Order>,
    receipts: Box<dyn Fn(Receipt) + Send>,
    health: Arc<StoreHealth>,
    abandoned: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
}

/// The writer has to end at once, with work undone.
struct Abandoned;

impl Secretary {
    fn run(mut self) {
        let mut group = Vec::new();
        loop {
            let last = self.gather(&mut group);
            if self.settle(&group).is_err() {
                tracing::error!(
                    orders = group.len() + self.waiting.len(),
                    "the store was left with work undone"
                );
                return;
            }
            answer(&mut group);
            if last {
                return self.close();
            }
        }
    }

    /// Waits for an order, then takes all that wait, up to the bounds. `true` if it is the last.
    fn gather(&self, group: &mut Vec<Order>) -> bool {
        let Ok(first) = self.waiting.recv() else { return true };
        let mut rows = first.rows();
        let mut last = matches!(first, Order::Close);
        group.push(first);
        while !last && group.len() < ORDERS_PER_COMMIT_MAX && rows < ROWS_PER_COMMIT_MAX {
            let Ok(order) = self.waiting.try_recv() else { break };
            rows += order.rows();
            last = matches!(order, Order::Close);
            group.push(order);
        }
        self.health.queue_depth.store(self.waiting.len() as u64, Relaxed);
        last
    }

    /// Puts the group on the disk, however long it takes.
    fn settle(&mut self, group: &[Order]) -> Result<(), Abandoned> {
        let rows: usize = group.iter().map(Order::rows).sum();
        if rows == 0 && !group.iter().any(|it| matches!(it, Order::Batch(_))) {
            self.confirm(group, Receipt::Kept);
            return Ok(());
        }
        match self.insist(group)? {
            Some(_) if group.len() > 1 => {
                // One of them is at fault; the others are not to suffer for it.
                for order in group {
                    self.settle(std::slice::from_ref(order))?;
                }
            }
            Some(error) => {
                self.health.refused.fetch_add(1, Relaxed);
                let order = group.first().map(Order::words).unwrap_or_default();
                tracing::error!(%error, order, "gave up an order that SQLite refuses");
                self.confirm(group, Receipt::Refused);
            }
            None => {
                self.health.orders.fetch_add(group.len() as u64, Relaxed);
                let kept = group.iter().filter(|it| !matches!(it, Order::Prune { .. }));
                self.health.rows.fetch_add(kept.map(Order::rows).sum::<usize>() as u64, Relaxed);
                self.confirm(group, Receipt::Kept);
            }
        }
        Ok(())
    }

    /// Gives a receipt for every order of the group that asks for one.
    fn confirm(&self, group: &[Order], receipt: fn(u64) -> Receipt) {
        for done in group.iter().filter_map(Order::done) {
            (self.receipts)(receipt(done));
        }
    }

    /// Tries until the group is on the disk, or is found to be unacceptable, with the reason.
    fn insist(&mut self, group: &[Order]) -> Result<Option<rusqlite::Error>, Abandoned> {
        let mut pause = PAUSE_MIN;
        let mut told_at = None;
        loop {
            let error = match self.try_once(group) {
                Ok(()) => {
                    self.recover();
                    return Ok(None);
                }
                Err(CommitError::Fenced) => {
                    self.health.fenced.store(true, Relaxed);
                    tracing::error!(boot = self.boot, "another engine has taken over the store");
                    return Err(Abandoned);
                }
                Err(CommitError::Sqlite(error)) => error,
            };
            self.health.errors.fetch_add(1, Relaxed);
            match Remedy::of(&error) {
                Remedy::Refuse => return Ok(Some(error)),
                Remedy::Reopen => self.conn = None,
                Remedy::Despair => self.health.damaged.store(true, Relaxed),
                Remedy::Wait => {}
            }
            self.stall(&error, &mut told_at);
            self.rest(pause)?;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn try_once(&mut self, group: &[Order]) -> Result<(), CommitError> {
        let began = Instant::now();
        if self.conn.is_none() {
            self.conn = Some(reopen(&self.path)?);
            self.health.reopens.fetch_add(1, Relaxed);
        }
        let conn = self.conn.as_mut().expect("it was opened above");
        let mut scribe = Scribe {
            boot: self.boot,
            next_result: self.next_result,
            rows: &mut self.rows,
            health: &self.health,
        };
        scribe.commit(conn, group)?;
        self.next_result = scribe.next_result;
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.health.last_commit_nanos.store(took, Relaxed);
        self.health.commits.fetch_add(1, Relaxed);
        Ok(())
    }

    fn stall(&self, error: &rusqlite::Error, told_at: &mut Option<Instant>) {
        if self.health.stalled_since_secs().is_none() {
            self.health.stalled_since_secs.store(now_secs().max(1), Relaxed);
        }
        if told_at.is_none_or(|it| it.elapsed() >= REMINDER) {
            *told_at = Some(Instant::now());
            let path = self.path.display();
            let waiting = self.waiting.len();
            tracing::error!(%error, %path, waiting, "cannot write to the store; trying on");
        }
    }

    fn recover(&self) {
        if self.health.stalled_since_secs.swap(0, Relaxed) != 0 {
            self.health.damaged.store(false, Relaxed);
            tracing::info!("the store can be written to again");
        }
    }

    /// Pauses; cut short, with an error, once nobody waits for the end any longer.
    fn rest(&self, pause: Duration) -> Result<(), Abandoned> {
        let until = Instant::now() + pause;
        loop {
            if self.abandoned.load(Relaxed) {
                return Err(Abandoned);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.health.queue_depth.store(self.waiting.len() as u64, Relaxed);
            thread::park_timeout(left);
        }
    }

    /// Marks a clean stop and folds the log into the file.
    fn close(mut self) {
        let Some(conn) = self.conn.take() else { return };
        let mark = "UPDATE boot SET stopped_at_secs = ?1 WHERE number = ?2";
        let numbers = [now_secs().cast_signed(), self.boot.cast_signed()];
        let done = conn
            .execute(mark, numbers)
            .and_then(|_| conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
            .and_then(|()| conn.close().map_err(|(_, error)| error));
        match done {
            Ok(()) => self.closed.store(true, Relaxed),
            Err(error) => tracing::error!(%error, "the store could not be closed cleanly"),
        }
    }
}

/// Opens the file again after an error of its disk and makes sure of what is on it.
///
/// After a failed flush the system may hold for clean what never reached the disk. So the log is
/// not trusted as it lies there: all of it is written into the file once more and flushed, and
/// only when that has worked does anything new follow.
fn reopen(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let conn = connect(path)?;
    let answer: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if answer != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(code, Some(answer)));
    }
    let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(code, None));
    }
    Ok(conn)
}

/// Tells everybody who waits for the group. Whoever has stopped waiting is not told.
fn answer(group: &mut Vec<Order>) {
    for order in group.drain(..) {
        if let Order::Flush(reply) = order
            && let Err(TrySendError::Full(())) = reply.try_send(())
        {
            tracing::warn!("a flush was answered twice");
        }
    }
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}
