//! Seeded worlds around the desk: shards that report, people who ask, receivers that misbehave,
//! rows that are kept late, a process that dies between any two effects.
//!
//! The desk is driven exactly as production drives it: one input, one batch of rows, and effects
//! only once the rows are kept. A restart knows nothing but the rows. What [`judge`] holds the desk
//! against, knowing only rows and what receivers saw:
//!
//! * Whatever is believed bad and not explained has exactly one open problem, closed exactly once;
//!   a site that is out has one; symptoms are bad and explained once.
//! * The rows of one input agree with each other: versions grow by one, ids are used once, every
//!   opening, ending, telling and not telling has its event or decision.
//! * A key means one thing for ever, at the store and at every receiver.
//! * Nothing is lost: what was owed is delivered, listed in a digest that names it, withdrawn for a
//!   reason, or dead; and what is dead goes to the fallback and is a problem of our own.
//! * Nobody hears that a problem is over who cannot have heard of it; everybody who is known to
//!   have heard of it is told once that it is over, where the channel wants that.
//! * Messages about one problem arrive in their order on each route.
//! * Nothing leaves for the first time while its problem is acknowledged, silenced, in a window
//!   that it began in, or over; nobody is told twice the same, and who may be told knows the
//!   present state once nothing holds that back.
//! * Tries are bounded in time, and the waits between them grow.
//! * While we cannot see, nobody is told of anything but that, and of that once; afterwards
//!   whatever is still bad is announced.
//! * Steps of a ladder come in order, each once, never early and never forgotten.
//! * Proposals and calls go only forward, one open about each thing; who has seen an old version
//!   changes nothing; a repeat changes nothing and gets the same answer.
//! * Timers fire once, also across restarts; after everything has healed nothing is owed.

mod climate;
pub(crate) mod driver;
pub(crate) mod estate;
mod judge;
pub(crate) mod looks;
mod outage;
mod people;
mod planted;
pub(crate) mod post;
mod sabotage;
pub(crate) mod shelf;
mod supposed;
mod world;

pub(crate) use estate::{DAY, Estate, HOUR, MINUTE, SECOND};
pub use judge::Seen;
pub(crate) use judge::{mix, tell};
pub use outage::{OUTAGE_HOSTS_MAX, outage, outage_hosts};
pub use planted::DeskBug;
pub use world::{run, watch};
