//! Every source is part of a program, and says at its head what it is for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{Fault, Source};
use crate::source::code_only;

/// Checks all sources together.
pub(super) fn check(sources: &[Source], faults: &mut Vec<Fault>) {
    let by_path: BTreeMap<&Path, &Source> = sources
        .iter()
        .filter(|it| it.is("rs"))
        .map(|source| (source.path.as_path(), source))
        .collect();
    let manifests: Vec<&Source> =
        sources.iter().filter(|it| it.path.ends_with("Cargo.toml")).collect();
    let reached = reached(&by_path, &manifests);
    for (path, source) in &by_path {
        if !reached.contains(*path) {
            faults.push(source.fault(0, "dead file: no `mod` leads to it"));
        }
        if !has_header(&source.text) {
            faults.push(source.fault(0, "no `//!` header that says what the module is for"));
        }
    }
}

/// The first line that is neither empty nor an attribute opens the module's documentation.
fn has_header(text: &str) -> bool {
    text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with("//! "))
}

/// Every source that cargo would compile.
fn reached(by_path: &BTreeMap<&Path, &Source>, manifests: &[&Source]) -> BTreeSet<PathBuf> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<PathBuf> =
        by_path.keys().filter(|it| is_root(it, manifests)).map(|it| it.to_path_buf()).collect();
    while let Some(path) = open.pop() {
        let Some(source) = by_path.get(path.as_path()) else { continue };
        if reached.insert(path.clone()) {
            open.extend(children(&path, &source.text, is_root(&path, manifests)));
        }
    }
    reached
}

/// Does cargo compile `path` by itself?
fn is_root(path: &Path, manifests: &[&Source]) -> bool {
    manifests.iter().any(|manifest| {
        let Some(folder) = manifest.path.parent() else { return false };
        let Ok(inside) = path.strip_prefix(folder) else { return false };
        is_usual_root(inside) || is_named_by(&manifest.text, inside)
    })
}

/// `src/lib.rs`, `src/bin/a.rs`, `tests/a.rs`, `tests/a/main.rs`, …
fn is_usual_root(inside: &Path) -> bool {
    let parts: Vec<&str> = inside.iter().filter_map(|it| it.to_str()).collect();
    matches!(
        parts.as_slice(),
        ["build.rs"]
            | ["src", "lib.rs" | "main.rs"]
            | ["src", "bin", _]
            | ["src", "bin", _, "main.rs"]
            | ["tests" | "examples" | "benches" | "fuzz_targets", _]
            | ["tests" | "examples" | "benches", _, "main.rs"]
    )
}

/// `path = "…"` of a target.
fn is_named_by(manifest: &str, inside: &Path) -> bool {
    inside.to_str().is_some_and(|path| manifest.contains(&format!("path = \"{path}\"")))
}

/// The files in which the modules that `text` declares may lie.
fn children(path: &Path, text: &str, is_root: bool) -> Vec<PathBuf> {
    let beside = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let is_folder_module = is_root || path.ends_with("mod.rs");
    let below = if is_folder_module { beside.clone() } else { path.with_extension("") };
    let mut files = Vec::new();
    for (name, place) in declared(text) {
        match place {
            Some(place) => files.push(beside.join(place)),
            None => {
                files.push(below.join(format!("{name}.rs")));
                files.push(below.join(&name).join("mod.rs"));
            }
        }
    }
    files
}

/// The modules declared without a body, each with the `#[path]` before it.
fn declared(text: &str) -> Vec<(String, Option<String>)> {
    let code = code_only(text);
    let mut found = Vec::new();
    let mut place = None;
    for (line, code) in text.lines().zip(code.lines()) {
        if let Some(path) = line.trim().strip_prefix("#[path = \"") {
            place = path.split('"').next().map(str::to_owned);
            continue;
        }
        let words: Vec<&str> = code.split_whitespace().collect();
        let name = words.iter().position(|it| *it == "mod").and_then(|at| words.get(at + 1));
        if let Some(name) = name.and_then(|it| it.strip_suffix(';')) {
            found.push((name.to_owned(), place.take()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::source, *};

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let mut sources = vec![source("crates/a/Cargo.toml", "[[bin]]\npath = \"src/odd.rs\"\n")];
        sources.extend(files.iter().map(|(path, text)| source(path, text)));
        let mut faults = Vec::new();
        check(&sources, &mut faults);
        faults.iter().map(|it| format!("{}: {}", it.path.display(), it.what)).collect()
    }

    #[test]
    fn every_way_to_be_compiled_is_known() {
        let files = [
            ("crates/a/src/lib.rs", "//! a\nmod b;\npub mod c;\n#[path = \"x/y.rs\"]\nmod z;\n"),
            ("crates/a/src/b.rs", "//! b\nmod d;\n"),
            ("crates/a/src/b/d.rs", "//! d\n"),
            ("crates/a/src/c/mod.rs", "//! c\nmod e;\n"),
            ("crates/a/src/c/e.rs", "//! e\n"),
            ("crates/a/src/x/y.rs", "//! y\n"),
            ("crates/a/src/odd.rs", "//! odd\n"),
            ("crates/a/src/bin/f.rs", "//! f\n"),
            ("crates/a/tests/g.rs", "//! g\n"),
            ("crates/a/examples/h.rs", "//! h\n"),
        ];
        assert_eq!(faults(&files), Vec::<String>::new());
    }

    #[test]
    fn dead_files_and_missing_headers_are_faults() {
        let files = [
            ("crates/a/src/lib.rs", "// mod b;\nlet s = \"mod b;\";\nmod c {}\n"),
            ("crates/a/src/b.rs", "//! b\n"),
        ];
        assert_eq!(
            faults(&files),
            [
                "crates/a/src/b.rs: dead file: no `mod` leads to it",
                "crates/a/src/lib.rs: no `//!` header that says what the module is for",
            ]
        );
    }
}
