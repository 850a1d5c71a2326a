//! One world: a loop over everything that happens, in order, until its time is over.
//!
//! True time only goes forward. The engine's moments are true time, shifted by what the wall clock
//! said when the process started. While the process stands still, what is meant for it waits.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use engine::{Effect, Input, Limits};
use model::{
    Belief, Cause, CauseCode, CheckResult, CheckableId, FromShard, Measure, Moment, RunId, Status,
    ToShard, Verdict,
};

use crate::{
    census::{Census, Style},
    dice::{Dice, MILLION},
    disk::{Disk, Stored},
    judge::{Judge, Leniency, Stats, subject_of},
    planted::{Planted, STORE_FORGETS_PPM},
    process::Process,
    trace::Trace,
    weather::Weather,
};

/// Looks in one world, roughly: enough for a life, little enough for many worlds a minute.
const LOOKS: u64 = 40_000;
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

/// What a world came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which world.
    pub seed: u64,
    /// One number for all that happened.
    pub hash: u64,
    /// How much happened.
    pub events: u64,
    /// What was seen.
    pub stats: Stats,
    /// What is wrong, if anything.
    pub fault: Option<String>,
    /// What happened to whom was watched.
    pub log: Vec<String>,
    /// Whom that is about, and what the world was like.
    pub about: String,
}

/// Lives through the world of `seed`.
#[must_use]
pub fn run(seed: u64, planted: Option<Planted>) -> Outcome {
    watch(seed, planted, None)
}

/// Lives through the world of `seed` and writes down all that happens to `watched`.
#[must_use]
pub fn watch(seed: u64, planted: Option<Planted>, watched: Option<CheckableId>) -> Outcome {
    let mut world = World::new(seed, planted);
    world.watched = watched;
    world.live();
    let fault = world.judge.fault.take().map(|it| format!("at {}: {it}", world.now));
    let about = match fault {
        Some(_) => format!("{}\n  {:?}", world.judge.about(&world.census), world.weather),
        None => String::new(),
    };
    let (hash, events, stats) = (world.trace.hash(), world.events, world.judge.stats);
    Outcome { seed, hash, events, stats, fault, log: world.log, about }
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
    watched: Option<CheckableId>,
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
        let crowded = draw.chance(MILLION / 4);
        let hosts_unlimited = !crowded || draw.chance(MILLION / 2);
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
            if at > self.until {
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

    // The life of the process.

    fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        // Moments go on from the latest one that was stored, whatever the wall clock says.
        let nanos = |it: Moment| i64::try_from(it.as_nanos()).expect("not in this century");
        let behind = nanos(self.disk.latest()) - nanos(self.now);
        self.shift = match self.planted {
            Some(Planted::WallTrusted) => self.wall,
            _ => self.wall.max(behind),
        };
        self.boots += 1;
        let now = self.moment(self.now);
        let mut process = Process::new(self.boots, self.shards, self.limits, self.planted, now);
        let mut orders = Vec::new();
        process.load(now, &self.census, &self.disk, &mut orders);
        self.judge.started(now, self.disk.latest(), &self.census, &process);
        self.process = Some(process);
        self.send_orders(orders);
        if self.planted == Some(Planted::ToldTwiceAfterRestart)
            && let Some(message) = self.last_told.clone()
        {
            self.take(0, vec![Effect::Tell(1, message)], |judge, now, effects, process| {
                judge.woken(now, 0, effects, process);
            });
        }
    }

    fn end(&mut self, crashed: bool) {
        if self.process.take().is_none() {
            return;
        }
        if crashed {
            self.disk.crash();
        } else {
            let ticket = self.disk.commit();
            self.judge.committed(ticket);
        }
        self.commit_planned = false;
        self.awake_at = Moment::ZERO;
        self.judge.ended(crashed);
        let down = self.dice.span(Duration::from_millis(50), 10 * Duration::from_secs(60));
        self.plan(down, What::Start);
    }

    fn reload(&mut self) {
        if self.process.is_some() && !self.is_awake() {
            return; // It stands still, and so does whoever would tell it.
        }
        let mut dice = self.dice.fork(self.events);
        let gone_before = self.gone();
        self.census.edit(&mut dice);
        for place in self.gone() {
            if !gone_before.contains(&place) {
                self.disk.forget(&self.census.items[place].name);
            }
        }
        self.judge.forgot(&self.census);
        let Some(mut process) = self.process.take() else { return }; // The next start reads it.
        let now = self.moment(self.now);
        self.judge.now(now);
        let timetable = self.judge.timetable(&process);
        let mut orders = Vec::new();
        let loaded = process.load(now, &self.census, &self.disk, &mut orders);
        self.judge.reloaded(now, &self.census, &process, &loaded, &timetable);
        self.process = Some(process);
        self.send_orders(orders);
        for place in loaded.changed {
            let id = self.process.as_ref().and_then(|it| it.id(place));
            let ticket = id.and_then(|it| self.store(place, it));
            if let (Some(id), Some(ticket)) = (id, ticket) {
                self.judge.refitted(id, ticket);
            }
        }
        for place in loaded.new {
            self.plan_outage(place, self.now);
        }
    }

    fn gone(&self) -> Vec<usize> {
        let gone = self.census.items.iter().enumerate().filter(|(_, it)| !it.present);
        gone.map(|(place, _)| place).collect()
    }

    fn commit(&mut self) {
        self.commit_planned = false;
        let ticket = self.disk.commit();
        self.judge.committed(ticket);
    }

    // What the engine hears.

    fn wake(&mut self, number: usize) {
        let Some(process) = &mut self.process else { return };
        let now = Moment::from_nanos(self.now.as_nanos().saturating_add_signed(self.shift));
        let mut effects = Vec::new();
        process.shards[number].wake(now, &mut effects);
        self.take(number, effects, |judge, now, effects, process| {
            judge.woken(now, number, effects, process);
        });
    }

    /// Lets `hear` judge `effects`, then carries them out.
    fn take(
        &mut self,
        number: usize,
        effects: Vec<Effect>,
        hear: impl FnOnce(&mut Judge, Moment, &[Effect], &Process),
    ) {
        let now = self.moment(self.now);
        self.judge.now(now);
        if let Some(process) = &self.process {
            hear(&mut self.judge, now, &effects, process);
        }
        for effect in effects {
            self.trace.effect(now, &effect);
            if self.watched.is_some_and(|it| subject(&effect) == it) {
                self.log.push(format!("{now} -> {effect:?}"));
            }
            self.carry_out(number, effect);
        }
    }

    fn answer(&mut self, result: CheckResult) {
        let now = self.moment(self.now);
        self.trace.answer(now, &result);
        if self.watched == Some(result.checkable) {
            self.log.push(format!("{now} {result:?}"));
        }
        let Some(process) = &mut self.process else { return };
        let id = result.checkable;
        let before = process.belief(id).cloned();
        let under_way = self.judge.run_of(id);
        let input = spoiled(self.planted, &result, under_way);
        let mut effects = Vec::new();
        process.shard(id).handle(now, input, &mut effects);
        let number = id.shard(self.shards) as usize;
        self.take(number, effects, |judge, now, effects, process| {
            judge.answered(now, &result, before.as_ref(), effects, process);
            judge.no_idle_places(number, process);
        });
    }

    fn order(&mut self, order: ToShard) {
        let id = match order {
            ToShard::CheckNow { checkable } => checkable,
            ToShard::Parents { host, .. } => host,
        };
        let now = self.moment(self.now);
        self.trace.order(now, order);
        if self.watched == Some(id) {
            self.log.push(format!("{now} {order:?}"));
        }
        let Some(process) = &mut self.process else { return };
        let given = match (self.planted, order) {
            (Some(Planted::ParentsIgnored), ToShard::Parents { host, answer, .. }) => {
                ToShard::Parents { host, any_up: true, answer }
            }
            (Some(Planted::AnswerToChildLost), ToShard::Parents { host, any_up, .. }) => {
                ToShard::Parents { host, any_up, answer: false }
            }
            _ => order,
        };
        let mut effects = Vec::new();
        process.shard(id).handle(now, Input::Desk(given), &mut effects);
        let number = id.shard(self.shards) as usize;
        self.take(number, effects, |judge, now, effects, process| {
            judge.ordered(now, order, effects, process);
        });
    }

    fn report(&mut self) {
        let Some(id) = self.anybody() else { return };
        let verdict = match self.dice.below(5) {
            0 => Verdict::OK,
            1 => Verdict::Seen { status: Status::Warning, cause: None },
            2 => Verdict::Seen { status: Status::Unknown, cause: None },
            3 => Verdict::Blind { cause: Cause::bare(CauseCode::Internal) },
            _ => Verdict::critical(Cause::bare(CauseCode::Reported)),
        };
        self.trace.verdict(&verdict);
        let now = self.moment(self.now);
        if self.watched == Some(id) {
            self.log.push(format!("{now} reported {verdict:?}"));
        }
        let Some(process) = &mut self.process else { return };
        let before: Option<Belief> = process.belief(id).cloned();
        let mut effects = Vec::new();
        let input = Input::Reported { checkable: id, verdict: verdict.clone() };
        process.shard(id).handle(now, input, &mut effects);
        let number = id.shard(self.shards) as usize;
        self.take(number, effects, |judge, now, effects, process| {
            judge.reported(now, id, &verdict, before.as_ref(), effects, process);
        });
    }

    fn anybody(&mut self) -> Option<CheckableId> {
        if !self.is_awake() {
            return None;
        }
        let places: Vec<usize> = self.census.present().collect();
        if places.is_empty() {
            return None;
        }
        let place = self.dice.pick(&places);
        self.process.as_ref()?.id(place)
    }

    fn mail(&mut self, message: &FromShard) {
        self.judge.delivered();
        let Some(process) = &mut self.process else { return };
        let mut orders = Vec::new();
        process.desk.handle(message, &mut orders);
        self.send_orders(orders);
    }

    // What the engine wants done.

    fn carry_out(&mut self, number: usize, effect: Effect) {
        match effect {
            Effect::Probe { checkable, run, .. } => self.look(checkable, run),
            Effect::Remember(id) => self.remember(id),
            Effect::Lost(_) => {
                if let Some(process) = &mut self.process {
                    process.run_lost();
                }
            }
            Effect::Skipped(..) => {}
            Effect::Tell(_, message) => {
                debug_assert!(number < self.shards as usize, "a shard that there is");
                if matches!(message, FromShard::Changed(_)) {
                    self.last_told = Some(message.clone());
                }
                let (at, boot) = (self.mail_time(), self.boots);
                self.judge.mailed();
                self.plan_at(at, What::Mail { boot, message });
            }
        }
    }

    fn send_orders(&mut self, orders: Vec<ToShard>) {
        for order in orders {
            let (at, boot) = (self.mail_time(), self.boots);
            self.judge.mailed();
            self.plan_at(at, What::Order { boot, order });
        }
    }

    /// When a message sent now arrives: after all that were sent before.
    fn mail_time(&mut self) -> Moment {
        let most = self.weather.mail_max.max(Duration::from_micros(1));
        let takes = self.dice.span(Duration::from_nanos(1), most);
        self.mail_at = self.mail_at.max(self.now.after(takes));
        self.mail_at
    }

    fn remember(&mut self, id: CheckableId) {
        let Some(place) = self.judge.place_of(id) else { return };
        let forgets = self.planted == Some(Planted::StoreForgets);
        let ticket = match forgets && self.dice.chance(STORE_FORGETS_PPM) {
            true => Some(self.disk.skip()),
            false => self.store(place, id),
        };
        if let Some(ticket) = ticket {
            self.judge.stored(id, ticket);
        }
    }

    /// Hands what is believed about `id` to the store.
    fn store(&mut self, place: usize, id: CheckableId) -> Option<u64> {
        let item = &self.census.items[place];
        let belief = self.process.as_ref()?.belief(id)?.clone();
        let rules = item.check.as_ref().map(|it| it.rules.clone());
        let now = self.moment(self.now);
        let ticket = self.disk.put(now, &item.name, Stored { belief, rules });
        if !self.commit_planned {
            self.commit_planned = true;
            let most = self.weather.commit_max.max(Duration::from_millis(1));
            let takes = self.dice.span(Duration::from_micros(100), most);
            let boot = self.boots;
            self.plan(takes, What::Commit { boot });
        }
        Some(ticket)
    }

    /// Somebody is looked at. What the look will find is decided now.
    fn look(&mut self, id: CheckableId, run: RunId) {
        let Some(place) = self.judge.place_of(id) else { return };
        let Some(check) = self.census.items[place].check.clone() else { return };
        let weather = self.weather.clone();
        let truth = self.census.truth(place, self.now);
        let started_at = self.moment(self.now);
        let swallowed = self.dice.chance(weather.lost_packet_ppm);
        let blind = self.now < self.blind_until || self.dice.chance(weather.blind_ppm);
        let (verdict, value) = match truth.status {
            _ if blind => (Verdict::Blind { cause: Cause::bare(CauseCode::Descriptors) }, None),
            _ if swallowed => (Verdict::critical(Cause::bare(CauseCode::Timeout)), None),
            Status::Critical => (Verdict::critical(Cause::bare(CauseCode::Timeout)), None),
            Status::Ok => (Verdict::OK, Some(truth.value)),
            status => (
                Verdict::Seen { status, cause: Some(Cause::bare(CauseCode::Mismatch)) },
                Some(truth.value),
            ),
        };
        let lasts = check.timeout.max(Duration::from_millis(2));
        let took = self.dice.span(Duration::from_millis(1), lasts);
        // Now and then a look brings no value home.
        let value = value.filter(|_| !self.dice.chance(MILLION / 200));
        let measures = value.map(|it| Measure::number(0, it)).into_iter().collect();
        let result = CheckResult { checkable: id, run, started_at, took, verdict, measures };
        self.deliver(result, &weather);
    }

    fn deliver(&mut self, result: CheckResult, weather: &Weather) {
        let (id, boot, took) = (result.checkable, self.boots, result.took);
        let late = self.dice.chance(weather.late_answer_ppm);
        let extra = match late {
            true => self.dice.span(weather.late_max / 1_000, weather.late_max),
            false => Duration::ZERO,
        };
        let lost = self.dice.chance(weather.lost_answer_ppm);
        if late || lost {
            self.judge.disturb(id, self.moment(self.now.after(extra)));
        }
        if self.dice.chance(weather.doubled_ppm) {
            let after = took + extra + self.dice.span(Duration::from_nanos(1), weather.late_max);
            let mut second = result.clone();
            second.measures.clear();
            second.verdict = match &result.verdict {
                Verdict::Seen { status: Status::Ok, .. } => {
                    Verdict::critical(Cause::bare(CauseCode::Reset))
                }
                _ => Verdict::OK,
            };
            self.plan(after, What::Answer { boot, result: second });
        }
        if !lost {
            self.plan(took + extra, What::Answer { boot, result });
        }
    }

    // What is looked at from above.

    fn scan(&mut self) {
        self.plan(self.tick, What::Tick);
        if !self.is_awake() {
            return;
        }
        let now = self.moment(self.now);
        self.judge.now(now);
        if let Some(process) = &self.process {
            self.judge.scan(now, process);
        }
    }

    /// Plans to ask about the next outage of `place` after `at`.
    fn plan_outage(&mut self, place: usize, mut at: Moment) {
        while !self.census.is_failing(place, at) {
            match self.census.truth_changes_after(place, at) {
                Some(next) if next < self.until => at = next,
                _ => return,
            }
        }
        self.plan_at(at, What::Outage { place, since: at });
    }

    /// Is the outage that began at `since` still going on, and believed?
    fn outage(&mut self, place: usize, since: Moment) {
        let item = &self.census.items[place];
        if !item.present || item.check.is_none() {
            return;
        }
        let mut at = since;
        while let Some(next) = self.census.truth_changes_after(place, at) {
            if next > self.now {
                break;
            }
            at = next;
            if !self.census.is_failing(place, at) {
                return self.plan_outage(place, at);
            }
        }
        let id = self.process.as_ref().and_then(|it| it.id(place));
        if !self.is_awake() || id.is_none() {
            return self.plan(self.tick, What::Outage { place, since });
        }
        let (now, began) = (self.moment(self.now), self.moment(since));
        self.judge.now(now);
        match id.and_then(|it| self.judge.outage(now, it, began)) {
            Some(later) => {
                let wait = later.since(now).max(Duration::from_millis(1));
                self.plan(wait, What::Outage { place, since });
            }
            None => self.plan_next_outage(place),
        }
    }

    /// This outage is done with: the next one begins after it has ended.
    fn plan_next_outage(&mut self, place: usize) {
        let mut at = self.now;
        while self.census.is_failing(place, at) {
            match self.census.truth_changes_after(place, at) {
                Some(next) if next < self.until => at = next,
                _ => return,
            }
        }
        self.plan_outage(place, at);
    }
}

/// Whom an effect is about.
fn subject(effect: &Effect) -> CheckableId {
    match effect {
        Effect::Probe { checkable: id, .. }
        | Effect::Remember(id)
        | Effect::Skipped(id, _)
        | Effect::Lost(id) => *id,
        Effect::Tell(_, message) => subject_of(message),
    }
}

/// An answer as the engine gets it.
fn spoiled(planted: Option<Planted>, result: &CheckResult, under_way: Option<RunId>) -> Input {
    let mut given = result.clone();
    match (planted, &given.verdict) {
        (Some(Planted::DoubleCounted), _) if under_way != Some(result.run) => {
            let (checkable, verdict) = (given.checkable, given.verdict);
            return Input::Reported { checkable, verdict };
        }
        (Some(Planted::StaleAccepted), _) => given.run = under_way.unwrap_or(given.run),
        (Some(Planted::BlindIsCritical), Verdict::Blind { cause }) => {
            given.verdict = Verdict::critical(cause.clone());
        }
        (Some(Planted::WarningIsCritical), Verdict::Seen { status: Status::Warning, cause }) => {
            given.verdict = Verdict::Seen { status: Status::Critical, cause: cause.clone() };
        }
        _ => {}
    }
    Input::Answered(given)
}
