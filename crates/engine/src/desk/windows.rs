//! Planned maintenance as it takes place: which occurrences run now, and whom they cover.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    Moment, NoteId, Occurrence, OccurrenceKey, PlannedWindow, RuleAt, Scope, Span, WindowEffect,
};

use super::{pen::Rules, views::WindowSeen};

/// A window, whoever planned it.
#[derive(Clone, Debug)]
pub(crate) struct Defined {
    pub(crate) name: Arc<str>,
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
}

impl Defined {
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

/// What has changed since windows were last looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turned {
    pub(crate) begun: Vec<Running>,
    pub(crate) ended: Vec<Running>,
    /// Whom to remind, of what begins when, and how long before.
    pub(crate) reminders: Vec<(Running, Duration)>,
}

/// All windows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Windows {
    configured: Vec<Arc<Defined>>,
    planned: BTreeMap<NoteId, Arc<Defined>>,
    occurrences: BTreeMap<OccurrenceKey, Occurrence>,
    running: Vec<Running>,
    next: Option<Moment>,
}

/// The name under which a window that was planned at run time is known.
pub(crate) fn planned_name(id: NoteId) -> Arc<str> {
    Arc::from(format!("planned/{id}"))
}

impl Windows {
    pub(crate) fn configure(&mut self, rules: &Rules) {
        let duty = &rules.duty;
        let spans = rules.times.windows.iter().cloned().chain(std::iter::repeat(Arc::from([])));
        self.configured = duty
            .windows
            .iter()
            .zip(spans)
            .map(|(it, spans)| {
                Arc::new(Defined {
                    name: Arc::clone(&it.name),
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
        let defined = Defined {
            name: planned_name(id),
            customer: it.customer.clone(),
            scope: it.scope.clone(),
            effect: it.effect,
            sla_counts: it.sla_counts,
            flexible: it.flexible,
            reminders: Vec::new(),
            impact: Arc::clone(&it.impact),
            contact: Arc::clone(&it.contact),
            rule: None,
            spans: Arc::from([it.span]),
        };
        self.planned.insert(id, Arc::new(defined));
    }

    pub(crate) fn restore(&mut self, occurrence: Occurrence) {
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

    /// The occurrence called `key`, with what its window says, if there is one.
    pub(crate) fn find(&self, key: &OccurrenceKey) -> Option<(Arc<Defined>, Occurrence)> {
        let window = self.defined().find(|it| it.name == key.window)?;
        let known = self.occurrences.get(key).cloned();
        let planned = window.spans.iter().find(|it| it.from == key.planned_from);
        let occurrence = known.or_else(|| planned.map(|it| fresh(window, *it)))?;
        Some((Arc::clone(window), occurrence))
    }

    /// Occurrences that touch `within`, by begin, at most `limit`.
    pub(crate) fn within(&self, within: Span, limit: usize) -> Vec<WindowSeen> {
        let mut seen = Vec::new();
        for window in self.defined() {
            let from = window.spans.partition_point(|it| it.until <= within.from);
            let touching = window.spans[from..].iter().take_while(|it| it.from < within.until);
            for span in touching.take(limit) {
                let key =
                    OccurrenceKey { window: Arc::clone(&window.name), planned_from: span.from };
                let known = self.occurrences.get(&key).cloned();
                seen.push(window.seen(known.unwrap_or_else(|| fresh(window, *span))));
            }
        }
        seen.sort_by_key(|it| it.occurrence.key.planned_from);
        seen.truncate(limit);
        seen
    }

    /// The occurrence of a flexible window that is armed for whoever has these labels.
    pub(crate) fn armed<'a>(
        &self,
        now: Moment,
        label: impl Fn(&str) -> &'a str + Copy,
    ) -> Vec<(Arc<Defined>, Occurrence)> {
        let flexible = self.defined().filter(|it| it.flexible.is_some());
        flexible
            .filter(|it| it.covers(label))
            .flat_map(|window| around(window, now).map(move |span| (window, span)))
            .filter_map(|(window, span)| {
                let key =
                    OccurrenceKey { window: Arc::clone(&window.name), planned_from: span.from };
                let known = self.occurrences.get(&key).cloned();
                let it = known.unwrap_or_else(|| fresh(window, span));
                let armed = !it.cancelled && it.triggered_at.is_none() && it.span.holds(now);
                armed.then(|| (Arc::clone(window), it))
            })
            .collect()
    }

    /// Looks at what runs at `now`.
    pub(crate) fn turn(&mut self, now: Moment) -> Turned {
        let mut turned = Turned::default();
        let mut running = Vec::new();
        let mut next: Option<Moment> = None;
        let mut later = |at: Moment| {
            if at > now && next.is_none_or(|it| at < it) {
                next = Some(at);
            }
        };
        for window in self.configured.iter().chain(self.planned.values()) {
            for it in self.occurrences_near(window, now) {
                if it.cancelled {
                    continue;
                }
                let effect = effect_span(window, &it);
                for remaining in &window.reminders {
                    let at = it.span.from.before(*remaining);
                    later(at);
                    let is_due = at <= now && now < it.span.from;
                    if is_due && !it.reminded.contains(&remaining.as_secs()) {
                        let running =
                            Running { key: it.key.clone(), span: it.span, window: window.clone() };
                        turned.reminders.push((running, *remaining));
                    }
                }
                later(it.span.from);
                let Some(span) = effect else { continue };
                later(span.from);
                later(span.until);
                if span.holds(now) {
                    running.push(Running { key: it.key, span, window: Arc::clone(window) });
                }
            }
        }
        let gone = |list: &[Running], it: &Running| !list.iter().any(|other| other.key == it.key);
        turned.ended = self.running.iter().filter(|it| gone(&running, it)).cloned().collect();
        turned.begun = running.iter().filter(|it| gone(&self.running, it)).cloned().collect();
        self.running = running;
        self.next = next;
        turned
    }

    /// Occurrences that may matter around `now`: known ones of this window, and those of the rule
    /// that are near. One that has begun stays whatever becomes of the rule.
    fn occurrences_near(&self, window: &Defined, now: Moment) -> Vec<Occurrence> {
        let first = OccurrenceKey { window: Arc::clone(&window.name), planned_from: Moment::ZERO };
        let known = self.occurrences.range(first..).take_while(|it| it.0.window == window.name);
        let mut near: BTreeMap<Moment, Occurrence> = known
            .filter(|(_, it)| {
                it.begun || window.spans.iter().any(|span| span.from == it.key.planned_from)
            })
            .map(|(key, it)| (key.planned_from, it.clone()))
            .collect();
        for span in around(window, now) {
            near.entry(span.from).or_insert_with(|| fresh(window, span));
        }
        near.into_values().collect()
    }
}

/// While an occurrence has its effect.
pub(crate) fn effect_span(window: &Defined, it: &Occurrence) -> Option<Span> {
    match (window.flexible, it.triggered_at) {
        (None, _) => Some(it.span),
        (Some(length), Some(from)) => Some(Span { from, until: from.after(length) }),
        (Some(_), None) => None,
    }
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
        cancelled: false,
        reminded: Vec::new(),
        begun: false,
        report: None,
    }
}
