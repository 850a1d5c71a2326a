//! What base64, quoted-printable and encoded words stand for; each in one pass, never more than is
//! wanted, and tolerant: what is broken gives what can be had.

use super::charset;

/// Encoded words of one header that are decoded; the rest stays as it is.
const ENCODED_WORDS_MAX: usize = 1_000;
/// Bytes of the name of a charset.
const CHARSET_BYTES_MAX: usize = 45;

/// Decoded bytes, and whether there were more than wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    pub(super) is_cut: bool,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Plain,
    Base64,
    Quoted,
}

impl Coding {
    /// From the value of `Content-Transfer-Encoding`.
    pub(super) fn named(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "base64" => Self::Base64,
            "quoted-printable" => Self::Quoted,
            _ => Self::Plain,
        }
    }

    /// At most `most` bytes of what `text` stands for.
    pub(super) fn decode(self, text: &[u8], most: usize) -> Decoded {
        match self {
            Self::Plain => {
                Decoded { bytes: text[..text.len().min(most)].to_vec(), is_cut: text.len() > most }
            }
            Self::Base64 => base64(text, most),
            Self::Quoted => quoted(text, most),
        }
    }
}

impl Coding {
    /// About the last `most` bytes of what `text` stands for, from the begin of a line on; nothing if
    /// no line begins there. Only the end of `text` is decoded.
    pub(super) fn tail(self, text: &[u8], most: usize) -> Vec<u8> {
        // What is written takes at least as much room as what it stands for.
        let from = text.len().saturating_sub(most);
        let from = if self == Self::Base64 { group_of_base64(text, from) } else { from };
        // The first line may begin within an encoded byte, and is left out.
        let decoded = self.decode(&text[from..], most);
        let line = decoded.bytes.iter().position(|it| *it == b'\n');
        line.map(|at| decoded.bytes[at + 1..].to_vec()).unwrap_or_default()
    }
}

/// The first place from `from` on at which four letters begin that belong together.
fn group_of_base64(text: &[u8], from: usize) -> usize {
    let mut held = 0;
    for (at, letter) in text.iter().enumerate() {
        if held == 0 && at >= from {
            return at;
        }
        match (*letter, value_of_base64(*letter)) {
            (b'=', _) => held = 0,
            (_, Some(_)) => held = (held + 1) % 4,
            _ => {}
        }
    }
    text.len()
}

fn value_of_base64(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

/// Letters that do not belong there are passed over; `=` ends a group, so that several texts
/// written one behind the other are read as one.
fn base64(text: &[u8], most: usize) -> Decoded {
    let mut out = Decoded::default();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for &letter in text {
        if letter == b'=' {
            (bits, held) = (0, 0);
            continue;
        }
        let Some(value) = value_of_base64(letter) else { continue };
        held = (held << 6 | value) & 0xff_ffff;
        bits += 6;
        if bits < 8 {
            continue;
        }
        if out.bytes.len() == most {
            out.is_cut = true;
            return out;
        }
        bits -= 8;
        out.bytes.push((held >> bits & 0xff) as u8);
    }
    out
}

fn quoted(text: &[u8], most: usize) -> Decoded {
    let mut out = Decoded::default();
    let mut spaces = 0;
    let mut at = 0;
    while at < text.len() {
        if out.bytes.len() >= most {
            out.is_cut = true;
            break;
        }
        let (byte, step) = match &text[at..] {
            [b'=', b'\r', b'\n', ..] => (None, 3),
            [b'=', b'\n', ..] => (None, 2),
            [b'=', high, low, ..] => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => (Some(high << 4 | low), 3),
                None => (Some(b'='), 1),
            },
            [first, ..] => (Some(*first), 1),
            [] => break,
        };
        at += step;
        let Some(byte) = byte else {
            spaces = 0;
            continue;
        };
        // Space at the end of a line was put there by the way; lines end by `\n` alone.
        if step == 1 && byte == b'\n' {
            let returns = usize::from(out.bytes.last() == Some(&b'\r'));
            let keep = out.bytes.len() - returns - spaces;
            out.bytes.truncate(keep);
            spaces = 0;
        } else if step == 1 && matches!(byte, b' ' | b'\t') {
            spaces += 1;
        } else if byte != b'\r' {
            spaces = 0;
        }
        out.bytes.push(byte);
    }
    out
}

pub(super) fn hex(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|it| u8::try_from(it).ok())
}

/// The text of a header, with its encoded words decoded. Neighbours of one charset are joined
/// before they are decoded: senders cut characters in two.
pub(super) fn words(value: &[u8]) -> String {
    let mut out = String::new();
    let mut pending: Option<(String, Vec<u8>)> = None;
    let mut ends = Ends { text: value, found: 0, is_over: false };
    let mut at = 0;
    let mut plain = 0;
    let mut left = ENCODED_WORDS_MAX;
    while let Some(begin) = next_begin(value, at) {
        let word = if left > 0 { word(value, begin, &mut ends) } else { None };
        let Some(word) = word else {
            at = begin + 2;
            continue;
        };
        left -= 1;
        let between = &value[plain..begin];
        let is_next = between.iter().all(u8::is_ascii_whitespace) && pending.is_some();
        match &mut pending {
            Some((charset, bytes)) if is_next && charset.eq_ignore_ascii_case(&word.charset) => {
                bytes.extend_from_slice(&word.bytes);
            }
            _ => {
                flush(&mut out, &mut pending);
                if !is_next {
                    out.push_str(&charset::decode(between, None));
                }
                pending = Some((word.charset, word.bytes));
            }
        }
        at = word.end;
        plain = word.end;
    }
    flush(&mut out, &mut pending);
    out.push_str(&charset::decode(&value[plain..], None));
    out
}

fn flush(out: &mut String, pending: &mut Option<(String, Vec<u8>)>) {
    if let Some((label, bytes)) = pending.take() {
        out.push_str(&charset::decode(&bytes, Some(&label)));
    }
}

fn next_begin(value: &[u8], from: usize) -> Option<usize> {
    value.get(from..)?.windows(2).position(|it| it == b"=?").map(|it| it + from)
}

struct Word {
    charset: String,
    bytes: Vec<u8>,
    end: usize,
}

/// `=?charset?B?text?=` at `begin`.
fn word(value: &[u8], begin: usize, ends: &mut Ends<'_>) -> Option<Word> {
    let from = begin + 2;
    let window = &value[from..value.len().min(from + CHARSET_BYTES_MAX + 1)];
    let mark = window.iter().position(|it| *it == b'?')?;
    // A language may follow the charset: `utf-8*de`.
    let charset = window[..mark].split(|it| *it == b'*').next().unwrap_or_default();
    let [how, b'?', ..] = value.get(from + mark + 1..)? else { return None };
    let text = from + mark + 3;
    let end = ends.at_or_after(text)?;
    let coded = &value[text..end];
    let bytes = match how {
        b'B' | b'b' => base64(coded, usize::MAX).bytes,
        b'Q' | b'q' => underscored(coded),
        _ => return None,
    };
    Some(Word { charset: String::from_utf8_lossy(charset).into_owned(), bytes, end: end + 2 })
}

fn underscored(coded: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = coded.iter().map(|it| if *it == b'_' { b' ' } else { *it }).collect();
    quoted(&spaced, usize::MAX).bytes
}

/// Finds `?=`, asked for growing places: so all asking together is one pass.
struct Ends<'a> {
    text: &'a [u8],
    found: usize,
    is_over: bool,
}

impl Ends<'_> {
    fn at_or_after(&mut self, place: usize) -> Option<usize> {
        if self.is_over {
            return None;
        }
        if self.found >= place && self.found > 0 {
            return Some(self.found);
        }
        let next = self.text.get(place..)?.windows(2).position(|it| it == b"?=");
        match next {
            Some(at) => self.found = at + place,
            None => self.is_over = true,
        }
        next.map(|it| it + place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_far_as_it_goes() {
        for (text, wanted) in [
            ("aGVsbG8=", "hello"),
            ("aGVs\r\nbG8=", "hello"),
            ("aGVsbG8", "hello"),
            ("aGVsbG", "hell"),
            ("aGVs!!bG8=", "hello"),
            ("aGk=aGk=", "hihi"),
            ("", ""),
            ("=", ""),
            ("A", ""),
        ] {
            assert_eq!(base64(text.as_bytes(), 100).bytes, wanted.as_bytes(), "{text}");
        }
        let cut = base64(b"aGVsbG8=", 2);
        assert_eq!((cut.bytes.as_slice(), cut.is_cut), (b"he".as_slice(), true));
        assert!(!base64(b"aGVsbG8=", 5).is_cut);
    }

    #[test]
    fn quoted_printable_is_read_as_far_as_it_goes() {
        for (text, wanted) in [
            ("caf=C3=A9", "caf\u{e9}"),
            ("long =\r\nline", "long line"),
            ("long=\nline", "longline"),
            ("space \t\r\nbehind", "space\nbehind"),
            ("line\r\nends", "line\nends"),
            ("kept=20\r\n", "kept \n"),
            ("a=b", "a=b"),
            ("a=", "a="),
            ("a=3", "a=3"),
            ("50=25", "50%"),
        ] {
            assert_eq!(quoted(text.as_bytes(), 100).bytes, wanted.as_bytes(), "{text}");
        }
        let cut = quoted(b"=41=42=43", 2);
        assert_eq!((cut.bytes.as_slice(), cut.is_cut), (b"AB".as_slice(), true));
    }

    #[test]
    fn the_end_of_a_text_is_read_from_the_begin_of_a_line() {
        let coded = "bGluZSBvbmUKbGluZSB0d28KbGluZSB0aHJlZQo=";
        assert_eq!(base64(coded.as_bytes(), 100).bytes, b"line one\nline two\nline three\n");
        for (coding, text) in [
            (Coding::Plain, "line one\nline two\nline three\n"),
            (Coding::Quoted, "line=20one\nline=20two\nline three\n"),
            (Coding::Base64, coded),
        ] {
            for most in 12..19 {
                let tail = coding.tail(text.as_bytes(), most);
                let tail = std::str::from_utf8(&tail).unwrap();
                assert!("line two\nline three\n".ends_with(tail), "{coding:?} {most}: {tail:?}");
            }
            let most = if coding == Coding::Base64 { 24 } else { 16 };
            assert_eq!(coding.tail(text.as_bytes(), most), b"line three\n", "{coding:?}");
        }
        assert!(Coding::Plain.tail(b"no line begins here", 5).is_empty());
        assert!(Coding::Base64.tail(b"!!!!====", 5).is_empty());
    }

    #[test]
    fn encoded_words_are_joined_as_they_were_meant() {
        for (value, wanted) in [
            ("plain", "plain"),
            ("=?utf-8?q?Backup_ok?=", "Backup ok"),
            ("=?UTF-8?B?w7xiZXI=?= all", "\u{fc}ber all"),
            ("a =?utf-8?q?b?= c", "a b c"),
            ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
            // A character cut in two.
            ("=?utf-8?b?4oI=?= =?utf-8?b?rA==?=", "\u{20ac}"),
            ("=?iso-8859-1?q?=E9?= =?utf-8?q?=C3=A9?=", "\u{e9}\u{e9}"),
            ("=?utf-8*de?q?x?=", "x"),
            ("=?windows-1252?q?=80?=", "\u{20ac}"),
            // What is none stays.
            ("=?utf-8?x?y?=", "=?utf-8?x?y?="),
            ("=?utf-8?q?open", "=?utf-8?q?open"),
            ("=?", "=?"),
            ("=??q?x?=", "x"),
        ] {
            assert_eq!(words(value.as_bytes()), wanted, "{value}");
        }
    }

    #[test]
    fn a_bomb_of_words_ends() {
        let open = "=?utf-8?q?x ".repeat(20_000);
        assert_eq!(words(open.as_bytes()), open);
        let many = "=?utf-8?q?x?= ".repeat(20_000);
        let decoded = words(many.as_bytes());
        assert!(decoded.starts_with(&"x".repeat(ENCODED_WORDS_MAX)));
        assert!(decoded.contains("=?utf-8?q?x?="));
    }
}
