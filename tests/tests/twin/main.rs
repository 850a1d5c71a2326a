//! Nothing is forgotten and nothing believed again after kill -9.
//!
//! An engine that records every result is killed again and again at random. What it has stored is
//! held each time against a twin: the pure engine, fed with the very results that were recorded,
//! and never killed. `cargo xtask torture` runs the same with more services and more kills.
//!
//! The only test that knows crates of the engine: to feed a twin one has to have one.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod comparison;
mod dice;
mod doors;
mod estate;
mod life;
mod twin;
mod web;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use model::Plan;
use tests::{Sandbox, setting};

use crate::{
    dice::Dice,
    estate::{Estate, Size},
    life::{Fate, Remains, live},
    twin::Twin,
};

/// The engine records what it judges, so that another can be fed the same.
const ENGINE_YAML: &str = "\
engine:
  listen: 127.0.0.1:0
  data: data
  record: results
  in_flight_per_host: 100
checks: [checks]
";

/// Differences that are shown; the first tells most.
const SHOWN_MAX: usize = 5;

/// How much of everything; `cargo xtask torture` sets the variables.
#[derive(Clone, Copy, Debug)]
struct Settings {
    size: Size,
    kills: u64,
    /// A life lasts up to this long.
    life_max: Duration,
    seed: u64,
}

impl Settings {
    fn from_environment() -> Self {
        let every = Duration::from_millis(setting("CAMPANILE_TORTURE_EVERY_MS", 1_000));
        let services = u32::try_from(setting("CAMPANILE_TORTURE_SERVICES", 300)).unwrap();
        Self {
            size: Size { services, every },
            kills: setting("CAMPANILE_TORTURE_KILLS", 5),
            life_max: Duration::from_millis(setting("CAMPANILE_TORTURE_LIFE_MS", 5_000)),
            // Among its five lives is one that ends while starting and one with a reload.
            seed: setting("CAMPANILE_TORTURE_SEED", 31),
        }
    }

    /// The life with the number `life`: most end while watching, one in eight while starting, and
    /// some are busy with a reload.
    fn fate(self, dice: Dice, life: u64) -> Fate {
        let in_start = dice.below(8, "in start", life) == 7;
        let start_max = Duration::from_millis(200);
        let lasts = dice.duration(if in_start { start_max } else { self.life_max }, "life", life);
        let soon = Duration::from_millis(500);
        let reload = !in_start && dice.below(5, "reload", life) == 0;
        let reload = reload.then(|| dice.duration(soon, "reload before", life));
        Fate { in_start, lasts, reload }
    }
}

/// What is to be told at the end.
#[derive(Default)]
struct Figures {
    in_start: u64,
    reloads: u64,
    starts: Vec<Duration>,
    database_bytes: u64,
}

#[test]
fn after_every_kill_the_store_believes_what_an_unkilled_twin_does() {
    let settings = Settings::from_environment();
    let dice = Dice::new(settings.seed);
    let estate = Estate::open(settings.size, dice);
    let sandbox = Arc::new(Sandbox::new());
    sandbox.write("config.yaml", ENGINE_YAML);
    sandbox.write("checks/acme.yaml", &estate.checks);
    let mut twin = Twin::new(&plan(&sandbox.path().join("config.yaml")));
    // The first command builds the engine, if nobody has done so.
    drop(sandbox.command());
    let begun = Instant::now();
    let mut figures = Figures::default();
    for life in 1..=settings.kills {
        let fate = settings.fate(dice, life);
        figures.in_start += u64::from(fate.in_start);
        figures.reloads += u64::from(fate.reload.is_some());
        figures.starts.extend(live(&sandbox, fate));
        if let Some(remains) = Remains::of(&sandbox) {
            compare(&mut twin, &remains, life);
            figures.database_bytes = remains.size();
        }
        if life % 10 == 0 {
            progress(life, &twin, begun.elapsed());
        }
    }
    end(&sandbox, &mut twin, settings.kills);
    assert!(twin.tally.transitions > 0 && twin.tally.crossed > 0, "nothing has happened");
    report(settings, &twin, figures, begun.elapsed());
}

fn plan(main_file: &Path) -> Plan {
    let loaded = server::load(main_file);
    loaded.plan.unwrap_or_else(|| panic!("the configuration has mistakes"))
}

fn compare(twin: &mut Twin, remains: &Remains, life: u64) {
    let differences = twin.compare(&remains.read()).unwrap();
    let count = differences.len();
    let shown = differences.into_iter().take(SHOWN_MAX).collect::<Vec<_>>().join("\n");
    assert!(count == 0, "{count} differences after life {life}:\n{shown}");
}

/// Nothing of earlier lives has changed either, and SQLite finds nothing to complain about.
fn end(sandbox: &Sandbox, twin: &mut Twin, life: u64) {
    let Some(remains) = Remains::of(sandbox) else { panic!("there never was a database") };
    compare(twin, &remains, life);
    let stored = Twin::transitions_stored(&remains.read()).unwrap();
    assert_eq!(stored, twin.tally.transitions, "transitions of all lives");
    assert_eq!(sandbox.sql("PRAGMA integrity_check")[0]["integrity_check"], "ok");
}

#[allow(clippy::print_stdout, reason = "a sign of life for whoever runs it by hand")]
fn progress(life: u64, twin: &Twin, took: Duration) {
    println!("{life} kills, {} results, no difference, {took:.0?}", twin.tally.results);
}

#[allow(clippy::print_stdout, reason = "figures for whoever runs it by hand")]
fn report(settings: Settings, twin: &Twin, mut figures: Figures, took: Duration) {
    let tally = twin.tally;
    figures.starts.sort();
    let start = |per_mille: usize| {
        let at = figures.starts.len().saturating_sub(1) * per_mille / 1_000;
        figures.starts.get(at).copied().unwrap_or_default()
    };
    let Size { services, every } = settings.size;
    println!("services      {services} every {every:?}, seed {}", settings.seed);
    println!(
        "kills         {}, {} of them while starting, {} soon after a reload",
        settings.kills, figures.in_start, figures.reloads
    );
    println!("results       {}", tally.results);
    println!("transitions   {}, {} of them hard", tally.transitions, tally.hard_changes);
    println!(
        "beliefs       {}: {} bad, {} flapping, {} with a crossed threshold",
        tally.beliefs, tally.bad, tally.flapping, tally.crossed
    );
    println!("differences   0");
    println!(
        "reopened in   p50 {:?}, p99 {:?}, max {:?}, {:.1} MB of database at the end",
        start(500),
        start(990),
        start(1_000),
        figures.database_bytes as f64 / 1e6
    );
    println!("took          {took:.0?}");
}
