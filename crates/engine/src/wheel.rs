//! The timetable: who is due when.
//!
//! A hashed wheel with doubly linked lists over dense indices: 8 bytes an entry, constant time to
//! put and to take out, whatever the interval. A heap would cost the same memory and a logarithm;
//! timers of a runtime cost 50 to 450 bytes each.

use model::Moment;

/// Width of a slot: 2^22 ns, about 4.2 ms. Fine enough for lateness, coarse enough that a wake-up
/// serves many.
const TICK_SHIFT: u32 = 22;
/// Slots; a power of two. With the tick about 69 s, so most intervals go round once at most.
const SLOTS: usize = 1 << 14;
const NONE: u32 = u32::MAX;

/// Entries `0..n`, each at most once, each with its due moment.
#[derive(Debug)]
pub(crate) struct Wheel {
    heads: Box<[u32]>,
    /// One bit a slot: does it hold anything?
    filled: Box<[u64]>,
    links: Vec<Links>,
    due: Vec<Moment>,
    /// Every slot before this tick has been emptied of what was due.
    cursor: u64,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Links {
    before: u32,
    after: u32,
}

impl Wheel {
    /// An empty wheel whose time begins at `now`.
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            heads: vec![NONE; SLOTS].into_boxed_slice(),
            filled: vec![0; SLOTS / 64].into_boxed_slice(),
            links: Vec::new(),
            due: Vec::new(),
            cursor: tick(now),
            count: 0,
        }
    }

    /// When `entry` is due; `None` when it is not in the timetable.
    pub(crate) fn due(&self, entry: u32) -> Option<Moment> {
        self.due.get(entry as usize).copied().filter(|it| *it != Moment::ZERO)
    }

    /// Puts `entry` at `due`, or moves it there.
    pub(crate) fn put(&mut self, entry: u32, due: Moment) {
        self.take(entry);
        let index = entry as usize;
        if self.links.len() <= index {
            self.links.resize(index + 1, Links { before: NONE, after: NONE });
            self.due.resize(index + 1, Moment::ZERO);
        }
        let due = due.max(Moment::from_nanos(1));
        let slot = slot_of(tick(due).max(self.cursor));
        let first = std::mem::replace(&mut self.heads[slot], entry);
        self.links[index] = Links { before: NONE, after: first };
        if first != NONE {
            self.links[first as usize].before = entry;
        }
        self.due[index] = due;
        self.filled[slot / 64] |= 1 << (slot % 64);
        self.count += 1;
    }

    /// Takes `entry` out, if it is in.
    pub(crate) fn take(&mut self, entry: u32) {
        let Some(due) = self.due(entry) else { return };
        let Links { before, after } = self.links[entry as usize];
        if after != NONE {
            self.links[after as usize].before = before;
        }
        if before == NONE {
            let slot = self.slot_holding(entry, due);
            self.heads[slot] = after;
            if after == NONE {
                self.filled[slot / 64] &= !(1 << (slot % 64));
            }
        } else {
            self.links[before as usize].after = after;
        }
        self.due[entry as usize] = Moment::ZERO;
        self.count -= 1;
    }

    /// The slot that `entry`, the first of its list, stands in: that of its due moment, or the one
    /// that the cursor was at when it was put there too late.
    fn slot_holding(&self, entry: u32, due: Moment) -> usize {
        let regular = slot_of(tick(due));
        if self.heads[regular] == entry {
            return regular;
        }
        (0..SLOTS).find(|slot| self.heads[*slot] == entry).unwrap_or(regular)
    }

    /// Takes out everything that is due at `now`, earliest first.
    pub(crate) fn pop_due(&mut self, now: Moment, into: &mut Vec<(Moment, u32)>) {
        into.clear();
        let last = tick(now).max(self.cursor);
        let slots = (last - self.cursor + 1).min(SLOTS as u64);
        for step in 0..slots {
            let slot = slot_of(last - step);
            let mut entry = self.heads[slot];
            while entry != NONE {
                let after = self.links[entry as usize].after;
                let due = self.due[entry as usize];
                if due <= now {
                    into.push((due, entry));
                }
                entry = after;
            }
        }
        for (_, entry) in &*into {
            self.take(*entry);
        }
        self.cursor = last;
        into.sort_unstable();
    }

    /// When to look again: never later than the earliest due moment, sometimes earlier.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        if self.count == 0 {
            return None;
        }
        let from = slot_of(self.cursor);
        let ahead = self.slots_to_filled(from)?;
        let slot_tick = self.cursor + ahead as u64;
        let mut entry = self.heads[slot_of(slot_tick)];
        let mut earliest: Option<Moment> = None;
        while entry != NONE {
            let due = self.due[entry as usize];
            earliest = Some(earliest.map_or(due, |it| it.min(due)));
            entry = self.links[entry as usize].after;
        }
        // Entries of a later round stand here too: then the end of the slot's own tick is the
        // time to look further.
        let end = Moment::from_nanos((slot_tick + 1) << TICK_SHIFT);
        earliest.map(|it| it.min(end))
    }

    /// How many slots from `from` on until one that holds something.
    fn slots_to_filled(&self, from: usize) -> Option<usize> {
        let words = self.filled.len();
        let first = self.filled[from / 64] >> (from % 64);
        if first != 0 {
            return Some(first.trailing_zeros() as usize);
        }
        (1..=words).find_map(|step| {
            let word = self.filled[(from / 64 + step) % words];
            let ahead = 64 * step - from % 64 + word.trailing_zeros() as usize;
            (word != 0).then_some(ahead.min(SLOTS))
        })
    }
}

fn tick(at: Moment) -> u64 {
    at.as_nanos() >> TICK_SHIFT
}

fn slot_of(tick: u64) -> usize {
    usize::try_from(tick % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Put(u32, u64),
        Take(u32),
        Advance(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let ms = prop_oneof![0_u64..50, 0_u64..5_000, 0_u64..400_000];
        let step = prop_oneof![
            4 => (0_u32..40, ms.clone()).prop_map(|(entry, ms)| Step::Put(entry, ms)),
            1 => (0_u32..40).prop_map(Step::Take),
            3 => ms.prop_map(Step::Advance),
        ];
        prop::collection::vec(step, 1..200)
    }

    proptest! {
        /// The wheel does what an ordered map does, and never oversleeps.
        #[test]
        fn it_is_an_ordered_map(steps in steps()) {
            let mut now = Moment::from_secs(1_000);
            let mut wheel = Wheel::new(now);
            let mut map: BTreeMap<u32, Moment> = BTreeMap::new();
            let mut popped = Vec::new();
            for step in steps {
                match step {
                    Step::Put(entry, ms) => {
                        let due = now.after(Duration::from_millis(ms)).before(Duration::from_millis(20));
                        wheel.put(entry, due);
                        map.insert(entry, due);
                    }
                    Step::Take(entry) => {
                        wheel.take(entry);
                        map.remove(&entry);
                    }
                    Step::Advance(ms) => {
                        now = now.after(Duration::from_millis(ms));
                        wheel.pop_due(now, &mut popped);
                        let mut expected: Vec<_> =
                            map.iter().filter(|it| *it.1 <= now).map(|it| (*it.1, *it.0)).collect();
                        expected.sort_unstable();
                        map.retain(|_, due| *due > now);
                        prop_assert_eq!(&popped, &expected);
                    }
                }
                let earliest = map.values().min().copied();
                prop_assert_eq!(wheel.next_wake().is_some(), earliest.is_some());
                if let (Some(wake), Some(earliest)) = (wheel.next_wake(), earliest) {
                    prop_assert!(wake <= earliest, "{wake} {earliest}");
                }
                for (entry, due) in &map {
                    prop_assert_eq!(wheel.due(*entry), Some(*due));
                }
            }
        }
    }

    #[test]
    fn it_gets_ahead_even_when_all_is_a_round_away() {
        let mut wheel = Wheel::new(Moment::from_secs(1_000));
        let due = Moment::from_secs(1_000)
            .after(Duration::from_nanos(1 << TICK_SHIFT) * (3 * SLOTS as u32 + 5));
        wheel.put(0, due);
        let mut popped = Vec::new();
        let mut wakes = 0;
        while popped.is_empty() {
            let wake = wheel.next_wake().unwrap();
            wheel.pop_due(wake, &mut popped);
            wakes += 1;
            assert!(wakes < 20, "the wheel stands still");
        }
        assert_eq!(popped, [(due, 0)]);
    }
}
