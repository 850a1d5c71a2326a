//! What holds for every channel: no text from outside does harm, and no secret comes back.

use std::collections::BTreeSet;

use model::{Alert, AlertKind, Delivery};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::{
    MARK, SIGN, params_for,
    receiver::{Act, Heard, Receiver},
    run,
};
use crate::{CATALOGUE, Contact, Teller, build, testing};

/// Alerts that each channel is given.
const CASES: u32 = 48;

/// All that a request of ours may have.
const HEADERS: [&str; 10] = [
    "authorization",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-api-key",
];

/// What all of them call taken.
fn taken() -> Act {
    Act::answer("202 Accepted", "", r#"{"ok": true, "id": "x"}"#)
}

/// Every channel but `email`, which has tests of its own.
fn kinds() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|it| it.spec.name).filter(|it| *it != "email")
}

fn contact() -> Contact {
    Contact { name: "anna".into(), title: "Anna".into(), address: "+39 02".into() }
}

#[test]
fn no_text_from_outside_does_harm() {
    for kind in kinds() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let receiver = runtime.block_on(Receiver::start(None, |_, _| taken()));
        let teller = build(kind, &params_for(kind, receiver.address)).unwrap().unwrap();
        let world = testing::world();
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let told = TestRunner::new(config).run(&testing::hostile_alert(), |alert| {
            let before = receiver.heard().len();
            let delivery = runtime.block_on(teller.deliver(&world, &alert, &contact()));
            assert_eq!(delivery, Delivery::Taken, "{kind}");
            for heard in &receiver.heard()[before..] {
                judge(kind, heard);
            }
            Ok(())
        });
        told.unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

fn judge(kind: &str, heard: &Heard) {
    for (name, _) in &heard.headers {
        assert!(HEADERS.contains(&&*name.to_lowercase()), "{kind} sent a header {name}");
    }
    let body = heard.json();
    match kind {
        "slack" => judge_slack(&body),
        "teams" => judge_teams(&body),
        "ntfy" => {
            assert!(body["title"].as_str().unwrap().len() <= 1024);
            assert!(body["message"].as_str().unwrap().len() <= 4096);
        }
        "telegram" => judge_telegram(&body),
        "sms" => assert!(body["message"].as_str().unwrap().chars().count() <= 459),
        "pagerduty" => judge_pagerduty(&body),
        "alertmanager" | "alertmanager-webhook" => judge_alerts(&body),
        // The whole alert is their business; it is JSON, and that is all.
        "webhook" | "ticket" => return,
        other => panic!("what may `{other}` send?"),
    }
    if !kind.starts_with("alertmanager") && kind != "pagerduty" {
        texts(&body).iter().for_each(|it| assert!(is_harmless(it), "{kind}: {it:?}"));
    }
}

fn judge_slack(body: &Value) {
    let blocks = body["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()));
    let mut marked_up = vec![&body["text"]];
    for block in blocks {
        let text = block["text"]["text"].as_str().unwrap_or_default().chars().count();
        assert!(text <= if block["type"] == "header" { 150 } else { 3000 });
        if block["text"]["type"] == "mrkdwn" {
            marked_up.push(&block["text"]["text"]);
            assert_eq!(block["text"]["verbatim"], true, "it would look for mentions");
        }
    }
    for text in marked_up {
        let text = text.as_str().unwrap();
        assert!(!text.contains(['<', '>']), "{text}");
    }
}

fn judge_teams(body: &Value) {
    assert!(2 * body.to_string().encode_utf16().count() <= 28 << 10);
    let card = &body["attachments"][0]["content"];
    assert!(card["msteams"].get("entities").is_none(), "a mention");
    for block in card["body"].as_array().unwrap() {
        assert_eq!(block["type"], "RichTextBlock", "others read Markdown");
    }
}

fn judge_telegram(body: &Value) {
    let text = body["text"].as_str().unwrap();
    assert!(!text.trim().is_empty() && text.encode_utf16().count() <= 4096);
    if body.get("parse_mode").is_some() {
        let bare = text.replacen("<b>", "", 1).replacen("</b>", "", 1);
        assert!(!bare.contains(['<', '>']), "{text}");
        for entity in bare.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{entity}");
        }
    }
}

fn judge_pagerduty(body: &Value) {
    assert!(body.to_string().len() <= 512 << 10);
    assert!(body["dedup_key"].as_str().unwrap().len() <= 255);
    let Some(payload) = body.get("payload") else { return };
    let summary = payload["summary"].as_str().unwrap();
    assert!(!summary.is_empty() && summary.chars().count() <= 1024);
    assert!(!payload["source"].as_str().unwrap().is_empty());
    for field in ["summary", "source", "component", "group", "class"] {
        let text = payload[field].as_str().unwrap();
        assert!(is_harmless(text) && !text.contains('\n'), "{field}: {text:?}");
    }
}

fn judge_alerts(body: &Value) {
    let alerts = body.as_array().or_else(|| body["alerts"].as_array()).unwrap();
    assert!(!alerts.is_empty());
    for alert in alerts {
        for (name, value) in alert["labels"].as_object().unwrap() {
            let allowed = |it: char| it.is_ascii_alphanumeric() || it == '_';
            assert!(name.chars().all(allowed) && !name.starts_with(|it: char| it.is_ascii_digit()));
            let value = value.as_str().unwrap();
            assert!(!value.is_empty() && is_harmless(value), "{name}: {value:?}");
        }
        let names: BTreeSet<&String> = alert["annotations"].as_object().unwrap().keys().collect();
        assert!(names.len() <= 7, "{names:?}");
    }
}

/// All texts in `value`.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Neither moves a cursor nor turns the direction of what follows.
fn is_harmless(text: &str) -> bool {
    let turns = |it: char| matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}');
    !text.chars().any(|it| turns(it) || it.is_control() && !matches!(it, '\n' | '\t'))
}

/// Says back all that it was told, and what it means.
fn echo(kind: &str, status: &str, heard: &Heard) -> Act {
    let headers: Vec<String> =
        heard.headers.iter().map(|it| format!("{}={}", it.0, it.1)).collect();
    let body = String::from_utf8_lossy(&heard.body);
    let meant = match kind {
        "ntfy" => "token-s3cr3t",
        "telegram" => "12345:token-s3cr3t, token-s3cr3t",
        _ => "robot, pass-s3cr3t",
    };
    let said = format!("{meant} {} {} {body}", heard.line, headers.join(" "));
    Act::answer(status, "Location: /in/path-s3cr3t\r\n", &said)
}

#[test]
fn no_receiver_can_make_us_repeat_a_secret() {
    run(async {
        for kind in kinds() {
            let statuses = [
                "200 OK",
                "302 Found",
                "400 Bad Request",
                "401 Unauthorized",
                "429 Too Many Requests",
                "500 Internal Server Error",
            ];
            let receiver = Receiver::start(None, move |number, heard| match statuses.get(number) {
                Some(status) => echo(kind, status, heard),
                None => Act::Reset,
            })
            .await;
            let params = params_for(kind, receiver.address);
            let teller = build(kind, &params).unwrap().unwrap();
            let alert = testing::alert(AlertKind::Trigger);
            for _ in 0..=statuses.len() {
                let fault = fault_of(&*teller, &alert).await;
                assert!(!fault.contains(MARK), "{kind}: {fault}");
                assert!(!fault.contains(SIGN), "{kind}: {fault}");
            }
            assert!(receiver.heard().len() > statuses.len(), "{kind} was told everything");
        }
    });
}

/// What went wrong; nothing if nothing did.
async fn fault_of(teller: &dyn Teller, alert: &Alert) -> String {
    match teller.deliver(&testing::world(), alert, &contact()).await {
        Delivery::Taken => String::new(),
        Delivery::Later { fault, .. } | Delivery::Never { fault } => fault,
    }
}
