//! The files as they were read, and places in them.

use std::{ops::Range, path::PathBuf, sync::OnceLock};

use crate::tree::{Shape, Tree};
use crate::yaml::Style;

/// A file of this configuration, by its place in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(pub(crate) u32);

/// The settings that hold where nothing is written, read like a file so that `explain` can show
/// them like one.
pub(crate) const BUILT_IN: FileId = FileId(0);
/// The main file.
pub(crate) const MAIN: FileId = FileId(1);

/// Bytes of a file, or the file as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) file: FileId,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Place {
    const WHOLE: u32 = u32::MAX;

    pub(crate) fn of(file: FileId, start: usize, end: usize) -> Self {
        let narrow = |it: usize| u32::try_from(it).unwrap_or(Self::WHOLE - 1);
        Self { file, start: narrow(start), end: narrow(end) }
    }

    pub(crate) fn from_range(file: FileId, range: Range<u32>) -> Self {
        Self { file, start: range.start, end: range.end }
    }

    /// The file as a whole: there is no line to show.
    pub(crate) fn whole(file: FileId) -> Self {
        Self { file, start: Self::WHOLE, end: Self::WHOLE }
    }

    pub(crate) fn is_whole(self) -> bool {
        self.start == Self::WHOLE
    }

    /// The part of it that a parser of its text points at.
    pub(crate) fn part(self, part: &Range<usize>) -> Self {
        let at = |offset: usize| {
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            self.start.saturating_add(offset).min(self.end)
        };
        let (start, end) = (at(part.start), at(part.end));
        if start < end { Self { start, end, ..self } } else { self }
    }
}

/// A node of one of the trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct At {
    pub(crate) file: FileId,
    pub(crate) node: u32,
}

/// One file.
#[derive(Default)]
pub(crate) struct Source {
    /// As it is shown: relative to the folder of the main file.
    pub(crate) shown: String,
    /// As it is opened.
    pub(crate) path: PathBuf,
    /// Empty if it could not be read.
    pub(crate) text: String,
    /// None if it could not be read or its structure is broken.
    pub(crate) tree: Option<Tree>,
    lines: OnceLock<Vec<u32>>,
}

impl std::fmt::Debug for Source {
    /// Never the text: it may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.shown, self.text.len())
    }
}

impl Source {
    pub(crate) fn new(shown: String, path: PathBuf) -> Self {
        Self { shown, path, ..Self::default() }
    }

    /// Where each line begins.
    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            let starts = ends.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
            std::iter::once(0).chain(starts).collect()
        })
    }

    /// Line and column of a byte, both counted from 1, the column in characters.
    pub(crate) fn line_and_column(&self, at: u32) -> (usize, usize) {
        let lines = self.lines();
        let line = lines.partition_point(|it| *it <= at).max(1);
        let start = lines[line - 1] as usize;
        let at = (at as usize).min(self.text.len());
        (line, self.text.get(start..at).map_or(0, |it| it.chars().count()) + 1)
    }

    /// The bytes of a line, counted from 1, without its end.
    pub(crate) fn line(&self, line: usize) -> Range<usize> {
        let lines = self.lines();
        let start = lines.get(line - 1).map_or(self.text.len(), |it| *it as usize);
        let end = lines.get(line).map_or(self.text.len(), |it| *it as usize - 1);
        let end = if self.text[start..end].ends_with('\r') { end - 1 } else { end };
        start..end
    }
}

/// All files of one configuration; the first is the built-in one, the second the main one.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) files: Vec<Source>,
    /// The file that nobody wrote: the checks of our own uplink.
    pub(crate) canary: Option<FileId>,
    /// Where the routing tests begin, which are no part of the plan.
    pub(crate) tests: Option<FileId>,
}

impl Sources {
    pub(crate) fn of(&self, file: FileId) -> &Source {
        &self.files[file.0 as usize]
    }

    /// The files that people wrote, with their numbers; without those of tests.
    pub(crate) fn written(&self) -> impl Iterator<Item = (FileId, &Source)> {
        let ends = [self.canary, self.tests].into_iter().flatten().min();
        let end = ends.map_or(self.files.len(), |it| it.0 as usize);
        self.numbered(MAIN.0 as usize, end)
    }

    fn numbered(&self, from: usize, until: usize) -> impl Iterator<Item = (FileId, &Source)> {
        let all = self.files.iter().enumerate().take(until).skip(from);
        all.map(|(at, it)| (FileId(u32::try_from(at).unwrap_or(u32::MAX)), it))
    }

    /// The file with the checks of our own uplink.
    pub(crate) fn canaries(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.canary.into_iter().map(|it| (it, self.of(it)))
    }

    /// The files of routing tests.
    pub(crate) fn tests(&self) -> impl Iterator<Item = (FileId, &Source)> {
        let from = self.tests.map_or(self.files.len(), |it| it.0 as usize);
        self.numbered(from, self.files.len())
    }

    pub(crate) fn view(&self, at: At) -> View<'_> {
        View { source: self.of(at.file), at }
    }

    /// The top-level node of a file.
    pub(crate) fn root(&self, file: FileId) -> Option<View<'_>> {
        let node = self.of(file).tree.as_ref()?.root?;
        Some(self.view(At { file, node }))
    }
}

/// One node, with the file it stands in.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    source: &'a Source,
    pub(crate) at: At,
}

impl std::fmt::Debug for View<'_> {
    /// Never the text: it may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.source.shown, self.at.node)
    }
}

impl<'a> View<'a> {
    fn tree(&self) -> &'a Tree {
        self.source.tree.as_ref().expect("a view is only made of a file that has a tree")
    }

    pub(crate) fn place(&self) -> Place {
        Place::from_range(self.at.file, self.tree().range(self.at.node))
    }

    pub(crate) fn shape(&self) -> Shape<'a> {
        self.tree().shape(&self.source.text, self.at.node)
    }

    fn sibling(&self, node: u32) -> Self {
        Self { source: self.source, at: At { file: self.at.file, node } }
    }

    /// The text of a single value.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match self.shape() {
            Shape::Text(text, _) => Some(text),
            _ => None,
        }
    }

    /// A text without quotes around it.
    pub(crate) fn plain(&self) -> Option<&'a str> {
        match self.shape() {
            Shape::Text(text, Style::Plain) => Some(text),
            _ => None,
        }
    }

    /// Nothing stands after the colon.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.plain(), Some("" | "~" | "null"))
    }

    /// `off` or `false`: what was inherited is not wanted.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self.plain(), Some("off" | "Off" | "OFF" | "false" | "False" | "FALSE"))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.shape(), Shape::Map(_))
    }

    /// Keys with their values; nothing if it is no map.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (View<'a>, View<'a>)> {
        let kids: &'a [u32] = match self.shape() {
            Shape::Map(kids) => kids,
            _ => &[],
        };
        kids.chunks_exact(2).map(move |pair| (self.sibling(pair[0]), self.sibling(pair[1])))
    }

    /// The key `name` and its value.
    pub(crate) fn pair(self, name: &str) -> Option<(View<'a>, View<'a>)> {
        self.pairs().find(|(key, _)| key.text() == Some(name))
    }

    /// The value of `name`.
    pub(crate) fn get(self, name: &str) -> Option<View<'a>> {
        self.pair(name).map(|(_, value)| value)
    }

    /// The values of a list; a single value is a list of one, an empty one of none.
    pub(crate) fn items(self) -> Vec<View<'a>> {
        match self.shape() {
            Shape::List(kids) => kids.iter().map(|it| self.sibling(*it)).collect(),
            Shape::Text(..) if self.is_empty() => Vec::new(),
            _ => vec![self],
        }
    }

    /// The text's bytes in the file if they are the same there, for pointing into it.
    pub(crate) fn part(&self, part: &Range<usize>) -> Place {
        let place = self.place();
        let Some(text) = self.text() else { return place };
        let written = place.end - place.start;
        match written.checked_sub(u32::try_from(text.len()).unwrap_or(0)) {
            Some(0) => place.part(part),
            // The quotes.
            Some(2) => place.part(&(part.start + 1..part.end + 1)),
            _ => place,
        }
    }
}
