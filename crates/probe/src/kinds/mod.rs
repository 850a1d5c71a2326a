//! Every kind of check, one file each. To add one: copy a file, add its `mod` and its line.

use crate::Entry;

/// In the order of the manual. A kind's id is its place here.
pub static CATALOGUE: &[Entry] = &[];
