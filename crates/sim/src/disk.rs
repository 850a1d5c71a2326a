//! The modelled store: what survives a crash.
//!
//! Beliefs are written in the order in which they were handed over, in groups. A crash loses what
//! had not been committed, and nothing else.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use model::{Belief, Moment, Rule};

/// A belief with the thresholds that it remembers things about.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What is believed.
    pub belief: Belief,
    /// By which thresholds; what is remembered about others means nothing.
    pub rules: Option<Arc<[Rule]>>,
}

/// A belief that has been handed over and not been committed.
#[derive(Clone, Debug)]
struct Pending {
    ticket: u64,
    name: String,
    stored: Stored,
}

/// Everything that was handed over for keeping.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    committed: BTreeMap<String, Stored>,
    pending: VecDeque<Pending>,
    tickets: u64,
    /// The latest moment handed over, and the latest committed.
    latest: Moment,
    committed_at: Moment,
}

impl Disk {
    /// Hands over a belief; gives the ticket under which it will be committed.
    pub fn put(&mut self, now: Moment, name: &str, stored: Stored) -> u64 {
        self.tickets += 1;
        self.latest = self.latest.max(now);
        self.pending.push_back(Pending { ticket: self.tickets, name: name.to_owned(), stored });
        self.tickets
    }

    /// Takes a belief and loses it, as only a planted bug does.
    pub fn skip(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Commits everything handed over; gives the last ticket.
    pub fn commit(&mut self) -> u64 {
        for it in self.pending.drain(..) {
            debug_assert!(it.ticket <= self.tickets, "tickets only grow");
            self.committed.insert(it.name, it.stored);
        }
        self.committed_at = self.latest;
        self.tickets
    }

    /// The process dies: what had not been committed is gone.
    pub fn crash(&mut self) {
        self.pending.clear();
        self.latest = self.committed_at;
    }

    /// The configuration knows `name` no more.
    pub fn forget(&mut self, name: &str) {
        self.pending.retain(|it| it.name != name);
        self.committed.remove(name);
    }

    /// What is stored about `name`.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<&Stored> {
        self.committed.get(name)
    }

    /// The latest moment that was committed, so that time does not run backwards over a restart.
    #[must_use]
    pub fn committed_at(&self) -> Moment {
        self.committed_at
    }
}
