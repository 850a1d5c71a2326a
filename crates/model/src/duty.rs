//! Who is told, when and how: people, rotations, channels, policies, contracts, planned windows.
//!
//! `config` fills a [`Duty`] from what admins write; places in its lists are the ids that the
//! engine uses. What needs a calendar refers to a place in [`Times`], worked out by `calendar`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    CheckableId, Hours, Intakes, Job, Labels, MeasureSpec, Nominal, Params, Recurrence, Rotation,
    Severity, Shift, Span, WeekHours,
};

/// Where something was written: `checks/acme.yaml:21`.
pub type RuleAt = Arc<str>;

/// Everything that the desk needs to know beside the hosts and services.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Duty {
    /// Sorted by name.
    pub customers: Vec<Customer>,
    /// Sorted by customer and name.
    pub sites: Vec<Site>,
    /// Sorted by name.
    pub people: Vec<Person>,
    /// Sorted by name.
    pub teams: Vec<Team>,
    /// Sorted by name.
    pub oncall: Vec<Oncall>,
    /// Sorted by name.
    pub channels: Vec<Channel>,
    /// Sorted by name.
    pub policies: Vec<Policy>,
    /// Sorted by name.
    pub contracts: Vec<Contract>,
    /// Sorted by customer and name.
    pub windows: Vec<Window>,
    /// What promises to report, sorted by customer and name.
    pub jobs: Vec<Arc<Job>>,
    /// By which ways reports come in.
    pub intakes: Intakes,
    /// Rules of opening hours; policies, contracts and people refer to places in it.
    pub hours: Vec<WeekHours>,
    /// What tells whether our own uplink works; checks of the reserved customer.
    pub uplink: Uplink,
    /// Who hears of problems of our own (`engine: own: { policy: … }`), a place in `policies`.
    pub own_policy: Option<u32>,
    /// A sign of life that leaves through the real pipeline.
    pub heartbeat: Option<Heartbeat>,
    /// Where people can open the console, for links in texts; empty if unknown.
    pub console_url: Arc<str>,
}

/// What [`Duty`] says about time, worked out from `from` to `until`, place by place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times {
    /// For [`Duty::hours`].
    pub hours: Vec<Hours>,
    /// For [`Duty::oncall`]: sorted, not overlapping; a gap means nobody.
    pub shifts: Vec<Arc<[Shift]>>,
    /// For [`Duty::windows`]: occurrences, by begin.
    pub windows: Vec<Arc<[Span]>>,
    /// Expected runs of each job, as in [`Duty::jobs`], by `at`. For 35 days before and behind the
    /// moment that it was worked out for, but at most 1,024 runs before it and 3,072 behind it; and
    /// at least two on each side, however rare they are, if there are so many within 40 years.
    /// None for a job that runs so long after its last run, or behind another job.
    pub slots: Vec<Arc<[Nominal]>>,
    /// What it covers.
    pub covers: Option<Span>,
}

/// Whom we serve.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// The id, as in names.
    pub name: Arc<str>,
    /// For people.
    pub title: Arc<str>,
    /// A place in [`Duty::contracts`].
    pub contract: Option<u32>,
    /// IANA name of its zone, for texts to it.
    pub zone: Arc<str>,
    /// Mail addresses that hear of planned windows.
    pub contacts: Vec<Arc<str>>,
}

/// Where a customer's hosts stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// A place in [`Duty::customers`].
    pub customer: u32,
    /// Its own name.
    pub name: Arc<str>,
}

/// Somebody who can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// The id, as in `people:`.
    pub name: Arc<str>,
    /// For people.
    pub title: Arc<str>,
    /// Where it was written.
    pub at: RuleAt,
    /// Addresses by what a channel asks for: `email`, `phone`, `telegram`, `slack`, `ntfy`, ….
    pub addresses: BTreeMap<Arc<str>, Arc<str>>,
    /// Hours in which this person wants to be left alone, a place in [`Duty::hours`]. Alerts that
    /// are at least `wakes` go through.
    pub quiet: Option<u32>,
    /// What is bad enough to break the quiet hours; `None`: nothing is.
    pub wakes: Option<Severity>,
    /// Competence by subject, 0 to 3.
    pub skills: BTreeMap<Arc<str>, u8>,
    /// What kind of help this person gives.
    pub level: HelpLevel,
}

/// Several people under one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Team {
    /// The id, as in `teams:`.
    pub name: Arc<str>,
    /// Places in [`Duty::people`].
    pub people: Vec<u32>,
}

/// A duty that is handed over.
#[derive(Clone, Debug, PartialEq)]
pub struct Oncall {
    /// The id, as in `oncall:`.
    pub name: Arc<str>,
    /// Where it was written.
    pub at: RuleAt,
    /// The rule; worked out in [`Times::shifts`].
    pub rotation: Rotation,
    /// Who has it when the rotation names nobody: a place in [`Duty::oncall`].
    pub otherwise: Option<u32>,
}

/// A way to deliver.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// The id, as in `channels:`.
    pub name: Arc<str>,
    /// Where it was written.
    pub at: RuleAt,
    /// Name of the kind in the catalogue of `notify`.
    pub kind: Arc<str>,
    /// Parameters, checked against the kind.
    pub params: Arc<Params>,
    /// Does it reach a person by an address of theirs (mail, SMS)? Otherwise it is one place for
    /// all (a chat room, a webhook), and hears of each problem once however many are told by it.
    pub personal: Option<Arc<str>>,
    /// Is it also told that a problem is over?
    pub resolve: bool,
    /// May several problems come in one message? Then the first goes at once, the others within
    /// this time of it become a digest that lists all of them.
    pub group: Option<Duration>,
    /// At most so many messages in that time to one contact; more become a digest, none is lost.
    pub limit: Option<Rate>,
    /// How long delivery is tried before the alert is dead.
    pub ttl: Duration,
    /// Does a send whose outcome is unknown count as failed, so that it is sent again?
    pub resend_unknown: bool,
    /// Where a dead alert goes instead: a place in [`Duty::channels`].
    pub fallback: Option<u32>,
    /// For places that forget what is not repeated (Alertmanager): how often it is.
    pub refresh: Option<Duration>,
}

/// So many in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how long.
    pub per: Duration,
}

/// How a problem becomes a proposal, a call and alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The id, as in `policies:`.
    pub name: Arc<str>,
    /// Where it was written.
    pub at: RuleAt,
    /// Outside these, everything waits until they open; a place in [`Duty::hours`].
    pub hours: Option<u32>,
    /// From the problem to its proposal; `None`: never.
    pub propose: Option<Duration>,
    /// From the problem to a call that nobody had to accept; `None`: never.
    pub call: Option<Duration>,
    /// The ladder, by time.
    pub steps: Vec<Step>,
    /// How often those who were told are reminded while nothing changes.
    pub remind: Option<Duration>,
    /// Does an acknowledgement stop further steps? Reminders go on, until a call is taken.
    pub stop_on_acknowledge: bool,
    /// At night somebody must first say that it is blocking.
    pub gate: Option<NightGate>,
}

/// One step of a ladder.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// From the begin of the ladder.
    pub after: Duration,
    /// Who.
    pub to: Vec<Target>,
    /// How: places in [`Duty::channels`].
    pub via: Vec<u32>,
    /// Only problems that are at least this bad.
    pub at_least: Severity,
    /// Where it was written.
    pub at: RuleAt,
}

/// Who is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// A place in [`Duty::people`].
    Person(u32),
    /// A place in [`Duty::teams`].
    Team(u32),
    /// A place in [`Duty::oncall`].
    Oncall(u32),
}

/// Outside `hours` a duty lead is asked whether the problem blocks the customer before anybody
/// else is told.
#[derive(Clone, Debug, PartialEq)]
pub struct NightGate {
    /// Inside these nobody is asked; a place in [`Duty::hours`].
    pub hours: u32,
    /// Who is asked.
    pub lead: Target,
    /// How.
    pub via: Vec<u32>,
    /// Without an answer for so long it counts as blocking (`blocking`) or not.
    pub patience: Duration,
    /// What silence means.
    pub silence_means_blocking: bool,
    /// Where it was written.
    pub at: RuleAt,
}

/// What was promised to a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// The id, as in `contracts:`.
    pub name: Arc<str>,
    /// Where it was written.
    pub at: RuleAt,
    /// When its clocks run; a place in [`Duty::hours`].
    pub hours: u32,
    /// Open time until somebody takes charge; `None`: not promised.
    pub respond: Option<Duration>,
    /// Open time until the call is closed.
    pub resolve: Option<Duration>,
    /// Which waits stop which clock.
    pub pauses: Pauses,
    /// From when on its clocks run.
    pub starts: SlaStart,
    /// Parts of the allowed time at which a warning goes out, in percent, growing.
    pub warn_percent: Vec<u8>,
    /// The policy for what names none itself.
    pub policy: Option<u32>,
    /// Where every call under it is a ticket too: a place in [`Duty::channels`].
    pub tickets: Option<u32>,
}

/// From when on the clocks of a call run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlaStart {
    /// The problem was believed.
    #[default]
    Detected,
    /// It was proposed.
    Proposed,
    /// The call was opened.
    Opened,
}

/// Which waits stop which clock of a contract. Unless it says otherwise only waiting for the
/// customer stops one, and only the clock that ends with closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    /// Waits that stop the clock that ends with taking charge.
    pub respond: WaitSet,
    /// Waits that stop the clock that ends with closing.
    pub resolve: WaitSet,
}

/// A set of reasons to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitSet {
    /// A process has to end.
    pub process: bool,
    /// The customer has to answer.
    pub customer: bool,
    /// A supplier has to deliver.
    pub supplier: bool,
}

impl Default for Pauses {
    fn default() -> Self {
        let customer = WaitSet { customer: true, ..WaitSet::default() };
        Self { respond: WaitSet::default(), resolve: customer }
    }
}

/// What kind of help a call needs, or a person gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HelpLevel {
    /// By telephone and mail.
    #[default]
    HelpDesk,
    /// From afar, on the system itself.
    TeleAssistance,
    /// On the spot.
    OnSite,
}

/// Planned maintenance.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// `customer/name`, or the name alone if it is for several customers.
    pub name: Arc<str>,
    /// Whose; a place in [`Duty::customers`]. `None`: for all whom the scope names.
    pub customer: Option<u32>,
    /// Where it was written.
    pub at: RuleAt,
    /// When.
    pub recurrence: Recurrence,
    /// For what.
    pub scope: Scope,
    /// What it does.
    pub effect: WindowEffect,
    /// Does the time count for the clocks of calls?
    pub sla_counts: bool,
    /// It begins with the first bad news within an occurrence and then lasts so long.
    pub flexible: Option<Duration>,
    /// How long before the customer is reminded, longest first.
    pub reminders: Vec<Duration>,
    /// What the customer will notice.
    pub impact: Arc<str>,
    /// Whom to ask.
    pub contact: Arc<str>,
}

/// What a window does; it always goes on collecting values unless it stops the checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WindowEffect {
    /// Nobody is told, nothing is proposed.
    #[default]
    NoAlerts,
    /// Nothing is asked either.
    NoChecks,
}

/// What a window or a silence is about: everything that satisfies all matchers of at least one of
/// its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Each a list of conditions that must all hold.
    pub lines: Vec<Vec<Matcher>>,
}

/// One condition on a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matcher {
    /// Name of a label, or one of `customer`, `site`, `host`, `service`, `name` (the whole name).
    pub label: Arc<str>,
    /// How it is compared.
    pub op: MatchOp,
    /// What it is compared with; `*` in a [`MatchOp::Like`] stands for any text.
    pub value: Arc<str>,
}

/// How a [`Matcher`] compares. A label that is absent counts as empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchOp {
    /// The same text.
    Is,
    /// Another text.
    IsNot,
    /// Like the pattern.
    Like,
    /// Not like the pattern.
    NotLike,
}

impl Matcher {
    /// Does `text` satisfy it?
    #[must_use]
    pub fn accepts(&self, text: &str) -> bool {
        match self.op {
            MatchOp::Is => text == &*self.value,
            MatchOp::IsNot => text != &*self.value,
            MatchOp::Like => like(&self.value, text),
            MatchOp::NotLike => !like(&self.value, text),
        }
    }
}

impl Scope {
    /// Does it hold for whoever has the labels that `label` gives?
    #[must_use]
    pub fn holds<'a>(&self, label: impl Fn(&str) -> &'a str) -> bool {
        self.lines.iter().any(|line| line.iter().all(|it| it.accepts(label(&it.label))))
    }
}

/// Is `text` like `pattern`, in which `*` stands for any text? In time proportional to the product
/// of their lengths at worst.
fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|it| text.strip_prefix(it)) else { return false };
    let Some(last) = pattern.rsplit_once('*').map(|it| it.1) else { return rest.is_empty() };
    let middle = pattern.matches('*').count() - 1;
    for part in parts.take(middle) {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// What tells whether we ourselves can see out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Uplink {
    /// Checkables (by full name) that stand for the world outside.
    pub canaries: Vec<Arc<str>>,
    /// So many of them must be up, else it is we who are cut off.
    pub needed: u32,
}

/// A sign of life to a service outside that raises an alarm when it stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// A place in [`Duty::channels`].
    pub channel: u32,
    /// How often.
    pub every: Duration,
    /// Where it was written.
    pub at: RuleAt,
}

/// What the desk knows of a host or service.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Its id for the life of the process.
    pub id: CheckableId,
    /// `customer/host` or `customer/host/service`.
    pub name: Arc<str>,
    /// Its host, if it is a service of one.
    pub host: Option<CheckableId>,
    /// Is it a host?
    pub of_host: bool,
    /// A place in [`Duty::customers`].
    pub customer: u32,
    /// A place in [`Duty::sites`].
    pub site: Option<u32>,
    /// Parents of a host.
    pub parents: Arc<[CheckableId]>,
    /// All labels.
    pub labels: Labels,
    /// A place in [`Duty::policies`]; `None`: nobody is told and nothing proposed.
    pub policy: Option<u32>,
    /// A place in [`Duty::contracts`].
    pub contract: Option<u32>,
    /// What its looks may measure, by the place that each value carries.
    pub measures: &'static [MeasureSpec],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_anchored_at_both_ends() {
        for (pattern, text, fits) in [
            ("web", "web", true),
            ("web", "web1", false),
            ("web*", "web1", true),
            ("*1", "web1", true),
            ("w*b*1", "web-b-1", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("*a*a*", "banana", true),
            ("**", "x", true),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
    }
}
