//! Asks. Everything asynchronous about looking at a target lives here: sockets, deadlines, names.
//!
//! A kind of check is one file in `kinds/` over the shared wires of a [`World`]; it sees neither
//! the engine nor the configuration. To add one, copy a file and add its line to [`CATALOGUE`].

mod kind;
mod kinds;
#[cfg(test)]
mod live;
mod raw;
mod terms;
mod wires;
mod world;

pub use kind::{Built, Entry, Kind, Looker, entry};
pub use kinds::CATALOGUE;
#[cfg(any(test, feature = "fuzz"))]
pub use wires::corpus;
pub use wires::icmp::{PingCounts, SocketKind, ping_right};
pub use wires::{snmp::SnmpCounts, tls::read_trusted_roots};
pub use world::{Ask, Found, Target, Trace, World, WorldSettings};
