//! `sim desk`: worlds around the desk from the command line.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use sim::desk::{DeskBug, DeskOutcome, outage, run, watch};

/// Each planted bug must be found within this.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most hosts of a site that is cut off, unless the command line says otherwise.
const HOSTS: u64 = 500;
/// Fewer hosts are no outage of a site.
const SITE_HOSTS_MIN: u64 = 10;
const USAGE: &str = "\
usage: sim desk [--seeds N] [--from S]    live through N worlds (100), from seed S (0) on
       sim desk --seed S [--plant NAME] [--watch]
                                           live through one world, and tell what happens
       sim desk --outages N [--hosts H]    cut off a site of up to H hosts (500) in N variants
       sim desk --plant NAME|all           plant a bug, or each in turn, and see whether it is found
       sim desk --list                     the bugs that can be planted";

/// What the command line asks for.
#[derive(Default)]
struct Orders {
    seeds: Option<u64>,
    from: u64,
    seed: Option<u64>,
    outages: Option<u64>,
    hosts: Option<u64>,
    plant: Vec<DeskBug>,
    watch: bool,
    list: bool,
}

/// Carries out what `words` ask for.
pub(crate) fn main(words: impl Iterator<Item = String>) -> ExitCode {
    match Orders::parse(words) {
        Ok(orders) if orders.carry_out() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(what) => {
            println!("sim desk: {what}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

impl Orders {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut orders = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--seeds" => orders.seeds = Some(number(&value()?)?),
                "--from" => orders.from = number(&value()?)?,
                "--outages" => orders.outages = Some(number(&value()?)?),
                "--hosts" => orders.hosts = Some(number(&value()?)?),
                "--seed" => orders.seed = Some(number(&value()?)?),
                "--plant" => orders.plant = planted(&value()?)?,
                "--watch" => orders.watch = true,
                "--list" => orders.list = true,
                _ => return Err(format!("no such option: {word}")),
            }
        }
        Ok(orders)
    }

    fn carry_out(&self) -> bool {
        if self.list {
            DeskBug::ALL.iter().for_each(|it| println!("{}", it.word()));
            return true;
        }
        let hosts = self.hosts.unwrap_or(HOSTS);
        if let Some(variants) = self.outages {
            let live = |seed| outage(seed, SITE_HOSTS_MIN.max(hosts - seed % hosts), self.watch);
            return many(self.from, variants, "--outages 1 --watch --from", live);
        }
        if let Some(seed) = self.seed {
            return one(seed, self.plant.first().copied(), self.watch);
        }
        if self.plant.is_empty() {
            let live = |seed| run(seed, None);
            return many(self.from, self.seeds.unwrap_or(100), "--watch --seed", live);
        }
        self.plant.iter().map(|it| find(*it, self.from)).fold(true, |all, it| all & it)
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("not a number: {word}"))
}

fn planted(word: &str) -> Result<Vec<DeskBug>, String> {
    match word {
        "all" => Ok(DeskBug::ALL.to_vec()),
        _ => Ok(vec![DeskBug::from_word(word).ok_or(format!("no such bug: {word}"))?]),
    }
}

/// One world, told in full if somebody watches.
fn one(seed: u64, bug: Option<DeskBug>, watched: bool) -> bool {
    let outcome = if watched { watch(seed, bug) } else { run(seed, bug) };
    outcome.log.iter().for_each(|it| println!("{it}"));
    println!("seed {seed}: {} events, trace {:016x}", outcome.events, outcome.hash);
    println!("{:#?}", outcome.seen);
    match &outcome.fault {
        Some(fault) => println!("FAILED {fault}"),
        None => println!("all promises kept"),
    }
    outcome.fault.is_none()
}

/// Many worlds; one line for each that broke a promise.
fn many(from: u64, seeds: u64, replay: &str, live: impl Fn(u64) -> DeskOutcome) -> bool {
    let began = Instant::now();
    let (mut events, mut failed) = (0, 0);
    for seed in from..from.saturating_add(seeds) {
        let outcome = live(seed);
        outcome.log.iter().for_each(|it| println!("{it}"));
        events += outcome.events;
        if let DeskOutcome { fault: Some(fault), .. } = outcome {
            failed += 1;
            println!("FAILED seed {seed} {fault}");
            println!("       replay: cargo xtask sim desk {replay} {seed}");
        }
    }
    let took = began.elapsed().as_secs_f64().max(f64::EPSILON);
    let rate = events as f64 / took;
    println!("{seeds} worlds, {failed} failed, {events} events in {took:.1} s: {rate:.0} events/s");
    failed == 0
}

/// Plants a bug and looks for a world that shows it.
fn find(bug: DeskBug, from: u64) -> bool {
    let began = Instant::now();
    let mut seed = from;
    while began.elapsed() < PATIENCE {
        if let Some(fault) = run(seed, Some(bug)).fault {
            let (name, took) = (bug.word(), began.elapsed());
            println!("found {name} in seed {seed}, {took:.1?}: {fault}");
            return true;
        }
        seed += 1;
    }
    println!("NOT FOUND {} in {} worlds", bug.word(), seed - from);
    false
}
