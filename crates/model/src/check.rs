//! How a checkable is asked and judged: everything the engine needs to know, and nothing that only
//! the asking needs.

use std::{sync::Arc, time::Duration};

use crate::{KindId, Period, Rule};

/// By which rules results become beliefs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Our own: Nagios' counting, soft results count for flapping, services wait for their host.
    #[default]
    Campanile,
    /// As Nagios Core: soft results of services do not count for flapping.
    Nagios,
    /// As Icinga 2: change bits, strict thresholds, the attempt goes back to 1 when hard.
    Icinga,
}

/// When a checkable counts as flapping.
#[derive(Clone, Copy, Debug, PartialEq, Hash, Eq)]
pub struct Flapping {
    /// Is it judged at all? The history is kept and the percentage computed either way.
    pub judged: bool,
    /// Starts at this many hundredths of a percent of state change.
    pub high_centipercent: u16,
    /// Stops at this many hundredths of a percent.
    pub low_centipercent: u16,
    /// Results of these statuses are left out: bit n for the status with the number n.
    pub ignored: u8,
}

impl Flapping {
    /// What holds where nothing is written (states.md: D3 and the built-in values of each product).
    #[must_use]
    pub fn default_for(profile: Profile) -> Self {
        let (judged, high, low) = match profile {
            Profile::Campanile => (true, 3_000, 2_000),
            Profile::Nagios => (false, 3_000, 2_000),
            Profile::Icinga => (true, 3_000, 2_500),
        };
        Self { judged, high_centipercent: high, low_centipercent: low, ignored: 0 }
    }
}

/// The engine's half of a check. Shared by all checkables that are asked and judged alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Which kind of question; only for counting.
    pub kind: KindId,
    /// Time between looks while all is well or believed.
    pub every: Duration,
    /// Time between looks while bad news is being confirmed.
    pub retry_every: Duration,
    /// A bad state is believed at this many bad results in a row; at least 1.
    pub attempts_max: u8,
    /// Longest time one look may take.
    pub timeout: Duration,
    /// Rules by which results become beliefs.
    pub profile: Profile,
    /// When it flaps.
    pub flapping: Flapping,
    /// Judges measurements. At most [`Rule::PER_CHECK_MAX`].
    pub rules: Arc<[Rule]>,
    /// When it may be asked; `None` is always.
    pub period: Option<Arc<Period>>,
}
