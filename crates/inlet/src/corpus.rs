//! What must hold of everything that is heard, whatever the bytes.
//!
//! Each function takes an input and panics where something does not hold. Fuzzing calls them with
//! inputs of its own; what it has found to be of interest is kept, and the tests play it again.

pub(crate) mod mails;
mod script;
mod texts;

use std::{fs, path::Path};

pub use mails::{format, mail, proofs};
pub(crate) use script::Script;
pub use texts::{html, words, zip};

pub use crate::{
    imap::corpus::imap,
    smtp::corpus::{lmtp, smtp},
};

/// Inputs to begin with for the function called `name`; of a format for [`format`].
///
/// # Panics
/// When the examples cannot be read.
#[must_use]
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "smtp" | "lmtp" => crate::smtp::corpus::seeds(),
        "mail" => examples().into_iter().map(|it| it.1).collect(),
        "proofs" => mails::proof_seeds(),
        "imap" => crate::imap::corpus::seeds(),
        "html" => texts::html_seeds(),
        "zip" => texts::zip_seeds(),
        "words" => texts::word_seeds(),
        format => mails::format_seeds(format),
    }
}

/// Every example mail, and the name of its format.
fn examples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/formats/examples");
    let entries = |folder: &Path| -> Vec<_> {
        let all = fs::read_dir(folder).expect("the examples lie beside the formats");
        let mut all: Vec<_> = all.flatten().map(|it| it.path()).collect();
        all.sort();
        all
    };
    let mut found = Vec::new();
    for of in entries(&folder) {
        let name = of.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mails = entries(&of);
        let mails = mails.iter().filter(|it| it.extension().is_some_and(|it| it == "eml"));
        found.extend(mails.flat_map(fs::read).map(|it| (name.clone(), it)));
    }
    found
}

#[cfg(test)]
mod tests {
    use xtask::corpora::replay;

    use super::*;
    use crate::CATALOGUE;

    #[test]
    fn every_kept_mail_is_heard() {
        replay("mail", mail);
        replay("proofs", proofs);
    }

    #[test]
    fn every_kept_text_is_read() {
        replay("html", html);
        replay("zip", zip);
        replay("words", words);
    }

    #[test]
    fn every_kept_report_is_read_by_its_format() {
        for of in CATALOGUE {
            replay(&format!("format-{}", of.name), |it| format(of.name, it));
        }
    }

    #[test]
    fn there_is_something_to_begin_with() {
        let others = ["smtp", "lmtp", "mail", "proofs", "imap", "html", "zip", "words"];
        for name in CATALOGUE.iter().map(|it| it.name).chain(others) {
            assert!(!seeds(name).is_empty(), "{name}");
        }
    }
}
