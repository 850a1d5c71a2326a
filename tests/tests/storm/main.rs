//! Nothing that is owed is lost, and nothing is told twice under two names, whatever the receiver
//! does and whenever the engine is killed.
//!
//! Doors open and close at random, the receiver misbehaves at random, and the engine is ended by
//! kill -9 at random and begun again. When all is well again, the receiver's record and the
//! database must agree. `cargo xtask torture alerts` runs the same with more of everything.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod books;
mod chance;
mod town;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tests::{Engine, Manner, Received, Receiver, Sandbox, setting};

use crate::{
    books::{Books, Figures},
    chance::Chance,
    town::Town,
};

/// Longest wait for the end of everything: a try that failed waits up to ten minutes for the next.
const SETTLE_MAX: Duration = Duration::from_secs(15 * 60);
/// How much of everything; `cargo xtask torture alerts` sets the variables.
#[derive(Clone, Copy, Debug)]
struct Settings {
    services: usize,
    kills: u64,
    /// A life lasts up to this long.
    life_max: Duration,
    seed: u64,
}

impl Settings {
    fn from_environment() -> Self {
        Self {
            services: usize::try_from(setting("CAMPANILE_TORTURE_SERVICES", 200)).unwrap(),
            kills: setting("CAMPANILE_TORTURE_KILLS", 20),
            life_max: Duration::from_millis(setting("CAMPANILE_TORTURE_LIFE_MS", 1_500)),
            seed: setting("CAMPANILE_TORTURE_SEED", 17),
        }
    }
}

#[test]
fn after_every_storm_the_receiver_and_the_books_agree() {
    let settings = Settings::from_environment();
    let chance = Chance::new(settings.seed);
    let receiver = Receiver::new();
    let town = Town::build(settings.services, chance);
    let sandbox = Arc::new(Sandbox::new());
    sandbox.write("config.yaml", &town::config(&receiver));
    sandbox.write("checks/acme.yaml", &town.checks);
    // The first command builds the engine, if nobody has done so.
    drop(sandbox.command());
    misbehave(&receiver, chance);
    let begun = Instant::now();
    let mut starts = Vec::new();
    for life in 0..settings.kills {
        let start = Instant::now();
        let engine = Engine::start_in(Arc::clone(&sandbox));
        starts.push(start.elapsed());
        thread::sleep(chance.duration(settings.life_max, "life", life));
        drop(engine.kill9());
        if life % 50 == 49 {
            progress(life + 1, begun);
        }
    }
    town.heal();
    receiver.behave(Manner::Take);
    let engine = Engine::start_in(Arc::clone(&sandbox));
    let healed = Instant::now();
    settle(&engine);
    let rest = healed.elapsed();
    let books = Books::read(&sandbox, receiver.all());
    let figures = books.check();
    report(settings, figures, starts, [rest, begun.elapsed()]);
    drop(town);
}

/// The receiver fails in every way, one time out of three.
fn misbehave(receiver: &Receiver, chance: Chance) {
    receiver.judge(move |_: &Received, number| {
        match chance.below(100, "manner", u64::try_from(number).unwrap()) {
            0..10 => Manner::Answer(500),
            10..12 => Manner::Later(1),
            12..14 => Manner::Hang,
            14..20 => Manner::Cut,
            20..32 => Manner::TakeAndCut,
            _ => Manner::Take,
        }
    });
}

/// Waits until every problem has ended and nothing is owed any more.
fn settle(engine: &Engine) {
    let begun = Instant::now();
    loop {
        let left = engine.sandbox().sql(
            "SELECT (SELECT count(*) FROM problem WHERE open = 1) AS open, (SELECT count(*) FROM \
             alert WHERE state = 'waiting') AS waiting",
        );
        if left[0]["open"] == 0 && left[0]["waiting"] == 0 {
            return;
        }
        assert!(begun.elapsed() < SETTLE_MAX, "it does not come to rest: {left:?}");
        thread::sleep(Duration::from_millis(250));
    }
}

#[allow(clippy::print_stdout, reason = "a sign of life for whoever runs it by hand")]
fn progress(kills: u64, begun: Instant) {
    println!("{kills} kills, {:.0?}", begun.elapsed());
}

#[allow(clippy::print_stdout, reason = "figures for whoever runs it by hand")]
fn report(
    settings: Settings,
    figures: Figures,
    mut starts: Vec<Duration>,
    [rest, took]: [Duration; 2],
) {
    starts.sort();
    let start = |percent: usize| starts[(starts.len() - 1) * percent / 100];
    println!("services      {}, seed {}", settings.services, settings.seed);
    println!("kills         {}", settings.kills);
    println!("{figures}");
    println!("started in    p50 {:.0?}, p99 {:.0?}", start(50), start(99));
    println!("at rest in    {rest:.0?}");
    println!("took          {took:.0?}");
}
