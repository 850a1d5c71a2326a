//! `sim desk`: worlds around the desk from the command line.

use std::process::ExitCode;

use sim::desk::{DeskBug, DeskOutcome, outage, outage_hosts, run, watch};

use crate::round::{self, Lived};

/// Most hosts of a site that is cut off, unless the command line says otherwise.
const HOSTS: u64 = 500;
const USAGE: &str = "\
usage: sim desk [--seeds N] [--from S]    live through N worlds (100), from seed S (0) on
       sim desk --seed S [--plant NAME] [--watch]
                                           live through one world, and tell what happens
       sim desk --outages N [--hosts H]    cut off a site of up to H hosts (500) in N variants,
                                           half of them of about H, the others of any size
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
        let count = self.outages.or(self.seeds).unwrap_or(100);
        let seeds = self.from..self.from.saturating_add(count);
        if self.outages.is_some() {
            let most = self.hosts.unwrap_or(HOSTS);
            let live = |seed| lived(outage(seed, outage_hosts(seed, most), self.watch));
            return round::many(
                seeds,
                &format!("desk --hosts {most} --outages 1 --watch --from"),
                live,
            );
        }
        if let Some(seed) = self.seed {
            return one(seed, self.plant.first().copied(), self.watch);
        }
        if self.plant.is_empty() {
            return round::many(seeds, "desk --watch --seed", |seed| lived(run(seed, None)));
        }
        round::find_all(&self.plant, |it| {
            round::find(it.word(), self.from, |seed| lived(run(seed, Some(*it))))
        })
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

/// One world among many.
fn lived(outcome: DeskOutcome) -> Lived {
    Lived { log: outcome.log, events: outcome.events, fault: outcome.fault }
}
