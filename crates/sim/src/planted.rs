//! Bugs that are planted on purpose, to find out whether the simulator would notice them.
//!
//! They sit in the driver, between the world and the engine: what the engine is told, or what is
//! done with what it says, is falsified in the way in which a bug of that name would do it. The
//! judge sees the world as it is. A simulator that misses one of these is not worth its time.

use crate::dice::MILLION;

/// A bug that can be planted.
pub trait Bug: Copy + 'static {
    /// Every one of its kind.
    const ALL: &'static [Self];

    /// The word by which the command line knows it.
    fn word(self) -> &'static str;

    /// The one called `word`.
    #[must_use]
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.word() == word)
    }
}

macro_rules! planted {
    ($(#[doc = $what:literal])+ $bugs:ident; $($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        $(#[doc = $what])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $bugs {
            $($(#[doc = $doc])+ $name,)+
        }

        impl $crate::Bug for $bugs {
            const ALL: &'static [Self] = &[$(Self::$name,)+];

            fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}
pub(crate) use planted;

planted! {
    /// One planted bug.
    Planted;
    /// The second copy of an answer counts as another result.
    DoubleCounted = "double-counted",
    /// An answer counts for whatever run is under way.
    StaleAccepted = "stale-accepted",
    /// A look that could not be made counts as a failure.
    BlindIsCritical = "blind-is-critical",
    /// A warning counts as critical.
    WarningIsCritical = "warning-is-critical",
    /// A restart forgets how far the counting had got.
    AttemptLostOnRestore = "attempt-lost-on-restore",
    /// A restart forgets the recent results.
    RingLostOnRestore = "ring-lost-on-restore",
    /// A restart forgets that a checkable flaps.
    FlappingLostOnRestore = "flapping-lost-on-restore",
    /// A restart forgets since when thresholds have been crossed.
    ThresholdsLostOnRestore = "thresholds-lost-on-restore",
    /// One belief in ten is not stored.
    StoreForgets = "store-forgets",
    /// A restart tells the last changes once more.
    ToldTwiceAfterRestart = "told-twice-after-restart",
    /// A reload gives every checkable another place in time.
    PhaseLostOnReload = "phase-lost-on-reload",
    /// A reload forgets what was believed about what stays.
    StateLostOnReload = "state-lost-on-reload",
    /// A reload takes one checkable out of the timetable.
    DroppedOnReload = "dropped-on-reload",
    /// An answer to a question that has been rewritten counts.
    OldQuestionAccepted = "old-question-accepted",
    /// A removed checkable is still asked.
    RemovedStillAsked = "removed-still-asked",
    /// Checks run outside their period.
    PeriodIgnored = "period-ignored",
    /// Bad news is confirmed no faster than good news.
    RetryIgnored = "retry-ignored",
    /// Bad news is confirmed four times too fast.
    RetryHurried = "retry-hurried",
    /// One bad result more than wanted is needed.
    AttemptsOffByOne = "attempts-off-by-one",
    /// A threshold's clear level does not matter.
    ClearIgnored = "clear-ignored",
    /// A threshold's `for` does not matter.
    HoldIgnored = "hold-ignored",
    /// Services do not wait for their host.
    HostIgnored = "host-ignored",
    /// Hosts never hear that their parents are down.
    ParentsIgnored = "parents-ignored",
    /// Word about the parents comes only when they change, never as an answer.
    AnswerToChildLost = "answer-to-child-lost",
    /// A run whose answer was lost keeps its place among those under way.
    PlaceLeaks = "place-leaks",
    /// The limit on runs under way does not hold.
    LimitIgnored = "limit-ignored",
    /// A restart takes its time from a wall clock that was set back.
    WallTrusted = "wall-trusted",
    /// Flapping stops at the threshold at which it starts.
    NoHysteresis = "no-hysteresis",
}

/// How often [`Planted::StoreForgets`] forgets.
pub(crate) const STORE_FORGETS_PPM: u64 = MILLION / 10;
