//! A fixed set of worlds around the desk keeps every promise, and every planted bug is found.

use sim::desk::{DeskBug, Seen, outage, outage_hosts, run};

/// Worlds that every run of the tests lives through; `cargo xtask sim desk` draws more.
const SEEDS: std::ops::Range<u64> = 0..60;
/// Worlds among which each planted bug must show.
const PLANTED_SEEDS: u64 = 200;
/// Variants of an outage, and the most hosts of the site in most of them; few, since each variant
/// lives through days. `cargo xtask sim desk --outages 1000 --hosts 10000` takes them all as large.
const OUTAGES: u64 = 600;
/// See [`OUTAGES`].
const HOSTS: u64 = 120;
/// Hosts of the site in a few more, up to the largest that is promised.
const LARGE: [u64; 8] = [300, 450, 700, 1_000, 1_500, 3_000, 6_000, 10_000];

/// What all worlds together must have seen, or their being green means nothing.
fn assert_eventful(seen: &[Seen]) {
    let sum = |of: fn(&Seen) -> u64| seen.iter().map(of).sum::<u64>();
    let counts = [
        ("batches of rows", sum(|it| it.batches), 50_000),
        ("problems", sum(|it| it.problems), 2_000),
        ("problems that explained others", sum(|it| it.explaining), 200),
        ("problems of our own", sum(|it| it.own), 100),
        ("tries to deliver", sum(|it| it.tries), 10_000),
        ("arrivals", sum(|it| it.arrivals), 5_000),
        ("repeats at a receiver", sum(|it| it.repeats), 300),
        ("digests", sum(|it| it.digests), 200),
        ("resolves", sum(|it| it.resolves), 1_000),
        ("dead alerts", sum(|it| it.dead), 100),
        ("withdrawn alerts", sum(|it| it.withdrawn), 300),
        ("proposals", sum(|it| it.proposals), 500),
        ("calls", sum(|it| it.calls), 200),
        ("requests that were done", sum(|it| it.done), 1_000),
        ("requests that were refused", sum(|it| it.refused), 300),
        ("requests that came too late", sum(|it| it.stale), 100),
        ("windows that ended", sum(|it| it.windows), 100),
        ("restarts", sum(|it| it.restarts), 300),
        ("decisions to tell nobody", sum(|it| it.withheld), 1_000),
        ("times without sight", sum(|it| it.blind), 50),
        ("hypotheses", sum(|it| it.supposed), 20),
        ("signs of life", sum(|it| it.heartbeats), 100),
        ("overrides", sum(|it| it.overrides), 50),
        ("people told because of one", sum(|it| it.instead), 5),
        ("tokens made or taken back", sum(|it| it.tokens), 50),
        ("dead alerts tried again", sum(|it| it.redelivered), 20),
    ];
    for (what, seen, least) in counts {
        assert!(seen >= least, "only {seen} {what} in all worlds, not {least}");
    }
}

#[test]
fn a_fixed_set_of_worlds_keeps_every_promise() {
    let outcomes: Vec<_> = SEEDS.map(|seed| run(seed, None)).collect();
    for outcome in &outcomes {
        let (seed, fault) = (outcome.seed, &outcome.fault);
        assert!(fault.is_none(), "seed {seed}: {fault:?}");
    }
    let seen: Vec<_> = outcomes.iter().map(|it| it.seen).collect();
    assert_eventful(&seen);
}

#[test]
fn the_same_seed_is_the_same_world() {
    let mut hashes = Vec::new();
    for seed in SEEDS.take(8) {
        let (first, second) = (run(seed, None), run(seed, None));
        assert_eq!((first.hash, first.events), (second.hash, second.events), "seed {seed}");
        hashes.push(first.hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 8, "another seed is another world");
}

#[test]
fn an_outage_of_a_site_or_of_our_own_sight_is_one_problem_and_nobody_is_forgotten() {
    let small = (0..OUTAGES).map(|seed| (seed, outage_hosts(seed, HOSTS)));
    let large = (OUTAGES..).zip(LARGE);
    let mut announced = 0;
    for (seed, hosts) in small.chain(large) {
        let outcome = outage(seed, hosts, false);
        let fault = outcome.fault;
        assert!(fault.is_none(), "variant {seed} with {hosts} hosts: {fault:?}");
        announced += outcome.seen.announced;
    }
    assert!(announced >= 100, "only {announced} outages had to be announced at once");
}

#[test]
fn every_planted_bug_is_found() {
    for bug in DeskBug::ALL {
        let found = (0..PLANTED_SEEDS).any(|seed| run(seed, Some(*bug)).fault.is_some());
        assert!(found, "nobody notices {}", bug.word());
    }
}

#[test]
fn planted_bugs_have_names_of_their_own() {
    assert!(DeskBug::ALL.len() >= 45);
    for bug in DeskBug::ALL {
        assert_eq!(DeskBug::from_word(bug.word()), Some(*bug));
    }
}
