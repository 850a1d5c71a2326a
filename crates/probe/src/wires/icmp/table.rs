//! The outstanding probes of one socket, and the judgement of what comes back.
//!
//! Pure: `now` is an argument, the owner of a probe is a type parameter. A probe takes a slot, whose
//! number is its sequence on the wire; the slot is only an index, the stamp proves the match. A
//! slot that was answered may be used again at once, since a second copy of the answer carries the
//! old nonce. One that expired rests first: a late error of the network may quote so little of the
//! packet that the sequence is all there is.

use std::{
    collections::VecDeque,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::codec::{Opened, STAMP_BYTES, Seal, Stamp};

/// As many as a sequence has values.
pub(crate) const SLOTS_MAX: usize = 1 << 16;
/// An error of the network may come this long after the probe expired. A host that does not answer
/// to ARP is reported after three seconds.
const REST: Duration = Duration::from_secs(4);

/// Names one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) sequence: u16,
    nonce: u64,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) enum Judgement<T> {
    /// The answer to an outstanding probe, so many nanoseconds after it was sent.
    Answer(T, Duration),
    /// Ours, but after its time.
    Late,
    /// Ours, but answered already.
    Doubled,
    /// It pretends to be ours.
    Forged,
    /// Somebody else's.
    Foreign,
    /// Too short to be anything.
    Malformed,
}

#[derive(Debug)]
struct Slot<T> {
    owner: Option<T>,
    target: IpAddr,
    nonce: u64,
    expires_ns: u64,
    sent_ns: u64,
}

/// Outstanding probes, each with whom it belongs to.
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Slot<T>>,
    free: VecDeque<u16>,
    resting: VecDeque<(u64, u16)>,
    seal: Seal,
    opened_at: Instant,
    last_nonce: u64,
}

impl<T> Table<T> {
    /// An empty table that knows its own by `seal`.
    pub(crate) fn new(seal: Seal, now: Instant) -> Self {
        Self {
            slots: Vec::new(),
            free: VecDeque::new(),
            resting: VecDeque::new(),
            seal,
            opened_at: now,
            last_nonce: 0,
        }
    }

    /// How many slots there are, in use or not.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.slots.len()
    }

    /// Every probe that is not settled.
    #[cfg(test)]
    pub(crate) fn outstanding(&self) -> impl Iterator<Item = Key> {
        let taken = (0..=u16::MAX).zip(&self.slots).filter(|(_, slot)| slot.owner.is_some());
        taken.map(|(sequence, slot)| Key { sequence, nonce: slot.nonce })
    }

    fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.opened_at);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// A slot for a probe that expires at `expires_at`; `None` when all are taken.
    pub(crate) fn take(
        &mut self,
        owner: T,
        target: IpAddr,
        expires_at: Instant,
        now: Instant,
    ) -> Option<Key> {
        let sequence = self.free_slot(now)?;
        self.last_nonce += 1;
        let nonce = self.last_nonce;
        let expires_ns = self.nanos(expires_at);
        let slot = Slot { owner: Some(owner), target, nonce, expires_ns, sent_ns: 0 };
        match self.slots.get_mut(usize::from(sequence)) {
            Some(place) => *place = slot,
            None => self.slots.push(slot),
        }
        Some(Key { sequence, nonce })
    }

    /// A free slot, or the number of the next one to make.
    fn free_slot(&mut self, now: Instant) -> Option<u16> {
        let now_ns = self.nanos(now);
        while let Some((until_ns, sequence)) = self.resting.front().copied() {
            if until_ns > now_ns {
                break;
            }
            self.resting.pop_front();
            self.free.push_back(sequence);
        }
        let free = self.free.pop_front();
        free.or_else(|| u16::try_from(self.slots.len()).ok())
    }

    fn slot(&self, key: Key) -> Option<&Slot<T>> {
        let slot = self.slots.get(usize::from(key.sequence))?;
        (slot.nonce == key.nonce && slot.owner.is_some()).then_some(slot)
    }

    /// Whose probe this is and whither it goes; `None` once it is settled.
    pub(crate) fn owner(&self, key: Key) -> Option<(&T, IpAddr)> {
        let slot = self.slot(key)?;
        Some((slot.owner.as_ref()?, slot.target))
    }

    /// What the probe's payload begins with.
    pub(crate) fn stamp(&self, key: Key) -> Option<[u8; STAMP_BYTES]> {
        let slot = self.slot(key)?;
        let stamp = Stamp { nonce: slot.nonce, expires_ns: slot.expires_ns };
        Some(self.seal.stamp(slot.target, key.sequence, stamp))
    }

    /// Notes that the probe goes out now.
    pub(crate) fn sent(&mut self, key: Key, now: Instant) {
        let sent_ns = self.nanos(now);
        if self.slot(key).is_some() {
            self.slots[usize::from(key.sequence)].sent_ns = sent_ns;
        }
    }

    /// Gives up a probe that nobody waits for any more; gives back its owner.
    pub(crate) fn release(&mut self, key: Key, now: Instant) -> Option<T> {
        let until_ns = self.nanos(now + REST);
        self.slot(key)?;
        self.resting.push_back((until_ns, key.sequence));
        self.slots[usize::from(key.sequence)].owner.take()
    }

    /// Judges a reply that `source` sent and the kernel got at `arrived_at`.
    pub(crate) fn judge(
        &mut self,
        source: IpAddr,
        sequence: u16,
        payload: &[u8],
        arrived_at: Instant,
    ) -> Judgement<T> {
        let stamp = match self.seal.open(source, sequence, payload) {
            Opened::Ours(stamp) => stamp,
            Opened::Foreign => return Judgement::Foreign,
            Opened::Forged => return Judgement::Forged,
            Opened::Short => return Judgement::Malformed,
        };
        let arrived_ns = self.nanos(arrived_at);
        let key = Key { sequence, nonce: stamp.nonce };
        if arrived_ns > stamp.expires_ns {
            return Judgement::Late;
        }
        let Some(slot) = self.slot(key) else { return Judgement::Doubled };
        let took = Duration::from_nanos(arrived_ns.saturating_sub(slot.sent_ns));
        match self.slots[usize::from(sequence)].owner.take() {
            Some(owner) => {
                self.free.push_back(sequence);
                Judgement::Answer(owner, took)
            }
            None => Judgement::Doubled,
        }
    }

    /// Finds the outstanding probe that an error quotes, and whether the quote proves it: a short
    /// one holds no stamp and could be made by whoever guesses a sequence.
    pub(crate) fn quoted(
        &self,
        target: IpAddr,
        sequence: u16,
        payload: &[u8],
    ) -> Option<(Key, bool)> {
        let slot = self.slots.get(usize::from(sequence))?;
        if slot.owner.is_none() || slot.target != target {
            return None;
        }
        let key = Key { sequence, nonce: slot.nonce };
        match self.seal.open(target, sequence, payload) {
            Opened::Ours(stamp) => (stamp.nonce == slot.nonce).then_some((key, true)),
            Opened::Short => Some((key, false)),
            Opened::Foreign | Opened::Forged => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    struct Bench {
        table: Table<&'static str>,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let now = Instant::now();
            Self { table: Table::new(Seal::new(), now), now }
        }

        /// A probe that was sent just now and expires after a second; its payload, too.
        fn send(&mut self, owner: &'static str) -> (Key, [u8; STAMP_BYTES]) {
            let key = self.table.take(owner, address(1), self.now + SECOND, self.now).unwrap();
            self.table.sent(key, self.now);
            (key, self.table.stamp(key).unwrap())
        }

        fn judge(&mut self, key: Key, payload: &[u8], after: Duration) -> Judgement<&'static str> {
            self.table.judge(address(1), key.sequence, payload, self.now + after)
        }
    }

    #[test]
    fn the_first_answer_counts_and_the_second_is_doubled() {
        let mut bench = Bench::new();
        let (key, payload) = bench.send("a");
        assert_eq!(bench.judge(key, &payload, SECOND / 4), Judgement::Answer("a", SECOND / 4));
        assert_eq!(bench.judge(key, &payload, SECOND / 2), Judgement::Doubled);
        // Its slot serves another probe now; the old answer still is no answer to that one.
        let (next, _) = bench.send("b");
        assert_eq!(next.sequence, key.sequence);
        assert_eq!(bench.judge(key, &payload, SECOND / 2), Judgement::Doubled);
        assert!(bench.table.owner(next).is_some());
    }

    #[test]
    fn an_answer_after_its_time_is_late() {
        let mut bench = Bench::new();
        let (key, payload) = bench.send("a");
        assert_eq!(bench.judge(key, &payload, SECOND * 2), Judgement::Late);
        // Its look has not given up yet, and reads a reply that lay in the buffer since before.
        assert_eq!(bench.judge(key, &payload, SECOND), Judgement::Answer("a", SECOND));
        let (key, payload) = bench.send("b");
        assert_eq!(bench.table.release(key, bench.now + SECOND), Some("b"));
        assert_eq!(bench.judge(key, &payload, SECOND * 2), Judgement::Late);
    }

    #[test]
    fn only_the_target_can_answer() {
        let mut bench = Bench::new();
        let (key, payload) = bench.send("a");
        let arrived_at = bench.now;
        let judged = bench.table.judge(address(2), key.sequence, &payload, arrived_at);
        assert_eq!(judged, Judgement::Forged);
        let judged = bench.table.judge(address(1), key.sequence + 1, &payload, arrived_at);
        assert_eq!(judged, Judgement::Forged);
        assert_eq!(bench.judge(key, &[0; STAMP_BYTES], SECOND / 2), Judgement::Foreign);
        assert_eq!(bench.judge(key, &payload[..STAMP_BYTES - 1], SECOND / 2), Judgement::Malformed);
        assert!(bench.table.owner(key).is_some(), "none of these settled it");
    }

    #[test]
    fn an_expired_slot_rests_before_it_is_used_again() {
        let mut bench = Bench::new();
        let (key, _) = bench.send("a");
        bench.table.release(key, bench.now + SECOND);
        bench.now += SECOND;
        let (soon, _) = bench.send("b");
        assert_ne!(soon.sequence, key.sequence);
        bench.now += REST;
        let (later, _) = bench.send("c");
        assert_eq!(later.sequence, key.sequence);
        assert_eq!(bench.table.len(), 2);
    }

    #[test]
    fn all_slots_taken_is_said() {
        let mut bench = Bench::new();
        let keys: Vec<_> = (0..SLOTS_MAX).map(|_| bench.send("x").0).collect();
        let expires_at = bench.now + SECOND;
        assert_eq!(bench.table.take("y", address(1), expires_at, bench.now), None);
        bench.table.release(keys[77], bench.now);
        assert_eq!(bench.table.take("y", address(1), expires_at, bench.now), None, "it rests");
        let rested = bench.now + REST;
        let key = bench.table.take("y", address(1), rested + SECOND, rested).unwrap();
        assert_eq!(key.sequence, 77);
    }

    #[test]
    fn a_quote_must_name_an_outstanding_probe() {
        let mut bench = Bench::new();
        let (key, payload) = bench.send("a");
        let quoted = |table: &Table<_>, last, sequence, payload: &[u8]| {
            table.quoted(address(last), sequence, payload)
        };
        let sequence = key.sequence;
        assert_eq!(quoted(&bench.table, 1, sequence, &payload), Some((key, true)));
        assert_eq!(quoted(&bench.table, 1, sequence, &[]), Some((key, false)), "proves nothing");
        assert_eq!(quoted(&bench.table, 2, sequence, &payload), None, "another target");
        assert_eq!(quoted(&bench.table, 2, sequence, &[]), None, "another target");
        assert_eq!(quoted(&bench.table, 1, sequence + 1, &payload), None, "not in use");
        assert_eq!(quoted(&bench.table, 1, sequence, &[7; STAMP_BYTES]), None, "not ours");
        bench.table.release(key, bench.now);
        assert_eq!(quoted(&bench.table, 1, sequence, &payload), None, "nobody waits");
    }

    proptest! {
        /// Whatever comes in whatever order, each probe is answered at most once, by its own.
        #[test]
        fn each_probe_is_answered_at_most_once(
            replies in prop::collection::vec((0..8_usize, 0..8_u16, any::<bool>()), 0..64),
        ) {
            let mut bench = Bench::new();
            let sent: Vec<_> = (0..8).map(|_| bench.send("x")).collect();
            let mut answered = [0; 8];
            for (index, sequence, from_target) in replies {
                let source = address(if from_target { 1 } else { 2 });
                let arrived_at = bench.now;
                let judged = bench.table.judge(source, sequence, &sent[index].1, arrived_at);
                if let Judgement::Answer(..) = judged {
                    prop_assert!(from_target && sent[index].0.sequence == sequence);
                    answered[index] += 1;
                }
            }
            prop_assert!(answered.iter().all(|it| *it <= 1));
        }
    }
}
