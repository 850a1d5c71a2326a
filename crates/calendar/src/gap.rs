//! The smallest gap between two runs of a schedule.

use std::time::Duration;

use model::{Due, Moment, Schedule, Span};

use crate::nominals;

/// How far ahead runs are worked out: a yearly one takes place within it.
const AHEAD: Duration = Duration::from_secs(400 * 24 * 3600);

/// The smallest gap between two runs behind `now`, and the later of the two if it has a moment of
/// its own; over a year and more, since the days on which clocks change are part of it. `None`: there
/// are no two runs.
#[must_use]
pub fn smallest_gap(of: &Schedule, now: Moment) -> Option<(Duration, Option<Moment>)> {
    if let [Due::Every(every)] = &*of.dues {
        return Some((*every, None));
    }
    let runs = nominals(of, Span { from: now, until: now.after(AHEAD) });
    let gaps = runs.windows(2).map(|it| (it[1].from.since(it[0].until), Some(it[1].at)));
    gaps.min_by_key(|it| it.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_gap_is_that_of_the_night_on_which_clocks_are_put_forward() {
        let of = |text: &str| {
            let schedule = crate::schedule(text, "Europe/Rome").unwrap();
            // The first day of 2026.
            let now = Moment::from_secs(1_767_225_600);
            smallest_gap(&schedule, now).map(|it| it.0.as_secs())
        };
        assert_eq!(of("daily by 06:30"), Some(23 * 3600));
        assert_eq!(of("every 36h"), Some(36 * 3600));
        assert_eq!(of("Mon by 06:30"), Some(7 * 86_400 - 3600));
        assert_eq!(of("2026-03-01 by 06:30"), None);
    }
}
