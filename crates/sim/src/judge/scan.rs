//! What must hold at any time: nobody forgotten, nothing stale shown as fresh, outages believed.

use std::time::Duration;

use model::{Age, CheckableId, Moment};

use super::{Judge, case::Case};
use crate::process::Process;

/// Scheduling in ticks, lateness of the driver.
const SLACK: Duration = Duration::from_secs(1);
/// A run whose answer does not come is given up this long after its deadline.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// How long word about the parents may take, and the wait for it.
const PARENTS_PATIENCE: Duration = Duration::from_secs(40);

impl Judge {
    /// Looks at everybody.
    pub fn scan(&mut self, now: Moment, process: &Process) {
        let ids: Vec<CheckableId> = self.cases.keys().copied().collect();
        for id in ids {
            self.compare(now, id, process);
            self.heard_of(now, id);
            self.in_timetable(now, id, process);
            self.visibly_stale(now, id, process);
            self.parents_known(id);
        }
    }

    /// Nobody goes unheard of for long.
    fn heard_of(&mut self, now: Moment, id: CheckableId) {
        let (overloaded, awake_since) = (self.leniency.overloaded, self.awake_since);
        let Some(case) = self.cases.get_mut(&id) else { return };
        let Some(check) = &case.meant.check else { return };
        if check.period.as_ref().is_some_and(|it| !it.is_open(now)) {
            case.closed_at = now;
            return;
        }
        if !case.is_fine() {
            case.ill_at = now;
        }
        let heard_at = [case.outcome_at, case.watched_since, case.closed_at, awake_since];
        let heard_at = heard_at.into_iter().max().unwrap_or_default();
        let slack = match check.period {
            Some(_) => SLACK + self.leniency.tick,
            None => SLACK,
        };
        let patience = match overloaded {
            true => check.every * 3 + check.timeout + LOST_AFTER + slack,
            false => check.every * 3 / 2 + check.timeout + slack,
        };
        let (silent, every) = (now.since(heard_at), check.every);
        self.check(silent <= patience, || {
            format!("{id:?} is silent for {silent:?}, though asked every {every:?}")
        });
    }

    /// Who is asked has a place in the timetable, and not a distant one.
    fn in_timetable(&mut self, now: Moment, id: CheckableId, process: &Process) {
        let Some(case) = self.cases.get(&id) else { return };
        let due = process.shards[self.shard_of(id)].due(id);
        let Some(check) = case.meant.check.clone() else {
            return self.check(due.is_none(), || format!("{id:?} is due, but never to be asked"));
        };
        let Some(due) = due else {
            return self.blame(|| format!("{id:?} has no place in the timetable"));
        };
        if check.period.is_some() {
            return;
        }
        let (flying, soft) = (case.flight.is_some(), case.is_soft_bad());
        // Bad news is looked at again soon, unless somebody looks already or reported it.
        let undisturbed = case.advanced_by.is_some_and(|it| case.disturbed_at < it);
        let confirming = soft && !self.leniency.crowded && case.may_retry && undisturbed && !flying;
        let most = check.every.max(check.retry_every * 2 + check.timeout);
        let far = due > now.after(most);
        let late = confirming && due > now.after(check.retry_every * 2);
        self.check(!far, || format!("{id:?} is due at {due}, more than an interval after {now}"));
        self.check(!late, || format!("{id:?} waits until {due} for its retry, it is {now}"));
    }

    /// What is too old to go by is not shown as fresh, what is recent not as stale.
    fn visibly_stale(&mut self, now: Moment, id: CheckableId, process: &Process) {
        let Some(case) = self.cases.get(&id) else { return };
        let Some(check) = &case.meant.check else { return };
        let Some(view) = process.shards[self.shard_of(id)].view(id, now) else { return };
        let limit = check.every * 3 + check.timeout;
        let age = now.since(case.conclusive_at.max(case.watched_since));
        let shown = view.age;
        let told = (view.conclusive_at, case.conclusive_at);
        let must = match check.period {
            Some(_) if age > limit => return, // Nobody is late while nobody may ask.
            _ if age > limit => Age::Stale,
            _ if case.conclusive_at == Moment::ZERO => Age::Pending,
            _ => Age::Fresh,
        };
        let closed = check.period.is_some() && must == Age::Pending;
        self.check(shown == must || closed, || {
            format!("{id:?} is shown as {shown:?}, and is {must:?} after {age:?}")
        });
        self.check(told.0 == told.1, || format!("{id:?} last conclusive at {told:?}"));
    }

    /// Once all messages have arrived, a host knows how its parents are.
    fn parents_known(&mut self, id: CheckableId) {
        let Some(case) = self.cases.get(&id) else { return };
        if self.in_mail > 0 || case.meant.parents.is_empty() {
            return;
        }
        let mut parents = case.meant.parents.iter();
        let any_up = parents.any(|it| self.cases.get(it).is_none_or(Case::is_fine));
        let told = case.parents_up;
        self.check(told == any_up, || {
            format!("{id:?} was told that its parents are up: {told}; they are: {any_up}")
        });
    }

    /// An outage of `id` began at `since`: has it been believed? Gives the moment at which to ask
    /// again, if it is too early to say.
    pub fn outage(&mut self, now: Moment, id: CheckableId, since: Moment) -> Option<Moment> {
        self.about = Some(id);
        let case = self.cases.get(&id)?;
        let check = case.meant.check.clone()?;
        if check.period.is_some() || self.leniency.crowded {
            return None;
        }
        let host = case.meant.host.and_then(|it| self.cases.get(&it));
        let host_ill_at = match host {
            Some(host) if !host.is_fine() || host.held.is_some() => now,
            Some(host) => host.ill_at,
            None => Moment::ZERO,
        };
        let undisturbed = [since, case.disturbed_at, self.awake_since, host_ill_at];
        let base = undisturbed.into_iter().max().unwrap_or_default();
        let parents = if case.meant.has_parents() {
            PARENTS_PATIENCE + check.retry_every * 2
        } else {
            Duration::ZERO
        };
        let attempts = u32::from(check.attempts_max);
        let patience = check.every * 3 / 2
            + check.timeout
            + (check.retry_every + check.timeout + SLACK) * attempts
            + parents
            + SLACK;
        if now < base.after(patience) {
            return Some(base.after(patience));
        }
        let times = case.believed_ill.iter().filter(|it| **it >= base).count();
        let believed = case.is_hard_bad();
        self.stats.outages += 1;
        self.check(believed, || format!("{id:?} is ill since {since}, nobody believes it"));
        self.check(times <= 1, || format!("{id:?} was believed ill {times} times since {base}"));
        None
    }
}
