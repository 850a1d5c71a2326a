//! Bytes to text. Labels lie: what is valid UTF-8 is UTF-8 whatever a label of single bytes says,
//! what begins with a mark is what the mark says, and without a label the bytes decide.

use mail_parser::decoders::charsets::map::charset_decoder;

/// Bytes that are looked at to see whether a text without a label is UTF-16.
const SAMPLE_BYTES: usize = 256;

/// The text that `bytes` stand for. Never fails: what cannot be read becomes U+FFFD.
pub(super) fn decode(bytes: &[u8], label: Option<&str>) -> String {
    if let Some(text) = marked(bytes) {
        return text;
    }
    let label = label.map(|it| it.trim().trim_matches('"').to_ascii_lowercase());
    match label.as_deref().map(kind) {
        Some(Kind::Wide { big }) if !looks_narrow(bytes) => wide(bytes, big),
        Some(Kind::Single(label)) if std::str::from_utf8(bytes).is_err() => named(bytes, label),
        Some(Kind::Multi(label)) => {
            let text = named(bytes, label);
            match std::str::from_utf8(bytes) {
                Ok(own) if text.contains(char::REPLACEMENT_CHARACTER) => own.to_owned(),
                _ => text,
            }
        }
        _ => guessed(bytes),
    }
}

/// Can such a text be cut between two lines, and each piece be read by itself?
pub(super) fn can_be_cut(bytes: &[u8], label: Option<&str>) -> bool {
    let label = label.map(|it| it.trim().trim_matches('"').to_ascii_lowercase());
    let is_marked = matches!(bytes, [0xef, 0xbb, 0xbf, ..] | [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    !is_marked
        && !bytes.contains(&0)
        && matches!(label.as_deref().map(kind), None | Some(Kind::Single(_) | Kind::Unknown))
}

enum Kind<'a> {
    Wide { big: bool },
    Single(&'a str),
    Multi(&'a str),
    Unknown,
}

fn kind(label: &str) -> Kind<'_> {
    let plain: String = label.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.as_str() {
        "utf16le" | "utf16" | "ucs2" | "unicode" | "csutf16" | "csutf16le" | "csunicode" => {
            Kind::Wide { big: false }
        }
        "utf16be" | "csutf16be" => Kind::Wide { big: true },
        // UTF-7 hides text from whoever looks at the bytes: it is taken for what it looks like.
        "utf8" | "usascii" | "ascii" | "utf7" | "unicode11utf7" | "csutf7" | "" => Kind::Unknown,
        it if ["gb", "big5", "shift", "sjis", "euc", "iso2022", "ks", "ms932", "windows31j"]
            .iter()
            .any(|begin| it.starts_with(begin)) =>
        {
            Kind::Multi(label)
        }
        _ => Kind::Single(label),
    }
}

fn named(bytes: &[u8], label: &str) -> String {
    match charset_decoder(label.as_bytes()) {
        Some(decoder) => decoder(bytes),
        None => guessed(bytes),
    }
}

/// A text that begins with a byte order mark.
fn marked(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Some(guessed(rest)),
        [0xff, 0xfe, rest @ ..] => Some(wide(rest, false)),
        [0xfe, 0xff, rest @ ..] => Some(wide(rest, true)),
        _ => None,
    }
}

fn guessed(bytes: &[u8]) -> String {
    if let Some(big) = looks_wide(bytes) {
        return wide(bytes, big);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // A text that was cut within a character is still one.
        Err(error) if error.error_len().is_none() && !bytes[..error.valid_up_to()].is_ascii() => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        Err(_) => named_1252(bytes),
    }
}

fn named_1252(bytes: &[u8]) -> String {
    match charset_decoder(b"windows-1252") {
        Some(decoder) => decoder(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn wide(bytes: &[u8], big: bool) -> String {
    let unit = |it: &[u8]| match *it {
        [a, b] if big => u16::from_be_bytes([a, b]),
        [a, b] => u16::from_le_bytes([a, b]),
        _ => 0xfffd,
    };
    let units = bytes.chunks(2).map(unit);
    char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Latin text in UTF-16 has a zero in every other byte.
fn looks_wide(bytes: &[u8]) -> Option<bool> {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES) & !1];
    if sample.len() < 4 {
        return None;
    }
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|it| **it == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), sample.len() / 2);
    if odd * 4 >= half * 3 && even * 8 < half {
        return Some(false);
    }
    (even * 4 >= half * 3 && odd * 8 < half).then_some(true)
}

/// It says UTF-16 and is none.
fn looks_narrow(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && bytes.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let bytes = |it: u16| if big { it.to_be_bytes() } else { it.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn texts_are_read_in_the_charset_that_they_are_in() {
        let table: &[(&[u8], Option<&str>, &str)] = &[
            (b"plain", None, "plain"),
            (b"caf\xc3\xa9", Some("utf-8"), "caf\u{e9}"),
            (b"caf\xc3\xa9", None, "caf\u{e9}"),
            (b"caf\xe9 \x80", Some("iso-8859-1"), "caf\u{e9} \u{20ac}"),
            (b"caf\xe9 \xa4", Some("ISO-8859-15"), "caf\u{e9} \u{20ac}"),
            (b"\x80 \x96", Some("windows-1252"), "\u{20ac} \u{2013}"),
            (b"sla\x9a\xe8i", Some("windows-1250"), "sla\u{161}\u{10d}i"),
            (b"\xcf\xf0\xe8", Some("windows-1251"), "\u{41f}\u{440}\u{438}"),
            (b"\xb1\xb8\xb7\xdd", Some("gb18030"), "\u{5907}\u{4efd}"),
            (b"\xb1\xb8\xb7\xdd", Some("gb2312"), "\u{5907}\u{4efd}"),
            (b"\x83o\x83b\x83N", Some("shift_jis"), "\u{30d0}\u{30c3}\u{30af}"),
            // Wrong labels.
            (b"caf\xc3\xa9", Some("iso-8859-1"), "caf\u{e9}"),
            (b"caf\xc3\xa9", Some("windows-1252"), "caf\u{e9}"),
            (b"caf\xe9 noir", Some("utf-8"), "caf\u{e9} noir"),
            (b"caf\xe9 noir", Some("us-ascii"), "caf\u{e9} noir"),
            (b"caf\xe9 noir", None, "caf\u{e9} noir"),
            (b"caf\xc3\xa9", Some("shift_jis"), "caf\u{ff83}\u{ff69}"),
            (b"all is well", Some("utf-16le"), "all is well"),
            (b"caf\xc3\xa9", Some("no-such-charset"), "caf\u{e9}"),
            (b"caf\xe9 noir", Some("no-such-charset"), "caf\u{e9} noir"),
            (b"+AGEAYg-", Some("utf-7"), "+AGEAYg-"),
            // Marks.
            (b"\xef\xbb\xbfcaf\xc3\xa9", Some("iso-8859-1"), "caf\u{e9}"),
            // Cut within a character.
            (b"caf\xc3\xa9 caf\xc3", Some("utf-8"), "caf\u{e9} caf\u{fffd}"),
            (b"", Some("utf-16le"), ""),
            (b"", None, ""),
        ];
        for (bytes, label, wanted) in table {
            assert_eq!(decode(bytes, *label), *wanted, "{bytes:?} {label:?}");
        }
    }

    #[test]
    fn utf_16_is_read_with_and_without_a_label() {
        let text = "Backup: caf\u{e9}, 12 GB";
        for big in [false, true] {
            let label = if big { "utf-16be" } else { "utf-16le" };
            assert_eq!(decode(&utf16(text, big), Some(label)), text);
            // As PowerShell writes files: a mark or nothing says so.
            assert_eq!(decode(&utf16(text, big), None), text);
            assert_eq!(decode(&utf16(text, big), Some("us-ascii")), text);
            let mut marked = utf16("\u{feff}", big);
            marked.extend(utf16(text, big));
            assert_eq!(decode(&marked, Some("utf-8")), text);
        }
        let mut odd = utf16("ab", false);
        odd.push(b'c');
        assert_eq!(decode(&odd, Some("utf-16le")), "ab\u{fffd}");
    }
}
