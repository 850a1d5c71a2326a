//! What waits for a receiver that is down costs little memory each, and leaves quickly once the
//! receiver is back.
//!
//! `cargo xtask torture outbox` runs the same with a hundred thousand alerts on one route, and holds
//! the figures against what was promised.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, SystemTime},
};

use serde_json::Value as Json;
use tests::{Door, Engine, Manner, Received, Receiver, Sandbox, until_within};

/// Longest wait for each part; a hundred thousand of everything take a while.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// So many looks a second are no work for the engine.
const LOOKS_PER_SECOND: u64 = 2_500;
/// How long the receiver takes over each alert.
const SLOWNESS: Duration = Duration::from_millis(20);
/// What leaves in a second on one route once the receiver is back, at least.
const DRAINED_PER_SECOND_MIN: f64 = 200.0;
/// Resident memory of one more open problem and of what waits to be told of it, at the most.
const BYTES_PER_ALERT_MAX: f64 = 6.0 * 1_024.0;

/// How much of everything; `cargo xtask torture outbox` sets the variables.
#[derive(Clone, Copy, Debug)]
struct Settings {
    rows: u64,
    first: u64,
    promises: bool,
}

impl Settings {
    fn from_environment() -> Self {
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
            Err(_) => default,
        };
        let rows = number("CAMPANILE_TORTURE_ROWS", 2_000);
        Self {
            rows,
            first: (rows / 100).max(1),
            promises: number("CAMPANILE_TORTURE_PROMISES", 0) != 0,
        }
    }
}

fn config(receiver: &Receiver) -> String {
    format!(
        "engine: {{ listen: 127.0.0.1:0, data: data }}\n\
         checks: [checks]\n\
         people:\n  anna: {{ name: Anna Roth, email: anna@msp.example }}\n\
         channels:\n  psa: {{ type: webhook, url: \"{}\" }}\n\
         policies:\n  urgent: {{ alert: [{{ after: 0m, to: anna, via: [psa] }}] }}\n\
         contracts:\n  gold: {{ hours: always, respond: 15m, resolve: 4h, policy: urgent }}\n",
        receiver.url("psa"),
    )
}

/// The first of all services watch one door, all others another one.
fn checks(settings: Settings, [few, many]: [&Door; 2]) -> String {
    let every = (settings.rows / LOOKS_PER_SECOND).max(5);
    let mut text = format!(
        "customer: acme\ncontract: gold\nflapping: off\nevery: {every}s\ntimeout: 2s\nretry: 1 x \
         2s\nservices:\n",
    );
    for number in 0..settings.rows {
        let door = if number < settings.first { few } else { many };
        text.push_str(&format!("  s{number}: {{ tcp: \"{}\" }}\n", door.address()));
    }
    text
}

fn count(sandbox: &Sandbox, state: &str) -> u64 {
    let query = format!("SELECT count(*) AS count FROM alert WHERE state = '{state}'");
    sandbox.sql(&query)[0]["count"].as_u64().unwrap()
}

fn wait_for_rows(sandbox: &Sandbox, state: &str, rows: u64, doors: &[&Door]) {
    until_within(PATIENCE, &format!("{rows} alerts that are {state}"), || {
        doors.iter().for_each(|it| it.welcome());
        let there = count(sandbox, state);
        if there >= rows { Ok(()) } else { Err(format!("{there} so far")) }
    });
}

fn resident_bytes(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes * 1_024.0
}

#[test]
fn whatever_waits_for_a_dead_receiver_is_told_once_it_is_back() {
    let settings = Settings::from_environment();
    let receiver = Receiver::new();
    let [mut few, mut many] = [Door::new(), Door::new()];
    let text = checks(settings, [&few, &many]);
    let mut engine = Engine::start(&config(&receiver), &[("acme", &text)]);
    let sandbox = engine.sandbox();
    let pid = engine.process().pid();
    until_within(PATIENCE, "a first look at every service", || {
        [&few, &many].iter().for_each(|it| it.welcome());
        let metrics = engine.metrics();
        let looks = metrics.sum("campanile_checks_total", &[("result", "ok")]);
        if looks >= settings.rows as f64 { Ok(()) } else { Err(format!("{looks} looks")) }
    });
    receiver.behave(Manner::Answer(503));
    few.close();
    wait_for_rows(&sandbox, "waiting", settings.first, &[&many]);
    let before = resident_bytes(pid);
    many.close();
    wait_for_rows(&sandbox, "waiting", settings.rows, &[]);
    let each = (resident_bytes(pid) - before) / (settings.rows - settings.first) as f64;
    assert!(receiver.taken().is_empty());

    receiver.behave(Manner::TakeAfter(SLOWNESS));
    wait_for_rows(&sandbox, "delivered", settings.rows, &[]);
    let taken = receiver.taken();
    once_each(settings, &taken, &sandbox);
    let rate = rate(&taken);
    report(settings, before, each, rate);
    if settings.promises {
        assert!(each <= BYTES_PER_ALERT_MAX, "{each:.0} bytes for each alert");
        assert!(rate >= DRAINED_PER_SECOND_MIN, "only {rate:.0} a second");
    }
}

/// All of them, each under the key of its row, and nothing under two keys.
fn once_each(settings: Settings, taken: &[Received], sandbox: &Sandbox) {
    let rows = sandbox.sql(
        "SELECT key, about FROM alert JOIN problem ON problem.id = alert.problem WHERE kind = \
         'trigger'",
    );
    let word = |it: &Json, column: &str| it[column].as_str().unwrap().to_owned();
    let owed: BTreeMap<String, String> =
        rows.iter().map(|it| (word(it, "key"), word(it, "about"))).collect();
    let told: BTreeMap<String, String> =
        taken.iter().map(|it| (it.id().to_owned(), it.name().to_owned())).collect();
    assert_eq!(told.len() as u64, settings.rows);
    assert!(told == owed, "the receiver has something else than the store");
}

/// Alerts a second, from the first that was taken to the last.
fn rate(taken: &[Received]) -> f64 {
    let at = |it: Option<&Received>| it.map_or(SystemTime::UNIX_EPOCH, |it| it.at);
    let took = at(taken.last()).duration_since(at(taken.first())).unwrap_or_default();
    taken.len() as f64 / took.as_secs_f64().max(0.001)
}

#[allow(clippy::print_stdout, reason = "figures for whoever runs it by hand")]
fn report(settings: Settings, before: f64, each: f64, rate: f64) {
    let Settings { rows, first, .. } = settings;
    println!("waiting       {first}, then {rows}, on one route");
    println!("resident      {:.1} MB with {first} waiting", before / 1e6);
    println!("each more     {each:.0} bytes, its open problem included");
    println!("drained       {rate:.0} a second, the receiver takes {SLOWNESS:?} over each");
}
