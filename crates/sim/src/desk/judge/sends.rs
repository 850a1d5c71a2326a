//! What is sent, and what receivers see.

use std::time::Duration;

use model::{Alert, AlertKey, AlertKind, ProblemId};

use super::{Judge, View, identity, says_bad, tales_of};
use crate::desk::{driver::is_fallback, estate::SECOND};

/// The shortest waits after the first, second, … failed try.
const WAITS: [u64; 5] = [1, 7, 23, 47, 95];
/// What rows that are kept late may add to any time.
const SLACK: Duration = Duration::from_secs(30);

impl Judge {
    /// A message leaves.
    pub(crate) fn sent(&mut self, view: &View<'_>, alert: &Alert) {
        self.seen.tries += 1;
        let key = alert.key;
        let row = view.shelf.alerts.get(&key);
        let kept = row.is_some_and(|it| it.may_have_arrived && it.is_waiting());
        self.demand(kept, || format!("{key} leaves before that is kept: {row:?}"));
        let same = row.is_some_and(|it| identity(it) == identity(alert));
        self.demand(same, || format!("{key} leaves as something else than what is kept"));
        let awake = view.now.since(view.awake_since) > SLACK;
        let late = view.now > alert.expires_at.after(SLACK) && awake;
        self.demand(!late, || format!("{key} leaves after its time to live"));
        let taken = self.taken_by.get(&*alert.route.channel).copied().unwrap_or(0);
        let Some(life) = self.lives.get_mut(&key) else { return };
        let twice = std::mem::replace(&mut life.in_flight, true);
        let hurried = life.ended_at.filter(|it| it.1 == taken).map(|(at, _)| {
            let wait = WAITS[(life.ended.max(1) as usize - 1).min(WAITS.len() - 1)];
            view.now < at.after(SECOND * wait as u32)
        });
        self.demand(!twice, || format!("{key} is on its way twice at the same time"));
        self.demand(hurried != Some(true), || format!("{key} is tried again too soon"));
    }

    /// A receiver has got a message.
    pub(crate) fn arrived(&mut self, view: &View<'_>, alert: &Alert) {
        self.seen.arrivals += 1;
        let key = alert.key;
        let Some(life) = self.lives.get_mut(&key) else {
            return self.fail(format!("{key} arrives, and was never kept"));
        };
        if std::mem::replace(&mut life.arrived, true) {
            self.seen.repeats += 1;
            return;
        }
        for (problem, kind, ordinal, told_by) in tales_of(alert, view.shelf) {
            if problem != ProblemId(0) && view.shelf.problems.contains_key(&problem) {
                // It may have gone into a digest when somebody wanted it to be tried again.
                let again = [key, told_by].iter().any(|it| self.is_wanted_again(*it));
                self.hear(problem, alert, (kind, ordinal), again);
            }
        }
    }

    /// Did somebody want it to be tried again when it was dead?
    pub(super) fn is_wanted_again(&self, key: AlertKey) -> bool {
        self.lives.get(&key).is_some_and(|it| it.again)
    }

    /// The receiver hears of one problem for the first time by this alert.
    fn hear(
        &mut self,
        problem: ProblemId,
        alert: &Alert,
        (kind, ordinal): (AlertKind, u32),
        again: bool,
    ) {
        let route = alert.route.clone();
        let tale = self.tales.entry((problem, route)).or_default();
        // What a fallback lists was numbered for another route, and what is tried again comes late.
        let foreign = again || is_fallback(alert) && !alert.content.members.is_empty();
        let last = if foreign { None } else { tale.last.replace(ordinal) };
        let knew = tale.may_know;
        tale.may_know |= says_bad(kind);
        self.demand(last.is_none_or(|it| it <= ordinal), || {
            format!(
                "problem {problem}: number {ordinal} arrives after {last:?} at {:?}",
                alert.route
            )
        });
        self.demand(kind != AlertKind::Resolve || knew, || {
            format!("{:?} hears that problem {problem} is over, and never heard of it", alert.route)
        });
    }
}
