//! Stories: what happens to people when beliefs change.

use std::{collections::BTreeMap, time::Duration};

use model::{
    AlertKind, AlertState, Begin, Channel, Command, Customer, EventKind, HelpLevel, Labels,
    LocalTime, Look, Matcher, Params, Person, Policy, ProposalState, Recurrence, Refusal, Scope,
    Severity, Site, Span, Step, Target, Uplink, VerdictOfDesk, Window, WindowEffect,
};

use super::*;

#[path = "call_news_tests.rs"]
mod call_news;

const START: u64 = 1_000_000;
const CANARY: CheckableId = CheckableId(0);
const GATEWAY: CheckableId = CheckableId(1);
const WEB: CheckableId = CheckableId(2);
const HTTP: CheckableId = CheckableId(3);
const DISK: CheckableId = CheckableId(4);
const FIRST_OF_SITE: u32 = 10;
const HOSTS_OF_SITE: u32 = 10;

fn at(secs: u64) -> Moment {
    Moment::from_secs(START + secs)
}

fn mins(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn channel(name: &str, personal: Option<&str>, group: Option<Duration>) -> Channel {
    Channel {
        name: name.into(),
        at: "config.yaml:1".into(),
        kind: "webhook".into(),
        params: Arc::new(Params::default()),
        personal: personal.map(Arc::from),
        resolve: true,
        group,
        limit: None,
        ttl: mins(60),
        resend_unknown: true,
        fallback: None,
        refresh: None,
    }
}

fn policy(name: &str, steps: Vec<Step>) -> Policy {
    Policy {
        name: name.into(),
        at: "config.yaml:20".into(),
        hours: None,
        propose: Some(Duration::ZERO),
        call: Some(mins(30)),
        steps,
        remind: None,
        stop_on_acknowledge: true,
        gate: None,
    }
}

fn step(after: Duration, to: Target, via: u32) -> Step {
    Step {
        after,
        to: vec![to],
        via: vec![via],
        at_least: Severity::Warning,
        at: "config.yaml:22".into(),
    }
}

fn person(name: &str) -> Person {
    Person {
        name: name.into(),
        title: name.to_uppercase().into(),
        at: "people.yaml:1".into(),
        addresses: BTreeMap::from([("phone".into(), "1".into())]),
        quiet: None,
        wakes: None,
        skills: BTreeMap::new(),
        level: HelpLevel::HelpDesk,
    }
}

fn subject(id: CheckableId, name: &str, host: Option<CheckableId>) -> Subject {
    Subject {
        id,
        name: name.into(),
        host,
        of_host: name.matches('/').count() == 1,
        customer: 0,
        site: None,
        parents: Arc::from([]),
        labels: Labels::from([]),
        policy: Some(0),
        contract: None,
        measures: &[],
    }
}

/// `psa` is a place for all; `sms` reaches people. Step 1 goes to the place, step 2 after 10 min
/// to Anna.
fn duty() -> Duty {
    let steps =
        vec![step(Duration::ZERO, Target::Person(0), 0), step(mins(10), Target::Person(0), 1)];
    Duty {
        customers: vec![Customer {
            name: "acme".into(),
            title: "ACME".into(),
            contract: None,
            zone: "UTC".into(),
            contacts: Vec::new(),
        }],
        sites: vec![Site { customer: 0, name: "hq".into() }],
        people: vec![person("anna")],
        channels: vec![channel("psa", None, None), channel("sms", Some("phone"), None)],
        policies: vec![policy("urgent", steps)],
        uplink: Uplink { canaries: vec!["campanile/out".into()], needed: 1 },
        own_policy: Some(0),
        ..Duty::default()
    }
}

fn subjects() -> Vec<Subject> {
    let behind = |it: Subject| Subject { parents: Arc::from([GATEWAY]), ..it };
    let mut all = vec![
        Subject { policy: None, ..subject(CANARY, "campanile/out", None) },
        subject(GATEWAY, "acme/gw", None),
        behind(subject(WEB, "acme/web", None)),
        subject(HTTP, "acme/web/http", Some(WEB)),
        subject(DISK, "acme/web/disk", Some(WEB)),
    ];
    for number in 0..HOSTS_OF_SITE {
        let id = CheckableId(FIRST_OF_SITE + number);
        let host = subject(id, &format!("acme/h{number}"), None);
        all.push(Subject { site: Some(0), ..host });
    }
    all
}

/// A desk with its receivers, which take everything at once.
struct Stage {
    desk: Desk,
    now: u64,
    rows: Vec<Row>,
    orders: Vec<ToShard>,
    sent: Vec<Alert>,
    /// What receivers answer; `None`: nothing yet.
    answer: Option<Delivery>,
    replies: Vec<Reply>,
    statuses: BTreeMap<CheckableId, Look>,
}

impl Stage {
    fn new(duty: Duty, times: Times) -> Self {
        let mut desk = Desk::new(7, 1);
        drop(desk.arrange(at(0), Arc::new(duty), Arc::new(times), subjects()));
        Self {
            desk,
            now: 0,
            rows: Vec::new(),
            orders: Vec::new(),
            sent: Vec::new(),
            answer: Some(Delivery::Taken),
            replies: Vec::new(),
            statuses: BTreeMap::new(),
        }
    }

    fn plain() -> Self {
        Self::new(duty(), Times::default())
    }

    fn feed(&mut self, input: Input) {
        let outcome = self.desk.handle(at(self.now), input);
        self.take(outcome);
    }

    fn take(&mut self, outcome: Outcome) {
        self.rows.extend(outcome.rows);
        for effect in outcome.effects {
            match effect {
                Effect::Deliver(alert) => {
                    let key = alert.key;
                    self.sent.push(*alert);
                    if let Some(delivery) = self.answer.clone() {
                        self.feed(Input::Delivered { key, delivery });
                    }
                }
                Effect::Answer { reply, .. } => self.replies.push(reply),
                Effect::Order(order) => self.orders.push(order),
                Effect::TurnCalendar => {}
            }
        }
    }

    /// Lets time pass, with every wake in between.
    fn pass(&mut self, secs: u64) {
        let end = self.now + secs;
        while let Some(wake) = self.desk.next_wake().filter(|it| *it <= at(end)) {
            self.now = self.now.max(wake.as_nanos().div_ceil(1_000_000_000) - START);
            self.feed(Input::Wake);
        }
        self.now = end;
    }

    fn becomes(&mut self, id: CheckableId, status: Status, kind: StateType) {
        let fine = Look { status: Status::Ok, kind: StateType::Hard, attempt: 1 };
        let to = Look { status, kind, attempt: 1 };
        let from = self.statuses.insert(id, to).unwrap_or(fine);
        self.feed(Input::Changed(Transition {
            checkable: id,
            at: at(self.now),
            from,
            to,
            was_flapping: false,
            flapping: false,
            centipercent: 0,
            cause: None,
            measures: Vec::new(),
        }));
    }

    fn hard(&mut self, id: CheckableId, status: Status) {
        self.becomes(id, status, StateType::Hard);
    }

    fn ask(&mut self, command: Command) -> Reply {
        let by = model::Actor { name: "ben".into(), customers: None };
        let request = Request { by, version: None, repeat_key: None, command };
        self.feed(Input::Asked { ticket: 1, request });
        self.replies.pop().unwrap()
    }

    /// `trigger acme/web/http by psa`, for all that was sent since the last time.
    fn told(&mut self) -> Vec<String> {
        let words = |it: Alert| {
            let about = it.content.about.as_ref().map(About::name).unwrap_or_default();
            format!("{} {about} by {}", it.kind.word(), it.route.channel)
        };
        self.sent.drain(..).map(words).collect()
    }

    fn events(&self) -> Vec<EventKind> {
        let kind = |it: &Row| if let Row::Event(it) = it { Some(it.kind) } else { None };
        self.rows.iter().filter_map(kind).collect()
    }

    fn reasons(&self) -> Vec<String> {
        let reason = |it: &Row| match it {
            Row::Decision(it) => match &it.verdict {
                VerdictOfDesk::Nobody { reason, .. } => Some(reason.to_string()),
                _ => None,
            },
            _ => None,
        };
        self.rows.iter().filter_map(reason).collect()
    }

    fn open(&self) -> Vec<String> {
        self.desk.open_problems().map(|it| it.about.name()).collect()
    }

    fn only_problem(&self) -> &Problem {
        let mut all = self.desk.open_problems();
        let first = all.next().unwrap();
        assert!(all.next().is_none(), "{:?}", self.open());
        first
    }

    /// Another process goes on with the rows of this one. It does not know yet what is believed.
    fn started_again(mut self, duty: Duty, times: Times, now: u64) -> Self {
        let mut kept: BTreeMap<String, Row> = BTreeMap::new();
        for row in self.rows.drain(..) {
            let key = match &row {
                Row::NextId(_) => "next".to_owned(),
                Row::Problem(it) => format!("problem {:020}", it.id.0),
                Row::Proposal(it) => format!("proposal {}", it.id),
                Row::Call(it) => format!("call {}", it.id),
                Row::Alert(it) => format!("alert {}", it.key),
                Row::Occurrence(it) => format!("occurrence {:?}", it.key),
                Row::Planned(id, _) => format!("planned {id}"),
                Row::Silence(it) => format!("silence {}", it.id),
                _ => continue,
            };
            kept.insert(key, row);
        }
        self.desk = Desk::new(7, 1);
        self.desk.restore(kept.into_values());
        self.now = now;
        self.orders.clear();
        let outcome = self.desk.arrange(at(now), Arc::new(duty), Arc::new(times), subjects());
        self.take(outcome);
        self
    }
}

use model::About;

#[test]
fn believed_bad_news_is_told_at_once_and_its_end_to_whoever_was_told() {
    let mut stage = Stage::plain();
    stage.becomes(HTTP, Status::Critical, StateType::Soft);
    assert_eq!((stage.open().len(), stage.told().len()), (0, 0));
    stage.hard(HTTP, Status::Critical);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
    stage.pass(5 * 60);
    stage.hard(HTTP, Status::Ok);
    assert_eq!(stage.told(), ["resolve acme/web/http by psa"]);
    assert!(stage.open().is_empty());
    assert!(stage.events().contains(&EventKind::ProblemEnded));
}

#[test]
fn the_ladder_climbs_by_time_and_an_acknowledgement_stops_it() {
    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Critical);
    stage.pass(599);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
    stage.pass(1);
    assert_eq!(stage.told(), ["trigger acme/web/http by sms"]);

    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Critical);
    let problem = stage.only_problem().id;
    let text = "on it".to_owned();
    stage.ask(Command::Acknowledge { problem, text, until: Some(at(1_200)), sticky: false });
    stage.told();
    stage.pass(1_199);
    assert!(stage.told().is_empty());
    assert!(stage.reasons().contains(&"acknowledged".to_owned()));
    // Its end is a moment of its own, and the ladder goes on.
    stage.pass(1);
    assert_eq!(stage.told(), ["trigger acme/web/http by sms"]);
}

#[test]
fn a_host_that_is_down_explains_its_services_and_those_behind_it() {
    let mut stage = Stage::plain();
    stage.becomes(HTTP, Status::Critical, StateType::Soft);
    stage.becomes(WEB, Status::Unreachable, StateType::Soft);
    stage.hard(GATEWAY, Status::Down);
    stage.hard(WEB, Status::Unreachable);
    stage.becomes(DISK, Status::Critical, StateType::Soft);
    assert_eq!(stage.told(), ["trigger acme/gw by psa"]);
    let symptoms: Vec<_> = stage.only_problem().symptoms.keys().map(|it| it.to_string()).collect();
    assert_eq!(symptoms, ["acme/web", "acme/web/disk", "acme/web/http"]);
    stage.hard(GATEWAY, Status::Up);
    stage.hard(WEB, Status::Up);
    stage.hard(HTTP, Status::Ok);
    // One that stays bad stands for itself, after its fresh retries.
    stage.hard(DISK, Status::Critical);
    assert_eq!(stage.told(), ["resolve acme/gw by psa", "trigger acme/web/disk by psa"]);
}

#[test]
fn a_service_that_failed_first_is_not_told_again_and_its_end_is() {
    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Critical);
    stage.hard(WEB, Status::Down);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa", "trigger acme/web by psa"]);
    stage.hard(WEB, Status::Up);
    stage.hard(HTTP, Status::Ok);
    assert_eq!(stage.told(), ["resolve acme/web by psa", "resolve acme/web/http by psa"]);
}

#[test]
fn a_site_that_is_out_is_one_problem_and_no_host_is_told_of() {
    let mut stage = Stage::plain();
    let hosts = || (0..HOSTS_OF_SITE).map(|it| CheckableId(FIRST_OF_SITE + it));
    for host in hosts() {
        stage.becomes(host, Status::Down, StateType::Soft);
    }
    for host in hosts() {
        stage.pass(1);
        stage.hard(host, Status::Down);
    }
    stage.pass(60);
    assert_eq!(stage.told(), ["trigger site acme/hq by psa"]);
    assert_eq!(stage.only_problem().symptoms.len(), HOSTS_OF_SITE as usize);
    for host in hosts() {
        stage.pass(1);
        stage.hard(host, Status::Up);
    }
    stage.pass(600);
    assert_eq!(stage.told(), ["resolve site acme/hq by psa"]);
    assert!(stage.open().is_empty());
}

#[test]
fn a_few_hosts_that_fail_together_are_told_of_after_a_short_hold() {
    let mut stage = Stage::plain();
    for number in 0..4 {
        stage.becomes(CheckableId(FIRST_OF_SITE + number), Status::Down, StateType::Soft);
    }
    stage.hard(CheckableId(FIRST_OF_SITE), Status::Down);
    assert!(stage.told().is_empty());
    assert!(stage.reasons().contains(&"hold".to_owned()));
    stage.pass(60);
    assert_eq!(stage.told(), ["trigger acme/h0 by psa"]);
}

#[test]
fn our_own_blindness_is_one_problem_of_ours_and_nobody_elses() {
    let mut stage = Stage::plain();
    stage.becomes(CANARY, Status::Down, StateType::Soft);
    stage.hard(HTTP, Status::Critical);
    stage.pass(3);
    assert!(stage.told().is_empty());
    stage.hard(CANARY, Status::Down);
    assert_eq!(stage.told(), ["trigger own uplink by psa"]);
    assert_eq!(stage.orders, [ToShard::Blind { blind: true }]);
    stage.pass(300);
    stage.told();
    stage.orders.clear();
    stage.hard(CANARY, Status::Up);
    assert!(stage.orders.contains(&ToShard::Blind { blind: false }));
    assert!(stage.orders.contains(&ToShard::CheckNow { checkable: HTTP }));
    assert_eq!(stage.told(), ["resolve own uplink by psa"]);
    stage.hard(HTTP, Status::Ok);
    stage.pass(300);
    assert!(stage.told().iter().all(|it| !it.contains("acme")), "nobody recovers who never fell");
}

#[test]
fn what_is_still_down_after_our_blindness_is_told() {
    let mut stage = Stage::plain();
    stage.hard(CANARY, Status::Down);
    stage.told();
    stage.hard(HTTP, Status::Critical);
    stage.pass(20);
    stage.hard(CANARY, Status::Up);
    stage.told();
    stage.pass(61);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
}

fn window(effect: WindowEffect) -> (Duty, Times) {
    let line = vec![Matcher { label: "host".into(), op: model::MatchOp::Is, value: "web".into() }];
    let local = LocalTime { day: 0, second: 0 };
    let window = Window {
        name: "acme/patch".into(),
        customer: Some(0),
        at: "checks/acme.yaml:9".into(),
        recurrence: Recurrence {
            text: "once".into(),
            zone: "UTC".into(),
            rule: Begin::Once { from: local, until: local },
            length: Duration::ZERO,
        },
        scope: Scope { lines: vec![line] },
        effect,
        sla_counts: false,
        flexible: None,
        reminders: Vec::new(),
        impact: "".into(),
        contact: "".into(),
    };
    let spans = Arc::from([Span { from: at(100), until: at(1_000) }]);
    let times = Times { windows: vec![spans], ..Times::default() };
    (Duty { windows: vec![window], ..duty() }, times)
}

#[test]
fn what_begins_in_a_window_and_persists_is_told_at_its_end_and_what_ends_in_it_is_not() {
    let (duty, times) = window(WindowEffect::NoAlerts);
    let mut stage = Stage::new(duty, times);
    stage.pass(200);
    stage.hard(HTTP, Status::Critical);
    stage.hard(DISK, Status::Critical);
    stage.pass(200);
    stage.hard(DISK, Status::Ok);
    stage.pass(599);
    assert!(stage.told().is_empty());
    assert!(stage.reasons().contains(&"window".to_owned()));
    stage.pass(1);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
    let events = stage.events();
    assert!(events.contains(&EventKind::WindowBegan) && events.contains(&EventKind::WindowEnded));
}

#[test]
fn what_began_before_a_window_still_ends_within_it() {
    let (duty, times) = window(WindowEffect::NoAlerts);
    let mut stage = Stage::new(duty, times);
    stage.hard(HTTP, Status::Critical);
    stage.pass(200);
    stage.told();
    stage.hard(HTTP, Status::Ok);
    assert_eq!(stage.told(), ["resolve acme/web/http by psa"]);
}

#[test]
fn a_window_without_checks_lets_shards_rest() {
    let (duty, times) = window(WindowEffect::NoChecks);
    let mut stage = Stage::new(duty, times);
    stage.pass(101);
    let rests = |resting| [WEB, HTTP, DISK].map(|checkable| ToShard::Rest { checkable, resting });
    assert_eq!(stage.orders, rests(true));
    stage.pass(1_000);
    assert!(rests(false).iter().all(|it| stage.orders.contains(it)));
}

#[test]
fn a_silence_holds_back_what_is_new_and_its_end_tells_what_is_still_so() {
    let mut stage = Stage::plain();
    let line =
        vec![Matcher { label: "customer".into(), op: model::MatchOp::Is, value: "acme".into() }];
    let scope = Scope { lines: vec![line] };
    let span = Span { from: at(0), until: at(500) };
    let reply = stage.ask(Command::Silence { scope, span, text: "works".into() });
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    stage.hard(HTTP, Status::Critical);
    stage.pass(499);
    assert!(stage.told().is_empty());
    stage.pass(1);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
}

#[test]
fn worse_news_is_told_to_whoever_knows_the_better() {
    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Warning);
    stage.told();
    stage.hard(HTTP, Status::Critical);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
}

fn fails_for_now() -> Delivery {
    Delivery::Later { fault: "busy".into(), after: None, may_have_arrived: false }
}

#[test]
fn worse_news_that_a_silence_took_back_before_it_arrived_is_told_when_that_ends() {
    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Warning);
    stage.answer = Some(fails_for_now());
    stage.hard(HTTP, Status::Critical);
    let silence = silence_of_acme(&mut stage, 5_000);
    stage.pass(600);
    (stage.answer, stage.sent) = (Some(Delivery::Taken), Vec::new());
    stage.ask(Command::Unsilence { silence });
    assert_eq!(stage.told()[..1], ["trigger acme/web/http by psa"]);
}

#[test]
fn worse_news_that_fails_on_its_way_within_a_silence_is_told_when_that_ends() {
    for still_silent in [true, false] {
        let mut stage = Stage::plain();
        stage.hard(HTTP, Status::Warning);
        stage.answer = None;
        stage.told();
        stage.hard(HTTP, Status::Critical);
        let key = stage.sent.pop().unwrap().key;
        let silence = silence_of_acme(&mut stage, 5_000);
        if !still_silent {
            stage.ask(Command::Unsilence { silence });
        }
        stage.answer = Some(Delivery::Taken);
        stage.feed(Input::Delivered { key, delivery: fails_for_now() });
        if still_silent {
            assert!(stage.told().is_empty());
            stage.ask(Command::Unsilence { silence });
        }
        stage.pass(60);
        assert_eq!(stage.told(), ["trigger acme/web/http by psa"], "{still_silent}");
    }
}

#[test]
fn a_change_that_was_taken_back_behind_news_on_its_way_is_told_once_that_has_arrived() {
    let mut stage = Stage::plain();
    stage.answer = None;
    stage.hard(HTTP, Status::Warning);
    let key = stage.sent.pop().unwrap().key;
    stage.hard(HTTP, Status::Critical);
    let silence = silence_of_acme(&mut stage, 5_000);
    stage.answer = Some(Delivery::Taken);
    stage.feed(Input::Delivered { key, delivery: Delivery::Taken });
    assert!(stage.told().is_empty(), "nobody is told in a silence");
    stage.ask(Command::Unsilence { silence });
    assert_eq!(stage.told()[..1], ["trigger acme/web/http by psa"]);
}

#[test]
fn a_problem_is_proposed_and_the_proposal_goes_with_its_cause() {
    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Critical);
    let states = |stage: &Stage| -> Vec<_> {
        let state =
            |it: &Row| if let Row::Proposal(it) = it { Some(it.state.clone()) } else { None };
        stage.rows.iter().filter_map(state).collect()
    };
    assert_eq!(states(&stage).last(), Some(&ProposalState::Open));
    stage.hard(HTTP, Status::Ok);
    assert!(matches!(states(&stage).last(), Some(ProposalState::Withdrawn { .. })));
}

#[test]
fn a_hypothesis_goes_through_the_same_gates_and_sends_nothing() {
    let stage = Stage::plain();
    let (name, lasts) = ("acme/web/http".into(), mins(20));
    let hypothesis = Hypothesis::of_one(name, Status::Critical, at(10_000), lasts);
    let expected = stage.desk.suppose(&hypothesis).unwrap();
    let told: Vec<_> =
        expected.told.iter().map(|it| (it.at, &*it.route.contact, &*it.route.channel)).collect();
    assert_eq!(told, [(at(10_000), "*", "psa"), (at(10_600), "anna", "sms")]);
    assert_eq!(expected.proposed_at, Some(at(10_000)));
    assert_eq!(expected.called_at, None);
    assert!(stage.sent.is_empty());
}

#[test]
fn a_desk_that_starts_again_goes_on_where_the_rows_end() {
    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Critical);
    stage.told();
    let mut again = Stage::plain();
    again.desk = Desk::new(7, 1);
    let mut kept: BTreeMap<String, Row> = BTreeMap::new();
    for row in stage.rows.drain(..) {
        let key = match &row {
            Row::NextId(_) => "next".to_owned(),
            Row::Problem(it) => format!("problem {}", it.id),
            Row::Proposal(it) => format!("proposal {}", it.id),
            Row::Alert(it) => format!("alert {}", it.key),
            _ => continue,
        };
        kept.insert(key, row);
    }
    again.desk.restore(kept.into_values());
    drop(again.desk.arrange(at(50), Arc::new(duty()), Arc::default(), subjects()));
    again.now = 50;
    again.statuses = stage.statuses.clone();
    again.feed(Input::Believed(vec![Recalled {
        id: HTTP,
        status: Status::Critical,
        kind: StateType::Hard,
        flapping: false,
        text: "".into(),
        since: at(0),
    }]));
    assert!(again.told().is_empty(), "nothing has changed");
    again.pass(550);
    assert_eq!(again.told(), ["trigger acme/web/http by sms"]);
    again.hard(HTTP, Status::Ok);
    assert_eq!(again.told().len(), 2, "both routes are told that it is over");
}

#[test]
fn an_open_problem_follows_the_policy_that_a_reload_gives_to_what_it_is_about() {
    let mut stage = Stage::plain();
    let arrange = |stage: &mut Stage, policy: Option<u32>| {
        let subjects = subjects().into_iter().map(|it| Subject { policy, ..it }).collect();
        let (duty, times) = (Arc::new(duty()), Arc::new(Times::default()));
        let outcome = stage.desk.arrange(at(stage.now), duty, times, subjects);
        stage.take(outcome);
        stage.pass(1);
    };
    arrange(&mut stage, None);
    stage.hard(HTTP, Status::Critical);
    let problem = stage.only_problem().id;
    assert_eq!(stage.told(), [""; 0]);
    arrange(&mut stage, Some(0));
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
    assert_eq!(stage.only_problem().id, problem);
    arrange(&mut stage, Some(0));
    assert_eq!(stage.told(), [""; 0], "nothing has changed");
}

fn silence_of_acme(stage: &mut Stage, until: u64) -> model::NoteId {
    let value = "acme".into();
    let line = vec![Matcher { label: "customer".into(), op: model::MatchOp::Is, value }];
    let scope = Scope { lines: vec![line] };
    let span = Span { from: at(stage.now), until: at(until) };
    let reply = stage.ask(Command::Silence { scope, span, text: "works".into() });
    let Reply::Done { id, .. } = reply else { panic!("{reply:?}") };
    model::NoteId(id.parse().unwrap())
}

#[test]
fn what_was_put_off_by_a_silence_is_proposed_when_that_is_lifted_early() {
    let mut stage = Stage::plain();
    let silence = silence_of_acme(&mut stage, 5_000);
    stage.hard(HTTP, Status::Critical);
    stage.pass(100);
    assert!(!stage.events().contains(&EventKind::Proposed));
    stage.ask(Command::Unsilence { silence });
    assert!(stage.events().contains(&EventKind::Proposed), "not only told, but proposed");
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
}

#[test]
fn worse_news_ends_an_acknowledgement_and_all_that_it_held_back() {
    let mut first = duty();
    first.policies[0].propose = Some(mins(2));
    let mut stage = Stage::new(first, Times::default());
    stage.hard(HTTP, Status::Warning);
    let problem = stage.only_problem().id;
    stage.ask(Command::Acknowledge { problem, text: String::new(), until: None, sticky: false });
    stage.pass(600);
    assert!(!stage.events().contains(&EventKind::Proposed), "somebody has it");
    stage.hard(HTTP, Status::Critical);
    assert!(stage.events().contains(&EventKind::Unacknowledged));
    assert!(stage.events().contains(&EventKind::Proposed));
}

#[test]
fn whoever_two_windows_let_rest_rests_until_both_are_over() {
    let (mut duty, mut times) = window(WindowEffect::NoChecks);
    duty.windows.push(Window { name: "acme/second".into(), ..duty.windows[0].clone() });
    times.windows.push(Arc::from([Span { from: at(500), until: at(2_000) }]));
    let mut stage = Stage::new(duty, times);
    stage.pass(1_500);
    let over = ToShard::Rest { checkable: HTTP, resting: false };
    assert!(!stage.orders.contains(&over), "the second one runs");
    stage.pass(501);
    assert!(stage.orders.contains(&over));
}

#[test]
fn whoever_a_reload_takes_out_of_a_window_is_looked_at_again() {
    let (duty, times) = window(WindowEffect::NoChecks);
    let mut stage = Stage::new(duty, times);
    stage.pass(200);
    stage.orders.clear();
    let plain = Duty { windows: Vec::new(), ..self::duty() };
    let outcome =
        stage.desk.arrange(at(200), Arc::new(plain), Arc::new(Times::default()), subjects());
    stage.take(outcome);
    assert!(stage.orders.contains(&ToShard::Rest { checkable: HTTP, resting: false }));
}

#[test]
fn a_reload_that_asks_for_fewer_canaries_lets_us_see_again() {
    let mut stage = Stage::plain();
    stage.feed(Input::Believed(Vec::new()));
    stage.hard(CANARY, Status::Down);
    assert_eq!(stage.open(), ["own uplink"]);
    stage.orders.clear();
    let uplink = Uplink { needed: 0, ..duty().uplink };
    let fewer = Duty { uplink, ..duty() };
    let outcome = stage.desk.arrange(at(1), Arc::new(fewer), Arc::default(), subjects());
    stage.take(outcome);
    assert!(stage.orders.contains(&ToShard::Blind { blind: false }));
    assert!(stage.open().is_empty());
}

#[test]
fn a_host_that_becomes_a_canary_still_ends_its_problem() {
    let mut stage = Stage::plain();
    stage.feed(Input::Believed(Vec::new()));
    stage.hard(WEB, Status::Down);
    stage.told();
    let uplink = Uplink { canaries: vec!["acme/web".into(), "campanile/out".into()], needed: 1 };
    let outcome =
        stage.desk.arrange(at(1), Arc::new(Duty { uplink, ..duty() }), Arc::default(), subjects());
    stage.take(outcome);
    stage.hard(WEB, Status::Up);
    assert_eq!(stage.told(), ["resolve acme/web by psa"]);
}

#[path = "again_tests.rs"]
mod again;

#[path = "why_tests.rs"]
mod why;

#[path = "maintenance_tests.rs"]
mod maintenance;
