//! Names to ids that last as long as the process.
//!
//! A reload keeps the id of every name that stays, so nobody who holds one needs to be told. All
//! checkables of one host get ids of one shard; the shard follows from the host's name alone.

use std::{collections::HashMap, sync::Arc};

use model::{CheckableId, Plan, stable_hash};

/// Which id each name has.
#[derive(Debug)]
pub(crate) struct Register {
    shards: u32,
    ids: HashMap<Arc<str>, CheckableId>,
    /// The first place of each shard that was never used.
    next: Vec<u32>,
    /// Places of each shard that were given back.
    free: Vec<Vec<u32>>,
}

/// The ids of one plan, in the plan's order, and what is new and gone since the plan before.
#[derive(Debug, Default)]
pub(crate) struct Laid {
    pub(crate) hosts: Vec<(CheckableId, Arc<str>)>,
    pub(crate) services: Vec<(CheckableId, Arc<str>)>,
    pub(crate) added: Vec<(CheckableId, Arc<str>)>,
    pub(crate) removed: Vec<(CheckableId, Arc<str>)>,
}

impl Register {
    pub(crate) fn new(shards: u32) -> Self {
        let free = (0..shards).map(|_| Vec::new()).collect();
        Self { shards, ids: HashMap::new(), next: vec![0; shards as usize], free }
    }

    /// Gives every name of `plan` its id and takes back those of names that it does not have.
    pub(crate) fn lay(&mut self, plan: &Plan) -> Laid {
        let mut laid = Laid::default();
        let mut kept = HashMap::with_capacity(plan.hosts.len() + plan.services.len());
        for host in &plan.hosts {
            let name = host.full_name();
            let shard = self.shard_of(&name);
            laid.hosts.push(self.place(&mut kept, &mut laid.added, &name, shard));
        }
        for service in &plan.services {
            let name = service.full_name(plan);
            let shard = match service.host {
                Some(host) => laid.hosts[host as usize].0.shard(self.shards),
                None => self.shard_of(&name),
            };
            laid.services.push(self.place(&mut kept, &mut laid.added, &name, shard));
        }
        for (name, id) in std::mem::replace(&mut self.ids, kept) {
            self.free[id.shard(self.shards) as usize].push(id.0 / self.shards);
            laid.removed.push((id, name));
        }
        laid
    }

    /// Does the last plan have this name?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.ids.contains_key(name)
    }

    fn shard_of(&self, name: &str) -> u32 {
        u32::try_from(stable_hash(name) % u64::from(self.shards)).unwrap_or(0)
    }

    fn place(
        &mut self,
        kept: &mut HashMap<Arc<str>, CheckableId>,
        added: &mut Vec<(CheckableId, Arc<str>)>,
        name: &str,
        shard: u32,
    ) -> (CheckableId, Arc<str>) {
        if let Some((name, id)) = self.ids.remove_entry(name) {
            kept.insert(Arc::clone(&name), id);
            return (id, name);
        }
        let local = self.free[shard as usize].pop().unwrap_or_else(|| {
            let next = &mut self.next[shard as usize];
            *next += 1;
            *next - 1
        });
        let (id, name) = (CheckableId::at(shard, self.shards, local), Arc::<str>::from(name));
        kept.insert(Arc::clone(&name), id);
        added.push((id, Arc::clone(&name)));
        (id, name)
    }
}

#[cfg(test)]
mod tests {
    use model::{EngineSettings, Host};

    use super::*;

    fn plan(hosts: &[&str]) -> Plan {
        let host = |name: &&str| Host {
            customer: "acme".into(),
            name: (*name).into(),
            address: None,
            parents: Vec::new(),
            labels: Arc::new([]),
            alive: None,
            site: None,
            policy: None,
            contract: None,
        };
        let engine = EngineSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            data: "data".into(),
            shards: 2,
            in_flight_max: 1,
            in_flight_per_host_max: 1,
            record_results: false,
            revision: 0,
        };
        Plan {
            engine,
            hosts: hosts.iter().map(host).collect(),
            services: Vec::new(),
            duty: Arc::default(),
        }
    }

    #[test]
    fn a_name_that_stays_keeps_its_id_and_one_that_goes_gives_it_back() {
        let mut register = Register::new(1);
        let first = register.lay(&plan(&["a", "b", "c"]));
        let second = register.lay(&plan(&["c", "a"]));
        assert_eq!(second.hosts[0].0, first.hosts[2].0);
        assert_eq!(second.hosts[1].0, first.hosts[0].0);
        assert_eq!(second.removed, [first.hosts[1].clone()]);
        assert!(second.added.is_empty());
        let third = register.lay(&plan(&["a", "c", "d"]));
        assert_eq!(third.hosts[2].0, first.hosts[1].0, "its place is free again");
        assert_eq!(third.added, [third.hosts[2].clone()]);
    }
}
