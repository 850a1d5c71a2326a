//! How one slot stands: pure functions over one job, one slot and what was heard.
//!
//! Nothing here remembers anything. The same entries in any order give the same standing, so
//! reports that come out of order, twice or very late cannot confuse the ledger; whoever keeps the
//! slots asks again after every change and whenever [`Judged::again_at`] comes.

mod bounds;
#[cfg(test)]
mod model_tests;
mod standing;
mod usual;
mod whole;

pub(crate) use bounds::{Bounds, bounds};
pub(crate) use standing::{Ask, Judged, gravity, judge, objects_of, order, rounded, times_out_at};
pub(crate) use usual::median;
