//! What the desk does by itself: timers, changes of the rules, what is decided again, figures.

use std::{collections::BTreeSet, sync::Arc};

use model::{About, CallId, Duty, Moment, Problem, ProblemId, Reply};

use super::{
    ANSWERS_MAX, Desk, PROBLEMS_ENDED_MAX,
    cases::{CaseNews, World},
    deliveries::{channel_in_trouble, forget_withdrawn},
    guard::Turn,
    ladder::{PARKED, knows_otherwise},
    pen::Rules,
    problems::{UPLINK, policy_of, set_case_times},
    subjects::Directory,
    timers::Timer,
};

/// Timers taken up in one turn; the rest is due in the next.
const TIMERS_PER_TURN_MAX: usize = 10_000;
/// What proposals and calls may look up.
pub(crate) struct Sight<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) problems: &'a std::collections::BTreeMap<ProblemId, Problem>,
    pub(crate) rules: &'a Rules,
}

impl World for Sight<'_> {
    fn is_open(&self, problem: ProblemId) -> bool {
        self.problems.contains_key(&problem)
    }

    fn is_fine(&self, name: &str) -> Option<bool> {
        self.directory.by_name(name).map(|it| it.status.is_fine())
    }

    fn knows_job(&self, name: &str) -> bool {
        self.rules.duty.jobs.iter().any(|it| *it.name == *name)
    }

    fn contract_of(&self, about: &About, customer: &str) -> Option<u32> {
        if let About::Checkable(name) = about
            && let Some(contract) = self.directory.by_name(name).and_then(|it| it.subject.contract)
        {
            return Some(contract);
        }
        let customers = &self.rules.duty.customers;
        let at = customers.binary_search_by(|it| (*it.name).cmp(customer)).ok()?;
        customers[at].contract
    }
}

impl Desk {
    /// Everything that is due by now.
    pub(crate) fn keep_up(&mut self) {
        let now = self.pen.now;
        if self.windows.next().is_some_and(|it| it <= now) {
            self.turn_windows();
        }
        if self.watchdogs.next_wake().is_some_and(|it| it <= now) {
            self.look_at_jobs();
        }
        for _ in 0..TIMERS_PER_TURN_MAX {
            let Some((_, timer)) = self.timers.pop(now) else { break };
            match timer {
                Timer::Problem(id) => self.look_after(id),
                Timer::Grown(id) => {
                    self.grown.remove(&id);
                    self.touched.insert(id);
                }
                Timer::Unsettled(id) => self.settle(id),
                Timer::Silence(id) => self.silence_turned(id),
                Timer::Windows => self.turn_windows(),
                Timer::Heartbeat => self.sign_of_life(),
            }
        }
        // A problem that has just opened is looked after in the same transaction.
        if self.cases.next_wake().is_some_and(|it| it <= now) {
            self.cases.wake(&self.rules, &mut self.pen);
        }
        let news = self.cases.news();
        if news.iter().any(|it| matches!(it, CaseNews::Opened(..))) {
            self.hold_clocks();
        }
        for news in news {
            if let CaseNews::Opened(id, _) = news {
                self.note_call(id);
            }
            self.tell_of_call(&news);
        }
        for note in self.cases.notes() {
            self.mirror_outside(&note);
        }
        self.watch_awaited(false);
        self.hand_out();
    }

    /// The open problems of a call say that they belong to it.
    pub(crate) fn note_call(&mut self, id: CallId) {
        let Some(call) = self.cases.call(id) else { return };
        for problem in &call.problems {
            if let Some(problem) = self.problems.get_mut(problem)
                && problem.call != Some(id)
            {
                problem.call = Some(id);
                self.touched.insert(problem.id);
            }
        }
    }

    /// Rules or people are others than before.
    pub(crate) fn rules_changed(&mut self, old: &Rules) {
        let duty = Arc::clone(&self.rules.duty);
        self.hosts = self.directory.iter().filter(|it| it.1.subject.of_host).count();
        let canaries = duty.uplink.canaries.iter().filter_map(|it| self.directory.id_of(it));
        let canaries: Vec<_> = canaries.collect();
        self.guard.configure(&duty.uplink, canaries.iter().copied());
        if self.recalled {
            // Others may stand for the world now, or fewer be enough.
            for id in canaries {
                if let Some(it) = self.directory.get(id) {
                    self.guard.recall(id, it.status.is_fine(), it.kind);
                }
            }
            let turn = self.guard.review(self.pen.now);
            self.sight_turned(turn);
        } else if self.guard.is_blind() && self.guard.count().1 == 0 {
            // Nobody is left who could say that we see again.
            self.sight_turned(Turn::SeesAgain);
        }
        self.watch_awaited(true);
        self.windows.configure(&self.rules);
        self.cases.rules_changed(old, &self.rules, &mut self.pen);
        for settled in self.outbox.channels_changed(&self.rules, &mut self.pen) {
            self.settled(settled);
        }
        self.turn_windows();
        self.forget_channels();
        let ids: Vec<_> = self.problems.keys().copied().collect();
        for id in ids {
            self.renew_policy(id);
            self.stop_if_taken(id);
            self.attend(id);
        }
        self.heartbeat_at = duty.heartbeat.as_ref().map(|_| self.pen.now);
        if let Some(at) = self.heartbeat_at {
            self.set_timer(at, Timer::Heartbeat);
        }
    }

    /// Nobody hears the begin of what somebody has taken, also if that was on its way when an
    /// earlier process stopped, or if the policy stops at that only now.
    fn stop_if_taken(&mut self, id: ProblemId) {
        let rules = &self.rules;
        let Some(problem) = self.problems.get_mut(&id).filter(|it| is_stopped(it, rules)) else {
            return;
        };
        let fates = self.outbox.stopped(id, &mut self.pen);
        if forget_withdrawn(problem, &fates) {
            self.touched.insert(id);
        }
    }

    /// The policy that what `about` names has now: that of the checkable, of the first host of a
    /// site that has one, or the one for problems of our own.
    pub(crate) fn policy_for(&self, about: &About) -> Option<Arc<str>> {
        let duty = &self.rules.duty;
        let of = |it: model::CheckableId| self.directory.get(it)?.subject.policy;
        let place = match about {
            About::Checkable(name) => of(self.directory.id_of(name)?)?,
            About::Site(name) => {
                let place = place_of_site(duty, name)?;
                let hosts = self.directory.hosts_of_site(u32::try_from(place).ok()?);
                hosts.iter().find_map(|it| of(*it))?
            }
            About::Job(name) => self.watchdogs.job(name)?.policy?,
            About::Outage(cause) => {
                let outage = self.outages.get(cause).and_then(|it| self.problems.get(it))?;
                return self.policy_of_jobs(outage.symptoms.keys());
            }
            About::Own(_) => duty.own_policy?,
        };
        duty.policies.get(place as usize).map(|it| Arc::clone(&it.name))
    }

    /// Problems about channels that are gone end: nobody will ever deliver by them again.
    fn forget_channels(&mut self) {
        let gone = |name: &&Arc<str>| {
            channel_in_trouble(name).is_some_and(|channel| self.channel(channel).is_none())
        };
        let gone: Vec<_> = self.own.keys().filter(gone).cloned().collect();
        for name in gone {
            if let Some(id) = self.own.remove(&name) {
                self.end(id, model::Ending::Removed);
            }
        }
    }

    /// An open problem follows the policy that what it is about has now.
    pub(super) fn renew_policy(&mut self, id: ProblemId) {
        let Some(about) = self.problems.get(&id).map(|it| it.about.clone()) else { return };
        let policy = self.policy_for(&about);
        let Some(problem) = self.problems.get_mut(&id) else { return };
        if policy != problem.policy {
            problem.policy = policy;
            problem.ladder.due_at = Some(self.pen.now);
            if problem.proposal.is_none() && problem.call.is_none() {
                set_case_times(problem, &self.rules, self.pen.now);
            }
            self.touched.insert(id);
        }
        // A ladder that has got more steps goes on.
        let steps = policy_of(problem, &self.rules).map_or(0, |it| it.steps.len());
        if problem.ladder.due_at.is_none()
            && problem.acknowledged.is_none()
            && (problem.ladder.next_step as usize) < steps
        {
            problem.ladder.due_at = Some(self.pen.now);
            self.touched.insert(id);
        }
    }

    /// After a restart: which problem is about whom.
    pub(crate) fn link_problems(&mut self) {
        let (mut links, mut symptoms, mut outages) = (Vec::new(), Vec::new(), Vec::new());
        let mut gone = Vec::new();
        for problem in self.problems.values() {
            match &problem.about {
                About::Checkable(name) => links.push((problem.id, Arc::clone(name))),
                About::Job(name) => {
                    self.by_job.insert(Arc::clone(name), problem.id);
                }
                About::Outage(cause) => {
                    let jobs = problem.symptoms.keys().cloned().collect::<Vec<_>>();
                    outages.push((Arc::clone(cause), problem.id, jobs));
                    continue; // What it explains are jobs.
                }
                About::Own(name) => {
                    self.own.insert(Arc::clone(name), problem.id);
                    if let Some(intake) = name.strip_prefix("intake ") {
                        self.watchdogs.was_told_deaf(intake, problem.opened_at);
                    }
                    if **name == *UPLINK {
                        self.guard.stay_blind();
                    }
                }
                About::Site(name) => {
                    let at = place_of_site(&self.rules.duty, name);
                    if at.is_none() {
                        gone.push(problem.id);
                    }
                    if let Some(tally) = at.and_then(|at| self.directory.sites.get_mut(at)) {
                        tally.problem = Some(problem.id);
                    }
                }
            }
            let listed = problem.symptoms.iter();
            symptoms.extend(listed.map(|(name, since)| (*since, problem.id, Arc::clone(name))));
        }
        for (cause, outage, jobs) in outages {
            self.link_outage(&cause, outage, jobs);
        }
        let mut orphans = gone;
        for (problem, name) in links {
            let id = self.directory.id_of(&name);
            match id.and_then(|it| self.directory.get_mut(it)) {
                Some(it) => it.problem = Some(problem),
                None => orphans.push(problem),
            }
        }
        self.link_symptoms(symptoms);
        for id in orphans {
            self.end(id, model::Ending::Removed);
        }
    }

    /// Who is a symptom of what. A list is written a moment after it has changed, so after a crash
    /// two may name the same one: the younger word counts, and nobody explains whoever has a problem
    /// of its own.
    fn link_symptoms(&mut self, mut listed: Vec<(Moment, ProblemId, Arc<str>)>) {
        listed.sort_unstable();
        let mut linked = BTreeSet::new();
        for (_, problem, name) in listed.into_iter().rev() {
            let id = self.directory.id_of(&name);
            if let Some(id) = id
                && let Some(it) = self.directory.get_mut(id).filter(|it| it.problem.is_none())
                && linked.insert(id)
            {
                it.symptom_of = Some(problem);
            } else if let Some(root) = self.problems.get_mut(&problem) {
                root.symptoms.remove(&name);
                self.touched.insert(problem);
            }
        }
    }

    pub(crate) fn restore_problem(&mut self, problem: Problem) {
        if problem.is_open() {
            self.problems.insert(problem.id, problem);
        } else {
            self.remember_ended(problem);
        }
    }

    pub(crate) fn remember_ended(&mut self, problem: Problem) {
        self.ended_line.push_back(problem.id);
        self.ended.insert(problem.id, problem);
        if self.ended_line.len() > PROBLEMS_ENDED_MAX
            && let Some(oldest) = self.ended_line.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    pub(crate) fn remember_answer(&mut self, key: Arc<str>, reply: Reply) {
        if self.answers.insert(Arc::clone(&key), reply).is_none() {
            self.answers_line.push_back(key);
        }
        if self.answers_line.len() > ANSWERS_MAX
            && let Some(oldest) = self.answers_line.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }

    pub(crate) fn count(&mut self) -> super::Figures {
        let (reports, standings) = self.watchdogs.counts();
        let mut figures = super::Figures {
            withheld: self.withheld_by.clone(),
            overflowed: self.overflowed,
            reports: reports.clone(),
            standings: standings.clone(),
            unclaimed: self.watchdogs.unclaimed_count() as u64,
            intakes: self.watchdogs.intake_figures(),
            jobs: self.watchdogs.job_figures(self.pen.now),
            proposals: self.cases.outcomes().clone(),
            ..super::Figures::default()
        };
        for it in self.problems.values() {
            *figures.problems.entry(it.severity.word()).or_default() += 1;
        }
        let waiting = self.outbox.waiting_by_channel().into_iter();
        figures.waiting = waiting.map(|(name, count)| (name, count as u64)).collect();
        figures
    }

    /// Whatever was put off until something happens, and has something left to do, is decided
    /// again now: nobody may say any more that it has happened.
    pub(crate) fn take_up_parked(&mut self) {
        let now = self.pen.now;
        let parked = |it: &&Problem| {
            let policy = policy_of(it, &self.rules);
            let steps = policy.map_or(0, |it| it.steps.len());
            let untold = (it.ladder.next_step as usize) < steps
                || it.told.values().any(|told| knows_otherwise(told, it));
            let waits = it.propose_at == Some(PARKED) || it.call_at == Some(PARKED);
            policy.is_some() && (it.ladder.due_at.is_none() && untold || waits)
        };
        let all = self.problems.values().filter(|it| !is_stopped(it, &self.rules));
        let ids: Vec<_> = all.filter(parked).map(|it| it.id).collect();
        for id in ids {
            let Some(problem) = self.problems.get_mut(&id) else { continue };
            unpark(problem, now);
            self.look_after(id);
        }
    }

    /// Whatever was parked for the problems that `concerns` names is decided again now.
    pub(crate) fn rearm(&mut self, concerns: impl Fn(&Self, &Problem) -> bool) {
        let now = self.pen.now;
        let ids: Vec<_> =
            self.problems.values().filter(|it| concerns(self, it)).map(|it| it.id).collect();
        for id in ids {
            let Some(problem) = self.problems.get_mut(&id) else { continue };
            unpark(problem, now);
            self.look_after(id);
        }
    }
}

/// Has somebody acknowledged it, and does its policy stop at that?
pub(crate) fn is_stopped(problem: &Problem, rules: &Rules) -> bool {
    let stops = || policy_of(problem, rules).is_none_or(|it| it.stop_on_acknowledge);
    problem.acknowledged.is_some() && stops()
}

/// The place in the list of the site called `customer/site`.
fn place_of_site(duty: &Duty, name: &str) -> Option<usize> {
    let (customer, site) = name.split_once('/')?;
    let of = |it: &model::Site| duty.customers.get(it.customer as usize).map(|it| &*it.name);
    duty.sites.iter().position(|it| *it.name == *site && of(it) == Some(customer))
}

/// Whatever waits for something to happen is decided again at `at`.
pub(crate) fn unpark(problem: &mut Problem, at: Moment) {
    problem.ladder.due_at = Some(at);
    for parked in [&mut problem.propose_at, &mut problem.call_at] {
        if *parked == Some(PARKED) {
            *parked = Some(at);
        }
    }
}
