//! What is still to happen in a world, by time; what happens at the same time keeps its order.

use std::{cmp::Reverse, collections::BinaryHeap};

use model::Moment;

/// Everything that is planned.
#[derive(Debug)]
pub(crate) struct Agenda<What> {
    heap: BinaryHeap<Reverse<Entry<What>>>,
    order: u64,
}

#[derive(Debug)]
struct Entry<What> {
    at: Moment,
    order: u64,
    what: What,
}

impl<What> PartialEq for Entry<What> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl<What> Eq for Entry<What> {}

impl<What> PartialOrd for Entry<What> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<What> Ord for Entry<What> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl<What> Default for Agenda<What> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), order: 0 }
    }
}

impl<What> Agenda<What> {
    /// Plans something.
    pub(crate) fn push(&mut self, at: Moment, what: What) {
        self.order += 1;
        self.heap.push(Reverse(Entry { at, order: self.order, what }));
    }

    /// When the next thing is to happen.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.heap.peek().map(|it| it.0.at)
    }

    /// Takes out the next thing, and when it was to happen.
    pub(crate) fn pop(&mut self) -> Option<(Moment, What)> {
        self.heap.pop().map(|Reverse(it)| (it.at, it.what))
    }
}
