//! Problems: stretches of being believed bad, with everything that was decided about them.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{AlertKey, CallId, Measured, Moment, ProposalId, Status};

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }
    )+};
}
pub(crate) use ids;

ids! {
    /// Names a problem for ever. All ids of the desk come from one sequence.
    ProblemId;
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look.
    Warning,
    /// The far end itself does not know.
    Unknown,
    /// It does not work.
    Critical,
    /// A host, or more than one, does not answer.
    Down,
}

impl Severity {
    /// How bad a status is; `None` if all is well.
    #[must_use]
    pub fn of(status: Status) -> Option<Self> {
        match status {
            Status::Ok | Status::Up => None,
            Status::Warning => Some(Self::Warning),
            Status::Unknown => Some(Self::Unknown),
            Status::Critical => Some(Self::Critical),
            Status::Down | Status::Unreachable => Some(Self::Down),
        }
    }

    /// The word for it, in small letters.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
            Self::Down => "down",
        }
    }

    /// The severity that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Warning, Self::Unknown, Self::Critical, Self::Down]
            .into_iter()
            .find(|it| it.word() == word)
    }
}

/// What a problem is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum About {
    /// A host or service, by full name.
    Checkable(Arc<str>),
    /// A job that promises to report, by full name.
    Job(Arc<str>),
    /// A whole site, as `customer/site`.
    Site(Arc<str>),
    /// What hits the jobs of several customers at once, by what they have in common
    /// (`relay 192.0.2.1`).
    Outage(Arc<str>),
    /// Our own trouble, by the word for it (`uplink`, `channel sms`).
    Own(Arc<str>),
}

impl About {
    /// The name, as people write it: `acme/web/http`, `site acme/hq`, `own uplink`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Checkable(name) | Self::Job(name) => name.to_string(),
            Self::Site(name) => format!("site {name}"),
            Self::Outage(name) => format!("outage {name}"),
            Self::Own(name) => format!("own {name}"),
        }
    }
}

/// Who does something at the desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// A token's name, or `engine`, or the name of a person in a ladder.
    pub name: Arc<str>,
    /// Whose objects it may see and change; `None`: everybody's.
    pub customers: Option<Vec<Arc<str>>>,
}

impl Actor {
    /// The engine itself.
    #[must_use]
    pub fn engine() -> Self {
        Self { name: Arc::from("engine"), customers: None }
    }

    /// May it see what belongs to `customer`? What belongs to nobody (empty) is ours alone.
    #[must_use]
    pub fn may_see(&self, customer: &str) -> bool {
        self.customers.as_ref().is_none_or(|it| it.iter().any(|it| &**it == customer))
    }
}

/// Somebody has seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: Arc<str>,
    /// When.
    pub at: Moment,
    /// Why; may be empty.
    pub text: String,
    /// When it ends by itself.
    pub until: Option<Moment>,
    /// Does it outlive a change of severity?
    pub sticky: bool,
}

/// How a problem ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All is well again.
    Recovered,
    /// It turned out to be explained by another problem.
    Explained,
    /// What it was about is not watched any more.
    Removed,
    /// We could not see; it was never known to be.
    Blind,
}

/// Where an alert goes: one contact by one channel.
///
/// `contact` is a person's id, or `*` for a channel that is one place for all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Name of the channel.
    pub channel: Arc<str>,
    /// Whom.
    pub contact: Arc<str>,
}

/// What a route has been told of a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Last alert that was owed to it.
    pub last: AlertKey,
    /// How many were owed to it: the next one's ordinal.
    pub ordinal: u32,
    /// The status that was last owed to it; `None` once that was withdrawn.
    pub status: Option<Status>,
    /// Has a trigger reached it, or may it have?
    pub reached: bool,
    /// The status that the last trigger or reminder told which reached it.
    #[serde(default)]
    pub arrived: Option<Status>,
    /// Has its resolve been owed?
    pub resolved: bool,
}

/// How far the ladder of a problem has got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// When the last step was taken, or when the ladder began: the next one counts from here.
    pub began_at: Moment,
    /// Place of the next step in the policy.
    pub next_step: u32,
    /// When something is to be decided next; `None`: nothing is until something happens.
    pub due_at: Option<Moment>,
    /// When those who were told are reminded next.
    pub remind_at: Option<Moment>,
    /// How often they were.
    pub reminders: u32,
    /// Has the duty lead been asked, and what was the answer?
    pub gate: Gate,
}

/// What the duty lead said at night.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// Nobody had to be asked yet.
    #[default]
    NotAsked,
    /// Asked, and to be taken as answered at this moment.
    Asked(Moment),
    /// It blocks the customer.
    Blocking,
    /// It can wait.
    CanWait,
}

/// One step in the life of a checkable or problem, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// When.
    pub at: Moment,
    /// What held from then on.
    pub status: Status,
    /// Believed?
    pub hard: bool,
    /// Why; may be empty.
    pub text: Arc<str>,
}

/// A stretch of being believed bad.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Its id.
    pub id: ProblemId,
    /// Grows by one with every change.
    pub version: u64,
    /// What it is about.
    pub about: About,
    /// Whose; empty for our own.
    pub customer: Arc<str>,
    /// Where, if the host stands at a site.
    pub site: Option<Arc<str>>,
    /// All labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// What is believed.
    pub status: Status,
    /// How bad it is.
    pub severity: Severity,
    /// Why, as the look said.
    pub text: Arc<str>,
    /// Does it go up and down too often?
    pub flapping: bool,
    /// When it was believed.
    pub opened_at: Moment,
    /// When status or severity last changed.
    pub changed_at: Moment,
    /// When it was over; `None` while it is open.
    pub ended_at: Option<Moment>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// What it explains, each with the moment from which it did.
    pub symptoms: BTreeMap<Arc<str>, Moment>,
    /// Somebody has seen it.
    pub acknowledged: Option<Acknowledgement>,
    /// Who has been told what.
    #[serde(with = "as_pairs")]
    pub told: BTreeMap<Route, Told>,
    /// How far its ladder has got.
    pub ladder: Ladder,
    /// The policy it follows.
    pub policy: Option<Arc<str>>,
    /// Nothing is said before this moment: it may be a part of something larger.
    pub held_until: Option<Moment>,
    /// When the time of its proposal comes; `None`: it has come, or never will.
    pub propose_at: Option<Moment>,
    /// Its proposal.
    pub proposal: Option<ProposalId>,
    /// When the time of its call comes.
    pub call_at: Option<Moment>,
    /// Its call.
    pub call: Option<CallId>,
    /// How often it was believed anew within its life (volatile checks, flapping).
    pub occurrences: u32,
    /// Its last steps, oldest first, bounded.
    pub timeline: Vec<Passage>,
    /// When all was last well before it.
    pub last_good: Option<Moment>,
    /// What else speaks for or against it, line by line.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What the look measured that changed it last.
    #[serde(default)]
    pub values: Vec<Measured>,
}

impl Problem {
    /// Is it open?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }
}

/// JSON has only texts for keys, so a map with other keys is written as pairs.
mod as_pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Route, Told};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Route, Told>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Route, Told>, D::Error> {
        Ok(Vec::<(Route, Told)>::deserialize(deserializer)?.into_iter().collect())
    }
}
