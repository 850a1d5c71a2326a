//! The modelled store: rows by their keys, as committed.

use std::{collections::BTreeMap, sync::Arc};

use model::{
    Alert, AlertKey, Call, CallId, NoteId, Occurrence, OccurrenceKey, Override, PlannedWindow,
    Problem, ProblemId, Proposal, ProposalId, Row, Silence, Token,
};

/// Everything that was committed, but what is only ever added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) next_id: u64,
    pub(crate) problems: BTreeMap<ProblemId, Problem>,
    pub(crate) proposals: BTreeMap<ProposalId, Proposal>,
    pub(crate) calls: BTreeMap<CallId, Call>,
    pub(crate) alerts: BTreeMap<AlertKey, Alert>,
    pub(crate) silences: BTreeMap<NoteId, Silence>,
    pub(crate) occurrences: BTreeMap<OccurrenceKey, Occurrence>,
    pub(crate) planned: BTreeMap<NoteId, PlannedWindow>,
    overrides: BTreeMap<NoteId, Override>,
    tokens: BTreeMap<NoteId, Token>,
    answered: BTreeMap<Arc<str>, Row>,
}

impl Shelf {
    /// Keeps a row.
    pub(crate) fn put(&mut self, row: &Row) {
        match row.clone() {
            Row::NextId(it) => self.next_id = it,
            Row::Problem(it) => drop(self.problems.insert(it.id, *it)),
            Row::Proposal(it) => drop(self.proposals.insert(it.id, *it)),
            Row::Call(it) => drop(self.calls.insert(it.id, *it)),
            Row::Alert(it) => drop(self.alerts.insert(it.key, *it)),
            Row::Silence(it) => drop(self.silences.insert(it.id, *it)),
            Row::Occurrence(it) => drop(self.occurrences.insert(it.key.clone(), *it)),
            Row::Planned(id, it) => drop(self.planned.insert(id, *it)),
            Row::Override(it) => drop(self.overrides.insert(it.id, *it)),
            Row::Token(it) => drop(self.tokens.insert(it.id, *it)),
            Row::Gone(id) => {
                self.silences.remove(&id);
                self.planned.remove(&id);
                self.overrides.remove(&id);
            }
            Row::Answered(ref key, ..) => drop(self.answered.insert(Arc::clone(key), row.clone())),
            Row::Event(_) | Row::Decision(_) => {}
        }
    }

    /// What a restart gives back.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = vec![Row::NextId(self.next_id)];
        rows.extend(self.problems.values().cloned().map(|it| Row::Problem(Box::new(it))));
        rows.extend(self.proposals.values().cloned().map(|it| Row::Proposal(Box::new(it))));
        rows.extend(self.calls.values().cloned().map(|it| Row::Call(Box::new(it))));
        let waiting = self.alerts.values().filter(|it| it.is_waiting());
        rows.extend(waiting.cloned().map(|it| Row::Alert(Box::new(it))));
        rows.extend(self.silences.values().cloned().map(|it| Row::Silence(Box::new(it))));
        rows.extend(self.occurrences.values().cloned().map(|it| Row::Occurrence(Box::new(it))));
        rows.extend(self.planned.iter().map(|(id, it)| Row::Planned(*id, Box::new(it.clone()))));
        rows.extend(self.overrides.values().cloned().map(|it| Row::Override(Box::new(it))));
        rows.extend(self.tokens.values().cloned().map(|it| Row::Token(Box::new(it))));
        rows.extend(self.answered.values().cloned());
        rows
    }

    /// Open problems.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Problem> {
        self.problems.values().filter(|it| it.is_open())
    }
}
