//! Names and targets of a board, one after the other in one text.
//!
//! A hundred thousand small strings of their own would cost more than what is in them.

/// Longest name that is kept, in bytes.
const NAME_BYTES_MAX: usize = u16::MAX as usize;

/// The four texts of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Customer,
    Host,
    Service,
    Target,
}

/// Where the texts of one row lie in [`Names`]. Starts and lengths apart, or a third would be
/// padding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spans {
    starts: [u32; 4],
    lengths: [u16; 4],
}

/// The texts.
#[derive(Debug, Default)]
pub(crate) struct Names {
    all: String,
    last: Spans,
}

impl Names {
    /// Keeps the texts of one row. What the row before has in the same column is not kept twice:
    /// rows come sorted, so a host's name is there once.
    pub(crate) fn put(&mut self, row: [&str; 4]) -> Spans {
        for (column, text) in row.into_iter().enumerate() {
            let at = self.all.len();
            let text = &text[..text.floor_char_boundary(NAME_BYTES_MAX / 3)];
            self.all.extend(text.chars().map(clean));
            if span(&self.all, &self.last, column) == &self.all[at..] {
                self.all.truncate(at);
                continue;
            }
            let length = u16::try_from(self.all.len() - at).expect("the text was cut to fit");
            self.last.starts[column] =
                u32::try_from(at).expect("all names together are shorter than 4 GiB");
            self.last.lengths[column] = length;
        }
        self.last
    }

    /// One text of a row.
    pub(crate) fn get(&self, spans: &Spans, column: Column) -> &str {
        span(&self.all, spans, column as usize)
    }

    /// Frees what was reserved for more.
    pub(crate) fn finish(&mut self) {
        self.all.shrink_to_fit();
    }
}

fn span<'a>(all: &'a str, spans: &Spans, column: usize) -> &'a str {
    let at = spans.starts[column] as usize;
    &all[at..at + usize::from(spans.lengths[column])]
}

/// Control characters other than a line break become U+FFFD: no exposition format has a way to
/// write them that every reader understands.
pub(crate) fn clean(glyph: char) -> char {
    if glyph.is_control() && glyph != '\n' { char::REPLACEMENT_CHARACTER } else { glyph }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_kept_once_and_control_characters_not_at_all() {
        let mut names = Names::default();
        let first = names.put(["acme", "web", "a", "10.0.0.1"]);
        let length = names.all.len();
        let second = names.put(["acme", "web", "x\0b\nc\u{7f}", "10.0.0.1"]);
        assert_eq!(names.all.len(), length + "x\u{fffd}b\nc\u{fffd}".len());
        for spans in [first, second] {
            assert_eq!(names.get(&spans, Column::Customer), "acme");
            assert_eq!(names.get(&spans, Column::Host), "web");
            assert_eq!(names.get(&spans, Column::Target), "10.0.0.1");
        }
        assert_eq!(names.get(&first, Column::Service), "a");
        assert_eq!(names.get(&second, Column::Service), "x\u{fffd}b\nc\u{fffd}");
        let long = "\0".repeat(100_000);
        let empty = names.put(["", &long, "", ""]);
        assert_eq!(names.get(&empty, Column::Customer), "");
        assert!(names.get(&empty, Column::Host).len() <= NAME_BYTES_MAX);
    }
}
