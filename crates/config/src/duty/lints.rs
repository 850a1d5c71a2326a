//! Doubts about who is told: a valid configuration can silently reach nobody.

use std::collections::BTreeSet;

use model::{Duty, Plan, Scope, Target};

use super::{Clerk, Desk, Names, times};
use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    quoted,
    section::Section,
    source::{Place, Sources},
};

/// Comparisons that the search for what a scope means may take, in all: some 100 ms.
const COMPARISONS_MAX: usize = 20_000_000;

/// Somebody who is to be told, as it was written.
pub(super) struct Told {
    pub(super) to: Vec<Target>,
    pub(super) via: Vec<u32>,
    pub(super) at: Place,
}

impl Clerk<'_, '_, '_> {
    /// Has everybody the addresses by which they are to be told?
    pub(super) fn addresses_needed(&mut self, duty: &Duty, told: &[Told]) {
        for one in told {
            let needed = one.via.iter().filter_map(|it| duty.channels.get(*it as usize));
            let people: BTreeSet<u32> = one.to.iter().flat_map(|it| people(duty, *it)).collect();
            for (address, channel) in
                needed.filter_map(|it| Some((it.personal.as_ref()?, &it.name)))
            {
                for place in &people {
                    let person = &duty.people[*place as usize];
                    if person.addresses.contains_key(address) {
                        continue;
                    }
                    let named = &self.desk.names.all(Section::People)[*place as usize];
                    let key = self.view(named.key);
                    let what = format!("{} has no `{address}`", quoted(&person.name));
                    self.add(
                        Diagnostic::new(Code::NoAddressOfPerson, what)
                            .at(key.place())
                            .also(one.at, format!("told by {} here", quoted(channel)))
                            .help(format!("write `{address}:`, or tell them by another channel")),
                    );
                }
            }
        }
    }
}

/// Looks for rotations on which a policy counts and that leave gaps.
pub(super) fn coverage(desk: Desk<'_, '_>, duty: &Duty, told: &[Told], report: &mut Report) {
    let mut seen = BTreeSet::new();
    let gaps = times::first_gaps(duty, desk.now);
    let all = told.iter().flat_map(|one| one.to.iter().map(|to| (to, one.at)));
    for (target, place) in all {
        let Target::Oncall(rotation) = target else { continue };
        let gap = gaps.get(*rotation as usize).and_then(Option::as_ref);
        let (Some(gap), true) = (gap, seen.insert(*rotation)) else { continue };
        let named = &desk.names.all(Section::Oncall)[*rotation as usize];
        let what = format!("nobody has the duty {} {gap}", quoted(&named.name));
        report.add(
            Diagnostic::new(Code::NobodyOnDuty, what)
                .at(desk.library.view(named.key).place())
                .also(place, "a policy counts on it here")
                .help("name somebody for that time, or another rotation with `otherwise:`"),
        );
    }
}

/// Looks for policies that are of no consequence.
pub(super) fn silent_policies(desk: Desk<'_, '_>, duty: &Duty, report: &mut Report) {
    for (policy, named) in duty.policies.iter().zip(desk.names.all(Section::Policies)) {
        if policy.propose.is_some() || policy.call.is_some() || !policy.steps.is_empty() {
            continue;
        }
        let what = format!("the policy {} does nothing", quoted(&policy.name));
        report.add(
            Diagnostic::new(Code::TellsNobody, what)
                .at(desk.library.view(named.key).place())
                .label("it neither proposes nor calls nor tells anybody"),
        );
    }
}

/// A rotation and those that stand in for it, in order.
fn stand_ins(duty: &Duty, first: u32) -> Vec<u32> {
    let mut chain = Vec::new();
    let mut next = Some(first);
    while let Some(at) = next.filter(|it| !chain.contains(it)) {
        let Some(oncall) = duty.oncall.get(at as usize) else { break };
        chain.push(at);
        next = oncall.otherwise;
    }
    chain
}

/// Everybody who may be meant.
fn people(duty: &Duty, target: Target) -> Vec<u32> {
    match target {
        Target::Person(person) => vec![person],
        Target::Team(team) => {
            duty.teams.get(team as usize).map(|it| it.people.clone()).unwrap_or_default()
        }
        Target::Oncall(rotation) => {
            let chain = stand_ins(duty, rotation).into_iter();
            let layers = chain.flat_map(|it| &duty.oncall[it as usize].rotation.layers);
            layers.flat_map(|it| it.turns.iter().flatten().copied()).collect()
        }
    }
}

/// Everything to which nothing refers.
pub(crate) fn unused(names: &Names<'_>, sources: &Sources, report: &mut Report) {
    for section in Section::ALL.into_iter().filter(|it| *it != Section::Maintenance) {
        for named in names.unused(section) {
            let what = format!("the {} {} is never used", section.noun(), quoted(&named.name));
            let place = sources.view(named.key).place();
            report.add(Diagnostic::new(Code::NeverUsed, what).at(place));
        }
    }
}

/// Looks for scopes that mean nothing of the plan.
pub(crate) fn empty_scopes(
    plan: &Plan,
    duty: &Duty,
    scopes: &[(Scope, Place)],
    report: &mut Report,
) {
    let mut left = COMPARISONS_MAX;
    // Whole names are put together only where they are asked for.
    let by_whole_name = |it: &Scope| it.lines.iter().flatten().any(|it| &*it.label == "name");
    for (scope, place) in scopes.iter().filter(|it| !by_whole_name(&it.0)) {
        let found = plan.hosts.iter().take_while(|_| spend(&mut left)).any(|host| {
            scope.holds(|label| match label {
                "customer" => &host.customer,
                "host" => &host.name,
                "site" => site(duty, host.site),
                "service" => "",
                label => label_of(&host.labels, label),
            })
        });
        let found = found
            || plan.services.iter().take_while(|_| spend(&mut left)).any(|service| {
                let host = service.host.map(|it| &plan.hosts[it as usize]);
                scope.holds(|label| match label {
                    "customer" => &service.customer,
                    "host" => host.map_or("", |it| &it.name),
                    "site" => site(duty, host.and_then(|it| it.site)),
                    "service" => &service.name,
                    label => label_of(&service.labels, label),
                })
            });
        if left == 0 {
            return;
        }
        if !found {
            let what = "no host and no service is meant by this";
            report.add(Diagnostic::new(Code::MatchesNothing, what).at(*place));
        }
    }
}

fn spend(left: &mut usize) -> bool {
    *left = left.saturating_sub(1);
    *left > 0
}

fn site(duty: &Duty, site: Option<u32>) -> &str {
    site.and_then(|it| duty.sites.get(it as usize)).map_or("", |it| &it.name)
}

fn label_of<'a>(labels: &'a model::Labels, name: &str) -> &'a str {
    labels.iter().find(|it| &*it.0 == name).map_or("", |it| &it.1)
}
