//! What a channel lets through: how many at a time, and how it is left alone while it is broken.
//!
//! A receiver that is down sees one probe at a time, ever more rarely, instead of everything that
//! waits for it. Once it takes something again, all that failed before may go at once: a backlog
//! drains as fast as the receiver takes it, and not as slowly as the longest wait of its alerts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{AlertKey, Moment};

use super::backoff;

/// Messages that are on their way by one channel at the same time.
pub(crate) const SENDS_PER_CHANNEL_MAX: u32 = 8;

/// So many failed tries in a row make a channel broken.
const FAILURES_IN_ROW_MAX: u32 = 5;

/// What stands in a channel's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A message of its own.
    Alert(AlertKey),
    /// One that has failed, when the channel had been mended so often.
    Retry(AlertKey, u32),
    /// Whatever has gathered for a route.
    Group(u32),
}

/// One channel, as the outbox sees it.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) name: Arc<str>,
    /// Alerts that are owed by it.
    pub(super) waiting: usize,
    in_flight: u32,
    failures_in_row: u32,
    /// Tries that have failed since it is broken: those that were on their way when it broke count
    /// as one.
    probes: u32,
    /// How often it has been mended.
    mended: u32,
    /// Nothing is sent before.
    rest_until: Moment,
    /// By when it may go, then by turn.
    queue: BTreeMap<(Moment, u64), Item>,
    /// Those of the queue that have failed, by `mended` at that time.
    failed: BTreeSet<(u32, Moment, u64)>,
}

impl Door {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            waiting: 0,
            in_flight: 0,
            failures_in_row: 0,
            probes: 0,
            mended: 0,
            rest_until: Moment::ZERO,
            queue: BTreeMap::new(),
            failed: BTreeSet::new(),
        }
    }

    /// Stands in line from `at` on.
    pub(super) fn put(&mut self, at: Moment, turn: u64, item: Item) {
        self.queue.insert((at, turn), item);
    }

    /// Has failed, and stands in line again from `at` on, or from when the channel is mended. The
    /// answer is to be given back to [`Self::take_out`].
    pub(super) fn put_back(&mut self, at: Moment, turn: u64, key: AlertKey) -> u32 {
        self.put(at, turn, Item::Retry(key, self.mended));
        self.failed.insert((self.mended, at, turn));
        self.mended
    }

    /// Leaves the queue without being sent.
    pub(super) fn take_out(&mut self, at: Moment, turn: u64, failed_in: Option<u32>) {
        self.queue.remove(&(at, turn));
        if let Some(mended) = failed_in {
            self.failed.remove(&(mended, at, turn));
        }
    }

    /// The next one that may go now; it has left the queue. What failed before the channel was
    /// mended goes before all that came meanwhile: it is what people have waited for longest.
    pub(super) fn pick(&mut self, now: Moment) -> Option<Item> {
        if self.is_full() || now < self.rest_until {
            return None;
        }
        if let Some((mended, at, turn)) = self.first_released() {
            self.failed.remove(&(mended, at, turn));
            return self.queue.remove(&(at, turn));
        }
        let &(at, turn) = self.queue.first_key_value()?.0;
        if at > now {
            return None;
        }
        let item = self.queue.remove(&(at, turn));
        if let Some(Item::Retry(_, failed_in)) = item {
            self.failed.remove(&(failed_in, at, turn));
        }
        item
    }

    /// The first one that failed before the channel was mended.
    fn first_released(&self) -> Option<(u32, Moment, u64)> {
        let first = *self.failed.first()?;
        (first.0 < self.mended && !self.is_broken()).then_some(first)
    }

    /// Something is on its way.
    pub(super) fn sent(&mut self) {
        self.in_flight += 1;
    }

    /// The receiver has taken something.
    pub(super) fn taken(&mut self) {
        self.came_back();
        if self.is_broken() {
            self.mended += 1;
        }
        (self.failures_in_row, self.probes) = (0, 0);
        self.rest_until = Moment::ZERO;
    }

    /// A try has failed; the receiver wants to be left alone for so long.
    pub(super) fn failed(&mut self, now: Moment, rest: Option<Duration>) {
        self.came_back();
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        if self.is_broken() {
            self.probes += u32::from(self.in_flight == 0);
            self.rest(now.after(backoff::probe_wait(&self.name, self.probes.max(1))));
        }
        if let Some(rest) = rest {
            self.rest(now.after(rest));
        }
    }

    /// The receiver has answered that it will never take this one: that says nothing of others.
    pub(super) fn refused(&mut self) {
        self.came_back();
    }

    /// When the next one may go; the past means now.
    pub(super) fn next_at(&self) -> Option<Moment> {
        if self.is_full() {
            return None;
        }
        let first = self.queue.first_key_value()?.0.0;
        let at = if self.first_released().is_some() { Moment::ZERO } else { first };
        Some(at.max(self.rest_until))
    }

    fn rest(&mut self, until: Moment) {
        self.rest_until = self.rest_until.max(until);
    }

    fn came_back(&mut self) {
        debug_assert!(self.in_flight > 0, "what comes back has been sent");
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    fn is_broken(&self) -> bool {
        self.failures_in_row >= FAILURES_IN_ROW_MAX
    }

    fn is_full(&self) -> bool {
        self.in_flight >= if self.is_broken() { 1 } else { SENDS_PER_CHANNEL_MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_channel_is_mended_what_failed_goes_before_what_came_meanwhile() {
        let now = Moment::from_secs(1_000);
        let far = now.after(Duration::from_secs(3_600));
        let mut door = Door::new(Arc::from("sms"));
        for turn in 0..FAILURES_IN_ROW_MAX {
            door.sent();
            door.failed(now, None);
            door.put_back(far, u64::from(turn), AlertKey(u128::from(turn)));
        }
        let late = AlertKey(u128::MAX);
        door.put(now, 1_000, Item::Alert(late));
        let probe_at = door.next_at().expect("it is probed some time");
        assert_eq!(door.pick(now), None, "a broken channel rests");
        assert_eq!(door.pick(probe_at), Some(Item::Alert(late)));
        door.put(now, 1_001, Item::Alert(late));
        door.sent();
        door.taken();
        for turn in 0..FAILURES_IN_ROW_MAX {
            let failed = Item::Retry(AlertKey(u128::from(turn)), 0);
            assert_eq!(door.pick(probe_at), Some(failed), "long before its time");
        }
        assert_eq!(door.pick(probe_at), Some(Item::Alert(late)));
        assert_eq!(door.next_at(), None, "nothing is left behind");
        // One that fails again waits for its time, or for the next mending: it blocks nobody.
        door.sent();
        door.failed(probe_at, None);
        door.put_back(far, 1, AlertKey(1));
        door.put(now, 1_002, Item::Alert(late));
        assert_eq!(door.pick(probe_at), Some(Item::Alert(late)));
        assert_eq!(door.pick(probe_at), None);
    }

    #[test]
    fn what_was_on_its_way_when_a_channel_broke_is_one_failure_and_not_many() {
        let now = Moment::from_secs(1_000);
        let mut door = Door::new(Arc::from("sms"));
        for _ in 0..SENDS_PER_CHANNEL_MAX {
            door.sent();
        }
        for _ in 0..SENDS_PER_CHANNEL_MAX {
            door.failed(now, None);
        }
        let first = backoff::probe_wait(&door.name, 1);
        assert_eq!(door.rest_until, now.after(first));
        door.sent();
        door.failed(now.after(first), None);
        let second = backoff::probe_wait(&door.name, 2);
        assert!(second > first);
        assert_eq!(door.rest_until, now.after(first).after(second));
    }
}
