//! The rules of style that no other tool checks. A rule that is not checked is a wish.
//!
//! The length of functions is clippy's (`too_many_lines`); everything here looks at whole files.

mod folders;
mod markdown;
mod modules;
mod names;
mod text;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::members;

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Relative to the root.
    pub path: PathBuf,
    /// Counted from 1; 0: the file as a whole.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line.max(1), self.what)
    }
}

/// A text file of the tree.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    fn is(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|it| it == extension)
    }

    fn fault(&self, line: usize, what: impl Into<String>) -> Fault {
        Fault { path: self.path.clone(), line, what: what.into() }
    }
}

/// What the tree breaks, and what it is close to breaking.
#[derive(Debug, Default)]
pub struct Findings {
    /// These fail.
    pub faults: Vec<Fault>,
    /// These are said.
    pub remarks: Vec<Fault>,
}

/// Checks the tree and prints what it finds.
///
/// # Errors
/// When a rule is broken.
pub fn run(root: &Path) -> Result<()> {
    let findings = check(root)?;
    for remark in &findings.remarks {
        println!("remark: {remark}");
    }
    for fault in &findings.faults {
        println!("{fault}");
    }
    if !findings.faults.is_empty() {
        bail!("{} faults of style", findings.faults.len());
    }
    println!("tidy");
    Ok(())
}

/// Everything there is to say about the tree.
///
/// # Errors
/// When a file cannot be read.
pub fn check(root: &Path) -> Result<Findings> {
    let paths = members::files(root)?;
    let sources = read(root, &paths)?;
    let mut findings = Findings::default();
    for source in &sources {
        text::check(source, &mut findings);
        if source.is("rs") {
            names::check(source, &mut findings.faults);
        }
        if source.is("md") {
            markdown::check(source, &mut findings.faults);
        }
    }
    modules::check(&sources, &mut findings.faults);
    folders::check(&sources, &mut findings.faults);
    findings.faults.sort();
    findings.remarks.sort();
    Ok(findings)
}

/// What the rules of style are about, by the end of the name.
const TEXTS: [&str; 12] =
    ["rs", "md", "toml", "yaml", "yml", "json", "sh", "service", "txt", "sql", "jsonl", "run"];

/// Golden files hold mistakes on purpose; the lock file is cargo's.
fn is_judged(path: &Path) -> bool {
    let golden = path.starts_with("tests/golden");
    let text = path.extension().is_some_and(|it| TEXTS.iter().any(|text| it == *text))
        || path == Path::new(".ci/run");
    text && !golden
}

fn read(root: &Path, paths: &[PathBuf]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths.iter().filter(|it| is_judged(it)) {
        let bytes = fs::read(root.join(path)).with_context(|| format!("{}", path.display()))?;
        let text =
            String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))?;
        sources.push(Source { path: path.clone(), text });
    }
    Ok(sources)
}

#[cfg(test)]
pub(crate) fn source(path: &str, text: &str) -> Source {
    Source { path: PathBuf::from(path), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_files_and_pictures_are_left_alone() {
        assert!(is_judged(Path::new("crates/model/src/lib.rs")));
        assert!(is_judged(Path::new(".ci/run")));
        assert!(!is_judged(Path::new("tests/golden/config/tab.yaml")));
        assert!(!is_judged(Path::new("docs/picture.png")));
        assert!(!is_judged(Path::new("Cargo.lock")));
    }
}
