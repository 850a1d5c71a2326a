//! The wires: what all looks of one shard share to reach the world.
//!
//! A kind asks a wire and gets a value or a [`model::Cause`]; whose fault a failure is gets decided
//! here, once, by `errno`, and not again in every kind.

pub(crate) mod accept;
pub(crate) mod certificate;
pub(crate) mod connect;
#[cfg(any(test, feature = "fuzz"))]
pub mod corpus;
pub(crate) mod errno;
pub(crate) mod headers;
pub(crate) mod http;
pub(crate) mod icmp;
pub(crate) mod redirect;
pub(crate) mod resolve;
pub(crate) mod snmp;
pub(crate) mod starttls;
pub(crate) mod stream;
pub(crate) mod tls;
