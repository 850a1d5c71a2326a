//! Stories: who hears of a call, what a customer gets, what a service desk outside is told.

use model::{
    AlertKind, Call, CallId, Condition, Contract, Hours, Measure, MeasureSpec, Measured,
    MessageKind, NightGate, Pauses, Reading, Refusal, Route, SlaStart, Unit, Wait,
};

use super::*;

fn contract(respond: Option<Duration>) -> Contract {
    Contract {
        name: "gold".into(),
        at: "config.yaml:40".into(),
        hours: 0,
        respond,
        resolve: None,
        pauses: Pauses::default(),
        starts: SlaStart::Opened,
        warn_percent: vec![80],
        policy: None,
        tickets: None,
    }
}

/// The contract holds day and night, and the customer has somebody who reads mails.
fn served() -> (Duty, Times) {
    let mut duty = duty();
    duty.contracts = vec![contract(Some(mins(10)))];
    duty.customers[0].contract = Some(0);
    duty.customers[0].contacts = vec!["it@acme.example".into()];
    duty.channels.push(channel("zmail", Some("email"), None));
    (duty, Times { hours: vec![Hours::always()], ..Times::default() })
}

fn stage(change: impl FnOnce(&mut Duty, &mut Times)) -> Stage {
    let (mut duty, mut times) = served();
    change(&mut duty, &mut times);
    Stage::new(duty, times)
}

impl Stage {
    /// A call that somebody opens by hand.
    fn opened(&mut self) -> CallId {
        let reply = self.ask(Command::OpenCall {
            customer: "acme".into(),
            title: "the printer smokes".to_owned(),
            severity: Severity::Critical,
            refers_to: None,
        });
        let Reply::Done { id, .. } = reply else { panic!("{reply:?}") };
        CallId(id.parse().unwrap())
    }

    fn call(&self, id: CallId) -> Call {
        let row = |it: &Row| match it {
            Row::Call(it) if it.id == id => Some((**it).clone()),
            _ => None,
        };
        self.rows.iter().rev().find_map(row).unwrap()
    }

    fn calls(&self) -> Vec<CallId> {
        let mut all: Vec<_> = self
            .rows
            .iter()
            .filter_map(|it| if let Row::Call(it) = it { Some(it.id) } else { None })
            .collect();
        all.dedup();
        all
    }

    /// `call opened: told; call, told, who`, for all decisions with this trigger.
    fn decided(&self, trigger: &str) -> Vec<String> {
        let words = |it: &Row| match it {
            Row::Decision(it) if it.trigger == trigger => {
                let gates: Vec<_> = it.gates.iter().map(|it| &*it.gate).collect();
                let told = matches!(it.verdict, VerdictOfDesk::Told { .. });
                Some(format!("{}: {}", if told { "told" } else { "nobody" }, gates.join(", ")))
            }
            _ => None,
        };
        self.rows.iter().filter_map(words).collect()
    }
}

#[test]
fn a_call_that_a_policy_opens_is_told_to_those_who_know_of_its_problem() {
    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Critical);
    stage.pass(1_799);
    stage.told();
    stage.pass(1);
    assert_eq!(stage.told(), ["call acme/web/http by psa", "call acme/web/http by sms"]);
    assert_eq!(stage.decided("call opened"), ["told: call, told, who, who"]);
}

#[test]
fn a_call_of_which_nobody_was_told_is_told_by_the_first_step_that_reaches_anybody() {
    let mut stage = stage(|duty, _| {
        let mut usual = policy("usual", Vec::new());
        (usual.propose, usual.call) = (None, Some(Duration::ZERO));
        let far = Step { at_least: Severity::Down, ..step(Duration::ZERO, Target::Person(0), 0) };
        usual.steps = vec![far];
        // Its own steps reach nobody, so those of our own trouble do.
        duty.policies = vec![policy("own", vec![step(mins(5), Target::Person(0), 1)]), usual];
    });
    let mut subjects = subjects();
    subjects[3].policy = Some(1);
    let (duty, times) = (stage.desk.rules.duty.clone(), stage.desk.rules.times.clone());
    let outcome = stage.desk.arrange(at(0), duty, times, subjects);
    stage.take(outcome);
    stage.hard(HTTP, Status::Critical);
    assert_eq!(stage.told(), ["call acme/web/http by sms"]);
    assert_eq!(stage.decided("call opened"), ["told: call, policy, policy, step, who"]);
    stage.pass(600);
    let spent = ["call acme/web/http by sms", "call acme/web/http by sms"];
    assert_eq!(stage.told(), spent, "at 80 % and at the end");
    assert_eq!(stage.decided("promise in danger").len(), 1);
    assert_eq!(stage.decided("promise broken").len(), 1);
}

#[test]
fn a_call_that_a_dispatcher_makes_of_a_proposal_is_no_news_to_others() {
    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Critical);
    stage.told();
    let proposal = stage.only_problem().proposal.unwrap();
    stage.ask(Command::Accept { proposal, assignee: None });
    assert_eq!(stage.told(), [""; 0]);
}

#[test]
fn what_somebody_opens_by_hand_is_told_to_those_on_call_and_not_to_them() {
    let mut stage = stage(|duty, _| {
        duty.people.push(person("ben"));
        duty.policies[0].steps[0] = step(Duration::ZERO, Target::Person(1), 1);
    });
    let call = stage.opened();
    let sent: Vec<_> = stage.sent.drain(..).collect();
    let to: Vec<_> = sent.iter().map(|it| &*it.route.contact).collect();
    assert_eq!(to, ["anna"], "the first step is the opener alone, so the next one is told");
    assert!(sent[0].content.title.contains("opened by ben"), "{}", sent[0].content.title);
    // Who takes a call knows it; who is given one is told.
    stage.ask(Command::Assign { call, person: "ben".into() });
    assert_eq!(stage.told(), [""; 0]);
    stage.ask(Command::Assign { call, person: "anna".into() });
    assert_eq!(stage.told(), ["call  by sms"]);
}

#[test]
fn quiet_hours_put_off_what_is_said_of_a_call() {
    let mut stage = stage(|duty, times| {
        duty.people[0].quiet = Some(1);
        duty.people[0].wakes = Some(Severity::Down);
        duty.contracts[0].respond = None;
        times.hours.push(Hours::of(vec![Span { from: at(0), until: at(3_600) }]));
    });
    let call = stage.opened();
    stage.told();
    stage.ask(Command::Assign { call, person: "anna".into() });
    assert_eq!(stage.told(), [""; 0]);
    assert_eq!(stage.decided("call assigned"), ["told: call, assignee, quiet"]);
    stage.pass(3_599);
    assert_eq!(stage.told(), [""; 0]);
    stage.pass(1);
    assert_eq!(stage.told(), ["call  by sms"]);
}

#[test]
fn at_night_only_the_lead_hears_of_a_call_until_it_is_known_to_block() {
    let mut stage = stage(|duty, times| {
        duty.people.push(person("ben"));
        duty.policies[0].gate = Some(NightGate {
            hours: 1,
            lead: Target::Person(1),
            via: vec![1],
            patience: mins(10),
            silence_means_blocking: false,
            at: "config.yaml:25".into(),
        });
        duty.contracts[0].respond = None;
        times.hours.push(Hours::of(Vec::new()));
    });
    stage.desk.rules.duty = {
        let mut duty = (*stage.desk.rules.duty).clone();
        duty.contracts[0].policy = Some(0);
        Arc::new(duty)
    };
    let by = model::Actor { name: "dispatch".into(), customers: None };
    let command = Command::OpenCall {
        customer: "acme".into(),
        title: "no mail".to_owned(),
        severity: Severity::Critical,
        refers_to: None,
    };
    let request = Request { by, version: None, repeat_key: None, command };
    stage.feed(Input::Asked { ticket: 1, request });
    let to: Vec<_> = stage.sent.iter().map(|it| &*it.route.contact).collect();
    assert_eq!(to, ["ben"]);
    assert_eq!(stage.decided("call opened"), ["told: call, policy, blocking, who"]);
}

#[test]
fn a_message_to_the_customer_leaves_as_a_mail_or_is_refused() {
    let mut stage = stage(|_, _| ());
    let call = stage.opened();
    stage.sent.clear();
    let text = "We are on our way.\nBe there at 10.".to_owned();
    let say =
        |text: &str| Command::Say { call, kind: MessageKind::ToCustomer, text: text.to_owned() };
    stage.ask(say(&text));
    let sent: Vec<_> = stage.sent.drain(..).collect();
    let [mail] = &sent[..] else { panic!("{sent:?}") };
    let Route { channel, contact } = &mail.route;
    assert_eq!((&**channel, &**contact), ("zmail", "it@acme.example"));
    assert_eq!((mail.kind, mail.problem), (AlertKind::Message, ProblemId(call.0)));
    assert_eq!(mail.content.title, format!("[call {call}] the printer smokes"));
    assert_eq!(*mail.content.text, text);
    assert_eq!(stage.decided("message to the customer"), ["told: message, who"]);

    for lacks in ["contacts", "channel"] {
        let mut stage = self::stage(|duty, _| match lacks {
            "contacts" => duty.customers[0].contacts.clear(),
            _ => drop(duty.channels.pop()),
        });
        let call = stage.opened();
        let before = stage.call(call);
        let text = "anybody?".to_owned();
        let reply = stage.ask(Command::Say { call, kind: MessageKind::ToCustomer, text });
        let Reply::Refused(Refusal::Invalid { why }) = reply else { panic!("{reply:?}") };
        assert!(why.contains(lacks), "{why}");
        assert_eq!(stage.call(call), before, "nobody may believe that it was sent");
    }
}

#[test]
fn a_call_is_mirrored_outside_where_its_contract_says() {
    let mut stage = stage(|duty, _| {
        duty.contracts[0].tickets = Some(0);
        duty.contracts[0].respond = None;
    });
    let call = stage.opened();
    let text = "not before noon".to_owned();
    stage.ask(Command::Assign { call, person: "anna".into() });
    stage.ask(Command::Start { call });
    stage.ask(Command::Say { call, kind: MessageKind::Internal, text: text.clone() });
    let until = Some(at(60));
    stage.ask(Command::Suspend { call, wait: Wait::Customer { until } });
    stage.pass(60);
    stage.ask(Command::Close { call, text: "solved".to_owned() });
    let tickets: Vec<_> = stage
        .sent
        .iter()
        .filter(|it| *it.route.channel == *"psa" && it.kind == AlertKind::Call)
        .filter(|it| !it.content.by.is_empty())
        .collect();
    let what: Vec<_> =
        tickets.iter().map(|it| it.content.title.rsplit(": ").next().unwrap().to_owned()).collect();
    let all = ["opened", "assigned", "in progress", "message", "suspended", "goes on", "closed"];
    assert_eq!(what, all);
    assert_eq!(*tickets[3].content.text, text);
    assert!(tickets.iter().all(|it| it.problem == ProblemId(call.0)));
    let ordinals: Vec<_> = tickets.iter().map(|it| it.ordinal).collect();
    assert!(ordinals[0] == 0 && ordinals.is_sorted() && ordinals[1] > 0, "{ordinals:?}");
    let ended: Vec<_> = tickets.iter().map(|it| it.content.ended_at.is_some()).collect();
    assert_eq!(ended, [false, false, false, false, false, false, true]);
    assert_eq!(stage.decided("call-suspended"), ["told: call, tickets"]);
}

#[test]
fn a_snooze_puts_off_the_call_that_the_policy_would_open() {
    let mut stage = Stage::plain();
    stage.hard(HTTP, Status::Critical);
    let proposal = stage.only_problem().proposal.unwrap();
    stage.ask(Command::Snooze { proposal, until: at(3_600) });
    stage.pass(3_599);
    assert_eq!(stage.calls(), []);
    stage.pass(1);
    assert_eq!(stage.calls().len(), 1);
}

#[test]
fn a_wait_has_results_watched_and_is_over_only_by_one_that_comes() {
    let mut stage = stage(|_, _| ());
    let call = stage.opened();
    stage.ask(Command::Start { call });
    stage.orders.clear();
    let fine = Look { status: Status::Ok, kind: StateType::Hard, attempt: 1 };
    let until = Condition { name: "acme/web/disk".into(), fine_for: mins(5), fine_since: None };
    stage.ask(Command::Suspend { call, wait: Wait::Process { until } });
    let watch = |watching| ToShard::Watch { checkable: DISK, watching };
    assert_eq!(stage.orders, [watch(true)]);
    assert!(stage.desk.standing_orders().contains(&watch(true)));
    stage.pass(86_400);
    assert!(!stage.call(call).ready_to_close, "it was fine all the time, but nobody has looked");
    stage.feed(Input::Seen { checkable: DISK, at: at(86_400), look: fine });
    stage.pass(300);
    assert!(!stage.call(call).ready_to_close);
    stage.feed(Input::Seen { checkable: DISK, at: at(86_700), look: fine });
    assert!(stage.call(call).ready_to_close);
    assert_eq!(stage.orders, [watch(true)]);
    // A desk that starts again asks for it again.
    let mut later = Desk::new(7, 1);
    later.restore(stage.rows.clone());
    let (duty, times) = served();
    let outcome = later.arrange(at(90_000), Arc::new(duty), Arc::new(times), subjects());
    assert!(outcome.effects.contains(&Effect::Order(watch(true))));
    stage.ask(Command::Close { call, text: String::new() });
    assert_eq!(stage.orders, [watch(true), watch(false)]);
}

#[test]
fn what_was_measured_is_evidence() {
    const USED: MeasureSpec =
        MeasureSpec { name: "used", unit: Unit::Percent, series: None, doc: "Used." };
    let mut stage = Stage::plain();
    let mut subjects = subjects();
    subjects.iter_mut().for_each(|it| it.measures = const { &[USED] });
    let (duty, times) = (stage.desk.rules.duty.clone(), stage.desk.rules.times.clone());
    let outcome = stage.desk.arrange(at(0), duty, times, subjects);
    stage.take(outcome);
    let fine = Look { status: Status::Ok, kind: StateType::Hard, attempt: 1 };
    let value = |index, value| Measure::number(index, value);
    stage.feed(Input::Changed(Transition {
        checkable: DISK,
        at: at(0),
        from: fine,
        to: Look { status: Status::Critical, ..fine },
        was_flapping: false,
        flapping: false,
        centipercent: 0,
        cause: None,
        // What is no number could not be kept, and what has no name says nothing.
        measures: vec![value(0, 96.4), value(0, f64::NAN), value(7, 1.0)],
    }));
    let expected =
        [Measured { name: "used".into(), reading: Reading::Number(96.4), unit: Unit::Percent }];
    assert_eq!(stage.only_problem().values, expected);
    let proposal = |it: &Row| match it {
        Row::Proposal(it) => Some(it.evidence.values.clone()),
        _ => None,
    };
    assert_eq!(stage.rows.iter().rev().find_map(proposal).unwrap(), expected);
}
