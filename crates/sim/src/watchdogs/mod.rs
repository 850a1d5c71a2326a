//! Seeded worlds around the ledger of promised runs: senders that tell the truth, or late, or twice,
//! or not at all; others that lie; intakes that fall silent; a process that dies between any two
//! effects; clocks that change.
//!
//! The desk, the shelf that stands for the store and the restarts are those of [`crate::desk`]; there
//! are no hosts here, but jobs. Schedules are texts that the real calendar reads, so that days on
//! which clocks change are those of real zones. What [`judge`] holds the ledger against follows from
//! what is true of every run and from what was really sent, read and kept:
//!
//! * Every expected run ends in exactly one standing; no other run is expected.
//! * A report counts for at most one slot, by the time of its run; what comes again counts never.
//! * Silence is judged once everything that came until the due time has been read, and at once then;
//!   it says what the job says that it means; where nobody could listen nothing is said.
//! * What a sender is told is taken is kept, with its bytes, in exactly one class.
//! * Without proof nothing stands better than before, no problem ends, no proposal goes.
//! * What comes after *missing* corrects it, once; an untouched proposal goes with its cause.
//! * A run that went badly is a problem and one proposal at once, or once its product has tried again.
//! * A call that waits for runs is ready once so many slots in a row were kept, and not before.
//! * How a slot stands is what is true of its run, whatever came beside it.

mod climate;
mod judge;
mod people;
mod planted;
mod promises;
mod sabotage;
mod senders;
mod ways;
mod world;

pub use judge::Seen;
pub use planted::WatchdogBug;
pub use world::{run, watch};
