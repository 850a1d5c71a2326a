//! What a slot's entries come to.
//!
//! The last word on a run counts, whatever order the words came in. Failure is read before warning
//! and warning before success; what nobody understands is never success; silence means what the
//! job says that it means.

use std::{sync::Arc, time::Duration};

use model::{Entry, Job, JobMemory, Moment, Outcome, ReportId, Reporting, Slot, Standing};

use super::whole::{adds_up, last_words, run};

/// Clocks of senders may be so far ahead of ours.
const SKEW: Duration = Duration::from_secs(60);

/// What is judged, and what is known besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) job: &'a Job,
    pub(crate) memory: &'a JobMemory,
    pub(crate) slot: &'a Slot,
    pub(crate) now: Moment,
    /// Everything that came in until the slot was due has been read.
    pub(crate) all_read: bool,
    /// Everything that came in until [`times_out_at`] has been read.
    pub(crate) limit_read: bool,
}

/// How it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) standing: Standing,
    /// One line.
    pub(crate) why: String,
    /// The entry that decided: its place in [`Slot::entries`].
    pub(crate) by: Option<usize>,
    /// It failed before it went well.
    pub(crate) retried: bool,
    /// When it is worth asking again though nothing was heard.
    pub(crate) again_at: Option<Moment>,
}

impl Judged {
    fn new(standing: Standing, why: impl Into<String>) -> Self {
        Self { standing, why: why.into(), by: None, retried: false, again_at: None }
    }

    fn again(self, at: Moment) -> Self {
        Self { again_at: Some(at), ..self }
    }
}

/// The order in which the entries of a slot are read: by the time of their run. Of two at the same
/// time the graver one has the last word, whichever came in first.
pub(crate) fn order(it: &Entry) -> (Moment, u8, Moment, ReportId) {
    (it.ran_at, gravity(it.outcome), it.at, it.report)
}

/// When a run that has begun and not ended has timed out; `None` if nothing is known to run, or it
/// may take as long as it likes. Only the run that began last is timed.
pub(crate) fn times_out_at(job: &Job, slot: &Slot) -> Option<Moment> {
    let begun = begun(slot).filter(|_| !slot.entries.iter().any(|it| it.outcome.is_final()))?;
    Some(begun.ran_at.after(job.timeout?))
}

fn begun(slot: &Slot) -> Option<&Entry> {
    slot.entries.iter().rev().find(|it| it.outcome == Outcome::Started)
}

/// Judges a slot. Its entries must be sorted by [`order`].
pub(crate) fn judge(ask: Ask<'_>) -> Judged {
    let finals: Vec<(usize, &Entry)> =
        ask.slot.entries.iter().enumerate().filter(|it| it.1.outcome.is_final()).collect();
    let Some((place, last)) = last_word(&finals) else { return silent(ask) };
    let entries: Vec<&Entry> = finals.iter().map(|it| it.1).collect();
    let found = run(ask, &entries, last);
    if matches!(found.outcome, Outcome::Failed | Outcome::Partial) && !found.whole && !ask.all_read
    {
        return Judged::new(Standing::Open, found.why);
    }
    let by = Some(place);
    match found.outcome {
        Outcome::Failed => failed(ask, &finals, found.why, place),
        Outcome::Partial => Judged { by, ..Judged::new(Standing::Partial, found.why) },
        Outcome::Warning => Judged { by, ..Judged::new(Standing::Warning, found.why) },
        Outcome::Ok => {
            let retried = entries.iter().any(|it| it.outcome == Outcome::Failed);
            Judged { retried, ..in_time(ask, &finals) }
        }
        Outcome::Started | Outcome::Unclassified | Outcome::Other => {
            let why = "a report came that is not understood";
            match ask.all_read {
                true => Judged { by, ..Judged::new(Standing::Unclassified, why) },
                false => Judged::new(Standing::Open, why),
            }
        }
    }
}

/// The entry that decides: the last one. One that has not proved itself may only make it worse.
pub(super) fn last_word<'a>(finals: &[(usize, &'a Entry)]) -> Option<(usize, &'a Entry)> {
    finals.iter().copied().reduce(|word, next| {
        if outweighs(next.1.proved, next.1.outcome, word.1.outcome) { next } else { word }
    })
}

/// Does what is said later take the place of what was said before?
pub(super) fn outweighs(proved: bool, later: Outcome, said: Outcome) -> bool {
    proved || gravity(later) >= gravity(said)
}

/// How much a word about a run raises alarm.
pub(crate) fn gravity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Started | Outcome::Other => 0,
        Outcome::Ok => 1,
        Outcome::Warning => 2,
        Outcome::Partial => 3,
        Outcome::Unclassified => 4,
        Outcome::Failed => 5,
    }
}

/// It failed; the product may still try again by itself, for so long since it first failed: one
/// that fails again and again is told all the same.
fn failed(ask: Ask<'_>, finals: &[(usize, &Entry)], why: String, place: usize) -> Judged {
    let row = (1..=finals.len()).rev().take_while(|count| {
        last_word(&finals[..*count]).is_some_and(|it| it.1.outcome == Outcome::Failed)
    });
    let since = row.map(|count| finals[count - 1].1).map(|it| it.ran_at.max(it.at)).min();
    let until = since.unwrap_or(ask.slot.open).after(ask.job.retry_grace);
    if ask.now < until {
        let why = format!("failed, and is expected to try again: {why}");
        return Judged::new(Standing::Open, why).again(until);
    }
    Judged { by: Some(place), ..Judged::new(Standing::Failed, why) }
}

/// All went well; when? A run that was well in time stays so, whatever else runs later; so of all
/// words since which it is well the best one counts.
fn in_time(ask: Ask<'_>, finals: &[(usize, &Entry)]) -> Judged {
    let entries: Vec<&Entry> = finals.iter().map(|it| it.1).collect();
    let together = adds_up(ask, &entries);
    let well = (1..=finals.len()).rev().map_while(|count| {
        let (place, word) = last_word(&finals[..count])?;
        let is_well = run(ask, &entries[..count], word).outcome == Outcome::Ok;
        // The word of what adds up is in once the last part of it is.
        let parts = if together { &entries[..count] } else { &entries[..0] };
        let at = parts.iter().map(|it| it.at).max().unwrap_or(word.at);
        let judged = timing(ask.slot, word.ran_at, at);
        is_well.then_some(Judged { by: Some(place), ..judged })
    });
    let rank = |it: &Judged| match it.standing {
        Standing::Kept => 0,
        Standing::Early => 1,
        Standing::MailLate => 2,
        _ => 3,
    };
    // The first one of those that are as good.
    let best = well.reduce(|best, it| if rank(&it) <= rank(&best) { it } else { best });
    best.unwrap_or_else(|| Judged::new(Standing::Kept, ""))
}

/// How a good run stands that ended at `ran_at`, and of which the word came in at `at`.
fn timing(slot: &Slot, ran_at: Moment, at: Moment) -> Judged {
    if ran_at > slot.due {
        let late = ran_at.since(slot.due);
        return Judged::new(Standing::Late, format!("{} late", rounded(late)));
    }
    if at > slot.due {
        let why = format!("ended in time; word of it came {} late", rounded(at.since(slot.due)));
        return Judged::new(Standing::MailLate, why);
    }
    if !slot.nominal.by && ran_at.after(SKEW) < slot.nominal.from {
        let early = slot.nominal.from.since(ran_at);
        return Judged::new(Standing::Early, format!("{} early", rounded(early)));
    }
    Judged::new(Standing::Kept, "")
}

/// Nothing was heard of its end.
fn silent(ask: Ask<'_>) -> Judged {
    if let Some(begun) = begun(ask.slot) {
        let limit = times_out_at(ask.job, ask.slot);
        let is_over = match limit {
            Some(limit) => ask.now >= limit && ask.limit_read,
            None => ask.all_read,
        };
        if is_over {
            let long = rounded(ask.now.since(begun.ran_at));
            return Judged::new(Standing::TimedOut, format!("began {long} ago and has not ended"));
        }
        let open = Judged::new(Standing::Open, "it runs");
        return match limit.filter(|it| *it > ask.now) {
            Some(limit) => open.again(limit),
            None => open,
        };
    }
    if !ask.all_read {
        return Judged::new(Standing::Open, "");
    }
    match ask.job.reporting {
        Reporting::EveryRun | Reporting::Digest => {
            Judged::new(Standing::Missing, "nothing was heard of it")
        }
        Reporting::FailuresOnly => Judged::new(Standing::Kept, "no failure was reported"),
        Reporting::WhenOnline { missing_after } => {
            let good = ask.memory.last_good.max(ask.memory.last_ok);
            // Nobody waited for it before it was watched.
            let since = good.map_or(ask.memory.since, |it| it.max(ask.memory.since));
            let silence = ask.slot.due.since(since);
            if silence > missing_after {
                let why = format!("no good run for {}", rounded(silence));
                return Judged::new(Standing::Missing, why);
            }
            Judged::new(Standing::NotWatched, "nothing was heard; it may have been off")
        }
    }
}

/// `2h 5m`, `3d 4h`, `40s`.
pub(crate) fn rounded(time: Duration) -> String {
    let secs = time.as_secs();
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, ..) if minutes == 0 => format!("{hours}h"),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ if hours == 0 => format!("{days}d"),
        _ => format!("{days}d {hours}h"),
    }
}

/// The moment at which the objects of a good run are remembered.
pub(crate) fn objects_of(slot: &Slot) -> Vec<Arc<str>> {
    let entries: Vec<&Entry> = slot.entries.iter().filter(|it| it.outcome.is_final()).collect();
    let words = last_words(&entries);
    words.into_iter().filter(|it| super::whole::is_well(it.1)).map(|it| Arc::from(it.0)).collect()
}
