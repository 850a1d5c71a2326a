//! What becomes of a report: whose it is, when its run was, to which slot it belongs.
//!
//! A report belongs to the slot of its run's own time, not of its arrival. Whatever is heard ends
//! in exactly one class, and anything may raise alarm; only what has proved itself may say that all
//! is well.

use std::{sync::Arc, time::Duration};

use model::{
    Class, Entry, EventKind, Heard, Job, Moment, Outcome, Report, ReportId, Reporting, Row, Says,
    Slot, Standing, TimeSource,
};

use super::{
    Book, ENTRIES_MAX, Finding, KEYS_MAX, UNCLAIMED_MAX, Watchdogs,
    look::{World, is_final},
};
use crate::{
    desk::pen::{Note, Pen},
    watchdog::{gravity, order},
};

/// Clocks of senders may be so far ahead of ours.
const AHEAD_MAX: Duration = Duration::from_secs(15 * 60);
/// A run that ended longer ago is not what a report is about, whatever its text says.
const AGO_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Ends of runs that are remembered, to learn a schedule from.
const RUNS_MAX: usize = 40;

impl Watchdogs {
    /// Takes in what was heard. `seen`: the store knows one of its keys.
    pub(crate) fn hear(
        &mut self,
        heard: Heard,
        seen: bool,
        world: &dyn World,
        pen: &mut Pen,
    ) -> ReportId {
        let id = ReportId(pen.id());
        let seen = seen || self.keys_of(&heard).iter().any(|it| self.keys.contains_key(it));
        for key in self.own_keys(&heard) {
            self.remember_key(key, id);
            pen.rows.push(Row::ReportKey(key, id, heard.at));
        }
        if *heard.intake != *super::intakes::CONSOLE {
            self.intakes.count(heard.at, pen);
        }
        let report = Self::report_of(heard, id);
        let came = report.at;
        self.take(report, (seen, came), world, pen);
        id
    }

    /// The keys by which a report may have been heard before: the store is to be asked for them.
    pub(crate) fn keys_of(&self, heard: &Heard) -> Vec<[u8; 16]> {
        let mut keys = heard.keys.clone();
        keys.extend(self.own_keys(heard).into_iter().filter(|it| !heard.keys.contains(it)));
        keys
    }

    /// The keys by which a report is known from now on. Whoever can guess the id of a mail to come
    /// must not make it look like a repeat: what has not proved itself is only the same as
    /// something that has not either, and that says the same.
    fn own_keys(&self, heard: &Heard) -> Vec<[u8; 16]> {
        let book = heard.job.as_ref().and_then(|it| self.books.get(it));
        if book.is_none_or(|it| heard.proof.satisfies(&it.job.trust)) {
            return heard.keys.clone();
        }
        let outcome = heard.says.outcome.unwrap_or(Outcome::Unclassified);
        let mark = 1 + outcome as u8;
        let apart = |key: &[u8; 16]| key.map(|it| it ^ mark);
        heard.keys.iter().map(apart).collect()
    }

    /// A person says for which job an unclaimed report is. `false` if there is no such report or
    /// job.
    pub(crate) fn claim(
        &mut self,
        id: ReportId,
        job: &Arc<str>,
        by: &Arc<str>,
        world: &dyn World,
        pen: &mut Pen,
    ) -> bool {
        if !self.books.contains_key(job) {
            return false;
        }
        let Some(mut report) = self.unclaimed.remove(&id) else { return false };
        report.job = Some(Arc::clone(job));
        report.proof.vouched = Some(Arc::clone(by));
        // Until now it was nobody's: its slot may have closed meanwhile.
        self.take(report, (false, pen.now), world, pen);
        true
    }

    /// A person puts an unclaimed report away.
    pub(crate) fn put_away(&mut self, id: ReportId, pen: &mut Pen) -> bool {
        let Some(mut report) = self.unclaimed.remove(&id) else { return false };
        report.class = Class::Dropped;
        report.version += 1;
        pen.rows.push(Row::Report(Box::new(report)));
        true
    }

    fn report_of(heard: Heard, id: ReportId) -> Report {
        Report {
            id,
            version: 0,
            customer: Arc::from(""),
            at: heard.at,
            ran_at: heard.at,
            ran_by: TimeSource::Arrival,
            intake: heard.intake,
            peer: heard.peer,
            from: heard.from,
            says: heard.says,
            proof: heard.proof,
            class: Class::Unclaimed,
            slot: None,
            mail: heard.mail,
            job: heard.job,
        }
    }

    /// `came`: when it came in, or was found to be for its job.
    fn take(
        &mut self,
        mut report: Report,
        (seen, came): (bool, Moment),
        world: &dyn World,
        pen: &mut Pen,
    ) {
        let job = report.job.clone().filter(|it| self.books.contains_key(it));
        let book = job.as_ref().and_then(|it| self.books.get(it));
        let reporting = book.map(|it| it.job.reporting).unwrap_or_default();
        (report.ran_at, report.ran_by) = time_of(&report.says, report.at, reporting);
        if let Some(job) = &job {
            // Its slot may have to be opened first, and stands as it is without this report.
            self.look_at(job, world, pen);
        }
        let book = job.as_ref().and_then(|it| self.books.get_mut(it));
        match book {
            Some(book) => {
                report.customer = Arc::clone(&book.customer);
                report.class = match seen {
                    true => Class::Duplicate,
                    false => book.place(&mut report, came, pen),
                };
                book.memory.last_heard = Some(report.at);
                book.remember(pen);
            }
            None => report.job = None,
        }
        self.hear_outside(&report);
        report.version += 1;
        *self.reports.entry(report.class).or_default() += 1;
        self.glimpse(&report);
        if report.class == Class::Unclaimed {
            self.keep_unclaimed(report.clone(), pen);
        }
        let slot = report.slot.filter(|_| report.class == Class::Counted);
        pen.rows.push(Row::Report(Box::new(report)));
        let Some(job) = job else { return };
        if let Some(slot) = slot {
            // It may have closed since the report came in.
            self.judge_slot(&job, slot, world, pen);
        }
        self.look_at(&job, world, pen);
    }

    /// A run that no slot expects: its failure is told all the same. Where nothing is expected at
    /// all, because silence is good or the schedule is still to be learned, a good one ends that.
    fn hear_outside(&mut self, report: &Report) {
        let Some(job) = report.job.clone().filter(|_| report.class == Class::Unscheduled) else {
            return;
        };
        let outcome = report.says.outcome.unwrap_or(Outcome::Unclassified);
        let expects_nothing = self.books.get(&job).is_some_and(Book::expects_nothing);
        match outcome {
            Outcome::Failed => {
                let (standing, at) = (Standing::Failed, report.ran_at);
                let text = format!("failed, outside of any expected run: {}", report.says.text);
                self.findings.push(Finding::Bad { job, at, standing, text, notes: Vec::new() });
            }
            Outcome::Ok | Outcome::Warning if expects_nothing => {
                self.findings.push(Finding::Well { job });
            }
            _ => {}
        }
    }

    fn keep_unclaimed(&mut self, report: Report, pen: &mut Pen) {
        pen.event(Note {
            kind: EventKind::ReportUnclaimed,
            customer: &report.customer,
            by: "engine",
            name: format!("report {}", report.id),
            subject: report.id.0,
            text: report.says.title.to_string(),
        });
        self.unclaimed.insert(report.id, report);
        if self.unclaimed.len() > UNCLAIMED_MAX {
            self.unclaimed.pop_first();
        }
    }

    fn remember_key(&mut self, key: [u8; 16], id: ReportId) {
        if self.keys.insert(key, id).is_none() {
            self.keys_line.push_back(key);
        }
        if self.keys_line.len() > KEYS_MAX
            && let Some(oldest) = self.keys_line.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

impl Book {
    /// Says of which class a report is; puts it into its slot if it counts.
    fn place(&mut self, report: &mut Report, came: Moment, pen: &mut Pen) -> Class {
        let outcome = report.says.outcome.unwrap_or(Outcome::Unclassified);
        if outcome == Outcome::Other {
            return Class::Aside;
        }
        let proved = report.proof.satisfies(&self.job.trust);
        if needs_proof(outcome) && !proved {
            return Class::Unproved;
        }
        if outcome.is_final() && proved {
            self.learn_run(report.ran_at);
        }
        if outcome == Outcome::Ok && proved {
            self.memory.last_good = self.memory.last_good.max(Some(report.ran_at));
        }
        if proved {
            let began = outcome == Outcome::Started;
            self.memory.running_since = began.then_some(report.ran_at);
            self.memory.origins = super::outages::origins(report);
        }
        if proved && *report.intake != *super::intakes::CONSOLE {
            self.memory.heard_by = Some(Arc::clone(&report.intake));
        }
        let Some(mut slot) = self.slot_at(report.ran_at, pen.now).cloned() else {
            return self.place_outside(report);
        };
        report.slot = Some(slot.key.at);
        // What came before it closed counts, however late it is read.
        if is_final(&slot, came) {
            return Class::Orphan;
        }
        enter(&mut slot, entry_of(report, outcome, proved));
        self.put(slot, pen);
        Class::Counted
    }

    /// The slot in whose time `at` lies.
    fn slot_at(&self, at: Moment, now: Moment) -> Option<&Slot> {
        let within = |it: &&Slot| it.open <= at && at < it.close;
        let found = self.slots.values().find(within);
        // A manual run counts for the slot that is open, whatever its time.
        let open = || {
            let it = self.slots.values().next_back().filter(|it| now < it.close);
            it.filter(|_| self.job.manual_runs_count)
        };
        found.or_else(open)
    }

    fn place_outside(&self, report: &Report) -> Class {
        let first = self.slots.values().next().map(|it| it.open);
        match first {
            // It is about a slot that was forgotten long ago, or from before the job was watched.
            Some(first) if report.ran_at < first => Class::Orphan,
            _ => Class::Unscheduled,
        }
    }

    /// Has it no runs that are due?
    fn expects_nothing(&self) -> bool {
        self.nominals.is_empty() && self.parent.is_none() && self.job.schedule.dues.is_empty()
    }

    fn learn_run(&mut self, at: Moment) {
        self.memory.runs.push(at);
        let surplus = self.memory.runs.len().saturating_sub(RUNS_MAX);
        self.memory.runs.drain(..surplus);
    }
}

/// Does it silence? Then it has to prove itself; whatever raises alarm need not.
fn needs_proof(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Started | Outcome::Ok | Outcome::Warning)
}

/// The time of the run: the first that is sane of the report's own words, when it was sent and when
/// it came. A digest is a run of its own: the times in it are those of what it tells of.
fn time_of(says: &Says, at: Moment, reporting: Reporting) -> (Moment, TimeSource) {
    let sane = |it: &Moment| *it <= at.after(AHEAD_MAX) && it.after(AGO_MAX) >= at;
    let own = match says.outcome {
        _ if reporting == Reporting::Digest => None,
        Some(Outcome::Started) => says.began_at,
        _ => says.ended_at,
    };
    let own = own.filter(sane).map(|it| (it, TimeSource::Body));
    let sent = says.sent_at.filter(sane).map(|it| (it, TimeSource::Sent));
    own.or(sent).unwrap_or((at, TimeSource::Arrival))
}

fn entry_of(report: &Report, outcome: Outcome, proved: bool) -> Entry {
    Entry {
        proved,
        report: report.id,
        at: report.at,
        ran_at: report.ran_at,
        outcome,
        size: report.says.size,
        duration: report.says.duration,
        objects: report.says.objects.clone(),
        run: report.says.run.clone(),
        text: Arc::clone(&report.says.text),
    }
}

/// Puts an entry into its place. If there is no room, what matters least goes: that something began,
/// then the mildest word that proves nothing, then the oldest.
fn enter(slot: &mut Slot, entry: Entry) {
    let at = slot.entries.partition_point(|it| order(it) <= order(&entry));
    slot.entries.insert(at, entry);
    if slot.entries.len() > ENTRIES_MAX {
        let weight = |it: &Entry| match (it.outcome, it.proved) {
            (Outcome::Started, _) => (0, 0),
            (said, false) => (1, gravity(said)),
            (_, true) => (2, 0),
        };
        let least = (0..slot.entries.len()).min_by_key(|it| weight(&slot.entries[*it]));
        slot.entries.remove(least.unwrap_or(0));
        slot.more += 1;
    }
    if slot.standing == Standing::Missing {
        slot.corrected = true;
    }
}

/// A report in the name of a person who ticks a duty off.
pub(crate) fn tick(job: &Job, at: Moment, by: &Arc<str>, text: &str, number: u64) -> Heard {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.to_be_bytes());
    let says = model::Says {
        outcome: Some(Outcome::Ok),
        read_by: Arc::from("person"),
        title: Arc::from(format!("ticked off by {by}")),
        text: Arc::from(text),
        ..model::Says::default()
    };
    Heard {
        job: Some(Arc::clone(&job.name)),
        at,
        intake: Arc::from(super::intakes::CONSOLE),
        peer: Arc::clone(by),
        from: Arc::from(""),
        says,
        proof: model::Proof { vouched: Some(Arc::clone(by)), ..model::Proof::default() },
        keys: vec![key],
        mail: None,
    }
}
