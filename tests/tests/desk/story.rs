//! The whole story of one outage, and how long each part of it took.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use tests::{Api, Engine, Nginx, Receiver};

use crate::estate::{URGENT, config};

const HTTP: &str = "acme/web/http";
/// Far more than a page takes on a busy machine.
const PAGE_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn a_stopped_web_server_is_proposed_paged_accepted_resolved_and_explained() {
    let receiver = Receiver::new();
    let mut nginx = Nginx::start("location / { return 200 \"fine\\n\"; }");
    let checks = format!(
        "customer: acme\nname: ACME\ncontract: gold\nhosts:\n  web: {{ address: 127.0.0.1, alive: \
         none, every: 2s, timeout: 1s, retry: 2 x 1s, services: {{ http: {{ http: \
         \"http://127.0.0.1:{}/\" }} }} }}\n",
        nginx.port()
    );
    let engine = Engine::start(&config(&receiver, URGENT), &[("acme", &checks)]);
    let api = engine.api();
    engine.wait_for_hard(HTTP, 0);

    nginx.stop();
    let problem = paged(&engine, &api, &receiver);
    let call = accepted(&api, problem);
    nginx.start_again();
    resolved(&engine, &api, &receiver, problem, call);
    explained(&api, problem);
    on_the_disk(&engine, problem);
}

/// The outage is believed at the second look, and becomes a problem, a proposal and one page.
fn paged(engine: &Engine, api: &Api, receiver: &Receiver) -> u64 {
    receiver.wait_for("a page", |taken| taken.iter().any(|it| it.says("trigger", HTTP)));
    let problem = api.wait_for_problem(HTTP);
    let id = problem["id"].as_u64().unwrap();
    assert_eq!(
        (&problem["status"], &problem["severity"]),
        (&json!("critical"), &json!("critical"))
    );
    let changes = engine.changes_to(HTTP, "CRITICAL");
    let soft = changes.iter().find(|it| it.status == "CRITICAL" && !it.hard);
    assert_eq!(soft.map(|it| it.attempt), Some(1), "{changes:#?}");
    latency(engine, receiver, "trigger", 2);
    id
}

/// From the change that was believed to the moment at which the receiver has read it.
#[allow(clippy::print_stdout, reason = "a figure for whoever reads the log of the tests")]
fn latency(engine: &Engine, receiver: &Receiver, kind: &str, status: u8) {
    let row = engine.sandbox().sql(&format!(
        "SELECT max(at) AS at FROM transition JOIN checkable ON checkable.id = checkable WHERE \
         name = '{HTTP}' AND to_hard = 1 AND to_status = {status}"
    ));
    let believed = UNIX_EPOCH + Duration::from_nanos(row[0]["at"].as_u64().unwrap());
    let taken = receiver.taken();
    let it = taken.iter().find(|it| it.says(kind, HTTP)).unwrap();
    let took = it.at.duration_since(believed).expect("told after it was believed");
    println!("from hard {HTTP} to its {kind} at the receiver: {took:?}");
    assert!(took < PAGE_WITHIN, "{took:?}");
}

/// The dispatcher accepts: a call with two clocks that run.
fn accepted(api: &Api, problem: u64) -> u64 {
    let proposal = api.wait_for_item("/api/v1/proposals", |it| it["problem"] == problem);
    assert_eq!(proposal["state"], "open");
    assert!(proposal["evidence"]["text"].as_str().unwrap().contains("refused"), "{proposal:#}");
    assert!(proposal["rule"].as_str().unwrap().starts_with("config.yaml:"), "{proposal:#}");
    let path = format!("/api/v1/proposals/{}/accept", proposal["id"]);
    let done = api.post(&path, &json!({ "assignee": "anna" }));
    let id = done["id"].as_u64().unwrap();
    let call = api.get(&format!("/api/v1/calls/{id}"));
    assert_eq!((&call["contract"], &call["problems"]), (&json!("gold"), &json!([problem])));
    let line = &call["call"];
    assert_eq!((&line["state"], &line["assignee"]), (&json!("assigned"), &json!("anna")));
    for (clock, allowed) in [("respond", 15 * 60), ("resolve", 4 * 3_600)] {
        let it = &line[clock];
        assert_eq!(it["allowed_secs"], allowed, "{call:#}");
        assert_eq!((&it["paused_since"], &it["breached_at"]), (&Json::Null, &Json::Null), "{it:#}");
        assert!(it["due_at"].is_string() || it["met_at"].is_string(), "{it:#}");
    }
    assert!(line["resolve"]["due_at"].is_string(), "{call:#}");
    id
}

/// The resolve reaches whoever was paged, with the same problem, and the call waits to be closed.
fn resolved(engine: &Engine, api: &Api, receiver: &Receiver, problem: u64, call: u64) {
    receiver.wait_for("the resolve", |taken| taken.iter().any(|it| it.says("resolve", HTTP)));
    latency(engine, receiver, "resolve", 0);
    let path = format!("/api/v1/calls/{call}");
    let call = api.wait_for(&path, |it| it["call"]["ready_to_close"] == true);
    assert_ne!(call["call"]["state"], "closed", "closing is a person's decision");
    let about: Vec<_> = receiver
        .taken()
        .iter()
        .filter(|it| it.name() == HTTP && it.kind() != "call")
        .map(|it| it.problem())
        .collect();
    assert!(about.iter().all(|it| *it == problem), "{about:?} are about {problem}");
    let form = json!({ "text": "the web server was started again" });
    let closed = api.ask("POST", &format!("{path}/close"), Some(&form));
    assert!(closed.code < 300, "{closed:?}");
    assert_eq!(api.get(&path)["call"]["state"], "closed");
}

/// Every gate that was asked is there, and every rule with the place where it was written.
fn explained(api: &Api, problem: u64) {
    let why = api.why(HTTP);
    let decisions = why["decisions"].as_array().unwrap();
    let told = decisions.iter().rev().find(|it| it["verdict"] == "told").unwrap();
    assert_eq!(told["problem"], problem);
    let gates = told["gates"].as_array().unwrap();
    let names: Vec<&str> = gates.iter().map(|it| it["gate"].as_str().unwrap()).collect();
    assert_eq!(names, ["state", "window", "silence", "acknowledged", "policy", "step", "who"]);
    for it in
        gates.iter().filter(|it| ["policy", "step", "who"].contains(&it["gate"].as_str().unwrap()))
    {
        let rule = it["rule"].as_str().unwrap_or_default();
        let line = rule.strip_prefix("config.yaml:").and_then(|it| it.parse::<u32>().ok());
        assert!(line.is_some(), "no place of the rule: {it:#}");
    }
    // What comes behind it is about the call.
    let of_call = |it: &Json| it["trigger"].as_str().is_some_and(|it| it.starts_with("call"));
    let last = decisions.iter().find(|it| !of_call(it)).unwrap();
    assert_eq!((&last["trigger"], &last["verdict"]), (&json!("over"), &json!("told")), "{last:#}");
    let passages = why["transitions"].as_array().unwrap();
    let seen = |status: &str, hard: bool| {
        passages.iter().any(|it| it["status"] == status && it["hard"] == hard)
    };
    assert!(seen("critical", false) && seen("critical", true) && seen("ok", true), "{why:#}");
}

/// The rows say the same as the interface.
fn on_the_disk(engine: &Engine, problem: u64) {
    let sandbox = engine.sandbox();
    let rows = sandbox.sql(&format!("SELECT open, about FROM problem WHERE id = {problem}"));
    assert_eq!(rows, [json!({ "open": 0, "about": HTTP })]);
    let alerts = sandbox.sql(&format!(
        "SELECT kind, state, channel FROM alert WHERE problem = {problem} ORDER BY place"
    ));
    let alert = |kind: &str| json!({ "kind": kind, "state": "delivered", "channel": "psa" });
    assert_eq!(alerts, [alert("trigger"), alert("resolve")]);
}
