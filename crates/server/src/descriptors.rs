//! File descriptors: as many as the system lets us have, and some kept back for what must go on
//! when looks have used up theirs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept back for the store, the console's connections, shared sockets and the runtimes.
const RESERVED: u64 = 384;
/// With fewer looks at once than this nothing useful can be done, whatever the limit says.
const LOOKS_MIN: u32 = 16;

/// Raises the soft limit to the hard one and says how many looks may hold a descriptor at once:
/// `wanted`, or what the limit leaves after the reserve.
pub(crate) fn looks_max(wanted: u32) -> u32 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of file descriptors stays as it is");
    }
    let Some(most) = getrlimit(Resource::Nofile).current else { return wanted };
    let looks = within(most, wanted);
    if looks < wanted / 2 {
        tracing::warn!(
            limit = most,
            looks,
            wanted,
            "fewer looks at once than wanted; raise the limit of file descriptors (LimitNOFILE=)"
        );
    }
    looks
}

/// How many of `most` descriptors looks may have, if they want `wanted`.
fn within(most: u64, wanted: u32) -> u32 {
    // Where there are few, the reserve is half of them.
    let left = most.saturating_sub(RESERVED.min(most / 2));
    wanted.min(u32::try_from(left).unwrap_or(u32::MAX).max(LOOKS_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_back() {
        assert_eq!(within(1_000_000, 4_096), 4_096);
        assert_eq!(within(1_024, 4_096), 640);
        assert_eq!(within(100, 4_096), 50);
        assert_eq!(within(10, 4_096), LOOKS_MIN);
        assert_eq!(within(1_000_000, 4), 4, "whoever asks for few gets few");
    }
}
