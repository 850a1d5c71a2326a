//! Notes of how far folders were read, which can fail.

use std::{
    collections::BTreeMap,
    future,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use inlet::imap::{Cursor, Cursors};
use tokio::{sync::Notify, time};

use crate::common::LIMIT;

#[derive(Debug)]
pub(crate) struct Notes {
    kept: Mutex<BTreeMap<String, Cursor>>,
    fails: AtomicBool,
    /// So many are kept before one hangs.
    hangs_after: AtomicUsize,
    hung: Notify,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            fails: AtomicBool::new(false),
            hangs_after: AtomicUsize::new(usize::MAX),
            hung: Notify::new(),
        }
    }
}

impl Notes {
    pub(crate) fn get(&self, folder: &str) -> Option<Cursor> {
        self.kept().get(folder).copied()
    }

    pub(crate) fn put(&self, folder: &str, cursor: Cursor) {
        self.kept().insert(folder.to_owned(), cursor);
    }

    /// From now on nothing can be kept or read, or it can again.
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// After `count` more the next one takes for ever.
    pub(crate) fn hang_after(&self, count: usize) {
        self.hangs_after.store(count, Ordering::SeqCst);
    }

    /// Waits for that.
    pub(crate) async fn hung(&self) {
        time::timeout(LIMIT, self.hung.notified()).await.expect("something was to be kept");
        self.hangs_after.store(usize::MAX, Ordering::SeqCst);
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Cursor>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> Result<(), String> {
        if self.fails.load(Ordering::SeqCst) { Err("the disk is full".to_owned()) } else { Ok(()) }
    }
}

impl Cursors for Notes {
    async fn load(&self, intake: &str, folder: &str) -> Result<Option<Cursor>, String> {
        assert_eq!(intake, "box");
        self.fault()?;
        Ok(self.get(folder))
    }

    async fn save(&self, intake: &str, folder: &str, cursor: Cursor) -> Result<(), String> {
        assert_eq!(intake, "box");
        self.fault()?;
        let left = self.hangs_after.load(Ordering::SeqCst);
        if left == 0 {
            self.hung.notify_one();
            return future::pending().await;
        }
        if left != usize::MAX {
            self.hangs_after.store(left - 1, Ordering::SeqCst);
        }
        self.put(folder, cursor);
        Ok(())
    }
}
