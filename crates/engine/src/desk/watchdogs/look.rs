//! Looking at a job: opens the slots whose time has come, judges those that are open, and says what
//! the desk should know.

use std::{sync::Arc, time::Duration};

use model::{Due, IntakeState, Job, Moment, Nominal, Slot, SlotKey, Span, Standing};

use super::{Book, Finding, SLOTS_OPENED_MAX, Watchdogs, intakes::Ways};
use crate::{
    desk::pen::Pen,
    watchdog::{Ask, Bounds, Judged, bounds, judge, objects_of, times_out_at},
};

/// After so long without knowing whether everything was read, nothing can be said any more.
const HOLD_MAX: Duration = Duration::from_secs(24 * 3600);
/// Good runs whose figures are remembered.
const USUAL_MAX: usize = 60;
/// Without a grace of its own, what runs every so often has this much of it, at most the default.
const GRACE_OF_EVERY_MAX: Duration = Duration::from_secs(3600);
/// The shortest time there is.
const INSTANT: Duration = Duration::from_nanos(1);
/// Never closes by itself.
const NEVER: Moment = Moment::from_nanos(i64::MAX as u64);

/// What the ledger may ask the rest of the desk.
pub(crate) trait World {
    /// Was planned maintenance of this job under way at any time within this?
    fn is_maintained(&self, job: &Job, within: Span) -> bool;
}

impl Watchdogs {
    /// What an intake says of itself; then whatever waited for it.
    pub(crate) fn hear_of(&mut self, state: &IntakeState, world: &dyn World, pen: &mut Pen) {
        self.intakes.hear_of(state, pen.now);
        self.intakes.review(pen.now, &mut self.findings);
        let waiting = std::mem::take(&mut self.waiting);
        for job in waiting {
            self.look_at(&job, world, pen);
        }
    }

    /// Does everything that is due.
    pub(crate) fn wake(&mut self, world: &dyn World, pen: &mut Pen) {
        self.intakes.review(pen.now, &mut self.findings);
        while let Some((at, job)) = self.looks.first().cloned() {
            if at > pen.now {
                break;
            }
            self.look_at(&job, world, pen);
        }
    }

    /// Looks at one job now, and at those that run behind it.
    pub(super) fn look_at(&mut self, name: &Arc<str>, world: &dyn World, pen: &mut Pen) {
        self.set_look(name, None);
        self.open_slots(name, pen);
        let Some(book) = self.books.get(name) else { return };
        let open: Vec<Moment> =
            book.slots.values().filter(|it| !is_final(it, pen.now)).map(|it| it.key.at).collect();
        let mut next = self.next_open(name);
        for at in open {
            let again = self.judge_slot(name, at, world, pen);
            next = [next, again].into_iter().flatten().min();
        }
        let Some(book) = self.books.get(name) else { return };
        let children = book.children.clone();
        // What is due now but cannot be judged waits for an intake, not for the clock.
        self.set_look(name, next.filter(|it| *it > pen.now));
        for child in children {
            self.look_at(&child, world, pen);
        }
        // What runs behind it knows how it stands by now.
        if let Some(book) = self.books.get_mut(name) {
            book.tidy(pen.now);
        }
    }

    /// When the next slot opens.
    fn next_open(&self, name: &Arc<str>) -> Option<Moment> {
        let book = self.books.get(name)?;
        let place = book.nominals.partition_point(|it| it.at <= book.memory.opened_until);
        let it = book.nominals.get(place)?;
        Some(book.bounds_at(place, *it).open)
    }

    fn open_slots(&mut self, name: &Arc<str>, pen: &mut Pen) {
        let behind = self.behind_parent(name);
        let Some(book) = self.books.get_mut(name) else { return };
        if !behind.is_empty() || book.parent.is_some() {
            return book.open_behind(behind, pen);
        }
        let first = book.nominals.partition_point(|it| it.at <= book.memory.opened_until);
        let mut ready: Vec<(Nominal, Bounds)> = (first..book.nominals.len())
            .map(|place| (book.nominals[place], book.bounds_at(place, book.nominals[place])))
            .take_while(|it| it.1.open <= pen.now)
            .collect();
        let surplus = ready.len().saturating_sub(SLOTS_OPENED_MAX);
        ready.drain(..surplus);
        ready.extend(book.next_of_interval(pen.now));
        let opened = !ready.is_empty();
        for (nominal, bounds) in ready {
            book.open(nominal, bounds, None, pen);
        }
        if opened {
            book.remember(pen);
        }
    }

    /// The slots that follow from those of the job before it, and how those stand.
    fn behind_parent(&self, name: &Arc<str>) -> Vec<(Nominal, Bounds, Standing)> {
        let Some(book) = self.books.get(name) else { return Vec::new() };
        let Some(after) = &book.job.after else { return Vec::new() };
        let Some(parent) = book.parent.as_ref().and_then(|it| self.books.get(it)) else {
            return Vec::new();
        };
        let grace = book.job.grace.unwrap_or(GRACE_OF_EVERY_MAX);
        let of = |it: &Slot| {
            let at = it.key.at.after(after.offset);
            let nominal = Nominal { at, from: at, until: at, by: true, holiday: false };
            let due = it.ended_at.unwrap_or(it.due).after(after.offset).after(grace);
            let close = it.close.after(after.offset).max(due);
            (nominal, Bounds { open: it.open, due, close }, it.standing)
        };
        parent.slots.values().map(of).collect()
    }

    /// Judges one slot. The answer is when it is worth doing so again by the clock.
    pub(super) fn judge_slot(
        &mut self,
        name: &Arc<str>,
        at: Moment,
        world: &dyn World,
        pen: &mut Pen,
    ) -> Option<Moment> {
        let now = pen.now;
        let book = self.books.get(name)?;
        let slot = book.slots.get(&at)?;
        let read = self.intakes.all_read(&book.ways(), slot.due, now);
        let given_up = now >= slot.due.after(HOLD_MAX);
        // What was judged by silence stays judged: an earlier process had read everything, and who
        // ends a pause afterwards does not make the run a missing one.
        let was_read = is_of_silence(slot);
        if was_read && slot.entries.is_empty() {
            return Some(slot.close).filter(|it| *it > now);
        }
        let all_read = read || given_up || was_read;
        let limit = times_out_at(&book.job, slot).filter(|it| *it <= now);
        let limit_read = slot.standing == Standing::TimedOut
            || limit.is_none_or(|it| {
                self.intakes.all_read(&book.ways(), it, now) || now >= it.after(HOLD_MAX)
            });
        let ask = Ask { job: &book.job, memory: &book.memory, slot, now, all_read, limit_read };
        let mut judged = judge(ask);
        if slot.entries.is_empty() && all_read {
            let void = self.void(book, slot, world).or((!read).then_some(Standing::NotWatched));
            if let Some(void) = void {
                judged = Judged { standing: void, why: String::new(), ..judged };
            }
        }
        if now >= slot.due && !all_read || !limit_read {
            self.waiting.insert(Arc::clone(name));
        }
        let again = [judged.again_at, Some(slot.due), Some(slot.close)];
        let again = again.into_iter().chain([self.intakes.catches_up_until()]).flatten();
        let again = again.chain([slot.due.after(HOLD_MAX)]);
        let again = again.chain(limit.map(|it| it.after(HOLD_MAX))).filter(|it| *it > now).min();
        self.settle(name, at, judged, pen);
        again
    }

    /// Why a slot of which nothing was heard says nothing.
    fn void(&self, book: &Book, slot: &Slot, world: &dyn World) -> Option<Standing> {
        if slot.due < book.memory.since {
            return Some(Standing::NotWatched); // Nobody was to wait for it then.
        }
        let within = Span { from: slot.open, until: slot.due };
        let pause = book.memory.paused.as_ref();
        let paused = pause
            .is_some_and(|it| it.at <= slot.due && it.until.is_none_or(|until| until > slot.open));
        if book.job.paused || paused {
            return Some(Standing::SkippedPaused);
        }
        if slot.nominal.holiday {
            return Some(Standing::SkippedHoliday);
        }
        if world.is_maintained(&book.job, within) {
            return Some(Standing::SkippedMaintenance);
        }
        let parent = slot.parent.filter(|_| book.parent.is_some());
        if parent.is_some_and(|it| it.is_bad() || it.is_void()) {
            return Some(Standing::SkippedParent);
        }
        self.intakes.was_deaf(&book.ways(), within).then_some(Standing::NotWatched)
    }

    /// Writes down how a slot stands, if that is news, and says so.
    fn settle(&mut self, name: &Arc<str>, at: Moment, judged: Judged, pen: &mut Pen) {
        let Some(book) = self.books.get_mut(name) else { return };
        let Some(before) = book.slots.get(&at) else { return };
        let (was, turned) = (before.standing, before.standing != judged.standing);
        let news = turned || before.why != judged.why;
        let mut slot = before.clone();
        let by = judged.by.and_then(|it| slot.entries.get(it)).cloned();
        slot.standing = judged.standing;
        slot.why = judged.why;
        slot.retried = judged.retried;
        slot.ended_at = by.as_ref().map(|it| it.ran_at);
        slot.size = by.as_ref().and_then(|it| it.size);
        slot.duration = by.as_ref().and_then(|it| it.duration);
        if book.is_of_interval() && slot.standing.is_kept() {
            // The next interval begins behind the end of this run: who tells of it twice tells of
            // one run.
            slot.close = slot.ended_at.map_or(slot.close, |it| it.after(INSTANT)).max(slot.open);
        }
        if slot == *before {
            return;
        }
        if news {
            slot.judged_at = (slot.standing != Standing::Open).then_some(pen.now);
        }
        book.put(slot.clone(), pen);
        // What was kept and still is counts once.
        let counts = turned && !(was.is_kept() && slot.standing.is_kept());
        if turned && slot.standing != Standing::Open {
            *self.standings.entry(slot.standing).or_default() += 1;
        }
        if counts && slot.standing != Standing::Open {
            book.learn(&slot);
            book.remember(pen);
        }
        if turned && slot.standing != Standing::Open {
            self.note_turn(&slot, by.as_ref());
        }
        if was.is_kept() && slot.standing == Standing::Open {
            // It failed after all, and may be tried again: it was no kept one.
            self.findings.push(Finding::Judged { job: Arc::clone(name), kept: false });
        }
        if news {
            self.tell(&slot, counts, pen.now);
        }
    }

    fn tell(&mut self, slot: &Slot, turned: bool, now: Moment) {
        let Some(book) = self.books.get(&slot.key.job) else { return };
        let (job, at) = (Arc::clone(&slot.key.job), slot.key.at);
        let standing = slot.standing;
        let mut later = book.slots.range(at..).skip(1).map(|it| it.1.standing);
        let warned = standing == Standing::Warning && book.memory.warnings >= book.job.warnings;
        if standing.is_bad() || warned {
            // An older run that is heard of late is no news if a newer one went well.
            if !later.any(Standing::is_kept) {
                let text = words(slot);
                let notes = self.notes(slot, now);
                self.findings.push(Finding::Bad {
                    job: Arc::clone(&job),
                    at,
                    standing,
                    text,
                    notes,
                });
            }
        } else if (standing.is_kept() || standing == Standing::Warning)
            && !later.any(Standing::is_bad)
        {
            self.findings.push(Finding::Well { job: Arc::clone(&job) });
        }
        if turned && !standing.is_void() && standing != Standing::Open {
            self.findings.push(Finding::Judged { job, kept: standing.is_kept() });
        }
    }
}

impl Book {
    fn ways(&self) -> Ways<'_> {
        Ways { job: &self.job, usual: self.memory.heard_by.as_deref() }
    }

    pub(super) fn bounds_at(&self, place: usize, it: Nominal) -> Bounds {
        let before = place.checked_sub(1).and_then(|it| self.nominals.get(it)).copied();
        let next = self.nominals.get(place + 1).copied();
        let found = bounds(&self.job, before, it, next, &self.memory.delays);
        Bounds { close: found.close.min(NEVER), ..found }
    }

    fn open(&mut self, nominal: Nominal, bounds: Bounds, parent: Option<Standing>, pen: &mut Pen) {
        let slot = Slot {
            key: SlotKey { job: Arc::clone(&self.job.name), at: nominal.at },
            version: 0,
            customer: Arc::clone(&self.customer),
            nominal,
            open: bounds.open,
            due: bounds.due,
            close: bounds.close,
            standing: Standing::Open,
            why: String::new(),
            judged_at: None,
            entries: Vec::new(),
            more: 0,
            ended_at: None,
            size: None,
            duration: None,
            retried: false,
            corrected: false,
            parent,
        };
        self.memory.opened_until = self.memory.opened_until.max(nominal.at);
        self.put(slot, pen);
    }

    /// Opens slots behind those of another job; those that are open follow its end, and remember how
    /// it stands: that is asked once nothing can be heard of them any more, which may be long after
    /// the other one was forgotten.
    fn open_behind(&mut self, found: Vec<(Nominal, Bounds, Standing)>, pen: &mut Pen) {
        let mut opened = false;
        for (nominal, bounds, standing) in found {
            let Bounds { due, close, .. } = bounds;
            let parent = Some(standing);
            match self.slots.get(&nominal.at) {
                Some(it) if follows_parent(it) && (it.due, it.parent) != (due, parent) => {
                    let slot = Slot { due, close, parent, ..it.clone() };
                    self.put(slot, pen);
                }
                None if nominal.at > self.memory.opened_until && bounds.open <= pen.now => {
                    self.open(nominal, bounds, parent, pen);
                    opened = true;
                }
                _ => {}
            }
        }
        if opened {
            self.remember(pen);
        }
    }

    /// The interval of a job that runs so long after its last run.
    fn interval(&self) -> Option<Duration> {
        match &*self.job.schedule.dues {
            [Due::Every(every)] => Some(*every),
            _ => None,
        }
    }

    fn is_of_interval(&self) -> bool {
        self.interval().is_some()
    }

    /// The slot that follows the last one by the interval, if it is time to open it.
    fn next_of_interval(&self, now: Moment) -> Option<(Nominal, Bounds)> {
        let every = self.interval()?;
        let (from, expected) = match self.slots.values().next_back() {
            Some(last) if last.close > now => return None,
            Some(last) => match last.ended_at.filter(|_| last.standing.is_kept()) {
                // Each one is expected behind the one before, whenever that ran.
                Some(ended) => (last.close, ended.max(last.open).after(every)),
                // A run may have closed it that does not count as a good one any more.
                None => (last.close, last.key.at.min(last.close.before(INSTANT)).after(every)),
            },
            None => {
                let last = *self.memory.runs.last()?;
                // What was due before anybody waited for it has no slot.
                let waits = last.after(every) > self.memory.since;
                let from = if waits { last } else { self.memory.since };
                // What ended at this very moment is the run that it is counted from.
                (from.after(INSTANT), from.after(every))
            }
        };
        // After a long time without us only the interval that has not passed yet is of interest.
        let missed = now.since(expected).as_nanos() / every.as_nanos().max(1);
        let skipped = u32::try_from(missed).unwrap_or(u32::MAX);
        let skip = if skipped as usize > SLOTS_OPENED_MAX {
            every.saturating_mul(skipped)
        } else {
            Duration::ZERO
        };
        let at = expected.after(skip);
        let grace = self.job.grace.unwrap_or(GRACE_OF_EVERY_MAX.min(every));
        let due = at.after(grace);
        let nominal = Nominal { at, from: at, until: at, by: true, holiday: false };
        Some((nominal, Bounds { open: from, due, close: at.after(every).max(due) }))
    }

    /// What is usual follows from the good runs.
    fn learn(&mut self, slot: &Slot) {
        let memory = &mut self.memory;
        match slot.standing {
            Standing::Warning => memory.warnings += 1,
            it if it.is_kept() => memory.warnings = 0,
            _ => {}
        }
        if slot.standing.is_bad() {
            memory.kept = 0;
        }
        if !slot.standing.is_kept() {
            return;
        }
        memory.kept += 1;
        let Some(ended) = slot.ended_at else { return };
        memory.last_ok = memory.last_ok.max(Some(ended));
        let seconds = |it: Moment| i64::try_from(it.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX);
        push(&mut memory.delays, seconds(ended) - seconds(slot.key.at));
        if let Some(size) = slot.size {
            push(&mut memory.sizes, size);
        }
        if let Some(duration) = slot.duration {
            push(&mut memory.durations, duration.as_secs());
        }
        let here = objects_of(slot);
        memory.objects.retain(|name, _| here.contains(name));
        for name in here {
            *memory.objects.entry(name).or_default() += 1;
        }
    }
}

/// Does its window still follow the end of the run before it? What is skipped may run all the same,
/// and is in time then if it runs behind that end.
fn follows_parent(slot: &Slot) -> bool {
    slot.entries.is_empty() && (slot.standing == Standing::Open || slot.standing.is_void())
}

/// Has it come to stand so because all that came until it was due had been read?
fn is_of_silence(slot: &Slot) -> bool {
    let standing = slot.standing;
    let silent = slot.entries.is_empty() && standing != Standing::Open;
    silent
        || matches!(standing, Standing::Unclassified | Standing::TimedOut)
        || standing == Standing::Partial && slot.judged_at.is_some_and(|it| it >= slot.due)
}

/// Can nothing change any more?
pub(super) fn is_final(slot: &Slot, now: Moment) -> bool {
    now >= slot.close && slot.standing != Standing::Open
}

fn push<T>(list: &mut Vec<T>, value: T) {
    list.push(value);
    let surplus = list.len().saturating_sub(USUAL_MAX);
    list.drain(..surplus);
}

/// `missing: nothing was heard of it`.
fn words(slot: &Slot) -> String {
    match &*slot.why {
        "" => slot.standing.word().to_owned(),
        why => format!("{}: {why}", slot.standing.word()),
    }
}
