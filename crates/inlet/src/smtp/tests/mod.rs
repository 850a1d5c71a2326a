//! Sessions against the real server, by a client that can also behave badly.

mod client;
mod flood;
mod house;
mod limits;
mod random;
mod sessions;
mod smuggling;
mod tls;
