//! `campanile silence`: nobody is told.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::problems::each;
use crate::{
    reach::{Engine, Failure, Outcome, Reach, body},
    table::{Table, cell},
};

#[derive(Args, Debug)]
pub(crate) struct Silence {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List those that have not ended (what happens if nothing is said)
    List,
    /// Put one up: all conditions must hold
    ///
    /// A condition is `LABEL=VALUE` or `LABEL!=VALUE`, where `*` stands for any text; labels are
    /// those of the checks and `customer`, `site`, `host`, `service`, `name`. Without a sign it is
    /// the whole name: `acme/web*`.
    Add {
        /// Conditions
        #[arg(required = true)]
        conditions: Vec<String>,
        #[command(flatten)]
        span: Stretch,
        /// Why
        #[arg(long)]
        text: String,
    },
    /// End one
    End {
        /// Its number
        id: u64,
    },
}

/// From when until when
#[derive(Args, Debug)]
pub(crate) struct Stretch {
    /// From when: `17:30`, `Sun 03:00`, …; else from now
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until when
    #[arg(
        long,
        value_name = "TIME",
        conflicts_with = "length",
        required_unless_present = "length"
    )]
    until: Option<String>,
    /// For how long: `2h`, `1d 12h`
    #[arg(long = "for", id = "length", value_name = "LENGTH")]
    length: Option<String>,
}

impl Stretch {
    /// Begin and end as fields.
    pub(crate) fn fields(&self, engine: &Engine) -> Outcome<[(&'static str, Value); 2]> {
        let from = engine.meant_if(self.from.as_ref())?;
        let until = match (&self.length, &self.until) {
            (Some(length), _) => {
                let fault = || Failure::Usage(format!("`{length}` is no length; write 2h or 1d"));
                let length = crate::when::length_of(length).ok_or_else(fault)?;
                let begin = from.as_ref().and_then(|it| it.parse::<jiff::Timestamp>().ok());
                let end = begin.unwrap_or_else(jiff::Timestamp::now).checked_add(length);
                end.map_err(|_| fault())?.to_string()
            }
            (None, Some(until)) => engine.meant(until)?,
            (None, None) => return Err(Failure::Usage("say --for or --until".to_owned())),
        };
        Ok([("from", json!(from)), ("until", json!(until))])
    }
}

/// Conditions as people write them, as one line of a scope.
pub(crate) fn scope(conditions: &[String]) -> Outcome<Value> {
    let one = |text: &String| {
        let (label, value, differs) = match text.split_once('=') {
            None => ("name", text.as_str(), false),
            Some((label, value)) => match label.strip_suffix('!') {
                Some(label) => (label, value, true),
                None => (label, value, false),
            },
        };
        if label.is_empty() {
            return Err(Failure::Usage(format!("`{text}` names no label; write LABEL=VALUE")));
        }
        let op = match (value.contains('*'), differs) {
            (false, false) => "is",
            (false, true) => "is-not",
            (true, false) => "like",
            (true, true) => "not-like",
        };
        Ok(json!({ "label": label, "op": op, "value": value }))
    };
    let line = conditions.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(json!([line]))
}

/// A scope as people write it.
pub(crate) fn scope_text(scope: &Value) -> String {
    let one = |it: &Value| {
        let sign = if matches!(it["op"].as_str(), Some("is" | "like")) { "=" } else { "!=" };
        format!("{}{sign}{}", cell(&it["label"]), cell(&it["value"]))
    };
    let line = |it: &Value| each(it).iter().map(one).collect::<Vec<_>>().join(" ");
    each(scope).iter().map(line).collect::<Vec<_>>().join(" or ")
}

impl Silence {
    pub(crate) fn run(self) -> u8 {
        let Self { reach, act } = self;
        reach.with(|engine| match act.unwrap_or(Act::List) {
            Act::List => list(engine),
            Act::Add { conditions, span, text } => {
                let [from, until] = span.fields(engine)?;
                let scope = ("scope", scope(&conditions)?);
                let body = body(&[scope, from, until, ("text", json!(text))]);
                let done = engine.change("POST", "/api/v1/silences", Some(&body), None)?;
                engine.done(&done, "put up silence");
                Ok(())
            }
            Act::End { id } => {
                let done =
                    engine.change("DELETE", &format!("/api/v1/silences/{id}"), None, None)?;
                engine.done(&done, "ended silence");
                Ok(())
            }
        })
    }
}

fn list(engine: &Engine) -> Outcome {
    let list = engine.get("/api/v1/silences", &[])?;
    engine.show_list(&list, |items| {
        let mut table = Table::new(&["ID", "SCOPE", "CUSTOMERS", "FROM", "UNTIL", "BY", "TEXT"]);
        for it in items {
            let customers =
                if it["customers"].is_null() { "all".to_owned() } else { cell(&it["customers"]) };
            table.row([
                cell(&it["id"]),
                scope_text(&it["scope"]),
                customers,
                engine.time(&it["from"]),
                engine.time(&it["until"]),
                cell(&it["by"]),
                cell(&it["text"]),
            ]);
        }
        table.render("no silences")
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_written_alike() {
        let words = ["acme/web*", "env=prod", "service!=http", "host!=db*", "a=b=c"];
        let words: Vec<String> = words.map(str::to_owned).to_vec();
        let scope = scope(&words).unwrap();
        let ops: Vec<_> = each(&scope[0]).iter().map(|it| cell(&it["op"])).collect();
        assert_eq!(ops, ["like", "is", "is-not", "not-like", "is"]);
        assert_eq!(scope_text(&scope), "name=acme/web* env=prod service!=http host!=db* a=b=c");
        assert!(super::scope(&["=x".to_owned()]).is_err());
    }
}
