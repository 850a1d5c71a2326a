//! One file, or one folder, for each mistake in `tests/golden/config/` at the root of the
//! repository, with the expected message beside it. `UPDATE_EXPECT=1` writes the messages.
//!
//! A single file is a check file of a configuration that is otherwise empty; a folder has a
//! `config.yaml` of its own. Files called `secrets/open…` can be read by others, other secrets
//! cannot.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use config::{Code, Loaded, load_at};
use model::Moment;

use crate::catalogue;

/// The day on which all of them are read: 2026-11-21 12:00 UTC, a Saturday.
const NOW: Moment = Moment::from_secs(1_795_262_400);

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/config")
}

/// Names of all mistakes, sorted.
fn mistakes() -> Vec<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(golden()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match name.rsplit_once('.') {
            Some((stem, "yaml")) => drop(names.insert(stem.to_owned())),
            Some((_, "stderr")) => {}
            _ if entry.path().is_dir() => drop(names.insert(name)),
            _ => panic!("{name} is neither a mistake nor its message"),
        }
    }
    names.into_iter().collect()
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
        return;
    }
    fs::copy(from, to).unwrap();
    let name = to.file_name().unwrap().to_string_lossy();
    let is_secret = to.parent().unwrap().ends_with("secrets") && !name.starts_with("open");
    let mode = if is_secret { 0o600 } else { 0o644 };
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).unwrap();
}

/// Loads one mistake from a copy, so that modes and paths are the same everywhere.
fn load_mistake(name: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("config.yaml");
    let single = golden().join(format!("{name}.yaml"));
    if single.is_file() {
        fs::write(&main, format!("checks: [{name}.yaml]\n")).unwrap();
        copy(&single, &folder.path().join(format!("{name}.yaml")));
    } else {
        copy(&golden().join(name), folder.path());
    }
    let loaded = load_at(&main, catalogue::KINDS, catalogue::CHANNELS, catalogue::FORMATS, NOW);
    assert_eq!(loaded.plan.is_none(), loaded.errors() > 0, "{name}");
    // Rendered while the folder is there, without its name.
    loaded
}

fn message(name: &str) -> String {
    let loaded = load_mistake(name);
    let json = loaded.render_json();
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed.as_array().unwrap().len(), loaded.diagnostics.len(), "{name}");
    let text = format!("{}{}\n", loaded.render(false), loaded.summary());
    hide_folders(&text)
}

/// The folder is another one at each run.
fn hide_folders(text: &str) -> String {
    let root = std::env::temp_dir();
    let prefix = format!("{}/.tmp", root.display());
    let mut parts = text.split(&prefix);
    let mut hidden = parts.next().unwrap().to_owned();
    for part in parts {
        hidden.push_str("FOLDER");
        hidden.push_str(part.trim_start_matches(|it: char| it.is_ascii_alphanumeric()));
    }
    hidden
}

#[test]
fn every_mistake_has_its_message() {
    let mut different = Vec::new();
    for name in mistakes() {
        let found = message(&name);
        let beside = golden().join(format!("{name}.stderr"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&beside, &found).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if expected != found {
            different.push(format!("--- {name}, expected\n{expected}\n--- found\n{found}"));
        }
    }
    assert!(different.is_empty(), "UPDATE_EXPECT=1 writes these:\n{}", different.join("\n"));
}

/// A mistake named `good-…` is none: these show what must not be refused.
#[test]
fn good_ones_are_good() {
    let good: Vec<String> = mistakes().into_iter().filter(|it| it.starts_with("good-")).collect();
    assert!(!good.is_empty());
    for name in good {
        let loaded = load_mistake(&name);
        assert_eq!(loaded.errors() + loaded.warnings(), 0, "{name}:\n{}", loaded.render(false));
    }
}

/// Too large for a repository; `hostile.rs` makes these.
const MADE_ELSEWHERE: &[Code] =
    &[Code::FileTooLarge, Code::TooMuch, Code::TooManyNodes, Code::TooLong];

#[test]
fn every_code_has_a_mistake() {
    let mut seen: BTreeSet<Code> = MADE_ELSEWHERE.iter().copied().collect();
    for name in mistakes() {
        seen.extend(load_mistake(&name).diagnostics.iter().map(|it| it.code));
    }
    let missing: Vec<&Code> = Code::ALL.iter().filter(|it| !seen.contains(it)).collect();
    assert!(missing.is_empty(), "no file in tests/golden/config makes {missing:?}");
}
