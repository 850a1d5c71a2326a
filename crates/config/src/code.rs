//! The codes of all mistakes and doubts, as people search for them.
//!
//! A code never changes its meaning and is never used again for another one. Every code has a file
//! of its own in `tests/golden/config/`; a test compares the two lists.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// There is no plan.
    Error,
    /// There is one, but it may not do what was meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// What is wrong, as a code that stays the same for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as it is printed: `E0204`.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// One sentence for the manual.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    /// A file or folder cannot be read.
    Unreadable = "E0101";
    /// A file is larger than the limit.
    FileTooLarge = "E0102";
    /// There are more files, or more bytes in all, than the limit.
    TooMuch = "E0103";
    /// A file is not plain UTF-8.
    NotUtf8 = "E0104";
    /// A file holds a control character.
    ControlCharacter = "E0105";
    /// The YAML cannot be read.
    Syntax = "E0106";
    /// A tab stands where only spaces may.
    Tab = "E0107";
    /// The file ends in the middle of something.
    Unfinished = "E0108";
    /// Anchors, aliases and merge keys are not used here.
    Anchor = "E0109";
    /// Tags are not used here.
    Tag = "E0110";
    /// One file is one document, without directives.
    Documents = "E0111";
    /// A value that begins with this character needs quotes.
    NeedsQuotes = "E0112";
    /// Maps and lists are nested more deeply than the limit.
    TooDeep = "E0113";
    /// A file has more keys and values than the limit.
    TooManyNodes = "E0114";
    /// A single value is longer than the limit.
    TooLong = "E0115";
    /// The same key stands twice in one map.
    DuplicateKey = "E0116";
    /// A key is a map or a list.
    KeyNotText = "E0117";
    /// No such key.
    UnknownKey = "E0201";
    /// A map, a list or a text stands where another of them must.
    Shape = "E0202";
    /// The key exists, but it belongs elsewhere.
    Misplaced = "E0203";
    /// No template has this name.
    UnknownTemplate = "E0204";
    /// Templates use each other in a circle.
    TemplateLoop = "E0205";
    /// No host has this name.
    UnknownHost = "E0206";
    /// Hosts stand behind each other in a circle.
    ParentLoop = "E0207";
    /// The customer has no site of this name.
    UnknownSite = "E0208";
    /// The same thing is written in two places.
    Clash = "E0209";
    /// This may not be a name.
    Name = "E0210";
    /// A range in a name or address cannot be read, or does not fit its pair.
    Range = "E0211";
    /// More of something than the limit.
    TooMany = "E0212";
    /// No person, team, rotation, channel, policy, contract, calendar, group or service has this name.
    UnknownName = "E0213";
    /// Rotations or channels stand in for each other in a circle.
    StandInLoop = "E0214";
    /// The name is kept for what the engine itself watches.
    Reserved = "E0215";
    /// Something that must be written is missing.
    Missing = "E0216";
    /// No format of reports has this name.
    UnknownFormat = "E0217";
    /// The customer has no watchdog of this name.
    UnknownWatchdog = "E0218";
    /// A watchdog is called like a host of its customer.
    NameTaken = "E0219";
    /// Watchdogs run behind each other in a circle.
    AfterLoop = "E0220";
    /// Two intakes, or an intake and the console, listen at the same address.
    SameListen = "E0221";
    /// A watchdog waits for mails, and there is no way by which one could come in.
    NoIntake = "E0222";
    /// The value of a setting cannot be read.
    Value = "E0301";
    /// A number has the wrong unit, or none where it needs one.
    WrongUnit = "E0302";
    /// The timeout is not shorter than the interval.
    TimeoutTooLong = "E0303";
    /// The warning level is worse than the critical one.
    WrongOrder = "E0304";
    /// Flapping would stop at a higher percentage than it starts.
    FlappingOrder = "E0305";
    /// One check has more thresholds than the limit.
    TooManyRules = "E0306";
    /// What a placeholder names cannot be read.
    Placeholder = "E0307";
    /// A secret stands where it would be shown.
    SecretShown = "E0308";
    /// The steps of a ladder go back in time.
    StepsBack = "E0309";
    /// A rotation, a team or a turn has nobody.
    Nobody = "E0310";
    /// A regular expression cannot be compiled.
    Pattern = "E0311";
    /// The times around two expected runs overlap.
    TimesOverlap = "E0312";
    /// A slot would close before it is due.
    GivesUpTooEarly = "E0313";
    /// Nothing says what a mail must prove before it is believed.
    NoProof = "E0314";
    /// More objects must be well than there are.
    QuorumTooLarge = "E0315";
    /// A password is written where the name of a file must stand.
    PasswordWritten = "E0316";
    /// The service does not say what it asks.
    NoKind = "E0401";
    /// The service asks two things.
    TwoKinds = "E0402";
    /// The kind has no such parameter.
    UnknownParameter = "E0403";
    /// The value of a parameter has not the form it needs.
    Parameter = "E0404";
    /// The kind itself refuses the parameters.
    Refused = "E0405";
    /// The kind has no such measurement.
    UnknownMeasure = "E0406";
    /// The host has no address, but something asks it.
    NoAddress = "E0407";
    /// Somebody is to be told by a channel for which they have no address.
    NoAddressOfPerson = "E0408";
    /// This key is understood, but this version does not act on it.
    NotCarriedOut = "L0101";
    /// No host and no service uses the template.
    TemplateUnused = "L0102";
    /// Nothing but its being alive is watched at the host.
    HostWithoutService = "L0103";
    /// Two hosts of one site have the same address.
    SameAddress = "L0104";
    /// A look may still be under way when it is to be repeated.
    RetryTooShort = "L0105";
    /// Bad news is looked at again more slowly than good news.
    RetryTooLong = "L0106";
    /// At some times nobody has the duty that a policy counts on.
    NobodyOnDuty = "L0107";
    /// Others on this machine can read a secret.
    SecretReadable = "L0108";
    /// A threshold counts after a time shorter than the interval.
    HoldTooShort = "L0109";
    /// There is nothing to remove here.
    NothingToRemove = "L0110";
    /// No file of checks was found.
    NothingToWatch = "L0111";
    /// Nothing refers to it.
    NeverUsed = "L0112";
    /// The maintenance never takes place, or is over.
    NeverTakesPlace = "L0113";
    /// No host and no service is meant by it.
    MatchesNothing = "L0114";
    /// The policy neither proposes nor calls nor tells anybody.
    TellsNobody = "L0115";
    /// Nobody would hear of a run that is missing.
    MissedByNobody = "L0116";
    /// No report can reach the watchdog.
    HearsNothing = "L0117";
    /// Maintenance covers every expected run.
    AlwaysInMaintenance = "L0118";
    /// The schedule of the watchdog is still to be learned.
    StillLearning = "L0119";
    /// A forged mail can say that all is well.
    Forgeable = "L0120";
}

impl Code {
    /// Errors begin with an E, lints with an L.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self.text().as_bytes().first() {
            Some(b'L') => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// The code that is printed as `text`.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.text() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].text() < pair[1].text(), "{} before {}", pair[0], pair[1]);
        }
    }
}
