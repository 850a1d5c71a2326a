//! One world: a loop over everything that happens, in order, until its time is over.
//!
//! True time only goes forward. The engine's moments are true time, shifted by what the wall clock
//! said when the process started. While the process stands still, what is meant for it waits.

mod above;
mod life;
mod talk;

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use engine::Limits;
use model::{CheckResult, CheckableId, FromShard, Moment, ToShard};

use crate::{
    Lived,
    census::{Census, Style},
    dice::{Dice, MILLION},
    disk::Disk,
    judge::{Judge, Leniency, Stats},
    planted::Planted,
    process::Process,
    trace::Trace,
    weather::Weather,
};

/// Looks in one world, roughly: enough for a life, little enough for many worlds a minute.
const LOOKS: u64 = 25_000;
/// A world ends after so many events, whatever its span: storms must not starve other seeds.
const EVENTS_MAX: u64 = 150_000;
/// Most checkables of a world.
const CHECKABLES_MAX: u64 = 3_000;
const HOUR: Duration = Duration::from_secs(3600);
/// Shortest and longest world.
const SPAN: (Duration, Duration) = (Duration::from_secs(1800), Duration::from_secs(14 * 86_400));
/// Scans in one world.
const SCANS: u32 = 400;
/// Monday, 2026-01-05 00:00 UTC, from where worlds begin.
const FIRST_MONDAY: u64 = 1_767_571_200;
/// Wakes without any progress of time after which the engine is in a loop.
const WAKES_MAX: u32 = 10_000;

/// Lives through the world of `seed`.
#[must_use]
pub fn run(seed: u64, planted: Option<Planted>) -> Lived<Stats> {
    watch(seed, planted, None)
}

/// Lives through the world of `seed` and writes down all that happens to `watched`.
#[must_use]
pub fn watch(seed: u64, planted: Option<Planted>, watched: Option<&str>) -> Lived<Stats> {
    let mut world = World::new(seed, planted);
    world.watched = watched.map(str::to_owned);
    world.live();
    let fault = world.judge.fault.take().map(|it| {
        let about = world.judge.about(&world.census);
        format!("at {}: {it}\n{about}\n  {:?}", world.now, world.weather)
    });
    let (hash, events, seen) = (world.trace.hash(), world.events, world.judge.stats);
    Lived { seed, hash, events, seen, fault, log: world.log }
}

/// Something that happens.
#[derive(Clone, Debug)]
enum What {
    Answer { boot: u64, result: CheckResult },
    Mail { boot: u64, message: FromShard },
    Order { boot: u64, order: ToShard },
    Commit { boot: u64 },
    Tick,
    Stall,
    BlindSpell,
    Crash,
    Restart,
    Start,
    Reload,
    OnDemand,
    Report,
    WallJump,
    Outage { place: usize, since: Moment },
}

struct Entry {
    at: Moment,
    order: u64,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

struct World {
    dice: Dice,
    weather: Weather,
    census: Census,
    planted: Option<Planted>,
    limits: Limits,
    shards: u32,
    tick: Duration,
    until: Moment,
    agenda: BinaryHeap<Reverse<Entry>>,
    entries: u64,
    now: Moment,
    awake_at: Moment,
    blind_until: Moment,
    /// When the last message between shards and desk arrives: they keep their order.
    mail_at: Moment,
    commit_planned: bool,
    process: Option<Process>,
    boots: u64,
    /// What the wall clock shows, less true time, in nanoseconds.
    wall: i64,
    /// The moments of this process, less true time.
    shift: i64,
    disk: Disk,
    /// The last change told, for [`Planted::ToldTwiceAfterRestart`].
    last_told: Option<FromShard>,
    judge: Judge,
    trace: Trace,
    events: u64,
    /// The name of somebody about whom everything is written down.
    watched: Option<String>,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64, planted: Option<Planted>) -> Self {
        let dice = Dice::new(seed);
        let mut draw = dice.fork(1);
        let weather = Weather::draw(&mut dice.fork(2));
        let count = draw.spread(1, CHECKABLES_MAX);
        let every = draw.span(Duration::from_secs(5), Duration::from_secs(300));
        let span = (every * u32::try_from(LOOKS / count).expect("few")).clamp(SPAN.0, SPAN.1);
        let from = Moment::from_secs(FIRST_MONDAY + draw.below(7 * 86_400));
        let until = from.after(span);
        let style = Style::draw(&mut draw, from, every, until);
        let census = Census::draw(&mut dice.fork(3), style, count);
        let crowded = draw.chance(MILLION / 3);
        let hosts_unlimited = !crowded || draw.chance(MILLION * 2 / 3);
        let limits = Limits {
            in_flight_max: if crowded { draw.spread(2, count.max(2)) as u32 } else { u32::MAX / 2 },
            in_flight_per_host_max: if hosts_unlimited { u16::MAX / 2 } else { 1 },
        };
        let shards = draw.pick(&[1, 1, 2, 3]);
        let tick = (span / SCANS).max(Duration::from_secs(1));
        let lossy = weather.lost_answer_ppm > 0 || weather.late_answer_ppm > 0;
        let overloaded = crowded || lossy || weather.on_demand_gap.is_some();
        let leniency = Leniency { overloaded, crowded, hosts_unlimited, tick };
        Self {
            dice: dice.fork(4),
            weather,
            census,
            planted,
            limits,
            shards,
            tick,
            until,
            agenda: BinaryHeap::new(),
            entries: 0,
            now: from,
            awake_at: Moment::ZERO,
            blind_until: Moment::ZERO,
            mail_at: Moment::ZERO,
            commit_planned: false,
            process: None,
            boots: 0,
            wall: 0,
            shift: 0,
            disk: Disk::default(),
            last_told: None,
            judge: Judge::new(leniency, limits, shards),
            trace: Trace::default(),
            events: 0,
            watched: None,
            log: Vec::new(),
        }
    }

    // The loop.

    fn live(&mut self) {
        self.start();
        self.plan(self.tick, What::Tick);
        self.plan_strikes();
        for place in 0..self.census.items.len() {
            self.plan_outage(place, self.now);
        }
        let mut wakes = 0;
        while self.judge.fault.is_none() {
            let wake = self.next_wake();
            let next = self.agenda.peek().map(|Reverse(it)| it.at.max(self.now));
            let Some(at) = [wake.map(|it| it.0), next].into_iter().flatten().min() else { break };
            if at > self.until || self.events >= EVENTS_MAX {
                break;
            }
            wakes = if at > self.now { 0 } else { wakes + 1 };
            self.now = at;
            self.events += 1;
            match wake {
                Some((due, number)) if next.is_none_or(|it| due < it) => {
                    if wakes > WAKES_MAX {
                        self.judge.fault = Some("the engine wakes without end".to_owned());
                    }
                    self.wake(number);
                }
                _ => self.next_entry(),
            }
        }
    }

    fn is_watched(&self, id: CheckableId) -> bool {
        let Some(watched) = &self.watched else { return false };
        let place = self.judge.place_of(id);
        place.is_some_and(|it| self.census.items[it].name == *watched)
    }

    /// The shard that wants to be woken next, and when.
    fn next_wake(&self) -> Option<(Moment, usize)> {
        let process = self.process.as_ref()?;
        let wakes = process.shards.iter().enumerate().filter_map(|(number, shard)| {
            let at = self.true_time(shard.next_wake()?);
            Some((at.max(self.now).max(self.awake_at), number))
        });
        wakes.min()
    }

    fn next_entry(&mut self) {
        let Some(Reverse(entry)) = self.agenda.pop() else { return };
        let for_process = matches!(
            entry.what,
            What::Answer { .. } | What::Mail { .. } | What::Order { .. } | What::Commit { .. }
        );
        if for_process && self.awake_at > self.now {
            let wait = self.awake_at.since(self.now);
            // Entries keep their order: the number is kept.
            self.agenda.push(Reverse(Entry { at: self.now.after(wait), ..entry }));
            return;
        }
        self.happen(entry.what);
    }

    fn plan(&mut self, after: Duration, what: What) {
        self.plan_at(self.now.after(after), what);
    }

    fn plan_at(&mut self, at: Moment, what: What) {
        self.entries += 1;
        self.agenda.push(Reverse(Entry { at, order: self.entries, what }));
    }

    /// Plans the first strike of each fault that this world has.
    fn plan_strikes(&mut self) {
        let weather = self.weather.clone();
        let strikes = [
            (weather.stall_gap, What::Stall),
            (weather.blind_gap, What::BlindSpell),
            (weather.crash_gap, What::Crash),
            (weather.restart_gap, What::Restart),
            (weather.reload_gap, What::Reload),
            (weather.on_demand_gap, What::OnDemand),
            (weather.report_gap, What::Report),
            (weather.wall_gap, What::WallJump),
        ];
        for (gap, what) in strikes {
            self.plan_next(gap, what);
        }
    }

    fn plan_next(&mut self, gap: Option<Duration>, what: What) {
        if let Some(gap) = gap {
            let after = self.dice.span(gap / 8, gap * 2);
            self.plan(after, what);
        }
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Answer { boot, result } if self.is_alive(boot) => self.answer(result),
            What::Mail { boot, message } if self.is_alive(boot) => self.mail(&message),
            What::Order { boot, order } if self.is_alive(boot) => {
                self.judge.delivered();
                self.order(order);
            }
            What::Commit { boot } if self.is_alive(boot) => self.commit(),
            What::Answer { .. } | What::Mail { .. } | What::Order { .. } | What::Commit { .. } => {}
            What::Tick => self.scan(),
            What::Outage { place, since } => self.outage(place, since),
            What::Start => self.start(),
            strike => self.strike(strike),
        }
    }

    fn strike(&mut self, what: What) {
        let gap = match what {
            What::Stall => {
                self.stall();
                self.weather.stall_gap
            }
            What::BlindSpell => {
                let lasts = self.dice.span(self.weather.blind_max / 100, self.weather.blind_max);
                self.blind_until = self.now.after(lasts);
                self.weather.blind_gap
            }
            What::Crash => {
                self.end(true);
                self.weather.crash_gap
            }
            What::Restart => {
                self.end(false);
                self.weather.restart_gap
            }
            What::Reload => {
                self.reload();
                self.weather.reload_gap
            }
            What::OnDemand => {
                if let Some(checkable) = self.anybody() {
                    self.order(ToShard::CheckNow { checkable });
                }
                self.weather.on_demand_gap
            }
            What::Report => {
                self.report();
                self.weather.report_gap
            }
            _ => {
                self.jump();
                self.weather.wall_gap
            }
        };
        self.plan_next(gap, what);
    }

    // Time.

    fn is_alive(&self, boot: u64) -> bool {
        self.process.as_ref().is_some_and(|it| it.boot == boot)
    }

    fn is_awake(&self) -> bool {
        self.process.is_some() && self.awake_at <= self.now
    }

    /// The engine's moment at the true time `at`.
    fn moment(&self, at: Moment) -> Moment {
        Moment::from_nanos(at.as_nanos().saturating_add_signed(self.shift))
    }

    fn true_time(&self, moment: Moment) -> Moment {
        Moment::from_nanos(moment.as_nanos().saturating_add_signed(-self.shift))
    }

    fn stall(&mut self) {
        if self.process.is_none() {
            return;
        }
        let lasts = self.dice.span(self.weather.stall_max / 100, self.weather.stall_max);
        self.awake_at = self.awake_at.max(self.now.after(lasts));
        self.judge.stalled(self.moment(self.awake_at));
    }

    fn jump(&mut self) {
        let by = self.dice.span(Duration::from_secs(1), 24 * 365 * HOUR);
        let by = i64::try_from(by.as_nanos()).expect("a year");
        self.wall = if self.dice.chance(MILLION / 2) { by } else { -by };
    }
}
