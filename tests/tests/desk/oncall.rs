//! Who has the duty is who is told: by the rotation, by an override, and by the rotation again.

use std::time::Duration;

use serde_json::json;
use tests::{Door, Receiver, rfc3339};

use crate::estate::{checks, config};

/// One person has the duty, always.
const ROTATION: &str = "\
oncall:
\x20 primary: { people: [anna] }
policies:
\x20 own: { alert: [{ after: 0m, to: ben, via: [psa] }] }
\x20 urgent: { alert: [{ after: 0m, to: oncall/primary, via: [psa] }] }
";

#[test]
fn an_override_changes_who_is_told_and_its_end_changes_it_back() {
    let receiver = Receiver::new();
    let doors: Vec<Door> = (0..3).map(|_| Door::new()).collect();
    let mut doors: Vec<(&str, Door)> =
        ["first", "second", "third"].into_iter().zip(doors).collect();
    let main = config(&receiver, "");
    let (head, _) = main.split_once("policies:\n").unwrap();
    let main = format!("{head}{ROTATION}");
    let named: Vec<(&str, &Door)> = doors.iter().map(|it| (it.0, &it.1)).collect();
    let engine = tests::Engine::start(&main, &[("acme", &checks(&named))]);
    for (name, _) in &doors {
        engine.wait_for_hard(&format!("acme/-/{name}"), 0);
    }
    let api = engine.api();
    let told_by = |name: &str| {
        receiver.wait_for("a page", |taken| taken.iter().any(|it| it.says("trigger", name)));
        let why = api.why(name);
        let gates = why["decisions"][0]["gates"].as_array().unwrap().clone();
        gates.iter().find(|it| it["gate"] == "step").unwrap()["text"].as_str().unwrap().to_owned()
    };
    let on_duty = || api.get("/api/v1/oncall")["duties"][0]["people"].clone();

    assert_eq!(on_duty(), json!(["anna"]));
    doors[0].1.close();
    let text = told_by("acme/-/first");
    assert!(text.contains("Anna Roth"), "{text}");

    let form = json!({ "oncall": "primary", "person": "ben", "until": rfc3339(Duration::from_secs(3_600)) });
    let id = api.post("/api/v1/oncall/overrides", &form)["id"].clone();
    assert_eq!(on_duty(), json!(["ben"]));
    doors[1].1.close();
    let text = told_by("acme/-/second");
    assert!(text.contains("Ben Okafor") && !text.contains("Anna"), "{text}");

    api.delete(&format!("/api/v1/oncall/overrides/{id}"));
    assert_eq!(on_duty(), json!(["anna"]));
    doors[2].1.close();
    let text = told_by("acme/-/third");
    assert!(text.contains("Anna Roth"), "{text}");
}
