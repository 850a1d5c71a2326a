//! One file as a tree in which every key and every value knows its place.
//!
//! An arena of small nodes instead of a tree of boxes: a hundred thousand hosts are a few vectors.
//! Texts stay in the file's own text wherever YAML did not change them. Nothing is interpreted
//! here: whether `NO` is a country or a refusal is known only to whoever asks for the value.
//!
//! A mistake that leaves the structure whole (an alias, a duplicate key) is reported and read
//! over; one that does not ends the file, and its tree is thrown away.

use std::{collections::HashMap, ops::Range};

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    limits,
    source::{FileId, Place},
    yaml::{Event, Events, Style, SyntaxFault},
};

/// The tree of one file.
#[derive(Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    kids: Vec<u32>,
    /// Texts that differ from what stands in the file (escapes, folded lines).
    side: String,
    /// The top-level node; none in an empty file.
    pub(crate) root: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    start: u32,
    end: u32,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Text {
        from: u32,
        bytes: u32,
        style: Style,
        aside: bool,
    },
    /// `count` keys and values in turn.
    Map {
        first: u32,
        count: u32,
    },
    List {
        first: u32,
        count: u32,
    },
}

/// What a node is, for those who read it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape<'a> {
    /// A key or a single value.
    Text(&'a str, Style),
    /// Keys and values in turn.
    Map(&'a [u32]),
    /// Values.
    List(&'a [u32]),
}

impl Tree {
    /// The bytes of `node` in its file.
    pub(crate) fn range(&self, node: u32) -> Range<u32> {
        let node = &self.nodes[node as usize];
        node.start..node.end
    }

    /// What `node` of a file with the text `text` is.
    pub(crate) fn shape<'a>(&'a self, text: &'a str, node: u32) -> Shape<'a> {
        let kids = |first: u32, count: u32| &self.kids[first as usize..(first + count) as usize];
        match self.nodes[node as usize].what {
            What::Text { from, bytes, style, aside } => {
                let range = from as usize..(from + bytes) as usize;
                Shape::Text(if aside { &self.side[range] } else { &text[range] }, style)
            }
            What::Map { first, count } => Shape::Map(kids(first, count)),
            What::List { first, count } => Shape::List(kids(first, count)),
        }
    }
}

/// Reads `text`; every mistake goes into `report`. `None` if the structure could not be read.
pub(crate) fn parse(text: &str, file: FileId, report: &mut Report) -> Option<Tree> {
    if let Some(fault) = forbidden_character(text) {
        report.add(fault.diagnostic(file, text));
        return None;
    }
    let mut builder = Builder {
        text,
        file,
        tree: Tree::default(),
        open: Vec::new(),
        waiting: Vec::new(),
        documents: 0,
        report,
    };
    for step in Events::of(text) {
        let done = step.and_then(|(event, range)| builder.take(event, range));
        if let Err(fault) = done {
            builder.report.add(fault.diagnostic(file, text));
            return None;
        }
    }
    let mut tree = builder.tree;
    tree.root = builder.waiting.first().copied();
    Some(tree)
}

impl SyntaxFault {
    fn diagnostic(self, file: FileId, text: &str) -> Diagnostic {
        let start = (0..=self.at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        let start = start.unwrap_or(0);
        let one = text[start..].chars().next().filter(|it| *it != '\n').map_or(0, char::len_utf8);
        let place = Place::of(file, start, start + one);
        let mut found = Diagnostic::new(self.code, self.what).at(place);
        if let Some(help) = self.help {
            found = found.help(help);
        }
        found
    }
}

/// A control character anywhere, even in a comment or in quotes, is a file that is not ours.
fn forbidden_character(text: &str) -> Option<SyntaxFault> {
    let bad = |it: char| (it.is_control() && !matches!(it, '\t' | '\n' | '\r')) || it == '\u{feff}';
    let (at, glyph) = text.char_indices().find(|(_, it)| bad(*it))?;
    if glyph == '\u{feff}' {
        return Some(SyntaxFault {
            code: Code::NotUtf8,
            at,
            what: "the file has a byte order mark".into(),
            help: Some("save it as UTF-8 without BOM"),
        });
    }
    Some(SyntaxFault {
        code: Code::ControlCharacter,
        at,
        what: format!("the control character U+{:04X} stands in the file", u32::from(glyph)),
        help: Some("take it out; was the file damaged on its way here?"),
    })
}

struct Builder<'a, 'r> {
    text: &'a str,
    file: FileId,
    tree: Tree,
    open: Vec<Open>,
    /// Finished children of all open maps and lists.
    waiting: Vec<u32>,
    documents: usize,
    report: &'r mut Report,
}

struct Open {
    node: u32,
    /// Where its children begin in `waiting`.
    first: usize,
    is_map: bool,
}

impl<'a> Builder<'a, '_> {
    fn take(&mut self, event: Event<'a>, range: Range<usize>) -> Result<(), SyntaxFault> {
        let at = range.start;
        match event {
            Event::Text(text, style) => self.text(&text, style, range)?,
            Event::MapStart => self.begin(true, at)?,
            Event::ListStart => self.begin(false, at)?,
            Event::End => self.end(range.end),
            Event::Document => {
                self.documents += 1;
                if self.documents > 1 {
                    let what = "a second document begins here";
                    let help = "one file is one document: take the line `---` out";
                    return Err(SyntaxFault {
                        code: Code::Documents,
                        at,
                        what: what.into(),
                        help: Some(help),
                    });
                }
            }
            Event::Anchor => self.refuse_anchor(&range),
            Event::Alias => {
                self.refuse_alias(&range);
                self.text("", Style::Quoted, range)?;
            }
            Event::Tag => self.refuse_tag(&range),
        }
        Ok(())
    }

    fn place(&self, range: &Range<usize>) -> Place {
        Place::of(self.file, range.start, range.end)
    }

    fn refuse_anchor(&mut self, range: &Range<usize>) {
        let what = "anchors (`&name`) are not used here";
        self.report.add(
            Diagnostic::new(Code::Anchor, what)
                .at(self.place(range))
                .help("put the value in quotes, or write a template and name it with `use:`"),
        );
    }

    fn refuse_alias(&mut self, range: &Range<usize>) {
        let what = "a value that begins with `*` is a YAML alias, and these are not used here";
        self.report.add(
            Diagnostic::new(Code::Anchor, what)
                .at(self.place(range))
                .help("put the value in quotes, or write a template and name it with `use:`"),
        );
    }

    fn refuse_tag(&mut self, range: &Range<usize>) {
        let what = "a value that begins with `!` is a YAML tag, and these are not used here";
        self.report.add(
            Diagnostic::new(Code::Tag, what).at(self.place(range)).help("put the value in quotes"),
        );
    }

    fn push(&mut self, node: Node) -> Result<u32, SyntaxFault> {
        if self.tree.nodes.len() >= limits::NODES_MAX {
            return Err(SyntaxFault {
                code: Code::TooManyNodes,
                at: node.start as usize,
                what: format!("the file has more than {} keys and values", limits::NODES_MAX),
                help: Some("split it into several files"),
            });
        }
        self.tree.nodes.push(node);
        Ok(small(self.tree.nodes.len() - 1))
    }

    fn text(&mut self, text: &str, style: Style, range: Range<usize>) -> Result<(), SyntaxFault> {
        if text.len() > limits::SCALAR_BYTES_MAX {
            return Err(SyntaxFault {
                code: Code::TooLong,
                at: range.start,
                what: format!("a single value of more than {} bytes", limits::SCALAR_BYTES_MAX),
                help: Some("is a quote missing?"),
            });
        }
        if style == Style::Folded {
            // The parser names the block's text, which begins below.
            let sign = self.text[..range.start].rfind('>').unwrap_or(range.start);
            self.report.add(
                Diagnostic::new(Code::NeedsQuotes, "a value that begins with `>` needs quotes")
                    .at(Place::of(self.file, sign, sign + 1))
                    .help("write `over 80%`, or put the value in quotes"),
            );
        }
        // YAML has a null where nothing is written; to us it is nothing.
        let text = if range.is_empty() && style == Style::Plain { "" } else { text };
        let (from, aside) = match self.offset(text) {
            Some(from) => (from, false),
            None => {
                let from = self.tree.side.len();
                self.tree.side.push_str(text);
                (from, true)
            }
        };
        let what = What::Text { from: small(from), bytes: small(text.len()), style, aside };
        let end = shown_end(self.text, &range, style);
        let node = self.push(Node { start: small(range.start), end: small(end), what })?;
        self.waiting.push(node);
        Ok(())
    }

    /// Where `text` stands in the file, if it is a piece of it.
    fn offset(&self, text: &str) -> Option<usize> {
        let from = (text.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (from + text.len() <= self.text.len()).then_some(from)
    }

    fn begin(&mut self, is_map: bool, at: usize) -> Result<(), SyntaxFault> {
        if self.open.len() >= limits::NESTING_MAX {
            return Err(SyntaxFault {
                code: Code::TooDeep,
                at,
                what: format!("more than {} maps and lists within each other", limits::NESTING_MAX),
                help: None,
            });
        }
        let what = What::List { first: 0, count: 0 };
        let node = self.push(Node { start: small(at), end: small(at), what })?;
        self.open.push(Open { node, first: self.waiting.len(), is_map });
        Ok(())
    }

    fn end(&mut self, at: usize) {
        let Some(Open { node, first, is_map }) = self.open.pop() else { return };
        if is_map {
            self.check_keys(first);
        }
        let (begin, count) = (small(self.tree.kids.len()), small(self.waiting.len() - first));
        self.tree.kids.extend(self.waiting.drain(first..));
        let node_ = &mut self.tree.nodes[node as usize];
        node_.end = small(at);
        node_.what = if is_map {
            What::Map { first: begin, count }
        } else {
            What::List { first: begin, count }
        };
        self.waiting.push(node);
    }

    /// Takes keys that are no texts, or stand there a second time, out of the map that began at
    /// `first`.
    fn check_keys(&mut self, first: usize) {
        /// Up to this many keys are compared one by one.
        const FEW: usize = 8;
        let kids: Vec<u32> = self.waiting[first..].to_vec();
        let mut known: HashMap<&str, u32> = HashMap::new();
        let mut few: Vec<(&str, u32)> = Vec::new();
        let many = kids.len() / 2 > FEW;
        let mut kept = Vec::with_capacity(kids.len());
        let mut faults = Vec::new();
        for pair in kids.chunks_exact(2) {
            let Shape::Text(key, style) = self.tree.shape(self.text, pair[0]) else {
                faults.push(
                    Diagnostic::new(Code::KeyNotText, "a key must be a text")
                        .at(Place::from_range(self.file, self.tree.range(pair[0]))),
                );
                continue;
            };
            let place = Place::from_range(self.file, self.tree.range(pair[0]));
            if key == "<<" && style == Style::Plain {
                let what = "merge keys (`<<`) are not used here";
                faults.push(
                    Diagnostic::new(Code::Anchor, what)
                        .at(place)
                        .help("write a template and name it with `use:`"),
                );
                continue;
            }
            let earlier = match many {
                true => known.get(key).copied(),
                false => few.iter().find(|it| it.0 == key).map(|it| it.1),
            };
            if let Some(earlier) = earlier {
                let earlier = Place::from_range(self.file, self.tree.range(earlier));
                faults.push(duplicate(key, place, earlier));
                continue;
            }
            match many {
                true => drop(known.insert(key, pair[0])),
                false => few.push((key, pair[0])),
            }
            kept.extend_from_slice(pair);
        }
        self.waiting.truncate(first);
        self.waiting.extend(kept);
        faults.into_iter().for_each(|it| self.report.add(it));
    }
}

fn duplicate(key: &str, place: Place, earlier: Place) -> Diagnostic {
    Diagnostic::new(Code::DuplicateKey, format!("the key {} stands here twice", crate::quoted(key)))
        .at(place)
        .label("the second one")
        .also(earlier, "the first one")
        .help("take one of them out, or put both values into one")
}

/// Where the caret ends: on the last character of the text, not on the line after it.
fn shown_end(text: &str, range: &Range<usize>, style: Style) -> usize {
    match style {
        Style::Plain => range.start + text[range.clone()].trim_end().len(),
        _ => range.end,
    }
}

/// Offsets and counts in one file fit: its size is limited to far less.
fn small(number: usize) -> u32 {
    u32::try_from(number).expect("files are far smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use std::path::PathBuf;

    use super::*;
    use crate::source::{At, Source, Sources, View};

    fn sources(text: &str) -> Sources {
        let mut report = Report::default();
        let mut source = Source::new("test.yaml".into(), PathBuf::new());
        source.tree = parse(text, FileId(0), &mut report);
        source.text = text.into();
        let errors = report.errors;
        assert_eq!(errors, 0, "{:?}", report.sorted());
        Sources { files: vec![source], ..Sources::default() }
    }

    /// Each node on a line: depth, line:column, what stands there, what it means.
    fn draw(view: View<'_>, sources: &Sources, depth: usize, picture: &mut String) {
        let place = view.place();
        let source = sources.of(place.file);
        let (line, column) = source.line_and_column(place.start);
        let written = &source.text[place.start as usize..place.end as usize];
        let indent = "  ".repeat(depth);
        match view.text() {
            Some(text) => {
                picture.push_str(&format!("{indent}{line}:{column} {written:?} {text:?}\n"))
            }
            None => picture.push_str(&format!("{indent}{line}:{column} map or list\n")),
        }
        if view.is_map() {
            for (key, value) in view.pairs() {
                draw(key, sources, depth + 1, picture);
                draw(value, sources, depth + 2, picture);
            }
        } else if view.text().is_none() {
            view.items().into_iter().for_each(|it| draw(it, sources, depth + 1, picture));
        }
    }

    fn picture(text: &str) -> String {
        let sources = sources(text);
        let mut picture = String::new();
        draw(sources.view(root(&sources)), &sources, 0, &mut picture);
        picture
    }

    fn root(sources: &Sources) -> At {
        let node = sources.files[0].tree.as_ref().and_then(|it| it.root).unwrap();
        At { file: FileId(0), node }
    }

    #[test]
    fn every_key_and_value_knows_its_place() {
        let text = "a: 1  # one\nü ö:\n  - 'it''s'\n  - \"tab\\t\"\n  - { k: v w , e: , x: [] }\nl: |\n  two\n  lines\nn:\n";
        expect![[r#"
            1:1 map or list
              1:1 "a" "a"
                1:4 "1" "1"
              2:1 "ü ö" "ü ö"
                3:3 map or list
                  3:5 "'it''s'" "it's"
                  4:5 "\"tab\\t\"" "tab\t"
                  5:5 map or list
                    5:7 "k" "k"
                      5:10 "v w" "v w"
                    5:16 "e" "e"
                      5:17 "" ""
                    5:21 "x" "x"
                      5:24 map or list
              6:1 "l" "l"
                7:3 "two\n  lines\n" "two\nlines\n"
              9:1 "n" "n"
                9:2 "" ""
        "#]]
        .assert_eq(&picture(text));
    }

    #[test]
    fn windows_line_ends_change_nothing() {
        let unix = "a: 1\nb:\n  c: 'd'\n  e: [f, g]\n";
        assert_eq!(picture(&unix.replace('\n', "\r\n")), picture(unix));
    }

    #[test]
    fn an_empty_file_has_no_root() {
        for text in ["", "\n\n", "# nothing\n", "---\n"] {
            let sources = sources(text);
            let root = sources.root(FileId(0));
            assert!(root.is_none_or(|it| it.is_empty()), "{text:?}");
        }
    }

    #[test]
    fn a_part_of_a_text_is_found_in_the_file() {
        let sources = sources("a: over ten\nb: \"over ten\"\nc: \"o\\x76er ten\"\n");
        let shown = |key: &str| {
            let view = sources.view(root(&sources)).get(key).unwrap();
            let place = view.part(&(5..8));
            sources.files[0].text[place.start as usize..place.end as usize].to_owned()
        };
        assert_eq!(shown("a"), "ten");
        assert_eq!(shown("b"), "ten");
        assert_eq!(shown("c"), "\"o\\x76er ten\"", "an escape moves the bytes: all of it is shown");
    }
}
