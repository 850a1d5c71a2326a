//! What was seen, in the words an operator already knows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Cause;

/// Status of a service (as one look or one belief has it) or of a host (as a belief has it).
///
/// One type for both, because a transition, a row and a log line treat them alike. The numbers are
/// those of Nagios for services; hosts follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// The service is fine.
    Ok = 0,
    /// Worth a look, not worth waking anyone.
    Warning = 1,
    /// Wrong answer, or none.
    Critical = 2,
    /// The far end itself says that it does not know.
    Unknown = 3,
    /// The host is fine.
    Up = 4,
    /// The host does not answer.
    Down = 5,
    /// The host does not answer, and neither does anything on the way to it.
    Unreachable = 6,
}

impl Status {
    /// Every status, in the order of the numbers.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Warning,
        Self::Critical,
        Self::Unknown,
        Self::Up,
        Self::Down,
        Self::Unreachable,
    ];

    /// Is all well?
    #[must_use]
    pub fn is_fine(self) -> bool {
        matches!(self, Self::Ok | Self::Up)
    }

    /// Does it belong to a host?
    #[must_use]
    pub fn is_of_host(self) -> bool {
        matches!(self, Self::Up | Self::Down | Self::Unreachable)
    }

    /// The number under which it is stored.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The status stored under `number`.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// How bad it is, for "the worst of several": unknown lies between warning and critical.
    #[must_use]
    pub fn severity(self) -> u8 {
        match self {
            Self::Ok | Self::Up => 0,
            Self::Warning => 1,
            Self::Unknown => 2,
            Self::Critical | Self::Down | Self::Unreachable => 3,
        }
    }

    /// The word for it, as replay files and the command line use it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::Unreachable => "UNREACHABLE",
        }
    }

    /// The status that `word` names, in capitals.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Believed already, or still being looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum StateType {
    /// Bad news that has not been confirmed yet.
    Soft = 0,
    /// Believed.
    Hard = 1,
}

impl StateType {
    /// `SOFT` or `HARD`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Soft => "SOFT",
            Self::Hard => "HARD",
        }
    }
}

/// What one look found. A failing target is a value, never an `Err`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// We looked, and this is how it is.
    Seen {
        /// The headline: one of the four service statuses, for hosts too.
        status: Status,
        /// Why it is not fine; `None` when it is.
        cause: Option<Cause>,
    },
    /// We could not look: no descriptor, no right, no route of our own. Moves no state, is counted.
    Blind {
        /// Why not.
        cause: Cause,
    },
}

impl Verdict {
    /// All is well.
    pub const OK: Self = Self::Seen { status: Status::Ok, cause: None };

    /// Not well, and why.
    #[must_use]
    pub fn critical(cause: Cause) -> Self {
        Self::Seen { status: Status::Critical, cause: Some(cause) }
    }
}

/// A cause of our own makes us blind; any other is the target's, and critical.
impl From<Cause> for Verdict {
    fn from(cause: Cause) -> Self {
        match cause.code.owner() {
            crate::Owner::Ours => Self::Blind { cause },
            crate::Owner::Theirs => Self::critical(cause),
        }
    }
}
