//! How the hosts were on which jobs run: a backup that is missing while its machine was down is
//! another case than one that is missing for no reason.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use model::{Job, Moment, Service, Slot, Status};

use super::Watchdogs;
use crate::watchdog::rounded;

/// Changes of one host or service that are remembered.
const HOST_TURNS_MAX: usize = 16;

/// What was believed of those on which jobs run, oldest first, each from its moment on.
#[derive(Debug, Default)]
pub(super) struct Hosts(BTreeMap<Arc<str>, VecDeque<(Moment, Status)>>);

impl Hosts {
    /// Remembers those that `jobs` run on and nobody else.
    pub(super) fn arrange<'a>(&mut self, jobs: impl Iterator<Item = &'a Arc<Job>>) {
        let mut old = std::mem::take(&mut self.0);
        for name in jobs.flat_map(|it| names(it)) {
            let turns = old.remove(&*name).unwrap_or_default();
            self.0.entry(name).or_insert(turns);
        }
    }

    fn note(&mut self, name: &str, at: Moment, status: Status) {
        let Some(turns) = self.0.get_mut(name) else { return };
        if turns.back().is_some_and(|it| it.1 == status) {
            return;
        }
        turns.push_back((at, status));
        if turns.len() > HOST_TURNS_MAX {
            turns.pop_front();
        }
    }

    /// `acme/web: up when the slot opened, down 3h ago, up 1h ago`.
    fn line(&self, name: &str, slot: &Slot, now: Moment) -> Option<String> {
        let turns = self.0.get(name)?;
        let word = |status: Status| status.word().to_lowercase();
        let until = slot.due.max(slot.judged_at.unwrap_or(now));
        let first = turns.iter().rev().find(|it| it.0 <= slot.open);
        let first = match first {
            Some((_, status)) => format!("{} when the slot opened", word(*status)),
            None => "not known when the slot opened".to_owned(),
        };
        let within = turns.iter().filter(|it| it.0 > slot.open && it.0 <= until);
        let then: Vec<String> = within
            .map(|(at, status)| format!(", {} {} ago", word(*status), rounded(now.since(*at))))
            .collect();
        let still = if then.is_empty() { " and all the time since" } else { "" };
        Some(format!("{name}: {first}{still}{}", then.concat()))
    }
}

/// What a job runs on: the host, and the service if one is named.
fn names(job: &Job) -> Vec<Arc<str>> {
    let Some(on) = &job.on else { return Vec::new() };
    let mut parts = on.splitn(3, '/');
    let (customer, host, service) = (parts.next(), parts.next(), parts.next());
    let host = match (customer, host, service) {
        (Some(customer), Some(host), Some(_)) if host != Service::NO_HOST => {
            Some(Arc::from(format!("{customer}/{host}")))
        }
        _ => None,
    };
    host.into_iter().chain([Arc::clone(on)]).collect()
}

impl Watchdogs {
    /// It is believed since `at` that the host or service called `name` is so.
    pub(crate) fn see(&mut self, name: &str, at: Moment, status: Status) {
        self.hosts.note(name, at, status);
    }

    /// How those were on which the job runs, while its slot was open.
    pub(super) fn host_notes(&self, job: &Job, slot: &Slot, now: Moment) -> Vec<String> {
        names(job).iter().filter_map(|it| self.hosts.line(it, slot, now)).collect()
    }
}
