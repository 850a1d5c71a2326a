//! Finds the parts of a mail in one pass over its lines.
//!
//! The boundaries that are open lie on a stack; a line that begins with two dashes is held against
//! them, the innermost first. So the work is one look at each line and at most
//! [`DEPTH_MAX`](super::DEPTH_MAX) comparisons, however parts lie in one another, and nothing is
//! copied. A part that is too deep is not opened; after too many parts the walk ends.

use super::{
    Budget, DEPTH_MAX, HEADERS_MAX,
    fields::{Fields, line_end},
};
use crate::Fault;

/// Bytes of a boundary; the standard has 70.
const BOUNDARY_BYTES_MAX: usize = 250;

/// A part that has no parts itself.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) fields: Fields<'a>,
    /// As it came.
    pub(super) body: &'a [u8],
    /// The innermost choice between parts that it belongs to.
    pub(super) choice: Option<usize>,
    /// It is the mail itself.
    pub(super) is_root: bool,
}

struct Open {
    boundary: Vec<u8>,
    choice: Option<usize>,
}

enum At<'a> {
    /// Before, between and behind parts.
    Between,
    Head(usize),
    Body(Fields<'a>, usize),
}

struct Walk<'a, 'b> {
    text: &'a [u8],
    at: At<'a>,
    open: Vec<Open>,
    choices: usize,
    parts: Vec<Part<'a>>,
    budget: &'b mut Budget,
}

/// The parts of the mail that has these `fields`, whose body begins at `from`.
pub(super) fn parts<'a>(
    fields: Fields<'a>,
    text: &'a [u8],
    from: usize,
    budget: &mut Budget,
) -> Vec<Part<'a>> {
    let mut walk =
        Walk { text, at: At::Between, open: Vec::new(), choices: 0, parts: Vec::new(), budget };
    walk.enter(fields, from);
    walk.lines(from);
    // It says that it has parts, and has none.
    if walk.parts.is_empty() && !walk.budget.is_over {
        walk.budget.fault(Fault::Broken);
    }
    walk.parts
}

impl<'a> Walk<'a, '_> {
    fn lines(&mut self, from: usize) {
        // Without a boundary no line can matter.
        let mut begin = if self.open.is_empty() { self.text.len() } else { from };
        while begin < self.text.len() {
            let end = line_end(self.text, begin);
            let line = &self.text[begin..end];
            self.budget.lines += 1;
            if let Some((level, is_end)) = self.boundary(line) {
                self.leave(begin);
                self.open.truncate(if is_end { level } else { level + 1 });
                self.at = if is_end { At::Between } else { At::Head(end) };
            } else if let At::Head(head) = self.at {
                self.head_line(line, head, end);
            }
            if self.budget.is_over {
                return;
            }
            begin = if self.open.is_empty() { self.text.len() } else { end };
        }
        self.leave(self.text.len());
    }

    fn head_line(&mut self, line: &[u8], head: usize, end: usize) {
        let is_blank = matches!(line, b"\n" | b"\r\n");
        if end - head > self.budget.header_bytes {
            self.budget.fault(Fault::Headers);
            self.at = At::Between;
        } else if is_blank {
            self.budget.header_bytes -= end - head;
            let fields = Fields::parse(&self.text[head..end], HEADERS_MAX);
            self.enter(fields, end);
        }
    }

    /// A part begins whose body begins at `from`.
    fn enter(&mut self, fields: Fields<'a>, from: usize) {
        self.at = At::Between;
        if self.budget.parts == 0 {
            self.budget.fault(Fault::Parts);
            self.budget.is_over = true;
            return;
        }
        self.budget.parts -= 1;
        if fields.is_cut {
            self.budget.fault(Fault::Headers);
        }
        let kind = fields.shaped("content-type").unwrap_or_default();
        let Some(within) = kind.value.strip_prefix("multipart/") else {
            self.at = At::Body(fields, from);
            return;
        };
        let boundary = kind.get("boundary").unwrap_or_default().trim_end().as_bytes();
        if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
            self.budget.fault(Fault::Broken);
            self.at = At::Body(fields, from);
        } else if self.open.len() == DEPTH_MAX {
            self.budget.fault(Fault::Depth);
        } else {
            let outer = self.open.last().and_then(|it| it.choice);
            let choice = if within == "alternative" {
                self.choices += 1;
                Some(self.choices)
            } else {
                outer
            };
            self.open.push(Open { boundary: boundary.to_vec(), choice });
        }
    }

    /// What is open ends before the line at `end`.
    fn leave(&mut self, end: usize) {
        let at = std::mem::replace(&mut self.at, At::Between);
        let (fields, begin) = match at {
            At::Between => return,
            // A part without an empty line behind its headers.
            At::Head(head) => (Fields::parse(&self.text[head..end], HEADERS_MAX), end),
            At::Body(fields, begin) => (fields, begin),
        };
        let body = &self.text[begin.min(end)..end];
        let is_root = self.open.is_empty();
        let body = match body {
            [body @ .., b'\r', b'\n'] | [body @ .., b'\n'] if !is_root => body,
            body => body,
        };
        let choice = self.open.last().and_then(|it| it.choice);
        self.parts.push(Part { fields, body, choice, is_root });
    }

    /// Which open boundary the line is, and whether it ends there.
    fn boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let text = line.strip_prefix(b"--")?.trim_ascii_end();
        for (level, open) in self.open.iter().enumerate().rev() {
            match text.strip_prefix(open.boundary.as_slice()) {
                Some(b"") => return Some((level, false)),
                Some(b"--") => return Some((level, true)),
                _ => {}
            }
        }
        None
    }
}
