//! `campanile watchdog` at an engine that hears.

use std::process::Output;

use serde_json::{Value as Json, json};
use tests::{Api, Engine, until};

use crate::estate::{address, example_text, listening, reports, wait_for_slot};

const JOBS: &str = "\
\x20 pve1 nightly: {}
\x20 restore test: { person: yes, runbook: Restore one mailbox and open it. }
";
const JOB: &str = "acme/pve1 nightly";
const DUTY: &str = "acme/restore test";

fn run(engine: &Engine, words: &[&str]) -> Output {
    let sandbox = engine.sandbox();
    let token = std::fs::read_to_string(sandbox.path().join("data/admin.token")).unwrap();
    let mut command = sandbox.command();
    command.env("CAMPANILE_ENGINE", format!("http://{}", engine.address()));
    command.env("CAMPANILE_TOKEN", token.trim());
    command.arg("watchdog").args(words).output().unwrap()
}

/// What it says when it does what it should.
fn say(engine: &Engine, words: &[&str]) -> String {
    let output = run(engine, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// An example, addressed to somebody.
fn file(engine: &Engine, name: &str, to: &str) -> String {
    let text = example_text(name);
    let given = text.lines().find_map(|it| it.strip_prefix("To: ")).unwrap();
    engine.sandbox().write("mail.eml", &text.replace(given, to)).display().to_string()
}

fn begin() -> (Engine, Api) {
    let engine = listening("  unclaimed: keep\n", JOBS);
    let api = engine.api();
    until("both watchdogs", || match api.list("/api/v1/watchdogs").len() {
        2 => Ok(()),
        count => Err(count.to_string()),
    });
    (engine, api)
}

#[test]
fn a_watchdog_is_listed_shown_and_expected() {
    let (engine, api) = begin();
    let list = say(&engine, &["list"]);
    assert!(list.contains(JOB) && list.contains(DUTY), "{list}");
    let shown = say(&engine, &["show", JOB]);
    for part in [JOB, "checks/acme.yaml:", &address(&api, JOB), "/badge/", "trust", "token"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    let shown = say(&engine, &["show", DUTY]);
    assert!(shown.contains("Restore one mailbox and open it."), "{shown}");
    let calendar = say(&engine, &["calendar", JOB, "--days", "3"]);
    let runs = calendar.lines().filter(|it| it.contains(JOB)).count();
    assert!((2..=4).contains(&runs), "{calendar}");
    assert!(!calendar.contains(DUTY), "{calendar}");
    let both = say(&engine, &["calendar"]);
    assert!(both.contains(JOB) && both.contains(DUTY), "{both}");
    let unknown = run(&engine, &["show", "acme/nothing"]);
    assert!(!unknown.status.success() && unknown.stdout.is_empty(), "{unknown:?}");
}

#[test]
fn a_mail_is_tried_without_a_trace_and_then_fed() {
    let (engine, api) = begin();
    let mail = file(&engine, "vzdump/good", &address(&api, JOB));
    let tried = say(&engine, &["test", &mail]);
    assert!(tried.contains("acme/pve1 nightly: ok (read by vzdump)"), "{tried}");
    assert!(tried.contains("took: 26m 20s") && tried.contains("proves: token"), "{tried}");
    assert!(api.list("/api/v1/reports").is_empty());
    let fed = say(&engine, &["feed", &mail]);
    assert!(fed.starts_with("acme/pve1 nightly, report "), "{fed}");
    wait_for_slot(&api, JOB, "kept");
    let [report] = &reports(&api, JOB)[..] else { panic!("{fed}") };
    assert_eq!(report["proof"]["vouched"], "admin", "{report:#}");
    let listed = say(&engine, &["list", "--standing", "kept"]);
    assert!(listed.contains(JOB) && !listed.contains(DUTY), "{listed}");
    let shown = say(&engine, &["show", JOB]);
    assert!(shown.contains("kept") && shown.contains("77.4 GiB"), "{shown}");
}

#[test]
fn an_unclaimed_mail_is_claimed_or_put_away() {
    let (engine, api) = begin();
    for (name, at) in [("vzdump/good", 1), ("kopia/good", 2)] {
        let mail = file(&engine, name, "backup@in.msp.example");
        let fed = say(&engine, &["feed", &mail]);
        assert!(fed.starts_with("nobody is found for it, report "), "{fed}");
        api.wait_for("/api/v1/reports?class=unclaimed", |it| {
            it["items"].as_array().unwrap().len() == at
        });
    }
    let listed = say(&engine, &["reports", "--class", "unclaimed", "-o", "json"]);
    let listed: Json = serde_json::from_str(&listed).unwrap();
    let items = listed["items"].as_array().unwrap_or_else(|| panic!("{listed:#}")).clone();
    let id_of = |read_by: &str| {
        let found = items.iter().find(|it| it["says"]["read_by"] == read_by);
        found.unwrap_or_else(|| panic!("{items:#?}"))["id"].to_string()
    };
    let (good, other) = (id_of("vzdump"), id_of("kopia"));
    say(&engine, &["claim", &good, JOB]);
    wait_for_slot(&api, JOB, "kept");
    say(&engine, &["drop", &other]);
    assert!(api.list("/api/v1/reports?class=unclaimed").is_empty());
    let again = run(&engine, &["claim", &good, JOB]);
    assert!(!again.status.success(), "{again:?}");
}

#[test]
fn a_duty_is_ticked_off_with_a_note_and_nobody_ticks_for_a_machine() {
    let (engine, api) = begin();
    say(&engine, &["tick", DUTY, "--text", "mailbox of the office, 12 mails opened"]);
    wait_for_slot(&api, DUTY, "kept");
    let [report] = &reports(&api, DUTY)[..] else { panic!("one tick") };
    assert_eq!(report["says"]["text"], "mailbox of the office, 12 mails opened");
    assert_eq!(report["says"]["title"], "ticked off by admin");
    let machine = run(&engine, &["tick", JOB]);
    assert!(!machine.status.success(), "{machine:?}");
    assert!(String::from_utf8_lossy(&machine.stderr).contains("a machine"), "{machine:?}");

    say(&engine, &["pause", JOB, "--text", "the server is being moved"]);
    assert!(say(&engine, &["list"]).contains("(paused)"));
    let shown = say(&engine, &["show", JOB, "-o", "json"]);
    let shown: Json = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["watchdog"]["pause"]["text"], json!("the server is being moved"));
    say(&engine, &["resume", JOB]);
    assert!(!say(&engine, &["list"]).contains("(paused)"));
}
