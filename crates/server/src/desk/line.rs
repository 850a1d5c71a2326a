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

/// Rows of the desk that may be on their way to the disk before no more is taken from the shards.
/// What a shard has found out is small while it waits there; what the desk makes of it, a problem
/// with its alerts and the reasons for them, is not: in a storm that is faster than the disk, the
/// memory for it would grow by gigabytes. At twice as many the line counts as full.
pub(crate) const LINE_ROWS_MAX: usize = 20_000;

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
    owed: VecDeque<Owed>,
    /// Rows of the desk in all orders that are not kept yet.
    rows: usize,
}

/// What waits for the store's word.
struct Owed {
    number: u64,
    acts: Vec<Act>,
    rows: usize,
}

impl Line {
    pub(crate) fn new(store: Sender<Order>) -> Self {
        Self { store, waiting: VecDeque::new(), next: 1, owed: VecDeque::new(), rows: 0 }
    }

    /// Is there no room for more?
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= LINE_MAX || self.rows >= 2 * LINE_ROWS_MAX
    }

    /// Is there no room for more from the shards? What is left of it is for people and receivers.
    pub(crate) fn is_crowded(&self) -> bool {
        self.is_full() || self.rows >= LINE_ROWS_MAX
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
            batch.done = Some(self.number(outcome.effects, outcome.rows.len()));
            batch.desk = outcome.rows;
        }
        self.waiting.push_back(order);
        self.send();
    }

    /// What the desk wants kept by itself.
    pub(crate) fn keep(&mut self, outcome: Outcome) {
        if outcome.rows.is_empty() && outcome.effects.is_empty() {
            return;
        }
        let done = Some(self.number(outcome.effects, outcome.rows.len()));
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
            Some(it) => {
                it.acts.push(act);
                None
            }
            None => Some(act),
        }
    }

    fn number(&mut self, effects: Vec<Effect>, rows: usize) -> u64 {
        let number = self.next;
        self.next += 1;
        self.rows += rows;
        let acts = effects.into_iter().map(Act::Effect).collect();
        self.owed.push_back(Owed { number, acts, rows });
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
        while let Some(it) = self.owed.pop_front_if(|it| it.number <= number) {
            self.rows -= it.rows;
            acts.extend(it.acts);
        }
        acts
    }

    /// Orders that wait for room in the store.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use model::Row;
    use store::Batch;

    use super::*;

    fn outcome(rows: usize) -> Outcome {
        let rows = (0..rows).map(|it| Row::NextId(it as u64)).collect();
        Outcome { rows, effects: Vec::new() }
    }

    #[test]
    fn rows_on_their_way_are_bounded_however_few_orders_they_are_in() {
        let (store, orders) = crossbeam_channel::unbounded();
        let mut line = Line::new(store);
        line.pass(Order::Batch(Batch::default()), outcome(LINE_ROWS_MAX - 1));
        assert!(!line.is_crowded());
        line.keep(outcome(1));
        assert!(line.is_crowded() && !line.is_full(), "nothing more from shards, but from people");
        line.keep(outcome(LINE_ROWS_MAX));
        assert!(line.is_full());
        // That the store has taken them does not mean that they are gone.
        assert_eq!((orders.len(), line.waiting()), (3, 0));
        line.kept(1);
        assert!(line.is_crowded() && !line.is_full());
        line.kept(3);
        assert!(!line.is_crowded() && line.is_empty());
    }

    #[test]
    fn what_the_desk_adds_nothing_to_takes_no_room() {
        let (store, _orders) = crossbeam_channel::unbounded();
        let mut line = Line::new(store);
        for _ in 0..LINE_MAX {
            line.pass(Order::Batch(Batch::default()), Outcome::default());
            line.order(Order::Desk { rows: Vec::new(), done: None });
        }
        assert!(!line.is_crowded() && line.is_empty());
    }
}
