//! What a replay shows of the desk.

use std::{collections::VecDeque, io::Write, sync::Arc, time::Duration};

use engine::desk::{Desk, Effect, Input, Outcome};
use model::{
    Alert, AlertState, Decision, Delivery, Duty, EventKind, Moment, Plan, Row, Subject, Times,
    Transition, VerdictOfDesk,
};
use serde::Serialize;

use super::{shown, write_line};
use crate::follower::horizon;

/// Times are worked out anew when a replay comes so near to the end of what was worked out.
const TIMES_LEFT_MIN: Duration = Duration::from_secs(200 * 86_400);

/// Something the desk did, as a line of output.
#[derive(Serialize)]
struct DeskLine<'a> {
    at: String,
    name: &'a str,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> DeskLine<'a> {
    fn new(at: Moment, name: &'a str, event: &'a str) -> Self {
        let none = None;
        Self {
            at: shown(at),
            name,
            event,
            status: none,
            kind: none,
            channel: none,
            contact: none,
            reason: none,
        }
    }
}

/// A desk whose receivers take everything.
pub(super) struct Told {
    desk: Desk,
    duty: Arc<Duty>,
    subjects: Option<Vec<Subject>>,
    worked_out_until: Moment,
}

impl Told {
    pub(super) fn new(plan: &Plan, subjects: Vec<Subject>) -> Self {
        Self {
            desk: Desk::new(0, 1),
            duty: Arc::clone(&plan.duty),
            subjects: Some(subjects),
            worked_out_until: Moment::ZERO,
        }
    }

    /// Time passes until `at`, with everything that is due in between.
    pub(super) fn pass(&mut self, at: Moment, output: &mut impl Write) -> std::io::Result<()> {
        if self.worked_out_until <= at.after(TIMES_LEFT_MIN) {
            let range = horizon(at);
            self.worked_out_until = range.until;
            let times: Arc<Times> = Arc::new(calendar::times(&self.duty, range, at));
            let outcome = match self.subjects.take() {
                Some(all) => self.desk.arrange(at, Arc::clone(&self.duty), times, all),
                None => self.desk.turn_calendar(at, Arc::clone(&self.duty), times),
            };
            self.take(at, outcome, output)?;
        }
        while let Some(wake) = self.desk.next_wake().filter(|it| *it < at) {
            let outcome = self.desk.handle(wake, Input::Wake);
            self.take(wake, outcome, output)?;
        }
        Ok(())
    }

    /// A belief has changed.
    pub(super) fn change(
        &mut self,
        it: &Transition,
        output: &mut impl Write,
    ) -> std::io::Result<()> {
        let outcome = self.desk.handle(it.at, Input::Changed(it.clone()));
        self.take(it.at, outcome, output)
    }

    fn take(
        &mut self,
        at: Moment,
        outcome: Outcome,
        output: &mut impl Write,
    ) -> std::io::Result<()> {
        // A queue and no recursion: one alert that is taken makes room for the next.
        let mut outcomes = VecDeque::from([outcome]);
        while let Some(outcome) = outcomes.pop_front() {
            for row in &outcome.rows {
                write_row(at, row, output)?;
            }
            for effect in outcome.effects {
                if let Effect::Deliver(alert) = effect {
                    let delivered = Input::Delivered { key: alert.key, delivery: Delivery::Taken };
                    outcomes.push_back(self.desk.handle(at, delivered));
                }
            }
        }
        Ok(())
    }
}

fn write_row(at: Moment, row: &Row, output: &mut impl Write) -> std::io::Result<()> {
    match row {
        Row::Event(it) => {
            let event = match it.kind {
                EventKind::ProblemOpened => "problem",
                EventKind::ProblemEnded => "problem_over",
                EventKind::Proposed => "proposal",
                EventKind::ProposalWithdrawn => "proposal_withdrawn",
                EventKind::CallOpened => "call",
                _ => return Ok(()),
            };
            write_line(&DeskLine::new(at, &it.name, event), output)
        }
        Row::Alert(it) => write_alert(at, it, output),
        Row::Decision(it) => write_decision(at, it, output),
        _ => Ok(()),
    }
}

fn write_alert(at: Moment, it: &Alert, output: &mut impl Write) -> std::io::Result<()> {
    if !matches!(it.state, AlertState::Delivered { .. }) {
        return Ok(());
    }
    let names: Vec<String> = match it.content.members.as_slice() {
        [] => vec![it.content.about.as_ref().map(model::About::name).unwrap_or_default()],
        members => members.iter().map(|it| it.name.clone()).collect(),
    };
    for name in &names {
        let line = DeskLine {
            status: Some(it.content.status.word()),
            kind: Some(it.kind.word()),
            channel: Some(&it.route.channel),
            contact: Some(&it.route.contact),
            ..DeskLine::new(at, name, "alert")
        };
        write_line(&line, output)?;
    }
    Ok(())
}

fn write_decision(at: Moment, it: &Decision, output: &mut impl Write) -> std::io::Result<()> {
    // What comes from having no policy at all, or from a step that is not due, is no news.
    let VerdictOfDesk::Nobody { reason, .. } = &it.verdict else { return Ok(()) };
    if matches!(&**reason, "step" | "policy" | "resolve") {
        return Ok(());
    }
    let line = DeskLine { reason: Some(reason), ..DeskLine::new(at, &it.name, "suppressed") };
    write_line(&line, output)
}
