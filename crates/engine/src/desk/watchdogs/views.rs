//! What the ledger shows: jobs as they stand, runs to come, and figures.

use std::sync::Arc;

use model::{IntakeFigures, Job, JobFigures, JobMemory, Moment, Nominal, Slot, Span, Standing};

use super::{Book, Watchdogs};

/// A job as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSeen {
    /// As it is configured.
    pub job: Arc<Job>,
    /// Whose.
    pub customer: Arc<str>,
    /// What is remembered of it.
    pub memory: JobMemory,
    /// Its slot that is open.
    pub open: Option<Slot>,
    /// The last one that was judged.
    pub last: Option<Slot>,
    /// When the next report is due at the latest.
    pub next_due: Option<Moment>,
}

/// An expected run to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunToCome {
    /// Full name of the job.
    pub job: Arc<str>,
    /// Whose.
    pub customer: Arc<str>,
    /// When it is expected to end.
    pub nominal: Nominal,
    /// Until when its report is on time.
    pub due: Moment,
}

impl Watchdogs {
    /// Figures of all jobs, by name; worked out anew only if something has happened to one.
    pub(crate) fn job_figures(&mut self, now: Moment) -> Arc<[JobFigures]> {
        let books = &self.books;
        let all = || books.values().map(|it| it.figures(now)).collect();
        Arc::clone(self.figures.get_or_insert_with(all))
    }

    /// Figures of all intakes, by name.
    pub(crate) fn intake_figures(&self) -> Vec<IntakeFigures> {
        self.intakes.figures()
    }

    /// How many reports nobody has claimed.
    pub(crate) fn unclaimed_count(&self) -> usize {
        self.unclaimed.len()
    }

    /// All jobs, by name.
    pub(crate) fn all_seen(&self, now: Moment) -> Vec<JobSeen> {
        self.books.values().map(|it| it.seen(now)).collect()
    }

    /// The job called `name`.
    pub(crate) fn seen(&self, name: &str, now: Moment) -> Option<JobSeen> {
        self.books.get(name).map(|it| it.seen(now))
    }

    /// Runs that are expected within this time, of each job at most `limit`.
    pub(crate) fn to_come(&self, within: Span, limit: usize) -> Vec<RunToCome> {
        let mut all: Vec<RunToCome> =
            self.books.values().flat_map(|it| it.to_come(within, limit)).collect();
        all.sort_by(|a, b| (a.nominal.at, &a.job).cmp(&(b.nominal.at, &b.job)));
        all
    }
}

impl Book {
    fn seen(&self, now: Moment) -> JobSeen {
        JobSeen {
            job: Arc::clone(&self.job),
            customer: Arc::clone(&self.customer),
            memory: self.memory.clone(),
            open: self.open_slot().cloned(),
            last: self.last_slot().cloned(),
            next_due: self.next_due(now),
        }
    }

    fn figures(&self, now: Moment) -> JobFigures {
        let last = self.last_slot();
        JobFigures {
            customer: Arc::clone(&self.customer),
            name: Arc::clone(&self.job.name),
            standing: last.map(|it| it.standing),
            last_ok: self.memory.last_ok,
            next_due: self.next_due(now),
            size: last.and_then(|it| it.size),
            duration: last.and_then(|it| it.duration),
        }
    }

    fn open_slot(&self) -> Option<&Slot> {
        self.slots.values().rev().find(|it| it.standing == Standing::Open)
    }

    fn last_slot(&self) -> Option<&Slot> {
        self.slots.values().rev().find(|it| it.standing != Standing::Open)
    }

    fn next_due(&self, now: Moment) -> Option<Moment> {
        let place = self.nominals.partition_point(|it| it.at <= self.memory.opened_until);
        let ahead = || Some(self.bounds_at(place, *self.nominals.get(place)?).due);
        self.open_slot().map(|it| it.due).filter(|it| *it > now).or_else(ahead)
    }

    fn to_come(&self, within: Span, limit: usize) -> Vec<RunToCome> {
        let run = |nominal: Nominal, due: Moment| RunToCome {
            job: Arc::clone(&self.job.name),
            customer: Arc::clone(&self.customer),
            nominal,
            due,
        };
        let first = self.nominals.partition_point(|it| it.at < within.from);
        let expected = self.nominals[first..].iter().enumerate();
        let mut runs: Vec<RunToCome> = expected
            .take_while(|it| it.1.at < within.until)
            .take(limit)
            .map(|(place, it)| run(*it, self.bounds_at(first + place, *it).due))
            .collect();
        // What follows from other runs is known only once its slot is open.
        let open = self.slots.values().filter(|it| it.standing == Standing::Open);
        let derived = open.filter(|it| self.nominals.is_empty() && within.holds(it.key.at));
        runs.extend(derived.map(|it| run(it.nominal, it.due)));
        runs
    }
}
