//! What goes wrong in one world around the desk, and how often.

use std::time::Duration;

use super::estate::{DAY, HOUR, MINUTE, SECOND};
use crate::dice::{Dice, MILLION};

/// The troubles of one world: mean times between strikes, `None` where one never strikes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Climate {
    /// One host or service fails.
    pub(crate) trouble: Duration,
    /// A site fails, or most of it.
    pub(crate) site: Option<Duration>,
    /// Hosts of all customers fail.
    pub(crate) wave: Option<Duration>,
    /// Our own way out is cut.
    pub(crate) cut: Option<Duration>,
    /// Somebody asks for something.
    pub(crate) operator: Option<Duration>,
    /// The process is killed.
    pub(crate) crash: Option<Duration>,
    /// Longest time until it is back.
    pub(crate) dead_max: Duration,
    /// So often it dies between two effects of one commit, in parts of a million.
    pub(crate) dies_between_ppm: u64,
    /// The configuration is changed.
    pub(crate) reload: Option<Duration>,
    /// The timetable stands still.
    pub(crate) stall: Option<Duration>,
    /// The machine is suspended.
    pub(crate) jump: Option<Duration>,
    /// Longest time until rows are kept.
    pub(crate) commit_max: Duration,
    /// Longest time a word of a shard takes.
    pub(crate) mail_max: Duration,
    /// Do some stay bad after everything has healed?
    pub(crate) scars: bool,
}

impl Climate {
    /// Nothing happens by itself.
    pub(crate) fn calm() -> Self {
        Self {
            trouble: 1_000 * DAY,
            site: None,
            wave: None,
            cut: None,
            operator: None,
            crash: None,
            dead_max: SECOND,
            dies_between_ppm: 0,
            reload: None,
            stall: None,
            jump: None,
            commit_max: Duration::from_millis(100),
            mail_max: Duration::from_millis(10),
            scars: false,
        }
    }

    pub(crate) fn draw(dice: &mut Dice) -> Self {
        Self {
            trouble: dice.span(5 * MINUTE, 4 * HOUR),
            site: gap(dice, 4 * HOUR),
            wave: gap(dice, 6 * HOUR),
            cut: gap(dice, 4 * HOUR),
            operator: gap(dice, 5 * MINUTE),
            crash: gap(dice, HOUR),
            dead_max: dice.span(SECOND, HOUR),
            dies_between_ppm: if dice.chance(MILLION / 2) { 0 } else { dice.spread(100, 30_000) },
            reload: gap(dice, 2 * HOUR),
            stall: gap(dice, 2 * HOUR),
            jump: gap(dice, 4 * HOUR),
            commit_max: dice.span(Duration::from_millis(1), 3 * SECOND),
            mail_max: dice.span(Duration::from_micros(20), SECOND),
            scars: dice.chance(MILLION / 2),
        }
    }
}

/// Never in every third world, else any order of magnitude up to a day.
fn gap(dice: &mut Dice, shortest: Duration) -> Option<Duration> {
    if dice.chance(MILLION / 3) { None } else { Some(dice.span(shortest, DAY)) }
}
