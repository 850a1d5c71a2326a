//! Who promises what: jobs with schedules as people write them, drawn anew for every world, and the
//! rules by which people hear of them.
//!
//! Schedules are texts that the real calendar reads, in zones whose clocks change within the world.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    After, Channel, Customer, Duty, Intake, Intakes, Job, JobKind, MatchOp, Matcher, Moment,
    Nominal, OnHoliday, Params, Person, Policy, Reporting, Schedule, Scope, Severity, Span, Step,
    Target, Team, Trust, Way, Window, WindowEffect,
};

use crate::{
    desk::{DAY, Estate, HOUR, MINUTE},
    dice::{Dice, MILLION},
};

/// Days before and behind the world for which the judge works out runs.
const MARGIN: Duration = Duration::from_secs(8 * 86_400);
/// The same for those that run more rarely.
const MARGIN_OF_RARE: Duration = Duration::from_secs(130 * 86_400);
/// Schedules as they are written, and about how far apart their runs are.
const TEXTS: [(&str, Duration); 17] = [
    ("daily by 06:30", DAY),
    ("daily 02:30", DAY),
    ("daily 00:30", DAY),
    ("Mon-Sat by 05:00", DAY),
    ("Mon-Fri 22:00", DAY),
    ("cron 30 2 * * *", DAY),
    ("oncalendar Mon..Fri 02:15", DAY),
    ("rrule FREQ=DAILY;INTERVAL=2 from 2026-01-05 03:00", DAY),
    ("cron 5 */6 * * *", Duration::from_secs(5 * 3600)),
    ("oncalendar *-*-* 01,09,17:40:00", Duration::from_secs(6 * 3600)),
    ("cron 0 * * * *", HOUR),
    ("cron 20 * * * *", HOUR),
    ("Sun by 04:00", DAY),
    ("2nd Tue by 18:00", DAY),
    ("last business day by 20:00", DAY),
    ("first business day by 07:00", DAY),
    ("last day by 23:00", DAY),
];
/// Zones, and a midnight in UTC close to one of their transitions.
const ZONES: [(&str, &[u64]); 6] = [
    ("Europe/Rome", &[1_774_742_400, 1_792_886_400]),
    ("America/New_York", &[1_772_928_000, 1_793_491_200]),
    ("Australia/Lord_Howe", &[1_775_347_200, 1_791_072_000]),
    ("Africa/Cairo", &[1_777_075_200, 1_793_318_400]),
    ("Asia/Kolkata", &[1_774_742_400]),
    ("UTC", &[1_792_886_400]),
];

/// The name of the intake that is a box.
pub(crate) const BOX: &str = "box";

/// By which way reports of a job come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Mail,
    Ping,
    Person,
}

/// What a report says of its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dating {
    /// When the run ended.
    Body,
    /// Only when it was written.
    Header,
    /// Nothing.
    Nothing,
}

/// A job, and what is true of it besides what is configured.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) job: Job,
    /// The job behind which it runs: a place among all.
    pub(crate) parent: Option<(usize, Duration)>,
    pub(crate) by: By,
    pub(crate) dating: Dating,
    /// Is it configured now?
    pub(crate) present: bool,
    /// It was there, as it is, since then.
    pub(crate) since: Moment,
    /// It was taken out of the configuration once.
    pub(crate) was_away: bool,
    /// When `paused: yes` stood in its file.
    pub(crate) paused: Vec<Span>,
    /// All runs around the world that the calendar names, by their moment.
    pub(crate) nominals: Vec<Nominal>,
}

impl Promise {
    /// Does the calendar name its runs?
    pub(crate) fn is_dated(&self) -> bool {
        self.interval().is_none() && self.parent.is_none() && !self.job.schedule.dues.is_empty()
    }

    /// How long after its last run the next one is due.
    pub(crate) fn interval(&self) -> Option<Duration> {
        match &*self.job.schedule.dues {
            [model::Due::Every(every)] => Some(*every),
            _ => None,
        }
    }

    /// The window of the run at `place`, as the manual has it: when it opens, is due and closes.
    pub(crate) fn window(&self, place: usize) -> (Moment, Moment, Moment) {
        let it = self.nominals[place];
        let before = place.checked_sub(1).map(|at| self.nominals[at]);
        let next = self.nominals.get(place + 1).copied();
        let open = self.opens(before, it);
        let next_opens = next.map(|next| self.opens(Some(it), next));
        let behind = next_opens.unwrap_or(Moment::from_nanos(u64::MAX));
        let due = it.until.after(self.job.grace.unwrap_or(HOUR)).min(behind).max(it.at);
        let close = self.job.give_up.map_or(behind, |wait| it.until.after(wait).min(behind));
        (open, due, close.max(due))
    }

    fn opens(&self, before: Option<Nominal>, it: Nominal) -> Moment {
        let gap = before.map_or(100 * DAY, |before| it.from.since(before.until));
        let early = self.job.early.unwrap_or((gap / 4).min(6 * HOUR)).min(gap / 2);
        it.from.before(early)
    }
}

/// All of them, and whatever else is configured.
#[derive(Clone, Debug)]
pub(crate) struct Promises {
    pub(crate) all: Vec<Promise>,
    pub(crate) places: BTreeMap<Arc<str>, usize>,
    /// Ways in, but for the console.
    pub(crate) intakes: Vec<Intake>,
    windows: Vec<Window>,
    customers: u32,
    reloads: u64,
}

/// When the world of `dice` begins: some days before clocks change somewhere; and where.
pub(crate) fn when(dice: &mut Dice) -> (&'static str, Moment) {
    let (zone, transitions) = ZONES[dice.index(ZONES.len())];
    let transition = Moment::from_secs(dice.pick(transitions));
    (zone, transition.before(DAY + dice.span(HOUR, 3 * DAY)))
}

impl Promises {
    pub(crate) fn draw(dice: &mut Dice, zone: &str, world: Span) -> Self {
        let customers = 1 + dice.below(4) as u32;
        let mut promises = Self {
            all: Vec::new(),
            places: BTreeMap::new(),
            intakes: intakes(dice),
            windows: windows(dice, customers, zone),
            customers,
            reloads: 0,
        };
        // Now and then everybody reports every hour: so much that silence means something.
        let herd = dice.chance(MILLION / 10);
        let count = if herd { 26 } else { dice.spread(5, 40) };
        for place in 0..count as usize {
            let promise = promises.draw_one(dice, place, (zone, world.from), herd);
            promises.places.insert(Arc::clone(&promise.job.name), place);
            promises.all.push(promise);
        }
        for it in &mut promises.all {
            it.since = world.from;
            it.nominals = nominals(&it.job.schedule, world);
        }
        promises
    }

    fn draw_one(
        &self,
        dice: &mut Dice,
        place: usize,
        (zone, from): (&str, Moment),
        herd: bool,
    ) -> Promise {
        let customer = dice.below(u64::from(self.customers)) as u32;
        let mut promise = blank(place, customer, dice, zone);
        let job = &mut promise.job;
        let (text, gap) = if herd { TEXTS[10] } else { TEXTS[dice.index(TEXTS.len())] };
        job.schedule = read(text, zone);
        tolerate(dice, job, gap);
        if dice.chance(MILLION / 6) && gap == DAY {
            job.schedule.holidays = holidays(dice, from);
            job.schedule.on_holidays = dice.pick(&[
                OnHoliday::Skip,
                OnHoliday::Keep,
                OnHoliday::Previous,
                OnHoliday::Next,
            ]);
        }
        if herd {
            return promise;
        }
        let parents = self.all.iter().enumerate().filter(|(_, it)| {
            it.is_dated() && it.by == By::Mail && it.job.reporting == Reporting::EveryRun
        });
        let parents: Vec<usize> = parents.map(|it| it.0).collect();
        match dice.below(12) {
            0 => {
                let every = dice.pick(&[2 * HOUR, 6 * HOUR, DAY]);
                job.schedule = read(&format!("every {}h", every.as_secs() / 3600), zone);
                job.grace = Some(every / 6);
            }
            1 => {
                job.schedule.dues.clear();
                job.learns = true;
            }
            2 if !parents.is_empty() => {
                let parent = parents[dice.index(parents.len())];
                let offset = dice.span(10 * MINUTE, HOUR);
                promise.parent = Some((parent, offset));
                job.schedule.dues.clear();
                job.customer = self.all[parent].job.customer;
                job.name = Arc::from(format!("c{}/j{place:02}", job.customer));
                job.after = Some(After { job: 0, offset });
                job.grace = Some(10 * MINUTE);
            }
            3 if gap == DAY => {
                promise.by = By::Person;
                job.kind = JobKind::Person;
            }
            4 | 5 => {
                promise.by = By::Ping;
                job.hears.ping = true;
            }
            _ => {}
        }
        if promise.is_dated() && promise.by != By::Person {
            shape(dice, &mut promise);
        }
        promise
    }

    /// What configuration says now; runs worked out for `now`.
    pub(crate) fn estate(&self, now: Moment) -> Estate {
        let present: Vec<usize> = (0..self.all.len()).filter(|it| self.all[*it].present).collect();
        let mut sorted = present;
        sorted.sort_by(|a, b| self.all[*a].job.name.cmp(&self.all[*b].job.name));
        let mut duty = rules(self.customers, self.reloads);
        duty.windows.clone_from(&self.windows);
        duty.intakes = Intakes { all: self.intakes.clone(), unclaimed: true, ..duty.intakes };
        for place in &sorted {
            let mut job = self.all[*place].job.clone();
            if let (Some((parent, _)), Some(after)) = (self.all[*place].parent, &mut job.after) {
                let at = sorted.iter().position(|it| *it == parent);
                after.job = at.and_then(|it| u32::try_from(it).ok()).unwrap_or(u32::MAX);
            }
            duty.jobs.push(Arc::new(job));
        }
        let range = Span { from: now.before(8 * DAY), until: now.after(20 * DAY) };
        let times = calendar::times(&duty, range, now);
        Estate::of(duty, times)
    }

    /// Changes what a reload may change.
    pub(crate) fn change(&mut self, dice: &mut Dice, now: Moment) {
        self.reloads += 1;
        let place = dice.index(self.all.len());
        let family: Vec<usize> = (0..self.all.len())
            .filter(|it| *it == place || self.all[*it].parent.is_some_and(|it| it.0 == place))
            .collect();
        let is_child = self.all[place].parent.is_some();
        match dice.below(4) {
            0 if !is_child => {
                let present = !self.all[place].present;
                for it in family {
                    let it = &mut self.all[it];
                    (it.present, it.since, it.was_away) = (present, now, true);
                }
            }
            1 => {
                let it = &mut self.all[place];
                it.job.paused = !it.job.paused;
                match it.job.paused {
                    true => it.paused.push(Span { from: now, until: Moment::from_nanos(u64::MAX) }),
                    false => it.paused.iter_mut().for_each(|it| it.until = it.until.min(now)),
                }
            }
            2 => {
                let runbook = format!("see page {}", self.reloads);
                self.all[place].job.runbook = Arc::from(runbook);
            }
            _ => {}
        }
    }

    /// Nobody is taken out or paused any more.
    pub(crate) fn heal(&mut self, now: Moment) {
        for it in &mut self.all {
            if !it.present {
                (it.present, it.since) = (true, now);
            }
            it.job.paused = false;
            it.paused.iter_mut().for_each(|it| it.until = it.until.min(now));
        }
    }

    /// When maintenance of the job at `place` is planned, as `estate` has it.
    pub(crate) fn maintenance(&self, estate: &Estate, place: usize) -> Vec<Span> {
        let job = &self.all[place].job;
        let customer = format!("c{}", job.customer);
        let covers = |it: &Window| {
            let matcher = &it.scope.lines[0][0];
            match &*matcher.label {
                "customer" => *matcher.value == *customer,
                _ => *matcher.value == *job.name,
            }
        };
        let windows = self.windows.iter().zip(&estate.times.windows);
        windows.filter(|it| covers(it.0)).flat_map(|it| it.1.iter().copied()).collect()
    }
}

fn read(text: &str, zone: &str) -> Schedule {
    calendar::schedule(text, zone).unwrap_or_else(|fault| panic!("{text} in {zone}: {fault:?}"))
}

fn nominals(of: &Schedule, world: Span) -> Vec<Nominal> {
    let around = |margin: Duration| {
        let range = Span { from: world.from.before(margin), until: world.until.after(margin) };
        calendar::nominals(of, range)
    };
    let found = around(MARGIN);
    let few = |it: &Vec<Nominal>| {
        let before = it.iter().filter(|it| it.at < world.from).count();
        let behind = it.iter().filter(|it| it.at > world.until).count();
        before < 3 || behind < 3
    };
    if few(&found) { around(MARGIN_OF_RARE) } else { found }
}

/// A job that is due never, reports every run and trusts its secret address.
fn blank(place: usize, customer: u32, dice: &mut Dice, zone: &str) -> Promise {
    let trust = |token: bool, relays: &[&str], dkim: Option<&str>| Trust {
        token,
        relays: relays.iter().map(|it| Arc::from(*it)).collect(),
        spf: None,
        dkim: dkim.map(Arc::from),
    };
    let trust = match dice.below(8) {
        0 => trust(true, &["192.0.2.0/24"], None),
        1 => trust(false, &["192.0.2.0/24"], None),
        2 => trust(true, &[], Some("acme.example")),
        _ => trust(true, &[], None),
    };
    let retries = dice.pick(&[0, 0, 0, 30, 60]);
    let job = Job {
        name: Arc::from(format!("c{customer}/j{place:02}")),
        customer,
        at: Arc::from(format!("checks/c{customer}.yaml:{place}")),
        schedule: read("every 24h", zone),
        retry_grace: MINUTE * retries,
        trust,
        policy: Some(1),
        ..Job::default()
    };
    Promise {
        job,
        parent: None,
        by: By::Mail,
        dating: dice.pick(&[
            Dating::Body,
            Dating::Body,
            Dating::Body,
            Dating::Header,
            Dating::Nothing,
        ]),
        present: true,
        since: Moment::ZERO,
        was_away: false,
        paused: Vec::new(),
        nominals: Vec::new(),
    }
}

fn tolerate(dice: &mut Dice, job: &mut Job, gap: Duration) {
    job.grace = match dice.below(5) {
        0 if gap == DAY => None,
        _ => Some((gap / 6).min(dice.pick(&[10 * MINUTE, 45 * MINUTE, 2 * HOUR]))),
    };
    job.early = match dice.below(3) {
        0 => None,
        _ => Some((gap / 5).min(dice.pick(&[10 * MINUTE, HOUR, 4 * HOUR]))),
    };
    job.give_up = (gap == DAY && dice.chance(MILLION / 4)).then_some(5 * HOUR);
}

/// Some days from then on, on which nobody works; since 1970.
fn holidays(dice: &mut Dice, from: Moment) -> Vec<i32> {
    let first = i32::try_from(from.as_nanos() / DAY.as_nanos() as u64).unwrap_or(0);
    (first..first + 25).filter(|_| dice.chance(MILLION / 5)).collect()
}

/// What a run is made of, and what silence means.
fn shape(dice: &mut Dice, promise: &mut Promise) {
    let job = &mut promise.job;
    match dice.below(10) {
        0 => job.reporting = Reporting::FailuresOnly,
        1 => job.reporting = Reporting::Digest,
        2 => job.reporting = Reporting::WhenOnline { missing_after: 3 * DAY },
        3 => {
            job.reports = 3;
            promise.dating = Dating::Body;
        }
        4 | 5 => {
            job.objects.named = ["a", "b", "c"].map(Arc::from).to_vec();
            job.objects.quorum = dice.chance(MILLION / 3).then_some(2);
            promise.dating = Dating::Body;
        }
        6 => job.timeout = Some(dice.span(HOUR, 3 * HOUR)),
        _ => {}
    }
}

/// One or two ways for mails: a server that keeps nothing, one behind which somebody does, a box.
/// The ledger only sees their names and whether somebody keeps what comes while we are away.
fn intakes(dice: &mut Dice) -> Vec<Intake> {
    let intake = |name: &str| Intake {
        name: Arc::from(name),
        at: Arc::from("config.yaml:9"),
        way: Way::Maildir { folder: Arc::from("/var/mail/backup") },
        keeps: name != "smtp",
    };
    let all: &[&str] = match dice.below(5) {
        0 => &["smtp"],
        1 => &["lmtp"],
        2 => &[BOX],
        3 => &["smtp", BOX],
        _ => &["lmtp", BOX],
    };
    all.iter().map(|it| intake(it)).collect()
}

fn windows(dice: &mut Dice, customers: u32, zone: &str) -> Vec<Window> {
    let mut windows = Vec::new();
    for number in 0..dice.below(3) {
        let text = dice.pick(&["Sun 01:00 for 6h", "Wed 22:00 for 8h", "daily 12:00 for 1h"]);
        let (label, value) = match dice.below(2) {
            0 => ("customer", format!("c{}", dice.below(u64::from(customers)))),
            _ => ("name", format!("c0/j{:02}", dice.below(6))),
        };
        let matcher = Matcher { label: Arc::from(label), op: MatchOp::Is, value: Arc::from(value) };
        let recurrence = calendar::recurrence(text, zone);
        windows.push(Window {
            name: Arc::from(format!("w{number}")),
            customer: None,
            at: Arc::from(format!("checks/w.yaml:{number}")),
            recurrence: recurrence.unwrap_or_else(|fault| panic!("{text}: {fault:?}")),
            scope: Scope { lines: vec![vec![matcher]] },
            effect: WindowEffect::NoAlerts,
            sla_counts: false,
            flexible: None,
            reminders: Vec::new(),
            impact: Arc::from(""),
            contact: Arc::from(""),
        });
    }
    windows
}

/// Customers, one policy that proposes at once, and one person who is told.
fn rules(customers: u32, reloads: u64) -> Duty {
    let mut duty = Duty {
        console_url: Arc::from(format!("http://127.0.0.1/{reloads}")),
        own_policy: Some(0),
        ..Duty::default()
    };
    duty.customers = (0..customers)
        .map(|it| Customer {
            name: Arc::from(format!("c{it}")),
            title: Arc::from("somebody"),
            contract: None,
            zone: Arc::from("UTC"),
            contacts: Vec::new(),
        })
        .collect();
    duty.people = vec![Person {
        name: Arc::from("anna"),
        title: Arc::from("Anna"),
        at: Arc::from("config.yaml:1"),
        addresses: BTreeMap::new(),
        quiet: None,
        wakes: None,
        skills: BTreeMap::new(),
        level: model::HelpLevel::TeleAssistance,
    }];
    duty.teams = vec![Team { name: Arc::from("all"), people: vec![0] }];
    duty.channels = vec![Channel {
        name: Arc::from("hook"),
        at: Arc::from("config.yaml:3"),
        kind: Arc::from("webhook"),
        params: Arc::new(Params::default()),
        personal: None,
        resolve: true,
        group: None,
        limit: None,
        ttl: DAY,
        resend_unknown: true,
        fallback: None,
        refresh: None,
    }];
    let policy = |name: &str, propose: Option<Duration>| Policy {
        name: Arc::from(name),
        at: Arc::from(format!("config.yaml:{name}")),
        hours: None,
        propose,
        call: None,
        steps: vec![Step {
            after: Duration::ZERO,
            to: vec![Target::Team(0)],
            via: vec![0],
            at_least: Severity::Warning,
            at: Arc::from(format!("config.yaml:{name}.0")),
        }],
        remind: None,
        stop_on_acknowledge: true,
        gate: None,
    };
    duty.policies = vec![policy("own", None), policy("usual", Some(Duration::ZERO))];
    duty
}
