//! The shapes of everything that the interface shows and takes.
//!
//! They are not the nouns of the model: times are texts, enumerations are words, and a change of
//! the model does not change what others rely on without anybody noticing.

pub(crate) mod case;
pub(crate) mod duty;
pub(crate) mod hearing;
pub(crate) mod problem;
pub(crate) mod told;
pub(crate) mod watchdog;

use std::time::Duration;

use model::{Measured, Moment, Passage, Reading, Severity, Status, Unit};

use crate::api::shape::{At, shape, words};

words! {
    /// How bad it is.
    SeverityWord(Severity) = [
        "warning" => Severity::Warning,
        "unknown" => Severity::Unknown,
        "critical" => Severity::Critical,
        "down" => Severity::Down,
    ]
}

words! {
    /// What is believed.
    StatusWord(Status) = [
        "ok" => Status::Ok,
        "warning" => Status::Warning,
        "critical" => Status::Critical,
        "unknown" => Status::Unknown,
        "up" => Status::Up,
        "down" => Status::Down,
        "unreachable" => Status::Unreachable,
    ]
}

shape! {
    /// One step in the life of a host, service or problem.
    out PassageForm {
        /// When.
        at: At,
        /// What held from then on.
        status: StatusWord,
        /// Believed, or still being looked at again?
        hard: bool,
        /// Why; may be empty.
        text: String,
    }
}

shape! {
    /// A measured value.
    out ValueForm {
        /// The name of the measurement.
        name: String,
        /// A number in the unit, or a text.
        value: serde_json::Value,
        /// `seconds`, `percent`, `bytes`, `number`, `text` or `any`.
        unit: &'static str,
        /// The value for people: `120 ms`.
        text: String,
    }
}

impl From<&Measured> for ValueForm {
    fn from(it: &Measured) -> Self {
        let value = match &it.reading {
            Reading::Number(value) => (*value).into(),
            Reading::Text(text) => text.to_string().into(),
        };
        let unit = match it.unit {
            Unit::Seconds => "seconds",
            Unit::Percent => "percent",
            Unit::Bytes => "bytes",
            Unit::Number => "number",
            Unit::Text => "text",
            Unit::Any => "any",
        };
        Self { name: it.name.to_string(), value, unit, text: it.to_string() }
    }
}

impl From<&Passage> for PassageForm {
    fn from(it: &Passage) -> Self {
        Self {
            at: At(it.at),
            status: StatusWord(it.status),
            hard: it.hard,
            text: it.text.to_string(),
        }
    }
}

shape! {
    /// What was made or changed.
    out DoneForm {
        /// Its id, or its key.
        id: IdForm,
        /// Its version now; 0 if it has none.
        version: u64,
    }
}

/// An id that is a number for most things and a text for those that have a key.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum IdForm {
    Number(u64),
    Key(String),
}

impl From<String> for IdForm {
    fn from(text: String) -> Self {
        text.parse().map_or(Self::Key(text), Self::Number)
    }
}

impl crate::api::shape::Shape for IdForm {
    fn schema(_: &mut crate::api::shape::Defs) -> serde_json::Value {
        serde_json::json!({ "type": ["integer", "string"] })
    }
}

pub(crate) fn at(moment: Option<Moment>) -> Option<At> {
    moment.map(At)
}

pub(crate) fn texts<'a, T: AsRef<str> + 'a>(list: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    list.into_iter().map(|it| it.as_ref().to_owned()).collect()
}

pub(crate) fn text(it: Option<&impl AsRef<str>>) -> Option<String> {
    it.map(|it| it.as_ref().to_owned())
}

pub(crate) fn secs(it: Duration) -> u64 {
    it.as_secs()
}
