//! Labels, tables and sentences in a report, whatever they are laid out with: lines of `Label: value`,
//! or rows whose cells are divided by tabs.

use std::sync::Arc;

use model::Outcome;
use regex::Match;

use crate::Text;

/// The cells of a line, as they came and folded.
pub(super) fn cells<'a>(line: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    line.0.split('\t').map(str::trim).zip(line.1.split('\t').map(str::trim)).collect()
}

/// What stands behind one of these labels, written folded and without colon: in the next cell, or
/// behind its colon; in the next line, if it ends its own.
pub(super) fn value<'a>(text: &'a Text, labels: &[&str]) -> Option<&'a str> {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let cells = cells(line);
        for (at, (shown, folded)) in cells.iter().enumerate() {
            let Some(rest) = behind(shown, folded, labels) else { continue };
            if !rest.is_empty() {
                return Some(rest);
            }
            let next = cells[at + 1..].iter().map(|it| it.0).find(|it| !it.is_empty());
            return next.or_else(|| lines.map(|it| it.0).find(|it| !it.is_empty()));
        }
    }
    None
}

/// The same, but a number that stands in the same line.
pub(super) fn count(text: &Text, labels: &[&str]) -> Option<u64> {
    text.lines().find_map(|line| {
        let cells = cells(line);
        let at = cells.iter().position(|(_, folded)| {
            labels.iter().any(|label| folded.strip_prefix(label).is_some_and(is_end))
        })?;
        let own = cells[at].1.rsplit(':').next().unwrap_or("").trim();
        let next = cells.get(at + 1).map_or("", |it| it.1);
        [own, next].into_iter().find_map(|it| it.parse().ok())
    })
}

fn is_end(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with(':')
}

/// What is behind the label and its colon; nothing, if the label is all there is.
fn behind<'a>(shown: &'a str, folded: &str, labels: &[&str]) -> Option<&'a str> {
    let rest =
        labels.iter().find_map(|label| folded.strip_prefix(label).filter(|it| is_end(it)))?;
    // The label itself has no colon.
    let value = if rest.trim().is_empty() { "" } else { shown.split_once(':')?.1 };
    Some(value.trim())
}

/// A sentence, without the point at its end. Points within names divide nothing.
pub(super) struct Sentence {
    /// As it came.
    pub(super) shown: String,
    pub(super) folded: String,
    /// Something stands behind it, if only a point: it was not cut off.
    pub(super) whole: bool,
}

pub(super) fn sentences(text: &Text) -> impl Iterator<Item = Sentence> {
    let last = text.folded().trim_end().lines().count();
    text.lines().enumerate().flat_map(move |(at, (shown, folded))| {
        let shown: Vec<&str> = shown.split(". ").collect();
        let pieces: Vec<&str> = folded.split(". ").collect();
        let all: Vec<Sentence> = pieces
            .iter()
            .enumerate()
            .map(|(number, it)| Sentence {
                shown: ended(if shown.len() == pieces.len() { shown[number] } else { it }),
                folded: ended(it),
                whole: at + 1 < last || number + 1 < pieces.len() || it.ends_with(['.', '!']),
            })
            .collect();
        all
    })
}

fn ended(sentence: &str) -> String {
    sentence.trim().trim_end_matches(['.', '!']).trim_end().to_owned()
}

/// The part of `shown` that lies where `part` lies in `folded`. Folding leaves out some invisible
/// characters, so a name that has such may lose one at its end: for people only.
pub(super) fn part<'a>(shown: &'a str, folded: &str, part: Match<'_>) -> &'a str {
    let before = folded[..part.start()].chars().count();
    let long = part.as_str().chars().count();
    let at = |count| shown.char_indices().nth(count).map_or(shown.len(), |it| it.0);
    shown[at(before)..at(before + long)].trim()
}

/// Rows of a table that are read.
pub(super) const ROWS_MAX: usize = 2_000;
/// What stands in place of the rows behind these.
pub(super) const MORE_ROWS: &str = "the table has more rows than are read";

/// A row of a table: the name, and what stands in the column of results, folded.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) result: String,
    /// The last cell as it came, if it is another one: a message, in most tables.
    pub(super) last: String,
}

/// The rows below the first line that has a cell of `names` and behind it one of `results`, until a
/// line has fewer cells than that.
pub(super) fn table(text: &Text, names: &[&str], results: &[&str]) -> Vec<Row> {
    let mut lines = text.lines();
    let columns = lines.by_ref().find_map(|line| {
        let cells = cells(line);
        let name = cells.iter().position(|it| names.contains(&it.1))?;
        let result = cells.iter().skip(name + 1).position(|it| results.contains(&it.1))?;
        Some((name, name + 1 + result))
    });
    let Some((name, result)) = columns else { return Vec::new() };
    let rows = lines.filter(|it| !it.1.is_empty()).map_while(|line| {
        let cells = cells(line);
        let last = if cells.len() > result + 1 { cells[cells.len() - 1].0 } else { "" };
        let (last, of) = (last.to_owned(), cells.get(result)?.1.to_owned());
        Some(Row { name: cells[name].0.to_owned(), result: of, last })
    });
    let mut rows = rows.filter(|it| !it.name.is_empty());
    let mut all: Vec<Row> = rows.by_ref().take(ROWS_MAX).collect();
    if rows.next().is_some() {
        // What follows could be the bad news, so there is a row of which nobody knows the result.
        let name = MORE_ROWS.to_owned();
        all.push(Row { last: name.clone(), result: String::new(), name });
    }
    all
}

/// How bad it is.
pub(super) fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ok => 1,
        Outcome::Warning => 2,
        Outcome::Partial => 3,
        Outcome::Failed => 4,
        Outcome::Started | Outcome::Unclassified | Outcome::Other => 0,
    }
}

/// The worse of what two places of a report say.
pub(super) fn worse(one: Option<Outcome>, other: Option<Outcome>) -> Option<Outcome> {
    one.into_iter().chain(other).max_by_key(|it| rank(*it))
}

/// A run whose parts tell another story than the whole: failed, while some parts are well, is in
/// part; and so is well, while some are not.
pub(super) fn weighed(whole: Option<Outcome>, parts: &[(Arc<str>, Outcome)]) -> Option<Outcome> {
    let any = |outcome| parts.iter().any(|it| it.1 == outcome);
    match whole? {
        Outcome::Failed if any(Outcome::Ok) || any(Outcome::Warning) => Some(Outcome::Partial),
        Outcome::Ok | Outcome::Warning if any(Outcome::Failed) || any(Outcome::Partial) => {
            Some(Outcome::Partial)
        }
        Outcome::Ok if any(Outcome::Warning) => Some(Outcome::Warning),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lead_to_cells_lines_and_the_next_line() {
        let text = Text::new(
            "Success\t2\tStart time\t23:30:12\tTotal size\t770 GB\nJob : One\nSize\n\n3 GB\nSizes: 4",
        );
        assert_eq!(value(&text, &["start time"]), Some("23:30:12"));
        assert_eq!(value(&text, &["total size"]), Some("770 GB"));
        assert_eq!(value(&text, &["job"]), Some("One"));
        assert_eq!(value(&text, &["size"]), Some("3 GB"));
        assert_eq!(count(&text, &["success"]), Some(2));
        assert_eq!(count(&text, &["sizes"]), Some(4));
        assert_eq!(count(&text, &["start time"]), None);
    }

    #[test]
    fn a_table_that_is_cut_has_a_row_without_a_result() {
        let of = |rows: usize| {
            let body = format!("Name\tStatus\n{}", "vm\tok\tall of it\n".repeat(rows));
            table(&Text::new(&body), &["name"], &["status"])
        };
        assert_eq!(of(ROWS_MAX).len(), ROWS_MAX);
        assert!(of(ROWS_MAX).iter().all(|it| it.result == "ok"));
        let cut = of(ROWS_MAX + 1);
        let last = cut.last().unwrap();
        assert_eq!((cut.len(), &*last.name, &*last.result), (ROWS_MAX + 1, MORE_ROWS, ""));
    }

    #[test]
    fn parts_and_the_whole_are_weighed() {
        let parts =
            |all: &[Outcome]| all.iter().map(|it| (Arc::from("x"), *it)).collect::<Vec<_>>();
        for (whole, all, then) in [
            (Outcome::Failed, vec![Outcome::Ok, Outcome::Failed], Outcome::Partial),
            (Outcome::Failed, vec![Outcome::Failed], Outcome::Failed),
            (Outcome::Ok, vec![Outcome::Ok, Outcome::Failed], Outcome::Partial),
            (Outcome::Ok, vec![Outcome::Warning], Outcome::Warning),
            (Outcome::Ok, vec![], Outcome::Ok),
        ] {
            assert_eq!(weighed(Some(whole), &parts(&all)), Some(then));
        }
        assert_eq!(weighed(None, &parts(&[Outcome::Ok])), None);
    }
}
