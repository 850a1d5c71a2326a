//! What the interface needs of watchdogs, as one trait.
//!
//! Apart from the [`Ledger`](super::Ledger), because it also takes something in: a ping or a mail
//! that is fed by hand goes the way of any other report, and is answered once it is kept.

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

use axum::body::Bytes;
use model::{
    Class, Heard, Job, JobMemory, Moment, Nominal, ProblemId, Report, ReportId, Slot, Span,
    Standing,
};

use super::seams::{Customers, Cut, Page, Read};

/// Which jobs are meant; by name.
#[derive(Clone, Debug, PartialEq)]
pub struct JobFilter {
    /// Whose.
    pub customers: Customers,
    /// Those whose last judged slot stands so.
    pub standing: Option<Standing>,
    /// Whose name has this in it, in whatever case.
    pub text: Option<String>,
    /// Which part.
    pub cut: Cut,
}

/// Which slots are meant; newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotsFilter {
    /// Full name of the job.
    pub job: String,
    /// Which part.
    pub cut: Cut,
}

/// Which reports are meant; newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportsFilter {
    /// Whose. Whoever may see everybody's sees those that nobody has claimed, too.
    pub customers: Customers,
    /// For this job, by full name.
    pub job: Option<String>,
    /// Exactly this class.
    pub class: Option<Class>,
    /// Which part.
    pub cut: Cut,
}

/// A job with what is known of it now.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    /// As it is configured.
    pub job: Job,
    /// Whose.
    pub customer: Arc<str>,
    /// What is remembered of it; `None` before anything was.
    pub memory: Option<JobMemory>,
    /// Its slot that is open.
    pub open: Option<Slot>,
    /// The last one that was judged.
    pub last: Option<Slot>,
    /// When the next report is due at the latest.
    pub next_due: Option<Moment>,
    /// A schedule that it seems to have; only while it is still to be learned.
    pub suggestion: Option<Suggestion>,
    /// Its open problem.
    pub problem: Option<ProblemId>,
    /// Name of the policy it follows.
    pub policy: Option<Arc<str>>,
    /// Name of the contract it stands under.
    pub contract: Option<Arc<str>>,
    /// What its badge is called; says nothing of its secret.
    pub badge: Arc<str>,
}

/// A schedule that was learned from the runs of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// As it would be written in its file.
    pub schedule: Arc<str>,
    /// Why, for people.
    pub why: String,
}

/// Where a job can be reached by whoever knows its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Addresses for mail; none without a domain of ours.
    pub addresses: Vec<String>,
    /// The path for pings, from `/`; `None` if it takes none.
    pub ping: Option<String>,
}

/// A mail that somebody feeds in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// As it came.
    pub raw: Bytes,
    /// The name of the token by which it was fed in; it vouches for the mail.
    pub by: Arc<str>,
    /// When.
    pub at: Moment,
}

/// What became of something that was fed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Fed {
    /// What it says, and for which job. One mail may be for several.
    pub heard: Heard,
    /// Its report; `None` for one that was only tried.
    pub report: Option<ReportId>,
}

/// Why something was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// No job has that token, or the job takes no pings, or nobody is found for the mail and such
    /// mails are not kept.
    #[error("nobody hears it")]
    Nobody,
    /// It cannot be kept now.
    #[error("it cannot be kept now: {0}")]
    NotNow(String),
    /// It is no mail.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// What a ping says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The run went well.
    Success,
    /// It has begun.
    Start,
    /// It did not go well.
    Fail,
    /// Only something to be kept.
    Log,
    /// It ended with this exit code: 0 is well, anything else is not, unless a format of the job
    /// reads something else in the body.
    Exit(u8),
}

/// A ping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The secret of the job, in lower case. Not yet known to be one; to be compared in constant
    /// time.
    pub token: String,
    /// What it says.
    pub signal: Signal,
    /// Pairs begin and end of one run: a UUID in lower case.
    pub run: Option<String>,
    /// What came with it, at most [`crate::PING_BODY_BYTES_MAX`] of it.
    pub body: Bytes,
    /// There was more.
    pub cut: bool,
    /// Who.
    pub peer: IpAddr,
    /// What it calls itself: one line, may be empty.
    pub agent: String,
    /// When it came.
    pub at: Moment,
}

/// What a badge shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadgeView {
    /// What is written on it: the name of the job.
    pub name: Arc<str>,
    /// How its last judged slot stands; `None` before there is one.
    pub standing: Option<Standing>,
    /// Since when.
    pub since: Option<Moment>,
}

/// One expected run to come.
#[derive(Clone, Debug, PartialEq)]
pub struct ToCome {
    /// Full name of the job.
    pub job: Arc<str>,
    /// Whose.
    pub customer: Arc<str>,
    /// When the run is expected to end.
    pub nominal: Nominal,
    /// Until when its report is on time.
    pub due: Moment,
}

/// Which runs to come are meant; by time.
#[derive(Clone, Debug, PartialEq)]
pub struct ToComeFilter {
    /// Whose.
    pub customers: Customers,
    /// Only of this job, by full name.
    pub job: Option<String>,
    /// Expected within this time.
    pub within: Span,
    /// Most of them.
    pub limit: usize,
}

/// Something is being taken in. It ends well only once it is kept.
pub type Taking<'a, T> = Pin<Box<dyn Future<Output = Result<T, NotTaken>> + Send + 'a>>;

/// What the interface reads of watchdogs, and where pings and fed mails go.
///
/// All but [`Watchdogs::feed`] and [`Watchdogs::ping`] are called on threads for blocking work. A
/// list keeps to the customers of its filter; single objects are given whoever asks, and the
/// interface itself holds back what is not theirs.
pub trait Watchdogs: Send + Sync + 'static {
    /// A list of jobs.
    ///
    /// # Errors
    /// The store cannot be read, or the cursor is none. So for all of these.
    fn jobs(&self, filter: &JobFilter) -> Read<Page<JobView>>;
    /// One job.
    fn job(&self, name: &str) -> Read<Option<JobView>>;
    /// The secrets of a job.
    fn secrets(&self, name: &str) -> Read<Option<Secrets>>;
    /// Slots of one job.
    fn slots(&self, filter: &SlotsFilter) -> Read<Page<Slot>>;
    /// Slots of the jobs with these names whose runs are expected within `within`, at most `limit`
    /// of each, in any order.
    fn slots_within(&self, jobs: &[Arc<str>], within: Span, limit: usize) -> Read<Vec<Slot>>;
    /// Runs to come.
    fn to_come(&self, filter: &ToComeFilter) -> Read<Vec<ToCome>>;
    /// A list of reports.
    fn reports(&self, filter: &ReportsFilter) -> Read<Page<Report>>;
    /// One report.
    fn report(&self, id: ReportId) -> Read<Option<Report>>;
    /// The mail or body of a report as text, unpacked and bounded; `None` if none is kept.
    fn text(&self, report: &Report) -> Read<Option<String>>;
    /// What a mail would say, without anything being kept; nothing if it is no mail.
    fn try_mail(&self, feed: &Feed) -> Read<Vec<Fed>>;
    /// What the badge with this id shows; never found by a secret.
    fn badge(&self, id: &str) -> Read<Option<BadgeView>>;
    /// Hears a mail as if it had come by an intake.
    fn feed(&self, feed: Feed) -> Taking<'_, Vec<Fed>>;
    /// Hears a ping.
    fn ping(&self, ping: Ping) -> Taking<'_, ()>;
}
