//! Headers: their names and values, and the few shapes of values that matter.

use mail_parser::DateTime;
use model::Moment;

use super::decode::{hex, words};

/// Bytes of the name of a header.
const NAME_BYTES_MAX: usize = 100;
/// Bytes of one value that are read.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a date.
const DATE_BYTES_MAX: usize = 256;
/// Parameters of one header (`; name=value`).
const PARAMETERS_MAX: usize = 64;
/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 320;

/// A header as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    /// Folded still.
    value: &'a [u8],
}

impl Field<'_> {
    /// Unfolded bytes, and whether there are more than are read.
    fn unfolded(&self) -> (Vec<u8>, bool) {
        let cut = &self.value[..self.value.len().min(VALUE_BYTES_MAX)];
        let flat: Vec<u8> =
            cut.iter().copied().filter(|it| !matches!(it, b'\r' | b'\n' | 0)).collect();
        (flat.trim_ascii().to_vec(), self.value.len() > VALUE_BYTES_MAX)
    }
}

/// The headers of a mail or of a part.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'a> {
    all: Vec<Field<'a>>,
    /// There were more than are read.
    pub(super) is_cut: bool,
}

impl<'a> Fields<'a> {
    /// Reads a block of headers; at most `most` of them.
    pub(super) fn parse(block: &'a [u8], most: usize) -> Self {
        let mut fields = Self::default();
        let mut begin = 0;
        let mut open: Option<(usize, usize)> = None;
        while begin < block.len() {
            let end = line_end(block, begin);
            let line = &block[begin..end];
            match open {
                Some((from, _)) if matches!(line.first(), Some(b' ' | b'\t')) => {
                    open = Some((from, end));
                }
                _ => {
                    fields.close(block, open, most);
                    open = Some((begin, end));
                }
            }
            begin = end;
        }
        fields.close(block, open, most);
        fields
    }

    fn close(&mut self, block: &'a [u8], open: Option<(usize, usize)>, most: usize) {
        let Some((from, to)) = open else { return };
        let whole = &block[from..to];
        let window = &whole[..whole.len().min(NAME_BYTES_MAX + 1)];
        let Some(colon) = window.iter().position(|it| *it == b':') else { return };
        let name = whole[..colon].trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return;
        }
        if self.all.len() == most {
            self.is_cut = true;
            return;
        }
        self.all.push(Field { name, value: &whole[colon + 1..] });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All headers, names in small letters, values decoded; and whether one was too long.
    pub(super) fn decoded(&self) -> (Vec<(String, String)>, bool) {
        let mut is_cut = false;
        let decode = |it: &Field<'_>| {
            let (value, cut) = it.unfolded();
            is_cut |= cut;
            (String::from_utf8_lossy(it.name).to_ascii_lowercase(), words(&value))
        };
        let all = self.all.iter().map(decode).collect();
        (all, is_cut)
    }

    /// Values of all headers called `name`, unfolded, not decoded.
    pub(super) fn raw<'f>(&'f self, name: &'f str) -> impl Iterator<Item = Vec<u8>> + 'f {
        let of = move |it: &&Field<'a>| it.name.eq_ignore_ascii_case(name.as_bytes());
        self.all.iter().filter(of).map(|it| it.unfolded().0)
    }

    /// The first header called `name`.
    pub(super) fn first(&self, name: &str) -> Option<String> {
        self.raw(name).next().map(|it| words(&it))
    }

    /// A header with parameters.
    pub(super) fn shaped(&self, name: &str) -> Option<Shaped> {
        self.raw(name).next().map(|it| Shaped::parse(&it))
    }
}

/// Where the line that begins at `begin` ends, its line feed included.
pub(super) fn line_end(text: &[u8], begin: usize) -> usize {
    text[begin..].iter().position(|it| *it == b'\n').map_or(text.len(), |it| begin + it + 1)
}

/// `text/plain; charset=utf-8`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shaped {
    /// In small letters.
    pub(super) value: String,
    parameters: Vec<(String, String)>,
}

impl Shaped {
    fn parse(text: &[u8]) -> Self {
        let mut pieces = divided(text, b';').into_iter();
        let value = pieces.next().unwrap_or_default();
        let value = String::from_utf8_lossy(value.trim_ascii()).to_ascii_lowercase();
        let mut found: Vec<(String, Option<u32>, Vec<u8>)> = Vec::new();
        for piece in pieces.take(PARAMETERS_MAX) {
            let Some(at) = piece.iter().position(|it| *it == b'=') else { continue };
            let name = String::from_utf8_lossy(piece[..at].trim_ascii()).to_ascii_lowercase();
            let value = unquoted(piece[at + 1..].trim_ascii());
            let (name, place, value) = continued(&name, value);
            found.push((name, place, value));
        }
        // Parts of one value come in any order.
        found.sort_by_key(|it| it.1);
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut joined: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, place, value) in found {
            match joined.iter_mut().find(|it| it.0 == name) {
                Some(it) if place.is_some() => it.1.extend(value),
                Some(_) => {}
                None => joined.push((name, value)),
            }
        }
        parameters.extend(joined.into_iter().map(|(name, value)| (name, words(&value))));
        Self { value, parameters }
    }

    /// The parameter called `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|it| it.0 == name).map(|it| &*it.1)
    }
}

/// `filename*0*=utf-8''caf%C3%A9`: the name, the place in a row, and the bytes.
fn continued(name: &str, value: Vec<u8>) -> (String, Option<u32>, Vec<u8>) {
    let Some((name, rest)) = name.split_once('*') else { return (name.to_owned(), None, value) };
    let is_coded = rest.is_empty() || rest.ends_with('*');
    let place = rest.trim_end_matches('*').parse().ok();
    if !is_coded {
        return (name.to_owned(), place, value);
    }
    // The first part begins with charset and language.
    let begins = place.is_none_or(|it: u32| it == 0);
    let text = match value.splitn(3, |it| *it == b'\'').collect::<Vec<_>>().as_slice() {
        [_, _, text] if begins => text.to_vec(),
        _ => value,
    };
    (name.to_owned(), place, percent(&text))
}

fn percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let step = match &text[at..] {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(a, b)| a << 4 | b),
            _ => None,
        };
        out.push(step.unwrap_or(text[at]));
        at += if step.is_some() { 3 } else { 1 };
    }
    out
}

fn unquoted(text: &[u8]) -> Vec<u8> {
    let [b'"', inner @ ..] = text else { return text.to_vec() };
    let mut out = Vec::with_capacity(inner.len());
    let mut is_escaped = false;
    for &it in inner {
        match it {
            b'"' if !is_escaped => break,
            b'\\' if !is_escaped => is_escaped = true,
            it => {
                out.push(it);
                is_escaped = false;
            }
        }
    }
    out
}

/// Divides at `mark` where it stands neither in quotes nor in brackets nor in a comment.
fn divided(text: &[u8], mark: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let (mut begin, mut quoted, mut escaped, mut angle) = (0, false, false, false);
    for (at, &it) in text.iter().enumerate() {
        match it {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => angle = true,
            b'>' if !quoted => angle = false,
            it if it == mark && !quoted && !angle => {
                pieces.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[begin..]);
    pieces
}

/// An address and the name beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// In small letters.
    pub(super) address: String,
    pub(super) name: String,
}

/// The addresses of a header; at most `most`. Read before encoded words are decoded, so that no
/// name can pass for an address.
pub(super) fn addresses(value: &[u8], most: usize) -> Vec<Address> {
    let pieces = divided(value, b',');
    let pieces = pieces.into_iter().flat_map(|it| divided(it, b';'));
    pieces.filter_map(address).take(most).collect()
}

fn address(piece: &[u8]) -> Option<Address> {
    let end = piece.iter().rposition(|it| *it == b'>');
    let begin = end.and_then(|end| piece[..end].iter().rposition(|it| *it == b'<'));
    let (name, found) = match begin.zip(end) {
        Some((begin, end)) => (&piece[..begin], &piece[begin + 1..end]),
        None => (&[] as &[u8], without_comment(piece)),
    };
    // A group has its name before a colon.
    let found = match found.iter().position(|it| *it == b':') {
        Some(colon) => &found[colon + 1..],
        None => found,
    };
    let found = found.trim_ascii();
    let fits = found.len() <= ADDRESS_BYTES_MAX
        && !found.iter().any(|it| it.is_ascii_whitespace() || it.is_ascii_control())
        && found.contains(&b'@');
    if !fits {
        return None;
    }
    let address = String::from_utf8_lossy(found).to_lowercase();
    let name = words(&unquoted(name.trim_ascii()));
    Some(Address { address, name })
}

fn without_comment(piece: &[u8]) -> &[u8] {
    piece.split(|it| *it == b'(').next().unwrap_or_default()
}

/// A date as mails write it.
pub(super) fn date(value: &[u8]) -> Option<Moment> {
    if value.len() > DATE_BYTES_MAX {
        return None;
    }
    let date = DateTime::parse_rfc822(&format!("{}\n", String::from_utf8_lossy(value)))?;
    // The parser takes any figures for a date.
    if !date.is_valid() {
        return None;
    }
    u64::try_from(date.to_timestamp()).ok().map(Moment::from_secs)
}

/// The date at the end of a `Received:`.
pub(super) fn received_at(value: &[u8]) -> Option<Moment> {
    let at = value.iter().rposition(|it| *it == b';')?;
    date(value[at + 1..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_unfolded_and_what_is_none_is_passed_over() {
        let block =
            b"From root Mon Sep 21\r\nSubject: one\r\n two\r\nBad line\r\nX-A:b\nX-Empty:\n";
        let fields = Fields::parse(block, 10);
        let (all, cut) = fields.decoded();
        let names: Vec<_> = all.iter().map(|it| (&*it.0, &*it.1)).collect();
        assert_eq!(names, [("subject", "one two"), ("x-a", "b"), ("x-empty", "")]);
        assert!(!cut && !fields.is_cut);
        assert!(Fields::parse(block, 2).is_cut);
        assert_eq!(Fields::parse(block, 2).decoded().0.len(), 2);
    }

    #[test]
    fn parameters_are_read_in_every_shape() {
        let shaped = |text: &str| Shaped::parse(text.as_bytes());
        let it = shaped("Text/Plain; charset=\"utf-8\"; Name=a b.txt ; x");
        assert_eq!(it.value, "text/plain");
        assert_eq!(it.get("charset"), Some("utf-8"));
        assert_eq!(it.get("name"), Some("a b.txt"));
        for text in [
            "attachment; filename*=utf-8''caf%C3%A9.txt",
            "attachment; filename*1*=%A9.txt; filename*0*=utf-8''caf%C3",
            "attachment; filename=\"=?utf-8?q?caf=C3=A9.txt?=\"",
            "attachment; filename=\"caf\u{e9}.txt\"",
        ] {
            assert_eq!(shaped(text).get("filename"), Some("caf\u{e9}.txt"), "{text}");
        }
        let it = shaped("multipart/mixed; boundary=\"a;b\\\"c\"");
        assert_eq!(it.get("boundary"), Some("a;b\"c"));
        assert_eq!(shaped("").value, "");
    }

    #[test]
    fn addresses_are_found_and_names_never_pass_for_them() {
        let all = |text: &str| {
            let found = addresses(text.as_bytes(), 10);
            found.into_iter().map(|it| (it.address, it.name)).collect::<Vec<_>>()
        };
        let own = |address: &str, name: &str| (address.to_owned(), name.to_owned());
        assert_eq!(all("a@b.example"), [own("a@b.example", "")]);
        assert_eq!(
            all("\"Doe, J\" <J@B.example>, c@d.example (c)"),
            [own("j@b.example", "Doe, J"), own("c@d.example", "")]
        );
        assert_eq!(
            all("=?utf-8?q?evil=40x=2Eexample=2C?= <a@b.example>"),
            [own("a@b.example", "evil@x.example,")]
        );
        assert_eq!(all("\"x@evil.example\" <a@b.example>"), [own("a@b.example", "x@evil.example")]);
        assert_eq!(all("Group: a@b.example, c@d.example;").len(), 2);
        for text in ["undisclosed-recipients:;", "", "nobody", "<>", "a b@c", "@@ @"] {
            assert!(all(text).iter().all(|it| !it.0.contains(' ')), "{text}");
        }
        assert!(all("undisclosed-recipients:;").is_empty());
        assert_eq!(addresses(b"a@b, c@d, e@f", 2).len(), 2);
    }

    #[test]
    fn dates_are_read_and_nonsense_is_none() {
        let secs = |text: &str| date(text.as_bytes()).map(|it| it.as_nanos() / 1_000_000_000);
        assert_eq!(secs("Mon, 21 Sep 2026 03:12:44 +0200"), Some(1_789_953_164));
        assert_eq!(secs("21 Sep 2026 01:12:44 GMT"), Some(1_789_953_164));
        for text in ["", "soon", "Mon, 99 Sep 2026 03:12:44 +0200", "0 0 0 0 0 0", "1;2;3"] {
            assert_eq!(secs(text), None, "{text}");
        }
        assert_eq!(date(&[b'1'; 1000]), None);
        let received = b"from a ([192.0.2.1]) by b; Mon, 21 Sep 2026 03:12:44 +0200 (CEST)";
        assert_eq!(
            received_at(received).map(|it| it.as_nanos() / 1_000_000_000),
            Some(1_789_953_164)
        );
        assert_eq!(received_at(b"from a by b"), None);
    }
}
