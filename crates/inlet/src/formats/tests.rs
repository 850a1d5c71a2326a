//! Every example mail is read by the one format whose folder it lies in, and says what stands
//! beside it.

use std::{fmt::Write as _, fs, path::PathBuf};

use expect_test::expect_file;
use model::{DateOrder, Moment};

use super::*;
use crate::mime;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/formats/examples")
}

/// When all examples came in.
const CAME: u64 = 1_790_000_000;

pub(super) fn examples() -> Vec<(String, PathBuf)> {
    let mut all = Vec::new();
    for of in fs::read_dir(folder()).unwrap() {
        let of = of.unwrap();
        let name = of.file_name().into_string().unwrap();
        for mail in fs::read_dir(of.path()).unwrap() {
            let path = mail.unwrap().path();
            if path.extension().is_some_and(|it| it == "eml") {
                all.push((name.clone(), path));
            }
        }
    }
    all.sort();
    all
}

pub(super) fn habits() -> Habits {
    let now = Moment::from_secs(CAME);
    Habits { zone: "Europe/Rome".to_owned(), dates: DateOrder::DayFirst, now }
}

/// What a report says, a line for each thing that it does.
fn rendered(says: &Says) -> String {
    let mut out = String::new();
    let outcome = says.outcome.map_or("unclassified", model::Outcome::word);
    writeln!(out, "outcome: {outcome}").unwrap();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            writeln!(out, "{name}: {value}").unwrap();
        }
    };
    let moment = |it: Option<Moment>| {
        it.map(|it| (it.as_nanos() / 1_000_000_000).to_string()).unwrap_or_default()
    };
    line("names", says.names.to_string());
    line("text", says.text.to_string());
    line("began", moment(says.began_at));
    line("ended", moment(says.ended_at));
    line("size", says.size.map(|it| it.to_string()).unwrap_or_default());
    line("duration", says.duration.map(|it| format!("{}s", it.as_secs())).unwrap_or_default());
    for (name, outcome) in &says.objects {
        line("object", format!("{} {name}", outcome.word()));
    }
    line("run", says.run.as_deref().unwrap_or_default().to_owned());
    line("signature", says.signature.to_string());
    line("advice", says.advice.to_string());
    out
}

#[test]
fn every_example_is_read_by_its_own_format_alone_and_says_what_stands_beside_it() {
    let all = examples();
    assert!(!all.is_empty());
    for (name, path) in all {
        let letter = mime::letter(&fs::read(&path).unwrap());
        let takers: Vec<_> =
            CATALOGUE.iter().filter(|it| (it.recognises)(&letter)).map(|it| it.name).collect();
        assert_eq!(takers, [name.as_str()], "{}", path.display());
        let says = (named(&name).unwrap().read)(&letter, &habits());
        expect_file![path.with_extension("says")].assert_eq(&rendered(&says));
    }
}

#[test]
fn every_format_has_examples_of_good_and_of_bad_news() {
    for format in CATALOGUE {
        let says: Vec<_> = examples()
            .into_iter()
            .filter(|it| it.0 == format.name)
            .map(|it| fs::read_to_string(it.1.with_extension("says")).unwrap())
            .collect();
        assert!(says.len() >= 2, "{} has {} examples", format.name, says.len());
        assert!(says.iter().any(|it| !it.starts_with("outcome: ok")), "{}", format.name);
    }
}

#[test]
fn names_of_formats_are_unlike() {
    let mut names: Vec<_> = CATALOGUE.iter().map(|it| it.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CATALOGUE.len());
}
