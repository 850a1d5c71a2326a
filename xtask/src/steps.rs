//! Runs the steps of the suite one after the other and says at the end how it went.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::tally::Tally;

/// What was done, and how it went.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Done>,
    tally: Tally,
}

struct Done {
    name: String,
    took: Duration,
    failed: bool,
}

/// What became of a step.
pub(crate) struct Outcome {
    /// What the step counted; nothing for a step that counts as one.
    pub(crate) tally: Tally,
    /// `Err` when it failed.
    pub(crate) result: Result<()>,
}

impl From<Result<()>> for Outcome {
    fn from(result: Result<()>) -> Self {
        Self { tally: Tally::default(), result }
    }
}

impl Steps {
    /// Runs one step under a heading. A failure does not stop the others.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Outcome) {
        println!("\n==== {name}");
        let start = Instant::now();
        let Outcome { mut tally, result } = work();
        let took = start.elapsed();
        let failed = result.is_err();
        if let Err(error) = result {
            println!("{error:#}");
        }
        // A step that counts nothing, or that failed without a failed test, counts as one itself.
        if tally == Tally::default() || (failed && tally.failed == 0) {
            tally.add(Tally { passed: u64::from(!failed), failed: u64::from(failed) });
        }
        self.tally.add(tally);
        println!("---- {name}: {} after {:.1} s", word(failed), took.as_secs_f64());
        self.done.push(Done { name: name.to_owned(), took, failed });
    }

    /// Prints every step with its time and, alone on the last line, the counts. Is all well?
    pub(crate) fn finish(&self) -> bool {
        println!();
        for done in &self.done {
            println!("{:>8.1} s  {:6}  {}", done.took.as_secs_f64(), word(done.failed), done.name);
        }
        let failed = self.failed();
        if !failed.is_empty() {
            println!("failed: {}", failed.join(", "));
        }
        println!("{} passed, {} failed", self.tally.passed, self.tally.failed);
        failed.is_empty()
    }

    fn failed(&self) -> Vec<&str> {
        self.done.iter().filter(|it| it.failed).map(|it| it.name.as_str()).collect()
    }
}

fn word(failed: bool) -> &'static str {
    if failed { "FAILED" } else { "ok" }
}

/// The cargo that runs us, or the one on the path.
pub(crate) fn cargo_command(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    // What cargo tells a program that it runs is not meant for the next cargo.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
    command
}

/// Runs cargo and shows what it prints.
///
/// # Errors
/// When it cannot be run or fails.
pub fn cargo(root: &Path, args: &[&str]) -> Result<()> {
    let status = cargo_command(root).args(args).status().context("running cargo")?;
    if !status.success() {
        bail!("`cargo {}` failed: {status}", args.join(" "));
    }
    Ok(())
}

/// Runs a command, shows what it prints and counts the tests that it reports.
pub(crate) fn counted(command: &mut Command) -> Outcome {
    let mut tally = Tally::default();
    let result = run_counted(command, &mut tally);
    Outcome { tally, result }
}

fn run_counted(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let text = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("running {text}"))?;
    let stdout = child.stdout.take().context("no pipe")?;
    let stderr = child.stderr.take().context("no pipe")?;
    let other = thread::spawn(move || echo(stdout));
    tally.add(echo(stderr));
    if let Ok(read) = other.join() {
        tally.add(read);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{text} failed: {status}");
    }
    Ok(())
}

/// Passes a pipe on to our own output, line by line.
fn echo(pipe: impl Read) -> Tally {
    let mut tally = Tally::default();
    let mut lines = BufReader::new(pipe);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        tally.read(&text);
        line.clear();
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_named_counted_and_does_not_stop_the_others() {
        let mut steps = Steps::default();
        steps.step("one", || Ok(()).into());
        steps.step("two", || Err(anyhow::anyhow!("no")).into());
        let script = "echo 'test result: ok. 5 passed; 2 failed; 0 ignored'; exit 1";
        steps.step("three", || counted(Command::new("sh").args(["-c", script])));
        let script = "echo 'Summary [ 1s] 3 tests run: 3 passed, 0 skipped' >&2; exit 1";
        steps.step("four", || counted(Command::new("sh").args(["-c", script])));
        steps.step("five", || counted(Command::new("sh").args(["-c", "exit 0"])));
        assert_eq!(steps.failed(), ["two", "three", "four"]);
        assert_eq!(steps.tally, Tally { passed: 1 + 5 + 3 + 1, failed: 1 + 2 + 1 });
        assert!(!steps.finish());
    }

    #[test]
    fn all_is_well_when_every_step_is() {
        let mut steps = Steps::default();
        steps.step("one", || Ok(()).into());
        assert!(steps.finish());
    }
}
