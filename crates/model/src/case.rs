//! Proposals and calls: what a dispatcher sees, takes and works on.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    About, HelpLevel, Measured, Moment, Passage, ProblemId, RuleAt, Severity, SlaStart,
    problem::ids,
};

ids! {
    /// Names a proposal for ever.
    ProposalId;
    /// Names a call for ever.
    CallId;
}

/// A call the engine would open if a dispatcher agrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub id: ProposalId,
    /// Grows by one with every change.
    pub version: u64,
    /// What it is about; at most one open proposal or call about the same.
    pub about: About,
    /// Whose; empty for our own.
    pub customer: Arc<str>,
    /// For people, one line.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// When the problem was believed.
    pub detected_at: Moment,
    /// When it was made.
    pub proposed_at: Moment,
    /// The problem behind it now.
    pub problem: ProblemId,
    /// How often its cause has come up.
    pub occurrences: u32,
    /// What speaks for it.
    pub evidence: Evidence,
    /// The help it seems to need.
    pub level: HelpLevel,
    /// Who could give it, best first, each with the reason; people's ids.
    pub candidates: Vec<Candidate>,
    /// The policy that made it.
    pub rule: Option<RuleAt>,
    /// Not shown again before this moment.
    pub snoozed_until: Option<Moment>,
    /// Has a person looked at it or done something with it? Then it is not withdrawn by itself.
    pub touched: bool,
    /// How it stands.
    pub state: ProposalState,
}

/// How a [`Proposal`] stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum ProposalState {
    /// Waits for a dispatcher.
    Open,
    /// Became a call.
    Accepted {
        /// Which one.
        call: CallId,
        /// Who accepted it; `engine` for a policy that did.
        by: Arc<str>,
        /// When.
        at: Moment,
    },
    /// Became a part of a call that was there.
    Merged {
        /// Which one.
        call: CallId,
        /// Who did it.
        by: Arc<str>,
        /// When.
        at: Moment,
    },
    /// Was not worth a call.
    Dismissed {
        /// Why.
        reason: DismissReason,
        /// In words; may be empty.
        text: String,
        /// Who did it.
        by: Arc<str>,
        /// When.
        at: Moment,
    },
    /// Its cause was gone before anybody had touched it.
    Withdrawn {
        /// When.
        at: Moment,
    },
}

impl Proposal {
    /// Does it wait for a dispatcher?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == ProposalState::Open
    }
}

/// Why a proposal was not worth a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DismissReason {
    /// Somebody is working there.
    HumanAtWork,
    /// It is known.
    Known,
    /// There was nothing.
    FalseAlarm,
    /// It was planned.
    Maintenance,
}

impl DismissReason {
    /// All of them, with their words.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::HumanAtWork, "human-at-work"),
        (Self::Known, "known"),
        (Self::FalseAlarm, "false-alarm"),
        (Self::Maintenance, "maintenance"),
    ];
}

/// What speaks for a proposal, as it was when it was made or last came up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The last steps, oldest first.
    pub timeline: Vec<Passage>,
    /// What the problem explains, by name; the first of them if there are very many.
    pub symptoms: Vec<Arc<str>>,
    /// How many there are in all.
    pub symptoms_count: u32,
    /// When all was last well.
    pub last_good: Option<Moment>,
    /// The words of the last look.
    pub text: Arc<str>,
    /// What else speaks for or against it, line by line.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What was measured when it changed last.
    #[serde(default)]
    pub values: Vec<Measured>,
    /// Closed calls about the same, newest first.
    pub similar: Vec<CallId>,
}

/// Somebody who could take a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// A person's id.
    pub person: Arc<str>,
    /// Why: `skill network 3, on duty, 2 open calls`.
    pub reason: String,
}

/// A case with SLA clocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// Grows by one with every change.
    pub version: u64,
    /// Whose.
    pub customer: Arc<str>,
    /// What it is about; `None` for one that a person opened about something else.
    pub about: Option<About>,
    /// For people, one line.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub state: CallState,
    /// Who has it; a person's id.
    pub assignee: Option<Arc<str>>,
    /// When the problem was believed, when it was proposed, when the call was opened.
    pub detected_at: Moment,
    /// See `detected_at`.
    pub proposed_at: Option<Moment>,
    /// See `detected_at`.
    pub opened_at: Moment,
    /// When it was closed.
    pub closed_at: Option<Moment>,
    /// The proposals it grew from.
    pub proposals: Vec<ProposalId>,
    /// The problems that belong to it.
    pub problems: Vec<ProblemId>,
    /// A closed call that this one goes on with.
    pub refers_to: Option<CallId>,
    /// The cause is gone, or what it waited for has happened: somebody may close it.
    pub ready_to_close: bool,
    /// Blocks the customer: its clocks run day and night since then.
    pub blocking_since: Option<Moment>,
    /// Name of the contract.
    pub contract: Option<Arc<str>>,
    /// From when its clocks run.
    pub starts: SlaStart,
    /// The clock that ends when somebody takes charge.
    pub respond: Option<SlaClock>,
    /// The clock that ends when it is closed.
    pub resolve: Option<SlaClock>,
    /// Messages and notes, oldest first.
    pub messages: Vec<Message>,
}

/// Where a [`Call`] stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum CallState {
    /// Nobody has it.
    Open,
    /// Somebody is to do it.
    Assigned,
    /// Somebody works on it.
    InProgress,
    /// Nothing can be done for now.
    Suspended {
        /// What it waits for.
        wait: Wait,
        /// Since when.
        since: Moment,
    },
    /// Done.
    Closed,
}

impl CallState {
    /// The word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Assigned => "assigned",
            Self::InProgress => "in-progress",
            Self::Suspended { .. } => "suspended",
            Self::Closed => "closed",
        }
    }
}

/// What a suspended call waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "for")]
pub enum Wait {
    /// A process has to end; `until` says how that is seen.
    Process {
        /// The condition on results to come.
        until: Condition,
    },
    /// Runs of a job have to go well: the next so many of its slots have to be kept in a row.
    Slots {
        /// Full name of the job.
        job: Arc<str>,
        /// How many.
        wanted: u32,
        /// How many have been.
        #[serde(default)]
        kept: u32,
    },
    /// The customer has to answer, or this moment to come.
    Customer {
        /// When it goes on by itself.
        until: Option<Moment>,
    },
    /// A supplier has to deliver, or this moment to come.
    Supplier {
        /// The supplier's own number for it.
        reference: String,
        /// When it goes on by itself.
        until: Option<Moment>,
    },
}

/// A condition on results to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Which host or service, by full name.
    pub name: Arc<str>,
    /// Every result must be fine for so long without a break, counted from the first one that comes
    /// after the wait began. Zero: the next result must be fine.
    pub fine_for: Duration,
    /// Since when they have been; what came before the wait began does not count.
    pub fine_since: Option<Moment>,
}

/// One promise about a call, as a clock that runs in business hours.
///
/// `spent` counts up to `counted_until`; what comes after follows from the calendar and whether
/// the clock stands still. So a change of contract or calendar never rewrites what has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaClock {
    /// Business time allowed.
    pub allowed: Duration,
    /// Business time spent before `counted_until`.
    pub spent: Duration,
    /// Until when `spent` is counted.
    pub counted_until: Moment,
    /// From when the clock runs.
    pub started_at: Moment,
    /// It stands still since.
    pub paused_since: Option<Moment>,
    /// What was promised has been done.
    pub met_at: Option<Moment>,
    /// When the allowed time runs out, if nothing changes; `None` while it stands still, is met,
    /// or that lies beyond what the calendar knows.
    pub due_at: Option<Moment>,
    /// Warnings that have been given, in percent.
    pub warned: Vec<u8>,
    /// When the allowed time ran out. Stays, whatever happens later.
    pub breached_at: Option<Moment>,
}

/// A message or note in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// When.
    pub at: Moment,
    /// Who.
    pub by: Arc<str>,
    /// From whom to whom.
    pub kind: MessageKind,
    /// What.
    pub text: String,
}

/// From whom to whom a [`Message`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// The customer wrote.
    FromCustomer,
    /// We wrote to the customer.
    ToCustomer,
    /// Among ourselves.
    Internal,
}
