//! The seam to the YAML parser: its events and errors in our words.
//!
//! The parser behind it is a fast-moving crate with one maintainer; another one must be able to
//! take its place by a change of this file alone.

use std::{borrow::Cow, ops::Range};

use granit_parser::{ErrorKind, Parser, ScalarStyle, Span, StrInput};

use crate::{code::Code, limits};

/// How a text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// After `|`.
    Block,
    /// After `>`.
    Folded,
}

/// One step through a file.
#[derive(Debug, PartialEq)]
pub(crate) enum Event<'a> {
    /// A key or value.
    Text(Cow<'a, str>, Style),
    /// A map begins; keys and values follow in turn.
    MapStart,
    /// A list begins.
    ListStart,
    /// The innermost map or list ends.
    End,
    /// A document begins.
    Document,
    /// `&name` on the node before it.
    Anchor,
    /// `*name`, in the place of a node.
    Alias,
    /// `!name` on the node after it.
    Tag,
}

/// Why a file cannot be read any further.
#[derive(Debug, PartialEq)]
pub(crate) struct SyntaxFault {
    /// Which kind of mistake.
    pub(crate) code: Code,
    /// Where, in bytes.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) help: Option<&'static str>,
}

/// The events of one file, each with its bytes.
pub(crate) struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text_bytes: usize,
    /// A node whose tag was handed out first.
    held: Option<(Event<'a>, Range<usize>)>,
}

type Step<'a> = Result<(Event<'a>, Range<usize>), SyntaxFault>;

impl<'a> Events<'a> {
    /// Begins to read `text`.
    pub(crate) fn of(text: &'a str) -> Self {
        let mut options = granit_parser::options! {
            disallow_directives: true,
            emit_unresolved_aliases: true,
            emit_anchor_events: true,
            flow_nesting_limit: limits::NESTING_MAX,
            block_nesting_limit: limits::NESTING_MAX,
        };
        options.set_emit_comments(false);
        let parser = Parser::new_from_str_with_options(text, options);
        Self { parser, text_bytes: text.len(), held: None }
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let start = span.start.byte_offset().unwrap_or(0).min(self.text_bytes);
        let end = span.end.byte_offset().unwrap_or(start).min(self.text_bytes);
        start..end.max(start)
    }

    /// Hands out the tag of a node before the node itself.
    fn node(&mut self, event: Event<'a>, span: &Span, tagged: bool) -> (Event<'a>, Range<usize>) {
        let range = self.range(span);
        if !tagged {
            return (event, range);
        }
        let tag = span.tag_span().map_or_else(|| range.clone(), |it| self.range(&it));
        self.held = Some((event, range));
        (Event::Tag, tag)
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        use granit_parser::Event as Theirs;
        if let Some(held) = self.held.take() {
            return Some(Ok(held));
        }
        loop {
            let (event, span) = match self.parser.next_event()? {
                Ok(it) => it,
                Err(error) => return Some(Err(self.fault(&error))),
            };
            let found = match event {
                Theirs::Scalar(text, style, _, tag) => {
                    self.node(Event::Text(text, style_of(style)), &span, tag.is_some())
                }
                Theirs::SequenceStart(_, _, tag) => {
                    self.node(Event::ListStart, &span, tag.is_some())
                }
                Theirs::MappingStart(_, _, tag) => self.node(Event::MapStart, &span, tag.is_some()),
                Theirs::SequenceEnd | Theirs::MappingEnd => (Event::End, self.range(&span)),
                Theirs::DocumentStart(..) => (Event::Document, self.range(&span)),
                Theirs::Anchor(..) => (Event::Anchor, self.range(&span)),
                Theirs::Alias(..) | Theirs::UnresolvedAlias(..) => {
                    (Event::Alias, self.range(&span))
                }
                _ => continue,
            };
            return Some(Ok(found));
        }
    }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        ScalarStyle::Literal => Style::Block,
        ScalarStyle::Folded => Style::Folded,
    }
}

impl Events<'_> {
    fn fault(&self, error: &granit_parser::ScanError) -> SyntaxFault {
        let at = error.marker().byte_offset().unwrap_or(self.text_bytes).min(self.text_bytes);
        let (code, what, help) = in_our_words(error.kind());
        SyntaxFault { code, at, what, help }
    }
}

const QUOTE: &str = "put the value in quotes";

fn in_our_words(kind: &ErrorKind) -> (Code, String, Option<&'static str>) {
    use ErrorKind as E;
    match kind {
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabAtBlockScalarStart
        | E::TabInPlainScalar => {
            (Code::Tab, "a tab stands where only spaces may".into(), Some("indent with spaces"))
        }
        E::UnexpectedEof
        | E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping
        | E::UnexpectedEofBlockSequence
        | E::UnexpectedEofBlockMapping
        | E::UnclosedQuotedScalar => unfinished("a quote or bracket is never closed"),
        E::UnclosedFlowCollection { open } => unfinished(&format!("`{open}` is never closed")),
        E::RecursionLimitExceeded => (
            Code::TooDeep,
            format!("more than {} maps and lists within each other", limits::NESTING_MAX),
            None,
        ),
        E::DirectiveDisallowed => (
            Code::Documents,
            "a line that begins with `%` is a YAML directive, and these are not used here".into(),
            Some("put the value in quotes, or take the line out"),
        ),
        E::InvalidBlockScalarHeader | E::ZeroBlockScalarIndent => (
            Code::NeedsQuotes,
            "`>` and `|` begin a block of text in YAML".into(),
            Some("write `over 80%`, or put the value in quotes"),
        ),
        E::MissingAnchorOrAliasName => (
            Code::NeedsQuotes,
            "a value that begins with `*` or `&` needs quotes".into(),
            Some(QUOTE),
        ),
        E::UnexpectedCharacter { character } => (
            Code::NeedsQuotes,
            format!("a value that begins with `{}` needs quotes", character.escape_default()),
            Some(QUOTE),
        ),
        E::UndeclaredTagHandle
        | E::ExpectedTagBang
        | E::InvalidTagTerminator
        | E::MissingTagUri
        | E::UnclosedVerbatimTag
        | E::InvalidTagEscape => (
            Code::Tag,
            "a value that begins with `!` is a YAML tag, and these are not used here".into(),
            Some(QUOTE),
        ),
        other => (Code::Syntax, format!("the YAML cannot be read here: {other}"), help_for(other)),
    }
}

fn unfinished(what: &str) -> (Code, String, Option<&'static str>) {
    let what = format!("the file ends in the middle: {what}");
    (Code::Unfinished, what, Some("close it; was the file written to its end?"))
}

fn help_for(kind: &ErrorKind) -> Option<&'static str> {
    use ErrorKind as E;
    match kind {
        E::MappingValueNotAllowed | E::InvalidColonPlacement => {
            Some("a text with `: ` in it needs quotes; otherwise look at the indentation")
        }
        E::SimpleKeyExpected | E::InvalidSimpleKey => {
            Some("a key ends with `: `; look at the indentation and at missing colons")
        }
        E::InvalidIndentation | E::ExpectedBlockMappingKey | E::ExpectedBlockSequenceEntry => {
            Some("keys of one map stand in the same column")
        }
        E::ExpectedFlowMappingSeparator | E::ExpectedFlowSequenceSeparator => {
            Some("values in `{ }` and `[ ]` are separated by commas")
        }
        _ => None,
    }
}
