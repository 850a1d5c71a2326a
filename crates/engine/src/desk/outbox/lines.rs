//! Order: of the alerts about one problem on one route only one is on its way at a time, and the
//! one with the lowest ordinal goes first.
//!
//! So news never overtakes older news, and different problems never wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use model::{AlertKey, ProblemId};

/// The lines of all problems on all routes. What is about no problem stands in none.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// All that wait, by problem, route and ordinal.
    waiting: BTreeSet<(ProblemId, u32, u32, AlertKey)>,
    /// The one of each line that has gone on from it and has not ended.
    active: BTreeMap<(ProblemId, u32), AlertKey>,
    /// Digests that have not ended, by the problems in them: the lines of those wait.
    digests: BTreeSet<(ProblemId, u32, AlertKey)>,
}

impl Lines {
    pub(super) fn add(&mut self, problem: ProblemId, route: u32, ordinal: u32, key: AlertKey) {
        self.waiting.insert((problem, route, ordinal, key));
    }

    pub(super) fn remove(&mut self, problem: ProblemId, route: u32, ordinal: u32, key: AlertKey) {
        self.waiting.remove(&(problem, route, ordinal, key));
    }

    /// The first of a line.
    pub(super) fn head(&self, problem: ProblemId, route: u32) -> Option<AlertKey> {
        self.line(problem, route).next()
    }

    /// A line, in order.
    pub(super) fn line(
        &self,
        problem: ProblemId,
        route: u32,
    ) -> impl Iterator<Item = AlertKey> + '_ {
        let from = (problem, route, 0, AlertKey(0));
        let to = (problem, route, u32::MAX, AlertKey(u128::MAX));
        self.waiting.range(from..=to).map(|it| it.3)
    }

    /// All that wait because of one problem, by route and ordinal.
    pub(super) fn of_problem(&self, problem: ProblemId) -> impl Iterator<Item = (u32, AlertKey)> {
        let from = (problem, 0, 0, AlertKey(0));
        let to = (problem, u32::MAX, u32::MAX, AlertKey(u128::MAX));
        self.waiting.range(from..=to).map(|it| (it.1, it.3))
    }

    /// A digest lists something of a line, or does no longer.
    pub(super) fn list(&mut self, problem: ProblemId, route: u32, digest: AlertKey, listed: bool) {
        match listed {
            true => self.digests.insert((problem, route, digest)),
            false => self.digests.remove(&(problem, route, digest)),
        };
    }

    /// Does a line wait for a digest?
    pub(super) fn is_listed(&self, problem: ProblemId, route: u32) -> bool {
        let from = (problem, route, AlertKey(0));
        let to = (problem, route, AlertKey(u128::MAX));
        self.digests.range(from..=to).next().is_some()
    }

    /// The digests that list a problem, by route.
    pub(super) fn digests_of(&self, problem: ProblemId) -> impl Iterator<Item = (u32, AlertKey)> {
        let from = (problem, 0, AlertKey(0));
        let to = (problem, u32::MAX, AlertKey(u128::MAX));
        self.digests.range(from..=to).map(|it| (it.1, it.2))
    }

    pub(super) fn active(&self, problem: ProblemId, route: u32) -> Option<AlertKey> {
        self.active.get(&(problem, route)).copied()
    }

    pub(super) fn activate(&mut self, problem: ProblemId, route: u32, key: AlertKey) {
        self.active.insert((problem, route), key);
    }

    /// `key` has ended, if it was the active one.
    pub(super) fn release(&mut self, problem: ProblemId, route: u32, key: AlertKey) {
        if self.active(problem, route) == Some(key) {
            self.active.remove(&(problem, route));
        }
    }
}
