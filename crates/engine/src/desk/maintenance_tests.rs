//! Stories of maintenance: who is told before, within and after it.

use model::{
    AlertKind, CallState, Contract, Decision, Hours, Occurrence, OccurrenceKey, Override, Pauses,
    PlannedWindow, Refusal, SlaStart, Token, TokenScope, WindowReport,
};

use super::*;

const DAY: u64 = 86_400;

fn span(from: u64, until: u64) -> Span {
    Span { from: at(from), until: at(until) }
}

fn web() -> Scope {
    let op = model::MatchOp::Is;
    Scope { lines: vec![vec![Matcher { label: "host".into(), op, value: "web".into() }]] }
}

fn planned(span: Span) -> PlannedWindow {
    PlannedWindow {
        name: "new disks".into(),
        customer: Some("acme".into()),
        span,
        scope: web(),
        effect: WindowEffect::NoAlerts,
        sla_counts: true,
        flexible: None,
        reminders: Vec::new(),
        impact: "no web".into(),
        contact: "ben".into(),
    }
}

/// Nothing becomes a call by itself.
fn rules() -> Duty {
    let mut duty = duty();
    duty.policies[0].call = None;
    duty
}

fn plain() -> Stage {
    Stage::new(rules(), Times::default())
}

/// The window `patch` of acme.
fn patched() -> (Duty, Times) {
    let (duty, times) = window(WindowEffect::NoAlerts);
    (Duty { windows: duty.windows, ..rules() }, times)
}

/// Customers who can be reminded by mail.
fn with_mail() -> Duty {
    let mut duty = rules();
    duty.customers[0].contacts = vec!["it@acme.example".into()];
    duty.customers[0].zone = "Europe/Rome".into();
    duty.channels.push(channel("smtp", Some("email"), None));
    duty
}

impl Stage {
    /// The key of what was planned, and its version.
    fn plan(&mut self, window: PlannedWindow) -> (OccurrenceKey, u64) {
        let planned_from = window.span.from;
        match self.ask(Command::PlanWindow(window)) {
            Reply::Done { id, version } => {
                let window = PlannedWindow::name_of(NoteId(id.parse().unwrap()));
                (OccurrenceKey { window, planned_from }, version)
            }
            Reply::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    fn ask_seen(&mut self, version: u64, command: Command) -> Reply {
        let by = model::Actor { name: "ben".into(), customers: None };
        let request = Request { by, version: Some(version), repeat_key: None, command };
        self.feed(Input::Asked { ticket: 1, request });
        self.replies.pop().unwrap()
    }

    fn extend(&mut self, key: &OccurrenceKey, until: u64) -> Reply {
        let (occurrence, text) = (key.clone(), "it takes longer".to_owned());
        self.ask(Command::ExtendWindow { occurrence, until: at(until), text })
    }

    fn end_early(&mut self, key: &OccurrenceKey) -> Reply {
        self.ask(Command::EndWindow { occurrence: key.clone(), text: "done".to_owned() })
    }

    fn occurrence(&self, key: &OccurrenceKey) -> Occurrence {
        self.desk.window(key).expect("it is known").occurrence
    }

    fn report(&self, key: &OccurrenceKey) -> Option<WindowReport> {
        self.occurrence(key).report
    }

    fn decisions(&self, name: &str) -> Vec<&Decision> {
        let all = self.rows.iter().filter_map(|it| match it {
            Row::Decision(it) if it.name == name => Some(&**it),
            _ => None,
        });
        all.collect()
    }

    fn count(&self, kind: EventKind) -> usize {
        self.events().into_iter().filter(|it| *it == kind).count()
    }

    fn recall(&mut self, id: CheckableId, since: u64) {
        self.feed(Input::Believed(vec![Recalled {
            id,
            status: Status::Critical,
            kind: StateType::Hard,
            flapping: false,
            text: "".into(),
            since: at(since),
        }]));
    }
}

fn patch() -> OccurrenceKey {
    OccurrenceKey { window: "acme/patch".into(), planned_from: at(100) }
}

fn names(list: &[Arc<str>]) -> Vec<&str> {
    list.iter().map(|it| &**it).collect()
}

#[test]
fn a_window_that_ended_while_nobody_ran_is_reported_once_it_is_known_what_is_believed() {
    let (duty, times) = patched();
    let mut stage = Stage::new(duty.clone(), times.clone());
    stage.pass(200);
    stage.hard(HTTP, Status::Critical);
    stage.hard(DISK, Status::Critical);
    stage.pass(100);
    stage.hard(DISK, Status::Ok);
    assert!(stage.told().is_empty());
    let mut stage = stage.started_again(duty.clone(), times.clone(), 1_500);
    assert_eq!(stage.count(EventKind::WindowEnded), 0, "it is not known yet what is still bad");
    stage.recall(HTTP, 200);
    assert_eq!(stage.count(EventKind::WindowEnded), 1);
    let report = stage.report(&patch()).unwrap();
    assert_eq!((report.ended_at, report.members), (at(1_000), 3));
    assert_eq!(names(&report.still_bad), ["acme/web/http"]);
    assert_eq!(names(&report.recovered), ["acme/web/disk"]);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"], "what it held back");
    let mut stage = stage.started_again(duty, times, 2_000);
    stage.recall(HTTP, 200);
    stage.pass(DAY);
    assert_eq!(stage.count(EventKind::WindowEnded), 0, "it has been reported");
}

#[test]
fn such_a_report_does_not_wait_for_ever() {
    let (duty, times) = patched();
    let mut stage = Stage::new(duty.clone(), times.clone());
    stage.pass(200);
    let mut stage = stage.started_again(duty, times, 1_500);
    stage.pass(59);
    assert_eq!(stage.count(EventKind::WindowEnded), 0);
    stage.pass(2);
    assert_eq!(stage.count(EventKind::WindowEnded), 1);
}

#[test]
fn a_window_that_was_cancelled_has_no_report() {
    let mut stage = plain();
    let (key, _) = stage.plan(planned(span(1_000, 2_000)));
    assert!(matches!(stage.end_early(&key), Reply::Done { .. }));
    stage.pass(3_000);
    assert_eq!(stage.report(&key), None);
    assert_eq!(stage.count(EventKind::WindowBegan) + stage.count(EventKind::WindowEnded), 0);
    assert!(matches!(stage.extend(&key, 9_000), Reply::Refused(Refusal::Conflict { .. })));
}

#[test]
fn the_report_says_what_recovered_what_is_still_bad_and_what_is_mended() {
    let (duty, times) = patched();
    let mut stage = Stage::new(duty, times);
    stage.hard(DISK, Status::Critical);
    stage.pass(200);
    stage.hard(HTTP, Status::Critical);
    stage.hard(DISK, Status::Ok);
    stage.hard(GATEWAY, Status::Down);
    stage.pass(100);
    stage.hard(HTTP, Status::Ok);
    stage.hard(HTTP, Status::Warning);
    stage.pass(1_000);
    let report = stage.report(&patch()).unwrap();
    assert_eq!((report.ended_at, report.members), (at(1_000), 3));
    assert_eq!(names(&report.still_bad), ["acme/web/http"]);
    assert_eq!(names(&report.mended), ["acme/web/disk"]);
    assert!(report.recovered.is_empty());
}

#[test]
fn whoever_plans_a_window_gets_the_version_that_a_change_of_it_needs() {
    for from in [0, 1_000] {
        let mut stage = plain();
        let (key, version) = stage.plan(planned(span(from, 2_000)));
        assert_eq!(stage.occurrence(&key).version, version);
        let (occurrence, text) = (key.clone(), "longer".to_owned());
        let extend = Command::ExtendWindow { occurrence, until: at(3_000), text };
        let next = match stage.ask_seen(version, extend.clone()) {
            Reply::Done { version, .. } => version,
            Reply::Refused(refusal) => panic!("{refusal:?}"),
        };
        assert_eq!(stage.occurrence(&key).version, next);
        let stale = stage.ask_seen(version, extend);
        assert!(matches!(stale, Reply::Refused(Refusal::Stale { version, .. }) if version == next));
    }
}

#[test]
fn planned_windows_are_limited_and_those_that_are_over_do_not_count() {
    let mut stage = plain();
    let full = |reply: &Reply| matches!(reply, Reply::Refused(Refusal::Full { .. }));
    for id in 0..commands::NOTES_MAX as u64 {
        stage.desk.windows.plan(NoteId(1_000_000 + id), &planned(span(1_000 + id, 20_000)));
    }
    let ask = || Command::PlanWindow(planned(span(30_000, 40_000)));
    assert!(full(&stage.ask(ask())));
    stage.now = 19_999;
    assert!(full(&stage.ask(ask())));
    stage.now = 20_000;
    assert!(matches!(stage.ask(ask()), Reply::Done { .. }));
}

#[test]
fn only_overrides_in_force_or_to_come_count() {
    let rotation = model::Rotation { zone: "UTC".into(), layers: Vec::new() };
    let (name, at_line) = ("net".into(), "config.yaml:9".into());
    let oncall = model::Oncall { name, at: at_line, rotation, otherwise: None };
    let mut stage = Stage::new(Duty { oncall: vec![oncall], ..rules() }, Times::default());
    let it = |id: u64, span: Span| Override {
        id: NoteId(1_000_000 + id),
        oncall: "net".into(),
        person: "anna".into(),
        span,
        by: "ben".into(),
    };
    for id in 0..commands::NOTES_MAX as u64 {
        let it = it(id, span(0, 100));
        stage.desk.overrides.insert(it.id, it);
    }
    let ask = || Command::Override {
        oncall: "net".into(),
        person: "anna".into(),
        span: span(1_000, 2_000),
    };
    assert!(matches!(stage.ask(ask()), Reply::Refused(Refusal::Full { .. })));
    stage.now = 100;
    assert!(matches!(stage.ask(ask()), Reply::Done { .. }));
    assert_eq!(stage.desk.overrides.len(), 1, "what is over is forgotten");
}

#[test]
fn only_tokens_in_force_count() {
    let token = |id: u64| Token {
        id: NoteId(1_000_000 + id),
        name: "t".into(),
        hash: [0; 32],
        scopes: vec![TokenScope::Read],
        customers: None,
        made_at: at(0),
        expires_at: None,
        revoked_at: None,
    };
    let mut stage = plain();
    for id in 0..commands::NOTES_MAX as u64 {
        let it = Token { expires_at: (id == 0).then(|| at(500)), ..token(id) };
        stage.desk.tokens.insert(it.id, it);
    }
    let ask = || Command::CreateToken(token(0));
    assert!(matches!(stage.ask(ask()), Reply::Refused(Refusal::Full { .. })));
    let revoked = NoteId(1_000_005);
    assert!(matches!(stage.ask(Command::RevokeToken { id: revoked }), Reply::Done { .. }));
    assert!(matches!(stage.ask(ask()), Reply::Done { .. }));
    assert!(matches!(stage.ask(ask()), Reply::Refused(Refusal::Full { .. })));
    stage.now = 500;
    assert!(matches!(stage.ask(ask()), Reply::Done { .. }), "one has expired");
}

#[test]
fn customers_are_reminded_of_what_was_planned_at_run_time() {
    let mut stage = Stage::new(with_mail(), Times::default());
    let from = 100 * 3600;
    let reminders = vec![mins(60), mins(72 * 60)];
    let (key, _) = stage.plan(PlannedWindow { reminders, ..planned(span(from, from + 3600)) });
    stage.pass(28 * 3600 - 1);
    assert!(stage.sent.is_empty());
    stage.pass(1);
    let alert = stage.sent.pop().expect("72 h before");
    assert_eq!((alert.kind, &*alert.route.contact), (AlertKind::Window, "it@acme.example"));
    let content = &alert.content;
    assert_eq!(content.title, "planned maintenance new disks");
    assert_eq!((&*content.text, &*content.by), ("no web", "ben"));
    assert_eq!((content.since, content.ended_at), (at(from), Some(at(from + 3600))));
    assert_eq!(&*content.labels["timezone"], "Europe/Rome");
    let decision = stage.decisions(&format!("window {}", key.window))[0];
    assert_eq!(decision.trigger, "reminder 72h before the begin");
    assert_eq!(&*decision.customer, "acme");
    assert!(matches!(&decision.verdict, VerdictOfDesk::Told { alerts } if *alerts == [alert.key]));
    let gates: Vec<_> = decision.gates.iter().map(|it| (&*it.gate, it.open)).collect();
    let open = ["window", "customer", "contacts", "channel"].map(|it| (it, true));
    assert_eq!(gates, open);
    stage.pass(72 * 3600);
    assert_eq!(stage.sent.len(), 1, "1 h before");
}

#[test]
fn reminders_that_are_due_at_once_are_one_message() {
    let mut stage = Stage::new(with_mail(), Times::default());
    let reminders = PlannedWindow::REMINDERS.to_vec();
    let (key, _) = stage.plan(PlannedWindow { reminders, ..planned(span(600, 3_600)) });
    assert_eq!(stage.sent.len(), 1);
    assert_eq!(stage.occurrence(&key).reminded, [72 * 3600, 3600]);
    stage.pass(3_000);
    assert_eq!(stage.sent.len(), 1);
}

#[test]
fn it_is_written_down_why_nobody_could_be_reminded() {
    let no_contacts = {
        let mut duty = with_mail();
        duty.customers[0].contacts.clear();
        duty
    };
    let no_channel = {
        let mut duty = with_mail();
        duty.channels.pop();
        duty
    };
    let nobody = Scope {
        lines: vec![vec![Matcher {
            label: "host".into(),
            op: model::MatchOp::Is,
            value: "none".into(),
        }]],
    };
    let cases = [
        (no_contacts, Some("acme"), web(), "contacts"),
        (no_channel, Some("acme"), web(), "channel"),
        (with_mail(), None, nobody, "customer"),
    ];
    for (duty, customer, scope, reason) in cases {
        let mut stage = Stage::new(duty, Times::default());
        let customer = customer.map(Arc::from);
        let reminders = vec![mins(60)];
        let window = PlannedWindow { customer, scope, reminders, ..planned(span(3_600, 7_200)) };
        let (key, _) = stage.plan(window);
        assert!(stage.sent.is_empty());
        let decisions = stage.decisions(&format!("window {}", key.window));
        let VerdictOfDesk::Nobody { reason: why, .. } = &decisions[0].verdict else { panic!() };
        assert_eq!((&**why, decisions.len()), (reason, 1));
        assert!(!decisions[0].gates.last().unwrap().open);
    }
}

#[test]
fn a_window_of_nobodys_own_reminds_every_customer_whom_it_concerns() {
    let mut stage = Stage::new(with_mail(), Times::default());
    let reminders = vec![mins(60)];
    stage.plan(PlannedWindow { customer: None, reminders, ..planned(span(3_600, 7_200)) });
    assert_eq!(stage.sent.len(), 1);
    assert_eq!(&*stage.sent[0].content.customer, "acme");
}

#[test]
fn an_absurd_plan_is_refused() {
    let mut stage = plain();
    let usual = || planned(span(3_600, 7_200));
    let many = vec![mins(1); PlannedWindow::REMINDERS_MAX + 1];
    for window in [
        PlannedWindow { reminders: many, ..usual() },
        PlannedWindow { reminders: vec![Duration::ZERO], ..usual() },
        PlannedWindow { reminders: vec![Duration::MAX], ..usual() },
        PlannedWindow { flexible: Some(Duration::ZERO), ..usual() },
        PlannedWindow { flexible: Some(Duration::MAX), ..usual() },
        PlannedWindow { scope: Scope::default(), ..usual() },
        planned(span(7_200, 3_600)),
        planned(span(0, 500 * DAY)),
    ] {
        let reply = stage.ask(Command::PlanWindow(window));
        assert!(matches!(reply, Reply::Refused(Refusal::Invalid { .. })), "{reply:?}");
    }
    assert_eq!(stage.desk.windows.planned_count(at(0)), 0);
}

#[test]
fn a_flexible_window_begins_with_the_outage_and_lasts_its_own_time() {
    let mut stage = plain();
    let flexible = Some(mins(10));
    let (key, _) = stage.plan(PlannedWindow { flexible, ..planned(span(1_000, 5_000)) });
    stage.hard(DISK, Status::Critical);
    assert_eq!(stage.told(), ["trigger acme/web/disk by psa"], "nothing runs yet");
    stage.pass(2_000);
    stage.told();
    assert_eq!(stage.occurrence(&key).triggered_at, None);
    stage.becomes(HTTP, Status::Critical, StateType::Soft);
    stage.hard(HTTP, Status::Critical);
    assert!(stage.told().is_empty());
    assert_eq!(stage.occurrence(&key).triggered_at, Some(at(2_000)));
    stage.pass(599);
    assert_eq!((stage.told(), stage.report(&key)), (vec![], None));
    stage.pass(1);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
    assert_eq!(names(&stage.report(&key).unwrap().still_bad), ["acme/web/http"]);
    stage.hard(HTTP, Status::Ok);
    stage.told();
    stage.hard(HTTP, Status::Critical);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"], "it begins once only");
}

#[test]
fn a_flexible_window_that_has_begun_is_extended_and_ended_early_like_any_other() {
    let begun = || {
        let mut stage = plain();
        let flexible = Some(mins(10));
        let (key, _) = stage.plan(PlannedWindow { flexible, ..planned(span(1_000, 2_000)) });
        stage.pass(1_900);
        stage.hard(HTTP, Status::Critical);
        (stage, key)
    };
    let (mut stage, key) = begun();
    stage.pass(200);
    assert!(matches!(stage.extend(&key, 4_000), Reply::Done { .. }), "it runs beyond its wait");
    stage.pass(1_899);
    assert!(stage.told().is_empty());
    stage.pass(1);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
    assert_eq!(stage.report(&key).unwrap().ended_at, at(4_000));
    let (mut stage, key) = begun();
    stage.pass(50);
    assert!(matches!(stage.end_early(&key), Reply::Done { .. }));
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
    assert_eq!(stage.report(&key).unwrap().ended_at, at(1_950));
    assert!(matches!(stage.end_early(&key), Reply::Refused(Refusal::Conflict { .. })));
}

#[test]
fn a_window_is_extended_and_ended_early() {
    let mut stage = plain();
    let (key, _) = stage.plan(planned(span(0, 1_000)));
    stage.pass(10);
    stage.hard(HTTP, Status::Critical);
    stage.hard(DISK, Status::Critical);
    assert!(matches!(stage.extend(&key, 3_000), Reply::Done { .. }));
    stage.pass(2_000);
    stage.hard(DISK, Status::Ok);
    assert!(stage.told().is_empty(), "it was extended");
    assert!(matches!(stage.end_early(&key), Reply::Done { .. }));
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
    let report = stage.report(&key).unwrap();
    assert_eq!(report.ended_at, at(2_010));
    assert_eq!(names(&report.recovered), ["acme/web/disk"]);
}

#[test]
fn an_extension_outlives_a_restart() {
    let mut stage = plain();
    let (key, _) = stage.plan(planned(span(0, 1_000)));
    stage.pass(10);
    assert!(matches!(stage.extend(&key, 20 * DAY), Reply::Done { .. }));
    let mut stage = stage.started_again(rules(), Times::default(), 15 * DAY);
    stage.feed(Input::Believed(Vec::new()));
    stage.hard(HTTP, Status::Critical);
    assert!(stage.told().is_empty());
    stage.pass(5 * DAY);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
}

#[test]
fn a_window_without_checks_ends_early_for_the_shards_as_well() {
    let mut stage = plain();
    let effect = WindowEffect::NoChecks;
    let (key, _) = stage.plan(PlannedWindow { effect, ..planned(span(0, 1_000)) });
    let rests = |resting| [WEB, HTTP, DISK].map(|checkable| ToShard::Rest { checkable, resting });
    assert_eq!(std::mem::take(&mut stage.orders), rests(true));
    stage.extend(&key, 5_000);
    stage.pass(2_000);
    assert!(stage.orders.is_empty(), "it was extended");
    stage.end_early(&key);
    for order in rests(false) {
        assert!(stage.orders.contains(&order));
    }
    for checkable in [WEB, HTTP, DISK] {
        assert!(stage.orders.contains(&ToShard::CheckNow { checkable }), "they are looked at");
    }
}

fn contract() -> Contract {
    Contract {
        name: "gold".into(),
        at: "config.yaml:40".into(),
        hours: 0,
        respond: Some(mins(30)),
        resolve: None,
        pauses: Pauses::default(),
        starts: SlaStart::Detected,
        warn_percent: Vec::new(),
        policy: None,
        tickets: None,
    }
}

/// When the time to take charge of a call is over whose problem began before a window of 10 min.
fn respond_due(sla_counts: bool) -> Moment {
    let mut duty = duty();
    duty.policies[0].call = Some(Duration::ZERO);
    duty.contracts = vec![contract()];
    duty.customers[0].contract = Some(0);
    let mut stage = Stage::new(duty, Times { hours: vec![Hours::always()], ..Times::default() });
    stage.hard(HTTP, Status::Critical);
    stage.pass(60);
    stage.plan(PlannedWindow { sla_counts, ..planned(span(60, 660)) });
    stage.pass(1_000);
    let calls = stage.rows.iter().rev().filter_map(|it| match it {
        Row::Call(it) if it.state != CallState::Closed => Some(it),
        _ => None,
    });
    let call = calls.into_iter().next().expect("a call was opened");
    call.respond.as_ref().and_then(|it| it.due_at).expect("a promise")
}

#[test]
fn the_clocks_of_calls_stand_still_in_a_window_that_does_not_count() {
    assert_eq!(respond_due(true), at(1_800));
    assert_eq!(respond_due(false), at(1_800 + 600));
}

#[test]
fn a_window_of_a_customer_holds_nobody_elses() {
    let mut stage = plain();
    let all = Scope {
        lines: vec![vec![Matcher {
            label: "name".into(),
            op: model::MatchOp::Like,
            value: "*".into(),
        }]],
    };
    let (key, _) = stage.plan(PlannedWindow { scope: all, ..planned(span(0, 1_000)) });
    stage.pass(1_001);
    let members = stage.report(&key).unwrap().members as usize;
    assert_eq!(members, subjects().iter().filter(|it| it.name.starts_with("acme/")).count());
}
