//! How a slot should stand, from the manual: by what was heard for it, and by what is true of the
//! time in which nothing was.

use std::{collections::BTreeMap, time::Duration};

use model::{Class, Moment, Outcome, Reporting, Slot, Span, Standing};

use super::{Judge, Said, View, ears};
use crate::{
    desk::{HOUR, MINUTE},
    watchdogs::promises::Promise,
};

/// Clocks of senders may be so far ahead of ours.
const SKEW: Duration = Duration::from_secs(60);
/// After so long without knowing whether everything was read, nothing can be said any more.
const HOLD_MAX: Duration = Duration::from_secs(24 * 3600);
/// So much deafness within the time of a slot is too much to say anything.
const DEAF_TOLERATED: Duration = Duration::from_secs(5 * 60);

/// What a slot may stand like.
pub(super) type May = Vec<Standing>;

impl Judge {
    /// How `slot` may stand at `at`.
    pub(super) fn verdict(
        &self,
        view: &View<'_>,
        (job, promise): (usize, &Promise),
        slot: &Slot,
        at: Moment,
    ) -> May {
        let ids = self.by_slot.get(&(job, slot.key.at)).into_iter().flatten();
        let mut said: Vec<&Said> = ids.filter_map(|it| self.said.get(it)).collect();
        said.sort_by_key(|it| (it.ran_at, gravity(it.outcome), it.at));
        let all: Vec<&Said> = said.iter().copied().filter(|it| it.outcome.is_final()).collect();
        let proved: Vec<&Said> = all.iter().copied().filter(|it| it.proved).collect();
        if proved.len() == all.len() {
            return match all.last() {
                Some(_) => of_run(view, promise, slot, &all, at),
                None => self.of_silence(view, (job, promise), slot, &said, at),
            };
        }
        // What cannot prove itself may make it worse, and never better.
        let mut may = match proved.last() {
            Some(_) => of_run(view, promise, slot, &proved, at),
            None => self.of_silence(view, (job, promise), slot, &said, at),
        };
        if may.iter().any(|it| it.is_bad()) {
            may.retain(|it| it.is_bad());
        }
        // It may be the last one that speaks of a part, and so tell the time.
        if may.iter().any(|it| it.is_kept()) {
            may.extend([Standing::Kept, Standing::MailLate, Standing::Late]);
        }
        may.extend([
            Standing::Open,
            Standing::Failed,
            Standing::Partial,
            Standing::Warning,
            Standing::Unclassified,
        ]);
        may
    }

    fn of_silence(
        &self,
        view: &View<'_>,
        (job, promise): (usize, &Promise),
        slot: &Slot,
        said: &[&Said],
        at: Moment,
    ) -> May {
        if let Some(begun) = said.iter().rev().find(|it| it.outcome == Outcome::Started) {
            return match promise.job.timeout {
                Some(limit) if at >= begun.ran_at.after(limit) => {
                    vec![Standing::TimedOut, Standing::Open]
                }
                Some(_) => vec![Standing::Open],
                None if at < slot.due => vec![Standing::Open],
                None => vec![Standing::Open, Standing::TimedOut],
            };
        }
        if at < slot.due {
            return vec![Standing::Open];
        }
        let mut may = vec![Standing::Open];
        let (must, might) = self.voids(view, (job, promise), slot, at);
        if at >= slot.due.after(HOLD_MAX) {
            may.push(Standing::NotWatched);
        }
        may.extend(might);
        if must.is_empty() {
            may.extend(self.plain(promise, job, slot));
        }
        may.extend(must);
        may
    }

    /// What silence means by itself.
    fn plain(&self, promise: &Promise, job: usize, slot: &Slot) -> May {
        match promise.job.reporting {
            Reporting::EveryRun | Reporting::Digest => vec![Standing::Missing],
            Reporting::FailuresOnly => vec![Standing::Kept],
            Reporting::WhenOnline { missing_after } => {
                // Any good report counts, whatever its slot came to; the time before it was watched
                // does not.
                let counts =
                    |it: Class| matches!(it, Class::Counted | Class::Orphan | Class::Unscheduled);
                let good = self.said.values().filter(|it| {
                    it.job == job && it.proved && it.outcome == Outcome::Ok && counts(it.class)
                });
                let last = good.map(|it| it.ran_at).filter(|it| *it <= slot.due).max();
                match last.map(|it| slot.due.since(it.max(promise.since))) {
                    Some(it) if it > missing_after + HOUR => vec![Standing::Missing],
                    Some(it) if it + HOUR < missing_after => vec![Standing::NotWatched],
                    _ => vec![Standing::Missing, Standing::NotWatched],
                }
            }
        }
    }

    /// Why a slot of which nothing was heard must say nothing, and why it may.
    fn voids(
        &self,
        view: &View<'_>,
        (job, promise): (usize, &Promise),
        slot: &Slot,
        at: Moment,
    ) -> (May, May) {
        let (mut must, mut may) = (Vec::new(), Vec::new());
        let within = Span { from: slot.open, until: slot.due };
        let own = self.pauses.get(&job).into_iter().flatten();
        for pause in promise.paused.iter().chain(own) {
            if pause.from < slot.open && pause.until > at {
                must.push(Standing::SkippedPaused);
            } else if pause.from <= at && pause.until >= slot.open {
                may.push(Standing::SkippedPaused);
            }
        }
        if slot.nominal.holiday {
            must.push(Standing::SkippedHoliday);
        }
        for window in view.promises.maintenance(view.estate, job) {
            if overlap(window, within) > Duration::ZERO {
                must.push(Standing::SkippedMaintenance);
            } else if window.from <= within.until && window.until >= within.from {
                may.push(Standing::SkippedMaintenance);
            }
        }
        if let Some((parent, offset)) = promise.parent {
            let job = view.promises.all[parent].job.name.clone();
            let key = model::SlotKey { job, at: slot.key.at.before(offset) };
            match view.shelf.slots.get(&key).map(|it| it.standing) {
                Some(it) if it.is_bad() || it.is_void() => must.push(Standing::SkippedParent),
                _ => {}
            }
        }
        // Nobody was to wait for it then; one behind another may turn out to have been due before.
        if slot.due <= promise.since.after(MINUTE) {
            may.push(Standing::NotWatched);
        }
        let usual = self.usual(view, promise);
        for ear in ears(view.ways, promise).filter(|it| !it.keeps) {
            let deaf: Duration = ear.deaf.iter().map(|it| overlap(*it, within)).sum();
            // What an earlier process knew of its own deafness is not kept.
            let known = ear.deaf.iter().filter(|it| it.until >= view.boot_at);
            let known: Duration = known.map(|it| overlap(*it, within)).sum();
            let is_usual = usual.as_ref().is_none_or(|it| *it == ear.name);
            if known > DEAF_TOLERATED + MINUTE && is_usual {
                must.push(Standing::NotWatched);
            } else if deaf + MINUTE > DEAF_TOLERATED {
                may.push(Standing::NotWatched);
            }
        }
        (must, may)
    }

    /// Silence was judged: had everything been read?
    pub(super) fn judge_silence(&mut self, view: &View<'_>, at: Moment, slot: &Slot) {
        let silent = !slot.entries.iter().any(|it| it.outcome.is_final());
        let Some((_, promise)) = view.promise(&slot.key.job) else { return };
        if !silent || slot.standing == Standing::Open {
            return;
        }
        let begun = slot.entries.iter().rev().find(|it| it.outcome == Outcome::Started);
        let timed_out =
            begun.zip(promise.job.timeout).is_some_and(|(it, limit)| at >= it.ran_at.after(limit));
        let given_up = at >= slot.due.after(HOLD_MAX);
        let read = at >= slot.due && self.is_read(view, promise, slot.due);
        let marks = &self.marks;
        let fine = timed_out || given_up || read;
        let what = (!fine).then(|| {
            format!("{:?} is {} before all was read: {marks:?}", slot.key, slot.standing.word())
        });
        self.fault = self.fault.take().or(what);
    }
}

/// Of two words about the same moment the graver one counts.
fn gravity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Failed => 3,
        Outcome::Partial => 2,
        Outcome::Unclassified | Outcome::Warning => 1,
        _ => 0,
    }
}

fn overlap(a: Span, b: Span) -> Duration {
    a.until.min(b.until).since(a.from.max(b.from))
}

/// What was said of a run; the last word, by the time of the run, counts.
fn of_run(view: &View<'_>, promise: &Promise, slot: &Slot, all: &[&Said], at: Moment) -> May {
    let Some(last) = all.last() else { return Vec::new() };
    if promise.job.reports > 1 {
        return of_parts(promise, slot, all);
    }
    match last.outcome {
        Outcome::Failed => {
            // It is its product's to try again, for so long since it first failed.
            let row = all.iter().rev().take_while(|it| it.outcome == Outcome::Failed);
            let since = row.map(|it| it.ran_at.max(it.at)).min().unwrap_or(last.at);
            let until = since.after(promise.job.retry_grace);
            if at < until { vec![Standing::Open, Standing::Failed] } else { vec![Standing::Failed] }
        }
        Outcome::Unclassified => vec![Standing::Open, Standing::Unclassified],
        _ if promise.job.objects.named.is_empty() => match last.outcome {
            Outcome::Partial => vec![Standing::Partial],
            Outcome::Warning => vec![Standing::Warning],
            _ => in_time(slot, all),
        },
        _ => of_objects(view, promise, slot, all),
    }
}

fn of_objects(view: &View<'_>, promise: &Promise, slot: &Slot, all: &[&Said]) -> May {
    let Some(last) = all.last() else { return Vec::new() };
    let objects = &promise.job.objects;
    let mut words = BTreeMap::new();
    for said in all {
        for (name, outcome) in &view.senders.mails[said.mail].says.objects {
            words.insert(name, *outcome == Outcome::Ok);
        }
    }
    let well = words.values().filter(|it| **it).count();
    let whole = match objects.quorum {
        Some(quorum) => well >= quorum as usize,
        None => well == words.len() && objects.named.iter().all(|it| words.contains_key(it)),
    };
    match (last.outcome, whole) {
        (Outcome::Ok, true) => together(slot, all),
        (Outcome::Ok, false) => vec![Standing::Partial, Standing::Open],
        (Outcome::Warning, true) => vec![Standing::Warning],
        (_, true) => vec![Standing::Partial, Standing::Warning],
        (_, false) => vec![Standing::Partial, Standing::Open],
    }
}

/// A slot that wants several reports.
fn of_parts(promise: &Promise, slot: &Slot, all: &[&Said]) -> May {
    let count = |wanted: &[Outcome]| all.iter().filter(|it| wanted.contains(&it.outcome)).count();
    if count(&[Outcome::Ok, Outcome::Warning]) < promise.job.reports as usize {
        return vec![Standing::Open, Standing::Partial, Standing::Failed, Standing::Unclassified];
    }
    match count(&[Outcome::Warning]) {
        0 => together(slot, all),
        _ => vec![Standing::Warning],
    }
}

/// It went well; when? If that was said more than once, any of it may count.
fn in_time(slot: &Slot, all: &[&Said]) -> May {
    let good = all.iter().filter(|it| it.outcome == Outcome::Ok);
    good.flat_map(|it| timing(slot, it)).collect()
}

/// The same of a run that several reports tell of: word of it is in once the last of them is.
fn together(slot: &Slot, all: &[&Said]) -> May {
    let mut may = in_time(slot, all);
    if all.iter().any(|it| it.at > slot.due) {
        may.extend([Standing::MailLate, Standing::Late, Standing::Kept]);
    }
    may
}

fn timing(slot: &Slot, last: &Said) -> May {
    let from = slot.nominal.from;
    if last.ran_at > slot.due {
        vec![Standing::Late]
    } else if last.at > slot.due {
        vec![Standing::MailLate]
    } else if slot.nominal.by || last.ran_at >= from {
        vec![Standing::Kept]
    } else if last.ran_at.after(SKEW * 2) < from {
        vec![Standing::Early]
    } else {
        vec![Standing::Early, Standing::Kept]
    }
}
