//! Every kind of check, one file each. To add one: copy a file, add its `mod` and its line.

mod http;
mod ping;
mod snmp;
mod tcp;

use crate::{Entry, entry};

/// In the order of the manual. A kind's id is its place here.
pub static CATALOGUE: &[Entry] =
    &[entry::<ping::Ping>(), entry::<tcp::Tcp>(), entry::<http::Http>(), entry::<snmp::Snmp>()];
