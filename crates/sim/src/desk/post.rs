//! The far ends of the channels: what they do with what they get, and what they saw.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{Alert, AlertKey, Delivery};

use super::estate::{HOUR, MINUTE, SECOND};
use crate::dice::{Dice, MILLION};

/// How a receiver behaves for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes everything.
    Takes,
    /// Refuses everything, and says so.
    Fails,
    /// Does not answer in time; half of it has arrived all the same.
    Hangs,
    /// Cuts the connection after it has accepted.
    Resets,
    /// Accepts, and says that it has failed.
    Lies,
    /// Wants to be left alone for a while.
    Busy,
    /// Says that it will never take this one.
    Never,
    /// Any of these, by turns.
    Moody,
}

impl Mood {
    const ALL: [Self; 8] = [
        Self::Takes,
        Self::Fails,
        Self::Hangs,
        Self::Resets,
        Self::Lies,
        Self::Busy,
        Self::Never,
        Self::Moody,
    ];
}

/// What comes of one try.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    /// Did the receiver get it?
    pub(crate) arrives: bool,
    /// What the sender is told, and after how long.
    pub(crate) told: Delivery,
    pub(crate) after: Duration,
    /// Is the sender told twice?
    pub(crate) twice: bool,
}

/// All receivers, by the name of their channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Post {
    moods: BTreeMap<Arc<str>, Mood>,
    /// On their way.
    pub(crate) flying: BTreeMap<AlertKey, Alert>,
}

impl Post {
    /// Another mood for `channel`; gives how long it lasts.
    pub(crate) fn turn(&mut self, dice: &mut Dice, channel: &Arc<str>) -> Duration {
        let calm = dice.chance(MILLION / 2);
        let mood = if calm { Mood::Takes } else { dice.pick(&Mood::ALL) };
        self.moods.insert(Arc::clone(channel), mood);
        let gone = dice.chance(MILLION / 20);
        if gone { 24 * HOUR } else { dice.span(MINUTE, 8 * HOUR) }
    }

    /// Everybody is well.
    pub(crate) fn heal(&mut self) {
        self.moods.clear();
    }

    /// What comes of trying to deliver by `channel`.
    pub(crate) fn attempt(&self, dice: &mut Dice, channel: &str) -> Try {
        let mood = self.moods.get(channel).copied().unwrap_or(Mood::Takes);
        let mood = match mood {
            Mood::Moody => Mood::ALL[dice.index(Mood::ALL.len() - 1)],
            other => other,
        };
        let later = |fault: &str, after, may_have_arrived| Delivery::Later {
            fault: fault.to_owned(),
            after,
            may_have_arrived,
        };
        let quick = dice.span(Duration::from_millis(1), SECOND);
        let (arrives, told, after) = match mood {
            Mood::Takes | Mood::Moody => (true, Delivery::Taken, quick),
            Mood::Fails => (false, later("500", None, false), quick),
            Mood::Hangs => (dice.chance(MILLION / 2), later("timeout", None, true), 30 * SECOND),
            Mood::Resets => (true, later("reset", None, true), quick),
            Mood::Lies => (true, later("500", None, dice.chance(MILLION / 2)), quick),
            Mood::Busy => {
                let wait = dice.span(SECOND, 3 * HOUR);
                (false, later("429", Some(wait), false), quick)
            }
            Mood::Never => (false, Delivery::Never { fault: "400".to_owned() }, quick),
        };
        Try { arrives, told, after, twice: dice.chance(MILLION / 20) }
    }
}
