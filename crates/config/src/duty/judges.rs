//! By what the runs of a watchdog are judged: tolerances, objects, sizes and times.

use std::{sync::Arc, time::Duration};

use model::{Job, Limits};

use super::{Clerk, jobs::Promise};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    draft::{first_line, shape},
    quoted,
    source::View,
    words::{self, Bound, Fault},
};

/// Objects of one watchdog.
const OBJECTS_MAX: usize = 1_000;
/// Longest name of an object, in bytes.
const OBJECT_BYTES_MAX: usize = 256;
const LIMIT_KEYS: &[&str] = &["under", "over", "min", "max", "warn"];

/// Reads an amount.
type Amount = fn(&str) -> Result<u64, Fault>;

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn judged(&mut self, promise: &Promise<'a>, job: &mut Job) {
        let said = &promise.settings;
        let mut time = |key: &str, parse: fn(&str) -> Result<Duration, Fault>| {
            said.get(key).and_then(|it| self.word(it, parse))
        };
        job.early = time("early", words::tolerance);
        job.grace = time("grace", words::tolerance);
        job.give_up = time("give up", words::tolerance);
        job.timeout = time("timeout", words::stretch);
        job.retry_grace = time("retries", words::tolerance).unwrap_or_default();
        if let Some(view) = said.get("reports") {
            job.reports = self.word(view, words::reports).unwrap_or(1);
        }
        if let Some(view) = said.get("warnings") {
            job.warnings = self.word(view, words::warnings).unwrap_or(job.warnings);
        }
        if let Some(view) = said.get("manual runs") {
            let known = [("count", true), ("ignore", false)];
            job.manual_runs_count = self.choice(view, &known).unwrap_or_default();
        }
        if let Some(view) = said.get("size") {
            job.size = self.limits(view, "`size`", words::bytes);
        }
        if let Some(view) = said.get("duration") {
            job.duration = self.limits(view, "`duration`", seconds);
        }
        self.objects(promise, job);
    }

    /// `{ under: 50% of usual, min: 1GB }`.
    fn limits(&mut self, map: View<'a>, owner: &str, amount: Amount) -> Limits {
        let mut limits = Limits::default();
        if !self.is_map(map, owner, LIMIT_KEYS) {
            return limits;
        }
        for (key, over) in [("under", false), ("over", true)] {
            if let Some(view) = Self::get(map, key)
                && let Some(found) = self.word(view, |it| words::bound(it, amount))
            {
                self.limit(&mut limits, over, found, view);
            }
        }
        for (key, over) in [("min", false), ("max", true)] {
            if let Some(view) = Self::get(map, key)
                && let Some(found) = self.word(view, amount)
            {
                self.limit(&mut limits, over, Bound::Fixed(found), view);
            }
        }
        for view in Self::get(map, "warn").into_iter().flat_map(View::items) {
            if let Some((over, found)) = self.word(view, |it| words::crossed(it, amount)) {
                self.limit(&mut limits, over, found, view);
            }
        }
        let crossed =
            |low: Option<u64>, high: Option<u64>| low.zip(high).is_some_and(|(a, b)| a > b);
        let percent = |it: Option<u32>| it.map(u64::from);
        if crossed(limits.min, limits.max)
            || crossed(percent(limits.min_percent), percent(limits.max_percent))
        {
            self.add(
                Diagnostic::new(Code::Value, "the least is more than the most")
                    .at(first_line(map))
                    .help("are they swapped?"),
            );
        }
        limits
    }

    fn limit(&mut self, limits: &mut Limits, over: bool, bound: Bound, view: View<'_>) {
        let twice = match (bound, over) {
            (Bound::Fixed(it), false) => limits.min.replace(it).is_some(),
            (Bound::Fixed(it), true) => limits.max.replace(it).is_some(),
            (Bound::Usual(it), false) => limits.min_percent.replace(it).is_some(),
            (Bound::Usual(it), true) => limits.max_percent.replace(it).is_some(),
        };
        if twice {
            let found = Diagnostic::new(Code::Clash, "this limit is written twice");
            self.add(found.at(view.place()).label("the second one"));
        }
    }

    /// `[vm1, vm2]` or `learn`, and how many of them must be well.
    fn objects(&mut self, promise: &Promise<'a>, job: &mut Job) {
        let said = &promise.settings;
        let list = said.get("objects");
        if let Some(list) = list {
            self.named_objects(list, job);
        }
        let Some(view) = said.get("quorum") else { return };
        let most = i64::try_from(OBJECTS_MAX).unwrap_or(i64::MAX);
        let Some(quorum) = self.count(view, 1..=most).and_then(|it| u32::try_from(it).ok()) else {
            return;
        };
        job.objects.quorum = Some(quorum);
        let named = job.objects.named.len();
        match list {
            None => self.add(
                Diagnostic::new(Code::Missing, "`objects:` is missing")
                    .at(view.place())
                    .label("it is not said of what so many must be well")
                    .help("write it like `objects: [vm1, vm2]` or `objects: learn`"),
            ),
            Some(list) if !job.objects.learn && quorum as usize > named && named > 0 => self.add(
                Diagnostic::new(
                    Code::QuorumTooLarge,
                    format!("{quorum} objects must be well, but there are only {named}"),
                )
                .at(view.place())
                .also(first_line(list), "the objects"),
            ),
            Some(_) => {}
        }
    }

    fn named_objects(&mut self, list: View<'a>, job: &mut Job) {
        if list.is_map() {
            self.add(shape(list, "a list of names, or `learn`"));
            return;
        }
        let items = list.items();
        if let Some(extra) = items.get(OBJECTS_MAX) {
            let what = format!("more than {OBJECTS_MAX} objects");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return;
        }
        for item in items {
            if item.plain() == Some("learn") {
                job.objects.learn = true;
                continue;
            }
            let Some(name) = self.text(item) else { continue };
            let name: Arc<str> = Arc::from(name.trim());
            if name.is_empty() || name.len() > OBJECT_BYTES_MAX {
                let what = format!("the name of an object has 1 to {OBJECT_BYTES_MAX} bytes");
                self.add(Diagnostic::new(Code::Value, what).at(item.place()));
            } else if job.objects.named.contains(&name) {
                let what = format!("{} is named twice", quoted(&name));
                self.add(Diagnostic::new(Code::Clash, what).at(item.place()));
            } else {
                job.objects.named.push(name);
            }
        }
    }
}

/// A duration in whole seconds.
fn seconds(text: &str) -> Result<u64, Fault> {
    words::stretch(text).map(|it| it.as_secs())
}
