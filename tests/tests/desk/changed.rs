//! Problems outlive a reload and the end of the process, and nobody is told twice.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;
use tests::{Door, Engine, Manner, Page, Receiver, Sandbox, until};

use crate::estate::{URGENT, checks, checks_with, config, watching};

const DOOR: &str = "acme/-/door";
const GATE: &str = "acme/-/gate";

/// The room is another one.
const MOVED: &str = "\
\x20 urgent:
    propose: at once
    alert:
      - { after: 0m, to: anna, via: [second] }
";

#[test]
fn a_reload_keeps_problems_and_applies_the_new_rules() {
    let receiver = Receiver::new();
    let (mut door, mut gate, fresh) = (Door::new(), Door::new(), Door::new());
    let doors = [("door", &door), ("gate", &gate)];
    let more = checks(&[("door", &door), ("gate", &gate), ("fresh", &fresh)]);
    let silent = checks_with(", policy: none", &doors);
    let loud = checks(&doors);
    let engine = Engine::start(&config(&receiver, URGENT), &[("acme", &silent)]);
    engine.wait_for_hard(DOOR, 0);
    engine.wait_for_hard(GATE, 0);
    let api = engine.api();
    door.close();
    let problem = api.wait_for_problem(DOOR);
    api.wait_for_closed(DOOR, "policy");
    // From now on somebody is to be told.
    engine.sandbox().write("checks/acme.yaml", &loud);
    engine.sighup();
    let told = receiver.wait_for("a page by the new rules", |it| !it.is_empty());
    assert_eq!(
        (told[0].path.as_str(), told[0].problem()),
        ("/psa", problem["id"].as_u64().unwrap())
    );
    let proposal = api.wait_for_item("/api/v1/proposals", |it| it["name"] == DOOR);
    assert_eq!(proposal["problem"], problem["id"], "it is proposed by them too");
    // And in another room. Who was told stays told; what comes now goes there.
    engine.sandbox().write("config.yaml", &config(&receiver, MOVED));
    engine.sandbox().write("checks/acme.yaml", &more);
    engine.sighup();
    engine.wait_for_hard("acme/-/fresh", 0);
    gate.close();
    receiver.wait_for("a page in the other room", |taken| {
        taken.iter().any(|it| it.path == "/second" && it.says("trigger", GATE))
    });
    let kept = api.wait_for_problem(DOOR);
    assert_eq!(kept["id"], problem["id"]);
    door.open();
    receiver.wait_for("a resolve where it was told", |taken| {
        taken.iter().any(|it| it.path == "/psa" && it.says("resolve", DOOR))
    });
    let about: Vec<_> = receiver.taken().iter().filter(|it| it.name() == DOOR).map(kind).collect();
    assert_eq!(about, ["trigger", "resolve"]);
}

fn kind(it: &tests::Received) -> String {
    it.kind().to_owned()
}

/// Waits until all problems of `sandbox` have ended and nothing is owed any more.
fn settled(sandbox: &Sandbox) {
    until("the end of everything", || {
        let open = sandbox.sql("SELECT about FROM problem WHERE open = 1");
        let waiting = sandbox.sql("SELECT kind FROM alert WHERE state = 'waiting'");
        let done = open.is_empty() && waiting.is_empty();
        if done { Ok(()) } else { Err(format!("{open:?} {waiting:?}")) }
    });
}

/// The engine ends between a trigger and the recovery: what was told is resolved once, and what
/// was not is not.
fn ended_in_between(end: fn(Engine) -> Arc<Sandbox>) {
    let receiver = Receiver::new();
    let (mut door, mut gate) = (Door::new(), Door::new());
    let doors = [("door", &door), ("gate", &gate)];
    let engine = watching(&config(&receiver, URGENT), &doors);
    let api = engine.api();
    door.close();
    receiver.wait_for("the trigger", |taken| taken.iter().any(|it| it.says("trigger", DOOR)));
    // What the receiver has taken is written down at once; only then is it certain.
    api.wait_for_item("/api/v1/alerts?state=all", |it| {
        it["name"] == DOOR && it["state"] == "delivered"
    });
    receiver.behave(Manner::Answer(503));
    gate.close();
    until("a trigger that fails", || {
        let all = receiver.all();
        let failed = all.iter().any(|it| it.says("trigger", GATE));
        if failed { Ok(()) } else { Err(format!("{all:#?}")) }
    });
    api.wait_for_item("/api/v1/alerts", |it| it["name"] == GATE && it["attempts"] != 0);
    let sandbox = end(engine);
    door.open();
    gate.open();
    receiver.behave(Manner::Take);
    let engine = Engine::start_in(sandbox);
    receiver.wait_for("the resolve", |taken| taken.iter().any(|it| it.says("resolve", DOOR)));
    settled(&engine.sandbox());
    let told = receiver.taken();
    let about_door: Vec<_> = told.iter().filter(|it| it.name() == DOOR).map(kind).collect();
    assert_eq!(about_door, ["trigger", "resolve"]);
    let ids: BTreeSet<u64> =
        told.iter().filter(|it| it.name() == DOOR).map(tests::Received::problem).collect();
    assert_eq!(ids.len(), 1, "both about the same problem");
    let about_gate: Vec<_> = told.iter().filter(|it| it.name() == GATE).map(kind).collect();
    let rows = engine.sandbox().sql(&format!(
        "SELECT kind, state FROM alert JOIN problem ON problem.id = alert.problem WHERE about = \
         '{GATE}' ORDER BY place"
    ));
    // The engine may have come up and tried once more before it saw that all is well.
    match about_gate.len() {
        0 => assert_eq!(rows, [json!({ "kind": "trigger", "state": "withdrawn" })]),
        _ => assert_eq!(about_gate, ["trigger", "resolve"]),
    }
}

#[test]
fn a_stop_between_trigger_and_recovery_loses_and_repeats_nothing() {
    ended_in_between(|engine| {
        let (status, sandbox) = engine.sigterm();
        assert!(status.success(), "{status}");
        sandbox
    });
}

#[test]
fn a_kill_between_trigger_and_recovery_loses_and_repeats_nothing() {
    ended_in_between(Engine::kill9);
}

#[test]
fn a_reload_with_a_red_routing_test_is_refused_and_says_why() {
    let receiver = Receiver::new();
    let door = Door::new();
    let files = checks(&[("door", &door)]);
    let engine = Engine::start(&config(&receiver, URGENT), &[("acme", &files)]);
    engine.wait_for_hard(DOOR, 0);
    let reload = || Page::ask(engine.address(), "POST", "/-/reload").unwrap();
    let test = |told: &str| {
        format!(
            "tests:\n  a closed door:\n    given: {{ {DOOR}: crit for 1m }}\n    at: Sun 03:00\n    \
             told: {told}\n"
        )
    };
    engine.sandbox().write("checks/acme.test.yaml", &test("nobody"));
    let refused = reload();
    assert_ne!(refused.code, 200);
    assert!(refused.body.contains("a closed door: told besides"), "{}", refused.body);
    engine.sandbox().write("checks/acme.test.yaml", &test("[ \"anna by psa\" ]"));
    let taken = reload();
    assert_eq!(taken.code, 200, "{}", taken.body);
}
