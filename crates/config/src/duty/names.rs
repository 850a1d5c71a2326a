//! Finds people, channels, policies and the like by name, and remembers what was asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::{Draft, Named},
    quoted,
    section::Section,
    source::Place,
    words,
};

/// The names of every section, with a mark on each that something refers to.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    draft: &'a Draft,
    used: Vec<Vec<AtomicBool>>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(draft: &'a Draft) -> Self {
        let marks = |it: Section| draft.shared.of(it).iter().map(|_| AtomicBool::new(false));
        Self { draft, used: Section::ALL.map(|it| marks(it).collect()).into() }
    }

    pub(crate) fn all(&self, section: Section) -> &'a [Named] {
        self.draft.shared.of(section)
    }

    /// The place of `name` among all of its section.
    pub(crate) fn find(&self, section: Section, name: &str) -> Option<u32> {
        let at = self.all(section).binary_search_by(|it| (*it.name).cmp(name)).ok()?;
        self.used[section as usize][at].store(true, Ordering::Relaxed);
        u32::try_from(at).ok()
    }

    /// The same; an unknown name is reported where it stands.
    pub(crate) fn resolve(
        &self,
        section: Section,
        name: &str,
        place: Place,
        report: &mut Report,
    ) -> Option<u32> {
        let found = self.find(section, name);
        if found.is_none() && !self.draft.incomplete {
            let names = self.all(section).iter().map(|it| &*it.name);
            let near = words::nearest(name, names).map(str::to_owned);
            report.add(unknown(section.noun(), name, place, near));
        }
        found
    }

    /// Everything of `section` to which nothing refers.
    pub(crate) fn unused(&self, section: Section) -> impl Iterator<Item = &'a Named> {
        let marks = self.used[section as usize].iter();
        let all = self.all(section).iter().zip(marks);
        all.filter(|(_, used)| !used.load(Ordering::Relaxed)).map(|(it, _)| it)
    }

    pub(crate) fn is_incomplete(&self) -> bool {
        self.draft.incomplete
    }
}

pub(crate) fn unknown(noun: &str, name: &str, place: Place, near: Option<String>) -> Diagnostic {
    Diagnostic::new(Code::UnknownName, format!("unknown {noun} {}", quoted(name)))
        .at(place)
        .label(format!("no {noun} has this name"))
        .maybe_help(near.map(|it| format!("did you mean {}?", quoted(&it))))
}
