//! Mails of real products, delivered over SMTP by swaks.

use serde_json::json;
use tests::{Certificate, Engine, until};

use crate::estate::{
    SMTP, address, checks, config, example, listening, port, proposals, reports, slots, swaks,
    talk, text_of, wait_for_slot,
};

/// What swaks says by its exit code when no recipient was taken.
const NO_RECIPIENT: i32 = 24;
/// Looks like a token, and is nobody's.
const STRANGER: &str = "backup+aaaaaaaaaaaaaaaaaaaaaaaaaa@in.msp.example";

#[test]
fn a_mail_over_starttls_is_understood_and_keeps_its_slot() {
    let certificate = Certificate::signed_for("localhost");
    let tls = format!(
        "  smtp: {{ listen: \"127.0.0.1:0\", tls only: yes, tls: {{ cert: \"{}\", key: \"{}\" }} }}\n",
        certificate.chain().display(),
        certificate.key().display()
    );
    let engine = listening(&tls, "  pve1 nightly: {}\n");
    let (api, port) = (engine.api(), port(&engine));
    let (to, mail) = (address(&api, "acme/pve1 nightly"), example("vzdump/good"));

    let plain = swaks(port, &to, &mail, &[]);
    assert!(talk(&plain).contains("530 5.7.0 STARTTLS first"), "{}", talk(&plain));
    assert!(reports(&api, "acme/pve1 nightly").is_empty());

    let authority = certificate.authority();
    let verified = ["--tls", "--tls-verify", "--tls-ca-path", authority.to_str().unwrap()];
    // Appliances shout, and mail systems on the way do.
    let sent = swaks(port, &to.to_uppercase(), &mail, &verified);
    assert!(sent.status.success(), "{}", talk(&sent));
    assert!(talk(&sent).contains("250 2.6.0 taken and kept"), "{}", talk(&sent));
    let slot = wait_for_slot(&api, "acme/pve1 nightly", "kept");
    assert_eq!(
        (&slot["size"], &slot["duration_secs"]),
        (&json!(83_150_566_851_u64), &json!(1_580))
    );
    let [report] = &reports(&api, "acme/pve1 nightly")[..] else { panic!("one report: {slot:#}") };
    assert_eq!(report["class"], "counted");
    assert_eq!(
        (&report["says"]["outcome"], &report["says"]["read_by"]),
        (&json!("ok"), &json!("vzdump"))
    );
    assert_eq!(report["proof"]["token"], true, "{report:#}");
    assert_eq!(slot["entries"][0]["report"], report["id"]);
    let text = text_of(&engine, &report["id"]);
    assert!(text.contains("ERROR: fs-freeze failed, continuing without it"), "{text}");

    // The same again is the same.
    let again = swaks(port, &to, &mail, &["--tls"]);
    assert!(again.status.success(), "{}", talk(&again));
    let classes: Vec<_> =
        reports(&api, "acme/pve1 nightly").iter().map(|it| it["class"].clone()).collect();
    assert_eq!(classes, ["duplicate", "counted"]);
    assert_eq!(slots(&api, "acme/pve1 nightly")[0]["entries"].as_array().unwrap().len(), 1);
    assert!(proposals(&api, "acme/pve1 nightly").is_empty());
}

#[test]
fn half_a_success_is_proposed_until_the_run_is_repeated() {
    const JOB: &str = "acme/pve1 nightly";
    let engine = listening(SMTP, "  pve1 nightly: {}\n");
    let (api, port) = (engine.api(), port(&engine));
    let to = address(&api, JOB);
    let sent = swaks(port, &to, &example("vzdump/one-guest"), &[]);
    assert!(sent.status.success(), "{}", talk(&sent));
    wait_for_slot(&api, JOB, "partial");
    let proposal = api.wait_for_item("/api/v1/proposals", |it| it["name"] == JOB);
    assert_eq!(proposal["state"], "open", "{proposal:#}");
    let evidence = proposal["evidence"]["text"].as_str().unwrap();
    assert!(evidence.starts_with("partial: "), "{proposal:#}");
    assert!(proposal["rule"].as_str().unwrap().starts_with("config.yaml:"), "{proposal:#}");

    let sent = swaks(port, &to, &example("vzdump/good"), &[]);
    assert!(sent.status.success(), "{}", talk(&sent));
    wait_for_slot(&api, JOB, "kept");
    let path = format!("/api/v1/proposals/{}", proposal["id"]);
    api.wait_for(&path, |it| it["state"] == "withdrawn");
    assert!(proposals(&api, JOB).is_empty());
    assert_eq!(slots(&api, JOB)[0]["entries"].as_array().unwrap().len(), 2);
}

#[test]
fn an_unknown_recipient_is_refused_while_the_sender_waits() {
    let engine = listening(SMTP, "  pve1 nightly: {}\n");
    let (api, port) = (engine.api(), port(&engine));
    let elsewhere = "backup@elsewhere.example";
    for to in [STRANGER, elsewhere, "backup@in.msp.example", "root@in.msp.example"] {
        let sent = swaks(port, to, &example("vzdump/good"), &[]);
        assert_eq!(sent.status.code(), Some(NO_RECIPIENT), "{}", talk(&sent));
        assert!(talk(&sent).contains("550 5.1.1"), "{}", talk(&sent));
    }
    assert!(api.list("/api/v1/reports").is_empty());
}

#[test]
fn where_unclaimed_mails_are_kept_nothing_is_lost_and_nothing_silenced() {
    const JOB: &str = "acme/pve1 nightly";
    let inlet = format!("{SMTP}  unclaimed: keep\n");
    let engine = Engine::start(&config(&inlet), &[("acme", &checks("  pve1 nightly: {}\n"))]);
    let (api, port) = (engine.api(), port(&engine));
    let sent = swaks(port, STRANGER, &example("vzdump/good"), &[]);
    assert!(sent.status.success(), "{}", talk(&sent));
    let report = api.wait_for_item("/api/v1/reports?class=unclaimed", |_| true);
    assert_eq!((&report["watchdog"], &report["customer"]), (&json!(null), &json!("")));
    assert!(reports(&api, JOB).is_empty());
    let open = slots(&api, JOB);
    assert!(open.iter().all(|it| it["slot"]["standing"] == "open"), "{open:#?}");
    // What is relayed for others stays refused.
    let sent = swaks(port, "anna@elsewhere.example", &example("vzdump/good"), &[]);
    assert_eq!(sent.status.code(), Some(NO_RECIPIENT), "{}", talk(&sent));

    // It outlives a power failure, and a person says for whom it is.
    let engine = Engine::start_in(engine.kill9());
    let api = engine.api();
    let path = format!("/api/v1/reports/{}/claim", report["id"]);
    let claimed = until("the desk", || {
        let answer = api.ask("POST", &path, Some(&json!({ "watchdog": JOB })));
        if answer.code == 503 { Err(answer.body.to_string()) } else { Ok(answer) }
    });
    assert_eq!(claimed.code, 200, "{claimed:?}");
    wait_for_slot(&api, JOB, "kept");
    assert!(api.list("/api/v1/reports?class=unclaimed").is_empty());
}
