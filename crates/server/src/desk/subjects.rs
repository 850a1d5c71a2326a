//! A plan as the desk sees it: who is watched, under which policy and contract, and where.

use std::{collections::HashMap, sync::Arc};

use engine::desk::Recalled;
use model::{Asked, Belief, CheckableId, MeasureSpec, Plan, Subject};
use probe::CATALOGUE;

use crate::register::Laid;

/// Everybody in `plan`, with the ids that the register gave them.
pub(crate) fn subjects_of(plan: &Plan, laid: &Laid) -> Vec<Subject> {
    let customers = &plan.duty.customers;
    let customer_of = |name: &str| {
        let at = customers.binary_search_by(|it| (*it.name).cmp(name));
        at.map_or(u32::MAX, |at| u32::try_from(at).unwrap_or(u32::MAX))
    };
    let hosts = plan.hosts.iter().zip(&laid.hosts).map(|(host, (id, name))| Subject {
        id: *id,
        name: Arc::clone(name),
        host: None,
        of_host: true,
        customer: customer_of(&host.customer),
        site: host.site,
        parents: host.parents.iter().map(|it| laid.hosts[*it as usize].0).collect(),
        labels: Arc::clone(&host.labels),
        policy: host.policy,
        contract: host.contract,
        measures: measures_of(host.alive.as_ref()),
    });
    let services = plan.services.iter().zip(&laid.services).map(|(service, (id, name))| Subject {
        id: *id,
        name: Arc::clone(name),
        host: service.host.map(|it| laid.hosts[it as usize].0),
        of_host: false,
        customer: customer_of(&service.customer),
        site: service.host.and_then(|it| plan.hosts[it as usize].site),
        parents: Arc::from([]),
        labels: Arc::clone(&service.labels),
        policy: service.policy,
        contract: service.contract,
        measures: measures_of(Some(&service.asked)),
    });
    hosts.chain(services).collect()
}

/// What looks of this check may measure.
fn measures_of(asked: Option<&Asked>) -> &'static [MeasureSpec] {
    let kind = asked.and_then(|it| CATALOGUE.get(usize::from(it.check.kind.0)));
    kind.map_or(&[], |it| it.spec.measures)
}

/// What an earlier process believed of those in `plan`.
pub(crate) fn recalled_of(laid: &Laid, restored: &HashMap<String, Belief>) -> Vec<Recalled> {
    let all = laid.hosts.iter().chain(&laid.services);
    all.filter_map(|(id, name)| Some(recalled_one(*id, restored.get(&**name)?))).collect()
}

fn recalled_one(id: CheckableId, belief: &Belief) -> Recalled {
    let text = belief.cause.as_ref().map(|it| Arc::from(it.to_string())).unwrap_or_default();
    Recalled {
        id,
        status: belief.now.status,
        kind: belief.now.kind,
        flapping: belief.flapping,
        text,
        since: belief.since,
    }
}
