//! What the desk shows of itself to whoever may look: windows, duties, rules in force.

use std::{ops::Range, sync::Arc, time::Duration};

use model::{
    Moment, NoteId, Occurrence, OccurrenceKey, RuleAt, Scope, Span, Subject, WindowEffect,
};

use super::{Desk, who};

/// An occurrence of a window with what its rule says.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowSeen {
    /// When it is and what came of it. One that was never touched has version 0.
    pub occurrence: Occurrence,
    /// What it does.
    pub effect: WindowEffect,
    /// For what.
    pub scope: Scope,
    /// Does the time count for the clocks of calls?
    pub sla_counts: bool,
    /// It begins with the first bad news and then lasts so long.
    pub flexible: Option<Duration>,
    /// What the customer will notice.
    pub impact: Arc<str>,
    /// Whom to ask.
    pub contact: Arc<str>,
    /// Where its rule was written; `None` for one that was planned at run time.
    pub rule: Option<RuleAt>,
}

/// Who has a duty at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DutySeen {
    /// Name of the rotation.
    pub oncall: Arc<str>,
    /// People's ids; empty in a gap.
    pub people: Vec<Arc<str>>,
    /// Until when, as far as is known.
    pub until: Option<Moment>,
    /// The override that made it so.
    pub by_override: Option<NoteId>,
}

/// What is known of a checkable beside its belief.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectSeen {
    /// Who it is.
    pub subject: Subject,
    /// Its open problem.
    pub problem: Option<model::ProblemId>,
    /// The policy it follows, by name.
    pub policy: Option<Arc<str>>,
    /// The contract it stands under, by name.
    pub contract: Option<Arc<str>>,
}

impl Desk {
    /// Occurrences of windows of `customers` (`None`: of all) that touch `within`, by begin: those
    /// whose places are in `page`.
    #[must_use]
    pub fn windows_within(
        &self,
        within: Span,
        customers: Option<&[Arc<str>]>,
        page: Range<usize>,
    ) -> Vec<WindowSeen> {
        self.windows.within(within, customers, page)
    }

    /// One occurrence of a window.
    #[must_use]
    pub fn window(&self, key: &OccurrenceKey) -> Option<WindowSeen> {
        self.windows.find(key).map(|(window, occurrence)| window.seen(occurrence))
    }

    /// Who has which duty at `at`.
    #[must_use]
    pub fn on_duty(&self, at: Moment) -> Vec<DutySeen> {
        let overrides: Vec<_> = self.overrides.values().collect();
        let people = &self.rules.duty.people;
        let oncall = (0..).zip(&self.rules.duty.oncall);
        oncall
            .map(|(place, oncall)| {
                let (who, _) = who::on_call(place, &self.rules, &overrides, at);
                let acting =
                    overrides.iter().find(|it| it.oncall == oncall.name && it.span.holds(at));
                let shifts = self.rules.times.shifts.get(place as usize);
                let shift = shifts.and_then(|it| it.iter().find(|it| it.span.holds(at)));
                DutySeen {
                    oncall: Arc::clone(&oncall.name),
                    people: who
                        .iter()
                        .filter_map(|it| people.get(*it as usize))
                        .map(|it| Arc::clone(&it.name))
                        .collect(),
                    until: acting.map(|it| it.span.until).or(shift.map(|it| it.span.until)),
                    by_override: acting.map(|it| it.id),
                }
            })
            .collect()
    }

    /// What is known of the host or service called `name`.
    #[must_use]
    pub fn subject(&self, name: &str) -> Option<SubjectSeen> {
        let watched = self.directory.by_name(name)?;
        let duty = &self.rules.duty;
        let policy = watched.subject.policy.and_then(|it| duty.policies.get(it as usize));
        let contract = watched.subject.contract.and_then(|it| duty.contracts.get(it as usize));
        Some(SubjectSeen {
            subject: watched.subject.clone(),
            problem: watched.problem.or(watched.symptom_of),
            policy: policy.map(|it| Arc::clone(&it.name)),
            contract: contract.map(|it| Arc::clone(&it.name)),
        })
    }

    /// The customer of a checkable, by name.
    #[must_use]
    pub fn customer(&self, subject: &Subject) -> Arc<str> {
        self.customer_of(subject)
    }
}
