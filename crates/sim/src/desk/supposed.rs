//! What is supposed, held against what really happens: a hypothesis changes nothing, and foresees
//! who is told.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use engine::desk::{Effect, Hypothesis, Input, Outcome, Supposed};
use model::{
    About, Alert, AlertKind, CheckableId, Delivery, Look, Moment, Route, StateType, Status,
    Transition,
};

use super::{
    driver::Driver,
    estate::{Estate, HOUR},
    looks::Looks,
    shelf::Shelf,
};

/// How far what is supposed is followed.
const FOLLOWED: Duration = Duration::from_secs(8 * 3600);
/// Turns of the desk within that; more would be a loop.
const TURNS_MAX: usize = 5_000;

/// A desk of nobody's, made of what is kept, for which `place` really goes bad.
struct Twin {
    driver: Driver,
    told: BTreeSet<Route>,
}

/// Says what is wrong, if anything: what if the one at `place`, which is well, were bad from `now`
/// on? To be asked while nothing is open and nothing is owed.
pub(crate) fn fault_in(
    driver: &Driver,
    (now, shelf, estate, looks): (Moment, &Shelf, &Estate, &Looks),
    place: usize,
) -> Option<String> {
    let item = &estate.items[place];
    let status = if item.of_host { Status::Down } else { Status::Critical };
    let until = now.after(FOLLOWED);
    let given = vec![Supposed { name: Arc::clone(&item.name), status, at: now }];
    let hypothesis = Hypothesis { given, until, answer: None };
    let before = format!("{:?}", driver.desk);
    let Some(foreseen) = driver.desk.suppose(&hypothesis) else {
        return Some(format!("nobody supposes anything of {}", item.name));
    };
    if before != format!("{:?}", driver.desk) {
        return Some(format!("to suppose that {} is bad has changed something", item.name));
    }
    let foreseen: BTreeSet<Route> = foreseen.told.into_iter().map(|it| it.route).collect();
    let told = Twin::start(now, shelf, estate, looks).live(now, until, place, status);
    (foreseen != told)
        .then(|| format!("{} bad: supposed are {foreseen:?}, told are {told:?}", item.name))
}

impl Twin {
    fn start(now: Moment, shelf: &Shelf, estate: &Estate, looks: &Looks) -> Self {
        let (driver, _) = Driver::start(now, shelf, (estate, looks), None, None);
        Self { driver, told: BTreeSet::new() }
    }

    /// All triggers about problems until then; receivers take everything.
    fn live(mut self, now: Moment, until: Moment, place: usize, status: Status) -> BTreeSet<Route> {
        let fine = if status == Status::Down { Status::Up } else { Status::Ok };
        let look = |status| Look { status, kind: StateType::Hard, attempt: 1 };
        let change = Transition {
            checkable: CheckableId(u32::try_from(place).expect("estates are small")),
            at: now,
            from: look(fine),
            to: look(status),
            was_flapping: false,
            flapping: false,
            centipercent: 0,
            cause: None,
            measures: Vec::new(),
        };
        let outcome = self.driver.desk.handle(now, Input::Changed(change));
        self.take(now, outcome);
        for _ in 0..TURNS_MAX {
            let Some(at) = self.driver.desk.next_wake().filter(|it| *it <= until) else { break };
            let at = at.max(now);
            let outcome = self.driver.desk.handle(at, Input::Wake);
            self.take(at, outcome);
        }
        self.told
    }

    fn take(&mut self, at: Moment, outcome: Outcome) {
        for effect in outcome.effects {
            let Effect::Deliver(alert) = effect else { continue };
            if tells(&alert) {
                self.told.insert(alert.route.clone());
            }
            let input = Input::Delivered { key: alert.key, delivery: Delivery::Taken };
            let next = self.driver.desk.handle(at, input);
            self.take(at, next);
        }
    }
}

/// Is it a trigger, or a digest with one, about something else than trouble of our own?
fn tells(alert: &Alert) -> bool {
    let members = alert.content.members.iter().map(|it| (it.kind, it.about.as_ref()));
    let mut all = members.chain([(alert.kind, alert.content.about.as_ref())]);
    all.any(|(kind, about)| {
        kind == AlertKind::Trigger && about.is_some_and(|it| !matches!(it, About::Own(_)))
    })
}

/// Times are worked out far enough ahead for what is supposed.
pub(crate) fn is_covered(now: Moment, estate: &Estate) -> bool {
    estate.times.covers.is_some_and(|it| it.until > now.after(FOLLOWED).after(HOUR))
}
