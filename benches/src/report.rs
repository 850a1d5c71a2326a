//! The figures as a person reads them, and whether they are what was promised.

use std::{fs, thread};

use crate::{
    lateness::{Lateness, Longest},
    load::{self, Kind},
    watch::{Measured, Options, Window},
};

/// The promise: at most one look in a hundred begins later than this, in seconds.
const P99_SECS_MAX: f64 = 0.1;
/// Looks made of those due: less means that some were not made and nobody counted them. The rest
/// is for those under way at the edges of the window.
const LOOKS_SHARE_MIN: f64 = 0.99;

/// Says what is measured, and where.
pub(crate) fn head(options: &Options) {
    let (services, hosts) = (options.services, options.hosts());
    println!(
        "{services} services on {hosts} hosts, a quarter of each kind, every {:?}",
        load::EVERY
    );
    let processors = thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    println!("{processors} processors, load before the start {load}");
}

/// Prints all figures.
pub(crate) fn print(measured: &Measured) {
    let mixed = &measured.mixed;
    println!("\nlateness, all kinds in one engine, over {:.0} s", mixed.took.as_secs_f64());
    println!("  {:<10} {:>10} {:>10} {:>12} {:>10}", "", "p50", "p99", "max", "looks");
    for kind in Kind::ALL {
        late(kind.name(), &mixed.lateness(&[("kind", kind.name())]));
    }
    late("all", &mixed.lateness(&[]));

    println!("\nCPU time of the engine; the floor is a bare loop of the same system calls");
    println!("  {:<10} {:>12} {:>10} {:>8} {:>10}", "", "us a look", "floor us", "ratio", "looks");
    for it in &measured.alone {
        let floor = it.floor.map(|floor| floor.as_secs_f64());
        cost(it.kind.name(), &it.window, floor);
    }
    cost("mixed", mixed, None);
    let idle = 1e6 * measured.empty.cpu.as_secs_f64() / measured.empty.took.as_secs_f64();
    println!("  {:<10} {idle:>12.0} us a second", "no service");

    println!("\nresident memory in kB, after the warm-up and, a page of metrics later, at the end");
    println!("  {:<10} {:>12} {:>12}", "", "warm", "end");
    let (full, empty) = (mixed.resident_bytes, measured.empty.resident_bytes);
    for (name, (warm, end)) in [("mixed", full), ("no service", empty)] {
        println!("  {name:<10} {:>12} {:>12}", warm / 1_024, end / 1_024);
    }
    let each = |full: u64, empty| full.saturating_sub(empty) / u64::from(mixed.services);
    let (warm, end) = (each(full.0, empty.0), each(full.1, empty.1));
    println!("  {:<10} {warm:>12} {end:>12} bytes", "a service");
    println!(
        "\nthe machine was busy to {:.0} % while all kinds were measured, the engine's part {:.1} %",
        100.0 * mixed.machine_busy,
        100.0 * engine_share(mixed)
    );
}

fn late(name: &str, lateness: &Lateness) {
    let most = match lateness.longest() {
        Longest::Exactly(secs) => millis(secs),
        Longest::AtMost(secs) => format!("<= {}", millis(secs)),
    };
    let (p50, p99) = (millis(lateness.quantile(0.5)), millis(lateness.quantile(0.99)));
    println!("  {name:<10} {p50:>10} {p99:>10} {most:>12} {:>10}", lateness.looks());
}

fn cost(name: &str, window: &Window, floor: Option<f64>) {
    let cpu = window.cpu_per_look();
    let (micros, ratio) = match floor {
        Some(floor) => (format!("{:.1}", 1e6 * floor), format!("{:.1}", cpu / floor)),
        None => ("-".to_owned(), "-".to_owned()),
    };
    println!("  {name:<10} {:>12.1} {micros:>10} {ratio:>8} {:>10}", 1e6 * cpu, window.looks());
}

fn millis(secs: f64) -> String {
    format!("{:.1} ms", 1e3 * secs)
}

/// The engine's share of all processors.
fn engine_share(window: &Window) -> f64 {
    let processors = thread::available_parallelism().map_or(1, usize::from) as f64;
    window.cpu.as_secs_f64() / window.took.as_secs_f64() / processors
}

/// Prints each promise with whether it was kept. Were all?
pub(crate) fn judge(measured: &Measured) -> bool {
    let all = || measured.alone.iter().map(|it| &it.window).chain([&measured.mixed]);
    let p99 = measured.mixed.lateness(&[]).quantile(0.99);
    let skipped: f64 = all().map(Window::skipped).sum();
    let with = |result| all().map(|it| it.with_result(result)).sum::<f64>();
    let blind = with("blind");
    let bad = with("warning") + with("critical") + with("unknown");
    let made = all().map(|it| it.looks() / it.looks_due()).fold(f64::INFINITY, f64::min);
    let promises = [
        (p99 <= P99_SECS_MAX, format!("p99 lateness {} <= {}", millis(p99), millis(P99_SECS_MAX))),
        (skipped == 0.0, format!("{skipped} looks skipped")),
        (blind == 0.0, format!("{blind} looks blind")),
        (bad == 0.0, format!("{bad} looks found their target unwell")),
        (made >= LOOKS_SHARE_MIN, format!("{:.1} % of the looks that were due", 100.0 * made)),
    ];
    println!();
    for (kept, what) in &promises {
        println!("{} {what}", if *kept { "PASS" } else { "FAIL" });
    }
    promises.iter().all(|(kept, _)| *kept)
}
