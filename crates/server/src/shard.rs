//! A shard's thread: one runtime, one [`engine::Shard`], one world of sockets.
//!
//! The driver is dull on purpose. It waits for whatever comes first (an answer, an order, the time
//! of the next wake), feeds it to the shard, and carries out what the shard wants. It decides
//! nothing, but for one thing that only a driver can see: that this process stood still.

use std::{
    collections::VecDeque,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use console::{Cell, KindCounters, Shared};
use crossbeam_channel::Sender;
use engine::{Effect, Input, Limits, Shard, Spec};
use model::{
    Belief, Cause, CauseCode, CheckResult, CheckableId, FromShard, KindId, Moment, Position,
    StateType, Status, ToShard, Verdict,
};
use probe::{World, WorldSettings};
use store::{Order, Recorded};
use tokio::{
    sync::mpsc,
    task::{LocalSet, yield_now},
    time::sleep_until,
};

use crate::{
    backlog::Backlog,
    build::Question,
    clock::Clock,
    desk::ToDesk,
    looks::{self, Answer, Answers},
    readings::{Count, wire_counts},
};

/// Orders that may wait for one shard.
const INBOX_MAX: usize = 4_096;
/// Answers fed between two looks at the clock.
const ANSWERS_PER_TURN_MAX: usize = 256;
/// The shard looks at the clock at least this often, so that it notices when it stood still.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// A gap between two looks at the clock from which on the process stood still.
const STALL_MIN: Duration = Duration::from_millis(1_500);
/// A run that starts later than this after its due moment counts as late: the promise for p99.
const LATE_AFTER: Duration = Duration::from_millis(100);
/// A shard that had no turn for so long does not get on.
const STUCK_AFTER: Duration = Duration::from_secs(10);
/// A timetable of which something is due for so long does not get on.
const TIMETABLE_LATE_MAX: Duration = Duration::from_secs(30);
/// How long the store may take for the last rows of a shard that ends.
pub(crate) const HAND_OVER_WITHIN: Duration = Duration::from_millis(250);
/// Rows that may wait in memory while the store takes none, before the shard starts no more looks.
const ROWS_UNSENT_MAX: usize = 2_000_000;

/// A change of what a shard has to do.
pub(crate) enum Change {
    /// Add or redefine a checkable.
    Put {
        id: CheckableId,
        /// The name of one that is new.
        name: Option<Arc<str>>,
        spec: Spec,
        question: Option<Question>,
        cell: Option<Arc<Cell>>,
        restored: Option<Box<Belief>>,
    },
    /// Forget one.
    Remove { id: CheckableId, name: Arc<str> },
    /// How much may be under way.
    Limit(Limits),
}

impl Change {
    /// Whom it is about; `None` if all.
    pub(crate) fn about(&self) -> Option<CheckableId> {
        match self {
            Self::Put { id, .. } | Self::Remove { id, .. } => Some(*id),
            Self::Limit(_) => None,
        }
    }
}

/// What a shard's thread may be told.
pub(crate) enum ToDriver {
    /// Changes of the plan; small portions, so that the timetable goes on between them.
    Change(Vec<Change>),
    /// Everything of the plan has been sent.
    Begin,
    /// The desk speaks.
    Desk(ToShard),
    /// Start nothing more, wait for what is under way until `within` has passed, and end.
    Drain { within: Duration },
}

/// The way to a shard.
#[derive(Clone, Debug)]
pub(crate) struct Door(mpsc::Sender<ToDriver>);

impl Door {
    /// A door that leads to whoever holds the other end.
    #[cfg(test)]
    pub(crate) fn of(inbox: mpsc::Sender<ToDriver>) -> Self {
        Self(inbox)
    }

    /// Passes an order of the desk on; `false` if there is no room for it now.
    pub(crate) fn tell(&self, order: ToShard) -> bool {
        // A shard that has ended needs no orders.
        !matches!(self.0.try_send(ToDriver::Desk(order)), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Sends an order and waits for room.
    pub(crate) async fn send(&self, order: ToDriver) -> bool {
        self.0.send(order).await.is_ok()
    }
}

/// What all shards have in common, and what is seen of them from outside.
pub(crate) struct Common {
    pub(crate) clock: Clock,
    pub(crate) boot: u64,
    pub(crate) shards: u32,
    pub(crate) record_results: bool,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Sender<Order>,
    pub(crate) desk: Sender<ToDesk>,
    pub(crate) wires: Vec<Wires>,
}

impl Common {
    /// Have all shards had a turn lately, and begun what was due?
    pub(crate) fn gets_on(&self, now: Moment) -> bool {
        let at = |it: &AtomicU64| Moment::from_nanos(it.load(Relaxed));
        let turns = |it: &Wires| now.since(at(&it.last_turn)) < STUCK_AFTER;
        let begins = |it: &Wires| match it.due_at.load(Relaxed) {
            0 => true,
            due_at => now.since(Moment::from_nanos(due_at)) < TIMETABLE_LATE_MAX,
        };
        self.wires.iter().all(|it| turns(it) && begins(it))
    }
}

/// Counts of a shard's wires and of its own troubles, by name; written by the shard once a
/// heartbeat.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    pub(crate) stalls: AtomicU64,
    pub(crate) rows_unsent: AtomicU64,
    /// When the shard last had a turn, in nanoseconds since 1970.
    pub(crate) last_turn: AtomicU64,
    /// When it was to begin the next look, as of its last turn; 0: none.
    pub(crate) due_at: AtomicU64,
    pub(crate) counts: arc_swap::ArcSwap<Vec<Count>>,
}

impl Wires {
    /// Of a shard that starts now: it has its time to come to its first turn.
    pub(crate) fn started(now: Moment) -> Self {
        Self { last_turn: AtomicU64::new(now.as_nanos()), ..Self::default() }
    }
}

/// A shard's thread.
pub(crate) struct Handle {
    pub(crate) door: Door,
    pub(crate) thread: JoinHandle<()>,
}

/// Starts shard `number`.
pub(crate) fn start(number: u32, common: Arc<Common>, limits: Limits) -> anyhow::Result<Handle> {
    let (sender, inbox) = mpsc::channel(INBOX_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = move || {
        let local = LocalSet::new();
        local.block_on(&runtime, async move {
            let shard = Shard::new(number, common.shards, limits, common.clock.now());
            Driver::new(number, shard, common).run(inbox).await;
        });
    };
    let thread = std::thread::Builder::new().name(format!("shard-{number}")).spawn(run)?;
    Ok(Handle { door: Door(sender), thread })
}

/// What woke the driver.
enum Event {
    Answer,
    Order(ToDriver),
    Time,
    Closed,
}

/// What the driver keeps for each checkable of its shard, by place.
struct Place {
    question: Option<Question>,
    cell: Option<Arc<Cell>>,
}

struct Driver {
    number: u32,
    shard: Shard,
    common: Arc<Common>,
    places: Vec<Option<Place>>,
    world: Rc<World>,
    answers: Rc<Answers>,
    effects: Vec<Effect>,
    backlog: Backlog,
    /// Messages that the desk had no room for yet.
    untold: VecDeque<ToDesk>,
    last_turn: Moment,
    /// Until when the process last stood still.
    stalled_until: Moment,
    /// Has everything of the first plan been sent?
    begun: bool,
    drain_by: Option<Moment>,
}

impl Driver {
    fn new(number: u32, shard: Shard, common: Arc<Common>) -> Self {
        let now = common.clock.now();
        let backlog = Backlog::new(number, common.store.clone());
        Self {
            number,
            shard,
            common,
            places: Vec::new(),
            world: Rc::new(World::new(&WorldSettings { shard: number })),
            answers: Rc::default(),
            effects: Vec::new(),
            backlog,
            untold: VecDeque::new(),
            last_turn: now,
            stalled_until: Moment::ZERO,
            begun: false,
            drain_by: None,
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<ToDriver>) {
        let mut heartbeat_at = Moment::ZERO;
        loop {
            let event = self.next_event(&mut inbox).await;
            let was_order = matches!(event, Event::Order(_));
            let now = self.common.clock.now();
            self.notice_stall(now);
            match event {
                Event::Answer => self.feed_answers(now),
                Event::Order(order) => self.obey(now, order),
                Event::Time => {}
                Event::Closed => return,
            }
            if self.may_start() && self.shard.next_wake().is_some_and(|at| at <= now) {
                self.shard.wake(now, &mut self.effects);
            }
            self.carry_out(now);
            self.hand_over();
            if now >= heartbeat_at {
                heartbeat_at = now.after(HEARTBEAT);
                self.report();
            }
            if self.drain_by.is_some_and(|by| now >= by || self.shard.in_flight() == 0) {
                self.finish();
                return;
            }
            if was_order {
                // However many orders wait: looks that are under way must get on in between.
                yield_now().await;
            }
        }
    }

    /// Is it time for looks at all?
    fn may_start(&self) -> bool {
        self.begun && self.drain_by.is_none() && !self.is_clogged()
    }

    async fn next_event(&self, inbox: &mut mpsc::Receiver<ToDriver>) -> Event {
        let now = self.common.clock.now();
        let heartbeat = now.after(HEARTBEAT);
        let wake = if self.may_start() { self.shard.next_wake() } else { None };
        let until = wake.map_or(heartbeat, |it| it.min(heartbeat));
        tokio::select! {
            biased;
            order = inbox.recv() => order.map_or(Event::Closed, Event::Order),
            () = self.answers.wait() => Event::Answer,
            () = sleep_until(self.common.clock.instant_of(until)) => Event::Time,
        }
    }

    /// A gap in the turns means that this process stood still, and answers that were under way
    /// then say nothing about their targets.
    fn notice_stall(&mut self, now: Moment) {
        let gap = now.since(self.last_turn);
        self.last_turn = now;
        if gap > STALL_MIN {
            self.stalled_until = now;
            self.wires().stalls.fetch_add(1, Relaxed);
            tracing::warn!(shard = self.number, ?gap, "the engine stood still");
        }
    }

    fn feed_answers(&mut self, now: Moment) {
        for _ in 0..ANSWERS_PER_TURN_MAX {
            let Some(mut answer) = self.answers.take() else { return };
            self.blind_if_stalled(&mut answer.result);
            self.feed(now, answer);
        }
    }

    /// Bad news from a look that was under way while we stood still is no news.
    fn blind_if_stalled(&self, result: &mut CheckResult) {
        let bad = matches!(&result.verdict, Verdict::Seen { status, .. } if !status.is_fine());
        if bad && result.started_at < self.stalled_until {
            let text = "the engine stood still while the look was under way";
            result.verdict = Cause::new(CauseCode::Stall, text).into();
        }
    }

    fn feed(&mut self, now: Moment, Answer { kind, result }: Answer) {
        let (id, took, verdict) = (result.checkable, result.took, result.verdict.clone());
        // The question may have been rewritten meanwhile, and the place may be another one's.
        let is_awaited = self.shard.awaits(&result);
        if is_awaited {
            if let Some(cell) = self.place(id).and_then(|it| it.cell.as_ref()) {
                cell.answered(&result);
            }
            let recorded = self.common.record_results.then(|| result.clone());
            self.shard.handle(now, Input::Answered(result), &mut self.effects);
            // Another engine that is fed the record must come to the same.
            let judged = self.shard.has_judged() || matches!(verdict, Verdict::Blind { .. });
            if let Some(result) = recorded.filter(|_| judged) {
                self.backlog.batch().results.push(Recorded { at: now, result });
            }
        }
        let Some(counters) = self.counters(kind) else { return };
        // What was made of it, thresholds included, as far as one look can say it.
        let belief = self.shard.belief(id).filter(|_| is_awaited);
        match (verdict, belief) {
            (Verdict::Seen { .. }, Some(belief)) => {
                let status = belief.now.status;
                counters.finished(&Verdict::Seen { status, cause: None }, took);
            }
            (verdict, _) => counters.finished(&verdict, took),
        }
    }

    fn obey(&mut self, now: Moment, order: ToDriver) {
        match order {
            ToDriver::Change(changes) => {
                for change in changes {
                    self.change(now, change);
                }
            }
            ToDriver::Desk(order) => {
                self.shard.handle(now, Input::Desk(order), &mut self.effects);
            }
            ToDriver::Drain { within } => {
                self.drain_by = Some(now.after(within));
                // Those who wait for a place, and those whom the desk asks for, find none.
                self.shard.limit(Limits { in_flight_max: 0, in_flight_per_host_max: 0 });
            }
            ToDriver::Begin => {
                self.begun = true;
                self.common.shared.shard_began(self.number);
            }
        }
    }

    fn change(&mut self, now: Moment, change: Change) {
        match change {
            Change::Put { id, name, spec, question, cell, restored } => {
                if let Some(name) = name {
                    self.backlog.name(id, &name);
                }
                let local = id.local(self.common.shards);
                if self.places.len() <= local {
                    self.places.resize_with(local + 1, || None);
                }
                self.places[local] = Some(Place { question, cell });
                self.put(now, id, spec, restored.map(|it| *it));
                self.show(now, id);
            }
            Change::Remove { id, name } => {
                if self.shard.belief(id).is_some_and(|it| it.now.status.is_of_host()) {
                    self.untold.push_back(ToDesk::Gone(id));
                }
                self.shard.remove(id);
                if let Some(place) = self.places.get_mut(id.local(self.common.shards)) {
                    *place = None;
                }
                self.backlog.forget(&name);
            }
            Change::Limit(limits) => self.shard.limit(limits),
        }
    }

    /// Puts a checkable into the shard. What a new definition makes of an old belief is stored, and
    /// the desk hears of a host that nobody looks at any more.
    fn put(&mut self, now: Moment, id: CheckableId, spec: Spec, restored: Option<Belief>) {
        let is_unwatched = spec.check.is_none();
        let before = self.shard.belief(id).cloned();
        self.shard.put(now, id, spec, restored);
        let Some(before) = before else { return };
        if let Some(belief) = self.shard.belief(id).filter(|it| **it != before) {
            self.backlog.batch().beliefs.push((id, belief.clone()));
            if is_unwatched {
                self.untold.push_back(ToDesk::Unwatched(id));
            }
        }
    }

    /// Carries out what the shard wants.
    fn carry_out(&mut self, now: Moment) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Probe { checkable, run, due_at } => {
                    let Some(question) = self.place(checkable).and_then(|it| it.question.clone())
                    else {
                        continue;
                    };
                    let lateness = now.since(due_at);
                    if let Some(counters) = self.counters(question.kind) {
                        counters.started(lateness, lateness > LATE_AFTER);
                    }
                    let clock = self.common.clock;
                    looks::begin(&self.world, &self.answers, clock, question, checkable, run);
                }
                Effect::Tell(seq, message) => self.tell(seq, message),
                Effect::Remember(id) => {
                    self.show(now, id);
                    if let Some(belief) = self.shard.belief(id) {
                        let batch = self.backlog.batch();
                        batch.beliefs.push((id, belief.clone()));
                        if !belief.thresholds.is_empty()
                            && let Some(rules) = self.shard.rules(id)
                        {
                            batch.rules.insert(id, rules_mark(rules));
                        }
                    }
                }
                Effect::Skipped(id, reason) => {
                    if let Some(counters) = self.kind_of(id).and_then(|it| self.counters(it)) {
                        counters.skipped(reason);
                    }
                }
                Effect::Lost(id) => {
                    if let Some(counters) = self.kind_of(id).and_then(|it| self.counters(it)) {
                        let lost = Cause::bare(CauseCode::Lost).into();
                        counters.finished(&lost, Duration::ZERO);
                        counters.overran();
                    }
                }
            }
        }
        self.effects = effects;
    }

    fn tell(&mut self, seq: u64, message: FromShard) {
        self.backlog.batch().position_last = seq;
        if let FromShard::Changed(transition) = &message {
            log_change(self.place(transition.checkable), transition);
            self.backlog.batch().transitions.push((seq, transition.clone()));
        }
        let position = Position { boot: self.common.boot, seq };
        self.untold.push_back(ToDesk::Shard(self.number, position, message));
    }

    /// Gives what was produced to the store and the desk. What they have no room for stays here.
    fn hand_over(&mut self) {
        while let Some(message) = self.untold.pop_front() {
            if let Err(back) = self.common.desk.try_send(message) {
                if back.is_full() {
                    self.untold.push_front(back.into_inner());
                }
                break;
            }
        }
        self.backlog.send();
    }

    /// So much is unsent that no more may be asked: better late than forgotten.
    fn is_clogged(&self) -> bool {
        self.backlog.rows() + self.untold.len() > ROWS_UNSENT_MAX
    }

    /// What is left goes to the store, if that takes it.
    fn finish(&mut self) {
        let rows = self.backlog.rows();
        if !self.backlog.send_all(HAND_OVER_WITHIN) {
            tracing::error!(shard = self.number, rows, "the store did not take the last rows");
        }
    }

    fn show(&self, now: Moment, id: CheckableId) {
        let Some(cell) = self.place(id).and_then(|it| it.cell.as_ref()) else { return };
        if let Some(view) = self.shard.view(id, now) {
            cell.believe(view.belief, view.centipercent);
        }
    }

    fn report(&self) {
        let wires = self.wires();
        wires.rows_unsent.store(self.backlog.rows() as u64, Relaxed);
        wires.last_turn.store(self.last_turn.as_nanos(), Relaxed);
        wires.due_at.store(self.shard.next_wake().map_or(0, Moment::as_nanos), Relaxed);
        wires.counts.store(Arc::new(wire_counts(&self.world)));
    }

    fn wires(&self) -> &Wires {
        &self.common.wires[self.number as usize]
    }

    fn place(&self, id: CheckableId) -> Option<&Place> {
        self.places.get(id.local(self.common.shards))?.as_ref()
    }

    fn kind_of(&self, id: CheckableId) -> Option<KindId> {
        Some(self.place(id)?.question.as_ref()?.kind)
    }

    fn counters(&self, kind: KindId) -> Option<&KindCounters> {
        self.common.shared.counters().of(self.number, kind)
    }
}

/// Tells thresholds apart, so that none inherits the memory of another.
pub(crate) fn rules_mark(rules: &[model::Rule]) -> u64 {
    model::stable_hash(&format!("{rules:?}"))
}

/// One line for each hard change; steps on the way to it only when somebody debugs.
fn log_change(place: Option<&Place>, it: &model::Transition) {
    let name = place.and_then(|it| it.question.as_ref()).map_or("", |it| &it.target.name);
    let cause = it.cause.as_ref().map(ToString::to_string).unwrap_or_default();
    let (status, attempt) = (it.to.status, it.to.attempt);
    if it.is_hard_change() {
        let kind = it.to.kind.word();
        tracing::info!(name, %status, kind, attempt, flapping = it.flapping, cause, "believed");
    } else if it.to.kind == StateType::Soft || status != Status::Ok {
        tracing::debug!(name, %status, attempt, cause, "seen");
    }
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
