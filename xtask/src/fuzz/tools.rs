//! What fuzzing needs beside Rust as it is, and the build.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::PLACE;
use crate::packages::{self, Package};

/// Counters in the code are there in nightly compilers alone.
const TOOLCHAIN: &str = "nightly";
/// Newer ones do the same; this one is known to.
const CARGO_FUZZ: [&str; 5] = ["install", "cargo-fuzz", "--version", "0.13.2", "--locked"];
const COMPILER: Package =
    Package { name: "g++", program: "g++", why: "libFuzzer is written in C++" };

/// Installs what is missing.
///
/// # Errors
/// When something is missing and cannot be installed; it says what and how.
pub(super) fn ensure() -> Result<()> {
    packages::ensure_one(&COMPILER)?;
    if !is_well(nightly("rustc").arg("--version")) {
        println!("missing: a {TOOLCHAIN} compiler");
        let words = ["toolchain", "install", TOOLCHAIN, "--profile", "minimal"];
        let status = Command::new("rustup")
            .args(words)
            .status()
            .context("a nightly compiler is missing, and so is rustup to install it")?;
        if !status.success() {
            bail!("`rustup {}` failed: {status}", words.join(" "));
        }
    }
    if !is_well(nightly("cargo").args(["fuzz", "--version"])) {
        println!("missing: cargo-fuzz");
        let status = nightly("cargo").args(CARGO_FUZZ).status().context("running cargo")?;
        if !status.success() {
            bail!("`cargo {}` failed: {status}", CARGO_FUZZ.join(" "));
        }
    }
    Ok(())
}

/// A program of the nightly toolchain. What the cargo that runs us has said to its own programs is
/// not meant for this one.
fn nightly(program: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", TOOLCHAIN, program]);
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO_MANIFEST_DIR"] {
        command.env_remove(name);
    }
    command
}

fn is_well(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|it| it.success())
}

/// Builds all targets, where they disturb no other build.
pub(super) fn build(root: &Path) -> Result<()> {
    let status = nightly("cargo")
        .current_dir(root.join("fuzz"))
        .args(["fuzz", "build", "--sanitizer", "none", "--target-dir"])
        .arg(root.join(PLACE))
        .status()
        .context("running cargo fuzz")?;
    if !status.success() {
        bail!("the targets cannot be built: {status}");
    }
    Ok(())
}
