//! Is it they or we? The guard against taking the loss of our own sight for an outage of everybody.
//!
//! Canaries stand for the world outside. While too few of them answer, bad news is held; once that
//! is believed, shards are told that they are blind and one problem of our own is opened. A wave of
//! new failures across customers is held for a while too, so that it is announced as a whole. The
//! guard may delay, never swallow.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use model::{CheckableId, Moment, StateType, Uplink};

/// How long one failure counts as new.
const WAVE_SPAN: Duration = Duration::from_secs(60);
/// A wave has at least so many hosts …
const WAVE_HOSTS_MIN: usize = 20;
/// … and at least so many percent of all …
const WAVE_PERCENT: usize = 15;
/// … at no fewer customers than this.
const WAVE_CUSTOMERS_MIN: usize = 3;
/// How long bad news is held while a wave builds up.
pub(crate) const WAVE_HOLD: Duration = Duration::from_secs(45);
/// Nothing is held longer than this, whatever is unclear.
pub(crate) const HOLD_MAX: Duration = Duration::from_secs(120);

/// When so many hosts fail at once the canaries are looked at out of turn …
const DOUBT_HOSTS_MIN: usize = 3;
/// … again and again while more follow …
const CANARIES_ASKED_EVERY: Duration = Duration::from_secs(2);
/// … and heard before anybody is told: two looks of two seconds at the most, a second apart.
const CANARIES_HEARD_WITHIN: Duration = Duration::from_secs(6);

/// Can we see out?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Yes.
    #[default]
    Good,
    /// Too few canaries answer; not believed yet.
    Suspect {
        /// Nothing is held beyond this moment for that alone.
        until: Moment,
    },
    /// No.
    Blind,
}

/// What has come of a change of the canaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing.
    None,
    /// We cannot see out.
    WentBlind,
    /// We can again.
    SeesAgain,
    /// It was nothing: what was held for it need not be.
    Cleared,
}

/// What the guard knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    canaries: BTreeMap<CheckableId, (bool, StateType)>,
    needed: usize,
    sight: Sight,
    /// When they were last asked out of turn.
    asked_at: Option<Moment>,
    /// Hosts that have begun to fail within [`WAVE_SPAN`], each once, in the order in which they did.
    wave: VecDeque<(Moment, CheckableId, Arc<str>)>,
    in_wave: BTreeSet<CheckableId>,
    /// How many of them each customer has.
    of_customer: BTreeMap<Arc<str>, usize>,
}

impl Guard {
    /// Who the canaries are. What is known of those that stay stays.
    pub(crate) fn configure(&mut self, uplink: &Uplink, ids: impl Iterator<Item = CheckableId>) {
        let before = std::mem::take(&mut self.canaries);
        self.canaries = ids
            .map(|it| (it, before.get(&it).copied().unwrap_or((true, StateType::Hard))))
            .collect();
        self.needed = (uplink.needed as usize).min(self.canaries.len());
    }

    pub(crate) fn is_canary(&self, id: CheckableId) -> bool {
        self.canaries.contains_key(&id)
    }

    pub(crate) fn is_blind(&self) -> bool {
        self.sight == Sight::Blind
    }

    /// Is it not certain that we see out?
    pub(crate) fn doubts(&self) -> bool {
        self.sight != Sight::Good
    }

    /// All canaries.
    pub(crate) fn ids(&self) -> impl Iterator<Item = CheckableId> {
        self.canaries.keys().copied()
    }

    /// How many canaries answer, of how many.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.canaries.values().filter(|it| it.0).count(), self.canaries.len())
    }

    /// An earlier process could not see: so it stays until canaries say otherwise.
    pub(crate) fn stay_blind(&mut self) {
        self.sight = Sight::Blind;
    }

    /// What is believed of a canary at the start. Nothing follows from one alone.
    pub(crate) fn recall(&mut self, id: CheckableId, fine: bool, kind: StateType) {
        if let Some(known) = self.canaries.get_mut(&id) {
            *known = (fine, kind);
        }
    }

    /// A canary's belief changed.
    pub(crate) fn canary(
        &mut self,
        now: Moment,
        id: CheckableId,
        fine: bool,
        kind: StateType,
    ) -> Turn {
        let Some(known) = self.canaries.get_mut(&id) else { return Turn::None };
        *known = (fine, kind);
        self.review(now)
    }

    /// What follows from all canaries as they are, and from how many are needed.
    pub(crate) fn review(&mut self, now: Moment) -> Turn {
        let fine = self.canaries.values().filter(|it| it.0).count();
        let not_believed_bad =
            self.canaries.values().filter(|it| it.0 || it.1 == StateType::Soft).count();
        match self.sight {
            Sight::Blind if fine >= self.needed => {
                self.sight = Sight::Good;
                Turn::SeesAgain
            }
            Sight::Blind => Turn::None,
            _ if not_believed_bad < self.needed => {
                self.sight = Sight::Blind;
                Turn::WentBlind
            }
            Sight::Good if fine < self.needed => {
                self.sight = Sight::Suspect { until: now.after(HOLD_MAX) };
                Turn::None
            }
            Sight::Suspect { .. } if fine >= self.needed => {
                self.sight = Sight::Good;
                Turn::Cleared
            }
            _ => Turn::None,
        }
    }

    /// A host fails.
    pub(crate) fn failing(&mut self, now: Moment, id: CheckableId, customer: &Arc<str>) {
        while self.wave.front().is_some_and(|it| now.since(it.0) > WAVE_SPAN)
            && let Some((_, gone, customer)) = self.wave.pop_front()
        {
            self.in_wave.remove(&gone);
            if let Some(count) = self.of_customer.get_mut(&customer) {
                *count -= 1;
                if *count == 0 {
                    self.of_customer.remove(&customer);
                }
            }
        }
        if self.in_wave.insert(id) {
            self.wave.push_back((now, id, Arc::clone(customer)));
            *self.of_customer.entry(Arc::clone(customer)).or_default() += 1;
        }
    }

    /// Whom to look at now, if it may be that we do not see out any more: the canaries' own turn
    /// could come later than the bad news of everybody else.
    pub(crate) fn due_for_a_look(&mut self, now: Moment) -> Vec<CheckableId> {
        let lately = self.asked_at.is_some_and(|it| now.since(it) < CANARIES_ASKED_EVERY);
        if lately || self.sight != Sight::Good || self.wave.len() < DOUBT_HOSTS_MIN {
            return Vec::new();
        }
        self.asked_at = Some(now);
        self.canaries.keys().copied().collect()
    }

    /// Until when nobody can be told, because the canaries have not been heard yet or do not answer.
    pub(crate) fn in_doubt_until(&self, now: Moment) -> Option<Moment> {
        let until = match self.sight {
            Sight::Suspect { until } => until,
            _ if self.canaries.is_empty() => return None,
            _ => self.asked_at?.after(CANARIES_HEARD_WITHIN),
        };
        (now < until).then_some(until)
    }

    /// Until when bad news is held, if it is.
    pub(crate) fn holds(&self, now: Moment, hosts: usize) -> Option<Moment> {
        let in_doubt = self.in_doubt_until(now);
        let is_wave = self.wave.len() >= WAVE_HOSTS_MIN.max(hosts * WAVE_PERCENT / 100)
            && self.of_customer.len() >= WAVE_CUSTOMERS_MIN;
        in_doubt.max(is_wave.then(|| now.after(WAVE_HOLD)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_counts_hosts_and_not_attempts_and_needs_several_customers() {
        let at = |secs: u64| Moment::from_secs(1_000 + secs);
        let customers = ["a", "b", "c"].map(Arc::<str>::from);
        let mut guard = Guard::default();
        for attempt in 0..3 {
            for host in 0..19 {
                guard.failing(at(attempt), CheckableId(host), &customers[host as usize % 3]);
            }
        }
        assert_eq!(guard.holds(at(3), 100), None, "19 hosts, three attempts each");
        guard.failing(at(4), CheckableId(19), &customers[0]);
        assert_eq!(guard.holds(at(4), 100), Some(at(4).after(WAVE_HOLD)));
        assert_eq!(guard.holds(at(4), 1_000), None, "20 of 1,000 are no wave");
        assert!(guard.due_for_a_look(at(4)).is_empty(), "there is no canary");
        let mut one = Guard::default();
        (0..50).for_each(|host| one.failing(at(0), CheckableId(host), &customers[0]));
        assert_eq!(one.holds(at(1), 100), None, "one customer's trouble is its own");
        guard.failing(at(70), CheckableId(30), &customers[0]);
        assert_eq!(guard.holds(at(70), 20), None, "the others are long ago");
    }

    #[test]
    fn canaries_are_heard_before_several_hosts_are_told_of() {
        let at = |secs: u64| Moment::from_secs(1_000 + secs);
        let (customer, canary) = (Arc::<str>::from("a"), CheckableId(99));
        let mut guard = Guard::default();
        guard.configure(&Uplink { needed: 1, ..Uplink::default() }, [canary].into_iter());
        for host in 0..2 {
            guard.failing(at(0), CheckableId(host), &customer);
            assert!(guard.due_for_a_look(at(0)).is_empty(), "one or two hosts wait for nothing");
            assert_eq!(guard.holds(at(0), 10), None);
        }
        guard.failing(at(1), CheckableId(2), &customer);
        assert_eq!(guard.due_for_a_look(at(1)), [canary]);
        assert_eq!(guard.holds(at(1), 10), Some(at(7)));
        assert!(guard.due_for_a_look(at(2)).is_empty(), "it has just been asked");
        assert_eq!(guard.due_for_a_look(at(3)), [canary]);
        assert_eq!(guard.holds(at(4), 10), Some(at(9)));
        assert_eq!(guard.holds(at(9), 10), None, "they had their time");
        guard.canary(at(10), canary, false, StateType::Soft);
        assert_eq!(guard.in_doubt_until(at(10)), Some(at(10).after(HOLD_MAX)));
        assert!(guard.due_for_a_look(at(20)).is_empty(), "it is being looked at already");
    }
}
