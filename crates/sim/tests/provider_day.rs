//! A provider's day: 500 customers with five jobs each, written as configuration, worked out by the
//! calendar and lived through by the very desk that runs in production. What befalls each run is
//! drawn from seeded dice, so what the ledger and the dispatcher must come to is known beforehand,
//! and must be met exactly: on an ordinary day and on both days on which clocks change.
//!
//! The truth does its own arithmetic of local times, by a table of offsets for these very days.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    sync::Arc,
    time::Duration,
};

use engine::desk::{Desk, Input, Outcome as Caused};
use model::{
    About, Class, Heard, IntakeState, Moment, Outcome, Plan, Proof, ProposalState, Row, Says,
    SlotKey, Span, Standing,
};
use sim::dice::Dice;

const CUSTOMERS: usize = 500;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2026-03-29, on which Rome has no 02:30; 2026-06-17; 2026-10-25, on which Rome has it twice.
const SPRING: i64 = 20_541 * DAY;
const ORDINARY: i64 = 20_621 * DAY;
const AUTUMN: i64 = 20_751 * DAY;
/// When Rome's clocks change on those days: at 01:00 UTC.
const CHANGE_AT: i64 = HOUR;
/// A report is on its way for so long at most.
const WAY_MAX: i64 = 20 * MINUTE;

/// A job as every customer has it.
struct Kind {
    name: &'static str,
    expect: &'static str,
    /// Local time of its runs.
    at: i64,
    by: bool,
    grace: i64,
    retries: i64,
    product: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "erp",
        expect: "daily by 06:30",
        at: 390,
        by: true,
        grace: 2 * HOUR,
        retries: 0,
        product: "veeam",
    },
    Kind {
        name: "files",
        expect: "daily 02:30",
        at: 150,
        by: false,
        grace: HOUR,
        retries: 0,
        product: "hyper-backup",
    },
    Kind {
        name: "mail",
        expect: "oncalendar *-*-* 02:30",
        at: 150,
        by: false,
        grace: 90 * MINUTE,
        retries: 0,
        product: "vzdump",
    },
    Kind {
        name: "copy",
        expect: "daily 22:15",
        at: 1_335,
        by: false,
        grace: HOUR,
        retries: 2 * HOUR,
        product: "iperius",
    },
    Kind {
        name: "sync",
        expect: "Mon-Sun by 05:00",
        at: 300,
        by: true,
        grace: HOUR,
        retries: 0,
        product: "hbs",
    },
];

#[derive(Clone, Copy, PartialEq)]
enum Zone {
    Rome,
    NewYork,
    Auckland,
}

fn zone(customer: usize) -> Zone {
    match customer % 10 {
        3 => Zone::NewYork,
        7 => Zone::Auckland,
        _ => Zone::Rome,
    }
}

impl Zone {
    fn name(self) -> &'static str {
        match self {
            Self::Rome => "Europe/Rome",
            Self::NewYork => "America/New_York",
            Self::Auckland => "Pacific/Auckland",
        }
    }

    /// Offsets before and behind the one change near `day`, and when that is.
    fn offsets(self, day: i64) -> (i64, i64, i64) {
        match (self, day) {
            (Self::Rome, SPRING) => (HOUR, 2 * HOUR, SPRING + CHANGE_AT),
            (Self::Rome, AUTUMN) => (2 * HOUR, HOUR, AUTUMN + CHANGE_AT),
            (Self::Rome, _) => (2 * HOUR, 2 * HOUR, day),
            (Self::NewYork, _) => (-4 * HOUR, -4 * HOUR, day),
            (Self::Auckland, ORDINARY) => (12 * HOUR, 12 * HOUR, day),
            (Self::Auckland, _) => (13 * HOUR, 13 * HOUR, day),
        }
    }
}

/// When a run is expected: the moment that names it, and the first and last that its local time may
/// mean.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Expected {
    at: i64,
    from: i64,
    until: i64,
}

/// The run of the local date `date` (00:00 as if it were UTC) in a week around `day`.
fn expected(kind: &Kind, zone: Zone, day: i64, date: i64) -> Expected {
    let (before, behind, change) = zone.offsets(day);
    let local = date + kind.at * MINUTE;
    let (early, late) = (local - before, local - behind);
    match (early < change, late >= change) {
        // There is no such time: it means the end of the hole, and anything around that.
        (false, false) => Expected { at: change, from: late, until: early },
        // There are two of them: the first one counts.
        (true, true) if before != behind => Expected { at: early, from: early, until: late },
        (true, _) => Expected { at: early, from: early, until: early },
        (false, true) => Expected { at: late, from: late, until: late },
    }
}

/// What befalls a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Well,
    Failed,
    Missing,
    Late,
    Partial,
    Retried,
}

fn fate(dice: &mut Dice) -> Fate {
    match dice.below(100) {
        0..3 => Fate::Failed,
        3..5 => Fate::Missing,
        5..7 => Fate::Late,
        7 => Fate::Partial,
        8..13 => Fate::Retried,
        _ => Fate::Well,
    }
}

/// How a slot must stand in the end.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stands {
    standing: Standing,
    retried: bool,
    corrected: bool,
}

/// A proposal that must have been made: when, and when it must have been withdrawn.
type Proposed = (Arc<str>, i64, Option<i64>);

/// The report of a run.
#[derive(Clone)]
struct Sent {
    job: Arc<str>,
    customer: usize,
    product: &'static str,
    at: i64,
    ran_at: i64,
    outcome: Outcome,
}

/// All that is drawn, and all that must come of it.
#[derive(Default)]
struct Truth {
    sent: Vec<Sent>,
    slots: BTreeMap<(Arc<str>, i64), Stands>,
    proposals: BTreeSet<Proposed>,
    fates: BTreeMap<Fate, usize>,
}

struct Calendar {
    day: i64,
    begin: i64,
    end: i64,
}

impl Calendar {
    fn of(day: i64) -> Self {
        Self { day, begin: day - 36 * HOUR, end: day + 38 * HOUR }
    }
}

fn truth(of: &Calendar, dice: &mut Dice) -> Truth {
    let mut truth = Truth::default();
    for customer in 0..CUSTOMERS {
        for kind in &KINDS {
            truth.live(of, customer, kind, dice);
        }
    }
    shuffle(&mut truth.sent, dice);
    // Whoever came in the same minute came in any order.
    truth.sent.sort_by_key(|it| it.at);
    truth
}

fn shuffle(all: &mut [Sent], dice: &mut Dice) {
    for place in (1..all.len()).rev() {
        all.swap(place, dice.index(place + 1));
    }
}

/// One job, and the run of it that is told of.
struct Run<'a> {
    job: Arc<str>,
    customer: usize,
    kind: &'a Kind,
    it: Expected,
    due: i64,
    /// When the run of the next day ends the trouble of this one, if that is lived through.
    healed: Option<i64>,
}

impl Run<'_> {
    fn sends(&self, at: i64, ran_at: i64, outcome: Outcome) -> Sent {
        let (job, product) = (Arc::clone(&self.job), self.kind.product);
        Sent { job, customer: self.customer, product, at, ran_at, outcome }
    }

    /// How it stands if it goes well in time.
    fn good(&self, ran: i64) -> Stands {
        let early = !self.kind.by && ran + MINUTE < self.it.from;
        well(if early { Standing::Early } else { Standing::Kept })
    }
}

/// A moment from `low` to `high`, in whole minutes.
fn minutes(dice: &mut Dice, low: i64, high: i64) -> i64 {
    let span = u64::try_from((high - low) / MINUTE).unwrap();
    low + i64::try_from(dice.below(span + 1)).unwrap() * MINUTE
}

/// How long a report is on its way.
fn way(dice: &mut Dice) -> i64 {
    minutes(dice, 0, WAY_MAX)
}

impl Truth {
    /// The runs of one job: those of the day as the dice fall, those around it well.
    fn live(&mut self, of: &Calendar, customer: usize, kind: &Kind, dice: &mut Dice) {
        let expected = |date: i64| expected(kind, zone(customer), of.day, date);
        let (it, next) = (expected(of.day), expected(of.day + DAY));
        let run = Run {
            job: Arc::from(format!("{}/{}", customer_name(customer), kind.name)),
            customer,
            kind,
            it,
            due: it.until + kind.grace,
            healed: (next.at <= of.end).then_some(next.at),
        };
        let before = [of.day - 2 * DAY, of.day - DAY].map(|it| expected(it).at);
        for at in before.into_iter().filter(|it| *it > of.begin).chain(run.healed) {
            self.sent.push(run.sends(at, at, Outcome::Ok));
            self.slots.insert((Arc::clone(&run.job), at), well(Standing::Kept));
        }
        let fate = fate(dice);
        *self.fates.entry(fate).or_default() += 1;
        let last = run.due - WAY_MAX - MINUTE;
        let stands = match fate {
            Fate::Missing => {
                self.propose(&run, run.due, run.healed);
                well(Standing::Missing)
            }
            Fate::Retried => self.retry(&run, last, dice),
            Fate::Late => {
                let ran = minutes(dice, run.due + MINUTE, run.due + 70 * MINUTE);
                let at = ran + way(dice);
                self.sent.push(run.sends(at, ran, Outcome::Ok));
                self.propose(&run, run.due, Some(at));
                Stands { corrected: true, ..well(Standing::Late) }
            }
            Fate::Well | Fate::Failed | Fate::Partial => {
                let ran = minutes(dice, it.from - 3 * HOUR, last);
                self.end(&run, fate, ran, ran + way(dice))
            }
        };
        self.slots.insert((Arc::clone(&run.job), it.at), stands);
    }

    /// It ends in time, one way or another.
    fn end(&mut self, run: &Run<'_>, fate: Fate, ran: i64, at: i64) -> Stands {
        let (outcome, waits, stands) = match fate {
            Fate::Failed => (Outcome::Failed, run.kind.retries, well(Standing::Failed)),
            Fate::Partial => (Outcome::Partial, 0, well(Standing::Partial)),
            _ => (Outcome::Ok, 0, run.good(ran)),
        };
        self.sent.push(run.sends(at, ran, outcome));
        if outcome != Outcome::Ok {
            self.propose(run, at + waits, run.healed);
        }
        stands
    }

    /// It fails and goes well a little later, both in time.
    fn retry(&mut self, run: &Run<'_>, last: i64, dice: &mut Dice) -> Stands {
        let failed = minutes(dice, run.it.from - 3 * HOUR, last - 40 * MINUTE);
        let again = failed + minutes(dice, 10 * MINUTE, 40 * MINUTE);
        let (first, second) = (failed + way(dice), again + way(dice));
        let second = if second == first { second + MINUTE } else { second };
        self.sent.push(run.sends(first, failed, Outcome::Failed));
        self.sent.push(run.sends(second, again, Outcome::Ok));
        // Word of the good one may come first; and a product that tries again is waited for.
        if first < second && run.kind.retries == 0 {
            self.propose(run, first, Some(second));
        }
        Stands { retried: true, ..run.good(again) }
    }

    fn propose(&mut self, run: &Run<'_>, at: i64, withdrawn: Option<i64>) {
        self.proposals.insert((Arc::clone(&run.job), at, withdrawn));
    }
}

fn well(standing: Standing) -> Stands {
    Stands { standing, retried: false, corrected: false }
}

fn customer_name(place: usize) -> String {
    format!("c{place:03}")
}

/// The whole of it as files, read as any other.
fn plan(now: Moment) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("checks")).unwrap();
    let main = "checks: [checks]\n\
                defaults: { policy: desk }\n\
                policies: { desk: { propose: at once } }\n\
                inlet:\n  domains: [in.msp.example]\n  mailbox: backup\n  \
                maildir: { folder: /var/mail/backup }\n";
    let file = folder.path().join("config.yaml");
    fs::write(&file, main).unwrap();
    for customer in 0..CUSTOMERS {
        let name = customer_name(customer);
        let mut text =
            format!("customer: {name}\ntimezone: {}\nwatchdogs:\n", zone(customer).name());
        for it in &KINDS {
            let (name, expect, grace) = (it.name, it.expect, it.grace / MINUTE);
            let retries = it.retries / MINUTE;
            writeln!(
                text,
                "  {name}: {{ expect: \"{expect}\", grace: {grace}m, retries: {retries}m }}"
            )
            .unwrap();
        }
        fs::write(folder.path().join(format!("checks/{name}.yaml")), text).unwrap();
    }
    let loaded = config::load_at(&file, &[], &[], &[], now);
    loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn moment(secs: i64) -> Moment {
    Moment::from_secs(u64::try_from(secs).unwrap())
}

fn secs(of: Moment) -> i64 {
    i64::try_from(of.as_nanos() / 1_000_000_000).unwrap()
}

fn ceiled(of: Moment) -> i64 {
    secs(of.after(Duration::from_nanos(999_999_999)))
}

/// The desk and all that it has written down.
struct Office {
    desk: Desk,
    now: i64,
    /// Until when intakes have said that all was read.
    read: i64,
    slots: BTreeMap<SlotKey, Stands>,
    made: BTreeMap<u64, Proposed>,
    classes: BTreeMap<Class, usize>,
    heard: u64,
}

impl Office {
    fn open(at: i64) -> Self {
        let now = moment(at);
        let plan = plan(now);
        let days = Duration::from_secs(40 * 86_400);
        let range = Span { from: now.before(days), until: now.after(days) };
        let times = Arc::new(calendar::times(&plan.duty, range, now));
        let (slots, made, classes) = Default::default();
        let mut office =
            Self { desk: Desk::new(1, 1), now: at, read: at, slots, made, classes, heard: 0 };
        let caused = office.desk.arrange(now, plan.duty, times, Vec::new());
        office.take(caused);
        office
    }

    fn feed(&mut self, input: Input) {
        let caused = self.desk.handle(moment(self.now), input);
        self.take(caused);
    }

    fn take(&mut self, caused: Caused) {
        for row in caused.rows {
            match row {
                Row::Slot(it) => {
                    let stands = Stands {
                        standing: it.standing,
                        retried: it.retried,
                        corrected: it.corrected,
                    };
                    self.slots.insert(it.key, stands);
                }
                Row::Proposal(it) => {
                    let About::Job(job) = &it.about else {
                        panic!("a proposal about {:?}", it.about)
                    };
                    let withdrawn = match &it.state {
                        ProposalState::Open => None,
                        ProposalState::Withdrawn { at } => Some(secs(*at)),
                        other => panic!("nobody decides here: {other:?}"),
                    };
                    let made = (Arc::clone(job), secs(it.proposed_at), withdrawn);
                    self.made.insert(it.id.0, made);
                }
                Row::Report(it) => *self.classes.entry(it.class).or_default() += 1,
                _ => {}
            }
        }
    }

    /// Lets time pass with all that wakes the desk; every five minutes intakes have read all.
    fn until(&mut self, end: i64) {
        while self.now < end {
            let mark = self.read + 5 * MINUTE;
            let wake = self.desk.next_wake().map_or(end, ceiled);
            self.now = mark.min(wake).min(end).max(self.now);
            if wake <= self.now {
                self.feed(Input::Wake);
            }
            if mark <= self.now {
                self.read = mark;
                for intake in ["maildir", "console"] {
                    let (name, read_until) = (Arc::from(intake), moment(mark));
                    self.feed(Input::Intake(IntakeState { name, read_until, fault: None }));
                }
            }
        }
    }

    fn hear(&mut self, sent: &Sent) {
        self.heard += 1;
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.heard.to_be_bytes());
        let name = customer_name(sent.customer);
        let says = Says {
            outcome: Some(sent.outcome),
            read_by: Arc::from(sent.product),
            // Not every product writes when its run ended.
            ended_at: (sent.ran_at != sent.at).then(|| moment(sent.ran_at)),
            ..Says::default()
        };
        let heard = Heard {
            job: Some(Arc::clone(&sent.job)),
            at: moment(self.now),
            intake: Arc::from("maildir"),
            peer: Arc::from(format!("198.51.100.{}", sent.customer % 50)),
            from: Arc::from(format!("backup@{name}.example")),
            says,
            proof: Proof { token: true, ..Proof::default() },
            keys: vec![key],
            mail: None,
        };
        self.feed(Input::Heard { ticket: self.heard, heard: Box::new(heard), seen: false });
    }
}

/// Lives through a day, and holds what was written down against the truth.
fn live_through(day: i64, seed: u64) {
    let of = Calendar::of(day);
    let truth = truth(&of, &mut Dice::new(seed));
    let mut office = Office::open(of.begin);
    for sent in &truth.sent {
        // All that comes at a moment comes before the marks of that moment.
        office.until(sent.at - 1);
        office.now = sent.at;
        office.hear(sent);
    }
    office.until(of.end);
    let jobs = CUSTOMERS * KINDS.len();
    assert_eq!(truth.fates.values().sum::<usize>(), jobs);
    for (fate, percent) in [(Fate::Failed, 3), (Fate::Missing, 2), (Fate::Retried, 5)] {
        let count = truth.fates[&fate];
        assert!((jobs * percent / 200..jobs * percent / 50).contains(&count), "{fate:?}: {count}");
    }
    // Runs that are expected behind the end have slots that are still open.
    let stood: BTreeMap<_, _> = office
        .slots
        .iter()
        .filter(|it| it.1.standing != Standing::Open)
        .map(|(key, it)| ((Arc::clone(&key.job), secs(key.at)), *it))
        .collect();
    differ(&truth.slots, &stood);
    let open = office.slots.iter().filter(|it| it.1.standing == Standing::Open);
    for (key, _) in open {
        assert!(secs(key.at) > of.end - 3 * HOUR, "{key:?} stands open");
    }
    let made: BTreeSet<Proposed> = office.made.values().cloned().collect();
    assert_eq!(made.len(), office.made.len(), "the same is proposed twice");
    let differing = truth.proposals.symmetric_difference(&made).take(5);
    let told: Vec<_> = differing
        .map(|it| {
            let sent = truth.sent.iter().filter(|sent| sent.job == it.0);
            let sent: Vec<_> = sent.map(|it| (it.at, it.ran_at, it.outcome)).collect();
            format!("{it:?}, expected: {}, of {sent:?}", truth.proposals.contains(it))
        })
        .collect();
    assert!(told.is_empty(), "proposals differ\n{}", told.join("\n"));
    assert_eq!(office.classes, BTreeMap::from([(Class::Counted, truth.sent.len())]));
}

fn differ(truth: &BTreeMap<(Arc<str>, i64), Stands>, stood: &BTreeMap<(Arc<str>, i64), Stands>) {
    let keys: BTreeSet<_> = truth.keys().chain(stood.keys()).collect();
    let amiss: Vec<String> = keys
        .into_iter()
        .filter(|it| truth.get(it) != stood.get(it))
        .map(|it| format!("{it:?} must be {:?} and is {:?}", truth.get(it), stood.get(it)))
        .collect();
    let shown = amiss.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(amiss.is_empty(), "{} slots differ\n{shown}", amiss.len());
}

#[test]
fn an_ordinary_day_ends_in_the_true_standings_and_proposals() {
    live_through(ORDINARY, 1);
}

#[test]
fn so_does_the_day_on_which_an_hour_is_absent() {
    live_through(SPRING, 2);
}

#[test]
fn so_does_the_day_on_which_an_hour_comes_twice() {
    live_through(AUTUMN, 3);
}
