//! The parameters of one check: forms checked, layers merged, secrets kept apart.

use std::{collections::BTreeMap, sync::Arc};

use model::{Form, Kind, ParamSpec, Params, Secret, Value};

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::shape,
    fill::{Filled, Filler},
    gather::{Gathered, Slot, Written},
    layers::{Layer, Part, Rank},
    mask,
    settle::{expect_map, not_one_of, read, secret_shown},
    source::View,
    tree::Shape,
    words::{self, Fault},
};

/// Memory that a compiled regular expression of a check may take, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// Reads all parameters of a check and asks its kind for a second opinion.
pub(crate) fn params(
    filler: &Filler,
    gathered: &Gathered<'_>,
    kinds: &[Kind],
    report: &mut Report,
) -> Option<Params> {
    let mut params = Params(BTreeMap::new());
    let mut whole = true;
    for (slot, written) in &gathered.slots {
        let Slot::Param(at) = slot else { continue };
        let spec = &gathered.spec.params[usize::from(*at)];
        match value(filler, spec, written, report) {
            Some(value) => drop(params.0.insert(spec.name, value)),
            None => whole = false,
        }
    }
    if !whole {
        return None;
    }
    let faults = (kinds[usize::from(gathered.kind.0)].vet)(&params);
    for fault in &faults {
        report.add(refused(gathered, fault));
    }
    faults.is_empty().then_some(params)
}

/// What the kind itself has against the parameters, at the parameter it is about.
fn refused(gathered: &Gathered<'_>, fault: &model::ParamFault) -> Diagnostic {
    let at = gathered.spec.params.iter().position(|it| it.name == fault.param);
    let written = at
        .and_then(|it| u8::try_from(it).ok())
        .and_then(|it| gathered.last(Slot::Param(it)))
        .map(|it| it.value.place());
    let found = Diagnostic::new(Code::Refused, format!("`{}`: {}", gathered.spec.name, fault.what));
    let found = found.at(written.unwrap_or(gathered.kind_at));
    match fault.hint.as_str() {
        "" => found,
        hint => found.help(hint),
    }
}

/// One parameter from all layers that hold it, weakest first.
fn value(
    filler: &Filler,
    spec: &ParamSpec,
    written: &[Written<'_>],
    report: &mut Report,
) -> Option<Value> {
    let last = written.last()?.value;
    match spec.form {
        Form::TextList => list(filler, written, report),
        Form::TextMap => map(filler, written, report),
        Form::Codes => codes(filler, last, report),
        form => single(filler, form, last, report),
    }
}

/// One parameter that is written in one place, as those of a channel are.
pub(crate) fn single_layer(
    filler: &Filler,
    spec: &ParamSpec,
    view: View<'_>,
    report: &mut Report,
) -> Option<Value> {
    let layer = Layer { rank: Rank::Service, part: Part::Own, at: view.at };
    value(filler, spec, &[Written { layer, depth: 0, value: view }], report)
}

fn single(filler: &Filler, form: Form, view: View<'_>, report: &mut Report) -> Option<Value> {
    if view.text().is_none() {
        report.add(shape(view, "a single value"));
        return None;
    }
    let code = match form {
        Form::Duration | Form::Bytes if is_bare_number(view) => Code::WrongUnit,
        _ => Code::Parameter,
    };
    match form {
        Form::Text => text(filler, view, report),
        Form::Secret => secret(filler, view, report),
        Form::Regex => regex(filler, view, report),
        Form::Flag => read(filler, view, code, report, words::flag).map(Value::Flag),
        Form::Count(low, high) => {
            read(filler, view, code, report, |it| words::count(it, low..=high)).map(Value::Number)
        }
        Form::Duration => read(filler, view, code, report, words::duration).map(Value::Duration),
        Form::Bytes => read(filler, view, code, report, bytes).map(Value::Number),
        Form::Choice(known) => {
            let choose = |text: &str| {
                let found = known.iter().find(|it| **it == text);
                found.copied().ok_or_else(|| not_one_of(text, known))
            };
            read(filler, view, code, report, choose).map(|it| Value::Text(Arc::from(it)))
        }
        Form::TextList | Form::TextMap | Form::Codes => None,
    }
}

fn is_bare_number(view: View<'_>) -> bool {
    view.text().is_some_and(|it| it.trim().parse::<f64>().is_ok())
}

fn bytes(text: &str) -> Result<i64, Fault> {
    let bytes = words::bytes(text)?;
    i64::try_from(bytes).map_err(|_| Fault {
        span: 0..text.len(),
        what: "a size beyond all limits".into(),
        hint: None,
    })
}

/// Any text; a secret as soon as a part of it is one, a password in a URL too.
fn text(filler: &Filler, view: View<'_>, report: &mut Report) -> Option<Value> {
    let (text, secret) = match filler.fill(view, report)? {
        Filled::Written(text) => (text.to_owned(), mask::has_userinfo(text)),
        Filled::Fetched(text) => {
            let secret = mask::has_userinfo(&text);
            (text, secret)
        }
        Filled::Secret(text) => (text, true),
    };
    Some(match secret {
        true => Value::Secret(Secret::new(text)),
        false => Value::Text(Arc::from(text)),
    })
}

/// The same, and always a secret.
fn secret(filler: &Filler, view: View<'_>, report: &mut Report) -> Option<Value> {
    match text(filler, view, report)? {
        Value::Text(text) => Some(Value::Secret(Secret::new(text))),
        other => Some(other),
    }
}

fn regex(filler: &Filler, view: View<'_>, report: &mut Report) -> Option<Value> {
    let value = text(filler, view, report)?;
    let (pattern, hidden) = match &value {
        Value::Secret(secret) => (secret.reveal(), true),
        Value::Text(text) => (&**text, view.text() != Some(&**text)),
        _ => return None,
    };
    let Err(error) = regex::RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build() else {
        return Some(value);
    };
    let found = Diagnostic::new(Code::Parameter, "this is no regular expression").at(view.place());
    // The last line of the error says what is wrong; those before it draw the pattern.
    let why = error.to_string();
    let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
    report.add(if hidden { found } else { found.label(why) });
    None
}

/// A list replaces the one before it, unless all its items begin with `+` or `-`.
fn list(filler: &Filler, written: &[Written<'_>], report: &mut Report) -> Option<Value> {
    let mut kept: Vec<Value> = Vec::new();
    let mut whole = true;
    for layer in written {
        let Some(changes) = changes(layer.value, report) else {
            whole = false;
            continue;
        };
        if changes.replaces {
            kept.clear();
        }
        for (sign, view) in changes.items {
            let Some(value) = text(filler, view, report) else {
                whole = false;
                continue;
            };
            match sign {
                None => kept.push(value),
                Some((true, rest)) => kept.push(Value::Text(Arc::from(rest))),
                Some((false, rest)) => {
                    kept.retain(|it| !matches!(it, Value::Text(text) if **text == *rest));
                }
            }
        }
    }
    whole.then_some(Value::List(kept))
}

/// What one layer does to a list.
pub(crate) struct Changes<'a> {
    /// It stands for itself, rather than changing what is inherited.
    pub(crate) replaces: bool,
    /// Each with its sign (true adds, false removes) and the text after it.
    pub(crate) items: Vec<(Option<(bool, &'a str)>, View<'a>)>,
}

/// Reads the signs of a list.
pub(crate) fn changes<'a>(list: View<'a>, report: &mut Report) -> Option<Changes<'a>> {
    if matches!(list.shape(), Shape::Map(_)) {
        report.add(shape(list, "a list or a single value"));
        return None;
    }
    let items: Vec<_> = list.items().into_iter().map(|it| (sign(it), it)).collect();
    let signed = items.iter().filter(|it| it.0.is_some()).count();
    if signed > 0 && signed < items.len() {
        report.add(
            Diagnostic::new(Code::Shape, "a list either replaces the inherited one or changes it")
                .at(items.iter().find(|it| it.0.is_some()).map_or(list.place(), |it| it.1.place()))
                .label("this one changes it")
                .help("write `+` or `-` before every item, or before none; quotes keep a sign as text"),
        );
        return None;
    }
    Some(Changes { replaces: signed == 0, items })
}

/// `+name` adds, `-name` removes; in quotes it is a text like any other.
fn sign(item: View<'_>) -> Option<(bool, &str)> {
    let text = item.plain()?;
    let added = text.strip_prefix('+').map(|it| (true, it));
    added.or_else(|| text.strip_prefix('-').map(|it| (false, it))).filter(|it| !it.1.is_empty())
}

/// Maps merge name by name.
fn map(filler: &Filler, written: &[Written<'_>], report: &mut Report) -> Option<Value> {
    let mut merged: BTreeMap<Arc<str>, Value> = BTreeMap::new();
    let mut whole = true;
    for layer in written {
        let Some(pairs) = expect_map(layer.value, "a map of names and texts", report) else {
            whole = false;
            continue;
        };
        for (key, item) in pairs.pairs() {
            let Some(name) = key.text() else { continue };
            let read = if filler.names.has(name) { secret } else { text };
            match read(filler, item, report) {
                Some(value) => drop(merged.insert(Arc::from(name), value)),
                None => whole = false,
            }
        }
    }
    whole.then(|| Value::Map(merged.into_iter().collect()))
}

fn codes(filler: &Filler, view: View<'_>, report: &mut Report) -> Option<Value> {
    if view.is_map() {
        report.add(shape(view, "a code or a list of codes"));
        return None;
    }
    let mut codes = Vec::new();
    let mut whole = true;
    for item in view.items() {
        match read(filler, item, Code::Parameter, report, words::codes) {
            Some(code) => codes.push(code),
            None => whole = false,
        }
    }
    if whole && codes.is_empty() {
        report.add(shape(view, "a code or a list of codes"));
        return None;
    }
    whole.then_some(Value::List(codes))
}

/// A secret in a place that is shown.
pub(crate) fn shown_text(filler: &Filler, view: View<'_>, report: &mut Report) -> Option<String> {
    match filler.fill(view, report)? {
        Filled::Written(text) => Some(text.to_owned()),
        Filled::Fetched(text) => Some(text),
        Filled::Secret(_) => {
            report.add(secret_shown(view));
            None
        }
    }
}
