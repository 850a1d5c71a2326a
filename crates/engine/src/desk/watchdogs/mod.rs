//! The ledger of promised runs: which slots are open, what was heard for them, how they stand.
//!
//! Every slot gets a row when it opens and one with every change, so that a restart goes on where
//! it stopped. A slot is judged by [`crate::watchdog`], always anew from all that was heard; what is
//! kept here is only what the judging needs. Silence is judged once everything that came in until
//! the due time has been read, never by the clock alone.

mod evidence;
mod hear;
mod hosts;
mod intakes;
mod look;
mod outages;
mod views;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use model::{
    Class, Job, JobFigures, JobMemory, Moment, Nominal, Pause, Report, ReportId, Row, Slot, Span,
    Standing,
};

use super::pen::{Pen, Rules};
use evidence::Glimpse;
pub(crate) use hear::tick;
use hosts::Hosts;
use intakes::Intakes;
pub(crate) use look::World;
pub(crate) use outages::OUTAGE_WITHIN;
use outages::Outages;
pub use views::{JobSeen, RunToCome};

/// Slots of one job that are kept in memory besides those that are not closed.
const SLOTS_CLOSED_MAX: usize = 8;
/// Slots of one job that are opened at once after a long time without us; older ones are left out.
const SLOTS_OPENED_MAX: usize = 500;
/// Reports of one slot that are told apart; the others are counted.
const ENTRIES_MAX: usize = 64;
/// Reports that nobody has claimed.
pub(crate) const UNCLAIMED_MAX: usize = 10_000;
/// What was heard lately, for evidence.
const GLIMPSES_MAX: usize = 20_000;
/// Keys of reports that are remembered here; older ones are in the store.
const KEYS_MAX: usize = 50_000;

/// All jobs.
#[derive(Debug, Default)]
pub(crate) struct Watchdogs {
    books: BTreeMap<Arc<str>, Book>,
    /// When each job is looked at next.
    looks: BTreeSet<(Moment, Arc<str>)>,
    /// Jobs with a slot that is due, for which not everything has been read yet.
    waiting: BTreeSet<Arc<str>>,
    /// What an earlier process kept of jobs that are not arranged yet.
    restored: BTreeMap<Arc<str>, Past>,
    /// What is known of jobs that are not configured any more: they may come back.
    gone: BTreeMap<Arc<str>, Past>,
    unclaimed: BTreeMap<ReportId, Report>,
    keys: BTreeMap<[u8; 16], ReportId>,
    keys_line: VecDeque<[u8; 16]>,
    glimpses: VecDeque<Glimpse>,
    intakes: Intakes,
    outages: Outages,
    hosts: Hosts,
    findings: Vec<Finding>,
    /// Reports since the start, by class.
    reports: BTreeMap<Class, u64>,
    /// Standings that slots came to since the start.
    standings: BTreeMap<Standing, u64>,
    /// Figures of all jobs, until something happens to one of them.
    figures: Option<Arc<[JobFigures]>>,
}

/// What is known of a job: what is remembered, and its slots.
type Past = (JobMemory, BTreeMap<Moment, Slot>);

/// One job and its slots.
#[derive(Debug)]
struct Book {
    job: Arc<Job>,
    customer: Arc<str>,
    /// Runs that the calendar expects; empty for a job whose runs follow from others.
    nominals: Arc<[Nominal]>,
    /// The job behind which it runs.
    parent: Option<Arc<str>>,
    /// Jobs that run behind it.
    children: Vec<Arc<str>>,
    /// By nominal moment.
    slots: BTreeMap<Moment, Slot>,
    memory: JobMemory,
    look_at: Option<Moment>,
}

/// What the desk should know of a job or an intake.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Finding {
    /// A slot stands badly.
    Bad {
        /// Full name of the job.
        job: Arc<str>,
        /// Which slot.
        at: Moment,
        /// How.
        standing: Standing,
        /// Why.
        text: String,
        /// What speaks for it, line by line.
        notes: Vec<String>,
    },
    /// The job keeps its promise again.
    Well {
        /// Full name of the job.
        job: Arc<str>,
    },
    /// The job is not there any more.
    Gone {
        /// Full name of the job.
        job: Arc<str>,
    },
    /// A slot has got its standing: for calls that wait for it.
    Judged {
        /// Full name of the job.
        job: Arc<str>,
        /// Was it kept?
        kept: bool,
    },
    /// An intake cannot hear.
    Deaf {
        /// Its name.
        intake: Arc<str>,
        /// Why.
        text: String,
    },
    /// It can again.
    Hears {
        /// Its name.
        intake: Arc<str>,
    },
}

impl Watchdogs {
    /// Takes in what an earlier process kept; before [`Watchdogs::arrange`].
    pub(crate) fn restore_memory(&mut self, memory: JobMemory) {
        let job = Arc::clone(&memory.job);
        self.restored.entry(job).or_default().0 = memory;
    }

    /// See [`Watchdogs::restore_memory`].
    pub(crate) fn restore_slot(&mut self, slot: Slot) {
        let of = self.restored.entry(Arc::clone(&slot.key.job)).or_default();
        of.1.insert(slot.key.at, slot);
    }

    /// See [`Watchdogs::restore_memory`]: a report that nobody has claimed.
    pub(crate) fn restore_report(&mut self, report: Report) {
        if report.class == Class::Unclaimed {
            self.unclaimed.insert(report.id, report);
        }
    }

    /// See [`Watchdogs::restore_memory`]: mails in an hour since 1970.
    pub(crate) fn restore_hour(&mut self, hour: u64, count: u32) {
        self.intakes.restore_hour(hour, count);
    }

    /// We were not listening in this time, before this process began.
    pub(crate) fn was_away(&mut self, away: Span) {
        self.intakes.was_away(away);
    }

    /// An earlier process has told at `at` that the intake called `name` cannot hear; before
    /// [`Watchdogs::arrange`].
    pub(crate) fn was_told_deaf(&mut self, name: &str, at: Moment) {
        self.intakes.was_told(name, at);
    }

    /// Replaces which jobs are watched, and when their runs are due.
    pub(crate) fn arrange(&mut self, rules: &Rules, pen: &mut Pen) {
        for intake in self.intakes.arrange(&rules.duty.intakes, pen.now) {
            self.findings.push(Finding::Hears { intake });
        }
        self.hosts.arrange(rules.duty.jobs.iter());
        let mut old = std::mem::take(&mut self.books);
        (self.looks, self.waiting) = Default::default();
        for (job, place) in rules.duty.jobs.iter().zip(0..) {
            let kept = old.remove(&job.name).map(|it| (it.memory, it.slots));
            let kept = kept.or_else(|| self.restored.remove(&job.name));
            let back = self.gone.remove(&job.name);
            // Who has seen it go may have been an earlier process.
            let is_new = kept.as_ref().is_none_or(|it| it.0.gone_at.is_some());
            let mut book = Book::new(job, place, rules, kept.or(back), pen.now);
            if is_new {
                // From now on it is waited for, also by whoever comes after us.
                book.begin(pen);
            }
            self.books.insert(Arc::clone(&job.name), book);
        }
        let old = old.into_iter().map(|(job, it)| (job, (it.memory, it.slots)));
        for (job, mut past) in old.chain(std::mem::take(&mut self.restored)) {
            self.forget_turn(&job);
            if past.0.gone_at.is_none() {
                past.0.gone_at = Some(pen.now);
                remember(&mut past.0, pen);
            }
            self.gone.insert(Arc::clone(&job), past);
            self.findings.push(Finding::Gone { job });
        }
        let pairs: Vec<(Arc<str>, Arc<str>)> = self
            .books
            .values()
            .filter_map(|it| Some((it.parent.clone()?, Arc::clone(&it.job.name))))
            .collect();
        for (parent, child) in pairs {
            if let Some(parent) = self.books.get_mut(&parent) {
                parent.children.push(child);
            }
        }
        let names: Vec<_> = self.books.keys().cloned().collect();
        for name in names {
            self.set_look(&name, Some(pen.now));
        }
    }

    /// When [`Watchdogs::wake`] is wanted next.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        let look = self.looks.first().map(|it| it.0);
        [look, self.intakes.next_wake()].into_iter().flatten().min()
    }

    /// What the desk should know since this was last asked.
    pub(crate) fn findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// How many reports of each class there were since the start, and how many slots came to stand
    /// in each way.
    pub(crate) fn counts(&self) -> (&BTreeMap<Class, u64>, &BTreeMap<Standing, u64>) {
        (&self.reports, &self.standings)
    }

    /// The job called `name`.
    pub(crate) fn job(&self, name: &str) -> Option<&Arc<Job>> {
        self.books.get(name).map(|it| &it.job)
    }

    /// What is remembered of the job called `name`.
    pub(crate) fn memory(&self, name: &str) -> Option<&JobMemory> {
        self.books.get(name).map(|it| &it.memory)
    }

    /// A report that nobody has claimed.
    pub(crate) fn unclaimed(&self, id: ReportId) -> Option<&Report> {
        self.unclaimed.get(&id)
    }

    /// Pauses a job, or lets it go on. `false` if it is not paused.
    pub(crate) fn pause(
        &mut self,
        name: &Arc<str>,
        pause: Option<Pause>,
        world: &dyn World,
        pen: &mut Pen,
    ) -> bool {
        let Some(book) = self.books.get_mut(name) else { return false };
        if pause.is_none() && book.memory.paused.is_none() {
            return false;
        }
        book.memory.paused = pause;
        book.remember(pen);
        self.look_at(name, world, pen);
        true
    }

    /// A person wants the runs of a learned job to be expected so, from now on.
    pub(crate) fn accept_schedule(&mut self, name: &Arc<str>, text: &Arc<str>, pen: &mut Pen) {
        let Some(book) = self.books.get_mut(name) else { return };
        book.memory.accepted = Some(Arc::clone(text));
        book.memory.since = pen.now;
        book.remember(pen);
    }

    /// Whatever happens to a job, it is looked at.
    fn set_look(&mut self, name: &Arc<str>, at: Option<Moment>) {
        self.figures = None;
        let Some(book) = self.books.get_mut(name) else { return };
        if let Some(before) = book.look_at.take() {
            self.looks.remove(&(before, Arc::clone(name)));
        }
        if let Some(at) = at {
            book.look_at = Some(at);
            self.looks.insert((at, Arc::clone(name)));
        }
    }
}

impl Book {
    fn new(job: &Arc<Job>, place: usize, rules: &Rules, kept: Option<Past>, now: Moment) -> Self {
        let (mut memory, slots) = kept.unwrap_or_default();
        if memory.job.is_empty() {
            memory = JobMemory {
                job: Arc::clone(&job.name),
                since: now,
                opened_until: now,
                ..JobMemory::default()
            };
        }
        let parent = job.after.as_ref().and_then(|it| rules.duty.jobs.get(it.job as usize));
        let customer = rules.duty.customers.get(job.customer as usize);
        let mut book = Self {
            job: Arc::clone(job),
            customer: customer.map(|it| Arc::clone(&it.name)).unwrap_or_default(),
            nominals: rules.times.slots.get(place).cloned().unwrap_or_default(),
            parent: parent.map(|it| Arc::clone(&it.name)),
            children: Vec::new(),
            slots,
            memory,
            look_at: None,
        };
        book.leave_out_begun();
        book
    }

    /// A learned schedule holds from the first slot on that opens behind its acceptance: what was
    /// heard before that was heard for no slot, so nobody could say that it is missing.
    fn leave_out_begun(&mut self) {
        if self.job.learns {
            self.leave_out_before(self.memory.since);
        }
    }

    /// A job is watched from now on, for the first time or again.
    fn begin(&mut self, pen: &mut Pen) {
        let is_back = self.memory.version > 0;
        self.memory.since = pen.now;
        self.memory.gone_at = None;
        self.memory.opened_until = self.memory.opened_until.max(pen.now);
        if is_back {
            self.leave_out_before(pen.now);
        }
        self.remember(pen);
    }

    /// Leaves out runs whose slots have begun before `since`, and were not opened.
    fn leave_out_before(&mut self, since: Moment) {
        let first = self.nominals.partition_point(|it| it.at <= self.memory.opened_until);
        let begun = (first..self.nominals.len())
            .take_while(|it| self.bounds_at(*it, self.nominals[*it]).open < since);
        if let Some(last) = begun.last() {
            self.memory.opened_until = self.nominals[last].at;
        }
    }

    /// Changes a slot and writes it down.
    fn put(&mut self, mut slot: Slot, pen: &mut Pen) {
        slot.version += 1;
        pen.rows.push(Row::Slot(Box::new(slot.clone())));
        self.slots.insert(slot.key.at, slot);
    }

    /// Writes down what is remembered.
    fn remember(&mut self, pen: &mut Pen) {
        remember(&mut self.memory, pen);
    }

    /// Forgets old slots, which are in the store.
    fn tidy(&mut self, now: Moment) {
        let closed = |it: &Slot| it.close <= now && it.standing != Standing::Open;
        let count = self.slots.values().filter(|it| closed(it)).count();
        let surplus = count.saturating_sub(SLOTS_CLOSED_MAX);
        let old: Vec<Moment> =
            self.slots.iter().filter(|it| closed(it.1)).map(|it| *it.0).take(surplus).collect();
        for at in old {
            self.slots.remove(&at);
        }
    }
}

/// Writes down what is remembered of a job.
fn remember(memory: &mut JobMemory, pen: &mut Pen) {
    memory.version += 1;
    pen.rows.push(Row::JobMemory(Box::new(memory.clone())));
}

#[cfg(test)]
mod tests;
