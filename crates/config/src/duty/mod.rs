//! Who is told, when and how: from what was written to a [`model::Duty`].
//!
//! People, channels, policies and the like belong to no customer. Each is read once, in the order
//! of names, and its place in that order is its id: so whatever refers to another thing can do so
//! before that one is read. What cannot be read keeps its place; there is no plan then anyway.

mod assign;
mod channels;
mod clerk;
mod contracts;
mod customers;
mod gaps;
mod hears;
mod intakes;
mod jobs;
mod judges;
mod lints;
mod names;
mod oncall;
mod own;
mod people;
mod policies;
mod scopes;
mod settings;
mod times;
mod watch_lints;
mod windows;

use std::collections::HashMap;

use model::{ChannelKind, Duty, Moment, Plan, Scope};

use crate::{
    diagnostic::Report,
    draft::Draft,
    layers::Library,
    settle::Settler,
    source::{At, Place},
};

pub(crate) use assign::{Assigned, Assigner, last_named};
pub(crate) use clerk::Clerk;
pub use gaps::{Overlap, overlap};
use lints::Told;
pub(crate) use names::Names;
pub(crate) use own::canary_text;
pub use settings::KEYS as WATCHDOG_KEYS;
pub(crate) use settings::{BUILT_IN_SETTINGS, Settings as WatchdogSettings};
pub(crate) use times::moment;

/// What is needed to read everything here.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'l, 'a> {
    pub(crate) library: &'l Library<'a>,
    pub(crate) settler: &'l Settler,
    pub(crate) names: &'l Names<'a>,
    pub(crate) channel_kinds: &'l [ChannelKind],
    /// Names of the formats in which reports are written.
    pub(crate) formats: &'l [&'l str],
    /// Relative paths begin here.
    pub(crate) folder: &'l std::path::Path,
    pub(crate) now: Moment,
}

/// What was read, and what can only be looked at once there is a plan.
pub(crate) struct Read {
    pub(crate) duty: Duty,
    /// What every maintenance is about.
    scopes: Vec<(Scope, Place)>,
    /// Everybody who is to be told.
    told: Vec<Told>,
    /// Where every watchdog is written, as in [`Duty::jobs`].
    watched: Vec<jobs::Written>,
}

/// Reads everything; of the hosts only their names are known yet.
pub(crate) fn read(desk: Desk<'_, '_>, report: &mut Report) -> Read {
    let mut clerk = Clerk::new(desk, report);
    clerk.read_calendars();
    clerk.read_groups();
    let mut duty = Duty { people: clerk.people(), teams: clerk.teams(), ..Duty::default() };
    duty.oncall = clerk.rotations();
    duty.channels = clerk.channels();
    duty.policies = clerk.policies();
    duty.contracts = clerk.contracts(&duty.channels);
    duty.customers = clerk.customers();
    duty.sites = sites(desk.library.draft).1;
    let zones: Vec<_> = duty.customers.iter().map(|it| it.zone.clone()).collect();
    duty.windows = clerk.windows(&zones);
    clerk.own(&mut duty);
    duty.intakes = clerk.intakes();
    let watched = clerk.jobs(&mut duty);
    duty.hours = clerk.take_hours();
    let told = std::mem::take(&mut clerk.told);
    clerk.addresses_needed(&duty, &told);
    Read { duty, scopes: std::mem::take(&mut clerk.scopes), told, watched }
}

/// Looks at what was read beside the plan. After a mistake most of it would only repeat that.
pub(crate) fn lint(read: &Read, plan: &Plan, desk: Desk<'_, '_>, report: &mut Report) {
    if report.errors > 0 {
        return;
    }
    lints::coverage(desk, &read.duty, &read.told, report);
    lints::silent_policies(desk, &read.duty, report);
    lints::unused(desk.names, desk.library.sources, report);
    lints::empty_scopes(plan, &read.duty, &read.scopes, report);
    watch_lints::doubts(desk, &read.duty, &read.watched, report);
}

/// The sites, sorted by customer and name, and the place of each by its map.
pub(crate) fn sites(draft: &Draft) -> (HashMap<At, u32>, Vec<model::Site>) {
    let (mut places, mut sites) = (HashMap::new(), Vec::new());
    for (customer, number) in draft.customers.iter().zip(0..) {
        let mut of_customer: Vec<(&str, At)> =
            customer.sites.iter().map(|it| (&*it.name, it.body)).collect();
        // The only site of a customer needs no name; it is called like the customer.
        of_customer.extend(customer.only_site.map(|it| (&*customer.name, it)));
        of_customer.sort_unstable();
        for (name, at) in of_customer {
            places.insert(at, u32::try_from(sites.len()).unwrap_or(u32::MAX));
            sites.push(model::Site { customer: number, name: name.into() });
        }
    }
    (places, sites)
}
