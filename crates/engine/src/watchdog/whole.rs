//! What the entries of a slot say of the run as a whole: one report, one for each part, one for each
//! machine, or one that tells of many.

use std::collections::BTreeMap;

use model::{Entry, Limits, Outcome, Reporting};

use super::{
    standing::{Ask, gravity, outweighs},
    usual::median,
};

/// A job is judged against what is usual once so many good runs are known.
const USUAL_RUNS_MIN: usize = 5;
/// An object counts as one that has to be there after so many good runs in a row with it.
const OBJECT_RUNS_MIN: u32 = 3;
/// Names that are written out in one line.
const NAMES_MAX: usize = 5;

/// What the entries say of the run as a whole.
pub(super) struct Run {
    pub(super) outcome: Outcome,
    pub(super) why: String,
    /// Nothing can be missing from it that may still come.
    pub(super) whole: bool,
}

impl Run {
    fn new(outcome: Outcome, why: String) -> Self {
        Self { outcome, why, whole: true }
    }

    fn partial(why: String, whole: bool) -> Self {
        Self { outcome: Outcome::Partial, why, whole }
    }
}

/// What `entries` say, of which `last` has the last word.
pub(super) fn run(ask: Ask<'_>, entries: &[&Entry], last: &Entry) -> Run {
    if ask.job.reporting == Reporting::Digest {
        return digest(ask, entries, last);
    }
    if ask.job.reports > 1 {
        return several(ask, entries, last);
    }
    if told_apart(ask, entries) {
        return one_by_one(ask, entries, last);
    }
    let said = Run::new(last.outcome, last.text.to_string());
    match last.outcome {
        Outcome::Ok | Outcome::Warning => {
            let amiss = objects(ask, entries).or_else(|| figures(ask, last));
            amiss.unwrap_or_else(|| warned(entries, said))
        }
        // Objects decide how bad a part is: enough of them may be well.
        Outcome::Partial => match enough_objects(ask, entries) {
            true => Run { outcome: Outcome::Warning, ..said },
            false => said,
        },
        _ => said,
    }
}

/// Do several reports make one run?
pub(super) fn adds_up(ask: Ask<'_>, entries: &[&Entry]) -> bool {
    ask.job.reports > 1 || told_apart(ask, entries)
}

/// Does every machine report for itself?
fn told_apart(ask: Ask<'_>, entries: &[&Entry]) -> bool {
    let first = entries.first().and_then(|it| it.objects.first());
    let other = |it: &&Entry| it.objects.first().map(|it| &it.0) != first.map(|it| &it.0);
    entries.iter().all(|it| it.objects.len() == 1)
        && (entries.iter().any(other) || wanted_objects(ask).len() > 1)
}

/// Every machine reports for itself: one that failed is a part of the run.
fn one_by_one(ask: Ask<'_>, entries: &[&Entry], last: &Entry) -> Run {
    let words = last_words(entries);
    match objects(ask, entries) {
        // Good words that prove nothing are none.
        None if words.is_empty() => Run::new(last.outcome, last.text.to_string()),
        None => {
            let all_well = Run::new(Outcome::Ok, last.text.to_string());
            figures(ask, last).unwrap_or_else(|| warned(entries, all_well))
        }
        Some(amiss) => hopeless(&words, amiss),
    }
}

/// What is amiss with everything has failed, or is not understood, as a whole.
fn hopeless(words: &BTreeMap<&str, Outcome>, amiss: Run) -> Run {
    let all = |wanted: Outcome| !words.is_empty() && words.values().all(|it| *it == wanted);
    let whole = amiss.whole;
    if all(Outcome::Failed) {
        return Run { outcome: Outcome::Failed, why: "nothing of it went well".to_owned(), whole };
    }
    let outcome = if all(Outcome::Unclassified) { Outcome::Unclassified } else { amiss.outcome };
    Run { outcome, ..amiss }
}

/// One report tells of many: each of them stands by the last word on it, whatever the report says
/// of itself. What a later one does not name stays as the one before said.
fn digest(ask: Ask<'_>, entries: &[&Entry], last: &Entry) -> Run {
    let words = last_words(entries);
    let said = Run::new(last.outcome, last.text.to_string());
    let blames_one = words.values().any(|it| !is_well(*it));
    match last.outcome {
        Outcome::Ok | Outcome::Warning => {}
        // It names those that it is about.
        Outcome::Partial | Outcome::Failed if blames_one => {}
        _ => return said,
    }
    match objects(ask, entries) {
        Some(amiss) => hopeless(&words, Run { whole: true, ..amiss }),
        None if blames_one => Run { outcome: Outcome::Warning, ..said },
        None => figures(ask, last).unwrap_or_else(|| warned(entries, said)),
    }
}

/// A slot that wants several reports: each stands for a part of the run.
fn several(ask: Ask<'_>, entries: &[&Entry], last: &Entry) -> Run {
    if entries.iter().any(|it| !it.objects.is_empty())
        && let Some(amiss) = objects(ask, entries)
    {
        return hopeless(&last_words(entries), amiss);
    }
    let mut parts: BTreeMap<(Option<&str>, usize), Outcome> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        // What belongs to one run is one part, and its last word counts; what names no run and no
        // object stands for itself.
        let name = entry.run.as_deref().or_else(|| entry.objects.first().map(|it| &*it.0));
        let part = (name, if name.is_some() { 0 } else { place });
        let said = parts.get(&part);
        if said.is_none_or(|said| outweighs(entry.proved, entry.outcome, *said)) {
            parts.insert(part, entry.outcome);
        }
    }
    let count = |wanted: Outcome| parts.values().filter(|it| **it == wanted).count();
    let (good, failed) = (count(Outcome::Ok) + count(Outcome::Warning), count(Outcome::Failed));
    let wanted = ask.job.reports as usize;
    if good >= wanted {
        let outcome = if count(Outcome::Warning) > 0 { Outcome::Warning } else { Outcome::Ok };
        let said = Run::new(outcome, last.text.to_string());
        return figures(ask, last).unwrap_or_else(|| warned(entries, said));
    }
    let why = format!("{good} of {wanted} good reports, {failed} failed");
    let all_in = parts.len() >= wanted;
    if good + count(Outcome::Partial) > 0 {
        return Run::partial(why, all_in && failed > 0);
    }
    let outcome = if failed > 0 { Outcome::Failed } else { Outcome::Unclassified };
    Run { outcome, why, whole: all_in }
}

/// One machine with a warning is a warning.
fn warned(entries: &[&Entry], said: Run) -> Run {
    let words = last_words(entries);
    let with: Vec<&str> =
        words.iter().filter(|it| *it.1 == Outcome::Warning).map(|it| *it.0).collect();
    if said.outcome != Outcome::Ok || with.is_empty() {
        return said;
    }
    Run::new(Outcome::Warning, format!("with warnings: {}", listed(&with)))
}

/// The last word on each object. Good words of an entry that has not proved itself do not count. A
/// report of one machine says of that what it says of itself, if that is worse.
pub(super) fn last_words<'a>(entries: &[&'a Entry]) -> BTreeMap<&'a str, Outcome> {
    let mut words = BTreeMap::new();
    for entry in entries {
        let alone = entry.objects.len() == 1;
        for (name, said) in &entry.objects {
            let graver = alone && gravity(entry.outcome) > gravity(*said);
            let word = if graver { entry.outcome } else { *said };
            let before = words.get(&**name);
            if (entry.proved || !is_well(word))
                && before.is_none_or(|it| outweighs(entry.proved, word, *it))
            {
                words.insert(&**name, word);
            }
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

pub(super) fn is_well(outcome: Outcome) -> bool {
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
