//! `cargo xtask test`: everything that must hold, in one command, on a machine that has only Rust.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{
    architecture, manual, packages,
    steps::{Steps, cargo, cargo_command, counted},
    tidy,
};

/// Seeds of the simulator that every run plays: enough to meet every planted fault, few enough to
/// be done within a minute on two cores.
const SEEDS: &str = "64";
/// The same for the worlds around the desk, which are shorter.
const DESK_SEEDS: &str = "500";
/// The same for the worlds around the ledger of promised runs.
const WATCHDOG_SEEDS: &str = "300";

/// Runs the suite and says at the end what failed. Is all well?
#[must_use]
pub fn run(root: &Path) -> bool {
    let mut steps = Steps::default();
    steps.step("packages", || packages::ensure().into());
    steps.step("components", || packages::ensure_components().into());
    steps.step("fmt", || cargo(root, &["fmt", "--all", "--check"]).into());
    steps.step("clippy", || {
        let words = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        cargo(root, &words).into()
    });
    steps.step("build", || {
        cargo(root, &["build", "--profile", "test", "--package", "campanile"]).into()
    });
    steps.step("tests", || counted(&mut tests(root)));
    steps.step("doc tests", || {
        counted(cargo_command(root).args(["test", "--doc", "--workspace", "--quiet"]))
    });
    steps.step("tidy", || tidy::run(root).into());
    steps.step("architecture", || architecture::run(root).into());
    steps.step("manual", || manual::check(root).into());
    steps.step("simulator", || {
        let words = ["run", "--release", "-p", "sim", "--bin", "sim", "--", "--seeds", SEEDS];
        cargo(root, &words).into()
    });
    steps.step("simulator of the desk", || {
        let run = ["run", "--release", "-p", "sim", "--bin", "sim", "--"];
        cargo(root, &[&run[..], &["desk", "--seeds", DESK_SEEDS]].concat()).into()
    });
    steps.step("simulator of the watchdogs", || {
        let run = ["run", "--release", "-p", "sim", "--bin", "sim", "--"];
        cargo(root, &[&run[..], &["watchdogs", "--seeds", WATCHDOG_SEEDS]].concat()).into()
    });
    steps.finish()
}

/// nextest where it is installed (each test in a process of its own), libtest otherwise: to build
/// nextest takes longer than everything else here together.
fn tests(root: &Path) -> Command {
    let mut command = cargo_command(root);
    if packages::has_cargo_verb("nextest") {
        command.args(["nextest", "run", "--workspace", "--profile", "ci"]);
    } else {
        println!("cargo-nextest is not installed: `cargo test` does the same, more slowly");
        command.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"]);
    }
    if let Ok(binary) = campanile(root) {
        command.env("CAMPANILE_BIN", binary);
    }
    run_as_root(&mut command);
    command
}

/// The engine that the step before has built, for the end-to-end tests.
fn campanile(root: &Path) -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |it| root.join(it));
    let binary = target.join("debug/campanile");
    if !binary.is_file() {
        bail!("{} was not built", binary.display());
    }
    Ok(binary)
}

/// Network namespaces and raw sockets need root. Whoever may become root without being asked runs
/// the test programs (not cargo) as root; for anybody else those tests fail and say why.
fn run_as_root(command: &mut Command) {
    if packages::is_root() {
        return;
    }
    if packages::can_sudo() {
        println!("not root: the test programs run under `sudo -n -E`");
        let triple = format!("{}_UNKNOWN_LINUX_GNU", std::env::consts::ARCH.to_uppercase());
        command.env(format!("CARGO_TARGET_{triple}_RUNNER"), "sudo -n -E");
    } else {
        println!("not root: the tests that need network namespaces will fail and say so");
    }
}
