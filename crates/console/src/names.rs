//! Names and targets of a board, one after the other in one text.
//!
//! A hundred thousand small strings of their own would cost more than what is in them.

/// Where a text lies in [`Names`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    at: u32,
    length: u32,
}

/// The texts.
#[derive(Debug, Default)]
pub(crate) struct Names {
    all: String,
    last: Span,
}

impl Names {
    /// Keeps `text`; a repeat of the one before is not kept twice.
    ///
    /// Control characters other than a line break become U+FFFD: no exposition format has a way to
    /// write them that every reader understands.
    pub(crate) fn put(&mut self, text: &str) -> Span {
        let at = self.all.len();
        self.all.extend(text.chars().map(clean));
        let kept = &self.all[at..];
        if self.get(self.last) == kept {
            self.all.truncate(at);
            return self.last;
        }
        let length = u32::try_from(kept.len()).expect("a name is shorter than 4 GiB");
        let at = u32::try_from(at).expect("all names together are shorter than 4 GiB");
        self.last = Span { at, length };
        self.last
    }

    /// The text at `span`.
    pub(crate) fn get(&self, span: Span) -> &str {
        let at = span.at as usize;
        &self.all[at..at + span.length as usize]
    }

    /// Frees what was reserved for more.
    pub(crate) fn finish(&mut self) {
        self.all.shrink_to_fit();
    }
}

/// See [`Names::put`].
pub(crate) fn clean(glyph: char) -> char {
    if glyph.is_control() && glyph != '\n' { char::REPLACEMENT_CHARACTER } else { glyph }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_kept_once_and_control_characters_not_at_all() {
        let mut names = Names::default();
        let first = names.put("10.0.0.1");
        let again = names.put("10.0.0.1");
        let other = names.put("a\0b\nc\u{7f}");
        assert_eq!(names.get(first), "10.0.0.1");
        assert_eq!(first.at, again.at);
        assert_eq!(names.get(other), "a\u{fffd}b\nc\u{fffd}");
        assert_eq!(names.get(names.last), names.get(other));
        let empty = names.put("");
        assert_eq!(names.get(empty), "");
    }
}
