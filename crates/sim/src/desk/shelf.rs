//! The modelled store: rows by their keys, as committed, and what a restart reads of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{
    Alert, AlertKey, Call, CallId, CallState, Class, JobMemory, MailKey, Moment, NoteId,
    Occurrence, OccurrenceKey, Override, PlannedWindow, Problem, ProblemId, Proposal, ProposalId,
    Report, ReportId, Row, Silence, Slot, SlotKey, Standing, Token,
};

// The store's own bounds: see `past` there.
/// Problems that ended within this time come back …
const ENDED_WITHIN: Duration = Duration::from_hours(24);
/// … at most so many, the newest.
const ENDED_MAX: usize = 10_000;
/// So many decided proposals come back that are in no open call.
const DONE_PROPOSALS_MAX: usize = 2_000;
/// So many closed calls come back.
const CLOSED_CALLS_MAX: usize = 2_000;
/// Windows come back until they have been over for so long.
const OCCURRENCES_WITHIN: Duration = Duration::from_hours(8 * 24);
/// A repeat of a request is known for one for so long.
const ANSWERS_WITHIN: Duration = Duration::from_hours(24);
/// Slots of a job that come back besides those that are open.
const SLOTS_BACK_MAX: usize = 8;
/// Hours of which it comes back how many mails there were.
const HOURS_BACK_MAX: usize = 14 * 24;
/// Reports without a claim that come back, the newest.
const UNCLAIMED_BACK_MAX: usize = 10_000;

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
    pub(crate) overrides: BTreeMap<NoteId, Override>,
    pub(crate) tokens: BTreeMap<NoteId, Token>,
    pub(crate) slots: BTreeMap<SlotKey, Slot>,
    pub(crate) reports: BTreeMap<ReportId, Report>,
    pub(crate) report_keys: BTreeMap<[u8; 16], ReportId>,
    pub(crate) memories: BTreeMap<Arc<str>, JobMemory>,
    pub(crate) mails: BTreeSet<MailKey>,
    hours: BTreeMap<u64, u32>,
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
            Row::Slot(it) => drop(self.slots.insert(it.key.clone(), *it)),
            Row::Report(it) => drop(self.reports.insert(it.id, *it)),
            Row::ReportKey(key, id, _) => drop(self.report_keys.entry(key).or_insert(id)),
            Row::Mail(key, ..) => drop(self.mails.insert(key)),
            Row::JobMemory(it) => drop(self.memories.insert(Arc::clone(&it.job), *it)),
            Row::MailHour(hour, count) => drop(self.hours.insert(hour, count)),
            Row::Event(_) | Row::Decision(_) | Row::Cursor(..) => {}
        }
    }

    /// What a restart at `now` gives back, in its order. It is what the store's `past` reads: all
    /// that is alive, and of what is over as much as people may still ask for.
    pub(crate) fn past(&self, now: Moment) -> Vec<Row> {
        let mut rows = vec![Row::NextId(self.next_id)];
        rows.extend(
            self.past_problems(now).into_iter().cloned().map(|it| Row::Problem(Box::new(it))),
        );
        rows.extend(self.past_proposals().cloned().map(|it| Row::Proposal(Box::new(it))));
        rows.extend(self.past_calls().into_iter().cloned().map(|it| Row::Call(Box::new(it))));
        let waiting = self.alerts.values().filter(|it| it.is_waiting());
        rows.extend(waiting.cloned().map(|it| Row::Alert(Box::new(it))));
        let silences = self.silences.values().filter(|it| it.span.until > now);
        rows.extend(silences.cloned().map(|it| Row::Silence(Box::new(it))));
        let lately = now.before(OCCURRENCES_WITHIN);
        let occurrences = self
            .occurrences
            .values()
            .filter(|it| it.ends_at.map_or(it.span.until, |at| at.max(it.span.until)) >= lately);
        rows.extend(occurrences.cloned().map(|it| Row::Occurrence(Box::new(it))));
        let planned = self.planned.iter().filter(|it| it.1.span.until >= lately);
        rows.extend(planned.map(|(id, it)| Row::Planned(*id, Box::new(it.clone()))));
        let overrides = self.overrides.values().filter(|it| it.span.until > now);
        rows.extend(overrides.cloned().map(|it| Row::Override(Box::new(it))));
        rows.extend(self.tokens.values().cloned().map(|it| Row::Token(Box::new(it))));
        rows.extend(self.past_answers(now).into_iter().cloned());
        self.past_jobs(now, &mut rows);
        rows
    }

    /// What the ledger of jobs has to know again.
    fn past_jobs(&self, now: Moment, rows: &mut Vec<Row>) {
        rows.extend(self.memories.values().cloned().map(|it| Row::JobMemory(Box::new(it))));
        let mut of_job = (None, 0);
        let mut slots = Vec::new();
        for (key, slot) in self.slots.iter().rev() {
            if of_job.0 != Some(&key.job) {
                of_job = (Some(&key.job), 0);
            }
            // The last ones, and the one behind which they stand.
            of_job.1 += 1;
            if slot.standing == Standing::Open || slot.close > now || of_job.1 <= SLOTS_BACK_MAX + 1
            {
                slots.push(Row::Slot(Box::new(slot.clone())));
            }
        }
        rows.extend(slots.into_iter().rev());
        let unclaimed = self.reports.values().rev().filter(|it| it.class == Class::Unclaimed);
        let unclaimed: Vec<&Report> = unclaimed.take(UNCLAIMED_BACK_MAX).collect();
        rows.extend(unclaimed.into_iter().rev().cloned().map(|it| Row::Report(Box::new(it))));
        let hours = self.hours.iter().rev().take(HOURS_BACK_MAX);
        let hours: Vec<Row> = hours.map(|(hour, count)| Row::MailHour(*hour, *count)).collect();
        rows.extend(hours.into_iter().rev());
    }

    /// Open ones, those that ended lately, and those of calls that are not closed.
    fn past_problems(&self, now: Moment) -> Vec<&Problem> {
        let since = now.before(ENDED_WITHIN);
        let ended_at = |it: &Problem| it.ended_at.filter(|_| !it.is_open());
        let mut lately: Vec<(Moment, ProblemId)> = self
            .problems
            .values()
            .filter_map(|it| Some((ended_at(it).filter(|at| *at >= since)?, it.id)))
            .collect();
        lately.sort_unstable();
        let lately: BTreeSet<_> = lately.into_iter().rev().take(ENDED_MAX).map(|it| it.1).collect();
        let in_call = |it: &Problem| {
            let call = it.call.and_then(|it| self.calls.get(&it));
            call.is_some_and(|it| it.state != CallState::Closed)
        };
        let all = self.problems.values();
        let mut found: Vec<&Problem> =
            all.filter(|it| it.is_open() || lately.contains(&it.id) || in_call(it)).collect();
        found.sort_by_key(|it| (!it.is_open(), ended_at(it), it.id));
        found
    }

    /// Open ones, those of calls that are not closed, and the last decided ones.
    fn past_proposals(&self) -> impl Iterator<Item = &Proposal> {
        let open = self.calls.values().filter(|it| it.state != CallState::Closed);
        let mut kept: BTreeSet<ProposalId> = open.flat_map(|it| it.proposals.clone()).collect();
        let done = self.proposals.values().rev().filter(|it| !it.is_open());
        kept.extend(done.take(DONE_PROPOSALS_MAX).map(|it| it.id));
        self.proposals.values().filter(move |it| it.is_open() || kept.contains(&it.id))
    }

    /// Those that are not closed, and the last closed ones.
    fn past_calls(&self) -> Vec<&Call> {
        let (closed, mut calls): (Vec<&Call>, Vec<&Call>) =
            self.calls.values().partition(|it| it.state == CallState::Closed);
        let mut closed = closed;
        closed.sort_by_key(|it| (it.closed_at, it.id));
        let from = closed.len().saturating_sub(CLOSED_CALLS_MAX);
        calls.extend(&closed[from..]);
        calls
    }

    /// In the order of answering.
    fn past_answers(&self, now: Moment) -> Vec<&Row> {
        let since = now.before(ANSWERS_WITHIN);
        let at = |it: &Row| match it {
            Row::Answered(_, at, ..) => *at,
            _ => Moment::ZERO,
        };
        let mut answers: Vec<&Row> = self.answered.values().filter(|it| at(it) >= since).collect();
        answers.sort_by_key(|it| at(it));
        answers
    }

    /// Is nothing open, and nothing owed?
    pub(crate) fn is_all_well(&self) -> bool {
        self.open().next().is_none() && !self.alerts.values().any(Alert::is_waiting)
    }

    /// Open problems.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Problem> {
        self.problems.values().filter(|it| it.is_open())
    }
}

#[cfg(test)]
mod tests {
    use model::{Scope, Span};

    use super::*;

    fn silence(id: u64, until: Moment) -> Row {
        Row::Silence(Box::new(Silence {
            id: NoteId(id),
            version: 1,
            customers: None,
            scope: Scope { lines: Vec::new() },
            span: Span { from: Moment::ZERO, until },
            by: Arc::from("anna"),
            text: String::new(),
        }))
    }

    fn answer(key: &str, at: Moment) -> Row {
        Row::Answered(Arc::from(key), at, "1".to_owned(), 1)
    }

    #[test]
    fn a_restart_forgets_what_the_store_would_not_read() {
        let now = Moment::from_secs(10 * 86_400);
        let mut shelf = Shelf::default();
        let rows = [
            silence(1, now),
            silence(2, now.after(Duration::from_secs(1))),
            answer("old", now.before(ANSWERS_WITHIN).before(Duration::from_nanos(1))),
            answer("b", now.before(ANSWERS_WITHIN)),
            answer("a", now),
        ];
        rows.iter().for_each(|it| shelf.put(it));
        let past = shelf.past(now);
        let expected = [Row::NextId(0), rows[1].clone(), rows[3].clone(), rows[4].clone()];
        assert_eq!(past, expected, "silences that are over, and answers of yesterday, are gone");
    }
}
