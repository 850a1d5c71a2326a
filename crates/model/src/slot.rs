//! Slots and reports: the ledger of promised runs.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Moment, Nominal, problem::ids, words::words};

ids! {
    /// Names a report for ever; from the desk's one sequence.
    ReportId;
}

/// Names a slot for ever: the job, and when its run is expected to end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotKey {
    /// Full name of the job.
    pub job: Arc<str>,
    /// See [`crate::Nominal::at`].
    pub at: Moment,
}

/// One expected run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// Which one.
    pub key: SlotKey,
    /// Grows by one with every change.
    pub version: u64,
    /// Whose.
    pub customer: Arc<str>,
    /// When the run is expected to end; `nominal.at` is `key.at`.
    pub nominal: Nominal,
    /// From when on a report belongs to it.
    pub open: Moment,
    /// Until when a report is on time.
    pub due: Moment,
    /// From when on none belongs to it any more.
    pub close: Moment,
    /// How it stands.
    pub standing: Standing,
    /// Why, one line.
    pub why: String,
    /// When it came to stand so.
    pub judged_at: Option<Moment>,
    /// What its reports say, in the order of their own times.
    pub entries: Vec<Entry>,
    /// Reports for which there was no room.
    pub more: u32,
    /// When the run that decided ended, by its own words.
    pub ended_at: Option<Moment>,
    /// Bytes, as the report has it.
    pub size: Option<u64>,
    /// How long it took.
    pub duration: Option<Duration>,
    /// It failed before it went well.
    pub retried: bool,
    /// It stood otherwise at its due time; what came later has put that right.
    pub corrected: bool,
    /// How the run stands behind which this one is expected; `None`: behind none.
    #[serde(default)]
    pub parent: Option<Standing>,
}

/// What one report says for its slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which report.
    pub report: ReportId,
    /// When it came in.
    pub at: Moment,
    /// The time of its run.
    pub ran_at: Moment,
    /// What came of it.
    pub outcome: Outcome,
    /// It has proved itself; what has not may only raise alarm.
    #[serde(default)]
    pub proved: bool,
    /// Bytes.
    pub size: Option<u64>,
    /// How long it took.
    pub duration: Option<Duration>,
    /// What it says of each object.
    pub objects: Vec<(Arc<str>, Outcome)>,
    /// Pairs what belongs to one run.
    pub run: Option<Arc<str>>,
    /// The line that says it.
    pub text: Arc<str>,
}

words! {
    /// How a slot stands.
    pub enum Standing {
        /// It is not time yet.
        Open = "open",
        /// All went well, on time.
        Kept = "kept",
        /// All went well, before its time.
        Early = "early",
        /// All went well, after its time.
        Late = "late",
        /// It went well with warnings.
        Warning = "warning",
        /// A part of it went well.
        Partial = "partial",
        /// It did not go well.
        Failed = "failed",
        /// It began and did not end.
        TimedOut = "timed-out",
        /// Nothing was heard in time.
        Missing = "missing",
        /// It went well on time; only the word of it came late.
        MailLate = "mail-late",
        /// Something was heard that nobody understands.
        Unclassified = "unclassified",
        /// Planned maintenance.
        SkippedMaintenance = "skipped-maintenance",
        /// A day on which it does not run.
        SkippedHoliday = "skipped-holiday",
        /// It was paused.
        SkippedPaused = "skipped-paused",
        /// The job behind which it runs did not go well.
        SkippedParent = "skipped-parent",
        /// We were not listening, so nothing can be said.
        NotWatched = "not-watched",
    }
}

impl Standing {
    /// Did the run do what it promised, at whatever time?
    #[must_use]
    pub fn is_kept(self) -> bool {
        matches!(self, Self::Kept | Self::Early | Self::Late | Self::MailLate)
    }

    /// Was it not to be expected, or can nothing be said?
    #[must_use]
    pub fn is_void(self) -> bool {
        matches!(
            self,
            Self::SkippedMaintenance
                | Self::SkippedHoliday
                | Self::SkippedPaused
                | Self::SkippedParent
                | Self::NotWatched
        )
    }

    /// Is it something that people have to look at?
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(
            self,
            Self::Partial | Self::Failed | Self::TimedOut | Self::Missing | Self::Unclassified
        )
    }
}

words! {
    /// What one report says of a run, or of one of its objects.
    pub enum Outcome {
        /// It has begun.
        Started = "started",
        /// All went well.
        Ok = "ok",
        /// It went well with warnings.
        Warning = "warning",
        /// A part of it went well.
        Partial = "partial",
        /// It did not go well.
        Failed = "failed",
        /// Nobody understands what it says.
        Unclassified = "unclassified",
        /// It is understood, and is not about a run: housekeeping, a licence, a disk.
        Other = "other",
    }
}

impl Outcome {
    /// Does it say that a run is over?
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Started | Self::Other)
    }
}

/// What was heard, before anybody has said to which slot it belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Full name of the job it is for; `None`: nobody knows.
    pub job: Option<Arc<str>>,
    /// When it came in.
    pub at: Moment,
    /// By which intake; `ping`, `api` or the name of one.
    pub intake: Arc<str>,
    /// Who handed it over, for people and to compare: an address, or a token's name.
    pub peer: Arc<str>,
    /// Whom it says it is from; may be empty.
    pub from: Arc<str>,
    /// What it says.
    pub says: Says,
    /// What it has proved.
    pub proof: Proof,
    /// What makes it the same as another one, each on its own: hashes. At least one.
    pub keys: Vec<[u8; 16]>,
    /// Where the whole of it is kept.
    pub mail: Option<MailKey>,
}

/// What a report says of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Says {
    /// What came of it; `None` counts as [`Outcome::Unclassified`].
    pub outcome: Option<Outcome>,
    /// Which format or rule has read it: `veeam`, or the place of an own rule.
    pub read_by: Arc<str>,
    /// The subject, or the first line of a ping; bounded.
    pub title: Arc<str>,
    /// The line that says it, with a little around it; bounded, plain text.
    pub text: Arc<str>,
    /// The name of the job in the product's own words; may be empty.
    pub names: Arc<str>,
    /// When the run began, in the report's own words.
    pub began_at: Option<Moment>,
    /// When it ended, in the report's own words.
    pub ended_at: Option<Moment>,
    /// When it was sent, by its own words, if that can be believed.
    pub sent_at: Option<Moment>,
    /// Bytes.
    pub size: Option<u64>,
    /// How long it took.
    pub duration: Option<Duration>,
    /// What it says of each object.
    pub objects: Vec<(Arc<str>, Outcome)>,
    /// Pairs what belongs to one run: its begin and its end.
    pub run: Option<Arc<str>>,
    /// What failures of the same kind have in common; may be empty.
    pub signature: Arc<str>,
    /// What to do about it; may be empty.
    pub advice: Arc<str>,
}

/// What a report has proved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// It came to the job's secret address.
    pub token: bool,
    /// A relay that the job names has handed it over.
    pub relay: bool,
    /// The domain for which SPF passed.
    pub spf: Option<Arc<str>>,
    /// The domains that have signed it.
    pub dkim: Vec<Arc<str>>,
    /// A person vouches for it: its name.
    pub vouched: Option<Arc<str>>,
}

impl Proof {
    /// Is that all that `trust` asks for?
    #[must_use]
    pub fn satisfies(&self, trust: &crate::Trust) -> bool {
        let signed = |wanted: &Arc<str>| self.dkim.iter().any(|it| it.eq_ignore_ascii_case(wanted));
        let passed =
            |wanted: &Arc<str>| self.spf.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(wanted));
        self.vouched.is_some()
            || (!trust.token || self.token)
                && (trust.relays.is_empty() || self.relay)
                && trust.spf.as_ref().is_none_or(passed)
                && trust.dkim.as_ref().is_none_or(signed)
    }
}

/// Names a mail that is kept: the hash of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailKey(pub [u8; 32]);

/// A report: what was heard, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Its id.
    pub id: ReportId,
    /// Grows by one with every change.
    pub version: u64,
    /// Full name of its job; `None` while nobody has claimed it.
    pub job: Option<Arc<str>>,
    /// Whose; empty while nobody has claimed it.
    pub customer: Arc<str>,
    /// When it came in.
    pub at: Moment,
    /// The time of its run, which decides to which slot it belongs.
    pub ran_at: Moment,
    /// Where that is from.
    pub ran_by: TimeSource,
    /// By which intake.
    pub intake: Arc<str>,
    /// Who handed it over.
    pub peer: Arc<str>,
    /// Whom it says it is from.
    pub from: Arc<str>,
    /// What it says.
    pub says: Says,
    /// What it has proved.
    pub proof: Proof,
    /// What became of it.
    pub class: Class,
    /// Its slot.
    pub slot: Option<Moment>,
    /// Where the whole of it is kept.
    pub mail: Option<MailKey>,
}

/// Where the time of a run is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// The report's own words.
    Body,
    /// The header that says when it was sent.
    Sent,
    /// When it came in.
    Arrival,
}

words! {
    /// What became of a report. Each is of exactly one class.
    pub enum Class {
        /// It counts for its slot.
        Counted = "counted",
        /// The same was heard before.
        Duplicate = "duplicate",
        /// Its slot is closed: kept as evidence.
        Orphan = "orphan",
        /// No slot expects a run at its time.
        Unscheduled = "unscheduled",
        /// It says that all is well and cannot prove what the job asks for.
        Unproved = "unproved",
        /// It is not about a run.
        Aside = "aside",
        /// Nobody is found for it.
        Unclaimed = "unclaimed",
        /// A person has put the unclaimed one away.
        Dropped = "dropped",
    }
}

/// How an intake is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeState {
    /// Which one.
    pub name: Arc<str>,
    /// Everything that came by it until then has been handed on.
    pub read_until: Moment,
    /// Why it cannot hear; `None`: it can.
    pub fault: Option<Arc<str>>,
}
