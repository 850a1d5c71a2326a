//! What the parts of the desk write with, and what all of them may look up.

use std::sync::Arc;

use model::{
    Decision, DecisionId, Duty, Event, EventId, EventKind, GatePassed, Moment, ProblemId, Row,
    Times, VerdictOfDesk,
};

/// Collects the rows of one input and gives out ids.
#[derive(Debug)]
pub(crate) struct Pen {
    /// The time of the input.
    pub(crate) now: Moment,
    /// What is to be kept, in order; a later row replaces an earlier one with the same key.
    pub(crate) rows: Vec<Row>,
    next_id: u64,
}

/// What an event is about.
#[derive(Clone, Debug)]
pub(crate) struct Note<'a> {
    pub(crate) kind: EventKind,
    /// Empty for our own.
    pub(crate) customer: &'a Arc<str>,
    pub(crate) by: &'a str,
    /// As people write it.
    pub(crate) name: String,
    /// Id of what it is about; 0 if about nothing.
    pub(crate) subject: u64,
    pub(crate) text: String,
}

impl Pen {
    /// Ids from `next_id` on.
    pub(crate) fn new(next_id: u64) -> Self {
        Self { now: Moment::ZERO, rows: Vec::new(), next_id: next_id.max(1) }
    }

    /// The next id of the desk's one sequence.
    pub(crate) fn id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// The id that would be given out next.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Everything with an id below `id` has been given out.
    pub(crate) fn skip_to(&mut self, id: u64) {
        self.next_id = self.next_id.max(id);
    }

    /// Writes down that something happened.
    pub(crate) fn event(&mut self, note: Note<'_>) {
        let event = Event {
            id: EventId(self.id()),
            at: self.now,
            customer: Arc::clone(note.customer),
            kind: note.kind,
            by: Arc::from(note.by),
            name: note.name,
            subject: note.subject,
            text: note.text,
        };
        self.rows.push(Row::Event(Box::new(event)));
    }

    /// Writes down why somebody, or nobody, is told.
    pub(crate) fn decide(
        &mut self,
        problem: ProblemId,
        name: &str,
        customer: &Arc<str>,
        trigger: &str,
        gates: Vec<GatePassed>,
        verdict: VerdictOfDesk,
    ) {
        let decision = Decision {
            id: DecisionId(self.id()),
            at: self.now,
            problem,
            name: name.to_owned(),
            customer: Arc::clone(customer),
            trigger: trigger.to_owned(),
            gates,
            verdict,
        };
        self.rows.push(Row::Decision(Box::new(decision)));
    }
}

/// What all parts may look up: people and rules, and the times worked out for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) duty: Arc<Duty>,
    pub(crate) times: Arc<Times>,
}
