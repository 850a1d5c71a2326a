//! What stands between the desk and its surroundings: a clock, a queue of rows that are not kept
//! yet, and a restart. Planted bugs falsify what passes through here.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::desk::{Desk, Effect, Input};
use model::{
    Alert, AlertKey, AlertKind, AlertState, Delivery, EventKind, Moment, ProblemId, ProposalId,
    Reply, Request, Route, Row, Span, WithdrawReason,
};

use super::{
    estate::Estate,
    looks::{Held, Looks},
    planted::DeskBug,
    sabotage::{self, Forgotten},
    shelf::Shelf,
};

/// Tells the keys of one world from those of another.
const INSTALLATION: u64 = 7;
/// A planted bug that strikes now and then strikes so often.
const NOW_AND_THEN: u64 = 23;

/// Why the desk was driven.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// A new configuration, also at a start.
    Arranged,
    /// What was believed at the start.
    Believed,
    /// A belief changed.
    Changed,
    Asked(u64, Request),
    Delivered(AlertKey, Delivery),
    /// Something was heard.
    Heard(u64),
    /// An intake says how it is.
    Marked,
    /// The timetable gets on, or does not.
    Progress,
    Wake,
}

/// What one input caused, until it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) at: Moment,
    pub(crate) cause: Cause,
    pub(crate) rows: Vec<Row>,
    pub(crate) effects: Vec<Effect>,
    /// The belief that is kept with them.
    pub(crate) held: Option<(usize, Held)>,
}

/// A running desk.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) desk: Desk,
    bug: Option<DeskBug>,
    strikes: u64,
    /// [`DeskBug::OrderSwapped`] holds this one back.
    late: Option<Alert>,
    forgotten: Forgotten,
    pub(crate) lies: Vec<(AlertKey, Delivery)>,
}

impl Driver {
    /// A desk that knows what `shelf` holds; what it makes of that comes out as batches. `away`:
    /// there was none in this time.
    pub(crate) fn start(
        now: Moment,
        shelf: &Shelf,
        (estate, looks): (&Estate, &Looks),
        away: Option<Span>,
        bug: Option<DeskBug>,
    ) -> (Self, Vec<Batch>) {
        let mut desk = Desk::new(INSTALLATION, 1);
        desk.restore(shelf.past(now).into_iter().filter_map(|it| remembered(it, bug)));
        if let Some(away) = away {
            desk.was_away(away);
        }
        let mut driver = Self {
            desk,
            bug,
            strikes: 0,
            late: None,
            forgotten: Forgotten::default(),
            lies: Vec::new(),
        };
        let arranged = driver.arrange(now, estate);
        let recalled = looks.recalled(estate);
        let mut believed = driver.take(now, Cause::Believed, Input::Believed(recalled), None);
        // Shards begin with good sight and nobody resting.
        believed.effects.extend(driver.desk.standing_orders().into_iter().map(Effect::Order));
        (driver, vec![arranged, believed])
    }

    pub(crate) fn arrange(&mut self, now: Moment, estate: &Estate) -> Batch {
        let (duty, times) = (Arc::clone(&estate.duty), Arc::clone(&estate.times));
        let outcome = self.desk.arrange(now, duty, times, estate.subjects());
        let (rows, effects) = (outcome.rows, outcome.effects);
        self.falsify(Batch { at: now, cause: Cause::Arranged, rows, effects, held: None })
    }

    pub(crate) fn turn_calendar(&mut self, now: Moment, estate: &Estate) -> Batch {
        let outcome =
            self.desk.turn_calendar(now, Arc::clone(&estate.duty), Arc::clone(&estate.times));
        let (rows, effects) = (outcome.rows, outcome.effects);
        self.falsify(Batch { at: now, cause: Cause::Arranged, rows, effects, held: None })
    }

    /// Gives the desk one input.
    pub(crate) fn take(
        &mut self,
        now: Moment,
        cause: Cause,
        input: Input,
        held: Option<(usize, Held)>,
    ) -> Batch {
        let input = match (self.bug, input) {
            (Some(DeskBug::StaleAccepted), Input::Asked { ticket, mut request }) => {
                request.version = None;
                Input::Asked { ticket, request }
            }
            (Some(DeskBug::BlindHeartbeat), Input::Progress(_)) => Input::Progress(true),
            (_, input) => input,
        };
        let clock = match (self.bug, &cause) {
            (Some(DeskBug::WokenEarly), Cause::Wake) => now.after(Duration::from_secs(600)),
            _ => now,
        };
        let outcome = self.desk.handle(clock, input);
        let (rows, effects) = (outcome.rows, outcome.effects);
        self.falsify(Batch { at: now, cause, rows, effects, held })
    }

    /// When the desk wants to be woken.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        match self.bug {
            Some(DeskBug::NeverWoken) => None,
            Some(DeskBug::WokenEarly) => {
                self.desk.next_wake().map(|it| it.before(Duration::from_secs(600)))
            }
            _ => self.desk.next_wake(),
        }
    }

    /// Does a planted bug strike this time?
    fn strikes(&mut self) -> bool {
        self.strikes += 1;
        self.strikes.is_multiple_of(NOW_AND_THEN)
    }

    /// Is the outcome of this try to be lost?
    pub(crate) fn loses_outcome(&mut self) -> bool {
        self.bug == Some(DeskBug::OutcomeLost) && self.strikes()
    }

    pub(crate) fn has(&self, bug: DeskBug) -> bool {
        self.bug == Some(bug)
    }

    fn falsify(&mut self, mut batch: Batch) -> Batch {
        let Some(bug) = self.bug else { return batch };
        match bug {
            DeskBug::RowLost => self.lose(&mut batch, |it| matches!(it, Row::Problem(_))),
            DeskBug::AlertRowLost => self.lose(&mut batch, |it| matches!(it, Row::Alert(_))),
            DeskBug::DecisionLost => self.lose(&mut batch, |it| matches!(it, Row::Decision(_))),
            DeskBug::EventLost => self.lose(&mut batch, |it| matches!(it, Row::Event(_))),
            DeskBug::AnswerLost => {
                let lost = |it: &Effect| matches!(it, Effect::Answer { .. });
                if batch.effects.iter().any(lost) && self.strikes() {
                    batch.effects.retain(|it| !lost(it));
                }
            }
            DeskBug::ResolveLost => drop_alerts(&mut batch, |it| it.kind == AlertKind::Resolve),
            DeskBug::FallbackLost => drop_alerts(&mut batch, is_fallback),
            DeskBug::WindowEndUntold if has_event(&batch, EventKind::WindowEnded) => {
                drop_alerts(&mut batch, |it| it.kind == AlertKind::Trigger);
            }
            DeskBug::ResolveUntold => resolve_for_nobody(&mut batch),
            DeskBug::AckIgnored => send_withdrawn(&mut batch),
            DeskBug::MemberLost => lose_member(&mut batch),
            DeskBug::OrderSwapped => self.swap(&mut batch),
            DeskBug::ProposalDoubled => double_proposals(&mut batch),
            DeskBug::VersionKept => keep_versions(&mut batch),
            DeskBug::NeverClosed => {
                batch.rows.retain(|it| !matches!(it, Row::Problem(it) if !it.is_open()));
            }
            DeskBug::SymptomLost => lose_symptoms(&mut batch),
            other => {
                let lies = self.forgotten.falsify(other, &mut batch);
                self.lies.extend(lies);
            }
        }
        batch
    }

    fn lose(&mut self, batch: &mut Batch, which: impl Fn(&Row) -> bool) {
        let rows = std::mem::take(&mut batch.rows);
        batch.rows = rows.into_iter().filter(|it| !(which(it) && self.strikes())).collect();
    }

    /// Holds one message back, and lets it follow the next about the same.
    fn swap(&mut self, batch: &mut Batch) {
        let mut effects = Vec::new();
        for effect in std::mem::take(&mut batch.effects) {
            let Effect::Deliver(alert) = effect else {
                effects.push(effect);
                continue;
            };
            match &self.late {
                None if alert.problem != ProblemId(0) => {
                    self.lies.push((alert.key, Delivery::Taken));
                    self.late = Some(*alert);
                }
                Some(late) if late.problem == alert.problem && late.route == alert.route => {
                    effects.push(Effect::Deliver(alert));
                    effects.extend(self.late.take().map(|it| Effect::Deliver(Box::new(it))));
                }
                _ => effects.push(Effect::Deliver(alert)),
            }
        }
        batch.effects = effects;
    }
}

/// What a restart gives back of a row.
fn remembered(row: Row, bug: Option<DeskBug>) -> Option<Row> {
    match (bug, row) {
        (Some(DeskBug::IdsReused), Row::NextId(_)) => None,
        (Some(DeskBug::WindowsForgotten), Row::Planned(..) | Row::Occurrence(_)) => None,
        (Some(DeskBug::SilencesForgotten), Row::Silence(_)) => None,
        (Some(DeskBug::OutboxForgotten), Row::Alert(_)) => None,
        (Some(DeskBug::ProposalsForgotten), Row::Proposal(_)) => None,
        (Some(DeskBug::ToldForgotten), Row::Problem(mut it)) => {
            it.told.clear();
            Some(Row::Problem(it))
        }
        (Some(DeskBug::AcksForgotten), Row::Problem(mut it)) => {
            it.acknowledged = None;
            Some(Row::Problem(it))
        }
        (Some(DeskBug::StepTwice), Row::Problem(mut it)) => {
            it.ladder.next_step = it.ladder.next_step.saturating_sub(1);
            it.ladder.due_at = it.ladder.due_at.or(Some(it.opened_at));
            Some(Row::Problem(it))
        }
        (bug, row) => sabotage::remembered(row, bug),
    }
}

pub(crate) fn is_fallback(alert: &Alert) -> bool {
    (u32::MAX - 1_000..u32::MAX - 990).contains(&alert.step)
}

fn has_event(batch: &Batch, kind: EventKind) -> bool {
    batch.rows.iter().any(|it| matches!(it, Row::Event(it) if it.kind == kind))
}

fn drop_alerts(batch: &mut Batch, which: impl Fn(&Alert) -> bool) {
    batch.rows.retain(|it| !matches!(it, Row::Alert(it) if which(it)));
    batch.effects.retain(|it| !matches!(it, Effect::Deliver(it) if which(it)));
}

fn resolve_for_nobody(batch: &mut Batch) {
    let ended = batch.rows.iter().find_map(|it| match it {
        Row::Problem(it) if !it.is_open() && it.told.is_empty() => Some(it.clone()),
        _ => None,
    });
    let pattern = batch.rows.iter().find_map(|it| match it {
        Row::Alert(it) => Some(it.clone()),
        _ => None,
    });
    let (Some(problem), Some(mut alert)) = (ended, pattern) else { return };
    alert.problem = problem.id;
    alert.kind = AlertKind::Resolve;
    alert.route = Route { channel: Arc::from("hook"), contact: Arc::from("*") };
    alert.ordinal = 0;
    alert.key = AlertKey::of(INSTALLATION, problem.id, 0, &alert.route, 0);
    alert.state = AlertState::Waiting;
    alert.may_have_arrived = true;
    batch.rows.push(Row::Alert(alert.clone()));
    batch.effects.push(Effect::Deliver(alert));
}

fn send_withdrawn(batch: &mut Batch) {
    let suppressed = AlertState::Withdrawn { reason: WithdrawReason::Suppressed };
    for row in &mut batch.rows {
        let Row::Alert(it) = row else { continue };
        if it.state == suppressed && !it.may_have_arrived {
            it.state = AlertState::Waiting;
            it.may_have_arrived = true;
            batch.effects.push(Effect::Deliver(it.clone()));
        }
    }
}

fn lose_member(batch: &mut Batch) {
    let lose = |it: &mut Alert| drop(it.content.members.pop());
    for row in &mut batch.rows {
        if let Row::Alert(it) = row {
            lose(it);
        }
    }
    for effect in &mut batch.effects {
        if let Effect::Deliver(it) = effect {
            lose(it);
        }
    }
}

/// Every new proposal is made twice.
pub(crate) fn double_proposals(batch: &mut Batch) {
    let doubled: Vec<Row> = batch
        .rows
        .iter()
        .filter_map(|it| match it {
            Row::Proposal(it) if it.version == 1 => {
                let mut double = it.clone();
                double.id = ProposalId(it.id.0 + 1_000_000);
                Some(Row::Proposal(double))
            }
            _ => None,
        })
        .collect();
    batch.rows.extend(doubled);
}

fn keep_versions(batch: &mut Batch) {
    for row in &mut batch.rows {
        match row {
            Row::Proposal(it) => it.version = it.version.min(2),
            Row::Call(it) => it.version = it.version.min(1),
            _ => {}
        }
    }
}

fn lose_symptoms(batch: &mut Batch) {
    for row in &mut batch.rows {
        if let Row::Problem(it) = row {
            it.symptoms.pop_last();
        }
    }
}

/// The answers in a batch, by ticket.
pub(crate) fn answers(batch: &Batch) -> BTreeMap<u64, &Reply> {
    let answers = batch.effects.iter().filter_map(|it| match it {
        Effect::Answer { ticket, reply } => Some((*ticket, reply)),
        _ => None,
    });
    answers.collect()
}
