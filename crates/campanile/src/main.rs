//! The `campanile` command: one verb, one file in `verbs`.

mod client;
mod reach;
mod table;
mod tls;
mod verbs;
mod when;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::verbs::{
    Deny, LogForm, Output, ack, alerts, attempt, calls, explain, maintenance, oncall, problems,
    proposals, replay, run, silence, test, token, validate, watchdog, why,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Watches hosts and services for service providers and network operation centres.
#[derive(Debug, Parser)]
#[command(name = "campanile", version, propagate_version = true)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the engine: SIGHUP reloads, SIGTERM drains and stops
    ///
    /// A reload with a mistake in the files leaves the running engine as it is. What is logged can
    /// be set by the variable `CAMPANILE_LOG`: `debug`, or `info,probe=trace`. Exits with 0 once it
    /// was told to stop, with 1 if it could not start, with 2 if the configuration has mistakes.
    Run {
        /// The main configuration file
        config: PathBuf,
        /// How the log is written, on standard error
        #[arg(long, value_enum, default_value_t = LogForm::Text)]
        log: LogForm,
    },
    /// Check a configuration and print all its mistakes (exit 0 fine, 2 errors, 3 denied warnings)
    Validate {
        /// The main configuration file
        config: PathBuf,
        #[command(flatten)]
        output: Output,
        /// What to treat as an error
        #[arg(long, value_enum)]
        deny: Option<Deny>,
    },
    /// Print the effective settings of a host or service, each with where it was written (exit 0,
    /// 1 no such name, 2 the configuration has mistakes)
    Explain {
        /// The main configuration file
        config: PathBuf,
        /// `customer/host` or `customer/host/service`
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Look once now, without changing any state (exit 0 to 3 as a plugin)
    ///
    /// Exits with what the look found, thresholds included: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
    /// A look that could not be made, for a fault of our own, exits with 3.
    Try {
        /// The main configuration file
        config: PathBuf,
        /// `customer/host` or `customer/host/service`
        name: String,
        /// Show every step and every measurement
        #[arg(short, long)]
        verbose: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Play recorded results (JSON lines on standard input) through the engine and print what would
    /// be believed
    ///
    /// A line is `{"at": "2026-01-01T00:01:00Z", "name": "acme/web/http", "status": "CRITICAL",
    /// "output": "text"}`. The status of a host is UP or DOWN; BLIND is a look that could not be
    /// made. Times must not go back. Prints a line for each change of state and for each begin and
    /// end of flapping. Lines that make no sense are left out and named; then it exits with 1.
    Replay {
        /// The main configuration file
        config: PathBuf,
        /// Print the state after every result, not only changes
        #[arg(long)]
        all: bool,
    },
    /// Run the routing tests beside the check files: who would be told? (exit 0 all as expected, 1
    /// not so, 2 the configuration or a test has mistakes)
    Test {
        /// The main configuration file
        config: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Problems of a running engine: list, show, comment, judge
    ///
    /// Exits, like all verbs that ask a running engine, with 0 if it is done, 1 if the engine
    /// refuses or knows no such thing, 2 for wrong usage, 4 if no engine answers.
    Problems(problems::Problems),
    /// Say that you have seen a problem
    Ack(ack::Ack),
    /// Calls that the engine would open: list, show, accept, merge, dismiss, snooze
    Proposals(proposals::Proposals),
    /// Calls: list, show, open, assign, start, suspend, resume, close, say, block
    Calls(calls::Calls),
    /// Silences: list, add, end
    Silence(silence::Silence),
    /// Windows: list, plan, extend, end
    Maintenance(maintenance::Maintenance),
    /// Who is on call, and who takes over for a while
    Oncall(oncall::Oncall),
    /// Alerts that wait or died: list, redeliver; try a channel out
    Alerts(alerts::Alerts),
    /// Rights to speak with the engine: list, add, revoke
    Token(token::Token),
    /// What must report after every run: list, show, feed, test, calendar, reports, claim, drop,
    /// tick, pause, resume, accept
    Watchdog(watchdog::Watchdog),
    /// Why somebody was told of a host, service or site, or nobody; or who would be
    Why(why::Why),
}

fn main() -> ExitCode {
    let code = match Command::parse().verb {
        Verb::Run { config, log } => run::run(&config, log),
        Verb::Validate { config, output, deny } => validate::run(&config, output.form, deny),
        Verb::Explain { config, name, output } => explain::run(&config, &name, output.form),
        Verb::Try { config, name, verbose, output } => {
            attempt::run(&config, &name, verbose, output.form)
        }
        Verb::Replay { config, all } => replay::run(&config, all),
        Verb::Test { config, output } => test::run(&config, output.form),
        Verb::Problems(it) => it.run(),
        Verb::Ack(it) => it.run(),
        Verb::Proposals(it) => it.run(),
        Verb::Calls(it) => it.run(),
        Verb::Silence(it) => it.run(),
        Verb::Maintenance(it) => it.run(),
        Verb::Oncall(it) => it.run(),
        Verb::Alerts(it) => it.run(),
        Verb::Token(it) => it.run(),
        Verb::Watchdog(it) => it.run(),
        Verb::Why(it) => it.run(),
    };
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Command::command().debug_assert();
    }

    #[test]
    fn where_the_engine_is_can_be_said_at_every_place() {
        for line in [
            "campanile calls --engine http://x:1 list -o json",
            "campanile calls list --engine http://x:1 --token-file t",
            "campanile calls",
            "campanile proposals dismiss 7 known --text x --config c.yaml",
            "campanile silence add acme/web* env=prod --for 2h --text works",
            "campanile maintenance plan patch customer=acme --from Sun_03:00 --for 4h",
            "campanile watchdog",
            "campanile watchdog list --standing missing --customer acme -o json",
            "campanile watchdog show acme/nas --engine http://x:1",
            "campanile watchdog test a.eml b.eml",
            "campanile watchdog feed a.eml",
            "campanile watchdog calendar acme/nas --days 30",
            "campanile watchdog claim 7 acme/nas --seen 1",
            "campanile watchdog pause acme/nas --until Mon_08:00 --text moved",
            "campanile watchdog accept acme/nas --schedule daily_02:00",
            "campanile calls suspend 7 process --name acme/nas --slots 2",
            "campanile why acme/web --if critical --at Sun_03:00",
            "campanile token add robot --scope read,ack --customer acme",
        ] {
            let words = line.split(' ').map(|it| it.replace('_', " "));
            Command::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
