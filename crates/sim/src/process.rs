//! One life of the engine: its shards and its desk, and the driver's knowledge of who is where.
//!
//! The driver part is deliberately what the real one is: names to ids, specs from the plan, effects
//! handed outwards. Planted bugs falsify what passes through here.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{Limits, Reach, Shard, Spec};
use model::{Belief, Check, CheckableId, Flapping, Moment, Rule, ToShard};

use crate::{
    census::{Census, Item},
    disk::{Disk, Stored},
    planted::Planted,
};

/// The interval of somebody who has dropped out of the timetable.
const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A running engine.
#[derive(Debug)]
pub struct Process {
    /// Which life this is.
    pub boot: u64,
    /// The shards, by number.
    pub shards: Vec<Shard>,
    /// The desk.
    pub desk: Reach,
    /// Ids by place in the census.
    ids: BTreeMap<usize, CheckableId>,
    /// The first place of each shard that was never used.
    next_local: Vec<u32>,
    /// Places of each shard that were given back in an earlier load, to be given to others.
    free: Vec<Vec<u32>>,
    /// Runs that were given up: [`Planted::PlaceLeaks`] never gives their places back.
    leaked: u32,
    limits: Limits,
    reloads: u64,
    planted: Option<Planted>,
}

impl Process {
    /// An engine that knows nobody yet.
    pub fn new(
        boot: u64,
        shards: u32,
        limits: Limits,
        planted: Option<Planted>,
        now: Moment,
    ) -> Self {
        let given = given_limits(limits, planted, 0);
        Self {
            boot,
            shards: (0..shards).map(|number| Shard::new(number, shards, given, now)).collect(),
            desk: Reach::new(true),
            ids: BTreeMap::new(),
            next_local: vec![0; shards as usize],
            free: vec![Vec::new(); shards as usize],
            leaked: 0,
            limits,
            reloads: 0,
            planted,
        }
    }

    /// The id of the checkable at `place`.
    #[must_use]
    pub fn id(&self, place: usize) -> Option<CheckableId> {
        self.ids.get(&place).copied()
    }

    /// The shard that owns `id`.
    pub fn shard(&mut self, id: CheckableId) -> &mut Shard {
        let number = id.shard(self.shards.len() as u32) as usize;
        &mut self.shards[number]
    }

    /// What is believed about `id`.
    #[must_use]
    pub fn belief(&self, id: CheckableId) -> Option<&Belief> {
        let number = id.shard(self.shards.len() as u32) as usize;
        self.shards[number].belief(id)
    }

    /// A run was given up.
    pub fn run_lost(&mut self) {
        if self.planted == Some(Planted::PlaceLeaks) {
            self.leaked += 1;
            for shard in &mut self.shards {
                shard.limit(given_limits(self.limits, self.planted, self.leaked));
            }
        }
    }

    /// Makes shards and desk fit the configuration, at start and at each reload. Gives the ids of
    /// those who are new, and of those who are gone; orders of the desk go into `orders`.
    pub fn load(
        &mut self,
        now: Moment,
        census: &Census,
        disk: &Disk,
        orders: &mut Vec<ToShard>,
    ) -> Loaded {
        let mut loaded = Loaded::default();
        let free = self.remove_gone(census, &mut loaded);
        for place in census.present() {
            self.put(now, census, place, disk, &mut loaded);
        }
        self.plant_on_reload(now, census);
        self.arrange(census, &loaded, orders);
        self.reloads += 1;
        let shards = self.shards.len() as u32;
        for id in free {
            self.free[id.shard(shards) as usize].push(id.0 / shards);
        }
        loaded
    }

    /// Removes those whom the configuration does not know any more; gives their ids.
    fn remove_gone(&mut self, census: &Census, loaded: &mut Loaded) -> Vec<CheckableId> {
        let gone = |place: &usize| !census.items[*place].present;
        loaded.gone = self.ids.keys().copied().filter(gone).collect();
        let ids: Vec<_> = loaded.gone.iter().filter_map(|it| self.ids.remove(it)).collect();
        if self.planted == Some(Planted::RemovedStillAsked) {
            return Vec::new();
        }
        for id in &ids {
            self.shard(*id).remove(*id);
            self.desk.forget(*id);
        }
        ids
    }

    fn put(
        &mut self,
        now: Moment,
        census: &Census,
        place: usize,
        disk: &Disk,
        loaded: &mut Loaded,
    ) {
        let item = &census.items[place];
        let known = self.id(place);
        let id = known.unwrap_or_else(|| self.new_id(item, place));
        let spec = self.spec(item);
        let restored = match known {
            Some(_) if self.planted != Some(Planted::StateLostOnReload) => None,
            Some(_) => {
                self.shard(id).remove(id);
                None
            }
            None => disk.read(&item.name).map(|it| self.restored(it.clone(), item)),
        };
        if known.is_none() {
            loaded.new.push(place);
        }
        let before = self.belief(id).cloned().or_else(|| restored.clone());
        self.shard(id).put(now, id, spec, restored);
        if before.is_some() && before.as_ref() != self.belief(id) {
            loaded.changed.push(place);
        }
    }

    fn new_id(&mut self, item: &Item, place: usize) -> CheckableId {
        let shards = self.shards.len() as u32;
        let shard = match item.host {
            Some(host) => self.ids[&host].shard(shards),
            None => (item.phase % u64::from(shards)) as u32,
        };
        let next = &mut self.next_local[shard as usize];
        let local = self.free[shard as usize].pop().unwrap_or_else(|| {
            *next += 1;
            *next - 1
        });
        let id = CheckableId::at(shard, shards, local);
        self.ids.insert(place, id);
        id
    }

    /// What the engine is told about `item`.
    fn spec(&self, item: &Item) -> Spec {
        let planted = self.planted;
        let host = item.host.and_then(|it| self.id(it));
        Spec {
            of_host: item.of_host,
            host: host.filter(|_| planted != Some(Planted::HostIgnored)),
            has_parents: !item.parents.is_empty(),
            canary: false,
            check: item.check.as_ref().map(|it| self.check(it)),
            phase: match planted {
                Some(Planted::PhaseLostOnReload) => item.phase ^ (self.reloads << 32),
                _ => item.phase,
            },
            definition: match planted {
                Some(Planted::OldQuestionAccepted) => 0,
                _ => item.definition,
            },
        }
    }

    /// The check as the engine gets it.
    fn check(&self, check: &Arc<Check>) -> Arc<Check> {
        let mut given = Check::clone(check);
        match self.planted {
            Some(Planted::PeriodIgnored) => given.period = None,
            Some(Planted::RetryIgnored) => given.retry_every = given.every,
            Some(Planted::RetryHurried) => given.retry_every /= 4,
            Some(Planted::AttemptsOffByOne) => given.attempts_max += 1,
            Some(Planted::ClearIgnored) => {
                given.rules = changed(&given.rules, |it| it.clear = None);
            }
            Some(Planted::HoldIgnored) => {
                given.rules = changed(&given.rules, |it| it.hold = Duration::ZERO);
            }
            Some(Planted::NoHysteresis) => {
                let high_centipercent = given.flapping.high_centipercent;
                let flapping = Flapping { low_centipercent: high_centipercent, ..given.flapping };
                given.flapping = flapping;
            }
            _ => return check.clone(),
        }
        Arc::new(given)
    }

    /// A stored belief as a restart gives it back.
    fn restored(&self, stored: Stored, item: &Item) -> Belief {
        let Stored { mut belief, rules } = stored;
        if rules != item.check.as_ref().map(|it| it.rules.clone()) {
            belief.thresholds.clear();
        }
        match self.planted {
            Some(Planted::AttemptLostOnRestore) => belief.now.attempt = 1,
            Some(Planted::RingLostOnRestore) => belief.history &= 1 << 63,
            Some(Planted::FlappingLostOnRestore) => belief.flapping = false,
            Some(Planted::ThresholdsLostOnRestore) => belief.thresholds.clear(),
            _ => {}
        }
        belief
    }

    fn plant_on_reload(&mut self, now: Moment, census: &Census) {
        if self.planted != Some(Planted::DroppedOnReload) || self.reloads == 0 {
            return;
        }
        let asked = |it: &usize| census.items[*it].check.is_some();
        let Some(place) = census.present().find(asked) else { return };
        let (mut spec, Some(id)) = (self.spec(&census.items[place]), self.id(place)) else {
            return;
        };
        if let Some(check) = &mut spec.check {
            Arc::make_mut(check).every = NEVER;
        }
        self.shard(id).put(now, id, spec, None);
    }

    /// Tells the desk who is behind whom, and what an earlier process believed about new hosts.
    fn arrange(&mut self, census: &Census, loaded: &Loaded, orders: &mut Vec<ToShard>) {
        let mut behind = Vec::new();
        for place in census.present() {
            let item = &census.items[place];
            if let (Some(id), false) = (self.id(place), item.parents.is_empty()) {
                behind.push((id, item.parents.iter().filter_map(|it| self.id(*it)).collect()));
            }
        }
        self.desk.arrange(&behind, orders);
        // Of a host that is not asked any more nothing is believed; the desk must hear of that too.
        let told = loaded.new.iter().chain(&loaded.changed);
        for place in told.filter(|it| census.items[**it].of_host) {
            let Some(id) = self.id(*place) else { continue };
            let up = self.belief(id).is_none_or(|it| it.now.status.is_fine());
            self.desk.restore(id, up, orders);
        }
    }
}

/// What a load brought.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Places of those who are new.
    pub new: Vec<usize>,
    /// Places of those who are gone.
    pub gone: Vec<usize>,
    /// Places of those whose new definition changed what is believed, so that it must be stored.
    pub changed: Vec<usize>,
}

fn given_limits(limits: Limits, planted: Option<Planted>, leaked: u32) -> Limits {
    match planted {
        Some(Planted::LimitIgnored) => {
            Limits { in_flight_max: u32::MAX, in_flight_per_host_max: u16::MAX }
        }
        _ => Limits { in_flight_max: limits.in_flight_max.saturating_sub(leaked), ..limits },
    }
}

fn changed(rules: &[Rule], change: impl Fn(&mut Rule)) -> Arc<[Rule]> {
    let mut rules = rules.to_vec();
    rules.iter_mut().for_each(change);
    rules.into()
}
