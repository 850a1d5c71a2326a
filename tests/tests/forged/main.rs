//! Forged successes: whatever is missing of what a job asks for, and however it is dressed up, no
//! mail without it silences anything. Forged failures are told.
//!
//! Ten thousand mails by a fixed dice go from the wire's bytes through the reader of mails to the
//! desk, in this process, because names and signatures can be had here; some hundreds go over SMTP
//! to the real binary. Afterwards the real word of each job does end its problem: so what is tried
//! here could have succeeded.

#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code; a panic is how a test reports"
)]

mod bench;
mod dice;
mod forger;
mod wire;

use std::collections::BTreeMap;

use bench::{Bench, JOBS};
use dice::Dice;
use forger::{Forger, Mail, Word};
use model::{Class, ProposalState, Standing};

const FORGERIES: usize = 10_000;

/// All jobs have failed, and everybody knows.
fn failed(forger: &Forger) -> Bench {
    let mut bench = Bench::new(forger);
    // Yesterday all was well.
    bench.go_to(22 * 3600);
    for job in &JOBS {
        let mail = forger.real(job, Word::Well, 0, bench.now());
        assert_eq!(bench.hear(&mail), [Class::Counted], "{}: {}", job.name, mail.shown());
        assert_eq!(bench.standing(job.name), Standing::Kept, "{}", job.name);
    }
    bench.go_to((24 + 22) * 3600);
    for job in &JOBS {
        let mail = forger.real(job, Word::Failed, 1, bench.now());
        assert_eq!(bench.hear(&mail), [Class::Counted], "{}", job.name);
        assert_eq!(bench.standing(job.name), Standing::Failed, "{}", job.name);
    }
    bench
}

#[test]
fn ten_thousand_forged_successes_silence_nothing() {
    let forger = Forger::new();
    let mut bench = failed(&forger);
    let before: Vec<_> = JOBS.iter().map(|it| bench.problem(it.name).expect("it failed")).collect();
    let mut dice = Dice::new(0x00c0_ffee);
    let mut classes: BTreeMap<(&str, Class), usize> = BTreeMap::new();
    for number in 0..FORGERIES {
        let job = dice.of(&JOBS);
        let mail = forger.forged(job, number, bench.now(), &mut dice);
        for class in bench.hear(&mail) {
            *classes.entry((job.name, class)).or_default() += 1;
            let harmless = matches!(class, Class::Unproved | Class::Duplicate | Class::Aside);
            assert!(harmless, "{class:?} of {number} for {}: {}", job.name, mail.shown());
        }
        if number % 100 == 0 {
            bench.pass(30);
        }
    }
    // Into the night in which the slot closes, and out of it.
    bench.go_to((24 + 28) * 3600);
    for (job, before) in JOBS.iter().zip(&before) {
        assert_eq!(bench.standing(job.name), Standing::Failed, "{}", job.name);
        assert_eq!(bench.problem(job.name).as_ref(), Some(before), "{}", job.name);
        assert_eq!(bench.proposals(job.name), [ProposalState::Open], "{}", job.name);
    }
    let reached = |class| classes.iter().filter(|it| it.0.1 == class).map(|it| it.1).sum::<usize>();
    let (unproved, twice) = (reached(Class::Unproved), reached(Class::Duplicate));
    assert!(unproved >= FORGERIES / 2, "most were heard, and not believed: {classes:?}");
    assert!(twice >= FORGERIES / 50, "some were said before: {classes:?}");
    for job in &JOBS {
        assert!(classes.contains_key(&(job.name, Class::Unproved)), "{}: {classes:?}", job.name);
    }
    // The next night each speaks for itself.
    bench.go_to((48 + 22) * 3600);
    for job in &JOBS {
        let mail = forger.real(job, Word::Well, 2, bench.now());
        assert_eq!(bench.hear(&mail), [Class::Counted], "{}", job.name);
        assert_eq!(bench.problem(job.name), None, "{}", job.name);
        let ended = bench.proposals(job.name);
        let [ProposalState::Withdrawn { .. }] = ended.as_slice() else {
            panic!("{}: {ended:?}", job.name)
        };
    }
}

#[test]
fn a_forged_failure_is_told() {
    let forger = Forger::new();
    let mut bench = Bench::new(&forger);
    bench.go_to(22 * 3600);
    for job in &JOBS {
        let mail = forger.real(job, Word::Well, 0, bench.now());
        assert_eq!(bench.hear(&mail), [Class::Counted], "{}", job.name);
        assert_eq!(bench.problem(job.name), None, "{}", job.name);
    }
    bench.go_to((24 + 22) * 3600);
    let mut dice = Dice::new(7);
    for (job, number) in JOBS.iter().zip(0..) {
        let mail = forger.nameless(job, Word::Failed, number, bench.now(), &mut dice);
        assert_eq!(bench.hear(&mail), [Class::Counted], "{}: {}", job.name, mail.shown());
        assert_eq!(bench.standing(job.name), Standing::Failed, "{}", job.name);
        assert!(bench.problem(job.name).is_some(), "{}", job.name);
        assert_eq!(bench.proposals(job.name), [ProposalState::Open], "{}", job.name);
    }
}

/// Whoever can guess the id of a mail to come cannot make it look as if it had come before.
#[test]
fn a_forgery_does_not_take_the_place_of_the_failure_that_bears_its_id() {
    let forger = Forger::new();
    let mut bench = Bench::new(&forger);
    bench.go_to(22 * 3600);
    for job in &JOBS {
        let real = forger.real(job, Word::Failed, 5, bench.now());
        let id = real.header("Message-ID").to_owned();
        for word in [Word::Well, Word::Warning, Word::Aside] {
            let mut forged = Mail { peer: "203.0.113.9".parse().unwrap(), ..real.clone() };
            forged.to = "backup@in.msp.example".to_owned();
            forged.sender = "x@evil.example".to_owned();
            forged.text = forger.bare(job, word, &id, bench.now());
            let classes = bench.hear(&forged);
            assert!(!classes.contains(&Class::Counted), "{}: {}", job.name, forged.shown());
        }
        assert_eq!(bench.hear(&real), [Class::Counted], "{}: {}", job.name, real.shown());
        assert_eq!(bench.standing(job.name), Standing::Failed, "{}", job.name);
        assert!(bench.problem(job.name).is_some(), "{}", job.name);
    }
}
