//! What people ask of the ledger, seeing what was committed.

use std::sync::Arc;

use model::{Actor, CallState, Class, Command, DismissReason, Moment, ReportId, Request, Wait};

use super::{promises::Promises, senders::Senders};
use crate::{
    desk::{DAY, HOUR, MINUTE, shelf::Shelf},
    dice::{Dice, MILLION},
};

/// What somebody may look at who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight<'a> {
    pub(crate) now: Moment,
    pub(crate) shelf: &'a Shelf,
    pub(crate) promises: &'a Promises,
    pub(crate) senders: &'a Senders,
}

/// A request of Anna's.
pub(crate) fn asks(command: Command) -> Request {
    let by = Actor { name: Arc::from("anna"), customers: None };
    Request { by, version: None, repeat_key: None, command }
}

/// Draws what somebody asks. `mail_of`: which mail a report is.
pub(crate) fn draw(
    dice: &mut Dice,
    sight: Sight<'_>,
    mail_of: impl Fn(ReportId) -> Option<usize>,
) -> Option<Request> {
    let command = match dice.below(8) {
        0..=2 => about_stray(dice, sight, mail_of),
        3 => pause(dice, sight),
        4 | 5 => about_proposal(dice, sight),
        _ => about_call(dice, sight),
    };
    command.map(asks)
}

fn one<T: Clone>(dice: &mut Dice, all: impl Iterator<Item = T>) -> Option<T> {
    let all: Vec<T> = all.collect();
    if all.is_empty() { None } else { Some(all[dice.index(all.len())].clone()) }
}

fn about_stray(
    dice: &mut Dice,
    sight: Sight<'_>,
    mail_of: impl Fn(ReportId) -> Option<usize>,
) -> Option<Command> {
    let unclaimed = sight.shelf.reports.values().filter(|it| it.class == Class::Unclaimed);
    let report = one(dice, unclaimed.map(|it| it.id))?;
    if dice.chance(MILLION / 5) {
        return Some(Command::Drop { report });
    }
    let mail = &sight.senders.mails[mail_of(report)?];
    let job = Arc::clone(&sight.promises.all[mail.job].job.name);
    Some(Command::Claim { report, job })
}

fn pause(dice: &mut Dice, sight: Sight<'_>) -> Option<Command> {
    let paused = sight.shelf.memories.values().filter(|it| it.paused.is_some());
    if let Some(job) = one(dice, paused.map(|it| Arc::clone(&it.job)))
        && dice.chance(MILLION * 2 / 3)
    {
        return Some(Command::ResumeJob { job });
    }
    let job = one(dice, sight.promises.all.iter().map(|it| Arc::clone(&it.job.name)))?;
    let until = dice.chance(MILLION / 2).then(|| sight.now.after(dice.span(MINUTE, 2 * DAY)));
    Some(Command::PauseJob { job, until, text: "moving house".to_owned() })
}

fn about_proposal(dice: &mut Dice, sight: Sight<'_>) -> Option<Command> {
    let open = sight.shelf.proposals.values().filter(|it| it.is_open());
    let proposal = one(dice, open.map(|it| it.id))?;
    Some(match dice.below(5) {
        0 => {
            let reason = DismissReason::Known;
            Command::Dismiss { proposal, reason, text: "known".to_owned() }
        }
        1 => Command::Snooze { proposal, until: sight.now.after(HOUR) },
        _ => Command::Accept { proposal, assignee: Some(Arc::from("anna")) },
    })
}

fn about_call(dice: &mut Dice, sight: Sight<'_>) -> Option<Command> {
    let open = sight.shelf.calls.values().filter(|it| it.closed_at.is_none());
    let call = one(dice, open)?;
    let id = call.id;
    let done = || Command::Close { call: id, text: "done".to_owned() };
    Some(match &call.state {
        CallState::Open => Command::Assign { call: id, person: Arc::from("anna") },
        CallState::Assigned | CallState::InProgress => {
            let Some(model::About::Job(job)) = &call.about else { return Some(done()) };
            let wanted = 1 + dice.below(3) as u32;
            let wait = Wait::Slots { job: Arc::clone(job), wanted, kept: 0 };
            Command::Suspend { call: id, wait }
        }
        _ if call.ready_to_close && dice.chance(MILLION / 2) => done(),
        _ if dice.chance(MILLION / 8) => Command::Resume { call: id },
        _ => return None,
    })
}
