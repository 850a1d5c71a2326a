//! The gates between a problem and whoever might be told of it, in their one order.
//!
//! Nothing here changes anything: the same gates answer what was decided, what would be decided at
//! another time, and what a routing test expects.

use std::sync::Arc;

use model::{GatePassed, Moment, Problem, RuleAt};

use super::{Desk, problems::policy_of};

/// What the gates have said so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    pub(crate) gates: Vec<GatePassed>,
    pub(crate) closed: Option<Closed>,
}

/// A gate that closed.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) gate: &'static str,
    /// When it is worth asking again without anything having happened.
    pub(crate) until: Option<Moment>,
}

impl Chain {
    pub(crate) fn open(
        &mut self,
        gate: &'static str,
        text: impl Into<String>,
        rule: Option<&RuleAt>,
    ) {
        self.add(gate, true, text.into(), rule);
    }

    pub(crate) fn close(
        &mut self,
        gate: &'static str,
        text: impl Into<String>,
        rule: Option<&RuleAt>,
        until: Option<Moment>,
    ) {
        self.add(gate, false, text.into(), rule);
        if self.closed.is_none() {
            self.closed = Some(Closed { gate, until });
        }
    }

    fn add(&mut self, gate: &'static str, open: bool, text: String, rule: Option<&RuleAt>) {
        let rule = rule.map(Arc::clone);
        self.gates.push(GatePassed { gate: Arc::from(gate), open, text, rule });
    }
}

/// For what the gates are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// A step of the ladder, or word of a change.
    Alert,
    /// A reminder: an acknowledgement does not stop it.
    Remind,
    /// A proposal.
    Propose,
    /// A call that nobody had to accept.
    Call,
}

impl Purpose {
    /// What a decision for it says that it was about.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Remind => "reminder",
            Self::Propose => "proposal",
            Self::Call => "call",
        }
    }
}

impl Desk {
    /// Asks all gates about `problem` at `at`; the first that is closed is the last in the chain.
    pub(crate) fn gates(&self, problem: &Problem, at: Moment, purpose: Purpose) -> Chain {
        let mut chain = Chain::default();
        let gates = [
            Self::state_gate,
            Self::uplink_gate,
            Self::hold_gate,
            Self::outage_gate,
            Self::window_gate,
            Self::silence_gate,
            Self::acknowledgement_gate,
            Self::policy_gate,
            Self::hours_gate,
        ];
        for gate in gates {
            gate(self, problem, at, purpose, &mut chain);
            if chain.closed.is_some() {
                break;
            }
        }
        chain
    }

    fn state_gate(&self, problem: &Problem, _: Moment, _: Purpose, chain: &mut Chain) {
        let text = match (problem.flapping, &*problem.text) {
            (true, _) => format!("{} and flapping", problem.status),
            (false, "") => problem.status.to_string(),
            (false, text) => format!("{}: {text}", problem.status),
        };
        if problem.is_open() {
            chain.open("state", text, None);
            if !problem.symptoms.is_empty() {
                chain.open("symptoms", format!("explains {}", problem.symptoms.len()), None);
            }
        } else {
            chain.close("state", "the problem is over", None, None);
        }
    }

    fn uplink_gate(&self, problem: &Problem, _: Moment, _: Purpose, chain: &mut Chain) {
        let (fine, all) = self.guard.count();
        if self.guard.is_blind() && !is_own(problem) {
            let text = format!("we cannot see out: {fine} of {all} canaries answer");
            chain.close("uplink", text, None, None);
        } else if all > 0 {
            chain.open("uplink", format!("{fine} of {all} canaries answer"), None);
        }
    }

    fn hold_gate(&self, problem: &Problem, at: Moment, _: Purpose, chain: &mut Chain) {
        if let Some(until) = problem.held_until.filter(|it| *it > at) {
            chain.close("hold", "may be a part of something larger", None, Some(until));
        }
    }

    fn window_gate(&self, problem: &Problem, at: Moment, _: Purpose, chain: &mut Chain) {
        let label = |name: &str| self.label_of(problem, name);
        match self.windows.covering(at, problem.opened_at, label) {
            Some(it) => {
                let text = format!("maintenance {:?}", it.window.name);
                chain.close("window", text, it.window.rule.as_ref(), Some(it.span.until));
            }
            None => chain.open("window", "no maintenance", None),
        }
    }

    fn silence_gate(&self, problem: &Problem, at: Moment, _: Purpose, chain: &mut Chain) {
        let label = |name: &str| self.label_of(problem, name);
        let sees = |customers: &Option<Vec<Arc<str>>>| {
            customers.as_ref().is_none_or(|it| it.contains(&problem.customer))
        };
        let silence = self
            .silences
            .values()
            .find(|it| it.span.holds(at) && sees(&it.customers) && it.scope.holds(label));
        match silence {
            Some(it) => {
                let text = format!("silence {} by {}: {}", it.id, it.by, it.text);
                chain.close("silence", text, None, Some(it.span.until));
            }
            None => chain.open("silence", "none", None),
        }
    }

    fn acknowledgement_gate(
        &self,
        problem: &Problem,
        _: Moment,
        purpose: Purpose,
        chain: &mut Chain,
    ) {
        let Some(it) = &problem.acknowledged else {
            return chain.open("acknowledged", "no", None);
        };
        let text = format!("by {}: {}", it.by, it.text);
        let policy = policy_of(problem, &self.rules);
        let stops = policy.is_none_or(|it| it.stop_on_acknowledge);
        match purpose {
            Purpose::Alert | Purpose::Propose | Purpose::Call if stops => {
                chain.close("acknowledged", text, policy.map(|it| &it.at), it.until);
            }
            _ => chain.open("acknowledged", text, policy.map(|it| &it.at)),
        }
    }

    fn policy_gate(&self, problem: &Problem, _: Moment, _: Purpose, chain: &mut Chain) {
        match policy_of(problem, &self.rules) {
            Some(it) => chain.open("policy", &*it.name, Some(&it.at)),
            None => chain.close("policy", "none: nobody is to be told", None, None),
        }
    }

    fn hours_gate(&self, problem: &Problem, at: Moment, _: Purpose, chain: &mut Chain) {
        let Some(policy) = policy_of(problem, &self.rules) else { return };
        let Some(place) = policy.hours else { return };
        let Some(hours) = self.rules.times.hours.get(place as usize) else { return };
        let text = self.rules.duty.hours.get(place as usize).map_or("", |it| &it.text);
        if hours.is_open(at) {
            chain.open("hours", format!("within {text}"), Some(&policy.at));
        } else {
            let until = hours.next_open(at);
            chain.close("hours", format!("outside {text}"), Some(&policy.at), until);
        }
    }
}

/// Is it about ourselves?
pub(crate) fn is_own(problem: &Problem) -> bool {
    matches!(problem.about, model::About::Own(_))
}
