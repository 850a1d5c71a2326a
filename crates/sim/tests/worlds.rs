//! A fixed set of worlds keeps every promise, and every planted bug is found.

use sim::{Planted, judge::Stats, run};

/// Worlds that every run of the tests lives through; `cargo xtask sim` draws more.
const SEEDS: std::ops::Range<u64> = 0..20;
/// Worlds among which each planted bug must show. A world takes a fraction of a second, so this is
/// well within a minute.
const PLANTED_SEEDS: u64 = 200;

/// What all worlds together must have seen, or their being green means nothing.
fn assert_eventful(seen: &[Stats]) {
    let sum = |of: fn(&Stats) -> u64| seen.iter().map(of).sum::<u64>();
    let counts = [
        ("looks", sum(|it| it.looks), 100_000),
        ("answers that nobody waits for", sum(|it| it.stale), 1_000),
        ("blind looks", sum(|it| it.blind), 1_000),
        ("runs given up", sum(|it| it.lost), 1_000),
        ("runs skipped", sum(|it| it.skipped), 1_000),
        ("believed changes", sum(|it| it.transitions), 10_000),
        ("starts and ends of flapping", sum(|it| it.flaps), 500),
        ("verdicts that waited for parents", sum(|it| it.held), 20),
        ("outages believed in time", sum(|it| it.outages), 500),
        ("restarts", sum(|it| it.restarts), 200),
        ("reloads", sum(|it| it.reloads), 200),
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
        assert!(fault.is_none(), "seed {seed}: {fault:?}\n{}", outcome.about);
    }
    let stats: Vec<_> = outcomes.iter().map(|it| it.stats).collect();
    assert_eventful(&stats);
}

#[test]
fn the_same_seed_is_the_same_world() {
    let mut hashes = Vec::new();
    for seed in SEEDS.take(6) {
        let (first, second) = (run(seed, None), run(seed, None));
        assert_eq!((first.hash, first.events), (second.hash, second.events), "seed {seed}");
        hashes.push(first.hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 6, "another seed is another world");
}

/// Looks for every planted bug whose number leaves `rest` when divided by the number of these
/// tests: they run side by side.
fn find_all(rest: usize, tests: usize) {
    for (index, planted) in Planted::ALL.iter().enumerate() {
        if index % tests == rest {
            let mut seeds = 0..PLANTED_SEEDS;
            let found = seeds.any(|seed| run(seed, Some(*planted)).fault.is_some());
            assert!(found, "nobody notices {}", planted.word());
        }
    }
}

#[test]
fn every_first_planted_bug_is_found() {
    find_all(0, 3);
}

#[test]
fn every_second_planted_bug_is_found() {
    find_all(1, 3);
}

#[test]
fn every_third_planted_bug_is_found() {
    find_all(2, 3);
}

#[test]
fn planted_bugs_have_names_of_their_own() {
    assert!(Planted::ALL.len() >= 12);
    for planted in Planted::ALL {
        assert_eq!(Planted::from_word(planted.word()), Some(*planted));
    }
}
