//! Reads single values of what the desk needs: references, hours, zones, times.

use std::{collections::HashMap, ops::RangeInclusive, sync::Arc};

use model::{Moment, RuleAt, Scope, Target, TimeZone, WeekHours};

use super::{Desk, lints::Told, names::unknown, scopes::Line};
use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::{Named, first_line, shape},
    fill::Filler,
    keys,
    params::shown_text,
    section::Section,
    settle::{not_one_of, read},
    source::{Place, Sources, View},
    words::{self, Fault},
};

/// Opening hours in all; every policy, contract and person may bring its own.
const HOURS_MAX: usize = 10_000;

/// Reads, collects hours, and adds every mistake to the report.
pub(crate) struct Clerk<'l, 'a, 'r> {
    pub(crate) desk: Desk<'l, 'a>,
    pub(crate) report: &'r mut Report,
    /// The zone of what names none.
    pub(crate) zone: Arc<str>,
    hours: Vec<WeekHours>,
    known_hours: HashMap<WeekHours, u32>,
    /// Closed days of each calendar, by its place.
    pub(super) holidays: Vec<Vec<i32>>,
    /// The lines of each group, by its place.
    pub(super) groups: Vec<Vec<Line>>,
    /// Everybody who is to be told.
    pub(super) told: Vec<Told>,
    /// What every maintenance is about.
    pub(super) scopes: Vec<(Scope, Place)>,
    /// Lines of all scopes so far.
    pub(super) lines: usize,
}

impl<'l, 'a, 'r> Clerk<'l, 'a, 'r> {
    pub(crate) fn new(desk: Desk<'l, 'a>, report: &'r mut Report) -> Self {
        let mut clerk = Self {
            desk,
            report,
            zone: TimeZone::utc().name,
            hours: Vec::new(),
            known_hours: HashMap::new(),
            holidays: Vec::new(),
            groups: Vec::new(),
            told: Vec::new(),
            scopes: Vec::new(),
            lines: 0,
        };
        let engine = desk.library.draft.engine.map(|it| desk.library.view(it));
        // A mistake in it is reported where the engine's settings are read.
        if let Some(zone) = engine.and_then(|it| it.get("timezone")).filter(|it| !it.is_empty())
            && let Some(zone) =
                read(clerk.filler(), zone, Code::Value, &mut Report::default(), words::time_zone)
        {
            clerk.zone = zone.name;
        }
        clerk
    }

    pub(crate) fn filler(&self) -> &'l Filler {
        &self.desk.settler.filler
    }

    pub(crate) fn now(&self) -> Moment {
        self.desk.now
    }

    pub(crate) fn view(&self, at: crate::source::At) -> View<'a> {
        self.desk.library.view(at)
    }

    /// All of one section, with their keys and bodies.
    pub(crate) fn all(
        &self,
        section: Section,
    ) -> impl Iterator<Item = (&'a Named, View<'a>, View<'a>)> + use<'a> {
        let sources = self.desk.library.sources;
        let all = self.desk.names.all(section).iter();
        all.map(move |it| (it, sources.view(it.key), sources.view(it.body)))
    }

    pub(crate) fn rule_at(&self, view: View<'_>) -> RuleAt {
        rule_at(self.desk.library.sources, view.place())
    }

    pub(crate) fn add(&mut self, found: Diagnostic) {
        self.report.add(found);
    }

    /// The value of `key` if there is one.
    pub(crate) fn get(map: View<'a>, key: &str) -> Option<View<'a>> {
        map.get(key).filter(|it| !it.is_empty())
    }

    /// Is it a map with no other keys than these?
    pub(crate) fn is_map(&mut self, map: View<'_>, owner: &str, known: &[&str]) -> bool {
        if !map.is_map() {
            self.add(
                shape(map, &format!("{owner} is a map"))
                    .help(format!("its keys are {}", crate::gather::list(known))),
            );
            return false;
        }
        keys::only(map, owner, known, self.report);
        true
    }

    /// The value of a key that must be there.
    pub(crate) fn required(
        &mut self,
        key: View<'a>,
        map: View<'a>,
        name: &str,
        example: &str,
    ) -> Option<View<'a>> {
        let found = Self::get(map, name);
        if found.is_none() {
            self.add(
                Diagnostic::new(Code::Missing, format!("`{name}:` is missing"))
                    .at(first_line(key))
                    .help(format!("write it like `{example}`")),
            );
        }
        found
    }

    /// A text that may be shown.
    pub(crate) fn text(&mut self, view: View<'_>) -> Option<Arc<str>> {
        shown_text(self.filler(), view, self.report).map(Arc::from)
    }

    /// The text of `key`, empty if there is none.
    pub(crate) fn text_of(&mut self, map: View<'a>, key: &str) -> Arc<str> {
        let found = Self::get(map, key).and_then(|it| self.text(it));
        found.unwrap_or_else(|| Arc::from(""))
    }

    /// Any value that a parser of words reads.
    pub(crate) fn word<T>(
        &mut self,
        view: View<'_>,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let code = match view.text().is_some_and(words::lacks_unit) {
            true => Code::WrongUnit,
            false => Code::Value,
        };
        read(self.filler(), view, code, self.report, parse)
    }

    /// A value of `key`, or `default` if there is none; `None` after a mistake.
    pub(crate) fn word_of<T>(
        &mut self,
        map: View<'a>,
        key: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        match Self::get(map, key) {
            Some(view) => self.word(view, parse),
            None => Some(default),
        }
    }

    /// One of these words.
    pub(crate) fn choice<T: Copy>(&mut self, view: View<'_>, known: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = known.iter().map(|it| it.0).collect();
        read(self.filler(), view, Code::Value, self.report, |text| {
            let found = known.iter().find(|it| it.0 == text).map(|it| it.1);
            found.ok_or_else(|| not_one_of(text, &names))
        })
    }

    pub(crate) fn choice_of<T: Copy>(
        &mut self,
        map: View<'a>,
        key: &str,
        default: T,
        known: &[(&str, T)],
    ) -> Option<T> {
        match Self::get(map, key) {
            Some(view) => self.choice(view, known),
            None => Some(default),
        }
    }

    pub(crate) fn count(&mut self, view: View<'_>, range: RangeInclusive<i64>) -> Option<i64> {
        read(self.filler(), view, Code::Value, self.report, |it| words::count(it, range.clone()))
    }

    /// The zone of `map`, or `default`.
    pub(crate) fn zone_of(&mut self, map: View<'a>, default: &Arc<str>) -> Arc<str> {
        let zone = Self::get(map, "timezone")
            .and_then(|it| read(self.filler(), it, Code::Value, self.report, words::time_zone));
        zone.map_or_else(|| default.clone(), |it| it.name)
    }

    /// A name of one section; `SECTION/NAME` is understood where `prefix` is the first part.
    pub(crate) fn name(&mut self, view: View<'_>, section: Section, prefix: &str) -> Option<u32> {
        let text = self.text(view)?;
        self.called(text.strip_prefix(prefix).unwrap_or(&text), section, view)
    }

    /// `name` of one section; `view` is where it stands, perhaps with other words.
    pub(crate) fn called(&mut self, name: &str, section: Section, view: View<'_>) -> Option<u32> {
        self.desk.names.resolve(section, name, place_of(name, view), self.report)
    }

    /// Names of channels.
    pub(crate) fn via(&mut self, view: View<'_>) -> Option<Vec<u32>> {
        if view.is_map() {
            self.add(shape(view, "a channel or a list of channels"));
            return None;
        }
        let items = view.items();
        let found: Vec<u32> =
            items.iter().filter_map(|it| self.name(*it, Section::Channels, "channel/")).collect();
        (found.len() == items.len()).then_some(found)
    }

    /// Somebody: `anna`, `team/noc`, `oncall/primary`.
    pub(crate) fn target(&mut self, view: View<'_>) -> Option<Target> {
        let text = self.text(view)?;
        self.target_called(&text, view)
    }

    pub(crate) fn target_called(&mut self, text: &str, view: View<'_>) -> Option<Target> {
        let names = self.desk.names;
        match text.split_once('/') {
            Some(("person", name)) => self.called(name, Section::People, view).map(Target::Person),
            Some(("team", name)) => self.called(name, Section::Teams, view).map(Target::Team),
            Some(("oncall", name)) => self.called(name, Section::Oncall, view).map(Target::Oncall),
            _ => {
                let found = (names.find(Section::People, text).map(Target::Person))
                    .or_else(|| names.find(Section::Teams, text).map(Target::Team))
                    .or_else(|| names.find(Section::Oncall, text).map(Target::Oncall));
                if found.is_none() && !names.is_incomplete() {
                    let near = self.nearest_target(text);
                    self.add(unknown("person, team or rotation", text, place_of(text, view), near));
                }
                found
            }
        }
    }

    fn nearest_target(&self, text: &str) -> Option<String> {
        let names = self.desk.names;
        let of = |section, prefix: &'static str| {
            names.all(section).iter().map(move |it| (prefix, &*it.name))
        };
        let all: Vec<(&str, &str)> = of(Section::People, "")
            .chain(of(Section::Teams, "team/"))
            .chain(of(Section::Oncall, "oncall/"))
            .collect();
        let last = text.rsplit('/').next().unwrap_or(text);
        let near = words::nearest(last, all.iter().map(|it| it.1))
            .or_else(|| all.iter().map(|it| it.1).find(|it| *it == last))?;
        let (prefix, name) = all.iter().find(|it| it.1 == near)?;
        Some(format!("{prefix}{name}"))
    }

    /// Keeps `hours` once.
    pub(crate) fn keep(&mut self, hours: WeekHours, view: View<'_>) -> Option<u32> {
        if let Some(known) = self.known_hours.get(&hours) {
            return Some(*known);
        }
        if self.hours.len() >= HOURS_MAX {
            let what = format!("more than {HOURS_MAX} different opening hours");
            self.add(Diagnostic::new(Code::TooMany, what).at(view.place()));
            return None;
        }
        let place = u32::try_from(self.hours.len()).ok()?;
        self.hours.push(hours.clone());
        self.known_hours.insert(hours, place);
        Some(place)
    }

    pub(crate) fn take_hours(&mut self) -> Vec<WeekHours> {
        std::mem::take(&mut self.hours)
    }
}

/// Where `name` stands in the text of `view`.
pub(super) fn place_of(name: &str, view: View<'_>) -> Place {
    let at = view.text().and_then(|it| it.rfind(name)).filter(|_| !name.is_empty());
    at.map_or_else(|| first_line(view), |at| view.part(&(at..at + name.len())))
}

/// `checks/acme.yaml:21`.
pub(crate) fn rule_at(sources: &Sources, place: Place) -> RuleAt {
    let source = sources.of(place.file);
    if place.is_whole() {
        return Arc::from(source.shown.as_str());
    }
    let (line, _) = source.line_and_column(place.start);
    Arc::from(format!("{}:{line}", source.shown))
}
