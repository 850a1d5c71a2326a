//! Diagnostics for people, as rustc prints them, and for programs, as JSON.

use std::{collections::HashMap, ops::Range};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value as Json, json};

use crate::{
    code::Severity,
    diagnostic::Diagnostic,
    limits,
    mask::{self, SecretNames},
    source::{FileId, Place, Sources},
};

/// Renders diagnostics of one configuration.
pub(crate) struct Printer<'a> {
    sources: &'a Sources,
    secrets: &'a SecretNames,
    /// What must not be shown of each file, once it was asked for.
    hidden: HashMap<FileId, Vec<Range<usize>>>,
    renderer: Renderer,
}

/// A line as it may be shown, with the marked bytes in it.
struct ShownLine {
    number: usize,
    text: String,
    span: Range<usize>,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(sources: &'a Sources, secrets: &'a SecretNames, colour: bool) -> Self {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        Self { sources, secrets, hidden: HashMap::new(), renderer }
    }

    /// One diagnostic, without a line end after it.
    pub(crate) fn print(&mut self, it: &Diagnostic) -> String {
        let level = match it.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(clean(&it.message)).id(it.code.text());
        let mut group = Group::with_title(title);
        let mut also: Vec<(Place, &str)> = it.also.iter().map(|it| (it.0, &*it.1)).collect();
        if let Some(place) = it.place {
            let line = self.line_number(place);
            let (beside, elsewhere): (Vec<_>, Vec<_>) = also
                .into_iter()
                .partition(|it| it.0.file == place.file && self.line_number(it.0) == line);
            also = elsewhere;
            group = self.add_place(group, (place, &it.label), &beside, AnnotationKind::Primary);
        }
        for one in also {
            group = self.add_place(group, one, &[], AnnotationKind::Context);
        }
        for note in &it.notes {
            group = group.element(Level::NOTE.message(clean(note)));
        }
        if let Some(help) = &it.help {
            group = group.element(Level::HELP.message(clean(help)));
        }
        tighten(&self.renderer.render(&[group]))
    }

    fn line_number(&self, place: Place) -> Option<usize> {
        let source = self.sources.of(place.file);
        (!place.is_whole()).then(|| source.line_and_column(place.start).0)
    }

    /// A place by name and, if there is a line to show, the line with a caret, and with marks for
    /// the places beside it.
    fn add_place<'g>(
        &mut self,
        group: Group<'g>,
        (place, label): (Place, &str),
        beside: &[(Place, &str)],
        kind: AnnotationKind,
    ) -> Group<'g> {
        let source = self.sources.of(place.file);
        let origin = Origin::path(clean(&source.shown));
        if place.is_whole() {
            return group.element(origin);
        }
        let (line, column) = source.line_and_column(place.start);
        let group = group.element(origin.line(line).char_column(column));
        let Some(shown) = self.line(place) else { return group };
        let mut snippet = Snippet::source(shown.text)
            .line_start(shown.number)
            .annotation(mark(kind, shown.span, label));
        for (place, label) in beside {
            let span = self.line(*place).map(|it| it.span);
            snippet = snippet.annotations(span.map(|it| mark(AnnotationKind::Context, it, label)));
        }
        group.element(snippet)
    }

    /// The line where `place` begins, unless it is too long to be shown.
    fn line(&mut self, place: Place) -> Option<ShownLine> {
        let source = self.sources.of(place.file);
        let (number, _) = source.line_and_column(place.start);
        let range = source.line(number);
        if range.len() > limits::SHOWN_LINE_BYTES_MAX {
            return None;
        }
        let secrets = self.secrets;
        let hidden = self.hidden.entry(place.file).or_insert_with(|| secrets.ranges(&source.text));
        let mark = place.start as usize..(place.end as usize).min(range.end);
        Some(shown_line(&source.text, &range, hidden, &mark, number))
    }

    /// One diagnostic as JSON.
    pub(crate) fn json(&self, it: &Diagnostic) -> Json {
        let (file, line, column) = self.position(it.place);
        let labels: Vec<Json> = it
            .also
            .iter()
            .map(|(place, label)| {
                let (file, line, column) = self.position(Some(*place));
                json!({ "file": file, "line": line, "column": column, "message": clean(label) })
            })
            .collect();
        json!({
            "code": it.code.text(),
            "severity": it.severity().word(),
            "message": clean(&it.message),
            "file": file,
            "line": line,
            "column": column,
            "label": clean(&it.label),
            "labels": labels,
            "notes": it.notes.iter().map(|it| clean(it)).collect::<Vec<_>>(),
            "help": it.help.as_deref().map(clean),
        })
    }

    fn position(&self, place: Option<Place>) -> (Option<String>, Option<usize>, Option<usize>) {
        let Some(place) = place else { return (None, None, None) };
        let source = self.sources.of(place.file);
        let file = Some(mask::escape(&source.shown));
        if place.is_whole() {
            return (file, None, None);
        }
        let (line, column) = source.line_and_column(place.start);
        (file, Some(line), Some(column))
    }
}

fn mark<'g>(kind: AnnotationKind, span: Range<usize>, label: &str) -> Annotation<'g> {
    let mark = kind.span(span);
    match label {
        "" => mark,
        label => mark.label(clean(label)),
    }
}

/// Text of ours and of others, fit to be shown.
fn clean(text: &str) -> String {
    mask::escape(&mask::hide_userinfo(text))
}

/// The line at `range` of `text` with secrets hidden and control characters replaced; `mark` is
/// carried along.
fn shown_line(
    text: &str,
    range: &Range<usize>,
    hidden: &[Range<usize>],
    mark: &Range<usize>,
    number: usize,
) -> ShownLine {
    let line = &text[range.clone()];
    let first = hidden.partition_point(|it| it.end <= range.start);
    let mut secret: Vec<Range<usize>> = hidden[first..]
        .iter()
        .take_while(|it| it.start < range.end)
        .map(|it| it.start.max(range.start)..it.end.min(range.end))
        .collect();
    secret
        .extend(mask::userinfo_ranges(line).map(|it| it.start + range.start..it.end + range.start));
    let mut shown = String::new();
    let mut span = 0..0;
    for (offset, glyph) in line.char_indices() {
        let at = range.start + offset;
        if at == mark.start {
            span.start = shown.len();
        }
        let cover = secret.iter().find(|it| it.contains(&at));
        match cover {
            Some(it) if it.start == at => shown.push_str(mask::HIDDEN),
            Some(_) => {}
            None if glyph == '\t' => shown.push(' '),
            None if mask::is_hostile(glyph) => shown.push('\u{fffd}'),
            None => shown.push(glyph),
        }
        if cover.is_some_and(|it| it.contains(&mark.start)) && at < mark.start {
            span.start = shown.len() - mask::HIDDEN.len();
        }
        if at < mark.end {
            span.end = shown.len();
        }
    }
    if mark.start >= range.end {
        span.start = shown.len();
    }
    span.end = span.end.max(span.start);
    ShownLine { number, text: shown, span }
}

/// Takes out lines that say nothing, and spaces at line ends.
fn tighten(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept: Vec<&str> = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).map_or(String::new(), |it| bare(it));
        // The place stands on a line of its own already, so nothing is left out before the snippet.
        if (bare(line) == "|" && next.starts_with("= ")) || bare(line) == ":::" {
            continue;
        }
        kept.push(line.trim_end());
    }
    kept.join("\n")
}

/// A line without colours and without spaces around it.
fn bare(line: &str) -> String {
    let mut text = String::new();
    let mut glyphs = line.chars();
    while let Some(glyph) = glyphs.next() {
        if glyph == '\u{1b}' {
            glyphs.by_ref().find(|it| it.is_ascii_alphabetic());
        } else {
            text.push(glyph);
        }
    }
    text.trim().to_owned()
}
