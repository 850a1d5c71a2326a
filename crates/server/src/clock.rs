//! Mints [`Moment`]s: the wall clock, read once at the start, and then only the time that has
//! passed since on the clock that counts through a suspend and never steps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::Moment;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// The engine's own clock. Copies of it agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Wall time less boot time at the start.
    anchor: Duration,
}

impl Clock {
    /// A clock that is right now and goes on evenly from here.
    pub(crate) fn anchored() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: wall.saturating_sub(since_boot()) }
    }

    pub(crate) fn now(self) -> Moment {
        let nanos = (self.anchor + since_boot()).as_nanos();
        Moment::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// When a runtime's timer for `at` has to go off.
    pub(crate) fn instant_of(self, at: Moment) -> Instant {
        Instant::now() + at.since(self.now())
    }
}

fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let secs = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(secs, u32::try_from(time.tv_nsec).unwrap_or(0))
}
