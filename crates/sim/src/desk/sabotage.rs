//! Bugs as they could be in the desk itself: what it does is falsified so that rows and messages
//! agree with each other, as they would if the desk had simply forgotten something.

use std::collections::{BTreeMap, BTreeSet};

use engine::desk::Effect;
use model::{
    AlertKey, AlertKind, AlertState, CallState, Command, Delivery, EventKind, Problem, ProblemId,
    ProposalState, Route, Row, ToShard, VerdictOfDesk, Wait, WithdrawReason,
};

use super::{
    driver::{Batch, Cause, is_fallback},
    planted::DeskBug,
};

/// What a desk has forgotten so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forgotten {
    /// How each problem stood when it was last kept.
    kept: BTreeMap<ProblemId, Problem>,
    /// Problems of which nobody is told any more, as they stood then.
    muted: BTreeMap<ProblemId, Problem>,
    /// Alerts that were never owed.
    dropped: BTreeSet<AlertKey>,
}

impl Forgotten {
    /// Puts `bug` into what one input has caused; gives what the desk is told of messages that
    /// nobody sends.
    pub(crate) fn falsify(&mut self, bug: DeskBug, batch: &mut Batch) -> Vec<(AlertKey, Delivery)> {
        let mut lies = Vec::new();
        match bug {
            DeskBug::ParkedForever => {
                lies = self.mute(batch, &["window", "silence", "acknowledged", "uplink"]);
            }
            DeskBug::HeldForever => lies = self.mute(batch, &["hold"]),
            DeskBug::RestForgotten => forget_rest(batch, true),
            DeskBug::RestForever => forget_rest(batch, false),
            DeskBug::MergeLosesProblem => lose_merged(batch),
            DeskBug::WorseningLost => keep_told(batch),
            DeskBug::ResolveUnreached => resolve_unreached(batch),
            DeskBug::ProposalKept => keep_proposals(batch),
            DeskBug::ClockRuns => let_clocks_run(batch),
            DeskBug::NeverReady => {
                for row in &mut batch.rows {
                    if let Row::Call(it) = row {
                        it.ready_to_close = false;
                    }
                }
            }
            _ => {}
        }
        lies
    }

    /// Once nobody is told of a problem because of one of `gates`, nobody ever is.
    fn mute(&mut self, batch: &mut Batch, gates: &[&str]) -> Vec<(AlertKey, Delivery)> {
        for row in &batch.rows {
            if let Row::Problem(it) = row {
                self.kept.insert(it.id, Problem::clone(it));
            }
        }
        for row in &batch.rows {
            if let Row::Decision(it) = row
                && let VerdictOfDesk::Nobody { reason, .. } = &it.verdict
                && gates.contains(&&**reason)
                && let Some(problem) = self.kept.get(&it.problem)
            {
                self.muted.entry(it.problem).or_insert_with(|| problem.clone());
            }
        }
        let rows = std::mem::take(&mut batch.rows);
        batch.rows = rows.into_iter().filter_map(|it| self.muted_row(it)).collect();
        let mut lies = Vec::new();
        batch.effects.retain(|it| match it {
            Effect::Deliver(it) if self.dropped.contains(&it.key) => {
                lies.push((it.key, Delivery::Taken));
                false
            }
            _ => true,
        });
        lies
    }

    fn muted_row(&mut self, row: Row) -> Option<Row> {
        match row {
            Row::Alert(it) => {
                let since = self.muted.get(&it.problem);
                let unheard = since.is_some_and(|was| !was.told.contains_key(&it.route));
                let says_bad = matches!(it.kind, AlertKind::Trigger | AlertKind::Reminder);
                let fresh = it.is_waiting() && it.attempts == 0 && !it.may_have_arrived;
                if fresh && since.is_some() && !is_fallback(&it) && (says_bad || unheard) {
                    self.dropped.insert(it.key);
                }
                (!self.dropped.contains(&it.key)).then_some(Row::Alert(it))
            }
            Row::Decision(it) => {
                let told = matches!(it.verdict, VerdictOfDesk::Told { .. });
                let muted = told && self.muted.contains_key(&it.problem);
                (!muted).then_some(Row::Decision(it))
            }
            Row::Problem(mut it) => {
                if let Some(was) = self.muted.get(&it.id).filter(|_| it.is_open()) {
                    (it.told, it.ladder) = (was.told.clone(), was.ladder.clone());
                    it.ladder.due_at = None;
                }
                Some(Row::Problem(it))
            }
            other => Some(other),
        }
    }
}

/// Shards do not hear who rests, or who does not any more.
fn forget_rest(batch: &mut Batch, begin: bool) {
    batch.effects.retain(
        |it| !matches!(it, Effect::Order(ToShard::Rest { resting, .. }) if *resting == begin),
    );
}

fn lose_merged(batch: &mut Batch) {
    let merges = |it: &Cause| matches!(it, Cause::Asked(_, it) if matches!(it.command, Command::Merge { .. }));
    if !merges(&batch.cause) {
        return;
    }
    for row in &mut batch.rows {
        if let Row::Call(it) = row {
            it.problems.pop();
        }
    }
}

/// What was withdrawn unsent still counts as told.
fn keep_told(batch: &mut Batch) {
    let suppressed = AlertState::Withdrawn { reason: WithdrawReason::Suppressed };
    let withdrawn: Vec<(ProblemId, Route)> = batch
        .rows
        .iter()
        .filter_map(|it| match it {
            Row::Alert(it) if it.state == suppressed => Some((it.problem, it.route.clone())),
            _ => None,
        })
        .collect();
    for row in &mut batch.rows {
        let Row::Problem(it) = row else { continue };
        for (problem, route) in &withdrawn {
            if *problem == it.id
                && let Some(told) = it.told.get_mut(route)
            {
                told.status = Some(it.status);
            }
        }
    }
}

/// Whoever was to be told of a problem, and was not, is told of its end.
fn resolve_unreached(batch: &mut Batch) {
    let ended: Vec<Box<Problem>> = batch
        .rows
        .iter()
        .filter_map(|it| match it {
            Row::Problem(it) if !it.is_open() => Some(it.clone()),
            _ => None,
        })
        .collect();
    for row in &mut batch.rows {
        let Row::Alert(it) = row else { continue };
        let unreached = |problem: &Problem| {
            problem.id == it.problem && problem.told.get(&it.route).is_some_and(|it| !it.reached)
        };
        if it.kind == AlertKind::Missed && ended.iter().any(|it| unreached(it)) {
            it.kind = AlertKind::Resolve;
        }
    }
    for effect in &mut batch.effects {
        if let Effect::Deliver(it) = effect
            && it.kind == AlertKind::Missed
        {
            it.kind = AlertKind::Resolve;
        }
    }
}

fn keep_proposals(batch: &mut Batch) {
    batch.rows.retain(|it| match it {
        Row::Proposal(it) => !matches!(it.state, ProposalState::Withdrawn { .. }),
        Row::Event(it) => it.kind != EventKind::ProposalWithdrawn,
        _ => true,
    });
}

/// Waiting for the customer stops no clock.
fn let_clocks_run(batch: &mut Batch) {
    for row in &mut batch.rows {
        let Row::Call(it) = row else { continue };
        let waits = matches!(&it.state, CallState::Suspended { wait: Wait::Customer { .. }, .. });
        if let Some(clock) = it.resolve.as_mut().filter(|_| waits) {
            clock.due_at = clock.paused_since.take().map(|at| at.after(clock.allowed));
        }
    }
}

/// What a restart gives back of a row.
pub(crate) fn remembered(row: Row, bug: Option<DeskBug>) -> Option<Row> {
    match (bug, row) {
        (Some(DeskBug::OverridesForgotten), Row::Override(_)) => None,
        (Some(DeskBug::TokensRevived), Row::Token(mut it)) => {
            it.revoked_at = None;
            Some(Row::Token(it))
        }
        (Some(DeskBug::OrderLost), Row::Alert(mut it)) => {
            // The newest goes first; no number is used twice.
            it.ordinal = u32::MAX / 2 - it.ordinal;
            Some(Row::Alert(it))
        }
        (_, row) => Some(row),
    }
}
