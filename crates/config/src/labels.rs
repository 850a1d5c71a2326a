//! Labels: always texts, merged name by name.
//!
//! `country: NO` is Norway and `version: 1.20` keeps its zero: nothing is interpreted here.

use std::collections::BTreeMap;

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    fill::Filler,
    layers::{Layer, Library},
    limits,
    params::shown_text,
    settle::expect_map,
    source::View,
};

/// A label with where it came from.
#[derive(Debug)]
pub(crate) struct Label<'a> {
    pub(crate) text: String,
    /// All that was written, weakest first.
    pub(crate) written: Vec<(Layer, View<'a>)>,
}

/// The labels of all layers, the strongest last; `None` after a mistake.
pub(crate) fn merge<'a>(
    library: &Library<'a>,
    filler: &Filler,
    layers: &[Layer],
    report: &mut Report,
) -> Option<BTreeMap<&'a str, Label<'a>>> {
    let mut merged: BTreeMap<&'a str, Label<'a>> = BTreeMap::new();
    let mut whole = true;
    for layer in layers {
        let Some(labels) = library.view(layer.at).get("labels") else { continue };
        if labels.is_empty() {
            continue;
        }
        let Some(labels) = expect_map(labels, "labels are a map of names and texts", report) else {
            whole = false;
            continue;
        };
        for (key, value) in labels.pairs() {
            let Some(name) = key.text() else { continue };
            let Some(text) = label(filler, key, value, report) else {
                whole = false;
                continue;
            };
            let entry = merged.entry(name);
            let entry = entry.or_insert_with(|| Label { text: String::new(), written: Vec::new() });
            entry.text = text;
            entry.written.push((*layer, value));
        }
    }
    if merged.len() > limits::LABELS_MAX {
        if let Some((_, view)) = merged.values().next_back().and_then(|it| it.written.last()) {
            let what = format!("more than {} labels", limits::LABELS_MAX);
            report.add(Diagnostic::new(Code::TooMany, what).at(view.place()));
        }
        return None;
    }
    whole.then_some(merged)
}

fn label(filler: &Filler, key: View<'_>, value: View<'_>, report: &mut Report) -> Option<String> {
    let name = key.text().unwrap_or_default();
    if name.is_empty() || name.len() > limits::LABEL_BYTES_MAX || name.contains(char::is_control) {
        let what = "the name of a label is a short text without control characters";
        report.add(Diagnostic::new(Code::Name, what).at(key.place()));
        return None;
    }
    let text = shown_text(filler, value, report)?;
    if text.len() > limits::LABEL_BYTES_MAX || text.contains(char::is_control) {
        let what = "a label is a short text without control characters";
        report.add(Diagnostic::new(Code::Value, what).at(value.place()));
        return None;
    }
    Some(text)
}
