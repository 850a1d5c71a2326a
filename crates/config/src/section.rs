//! The parts of a configuration that belong to no customer.

use crate::words::NameOf;

/// A map of named things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Section {
    People,
    Teams,
    Oncall,
    Channels,
    Policies,
    Contracts,
    Calendars,
    Groups,
    Maintenance,
}

impl Section {
    pub(crate) const ALL: [Self; 9] = [
        Self::People,
        Self::Teams,
        Self::Oncall,
        Self::Channels,
        Self::Policies,
        Self::Contracts,
        Self::Calendars,
        Self::Groups,
        Self::Maintenance,
    ];

    /// The key it stands under.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Teams => "teams",
            Self::Oncall => "oncall",
            Self::Channels => "channels",
            Self::Policies => "policies",
            Self::Contracts => "contracts",
            Self::Calendars => "calendars",
            Self::Groups => "groups",
            Self::Maintenance => "maintenance",
        }
    }

    /// What one of them is called in messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::People => "person",
            Self::Teams => "team",
            Self::Oncall => "rotation",
            Self::Channels => "channel",
            Self::Policies => "policy",
            Self::Contracts => "contract",
            Self::Calendars => "calendar",
            Self::Groups => "group",
            Self::Maintenance => "maintenance",
        }
    }

    /// Which names its things may have.
    pub(crate) fn name_of(self) -> NameOf {
        NameOf::Of(match self {
            Self::People => "a person",
            Self::Teams => "a team",
            Self::Oncall => "a rotation",
            Self::Channels => "a channel",
            Self::Policies => "a policy",
            Self::Contracts => "a contract",
            // `holidays/BY`.
            Self::Calendars => return NameOf::Service,
            Self::Groups => "a group",
            Self::Maintenance => "a maintenance",
        })
    }
}
