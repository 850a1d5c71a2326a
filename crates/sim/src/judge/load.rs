//! Starts, ends and reloads in the eyes of the judge.

use std::collections::BTreeMap;

use model::{CheckableId, Moment, RunId};

use super::{Judge, Kept, case::Case, case::Meant};
use crate::{
    census::Census,
    process::{Loaded, Process},
};

impl Judge {
    /// The process has ended; a crash takes back what had not been committed.
    pub fn ended(&mut self, crashed: bool) {
        for (_, case) in std::mem::take(&mut self.cases) {
            let lost = case.unstored.into_iter().next().filter(|_| crashed);
            self.kept.insert(case.place, lost.map_or(case.kept, |(_, before)| before));
        }
        self.in_flight.fill(0);
        self.at_host.clear();
        self.told.fill(0);
        self.runs.fill(RunId(0));
        self.in_mail = 0;
    }

    /// Who was removed while no process was running is forgotten too.
    pub fn forgot(&mut self, census: &Census) {
        self.kept.retain(|place, _| census.items[*place].present);
    }

    /// A process was started and has loaded the configuration.
    ///
    /// `stored_at` is the latest moment that was committed before: time never falls behind it.
    pub fn started(&mut self, now: Moment, stored_at: Moment, census: &Census, process: &Process) {
        self.stats.restarts += 1;
        (self.awake_since, self.latest) = (now, stored_at);
        self.now(now);
        for place in census.present() {
            let kept = self.kept.remove(&place);
            self.meet(now, census, place, process, kept);
        }
        self.kept = BTreeMap::new();
    }

    /// Somebody new.
    fn meet(
        &mut self,
        now: Moment,
        census: &Census,
        place: usize,
        process: &Process,
        kept: Option<Kept>,
    ) {
        let item = &census.items[place];
        let Some(id) = process.id(place) else {
            return self.blame(|| format!("{} was not loaded", item.name));
        };
        self.cases.insert(id, Case::new(place, Meant::of(item, process), kept, now));
        self.compare(now, id, process);
    }

    /// When everybody is to be asked, for [`Judge::reloaded`].
    #[must_use]
    pub fn timetable(&self, process: &Process) -> BTreeMap<CheckableId, Option<Moment>> {
        let due = |id: &CheckableId| process.shards[self.shard_of(*id)].due(*id);
        self.cases.keys().map(|id| (*id, due(id))).collect()
    }

    /// The configuration was loaded again; `before` is the timetable that held until then.
    pub fn reloaded(
        &mut self,
        now: Moment,
        census: &Census,
        process: &Process,
        loaded: &Loaded,
        before: &BTreeMap<CheckableId, Option<Moment>>,
    ) {
        self.stats.reloads += 1;
        let gone = |case: &Case| loaded.gone.contains(&case.place);
        let ids: Vec<_> = self.cases.iter().filter(|(_, it)| gone(it)).map(|(id, _)| *id).collect();
        for id in ids {
            self.part(id);
        }
        for place in census.present() {
            if loaded.new.contains(&place) {
                self.meet(now, census, place, process, None);
                continue;
            }
            let Some(id) = process.id(place) else { continue };
            let due = before.get(&id).copied().flatten();
            self.keep_or_redefine(now, id, census, process, due);
        }
        for (number, shard) in process.shards.iter().enumerate() {
            let counted = self.in_flight[number];
            self.check(shard.in_flight() == counted, || {
                format!("shard {number} has {} runs under way, not {counted}", shard.in_flight())
            });
        }
    }

    /// The driver stored what a new definition made of a belief, under `ticket`: until that is
    /// committed a crash gives back what the old one had, which then is fitted in the same way.
    pub fn refitted(&mut self, id: CheckableId, ticket: u64) {
        if let Some(case) = self.cases.get_mut(&id) {
            let kept = case.before_redefinition.take().unwrap_or_else(|| case.kept.clone());
            case.unstored.push_back((ticket, kept));
        }
    }

    /// Somebody was removed.
    fn part(&mut self, id: CheckableId) {
        let Some(case) = self.cases.remove(&id) else { return };
        if let Some(flight) = case.flight {
            self.land(id, flight);
        }
    }

    /// Somebody stays. Who is unchanged keeps the belief, the run under way and the place in time.
    fn keep_or_redefine(
        &mut self,
        now: Moment,
        id: CheckableId,
        census: &Census,
        process: &Process,
        due: Option<Moment>,
    ) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let meant = Meant::of(&census.items[case.place], process);
        let unchanged = meant == case.meant;
        if let Some(flight) = case.redefine(meant, now) {
            self.land(id, flight);
        }
        let due_now = process.shards[self.shard_of(id)].due(id);
        self.check(!unchanged || due == due_now, || {
            format!("{id:?} did not change, but is due at {due_now:?} instead of {due:?}")
        });
        self.compare(now, id, process);
    }
}
