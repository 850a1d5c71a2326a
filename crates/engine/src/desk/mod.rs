//! What people act on: problems, proposals, calls, alerts, windows.
//!
//! One owner of all of it, a plain state machine like the shard. What one input causes comes out as
//! one list of rows, to be kept together or not at all, and effects, to be carried out only once the
//! rows are kept. So nobody is ever told what a crash could make undone.

mod call_news;
mod cases;
mod commands;
mod deliveries;
mod gates;
mod guard;
mod hypothesis;
mod jobs;
mod ladder;
mod maintenance;
mod outages;
mod outbox;
mod pen;
mod problems;
mod sla;
mod steps;
mod subjects;
mod timers;
mod upkeep;
mod views;
mod watchdogs;
mod who;
mod windows;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use model::{
    Alert, AlertKey, CheckableId, Class, Delivery, Duty, Heard, IntakeFigures, IntakeState,
    JobFigures, Look, Moment, NoteId, Override, Problem, ProblemId, Reply, Request, Row, Silence,
    Span, Standing, StateType, Status, Subject, Times, ToShard, Token, Transition,
};

pub use hypothesis::{Expectation, Foreseen, Hypothesis, Question, Supposed};
pub use views::{DutySeen, SubjectSeen, WindowSeen};
pub use watchdogs::{JobSeen, RunToCome};

use cases::{Cases, Looked};
use gates::Purpose;
use guard::Guard;
use outbox::Outbox;
use pen::{Pen, Rules};
use subjects::Directory;
use timers::{Timer, Timers};
use watchdogs::Watchdogs;
use windows::Windows;

/// Ended problems that are remembered, so that what comes late still finds them.
pub(crate) const PROBLEMS_ENDED_MAX: usize = 20_000;
/// Answers that are remembered, so that a repeat gets the same.
pub(crate) const ANSWERS_MAX: usize = 10_000;

/// What a driver may tell the desk.
#[derive(Clone, Debug)]
pub enum Input {
    /// A shard believes something else than before.
    Changed(Transition),
    /// A conclusive result of one whom [`ToShard::Watch`] named, whether it changed anything or not.
    Seen {
        /// Of whom.
        checkable: CheckableId,
        /// When it came.
        at: Moment,
        /// What is seen since.
        look: Look,
    },
    /// What is believed at the start, from the store: nothing has changed, but the desk has to know.
    Believed(Vec<Recalled>),
    /// Somebody asks for something.
    Asked {
        /// Comes back with the answer.
        ticket: u64,
        /// What is asked.
        request: Request,
    },
    /// A dead alert, as the store has it, is to be tried again.
    Redeliver {
        /// Comes back with the answer.
        ticket: u64,
        /// What is asked, with the reason and the actor.
        request: Request,
        /// The alert; `None` if the store has none.
        alert: Option<Box<Alert>>,
    },
    /// A try to deliver has ended.
    Delivered {
        /// Of which alert.
        key: AlertKey,
        /// What came of it.
        delivery: Delivery,
    },
    /// Something was heard for a job. The answer names the report.
    Heard {
        /// Comes back with the answer.
        ticket: u64,
        /// What.
        heard: Box<Heard>,
        /// The store knows one of its keys: of those that [`Desk::keys_of`] names.
        seen: bool,
    },
    /// An intake says how it is. What it has read comes before this.
    Intake(IntakeState),
    /// The timetable goes on, or does not: a sign of life is only sent while it does.
    Progress(bool),
    /// It is time, see [`Desk::next_wake`].
    Wake,
}

/// What was believed of a checkable when this process began.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    /// Of whom.
    pub id: CheckableId,
    /// What.
    pub status: Status,
    /// Is it hard?
    pub kind: StateType,
    /// Does it flap?
    pub flapping: bool,
    /// Why it is not well; may be empty.
    pub text: Arc<str>,
    /// Since when.
    pub since: Moment,
}

/// What the desk asks of its driver, once the rows of the same input are kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Try to deliver, and say what came of it.
    Deliver(Box<Alert>),
    /// Answer whoever asked.
    Answer {
        /// Whom.
        ticket: u64,
        /// What.
        reply: Reply,
    },
    /// Tell a shard; [`ToShard::Blind`] goes to all of them.
    Order(ToShard),
    /// A person has accepted a schedule: work out when runs are due, and say so by
    /// [`Desk::turn_calendar`].
    TurnCalendar,
}

/// What one input caused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// To be kept together or not at all.
    pub rows: Vec<Row>,
    /// To be carried out once they are.
    pub effects: Vec<Effect>,
}

/// Figures for metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Open problems by severity, as [`model::Severity::word`] has it.
    pub problems: BTreeMap<&'static str, u64>,
    /// Alerts that wait, by channel.
    pub waiting: BTreeMap<Arc<str>, u64>,
    /// How often nobody was told, by the gate that closed.
    pub withheld: BTreeMap<&'static str, u64>,
    /// Problems for which there was no room.
    pub overflowed: u64,
    /// What became of proposals since the start, with the reason if there is one: `made`,
    /// `accepted`, `merged`, `dismissed`, `withdrawn`.
    pub proposals: BTreeMap<(&'static str, &'static str), u64>,
    /// Reports of jobs since the start, by what became of them.
    pub reports: BTreeMap<Class, u64>,
    /// How slots of jobs came to stand since the start.
    pub standings: BTreeMap<Standing, u64>,
    /// Every job, by name; the same list as before if nothing has happened to any of them.
    pub jobs: Arc<[JobFigures]>,
    /// Every intake, by name.
    pub intakes: Vec<IntakeFigures>,
    /// Reports that nobody has claimed.
    pub unclaimed: u64,
}

/// The owner of everything that concerns people.
#[derive(Debug)]
pub struct Desk {
    installation: u64,
    pen: Pen,
    rules: Rules,
    directory: Directory,
    hosts: usize,
    problems: BTreeMap<ProblemId, Problem>,
    /// Ended a while ago, oldest first in the line.
    ended: BTreeMap<ProblemId, Problem>,
    ended_line: VecDeque<ProblemId>,
    /// Problems of our own, by name.
    own: BTreeMap<Arc<str>, ProblemId>,
    /// Problems of jobs, by full name.
    by_job: BTreeMap<Arc<str>, ProblemId>,
    /// Problems about what hits many jobs at once, by what they have in common.
    outages: BTreeMap<Arc<str>, ProblemId>,
    /// To which of them a job belongs.
    outage_of: BTreeMap<Arc<str>, ProblemId>,
    unsettled: BTreeMap<CheckableId, Moment>,
    /// Problems that this input has changed.
    touched: BTreeSet<ProblemId>,
    /// Problems whose list of symptoms is not written yet.
    grown: BTreeSet<ProblemId>,
    /// Those whom shards were told to let rest.
    rested: BTreeSet<CheckableId>,
    /// Those of whom shards were told to tell every result.
    awaited: BTreeSet<CheckableId>,
    cases: Cases,
    outbox: Outbox,
    windows: Windows,
    watchdogs: Watchdogs,
    guard: Guard,
    silences: BTreeMap<NoteId, Silence>,
    overrides: BTreeMap<NoteId, Override>,
    tokens: BTreeMap<NoteId, Token>,
    answers: BTreeMap<Arc<str>, Reply>,
    answers_line: VecDeque<Arc<str>>,
    timers: Timers,
    effects: Vec<Effect>,
    progress: bool,
    /// It is known what was believed at the start.
    recalled: bool,
    heartbeat_at: Option<Moment>,
    withheld_by: BTreeMap<&'static str, u64>,
    /// By which gate, and what that said, something was withheld that comes up again and again.
    withheld: BTreeMap<(ProblemId, Purpose), (Arc<str>, String)>,
    overflowed: u64,
}

impl Desk {
    /// A desk that knows nobody. `installation` makes its keys differ from those of any other;
    /// `next_id` is the first id that was never given out.
    #[must_use]
    pub fn new(installation: u64, next_id: u64) -> Self {
        Self {
            installation,
            pen: Pen::new(next_id),
            rules: Rules::default(),
            directory: Directory::default(),
            hosts: 0,
            problems: BTreeMap::new(),
            ended: BTreeMap::new(),
            ended_line: VecDeque::new(),
            own: BTreeMap::new(),
            by_job: BTreeMap::new(),
            outages: BTreeMap::new(),
            outage_of: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            touched: BTreeSet::new(),
            grown: BTreeSet::new(),
            rested: BTreeSet::new(),
            awaited: BTreeSet::new(),
            cases: Cases::default(),
            outbox: Outbox::new(installation),
            windows: Windows::default(),
            watchdogs: Watchdogs::default(),
            guard: Guard::default(),
            silences: BTreeMap::new(),
            overrides: BTreeMap::new(),
            tokens: BTreeMap::new(),
            answers: BTreeMap::new(),
            answers_line: VecDeque::new(),
            timers: Timers::default(),
            effects: Vec::new(),
            progress: true,
            recalled: false,
            heartbeat_at: None,
            withheld_by: BTreeMap::new(),
            withheld: BTreeMap::new(),
            overflowed: 0,
        }
    }

    /// Takes in what an earlier process kept; before [`Desk::arrange`].
    pub fn restore(&mut self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            match row {
                Row::NextId(it) => self.pen.skip_to(it),
                Row::Problem(it) => self.restore_problem(*it),
                Row::Proposal(it) => self.cases.restore_proposal(*it),
                Row::Call(it) => self.cases.restore_call(*it),
                Row::Alert(it) if it.is_waiting() => self.outbox.restore(*it),
                Row::Silence(it) => {
                    self.set_timer(it.span.from, Timer::Silence(it.id));
                    self.set_timer(it.span.until, Timer::Silence(it.id));
                    self.silences.insert(it.id, *it);
                }
                Row::Occurrence(it) => self.windows.restore(*it),
                Row::Planned(id, it) => self.windows.plan(id, &it),
                Row::Override(it) => {
                    self.cases.overrides.insert(it.id, (*it).clone());
                    self.overrides.insert(it.id, *it);
                }
                Row::Token(it) => {
                    self.tokens.insert(it.id, *it);
                }
                Row::Answered(key, _, id, version) => {
                    self.remember_answer(key, Reply::Done { id, version });
                }
                Row::Slot(it) => self.watchdogs.restore_slot(*it),
                Row::Report(it) => self.watchdogs.restore_report(*it),
                Row::JobMemory(it) => self.watchdogs.restore_memory(*it),
                Row::MailHour(hour, count) => self.watchdogs.restore_hour(hour, count),
                Row::Alert(_)
                | Row::Gone(_)
                | Row::Event(_)
                | Row::Decision(_)
                | Row::ReportKey(..)
                | Row::Mail(..)
                | Row::Cursor(..) => {}
            }
        }
    }

    /// Nobody listened in this time, before this process; before [`Desk::arrange`].
    pub fn was_away(&mut self, away: Span) {
        self.watchdogs.was_away(away);
    }

    /// Replaces who is watched and by which rules. What was decided stays; what is about somebody
    /// who has gone ends.
    pub fn arrange(
        &mut self,
        now: Moment,
        duty: Arc<Duty>,
        times: Arc<Times>,
        subjects: Vec<Subject>,
    ) -> Outcome {
        self.pen.now = now;
        let old = std::mem::replace(&mut self.rules, Rules { duty, times });
        let gone = self.directory.arrange(subjects, &self.rules.duty);
        for it in &gone {
            self.forget(it);
        }
        self.link_problems();
        self.watchdogs.arrange(&self.rules, &mut self.pen);
        self.rules_changed(&old);
        self.judge_sites();
        self.finish()
    }

    /// The same rules, worked out further ahead. `duty` differs from the one before only by the
    /// schedules of jobs that learn theirs, as people have accepted them by now.
    pub fn turn_calendar(&mut self, now: Moment, duty: Arc<Duty>, times: Arc<Times>) -> Outcome {
        self.pen.now = now;
        let old = std::mem::replace(&mut self.rules, Rules { duty, times });
        self.watchdogs.arrange(&self.rules, &mut self.pen);
        self.rules_changed(&old);
        self.finish()
    }

    /// When [`Input::Wake`] is wanted next.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        let next = [
            self.timers.next(),
            self.cases.next_wake(),
            self.outbox.next_wake(),
            self.windows.next(),
            self.watchdogs.next_wake(),
        ];
        next.into_iter().flatten().min()
    }

    /// Takes in one input. Whatever else is due by now is done as well.
    pub fn handle(&mut self, now: Moment, input: Input) -> Outcome {
        self.pen.now = now;
        match input {
            Input::Changed(it) => self.changed(&it),
            Input::Seen { checkable, at, look } => self.heard(checkable, at, look),
            Input::Believed(all) => self.believed(all),
            Input::Asked { ticket, request } => self.asked(ticket, &request),
            Input::Redeliver { ticket, request, alert } => {
                self.redeliver(ticket, &request, alert.map(|it| *it));
            }
            Input::Delivered { key, delivery } => self.delivered(key, delivery),
            Input::Heard { ticket, heard, seen } => self.hear(ticket, *heard, seen),
            Input::Intake(state) => self.hear_of_intake(&state),
            Input::Progress(it) => self.progress = it,
            Input::Wake => {}
        }
        self.finish()
    }

    fn finish(&mut self) -> Outcome {
        let ids = self.pen.next_id();
        self.keep_up();
        let touched = std::mem::take(&mut self.touched);
        for id in touched {
            let Some(it) = self.problems.get_mut(&id) else { continue };
            it.version += 1;
            self.cases.refresh(it, &self.rules, &mut self.pen);
            self.pen.rows.push(Row::Problem(Box::new(it.clone())));
        }
        if self.pen.next_id() != ids || !self.pen.rows.is_empty() {
            let next = self.pen.next_id();
            self.pen.rows.push(Row::NextId(next));
        }
        Outcome {
            rows: std::mem::take(&mut self.pen.rows),
            effects: std::mem::take(&mut self.effects),
        }
    }

    fn changed(&mut self, it: &Transition) {
        let id = it.checkable;
        self.directory.change(id, |watched| watched.take_in(it));
        if it.to.kind == StateType::Hard
            && let Some(watched) = self.directory.get(id)
        {
            self.watchdogs.see(&watched.subject.name, it.at, it.to.status);
        }
        if it.from.kind == StateType::Soft && it.to.kind == StateType::Hard {
            // It has had its retries; no more patience is due.
            self.unsettled.remove(&id);
        }
        self.after_change(id, it.at);
    }

    fn after_change(&mut self, id: CheckableId, at: Moment) {
        let Some(it) = self.directory.get(id) else { return };
        let look = Look { status: it.status, kind: it.kind, attempt: 1 };
        if !it.status.is_fine() {
            self.trigger_flexible(id);
        }
        self.heard(id, at, look);
        self.judge(id);
    }

    /// A result came, for whoever waits for it.
    fn heard(&mut self, id: CheckableId, at: Moment, look: Look) {
        let Some(it) = self.directory.get(id) else { return };
        let world = upkeep::Sight {
            directory: &self.directory,
            problems: &self.problems,
            rules: &self.rules,
        };
        let looked = Looked { at, fine: look.status.is_fine(), hard: look.kind == StateType::Hard };
        self.cases.result_came(&it.subject.name, looked, &world, &mut self.pen);
    }

    fn believed(&mut self, all: Vec<Recalled>) {
        let ids: Vec<_> = all.iter().map(|it| (it.id, it.since)).collect();
        for it in all {
            if let Some(watched) = self.directory.get(it.id)
                && it.kind == StateType::Hard
            {
                self.watchdogs.see(&watched.subject.name, it.since, it.status);
            }
            self.directory.change(it.id, |watched| {
                watched.note(it.since, it.status, it.kind, it.text);
                watched.flapping = it.flapping;
            });
        }
        for (id, _) in &ids {
            if let Some(it) = self.directory.get(*id) {
                self.guard.recall(*id, it.status.is_fine(), it.kind);
            }
        }
        // Hosts first: whoever they explain needs no problem of its own.
        let is_host =
            |id: &CheckableId| self.directory.get(*id).is_some_and(|it| it.subject.of_host);
        let (hosts, services): (Vec<_>, Vec<_>) = ids.into_iter().partition(|it| is_host(&it.0));
        for (id, _) in hosts.into_iter().chain(services) {
            self.judge(id);
        }
        // What ended while nobody was there can be reported now.
        if !std::mem::replace(&mut self.recalled, true) {
            self.turn_windows();
        }
        // Sight may have come back while nobody was there to see it.
        self.judge_sites();
        if !self.guard.is_blind() {
            self.own_trouble_over(problems::UPLINK);
            self.take_up_parked();
        }
    }

    /// Alerts that stand on `channel` now: what fires, and what was over within `recent`. For
    /// channels that forget what is not repeated.
    #[must_use]
    pub fn standing_on(
        &self,
        channel: &str,
        now: Moment,
        recent: std::time::Duration,
    ) -> Vec<Alert> {
        self.refreshed(channel, now, recent)
    }

    /// What shards must be told after a start or a reload, whatever they were told before.
    #[must_use]
    pub fn standing_orders(&self) -> Vec<ToShard> {
        self.orders_in_force()
    }

    /// Figures for metrics.
    #[must_use]
    pub fn figures(&mut self) -> Figures {
        self.count()
    }

    /// Open problems, for drivers that check the desk.
    pub fn open_problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.values()
    }

    /// Does nothing wait to be delivered?
    #[must_use]
    pub fn is_outbox_empty(&self) -> bool {
        self.outbox.waiting() == 0
    }

    fn set_timer(&mut self, at: Moment, timer: Timer) {
        self.timers.set(at, timer);
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "outages_tests.rs"]
mod outages_stories;
