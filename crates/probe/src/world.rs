//! What a kind may touch: the wires that all looks of one shard share, and the terms of one look.
//!
//! One [`World`] belongs to one shard and never leaves its thread, so nothing in it is locked.

use std::{cell::RefCell, sync::Arc, time::Duration};

use model::{Cause, Measure, Verdict};
use tokio::time::Instant;

use crate::wires::{
    icmp::{PingCounts, Ring},
    resolve::Resolver,
    snmp::{SnmpCounts, SnmpWire},
    tls::Tls,
};

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Target {
    /// `customer/host/service`, for messages.
    pub name: Arc<str>,
    /// Name or address of the host; `None` for a service that brings its own.
    pub address: Option<Arc<str>>,
}

/// The terms of one look.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Whom to ask.
    pub target: &'a Target,
    /// By when to be done.
    pub deadline: Instant,
    /// How long that was from the start, for messages.
    pub timeout: Duration,
    /// Where to write the steps down; off outside `campanile try`.
    pub trace: &'a Trace,
}

/// The steps of one look, for `campanile try -v`. Costs nothing when it is off.
#[derive(Debug, Default)]
pub struct Trace(Option<RefCell<Vec<(Duration, String)>>>, Option<Instant>);

impl Trace {
    /// A trace that keeps nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// A trace that keeps every step with the time since now.
    #[must_use]
    pub fn on() -> Self {
        Self(Some(RefCell::default()), Some(Instant::now()))
    }

    /// Writes a step down; `text` is only made when somebody wants it. Never put a secret in.
    pub fn step(&self, text: impl FnOnce() -> String) {
        if let (Some(steps), Some(start)) = (&self.0, self.1) {
            steps.borrow_mut().push((start.elapsed(), text()));
        }
    }

    /// The steps so far.
    #[must_use]
    pub fn steps(&self) -> Vec<(Duration, String)> {
        self.0.as_ref().map(|it| it.borrow().clone()).unwrap_or_default()
    }
}

/// What one look found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Before thresholds.
    pub verdict: Verdict,
    /// By index into the kind's list; absent ones are left out.
    pub measures: Vec<Measure>,
}

impl From<Cause> for Found {
    /// A look that failed before it measured anything.
    fn from(cause: Cause) -> Self {
        Self { verdict: cause.into(), measures: Vec::new() }
    }
}

/// What a world needs to know to be made.
#[derive(Clone, Debug, Default)]
pub struct WorldSettings {
    /// Which shard it belongs to, for logs.
    pub shard: u32,
}

/// The wires that all looks of one shard share.
#[derive(Debug)]
pub struct World {
    /// Pings.
    pub(crate) icmp: Ring,
    /// Names to addresses.
    pub(crate) resolver: Resolver,
    /// SNMP agents.
    pub(crate) snmp: SnmpWire,
    /// Whom to trust.
    pub(crate) tls: Tls,
}

impl World {
    /// Opens the wires. What cannot be opened (a ping socket without the right to it) is reported
    /// by the looks that need it, as a fault of our own.
    ///
    /// Must be called inside a `LocalSet` or local runtime: the wires read in tasks of their own.
    #[must_use]
    pub fn new(_settings: &WorldSettings) -> Self {
        Self {
            icmp: Ring::default(),
            resolver: Resolver::new(),
            snmp: SnmpWire::new(),
            tls: Tls::default(),
        }
    }

    /// What passed through the ping sockets since the world was made.
    #[must_use]
    pub fn ping_counts(&self) -> PingCounts {
        self.icmp.counts()
    }

    /// What passed through the SNMP sockets since the world was made.
    #[must_use]
    pub fn snmp_counts(&self) -> SnmpCounts {
        self.snmp.counts()
    }
}
