//! Every command in every state: what is allowed, and that what is refused changes nothing
//! (which the bench checks with every refusal).

use std::{sync::Arc, time::Duration};

use model::{
    Actor, CallId, CallState, Command, Condition, DismissReason, EventKind, MessageKind, Moment,
    ProposalId, ProposalState, Refusal, Reply, Severity, Wait,
};

use super::{
    CALL_MESSAGES_MAX, CALL_TEXT_BYTES_MAX, CaseNews, Opener, TEXT_BYTES_MAX,
    testing::{Bench, at},
};

fn anna() -> Arc<str> {
    "anna".into()
}

fn customer_wait() -> Wait {
    Wait::Customer { until: None }
}

/// A call in each state, with the word for it.
fn call_in(state: &str) -> (Bench, CallId) {
    let mut bench = Bench::new();
    bench.world.fine.insert("acme/web/http".to_owned(), false);
    let (_, call) = bench.called("acme/web/http");
    let steps: &[Command] = match state {
        "open" => &[],
        "assigned" => &[Command::Assign { call, person: anna() }],
        "in-progress" => &[Command::Start { call }],
        "suspended" => &[Command::Start { call }, Command::Suspend { call, wait: customer_wait() }],
        "closed" => &[Command::Close { call, text: String::new() }],
        other => panic!("{other}"),
    };
    for it in steps {
        bench.done("bruno", it.clone());
    }
    assert_eq!(bench.call(call).state.word(), state);
    (bench, call)
}

#[test]
fn every_command_in_every_state_of_a_call() {
    let mut table = String::new();
    for state in ["open", "assigned", "in-progress", "suspended", "closed"] {
        for command in ["assign", "start", "suspend", "resume", "close", "say", "block"] {
            let (mut bench, call) = call_in(state);
            let asked = match command {
                "assign" => Command::Assign { call, person: "chloe".into() },
                "start" => Command::Start { call },
                "suspend" => Command::Suspend { call, wait: customer_wait() },
                "resume" => Command::Resume { call },
                "close" => Command::Close { call, text: "done".to_owned() },
                "say" => {
                    let text = "hello".to_owned();
                    Command::Say { call, kind: MessageKind::ToCustomer, text }
                }
                _ => Command::Block { call },
            };
            let before = bench.call(call).version;
            let reply = match bench.ask("bruno", asked) {
                Reply::Done { version, .. } => {
                    assert_eq!(version, before + 1, "{state} {command}");
                    let now = bench.call(call).state.word();
                    if now == state { "done".to_owned() } else { now.to_owned() }
                }
                Reply::Refused(Refusal::Conflict { why }) => format!("no: {why}"),
                Reply::Refused(other) => panic!("{state} {command}: {other:?}"),
            };
            table.push_str(&format!("{state:11} {command:7} {reply}\n"));
        }
    }
    expect_test::expect![[r#"
        open        assign  assigned
        open        start   in-progress
        open        suspend no: open, with nobody
        open        resume  no: open, with nobody
        open        close   closed
        open        say     done
        open        block   done
        assigned    assign  done
        assigned    start   in-progress
        assigned    suspend suspended
        assigned    resume  no: assigned, with anna
        assigned    close   closed
        assigned    say     done
        assigned    block   done
        in-progress assign  done
        in-progress start   no: in progress, with bruno
        in-progress suspend suspended
        in-progress resume  no: in progress, with bruno
        in-progress close   closed
        in-progress say     done
        in-progress block   done
        suspended   assign  done
        suspended   start   no: suspended 0s ago, waiting for the customer, with bruno
        suspended   suspend no: suspended 0s ago, waiting for the customer, with bruno
        suspended   resume  in-progress
        suspended   close   closed
        suspended   say     done
        suspended   block   done
        closed      assign  no: closed by bruno 0s ago
        closed      start   no: closed by bruno 0s ago
        closed      suspend no: closed by bruno 0s ago
        closed      resume  no: closed by bruno 0s ago
        closed      close   no: closed by bruno 0s ago
        closed      say     no: closed by bruno 0s ago
        closed      block   no: closed by bruno 0s ago
    "#]]
    .assert_eq(&table);
}

#[test]
fn every_command_in_every_state_of_a_proposal() {
    let mut table = String::new();
    for state in ["open", "snoozed", "accepted", "merged", "dismissed", "withdrawn"] {
        for command in ["accept", "merge", "dismiss", "snooze"] {
            let mut bench = Bench::new();
            let (_, other) = bench.called("acme/db/port");
            let (problem, proposal) = bench.proposed("acme/web/http");
            let bring_about = match state {
                "accepted" => Some(Command::Accept { proposal, assignee: None }),
                "merged" => Some(Command::Merge { proposal, call: other }),
                "dismissed" => Some(dismiss(proposal)),
                "snoozed" => Some(Command::Snooze { proposal, until: at(10) }),
                _ => None,
            };
            if let Some(it) = bring_about {
                bench.done("anna", it);
            } else if state == "withdrawn" {
                bench.end(&problem, model::Ending::Recovered);
            }
            let asked = match command {
                "accept" => Command::Accept { proposal, assignee: None },
                "merge" => Command::Merge { proposal, call: other },
                "dismiss" => dismiss(proposal),
                _ => Command::Snooze { proposal, until: at(20) },
            };
            bench.until(5);
            let reply = match bench.ask("bruno", asked) {
                Reply::Done { .. } => "done".to_owned(),
                Reply::Refused(Refusal::Conflict { why }) => format!("no: {why}"),
                Reply::Refused(other) => panic!("{state} {command}: {other:?}"),
            };
            table.push_str(&format!("{state:9} {command:7} {reply}\n"));
        }
    }
    expect_test::expect![[r#"
        open      accept  done
        open      merge   done
        open      dismiss done
        open      snooze  done
        snoozed   accept  done
        snoozed   merge   done
        snoozed   dismiss done
        snoozed   snooze  done
        accepted  accept  no: accepted by anna 5m ago as call 1000007
        accepted  merge   no: accepted by anna 5m ago as call 1000007
        accepted  dismiss no: accepted by anna 5m ago as call 1000007
        accepted  snooze  no: accepted by anna 5m ago as call 1000007
        merged    accept  no: merged into call 1000002 by anna 5m ago
        merged    merge   no: merged into call 1000002 by anna 5m ago
        merged    dismiss no: merged into call 1000002 by anna 5m ago
        merged    snooze  no: merged into call 1000002 by anna 5m ago
        dismissed accept  no: dismissed by anna 5m ago (known)
        dismissed merge   no: dismissed by anna 5m ago (known)
        dismissed dismiss no: dismissed by anna 5m ago (known)
        dismissed snooze  no: dismissed by anna 5m ago (known)
        withdrawn accept  no: withdrawn 5m ago, its cause was gone
        withdrawn merge   no: withdrawn 5m ago, its cause was gone
        withdrawn dismiss no: withdrawn 5m ago, its cause was gone
        withdrawn snooze  no: withdrawn 5m ago, its cause was gone
    "#]]
    .assert_eq(&table);
}

fn dismiss(proposal: ProposalId) -> Command {
    Command::Dismiss { proposal, reason: DismissReason::Known, text: "since May".to_owned() }
}

#[test]
fn of_two_dispatchers_one_wins_and_the_other_is_told() {
    let mut bench = Bench::new();
    let (_, proposal) = bench.proposed("acme/web/http");
    let seen = Some(bench.proposal(proposal).version);
    let by = |name: &str| Actor { name: name.into(), customers: None };
    let first = bench.ask_as(by("anna"), seen, Command::Accept { proposal, assignee: None });
    let Some(Reply::Done { id: call, .. }) = first else { panic!("{first:?}") };
    let second = bench.ask_as(by("bruno"), seen, dismiss(proposal));
    let now = format!("accepted by anna 0s ago as call {call}");
    assert_eq!(second, Some(Reply::Refused(Refusal::Stale { version: 2, now: now.clone() })));
    // Without a version the second one is told all the same.
    let third = bench.ask("bruno", Command::Accept { proposal, assignee: None });
    assert_eq!(third, Reply::Refused(Refusal::Conflict { why: now }));
    assert_eq!(bench.events(EventKind::CallOpened), 1);

    let call = CallId(call.parse().unwrap());
    let seen = Some(bench.call(call).version);
    let assign = |person: &str| Command::Assign { call, person: person.into() };
    assert!(matches!(bench.ask_as(by("anna"), seen, assign("anna")), Some(Reply::Done { .. })));
    let Some(Reply::Refused(Refusal::Stale { version: 2, now })) =
        bench.ask_as(by("bruno"), seen, assign("bruno"))
    else {
        panic!("the second one must be told")
    };
    assert_eq!(now, "assigned, with anna");
}

#[test]
fn what_is_another_customers_does_not_exist() {
    let mut bench = Bench::new();
    let (_, proposal) = bench.proposed("acme/web/http");
    let (_, call) = bench.called("acme/db/port");
    let (_, theirs) = bench.called("globex/db/port");
    bench.world.fine.insert("globex/db/port".to_owned(), true);
    let globex = Actor { name: "gil".into(), customers: Some(vec!["globex".into()]) };
    let text = || "x".to_owned();
    for command in [
        Command::Accept { proposal, assignee: None },
        Command::Merge { proposal, call: theirs },
        dismiss(proposal),
        Command::Snooze { proposal, until: at(10) },
        Command::Assign { call, person: anna() },
        Command::Start { call },
        Command::Suspend { call, wait: customer_wait() },
        Command::Resume { call },
        Command::Close { call, text: text() },
        Command::Say { call, kind: MessageKind::Internal, text: text() },
        Command::Block { call },
        Command::OpenCall {
            customer: "acme".into(),
            title: text(),
            severity: Severity::Critical,
            refers_to: None,
        },
    ] {
        // Neither an old version nor none tells whether it exists.
        for version in [None, Some(77)] {
            let reply = bench.ask_as(globex.clone(), version, command.clone());
            assert_eq!(reply, Some(Reply::Refused(Refusal::Unknown)), "{command:?}");
        }
    }
    // Nor do the references within a command of one's own.
    let (_, own) = bench.proposed("globex/web/http");
    for call in [call, CallId(1)] {
        let reply = bench.ask_as(globex.clone(), None, Command::Merge { proposal: own, call });
        let why = format!("there is no call {call}");
        assert_eq!(reply, Some(Reply::Refused(Refusal::Invalid { why })));
    }
    bench.done("anna", Command::Start { call: theirs });
    bench.world.fine.insert("acme/web/http".to_owned(), true);
    for name in ["acme/web/http", "acme/none"] {
        let until = Condition { name: name.into(), fine_for: Duration::ZERO, fine_since: None };
        let command = Command::Suspend { call: theirs, wait: Wait::Process { until } };
        let reply = bench.ask_as(globex.clone(), None, command);
        let why = format!("no host or service is called {name}");
        assert_eq!(reply, Some(Reply::Refused(Refusal::Invalid { why })));
    }
    let merged = bench.refused("anna", Command::Merge { proposal, call: theirs });
    assert!(matches!(merged, Refusal::Invalid { .. }), "{merged:?}");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_hint() {
    let mut bench = Bench::new();
    let (_, proposal) = bench.proposed("acme/web/http");
    let (_, call) = bench.called("acme/db/port");
    let invalid = |bench: &mut Bench, command: Command| match bench.refused("anna", command) {
        Refusal::Invalid { why } => why,
        other => panic!("{other:?}"),
    };
    let why = invalid(&mut bench, Command::Assign { call, person: "ana".into() });
    assert_eq!(why, "nobody is called ana; did you mean anna?");
    let why = invalid(&mut bench, Command::Accept { proposal, assignee: Some("zoe".into()) });
    assert_eq!(why, "nobody is called zoe");
    let why = invalid(&mut bench, Command::Snooze { proposal, until: at(0) });
    assert_eq!(why, "that moment has passed");
    let open = |title: &str, refers_to| Command::OpenCall {
        customer: "acme".into(),
        title: title.to_owned(),
        severity: Severity::Warning,
        refers_to,
    };
    for title in ["", " ", "two\nlines", &"x".repeat(10_000)] {
        invalid(&mut bench, open(title, None));
    }
    invalid(&mut bench, open("follows an open one", Some(call)));
    bench.done("anna", Command::Start { call });
    for wait in [
        Wait::Customer { until: Some(Moment::ZERO) },
        Wait::Supplier { reference: "x".repeat(1_000), until: None },
    ] {
        invalid(&mut bench, Command::Suspend { call, wait });
    }
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let kind = MessageKind::Internal;
    invalid(&mut bench, Command::Say { call, kind, text: long.clone() });
    invalid(&mut bench, Command::Say { call, kind, text: " ".to_owned() });
    invalid(&mut bench, Command::Close { call, text: long.clone() });
    invalid(&mut bench, Command::Dismiss { proposal, reason: DismissReason::Known, text: long });
    bench.done("anna", Command::Close { call, text: "new disk".to_owned() });
    let next = bench.done("anna", open("it is back", Some(call)));
    assert_eq!(bench.call(CallId(next)).refers_to, Some(call));
}

#[test]
fn a_call_takes_so_many_messages_and_so_much_text() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("acme/web/http");
    let say =
        |text: &str| Command::Say { call, kind: MessageKind::FromCustomer, text: text.to_owned() };
    for _ in 1..CALL_MESSAGES_MAX {
        bench.done("anna", say("hello?"));
    }
    assert!(matches!(bench.refused("anna", say("hello?")), Refusal::Full { .. }));
    // It can be closed all the same, and then says by whom.
    bench.done("anna", Command::Close { call, text: "sorry".to_owned() });
    assert_eq!(bench.call(call).messages.len(), CALL_MESSAGES_MAX);

    let (_, call) = bench.called("acme/db/port");
    let say =
        Command::Say { call, kind: MessageKind::FromCustomer, text: "x".repeat(TEXT_BYTES_MAX) };
    for _ in 0..CALL_TEXT_BYTES_MAX / TEXT_BYTES_MAX {
        bench.done("anna", say.clone());
    }
    assert!(matches!(bench.refused("anna", say), Refusal::Full { .. }));
}

#[test]
fn accepting_for_somebody_assigns_and_tells_who_got_it() {
    let mut bench = Bench::new();
    let (problem, proposal) = bench.proposed("acme/web/http");
    let call = bench.done("dispatch", Command::Accept { proposal, assignee: Some(anna()) });
    let call = CallId(call);
    let it = bench.call(call);
    assert_eq!((it.state.word(), it.assignee.clone()), ("assigned", Some(anna())));
    assert_eq!((it.problems.clone(), it.proposals.clone()), (vec![problem.id], vec![proposal]));
    assert_eq!(
        bench.news,
        [CaseNews::Opened(call, Opener::Dispatcher), CaseNews::Assigned(call, anna())]
    );
    let ProposalState::Accepted { call: of, by, .. } = &bench.proposal(proposal).state else {
        panic!("{:?}", bench.proposal(proposal).state)
    };
    assert_eq!((*of, &**by), (call, "dispatch"));
    assert!(matches!(it.state, CallState::Assigned));
}
