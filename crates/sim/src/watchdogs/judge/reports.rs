//! What becomes of what was heard.

use std::time::Duration;

use model::{Class, Command, Moment, Outcome, Reply, Report, ReportId, Reporting, Slot};

use super::{Judge, Said, View};
use crate::{
    desk::driver::{Batch, Cause},
    watchdogs::{
        promises::By,
        senders::{Mail, is_proved},
    },
};

/// A `Date:` is believed if it is so close to the arrival.
const DATE_NEAR: Duration = Duration::from_secs(15 * 60);
/// A report's own time is believed if it is not further ahead than this …
const AHEAD_MAX: Duration = Duration::from_secs(15 * 60);
/// … and not longer ago.
const AGO_MAX: Duration = Duration::from_secs(7 * 86_400);

impl Judge {
    pub(super) fn report_row(&mut self, view: &View<'_>, batch: &Batch, report: &Report) {
        let id = report.id;
        self.fresh.reports.push(id);
        let before = view.shelf.reports.get(&id).map_or(0, |it| it.version);
        self.demand(report.version == before + 1, || {
            format!("report {id} goes from version {before} to {}", report.version)
        });
        let came = match &batch.cause {
            Cause::Heard(ticket) => self.given.get(ticket).map(|it| (it.mail, it.at)),
            Cause::Asked(ticket, _) => self.ticks.get(ticket).map(|it| (*it, batch.at)),
            _ => None,
        };
        let known = self.said.get(&id).map(|it| (it.mail, it.at));
        let Some((mail, at)) = came.or(known) else {
            return self.fail(format!("report {id} is of nothing that was heard"));
        };
        let it = &view.senders.mails[mail];
        let Some((job, promise)) = report.job.as_ref().and_then(|it| view.promise(it)) else {
            let said = Said {
                mail,
                job: it.job,
                at,
                ran_at: at,
                outcome: it.outcome(),
                proved: false,
                class: report.class,
                slot: None,
            };
            self.demand(matches!(report.class, Class::Unclaimed | Class::Dropped), || {
                format!("report {id} is {:?}, of no job", report.class)
            });
            self.seen.unclaimed += u64::from(report.class == Class::Unclaimed);
            self.learn_keys(it, true);
            self.said.insert(id, said);
            return;
        };
        let claimed = known.is_some();
        let proved = claimed || self.is_tick(batch) || is_proved(promise, &it.proof);
        let strong = is_proved(promise, &it.proof);
        let seen = !claimed && !self.is_tick(batch) && self.is_known(it, strong);
        if !claimed && !self.is_tick(batch) {
            self.learn_keys(it, strong);
        }
        let said = Said {
            mail,
            job,
            at,
            // Who ticks a duty off says that it is done now.
            ran_at: match promise.by {
                By::Person => at,
                _ => ran_at(it, at, promise.job.reporting),
            },
            outcome: it.outcome(),
            proved,
            class: report.class,
            slot: report.slot,
        };
        self.judge_class(view, (id, report.class, seen), &said, claimed);
        self.count(report.class, claimed);
        if report.class == Class::Unscheduled && said.outcome == Outcome::Failed {
            self.outside.insert(job, batch.at);
        }
        if let (Class::Counted, Some(slot)) = (report.class, report.slot) {
            self.by_slot.entry((job, slot)).or_default().insert(id);
            let other = self.slot_of.insert(id, (job, slot)).filter(|it| *it != (job, slot));
            self.demand(other.is_none(), || format!("report {id} is in {other:?}, too"));
        }
        self.said.insert(id, said);
    }

    /// Was it heard before? Whoever cannot prove anything makes nobody else's mail a repeat.
    fn is_known(&self, mail: &Mail, strong: bool) -> bool {
        let known = mail.keys.iter().filter_map(|it| self.known.get(it)).flatten();
        let same = |it: &(bool, Outcome)| it.0 || !strong && it.1 == mail.outcome();
        known.into_iter().any(same)
    }

    fn learn_keys(&mut self, mail: &Mail, strong: bool) {
        for key in &mail.keys {
            self.known.entry(*key).or_default().insert((strong, mail.outcome()));
        }
    }

    fn is_tick(&self, batch: &Batch) -> bool {
        matches!(&batch.cause, Cause::Asked(ticket, _) if self.ticks.contains_key(ticket))
    }

    fn count(&mut self, class: Class, claimed: bool) {
        let seen = &mut self.seen;
        match class {
            Class::Counted => seen.counted += 1,
            Class::Duplicate => seen.duplicates += 1,
            Class::Orphan => seen.orphans += 1,
            Class::Unproved => seen.unproved += 1,
            _ => {}
        }
        seen.claimed += u64::from(claimed);
    }

    /// Is it of the class that it should be?
    fn judge_class(
        &mut self,
        view: &View<'_>,
        (id, class, seen): (ReportId, Class, bool),
        said: &Said,
        claimed: bool,
    ) {
        let silences = matches!(said.outcome, Outcome::Ok | Outcome::Warning | Outcome::Started);
        let right = match class {
            Class::Duplicate => seen,
            Class::Aside => !seen && said.outcome == Outcome::Other,
            Class::Unproved => !seen && silences && !said.proved,
            Class::Counted | Class::Orphan | Class::Unscheduled => {
                !seen && said.outcome != Outcome::Other && (said.proved || !silences)
            }
            Class::Unclaimed | Class::Dropped => false,
        };
        self.demand(right, || {
            format!("report {id} is {class:?}; heard before: {seen}, as it is: {said:?}")
        });
        let job = &view.promises.all[said.job].job;
        let Some(at) = said.slot else { return };
        let key = model::SlotKey { job: job.name.clone(), at };
        let slot = view.shelf.slots.get(&key);
        let within = |it: &Slot| it.open <= said.ran_at && said.ran_at < it.close;
        let early = slot.is_some_and(|it| class == Class::Orphan && said.at < it.close);
        self.demand(!early || claimed, || {
            format!("report {id} came at {} and counts as too late for {slot:?}", said.at)
        });
        let fits = slot.is_none_or(|it| within(it) || job.manual_runs_count);
        self.demand(fits, || format!("report {id} ran at {} and is in slot {slot:?}", said.ran_at));
    }

    /// All that was heard is kept, once.
    pub(super) fn judge_reports(&mut self, view: &View<'_>, batch: &Batch) {
        for id in std::mem::take(&mut self.fresh.reports) {
            let Some(said) = self.said.get(&id) else { continue };
            let (job, slot, class) = (said.job, said.slot, said.class);
            if class != Class::Counted {
                continue;
            }
            let Some(at) = slot else {
                self.fail(format!("report {id} counts for no slot"));
                continue;
            };
            let key = model::SlotKey { job: view.promises.all[job].job.name.clone(), at };
            let there = view
                .shelf
                .slots
                .get(&key)
                .is_some_and(|it| it.more > 0 || it.entries.iter().any(|it| it.report == id));
            self.demand(there, || format!("report {id} counts and is not in its slot {key:?}"));
        }
        let Cause::Asked(ticket, request) = &batch.cause else { return };
        self.ticks.remove(ticket);
        // What nobody has claimed can be claimed, whatever happened meanwhile.
        if let Command::Claim { report, job } = &request.command
            && view.promise(job).is_some_and(|it| it.1.present && it.1.since < batch.at)
        {
            let class = view.shelf.reports.get(report).map(|it| it.class);
            let waits = class == Some(Class::Unclaimed);
            self.demand(!waits, || format!("report {report} is claimed for {job} in vain"));
        }
    }

    /// Its sender is told that a mail is taken.
    pub(crate) fn taken(&mut self, view: &View<'_>, ticket: u64, reply: &Reply) {
        let Some(it) = self.given.remove(&ticket) else { return };
        let Reply::Done { id, .. } = reply else {
            return self.fail(format!("mail {} is refused: {reply:?}", it.mail));
        };
        self.seen.taken += 1;
        let report = id.parse().ok().and_then(|it| view.shelf.reports.get(&ReportId(it)));
        let kept =
            report.is_some_and(|it| it.mail.is_some_and(|it| view.shelf.mails.contains(&it)));
        self.demand(kept, || format!("mail {} is taken, and not kept as report {id}", it.mail));
    }
}

/// The time of the run that a mail is about that came at `at`: what it says itself, when it was
/// written, when it came.
/// A digest tells of other runs than its own.
fn ran_at(mail: &Mail, at: Moment, reporting: Reporting) -> Moment {
    let own = match mail.says.outcome {
        _ if reporting == Reporting::Digest => None,
        Some(Outcome::Started) => mail.says.began_at,
        _ => mail.says.ended_at,
    };
    let sane = |it: &Moment| *it <= at.after(AHEAD_MAX) && it.after(AGO_MAX) >= at;
    let off = at.since(mail.at).max(mail.at.since(at));
    let written = (mail.dated && off <= DATE_NEAR).then_some(mail.at);
    own.filter(sane).or(written).unwrap_or(at)
}
