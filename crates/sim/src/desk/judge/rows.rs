//! Row by row: versions, ids, states that only go forward, keys that mean one thing.

use model::{
    Alert, AlertKind, AlertState, Call, CallState, Command, Decision, Event, EventKind, Pauses,
    Problem, ProblemId, Proposal, Row, VerdictOfDesk, Wait, WithdrawReason,
};

use super::{Judge, Life, View, gates, identity, says_bad, tales_of};
use crate::desk::{
    driver::{Batch, Cause, is_fallback},
    estate::SECOND,
};

/// Steps of a ladder are below this; what lies above belongs to none.
const STEPS: u32 = 1_000;
/// How much earlier than its time something may be without being early.
const EARLY: std::time::Duration = SECOND;

impl Judge {
    /// A row is about to be kept.
    pub(crate) fn row(&mut self, view: &View<'_>, row: &Row) {
        match row {
            Row::NextId(it) => {
                let before = view.shelf.next_id;
                self.demand(*it >= before, || format!("the next id went from {before} to {it}"));
            }
            Row::Problem(it) => self.problem(view, it),
            Row::Alert(it) => self.alert(view, it),
            Row::Event(it) => self.event(it),
            Row::Decision(it) => self.decision(it),
            Row::Proposal(it) => self.proposal(view, it),
            Row::Call(it) => self.call(view, it),
            Row::Silence(it) => {
                let before = view.shelf.silences.get(&it.id).map_or(0, |it| it.version);
                self.demand(it.version == before + 1, || format!("silence {}: version", it.id));
            }
            Row::Occurrence(it) => {
                let before = view.shelf.occurrences.get(&it.key);
                let version = before.map_or(0, |it| it.version);
                let key = &it.key;
                self.demand(it.version == version + 1, || {
                    format!("window {key:?} goes from version {version} to {}", it.version)
                });
                let reported = before.is_some_and(|it| it.report.is_some());
                self.demand(!reported || it.report.is_some(), || format!("window {key:?} again"));
            }
            other => self.note_row(view, other),
        }
    }

    fn problem(&mut self, view: &View<'_>, it: &Problem) {
        let id = it.id;
        self.judge_hold(view, it);
        let before = view.shelf.problems.get(&id);
        let version = before.map_or(0, |it| it.version);
        self.demand(it.version == version + 1, || {
            format!("problem {id} goes from version {version} to {}", it.version)
        });
        if let Some(before) = before {
            let same = (&before.about, before.opened_at) == (&it.about, it.opened_at);
            self.demand(same, || format!("problem {id} is about something else now"));
            let closed = before.ended_at.is_none() || before.ended_at == it.ended_at;
            self.demand(closed, || format!("problem {id} was over, and is again"));
            let lost = before.told.iter().find(|(route, told)| {
                it.told.get(*route).is_none_or(|now| now.ordinal < told.ordinal)
            });
            self.demand(lost.is_none(), || format!("problem {id} forgets who was told: {lost:?}"));
        } else {
            self.fresh.problems.push(id);
            self.seen.problems += 1;
            self.seen.own += u64::from(matches!(it.about, model::About::Own(_)));
        }
        let open = self.open_about.entry(it.about.clone()).or_default();
        if it.is_open() {
            open.insert(id)
        } else {
            open.remove(&id)
        };
        if !it.is_open() {
            self.seen.explaining += u64::from(!it.symptoms.is_empty());
        }
        self.fresh.abouts.insert(it.about.clone());
    }

    fn event(&mut self, it: &Event) {
        let (id, last) = (it.id.0, self.last_event);
        self.demand(id > last, || format!("event {id} comes after {last}"));
        self.last_event = id;
        self.fresh.events.insert((it.kind.word(), it.subject));
        let once = match it.kind {
            EventKind::ProblemOpened => self.opened.insert(it.subject),
            EventKind::ProblemEnded => self.ended.insert(it.subject),
            EventKind::SlaBreached | EventKind::SlaWarned => {
                self.once.insert((it.subject, format!("{} {}", it.kind.word(), it.text)))
            }
            _ => true,
        };
        self.demand(once, || format!("{} of {} happens twice", it.kind.word(), it.subject));
        self.seen.windows += u64::from(it.kind == EventKind::WindowEnded);
    }

    fn decision(&mut self, it: &Decision) {
        let (id, last) = (it.id.0, self.last_decision);
        self.demand(id > last, || format!("decision {id} comes after {last}"));
        self.last_decision = id;
        self.fresh.decided.insert(it.problem);
        match &it.verdict {
            VerdictOfDesk::Told { alerts } => {
                self.withheld.remove(&it.problem);
                self.fresh.told.extend(alerts);
            }
            VerdictOfDesk::Nobody { reason, .. } => {
                self.withheld.insert(it.problem, (it.at, std::sync::Arc::clone(reason)));
                self.seen.withheld += 1;
            }
            VerdictOfDesk::Done { .. } => {}
        }
    }

    fn alert(&mut self, view: &View<'_>, it: &Alert) {
        let key = it.key;
        let now = identity(it);
        match view.shelf.alerts.get(&key) {
            None => self.new_alert(it, now),
            Some(before) => {
                let same = self.lives.get(&key).is_some_and(|it| it.identity == now);
                self.demand(same, || format!("key {key} means something else: {before:?} {it:?}"));
                let again = self.is_tried_again(before);
                self.demand(before.is_waiting() || again, || {
                    format!("alert {key} was {:?} and is {:?}", before.state, it.state)
                });
                self.demand(it.attempts >= before.attempts || again, || {
                    format!("alert {key} forgets tries")
                });
                if it.may_have_arrived && !before.may_have_arrived && it.is_waiting() {
                    self.fresh.handed_out.push(key);
                }
            }
        }
        match &it.state {
            AlertState::Waiting => {}
            AlertState::Delivered { .. } => self.remind_told(it),
            AlertState::Aggregated { into } => {
                self.digests.entry(*into).or_default().insert(key);
            }
            AlertState::Withdrawn { .. } | AlertState::Dead { .. } => {
                if matches!(it.state, AlertState::Dead { .. }) {
                    self.seen.dead += 1;
                    self.fresh.dead.push(key);
                } else {
                    self.seen.withdrawn += 1;
                    let suppressed = AlertState::Withdrawn { reason: WithdrawReason::Suppressed };
                    if it.state == suppressed
                        && it.kind == AlertKind::Trigger
                        && !it.may_have_arrived
                    {
                        self.fresh.withdrawn.push(key);
                    }
                }
                match it.may_have_arrived {
                    true => self.remind_told(it),
                    false => self.forget_telling(view, it),
                }
            }
        }
    }

    /// Does somebody ask right now that this dead one be tried again?
    fn is_tried_again(&mut self, dead: &Alert) -> bool {
        let wanted = Command::Redeliver { alert: dead.key };
        let asked = self.asked.as_ref().is_some_and(|it| it.request.command == wanted);
        let again = asked && matches!(dead.state, AlertState::Dead { .. });
        if again && let Some(life) = self.lives.get_mut(&dead.key) {
            (life.again, life.ended, life.ended_at) = (true, 0, None);
            self.seen.redelivered += 1;
        }
        again
    }

    /// A reminder tells what is believed by then, too.
    fn remind_told(&mut self, it: &Alert) {
        let alone = (it.problem, it.kind, it.content.status);
        let members = it.content.members.iter().map(|it| (it.problem, it.kind, it.status));
        let all = members.chain(it.content.members.is_empty().then_some(alone));
        for (problem, _, status) in all.filter(|it| it.1 == AlertKind::Reminder) {
            if let Some(tale) = self.tales.get_mut(&(problem, it.route.clone())) {
                tale.reminded = Some(status);
            }
        }
    }

    /// Whoever was to hear of something by this alert has not heard of it.
    fn forget_telling(&mut self, view: &View<'_>, it: &Alert) {
        for (problem, kind, _, _) in tales_of(it, view.shelf) {
            if kind == AlertKind::Trigger
                && let Some(tale) = self.tales.get_mut(&(problem, it.route.clone()))
            {
                tale.told = None;
            }
        }
    }

    fn new_alert(&mut self, it: &Alert, identity: u64) {
        let key = it.key;
        let known = self.lives.insert(key, Life { identity, ..Life::default() });
        self.demand(known.is_none(), || format!("key {key} is used again"));
        self.fresh.alerts.push(key);
        self.note_announcement(it);
        self.seen.digests += u64::from(!it.content.members.is_empty());
        self.seen.resolves += u64::from(it.kind == AlertKind::Resolve);
        if it.may_have_arrived && it.is_waiting() {
            self.fresh.handed_out.push(key);
        }
        if it.problem == ProblemId(0) || !it.content.members.is_empty() {
            return;
        }
        let place = (it.problem, it.route.clone(), it.ordinal);
        let taken = self.ordinals.insert(place, key);
        self.demand(taken.is_none(), || format!("alert {key} has the number of {taken:?}"));
        if it.kind != AlertKind::Trigger {
            return;
        }
        let tale = self.tales.entry((it.problem, it.route.clone())).or_default();
        let (before, status) = (tale.told.replace(it.content.status), it.content.status);
        let otherwise = tale.reminded.take().is_some_and(|it| it != status);
        tale.triggered = true;
        if it.step < STEPS {
            let first = self.steps.insert((it.problem, it.step, it.route.clone()));
            self.demand(first, || format!("step {} of problem {} twice", it.step, it.problem));
            let last = self.last_step.insert(it.problem, it.step).unwrap_or(0);
            self.demand(last <= it.step, || {
                format!("problem {}: step {} after step {last}", it.problem, it.step)
            });
        } else if !is_fallback(it) {
            self.demand(before != Some(status) || otherwise, || {
                format!("problem {} is told again as {status} to {:?}", it.problem, it.route)
            });
        }
    }

    fn proposal(&mut self, view: &View<'_>, it: &Proposal) {
        let id = it.id;
        let before = view.shelf.proposals.get(&id);
        let version = before.map_or(0, |it| it.version);
        self.demand(it.version == version + 1, || {
            format!("proposal {id} goes from version {version} to {}", it.version)
        });
        let final_before = before.is_some_and(|it| !it.is_open());
        self.demand(!final_before, || format!("proposal {id} was final and changes: {it:?}"));
        let decisive = |it: &Proposal| {
            let Proposal { state, severity, occurrences, problem, touched, .. } = it;
            (state.clone(), *severity, *occurrences, *problem, *touched, it.snoozed_until)
        };
        if before.is_none_or(|before| decisive(before) != decisive(it)) {
            self.decisive.insert(id, it.version);
        }
        self.seen.proposals += u64::from(before.is_none());
        let open = self.proposals_about.entry(it.about.clone()).or_default();
        if it.is_open() {
            open.insert(id)
        } else {
            open.remove(&id)
        };
        self.fresh.abouts.insert(it.about.clone());
    }

    fn call(&mut self, view: &View<'_>, it: &Call) {
        let id = it.id;
        let before = view.shelf.calls.get(&id);
        let version = before.map_or(0, |it| it.version);
        self.demand(it.version == version + 1, || {
            format!("call {id} goes from version {version} to {}", it.version)
        });
        self.seen.calls += u64::from(before.is_none());
        if let Some(before) = before {
            let (from, to) = (before.state.word(), it.state.word());
            let open = before.state != CallState::Closed;
            self.demand(open, || format!("call {id} was closed and changes"));
            self.demand(is_edge(from, to), || format!("call {id} goes from {from} to {to}"));
            self.judge_pauses(view, it);
            for (was, is) in [(&before.respond, &it.respond), (&before.resolve, &it.resolve)] {
                let (Some(was), Some(is)) = (was, is) else { continue };
                let kept = was.breached_at.is_none() || was.breached_at == is.breached_at;
                self.demand(kept, || format!("call {id} forgets a broken promise"));
                let met = was.met_at.is_none() || was.met_at == is.met_at;
                self.demand(met, || format!("call {id} was taken or closed twice"));
            }
        }
        if let Some(about) = &it.about {
            let open = self.calls_about.entry(about.clone()).or_default();
            if it.state == CallState::Closed {
                open.remove(&id)
            } else {
                open.insert(id)
            };
            self.fresh.abouts.insert(about.clone());
        }
    }

    /// The clocks of a call that waits stand still if its contract says so.
    fn judge_pauses(&mut self, view: &View<'_>, it: &Call) {
        let CallState::Suspended { wait, .. } = &it.state else { return };
        let contracts = view.estate.duty.contracts.iter();
        let Some(contract) = contracts.clone().find(|one| Some(&one.name) == it.contract.as_ref())
        else {
            return;
        };
        let Pauses { respond, resolve } = contract.pauses;
        for (waits, clock) in [(respond, &it.respond), (resolve, &it.resolve)] {
            let stands = match wait {
                Wait::Process { .. } | Wait::Slots { .. } => waits.process,
                Wait::Customer { .. } => waits.customer,
                Wait::Supplier { .. } => waits.supplier,
            };
            let runs =
                clock.as_ref().is_some_and(|it| it.met_at.is_none() && it.paused_since.is_none());
            self.demand(!(stands && runs), || format!("a clock of call {} runs: {wait:?}", it.id));
        }
    }

    /// Who was to be told by something that was withdrawn unsent does not count as told.
    fn judge_withdrawn(&mut self, view: &View<'_>) {
        for key in std::mem::take(&mut self.fresh.withdrawn) {
            let Some(it) = view.shelf.alerts.get(&key) else { continue };
            let problem = view.shelf.problems.get(&it.problem).filter(|it| it.is_open());
            let Some(told) = problem.and_then(|problem| problem.told.get(&it.route)) else {
                continue;
            };
            // What became of an older one that is on its way is not known yet.
            let pending = view.shelf.alerts.values().any(|other| {
                let tells = tales_of(other, view.shelf);
                let same = tells.iter().any(|tale| tale.0 == it.problem && says_bad(tale.1));
                other.key != key && other.route == it.route && same && other.is_waiting()
            });
            self.demand(pending || told.status == told.arrived, || {
                format!("{key} was withdrawn, and counts as told: {told:?}")
            });
        }
    }

    /// Every problem that was opened or ended says so and why; one problem for one thing.
    pub(super) fn judge_problems(&mut self, view: &View<'_>) {
        for id in std::mem::take(&mut self.fresh.problems) {
            let word = EventKind::ProblemOpened.word();
            let said = self.fresh.events.contains(&(word, id.0));
            self.demand(said, || format!("problem {id} was opened without an event"));
            let decided = self.fresh.decided.contains(&id);
            self.demand(decided, || format!("problem {id} was opened without a decision"));
            let ended = view.shelf.problems.get(&id).is_some_and(|it| !it.is_open());
            self.demand(!ended || self.ended.contains(&id.0), || format!("problem {id} ends mute"));
        }
        for about in std::mem::take(&mut self.fresh.abouts) {
            let open = self.open_about.get(&about).map_or(0, std::collections::BTreeSet::len);
            self.demand(open <= 1, || format!("{open} open problems about {about:?}"));
            let over: Vec<_> = view
                .shelf
                .problems
                .values()
                .rev()
                .filter(|it| it.about == about && !it.is_open())
                .take(1)
                .map(|it| it.id)
                .collect();
            for id in over {
                let said = self.ended.contains(&id.0);
                self.demand(said, || format!("problem {id} ended without an event"));
            }
            let proposals = self.proposals_about.get(&about).map_or(0, |it| it.len());
            self.demand(proposals <= 1, || format!("{proposals} open proposals about {about:?}"));
            let calls = self.calls_about.get(&about).map_or(0, |it| it.len());
            self.demand(calls + proposals <= 1, || {
                format!("{proposals} open proposals and {calls} calls about {about:?}")
            });
        }
    }

    /// Every alert was decided, lists all its members, and may be handed out now.
    pub(super) fn judge_alerts(&mut self, view: &View<'_>, batch: &Batch) {
        self.judge_withdrawn(view);
        for key in std::mem::take(&mut self.fresh.told) {
            let known = view.shelf.alerts.contains_key(&key);
            self.demand(known, || format!("a decision tells by {key}, which is not kept"));
            self.once.insert((0, key.to_string()));
        }
        for key in std::mem::take(&mut self.fresh.alerts) {
            let Some(it) = view.shelf.alerts.get(&key) else { continue };
            if it.content.members.is_empty() {
                self.judge_new_alert(view, batch, it);
            } else {
                self.judge_digest(view, it);
            }
        }
        for (digest, members) in &self.digests {
            let listed = view.shelf.alerts.get(digest);
            let missing = members.iter().find(|key| {
                !listed.is_some_and(|it| it.content.members.iter().any(|it| it.key == **key))
            });
            if let Some(key) = missing {
                let what = format!("alert {key} went into digest {digest}, which does not list it");
                self.fault.get_or_insert(what);
            }
        }
        self.digests.clear();
        for key in std::mem::take(&mut self.fresh.handed_out) {
            self.judge_hand_out(view, batch, key);
        }
        for key in std::mem::take(&mut self.fresh.dead) {
            self.judge_dead(view, key);
        }
    }

    fn judge_new_alert(&mut self, view: &View<'_>, batch: &Batch, it: &Alert) {
        let key = it.key;
        let alone = !matches!(
            it.kind,
            AlertKind::Trigger | AlertKind::Reminder | AlertKind::Resolve | AlertKind::Missed
        );
        let decided = alone || is_fallback(it);
        let told = decided || self.once.contains(&(0, key.to_string()));
        self.demand(told, || format!("{} {key} is owed without a decision", it.kind.word()));
        self.judge_sign_of_life(batch.at, it);
        let Some(problem) = view.shelf.problems.get(&it.problem) else { return };
        if it.kind == AlertKind::Trigger && it.step < STEPS {
            let policy = problem.policy.as_ref().and_then(|it| view.estate.policy(it));
            let step = policy.and_then(|policy| policy.steps.get(it.step as usize));
            let same = problem.opened_at >= self.rules_since;
            self.judge_duty(view, batch.at, it, step.map_or(&[], |it| &it.to));
            let plain = same && policy.is_some_and(|it| it.hours.is_none());
            if let Some(step) = step.filter(|_| plain) {
                let due = problem.opened_at.after(step.after);
                self.demand(batch.at.after(EARLY) >= due, || {
                    format!("step {} of problem {} is early, due {due}", it.step, it.problem)
                });
            }
        }
        if says_bad(it.kind) && !is_fallback(it) && self.blind_since.is_some() {
            let own = matches!(problem.about, model::About::Own(_));
            let sees = self.blind_since.is_some_and(|since| since >= batch.at);
            self.demand(own || sees, || format!("problem {} is told while blind", it.problem));
        }
    }

    fn judge_digest(&mut self, view: &View<'_>, it: &Alert) {
        for member in &it.content.members {
            let into = view.shelf.alerts.get(&member.key).map(|it| it.state.clone());
            let right = into == Some(AlertState::Aggregated { into: it.key });
            self.demand(right || is_fallback(it), || {
                format!("digest {} lists {}, which is {into:?}", it.key, member.key)
            });
        }
    }

    /// What leaves for the first time must still be allowed to.
    fn judge_hand_out(&mut self, view: &View<'_>, batch: &Batch, key: model::AlertKey) {
        let Some(it) = view.shelf.alerts.get(&key) else { return };
        let known = |it: &Life| it.ended > 0 || it.doubtful || it.again;
        if it.attempts > 0 || self.lives.get(&key).is_some_and(known) {
            return;
        }
        for (problem, kind, _, told_by) in tales_of(it, view.shelf) {
            let Some(problem) = view.shelf.problems.get(&problem) else { continue };
            if !says_bad(kind) || is_fallback(it) || self.is_wanted_again(told_by) {
                continue;
            }
            let id = problem.id;
            self.demand(problem.is_open(), || {
                format!("{} of problem {id} leaves after its end", kind.word())
            });
            let why = match kind {
                AlertKind::Trigger => gates::closed(view, problem, batch.at),
                _ => gates::forbidden(view, problem, batch.at),
            };
            self.demand(why.is_none(), || {
                format!("{} {key} of problem {id} leaves although {why:?}", kind.word())
            });
        }
    }

    /// What is given up goes to the fallback, and is a problem of our own.
    fn judge_dead(&mut self, view: &View<'_>, key: model::AlertKey) {
        let Some(it) = view.shelf.alerts.get(&key) else { return };
        let own = matches!(it.content.about, Some(model::About::Own(_)));
        let trouble = view.shelf.open().any(|problem| match &problem.about {
            model::About::Own(name) => **name == format!("channel {}", it.route.channel),
            _ => false,
        });
        self.demand(own || trouble, || format!("{key} is dead, and no problem of ours"));
        let channel = view.estate.channel(&it.route.channel);
        let Some(fallback) = channel.and_then(|it| it.fallback) else { return };
        let worth_it = says_bad(it.kind) && it.content.members.is_empty();
        let name = &view.estate.duty.channels[fallback as usize].name;
        let handed_on = !worth_it
            || is_fallback(it)
            || self.lives.keys().rev().any(|key| {
                view.shelf.alerts.get(key).is_some_and(|other| {
                    other.problem == it.problem
                        && other.route.channel == *name
                        && is_fallback(other)
                })
            });
        self.demand(handed_on, || format!("{key} is dead, and nobody hears of it by {name}"));
    }

    /// What became of a try is kept.
    pub(super) fn judge_outcome(&mut self, view: &View<'_>, batch: &Batch) {
        let Cause::Delivered(key, delivery) = &batch.cause else { return };
        let Some(row) = view.shelf.alerts.get(key) else { return };
        let channel = row.route.channel.to_string();
        let Some(life) = self.lives.get_mut(key).filter(|it| it.in_flight) else { return };
        life.in_flight = false;
        life.ended += 1;
        let taken = self.taken_by.entry(channel).or_default();
        match delivery {
            model::Delivery::Taken => {
                *taken += 1;
                life.taken = true;
            }
            model::Delivery::Later { may_have_arrived, .. } => life.doubtful |= may_have_arrived,
            model::Delivery::Never { .. } => {}
        }
        life.ended_at = Some((batch.at, *taken));
        let (was_taken, doubtful) = (life.taken, life.doubtful);
        let delivered = matches!(row.state, AlertState::Delivered { .. });
        self.demand(!was_taken || delivered, || format!("{key} was taken, and is {:?}", row.state));
        self.demand(!delivered || was_taken || doubtful, || format!("{key} was never taken"));
        if was_taken || doubtful {
            for (problem, kind, _, _) in tales_of(row, view.shelf) {
                let tale = self.tales.entry((problem, row.route.clone())).or_default();
                if says_bad(kind) {
                    tale.may_know = true;
                    tale.knows |= delivered;
                }
            }
        }
    }
}

fn is_edge(from: &str, to: &str) -> bool {
    matches!(
        (from, to),
        ("open", "open" | "assigned" | "in-progress" | "closed")
            | ("assigned", "assigned" | "in-progress" | "suspended" | "closed")
            | ("in-progress", "in-progress" | "suspended" | "closed")
            | ("suspended", "suspended" | "assigned" | "in-progress" | "closed")
    )
}
