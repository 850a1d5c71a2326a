//! What holds at any quiet moment, and at the end of a world.

use std::{sync::Arc, time::Duration};

use model::{About, Moment, Outcome, Slot, SlotKey, Standing};

use super::{Judge, View, cases::open_problem, ears};
use crate::{
    desk::{DAY, HOUR, MINUTE},
    watchdogs::promises::Promise,
};

/// So much later than it is due something may be done.
const SLACK: Duration = Duration::from_secs(60);
/// A mail that came in so soon was not held up.
const PROMPT: Duration = Duration::from_secs(10);
/// Senders that found nobody get so long after a time without us.
const CATCH_UP: Duration = Duration::from_secs(30 * 60);
/// After so long without knowing whether everything was read, nothing can be said any more.
const HOLD_MAX: Duration = Duration::from_secs(24 * 3600);
/// Runs that are looked at again and again: what is older was looked at then.
const LATELY: Duration = Duration::from_secs(2 * 86_400);
/// The name of our own problem that there is far less mail than usual.
const SILENCE: &str = "intake mail";

impl Judge {
    /// Nothing is on its way: is everything done that is due?
    pub(crate) fn scan(&mut self, view: &View<'_>) {
        for (job, promise) in view.promises.all.iter().enumerate() {
            if !promise.present || self.fault.is_some() {
                continue;
            }
            self.scan_slots(view, (job, promise));
            self.scan_problem(view, (job, promise));
        }
        self.scan_intakes(view);
    }

    fn scan_slots(&mut self, view: &View<'_>, (job, promise): (usize, &Promise)) {
        let slots = slots_of(view, &promise.job.name);
        let silence = About::Own(Arc::from(SILENCE));
        let hushed = view.shelf.open().any(|it| it.about == silence);
        for slot in slots.filter(|it| it.standing == Standing::Open) {
            let due = slot.due;
            let missed = view.away.is_some_and(|away| {
                ears(view.ways, promise).any(|it| !it.keeps)
                    && due >= away.from
                    && due < view.boot_at
            });
            let catching_up = missed && view.now < view.boot_at.after(CATCH_UP + SLACK);
            let read = self.is_read(view, promise, due) && !hushed && !catching_up;
            let given_up = view.now > due.after(HOLD_MAX + SLACK);
            if view.now <= due.after(SLACK) || !(read || given_up) {
                continue;
            }
            let may = self.verdict(view, (job, promise), slot, view.now);
            let waits = self.waits_for_retry(view, job, promise, slot);
            let runs =
                may.as_slice() == [Standing::Open] || self.may_run(view, (job, promise), slot);
            self.demand(waits || runs, || {
                format!("all was read until {due}, and nobody says how it stands: {slot:?}")
            });
        }
        if !promise.is_dated() {
            return;
        }
        let lately = |it: &model::Nominal| it.at < view.now.before(LATELY);
        let first = promise.nominals.partition_point(lately);
        for place in first..promise.nominals.len() {
            let (at, (open, ..)) = (promise.nominals[place].at, promise.window(place));
            let key = SlotKey { job: Arc::clone(&promise.job.name), at };
            if open.after(SLACK) >= view.now {
                break;
            }
            let expected = open > promise.since.after(SLACK);
            if expected && view.boot_at.after(SLACK) < view.now {
                let there = view.shelf.slots.contains_key(&key);
                self.demand(there, || format!("there is no slot {key:?}, open since {open}"));
            }
        }
    }

    /// Has it begun, and was not everything read until it would have timed out?
    fn may_run(&self, view: &View<'_>, (job, promise): (usize, &Promise), slot: &Slot) -> bool {
        let Some(limit) = promise.job.timeout else { return false };
        let ids = self.by_slot.get(&(job, slot.key.at)).into_iter().flatten();
        let said = ids.filter_map(|it| self.said.get(it));
        let began = said.filter(|it| it.outcome == Outcome::Started).map(|it| it.ran_at).max();
        began.is_some_and(|it| {
            let over = it.after(limit);
            view.now <= over.after(SLACK) || !self.is_read(view, promise, over)
        })
    }

    /// Has it failed, and may its product still try again?
    fn waits_for_retry(&self, view: &View<'_>, job: usize, promise: &Promise, slot: &Slot) -> bool {
        let ids = self.by_slot.get(&(job, slot.key.at)).into_iter().flatten();
        let failed = ids.filter_map(|it| self.said.get(it));
        let failed = failed.filter(|it| it.outcome == Outcome::Failed);
        let until = failed.map(|it| it.ran_at.max(it.at).after(promise.job.retry_grace)).max();
        until.is_some_and(|it| view.now <= it.after(SLACK))
    }

    /// Is there a problem if the last run went badly, and none if it went well?
    fn scan_problem(&mut self, view: &View<'_>, (job, promise): (usize, &Promise)) {
        let name = &promise.job.name;
        let all: Vec<&Slot> = slots_of(view, name).collect();
        let clear = |it: &&&Slot| !it.standing.is_void() && it.standing != Standing::Open;
        let Some(last) = all.iter().rev().find(clear) else { return };
        let problem = open_problem(view, name);
        let pending = all
            .iter()
            .any(|it| it.key.at > last.key.at && it.entries.iter().any(|it| it.outcome.is_final()));
        let judged_at = last.judged_at.unwrap_or(Moment::ZERO);
        // Whoever is taken out of the configuration takes its problem with it.
        if pending || judged_at < promise.since {
            return;
        }
        if last.standing.is_bad() {
            return self.demand(problem.is_some(), || {
                format!("the last run of {name} is bad, and there is no problem: {last:?}")
            });
        }
        let outside = self.outside.get(&job).is_some_and(|it| *it >= judged_at);
        if last.standing.is_kept() && !outside {
            self.demand(problem.is_none(), || {
                format!("the last run of {name} went well, and there is a problem: {last:?}")
            });
        }
    }

    /// An intake that cannot hear is a problem of ours; one that can is none.
    fn scan_intakes(&mut self, view: &View<'_>) {
        for ear in &view.ways.ears {
            let about = About::Own(Arc::from(format!("intake {}", ear.name)));
            let told = view.shelf.open().any(|it| it.about == about);
            let awake = view.now.since(view.boot_at);
            match ear.deaf_since {
                Some(since) => {
                    let long = view.now.since(since).min(awake) > 15 * MINUTE;
                    self.demand(told || !long, || {
                        format!("{} cannot hear since {since}, and nobody is told", ear.name)
                    });
                }
                None => {
                    let last = ear.deaf.last().map_or(Moment::ZERO, |it| it.until);
                    let long = view.now.since(last).min(awake) > HOUR;
                    self.demand(!told || !long, || {
                        format!("{} can hear since {last}, and nobody says so", ear.name)
                    });
                }
            }
        }
    }

    /// The end of a world in which all went well for a while.
    pub(crate) fn finish(&mut self, view: &View<'_>, start: Moment) {
        self.scan(view);
        for promise in &view.promises.all {
            if promise.is_dated() && !promise.was_away && self.fault.is_none() {
                self.judge_ledger(view, promise, start);
            }
        }
        self.judge_truths(view);
    }

    /// Every expected run has exactly one standing, and there is no other.
    fn judge_ledger(&mut self, view: &View<'_>, promise: &Promise, start: Moment) {
        for place in 0..promise.nominals.len() {
            let (open, due, _) = promise.window(place);
            let at = promise.nominals[place].at;
            if open < start.after(SLACK) || due.after(DAY + 2 * HOUR) > view.now {
                continue;
            }
            let key = SlotKey { job: Arc::clone(&promise.job.name), at };
            let standing = view.shelf.slots.get(&key).map(|it| it.standing);
            let said = standing.is_some_and(|it| it != Standing::Open);
            self.demand(said, || format!("the run {key:?} has come to {standing:?}"));
        }
    }

    /// Was all of what its sender wrote heard of a run in its slot, at once and nothing else?
    fn is_plain(&self, view: &View<'_>, run: (usize, Moment)) -> bool {
        let Some(written) = view.senders.runs.get(&run) else { return false };
        let reports = || self.by_slot.get(&run).into_iter().flatten().map(|it| &self.said[it]);
        let mut mails: Vec<usize> = reports().map(|it| it.mail).collect();
        mails.sort_unstable();
        let held_up = reports().any(|it| it.at.since(view.senders.mails[it.mail].at) > PROMPT);
        mails == written.mails && !held_up
    }

    /// What is true of a run, beside which nothing came, is how its slot stands.
    fn judge_truths(&mut self, view: &View<'_>) {
        for ((job, at), run) in &view.senders.runs {
            let promise = &view.promises.all[*job];
            let key = SlotKey { job: Arc::clone(&promise.job.name), at: *at };
            let Some(slot) = view.shelf.slots.get(&key).filter(|it| it.close < view.now) else {
                continue;
            };
            // The window of one behind another follows what was heard of that.
            let parent = promise.parent.map(|(parent, offset)| (parent, at.before(offset)));
            let plain = parent.is_none_or(|it| self.is_plain(view, it));
            let told = plain && self.is_plain(view, (*job, *at));
            if !told || slot.standing.is_void() || promise.was_away {
                continue;
            }
            self.seen.truths += 1;
            let right = is_true(promise, run.truth, slot.standing);
            let (truth, standing) = (run.truth, slot.standing.word());
            if !right {
                self.fault.get_or_insert(format!("{key:?} is {standing}, the truth is {truth:?}"));
            }
        }
    }
}

fn is_true(promise: &Promise, truth: crate::watchdogs::senders::Truth, standing: Standing) -> bool {
    use crate::watchdogs::senders::Truth;
    let quorum = promise.job.objects.quorum.is_some();
    let several = promise.job.reports > 1 || !promise.job.objects.named.is_empty();
    match truth {
        Truth::Ok | Truth::Whole | Truth::Retried => {
            matches!(standing, Standing::Kept | Standing::Early)
        }
        Truth::Failed => standing == Standing::Failed || several && standing == Standing::Partial,
        Truth::Partial | Truth::Gone => standing == Standing::Partial,
        Truth::Warning => {
            standing == Standing::Warning
                || several
                    && matches!(standing, Standing::Partial | Standing::Kept | Standing::Early)
        }
        Truth::Silent => match promise.job.reporting {
            model::Reporting::FailuresOnly => standing == Standing::Kept,
            _ => matches!(standing, Standing::Missing),
        },
        Truth::MailLate => standing == Standing::MailLate || standing == Standing::Kept,
        // A tolerance that is learned may be larger than the least one.
        Truth::Late => standing == Standing::Late || quorum || promise.job.grace.is_none(),
        Truth::Orphan => {
            matches!(standing, Standing::Missing | Standing::MailLate) || standing.is_kept()
        }
        Truth::Unclassified => standing == Standing::Unclassified || several,
        Truth::Begun => standing == Standing::TimedOut,
    }
}

fn slots_of<'a>(view: &View<'a>, job: &Arc<str>) -> impl Iterator<Item = &'a Slot> {
    let first = SlotKey { job: Arc::clone(job), at: Moment::ZERO };
    let job = Arc::clone(job);
    view.shelf.slots.range(first..).take_while(move |it| it.0.job == job).map(|it| it.1)
}
