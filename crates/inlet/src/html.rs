//! HTML to text, as far as reports need it: what is seen, its cells divided by tabs and its rows by
//! line feeds.
//!
//! One pass over the bytes, whatever they are; nothing is fetched, and how deep elements lie in one
//! another does not matter, because nobody counts. A row of several cells becomes one line, so
//! that labels and values and the columns of a table stay together; a row of one cell is layout and
//! keeps its lines.

/// A cell with more characters keeps its lines even if it is not alone in its row: it is a column of
/// layout.
const CELL_CHARS_MAX: usize = 300;
/// Bytes of a character reference.
const REFERENCE_BYTES_MAX: usize = 32;

/// The text of an HTML document.
#[must_use]
pub fn text(html: &str) -> String {
    let mut page = Page::default();
    let mut at = 0;
    while at < html.len() {
        let rest = &html[at..];
        at += match rest.find('<') {
            Some(0) => page.markup(rest),
            Some(end) => {
                page.words(&rest[..end]);
                end
            }
            None => {
                page.words(rest);
                rest.len()
            }
        };
    }
    page.end_row();
    page.out.truncate(page.out.trim_end().len());
    page.out
}

/// What has been written so far.
#[derive(Debug, Default)]
struct Page {
    out: String,
    /// Cells of the row that is open, without the last.
    row: Vec<String>,
    /// What has been written since the last cell, row or table began.
    cell: String,
    in_cell: bool,
    /// A space is due before the next word.
    space: bool,
    is_preformatted: bool,
}

impl Page {
    /// Something that begins with `<`; how many bytes it has.
    fn markup(&mut self, rest: &str) -> usize {
        let bytes = rest.as_bytes();
        match bytes.get(1) {
            Some(b'!') if rest.starts_with("<!--") => behind(rest, 4, "-->"),
            Some(b'!' | b'?') => behind(rest, 2, ">"),
            Some(b'/') if bytes.get(2).is_some_and(u8::is_ascii_alphabetic) => {
                let name = name(&rest[2..]);
                self.ends(&name);
                tag_end(rest)
            }
            Some(it) if it.is_ascii_alphabetic() => {
                let name = name(&rest[1..]);
                let end = tag_end(rest);
                if let Some(unseen) = unseen(&name) {
                    return end + close_of(&rest[end..], unseen);
                }
                self.begins(&name);
                end
            }
            _ => {
                self.words("<");
                1
            }
        }
    }

    fn begins(&mut self, name: &str) {
        match name {
            "br" => self.line(),
            "table" | "tr" | "thead" | "tbody" | "tfoot" | "caption" => self.end_row(),
            "td" | "th" => {
                self.end_cell();
                self.in_cell = true;
            }
            "pre" => {
                self.block();
                self.is_preformatted = true;
            }
            it if is_block(it) => self.block(),
            _ => {}
        }
    }

    fn ends(&mut self, name: &str) {
        match name {
            "table" | "tr" | "thead" | "tbody" | "tfoot" | "caption" => self.end_row(),
            "td" | "th" => self.end_cell(),
            "pre" => {
                self.is_preformatted = false;
                self.block();
            }
            it if is_block(it) => self.block(),
            _ => {}
        }
    }

    fn words(&mut self, text: &str) {
        let text = resolved(text);
        if self.is_preformatted {
            self.cell.push_str(&text);
            return;
        }
        for letter in text.chars() {
            // A space that does not break is one for whoever reads it.
            if matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{c}' | '\u{a0}') {
                self.space = true;
                continue;
            }
            if self.space && !self.cell.is_empty() && !self.cell.ends_with('\n') {
                self.cell.push(' ');
            }
            self.space = false;
            self.cell.push(letter);
        }
    }

    fn line(&mut self) {
        self.space = false;
        self.cell.push('\n');
    }

    /// A block begins or ends: what follows stands on its own line.
    fn block(&mut self) {
        self.space = false;
        if !self.cell.is_empty() && !self.cell.ends_with('\n') {
            self.cell.push('\n');
        }
    }

    fn end_cell(&mut self) {
        self.space = false;
        let cell = std::mem::take(&mut self.cell);
        // Text between cells has a place of its own only if there is any.
        if self.in_cell || !cell.trim().is_empty() {
            self.row.push(cell);
        }
        self.in_cell = false;
    }

    fn end_row(&mut self) {
        self.end_cell();
        let row = std::mem::take(&mut self.row);
        if row.iter().all(|it| it.trim().is_empty()) {
            return;
        }
        let is_table = row.len() > 1;
        for (cell, place) in row.iter().zip(0..) {
            let cell = if self.is_preformatted { cell.as_str() } else { cell.trim() };
            let is_long = cell.chars().take(CELL_CHARS_MAX + 1).count() > CELL_CHARS_MAX;
            if place > 0 {
                self.out.push(if is_long { '\n' } else { '\t' });
            }
            if is_table && !is_long {
                self.out.push_str(&cell.replace('\n', " "));
            } else {
                self.out.push_str(cell);
            }
        }
        self.out.truncate(self.out.trim_end_matches([' ', '\t', '\n']).len());
        self.out.push('\n');
    }
}

/// The name of an element, in small letters.
fn name(text: &str) -> String {
    let end = text.find(|it: char| !it.is_ascii_alphanumeric()).unwrap_or(text.len());
    text[..end.min(REFERENCE_BYTES_MAX)].to_ascii_lowercase()
}

/// Elements whose content is not seen.
fn unseen(name: &str) -> Option<&'static str> {
    ["script", "style", "title", "template", "noframes", "textarea", "svg"]
        .into_iter()
        .find(|it| *it == name)
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "ul"
            | "ol"
            | "li"
            | "dl"
            | "dt"
            | "dd"
            | "hr"
            | "body"
            | "head"
            | "html"
            | "center"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "main"
            | "nav"
            | "aside"
            | "address"
            | "blockquote"
            | "fieldset"
            | "form"
            | "figure"
            | "option"
    )
}

/// How many bytes there are until behind `end`, from `from` on; all if it never comes.
fn behind(rest: &str, from: usize, end: &str) -> usize {
    rest.get(from..).and_then(|it| it.find(end)).map_or(rest.len(), |it| from + it + end.len())
}

/// How many bytes the tag at the begin has. A `>` within a quoted value does not end it.
fn tag_end(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut quote, mut is_value) = (None, false);
    for (at, &it) in bytes.iter().enumerate().skip(1) {
        match (quote, it) {
            (Some(open), it) if it == open => quote = None,
            (Some(_), _) => {}
            (None, b'>') => return at + 1,
            (None, b'=') => is_value = true,
            (None, b'"' | b'\'') if is_value => {
                quote = Some(it);
                is_value = false;
            }
            (None, it) if it.is_ascii_whitespace() => {}
            (None, _) => is_value = false,
        }
    }
    bytes.len()
}

/// How many bytes there are until behind the end tag of an element that is not seen.
fn close_of(rest: &str, name: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 0;
    while let Some(found) = rest[at..].find("</") {
        let begin = at + found;
        let of = bytes.get(begin + 2..begin + 2 + name.len());
        if of.is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes())) {
            return begin + tag_end(&rest[begin..]);
        }
        at = begin + 2;
    }
    rest.len()
}

/// With its character references replaced.
fn resolved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let window = &rest.as_bytes()[..rest.len().min(REFERENCE_BYTES_MAX)];
        let end = window.iter().position(|it| *it == b';');
        let letter = end.and_then(|end| referred(&rest[1..end]).map(|it| (it, end)));
        match letter {
            Some((letter, end)) => {
                out.push(letter);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character that `name` stands for, between `&` and `;`.
fn referred(name: &str) -> Option<char> {
    if let Some(figures) = name.strip_prefix('#') {
        let code = match figures.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => figures.parse().ok()?,
        };
        return WINDOWS.iter().find(|it| it.0 == code).map(|it| it.1).or(char::from_u32(code));
    }
    NAMED.iter().find(|it| it.0 == name).map(|it| it.1)
}

/// Characters that are written by their numbers in another charset, as browsers read them.
const WINDOWS: [(u32, char); 9] = [
    (0x80, '\u{20ac}'),
    (0x85, '\u{2026}'),
    (0x91, '\u{2018}'),
    (0x92, '\u{2019}'),
    (0x93, '\u{201c}'),
    (0x94, '\u{201d}'),
    (0x95, '\u{2022}'),
    (0x96, '\u{2013}'),
    (0x97, '\u{2014}'),
];

/// Characters that reports write by name.
const NAMED: [(&str, char); 68] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("shy", '\u{ad}'),
    ("zwnj", '\u{200c}'),
    ("copy", '\u{a9}'),
    ("reg", '\u{ae}'),
    ("trade", '\u{2122}'),
    ("deg", '\u{b0}'),
    ("plusmn", '\u{b1}'),
    ("middot", '\u{b7}'),
    ("bull", '\u{2022}'),
    ("hellip", '\u{2026}'),
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("minus", '\u{2212}'),
    ("times", '\u{d7}'),
    ("lsquo", '\u{2018}'),
    ("rsquo", '\u{2019}'),
    ("sbquo", '\u{201a}'),
    ("ldquo", '\u{201c}'),
    ("rdquo", '\u{201d}'),
    ("bdquo", '\u{201e}'),
    ("laquo", '\u{ab}'),
    ("raquo", '\u{bb}'),
    ("euro", '\u{20ac}'),
    ("pound", '\u{a3}'),
    ("sect", '\u{a7}'),
    ("micro", '\u{b5}'),
    ("rarr", '\u{2192}'),
    ("larr", '\u{2190}'),
    ("check", '\u{2713}'),
    ("cross", '\u{2717}'),
    ("agrave", '\u{e0}'),
    ("aacute", '\u{e1}'),
    ("acirc", '\u{e2}'),
    ("atilde", '\u{e3}'),
    ("auml", '\u{e4}'),
    ("aring", '\u{e5}'),
    ("aelig", '\u{e6}'),
    ("ccedil", '\u{e7}'),
    ("egrave", '\u{e8}'),
    ("eacute", '\u{e9}'),
    ("ecirc", '\u{ea}'),
    ("euml", '\u{eb}'),
    ("igrave", '\u{ec}'),
    ("iacute", '\u{ed}'),
    ("icirc", '\u{ee}'),
    ("ntilde", '\u{f1}'),
    ("ograve", '\u{f2}'),
    ("oacute", '\u{f3}'),
    ("ocirc", '\u{f4}'),
    ("ouml", '\u{f6}'),
    ("oslash", '\u{f8}'),
    ("ugrave", '\u{f9}'),
    ("uacute", '\u{fa}'),
    ("uuml", '\u{fc}'),
    ("szlig", '\u{df}'),
    ("Auml", '\u{c4}'),
    ("Ouml", '\u{d6}'),
    ("Uuml", '\u{dc}'),
    ("Egrave", '\u{c8}'),
];

#[cfg(test)]
mod tests;
