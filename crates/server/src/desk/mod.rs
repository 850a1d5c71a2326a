//! The desk's thread: hears shards, people and receivers, decides, and lets nothing out that is
//! not on the disk.

mod line;
mod post;
mod pulse;
mod subjects;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, never, select_biased};
use engine::{
    Reach,
    desk::{Desk, Effect, Figures, Input, Outcome, Recalled},
};
use model::{
    Alert, AlertKey, CheckableId, Delivery, Duty, FromShard, Heard, IntakeState, Moment, Position,
    Refusal, Reply, Request, Row, Span, StateType, Status, Subject, Times,
};
use store::{Order, Receipt};
use tokio::sync::oneshot;

pub(crate) use pulse::{PARTS, Pulse, Watch};
pub(crate) use subjects::{recalled_of, subjects_of};

use crate::{clock::Clock, courier::Book, shard::Door};
use line::{Act, Line};
use post::Post;
use pulse::Progress;

/// Messages that may wait for the desk.
const INBOX_MAX: usize = 16_384;
/// Orders of shards that may wait for the desk.
const ROWS_MAX: usize = 4_096;
/// What may wait for its turn while the line to the store is full; then the desk hears no more.
const HELD_MAX: usize = 4_096;
/// The desk looks at the clock at least this often.
const PATIENCE_MAX: Duration = Duration::from_millis(500);
/// How often the store is asked to drop what is too old, and how much of each table at once.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const PRUNE_ROWS: u32 = 2_000;
/// How often it is kept that the engine is there.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
/// How long history is kept: results, changes, events, decisions, ended problems and their alerts.
const KEPT_FOR: Duration = Duration::from_secs(400 * 86_400);
/// How long the store may take for what the desk has for it when the engine ends.
const HAND_OVER_WITHIN: Duration = Duration::from_millis(250);

/// What the desk may be told.
#[derive(Debug)]
pub(crate) enum ToDesk {
    /// A shard speaks.
    Shard(u32, Position, FromShard),
    /// A host was removed. Comes after the last that its shard has said of it.
    Gone(CheckableId),
    /// A host is left to its services from now on: whatever was heard last, it counts as up.
    Unwatched(CheckableId),
    /// Who is behind whom from now on, and what an earlier process believed of hosts. `done` is
    /// let go of once every word that follows from this is with its shard.
    Arrange {
        behind: Vec<(CheckableId, Vec<CheckableId>)>,
        restored: Vec<(CheckableId, bool)>,
        done: Sender<()>,
    },
    /// Whom to decide about and by which rules, before any shard has heard of it. Those in `added`
    /// are new: what shards say under their ids is about others until they are named.
    Rules { rules: Box<Rules>, done: Sender<()> },
    /// The same rules with the schedules that people have accepted, worked out further ahead.
    Calendar(Arc<Duty>, Arc<Times>),
    /// Somebody asks.
    Ask { request: Box<Request>, reply: oneshot::Sender<Reply> },
    /// Somebody wants a dead alert tried again; the store has it so.
    Redeliver { request: Box<Request>, alert: Option<Box<Alert>>, reply: oneshot::Sender<Reply> },
    /// Something was heard for a job. It is answered once it is kept, with its mail, packed.
    Heard { heard: Box<Heard>, mail: Option<Arc<[u8]>>, reply: oneshot::Sender<Reply> },
    /// An intake says how it is. What it has read was told before.
    Intake(IntakeState),
    /// Where reading a mailbox goes on.
    Cursor(Arc<str>, Arc<str>),
    /// A try to deliver has ended.
    Delivered(AlertKey, Delivery),
    /// Somebody wants to look, without changing anything.
    Look(Look),
    /// What stands on a channel, and what was over within `recent`: nothing of it may be undone by
    /// a crash, so the answer comes once it is kept.
    Standing { channel: Arc<str>, recent: Duration, reply: oneshot::Sender<Vec<Alert>> },
    /// Nothing comes after this.
    Stop,
}

/// A look at the desk.
pub(crate) struct Look(pub(crate) Box<dyn FnOnce(&Desk) + Send>);

impl std::fmt::Debug for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Look")
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("subjects", &self.subjects.len()).finish_non_exhaustive()
    }
}

/// What the desk decides by.
pub(crate) struct Rules {
    pub(crate) duty: Arc<Duty>,
    pub(crate) times: Arc<Times>,
    pub(crate) subjects: Vec<Subject>,
    /// What an earlier process believed, at the start and never again. To know that it believed
    /// nothing is something else than not to know yet.
    pub(crate) recalled: Option<Vec<Recalled>>,
    /// How what is decided by these rules is delivered.
    pub(crate) book: Arc<Book>,
    pub(crate) added: Vec<CheckableId>,
}

/// The ways to and from the desk's thread.
pub(crate) struct Ways {
    pub(crate) inbox: Receiver<ToDesk>,
    /// Orders of the shards for the store.
    pub(crate) rows: Receiver<Order>,
    /// Numbers of orders that the store has kept.
    pub(crate) kept: Receiver<Receipt>,
    /// Where those orders go.
    pub(crate) store: Sender<Order>,
    /// To the shards.
    pub(crate) doors: Vec<Door>,
    /// To the receivers.
    pub(crate) deliver: Box<dyn Fn(Alert) + Send>,
    /// The receivers and people of what is delivered from then on.
    pub(crate) follow: Box<dyn Fn(Arc<Book>) + Send>,
    /// Called after each commit of something that the desk wanted kept.
    pub(crate) committed: Box<dyn Fn() + Send>,
    /// Called once it is kept that a person has accepted a schedule.
    pub(crate) accepted: Box<dyn Fn() + Send>,
    /// Do the others get on?
    pub(crate) watch: Watch,
    /// For metrics.
    pub(crate) pulse: Arc<Pulse>,
    /// For metrics.
    pub(crate) figures: Arc<arc_swap::ArcSwap<Figures>>,
}

/// What an earlier process left.
pub(crate) struct Past {
    /// Where the store is.
    pub(crate) folder: PathBuf,
    /// When there was no engine, before this one.
    pub(crate) away: Option<Span>,
    pub(crate) installation: u64,
    pub(crate) next_id: u64,
    pub(crate) rows: Vec<Row>,
}

/// Room for messages to the desk.
pub(crate) fn inbox() -> (Sender<ToDesk>, Receiver<ToDesk>) {
    crossbeam_channel::bounded(INBOX_MAX)
}

/// Room for orders of shards.
pub(crate) fn rows() -> (Sender<Order>, Receiver<Order>) {
    crossbeam_channel::bounded(ROWS_MAX)
}

/// Starts the desk.
pub(crate) fn start(clock: Clock, past: Past, ways: Ways) -> std::io::Result<JoinHandle<()>> {
    let run = move || {
        let mut desk = Desk::new(past.installation, past.next_id);
        desk.restore(past.rows);
        if let Some(away) = past.away {
            desk.was_away(away);
        }
        let line = Line::new(ways.store.clone());
        let post = Post::new(ways.doors.clone());
        Thread {
            clock,
            kept: ways.kept.clone(),
            ways,
            desk,
            reach: Reach::new(true),
            line,
            post,
            heard: BTreeMap::new(),
            unnamed: HashSet::new(),
            tickets: BTreeMap::new(),
            next_ticket: 0,
            figures_at: Moment::ZERO,
            held: VecDeque::new(),
            progress: Progress::new(clock.now()),
            gets_on: true,
            prune_at: clock.now().after(PRUNE_EVERY),
            alive_at: Moment::ZERO,
            folder: past.folder,
            reader: None,
        }
        .run();
    };
    std::thread::Builder::new().name("desk".to_owned()).spawn(run)
}

struct Thread {
    clock: Clock,
    /// Numbers of what the store has kept, until it has ended.
    kept: Receiver<Receipt>,
    ways: Ways,
    desk: Desk,
    reach: Reach,
    line: Line,
    post: Post,
    heard: BTreeMap<u32, Position>,
    /// Ids that stand for somebody new whose shard has not said so yet.
    unnamed: HashSet<CheckableId>,
    tickets: BTreeMap<u64, oneshot::Sender<Reply>>,
    next_ticket: u64,
    figures_at: Moment,
    /// What waits until the line has room, in order.
    held: VecDeque<Held>,
    progress: Progress,
    gets_on: bool,
    prune_at: Moment,
    /// When the next sign of life is kept.
    alive_at: Moment,
    /// Where the store is.
    folder: PathBuf,
    /// Looks whether something was heard before.
    reader: Option<store::Reader>,
}

/// Something that makes rows and cannot be refused.
enum Held {
    Decide(Box<Input>),
    Rules(Box<Rules>, Sender<()>),
    Calendar(Arc<Duty>, Arc<Times>),
}

/// What woke the thread.
enum Event {
    Kept(Receipt),
    StoreEnded,
    Told(ToDesk),
    Rows(Order),
    Time,
    Over,
}

impl Thread {
    fn run(mut self) {
        loop {
            match self.next_event() {
                Event::Kept(receipt) => self.kept(receipt),
                // Whoever looks after all parts sees to it; nothing is kept any more meanwhile.
                Event::StoreEnded => self.kept = never(),
                Event::Told(ToDesk::Stop) => return self.finish(),
                Event::Told(message) => self.take_in(message),
                Event::Rows(order) => self.pass(order),
                Event::Time => {}
                Event::Over => return,
            }
            self.line.send();
            self.take_up_held();
            let now = self.clock.now();
            if self.may_decide() && self.desk.next_wake().is_some_and(|it| it <= now) {
                let outcome = self.desk.handle(now, Input::Wake);
                self.line.keep(outcome);
            }
            self.post.send();
            self.report(now);
            self.prune(now);
            self.live(now);
        }
    }

    fn next_event(&self) -> Event {
        let now = self.clock.now();
        let due = self.desk.next_wake().filter(|_| self.may_decide());
        let wake = due.map_or(PATIENCE_MAX, |it| it.since(now));
        let busy = self.post.patience().min(if self.line.waiting() > 0 {
            post::TRY_AGAIN_AFTER
        } else {
            PATIENCE_MAX
        });
        let closed = never();
        let rows = if self.line.is_crowded() { &closed } else { &self.ways.rows };
        let none = never();
        let inbox = if self.held.len() >= HELD_MAX { &none } else { &self.ways.inbox };
        select_biased! {
            recv(self.kept) -> it => it.map_or(Event::StoreEnded, Event::Kept),
            recv(inbox) -> it => it.map_or(Event::Over, Event::Told),
            recv(rows) -> it => it.map_or(Event::Time, Event::Rows),
            default(wake.min(busy).min(PATIENCE_MAX)) => Event::Time,
        }
    }

    fn take_in(&mut self, message: ToDesk) {
        let now = self.clock.now();
        match message {
            ToDesk::Shard(shard, position, message) => {
                // What was heard before is not heard again, whoever repeats it.
                if self.heard.get(&shard).is_none_or(|last| *last < position) {
                    self.heard.insert(shard, position);
                    self.reach.handle(&message, self.post.orders());
                    if let FromShard::Seen { checkable, at, now } = message
                        && !self.unnamed.contains(&checkable)
                    {
                        self.in_turn(Held::Decide(Box::new(Input::Seen {
                            checkable,
                            at,
                            look: now,
                        })));
                    }
                }
            }
            ToDesk::Arrange { behind, restored, done } => {
                self.post.owe(done);
                self.reach.arrange(&behind, self.post.orders());
                for (host, up) in restored {
                    self.reach.restore(host, up, self.post.orders());
                }
                self.post.orders().extend(self.desk.standing_orders());
            }
            ToDesk::Gone(host) => self.reach.forget(host),
            ToDesk::Unwatched(host) => {
                self.reach.restore(host, true, self.post.orders());
                let up = Recalled {
                    id: host,
                    status: Status::Up,
                    kind: StateType::Hard,
                    flapping: false,
                    text: Arc::from(""),
                    since: now,
                };
                self.in_turn(Held::Decide(Box::new(Input::Believed(vec![up]))));
            }
            ToDesk::Rules { rules, done } => self.in_turn(Held::Rules(rules, done)),
            ToDesk::Calendar(duty, times) => self.in_turn(Held::Calendar(duty, times)),
            ToDesk::Ask { reply, .. } | ToDesk::Redeliver { reply, .. } if !self.may_decide() => {
                self.refuse(reply);
            }
            ToDesk::Ask { request, reply } => {
                let ticket = self.admit(reply);
                self.decide(Input::Asked { ticket, request: *request });
            }
            ToDesk::Redeliver { request, alert, reply } => {
                let ticket = self.admit(reply);
                self.decide(Input::Redeliver { ticket, request: *request, alert });
            }
            ToDesk::Heard { reply, .. } if !self.may_decide() => self.refuse(reply),
            ToDesk::Heard { heard, mail, reply } => self.hear(heard, mail, reply),
            ToDesk::Intake(state) => self.in_turn(Held::Decide(Box::new(Input::Intake(state)))),
            ToDesk::Cursor(name, value) => {
                self.line.order(Order::Desk { rows: vec![Row::Cursor(name, value)], done: None });
            }
            ToDesk::Delivered(key, delivery) => {
                self.in_turn(Held::Decide(Box::new(Input::Delivered { key, delivery })));
            }
            ToDesk::Look(look) => (look.0)(&self.desk),
            ToDesk::Standing { channel, recent, reply } => {
                let alerts = self.desk.standing_on(&channel, now, recent);
                self.do_after_all(Act::Show(reply, alerts));
            }
            ToDesk::Stop => {}
        }
    }

    /// What was heard and its mail are kept together, or its sender keeps it.
    fn hear(&mut self, heard: Box<Heard>, mail: Option<Arc<[u8]>>, reply: oneshot::Sender<Reply>) {
        let seen = match self.was_heard(&self.desk.keys_of(&heard)) {
            Ok(seen) => seen,
            Err(error) => {
                tracing::error!(%error, "it cannot be said whether a report was heard before");
                return self.refuse(reply);
            }
        };
        let kept = heard.mail.zip(mail).map(|(key, mail)| Row::Mail(key, heard.at, mail));
        let ticket = self.admit(reply);
        let input = Input::Heard { ticket, heard, seen };
        let mut outcome = self.desk.handle(self.clock.now(), input);
        outcome.rows.extend(kept);
        self.line.keep(outcome);
    }

    /// Does the store know one of these keys? What is on its way there the desk knows itself.
    fn was_heard(&mut self, keys: &[[u8; 16]]) -> Result<bool, store::ReadError> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => store::Reader::open(&self.folder)?,
        };
        let found = reader.report_with(keys)?;
        self.reader = Some(reader);
        Ok(found.is_some())
    }

    /// Is there room for what a decision makes?
    fn may_decide(&self) -> bool {
        self.held.is_empty() && !self.line.is_full()
    }

    fn in_turn(&mut self, it: Held) {
        if self.may_decide() { self.take_up(it) } else { self.held.push_back(it) }
    }

    fn take_up_held(&mut self) {
        while !self.line.is_full()
            && let Some(it) = self.held.pop_front()
        {
            self.take_up(it);
        }
    }

    fn take_up(&mut self, it: Held) {
        let now = self.clock.now();
        match it {
            Held::Decide(input) => self.decide(*input),
            Held::Rules(rules, done) => {
                self.rules(now, *rules);
                self.post.owe(done);
            }
            Held::Calendar(duty, times) => {
                let outcome = self.desk.turn_calendar(now, duty, times);
                self.line.keep(outcome);
            }
        }
    }

    fn refuse(&self, reply: oneshot::Sender<Reply>) {
        self.ways.pulse.refused.fetch_add(1, Relaxed);
        let why = "the store takes nothing at the moment; nothing was changed".to_owned();
        // Whoever asked may have gone away meanwhile.
        drop(reply.send(Reply::Refused(Refusal::Busy { why })));
    }

    fn rules(&mut self, now: Moment, rules: Rules) {
        self.unnamed.extend(rules.added);
        let outcome = self.desk.arrange(now, rules.duty, rules.times, rules.subjects);
        // Between the last alert of the old rules and the first of the new ones.
        self.do_after_all(Act::Follow(rules.book));
        self.line.keep(outcome);
        if let Some(recalled) = rules.recalled {
            self.decide(Input::Believed(recalled));
        }
    }

    /// Does something once everything that was decided so far is kept.
    fn do_after_all(&mut self, act: Act) {
        if let Some(act) = self.line.after_all(act) {
            self.carry_out(act);
        }
    }

    fn admit(&mut self, reply: oneshot::Sender<Reply>) -> u64 {
        self.next_ticket += 1;
        self.tickets.insert(self.next_ticket, reply);
        self.next_ticket
    }

    fn decide(&mut self, input: Input) {
        let outcome = self.desk.handle(self.clock.now(), input);
        self.line.keep(outcome);
    }

    /// What a shard has for the store: what it believes is decided upon, and both are kept together.
    fn pass(&mut self, order: Order) {
        let mut all = Outcome::default();
        match &order {
            Order::Names(names) => {
                for (id, _) in names {
                    self.unnamed.remove(id);
                }
            }
            Order::Batch(batch) => {
                let now = self.clock.now();
                for (_, transition) in &batch.transitions {
                    if self.unnamed.contains(&transition.checkable) {
                        continue;
                    }
                    let outcome = self.desk.handle(now, Input::Changed(transition.clone()));
                    all.rows.extend(outcome.rows);
                    all.effects.extend(outcome.effects);
                }
            }
            _ => {}
        }
        self.line.pass(order, all);
    }

    /// The store has kept some of what the desk wanted kept.
    fn kept(&mut self, receipt: Receipt) {
        self.settle(receipt);
        while let Ok(later) = self.kept.try_recv() {
            self.settle(later);
        }
        (self.ways.committed)();
    }

    fn settle(&mut self, receipt: Receipt) {
        match receipt {
            Receipt::Kept(number) => {
                for act in self.line.kept(number) {
                    self.carry_out(act);
                }
            }
            // Nothing of it may be done. What the desk believes of itself is ahead of the disk now;
            // a start from the disk is the one way to agree again.
            Receipt::Refused(number) => {
                drop(self.line.kept(number));
                tracing::error!(number, "the store refuses what the desk wanted kept");
                panic!("the desk and the store do not agree any more");
            }
        }
    }

    fn carry_out(&mut self, act: Act) {
        match act {
            Act::Effect(Effect::Deliver(alert)) => (self.ways.deliver)(*alert),
            Act::Effect(Effect::Answer { ticket, reply }) => {
                if let Some(waiting) = self.tickets.remove(&ticket) {
                    // Whoever asked may have gone away meanwhile.
                    drop(waiting.send(reply));
                }
            }
            Act::Effect(Effect::Order(order)) => self.post.orders().push(order),
            Act::Effect(Effect::TurnCalendar) => (self.ways.accepted)(),
            Act::Follow(book) => (self.ways.follow)(book),
            Act::Show(reply, alerts) => drop(reply.send(alerts)),
        }
    }

    /// Writes down that we are here, so that a later engine knows since when nobody was.
    fn live(&mut self, now: Moment) {
        if now >= self.alive_at && !self.line.is_full() {
            self.alive_at = now.after(ALIVE_EVERY);
            let value = Arc::from(now.as_nanos().to_string());
            let rows = vec![Row::Cursor(Arc::from(store::ALIVE), value)];
            self.line.order(Order::Desk { rows, done: None });
        }
    }

    /// Has the store drop what is too old, a little at a time and only while it has nothing else.
    fn prune(&mut self, now: Moment) {
        if now >= self.prune_at && self.line.is_empty() {
            self.prune_at = now.after(PRUNE_EVERY);
            let before = now.before(KEPT_FOR);
            self.line.order(Order::Prune { before, rows_max: PRUNE_ROWS });
        }
    }

    fn report(&mut self, now: Moment) {
        if now.since(self.figures_at) > PATIENCE_MAX {
            self.figures_at = now;
            let gets_on = self.gets_on(now);
            if gets_on != self.gets_on && self.may_decide() {
                self.gets_on = gets_on;
                self.decide(Input::Progress(gets_on));
            }
            self.ways.pulse.orders_waiting.store(self.line.waiting() as u64, Relaxed);
            self.ways.figures.store(Arc::new(self.desk.figures()));
        }
    }

    /// Does all get on that a sign of life vouches for?
    fn gets_on(&mut self, now: Moment) -> bool {
        let Ways { watch, pulse, store, rows, .. } = &self.ways;
        let waits = !(self.line.is_empty() && store.is_empty() && rows.is_empty());
        let due_at = self.desk.next_wake();
        self.progress.look(now, pulse::Sight { watch, waits, due_at }, pulse)
    }

    /// What is left goes to the store, if that takes it.
    fn finish(mut self) {
        let deadline = std::time::Instant::now() + HAND_OVER_WITHIN;
        while let Some(it) = self.held.pop_front() {
            self.take_up(it);
        }
        while let Ok(order) = self.ways.rows.try_recv() {
            self.pass(order);
        }
        while !self.line.is_empty() && std::time::Instant::now() < deadline {
            self.line.send();
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            match self.kept.recv_timeout(left.min(post::TRY_AGAIN_AFTER)) {
                Ok(receipt) => self.settle(receipt),
                Err(_) => continue,
            }
        }
        if self.line.waiting() > 0 {
            tracing::error!(
                orders = self.line.waiting(),
                "the store did not take what the desk had"
            );
        }
    }
}

#[cfg(test)]
mod tests;
