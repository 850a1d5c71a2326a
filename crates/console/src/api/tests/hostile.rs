//! Those who send too much, too often, too deep, too late, or what is not theirs to send.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use model::{NoteId, TokenScope};
use serde_json::json;

use super::{PATIENCE, SECRET, Who, World, all_scopes, ready, request, token, with};
use crate::api::{PACE, token as secret};

const COMMENT: &str = "/api/v1/problems/11/comment";

fn raw(path: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = request(Who::Token(1), "POST", path, Some(&json!({})));
    *request.body_mut() = body.into();
    request
}

#[tokio::test]
async fn what_is_too_large_too_deep_or_no_json_is_refused_and_changes_nothing() {
    let world = ready();
    let megabyte = "x".repeat(1 << 20);
    let bomb = "[".repeat(500_000);
    for (what, body, status, code) in [
        ("a comment of 1 MiB", json!({ "text": megabyte }).to_string(), 413, "too-large"),
        ("one of 100 kB", json!({ "text": &megabyte[..100_000] }).to_string(), 400, "invalid"),
        ("a bomb", bomb.clone(), 400, "too-deep"),
        ("a bomb in a field", format!(r#"{{"text": {bomb}"#), 400, "too-deep"),
        ("half an object", r#"{"text": "#.to_owned(), 400, "malformed-json"),
        ("no JSON", "text=hello".to_owned(), 400, "malformed-json"),
        ("a list", "[]".to_owned(), 400, "invalid"),
        ("a field too much", r#"{"text": "x", "is_admin": true}"#.to_owned(), 400, "invalid"),
        ("a field twice", r#"{"text": "x", "text": "y"}"#.to_owned(), 400, "invalid"),
        ("a number", r#"{"text": 7}"#.to_owned(), 400, "invalid"),
        ("nothing", String::new(), 400, "invalid"),
        ("blanks", r#"{"text": "  "}"#.to_owned(), 400, "invalid"),
    ] {
        let heard = world.send(raw(COMMENT, body)).await;
        assert_eq!((heard.status.as_u16(), &*heard.code()), (status, code), "{what}");
        assert!(heard.body.len() < 2_000, "{what}: what was sent comes back");
    }
    let heard = world.send(raw(COMMENT, r#"{"text": "x", "is_admin": true}"#)).await;
    assert!(heard.json()["detail"].as_str().unwrap().contains("is_admin"), "the field is named");
    let not_utf8 = world.send(raw(COMMENT, &b"{\"text\": \"\xff\"}"[..])).await;
    assert_eq!(not_utf8.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.fake.commands.load(SeqCst), 0, "something came to the desk");
}

#[tokio::test]
async fn a_body_that_trickles_in_is_not_waited_for() {
    tokio::time::pause();
    let world = ready();
    let never = futures_util::stream::pending::<Result<&[u8], std::io::Error>>();
    let heard = world.send(raw(COMMENT, Body::from_stream(never))).await;
    assert_eq!((heard.status.as_u16(), &*heard.code()), (408, "slow-body"));
}

#[tokio::test]
async fn forms_of_other_sites_are_turned_away() {
    let world = ready();
    let body = json!({ "text": "x" });
    let post = || request(Who::Token(1), "POST", COMMENT, Some(&body));
    for (name, value, status, code) in [
        ("content-type", "text/plain", 415, "not-json"),
        ("content-type", "application/x-www-form-urlencoded", 415, "not-json"),
        ("origin", "https://elsewhere.example", 403, "cross-origin"),
        ("origin", "null", 403, "cross-origin"),
        ("sec-fetch-site", "cross-site", 403, "cross-origin"),
    ] {
        let heard = world.send(with(post(), name, value)).await;
        assert_eq!((heard.status.as_u16(), &*heard.code()), (status, code), "{name}: {value}");
    }
    assert_eq!(world.fake.commands.load(SeqCst), 0);
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("origin", "http://engine:8080"),
        ("sec-fetch-site", "same-origin"),
    ] {
        let heard = world.send(with(post(), name, value)).await;
        assert_eq!(heard.status, StatusCode::OK, "{name}: {value}");
    }
}

#[tokio::test]
async fn headers_and_parameters_that_make_no_sense_are_named() {
    let world = ready();
    let body = json!({ "text": "x" });
    let post = || request(Who::Token(1), "POST", COMMENT, Some(&body));
    for (name, value) in [
        ("if-match", "7"),
        ("if-match", "W/\"7\""),
        ("if-match", "\"x\""),
        ("idempotency-key", ""),
        ("idempotency-key", "a b"),
        ("idempotency-key", &"x".repeat(129)),
    ] {
        let heard = world.send(with(post(), name, value)).await;
        assert_eq!((heard.status.as_u16(), &*heard.code()), (400, "invalid"), "{name}: {value}");
    }
    assert_eq!(world.fake.commands.load(SeqCst), 0);
    for query in [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=-1",
        "limit=99999999999999999999",
        "state=closed",
        "severity=bad",
        "nothing=1",
        "state=open&state=all",
        "cursor=x",
        "at=now",
    ] {
        let heard = world.get(&format!("/api/v1/problems?{query}")).await;
        assert_eq!((heard.status.as_u16(), &*heard.code()), (400, "invalid"), "{query}");
        let name = query.split('=').next().unwrap();
        assert!(heard.json()["detail"].as_str().unwrap().contains(name), "{query} is not named");
    }
    for id in ["0", "-1", "+11", "11x", "%00", "99999999999999999999", "%ff", "..%2f"] {
        let heard = world.get(&format!("/api/v1/problems/{id}")).await;
        assert_eq!((heard.status.as_u16(), &*heard.code()), (404, "unknown"), "{id}");
    }
}

#[tokio::test]
async fn whoever_was_slower_is_told_how_it_stands_now() {
    let world = ready();
    let body = json!({ "text": "x" });
    let post =
        |version| with(request(Who::Token(1), "POST", COMMENT, Some(&body)), "if-match", version);
    let heard = world.send(post("\"1\"")).await;
    assert_eq!((heard.status.as_u16(), &heard.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
    let heard = world.send(post("\"1\"")).await;
    assert_eq!((heard.status.as_u16(), &*heard.code()), (409, "stale"));
    assert_eq!(heard.json()["version"], 2);
    assert_eq!(heard.json()["current"]["problem"]["version"], 2);
    let shown = world.get("/api/v1/problems/11").await;
    assert_eq!(shown.headers["etag"], "\"2\"");
    assert_eq!(world.send(post("\"2\"")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn of_two_dispatchers_one_wins_and_the_other_is_told() {
    let world = World::new();
    world.let_in([token(1, &all_scopes(), None), token(2, &all_scopes(), None)]);
    let accept = |who, person: &str| {
        let body = json!({ "assignee": person });
        let path = "/api/v1/proposals/21/accept";
        world.send(with(request(Who::Token(who), "POST", path, Some(&body)), "if-match", "\"1\""))
    };
    let (one, other) = tokio::join!(accept(1, "anna"), accept(2, "ben"));
    let mut codes = [one.status.as_u16(), other.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [200, 409]);
    let (loser, winner) = if one.status == 409 { (one, "t2") } else { (other, "t1") };
    assert_eq!(loser.json()["current"]["state"], "accepted");
    assert_eq!(loser.json()["current"]["decided_by"], winner);
}

#[tokio::test]
async fn a_repeat_is_answered_as_before_and_done_once() {
    let world = World::new();
    world.let_in([token(1, &all_scopes(), None), token(2, &all_scopes(), None)]);
    let open = async |who, key: &str, title: &str| {
        let body = json!({ "customer": "acme", "title": title });
        let request = request(Who::Token(who), "POST", "/api/v1/calls", Some(&body));
        let heard = world.send(with(request, "idempotency-key", key)).await;
        heard.json()["id"].as_u64().unwrap()
    };
    let first = open(1, "k", "printer").await;
    assert_eq!(open(1, "k", "printer").await, first);
    assert_ne!(open(1, "other", "printer").await, first);
    assert_ne!(open(2, "k", "printer").await, first, "keys of one token say nothing to another");
    assert_ne!(open(1, "k", "scanner").await, first, "a key is not an answer to something else");
    assert_eq!(world.fake.kept().calls.len(), 3 + 4);
}

#[tokio::test]
async fn an_engine_that_hangs_stops_or_cannot_read_says_so() {
    let world = World::with(super::FAST, Duration::from_millis(20));
    world.let_in([token(1, &all_scopes(), None)]);
    let body = json!({ "text": "x" });
    world.fake.hangs.store(true, SeqCst);
    let heard = world.post(COMMENT, &body).await;
    assert_eq!((heard.status.as_u16(), &*heard.code()), (504, "no-answer"));
    assert!(heard.json()["detail"].as_str().unwrap().contains("Idempotency-Key"));
    world.fake.stops.store(true, SeqCst);
    let heard = world.post(COMMENT, &body).await;
    assert_eq!((heard.status.as_u16(), &*heard.code()), (503, "stopping"));
    world.fake.broken.store(true, SeqCst);
    let heard = world.get("/api/v1/problems").await;
    assert_eq!((heard.status.as_u16(), &*heard.code()), (503, "busy"));
    assert!(heard.headers.contains_key("retry-after"));
}

/// Waits until the records that are under way have come.
async fn settled(world: &World, at_least: usize) -> Vec<(String, String, String)> {
    let all_there = async {
        while world.fake.kept().refusals.len() < at_least {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, all_there).await.expect("refusals are written down");
    world.fake.kept().refusals.clone()
}

#[tokio::test]
async fn refusals_are_written_down_without_what_was_sent() {
    let world = World::new();
    world.let_in([token(1, &[TokenScope::Read, TokenScope::Ack], Some(&["acme"]))]);
    let secret_text = json!({ "text": "hunter2", "more": 1 });
    world.ask(Who::Nobody, "GET", "/api/v1/problems?text=hunter2", None).await;
    world.ask(Who::Token(9), "GET", "/api/v1/problems", None).await;
    world.ask(Who::Token(1), "GET", "/api/v1/problems/12", None).await;
    world.ask(Who::Token(1), "POST", COMMENT, Some(&secret_text)).await;
    world.ask(Who::Token(1), "POST", "/api/v1/calls/31/start", Some(&json!({}))).await;
    let stale = request(Who::Token(1), "POST", COMMENT, Some(&json!({ "text": "x" })));
    world.send(with(stale, "if-match", "\"7\"")).await;
    // A read that finds nothing is no refusal.
    world.ask(Who::Token(1), "GET", "/api/v1/problems/999", None).await;
    let mut refusals = settled(&world, 6).await;
    refusals.sort();
    let said = |who: &str, what: &str, why: &str| (who.to_owned(), what.to_owned(), why.to_owned());
    assert_eq!(
        refusals,
        [
            said("nobody", "GET /api/v1/problems", "bad-token"),
            said("nobody", "GET /api/v1/problems", "no-token"),
            said("t1", "GET /api/v1/problems/12", "it belongs to somebody else"),
            said("t1", "POST /api/v1/calls/31/start", "missing-scope"),
            said("t1", "POST /api/v1/problems/11/comment", "invalid"),
            said("t1", "POST /api/v1/problems/11/comment", "stale"),
        ]
    );
    let everything = format!("{refusals:?}");
    assert!(!everything.contains("hunter2") && !everything.contains(SECRET));
}

#[tokio::test]
async fn whoever_is_refused_in_a_loop_does_not_fill_the_store() {
    let world = ready();
    for _ in 0..1_000 {
        world.ask(Who::Nobody, "GET", "/api/v1/problems", None).await;
        // So that records can go on their way.
        tokio::task::yield_now().await;
    }
    let written = settled(&world, 10).await.len();
    assert_eq!(written, 10);
    let mut readings = crate::Readings::default();
    world.api.readings(&mut readings);
    let readings = readings.settle();
    let value = |name: &str, code: Option<&str>| {
        let code_of = |it: &crate::readings::Reading| it.labels.first().map(|it| it.1.clone());
        let mut all = readings.iter();
        all.find(|it| it.name == name && code_of(it).as_deref() == code).map(|it| it.value)
    };
    assert_eq!(value("campanile_api_faults", Some("no-token")), Some(1_000.0));
    assert_eq!(value("campanile_api_refusals_unwritten", None), Some(990.0));
}

#[tokio::test]
async fn a_token_that_asks_too_often_waits_and_others_do_not() {
    let world = World::with(PACE, Duration::from_secs(10));
    world.let_in([token(1, &all_scopes(), None), token(2, &all_scopes(), None)]);
    let codes = async |who, count: usize| {
        let mut codes = Vec::new();
        for _ in 0..count {
            let heard = world.ask(Who::Token(who), "GET", "/api/v1/silences", None).await;
            codes.push(heard.status.as_u16());
        }
        codes
    };
    let burst = PACE.burst as usize;
    assert_eq!(codes(1, burst).await, vec![200; burst]);
    let heard = world.get("/api/v1/silences").await;
    assert_eq!((heard.status.as_u16(), &*heard.code()), (429, "too-many"));
    assert_eq!(heard.headers["retry-after"], "1");
    assert_eq!(codes(2, 3).await, [200; 3]);
    world.fake.pass(Duration::from_secs(1));
    let per_second = PACE.per_second as usize;
    assert_eq!(codes(1, per_second).await, vec![200; per_second]);
    assert_eq!(codes(1, 1).await, [429]);
}

/// In whatever number they come, commands cost no memory that stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_commands_leave_nothing_behind() {
    const COMMANDS: u64 = 100_000;
    let world = World::with(PACE, Duration::from_secs(10));
    world.let_in((1..=4).map(|id| token(id, &all_scopes(), None)));
    let body = json!({ "text": "x" });
    let (mut done, mut held_up) = (0, 0);
    for number in 0..COMMANDS {
        // Four tokens, together twice as fast as they may be.
        if number % 400 == 0 {
            world.fake.pass(Duration::from_secs(1));
        }
        let heard = world.ask(Who::Token(number % 4 + 1), "POST", COMMENT, Some(&body)).await;
        match heard.status.as_u16() {
            200 => done += 1,
            429 => held_up += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(world.fake.commands.load(SeqCst), done, "each was asked once");
    let bound = 4 * u64::from(PACE.burst) + COMMANDS / 400 * 4 * u64::from(PACE.per_second);
    assert!(done <= bound && done > bound - 1_000, "{done} done, {held_up} held up");
    let kept = world.fake.kept();
    assert_eq!(kept.problems[&11].version, 1 + done);
    let seconds = (COMMANDS / 400 + 1) as usize;
    assert!(kept.refusals.len() <= 10 * seconds, "{} records", kept.refusals.len());
}

#[tokio::test]
async fn a_new_token_is_shown_once_and_works() {
    let world = ready();
    let asked = json!({ "name": "robot", "scopes": ["read", "read"], "customers": ["acme"] });
    let heard = world.post("/api/v1/tokens", &asked).await;
    assert_eq!(heard.status, StatusCode::CREATED);
    let (id, shown) = (heard.json()["id"].as_u64().unwrap(), heard.json()["token"].clone());
    let shown = shown.as_str().unwrap();
    let (named, _) = secret::parse(shown).unwrap();
    assert_eq!(named, NoteId(id));
    let made = world.fake.kept().tokens[&id].clone();
    assert_eq!(made.scopes, [TokenScope::Read]);
    world.let_in([made, token(1, &all_scopes(), None)]);
    let list = world.get("/api/v1/tokens").await;
    let text = String::from_utf8(list.body).unwrap();
    assert!(text.contains("robot") && !text.contains(shown) && !text.contains("hash"));
    let get = request(Who::Nobody, "GET", "/api/v1/problems", None);
    let heard = world.send(with(get, "authorization", &format!("bearer {shown}"))).await;
    assert_eq!(heard.status, StatusCode::OK);
    assert_eq!(heard.json()["items"].as_array().unwrap().len(), 1);
    let again = with(
        request(Who::Token(1), "POST", "/api/v1/tokens", Some(&asked)),
        "idempotency-key",
        "k",
    );
    assert_eq!(world.send(again).await.status, StatusCode::BAD_REQUEST, "a secret is shown once");
    for wrong in [
        json!({ "name": "x", "scopes": [] }),
        json!({ "name": "x", "scopes": ["root"] }),
        json!({ "name": "x", "scopes": ["read"], "customers": [] }),
        json!({ "name": "", "scopes": ["read"] }),
        json!({ "name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z" }),
    ] {
        assert_eq!(
            world.post("/api/v1/tokens", &wrong).await.status,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
}
