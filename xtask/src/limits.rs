//! Every limit of the program stands in ARCHITECTURE.md with the value that it has in the code.
//!
//! A limit is a constant whose name ends in `_MAX`. The table may hold further constants; each
//! line of it must name one that exists, in its file and with its very expression, so that the page
//! cannot say anything else than the code.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{members, source};

/// File and name of a constant, with the expression that is its value.
type Constants = BTreeMap<(String, String), String>;

/// The simulator draws worlds; its numbers limit nothing that runs.
const NOT_RUN: &str = "crates/sim/";

/// Names that only look like limits, and what they are.
const NO_LIMITS: &[(&str, &str)] = &[
    // The place of a measurement, "longest round-trip time", in its kind's list.
    ("probe/kinds/ping.rs", "RTT_MAX"),
    // The range of a number that is drawn at random.
    ("probe/wires/snmp/v3.rs", "BOOTS_MAX"),
    // The layout of a packed word.
    ("console/cell.rs", "TOOK_MICROS_MAX"),
];

/// The limits that do not stand in the table, and the lines of the table that are not so.
///
/// # Errors
/// When a source or the page cannot be read.
pub fn faults(root: &Path) -> Result<Vec<String>> {
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let mut constants = Constants::new();
    for path in members::files(root)?.iter().filter(|it| is_run(it)) {
        let text = fs::read_to_string(root.join(path))
            .with_context(|| format!("reading {}", path.display()))?;
        let file = short(path);
        for (name, value) in constants_of(&text) {
            constants.insert((file.clone(), name), value);
        }
    }
    Ok(compare(&constants, &table(&page)))
}

fn compare(constants: &Constants, table: &Constants) -> Vec<String> {
    let is_limit =
        |file: &str, name: &str| name.ends_with("_MAX") && !NO_LIMITS.contains(&(file, name));
    let missing = constants
        .iter()
        .filter(|(it, _)| is_limit(&it.0, &it.1) && !table.contains_key(*it))
        .map(|((file, name), value)| {
            format!("ARCHITECTURE.md: \"Limits\" has no line `{name}` | {file} | `{value}`")
        });
    let wrong = table.iter().filter_map(|(it, shown)| {
        let (file, name) = it;
        match constants.get(it) {
            None => Some(format!("ARCHITECTURE.md: \"Limits\": {file} has no constant {name}")),
            Some(value) if value != shown => Some(format!(
                "ARCHITECTURE.md: \"Limits\": {name} of {file} is `{value}`, not `{shown}`"
            )),
            Some(_) => None,
        }
    });
    missing.chain(wrong).collect()
}

/// Is it a source of a crate that is part of the program?
fn is_run(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let of_tests = path.iter().any(|part| {
        let part = part.to_string_lossy();
        let stem = part.strip_suffix(".rs").unwrap_or(&part);
        ["tests", "testing", "live"].contains(&stem) || stem.ends_with("_tests")
    });
    text.starts_with("crates/")
        && !text.starts_with(NOT_RUN)
        && text.contains("/src/")
        && text.ends_with(".rs")
        && !of_tests
}

/// `crates/store/src/writer.rs` is `store/writer.rs` in the table.
fn short(path: &Path) -> String {
    let parts: PathBuf = path.iter().skip(1).filter(|it| *it != "src").collect();
    parts.to_string_lossy().into_owned()
}

/// Name and value of every constant of a source that is written on one line.
fn constants_of(text: &str) -> Vec<(String, String)> {
    source::code_only(text)
        .lines()
        .take(source::lines_before_tests(text))
        .filter_map(|line| {
            let (before, declared) = line.split_once("const ")?;
            let private = before.trim().is_empty();
            if !private && !before.trim_start().starts_with("pub") {
                return None;
            }
            let (name, rest) = declared.split_once(':')?;
            let value = rest.split_once('=')?.1.trim().strip_suffix(';')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// The lines below `### Limits` that begin with a constant: name, file and value.
fn table(page: &str) -> Constants {
    page.lines()
        .skip_while(|line| *line != "### Limits")
        .skip(1)
        .take_while(|line| !line.starts_with("## ") && !line.starts_with("### "))
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.strip_suffix('`')?;
            let file = cells.next()?;
            let value = cells.next()?.trim_matches('`');
            Some(((file.to_owned(), name.to_owned()), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! const COMMENT_MAX: usize = 1;
pub(crate) const FILES_MAX: usize = 50_000;
impl Rule {
    /// More are refused.
    pub const PER_CHECK_MAX: usize = 16;
}
const WAIT: Duration = Duration::from_secs(2);
pub const fn entry_MAX() {}

#[cfg(test)]
mod tests {
    const TRIES_MAX: u32 = 3;
}
";

    fn constants(file: &str) -> Constants {
        constants_of(SOURCE).into_iter().map(|(name, it)| ((file.to_owned(), name), it)).collect()
    }

    #[test]
    fn constants_are_read_without_comments_and_tests() {
        let names: Vec<String> = constants_of(SOURCE).into_iter().map(|it| it.0).collect();
        assert_eq!(names, ["FILES_MAX", "PER_CHECK_MAX", "WAIT"]);
        assert_eq!(constants_of(SOURCE)[2].1, "Duration::from_secs(2)");
    }

    #[test]
    fn only_what_runs_is_read() {
        for path in ["crates/store/src/writer.rs", "crates/probe/src/wires/snmp/mod.rs"] {
            assert!(is_run(Path::new(path)), "{path}");
        }
        let others = [
            "crates/sim/src/world.rs",
            "crates/probe/src/live/mod.rs",
            "crates/probe/src/wires/snmp/testing.rs",
            "crates/engine/src/shard_tests.rs",
            "crates/engine/tests/states.rs",
            "xtask/src/limits.rs",
        ];
        for path in others {
            assert!(!is_run(Path::new(path)), "{path}");
        }
        assert_eq!(short(Path::new("crates/probe/src/kinds/tcp.rs")), "probe/kinds/tcp.rs");
    }

    #[test]
    fn each_way_to_differ_is_found() {
        let page =
            |lines: &str| format!("## A\n\n### Limits\n\n| C | In |\n|---|---|\n{lines}\n## B\n");
        let files = "| `FILES_MAX` | a.rs | `50_000` | files | refused |\n";
        let rules = "| `PER_CHECK_MAX` | a.rs | `16` | rules | refused |\n";
        let found = |lines: &str| compare(&constants("a.rs"), &table(&page(lines)));
        assert_eq!(found(&format!("{files}{rules}")), Vec::<String>::new());
        assert_eq!(
            found(files),
            ["ARCHITECTURE.md: \"Limits\" has no line `PER_CHECK_MAX` | a.rs | `16`"]
        );
        let wait = "| `WAIT` | a.rs | `Duration::from_secs(3)` | a pause | |\n";
        assert_eq!(
            found(&format!("{files}{rules}{wait}")),
            ["ARCHITECTURE.md: \"Limits\": WAIT of a.rs is `Duration::from_secs(2)`, not \
              `Duration::from_secs(3)`"]
        );
        let gone = "| `GONE_MAX` | a.rs | `1` | nothing | |\n";
        assert_eq!(
            found(&format!("{files}{rules}{gone}")),
            ["ARCHITECTURE.md: \"Limits\": a.rs has no constant GONE_MAX"]
        );
    }
}
