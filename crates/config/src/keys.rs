//! Which keys stand where.
//!
//! Four tables rather than one structure a level: the levels share most of their keys, and every
//! one of them needs the others' to say "this belongs to a service" instead of "unknown".

use model::Kind;

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    quoted,
    source::View,
    words,
};

/// Settings of a check, and who is told about it, which every layer can hold.
pub(crate) const SETTINGS: &[&str] =
    &["every", "timeout", "retry", "states", "flapping", "period", "policy", "contract"];

/// What a map is about, as far as its keys are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Main,
    Engine,
    Defaults,
    CheckFile,
    Site,
    Template,
    Host,
    Service,
}

impl Level {
    /// In the order in which a key that stands in the wrong place is looked for.
    const ALL: [Self; 8] = [
        Self::Host,
        Self::Service,
        Self::CheckFile,
        Self::Engine,
        Self::Main,
        Self::Site,
        Self::Defaults,
        Self::Template,
    ];

    /// For messages: "a service has no such key".
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Main => "the main file",
            Self::Engine => "`engine`",
            Self::Defaults => "`defaults`",
            Self::CheckFile => "a check file",
            Self::Site => "a site",
            Self::Template => "a template",
            Self::Host => "a host",
            Self::Service => "a service",
        }
    }

    /// Its own keys, besides settings and kinds.
    pub(crate) fn own(self) -> &'static [&'static str] {
        match self {
            Self::Main => &[
                "engine",
                "checks",
                "defaults",
                "templates",
                "people",
                "teams",
                "oncall",
                "channels",
                "policies",
                "contracts",
                "calendars",
                "groups",
                "maintenance",
                "inlet",
            ],
            Self::Engine => &[
                "listen",
                "data",
                "timezone",
                "shards",
                "in_flight",
                "in_flight_per_host",
                "record",
                "secrets",
                "uplink",
                "own",
                "heartbeat",
                "url",
            ],
            Self::Defaults => &["labels", "alive", "watchdog"],
            Self::CheckFile => &[
                "customer",
                "name",
                "labels",
                "alive",
                "use",
                "timezone",
                "site",
                "sites",
                "hosts",
                "services",
                "watchdogs",
                "watchdog",
                "templates",
                "contacts",
                "people",
                "teams",
                "oncall",
                "channels",
                "policies",
                "contracts",
                "calendars",
                "groups",
                "maintenance",
            ],
            Self::Site => &["labels", "alive", "use", "timezone"],
            Self::Template => &[
                "use", "labels", "alive", "address", "behind", "site", "services", "warn", "crit",
                "watchdog",
            ],
            Self::Host => &["address", "use", "behind", "labels", "site", "alive", "services"],
            Self::Service => &["use", "labels", "warn", "crit"],
        }
    }

    /// Keys that are understood but not acted on yet.
    fn later(self) -> &'static [&'static str] {
        match self {
            Self::Main | Self::CheckFile => &["from", "fail", "sla", "discover"],
            Self::Engine => &[],
            Self::Defaults | Self::Service => &["from", "fail", "sla"],
            Self::Site => &["zone", "network", "from", "fail", "sla"],
            Self::Template | Self::Host => &["from", "fail", "sla", "discover", "in_flight"],
        }
    }

    /// May it hold settings and parameters of kinds?
    fn has_settings(self) -> bool {
        !matches!(self, Self::Main | Self::Engine)
    }

    pub(crate) fn allows(self, key: &str, kinds: &[Kind]) -> bool {
        let setting = SETTINGS.contains(&key) || kinds.iter().any(|it| it.spec.name == key);
        self.own().contains(&key) || (self.has_settings() && setting)
    }
}

/// Looks at the keys of `map`: unknown ones are errors, later ones doubts. `also` are further keys
/// that may stand there: the measurements of the kind.
pub(crate) fn check(
    map: View<'_>,
    level: Level,
    also: &[&str],
    kinds: &[Kind],
    report: &mut Report,
) {
    for (key, _) in map.pairs() {
        let Some(name) = key.text() else { continue };
        if level.allows(name, kinds) || also.contains(&name) {
            continue;
        }
        report.add(match level.later().contains(&name) {
            true => not_carried_out(key, name),
            false => wrong_key(key, name, level, also, kinds),
        });
    }
}

/// Looks at the keys of a map that is no layer of settings: a person, a channel, a policy.
pub(crate) fn only(map: View<'_>, owner: &str, known: &[&str], report: &mut Report) {
    for (key, _) in map.pairs() {
        let Some(name) = key.text().filter(|it| !known.contains(it)) else { continue };
        let near =
            words::nearest(name, known.iter().copied()).map(|it| format!("did you mean `{it}`?"));
        let help = near.unwrap_or_else(|| format!("its keys are {}", crate::gather::list(known)));
        report.add(
            Diagnostic::new(Code::UnknownKey, format!("unknown key {}", quoted(name)))
                .at(key.place())
                .label(format!("{owner} has no such key"))
                .help(help),
        );
    }
}

pub(crate) fn not_carried_out(key: View<'_>, name: &str) -> Diagnostic {
    let what = format!("{} is not carried out by this version", quoted(name));
    Diagnostic::new(Code::NotCarriedOut, what).at(key.place()).label("this has no effect yet")
}

fn wrong_key(key: View<'_>, name: &str, level: Level, also: &[&str], kinds: &[Kind]) -> Diagnostic {
    let elsewhere = Level::ALL.into_iter().find(|it| *it != level && it.allows(name, kinds));
    if let Some(owner) = elsewhere {
        let what = format!("{} does not belong to {}", quoted(name), level.word());
        return Diagnostic::new(Code::Misplaced, what)
            .at(key.place())
            .label(format!("this is a key of {}", owner.word()));
    }
    let settings = if level.has_settings() { SETTINGS } else { &[] };
    let kinds = kinds.iter().map(|it| it.spec.name).filter(|_| level.has_settings());
    let known = level.own().iter().chain(settings).chain(also).copied().chain(kinds);
    let near = words::nearest(name, known).map(|it| format!("did you mean `{it}`?"));
    Diagnostic::new(Code::UnknownKey, format!("unknown key {}", quoted(name)))
        .at(key.place())
        .label(format!("{} has no such key", level.word()))
        .maybe_help(near)
}

/// Is it a key of a service, whatever the kind?
pub(crate) fn is_of_service(name: &str, kinds: &[Kind]) -> bool {
    Level::Service.allows(name, kinds) || Level::Service.later().contains(&name)
}

/// Is it a key of a service that is carried out, whatever the kind?
pub(crate) fn is_fine(name: &str, kinds: &[Kind]) -> bool {
    Level::Service.allows(name, kinds)
}
