//! After a long quiet time: nothing is owed any more, and everybody who heard of a problem heard of
//! its end.

use std::collections::BTreeMap;

use model::{Alert, AlertKind, AlertState, ProblemId, Route};

use super::{Judge, View};

impl Judge {
    /// The world ends.
    pub(crate) fn finish(&mut self, view: &View<'_>, outbox_is_empty: bool) {
        self.scan(view);
        let asked = self.tickets.first().copied();
        self.demand(asked.is_none(), || format!("request {asked:?} was never answered"));
        self.demand(outbox_is_empty, || "the outbox does not empty".to_owned());
        let waiting = view.shelf.alerts.values().find(|it| it.is_waiting());
        self.demand(waiting.is_none(), || format!("is still owed: {waiting:?}"));
        self.judge_ends(view);
    }

    fn judge_ends(&mut self, view: &View<'_>) {
        let mut resolves: BTreeMap<(ProblemId, Route), Vec<&Alert>> = BTreeMap::new();
        for it in view.shelf.alerts.values() {
            if it.kind == AlertKind::Resolve && it.content.members.is_empty() {
                resolves.entry((it.problem, it.route.clone())).or_default().push(it);
            }
        }
        let mut faults = Vec::new();
        for ((problem, route), tale) in &self.tales {
            let Some(it) = view.shelf.problems.get(problem).filter(|it| !it.is_open()) else {
                continue;
            };
            let Some(channel) = view.estate.channel(&route.channel) else { continue };
            let owed = resolves.get(&(*problem, route.clone())).map_or(&[][..], |it| it);
            let withdrawn = |it: &&&Alert| matches!(it.state, AlertState::Withdrawn { .. });
            let unsent = |it: &&&Alert| {
                matches!(it.state, AlertState::Dead { .. }) && !it.may_have_arrived
            };
            let count = owed.iter().filter(|it| !withdrawn(it)).count();
            let sent = owed.iter().filter(|it| !withdrawn(it) && !unsent(it)).count();
            let wanted = usize::from(channel.resolve && tale.knows);
            let most = usize::from(channel.resolve && tale.may_know);
            if count < wanted || sent > most {
                faults.push(format!(
                    "problem {problem} is over ({:?}, {:?}), and {route:?} (knows {}) is told {count} times: {owed:?}",
                    it.ending, it.ended_at, tale.knows
                ));
            }
        }
        faults.into_iter().for_each(|it| self.fail(it));
    }
}
