//! How long a failed try waits for the next one.
//!
//! Short at first, because somebody has to be woken, and then growing, because a receiver that is
//! down is not helped by being asked. Jitter comes from the key and the attempt instead of dice: so
//! a replay waits exactly as long.

use std::time::Duration;

use model::{AlertKey, stable_hash};

/// Waits after the first, second, … failed try; the last one repeats.
const LADDER: [Duration; 7] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(300),
    Duration::from_secs(600),
];

/// The longest time for which a receiver is left alone because it said so: the last rung of the
/// ladder, so that nobody can make us wait longer than silence would.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// Waits of a channel on which everything fails, from one probe to the next.
const PROBE_LADDER: [Duration; 4] = [LADDER[0], LADDER[1], LADDER[2], LADDER[3]];

/// Jitter in both directions, in units of 1/10,000.
const JITTER: u64 = 2_000;

/// From the end of failed try number `attempt` (from 1) of an alert to its next one.
pub(super) fn wait(key: AlertKey, attempt: u32) -> Duration {
    jittered(rung(&LADDER, attempt), stable_hash(&format!("{key}\n{attempt}")))
}

/// From one probe of a broken channel to the next, `attempt` counted from 1.
pub(super) fn probe_wait(channel: &str, attempt: u32) -> Duration {
    jittered(rung(&PROBE_LADDER, attempt), stable_hash(&format!("{channel}\n{attempt}")))
}

fn rung(ladder: &[Duration], attempt: u32) -> Duration {
    let place = usize::try_from(attempt).unwrap_or(usize::MAX).saturating_sub(1);
    ladder[place.min(ladder.len() - 1)]
}

fn jittered(wait: Duration, hash: u64) -> Duration {
    let parts = 10_000 - JITTER + hash % (2 * JITTER + 1);
    let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(nanos / 10_000 * parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_last_rung_and_stay_within_their_jitter() {
        for key in (0..200).map(AlertKey) {
            let waits: Vec<Duration> = (1..=20).map(|it| wait(key, it)).collect();
            assert!(waits[..7].is_sorted_by(|a, b| a < b), "{waits:?}");
            for (place, wait) in waits.iter().enumerate() {
                let rung = LADDER[place.min(6)];
                assert!(*wait >= rung.mul_f64(0.799) && *wait <= rung.mul_f64(1.201), "{wait:?}");
            }
        }
    }

    #[test]
    fn two_alerts_do_not_come_back_together() {
        let waits: std::collections::BTreeSet<_> =
            (0..100).map(|it| wait(AlertKey(it), 1)).collect();
        assert!(waits.len() > 90, "only {} different waits", waits.len());
        assert_eq!(wait(AlertKey(5), 3), wait(AlertKey(5), 3));
    }
}
