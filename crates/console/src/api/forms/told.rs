//! Alerts, decisions and events: who was told what, and why.

use std::sync::Arc;

use model::{Alert, AlertState, Decision, Event, GatePassed, VerdictOfDesk, WithdrawReason};

use super::{PassageForm, SeverityWord, StatusWord, at, text};
use crate::api::{
    seams::{Consequence, Story, WouldAsk, WouldTell},
    shape::{At, Line, shape},
};

shape! {
    /// A message owed to a person or a place.
    out AlertForm {
        /// Names it for ever; also the receiver's key for repeats.
        key: String,
        /// Name of the channel.
        channel: String,
        /// A person's id, or `*` for a place for all.
        contact: String,
        /// What it says: `trigger`, `resolve`, ….
        kind: &'static str,
        /// About which problem; null if about none.
        problem: Option<u64>,
        /// What it is about; may be empty.
        name: String,
        /// Whose; empty for our own.
        customer: String,
        /// What is believed.
        status: StatusWord,
        /// How bad it is.
        severity: SeverityWord,
        /// For people, one line.
        title: String,
        /// Which one about this problem on this route, from 0.
        ordinal: u64,
        /// When it was owed.
        owed_at: At,
        /// Not sent before.
        not_before: At,
        /// Dead from then on.
        expires_at: At,
        /// How often it was tried.
        attempts: u64,
        /// Was there a try whose outcome is not known?
        may_have_arrived: bool,
        /// What went wrong the last time; may be empty.
        fault: String,
        /// `waiting`, `delivered`, `aggregated`, `withdrawn` or `dead`.
        state: &'static str,
        /// Since when it is delivered or dead.
        ended_at: Option<At>,
        /// The alert that lists it.
        into: Option<String>,
        /// Why it was withdrawn.
        reason: Option<&'static str>,
    }
}

fn why_withdrawn(reason: WithdrawReason) -> &'static str {
    match reason {
        WithdrawReason::Ended => "ended",
        WithdrawReason::Superseded => "superseded",
        WithdrawReason::Suppressed => "suppressed",
        WithdrawReason::NoChannel => "no-channel",
    }
}

impl From<&Alert> for AlertForm {
    fn from(it: &Alert) -> Self {
        let (state, ended_at, into, reason) = match &it.state {
            AlertState::Waiting => ("waiting", None, None, None),
            AlertState::Delivered { at } => ("delivered", Some(At(*at)), None, None),
            AlertState::Aggregated { into } => ("aggregated", None, Some(into.to_string()), None),
            AlertState::Withdrawn { reason } => {
                ("withdrawn", None, None, Some(why_withdrawn(*reason)))
            }
            AlertState::Dead { at } => ("dead", Some(At(*at)), None, None),
        };
        Self {
            key: it.key.to_string(),
            channel: it.route.channel.to_string(),
            contact: it.route.contact.to_string(),
            kind: it.kind.word(),
            problem: (it.problem.0 != 0).then_some(it.problem.0),
            name: it.content.about.as_ref().map(model::About::name).unwrap_or_default(),
            customer: it.content.customer.to_string(),
            status: StatusWord(it.content.status),
            severity: SeverityWord(it.content.severity),
            title: it.content.title.clone(),
            ordinal: u64::from(it.ordinal),
            owed_at: At(it.owed_at),
            not_before: At(it.not_before),
            expires_at: At(it.expires_at),
            attempts: u64::from(it.attempts),
            may_have_arrived: it.may_have_arrived,
            fault: it.fault.clone(),
            state,
            ended_at,
            into,
            reason,
        }
    }
}

shape! {
    /// Tries a channel out.
    in TestForm {
        /// To whom, a person's id; needed if the channel reaches people.
        person: Option<Line>,
    }
}

shape! {
    /// The chain of gates that led to telling somebody, or nobody.
    out DecisionForm {
        /// Its id; 0 for one that is only supposed.
        id: u64,
        /// When it was taken.
        at: At,
        /// About which problem; null if none was opened.
        problem: Option<u64>,
        /// What it is about.
        name: String,
        /// What made it necessary.
        trigger: String,
        /// All gates that were asked, in order; the last is the one that closed, if one did.
        gates: Vec<GateForm>,
        /// What came of it: `told`, `nobody` or `done`.
        verdict: &'static str,
        /// The alerts that are owed.
        alerts: Vec<String>,
        /// The gate that closed, or what was done.
        reason: Option<String>,
        /// When that is looked at again by itself.
        until: Option<At>,
    }
}

shape! {
    /// One gate of a decision.
    out GateForm {
        /// `state`, `flapping`, `parents`, `window`, `silence`, ….
        gate: String,
        /// Is it open?
        open: bool,
        /// What it found.
        text: String,
        /// Where the rule that it applied was written: file and line.
        rule: Option<String>,
    }
}

impl From<&GatePassed> for GateForm {
    fn from(it: &GatePassed) -> Self {
        Self {
            gate: it.gate.to_string(),
            open: it.open,
            text: it.text.clone(),
            rule: text(it.rule.as_ref()),
        }
    }
}

impl From<&Decision> for DecisionForm {
    fn from(it: &Decision) -> Self {
        let (verdict, alerts, reason, until) = match &it.verdict {
            VerdictOfDesk::Told { alerts } => {
                ("told", alerts.iter().map(ToString::to_string).collect(), None, None)
            }
            VerdictOfDesk::Nobody { reason, until } => {
                ("nobody", Vec::new(), Some(reason.to_string()), at(*until))
            }
            VerdictOfDesk::Done { what } => ("done", Vec::new(), Some(what.clone()), None),
        };
        Self {
            id: it.id.0,
            at: At(it.at),
            problem: (it.problem.0 != 0).then_some(it.problem.0),
            name: it.name.clone(),
            trigger: it.trigger.clone(),
            gates: it.gates.iter().map(GateForm::from).collect(),
            verdict,
            alerts,
            reason,
            until,
        }
    }
}

shape! {
    /// What was believed and decided about a name.
    out StoryForm {
        /// The name.
        name: String,
        /// Whose; empty for our own.
        customer: String,
        /// Newest first.
        decisions: Vec<DecisionForm>,
        /// Believed changes, newest first.
        transitions: Vec<PassageForm>,
    }
}

impl StoryForm {
    pub(crate) fn of(name: &str, it: &Story) -> Self {
        Self {
            name: name.to_owned(),
            customer: it.customer.to_string(),
            decisions: it.decisions.iter().map(DecisionForm::from).collect(),
            transitions: it.transitions.iter().map(PassageForm::from).collect(),
        }
    }
}

shape! {
    /// Something that somebody supposes.
    in SupposeForm {
        /// Full name of a host or service.
        name: Line,
        /// What would be believed of it.
        status: StatusWord,
        /// When; left out: now.
        at: Option<At>,
    }
}

shape! {
    /// What would come of something supposed.
    out ConsequenceForm {
        /// What would be decided, in order.
        decisions: Vec<DecisionForm>,
        /// Who would be told, in order of time, if nobody answers a question.
        told: Vec<WouldTellForm>,
        /// Which duty leads would be asked at night whether it blocks the customer.
        asked: Vec<WouldAskForm>,
        /// When it would be proposed to the dispatcher, if within a day.
        proposed_at: Option<At>,
        /// When it would become a call by itself, if within a day.
        called_at: Option<At>,
    }
}

shape! {
    /// A question to a duty lead, and what would follow from the answers.
    out WouldAskForm {
        /// Who is asked, and when.
        asked: WouldTellForm,
        /// Until when an answer is waited for.
        until: At,
        /// Does it count as blocking if none comes?
        silence_means_blocking: bool,
        /// Who would be told if the answer is that it blocks the customer.
        if_blocking: Vec<WouldTellForm>,
        /// Who would be told if the answer is that it can wait.
        if_can_wait: Vec<WouldTellForm>,
    }
}

shape! {
    /// Somebody who would be told.
    out WouldTellForm {
        /// When.
        at: At,
        /// A person's id, or `*` for a place for all.
        contact: String,
        /// By which channel.
        channel: String,
        /// Where the rule was written: file and line.
        rule: Option<String>,
    }
}

impl From<&WouldTell> for WouldTellForm {
    fn from(it: &WouldTell) -> Self {
        Self {
            at: At(it.at),
            contact: it.contact.to_string(),
            channel: it.channel.to_string(),
            rule: text(it.rule.as_ref()),
        }
    }
}

impl From<&Consequence> for ConsequenceForm {
    fn from(it: &Consequence) -> Self {
        Self {
            decisions: it.decisions.iter().map(DecisionForm::from).collect(),
            told: it.told.iter().map(WouldTellForm::from).collect(),
            asked: it.asked.iter().map(WouldAskForm::from).collect(),
            proposed_at: it.proposed_at.map(At),
            called_at: it.called_at.map(At),
        }
    }
}

impl From<&WouldAsk> for WouldAskForm {
    fn from(it: &WouldAsk) -> Self {
        Self {
            asked: WouldTellForm::from(&it.asked),
            until: At(it.until),
            silence_means_blocking: it.silence_means_blocking,
            if_blocking: it.if_blocking.iter().map(WouldTellForm::from).collect(),
            if_can_wait: it.if_can_wait.iter().map(WouldTellForm::from).collect(),
        }
    }
}

shape! {
    /// Something that happened.
    out EventForm {
        /// Its place in the one stream of events.
        id: u64,
        /// When.
        at: At,
        /// Whose; empty for our own.
        customer: Arc<str>,
        /// What: `problem-opened`, `call-assigned`, ….
        kind: &'static str,
        /// Who did it; `engine` if nobody in particular.
        by: Arc<str>,
        /// What it is about.
        name: String,
        /// Id of the problem, proposal, call or note; 0 if about none.
        subject: u64,
        /// In words.
        text: String,
    }
}

impl From<&Event> for EventForm {
    fn from(it: &Event) -> Self {
        Self {
            id: it.id.0,
            at: At(it.at),
            customer: Arc::clone(&it.customer),
            kind: it.kind.word(),
            by: Arc::clone(&it.by),
            name: it.name.clone(),
            subject: it.subject,
            text: it.text.clone(),
        }
    }
}

shape! {
    /// A piece of the stream of events.
    out EventsForm {
        /// Oldest first.
        items: Vec<EventForm>,
        /// Give this as `after` for the next piece.
        after: u64,
    }
}
