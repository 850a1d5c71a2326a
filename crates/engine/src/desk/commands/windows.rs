//! Requests about maintenance windows: plan, extend, end early.

use std::sync::Arc;

use model::{
    EventKind, Moment, NoteId, OccurrenceKey, PlannedWindow, Refusal, Reply, Request, Row,
};

use super::{AHEAD_MAX, NOTES_MAX, bad_scope, bad_text, conflict, done, full, invalid};
use crate::desk::{
    Desk,
    windows::{Running, effect_span},
};

impl Desk {
    pub(super) fn plan_window(&mut self, request: &Request, window: &PlannedWindow) -> Reply {
        if self.windows.planned_count(self.pen.now) >= NOTES_MAX {
            return full("planned windows");
        }
        if let Some(refusal) = bad_scope(&window.scope).or_else(|| self.bad_span(window.span)) {
            return refusal;
        }
        if let Some(refusal) = bad_lengths(window) {
            return refusal;
        }
        for text in [&window.name, &window.impact, &window.contact] {
            if let Some(refusal) = bad_text(text, false) {
                return refusal;
            }
        }
        let mine = request.by.customers.as_ref();
        let theirs =
            |mine: &Vec<Arc<str>>| window.customer.as_ref().is_some_and(|it| mine.contains(it));
        if mine.is_some_and(|it| !theirs(it)) {
            return Reply::Refused(Refusal::Unknown);
        }
        if let Some(customer) = &window.customer
            && self.rules.duty.customers.binary_search_by(|it| it.name.cmp(customer)).is_err()
        {
            return Reply::Refused(Refusal::Unknown);
        }
        let id = NoteId(self.pen.id());
        self.windows.plan(id, window);
        self.pen.rows.push(Row::Planned(id, Box::new(window.clone())));
        let customer = window.customer.clone().unwrap_or_default();
        let key =
            OccurrenceKey { window: PlannedWindow::name_of(id), planned_from: window.span.from };
        let (name, text) = (format!("window {}", key.window), window.name.to_string());
        self.note(EventKind::WindowPlanned, &customer, &request.by.name, name, id.0, text);
        // Its occurrence is kept from the first: whoever goes on with it has a version to show.
        if let Some((_, occurrence)) = self.windows.find(&key) {
            self.put_occurrence(occurrence);
        }
        self.turn_windows();
        let version = self.windows.find(&key).map_or(0, |it| it.1.version);
        done(id.0, version)
    }

    /// Gives an occurrence another end; `None`: now, or never if it has not begun.
    pub(super) fn move_window(
        &mut self,
        request: &Request,
        key: &OccurrenceKey,
        until: Option<Moment>,
        text: &str,
    ) -> Reply {
        let now = self.pen.now;
        if let Some(refusal) = bad_text(text, true) {
            return refusal;
        }
        let found = self.windows.find(key);
        let Some((window, mut it)) = found.filter(|it| request.by.may_see(&it.1.customer)) else {
            return Reply::Refused(Refusal::Unknown);
        };
        if let Some(seen) = request.version.filter(|seen| *seen != it.version) {
            let now = format!("version {}, not {seen}", it.version);
            return Reply::Refused(Refusal::Stale { version: it.version, now });
        }
        // One that its outage has begun ends by its own length, one that waits at its end.
        let triggered = effect_span(&window, &it).filter(|_| it.triggered_at.is_some());
        let span = triggered.unwrap_or(it.span);
        if it.cancelled || it.report.is_some() || span.until <= now {
            return conflict("the window is over".to_owned());
        }
        let end = match until {
            Some(until) if until <= now || until <= span.from || until > now.after(AHEAD_MAX) => {
                return invalid(
                    "`until` must lie ahead and after the begin, and not more than 400 days",
                );
            }
            Some(until) => until,
            None => now,
        };
        match (until, triggered) {
            (None, _) if span.from > now => it.cancelled = true,
            (_, Some(_)) => it.ends_at = Some(end),
            (_, None) => it.span.until = end,
        }
        let version = it.version + 1;
        let running = Running { key: key.clone(), span: it.span, window };
        self.put_occurrence(it);
        self.window_event(EventKind::WindowChanged, &running, &request.by.name, text.to_owned());
        self.turn_windows();
        Reply::Done { id: format!("{}@{}", key.window, key.planned_from.as_nanos()), version }
    }
}

fn bad_lengths(window: &PlannedWindow) -> Option<Reply> {
    if window.flexible.is_some_and(|it| it.is_zero() || it > AHEAD_MAX) {
        return Some(invalid("a flexible window lasts longer than nothing and at most 400 days"));
    }
    let reminders = &window.reminders;
    let fits = reminders.len() <= PlannedWindow::REMINDERS_MAX
        && reminders.iter().all(|it| !it.is_zero() && *it <= AHEAD_MAX);
    (!fits).then(|| invalid("at most 8 reminders, each at most 400 days before the begin"))
}
