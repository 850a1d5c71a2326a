//! What the desk wants kept: problems, proposals, calls, alerts and the record of who did what.
//!
//! Each object is one row: the whole of it as JSON, which only this program reads, and beside it
//! the few columns that are searched for. So a new field of an object is no change of the schema,
//! and still every list is a query over an index.
//!
//! Not chosen: a log of changes that is folded at every start. The rows are what people look at,
//! and the events beside them tell how they came to be.

mod ask;
mod body;
mod chain;
mod jobs;
mod lists;
mod past;
mod put;
mod totals;

pub use ask::{Customers, PAGE_ROWS_MAX, SEARCH_BYTES_MAX};
pub use chain::ChainError;
pub use jobs::{ALIVE, ReportFilter, SlotFilter};
pub use lists::{
    AlertFilter, CallFilter, DecisionFilter, EventFilter, OwedAlert, ProblemFilter, ProposalFilter,
};
pub use past::DeskPast;
pub use totals::Totals;

pub(crate) use chain::cut_off;
pub(crate) use past::past;
pub(crate) use put::DeskRows;
