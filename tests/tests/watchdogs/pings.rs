//! Pings of scripts, by curl.

use std::process::{Command, Output};

use serde_json::{Value as Json, json};
use tests::{Api, Engine};

use crate::estate::{address, listening, ping, proposals, reports, slots, text_of, wait_for_slot};

const JOBS: &str = "\
\x20 plain: { ping: yes }
\x20 headed: { ping: yes }
\x20 posted: { ping: yes }
\x20 paired: { ping: yes }
\x20 failed: { ping: yes }
\x20 coded: { ping: yes }
\x20 noted: { ping: yes }
\x20 mailed: {}
";
const RUN: &str = "728b3763-4f9c-4b7a-8d2f-0123456789ab";

/// What curl says by its exit code when the server has refused.
const REFUSED: i32 = 22;

fn curl(engine: &Engine, path: &str, more: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["--noproxy", "*", "-fsS", "-i", "-m", "30"]).args(more);
    command.arg(format!("http://{}{path}", engine.address()));
    command.output().unwrap_or_else(|error| panic!("curl: {error}"))
}

/// Pings as scripts do, and must be told that it is kept.
fn pinged(engine: &Engine, path: &str, more: &[&str]) {
    let output = curl(engine, path, more);
    assert!(output.status.success(), "{path}: {output:?}");
    let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(said.starts_with("http/1.1 200"), "{said}");
    assert!(said.contains("ping-body-limit: 100000"), "{said}");
    assert!(said.ends_with("ok") || more.contains(&"-I"), "{said}");
}

fn only(api: &Api, job: &str) -> Json {
    let mut all = reports(api, job);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn pings_of_every_shape_count_and_their_bodies_are_shown() {
    let engine = listening("", JOBS);
    let api = engine.api();
    let path = |job: &str| ping(&api, &format!("acme/{job}"));

    pinged(&engine, &path("plain"), &[]);
    pinged(&engine, &path("headed"), &["-I"]);
    for job in ["acme/plain", "acme/headed"] {
        wait_for_slot(&api, job, "kept");
        assert_eq!(only(&api, job)["says"]["outcome"], "ok");
    }

    let body = "12 volumes written\n<b>no</b> volume left out \u{1b}[31m\n";
    pinged(&engine, &path("posted"), &["--data-binary", body]);
    wait_for_slot(&api, "acme/posted", "kept");
    let posted = only(&api, "acme/posted");
    assert_eq!(posted["says"]["title"], "12 volumes written");
    let shown = text_of(&engine, &posted["id"]);
    assert!(shown.contains("12 volumes written\n<b>no</b> volume left out"), "{shown:?}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");

    let (begin, end) = (path("paired") + "/start", path("paired") + "/0");
    pinged(&engine, &format!("{begin}?rid={RUN}"), &[]);
    let form = api.get("/api/v1/watchdogs/acme%2Fpaired");
    assert!(form["running_since"].is_string(), "{form:#}");
    assert_eq!(slots(&api, "acme/paired")[0]["slot"]["standing"], "open");
    pinged(&engine, &format!("{end}?rid={RUN}"), &[]);
    wait_for_slot(&api, "acme/paired", "kept");
    assert!(api.get("/api/v1/watchdogs/acme%2Fpaired")["running_since"].is_null());

    pinged(&engine, &(path("noted") + "/log"), &["--data-binary", "half way through"]);
    let noted = only(&api, "acme/noted");
    assert_eq!(noted["class"], "aside");
    assert!(text_of(&engine, &noted["id"]).contains("half way through"));
    assert_eq!(slots(&api, "acme/noted")[0]["slot"]["standing"], "open");
}

#[test]
fn a_failure_is_proposed_at_once_and_a_repeat_that_went_well_takes_it_back() {
    let engine = listening("", JOBS);
    let api = engine.api();
    let path = |job: &str| ping(&api, &format!("acme/{job}"));
    pinged(&engine, &(path("failed") + "/fail"), &["--data-binary", "no space left on /backup"]);
    pinged(&engine, &(path("coded") + "/3"), &[]);
    for (job, says) in [("acme/failed", "no space left on /backup"), ("acme/coded", "exit code 3")]
    {
        wait_for_slot(&api, job, "failed");
        let proposal = api.wait_for_item("/api/v1/proposals", |it| it["name"] == job);
        let evidence = proposal["evidence"]["text"].as_str().unwrap();
        assert!(evidence.contains(says), "{proposal:#}");
    }
    pinged(&engine, &path("failed"), &[]);
    wait_for_slot(&api, "acme/failed", "kept");
    tests::until("the proposal to be withdrawn", || {
        let open = proposals(&api, "acme/failed");
        if open.is_empty() { Ok(()) } else { Err(format!("{open:#?}")) }
    });
    assert_eq!(proposals(&api, "acme/coded").len(), 1);
}

#[test]
fn what_is_no_ping_is_refused_and_of_what_is_too_long_the_begin_is_kept() {
    let engine = listening("  smtp: { listen: \"127.0.0.1:0\" }\n", JOBS);
    let api = engine.api();
    let good = ping(&api, "acme/plain");
    let of_mail = address(&api, "acme/mailed");
    let of_mail = of_mail.split(['+', '@']).nth(1).unwrap();
    let nowhere = [
        "/ping/aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        format!("/ping/{of_mail}"),
        format!("{good}/256"),
        format!("{good}/well"),
    ];
    for path in nowhere {
        let output = curl(&engine, &path, &[]);
        assert_eq!(output.status.code(), Some(REFUSED), "{path}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("404"), "{path}: {said}");
    }
    assert!(api.list("/api/v1/reports").is_empty());

    let long = "x".repeat(150_000);
    let file = engine.sandbox().write("long", &long);
    let from_file = format!("@{}", file.display());
    pinged(&engine, &good, &["--data-binary", &from_file]);
    wait_for_slot(&api, "acme/plain", "kept");
    let report = only(&api, "acme/plain");
    assert_eq!(report["says"]["outcome"], json!("ok"));
    assert_eq!(text_of(&engine, &report["id"]).trim().len(), 100_000);
}
