//! Slots: which are there, how they came to stand.

use std::sync::Arc;

use model::{JobMemory, Moment, Slot, Span, Standing};

use super::{Judge, Life, View};
use crate::{desk::driver::Batch, watchdogs::promises::Promise};

impl Judge {
    pub(super) fn slot_row(&mut self, view: &View<'_>, slot: &Slot) {
        let before = self.lives.get(&slot.key).cloned();
        let version = before.as_ref().map_or(0, |it| it.version);
        self.demand(slot.version == version + 1, || {
            format!("slot {:?} goes from version {version} to {}", slot.key, slot.version)
        });
        let Some((_, promise)) = view.promise(&slot.key.job) else {
            return self.fail(format!("slot {:?} is of no job", slot.key));
        };
        if before.is_none() {
            self.seen.slots += 1;
            self.seen.odd += u64::from(slot.nominal.from != slot.nominal.until);
            self.judge_bounds(promise, slot);
        }
        let was = before.as_ref().map(|it| it.standing);
        let mut life = before.unwrap_or(Life {
            version: 0,
            standing: Standing::Open,
            was_missing: false,
            corrections: 0,
        });
        if was != Some(slot.standing) {
            self.note_standing(slot.standing);
            let corrected = was == Some(Standing::Missing);
            life.corrections += u32::from(corrected);
            self.seen.corrected += u64::from(corrected);
        }
        life.was_missing |= slot.standing == Standing::Missing;
        self.demand(life.corrections <= 1, || format!("slot {:?} is corrected twice", slot.key));
        (life.version, life.standing) = (slot.version, slot.standing);
        self.lives.insert(slot.key.clone(), life);
        self.fresh.jobs.insert(Arc::clone(&slot.key.job));
        self.fresh.slots.push((slot.key.clone(), was));
    }

    fn note_standing(&mut self, standing: Standing) {
        let seen = &mut self.seen;
        let count = match standing {
            Standing::Kept | Standing::Early => &mut seen.kept,
            Standing::Late | Standing::MailLate => &mut seen.late,
            Standing::Partial => &mut seen.partial,
            Standing::Failed => &mut seen.failed,
            Standing::Missing => &mut seen.missing,
            Standing::Unclassified => &mut seen.unclassified,
            Standing::NotWatched => &mut seen.not_watched,
            it if it.is_void() => &mut seen.skipped,
            _ => return,
        };
        *count += 1;
    }

    /// Is that a run that is expected, within its window?
    fn judge_bounds(&mut self, promise: &Promise, slot: &Slot) {
        let ordered = slot.open <= slot.due && slot.due <= slot.close;
        self.demand(ordered, || format!("the window of {slot:?} is out of order"));
        if !promise.is_dated() {
            return;
        }
        let Ok(place) = promise.nominals.binary_search_by_key(&slot.key.at, |it| it.at) else {
            return self.fail(format!("no run of {:?} is expected then", slot.key));
        };
        self.demand(promise.nominals[place] == slot.nominal, || {
            format!("{:?} is not {:?}", slot.nominal, promise.nominals[place])
        });
        let (open, due, close) = promise.window(place);
        let by_default = promise.job.grace.is_none();
        let due_fits = slot.due == due || by_default && slot.due > due;
        // A slot that never closes says so with a number of its own.
        let never = Moment::from_nanos(i64::MAX as u64);
        let close_fits = slot.close == close.min(never).max(slot.due);
        self.demand(slot.open == open && due_fits && close_fits, || {
            format!("the window of {slot:?} should be {open} {due} {close}")
        });
    }

    pub(super) fn memory_row(&mut self, view: &View<'_>, memory: &JobMemory) {
        let Some((job, _)) = view.promise(&memory.job) else { return };
        let pauses = self.pauses.entry(job).or_default();
        let paused = memory.paused.as_ref();
        let span = paused.map(|it| Span {
            from: it.at,
            until: it.until.unwrap_or(Moment::from_nanos(u64::MAX)),
        });
        let same = pauses.last().is_some_and(|last| span.is_some_and(|it| it.from == last.from));
        if same {
            return;
        }
        // It has ended, or another one stands in for it.
        if let Some(last) = pauses.last_mut() {
            last.until = last.until.min(view.now);
        }
        pauses.extend(span);
    }

    /// Does every slot that has changed stand as it should?
    pub(super) fn judge_slots(&mut self, view: &View<'_>, batch: &Batch) {
        for (key, was) in self.fresh.slots.clone() {
            let Some((job, promise)) = view.promise(&key.job) else { continue };
            let Some(slot) = view.shelf.slots.get(&key).cloned() else { continue };
            let may = self.verdict(view, (job, promise), &slot, batch.at);
            let life = self.lives.get(&key).cloned();
            let right = life.is_none_or(|it| match slot.corrected {
                true => it.was_missing,
                false => it.corrections == 0,
            });
            self.demand(right, || format!("{key:?} says corrected: {}", slot.corrected));
            // A row that only tells of another entry is followed by a judgement.
            let standing = slot.standing;
            let stays = was == Some(standing) && standing.is_void();
            self.demand(stays || may.contains(&standing), || {
                let words: Vec<&str> = may.iter().map(|it| it.word()).collect();
                format!("{key:?} is {} after {was:?}, not {words:?}: {slot:?}", standing.word())
            });
        }
    }
}
