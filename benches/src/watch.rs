//! `watch`: the engine looks at thousands of services of all kinds, and is looked at.
//!
//! One engine with all of them tells how late looks begin and what a service takes of memory; one
//! engine for each kind alone tells what a look costs; one with nothing to do is what the others
//! are compared with.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use ::tests::{Engine, Exposition, Sandbox};
use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    account::{self, CpuTimes, Machine},
    floor,
    lateness::Lateness,
    load::{self, Kind},
    report,
    targets::{Ports, Targets},
};

/// Most services: each tenth has an agent with a socket of its own.
const SERVICES_MAX: u32 = 100_000;
/// Over so many services the kinds have equal shares.
const SERVICES_STEP: u32 = 2 * load::PER_HOST;
/// Longest window.
const SECONDS_MAX: u64 = 3_600;
/// Before anything is measured, every service has been asked at least once, and whatever a start
/// stirs up has settled.
const WARM_UP: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many services, a quarter of them of each kind
    #[arg(long, default_value_t = 20_000, value_parser = services)]
    pub(crate) services: u32,
    /// How long the engine with all services is measured
    #[arg(long, default_value_t = 60, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// How long each engine with one kind is measured
    #[arg(long, default_value_t = 20, value_parser = seconds)]
    pub(crate) kind_seconds: u64,
}

impl Options {
    pub(crate) fn hosts(&self) -> u32 {
        self.services / load::PER_HOST
    }
}

fn services(text: &str) -> Result<u32, String> {
    let count = text.parse().ok().filter(|it| (SERVICES_STEP..=SERVICES_MAX).contains(it));
    count.filter(|it| it % SERVICES_STEP == 0).ok_or_else(|| {
        format!("a multiple of {SERVICES_STEP} from {SERVICES_STEP} to {SERVICES_MAX}")
    })
}

/// Over whole intervals it is known how many looks are due.
fn seconds(text: &str) -> Result<u64, String> {
    let step = load::EVERY.as_secs();
    let count = text.parse().ok().filter(|it| (step..=SECONDS_MAX).contains(it));
    count
        .filter(|it| it % step == 0)
        .ok_or_else(|| format!("a multiple of {step} from {step} to {SECONDS_MAX}"))
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) empty: Window,
    pub(crate) mixed: Window,
    pub(crate) alone: Vec<Alone>,
}

/// One kind by itself.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) kind: Kind,
    pub(crate) window: Window,
    /// `None`: it could not be measured.
    pub(crate) floor: Option<Duration>,
}

/// What an engine did for a while.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) services: u32,
    pub(crate) took: Duration,
    pub(crate) cpu: Duration,
    /// Resident memory before the window and at its end.
    pub(crate) resident_bytes: (u64, u64),
    /// Share of all processors that was in use, by whomever.
    pub(crate) machine_busy: f64,
    before: Exposition,
    after: Exposition,
}

impl Window {
    pub(crate) fn lateness(&self, labels: &[(&str, &str)]) -> Lateness {
        Lateness::between(&self.before, &self.after, labels)
    }

    /// Looks that ended within the window.
    pub(crate) fn looks(&self) -> f64 {
        let all = |page: &Exposition| page.sum("campanile_checks_total", &[]);
        all(&self.after) - all(&self.before)
    }

    /// Looks that the timetable has in the window.
    pub(crate) fn looks_due(&self) -> f64 {
        f64::from(self.services) * self.took.as_secs_f64() / load::EVERY.as_secs_f64()
    }

    /// CPU time of one look, in seconds.
    pub(crate) fn cpu_per_look(&self) -> f64 {
        self.cpu.as_secs_f64() / self.looks().max(1.0)
    }

    /// Looks that were due and not made, since the engine's start.
    pub(crate) fn skipped(&self) -> f64 {
        self.after.sum("campanile_checks_skipped_total", &[])
    }

    /// Looks with this result, since the engine's start.
    pub(crate) fn with_result(&self, result: &str) -> f64 {
        self.after.sum("campanile_checks_total", &[("result", result)])
    }
}

/// Measures, prints, and says whether the promises were kept.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let binary = build()?;
    let hosts = options.hosts();
    let targets = Targets::start(hosts)?;
    let bench = Bench { binary, hosts, ports: targets.ports };
    report::head(options);
    let measured = bench.measure(options)?;
    report::print(&measured);
    Ok(report::judge(&measured))
}

/// Brings the binary that is measured up to date.
pub(crate) fn build() -> Result<PathBuf> {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .args(["build", "--quiet", "--release", "--package", "campanile"])
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "the engine cannot be built");
    let here = std::env::current_exe()?;
    // target/release/benches, or target/debug/benches.
    let target = here.ancestors().nth(2).context("no target folder")?;
    Ok(target.join("release/campanile"))
}

struct Bench {
    binary: PathBuf,
    hosts: u32,
    ports: Ports,
}

impl Bench {
    fn measure(&self, options: &Options) -> Result<Measured> {
        let kind_time = Duration::from_secs(options.kind_seconds);
        let empty = self.window("nothing", &[], kind_time)?;
        let mixed = self.window("all kinds", &Kind::ALL, Duration::from_secs(options.seconds))?;
        let mut alone = Vec::new();
        for kind in Kind::ALL {
            let window = self.window(kind.name(), &[kind], kind_time)?;
            let floor = floor::measure(kind, self.hosts, self.ports, floor::ROUNDS)
                .inspect_err(|error| eprintln!("the floor of {kind} is unknown: {error:#}"))
                .ok();
            alone.push(Alone { kind, window, floor });
        }
        Ok(Measured { empty, mixed, alone })
    }

    /// Runs an engine that watches services of these kinds.
    fn window(&self, name: &str, kinds: &[Kind], time: Duration) -> Result<Window> {
        let share = self.hosts * load::PER_HOST / 4;
        let services = share * u32::try_from(kinds.len()).expect("there are four kinds");
        eprintln!("{name}: {services} services, {WARM_UP:?} to warm up, {time:?} to measure");
        let mut engine = self.start(kinds);
        let pid = engine.process().pid();
        thread::sleep(WARM_UP);
        let resident = account::resident_bytes(pid)?;
        // Read now, taken apart later: that would be work within the window.
        let before = engine.page("/metrics");
        let (start, machine, cpu) = (Instant::now(), Machine::now()?, CpuTimes::of(pid)?);
        thread::sleep(time);
        let used = CpuTimes::of(pid)?.since(&cpu);
        let (took, machine_busy) = (start.elapsed(), Machine::now()?.busy_since(machine));
        let resident_bytes = (resident, account::resident_bytes(pid)?);
        let after = engine.page("/metrics");
        let (status, _) = engine.sigterm();
        ensure!(status.success(), "the engine ended with {status}");
        let read = |text: &str| Exposition::parse(text).map_err(anyhow::Error::msg);
        let (before, after) = (read(&before.body)?, read(&after.body)?);
        Ok(Window { services, took, cpu: used, resident_bytes, machine_busy, before, after })
    }

    fn start(&self, kinds: &[Kind]) -> Engine {
        let sandbox = Arc::new(Sandbox::new());
        sandbox.write("config.yaml", &load::main_file());
        let hosts = if kinds.is_empty() { 0 } else { self.hosts };
        sandbox.write("checks/bench.yaml", &load::check_file(hosts, self.ports, kinds));
        let mut command = Command::new(&self.binary);
        command.current_dir(sandbox.path()).env("NO_COLOR", "1").args(["run", "config.yaml"]);
        Engine::start_as(sandbox, &mut command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_shares_and_intervals_are_taken() {
        assert_eq!(services("400"), Ok(400));
        for text in ["0", "410", "100020", "-20", "many"] {
            assert!(services(text).is_err(), "{text}");
        }
        assert_eq!(seconds("30"), Ok(30));
        for text in ["0", "5", "3610", "-10", "long"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
