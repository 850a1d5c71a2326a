//! One shard: a slice of all checkables, owned by one thread. Its timetable says who is asked when,
//! its beliefs what the answers mean.
//!
//! The two halves meet only at the result: [`Shard::wake`] starts runs, [`Input::Answered`] feeds
//! beliefs, and the run number is the fence between them. An answer must *take* the run it
//! answers; so a doubled, late or foreign one finds nothing to take.

use std::{collections::VecDeque, time::Duration};

use model::{
    Age, Belief, Cause, CauseCode, Check, CheckResult, CheckableId, FromShard, Measure, Moment,
    Period, Profile, RunId, SkipReason, StateType, Status, ToShard, Transition, Verdict,
};

use crate::{
    belief::{self, HostView, Subject},
    judge,
    slot::{Awaited, Held, Slot, Spec, Wish},
    timetable,
    wheel::Wheel,
};

/// A run that has not answered this long after its deadline never will.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// A host's hard verdict waits at most this long for word about its parents.
const PARENTS_WAIT_MAX: Duration = Duration::from_secs(30);
/// How many waiting runs are looked through for one that may start, when a place becomes free.
const WAITING_SCAN_MAX: usize = 64;

/// How much a shard may have under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Runs under way at once.
    pub in_flight_max: u32,
    /// Runs under way at once at one host.
    pub in_flight_per_host_max: u16,
}

/// What a driver may tell a shard.
#[derive(Clone, Debug)]
pub enum Input {
    /// A run came back.
    Answered(CheckResult),
    /// A result came from outside, without a run of ours.
    Reported {
        /// Whose.
        checkable: CheckableId,
        /// What was seen.
        verdict: Verdict,
    },
    /// A result that an engine has judged before, as its store kept it: it is judged again in the
    /// same way, thresholds included, and takes no run.
    Recorded(CheckResult),
    /// The desk speaks.
    Desk(ToShard),
}

impl Input {
    /// Whom it is about; nobody else's belief can change by it.
    fn checkable(&self) -> Option<CheckableId> {
        match self {
            Self::Answered(result) | Self::Recorded(result) => Some(result.checkable),
            Self::Reported { checkable, .. }
            | Self::Desk(
                ToShard::CheckNow { checkable }
                | ToShard::Rest { checkable, .. }
                | ToShard::Watch { checkable, .. },
            ) => Some(*checkable),
            Self::Desk(ToShard::Parents { host, .. }) => Some(*host),
            Self::Desk(ToShard::Blind { .. }) => None,
        }
    }
}

/// What a shard asks of its driver. Carrying one out cannot fail *here*.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Look, and answer with the same run.
    Probe {
        /// At what.
        checkable: CheckableId,
        /// Names the run.
        run: RunId,
        /// When it should have started; the rest is lateness.
        due_at: Moment,
    },
    /// Tell the desk. The number counts from 1 without gaps in each life of the shard.
    Tell(u64, FromShard),
    /// The belief is another one than before: store it. Comes after everything that the same input
    /// caused, so one look at [`Shard::belief`] is enough.
    Remember(CheckableId),
    /// A run that was due did not take place.
    Skipped(CheckableId, SkipReason),
    /// A run was given up: its answer never came.
    Lost(CheckableId),
}

/// A checkable as the outside may see it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What is believed.
    pub belief: &'a Belief,
    /// Percent of state change, in hundredths.
    pub centipercent: u16,
    /// Start of the last run that ended; [`Moment::ZERO`] if none.
    pub last_at: Moment,
    /// Start of the last conclusive run; [`Moment::ZERO`] if none.
    pub conclusive_at: Moment,
    /// Fresh, stale, or not looked at yet.
    pub age: Age,
}

/// What a look says once thresholds have been held against it.
#[derive(Debug)]
struct Conclusion {
    status: Status,
    cause: Option<Cause>,
    /// Travels with the change, if there is one; nobody keeps it otherwise.
    measures: Vec<Measure>,
}

/// A slice of the plan with everything believed about it.
#[derive(Debug)]
pub struct Shard {
    shards: u32,
    number: u32,
    limits: Limits,
    slots: Vec<Option<Slot>>,
    wheel: Wheel,
    /// Runs that are due and find no free place; each slot at most once.
    waiting: VecDeque<u32>,
    in_flight: u32,
    runs: u64,
    told: u64,
    due: Vec<(Moment, u32)>,
    /// We ourselves cannot see out: bad news says nothing about anybody else.
    blind: bool,
    /// Has the last answer been judged?
    concluded: bool,
}

impl Shard {
    /// Shard `number` of `shards`, still without checkables.
    #[must_use]
    pub fn new(number: u32, shards: u32, limits: Limits, now: Moment) -> Self {
        assert!(number < shards, "a shard number is below the number of shards");
        Self {
            shards,
            number,
            limits,
            slots: Vec::new(),
            wheel: Wheel::new(now),
            waiting: VecDeque::new(),
            in_flight: 0,
            runs: 0,
            told: 0,
            due: Vec::new(),
            blind: false,
            concluded: false,
        }
    }

    // What is there.

    /// When [`Shard::wake`] wants to be called next; `None` when nothing is to be asked.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        self.wheel.next_wake()
    }

    /// Runs under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Runs that are due and wait for a free place.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What is believed about `checkable`; `None` if it is not here.
    #[must_use]
    pub fn belief(&self, checkable: CheckableId) -> Option<&Belief> {
        self.slot(checkable).map(|it| &it.belief)
    }

    /// The thresholds of `checkable`; `None` if it is not here or has no check.
    #[must_use]
    pub fn rules(&self, checkable: CheckableId) -> Option<&[model::Rule]> {
        self.slot(checkable)?.spec.check.as_ref().map(|it| &*it.rules)
    }

    /// `checkable` as the outside may see it.
    #[must_use]
    pub fn view(&self, checkable: CheckableId, now: Moment) -> Option<View<'_>> {
        let slot = self.slot(checkable)?;
        let profile = slot.spec.check.as_ref().map(|it| it.profile).unwrap_or_default();
        Some(View {
            belief: &slot.belief,
            centipercent: belief::centipercent(&slot.belief, profile),
            last_at: slot.last_at,
            conclusive_at: slot.conclusive_at,
            age: slot.age(now),
        })
    }

    /// Is `result` the answer to a run that is under way? Any other will be dropped.
    #[must_use]
    pub fn awaits(&self, result: &CheckResult) -> bool {
        let awaited = self.slot(result.checkable).and_then(|it| it.awaited);
        awaited.is_some_and(|it| it.run == result.run)
    }

    /// Has the last [`Input::Answered`] been judged? One that was asked for out of turn may come too
    /// soon to count, and bad news is not believed while we cannot see out.
    #[must_use]
    pub fn has_judged(&self) -> bool {
        self.concluded
    }

    /// When `checkable` is asked next; `None` if it is not.
    #[must_use]
    pub fn due(&self, checkable: CheckableId) -> Option<Moment> {
        self.slot(checkable)?;
        self.wheel.due(self.local(checkable))
    }

    // What changes the plan.

    /// Changes how much may be under way.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Adds a checkable, or gives one that is here another definition. What is believed stays; the
    /// place in time stays while interval and phase do. `restored` is what an earlier process
    /// believed about a new one.
    pub fn put(&mut self, now: Moment, id: CheckableId, spec: Spec, restored: Option<Belief>) {
        debug_assert_eq!(id.shard(self.shards), self.number, "a checkable of another shard");
        let local = self.local(id);
        if self.slots.len() <= local as usize {
            self.slots.resize_with(local as usize + 1, || None);
        }
        match self.slots[local as usize].take() {
            Some(slot) if slot.spec == spec => {
                self.slots[local as usize] = Some(slot);
                return;
            }
            Some(slot) => self.redefine(local, slot, spec, now),
            None => {
                let profile = spec.check.as_ref().map(|it| it.profile).unwrap_or_default();
                let restored = restored.map(|it| not_after(now, it));
                let belief =
                    restored.unwrap_or_else(|| belief::initial(profile, spec.of_host, now));
                let mut slot = Slot::new(spec, belief, now);
                fit(&mut slot, now);
                self.slots[local as usize] = Some(slot);
            }
        }
        self.schedule_first(local, now);
    }

    fn redefine(&mut self, local: u32, mut slot: Slot, spec: Spec, now: Moment) {
        let mut old = std::mem::replace(&mut slot.spec, spec);
        if old.definition != slot.spec.definition || old.host != slot.spec.host {
            if slot.awaited.take().is_some() {
                self.in_flight -= 1;
                self.count_at_host(old.host.take(), -1, &mut slot);
            }
            slot.wish = Wish::None;
            slot.held = None;
            slot.question_at = None;
        }
        let rules = |spec: &Spec| spec.check.as_ref().map(|it| it.rules.clone());
        if rules(&old) != rules(&slot.spec) {
            slot.belief.thresholds.clear();
        }
        if !slot.spec.has_parents {
            slot.parents_up = true;
            slot.question_at = None;
        }
        if old.check.is_none() {
            slot.watched_since = now;
        }
        fit(&mut slot, now);
        self.slots[local as usize] = Some(slot);
    }

    /// Forgets a checkable. The answer to a run that is under way will find nobody.
    pub fn remove(&mut self, id: CheckableId) {
        let local = self.local(id);
        let Some(mut slot) = self.slots.get_mut(local as usize).and_then(Option::take) else {
            return;
        };
        if slot.awaited.is_some() {
            self.in_flight -= 1;
            self.count_at_host(slot.spec.host, -1, &mut slot);
        }
        self.wheel.take(local);
        if slot.waiting_since.is_some() {
            self.waiting.retain(|it| *it != local);
        }
    }

    // What happens.

    /// Starts everything that is due.
    pub fn wake(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.pop_due(now, &mut due);
        for (at, local) in &due {
            self.turn(now, *at, *local, effects);
        }
        self.due = due;
        self.start_waiting(now, effects);
    }

    /// Takes in one input.
    pub fn handle(&mut self, now: Moment, input: Input, effects: &mut Vec<Effect>) {
        let Some(checkable) = input.checkable() else {
            return self.take_in(now, input, effects);
        };
        let before = self.belief(checkable).map(fingerprint);
        self.take_in(now, input, effects);
        if before != self.belief(checkable).map(fingerprint) {
            effects.push(Effect::Remember(checkable));
        }
    }

    fn take_in(&mut self, now: Moment, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Answered(result) => {
                self.answered(now, result, effects);
                self.start_waiting(now, effects);
            }
            Input::Reported { checkable, verdict } => {
                let local = self.local(checkable);
                if let Verdict::Seen { status, cause } = verdict
                    && self.slot(checkable).is_some_and(|it| it.spec.check.is_some())
                {
                    let seen = Conclusion { status, cause, measures: Vec::new() };
                    self.conclude(now, now, local, seen, effects);
                }
            }
            Input::Recorded(result) => {
                let local = self.local(result.checkable);
                if let Verdict::Seen { status, cause } = result.verdict
                    && self.slot(result.checkable).is_some_and(|it| it.spec.check.is_some())
                {
                    let (status, cause) = self.judged(local, now, status, cause, &result.measures);
                    let seen = Conclusion { status, cause, measures: result.measures };
                    self.conclude(now, result.started_at, local, seen, effects);
                }
            }
            Input::Desk(ToShard::CheckNow { checkable }) => self.look_now(now, checkable, effects),
            Input::Desk(ToShard::Parents { host, any_up, answer }) => {
                self.parents(now, host, any_up, answer, effects);
            }
            Input::Desk(ToShard::Rest { checkable, resting }) => {
                if let Some(slot) = self.slot_mut(checkable) {
                    slot.resting = resting;
                }
            }
            Input::Desk(ToShard::Watch { checkable, watching }) => {
                if let Some(slot) = self.slot_mut(checkable) {
                    slot.watched = watching;
                }
            }
            Input::Desk(ToShard::Blind { blind }) => self.blind = blind,
        }
    }

    /// The turn of a checkable has come.
    fn turn(&mut self, now: Moment, due_at: Moment, local: u32, effects: &mut Vec<Effect>) {
        let id = self.id(local);
        let Some(slot) = &mut self.slots[local as usize] else { return };
        let Some(check) = slot.spec.check.clone() else { return };
        if let Some(period) = &check.period
            && !period.is_open(now)
        {
            effects.push(Effect::Skipped(id, SkipReason::Period));
            self.schedule_regular(local, now);
            return;
        }
        if slot.resting {
            effects.push(Effect::Skipped(id, SkipReason::Maintenance));
            self.schedule_regular(local, now);
            return;
        }
        if now.since(due_at) > check.every {
            // Its next place in phase is near, and not shared with everybody who was missed.
            effects.push(Effect::Skipped(id, SkipReason::Stall));
            self.schedule_first(local, now);
            return;
        }
        let lost = |it: Awaited| now > it.started_at.after(check.timeout).after(LOST_AFTER);
        match slot.awaited {
            Some(awaited) if lost(awaited) => {
                slot.awaited = None;
                slot.wish = Wish::None;
                self.ended(local);
                effects.push(Effect::Lost(id));
            }
            Some(_) => {
                effects.push(Effect::Skipped(id, SkipReason::Overrun));
                self.schedule_regular(local, now);
                return;
            }
            None => {}
        }
        self.schedule_regular(local, now);
        self.start_or_wait(now, due_at, local, false, effects);
    }

    /// Starts a run if there is a place for it, else lets it wait.
    fn start_or_wait(
        &mut self,
        now: Moment,
        due_at: Moment,
        local: u32,
        on_demand: bool,
        effects: &mut Vec<Effect>,
    ) {
        let id = self.id(local);
        if self.may_start(local) {
            self.start(now, due_at, local, on_demand, effects);
            return;
        }
        let Some(slot) = &mut self.slots[local as usize] else { return };
        slot.waits_on_demand = on_demand;
        if slot.waiting_since.replace(due_at).is_none() {
            self.waiting.push_back(local);
        } else {
            effects.push(Effect::Skipped(id, SkipReason::Limit));
        }
    }

    fn may_start(&self, local: u32) -> bool {
        let host = self.slots[local as usize].as_ref().and_then(|it| it.spec.host);
        let host = host.map_or(local, |it| self.local(it));
        let there = self.slots.get(host as usize).and_then(Option::as_ref);
        self.in_flight < self.limits.in_flight_max
            && there.is_none_or(|it| it.in_flight < self.limits.in_flight_per_host_max)
    }

    fn start(
        &mut self,
        now: Moment,
        due_at: Moment,
        local: u32,
        on_demand: bool,
        effects: &mut Vec<Effect>,
    ) {
        let checkable = self.id(local);
        let Some(slot) = &mut self.slots[local as usize] else { return };
        debug_assert!(slot.awaited.is_none(), "one run in flight for each checkable");
        self.runs += 1;
        let run = RunId(self.runs);
        slot.awaited = Some(Awaited { run, started_at: now, on_demand });
        slot.waiting_since = None;
        self.in_flight += 1;
        let host = slot.spec.host.map_or(local, |it| it.local(self.shards) as u32);
        if let Some(host) = self.slots.get_mut(host as usize).and_then(Option::as_mut) {
            host.in_flight += 1;
        }
        effects.push(Effect::Probe { checkable, run, due_at });
    }

    /// Gives free places to those who wait, in the order in which they came.
    fn start_waiting(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let scan = self.waiting.len().min(WAITING_SCAN_MAX);
        for _ in 0..scan {
            if self.in_flight >= self.limits.in_flight_max {
                return;
            }
            let Some(local) = self.waiting.pop_front() else { return };
            let Some(slot) = &mut self.slots[local as usize] else { continue };
            let Some(due_at) = slot.waiting_since else { continue };
            let on_demand = slot.waits_on_demand;
            let period = slot.spec.check.as_ref().map(|it| it.period.as_deref());
            let is_open = |it: Option<&Period>| it.is_none_or(|it| it.is_open(now));
            if slot.awaited.is_some() || period.is_none() {
                slot.waiting_since = None;
            } else if !period.is_some_and(is_open) {
                slot.waiting_since = None;
                let id = self.id(local);
                effects.push(Effect::Skipped(id, SkipReason::Period));
            } else if self.may_start(local) {
                self.start(now, due_at, local, on_demand, effects);
            } else {
                self.waiting.push_back(local);
            }
        }
    }

    /// Is bad news about it news at all? Not while we cannot see out, but for those that tell us so.
    fn may_be_believed(&self, local: u32) -> bool {
        let slot = self.slots.get(local as usize).and_then(Option::as_ref);
        !self.blind || slot.is_some_and(|it| it.spec.canary)
    }

    fn answered(&mut self, now: Moment, result: CheckResult, effects: &mut Vec<Effect>) {
        let local = self.local(result.checkable);
        let Some(slot) = self.slots.get_mut(local as usize).and_then(Option::as_mut) else {
            return;
        };
        let Some(awaited) = slot.awaited.take_if(|it| it.run == result.run) else {
            return; // An answer to a question nobody asks any more.
        };
        slot.last_at = awaited.started_at;
        let wish = std::mem::replace(&mut slot.wish, Wish::None);
        self.concluded = false;
        self.ended(local);
        let started_at = awaited.started_at;
        let mut counted = !awaited.on_demand;
        if let Verdict::Seen { status, cause } = result.verdict
            && (status.is_fine() || self.may_be_believed(local))
        {
            let (status, cause) = self.judged(local, now, status, cause, &result.measures);
            counted = self.counts(local, now, awaited, status);
            if counted {
                self.concluded = true;
                let seen = Conclusion { status, cause, measures: result.measures };
                self.conclude(now, started_at, local, seen, effects);
            }
        }
        if counted {
            self.schedule_after(local, now, started_at);
        } else {
            self.schedule_overdue(local, now);
        }
        if wish == Wish::Asked {
            let slot = self.slots[local as usize].as_ref();
            let up = slot.is_some_and(|it| it.belief.now.status.is_fine());
            let checkable = result.checkable;
            self.tell(FromShard::Looked { checkable, at: started_at, up }, effects);
        }
    }

    /// What the thresholds make of a look.
    fn judged(
        &mut self,
        local: u32,
        now: Moment,
        status: Status,
        cause: Option<Cause>,
        measures: &[Measure],
    ) -> (Status, Option<Cause>) {
        let Some(slot) = &mut self.slots[local as usize] else { return (status, cause) };
        let Some(check) = &slot.spec.check else { return (status, cause) };
        if status.severity() >= Status::Critical.severity() {
            return (status, cause); // Nothing was measured that could make it worse.
        }
        match judge(&check.rules, &mut slot.belief.thresholds, measures, now) {
            Some((worse, why)) if worse.severity() > status.severity() => (worse, Some(why)),
            _ => (status, cause),
        }
    }

    /// May this answer count? One that was asked for out of turn must not hurry the attempts.
    fn counts(&self, local: u32, now: Moment, awaited: Awaited, status: Status) -> bool {
        let Some(slot) = &self.slots[local as usize] else { return false };
        let Some(check) = &slot.spec.check else { return false };
        let hurries = awaited.on_demand && slot.is_retrying() && is_bad(slot.spec.of_host, status);
        !hurries || now.since(slot.belief.attempt_at) >= check.retry_every
    }

    /// Takes a conclusive status into the belief.
    fn conclude(
        &mut self,
        now: Moment,
        started_at: Moment,
        local: u32,
        seen: Conclusion,
        effects: &mut Vec<Effect>,
    ) {
        let Some(slot) = &mut self.slots[local as usize] else { return };
        slot.conclusive_at = started_at;
        slot.last_at = slot.last_at.max(started_at);
        if is_bad(slot.spec.of_host, seen.status) {
            // A restart or a reload may come between the first bad answer and the last.
            let unasked = slot.belief.now.status.is_fine()
                || slot.is_retrying() && !slot.has_asked_about_parents;
            if unasked && slot.held.is_none() && slot.spec.has_parents {
                slot.question_at = Some(now);
                slot.has_asked_about_parents = true;
                let host = self.id(local);
                self.tell(FromShard::AreParentsUp { host, at: started_at }, effects);
            }
            if self.must_wait_for_parents(local, now) {
                let held = Held { raw: seen.status, cause: seen.cause };
                if let Some(slot) = &mut self.slots[local as usize] {
                    slot.held = Some(Box::new(held));
                }
                return;
            }
        }
        self.observe(now, local, seen, effects);
    }

    /// Would the next bad result be believed, while word about the parents is still out?
    fn must_wait_for_parents(&mut self, local: u32, now: Moment) -> bool {
        let Some(slot) = &mut self.slots[local as usize] else { return false };
        let Some(asked_at) = slot.question_at else { return false };
        if now.since(asked_at) > PARENTS_WAIT_MAX {
            slot.question_at = None;
            return false;
        }
        let look = slot.belief.now;
        let max = slot.spec.check.as_ref().map_or(1, |it| it.attempts_max);
        let next = if look.status.is_fine() { 1 } else { look.attempt.saturating_add(1) };
        (look.status.is_fine() || look.kind == StateType::Soft) && next >= max
    }

    fn observe(&mut self, now: Moment, local: u32, seen: Conclusion, effects: &mut Vec<Effect>) {
        let Conclusion { status, cause, mut measures } = seen;
        let host = self.host_view(local);
        if let Some(slot) = &mut self.slots[local as usize] {
            slot.held = None;
            if !is_bad(slot.spec.of_host, status) {
                slot.question_at = None;
                slot.has_asked_about_parents = false;
            }
        }
        self.change(local, effects, |belief, subject| {
            let subject = Subject { host, ..*subject };
            let mut transition = belief::observe(belief, &subject, now, status, cause)?;
            measures.truncate(Transition::MEASURES_MAX);
            transition.measures = measures;
            Some(transition)
        });
        let watched = self.slots[local as usize].as_ref().filter(|it| it.watched);
        if let Some(look) = watched.map(|it| it.belief.now) {
            let checkable = self.id(local);
            self.tell(FromShard::Seen { checkable, at: now, now: look }, effects);
        }
    }

    /// Lets `event` work on the belief of `local`, and tells of the transition that came of it.
    fn change(
        &mut self,
        local: u32,
        effects: &mut Vec<Effect>,
        event: impl FnOnce(&mut Belief, &Subject<'_>) -> Option<Transition>,
    ) {
        let checkable = self.id(local);
        let Some(slot) = &mut self.slots[local as usize] else { return };
        let Some(check) = slot.spec.check.clone() else { return };
        let subject = Subject {
            checkable,
            check: &check,
            of_host: slot.spec.of_host,
            host: HostView::Up,
            parents_up: slot.parents_up,
        };
        if let Some(transition) = event(&mut slot.belief, &subject) {
            self.tell(FromShard::Changed(transition), effects);
        }
    }

    /// How the host of a service stands.
    fn host_view(&self, local: u32) -> HostView {
        let slot = self.slots[local as usize].as_ref();
        let host = slot.and_then(|it| it.spec.host).and_then(|it| self.slot(it));
        match host {
            // Nobody looks at it any more: whatever was believed last, its services speak for it.
            Some(host) if host.spec.check.is_none() => HostView::Up,
            Some(host) if !host.belief.now.status.is_fine() => HostView::NotUp,
            // Its bad answer is waiting for its parents, but it is a bad answer.
            Some(host) if host.held.is_some() => HostView::NotUp,
            _ => HostView::Up,
        }
    }

    fn look_now(&mut self, now: Moment, checkable: CheckableId, effects: &mut Vec<Effect>) {
        let local = self.local(checkable);
        let Some(slot) = self.slots.get_mut(local as usize).and_then(Option::as_mut) else {
            return;
        };
        let open = |check: &Check| check.period.as_ref().is_none_or(|it| it.is_open(now));
        if !slot.spec.check.as_deref().is_some_and(open) {
            let up = slot.belief.now.status.is_fine();
            self.tell(FromShard::Looked { checkable, at: now, up }, effects);
            return;
        }
        slot.wish = Wish::Asked;
        if slot.awaited.is_none() && slot.waiting_since.is_none() {
            self.start_or_wait(now, now, local, true, effects);
        }
    }

    fn parents(
        &mut self,
        now: Moment,
        host: CheckableId,
        any_up: bool,
        answer: bool,
        effects: &mut Vec<Effect>,
    ) {
        let local = self.local(host);
        let Some(slot) = self.slots.get_mut(local as usize).and_then(Option::as_mut) else {
            return;
        };
        let news = std::mem::replace(&mut slot.parents_up, any_up) != any_up;
        if answer {
            slot.question_at = None;
        }
        let held = if slot.question_at.is_none() { slot.held.take() } else { None };
        if let Some(held) = held {
            let seen = Conclusion { status: held.raw, cause: held.cause, measures: Vec::new() };
            self.observe(now, local, seen, effects);
            self.schedule_after(local, now, now);
        } else if news {
            self.change(local, effects, |belief, subject| {
                belief::parents_changed(belief, subject, now)
            });
        }
    }

    // The timetable.

    /// Puts a checkable where its phase wants it: one that stays as it was asked is there already.
    fn schedule_first(&mut self, local: u32, now: Moment) {
        let due = self.slots[local as usize].as_ref().and_then(|it| timetable::first(it, now));
        self.schedule(local, due);
    }

    fn schedule_regular(&mut self, local: u32, now: Moment) {
        let due = self.slots[local as usize].as_ref().and_then(|it| timetable::regular(it, now));
        self.schedule(local, due);
    }

    fn schedule(&mut self, local: u32, due: Option<Moment>) {
        match due {
            Some(due) => self.wheel.put(local, due),
            None => self.wheel.take(local),
        }
    }

    /// After an answer: while bad news is being confirmed, looks are a retry interval apart,
    /// wherever the regular turn is.
    fn schedule_after(&mut self, local: u32, now: Moment, started_at: Moment) {
        let Some(slot) = &self.slots[local as usize] else { return };
        if slot.is_confirming() {
            self.schedule(local, timetable::retry(slot, now, started_at));
        }
    }

    /// After a look out of turn that did not count: its being under way may have cost the retry
    /// its turn.
    fn schedule_overdue(&mut self, local: u32, now: Moment) {
        let Some(slot) = &self.slots[local as usize] else { return };
        let due = self.wheel.due(local);
        if let Some(retry) = timetable::overdue(slot, now)
            && due.is_none_or(|it| retry < it)
        {
            self.wheel.put(local, retry);
        }
    }

    // Small things.

    fn ended(&mut self, local: u32) {
        self.in_flight -= 1;
        let host = self.slots[local as usize].as_ref().and_then(|it| it.spec.host);
        let host = host.map_or(local, |it| self.local(it));
        if let Some(host) = self.slots.get_mut(host as usize).and_then(Option::as_mut) {
            host.in_flight = host.in_flight.saturating_sub(1);
        }
    }

    /// The same for a slot that has been taken out of its place.
    fn count_at_host(&mut self, host: Option<CheckableId>, by: i16, slot: &mut Slot) {
        let counted = match host {
            None => Some(slot),
            Some(host) => {
                let local = self.local(host);
                self.slots.get_mut(local as usize).and_then(Option::as_mut)
            }
        };
        if let Some(it) = counted {
            it.in_flight = it.in_flight.saturating_add_signed(by);
        }
    }

    fn tell(&mut self, message: FromShard, effects: &mut Vec<Effect>) {
        self.told += 1;
        effects.push(Effect::Tell(self.told, message));
    }

    fn slot_mut(&mut self, id: CheckableId) -> Option<&mut Slot> {
        let local = self.local(id);
        self.slots.get_mut(local as usize)?.as_mut()
    }

    fn slot(&self, id: CheckableId) -> Option<&Slot> {
        self.slots.get(id.local(self.shards)).and_then(Option::as_ref)
    }

    fn local(&self, id: CheckableId) -> u32 {
        id.0 / self.shards
    }

    fn id(&self, local: u32) -> CheckableId {
        CheckableId::at(self.number, self.shards, local)
    }
}

/// Does a look's status mean that the checkable is not fine?
fn is_bad(of_host: bool, status: Status) -> bool {
    status != Status::Ok && !(of_host && status == Status::Warning)
}

/// A belief of an earlier process whose clock was ahead of ours: what it did last, it did just now.
fn not_after(now: Moment, mut belief: Belief) -> Belief {
    for at in [&mut belief.since, &mut belief.hard_since, &mut belief.attempt_at] {
        *at = now.min(*at);
    }
    for it in &mut belief.thresholds {
        it.since = now.min(it.since);
    }
    belief
}

/// Makes a belief fit its definition: the attempts may have become fewer, and of a host that is
/// left to its services nothing is believed.
fn fit(slot: &mut Slot, now: Moment) {
    let Some(check) = &slot.spec.check else {
        slot.belief = belief::initial(Profile::default(), slot.spec.of_host, now);
        return;
    };
    let belief = &mut slot.belief;
    belief.now.attempt = belief.now.attempt.clamp(1, check.attempts_max.max(1));
    belief.history = crate::history::of_profile(belief.history, check.profile);
    if belief.thresholds.len() != check.rules.len() {
        belief.thresholds.clear();
    }
}

/// What of a belief must be stored when it changes. The thresholds are part of it by their sum: an
/// unbroken stretch keeps its beginning, so only a begin, an end and a raise change it.
fn fingerprint(belief: &Belief) -> (model::Look, [bool; 3], u64, u64, Option<CauseCode>) {
    let thresholds = belief.thresholds.iter().enumerate().fold(0_u64, |sum, (at, it)| {
        let one = it.since.as_nanos() ^ (u64::from(it.raised) << 63);
        sum ^ one.rotate_left(u32::try_from(at).unwrap_or(0))
    });
    let flags = [belief.known, belief.flapping, belief.host_was_down];
    let cause = belief.cause.as_ref().map(|it| it.code);
    (belief.now, flags, belief.history, thresholds, cause)
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
