//! What holds alerts back: an acknowledgement, a silence, a window. And what their end announces.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tests::{Door, Received, Receiver, encoded, rfc3339};

use crate::estate::{URGENT, config, watching};

/// The room at once, the second channel a little later.
const TWO_STEPS: &str = "\
\x20 urgent:
    alert:
      - { after: 0m, to: anna, via: [psa] }
      - { after: 10s, to: ben, via: [second] }
";

const DOOR: &str = "acme/-/door";
const GATE: &str = "acme/-/gate";

fn heard(taken: &[Received], path: &str, kind: &str, name: &str) -> bool {
    taken.iter().any(|it| it.path == path && it.says(kind, name))
}

fn scope(service: &str) -> Json {
    json!([[{ "label": "service", "op": "is", "value": service }]])
}

#[test]
fn an_acknowledgement_stops_the_ladder_of_its_problem_and_of_no_other() {
    let receiver = Receiver::new();
    let (mut door, mut gate) = (Door::new(), Door::new());
    let doors = [("door", &door), ("gate", &gate)];
    let engine = watching(&config(&receiver, TWO_STEPS), &doors);
    let api = engine.api();
    door.close();
    receiver.wait_for("the first page", |taken| heard(taken, "/psa", "trigger", DOOR));
    let problem = api.wait_for_problem(DOOR);
    let path = format!("/api/v1/problems/{}", problem["id"]);
    api.post(&format!("{path}/acknowledge"), &json!({ "text": "on my way" }));
    let seen = api.get(&path);
    assert_eq!(seen["problem"]["acknowledged"]["text"], "on my way", "{seen:#}");
    // The other one fails later; when its second step has come, that of the first would have too.
    gate.close();
    receiver.wait_for("the second step", |taken| heard(taken, "/second", "trigger", GATE));
    let seen = api.get(&path);
    assert_eq!(seen["problem"]["ended_at"], Json::Null, "it is still open");
    assert!(!heard(&receiver.taken(), "/second", "trigger", DOOR), "{:#?}", receiver.taken());
    door.open();
    gate.open();
    receiver.wait_for("both resolves", |taken| {
        heard(taken, "/psa", "resolve", DOOR) && heard(taken, "/second", "resolve", GATE)
    });
    let wrong = receiver.taken().iter().any(|it| it.path == "/second" && it.says("resolve", DOOR));
    assert!(!wrong, "whoever was not told hears of no end");
}

#[test]
fn a_silence_holds_back_until_it_ends_by_itself_or_by_hand() {
    let receiver = Receiver::new();
    let (mut door, mut gate) = (Door::new(), Door::new());
    let doors = [("door", &door), ("gate", &gate)];
    let engine = watching(&config(&receiver, URGENT), &doors);
    let api = engine.api();
    let silence = |service: &str, secs: u64| {
        let until = rfc3339(Duration::from_secs(secs));
        let form = json!({ "scope": scope(service), "until": until, "text": "known" });
        api.post("/api/v1/silences", &form)["id"].clone()
    };
    silence("door", 15);
    let by_hand = silence("gate", 3_600);
    door.close();
    gate.close();
    api.wait_for_closed(DOOR, "silence");
    api.wait_for_closed(GATE, "silence");
    assert!(receiver.all().is_empty(), "{:#?}", receiver.all());
    receiver.wait_for("the end of the first", |taken| heard(taken, "/psa", "trigger", DOOR));
    assert!(!heard(&receiver.taken(), "/psa", "trigger", GATE));
    api.delete(&format!("/api/v1/silences/{by_hand}"));
    receiver.wait_for("the end of the second", |taken| heard(taken, "/psa", "trigger", GATE));
}

#[test]
fn a_window_holds_back_and_tells_at_its_end_of_what_is_still_bad() {
    let receiver = Receiver::new();
    let (mut door, mut gate) = (Door::new(), Door::new());
    let doors = [("door", &door), ("gate", &gate)];
    let engine = watching(&config(&receiver, URGENT), &doors);
    let api = engine.api();
    let form = json!({
        "name": "cable works",
        "customer": "acme",
        "until": rfc3339(Duration::from_secs(3_600)),
        "scope": [[{ "label": "service", "op": "like", "value": "*" }]],
    });
    api.post("/api/v1/windows", &form);
    let window = api.wait_for_item("/api/v1/windows", |it| it["begun"] == true);
    door.close();
    gate.close();
    api.wait_for_closed(DOOR, "window");
    api.wait_for_closed(GATE, "window");
    // What recovers within it was never anybody's business.
    gate.open();
    api.wait_for("/api/v1/problems?state=all", |it| {
        let ended = |it: &Json| it["name"] == GATE && it["ended_at"].is_string();
        it["items"].as_array().is_some_and(|it| it.iter().any(ended))
    });
    assert!(api.list("/api/v1/proposals").is_empty(), "nothing is proposed in a window");
    assert!(receiver.all().is_empty(), "{:#?}", receiver.all());
    let path = format!("/api/v1/windows/{}", encoded(window["key"].as_str().unwrap()));
    api.post(&format!("{path}/end"), &json!({ "text": "done early" }));
    receiver.wait_for("what is still bad", |taken| heard(taken, "/psa", "trigger", DOOR));
    let report = api.wait_for(&path, |it| it["report"].is_object());
    assert_eq!(report["report"]["still_bad"], json!([DOOR]), "{report:#}");
    assert!(receiver.all().iter().all(|it| it.name() != GATE), "{:#?}", receiver.all());
    door.open();
    receiver.wait_for("its resolve", |taken| heard(taken, "/psa", "resolve", DOOR));
}
