//! `cargo xtask VERB`: what a contributor runs.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a command for a person at a terminal"
)]

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask VERB

  test              everything that must hold; installs what it needs from Debian's packages
  packages          only installs what the tests need
  tidy              the rules of style that no other tool checks
  architecture      who may know whom
  manual [--check]  writes docs/kinds/ from the catalogue of kinds; --check only compares
  sim [ARGS]        the simulator, in release mode: `cargo xtask sim --seeds 1000`
  bench [ARGS]      the benches, in release mode: `cargo xtask bench watch`, `bench page`,
                    `bench mails`
  fuzz [ARGS]       every reader gets odd inputs for a minute: `cargo xtask fuzz --secs 10 smtp`,
                    `cargo xtask fuzz format` all formats, `--keep` keeps inputs for the tests,
                    `--built` builds nothing; installs a nightly compiler and cargo-fuzz
  torture [ARGS]    kill -9 again and again, in release mode: `cargo xtask torture --kills 100`,
                    `cargo xtask torture alerts --kills 1000` with a bad receiver,
                    `torture story --kills 100` twice, once undisturbed,
                    `torture watchdogs --kills 200` with reports by every way in,
                    `torture outbox --rows 100000` with a receiver that is down for long
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        // It has said what failed, and its counts are to stay the last line.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<bool> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if words == ["test"] {
        return Ok(xtask::suite::run(&xtask::root()));
    }
    if let ["fuzz", rest @ ..] = words.as_slice() {
        return xtask::fuzz::run(&xtask::root(), rest);
    }
    chore(&words)?;
    Ok(true)
}

fn chore(words: &[&str]) -> Result<()> {
    let root = xtask::root();
    match words {
        ["packages"] => xtask::packages::ensure(),
        ["tidy"] => xtask::tidy::run(&root),
        ["architecture"] => xtask::architecture::run(&root),
        ["manual"] => xtask::manual::write(&root),
        ["manual", "--check"] => xtask::manual::check(&root),
        ["sim", rest @ ..] => in_release(&["-p", "sim", "--bin", "sim"], rest),
        ["torture", rest @ ..] => xtask::torture::run(&root, rest),
        ["bench", rest @ ..] => in_release(&["-p", "benches"], rest),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => bail!("no such verb: {}\n{USAGE}", words.join(" ")),
    }
}

/// Runs a program of the workspace in release mode.
fn in_release(package: &[&str], args: &[&str]) -> Result<()> {
    let mut words = vec!["run", "--quiet", "--release"];
    words.extend(package);
    words.push("--");
    words.extend(args);
    xtask::cargo(&xtask::root(), &words)
}
