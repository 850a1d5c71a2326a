//! What would be: the same gates and the same ladder, with a hypothetical input and nothing sent.

use std::{sync::Arc, time::Duration};

use model::{About, GatePassed, Moment, Problem, Route, RuleAt, Severity, Status, Target};

use super::{Desk, gates::Purpose, problems::policy_of, who};

/// What is supposed to be believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// About which host or service, by full name.
    pub name: Arc<str>,
    /// What.
    pub status: Status,
    /// From when on.
    pub at: Moment,
    /// For how long; steps that would be due within it are taken.
    pub lasts: Duration,
}

/// What would come of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The gates in their order, at the first moment.
    pub gates: Vec<GatePassed>,
    /// Who would be told, in order of time.
    pub told: Vec<Foreseen>,
    /// When it would be proposed, if within the time.
    pub proposed_at: Option<Moment>,
    /// When it would become a call, if within the time.
    pub called_at: Option<Moment>,
}

/// Somebody who would be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// When.
    pub at: Moment,
    /// By which way, and whom.
    pub route: Route,
    /// Whom the step names.
    pub to: Vec<Target>,
    /// Where the step was written.
    pub rule: RuleAt,
    /// How it came to these people.
    pub how: String,
}

impl Desk {
    /// Ids of the people behind `target` at `at`.
    #[must_use]
    pub fn people_behind(&self, target: Target, at: Moment) -> Vec<Arc<str>> {
        let overrides: Vec<_> = self.overrides.values().collect();
        let (people, _) = who::people_of(target, &self.rules, &overrides, at);
        let names = people.iter().filter_map(|it| self.rules.duty.people.get(*it as usize));
        names.map(|it| Arc::clone(&it.name)).collect()
    }

    /// What would be decided. `None` if nobody of that name is watched.
    #[must_use]
    pub fn suppose(&self, it: &Hypothesis) -> Option<Expectation> {
        let mut problem = self.supposed(it)?;
        let end = it.at.after(it.lasts);
        let mut expected = Expectation::default();
        let mut at = it.at;
        // Whatever holds it back may end within the time.
        for round in 0..8 {
            let chain = self.gates(&problem, at, Purpose::Alert);
            if round == 0 {
                expected.gates.clone_from(&chain.gates);
            }
            let Some(closed) = chain.closed else { break };
            match closed.until.filter(|it| *it <= end && *it > at) {
                Some(until) => at = until,
                None => return Some(expected),
            }
        }
        let policy = policy_of(&problem, &self.rules)?.clone();
        let within = |wait: Option<Duration>| {
            wait.map(|wait| self.in_hours(&policy, it.at, wait).max(at)).filter(|it| *it <= end)
        };
        expected.proposed_at = within(policy.propose);
        expected.called_at = within(policy.call);
        let overrides: Vec<_> = self.overrides.values().collect();
        problem.ladder.began_at = it.at;
        let mut before = Duration::ZERO;
        let mut last = it.at;
        for step in &policy.steps {
            let due = self.in_hours(&policy, last, step.after.saturating_sub(before)).max(at);
            if due > end {
                break;
            }
            (before, last) = (step.after, due);
            if problem.severity < step.at_least {
                continue;
            }
            let reached =
                who::reach(&step.to, &step.via, problem.severity, &self.rules, &overrides, due);
            for it in reached.routes {
                expected.told.push(Foreseen {
                    at: it.quiet_until.unwrap_or(due),
                    route: it.route,
                    to: step.to.clone(),
                    rule: Arc::clone(&step.at),
                    how: reached.text.clone(),
                });
            }
        }
        Some(expected)
    }

    fn supposed(&self, it: &Hypothesis) -> Option<Problem> {
        let watched = self.directory.by_name(&it.name)?;
        let subject = &watched.subject;
        let severity = Severity::of(it.status).unwrap_or(Severity::Warning);
        let policies = &self.rules.duty.policies;
        let mut problem = super::problems::blank(
            0,
            it.at,
            About::Checkable(Arc::clone(&it.name)),
            it.status,
            severity,
        );
        problem.customer = self.customer_of(subject);
        problem.labels =
            subject.labels.iter().map(|it| (Arc::clone(&it.0), Arc::clone(&it.1))).collect();
        let policy = subject.policy.and_then(|it| policies.get(it as usize));
        problem.policy = policy.map(|it| Arc::clone(&it.name));
        Some(problem)
    }
}
