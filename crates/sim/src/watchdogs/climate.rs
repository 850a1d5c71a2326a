//! What goes wrong in one world around the ledger, and how often.

use std::time::Duration;

use crate::{
    desk::{DAY, HOUR, MINUTE, SECOND},
    dice::{Dice, MILLION},
};

/// The troubles of one world: mean times between strikes, `None` where one never strikes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Climate {
    /// Something comes that nobody has asked for: replays, forgeries, strays.
    pub(crate) junk: Option<Duration>,
    /// A lot of it comes at once.
    pub(crate) flood: Option<Duration>,
    /// An intake cannot hear.
    pub(crate) deaf: Option<Duration>,
    /// Longest time for which it cannot.
    pub(crate) deaf_max: Duration,
    /// Nobody sends anything.
    pub(crate) hush: Option<Duration>,
    /// The process is killed.
    pub(crate) crash: Option<Duration>,
    /// Longest time until it is back.
    pub(crate) dead_max: Duration,
    /// So often it dies between two effects of one commit, in parts of a million.
    pub(crate) dies_between_ppm: u64,
    /// So often the word that a mail is taken is lost on its way, in parts of a million.
    pub(crate) word_lost_ppm: u64,
    /// The configuration is changed.
    pub(crate) reload: Option<Duration>,
    /// Somebody asks for something.
    pub(crate) operator: Option<Duration>,
    /// How often intakes say how they are.
    pub(crate) mark: Duration,
    /// Longest time until rows are kept.
    pub(crate) commit_max: Duration,
    /// Longest time that a mail is read.
    pub(crate) parse_max: Duration,
}

impl Climate {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        Self {
            junk: gap(dice, 10 * MINUTE),
            flood: gap(dice, 12 * HOUR),
            deaf: gap(dice, 4 * HOUR),
            deaf_max: dice.span(MINUTE, 30 * HOUR),
            hush: dice.chance(MILLION / 8).then_some(DAY),
            crash: gap(dice, 3 * HOUR),
            dead_max: dice.span(SECOND, 20 * HOUR),
            dies_between_ppm: if dice.chance(MILLION / 2) { 0 } else { dice.spread(100, 20_000) },
            word_lost_ppm: if dice.chance(MILLION / 2) { 0 } else { dice.spread(1_000, 50_000) },
            reload: gap(dice, 6 * HOUR),
            operator: gap(dice, HOUR),
            mark: dice.span(2 * MINUTE, 9 * MINUTE),
            commit_max: dice.span(Duration::from_millis(1), 3 * SECOND),
            parse_max: dice.span(Duration::from_millis(1), MINUTE),
        }
    }
}

/// Never in every third world, else any order of magnitude up to two days.
fn gap(dice: &mut Dice, shortest: Duration) -> Option<Duration> {
    if dice.chance(MILLION / 3) { None } else { Some(dice.span(shortest, 2 * DAY)) }
}
