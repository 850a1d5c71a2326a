//! Problems: when one opens, whom it explains, when it is over.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    About, CheckableId, Ending, EventKind, Ladder, Moment, Policy, Problem, ProblemId, Row,
    Severity, StateType, Status, Subject, ToShard,
};

use super::{
    Desk, Effect,
    cases::Place,
    guard::{HOLD_MAX, Turn},
    pen::{Note, Rules},
    subjects::{Watched, site_of},
    timers::Timer,
    upkeep::{Sight, unpark},
};

/// Most problems that may be open at once; what goes beyond is a symptom of our own overload.
pub(crate) const PROBLEMS_OPEN_MAX: usize = 200_000;
/// A site is out as a whole when at least so many of its hosts are down …
const SITE_DOWN_MIN: u32 = 3;
/// … and at least so many percent of them; it is back when fewer than half of that are.
const SITE_DOWN_PERCENT: u32 = 60;
/// Bad news of a host is held so long while others of its site fail too.
const SITE_HOLD: Duration = Duration::from_secs(45);
/// Bad news of a host whose site could be out is held until so long after its first bad look, in
/// which its neighbours are looked at: a host that is believed down at the first look would be told
/// before anybody could see that its site is out. Retries that take longer make it no later.
const NEIGHBOURS_HOLD: Duration = Duration::from_secs(10);
/// So many neighbours are looked at out of turn when a host begins to fail.
const NEIGHBOURS_LOOKED_MAX: usize = 5;
/// One that was explained by something that has ended gets so long to recover.
const SETTLE: Duration = Duration::from_secs(60);
/// The customer whose hosts are our own canaries; no other can be called so.
const OWN_CUSTOMER: &str = "campanile";
/// The word for our own way out.
pub(crate) const UPLINK: &str = "uplink";
/// How long a change of the list of symptoms may wait for its row.
const SYMPTOMS_WRITTEN_AFTER: Duration = Duration::from_secs(1);
/// How far up explanations are followed.
const EXPLAIN_DEPTH_MAX: usize = 64;

/// What explains a checkable's being bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Explained {
    /// This open problem.
    By(ProblemId),
    /// Something above it that fails and has not been judged yet.
    NotYetKnown,
    /// Nothing.
    No,
}

/// The policy that `problem` follows.
pub(crate) fn policy_of<'a>(problem: &Problem, rules: &'a Rules) -> Option<&'a Policy> {
    let name = problem.policy.as_ref()?;
    let policies = &rules.duty.policies;
    policies.binary_search_by(|it| it.name.cmp(name)).ok().map(|at| &policies[at])
}

/// When `problem` becomes a proposal and a call by the policy that it follows from `now` on.
pub(crate) fn set_case_times(problem: &mut Problem, rules: &Rules, now: Moment) {
    let Some(policy) = policy_of(problem, rules) else { return };
    let hours = policy.hours.and_then(|it| rules.times.hours.get(it as usize));
    let after = |wait: Duration| match hours {
        Some(hours) => hours.after(now, wait).unwrap_or_else(|| now.after(wait)),
        None => now.after(wait),
    };
    let (propose, call) = (policy.propose.map(after), policy.call.map(after));
    (problem.propose_at, problem.call_at) = (propose, call);
}

impl Desk {
    /// A belief has changed, and everybody's place is known.
    pub(crate) fn judge(&mut self, id: CheckableId) {
        let Some(it) = self.directory.get(id) else { return };
        if self.guard.is_canary(id) {
            let (fine, kind, is_ours) = (it.status.is_fine(), it.kind, is_ours(&it.subject));
            let turn = self.guard.canary(self.pen.now, id, fine, kind);
            self.sight_turned(turn);
            let may_end = fine && kind == StateType::Hard;
            // Canaries of our own stand for the world and for nothing else. A customer's host is a
            // host as well; while we cannot see out its bad news says nothing about it.
            if !may_end && (is_ours || self.guard.is_blind()) {
                return;
            }
        }
        self.judge_it(id);
    }

    /// What follows from what is believed of `id`, whoever it is.
    fn judge_it(&mut self, id: CheckableId) {
        let Some(it) = self.directory.get(id) else { return };
        let (status, kind, flapping) = (it.status, it.kind, it.flapping);
        let (bad, open) = (it.is_believed_bad(), it.problem);
        if it.subject.of_host && status == Status::Down {
            let customer = self.customer_of(&it.subject);
            let begins = it.passages.len() <= 1;
            self.guard.failing(self.pen.now, id, &customer);
            for checkable in self.guard.due_for_a_look(self.pen.now) {
                self.effects.push(Effect::Order(ToShard::CheckNow { checkable }));
            }
            if begins {
                self.look_at_neighbours(id);
            }
        }
        match open {
            Some(problem) if !bad && kind == StateType::Hard => {
                self.end(problem, Ending::Recovered);
            }
            Some(problem) => {
                self.change(problem, id);
                // It was judged before what is above it, and nobody has heard of it yet.
                if status == Status::Unreachable && !self.is_told(problem) {
                    self.absorb(problem, id);
                }
            }
            None if status.is_fine() && !flapping => self.leave_symptoms(id),
            None => self.place(id),
        }
        self.judge_below(id);
        self.judge_site_of(id);
    }

    /// A checkable that is bad and has no problem of its own gets one, or a place under another's.
    fn place(&mut self, id: CheckableId) {
        let Some(it) = self.directory.get(id) else { return };
        let bad = it.is_believed_bad();
        match self.explain(id, EXPLAIN_DEPTH_MAX) {
            Explained::By(problem) => self.add_symptom(problem, id),
            Explained::NotYetKnown => self.unsettle(id),
            Explained::No if it.symptom_of.is_some() => {
                // What explained it does not any more: it gets time to recover as well.
                self.leave_symptoms(id);
                self.unsettle(id);
                self.effects.push(Effect::Order(model::ToShard::CheckNow { checkable: id }));
            }
            Explained::No if bad && !self.unsettled.contains_key(&id) => self.open_about(id),
            Explained::No => {}
        }
    }

    /// One that waits to be judged is looked at again when what is above it has been, at the latest
    /// after a while.
    fn unsettle(&mut self, id: CheckableId) {
        let until = self.pen.now.after(SETTLE);
        self.unsettled.entry(id).or_insert_with(|| {
            self.timers.set(until, Timer::Unsettled(id));
            until
        });
    }

    pub(crate) fn settle(&mut self, id: CheckableId) {
        if self.unsettled.get(&id).is_some_and(|it| *it <= self.pen.now) {
            self.unsettled.remove(&id);
            let Some(it) = self.directory.get(id) else { return };
            if it.problem.is_some() || !it.is_believed_bad() {
                return;
            }
            match self.explain(id, EXPLAIN_DEPTH_MAX) {
                Explained::By(problem) => self.add_symptom(problem, id),
                // Whatever is above it has had its time.
                Explained::NotYetKnown | Explained::No => self.open_about(id),
            }
        }
    }

    /// What explains `id`, without asking whether it is bad itself.
    fn explain(&self, id: CheckableId, depth: usize) -> Explained {
        let Some(it) = self.directory.get(id).filter(|_| depth > 0) else { return Explained::No };
        if let Some(host) = it.subject.host {
            return self.explained_by_host(host, depth);
        }
        if it.subject.of_host && it.status == Status::Unreachable {
            let mut answer = Explained::No;
            for parent in &*it.subject.parents {
                match self.explained_by_host(*parent, depth) {
                    Explained::By(problem) => return Explained::By(problem),
                    Explained::NotYetKnown => answer = Explained::NotYetKnown,
                    Explained::No => {}
                }
            }
            return answer;
        }
        let site = it.subject.site.and_then(|it| self.directory.sites.get(it as usize));
        match site.and_then(|it| it.problem) {
            Some(problem) if it.subject.of_host => Explained::By(problem),
            _ => Explained::No,
        }
    }

    fn explained_by_host(&self, host: CheckableId, depth: usize) -> Explained {
        let Some(it) = self.directory.get(host) else { return Explained::No };
        match (it.problem, it.symptom_of) {
            _ if it.status.is_fine() => Explained::No,
            (Some(problem), _) | (None, Some(problem)) => Explained::By(problem),
            _ => match self.explain(host, depth - 1) {
                Explained::No => Explained::NotYetKnown,
                other => other,
            },
        }
    }

    /// Those below a host that has changed may have got, or lost, their explanation.
    fn judge_below(&mut self, id: CheckableId) {
        let Some(it) = self.directory.get(id) else { return };
        let explains = it.problem.is_some() || it.symptom_of.is_some();
        if !explains && !it.status.is_fine() {
            return;
        }
        for below in it.below.clone() {
            let Some(it) = self.directory.get(below) else { continue };
            let bad = !it.status.is_fine() || it.flapping;
            if !bad || !explains && it.symptom_of.is_none() {
                continue;
            }
            match it.problem {
                // Nobody knows of it yet: then it is better explained than announced.
                Some(problem) if !self.is_told(problem) => {
                    self.absorb(problem, below);
                }
                Some(_) => {}
                None => {
                    let was = it.symptom_of;
                    self.place(below);
                    if self.directory.get(below).is_some_and(|it| it.symptom_of != was) {
                        self.judge_below(below);
                    }
                }
            }
        }
    }

    /// `problem`, which is about `id` and which nobody knows of, ends if another one explains it.
    fn absorb(&mut self, problem: ProblemId, id: CheckableId) {
        if let Explained::By(root) = self.explain(id, EXPLAIN_DEPTH_MAX)
            && root != problem
        {
            self.end(problem, Ending::Explained);
            self.add_symptom(root, id);
            self.judge_below(id);
        }
    }

    fn is_told(&self, problem: ProblemId) -> bool {
        self.problems.get(&problem).is_some_and(|it| !it.told.is_empty())
    }

    fn add_symptom(&mut self, problem: ProblemId, id: CheckableId) {
        let now = self.pen.now;
        self.unsettled.remove(&id);
        let Some(it) = self.directory.get_mut(id) else { return };
        if it.symptom_of == Some(problem) {
            return;
        }
        let before = it.symptom_of.replace(problem);
        let name = Arc::clone(&it.subject.name);
        if let Some(before) = before {
            self.list_symptom(before, &name, None);
        }
        self.list_symptom(problem, &name, Some(now));
    }

    /// Lists a symptom since `since`, or not any more. The row follows a little later: a large
    /// outage would otherwise write a long row for each of its members, and after a crash the list
    /// follows from what is believed.
    fn list_symptom(&mut self, problem: ProblemId, name: &Arc<str>, since: Option<Moment>) {
        let Some(root) = self.problems.get_mut(&problem) else { return };
        match since {
            Some(since) => drop(root.symptoms.insert(Arc::clone(name), since)),
            None => drop(root.symptoms.remove(name)),
        }
        if self.grown.insert(problem) {
            self.timers.set(self.pen.now.after(SYMPTOMS_WRITTEN_AFTER), Timer::Grown(problem));
        }
    }

    fn leave_symptoms(&mut self, id: CheckableId) {
        self.unsettled.remove(&id);
        let Some(it) = self.directory.get_mut(id) else { return };
        let Some(problem) = it.symptom_of.take() else { return };
        let name = Arc::clone(&it.subject.name);
        self.list_symptom(problem, &name, None);
    }

    /// Opens a problem about `id`, and takes in those it explains.
    fn open_about(&mut self, id: CheckableId) {
        self.leave_symptoms(id);
        let Some(it) = self.directory.get(id) else { return };
        let it = it.clone();
        let (subject, flapping, status) = (it.subject, it.flapping, it.status);
        let severity = Severity::of(status).unwrap_or(Severity::Warning);
        let mut problem = self.blank(About::Checkable(Arc::clone(&subject.name)), status, severity);
        problem.customer = self.customer_of(&subject);
        problem.site = Some(site_of(&subject, &self.rules.duty))
            .filter(|it| !it.is_empty())
            .map(|name| Arc::from(format!("{}/{name}", problem.customer)));
        problem.labels =
            subject.labels.iter().map(|it| (Arc::clone(&it.0), Arc::clone(&it.1))).collect();
        problem.text = Arc::clone(&it.text);
        problem.flapping = flapping;
        problem.timeline.clone_from(&it.passages);
        problem.values.clone_from(&it.values);
        problem.last_good = it.last_good;
        let policies = &self.rules.duty.policies;
        let policy = subject.policy.and_then(|it| policies.get(it as usize));
        problem.policy = policy.map(|it| Arc::clone(&it.name));
        problem.held_until = self.hold_of(&subject);
        if let Some(id) = self.open(problem)
            && let Some(it) = self.directory.get_mut(subject.id)
        {
            it.problem = Some(id);
            it.symptom_of = None;
            self.unsettled.remove(&subject.id);
        }
    }

    /// A problem with nothing but what every one has.
    pub(super) fn blank(&mut self, about: About, status: Status, severity: Severity) -> Problem {
        blank(self.pen.id(), self.pen.now, about, status, severity)
    }

    /// Opens `problem`: sets its times and says so. `None` if there is no room.
    pub(crate) fn open(&mut self, mut problem: Problem) -> Option<ProblemId> {
        if self.problems.len() >= PROBLEMS_OPEN_MAX {
            self.overflowed += 1;
            return None;
        }
        let id = problem.id;
        let now = self.pen.now;
        problem.ladder.began_at = now;
        problem.ladder.due_at = Some(now);
        set_case_times(&mut problem, &self.rules, now);
        self.pen.event(Note {
            kind: EventKind::ProblemOpened,
            customer: &problem.customer,
            by: "engine",
            name: problem.about.name(),
            subject: id.0,
            text: format!("{} {}", problem.status, problem.text),
        });
        match self.cases.problem_back(&problem, &self.rules, &mut self.pen) {
            Some(Place::Proposal(it)) => problem.proposal = Some(it),
            Some(Place::Call(it)) => problem.call = Some(it),
            None => {}
        }
        self.problems.insert(id, problem);
        self.touched.insert(id);
        self.attend(id);
        Some(id)
    }

    /// The belief behind an open problem has changed.
    fn change(&mut self, problem: ProblemId, id: CheckableId) {
        let (Some(it), Some(problem)) = (self.directory.get(id), self.problems.get_mut(&problem))
        else {
            return;
        };
        problem.timeline.clone_from(&it.passages);
        problem.values.clone_from(&it.values);
        self.touched.insert(problem.id);
        let hard = it.kind == StateType::Hard;
        let was = (problem.status, problem.flapping);
        problem.flapping = it.flapping;
        if hard && !it.status.is_fine() {
            problem.status = it.status;
            problem.text = Arc::clone(&it.text);
        }
        if was == (problem.status, problem.flapping) {
            return;
        }
        let id = problem.id;
        self.changed_status(id);
    }

    /// An open problem has another status: whoever is to be told is, and an acknowledgement of what
    /// was better does not hold.
    pub(super) fn changed_status(&mut self, id: ProblemId) {
        let now = self.pen.now;
        let Some(problem) = self.problems.get_mut(&id) else { return };
        let before = problem.severity;
        problem.severity = Severity::of(problem.status).unwrap_or(before);
        problem.changed_at = now;
        let worse =
            problem.severity > before && problem.acknowledged.as_ref().is_some_and(|it| !it.sticky);
        // The end of flapping alone is no news; what is believed then may be.
        problem.ladder.due_at = Some(now);
        let note = Note {
            kind: EventKind::ProblemChanged,
            customer: &problem.customer,
            by: "engine",
            name: problem.about.name(),
            subject: problem.id.0,
            text: format!("{} {}", problem.status, problem.text),
        };
        self.pen.event(note);
        if worse {
            self.acknowledgement_over(id, "engine", "it has become worse");
        }
        self.attend(id);
    }

    /// Ends an open problem: withdraws what nobody needs, resolves what was told, and lets go of
    /// those it explained.
    pub(crate) fn end(&mut self, id: ProblemId, ending: Ending) {
        let now = self.pen.now;
        let Some(mut problem) = self.problems.remove(&id) else { return };
        self.touched.remove(&id);
        problem.ended_at = Some(now);
        problem.ending = Some(ending);
        problem.changed_at = now;
        if let About::Checkable(name) = &problem.about
            && let Some(checkable) = self.directory.id_of(name)
            && let Some(it) = self.directory.get_mut(checkable)
        {
            it.problem = None;
            if it.status.is_fine() {
                problem.status = it.status;
            }
            problem.timeline.clone_from(&it.passages);
        }
        self.pen.event(Note {
            kind: EventKind::ProblemEnded,
            customer: &problem.customer,
            by: "engine",
            name: problem.about.name(),
            subject: id.0,
            text: format!("{ending:?}").to_lowercase(),
        });
        let world =
            Sight { directory: &self.directory, problems: &self.problems, rules: &self.rules };
        self.cases.problem_ended(&problem, &world, &mut self.pen);
        self.resolve(&mut problem);
        problem.version += 1;
        self.release(&problem);
        self.pen.rows.push(Row::Problem(Box::new(problem.clone())));
        self.remember_ended(problem);
    }

    /// Those that a problem explained have to stand for themselves, once they had time to recover.
    fn release(&mut self, problem: &Problem) {
        for name in problem.symptoms.keys() {
            let Some(id) = self.directory.id_of(name) else { continue };
            let Some(it) = self.directory.get_mut(id) else { continue };
            if it.symptom_of == Some(problem.id) {
                it.symptom_of = None;
                if !it.status.is_fine() || it.flapping {
                    self.unsettle(id);
                    self.effects.push(Effect::Order(ToShard::CheckNow { checkable: id }));
                }
            }
        }
    }

    /// Until when bad news of `subject` is held: others fail with it.
    fn hold_of(&self, subject: &Subject) -> Option<Moment> {
        let now = self.pen.now;
        let guard = self.guard.holds(now, self.hosts);
        let tally = subject.site.and_then(|it| self.directory.sites.get(it as usize));
        let site = tally.filter(|it| subject.of_host && it.failing >= SITE_DOWN_MIN);
        let hold = guard.max(site.map(|_| now.after(SITE_HOLD))).or_else(|| {
            let began = self.directory.get(subject.id)?.last_good.unwrap_or(now);
            let until = began.after(NEIGHBOURS_HOLD);
            (subject.of_host && tally?.hosts >= SITE_DOWN_MIN && until > now).then_some(until)
        });
        hold.map(|it| it.min(now.after(HOLD_MAX)))
    }

    /// Until when the hold of an untold problem goes on that is over now: by now others of its
    /// site fail, too.
    pub(crate) fn longer_hold(&self, problem: &Problem) -> Option<Moment> {
        let over = problem.held_until.is_some_and(|it| it <= self.pen.now);
        if over && problem.told.is_empty() && self.guard.doubts() {
            let longest = problem.opened_at.after(HOLD_MAX);
            return self.guard.in_doubt_until(self.pen.now).map(|it| it.min(longest));
        }
        let until = problem.opened_at.after(SITE_HOLD);
        if !over || until <= self.pen.now || !problem.told.is_empty() {
            return None;
        }
        let About::Checkable(name) = &problem.about else { return None };
        let it = self.directory.by_name(name).filter(|it| it.subject.of_host)?;
        let tally = self.directory.sites.get(it.subject.site? as usize)?;
        (tally.problem.is_none() && tally.failing >= SITE_DOWN_MIN).then_some(until)
    }

    /// A host begins to fail: is it the whole site? Some of its neighbours are looked at at once,
    /// unless that is being found out already.
    fn look_at_neighbours(&mut self, id: CheckableId) {
        let Some(site) = self.directory.get(id).and_then(|it| it.subject.site) else { return };
        let Some(tally) = self.directory.sites.get(site as usize) else { return };
        if tally.failing >= SITE_DOWN_MIN || tally.hosts < SITE_DOWN_MIN || self.guard.doubts() {
            return;
        }
        let hosts = self.directory.hosts_of_site(site);
        let behind = hosts.partition_point(|it| *it <= id);
        let is_fine = |it: &&CheckableId| {
            **it != id && self.directory.get(**it).is_some_and(|it| it.status.is_fine())
        };
        let around = hosts[behind..].iter().chain(&hosts[..behind]).filter(is_fine);
        let asked: Vec<_> = around.take(NEIGHBOURS_LOOKED_MAX).copied().collect();
        for checkable in asked {
            self.effects.push(Effect::Order(ToShard::CheckNow { checkable }));
        }
    }

    /// Is the site of `id` out as a whole, or back?
    fn judge_site_of(&mut self, id: CheckableId) {
        let Some(it) = self.directory.get(id).filter(|it| it.subject.of_host) else { return };
        let Some(site) = it.subject.site else { return };
        let Some(tally) = self.directory.sites.get(site as usize).copied() else { return };
        let out = tally.hosts * SITE_DOWN_PERCENT;
        match tally.problem {
            None if tally.down >= SITE_DOWN_MIN && tally.down * 100 >= out => self.open_site(site),
            Some(problem) if tally.down * 200 < out => {
                self.directory.sites[site as usize].problem = None;
                self.end(problem, Ending::Recovered);
            }
            Some(problem) if self.directory.get(id).is_some_and(|it| it.problem.is_some()) => {
                self.explain_by_site(id, problem);
            }
            _ => {}
        }
    }

    /// Hosts may have come, gone or changed all at once.
    pub(crate) fn judge_sites(&mut self) {
        for site in 0..u32::try_from(self.directory.sites.len()).unwrap_or(0) {
            if !self.recalled {
                return; // All hosts seem to be up until it is known what was believed.
            }
            match self.directory.hosts_of_site(site).first().copied() {
                Some(host) => self.judge_site_of(host),
                None => {
                    if let Some(problem) = self.directory.sites[site as usize].problem.take() {
                        self.end(problem, Ending::Removed);
                    }
                }
            }
        }
    }

    fn open_site(&mut self, site: u32) {
        let duty = Arc::clone(&self.rules.duty);
        let Some(place) = duty.sites.get(site as usize) else { return };
        let Some(customer) = duty.customers.get(place.customer as usize) else { return };
        let about = About::Site(Arc::from(format!("{}/{}", customer.name, place.name)));
        let mut problem = self.blank(about, Status::Down, Severity::Down);
        let tally = self.directory.sites[site as usize];
        problem.customer = Arc::clone(&customer.name);
        problem.site = Some(Arc::from(format!("{}/{}", customer.name, place.name)));
        problem.text = Arc::from(format!("{} of {} hosts are down", tally.down, tally.hosts));
        let hosts = self.directory.hosts_of_site(site).to_vec();
        problem.policy = self.policy_for(&problem.about);
        problem.last_good = hosts.iter().filter_map(|it| self.directory.get(*it)?.last_good).min();
        // Those that were held go into it at once; nothing is gained by waiting longer, unless it may
        // be we who cannot see them.
        problem.held_until = self.guard.in_doubt_until(self.pen.now);
        let Some(id) = self.open(problem) else { return };
        self.directory.sites[site as usize].problem = Some(id);
        for host in hosts {
            self.explain_by_site(host, id);
        }
        self.tell_new(id);
    }

    /// A host of a site that is out needs no problem of its own, unless somebody knows of it.
    fn explain_by_site(&mut self, id: CheckableId, site_problem: ProblemId) {
        let Some(it) = self.directory.get(id).filter(|it| !it.status.is_fine()) else { return };
        if it.status == Status::Unreachable {
            return;
        }
        match it.problem {
            Some(own) if self.is_told(own) => return,
            Some(own) => self.end(own, Ending::Explained),
            None => {}
        }
        self.add_symptom(site_problem, id);
        self.judge_below(id);
    }

    /// Our own sight is gone, or back.
    pub(crate) fn sight_turned(&mut self, turn: Turn) {
        match turn {
            Turn::None => {}
            Turn::Cleared => self.rearm_held(None),
            Turn::WentBlind => {
                self.effects.push(Effect::Order(ToShard::Blind { blind: true }));
                let (fine, all) = self.guard.count();
                let text = format!("{fine} of {all} canaries answer: we cannot see out");
                self.own_trouble(UPLINK, &text);
            }
            Turn::SeesAgain => {
                self.effects.push(Effect::Order(ToShard::Blind { blind: false }));
                self.own_trouble_over(UPLINK);
                self.judge_canaries_again();
                // Nobody is judged by what was believed in the dark: all that nobody knows of is
                // looked at once more before it is told.
                self.rearm_held(Some(self.pen.now.after(SETTLE)));
                self.take_up_parked();
            }
        }
    }

    /// Customers' hosts among the canaries, whose bad news said nothing while we could not see.
    fn judge_canaries_again(&mut self) {
        let ids: Vec<_> = self.guard.ids().collect();
        for id in ids {
            let Some(it) = self.directory.get(id) else { continue };
            if is_ours(&it.subject) || it.problem.is_some() || !it.is_believed_bad() {
                continue;
            }
            self.unsettle(id);
            self.effects.push(Effect::Order(ToShard::CheckNow { checkable: id }));
        }
    }

    /// Problems that nobody knows of yet are held until `until`, or not any more.
    fn rearm_held(&mut self, until: Option<Moment>) {
        let now = self.pen.now;
        let untold: Vec<_> =
            self.problems.values().filter(|it| it.told.is_empty()).map(|it| it.id).collect();
        for id in untold {
            let Some(problem) = self.problems.get_mut(&id) else { continue };
            if until.is_none() && problem.held_until.is_none() {
                continue;
            }
            problem.held_until = until;
            unpark(problem, until.unwrap_or(now));
            self.touched.insert(id);
            if until.is_some()
                && let About::Checkable(name) = &problem.about
                && let Some(checkable) = self.directory.id_of(name)
            {
                self.effects.push(Effect::Order(ToShard::CheckNow { checkable }));
            }
            self.attend(id);
        }
    }

    /// Opens the problem of our own called `name`, or keeps it open.
    pub(crate) fn own_trouble(&mut self, name: &str, text: &str) {
        if self.own.contains_key(name) {
            return;
        }
        let about = About::Own(Arc::from(name));
        let mut problem = self.blank(about, Status::Critical, Severity::Critical);
        problem.text = Arc::from(text);
        problem.policy = self.policy_for(&problem.about);
        if let Some(id) = self.open(problem) {
            self.own.insert(Arc::from(name), id);
            self.tell_new(id);
        }
    }

    /// The problem of our own called `name` is over.
    pub(crate) fn own_trouble_over(&mut self, name: &str) {
        if let Some(id) = self.own.remove(name) {
            self.end(id, Ending::Recovered);
        }
    }

    pub(crate) fn customer_of(&self, subject: &Subject) -> Arc<str> {
        let customers = &self.rules.duty.customers;
        match customers.get(subject.customer as usize) {
            Some(it) => Arc::clone(&it.name),
            None => Arc::from(subject.name.split('/').next().unwrap_or("")),
        }
    }

    /// What `name` says of what `problem` is about.
    pub(crate) fn label_of<'a>(&'a self, problem: &'a Problem, name: &str) -> &'a str {
        let duty = &self.rules.duty;
        if let About::Checkable(about) = &problem.about
            && let Some(it) = self.directory.by_name(about)
        {
            return super::subjects::Directory::label(it, duty, name);
        }
        if let About::Job(about) = &problem.about
            && let Some(job) = self.watchdogs.job(about)
        {
            return super::jobs::label_of(job, &self.rules, name);
        }
        match name {
            "customer" => &problem.customer,
            "site" => problem.site.as_deref().map_or("", |it| it.rsplit('/').next().unwrap_or("")),
            _ => problem.labels.get(name).map_or("", |it| &**it),
        }
    }

    /// The contract under which a call about `problem` falls: a place in the list.
    pub(crate) fn contract_of(&self, problem: &Problem) -> Option<u32> {
        if let About::Checkable(name) = &problem.about
            && let Some(contract) = self.directory.by_name(name).and_then(|it| it.subject.contract)
        {
            return Some(contract);
        }
        if let About::Job(name) = &problem.about
            && let Some(contract) = self.watchdogs.job(name).and_then(|it| it.contract)
        {
            return Some(contract);
        }
        let customers = &self.rules.duty.customers;
        let at = customers.binary_search_by(|it| it.name.cmp(&problem.customer)).ok()?;
        customers[at].contract
    }

    /// Everything about one that is not watched any more.
    pub(crate) fn forget(&mut self, gone: &Watched) {
        if let Some(problem) = gone.problem {
            self.end(problem, Ending::Removed);
        }
        if let Some(problem) = gone.symptom_of {
            self.list_symptom(problem, &gone.subject.name, None);
        }
        self.unsettled.remove(&gone.subject.id);
    }
}

/// Does it stand for the world outside, and for no customer?
fn is_ours(subject: &Subject) -> bool {
    let mut parts = subject.name.split('/');
    parts.next() == Some(OWN_CUSTOMER)
}

/// A problem with nothing but what every one has.
pub(crate) fn blank(
    id: u64,
    now: Moment,
    about: About,
    status: Status,
    severity: Severity,
) -> Problem {
    Problem {
        id: ProblemId(id),
        version: 0,
        about,
        customer: Arc::from(""),
        site: None,
        labels: BTreeMap::new(),
        status,
        severity,
        text: Arc::from(""),
        flapping: false,
        opened_at: now,
        changed_at: now,
        ended_at: None,
        ending: None,
        symptoms: BTreeMap::new(),
        acknowledged: None,
        told: BTreeMap::new(),
        ladder: Ladder::default(),
        policy: None,
        held_until: None,
        propose_at: None,
        proposal: None,
        call_at: None,
        call: None,
        occurrences: 1,
        timeline: Vec::new(),
        last_good: None,
        notes: Vec::new(),
        values: Vec::new(),
    }
}
