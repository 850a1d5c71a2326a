//! Jobs: what promises to report, when, and by whom a report is believed.
//!
//! Plain data, as configuration read it. What a job hears ([`Hears`]) is worked with by the inlet;
//! when its runs are due ([`Schedule`]) is worked out by the `calendar` crate; how its runs stand is
//! the engine's to say.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Begin, Labels, Moment, Outcome, RuleAt};

/// So many warnings in a row are told, if nothing else is written.
const WARNINGS: u32 = 3;

/// Something that promises to report after every run: a backup, a script, a duty of people.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Full name: `customer/watchdog`. No host of the customer is called the same.
    pub name: Arc<str>,
    /// Whose: a place in [`crate::Duty::customers`].
    pub customer: u32,
    /// Where it is written.
    pub at: RuleAt,
    /// All labels, own and inherited.
    pub labels: Labels,
    /// The host or service that it runs on, by full name.
    pub on: Option<Arc<str>>,
    /// Who reports: a machine, or a person who ticks it off.
    pub kind: JobKind,
    /// When its runs are due.
    pub schedule: Schedule,
    /// It is to be learned when its runs are due: nobody has written it, and what a person accepts
    /// holds.
    pub learns: bool,
    /// So long before the nominal moment a report counts for the slot; `None`: the default rule.
    pub early: Option<Duration>,
    /// So long behind it a report is on time; `None`: the default rule.
    pub grace: Option<Duration>,
    /// So long behind it a report still belongs to the slot; `None`: until the next slot opens.
    pub give_up: Option<Duration>,
    /// What silence means.
    pub reporting: Reporting,
    /// Reports that one slot wants; at least 1.
    pub reports: u32,
    /// The things that a run is made of: machines, volumes.
    pub objects: Objects,
    /// How the size of a run is held against the usual.
    pub size: Limits,
    /// How its duration is.
    pub duration: Limits,
    /// A run that began and has not ended after so long has timed out.
    pub timeout: Option<Duration>,
    /// So many warnings in a row are proposed.
    pub warnings: u32,
    /// The product itself tries again for so long: a failure is not believed before.
    pub retry_grace: Duration,
    /// It runs behind another job: a place in [`crate::Duty::jobs`].
    pub after: Option<After>,
    /// What a report has to prove before it can say that all is well.
    pub trust: Trust,
    /// A run outside of any window counts for the slot that is open next.
    pub manual_runs_count: bool,
    /// Written as paused.
    pub paused: bool,
    /// What it hears.
    pub hears: Hears,
    /// Who is told: a place in [`crate::Duty::policies`].
    pub policy: Option<u32>,
    /// A place in [`crate::Duty::contracts`].
    pub contract: Option<u32>,
    /// What to do, for whoever gets the proposal; may be empty.
    pub runbook: Arc<str>,
}

/// What a file that says nothing means: a machine that reports every run, believed by its secret
/// address. It has no name, and nothing is due.
impl Default for Job {
    fn default() -> Self {
        Self {
            name: Arc::default(),
            customer: 0,
            at: Arc::default(),
            labels: Labels::default(),
            on: None,
            kind: JobKind::Machine,
            schedule: Schedule::default(),
            learns: false,
            early: None,
            grace: None,
            give_up: None,
            reporting: Reporting::EveryRun,
            reports: 1,
            objects: Objects::default(),
            size: Limits::default(),
            duration: Limits::default(),
            timeout: None,
            warnings: WARNINGS,
            retry_grace: Duration::ZERO,
            after: None,
            trust: Trust { token: true, ..Trust::default() },
            manual_runs_count: false,
            paused: false,
            hears: Hears::default(),
            policy: None,
            contract: None,
            runbook: Arc::default(),
        }
    }
}

/// Who reports of a [`Job`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// A machine, by mail or ping.
    #[default]
    Machine,
    /// A person, by ticking it off.
    Person,
}

/// When the runs of a job are due.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Schedule {
    /// As it was written, for display; several lines are joined by `; `.
    pub text: Arc<str>,
    /// IANA name of the zone whose clock it is read on.
    pub zone: Arc<str>,
    /// All of them together; none while it is still to be learned.
    pub dues: Vec<Due>,
    /// Days that are no business days, in days since 1970-01-01; sorted.
    pub holidays: Vec<i32>,
    /// What becomes of a run that falls on a holiday.
    pub on_holidays: OnHoliday,
}

/// Nothing is due, on the clock of UTC.
impl Default for Schedule {
    fn default() -> Self {
        Self {
            text: Arc::default(),
            zone: Arc::from("UTC"),
            dues: Vec::new(),
            holidays: Vec::new(),
            on_holidays: OnHoliday::Keep,
        }
    }
}

/// One rule of a [`Schedule`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Due {
    /// So long after the last one, in elapsed time; the first one counts from the first report.
    Every(Duration),
    /// At local times. `by`: that is the latest moment, not the nominal one.
    At {
        /// Which.
        rule: Begin,
        /// Is it a limit (`by 06:30`)?
        by: bool,
    },
    /// The same, without those that fall on certain days.
    Except {
        /// Which.
        rule: Begin,
        /// Is it a limit?
        by: bool,
        /// Days since 1970-01-01; sorted.
        days: Vec<i32>,
    },
    /// A systemd calendar expression (`Mon..Fri 02:30`).
    OnCalendar(Arc<str>),
    /// The nth business day of every month; -1 is the last. Business days are Monday to Friday
    /// without the holidays.
    BusinessDay {
        /// 1 to 23, or -1 to -23 from the end.
        nth: i8,
        /// Seconds since 00:00.
        second: u32,
        /// Is it a limit?
        by: bool,
    },
    /// The nth day of every month; -1 is the last.
    MonthDay {
        /// 1 to 28, or -1 to -28 from the end: every month has it.
        nth: i8,
        /// Seconds since 00:00.
        second: u32,
        /// Is it a limit?
        by: bool,
    },
}

/// What becomes of a run that falls on a holiday. Backups usually run all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnHoliday {
    /// It runs.
    #[default]
    Keep,
    /// It does not run: the slot is skipped.
    Skip,
    /// It runs on the last business day before.
    Previous,
    /// It runs on the first business day behind.
    Next,
}

/// One expected run, worked out from a [`Schedule`]. On days on which clocks change the local time
/// may name no moment or two: then `from` and `until` lie apart, and all between them is on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Nominal {
    /// Names the slot for ever: when the run is expected to end.
    pub at: Moment,
    /// The first moment that the local time could mean; at most `at`.
    pub from: Moment,
    /// The last one; at least `at`.
    pub until: Moment,
    /// Is `at` the latest moment, so that nothing before it is early?
    pub by: bool,
    /// It falls on a day on which the job does not run.
    pub holiday: bool,
}

/// What silence of a job means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Reporting {
    /// Every run reports: silence is a missing run.
    #[default]
    EveryRun,
    /// Only what failed reports: silence is good.
    FailuresOnly,
    /// One report tells of several runs: of every object that it names.
    Digest,
    /// Runs only while the machine is on: silence is missing after so long.
    WhenOnline {
        /// Without any good report.
        missing_after: Duration,
    },
}

/// The things that a run is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    /// Those that must be there, by name as the report has it.
    pub named: Vec<Arc<str>>,
    /// Those that were there again and again must stay: one that vanishes makes the run partial.
    pub learn: bool,
    /// So many must be well; `None`: all of them.
    pub quorum: Option<u32>,
}

/// How a figure of a run is held against the usual and against fixed limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// At least this (bytes or seconds).
    pub min: Option<u64>,
    /// At most this (bytes or seconds).
    pub max: Option<u64>,
    /// At least so many percent of the usual (the median of the last good runs).
    pub min_percent: Option<u32>,
    /// At most so many percent of the usual.
    pub max_percent: Option<u32>,
}

/// The job behind which a job runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// A place in [`crate::Duty::jobs`].
    pub job: u32,
    /// It is due so long after the end of that one.
    pub offset: Duration,
}

/// What a report has to prove before it can say that all is well; all of it. Bad news is taken
/// from anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// It came to the job's own secret address.
    pub token: bool,
    /// It was handed over by one of these networks (`192.0.2.0/24`), as they were written.
    pub relays: Vec<Arc<str>>,
    /// The envelope's sender is of this domain, and SPF says that the peer may send for it.
    pub spf: Option<Arc<str>>,
    /// It is signed by this domain.
    pub dkim: Option<Arc<str>>,
}

/// What a job hears, and how its mails are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hears {
    /// What its secret address is made from: its name, unless another `id:` is written.
    pub secret_id: Arc<str>,
    /// Raised by whoever wants another secret address; the one before stays good for a while.
    pub secret_number: u32,
    /// A mail is for this job if all of these hold; empty: only the secret address leads to it.
    pub mail: Vec<MailTest>,
    /// Takes a mail that another job takes, too.
    pub shared: bool,
    /// Takes pings.
    pub ping: bool,
    /// Name of the format; `None`: whichever recognises the mail.
    pub reads: Option<Arc<str>>,
    /// Own rules, asked in their order before any format; first `Failed`, then `Warning`, then `Ok`.
    pub rules: Vec<MailRule>,
    /// IANA name of the zone of times that a report writes without one.
    pub zone: Arc<str>,
    /// How it writes dates.
    pub dates: DateOrder,
    /// Its `Date:` header is believed even if the mail took long.
    pub trusts_date: bool,
}

/// One own rule of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct MailRule {
    /// What follows from it.
    pub outcome: Outcome,
    /// If all of these hold.
    pub tests: Vec<MailTest>,
    /// Where it is written.
    pub at: RuleAt,
}

/// One condition on a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailTest {
    /// What is looked at.
    pub part: MailPart,
    /// How.
    pub op: MailOp,
    /// With what.
    pub value: Arc<str>,
    /// It must not hold.
    pub not: bool,
}

/// A part of a mail that a [`MailTest`] looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailPart {
    /// The subject.
    Subject,
    /// The text, HTML made text.
    Body,
    /// The address in `From:`.
    From,
    /// Any recipient.
    To,
    /// The envelope's sender.
    Sender,
    /// The address that handed it over.
    Peer,
    /// Another header, by name.
    Header(Arc<str>),
    /// The name of an attachment.
    Attachment,
    /// The text of attachments.
    Attached,
}

/// How a [`MailTest`] compares; never by case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailOp {
    /// The text is somewhere in it.
    Has,
    /// It is the text.
    Is,
    /// It is like the pattern, in which `*` stands for any text.
    Like,
    /// The regular expression matches.
    Matches,
}

/// How a report writes dates in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// 30/07/2026.
    #[default]
    DayFirst,
    /// 7/30/2026.
    MonthFirst,
}

/// By which ways reports come in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intakes {
    /// Domains whose recipients are ours (`in.msp.example`).
    pub domains: Vec<Arc<str>>,
    /// The name before `+TOKEN` in secret addresses.
    pub mailbox: Arc<str>,
    /// Each by its name, which no other has.
    pub all: Vec<Intake>,
    /// Keeps what nobody is found for, instead of refusing it.
    pub unclaimed: bool,
}

/// One way by which reports come in.
#[derive(Clone, Debug, PartialEq)]
pub struct Intake {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is written.
    pub at: RuleAt,
    /// Which way.
    pub way: Way,
    /// Somebody keeps for us what comes while we are away.
    pub keeps: bool,
}

/// A way in. Addresses as they were written, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// A server for mail.
    Smtp {
        /// `127.0.0.1:2525`; for LMTP also `unix:/run/campanile/lmtp`.
        listen: Arc<str>,
        /// LMTP instead: an answer for each recipient.
        lmtp: bool,
        /// Files with certificate chain and key, if it offers STARTTLS.
        tls: Option<(Arc<str>, Arc<str>)>,
        /// Nothing is taken before STARTTLS.
        tls_only: bool,
        /// TLS from the first byte instead of STARTTLS.
        tls_first: bool,
        /// A user who may log in, and the file with the password; nobody has to.
        login: Option<(Arc<str>, Arc<str>)>,
        /// Networks whose `XFORWARD`/`Received` is believed; others are peers themselves.
        relays: Vec<Arc<str>>,
    },
    /// A mailbox that is read.
    Imap {
        /// `imap.msp.example:993`.
        server: Arc<str>,
        /// Own roots instead of the system's.
        ca: Option<Arc<str>>,
        /// STARTTLS instead of TLS from the first byte.
        starttls: bool,
        /// Who.
        user: Arc<str>,
        /// The file with the password.
        password_file: Arc<str>,
        /// Which folders; usually `INBOX`.
        folders: Vec<Arc<str>>,
        /// How often it is asked if the server cannot say by itself.
        every: Duration,
    },
    /// A folder that a mail program delivers into.
    Maildir {
        /// The folder with `new`, `cur` and `tmp`.
        folder: Arc<str>,
    },
}

/// How a job is learned and remembered, apart from its slots: what the engine keeps of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobMemory {
    /// Full name.
    pub job: Arc<str>,
    /// Grows by one with every change.
    pub version: u64,
    /// Since when it is watched: what was due before has no slot.
    pub since: Moment,
    /// Every slot up to this nominal moment has been opened: it has a row.
    pub opened_until: Moment,
    /// Seconds from the nominal moment to the end of the last good runs, oldest first.
    pub delays: Vec<i64>,
    /// Bytes of the last good runs, oldest first.
    pub sizes: Vec<u64>,
    /// Seconds of the last good runs, oldest first.
    pub durations: Vec<u64>,
    /// Ends of the last runs, oldest first: what a schedule is learned from.
    pub runs: Vec<Moment>,
    /// Objects by name: in how many good runs they were in a row.
    pub objects: BTreeMap<Arc<str>, u32>,
    /// Warnings in a row.
    pub warnings: u32,
    /// Slots that were kept in a row.
    pub kept: u32,
    /// End of the last good run.
    pub last_ok: Option<Moment>,
    /// The time of the run of the last good report, whatever its slot has come to.
    #[serde(default)]
    pub last_good: Option<Moment>,
    /// When anything was last heard.
    pub last_heard: Option<Moment>,
    /// The intake of mail by which it was last heard.
    #[serde(default)]
    pub heard_by: Option<Arc<str>>,
    /// What its last report has in common with those of other jobs: `relay 192.0.2.1`.
    #[serde(default)]
    pub origins: Vec<Arc<str>>,
    /// A run that has begun and not ended.
    pub running_since: Option<Moment>,
    /// A learned schedule that a person has accepted, as text.
    pub accepted: Option<Arc<str>>,
    /// Paused at run time.
    pub paused: Option<Pause>,
    /// It is not configured any more, since then.
    #[serde(default)]
    pub gone_at: Option<Moment>,
}

/// A pause that a person has put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who.
    pub by: Arc<str>,
    /// Since when.
    pub at: Moment,
    /// When it ends by itself.
    pub until: Option<Moment>,
    /// Why.
    pub text: String,
}
