//! What is true of hosts and services, and what shards would say of it.
//!
//! Much less than a real shard, which has worlds of its own: looks are only made while truth and
//! belief differ. What comes out has the shape of what shards send: soft steps, hard ones, hosts
//! that cannot be reached behind others, rest in windows, and silence while we are blind.

use std::{sync::Arc, time::Duration};

use engine::desk::Recalled;
use model::{Cause, CauseCode, CheckableId, Look, Moment, StateType, Status, Transition};

use super::estate::Estate;
use crate::dice::Dice;

/// What is believed of one, as a shard keeps it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) status: Status,
    pub(crate) kind: StateType,
    pub(crate) attempt: u8,
    pub(crate) flapping: bool,
    pub(crate) since: Moment,
}

/// One host or service.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    /// How it is by itself, whatever is above it.
    pub(crate) truth: Status,
    /// What the shard believes.
    pub(crate) held: Held,
    /// What of that is committed.
    pub(crate) kept: Held,
    pub(crate) resting: bool,
    /// The desk wants to hear of every result.
    pub(crate) awaited: bool,
    pub(crate) retry: Duration,
    pub(crate) attempts_max: u8,
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Looks {
    pub(crate) all: Vec<Looked>,
    pub(crate) blind: bool,
    /// Our own way out is cut: nothing answers.
    pub(crate) cut: bool,
}

fn fine(of_host: bool) -> Status {
    if of_host { Status::Up } else { Status::Ok }
}

impl Looks {
    pub(crate) fn draw(dice: &mut Dice, estate: &Estate) -> Self {
        let all = estate.items.iter().map(|it| {
            let held = Held {
                status: fine(it.of_host),
                kind: StateType::Hard,
                attempt: 1,
                flapping: false,
                since: Moment::ZERO,
            };
            let retry = if it.canary { 5 } else { 5 + dice.below(40) };
            Looked {
                truth: held.status,
                kept: held.clone(),
                held,
                resting: false,
                awaited: false,
                retry: Duration::from_secs(retry),
                attempts_max: 1 + dice.below(4) as u8,
            }
        });
        Self { all: all.collect(), blind: false, cut: false }
    }

    /// How the one at `place` would answer.
    fn answer(&self, estate: &Estate, place: usize) -> Status {
        let item = &estate.items[place];
        let bad = |of_host: bool| if of_host { Status::Down } else { Status::Critical };
        let cut = self.cut || item.host.is_some_and(|it| !self.answers(estate, it));
        match cut || (item.of_host && !self.answers(estate, place)) {
            true => bad(item.of_host),
            false => self.all[place].truth,
        }
    }

    /// Does the host at `place` answer?
    fn answers(&self, estate: &Estate, place: usize) -> bool {
        let parents = &estate.items[place].parents;
        let above = parents.is_empty() || parents.iter().any(|it| self.answers(estate, *it));
        !self.cut && above && self.all[place].truth.is_fine()
    }

    /// Is there anything to look at?
    pub(crate) fn is_due(&self, estate: &Estate, place: usize) -> bool {
        let (item, it) = (&estate.items[place], &self.all[place]);
        let shut = it.resting || self.blind && !item.canary || !item.present;
        !shut && (it.held.kind == StateType::Soft || self.seen(estate, place) != it.held.status)
    }

    /// What a shard makes of the answer of the one at `place`.
    fn seen(&self, estate: &Estate, place: usize) -> Status {
        let (item, answer) = (&estate.items[place], self.answer(estate, place));
        let up = |it: &usize| self.all[*it].held.status.is_fine();
        let hidden = !item.parents.is_empty() && !item.parents.iter().any(up);
        if answer == Status::Down && hidden { Status::Unreachable } else { answer }
    }

    /// A look at `place`. Gives the change that the shard sends, if one.
    pub(crate) fn look(
        &mut self,
        now: Moment,
        estate: &Estate,
        place: usize,
    ) -> Option<Transition> {
        if !self.is_due(estate, place) {
            return None;
        }
        let status = self.seen(estate, place);
        let it = &mut self.all[place];
        let before = it.held.clone();
        let attempt = match (before.kind, before.status.is_fine()) {
            (StateType::Soft, _) => before.attempt + 1,
            (StateType::Hard, true) => 1,
            // What is believed already changes at once.
            (StateType::Hard, false) => it.attempts_max,
        };
        let hard = status.is_fine() || attempt >= it.attempts_max;
        it.held = Held {
            status,
            kind: if hard { StateType::Hard } else { StateType::Soft },
            attempt: if status.is_fine() { 1 } else { attempt },
            since: if before.status.is_fine() { now } else { before.since },
            ..before
        };
        Some(transition(now, place, &before, &it.held))
    }

    /// Is everybody believed to be well, and looked at?
    pub(crate) fn is_all_well(&self) -> bool {
        let well = |it: &Looked| {
            let held = |it: &Held| it.status.is_fine() && !it.flapping;
            held(&it.held) && held(&it.kept) && !it.resting
        };
        !self.blind && !self.cut && self.all.iter().all(well)
    }

    /// Flapping begins or ends.
    pub(crate) fn flap(&mut self, now: Moment, place: usize, flapping: bool) -> Option<Transition> {
        let it = &mut self.all[place];
        if it.held.flapping == flapping {
            return None;
        }
        let before = it.held.clone();
        it.held.flapping = flapping;
        Some(transition(now, place, &before, &it.held))
    }

    /// The process has died: what was not committed is not believed any more.
    pub(crate) fn crash(&mut self) {
        self.blind = false;
        for it in &mut self.all {
            it.held = it.kept.clone();
            it.resting = false;
            it.awaited = false;
        }
    }

    /// Somebody who comes back is new.
    pub(crate) fn forget(&mut self, estate: &Estate, place: usize) {
        let status = fine(estate.items[place].of_host);
        let it = &mut self.all[place];
        it.held = Held {
            status,
            kind: StateType::Hard,
            attempt: 1,
            flapping: false,
            since: Moment::ZERO,
        };
        it.kept = it.held.clone();
        it.resting = false;
    }

    /// What a restart tells the desk.
    pub(crate) fn recalled(&self, estate: &Estate) -> Vec<Recalled> {
        let present = estate.items.iter().enumerate().filter(|it| it.1.present);
        present
            .map(|(place, _)| {
                let held = &self.all[place].held;
                Recalled {
                    id: CheckableId(place as u32),
                    status: held.status,
                    kind: held.kind,
                    flapping: held.flapping,
                    text: Arc::from(if held.status.is_fine() { "" } else { "timeout" }),
                    since: held.since,
                }
            })
            .collect()
    }
}

fn transition(now: Moment, place: usize, before: &Held, after: &Held) -> Transition {
    let look = |it: &Held| Look { status: it.status, kind: it.kind, attempt: it.attempt };
    Transition {
        checkable: CheckableId(place as u32),
        at: now,
        from: look(before),
        to: look(after),
        was_flapping: before.flapping,
        flapping: after.flapping,
        centipercent: if after.flapping { 4_000 } else { 0 },
        cause: (!after.status.is_fine()).then(|| Cause::bare(CauseCode::Timeout)),
        measures: Vec::new(),
    }
}
