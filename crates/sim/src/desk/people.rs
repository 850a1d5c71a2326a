//! Operators: what they ask, seeing what was committed, now and then two of them at once.

use std::{sync::Arc, time::Duration};

use model::{
    Actor, AlertState, CallId, Command, Condition, DismissReason, MessageKind, Moment, NoteId,
    PlannedWindow, Request, Scope, Severity, Span, Token, TokenScope, Wait, WindowEffect,
};

use super::{
    estate::{DAY, Estate, HOUR, MINUTE, SECOND, draw_scope},
    shelf::Shelf,
};
use crate::dice::{Dice, MILLION};

/// Who asks.
fn actor(dice: &mut Dice) -> Actor {
    let name = Arc::from(dice.pick(&["anna", "bert", "carl", "token"]));
    let customers = dice.chance(MILLION / 10).then(|| vec![Arc::from("c0")]);
    Actor { name, customers }
}

fn one<T: Clone>(dice: &mut Dice, all: impl Iterator<Item = T>) -> Option<T> {
    let all: Vec<T> = all.collect();
    if all.is_empty() { None } else { Some(all[dice.index(all.len())].clone()) }
}

/// Draws what somebody asks who sees `shelf`.
pub(crate) fn draw(
    dice: &mut Dice,
    now: Moment,
    shelf: &Shelf,
    estate: &Estate,
) -> Option<Request> {
    let (command, version) = match dice.below(26) {
        0..=4 => about_problem(dice, now, shelf)?,
        5..=9 => about_proposal(dice, now, shelf)?,
        10..=15 => about_call(dice, now, shelf, estate)?,
        16 => (silence(dice, now, estate), None),
        17 => {
            let silence = one(dice, shelf.silences.values().cloned())?;
            (Command::Unsilence { silence: silence.id }, Some(silence.version))
        }
        18 => (plan(dice, now, estate), None),
        19 | 20 => about_duty(dice, now, shelf, estate)?,
        21 | 22 => about_token(dice, shelf)?,
        23 => about_channel(dice, shelf, estate)?,
        _ => about_occurrence(dice, now, shelf)?,
    };
    let version = version.filter(|_| dice.chance(MILLION * 3 / 4));
    let repeat_key = dice.chance(MILLION / 4).then(|| Arc::from(format!("key-{}", dice.roll())));
    Some(Request { by: actor(dice), version, repeat_key, command })
}

/// What a second operator asks about the same, having seen the same.
pub(crate) fn rival(dice: &mut Dice, now: Moment, request: &Request, shelf: &Shelf) -> Request {
    let command = match &request.command {
        Command::Accept { proposal, .. } | Command::Dismiss { proposal, .. } => {
            let proposal = *proposal;
            match dice.below(3) {
                0 => Command::Accept { proposal, assignee: None },
                1 => Command::Snooze { proposal, until: now.after(HOUR) },
                _ => {
                    let reason = DismissReason::Known;
                    Command::Dismiss { proposal, reason, text: String::new() }
                }
            }
        }
        Command::Assign { call, .. } | Command::Start { call } => {
            let person = Arc::from("bert");
            Command::Assign { call: *call, person }
        }
        other => other.clone(),
    };
    let version = request.version.or_else(|| seen(&command, shelf));
    Request { by: actor(dice), version, repeat_key: None, command }
}

fn seen(command: &Command, shelf: &Shelf) -> Option<u64> {
    match command {
        Command::Accept { proposal, .. }
        | Command::Dismiss { proposal, .. }
        | Command::Snooze { proposal, .. } => shelf.proposals.get(proposal).map(|it| it.version),
        Command::Assign { call, .. } => shelf.calls.get(call).map(|it| it.version),
        _ => None,
    }
}

fn about_problem(dice: &mut Dice, now: Moment, shelf: &Shelf) -> Option<(Command, Option<u64>)> {
    let it = one(dice, shelf.open().map(|it| (it.id, it.version, it.acknowledged.is_some())))?;
    let (problem, version, acknowledged) = it;
    let command = match dice.below(8) {
        0 => Command::JudgeBlocking { problem, blocking: dice.chance(MILLION / 2) },
        1 => Command::Comment { problem, text: "hm".to_owned() },
        2..=4 if acknowledged => Command::Unacknowledge { problem },
        _ => Command::Acknowledge {
            problem,
            text: "seen".to_owned(),
            until: dice.chance(MILLION / 2).then(|| now.after(dice.span(MINUTE, 8 * HOUR))),
            sticky: dice.chance(MILLION / 3),
        },
    };
    Some((command, Some(version)))
}

fn about_proposal(dice: &mut Dice, now: Moment, shelf: &Shelf) -> Option<(Command, Option<u64>)> {
    // Mostly open ones; a stale tab shows others, too.
    let any = dice.chance(MILLION / 10);
    let all = shelf.proposals.values().filter(|it| any || it.is_open());
    let it = one(dice, all.map(|it| (it.id, it.version, Arc::clone(&it.customer))))?;
    let (proposal, version, customer) = it;
    let command = match dice.below(6) {
        0 | 1 => Command::Accept {
            proposal,
            assignee: dice.chance(MILLION / 2).then(|| Arc::from("anna")),
        },
        2 => {
            let reason = DismissReason::FalseAlarm;
            Command::Dismiss { proposal, reason, text: "nothing".to_owned() }
        }
        3 => Command::Snooze { proposal, until: now.after(dice.span(MINUTE, 6 * HOUR)) },
        _ => {
            let open = shelf.calls.values().filter(|it| it.customer == customer);
            let call = one(dice, open.map(|it| it.id))?;
            Command::Merge { proposal, call }
        }
    };
    Some((command, Some(version)))
}

fn about_call(
    dice: &mut Dice,
    now: Moment,
    shelf: &Shelf,
    estate: &Estate,
) -> Option<(Command, Option<u64>)> {
    let any = dice.chance(MILLION / 10);
    let all = shelf.calls.values().filter(|it| any || it.closed_at.is_none());
    let Some((call, version)) = one(dice, all.map(|it| (it.id, it.version))) else {
        return Some((by_hand(dice), None));
    };
    let text = || "done".to_owned();
    let command = match dice.below(12) {
        0 => return Some((by_hand(dice), None)),
        1 | 2 => {
            let person = dice.index(estate.duty.people.len());
            Command::Assign { call, person: Arc::clone(&estate.duty.people[person].name) }
        }
        3 | 4 => Command::Start { call },
        5 | 6 => Command::Suspend { call, wait: wait(dice, now, estate) },
        7 => Command::Resume { call },
        8 | 9 => Command::Close { call, text: text() },
        10 => {
            let kind = dice.pick(&[MessageKind::FromCustomer, MessageKind::Internal]);
            Command::Say { call, kind, text: text() }
        }
        _ => Command::Block { call },
    };
    Some((command, Some(version)))
}

fn by_hand(dice: &mut Dice) -> Command {
    let refers_to: Option<CallId> = None;
    let title = format!("question {}", dice.below(100));
    Command::OpenCall { customer: Arc::from("c0"), title, severity: Severity::Warning, refers_to }
}

fn wait(dice: &mut Dice, now: Moment, estate: &Estate) -> Wait {
    let until = dice.chance(MILLION / 2).then(|| now.after(dice.span(MINUTE, 10 * HOUR)));
    match dice.below(3) {
        0 => {
            let name = Arc::clone(&estate.items[dice.index(estate.items.len())].name);
            let fine_for = dice.span(SECOND, HOUR);
            Wait::Process { until: Condition { name, fine_for, fine_since: None } }
        }
        1 => Wait::Customer { until },
        _ => Wait::Supplier { reference: "42".to_owned(), until },
    }
}

fn scope(dice: &mut Dice, estate: &Estate) -> Scope {
    draw_scope(dice, estate.duty.customers.len() as u64 - 1)
}

fn span(dice: &mut Dice, now: Moment) -> Span {
    let from = if dice.chance(MILLION / 2) { now } else { now.after(dice.span(SECOND, DAY)) };
    Span { from, until: from.after(dice.span(2 * MINUTE, 10 * HOUR)) }
}

fn silence(dice: &mut Dice, now: Moment, estate: &Estate) -> Command {
    let (scope, span) = (scope(dice, estate), span(dice, now));
    Command::Silence { scope, span, text: "noise".to_owned() }
}

fn plan(dice: &mut Dice, now: Moment, estate: &Estate) -> Command {
    Command::PlanWindow(PlannedWindow {
        name: Arc::from("by hand"),
        customer: None,
        span: span(dice, now),
        scope: scope(dice, estate),
        effect: dice.pick(&[
            WindowEffect::NoAlerts,
            WindowEffect::NoAlerts,
            WindowEffect::NoChecks,
        ]),
        sla_counts: dice.chance(MILLION / 2),
        flexible: dice.chance(MILLION / 4).then(|| dice.span(10 * MINUTE, 2 * HOUR)),
        reminders: PlannedWindow::REMINDERS.to_vec(),
        impact: Arc::from("none"),
        contact: Arc::from("desk"),
    })
}

fn about_occurrence(dice: &mut Dice, now: Moment, shelf: &Shelf) -> Option<(Command, Option<u64>)> {
    let all = shelf.occurrences.values().filter(|it| it.report.is_none());
    let it = one(dice, all.cloned())?;
    let (occurrence, text) = (it.key.clone(), "other plans".to_owned());
    let command = match dice.chance(MILLION / 2) {
        true => Command::EndWindow { occurrence, text },
        false => {
            let until = now.max(it.span.until).after(dice.span(MINUTE, 2 * HOUR));
            Command::ExtendWindow { occurrence, until, text }
        }
    };
    Some((command, Some(it.version)))
}

/// Who stands in for whom.
fn about_duty(
    dice: &mut Dice,
    now: Moment,
    shelf: &Shelf,
    estate: &Estate,
) -> Option<(Command, Option<u64>)> {
    if dice.chance(MILLION / 4) {
        let id = one(dice, shelf.overrides.keys().copied())?;
        return Some((Command::EndOverride { id }, None));
    }
    let people = &estate.duty.people;
    let person = Arc::clone(&people[dice.index(people.len())].name);
    let oncall = Arc::clone(&estate.duty.oncall.first()?.name);
    Some((Command::Override { oncall, person, span: span(dice, now) }, None))
}

/// Who is let in, or not any more, also who was sent away before.
fn about_token(dice: &mut Dice, shelf: &Shelf) -> Option<(Command, Option<u64>)> {
    if dice.chance(MILLION / 2) {
        let id = one(dice, shelf.tokens.keys().copied())?;
        return Some((Command::RevokeToken { id }, None));
    }
    let token = Token {
        id: NoteId(0),
        name: Arc::from("robot"),
        hash: [0; 32],
        scopes: vec![TokenScope::Read],
        customers: None,
        made_at: Moment::ZERO,
        expires_at: None,
        revoked_at: None,
    };
    Some((Command::CreateToken(token), None))
}

/// A dead alert is to be tried again, now and then one that is not dead; or a channel is tried.
fn about_channel(
    dice: &mut Dice,
    shelf: &Shelf,
    estate: &Estate,
) -> Option<(Command, Option<u64>)> {
    if dice.chance(MILLION / 4) {
        let channels = &estate.duty.channels;
        let channel = Arc::clone(&channels[dice.index(channels.len())].name);
        return Some((Command::TestChannel { channel, person: Some(Arc::from("anna")) }, None));
    }
    let any = dice.chance(MILLION / 8);
    let dead = |it: &&model::Alert| any || matches!(it.state, AlertState::Dead { .. });
    let alert = one(dice, shelf.alerts.values().filter(dead).map(|it| it.key))?;
    Some((Command::Redeliver { alert }, None))
}

/// How long somebody takes from what they see to what they ask.
pub(crate) fn hesitation(dice: &mut Dice) -> Duration {
    dice.span(Duration::from_millis(10), 20 * SECOND)
}
