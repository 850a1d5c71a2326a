//! Whether the times around the expected runs of a watchdog stay apart.
//!
//! A report must belong to one run at most, so a slot is due before the next one opens. Tolerances
//! are elapsed time and runs stand on a wall clock: the smallest gap is looked for over a year and
//! more, since the days on which clocks change are part of it.

use std::{collections::HashMap, time::Duration};

use model::{Job, Moment, Schedule};

use super::{Clerk, jobs::Promise};
use crate::{code::Code, diagnostic::Diagnostic, draft::first_line, settle::spoken};

/// A slot opens at most this before its run if nothing is written …
const EARLY_MAX: Duration = Duration::from_secs(6 * 3600);
/// … and after this part of the gap before it; whatever is written, after the half of it.
const EARLY_PARTS: u32 = 4;

/// The smallest gap between two runs, and the later of the two if it has a moment of its own.
pub(super) type Gap = Option<(Duration, Option<Moment>)>;

/// The gaps of all schedules so far; many watchdogs have the same one.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    known: HashMap<Schedule, Gap>,
}

impl Gaps {
    fn smallest(&mut self, of: &Schedule, now: Moment) -> Gap {
        if let Some(known) = self.known.get(of) {
            return *known;
        }
        let found = calendar::smallest_gap(of, now);
        self.known.insert(of.clone(), found);
        found
    }
}

/// Tolerances that are too long for the time between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// So long before its run a slot opens.
    pub early: Duration,
    /// So long behind it a report is on time.
    pub grace: Duration,
    /// Is the first of them too long by itself?
    pub of_early: bool,
}

/// Could nobody say to which of two runs of `job`, with `gap` between them, a report belongs?
#[must_use]
pub fn overlap(job: &Job, gap: Duration) -> Option<Overlap> {
    let early = job.early.unwrap_or_else(|| (gap / EARLY_PARTS).min(EARLY_MAX));
    let grace = job.grace.unwrap_or_default();
    let of_early = early > gap / 2;
    (of_early || early + grace > gap).then_some(Overlap { early, grace, of_early })
}

impl<'a> Clerk<'_, 'a, '_> {
    /// Are the tolerances of `job` within its gaps?
    pub(super) fn tolerances(&mut self, job: &Job, promise: &Promise<'a>, gaps: &mut Gaps) {
        let said = &promise.settings;
        let place = |key: &str| said.get(key).map(first_line);
        if let (Some(give_up), Some(at)) = (job.give_up, place("give up")) {
            let grace = job.grace.unwrap_or_default();
            if give_up < grace {
                let what = format!(
                    "it gives up after {}, before a report is late after {}",
                    spoken(give_up),
                    spoken(grace)
                );
                let mut found = Diagnostic::new(Code::GivesUpTooEarly, what).at(at);
                if let Some(grace) = place("grace") {
                    found = found.also(grace, "so long a report is on time");
                }
                self.add(found);
            }
        }
        if job.early.is_none() && job.grace.is_none() {
            return;
        }
        let Some((gap, at)) = gaps.smallest(&job.schedule, self.now()) else { return };
        let Some(Overlap { early, grace, of_early }) = overlap(job, gap) else { return };
        let when = at.map(|it| {
            let when = calendar::describe(it, &job.schedule.zone);
            format!("the smallest gap is the one before the run of {when}")
        });
        let (what, place) = if of_early {
            let what = format!(
                "`early: {}` is more than half of the {} between two runs",
                spoken(early),
                spoken(gap)
            );
            (what, place("early"))
        } else {
            let opens = match job.early {
                Some(_) => format!("opens {} before its run", spoken(early)),
                None => {
                    format!("opens {} before its run if `early:` is not written", spoken(early))
                }
            };
            let what = format!(
                "a report may be {} late, but only {} lie between two runs, and the next {opens}",
                spoken(grace),
                spoken(gap)
            );
            (what, place("grace"))
        };
        let mut found = Diagnostic::new(Code::TimesOverlap, what)
            .at(place.unwrap_or_else(|| promise.key.place()))
            .label("nobody could say to which of two runs a report belongs");
        if let Some(when) = when {
            found = found.note(when);
        }
        if let Some(expect) = said.get("expect") {
            found = found.also(first_line(expect), "when it is due");
        }
        self.add(found);
    }
}
