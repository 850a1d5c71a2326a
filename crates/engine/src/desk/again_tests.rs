//! Stories: what is sent again by hand, and what a process finds that starts again.

use super::*;

impl Stage {
    /// The last dead alert of this kind, as it is kept.
    fn dead(&self, kind: AlertKind) -> Box<Alert> {
        let dead = |it: &Row| match it {
            Row::Alert(it) if matches!(it.state, AlertState::Dead { .. }) => Some(it.clone()),
            _ => None,
        };
        let all = self.rows.iter().filter_map(dead);
        all.rev().find(|it| it.kind == kind).expect("one is dead")
    }

    fn redeliver(&mut self, alert: Box<Alert>) -> Reply {
        let by = model::Actor { name: "ben".into(), customers: None };
        let command = Command::Redeliver { alert: alert.key };
        let request = Request { by, version: None, repeat_key: None, command };
        self.feed(Input::Redeliver { ticket: 1, request, alert: Some(alert) });
        self.replies.pop().expect("everybody is answered")
    }

    /// The same state, which flaps by now.
    fn flaps(&mut self, id: CheckableId, status: Status) {
        let to = Look { status, kind: StateType::Hard, attempt: 1 };
        let from = self.statuses.insert(id, to).unwrap_or(to);
        self.feed(Input::Changed(Transition {
            checkable: id,
            at: at(self.now),
            from,
            to,
            was_flapping: false,
            flapping: true,
            centipercent: 5_000,
            cause: None,
            measures: Vec::new(),
        }));
    }

    /// Names of those that a problem explains, problem by problem.
    fn symptoms(&self) -> Vec<(String, Vec<String>)> {
        let names = |it: &Problem| it.symptoms.keys().map(|it| it.to_string()).collect();
        self.desk.open_problems().map(|it| (it.about.name(), names(it))).collect()
    }
}

/// What holds back an alert that is on its way.
type Hold<'a> = &'a dyn Fn(&mut Stage);

fn refused() -> Option<Delivery> {
    Some(Delivery::Never { fault: "refused".into() })
}

fn is_conflict(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::Conflict { .. }))
}

#[test]
fn an_end_is_not_told_again_where_nobody_heard_of_the_begin() {
    let mut stage = Stage::plain();
    stage.answer = None;
    stage.hard(HTTP, Status::Critical);
    let trigger = stage.sent[0].key;
    stage.hard(HTTP, Status::Ok);
    // Nobody knows what becomes of the one, so the other waits, until it is too old.
    stage.pass(86_400);
    let fault = "refused".into();
    stage.feed(Input::Delivered { key: trigger, delivery: Delivery::Never { fault } });
    let resolve = stage.dead(AlertKind::Resolve);
    stage.sent.clear();
    let reply = stage.redeliver(resolve);
    assert!(is_conflict(&reply), "{reply:?}");
    assert!(stage.told().is_empty());
}

#[test]
fn what_holds_no_more_is_not_told_again() {
    let mut stage = Stage::plain();
    stage.answer = refused();
    stage.hard(HTTP, Status::Warning);
    let older = stage.dead(AlertKind::Trigger);
    stage.answer = Some(Delivery::Taken);
    stage.hard(HTTP, Status::Critical);
    stage.told();
    // Whoever knows that it is critical would hear that it is not, and then that it is.
    let reply = stage.redeliver(older);
    assert!(is_conflict(&reply), "{reply:?}");
    stage.pass(60);
    assert!(stage.told().is_empty());
}

#[test]
fn nobody_hears_that_somebody_has_what_nobody_has_any_more() {
    for is_over in [true, false] {
        let mut stage = Stage::plain();
        stage.hard(HTTP, Status::Critical);
        let problem = stage.only_problem().id;
        stage.answer = refused();
        let text = String::new();
        stage.ask(Command::Acknowledge { problem, text, until: None, sticky: false });
        let word = stage.dead(AlertKind::Acknowledged);
        stage.answer = Some(Delivery::Taken);
        match is_over {
            true => stage.hard(HTTP, Status::Ok),
            false => drop(stage.ask(Command::Unacknowledge { problem })),
        }
        stage.told();
        let reply = stage.redeliver(word);
        assert!(is_conflict(&reply), "{reply:?}");
        assert!(stage.told().is_empty());
    }
}

#[test]
fn what_still_holds_is_told_again() {
    let mut stage = Stage::plain();
    stage.answer = refused();
    stage.hard(HTTP, Status::Warning);
    stage.hard(HTTP, Status::Critical);
    let newer = stage.dead(AlertKind::Trigger);
    stage.told();
    stage.answer = Some(Delivery::Taken);
    let reply = stage.redeliver(newer);
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    stage.pass(60);
    assert_eq!(stage.told(), ["trigger acme/web/http by psa"]);
}

#[test]
fn what_was_on_its_way_when_somebody_took_it_is_not_sent_again_after_a_restart() {
    let in_silence = |stage: &mut Stage| {
        silence_of_acme(stage, 5_000);
    };
    let taken = |stage: &mut Stage| {
        let problem = stage.desk.open_problems().next().unwrap().id;
        let text = String::new();
        stage.ask(Command::Acknowledge { problem, text, until: None, sticky: false });
    };
    let ways: [(&str, Hold<'_>, usize); 3] =
        [("nobody", &|_| (), 1), ("silent", &in_silence, 0), ("acknowledged", &taken, 0)];
    for (way, hold, sent_again) in ways {
        let mut stage = Stage::plain();
        stage.answer = None;
        stage.hard(HTTP, Status::Critical);
        assert_eq!(stage.told().len(), 1);
        hold(&mut stage);
        let mut stage = stage.started_again(duty(), Times::default(), 50);
        assert_eq!(stage.told().len(), sent_again, "{way}");
        // It may have arrived, so its end is told.
        stage.answer = Some(Delivery::Taken);
        stage.hard(HTTP, Status::Ok);
        if sent_again == 0 {
            assert_eq!(stage.told(), ["resolve acme/web/http by psa"], "{way}");
        }
    }
}

#[test]
fn what_a_reminder_may_have_told_is_not_told_again() {
    let mut first = duty();
    first.policies[0].remind = Some(mins(5));
    first.policies[0].steps = vec![step(Duration::ZERO, Target::Person(0), 1)];
    let mut stage = Stage::new(first, Times::default());
    stage.hard(HTTP, Status::Warning);
    let problem = stage.only_problem().id;
    let text = String::new();
    stage.ask(Command::Acknowledge { problem, text, until: None, sticky: true });
    stage.hard(HTTP, Status::Critical);
    stage.told();
    // Reminders go on, and say how it stands.
    let fault = "timeout".into();
    stage.answer = Some(Delivery::Later { fault, after: None, may_have_arrived: true });
    stage.pass(301);
    assert_eq!(stage.told()[..1], ["reminder acme/web/http by sms"]);
    stage.answer = refused();
    stage.pass(240);
    assert!(stage.dead(AlertKind::Reminder).may_have_arrived);
    stage.told();
    stage.answer = Some(Delivery::Taken);
    stage.ask(Command::Unacknowledge { problem });
    assert!(stage.told().iter().all(|it| !it.contains("by sms")), "that may be known");
}

#[test]
fn whoever_flaps_stands_for_itself_once_its_host_is_back() {
    let mut stage = Stage::plain();
    stage.hard(GATEWAY, Status::Down);
    stage.hard(WEB, Status::Unreachable);
    stage.flaps(HTTP, Status::Critical);
    stage.flaps(HTTP, Status::Ok);
    assert_eq!(stage.symptoms().len(), 1);
    stage.orders.clear();
    stage.hard(WEB, Status::Up);
    // Its fresh look first, then a problem of its own.
    assert_eq!(stage.symptoms(), [("acme/gw".to_owned(), vec![])]);
    assert!(stage.orders.contains(&ToShard::CheckNow { checkable: HTTP }));
    stage.pass(120);
    assert!(stage.open().contains(&"acme/web/http".to_owned()), "{:?}", stage.open());
}

#[test]
fn whoever_has_got_another_explanation_has_only_that_after_a_restart() {
    let mut stage = Stage::plain();
    stage.hard(GATEWAY, Status::Down);
    stage.hard(WEB, Status::Unreachable);
    stage.becomes(DISK, Status::Critical, StateType::Soft);
    stage.becomes(WEB, Status::Down, StateType::Soft);
    stage.pass(5);
    // The row of the problem that opens is written at once, that of the one that loses a symptom a
    // little later.
    stage.hard(WEB, Status::Down);
    let stage = stage.started_again(duty(), Times::default(), 50);
    let expected = [("acme/gw", vec![]), ("acme/web", vec!["acme/web/disk"])];
    let symptoms = stage.symptoms();
    let symptoms: Vec<(&str, Vec<&str>)> =
        symptoms.iter().map(|it| (&*it.0, it.1.iter().map(|it| &**it).collect())).collect();
    assert_eq!(symptoms, expected);
    let kept = |it: &Row| match it {
        Row::Problem(it) => it.about.name() == "acme/gw" && it.symptoms.is_empty(),
        _ => false,
    };
    assert!(stage.rows.iter().any(kept), "{:?}", stage.rows);
}
