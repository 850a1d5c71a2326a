//! Reading what the engine wants done.

use engine::Effect;
use model::{CheckableId, FromShard, Moment, RunId, SkipReason, Transition};

use super::{Change, Expected, Flight, Judge};
use crate::process::Process;

/// Runs that are skipped because the process stood still are skipped as soon as it runs again.
const CATCH_UP: std::time::Duration = std::time::Duration::from_secs(1);
/// A run that starts within this of its due moment did not wait for a place.
const PROMPT: std::time::Duration = std::time::Duration::from_millis(20);
/// How many waiting runs may be looked through before one is found that may start.
const WAITING_SCAN: usize = 64;

impl Judge {
    /// Time passed for shard `number`, which produced `effects`.
    pub fn woken(&mut self, now: Moment, number: usize, effects: &[Effect], process: &Process) {
        self.effects(now, effects, Expected::default(), process);
        self.no_idle_places(number, process);
    }

    /// Reads `effects` and holds them against what was expected.
    pub(super) fn effects(
        &mut self,
        now: Moment,
        effects: &[Effect],
        mut expected: Expected,
        process: &Process,
    ) {
        for effect in effects {
            match effect {
                Effect::Probe { checkable, run, due_at } => {
                    let on_demand = expected.on_demand == Some(*checkable);
                    self.probe(now, *checkable, *run, *due_at, on_demand);
                }
                Effect::Lost(id) => self.lost(now, *id),
                Effect::Skipped(id, reason) => self.skipped(now, *id, *reason),
                Effect::Remember(id) => {
                    let touched = expected.touched;
                    self.check(touched == Some(*id), || format!("{id:?} stored for no reason"));
                }
                Effect::Tell(seq, message) => {
                    self.in_sequence(*seq, message);
                    self.told(now, message, &mut expected);
                }
            }
        }
        if let Some(Change { id, before, after }) = &expected.change {
            let untold = before.look != after.look || before.flapping != after.flapping;
            self.check(!untold, || format!("{id:?} changed to {after:?} and nobody was told"));
        }
        if let Some(question) = expected.question {
            self.blame(|| format!("nobody asked about the parents: {question:?}"));
        }
        if let Some(looked) = expected.looked {
            self.blame(|| format!("nobody was told of the look: {looked:?}"));
        }
        for (number, shard) in process.shards.iter().enumerate() {
            let counted = self.in_flight[number];
            self.check(shard.in_flight() == counted, || {
                format!("shard {number} has {} runs under way, not {counted}", shard.in_flight())
            });
        }
    }

    /// A look begins.
    fn probe(&mut self, now: Moment, id: CheckableId, run: RunId, due_at: Moment, on_demand: bool) {
        self.stats.looks += 1;
        self.about = Some(id);
        let shard = self.shard_of(id);
        let (before, last) = (self.in_flight[shard], self.runs[shard]);
        self.check(run > last, || format!("{id:?}: run {run:?} after {last:?}"));
        self.runs[shard] = run;
        let limit = self.limits.in_flight_max;
        self.check(before < limit, || format!("{before} runs were under way, {limit} may be"));
        let Some(case) = self.cases.get_mut(&id) else {
            return self.blame(|| format!("{id:?} is asked and was removed"));
        };
        let root = case.meant.host.unwrap_or(id);
        let doubled = case.flight.is_some();
        let asked_at = case.asked_at.take();
        let on_demand = on_demand || asked_at == Some(due_at);
        let flight = Flight { run, started_at: now, on_demand, root };
        case.flight = Some(flight);
        let Some(check) = case.meant.check.clone() else {
            return self.blame(|| format!("{id:?} is asked and has no check"));
        };
        let phase = u128::from(case.meant.phase) % check.every.as_nanos();
        let in_phase = u128::from(due_at.as_nanos()) % check.every.as_nanos() == phase;
        let may_be_out_of_phase = on_demand || case.may_retry || check.period.is_some();
        // A regular turn puts the next one in phase; one that had to wait may have lost it again.
        case.may_retry &= on_demand || now.since(due_at) > PROMPT;
        self.check(!doubled, || format!("{id:?} has two runs under way"));
        self.check(due_at <= now, || format!("{id:?} due at {due_at} is asked at {now}"));
        self.check(in_phase || may_be_out_of_phase, || {
            format!("{id:?} is due at {due_at}, out of its phase in {:?}", check.every)
        });
        self.check(check.period.as_ref().is_none_or(|it| it.is_open(now)), || {
            format!("{id:?} is asked at {now}, outside its period")
        });
        let at_host = self.at_host.entry(root).or_default();
        let (there, limit) = (*at_host, u32::from(self.limits.in_flight_per_host_max));
        *at_host += 1;
        self.in_flight[shard] += 1;
        self.check(there < limit, || format!("{there} runs at {root:?}, {limit} may be"));
    }

    /// A run is given up.
    fn lost(&mut self, now: Moment, id: CheckableId) {
        self.stats.lost += 1;
        self.about = Some(id);
        let Some(case) = self.cases.get_mut(&id) else {
            return self.blame(|| format!("{id:?} was removed, its run cannot be lost"));
        };
        let timeout = case.meant.check.as_ref().map(|it| it.timeout).unwrap_or_default();
        (case.outcome_at, case.disturbed_at, case.wished) = (now, now, false);
        let Some(flight) = case.flight.take() else {
            return self.blame(|| format!("{id:?} lost a run that was not under way"));
        };
        self.land(id, flight);
        let patient = now > flight.started_at.after(timeout);
        self.check(patient, || format!("{id:?} was given up before its time-out"));
    }

    /// A run did not take place.
    fn skipped(&mut self, now: Moment, id: CheckableId, reason: SkipReason) {
        self.stats.skipped += 1;
        self.about = Some(id);
        let awake_since = self.awake_since;
        let Some(case) = self.cases.get_mut(&id) else {
            return self.blame(|| format!("{id:?} was removed, its run cannot be skipped"));
        };
        (case.outcome_at, case.disturbed_at, case.asked_at) = (now, now, None);
        // Bad news does not wait for the regular turn, whatever was missed.
        case.may_retry |=
            reason == SkipReason::Stall && (case.is_soft_bad() || case.held.is_some());
        let period = case.meant.check.as_ref().and_then(|it| it.period.clone());
        let true_reason = match reason {
            SkipReason::Overrun => case.flight.is_some(),
            SkipReason::Period => period.is_some_and(|it| !it.is_open(now)),
            SkipReason::Stall => now <= awake_since.after(CATCH_UP),
            SkipReason::Limit => true,
            // No window stops checks in these worlds.
            SkipReason::Maintenance => false,
        };
        let crowded = self.leniency.crowded;
        self.check(true_reason, || format!("{id:?} was skipped without {reason:?}"));
        self.check(reason != SkipReason::Limit || crowded, || {
            format!("{id:?} waited for a place where nobody has to")
        });
    }

    /// Messages of a shard have no gaps.
    fn in_sequence(&mut self, seq: u64, message: &FromShard) {
        let shard = self.shard_of(subject_of(message));
        let last = std::mem::replace(&mut self.told[shard], seq);
        self.check(seq == last + 1, || format!("message {seq} after {last}: {message:?}"));
    }

    /// The desk is told something.
    fn told(&mut self, now: Moment, message: &FromShard, expected: &mut Expected) {
        match message {
            FromShard::Changed(it) => match expected.change.take() {
                Some(change) => self.transition(now, it, &change),
                None => self.blame(|| format!("nothing changed, and yet {it:?}")),
            },
            FromShard::AreParentsUp { host, at } => {
                let must = expected.question.take();
                self.check(must == Some((*host, *at)), || {
                    format!("asked {message:?}, must ask {must:?}")
                });
            }
            FromShard::Looked { checkable, at, up } => {
                let must = expected.looked.take();
                self.check(must == Some((*checkable, *at, *up)), || {
                    format!("said {message:?}, must say {must:?}")
                });
            }
            FromShard::Seen { .. } => self.blame(|| "nobody asked to watch".to_owned()),
        }
    }

    fn transition(&mut self, now: Moment, it: &Transition, change: &Change) {
        let Change { id, before, after } = change;
        self.stats.transitions += 1;
        self.stats.flaps += u64::from(before.flapping != after.flapping);
        let told = (it.checkable, it.at, it.from, it.was_flapping);
        let must = (*id, now, before.look, before.flapping);
        self.check(told == must, || format!("told {told:?}, must tell {must:?}"));
        let told = (it.to, it.flapping, it.centipercent);
        let must = (after.look, after.flapping, after.centipercent);
        self.check(told == must, || format!("{id:?} told {told:?}, must tell {must:?}"));
        self.check(it.centipercent <= 10_000, || format!("{id:?} flaps more than all the time"));
    }

    /// Nobody waits for a place while one is free.
    pub fn no_idle_places(&mut self, number: usize, process: &Process) {
        let shard = &process.shards[number];
        let (waiting, under_way) = (shard.waiting(), self.in_flight[number]);
        let idle = waiting > 0
            && waiting <= WAITING_SCAN
            && under_way < self.limits.in_flight_max
            && self.leniency.hosts_unlimited;
        self.check(!idle, || format!("{waiting} runs wait while {under_way} are under way"));
    }
}

/// Whom a message is about.
#[must_use]
pub fn subject_of(message: &FromShard) -> CheckableId {
    match message {
        FromShard::Changed(it) => it.checkable,
        FromShard::AreParentsUp { host, .. } => *host,
        FromShard::Looked { checkable, .. } | FromShard::Seen { checkable, .. } => *checkable,
    }
}
