//! Starts, ends and reloads of the engine, and what its store keeps of it.

use std::time::Duration;

use engine::Effect;
use model::{CheckableId, Moment};

use super::{What, World};
use crate::{
    disk::Stored,
    planted::{Planted, STORE_FORGETS_PPM},
    process::Process,
};

/// Longest time from the end of one process to the start of the next.
const DOWN_MAX: Duration = Duration::from_secs(600);

impl World {
    pub(super) fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        // Moments go on from the latest one that was stored, whatever the wall clock says.
        let nanos = |it: Moment| i64::try_from(it.as_nanos()).expect("not in this century");
        let behind = nanos(self.disk.committed_at()) - nanos(self.now);
        self.shift = match self.planted {
            Some(Planted::WallTrusted) => self.wall,
            _ => self.wall.max(behind),
        };
        self.boots += 1;
        let now = self.moment(self.now);
        let mut process = Process::new(self.boots, self.shards, self.limits, self.planted, now);
        let mut orders = Vec::new();
        let loaded = process.load(now, &self.census, &self.disk, &mut orders);
        if self.watched.is_some() {
            self.log.push(format!("{now} started"));
        }
        self.judge.started(now, self.disk.committed_at(), &self.census, &process);
        self.process = Some(process);
        self.store_changed(loaded.changed);
        self.send_orders(orders);
        if self.planted == Some(Planted::ToldTwiceAfterRestart)
            && let Some(message) = self.last_told.clone()
        {
            self.take(0, vec![Effect::Tell(1, message)], |judge, now, effects, process| {
                judge.woken(now, 0, effects, process);
            });
        }
    }

    pub(super) fn end(&mut self, crashed: bool) {
        if self.process.take().is_none() {
            return;
        }
        if crashed {
            self.disk.crash();
        } else {
            let ticket = self.disk.commit();
            self.judge.committed(ticket);
        }
        self.commit_planned = false;
        self.awake_at = Moment::ZERO;
        if self.watched.is_some() {
            self.log.push(format!("ended, crashed: {crashed}"));
        }
        self.judge.ended(crashed);
        let down = self.dice.span(Duration::from_millis(50), DOWN_MAX);
        self.plan(down, What::Start);
    }

    pub(super) fn reload(&mut self) {
        if self.process.is_some() && !self.is_awake() {
            return; // It stands still, and so does whoever would tell it.
        }
        let mut dice = self.dice.fork(self.events);
        let gone_before = self.gone();
        self.census.edit(&mut dice);
        for place in self.gone() {
            if !gone_before.contains(&place) {
                self.disk.forget(&self.census.items[place].name);
                if self.watched.as_ref() == Some(&self.census.items[place].name) {
                    self.log.push(format!("{} forgotten", self.now));
                }
            }
        }
        self.judge.forgot(&self.census);
        let Some(mut process) = self.process.take() else { return }; // The next start reads it.
        let now = self.moment(self.now);
        self.judge.now(now);
        let timetable = self.judge.timetable(&process);
        let mut orders = Vec::new();
        let loaded = process.load(now, &self.census, &self.disk, &mut orders);
        if self.watched.is_some() {
            self.log.push(format!("{now} reloaded {loaded:?}"));
        }
        self.judge.reloaded(now, &self.census, &process, &loaded, &timetable);
        self.process = Some(process);
        self.send_orders(orders);
        self.store_changed(loaded.changed);
        for place in loaded.new {
            self.plan_outage(place, self.now);
        }
    }

    /// What a new definition made of a belief is stored, or the next start would undo it.
    fn store_changed(&mut self, places: Vec<usize>) {
        for place in places {
            let id = self.process.as_ref().and_then(|it| it.id(place));
            let ticket = id.and_then(|it| self.store(place, it));
            if let (Some(id), Some(ticket)) = (id, ticket) {
                self.judge.refitted(id, ticket);
            }
        }
    }

    fn gone(&self) -> Vec<usize> {
        let gone = self.census.items.iter().enumerate().filter(|(_, it)| !it.present);
        gone.map(|(place, _)| place).collect()
    }

    pub(super) fn commit(&mut self) {
        self.commit_planned = false;
        let ticket = self.disk.commit();
        self.judge.committed(ticket);
    }

    pub(super) fn remember(&mut self, id: CheckableId) {
        let Some(place) = self.judge.place_of(id) else { return };
        let forgets = self.planted == Some(Planted::StoreForgets);
        let ticket = match forgets && self.dice.chance(STORE_FORGETS_PPM) {
            true => Some(self.disk.skip()),
            false => self.store(place, id),
        };
        if let Some(ticket) = ticket {
            self.judge.stored(id, ticket);
        }
    }

    /// Hands what is believed about `id` to the store.
    fn store(&mut self, place: usize, id: CheckableId) -> Option<u64> {
        let item = &self.census.items[place];
        let belief = self.process.as_ref()?.belief(id)?.clone();
        let rules = item.check.as_ref().map(|it| it.rules.clone());
        let now = self.moment(self.now);
        let ticket = self.disk.put(now, &item.name, Stored { belief, rules });
        if !self.commit_planned {
            self.commit_planned = true;
            let most = self.weather.commit_max.max(Duration::from_millis(1));
            let takes = self.dice.span(Duration::from_micros(100), most);
            let boot = self.boots;
            self.plan(takes, What::Commit { boot });
        }
        Some(ticket)
    }
}
