//! Slots judged against a model that is written from the manual, not from the code: as sets and
//! "there is one such that", without any order in which things are worked off.

use std::{sync::Arc, time::Duration};

use model::{
    Entry, Job, JobMemory, Moment, Nominal, Objects, Outcome, ReportId, Reporting, Schedule, Slot,
    SlotKey, Standing, Trust,
};
use proptest::{collection::vec, prelude::*, sample::subsequence};

use super::{Ask, Judged, bounds, judge, order, times_out_at};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// The nominal moment of the slot that is judged.
const NOMINAL: u64 = 20_000 * DAY + 6 * HOUR;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn secs(it: u64) -> Duration {
    Duration::from_secs(it)
}

fn job() -> Job {
    Job {
        name: "acme/nas".into(),
        at: "acme.yaml:1".into(),
        schedule: Schedule { text: "daily 06:00".into(), ..Schedule::default() },
        grace: Some(secs(HOUR)),
        trust: Trust::default(),
        ..Job::default()
    }
}

/// Open from midnight to midnight, due at 07:00.
fn slot(by: bool, entries: Vec<Entry>) -> Slot {
    let at = Moment::from_secs(NOMINAL);
    Slot {
        key: SlotKey { job: "acme/nas".into(), at },
        version: 1,
        customer: "acme".into(),
        nominal: Nominal { at, from: at, until: at, by, holiday: false },
        open: at.before(secs(6 * HOUR)),
        due: at.after(secs(HOUR)),
        close: at.after(secs(18 * HOUR)),
        standing: Standing::Open,
        why: String::new(),
        judged_at: None,
        entries,
        more: 0,
        ended_at: None,
        size: None,
        duration: None,
        retried: false,
        corrected: false,
        parent: None,
    }
}

fn entry(report: u64, ran: u64, delay: u64, outcome: Outcome, proved: bool) -> Entry {
    let ran_at = Moment::from_secs(NOMINAL - 6 * HOUR + ran * MINUTE);
    Entry {
        report: ReportId(report),
        at: ran_at.after(secs(delay * MINUTE)),
        ran_at,
        outcome,
        proved: proved || matches!(outcome, Outcome::Ok | Outcome::Warning | Outcome::Started),
        size: None,
        duration: None,
        objects: Vec::new(),
        run: None,
        text: "".into(),
    }
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(order);
    entries
}

fn word() -> impl Strategy<Value = Outcome> {
    use Outcome::{Failed, Ok, Other, Partial, Started, Unclassified, Warning};
    prop_oneof![
        4 => Just(Ok),
        3 => Just(Failed),
        1 => Just(Warning),
        1 => Just(Partial),
        1 => Just(Unclassified),
        1 => Just(Started),
        1 => Just(Other),
    ]
}

/// Reports of a day; few different times, so that two often ran at the same one.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = (0..24_u64, prop_oneof![Just(0), Just(1), 0..400_u64], word(), any::<bool>());
    vec(one, 0..6).prop_map(|all| {
        let numbered = all.into_iter().zip(0..);
        numbered
            .map(|((ran, delay, outcome, proved), id)| entry(id, ran * 40, delay, outcome, proved))
            .collect()
    })
}

fn reporting() -> impl Strategy<Value = Reporting> {
    prop_oneof![
        Just(Reporting::EveryRun),
        Just(Reporting::FailuresOnly),
        Just(Reporting::Digest),
        (1..60_u64).prop_map(|hours| Reporting::WhenOnline { missing_after: secs(hours * HOUR) }),
    ]
}

/// What there is besides the entries.
#[derive(Clone, Debug)]
struct Setting {
    job: Job,
    by: bool,
    memory: JobMemory,
    now: Moment,
    all_read: bool,
    limit_read: bool,
}

fn setting() -> impl Strategy<Value = Setting> {
    let patience = prop_oneof![Just(0), 1..300_u64];
    let timeout = proptest::option::of(1..900_u64);
    let good = || proptest::option::of(1..300_u64);
    let good = (good(), good());
    (any::<bool>(), reporting(), patience, timeout, good, 0..1500_u64, any::<(bool, bool)>())
        .prop_map(|(by, reporting, patience, timeout, good, now, (read, limit_read))| {
            let opened = Moment::from_secs(NOMINAL - 6 * HOUR);
            let now = opened.after(secs(now * MINUTE));
            let ago = |hours: u64| opened.before(secs(hours * HOUR));
            let (last_ok, last_good) = (good.0.map(ago), good.1.map(ago));
            let memory = JobMemory { since: ago(200), last_ok, last_good, ..JobMemory::default() };
            let job = Job {
                reporting,
                retry_grace: secs(patience * MINUTE),
                timeout: timeout.map(|it| secs(it * MINUTE)),
                ..job()
            };
            // Nothing is due before its time, so nothing can have been read until then.
            let all_read = read && now >= Moment::from_secs(NOMINAL + HOUR);
            Setting { job, by, memory, now, all_read, limit_read }
        })
}

impl Setting {
    fn judge(&self, entries: Vec<Entry>) -> Judged {
        let slot = slot(self.by, sorted(entries));
        let (job, memory, now) = (&self.job, &self.memory, self.now);
        let (all_read, limit_read) = (self.all_read, self.limit_read);
        judge(Ask { job, memory, slot: &slot, now, all_read, limit_read })
    }
}

/// How bad a word is, as the manual has it: failure before warning before success, and what is not
/// understood is no good news.
fn badness(it: Outcome) -> usize {
    use Outcome::{Failed, Ok, Other, Partial, Started, Unclassified, Warning};
    let all = [Other, Started, Ok, Warning, Partial, Unclassified, Failed];
    all.iter().position(|word| *word == it).unwrap()
}

/// The word on the run at the moment of `upto`: that of the last report that has proved itself, or
/// a worse one that has come behind it.
fn word_at<'a>(finals: &[&'a Entry], upto: &Entry) -> &'a Entry {
    let known = || finals.iter().copied().filter(|it| order(it) <= order(upto));
    let proved = known().filter(|it| it.proved).max_by_key(|it| order(it));
    let behind = known().filter(|it| proved.is_none_or(|proved| order(it) >= order(proved)));
    behind.max_by_key(|it| (badness(it.outcome), order(it))).unwrap()
}

/// How a slot stands that one report is enough for and that has no machines to tell apart.
fn expected(of: &Setting, entries: &[Entry]) -> Standing {
    let slot = slot(of.by, Vec::new());
    let over = |it: &&&Entry| !matches!(it.outcome, Outcome::Started | Outcome::Other);
    let finals: Vec<&Entry> =
        entries.iter().collect::<Vec<_>>().iter().filter(over).copied().collect();
    let Some(last) = finals.iter().copied().max_by_key(|it| order(it)) else {
        return expected_of_silence(of, entries);
    };
    let word = word_at(&finals, last).outcome;
    // Reports since which the word has been what it is now.
    let since = finals.iter().copied().filter(|it| {
        finals
            .iter()
            .all(|later| order(later) < order(it) || word_at(&finals, later).outcome == word)
    });
    match word {
        Outcome::Failed => {
            let first = since.map(|it| it.at.max(it.ran_at)).min().unwrap();
            let waits = of.now < first.after(of.job.retry_grace);
            if waits { Standing::Open } else { Standing::Failed }
        }
        Outcome::Partial => Standing::Partial,
        Outcome::Warning => Standing::Warning,
        Outcome::Ok => {
            let since: Vec<_> = since.collect();
            let in_time = |it: &&Entry| it.ran_at <= slot.due && it.at <= slot.due;
            let not_early = |it: &&Entry| of.by || it.ran_at.after(secs(60)) >= slot.nominal.from;
            if since.iter().copied().any(|it| in_time(&it) && not_early(&it)) {
                Standing::Kept
            } else if since.iter().copied().any(|it| in_time(&it)) {
                Standing::Early
            } else if since.iter().any(|it| it.ran_at <= slot.due) {
                Standing::MailLate
            } else {
                Standing::Late
            }
        }
        _ if of.all_read => Standing::Unclassified,
        _ => Standing::Open,
    }
}

fn expected_of_silence(of: &Setting, entries: &[Entry]) -> Standing {
    let began =
        entries.iter().filter(|it| it.outcome == Outcome::Started).map(|it| it.ran_at).max();
    match (began, of.job.timeout) {
        (Some(began), Some(most)) if of.now >= began.after(most) && of.limit_read => {
            Standing::TimedOut
        }
        (Some(_), None) if of.all_read => Standing::TimedOut,
        (Some(_), _) => Standing::Open,
        (None, _) if !of.all_read => Standing::Open,
        _ => match of.job.reporting {
            Reporting::EveryRun | Reporting::Digest => Standing::Missing,
            Reporting::FailuresOnly => Standing::Kept,
            Reporting::WhenOnline { missing_after } => {
                let JobMemory { last_ok, last_good, since, .. } = &of.memory;
                let heard = last_ok.iter().chain(last_good).chain([since]).max();
                let due = Moment::from_secs(NOMINAL + HOUR);
                if heard.is_some_and(|it| due.since(*it) > missing_after) {
                    Standing::Missing
                } else {
                    Standing::NotWatched
                }
            }
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_slot_stands_as_the_manual_says(of in setting(), entries in entries()) {
        prop_assert_eq!(of.judge(entries.clone()).standing, expected(&of, &entries));
    }

    #[test]
    fn the_order_in_which_reports_came_does_not_matter(
        of in setting(),
        (entries, shuffled) in entries().prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
    ) {
        prop_assert_eq!(of.judge(entries), of.judge(shuffled));
    }

    #[test]
    fn what_is_not_understood_is_never_kept(
        of in setting(),
        entries in vec((0..24_u64, any::<bool>()), 1..6),
    ) {
        let puzzles = entries.iter().zip(0..);
        let puzzles = puzzles.map(|((ran, proved), id)| {
            entry(id, ran * 40, 0, Outcome::Unclassified, *proved)
        });
        let standing = of.judge(puzzles.collect()).standing;
        prop_assert!(matches!(standing, Standing::Open | Standing::Unclassified), "{:?}", standing);
    }

    #[test]
    fn what_proves_nothing_never_makes_it_better(
        of in setting(),
        entries in entries(),
        ran in 0..24_u64,
        outcome in prop_oneof![
            Just(Outcome::Partial), Just(Outcome::Unclassified), Just(Outcome::Failed)
        ],
    ) {
        // Once nothing is waited for any more.
        let job = Job { retry_grace: Duration::ZERO, ..of.job };
        let now = Moment::from_secs(NOMINAL + 18 * HOUR);
        let of = Setting { job, now, all_read: true, limit_read: true, ..of };
        let before = of.judge(entries.clone()).standing;
        let forged = entry(99, ran * 40, 0, outcome, false);
        let after = of.judge(entries.into_iter().chain([forged]).collect()).standing;
        let rank = |it: Standing| match it {
            it if it.is_kept() => 0,
            Standing::Open | Standing::NotWatched => 1,
            Standing::Warning => 2,
            Standing::Partial => 3,
            Standing::Unclassified | Standing::Missing | Standing::TimedOut => 4,
            _ => 5,
        };
        // Where nothing at all was heard, what comes says at least what it says.
        if !matches!(before, Standing::Missing | Standing::TimedOut) {
            prop_assert!(rank(after) >= rank(before), "{before:?} {after:?}");
        }
        prop_assert!(!after.is_kept() || before.is_kept(), "{before:?} {after:?}");
    }

    #[test]
    fn one_asked_again_when_it_says_so_stands_otherwise(of in setting(), entries in entries()) {
        let judged = of.judge(entries.clone());
        if let Some(again) = judged.again_at {
            prop_assert!(again > of.now);
            prop_assert_eq!(judged.standing, Standing::Open);
            let later = Setting { now: again, limit_read: true, ..of };
            prop_assert_ne!(later.judge(entries).standing, Standing::Open);
        }
    }
}

/// What each of five machines says, by its own reports or by one for all.
fn machines() -> impl Strategy<Value = Vec<(usize, u64, Outcome)>> {
    let outcome = prop_oneof![6 => Just(Outcome::Ok), 2 => Just(Outcome::Failed), 1 => Just(Outcome::Warning)];
    vec((0..5_usize, 0..9_u64, outcome), 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn machines_that_report_one_by_one_make_one_run(
        said in machines(),
        named in subsequence(&NAMES[..], 2..=5),
        quorum in proptest::option::of(1..5_u32),
        all_read in any::<bool>(),
    ) {
        let entries: Vec<Entry> = said.iter().zip(0..).map(|((name, ran, outcome), id)| Entry {
            objects: vec![(Arc::from(NAMES[*name]), *outcome)],
            ..entry(id, 40 * ran, 0, *outcome, true)
        }).collect();
        let objects = Objects {
            named: named.iter().map(|it| Arc::from(*it)).collect(), learn: false, quorum,
        };
        let of = Setting {
            job: Job { objects, ..job() },
            by: true,
            memory: JobMemory::default(),
            now: Moment::from_secs(NOMINAL + 2 * HOUR),
            all_read,
            limit_read: true,
        };
        let judged = of.judge(entries.clone());
        // The last word of each machine: of two at the same time the graver one.
        let last = |name: &str| {
            let own = entries.iter().filter(|it| *it.objects[0].0 == *name);
            own.max_by_key(|it| (it.ran_at, badness(it.outcome))).map(|it| it.outcome)
        };
        let words: Vec<(&str, Outcome)> =
            NAMES.iter().filter_map(|it| Some((*it, last(it)?))).collect();
        let well = words.iter().filter(|it| it.1 != Outcome::Failed).count();
        let gone: Vec<&&str> =
            named.iter().filter(|it| !words.iter().any(|word| word.0 == **it)).collect();
        let warned = words.iter().any(|it| it.1 == Outcome::Warning);
        let enough = match quorum {
            Some(quorum) => well >= quorum as usize,
            None => gone.is_empty() && well == words.len(),
        };
        let good = if warned { Standing::Warning } else { Standing::Kept };
        let standing = match (enough, well) {
            (true, _) => good,
            // Others may still come.
            _ if !gone.is_empty() && !all_read => Standing::Open,
            (false, 0) => Standing::Failed,
            (false, _) => Standing::Partial,
        };
        prop_assert_eq!(judged.standing, standing, "{}", judged.why);
        if quorum.is_none() && standing == Standing::Partial {
            for name in gone {
                prop_assert!(judged.why.contains(*name), "{} is named: {}", name, judged.why);
            }
        }
    }

    #[test]
    fn several_reports_are_counted_by_their_runs(
        said in vec((0..4_usize, 0..9_u64, word()), 1..8),
        wanted in 2..4_u32,
        all_read in any::<bool>(),
    ) {
        let entries: Vec<Entry> = said.iter().zip(0..).map(|((run, ran, outcome), id)| Entry {
            run: Some(Arc::from(NAMES[*run])),
            ..entry(id, 40 * ran, 0, *outcome, true)
        }).collect();
        let of = Setting {
            job: Job { reports: wanted, ..job() },
            by: true,
            memory: JobMemory::default(),
            now: Moment::from_secs(NOMINAL + 2 * HOUR),
            all_read,
            limit_read: true,
        };
        let standing = of.judge(entries.clone()).standing;
        let over = |it: &&Entry| !matches!(it.outcome, Outcome::Started | Outcome::Other);
        let last = |run: &str| {
            let own = entries.iter().filter(over).filter(|it| it.run.as_deref() == Some(run));
            own.max_by_key(|it| (it.ran_at, badness(it.outcome))).map(|it| it.outcome)
        };
        let parts: Vec<Outcome> = NAMES.iter().filter_map(|it| last(it)).collect();
        let count = |it: &[Outcome]| parts.iter().filter(|part| it.contains(part)).count();
        let good = count(&[Outcome::Ok, Outcome::Warning]);
        if parts.is_empty() {
            return Ok(());
        }
        if good >= wanted as usize {
            let warned = count(&[Outcome::Warning]) > 0;
            prop_assert_eq!(standing, if warned { Standing::Warning } else { Standing::Kept });
        } else if good > 0 {
            prop_assert!(matches!(standing, Standing::Partial | Standing::Open));
            prop_assert!(!all_read || standing == Standing::Partial);
        } else {
            prop_assert!(!standing.is_kept() && standing != Standing::Warning);
            if all_read && count(&[Outcome::Partial]) == 0 {
                let failed = count(&[Outcome::Failed]) > 0;
                let none = if failed { Standing::Failed } else { Standing::Unclassified };
                prop_assert_eq!(standing, none);
            }
        }
    }
}

/// Runs of one job: gaps in minutes, and how far their local time is unclear, in minutes.
fn nominals() -> impl Strategy<Value = Vec<Nominal>> {
    vec((61..3_000_u64, prop_oneof![9 => Just(0), 1 => Just(60_u64)], any::<bool>()), 2..8)
        .prop_map(|gaps| {
            let mut last = Moment::from_secs(NOMINAL);
            let made = gaps.into_iter().map(|(gap, unclear, by)| {
                let from = last.after(secs(gap * MINUTE));
                last = from.after(secs(unclear * MINUTE));
                let at = if by { from } else { last };
                Nominal { at, from, until: last, by, holiday: false }
            });
            made.collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_moment_belongs_to_one_slot_at_most_and_none_before_due_to_none(
        runs in nominals(),
        early in proptest::option::of(0..2_000_u64),
        grace in proptest::option::of(0..2_000_u64),
        give_up in proptest::option::of(0..4_000_u64),
        delays in vec(-5_000..5_000_i64, 0..6),
    ) {
        let minutes = |it: Option<u64>| it.map(|it| secs(it * MINUTE));
        let job = Job { early: minutes(early), grace: minutes(grace), give_up: minutes(give_up), ..job() };
        let of = |place: usize| {
            let before = place.checked_sub(1).map(|it| runs[it]);
            bounds(&job, before, runs[place], runs.get(place + 1).copied(), &delays)
        };
        for place in 0..runs.len() {
            let (run, it) = (runs[place], of(place));
            prop_assert!(it.open <= run.from && run.at <= it.due && it.due <= it.close);
            let tolerance = it.due.since(run.until);
            match job.grace {
                Some(grace) => prop_assert!(tolerance <= grace),
                None => prop_assert!(delays.len() < 2 || tolerance <= secs(40_000)),
            }
            if let Some(gap) = place.checked_sub(1).map(|it| run.from.since(runs[it].until)) {
                let most = job.early.unwrap_or(gap / 4).min(gap / 2);
                let most = if job.early.is_none() { most.min(secs(6 * HOUR)) } else { most };
                let early = run.from.since(it.open);
                prop_assert!(early <= most && most - early < Duration::from_micros(1), "{early:?} {most:?}");
            }
            if place + 1 < runs.len() {
                let next = of(place + 1);
                prop_assert!(it.close <= next.open, "windows of one job overlap");
                // What nothing cuts is as wide as it is written.
                if let Some(grace) = job.grace
                    && run.until.after(grace) <= next.open
                {
                    prop_assert_eq!(it.due, run.until.after(grace));
                }
                if job.give_up.is_none() {
                    prop_assert_eq!(it.close, next.open, "a report belongs to it until the next opens");
                }
            } else if let Some(give_up) = job.give_up {
                prop_assert_eq!(it.close, run.until.after(give_up).max(it.due));
            }
        }
    }

    #[test]
    fn only_the_run_that_began_last_is_timed(began in vec(0..500_u64, 1..5), most in 1..500_u64) {
        let job = Job { timeout: Some(secs(most * MINUTE)), ..job() };
        let entries = began.iter().zip(0..);
        let entries = entries.map(|(ran, id)| entry(id, *ran, 0, Outcome::Started, true));
        let running = slot(true, sorted(entries.collect()));
        let last = began.iter().max().unwrap();
        let limit = Moment::from_secs(NOMINAL - 6 * HOUR + (last + most) * MINUTE);
        prop_assert_eq!(times_out_at(&job, &running), Some(limit));
    }
}
