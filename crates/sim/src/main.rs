//! `sim`: lives through worlds and says which of them broke a promise.

#![allow(clippy::print_stdout, reason = "a command line tool speaks to its terminal")]

mod desk_cli;
mod orders;
mod round;
mod watchdogs_cli;

use std::process::ExitCode;

use orders::Orders;
use sim::{run, watch};

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
        return orders::exit(desk_cli::carry_out(words), desk_cli::USAGE);
    }
    if words.next_if_eq("watchdogs").is_some() {
        return orders::exit(watchdogs_cli::carry_out(words), watchdogs_cli::USAGE);
    }
    orders::exit(carry_out(words), USAGE)
}

fn carry_out(words: impl Iterator<Item = String>) -> Result<bool, String> {
    let mut watched = None;
    let orders = Orders::parse(words, |word, words| {
        if word == "--watch" {
            watched = Some(orders::value(word, words)?);
        }
        Ok(word == "--watch")
    })?;
    Ok(orders.carry_out("--seed", run, |seed, bug| watch(seed, bug, watched.as_deref())))
}
