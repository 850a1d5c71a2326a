//! Mails that are made to break whoever reads them. Each says that all went well.

use std::{io::Write, sync::LazyLock};

use flate2::{Compression, Crc, write::DeflateEncoder};

use super::MailText;

/// What every mail says of its run; the rule of every job knows this line and no other.
pub(super) const WELL: &str = "Backup went well";
/// Bytes of the mail that is larger than any server takes.
const HUGE_BYTES: usize = 50 << 20;
/// Bytes of the mail that is as large as may just be taken.
const LARGE_BYTES: usize = 24 << 20;
const PARTS: usize = 10_000;
const DEPTH: usize = 2_000;
const HEADERS: usize = 100_000;
/// Bytes of a header without an end: folded, so that no single line is too long.
const HEADER_BYTES: usize = 8 << 20;
/// Bytes of a line without an end.
const LINE_BYTES: usize = 2 << 20;
/// Bytes that the archive says it holds.
const UNPACKED_BYTES: usize = 64 << 20;

/// A sort of bomb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bomb {
    /// Parts that are bounded by the boundary of what they lie in.
    Cyclic,
    /// Mails within mails within mails.
    Deep,
    /// 50 MB.
    Huge,
    /// 10,000 parts.
    Parts,
    /// Charsets that are none, bytes that are none of theirs, encodings that end within a character.
    Charsets,
    /// An archive that holds far more than it weighs.
    Zip,
    /// 100,000 headers.
    Headers,
    /// A header that goes on for megabytes.
    EndlessHeader,
    /// A line that goes on for megabytes.
    EndlessLine,
    /// As large as may be, and cannot be packed.
    Large,
}

impl Bomb {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Cyclic,
        Self::Deep,
        Self::Huge,
        Self::Parts,
        Self::Charsets,
        Self::Zip,
        Self::Headers,
        Self::EndlessHeader,
        Self::EndlessLine,
        Self::Large,
    ];

    /// Its text, with these headers before its own.
    #[must_use]
    pub fn text(self, head: &str) -> MailText {
        let begin = |rest: &str| format!("{head}{rest}").into_bytes();
        let subject = format!("Subject: {WELL}\r\n");
        match self {
            Self::Cyclic => cyclic(head),
            Self::Deep => deep(head),
            Self::Huge => MailText {
                head: begin(&format!("{subject}\r\n")),
                piece: lines(1 << 20),
                times: HUGE_BYTES >> 20,
                tail: Vec::new(),
            },
            Self::Parts => MailText {
                head: begin(&format!("{subject}Content-Type: multipart/mixed; boundary=p\r\n\r\n")),
                piece: b"--p\r\nContent-Type: text/plain\r\n\r\nx\r\n".to_vec(),
                times: PARTS,
                tail: b"--p--\r\n".to_vec(),
            },
            Self::Charsets => MailText::plain(charsets(head)),
            Self::Zip => MailText::plain(zip(head)),
            Self::Headers => MailText {
                head: begin(""),
                piece: b"X-Head: of many\r\n".to_vec(),
                times: HEADERS,
                tail: format!("{subject}\r\nwell\r\n").into_bytes(),
            },
            Self::EndlessHeader => MailText {
                head: begin("X-Endless: it begins\r\n"),
                piece: [b" ".as_slice(), &[b'x'; 70], b"\r\n"].concat(),
                times: HEADER_BYTES / 73,
                tail: format!("{subject}\r\nwell\r\n").into_bytes(),
            },
            Self::EndlessLine => MailText {
                head: begin(&format!("{subject}\r\n")),
                piece: vec![b'x'; 1 << 10],
                times: LINE_BYTES >> 10,
                tail: b"\r\n".to_vec(),
            },
            Self::Large => MailText {
                head: begin(&format!(
                    "{subject}Content-Type: multipart/mixed; boundary=p\r\n\r\n--p\r\n\r\nsee there\r\n\
                     --p\r\nContent-Type: text/plain; name=run.log\r\n\r\n"
                )),
                piece: noise(1 << 20),
                times: LARGE_BYTES >> 20,
                tail: b"--p--\r\n".to_vec(),
            },
        }
    }
}

/// Every part opens one more with the boundary of the first, in all of which only one is closed.
fn cyclic(head: &str) -> MailText {
    MailText {
        head: format!(
            "{head}Subject: {WELL}\r\nContent-Type: multipart/mixed; boundary=\"p\"\r\n\r\n"
        )
        .into_bytes(),
        piece: b"--p\r\nContent-Type: multipart/mixed; boundary=\"p\"\r\n\r\n--p\r\nContent-Type: \
                 message/rfc822\r\n\r\nContent-Type: multipart/alternative; boundary=\"p\"\r\n\r\n"
            .to_vec(),
        times: DEPTH,
        tail: b"--p--\r\n".to_vec(),
    }
}

fn deep(head: &str) -> MailText {
    let mut text =
        format!("{head}Subject: {WELL}\r\nContent-Type: multipart/mixed; boundary=d0\r\n\r\n");
    for depth in 1..DEPTH {
        text.push_str(&format!(
            "--d{}\r\nContent-Type: multipart/mixed; boundary=d{depth}\r\n\r\n",
            depth - 1
        ));
    }
    MailText::plain(text)
}

fn charsets(head: &str) -> Vec<u8> {
    let mut text = head.as_bytes().to_vec();
    text.extend_from_slice(b"Subject: =?x-none?b?QmFja3Vw/w=?= =?utf-8?q?=C3?= =?utf-16?b?2D?=");
    text.extend_from_slice(b" =?iso-2022-jp?b?GyRC?= =?\r\nContent-Type: multipart/mixed; ");
    text.extend_from_slice(b"boundary=c\r\n\r\n");
    for charset in ["utf-7", "utf-16", "utf-32le", "iso-2022-jp", "gb18030", "x-none", "hz\"\\", ""]
    {
        let part = format!("--c\r\nContent-Type: text/plain; charset={charset}\r\n\r\n");
        text.extend_from_slice(part.as_bytes());
        // Every byte but those that no mail may have.
        let odd = (1..=255_u8).filter(|it| !matches!(it, b'\r' | b'\n' | b'.'));
        text.extend(odd.chain(*b"\r\n+AGI-ackup \xff\xfe w\xc3\r\n\x1b$B went\r\n"));
    }
    text.extend_from_slice(b"--c--\r\n");
    text
}

/// An archive with one file of zeros, as it goes into a mail.
static ZEROS: LazyLock<String> = LazyLock::new(|| {
    let (mut packer, mut crc) = (DeflateEncoder::new(Vec::new(), Compression::best()), Crc::new());
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..UNPACKED_BYTES >> 20 {
        crc.update(&zeros);
        packer.write_all(&zeros).expect("writing into memory does not fail");
    }
    let packed = packer.finish().expect("writing into memory does not fail");
    base64(&archive("run.txt", &packed, crc.sum(), UNPACKED_BYTES))
});

fn zip(head: &str) -> Vec<u8> {
    let text = &*ZEROS;
    format!(
        "{head}Subject: {WELL}\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n--z\r\n\r\nsee \
         there\r\n--z\r\nContent-Type: application/zip; name=run.zip\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{text}--z--\r\n"
    )
    .into_bytes()
}

/// The least that is an archive: one file, its entry in the directory, and the directory's end.
fn archive(name: &str, packed: &[u8], crc: u32, bytes: usize) -> Vec<u8> {
    let small = |it: usize| (it as u16).to_le_bytes();
    let large = |it: usize| (it as u32).to_le_bytes();
    // Version 2.0, no flags, deflate, no time.
    let mut about = [20, 0, 0, 0, 8, 0, 0, 0, 0, 0].to_vec();
    about.extend(crc.to_le_bytes());
    about.extend(large(packed.len()));
    about.extend(large(bytes));
    about.extend(small(name.len()));
    about.extend(small(0));
    let mut out = b"PK\x03\x04".to_vec();
    out.extend(&about);
    out.extend(name.as_bytes());
    out.extend(packed);
    let directory = out.len();
    out.extend(b"PK\x01\x02\x14\x00");
    out.extend(&about);
    out.extend([0; 14]);
    out.extend(name.as_bytes());
    let length = out.len() - directory;
    out.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    out.extend(large(length));
    out.extend(large(directory));
    out.extend(small(0));
    out
}

/// Lines of text, so many bytes of them.
fn lines(bytes: usize) -> Vec<u8> {
    let line = [&[b'x'; 62], b"\r\n".as_slice()].concat();
    line.repeat(bytes / line.len())
}

/// Lines of letters that follow from nothing before them.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        LETTERS[(state >> 58) as usize]
    };
    let mut out = Vec::with_capacity(bytes);
    while out.len() + 78 <= bytes {
        out.extend((0..76).map(|_| letter()));
        out.extend(b"\r\n");
    }
    out
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes in lines of 76 letters.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 3 / 2);
    for (place, three) in bytes.chunks(3).enumerate() {
        let mut whole = [0; 4];
        whole[1..=three.len()].copy_from_slice(three);
        let bits = u32::from_be_bytes(whole);
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
        if place % 19 == 18 {
            out.push_str("\r\n");
        }
    }
    if !out.ends_with('\n') {
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn every_bomb_is_what_it_says() {
        for it in Bomb::ALL {
            let text = it.text("From: n1@flood.example\r\n");
            let last = if text.tail.is_empty() { &text.piece } else { &text.tail };
            let last = if last.is_empty() { &text.head } else { last };
            assert!(last.ends_with(b"\r\n"), "{it:?}");
            let bare = text.head.windows(2).any(|it| it[1] == b'\n' && it[0] != b'\r');
            assert!(!bare, "{it:?}");
        }
        assert!(Bomb::Huge.text("").bytes() >= HUGE_BYTES);
        assert!(Bomb::Zip.text("").bytes() < 1 << 20);
    }

    #[test]
    fn the_archive_is_one() {
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
        packer.write_all(b"all well").unwrap();
        let mut crc = Crc::new();
        crc.update(b"all well");
        let packed = packer.finish().unwrap();
        let archive = archive("a.txt", &packed, crc.sum(), 8);
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
        let mut text = String::new();
        zip.by_index(0).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "all well");
    }

    #[test]
    fn base64_is_that_of_others() {
        assert_eq!(base64(b"hello"), "aGVsbG8=\r\n");
        assert_eq!(base64(&[0xff; 57]), format!("{}\r\n", "/".repeat(76)));
    }
}
