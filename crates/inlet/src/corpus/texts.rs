//! The smaller readers: HTML, archives, and the words of figures and dates.

use std::time::Duration;

use model::{DateOrder, Moment};

use super::examples;
use crate::{Habits, html as pages, mime, packed, words as figures};

/// Bytes of text that are let out of an archive.
const UNPACKED_BYTES: usize = 64 << 10;
const NOW: Moment = Moment::from_secs(1_790_748_000);

/// A page: its text has no tags that were not written out, and is hardly longer than the page.
///
/// # Panics
/// When something does not hold.
pub fn html(input: &[u8]) {
    let page = String::from_utf8_lossy(input);
    let text = pages::text(&page);
    assert!(text.len() <= 4 * page.len() + 16, "{} bytes of {}", text.len(), page.len());
    assert!(!text.ends_with(char::is_whitespace), "spaces at the end");
}

/// The bodies of the examples that are pages, and some oddities.
pub(super) fn html_seeds() -> Vec<Vec<u8>> {
    let of_mail = |raw: Vec<u8>| {
        let at = raw.windows(5).position(|it| it.eq_ignore_ascii_case(b"<html"))?;
        Some(raw[at..].to_vec())
    };
    let mut all: Vec<Vec<u8>> = examples().into_iter().filter_map(|it| of_mail(it.1)).collect();
    for odd in [
        "<table><tr><td>Job<td>ok</tr><tr><th>a</th><td><table><tr><td>b</table></table>",
        "<pre>a\tb\n</pre><br><p>a&nbsp;&amp;&#x41;&#65;&#xd800;&unknown;&lt;b&gt;",
        "<!-- a --><style>a{}</style><script>a<b</script><![CDATA[a]]><?a?><a href='>'>b</a>",
        "<title>a</title><div style=\"display:none\">b</div><li>c</li><hr><",
    ] {
        all.push(odd.as_bytes().to_vec());
    }
    all
}

/// An archive, by itself and as what a mail carries.
///
/// # Panics
/// When something does not hold.
pub fn zip(input: &[u8]) {
    let unpacked = packed::unpack(input, UNPACKED_BYTES);
    let bytes: usize = unpacked.files.iter().filter_map(|it| it.bytes.as_ref()).map(Vec::len).sum();
    assert!(bytes <= UNPACKED_BYTES, "{bytes} bytes come out");
    assert!(unpacked.files.len() <= packed::PACKED_FILES_MAX, "files without number");
    let head = b"From: a@acme.example\r\nContent-Type: application/zip; name=a.zip\r\n\
        Content-Transfer-Encoding: binary\r\n\r\n";
    let letter = mime::letter(&[head, input].concat());
    assert!(letter.attachments.len() <= packed::PACKED_FILES_MAX + 1, "files without number");
}

/// Archives, whole and broken.
pub(super) fn zip_seeds() -> Vec<Vec<u8>> {
    // `a.txt` with `ok` and a line feed, stored.
    let stored = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\x47\xdd\xdc\xd7\x03\0\0\0\x03\0\0\0\x05\0\0\0a.txtok\n\
        PK\x01\x02\x14\x03\x14\0\0\0\0\0\0\0\0\0\x47\xdd\xdc\xd7\x03\0\0\0\x03\0\0\0\x05\0\0\0\0\0\0\0\
        \0\0\0\0\0\0\0\0\0\0a.txtPK\x05\x06\0\0\0\0\x01\0\x01\0\x33\0\0\0\x26\0\0\0\0\0";
    let of_mail = |raw: Vec<u8>| {
        let at = raw.windows(8).position(|it| it == b"UEsDBBQA")?;
        Some(raw[at..].to_vec())
    };
    let mut all: Vec<Vec<u8>> = examples().into_iter().filter_map(|it| of_mail(it.1)).collect();
    all.push(stored.to_vec());
    all.push(stored[..60].to_vec());
    all
}

/// A line as reports have them.
///
/// # Panics
/// When something does not hold.
pub fn words(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    std::hint::black_box((figures::size(&text), figures::duration(&text)));
    assert!(figures::number(&text).is_none_or(f64::is_finite), "a number that is none");
    for order in [DateOrder::DayFirst, DateOrder::MonthFirst] {
        let habits = Habits { zone: "Europe/Rome".to_owned(), dates: order, now: NOW };
        if let Some(at) = figures::moment(&text, &habits) {
            // A report has whole seconds, what it began may have more.
            let again = figures::moment_after(&text, at, &habits);
            let is_behind = again.is_none_or(|it| it.after(Duration::from_secs(1)) >= at);
            assert!(is_behind, "a time behind another lies before it");
        }
    }
}

/// Figures and dates as products write them.
pub(super) fn word_seeds() -> Vec<Vec<u8>> {
    let all = [
        "12,2 GB",
        "1.5 TiB",
        "734003200",
        "1'234'567.8 KB",
        "1h 2m 3s",
        "01:02:03",
        "2 days, 3:04:05.678",
        "1.234,5",
        "marted\u{ec} 29 settembre 2026 23:30:12",
        "Tuesday, September 29, 2026 11:30:12 PM",
        "Sep 29th, 2026 at 23:30:12",
        "Dienstag, 29. September 2026 23:30:12",
        "29 de septiembre de 2026 11:30:12 p. m.",
        "2026-09-29T23:30:12.123456+02:00",
        "2026-09-29-23-30-12",
        "29/09/2026 23:30:12 CEST",
        "9/29/26 11:30:12 PM",
        "25/10/2026 02:30:00",
        "2026-09-29 23:30:12 (UTC+02:00)",
        "23:30:12",
    ];
    all.map(|it| it.as_bytes().to_vec()).to_vec()
}
