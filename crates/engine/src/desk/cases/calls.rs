//! How calls are opened and changed.

use std::sync::Arc;

use model::{
    Call, CallId, CallState, EventKind, Message, MessageKind, Moment, Policy, Problem, Proposal,
    ProposalId, ProposalState, Row, Severity, SlaStart,
};

use super::{
    CALL_MESSAGES_MAX, CALL_TEXT_BYTES_MAX, CALLS_CLOSED_MAX, CALLS_OPEN_MAX, CallNote, CaseNews,
    Cases, Opener, TITLE_BYTES_MAX,
    clocks::{self, Terms},
    index::{Due, condition},
    proposals, waits, words,
};
use crate::desk::pen::{Note, Pen, Rules};

/// What most of an event's text may be, in bytes; the whole of it is in the call.
const EVENT_TEXT_BYTES_MAX: usize = 240;

/// Who does what nobody has asked for.
pub(super) const ENGINE: &str = "engine";

/// A call that is to be opened.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) customer: &'a Arc<str>,
    pub(super) title: String,
    pub(super) severity: Severity,
    pub(super) by: &'a Arc<str>,
    pub(super) contract: Option<u32>,
    pub(super) assignee: Option<&'a Arc<str>>,
    pub(super) detected_at: Moment,
    /// The proposal or the problem that it grows from.
    pub(super) from: From<'a>,
}

/// What a call grows from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From<'a> {
    Proposal(&'a Proposal),
    Problem(&'a Problem),
    /// A person opened it; perhaps it goes on with a closed one.
    Person(Option<CallId>),
}

impl Cases {
    /// Opens the call that a policy asks for without anybody having to accept it: of the open
    /// proposal about the same if there is one. If there is a call about the same already, the
    /// problem becomes a part of that. `None`: somebody has decided about it already, or too many
    /// calls are open.
    pub(crate) fn call_for(
        &mut self,
        problem: &Problem,
        policy: &Policy,
        contract: Option<u32>,
        rules: &Rules,
        pen: &mut Pen,
    ) -> Option<CallId> {
        self.wake(rules, pen);
        if let Some(call) = self.index.call_about(&problem.about) {
            self.attach(call, problem, pen);
            return Some(call);
        }
        if self.is_decided(problem) {
            return None;
        }
        if self.index.open().len() >= CALLS_OPEN_MAX {
            pen.event(Note {
                kind: EventKind::ProposalRefused,
                customer: &problem.customer,
                by: "engine",
                name: problem.about.name(),
                subject: problem.id.0,
                text: format!("{CALLS_OPEN_MAX} calls are open already"),
            });
            return None;
        }
        let engine: Arc<str> = Arc::from(ENGINE);
        if let Some(proposal) = self.index.proposals.get(&problem.about).copied() {
            return self.make_call_of(proposal, &engine, None, contract, rules, pen);
        }
        let id = self.open_call(
            Opening {
                customer: &problem.customer,
                title: proposals::title(problem),
                severity: problem.severity,
                by: &engine,
                contract,
                assignee: None,
                detected_at: problem.opened_at,
                from: From::Problem(problem),
            },
            &format!("by policy {}", policy.name),
            rules,
            pen,
        );
        Some(id)
    }

    /// Has a person dismissed the proposal for this very problem, or closed its call?
    fn is_decided(&self, problem: &Problem) -> bool {
        let proposal = problem.proposal.and_then(|it| self.proposals.get(&it));
        let call = problem.call.and_then(|it| self.calls.get(&it));
        proposal.is_some_and(|it| !it.is_open() && it.problem == problem.id)
            || call.is_some_and(|it| it.state == CallState::Closed)
    }

    /// Makes a call of an open proposal.
    pub(super) fn make_call_of(
        &mut self,
        proposal: ProposalId,
        by: &Arc<str>,
        assignee: Option<&Arc<str>>,
        contract: Option<u32>,
        rules: &Rules,
        pen: &mut Pen,
    ) -> Option<CallId> {
        let from = self.proposals.get(&proposal)?.clone();
        let call = self.open_call(
            Opening {
                customer: &from.customer,
                title: from.title.clone(),
                severity: from.severity,
                by,
                contract,
                assignee,
                detected_at: from.detected_at,
                from: From::Proposal(&from),
            },
            &format!("from proposal {proposal}"),
            rules,
            pen,
        );
        let at = pen.now;
        let state = ProposalState::Accepted { call, by: Arc::clone(by), at };
        self.change_proposal(proposal, pen, |it| it.state = state);
        let text = format!("as call {call}");
        self.proposal_event(proposal, EventKind::ProposalAccepted, by, text, pen);
        Some(call)
    }

    pub(super) fn open_call(
        &mut self,
        opening: Opening<'_>,
        why: &str,
        rules: &Rules,
        pen: &mut Pen,
    ) -> CallId {
        let id = CallId(pen.id());
        let mut call = new_call(id, &opening, pen.now);
        clocks::start(&mut call, opening.contract, rules);
        self.calls.insert(id, call);
        self.index.add(&self.calls[&id]);
        self.change_call(id, pen, |_| ());
        let by = &**opening.by;
        let text = format!("{why}: {}", opening.title);
        self.call_event(id, EventKind::CallOpened, by, text, pen);
        self.news.push(CaseNews::Opened(id, opener(&opening)));
        // A clock that runs from an earlier moment on may have something to say already.
        self.wake_clocks(id, rules, pen);
        if let Some(person) = opening.assignee {
            self.give(id, person, opening.by, rules, pen);
        }
        id
    }

    /// Gives a call to `person`; taking it oneself is taking charge.
    pub(super) fn give(
        &mut self,
        id: CallId,
        person: &Arc<str>,
        by: &Arc<str>,
        rules: &Rules,
        pen: &mut Pen,
    ) {
        let Some(call) = self.calls.get(&id) else { return };
        let terms = Terms::of(call, rules);
        let now = pen.now;
        self.change_call(id, pen, |call| {
            call.assignee = Some(Arc::clone(person));
            if call.state == CallState::Open {
                call.state = CallState::Assigned;
            }
            if person == by {
                terms.responded(call, now);
            }
        });
        self.schedule_clocks(id, rules);
        self.call_event(id, EventKind::CallAssigned, by, format!("to {person}"), pen);
        if person != by {
            self.news.push(CaseNews::Assigned(id, Arc::clone(person)));
        }
    }

    /// The call blocks the customer: its clocks run day and night from now on. `false` if it did
    /// already, or there is none.
    pub(crate) fn block(&mut self, id: CallId, by: &str, rules: &Rules, pen: &mut Pen) -> bool {
        self.wake(rules, pen);
        let Some(call) = self.calls.get(&id) else { return false };
        if call.blocking_since.is_some() || call.state == CallState::Closed {
            return false;
        }
        let terms = Terms::of(call, rules);
        let now = pen.now;
        self.change_call(id, pen, |call| {
            terms.block(call, now);
            call.blocking_since = Some(now);
        });
        self.schedule_clocks(id, rules);
        let text = "its clocks run day and night from now on".to_owned();
        self.call_event(id, EventKind::CallBlocking, by, text, pen);
        true
    }

    /// The one way in which a call changes: version, row, indexes and timers follow. Clocks are
    /// scheduled by whoever changes them.
    pub(super) fn change_call(
        &mut self,
        id: CallId,
        pen: &mut Pen,
        change: impl FnOnce(&mut Call),
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        self.index.remove(call);
        let waited = condition(call).is_some();
        change(call);
        call.version += 1;
        self.index.add(call);
        self.waits_changed |= waited || condition(call).is_some();
        let closed = call.state == CallState::Closed;
        let due = waits::due(call);
        pen.rows.push(Row::Call(Box::new(call.clone())));
        self.timers.set(Due::Wait(id), due);
        if closed {
            self.timers.set(Due::Clocks(id), None);
            self.held.remove(&id);
            self.forget_closed();
        }
    }

    pub(super) fn call_event(
        &mut self,
        id: CallId,
        kind: EventKind,
        by: &str,
        text: String,
        pen: &mut Pen,
    ) {
        let Some(call) = self.calls.get(&id) else { return };
        let name = call.about.as_ref().map_or_else(|| call.title.clone(), model::About::name);
        let short = words::cut(&text, EVENT_TEXT_BYTES_MAX).to_owned();
        pen.event(Note { kind, customer: &call.customer, by, name, subject: id.0, text: short });
        self.notes.push(CallNote { call: id, kind, by: Arc::from(by), text });
    }

    pub(super) fn forget_closed(&mut self) {
        while let Some(oldest) = self.index.superfluous(CALLS_CLOSED_MAX) {
            let Some(call) = self.calls.remove(&oldest) else { break };
            self.index.remove(&call);
        }
    }
}

fn opener(opening: &Opening<'_>) -> Opener {
    match opening.from {
        From::Person(_) => Opener::Person(Arc::clone(opening.by)),
        _ if **opening.by == *ENGINE => Opener::Policy,
        _ => Opener::Dispatcher,
    }
}

fn new_call(id: CallId, opening: &Opening<'_>, now: Moment) -> Call {
    let (about, proposal, problem, refers_to) = match opening.from {
        From::Proposal(it) => (Some(it.about.clone()), Some(it), Some(it.problem), None),
        From::Problem(it) => (Some(it.about.clone()), None, Some(it.id), None),
        From::Person(refers_to) => (None, None, None, refers_to),
    };
    Call {
        id,
        version: 0,
        customer: Arc::clone(opening.customer),
        about,
        title: words::line(&opening.title, TITLE_BYTES_MAX),
        severity: opening.severity,
        state: CallState::Open,
        assignee: None,
        detected_at: opening.detected_at,
        proposed_at: proposal.map(|it| it.proposed_at),
        opened_at: now,
        closed_at: None,
        proposals: proposal.map(|it| it.id).into_iter().collect(),
        problems: problem.into_iter().collect(),
        refers_to,
        ready_to_close: false,
        blocking_since: None,
        contract: None,
        starts: SlaStart::default(),
        respond: None,
        resolve: None,
        messages: Vec::new(),
    }
}

/// Is there room for `text` in the call? The last place is kept for the words that close it.
pub(super) fn has_room(call: &Call, text: &str) -> bool {
    let bytes: usize = call.messages.iter().map(|it| it.text.len()).sum();
    call.messages.len() + 1 < CALL_MESSAGES_MAX && bytes + text.len() <= CALL_TEXT_BYTES_MAX
}

pub(super) fn say(call: &mut Call, by: &Arc<str>, kind: MessageKind, text: &str, at: Moment) {
    call.messages.push(Message { at, by: Arc::clone(by), kind, text: text.to_owned() });
}
