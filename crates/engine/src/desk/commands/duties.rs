//! Requests about who does what: overrides, channels that are tried, tokens, dead alerts.

use std::sync::Arc;

use model::{
    Alert, AlertKind, EventKind, Moment, NoteId, Override, ProblemId, Refusal, Reply, Request, Row,
    Span, Token,
};

use super::{NOTES_MAX, conflict, done, full, invalid};
use crate::desk::{
    Desk,
    outbox::{Tale, says_bad, tales},
    who::{EVERYBODY, place_of_person},
};

impl Desk {
    pub(super) fn override_oncall(
        &mut self,
        request: &Request,
        oncall: &Arc<str>,
        person: &Arc<str>,
        span: Span,
    ) -> Reply {
        let now = self.pen.now;
        if self.overrides.len() >= NOTES_MAX {
            // What is over has been shown for as long as there was room.
            self.overrides.retain(|_, it| it.span.until > now);
        }
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
        self.cases.overrides.insert(id, it.clone());
        self.overrides.insert(id, it);
        let (name, by) = (format!("oncall/{oncall}"), &request.by.name);
        self.note(EventKind::Overridden, "", by, name, id.0, format!("{person} takes it"));
        done(id.0, 1)
    }

    pub(super) fn end_override(&mut self, request: &Request, id: NoteId) -> Reply {
        let Some(it) = self.overrides.remove(&id) else {
            return Reply::Refused(Refusal::Unknown);
        };
        self.cases.overrides.remove(&id);
        self.pen.rows.push(Row::Gone(id));
        let name = format!("oncall/{}", it.oncall);
        self.note(EventKind::OverrideEnded, "", &request.by.name, name, id.0, String::new());
        done(id.0, 0)
    }

    pub(super) fn test_channel(
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

    pub(super) fn create_token(&mut self, request: &Request, token: &Token) -> Reply {
        let now = self.pen.now;
        if self.tokens.len() >= NOTES_MAX {
            // The store keeps those that are over, for the record.
            self.tokens.retain(|_, it| is_in_force(it, now));
        }
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

    pub(super) fn revoke_token(&mut self, request: &Request, id: NoteId) -> Reply {
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

    fn tells_of_what_is_over(&self, alert: &Alert) -> bool {
        let over = |id: ProblemId| id != ProblemId(0) && !self.problems.contains_key(&id);
        tales(alert).iter().any(|it| says_bad(it.kind) && over(it.problem))
    }

    /// Whoever knows how it stands would hear how it stood, and then how it stands once more.
    fn tells_what_holds_no_more(&self, alert: &Alert) -> bool {
        let outdated = |it: &Tale| {
            let problem = self.problems.get(&it.problem);
            match it.kind {
                AlertKind::Trigger | AlertKind::Reminder => {
                    problem.is_some_and(|problem| problem.status != it.status)
                }
                AlertKind::Acknowledged => {
                    problem.is_none_or(|problem| problem.acknowledged.is_none())
                }
                AlertKind::Question => problem.is_none(),
                _ => false,
            }
        };
        tales(alert).iter().any(outdated)
    }

    /// A resolve can die before what it was to follow, which then dies too.
    fn ends_what_nobody_heard_of(&self, alert: &Alert) -> bool {
        let resolves = tales(alert).into_iter().filter(|it| it.kind == AlertKind::Resolve);
        resolves.into_iter().any(|it| !self.was_told(it.problem, &alert.route))
    }

    /// A dead alert is to be tried again.
    pub(crate) fn redeliver(&mut self, ticket: u64, request: &Request, alert: Option<Alert>) {
        if self.answered_before(ticket, request) {
            return;
        }
        let seen = alert.filter(|it| request.by.may_see(&it.content.customer));
        let reply = match seen {
            None => Reply::Refused(Refusal::Unknown),
            // Nobody would hear of the end, which has been.
            Some(alert) if self.tells_of_what_is_over(&alert) => {
                conflict("the problem that it tells of is over".to_owned())
            }
            Some(alert) if self.tells_what_holds_no_more(&alert) => {
                conflict("what it tells does not hold any more".to_owned())
            }
            Some(alert) if self.ends_what_nobody_heard_of(&alert) => {
                conflict("nobody there has heard of the problem that it ends".to_owned())
            }
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
}

fn is_in_force(token: &Token, now: Moment) -> bool {
    token.revoked_at.is_none() && token.expires_at.is_none_or(|it| it > now)
}
