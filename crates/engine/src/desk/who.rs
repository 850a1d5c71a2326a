//! Who is meant by a step of a ladder at a given moment, and by which route each is reached.

use std::{collections::BTreeSet, sync::Arc};

use model::{Channel, Moment, Override, Person, Route, Severity, Target};

use super::pen::Rules;

/// Rotations that name the next one may be followed so far.
const OTHERWISE_MAX: usize = 8;

/// The contact of a channel that is one place for all.
pub(crate) const EVERYBODY: &str = "*";

/// Somebody to tell, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reachable {
    pub(crate) route: Route,
    /// Wants to be left alone until then.
    pub(crate) quiet_until: Option<Moment>,
}

/// Which address mails need.
const MAIL: &str = "email";

/// What a step comes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) routes: Vec<Reachable>,
    /// `oncall/desk -> Chloe Lund`, for the record.
    pub(crate) text: String,
}

/// The people behind `target` at `at`, and how that came about in words.
pub(crate) fn people_of(
    target: Target,
    rules: &Rules,
    overrides: &[&Override],
    at: Moment,
) -> (BTreeSet<u32>, String) {
    let duty = &rules.duty;
    match target {
        Target::Person(it) => {
            let name = duty.people.get(it as usize).map_or("", |it| &it.name);
            (BTreeSet::from([it]), name.to_owned())
        }
        Target::Team(it) => {
            let Some(team) = duty.teams.get(it as usize) else { return Default::default() };
            (team.people.iter().copied().collect(), format!("team/{}", team.name))
        }
        Target::Oncall(it) => on_call(it, rules, overrides, at),
    }
}

/// Who has the duty `oncall` at `at`.
pub(crate) fn on_call(
    oncall: u32,
    rules: &Rules,
    overrides: &[&Override],
    at: Moment,
) -> (BTreeSet<u32>, String) {
    let mut next = Some(oncall);
    let mut text = String::new();
    for _ in 0..OTHERWISE_MAX {
        let Some(place) = next else { break };
        let Some(oncall) = rules.duty.oncall.get(place as usize) else { break };
        if !text.is_empty() {
            text.push_str(": nobody -> ");
        }
        text.push_str(&format!("oncall/{}", oncall.name));
        let stand_ins: BTreeSet<u32> = overrides
            .iter()
            .filter(|it| it.oncall == oncall.name && it.span.holds(at))
            .filter_map(|it| place_of_person(rules, &it.person))
            .collect();
        if !stand_ins.is_empty() {
            text.push_str(" (override)");
            return (stand_ins, text);
        }
        let shifts = rules.times.shifts.get(place as usize).map(|it| &**it).unwrap_or_default();
        let after = shifts.partition_point(|it| it.span.from <= at);
        let shift = after.checked_sub(1).map(|it| &shifts[it]).filter(|it| it.span.holds(at));
        if let Some(shift) = shift
            && !shift.people.is_empty()
        {
            return (shift.people.iter().copied().collect(), text);
        }
        next = oncall.otherwise;
    }
    text.push_str(": nobody");
    (BTreeSet::new(), text)
}

/// The place of the person called `name`.
pub(crate) fn place_of_person(rules: &Rules, name: &str) -> Option<u32> {
    let people = &rules.duty.people;
    let at = people.binary_search_by(|it| (*it.name).cmp(name)).ok()?;
    u32::try_from(at).ok()
}

/// The routes of everybody in `targets` by the channels `via`, each route once.
pub(crate) fn reach(
    targets: &[Target],
    via: &[u32],
    severity: Severity,
    rules: &Rules,
    overrides: &[&Override],
    at: Moment,
) -> Reached {
    let mut people = BTreeSet::new();
    let mut texts = Vec::new();
    for target in targets {
        let (these, how) = people_of(*target, rules, overrides, at);
        let titles: Vec<_> = these.iter().filter_map(|it| person(rules, *it)).collect();
        let titles: Vec<_> = titles.iter().map(|it| &*it.title).collect();
        texts.push(if titles.is_empty() { how } else { format!("{how} -> {}", titles.join(", ")) });
        people.extend(these);
    }
    let mut reached = Reached { routes: Vec::new(), text: texts.join("; ") };
    let channels = via.iter().filter_map(|it| rules.duty.channels.get(*it as usize));
    for channel in channels {
        let before = reached.routes.len();
        routes_by(channel, &people, severity, rules, at, &mut reached.routes);
        if reached.routes.len() == before {
            reached.text.push_str(&format!("; by {} nobody", channel.name));
        }
    }
    reached
}

/// The routes to the contacts of `customer`, by mail; without any, `text` says why.
pub(crate) fn to_customer(customer: &str, rules: &Rules) -> Reached {
    let duty = &rules.duty;
    let at = duty.customers.binary_search_by(|it| (*it.name).cmp(customer));
    let contacts = at.map(|at| &*duty.customers[at].contacts).unwrap_or_default();
    let Some(mail) = duty.channels.iter().find(|it| it.personal.as_deref() == Some(MAIL)) else {
        let text = "there is no channel that sends mails".to_owned();
        return Reached { routes: Vec::new(), text };
    };
    if contacts.is_empty() {
        let who = if customer.is_empty() { "nobody's call" } else { customer };
        return Reached { routes: Vec::new(), text: format!("{who} has no `contacts`") };
    }
    let route = |contact: &Arc<str>| Reachable {
        route: Route { channel: Arc::clone(&mail.name), contact: Arc::clone(contact) },
        quiet_until: None,
    };
    let routes = contacts.iter().map(route).collect();
    Reached { routes, text: contacts.join(", ") }
}

/// The person called `name` by the first channel that reaches them.
pub(crate) fn to_person(
    name: &str,
    severity: Severity,
    rules: &Rules,
    at: Moment,
) -> Option<Reachable> {
    let person = person(rules, place_of_person(rules, name)?)?;
    let reaches =
        |it: &&Channel| it.personal.as_ref().is_some_and(|it| person.addresses.contains_key(it));
    let channel = rules.duty.channels.iter().find(reaches)?;
    let route = Route { channel: Arc::clone(&channel.name), contact: Arc::clone(&person.name) };
    Some(Reachable { route, quiet_until: quiet(person, severity, rules, at) })
}

fn routes_by(
    channel: &Channel,
    people: &BTreeSet<u32>,
    severity: Severity,
    rules: &Rules,
    at: Moment,
    routes: &mut Vec<Reachable>,
) {
    let route = |contact: &Arc<str>| Route {
        channel: Arc::clone(&channel.name),
        contact: Arc::clone(contact),
    };
    let Some(address) = &channel.personal else {
        let here = Reachable { route: route(&Arc::from(EVERYBODY)), quiet_until: None };
        if !routes.contains(&here) {
            routes.push(here);
        }
        return;
    };
    for person in people.iter().filter_map(|it| person(rules, *it)) {
        if !person.addresses.contains_key(address) {
            continue;
        }
        let here = Reachable {
            route: route(&person.name),
            quiet_until: quiet(person, severity, rules, at),
        };
        if !routes.contains(&here) {
            routes.push(here);
        }
    }
}

/// Until when the person whom `route` reaches wants to be left alone. A place for all never does.
pub(crate) fn quiet_until(
    route: &Route,
    severity: Severity,
    rules: &Rules,
    at: Moment,
) -> Option<Moment> {
    let place = place_of_person(rules, &route.contact)?;
    let channels = &rules.duty.channels;
    let channel = channels.binary_search_by(|it| it.name.cmp(&route.channel)).ok()?;
    channels[channel].personal.as_ref()?;
    quiet(person(rules, place)?, severity, rules, at)
}

fn person(rules: &Rules, place: u32) -> Option<&Person> {
    rules.duty.people.get(place as usize)
}

/// Until when this person wants to be left alone.
fn quiet(person: &Person, severity: Severity, rules: &Rules, at: Moment) -> Option<Moment> {
    if person.wakes.is_some_and(|it| severity >= it) {
        return None;
    }
    rules.times.hours.get(person.quiet? as usize)?.closes(at)
}
