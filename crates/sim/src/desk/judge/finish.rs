//! After a long quiet time: nothing is owed any more, and everybody who heard of a problem heard of
//! its end.

use std::collections::BTreeMap;

use model::{About, Alert, AlertKind, AlertState, Problem, ProblemId, Route};

use super::{Judge, View};
use crate::desk::estate::MINUTE;

impl Judge {
    /// The world ends.
    pub(crate) fn finish(&mut self, view: &View<'_>, outbox_is_empty: bool) {
        self.scan(view);
        let asked = self.tickets.first().copied();
        self.demand(asked.is_none(), || format!("request {asked:?} was never answered"));
        self.demand(outbox_is_empty, || "the outbox does not empty".to_owned());
        let minute_ago = view.now.before(MINUTE);
        let mut waiting = view.shelf.alerts.values().filter(|it| it.is_waiting());
        let waiting = waiting.find(|it| it.owed_at < minute_ago);
        self.demand(waiting.is_none(), || format!("is still owed: {waiting:?}"));
        self.judge_ends(view);
    }

    /// In the middle of an outage of the first site, or of our own sight (`ours`): one problem, no
    /// page for each host, and nobody forgotten.
    pub(crate) fn inspect(&mut self, view: &View<'_>, ours: bool) {
        let own = |it: &Problem| matches!(it.about, About::Own(_));
        let told = |it: &&Problem| it.told.values().any(|told| told.status.is_some());
        let others: Vec<&Problem> = view.shelf.open().filter(|it| !own(it)).collect();
        let others = others.into_iter();
        let pages: Vec<_> = others.clone().filter(told).map(|it| it.about.name()).collect();
        if ours {
            let uplink = |it: &&Problem| it.about == About::Own("uplink".into());
            let uplink = view.shelf.open().filter(uplink).count();
            self.demand(uplink == 1, || format!("{uplink} problems of ours while we are blind"));
            self.judge_own_told(view);
            return self.demand(pages.is_empty(), || format!("told while we are blind: {pages:?}"));
        }
        let open: Vec<_> = others.map(|it| it.about.name()).collect();
        self.demand(open.len() == 1, || format!("the outage has these problems: {open:?}"));
        self.demand(pages.len() <= 1, || format!("the outage has these pages: {pages:?}"));
        for it in view.shelf.open().filter(|it| !own(it)) {
            self.judge_announcement(view, it);
        }
        let down = view.estate.items.iter().enumerate().filter(|(place, it)| {
            it.site == Some(0) && !view.looks.all[*place].kept.status.is_fine()
        });
        let listed = view.shelf.open().filter(|it| !own(it)).map(|it| it.symptoms.len() + 1).sum();
        let down = down.count();
        self.demand(down <= listed, || format!("{down} are down, {listed} are listed"));
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
            let unsent =
                |it: &&&Alert| matches!(it.state, AlertState::Dead { .. }) && !it.may_have_arrived;
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
