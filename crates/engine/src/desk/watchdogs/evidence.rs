//! What a technician needs to tell *delayed*, *did not run*, *ran in part* and *only the mail
//! failed* apart: what else was heard at that time, from whom, and how it went before.

use std::{sync::Arc, time::Duration};

use model::{Class, Moment, Outcome, Report, Slot, Span, Standing};

use super::{GLIMPSES_MAX, Watchdogs};
use crate::watchdog::rounded;

/// Failures so close to one another may have one cause.
const NEAR: Duration = Duration::from_secs(3600);
/// Slots before it that are shown.
const BEFORE_MAX: usize = 7;

/// What is remembered of a report for the evidence of others.
#[derive(Debug)]
pub(super) struct Glimpse {
    at: Moment,
    job: Option<Arc<str>>,
    customer: Arc<str>,
    peer: Arc<str>,
    /// The domain that it says it is from.
    domain: Arc<str>,
    outcome: Outcome,
    class: Class,
}

impl Watchdogs {
    pub(super) fn glimpse(&mut self, it: &Report) {
        let domain = it.from.rsplit('@').next().unwrap_or("");
        self.glimpses.push_back(Glimpse {
            at: it.at,
            job: it.job.clone(),
            customer: Arc::clone(&it.customer),
            peer: Arc::clone(&it.peer),
            domain: Arc::from(domain),
            outcome: it.says.outcome.unwrap_or(Outcome::Unclassified),
            class: it.class,
        });
        if self.glimpses.len() > GLIMPSES_MAX {
            self.glimpses.pop_front();
        }
    }

    /// What speaks for the standing of `slot`, line by line.
    pub(super) fn notes(&self, slot: &Slot, now: Moment) -> Vec<String> {
        let mut notes = Vec::new();
        let Some(book) = self.books.get(&slot.key.job) else { return notes };
        match book.memory.last_ok {
            Some(at) => notes.push(format!("last good run ended {} ago", rounded(now.since(at)))),
            None => notes.push("no good run is known".to_owned()),
        }
        notes.extend(self.host_notes(&book.job, slot, now));
        notes.extend(self.others(slot, now));
        notes.extend(self.near(slot, now));
        let before: Vec<&str> = book
            .slots
            .range(..slot.key.at)
            .rev()
            .take(BEFORE_MAX)
            .map(|it| it.1.standing.word())
            .collect();
        if !before.is_empty() {
            notes.push(format!("slots before it, newest first: {}", before.join(", ")));
        }
        if !book.job.runbook.is_empty() {
            notes.push(format!("what to do: {}", book.job.runbook));
        }
        notes
    }

    /// What else came in while the slot was open, from the same customer and sender.
    fn others(&self, slot: &Slot, now: Moment) -> Vec<String> {
        let within = Span { from: slot.open, until: slot.due.max(now) };
        let known = self.glimpses.iter().rev().find(|it| it.job.as_ref() == Some(&slot.key.job));
        let others = || {
            let heard = self.glimpses.iter().filter(|it| within.holds(it.at));
            heard.filter(|it| it.job.as_ref() != Some(&slot.key.job))
        };
        let of_customer = others().filter(|it| it.customer == slot.customer).count();
        let mut notes = vec![match of_customer {
            0 => "no other report of this customer came in that time".to_owned(),
            1 => "one other report of this customer came in that time".to_owned(),
            more => format!("{more} other reports of this customer came in that time"),
        }];
        if let Some(known) = known {
            let by_peer = others().filter(|it| it.peer == known.peer).count();
            notes.push(format!("{by_peer} others came by its usual relay {}", known.peer));
            if !known.domain.is_empty() {
                let by_domain = others().filter(|it| it.domain == known.domain).count();
                notes.push(format!("{by_domain} others came from {}", known.domain));
            }
        }
        let lost = others().filter(|it| it.class == Class::Unclaimed).count();
        if slot.standing == Standing::Missing && lost > 0 {
            notes.push(format!("{lost} unclaimed reports came in that time"));
        }
        notes
    }

    /// Failures elsewhere in the same hour may have the same cause.
    fn near(&self, slot: &Slot, now: Moment) -> Option<String> {
        let within = Span { from: now.before(NEAR), until: now.after(NEAR) };
        let failed = self.glimpses.iter().filter(|it| {
            within.holds(it.at) && it.outcome == Outcome::Failed && it.customer != slot.customer
        });
        let failed = failed.count();
        let missing = self.books.values().filter(|it| it.customer != slot.customer);
        let missing = missing.filter(|book| {
            let last = book.slots.values().next_back();
            last.is_some_and(|it| {
                it.standing == Standing::Missing && it.judged_at.is_some_and(|at| within.holds(at))
            })
        });
        let missing = missing.count();
        (failed + missing > 0).then(|| {
            format!("at other customers in the same hour: {failed} failed, {missing} missing")
        })
    }
}
