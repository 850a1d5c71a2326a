//! A fixed set of worlds around the desk keeps every promise, and every planted bug is found.

mod fixed;

use fixed::Count;
use sim::{
    Bug,
    desk::{DeskBug, Seen, outage, outage_hosts, run},
};

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

/// What all worlds together must have seen.
const SEEN: &[Count<Seen>] = &[
    ("batches of rows", |it| it.batches, 50_000),
    ("problems", |it| it.problems, 2_000),
    ("problems that explained others", |it| it.explaining, 200),
    ("problems of our own", |it| it.own, 100),
    ("tries to deliver", |it| it.tries, 10_000),
    ("arrivals", |it| it.arrivals, 5_000),
    ("repeats at a receiver", |it| it.repeats, 300),
    ("digests", |it| it.digests, 200),
    ("resolves", |it| it.resolves, 1_000),
    ("dead alerts", |it| it.dead, 100),
    ("withdrawn alerts", |it| it.withdrawn, 300),
    ("proposals", |it| it.proposals, 500),
    ("calls", |it| it.calls, 200),
    ("requests that were done", |it| it.done, 1_000),
    ("requests that were refused", |it| it.refused, 300),
    ("requests that came too late", |it| it.stale, 100),
    ("windows that ended", |it| it.windows, 100),
    ("restarts", |it| it.restarts, 300),
    ("decisions to tell nobody", |it| it.withheld, 1_000),
    ("times without sight", |it| it.blind, 50),
    ("hypotheses", |it| it.supposed, 20),
    ("signs of life", |it| it.heartbeats, 100),
    ("overrides", |it| it.overrides, 50),
    ("people told because of one", |it| it.instead, 5),
    ("tokens made or taken back", |it| it.tokens, 50),
    ("dead alerts tried again", |it| it.redelivered, 20),
];

#[test]
fn a_fixed_set_of_worlds_keeps_every_promise() {
    fixed::assert_kept(SEEDS, |seed| run(seed, None), SEEN);
}

#[test]
fn the_same_seed_is_the_same_world() {
    fixed::assert_repeatable(8, |seed| run(seed, None));
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
    fixed::assert_found(DeskBug::ALL, PLANTED_SEEDS, run);
}

#[test]
fn planted_bugs_have_names_of_their_own() {
    fixed::assert_named::<DeskBug>(45);
}
