//! One world around the desk: a loop over everything that happens, in order.
//!
//! First a time of trouble, then everything heals and a long quiet time shows whether what was owed
//! gets done. A batch of rows is kept some time after it was made, its effects are carried out only
//! then, and the process may die between any two of them.

mod trials;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use engine::desk::{Effect, Input};
use model::{
    Alert, AlertKey, CheckableId, Delivery, Look, Moment, Request, Status, ToShard, Transition,
};

use super::{
    climate::Climate,
    driver::{Batch, Cause, Driver},
    estate::{DAY, Estate, FIRST_MONDAY, HOUR, MINUTE, SECOND, Size},
    judge::{Judge, Seen, View},
    looks::{Held, Looks},
    people,
    planted::DeskBug,
    post::Post,
    shelf::Shelf,
};
use crate::{
    agenda::Agenda,
    dice::{Dice, MILLION},
    lived::{Lived, lived, note},
    trace::Trace,
};

/// The quiet time after everything has healed: longer than any time to live, any wait and any
/// night, so that whatever is still owed then is owed for ever.
const QUIET: Duration = Duration::from_secs(5 * 86_400);
/// Wakes without any progress of time after which the desk is in a loop.
const WAKES_MAX: u32 = 2_000;
/// A world ends after so many events, whatever is still to come.
const EVENTS_MAX: u64 = 60_000;
/// One that the desk waits for has a result so often.
const RESULTS_EVERY: Duration = Duration::from_secs(30 * 60);
/// The judge looks at everything so often.
const TICK: Duration = Duration::from_secs(600);

macro_rules! view {
    ($world:expr) => {
        View {
            now: $world.now,
            shelf: &$world.shelf,
            estate: &$world.estate,
            looks: &$world.looks,
            awake_since: $world.awake_since,
        }
    };
}

/// Lives through the world of `seed`.
#[must_use]
pub fn run(seed: u64, bug: Option<DeskBug>) -> Lived<Seen> {
    live(World::new(seed, bug, false), seed)
}

/// The same, and writes down what happens.
#[must_use]
pub fn watch(seed: u64, bug: Option<DeskBug>) -> Lived<Seen> {
    live(World::new(seed, bug, true), seed)
}

pub(super) fn live(mut world: World, seed: u64) -> Lived<Seen> {
    world.live();
    lived!(world, seed)
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum What {
    Look(usize),
    Result {
        boot: u64,
        place: usize,
    },
    Mail {
        boot: u64,
        incarnation: u64,
        place: usize,
        transition: Transition,
        held: Held,
    },
    Commit {
        boot: u64,
    },
    Arrive {
        key: AlertKey,
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
    Trouble,
    Worse(usize),
    Mend(Vec<usize>),
    Unflap(usize),
    SiteOut,
    Wave,
    Cut,
    Reconnect,
    Operator,
    Mood(Arc<str>),
    Crash,
    Restart,
    Reload,
    Calendar,
    Jump,
    /// The timetable stands still, or goes on.
    Stall(bool),
    Tick,
    Heal,
    /// All hosts of the first site fail for so long.
    Outage(Duration),
    /// Our own way out is cut until somebody mends it.
    Blackout,
    /// The judge looks at what is known of that.
    Inspect,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) climate: Climate,
    pub(super) now: Moment,
    heal_at: Moment,
    end: Moment,
    agenda: Agenda<What>,
    pub(super) estate: Estate,
    pub(super) looks: Looks,
    incarnations: Vec<u64>,
    shelf: Shelf,
    post: Post,
    driver: Option<Driver>,
    boot: u64,
    pending: VecDeque<Batch>,
    commit_planned: bool,
    mail_at: Moment,
    asleep_until: Moment,
    awake_since: Moment,
    stalled: bool,
    wakes: (Moment, u32),
    tickets: u64,
    pub(super) judge: Judge,
    pub(super) trace: Trace,
    pub(super) events: u64,
    pub(super) events_max: u64,
    bug: Option<DeskBug>,
    watched: bool,
    pub(super) log: Vec<String>,
}

impl World {
    fn new(seed: u64, bug: Option<DeskBug>, watched: bool) -> Self {
        let mut dice = Dice::new(seed);
        let start = Moment::from_secs(FIRST_MONDAY).after(dice.span(HOUR, 3 * DAY));
        let size = Size {
            customers: 1 + dice.below(4),
            sites: dice.below(3),
            hosts: dice.spread(1, 12),
            services: dice.below(4),
            exact: false,
        };
        let heal = (4 * HOUR, 4 * DAY);
        Self::of(dice, (start, heal), size, bug, watched)
    }

    pub(super) fn of(
        mut dice: Dice,
        (start, heal): (Moment, (Duration, Duration)),
        size: Size,
        bug: Option<DeskBug>,
        watched: bool,
    ) -> Self {
        let estate = Estate::draw(&mut dice.fork(1), size, start);
        let looks = Looks::draw(&mut dice.fork(2), &estate);
        let climate = Climate::draw(&mut dice.fork(3));
        let heal_at = start.after(dice.span(heal.0, heal.1));
        let judge = Judge::default();
        Self {
            dice: dice.fork(4),
            climate,
            now: start,
            heal_at,
            end: heal_at.after(QUIET),
            agenda: Agenda::default(),
            incarnations: vec![0; estate.items.len()],
            estate,
            looks,
            shelf: Shelf::default(),
            post: Post::default(),
            driver: None,
            boot: 0,
            pending: VecDeque::new(),
            commit_planned: false,
            mail_at: start,
            asleep_until: start,
            awake_since: start,
            stalled: false,
            wakes: (start, 0),
            tickets: 0,
            judge,
            trace: Trace::default(),
            events: 0,
            events_max: EVENTS_MAX,
            bug,
            watched,
            log: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, after: Duration, what: What) {
        self.push_at(self.now.after(after), what);
    }

    fn push_at(&mut self, at: Moment, what: What) {
        self.agenda.push(at, what);
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

    pub(super) fn live(&mut self) {
        self.begin();
        while self.judge.fault.is_none() && self.events < self.events_max {
            let next = self.agenda.next();
            let wake = self.driver.as_ref().and_then(Driver::next_wake);
            let wake = wake.map(|it| it.max(self.now).max(self.asleep_until));
            let (Some(at), wakes) = (wake.into_iter().chain(next).min(), wake) else { break };
            if at > self.end {
                break;
            }
            self.events += 1;
            if wakes.is_some_and(|it| next.is_none_or(|next| it <= next)) {
                self.now = self.now.max(at);
                self.wake();
                continue;
            }
            let Some((at, what)) = self.agenda.pop() else { break };
            self.now = self.now.max(at);
            if self.now < self.asleep_until && is_for_process(&what) {
                self.push_at(self.asleep_until, what);
                continue;
            }
            self.happen(what);
        }
        if self.judge.fault.is_none() && self.events < self.events_max {
            self.now = self.end;
            let driver = self.driver.as_ref();
            let empty = driver.is_some_and(|it| it.desk.is_outbox_empty());
            // A sign of life may be on its way at any time.
            let lives = self.estate.duty.heartbeat.is_some();
            self.judge.finish(&view!(self), empty || lives);
        }
    }

    fn begin(&mut self) {
        self.restart();
        let Climate { trouble, site, wave, cut, operator, crash, reload, jump, stall, .. } =
            self.climate;
        self.again(Some(trouble), What::Trouble);
        self.again(site, What::SiteOut);
        self.again(wave, What::Wave);
        self.again(cut, What::Cut);
        self.again(operator, What::Operator);
        self.again(crash, What::Crash);
        self.again(reload, What::Reload);
        self.again(jump, What::Jump);
        self.again(stall, What::Stall(true));
        self.push(HOUR, What::Calendar);
        self.push(TICK, What::Tick);
        for channel in self.estate.duty.channels.clone() {
            self.push(SECOND, What::Mood(channel.name));
        }
        self.push_at(self.heal_at, What::Heal);
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Look(place) => self.look(place),
            What::Result { boot, place } => self.result(boot, place),
            What::Mail { boot, incarnation, place, transition, held } => {
                if boot == self.boot && incarnation == self.incarnations[place] {
                    self.mail(place, transition, held);
                }
            }
            What::Commit { boot } if boot == self.boot => self.commit(),
            What::Commit { .. } => {}
            What::Arrive { key } => {
                if let Some(alert) = self.post.flying.remove(&key) {
                    self.arrive(&alert);
                }
            }
            What::Outcome { boot, key, delivery } => self.outcome(boot, key, delivery),
            What::Ask { boot, request } if boot == self.boot => self.ask(request),
            What::Ask { .. } => {}
            What::Operator => self.operate(),
            What::Crash => {
                self.again(self.climate.crash, What::Crash);
                self.crash();
            }
            What::Restart => self.restart(),
            What::Reload => self.reload(),
            What::Calendar => self.calendar(),
            What::Jump => self.jump(),
            What::Stall(stalled) => self.stall(stalled),
            What::Tick => {
                self.push(TICK, What::Tick);
                if self.driver.is_some() && self.pending.is_empty() {
                    self.judge.scan(&view!(self));
                    self.suppose();
                }
            }
            What::Outage(lasts) => self.outage(MILLION, lasts, |it| it.site == Some(0)),
            What::Inspect => {
                let ours = self.looks.cut;
                self.judge.inspect(&view!(self), ours);
            }
            What::Heal => self.heal(),
            What::Mood(channel) => {
                if !self.is_healed() {
                    let lasts = self.post.turn(&mut self.dice, &channel);
                    self.push(lasts, What::Mood(channel));
                }
            }
            other => self.befall(other),
        }
    }

    // What happens to those who are watched.

    fn befall(&mut self, what: What) {
        match what {
            What::Trouble => {
                self.again(Some(self.climate.trouble), What::Trouble);
                self.trouble();
            }
            What::Worse(place) => self.worsen(place),
            What::Mend(places) => places.into_iter().for_each(|it| self.mend(it)),
            // A shard that is not there sees nothing of it.
            What::Unflap(place) if self.driver.is_none() => self.push(MINUTE, What::Unflap(place)),
            What::Unflap(place) => {
                let change = self.looks.flap(self.now, place, false);
                self.send(place, change);
            }
            What::SiteOut => {
                self.again(self.climate.site, What::SiteOut);
                let lasts = self.dice.span(20 * SECOND, 10 * HOUR);
                let sites = self.estate.duty.sites.len();
                if sites > 0 {
                    let site = self.dice.index(sites) as u32;
                    let share = self.dice.pick(&[MILLION, MILLION, MILLION * 7 / 10, MILLION / 2]);
                    self.outage(share, lasts, |it| it.site == Some(site));
                }
            }
            What::Wave => {
                self.again(self.climate.wave, What::Wave);
                let lasts = self.dice.span(20 * SECOND, 10 * HOUR);
                self.outage(MILLION / 2, lasts, |_| true);
            }
            What::Cut => {
                self.again(self.climate.cut, What::Cut);
                let lasts = self.dice.span(SECOND, 3 * HOUR);
                self.push(lasts, What::Reconnect);
                self.blackout();
            }
            What::Blackout => self.blackout(),
            What::Reconnect => {
                note!(self, "our uplink is back");
                self.looks.cut = false;
                self.look_at_all();
            }
            _ => {}
        }
    }

    fn worsen(&mut self, place: usize) {
        if !self.looks.all[place].truth.is_fine() && !self.estate.items[place].of_host {
            let status = self.dice.pick(&[Status::Warning, Status::Critical, Status::Unknown]);
            self.truth(place, status);
        }
    }

    fn blackout(&mut self) {
        note!(self, "our uplink is cut");
        self.looks.cut = true;
        self.look_at_all();
    }

    fn trouble(&mut self) {
        let place = self.dice.index(self.estate.items.len());
        let item = &self.estate.items[place];
        if item.canary || !item.present {
            return;
        }
        let lasts = self.dice.span(5 * SECOND, 12 * HOUR);
        if self.dice.chance(MILLION / 8) && self.driver.is_some() {
            let change = self.looks.flap(self.now, place, true);
            self.send(place, change);
            return self.push(lasts, What::Unflap(place));
        }
        let status = match item.of_host {
            true => Status::Down,
            false => self.dice.pick(&[Status::Warning, Status::Critical, Status::Unknown]),
        };
        self.truth(place, status);
        if self.dice.chance(MILLION / 4) {
            self.push(lasts / 2, What::Worse(place));
        }
        self.push(lasts, What::Mend(vec![place]));
    }

    fn outage(
        &mut self,
        share_ppm: u64,
        lasts: Duration,
        whom: impl Fn(&super::estate::Item) -> bool,
    ) {
        let hit = |it: &super::estate::Item| it.of_host && !it.canary && it.present && whom(it);
        let items = self.estate.items.iter().enumerate();
        let places: Vec<usize> = items.filter(|it| hit(it.1)).map(|it| it.0).collect();
        let mut hurt = Vec::new();
        for place in places {
            if self.dice.chance(share_ppm) {
                self.truth(place, Status::Down);
                hurt.push(place);
            }
        }
        note!(self, "an outage of {} hosts", hurt.len());
        self.push(lasts, What::Mend(hurt));
    }

    fn mend(&mut self, place: usize) {
        let fine = if self.estate.items[place].of_host { Status::Up } else { Status::Ok };
        self.truth(place, fine);
    }

    fn truth(&mut self, place: usize, status: Status) {
        note!(self, "truth: {} is {status}", self.estate.items[place].name);
        self.looks.all[place].truth = status;
        self.look_soon(place);
    }

    /// Looks at one and at all below it.
    fn look_soon(&mut self, place: usize) {
        let retry = self.looks.all[place].retry;
        let wait = self.dice.span(Duration::from_millis(10), retry);
        self.push(wait, What::Look(place));
        for below in self.estate.items[place].below.clone() {
            self.look_soon(below);
        }
    }

    fn look_at_all(&mut self) {
        for place in 0..self.estate.items.len() {
            let wait = self.dice.span(Duration::from_millis(10), self.looks.all[place].retry);
            self.push(wait, What::Look(place));
        }
    }

    fn look(&mut self, place: usize) {
        if self.driver.is_none() {
            return; // Everybody is looked at after the restart.
        }
        let change = self.looks.look(self.now, &self.estate, place);
        let hosts_change = change.as_ref().is_some_and(|it| it.from.status != it.to.status);
        self.send(place, change);
        if self.looks.is_due(&self.estate, place) {
            self.push(self.looks.all[place].retry, What::Look(place));
        }
        if hosts_change && self.estate.items[place].of_host {
            for below in self.estate.items[place].below.clone() {
                let wait = self.dice.span(Duration::from_millis(10), SECOND * 10);
                self.push(wait, What::Look(below));
            }
        }
    }

    /// A shard sends what it believes now; its words stay in order.
    fn send(&mut self, place: usize, change: Option<Transition>) {
        let (Some(transition), true) = (change, self.driver.is_some()) else { return };
        let wait = self.dice.span(Duration::from_micros(10), self.climate.mail_max);
        self.mail_at = self.mail_at.max(self.now.after(wait));
        let (boot, incarnation) = (self.boot, self.incarnations[place]);
        let held = self.looks.all[place].held.clone();
        self.push_at(self.mail_at, What::Mail { boot, incarnation, place, transition, held });
    }

    // What happens to the process.

    fn mail(&mut self, place: usize, transition: Transition, held: Held) {
        let (name, to) = (&self.estate.items[place].name, transition.to);
        let flapping = transition.flapping;
        note!(self, "{name} {} {} {} flapping={flapping}", to.status, to.kind.word(), to.attempt);
        if self.bug == Some(DeskBug::CanariesIgnored) && self.estate.items[place].canary {
            self.looks.all[place].kept = held;
            return;
        }
        self.take(Cause::Changed, Input::Changed(transition), Some((place, held)));
    }

    fn wake(&mut self) {
        match self.wakes.0 == self.now {
            true => self.wakes.1 += 1,
            false => self.wakes = (self.now, 1),
        }
        if self.wakes.1 > WAKES_MAX {
            self.judge.fail("the desk wants to be woken again and again".to_owned());
        }
        self.take(Cause::Wake, Input::Wake, None);
    }

    fn take(&mut self, cause: Cause, input: Input, held: Option<(usize, Held)>) {
        let Some(driver) = &mut self.driver else { return };
        let batch = driver.take(self.now, cause, input, held);
        self.enqueue(batch);
    }

    fn enqueue(&mut self, mut batch: Batch) {
        if batch.rows.is_empty() && batch.effects.is_empty() && batch.held.is_none() {
            return;
        }
        let lies = self.driver.as_mut().map(|it| std::mem::take(&mut it.lies)).unwrap_or_default();
        if self.bug == Some(DeskBug::EffectsFirst) {
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
        for (key, delivery) in lies {
            let boot = self.boot;
            self.push(SECOND, What::Outcome { boot, key, delivery });
        }
    }

    fn commit(&mut self) {
        self.commit_planned = false;
        if self.bug == Some(DeskBug::CommitsSwapped) && self.pending.len() > 1 {
            self.pending.swap(0, 1);
        }
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
        self.judge.before(&view!(self), batch);
        for row in &batch.rows {
            self.judge.row(&view!(self), row);
            super::judge::mix(&mut self.trace, batch.at, row);
            self.shelf.put(row);
        }
        if let Some((place, held)) = &batch.held {
            self.looks.all[*place].kept = held.clone();
        }
        self.judge.after(&view!(self), batch);
        if self.watched {
            let lines = super::judge::tell(batch);
            lines.into_iter().for_each(|it| self.log.push(format!("{} {it}", self.now)));
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Deliver(alert) => self.deliver(*alert),
            Effect::Answer { ticket, reply } => {
                note!(self, "answer {ticket}: {reply:?}");
                self.judge.answered(ticket);
            }
            Effect::Order(ToShard::Blind { blind }) => {
                note!(self, "blind: {blind}");
                self.looks.blind = blind;
                if !blind {
                    self.look_at_all();
                }
            }
            Effect::Order(ToShard::Rest { checkable, resting }) => {
                let place = checkable.0 as usize;
                self.looks.all[place].resting = resting;
                if !resting {
                    self.look_soon(place);
                }
            }
            Effect::Order(ToShard::CheckNow { checkable }) => {
                self.push(SECOND, What::Look(checkable.0 as usize));
            }
            Effect::Order(ToShard::Watch { checkable, watching }) => {
                let place = checkable.0 as usize;
                let before = std::mem::replace(&mut self.looks.all[place].awaited, watching);
                if watching && !before {
                    let boot = self.boot;
                    self.push(self.looks.all[place].retry, What::Result { boot, place });
                }
            }
            Effect::Order(ToShard::Parents { .. }) => {}
            Effect::TurnCalendar => self.turn_calendar(),
        }
    }

    /// A result of one that the desk waits for; it may change nothing.
    fn result(&mut self, boot: u64, place: usize) {
        let it = &self.looks.all[place];
        if boot != self.boot || !it.awaited || self.driver.is_none() {
            return;
        }
        let look = Look { status: it.held.status, kind: it.held.kind, attempt: it.held.attempt };
        if !(it.resting || self.looks.blind || self.looks.cut) {
            let checkable = CheckableId(place as u32);
            let input = Input::Seen { checkable, at: self.now, look };
            self.take(Cause::Changed, input, None);
        }
        self.push(RESULTS_EVERY, What::Result { boot, place });
    }

    fn deliver(&mut self, alert: Alert) {
        self.judge.sent(&view!(self), &alert);
        let came = self.post.attempt(&mut self.dice, &alert.route.channel);
        let (kind, key) = (alert.kind.word(), alert.key);
        note!(self, "send {kind} {key} to {:?} about {}: {came:?}", alert.route, alert.problem);
        if came.arrives {
            self.post.flying.insert(key, alert);
            self.push(came.after / 2, What::Arrive { key });
        }
        let boot = self.boot;
        if came.twice {
            let (delivery, again) = (came.told.clone(), came.after + 2 * SECOND);
            self.push(again, What::Outcome { boot, key, delivery });
        }
        self.push(came.after, What::Outcome { boot, key, delivery: came.told });
    }

    fn arrive(&mut self, alert: &Alert) {
        note!(self, "arrived {}", alert.key);
        self.judge.arrived(&view!(self), alert);
    }

    fn outcome(&mut self, boot: u64, key: AlertKey, delivery: Delivery) {
        let Some(driver) = self.driver.as_mut().filter(|_| boot == self.boot) else { return };
        if driver.loses_outcome() {
            return;
        }
        let endless = driver.has(DeskBug::EndlessRetries) && delivery != Delivery::Taken;
        if endless && let Some(alert) = self.shelf.alerts.get(&key).cloned() {
            return self.deliver(alert);
        }
        let cause = Cause::Delivered(key, delivery.clone());
        self.take(cause, Input::Delivered { key, delivery }, None);
    }

    fn operate(&mut self) {
        self.again(self.climate.operator, What::Operator);
        let drawn = people::draw(&mut self.dice, self.now, &self.shelf, &self.estate);
        let Some(request) = drawn else { return };
        let boot = self.boot;
        if self.dice.chance(MILLION / 3) {
            let rival = people::rival(&mut self.dice, self.now, &request, &self.shelf);
            let wait = people::hesitation(&mut self.dice);
            self.push(wait, What::Ask { boot, request: rival });
        }
        if request.repeat_key.is_some() {
            let wait = people::hesitation(&mut self.dice);
            self.push(wait, What::Ask { boot, request: request.clone() });
        }
        let wait = people::hesitation(&mut self.dice);
        self.push(wait, What::Ask { boot, request });
    }

    fn ask(&mut self, request: Request) {
        if self.driver.is_none() {
            return;
        }
        self.tickets += 1;
        let ticket = self.tickets;
        note!(self, "ask {ticket}: {request:?}");
        self.judge.asked(self.now, ticket);
        let cause = Cause::Asked(ticket, request.clone());
        let input = self.input_of(ticket, request);
        self.take(cause, input, None);
    }

    fn crash(&mut self) {
        if self.driver.take().is_none() {
            return;
        }
        note!(self, "crash");
        self.boot += 1;
        self.pending.clear();
        self.commit_planned = false;
        self.looks.crash();
        self.judge.crashed(&view!(self));
        // What is on its way arrives, or does not; nobody will say which.
        for (_, alert) in std::mem::take(&mut self.post.flying) {
            if self.dice.chance(MILLION / 2) {
                self.arrive(&alert);
            }
        }
        let wait = self.dice.span(Duration::from_millis(10), self.climate.dead_max);
        self.push(wait, What::Restart);
    }

    fn restart(&mut self) {
        if self.driver.is_some() {
            return;
        }
        note!(self, "start");
        self.mail_at = self.now;
        self.awake_since = self.now;
        let started =
            Driver::start(self.now, &self.shelf, (&self.estate, &self.looks), None, self.bug);
        self.driver = Some(started.0);
        self.judge.restarted();
        started.1.into_iter().for_each(|it| self.enqueue(it));
        if self.stalled {
            self.tell_progress();
        }
        self.look_at_all();
    }

    fn reload(&mut self) {
        self.again(self.climate.reload, What::Reload);
        let before: Vec<bool> = self.estate.items.iter().map(|it| it.present).collect();
        self.estate.change(&mut self.dice);
        for (place, was) in before.into_iter().enumerate() {
            if was != self.estate.items[place].present {
                self.looks.forget(&self.estate, place);
                self.incarnations[place] += 1;
                self.look_soon(place);
            }
        }
        note!(self, "reload");
        self.judge.rules_changed(self.now);
        let Some(driver) = &mut self.driver else { return };
        let batch = driver.arrange(self.now, &self.estate);
        self.enqueue(batch);
    }

    fn calendar(&mut self) {
        self.push(DAY, What::Calendar);
        self.turn_calendar();
    }

    fn turn_calendar(&mut self) {
        let Some(driver) = &mut self.driver else { return };
        let batch = driver.turn_calendar(self.now, &self.estate);
        self.enqueue(batch);
    }

    /// The machine is suspended for a while.
    fn jump(&mut self) {
        self.again(self.climate.jump, What::Jump);
        let until = self.now.after(self.dice.span(SECOND, 3 * HOUR));
        self.asleep_until = self.asleep_until.max(until);
        self.awake_since = self.asleep_until;
        note!(self, "suspended");
    }

    fn heal(&mut self) {
        note!(self, "everything heals");
        self.post.heal();
        self.looks.cut = false;
        for place in 0..self.estate.items.len() {
            // In some worlds a few stay bad for ever: somebody has to be told of them.
            let stays = self.climate.scars && self.dice.chance(MILLION / 4);
            if !stays {
                self.mend(place);
            }
        }
        self.look_at_all();
    }
}

/// Does it wait while the machine is suspended?
fn is_for_process(what: &What) -> bool {
    matches!(
        what,
        What::Look(_)
            | What::Result { .. }
            | What::Mail { .. }
            | What::Commit { .. }
            | What::Outcome { .. }
            | What::Ask { .. }
            | What::Restart
            | What::Reload
            | What::Calendar
            | What::Crash
            | What::Tick
            | What::Unflap(_)
            | What::Stall(_)
            | What::Trouble
            | What::Heal
    )
}
