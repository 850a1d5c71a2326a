//! What was read until when, by which way, and when nobody was listening.
//!
//! A slot is missing only if everything that came in until its due time has been read. By ways that
//! keep for us what comes while we are away, that is a matter of reading on; by the others, what
//! came while we were deaf is lost, and nothing can be said.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{Intake, IntakeState, Job, JobKind, Moment, Row, Span};

use super::Finding;
use crate::desk::pen::Pen;

/// An intake that cannot hear for so long is trouble of ours.
const DEAF_AFTER: Duration = Duration::from_secs(120);
/// Senders that found nobody try again: after a time without us, they get so long.
const CATCH_UP: Duration = Duration::from_secs(30 * 60);
/// So much deafness within the time of a slot is too much to say anything.
const DEAF_TOLERATED: Duration = Duration::from_secs(5 * 60);
/// Stretches of deafness that are remembered, for each intake.
const DEAF_SPANS_MAX: usize = 64;
/// Hours of which is known how much was heard.
const HOURS_MAX: usize = 14 * 24;
/// The usual number in an hour must be this for its absence to mean something …
const USUAL_MIN: u32 = 20;
/// … and what was heard must be less than so many percent of it.
const SILENT_PERCENT: u32 = 5;
/// An hour of the day must be known so many times.
const HOURS_KNOWN_MIN: usize = 5;
const HOUR: u64 = 3600;
/// The way of pings and ticks: the console.
pub(crate) const CONSOLE: &str = "console";
/// The word for all intakes of mail together.
const MAIL: &str = "mail";

/// All ways in.
#[derive(Debug, Default)]
pub(super) struct Intakes {
    ways: BTreeMap<Arc<str>, Ear>,
    /// When this process began to listen.
    began: Option<Moment>,
    /// The time before that, in which nobody did.
    away: Option<Span>,
    /// Mails in each hour since 1970, the last ones.
    hours: BTreeMap<u64, u32>,
    silent: bool,
}

#[derive(Debug)]
struct Ear {
    keeps: bool,
    read_until: Moment,
    /// Cannot hear since.
    deaf_since: Option<Moment>,
    text: Arc<str>,
    told: bool,
    deaf: Vec<Span>,
}

impl Intakes {
    pub(super) fn was_away(&mut self, away: Span) {
        self.away = Some(away);
    }

    pub(super) fn arrange(&mut self, of: &model::Intakes, now: Moment) {
        let began = *self.began.get_or_insert(now);
        let mut old = std::mem::take(&mut self.ways);
        let console = (Arc::from(CONSOLE), false);
        let all = of.all.iter().map(|it: &Intake| (Arc::clone(&it.name), it.keeps));
        for (name, keeps) in all.chain([console]) {
            let fresh = || Ear {
                keeps,
                read_until: self.away.map_or(began, |it| it.from),
                deaf_since: None,
                text: Arc::from(""),
                told: false,
                deaf: self.away.filter(|_| !keeps).into_iter().collect(),
            };
            let ear = old.remove(&name).map(|it| Ear { keeps, ..it }).unwrap_or_else(fresh);
            self.ways.insert(name, ear);
        }
    }

    /// What an intake says of itself.
    pub(super) fn hear_of(&mut self, state: &IntakeState, now: Moment) {
        let Some(ear) = self.ways.get_mut(&state.name) else { return };
        ear.read_until = ear.read_until.max(state.read_until);
        match (&state.fault, ear.deaf_since) {
            (Some(fault), None) => (ear.deaf_since, ear.text) = (Some(now), Arc::clone(fault)),
            (Some(fault), Some(_)) => ear.text = Arc::clone(fault),
            (None, Some(since)) => {
                ear.deaf_since = None;
                if !ear.keeps {
                    ear.deaf.push(Span { from: since, until: now });
                    let surplus = ear.deaf.len().saturating_sub(DEAF_SPANS_MAX);
                    ear.deaf.drain(..surplus);
                }
            }
            (None, None) => {}
        }
    }

    pub(super) fn restore_hour(&mut self, hour: u64, count: u32) {
        self.hours.insert(hour, count);
    }

    /// Something has come by mail.
    pub(super) fn count(&mut self, at: Moment, pen: &mut Pen) {
        let hour = hour_of(at);
        let count = self.hours.entry(hour).or_default();
        *count += 1;
        pen.rows.push(Row::MailHour(hour, *count));
        while self.hours.len() > HOURS_MAX {
            self.hours.pop_first();
        }
    }

    pub(super) fn next_wake(&self) -> Option<Moment> {
        let ears = self.ways.values().filter(|it| !it.told);
        ears.filter_map(|it| it.deaf_since).map(|it| it.after(DEAF_AFTER)).min()
    }

    /// Says which ways cannot hear, and which can again.
    pub(super) fn review(&mut self, now: Moment, findings: &mut Vec<Finding>) {
        for (name, ear) in &mut self.ways {
            let deaf = ear.deaf_since.is_some_and(|it| now >= it.after(DEAF_AFTER));
            if deaf && !ear.told {
                let text = format!("nothing can be heard: {}", ear.text);
                findings.push(Finding::Deaf { intake: Arc::clone(name), text });
                ear.told = true;
            } else if ear.told && ear.deaf_since.is_none() {
                findings.push(Finding::Hears { intake: Arc::clone(name) });
                ear.told = false;
            }
        }
        let silent = self.is_silent(now);
        if silent != self.silent {
            self.silent = silent;
            let intake = Arc::from(MAIL);
            let text = "far less mail than is usual at this time of the day".to_owned();
            findings.push(match silent {
                true => Finding::Deaf { intake, text },
                false => Finding::Hears { intake },
            });
        }
    }

    /// Was there next to no mail in the last whole hour, though there usually is?
    fn is_silent(&self, now: Moment) -> bool {
        let Some(last) = hour_of(now).checked_sub(1) else { return false };
        if self.began.is_none_or(|it| hour_of(it) >= last) {
            return false; // We were not there for the whole of it.
        }
        let same: Vec<u32> = (1..=14)
            .filter_map(|days| last.checked_sub(days * 24))
            .filter_map(|hour| self.hours.get(&hour).copied())
            .collect();
        let Some(usual) = crate::watchdog::median(&same) else { return false };
        let heard = self.hours.get(&last).copied().unwrap_or(0)
            + self.hours.get(&(last + 1)).copied().unwrap_or(0);
        same.len() >= HOURS_KNOWN_MIN
            && usual >= USUAL_MIN
            && u64::from(heard) * 100 < u64::from(usual) * u64::from(SILENT_PERCENT)
    }

    fn of<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = &'a Ear> + 'a {
        let by_mail =
            job.kind == JobKind::Machine && (!job.hears.ping || !job.hears.mail.is_empty());
        let by_console = job.hears.ping || job.kind == JobKind::Person;
        let ears = self.ways.iter();
        ears.filter(move |(name, _)| if &***name == CONSOLE { by_console } else { by_mail })
            .map(|it| it.1)
    }

    /// Has everything been read that may have come for `job` until `due`?
    pub(super) fn all_read(&self, job: &Job, due: Moment, now: Moment) -> bool {
        if now < due || self.silent {
            return false;
        }
        self.of(job).all(|ear| {
            let missed = self.away.is_some_and(|it| !ear.keeps && due >= it.from);
            let catching_up =
                missed && self.began.is_some_and(|it| due < it && now < it.after(CATCH_UP));
            ear.read_until >= due && !catching_up
        })
    }

    /// Were we deaf for so long within this time that nothing can be said?
    pub(super) fn was_deaf(&self, job: &Job, within: Span) -> bool {
        self.of(job).any(|ear| {
            let spans = ear.deaf.iter().map(|it| overlap(*it, within));
            spans.sum::<Duration>() >= DEAF_TOLERATED
        })
    }

    /// Until when nobody listened, before this process.
    pub(super) fn catches_up_until(&self) -> Option<Moment> {
        self.away.and(self.began).map(|it| it.after(CATCH_UP))
    }
}

fn hour_of(at: Moment) -> u64 {
    at.as_nanos() / 1_000_000_000 / HOUR
}

fn overlap(a: Span, b: Span) -> Duration {
    a.until.min(b.until).since(a.from.max(b.from))
}
