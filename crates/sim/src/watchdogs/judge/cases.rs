//! What people see of it: problems, proposals, calls that wait.

use std::{collections::BTreeSet, sync::Arc};

use model::{About, Call, CallState, Ending, Problem, Proposal, ProposalState, Standing, Wait};

use super::{Judge, View, Waiting};
use crate::desk::driver::{Batch, Cause};

impl Judge {
    pub(super) fn problem_row(&mut self, view: &View<'_>, problem: &Problem) {
        let known = view.shelf.problems.get(&problem.id);
        let before = known.map_or(0, |it| it.version);
        self.demand(problem.version == before + 1, || {
            format!("problem {} goes from version {before} to {}", problem.id, problem.version)
        });
        match &problem.about {
            About::Job(job) => {
                self.fresh.jobs.insert(Arc::clone(job));
                if known.is_none() {
                    self.seen.problems += 1;
                    self.fresh.opened.push(problem.id);
                }
                if !problem.is_open() && known.is_none_or(Problem::is_open) {
                    self.fresh.ended.push(problem.id);
                }
            }
            About::Own(_) if known.is_none() => self.seen.deaf += 1,
            _ => {}
        }
    }

    pub(super) fn proposal_row(&mut self, view: &View<'_>, proposal: &Proposal) {
        let About::Job(job) = &proposal.about else { return };
        let known = view.shelf.proposals.get(&proposal.id);
        self.seen.proposals += u64::from(known.is_none());
        let open = self.proposals.entry(Arc::clone(job)).or_default();
        if proposal.is_open() {
            open.insert(proposal.id);
        } else {
            open.remove(&proposal.id);
        }
        let count = open.len();
        self.demand(count <= 1, || format!("{job} has {count} open proposals"));
        if matches!(proposal.state, ProposalState::Withdrawn { .. }) {
            self.seen.withdrawn += 1;
            self.fresh.withdrawn.push(proposal.id);
            let was_open = known.is_some_and(Proposal::is_open);
            self.demand(was_open, || format!("proposal {} is withdrawn twice", proposal.id));
        }
    }

    pub(super) fn call_row(&mut self, call: &Call) {
        let CallState::Suspended { wait: Wait::Slots { job, wanted, .. }, since } = &call.state
        else {
            self.waits.remove(&call.id);
            return;
        };
        let known = self.waits.get(&call.id).is_some_and(|it| it.since == *since);
        if !known {
            let (job, kept) = (Arc::clone(job), BTreeSet::new());
            let ready = call.ready_to_close;
            let wait = Waiting { since: *since, job, wanted: *wanted, kept, ready };
            self.waits.insert(call.id, wait);
        }
    }

    pub(super) fn judge_cases(&mut self, view: &View<'_>, batch: &Batch) {
        self.judge_waits(view);
        for id in self.fresh.opened.clone() {
            self.judge_opened(view, batch, id);
        }
        for id in self.fresh.ended.clone() {
            self.judge_ended(view, id);
        }
        for (key, was) in self.fresh.slots.clone() {
            let Some(slot) = view.shelf.slots.get(&key) else { continue };
            if slot.standing.is_bad() && was != Some(slot.standing) {
                let newer = view.shelf.slots.range(&key..).skip(1);
                let newer = newer.take_while(|it| it.0.job == key.job);
                let well = newer.clone().any(|it| it.1.standing.is_kept());
                let told = well || open_problem(view, &key.job).is_some();
                let standing = slot.standing.word();
                self.demand(told, || format!("{key:?} is {standing}, and nobody is told"));
            }
        }
        self.judge_lies(view, batch);
    }

    /// A problem is a proposal at once.
    fn judge_opened(&mut self, view: &View<'_>, batch: &Batch, id: model::ProblemId) {
        let Some(problem) = view.shelf.problems.get(&id).filter(|it| it.is_open()) else { return };
        let About::Job(job) = &problem.about else { return };
        let Some((place, _)) = view.promise(job) else { return };
        let maintained = view
            .promises
            .maintenance(view.estate, place)
            .iter()
            .any(|it| it.from <= batch.at && batch.at <= it.until);
        let about = |it: &About| *it == problem.about;
        let proposed = view.shelf.proposals.values().any(|it| it.is_open() && about(&it.about));
        let called = view
            .shelf
            .calls
            .values()
            .any(|it| it.closed_at.is_none() && it.about.as_ref().is_some_and(about));
        // What hits many at once is proposed as one.
        let folded = view
            .shelf
            .open()
            .any(|it| matches!(it.about, About::Outage(_)) && it.symptoms.contains_key(job));
        self.demand(maintained || proposed || called || folded, || {
            format!("problem {id} about {job} is not proposed")
        });
    }

    /// What nobody has touched goes with its cause.
    fn judge_ended(&mut self, view: &View<'_>, id: model::ProblemId) {
        let Some(problem) = view.shelf.problems.get(&id) else { return };
        // It may have come up again in the same breath, with a proposal of its own.
        let again = matches!(&problem.about, About::Job(job) if open_problem(view, job).is_some());
        if problem.ending != Some(Ending::Recovered) || again {
            return;
        }
        let stays = view
            .shelf
            .proposals
            .values()
            .find(|it| it.is_open() && !it.touched && it.about == problem.about);
        self.demand(stays.is_none(), || format!("problem {id} is over, its proposal stays"));
    }

    /// What cannot prove itself silences nothing.
    fn judge_lies(&mut self, view: &View<'_>, batch: &Batch) {
        let Cause::Heard(ticket) = &batch.cause else { return };
        let Some(it) = self.given.get(ticket).copied() else { return };
        let mail = &view.senders.mails[it.mail];
        let promise = &view.promises.all[mail.job];
        if super::super::senders::is_proved(promise, &mail.proof) && mail.addressed {
            return;
        }
        let job = &promise.job.name;
        let quiet = promise.job.reporting == model::Reporting::FailuresOnly;
        let ended = self.fresh.ended.iter().filter_map(|it| view.shelf.problems.get(it));
        let ended = ended.filter(|it| it.about == About::Job(Arc::clone(job))).count();
        let turned = self.fresh.slots.iter().any(|(key, was)| {
            let now = view.shelf.slots.get(key).map(|it| it.standing);
            key.job == *job
                && now.is_some_and(Standing::is_kept)
                && !was.is_some_and(Standing::is_kept)
        });
        let silenced = ended > 0 || turned && !quiet;
        self.demand(!silenced, || format!("mail {} has silenced {job}: {mail:?}", it.mail));
    }

    /// Calls are ready once so many slots in a row were kept.
    fn judge_waits(&mut self, view: &View<'_>) {
        for (key, was) in &self.fresh.slots {
            let Some(slot) = view.shelf.slots.get(key) else { continue };
            let now = slot.standing;
            let waits = self.waits.values_mut().filter(|it| it.job == key.job);
            for wait in waits {
                if now.is_kept() && !was.is_some_and(Standing::is_kept) {
                    wait.kept.insert(key.at);
                } else if !now.is_kept()
                    && !now.is_void()
                    && *was != Some(now)
                    && (now != Standing::Open || was.is_some_and(Standing::is_kept))
                {
                    wait.kept.clear();
                }
            }
        }
        let mut ready = 0;
        let mut faults = Vec::new();
        for (id, wait) in &mut self.waits {
            let Some(call) = view.shelf.calls.get(id) else { continue };
            let enough = wait.kept.len() >= wait.wanted as usize;
            ready += u64::from(enough);
            wait.ready |= enough;
            // It stays ready, or comes up again: with a failure outside of any expected run, too.
            let bad = open_problem(view, &wait.job).is_some();
            let fine = if call.ready_to_close { wait.ready } else { !enough || bad };
            if wait.ready && !call.ready_to_close && bad {
                wait.kept.clear(); // It did not keep the cause away, and begins anew.
            }
            wait.ready = call.ready_to_close;
            if !fine {
                faults.push(format!(
                    "call {id} waits for {} slots of {}, of which {} were kept; ready: {}",
                    wait.wanted,
                    wait.job,
                    wait.kept.len(),
                    call.ready_to_close
                ));
            }
        }
        self.seen.ready = self.seen.ready.max(ready);
        faults.into_iter().for_each(|it| self.fail(it));
    }
}

/// The open problem about the job called `job`.
pub(super) fn open_problem<'a>(view: &View<'a>, job: &str) -> Option<&'a Problem> {
    view.shelf.open().find(|it| matches!(&it.about, About::Job(name) if **name == *job))
}
