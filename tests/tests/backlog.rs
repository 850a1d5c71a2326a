//! What waits for a receiver that is down costs little memory each, and leaves quickly and in order
//! once the receiver is back.
//!
//! `cargo xtask torture outbox` runs the same with a hundred thousand alerts on one route, and holds
//! the figures against what was promised.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value as Json;
use tests::{Engine, Manner, Porter, Received, Receiver, Sandbox, setting, until_within};

/// Longest wait for each part; a hundred thousand of everything take a while.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// So many looks a second are no work for the engine.
const LOOKS_PER_SECOND: u64 = 1_000;
/// How long the receiver takes over each alert.
const SLOWNESS: Duration = Duration::from_millis(20);
/// What leaves in a second on one route once the receiver is back, at least.
const DRAINED_PER_SECOND_MIN: f64 = 200.0;
/// Resident memory of one more open problem and of what waits to be told of it, at the most.
const BYTES_PER_ALERT_MAX: f64 = 6.0 * 1_024.0;
/// The same at the worst moment: a new process reads all rows before the desk has packed the first.
const BYTES_PER_ALERT_EVER_MAX: f64 = 8.0 * 1_024.0;
/// What is believed to be well.
const WELL: &str = "state WHERE known = 1 AND hard = 1 AND status = 0";

/// How much of everything; `cargo xtask torture outbox` sets the variables.
#[derive(Clone, Copy, Debug)]
struct Settings {
    rows: u64,
    /// So many fail first, and recover while the others leave.
    first: u64,
    promises: bool,
}

impl Settings {
    fn from_environment() -> Self {
        let rows = setting("CAMPANILE_TORTURE_ROWS", 2_000);
        Self {
            rows,
            first: (rows / 100).max(1),
            promises: setting("CAMPANILE_TORTURE_PROMISES", 0) != 0,
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
fn checks(settings: Settings, [few, many]: [&Porter; 2]) -> String {
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

/// The engine, seen from outside.
struct Sight {
    sandbox: Arc<Sandbox>,
    pid: u32,
    /// The most that was resident whenever somebody looked, in bytes.
    most: f64,
}

impl Sight {
    fn of(engine: &mut Engine) -> Self {
        Self { sandbox: engine.sandbox(), pid: engine.process().pid(), most: 0.0 }
    }

    /// Waits until the outbox of `engine`, which has just been started, holds all that waits.
    fn follow(&mut self, engine: &mut Engine, rows: u64) {
        self.pid = engine.process().pid();
        until_within(PATIENCE, &format!("{rows} in the outbox again"), || {
            self.resident();
            let depth = engine.metrics().sum("campanile_outbox_depth", &[("channel", "psa")]);
            if depth >= rows as f64 { Ok(()) } else { Err(format!("{depth} so far")) }
        });
    }

    fn count(&self, of: &str) -> u64 {
        let query = format!("SELECT count(*) AS count FROM {of}");
        self.sandbox.sql(&query)[0]["count"].as_u64().unwrap()
    }

    fn wait_for(&mut self, rows: u64, of: &str) {
        until_within(PATIENCE, &format!("{rows} of {of}"), || {
            self.resident();
            let there = self.count(of);
            if there >= rows { Ok(()) } else { Err(format!("{there} so far")) }
        });
    }

    fn resident(&mut self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        let bytes = kibibytes * 1_024.0;
        self.most = self.most.max(bytes);
        bytes
    }
}

fn alerts(state: &str) -> String {
    format!("alert WHERE state = '{state}'")
}

#[derive(Debug)]
struct Figures {
    began: Instant,
    /// Resident with nothing waiting, with the first of them, with all of them, with all of them in
    /// a process that found them waiting, and once all have left.
    idle: f64,
    before: f64,
    full: f64,
    again: f64,
    after: f64,
    most: f64,
    /// From the start of that process until its outbox held all of them.
    restart: Duration,
    /// Alerts a second.
    rate: f64,
    tries: usize,
    repeats: usize,
}

#[test]
fn whatever_waits_for_a_dead_receiver_is_told_once_it_is_back() {
    let began = Instant::now();
    let settings = Settings::from_environment();
    let Settings { rows, first, promises } = settings;
    let receiver = Receiver::new();
    let [mut few, mut many] = [Porter::new(), Porter::new()];
    let text = checks(settings, [&few, &many]);
    let mut engine = Engine::start(&config(&receiver), &[("acme", &text)]);
    let mut sight = Sight::of(&mut engine);
    sight.wait_for(rows, WELL);
    assert_eq!(sight.count("alert"), 0, "all is well");
    let idle = sight.resident();

    receiver.behave(Manner::Answer(503));
    few.close();
    sight.wait_for(first, &alerts("waiting"));
    let before = sight.resident();
    many.close();
    sight.wait_for(rows, &alerts("waiting"));
    let full = sight.resident();
    assert_eq!(receiver.taken_count(), 0);

    // What waits is on the disk: a process that comes after a kill has all of it.
    engine.process().kill9();
    drop(engine);
    let restarted = Instant::now();
    let mut engine = Engine::start_in(Arc::clone(&sight.sandbox));
    sight.follow(&mut engine, rows);
    let (restart, again) = (restarted.elapsed(), sight.resident());

    receiver.behave(Manner::TakeAfter(SLOWNESS));
    // Places are given out in the order of owing. Whoever was told of them is to hear of the end.
    sight.wait_for(first, &format!("{} AND place <= {first}", alerts("delivered")));
    few.open();
    sight.wait_for(rows + first, &alerts("delivered"));
    let (taken, tries) = (receiver.taken(), receiver.all().len());
    let told = once_each(&taken, &sight);
    in_order(settings, &taken);
    let rate = rate(&taken);
    let repeats = taken.len() - told;
    let (after, most) = (sight.resident(), sight.most);
    let figures =
        Figures { began, idle, before, full, again, after, most, restart, rate, tries, repeats };
    report(settings, &figures);
    if promises {
        let each = (full - before) / (rows - first) as f64;
        assert!(each <= BYTES_PER_ALERT_MAX, "{each:.0} bytes for each alert");
        let most = (most - idle) / rows as f64;
        assert!(most <= BYTES_PER_ALERT_EVER_MAX, "at most {most:.0} bytes for each alert");
        assert!(rate >= DRAINED_PER_SECOND_MIN, "only {rate:.0} a second");
    }
}

/// All of them, each under the key of its row, and nothing under two keys. How many there were.
fn once_each(taken: &[Received], sight: &Sight) -> usize {
    let rows = sight.sandbox.sql("SELECT key, kind, problem FROM alert WHERE state = 'delivered'");
    let word = |it: &Json, column: &str| it[column].as_str().unwrap().to_owned();
    let owed: BTreeMap<String, (String, u64)> = rows
        .iter()
        .map(|it| (word(it, "key"), (word(it, "kind"), it["problem"].as_u64().unwrap())))
        .collect();
    let told: BTreeSet<(String, (String, u64))> =
        taken.iter().map(|it| (it.id().to_owned(), (it.kind().to_owned(), it.problem()))).collect();
    assert_eq!(sight.count("alert"), owed.len() as u64, "something else became of some of them");
    assert!(told == owed.into_iter().collect(), "the receiver has something else than the store");
    told.len()
}

/// One trigger about each problem; a resolve about those that have recovered, and behind it.
fn in_order(settings: Settings, taken: &[Received]) {
    let mut heard: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for it in taken {
        let kinds = heard.entry(it.problem()).or_default();
        // A repeat says the same under the same key; that is held against the store.
        if kinds.last() != Some(&it.kind()) {
            kinds.push(it.kind());
        }
    }
    let recovered = heard.values().filter(|it| **it == ["trigger", "resolve"]).count() as u64;
    let lasting = heard.values().filter(|it| **it == ["trigger"]).count() as u64;
    let Settings { rows, first, .. } = settings;
    assert_eq!((recovered, lasting, heard.len() as u64), (first, rows - first, rows));
}

/// Alerts a second, from the first that was taken to the last trigger: resolves come when they come.
fn rate(taken: &[Received]) -> f64 {
    let triggers: Vec<SystemTime> =
        taken.iter().filter(|it| it.kind() == "trigger").map(|it| it.at).collect();
    let (Some(first), Some(last)) = (triggers.first(), triggers.last()) else { return 0.0 };
    let took = last.duration_since(*first).unwrap_or_default();
    triggers.len() as f64 / took.as_secs_f64().max(0.001)
}

#[allow(clippy::print_stdout, reason = "figures for whoever runs it by hand")]
fn report(settings: Settings, it: &Figures) {
    let Settings { rows, first, .. } = settings;
    let megabytes = |bytes: f64| bytes / 1e6;
    let each = (it.full - it.before) / (rows - first) as f64;
    println!("waiting       {first}, then {rows}, on one route");
    println!("resident      {:.1} MB with nothing waiting", megabytes(it.idle));
    println!("              {:.1} MB with {first} waiting", megabytes(it.before));
    println!("              {:.1} MB with {rows} waiting", megabytes(it.full));
    println!("              {:.1} MB with {rows} found by a new process", megabytes(it.again));
    println!("              {:.1} MB at most", megabytes(it.most));
    println!("              {:.1} MB once all had left", megabytes(it.after));
    println!("each more     {each:.0} bytes, its open problem included");
    println!("restart       {:.1} s after kill -9 until all wait again", it.restart.as_secs_f64());
    println!("drained       {:.0} a second, the receiver takes {SLOWNESS:?} over each", it.rate);
    println!("tries         {}, of which {} repeats of what was taken", it.tries, it.repeats);
    println!("lost          0; {first} resolves, each behind its trigger");
    println!("took          {:.0} s", it.began.elapsed().as_secs_f64());
}
