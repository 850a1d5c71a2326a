//! Waiting for something to become true: never a fixed sleep, always a generous bound.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Longest wait for anything that has to happen. Far more than a busy machine needs, since a
/// passing test never waits for it.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `look` finds something, and returns it.
///
/// # Panics
/// After [`LIMIT`], with what the last look said.
pub fn until<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    until_within(LIMIT, what, look)
}

/// The same, for what the engine itself lets take longer than [`LIMIT`].
///
/// # Panics
/// After `limit`, with what the last look said.
pub fn until_within<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let start = Instant::now();
    loop {
        let why = match look() {
            Ok(found) => return found,
            Err(why) => why,
        };
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}: {why}");
        thread::sleep(PAUSE);
    }
}
