//! `sim`: lives through worlds and says which of them broke a promise.

#![allow(clippy::print_stdout, reason = "a command line tool speaks to its terminal")]

mod desk_cli;
mod round;
mod watchdogs_cli;

use std::process::ExitCode;

use round::Lived;
use sim::{Planted, run, watch};

const USAGE: &str = "\
usage: sim [--seeds N] [--from S]     live through N worlds (100), from seed S (0) on
       sim --seed S [--plant NAME] [--watch NAME]
                                      live through one world, and tell all about one checkable
       sim --plant NAME|all           plant a bug, or each in turn, and see whether it is found
       sim --list                     the bugs that can be planted
       sim desk …                     the same around the desk, see `sim desk --help`
       sim watchdogs …                the same around jobs that report, see `sim watchdogs --help`";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if_eq("desk").is_some() {
        return desk_cli::main(words);
    }
    if words.next_if_eq("watchdogs").is_some() {
        return watchdogs_cli::main(words);
    }
    match Orders::parse(words) {
        Ok(orders) => orders.carry_out(),
        Err(what) => {
            println!("sim: {what}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What the command line asks for.
#[derive(Default)]
struct Orders {
    seeds: Option<u64>,
    from: u64,
    seed: Option<u64>,
    plant: Vec<Planted>,
    watched: Option<String>,
    list: bool,
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
                "--watch" => orders.watched = Some(value()?),
                "--list" => orders.list = true,
                _ => return Err(format!("no such option: {word}")),
            }
        }
        Ok(orders)
    }

    fn carry_out(self) -> ExitCode {
        let fine = match (self.list, self.seed) {
            (true, _) => {
                Planted::ALL.iter().for_each(|it| println!("{}", it.word()));
                true
            }
            (_, Some(seed)) => one(seed, self.plant.first().copied(), self.watched.as_deref()),
            _ if self.plant.is_empty() => {
                let seeds = self.from..self.from.saturating_add(self.seeds.unwrap_or(100));
                round::many(seeds, "--seed", |seed| live(seed, None))
            }
            _ => round::find_all(&self.plant, |it| {
                round::find(it.word(), self.from, |seed| live(seed, Some(*it)))
            }),
        };
        if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("not a number: {word}"))
}

fn planted(word: &str) -> Result<Vec<Planted>, String> {
    match word {
        "all" => Ok(Planted::ALL.to_vec()),
        _ => Ok(vec![Planted::from_word(word).ok_or(format!("no such bug: {word}"))?]),
    }
}

/// One world, told in full.
fn one(seed: u64, planted: Option<Planted>, watched: Option<&str>) -> bool {
    let outcome = watch(seed, planted, watched);
    outcome.log.iter().for_each(|it| println!("{it}"));
    println!("seed {seed}: {} events, trace {:016x}", outcome.events, outcome.hash);
    println!("{:#?}", outcome.stats);
    match &outcome.fault {
        Some(fault) => println!("FAILED {fault}\n{}", outcome.about),
        None => println!("all promises kept"),
    }
    outcome.fault.is_none()
}

/// One world among many.
fn live(seed: u64, planted: Option<Planted>) -> Lived {
    let outcome = run(seed, planted);
    let fault = outcome.fault.map(|it| it.to_string());
    Lived { log: Vec::new(), events: outcome.events, fault }
}
