//! JSON that an admin laid out, with templates for its texts.
//!
//! The layout is read as JSON once, and each text in it becomes a template of its own. What comes
//! out is JSON again whatever the values are: no quote of a receiver's message can end a text.

use std::collections::BTreeSet;

use minijinja::Value as View;
use serde_json::{Map, Value};

use crate::{template::Template, text::Sink};

/// Texts in one layout.
const FORM_TEXTS_MAX: usize = 256;

/// A layout with templates in the place of its texts.
#[derive(Debug)]
pub(crate) struct JsonForm(Node);

#[derive(Debug)]
enum Node {
    Text(Box<Template>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// A number, a flag or nothing.
    Fixed(Value),
}

impl JsonForm {
    /// Reads a layout; its templates may use `more` names.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn new(source: &str, more: &[&str]) -> Result<Self, String> {
        let layout: Value =
            serde_json::from_str(source).map_err(|error| format!("is not JSON: {error}"))?;
        let mut texts = 0;
        Ok(Self(node(layout, more, &mut texts)?))
    }

    /// Is it one map without anything inside its values?
    pub(crate) fn is_flat(&self) -> bool {
        let is_leaf = |it: &Node| matches!(it, Node::Text(_) | Node::Fixed(_));
        matches!(&self.0, Node::Map(map) if map.iter().all(|(_, it)| is_leaf(it)))
    }

    /// Its texts in which nothing is filled in: some of them are keys and passwords.
    pub(crate) fn literals(&self) -> Vec<&str> {
        let mut found = Vec::new();
        literals(&self.0, &mut found);
        found
    }

    /// The JSON for `view`.
    ///
    /// # Errors
    /// What went wrong in a template, in words.
    pub(crate) fn fill(
        &self,
        view: &[(&'static str, View)],
        more: &[(&str, &str)],
    ) -> Result<Value, String> {
        filled(&self.0, view, more)
    }
}

fn node(layout: Value, more: &[&str], texts: &mut usize) -> Result<Node, String> {
    Ok(match layout {
        Value::String(text) => {
            *texts += 1;
            if *texts > FORM_TEXTS_MAX {
                return Err(format!("has more than {FORM_TEXTS_MAX} texts"));
            }
            Node::Text(Box::new(Template::with_names(&text, Sink::Plain, more)?))
        }
        Value::Array(list) => {
            let each = list.into_iter().map(|it| node(it, more, texts));
            Node::List(each.collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let each = map.into_iter().map(|(key, it)| Ok((key, node(it, more, texts)?)));
            Node::Map(each.collect::<Result<_, String>>()?)
        }
        fixed => Node::Fixed(fixed),
    })
}

fn literals<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
    match node {
        Node::Text(template) => found.extend(template.literal()),
        Node::List(list) => list.iter().for_each(|it| literals(it, found)),
        Node::Map(map) => map.iter().for_each(|(_, it)| literals(it, found)),
        Node::Fixed(_) => {}
    }
}

fn filled(
    node: &Node,
    view: &[(&'static str, View)],
    more: &[(&str, &str)],
) -> Result<Value, String> {
    Ok(match node {
        Node::Text(template) => Value::String(template.render(view, more)?),
        Node::List(list) => {
            let each = list.iter().map(|it| filled(it, view, more));
            Value::Array(each.collect::<Result<_, _>>()?)
        }
        Node::Map(map) => {
            let mut object = Map::new();
            for (key, it) in map {
                object.insert(key.clone(), filled(it, view, more)?);
            }
            Value::Object(object)
        }
        Node::Fixed(value) => value.clone(),
    })
}

/// The text or number at `pointer` (RFC 6901) in `json`; `None` if there is none.
pub(crate) fn text_at(json: &[u8], pointer: &str) -> Option<String> {
    let value: Value = serde_json::from_slice(json).ok()?;
    match value.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Is `true` at `pointer` in `json`?
pub(crate) fn flag_at(json: &[u8], pointer: &str) -> bool {
    let value: Option<Value> = serde_json::from_slice(json).ok();
    value.and_then(|it| it.pointer(pointer)?.as_bool()).unwrap_or(false)
}

/// Is it a JSON pointer (RFC 6901)?
pub(crate) fn is_pointer(text: &str) -> bool {
    let escapes: BTreeSet<Option<char>> =
        text.split('~').skip(1).map(|it| it.chars().next()).collect();
    (text.is_empty() || text.starts_with('/'))
        && escapes.iter().all(|it| matches!(it, Some('0' | '1')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::sample_view;

    #[test]
    fn hostile_values_stay_inside_their_text() {
        let form = JsonForm::new(r#"{"a": ["{{ it }}", 1, true, null], "b": {"c": "x"}}"#, &["it"]);
        let hostile = "\"}, \"admin\": true, {\"\n\\";
        let json = form.unwrap().fill(&sample_view(), &[("it", hostile)]).unwrap();
        let back: Value = serde_json::from_str(&json.to_string()).unwrap();
        assert_eq!(back["a"][0], hostile);
        assert_eq!(back["b"]["c"], "x");
        assert_eq!(back.as_object().unwrap().len(), 2);
        let form = JsonForm::new(r#"[{"key": "hunter22", "to": "{{ name }}"}, 1]"#, &[]).unwrap();
        assert_eq!(form.literals(), ["hunter22"]);
    }

    #[test]
    fn mistakes_are_found_when_it_is_read() {
        for wrong in ["{", "{\"a\": \"{{ nobody }}\"}", "{\"a\": \"{{ title\"}", ""] {
            assert!(JsonForm::new(wrong, &[]).is_err(), "{wrong}");
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(JsonForm::new(&deep, &[]).is_err());
    }

    #[test]
    fn a_pointer_finds_texts_and_numbers() {
        let json = br#"{"tickets": [{"id": 42, "key": "A/1"}], "none": {}}"#;
        assert_eq!(text_at(json, "/tickets/0/id").as_deref(), Some("42"));
        assert_eq!(text_at(json, "/tickets/0/key").as_deref(), Some("A/1"));
        for missing in ["/tickets/1/id", "/none", "/x"] {
            assert_eq!(text_at(json, missing), None, "{missing}");
        }
        assert_eq!(text_at(b"<html>", "/id"), None);
        assert!(flag_at(br#"{"ok": true}"#, "/ok"));
        for no in [&br#"{"ok": "true"}"#[..], br#"{"ok": false}"#, b"{}", b"<html>"] {
            assert!(!flag_at(no, "/ok"), "{no:?}");
        }
        assert!(
            is_pointer("/a~1b/0") && is_pointer("") && !is_pointer("id") && !is_pointer("/a~2")
        );
    }
}
