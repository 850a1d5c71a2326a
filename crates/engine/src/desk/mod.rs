//! What people act on: problems, proposals, calls, alerts, windows.
//!
//! One owner of all of it, a plain state machine like the shard. What one input causes comes out as
//! one list of rows, to be kept together or not at all, and effects, to be carried out only once the
//! rows are kept. So nobody is ever told what a crash could make undone.

mod cases;
mod outbox;
mod pen;
mod sla;
