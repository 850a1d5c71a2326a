//! `mails`: a minute of mails as a provider's relays and its customers' devices send them, 500 a
//! second to 2,500 jobs of 500 customers, and every hundredth of them a bomb.
//!
//! A mail counts from the end of its text to the answer that it is kept; one whose sender was told to
//! come again, from when it was first told so. Afterwards the interface is asked for every report:
//! whatever was taken is there once, for its job. Memory is what the kernel says: the most that the
//! process ever had, and how much that is beyond what it had before the first mail.
//!
//! The floor is the same flood without bombs, for some seconds, against a server that does nothing
//! but append each mail to a file, flush it to the disk and say yes.

use std::{collections::BTreeMap, process::Command, sync::Arc, time::Duration};

use ::tests::{
    Bomb, Engine, Fate, Flood, Ledger, Lost, MailEstate, Sandbox, Sent, Sink, peak_bytes,
    resident_bytes,
};
use anyhow::Result;
use clap::Args;

use crate::{
    account::{CpuTimes, Machine},
    watch,
};

/// The promise: at most one mail in a hundred waits longer for its answer.
const P99_MAX: Duration = Duration::from_secs(2);
/// The promise: so much memory for everything that is under way.
const MEMORY_BYTES_MAX: u64 = 256 << 20;
/// The promise: at least so much of the rate that was asked for.
const RATE_SHARE_MIN: f64 = 0.95;
const RELAYS: usize = 4;
const LINES: usize = 12;
const DEVICES: usize = 16;
/// How long the floor is measured.
const FLOOR_SECONDS: usize = 10;
/// As fast as it goes: so many mails.
const UNPACED_MAILS: usize = 20_000;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Mails a second; 0: as fast as they are taken
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// For how long
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Customers
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    customers: u32,
    /// Jobs of each customer
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    jobs: u32,
    /// Without bombs
    #[arg(long)]
    harmless: bool,
}

/// What a flood has shown.
struct Measured {
    sent: Vec<Sent>,
    took: Duration,
}

/// What the engine has used.
struct Used {
    idle_bytes: u64,
    peak_bytes: u64,
    cpu: Duration,
    machine_busy: f64,
}

/// Measures, prints, and says whether the promises were kept.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let binary = watch::build()?;
    let estate = MailEstate { customers: options.customers as usize, jobs: options.jobs as usize };
    let sandbox = Arc::new(Sandbox::new());
    sandbox.write("config.yaml", &estate.config());
    for (name, text) in estate.checks() {
        sandbox.write(&format!("checks/{name}.yaml"), &text);
    }
    let mut command = Command::new(binary);
    command.current_dir(sandbox.path()).env("NO_COLOR", "1").args(["run", "config.yaml"]);
    let mut engine = Engine::start_as(Arc::clone(&sandbox), &mut command);
    let (api, door) = (engine.api(), MailEstate::door(&engine));
    let addresses = estate.addresses(&api);
    let pid = engine.process().pid();
    let mails = match options.rate {
        0 => UNPACED_MAILS,
        rate => rate as usize * options.seconds as usize,
    };
    let flood = Flood {
        mails,
        a_second: options.rate,
        relays: RELAYS,
        lines: LINES,
        devices: DEVICES,
        bombs: !options.harmless,
        name: "flood".to_owned(),
    };
    let (cpu, machine) = (CpuTimes::of(pid)?, Machine::now()?);
    let idle_bytes = resident_bytes(pid);
    let (sent, took) = flood.run(door, &addresses);
    let used = Used {
        idle_bytes,
        peak_bytes: peak_bytes(pid),
        cpu: CpuTimes::of(pid)?.since(&cpu),
        machine_busy: Machine::now()?.busy_since(machine),
    };
    let lost = Ledger::read(&api).against(&flood, estate, &sent);
    drop(engine);
    let floor = floor(&flood, &sandbox);
    Ok(report(options, &Measured { sent, took }, &used, &lost, &floor))
}

/// The same against a server that only keeps bytes.
fn floor(flood: &Flood, sandbox: &Sandbox) -> Measured {
    let sink = Sink::start(&sandbox.path().join("floor"));
    let a_second = flood.a_second;
    let mails = if a_second == 0 { flood.mails } else { a_second as usize * FLOOR_SECONDS };
    let flood = Flood { mails, bombs: false, name: "floor".to_owned(), ..flood.clone() };
    let (sent, took) = flood.run(sink.address(), &["sink@in.msp.example".to_owned()]);
    Measured { sent, took }
}

impl Measured {
    fn rate(&self) -> f64 {
        self.sent.len() as f64 / self.took.as_secs_f64()
    }

    /// How long ordinary ones took that were taken, shortest first.
    fn took(&self) -> Vec<Duration> {
        let taken = self.sent.iter().filter(|it| it.bomb.is_none() && it.fate == Fate::Taken);
        let mut all: Vec<Duration> = taken.map(|it| it.took).collect();
        all.sort_unstable();
        all
    }

    /// How late they were begun, shortest first.
    fn late(&self) -> Vec<Duration> {
        let mut all: Vec<Duration> = self.sent.iter().map(|it| it.late).collect();
        all.sort_unstable();
        all
    }
}

/// The one that a share of all, shortest first, does not exceed.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn report(options: &Options, flood: &Measured, used: &Used, lost: &Lost, floor: &Measured) -> bool {
    let Options { rate, customers, jobs, .. } = options;
    let sent = &flood.sent;
    println!(
        "{} mails to {} jobs of {customers} customers in {:.1} s: {:.0}/s, asked for {rate}/s",
        sent.len(),
        jobs * customers,
        flood.took.as_secs_f64(),
        flood.rate()
    );
    println!("\nfrom the end of a mail to its answer; the floor only appends and flushes");
    println!("  {:<10} {:>10} {:>10} {:>10} {:>10} {:>8}", "", "p50", "p99", "max", "count", "/s");
    for (name, it) in [("mails", flood), ("floor", floor)] {
        let all = it.took();
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| millis(quantile(&all, share)));
        let (count, rate) = (all.len(), it.rate());
        println!("  {name:<10} {p50:>10} {p99:>10} {max:>10} {count:>10} {rate:>8.0}");
    }
    let late = quantile(&flood.late(), 0.99);
    println!("  begun too late by the senders themselves: p99 {}", millis(late));
    bombs(sent);
    let mebibytes = |it: u64| it as f64 / f64::from(1 << 20);
    let extra = used.peak_bytes.saturating_sub(used.idle_bytes);
    println!(
        "\nmemory: {:.0} MiB before, {:.0} MiB at most, {:.0} MiB for the mails",
        mebibytes(used.idle_bytes),
        mebibytes(used.peak_bytes),
        mebibytes(extra)
    );
    println!(
        "CPU: {:.2} ms a mail; machine busy to {:.0} %",
        1e3 * used.cpu.as_secs_f64() / sent.len() as f64,
        100.0 * used.machine_busy
    );
    promises(options, flood, lost, extra)
}

/// What became of each sort of bomb.
fn bombs(sent: &[Sent]) {
    let mut all: BTreeMap<Bomb, [usize; 3]> = BTreeMap::new();
    for it in sent {
        let Some(bomb) = it.bomb else { continue };
        let place = match it.fate {
            Fate::Taken => 0,
            Fate::Refused(_) => 1,
            Fate::Unknown(_) => 2,
        };
        all.entry(bomb).or_default()[place] += 1;
    }
    println!("\n  {:<16} {:>8} {:>8} {:>8}", "bombs", "taken", "refused", "cut off");
    for (bomb, [taken, refused, cut]) in all {
        println!("  {:<16} {taken:>8} {refused:>8} {cut:>8}", format!("{bomb:?}"));
    }
}

fn promises(options: &Options, flood: &Measured, lost: &Lost, extra: u64) -> bool {
    let ordinary = || flood.sent.iter().filter(|it| it.bomb.is_none());
    let refused = ordinary().filter(|it| it.fate != Fate::Taken).count();
    let later: u32 = ordinary().map(|it| it.later).sum();
    let p99 = quantile(&flood.took(), 0.99);
    let wanted = f64::from(options.rate) * RATE_SHARE_MIN;
    let all = [
        (*lost == Lost::default(), format!("of what was taken: {lost}")),
        (refused == 0, format!("ordinary mails refused: {refused}; told to come again: {later}")),
        (flood.rate() >= wanted, format!("{:.0}/s >= {wanted:.0}/s", flood.rate())),
        (p99 <= P99_MAX, format!("p99 {} <= {}", millis(p99), millis(P99_MAX))),
        (
            extra <= MEMORY_BYTES_MAX,
            format!("memory {} MiB <= {} MiB", extra >> 20, MEMORY_BYTES_MAX >> 20),
        ),
    ];
    println!();
    for (kept, text) in &all {
        println!("{} {text}", if *kept { "PASS" } else { "FAIL" });
    }
    all.iter().all(|it| it.0)
}

fn millis(it: Duration) -> String {
    format!("{:.1} ms", 1e3 * it.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bombs_took_does_not_count_for_the_others() {
        let of = |number: usize, bomb, millis, fate| Sent {
            number,
            bomb,
            fate,
            later: 0,
            took: Duration::from_millis(millis),
            late: Duration::ZERO,
        };
        let sent = vec![
            of(0, None, 7, Fate::Taken),
            of(1, Some(Bomb::Huge), 9_000, Fate::Taken),
            of(2, None, 3, Fate::Taken),
            of(3, None, 0, Fate::Refused(String::new())),
        ];
        let took = Duration::from_secs(2);
        let measured = Measured { sent, took };
        assert_eq!(measured.took(), [3, 7].map(Duration::from_millis));
        assert!((measured.rate() - 2.0).abs() < 1e-9);
        assert_eq!(quantile(&measured.took(), 0.99), Duration::from_millis(7));
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }
}
