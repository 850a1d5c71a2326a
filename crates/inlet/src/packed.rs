//! Zip archives, one level, as far as they hold texts.
//!
//! An archive says itself how much it holds, and lies: so its directory is looked at before anybody
//! makes room for it, every file is unpacked only as far as there is room, and one that grows more
//! than a hundredfold is left. An archive within an archive is not opened.

use std::io::{Cursor, Read};

use zip::ZipArchive;

/// Bytes of an archive.
pub const PACKED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Files in an archive.
pub const PACKED_FILES_MAX: usize = 50;
/// How many times larger than packed a file may be.
pub const PACKED_RATIO_MAX: u64 = 100;
/// A file may always be so large, in bytes: short lines of one kind pack well.
const SMALL_BYTES: u64 = 16 * 1024;

/// What an archive holds.
#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    pub(crate) files: Vec<File>,
    /// Nothing in it was left out that could matter.
    pub(crate) is_whole: bool,
}

/// A file of an archive.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    /// If it is a text.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// Unpacks texts, at most `most` bytes of them together.
pub(crate) fn unpack(archive: &[u8], most: usize) -> Unpacked {
    if !is_modest(archive) {
        return Unpacked::default();
    }
    let Ok(mut zip) = ZipArchive::new(Cursor::new(archive)) else { return Unpacked::default() };
    let mut out = Unpacked { files: Vec::new(), is_whole: zip.len() <= PACKED_FILES_MAX };
    let mut left = most as u64;
    for place in 0..zip.len().min(PACKED_FILES_MAX) {
        let Ok(file) = zip.by_index(place) else {
            out.is_whole = false;
            continue;
        };
        if file.is_dir() {
            continue;
        }
        let name = file.name().to_owned();
        let kind = Kind::of(&name);
        out.is_whole &= kind != Kind::Packed;
        let mut bytes = None;
        if kind == Kind::Text {
            let room = file.compressed_size().saturating_mul(PACKED_RATIO_MAX).max(SMALL_BYTES);
            let (read, is_all) = read(file, room.min(left));
            left -= read.len() as u64;
            out.is_whole &= is_all;
            bytes = Some(read);
        }
        out.files.push(File { name, bytes });
    }
    out
}

/// At most `most` bytes, and whether that was all.
fn read(file: impl Read, most: u64) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    let is_all = read.is_ok() && bytes.len() as u64 <= most;
    bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    (bytes, is_all)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Packed,
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name.rsplit_once('.').map_or("", |it| it.1).to_ascii_lowercase().as_str() {
            "txt" | "log" | "csv" | "htm" | "html" | "json" | "xml" | "md" => Self::Text,
            "zip" | "gz" | "tgz" | "bz2" | "xz" | "7z" | "rar" | "tar" | "zst" | "eml" => {
                Self::Packed
            }
            _ => Self::Other,
        }
    }
}

/// Does every directory in it, as they count themselves, have few entries? Room for entries is made
/// by that count.
fn is_modest(archive: &[u8]) -> bool {
    let mut found = false;
    for at in 0..archive.len() {
        match &archive[at..] {
            [b'P', b'K', 6, 6, ..] => return false,
            [b'P', b'K', 5, 6, _, _, _, _, here_low, here_high, low, high, ..] => {
                let here = u16::from_le_bytes([*here_low, *here_high]);
                let all = u16::from_le_bytes([*low, *high]);
                if usize::from(here.max(all)) > PACKED_FILES_MAX {
                    return false;
                }
                found = true;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    pub(crate) fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn texts_are_unpacked_and_the_rest_is_named() {
        let it = unpack(&packed(&[("a/log.txt", b"all well"), ("b.pdf", b"%PDF")]), 1000);
        assert!(it.is_whole);
        assert_eq!(it.files[0].name, "a/log.txt");
        assert_eq!(it.files[0].bytes.as_deref(), Some(b"all well".as_slice()));
        assert_eq!(it.files[1].bytes, None);
    }

    #[test]
    fn no_bomb_is_unpacked_beyond_its_room() {
        let zeros = vec![b'0'; 20_000_000];
        let bomb = packed(&[("a.txt", &zeros)]);
        assert!(bomb.len() < 100_000);
        let it = unpack(&bomb, 512 * 1024);
        assert!(!it.is_whole);
        assert_eq!(it.files[0].bytes.as_ref().unwrap().len(), 512 * 1024);
        // The room is that of all files together.
        let half = vec![b'0'; 15_000];
        let it = unpack(&packed(&[("a.txt", &half), ("b.txt", &half)]), 20_000);
        let sizes: Vec<_> = it.files.iter().map(|it| it.bytes.as_ref().unwrap().len()).collect();
        assert_eq!((sizes, it.is_whole), (vec![15_000, 5_000], false));
        // A file that grows too much is cut by that alone.
        let it = unpack(&packed(&[("a.txt", &vec![b'0'; 1_000_000])]), 10_000_000);
        assert!(!it.is_whole && it.files[0].bytes.as_ref().unwrap().len() < 1_000_000);
    }

    #[test]
    fn what_is_no_archive_or_holds_archives_is_not_whole() {
        let many: Vec<(String, &[u8])> =
            (0..=PACKED_FILES_MAX).map(|it| (format!("{it}.txt"), b"x".as_slice())).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|it| (&*it.0, it.1)).collect();
        let inner = packed(&[("a.txt", b"x")]);
        let mut broken = inner.clone();
        broken.truncate(inner.len() / 2);
        for bytes in [Vec::new(), b"PK".to_vec(), broken, packed(&many)] {
            let it = unpack(&bytes, 1000);
            assert!(!it.is_whole && it.files.is_empty());
        }
        let it = unpack(&packed(&[("inner.zip", &inner)]), 1000);
        assert!(!it.is_whole);
        assert_eq!(it.files[0].bytes, None);
    }

    #[test]
    fn broken_archives_do_no_harm() {
        let good = packed(&[("a.txt", b"all well, all well"), ("b.log", b"more")]);
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let it = unpack(&bad, 100);
                let bytes: usize =
                    it.files.iter().filter_map(|it| it.bytes.as_ref()).map(Vec::len).sum();
                assert!(bytes <= 100);
            }
        }
    }
}
