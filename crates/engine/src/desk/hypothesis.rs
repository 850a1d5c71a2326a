//! What would be: a small desk of its own that lives through what is supposed, with nothing sent.
//!
//! It has the rules, windows, silences and overrides of the real one, knows nobody but those who
//! are supposed to be bad and whatever stands above them, and its receivers take everything. So
//! gates, ladder, the question at night, quiet hours and digests are those that really decide: there
//! is no second reading of a policy that could differ from the first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{
    About, Alert, AlertKey, AlertKind, CheckableId, Command, Decision, Delivery, EventKind, Gate,
    Look, Moment, ProblemId, Request, Route, Row, RuleAt, StateType, Status, Subject, Target,
    Transition,
};

use super::{Desk, Effect, Input, Outcome, problems::policy_of, timers::Timer, who};

/// Turns that a supposed story may take; a ladder of a day has some dozens.
const TURNS_MAX: usize = 20_000;
/// How far up those are taken in who stand above somebody supposed.
const ABOVE_MAX: usize = 1_000;

/// What is supposed to be believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Supposed {
    /// Of which host or service, by full name.
    pub name: Arc<str>,
    /// What.
    pub status: Status,
    /// From when on.
    pub at: Moment,
}

/// A story that is supposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// What is believed, in any order.
    pub given: Vec<Supposed>,
    /// How far it is followed.
    pub until: Moment,
    /// What a duty lead says as soon as one is asked: it blocks the customer, it can wait, or
    /// nothing at all.
    pub answer: Option<bool>,
}

/// What would come of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// What would be decided, with all gates, in order of time.
    pub decisions: Vec<Decision>,
    /// Who would be told that there is a problem, in order of time. Reminders are left out.
    pub told: Vec<Foreseen>,
    /// Which duty leads would be asked whether it blocks the customer.
    pub asked: Vec<Question>,
    /// When something would first be proposed, if within the time.
    pub proposed_at: Option<Moment>,
    /// When something would first become a call, if within the time.
    pub called_at: Option<Moment>,
}

/// Somebody who would be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// When it is handed out.
    pub at: Moment,
    /// By which way, and whom.
    pub route: Route,
    /// Whom the step names; nobody if it is no step that says so.
    pub to: Vec<Target>,
    /// Where the step was written.
    pub rule: RuleAt,
    /// How it came to these people.
    pub how: String,
}

/// A question to a duty lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who is asked, when, and why.
    pub asked: Foreseen,
    /// Until when an answer is waited for.
    pub until: Moment,
    /// Does it count as blocking if none comes?
    pub silence_means_blocking: bool,
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

    /// What would come of `it`. `None` if nothing is supposed, or of somebody who is not watched.
    #[must_use]
    pub fn suppose(&self, it: &Hypothesis) -> Option<Expectation> {
        let mut given = it.given.clone();
        given.sort_by_key(|it| it.at);
        let begin = given.first()?.at;
        let mut story = Story::of(self, &given, begin, it.answer)?;
        for supposed in &given {
            story.pass(supposed.at);
            story.believe(supposed);
        }
        story.pass(it.until);
        Some(story.expected)
    }

    /// Whoever is named, and all who stand above them.
    fn with_those_above(&self, given: &[Supposed]) -> Option<Vec<Subject>> {
        let mut wanted: Vec<CheckableId> = Vec::new();
        for it in given {
            wanted.push(self.directory.id_of(&it.name)?);
        }
        let (mut seen, mut subjects) = (BTreeSet::new(), Vec::new());
        while let Some(id) = wanted.pop() {
            let Some(it) = self.directory.get(id).filter(|_| seen.insert(id)) else { continue };
            if subjects.len() < given.len() + ABOVE_MAX {
                wanted.extend(it.subject.host.iter().chain(&*it.subject.parents));
            }
            subjects.push(it.subject.clone());
        }
        Some(subjects)
    }

    /// A desk with the same rules in which nothing has happened yet. Whatever is not supposed is
    /// well there: we see out, and nobody else is bad.
    fn twin(&self, subjects: Vec<Subject>, at: Moment) -> (Self, Outcome) {
        let mut twin = Self::new(self.installation, 1);
        twin.recalled = true;
        twin.overrides.clone_from(&self.overrides);
        twin.windows = self.windows.clone();
        for it in self.silences.values() {
            twin.set_timer(it.span.from, Timer::Silence(it.id));
            twin.set_timer(it.span.until, Timer::Silence(it.id));
        }
        twin.silences.clone_from(&self.silences);
        let (duty, times) = (Arc::clone(&self.rules.duty), Arc::clone(&self.rules.times));
        let outcome = twin.arrange(at, duty, times, subjects);
        twin.guard = super::Guard::default();
        // What counts how many there are has to know of all.
        twin.hosts = self.hosts;
        for (own, real) in twin.directory.sites.iter_mut().zip(&self.directory.sites) {
            own.hosts = real.hosts;
        }
        // A sign of life is no part of the story.
        twin.heartbeat_at = None;
        (twin, outcome)
    }
}

/// A supposed story as it unfolds.
struct Story {
    desk: Desk,
    ids: BTreeMap<Arc<str>, CheckableId>,
    now: Moment,
    answer: Option<bool>,
    turns: usize,
    /// All that was owed: a digest names its members by their keys.
    alerts: BTreeMap<AlertKey, Alert>,
    expected: Expectation,
}

impl Story {
    fn of(real: &Desk, given: &[Supposed], begin: Moment, answer: Option<bool>) -> Option<Self> {
        let subjects = real.with_those_above(given)?;
        let ids = subjects.iter().map(|it| (Arc::clone(&it.name), it.id)).collect();
        let (desk, outcome) = real.twin(subjects, begin);
        let (alerts, expected) = (BTreeMap::new(), Expectation::default());
        let mut story = Self { desk, ids, now: begin, answer, turns: 0, alerts, expected };
        story.take(outcome);
        Some(story)
    }

    /// Lets time pass until `end`, with everything that is due in between.
    fn pass(&mut self, end: Moment) {
        while let Some(wake) = self.desk.next_wake().filter(|it| *it <= end)
            && self.turns < TURNS_MAX
        {
            self.turns += 1;
            self.now = self.now.max(wake);
            self.feed(Input::Wake);
        }
        self.now = self.now.max(end);
    }

    fn believe(&mut self, it: &Supposed) {
        let Some(checkable) = self.ids.get(&it.name).copied() else { return };
        let Some(from) = self.desk.directory.get(checkable) else { return };
        let from = Look { status: from.status, kind: from.kind, attempt: 1 };
        let to = Look { status: it.status, kind: StateType::Hard, attempt: 1 };
        self.feed(Input::Changed(Transition {
            checkable,
            at: self.now,
            from,
            to,
            was_flapping: false,
            flapping: false,
            centipercent: 0,
            cause: None,
            measures: Vec::new(),
        }));
    }

    fn feed(&mut self, input: Input) {
        let outcome = self.desk.handle(self.now, input);
        self.take(outcome);
    }

    fn take(&mut self, outcome: Outcome) {
        for row in outcome.rows {
            match row {
                Row::Alert(it) => drop(self.alerts.insert(it.key, *it)),
                Row::Decision(it) => self.expected.decisions.push(*it),
                Row::Event(it) => {
                    let first = match it.kind {
                        EventKind::Proposed => &mut self.expected.proposed_at,
                        EventKind::CallOpened => &mut self.expected.called_at,
                        _ => continue,
                    };
                    first.get_or_insert(it.at);
                }
                _ => {}
            }
        }
        for effect in outcome.effects {
            let Effect::Deliver(alert) = effect else { continue };
            let members = alert.content.members.iter().map(|it| it.key);
            let keys: Vec<_> =
                if alert.content.members.is_empty() { vec![alert.key] } else { members.collect() };
            let told: Vec<_> = keys.iter().filter_map(|it| self.alerts.get(it).cloned()).collect();
            told.iter().for_each(|it| self.note(it));
            self.feed(Input::Delivered { key: alert.key, delivery: Delivery::Taken });
            told.iter().for_each(|it| self.give_answer(it));
        }
    }

    /// Somebody is told or asked now.
    fn note(&mut self, alert: &Alert) {
        let problem = self.desk.problems.get(&alert.problem);
        // Trouble of our own is another story.
        let Some(problem) = problem.filter(|it| !matches!(it.about, About::Own(_))) else {
            return;
        };
        let Some(policy) = policy_of(problem, &self.desk.rules) else { return };
        let foreseen = |to: Vec<Target>, via: &[u32], rule: &RuleAt| {
            let overrides: Vec<_> = self.desk.overrides.values().collect();
            let (severity, at) = (problem.severity, alert.owed_at);
            let reached = who::reach(&to, via, severity, &self.desk.rules, &overrides, at);
            let (route, rule) = (alert.route.clone(), Arc::clone(rule));
            Foreseen { at: self.now, route, to, rule, how: reached.text }
        };
        match (alert.kind, &policy.gate) {
            (AlertKind::Trigger, _) => {
                let told = match policy.steps.get(alert.step as usize) {
                    Some(step) => foreseen(step.to.clone(), &step.via, &step.at),
                    None => foreseen(Vec::new(), &[], &policy.at),
                };
                self.expected.told.push(told);
            }
            (AlertKind::Question, Some(gate)) => {
                let asked = foreseen(vec![gate.lead], &gate.via, &gate.at);
                let until = match problem.ladder.gate {
                    Gate::Asked(until) => until,
                    _ => alert.owed_at.after(gate.patience),
                };
                let silence_means_blocking = gate.silence_means_blocking;
                self.expected.asked.push(Question { asked, until, silence_means_blocking });
            }
            _ => {}
        }
    }

    /// The duty lead answers at once, if it is supposed that there is an answer.
    fn give_answer(&mut self, alert: &Alert) {
        let Some(blocking) = self.answer.filter(|_| alert.kind == AlertKind::Question) else {
            return;
        };
        if self.is_asked(alert.problem) {
            let by = model::Actor { name: Arc::clone(&alert.route.contact), customers: None };
            let command = Command::JudgeBlocking { problem: alert.problem, blocking };
            let request = Request { by, version: None, repeat_key: None, command };
            self.feed(Input::Asked { ticket: 0, request });
        }
    }

    fn is_asked(&self, problem: ProblemId) -> bool {
        let problem = self.desk.problems.get(&problem);
        problem.is_some_and(|it| matches!(it.ladder.gate, Gate::Asked(_)))
    }
}

impl Hypothesis {
    /// `name` has `status` from `at` on, for `lasts`.
    #[must_use]
    pub fn of_one(name: Arc<str>, status: Status, at: Moment, lasts: Duration) -> Self {
        let given = vec![Supposed { name, status, at }];
        Self { given, until: at.after(lasts), answer: None }
    }
}
