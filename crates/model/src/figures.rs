//! Figures of the ledger of promised runs, as the desk has them and the console shows them.

use std::{sync::Arc, time::Duration};

use crate::{Moment, Standing};

/// Figures of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFigures {
    /// Whose.
    pub customer: Arc<str>,
    /// Its full name: `customer/job`.
    pub name: Arc<str>,
    /// How its last judged slot stands.
    pub standing: Option<Standing>,
    /// When its last good run ended.
    pub last_ok: Option<Moment>,
    /// When the next report is due at the latest.
    pub next_due: Option<Moment>,
    /// Bytes of its last judged run.
    pub size: Option<u64>,
    /// How long that took.
    pub duration: Option<Duration>,
}

/// Figures of one intake. What mail servers did at their doors they count themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntakeFigures {
    /// Its name; pings and ticks come by `console`.
    pub name: Arc<str>,
    /// Everything that came by it until then has been read.
    pub read_until: Moment,
    /// It cannot hear.
    pub deaf: bool,
}
