//! Every way to deliver, one file each. To add one: copy a file, add its `mod` and its line.

mod webhook;

use crate::{Entry, entry};

/// In the order of the manual.
pub static CATALOGUE: &[Entry] = &[entry::<webhook::Webhook>()];
