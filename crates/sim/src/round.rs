//! Living through many worlds from the command line: one loop for all kinds of them.

use std::{
    fmt::Debug,
    ops::Range,
    time::{Duration, Instant},
};

use sim::Lived;

/// Each planted bug must be found within this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells all about the one world that was lived through; was it as it should be?
pub(crate) fn one<S: Debug>(lived: &Lived<S>) -> bool {
    lived.log.iter().for_each(|it| println!("{it}"));
    println!("seed {}: {} events, trace {:016x}", lived.seed, lived.events, lived.hash);
    println!("{:#?}", lived.seen);
    match &lived.fault {
        Some(fault) => println!("FAILED {fault}"),
        None => println!("all promises kept"),
    }
    lived.fault.is_none()
}

/// Lives through the worlds of `seeds`; one line for each that broke a promise, with the words that
/// `replay` it before its seed.
pub(crate) fn many<S>(seeds: Range<u64>, replay: &str, live: impl Fn(u64) -> Lived<S>) -> bool {
    let began = Instant::now();
    let (mut events, mut failed, count) = (0, 0, seeds.end - seeds.start);
    for seed in seeds {
        let lived = live(seed);
        lived.log.iter().for_each(|it| println!("{it}"));
        events += lived.events;
        if let Some(fault) = lived.fault {
            failed += 1;
            println!("FAILED seed {seed} {fault}");
            println!("       replay: cargo xtask sim {replay} {seed}");
        }
    }
    let took = began.elapsed().as_secs_f64().max(f64::EPSILON);
    let rate = events as f64 / took;
    println!("{count} worlds, {failed} failed, {events} events in {took:.1} s: {rate:.0} events/s");
    failed == 0
}

/// Looks for a world from seed `from` on that shows the planted bug called `name`.
pub(crate) fn find<S>(name: &str, from: u64, live: impl Fn(u64) -> Lived<S>) -> bool {
    let began = Instant::now();
    let (mut seed, mut events) = (from, 0);
    while began.elapsed() < PATIENCE {
        let lived = live(seed);
        events += lived.events;
        if let Some(fault) = lived.fault {
            let took = began.elapsed();
            println!("found {name} in seed {seed}, {events} events, {took:.1?}: {fault}");
            return true;
        }
        seed += 1;
    }
    println!("NOT FOUND {name} in {} worlds, {events} events", seed - from);
    false
}

/// Each of `bugs` in turn; was every one found?
pub(crate) fn find_all<T>(bugs: &[T], find: impl Fn(&T) -> bool) -> bool {
    bugs.iter().map(find).fold(true, |all, it| all & it)
}
