//! What a kind of check says about itself, so that configuration, manual and metrics need not know
//! it by name.
//!
//! The kinds live in `probe`, one file each. `config` validates what an admin wrote against these
//! descriptions and never sees the code that asks.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Secret;

/// Place of a kind in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindId(pub u8);

impl KindId {
    /// Stands where there is no kind: results that only come from outside.
    pub const NONE: Self = Self(u8::MAX);
}

/// Unit of a measurement. Thresholds must be written in it where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A time; base unit second (`800ms`, `21d`).
    Seconds,
    /// Percent, 0 to 100 (`80%`).
    Percent,
    /// A size; base unit byte (`2GiB`).
    Bytes,
    /// A plain number.
    Number,
    /// A word or text; judged by `is` and `not`.
    Text,
    /// Whatever the target sends: number or text, with or without a unit.
    Any,
}

/// How a parameter is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// Any text.
    Text,
    /// A text that must not be printed.
    Secret,
    /// `yes`/`no`, `true`/`false`, `on`/`off`.
    Flag,
    /// A whole number within these ends.
    Count(i64, i64),
    /// `800ms`, `5m`.
    Duration,
    /// `256KiB`.
    Bytes,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A regular expression.
    Regex,
    /// A text or a list of texts.
    TextList,
    /// Names with texts.
    TextMap,
    /// A number, a text, or a list of these: `200`, `2xx`, `[200, 301..308]`.
    Codes,
}

/// A parameter's value, checked against its [`Form`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// For `Text`, `Choice`, `Regex`.
    Text(Arc<str>),
    /// For `Secret`, and for any text into which a secret was put.
    Secret(Secret),
    /// For `Flag`.
    Flag(bool),
    /// For `Count` and `Bytes`.
    Number(i64),
    /// For `Duration`.
    Duration(Duration),
    /// For `TextList` and `Codes`.
    List(Vec<Value>),
    /// For `TextMap`.
    Map(Vec<(Arc<str>, Value)>),
}

/// The parameters of one check, by name; only those that were written (defaults are the kind's).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params(pub BTreeMap<&'static str, Value>);

impl Params {
    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text, secret or not.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            Value::Secret(secret) => Some(secret.reveal()),
            _ => None,
        }
    }

    /// A flag.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// A whole number or a number of bytes.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A duration.
    #[must_use]
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.get(name)? {
            Value::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    /// A list; empty when it was not written.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }
}

/// One parameter of a kind.
#[derive(Debug)]
pub struct ParamSpec {
    /// The key.
    pub name: &'static str,
    /// How it is written.
    pub form: Form,
    /// What holds when it is not written, as text for the manual; empty: nothing.
    pub default: &'static str,
    /// One or two sentences for the manual.
    pub doc: &'static str,
}

/// One measurement of a kind.
#[derive(Debug, PartialEq)]
pub struct MeasureSpec {
    /// The key under which thresholds judge it.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The series it is shown as, with constant labels: `probe_icmp_duration_seconds` and
    /// `&[("phase", "rtt")]`. A text reading fills the label whose value is empty, and the sample
    /// is 1. `None`: not shown as a series of its own.
    pub series: Option<(&'static str, &'static [(&'static str, &'static str)])>,
    /// One sentence for the manual and the series' help text.
    pub doc: &'static str,
}

/// Everything a kind says about itself.
#[derive(Debug)]
pub struct KindSpec {
    /// The key that names it in a service; also the name of its file.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Paragraphs for the manual.
    pub manual: &'static str,
    /// The parameter that a bare value sets (`tcp: 9`).
    pub main_param: Option<&'static str>,
    /// The measurement that a bare `warn:`/`crit:` judges: its name.
    pub main_measure: &'static str,
    /// In the order of the manual.
    pub params: &'static [ParamSpec],
    /// In a fixed order: results name them by index.
    pub measures: &'static [MeasureSpec],
    /// The closed set of causes it can give, besides [`crate::CauseCode::Threshold`] and those of
    /// our own.
    pub causes: &'static [crate::CauseCode],
    /// Services of one host with the same interval are asked in the same moment, so that the wire
    /// can put them into one request.
    pub asked_together: bool,
    /// A service as it could stand in a check file, in YAML flow style.
    pub example: &'static str,
}

impl KindSpec {
    /// The index of the measurement called `name`.
    #[must_use]
    pub fn measure(&self, name: &str) -> Option<u8> {
        let index = self.measures.iter().position(|it| it.name == name)?;
        u8::try_from(index).ok()
    }

    /// The parameter called `name`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'static ParamSpec> {
        self.params.iter().find(|it| it.name == name)
    }
}

/// A mistake in the parameters of a check that only its kind can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamFault {
    /// The parameter; empty: the check as a whole.
    pub param: &'static str,
    /// What is wrong, lower case, no full stop.
    pub what: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

/// A kind as `config` knows it: its description, and a second opinion on parameters.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its description.
    pub spec: &'static KindSpec,
    /// Finds the mistakes that the forms cannot express.
    pub vet: fn(&Params) -> Vec<ParamFault>,
    /// Does a check with these parameters ask the host's address, rather than one of its own?
    pub needs_host: fn(&Params) -> bool,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kind").field(&self.spec.name).finish()
    }
}

/// What a way to deliver says about itself. The channels live in `notify`, one file each.
#[derive(Debug)]
pub struct ChannelSpec {
    /// The word after `type:`; also the name of its file.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Paragraphs for the manual.
    pub manual: &'static str,
    /// In the order of the manual.
    pub params: &'static [ParamSpec],
    /// Which address of a person it needs (`email`, `phone`); `None`: it is one place for all.
    pub personal: Option<&'static str>,
    /// Do people read it? Then several problems come in one message unless `group: off` is written.
    pub for_people: bool,
    /// Is each problem an object of its own there, as an incident or a ticket is? Then several
    /// problems cannot come in one message.
    pub one_by_one: bool,
    /// Is it told that a problem is over, unless `resolve:` says otherwise?
    pub resolve: bool,
    /// How often it must be repeated, in seconds, for places that forget what is not; 0: never.
    pub refresh_secs: u32,
    /// A channel as it could stand in a file, in YAML flow style.
    pub example: &'static str,
}

/// A kind of channel as `config` knows it.
#[derive(Clone, Copy)]
pub struct ChannelKind {
    /// Its description.
    pub spec: &'static ChannelSpec,
    /// Finds the mistakes that the forms cannot express.
    pub vet: fn(&Params) -> Vec<ParamFault>,
}

impl fmt::Debug for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChannelKind").field(&self.spec.name).finish()
    }
}
