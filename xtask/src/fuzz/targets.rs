//! Which targets there are. A format of reports is a target of its own, though all of them share
//! one binary; which formats there are is seen by their examples.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Its name, and that of its file of inputs.
    pub(super) name: String,
    /// The program that is run.
    pub(super) binary: String,
    /// The format that it is about.
    pub(super) format: Option<String>,
    /// Words that it is good to know.
    pub(super) dictionary: Option<&'static str>,
    /// Bytes of an input.
    pub(super) bytes: usize,
    /// Bytes of all inputs that are kept in the tree.
    pub(super) kept_bytes: usize,
}

/// Name, dictionary and bytes of an input of every binary but `format`.
const BINARIES: [(&str, Option<&str>, usize); 15] = [
    ("smtp", Some("smtp.dict"), 4_096),
    ("lmtp", Some("smtp.dict"), 4_096),
    ("mail", Some("mail.dict"), 16_384),
    ("proofs", Some("mail.dict"), 4_096),
    ("imap", Some("imap.dict"), 4_096),
    ("html", Some("mail.dict"), 8_192),
    ("zip", None, 4_096),
    ("words", Some("words.dict"), 256),
    ("schedules", Some("schedules.dict"), 512),
    ("windows", Some("schedules.dict"), 512),
    ("holidays", Some("schedules.dict"), 4_096),
    ("suggestions", None, 512),
    ("config", Some("config.dict"), 4_096),
    ("pings", Some("mail.dict"), 2_048),
    ("wires", None, 2_048),
];
/// Bytes of an input for a format.
const REPORT_BYTES: usize = 8_192;
/// Bytes that a target may keep in the tree.
const KEPT_BYTES: usize = 32 << 10;
/// Bytes that a format may; there are many of them.
const FORMAT_KEPT_BYTES: usize = 16 << 10;

/// Every target.
///
/// # Errors
/// When the examples of the formats cannot be found.
pub(super) fn all(root: &Path) -> Result<Vec<Target>> {
    let mut all: Vec<Target> = BINARIES
        .iter()
        .map(|(name, dictionary, bytes)| Target {
            name: (*name).to_owned(),
            binary: (*name).to_owned(),
            format: None,
            dictionary: *dictionary,
            bytes: *bytes,
            kept_bytes: KEPT_BYTES,
        })
        .collect();
    all.extend(formats(root)?.into_iter().map(|it| Target {
        name: format!("format-{it}"),
        binary: "format".to_owned(),
        format: Some(it),
        dictionary: Some("words.dict"),
        bytes: REPORT_BYTES,
        kept_bytes: FORMAT_KEPT_BYTES,
    }));
    Ok(all)
}

fn formats(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("crates/inlet/src/formats/examples");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpora;

    #[test]
    fn every_target_has_a_binary_and_inputs_and_every_binary_is_a_target() {
        let root = crate::root();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let all = all(&root).unwrap();
        for target in &all {
            let name = format!("name = \"{}\"", target.binary);
            assert!(manifest.contains(&name), "{} is no binary", target.binary);
            assert!(corpora::path(&root, &target.name).is_file(), "{} has no inputs", target.name);
            if let Some(dictionary) = target.dictionary {
                assert!(root.join("fuzz/dictionaries").join(dictionary).is_file(), "{dictionary}");
            }
        }
        for entry in fs::read_dir(root.join("fuzz/fuzz_targets")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(all.iter().any(|it| it.binary == name), "{name} is never run");
        }
        for entry in fs::read_dir(root.join("fuzz/corpora")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(all.iter().any(|it| it.name == name), "nobody has made {name}");
        }
    }
}
