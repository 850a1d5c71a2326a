//! What each planted bug falsifies on its way into the desk or out of it.

use std::sync::Arc;

use model::{
    CallState, Heard, IntakeState, Nominal, Outcome, Problem, ProposalState, Row, Slot, SlotKey,
    Span, Standing, Times, Wait,
};

use super::planted::WatchdogBug as Bug;
use crate::desk::{
    HOUR, MINUTE,
    driver::{Batch, double_proposals},
    shelf::Shelf,
};

/// A bug that strikes now and then strikes so often.
const NOW_AND_THEN: u64 = 11;

/// A planted bug at work.
#[derive(Debug, Default)]
pub(crate) struct Sabotage {
    bug: Option<Bug>,
    strikes: u64,
}

impl Sabotage {
    pub(crate) fn of(bug: Option<Bug>) -> Self {
        Self { bug, strikes: 0 }
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn strikes(&mut self) -> bool {
        self.strikes += 1;
        self.strikes.is_multiple_of(NOW_AND_THEN)
    }

    /// What the desk hears of an intake.
    pub(crate) fn mark(&self, now: model::Moment, state: IntakeState) -> IntakeState {
        match self.bug {
            Some(Bug::MarkAhead) => IntakeState { read_until: now, ..state },
            Some(Bug::DeafUntold) if state.fault.is_some() => {
                IntakeState { read_until: now, fault: None, ..state }
            }
            _ => state,
        }
    }

    /// What the desk hears of a mail, and whether the store is said to know it.
    pub(crate) fn heard(&self, mut heard: Heard, seen: bool) -> (Heard, bool) {
        match self.bug {
            Some(Bug::ProofGiven) => heard.proof.vouched = Some(Arc::from("anybody")),
            Some(Bug::IdIgnored) => drop(heard.keys.remove(0)),
            Some(Bug::StoreNotAsked) => return (heard, false),
            Some(Bug::DateIgnored) => {
                (heard.says.ended_at, heard.says.sent_at) = (None, None);
            }
            Some(Bug::UnclassifiedIsOk) if heard.says.outcome.is_none() => {
                heard.says.outcome = Some(Outcome::Ok);
            }
            Some(Bug::ObjectsCut) => heard.says.objects.truncate(1),
            _ => {}
        }
        (heard, seen)
    }

    /// What a restart finds of what was kept.
    pub(crate) fn remembered(&self, shelf: &Shelf) -> Shelf {
        let mut shelf = shelf.clone();
        match self.bug {
            Some(Bug::SlotsForgotten) => {
                shelf.slots.retain(|_, it| it.standing != Standing::Open);
            }
            Some(Bug::MemoryForgotten) => shelf.memories.clear(),
            Some(Bug::UnclaimedForgotten) => shelf.reports.clear(),
            _ => {}
        }
        shelf
    }

    /// What a restart is told of the time before it.
    pub(crate) fn away(&self, away: Option<Span>) -> Option<Span> {
        away.filter(|_| !self.has(Bug::AwayUntold))
    }

    /// When runs are said to be due.
    pub(crate) fn times(&self, times: &Times) -> Times {
        let mut times = times.clone();
        if self.has(Bug::MaintenanceIgnored) {
            times.windows.iter_mut().for_each(|it| *it = Arc::from([]));
        }
        for of_job in &mut times.slots {
            let falsified: Vec<Nominal> = of_job.iter().flat_map(|it| self.nominals(*it)).collect();
            *of_job = falsified.into();
        }
        times
    }

    fn nominals(&self, it: Nominal) -> Vec<Nominal> {
        // Only the runs of these days have room between what their local time could mean.
        let is_odd = it.from != it.until;
        match self.bug {
            Some(Bug::HourOff) if is_odd => {
                vec![Nominal { at: it.at.after(HOUR), from: it.at, until: it.at.after(HOUR), ..it }]
            }
            Some(Bug::RunLeftOut) if is_odd => Vec::new(),
            Some(Bug::RunTwice) if is_odd => {
                let at = it.at.after(HOUR);
                vec![Nominal { until: it.at, ..it }, Nominal { at, from: at, until: at, ..it }]
            }
            Some(Bug::HolidaysIgnored) => vec![Nominal { holiday: false, ..it }],
            _ => vec![it],
        }
    }

    /// What is kept of a batch.
    pub(crate) fn falsify(&mut self, batch: &mut Batch, shelf: &Shelf) {
        let Some(bug) = self.bug else { return };
        let rows = std::mem::take(&mut batch.rows);
        batch.rows = rows.into_iter().filter(|it| self.keeps(bug, it, shelf)).collect();
        match bug {
            Bug::ProposalDoubled => double_proposals(batch),
            Bug::ReadyTooSoon => make_ready(batch),
            Bug::NeverReady => {
                for row in &mut batch.rows {
                    if let Row::Call(it) = row {
                        it.ready_to_close = false;
                    }
                }
            }
            _ => {}
        }
    }

    fn keeps(&mut self, bug: Bug, row: &Row, shelf: &Shelf) -> bool {
        match (bug, row) {
            (Bug::ReportLost, Row::Report(_)) | (Bug::SlotLost, Row::Slot(_)) => !self.strikes(),
            (Bug::ProblemLost, Row::Problem(_)) => !self.strikes(),
            (Bug::MailLost, Row::Mail(..)) | (Bug::KeysLost, Row::ReportKey(..)) => false,
            (Bug::StrayLost, Row::Report(it)) => it.job.is_some(),
            (Bug::CorrectionLost, Row::Slot(it)) => !is_correction(it, shelf),
            (Bug::ProposalKept, Row::Proposal(it)) => {
                !matches!(it.state, ProposalState::Withdrawn { .. })
            }
            (Bug::NeverOver, Row::Problem(it)) => Problem::is_open(it),
            _ => true,
        }
    }
}

fn is_correction(slot: &Slot, shelf: &Shelf) -> bool {
    let key: &SlotKey = &slot.key;
    let was = shelf.slots.get(key).map(|it| it.standing);
    was == Some(Standing::Missing) && slot.standing != Standing::Missing
}

fn make_ready(batch: &mut Batch) {
    for row in &mut batch.rows {
        let Row::Call(it) = row else { continue };
        if let CallState::Suspended { wait: Wait::Slots { wanted, kept, .. }, .. } = &it.state
            && kept + 1 >= *wanted
        {
            it.ready_to_close = true;
        }
    }
}

/// How far the clock of [`Bug::WokenEarly`] is ahead.
pub(crate) const AHEAD: std::time::Duration = MINUTE.saturating_mul(10);
