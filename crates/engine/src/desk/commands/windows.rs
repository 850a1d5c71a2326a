//! Requests about maintenance windows: plan, extend, end early.

use std::sync::Arc;

use model::{
    EventKind, Moment, NoteId, OccurrenceKey, PlannedWindow, Refusal, Reply, Request, Row,
};

use super::{AHEAD_MAX, bad_scope, bad_text, conflict, done, invalid};
use crate::desk::{
    Desk,
    windows::{Running, planned_name},
};

impl Desk {
    pub(super) fn plan_window(&mut self, request: &Request, window: &PlannedWindow) -> Reply {
        if let Some(refusal) = bad_scope(&window.scope).or_else(|| self.bad_span(window.span)) {
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
        let (name, text) = (format!("window {}", planned_name(id)), window.name.to_string());
        self.note(EventKind::WindowPlanned, &customer, &request.by.name, name, id.0, text);
        self.turn_windows();
        done(id.0, 1)
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
        if it.cancelled || it.report.is_some() || it.span.until <= now {
            return conflict("the window is over".to_owned());
        }
        match until {
            Some(until)
                if until <= now || until <= it.span.from || until > now.after(AHEAD_MAX) =>
            {
                return invalid(
                    "`until` must lie ahead and after the begin, and not more than 400 days",
                );
            }
            Some(until) => it.span.until = until,
            None if it.span.from > now => it.cancelled = true,
            None => it.span.until = now,
        }
        let version = it.version + 1;
        let running = Running { key: key.clone(), span: it.span, window };
        self.put_occurrence(it);
        self.window_event(EventKind::WindowChanged, &running, &request.by.name, text.to_owned());
        self.turn_windows();
        Reply::Done { id: format!("{}@{}", key.window, key.planned_from.as_nanos()), version }
    }
}
