//! The nouns of Campanile. Plain data: no clock, no socket, no thread, no serialisation.
//!
//! Read this crate first: every other crate is a verb over these types. A type lives here once two
//! crates below `server` need it, and no sooner.

mod alert;
mod belief;
mod case;
mod cause;
mod check;
mod command;
mod duty;
mod figures;
mod hash;
mod hours;
mod job;
mod kind;
mod message;
mod plan;
mod problem;
mod recipe;
mod result;
mod secret;
mod slot;
mod status;
mod threshold;
mod time;
mod words;

pub use alert::{
    Alert, AlertKey, AlertKind, AlertState, Content, Delivery, Member, WithdrawReason,
};
pub use belief::{Age, Belief, Look, ThresholdMemory, Transition};
pub use case::{
    Call, CallId, CallState, Candidate, Condition, DismissReason, Evidence, Message, MessageKind,
    Proposal, ProposalId, ProposalState, SlaClock, Wait,
};
pub use cause::{CAUSE_TEXT_BYTES_MAX, Cause, CauseCode, Owner};
pub use check::{Check, Flapping, Profile};
pub use command::{
    Command, Decision, DecisionId, Event, EventId, EventKind, GatePassed, NoteId, Occurrence,
    OccurrenceKey, Override, PlannedWindow, Refusal, Reply, Request, Row, Silence, Token,
    TokenScope, VerdictOfDesk, WindowReport,
};
pub use duty::{
    Channel, Contract, Customer, Duty, Heartbeat, HelpLevel, MatchOp, Matcher, NightGate, Oncall,
    Pauses, Person, Policy, Rate, RuleAt, Scope, Site, SlaStart, Step, Subject, Target, Team,
    Times, Uplink, WaitSet, Window, WindowEffect,
};
pub use figures::{IntakeFigures, JobFigures};
pub use hash::stable_hash;
pub use hours::{Hours, Span};
pub use job::{
    After, DateOrder, Due, Hears, Intake, Intakes, Job, JobKind, JobMemory, Limits, MailOp,
    MailPart, MailRule, MailTest, Nominal, Objects, OnHoliday, Pause, Reporting, Schedule, Trust,
    Way,
};
pub use kind::{
    ChannelKind, ChannelSpec, Form, Kind, KindId, KindSpec, MeasureSpec, ParamFault, ParamSpec,
    Params, Unit, Value,
};
pub use message::{FromShard, Position, ToShard};
pub use plan::{Asked, CheckableRef, EngineSettings, Host, Labels, Plan, Service};
pub use problem::{
    About, Acknowledgement, Actor, Ending, Gate, Ladder, Passage, Problem, ProblemId, Route,
    Severity, Told,
};
pub use recipe::{Begin, LocalTime, Recurrence, Rotation, RotationLayer, Shift, Turn, WeekHours};
pub use result::{CheckResult, Measure, Measured, Reading, RunId, SkipReason};
pub use secret::Secret;
pub use slot::{
    Class, Entry, Heard, IntakeState, MailKey, Outcome, Proof, Report, ReportId, Says, Slot,
    SlotKey, Standing, TimeSource,
};
pub use status::{StateType, Status, Verdict};
pub use threshold::{Level, Rule, Test};
pub use time::{Moment, Offset, Period, SpanOfWeek, TimeZone};

/// Names one checkable (a host or a service, whatever has a state) for the life of the process.
///
/// Dense, so shards can use plain arrays: `id % shards` is the shard, `id / shards` the place in
/// it. A reload keeps the id of every name that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckableId(pub u32);

impl CheckableId {
    /// The id of place `local` in shard `shard` of `shards`.
    #[must_use]
    pub fn at(shard: u32, shards: u32, local: u32) -> Self {
        debug_assert!(shard < shards, "a shard number is below the number of shards");
        Self(local * shards + shard)
    }

    /// The shard that owns it.
    #[must_use]
    pub fn shard(self, shards: u32) -> u32 {
        self.0 % shards
    }

    /// Its place in the arrays of its shard.
    #[must_use]
    pub fn local(self, shards: u32) -> usize {
        (self.0 / shards) as usize
    }
}
