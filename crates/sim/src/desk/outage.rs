//! A whole site fails, or our own way out does: the case in which a monitor pages for every host.
//!
//! Each variant has a site of another size, with or without a router before it, with hosts that
//! fail within a moment or half a minute, for minutes or hours; now and then the process dies in
//! the middle. Beside everything that holds in every world: one problem in all, told once, and in
//! time.

use std::{sync::Arc, time::Duration};

use model::{Moment, Policy, WindowEffect};

use super::{
    climate::Climate,
    estate::{FIRST_MONDAY, HOUR, MINUTE, SECOND, Size},
    judge::{OWN_KNOWN_AFTER, Seen},
    world::{What, World, live},
};
use crate::{
    Lived,
    dice::{Dice, MILLION},
};

/// Most hosts of a site that fails.
pub const OUTAGE_HOSTS_MAX: u64 = 10_000;
/// Fewer hosts are no outage of a site.
const HOSTS_MIN: u64 = 10;
/// From the outage to when all of it must be known as one: the slowest host is believed down by
/// then.
const KNOWN_AFTER: Duration = Duration::from_secs(5 * 60);
/// The place of the channel that reaches everybody, as estates have it.
const HOOK: u32 = 1;

/// How many hosts the variant of `seed` has, if `most` is the most: half of them are large, and the
/// others of any size.
#[must_use]
pub fn outage_hosts(seed: u64, most: u64) -> u64 {
    let most = most.clamp(HOSTS_MIN, OUTAGE_HOSTS_MAX);
    let mut dice = Dice::new(seed).fork(8);
    if seed.is_multiple_of(2) {
        most - dice.below(most / 10 + 1)
    } else {
        dice.spread(HOSTS_MIN, most)
    }
}

/// Lives through the outage of a site of `hosts` hosts.
#[must_use]
pub fn outage(seed: u64, hosts: u64, watched: bool) -> Lived<Seen> {
    let dice = Dice::new(seed).fork(9);
    let hosts = hosts.min(OUTAGE_HOSTS_MAX);
    let size = Size { customers: 1, sites: 1, hosts, services: seed % 2, exact: true };
    let start = Moment::from_secs(FIRST_MONDAY).after(HOUR);
    let mut world = World::of(dice, (start, (4 * HOUR, 5 * HOUR)), size, None, watched);
    world.climate = Climate::calm();
    world.events_max = 60 * hosts + 10_000;
    furnish(&mut world, !seed.is_multiple_of(4));
    let ours = world.dice.chance(MILLION / 2) && !world.estate.duty.uplink.canaries.is_empty();
    let begins = 30 * MINUTE;
    let lasts = world.dice.span(2 * KNOWN_AFTER, 3 * HOUR);
    if ours {
        world.push(begins, What::Blackout);
        world.push(begins + lasts, What::Reconnect);
        world.push(begins + OWN_KNOWN_AFTER, What::Inspect);
    } else {
        world.push(begins, What::Outage(lasts));
    }
    world.push(begins + KNOWN_AFTER, What::Inspect);
    if world.dice.chance(MILLION / 4) {
        let wait = world.dice.span(SECOND, 10 * MINUTE);
        world.push(begins + KNOWN_AFTER + wait, What::Crash);
    }
    live(world, seed)
}

/// Looks and rules as they are usual; `prompt`: the first step of every ladder is taken at once,
/// and no window is in the way.
fn furnish(world: &mut World, prompt: bool) {
    // Who is not looked at is not known to be down.
    let duty = Arc::make_mut(&mut world.estate.duty);
    duty.windows.iter_mut().for_each(|it| it.effect = WindowEffect::NoAlerts);
    if prompt {
        duty.windows.clear();
        duty.policies.iter_mut().for_each(tell_at_once);
    }
    if prompt {
        Arc::make_mut(&mut world.estate.times).windows.clear();
    }
    for (place, looked) in world.looks.all.iter_mut().enumerate() {
        // As it is usual: bad news is looked at again before it is believed. Shards let a service
        // wait for the verdict about its host.
        let (canary, of_host) =
            (world.estate.items[place].canary, world.estate.items[place].of_host);
        looked.attempts_max = match (canary, of_host) {
            (true, _) => 2,
            (_, true) => 3,
            (_, false) => 8,
        };
        let retry = if canary { 5 } else { 15 + place as u64 % 10 };
        looked.retry = SECOND * retry as u32;
    }
}

fn tell_at_once(policy: &mut Policy) {
    (policy.hours, policy.gate) = (None, None);
    if let Some(first) = policy.steps.first_mut() {
        first.after = Duration::ZERO;
        first.at_least = model::Severity::Warning;
        first.via = vec![HOOK];
    }
}
