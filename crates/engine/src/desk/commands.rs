//! What people ask of the desk that is not about proposals and calls: acknowledgements, silences,
//! windows, overrides, tokens.
//!
//! A request is answered once. Whatever it changes is written down with who asked for it, in the
//! same transaction; what is refused changes nothing, and is written down as well where it says
//! something about who tried.

use std::sync::Arc;

use model::{
    Acknowledgement, Alert, AlertKind, Command, EventKind, Gate, Moment, NoteId, OccurrenceKey,
    Override, PlannedWindow, Problem, ProblemId, Refusal, Reply, Request, Row, Scope, Silence,
    Span, Token,
};

use super::{
    Desk, Effect,
    cases::{Place, TEXT_BYTES_MAX},
    ladder::NO_STEP,
    outbox::Fate,
    pen::Note,
    problems::policy_of,
    timers::Timer,
    upkeep::{Sight, unpark},
    who::{EVERYBODY, place_of_person},
    windows::{Running, planned_name},
};

/// Silences, planned windows, overrides and tokens that may stand at once, each.
pub(crate) const NOTES_MAX: usize = 10_000;
/// Lines of a scope, and conditions of a line.
pub(crate) const SCOPE_LINES_MAX: usize = 100;
/// How far ahead anything may be planned.
const AHEAD_MAX: std::time::Duration = std::time::Duration::from_secs(400 * 86_400);

impl Desk {
    pub(crate) fn asked(&mut self, ticket: u64, request: &Request) {
        if let Some(key) = &request.repeat_key
            && let Some(reply) = self.answers.get(key)
        {
            let reply = reply.clone();
            return self.effects.push(Effect::Answer { ticket, reply });
        }
        let reply = self.obey(request);
        self.answer(ticket, request, reply);
    }

    fn answer(&mut self, ticket: u64, request: &Request, reply: Reply) {
        if let (Some(key), Reply::Done { id, version }) = (&request.repeat_key, &reply) {
            let row = Row::Answered(Arc::clone(key), self.pen.now, id.clone(), *version);
            self.pen.rows.push(row);
            self.remember_answer(Arc::clone(key), reply.clone());
        }
        self.effects.push(Effect::Answer { ticket, reply });
    }

    fn obey(&mut self, request: &Request) -> Reply {
        match &request.command {
            Command::Acknowledge { .. }
            | Command::Unacknowledge { .. }
            | Command::Comment { .. }
            | Command::JudgeBlocking { .. } => self.about_problem(request),
            Command::Silence { scope, span, text } => self.silence(request, scope, *span, text),
            Command::Unsilence { silence } => self.unsilence(request, *silence),
            Command::PlanWindow(window) => self.plan_window(request, window),
            Command::ExtendWindow { occurrence, until, text } => {
                self.move_window(request, occurrence, Some(*until), text)
            }
            Command::EndWindow { occurrence, text } => {
                self.move_window(request, occurrence, None, text)
            }
            Command::Override { oncall, person, span } => {
                self.override_oncall(request, oncall, person, *span)
            }
            Command::EndOverride { id } => self.end_override(request, *id),
            Command::TestChannel { channel, person } => {
                self.test_channel(request, channel, person.as_ref())
            }
            Command::CreateToken(token) => self.create_token(request, token),
            Command::RevokeToken { id } => self.revoke_token(request, *id),
            Command::WriteDownRefusal { what, why } => {
                self.note(EventKind::Refused, "", &request.by.name, what.clone(), 0, why.clone());
                done(0, 0)
            }
            Command::Redeliver { .. } => Reply::Refused(Refusal::Unknown),
            _ => {
                let world = Sight {
                    directory: &self.directory,
                    problems: &self.problems,
                    rules: &self.rules,
                };
                let reply = self.cases.handle(request, &self.rules, &world, &mut self.pen);
                if let Command::Merge { call, .. } = &request.command {
                    self.note_call(*call);
                }
                reply.unwrap_or(Reply::Refused(Refusal::Unknown))
            }
        }
    }

    fn note(
        &mut self,
        kind: EventKind,
        customer: &str,
        by: &str,
        name: String,
        id: u64,
        text: String,
    ) {
        let customer = Arc::from(customer);
        self.pen.event(Note { kind, customer: &customer, by, name, subject: id, text });
    }

    // Problems.

    fn about_problem(&mut self, request: &Request) -> Reply {
        let id = match &request.command {
            Command::Acknowledge { problem, .. }
            | Command::Unacknowledge { problem }
            | Command::Comment { problem, .. }
            | Command::JudgeBlocking { problem, .. } => *problem,
            _ => return Reply::Refused(Refusal::Unknown),
        };
        let over = self.ended.get(&id);
        let known = self.problems.get(&id).or(over);
        let Some(problem) = known.filter(|it| request.by.may_see(&it.customer)) else {
            return Reply::Refused(Refusal::Unknown);
        };
        if let Some(seen) = request.version
            && seen != problem.version
        {
            let now = words_about(problem);
            return Reply::Refused(Refusal::Stale { version: problem.version, now });
        }
        if let Command::Comment { text, .. } = &request.command {
            let (customer, name) = (Arc::clone(&problem.customer), problem.about.name());
            let version = problem.version;
            if let Some(refusal) = bad_text(text, true) {
                return refusal;
            }
            self.note(EventKind::Commented, &customer, &request.by.name, name, id.0, text.clone());
            return done(id.0, version);
        }
        if !problem.is_open() {
            return conflict(format!("the problem is over: {}", words_about(problem)));
        }
        let reply = match &request.command {
            Command::Acknowledge { text, until, sticky, .. } => {
                self.acknowledge(id, request, text, *until, *sticky)
            }
            Command::Unacknowledge { .. } => self.unacknowledge(id, request),
            Command::JudgeBlocking { blocking, .. } => self.judge_blocking(id, request, *blocking),
            _ => None,
        };
        // The row is written, and the version raised, when everything of this input is known.
        reply.unwrap_or_else(|| done(id.0, self.problems.get(&id).map_or(0, |it| it.version + 1)))
    }

    fn acknowledge(
        &mut self,
        id: ProblemId,
        request: &Request,
        text: &str,
        until: Option<Moment>,
        sticky: bool,
    ) -> Option<Reply> {
        let now = self.pen.now;
        if let Some(refusal) = bad_text(text, false) {
            return Some(refusal);
        }
        if until.is_some_and(|it| it <= now || it > now.after(AHEAD_MAX)) {
            return Some(invalid("`until` must lie ahead, and not more than 400 days"));
        }
        let mut problem = self.problems.remove(&id)?;
        let by = Arc::clone(&request.by.name);
        problem.acknowledged = Some(Acknowledgement {
            by: Arc::clone(&by),
            at: now,
            text: text.to_owned(),
            until,
            sticky,
        });
        // Where an acknowledgement stops nothing, nothing that is owed is taken back.
        let stops = policy_of(&problem, &self.rules).is_none_or(|it| it.stop_on_acknowledge);
        let fates = if stops { self.outbox.suppressed(id, &mut self.pen) } else { Vec::new() };
        for (route, fate) in fates {
            if let Some(told) = problem.told.get_mut(&route)
                && fate == Fate::Withdrawn
                && !told.reached
            {
                told.status = None;
            }
        }
        self.tell_acknowledged(&mut problem, &by);
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        self.cases.touch(&problem.about, &mut self.pen);
        self.problems.insert(id, problem);
        self.touched.insert(id);
        self.attend(id);
        self.note(EventKind::Acknowledged, &customer, &by, name, id.0, text.to_owned());
        None
    }

    /// Places that show problems to all (rooms, consoles, other systems) hear who has it.
    fn tell_acknowledged(&mut self, problem: &mut Problem, by: &Arc<str>) {
        let routes: Vec<_> = problem
            .told
            .iter()
            .filter(|(route, told)| {
                let channel = self.channel(&route.channel);
                told.reached && channel.is_some_and(|it| it.personal.is_none())
            })
            .map(|it| it.0.clone())
            .collect();
        for route in routes {
            self.owe_signed(problem, &route, AlertKind::Acknowledged, NO_STEP, None, by);
        }
    }

    fn unacknowledge(&mut self, id: ProblemId, request: &Request) -> Option<Reply> {
        if self.problems.get(&id)?.acknowledged.is_none() {
            return Some(conflict("it is not acknowledged".to_owned()));
        }
        self.acknowledgement_over(id, &request.by.name, "taken back");
        self.look_after(id);
        None
    }

    /// An acknowledgement has ended; whatever it held back is decided again.
    pub(crate) fn acknowledgement_over(&mut self, id: ProblemId, by: &str, why: &str) {
        let now = self.pen.now;
        let Some(problem) = self.problems.get_mut(&id) else { return };
        if problem.acknowledged.take().is_none() {
            return;
        }
        unpark(problem, now);
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        self.touched.insert(id);
        self.note(EventKind::Unacknowledged, &customer, by, name, id.0, why.to_owned());
    }

    fn judge_blocking(
        &mut self,
        id: ProblemId,
        request: &Request,
        blocking: bool,
    ) -> Option<Reply> {
        let now = self.pen.now;
        let problem = self.problems.get_mut(&id)?;
        problem.ladder.gate = if blocking { Gate::Blocking } else { Gate::CanWait };
        problem.ladder.due_at = Some(now);
        let (name, customer) = (problem.about.name(), Arc::clone(&problem.customer));
        let place = self.cases.place_of(&problem.about);
        self.touched.insert(id);
        let by = &request.by.name;
        if let Some(Place::Call(call)) = place.filter(|_| blocking) {
            self.cases.block(call, by, &self.rules, &mut self.pen);
        }
        let text = if blocking { "blocks the customer" } else { "can wait" };
        self.note(EventKind::BlockingJudged, &customer, by, name, id.0, text.to_owned());
        self.look_after(id);
        None
    }

    // Silences.

    fn silence(&mut self, request: &Request, scope: &Scope, span: Span, text: &str) -> Reply {
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
        for (route, fate) in fates {
            if let Some(told) = problem.told.get_mut(&route)
                && fate == Fate::Withdrawn
                && !told.reached
            {
                told.status = None;
                self.touched.insert(id);
            }
        }
    }

    fn unsilence(&mut self, request: &Request, id: NoteId) -> Reply {
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

    // Windows.

    fn plan_window(&mut self, request: &Request, window: &PlannedWindow) -> Reply {
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
    fn move_window(
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

    // Overrides, channels, tokens.

    fn override_oncall(
        &mut self,
        request: &Request,
        oncall: &Arc<str>,
        person: &Arc<str>,
        span: Span,
    ) -> Reply {
        if self.overrides.len() >= NOTES_MAX {
            return full("overrides");
        }
        if self.rules.duty.oncall.binary_search_by(|it| it.name.cmp(oncall)).is_err() {
            return invalid("there is no such rotation");
        }
        if place_of_person(&self.rules, person).is_none() {
            return invalid("there is no such person");
        }
        if let Some(refusal) = self.bad_span(span) {
            return refusal;
        }
        let id = NoteId(self.pen.id());
        let by = Arc::clone(&request.by.name);
        let it = Override { id, oncall: Arc::clone(oncall), person: Arc::clone(person), span, by };
        self.pen.rows.push(Row::Override(Box::new(it.clone())));
        self.overrides.insert(id, it);
        let (name, by) = (format!("oncall/{oncall}"), &request.by.name);
        self.note(EventKind::Overridden, "", by, name, id.0, format!("{person} takes it"));
        done(id.0, 1)
    }

    fn end_override(&mut self, request: &Request, id: NoteId) -> Reply {
        let Some(it) = self.overrides.remove(&id) else {
            return Reply::Refused(Refusal::Unknown);
        };
        self.pen.rows.push(Row::Gone(id));
        let name = format!("oncall/{}", it.oncall);
        self.note(EventKind::OverrideEnded, "", &request.by.name, name, id.0, String::new());
        done(id.0, 0)
    }

    fn test_channel(
        &mut self,
        request: &Request,
        channel: &Arc<str>,
        person: Option<&Arc<str>>,
    ) -> Reply {
        let Some(it) = self.channel(channel) else {
            return Reply::Refused(Refusal::Unknown);
        };
        let contact = match (&it.personal, person) {
            (None, _) => Arc::from(EVERYBODY),
            (Some(_), Some(person)) if place_of_person(&self.rules, person).is_some() => {
                Arc::clone(person)
            }
            _ => return invalid("this channel reaches people: name one that exists"),
        };
        let route = model::Route { channel: Arc::clone(channel), contact };
        let mut content = self.bare_content(model::Status::Ok, model::Severity::Warning);
        content.title = format!("test of {channel} by {}", request.by.name);
        let number = self.pen.id();
        let key = self.owe_message(route, AlertKind::Test, content, Some(number));
        let (by, name) = (&request.by.name, format!("channel {channel}"));
        self.note(EventKind::ChannelTested, "", by, name, number, String::new());
        Reply::Done { id: key.map(|it| it.to_string()).unwrap_or_default(), version: 0 }
    }

    fn create_token(&mut self, request: &Request, token: &Token) -> Reply {
        if self.tokens.len() >= NOTES_MAX {
            return full("tokens");
        }
        if token.scopes.is_empty() {
            return invalid("a token needs at least one scope");
        }
        let mut token = token.clone();
        token.id = NoteId(self.pen.id());
        token.made_at = self.pen.now;
        let (id, name) = (token.id, format!("token {}", token.name));
        self.pen.rows.push(Row::Token(Box::new(token.clone())));
        self.tokens.insert(id, token);
        self.note(EventKind::TokenCreated, "", &request.by.name, name, id.0, String::new());
        done(id.0, 1)
    }

    fn revoke_token(&mut self, request: &Request, id: NoteId) -> Reply {
        let now = self.pen.now;
        let Some(token) = self.tokens.get_mut(&id).filter(|it| it.revoked_at.is_none()) else {
            return Reply::Refused(Refusal::Unknown);
        };
        token.revoked_at = Some(now);
        let name = format!("token {}", token.name);
        let row = Row::Token(Box::new(token.clone()));
        self.pen.rows.push(row);
        self.note(EventKind::TokenRevoked, "", &request.by.name, name, id.0, String::new());
        done(id.0, 2)
    }

    /// A dead alert is to be tried again.
    pub(crate) fn redeliver(&mut self, ticket: u64, request: &Request, alert: Option<Alert>) {
        let seen = alert.filter(|it| request.by.may_see(&it.content.customer));
        let reply = match seen {
            None => Reply::Refused(Refusal::Unknown),
            Some(alert) => {
                let (key, name) = (alert.key, format!("alert {}", alert.key));
                let customer = Arc::clone(&alert.content.customer);
                if self.outbox.redeliver(alert, &self.rules, &mut self.pen) {
                    let kind = EventKind::AlertRedelivered;
                    self.note(kind, &customer, &request.by.name, name, 0, String::new());
                    Reply::Done { id: key.to_string(), version: 0 }
                } else {
                    conflict("only a dead alert can be tried again".to_owned())
                }
            }
        };
        self.answer(ticket, request, reply);
    }

    fn bad_span(&self, span: Span) -> Option<Reply> {
        let now = self.pen.now;
        let fits = span.from < span.until && span.until > now && span.until <= now.after(AHEAD_MAX);
        (!fits).then(|| {
            invalid("the end must lie ahead and after the begin, and not more than 400 days")
        })
    }
}

fn done(id: u64, version: u64) -> Reply {
    Reply::Done { id: id.to_string(), version }
}

fn conflict(why: String) -> Reply {
    Reply::Refused(Refusal::Conflict { why })
}

fn invalid(why: &str) -> Reply {
    Reply::Refused(Refusal::Invalid { why: why.to_owned() })
}

fn full(what: &str) -> Reply {
    Reply::Refused(Refusal::Full { why: format!("there are {NOTES_MAX} {what} already") })
}

fn bad_text(text: &str, needed: bool) -> Option<Reply> {
    if needed && text.trim().is_empty() {
        return Some(invalid("a reason is needed: `text` is empty"));
    }
    let long = text.len() > TEXT_BYTES_MAX;
    long.then(|| invalid(&format!("`text` is longer than {TEXT_BYTES_MAX} bytes")))
}

fn bad_scope(scope: &Scope) -> Option<Reply> {
    let fits = |count: usize| (1..=SCOPE_LINES_MAX).contains(&count);
    let ok = fits(scope.lines.len()) && scope.lines.iter().all(|it| fits(it.len()));
    (!ok).then(|| invalid("a scope needs 1 to 100 lines of 1 to 100 conditions"))
}

/// The customer under whom an event belongs that is about what one asks for; empty if for several.
fn only_customer(request: &Request) -> Arc<str> {
    match request.by.customers.as_deref() {
        Some([one]) => Arc::clone(one),
        _ => Arc::from(""),
    }
}

fn words_about(problem: &Problem) -> String {
    let acknowledged = problem.acknowledged.as_ref();
    let by = acknowledged.map(|it| format!(", acknowledged by {}", it.by)).unwrap_or_default();
    let over = if problem.is_open() { "" } else { ", over" };
    format!("{} {}{by}{over}", problem.about.name(), problem.status)
}
