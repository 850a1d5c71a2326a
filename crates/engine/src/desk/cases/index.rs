//! What finds proposals and calls without looking at all of them, and what wakes them.
//!
//! All of it follows from the rows, so nothing here is kept: it is built again at a restart.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{
    About, Call, CallId, CallState, Condition, Moment, ProblemId, ProposalId, Severity, Wait,
};

/// Ways from a thing to the proposals and calls about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Open proposals.
    pub(super) proposals: BTreeMap<About, ProposalId>,
    /// Proposals that do not wait any more, oldest first.
    pub(super) done: BTreeSet<ProposalId>,
    /// Calls that are not closed, by everything that they cover.
    calls: BTreeMap<About, CallId>,
    /// What each of them covers: what it is about, and what was merged into it.
    covers: BTreeMap<CallId, BTreeSet<About>>,
    /// Calls that are not closed, by their problems.
    problems: BTreeMap<ProblemId, CallId>,
    /// Calls that wait for a process, by the name that shows it.
    awaited: BTreeSet<(Arc<str>, CallId)>,
    /// Calls that wait for runs of a job, by its name.
    awaited_jobs: BTreeSet<(Arc<str>, CallId)>,
    /// Closed calls, oldest first.
    closed: BTreeSet<(Moment, CallId)>,
    closed_about: BTreeSet<(About, Moment, CallId)>,
    /// All calls in memory by who has or had them.
    people: BTreeMap<Arc<str>, BTreeSet<CallId>>,
    loads: BTreeMap<Arc<str>, Load>,
}

/// What somebody has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) calls: u32,
    /// The calls, weighted by how bad they are.
    pub(super) weight: u32,
}

impl Index {
    pub(super) fn add(&mut self, call: &Call) {
        if let Some(person) = &call.assignee {
            self.people.entry(Arc::clone(person)).or_default().insert(call.id);
        }
        if call.state == CallState::Closed {
            let at = call.closed_at.unwrap_or(call.opened_at);
            self.closed.insert((at, call.id));
            if let Some(about) = &call.about {
                self.closed_about.insert((about.clone(), at, call.id));
            }
            self.uncover(call.id);
            return;
        }
        self.covers.entry(call.id).or_default();
        if let Some(about) = &call.about {
            self.cover(about, call.id);
        }
        self.problems.extend(call.problems.iter().map(|it| (*it, call.id)));
        if let Some(condition) = condition(call) {
            self.awaited.insert((Arc::clone(&condition.name), call.id));
        }
        if let Some(job) = awaited_job(call) {
            self.awaited_jobs.insert((Arc::clone(job), call.id));
        }
        if let Some(person) = &call.assignee {
            let load = self.loads.entry(Arc::clone(person)).or_default();
            load.calls += 1;
            load.weight += weight(call.severity);
        }
    }

    /// Takes out what [`Index::add`] put in for this very state of the call, but for what was
    /// merged into it.
    pub(super) fn remove(&mut self, call: &Call) {
        if let Some(person) = &call.assignee
            && let Some(calls) = self.people.get_mut(person)
        {
            calls.remove(&call.id);
            if calls.is_empty() {
                self.people.remove(person);
            }
        }
        if call.state == CallState::Closed {
            let at = call.closed_at.unwrap_or(call.opened_at);
            self.closed.remove(&(at, call.id));
            if let Some(about) = &call.about {
                self.closed_about.remove(&(about.clone(), at, call.id));
            }
            return;
        }
        for problem in &call.problems {
            self.problems.remove(problem);
        }
        if let Some(condition) = condition(call) {
            self.awaited.remove(&(Arc::clone(&condition.name), call.id));
        }
        if let Some(job) = awaited_job(call) {
            self.awaited_jobs.remove(&(Arc::clone(job), call.id));
        }
        if let Some(person) = &call.assignee
            && let Some(load) = self.loads.get_mut(person)
        {
            load.calls = load.calls.saturating_sub(1);
            load.weight = load.weight.saturating_sub(weight(call.severity));
            if load.calls == 0 {
                self.loads.remove(person);
            }
        }
    }

    /// What comes up about `about` belongs to `call` until that is closed.
    pub(super) fn cover(&mut self, about: &About, call: CallId) {
        if let Some(covered) = self.covers.get_mut(&call) {
            covered.insert(about.clone());
            self.calls.insert(about.clone(), call);
        }
    }

    fn uncover(&mut self, call: CallId) {
        for about in self.covers.remove(&call).unwrap_or_default() {
            if self.calls.get(&about) == Some(&call) {
                self.calls.remove(&about);
            }
        }
    }

    /// The call about it that is not closed.
    pub(super) fn call_about(&self, about: &About) -> Option<CallId> {
        self.calls.get(about).copied()
    }

    /// The call that a problem belongs to and that is not closed.
    pub(super) fn call_of(&self, problem: ProblemId) -> Option<CallId> {
        self.problems.get(&problem).copied()
    }

    /// Calls that are not closed.
    pub(super) fn open(&self) -> impl ExactSizeIterator<Item = CallId> {
        self.covers.keys().copied()
    }

    /// Calls that wait for runs of `job`.
    pub(super) fn waiting_for_job(&self, job: &str) -> Vec<CallId> {
        let first = (Arc::from(job), CallId(0));
        self.awaited_jobs.range(first..).take_while(|it| &*it.0 == job).map(|it| it.1).collect()
    }

    /// Calls that wait for `name` to be fine.
    pub(super) fn waiting_for(&self, name: &str) -> Vec<CallId> {
        let first = (Arc::from(name), CallId(0));
        self.awaited.range(first..).take_while(|it| &*it.0 == name).map(|it| it.1).collect()
    }

    /// The names that calls wait for, each once.
    pub(super) fn awaited(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.awaited.iter().map(|it| Arc::clone(&it.0)).collect();
        names.dedup();
        names
    }

    /// Closed calls about the same, newest first.
    pub(super) fn closed_about(&self, about: &About) -> impl Iterator<Item = CallId> {
        let from = (about.clone(), Moment::ZERO, CallId(0));
        let until = (about.clone(), Moment::from_nanos(u64::MAX), CallId(u64::MAX));
        self.closed_about.range(from..=until).rev().map(|it| it.2)
    }

    /// The call that was closed first of more than `kept`.
    pub(super) fn superfluous(&self, kept: usize) -> Option<CallId> {
        (self.closed.len() > kept).then(|| self.closed.first().map(|it| it.1))?
    }

    pub(super) fn load(&self, person: &str) -> Load {
        self.loads.get(person).copied().unwrap_or_default()
    }

    /// The newest call that somebody has or had.
    pub(super) fn newest(&self, person: &str) -> Option<CallId> {
        self.people.get(person)?.last().copied()
    }
}

/// The condition on which a call waits.
pub(super) fn condition(call: &Call) -> Option<&Condition> {
    match &call.state {
        CallState::Suspended { wait: Wait::Process { until }, .. } => Some(until),
        _ => None,
    }
}

/// The job for runs of which a call waits.
fn awaited_job(call: &Call) -> Option<&Arc<str>> {
    match &call.state {
        CallState::Suspended { wait: Wait::Slots { job, .. }, .. } => Some(job),
        _ => None,
    }
}

fn weight(severity: Severity) -> u32 {
    match severity {
        Severity::Warning | Severity::Unknown => 1,
        Severity::Critical => 2,
        Severity::Down => 3,
    }
}

/// What is to be looked at by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A wait of a call ends. Before the clocks: these run differently from then on.
    Wait(CallId),
    /// A clock of a call has something to say.
    Clocks(CallId),
    /// A proposal is shown again, or its evidence is to be written.
    Proposal(ProposalId),
}

/// All of that, by time; each thing once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Timers {
    by_time: BTreeSet<(Moment, Due)>,
    at: BTreeMap<Due, Moment>,
}

impl Timers {
    /// Looks at `due` at this moment instead of any other.
    pub(super) fn set(&mut self, due: Due, at: Option<Moment>) {
        let before = match at {
            Some(at) => self.at.insert(due, at),
            None => self.at.remove(&due),
        };
        if let Some(before) = before {
            self.by_time.remove(&(before, due));
        }
        if let Some(at) = at {
            self.by_time.insert((at, due));
        }
    }

    pub(super) fn next(&self) -> Option<Moment> {
        Some(self.by_time.first()?.0)
    }

    /// Takes out the first one that is due.
    pub(super) fn pop(&mut self, now: Moment) -> Option<(Moment, Due)> {
        let (at, due) = *self.by_time.first().filter(|it| it.0 <= now)?;
        self.set(due, None);
        Some((at, due))
    }
}
