//! What must be true of worlds of any kind: each kind has a test for each of these.

use sim::{Bug, Lived};

/// A number of things seen in all worlds: what they are called, how many in one world, and the
/// least in all of them.
pub(crate) type Count<S> = (&'static str, fn(&S) -> u64, u64);

/// Lives through the worlds of `seeds`: every promise is kept, and enough has happened, or their
/// being green means nothing.
pub(crate) fn assert_kept<S>(
    seeds: std::ops::Range<u64>,
    run: impl Fn(u64) -> Lived<S>,
    counts: &[Count<S>],
) {
    let lived: Vec<_> = seeds.map(run).collect();
    for Lived { seed, fault, .. } in &lived {
        assert!(fault.is_none(), "seed {seed}: {fault:?}");
    }
    for (what, of, least) in counts {
        let seen: u64 = lived.iter().map(|it| of(&it.seen)).sum();
        assert!(seen >= *least, "only {seen} {what} in all worlds, not {least}");
    }
}

/// The worlds of the first `seeds` seeds are the same each time, and each is another one.
pub(crate) fn assert_repeatable<S>(seeds: u64, run: impl Fn(u64) -> Lived<S>) {
    let mut hashes = Vec::new();
    for seed in 0..seeds {
        let (first, second) = (run(seed), run(seed));
        assert_eq!((first.hash, first.events), (second.hash, second.events), "seed {seed}");
        hashes.push(first.hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len() as u64, seeds, "another seed is another world");
}

/// Each of `bugs`, planted, shows in one of the first `seeds` worlds.
pub(crate) fn assert_found<B: Bug, S>(
    bugs: &[B],
    seeds: u64,
    run: impl Fn(u64, Option<B>) -> Lived<S>,
) {
    for bug in bugs {
        let found = (0..seeds).any(|seed| run(seed, Some(*bug)).fault.is_some());
        assert!(found, "nobody notices {}", bug.word());
    }
}

/// There are at least `least` bugs, and each has a name of its own.
pub(crate) fn assert_named<B: Bug + PartialEq + std::fmt::Debug>(least: usize) {
    assert!(B::ALL.len() >= least, "only {} bugs can be planted", B::ALL.len());
    for bug in B::ALL {
        assert_eq!(B::from_word(bug.word()), Some(*bug));
    }
}
