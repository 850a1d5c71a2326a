//! An engine in memory: keeps what it is asked to, as the real one does, and nothing more.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Display,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use model::{
    Acknowledgement, Actor, Alert, AlertKey, AlertState, Call, CallId, CallState, Command,
    Decision, DecisionId, Event, EventId, EventKind, Message, Moment, NoteId, OccurrenceKey,
    Override, PlannedWindow, Problem, ProblemId, Proposal, ProposalId, ProposalState, Refusal,
    Reply, Request, Silence, Token, VerdictOfDesk,
};
use tokio::sync::watch;

use super::{NOW, objects};
use crate::api::seams::{
    AlertFilter, AlertsShown, Answering, CallFilter, CallsShown, CheckableView, Consequence,
    Customers, Cut, Desk, EventPiece, Ledger, LedgerFault, OnDuty, Page, ProblemFilter,
    ProblemsShown, ProposalFilter, ProposalsShown, Read, Story, StoryFilter, Supposition,
    WindowFilter, WindowView,
};

/// Events that are kept; the older ones are forgotten.
const EVENTS_KEPT: usize = 1_000;

pub(crate) struct Fake {
    kept: Mutex<Kept>,
    wake: watch::Sender<EventId>,
    /// Nanoseconds since [`NOW`].
    later: AtomicU64,
    /// Commands that came, refusals to be written down not counted.
    pub(crate) commands: AtomicU64,
    /// Answers nobody.
    pub(crate) hangs: AtomicBool,
    /// Is stopping.
    pub(crate) stops: AtomicBool,
    /// Cannot be read.
    pub(crate) broken: AtomicBool,
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) problems: BTreeMap<u64, Problem>,
    pub(crate) proposals: BTreeMap<u64, Proposal>,
    pub(crate) calls: BTreeMap<u64, Call>,
    pub(crate) silences: BTreeMap<u64, Silence>,
    pub(crate) windows: BTreeMap<OccurrenceKey, WindowView>,
    pub(crate) overrides: BTreeMap<u64, Override>,
    pub(crate) alerts: BTreeMap<AlertKey, Alert>,
    pub(crate) tokens: BTreeMap<u64, Token>,
    pub(crate) reports: BTreeMap<u64, model::Report>,
    /// Pings that were kept.
    pub(crate) pings: Vec<crate::api::Ping>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) answered: BTreeMap<String, Reply>,
    /// Who, what, why.
    pub(crate) refusals: Vec<(String, String, String)>,
    last_event: u64,
    last_id: u64,
}

impl Fake {
    pub(crate) fn new(wake: watch::Sender<EventId>) -> Self {
        let mut kept = Kept { last_id: 1_000, ..Kept::default() };
        for (place, customer) in objects::CUSTOMERS.into_iter().enumerate() {
            let id = place as u64 + 1;
            kept.problems.insert(10 + id, objects::problem(10 + id, customer));
            kept.proposals.insert(20 + id, objects::proposal(20 + id, customer));
            kept.calls.insert(30 + id, objects::call(30 + id, customer));
            kept.silences.insert(40 + id, objects::silence(40 + id, customer));
            kept.alerts.insert(objects::key(id), objects::alert(id, customer));
            kept.reports.insert(70 + id, super::hearing::report(70 + id, customer));
            kept.windows.insert(objects::window_key(customer), objects::window(customer));
        }
        kept.overrides.insert(51, objects::put_override(51));
        kept.tokens.insert(61, super::token(61, &[], None));
        Self {
            kept: Mutex::new(kept),
            wake,
            later: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            hangs: AtomicBool::new(false),
            stops: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    pub(crate) fn now(&self) -> Moment {
        NOW.after(Duration::from_nanos(self.later.load(SeqCst)))
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.later.fetch_add(u64::try_from(time.as_nanos()).unwrap(), SeqCst);
    }

    /// Something happens.
    pub(crate) fn happen(&self, customer: &str, kind: EventKind, by: &str) {
        let mut kept = self.kept();
        kept.last_event += 1;
        let id = kept.last_event;
        kept.events.push_back(objects::event(id, customer, kind, by));
        if kept.events.len() > EVENTS_KEPT {
            kept.events.pop_front();
        }
        drop(kept);
        self.wake.send_replace(EventId(id));
    }

    pub(super) fn whole<T>(&self, found: T) -> Read<T> {
        let fault = || LedgerFault::Unreadable("on purpose".to_owned());
        if self.broken.load(SeqCst) { Err(fault()) } else { Ok(found) }
    }
}

/// The cursor is the place in the list.
pub(super) fn cut<T>(items: Vec<T>, cut: &Cut) -> Read<Page<T>> {
    let from: usize = match &cut.cursor {
        None => 0,
        Some(text) => text.parse().map_err(|_| LedgerFault::Cursor)?,
    };
    let next = from + cut.limit;
    let next = (next < items.len()).then(|| next.to_string());
    Ok(Page { items: items.into_iter().skip(from).take(cut.limit).collect(), next })
}

pub(super) fn is_of(customers: &Customers, customer: &str) -> bool {
    let actor = Actor { name: "".into(), customers: customers.clone() };
    actor.may_see(customer)
}

impl Ledger for Fake {
    fn problems(&self, filter: &ProblemFilter) -> Read<Page<Problem>> {
        let kept = self.whole(self.kept())?;
        let fits = |it: &&Problem| {
            is_of(&filter.customers, &it.customer)
                && filter.at_least.is_none_or(|least| it.severity >= least)
                && filter.text.as_ref().is_none_or(|text| it.about.name().contains(text))
                && match filter.which {
                    ProblemsShown::Open => it.is_open(),
                    ProblemsShown::Recent => !it.is_open(),
                    ProblemsShown::All => true,
                }
        };
        cut(kept.problems.values().rev().filter(fits).cloned().collect(), &filter.cut)
    }

    fn problem(&self, id: ProblemId) -> Read<Option<Problem>> {
        self.whole(self.kept().problems.get(&id.0).cloned())
    }

    fn proposals(&self, filter: &ProposalFilter) -> Read<Page<Proposal>> {
        let kept = self.whole(self.kept())?;
        let fits = |it: &&Proposal| {
            let snoozed = it.snoozed_until.is_some_and(|it| it > filter.now);
            is_of(&filter.customers, &it.customer)
                && match filter.which {
                    ProposalsShown::Open => it.is_open() && !snoozed,
                    ProposalsShown::Snoozed => it.is_open() && snoozed,
                    ProposalsShown::Decided => !it.is_open(),
                    ProposalsShown::All => true,
                }
        };
        cut(kept.proposals.values().rev().filter(fits).cloned().collect(), &filter.cut)
    }

    fn proposal(&self, id: ProposalId) -> Read<Option<Proposal>> {
        self.whole(self.kept().proposals.get(&id.0).cloned())
    }

    fn calls(&self, filter: &CallFilter) -> Read<Page<Call>> {
        let kept = self.whole(self.kept())?;
        let fits = |it: &&Call| {
            is_of(&filter.customers, &it.customer)
                && (filter.assignee.is_none()
                    || it.assignee.as_deref() == filter.assignee.as_deref())
                && match filter.which {
                    CallsShown::Live => it.state != CallState::Closed,
                    CallsShown::State(word) => it.state.word() == word,
                    CallsShown::All => true,
                }
        };
        cut(kept.calls.values().rev().filter(fits).cloned().collect(), &filter.cut)
    }

    fn call(&self, id: CallId) -> Read<Option<Call>> {
        self.whole(self.kept().calls.get(&id.0).cloned())
    }

    fn silences(&self) -> Read<Vec<Silence>> {
        self.whole(self.kept().silences.values().cloned().collect())
    }

    fn silence(&self, id: NoteId) -> Read<Option<Silence>> {
        self.whole(self.kept().silences.get(&id.0).cloned())
    }

    fn windows(&self, filter: &WindowFilter) -> Read<Page<WindowView>> {
        let kept = self.whole(self.kept())?;
        let fits = |it: &&WindowView| {
            let span = it.occurrence.span;
            let touches = span.from < filter.within.until && filter.within.from < span.until;
            touches && is_of(&filter.customers, &it.occurrence.customer)
        };
        cut(kept.windows.values().filter(fits).cloned().collect(), &filter.cut)
    }

    fn window(&self, key: &OccurrenceKey) -> Read<Option<WindowView>> {
        self.whole(self.kept().windows.get(key).cloned())
    }

    fn on_duty(&self, _: Moment) -> Read<Vec<OnDuty>> {
        let (oncall, people) = ("primary".into(), vec!["anna".into()]);
        self.whole(vec![OnDuty { oncall, people, until: None, by_override: Some(NoteId(51)) }])
    }

    fn overrides(&self) -> Read<Vec<Override>> {
        self.whole(self.kept().overrides.values().cloned().collect())
    }

    fn alerts(&self, filter: &AlertFilter) -> Read<Page<Alert>> {
        let kept = self.whole(self.kept())?;
        let fits = |it: &&Alert| {
            is_of(&filter.customers, &it.content.customer)
                && filter.problem.is_none_or(|problem| it.problem == problem)
                && match filter.which {
                    AlertsShown::Waiting => it.is_waiting(),
                    AlertsShown::Dead => matches!(it.state, AlertState::Dead { .. }),
                    AlertsShown::All => true,
                }
        };
        cut(kept.alerts.values().filter(fits).cloned().collect(), &filter.cut)
    }

    fn alert(&self, key: AlertKey) -> Read<Option<Alert>> {
        self.whole(self.kept().alerts.get(&key).cloned())
    }

    fn tokens(&self) -> Read<Vec<Token>> {
        self.whole(self.kept().tokens.values().cloned().collect())
    }

    fn story(&self, filter: &StoryFilter) -> Read<Option<Story>> {
        let found = self.checkable(&filter.name)?;
        Ok(found.map(|it| Story {
            decisions: vec![decision(&filter.name, &it.customer)],
            customer: it.customer,
            transitions: Vec::new(),
        }))
    }

    fn suppose(&self, what: &Supposition) -> Read<Option<Consequence>> {
        let found = self.checkable(&what.name)?;
        Ok(found.map(|it| Consequence {
            decisions: vec![decision(&what.name, &it.customer)],
            customer: it.customer,
            told: Vec::new(),
            asked: Vec::new(),
            proposed_at: None,
            called_at: None,
        }))
    }

    fn events(&self, after: EventId, customers: &Customers, limit: usize) -> Read<EventPiece> {
        let kept = self.whole(self.kept())?;
        let new = || kept.events.iter().filter(|it| it.id > after);
        let read_to = new().take(limit).last().map_or(after, |it| it.id);
        let items = new().take(limit).filter(|it| is_of(customers, &it.customer)).cloned();
        Ok(EventPiece { items: items.collect(), read_to })
    }

    fn checkable(&self, name: &str) -> Read<Option<CheckableView>> {
        let all = objects::CUSTOMERS.into_iter();
        let found = all.map(objects::checkable).find(|it| &*it.name == name);
        self.whole(found)
    }
}

fn decision(name: &str, customer: &str) -> Decision {
    let gate = model::GatePassed {
        gate: "silence".into(),
        open: false,
        text: "silence 41".to_owned(),
        rule: Some("checks/acme.yaml:7".into()),
    };
    Decision {
        id: DecisionId(1),
        at: NOW,
        problem: ProblemId(11),
        name: name.to_owned(),
        customer: customer.into(),
        trigger: "hard state CRITICAL".to_owned(),
        gates: vec![gate],
        verdict: VerdictOfDesk::Nobody { reason: "silence".into(), until: None },
    }
}

impl Desk for Fake {
    fn ask(&self, request: Request) -> Answering<'_> {
        Box::pin(async move {
            if self.stops.load(SeqCst) {
                return None;
            }
            if self.hangs.load(SeqCst) {
                std::future::pending::<()>().await;
            }
            Some(self.answer(request))
        })
    }
}

impl Fake {
    fn answer(&self, request: Request) -> Reply {
        let Request { by, version, repeat_key, command } = request;
        if let Command::WriteDownRefusal { what, why } = command {
            self.kept().refusals.push((by.name.to_string(), what, why));
            return Reply::Done { id: String::new(), version: 0 };
        }
        self.commands.fetch_add(1, SeqCst);
        if let Some(before) =
            repeat_key.as_ref().and_then(|it| self.kept().answered.get(&**it).cloned())
        {
            return before;
        }
        let (now, mut kept) = (self.now(), self.kept());
        let reply = match kept.apply(&by, version, command, now) {
            Ok((id, version)) => Reply::Done { id, version },
            Err(refusal) => Reply::Refused(refusal),
        };
        if let Some(key) = repeat_key {
            kept.answered.insert(key.to_string(), reply.clone());
        }
        drop(kept);
        if matches!(reply, Reply::Done { .. }) {
            self.happen("acme", EventKind::Commented, &by.name);
        }
        reply
    }
}

type Applied = Result<(String, u64), Refusal>;

/// The next version, if the one that was seen is the one there is.
fn next(version: &mut u64, seen: Option<u64>, id: impl Display) -> Applied {
    if seen.is_some_and(|seen| seen != *version) {
        return Err(Refusal::Stale { version: *version, now: "as it is".to_owned() });
    }
    *version += 1;
    Ok((id.to_string(), *version))
}

impl Kept {
    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn apply(&mut self, by: &Actor, seen: Option<u64>, command: Command, now: Moment) -> Applied {
        match command {
            Command::Acknowledge { problem, text, until, sticky } => {
                let by_whom = by.name.clone();
                let ack = Acknowledgement { by: by_whom, at: now, text, until, sticky };
                self.problem(by, seen, problem, |it| it.acknowledged = Some(ack))
            }
            Command::Unacknowledge { problem } => {
                self.problem(by, seen, problem, |it| it.acknowledged = None)
            }
            Command::Comment { problem, .. } | Command::JudgeBlocking { problem, .. } => {
                self.problem(by, seen, problem, |_| ())
            }
            Command::Accept { proposal, .. } => {
                let call = CallId(self.new_id());
                let (by_whom, at) = (by.name.clone(), now);
                let state = ProposalState::Accepted { call, by: by_whom, at };
                self.rule(by, seen, proposal, state)
            }
            Command::Merge { proposal, call } => {
                let (by_whom, at) = (by.name.clone(), now);
                self.rule(by, seen, proposal, ProposalState::Merged { call, by: by_whom, at })
            }
            Command::Dismiss { proposal, reason, text } => {
                let (by_whom, at) = (by.name.clone(), now);
                let state = ProposalState::Dismissed { reason, text, by: by_whom, at };
                self.rule(by, seen, proposal, state)
            }
            Command::Snooze { proposal, until } => {
                let it = self.proposals.get_mut(&proposal.0).filter(|it| by.may_see(&it.customer));
                let it = it.ok_or(Refusal::Unknown)?;
                it.snoozed_until = Some(until);
                next(&mut it.version, seen, proposal)
            }
            Command::OpenCall { customer, title, severity, refers_to } => {
                let id = self.new_id();
                let mut made = super::objects::call(id, &customer);
                (made.title, made.severity, made.refers_to) = (title, severity, refers_to);
                self.calls.insert(id, made);
                Ok((id.to_string(), 1))
            }
            Command::Assign { call, person } => self.call(by, seen, call, |it| {
                it.assignee = Some(person);
                it.state = CallState::Assigned;
            }),
            Command::Start { call } | Command::Resume { call } => {
                self.call(by, seen, call, |it| it.state = CallState::InProgress)
            }
            Command::Suspend { call, wait } => {
                self.call(by, seen, call, |it| it.state = CallState::Suspended { wait, since: now })
            }
            Command::Close { call, .. } => {
                self.call(by, seen, call, |it| it.state = CallState::Closed)
            }
            Command::Say { call, kind, text } => {
                let message = Message { at: now, by: by.name.clone(), kind, text };
                self.call(by, seen, call, |it| it.messages.push(message))
            }
            Command::Block { call } => {
                self.call(by, seen, call, |it| it.blocking_since = Some(now))
            }
            other => self.apply_note(by, seen, other, now),
        }
    }

    fn apply_note(
        &mut self,
        by: &Actor,
        seen: Option<u64>,
        command: Command,
        now: Moment,
    ) -> Applied {
        match command {
            Command::Silence { scope, span, text } => {
                let id = self.new_id();
                let (version, by_whom) = (1, by.name.clone());
                let customers = by.customers.clone();
                let it =
                    Silence { id: NoteId(id), version, customers, scope, span, by: by_whom, text };
                self.silences.insert(id, it);
                Ok((id.to_string(), 1))
            }
            Command::Unsilence { silence } => gone(&mut self.silences, silence),
            Command::PlanWindow(window) => {
                let (id, planned_from) = (self.new_id(), window.span.from);
                let name = PlannedWindow::name_of(NoteId(id));
                let key = OccurrenceKey { window: name, planned_from };
                let customer = window.customer.unwrap_or_default();
                let mut view = super::objects::window(&customer);
                (view.occurrence.key, view.occurrence.span) = (key.clone(), window.span);
                self.windows.insert(key, view);
                Ok((id.to_string(), 1))
            }
            Command::ExtendWindow { occurrence, until, .. } => {
                self.window(by, seen, &occurrence, |it| it.occurrence.span.until = until)
            }
            Command::EndWindow { occurrence, .. } => {
                self.window(by, seen, &occurrence, |it| it.occurrence.span.until = now)
            }
            Command::Override { oncall, person, span } => {
                let id = self.new_id();
                let by = by.name.clone();
                self.overrides.insert(id, Override { id: NoteId(id), oncall, person, span, by });
                Ok((id.to_string(), 0))
            }
            Command::EndOverride { id } => gone(&mut self.overrides, id),
            Command::Redeliver { alert } => {
                let it = self.alerts.get_mut(&alert).ok_or(Refusal::Unknown)?;
                it.state = AlertState::Waiting;
                Ok((alert.to_string(), 0))
            }
            Command::TestChannel { channel, .. } => match &*channel {
                "sms" => Ok((objects::key(99).to_string(), 0)),
                _ => Err(Refusal::Unknown),
            },
            Command::CreateToken(token) => {
                let id = self.new_id();
                self.tokens.insert(id, Token { id: NoteId(id), ..token });
                Ok((id.to_string(), 0))
            }
            Command::RevokeToken { id } => {
                self.tokens.get_mut(&id.0).ok_or(Refusal::Unknown)?.revoked_at = Some(now);
                Ok((id.to_string(), 0))
            }
            Command::Claim { job, report } => {
                let it = self.reports.get_mut(&report.0).ok_or(Refusal::Unknown)?;
                (it.job, it.class) = (Some(job), model::Class::Orphan);
                next(&mut it.version, seen, report)
            }
            Command::Drop { report } => {
                let it = self.reports.get_mut(&report.0).ok_or(Refusal::Unknown)?;
                it.class = model::Class::Dropped;
                next(&mut it.version, seen, report)
            }
            Command::Tick { job, .. }
            | Command::PauseJob { job, .. }
            | Command::ResumeJob { job }
            | Command::AcceptSchedule { job, .. } => Ok((job.to_string(), 2)),
            other => panic!("nobody answers {other:?}"),
        }
    }

    fn problem(
        &mut self,
        by: &Actor,
        seen: Option<u64>,
        id: ProblemId,
        change: impl FnOnce(&mut Problem),
    ) -> Applied {
        let it = self.problems.get_mut(&id.0).filter(|it| by.may_see(&it.customer));
        let it = it.ok_or(Refusal::Unknown)?;
        let done = next(&mut it.version, seen, id)?;
        change(it);
        Ok(done)
    }

    fn rule(
        &mut self,
        by: &Actor,
        seen: Option<u64>,
        id: ProposalId,
        state: ProposalState,
    ) -> Applied {
        let it = self.proposals.get_mut(&id.0).filter(|it| by.may_see(&it.customer));
        let it = it.ok_or(Refusal::Unknown)?;
        let mut version = it.version;
        let done = next(&mut version, seen, id)?;
        if !it.is_open() {
            return Err(Refusal::Conflict { why: "it was decided already".to_owned() });
        }
        (it.version, it.state) = (version, state);
        Ok(done)
    }

    fn call(
        &mut self,
        by: &Actor,
        seen: Option<u64>,
        id: CallId,
        change: impl FnOnce(&mut Call),
    ) -> Applied {
        let it = self.calls.get_mut(&id.0).filter(|it| by.may_see(&it.customer));
        let it = it.ok_or(Refusal::Unknown)?;
        let done = next(&mut it.version, seen, id)?;
        change(it);
        Ok(done)
    }

    fn window(
        &mut self,
        by: &Actor,
        seen: Option<u64>,
        key: &OccurrenceKey,
        change: impl FnOnce(&mut WindowView),
    ) -> Applied {
        let it = self.windows.get_mut(key).filter(|it| by.may_see(&it.occurrence.customer));
        let it = it.ok_or(Refusal::Unknown)?;
        let id = crate::api::forms::duty::key_text(key);
        let done = next(&mut it.occurrence.version, seen, id)?;
        change(it);
        Ok(done)
    }
}

fn gone<T>(map: &mut BTreeMap<u64, T>, id: NoteId) -> Applied {
    map.remove(&id.0).map(|_| (id.to_string(), 0)).ok_or(Refusal::Unknown)
}
