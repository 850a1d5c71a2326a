//! The channel `email` against a real postfix: over TLS that an authority of our own vouches for,
//! with a login, into a box.

#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code; a panic is how a test reports"
)]

use std::{collections::BTreeMap, sync::atomic::AtomicBool, sync::atomic::Ordering::Relaxed};

use serde_json::Value as Json;
use tests::{Api, Asked, Door, Engine, Ferry, Letter, Postfix, Receiver};

const ANNA: &str = "anna@msp.example";
/// Nobody has such a box.
const GHOST: &str = "ghost@msp.example";
const DOOR: &str = "acme/-/door";

/// One who is told by mail over `port`, and one whose address is wrong; what cannot be delivered
/// goes to `receiver`.
fn config(postfix: &Postfix, port: u16, receiver: &Receiver, to: &str) -> String {
    let (user, password) = postfix.account();
    format!(
        "engine: {{ listen: 127.0.0.1:0, data: data }}\n\
         checks: [checks]\n\
         people:\n\
         \x20 anna: {{ name: Anna Roth, email: {ANNA} }}\n\
         \x20 ghost: {{ name: Gus Host, email: {GHOST} }}\n\
         channels:\n\
         \x20 mail: {{ type: email, server: localhost, port: {port}, from: \"Campanile \
         <noc@acme.example>\", user: {user}, password: {password}, ca: \"{}\", group: off, fallback: \
         psa }}\n\
         \x20 psa: {{ type: webhook, url: \"{}\" }}\n\
         contracts:\n\
         \x20 gold: {{ hours: always, respond: 15m, resolve: 4h, policy: urgent }}\n\
         policies:\n\
         \x20 urgent: {{ alert: [{{ after: 0m, to: {to}, via: [mail] }}] }}\n",
        postfix.authority().display(),
        receiver.url("psa"),
    )
}

fn watching(config: &str, door: &Door) -> Engine {
    let checks = format!(
        "customer: acme\nname: ACME\ncontract: gold\nflapping: off\nevery: 1s\ntimeout: \
         500ms\nretry: 2 x 500ms\nservices:\n  door: {{ tcp: \"{}\" }}\n",
        door.address()
    );
    let engine = Engine::start(config, &[("acme", &checks)]);
    engine.wait_for_hard(DOOR, 0);
    engine
}

/// The alert of this kind, once it is in this state.
fn alert_in(api: &Api, kind: &str, state: &str) -> Json {
    api.wait_for_item("/api/v1/alerts?state=all", |it| {
        it["channel"] == "mail" && it["kind"] == kind && it["state"] == state
    })
}

/// What every mail of an alert is called, by the alert's key.
fn message_id(engine: &Engine, kind: &str) -> String {
    let query = format!("SELECT key FROM alert WHERE channel = 'mail' AND kind = '{kind}'");
    let rows = engine.sandbox().sql(&query);
    assert_eq!(rows.len(), 1, "{rows:?}");
    format!("<{}@acme.example>", rows[0]["key"].as_str().unwrap())
}

fn ids(mails: &[Letter]) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for it in mails {
        *ids.entry(it.header("Message-ID")).or_default() += 1;
    }
    ids
}

#[test]
fn a_mail_arrives_over_tls_after_a_login_and_is_named_after_its_alert() {
    let (postfix, receiver, mut door) = (Postfix::start(&[ANNA]), Receiver::new(), Door::new());
    let engine = watching(&config(&postfix, postfix.port(), &receiver, "anna"), &door);
    let api = engine.api();
    door.close();
    let mails = postfix.wait_for_mails(ANNA, 1);
    alert_in(&api, "trigger", "delivered");
    let trigger = &mails[0];
    assert_eq!(trigger.header("Message-ID"), message_id(&engine, "trigger"));
    assert!(trigger.header("To").contains(ANNA), "{trigger:#?}");
    assert!(trigger.header("Subject").contains(DOOR), "{trigger:#?}");
    assert_eq!(trigger.header("Auto-Submitted"), "auto-generated");
    let received = trigger.header("Received");
    assert!(received.contains("using TLSv1.3"), "{received}");
    assert!(postfix.log().contains("sasl_username=noc"), "{}", postfix.log());

    door.open();
    postfix.wait_for_mails(ANNA, 2);
    alert_in(&api, "resolve", "delivered");
    let mails = postfix.mails_of(ANNA);
    let expected = [message_id(&engine, "trigger"), message_id(&engine, "resolve")];
    assert_eq!(ids(&mails), expected.map(|it| (it, 1)).into());
    assert!(mails.iter().all(|it| it.header("References") == trigger.header("References")));
    assert!(receiver.taken().is_empty(), "{:#?}", receiver.taken());
}

#[test]
fn a_grey_list_is_met_again_and_the_mail_arrives_once() {
    let (postfix, receiver, mut door) = (Postfix::start(&[ANNA]), Receiver::new(), Door::new());
    let known = AtomicBool::new(false);
    postfix.decide(move |asked: &Asked| match asked.state.as_str() {
        "RCPT" if !known.swap(true, Relaxed) => "450 4.2.0 grey-listed, come again".to_owned(),
        _ => "DUNNO".to_owned(),
    });
    let engine = watching(&config(&postfix, postfix.port(), &receiver, "anna"), &door);
    let api = engine.api();
    door.close();
    let waits = api.wait_for_item("/api/v1/alerts?state=all", |it| {
        it["channel"] == "mail" && it["attempts"] != 0
    });
    let fault = waits["fault"].as_str().unwrap_or_default();
    let seen_too_late = waits["state"] == "delivered";
    assert!(seen_too_late || fault.contains("450 4.2.0"), "{waits:#}");
    let mails = postfix.wait_for_mails(ANNA, 1);
    let done = alert_in(&api, "trigger", "delivered");
    assert_eq!(ids(&mails), [(message_id(&engine, "trigger"), 1)].into());
    let asked: Vec<String> = postfix.asked().into_iter().map(|it| it.state).collect();
    assert_eq!(asked, ["RCPT", "RCPT", "END-OF-MESSAGE"], "{done:#}");
}

#[test]
fn a_box_that_does_not_exist_is_dead_at_once_and_goes_to_the_fallback() {
    let (postfix, receiver, mut door) = (Postfix::start(&[ANNA]), Receiver::new(), Door::new());
    let engine = watching(&config(&postfix, postfix.port(), &receiver, "ghost"), &door);
    let api = engine.api();
    door.close();
    let dead = alert_in(&api, "trigger", "dead");
    assert_eq!(dead["attempts"], 1, "{dead:#}");
    assert!(dead["fault"].as_str().unwrap().contains("550 5.1.1"), "{dead:#}");
    receiver.wait_for("the fallback", |taken| taken.iter().any(|it| it.says("trigger", DOOR)));
    assert!(postfix.mails_of(ANNA).is_empty());
}

#[test]
fn a_repeat_bears_the_name_of_what_it_repeats() {
    let (postfix, receiver, mut door) = (Postfix::start(&[ANNA]), Receiver::new(), Door::new());
    let ferry = Ferry::to(postfix.port());
    let muted = ferry.clone();
    let heard = AtomicBool::new(false);
    // Of the first mail nobody hears that it was taken.
    postfix.decide(move |asked: &Asked| {
        if asked.state == "END-OF-MESSAGE" && !heard.swap(true, Relaxed) {
            muted.mute();
        }
        "DUNNO".to_owned()
    });
    let engine = watching(&config(&postfix, ferry.port(), &receiver, "anna"), &door);
    let api = engine.api();
    door.close();
    postfix.wait_for_mails(ANNA, 1);
    ferry.cut();
    let mails = postfix.wait_for_mails(ANNA, 2);
    alert_in(&api, "trigger", "delivered");
    assert_eq!(ids(&mails), [(message_id(&engine, "trigger"), 2)].into(), "twice the same");
}
