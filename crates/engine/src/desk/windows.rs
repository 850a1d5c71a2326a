//! Planned maintenance as it takes place: which occurrences run now, and whom they cover.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use model::{
    MatchOp, Moment, NoteId, Occurrence, OccurrenceKey, PlannedWindow, RuleAt, Scope, Span,
    WindowEffect,
};

use super::{pen::Rules, views::WindowSeen};

/// What is over stays known for so long, and for so long the store brings it back.
const KNOWN_FOR: Duration = Duration::from_hours(8 * 24);
/// How often what is over is forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);
/// After a start it takes a moment until it is known again what is believed; a report on what
/// ended before waits for that, but not for ever.
const RECALL_PATIENCE: Duration = Duration::from_mins(1);

/// A window, whoever planned it.
#[derive(Clone, Debug)]
pub(crate) struct Defined {
    pub(crate) name: Arc<str>,
    /// For people.
    pub(crate) title: Arc<str>,
    /// `None`: for all whom the scope names.
    pub(crate) customer: Option<Arc<str>>,
    pub(crate) scope: Scope,
    pub(crate) effect: WindowEffect,
    pub(crate) sla_counts: bool,
    pub(crate) flexible: Option<Duration>,
    /// Longest first.
    pub(crate) reminders: Vec<Duration>,
    pub(crate) impact: Arc<str>,
    pub(crate) contact: Arc<str>,
    pub(crate) rule: Option<RuleAt>,
    spans: Arc<[Span]>,
}

impl Defined {
    /// Does it cover whoever has these labels?
    pub(crate) fn covers<'a>(&self, label: impl Fn(&str) -> &'a str + Copy) -> bool {
        self.customer.as_ref().is_none_or(|it| **it == *label("customer"))
            && self.scope.holds(label)
    }

    /// Whose it can be at most; `None`: anybody's.
    pub(crate) fn whose(&self) -> Option<BTreeSet<&str>> {
        if let Some(customer) = &self.customer {
            return Some(BTreeSet::from([&**customer]));
        }
        let lines = self.scope.lines.iter().map(|line| {
            let named = line.iter().find(|it| &*it.label == "customer" && it.op == MatchOp::Is);
            named.map(|it| &*it.value)
        });
        lines.collect()
    }

    fn span_from(&self, from: Moment) -> Option<Span> {
        let place = self.spans.binary_search_by_key(&from, |it| it.from).ok()?;
        Some(self.spans[place])
    }

    /// Is an occurrence of which something is known still one of this window? One that has begun
    /// is, whatever has become of the rule.
    fn has(&self, it: &Occurrence) -> bool {
        it.begun || self.span_from(it.key.planned_from).is_some()
    }

    pub(crate) fn seen(&self, occurrence: Occurrence) -> WindowSeen {
        WindowSeen {
            occurrence,
            effect: self.effect,
            scope: self.scope.clone(),
            sla_counts: self.sla_counts,
            flexible: self.flexible,
            impact: Arc::clone(&self.impact),
            contact: Arc::clone(&self.contact),
            rule: self.rule.clone(),
        }
    }
}

/// An occurrence that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) key: OccurrenceKey,
    /// While it has its effect.
    pub(crate) span: Span,
    pub(crate) window: Arc<Defined>,
}

impl Running {
    fn of(window: &Arc<Defined>, it: &Occurrence) -> Self {
        Self { key: it.key.clone(), span: it.span, window: Arc::clone(window) }
    }
}

/// What has changed since windows were last looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turned {
    pub(crate) begun: Vec<Running>,
    pub(crate) ended: Vec<Running>,
    /// Of what customers are to be reminded, and which reminders that settles, longest first.
    pub(crate) reminders: Vec<(Running, Vec<Duration>)>,
}

/// All windows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Windows {
    configured: Vec<Arc<Defined>>,
    planned: BTreeMap<NoteId, Arc<Defined>>,
    occurrences: BTreeMap<OccurrenceKey, Occurrence>,
    running: Vec<Running>,
    /// When windows were last looked at: `running` holds from then until `next`. `None` once
    /// something has changed since.
    turned_at: Option<Moment>,
    /// When they were looked at for the first time.
    first_turned_at: Option<Moment>,
    next: Option<Moment>,
    /// What is over is forgotten then.
    forget_at: Moment,
}

impl Windows {
    pub(crate) fn configure(&mut self, rules: &Rules) {
        self.turned_at = None;
        let duty = &rules.duty;
        let spans = rules.times.windows.iter().cloned().chain(std::iter::repeat(Arc::from([])));
        self.configured = duty
            .windows
            .iter()
            .zip(spans)
            .map(|(it, spans)| {
                Arc::new(Defined {
                    name: Arc::clone(&it.name),
                    title: Arc::clone(&it.name),
                    customer: it
                        .customer
                        .and_then(|it| duty.customers.get(it as usize))
                        .map(|it| Arc::clone(&it.name)),
                    scope: it.scope.clone(),
                    effect: it.effect,
                    sla_counts: it.sla_counts,
                    flexible: it.flexible,
                    reminders: it.reminders.clone(),
                    impact: Arc::clone(&it.impact),
                    contact: Arc::clone(&it.contact),
                    rule: Some(Arc::clone(&it.at)),
                    spans,
                })
            })
            .collect();
    }

    pub(crate) fn plan(&mut self, id: NoteId, it: &PlannedWindow) {
        let mut reminders = it.reminders.clone();
        reminders.sort_unstable_by(|a, b| b.cmp(a));
        reminders.dedup();
        let defined = Defined {
            name: PlannedWindow::name_of(id),
            title: Arc::clone(&it.name),
            customer: it.customer.clone(),
            scope: it.scope.clone(),
            effect: it.effect,
            sla_counts: it.sla_counts,
            flexible: it.flexible,
            reminders,
            impact: Arc::clone(&it.impact),
            contact: Arc::clone(&it.contact),
            rule: None,
            spans: Arc::from([it.span]),
        };
        self.turned_at = None;
        self.planned.insert(id, Arc::new(defined));
    }

    pub(crate) fn restore(&mut self, occurrence: Occurrence) {
        self.turned_at = None;
        self.occurrences.insert(occurrence.key.clone(), occurrence);
    }

    /// Something has become known of an occurrence; a turn follows if that changes what runs.
    pub(crate) fn put(&mut self, occurrence: Occurrence) {
        self.occurrences.insert(occurrence.key.clone(), occurrence);
    }

    pub(crate) fn running(&self) -> &[Running] {
        &self.running
    }

    /// When something begins, ends or is to be reminded of next.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.next
    }

    fn defined(&self) -> impl Iterator<Item = &Arc<Defined>> {
        self.configured.iter().chain(self.planned.values())
    }

    /// How many of those that were planned at run time are not over at `now`.
    pub(crate) fn planned_count(&self, now: Moment) -> usize {
        self.planned.values().filter(|it| self.planned_until(it) > now).count()
    }

    /// When one that was planned at run time is over, as far as is known.
    fn planned_until(&self, window: &Defined) -> Moment {
        let span = window.spans.first();
        let known = self.known(&window.name).map(|it| extent(it).until).max();
        known.or(span.map(|it| it.until)).unwrap_or(Moment::ZERO)
    }

    /// Occurrences of the window called `name` of which something is known.
    fn known(&self, name: &Arc<str>) -> impl Iterator<Item = &Occurrence> {
        let first = OccurrenceKey { window: Arc::clone(name), planned_from: Moment::ZERO };
        let name = Arc::clone(name);
        let known = self.occurrences.range(first..).take_while(move |it| it.0.window == name);
        known.map(|it| it.1)
    }

    /// The occurrence called `key`, with what its window says, if there is one.
    pub(crate) fn find(&self, key: &OccurrenceKey) -> Option<(Arc<Defined>, Occurrence)> {
        let window = self.defined().find(|it| it.name == key.window)?;
        Some((Arc::clone(window), self.occurrence(window, key.planned_from)?))
    }

    fn occurrence(&self, window: &Defined, planned_from: Moment) -> Option<Occurrence> {
        let key = OccurrenceKey { window: Arc::clone(&window.name), planned_from };
        let known = self.occurrences.get(&key).cloned();
        known.or_else(|| Some(fresh(window, window.span_from(planned_from)?)))
    }

    /// Occurrences of windows of `customers` (`None`: of all) that touch `within`, by begin, those
    /// of `page`.
    pub(crate) fn within(
        &self,
        within: Span,
        customers: Option<&[Arc<str>]>,
        page: Range<usize>,
    ) -> Vec<WindowSeen> {
        let theirs = |it: &&Arc<Defined>| {
            let whose = it.customer.as_deref().unwrap_or_default();
            customers.is_none_or(|all| all.iter().any(|it| **it == *whose))
        };
        let mut begins: Vec<(Moment, &Arc<Defined>)> = Vec::new();
        for window in self.defined().filter(theirs) {
            begins.extend(self.touching(window, within).into_iter().map(|from| (from, window)));
        }
        begins.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
        let shown = begins.into_iter().skip(page.start).take(page.len());
        shown
            .filter_map(|(from, window)| Some(window.seen(self.occurrence(window, from)?)))
            .collect()
    }

    /// Begins of the occurrences of a window that touch `within`.
    fn touching(&self, window: &Defined, within: Span) -> BTreeSet<Moment> {
        let from = window.spans.partition_point(|it| it.until <= within.from);
        let by_rule = window.spans[from..].iter().take_while(|it| it.from < within.until);
        let mut begins: BTreeSet<Moment> = by_rule.map(|it| it.from).collect();
        for it in self.known(&window.name).filter(|it| window.has(it)) {
            let extent = extent(it);
            if extent.from < within.until && extent.until > within.from {
                begins.insert(it.key.planned_from);
            } else {
                begins.remove(&it.key.planned_from);
            }
        }
        begins
    }

    /// Everything that has its effect at `at`, which may lie in the past or in the future: what the
    /// rules say, with what is known of single occurrences (moved, ended early, cancelled). A
    /// flexible one is there once its outage has begun it.
    pub(crate) fn running_at(&self, at: Moment) -> Vec<Running> {
        if self.is_fresh(at) {
            return self.running.clone();
        }
        let mut running = Vec::new();
        for window in self.defined() {
            for it in self.occurrences_near(window, at).into_iter().filter(|it| !it.cancelled) {
                if let Some(span) = effect_span(window, &it).filter(|it| it.holds(at)) {
                    running.push(Running { key: it.key, span, window: Arc::clone(window) });
                }
            }
        }
        running
    }

    /// Does a window that covers whoever has these labels take place at any time within this?
    pub(crate) fn touches<'a>(&self, within: Span, label: impl Fn(&str) -> &'a str + Copy) -> bool {
        let covering = self.defined().filter(|it| it.covers(label));
        let near = covering.flat_map(|window| {
            let begins = self.touching(window, within).into_iter();
            begins.filter_map(move |from| self.occurrence(window, from))
        });
        near.into_iter().any(|it| !it.cancelled)
    }

    /// Is what ran when windows were last looked at what runs at `at`?
    fn is_fresh(&self, at: Moment) -> bool {
        self.turned_at.is_some_and(|it| it <= at) && self.next.is_none_or(|next| at < next)
    }

    /// What keeps quiet at `at` about a problem of `opened_at` that has these labels: a window
    /// that runs then and had begun by the time the problem did.
    pub(crate) fn covering<'a>(
        &self,
        at: Moment,
        opened_at: Moment,
        label: impl Fn(&str) -> &'a str + Copy,
    ) -> Option<Running> {
        let covers = |it: &&Running| opened_at >= it.span.from && it.window.covers(label);
        if self.is_fresh(at) {
            return self.running.iter().find(covers).cloned();
        }
        self.running_at(at).into_iter().find(|it| covers(&it))
    }

    /// The occurrence of a flexible window that is armed for whoever has these labels.
    pub(crate) fn armed<'a>(
        &self,
        now: Moment,
        label: impl Fn(&str) -> &'a str + Copy,
    ) -> Vec<(Arc<Defined>, Occurrence)> {
        let flexible = self.defined().filter(|it| it.flexible.is_some() && it.covers(label));
        let near = flexible.flat_map(|window| {
            self.occurrences_near(window, now).into_iter().map(move |it| (Arc::clone(window), it))
        });
        near.filter(|(_, it)| !it.cancelled && it.triggered_at.is_none() && it.span.holds(now))
            .collect()
    }

    /// Looks at what runs at `now`. `recalled`: it is known what is believed of everybody.
    pub(crate) fn turn(&mut self, now: Moment, recalled: bool) -> Turned {
        self.forget(now);
        let patience_ends = self.first_turned_at.get_or_insert(now).after(RECALL_PATIENCE);
        let mut next = Soonest { now, at: None };
        let mut turned = Turned::default();
        let (ran, mut running) = (keys(&self.running), Vec::new());
        for window in self.configured.iter().chain(self.planned.values()) {
            for it in self.occurrences_near(window, now) {
                if it.cancelled {
                    continue;
                }
                let due = due_reminders(window, &it, &mut next);
                if !due.is_empty() {
                    turned.reminders.push((Running::of(window, &it), due));
                }
                next.put(it.span.from);
                let Some(span) = effect_span(window, &it) else { continue };
                next.put(span.from);
                next.put(span.until);
                let of = Running { span, ..Running::of(window, &it) };
                if span.holds(now) {
                    running.push(of);
                } else if span.until <= now && it.begun && it.report.is_none() {
                    if recalled || ran.contains(&of.key) || patience_ends <= now {
                        turned.ended.push(of);
                    } else {
                        next.put(patience_ends);
                    }
                }
            }
        }
        let (runs, ended) = (keys(&running), keys(&turned.ended));
        let gone = self.running.iter().filter(|it| !runs.contains(&it.key));
        turned.ended.extend(gone.filter(|it| !ended.contains(&it.key)).cloned());
        turned.begun = running.iter().filter(|it| !ran.contains(&it.key)).cloned().collect();
        self.running = running;
        self.turned_at = Some(now);
        self.next = next.at;
        turned
    }

    /// Forgets what has been over for long. What has begun and is not reported yet is not over.
    fn forget(&mut self, now: Moment) {
        if now < self.forget_at {
            return;
        }
        self.forget_at = now.after(FORGET_EVERY);
        let past = |until: Moment| until.after(KNOWN_FOR) <= now;
        let mut over: BTreeSet<OccurrenceKey> = BTreeSet::new();
        for (key, it) in &self.occurrences {
            if past(extent(it).until) {
                over.insert(key.clone());
            }
        }
        // One whose window has gone has nobody to report on it.
        for window in self.defined() {
            for it in self.known(&window.name).filter(|it| it.begun && it.report.is_none()) {
                over.remove(&it.key);
            }
        }
        self.occurrences.retain(|key, _| !over.contains(key));
        let gone = self.planned.iter().filter(|(_, it)| {
            past(self.planned_until(it)) && self.known(&it.name).next().is_none()
        });
        let gone: Vec<NoteId> = gone.map(|it| *it.0).collect();
        for id in gone {
            self.planned.remove(&id);
        }
    }

    /// Occurrences that may matter around `now`: known ones of this window, and those of the rule
    /// that are near. One that has begun stays whatever becomes of the rule.
    fn occurrences_near(&self, window: &Defined, now: Moment) -> Vec<Occurrence> {
        let known = self.known(&window.name).filter(|it| window.has(it));
        let mut near: BTreeMap<Moment, Occurrence> =
            known.map(|it| (it.key.planned_from, it.clone())).collect();
        for span in around(window, now) {
            near.entry(span.from).or_insert_with(|| fresh(window, span));
        }
        near.into_values().collect()
    }
}

/// The soonest moment behind `now`.
struct Soonest {
    now: Moment,
    at: Option<Moment>,
}

impl Soonest {
    fn put(&mut self, at: Moment) {
        if at > self.now && self.at.is_none_or(|it| at < it) {
            self.at = Some(at);
        }
    }
}

/// Reminders of an occurrence that are due and have not been settled; `next` hears of the others.
fn due_reminders(window: &Defined, it: &Occurrence, next: &mut Soonest) -> Vec<Duration> {
    let mut due = Vec::new();
    for remaining in &window.reminders {
        let at = it.span.from.before(*remaining);
        next.put(at);
        let is_due = at <= next.now && next.now < it.span.from;
        if is_due && !it.reminded.contains(&remaining.as_secs()) {
            due.push(*remaining);
        }
    }
    due
}

fn keys(list: &[Running]) -> BTreeSet<OccurrenceKey> {
    list.iter().map(|it| it.key.clone()).collect()
}

/// While an occurrence has its effect.
pub(crate) fn effect_span(window: &Defined, it: &Occurrence) -> Option<Span> {
    match (window.flexible, it.triggered_at) {
        (None, _) => Some(it.span),
        (Some(length), Some(from)) => {
            Some(Span { from, until: it.ends_at.unwrap_or(from.after(length)) })
        }
        (Some(_), None) => None,
    }
}

/// From its begin until it is over in every way.
fn extent(it: &Occurrence) -> Span {
    Span { until: it.ends_at.map_or(it.span.until, |at| at.max(it.span.until)), ..it.span }
}

/// Spans of the rule that hold `now` or are the next to come within the longest reminder.
fn around(window: &Defined, now: Moment) -> impl Iterator<Item = Span> + '_ {
    let horizon = window.reminders.first().copied().unwrap_or_default();
    let from = window.spans.partition_point(|it| it.until <= now);
    let mut following = false;
    window.spans[from..].iter().copied().take_while(move |it| {
        let near = it.from <= now.after(horizon) || !following;
        following = it.from > now;
        near
    })
}

fn fresh(window: &Defined, span: Span) -> Occurrence {
    Occurrence {
        key: OccurrenceKey { window: Arc::clone(&window.name), planned_from: span.from },
        version: 0,
        customer: window.customer.clone().unwrap_or_default(),
        span,
        triggered_at: None,
        ends_at: None,
        cancelled: false,
        reminded: Vec::new(),
        begun: false,
        report: None,
    }
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
