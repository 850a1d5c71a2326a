//! What people ask of the desk that is not about proposals and calls: acknowledgements, silences,
//! windows, overrides, tokens.
//!
//! A request is answered once. Whatever it changes is written down with who asked for it, in the
//! same transaction; what is refused changes nothing, and is written down as well where it says
//! something about who tried.

mod duties;
mod problems;
mod silences;
mod windows;

use std::sync::Arc;

use model::{Command, EventKind, Refusal, Reply, Request, Row, Scope, Span};

use super::{Desk, Effect, cases::TEXT_BYTES_MAX, pen::Note, upkeep::Sight};

/// Silences, planned windows, overrides and tokens that may stand at once, each.
pub(crate) const NOTES_MAX: usize = 10_000;
/// Lines of a scope, and conditions of a line.
pub(crate) const SCOPE_LINES_MAX: usize = 100;
/// How far ahead anything may be planned.
const AHEAD_MAX: std::time::Duration = std::time::Duration::from_secs(400 * 86_400);

impl Desk {
    pub(crate) fn asked(&mut self, ticket: u64, request: &Request) {
        if !self.answered_before(ticket, request) {
            let reply = self.obey(request);
            self.answer(ticket, request, reply);
        }
    }

    /// A repeat gets the answer that the first one got, and does nothing.
    fn answered_before(&mut self, ticket: u64, request: &Request) -> bool {
        let before = request.repeat_key.as_ref().and_then(|it| self.answers.get(it));
        let Some(reply) = before.cloned() else { return false };
        self.effects.push(Effect::Answer { ticket, reply });
        true
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
            Command::Claim { .. }
            | Command::Drop { .. }
            | Command::Tick { .. }
            | Command::PauseJob { .. }
            | Command::ResumeJob { .. }
            | Command::AcceptSchedule { .. } => self.about_jobs(request),
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
