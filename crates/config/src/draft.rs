//! What was written: every template, customer, site, host and service, by the node it stands at.
//!
//! The draft resolves names of things and ranges of hosts, and nothing else. It is kept, with the
//! trees it points into, because `explain` answers from it.

use std::{collections::BTreeMap, collections::HashMap, ops::Range, sync::Arc};

use model::Kind;

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    files,
    keys::{self, Level},
    limits, quoted,
    section::Section,
    source::{At, BUILT_IN, MAIN, Place, Sources, View},
    words,
};

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) engine: Option<At>,
    /// `inlet:`, by which ways reports come in.
    pub(crate) inlet: Option<At>,
    pub(crate) defaults: Option<At>,
    pub(crate) templates: Vec<TemplateDraft>,
    template_ids: HashMap<Box<str>, u32>,
    /// Sorted by name.
    pub(crate) customers: Vec<CustomerDraft>,
    /// People, channels, policies and whatever else belongs to no customer.
    pub(crate) shared: Shared,
    /// A file is missing from it, so a name that is not found may well exist.
    pub(crate) incomplete: bool,
}

/// What belongs to no customer, each list sorted by name.
#[derive(Debug, Default)]
pub(crate) struct Shared(BTreeMap<Section, Vec<Named>>);

impl Shared {
    /// All of one section.
    pub(crate) fn of(&self, section: Section) -> &[Named] {
        self.0.get(&section).map_or(&[], Vec::as_slice)
    }
}

/// The customer under whose name the engine's own checks are: those of its uplink.
pub(crate) const OWN_CUSTOMER: &str = "campanile";

fn reserved(place: Place) -> Diagnostic {
    Diagnostic::new(Code::Reserved, format!("no customer can be called `{OWN_CUSTOMER}`"))
        .at(place)
        .label("this name is the engine's own")
        .help("give the customer another name with `customer:`")
}

/// A template.
#[derive(Debug)]
pub(crate) struct TemplateDraft {
    pub(crate) name: Box<str>,
    pub(crate) key: At,
    pub(crate) body: At,
}

/// A customer, from one file or several.
#[derive(Debug)]
pub(crate) struct CustomerDraft {
    pub(crate) name: Arc<str>,
    /// The top level of each of its files.
    pub(crate) bodies: Vec<At>,
    pub(crate) sites: Vec<Named>,
    /// `site:`, for a customer who has one that needs no name.
    pub(crate) only_site: Option<At>,
    /// Sorted by name.
    pub(crate) hosts: Vec<HostDraft>,
    /// Services that belong to no host, sorted by name.
    pub(crate) services: Vec<Named>,
    /// Its planned maintenance, sorted by name.
    pub(crate) maintenance: Vec<Named>,
    /// What promises to report, sorted by name.
    pub(crate) watchdogs: Vec<Named>,
}

/// Anything with a name of its own: a site, a service of a customer, a person.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: Box<str>,
    pub(crate) key: At,
    pub(crate) body: At,
}

/// A host; one written range makes many.
#[derive(Debug)]
pub(crate) struct HostDraft {
    pub(crate) name: Box<str>,
    pub(crate) key: At,
    pub(crate) body: At,
    /// Its place in the range; a host that was written as such is the only one of its own.
    pub(crate) ordinal: u32,
    /// How many the range has.
    pub(crate) of: u32,
}

impl Draft {
    /// The template called `name`.
    pub(crate) fn template(&self, name: &str) -> Option<u32> {
        self.template_ids.get(name).copied()
    }

    pub(crate) fn customer(&self, name: &str) -> Option<&CustomerDraft> {
        let at = self.customers.binary_search_by(|it| (*it.name).cmp(name)).ok()?;
        Some(&self.customers[at])
    }
}

impl CustomerDraft {
    pub(crate) fn host(&self, name: &str) -> Option<&HostDraft> {
        let at = self.hosts.binary_search_by(|it| (*it.name).cmp(name)).ok()?;
        Some(&self.hosts[at])
    }

    pub(crate) fn service(&self, name: &str) -> Option<&Named> {
        let at = self.services.binary_search_by(|it| (*it.name).cmp(name)).ok()?;
        Some(&self.services[at])
    }

    pub(crate) fn watchdog(&self, name: &str) -> Option<&Named> {
        let at = self.watchdogs.binary_search_by(|it| (*it.name).cmp(name)).ok()?;
        Some(&self.watchdogs[at])
    }
}

/// Reads the draft out of the trees.
pub(crate) fn read(
    sources: &Sources,
    named: &files::Named,
    kinds: &[Kind],
    report: &mut Report,
) -> Draft {
    let measures: Vec<&str> =
        kinds.iter().flat_map(|it| it.spec.measures).map(|it| it.name).collect();
    let mut reader = Reader {
        sources,
        kinds,
        measures,
        draft: Draft::default(),
        customers: BTreeMap::new(),
        shared: BTreeMap::new(),
        report,
    };
    reader.draft.incomplete = named.incomplete;
    for (file, source) in sources.written().chain(sources.canaries()) {
        reader.draft.incomplete |= source.tree.is_none();
        let Some(root) = sources.root(file) else { continue };
        if root.is_empty() {
            continue;
        }
        if !root.is_map() {
            reader.report.add(shape(root, "a file is a map of keys and values"));
            continue;
        }
        match file == MAIN {
            true => reader.main(root),
            false => {
                reader.check_file(root, named.customers.get(file.0 as usize).map_or("", |it| it))
            }
        }
    }
    reader.finish()
}

/// "here stands a list where a map must stand".
pub(crate) fn shape(found: View<'_>, wanted: &str) -> Diagnostic {
    use crate::tree::Shape;
    let what = match found.shape() {
        Shape::Map(_) => "a map",
        Shape::List(_) => "a list",
        Shape::Text(..) if found.is_empty() => "nothing",
        Shape::Text(..) => "a single value",
    };
    Diagnostic::new(Code::Shape, format!("{what} cannot stand here"))
        .at(first_line(found))
        .label(wanted)
}

/// Maps and lists reach over many lines; the caret stays in the first.
pub(crate) fn first_line(found: View<'_>) -> Place {
    let place = found.place();
    match found.text() {
        Some(_) => place,
        None => Place { end: place.start.saturating_add(1).min(place.end), ..place },
    }
}

struct Reader<'a, 'r> {
    sources: &'a Sources,
    kinds: &'a [Kind],
    /// Names of all measurements of all kinds.
    measures: Vec<&'a str>,
    draft: Draft,
    customers: BTreeMap<String, Gathering<'a>>,
    shared: BTreeMap<Section, HashMap<&'a str, (View<'a>, View<'a>)>>,
    report: &'r mut Report,
}

/// A customer while its files are read.
#[derive(Default)]
struct Gathering<'a> {
    bodies: Vec<At>,
    /// Its own settings: a second file may add hosts, but not a second opinion.
    settings: HashMap<&'a str, View<'a>>,
    sites: HashMap<&'a str, (View<'a>, View<'a>)>,
    only_site: Option<View<'a>>,
    hosts: HashMap<Box<str>, HostDraft>,
    services: HashMap<&'a str, (View<'a>, View<'a>)>,
    maintenance: HashMap<&'a str, (View<'a>, View<'a>)>,
    watchdogs: HashMap<&'a str, (View<'a>, View<'a>)>,
}

impl<'a> Reader<'a, '_> {
    fn main(&mut self, root: View<'a>) {
        keys::check(root, Level::Main, &[], self.kinds, self.report);
        if let Some(engine) = self.map_at(root, "engine") {
            keys::check(engine, Level::Engine, &[], self.kinds, self.report);
            self.draft.engine = Some(engine.at);
        }
        if let Some(defaults) = self.map_at(root, "defaults") {
            keys::check(defaults, Level::Defaults, &[], self.kinds, self.report);
            self.draft.defaults = Some(defaults.at);
        }
        self.draft.inlet = self.map_at(root, "inlet").map(|it| it.at);
        self.templates(root);
        self.shared(root);
    }

    /// What belongs to no customer.
    fn shared(&mut self, root: View<'a>) {
        for section in Section::ALL {
            let Some(map) = self.map_at(root, section.key()) else { continue };
            let mut known = self.shared.remove(&section).unwrap_or_default();
            self.named(map, (section.noun(), section.name_of()), &mut known);
            self.shared.insert(section, known);
        }
    }

    fn named(
        &mut self,
        map: View<'a>,
        (noun, name_of): (&str, words::NameOf),
        known: &mut HashMap<&'a str, (View<'a>, View<'a>)>,
    ) {
        for (key, body) in map.pairs() {
            let Some(name) = key.text() else { continue };
            if !self.is_name(key, name, name_of) {
                continue;
            }
            match known.get(name) {
                Some((first, _)) => self.report.add(clash(noun, name, key, *first)),
                None => drop(known.insert(name, (key, body))),
            }
        }
    }

    /// The map under `key`; something else there is an error, nothing is nothing.
    fn map_at(&mut self, root: View<'a>, key: &str) -> Option<View<'a>> {
        let value = root.get(key).filter(|it| !it.is_empty())?;
        if value.is_map() {
            return Some(value);
        }
        self.report.add(shape(value, &format!("`{key}` is a map")));
        None
    }

    fn templates(&mut self, root: View<'a>) {
        let Some(templates) = self.map_at(root, "templates") else { return };
        let measures = std::mem::take(&mut self.measures);
        for (key, body) in templates.pairs() {
            let Some(name) = key.text() else { continue };
            if !self.is_name(key, name, words::NameOf::Service) {
                continue;
            }
            if !body.is_map() && !body.is_empty() {
                self.report.add(shape(body, "a template is a map"));
                continue;
            }
            keys::check(body, Level::Template, &measures, self.kinds, self.report);
            self.bodies_of_services(body, &measures);
            if let Some(first) = self.draft.template(name) {
                let first = self.sources.view(self.draft.templates[first as usize].key);
                self.report.add(clash("template", name, key, first));
                continue;
            }
            let id = u32::try_from(self.draft.templates.len()).unwrap_or(u32::MAX);
            self.draft.template_ids.insert(name.into(), id);
            let template = TemplateDraft { name: name.into(), key: key.at, body: body.at };
            self.draft.templates.push(template);
        }
        self.measures = measures;
    }

    /// The services of a template, looked at even if nothing uses it.
    fn bodies_of_services(&mut self, body: View<'a>, measures: &[&str]) {
        let Some(services) = self.map_at(body, "services") else { return };
        for (key, service) in services.pairs() {
            let Some(name) = key.text() else { continue };
            self.is_name(key, name, words::NameOf::Service);
            if service.is_map() {
                keys::check(service, Level::Service, measures, self.kinds, self.report);
            }
        }
    }

    fn is_name(&mut self, key: View<'_>, name: &str, of: words::NameOf) -> bool {
        let fault = words::name(name, of).err().or_else(|| {
            (name.len() > limits::LABEL_BYTES_MAX).then(|| words::Fault {
                span: 0..name.len(),
                what: format!("a name of more than {} bytes", limits::LABEL_BYTES_MAX),
                hint: None,
            })
        });
        let Some(fault) = fault else { return true };
        self.report.add(
            Diagnostic::new(Code::Name, fault.what)
                .at(key.part(&fault.span))
                .label("this may not be a name")
                .maybe_help(fault.hint),
        );
        false
    }

    fn check_file(&mut self, root: View<'a>, default_name: &str) {
        keys::check(root, Level::CheckFile, &[], self.kinds, self.report);
        self.templates(root);
        let own = Level::CheckFile.own();
        let of_customer = |key: &str| {
            key != "templates"
                && Section::ALL.iter().all(|it| it.key() != key)
                && (own.contains(&key)
                    || keys::SETTINGS.contains(&key)
                    || self.kinds.iter().any(|it| it.spec.name == key))
        };
        if !root.pairs().any(|(key, _)| key.text().is_some_and(of_customer)) {
            self.shared(root);
            return;
        }
        self.nothing_shared(root);
        let Some(name) = self.customer_name(root, default_name) else { return };
        let mut customer = self.customers.remove(&name).unwrap_or_default();
        customer.bodies.push(root.at);
        self.customer_settings(root, &mut customer);
        self.sites(root, &mut customer);
        self.hosts(root, &mut customer);
        self.services(root, &mut customer);
        if let Some(map) = self.map_at(root, Section::Maintenance.key()) {
            let names = (Section::Maintenance.noun(), Section::Maintenance.name_of());
            self.named(map, names, &mut customer.maintenance);
        }
        if let Some(map) = self.map_at(root, "watchdogs") {
            let names = ("watchdog", words::NameOf::Of("a watchdog"));
            self.named(map, names, &mut customer.watchdogs);
        }
        self.customers.insert(name, customer);
    }

    /// People serve all customers, so they do not stand in the file of one.
    fn nothing_shared(&mut self, root: View<'a>) {
        for section in Section::ALL.into_iter().filter(|it| *it != Section::Maintenance) {
            let Some((key, _)) = root.pair(section.key()) else { continue };
            let what = format!("`{}` does not belong to a customer's file", section.key());
            self.report.add(
                Diagnostic::new(Code::Misplaced, what)
                    .at(key.place())
                    .label("this is for all customers")
                    .help("write it into the main file, or into a file of its own"),
            );
        }
    }

    fn customer_name(&mut self, root: View<'a>, default_name: &str) -> Option<String> {
        let Some(written) = root.get("customer") else {
            if default_name == OWN_CUSTOMER && self.sources.canary != Some(root.at.file) {
                self.report.add(reserved(Place::whole(root.at.file)));
                return None;
            }
            if let Err(fault) = words::name(default_name, words::NameOf::Customer) {
                let what = format!("the file's name gives no customer's name: {}", fault.what);
                self.report.add(
                    Diagnostic::new(Code::Name, what)
                        .at(Place::whole(root.at.file))
                        .help("write `customer: NAME` at its top"),
                );
                return None;
            }
            return Some(default_name.to_owned());
        };
        let Some(name) = written.text() else {
            self.report.add(shape(written, "the customer's name"));
            return None;
        };
        if name == OWN_CUSTOMER && self.sources.canary != Some(root.at.file) {
            self.report.add(reserved(written.place()));
            return None;
        }
        self.is_name(written, name, words::NameOf::Customer).then(|| name.to_owned())
    }

    /// Two files of one customer may not both say how often to look.
    fn customer_settings(&mut self, root: View<'a>, customer: &mut Gathering<'a>) {
        const OF_EACH_FILE: &[&str] =
            &["customer", "templates", "hosts", "services", "sites", "maintenance", "watchdogs"];
        for (key, _) in root.pairs() {
            let Some(name) = key.text().filter(|it| !OF_EACH_FILE.contains(it)) else { continue };
            match customer.settings.get(name) {
                Some(first) => self.report.add(
                    clash("setting", name, key, *first)
                        .note("both files are about the same customer"),
                ),
                None => drop(customer.settings.insert(name, key)),
            }
        }
    }

    fn sites(&mut self, root: View<'a>, customer: &mut Gathering<'a>) {
        if let Some(site) = self.map_at(root, "site") {
            keys::check(site, Level::Site, &[], self.kinds, self.report);
            customer.only_site = Some(site);
        }
        let Some(sites) = self.map_at(root, "sites") else { return };
        for (key, body) in sites.pairs() {
            let Some(name) = key.text() else { continue };
            if !body.is_map() && !body.is_empty() {
                self.report.add(shape(body, "a site is a map"));
                continue;
            }
            keys::check(body, Level::Site, &[], self.kinds, self.report);
            if !self.is_name(key, name, words::NameOf::Host) {
                continue;
            }
            match customer.sites.get(name) {
                Some((first, _)) => self.report.add(clash("site", name, key, *first)),
                None => drop(customer.sites.insert(name, (key, body))),
            }
        }
    }

    fn hosts(&mut self, root: View<'a>, customer: &mut Gathering<'a>) {
        let Some(hosts) = self.map_at(root, "hosts") else { return };
        for (key, body) in hosts.pairs() {
            let Some(written) = key.text() else { continue };
            if !body.is_map() && !body.is_empty() {
                self.report.add(shape(body, "a host is a map: `{ address: 10.0.0.1 }`"));
                continue;
            }
            keys::check(body, Level::Host, &[], self.kinds, self.report);
            let names = match words::expand(written) {
                Ok(names) => names,
                Err(fault) => {
                    self.report.add(range_fault(key, fault));
                    continue;
                }
            };
            if customer.hosts.len() + names.len() > limits::EXPANDED_MAX {
                let what = format!("more than {} hosts of one customer", limits::EXPANDED_MAX);
                self.report.add(Diagnostic::new(Code::TooMany, what).at(key.place()));
                return;
            }
            let of = u32::try_from(names.len()).unwrap_or(u32::MAX);
            for (ordinal, name) in (0..of).zip(names) {
                self.host(
                    HostDraft { name: name.into(), key: key.at, body: body.at, ordinal, of },
                    customer,
                );
            }
        }
    }

    fn host(&mut self, host: HostDraft, customer: &mut Gathering<'a>) {
        let key = self.sources.view(host.key);
        if !self.is_name(key, &host.name, words::NameOf::Host) {
            return;
        }
        if let Some(first) = customer.hosts.get(&host.name) {
            let first = self.sources.view(first.key);
            self.report.add(clash("host", &host.name, key, first));
            return;
        }
        customer.hosts.insert(host.name.clone(), host);
    }

    fn services(&mut self, root: View<'a>, customer: &mut Gathering<'a>) {
        let Some(services) = self.map_at(root, "services") else { return };
        for (key, body) in services.pairs() {
            let Some(name) = key.text() else { continue };
            if !self.is_name(key, name, words::NameOf::Service) {
                continue;
            }
            match customer.services.get(name) {
                Some((first, _)) => self.report.add(clash("service", name, key, *first)),
                None => drop(customer.services.insert(name, (key, body))),
            }
        }
    }

    fn finish(mut self) -> Draft {
        let customers = std::mem::take(&mut self.customers);
        self.draft.customers = customers
            .into_iter()
            .map(|(name, it)| CustomerDraft {
                name: Arc::from(name),
                bodies: it.bodies,
                sites: sorted(it.sites),
                only_site: it.only_site.map(|it| it.at),
                hosts: {
                    let mut hosts: Vec<HostDraft> = it.hosts.into_values().collect();
                    hosts.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                    hosts
                },
                services: sorted(it.services),
                maintenance: sorted(it.maintenance),
                watchdogs: sorted(it.watchdogs),
            })
            .collect();
        let shared = std::mem::take(&mut self.shared);
        self.draft.shared =
            Shared(shared.into_iter().map(|(section, it)| (section, sorted(it))).collect());
        debug_assert!(self.sources.root(BUILT_IN).is_some(), "the built-in settings are YAML");
        self.draft
    }
}

fn sorted(named: HashMap<&str, (View<'_>, View<'_>)>) -> Vec<Named> {
    let mut sorted: Vec<Named> = named
        .into_iter()
        .map(|(name, (key, body))| Named { name: name.into(), key: key.at, body: body.at })
        .collect();
    sorted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    sorted
}

fn clash(what: &str, name: &str, second: View<'_>, first: View<'_>) -> Diagnostic {
    Diagnostic::new(Code::Clash, format!("the {what} {} is written twice", quoted(name)))
        .at(second.place())
        .label("the second one")
        .also(first.place(), "the first one")
}

/// A range that cannot be read.
pub(crate) fn range_fault(at: View<'_>, fault: words::Fault) -> Diagnostic {
    let Range { start, end } = fault.span;
    Diagnostic::new(Code::Range, fault.what).at(at.part(&(start..end))).maybe_help(fault.hint)
}
