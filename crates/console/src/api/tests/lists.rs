//! Lists: their filters, and that walking through them finds everything once.

use serde_json::{Value, json};

use super::{Who, World, all_scopes, objects, ready, token};

fn ids(value: &Value) -> Vec<u64> {
    value["items"].as_array().unwrap().iter().map(|it| it["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn walking_through_a_list_finds_everything_once() {
    let world = ready();
    for id in 100..223 {
        world.fake.kept().problems.insert(id, objects::problem(id, "acme"));
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/problems?limit=10&customer=acme{cursor}");
        let part = world.get(&path).await.json();
        found.extend(ids(&part));
        match part["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let all: Vec<u64> = (100..223).rev().chain([11]).collect();
    assert_eq!(found, all);
}

#[tokio::test]
async fn filters_narrow_and_never_widen() {
    let world = World::new();
    world.let_in([token(1, &all_scopes(), None), token(2, &all_scopes(), Some(&["acme"]))]);
    let found = async |who, query: &str| {
        let path = format!("/api/v1/problems?{query}");
        ids(&world.ask(Who::Token(who), "GET", &path, None).await.json())
    };
    assert_eq!(found(1, "").await, [13, 12, 11]);
    assert_eq!(found(1, "customer=bolt").await, [12]);
    assert_eq!(found(1, "text=uplink").await, [13]);
    assert_eq!(found(1, "severity=down").await, [0; 0]);
    assert_eq!(found(1, "state=recent").await, [0; 0]);
    assert_eq!(found(2, "").await, [11]);
    assert_eq!(found(2, "customer=acme").await, [11]);
    assert_eq!(found(2, "customer=bolt").await, [0; 0]);
    assert_eq!(found(2, "customer=").await, [0; 0]);
    assert_eq!(found(2, "customer=nowhere").await, [0; 0]);
}

#[tokio::test]
async fn states_are_words() {
    let world = ready();
    let suspend = json!({ "for": "process", "name": "acme/db/backup", "fine_for_secs": 60 });
    assert_eq!(world.post("/api/v1/calls/31/suspend", &suspend).await.status, 200);
    let shown = world.get("/api/v1/calls/31").await.json();
    assert_eq!(shown["call"]["state"], "suspended");
    assert_eq!(shown["call"]["waits_for"]["for"], "process");
    assert_eq!(shown["call"]["waits_for"]["fine_for_secs"], 60);
    assert_eq!(ids(&world.get("/api/v1/calls?state=suspended").await.json()), [31]);
    for wrong in [
        json!({ "for": "process" }),
        json!({ "for": "process", "name": "a/b", "until": "2027-01-15T10:00:00Z" }),
        json!({ "for": "supplier" }),
        json!({ "for": "customer", "reference": "x" }),
        json!({ "for": "customer", "until": "2020-01-15T10:00:00Z" }),
        json!({ "for": "weather" }),
    ] {
        let heard = world.post("/api/v1/calls/32/suspend", &wrong).await;
        assert_eq!((heard.status.as_u16(), &*heard.code()), (400, "invalid"), "{wrong}");
    }
    let dismiss = json!({ "reason": "human-at-work", "text": "patching" });
    assert_eq!(world.post("/api/v1/proposals/21/dismiss", &dismiss).await.status, 200);
    let shown = world.get("/api/v1/proposals/21").await.json();
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("dismissed"), &json!("human-at-work")));
    assert_eq!(ids(&world.get("/api/v1/proposals?state=decided").await.json()), [21]);
    assert_eq!(ids(&world.get("/api/v1/proposals").await.json()), [23, 22]);
}

#[tokio::test]
async fn a_planned_window_is_found_under_the_key_that_was_answered() {
    let world = ready();
    let scope = json!([[{ "label": "host", "op": "is", "value": "web" }]]);
    let plan = json!({ "name": "patch", "scope": scope, "until": "2027-01-15T10:00:00Z" });
    let made = world.post("/api/v1/windows", &plan).await;
    let (place, key) = (made.headers["location"].to_str().unwrap(), made.json()["id"].clone());
    let longer = json!({ "until": "2027-01-15T11:00:00Z", "text": "longer" });
    let moved = world.post(&format!("{place}/extend"), &longer).await;
    assert_eq!((moved.status.as_u16(), &moved.json()["id"]), (200, &key));
    let shown = world.get(place).await.json();
    assert_eq!((&shown["key"], &shown["until"]), (&key, &json!("2027-01-15T11:00:00Z")));
}
