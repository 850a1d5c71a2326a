//! The judge of the ledger: knows what is true of every run, what was sent, read and kept.
//!
//! It works out by itself which runs are expected, to which one a report belongs and what that comes
//! to, from what the manual says; so a disagreement is a bug in the ledger, in what stands around it
//! or in the judge, and never overlooked.

mod cases;
mod reports;
mod scan;
mod slots;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{
    About, CallId, Class, IntakeState, Moment, Outcome, ReportId, Row, SlotKey, Span, Standing,
};

use super::{
    promises::{By, Promise, Promises},
    senders::Senders,
    ways::{CONSOLE, UnderWay, Ways},
};
use crate::desk::{Estate, driver::Batch, shelf::Shelf};

/// What was seen, so that a green run can be told from an empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Mails that came in and were kept.
    pub taken: u64,
    /// Reports that count for a slot.
    pub counted: u64,
    /// Those that were heard before.
    pub duplicates: u64,
    /// Those whose slot had closed.
    pub orphans: u64,
    /// Those that could not prove themselves.
    pub unproved: u64,
    /// Those that nobody was found for, and those that somebody has claimed.
    pub unclaimed: u64,
    /// See `unclaimed`.
    pub claimed: u64,
    /// Slots that were opened.
    pub slots: u64,
    /// Slots on days on which clocks change.
    pub odd: u64,
    /// How slots came to stand.
    pub kept: u64,
    /// See `kept`.
    pub late: u64,
    /// See `kept`.
    pub partial: u64,
    /// See `kept`.
    pub failed: u64,
    /// See `kept`.
    pub missing: u64,
    /// See `kept`.
    pub unclassified: u64,
    /// See `kept`.
    pub skipped: u64,
    /// See `kept`.
    pub not_watched: u64,
    /// Slots that were missing and stand better now.
    pub corrected: u64,
    /// Problems of jobs.
    pub problems: u64,
    /// Proposals about jobs.
    pub proposals: u64,
    /// Those that went with their cause.
    pub withdrawn: u64,
    /// Calls that are ready because so many slots were kept.
    pub ready: u64,
    /// Intakes that could not hear, as problems of our own.
    pub deaf: u64,
    /// Starts.
    pub restarts: u64,
    /// Runs whose truth was compared with their standing.
    pub truths: u64,
}

/// What the judge may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) now: Moment,
    pub(crate) shelf: &'a Shelf,
    pub(crate) estate: &'a Estate,
    pub(crate) promises: &'a Promises,
    pub(crate) senders: &'a Senders,
    pub(crate) ways: &'a Ways,
    /// When this process began, and when nobody was there before it.
    pub(crate) boot_at: Moment,
    pub(crate) away: Option<Span>,
}

impl<'a> View<'a> {
    fn promise(&self, job: &str) -> Option<(usize, &'a Promise)> {
        let place = *self.promises.places.get(job)?;
        Some((place, &self.promises.all[place]))
    }
}

/// A report, as the judge knows it.
#[derive(Clone, Debug)]
struct Said {
    mail: usize,
    job: usize,
    at: Moment,
    ran_at: Moment,
    outcome: Outcome,
    proved: bool,
    class: Class,
    slot: Option<Moment>,
}

/// A slot, as its rows tell.
#[derive(Clone, Debug)]
struct Life {
    version: u64,
    standing: Standing,
    was_missing: bool,
    corrections: u32,
}

/// A call that waits for slots.
#[derive(Clone, Debug)]
struct Waiting {
    since: Moment,
    job: Arc<str>,
    wanted: u32,
    kept: BTreeSet<Moment>,
    /// It was ready before it began to wait, or is since then.
    ready: bool,
}

/// Judges one world.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) fault: Option<String>,
    pub(crate) seen: Seen,
    /// Until when each way has said that everything was read, in this process.
    marks: BTreeMap<Arc<str>, Moment>,
    given: BTreeMap<u64, UnderWay>,
    ticks: BTreeMap<u64, usize>,
    said: BTreeMap<ReportId, Said>,
    /// What was heard under each key: whether nobody could doubt it, and what it said.
    known: BTreeMap<[u8; 16], BTreeSet<(bool, Outcome)>>,
    /// The way by which each job was last heard, as far as that is decided and perhaps not kept.
    heard_by: BTreeMap<Arc<str>, Arc<str>>,
    /// In which slot each report is.
    slot_of: BTreeMap<ReportId, (usize, Moment)>,
    by_slot: BTreeMap<(usize, Moment), BTreeSet<ReportId>>,
    lives: BTreeMap<SlotKey, Life>,
    /// How slots stood when it was last decided, kept or not.
    decided: BTreeMap<SlotKey, Standing>,
    waits: BTreeMap<CallId, Waiting>,
    pauses: BTreeMap<usize, Vec<Span>>,
    /// Open proposals by job.
    proposals: BTreeMap<Arc<str>, BTreeSet<model::ProposalId>>,
    /// Failures outside of any slot, by job: the last one.
    outside: BTreeMap<usize, Moment>,
    fresh: Fresh,
}

/// What one batch has brought.
#[derive(Debug, Default)]
struct Fresh {
    reports: Vec<ReportId>,
    slots: Vec<(SlotKey, Option<Standing>)>,
    opened: Vec<model::ProblemId>,
    ended: Vec<model::ProblemId>,
    withdrawn: Vec<model::ProposalId>,
    jobs: BTreeSet<Arc<str>>,
}

impl Judge {
    /// Something is wrong; the first fault counts.
    pub(crate) fn fail(&mut self, what: String) {
        self.fault.get_or_insert(what);
    }

    fn demand(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(what());
        }
    }

    /// Which mail a report is.
    pub(crate) fn mail_of(&self, report: ReportId) -> Option<usize> {
        self.said.get(&report).map(|it| it.mail)
    }

    /// A way says how it is.
    pub(crate) fn marked(&mut self, state: &IntakeState) {
        let mark = self.marks.entry(Arc::clone(&state.name)).or_default();
        *mark = (*mark).max(state.read_until);
    }

    /// A mail goes to the ledger.
    pub(crate) fn given(&mut self, ticket: u64, it: UnderWay) {
        self.given.insert(ticket, it);
    }

    /// Somebody asks for something; perhaps to tick a duty off.
    pub(crate) fn asked(&mut self, ticket: u64, mail: Option<usize>) {
        self.ticks.extend(mail.map(|mail| (ticket, mail)));
    }

    /// The process has died.
    pub(crate) fn crashed(&mut self) {
        self.given.clear();
        self.ticks.clear();
        self.heard_by.clear();
        self.marks.clear();
    }

    /// A process has started.
    pub(crate) fn restarted(&mut self) {
        self.seen.restarts += 1;
        self.decided = self.lives.iter().map(|it| (it.0.clone(), it.1.standing)).collect();
        self.marks.clear();
    }

    /// A batch was made; it is not kept yet.
    pub(crate) fn decided(&mut self, view: &View<'_>, batch: &Batch) {
        for row in &batch.rows {
            if let Row::JobMemory(it) = row {
                let heard_by = it.heard_by.iter().cloned();
                self.heard_by.extend(heard_by.map(|way| (Arc::clone(&it.job), way)));
            }
            let Row::Slot(slot) = row else { continue };
            let (at, open) = (batch.at, slot.open);
            let dated = view.promise(&slot.key.job).is_some_and(|it| it.1.is_dated());
            self.demand(slot.version > 1 || at >= open || !dated, || {
                format!("{:?} opens at {at}, and not at {open}", slot.key)
            });
            let before = self.decided.insert(slot.key.clone(), slot.standing);
            if before != Some(slot.standing) {
                self.judge_silence(view, batch.at, slot);
            }
        }
    }

    /// A batch is about to be kept.
    pub(crate) fn before(&mut self) {
        self.fresh = Fresh::default();
    }

    /// One row of it is; the shelf is as it was before.
    pub(crate) fn row(&mut self, view: &View<'_>, batch: &Batch, row: &Row) {
        match row {
            Row::Slot(it) => self.slot_row(view, it),
            Row::Report(it) => self.report_row(view, batch, it),
            Row::JobMemory(it) => self.memory_row(view, it),
            Row::Problem(it) => self.problem_row(view, it),
            Row::Proposal(it) => self.proposal_row(view, it),
            Row::Call(it) => self.call_row(it),
            _ => {}
        }
    }

    /// It has been kept, row by row.
    pub(crate) fn after(&mut self, view: &View<'_>, batch: &Batch) {
        self.judge_reports(view, batch);
        self.judge_slots(view, batch);
        self.judge_cases(view, batch);
    }

    /// Has everything been read, as the ways by which `promise` is heard have said, that came until
    /// then?
    fn is_read(&self, view: &View<'_>, promise: &Promise, until: Moment) -> bool {
        let decided = self.heard_by.get(&promise.job.name).cloned();
        let usual = decided.or_else(|| self.usual(view, promise));
        ears(view.ways, promise).all(|it| {
            let marked = self.marks.get(&it.name).is_some_and(|mark| *mark >= until);
            // One that is known to be deaf, and by which the job does not come, holds nobody.
            let elsewhere = usual.as_ref().is_some_and(|usual| *usual != it.name);
            let deaf = || it.deaf_since.is_some() || is_told_deaf(view, &it.name);
            marked || elsewhere && deaf()
        })
    }

    /// The way by which the job was last heard.
    fn usual(&self, view: &View<'_>, promise: &Promise) -> Option<Arc<str>> {
        let memory = view.shelf.memories.get(&promise.job.name)?;
        memory.heard_by.clone()
    }
}

/// Are people told that the way called `name` cannot hear?
fn is_told_deaf(view: &View<'_>, name: &str) -> bool {
    let about = About::Own(Arc::from(format!("intake {name}")));
    view.shelf.open().any(|it| it.about == about)
}

/// The ways by which `promise` is heard.
fn ears<'a>(ways: &'a Ways, promise: &Promise) -> impl Iterator<Item = &'a super::ways::Ear> {
    let by_mail = promise.by == By::Mail;
    ways.ears.iter().filter(move |it| (*it.name != *CONSOLE) == by_mail)
}
