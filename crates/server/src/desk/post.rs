//! Takes orders to the shards.
//!
//! A shard that does not take them now gets them later, in order: the desk waits for nobody, so
//! that no two of us can wait for each other.

use std::{collections::VecDeque, time::Duration};

use crossbeam_channel::Sender;
use model::{CheckableId, ToShard};

use crate::shard::Door;

/// When a shard that could not take an order is tried again.
pub(crate) const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

pub(crate) struct Post {
    doors: Vec<Door>,
    orders: Vec<ToShard>,
    unsent: Vec<VecDeque<ToShard>>,
    /// Let go of once nothing is unsent.
    owed: Vec<Sender<()>>,
}

impl Post {
    pub(crate) fn new(doors: Vec<Door>) -> Self {
        let unsent = doors.iter().map(|_| VecDeque::new()).collect();
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
        let sent = self.orders.is_empty() && self.unsent.iter().all(VecDeque::is_empty);
        if sent { Duration::from_secs(3_600) } else { TRY_AGAIN_AFTER }
    }

    pub(crate) fn send(&mut self) {
        let shards = u32::try_from(self.doors.len()).unwrap_or(1);
        for order in self.orders.drain(..) {
            match checkable_of(order) {
                Some(it) => self.unsent[it.shard(shards) as usize].push_back(order),
                None => self.unsent.iter_mut().for_each(|it| it.push_back(order)),
            }
        }
        for (door, unsent) in self.doors.iter().zip(&mut self.unsent) {
            while let Some(order) = unsent.pop_front() {
                if !door.tell(order) {
                    unsent.push_front(order);
                    break;
                }
            }
        }
        if self.unsent.iter().all(VecDeque::is_empty) {
            self.owed.clear();
        }
    }
}

/// Whom it is for; `None`: all.
fn checkable_of(order: ToShard) -> Option<CheckableId> {
    match order {
        ToShard::Parents { host, .. } => Some(host),
        ToShard::CheckNow { checkable } | ToShard::Rest { checkable, .. } => Some(checkable),
        ToShard::Blind { .. } => None,
    }
}
