//! Which maps have a say about one host or service, weakest first.
//!
//! built-in, `defaults`, templates in the order of `use`, customer, site, host, service: a later
//! layer wins. Within one layer what is written about the service itself wins over what is written
//! about everything in it (`every: 1m` of a template, `services: { ssh: { every: 5m } }` of the
//! same one). A template that is reached twice counts where it is reached first, so a template
//! never undoes what another one has built on it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::atomic::{AtomicBool, Ordering},
};

use model::Kind;

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::{CustomerDraft, Draft, HostDraft, shape},
    keys, limits, quoted,
    source::{At, BUILT_IN, Place, Sources, View},
    words,
};

/// Where a layer stands in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rank {
    BuiltIn,
    Engine,
    Defaults,
    /// With its number in the draft.
    Template(u32),
    Customer,
    Site,
    Host,
    Service,
}

/// Is a map about the service itself, or about everything in its layer?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    General,
    Own,
}

/// One map that has a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Layer {
    pub(crate) rank: Rank,
    pub(crate) part: Part,
    pub(crate) at: At,
}

/// The draft with its templates untangled.
#[derive(Debug)]
pub(crate) struct Library<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) kinds: &'a [Kind],
    pub(crate) draft: &'a Draft,
    /// For each template all that it uses, in order, and itself at the end.
    flat: Vec<Vec<u32>>,
    used: Vec<AtomicBool>,
    /// Those whose keys were looked at because a host uses them.
    seen_on_host: Vec<AtomicBool>,
}

/// A host, or the place of those services that have none, with its site.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base {
    /// Maps that are about everything of the host, weakest first.
    pub(crate) layers: Vec<Layer>,
    /// Templates among them, in order.
    pub(crate) templates: Vec<u32>,
    /// The site's place in the customer's list, or the only one.
    pub(crate) site: Option<At>,
}

/// One service as it was put together from the maps of its host.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    /// Those that say something about the check, weakest first.
    pub(crate) layers: Vec<Layer>,
    /// Those that hold labels.
    pub(crate) labelled: Vec<Layer>,
    /// Where it is called by its name, for messages about the whole.
    pub(crate) key: Place,
}

impl<'a> Library<'a> {
    /// Resolves what templates use; every loop is reported with its chain.
    pub(crate) fn new(
        sources: &'a Sources,
        kinds: &'a [Kind],
        draft: &'a Draft,
        report: &mut Report,
    ) -> Self {
        let none = || draft.templates.iter().map(|_| AtomicBool::new(false)).collect();
        let (used, seen_on_host) = (none(), none());
        let mut library = Self { sources, kinds, draft, flat: Vec::new(), used, seen_on_host };
        library.flat = Untangler::new(&library).all(report);
        library
    }

    pub(crate) fn view(&self, at: At) -> View<'a> {
        self.sources.view(at)
    }

    /// Templates that nothing uses.
    pub(crate) fn unused(&self) -> impl Iterator<Item = u32> {
        let used = self.used.iter().zip(0..);
        used.filter(|(it, _)| !it.load(Ordering::Relaxed)).map(|(_, at)| at)
    }

    /// The templates named by `use:` in `map`, each with where it is named.
    fn uses(&self, map: View<'a>, report: &mut Report) -> Vec<(u32, Place)> {
        let Some(list) = map.get("use") else { return Vec::new() };
        let mut found = Vec::new();
        for item in list.items() {
            let Some(name) = item.text() else {
                report.add(shape(item, "the name of a template"));
                continue;
            };
            match self.draft.template(name) {
                Some(id) => {
                    self.used[id as usize].store(true, Ordering::Relaxed);
                    found.push((id, item.place()));
                }
                None if self.draft.incomplete => {}
                None => report.add(self.unknown_template(name, item)),
            }
        }
        found
    }

    fn unknown_template(&self, name: &str, item: View<'_>) -> Diagnostic {
        let names = self.draft.templates.iter().map(|it| &*it.name);
        let near = words::nearest(name, names).and_then(|it| self.draft.template(it));
        let near = near.map(|id| {
            let near = &self.draft.templates[id as usize];
            let place = self.sources.view(near.key).place();
            let (line, _) = self.sources.of(place.file).line_and_column(place.start);
            let file = &self.sources.of(place.file).shown;
            format!("did you mean {} ({file}:{line})?", quoted(&near.name))
        });
        Diagnostic::new(Code::UnknownTemplate, format!("unknown template {}", quoted(name)))
            .at(item.place())
            .label("no template has this name")
            .maybe_help(near)
    }

    /// All templates that `map` uses, directly or not, without those in `known`, in order.
    pub(crate) fn flatten(
        &self,
        map: View<'a>,
        known: &mut Vec<u32>,
        report: &mut Report,
    ) -> Vec<u32> {
        let mut found = Vec::new();
        for (direct, place) in self.uses(map, report) {
            for id in &self.flat[direct as usize] {
                if known.contains(id) {
                    continue;
                }
                if known.len() >= limits::TEMPLATES_MAX {
                    let what = format!("more than {} templates in all", limits::TEMPLATES_MAX);
                    report.add(Diagnostic::new(Code::TooMany, what).at(place));
                    return found;
                }
                known.push(*id);
                found.push(*id);
            }
        }
        found
    }

    pub(crate) fn body(&self, template: u32) -> View<'a> {
        self.view(self.draft.templates[template as usize].body)
    }

    /// The maps about everything of a host; without a host, of a customer.
    pub(crate) fn base(
        &self,
        customer: &CustomerDraft,
        host: Option<&HostDraft>,
        report: &mut Report,
    ) -> Base {
        let mut base = Base::default();
        let general = |rank, at| Layer { rank, part: Part::General, at };
        if let Some(root) = self.sources.root(BUILT_IN) {
            base.layers.push(general(Rank::BuiltIn, root.at));
        }
        let engine = self.draft.engine.filter(|it| self.view(*it).get("timezone").is_some());
        base.layers.extend(engine.map(|it| general(Rank::Engine, it)));
        base.layers.extend(self.draft.defaults.map(|it| general(Rank::Defaults, it)));

        let host_body = host.map(|it| self.view(it.body));
        for body in &customer.bodies {
            self.flatten(self.view(*body), &mut base.templates, report);
        }
        // Which site it is may come from a template, and a site may bring templates of its own:
        // the host's templates decide about the site, the site's come before the host's.
        let before = base.templates.len();
        let mut with_host = base.templates.clone();
        if let Some(body) = host_body {
            self.flatten(body, &mut with_host, report);
        }
        base.site = self.site(customer, host_body, &with_host, report);
        if let Some(site) = base.site {
            self.flatten(self.view(site), &mut base.templates, report);
        }
        for id in &with_host[before..] {
            if !base.templates.contains(id) {
                base.templates.push(*id);
            }
        }
        for id in &base.templates {
            let at = self.draft.templates[*id as usize].body;
            base.layers.push(general(Rank::Template(*id), at));
            self.check_on_host(*id, report);
        }
        base.layers.extend(customer.bodies.iter().map(|it| general(Rank::Customer, *it)));
        base.layers.extend(base.site.map(|it| general(Rank::Site, it)));
        base.layers.extend(host.map(|it| general(Rank::Host, it.body)));
        base
    }

    /// A template for services would have no effect on a host, so it is refused there, once.
    fn check_on_host(&self, template: u32, report: &mut Report) {
        if self.seen_on_host[template as usize].swap(true, Ordering::Relaxed) {
            return;
        }
        let is_measure = |name: &str| {
            let mut measures = self.kinds.iter().flat_map(|it| it.spec.measures);
            measures.any(|it| it.name == name) && !keys::Level::Host.allows(name, self.kinds)
        };
        for (key, _) in self.body(template).pairs() {
            let Some(name) = key.text() else { continue };
            if matches!(name, "warn" | "crit") || is_measure(name) {
                let what = format!("{} does not belong to a host", quoted(name));
                let found = Diagnostic::new(Code::Misplaced, what).at(key.place());
                let used = &self.draft.templates[template as usize].name;
                report.add(
                    found
                        .label("this judges a service")
                        .note(format!("a host uses the template {}", quoted(used))),
                );
            }
        }
    }

    /// The site that `site:` names, on the host or in one of its templates.
    fn site(
        &self,
        customer: &CustomerDraft,
        host: Option<View<'a>>,
        templates: &[u32],
        report: &mut Report,
    ) -> Option<At> {
        let of_host = host.and_then(|it| it.get("site"));
        let mut of_templates = templates.iter().rev().map(|it| self.body(*it));
        let written = of_host.or_else(|| of_templates.find_map(|it| it.get("site")));
        let Some(written) = written.filter(|_| host.is_some()) else { return customer.only_site };
        let Some(name) = written.text() else {
            report.add(shape(written, "the name of a site"));
            return None;
        };
        if let Some(site) = customer.sites.iter().find(|it| &*it.name == name) {
            return Some(site.body);
        }
        let names = customer.sites.iter().map(|it| &*it.name);
        let near = words::nearest(name, names).map(|it| format!("did you mean `{it}`?"));
        report.add(
            Diagnostic::new(Code::UnknownSite, format!("unknown site {}", quoted(name)))
                .at(written.place())
                .label(format!("{} has no site of this name", quoted(&customer.name)))
                .maybe_help(near),
        );
        None
    }

    /// The services of a host, inherited ones included, by name.
    pub(crate) fn services_of_host(
        &self,
        base: &Base,
        host: &HostDraft,
        report: &mut Report,
    ) -> BTreeMap<&'a str, Put> {
        let mut own: BTreeMap<&'a str, Vec<(Rank, View<'a>, View<'a>)>> = BTreeMap::new();
        let bodies = base.templates.iter().map(|it| (Rank::Template(*it), self.body(*it)));
        for (rank, body) in bodies.chain([(Rank::Service, self.view(host.body))]) {
            let services = body.get("services").filter(|it| it.is_map());
            for (key, value) in services.into_iter().flat_map(View::pairs) {
                let Some(name) = key.text() else { continue };
                self.put_own(own.entry(name).or_default(), rank, key, value, report);
            }
        }
        own.retain(|_, parts| !parts.is_empty());
        own.into_iter().map(|(name, parts)| (name, self.put(base, &parts, report))).collect()
    }

    /// One more map about the service; `off` forgets those before it.
    fn put_own(
        &self,
        parts: &mut Vec<(Rank, View<'a>, View<'a>)>,
        rank: Rank,
        key: View<'a>,
        value: View<'a>,
        report: &mut Report,
    ) {
        if value.is_off() {
            if parts.is_empty() && rank == Rank::Service {
                report.add(nothing_to_remove(key));
            }
            parts.clear();
        } else if value.is_map() || value.is_empty() {
            parts.push((rank, key, value));
        } else {
            report.add(
                shape(value, "a service is a map: `{ tcp: 22 }`")
                    .help("`off` takes an inherited service away"),
            );
        }
    }

    /// All maps that have a say about the service with these own ones.
    pub(crate) fn put(
        &self,
        base: &Base,
        parts: &[(Rank, View<'a>, View<'a>)],
        report: &mut Report,
    ) -> Put {
        let key = parts.last().map_or(Place::whole(BUILT_IN), |it| it.1.place());
        let mut put = Put { layers: Vec::new(), labelled: Vec::new(), key };
        let stronger = base.layers.partition_point(|it| it.rank < Rank::Customer);
        let (weak, strong) = base.layers.split_at(stronger);
        for layer in weak {
            self.push(&mut put, *layer);
            for (rank, _, value) in parts.iter().filter(|it| it.0 == layer.rank) {
                self.push_used(&mut put, *value, &mut Vec::new(), report);
                self.push(&mut put, Layer { rank: *rank, part: Part::Own, at: value.at });
            }
        }
        let of_service = || parts.iter().filter(|it| it.0 == Rank::Service);
        let mut known = Vec::new();
        for (_, _, value) in of_service() {
            self.push_used(&mut put, *value, &mut known, report);
        }
        for layer in strong {
            self.push(&mut put, *layer);
        }
        for (rank, _, value) in of_service() {
            self.push(&mut put, Layer { rank: *rank, part: Part::Own, at: value.at });
        }
        put
    }

    fn push(&self, put: &mut Put, layer: Layer) {
        let view = self.view(layer.at);
        if layer.part == Part::Own || self.has_settings(view) {
            put.layers.push(layer);
        }
        if view.get("labels").is_some() {
            put.labelled.push(layer);
        }
    }

    /// The templates that a service itself uses.
    fn push_used(&self, put: &mut Put, value: View<'a>, known: &mut Vec<u32>, report: &mut Report) {
        for id in self.flatten(value, known, report) {
            let at = self.body(id).at;
            self.push(put, Layer { rank: Rank::Template(id), part: Part::Own, at });
        }
    }

    /// Does the map say anything about checks? Most hosts only have an address.
    pub(crate) fn has_settings(&self, map: View<'_>) -> bool {
        map.pairs().any(|(key, _)| {
            key.text().is_some_and(|key| {
                keys::SETTINGS.contains(&key)
                    || key == "timezone"
                    || self.kinds.iter().any(|it| it.spec.name == key)
            })
        })
    }

    /// How a host is judged: the maps under `alive:` with those around them. `None` for `none`.
    pub(crate) fn alive(&self, base: &Base, report: &mut Report) -> Option<Put> {
        let mut parts: Vec<(Rank, At, View<'a>, View<'a>)> = Vec::new();
        let mut kept = true;
        for layer in &base.layers {
            let Some((key, value)) = self.view(layer.at).pair("alive") else { continue };
            match value.plain() {
                _ if value.is_map() => {
                    kept = true;
                    parts.push((layer.rank, layer.at, key, value));
                }
                Some("none") => {
                    kept = false;
                    parts.clear();
                }
                _ if value.is_off() => {
                    kept = false;
                    parts.clear();
                }
                _ => report
                    .add(shape(value, "written like a service: `alive: { tcp: 22 }`, or `none`")),
            }
        }
        if !kept || parts.is_empty() || self.alive_is_impossible(&parts) {
            return None;
        }
        let key = parts.last().map_or(Place::whole(BUILT_IN), |it| it.2.place());
        let mut put = Put { layers: Vec::new(), labelled: Vec::new(), key };
        for layer in &base.layers {
            self.push(&mut put, *layer);
            for (rank, _, _, value) in parts.iter().filter(|it| it.1 == layer.at) {
                self.push_used(&mut put, *value, &mut Vec::new(), report);
                self.push(&mut put, Layer { rank: *rank, part: Part::Own, at: value.at });
            }
        }
        Some(put)
    }

    /// Only the built-in default asks, by a kind that this catalogue does not have.
    fn alive_is_impossible(&self, parts: &[(Rank, At, View<'a>, View<'a>)]) -> bool {
        let built_in = parts.iter().all(|it| it.0 == Rank::BuiltIn);
        built_in && !self.kinds.iter().any(|it| parts[0].3.get(it.spec.name).is_some())
    }
}

fn nothing_to_remove(key: View<'_>) -> Diagnostic {
    let name = key.text().unwrap_or_default();
    let what = format!("no service {} is inherited here", quoted(name));
    Diagnostic::new(Code::NothingToRemove, what)
        .at(key.place())
        .label("there is nothing to take away")
}

/// Follows `use:` from template to template.
struct Untangler<'l, 'a> {
    library: &'l Library<'a>,
    uses: Vec<Vec<(u32, Place)>>,
    flat: Vec<Option<Vec<u32>>>,
}

impl<'l, 'a> Untangler<'l, 'a> {
    fn new(library: &'l Library<'a>) -> Self {
        let flat = library.draft.templates.iter().map(|_| None).collect();
        Self { library, uses: Vec::new(), flat }
    }

    fn all(mut self, report: &mut Report) -> Vec<Vec<u32>> {
        let templates = 0..u32::try_from(self.library.draft.templates.len()).unwrap_or(u32::MAX);
        for id in templates.clone() {
            let uses = self.library.uses(self.library.body(id), report);
            self.uses.push(uses);
        }
        for id in templates {
            self.visit(id, report);
        }
        self.flat.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Depth first with a stack of its own: a chain of templates may be as long as it likes.
    fn visit(&mut self, first: u32, report: &mut Report) {
        // Each with how many of its uses are done.
        let mut path: Vec<(u32, usize)> = vec![(first, 0)];
        let mut on_path: HashSet<u32> = HashSet::from([first]);
        while let Some((id, done)) = path.last_mut() {
            let id = *id;
            if self.flat[id as usize].is_some() {
                on_path.remove(&id);
                path.pop();
                continue;
            }
            let next = self.uses[id as usize].get(*done).copied();
            *done += 1;
            match next {
                Some((next, place)) if on_path.contains(&next) => {
                    report.add(self.chain(&path, next, place));
                }
                Some((next, _)) => {
                    if self.flat[next as usize].is_none() {
                        on_path.insert(next);
                        path.push((next, 0));
                    }
                }
                None => {
                    self.flat[id as usize] = Some(self.flattened(id));
                }
            }
        }
    }

    fn flattened(&self, id: u32) -> Vec<u32> {
        let mut seen = HashSet::new();
        let mut flat = Vec::new();
        let used = self.uses[id as usize].iter().filter_map(|it| self.flat[it.0 as usize].as_ref());
        for id in used.flatten().chain([&id]) {
            if flat.len() <= limits::TEMPLATES_MAX && seen.insert(*id) {
                flat.push(*id);
            }
        }
        flat
    }

    fn chain(&self, path: &[(u32, usize)], back_to: u32, place: Place) -> Diagnostic {
        let templates = &self.library.draft.templates;
        let start = path.iter().position(|it| it.0 == back_to).unwrap_or(0);
        let mut names: Vec<String> =
            path[start..].iter().map(|it| quoted(&templates[it.0 as usize].name)).collect();
        names.push(quoted(&templates[back_to as usize].name));
        Diagnostic::new(Code::TemplateLoop, "templates use each other in a circle")
            .at(place)
            .label("this closes the circle")
            .note(names.join(" -> "))
    }
}

/// Where templates are named, for the doubt about those that are not.
pub(crate) fn unused_templates(library: &Library<'_>, report: &mut Report) {
    for id in library.unused() {
        let template = &library.draft.templates[id as usize];
        let what = format!("template {} is never used", quoted(&template.name));
        report.add(
            Diagnostic::new(Code::TemplateUnused, what).at(library.view(template.key).place()),
        );
    }
}
