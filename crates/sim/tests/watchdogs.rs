//! A fixed set of worlds around the ledger keeps every promise, and every planted bug is found.

use sim::watchdogs::{Seen, WatchdogBug, run};

/// Worlds that every run of the tests lives through; `cargo xtask sim watchdogs` draws more.
const SEEDS: std::ops::Range<u64> = 0..24;
/// Worlds among which each planted bug must show.
const PLANTED_SEEDS: u64 = 120;

/// What all worlds together must have seen, or their being green means nothing.
fn assert_eventful(seen: &[Seen]) {
    let sum = |of: fn(&Seen) -> u64| seen.iter().map(of).sum::<u64>();
    let counts = [
        ("mails that were taken", sum(|it| it.taken), 12_000),
        ("reports that count", sum(|it| it.counted), 9_000),
        ("duplicates", sum(|it| it.duplicates), 900),
        ("orphans", sum(|it| it.orphans), 150),
        ("reports without proof", sum(|it| it.unproved), 600),
        ("unclaimed reports", sum(|it| it.unclaimed), 500),
        ("claims", sum(|it| it.claimed), 40),
        ("slots", sum(|it| it.slots), 9_000),
        ("slots on days on which clocks change", sum(|it| it.odd), 6),
        ("slots that were kept", sum(|it| it.kept), 6_000),
        ("runs or mails that were late", sum(|it| it.late), 400),
        ("runs that went well in part", sum(|it| it.partial), 350),
        ("runs that failed", sum(|it| it.failed), 350),
        ("runs that were missing", sum(|it| it.missing), 800),
        ("runs that nobody understands", sum(|it| it.unclassified), 150),
        ("runs that were skipped", sum(|it| it.skipped), 100),
        ("runs of which nothing can be said", sum(|it| it.not_watched), 400),
        ("corrections", sum(|it| it.corrected), 60),
        ("problems", sum(|it| it.problems), 1_200),
        ("proposals", sum(|it| it.proposals), 1_000),
        ("proposals that went with their cause", sum(|it| it.withdrawn), 1_000),
        ("calls that are ready", sum(|it| it.ready), 15),
        ("intakes that could not hear", sum(|it| it.deaf), 8),
        ("starts", sum(|it| it.restarts), 200),
        ("runs whose truth was compared", sum(|it| it.truths), 6_000),
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
    for seed in SEEDS.take(4) {
        let (first, second) = (run(seed, None), run(seed, None));
        assert_eq!((first.hash, first.events), (second.hash, second.events), "seed {seed}");
        hashes.push(first.hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 4, "another seed is another world");
}

#[test]
fn every_planted_bug_is_found() {
    for bug in WatchdogBug::ALL {
        let found = (0..PLANTED_SEEDS).any(|seed| run(seed, Some(*bug)).fault.is_some());
        assert!(found, "nobody notices {}", bug.word());
    }
}

#[test]
fn planted_bugs_have_names_of_their_own() {
    assert!(WatchdogBug::ALL.len() >= 30);
    for bug in WatchdogBug::ALL {
        assert_eq!(WatchdogBug::from_word(bug.word()), Some(*bug));
    }
}
