//! One proposal for what hits the jobs of many customers at once.
//!
//! Every job keeps its problem, and whoever is told of it is told. But a dispatcher who has fifty
//! proposals because one relay is out sees none of them: so the jobs are listed in one problem about
//! what they have in common, which alone is proposed. It is over when the last of them is well.

use std::{collections::BTreeSet, sync::Arc};

use model::{About, Ending, Moment, Problem, ProblemId, Severity, Status};

use super::{
    Desk,
    gates::{Chain, Purpose},
    ladder::PARKED,
    watchdogs::OUTAGE_WITHIN,
};

/// What the proposal says.
const TEXT: &str = "jobs of several customers went bad within an hour";
/// A ladder that has no more steps: those who are told of the jobs are told of them.
const NO_MORE_STEPS: u32 = u32::MAX;

impl Desk {
    /// A job has gone bad: is that a part of something larger?
    pub(super) fn join_outage(&mut self, job: &Arc<str>) {
        if self.outage_of.contains_key(job) || !self.may_join(job) {
            return;
        }
        let now = self.pen.now;
        let causes = self.watchdogs.causes(job);
        let spreads = |it: &&Arc<str>| {
            let root = self.outages.get(*it).and_then(|it| self.problems.get(it));
            let last = root.and_then(|it| it.symptoms.values().max());
            last.is_some_and(|last| now.since(*last) <= OUTAGE_WITHIN)
        };
        if let Some(outage) = causes.iter().find(spreads).and_then(|it| self.outages.get(it)) {
            return self.add_to_outage(*outage, job);
        }
        let known = |it: &&Arc<str>| self.outages.contains_key(*it);
        let cause = causes.iter().find(|it| !known(it) && self.watchdogs.is_out(it, job));
        let Some(cause) = cause.cloned() else { return };
        let jobs = self.watchdogs.hit_by(&cause, job);
        let jobs: Vec<_> = jobs
            .into_iter()
            .filter(|it| !self.outage_of.contains_key(it) && self.may_join(it))
            .collect();
        self.open_outage(&cause, &jobs);
    }

    /// Is its trouble as new as that of the others?
    fn may_join(&self, job: &str) -> bool {
        let problem = self.by_job.get(job).and_then(|it| self.problems.get(it));
        problem.is_some_and(|it| self.pen.now.since(it.opened_at) <= OUTAGE_WITHIN)
    }

    fn open_outage(&mut self, cause: &Arc<str>, jobs: &[Arc<str>]) {
        let about = About::Outage(Arc::clone(cause));
        let mut problem = self.blank(about, Status::Critical, Severity::Critical);
        problem.text = Arc::from(TEXT);
        problem.policy = self.policy_of_jobs(jobs.iter());
        let Some(id) = self.open(problem) else { return };
        self.outages.insert(Arc::clone(cause), id);
        if let Some(problem) = self.problems.get_mut(&id) {
            (problem.ladder.next_step, problem.ladder.due_at) = (NO_MORE_STEPS, None);
        }
        for job in jobs {
            self.add_to_outage(id, job);
        }
        self.tell_new(id);
    }

    /// The policy by which it is proposed: of those of its jobs the one that is heard soonest.
    pub(super) fn policy_of_jobs<'a>(
        &self,
        jobs: impl Iterator<Item = &'a Arc<str>>,
    ) -> Option<Arc<str>> {
        let policies = &self.rules.duty.policies;
        let all = jobs.filter_map(|it| policies.get(self.watchdogs.job(it)?.policy? as usize));
        let soonest = all
            .filter(|it| it.propose.is_some())
            .min_by_key(|it| (it.hours.is_some(), it.propose, it.call.is_none(), it.call));
        soonest.map(|it| Arc::clone(&it.name))
    }

    /// Lists a job with the others, and takes its own proposal back that nobody has touched.
    fn add_to_outage(&mut self, outage: ProblemId, job: &Arc<str>) {
        let Some(root) = self.problems.get_mut(&outage) else { return };
        root.symptoms.insert(Arc::clone(job), self.pen.now);
        count_members(root);
        let name = root.about.name();
        self.touched.insert(outage);
        self.outage_of.insert(Arc::clone(job), outage);
        self.renew_policy(outage);
        self.attend(outage);
        let Some(problem) = self.by_job.get(job).and_then(|it| self.problems.get_mut(it)) else {
            return;
        };
        if self.cases.fold(problem, &format!("is a part of {name}"), &mut self.pen) {
            (problem.proposal, problem.propose_at) = (None, Some(PARKED));
            self.touched.insert(problem.id);
        }
    }

    /// A job is well again, or gone.
    pub(super) fn leave_outage(&mut self, job: &Arc<str>) {
        let Some(outage) = self.outage_of.remove(job) else { return };
        let Some(root) = self.problems.get_mut(&outage) else { return };
        root.symptoms.remove(job);
        count_members(root);
        self.touched.insert(outage);
        if root.symptoms.is_empty() {
            self.outages.retain(|_, it| *it != outage);
            self.end(outage, Ending::Recovered);
        }
    }

    /// After a restart: who belongs to it.
    pub(super) fn link_outage(&mut self, cause: &Arc<str>, outage: ProblemId, jobs: Vec<Arc<str>>) {
        self.outages.insert(Arc::clone(cause), outage);
        self.outage_of.extend(jobs.into_iter().map(|it| (it, outage)));
    }

    /// What is a part of something larger is proposed with that.
    pub(super) fn outage_gate(
        &self,
        problem: &Problem,
        _: Moment,
        purpose: Purpose,
        chain: &mut Chain,
    ) {
        let About::Job(job) = &problem.about else { return };
        let Some(outage) = self.outage_of.get(job).and_then(|it| self.problems.get(it)) else {
            return;
        };
        let closes = match purpose {
            Purpose::Propose => true,
            // Not every policy opens calls by itself; one that does must not wait for one that does
            // not.
            Purpose::Call => outage.call_at.is_some() || outage.call.is_some(),
            Purpose::Alert | Purpose::Remind => false,
        };
        if closes {
            chain.close("outage", format!("is a part of {}", outage.about.name()), None, None);
        }
    }
}

/// How many there are of how many customers, for whoever reads the proposal.
fn count_members(root: &mut Problem) {
    let customers: BTreeSet<&str> =
        root.symptoms.keys().filter_map(|it| it.split('/').next()).collect();
    let (jobs, customers) = (root.symptoms.len(), customers.len());
    root.notes = vec![format!("jobs that are still bad: {jobs}, of customers: {customers}")];
}
