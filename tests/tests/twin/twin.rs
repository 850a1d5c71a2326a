//! The twin: the pure engine, fed with what another engine has recorded, and never killed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use engine::{Effect, Input, Limits, Shard, Spec, belief};
use model::{
    Asked, Belief, Cause, CheckResult, CheckableId, FromShard, Look, Moment, Plan, Profile,
};
use store::{PastResult, PastTransition, ReadError, Reader};

/// A transition without whose it is.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    at: Moment,
    from: Look,
    to: Look,
    was_flapping: bool,
    flapping: bool,
    centipercent: u16,
    cause: Option<Cause>,
}

/// A checkable of the twin.
struct Sibling {
    name: String,
    profile: Profile,
    /// What the store says about the beginning of its state, as long as that has never changed.
    beginning: Option<(Moment, Moment)>,
}

/// What the twin and the store have in common so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) results: u64,
    pub(crate) transitions: u64,
    pub(crate) hard_changes: u64,
    pub(crate) beliefs: u64,
    pub(crate) bad: u64,
    pub(crate) flapping: u64,
    /// Beliefs with a threshold that is crossed.
    pub(crate) crossed: u64,
}

/// The engine that was never killed.
pub(crate) struct Twin {
    shard: Shard,
    siblings: Vec<Sibling>,
    ids: HashMap<String, CheckableId>,
    /// What it came to believe since the last comparison, by name.
    steps: BTreeMap<String, Vec<Step>>,
    effects: Vec<Effect>,
    /// The last result that it was fed.
    last_result: u64,
    /// The last life of the engine whose rows were compared.
    last_boot: u64,
    pub(crate) tally: Tally,
}

impl Twin {
    /// A twin of an engine that watches `plan`, before the first result.
    pub(crate) fn new(plan: &Plan) -> Self {
        let limits = Limits { in_flight_max: 1, in_flight_per_host_max: 1 };
        let mut twin = Self {
            shard: Shard::new(0, 1, limits, Moment::ZERO),
            siblings: Vec::new(),
            ids: HashMap::new(),
            steps: BTreeMap::new(),
            effects: Vec::new(),
            last_result: 0,
            last_boot: 0,
            tally: Tally::default(),
        };
        for host in &plan.hosts {
            // Word about parents goes between shards as it comes, and is not recorded.
            assert!(host.parents.is_empty(), "the twin cannot hear the desk");
            twin.add(host.full_name(), host.alive.as_ref(), None, true);
        }
        for service in &plan.services {
            let host = service.host.map(CheckableId);
            twin.add(service.full_name(plan), Some(&service.asked), host, false);
        }
        twin
    }

    fn add(
        &mut self,
        name: String,
        asked: Option<&Asked>,
        host: Option<CheckableId>,
        of_host: bool,
    ) {
        let id = CheckableId(u32::try_from(self.siblings.len()).unwrap());
        let check = asked.map(|it| Arc::clone(&it.check));
        let profile = check.as_ref().map(|it| it.profile).unwrap_or_default();
        let spec = Spec {
            of_host,
            host,
            has_parents: false,
            canary: false,
            check,
            phase: 0,
            definition: 0,
        };
        self.shard.put(Moment::ZERO, id, spec, None);
        self.ids.insert(name.clone(), id);
        self.siblings.push(Sibling { name, profile, beginning: None });
    }

    /// Takes in what the store has recorded since the last time, and says in what the two differ.
    pub(crate) fn compare(&mut self, reader: &Reader) -> Result<Vec<String>, ReadError> {
        let mut differences = Vec::new();
        let mut results = Vec::new();
        reader.results_after(self.last_result, |it| results.push(it))?;
        for result in results {
            self.feed(result, &mut differences);
        }
        self.compare_transitions(reader, &mut differences)?;
        self.compare_beliefs(&reader.beliefs()?, &mut differences);
        Ok(differences)
    }

    fn feed(&mut self, past: PastResult, differences: &mut Vec<String>) {
        if past.id != self.last_result + 1 {
            differences.push(format!("result {} follows {}", past.id, self.last_result));
        }
        self.last_result = past.id;
        self.tally.results += 1;
        let Some(checkable) = self.ids.get(&past.name).copied() else {
            differences.push(format!("{}: a result of nobody", past.name));
            return;
        };
        let PastResult { at, run, started_at, took, verdict, measures, name, .. } = past;
        let result = CheckResult { checkable, run, started_at, took, verdict, measures };
        self.shard.handle(at, Input::Recorded(result), &mut self.effects);
        for effect in self.effects.drain(..) {
            if let Effect::Tell(_, FromShard::Changed(it)) = effect {
                self.tally.transitions += 1;
                self.tally.hard_changes += u64::from(it.is_hard_change());
                let step = Step {
                    at: it.at,
                    from: it.from,
                    to: it.to,
                    was_flapping: it.was_flapping,
                    flapping: it.flapping,
                    centipercent: it.centipercent,
                    cause: it.cause,
                };
                self.steps.entry(name.clone()).or_default().push(step);
            }
        }
    }

    /// The rows of the lives since the last comparison are the twin's steps: none is missing, none
    /// stands there twice, and each shard's position is at least that of its last row. (Between rows
    /// it counts what it has told the desk alone.)
    fn compare_transitions(
        &mut self,
        reader: &Reader,
        differences: &mut Vec<String>,
    ) -> Result<(), ReadError> {
        let mut stored: BTreeMap<String, Vec<Step>> = BTreeMap::new();
        let mut counted: BTreeMap<(u64, u32), u64> = BTreeMap::new();
        reader.transitions_since(self.last_boot + 1, |it| {
            let last = counted.entry((it.position.boot, it.shard)).or_default();
            if it.position.seq <= *last {
                differences.push(format!("{:?} of shard {} follows {last}", it.position, it.shard));
            }
            *last = it.position.seq;
            let (name, step) = step(it);
            stored.entry(name).or_default().push(step);
        })?;
        for (shard, position) in reader.positions()? {
            let last = counted.get(&(position.boot, shard)).copied().unwrap_or(0);
            if position.boot > self.last_boot && position.seq < last {
                differences.push(format!("shard {shard} is at {position:?}, its rows at {last}"));
            }
        }
        let boot = counted.keys().map(|it| it.0).max().unwrap_or(0);
        self.last_boot = self.last_boot.max(boot);
        let steps = std::mem::take(&mut self.steps);
        for name in steps.keys().chain(stored.keys().filter(|it| !steps.contains_key(*it))) {
            if steps.get(name) != stored.get(name) {
                let (twin, stored) = (steps.get(name), stored.get(name));
                differences.push(format!("{name}: transitions {stored:#?}, the twin's {twin:#?}"));
            }
        }
        Ok(())
    }

    fn compare_beliefs(&mut self, stored: &HashMap<String, Belief>, differences: &mut Vec<String>) {
        self.tally = Tally {
            results: self.tally.results,
            transitions: self.tally.transitions,
            hard_changes: self.tally.hard_changes,
            ..Tally::default()
        };
        for name in stored.keys().filter(|it| !self.ids.contains_key(*it)) {
            differences.push(format!("{name}: believed of nobody"));
        }
        for (place, sibling) in (0..).zip(&mut self.siblings) {
            let believed = self.shard.belief(CheckableId(place)).expect("it was put there");
            let stored = stored.get(&sibling.name);
            if let Some(stored) = stored {
                self.tally.count(stored);
                sibling.begin(believed, stored);
            }
            let twin = believed.known.then(|| sibling.with_beginning(believed));
            let percent = |it: &Belief| belief::centipercent(it, sibling.profile);
            if stored != twin.as_ref() || stored.map(percent) != twin.as_ref().map(percent) {
                let name = &sibling.name;
                differences.push(format!("{name}: belief {stored:#?}, the twin's {twin:#?}"));
            }
        }
    }

    /// How many transitions the store holds of all lives.
    pub(crate) fn transitions_stored(reader: &Reader) -> Result<u64, ReadError> {
        let mut count = 0;
        reader.transitions(|_| count += 1)?;
        Ok(count)
    }
}

impl Sibling {
    /// Before its state has ever changed a belief dates from when its engine first had it: the twin
    /// takes that over from the store once, and holds the store to it.
    fn begin(&mut self, twin: &Belief, stored: &Belief) {
        if self.beginning.is_none() && twin.hard_since == Moment::ZERO {
            self.beginning = Some((stored.since, stored.hard_since));
        }
    }

    fn with_beginning(&self, twin: &Belief) -> Belief {
        let (since, hard_since) = self.beginning.unwrap_or_default();
        let or = |own: Moment, begun| if own == Moment::ZERO { begun } else { own };
        Belief {
            since: or(twin.since, since),
            hard_since: or(twin.hard_since, hard_since),
            ..twin.clone()
        }
    }
}

impl Tally {
    fn count(&mut self, belief: &Belief) {
        self.beliefs += 1;
        self.bad += u64::from(!belief.now.status.is_fine());
        self.flapping += u64::from(belief.flapping);
        self.crossed += u64::from(!belief.thresholds.is_empty());
    }
}

fn step(it: PastTransition) -> (String, Step) {
    let step = Step {
        at: it.at,
        from: it.from,
        to: it.to,
        was_flapping: it.was_flapping,
        flapping: it.flapping,
        centipercent: it.centipercent,
        cause: it.cause,
    };
    (it.name, step)
}
