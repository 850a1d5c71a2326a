//! What the targets have in common: where their first inputs come from.
//!
//! A target is a function of the crate that it is about, in the module `corpus` there. It takes
//! bytes and panics where something does not hold; the tests of that crate give it the inputs that
//! are kept in `corpora/`.

use std::{env, fs, path::PathBuf, process};

pub use libfuzzer_sys;

/// A folder: the target writes its first inputs into it and ends.
const SOW: &str = "CAMPANILE_FUZZ_SOW";
/// A name of a format: the target `format` is about that one.
const FORMAT: &str = "CAMPANILE_FUZZ_FORMAT";

/// Makes a target of a function, with the first inputs that a second function has under a name.
#[macro_export]
macro_rules! target {
    ($check:expr, $seeds:path, $name:expr) => {
        $crate::libfuzzer_sys::fuzz_target!(
            init: $crate::sow(|| $seeds($name)),
            |input: &[u8]| ($check)(input)
        );
    };
}

/// Writes the first inputs, if that is all that is wanted.
///
/// # Panics
/// When they cannot be written.
pub fn sow(seeds: impl Fn() -> Vec<Vec<u8>>) {
    let Some(folder) = env::var_os(SOW).map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).expect("a folder for the first inputs");
    for (place, input) in seeds().into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{place:04}")), input).expect("a first input");
    }
    process::exit(0);
}

/// The format that the target `format` is about; every one in turn if that is not said.
#[must_use]
pub fn formats() -> Vec<String> {
    match env::var(FORMAT) {
        Ok(name) => vec![name],
        Err(_) => inlet::CATALOGUE.iter().map(|it| it.name.to_owned()).collect(),
    }
}
