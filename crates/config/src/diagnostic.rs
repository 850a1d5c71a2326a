//! One mistake or doubt, and the list of all of them.
//!
//! Nothing here stops at the first mistake: whoever finds one adds it to the [`Report`] and goes
//! on as well as he can.

use std::collections::HashSet;

use crate::{
    code::{Code, Severity},
    limits,
    source::{FileId, Place},
};

/// One mistake or doubt, with its places. [`crate::Loaded`] renders it.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// What kind of mistake.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What else there is to know.
    pub notes: Vec<String>,
    pub(crate) place: Option<Place>,
    pub(crate) label: String,
    pub(crate) also: Vec<(Place, String)>,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            notes: Vec::new(),
            place: None,
            label: String::new(),
            also: Vec::new(),
        }
    }

    /// An error or a warning?
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Says where it is.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says something beside the caret.
    pub(crate) fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// Shows a second place.
    pub(crate) fn also(mut self, place: Place, label: impl Into<String>) -> Self {
        self.also.push((place, label.into()));
        self
    }

    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// The same with help only if there is one.
    pub(crate) fn maybe_help(self, text: Option<impl Into<String>>) -> Self {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }
}

/// Everything found so far. The same mistake at the same place is kept once: a template is read
/// for every host that uses it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    list: Vec<Diagnostic>,
    seen: HashSet<(Code, Option<Place>, String)>,
    /// Values that were refused as YAML: whatever else is wrong with them follows from that.
    refused: HashSet<(FileId, u32)>,
    /// A file that nobody wrote: doubts about it would help nobody.
    hushed: Option<FileId>,
    /// Errors among all that were added, kept or not.
    pub(crate) errors: usize,
    /// Warnings among all that were added, kept or not.
    pub(crate) warnings: usize,
}

impl Report {
    pub(crate) fn add(&mut self, found: Diagnostic) {
        if let Some(place) = found.place {
            if self.hushed == Some(place.file) && found.severity() == Severity::Warning {
                return;
            }
            let start = (place.file, place.start);
            if matches!(found.code, Code::Anchor | Code::NeedsQuotes) {
                self.refused.insert(start);
            } else if self.refused.contains(&start) {
                return;
            }
        }
        let key = (found.code, found.place, found.message.clone());
        if self.seen.contains(&key) {
            return;
        }
        self.count(found.severity());
        if self.seen.len() < limits::DIAGNOSTICS_TOLD_APART_MAX {
            self.seen.insert(key);
        }
        if self.list.len() < limits::DIAGNOSTICS_MAX {
            self.list.push(found);
        }
    }

    /// Raises no doubt about `file` from now on.
    pub(crate) fn hush(&mut self, file: FileId) {
        self.hushed = Some(file);
    }

    fn count(&mut self, severity: Severity) {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
    }

    /// Takes over what another thread has found.
    pub(crate) fn absorb(&mut self, other: Self) {
        let unlisted_errors =
            other.errors - other.list.iter().filter(|it| it.severity() == Severity::Error).count();
        let unlisted_warnings = other.warnings
            - other.list.iter().filter(|it| it.severity() == Severity::Warning).count();
        other.list.into_iter().for_each(|it| self.add(it));
        self.errors += unlisted_errors;
        self.warnings += unlisted_warnings;
    }

    /// How many were added but not kept.
    pub(crate) fn dropped(&self) -> usize {
        self.errors + self.warnings - self.list.len()
    }

    /// All that were kept, by file and place.
    pub(crate) fn sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| (a.place, a.code, &a.message).cmp(&(b.place, b.code, &b.message)));
        self.list
    }
}
