//! The judge: knows what is true and what was answered, and holds the engine against it.
//!
//! It hears every input that the engine gets and reads every effect that follows. It keeps its own
//! ledger of runs, its own stories of beliefs and its own clock of who was heard of when; so a
//! disagreement is a bug in the engine, in the driver, or in the judge, and never overlooked.

mod case;
mod effects;
mod load;
mod scan;

use std::{collections::BTreeMap, time::Duration};

use engine::{Effect, Limits};
use model::{
    Belief, Check, CheckResult, CheckableId, Look, Moment, RunId, StateType, Status, ToShard,
    Verdict,
};

use crate::{
    census::Census,
    gauge,
    judge::case::{Case, Flight, Kept},
    process::Process,
    reference::{Believed, Event},
};

pub use effects::subject_of;

/// A host's hard verdict waits at most this long for word about its parents.
const PARENTS_WAIT_MAX: Duration = Duration::from_secs(30);

/// What the world is like, as far as the judge must be lenient.
#[derive(Clone, Copy, Debug)]
pub struct Leniency {
    /// Answers get lost or come late, or looks wait for a place: three intervals instead of one
    /// and a half may pass without an outcome.
    pub overloaded: bool,
    /// Looks wait for a place, so nobody knows when one is made.
    pub crowded: bool,
    /// The limit at one host never holds back anybody.
    pub hosts_unlimited: bool,
    /// Time between two scans.
    pub tick: Duration,
}

/// What was seen, so that a green run can be told from an empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Looks begun.
    pub looks: u64,
    /// Answers that were taken.
    pub taken: u64,
    /// Answers that found nobody waiting.
    pub stale: u64,
    /// Looks that could not be made.
    pub blind: u64,
    /// Runs given up.
    pub lost: u64,
    /// Runs skipped.
    pub skipped: u64,
    /// Believed changes.
    pub transitions: u64,
    /// Starts and ends of flapping.
    pub flaps: u64,
    /// Bad results that waited for word about parents.
    pub held: u64,
    /// Outages that had to be believed by a certain time, and were.
    pub outages: u64,
    /// Restarts after which beliefs were compared.
    pub restarts: u64,
    /// Reloads.
    pub reloads: u64,
}

/// What an input must lead to.
#[derive(Debug, Default)]
struct Expected {
    change: Option<Change>,
    question: Option<(CheckableId, Moment)>,
    looked: Option<(CheckableId, Moment, bool)>,
    /// Whose belief may be another one afterwards.
    touched: Option<CheckableId>,
    /// A look at whom may begin out of turn.
    on_demand: Option<CheckableId>,
}

#[derive(Debug)]
struct Change {
    id: CheckableId,
    before: Believed,
    after: Believed,
}

/// Judges one world.
#[derive(Debug)]
pub struct Judge {
    leniency: Leniency,
    limits: Limits,
    cases: BTreeMap<CheckableId, Case>,
    /// What must be known after a restart, by place.
    kept: BTreeMap<usize, Kept>,
    /// Runs under way, by shard.
    in_flight: Vec<u32>,
    /// Runs under way, by host.
    at_host: BTreeMap<CheckableId, u32>,
    /// The last message of each shard.
    told: Vec<u64>,
    /// The last run of each shard.
    runs: Vec<RunId>,
    /// Since when the process has been running without standing still.
    awake_since: Moment,
    /// The last moment of all lives.
    latest: Moment,
    /// Messages between shards and desk that are on their way.
    in_mail: u32,
    /// Whom it is about at present.
    about: Option<CheckableId>,
    /// Whom the fault was about, as it was then.
    blamed: Option<Case>,
    /// What was seen.
    pub stats: Stats,
    /// What is wrong; the first thing only.
    pub fault: Option<String>,
}

impl Judge {
    /// A judge who has seen nothing yet.
    #[must_use]
    pub fn new(leniency: Leniency, limits: Limits, shards: u32) -> Self {
        Self {
            leniency,
            limits,
            cases: BTreeMap::new(),
            kept: BTreeMap::new(),
            in_flight: vec![0; shards as usize],
            at_host: BTreeMap::new(),
            told: vec![0; shards as usize],
            runs: vec![RunId(0); shards as usize],
            awake_since: Moment::ZERO,
            latest: Moment::ZERO,
            in_mail: 0,
            about: None,
            blamed: None,
            stats: Stats::default(),
            fault: None,
        }
    }

    /// Something is wrong. Only the first fault is kept: what follows it is confusion.
    fn blame(&mut self, what: impl FnOnce() -> String) {
        if self.fault.is_none() {
            self.fault = Some(what());
            self.blamed = self.about.and_then(|it| self.cases.get(&it)).cloned();
        }
    }

    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.blame(what);
        }
    }

    fn shard_of(&self, id: CheckableId) -> usize {
        id.shard(self.in_flight.len() as u32) as usize
    }

    // What the world does.

    /// Time goes on.
    pub fn now(&mut self, now: Moment) {
        let latest = self.latest;
        self.check(now >= latest, || format!("time runs backwards, from {latest} to {now}"));
        self.latest = now;
    }

    /// The process stood still until now.
    pub fn stalled(&mut self, now: Moment) {
        self.awake_since = now;
    }

    /// No fair look at `id` can be expected just now.
    pub fn disturb(&mut self, id: CheckableId, now: Moment) {
        if let Some(case) = self.cases.get_mut(&id) {
            case.disturbed_at = now;
        }
    }

    /// Whom the fault is about, in full.
    #[must_use]
    pub fn about(&self, census: &Census) -> String {
        let host = self.blamed.as_ref().and_then(|it| self.cases.get(&it.meant.host?));
        let host = host.map_or_else(String::new, |it| it.described(census));
        self.blamed.as_ref().map_or_else(String::new, |it| it.described(census) + "\n" + &host)
    }

    /// The run under way at `id`.
    #[must_use]
    pub fn run_of(&self, id: CheckableId) -> Option<RunId> {
        Some(self.cases.get(&id)?.flight?.run)
    }

    /// The place of `id` in the census.
    #[must_use]
    pub fn place_of(&self, id: CheckableId) -> Option<usize> {
        Some(self.cases.get(&id)?.place)
    }

    /// A message is on its way between shard and desk.
    pub fn mailed(&mut self) {
        self.in_mail += 1;
    }

    /// A message has arrived.
    pub fn delivered(&mut self) {
        self.in_mail -= 1;
    }

    // What the engine is told, and makes of it.

    /// An answer was handed to the engine, which had `before` and produced `effects`.
    pub fn answered(
        &mut self,
        now: Moment,
        result: &CheckResult,
        before: Option<&Belief>,
        effects: &[Effect],
        process: &Process,
    ) {
        let id = result.checkable;
        self.about = Some(id);
        let flight = self.cases.get_mut(&id).and_then(|case| {
            let flight = case.flight.take_if(|it| it.run == result.run)?;
            case.outcome_at = now;
            Some(flight)
        });
        let Some(flight) = flight else {
            self.stats.stale += 1;
            self.unmoved(id, before, process, "an answer that nobody waits for");
            self.effects(now, effects, Expected::default(), process);
            return;
        };
        self.stats.taken += 1;
        self.land(id, flight);
        let mut expected = Expected { touched: Some(id), ..Expected::default() };
        match &result.verdict {
            Verdict::Blind { .. } => {
                self.stats.blind += 1;
                self.disturb(id, now);
                self.unmoved(id, before, process, "a blind look");
            }
            Verdict::Seen { .. } => self.seen(now, result, flight, before, effects, &mut expected),
        }
        let case = self.cases.get_mut(&id).expect("it was there a moment ago");
        case.may_retry |= case.is_soft_bad() || case.held.is_some();
        if std::mem::take(&mut case.wished) {
            expected.looked = Some((id, flight.started_at, case.is_fine()));
        }
        self.about = Some(id);
        self.effects(now, effects, expected, process);
        self.compare(now, id, process);
    }

    /// A run has ended: its place is free.
    fn land(&mut self, id: CheckableId, flight: Flight) {
        let shard = self.shard_of(id);
        self.in_flight[shard] -= 1;
        if let Some(count) = self.at_host.get_mut(&flight.root) {
            *count -= 1;
        }
    }

    /// The belief must be what it was.
    fn unmoved(
        &mut self,
        id: CheckableId,
        before: Option<&Belief>,
        process: &Process,
        why: &'static str,
    ) {
        let after = process.belief(id);
        if before != after {
            self.blame(|| format!("{why} changed {id:?} from {before:?} to {after:?}"));
        }
    }

    /// A conclusive answer that was taken.
    fn seen(
        &mut self,
        now: Moment,
        result: &CheckResult,
        flight: Flight,
        before: Option<&Belief>,
        effects: &[Effect],
        expected: &mut Expected,
    ) {
        let id = result.checkable;
        let Some(case) = self.cases.get_mut(&id) else { return };
        let Some(check) = case.meant.check.clone() else { return };
        let Verdict::Seen { mut status, .. } = result.verdict else { return };
        let kept = effects.contains(&Effect::Remember(id)).then(|| case.kept.clone());
        if status != Status::Critical
            && let Some(worse) =
                gauge::read(&check.rules, &mut case.kept.gauges, &result.measures, now)
            && worse.severity() > status.severity()
        {
            status = worse;
        }
        // A look out of turn may confirm, but not hurry.
        let advanced_at = before.map_or(Moment::ZERO, |it| it.attempt_at);
        let counts = !(flight.on_demand
            && case.is_soft_bad()
            && case.is_bad(status)
            && now.since(advanced_at) < check.retry_every);
        if counts {
            self.concluded(now, id, flight.started_at, status, expected);
            if !flight.on_demand {
                self.paced(id, flight, expected);
            }
        }
        self.keep(id, kept);
    }

    /// A result that counts.
    fn concluded(
        &mut self,
        now: Moment,
        id: CheckableId,
        started_at: Moment,
        status: Status,
        expected: &mut Expected,
    ) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        case.conclusive_at = started_at;
        if case.is_bad(status) {
            let unasked = case.is_fine() || case.is_soft_bad() && !case.has_asked;
            if unasked && case.held.is_none() && case.meant.has_parents() {
                (case.question_at, case.has_asked) = (Some(now), true);
                expected.question = Some((id, started_at));
            }
            if case.question_at.is_some_and(|it| now.since(it) > PARENTS_WAIT_MAX) {
                case.question_at = None;
            }
            if case.question_at.is_some() && case.would_become_hard() {
                case.held = Some(status);
                self.stats.held += 1;
                return;
            }
        }
        self.found(now, id, status, expected);
    }

    /// A result becomes part of the story.
    fn found(&mut self, now: Moment, id: CheckableId, status: Status, expected: &mut Expected) {
        let host_up = self.host_is_up(id);
        let Some(case) = self.cases.get_mut(&id) else { return };
        case.held = None;
        if !case.is_bad(status) {
            (case.question_at, case.has_asked) = (None, false);
        }
        let story = &mut case.kept.story;
        story.surround(host_up, case.parents_up);
        let before = story.believed();
        story.live(Event::Found(status));
        expected.change = Some(Change { id, before, after: story.believed() });
        case.note_illness(now, before);
    }

    /// Is the host of `id` up, as far as its services must know?
    fn host_is_up(&self, id: CheckableId) -> bool {
        let host = self.cases.get(&id).and_then(|it| it.meant.host);
        let Some(host) = host.and_then(|it| self.cases.get(&it)) else { return true };
        host.meant.check.is_none() || host.is_fine() && host.held.is_none()
    }

    /// Attempts are a retry interval apart, however the looks came about.
    fn paced(&mut self, id: CheckableId, flight: Flight, expected: &Expected) {
        let Some(Change { before, after, .. }) = &expected.change else { return };
        let Some(case) = self.cases.get_mut(&id) else { return };
        let Some(check) = &case.meant.check else { return };
        let (before, after) = (before.look, after.look);
        let is_soft_bad = |it: Look| it.kind == StateType::Soft && !it.status.is_fine();
        let counted = (before.attempt, before.kind) != (after.attempt, after.kind);
        let last = case.advanced_by;
        if after.status.is_fine() {
            case.advanced_by = None;
        } else if before.status.is_fine() || counted {
            case.advanced_by = Some(flight.started_at);
        }
        if let Some(last) = last
            && is_soft_bad(before)
            && counted
            && !after.status.is_fine()
            && flight.started_at < last.after(check.retry_every)
        {
            let (started_at, every) = (flight.started_at, check.retry_every);
            self.blame(|| format!("{id:?} counted looks of {last} and {started_at}, {every:?}"));
        }
    }

    /// A result was reported from outside.
    pub fn reported(
        &mut self,
        now: Moment,
        id: CheckableId,
        verdict: &Verdict,
        before: Option<&Belief>,
        effects: &[Effect],
        process: &Process,
    ) {
        let mut expected = Expected { touched: Some(id), ..Expected::default() };
        let asked = self.cases.get(&id).is_some_and(|it| it.meant.check.is_some());
        match verdict {
            Verdict::Seen { status, .. } if asked => {
                let case = self.cases.get_mut(&id).expect("it is asked");
                let kept = effects.contains(&Effect::Remember(id)).then(|| case.kept.clone());
                (case.advanced_by, case.disturbed_at) = (None, now);
                self.concluded(now, id, now, *status, &mut expected);
                self.keep(id, kept);
            }
            _ => self.unmoved(id, before, process, "a report without a status"),
        }
        self.about = Some(id);
        self.effects(now, effects, expected, process);
        self.compare(now, id, process);
    }

    /// Word of the desk was handed to the engine.
    pub fn ordered(&mut self, now: Moment, order: ToShard, effects: &[Effect], process: &Process) {
        let mut expected = Expected::default();
        let id = match order {
            ToShard::CheckNow { checkable } => {
                self.check_now(now, checkable, &mut expected);
                checkable
            }
            ToShard::Parents { host, any_up, answer } => {
                self.parents(now, host, any_up, answer, effects, &mut expected);
                host
            }
            // Nothing in these worlds orders either.
            ToShard::Rest { checkable, .. } | ToShard::Watch { checkable, .. } => checkable,
            ToShard::Blind { .. } => return,
        };
        self.about = Some(id);
        self.effects(now, effects, expected, process);
        self.compare(now, id, process);
    }

    fn check_now(&mut self, now: Moment, id: CheckableId, expected: &mut Expected) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let is_open = |it: &Check| it.period.as_ref().is_none_or(|it| it.is_open(now));
        if !case.meant.check.as_deref().is_some_and(is_open) {
            expected.looked = Some((id, now, case.is_fine()));
            return;
        }
        case.wished = true;
        expected.on_demand = Some(id);
        if case.flight.is_none() {
            case.asked_at.get_or_insert(now);
        }
    }

    fn parents(
        &mut self,
        now: Moment,
        id: CheckableId,
        any_up: bool,
        answer: bool,
        effects: &[Effect],
        expected: &mut Expected,
    ) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        expected.touched = Some(id);
        let kept = effects.contains(&Effect::Remember(id)).then(|| case.kept.clone());
        let news = std::mem::replace(&mut case.parents_up, any_up) != any_up;
        if answer {
            case.question_at = None;
        }
        let before = case.kept.story.believed();
        if news && case.meant.check.is_some() {
            case.kept.story.live(Event::ParentsUp(any_up));
            let after = case.kept.story.believed();
            expected.change = Some(Change { id, before, after });
        }
        if case.question_at.is_none()
            && let Some(held) = case.held.take()
        {
            self.found(now, id, held, expected);
            if let Some(change) = &mut expected.change {
                change.before = before;
            }
            let case = self.cases.get_mut(&id).expect("it is there");
            case.may_retry |= case.is_soft_bad();
        }
        self.keep(id, kept);
    }

    /// What was to be kept before a change: it holds again if the change is lost.
    fn keep(&mut self, id: CheckableId, kept: Option<Kept>) {
        if let (Some(kept), Some(case)) = (kept, self.cases.get_mut(&id)) {
            case.unstored.push_back((u64::MAX, kept));
        }
    }

    /// The driver handed the belief of `id` to the store, under `ticket`.
    pub fn stored(&mut self, id: CheckableId, ticket: u64) {
        let last = self.cases.get_mut(&id).and_then(|it| it.unstored.back_mut());
        match last {
            Some(last) if last.0 == u64::MAX => last.0 = ticket,
            _ => self.blame(|| format!("{id:?} was to be stored without a change")),
        }
    }

    /// The store has committed everything up to `ticket`.
    pub fn committed(&mut self, ticket: u64) {
        for case in self.cases.values_mut() {
            while case.unstored.front().is_some_and(|it| it.0 <= ticket) {
                case.unstored.pop_front();
            }
        }
    }

    /// The belief of `id` must be that of its story.
    fn compare(&mut self, now: Moment, id: CheckableId, process: &Process) {
        self.about = Some(id);
        let Some(case) = self.cases.get(&id) else { return };
        let shard = &process.shards[self.shard_of(id)];
        let Some(view) = shard.view(id, now) else {
            return self.blame(|| format!("{id:?} is not in its shard"));
        };
        if let Some(difference) = case.difference(view.belief, view.centipercent) {
            self.blame(|| format!("{id:?}: {difference}"));
        }
    }
}
