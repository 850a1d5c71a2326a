//! The line from shards and desk to the store, and what waits for its commits.
//!
//! Everything that is to be kept passes through here in one order. An order that the desk has added
//! something to carries a number; once the store says that it has kept that number, what the desk
//! wanted done is done, and not before.

use std::{collections::VecDeque, sync::Arc};

use crossbeam_channel::{Sender, TrySendError};
use engine::desk::{Effect, Outcome};
use model::Alert;
use store::Order;
use tokio::sync::oneshot;

use crate::courier::Book;

/// Orders that may wait here while the store takes none. Then no more are taken from the shards,
/// requests are refused, and whatever else would make rows waits its turn.
pub(crate) const LINE_MAX: usize = 1_024;

/// What is to be done once everything that was decided before it is kept.
pub(crate) enum Act {
    /// What the desk wants done.
    Effect(Effect),
    /// These are the channels and people of whatever is sent from here on.
    Follow(Arc<Book>),
    /// What stood on a channel when somebody looked.
    Show(oneshot::Sender<Vec<Alert>>, Vec<Alert>),
}

/// What has passed the desk and not yet reached the disk.
pub(crate) struct Line {
    store: Sender<Order>,
    waiting: VecDeque<Order>,
    next: u64,
    /// What is to be done once the order of this number is kept.
    owed: VecDeque<(u64, Vec<Act>)>,
}

impl Line {
    pub(crate) fn new(store: Sender<Order>) -> Self {
        Self { store, waiting: VecDeque::new(), next: 1, owed: VecDeque::new() }
    }

    /// Is there no room for more?
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= LINE_MAX
    }

    /// Does nothing wait for the store or for its word?
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.owed.is_empty()
    }

    /// An order of a shard, with what the desk adds to it.
    pub(crate) fn pass(&mut self, mut order: Order, outcome: Outcome) {
        if let Order::Batch(batch) = &mut order
            && !(outcome.rows.is_empty() && outcome.effects.is_empty())
        {
            batch.desk = outcome.rows;
            batch.done = Some(self.number(outcome.effects));
        }
        self.waiting.push_back(order);
        self.send();
    }

    /// What the desk wants kept by itself.
    pub(crate) fn keep(&mut self, outcome: Outcome) {
        if outcome.rows.is_empty() && outcome.effects.is_empty() {
            return;
        }
        let done = Some(self.number(outcome.effects));
        self.waiting.push_back(Order::Desk { rows: outcome.rows, done });
        self.send();
    }

    /// An order that nothing waits for.
    pub(crate) fn order(&mut self, order: Order) {
        self.waiting.push_back(order);
        self.send();
    }

    /// Has `act` done after all that was decided so far; gives it back if all of that is kept.
    pub(crate) fn after_all(&mut self, act: Act) -> Option<Act> {
        match self.owed.back_mut() {
            Some((_, acts)) => {
                acts.push(act);
                None
            }
            None => Some(act),
        }
    }

    fn number(&mut self, effects: Vec<Effect>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.owed.push_back((number, effects.into_iter().map(Act::Effect).collect()));
        number
    }

    /// Gives the store what it has room for.
    pub(crate) fn send(&mut self) {
        while let Some(order) = self.waiting.pop_front() {
            match self.store.try_send(order) {
                Ok(()) => {}
                Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => {
                    self.waiting.push_front(order);
                    return;
                }
            }
        }
    }

    /// The store has kept everything up to `number`: what may be done now.
    pub(crate) fn kept(&mut self, number: u64) -> Vec<Act> {
        let mut acts = Vec::new();
        while self.owed.front().is_some_and(|it| it.0 <= number) {
            acts.extend(self.owed.pop_front().map(|it| it.1).unwrap_or_default());
        }
        acts
    }

    /// Orders that wait for room in the store.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
