//! What the fuzzer has found to be of interest, kept in the tree: one file for each target, played
//! again by the tests of the crate that the target is about.
//!
//! A file holds its inputs one behind the other, each with its length before it. Thousands of small
//! files would say no more and be in everybody's way.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result};

/// The file with the inputs of the target called `name`.
#[must_use]
pub fn path(root: &Path, name: &str) -> PathBuf {
    root.join("fuzz/corpora").join(format!("{name}.corpus"))
}

/// Reads the inputs of a file.
///
/// # Errors
/// When it cannot be read, or is cut off.
pub fn read(path: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    taken_apart(&bytes).with_context(|| format!("{} is cut off", path.display()))
}

fn taken_apart(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut inputs = Vec::new();
    while !bytes.is_empty() {
        let (length, behind) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (input, behind) = behind.split_at_checked(length)?;
        inputs.push(input.to_vec());
        bytes = behind;
    }
    Some(inputs)
}

/// Writes inputs into a file, in an order of their own: the same inputs make the same file.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, mut inputs: Vec<Vec<u8>>) -> Result<()> {
    inputs.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    inputs.dedup();
    let mut bytes = Vec::new();
    for input in inputs {
        let length = u32::try_from(input.len()).context("an input of many gigabytes")?;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&input);
    }
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

/// Gives `check` every kept input of the target called `name`. An input that it panics on is
/// printed.
///
/// # Panics
/// When `check` does, and when there is nothing to check.
pub fn replay(name: &str, check: impl Fn(&[u8])) {
    let path = path(&crate::root(), name);
    let inputs = match read(&path) {
        Ok(inputs) => inputs,
        Err(error) => panic!("{error:#}"),
    };
    assert!(!inputs.is_empty(), "{} is empty", path.display());
    for (place, input) in inputs.iter().enumerate() {
        let told = Told { name, place, input };
        check(input);
        drop(told);
    }
}

/// Says which input it was if there is a panic.
struct Told<'a> {
    name: &'a str,
    place: usize,
    input: &'a [u8],
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let Self { name, place, input } = self;
            eprintln!("input {place} of {name}: b\"{}\"", input.escape_ascii());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_off_is_refused() {
        let folder = std::env::temp_dir().join(format!("campanile-corpora-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.corpus");
        let inputs = vec![b"later".to_vec(), Vec::new(), vec![0; 300], b"later".to_vec()];
        write(&path, inputs).unwrap();
        assert_eq!(read(&path).unwrap(), [Vec::new(), b"later".to_vec(), vec![0; 300]]);
        let bytes = fs::read(&path).unwrap();
        for cut in [bytes.len() - 1, bytes.len() - 301, 3] {
            assert_eq!(taken_apart(&bytes[..cut]), None, "{cut}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
