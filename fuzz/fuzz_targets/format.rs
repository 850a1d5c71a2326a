//! Mails of one product, taken apart already.
#![no_main]

use std::sync::LazyLock;

static FORMATS: LazyLock<Vec<String>> = LazyLock::new(fuzz::formats);

fn check(input: &[u8]) {
    for name in FORMATS.iter() {
        inlet::corpus::format(name, input);
    }
}

fn seeds(_: &str) -> Vec<Vec<u8>> {
    FORMATS.iter().flat_map(|it| inlet::corpus::seeds(it)).collect()
}

fuzz::target!(check, seeds, "format");
