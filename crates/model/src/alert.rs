//! Alerts: messages owed to somebody, and what becomes of them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{About, Moment, ProblemId, Route, Severity, Status, stable_hash};

/// Names an alert for ever, and says at the receiver that a repeat is one.
///
/// Follows from what the alert is about and not from when it was made, so a decision that is taken
/// again after a crash owes the same alert and not another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertKey(pub u128);

impl AlertKey {
    /// The key of alert number `ordinal` about `problem` on `route`. `installation` tells two
    /// installations apart that send to the same receiver.
    #[must_use]
    pub fn of(
        installation: u64,
        problem: ProblemId,
        step: u32,
        route: &Route,
        ordinal: u32,
    ) -> Self {
        let Route { channel, contact } = route;
        let text =
            format!("{installation:016x}\n{problem}\n{step}\n{contact}\n{channel}\n{ordinal}");
        let high = stable_hash(&format!("high\n{text}"));
        let low = stable_hash(&format!("low\n{text}"));
        // Version 8 (a form of one's own) and the variant of RFC 9562.
        let bits = u128::from(high) << 64 | u128::from(low);
        let bits = bits & !(0xf << 76) | 8 << 76;
        Self(bits & !(0b11 << 62) | 0b10 << 62)
    }

    /// The key that `text` shows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|it| *it != '-').collect();
        (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok().map(Self))?
    }
}

impl fmt::Display for AlertKey {
    /// As a UUID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl Serialize for AlertKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AlertKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not the key of an alert"))
    }
}

/// What an alert says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// There is a problem, or it has become worse or better but is still one.
    Trigger,
    /// It is still there.
    Reminder,
    /// Somebody has seen it.
    Acknowledged,
    /// It is over.
    Resolve,
    /// It was there and is over already; nobody could be told in time.
    Missed,
    /// A duty lead is asked whether it blocks the customer.
    Question,
    /// A call was opened, changed, is about to miss a promise, or has missed it.
    Call,
    /// What we write to a customer in a call.
    Message,
    /// A window is planned, or has ended.
    Window,
    /// A sign of life.
    Heartbeat,
    /// Somebody tries the channel out.
    Test,
}

impl AlertKind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Reminder => "reminder",
            Self::Acknowledged => "acknowledged",
            Self::Resolve => "resolve",
            Self::Missed => "missed",
            Self::Question => "question",
            Self::Call => "call",
            Self::Message => "message",
            Self::Window => "window",
            Self::Heartbeat => "heartbeat",
            Self::Test => "test",
        }
    }
}

/// A message owed to a person or a place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its key.
    pub key: AlertKey,
    /// Where it goes.
    pub route: Route,
    /// What it says.
    pub kind: AlertKind,
    /// About which problem; `ProblemId(0)` if about none.
    pub problem: ProblemId,
    /// Which one about this problem on this route, from 0.
    pub ordinal: u32,
    /// Which step of the ladder owed it.
    pub step: u32,
    /// When it was owed.
    pub owed_at: Moment,
    /// Not sent before.
    pub not_before: Moment,
    /// Dead from then on.
    pub expires_at: Moment,
    /// How often it was tried.
    pub attempts: u32,
    /// Was there a try whose outcome is not known?
    pub may_have_arrived: bool,
    /// What went wrong the last time; may be empty.
    pub fault: String,
    /// How it stands.
    pub state: AlertState,
    /// What it tells, as it was when it was owed.
    pub content: Content,
}

/// How an [`Alert`] stands. All but `Waiting` are final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum AlertState {
    /// Owed.
    Waiting,
    /// The receiver has it.
    Delivered {
        /// Since when.
        at: Moment,
    },
    /// It is listed in another one.
    Aggregated {
        /// In this one.
        into: AlertKey,
    },
    /// Nobody needs it any more.
    Withdrawn {
        /// Why.
        reason: WithdrawReason,
    },
    /// It could not be delivered.
    Dead {
        /// When that was given up.
        at: Moment,
    },
}

/// Why an alert was not sent after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithdrawReason {
    /// The problem was over before it got through.
    Ended,
    /// A newer one says more.
    Superseded,
    /// Somebody acknowledged or silenced it, or a window began.
    Suppressed,
    /// Its channel is not configured any more.
    NoChannel,
}

impl Alert {
    /// Is it still owed?
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.state == AlertState::Waiting
    }

    /// What a digest lists, an alert each; nothing if it is none. What a member does not keep, such
    /// as symptoms, is empty.
    #[must_use]
    pub fn apart(&self) -> Vec<Self> {
        let Self { step, owed_at, not_before, expires_at, attempts, may_have_arrived, .. } = *self;
        let each = self.content.members.iter().map(|it| Self {
            key: it.key,
            route: self.route.clone(),
            kind: it.kind,
            problem: it.problem,
            ordinal: it.ordinal,
            step,
            owed_at,
            not_before,
            expires_at,
            attempts,
            may_have_arrived,
            fault: self.fault.clone(),
            state: self.state.clone(),
            content: it.content_in(&self.content),
        });
        each.collect()
    }
}

/// What an alert tells: all that a text or payload may need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// What it is about; `None` for a sign of life or a test.
    pub about: Option<About>,
    /// Whose; empty for our own.
    pub customer: Arc<str>,
    /// How the customer is called.
    pub customer_title: Arc<str>,
    /// All labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// What is believed.
    pub status: Status,
    /// How bad it is.
    pub severity: Severity,
    /// Why, as the look said.
    pub text: Arc<str>,
    /// Does it flap?
    pub flapping: bool,
    /// When it began.
    pub since: Moment,
    /// When it was over.
    pub ended_at: Option<Moment>,
    /// What it explains, by name; the first of them if there are very many.
    pub symptoms: Vec<Arc<str>>,
    /// How many there are in all.
    pub symptoms_count: u32,
    /// Who acknowledged or asked; may be empty.
    pub by: Arc<str>,
    /// For people, one line.
    pub title: String,
    /// The alerts that it lists, if it is a digest.
    pub members: Vec<Member>,
}

/// One problem in a digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The alert that it stands for.
    pub key: AlertKey,
    /// What that says.
    pub kind: AlertKind,
    /// About which problem.
    pub problem: ProblemId,
    /// Which one about this problem on this route, from 0.
    #[serde(default)]
    pub ordinal: u32,
    /// What it is about; `None` for a window or a call without a cause.
    #[serde(default)]
    pub about: Option<About>,
    /// The same as people write it; the title of what tells of a call or a window.
    pub name: String,
    /// All labels.
    #[serde(default)]
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// What is believed.
    pub status: Status,
    /// How bad it is.
    pub severity: Severity,
    /// Why.
    pub text: Arc<str>,
    /// When it began.
    pub since: Moment,
    /// When it was over.
    #[serde(default)]
    pub ended_at: Option<Moment>,
}

impl Member {
    /// What it says by itself, in place of `digest`.
    fn content_in(&self, digest: &Content) -> Content {
        let customer = self.customer().unwrap_or_else(|| Arc::clone(&digest.customer));
        let is_common = customer == digest.customer;
        let customer_title = if is_common { &digest.customer_title } else { &customer };
        let names_problem = self.about.as_ref().is_some_and(|it| it.name() == self.name);
        Content {
            about: self.about.clone(),
            customer_title: Arc::clone(customer_title),
            customer,
            labels: self.labels.clone(),
            status: self.status,
            severity: self.severity,
            text: Arc::clone(&self.text),
            flapping: false,
            since: self.since,
            ended_at: self.ended_at,
            symptoms: Vec::new(),
            symptoms_count: 0,
            by: Arc::from(""),
            title: match names_problem {
                true => format!("{} is {}", self.name, self.status),
                false => self.name.clone(),
            },
            members: Vec::new(),
        }
    }

    /// Whose it is: the name of what is theirs begins with that, and our own trouble is nobody's.
    fn customer(&self) -> Option<Arc<str>> {
        match self.about.as_ref()? {
            About::Checkable(name) | About::Job(name) | About::Site(name) => {
                name.split('/').next().map(Arc::from)
            }
            About::Outage(_) | About::Own(_) => Some(Arc::from("")),
        }
    }
}

/// What became of one try to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver has taken it.
    Taken,
    /// Not now; again later, not before `after` if the receiver said so.
    Later {
        /// What went wrong.
        fault: String,
        /// How long the receiver wants to be left alone.
        after: Option<std::time::Duration>,
        /// May it have arrived all the same?
        may_have_arrived: bool,
    },
    /// Never: the receiver will not take it however often it is tried.
    Never {
        /// What went wrong.
        fault: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_uuid_and_can_be_read_back() {
        let route = Route { channel: "sms".into(), contact: "anna".into() };
        let key = AlertKey::of(7, ProblemId(1), 0, &route, 0);
        let text = key.to_string();
        assert_eq!((text.len(), &text[14..15]), (36, "8"), "{text}");
        assert!("89ab".contains(&text[19..20]), "{text}");
        assert_eq!(AlertKey::parse(&text), Some(key));
        assert_eq!(AlertKey::parse("no key"), None);
    }

    #[test]
    fn every_part_tells_keys_apart() {
        let route = |channel: &str, contact: &str| Route {
            channel: channel.into(),
            contact: contact.into(),
        };
        let keys = [
            AlertKey::of(1, ProblemId(1), 0, &route("a", "b"), 0),
            AlertKey::of(2, ProblemId(1), 0, &route("a", "b"), 0),
            AlertKey::of(1, ProblemId(2), 0, &route("a", "b"), 0),
            AlertKey::of(1, ProblemId(1), 1, &route("a", "b"), 0),
            AlertKey::of(1, ProblemId(1), 0, &route("b", "a"), 0),
            AlertKey::of(1, ProblemId(1), 0, &route("a", "b"), 1),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
