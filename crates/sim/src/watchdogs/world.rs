//! One world around the ledger: a loop over everything that happens, in order.
//!
//! First a time of trouble, in which clocks change somewhere; then everything heals, every run goes
//! well, and a few quiet days show whether what was owed gets done.

mod hearing;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use engine::desk::{Effect, Input};
use model::{Alert, AlertKey, Command, Delivery, Moment, Outcome, Request, Row, Span};

use super::{
    climate::Climate,
    judge::{Judge, Seen, View},
    people::{self, Sight},
    planted::WatchdogBug,
    promises::{self, By, Promise, Promises},
    sabotage::{AHEAD, Sabotage},
    senders::Senders,
    ways::Ways,
};
use crate::{
    agenda::Agenda,
    desk::{
        DAY, Estate, HOUR, MINUTE, SECOND,
        driver::{Batch, Cause, Driver},
        looks::Looks,
        mix,
        post::Post,
        shelf::Shelf,
        tell,
    },
    dice::{Dice, MILLION},
    lived::{Lived, lived, note},
    trace::Trace,
};

/// The quiet time after everything has healed: longer than the ledger waits for any mark.
const QUIET: Duration = Duration::from_secs(2 * 86_400);
/// Wakes without any progress of time after which the ledger is in a loop.
const WAKES_MAX: u32 = 2_000;
/// A world ends after so many events, whatever is still to come.
const EVENTS_MAX: u64 = 120_000;
/// The judge looks at everything so often.
const TICK: Duration = Duration::from_secs(2 * 3600);
/// Times are worked out anew at a start after so long: they reach much further.
const HORIZON: Duration = Duration::from_secs(12 * 3600);
/// A sign of life is kept so often.
const ALIVE_EVERY: Duration = Duration::from_secs(30);

macro_rules! view {
    ($world:expr) => {
        View {
            now: $world.now,
            shelf: &$world.shelf,
            estate: &$world.estate,
            promises: &$world.promises,
            senders: &$world.senders,
            ways: &$world.ways,
            boot_at: $world.boot_at,
            away: $world.away,
        }
    };
}

pub(super) use view;

/// Lives through the world of `seed`.
#[must_use]
pub fn run(seed: u64, bug: Option<WatchdogBug>) -> Lived<Seen> {
    live(World::new(seed, bug, false), seed)
}

/// The same, and writes down what happens.
#[must_use]
pub fn watch(seed: u64, bug: Option<WatchdogBug>) -> Lived<Seen> {
    live(World::new(seed, bug, true), seed)
}

fn live(mut world: World, seed: u64) -> Lived<Seen> {
    world.live();
    lived!(world, seed)
}

/// Something that happens.
#[derive(Clone, Debug)]
enum What {
    /// A mail is sent, a person ticks.
    Send {
        mail: usize,
        tries: u32,
    },
    /// It has been read, and goes to the ledger.
    Given {
        boot: u64,
        ticket: u64,
    },
    /// A job whose runs no calendar names runs.
    Run(usize),
    /// A box is read.
    Round(usize),
    /// A way says how it is.
    Mark(usize),
    /// A way cannot hear for so long.
    Deaf,
    Hears(usize),
    Hush,
    Junk,
    Flood,
    Commit {
        boot: u64,
    },
    Outcome {
        boot: u64,
        key: AlertKey,
        delivery: Delivery,
    },
    Ask {
        boot: u64,
        request: Request,
    },
    Operator,
    Crash,
    Restart,
    Reload,
    Calendar,
    Tick,
    Heal,
}

struct World {
    dice: Dice,
    climate: Climate,
    now: Moment,
    start: Moment,
    heal_at: Moment,
    end: Moment,
    agenda: Agenda<What>,
    promises: Promises,
    estate: Estate,
    /// When its times were worked out.
    estate_at: Moment,
    looks: Looks,
    senders: Senders,
    ways: Ways,
    /// Nobody sends anything until then.
    hush_until: Moment,
    shelf: Shelf,
    post: Post,
    driver: Option<Driver>,
    boot: u64,
    boot_at: Moment,
    /// When nobody was there before this process, and the last sign of life.
    away: Option<Span>,
    alive_at: Option<Moment>,
    pending: VecDeque<Batch>,
    commit_planned: bool,
    wakes: (Moment, u32),
    tickets: u64,
    judge: Judge,
    sabotage: Sabotage,
    trace: Trace,
    events: u64,
    watched: bool,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64, bug: Option<WatchdogBug>, watched: bool) -> Self {
        let dice = Dice::new(seed);
        let (zone, start) = promises::when(&mut dice.fork(21));
        let mut drawn = dice.fork(22);
        let heal_at = start.after(drawn.span(3 * DAY, 6 * DAY));
        let end = heal_at.after(QUIET);
        let promises = Promises::draw(&mut drawn, zone, Span { from: start, until: end });
        let estate = promises.estate(start);
        let looks = Looks::draw(&mut dice.fork(23), &estate);
        Self {
            climate: Climate::draw(&mut dice.fork(24)),
            dice: dice.fork(25),
            now: start,
            start,
            heal_at,
            end,
            agenda: Agenda::default(),
            ways: Ways::new(&promises.intakes),
            judge: Judge::default(),
            promises,
            estate,
            estate_at: start,
            looks,
            senders: Senders::default(),
            hush_until: start,
            shelf: Shelf::default(),
            post: Post::default(),
            driver: None,
            boot: 0,
            boot_at: start,
            away: None,
            alive_at: None,
            pending: VecDeque::new(),
            commit_planned: false,
            wakes: (start, 0),
            tickets: 0,
            sabotage: Sabotage::of(bug),
            trace: Trace::default(),
            events: 0,
            watched,
            log: Vec::new(),
        }
    }

    fn push(&mut self, after: Duration, what: What) {
        self.agenda.push(self.now.after(after), what);
    }

    fn is_healed(&self) -> bool {
        self.now >= self.heal_at
    }

    /// Plans the next of what comes again and again.
    fn again(&mut self, gap: Option<Duration>, what: What) {
        let Some(gap) = gap else { return };
        let wait = self.dice.span(gap / 8, gap * 2);
        if self.now.after(wait) < self.heal_at {
            self.push(wait, what);
        }
    }

    fn live(&mut self) {
        self.begin();
        while self.judge.fault.is_none() && self.events < EVENTS_MAX {
            let next = self.agenda.next();
            let ahead =
                if self.sabotage.has(WatchdogBug::WokenEarly) { AHEAD } else { Duration::ZERO };
            let wake = self.driver.as_ref().and_then(Driver::next_wake);
            let wake = wake.filter(|_| !self.sabotage.has(WatchdogBug::NeverWoken));
            let wake = wake.map(|it| it.before(ahead).max(self.now));
            let Some(at) = wake.into_iter().chain(next).min() else { break };
            if at > self.end {
                break;
            }
            self.events += 1;
            if wake.is_some_and(|it| next.is_none_or(|next| it <= next)) {
                self.now = self.now.max(at);
                self.wake(ahead);
                continue;
            }
            let Some((at, what)) = self.agenda.pop() else { break };
            self.now = self.now.max(at);
            self.happen(what);
        }
        if self.judge.fault.is_none() && self.events < EVENTS_MAX {
            self.now = self.end;
            self.judge.finish(&view!(self), self.start);
        }
    }

    fn begin(&mut self) {
        let Climate { junk, flood, deaf, hush, crash, reload, operator, .. } = self.climate;
        self.restart();
        self.again(junk, What::Junk);
        self.again(flood, What::Flood);
        self.again(deaf, What::Deaf);
        self.again(hush, What::Hush);
        self.again(crash, What::Crash);
        self.again(reload, What::Reload);
        self.again(operator, What::Operator);
        self.push(DAY, What::Calendar);
        self.push(TICK, What::Tick);
        for ear in 0..self.ways.ears.len() {
            self.push(
                SECOND,
                if self.ways.ears[ear].is_box { What::Round(ear) } else { What::Mark(ear) },
            );
        }
        self.agenda.push(self.heal_at, What::Heal);
        for job in 0..self.promises.all.len() {
            self.plan(job);
        }
    }

    fn plan(&mut self, job: usize) {
        let promise = &self.promises.all[job];
        if promise.is_dated() {
            let times = (self.start.after(HOUR), self.heal_at, self.end);
            let mails = self.senders.plan(
                &mut self.dice.clone().fork(job as u64),
                &self.promises,
                job,
                times,
            );
            for mail in mails {
                let at = self.senders.mails[mail].at;
                self.agenda.push(at, What::Send { mail, tries: 0 });
            }
        } else if promise.parent.is_none() {
            let wait = self.dice.span(MINUTE, 6 * HOUR);
            self.push(wait, What::Run(job));
        }
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Commit { boot } if boot == self.boot => self.commit(),
            What::Commit { .. } => {}
            What::Outcome { boot, key, delivery } => {
                if boot == self.boot {
                    let cause = Cause::Delivered(key, delivery.clone());
                    self.take(cause, Input::Delivered { key, delivery });
                }
            }
            What::Ask { boot, request } => {
                if boot == self.boot {
                    self.ask(request, None);
                }
            }
            What::Operator => self.operate(),
            What::Crash => {
                self.again(self.climate.crash, What::Crash);
                self.crash();
            }
            What::Restart => self.restart(),
            What::Reload => self.reload(),
            What::Calendar => self.calendar(),
            What::Tick => {
                self.push(TICK, What::Tick);
                if self.driver.is_some() && self.pending.is_empty() {
                    self.judge.scan(&view!(self));
                }
            }
            What::Heal => self.heal(),
            heard => self.befall(heard),
        }
    }

    // What happens to the process.

    fn wake(&mut self, ahead: Duration) {
        match self.wakes.0 == self.now {
            true => self.wakes.1 += 1,
            false => self.wakes = (self.now, 1),
        }
        if self.wakes.1 > WAKES_MAX {
            self.judge.fail("the desk wants to be woken again and again".to_owned());
        }
        let Some(driver) = &mut self.driver else { return };
        let mut batch = driver.take(self.now.after(ahead), Cause::Wake, Input::Wake, None);
        batch.at = self.now;
        self.enqueue(batch);
    }

    fn take(&mut self, cause: Cause, input: Input) {
        let Some(driver) = &mut self.driver else { return };
        let batch = driver.take(self.now, cause, input, None);
        self.enqueue(batch);
    }

    fn enqueue(&mut self, mut batch: Batch) {
        if batch.rows.is_empty() && batch.effects.is_empty() {
            return;
        }
        self.judge.decided(&view!(self), &batch);
        self.sabotage.falsify(&mut batch, &self.shelf);
        if self.sabotage.has(WatchdogBug::TakenTooSoon) {
            for effect in std::mem::take(&mut batch.effects) {
                self.carry_out(effect);
            }
        }
        self.pending.push_back(batch);
        if !self.commit_planned {
            self.commit_planned = true;
            let wait = self.dice.span(Duration::from_micros(100), self.climate.commit_max);
            let boot = self.boot;
            self.push(wait, What::Commit { boot });
        }
    }

    fn commit(&mut self) {
        self.commit_planned = false;
        // Now and then a group is cut short, as one transaction holds only so much.
        let mut room = if self.dice.chance(MILLION / 20) { 1 } else { usize::MAX };
        while room > 0
            && let Some(batch) = self.pending.pop_front()
        {
            room -= 1;
            self.keep(&batch);
            let dies = !self.is_healed() && self.dice.chance(self.climate.dies_between_ppm);
            let effects = batch.effects.len();
            let before = if dies { self.dice.index(effects + 1) } else { effects };
            for effect in batch.effects.into_iter().take(before) {
                self.carry_out(effect);
            }
            if dies {
                return self.crash();
            }
            if self.judge.fault.is_some() {
                return;
            }
        }
        if !self.pending.is_empty() {
            self.commit_planned = true;
            let boot = self.boot;
            self.push(Duration::from_millis(1), What::Commit { boot });
        }
    }

    fn keep(&mut self, batch: &Batch) {
        if self.watched {
            let lines = tell(batch);
            lines.into_iter().for_each(|it| note!(self, "{it}"));
        }
        self.judge.before();
        for row in &batch.rows {
            self.judge.row(&view!(self), batch, row);
            mix(&mut self.trace, batch.at, row);
            self.shelf.put(row);
        }
        self.judge.after(&view!(self), batch);
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Deliver(alert) => self.deliver(&alert),
            Effect::Answer { ticket, reply } => {
                note!(self, "answer {ticket}: {reply:?}");
                self.answered(ticket, &reply);
            }
            // Nobody accepts a schedule here.
            Effect::Order(_) | Effect::TurnCalendar => {}
        }
    }

    fn deliver(&mut self, alert: &Alert) {
        let came = self.post.attempt(&mut self.dice, &alert.route.channel);
        let (boot, key) = (self.boot, alert.key);
        self.push(came.after, What::Outcome { boot, key, delivery: came.told });
    }

    fn operate(&mut self) {
        self.again(self.climate.operator, What::Operator);
        let Self { dice, shelf, promises, senders, judge, now, .. } = &mut *self;
        let sight = Sight { now: *now, shelf, promises, senders };
        let drawn = people::draw(dice, sight, |it| judge.mail_of(it));
        let Some(request) = drawn else { return };
        let (boot, wait) = (self.boot, self.dice.span(SECOND, 5 * MINUTE));
        self.push(wait, What::Ask { boot, request });
    }

    /// Somebody asks for something; `mail`: what a person says of a duty.
    fn ask(&mut self, request: Request, mail: Option<usize>) {
        if self.driver.is_none() {
            return;
        }
        self.tickets += 1;
        let ticket = self.tickets;
        note!(self, "ask {ticket}: {request:?}");
        self.judge.asked(ticket, mail);
        let cause = Cause::Asked(ticket, request.clone());
        self.take(cause, Input::Asked { ticket, request });
    }

    fn crash(&mut self) {
        if self.driver.take().is_none() {
            return;
        }
        note!(self, "crash");
        self.boot += 1;
        self.pending.clear();
        self.commit_planned = false;
        let since = self.now.since(self.boot_at).min(ALIVE_EVERY);
        let silent = self.dice.span(Duration::from_nanos(1), since.max(SECOND)).min(since);
        self.alive_at = Some(self.now.before(silent));
        self.judge.crashed();
        for lost in self.ways.crash() {
            // Whoever got no word tries again.
            let wait = self.dice.span(MINUTE, 15 * MINUTE);
            self.push(wait, What::Send { mail: lost.mail, tries: lost.tries + 1 });
        }
        let wait = self.dice.span(Duration::from_millis(10), self.climate.dead_max);
        let wait = if self.is_healed() { wait.min(MINUTE) } else { wait };
        self.push(wait, What::Restart);
    }

    fn restart(&mut self) {
        if self.driver.is_some() {
            return;
        }
        self.away = self.alive_at.map(|from| Span { from, until: self.now });
        note!(self, "start, away {:?}", self.away);
        let now = self.now;
        for ear in &mut self.ways.ears {
            ear.deaf.extend(self.away.filter(|_| !ear.keeps));
            // A new process only knows of what it has heard itself.
            if let Some(since) = &mut ear.deaf_since {
                ear.deaf.push(Span { from: *since, until: now.before(SECOND) });
                *since = now;
            }
        }
        self.boot_at = self.now;
        // What was changed while nobody was there holds from now on.
        let changed = |it: &&mut Promise| self.away.is_some_and(|away| it.since > away.from);
        self.promises.all.iter_mut().filter(changed).for_each(|it| it.since = self.now);
        if self.now.since(self.estate_at) > HORIZON {
            self.configure();
        }
        let shelf = self.sabotage.remembered(&self.shelf);
        let away = self.sabotage.away(self.away);
        let told = self.told();
        let started = Driver::start(self.now, &shelf, (&told, &self.looks), away, None);
        self.judge.restarted();
        self.driver = Some(started.0);
        started.1.into_iter().for_each(|it| self.enqueue(it));
    }

    /// Works out what is configured.
    fn configure(&mut self) {
        self.estate = self.promises.estate(self.now);
        self.estate_at = self.now;
    }

    /// What the desk is told of what is configured.
    fn told(&self) -> Estate {
        self.estate.at(self.sabotage.times(&self.estate.times))
    }

    fn reload(&mut self) {
        self.again(self.climate.reload, What::Reload);
        self.promises.change(&mut self.dice, self.now);
        self.arrange();
    }

    fn arrange(&mut self) {
        note!(self, "reload");
        self.configure();
        let told = self.told();
        let Some(driver) = &mut self.driver else { return };
        let batch = driver.arrange(self.now, &told);
        self.enqueue(batch);
    }

    fn calendar(&mut self) {
        self.push(DAY, What::Calendar);
        self.configure();
        let told = self.told();
        let Some(driver) = &mut self.driver else { return };
        let batch = driver.turn_calendar(self.now, &told);
        self.enqueue(batch);
    }

    fn heal(&mut self) {
        note!(self, "everything heals");
        self.promises.heal(self.now);
        self.hush_until = self.now;
        for ear in 0..self.ways.ears.len() {
            self.hears(ear);
        }
        self.arrange();
        let paused = self.shelf.memories.values().filter(|it| it.paused.is_some());
        let jobs: Vec<Arc<str>> = paused.map(|it| Arc::clone(&it.job)).collect();
        for job in jobs {
            self.ask(people::asks(Command::ResumeJob { job }), None);
        }
    }

    /// What a job does whose runs no calendar names.
    fn run_now(&mut self, job: usize) {
        let promise = &self.promises.all[job];
        let every = promise.interval().unwrap_or(DAY);
        let (healed, quiet) = (self.is_healed(), !promise.job.schedule.dues.is_empty());
        let outcome = match self.dice.below(10) {
            _ if healed => Some(Outcome::Ok),
            0 => Some(Outcome::Failed),
            1 if quiet => None,
            _ => Some(Outcome::Ok),
        };
        let after = match outcome {
            Some(Outcome::Failed) => every / 10,
            _ => every / 10 * (7 + self.dice.below(3) as u32),
        };
        self.push(after, What::Run(job));
        if let Some(outcome) = outcome {
            let mail = self.senders.run_now(&mut self.dice, &self.promises, job, self.now, outcome);
            self.agenda.push(self.senders.mails[mail].at, What::Send { mail, tries: 0 });
        }
    }

    /// A row that is kept beside those of the desk.
    fn with(&mut self, mut batch: Batch, row: Option<Row>) {
        batch.rows.extend(row);
        self.enqueue(batch);
    }

    fn is_by_person(&self, job: usize) -> bool {
        self.promises.all[job].by == By::Person
    }
}
