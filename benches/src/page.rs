//! `page`: how long it takes from a hard state until the receiver has the page, while thousands of
//! services fail at once.
//!
//! The moment of the belief is the one that the engine has written down, the moment of the page the
//! one at which the receiver has read it; both are of this machine's clock. The floor is a bare
//! request of the same size to the same receiver, from this process: what a page takes beyond it is
//! the price of deciding, of the commit before anything leaves, and of waiting in line behind
//! others.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use ::tests::{Door, Engine, Receiver, Sandbox};
use anyhow::{Context, Result, ensure};
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::watch;

/// The promise: at most one page in a hundred comes later than this after the hard state.
const P99_MAX: Duration = Duration::from_millis(250);
/// All services fail within this time, since each is looked at once in it.
const EVERY: Duration = Duration::from_secs(5);
/// Most services: each has a port of its own, open in this process.
const SERVICES_MAX: usize = 20_000;
/// Bare requests for the floor.
const FLOOR_ROUNDS: usize = 1_000;
/// Longest wait for all pages.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// Time between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many services fail
    #[arg(long, default_value_t = 3_000, value_parser = services)]
    services: usize,
}

fn services(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|it| (1..=SERVICES_MAX).contains(it));
    count.ok_or_else(|| format!("a number from 1 to {SERVICES_MAX}"))
}

/// Measures, prints, and says whether the promise was kept.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let binary = watch::build()?;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let receiver = Receiver::new();
    let mut doors: Vec<Door> = (0..options.services).map(|_| Door::new()).collect();
    let sandbox = Arc::new(Sandbox::new());
    sandbox.write("config.yaml", &main_file(&receiver));
    sandbox.write("checks/bench.yaml", &check_file(&doors)?);
    let mut command = Command::new(binary);
    command.current_dir(sandbox.path()).env("NO_COLOR", "1").args(["run", "config.yaml"]);
    let engine = Engine::start_as(Arc::clone(&sandbox), &mut command);
    wait("a first look at every service", || {
        doors.iter().for_each(Door::welcome);
        let looks = engine.metrics().sum("campanile_checks_total", &[("result", "ok")]);
        looks >= doors.len() as f64
    })?;
    ensure!(receiver.taken_count() == 0, "something failed before it was to");
    doors.iter_mut().for_each(Door::close);
    wait("all pages", || receiver.taken_count() >= doors.len())?;
    let believed = believed(&sandbox)?;
    let (status, _) = engine.sigterm();
    ensure!(status.success(), "the engine ended with {status}");
    let pages = pages(&receiver, &believed)?;
    let length = receiver.all().iter().map(|it| it.text.len()).max().unwrap_or_default();
    Ok(report(&pages, &believed, &floor(length)?))
}

fn main_file(receiver: &Receiver) -> String {
    format!(
        "engine: {{ listen: \"127.0.0.1:0\", data: data }}\nchecks: [checks]\n\
         people: {{ anna: {{ name: Anna Roth, email: anna@msp.example }} }}\n\
         channels: {{ psa: {{ type: webhook, url: \"{}\" }} }}\n\
         policies: {{ urgent: {{ propose: at once, alert: [{{ after: 0m, to: anna, via: [psa] }}] }} }}\n\
         contracts: {{ gold: {{ hours: always, respond: 15m, resolve: 4h, policy: urgent }} }}\n",
        receiver.url("psa")
    )
}

fn check_file(doors: &[Door]) -> Result<String> {
    let every = EVERY.as_secs();
    let mut text = format!(
        "customer: bench\ncontract: gold\nflapping: off\nevery: {every}s\ntimeout: 2s\nretry: 1 x \
         2s\nservices:\n"
    );
    for (number, door) in doors.iter().enumerate() {
        writeln!(text, "  d{number}: {{ tcp: \"{}\" }}", door.address())?;
    }
    Ok(text)
}

fn wait(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !holds() {
        ensure!(begun.elapsed() < WAIT_MAX, "waited {WAIT_MAX:?} in vain for {what}");
        thread::sleep(LOOK);
    }
    Ok(())
}

/// When each service was believed to be down, since 1970.
fn believed(sandbox: &Sandbox) -> Result<BTreeMap<String, Duration>> {
    let rows = sandbox.sql(
        "SELECT name, max(at) AS at FROM transition JOIN checkable ON checkable.id = checkable WHERE \
         to_hard = 1 AND to_status = 2 GROUP BY name",
    );
    let moment = |row: &_| moment_of(row).context("a row without name or moment");
    rows.iter().map(|row| moment(&(row["name"].as_str(), row["at"].as_u64()))).collect()
}

fn moment_of((name, at): &(Option<&str>, Option<u64>)) -> Option<(String, Duration)> {
    Some(((*name)?.to_owned(), Duration::from_nanos((*at)?)))
}

/// From each belief to its page, shortest first.
fn pages(receiver: &Receiver, believed: &BTreeMap<String, Duration>) -> Result<Vec<Duration>> {
    let mut first: BTreeMap<String, Duration> = BTreeMap::new();
    for it in receiver.taken() {
        let believed = believed.get(it.name()).with_context(|| format!("who is {}?", it.name()))?;
        let took = it.at.duration_since(UNIX_EPOCH)?.saturating_sub(*believed);
        first.entry(it.name().to_owned()).or_insert(took);
    }
    let mut took: Vec<Duration> = first.into_values().collect();
    took.sort_unstable();
    Ok(took)
}

/// What a bare request of `length` bytes to such a receiver takes, connection and answer included.
fn floor(length: usize) -> Result<Vec<Duration>> {
    let receiver = Receiver::new();
    let url = receiver.url("floor");
    let address = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let address: SocketAddr = address.parse()?;
    let body = "x".repeat(length);
    let request = format!(
        "POST /floor HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut took = Vec::with_capacity(FLOOR_ROUNDS);
    for _ in 0..FLOOR_ROUNDS {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        ensure!(stream.read(&mut [0; 256])? > 0, "no answer to a bare request");
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    Ok(took)
}

/// The one that a share of all, shortest first, does not exceed.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn report(pages: &[Duration], believed: &BTreeMap<String, Duration>, floor: &[Duration]) -> bool {
    let (first, last) = (believed.values().min(), believed.values().max());
    let span = last.zip(first).map(|(last, first)| last.saturating_sub(*first)).unwrap_or_default();
    println!("{} services believed down within {:.1} s", believed.len(), span.as_secs_f64());
    println!("\nfrom the hard state to the page at its receiver; the floor is a bare request");
    println!("  {:<10} {:>10} {:>10} {:>10} {:>10}", "", "p50", "p99", "max", "count");
    for (name, all) in [("page", pages), ("floor", floor)] {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|it| millis(quantile(all, it)));
        println!("  {name:<10} {p50:>10} {p99:>10} {max:>10} {:>10}", all.len());
    }
    let ratio = |share| quantile(pages, share).as_secs_f64() / quantile(floor, share).as_secs_f64();
    println!("  {:<10} {:>10.1} {:>10.1} {:>10.1}", "ratio", ratio(0.5), ratio(0.99), ratio(1.0));
    let p99 = quantile(pages, 0.99);
    let kept = p99 <= P99_MAX && pages.len() == believed.len();
    let word = if kept { "PASS" } else { "FAIL" };
    println!("\n{word} p99 {} <= {}, one page for each", millis(p99), millis(P99_MAX));
    kept
}

fn millis(it: Duration) -> String {
    format!("{:.1} ms", 1e3 * it.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_measured() {
        let all: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        let millis = [0.5, 0.99, 1.0].map(|it| quantile(&all, it).as_millis());
        assert_eq!(millis, [100, 198, 200]);
        assert_eq!(quantile(&[], 0.99), Duration::ZERO);
    }

    #[test]
    fn only_as_many_services_as_there_are_ports_for() {
        assert_eq!(services("3000"), Ok(3_000));
        assert!(services("0").is_err() && services("20001").is_err() && services("many").is_err());
    }

    #[test]
    fn the_floor_is_a_request_that_is_answered() {
        let took = floor(1_000).unwrap();
        assert_eq!(took.len(), FLOOR_ROUNDS);
        assert!(took[0] > Duration::ZERO);
    }
}
