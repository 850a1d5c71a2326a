//! A folder exists only once it has something in it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Fault, Source};
use crate::source::{code_only, words};

/// Fewer words of code than this are no crate: `pub fn main` and a brace or two.
const WORDS_MIN: usize = 20;

/// Checks that every crate has code in it.
pub(super) fn check(sources: &[Source], faults: &mut Vec<Fault>) {
    let mut amounts: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for source in sources {
        let Some(folder) = crate_of(&source.path) else { continue };
        let amount = amounts.entry(folder).or_default();
        if source.is("rs") {
            *amount += words(&code_only(&source.text)).count();
        }
    }
    for (folder, amount) in amounts {
        if amount < WORDS_MIN {
            let what = "a crate without code: a folder exists only once it has something in it";
            faults.push(Fault { path: folder, line: 0, what: what.to_owned() });
        }
    }
}

/// `crates/NAME` of a path below it.
fn crate_of(path: &Path) -> Option<PathBuf> {
    let inside = path.strip_prefix("crates").ok()?;
    Some(Path::new("crates").join(inside.iter().next()?))
}

#[cfg(test)]
mod tests {
    use super::{super::source, *};

    #[test]
    fn a_crate_of_comments_is_empty() {
        let words = "fn a() { b(c, d); }\n".repeat(WORDS_MIN / 5);
        let sources = [
            source("crates/empty/Cargo.toml", "[package]\n"),
            source("crates/empty/src/lib.rs", "//! One day this will be a great crate.\n"),
            source("crates/full/src/lib.rs", &words),
        ];
        let mut faults = Vec::new();
        check(&sources, &mut faults);
        let paths: Vec<&Path> = faults.iter().map(|it| it.path.as_path()).collect();
        assert_eq!(paths, [Path::new("crates/empty")]);
    }
}
