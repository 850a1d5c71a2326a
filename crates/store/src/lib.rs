//! Remembers what is believed and how it came to be, in one SQLite file.
//!
//! One thread writes. It takes everything that waits for it, puts it into one transaction and
//! answers only when that is on the disk, so a burst costs one flush and not a thousand. Whatever
//! one turn of a shard produced travels in one [`Batch`] and is kept whole or not at all: a state
//! never lacks the transition that led to it, nor the problem, the alerts and the decision that the
//! desk made of it. Whoever must not act before that is on the disk asks for a [`Receipt`].
//!
//! A database is never repaired, emptied or guessed at. One that is damaged, foreign or newer than
//! this program is refused by name and left exactly as it is ([`OpenError`]).
//!
//! Not chosen: a log of our own (faster, but nobody can look into it with a tool they have), and a
//! pool of connections (SQLite has one writer anyway; a second one only adds "database is locked").

mod connect;
mod desk;
mod error;
mod folder;
mod group;
mod health;
mod inspect;
mod measures;
mod migrate;
mod open;
mod order;
mod prune;
mod read;
mod row;
mod writer;

pub use desk::{
    ALIVE, AlertFilter, CallFilter, ChainError, Customers, DecisionFilter, DeskPast, EventFilter,
    OwedAlert, PAGE_ROWS_MAX, ProblemFilter, ProposalFilter, ReportFilter, SEARCH_BYTES_MAX,
    SlotFilter, Totals,
};
pub use error::OpenError;
pub use folder::{DATABASE_NAME, LOCK_NAME};
pub use health::{Figure, StoreHealth};
pub use open::{Opened, PastBoot, Store};
pub use order::{Batch, Order, Receipt, Recorded};
pub use read::{PastResult, PastTransition, ReadError, Reader};
pub use writer::{Closed, ORDERS_PER_COMMIT_MAX, ORDERS_WAITING_MAX, ROWS_PER_COMMIT_MAX, Writer};
