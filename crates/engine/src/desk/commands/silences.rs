//! Requests about silences, and what a silence does when it begins and ends.

use std::sync::Arc;

use model::{
    EventKind, NoteId, Problem, ProblemId, Refusal, Reply, Request, Row, Scope, Silence, Span,
};

use super::{NOTES_MAX, bad_scope, bad_text, done, full, only_customer};
use crate::desk::{Desk, deliveries::forget_withdrawn, timers::Timer};

impl Desk {
    pub(super) fn silence(
        &mut self,
        request: &Request,
        scope: &Scope,
        span: Span,
        text: &str,
    ) -> Reply {
        if self.silences.len() >= NOTES_MAX {
            return full("silences");
        }
        if let Some(refusal) = bad_scope(scope).or_else(|| self.bad_span(span)) {
            return refusal;
        }
        if let Some(refusal) = bad_text(text, true) {
            return refusal;
        }
        let id = NoteId(self.pen.id());
        let silence = Silence {
            id,
            version: 1,
            customers: request.by.customers.clone(),
            scope: scope.clone(),
            span,
            by: Arc::clone(&request.by.name),
            text: text.to_owned(),
        };
        self.silences.insert(id, silence.clone());
        self.set_timer(span.from, Timer::Silence(id));
        self.set_timer(span.until, Timer::Silence(id));
        self.pen.rows.push(Row::Silence(Box::new(silence)));
        let customer = only_customer(request);
        let name = format!("silence {id}");
        self.note(EventKind::Silenced, &customer, &request.by.name, name, id.0, text.to_owned());
        self.silence_turned(id);
        done(id.0, 1)
    }

    /// A silence begins or ends.
    pub(crate) fn silence_turned(&mut self, id: NoteId) {
        let now = self.pen.now;
        let Some(silence) = self.silences.get(&id).cloned() else { return };
        let hits = |desk: &Self, problem: &Problem| {
            let seen = silence.customers.as_ref().is_none_or(|it| it.contains(&problem.customer));
            seen && silence.scope.holds(|name| desk.label_of(problem, name))
        };
        if silence.span.holds(now) {
            let ids: Vec<_> =
                self.problems.values().filter(|it| hits(self, it)).map(|it| it.id).collect();
            for id in ids {
                self.hush(id);
            }
        } else if now >= silence.span.until {
            self.silences.remove(&id);
            self.rearm(hits);
        }
    }

    /// Withdraws what certainly was not sent of a problem that nobody is to be told of now.
    pub(crate) fn hush(&mut self, id: ProblemId) {
        let fates = self.outbox.suppressed(id, &mut self.pen);
        let Some(problem) = self.problems.get_mut(&id) else { return };
        if forget_withdrawn(problem, &fates) {
            self.touched.insert(id);
        }
    }

    pub(super) fn unsilence(&mut self, request: &Request, id: NoteId) -> Reply {
        let now = self.pen.now;
        let may = |it: &&Silence| match (&request.by.customers, &it.customers) {
            (None, _) => true,
            (Some(mine), Some(theirs)) => theirs.iter().all(|it| mine.contains(it)),
            (Some(_), None) => false,
        };
        let Some(silence) = self.silences.get(&id).filter(may).cloned() else {
            return Reply::Refused(Refusal::Unknown);
        };
        if let Some(version) = request.version.filter(|it| *it != silence.version) {
            let now = format!("version {}, not {version}", silence.version);
            return Reply::Refused(Refusal::Stale { version: silence.version, now });
        }
        let span = Span { until: now, ..silence.span };
        let version = silence.version + 1;
        let ended = Silence { span, version, ..silence };
        self.silences.insert(id, ended.clone());
        self.pen.rows.push(Row::Silence(Box::new(ended)));
        let (customer, name) = (only_customer(request), format!("silence {id}"));
        self.note(EventKind::Unsilenced, &customer, &request.by.name, name, id.0, String::new());
        self.silence_turned(id);
        done(id.0, version)
    }
}
