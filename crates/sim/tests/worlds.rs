//! A fixed set of worlds keeps every promise, and every planted bug is found.

mod fixed;

use fixed::Count;
use sim::{Bug, Planted, judge::Stats, run};

/// Worlds that every run of the tests lives through; `cargo xtask sim` draws more.
const SEEDS: std::ops::Range<u64> = 0..20;
/// Worlds among which each planted bug must show. A world takes a fraction of a second, so this is
/// well within a minute.
const PLANTED_SEEDS: u64 = 200;

/// What all worlds together must have seen.
const SEEN: &[Count<Stats>] = &[
    ("looks", |it| it.looks, 100_000),
    ("answers that nobody waits for", |it| it.stale, 1_000),
    ("blind looks", |it| it.blind, 1_000),
    ("runs given up", |it| it.lost, 1_000),
    ("runs skipped", |it| it.skipped, 1_000),
    ("believed changes", |it| it.transitions, 10_000),
    ("starts and ends of flapping", |it| it.flaps, 500),
    ("verdicts that waited for parents", |it| it.held, 20),
    ("outages believed in time", |it| it.outages, 500),
    ("restarts", |it| it.restarts, 200),
    ("reloads", |it| it.reloads, 200),
];

#[test]
fn a_fixed_set_of_worlds_keeps_every_promise() {
    fixed::assert_kept(SEEDS, |seed| run(seed, None), SEEN);
}

#[test]
fn the_same_seed_is_the_same_world() {
    fixed::assert_repeatable(6, |seed| run(seed, None));
}

/// Looks for every planted bug whose number leaves `rest` when divided by the number of these
/// tests: they run side by side.
fn find_all(rest: usize, tests: usize) {
    let bugs: Vec<_> = Planted::ALL.iter().copied().skip(rest).step_by(tests).collect();
    fixed::assert_found(&bugs, PLANTED_SEEDS, run);
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
    fixed::assert_named::<Planted>(12);
}
