//! `cargo xtask torture`: an engine that is killed again and again, in release mode. What it
//! believes is held against a twin that is not killed; with `alerts`, what it has told against what
//! a bad receiver has taken; with `story`, whom it has told against whom a twin that is not killed
//! has; with `watchdogs`, what senders of reports were told against what the ledger has. With
//! `outbox` nobody is killed, but a hundred thousand alerts wait for a dead receiver. The same tests
//! as in the suite, with more of everything.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};

use crate::{packages, steps::cargo_command};

/// What can be set: the option, the variable that the test reads, and the value if none is given.
/// Without a seed every run is another one.
type Options = &'static [(&'static str, &'static str, Option<u64>)];

/// A test that does the work.
struct Rack {
    target: &'static str,
    test: &'static str,
    options: Options,
}

const BELIEFS: Rack = Rack {
    target: "twin",
    test: "after_every_kill_the_store_believes_what_an_unkilled_twin_does",
    options: &[
        ("--kills", "CAMPANILE_TORTURE_KILLS", Some(100)),
        ("--services", "CAMPANILE_TORTURE_SERVICES", Some(5_000)),
        ("--every-ms", "CAMPANILE_TORTURE_EVERY_MS", Some(5_000)),
        ("--life-ms", "CAMPANILE_TORTURE_LIFE_MS", Some(8_000)),
        ("--seed", "CAMPANILE_TORTURE_SEED", None),
    ],
};

const ALERTS: Rack = Rack {
    target: "storm",
    test: "after_every_storm_the_receiver_and_the_books_agree",
    options: &[
        ("--kills", "CAMPANILE_TORTURE_KILLS", Some(1_000)),
        ("--services", "CAMPANILE_TORTURE_SERVICES", Some(200)),
        ("--life-ms", "CAMPANILE_TORTURE_LIFE_MS", Some(1_500)),
        ("--seed", "CAMPANILE_TORTURE_SEED", None),
    ],
};

const OUTBOX: Rack = Rack {
    target: "backlog",
    test: "whatever_waits_for_a_dead_receiver_is_told_once_it_is_back",
    options: &[
        ("--rows", "CAMPANILE_TORTURE_ROWS", Some(100_000)),
        // 0: only print the figures, do not hold them against what was promised.
        ("--promises", "CAMPANILE_TORTURE_PROMISES", Some(1)),
    ],
};

const STORY: Rack = Rack {
    target: "twin_desk",
    test: "who_is_told_what_does_not_depend_on_kills",
    options: &[
        ("--kills", "CAMPANILE_TORTURE_KILLS", Some(100)),
        ("--seed", "CAMPANILE_TORTURE_SEED", None),
    ],
};

const WATCHDOGS: Rack = Rack {
    target: "watchdogs",
    test: "kills::whatever_was_accepted_is_in_its_slot_once_after_every_kill",
    options: &[
        ("--kills", "CAMPANILE_TORTURE_KILLS", Some(200)),
        ("--life-ms", "CAMPANILE_TORTURE_LIFE_MS", Some(1_500)),
        ("--seed", "CAMPANILE_TORTURE_SEED", None),
    ],
};

/// Runs the torture with the options `args`.
///
/// # Errors
/// An option that makes no sense, or a belief that differs.
pub fn run(root: &Path, args: &[&str]) -> Result<()> {
    let (rack, args) = rack(args);
    let settings = settings(&rack, args)?;
    packages::ensure()?;
    let mut command = cargo_command(root);
    command.args(["test", "--release", "--package", "tests", "--test", rack.target]);
    command.args(["--", "--exact", rack.test, "--nocapture"]);
    for (name, value) in settings {
        command.env(name, value.to_string());
    }
    let status = command.status().context("running cargo")?;
    if !status.success() {
        bail!("the torture failed: {status}");
    }
    Ok(())
}

/// Which test is meant, and its options.
fn rack<'a, 'b>(args: &'a [&'b str]) -> (Rack, &'a [&'b str]) {
    match args {
        ["alerts", rest @ ..] => (ALERTS, rest),
        ["outbox", rest @ ..] => (OUTBOX, rest),
        ["story", rest @ ..] => (STORY, rest),
        ["watchdogs", rest @ ..] => (WATCHDOGS, rest),
        _ => (BELIEFS, args),
    }
}

/// The variables for the test.
fn settings(rack: &Rack, args: &[&str]) -> Result<Vec<(&'static str, u64)>> {
    let mut given = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let option = rack.options.iter().find(|it| it.0 == *word);
        let (option, name, _) = option.with_context(|| format!("no such option: {word}"))?;
        let value = words.next().with_context(|| format!("{option} wants a number"))?;
        let value = value.parse().with_context(|| format!("{option} {value} is no number"))?;
        given.push((*name, value));
    }
    let mut settings = Vec::new();
    for (_, name, default) in rack.options {
        let value = given.iter().rev().find(|it| it.0 == *name).map(|it| it.1);
        settings.push((*name, value.or(*default).unwrap_or_else(any_seed)));
    }
    Ok(settings)
}

/// The seed of a run that was given none; the test prints it.
fn any_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(args: &[&str], name: &str) -> u64 {
        let (rack, args) = rack(args);
        let settings = settings(&rack, args).unwrap();
        settings.iter().find(|it| it.0 == name).unwrap().1
    }

    #[test]
    fn what_is_not_said_is_the_long_form() {
        assert_eq!(value(&[], "CAMPANILE_TORTURE_KILLS"), 100);
        assert_eq!(value(&["--kills", "7"], "CAMPANILE_TORTURE_KILLS"), 7);
        assert_eq!(value(&["--kills", "7"], "CAMPANILE_TORTURE_SERVICES"), 5_000);
        assert_eq!(value(&["--seed", "3", "--seed", "4"], "CAMPANILE_TORTURE_SEED"), 4);
        assert!(value(&[], "CAMPANILE_TORTURE_SEED") > 0);
        assert_eq!(value(&["alerts"], "CAMPANILE_TORTURE_KILLS"), 1_000);
        assert_eq!(value(&["alerts", "--kills", "7"], "CAMPANILE_TORTURE_KILLS"), 7);
        assert_eq!(value(&["outbox"], "CAMPANILE_TORTURE_ROWS"), 100_000);
        assert_eq!(value(&["outbox", "--promises", "0"], "CAMPANILE_TORTURE_PROMISES"), 0);
        assert_eq!(value(&["story", "--kills", "7"], "CAMPANILE_TORTURE_KILLS"), 7);
        assert_eq!(value(&["watchdogs"], "CAMPANILE_TORTURE_KILLS"), 200);
    }

    #[test]
    fn nonsense_is_refused() {
        let wrong: [&[&str]; 6] = [
            &["--kill", "7"],
            &["--kills"],
            &["--kills", "many"],
            &["alerts", "--every-ms", "7"],
            &["--kills", "7", "alerts"],
            &["outbox", "--kills", "7"],
        ];
        for args in wrong {
            let (rack, args) = rack(args);
            assert!(settings(&rack, args).is_err(), "{args:?}");
        }
    }
}
