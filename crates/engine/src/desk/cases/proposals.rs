//! How proposals are made, kept up to date and withdrawn.

use std::{sync::Arc, time::Duration};

use model::{
    About, CallId, Ending, EventKind, Evidence, HelpLevel, Moment, Passage, Policy, Problem,
    Proposal, ProposalId, ProposalState, Row, Severity,
};

use super::{
    Cases, PROPOSALS_DONE_MAX, PROPOSALS_OPEN_MAX, Place, TEXT_BYTES_MAX, TITLE_BYTES_MAX,
    calls::ENGINE, candidates, index::Due, words,
};
use crate::desk::pen::{Note, Pen, Rules};

/// Steps of a problem that are shown as evidence.
const TIMELINE_MAX: usize = 50;
/// Symptoms that are listed as evidence; the others are counted.
const SYMPTOMS_MAX: usize = 50;
/// Closed calls about the same that are shown.
const SIMILAR_MAX: usize = 5;
/// How long evidence that has been written rests before it is written again. A site that fails
/// gains thousands of symptoms within a second, one by one.
const EVIDENCE_REST: Duration = Duration::from_secs(1);

/// What a proposal shows of its problem.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    title: String,
    severity: Severity,
    level: HelpLevel,
    evidence: Evidence,
}

/// When an open proposal was last written, and what is to be written next.
#[derive(Debug, PartialEq)]
pub(super) struct Freshness {
    written_at: Moment,
    pending: Option<Box<Shown>>,
    /// The version since which nothing but evidence has changed.
    decisive: u64,
}

impl Shown {
    fn of(problem: &Problem, similar: Vec<CallId>) -> Self {
        let skipped = problem.timeline.len().saturating_sub(TIMELINE_MAX);
        let timeline = problem.timeline[skipped..].iter().map(bounded).collect();
        let evidence = Evidence {
            timeline,
            symptoms: problem.symptoms.keys().take(SYMPTOMS_MAX).cloned().collect(),
            symptoms_count: u32::try_from(problem.symptoms.len()).unwrap_or(u32::MAX),
            last_good: problem.last_good,
            text: bounded_text(&problem.text),
            notes: problem.notes.clone(),
            values: problem.values.clone(),
            similar,
        };
        Self {
            title: title(problem),
            severity: problem.severity,
            level: candidates::level(problem),
            evidence,
        }
    }

    fn now_shown(proposal: &Proposal) -> Self {
        Self {
            title: proposal.title.clone(),
            severity: proposal.severity,
            level: proposal.level,
            evidence: proposal.evidence.clone(),
        }
    }

    fn show(self, proposal: &mut Proposal) {
        proposal.title = self.title;
        proposal.severity = self.severity;
        proposal.level = self.level;
        proposal.evidence = self.evidence;
    }
}

impl Cases {
    /// Proposes a call for `problem`, or adds it to the proposal or call about the same that is
    /// there. `None`: there is no room, which has been written down.
    pub(crate) fn propose(
        &mut self,
        problem: &Problem,
        policy: &Policy,
        rules: &Rules,
        pen: &mut Pen,
    ) -> Option<Place> {
        if let Some(place) = self.problem_back(problem, rules, pen) {
            return Some(place);
        }
        if self.index.proposals.len() >= PROPOSALS_OPEN_MAX {
            pen.event(Note {
                kind: EventKind::ProposalRefused,
                customer: &problem.customer,
                by: "engine",
                name: problem.about.name(),
                subject: problem.id.0,
                text: format!("{PROPOSALS_OPEN_MAX} proposals are waiting already"),
            });
            return None;
        }
        Some(Place::Proposal(self.make(problem, policy, rules, pen)))
    }

    /// A problem was believed, or believed anew: adds it to the open proposal or the call about
    /// the same, if there is one. Does nothing if it is known there.
    pub(crate) fn problem_back(
        &mut self,
        problem: &Problem,
        rules: &Rules,
        pen: &mut Pen,
    ) -> Option<Place> {
        if let Some(id) = self.index.proposals.get(&problem.about).copied() {
            self.came_up_again(id, problem, rules, pen);
            return Some(Place::Proposal(id));
        }
        let call = self.index.call_about(&problem.about)?;
        self.attach(call, problem, pen);
        Some(Place::Call(call))
    }

    /// Something about an open problem has changed that its proposal or call shows.
    pub(crate) fn refresh(&mut self, problem: &Problem, rules: &Rules, pen: &mut Pen) {
        if let Some(call) = self.index.call_of(problem.id) {
            return self.worsen(call, problem, pen);
        }
        let Some(id) = self.index.proposals.get(&problem.about).copied() else { return };
        let Some(proposal) = self.proposals.get(&id).filter(|it| it.problem == problem.id) else {
            return;
        };
        let shown = Shown::of(problem, proposal.evidence.similar.clone());
        let now_shown = Shown::now_shown(proposal);
        let fresh = self.fresh.get_mut(&id);
        let pending = fresh.as_deref().and_then(|it| it.pending.as_deref());
        if shown == *pending.unwrap_or(&now_shown) {
            return;
        }
        let only_evidence = (&shown.title, shown.severity, shown.level)
            == (&now_shown.title, now_shown.severity, now_shown.level);
        if let Some(fresh) = fresh
            && only_evidence
            && pen.now < fresh.written_at.after(EVIDENCE_REST)
        {
            fresh.pending = Some(Box::new(shown));
            let due = self.proposal_due(id);
            self.timers.set(Due::Proposal(id), due);
            return;
        }
        let other_help = (shown.severity, shown.level) != (now_shown.severity, now_shown.level);
        let candidates =
            other_help.then(|| candidates::candidates(problem, shown.level, rules, self, pen.now));
        self.forget_pending(id);
        self.change_proposal(id, pen, |it| {
            shown.show(it);
            if let Some(candidates) = candidates {
                it.candidates = candidates;
            }
        });
    }

    /// Somebody has looked at what the proposal about it is for: it is not withdrawn by itself
    /// any more.
    pub(crate) fn touch(&mut self, about: &About, pen: &mut Pen) {
        let Some(id) = self.index.proposals.get(about).copied() else { return };
        if self.proposals.get(&id).is_some_and(|it| !it.touched) {
            self.change_proposal(id, pen, |it| it.touched = true);
        }
    }

    /// The problem is a part of something larger, which is proposed in its place. `false` if it has
    /// no open proposal, or somebody has looked at that.
    pub(crate) fn fold(&mut self, problem: &Problem, why: &str, pen: &mut Pen) -> bool {
        let Some(id) = self.index.proposals.get(&problem.about).copied() else { return false };
        let own = self.proposals.get(&id).filter(|it| it.problem == problem.id && !it.touched);
        if own.is_none() {
            return false;
        }
        let at = pen.now;
        self.forget_pending(id);
        self.change_proposal(id, pen, |it| it.state = ProposalState::Withdrawn { at });
        self.proposal_event(id, EventKind::ProposalWithdrawn, "engine", why.to_owned(), pen);
        true
    }

    /// The problem of an open proposal has ended.
    pub(super) fn cause_is_gone(&mut self, id: ProposalId, problem: &Problem, pen: &mut Pen) {
        let Some(proposal) = self.proposals.get(&id).filter(|it| it.problem == problem.id) else {
            return;
        };
        let why = of_ending(problem.ending);
        if !proposal.touched {
            let at = pen.now;
            self.change_proposal(id, pen, |it| it.state = ProposalState::Withdrawn { at });
            self.proposal_event(id, EventKind::ProposalWithdrawn, "engine", why.to_owned(), pen);
            return;
        }
        let similar = proposal.evidence.similar.clone();
        let mut shown = Shown::of(problem, similar);
        shown.title = proposal.title.clone();
        shown.severity = proposal.severity;
        shown.level = proposal.level;
        shown.evidence.text =
            bounded_text(&Arc::from(format!("over: {why}; it was: {}", problem.text)));
        self.forget_pending(id);
        self.change_proposal(id, pen, |it| shown.show(it));
        let text = format!("{why}; stays, because somebody has looked at it");
        self.proposal_event(id, EventKind::Commented, "engine", text, pen);
    }

    /// The rest of a snoozed proposal is over, or its evidence is to be written.
    pub(super) fn wake_proposal(&mut self, id: ProposalId, pen: &mut Pen) {
        let now = pen.now;
        let Some(proposal) = self.proposals.get(&id) else { return };
        if proposal.snoozed_until.is_some_and(|it| it <= now) {
            self.change_proposal(id, pen, |it| it.snoozed_until = None);
            let text = "shown again".to_owned();
            self.proposal_event(id, EventKind::ProposalSnoozed, "engine", text, pen);
            return;
        }
        let due = self
            .fresh
            .get(&id)
            .is_some_and(|it| it.pending.is_some() && it.written_at.after(EVIDENCE_REST) <= now);
        if due {
            self.change_proposal(id, pen, |_| ());
        }
    }

    fn make(
        &mut self,
        problem: &Problem,
        policy: &Policy,
        rules: &Rules,
        pen: &mut Pen,
    ) -> ProposalId {
        let id = ProposalId(pen.id());
        let shown = Shown::of(problem, self.similar(&problem.about));
        let candidates = candidates::candidates(problem, shown.level, rules, self, pen.now);
        let proposal = Proposal {
            id,
            version: 0,
            about: problem.about.clone(),
            customer: Arc::clone(&problem.customer),
            title: shown.title,
            severity: shown.severity,
            detected_at: problem.opened_at,
            proposed_at: pen.now,
            problem: problem.id,
            occurrences: 1,
            evidence: shown.evidence,
            level: shown.level,
            candidates,
            rule: Some(Arc::clone(&policy.at)),
            snoozed_until: None,
            touched: false,
            state: ProposalState::Open,
        };
        let text = proposal.title.clone();
        self.index.proposals.insert(problem.about.clone(), id);
        *self.outcomes.entry(("made", "")).or_default() += 1;
        self.proposals.insert(id, proposal);
        self.change_proposal(id, pen, |_| ());
        self.proposal_event(id, EventKind::Proposed, "engine", text, pen);
        id
    }

    fn came_up_again(&mut self, id: ProposalId, problem: &Problem, rules: &Rules, pen: &mut Pen) {
        if self.proposals.get(&id).is_none_or(|it| it.problem == problem.id) {
            return self.refresh(problem, rules, pen);
        }
        let shown = Shown::of(problem, self.similar(&problem.about));
        let candidates = candidates::candidates(problem, shown.level, rules, self, pen.now);
        self.forget_pending(id);
        self.change_proposal(id, pen, |it| {
            shown.show(it);
            it.candidates = candidates;
            it.problem = problem.id;
            it.occurrences = it.occurrences.saturating_add(1);
        });
        let count = self.proposals.get(&id).map_or(0, |it| it.occurrences);
        let text = format!("for the {count}. time: {}", title(problem));
        self.proposal_event(id, EventKind::ProposedAgain, "engine", text, pen);
    }

    fn similar(&self, about: &About) -> Vec<CallId> {
        self.index.closed_about(about).take(SIMILAR_MAX).collect()
    }

    /// The one way in which a proposal changes: version, row, indexes and timers follow.
    pub(super) fn change_proposal(
        &mut self,
        id: ProposalId,
        pen: &mut Pen,
        change: impl FnOnce(&mut Proposal),
    ) {
        let Some(proposal) = self.proposals.get_mut(&id) else { return };
        let before = proposal.clone();
        let fresh = self.fresh.remove(&id);
        let mut decisive = fresh.as_ref().map_or(proposal.version, |it| it.decisive);
        if let Some(shown) = fresh.and_then(|it| it.pending) {
            shown.show(proposal);
        }
        change(proposal);
        let evidence = proposal.evidence.clone();
        if *proposal != (Proposal { evidence, ..before }) {
            decisive = proposal.version + 1;
        }
        proposal.version += 1;
        pen.rows.push(Row::Proposal(Box::new(proposal.clone())));
        if proposal.is_open() {
            let written_at = pen.now;
            self.fresh.insert(id, Freshness { written_at, pending: None, decisive });
        } else {
            self.index.proposals.remove(&proposal.about);
            self.index.done.insert(id);
            *self.outcomes.entry(outcome(&proposal.state)).or_default() += 1;
            self.forget_done();
        }
        let due = self.proposal_due(id);
        self.timers.set(Due::Proposal(id), due);
    }

    pub(super) fn proposal_event(
        &self,
        id: ProposalId,
        kind: EventKind,
        by: &str,
        text: String,
        pen: &mut Pen,
    ) {
        let Some(proposal) = self.proposals.get(&id) else { return };
        let name = proposal.about.name();
        pen.event(Note { kind, customer: &proposal.customer, by, name, subject: id.0, text });
    }

    /// When a proposal is to be looked at by itself.
    pub(super) fn proposal_due(&self, id: ProposalId) -> Option<Moment> {
        let proposal = self.proposals.get(&id).filter(|it| it.is_open())?;
        let pending = self.fresh.get(&id).filter(|it| it.pending.is_some());
        let written_at = pending.map(|it| it.written_at.after(EVIDENCE_REST));
        [proposal.snoozed_until, written_at].into_iter().flatten().min()
    }

    pub(super) fn forget_done(&mut self) {
        while self.index.done.len() > PROPOSALS_DONE_MAX
            && let Some(oldest) = self.index.done.pop_first()
        {
            self.proposals.remove(&oldest);
        }
    }

    /// Has whoever saw `version` of a proposal seen all that a decision may depend on? Evidence
    /// grows every second while a site fails, and must not take the proposal out of the hands of
    /// whoever is about to decide.
    pub(super) fn has_seen(&self, proposal: &Proposal, version: u64) -> bool {
        let decisive = self.fresh.get(&proposal.id).map_or(proposal.version, |it| it.decisive);
        (decisive..=proposal.version).contains(&version)
    }

    fn forget_pending(&mut self, id: ProposalId) {
        if let Some(fresh) = self.fresh.get_mut(&id) {
            fresh.pending = None;
        }
    }
}

/// One line for people.
pub(super) fn title(problem: &Problem) -> String {
    let name = problem.about.name();
    let how = if problem.flapping {
        "goes up and down".to_owned()
    } else {
        format!("is {}", problem.status.word().to_lowercase())
    };
    let text = problem.text.trim();
    let colon = if text.is_empty() { "" } else { ": " };
    words::line(&format!("{name} {how}{colon}{text}"), TITLE_BYTES_MAX)
}

/// What became of a proposal and why, in words for counting.
fn outcome(state: &ProposalState) -> (&'static str, &'static str) {
    match state {
        ProposalState::Open => ("made", ""),
        ProposalState::Accepted { by, .. } if **by == *ENGINE => ("accepted", "policy"),
        ProposalState::Accepted { .. } => ("accepted", ""),
        ProposalState::Merged { .. } => ("merged", ""),
        ProposalState::Dismissed { reason, .. } => ("dismissed", words::of_reason(*reason)),
        ProposalState::Withdrawn { .. } => ("withdrawn", ""),
    }
}

/// How a problem ended, in words.
fn of_ending(ending: Option<Ending>) -> &'static str {
    match ending {
        Some(Ending::Recovered) | None => "recovered",
        Some(Ending::Explained) => "explained by another problem",
        Some(Ending::Removed) => "not watched any more",
        Some(Ending::Blind) => "we could not see, it was never known to be bad",
    }
}

fn bounded(passage: &Passage) -> Passage {
    Passage { text: bounded_text(&passage.text), ..passage.clone() }
}

fn bounded_text(text: &Arc<str>) -> Arc<str> {
    if text.len() <= TEXT_BYTES_MAX {
        return Arc::clone(text);
    }
    Arc::from(words::cut(text, TEXT_BYTES_MAX))
}
