//! `cargo xtask torture`: an engine that is killed again and again, in release mode, and held
//! against a twin that is not. The same test as in the suite, with more of everything.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};

use crate::{packages, steps::cargo_command};

/// The test that does the work.
const TEST: &str = "after_every_kill_the_store_believes_what_an_unkilled_twin_does";

/// What can be set: the option, the variable that the test reads, and the value if none is given.
const OPTIONS: &[(&str, &str, Option<u64>)] = &[
    ("--kills", "CAMPANILE_TORTURE_KILLS", Some(100)),
    ("--services", "CAMPANILE_TORTURE_SERVICES", Some(5_000)),
    ("--every-ms", "CAMPANILE_TORTURE_EVERY_MS", Some(5_000)),
    ("--life-ms", "CAMPANILE_TORTURE_LIFE_MS", Some(8_000)),
    // Without one, every run is another one.
    ("--seed", "CAMPANILE_TORTURE_SEED", None),
];

/// Runs the torture with the options `args`.
///
/// # Errors
/// An option that makes no sense, or a belief that differs.
pub fn run(root: &Path, args: &[&str]) -> Result<()> {
    let settings = settings(args)?;
    packages::ensure()?;
    let mut command = cargo_command(root);
    command.args(["test", "--release", "--package", "tests", "--test", "twin"]);
    command.args(["--", "--exact", TEST, "--nocapture"]);
    for (name, value) in settings {
        command.env(name, value.to_string());
    }
    let status = command.status().context("running cargo")?;
    if !status.success() {
        bail!("the torture failed: {status}");
    }
    Ok(())
}

/// The variables for the test.
fn settings(args: &[&str]) -> Result<Vec<(&'static str, u64)>> {
    let mut given = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let option = OPTIONS.iter().find(|it| it.0 == *word);
        let (option, name, _) = option.with_context(|| format!("no such option: {word}"))?;
        let value = words.next().with_context(|| format!("{option} wants a number"))?;
        let value = value.parse().with_context(|| format!("{option} {value} is no number"))?;
        given.push((*name, value));
    }
    let mut settings = Vec::new();
    for (_, name, default) in OPTIONS {
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
        let settings = settings(args).unwrap();
        settings.iter().find(|it| it.0 == name).unwrap().1
    }

    #[test]
    fn what_is_not_said_is_the_long_form() {
        assert_eq!(value(&[], "CAMPANILE_TORTURE_KILLS"), 100);
        assert_eq!(value(&["--kills", "7"], "CAMPANILE_TORTURE_KILLS"), 7);
        assert_eq!(value(&["--kills", "7"], "CAMPANILE_TORTURE_SERVICES"), 5_000);
        assert_eq!(value(&["--seed", "3", "--seed", "4"], "CAMPANILE_TORTURE_SEED"), 4);
        assert!(value(&[], "CAMPANILE_TORTURE_SEED") > 0);
    }

    #[test]
    fn nonsense_is_refused() {
        for args in [&["--kill", "7"][..], &["--kills"], &["--kills", "many"]] {
            assert!(settings(args).is_err(), "{args:?}");
        }
    }
}
