//! Where every effective setting of a host or service comes from.
//!
//! Built from the draft by the same steps as the plan, so that it cannot tell another story; only
//! that here the losers are kept too.

use std::{collections::BTreeSet, fmt};

use model::{Asked, Flapping, Form, Level};
use serde_json::{Value as Json, json};

use crate::{
    diagnostic::Report,
    draft::{CustomerDraft, HostDraft, Named},
    duty::{BUILT_IN_SETTINGS, WATCHDOG_KEYS, WatchdogSettings, last_named},
    engine,
    fill::Filler,
    gather::{Gathered, Slot, Written, gather},
    labels,
    layers::{Base, Layer, Library, Part, Put, Rank},
    loaded::Loaded,
    mask,
    plan::put_alone,
    section::Section,
    settle::{Settler, spoken},
    source::{BUILT_IN, Place, View},
    tree::Shape,
    words,
};

/// The layer of what nobody wrote.
const BUILT_IN_LAYER: &str = "built-in";

/// A value as it was written, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    /// The written text; a secret is not shown.
    pub text: String,
    /// `built-in`, `defaults`, `template linux`, `customer`, `site`, `host`, `service` or `watchdog`.
    pub layer: String,
    /// The file, relative to the main file's folder; `None` for what is built in.
    pub file: Option<String>,
    /// Line, from 1; 0 for what is built in.
    pub line: usize,
    /// Column, from 1; 0 for what is built in.
    pub column: usize,
}

/// One setting with what it won against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `every`, `http.url`, `rtt.warn`, `labels.env`.
    pub name: String,
    /// What holds.
    pub value: Wording,
    /// What would hold without it, strongest first.
    pub losers: Vec<Wording>,
}

/// All settings of one host, service or watchdog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// `customer/host`, `customer/host/service` or `customer/watchdog`.
    pub name: String,
    /// In the order of the manual.
    pub settings: Vec<Setting>,
}

/// There is nothing of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The name that was asked for.
    pub name: String,
    /// Names that are near.
    pub near: Vec<String>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no host, service or watchdog is called {}", crate::quoted(&self.name))?;
        match self.near.as_slice() {
            [] => Ok(()),
            near => write!(f, "; did you mean {}?", near.join(" or ")),
        }
    }
}

impl std::error::Error for Unknown {}

/// Explains the host, service or watchdog called `name`.
///
/// # Errors
/// If there is none of this name.
pub fn explain(loaded: &Loaded, name: &str) -> Result<Explanation, Unknown> {
    let mut report = Report::default();
    let library = Library::new(&loaded.sources, &loaded.kinds, &loaded.draft, &mut report);
    let engine = loaded.draft.engine.map(|it| loaded.sources.view(it));
    let secrets = engine::secrets_folder(engine);
    let filler = Filler::new(&loaded.folder, &secrets, loaded.secrets.clone());
    let mut explainer =
        Explainer { loaded, library, settler: Settler::new(filler), report, settings: Vec::new() };
    explainer.find(name)?;
    Ok(Explanation { name: mask::escape(name), settings: explainer.settings })
}

/// The name that was meant, or one that goes on where it ends: `disk` for `disk /data`.
fn near<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let longer = || names.clone().find(|it| !name.is_empty() && it.starts_with(name));
    words::nearest(name, names.clone()).or_else(longer)
}

struct Explainer<'a> {
    loaded: &'a Loaded,
    library: Library<'a>,
    settler: Settler,
    /// What is found on the way was reported when the configuration was loaded.
    report: Report,
    settings: Vec<Setting>,
}

impl<'a> Explainer<'a> {
    fn find(&mut self, name: &str) -> Result<(), Unknown> {
        let draft = &self.loaded.draft;
        let mut parts = name.splitn(3, '/');
        let (customer_name, host_name, service_name) =
            (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let unknown = |near: Option<String>| Unknown {
            name: name.to_owned(),
            near: near.into_iter().collect(),
        };
        let Some(customer) = draft.customer(customer_name) else {
            let near = near(customer_name, draft.customers.iter().map(|it| &*it.name));
            let rest = name.strip_prefix(customer_name).unwrap_or_default();
            return Err(unknown(near.map(|it| format!("{it}{rest}"))));
        };
        let Some(host_name) = host_name else { return Err(unknown(None)) };
        if let (model::Service::NO_HOST, Some(service)) = (host_name, service_name) {
            let Some(found) = customer.service(service) else {
                let near = near(service, customer.services.iter().map(|it| &*it.name));
                return Err(unknown(near.map(|it| format!("{customer_name}/-/{it}"))));
            };
            self.service_alone(customer, found);
            return Ok(());
        }
        if let (Some(watchdog), None) = (customer.watchdog(host_name), service_name) {
            self.watchdog(customer, watchdog);
            return Ok(());
        }
        let Some(host) = customer.host(host_name) else {
            let near = near(host_name, customer.hosts.iter().map(|it| &*it.name));
            let watchdogs = customer.watchdogs.iter().map(|it| &*it.name);
            let near = near.or_else(|| crate::explain::near(host_name, watchdogs));
            let rest = service_name.map(|it| format!("/{it}")).unwrap_or_default();
            return Err(unknown(near.map(|it| format!("{customer_name}/{it}{rest}"))));
        };
        let base = self.library.base(customer, Some(host), &mut self.report);
        let Some(service) = service_name else {
            self.host(&base, host);
            return Ok(());
        };
        let near = self.service(&base, host, service);
        near.map_err(|near| unknown(near.map(|it| format!("{customer_name}/{host_name}/{it}"))))
    }

    fn service_alone(&mut self, customer: &CustomerDraft, service: &Named) {
        let base = self.library.base(customer, None, &mut self.report);
        if let Some(put) = put_alone(&self.library, &base, service, &mut self.report) {
            self.check(&put, &service.name, "");
            self.assigned(&put.layers);
            self.labels(&put.labelled);
        }
    }

    fn watchdog(&mut self, customer: &CustomerDraft, watchdog: &Named) {
        let body = self.library.view(watchdog.body);
        let on = body.get("on").and_then(|it| it.text()).unwrap_or_default();
        let host = on.strip_prefix("host/").unwrap_or(on).split('/').next();
        let host = host.and_then(|it| customer.host(it));
        let said = WatchdogSettings::of(&self.library, customer, host, watchdog, &mut self.report);
        let own_layer = |setting: &mut Setting| {
            let all = std::iter::once(&mut setting.value).chain(&mut setting.losers);
            all.filter(|it| it.layer == "service")
                .for_each(|it| "watchdog".clone_into(&mut it.layer));
        };
        for key in WATCHDOG_KEYS.iter().filter(|it| !matches!(**it, "policy" | "contract")) {
            match *key {
                "labels" => self.labels(&said.layers),
                "timezone" => {
                    // Any layer may name the zone on whose clock times of day are read.
                    let all = said.layers.iter();
                    let all = all.filter_map(|it| Some((*it, self.library.view(it.at).get(key)?)));
                    let written: Vec<(Layer, View<'a>)> = all.collect();
                    self.add("timezone".to_owned(), &written, false);
                }
                _ => {
                    let written = said.written(key);
                    self.add((*key).to_owned(), &written, false);
                    if written.is_empty() && said.holds(key) {
                        self.built_in(key);
                    }
                }
            }
        }
        self.assigned(&said.layers);
        self.settings.iter_mut().for_each(own_layer);
    }

    /// What holds of a watchdog if nobody has written it.
    fn built_in(&mut self, key: &str) {
        if let Some((name, text)) = BUILT_IN_SETTINGS.iter().find(|it| it.0 == key) {
            let layer = BUILT_IN_LAYER.to_owned();
            let value = Wording { text: (*text).to_owned(), layer, ..Wording::default() };
            let name = (*name).to_owned();
            self.settings.push(Setting { name, value, losers: Vec::new() });
        }
    }

    fn service(&mut self, base: &Base, host: &HostDraft, name: &str) -> Result<(), Option<String>> {
        let puts = self.library.services_of_host(base, host, &mut self.report);
        let Some(put) = puts.get(name) else {
            return Err(near(name, puts.keys().copied()).map(str::to_owned));
        };
        self.check(put, name, "");
        self.assigned(&put.layers);
        self.labels(&put.labelled);
        Ok(())
    }

    fn host(&mut self, base: &Base, host: &HostDraft) {
        for name in ["address", "behind", "site"] {
            let written: Vec<(Layer, View<'a>)> = base
                .layers
                .iter()
                .filter_map(|it| Some((*it, self.library.view(it.at).get(name)?)))
                // The customer's own `site:` is the site, not the name of one.
                .filter(|(_, view)| !view.is_map())
                .collect();
            self.add(name.to_owned(), &written, false);
        }
        if let Some(address) = self.settings.iter_mut().find(|it| it.name == "address") {
            let own = std::iter::once(&mut address.value).chain(&mut address.losers);
            own.for_each(|it| it.text = paired_with(host, &it.text));
        }
        match self.library.alive(base, &mut self.report) {
            Some(put) => {
                self.check(&put, "", "alive.");
                self.assigned(&put.layers);
            }
            None => {
                self.assigned(&base.layers);
                let written: Vec<(Layer, View<'a>)> = base
                    .layers
                    .iter()
                    .filter_map(|it| Some((*it, self.library.view(it.at).get("alive")?)))
                    .collect();
                self.add("alive".to_owned(), &written, false);
            }
        }
        self.labels(&base.layers);
    }

    /// The contract, and the policy that holds: a contract brings one of its own.
    fn assigned(&mut self, layers: &[Layer]) {
        let written = |key: &str| -> Vec<(Layer, View<'a>)> {
            let all =
                layers.iter().filter_map(|it| Some((*it, self.library.view(it.at).get(key)?)));
            all.filter(|(_, view)| !view.is_empty()).collect()
        };
        let (contracts, policies) = (written("contract"), written("policy"));
        let contract = last_named(&self.library, layers, "contract");
        let policy = last_named(&self.library, layers, "policy");
        let named = contract.and_then(|(_, view)| {
            let all = self.loaded.draft.shared.of(Section::Contracts);
            let found = all.iter().find(|it| Some(&*it.name) == view.text())?;
            let of_contract = self.library.view(found.body).get("policy");
            Some((found, of_contract.filter(|it| !it.is_empty())?))
        });
        self.add("contract".to_owned(), &contracts, false);
        let nearer = policy.map(|it| it.0) >= contract.map(|it| it.0);
        let Some((contract, view)) = named.filter(|_| !nearer) else {
            return self.add("policy".to_owned(), &policies, false);
        };
        let any = Layer { rank: Rank::Defaults, part: Part::General, at: view.at };
        let mut value = self.wording(any, view, false);
        value.layer = mask::escape(&format!("contract {}", contract.name));
        let losers =
            policies.iter().rev().map(|(layer, view)| self.wording(*layer, *view, false)).collect();
        self.settings.push(Setting { name: "policy".to_owned(), value, losers });
    }

    fn labels(&mut self, layers: &[Layer]) {
        let filler = &self.settler.filler;
        let merged = labels::merge(&self.library, filler, layers, &mut self.report);
        for (name, label) in merged.into_iter().flatten() {
            self.add(format!("labels.{name}"), &label.written, false);
        }
    }

    /// All settings of one check.
    fn check(&mut self, put: &Put, name: &str, prefix: &str) {
        let Some(gathered) = gather(&self.library, put, name, &mut self.report) else { return };
        self.kind(&gathered, put, prefix);
        let asked = self.settler.settle(&gathered, self.library.kinds, &mut self.report);
        let mut slots: BTreeSet<Slot> = gathered.slots.keys().copied().collect();
        slots.extend(asked.iter().flat_map(|it| flapping_slots(&it.check.flapping)));
        let (checks, params): (Vec<Slot>, Vec<Slot>) =
            slots.into_iter().partition(|it| !matches!(it, Slot::Param(_)));
        for slot in params.into_iter().chain(checks) {
            // Nobody reads a clock where there is no period.
            if slot == Slot::Timezone && gathered.by_hand(Slot::Period).is_none() {
                continue;
            }
            self.slot(&gathered, slot, asked.as_ref(), prefix);
        }
    }

    /// What is asked, and who says so; without anybody it is the service's own name.
    fn kind(&mut self, gathered: &Gathered<'a>, put: &Put, prefix: &str) {
        let own = put.layers.iter().rev().find(|it| it.part == Part::Own).copied();
        let Some(layer) = gathered.kind_layer.or(own) else { return };
        let value = self.wording_at(layer, gathered.kind_at, gathered.spec.name.to_owned());
        self.settings.push(Setting { name: format!("{prefix}kind"), value, losers: Vec::new() });
    }

    fn slot(&mut self, gathered: &Gathered<'a>, slot: Slot, asked: Option<&Asked>, prefix: &str) {
        let (name, hidden, is_map) = describe(gathered, slot);
        let name = format!("{prefix}{name}");
        let written: Vec<(Layer, View<'a>)> =
            gathered.all(slot).iter().map(|it: &Written<'a>| (it.layer, it.value)).collect();
        if is_map {
            self.map(&name, &written);
            return;
        }
        if written.is_empty() {
            let text = asked.map(|it| unwritten(slot, &it.check.flapping)).unwrap_or_default();
            let value = Wording { text, layer: BUILT_IN_LAYER.to_owned(), ..Wording::default() };
            self.settings.push(Setting { name, value, losers: Vec::new() });
            return;
        }
        self.add(name, &written, hidden);
        let (Some(last), Some(asked)) = (self.settings.last_mut(), asked) else { return };
        if gathered.by_hand(slot).is_none() {
            match slot {
                Slot::Timeout => last.value.text = spoken(asked.check.timeout),
                Slot::Retry => {
                    let (attempts, every) = (asked.check.attempts_max, asked.check.retry_every);
                    last.value.text = format!("{attempts} x {}", spoken(every));
                }
                _ => {}
            }
        }
    }

    /// Maps merge name by name, so each name is a setting of its own.
    fn map(&mut self, name: &str, written: &[(Layer, View<'a>)]) {
        let mut keys: Vec<&str> = written
            .iter()
            .flat_map(|(_, view)| view.pairs())
            .filter_map(|(key, _)| key.text())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let of_key: Vec<(Layer, View<'a>)> =
                written.iter().filter_map(|(layer, view)| Some((*layer, view.get(key)?))).collect();
            let hidden = self.loaded.secrets.has(key);
            self.add(format!("{name}.{key}"), &of_key, hidden);
        }
    }

    /// Adds a setting, unless nobody wrote it.
    fn add(&mut self, name: String, written: &[(Layer, View<'a>)], hidden: bool) {
        let mut strongest_first =
            written.iter().rev().map(|(layer, view)| self.wording(*layer, *view, hidden));
        let Some(value) = strongest_first.next() else { return };
        let losers = strongest_first.collect();
        self.settings.push(Setting { name: mask::escape(&name), value, losers });
    }

    fn wording(&self, layer: Layer, view: View<'_>, hidden: bool) -> Wording {
        let text = mask::escape(&mask::hide_userinfo(&self.text(view, hidden)));
        self.wording_at(layer, view.place(), text)
    }

    fn wording_at(&self, layer: Layer, place: Place, text: String) -> Wording {
        let layer = match layer.rank {
            Rank::BuiltIn => BUILT_IN_LAYER.to_owned(),
            Rank::Engine => "engine".to_owned(),
            Rank::Defaults => "defaults".to_owned(),
            Rank::Template(id) => {
                format!("template {}", self.loaded.draft.templates[id as usize].name)
            }
            Rank::Customer => "customer".to_owned(),
            Rank::Site => "site".to_owned(),
            Rank::Host => "host".to_owned(),
            Rank::Service => "service".to_owned(),
        };
        if place.file == BUILT_IN {
            return Wording { text, layer, file: None, line: 0, column: 0 };
        }
        let source = self.loaded.sources.of(place.file);
        let (line, column) = source.line_and_column(place.start);
        Wording { text, layer, file: Some(mask::escape(&source.shown)), line, column }
    }

    /// A value on one line.
    fn text(&self, view: View<'_>, hidden: bool) -> String {
        match view.shape() {
            Shape::Text(text, _) if hidden && !mask::is_reference(text) => mask::HIDDEN.to_owned(),
            Shape::Text(text, _) => text.to_owned(),
            Shape::List(_) => {
                let items: Vec<String> =
                    view.items().into_iter().map(|it| self.text(it, hidden)).collect();
                format!("[{}]", items.join(", "))
            }
            Shape::Map(_) => {
                let pairs: Vec<String> = view
                    .pairs()
                    .map(|(key, value)| {
                        let key = key.text().unwrap_or_default();
                        let hidden = hidden || self.loaded.secrets.has(key);
                        format!("{key}: {}", self.text(value, hidden))
                    })
                    .collect();
                match pairs.as_slice() {
                    [] => "{}".to_owned(),
                    pairs => format!("{{ {} }}", pairs.join(", ")),
                }
            }
        }
    }
}

/// The address of this host, where a range stands for those of several.
fn paired_with(host: &HostDraft, written: &str) -> String {
    let all = words::expand(written).unwrap_or_default();
    match all.get(host.ordinal as usize) {
        Some(own) if all.len() == host.of as usize => own.clone(),
        _ => written.to_owned(),
    }
}

/// What is effective of flapping, also where it only follows from the profile.
fn flapping_slots(flapping: &Flapping) -> &'static [Slot] {
    match flapping.judged {
        true => &[Slot::FlappingHigh, Slot::FlappingLow],
        false => &[Slot::Flapping],
    }
}

/// The text of what [`flapping_slots`] adds and nobody wrote.
fn unwritten(slot: Slot, flapping: &Flapping) -> String {
    let percent = |it: u16| format!("{}%", f64::from(it) / 100.0);
    match slot {
        Slot::FlappingHigh => percent(flapping.high_centipercent),
        Slot::FlappingLow => percent(flapping.low_centipercent),
        _ => "off".to_owned(),
    }
}

/// The name of a setting, whether it is a secret, and whether it merges name by name.
fn describe(gathered: &Gathered<'_>, slot: Slot) -> (String, bool, bool) {
    let spec = gathered.spec;
    let plain = |name: &str| (name.to_owned(), false, false);
    match slot {
        Slot::Every => plain("every"),
        Slot::Timeout => plain("timeout"),
        Slot::Retry => plain("retry"),
        Slot::States => plain("states"),
        Slot::Flapping => plain("flapping"),
        Slot::FlappingHigh => plain("flapping.high"),
        Slot::FlappingLow => plain("flapping.low"),
        Slot::FlappingIgnore => plain("flapping.ignore"),
        Slot::Period => plain("period"),
        Slot::Timezone => plain("timezone"),
        Slot::Param(at) => {
            let param = &spec.params[usize::from(at)];
            let name = format!("{}.{}", spec.name, param.name);
            (name, param.form == Form::Secret, param.form == Form::TextMap)
        }
        Slot::Rule(measure, level) => {
            let measure = spec.measures[usize::from(measure)].name;
            let level = match level {
                Level::Warning => "warn",
                Level::Critical => "crit",
            };
            plain(&format!("{measure}.{level}"))
        }
    }
}

impl Wording {
    fn place(&self) -> String {
        match &self.file {
            Some(file) => format!("{file}:{}:{}", self.line, self.column),
            None => String::new(),
        }
    }

    fn json(&self) -> Json {
        let position = |it: usize| (it > 0).then_some(it);
        json!({
            "value": self.text,
            "layer": self.layer,
            "file": self.file,
            "line": position(self.line),
            "column": position(self.column),
        })
    }
}

impl Explanation {
    /// A table: the setting, its text, its layer, its place; below it what it won against.
    #[must_use]
    pub fn render(&self) -> String {
        /// Longer texts push their own line out of the table, not all others.
        const TEXT_CHARS_MAX: usize = 48;
        let all =
            || self.settings.iter().flat_map(|it| std::iter::once(&it.value).chain(&it.losers));
        let chars = |text: &str| text.chars().count();
        let names = self.settings.iter().map(|it| chars(&it.name)).max().unwrap_or(0);
        let texts = all().map(|it| chars(&it.text).min(TEXT_CHARS_MAX)).max().unwrap_or(0);
        let layers = all().map(|it| chars(&it.layer)).max().unwrap_or(0);
        let mut table = format!("{}\n\n", self.name);
        let mut line = |name: &str, mark: &str, it: &Wording| {
            let row = format!(
                "  {name:names$}  {mark}{:texts$}  {:layers$}  {}",
                it.text,
                it.layer,
                it.place()
            );
            table.push_str(row.trim_end());
            table.push('\n');
        };
        for setting in &self.settings {
            line(&setting.name, "  ", &setting.value);
            for loser in &setting.losers {
                line("", "- ", loser);
            }
        }
        table
    }

    /// The same as JSON.
    #[must_use]
    pub fn render_json(&self) -> String {
        let settings: Vec<Json> = self
            .settings
            .iter()
            .map(|it| {
                let mut setting = it.value.json();
                setting["name"] = json!(it.name);
                setting["overridden"] = it.losers.iter().map(Wording::json).collect();
                setting
            })
            .collect();
        format!("{:#}", json!({ "name": self.name, "settings": settings }))
    }
}
