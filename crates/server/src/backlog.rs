//! What one shard has for the store, in the order in which it came to be.
//!
//! A place in a shard is given to another name only after the name before it is gone. As the names,
//! the goings and all that is believed pass through here in one line, no belief can be written
//! under the wrong name or outlive its own, however long the store takes.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;
use model::CheckableId;
use store::{Batch, Order};

/// Names in one order.
const NAMES_PER_ORDER: usize = 10_000;
/// A batch that has waited until it has so many rows does not grow any more: what the desk makes of
/// one batch is one transaction and stands in memory as a whole, and is many times as large.
const ROWS_PER_BATCH: usize = 1_000;

/// Orders that wait for the store, the last one still open.
pub(crate) struct Backlog {
    store: Sender<Order>,
    closed: VecDeque<Order>,
    batch: Batch,
}

impl Backlog {
    /// Nothing, for shard number `shard`.
    pub(crate) fn new(shard: u32, store: Sender<Order>) -> Self {
        let batch = Batch { shard, ..Batch::default() };
        Self { store, closed: VecDeque::new(), batch }
    }

    /// What follows all that has been said so far.
    pub(crate) fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// `id` is called `name` from now on.
    pub(crate) fn name(&mut self, id: CheckableId, name: &str) {
        self.close_batch();
        let named = (id, name.to_owned());
        match self.closed.back_mut() {
            Some(Order::Names(names)) if names.len() < NAMES_PER_ORDER => names.push(named),
            _ => self.closed.push_back(Order::Names(vec![named])),
        }
    }

    /// Nothing is believed of `name` any more.
    pub(crate) fn forget(&mut self, name: &str) {
        self.close_batch();
        match self.closed.back_mut() {
            Some(Order::Forget(names)) if names.len() < NAMES_PER_ORDER => {
                names.push(name.to_owned());
            }
            _ => self.closed.push_back(Order::Forget(vec![name.to_owned()])),
        }
    }

    /// Gives the store what it has room for.
    pub(crate) fn send(&mut self) {
        if self.batch.rows() >= ROWS_PER_BATCH {
            self.close_batch();
        }
        while let Some(order) = self.next() {
            if let Err(back) = self.store.try_send(order) {
                self.closed.push_front(back.into_inner());
                return self.reopen();
            }
        }
    }

    /// The same, but waits for room; `false` if there was not enough of it within `within`.
    pub(crate) fn send_all(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while let Some(order) = self.next() {
            if self.store.send_deadline(order, deadline).is_err() {
                return false;
            }
        }
        true
    }

    /// Rows of results and beliefs that wait.
    pub(crate) fn rows(&self) -> usize {
        let rows = |it: &Order| if let Order::Batch(batch) = it { batch.rows() } else { 0 };
        self.closed.iter().map(rows).sum::<usize>() + self.batch.rows()
    }

    fn next(&mut self) -> Option<Order> {
        if self.closed.is_empty() {
            self.close_batch();
        }
        self.closed.pop_front()
    }

    fn close_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let (shard, position_last) = (self.batch.shard, self.batch.position_last);
        let open = Batch { shard, position_last, ..Batch::default() };
        self.closed.push_back(Order::Batch(std::mem::replace(&mut self.batch, open)));
    }

    /// What the store had no room for may grow: one larger order costs less than many.
    fn reopen(&mut self) {
        let is_small =
            |it: &mut Order| matches!(it, Order::Batch(batch) if batch.rows() < ROWS_PER_BATCH);
        if self.batch.is_empty()
            && let Some(Order::Batch(batch)) = self.closed.pop_back_if(is_small)
        {
            self.batch = batch;
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Belief, Look, Moment, StateType, Status};

    use super::*;

    fn belief(attempt: u8) -> Belief {
        Belief {
            now: Look { status: Status::Critical, kind: StateType::Soft, attempt },
            known: true,
            hard_status: Status::Ok,
            flapping: false,
            history: 0,
            since: Moment::ZERO,
            hard_since: Moment::ZERO,
            attempt_at: Moment::ZERO,
            host_was_down: false,
            thresholds: Vec::new(),
            cause: None,
        }
    }

    /// One word an order.
    fn told(order: &Order) -> String {
        match order {
            Order::Names(names) => format!("names {names:?}"),
            Order::Forget(names) => format!("forget {names:?}"),
            Order::Batch(it) => {
                let attempts: Vec<_> = it.beliefs.iter().map(|it| it.1.now.attempt).collect();
                format!("batch {} {attempts:?}", it.position_last)
            }
            _ => "other".to_owned(),
        }
    }

    #[test]
    fn a_place_that_is_used_again_never_mixes_two_names_however_full_the_store_is() {
        let (store, orders) = crossbeam_channel::bounded(1);
        let mut backlog = Backlog::new(0, store);
        let place = CheckableId(0);
        backlog.name(place, "a");
        backlog.name(CheckableId(1), "b");
        backlog.send();
        // The store is full from here on.
        for attempt in 1..=2 {
            backlog.batch().beliefs.push((place, belief(attempt)));
            backlog.batch().position_last = u64::from(attempt);
            backlog.send();
        }
        backlog.forget("a");
        backlog.name(place, "c");
        backlog.send();
        backlog.batch().beliefs.push((place, belief(3)));
        assert_eq!(backlog.rows(), 3);
        let mut seen = Vec::new();
        while let Ok(order) = orders.try_recv() {
            seen.push(told(&order));
            backlog.send();
        }
        let expected = [
            r#"names [(CheckableId(0), "a"), (CheckableId(1), "b")]"#,
            "batch 2 [1, 2]",
            r#"forget ["a"]"#,
            r#"names [(CheckableId(0), "c")]"#,
            "batch 2 [3]",
        ];
        assert_eq!(seen, expected);
        assert_eq!(backlog.rows(), 0);
    }

    #[test]
    fn what_waits_long_stays_in_portions_and_in_order() {
        let (store, orders) = crossbeam_channel::bounded(1);
        let mut backlog = Backlog::new(0, store);
        let count = 3 * ROWS_PER_BATCH + 7;
        for number in 0..count {
            let place = CheckableId(u32::try_from(number).expect("few"));
            backlog.batch().beliefs.push((place, belief(1)));
            backlog.batch().position_last = number as u64;
            backlog.send();
        }
        assert_eq!(backlog.rows() + 1, count, "the store has taken the first one");
        let (mut seen, mut positions) = (Vec::new(), Vec::new());
        while let Ok(Order::Batch(batch)) = orders.try_recv() {
            assert!(batch.rows() <= ROWS_PER_BATCH, "{} rows", batch.rows());
            seen.extend(batch.beliefs.iter().map(|it| it.0.0 as usize));
            positions.push(batch.position_last);
            backlog.send();
        }
        assert_eq!(seen, (0..count).collect::<Vec<_>>());
        assert!(positions.is_sorted() && positions.last() == Some(&(count as u64 - 1)));
        assert_eq!(positions.len(), 5, "one, three full ones, and the rest: {positions:?}");
    }

    #[test]
    fn a_store_that_takes_nothing_does_not_hold_up_the_end() {
        let (store, _orders) = crossbeam_channel::bounded(1);
        let mut backlog = Backlog::new(0, store);
        backlog.batch().beliefs.push((CheckableId(0), belief(1)));
        assert!(backlog.send_all(Duration::from_millis(1)));
        backlog.batch().beliefs.push((CheckableId(0), belief(2)));
        assert!(!backlog.send_all(Duration::from_millis(1)));
    }
}
