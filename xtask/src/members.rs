//! The members of the workspace, as they lie on the disk.
//!
//! Read from the folders, not from `cargo metadata`: no JSON parser is needed, and a folder that
//! cargo does not know is exactly what `tidy` wants to see.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// One package of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its folder, relative to the root: `crates/model`, `xtask`.
    pub folder: String,
    /// Its package name; the same as the last part of the folder.
    pub name: String,
}

/// Folders beside `crates/` that hold one package each.
const BESIDE_CRATES: [&str; 3] = ["benches", "tests", "xtask"];

/// Every member, in order.
///
/// # Errors
/// When `crates/` cannot be read.
pub(crate) fn all(root: &Path) -> Result<Vec<Member>> {
    let crates = root.join("crates");
    let entries = fs::read_dir(&crates).with_context(|| format!("reading {}", crates.display()))?;
    let mut members = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let name = entry.file_name().to_string_lossy().into_owned();
            members.push(Member { folder: format!("crates/{name}"), name });
        }
    }
    for name in BESIDE_CRATES {
        if root.join(name).is_dir() {
            members.push(Member { folder: name.to_owned(), name: name.to_owned() });
        }
    }
    members.sort();
    Ok(members)
}

/// Folders that are not part of the work: made by tools or by running the engine.
const NOT_OURS: [&str; 6] =
    ["target", ".git", "data", "fuzz/target", "fuzz/corpus", "fuzz/artifacts"];

/// Every file of the work tree, relative to `root`, in order.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let at = root.join(&folder);
        let entries = fs::read_dir(&at).with_context(|| format!("reading {}", at.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            let ours = !NOT_OURS.iter().any(|it| path == Path::new(it));
            if kind.is_dir() && ours {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
