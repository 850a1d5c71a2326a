//! Requests: who was too late is told, who may not see sees nothing, and a repeat gets the same.

use model::{Command, ProposalState, Refusal, Reply, Row};

use super::{Asked, Judge, View};
use crate::desk::driver::{Batch, Cause, answers};

impl Judge {
    /// What is asked about, as it stands before.
    pub(super) fn look_up(&self, view: &View<'_>, cause: &Cause) -> Option<Asked> {
        let Cause::Asked(_, request) = cause else { return None };
        let shelf = view.shelf;
        let may = |customer: &str| request.by.may_see(customer);
        let object = match &request.command {
            Command::Acknowledge { problem, .. }
            | Command::Unacknowledge { problem }
            | Command::Comment { problem, .. }
            | Command::JudgeBlocking { problem, .. } => {
                shelf.problems.get(problem).map(|it| (it.version..=it.version, may(&it.customer)))
            }
            Command::Accept { proposal, .. }
            | Command::Merge { proposal, .. }
            | Command::Dismiss { proposal, .. }
            | Command::Snooze { proposal, .. } => {
                let least = self.decisive.get(proposal).copied().unwrap_or(0);
                shelf.proposals.get(proposal).map(|it| (least..=it.version, may(&it.customer)))
            }
            Command::Assign { call, .. }
            | Command::Start { call }
            | Command::Suspend { call, .. }
            | Command::Resume { call }
            | Command::Close { call, .. }
            | Command::Say { call, .. }
            | Command::Block { call } => {
                shelf.calls.get(call).map(|it| (it.version..=it.version, may(&it.customer)))
            }
            Command::RevokeToken { id } => {
                let standing = shelf.tokens.get(id).filter(|it| it.revoked_at.is_none());
                // One that has been taken back is nobody's any more.
                Some((0..=u64::MAX, standing.is_some()))
            }
            _ => None,
        };
        Some(Asked { request: request.clone(), object })
    }

    /// The answer fits what was asked and what has changed.
    pub(super) fn judge_answer(&mut self, view: &View<'_>, batch: &Batch) {
        let (Some(asked), Cause::Asked(ticket, _)) = (self.asked.take(), &batch.cause) else {
            return;
        };
        let Some(reply) = answers(batch).remove(ticket) else { return };
        let Asked { request, object } = asked;
        if let Some(key) = &request.repeat_key {
            let before = self.replies.get(&**key);
            if let Some(before) = before {
                let same = before == reply;
                let changed = batch.rows.iter().any(|it| matches!(it, Row::Answered(..)));
                return self
                    .demand(same && !changed, || format!("repeat {key} has another answer"));
            }
            if matches!(reply, Reply::Done { .. }) {
                self.replies.insert(key.to_string(), reply.clone());
            }
        }
        match reply {
            Reply::Done { .. } => {
                self.seen.done += 1;
                let stale = object.as_ref().zip(request.version);
                let stale = stale.is_some_and(|(it, seen)| !it.0.contains(&seen));
                self.demand(!stale, || format!("stale request was done: {request:?} {object:?}"));
                let foreign = object.as_ref().is_some_and(|it| !it.1);
                self.demand(!foreign, || format!("a stranger's request was done: {request:?}"));
                self.judge_done(view, &request.command);
            }
            Reply::Refused(refusal) => {
                self.seen.refused += 1;
                if let Refusal::Stale { version, .. } = refusal {
                    self.seen.stale += 1;
                    let really = request.version.is_some_and(|it| it != *version);
                    self.demand(really, || format!("refused as stale, and is not: {request:?}"));
                }
            }
        }
    }

    fn judge_done(&mut self, view: &View<'_>, command: &Command) {
        let right = match command {
            Command::Acknowledge { problem, .. } => {
                view.shelf.problems.get(problem).is_some_and(|it| it.acknowledged.is_some())
            }
            Command::Unacknowledge { problem } => {
                view.shelf.problems.get(problem).is_some_and(|it| it.acknowledged.is_none())
            }
            Command::Accept { proposal, .. } => {
                let state = view.shelf.proposals.get(proposal).map(|it| &it.state);
                matches!(state, Some(ProposalState::Accepted { .. }))
            }
            Command::Dismiss { proposal, .. } => {
                let state = view.shelf.proposals.get(proposal).map(|it| &it.state);
                matches!(state, Some(ProposalState::Dismissed { .. }))
            }
            Command::Close { call, .. } => {
                view.shelf.calls.get(call).is_some_and(|it| it.closed_at.is_some())
            }
            Command::RevokeToken { id } => {
                view.shelf.tokens.get(id).is_some_and(|it| it.revoked_at.is_some())
            }
            Command::EndOverride { id } => !view.shelf.overrides.contains_key(id),
            Command::Redeliver { alert } => {
                view.shelf.alerts.get(alert).is_some_and(|it| it.is_waiting() || it.attempts > 0)
            }
            _ => true,
        };
        self.demand(right, || format!("answered as done, and is not: {command:?}"));
    }

    /// An accepted or merged proposal is in its call.
    pub(super) fn judge_cases(&mut self, view: &View<'_>) {
        let wrong = view.shelf.proposals.values().rev().take(50).find(|it| match &it.state {
            ProposalState::Accepted { call, .. } | ProposalState::Merged { call, .. } => {
                let lacks = |call: &model::Call| {
                    !call.proposals.contains(&it.id) || !call.problems.contains(&it.problem)
                };
                view.shelf.calls.get(call).is_none_or(lacks)
            }
            _ => false,
        });
        self.demand(wrong.is_none(), || format!("not in its call: {wrong:?}"));
    }
}
