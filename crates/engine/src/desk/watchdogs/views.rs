//! What the ledger shows: jobs as they stand, and runs to come.

use std::sync::Arc;

use model::{Job, JobMemory, Moment, Nominal, Slot, Span, Standing};

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
        let open = self.slots.values().rev().find(|it| it.standing == Standing::Open);
        let last = self.slots.values().rev().find(|it| it.standing != Standing::Open);
        let place = self.nominals.partition_point(|it| it.at <= self.memory.opened_until);
        let ahead = self.nominals.get(place).map(|it| self.bounds_at(place, *it).due);
        JobSeen {
            job: Arc::clone(&self.job),
            customer: Arc::clone(&self.customer),
            memory: self.memory.clone(),
            open: open.cloned(),
            last: last.cloned(),
            next_due: open.map(|it| it.due).filter(|it| *it > now).or(ahead),
        }
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
