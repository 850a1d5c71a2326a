//! What is looked at from above, whatever the engine does: scans, and outages to be believed.

use std::time::Duration;

use model::Moment;

use super::{What, World};

impl World {
    pub(super) fn scan(&mut self) {
        self.plan(self.tick, What::Tick);
        if !self.is_awake() {
            return;
        }
        let now = self.moment(self.now);
        self.judge.now(now);
        if let Some(process) = &self.process {
            self.judge.scan(now, process);
        }
    }

    /// Plans to ask about the next outage of `place` after `at`.
    pub(super) fn plan_outage(&mut self, place: usize, mut at: Moment) {
        while !self.census.is_failing(place, at) {
            match self.census.truth_changes_after(place, at) {
                Some(next) if next < self.until => at = next,
                _ => return,
            }
        }
        self.plan_at(at, What::Outage { place, since: at });
    }

    /// Is the outage that began at `since` still going on, and believed?
    pub(super) fn outage(&mut self, place: usize, since: Moment) {
        let item = &self.census.items[place];
        if !item.present || item.check.is_none() {
            return;
        }
        if !self.census.is_failing(place, since) {
            return self.plan_outage(place, self.now); // A reload took away what it hung on.
        }
        let mut at = since;
        while let Some(next) = self.census.truth_changes_after(place, at) {
            if next > self.now {
                break;
            }
            at = next;
            if !self.census.is_failing(place, at) {
                return self.plan_outage(place, at);
            }
        }
        let id = self.process.as_ref().and_then(|it| it.id(place));
        if !self.is_awake() || id.is_none() {
            return self.plan(self.tick, What::Outage { place, since });
        }
        let (now, began) = (self.moment(self.now), self.moment(since));
        self.judge.now(now);
        match id.and_then(|it| self.judge.outage(now, it, began)) {
            Some(later) => {
                let wait = later.since(now).max(Duration::from_millis(1));
                self.plan(wait, What::Outage { place, since });
            }
            None => self.plan_next_outage(place),
        }
    }

    /// This outage is done with: the next one begins after it has ended.
    fn plan_next_outage(&mut self, place: usize) {
        let mut at = self.now;
        while self.census.is_failing(place, at) {
            match self.census.truth_changes_after(place, at) {
                Some(next) if next < self.until => at = next,
                _ => return,
            }
        }
        self.plan_outage(place, at);
    }
}
