//! Shapes: what goes over the wire, written once.
//!
//! `shape!` makes of one declaration the type, its (de)serialisation and its JSON Schema with the
//! doc comments as descriptions, so the description of the interface cannot differ from the code.
//! Hand-made and small: a library for this would be the largest dependency of the crate.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use jiff::Timestamp;
use model::Moment;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::{Value, json};

/// Bytes of a longer text: a comment, a message.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Bytes of a line: a title, a name.
const LINE_BYTES_MAX: usize = 512;

/// Schemas by name.
pub(crate) type Defs = BTreeMap<&'static str, Value>;

/// Something with a JSON Schema.
pub(crate) trait Shape {
    /// May it be left out of what comes in?
    const OPTIONAL: bool = false;

    /// Its schema; whatever has a name is put into `defs` and referred to.
    fn schema(defs: &mut Defs) -> Value;
}

/// Where a schema is taken from.
pub(crate) type SchemaOf = fn(&mut Defs) -> Value;

/// A struct that is sent (`out`) or received (`in`).
macro_rules! shape {
    ($(#[doc = $doc:literal])+ out $name:ident {
        $($(#[doc = $said:literal])+ $field:ident: $what:ty,)*
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub(crate) struct $name {
            $($(#[doc = $said])+ pub(crate) $field: $what,)*
        }

        impl $crate::api::shape::Shape for $name {
            fn schema(defs: &mut $crate::api::shape::Defs) -> serde_json::Value {
                $crate::api::shape::named(defs, stringify!($name), &[$($doc),+], |_defs| vec![
                    $($crate::api::shape::Field::of::<$what>(stringify!($field), &[$($said),+], true, _defs),)*
                ])
            }
        }
    };
    ($(#[doc = $doc:literal])+ in $name:ident {
        $($(#[doc = $said:literal])+ $field:ident: $what:ty,)*
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[doc = $said])+ pub(crate) $field: $what,)*
        }

        impl $crate::api::shape::Shape for $name {
            fn schema(defs: &mut $crate::api::shape::Defs) -> serde_json::Value {
                $crate::api::shape::named(defs, stringify!($name), &[$($doc),+], |_defs| vec![
                    $($crate::api::shape::Field::of::<$what>(stringify!($field), &[$($said),+], false, _defs),)*
                ])
            }
        }
    };
}
pub(crate) use shape;

/// A closed set of words that stand for the values of a type of the model.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident($of:ty) = [$($word:literal => $value:expr,)+]) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) $of);

        impl $name {
            pub(crate) const ALL: &'static [($of, &'static str)] = &[$(($value, $word),)+];

            pub(crate) fn word(self) -> &'static str {
                Self::ALL.iter().find(|it| it.0 == self.0).map_or("other", |it| it.1)
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().find(|it| it.1 == text).map(|it| Self(it.0)).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|it| it.1).collect();
                    format!("`{text}` is not one of {}", words.join(", "))
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.word())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl $crate::api::shape::Shape for $name {
            fn schema(_: &mut $crate::api::shape::Defs) -> serde_json::Value {
                let words: Vec<_> = Self::ALL.iter().map(|it| it.1).collect();
                serde_json::json!({ "type": "string", "enum": words })
            }
        }
    };
}
pub(crate) use words;

/// One member of an object's schema.
pub(crate) struct Field {
    name: &'static str,
    doc: String,
    required: bool,
    schema: Value,
}

impl Field {
    /// `is_sent`: then it is always there.
    pub(crate) fn of<T: Shape>(
        name: &'static str,
        doc: &[&str],
        is_sent: bool,
        defs: &mut Defs,
    ) -> Self {
        let name = name.strip_prefix("r#").unwrap_or(name);
        let required = is_sent || !T::OPTIONAL;
        Self { name, doc: joined(doc), required, schema: T::schema(defs) }
    }
}

/// Puts an object's schema among the named ones and refers to it.
pub(crate) fn named(
    defs: &mut Defs,
    name: &'static str,
    doc: &[&str],
    fields: impl FnOnce(&mut Defs) -> Vec<Field>,
) -> Value {
    if !defs.contains_key(name) {
        // Keeps a shape that contains itself from going round in circles.
        defs.insert(name, Value::Null);
        let fields = fields(defs);
        let required: Vec<_> = fields.iter().filter(|it| it.required).map(|it| it.name).collect();
        let mut properties = serde_json::Map::new();
        for Field { name, doc, schema, .. } in fields {
            properties.insert(name.to_owned(), described(schema, &doc));
        }
        let schema = json!({
            "type": "object",
            "description": joined(doc),
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        defs.insert(name, schema);
    }
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// In OpenAPI 3.1 a reference may have a description beside it.
fn described(mut schema: Value, doc: &str) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), json!(doc));
    }
    schema
}

fn joined(doc: &[&str]) -> String {
    doc.iter().map(|it| it.trim()).collect::<Vec<_>>().join(" ")
}

/// A part of a list, with the cursor for the next one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

impl<T: Shape> Shape for Listed<T> {
    fn schema(defs: &mut Defs) -> Value {
        let next = "Give this as `cursor` for the next part; null after the last one.";
        json!({
            "type": "object",
            "properties": {
                "items": Vec::<T>::schema(defs),
                "next": { "type": ["string", "null"], "description": next },
            },
            "required": ["items", "next"],
            "additionalProperties": false,
        })
    }
}

macro_rules! plain_shapes {
    ($($what:ty => $schema:expr,)+) => {$(
        impl Shape for $what {
            fn schema(_: &mut Defs) -> Value {
                $schema
            }
        }
    )+};
}

plain_shapes! {
    u64 => json!({ "type": "integer", "minimum": 0 }),
    u32 => json!({ "type": "integer", "minimum": 0 }),
    u8 => json!({ "type": "integer", "minimum": 0, "maximum": 255 }),
    bool => json!({ "type": "boolean" }),
    String => json!({ "type": "string" }),
    Arc<str> => json!({ "type": "string" }),
    &'static str => json!({ "type": "string" }),
    At => json!({ "type": "string", "format": "date-time" }),
    Text => json!({ "type": "string", "maxLength": TEXT_BYTES_MAX }),
    Line => json!({ "type": "string", "minLength": 1, "maxLength": LINE_BYTES_MAX }),
    Value => json!({}),
}

impl<T: Shape> Shape for Option<T> {
    const OPTIONAL: bool = true;

    fn schema(defs: &mut Defs) -> Value {
        json!({ "anyOf": [T::schema(defs), { "type": "null" }] })
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn schema(defs: &mut Defs) -> Value {
        json!({ "type": "array", "items": T::schema(defs) })
    }
}

impl<T: Shape> Shape for BTreeMap<Arc<str>, T> {
    fn schema(defs: &mut Defs) -> Value {
        json!({ "type": "object", "additionalProperties": T::schema(defs) })
    }
}

/// A moment, as RFC 3339 writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(pub(crate) Moment);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Timestamp::from_nanosecond(i128::from(self.0.as_nanos()));
        // Nanoseconds in 64 bits end in the year 2554, well within what a timestamp holds.
        fmt::Display::fmt(&at.unwrap_or(Timestamp::MAX), f)
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let remedy = "write it as 2026-01-31T08:00:00Z or 2026-01-31T09:00:00+01:00";
        let at: Timestamp = text.parse().map_err(|_| format!("not a time; {remedy}"))?;
        let nanos = u64::try_from(at.as_nanosecond()).map_err(|_| "before 1970 or after 2554")?;
        Ok(Self(Moment::from_nanos(nanos)))
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(Error::custom)
    }
}

/// A text of some length that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

/// A line that somebody wrote: not empty, nothing that a terminal would obey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::custom(format!("a text longer than {TEXT_BYTES_MAX} bytes")));
        }
        Ok(Self(text))
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match () {
            () if text.trim().is_empty() => Err(Error::custom("an empty line")),
            () if text.len() > LINE_BYTES_MAX => {
                Err(Error::custom(format!("a line longer than {LINE_BYTES_MAX} bytes")))
            }
            () if text.contains(char::is_control) => {
                Err(Error::custom("a line with control characters"))
            }
            () => Ok(Self(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_and_read_without_loss() {
        for nanos in [0, 1, 1_800_000_000_000_000_000, 1_800_000_000_123_456_789, u64::MAX] {
            let at = At(Moment::from_nanos(nanos));
            assert_eq!(at.to_string().parse(), Ok(at));
        }
        assert_eq!(At(Moment::from_secs(1_800_000_000)).to_string(), "2027-01-15T08:00:00Z");
        assert_eq!("2027-01-15T09:00:00+01:00".parse(), Ok(At(Moment::from_secs(1_800_000_000))));
        for wrong in
            ["", "now", "1800000000", "2027-01-15", "1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z"]
        {
            assert!(wrong.parse::<At>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn lines_and_texts_are_bounded() {
        let line = |text: &str| serde_json::from_value::<Line>(json!(text)).is_ok();
        assert!(line("a b") && !line(" ") && !line("a\u{1b}[2J"));
        assert!(line(&"x".repeat(LINE_BYTES_MAX)) && !line(&"x".repeat(LINE_BYTES_MAX + 1)));
        let text = |text: &str| serde_json::from_value::<Text>(json!(text)).is_ok();
        assert!(text("") && text("a\nb") && text(&"x".repeat(TEXT_BYTES_MAX)));
        assert!(!text(&"x".repeat(TEXT_BYTES_MAX + 1)));
    }
}
