//! What is true about a target, whatever anybody sees of it.
//!
//! The whole history is drawn before the world starts, so that what the engine does cannot change
//! what happens to the targets, and an outage is known with its beginning and its end.

use std::time::Duration;

use model::{Moment, Status};

use crate::dice::Dice;

/// More stretches than this are not drawn for one target; the last one lasts.
const STRETCHES_MAX: usize = 4_000;

/// Values that a measurement takes; the thresholds of the simulated checks lie between them.
pub const LEVELS: [f64; 4] = [50.0, 75.0, 85.0, 97.0];

/// A time in which nothing changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// When it begins.
    pub from: Moment,
    /// How the target is.
    pub status: Status,
    /// What a measurement of it reads.
    pub value: f64,
}

/// How a target is wont to behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Never fails.
    Steady,
    /// Fails now and then, for as long as people need to mend it.
    Mortal,
    /// Fails often, for moments.
    Hiccups,
    /// Changes all the time.
    Flapper,
    /// Never works.
    Dead,
}

impl Habit {
    const ALL: [(Self, u64); 5] = [
        (Self::Steady, 30),
        (Self::Mortal, 40),
        (Self::Hiccups, 15),
        (Self::Flapper, 12),
        (Self::Dead, 3),
    ];

    /// Draws one, the common ones more often.
    pub fn draw(dice: &mut Dice) -> Self {
        let mut left = dice.below(Self::ALL.iter().map(|(_, share)| share).sum());
        for (habit, share) in Self::ALL {
            match left.checked_sub(share) {
                Some(rest) => left = rest,
                None => return habit,
            }
        }
        Self::Steady
    }
}

/// Everything that happens to one target.
#[derive(Clone, Debug)]
pub struct Target {
    /// Oldest first, never empty; each differs from the one before it.
    pub stretches: Vec<Stretch>,
}

impl Target {
    /// Draws the life of a target from `from` to `until`. `every` is about how often it is looked
    /// at, so that what happens to it is neither too fast nor too slow to matter.
    pub fn draw(dice: &mut Dice, from: Moment, until: Moment, every: Duration) -> Self {
        let habit = Habit::draw(dice);
        let first = match habit {
            Habit::Dead => Stretch { from: Moment::ZERO, status: Status::Critical, value: 97.0 },
            _ => Stretch { from: Moment::ZERO, status: Status::Ok, value: LEVELS[0] },
        };
        let mut target = Self { stretches: vec![first] };
        let mut at = from;
        while target.stretches.len() < STRETCHES_MAX {
            let last = target.stretches[target.stretches.len() - 1];
            let Some(lasts) = lasting(dice, habit, last.status.is_fine(), every) else { break };
            at = at.after(lasts);
            if at >= until {
                break;
            }
            target.push(at, next_status(dice, habit, last.status), dice.pick(&LEVELS));
        }
        target
    }

    fn push(&mut self, from: Moment, status: Status, value: f64) {
        self.stretches.push(Stretch { from, status, value });
    }

    /// How it is at `at`.
    #[must_use]
    pub fn at(&self, at: Moment) -> Stretch {
        let after = self.stretches.partition_point(|it| it.from <= at);
        self.stretches[after.saturating_sub(1)]
    }

    /// When it next changes after `at`; `None` if never.
    #[must_use]
    pub fn changes_after(&self, at: Moment) -> Option<Moment> {
        let after = self.stretches.partition_point(|it| it.from <= at);
        self.stretches.get(after).map(|it| it.from)
    }
}

/// How long a stretch lasts; `None` for ever.
fn lasting(dice: &mut Dice, habit: Habit, fine: bool, every: Duration) -> Option<Duration> {
    match (habit, fine) {
        (Habit::Steady | Habit::Dead, _) => None,
        (Habit::Mortal, true) => Some(dice.span(every * 10, every * 400)),
        (Habit::Mortal, false) => Some(dice.span(every, every * 60)),
        (Habit::Hiccups, true) => Some(dice.span(every * 2, every * 40)),
        (Habit::Hiccups, false) => Some(dice.span(every / 50, every * 2)),
        (Habit::Flapper, _) => Some(dice.span(every / 2, every * 8)),
    }
}

fn next_status(dice: &mut Dice, habit: Habit, last: Status) -> Status {
    let bad = [Status::Warning, Status::Critical, Status::Critical, Status::Unknown];
    // Now and then one kind of trouble turns into another.
    let stays_bad = !last.is_fine() && dice.chance(200_000);
    match last.is_fine() || stays_bad || (habit == Habit::Flapper && dice.chance(250_000)) {
        true => dice.pick(&bad),
        false => Status::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_ordered_and_end_in_time() {
        let (from, until) = (Moment::from_secs(1_000), Moment::from_secs(100_000));
        let mut changing = 0;
        for seed in 0..200 {
            let mut dice = Dice::new(seed);
            let target = Target::draw(&mut dice, from, until, Duration::from_secs(60));
            assert!(target.stretches.is_sorted_by_key(|it| it.from));
            assert!(target.stretches.last().is_some_and(|it| it.from < until));
            changing += usize::from(target.stretches.len() > 1);
            for stretch in &target.stretches {
                assert_eq!(target.at(stretch.from), *stretch);
            }
        }
        assert!(changing > 50, "most targets live: {changing}");
    }
}
