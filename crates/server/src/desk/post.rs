//! Takes orders to the shards.
//!
//! A shard that does not take them now gets them later, in order: the desk waits for nobody, so
//! that no two of us can wait for each other.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use crossbeam_channel::Sender;
use model::{CheckableId, ToShard};

use crate::shard::Door;

/// When a shard that could not take an order is tried again.
pub(crate) const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Orders for one shard from which on those are dropped that a later one replaces; again after it
/// has doubled. So no more wait than a few for each checkable, or this many.
const UNSENT_TIDY_AT: usize = 65_536;

pub(crate) struct Post {
    doors: Vec<Door>,
    orders: Vec<ToShard>,
    unsent: Vec<Unsent>,
    /// Let go of once nothing is unsent.
    owed: Vec<Sender<()>>,
}

/// What one shard has not taken yet.
struct Unsent {
    orders: VecDeque<ToShard>,
    tidy_at: usize,
}

impl Unsent {
    fn push(&mut self, order: ToShard) {
        self.orders.push_back(order);
        if self.orders.len() >= self.tidy_at {
            self.tidy();
            self.tidy_at = UNSENT_TIDY_AT.max(2 * self.orders.len());
        }
    }

    /// Of orders that differ in nothing but what they say of the same, the last one counts.
    fn tidy(&mut self) {
        let mut seen = BTreeSet::new();
        let last: Vec<ToShard> =
            self.orders.iter().rev().filter(|it| seen.insert(subject_of(**it))).copied().collect();
        self.orders = last.into_iter().rev().collect();
    }
}

/// Of what an order speaks: the kind of word, and about whom.
fn subject_of(order: ToShard) -> (u8, Option<CheckableId>) {
    let kind = match order {
        ToShard::Parents { answer: false, .. } => 0,
        ToShard::Parents { answer: true, .. } => 1,
        ToShard::CheckNow { .. } => 2,
        ToShard::Rest { .. } => 3,
        ToShard::Blind { .. } => 4,
        ToShard::Watch { .. } => 5,
    };
    (kind, checkable_of(order))
}

impl Post {
    pub(crate) fn new(doors: Vec<Door>) -> Self {
        let none = |_| Unsent { orders: VecDeque::new(), tidy_at: UNSENT_TIDY_AT };
        let unsent = doors.iter().map(none).collect();
        Self { doors, orders: Vec::new(), unsent, owed: Vec::new() }
    }

    /// Where new orders are put.
    pub(crate) fn orders(&mut self) -> &mut Vec<ToShard> {
        &mut self.orders
    }

    /// Lets go of `done` once all orders so far are with their shards.
    pub(crate) fn owe(&mut self, done: Sender<()>) {
        self.owed.push(done);
    }

    /// How long to wait for the next message: not long while something is unsent.
    pub(crate) fn patience(&self) -> Duration {
        let sent = self.orders.is_empty() && self.unsent.iter().all(|it| it.orders.is_empty());
        if sent { Duration::from_secs(3_600) } else { TRY_AGAIN_AFTER }
    }

    pub(crate) fn send(&mut self) {
        let shards = u32::try_from(self.doors.len()).unwrap_or(1);
        for order in self.orders.drain(..) {
            match checkable_of(order) {
                Some(it) => self.unsent[it.shard(shards) as usize].push(order),
                None => self.unsent.iter_mut().for_each(|it| it.push(order)),
            }
        }
        for (door, unsent) in self.doors.iter().zip(&mut self.unsent) {
            while let Some(order) = unsent.orders.pop_front() {
                if !door.tell(order) {
                    unsent.orders.push_front(order);
                    break;
                }
            }
        }
        if self.unsent.iter().all(|it| it.orders.is_empty()) {
            self.owed.clear();
        }
    }
}

/// Whom it is for; `None`: all.
fn checkable_of(order: ToShard) -> Option<CheckableId> {
    match order {
        ToShard::Parents { host, .. } => Some(host),
        ToShard::CheckNow { checkable }
        | ToShard::Rest { checkable, .. }
        | ToShard::Watch { checkable, .. } => Some(checkable),
        ToShard::Blind { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::shard::ToDriver;

    #[test]
    fn what_a_shard_does_not_take_does_not_grow_without_end_and_the_last_word_counts() {
        let (sender, mut inbox) = mpsc::channel(1);
        let mut post = Post::new(vec![Door::of(sender)]);
        let word = |turn: usize, host: u32| ToShard::Parents {
            host: CheckableId(host),
            any_up: turn.is_multiple_of(2),
            answer: false,
        };
        let hosts = 1_000;
        let turns = 3 * UNSENT_TIDY_AT / hosts as usize;
        for turn in 0..=turns {
            post.orders().extend((0..hosts).map(|host| word(turn, host)));
            post.send();
            assert!(post.unsent[0].orders.len() < UNSENT_TIDY_AT, "turn {turn}");
        }
        let mut last = std::collections::BTreeMap::new();
        while let Ok(order) = inbox.try_recv() {
            if let ToDriver::Desk(ToShard::Parents { host, any_up, .. }) = order {
                last.insert(host, any_up);
            }
            post.send();
        }
        let expected = (0..hosts).map(|it| (CheckableId(it), turns.is_multiple_of(2))).collect();
        assert_eq!(last, expected);
    }
}
