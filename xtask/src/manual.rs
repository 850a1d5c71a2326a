//! The manual of the kinds of check and of the channels, `docs/kinds/*.md` and
//! `docs/channels/*.md`, is printed from the catalogues, so that it cannot say anything else than
//! the code.
//!
//! The pages are written by examples of `probe` and `notify`, since only those know their
//! catalogues, and xtask must not take a minute to build.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::cargo;

/// A crate with a catalogue, and where its pages lie under `docs/`.
const BOOKS: [(&str, &str); 2] = [("probe", "kinds"), ("notify", "channels")];

/// Writes the pages.
///
/// # Errors
/// When a catalogue cannot be built or a page not written.
pub fn write(root: &Path) -> Result<()> {
    for (package, book) in BOOKS {
        print_to(root, package, &root.join("docs").join(book))?;
    }
    Ok(())
}

/// Compares the pages with what the catalogues say today.
///
/// # Errors
/// When a page is missing, too many or different.
pub fn check(root: &Path) -> Result<()> {
    let (mut count, mut stale) = (0, Vec::new());
    for (package, book) in BOOKS {
        let fresh = root.join("target/manual").join(book);
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        print_to(root, package, &fresh)?;
        let kept = root.join("docs").join(book);
        let names: BTreeSet<PathBuf> = pages(&fresh)?.union(&pages(&kept)?).cloned().collect();
        count += names.len();
        let differs =
            |name: &&PathBuf| fs::read(fresh.join(name)).ok() != fs::read(kept.join(name)).ok();
        let shown = |name: &PathBuf| format!("docs/{book}/{}", name.display());
        stale.extend(names.iter().filter(differs).map(shown));
    }
    if !stale.is_empty() {
        bail!("out of date, `cargo xtask manual` writes them: {}", stale.join(", "));
    }
    println!("{count} pages are up to date");
    Ok(())
}

fn print_to(root: &Path, package: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let folder = folder.to_str().context("the path of the work tree is not UTF-8")?;
    cargo(root, &["run", "--quiet", "--package", package, "--example", "manual", "--", folder])
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
