//! In time: our own blindness is known within half a minute, a mass outage is announced as a whole
//! within a minute, and nothing is held for longer than two.

use std::{collections::BTreeMap, time::Duration};

use model::{About, Alert, Moment, Problem, ProblemId, StateType, Status};

use super::{Judge, View, gates, says_bad};
use crate::desk::driver::Batch;

/// Loss of our own sight is one problem of ours, and told, within this.
pub(crate) const OWN_KNOWN_AFTER: Duration = Duration::from_secs(30);
/// A mass outage is announced as a whole within this, from the first host that is believed down.
const ANNOUNCED_AFTER: Duration = Duration::from_secs(60);
/// Nothing is held for longer than this, whatever is unclear.
const HELD_MAX: Duration = Duration::from_secs(120);

/// When the first site began to go down, and when somebody was first told of each problem.
#[derive(Clone, Debug, Default)]
pub(super) struct Outage {
    down_at: Option<Moment>,
    announced: BTreeMap<ProblemId, Moment>,
}

impl Judge {
    /// Bad news is held for a while from when its problem opened, or from when we see again.
    pub(super) fn judge_hold(&mut self, view: &View<'_>, it: &Problem) {
        let before = view.shelf.problems.get(&it.id).and_then(|it| it.held_until);
        let (Some(until), id) = (it.held_until, it.id) else { return };
        let since = if self.blind_since.is_some() { view.now } else { it.opened_at };
        let short = before == Some(until) || until <= since.after(HELD_MAX);
        self.demand(short, || format!("problem {id} of {} is held until {until}", it.opened_at));
    }

    /// A belief is kept: is it the first of an outage?
    pub(super) fn note_outage(&mut self, view: &View<'_>, batch: &Batch) {
        let Some((place, held)) = &batch.held else { return };
        let item = &view.estate.items[*place];
        let down = (held.status, held.kind) == (Status::Down, StateType::Hard);
        if down && item.of_host && item.site == Some(0) {
            self.outage.down_at.get_or_insert(batch.at);
        }
    }

    /// A message is owed: is it the first about its problem? When it arrives is the receiver's
    /// affair, who may want to be left alone.
    pub(super) fn note_announcement(&mut self, alert: &Alert) {
        if says_bad(alert.kind) {
            self.outage.announced.entry(alert.problem).or_insert(alert.owed_at);
        }
    }

    /// Our own problem has been told to whoever can be told at once.
    pub(super) fn judge_own_told(&mut self, view: &View<'_>) {
        let uplink = |it: &&Problem| it.about == About::Own("uplink".into());
        let told = view.shelf.open().find(uplink).is_some_and(|it| !it.told.is_empty());
        self.demand(told, || "nobody is told that we are blind".to_owned());
    }

    /// The outage of the first site was announced in time, if its policy tells at once.
    pub(super) fn judge_announcement(&mut self, view: &View<'_>, problem: &Problem) {
        let policy = problem.policy.as_ref().and_then(|it| view.estate.policy(it));
        let at_once = policy.is_some_and(|it| {
            let first = it.steps.first();
            it.hours.is_none() && it.gate.is_none() && first.is_some_and(|it| it.after.is_zero())
        });
        // A window in which it begins may end before this is asked.
        let in_the_way = !view.estate.duty.windows.is_empty();
        if !at_once || in_the_way || gates::closed(view, problem, view.now).is_some() {
            return;
        }
        let down_at = self.outage.down_at;
        let told_at = self.outage.announced.get(&problem.id).copied();
        let took = down_at.zip(told_at).map(|(down, told)| told.since(down));
        self.seen.announced += 1;
        self.demand(took.is_some_and(|it| it <= ANNOUNCED_AFTER), || {
            format!("the outage began at {down_at:?} and was announced at {told_at:?}")
        });
    }
}
