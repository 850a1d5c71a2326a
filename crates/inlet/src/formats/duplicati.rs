//! Duplicati.
//!
//! By default the subject has no verdict; users put one before it. The body is the result of the
//! operation, as lines or as JSON. What other operations the run has started stand within it, set
//! in, with results of their own: a run is good only if its own result says so and none of theirs
//! says otherwise.

use std::sync::{Arc, LazyLock};

use model::{Moment, Outcome, Says};
use regex::Regex;
use serde_json::Value;

use super::{
    Format,
    cells::worse,
    shape::{found, pattern, whole_lines},
    signature::explain,
};
use crate::{Habits, Letter, text::fold, words};

pub(super) static FORMAT: Format = Format {
    name: "duplicati",
    title: "Duplicati",
    source: "code and manual of Duplicati 2, and the fields that a public parser of its mails reads; \
             subject and body can be set by the user",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:\[?(success|warning|error|fatal|unknown)\]?[:,]? ?-? ?)?duplicati ([a-z]{3,30}) report for (.{1,200}?)(?:[:,]? [-(\[]? ?(success|warning|error|fatal|unknown)[)\]]?)?$",
    )
});

/// A result, whatever it was written in.
#[derive(Default)]
struct Told {
    /// Of the operation itself.
    own: Option<String>,
    /// Of what it has started.
    others: Vec<String>,
    operation: String,
    name: String,
    began: Option<Moment>,
    ended: Option<Moment>,
    duration: String,
    size: Option<u64>,
    warnings: u64,
    errors: u64,
    is_partial: bool,
    is_dry: bool,
    /// Why it went wrong.
    reason: String,
    /// It broke off with this.
    failed: bool,
}

fn recognises(letter: &Letter) -> bool {
    let subject = letter.subject.folded();
    let body = &letter.body;
    subject.contains("duplicati ") && subject.contains(" report for ")
        || body.line(|it| it.starts_with("parsedresult:")).is_some()
            && body.line(|it| it.starts_with("mainoperation:")).is_some()
        || body.folded().contains("\"parsedresult\"") && body.folded().contains("\"mainoperation\"")
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let captures = SUBJECT.captures(letter.subject.folded().trim_end());
    let of_subject = captures.as_ref().and_then(|it| it.get(1).or(it.get(4)));
    let of_subject = of_subject.and_then(|it| result(it.as_str()));
    let told = of_json(letter, habits).unwrap_or_else(|| of_lines(letter, habits));
    let operation = match (&captures, told.operation.as_str()) {
        (_, it) if !it.is_empty() => fold(it),
        (Some(it), _) => it[2].to_owned(),
        (None, _) => String::new(),
    };
    let outcome = match outcome(&told, of_subject) {
        Some(Outcome::Ok | Outcome::Warning) if operation != "backup" || told.is_dry => {
            Some(Outcome::Other)
        }
        it => it,
    };
    let name = captures.map_or("", |it| found(&letter.subject, &it, 3)).to_owned();
    let name = if name.is_empty() { told.name } else { name };
    let text = match &told.own {
        _ if !told.reason.is_empty() => told.reason.clone(),
        Some(own) => format!("ParsedResult: {own}"),
        None => letter.subject.shown().trim().to_owned(),
    };
    let mut says = Says {
        outcome,
        names: Arc::from(&*name),
        text: Arc::from(text),
        began_at: told.began,
        ended_at: told.ended,
        size: told.size,
        duration: words::duration(&told.duration),
        ..Says::default()
    };
    explain(&mut says, "duplicati", &told.reason, &name);
    says
}

fn result(word: &str) -> Option<Outcome> {
    Some(match fold(word).trim() {
        "success" => Outcome::Ok,
        "warning" => Outcome::Warning,
        "error" | "fatal" => Outcome::Failed,
        _ => return None,
    })
}

fn outcome(told: &Told, of_subject: Option<Outcome>) -> Option<Outcome> {
    if told.failed {
        return Some(Outcome::Failed);
    }
    let Some(own) = &told.own else {
        // Without a result in the body, a subject that any user can write is no good news.
        return of_subject.filter(|it| *it != Outcome::Ok);
    };
    let mut said = worse(Some(result(own)?), of_subject)?;
    let others = told.others.iter().map(|it| result(it));
    if others.clone().any(|it| it != Some(Outcome::Ok)) || told.warnings > 0 {
        said = worse(Some(said), Some(Outcome::Warning))?;
    }
    if told.is_partial {
        said = worse(Some(said), Some(Outcome::Partial))?;
    }
    if told.errors > 0 {
        said = Outcome::Failed;
    }
    Some(said)
}

fn of_lines(letter: &Letter, habits: &Habits) -> Told {
    let mut told = Told::default();
    let mut inside: Option<&str> = None;
    let raw = letter.body.shown().lines();
    let whole = whole_lines(&letter.body).count();
    for ((at, raw), (shown, folded)) in raw.enumerate().zip(letter.body.lines()) {
        let is_own = !raw.starts_with([' ', '\t']);
        if let Some(kind) = inside {
            if folded.starts_with(']') {
                inside = None;
            } else if told.reason.is_empty() || kind == "errors:" && told.errors == 0 {
                told.errors = told.errors.saturating_add(u64::from(kind == "errors:"));
                told.reason = shown.trim_end_matches(',').to_owned();
            }
            continue;
        }
        let value = shown.split_once(':').map_or("", |it| it.1.trim());
        let key = folded.split_once(':').map_or("", |it| it.0);
        match key {
            "parsedresult" if is_own && at < whole => told.own = Some(value.to_owned()),
            "parsedresult" => told.others.push(value.to_owned()),
            "failed" | "fatal" if is_own => {
                told.failed = true;
                told.reason = value.to_owned();
            }
            "warnings" | "errors" if value == "[" => {
                inside = Some(if key == "errors" { "errors:" } else { "warnings:" });
            }
            _ if is_own => field(&mut told, key, value, habits),
            _ => {}
        }
    }
    told
}

fn field(told: &mut Told, key: &str, value: &str, habits: &Habits) {
    match key {
        "mainoperation" => value.clone_into(&mut told.operation),
        "begintime" => told.began = time(value, habits),
        "endtime" => told.ended = time(value, habits),
        "duration" => value.clone_into(&mut told.duration),
        "sizeofexaminedfiles" => told.size = value.parse().ok(),
        "warningsactuallength" => told.warnings = value.parse().unwrap_or(u64::MAX),
        "errorsactuallength" => told.errors = value.parse().unwrap_or(u64::MAX),
        "fileswitherror" => told.warnings = told.warnings.max(value.parse().unwrap_or(u64::MAX)),
        "partialbackup" | "interrupted" => told.is_partial |= value.eq_ignore_ascii_case("true"),
        "dryrun" => told.is_dry = value.eq_ignore_ascii_case("true"),
        _ => {}
    }
}

/// `9/21/2026 2:14:03 AM (1789949643)`: the figure in parentheses knows of no zone and no order.
fn time(value: &str, habits: &Habits) -> Option<Moment> {
    let epoch = value.rsplit_once('(').and_then(|it| it.1.strip_suffix(')')?.parse::<u64>().ok());
    // A year far from ours is no epoch in seconds.
    epoch
        .filter(|it| (1_000_000_000..10_000_000_000).contains(it))
        .map(Moment::from_secs)
        .or_else(|| words::moment(value, habits))
}

fn of_json(letter: &Letter, habits: &Habits) -> Option<Told> {
    let body = letter.body.shown();
    let begin = body.find('{')?;
    let mut values = serde_json::Deserializer::from_str(&body[begin..]).into_iter::<Value>();
    let whole = values.next()?.ok()?;
    let result = whole.get("Data").unwrap_or(&whole);
    let fields = result.as_object()?;
    let mut told = Told::default();
    for (key, value) in fields {
        let text = plain(value);
        match key.as_str() {
            "ParsedResult" => told.own = Some(text),
            "Errors" => told.reason = first(value).unwrap_or(told.reason),
            "Warnings" if told.reason.is_empty() => told.reason = first(value).unwrap_or_default(),
            "ClassName" | "Exception" => told.failed = true,
            _ => field(&mut told, &key.to_lowercase(), &text, habits),
        }
        if let Some(of) = value.get("ParsedResult") {
            told.others.push(plain(of));
        }
    }
    if told.failed {
        told.reason = fields.get("Message").map(plain).unwrap_or_default();
    }
    let extra = |key: &str| whole.get("Extra").and_then(|it| it.get(key)).map(plain);
    told.name = extra("backup-name").unwrap_or_default();
    if told.operation.is_empty() {
        told.operation = extra("OperationName").unwrap_or_default();
    }
    Some(told)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn first(value: &Value) -> Option<String> {
    value.as_array()?.first().map(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Text, formats::tests::habits};

    /// Found by fuzzing: one error more than can be counted was none.
    #[test]
    fn errors_that_cannot_be_counted_are_still_errors_with_one_more() {
        let body = "MainOperation: Backup\nErrorsActualLength: 1?\nErrors: [\n    no space\n]\n\
            ParsedResult: Success\n";
        let subject = Text::new("Success: Duplicati Backup report for Docs");
        let letter = Letter { subject, body: Text::new(body), ..Letter::default() };
        assert_eq!(read(&letter, &habits()).outcome, Some(Outcome::Failed));
        let fine = body.replace("1?", "0").replace("[\n    no space\n]", "[]");
        let letter = Letter { body: Text::new(&fine), ..letter };
        assert_eq!(read(&letter, &habits()).outcome, Some(Outcome::Ok));
    }
}
