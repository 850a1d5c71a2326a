//! What people ask of proposals and calls, and what is answered.
//!
//! A refusal changes nothing and says why: there is none (also if it is another customer's),
//! somebody was faster, it cannot be done as things stand, it makes no sense, there is no room.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use model::{
    Call, CallId, CallState, Command, DismissReason, EventKind, MessageKind, Moment, Proposal,
    ProposalId, ProposalState, Refusal, Reply, Request, Severity, Wait,
};

use super::{
    CALL_PROBLEMS_MAX, CALLS_OPEN_MAX, CaseNews, Cases, TEXT_BYTES_MAX, TITLE_BYTES_MAX, World,
    calls::{self, From, Opening},
    clocks::Terms,
    waits, words,
};
use crate::desk::{
    pen::{Pen, Rules},
    who,
};

/// A supplier's own number for a case, in bytes.
const REFERENCE_BYTES_MAX: usize = 200;
/// The longest time for which something must be fine before a call is ready.
const FINE_FOR_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Runs of a job that a call may wait for.
const SLOTS_WAITED_MAX: u32 = 100;

/// A request with all that is needed to judge it.
#[derive(Clone, Copy)]
struct Ask<'a> {
    request: &'a Request,
    rules: &'a Rules,
    world: &'a dyn World,
    now: Moment,
}

/// What is found, or why nothing is.
type Found<T> = ControlFlow<Refusal, T>;

impl Ask<'_> {
    fn by(&self) -> &Arc<str> {
        &self.request.by.name
    }

    /// Somebody who is in `people:`.
    fn person(&self, name: &Arc<str>) -> Found<()> {
        let people = &self.rules.duty.people;
        if self.is_person(name) {
            return ControlFlow::Continue(());
        }
        let hint = words::closest(name, people.iter().map(|it| &*it.name))
            .map(|it| format!("; did you mean {it}?"))
            .unwrap_or_default();
        invalid(format!("nobody is called {}{hint}", words::cut(name, 64)))
    }

    fn is_person(&self, name: &str) -> bool {
        self.rules.duty.people.binary_search_by(|it| (*it.name).cmp(name)).is_ok()
    }

    fn later(&self, until: Moment) -> Found<()> {
        if until > self.now {
            return ControlFlow::Continue(());
        }
        invalid("that moment has passed".to_owned())
    }
}

impl Cases {
    /// Does what is asked of proposals and calls. `None`: the request is not about them.
    pub(crate) fn handle(
        &mut self,
        request: &Request,
        rules: &Rules,
        world: &dyn World,
        pen: &mut Pen,
    ) -> Option<Reply> {
        // What was due before is done before.
        self.wake(rules, pen);
        let ask = Ask { request, rules, world, now: pen.now };
        let done = match &request.command {
            Command::Accept { proposal, assignee } => {
                self.accept(ask, *proposal, assignee.as_ref(), pen)
            }
            Command::Merge { proposal, call } => self.merge(ask, *proposal, *call, pen),
            Command::Dismiss { proposal, reason, text } => {
                self.dismiss(ask, *proposal, *reason, text, pen)
            }
            Command::Snooze { proposal, until } => self.snooze(ask, *proposal, *until, pen),
            Command::OpenCall { customer, title, severity, refers_to } => {
                self.open_by_hand(ask, customer, title, (*severity, *refers_to), pen)
            }
            Command::Assign { call, person } => self.assign(ask, *call, person, pen),
            Command::Start { call } => self.begin(ask, *call, pen),
            Command::Suspend { call, wait } => self.suspend(ask, *call, wait, pen),
            Command::Resume { call } => self.resume(ask, *call, pen),
            Command::Close { call, text } => self.close(ask, *call, text, pen),
            Command::Say { call, kind, text } => self.say(ask, *call, *kind, text, pen),
            Command::Block { call } => self.block_by_hand(ask, *call, pen),
            _ => return None,
        };
        Some(match done {
            ControlFlow::Continue(reply) => reply,
            ControlFlow::Break(refusal) => Reply::Refused(refusal),
        })
    }

    fn accept(
        &mut self,
        ask: Ask<'_>,
        id: ProposalId,
        assignee: Option<&Arc<str>>,
        pen: &mut Pen,
    ) -> Found<Reply> {
        let proposal = self.find_proposal(ask, id)?;
        if let Some(person) = assignee {
            ask.person(person)?;
        }
        if self.index.open().len() >= CALLS_OPEN_MAX {
            return full(format!("{CALLS_OPEN_MAX} calls are open"));
        }
        let contract = ask.world.contract_of(&proposal.about, &proposal.customer);
        let call = self.make_call_of(id, ask.by(), assignee, contract, ask.rules, pen);
        let Some(call) = call else { return ControlFlow::Break(Refusal::Unknown) };
        let over = self.calls.get(&call).is_some_and(|it| waits::all_over(it, None, ask.world));
        if over {
            self.make_ready(call, "its problem was over before it was accepted", pen);
        }
        self.done_call(call)
    }

    fn merge(&mut self, ask: Ask<'_>, id: ProposalId, into: CallId, pen: &mut Pen) -> Found<Reply> {
        let proposal = self.find_proposal(ask, id)?;
        let call = self.calls.get(&into).filter(|it| ask.request.by.may_see(&it.customer));
        let Some(call) = call else { return invalid(format!("there is no call {into}")) };
        if call.customer != proposal.customer {
            return invalid(format!("call {into} is another customer's"));
        }
        if call.state == CallState::Closed {
            return conflict(format!("call {into} is {}", words::of_call(call, ask.now)));
        }
        if call.problems.len() >= CALL_PROBLEMS_MAX / 2 {
            return full(format!("call {into} has {} problems", call.problems.len()));
        }
        let (problem, about, severity) =
            (proposal.problem, proposal.about.clone(), proposal.severity);
        let open = ask.world.is_open(problem);
        let taken_back = call.ready_to_close && open;
        self.change_call(into, pen, |call| {
            call.proposals.push(id);
            waits::add_problem(call, problem);
            call.severity = call.severity.max(severity);
            call.ready_to_close &= !taken_back;
        });
        self.index.cover(&about, into);
        let by = Arc::clone(ask.by());
        let state = ProposalState::Merged { call: into, by, at: pen.now };
        self.change_proposal(id, pen, |it| it.state = state);
        let text = format!("into call {into}");
        self.proposal_event(id, EventKind::ProposalMerged, ask.by(), text, pen);
        if taken_back {
            let text = format!("proposal {id} was merged into it");
            self.call_event(into, EventKind::CallNotReady, ask.by(), text, pen);
        }
        self.done_call(into)
    }

    fn dismiss(
        &mut self,
        ask: Ask<'_>,
        id: ProposalId,
        reason: DismissReason,
        text: &str,
        pen: &mut Pen,
    ) -> Found<Reply> {
        self.find_proposal(ask, id)?;
        short_enough(text)?;
        let (by, at) = (Arc::clone(ask.by()), pen.now);
        let state = ProposalState::Dismissed { reason, text: text.to_owned(), by, at };
        self.change_proposal(id, pen, |it| it.state = state);
        let colon = if text.is_empty() { "" } else { ": " };
        let text = words::line(&format!("{}{colon}{text}", words::of_reason(reason)), 240);
        self.proposal_event(id, EventKind::ProposalDismissed, ask.by(), text, pen);
        self.done_proposal(id)
    }

    fn snooze(
        &mut self,
        ask: Ask<'_>,
        id: ProposalId,
        until: Moment,
        pen: &mut Pen,
    ) -> Found<Reply> {
        self.find_proposal(ask, id)?;
        ask.later(until)?;
        self.change_proposal(id, pen, |it| {
            it.snoozed_until = Some(until);
            it.touched = true;
        });
        let text = format!("for {}", words::of_duration(until.since(pen.now)));
        self.proposal_event(id, EventKind::ProposalSnoozed, ask.by(), text, pen);
        self.done_proposal(id)
    }

    fn open_by_hand(
        &mut self,
        ask: Ask<'_>,
        customer: &Arc<str>,
        title: &str,
        (severity, refers_to): (Severity, Option<CallId>),
        pen: &mut Pen,
    ) -> Found<Reply> {
        let customers = &ask.rules.duty.customers;
        let known = customers.binary_search_by(|it| it.name.cmp(customer)).ok();
        let visible = ask.request.by.may_see(customer);
        if !visible || known.is_none() && !customer.is_empty() {
            return ControlFlow::Break(Refusal::Unknown);
        }
        if title.trim().is_empty() || title.chars().any(char::is_control) {
            return invalid("a title is one line and not empty".to_owned());
        }
        if title.len() > TITLE_BYTES_MAX {
            return invalid(format!("a title has at most {TITLE_BYTES_MAX} bytes"));
        }
        if let Some(before) = refers_to {
            let closed = self
                .calls
                .get(&before)
                .is_some_and(|it| it.customer == *customer && it.state == CallState::Closed);
            if !closed {
                return invalid(format!("there is no closed call {before} of {customer}"));
            }
        }
        if self.index.open().len() >= CALLS_OPEN_MAX {
            return full(format!("{CALLS_OPEN_MAX} calls are open"));
        }
        let opening = Opening {
            customer,
            title: title.to_owned(),
            severity,
            by: ask.by(),
            contract: known.and_then(|it| customers[it].contract),
            assignee: None,
            detected_at: pen.now,
            from: From::Person(refers_to),
        };
        let call = self.open_call(opening, "by hand", ask.rules, pen);
        self.done_call(call)
    }

    fn assign(
        &mut self,
        ask: Ask<'_>,
        id: CallId,
        person: &Arc<str>,
        pen: &mut Pen,
    ) -> Found<Reply> {
        let call = self.find_call(ask, id)?;
        ask.person(person)?;
        let accepts = person == ask.by()
            && call.respond.as_ref().is_some_and(|it| it.met_at.is_none())
            && call.state == CallState::Assigned;
        if call.assignee.as_ref() == Some(person) && !accepts {
            return conflict(format!("{person} has it already"));
        }
        self.give(id, person, ask.by(), ask.rules, pen);
        self.done_call(id)
    }

    fn begin(&mut self, ask: Ask<'_>, id: CallId, pen: &mut Pen) -> Found<Reply> {
        let call = self.find_call(ask, id)?;
        if !matches!(call.state, CallState::Open | CallState::Assigned) {
            return conflict(words::of_call(call, ask.now));
        }
        let terms = Terms::of(call, ask.rules);
        let now = pen.now;
        self.change_call(id, pen, |call| {
            call.state = CallState::InProgress;
            if ask.is_person(ask.by()) {
                call.assignee = Some(Arc::clone(ask.by()));
            }
            terms.responded(call, now);
        });
        self.schedule_clocks(id, ask.rules);
        self.call_event(id, EventKind::CallStarted, ask.by(), String::new(), pen);
        self.done_call(id)
    }

    fn suspend(&mut self, ask: Ask<'_>, id: CallId, wait: &Wait, pen: &mut Pen) -> Found<Reply> {
        let call = self.find_call(ask, id)?;
        if !matches!(call.state, CallState::Assigned | CallState::InProgress) {
            return conflict(words::of_call(call, ask.now));
        }
        let wait = judged(ask, call, wait)?;
        let text = format!("waits for {}", words::of_wait(&wait));
        let terms = Terms::of(call, ask.rules);
        let (held, since) = (self.held.contains(&id), pen.now);
        self.change_call(id, pen, |call| {
            call.state = CallState::Suspended { wait, since };
            terms.settle(call, held, since);
        });
        self.schedule_clocks(id, ask.rules);
        self.call_event(id, EventKind::CallSuspended, ask.by(), text, pen);
        self.done_call(id)
    }

    fn resume(&mut self, ask: Ask<'_>, id: CallId, pen: &mut Pen) -> Found<Reply> {
        let call = self.find_call(ask, id)?;
        if !matches!(call.state, CallState::Suspended { .. }) {
            return conflict(words::of_call(call, ask.now));
        }
        let terms = Terms::of(call, ask.rules);
        let (held, now) = (self.held.contains(&id), pen.now);
        self.change_call(id, pen, |call| {
            call.state = CallState::InProgress;
            terms.settle(call, held, now);
            terms.responded(call, now);
        });
        self.schedule_clocks(id, ask.rules);
        self.call_event(id, EventKind::CallResumed, ask.by(), String::new(), pen);
        self.done_call(id)
    }

    fn close(&mut self, ask: Ask<'_>, id: CallId, text: &str, pen: &mut Pen) -> Found<Reply> {
        let call = self.find_call(ask, id)?;
        short_enough(text)?;
        let terms = Terms::of(call, ask.rules);
        let now = pen.now;
        let words = if text.is_empty() { "closed" } else { text };
        self.change_call(id, pen, |call| {
            call.state = CallState::Closed;
            call.closed_at = Some(now);
            terms.closed(call, now);
            calls::say(call, ask.by(), MessageKind::Internal, words, now);
        });
        self.call_event(id, EventKind::CallClosed, ask.by(), text.to_owned(), pen);
        self.done_call(id)
    }

    fn say(
        &mut self,
        ask: Ask<'_>,
        id: CallId,
        kind: MessageKind,
        text: &str,
        pen: &mut Pen,
    ) -> Found<Reply> {
        let call = self.find_call(ask, id)?;
        short_enough(text)?;
        if text.trim().is_empty() {
            return invalid("a message is not empty".to_owned());
        }
        if !calls::has_room(call, text) {
            return full(format!("call {id} has {} messages", call.messages.len()));
        }
        if kind == MessageKind::ToCustomer {
            let reached = who::to_customer(&call.customer, ask.rules);
            if reached.routes.is_empty() {
                return invalid(format!("it could not be sent: {}", reached.text));
            }
            self.news.push(CaseNews::Written(id, Arc::clone(ask.by()), text.to_owned()));
        }
        let call = self.find_call(ask, id)?;
        let answered = kind == MessageKind::FromCustomer
            && matches!(&call.state, CallState::Suspended { wait: Wait::Customer { .. }, .. });
        let now = pen.now;
        self.change_call(id, pen, |call| calls::say(call, ask.by(), kind, text, now));
        self.call_event(id, EventKind::CallMessage, ask.by(), text.to_owned(), pen);
        if answered {
            self.go_on(id, now, "the customer has answered", ask.rules, pen);
        }
        self.done_call(id)
    }

    fn block_by_hand(&mut self, ask: Ask<'_>, id: CallId, pen: &mut Pen) -> Found<Reply> {
        self.find_call(ask, id)?;
        if !self.block(id, ask.by(), ask.rules, pen) {
            return conflict("it blocks the customer already".to_owned());
        }
        self.done_call(id)
    }

    /// The open proposal that is asked for, unless whoever asks may not see it or has not seen the
    /// last change that matters.
    fn find_proposal(&self, ask: Ask<'_>, id: ProposalId) -> Found<&Proposal> {
        let visible = |it: &&Proposal| ask.request.by.may_see(&it.customer);
        let Some(proposal) = self.proposals.get(&id).filter(visible) else {
            return ControlFlow::Break(Refusal::Unknown);
        };
        let version = proposal.version;
        if ask.request.version.is_some_and(|it| !self.has_seen(proposal, it)) {
            let now = words::of_proposal(proposal, ask.now);
            return ControlFlow::Break(Refusal::Stale { version, now });
        }
        if !proposal.is_open() {
            return conflict(words::of_proposal(proposal, ask.now));
        }
        ControlFlow::Continue(proposal)
    }

    /// The call that is asked for, if it is not closed.
    fn find_call(&self, ask: Ask<'_>, id: CallId) -> Found<&Call> {
        let visible = |it: &&Call| ask.request.by.may_see(&it.customer);
        let Some(call) = self.calls.get(&id).filter(visible) else {
            return ControlFlow::Break(Refusal::Unknown);
        };
        let version = call.version;
        if ask.request.version.is_some_and(|it| it != version) {
            let now = words::of_call(call, ask.now);
            return ControlFlow::Break(Refusal::Stale { version, now });
        }
        if call.state == CallState::Closed {
            return conflict(words::of_call(call, ask.now));
        }
        ControlFlow::Continue(call)
    }

    fn done_call(&self, id: CallId) -> Found<Reply> {
        let version = self.calls.get(&id).map_or(0, |it| it.version);
        ControlFlow::Continue(Reply::Done { id: id.to_string(), version })
    }

    fn done_proposal(&self, id: ProposalId) -> Found<Reply> {
        let version = self.proposals.get(&id).map_or(0, |it| it.version);
        ControlFlow::Continue(Reply::Done { id: id.to_string(), version })
    }
}

/// What a call is to wait for, if that makes sense. What was seen before does not count.
fn judged(ask: Ask<'_>, call: &Call, wait: &Wait) -> Found<Wait> {
    match wait {
        Wait::Process { until } => {
            let customer = until.name.split('/').next().unwrap_or("");
            let visible = *customer == *call.customer || ask.request.by.may_see(customer);
            if ask.world.is_fine(&until.name).filter(|_| visible).is_none() {
                let name = words::cut(&until.name, 240);
                return invalid(format!("no host or service is called {name}"));
            }
            if until.fine_for > FINE_FOR_MAX {
                return invalid(format!("at most {}", words::of_duration(FINE_FOR_MAX)));
            }
            let mut until = until.clone();
            until.fine_since = None;
            return ControlFlow::Continue(Wait::Process { until });
        }
        Wait::Slots { job, wanted, .. } => {
            let customer = job.split('/').next().unwrap_or("");
            let visible = *customer == *call.customer || ask.request.by.may_see(customer);
            if !visible || !ask.world.knows_job(job) {
                return invalid(format!("no watchdog is called {}", words::cut(job, 240)));
            }
            if !(1..=SLOTS_WAITED_MAX).contains(wanted) {
                return invalid(format!("1 to {SLOTS_WAITED_MAX} runs can be waited for"));
            }
            let (job, wanted) = (Arc::clone(job), *wanted);
            return ControlFlow::Continue(Wait::Slots { job, wanted, kept: 0 });
        }
        Wait::Customer { until } => until.map_or(ControlFlow::Continue(()), |it| ask.later(it))?,
        Wait::Supplier { reference, until } => {
            if reference.len() > REFERENCE_BYTES_MAX || reference.chars().any(char::is_control) {
                return invalid(format!(
                    "a reference is one line of at most {REFERENCE_BYTES_MAX} bytes"
                ));
            }
            until.map_or(ControlFlow::Continue(()), |it| ask.later(it))?;
        }
    }
    ControlFlow::Continue(wait.clone())
}

fn short_enough(text: &str) -> Found<()> {
    if text.len() <= TEXT_BYTES_MAX {
        return ControlFlow::Continue(());
    }
    invalid(format!("a text has at most {TEXT_BYTES_MAX} bytes"))
}

fn invalid<T>(why: String) -> Found<T> {
    ControlFlow::Break(Refusal::Invalid { why })
}

fn conflict<T>(why: String) -> Found<T> {
    ControlFlow::Break(Refusal::Conflict { why })
}

fn full<T>(why: String) -> Found<T> {
    ControlFlow::Break(Refusal::Full { why })
}
