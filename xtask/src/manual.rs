//! The manual of the kinds of check, `docs/kinds/*.md`, is printed from the catalogue, so that it
//! cannot say anything else than the code.
//!
//! The pages are written by an example of `probe`, since only that knows the catalogue, and xtask
//! must not take a minute to build.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::cargo;

/// Writes the pages.
///
/// # Errors
/// When the catalogue cannot be built or a page not written.
pub fn write(root: &Path) -> Result<()> {
    print_to(root, &root.join("docs/kinds"))
}

/// Compares the pages with what the catalogue says today.
///
/// # Errors
/// When a page is missing, too many or different.
pub fn check(root: &Path) -> Result<()> {
    let fresh = root.join("target/manual");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    print_to(root, &fresh)?;
    let kept = root.join("docs/kinds");
    let names: BTreeSet<PathBuf> = pages(&fresh)?.union(&pages(&kept)?).cloned().collect();
    let stale: Vec<String> = names
        .iter()
        .filter(|name| fs::read(fresh.join(name)).ok() != fs::read(kept.join(name)).ok())
        .map(|name| format!("docs/kinds/{}", name.display()))
        .collect();
    if !stale.is_empty() {
        bail!("out of date, `cargo xtask manual` writes them: {}", stale.join(", "));
    }
    println!("{} pages are up to date", names.len());
    Ok(())
}

fn print_to(root: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let folder = folder.to_str().context("the path of the work tree is not UTF-8")?;
    cargo(root, &["run", "--quiet", "--package", "probe", "--example", "manual", "--", folder])
}

fn pages(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut names = BTreeSet::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            names.insert(PathBuf::from(entry?.file_name()));
        }
    }
    Ok(names)
}
