//! Who must not be told now: the judge's own reading of silences, windows, acknowledgements.

use std::sync::Arc;

use model::{About, Moment, OccurrenceKey, Problem, Scope, Span, WindowEffect};

use super::View;

/// A stretch in which a window has its effect.
pub(super) struct Effective {
    pub(super) key: OccurrenceKey,
    pub(super) span: Span,
    pub(super) scope: Scope,
    pub(super) effect: WindowEffect,
}

/// What `name` says of what `problem` is about.
fn label<'a>(view: &View<'a>, problem: &'a Problem, name: &str) -> &'a str {
    if let About::Checkable(about) = &problem.about
        && let Some(place) = view.estate.place(about)
    {
        return view.estate.label(place, name);
    }
    match name {
        "customer" => &problem.customer,
        "site" => problem.site.as_deref().map_or("", |it| it.rsplit('/').next().unwrap_or("")),
        _ => problem.labels.get(name).map_or("", |it| &**it),
    }
}

/// All windows that have their effect at some time, as rows and configuration have it.
pub(super) fn windows(view: &View<'_>) -> Vec<Effective> {
    let duty = &view.estate.duty;
    let configured = duty.windows.iter().zip(&view.estate.times.windows).flat_map(|(it, spans)| {
        spans.iter().map(move |span| {
            (Arc::clone(&it.name), *span, it.scope.clone(), it.flexible, it.effect)
        })
    });
    let planned = view.shelf.planned.iter().map(|(id, it)| {
        (Arc::from(format!("planned/{id}")), it.span, it.scope.clone(), it.flexible, it.effect)
    });
    let effective =
        configured.chain(planned).filter_map(|(window, span, scope, flexible, effect)| {
            let key = OccurrenceKey { window, planned_from: span.from };
            let known = view.shelf.occurrences.get(&key);
            if known.is_some_and(|it| it.cancelled) {
                return None;
            }
            let span = known.map_or(span, |it| it.span);
            let span = match flexible {
                None => span,
                Some(length) => {
                    let from = known?.triggered_at?;
                    Span { from, until: known?.ends_at.unwrap_or(from.after(length)) }
                }
            };
            Some(Effective { key, span, scope, effect })
        });
    effective.collect()
}

/// Why nobody may be told of `problem` at `at`; `None` if somebody may.
pub(super) fn closed(view: &View<'_>, problem: &Problem, at: Moment) -> Option<&'static str> {
    let stops = problem.policy.as_ref().and_then(|it| view.estate.policy(it));
    if problem.acknowledged.is_some() && stops.is_none_or(|it| it.stop_on_acknowledge) {
        return Some("acknowledged");
    }
    forbidden(view, problem, at)
}

/// The same, but for acknowledgements.
pub(super) fn forbidden(view: &View<'_>, problem: &Problem, at: Moment) -> Option<&'static str> {
    let of = |name: &str| label(view, problem, name);
    let silenced = view.shelf.silences.values().any(|it| {
        let seen = it.customers.as_ref().is_none_or(|all| all.contains(&problem.customer));
        it.span.holds(at) && seen && it.scope.holds(of)
    });
    if silenced {
        return Some("silenced");
    }
    let held = windows(view)
        .into_iter()
        .any(|it| it.span.holds(at) && problem.opened_at >= it.span.from && it.scope.holds(of));
    held.then_some("in a window")
}
