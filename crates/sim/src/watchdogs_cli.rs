//! `sim watchdogs`: worlds around the ledger of promised runs from the command line.

use std::process::ExitCode;

use sim::watchdogs::{WatchdogBug, WatchdogOutcome, run, watch};

use crate::round::{self, Lived};

const USAGE: &str = "\
usage: sim watchdogs [--seeds N] [--from S]    live through N worlds (100), from seed S (0) on
       sim watchdogs --seed S [--plant NAME] [--watch]
                                                live through one world, and tell what happens
       sim watchdogs --plant NAME|all           plant a bug, or each in turn, and see whether it is
                                                found
       sim watchdogs --list                     the bugs that can be planted";

/// What the command line asks for.
#[derive(Default)]
struct Orders {
    seeds: Option<u64>,
    from: u64,
    seed: Option<u64>,
    plant: Vec<WatchdogBug>,
    watch: bool,
    list: bool,
}

/// Carries out what `words` ask for.
pub(crate) fn main(words: impl Iterator<Item = String>) -> ExitCode {
    match Orders::parse(words) {
        Ok(orders) if orders.carry_out() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(what) => {
            println!("sim watchdogs: {what}\n{USAGE}");
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
            WatchdogBug::ALL.iter().for_each(|it| println!("{}", it.word()));
            return true;
        }
        if let Some(seed) = self.seed {
            return one(seed, self.plant.first().copied(), self.watch);
        }
        if self.plant.is_empty() {
            let seeds = self.from..self.from.saturating_add(self.seeds.unwrap_or(100));
            return round::many(seeds, "watchdogs --watch --seed", |seed| lived(run(seed, None)));
        }
        round::find_all(&self.plant, |it| {
            round::find(it.word(), self.from, |seed| lived(run(seed, Some(*it))))
        })
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("not a number: {word}"))
}

fn planted(word: &str) -> Result<Vec<WatchdogBug>, String> {
    match word {
        "all" => Ok(WatchdogBug::ALL.to_vec()),
        _ => Ok(vec![WatchdogBug::from_word(word).ok_or(format!("no such bug: {word}"))?]),
    }
}

/// One world, told in full if somebody watches.
fn one(seed: u64, bug: Option<WatchdogBug>, watched: bool) -> bool {
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

/// One world among many.
fn lived(outcome: WatchdogOutcome) -> Lived {
    Lived { log: outcome.log, events: outcome.events, fault: outcome.fault }
}
