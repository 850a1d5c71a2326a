//! Now and then the judge looks at everything: what is believed and what is open agree, and nothing
//! that is due has been forgotten.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use model::{
    About, AlertState, Call, CallState, Moment, Problem, ProblemId, Route, StateType, Status, Wait,
};

use super::{Glance, Judge, Tale, View, gates};
use crate::desk::looks::Held;

/// What rows that are kept late, and a process that starts, may add to any time.
pub(super) const SLACK: Duration = Duration::from_secs(90);
/// One that is bad may be without a problem at so many looks in a row: it gets time to recover when
/// what explained it has ended.
const UNEXPLAINED_MAX: u32 = 2;

/// A call whose wait is over may be not ready at so many looks in a row: it gets ready by a result,
/// of which there is one in half an hour.
const UNREADY_MAX: u32 = 7;

/// Does the desk hear of what the call waits for?
fn hears_of(view: &View<'_>, call: &Call) -> bool {
    let CallState::Suspended { wait: Wait::Process { until }, .. } = &call.state else {
        return false;
    };
    let Some(place) = view.estate.place(&until.name) else { return false };
    let looked = &view.looks.all[place];
    let looks = !looked.resting && !view.looks.blind && !view.looks.cut;
    looks && view.estate.items[place].present && looked.held.status.is_fine()
}

fn is_bad(held: &Held) -> bool {
    held.flapping || held.kind == StateType::Hard && !held.status.is_fine()
}

impl Judge {
    /// Looks at everything; all rows are kept.
    pub(crate) fn scan(&mut self, view: &View<'_>) {
        if view.now.since(view.awake_since) < SLACK {
            return;
        }
        self.scan_beliefs(view);
        self.scan_sites(view);
        self.scan_own(view);
        for problem in view.shelf.open() {
            self.scan_open(view, problem);
        }
        self.scan_alerts(view);
        self.scan_cases(view);
        self.scan_windows(view);
        self.scan_rest(view);
    }

    /// One problem for each that is bad and not explained.
    fn scan_beliefs(&mut self, view: &View<'_>) {
        let explained = self.scan_symptoms(view);
        let mut open = vec![false; view.estate.items.len()];
        for problem in view.shelf.open() {
            if let About::Checkable(name) = &problem.about
                && let Some(place) = view.estate.place(name)
            {
                open[place] = true;
            }
        }
        for (place, item) in view.estate.items.iter().enumerate() {
            let held = &view.looks.all[place].kept;
            let bad = is_bad(held);
            if !item.present || item.canary || !bad && !open[place] {
                self.unexplained.remove(&place);
                continue;
            }
            if open[place] || explained[place] {
                self.unexplained.remove(&place);
                let fine = held.kind == StateType::Hard && !bad;
                self.demand(!open[place] || !fine, || {
                    format!("{} is well, and has a problem", item.name)
                });
                continue;
            }
            let (count, before) =
                self.unexplained.get(&place).cloned().unwrap_or((0, held.clone()));
            let count = if before == *held { count + 1 } else { 1 };
            self.unexplained.insert(place, (count, held.clone()));
            self.demand(count <= UNEXPLAINED_MAX, || {
                format!("{} is {held:?}, and nobody knows", item.name)
            });
        }
    }

    /// Who is a symptom of something, by place: each of one problem, and not well.
    fn scan_symptoms(&mut self, view: &View<'_>) -> Vec<bool> {
        let mut explained = vec![false; view.estate.items.len()];
        let mut listed = BTreeSet::new();
        for problem in view.shelf.open() {
            for name in problem.symptoms.keys() {
                let Some(place) = view.estate.place(name) else { continue };
                let once = !std::mem::replace(&mut explained[place], true);
                self.demand(once, || format!("{name} is explained by two problems"));
                let held = &view.looks.all[place].kept;
                // A list of symptoms is written a moment after it has changed.
                if held.status.is_fine() && !held.flapping {
                    listed.insert((problem.id, Arc::clone(name)));
                    let again = self.listed_though_well.contains(&(problem.id, name.clone()));
                    self.demand(!again, || {
                        format!("{name} is a symptom of {}, and well", problem.id)
                    });
                }
            }
        }
        self.listed_though_well = listed;
        explained
    }

    /// A site that is out has one problem.
    fn scan_sites(&mut self, view: &View<'_>) {
        let duty = &view.estate.duty;
        let mut tallies = vec![(0_usize, 0_usize); duty.sites.len()];
        for (item, looked) in view.estate.items.iter().zip(&view.looks.all) {
            let Some(site) = item.site.filter(|_| item.present && item.of_host) else { continue };
            let (hosts, down) = &mut tallies[site as usize];
            *hosts += 1;
            let held = &looked.kept;
            *down += usize::from(held.status == Status::Down && held.kind == StateType::Hard);
        }
        for (site, (hosts, down)) in duty.sites.iter().zip(tallies) {
            let customer = &duty.customers[site.customer as usize].name;
            let about = About::Site(Arc::from(format!("{customer}/{}", site.name)));
            let open = self.open_about.get(&about).is_some_and(|it| !it.is_empty());
            let out = down >= 3 && down * 100 >= hosts * 60;
            self.demand(open || !out, || format!("{about:?}: {down} of {hosts} down, no problem"));
            let back = down * 200 < hosts * 60;
            self.demand(!open || !back, || format!("{about:?}: {down} of {hosts} down, and open"));
        }
    }

    /// We know whether we can see.
    fn scan_own(&mut self, view: &View<'_>) {
        let about = About::Own(Arc::from("uplink"));
        let open = self.open_about.get(&about).is_some_and(|it| !it.is_empty());
        let blind = self.blind_since.is_some_and(|it| view.now.since(it) > SLACK);
        let sees = self.sees_since.is_none_or(|it| view.now.since(it) > SLACK);
        self.demand(open || !blind, || "we are blind, and nobody knows".to_owned());
        let dark = self.blind_since.is_some();
        self.demand(!open || dark || !sees, || "we see, and say we do not".to_owned());
    }

    /// Canaries tell whether we can see, once it is believed.
    pub(super) fn judge_sight(&mut self, view: &View<'_>) {
        let needed = view.estate.duty.uplink.needed as usize;
        let canaries = view.estate.canaries.iter();
        let held: Vec<&Held> = canaries.map(|it| &view.looks.all[*it].kept).collect();
        let fine = held.iter().filter(|it| it.status.is_fine()).count();
        let hoped = held.iter().filter(|it| it.status.is_fine() || it.kind == StateType::Soft);
        if needed > 0 && self.blind_since.is_none() && hoped.count() < needed {
            self.blind_since = Some(view.now);
            self.seen.blind += 1;
        } else if self.blind_since.is_some() && fine >= needed {
            self.blind_since = None;
            self.sees_since = Some(view.now);
        }
    }

    /// Whoever was to be told of an open problem was, and knows how it stands.
    fn scan_open(&mut self, view: &View<'_>, problem: &Problem) {
        let id = problem.id;
        let own = matches!(problem.about, About::Own(_));
        let shut = gates::closed(view, problem, view.now).is_some()
            || problem.held_until.is_some_and(|it| it > view.now)
            || self.blind_since.is_some() && !own;
        let policy = problem.policy.as_ref().and_then(|it| view.estate.policy(it));
        let plain = policy.filter(|it| it.hours.is_none() && (it.gate.is_none() || own));
        let gates_open = !shut && plain.is_some();
        let glance = Glance { at: view.now, gates_open, may_propose: gates_open };
        let before = self.glances.insert(id, glance);
        let acknowledged = problem.acknowledged.as_ref().and_then(|it| it.until);
        let over = acknowledged.is_some_and(|it| it.after(SLACK) < view.now);
        self.demand(!over, || format!("the acknowledgement of problem {id} has not ended"));
        let (Some(before), Some(policy)) = (before.filter(|it| it.gates_open), plain) else {
            return;
        };
        if !gates_open {
            return;
        }
        let limit = before.at.before(SLACK);
        self.scan_ladder(problem, policy, limit);
        let ignorant = problem.told.iter().find(|(route, told)| {
            let tale = self.tales.get(&(id, (*route).clone()));
            tale.is_some_and(|it| it.triggered) && told.status != Some(problem.status)
        });
        let since = problem.changed_at;
        let excused = problem.flapping || since > limit;
        self.demand(ignorant.is_none() || excused, || {
            format!("problem {id} is {} and somebody knows better: {ignorant:?}", problem.status)
        });
        self.scan_withheld(problem, limit);
        let forgotten = problem.propose_at.is_some_and(|it| it < limit) && before.may_propose;
        self.demand(!forgotten, || format!("problem {id} was not proposed"));
        let forgotten = problem.call_at.is_some_and(|it| it < limit) && before.may_propose;
        self.demand(!forgotten, || format!("problem {id} has not become a call"));
        let silent =
            policy.remind.is_some() && problem.ladder.remind_at.is_some_and(|it| it < limit);
        self.demand(!silent, || format!("nobody is reminded of problem {id}"));
    }

    /// Whoever does not know how it stands was not told for a reason that holds, or is told.
    fn scan_withheld(&mut self, problem: &Problem, limit: Moment) {
        let id = problem.id;
        let Some((at, gate)) = self.withheld.get(&id) else { return };
        let waits = matches!(&**gate, "uplink" | "hold" | "window" | "silence" | "acknowledged");
        // A reminder that has arrived says how it stands, whatever was told before.
        let known = |it: &Tale| it.reminded.or(it.told);
        let tales = self.tales_about(id).filter(|it| it.triggered).map(known);
        let known: Vec<_> = tales.collect();
        let ignorant = known.is_empty() || known.iter().flatten().any(|it| *it != problem.status);
        let excused = problem.flapping || problem.changed_at > limit;
        let stuck = waits && ignorant && !excused && *at < limit;
        let what = format!("nobody was told of problem {id} at {at} because of {gate}, nor since");
        self.demand(!stuck, || what);
    }

    fn tales_about(&self, id: ProblemId) -> impl Iterator<Item = &Tale> {
        let first = Route { channel: Arc::from(""), contact: Arc::from("") };
        let from = self.tales.range((id, first)..);
        from.take_while(move |it| it.0.0 == id).map(|it| it.1)
    }

    /// The next step is taken in time.
    fn scan_ladder(&mut self, problem: &Problem, policy: &model::Policy, limit: Moment) {
        let next = problem.ladder.next_step as usize;
        let Some(step) = policy.steps.get(next) else { return };
        let before = next.checked_sub(1).map_or(Duration::ZERO, |it| policy.steps[it].after);
        let due = problem.ladder.began_at.after(step.after.saturating_sub(before));
        self.demand(due >= limit, || {
            format!("step {next} of problem {} was due at {due}: {:?}", problem.id, problem.ladder)
        });
    }

    fn scan_alerts(&mut self, view: &View<'_>) {
        let late =
            view.shelf.alerts.values().find(|it| {
                it.state == AlertState::Waiting && it.expires_at.after(SLACK) < view.now
            });
        self.demand(late.is_none(), || format!("still waits after its time to live: {late:?}"));
    }

    fn scan_cases(&mut self, view: &View<'_>) {
        let past = |at: Option<Moment>| at.is_some_and(|it| it.after(SLACK) < view.now);
        let snoozed =
            view.shelf.proposals.values().find(|it| it.is_open() && past(it.snoozed_until));
        self.demand(snoozed.is_none(), || format!("is not shown again: {snoozed:?}"));
        let kept = view.shelf.proposals.values().find(|it| {
            let problem = view.shelf.problems.get(&it.problem);
            let over =
                problem.and_then(|it| it.ended_at).is_some_and(|at| at.after(SLACK) < view.now);
            it.is_open() && !it.touched && over
        });
        self.demand(kept.is_none(), || format!("its cause is gone, and it waits: {kept:?}"));
        for call in view.shelf.calls.values() {
            let ready_at = match &call.state {
                CallState::Suspended { wait: Wait::Process { until }, .. } => {
                    until.fine_since.map(|it| it.after(until.fine_for))
                }
                _ => None,
            };
            if past(ready_at) && !call.ready_to_close && hears_of(view, call) {
                let count = self.unready.entry(call.id).or_default();
                *count += 1;
                let late = *count > UNREADY_MAX;
                self.demand(!late, || format!("call {} has waited, and is not ready", call.id));
            } else {
                self.unready.remove(&call.id);
            }
            if let CallState::Suspended { wait, .. } = &call.state {
                let until = match wait {
                    Wait::Process { .. } | Wait::Slots { .. } => None,
                    Wait::Customer { until } | Wait::Supplier { until, .. } => *until,
                };
                self.demand(!past(until), || format!("call {} waits too long", call.id));
            }
            let open = call.state != CallState::Closed;
            for clock in [&call.respond, &call.resolve].into_iter().flatten().filter(|_| open) {
                let late = clock.breached_at.is_none() && past(clock.due_at);
                self.demand(!late, || format!("call {} broke a promise unnoticed", call.id));
            }
        }
    }

    /// Windows that are over have been reported.
    fn scan_windows(&mut self, view: &View<'_>) {
        for it in gates::windows(view) {
            let watched = it.span.from > view.awake_since.after(SLACK);
            if !watched || it.span.until.after(SLACK) > view.now {
                continue;
            }
            let row = view.shelf.occurrences.get(&it.key);
            let reported = row.is_some_and(|it| it.begun && it.report.is_some());
            self.demand(reported, || {
                format!("window {:?} {:?} ended unseen: {row:?}", it.key, it.span)
            });
        }
    }
}
