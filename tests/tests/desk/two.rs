//! Two dispatchers at one proposal.

use std::thread;

use serde_json::{Value as Json, json};
use tests::{Answer, Api, Door, Receiver};

use crate::estate::{URGENT, config, watching};

/// Both ask at the same time.
fn at_once(api: &Api, asks: [&(dyn Fn(&Api) -> Answer + Sync); 2]) -> [Answer; 2] {
    thread::scope(|scope| {
        let [first, second] = asks.map(|ask| scope.spawn(move || ask(api)));
        [first.join().unwrap(), second.join().unwrap()]
    })
}

fn proposal_about(api: &Api, name: &str) -> Json {
    api.wait_for_item("/api/v1/proposals", |it| it["name"] == name)
}

#[test]
fn of_two_dispatchers_one_wins_and_the_other_sees_what_is() {
    let receiver = Receiver::new();
    let (mut door, mut gate) = (Door::new(), Door::new());
    let doors = [("door", &door), ("gate", &gate)];
    let engine = watching(&config(&receiver, URGENT), &doors);
    let api = engine.api();
    door.close();
    let proposal = proposal_about(&api, "acme/-/door");
    let (path, version) = (format!("/api/v1/proposals/{}", proposal["id"]), &proposal["version"]);
    let tag = format!("\"{version}\"");
    let accept = |api: &Api| {
        let path = format!("{path}/accept");
        api.ask_with("POST", &path, Some(&json!({})), &[("If-Match", &tag)])
    };
    let dismiss = |api: &Api| {
        let path = format!("{path}/dismiss");
        api.ask_with("POST", &path, Some(&json!({ "reason": "known" })), &[("If-Match", &tag)])
    };
    let mut answers = at_once(&api, [&accept, &dismiss]);
    answers.sort_by_key(|it| it.code);
    let [won, lost] = answers;
    assert_eq!((won.code, lost.code), (200, 409), "{won:?} {lost:?}");
    assert_eq!(lost.body["code"], "stale", "{lost:?}");
    let now = api.get(&path);
    assert!(["accepted", "dismissed"].contains(&now["state"].as_str().unwrap()), "{now:#}");
    let seen = &lost.body["current"];
    assert_eq!((&seen["state"], &seen["version"]), (&now["state"], &now["version"]), "{lost:?}");
    let calls = api.list("/api/v1/calls").len();
    assert_eq!(calls, usize::from(now["state"] == "accepted"));

    gate.close();
    repeats_are_one(&api);
}

/// The same request with the same key is done once, and answered alike; another one is not it.
fn repeats_are_one(api: &Api) {
    let proposal = proposal_about(api, "acme/-/gate");
    let before = api.list("/api/v1/calls").len();
    let path = format!("/api/v1/proposals/{}/accept", proposal["id"]);
    let repeated = [("Idempotency-Key", "accept-the-gate")];
    let accept = |api: &Api| api.ask_with("POST", &path, Some(&json!({})), &repeated);
    let [first, second] = at_once(api, [&accept, &accept]);
    assert_eq!(first.code, 200, "{first:?}");
    assert_eq!(first, second);
    assert_eq!(accept(api), first);
    assert_eq!(api.list("/api/v1/calls").len(), before + 1);
    let other = api.ask_with("POST", &path, Some(&json!({})), &[("Idempotency-Key", "another")]);
    assert_eq!(other.code, 409, "{other:?}");
}
