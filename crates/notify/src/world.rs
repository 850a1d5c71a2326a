//! What all channels share: connections, trust, counters and a clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use model::Moment;
use tokio::{sync::Semaphore, time::Instant};

use crate::{http::Pool, net::Names, tls::Trusts};

/// Deliveries under way at one time, over all channels. Each may hold a connection, and a storm
/// must not spend the descriptors that looks need.
const IN_FLIGHT_MAX: usize = 256;

/// What the channels need to know of the installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorldSettings {
    /// Tells two installations apart that send to the same receiver.
    pub installation: u64,
    /// Where people can open the console, for links; empty if unknown.
    pub console_url: Arc<str>,
}

/// What all channels share. Cheap to clone; a clone has the same connections and counters.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) settings: WorldSettings,
    shared: Arc<Shared>,
    templates_failed: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Shared {
    pool: Pool,
    names: Names,
    trusts: Trusts,
    in_flight: Semaphore,
    connections_opened: AtomicU64,
}

/// Counters since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Texts for which the built-in one was sent instead, because the template failed.
    pub templates_failed: u64,
    /// Connections that were opened.
    pub connections_opened: u64,
}

impl World {
    /// A try takes no longer.
    pub const TRY_MAX: Duration = Duration::from_secs(15);

    /// A world with no connection yet. Tries need a tokio runtime with I/O and time.
    #[must_use]
    pub fn new(settings: WorldSettings) -> Self {
        let shared = Shared {
            pool: Pool::default(),
            names: Names::default(),
            trusts: Trusts::default(),
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
            connections_opened: AtomicU64::new(0),
        };
        Self { settings, shared: Arc::new(shared), templates_failed: Arc::default() }
    }

    /// The same connections and counters under other settings, after a reload.
    #[must_use]
    pub fn with_settings(&self, settings: WorldSettings) -> Self {
        Self { settings, ..self.clone() }
    }

    /// The same connections, with a count of its own of templates that fail: for one channel.
    #[must_use]
    pub fn for_one_channel(&self) -> Self {
        Self { templates_failed: Arc::default(), ..self.clone() }
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            templates_failed: self.templates_failed.load(Ordering::Relaxed),
            connections_opened: self.shared.connections_opened.load(Ordering::Relaxed),
        }
    }

    /// Wall-clock time: receivers compare it with theirs.
    pub(crate) fn now(&self) -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment::ZERO.after(since)
    }

    /// When a try that begins now must be over.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + Self::TRY_MAX
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    pub(crate) fn names(&self) -> &Names {
        &self.shared.names
    }

    pub(crate) fn trusts(&self) -> &Trusts {
        &self.shared.trusts
    }

    pub(crate) fn in_flight(&self) -> &Semaphore {
        &self.shared.in_flight
    }

    pub(crate) fn count_template_failed(&self) {
        self.templates_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_connection(&self) {
        self.shared.connections_opened.fetch_add(1, Ordering::Relaxed);
    }
}
