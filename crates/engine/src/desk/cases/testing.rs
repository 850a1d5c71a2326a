//! A desk of proposals and calls for tests: three people, two customers, one contract.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{
    About, Actor, Call, CallId, CallState, Channel, Command, Contract, Customer, Duty, Ending,
    Event, EventKind, HelpLevel, Hours, Ladder, Moment, Oncall, Pauses, Person, Policy, Problem,
    ProblemId, Proposal, ProposalId, Refusal, Reply, Request, Rotation, Row, Severity, Shift,
    SlaStart, Span, Status, Times,
};

use super::{CaseNews, Cases, Looked, Place, World};
use crate::desk::pen::{Pen, Rules};

pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;
/// The first opening: 08:00 of a day that begins a round number of days after 1970.
pub(super) const OPENING: u64 = 20_000 * DAY + 8 * HOUR;

/// So many minutes after the first opening.
pub(super) fn at(minutes: u64) -> Moment {
    Moment::from_secs(OPENING + minutes * MINUTE)
}

/// Open from 08 to 18 every day.
pub(super) fn office() -> Hours {
    let day = |it: u64| Span { from: at(it * 24 * 60), until: at(it * 24 * 60 + 600) };
    Hours::of((0..60).map(day).collect())
}

fn person(name: &str, skills: &[(&str, u8)], level: HelpLevel) -> Person {
    Person {
        name: name.into(),
        title: name.into(),
        at: "people".into(),
        addresses: BTreeMap::new(),
        quiet: None,
        wakes: None,
        skills: skills.iter().map(|it| (Arc::from(it.0), it.1)).collect(),
        level,
    }
}

pub(super) fn contract() -> Contract {
    Contract {
        name: "gold".into(),
        at: "contracts".into(),
        hours: 0,
        respond: Some(Duration::from_secs(HOUR)),
        resolve: Some(Duration::from_secs(8 * HOUR)),
        pauses: Pauses::default(),
        starts: SlaStart::Opened,
        warn_percent: vec![50, 80],
        policy: None,
        tickets: None,
    }
}

fn customer(name: &str, contract: Option<u32>) -> Customer {
    Customer {
        name: name.into(),
        title: name.into(),
        contract,
        zone: "UTC".into(),
        contacts: Vec::new(),
    }
}

fn mail() -> Channel {
    Channel {
        name: "mail".into(),
        at: "channels".into(),
        kind: "email".into(),
        params: Arc::default(),
        personal: Some("email".into()),
        resolve: true,
        group: None,
        limit: None,
        ttl: Duration::from_secs(HOUR),
        resend_unknown: true,
        fallback: None,
        refresh: None,
    }
}

/// Anna and Bruno know networks, Bruno has the duty; Chloe knows databases and gives help on the
/// spot.
pub(super) fn rules() -> Rules {
    let duty = Duty {
        customers: vec![
            Customer { contacts: vec!["it@acme.example".into()], ..customer("acme", Some(0)) },
            customer("globex", None),
        ],
        channels: vec![mail()],
        oncall: vec![Oncall {
            name: "desk".into(),
            at: "oncall".into(),
            rotation: Rotation { zone: "UTC".into(), layers: Vec::new() },
            otherwise: None,
        }],
        people: vec![
            person("anna", &[("network", 3)], HelpLevel::TeleAssistance),
            person("bruno", &[("network", 3)], HelpLevel::TeleAssistance),
            person("chloe", &[("database", 2), ("network", 1)], HelpLevel::OnSite),
        ],
        contracts: vec![contract()],
        ..Duty::default()
    };
    let always = Span { from: at(0), until: at(60 * 24 * 60) };
    let times = Times {
        hours: vec![office()],
        shifts: vec![Arc::from([Shift { span: always, people: vec![1] }])],
        windows: Vec::new(),
        covers: Some(Span { from: Moment::from_secs(OPENING - 30 * DAY), until: always.until }),
        ..Times::default()
    };
    Rules { duty: Arc::new(duty), times: Arc::new(times) }
}

pub(super) fn policy() -> Policy {
    Policy {
        name: "usual".into(),
        at: "policies.yaml:3".into(),
        hours: None,
        propose: Some(Duration::ZERO),
        call: None,
        steps: Vec::new(),
        remind: None,
        stop_on_acknowledge: true,
        gate: None,
    }
}

pub(super) fn problem(id: u64, name: &str) -> Problem {
    Problem {
        id: ProblemId(id),
        version: 1,
        about: About::Checkable(name.into()),
        customer: name.split('/').next().unwrap_or("").into(),
        site: None,
        labels: BTreeMap::from([("skill".into(), "network".into())]),
        status: Status::Critical,
        severity: Severity::Critical,
        text: "connection refused".into(),
        flapping: false,
        opened_at: at(0),
        changed_at: at(0),
        ended_at: None,
        ending: None,
        symptoms: BTreeMap::new(),
        acknowledged: None,
        told: BTreeMap::new(),
        ladder: Ladder::default(),
        policy: None,
        held_until: None,
        propose_at: None,
        proposal: None,
        call_at: None,
        call: None,
        occurrences: 1,
        timeline: Vec::new(),
        last_good: None,
        notes: Vec::new(),
        values: Vec::new(),
    }
}

/// What the rest of the desk knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) open: BTreeSet<ProblemId>,
    pub(super) fine: BTreeMap<String, bool>,
}

impl World for Known {
    fn is_open(&self, problem: ProblemId) -> bool {
        self.open.contains(&problem)
    }

    fn is_fine(&self, name: &str) -> Option<bool> {
        self.fine.get(name).copied()
    }

    fn knows_job(&self, name: &str) -> bool {
        name.ends_with("/nas")
    }

    fn contract_of(&self, _: &About, customer: &str) -> Option<u32> {
        (customer == "acme").then_some(0)
    }
}

/// What has been kept: what a restart finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    pub(super) proposals: BTreeMap<ProposalId, Proposal>,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) events: Vec<Event>,
}

/// Proposals and calls, driven by hand. Checks of every row that it is a legal next one.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) cases: Cases,
    pub(super) rules: Rules,
    pub(super) world: Known,
    pub(super) pen: Pen,
    pub(super) kept: Kept,
    pub(super) news: Vec<CaseNews>,
    next_problem: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        let mut bench = Self {
            cases: Cases::default(),
            rules: rules(),
            world: Known::default(),
            pen: Pen::new(1_000_000),
            kept: Kept::default(),
            news: Vec::new(),
            next_problem: 1,
        };
        bench.pen.now = at(0);
        bench
    }

    /// Lets time pass, doing everything at its moment.
    pub(super) fn until(&mut self, minutes: u64) {
        let end = at(minutes);
        while let Some(next) = self.cases.next_wake().filter(|it| *it <= end) {
            self.pen.now = self.pen.now.max(next);
            self.cases.wake(&self.rules, &mut self.pen);
            let after = self.cases.next_wake();
            assert!(after.is_none_or(|it| it > self.pen.now), "woken at {next} for nothing");
            self.keep();
        }
        self.pen.now = self.pen.now.max(end);
    }

    pub(super) fn keep(&mut self) {
        self.news.extend(self.cases.news());
        for row in std::mem::take(&mut self.pen.rows) {
            match row {
                Row::Proposal(it) => {
                    let before = self.kept.proposals.insert(it.id, (*it).clone());
                    assert_eq!(it.version, before.as_ref().map_or(0, |it| it.version) + 1);
                    let terminal = before.is_some_and(|it| !it.is_open());
                    assert!(!terminal, "a proposal changed after its end: {it:?}");
                }
                Row::Call(it) => {
                    let before = self.kept.calls.insert(it.id, (*it).clone());
                    assert_eq!(it.version, before.as_ref().map_or(0, |it| it.version) + 1);
                    if let Some(before) = before {
                        assert!(is_edge(&before, &it), "{:?} -> {:?}", before.state, it.state);
                    }
                }
                Row::Event(it) => self.kept.events.push(*it),
                other => panic!("not for proposals and calls: {other:?}"),
            }
        }
    }

    /// A problem that is believed from now on.
    pub(super) fn believe(&mut self, name: &str) -> Problem {
        let mut it = problem(self.next_problem, name);
        self.next_problem += 1;
        it.opened_at = self.pen.now;
        self.world.open.insert(it.id);
        it
    }

    pub(super) fn propose(&mut self, problem: &Problem) -> Option<Place> {
        let place = self.cases.propose(problem, &policy(), &self.rules, &mut self.pen);
        self.keep();
        place
    }

    /// A new problem about `name` and the proposal for it.
    pub(super) fn proposed(&mut self, name: &str) -> (Problem, ProposalId) {
        let problem = self.believe(name);
        let Some(Place::Proposal(id)) = self.propose(&problem) else { panic!("not proposed") };
        (problem, id)
    }

    /// A call about `name` that nobody has yet.
    pub(super) fn called(&mut self, name: &str) -> (Problem, CallId) {
        let (problem, proposal) = self.proposed(name);
        let id = self.done("dispatch", Command::Accept { proposal, assignee: None });
        (problem, CallId(id))
    }

    pub(super) fn end(&mut self, problem: &Problem, ending: Ending) {
        let mut over = problem.clone();
        over.ended_at = Some(self.pen.now);
        over.ending = Some(ending);
        self.world.open.remove(&over.id);
        self.cases.problem_ended(&over, &self.world, &mut self.pen);
        self.keep();
    }

    pub(super) fn belief(&mut self, name: &str, fine: bool) {
        self.world.fine.insert(name.to_owned(), fine);
        self.look(name, fine, true);
    }

    /// A result came in; it may be one bad look that is not believed.
    pub(super) fn look(&mut self, name: &str, fine: bool, hard: bool) {
        let heard = Looked { at: self.pen.now, fine, hard };
        self.cases.result_came(name, heard, &self.world, &mut self.pen);
        self.keep();
    }

    pub(super) fn ask_as(
        &mut self,
        by: Actor,
        version: Option<u64>,
        command: Command,
    ) -> Option<Reply> {
        let request = Request { by, version, repeat_key: None, command };
        let before = (self.kept.clone(), self.picture());
        let reply = self.cases.handle(&request, &self.rules, &self.world, &mut self.pen);
        self.keep();
        if matches!(reply, None | Some(Reply::Refused(_))) {
            assert_eq!(before, (self.kept.clone(), self.picture()), "refused, and yet changed");
        }
        reply
    }

    pub(super) fn ask(&mut self, by: &str, command: Command) -> Reply {
        let by = Actor { name: by.into(), customers: None };
        self.ask_as(by, None, command).expect("it is about proposals or calls")
    }

    /// Asks for something that must be done; the id of what was changed.
    pub(super) fn done(&mut self, by: &str, command: Command) -> u64 {
        match self.ask(by, command) {
            Reply::Done { id, .. } => id.parse().unwrap(),
            Reply::Refused(why) => panic!("{why:?}"),
        }
    }

    /// Asks for something that must be refused.
    pub(super) fn refused(&mut self, by: &str, command: Command) -> Refusal {
        match self.ask(by, command) {
            Reply::Refused(why) => why,
            done => panic!("{done:?}"),
        }
    }

    pub(super) fn call(&self, id: CallId) -> &Call {
        self.cases.call(id).expect("there is such a call")
    }

    pub(super) fn proposal(&self, id: ProposalId) -> &Proposal {
        self.cases.proposal(id).expect("there is such a proposal")
    }

    pub(super) fn events(&self, kind: EventKind) -> usize {
        self.kept.events.iter().filter(|it| it.kind == kind).count()
    }

    /// Everything that decides what happens next, as text.
    pub(super) fn picture(&self) -> String {
        picture(&self.cases)
    }

    /// What a process that starts now makes of what has been kept, after its first wake.
    pub(super) fn restarted(&self) -> Cases {
        let mut cases = Cases::default();
        // In an order that no row may depend on.
        for it in self.kept.calls.values().rev() {
            cases.restore_call(it.clone());
        }
        for it in self.kept.proposals.values() {
            cases.restore_proposal(it.clone());
        }
        let mut pen = Pen::new(self.pen.next_id());
        pen.now = self.pen.now;
        cases.wake(&self.rules, &mut pen);
        assert_eq!(pen.rows, [], "a restart alone changes nothing");
        cases
    }
}

pub(super) fn picture(cases: &Cases) -> String {
    let Cases { proposals, calls, index, timers, held, .. } = cases;
    format!("{proposals:#?}\n{calls:#?}\n{index:#?}\n{timers:#?}\n{held:?}")
}

/// May a call go from one state to the other? A call that waits goes back to being assigned only
/// by itself and if nobody had taken charge.
fn is_edge(before: &Call, after: &Call) -> bool {
    use CallState as S;
    match (&before.state, &after.state) {
        (S::Closed, _) => false,
        (one, other) if std::mem::discriminant(one) == std::mem::discriminant(other) => true,
        (S::Suspended { .. }, S::Assigned) => {
            before.respond.as_ref().is_some_and(|it| it.met_at.is_none())
        }
        (S::Open, S::Assigned | S::InProgress)
        | (S::Assigned, S::InProgress | S::Suspended { .. })
        | (S::InProgress, S::Suspended { .. })
        | (S::Suspended { .. }, S::InProgress)
        | (_, S::Closed) => true,
        _ => false,
    }
}
