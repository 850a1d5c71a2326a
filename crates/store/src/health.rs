//! How the writer is doing, for whoever shows it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Counts and gauges of the writer. Written by it alone, read by anybody.
#[derive(Debug, Default)]
pub struct StoreHealth {
    pub(crate) commits: AtomicU64,
    pub(crate) orders: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) nameless: AtomicU64,
    pub(crate) reopens: AtomicU64,
    pub(crate) pruned: AtomicU64,
    pub(crate) last_commit_nanos: AtomicU64,
    pub(crate) queue_depth: AtomicU64,
    pub(crate) stalled_since_secs: AtomicU64,
    pub(crate) fenced: AtomicBool,
    pub(crate) damaged: AtomicBool,
}

/// One number to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Its metric name, without `_total`.
    pub name: &'static str,
    /// One sentence, without a full stop.
    pub help: &'static str,
    /// Does it only ever grow?
    pub is_counter: bool,
    /// Its value.
    pub value: f64,
}

impl StoreHealth {
    /// Transactions that are on the disk.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    /// Orders whose transaction is on the disk.
    #[must_use]
    pub fn orders(&self) -> u64 {
        self.orders.load(Relaxed)
    }

    /// Rows whose transaction is on the disk.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }

    /// Failed attempts to commit; what they held was kept and tried again.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors.load(Relaxed)
    }

    /// Orders given up because SQLite refuses their content, whatever the disk is like.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Rows dropped because their checkable was never named: a fault of the sender.
    #[must_use]
    pub fn nameless(&self) -> u64 {
        self.nameless.load(Relaxed)
    }

    /// How often the file was opened again after an I/O error.
    #[must_use]
    pub fn reopens(&self) -> u64 {
        self.reopens.load(Relaxed)
    }

    /// Rows deleted because they were old enough.
    #[must_use]
    pub fn pruned(&self) -> u64 {
        self.pruned.load(Relaxed)
    }

    /// How many orders wait.
    #[must_use]
    pub fn queue_depth(&self) -> u64 {
        self.queue_depth.load(Relaxed)
    }

    /// Since when nothing can be committed, in seconds since 1970; `None` when all is well.
    #[must_use]
    pub fn stalled_since_secs(&self) -> Option<u64> {
        Some(self.stalled_since_secs.load(Relaxed)).filter(|it| *it != 0)
    }

    /// Has another engine taken over the file?
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Relaxed)
    }

    /// Was the file found damaged while running?
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Relaxed)
    }

    /// All of it, as the console shows it.
    #[must_use]
    pub fn figures(&self) -> [Figure; 12] {
        let counter =
            |name, help, value: u64| Figure { name, help, is_counter: true, value: value as f64 };
        let gauge = |name, help, value| Figure { name, help, is_counter: false, value };
        let flag = |it: &AtomicBool| f64::from(u8::from(it.load(Relaxed)));
        let last_commit_seconds = self.last_commit_nanos.load(Relaxed) as f64 / 1e9;
        let stalled_since = self.stalled_since_secs.load(Relaxed) as f64;
        [
            counter("campanile_store_commits", "Transactions on the disk", self.commits()),
            counter("campanile_store_orders", "Orders on the disk", self.orders()),
            counter("campanile_store_rows", "Rows on the disk", self.rows()),
            counter("campanile_store_errors", "Failed attempts to commit", self.errors()),
            counter(
                "campanile_store_refused",
                "Orders and rows given up as faulty",
                self.refused() + self.nameless(),
            ),
            counter(
                "campanile_store_reopens",
                "Times the file was opened again after an error",
                self.reopens(),
            ),
            counter("campanile_store_pruned", "Rows deleted by retention", self.pruned()),
            gauge(
                "campanile_store_last_commit_duration_seconds",
                "Time that the last transaction took",
                last_commit_seconds,
            ),
            gauge("campanile_store_queue_depth", "Orders that wait", self.queue_depth() as f64),
            gauge(
                "campanile_store_stalled_since_timestamp_seconds",
                "Since when nothing can be committed, 0 when all is well",
                stalled_since,
            ),
            gauge(
                "campanile_store_fenced",
                "Whether another engine has taken over the file",
                flag(&self.fenced),
            ),
            gauge(
                "campanile_store_damaged",
                "Whether the file was found damaged while running",
                flag(&self.damaged),
            ),
        ]
    }
}
