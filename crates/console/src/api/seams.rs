//! What the interface needs of the rest of the engine, as traits.
//!
//! The console knows neither the store nor the engine: whoever wires the program together hands
//! these in. Reads see committed rows alone; the one way to change something is to ask the desk.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use model::{
    Alert, AlertKey, Belief, Call, CallId, Decision, Event, EventId, Moment, NoteId, Occurrence,
    OccurrenceKey, Override, Passage, Problem, ProblemId, Proposal, ProposalId, Reply, Request,
    Scope, Severity, Silence, Span, Status, Token, WindowEffect,
};

/// Whose objects are meant: `None` for everybody's, our own included.
pub type Customers = Option<Vec<Arc<str>>>;

/// Which part of a long list is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What [`Page::next`] of the part before said; `None` for the first part.
    pub cursor: Option<String>,
    /// Most items.
    pub limit: usize,
}

/// One part of a long list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// Where the next part begins; `None` after the last one. Opaque to whoever asks.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list of which this is all.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Why the ledger gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// The cursor is not one that this ledger has given out.
    #[error("not a cursor of this list")]
    Cursor,
    /// The store cannot be read now.
    #[error("the store cannot be read: {0}")]
    Unreadable(String),
}

/// What a question to the ledger ends with.
pub type Read<T> = Result<T, LedgerFault>;

/// Which problems are meant; newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct ProblemFilter {
    /// Whose.
    pub customers: Customers,
    /// Open ones, or those that ended lately.
    pub which: ProblemsShown,
    /// At least this bad.
    pub at_least: Option<Severity>,
    /// Whose name has this in it, in whatever case.
    pub text: Option<String>,
    /// Which part.
    pub cut: Cut,
}

/// Which problems a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemsShown {
    /// Those that are there.
    Open,
    /// Those that have ended.
    Recent,
    /// Both.
    All,
}

/// Which proposals are meant; newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct ProposalFilter {
    /// Whose.
    pub customers: Customers,
    /// Open or not.
    pub which: ProposalsShown,
    /// The time by which it is judged what is snoozed.
    pub now: Moment,
    /// Which part.
    pub cut: Cut,
}

/// Which proposals a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalsShown {
    /// Those that wait for a dispatcher now.
    Open,
    /// Those that wait, but are not to be shown yet.
    Snoozed,
    /// Those on which something was decided.
    Decided,
    /// All of them.
    All,
}

/// Which calls are meant; newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct CallFilter {
    /// Whose.
    pub customers: Customers,
    /// In which state.
    pub which: CallsShown,
    /// Who has them; a person's id.
    pub assignee: Option<String>,
    /// Which part.
    pub cut: Cut,
}

/// Which calls a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallsShown {
    /// All that are not closed.
    Live,
    /// Those in the state with this word, as [`model::CallState::word`] has it.
    State(&'static str),
    /// All of them.
    All,
}

/// Which alerts are meant; the longest owed first.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertFilter {
    /// Whose.
    pub customers: Customers,
    /// Which.
    pub which: AlertsShown,
    /// About which problem.
    pub problem: Option<ProblemId>,
    /// Which part.
    pub cut: Cut,
}

/// Which alerts a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertsShown {
    /// Those that are owed.
    Waiting,
    /// Those that were given up.
    Dead,
    /// All of them.
    All,
}

/// Which occurrences of windows are meant; by begin.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowFilter {
    /// Whose.
    pub customers: Customers,
    /// Those that touch this.
    pub within: Span,
    /// Which part.
    pub cut: Cut,
}

/// An occurrence of a window with what its rule says.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowView {
    /// When it is and what came of it. One that was never touched has version 0.
    pub occurrence: Occurrence,
    /// What it does.
    pub effect: WindowEffect,
    /// For what.
    pub scope: Scope,
    /// Does the time count for the clocks of calls?
    pub sla_counts: bool,
    /// It begins with the first bad news and then lasts so long.
    pub flexible: Option<Duration>,
    /// What the customer will notice.
    pub impact: Arc<str>,
    /// Whom to ask.
    pub contact: Arc<str>,
    /// Where its rule was written; `None` for one that was planned at run time.
    pub rule: Option<Arc<str>>,
}

/// Who has a duty at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDuty {
    /// Name of the rotation.
    pub oncall: Arc<str>,
    /// People's ids; empty in a gap.
    pub people: Vec<Arc<str>>,
    /// Until when, as far as is known.
    pub until: Option<Moment>,
    /// The override that made it so.
    pub by_override: Option<NoteId>,
}

/// What is known about decisions on one host, service or site.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// Whose it is; empty for our own.
    pub customer: Arc<str>,
    /// Newest first.
    pub decisions: Vec<Decision>,
    /// Believed changes, newest first.
    pub transitions: Vec<Passage>,
}

/// Which part of a [`Story`] is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryFilter {
    /// Full name, or as [`model::About::name`] has it.
    pub name: String,
    /// What had happened at this moment; `None`: at the last one.
    pub at: Option<Moment>,
    /// Most decisions, and most transitions.
    pub limit: usize,
}

/// What somebody supposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supposition {
    /// Full name of a host or service.
    pub name: String,
    /// What would be believed of it.
    pub status: Status,
    /// When.
    pub at: Moment,
}

/// What would come of a [`Supposition`].
#[derive(Clone, Debug, PartialEq)]
pub struct Consequence {
    /// Whose it is.
    pub customer: Arc<str>,
    /// What would be decided, in order.
    pub decisions: Vec<Decision>,
    /// Who would be told, in order of time, if nobody answers a question.
    pub told: Vec<WouldTell>,
    /// Which duty leads would be asked whether it blocks the customer.
    pub asked: Vec<WouldAsk>,
    /// When it would be proposed.
    pub proposed_at: Option<Moment>,
    /// When it would become a call by itself.
    pub called_at: Option<Moment>,
}

/// A question to a duty lead, and what would follow from the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldAsk {
    /// Who is asked, and when.
    pub asked: WouldTell,
    /// Until when an answer is waited for.
    pub until: Moment,
    /// Does it count as blocking if none comes?
    pub silence_means_blocking: bool,
    /// Who would be told if the answer is that it blocks the customer.
    pub if_blocking: Vec<WouldTell>,
    /// Who would be told if the answer is that it can wait.
    pub if_can_wait: Vec<WouldTell>,
}

/// Somebody who would be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldTell {
    /// When.
    pub at: Moment,
    /// A person's id, or `*` for a place for all.
    pub contact: Arc<str>,
    /// By which channel.
    pub channel: Arc<str>,
    /// Where the rule was written.
    pub rule: Option<Arc<str>>,
}

/// What is known of a host or service.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckableView {
    /// Full name.
    pub name: Arc<str>,
    /// Whose.
    pub customer: Arc<str>,
    /// All labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// What is believed; `None` if nothing is yet.
    pub belief: Option<Belief>,
    /// Its open problem.
    pub problem: Option<ProblemId>,
    /// The policy it follows.
    pub policy: Option<Arc<str>>,
    /// The contract it stands under.
    pub contract: Option<Arc<str>>,
}

/// A piece of the one stream of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPiece {
    /// Oldest first; only of the customers that were asked for.
    pub items: Vec<Event>,
    /// Everything up to here was looked at, so the next piece begins behind it.
    pub read_to: EventId,
}

/// What the interface reads: committed rows, the configuration, what is believed.
///
/// Called on threads for blocking work. A list keeps to the customers of its filter; single
/// objects are given whoever asks, and the interface itself holds back what is not theirs.
pub trait Ledger: Send + Sync + 'static {
    /// A list of problems.
    ///
    /// # Errors
    /// The store cannot be read, or the cursor is none. So for all of these.
    fn problems(&self, filter: &ProblemFilter) -> Read<Page<Problem>>;
    /// One problem.
    fn problem(&self, id: ProblemId) -> Read<Option<Problem>>;
    /// A list of proposals.
    fn proposals(&self, filter: &ProposalFilter) -> Read<Page<Proposal>>;
    /// One proposal.
    fn proposal(&self, id: ProposalId) -> Read<Option<Proposal>>;
    /// A list of calls.
    fn calls(&self, filter: &CallFilter) -> Read<Page<Call>>;
    /// One call.
    fn call(&self, id: CallId) -> Read<Option<Call>>;
    /// All silences that have not ended.
    fn silences(&self) -> Read<Vec<Silence>>;
    /// One silence.
    fn silence(&self, id: NoteId) -> Read<Option<Silence>>;
    /// A list of occurrences of windows.
    fn windows(&self, filter: &WindowFilter) -> Read<Page<WindowView>>;
    /// One occurrence of a window.
    fn window(&self, key: &OccurrenceKey) -> Read<Option<WindowView>>;
    /// Who has which duty.
    fn on_duty(&self, at: Moment) -> Read<Vec<OnDuty>>;
    /// All overrides that have not ended.
    fn overrides(&self) -> Read<Vec<Override>>;
    /// A list of alerts.
    fn alerts(&self, filter: &AlertFilter) -> Read<Page<Alert>>;
    /// One alert.
    fn alert(&self, key: AlertKey) -> Read<Option<Alert>>;
    /// All tokens that are kept, those that were taken back too.
    fn tokens(&self) -> Read<Vec<Token>>;
    /// What was decided about a name; `None` if nobody knows the name.
    fn story(&self, filter: &StoryFilter) -> Read<Option<Story>>;
    /// What would come of a supposition; `None` if nobody knows the name.
    fn suppose(&self, what: &Supposition) -> Read<Option<Consequence>>;
    /// At most `limit` events behind `after`, of `customers`.
    fn events(&self, after: EventId, customers: &Customers, limit: usize) -> Read<EventPiece>;
    /// A host or service.
    fn checkable(&self, name: &str) -> Read<Option<CheckableView>>;
}

/// An answer of the desk on its way; `None` if the engine is stopping.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Option<Reply>> + Send + 'a>>;

/// Where changes are asked for. The answer comes once the change is committed.
pub trait Desk: Send + Sync + 'static {
    /// Asks.
    fn ask(&self, request: Request) -> Answering<'_>;
}
