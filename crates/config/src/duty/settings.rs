//! Which maps have a say about one watchdog, weakest first.
//!
//! A watchdog inherits like a service: of the host that it is on, or of its customer. What holds for
//! every watchdog in a layer stands under `watchdog:` there. A key replaces the whole of what a
//! weaker layer says under it; only labels merge name by name.

use crate::{
    diagnostic::Report,
    draft::{CustomerDraft, HostDraft, Named},
    layers::{Layer, Library, Part, Rank},
    source::View,
    words,
};

/// Keys of a watchdog, in the order of the manual.
pub const KEYS: &[&str] = &[
    "on",
    "ping",
    "person",
    "mail",
    "shared",
    "reads",
    "crit",
    "warn",
    "ok",
    "trust",
    "secret",
    "expect",
    "after",
    "timezone",
    "calendar",
    "holidays",
    "early",
    "grace",
    "give up",
    "reporting",
    "reports",
    "manual runs",
    "retries",
    "timeout",
    "warnings",
    "objects",
    "quorum",
    "size",
    "duration",
    "dates",
    "sender timezone",
    "sender date",
    "paused",
    "runbook",
    "use",
    "labels",
    "policy",
    "contract",
];

/// Those that are about one watchdog and no other.
pub(super) const OF_ONE: &[&str] = &["on", "person", "secret", "after", "use"];

/// Those that say nothing about a duty of people.
pub(super) const OF_MACHINES: &[&str] = &[
    "ping",
    "mail",
    "shared",
    "reads",
    "crit",
    "warn",
    "ok",
    "trust",
    "secret",
    "reporting",
    "retries",
    "timeout",
    "objects",
    "quorum",
    "size",
    "duration",
    "dates",
    "sender timezone",
    "sender date",
];

/// What holds if nothing is written, for people.
pub(crate) const BUILT_IN_SETTINGS: &[(&str, &str)] = &[
    ("early", "a quarter of the time between two runs, at most 6h"),
    ("grace", "1h, or twice the usual spread"),
    ("give up", "when the next run is expected"),
    ("reporting", "every run"),
    ("reports", "1 per slot"),
    ("manual runs", "ignore"),
    ("retries", "0s"),
    ("warnings", "3 in a row"),
    ("trust", "token"),
    ("holidays", "keep"),
    ("dates", "day first"),
];

/// The maps that have a say about one watchdog.
#[derive(Debug, Default)]
pub(crate) struct Settings<'a> {
    /// All of them, weakest first, for what everything inherits: labels, policy, contract.
    pub(crate) layers: Vec<Layer>,
    /// Those with keys of watchdogs, weakest first.
    pub(crate) maps: Vec<(Layer, View<'a>)>,
    /// A duty of people, for which nothing about machines holds.
    pub(crate) person: bool,
}

impl<'a> Settings<'a> {
    /// Those of `named`, which is on `host` if that is known.
    pub(crate) fn of(
        library: &Library<'a>,
        customer: &CustomerDraft,
        host: Option<&HostDraft>,
        named: &Named,
        report: &mut Report,
    ) -> Self {
        let base = library.base(customer, host, report);
        let stronger = base.layers.partition_point(|it| it.rank < Rank::Customer);
        let (weak, strong) = base.layers.split_at(stronger);
        let body = library.view(named.body);
        let used = library.flatten(body, &mut base.templates.clone(), report);
        let used = used.into_iter().map(|it| {
            let at = library.body(it).at;
            Layer { rank: Rank::Template(it), part: Part::General, at }
        });
        let person = body.get("person").and_then(|it| it.text());
        let person = person.is_some_and(|it| words::flag(it) == Ok(true));
        let mut settings = Self { person, ..Self::default() };
        let general: Vec<Layer> =
            weak.iter().copied().chain(used).chain(strong.iter().copied()).collect();
        for layer in general {
            settings.layers.push(layer);
            let for_all = library.view(layer.at).get("watchdog").filter(|it| it.is_map());
            if let Some(map) = for_all {
                settings.push(Layer { part: Part::Own, at: map.at, ..layer }, map);
            }
        }
        settings.push(Layer { rank: Rank::Service, part: Part::Own, at: body.at }, body);
        settings
    }

    fn push(&mut self, layer: Layer, map: View<'a>) {
        self.layers.push(layer);
        self.maps.push((layer, map));
    }

    /// Does `key` say anything about it?
    pub(crate) fn holds(&self, key: &str) -> bool {
        !self.person || !OF_MACHINES.contains(&key)
    }

    /// Everything written under `key`, weakest first.
    pub(crate) fn written(&self, key: &str) -> Vec<(Layer, View<'a>)> {
        if !self.holds(key) {
            return Vec::new();
        }
        let all = self.maps.iter().filter_map(|(layer, map)| Some((*layer, map.get(key)?)));
        all.filter(|(_, view)| !view.is_empty()).collect()
    }

    /// What holds of it.
    pub(crate) fn get(&self, key: &str) -> Option<View<'a>> {
        if !self.holds(key) {
            return None;
        }
        let mut strongest_first = self.maps.iter().rev().filter_map(|(_, map)| map.get(key));
        strongest_first.find(|it| !it.is_empty())
    }
}
