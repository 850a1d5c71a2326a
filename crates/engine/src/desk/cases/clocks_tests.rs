//! Calls and time: promises, waits, conditions, other rules.

use std::{sync::Arc, time::Duration};

use model::{
    Call, Command, Condition, Ending, EventKind, Hours, MessageKind, Moment, SlaClock, SlaStart,
    Span, Wait,
};

use super::{
    CaseNews, Opener, Promise,
    testing::{Bench, HOUR, MINUTE, at, office},
};
use crate::desk::pen::{Pen, Rules};

fn respond(call: &Call) -> &SlaClock {
    call.respond.as_ref().expect("a promise")
}

fn resolve(call: &Call) -> &SlaClock {
    call.resolve.as_ref().expect("a promise")
}

fn wait_for(name: &str, minutes: u64) -> Wait {
    let fine_for = Duration::from_secs(minutes * MINUTE);
    Wait::Process { until: Condition { name: name.into(), fine_for, fine_since: None } }
}

#[test]
fn taking_charge_is_starting_or_taking_it_oneself() {
    let commands = |call| {
        let assign = |person: &str| Command::Assign { call, person: person.into() };
        [
            ("dispatch", assign("anna"), false),
            ("anna", assign("anna"), true),
            ("dispatch", Command::Start { call }, true),
            ("dispatch", Command::Close { call, text: String::new() }, true),
        ]
    };
    for place in 0..4 {
        let mut bench = Bench::new();
        let (_, call) = bench.called("acme/web/http");
        bench.until(30);
        let (by, command, met) = commands(call)[place].clone();
        bench.done(by, command);
        let it = bench.call(call);
        assert_eq!(respond(it).met_at.is_some(), met);
        assert_eq!(resolve(it).met_at.is_some(), place == 3);
        assert_eq!(respond(it).due_at, (!met).then(|| at(60)));
    }
}

#[test]
fn who_was_given_a_call_accepts_it_by_taking_it_once() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("acme/web/http");
    let take = Command::Assign { call, person: "anna".into() };
    bench.done("dispatch", take.clone());
    bench.refused("dispatch", take.clone());
    bench.done("anna", take.clone());
    assert!(respond(bench.call(call)).met_at.is_some());
    bench.refused("anna", take);
}

#[test]
fn warnings_and_breaches_come_once_at_their_time_also_across_restarts() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("acme/web/http");
    let mut seen = Vec::new();
    for minute in 0..600 {
        bench.until(minute);
        bench.cases = bench.restarted();
        for it in bench.news.drain(..) {
            seen.push((minute, it));
        }
    }
    let warned = |promise, percent| CaseNews::SlaWarned(call, promise, percent);
    assert_eq!(
        seen,
        [
            (0, CaseNews::Opened(call, Opener::Dispatcher)),
            (30, warned(Promise::Respond, 50)),
            (48, warned(Promise::Respond, 80)),
            (60, CaseNews::SlaBreached(call, Promise::Respond)),
            (240, warned(Promise::Resolve, 50)),
            (384, warned(Promise::Resolve, 80)),
            (480, CaseNews::SlaBreached(call, Promise::Resolve)),
        ]
    );
    assert_eq!((bench.events(EventKind::SlaWarned), bench.events(EventKind::SlaBreached)), (4, 2));
}

#[test]
fn who_slept_is_told_the_worst_and_dated_right() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("acme/web/http");
    bench.news.clear();
    bench.pen.now = at(599);
    bench.cases.wake(&bench.rules, &mut bench.pen);
    bench.keep();
    let breached = |promise| CaseNews::SlaBreached(call, promise);
    assert_eq!(bench.news, [breached(Promise::Respond), breached(Promise::Resolve)]);
    let it = bench.call(call);
    assert_eq!(respond(it).breached_at, Some(at(60)));
    assert_eq!(resolve(it).breached_at, Some(at(480)));
    assert_eq!(bench.events(EventKind::SlaWarned), 4, "all of it is written down");
}

#[test]
fn clocks_run_from_where_the_contract_says() {
    for (starts, from) in
        [(SlaStart::Detected, 0), (SlaStart::Proposed, 10), (SlaStart::Opened, 40)]
    {
        let mut bench = Bench::new();
        change_contract(&mut bench.rules, |it| it.starts = starts);
        let problem = bench.believe("acme/web/http");
        bench.until(10);
        bench.propose(&problem);
        bench.until(40);
        let call = bench.cases.call_for(
            &problem,
            &super::testing::policy(),
            Some(0),
            &bench.rules,
            &mut bench.pen,
        );
        bench.keep();
        let it = bench.call(call.unwrap());
        assert_eq!(respond(it).started_at, at(from));
        assert_eq!(respond(it).due_at, Some(at(from + 60)));
        // What was passed already is said at once.
        let warned = usize::from(from == 0 || from == 10);
        assert_eq!(bench.events(EventKind::SlaWarned), warned, "{starts:?}");
    }
}

#[test]
fn only_the_waits_of_the_contract_stop_a_clock() {
    let waits = [
        (Wait::Customer { until: None }, true),
        (Wait::Supplier { reference: "4711".to_owned(), until: None }, false),
        (wait_for("acme/web/http", 5), false),
    ];
    for (wait, stops) in waits {
        let mut bench = Bench::new();
        bench.world.fine.insert("acme/web/http".to_owned(), false);
        let (_, call) = bench.called("acme/web/http");
        bench.done("dispatch", Command::Assign { call, person: "anna".into() });
        bench.until(20);
        bench.done("anna", Command::Suspend { call, wait });
        let it = bench.call(call);
        assert_eq!(resolve(it).paused_since.is_some(), stops);
        assert_eq!(respond(it).paused_since, None, "to take charge is promised all the same");
        bench.until(50);
        bench.done("anna", Command::Resume { call });
        let due = if stops { 510 } else { 480 };
        assert_eq!(resolve(bench.call(call)).due_at, Some(at(due)));
        assert!(respond(bench.call(call)).met_at.is_some());
    }
}

#[test]
fn a_wait_with_an_end_goes_on_by_itself_at_that_moment() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("acme/web/http");
    bench.done("anna", Command::Start { call });
    let wait = Wait::Customer { until: Some(at(120)) };
    bench.done("anna", Command::Suspend { call, wait });
    assert_eq!(bench.restarted().next_wake(), Some(at(120)));
    // Late, and the clock ran from the right moment on all the same.
    bench.pen.now = at(200);
    bench.cases.wake(&bench.rules, &mut bench.pen);
    bench.keep();
    let it = bench.call(call);
    assert_eq!((it.state.word(), resolve(it).due_at), ("in-progress", Some(at(600))));
    assert_eq!(bench.news.last(), Some(&CaseNews::Resumed(call)));
    assert_eq!(bench.events(EventKind::CallResumed), 1);
}

#[test]
fn what_goes_on_by_itself_is_not_taken_charge_of() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("acme/web/http");
    bench.done("dispatch", Command::Assign { call, person: "anna".into() });
    let wait = Wait::Supplier { reference: String::new(), until: Some(at(10)) };
    bench.done("dispatch", Command::Suspend { call, wait });
    bench.until(10);
    let it = bench.call(call);
    assert_eq!((it.state.word(), respond(it).met_at), ("assigned", None));
    assert_eq!(respond(it).due_at, Some(at(60)));
}

#[test]
fn an_answer_of_the_customer_ends_the_wait_for_it() {
    for (kind, wait, goes_on) in [
        (MessageKind::FromCustomer, Wait::Customer { until: Some(at(500)) }, true),
        (MessageKind::ToCustomer, Wait::Customer { until: None }, false),
        (
            MessageKind::FromCustomer,
            Wait::Supplier { reference: String::new(), until: None },
            false,
        ),
    ] {
        let mut bench = Bench::new();
        let (_, call) = bench.called("acme/web/http");
        bench.done("anna", Command::Start { call });
        bench.done("anna", Command::Suspend { call, wait });
        bench.done("anna", Command::Say { call, kind, text: "try again".to_owned() });
        let word = if goes_on { "in-progress" } else { "suspended" };
        assert_eq!(bench.call(call).state.word(), word);
        assert_eq!(bench.call(call).messages.len(), 1);
    }
}

#[test]
fn a_condition_has_to_hold_without_a_break() {
    let mut bench = Bench::new();
    bench.belief("acme/web/http", false);
    let (_, call) = bench.called("acme/db/port");
    bench.done("anna", Command::Start { call });
    bench.done("anna", Command::Suspend { call, wait: wait_for("acme/web/http", 30) });
    bench.until(10);
    bench.belief("acme/web/http", true);
    bench.until(39);
    bench.look("acme/web/http", false, false);
    bench.until(45);
    bench.belief("acme/web/http", true);
    assert!(!bench.call(call).ready_to_close, "it broke a minute before its time");
    bench.belief("acme/web/http", true);
    bench.cases = bench.restarted();
    bench.until(74);
    bench.belief("acme/web/http", true);
    assert!(!bench.call(call).ready_to_close);
    bench.until(300);
    assert!(!bench.call(call).ready_to_close, "nobody has looked since");
    bench.belief("acme/web/http", true);
    let it = bench.call(call);
    assert!(it.ready_to_close && it.state.word() == "suspended");
    assert_eq!(bench.events(EventKind::CallReady), 1);
    assert_eq!(bench.restarted().next_wake(), bench.cases.next_wake());
    // It breaks after all; one bad look alone is not believed.
    bench.until(301);
    bench.look("acme/web/http", false, false);
    assert!(bench.call(call).ready_to_close);
    bench.belief("acme/web/http", false);
    assert!(!bench.call(call).ready_to_close);
    assert_eq!(bench.events(EventKind::CallNotReady), 1);
}

#[test]
fn what_was_seen_before_a_wait_began_is_no_result_to_come() {
    for minutes in [0, 60] {
        let mut bench = Bench::new();
        bench.belief("acme/web/http", true);
        let (_, call) = bench.called("acme/db/port");
        bench.done("anna", Command::Start { call });
        bench.done("anna", Command::Suspend { call, wait: wait_for("acme/web/http", minutes) });
        assert_eq!(bench.cases.awaited(), Some(vec!["acme/web/http".into()]));
        assert_eq!(bench.cases.awaited(), None, "asked for once");
        bench.belief("acme/web/http", true);
        bench.until(600);
        assert!(
            !bench.call(call).ready_to_close,
            "it was fine before, and nobody has looked since"
        );
        bench.belief("acme/web/http", true);
        assert_eq!(bench.call(call).ready_to_close, minutes == 0);
        bench.until(600 + minutes);
        bench.belief("acme/web/http", true);
        assert!(bench.call(call).ready_to_close);
        bench.done("anna", Command::Resume { call });
        assert_eq!(bench.cases.awaited(), Some(Vec::new()));
    }
}

#[test]
fn what_an_asker_says_of_the_past_does_not_count() {
    let mut bench = Bench::new();
    bench.belief("acme/web/http", true);
    let (_, call) = bench.called("acme/db/port");
    bench.done("anna", Command::Start { call });
    let forged = Condition {
        name: "acme/web/http".into(),
        fine_for: Duration::from_secs(HOUR),
        fine_since: Some(Moment::ZERO),
    };
    bench.done("anna", Command::Suspend { call, wait: Wait::Process { until: forged } });
    bench.until(1);
    bench.belief("acme/web/http", true);
    bench.until(60);
    bench.belief("acme/web/http", true);
    assert!(!bench.call(call).ready_to_close);
    bench.until(61);
    bench.belief("acme/web/http", true);
    assert!(bench.call(call).ready_to_close);
}

#[test]
fn a_cause_that_comes_back_takes_readiness_back_and_the_condition_counts_anew() {
    let mut bench = Bench::new();
    bench.belief("acme/job", true);
    let (problem, call) = bench.called("acme/web/http");
    bench.done("anna", Command::Start { call });
    bench.done("anna", Command::Suspend { call, wait: wait_for("acme/job", 5) });
    bench.until(5);
    bench.belief("acme/job", true);
    bench.until(10);
    bench.belief("acme/job", true);
    assert!(bench.call(call).ready_to_close);
    bench.end(&problem, Ending::Recovered);
    let again = bench.believe("acme/web/http");
    bench.propose(&again);
    bench.until(100);
    bench.belief("acme/job", true);
    assert!(!bench.call(call).ready_to_close, "the condition did not keep the cause away");
    bench.until(105);
    bench.belief("acme/job", true);
    assert!(bench.call(call).ready_to_close);
}

#[test]
fn runs_are_counted_anew_once_what_they_were_to_keep_away_is_back() {
    let mut bench = Bench::new();
    let (problem, call) = bench.called("acme/web/http");
    bench.done("anna", Command::Start { call });
    let wait = Wait::Slots { job: "acme/nas".into(), wanted: 2, kept: 0 };
    bench.done("anna", Command::Suspend { call, wait });
    let well = |bench: &mut Bench| {
        bench.cases.slot_judged("acme/nas", true, &mut bench.pen);
        bench.keep();
        bench.call(call).ready_to_close
    };
    assert_eq!([well(&mut bench), well(&mut bench)], [false, true]);
    bench.end(&problem, Ending::Recovered);
    let again = bench.believe("acme/web/http");
    bench.propose(&again);
    assert!(!bench.call(call).ready_to_close);
    assert_eq!([well(&mut bench), well(&mut bench)], [false, true]);
}

#[test]
fn what_another_problem_explains_is_not_over() {
    let mut bench = Bench::new();
    let (problem, call) = bench.called("acme/web/http");
    bench.end(&problem, Ending::Explained);
    assert!(!bench.call(call).ready_to_close);
    bench.cases = bench.restarted();
    bench.belief("acme/web/http", true);
    assert!(bench.call(call).ready_to_close);
}

#[test]
fn a_call_with_an_open_problem_is_not_ready_when_another_one_ends() {
    let mut bench = Bench::new();
    let (web, call) = bench.called("acme/web/http");
    let (db, proposal) = bench.proposed("acme/db/port");
    bench.done("anna", Command::Merge { proposal, call });
    bench.end(&web, Ending::Recovered);
    bench.belief("acme/web/http", true);
    assert!(!bench.call(call).ready_to_close);
    bench.end(&db, Ending::Recovered);
    assert!(bench.call(call).ready_to_close);
}

#[test]
fn blocking_runs_day_and_night_from_then_on() {
    let mut bench = Bench::new();
    bench.until(540);
    let (_, call) = bench.called("acme/web/http");
    // An hour of office is left today, seven more tomorrow from 08:00 on.
    assert_eq!(resolve(bench.call(call)).due_at, Some(at(24 * 60 + 420)));
    bench.until(720);
    assert!(bench.cases.block(call, "lead", &bench.rules, &mut bench.pen));
    assert!(!bench.cases.block(call, "lead", &bench.rules, &mut bench.pen));
    bench.keep();
    let it = bench.call(call);
    assert_eq!((it.blocking_since, resolve(it).due_at), (Some(at(720)), Some(at(720 + 420))));
    assert_eq!(resolve(it).spent, Duration::from_secs(HOUR));
    bench.until(720 + 420);
    assert_eq!(resolve(bench.call(call)).breached_at, Some(at(720 + 420)));
}

#[test]
fn a_customer_without_contract_has_calls_without_clocks() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("globex/web/http");
    let it = bench.call(call);
    assert_eq!((&it.contract, &it.respond, &it.resolve), (&None, &None, &None));
    bench.done("anna", Command::Start { call });
    bench.done("anna", Command::Block { call });
    assert_eq!(bench.cases.next_wake(), None);
}

fn change_contract(rules: &mut Rules, change: impl FnOnce(&mut model::Contract)) {
    change(&mut Arc::make_mut(&mut rules.duty).contracts[0]);
}

/// Other office hours: the same, without these days.
fn with_holidays(rules: &Rules, days: &[u64]) -> Rules {
    let mut spans: Vec<Span> = office().spans().to_vec();
    spans.retain(|it| !days.iter().any(|day| it.from == at(day * 24 * 60)));
    let mut rules = rules.clone();
    Arc::make_mut(&mut rules.times).hours = vec![Hours::of(spans)];
    rules
}

fn change_rules(bench: &mut Bench, new: Rules) {
    bench.cases.rules_changed(&bench.rules, &new, &mut bench.pen);
    bench.rules = new;
    bench.keep();
}

#[test]
fn other_hours_move_what_is_to_come_and_nothing_that_has_passed() {
    let mut bench = Bench::new();
    bench.until(300);
    let (_, call) = bench.called("acme/web/http");
    bench.until(560);
    let version = bench.call(call).version;
    let same = bench.rules.clone();
    change_rules(&mut bench, same);
    assert_eq!(bench.call(call).version, version, "nothing has changed");
    // Tomorrow is a holiday; and so was today, which is found out too late to matter.
    let new = with_holidays(&bench.rules, &[0, 1]);
    change_rules(&mut bench, new);
    let it = bench.call(call);
    assert_eq!(resolve(it).spent, Duration::from_secs(260 * MINUTE));
    // 220 minutes are left: the day after tomorrow from 08:00 on.
    assert_eq!(resolve(it).due_at, Some(at(2 * 24 * 60 + 220)));
    assert_eq!(respond(it).breached_at, Some(at(360)), "broken is broken");
    bench.until(2 * 24 * 60 + 219);
    assert_eq!(resolve(bench.call(call)).breached_at, None);
    bench.until(2 * 24 * 60 + 220);
    assert_eq!(resolve(bench.call(call)).breached_at, Some(at(2 * 24 * 60 + 220)));
}

#[test]
fn what_was_counted_stays_even_if_the_due_time_would_be_the_same() {
    let mut bench = Bench::new();
    bench.until(540);
    let (_, call) = bench.called("acme/web/http");
    bench.done("anna", Command::Start { call });
    assert_eq!(resolve(bench.call(call)).due_at, Some(at(24 * 60 + 420)));
    // Twenty minutes less in what has passed, twenty more tomorrow morning.
    bench.until(560);
    let mut new = bench.rules.clone();
    let spans = vec![
        Span { from: at(0), until: at(540) },
        Span { from: at(560), until: at(600) },
        Span { from: at(24 * 60 - 20), until: at(24 * 60 + 600) },
    ];
    Arc::make_mut(&mut new.times).hours = vec![Hours::of(spans)];
    change_rules(&mut bench, new);
    let it = resolve(bench.call(call));
    assert_eq!(it.spent, Duration::from_secs(20 * MINUTE));
    assert_eq!(it.due_at, Some(at(24 * 60 + 400)));
}

#[test]
fn another_allowance_other_pauses_and_no_contract_at_all() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("acme/web/http");
    bench.done("anna", Command::Start { call });
    bench.until(60);
    let mut new = bench.rules.clone();
    change_contract(&mut new, |it| it.resolve = Some(Duration::from_secs(2 * HOUR)));
    change_rules(&mut bench, new);
    assert_eq!(resolve(bench.call(call)).due_at, Some(at(120)));
    assert_eq!(bench.events(EventKind::SlaWarned), 0);
    bench.until(60);
    assert_eq!(bench.events(EventKind::SlaWarned), 1, "half of it is spent now");

    bench.done("anna", Command::Suspend { call, wait: Wait::Customer { until: None } });
    let mut new = bench.rules.clone();
    change_contract(&mut new, |it| it.pauses.resolve.customer = false);
    bench.until(80);
    change_rules(&mut bench, new);
    assert_eq!(resolve(bench.call(call)).due_at, Some(at(140)), "paused until now, not longer");

    let mut new = bench.rules.clone();
    Arc::make_mut(&mut new.duty).contracts.clear();
    bench.until(100);
    change_rules(&mut bench, new);
    let it = bench.call(call);
    assert_eq!((resolve(it).due_at, resolve(it).spent), (None, Duration::from_secs(80 * MINUTE)));
    bench.until(5_000);
    assert_eq!(bench.events(EventKind::SlaBreached), 0);
}

#[test]
fn a_restart_counts_what_has_passed_by_the_rules_it_finds() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("acme/web/http");
    bench.done("anna", Command::Start { call });
    bench.until(100);
    let mut cases = super::Cases::default();
    for it in bench.kept.calls.values() {
        cases.restore_call(it.clone());
    }
    let mut pen = Pen::new(2_000_000);
    pen.now = at(200);
    cases.rules_changed(&Rules::default(), &bench.rules, &mut pen);
    assert_eq!(pen.rows, [], "nothing has changed");
    assert_eq!(resolve(cases.call(call).unwrap()).due_at, Some(at(480)));
    assert_eq!(cases.next_wake(), Some(at(240)));
}

#[test]
fn a_clock_is_counted_before_the_calendar_forgets() {
    let mut bench = Bench::new();
    let mut new = bench.rules.clone();
    change_contract(&mut new, |it| it.resolve = Some(Duration::from_secs(400 * HOUR)));
    change_rules(&mut bench, new);
    let (_, call) = bench.called("acme/web/http");
    bench.done("anna", Command::Start { call });
    // Ten hours a day: the end of the fortieth day. Every day the times begin a day later.
    let due = at(39 * 24 * 60 + 600);
    for day in 1..50 {
        bench.until(day * 24 * 60);
        let mut new = bench.rules.clone();
        let from = at(day * 24 * 60).before(Duration::from_secs(10 * 24 * HOUR));
        let times = Arc::make_mut(&mut new.times);
        let spans = office().spans().iter().copied().filter(|it| it.until > from).collect();
        times.hours = vec![Hours::of(spans)];
        times.covers = Some(Span { from, until: at(60 * 24 * 60) });
        change_rules(&mut bench, new);
        assert_eq!(resolve(bench.call(call)).due_at, Some(due));
    }
    assert_eq!(resolve(bench.call(call)).breached_at, Some(due));
}

#[test]
fn a_window_that_does_not_count_stops_the_clocks() {
    let mut bench = Bench::new();
    let (_, call) = bench.called("acme/web/http");
    let (_, other) = bench.called("acme/db/port");
    bench.done("anna", Command::Start { call: other });
    let turn = |bench: &mut Bench, on: bool| {
        let exempt = |it: &Call| on && it.id == call;
        bench.cases.windows_changed(&exempt, &bench.rules, &mut bench.pen);
        bench.keep();
    };
    bench.until(20);
    turn(&mut bench, true);
    turn(&mut bench, true);
    let it = bench.call(call);
    assert_eq!((respond(it).paused_since, resolve(it).paused_since), (Some(at(20)), Some(at(20))));
    assert_eq!(resolve(bench.call(other)).paused_since, None);
    // A wait that ends within the window does not start them.
    bench.done("anna", Command::Assign { call, person: "anna".into() });
    bench.done("anna", Command::Suspend { call, wait: Wait::Customer { until: Some(at(30)) } });
    bench.until(30);
    assert!(resolve(bench.call(call)).paused_since.is_some());
    // Nor does a restart, once it has been told again.
    bench.cases = bench.restarted();
    turn(&mut bench, true);
    bench.until(80);
    turn(&mut bench, false);
    let it = bench.call(call);
    assert_eq!(resolve(it).due_at, Some(at(540)));
    assert_eq!(resolve(it).spent, Duration::from_secs(20 * MINUTE));
}
