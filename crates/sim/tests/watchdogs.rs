//! A fixed set of worlds around the ledger keeps every promise, and every planted bug is found.

mod fixed;

use fixed::Count;
use sim::{
    Bug,
    watchdogs::{Seen, WatchdogBug, run},
};

/// Worlds that every run of the tests lives through; `cargo xtask sim watchdogs` draws more.
const SEEDS: std::ops::Range<u64> = 0..24;
/// Worlds among which each planted bug must show.
const PLANTED_SEEDS: u64 = 120;

/// What all worlds together must have seen.
const SEEN: &[Count<Seen>] = &[
    ("mails that were taken", |it| it.taken, 12_000),
    ("reports that count", |it| it.counted, 9_000),
    ("duplicates", |it| it.duplicates, 900),
    ("orphans", |it| it.orphans, 150),
    ("reports without proof", |it| it.unproved, 600),
    ("unclaimed reports", |it| it.unclaimed, 500),
    ("claims", |it| it.claimed, 40),
    ("slots", |it| it.slots, 9_000),
    ("slots on days on which clocks change", |it| it.odd, 6),
    ("slots that were kept", |it| it.kept, 6_000),
    ("runs or mails that were late", |it| it.late, 400),
    ("runs that went well in part", |it| it.partial, 350),
    ("runs that failed", |it| it.failed, 350),
    ("runs that were missing", |it| it.missing, 800),
    ("runs that nobody understands", |it| it.unclassified, 150),
    ("runs that were skipped", |it| it.skipped, 100),
    ("runs of which nothing can be said", |it| it.not_watched, 400),
    ("corrections", |it| it.corrected, 60),
    ("problems", |it| it.problems, 1_200),
    ("proposals", |it| it.proposals, 1_000),
    ("proposals that went with their cause", |it| it.withdrawn, 1_000),
    ("calls that are ready", |it| it.ready, 15),
    ("intakes that could not hear", |it| it.deaf, 8),
    ("starts", |it| it.restarts, 200),
    ("runs whose truth was compared", |it| it.truths, 6_000),
];

#[test]
fn a_fixed_set_of_worlds_keeps_every_promise() {
    fixed::assert_kept(SEEDS, |seed| run(seed, None), SEEN);
}

#[test]
fn the_same_seed_is_the_same_world() {
    fixed::assert_repeatable(4, |seed| run(seed, None));
}

#[test]
fn every_planted_bug_is_found() {
    fixed::assert_found(WatchdogBug::ALL, PLANTED_SEEDS, run);
}

#[test]
fn planted_bugs_have_names_of_their_own() {
    fixed::assert_named::<WatchdogBug>(30);
}
