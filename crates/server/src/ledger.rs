//! What the console's interface reads: committed rows, and what the desk and the board know.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use console::api::{
    self, AlertFilter, AlertsShown, Answering, CallFilter, CallsShown, CheckableView, Consequence,
    Customers, Cut, EventPiece, LedgerFault, OnDuty, Page, ProblemFilter, ProblemsShown,
    ProposalFilter, ProposalsShown, Read, Story, StoryFilter, Supposition, WindowFilter,
    WindowView, WouldAsk, WouldTell,
};
use crossbeam_channel::Sender;
use engine::desk::{Desk, Foreseen, Hypothesis, WindowSeen};
use model::{
    Alert, AlertKey, Call, CallId, Command, Decision, DecisionId, Event, EventId, Moment, NoteId,
    OccurrenceKey, Override, Passage, Problem, ProblemId, Proposal, ProposalId, Reply, Request,
    Silence, Span, StateType, Token,
};
use store::{ReadError, Reader};
use tokio::sync::oneshot;

use crate::{
    clock::Clock,
    desk::{Look, ToDesk},
    schedules,
};

/// How long the desk may take to show something.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// Connections for reading that are kept for the next one.
const READERS_KEPT_MAX: usize = 8;
/// How long a supposed state is supposed to last: every ladder has come to its end by then.
const SUPPOSED_FOR: Duration = Duration::from_secs(24 * 3_600);
/// Notes of one kind that are read at once.
const NOTES_READ_MAX: usize = 10_000;

/// The way from the console to store and desk.
pub(crate) struct Ledger {
    clock: Clock,
    folder: PathBuf,
    desk: Sender<ToDesk>,
    idle: Mutex<Vec<Reader>>,
}

impl Ledger {
    pub(crate) fn new(clock: Clock, folder: &Path, desk: Sender<ToDesk>) -> Self {
        Self { clock, folder: folder.to_owned(), desk, idle: Mutex::default() }
    }

    /// Reads with a connection of one's own; one that has failed is not used again.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Reader) -> Result<T, ReadError>) -> Read<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let unreadable = |it: ReadError| {
            let source = std::error::Error::source(&it).map(ToString::to_string);
            tracing::warn!(error = %it, source, "the store could not be read");
            LedgerFault::Unreadable(it.to_string())
        };
        let kept = idle().pop();
        let reader = match kept {
            Some(reader) => reader,
            None => Reader::open(&self.folder).map_err(unreadable)?,
        };
        let found = read(&reader).map_err(unreadable)?;
        let mut idle = idle();
        if idle.len() < READERS_KEPT_MAX {
            idle.push(reader);
        }
        Ok(found)
    }

    /// Has the desk show something.
    pub(crate) fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Desk) -> T + Send + 'static,
    ) -> Read<T> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        let message = ToDesk::Look(Look(Box::new(move |desk| drop(answer.send(look(desk))))));
        let busy = |_| LedgerFault::Unreadable("the desk does not answer".to_owned());
        self.desk.send_timeout(message, LOOK_WITHIN).map_err(|_| busy(()))?;
        answered.recv_timeout(LOOK_WITHIN).map_err(|_| busy(()))
    }

    /// The engine's time.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// All tokens there are.
    pub(crate) fn all_tokens(&self) -> Read<Vec<Token>> {
        self.with(|it| it.tokens(None, NOTES_READ_MAX))
    }

    /// The last event that is kept.
    pub(crate) fn last_event(&self) -> Read<EventId> {
        self.with(Reader::event_last)
    }
}

/// What a cursor says: the place of the last item of the part before.
pub(crate) fn place(cut: &Cut) -> Read<Option<u64>> {
    let Some(cursor) = &cut.cursor else { return Ok(None) };
    cursor.parse().map(Some).map_err(|_| LedgerFault::Cursor)
}

/// A part of a list; one more than wanted was read, to know whether that is all.
pub(crate) fn page<T>(mut items: Vec<T>, cut: &Cut, place: impl Fn(&T) -> u64) -> Page<T> {
    let more = items.len() > cut.limit;
    items.truncate(cut.limit);
    let next = items.last().filter(|_| more).map(|it| place(it).to_string());
    Page { items, next }
}

impl api::Ledger for Ledger {
    fn problems(&self, filter: &ProblemFilter) -> Read<Page<Problem>> {
        let which = store::ProblemFilter {
            customers: filter.customers.as_deref(),
            open: match filter.which {
                ProblemsShown::Open => Some(true),
                ProblemsShown::Recent => Some(false),
                ProblemsShown::All => None,
            },
            severity_min: filter.at_least,
            search: filter.text.as_deref(),
            before: place(&filter.cut)?,
            ..store::ProblemFilter::default()
        };
        let items = self.with(|it| it.problems(&which, filter.cut.limit + 1))?;
        Ok(page(items, &filter.cut, |it| it.id.0))
    }

    fn problem(&self, id: ProblemId) -> Read<Option<Problem>> {
        self.with(|it| it.problem(id, None))
    }

    fn proposals(&self, filter: &ProposalFilter) -> Read<Page<Proposal>> {
        let open = matches!(filter.which, ProposalsShown::Open | ProposalsShown::Snoozed);
        let mut before = place(&filter.cut)?;
        let mut found = Vec::new();
        // What is snoozed, or decided, is told apart after reading; so parts are read until one is
        // full or there are no more.
        loop {
            let which = store::ProposalFilter {
                customers: filter.customers.as_deref(),
                state: open.then_some("open"),
                before,
                ..store::ProposalFilter::default()
            };
            let limit = filter.cut.limit + 1;
            let part = self.with(|it| it.proposals(&which, limit))?;
            let is_last = part.len() < limit;
            before = part.last().map(|it| it.id.0);
            found.extend(part.into_iter().filter(|it| is_shown(it, filter)));
            if is_last || found.len() >= limit {
                return Ok(page(found, &filter.cut, |it| it.id.0));
            }
        }
    }

    fn proposal(&self, id: ProposalId) -> Read<Option<Proposal>> {
        self.with(|it| it.proposal(id, None))
    }

    fn calls(&self, filter: &CallFilter) -> Read<Page<Call>> {
        let which = store::CallFilter {
            customers: filter.customers.as_deref(),
            open: matches!(filter.which, CallsShown::Live).then_some(true),
            state: match filter.which {
                CallsShown::State(word) => Some(word),
                _ => None,
            },
            assignee: filter.assignee.as_deref(),
            before: place(&filter.cut)?,
            ..store::CallFilter::default()
        };
        let items = self.with(|it| it.calls(&which, filter.cut.limit + 1))?;
        Ok(page(items, &filter.cut, |it| it.id.0))
    }

    fn call(&self, id: CallId) -> Read<Option<Call>> {
        self.with(|it| it.call(id, None))
    }

    fn silences(&self) -> Read<Vec<Silence>> {
        let now = self.clock.now();
        self.with(|it| it.silences(None, now, NOTES_READ_MAX))
    }

    fn silence(&self, id: NoteId) -> Read<Option<Silence>> {
        Ok(self.silences()?.into_iter().find(|it| it.id == id))
    }

    fn windows(&self, filter: &WindowFilter) -> Read<Page<WindowView>> {
        let (within, customers) = (filter.within, filter.customers.clone());
        let after = usize::try_from(place(&filter.cut)?.unwrap_or(0)).unwrap_or(usize::MAX);
        // One more than wanted, to know whether that is all.
        let wanted = after..after.saturating_add(filter.cut.limit).saturating_add(1);
        let seen =
            self.look(move |desk| desk.windows_within(within, customers.as_deref(), wanted))?;
        let more = seen.len() > filter.cut.limit;
        let items: Vec<_> = seen.into_iter().take(filter.cut.limit).map(view).collect();
        let next = more.then(|| after.saturating_add(items.len()).to_string());
        Ok(Page { items, next })
    }

    fn window(&self, key: &OccurrenceKey) -> Read<Option<WindowView>> {
        let key = key.clone();
        Ok(self.look(move |desk| desk.window(&key))?.map(view))
    }

    fn on_duty(&self, at: Moment) -> Read<Vec<OnDuty>> {
        let seen = self.look(move |desk| desk.on_duty(at))?;
        let on_duty = |it: engine::desk::DutySeen| OnDuty {
            oncall: it.oncall,
            people: it.people,
            until: it.until,
            by_override: it.by_override,
        };
        Ok(seen.into_iter().map(on_duty).collect())
    }

    fn overrides(&self) -> Read<Vec<Override>> {
        let now = self.clock.now();
        self.with(|it| it.overrides(now, NOTES_READ_MAX))
    }

    fn alerts(&self, filter: &AlertFilter) -> Read<Page<Alert>> {
        let which = store::AlertFilter {
            customers: filter.customers.as_deref(),
            problem: filter.problem,
            state: match filter.which {
                AlertsShown::Waiting => Some("waiting"),
                AlertsShown::Dead => Some("dead"),
                AlertsShown::All => None,
            },
            before: place(&filter.cut)?,
            ..store::AlertFilter::default()
        };
        let items = self.with(|it| it.alerts(&which, filter.cut.limit + 1))?;
        let page = page(items, &filter.cut, |it| it.place);
        Ok(Page { items: page.items.into_iter().map(|it| it.alert).collect(), next: page.next })
    }

    fn alert(&self, key: AlertKey) -> Read<Option<Alert>> {
        self.with(|it| it.alert(key, None))
    }

    fn tokens(&self) -> Read<Vec<Token>> {
        self.all_tokens()
    }

    fn story(&self, filter: &StoryFilter) -> Read<Option<Story>> {
        let name = filter.name.clone();
        let known =
            self.look(move |desk| desk.subject(&name).map(|it| desk.customer(&it.subject)))?;
        let which = store::DecisionFilter {
            name: Some(&filter.name),
            until: filter.at,
            ..store::DecisionFilter::default()
        };
        let decisions = self.with(|it| it.decisions(&which, filter.limit))?;
        let customer = known.or_else(|| decisions.first().map(|it| Arc::clone(&it.customer)));
        let Some(customer) = customer else { return Ok(None) };
        let until = filter
            .at
            .map_or(Moment::from_nanos(i64::MAX as u64), |it| it.after(Duration::from_nanos(1)));
        let span = Span { from: Moment::ZERO, until };
        let past = self.with(|it| it.history(&filter.name, span, filter.limit))?;
        let transitions = past.into_iter().map(|it| Passage {
            at: it.at,
            status: it.to.status,
            hard: it.to.kind == StateType::Hard,
            text: it.cause.map(|it| Arc::from(it.to_string())).unwrap_or_default(),
        });
        Ok(Some(Story { customer, decisions, transitions: transitions.collect() }))
    }

    fn suppose(&self, what: &Supposition) -> Read<Option<Consequence>> {
        let (name, status, at) = (Arc::from(what.name.as_str()), what.status, what.at);
        let silent = Hypothesis::of_one(Arc::clone(&name), status, at, SUPPOSED_FOR);
        self.look(move |desk| {
            let customer = desk.subject(&name).map(|it| desk.customer(&it.subject))?;
            let expected = desk.suppose(&silent)?;
            let with = |answer: bool| {
                let it = Hypothesis { answer: Some(answer), ..silent.clone() };
                desk.suppose(&it).map_or_else(Vec::new, |it| would_tell(&it.told))
            };
            let asked = expected.asked.iter().map(|it| WouldAsk {
                asked: would_tell(std::slice::from_ref(&it.asked)).remove(0),
                until: it.until,
                silence_means_blocking: it.silence_means_blocking,
                if_blocking: with(true),
                if_can_wait: with(false),
            });
            let told = would_tell(&expected.told);
            let (proposed_at, called_at) = (expected.proposed_at, expected.called_at);
            let asked = asked.collect();
            let decisions = supposed(expected.decisions);
            Some(Consequence { customer, decisions, told, asked, proposed_at, called_at })
        })
    }

    fn events(&self, after: EventId, customers: &Customers, limit: usize) -> Read<EventPiece> {
        let last = self.last_event()?;
        let which = store::EventFilter {
            customers: customers.as_deref(),
            after: Some(after.0),
            ..store::EventFilter::default()
        };
        let items: Vec<Event> = self.with(|it| it.events(&which, limit))?;
        let is_all = items.len() < limit;
        let read_to = match items.last() {
            Some(it) if !is_all => it.id,
            _ => last.max(after),
        };
        Ok(EventPiece { items, read_to })
    }

    fn checkable(&self, name: &str) -> Read<Option<CheckableView>> {
        let wanted: Arc<str> = Arc::from(name);
        let seen = self.look(move |desk| {
            let it = desk.subject(&wanted)?;
            let customer = desk.customer(&it.subject);
            Some((it, customer))
        })?;
        let Some((seen, customer)) = seen else { return Ok(None) };
        let labels = seen.subject.labels.iter();
        let belief = self.with(|it| it.belief(name))?;
        Ok(Some(CheckableView {
            name: Arc::clone(&seen.subject.name),
            customer,
            labels: labels.map(|it| (Arc::clone(&it.0), Arc::clone(&it.1))).collect(),
            belief,
            problem: seen.problem,
            policy: seen.policy,
            contract: seen.contract,
        }))
    }
}

fn is_shown(proposal: &Proposal, filter: &ProposalFilter) -> bool {
    let snoozed = proposal.snoozed_until.is_some_and(|it| it > filter.now);
    match filter.which {
        ProposalsShown::Open => !snoozed,
        ProposalsShown::Snoozed => snoozed,
        ProposalsShown::Decided => !proposal.is_open(),
        ProposalsShown::All => true,
    }
}

/// Decisions of a story that never happened have no ids.
fn supposed(mut decisions: Vec<Decision>) -> Vec<Decision> {
    for it in &mut decisions {
        (it.id, it.problem) = (DecisionId(0), ProblemId(0));
    }
    decisions
}

fn would_tell(told: &[Foreseen]) -> Vec<WouldTell> {
    let one = |it: &Foreseen| WouldTell {
        at: it.at,
        contact: Arc::clone(&it.route.contact),
        channel: Arc::clone(&it.route.channel),
        rule: Some(Arc::clone(&it.rule)),
    };
    told.iter().map(one).collect()
}

fn view(it: WindowSeen) -> WindowView {
    WindowView {
        occurrence: it.occurrence,
        effect: it.effect,
        scope: it.scope,
        sla_counts: it.sla_counts,
        flexible: it.flexible,
        impact: it.impact,
        contact: it.contact,
        rule: it.rule,
    }
}

/// The way from the console to the desk.
pub(crate) struct Counter {
    pub(crate) desk: Sender<ToDesk>,
    pub(crate) ledger: Arc<Ledger>,
}

impl api::Desk for Counter {
    fn ask(&self, request: Request) -> Answering<'_> {
        Box::pin(async move {
            let (reply, answered) = oneshot::channel();
            let (desk, ledger) = (self.desk.clone(), Arc::clone(&self.ledger));
            let sent = tokio::task::spawn_blocking(move || {
                let request = match schedules::checked(request, &ledger) {
                    Ok(request) => request,
                    // Whoever asked may have gone away meanwhile.
                    Err(refusal) => return reply.send(Reply::Refused(refusal)).is_ok(),
                };
                let message = match &request.command {
                    Command::Redeliver { alert } => {
                        let alert = ledger.with(|it| it.alert(*alert, None)).ok().flatten();
                        let request = Box::new(request);
                        ToDesk::Redeliver { request, alert: alert.map(Box::new), reply }
                    }
                    _ => ToDesk::Ask { request: Box::new(request), reply },
                };
                desk.send_timeout(message, LOOK_WITHIN).is_ok()
            });
            if !sent.await.unwrap_or(false) {
                return None;
            }
            answered.await.ok()
        })
    }
}
