//! The recent results of one checkable and the percentage of state change that follows from them.
//!
//! Both shapes fit one word, so the hot path writes eight bytes, and a checkable that has long
//! been fine has a history that the next good result does not change: nothing to store.
//!
//! Sources of the formulas: Nagios Core `base/flapping.c` (21 statuses, weights 0.75 to 1.25) and
//! Icinga 2 `lib/icinga/checkable-flapping.cpp` (20 change bits, weights 0.80 to 1.18).

use model::{Profile, Status};

/// Statuses kept by the ring of the profiles `campanile` and `nagios`.
const STATUSES: u32 = 21;
const STATUSES_MASK: u64 = (1 << (2 * STATUSES)) - 1;
/// Change bits kept by the ring of the profile `icinga`.
const CHANGES: u32 = 20;
const CHANGES_MASK: u64 = (1 << CHANGES) - 1;
/// Where the last status stands in the word of the profile `icinga`.
const LAST_SHIFT: u32 = CHANGES;
/// Set in every history of the profile `icinga`, so that a change of profile is noticed.
const ICINGA: u64 = 1 << 63;

/// What a history looks like before any result.
pub(crate) fn empty(profile: Profile) -> u64 {
    match profile {
        Profile::Campanile | Profile::Nagios => 0,
        Profile::Icinga => ICINGA | (u64::from(Status::Unknown.number()) << LAST_SHIFT),
    }
}

/// `history` if it was kept by a ring of this profile's shape, else an empty one.
pub(crate) fn of_profile(history: u64, profile: Profile) -> u64 {
    let is_icinga = history & ICINGA != 0;
    if is_icinga == (profile == Profile::Icinga) { history } else { empty(profile) }
}

/// The history after one more result. `believed` is what it means for this checkable, `raw` what
/// the look itself said; only the shape of Icinga goes by the latter.
pub(crate) fn push(history: u64, profile: Profile, believed: Status, raw: Status) -> u64 {
    match profile {
        Profile::Campanile | Profile::Nagios => ((history << 2) | code(believed)) & STATUSES_MASK,
        Profile::Icinga => {
            let last = (history >> LAST_SHIFT) & 3;
            push_change(history, last != code(raw), code(raw))
        }
    }
}

/// The history after a result whose status is left out by `ignore:`. Nagios does not record it;
/// Icinga records that nothing changed.
pub(crate) fn push_ignored(history: u64, profile: Profile) -> u64 {
    match profile {
        Profile::Campanile | Profile::Nagios => history,
        Profile::Icinga => push_change(history, false, (history >> LAST_SHIFT) & 3),
    }
}

fn push_change(history: u64, changed: bool, last: u64) -> u64 {
    ICINGA | (((history << 1) | u64::from(changed)) & CHANGES_MASK) | (last << LAST_SHIFT)
}

/// Two bits that tell the statuses of one checkable apart.
fn code(status: Status) -> u64 {
    match status {
        Status::Ok | Status::Up => 0,
        Status::Warning | Status::Down => 1,
        Status::Critical | Status::Unreachable => 2,
        Status::Unknown => 3,
    }
}

/// Percent of state change, in hundredths, rounded half up.
pub(crate) fn centipercent(history: u64, profile: Profile) -> u16 {
    let hundredths = match profile {
        Profile::Campanile | Profile::Nagios => {
            // w(x) = 0.75 + (x - 1) * 0.5 / 19 = (57 + 2 (x - 1)) / 76, x = 20 the newest;
            // 100 % * 100 hundredths / 20 transitions = 500 a transition.
            let sum: u64 = (0..u64::from(STATUSES - 1))
                .filter(|age| (history >> (2 * age)) & 3 != (history >> (2 * age + 2)) & 3)
                .map(|age| 57 + 2 * (19 - age))
                .sum();
            (sum * 500 * 2 + 76) / 152
        }
        Profile::Icinga => {
            // w(i) = 0.80 + 0.02 i, i = 19 the newest; 500 / 100 = 5 a hundredth of weight.
            let sum: u64 = (0..u64::from(CHANGES))
                .filter(|age| (history >> age) & 1 == 1)
                .map(|age| 80 + 2 * (19 - age))
                .sum();
            sum * 5
        }
    };
    u16::try_from(hundredths).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(profile: Profile, statuses: &[Status]) -> u16 {
        let history =
            statuses.iter().fold(empty(profile), |history, it| push(history, profile, *it, *it));
        centipercent(history, profile)
    }

    #[test]
    fn one_change_weighs_more_the_newer_it_is() {
        // Newest transition 1.25 / 20 = 6.25 %; 20 results later 0.75 / 20 = 3.75 %; then gone.
        let mut statuses = vec![Status::Critical];
        assert_eq!(percent(Profile::Nagios, &statuses), 625);
        statuses.extend([Status::Critical; 19]);
        assert_eq!(percent(Profile::Nagios, &statuses), 375);
        statuses.push(Status::Critical);
        assert_eq!(percent(Profile::Nagios, &statuses), 0);
    }

    #[test]
    fn changing_all_the_time_is_the_maximum() {
        let zigzag: Vec<_> =
            (0..40).map(|at| if at % 2 == 0 { Status::Critical } else { Status::Ok }).collect();
        assert_eq!(percent(Profile::Campanile, &zigzag), 10_000);
        assert_eq!(percent(Profile::Icinga, &zigzag), 9_900);
    }

    #[test]
    fn a_first_ok_is_a_change_for_icinga_only() {
        assert_eq!(percent(Profile::Icinga, &[Status::Ok]), 590);
        assert_eq!(percent(Profile::Campanile, &[Status::Ok]), 0);
    }

    #[test]
    fn a_history_of_good_results_is_a_fixed_point() {
        for profile in [Profile::Campanile, Profile::Icinga] {
            let long =
                (0..30).fold(empty(profile), |it, _| push(it, profile, Status::Ok, Status::Ok));
            assert_eq!(push(long, profile, Status::Ok, Status::Ok), long);
        }
    }
}
