//! Proposals and calls: what a dispatcher sees, takes and works on.
//!
//! One owner of both, because they must agree: at most one open proposal or call about the same
//! thing, whoever asks and however often it comes up. Every change goes through one door each
//! ([`Cases::change_proposal`], [`Cases::change_call`]) that raises the version, writes the row and
//! keeps indexes and timers in step; so what is in memory is what is in the rows, and a restart
//! from the rows goes on where it stopped.

mod calls;
mod candidates;
mod clocks;
mod commands;
mod index;
mod proposals;
mod waits;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{
    About, Call, CallId, CallState, EventKind, Moment, NoteId, Override, ProblemId, Proposal,
    ProposalId, ProposalState,
};

use super::pen::{Pen, Rules};
pub(crate) use clocks::Promise;
use index::{Due, Index, Timers};
use proposals::Freshness;
pub(crate) use waits::Looked;

/// Proposals that wait for a dispatcher.
pub(crate) const PROPOSALS_OPEN_MAX: usize = 5_000;
/// Proposals that do not wait any more, kept to say what became of them.
pub(crate) const PROPOSALS_DONE_MAX: usize = 2_000;
/// Calls that are not closed.
pub(crate) const CALLS_OPEN_MAX: usize = 10_000;
/// Closed calls kept in memory, to find similar ones and to say who closed them.
pub(crate) const CALLS_CLOSED_MAX: usize = 2_000;
/// Messages and notes of one call.
pub(crate) const CALL_MESSAGES_MAX: usize = 200;
/// All messages of one call together, in bytes: a call is written as a whole with every change.
pub(crate) const CALL_TEXT_BYTES_MAX: usize = 256 * 1024;
/// Problems of one call. Merging stops at half of it, the rest is for causes that come up again.
pub(crate) const CALL_PROBLEMS_MAX: usize = 200;
/// One text that somebody writes, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 16 * 1024;
/// A title, in bytes.
pub(crate) const TITLE_BYTES_MAX: usize = 240;

/// What the desk's other parts know and proposals and calls need to know.
pub(crate) trait World {
    /// Is this problem open?
    fn is_open(&self, problem: ProblemId) -> bool;
    /// Is the host or service called `name` believed fine? `None`: there is none.
    fn is_fine(&self, name: &str) -> Option<bool>;
    /// Is there a job of this full name?
    fn knows_job(&self, name: &str) -> bool;
    /// The contract for what `about` names, a place in [`model::Duty::contracts`].
    fn contract_of(&self, about: &About, customer: &str) -> Option<u32>;
}

/// Where a problem is taken care of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this open proposal.
    Proposal(ProposalId),
    /// In this call, which is not closed.
    Call(CallId),
}

/// Something about a call that people may have to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CaseNews {
    /// It was opened.
    Opened(CallId, Opener),
    /// Somebody got it: a person's id.
    Assigned(CallId, Arc<str>),
    /// So many percent of the time for a promise are spent.
    SlaWarned(CallId, Promise, u8),
    /// A promise is broken.
    SlaBreached(CallId, Promise),
    /// It may be closed.
    Ready(CallId),
    /// It goes on by itself.
    Resumed(CallId),
    /// Somebody wrote something to the customer: who, and what.
    Written(CallId, Arc<str>, String),
}

/// Who opened a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opener {
    /// A policy, without anybody having agreed.
    Policy,
    /// A dispatcher, who saw the proposal and knows what to do with the call.
    Dispatcher,
    /// Somebody by hand.
    Person(Arc<str>),
}

/// Something that happened to a call, for whoever keeps a ticket of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallNote {
    pub(crate) call: CallId,
    pub(crate) kind: EventKind,
    pub(crate) by: Arc<str>,
    /// The whole of it.
    pub(crate) text: String,
}

/// All proposals and calls.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    proposals: BTreeMap<ProposalId, Proposal>,
    calls: BTreeMap<CallId, Call>,
    index: Index,
    timers: Timers,
    /// Evidence that changes faster than rows should be written.
    fresh: BTreeMap<ProposalId, Freshness>,
    /// Calls whose clocks stand still because of a window.
    held: BTreeSet<CallId>,
    /// Who stands in for whom, as people have asked.
    pub(crate) overrides: BTreeMap<NoteId, Override>,
    /// What became of proposals since the start, with the reason.
    outcomes: BTreeMap<(&'static str, &'static str), u64>,
    /// Calls wait for others than when it was last asked.
    waits_changed: bool,
    news: Vec<CaseNews>,
    notes: Vec<CallNote>,
}

impl Cases {
    /// Takes in a proposal that was kept. Those that are not open are kept in mind too, to say
    /// what became of them; the oldest are forgotten.
    pub(crate) fn restore_proposal(&mut self, proposal: Proposal) {
        let id = proposal.id;
        match &proposal.state {
            ProposalState::Open => {
                self.index.proposals.insert(proposal.about.clone(), id);
            }
            ProposalState::Accepted { call, .. } | ProposalState::Merged { call, .. } => {
                self.index.done.insert(id);
                self.index.cover(&proposal.about, *call);
            }
            ProposalState::Dismissed { .. } | ProposalState::Withdrawn { .. } => {
                self.index.done.insert(id);
            }
        }
        self.proposals.insert(id, proposal);
        self.forget_done();
        let due = self.proposal_due(id);
        self.timers.set(Due::Proposal(id), due);
    }

    /// Takes in a call that was kept. Its clocks are looked at by the first [`Cases::wake`].
    pub(crate) fn restore_call(&mut self, call: Call) {
        let id = call.id;
        self.index.add(&call);
        self.waits_changed |= index::condition(&call).is_some();
        self.timers.set(Due::Wait(id), waits::due(&call));
        if call.state != CallState::Closed {
            self.timers.set(Due::Clocks(id), Some(Moment::ZERO));
        }
        for proposal in call.proposals.iter().filter_map(|it| self.proposals.get(it)) {
            self.index.cover(&proposal.about, id);
        }
        self.calls.insert(id, call);
        self.forget_closed();
    }

    /// A proposal, open or not long decided.
    #[cfg(test)]
    pub(crate) fn proposal(&self, id: ProposalId) -> Option<&Proposal> {
        self.proposals.get(&id)
    }

    /// A call, open or not long closed.
    pub(crate) fn call(&self, id: CallId) -> Option<&Call> {
        self.calls.get(&id)
    }

    /// The open proposal or the call that takes in what comes up about `about`.
    pub(crate) fn place_of(&self, about: &About) -> Option<Place> {
        let proposal = self.index.proposals.get(about).copied().map(Place::Proposal);
        proposal.or_else(|| self.index.call_about(about).map(Place::Call))
    }

    /// When something is to be done by itself.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// Does everything that is due.
    pub(crate) fn wake(&mut self, rules: &Rules, pen: &mut Pen) {
        while let Some((at, due)) = self.timers.pop(pen.now) {
            match due {
                Due::Wait(id) => self.wake_wait(id, at, rules, pen),
                Due::Clocks(id) => self.wake_clocks(id, rules, pen),
                Due::Proposal(id) => self.wake_proposal(id, pen),
            }
        }
    }

    /// What people may have to be told since this was last asked.
    pub(crate) fn news(&mut self) -> Vec<CaseNews> {
        std::mem::take(&mut self.news)
    }

    /// What happened to calls since this was last asked.
    pub(crate) fn notes(&mut self) -> Vec<CallNote> {
        std::mem::take(&mut self.notes)
    }

    /// What became of proposals since the start, with the reason if there is one.
    pub(crate) fn outcomes(&self) -> &BTreeMap<(&'static str, &'static str), u64> {
        &self.outcomes
    }

    /// Until when the proposal about it has been put off by a person.
    pub(crate) fn snoozed_until(&self, about: &About) -> Option<Moment> {
        let proposal = self.index.proposals.get(about)?;
        self.proposals.get(proposal)?.snoozed_until
    }
}

#[cfg(test)]
mod clocks_tests;
#[cfg(test)]
mod graph_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod proposals_tests;
#[cfg(test)]
mod testing;
