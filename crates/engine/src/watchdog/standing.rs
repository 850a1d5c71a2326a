//! What a slot's entries come to.
//!
//! The last word on a run counts, whatever order the words came in. Failure is read before warning
//! and warning before success; what nobody understands is never success; silence means what the
//! job says that it means.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{Entry, Job, JobMemory, Limits, Moment, Outcome, Reporting, Slot, Standing};

use super::usual::median;

/// A job is judged against what is usual once so many good runs are known.
const USUAL_RUNS_MIN: usize = 5;
/// An object counts as one that has to be there after so many good runs in a row with it.
const OBJECT_RUNS_MIN: u32 = 3;
/// Clocks of senders may be so far ahead of ours.
const SKEW: Duration = Duration::from_secs(60);
/// Names that are written out in one line.
const NAMES_MAX: usize = 5;

/// What is judged, and what is known besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) job: &'a Job,
    pub(crate) memory: &'a JobMemory,
    pub(crate) slot: &'a Slot,
    pub(crate) now: Moment,
    /// Everything that came in until the slot was due has been read.
    pub(crate) all_read: bool,
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

/// Judges a slot. Its entries must be sorted by the time of their run.
pub(crate) fn judge(ask: Ask<'_>) -> Judged {
    let finals: Vec<(usize, &Entry)> =
        ask.slot.entries.iter().enumerate().filter(|it| it.1.outcome.is_final()).collect();
    let Some((place, last)) = last_word(&finals) else { return silent(ask) };
    let entries: Vec<&Entry> = finals.iter().map(|it| it.1).collect();
    let found = run(ask, &entries, last);
    let retried = entries.iter().any(|it| it.outcome == Outcome::Failed);
    let judged = match found.outcome {
        Outcome::Failed => failed(ask, last, found.why),
        Outcome::Partial if !found.whole && !ask.all_read => {
            return Judged::new(Standing::Open, found.why);
        }
        Outcome::Partial => Judged::new(Standing::Partial, found.why),
        Outcome::Warning => Judged::new(Standing::Warning, found.why),
        Outcome::Ok => in_time(ask, last),
        Outcome::Started | Outcome::Unclassified | Outcome::Other if ask.all_read => {
            Judged::new(Standing::Unclassified, "a report came that is not understood")
        }
        Outcome::Started | Outcome::Unclassified | Outcome::Other => {
            Judged::new(Standing::Open, "a report came that is not understood")
        }
    };
    let retried = retried && judged.standing.is_kept();
    Judged { by: Some(place), retried, ..judged }
}

/// The entry that decides: the last one. One that has not proved itself may only make it worse.
fn last_word<'a>(finals: &[(usize, &'a Entry)]) -> Option<(usize, &'a Entry)> {
    finals
        .iter()
        .copied()
        .reduce(|word, next| if outweighs(next.1, word.1.outcome) { next } else { word })
}

/// Does a later entry take the place of what was said before?
fn outweighs(later: &Entry, said: Outcome) -> bool {
    later.proved || gravity(later.outcome) >= gravity(said)
}

/// How much a word about a run raises alarm.
fn gravity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Started | Outcome::Other => 0,
        Outcome::Ok => 1,
        Outcome::Warning => 2,
        Outcome::Partial => 3,
        Outcome::Unclassified => 4,
        Outcome::Failed => 5,
    }
}

/// It failed; the product may still try again by itself.
fn failed(ask: Ask<'_>, last: &Entry, why: String) -> Judged {
    let until = last.ran_at.max(last.at).after(ask.job.retry_grace);
    if ask.now < until {
        let why = format!("failed, and is expected to try again: {why}");
        return Judged::new(Standing::Open, why).again(until);
    }
    Judged::new(Standing::Failed, why)
}

/// All went well; when?
fn in_time(ask: Ask<'_>, last: &Entry) -> Judged {
    let (slot, nominal) = (ask.slot, ask.slot.nominal);
    if last.ran_at > slot.due {
        let late = last.ran_at.since(slot.due);
        return Judged::new(Standing::Late, format!("{} late", rounded(late)));
    }
    if last.at > slot.due {
        let late = last.at.since(slot.due);
        let why = format!("ended in time; word of it came {} late", rounded(late));
        return Judged::new(Standing::MailLate, why);
    }
    if !nominal.by && last.ran_at.after(SKEW) < nominal.from {
        let early = nominal.from.since(last.ran_at);
        return Judged::new(Standing::Early, format!("{} early", rounded(early)));
    }
    Judged::new(Standing::Kept, "")
}

/// Nothing was heard of its end.
fn silent(ask: Ask<'_>) -> Judged {
    let begun = ask.slot.entries.iter().rev().find(|it| it.outcome == Outcome::Started);
    if let Some(begun) = begun {
        let limit = ask.job.timeout.map(|it| begun.ran_at.after(it));
        if limit.is_some_and(|it| ask.now >= it) || limit.is_none() && ask.all_read {
            let long = rounded(ask.now.since(begun.ran_at));
            return Judged::new(Standing::TimedOut, format!("began {long} ago and has not ended"));
        }
        let open = Judged::new(Standing::Open, "it runs");
        return match limit {
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
            let since = ask.memory.last_ok.unwrap_or(ask.memory.since);
            let silence = ask.slot.due.since(since);
            if silence > missing_after {
                let why = format!("no good run for {}", rounded(silence));
                return Judged::new(Standing::Missing, why);
            }
            Judged::new(Standing::NotWatched, "nothing was heard; it may have been off")
        }
    }
}

/// What the entries say of the run as a whole.
struct Run {
    outcome: Outcome,
    why: String,
    /// Nothing can be missing from it that may still come.
    whole: bool,
}

impl Run {
    fn partial(why: String, whole: bool) -> Self {
        Self { outcome: Outcome::Partial, why, whole }
    }
}

fn run(ask: Ask<'_>, entries: &[&Entry], last: &Entry) -> Run {
    if ask.job.reports > 1 {
        return several(ask, entries, last);
    }
    let said = Run { outcome: last.outcome, why: last.text.to_string(), whole: true };
    match last.outcome {
        Outcome::Ok | Outcome::Warning => {
            let amiss = objects(ask, entries).or_else(|| figures(ask, last));
            amiss.unwrap_or(said)
        }
        // Objects decide how bad a part is: enough of them may be well.
        Outcome::Partial => match enough_objects(ask, entries) {
            true => Run { outcome: Outcome::Warning, ..said },
            false => said,
        },
        _ => said,
    }
}

/// A slot that wants several reports: each stands for a part of the run.
fn several(ask: Ask<'_>, entries: &[&Entry], last: &Entry) -> Run {
    if entries.iter().any(|it| !it.objects.is_empty())
        && let Some(amiss) = objects(ask, entries)
    {
        return amiss;
    }
    let mut parts: BTreeMap<(Option<&str>, usize), Outcome> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        // What belongs to one run is one part, and its last word counts; what names no run and no
        // object stands for itself.
        let name = entry.run.as_deref().or_else(|| entry.objects.first().map(|it| &*it.0));
        let part = (name, if name.is_some() { 0 } else { place });
        if parts.get(&part).is_none_or(|said| outweighs(entry, *said)) {
            parts.insert(part, entry.outcome);
        }
    }
    let count = |wanted: &[Outcome]| parts.values().filter(|it| wanted.contains(it)).count();
    let good = count(&[Outcome::Ok, Outcome::Warning]);
    let wanted = ask.job.reports as usize;
    if good >= wanted {
        let warned = count(&[Outcome::Warning]) > 0;
        let outcome = if warned { Outcome::Warning } else { Outcome::Ok };
        return figures(ask, last).unwrap_or(Run {
            outcome,
            why: last.text.to_string(),
            whole: true,
        });
    }
    let failed = count(&[Outcome::Failed]);
    if good == 0 && failed >= wanted {
        let why = format!("all {failed} reports say that it failed");
        return Run { outcome: Outcome::Failed, why, whole: true };
    }
    Run::partial(
        format!("{good} of {wanted} good reports, {failed} failed"),
        parts.len() >= wanted && failed > 0,
    )
}

/// The last word on each object. Good words of an entry that has not proved itself do not count.
fn last_words<'a>(entries: &[&'a Entry]) -> BTreeMap<&'a str, Outcome> {
    let all = entries.iter().flat_map(|it| it.objects.iter().map(|object| (*it, object)));
    let mut words = BTreeMap::new();
    for (entry, (name, outcome)) in all.filter(|it| it.0.proved || !is_well(it.1.1)) {
        if words.get(&**name).is_none_or(|said| outweighs(entry, *said)) {
            words.insert(&**name, *outcome);
        }
    }
    words
}

/// Everything that has to be there: what is written, and what was there again and again.
fn wanted_objects<'a>(ask: Ask<'a>) -> Vec<&'a str> {
    let mut wanted: Vec<&str> = ask.job.objects.named.iter().map(|it| &**it).collect();
    if ask.job.objects.learn {
        let often = ask.memory.objects.iter().filter(|it| *it.1 >= OBJECT_RUNS_MIN);
        wanted.extend(often.map(|it| &**it.0));
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

fn is_well(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Ok | Outcome::Warning)
}

fn enough_objects(ask: Ask<'_>, entries: &[&Entry]) -> bool {
    let well = last_words(entries).values().filter(|it| is_well(**it)).count();
    ask.job.objects.quorum.is_some_and(|it| well >= it as usize)
}

/// What is amiss with the objects; `None`: nothing.
fn objects(ask: Ask<'_>, entries: &[&Entry]) -> Option<Run> {
    let words = last_words(entries);
    let wanted = wanted_objects(ask);
    if words.is_empty() && wanted.is_empty() || enough_objects(ask, entries) {
        return None;
    }
    let well = words.values().filter(|it| is_well(**it)).count();
    let bad: Vec<&str> = words.iter().filter(|it| !is_well(*it.1)).map(|it| *it.0).collect();
    let gone: Vec<&str> = wanted.into_iter().filter(|it| !words.contains_key(it)).collect();
    if let Some(quorum) = ask.job.objects.quorum {
        let why = format!("{well} of the {quorum} that are needed are well");
        return Some(Run::partial(why, gone.is_empty()));
    }
    if bad.is_empty() && gone.is_empty() {
        return None;
    }
    let mut why = Vec::new();
    if !bad.is_empty() {
        why.push(format!("not well: {}", listed(&bad)));
    }
    if !gone.is_empty() {
        why.push(format!("not in the report: {}", listed(&gone)));
    }
    // Several reports may name one object each; the others may still come.
    let may_come = entries.iter().all(|it| it.objects.len() <= 1);
    Some(Run::partial(why.join("; "), gone.is_empty() || !may_come))
}

/// What is amiss with size or duration; `None`: nothing.
fn figures(ask: Ask<'_>, last: &Entry) -> Option<Run> {
    let size = last.size.and_then(|it| {
        odd(&ask.job.size, it, &ask.memory.sizes).map(|it| format!("its size is {it}"))
    });
    let size = size.or_else(|| {
        (last.size == Some(0) && median(&ask.memory.sizes).is_none_or(|it| it > 0))
            .then(|| "its size is zero".to_owned())
    });
    let duration = last.duration.and_then(|it| {
        odd(&ask.job.duration, it.as_secs(), &ask.memory.durations)
            .map(|it| format!("its duration is {it}"))
    });
    Some(Run::partial(size.or(duration)?, true))
}

/// What is odd about `value`, in words.
fn odd(limits: &Limits, value: u64, usual: &[u64]) -> Option<String> {
    if limits.min.is_some_and(|it| value < it) {
        return Some(format!("{value}, under the limit"));
    }
    if limits.max.is_some_and(|it| value > it) {
        return Some(format!("{value}, over the limit"));
    }
    let usual = median(usual).filter(|it| usual.len() >= USUAL_RUNS_MIN && *it > 0)?;
    let percent = u128::from(value) * 100 / u128::from(usual);
    let under = limits.min_percent.is_some_and(|it| percent < u128::from(it));
    let over = limits.max_percent.is_some_and(|it| percent > u128::from(it));
    (under || over).then(|| format!("{percent} % of the usual {usual}"))
}

fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMES_MAX).filter(|it| *it > 0) {
        Some(more) => format!("{shown} and {more} more"),
        None => shown,
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
    words.into_iter().filter(|it| is_well(it.1)).map(|it| Arc::from(it.0)).collect()
}
