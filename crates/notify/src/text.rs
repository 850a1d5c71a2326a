//! Texts for people: escaped for where they are read, and never longer than it takes.
//!
//! What a look brought home was written by somebody else's machine. So every value is escaped for
//! the sink it goes to at the moment it is put into a text, and only what an admin wrote into a
//! template can be markup.

use crate::template::Template;

/// Where a text is read, which decides what must be escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    /// Nobody interprets it.
    Plain,
    /// Slack's own markup: `<…>` are links and calls to everybody.
    Slack,
    /// HTML, as mail and Telegram read it.
    Html,
    /// A part of a URL.
    Url,
}

/// The templates of one channel; `None` is the built-in text.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) title: Option<Template>,
    pub(crate) text: Option<Template>,
}

impl Sink {
    /// `text` as it stands for itself there.
    pub(crate) fn escape(self, text: &str) -> String {
        let mut escaped = String::with_capacity(text.len());
        for glyph in text.chars().filter_map(harmless) {
            match (self, glyph) {
                (Self::Slack | Self::Html, '&') => escaped.push_str("&amp;"),
                (Self::Slack | Self::Html, '<') => escaped.push_str("&lt;"),
                (Self::Slack | Self::Html, '>') => escaped.push_str("&gt;"),
                (Self::Html, '"') => escaped.push_str("&quot;"),
                (Self::Html, '\'') => escaped.push_str("&#39;"),
                (Self::Url, glyph) if !is_unreserved(glyph) => {
                    let mut bytes = [0; 4];
                    for byte in glyph.encode_utf8(&mut bytes).bytes() {
                        escaped.push_str(&format!("%{byte:02X}"));
                    }
                }
                (_, glyph) => escaped.push(glyph),
            }
        }
        escaped
    }

    /// At most `chars_max` characters of `text`, which was escaped for this sink: no entity is cut
    /// in two.
    pub(crate) fn cut(self, text: &str, chars_max: usize) -> String {
        if text.chars().count() <= chars_max {
            return text.to_owned();
        }
        let mut kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
        if matches!(self, Self::Slack | Self::Html)
            && let Some(at) = kept.rfind('&')
            && !kept[at..].contains(';')
        {
            kept.truncate(at);
        }
        kept.push('…');
        kept
    }
}

fn is_unreserved(glyph: char) -> bool {
    glyph.is_ascii_alphanumeric() || "-._~".contains(glyph)
}

/// Control characters would move a cursor, end a header or turn the reading direction round.
fn harmless(glyph: char) -> Option<char> {
    match glyph {
        '\n' | '\t' => Some(glyph),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => None,
        '\u{2028}' | '\u{2029}' => Some('\n'),
        glyph if glyph.is_control() => Some(' '),
        glyph => Some(glyph),
    }
}

/// `text` in one line of at most `bytes_max` bytes, harmless anywhere.
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    let mut line = String::new();
    for glyph in text.chars().filter_map(harmless) {
        if line.len() > bytes_max {
            break;
        }
        if !glyph.is_whitespace() {
            line.push(glyph);
        } else if !line.is_empty() && !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line.truncate(line.trim_end().len());
    if line.len() > bytes_max {
        let mut end = bytes_max.saturating_sub('…'.len_utf8());
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_become_markup() {
        let hostile = "<!channel> & \"<b>'\u{202e}\u{7}x";
        assert_eq!(Sink::Slack.escape(hostile), "&lt;!channel&gt; &amp; \"&lt;b&gt;' x");
        assert_eq!(Sink::Html.escape(hostile), "&lt;!channel&gt; &amp; &quot;&lt;b&gt;&#39; x");
        assert_eq!(Sink::Plain.escape(hostile), "<!channel> & \"<b>' x");
        assert_eq!(Sink::Url.escape("a/b?c=é&d"), "a%2Fb%3Fc%3D%C3%A9%26d");
    }

    #[test]
    fn a_cut_leaves_whole_characters_and_whole_entities() {
        assert_eq!(Sink::Slack.cut("ab&amp;cd", 9), "ab&amp;cd");
        for most in 4..=8 {
            let cut = Sink::Slack.cut("ab&amp;cdefgh", most);
            assert!(cut.chars().count() <= most, "{cut}");
            assert!(!cut.contains('&') || cut.contains("&amp;"), "{cut}");
        }
        assert_eq!(Sink::Plain.cut("ééééé", 3), "éé…");
        assert_eq!(one_line("a\r\n b\u{0}c", 100), "a b c");
        assert_eq!(one_line(&"é".repeat(100), 10), "ééé…");
    }
}
