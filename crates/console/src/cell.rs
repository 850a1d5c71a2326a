//! What is shown of one checkable, as atomics.
//!
//! One shard writes, any number of scrapes read, nobody waits. Each value is whole by itself; that
//! a scrape may catch a new state with an old duration is the price, and harmless: the next scrape
//! has both.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use model::{
    Belief, CauseCode, CheckResult, Look, Measure, Moment, Reading, StateType, Status, Verdict,
};

use crate::texts::{ABSENT, Slot, Texts};

/// What is shown of one checkable.
#[derive(Debug)]
pub struct Cell {
    /// See [`Shown`].
    belief: AtomicU64,
    /// See [`Looked`].
    look: AtomicU64,
    /// When the last look began, in nanoseconds; 0: never.
    checked_at: AtomicU64,
    /// When the last conclusive look began, in nanoseconds; 0: never.
    conclusive_at: AtomicU64,
    /// Since when it is watched by this process, in nanoseconds.
    watched_since: u64,
    /// A slot for each measurement of its kind.
    measures: Box<[AtomicU64]>,
    texts: Arc<Texts>,
}

/// The believed part, in one word.
///
/// status 0..3, hard 3, flapping 4, known 5, attempt 8..16, hundredths of percent of state change
/// 16..32, cause 32..40 (0 none, else its code and one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) now: Look,
    pub(crate) flapping: bool,
    pub(crate) known: bool,
    pub(crate) centipercent: u16,
    pub(crate) cause: Option<CauseCode>,
}

/// The last look, in one word: duration of the last conclusive one in microseconds 0..48, was it
/// fine before thresholds 48, has there been one 49.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Looked {
    took_micros: u64,
    pub(crate) fine: bool,
    pub(crate) conclusive: bool,
}

const TOOK_MICROS_MAX: u64 = (1 << 48) - 1;

impl Cell {
    pub(crate) fn new(measures: usize, watched_since: Moment, texts: Arc<Texts>) -> Self {
        Self {
            belief: AtomicU64::new(0),
            look: AtomicU64::new(0),
            checked_at: AtomicU64::new(0),
            conclusive_at: AtomicU64::new(0),
            watched_since: watched_since.as_nanos(),
            measures: (0..measures).map(|_| AtomicU64::new(ABSENT)).collect(),
            texts,
        }
    }

    /// Shows `belief`, as the store had it or as it is now, and its percentage of state change in
    /// hundredths. Only the shard of the checkable may call this.
    pub fn believe(&self, belief: &Belief, centipercent: u16) {
        let shown = Shown {
            now: belief.now,
            flapping: belief.flapping,
            known: belief.known,
            centipercent,
            cause: belief.cause.as_ref().map(|it| it.code),
        };
        self.belief.store(shown.pack(), Relaxed);
    }

    /// Shows what a look brought home. A look that could not be made moves only the time of the
    /// last look. Only the shard of the checkable may call this.
    pub fn answered(&self, result: &CheckResult) {
        self.checked_at.store(result.started_at.as_nanos(), Relaxed);
        let Verdict::Seen { status, .. } = &result.verdict else { return };
        let took = u64::try_from(result.took.as_micros()).unwrap_or(u64::MAX);
        let look = Looked { took_micros: took, fine: status.is_fine(), conclusive: true };
        self.look.store(look.pack(), Relaxed);
        self.conclusive_at.store(result.started_at.as_nanos(), Relaxed);
        self.measured(&result.measures);
    }

    /// When the last look began; [`Moment::ZERO`] if there was none.
    #[must_use]
    pub fn checked_at(&self) -> Moment {
        Moment::from_nanos(self.checked_at.load(Relaxed))
    }

    /// When the last conclusive look began; [`Moment::ZERO`] if there was none.
    #[must_use]
    pub fn conclusive_at(&self) -> Moment {
        Moment::from_nanos(self.conclusive_at.load(Relaxed))
    }

    /// What is believed; `None` until anything is.
    #[must_use]
    pub fn look(&self) -> Option<Look> {
        Some(self.shown()).filter(|it| it.known).map(|it| it.now)
    }

    /// The cause of what is believed.
    #[must_use]
    pub fn cause(&self) -> Option<CauseCode> {
        self.shown().cause
    }

    pub(crate) fn watched_since(&self) -> Moment {
        Moment::from_nanos(self.watched_since)
    }

    pub(crate) fn shown(&self) -> Shown {
        Shown::unpack(self.belief.load(Relaxed))
    }

    pub(crate) fn looked(&self) -> Looked {
        Looked::unpack(self.look.load(Relaxed))
    }

    pub(crate) fn measure(&self, index: usize) -> Slot {
        self.measures.get(index).map_or(Slot::Absent, |it| Slot::of(it.load(Relaxed)))
    }

    pub(crate) fn measures_len(&self) -> usize {
        self.measures.len()
    }

    /// Every slot takes its new value; one that was not measured this time becomes empty.
    fn measured(&self, measures: &[Measure]) {
        for (index, slot) in self.measures.iter().enumerate() {
            let reading = measures.iter().find(|it| usize::from(it.index) == index);
            match reading.map(|it| &it.reading) {
                None => self.put(slot, ABSENT, None),
                Some(Reading::Number(number)) => self.put(slot, Slot::bits(*number), None),
                Some(Reading::Text(text)) => self.put(slot, self.texts.key(text), Some(text)),
            }
        }
    }

    /// The table of texts is touched only when the text of a slot changes.
    fn put(&self, slot: &AtomicU64, bits: u64, text: Option<&str>) {
        let old = slot.load(Relaxed);
        if old == bits {
            return;
        }
        if let Some(text) = text {
            self.texts.take(bits, text);
        }
        slot.store(bits, Relaxed);
        if let Slot::Text(key) = Slot::of(old) {
            self.texts.leave(key);
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        for slot in &self.measures {
            if let Slot::Text(key) = Slot::of(slot.load(Relaxed)) {
                self.texts.leave(key);
            }
        }
    }
}

impl Shown {
    fn pack(self) -> u64 {
        u64::from(self.now.status.number())
            | u64::from(self.now.kind == StateType::Hard) << 3
            | u64::from(self.flapping) << 4
            | u64::from(self.known) << 5
            | u64::from(self.now.attempt) << 8
            | u64::from(self.centipercent) << 16
            | self.cause.map_or(0, |it| it as u64 + 1) << 32
    }

    fn unpack(word: u64) -> Self {
        let byte = |at: u32| (word >> at & 0xff) as u8;
        let status = Status::from_number(byte(0) & 7).unwrap_or(Status::Unknown);
        let kind = if word >> 3 & 1 == 1 { StateType::Hard } else { StateType::Soft };
        Self {
            now: Look { status, kind, attempt: byte(8) },
            flapping: word >> 4 & 1 == 1,
            known: word >> 5 & 1 == 1,
            centipercent: (word >> 16 & 0xffff) as u16,
            cause: usize::from(byte(32))
                .checked_sub(1)
                .and_then(|it| CauseCode::ALL.get(it))
                .copied(),
        }
    }
}

impl Looked {
    /// How long the last conclusive look took.
    pub(crate) fn took_secs(self) -> f64 {
        self.took_micros as f64 / 1e6
    }

    fn pack(self) -> u64 {
        self.took_micros.min(TOOK_MICROS_MAX)
            | u64::from(self.fine) << 48
            | u64::from(self.conclusive) << 49
    }

    fn unpack(word: u64) -> Self {
        Self {
            took_micros: word & TOOK_MICROS_MAX,
            fine: word >> 48 & 1 == 1,
            conclusive: word >> 49 & 1 == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{Cause, CheckableId, RunId};

    use super::*;

    fn result(secs: u64, verdict: Verdict, measures: Vec<Measure>) -> CheckResult {
        CheckResult {
            checkable: CheckableId(0),
            run: RunId(1),
            started_at: Moment::from_secs(secs),
            took: Duration::from_millis(1_500),
            verdict,
            measures,
        }
    }

    fn text(index: u8, text: &str) -> Measure {
        Measure { index, reading: Reading::Text(text.into()) }
    }

    #[test]
    fn a_belief_comes_back_as_it_was_shown() {
        for (number, status) in Status::ALL.into_iter().enumerate() {
            for code in CauseCode::ALL.iter().copied().map(Some).chain([None]) {
                let shown = Shown {
                    now: Look { status, kind: StateType::Hard, attempt: 255 },
                    flapping: number % 2 == 0,
                    known: number % 3 == 0,
                    centipercent: 10_000 - number as u16,
                    cause: code,
                };
                assert_eq!(Shown::unpack(shown.pack()), shown);
            }
        }
    }

    #[test]
    fn a_look_that_could_not_be_made_leaves_what_was_seen() {
        let cell = Cell::new(1, Moment::ZERO, Arc::default());
        cell.answered(&result(10, Verdict::OK, vec![Measure::number(0, 4.5)]));
        cell.answered(&result(20, Cause::bare(CauseCode::Ports).into(), Vec::new()));
        assert_eq!(cell.checked_at(), Moment::from_secs(20));
        assert_eq!(cell.conclusive_at(), Moment::from_secs(10));
        assert!(cell.looked().fine);
        assert_eq!(cell.measure(0), Slot::Number(4.5));
    }

    #[test]
    fn what_was_not_measured_this_time_is_gone() {
        let cell = Cell::new(2, Moment::ZERO, Arc::default());
        cell.answered(&result(10, Verdict::OK, vec![Measure::number(1, 7.0)]));
        assert_eq!((cell.measure(0), cell.measure(1)), (Slot::Absent, Slot::Number(7.0)));
        cell.answered(&result(20, Cause::bare(CauseCode::Timeout).into(), Vec::new()));
        assert_eq!(cell.measure(1), Slot::Absent);
        assert_eq!(cell.measure(9), Slot::Absent, "an index that its kind does not have");
        assert!(!cell.looked().fine);
    }

    #[test]
    fn texts_are_left_behind_when_they_change_and_when_the_cell_goes() {
        let texts = Arc::new(Texts::default());
        let cell = Cell::new(1, Moment::ZERO, Arc::clone(&texts));
        for step in 0..100 {
            cell.answered(&result(step, Verdict::OK, vec![text(0, &format!("v{step}"))]));
            assert_eq!(texts.len(), 1);
        }
        cell.answered(&result(100, Verdict::OK, vec![Measure::number(0, 1.0)]));
        assert_eq!(texts.len(), 0);
        cell.answered(&result(101, Verdict::OK, vec![text(0, "last")]));
        drop(cell);
        assert_eq!(texts.len(), 0);
    }
}
