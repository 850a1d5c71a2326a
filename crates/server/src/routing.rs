//! `campanile test`: who would be told, by the rules as they are written, without sending anything.

use std::{sync::Arc, time::Duration};

use config::{Loaded, RoutingTest, ToldBy};
use engine::desk::{Desk, Foreseen, Hypothesis};
use model::{Moment, Plan};

use crate::{desk::subjects_of, follower::horizon, register::Register};

/// What one routing test came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// What it shows, in words.
    pub name: String,
    /// Where it was written.
    pub place: Arc<str>,
    /// What is not as expected, one line each; empty if all is.
    pub faults: Vec<String>,
}

/// Runs all routing tests of `loaded` against its own rules.
#[must_use]
pub fn routing_tests(loaded: &Loaded, tests: &[RoutingTest]) -> Vec<Routed> {
    let Some(plan) = &loaded.plan else { return Vec::new() };
    tests.iter().map(|it| run(plan, it)).collect()
}

fn run(plan: &Plan, test: &RoutingTest) -> Routed {
    let desk = desk_at(plan, test.moment);
    let mut told = Vec::new();
    let (mut called, mut proposed) = (false, false);
    let mut faults = Vec::new();
    for given in &test.given {
        let hypothesis = Hypothesis {
            name: Arc::from(given.name.as_str()),
            status: given.status,
            at: test.moment.before(given.held),
            lasts: given.held,
        };
        let Some(expected) = desk.suppose(&hypothesis) else {
            faults.push(format!("no host or service is called `{}`", given.name));
            continue;
        };
        called |= expected.called_at.is_some();
        proposed |= expected.proposed_at.is_some();
        told.extend(expected.told.into_iter().filter(|it| it.at <= test.moment));
    }
    faults.extend(compare(plan, &desk, test, &told));
    for (what, wanted, found) in
        [("call", test.call, called), ("proposal", test.proposal, proposed)]
    {
        if wanted.is_some_and(|it| it != found) {
            faults.push(format!("there is {} {what}", if found { "a" } else { "no" }));
        }
    }
    Routed { name: test.name.clone(), place: Arc::clone(&test.place), faults }
}

fn compare(plan: &Plan, desk: &Desk, test: &RoutingTest, told: &[Foreseen]) -> Vec<String> {
    let Some(wanted) = &test.told else { return Vec::new() };
    let mut faults = Vec::new();
    for it in wanted {
        if !told.iter().any(|seen| fits(plan, desk, it, seen)) {
            faults.push(format!("not told: {}", it.text));
        }
    }
    for seen in told {
        if !wanted.iter().any(|it| fits(plan, desk, it, seen)) {
            let Foreseen { route, rule, how, .. } = seen;
            faults.push(format!(
                "told besides: {} by {} ({how}, {rule})",
                route.contact, route.channel
            ));
        }
    }
    faults.dedup();
    faults
}

/// Is `seen` what `wanted` means: the same way, and a step for the same people?
fn fits(plan: &Plan, desk: &Desk, wanted: &ToldBy, seen: &Foreseen) -> bool {
    let channel = wanted.via.and_then(|it| plan.duty.channels.get(it as usize));
    if channel.is_some_and(|it| it.name != seen.route.channel) {
        return false;
    }
    let people = desk.people_behind(wanted.who, seen.at);
    let of_step = || seen.to.iter().flat_map(|it| desk.people_behind(*it, seen.at));
    seen.to.contains(&wanted.who)
        || people.contains(&seen.route.contact)
        || &*seen.route.contact == "*" && of_step().any(|it| people.contains(&it))
}

/// A desk that has just begun, with the rules of `plan` worked out around `at`.
fn desk_at(plan: &Plan, at: Moment) -> Desk {
    let mut desk = Desk::new(0, 1);
    let laid = Register::new(1).lay(plan);
    let times = calendar::times(&plan.duty, horizon(at.before(Duration::from_secs(86_400))));
    let subjects = subjects_of(plan, &laid);
    drop(desk.arrange(at, Arc::clone(&plan.duty), Arc::new(times), subjects));
    desk
}
