//! A text in two forms: as people see it, and as rules compare it.
//!
//! Senders write the same words with typographic quotes, with spaces that do not break, composed or
//! decomposed. Rules look at the folded form alone; what is shown and kept is the text as it came.

use icu_normalizer::ComposingNormalizer;

/// Characters as they come that may make one folded character: it, its accents, and such as are
/// not seen.
const FOLDED_FROM_MAX: usize = 4;

/// A text, and the same text folded: line by line they belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    shown: String,
    folded: String,
}

impl Text {
    /// Line ends become `\n`; other control characters but tabs are left out.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let shown: String = text
            .replace("\r\n", "\n")
            .replace('\r', "\n")
            .chars()
            .filter(|it| !it.is_control() || matches!(it, '\n' | '\t'))
            .collect();
        let folded = fold(&shown);
        Self { shown, folded }
    }

    /// As it came.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// As rules compare it: small letters, plain quotes, dashes and spaces.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Is there nothing but space in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown.trim().is_empty()
    }

    /// Line by line: as it came, and folded; both without space around.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shown.lines().map(str::trim).zip(self.folded.lines().map(str::trim))
    }

    /// The first line whose folded form `test` likes, as it came and folded.
    #[must_use]
    pub fn line(&self, test: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
        self.lines().find(|it| test(it.1))
    }

    /// What follows one of these labels, written folded, at the begin of a line: `job:`. The rest of
    /// that line as it came, or the next line that is not empty if the label stands alone.
    #[must_use]
    pub fn labelled(&self, labels: &[&str]) -> Option<&str> {
        let mut lines = self.lines();
        while let Some((shown, folded)) = lines.next() {
            let Some(label) = labels.iter().find(|it| folded.starts_with(**it)) else { continue };
            let at = folded_end(shown, label);
            let value = shown[at..].trim_start_matches([':', '\t', ' ']).trim();
            if !value.is_empty() {
                return Some(value);
            }
            return lines.map(|it| it.0).find(|it| !it.is_empty());
        }
        None
    }
}

/// Where in `shown` the text ends of which `label` is the folded form. Folding may join characters
/// and leave some out, so the places are not the same.
fn folded_end(shown: &str, label: &str) -> usize {
    let ends = shown.char_indices().map(|it| it.0).skip(1).chain([shown.len()]);
    // No character of a label is made of more than this.
    let ends = ends.take(label.chars().count() * FOLDED_FROM_MAX);
    ends.into_iter().find(|end| fold(&shown[..*end]) == label).unwrap_or(shown.len())
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Composed, in small letters, with plain quotes, dashes and spaces.
#[must_use]
pub fn fold(text: &str) -> String {
    // What is not seen goes first: it would keep apart what belongs together.
    let plain: String = text.chars().filter_map(plain).flat_map(char::to_lowercase).collect();
    ComposingNormalizer::new_nfc().normalize(&plain).into_owned()
}

fn plain(letter: char) -> Option<char> {
    Some(match letter {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' | '`' | '\u{b4}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}'
        | '\u{ad}' => return None,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_folded_to_the_same() {
        assert_eq!(
            fold("Ora d\u{2019}inizio\u{a0}\u{2013} \u{201c}A\u{201d}"),
            "ora d'inizio - \"a\""
        );
        assert_eq!(fold("e\u{300} stata"), fold("\u{e8} stata"));
        assert_eq!(fold("Sicher\u{ad}ung\u{200b}"), "sicherung");
    }

    #[test]
    fn a_label_leads_to_the_rest_of_its_line_or_to_the_next_one() {
        let text = Text::new("Task: One\r\nOra d\u{2019}inizio:  03:00\r\nSize:\r\n\r\n 12 GB\r\n");
        assert_eq!(text.labelled(&["task:"]), Some("One"));
        assert_eq!(text.labelled(&["start time:", "ora d'inizio:"]), Some("03:00"));
        assert_eq!(text.labelled(&["size"]), Some("12 GB"));
        assert_eq!(text.labelled(&["nothing"]), None);
        // What is folded away or together moves nothing.
        let text = Text::new("Gro\u{ad}\u{200b}\u{308}ße: 12 GB\n\u{200b}\u{feff}Dauer : 5 min");
        assert_eq!(text.labelled(&["gr\u{f6}\u{df}e"]), Some("12 GB"));
        assert_eq!(text.labelled(&["dauer"]), Some("5 min"));
    }

    #[test]
    fn control_characters_do_not_get_in() {
        assert_eq!(Text::new("a\u{0}b\u{1b}[31mc\td").shown(), "ab[31mc\td");
    }
}
