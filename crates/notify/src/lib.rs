//! Tells: one file for each way to deliver.
//!
//! A channel is one file in `channels/` over the shared wires of a [`World`]; it sees neither the
//! engine nor the configuration, and it keeps nothing: what was owed, tried and taken is the
//! outbox's to know. To add one, copy a file and add its line to [`CATALOGUE`].
//!
//! One call of [`Teller::deliver`] is one try, with a bounded time, and its answer is a value and
//! not an error: taken, later, or never. Nothing here decides whether or when to try again.

mod answer;
mod channel;
mod channels;
mod events;
mod http;
mod json_form;
mod letter;
#[cfg(test)]
mod live;
mod manual;
mod net;
mod sign;
mod smtp;
mod template;
mod terms;
#[cfg(test)]
mod testing;
mod text;
mod tls;
mod world;

pub use channel::{Built, Channel, Contact, Entry, Teller, channel_kinds, entry};
pub use channels::CATALOGUE;
pub use manual::manual_pages;
pub use world::{Counts, World, WorldSettings};

/// Builds the channel of kind `kind`, as configuration checked it; `None` if there is no such kind.
#[must_use]
pub fn build(kind: &str, params: &model::Params) -> Option<Built> {
    let entry = CATALOGUE.iter().find(|it| it.spec.name == kind)?;
    Some((entry.build)(params))
}
