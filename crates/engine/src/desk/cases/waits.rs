//! What happens to a call by itself: its causes come and go, and what it waits for happens.

use std::sync::Arc;

use model::{About, Call, CallId, CallState, Ending, EventKind, Moment, Problem, ProblemId, Wait};

use super::{CALL_PROBLEMS_MAX, CaseNews, Cases, World, clocks::Terms, index::condition, words};
use crate::desk::pen::{Pen, Rules};

/// A conclusive result, as those who wait for it see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    /// When it came.
    pub(crate) at: Moment,
    /// Is what is seen since then fine?
    pub(crate) fine: bool,
    /// Is that believed?
    pub(crate) hard: bool,
}

impl Cases {
    /// Whom shards have to watch, by name, because a call waits for results; `None` if that is as
    /// it was when this was last asked.
    pub(crate) fn awaited(&mut self) -> Option<Vec<Arc<str>>> {
        std::mem::take(&mut self.waits_changed).then(|| self.index.awaited())
    }

    /// The same, whether it has changed or not.
    pub(crate) fn awaited_now(&self) -> Vec<Arc<str>> {
        self.index.awaited()
    }

    /// A problem has ended: its proposal is withdrawn unless somebody has touched it, and its call
    /// may be closed once no other problem of it is open.
    ///
    /// One that ended because another problem explains it is still bad; its call waits until what
    /// it is about is fine ([`Cases::result_came`]).
    pub(crate) fn problem_ended(&mut self, problem: &Problem, world: &dyn World, pen: &mut Pen) {
        if let Some(id) = self.index.proposals.get(&problem.about).copied() {
            self.cause_is_gone(id, problem, pen);
        }
        if problem.ending == Some(Ending::Explained) {
            return;
        }
        let Some(id) = self.index.call_of(problem.id) else { return };
        let Some(call) = self.calls.get(&id) else { return };
        // Who waits for several runs to go well is not done with the first.
        let waits_for_runs =
            matches!(&call.state, CallState::Suspended { wait: Wait::Slots { .. }, .. });
        if !waits_for_runs && all_over(call, Some(problem.id), world) {
            self.make_ready(id, "all its problems are over", pen);
        }
    }

    /// A result of a host or service came in, whether it changed anything or not.
    pub(crate) fn result_came(
        &mut self,
        name: &str,
        result: Looked,
        world: &dyn World,
        pen: &mut Pen,
    ) {
        for id in self.index.waiting_for(name) {
            if result.fine {
                self.holds_still(id, result.at, pen);
            } else {
                self.does_not_hold(id, result, world, pen);
            }
        }
        if !result.fine {
            return;
        }
        let Some(id) = self.index.call_about(&About::Checkable(name.into())) else { return };
        let Some(call) = self.calls.get(&id) else { return };
        if !call.problems.is_empty() && all_over(call, None, world) {
            self.make_ready(id, "what it is about is fine and all its problems are over", pen);
        }
    }

    /// A fine result that a call waits for. Results alone make it ready and no clock does: as long
    /// as nobody looks, nobody knows.
    fn holds_still(&mut self, id: CallId, at: Moment, pen: &mut Pen) {
        let Some(call) = self.calls.get(&id).filter(|it| !it.ready_to_close) else { return };
        let CallState::Suspended { wait, since } = &call.state else { return };
        let Wait::Process { until } = wait else { return };
        if at <= *since {
            return; // What came before the wait began is not what is waited for.
        }
        let fine_since = until.fine_since.unwrap_or(at);
        let enough = at >= fine_since.after(until.fine_for);
        let why = format!("waited for {}, which holds", words::of_wait(wait));
        if until.fine_since.is_none() {
            self.change_call(id, pen, |it| set_fine_since(it, Some(fine_since)));
        }
        if enough {
            self.make_ready(id, &why, pen);
        }
    }

    /// A slot of a job has got its standing.
    pub(crate) fn slot_judged(&mut self, job: &str, well: bool, pen: &mut Pen) {
        for id in self.index.waiting_for_job(job) {
            let Some(call) = self.calls.get(&id).filter(|it| !it.ready_to_close) else { continue };
            let CallState::Suspended { wait, .. } = &call.state else { continue };
            let Wait::Slots { wanted, kept: before, .. } = *wait else { continue };
            let why = format!("waited for {}, which they did", words::of_wait(wait));
            let mut enough = false;
            self.change_call(id, pen, |call| {
                let count = if well { before + 1 } else { 0 };
                set_kept(call, count);
                enough = count >= wanted;
            });
            if enough {
                self.make_ready(id, &why, pen);
            }
        }
    }

    fn does_not_hold(&mut self, id: CallId, result: Looked, world: &dyn World, pen: &mut Pen) {
        let Some(call) = self.calls.get(&id) else { return };
        if condition(call).and_then(|it| it.fine_since).is_none_or(|it| result.at <= it) {
            return;
        }
        if call.ready_to_close && !result.hard {
            return; // One bad look is not believed yet.
        }
        // Its problems may be over all the same; then it stays ready.
        let over = !call.problems.is_empty() && all_over(call, None, world);
        let taken_back = call.ready_to_close && !over;
        self.change_call(id, pen, |it| {
            set_fine_since(it, None);
            it.ready_to_close &= !taken_back;
        });
        if taken_back {
            let text = "what it waited for does not hold any more".to_owned();
            self.call_event(id, EventKind::CallNotReady, "engine", text, pen);
        }
    }

    /// A problem about what a call covers was believed again.
    pub(super) fn attach(&mut self, id: CallId, problem: &Problem, pen: &mut Pen) {
        let Some(call) = self.calls.get(&id) else { return };
        let known = call.problems.contains(&problem.id);
        let ready = call.ready_to_close;
        if known && !ready {
            return self.worsen(id, problem, pen);
        }
        self.change_call(id, pen, |call| {
            if !known {
                add_problem(call, problem.id);
            }
            call.severity = call.severity.max(problem.severity);
            if call.ready_to_close {
                // It has to hold anew: it did not keep the cause away.
                set_fine_since(call, None);
                set_kept(call, 0);
            }
            call.ready_to_close = false;
        });
        let kind = if ready { EventKind::CallNotReady } else { EventKind::ProposedAgain };
        let text = format!("came up again: {}", super::proposals::title(problem));
        self.call_event(id, kind, "engine", text, pen);
    }

    /// A problem of a call is worse than the call has it.
    pub(super) fn worsen(&mut self, id: CallId, problem: &Problem, pen: &mut Pen) {
        if self.calls.get(&id).is_none_or(|it| problem.severity <= it.severity) {
            return;
        }
        self.change_call(id, pen, |it| it.severity = problem.severity);
        let text = format!("now {}: {}", problem.severity.word(), super::proposals::title(problem));
        self.call_event(id, EventKind::CallMessage, "engine", text, pen);
    }

    pub(super) fn make_ready(&mut self, id: CallId, why: &str, pen: &mut Pen) {
        if self.calls.get(&id).is_none_or(|it| it.ready_to_close) {
            return;
        }
        self.change_call(id, pen, |it| it.ready_to_close = true);
        self.call_event(id, EventKind::CallReady, "engine", why.to_owned(), pen);
        self.news.push(CaseNews::Ready(id));
    }

    /// The moment has come until which a call waits at most.
    pub(super) fn wake_wait(&mut self, id: CallId, at: Moment, rules: &Rules, pen: &mut Pen) {
        let Some(call) = self.calls.get(&id) else { return };
        let CallState::Suspended { wait, .. } = &call.state else { return };
        let why = format!("waited for {} until now", words::of_wait(wait));
        self.go_on(id, at, &why, rules, pen);
    }

    /// A suspended call goes on by itself from `at` on.
    ///
    /// If nobody had taken charge before, nobody has now: it is assigned again, or open, and the
    /// clock for that goes on.
    pub(super) fn go_on(
        &mut self,
        id: CallId,
        at: Moment,
        why: &str,
        rules: &Rules,
        pen: &mut Pen,
    ) {
        let Some(call) = self.calls.get(&id) else { return };
        let terms = Terms::of(call, rules);
        let held = self.held.contains(&id);
        self.change_call(id, pen, |call| {
            let untaken = call.respond.as_ref().is_some_and(|it| it.met_at.is_none());
            call.state = if untaken { CallState::Assigned } else { CallState::InProgress };
            terms.settle(call, held, at);
        });
        self.schedule_clocks(id, rules);
        self.call_event(id, EventKind::CallResumed, "engine", why.to_owned(), pen);
        self.news.push(CaseNews::Resumed(id));
    }
}

/// When a call is to be looked at because of what it waits for.
pub(super) fn due(call: &Call) -> Option<Moment> {
    let CallState::Suspended { wait, .. } = &call.state else { return None };
    match wait {
        // Results end it, and no clock does.
        Wait::Process { .. } | Wait::Slots { .. } => None,
        Wait::Customer { until } | Wait::Supplier { until, .. } => *until,
    }
}

/// Is every problem of the call over? `ended` is, whatever the world still says.
pub(super) fn all_over(call: &Call, ended: Option<ProblemId>, world: &dyn World) -> bool {
    call.problems.iter().all(|it| Some(*it) == ended || !world.is_open(*it))
}

/// Adds a problem; a full list gives up the last one. That one is over: merging stops at half of
/// the list, so it came up about the same as this one, of which only one is open at a time.
pub(super) fn add_problem(call: &mut Call, problem: ProblemId) {
    if call.problems.contains(&problem) {
        return;
    }
    if call.problems.len() >= CALL_PROBLEMS_MAX {
        call.problems.pop();
    }
    call.problems.push(problem);
}

fn set_fine_since(call: &mut Call, since: Option<Moment>) {
    if let CallState::Suspended { wait: Wait::Process { until }, .. } = &mut call.state {
        until.fine_since = since;
    }
}

fn set_kept(call: &mut Call, count: u32) {
    if let CallState::Suspended { wait: Wait::Slots { kept, .. }, .. } = &mut call.state {
        *kept = count;
    }
}
