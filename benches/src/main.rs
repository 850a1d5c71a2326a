//! The numbers that the project stands for, measured on the machine at hand.
//!
//! A bench runs the released binary as an operator would, against servers of its own in a second
//! process, and reads what the engine says of itself and what the kernel says of the engine. It
//! uses loopback addresses only.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a command for a person at a terminal"
)]

mod account;
mod floor;
mod lateness;
mod load;
mod mails;
mod page;
mod report;
mod snmp;
mod targets;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", about = "Measures the engine on this machine")]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Thousands of services every ten seconds: lateness, CPU per look, memory per service
    Watch(watch::Options),
    /// Thousands of services fail within five seconds: from the belief to the page at its receiver
    Page(page::Options),
    /// 500 mails a second for a minute, bombs among them: from a mail's end to its answer
    Mails(mails::Options),
    /// The servers that are looked at; ends with its standard input
    #[command(hide = true)]
    Targets {
        /// How many addresses have an SNMP agent
        hosts: u32,
    },
}

fn main() -> ExitCode {
    let done = match Command::parse().verb {
        Verb::Watch(options) => watch::run(&options),
        Verb::Page(options) => page::run(&options),
        Verb::Mails(options) => mails::run(&options),
        Verb::Targets { hosts } => targets::serve(hosts).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
