//! Sorts what the layers of one service say by setting, each with all that lost against it.

use std::collections::BTreeMap;

use model::{KindId, KindSpec, Level};

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::shape,
    keys,
    layers::{Layer, Library, Part, Put, Rank},
    quoted,
    source::{Place, View},
    words,
};

/// One setting of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Every,
    Timeout,
    Retry,
    States,
    Flapping,
    FlappingHigh,
    FlappingLow,
    FlappingIgnore,
    Period,
    Timezone,
    /// A parameter of the kind, by its place in the description.
    Param(u8),
    /// A threshold, by measurement and level.
    Rule(u8, Level),
}

/// What one layer says about one setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    pub(crate) layer: Layer,
    /// Its place among the layers; larger is stronger.
    pub(crate) depth: usize,
    pub(crate) value: View<'a>,
}

/// Everything said about one check. The last of each list wins.
#[derive(Debug)]
pub(crate) struct Gathered<'a> {
    pub(crate) kind: KindId,
    pub(crate) spec: &'static KindSpec,
    /// Where the kind is named, for mistakes that are about no single parameter.
    pub(crate) kind_at: Place,
    /// The layer that names it; `None` if only the service's own name does.
    pub(crate) kind_layer: Option<Layer>,
    pub(crate) slots: BTreeMap<Slot, Vec<Written<'a>>>,
}

impl<'a> Gathered<'a> {
    /// All that was said about `slot`, weakest first.
    pub(crate) fn all(&self, slot: Slot) -> &[Written<'a>] {
        self.slots.get(&slot).map_or(&[], Vec::as_slice)
    }

    /// What holds for `slot`.
    pub(crate) fn last(&self, slot: Slot) -> Option<Written<'a>> {
        self.all(slot).last().copied()
    }

    /// What holds, if somebody wrote it.
    pub(crate) fn by_hand(&self, slot: Slot) -> Option<Written<'a>> {
        self.last(slot).filter(|it| it.layer.rank != Rank::BuiltIn)
    }
}

/// Gathers what the layers of `put` say about the service called `name`.
pub(crate) fn gather<'a>(
    library: &Library<'a>,
    put: &Put,
    name: &str,
    report: &mut Report,
) -> Option<Gathered<'a>> {
    let (kind, kind_at, kind_layer) = find_kind(library, put, name, report)?;
    let spec = library.kinds[usize::from(kind.0)].spec;
    let mut gathered = Gathered { kind, spec, kind_at, kind_layer, slots: BTreeMap::new() };
    let measures: Vec<&str> = spec.measures.iter().map(|it| it.name).collect();
    for (depth, layer) in put.layers.iter().enumerate() {
        let map = library.view(layer.at);
        if layer.part == Part::Own {
            let checked = OwnKeys { library, measures: &measures, spec };
            checked.check(map, report);
        }
        for (key, value) in map.pairs() {
            let Some(name) = key.text() else { continue };
            gathered.take(Said { layer: *layer, depth }, name, value, report);
        }
    }
    Some(gathered)
}

/// The kind that the strongest layer names; without any, the one that the service is called after.
fn find_kind(
    library: &Library<'_>,
    put: &Put,
    name: &str,
    report: &mut Report,
) -> Option<(KindId, Place, Option<Layer>)> {
    let mut found = None;
    for layer in put.layers.iter().filter(|it| it.part == Part::Own) {
        let mut first: Option<View<'_>> = None;
        for (key, _) in library.view(layer.at).pairs() {
            let Some(kind) = key.text().and_then(|it| kind_called(library, it)) else { continue };
            if let Some(first) = first {
                let names = (first.text().unwrap_or_default(), key.text().unwrap_or_default());
                report.add(
                    Diagnostic::new(Code::TwoKinds, "a service asks one thing")
                        .at(key.place())
                        .label(format!("it asks {} here", quoted(names.1)))
                        .also(first.place(), format!("and {} here", quoted(names.0)))
                        .help("make two services of it"),
                );
                return None;
            }
            first = Some(key);
            found = Some((kind, key.place(), Some(*layer)));
        }
    }
    if let Some(found) = found.or_else(|| Some((kind_called(library, name)?, put.key, None))) {
        return Some(found);
    }
    no_kind(library, put, name, report);
    None
}

fn kind_called(library: &Library<'_>, name: &str) -> Option<KindId> {
    let at = library.kinds.iter().position(|it| it.spec.name == name)?;
    u8::try_from(at).ok().map(KindId)
}

/// A misspelt kind is one mistake, not two.
fn no_kind(library: &Library<'_>, put: &Put, name: &str, report: &mut Report) {
    let names: Vec<&str> = library.kinds.iter().map(|it| it.spec.name).collect();
    let own = put.layers.iter().filter(|it| it.part == Part::Own);
    let keys: Vec<View<'_>> =
        own.flat_map(|it| library.view(it.at).pairs()).map(|(key, _)| key).collect();
    let all_measures: Vec<&str> =
        library.kinds.iter().flat_map(|it| it.spec.measures).map(|it| it.name).collect();
    let before = report.errors;
    for key in &keys {
        let text = key.text().unwrap_or_default();
        if keys::is_of_service(text, library.kinds) || all_measures.contains(&text) {
            continue;
        }
        if let Some(near) = words::nearest(text, names.iter().copied()) {
            report.add(
                Diagnostic::new(Code::UnknownKey, format!("unknown key {}", quoted(text)))
                    .at(key.place())
                    .label("no kind of check has this name")
                    .help(format!("did you mean `{near}`?")),
            );
        }
    }
    for layer in put.layers.iter().filter(|it| it.part == Part::Own) {
        keys::check(
            library.view(layer.at),
            keys::Level::Service,
            &all_measures,
            library.kinds,
            report,
        );
    }
    if report.errors > before {
        return;
    }
    report.add(
        Diagnostic::new(
            Code::NoKind,
            format!("the service {} does not say what it asks", quoted(name)),
        )
        .at(put.key)
        .label("one of its keys must be a kind of check")
        .help(format!("the kinds are {}", list(&names))),
    );
}

/// `a`, `b` and `c`.
pub(crate) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|it| format!("`{it}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Looks at the keys of a map that is about one service.
struct OwnKeys<'l, 'a> {
    library: &'l Library<'a>,
    measures: &'l [&'l str],
    spec: &'static KindSpec,
}

impl OwnKeys<'_, '_> {
    fn check(&self, map: View<'_>, report: &mut Report) {
        let kinds = self.library.kinds;
        let is_fine = |name: &str| keys::is_fine(name, kinds) || self.measures.contains(&name);
        if map.pairs().all(|(key, _)| key.text().is_none_or(is_fine)) {
            return;
        }
        let others: Vec<&str> = kinds
            .iter()
            .flat_map(|it| it.spec.measures)
            .map(|it| it.name)
            .filter(|it| !self.measures.contains(it) && !keys::is_of_service(it, kinds))
            .collect();
        for (key, _) in map.pairs() {
            if let Some(name) = key.text().filter(|it| others.contains(it)) {
                report.add(self.unknown_measure(name, key));
            }
        }
        let also: Vec<&str> = self.measures.iter().copied().chain(others).collect();
        keys::check(map, keys::Level::Service, &also, kinds, report);
    }

    fn unknown_measure(&self, name: &str, key: View<'_>) -> Diagnostic {
        let help = match words::nearest(name, self.measures.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`{}` measures {}", self.spec.name, list(self.measures)),
        };
        let what = format!("`{}` does not measure {}", self.spec.name, quoted(name));
        Diagnostic::new(Code::UnknownMeasure, what)
            .at(key.place())
            .label("this belongs to another kind of check")
            .help(help)
    }
}

/// The layer that is being read.
#[derive(Clone, Copy)]
struct Said {
    layer: Layer,
    depth: usize,
}

impl<'a> Gathered<'a> {
    fn put(&mut self, slot: Slot, said: Said, value: View<'a>) {
        let Said { layer, depth } = said;
        self.slots.entry(slot).or_default().push(Written { layer, depth, value });
    }

    fn take(&mut self, said: Said, name: &str, value: View<'a>, report: &mut Report) {
        let slot = match name {
            "every" => Slot::Every,
            "timeout" => Slot::Timeout,
            "retry" => Slot::Retry,
            "states" => Slot::States,
            "period" => Slot::Period,
            "timezone" => Slot::Timezone,
            "flapping" => return self.flapping(said, value, report),
            name if name == self.spec.name => return self.params(said, value, report),
            "warn" if said.layer.part == Part::Own => {
                return self.main_rule(said, Level::Warning, value);
            }
            "crit" if said.layer.part == Part::Own => {
                return self.main_rule(said, Level::Critical, value);
            }
            name if said.layer.part == Part::Own => return self.measure(said, name, value, report),
            _ => return,
        };
        self.put(slot, said, value);
    }

    fn flapping(&mut self, said: Said, value: View<'a>, report: &mut Report) {
        if !value.is_map() {
            return self.put(Slot::Flapping, said, value);
        }
        for (key, value) in value.pairs() {
            let slot = match key.text() {
                Some("high") => Slot::FlappingHigh,
                Some("low") => Slot::FlappingLow,
                Some("ignore") => Slot::FlappingIgnore,
                other => {
                    report.add(unknown_of("flapping", other, key, &["high", "low", "ignore"]));
                    continue;
                }
            };
            self.put(slot, said, value);
        }
    }

    fn main_rule(&mut self, said: Said, level: Level, value: View<'a>) {
        if let Some(measure) = self.spec.measure(self.spec.main_measure) {
            self.put(Slot::Rule(measure, level), said, value);
        }
    }

    fn measure(&mut self, said: Said, name: &str, value: View<'a>, report: &mut Report) {
        let Some(measure) = self.spec.measure(name) else { return };
        if value.is_off() {
            self.put(Slot::Rule(measure, Level::Warning), said, value);
            self.put(Slot::Rule(measure, Level::Critical), said, value);
            return;
        }
        if !value.is_map() {
            let wanted = format!("thresholds: `{name}: {{ warn: …, crit: … }}`");
            report.add(shape(value, &wanted));
            return;
        }
        for (key, value) in value.pairs() {
            let level = match key.text() {
                Some("warn") => Level::Warning,
                Some("crit") => Level::Critical,
                other => {
                    report.add(unknown_of(name, other, key, &["warn", "crit"]));
                    continue;
                }
            };
            let slot = Slot::Rule(measure, level);
            let twice = self.last(slot).filter(|it| it.depth == said.depth);
            if let Some(first) = twice {
                let what = format!("this threshold of `{name}` is written twice");
                report.add(
                    Diagnostic::new(Code::Clash, what)
                        .at(value.place())
                        .label("the second one")
                        .also(first.value.place(), "the first one")
                        .note(format!("`warn` and `crit` of the service judge `{name}`")),
                );
                continue;
            }
            self.put(slot, said, value);
        }
    }

    fn params(&mut self, said: Said, value: View<'a>, report: &mut Report) {
        if value.is_empty() {
            return;
        }
        if !value.is_map() {
            let main = self.spec.main_param.and_then(|it| self.param(it));
            match main {
                Some(main) => self.put(Slot::Param(main), said, value),
                None => report
                    .add(shape(value, &format!("`{}` takes a map of parameters", self.spec.name))),
            }
            return;
        }
        for (key, value) in value.pairs() {
            let Some(name) = key.text() else { continue };
            match self.param(name) {
                Some(param) => self.put(Slot::Param(param), said, value),
                None => report.add(unknown_parameter(self.spec, name, key)),
            }
        }
    }

    fn param(&self, name: &str) -> Option<u8> {
        let at = self.spec.params.iter().position(|it| it.name == name)?;
        u8::try_from(at).ok()
    }
}

/// A parameter that the kind does not have.
pub(crate) fn unknown_parameter(spec: &KindSpec, name: &str, key: View<'_>) -> Diagnostic {
    let names = spec.params.iter().map(|it| it.name);
    let near = words::nearest(name, names).map(|it| format!("did you mean `{it}`?"));
    let what = format!("`{}` has no parameter {}", spec.name, quoted(name));
    Diagnostic::new(Code::UnknownParameter, what)
        .at(key.place())
        .label("there is no such parameter")
        .maybe_help(near)
}

fn unknown_of(owner: &str, name: Option<&str>, key: View<'_>, known: &[&str]) -> Diagnostic {
    let name = name.unwrap_or_default();
    let near =
        words::nearest(name, known.iter().copied()).map(|it| format!("did you mean `{it}`?"));
    Diagnostic::new(Code::UnknownKey, format!("unknown key {}", quoted(name)))
        .at(key.place())
        .label(format!("`{owner}` has no such key"))
        .help(near.unwrap_or_else(|| format!("its keys are {}", list(known))))
}
