//! Where a dead alert goes instead.
//!
//! Only what somebody has to hear goes on: a resolve or a note that it was acknowledged would reach
//! somebody who never heard of the problem. A chain of fallbacks ends, also if it was written as a
//! circle.

use model::{Alert, AlertKey, AlertKind, AlertState, Channel, Duty, Member, ProblemId, Route};

use super::{digest, find_channel, gathers};
use crate::desk::{
    pen::{Pen, Rules},
    steps::FALLBACK_STEP,
    who::EVERYBODY,
};

/// So often an alert is handed on to a fallback.
const FALLBACK_HOPS_MAX: u32 = 3;

/// The route that gets `dead` instead of its own.
pub(super) fn route_of(dead: &Alert, rules: &Rules) -> Option<Route> {
    let members = &dead.content.members;
    let worth_it = if members.is_empty() {
        is_worth_it(dead.kind)
    } else {
        members.iter().any(|it| is_worth_it(it.kind))
    };
    let hops = hops(dead) + 1;
    if !worth_it || hops > FALLBACK_HOPS_MAX {
        return None;
    }
    let duty = &rules.duty;
    let own = find_channel(rules, &dead.route.channel)?;
    let mut channel = next(duty, own)?;
    for further in 0..FALLBACK_HOPS_MAX {
        let round = *channel.name == *own.name || leads_back(duty, channel, own, hops + further);
        if round {
            return None;
        }
        if let Some(contact) = contact_at(duty, channel, &dead.route.contact) {
            return Some(Route { channel: channel.name.clone(), contact });
        }
        channel = next(duty, channel)?;
    }
    None
}

/// What a dead digest lists, an alert each, if the channel that gets it tells each problem by
/// itself: there a digest would be one thing that no resolve ends. Nothing if it may stay whole.
pub(super) fn apart(dead: &Alert, channel: &str, rules: &Rules) -> Vec<Alert> {
    if gathers(find_channel(rules, channel)) {
        return Vec::new();
    }
    dead.apart()
}

/// The alert that goes to the fallback route of `dead`.
pub(super) fn alert_of(
    installation: u64,
    dead: &Alert,
    ordinal: u32,
    rules: &Rules,
    pen: &mut Pen,
) -> Option<Alert> {
    let route = route_of(dead, rules)?;
    let ttl = find_channel(rules, &route.channel)?.ttl;
    let step = FALLBACK_STEP + hops(dead);
    // A number that was never used before, so the key is a new one whatever died before.
    let number = ProblemId(pen.id());
    let mut content = dead.content.clone();
    let is_digest = !content.members.is_empty();
    if is_digest {
        content.members.retain(|it: &Member| is_worth_it(it.kind));
        content.title = digest::title_of(&content.members);
    }
    Some(Alert {
        key: AlertKey::of(installation, number, step, &route, ordinal),
        kind: if is_digest { digest::kind_of(&content.members) } else { dead.kind },
        problem: dead.problem,
        ordinal: if is_digest { 0 } else { ordinal },
        step,
        owed_at: pen.now,
        not_before: pen.now,
        expires_at: pen.now.after(ttl),
        attempts: 0,
        may_have_arrived: false,
        fault: String::new(),
        state: AlertState::Waiting,
        content,
        route,
    })
}

fn is_worth_it(kind: AlertKind) -> bool {
    match kind {
        AlertKind::Trigger
        | AlertKind::Reminder
        | AlertKind::Missed
        | AlertKind::Question
        | AlertKind::Call
        | AlertKind::Message
        | AlertKind::Window => true,
        AlertKind::Acknowledged | AlertKind::Resolve | AlertKind::Heartbeat | AlertKind::Test => {
            false
        }
    }
}

/// How often it has been handed on.
fn hops(alert: &Alert) -> u32 {
    match alert.step.checked_sub(FALLBACK_STEP) {
        Some(hop) if hop < FALLBACK_HOPS_MAX => hop + 1,
        _ => 0,
    }
}

/// Would an alert at `channel` that has made so many hops, the last one from `own`, have been there
/// before? It cannot say where it began, so within a circle it makes at most one round.
fn leads_back(duty: &Duty, channel: &Channel, own: &Channel, hops: u32) -> bool {
    let mut at = channel;
    for length in 2..=FALLBACK_HOPS_MAX + 1 {
        let Some(it) = next(duty, at) else { return false };
        if it.name == own.name {
            return hops >= length;
        }
        at = it;
    }
    false
}

fn next<'a>(duty: &'a Duty, channel: &Channel) -> Option<&'a Channel> {
    duty.channels.get(usize::try_from(channel.fallback?).ok()?)
}

/// Whom a channel reaches in place of `contact`.
fn contact_at(duty: &Duty, channel: &Channel, contact: &str) -> Option<std::sync::Arc<str>> {
    let Some(address) = &channel.personal else { return Some(EVERYBODY.into()) };
    let person = duty.people.iter().find(|it| *it.name == *contact)?;
    person.addresses.contains_key(address).then(|| person.name.clone())
}
