//! Anybody may raise alarm; who cannot prove himself silences nothing.

use serde_json::{Value as Json, json};
use tests::{Api, Engine};

use crate::estate::{
    example_text, listening, port, proposals, reports, slots, swaks, talk, wait_for_slot,
};

const JOB: &str = "acme/pve1 nightly";
/// A way for everybody, and one behind a server of ours, which says from whom it has a mail.
const TWO_WAYS: &str = "\
\x20 smtp:
    open: { listen: \"127.0.0.1:0\" }
";
const BEHIND_OURS: &str = "\
\x20 smtp:
    lan: { listen: \"127.0.0.1:0\", relays: [127.0.0.0/8] }
";
const OF_THE_NAS: &str = "Received: from pve1 (pve1.acme.example [192.0.2.9]) by mail.msp.example \
                          with ESMTP id 7; Mon, 21 Sep 2026 03:12:50 +0200\n";
const OF_A_STRANGER: &str = "Received: from pve1 (pve1.acme.example [203.0.113.9]) by \
                             mail.msp.example with ESMTP id 8; Mon, 21 Sep 2026 03:12:50 +0200\n";

fn job(trust: &str) -> String {
    format!(
        "  pve1 nightly: {{ mail: {{ subject: \"vzdump backup status*\" }}, trust: {trust} }}\n"
    )
}

/// Sends an example to a mailbox that everybody knows; `number` makes it one of its own.
fn send(engine: &Engine, name: &str, head: &str, number: u32) {
    let text = example_text(name).replace("Message-ID: <", &format!("Message-ID: <{number}."));
    let text = text.replace("2026 03:12:44", &format!("2026 03:12:{:02}", 10 + number));
    let file = engine.sandbox().write(&format!("{number}.eml"), &(head.to_owned() + &text));
    let sent = swaks(port(engine), "backup@in.msp.example", &file, &[]);
    assert!(sent.status.success(), "{}", talk(&sent));
}

fn last(api: &Api) -> Json {
    reports(api, JOB).into_iter().next().unwrap_or_else(|| panic!("nothing was heard"))
}

fn is_open(api: &Api) -> bool {
    slots(api, JOB).iter().all(|it| it["slot"]["standing"] == "open")
}

#[test]
fn a_forged_success_silences_nothing_and_a_forged_failure_raises() {
    for trust in ["{ relay: [192.0.2.0/24] }", "{ dkim: acme.example }"] {
        let engine = listening(TWO_WAYS, &job(trust));
        let api = engine.api();
        // Who says of himself from where a mail is says nothing.
        send(&engine, "vzdump/good", OF_THE_NAS, 1);
        let forged = last(&api);
        assert_eq!(
            (&forged["class"], &forged["peer"]),
            (&json!("unproved"), &json!("127.0.0.1")),
            "{trust}"
        );
        assert!(is_open(&api), "{trust}");
        assert!(proposals(&api, JOB).is_empty(), "{trust}");

        send(&engine, "vzdump/one-guest", "", 2);
        assert_eq!(last(&api)["class"], "counted", "{trust}");
        wait_for_slot(&api, JOB, "partial");
        let proposal = api.wait_for_item("/api/v1/proposals", |it| it["name"] == JOB);
        // And what was raised is not silenced again by the same.
        send(&engine, "vzdump/good", "", 3);
        assert_eq!(last(&api)["class"], "unproved", "{trust}");
        wait_for_slot(&api, JOB, "partial");
        let path = format!("/api/v1/proposals/{}", proposal["id"]);
        assert_eq!(api.get(&path)["state"], "open", "{trust}");
    }
}

#[test]
fn behind_a_relay_of_ours_it_counts_from_whom_the_relay_has_it() {
    let engine = listening(BEHIND_OURS, &job("{ relay: [192.0.2.0/24] }"));
    let api = engine.api();
    send(&engine, "vzdump/good", OF_A_STRANGER, 1);
    let stranger = last(&api);
    assert_eq!(
        (&stranger["class"], &stranger["peer"]),
        (&json!("unproved"), &json!("203.0.113.9"))
    );
    // The relay's own word stands on top of what others have written.
    send(&engine, "vzdump/good", &format!("{OF_A_STRANGER}{OF_THE_NAS}"), 2);
    assert_eq!(last(&api)["class"], "unproved");
    assert!(is_open(&api));
    send(&engine, "vzdump/good", &format!("{OF_THE_NAS}{OF_A_STRANGER}"), 3);
    let good = last(&api);
    assert_eq!(
        (&good["class"], &good["proof"]["relay"]),
        (&json!("counted"), &json!(true)),
        "{good:#}"
    );
    wait_for_slot(&api, JOB, "kept");
}

#[test]
fn a_mail_that_everybody_can_write_needs_the_secret_address() {
    let engine = listening(TWO_WAYS, &job("token"));
    let api = engine.api();
    send(&engine, "vzdump/good", "", 1);
    assert_eq!(last(&api)["class"], "unproved");
    assert!(is_open(&api));
}
