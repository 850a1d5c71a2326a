//! A schedule that nobody has written: it is suggested from what came, accepted by a person, and
//! holds from then on, also after a crash.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    process::Output,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value as Json;
use tests::{Api, Engine, Sandbox, encoded, until, until_within};

const JOB: &str = "acme/copy";
const CONFIG: &str = "\
engine: { listen: 127.0.0.1:0, data: data }
checks: [checks]
defaults: { policy: business }
policies: { business: { propose: at once } }
inlet: { domains: [in.msp.example], smtp: { listen: \"127.0.0.1:0\" } }
";
const DAY_SECS: u64 = 86_400;
/// Runs ended at this time of the day, so long ago.
const AGO_SECS: u64 = 6 * 3_600;
/// A run is expected every minute, and that is missed soon after the next one.
const MINUTE_MISSED: Duration = Duration::from_secs(180);

fn checks(expect: &str) -> String {
    let how = "ok: subject has \"done\", sender date: trusted, early: 1s, grace: 2s";
    format!(
        "customer: acme\ntimezone: UTC\nwatchdogs:\n  copy: {{ ping: yes, {how}, expect: {expect} }}\n"
    )
}

/// An engine whose one job learns.
fn learning() -> Engine {
    Engine::start(CONFIG, &[("acme", &checks("learn"))])
}

/// Its interface, once it hears.
fn api_of(engine: &Engine) -> Api {
    let api = engine.api();
    until("an engine that hears", || {
        let answer = api.ask("GET", &path(), None);
        if answer.code == 200 { Ok(()) } else { Err(answer.body.to_string()) }
    });
    api
}

fn path() -> String {
    format!("/api/v1/watchdogs/{}", encoded(JOB))
}

/// Asks the engine by `campanile watchdog`.
fn watchdog(engine: &Engine, words: &[&str]) -> Output {
    let place = format!("http://{}", engine.address());
    let reach = ["--engine", &place, "--token-file", "data/admin.token", "-o", "json"];
    engine.sandbox().campanile(&[&["watchdog"], words, &reach].concat())
}

fn done(output: &Output) -> Json {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or(Json::Null)
}

/// A mail about a run that ended so many days and a few hours ago.
fn mail(to: &str, days_ago: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let ended = now - AGO_SECS - days_ago * DAY_SECS;
    let date = std::process::Command::new("date")
        .args(["-u", "-R", "-d", &format!("@{ended}")])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let date = String::from_utf8(date.stdout).unwrap();
    format!(
        "From: copy@acme.example\r\nTo: {to}\r\nDate: {}\r\nMessage-ID: <{days_ago}@acme.example>\r\n\
         Subject: copy done\r\n\r\nAll is well.\r\n",
        date.trim()
    )
}

/// A week of runs.
fn feed_runs(engine: &Engine, api: &Api) {
    let to = api.wait_for(&format!("{}/secrets", path()), |it| it["addresses"][0].is_string());
    for days_ago in (0..7).rev() {
        let text = mail(to["addresses"][0].as_str().unwrap(), days_ago);
        let file = engine.sandbox().write("mail.eml", &text);
        let fed = done(&watchdog(engine, &["feed", file.to_str().unwrap()]));
        assert_eq!(fed["items"][0]["watchdog"], JOB, "{fed}");
        assert_eq!(fed["items"][0]["says"]["outcome"], "ok", "{fed}");
    }
}

/// When the next report is due, as the interface and the command line say, which agree.
fn next_due(engine: &Engine, api: &Api) -> String {
    let shown = api.wait_for(&path(), |it| it["watchdog"]["next_due"].is_string());
    let due = shown["watchdog"]["next_due"].as_str().unwrap().to_owned();
    let calendar = done(&watchdog(engine, &["calendar", JOB]));
    let dues: Vec<&Json> =
        calendar["items"].as_array().unwrap().iter().map(|it| &it["due"]).collect();
    assert!(dues.iter().any(|it| **it == due), "{due} is none of {dues:?}");
    due
}

fn schedule(api: &Api) -> String {
    api.get(&path())["watchdog"]["schedule"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_accepted_holds_from_then_on_and_after_a_crash() {
    let engine = learning();
    let api = api_of(&engine);
    let before = api.get(&path());
    assert!(before["suggestion"].is_null() && before["watchdog"]["next_due"].is_null(), "{before}");
    feed_runs(&engine, &api);
    let shown = api.wait_for(&path(), |it| it["suggestion"]["schedule"].is_string());
    let suggested = shown["suggestion"]["schedule"].as_str().unwrap().to_owned();
    assert!(suggested.starts_with("daily by "), "{shown}");
    assert!(shown["watchdog"]["next_due"].is_null(), "nobody has accepted it yet: {shown}");

    done(&watchdog(&engine, &["accept", JOB]));
    let due = next_due(&engine, &api);
    let shown = api.get(&path());
    assert_eq!(shown["watchdog"]["schedule"], *suggested);
    assert!(shown["suggestion"].is_null() && shown["watchdog"]["standing"].is_null(), "{shown}");

    // The word that it is accepted was given, so it is kept.
    let engine = Engine::start_in(engine.kill9());
    let api = api_of(&engine);
    assert_eq!(next_due(&engine, &api), due);
    assert_eq!(schedule(&api), suggested);

    every_minute_is_missed(&engine, &api);
}

/// A person changes her mind, and the first run that does not come is missing.
fn every_minute_is_missed(engine: &Engine, api: &Api) {
    done(&watchdog(engine, &["accept", JOB, "--schedule", " cron  * * * * * "]));
    until("the other schedule", || match schedule(api) {
        it if it == "cron * * * * *" => Ok(()),
        it => Err(it),
    });
    next_due(engine, api);
    until_within(MINUTE_MISSED, "a missing run", || {
        let slots = api.list(&format!("{}/slots", path()));
        let missing = slots.iter().any(|it| it["slot"]["standing"] == "missing");
        if missing { Ok(()) } else { Err(format!("{slots:#?}")) }
    });
    let problem = api.wait_for_problem(JOB);
    assert!(problem["text"].as_str().unwrap().starts_with("missing"), "{problem}");
}

#[test]
fn what_cannot_be_read_or_does_not_fit_is_refused_and_changes_nothing() {
    let engine = learning();
    let api = api_of(&engine);
    let refused = |text: &str| {
        let output = watchdog(&engine, &["accept", JOB, "--schedule", text]);
        assert!(!output.status.success(), "{text}: {output:?}");
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let said = refused("daily by 25:00");
    for part in ["schedule, at character 10: ", "`25:00` is not a time of day"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    let said = refused("Mon-Fri");
    assert!(said.contains("a time is missing") && said.contains("`Mon-Fri by 06:30`"), "{said}");
    assert!(refused("learn").contains("schedule, "));
    let body = serde_json::json!({ "schedule": "daily by\u{1b}[31m 06:30" });
    let answer = api.ask("POST", &format!("{}/accept-schedule", path()), Some(&body));
    assert_eq!(answer.code, 400, "{answer:?}");
    let shown = api.get(&path());
    assert_eq!(shown["watchdog"]["schedule"], "");
    assert!(shown["watchdog"]["next_due"].is_null(), "{shown}");
    let engine = Engine::start_in(engine.kill9());
    assert_eq!(schedule(&api_of(&engine)), "", "something was kept");
}

#[test]
fn what_the_file_says_wins_and_learning_again_goes_on_with_what_was_accepted() {
    let engine = learning();
    let api = api_of(&engine);
    done(&watchdog(&engine, &["accept", JOB, "--schedule", "Mon by 06:30"]));
    next_due(&engine, &api);
    let reload = |sandbox: &Arc<Sandbox>, expect: &str| {
        sandbox.write("checks/acme.yaml", &checks(expect));
        engine.sighup();
    };
    let holds = |text: &str| {
        until(text, || match schedule(&api) {
            it if it == text => Ok(()),
            it => Err(it),
        });
    };
    let sandbox = engine.sandbox();
    reload(&sandbox, "daily by 23:45");
    holds("daily by 23:45");
    let output = watchdog(&engine, &["accept", JOB, "--schedule", "Tue by 06:30"]);
    assert!(!output.status.success(), "{output:?}");
    let said =
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("expect: learn"), "{said}");
    reload(&sandbox, "learn");
    holds("Mon by 06:30");
}
