//! What people ask of the desk, what it answers, and what it writes down.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Actor, Alert, AlertKey, Call, CallId, DismissReason, JobMemory, MailKey, MessageKind, Moment,
    Problem, ProblemId, Proposal, ProposalId, Report, ReportId, RuleAt, Scope, Severity, Slot,
    Span, Wait, WindowEffect, problem::ids, words::words,
};

ids! {
    /// Names a silence, a window that was planned at run time, an override of a rotation or a
    /// token: whatever people put up and take down again.
    NoteId;
    /// Place of an event in the one stream of them.
    EventId;
    /// Names a decision for ever.
    DecisionId;
}

/// Something that somebody asks of the desk.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Who asks.
    pub by: Actor,
    /// The version of the object that was seen; another one now means that the request is stale.
    pub version: Option<u64>,
    /// What a repeat of this request has in common with it; the desk then answers as before.
    pub repeat_key: Option<Arc<str>>,
    /// What is asked.
    pub command: Command,
}

/// What can be asked of the desk.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// I have seen it.
    Acknowledge {
        /// Which problem.
        problem: ProblemId,
        /// Why; may be empty.
        text: String,
        /// When it ends by itself.
        until: Option<Moment>,
        /// Does it outlive a change of severity?
        sticky: bool,
    },
    /// Takes an acknowledgement back.
    Unacknowledge {
        /// Of which problem.
        problem: ProblemId,
    },
    /// A note to a problem or proposal.
    Comment {
        /// To which problem.
        problem: ProblemId,
        /// What.
        text: String,
    },
    /// Nobody is told of what the scope names.
    Silence {
        /// What.
        scope: Scope,
        /// When.
        span: Span,
        /// Why.
        text: String,
    },
    /// Ends a silence.
    Unsilence {
        /// Which one.
        silence: NoteId,
    },
    /// Plans a window at run time.
    PlanWindow(PlannedWindow),
    /// Moves the end of an occurrence that runs or is to come.
    ExtendWindow {
        /// Which one.
        occurrence: OccurrenceKey,
        /// The new end.
        until: Moment,
        /// Why.
        text: String,
    },
    /// Ends an occurrence that runs, or cancels one that is to come.
    EndWindow {
        /// Which one.
        occurrence: OccurrenceKey,
        /// Why.
        text: String,
    },
    /// Makes a call of a proposal.
    Accept {
        /// Which one.
        proposal: ProposalId,
        /// Who is to do it; `None`: later.
        assignee: Option<Arc<str>>,
    },
    /// Makes a proposal a part of a call that is there.
    Merge {
        /// Which one.
        proposal: ProposalId,
        /// Into which call.
        call: CallId,
    },
    /// A proposal is not worth a call.
    Dismiss {
        /// Which one.
        proposal: ProposalId,
        /// Why.
        reason: DismissReason,
        /// In words; may be empty.
        text: String,
    },
    /// Shows a proposal again later.
    Snooze {
        /// Which one.
        proposal: ProposalId,
        /// When.
        until: Moment,
    },
    /// Opens a call without a proposal.
    OpenCall {
        /// Whose.
        customer: Arc<str>,
        /// For people, one line.
        title: String,
        /// How bad it is.
        severity: Severity,
        /// A closed call that it goes on with.
        refers_to: Option<CallId>,
    },
    /// Gives a call to somebody.
    Assign {
        /// Which one.
        call: CallId,
        /// To whom; a person's id.
        person: Arc<str>,
    },
    /// I work on it.
    Start {
        /// On which call.
        call: CallId,
    },
    /// Nothing can be done for now.
    Suspend {
        /// About which call.
        call: CallId,
        /// What it waits for.
        wait: Wait,
    },
    /// It goes on.
    Resume {
        /// Which call.
        call: CallId,
    },
    /// It is done.
    Close {
        /// Which call.
        call: CallId,
        /// What was done; may be empty.
        text: String,
    },
    /// A message or note in a call.
    Say {
        /// In which one.
        call: CallId,
        /// From whom to whom.
        kind: MessageKind,
        /// What.
        text: String,
    },
    /// The call blocks the customer: its clocks run day and night from now on.
    Block {
        /// Which one.
        call: CallId,
    },
    /// A duty lead's answer to whether a problem blocks the customer.
    JudgeBlocking {
        /// Which problem.
        problem: ProblemId,
        /// Does it?
        blocking: bool,
    },
    /// Somebody else has a duty for a while.
    Override {
        /// Name of the rotation.
        oncall: Arc<str>,
        /// Who; a person's id.
        person: Arc<str>,
        /// When.
        span: Span,
    },
    /// Takes an override back.
    EndOverride {
        /// Which one.
        id: NoteId,
    },
    /// Tries a dead alert again.
    Redeliver {
        /// Which one.
        alert: AlertKey,
    },
    /// Sends a test through a channel.
    TestChannel {
        /// Its name.
        channel: Arc<str>,
        /// To whom, if the channel reaches people.
        person: Option<Arc<str>>,
    },
    /// Lets somebody in.
    CreateToken(Token),
    /// Lets somebody in no longer.
    RevokeToken {
        /// Which one.
        id: NoteId,
    },
    /// A report that nobody has claimed is for this job.
    Claim {
        /// Which one.
        report: ReportId,
        /// Full name of the job.
        job: Arc<str>,
    },
    /// A report that nobody has claimed is for no job.
    Drop {
        /// Which one.
        report: ReportId,
    },
    /// A duty is done.
    Tick {
        /// Full name of the job.
        job: Arc<str>,
        /// What was done.
        text: String,
    },
    /// Nothing is expected of a job for a while.
    PauseJob {
        /// Full name of the job.
        job: Arc<str>,
        /// When it ends by itself.
        until: Option<Moment>,
        /// Why.
        text: String,
    },
    /// It is expected again.
    ResumeJob {
        /// Full name of the job.
        job: Arc<str>,
    },
    /// The runs of a job that was learned are expected by this schedule.
    AcceptSchedule {
        /// Full name of the job.
        job: Arc<str>,
        /// As it would be written in its file.
        schedule: Arc<str>,
    },
    /// Writes down that something was refused before it came to the desk.
    WriteDownRefusal {
        /// What was asked: method and path.
        what: String,
        /// Why it was refused.
        why: String,
    },
}

/// A window that was planned at run time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWindow {
    /// For people.
    pub name: Arc<str>,
    /// Whose; `None`: for all whom the scope names.
    pub customer: Option<Arc<str>>,
    /// When.
    pub span: Span,
    /// For what.
    pub scope: Scope,
    /// What it does.
    pub effect: WindowEffect,
    /// Does the time count for the clocks of calls?
    pub sla_counts: bool,
    /// It begins with the first bad news within the span and then lasts so long.
    pub flexible: Option<Duration>,
    /// How long before the customer is reminded.
    #[serde(default)]
    pub reminders: Vec<Duration>,
    /// What the customer will notice.
    pub impact: Arc<str>,
    /// Whom to ask.
    pub contact: Arc<str>,
}

impl PlannedWindow {
    /// Reminders of one window.
    pub const REMINDERS_MAX: usize = 8;

    /// When the customer is reminded if nothing else is said.
    pub const REMINDERS: [Duration; 2] = [Duration::from_hours(72), Duration::from_hours(1)];

    /// The name under which the one that got `id` is known: the folder makes it differ from
    /// whatever is written in a file.
    #[must_use]
    pub fn name_of(id: NoteId) -> Arc<str> {
        Arc::from(format!("planned/{id}"))
    }
}

/// Names one occurrence of a window for ever: the rule and the begin that was planned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OccurrenceKey {
    /// Name of the window.
    pub window: Arc<str>,
    /// When it was planned to begin.
    pub planned_from: Moment,
}

/// What differs from the rule in one occurrence of a window, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Which one.
    pub key: OccurrenceKey,
    /// Grows by one with every change.
    pub version: u64,
    /// Whose; empty for several customers'.
    pub customer: Arc<str>,
    /// When it really is. For a flexible one: while it is armed.
    pub span: Span,
    /// When a flexible one began.
    pub triggered_at: Option<Moment>,
    /// When a flexible one that has begun ends; it may be moved like the end of any other.
    #[serde(default)]
    pub ends_at: Option<Moment>,
    /// Was it cancelled before it began?
    pub cancelled: bool,
    /// Reminders that have been owed, in seconds before the begin.
    pub reminded: Vec<u64>,
    /// Has its begin been written down?
    pub begun: bool,
    /// What was found when it had ended.
    pub report: Option<WindowReport>,
}

/// What was found when a window had ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowReport {
    /// When it ended.
    pub ended_at: Moment,
    /// Was bad within it and is well again.
    pub recovered: Vec<Arc<str>>,
    /// Was well before and is bad now.
    pub still_bad: Vec<Arc<str>>,
    /// Was bad before and is well now.
    pub mended: Vec<Arc<str>>,
    /// How many checkables the scope holds.
    pub members: u32,
}

/// A silence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Its id.
    pub id: NoteId,
    /// Grows by one with every change.
    pub version: u64,
    /// Whose problems it is for; `None`: everybody's.
    pub customers: Option<Vec<Arc<str>>>,
    /// What.
    pub scope: Scope,
    /// When.
    pub span: Span,
    /// Who.
    pub by: Arc<str>,
    /// Why.
    pub text: String,
}

/// Somebody else has a duty for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its id.
    pub id: NoteId,
    /// Name of the rotation.
    pub oncall: Arc<str>,
    /// Who; a person's id.
    pub person: Arc<str>,
    /// When.
    pub span: Span,
    /// Who said so.
    pub by: Arc<str>,
}

/// A right to speak with the engine. The secret itself is kept by its holder alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id; 0 until the desk has given it one.
    pub id: NoteId,
    /// For people; also the name under which it acts.
    pub name: Arc<str>,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// What it may do.
    pub scopes: Vec<TokenScope>,
    /// Whose objects; `None`: everybody's.
    pub customers: Option<Vec<Arc<str>>>,
    /// When it was made.
    pub made_at: Moment,
    /// When it ends by itself.
    pub expires_at: Option<Moment>,
    /// When it was taken back.
    pub revoked_at: Option<Moment>,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenScope {
    /// Look at everything it may see.
    Read,
    /// Acknowledge, comment, silence.
    Ack,
    /// Proposals and calls.
    Dispatch,
    /// Windows.
    Maintenance,
    /// Overrides of rotations.
    Oncall,
    /// Tokens, tests of channels, dead alerts.
    Admin,
}

impl TokenScope {
    /// All of them, with their words.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Read, "read"),
        (Self::Ack, "ack"),
        (Self::Dispatch, "dispatch"),
        (Self::Maintenance, "maintenance"),
        (Self::Oncall, "oncall"),
        (Self::Admin, "admin"),
    ];
}

/// The desk's answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done {
        /// Id of what was made or changed, as text.
        id: String,
        /// Its version now; 0 if it has none.
        version: u64,
    },
    /// It is not done, and nothing has changed.
    Refused(Refusal),
}

/// Why the desk refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is none, or it is not for the eyes of whoever asks.
    Unknown,
    /// Somebody else was faster.
    Stale {
        /// The version now.
        version: u64,
        /// How it stands now, in words.
        now: String,
    },
    /// It cannot be done as things stand.
    Conflict {
        /// Why.
        why: String,
    },
    /// It makes no sense.
    Invalid {
        /// Why.
        why: String,
    },
    /// There is no room for more.
    Full {
        /// Of what.
        why: String,
    },
    /// Not now; the same may be asked again in a while.
    Busy {
        /// Why.
        why: String,
    },
}

/// Something that happened, for people and programs; also the record of who did what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its place.
    pub id: EventId,
    /// When.
    pub at: Moment,
    /// Whose; empty for our own.
    pub customer: Arc<str>,
    /// A closed set of words: `problem-opened`, `call-assigned`, ….
    pub kind: EventKind,
    /// Who did it; `engine` if nobody in particular.
    pub by: Arc<str>,
    /// What it is about, as people write it.
    pub name: String,
    /// Problem, proposal, call, note; 0 if about none.
    pub subject: u64,
    /// In words.
    pub text: String,
}

words! {
    /// What happened.
    pub enum EventKind {
        /// A problem was believed.
        ProblemOpened = "problem-opened",
        /// Its status or severity changed.
        ProblemChanged = "problem-changed",
        /// It ended.
        ProblemEnded = "problem-ended",
        /// Somebody has seen it.
        Acknowledged = "acknowledged",
        /// That was taken back, or its time was over.
        Unacknowledged = "unacknowledged",
        /// Somebody wrote a note.
        Commented = "commented",
        /// A silence was put up.
        Silenced = "silenced",
        /// It was taken down.
        Unsilenced = "unsilenced",
        /// A window was planned.
        WindowPlanned = "window-planned",
        /// It was moved, ended early or cancelled.
        WindowChanged = "window-changed",
        /// It began.
        WindowBegan = "window-began",
        /// It ended.
        WindowEnded = "window-ended",
        /// A proposal was made.
        Proposed = "proposed",
        /// Its cause came up again.
        ProposedAgain = "proposed-again",
        /// It became a call.
        ProposalAccepted = "proposal-accepted",
        /// It became a part of a call.
        ProposalMerged = "proposal-merged",
        /// It was not worth a call.
        ProposalDismissed = "proposal-dismissed",
        /// It is shown again later.
        ProposalSnoozed = "proposal-snoozed",
        /// Its cause was gone before anybody had touched it.
        ProposalWithdrawn = "proposal-withdrawn",
        /// There was no room for it.
        ProposalRefused = "proposal-refused",
        /// A call was opened.
        CallOpened = "call-opened",
        /// Somebody got it.
        CallAssigned = "call-assigned",
        /// Somebody works on it.
        CallStarted = "call-started",
        /// It waits.
        CallSuspended = "call-suspended",
        /// It goes on.
        CallResumed = "call-resumed",
        /// It may be closed.
        CallReady = "call-ready-to-close",
        /// It may not be closed after all.
        CallNotReady = "call-not-ready",
        /// It was closed.
        CallClosed = "call-closed",
        /// A message or note was added.
        CallMessage = "call-message",
        /// It blocks the customer.
        CallBlocking = "call-blocking",
        /// A promise is about to be missed.
        SlaWarned = "sla-warned",
        /// It was missed.
        SlaBreached = "sla-breached",
        /// Somebody else has a duty for a while.
        Overridden = "oncall-overridden",
        /// That was taken back.
        OverrideEnded = "oncall-override-ended",
        /// A duty lead judged whether a problem blocks the customer.
        BlockingJudged = "blocking-judged",
        /// An alert was given up.
        AlertDead = "alert-dead",
        /// A dead alert is tried again.
        AlertRedelivered = "alert-redelivered",
        /// A channel was tried out.
        ChannelTested = "channel-tested",
        /// Somebody was let in.
        TokenCreated = "token-created",
        /// Somebody is let in no longer.
        TokenRevoked = "token-revoked",
        /// A report came for which nobody is found.
        ReportUnclaimed = "report-unclaimed",
        /// A person has said for which job it is.
        ReportClaimed = "report-claimed",
        /// A person has put it away.
        ReportDropped = "report-dropped",
        /// A duty was ticked off.
        JobTicked = "job-ticked",
        /// A job was paused.
        JobPaused = "job-paused",
        /// It goes on.
        JobResumed = "job-resumed",
        /// A learned schedule was accepted.
        ScheduleAccepted = "schedule-accepted",
        /// Something was asked and refused.
        Refused = "refused",
    }
}

/// The stored chain of gates that led to telling somebody, or nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// When it was taken.
    pub at: Moment,
    /// About which problem; `ProblemId(0)` if none was opened.
    pub problem: ProblemId,
    /// What it is about: full name, or as [`crate::About::name`] has it.
    pub name: String,
    /// Whose; empty for our own.
    pub customer: Arc<str>,
    /// What made it necessary.
    pub trigger: String,
    /// All gates that were asked, in order; the last is the one that closed, if one did.
    pub gates: Vec<GatePassed>,
    /// What came of it.
    pub verdict: VerdictOfDesk,
}

/// One gate of a [`Decision`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePassed {
    /// A closed set of words: `state`, `flapping`, `parents`, `window`, `silence`, ….
    pub gate: Arc<str>,
    /// Is it open?
    pub open: bool,
    /// What it found.
    pub text: String,
    /// The rule that it applied.
    pub rule: Option<RuleAt>,
}

/// What came of a [`Decision`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum VerdictOfDesk {
    /// These alerts are owed.
    Told {
        /// Their keys.
        alerts: Vec<AlertKey>,
    },
    /// Nobody is told.
    Nobody {
        /// The gate that closed.
        reason: Arc<str>,
        /// When that is looked at again by itself.
        until: Option<Moment>,
    },
    /// Something else than telling: proposed, called, withdrawn.
    Done {
        /// What.
        what: String,
    },
}

/// One row that the desk wants kept. All rows that one input causes are kept together or not at
/// all; a row replaces the one with the same key.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// The next id of the desk's one sequence.
    NextId(u64),
    /// A problem.
    Problem(Box<Problem>),
    /// A proposal.
    Proposal(Box<Proposal>),
    /// A call.
    Call(Box<Call>),
    /// An alert.
    Alert(Box<Alert>),
    /// A silence.
    Silence(Box<Silence>),
    /// What differs in an occurrence of a window.
    Occurrence(Box<Occurrence>),
    /// A window that was planned at run time.
    Planned(NoteId, Box<PlannedWindow>),
    /// An override of a rotation.
    Override(Box<Override>),
    /// A token.
    Token(Box<Token>),
    /// A silence, planned window or override is not there any more.
    Gone(NoteId),
    /// An event; only ever added.
    Event(Box<Event>),
    /// A decision; only ever added.
    Decision(Box<Decision>),
    /// A slot of a job.
    Slot(Box<Slot>),
    /// A report.
    Report(Box<Report>),
    /// What makes a report the same as another one, and when it came.
    ReportKey([u8; 16], ReportId, Moment),
    /// A mail that is kept, as it came.
    Mail(MailKey, Moment, Arc<[u8]>),
    /// What is remembered of a job.
    JobMemory(Box<JobMemory>),
    /// How many mails came in this hour since 1970.
    MailHour(u64, u32),
    /// Where reading the mailbox of this name goes on, in its reader's own words.
    Cursor(Arc<str>, Arc<str>),
    /// A request was answered: repeat key, id and version of the answer.
    Answered(Arc<str>, Moment, String, u64),
}
