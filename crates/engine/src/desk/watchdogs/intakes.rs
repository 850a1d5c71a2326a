//! What was read until when, by which way, and when nobody was listening.
//!
//! A slot is missing only if everything that came in until its due time has been read. By ways that
//! keep for us what comes while we are away, that is a matter of reading on; by the others, what
//! came while we were deaf is lost, and nothing can be said.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{Intake, IntakeFigures, IntakeState, Job, JobKind, Moment, Row, Span};

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
    /// Of which an earlier process has told that they cannot hear, and when.
    told_before: BTreeMap<Arc<str>, Moment>,
}

/// By which ways a job is heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways<'a> {
    pub(super) job: &'a Job,
    /// The intake of mail by which it was last heard.
    pub(super) usual: Option<&'a str>,
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

    /// People were told at `at` that the intake called `name` cannot hear.
    pub(super) fn was_told(&mut self, name: &str, at: Moment) {
        match name {
            MAIL => self.silent = true,
            _ => drop(self.told_before.insert(Arc::from(name), at)),
        }
    }

    /// Gives those of which people were told that they cannot hear, and which are there no more.
    pub(super) fn arrange(&mut self, of: &model::Intakes, now: Moment) -> Vec<Arc<str>> {
        self.began.get_or_insert(now);
        let told_before = std::mem::take(&mut self.told_before);
        let mut old = std::mem::take(&mut self.ways);
        let console = (Arc::from(CONSOLE), false);
        let all = of.all.iter().map(|it: &Intake| (Arc::clone(&it.name), it.keeps));
        for (name, keeps) in all.chain([console]) {
            // It was deaf when it was told, and for all that is known until now.
            let told = told_before.get(&name);
            let was_deaf = told.map(|it| Span { from: it.before(DEAF_AFTER), until: now });
            let fresh = || Ear {
                keeps,
                // Nobody knows what an earlier process had left unread.
                read_until: Moment::ZERO,
                deaf_since: None,
                text: Arc::from(""),
                told: told.is_some(),
                deaf: self.away.into_iter().chain(was_deaf).filter(|_| !keeps).collect(),
            };
            let ear = old.remove(&name).map(|it| Ear { keeps, ..it }).unwrap_or_else(fresh);
            self.ways.insert(name, ear);
        }
        let told = old.into_iter().filter(|it| it.1.told).map(|it| it.0);
        let told = told.chain(told_before.into_keys());
        told.filter(|it| !self.ways.contains_key(it)).collect()
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
            } else if ear.told && ear.deaf_since.is_none() && ear.read_until > Moment::ZERO {
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

    /// Was there next to no mail in the last whole hour, though there usually is at this time of the
    /// day, and was on this day of the week?
    fn is_silent(&self, now: Moment) -> bool {
        let Some(last) = hour_of(now).checked_sub(1) else { return false };
        if self.began.is_none_or(|it| hour_of(it) >= last) {
            return false; // We were not there for the whole of it.
        }
        let days_ago = |days: u64| last.checked_sub(days * 24).and_then(|it| self.heard_in(it));
        let same: Vec<u32> = (1..=14).filter_map(days_ago).collect();
        let Some(usual) = crate::watchdog::median(&same) else { return false };
        let weekly = [7, 14].into_iter().filter_map(days_ago).min();
        let usual = weekly.map_or(usual, |it| it.min(usual));
        let count = |hour| self.hours.get(&hour).copied().unwrap_or(0);
        let heard = count(last).saturating_add(count(last + 1));
        same.len() >= HOURS_KNOWN_MIN
            && usual >= USUAL_MIN
            && u64::from(heard) * 100 < u64::from(usual) * u64::from(SILENT_PERCENT)
    }

    /// Mails in an hour of which something is known; where none is written there was none.
    fn heard_in(&self, hour: u64) -> Option<u32> {
        let known = self.hours.first_key_value().is_some_and(|it| *it.0 <= hour);
        known.then(|| self.hours.get(&hour).copied().unwrap_or(0))
    }

    /// Those by which a job may be heard, and whether it usually is.
    fn of<'a>(&'a self, ways: &Ways<'a>) -> impl Iterator<Item = (bool, &'a Ear)> + 'a {
        let job = ways.job;
        let usual = ways.usual.filter(|it| self.ways.contains_key(*it));
        let by_mail =
            job.kind == JobKind::Machine && (!job.hears.ping || !job.hears.mail.is_empty());
        let by_console = job.hears.ping || job.kind == JobKind::Person;
        self.ways.iter().filter_map(move |(name, ear)| match &**name {
            CONSOLE => by_console.then_some((true, ear)),
            name => by_mail.then(|| (usual.is_none_or(|it| it == name), ear)),
        })
    }

    /// Has everything been read that may have come for a job until `due`? A way by which it usually
    /// does not come is not waited for once it is known to be deaf: one broken mailbox does not hold
    /// the jobs of all others.
    pub(super) fn all_read(&self, job: &Ways<'_>, due: Moment, now: Moment) -> bool {
        if now < due || self.silent {
            return false;
        }
        self.of(job).filter(|it| it.0 || !it.1.told).all(|(_, ear)| {
            let missed = self.away.is_some_and(|it| !ear.keeps && due >= it.from);
            let catching_up =
                missed && self.began.is_some_and(|it| due < it && now < it.after(CATCH_UP));
            ear.read_until >= due && !catching_up
        })
    }

    /// Were we deaf for so long within this time that nothing can be said?
    pub(super) fn was_deaf(&self, job: &Ways<'_>, within: Span) -> bool {
        self.of(job).filter(|it| it.0).any(|(_, ear)| {
            let spans = ear.deaf.iter().map(|it| overlap(*it, within));
            spans.sum::<Duration>() >= DEAF_TOLERATED
        })
    }

    /// Figures of all ways, by name.
    pub(super) fn figures(&self) -> Vec<IntakeFigures> {
        let of = |(name, ear): (&Arc<str>, &Ear)| IntakeFigures {
            name: Arc::clone(name),
            read_until: ear.read_until,
            deaf: ear.deaf_since.is_some(),
        };
        self.ways.iter().map(of).collect()
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
