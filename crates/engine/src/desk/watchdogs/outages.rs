//! What jobs of several customers have in common that go bad within an hour: a relay, a sender, a
//! product, an intake. Then it is no trouble of any of them, but of whoever stands behind it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{Entry, Moment, Report, Slot, Span, Standing};

use super::{Watchdogs, intakes::CONSOLE};

/// What goes bad so close to one another may have one cause.
pub(crate) const OUTAGE_WITHIN: Duration = Duration::from_secs(3600);
/// At least so many jobs …
const OUTAGE_JOBS_MIN: usize = 6;
/// … of so many customers …
const OUTAGE_CUSTOMERS_MIN: usize = 4;
/// … and so many percent of all that have the same in common and came or were due in that time: on
/// a day on which one run of ten goes wrong, five of ten within some hour are chance.
const OUTAGE_PERCENT: usize = 75;
/// A longer name of a relay or sender says nothing to people.
const ORIGIN_BYTES_MAX: usize = 120;

/// How the last slot of a job came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Well,
    /// Something was heard, and it was bad.
    Failed,
    /// Nothing was heard.
    Silent,
}

#[derive(Clone, Debug)]
struct Judged {
    /// When it was heard, or should have been: some are judged long after that.
    at: Moment,
    /// When it was due: one that was well long before says something about that hour, too.
    due: Moment,
    turn: Turn,
    customer: Arc<str>,
}

impl Judged {
    fn is_bad_within(&self, hour: Span) -> bool {
        self.turn != Turn::Well && hour.from <= self.at && self.at <= hour.until
    }
}

/// How jobs came out lately, by what they have in common with others.
#[derive(Debug, Default)]
pub(super) struct Outages {
    by_origin: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Judged>>,
    /// What each job is noted for.
    origins: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

impl Outages {
    fn note(&mut self, job: &Arc<str>, origins: &[Arc<str>], judged: &Judged) {
        self.forget(job);
        let counted = origins.iter().filter(|it| counts(it, judged.turn));
        for origin in counted.clone() {
            let jobs = self.by_origin.entry(Arc::clone(origin)).or_default();
            jobs.insert(Arc::clone(job), judged.clone());
        }
        self.origins.insert(Arc::clone(job), counted.cloned().collect());
    }

    fn forget(&mut self, job: &Arc<str>) {
        for origin in self.origins.remove(job).unwrap_or_default() {
            if let Some(jobs) = self.by_origin.get_mut(&origin) {
                jobs.remove(job);
                if jobs.is_empty() {
                    self.by_origin.remove(&origin);
                }
            }
        }
    }

    /// The hour that ends with the end of the job's own run.
    fn hour_of(&self, origin: &str, job: &str) -> Option<Span> {
        let own = self.by_origin.get(origin)?.get(job)?;
        Some(Span { from: own.at.before(OUTAGE_WITHIN), until: own.at })
    }

    /// Did so many go bad in that hour that have this in common, that it must be the cause?
    fn is_out(&self, origin: &str, hour: Span) -> bool {
        let Some(jobs) = self.by_origin.get(origin) else { return false };
        let within = |it: Moment| hour.from <= it && it <= hour.until;
        let known = jobs.values().filter(|it| within(it.at) || within(it.due)).count();
        let bad = || jobs.values().filter(|it| it.is_bad_within(hour));
        let customers: BTreeSet<&Arc<str>> = bad().map(|it| &it.customer).collect();
        let count = bad().count();
        count >= OUTAGE_JOBS_MIN
            && customers.len() >= OUTAGE_CUSTOMERS_MIN
            && count * 100 >= known * OUTAGE_PERCENT
    }
}

/// Does such an end of a run speak for or against the trouble of `origin`? A product that fails says
/// so, and an intake only loses what is on its way.
fn counts(origin: &str, turn: Turn) -> bool {
    match turn {
        Turn::Well => true,
        Turn::Failed => !origin.starts_with("intake "),
        Turn::Silent => !origin.starts_with("product "),
    }
}

/// What a report has in common with those of other jobs, the closest first.
pub(super) fn origins(of: &Report) -> Vec<Arc<str>> {
    let by_mail = *of.intake != *CONSOLE;
    let domain = of.from.rsplit_once('@').map_or("", |it| it.1.trim_end_matches('>'));
    // An own rule is called by its place.
    let product = Some(&*of.says.read_by).filter(|it| by_mail && !it.contains(':'));
    let all = [
        ("sender", domain),
        ("relay", &*of.peer),
        ("product", product.unwrap_or("")),
        ("intake", &*of.intake),
    ];
    let named = all.into_iter().filter(|it| !it.1.is_empty() && it.1.len() <= ORIGIN_BYTES_MAX);
    named.map(|(what, name)| Arc::from(format!("{what} {}", name.to_lowercase()))).collect()
}

impl Watchdogs {
    /// A slot has come to stand `by` an entry. What cannot be believed says nothing: nobody can hide
    /// the trouble of one in an invented trouble of all.
    pub(super) fn note_turn(&mut self, slot: &Slot, by: Option<&Entry>) {
        let job = &slot.key.job;
        let Some(book) = self.books.get(job) else { return };
        let before = book.slots.range(..slot.key.at).next_back();
        let is_new = before.is_none_or(|it| !it.1.standing.is_bad());
        let turn = match slot.standing {
            Standing::Missing => Turn::Silent,
            it if it.is_bad() && by.is_some_and(|it| it.proved) => Turn::Failed,
            it if it.is_kept() || it == Standing::Warning => Turn::Well,
            _ => return self.outages.forget(job),
        };
        // One that has been bad for days says nothing about this hour.
        if turn != Turn::Well && !is_new {
            return self.outages.forget(job);
        }
        let customer = Arc::clone(&book.customer);
        let at = by.map_or(slot.due, |it| it.at);
        let judged = Judged { at, due: slot.due, turn, customer };
        self.outages.note(job, &book.memory.origins, &judged);
    }

    /// What the job has in common with others, the closest first; nothing if its last slot is well.
    pub(crate) fn causes(&self, job: &str) -> Vec<Arc<str>> {
        let origins = self.outages.origins.get(job).into_iter().flatten();
        let is_bad = |it: &&Arc<str>| {
            let judged = self.outages.by_origin.get(*it).and_then(|it| it.get(job));
            judged.is_some_and(|it| it.turn != Turn::Well)
        };
        origins.filter(is_bad).cloned().collect()
    }

    /// Is `cause` what went wrong with many at the time of the job?
    pub(crate) fn is_out(&self, cause: &str, job: &str) -> bool {
        self.outages.hour_of(cause, job).is_some_and(|it| self.outages.is_out(cause, it))
    }

    /// Jobs that went bad at the time of the job and have `cause` in common, by name.
    pub(crate) fn hit_by(&self, cause: &str, job: &str) -> Vec<Arc<str>> {
        let Some(hour) = self.outages.hour_of(cause, job) else { return Vec::new() };
        let jobs = self.outages.by_origin.get(cause).into_iter().flatten();
        jobs.filter(|it| it.1.is_bad_within(hour)).map(|it| Arc::clone(it.0)).collect()
    }

    /// Nothing is to be held against others any more that the job went through.
    pub(super) fn forget_turn(&mut self, job: &Arc<str>) {
        self.outages.forget(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hour(Outages);

    impl Hour {
        fn note(&mut self, job: &str, minute: u64, turn: Turn, origin: &str) {
            self.note_due(job, (minute, minute), turn, origin);
        }

        fn note_due(&mut self, job: &str, (at, due): (u64, u64), turn: Turn, origin: &str) {
            let minute = |it: u64| Moment::from_secs(it * 60);
            let customer = Arc::from(job.split('/').next().unwrap());
            let judged = Judged { at: minute(at), due: minute(due), turn, customer };
            self.0.note(&Arc::from(job), &[Arc::from(origin)], &judged);
        }

        fn is_out(&self, origin: &str, job: &str) -> bool {
            self.0.hour_of(origin, job).is_some_and(|it| self.0.is_out(origin, it))
        }
    }

    #[test]
    fn many_jobs_of_few_customers_are_their_own_trouble() {
        let mut hour = Hour(Outages::default());
        for job in ["a/1", "a/2", "b/1", "b/2", "c/1", "c/2"] {
            hour.note(job, 100, Turn::Failed, "relay x");
        }
        assert!(!hour.is_out("relay x", "a/1"));
        hour.note("d/1", 100, Turn::Silent, "relay x");
        assert!(hour.is_out("relay x", "a/1"));
        hour.note("d/2", 160, Turn::Failed, "relay x");
        assert!(hour.is_out("relay x", "d/2"));
        hour.note("d/2", 161, Turn::Failed, "relay x");
        assert!(!hour.is_out("relay x", "d/2"), "that was another hour");
        for job in ["e/1", "f/1"] {
            hour.note(job, 100, Turn::Well, "relay x");
        }
        assert!(hour.is_out("relay x", "a/1"), "seven of nine");
        hour.note("g/1", 100, Turn::Well, "relay x");
        assert!(!hour.is_out("relay x", "a/1"), "seven of ten");
    }

    #[test]
    fn what_was_well_long_before_it_was_due_counts_for_that_hour() {
        let mut hour = Hour(Outages::default());
        for job in ["a/1", "b/1", "c/1", "d/1", "e/1", "f/1"] {
            hour.note_due(job, (300, 300), Turn::Silent, "relay x");
        }
        assert!(hour.is_out("relay x", "a/1"));
        for job in ["g/1", "h/1", "i/1"] {
            hour.note_due(job, (100, 280), Turn::Well, "relay x");
        }
        assert!(!hour.is_out("relay x", "a/1"), "six of nine did not come");
    }

    #[test]
    fn a_product_speaks_and_an_intake_is_silent() {
        let mut hour = Hour(Outages::default());
        for (origin, turn) in [("product v", Turn::Silent), ("intake box", Turn::Failed)] {
            for job in ["a/1", "b/1", "c/1", "d/1", "e/1", "f/1"] {
                hour.note(job, 0, turn, origin);
            }
            assert!(!hour.is_out(origin, "a/1"), "{origin}");
        }
        for (origin, turn) in [("product v", Turn::Failed), ("intake box", Turn::Silent)] {
            for job in ["a/1", "b/1", "c/1", "d/1", "e/1", "f/1"] {
                hour.note(job, 0, turn, origin);
            }
            assert!(hour.is_out(origin, "a/1"), "{origin}");
        }
        assert!(hour.0.by_origin.len() == 1, "what nobody is noted for is forgotten");
    }
}
