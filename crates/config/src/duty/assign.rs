//! Which policy and which contract hold for a host or service.
//!
//! Both are settings like any other: the nearest layer wins. A contract brings a policy of its own,
//! which counts unless a layer at least as near as the one that names the contract names another.

use crate::{
    diagnostic::Report,
    fill::Filler,
    layers::{Layer, Library},
    params::shown_text,
    section::Section,
    source::View,
};

use super::{Names, customers::is_none};

/// The policy and the contract of one host or service, by their places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) policy: Option<u32>,
    pub(crate) contract: Option<u32>,
    /// The policy is that of the contract.
    pub(crate) by_contract: bool,
}

/// Assigns policies and contracts.
#[derive(Clone, Copy)]
pub(crate) struct Assigner<'l, 'a> {
    pub(crate) library: &'l Library<'a>,
    pub(crate) filler: &'l Filler,
    pub(crate) names: &'l Names<'a>,
    /// The policy of each contract.
    pub(crate) of_contract: &'l [Option<u32>],
}

/// What a layer names, with the place of that layer among all.
type Named<'v> = Option<(usize, View<'v>)>;

impl Assigner<'_, '_> {
    /// What these layers, weakest first, say.
    pub(crate) fn assign(&self, layers: &[Layer], report: &mut Report) -> Assigned {
        let (policy_named, contract_named) = self.named(layers);
        let contract =
            contract_named.and_then(|(_, view)| self.find(Section::Contracts, view, report));
        let of_contract =
            contract.and_then(|it| self.of_contract.get(it as usize).copied().flatten());
        let nearer = match (policy_named, contract_named) {
            (Some((policy, _)), Some((contract, _))) => policy >= contract,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if of_contract.is_some() && !nearer {
            return Assigned { policy: of_contract, contract, by_contract: true };
        }
        let policy = policy_named.and_then(|(_, view)| self.find(Section::Policies, view, report));
        Assigned { policy, contract, by_contract: false }
    }

    /// The strongest layers that name a policy and a contract: the same as [`last_named`] for both,
    /// in one walk, since every service takes it.
    fn named(&self, layers: &[Layer]) -> (Named<'_>, Named<'_>) {
        let (mut policy, mut contract) = (None, None);
        for (depth, layer) in layers.iter().enumerate().rev() {
            if policy.is_some() && contract.is_some() {
                break;
            }
            for (key, value) in self.library.view(layer.at).pairs() {
                let found = match key.text() {
                    Some("policy") => &mut policy,
                    Some("contract") => &mut contract,
                    _ => continue,
                };
                if found.is_none() && !value.is_empty() {
                    *found = Some((depth, value));
                }
            }
        }
        (policy, contract)
    }

    fn find(&self, section: Section, view: View<'_>, report: &mut Report) -> Option<u32> {
        if is_none(view) {
            return None;
        }
        let text = shown_text(self.filler, view, report)?;
        self.names.resolve(section, &text, view.place(), report)
    }

    /// Looks at every name that a layer for many mentions, so that a template nobody uses yet is
    /// read too, and a policy that only some override counts as used.
    pub(crate) fn mentioned(&self, report: &mut Report) {
        let draft = self.library.draft;
        let bodies = draft.customers.iter().flat_map(|it| {
            let sites = it.sites.iter().map(|site| site.body).chain(it.only_site);
            it.bodies.iter().copied().chain(sites)
        });
        let templates = draft.templates.iter().map(|it| it.body);
        for at in draft.defaults.into_iter().chain(templates).chain(bodies) {
            let map = self.library.view(at);
            for map in [Some(map), map.get("watchdog")].into_iter().flatten() {
                for (key, section) in
                    [("policy", Section::Policies), ("contract", Section::Contracts)]
                {
                    if let Some(view) = map.get(key).filter(|it| !it.is_empty()) {
                        self.find(section, view, report);
                    }
                }
            }
        }
    }
}

/// The strongest layer that says something about `key`, with its place among them.
pub(crate) fn last_named<'a>(
    library: &Library<'a>,
    layers: &[Layer],
    key: &str,
) -> Option<(usize, View<'a>)> {
    let mut strongest_first = layers.iter().enumerate().rev();
    strongest_first.find_map(|(depth, layer)| {
        let found = library.view(layer.at).get(key).filter(|it| !it.is_empty())?;
        Some((depth, found))
    })
}
