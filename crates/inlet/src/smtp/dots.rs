//! Where a mail ends, and what is in it.
//!
//! The text of a mail ends with a dot alone on its line, and only CR LF ends a line. The library that
//! reads commands is more forgiving here than a server may be that others pass mail on to, so the
//! text is read by this small machine; it does not care how the bytes were cut into pieces.

use super::lines::Flaw;

/// Reads the text of one mail.
#[derive(Debug, Default)]
pub(super) struct Dots {
    place: Place,
    line_bytes: usize,
    longest: usize,
}

/// What the bytes until here end with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// CR LF, or nothing at all.
    #[default]
    Begin,
    /// Anything else.
    Within,
    /// CR.
    Cr,
    /// A dot at the begin of a line.
    Dot,
    /// The same and CR.
    DotCr,
}

/// How far it got with some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// The text goes on.
    More,
    /// It ended; so many of the bytes were read.
    End(usize),
    /// It has something that no mail may have.
    Flawed(Flaw),
}

impl Dots {
    /// Reads `bytes` and puts the text into `text`.
    pub(super) fn feed(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Fed {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.place == Place::Within {
                at += self.run(&bytes[at..], text);
                let Some(mark) = bytes.get(at) else { break };
                if let Err(flaw) = self.step(*mark, text) {
                    return Fed::Flawed(flaw);
                }
            } else {
                match self.step(*byte, text) {
                    Err(flaw) => return Fed::Flawed(flaw),
                    Ok(true) => return Fed::End(at + 1),
                    Ok(false) => {}
                }
            }
            at += 1;
        }
        Fed::More
    }

    /// Bytes of the longest line until here, with its end.
    pub(super) fn longest(&self) -> usize {
        self.longest.max(self.line_bytes)
    }

    /// What is left of the line is taken in one piece. How long it is.
    fn run(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> usize {
        let mark = bytes.iter().position(|it| matches!(it, b'\r' | b'\n' | 0));
        let run = &bytes[..mark.unwrap_or(bytes.len())];
        text.extend_from_slice(run);
        self.line_bytes += run.len();
        run.len()
    }

    /// One byte. Is the mail at its end?
    fn step(&mut self, byte: u8, text: &mut Vec<u8>) -> Result<bool, Flaw> {
        self.line_bytes += 1;
        match (self.place, byte) {
            (Place::Cr, b'\n') => {
                text.extend_from_slice(b"\r\n");
                self.longest = self.longest();
                self.line_bytes = 0;
                self.place = Place::Begin;
            }
            (Place::DotCr, b'\n') => return Ok(true),
            (Place::Cr | Place::DotCr, _) => return Err(Flaw::BareCr),
            (_, b'\n') => return Err(Flaw::BareLf),
            (_, 0) => return Err(Flaw::Nul),
            (Place::Dot, b'\r') => self.place = Place::DotCr,
            (_, b'\r') => self.place = Place::Cr,
            (Place::Begin, b'.') => self.place = Place::Dot,
            // The dot before it was put there by the sender.
            (_, byte) => {
                text.push(byte);
                self.place = Place::Within;
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> (Vec<u8>, Fed, usize) {
        let mut dots = Dots::default();
        let mut text = Vec::new();
        let mut before = 0;
        for piece in pieces {
            match dots.feed(piece, &mut text) {
                Fed::More => before += piece.len(),
                Fed::End(used) => return (text, Fed::End(before + used), dots.longest()),
                flawed => return (text, flawed, dots.longest()),
            }
        }
        (text, Fed::More, dots.longest())
    }

    #[test]
    fn dots_that_the_sender_put_there_are_taken_away() {
        for (sent, text) in [
            (".\r\n", ""),
            ("\r\n.\r\n", "\r\n"),
            ("a\r\n.\r\n", "a\r\n"),
            ("..\r\n.\r\n", ".\r\n"),
            ("...\r\n.\r\n", "..\r\n"),
            (".a\r\n.\r\n", "a\r\n"),
            ("a.\r\n.\r\n", "a.\r\n"),
            ("a\r\n..b\r\n..\r\n.\r\n", "a\r\n.b\r\n.\r\n"),
            (". \r\n.\r\n", " \r\n"),
        ] {
            let (found, fed, _) = read(&[sent.as_bytes()]);
            assert_eq!(fed, Fed::End(sent.len()), "{sent:?}");
            assert_eq!(found, text.as_bytes(), "{sent:?}");
        }
    }

    #[test]
    fn what_follows_the_end_is_not_touched() {
        assert_eq!(read(&[b"a\r\n.\r\nQUIT\r\n"]).1, Fed::End(6));
    }

    #[test]
    fn the_longest_line_is_known_before_it_ends() {
        assert_eq!(read(&[b"abc\r\nabcdef\r\nab"]).2, 8);
        assert_eq!(read(&[b"abc\r\nabc", b"defghi"]).2, 9);
    }

    /// What a sender makes of a text, line by line.
    fn stuffed(lines: &[String]) -> Vec<u8> {
        let mut sent = Vec::new();
        for line in lines {
            if line.starts_with('.') {
                sent.push(b'.');
            }
            sent.extend_from_slice(line.as_bytes());
            sent.extend_from_slice(b"\r\n");
        }
        sent.extend_from_slice(b".\r\n");
        sent
    }

    proptest! {
        #[test]
        fn every_text_arrives_as_it_was_however_it_is_cut(
            lines in proptest::collection::vec("[.a ]{0,5}", 0..6),
            cuts in proptest::collection::vec(0_usize..40, 0..4),
        ) {
            let sent = stuffed(&lines);
            let mut cuts: Vec<usize> = cuts.iter().map(|it| it % (sent.len() + 1)).collect();
            cuts.sort_unstable();
            let begins = std::iter::once(0).chain(cuts.iter().copied());
            let ends = cuts.iter().copied().chain([sent.len()]);
            let pieces: Vec<&[u8]> = begins.zip(ends).map(|it| &sent[it.0..it.1]).collect();
            let (text, fed, _) = read(&pieces);
            prop_assert_eq!(fed, Fed::End(sent.len()));
            let wanted: String = lines.iter().map(|it| format!("{it}\r\n")).collect();
            prop_assert_eq!(text, wanted.into_bytes());
        }

        #[test]
        fn cutting_changes_nothing(sent in "[.\r\na\0]{0,12}", cut in 0_usize..12) {
            let sent = sent.as_bytes();
            let cut = cut.min(sent.len());
            let whole = read(&[sent]);
            let (text, fed, longest) = read(&[&sent[..cut], &sent[cut..]]);
            prop_assert_eq!(fed, whole.1);
            prop_assert_eq!(text, whole.0);
            prop_assert_eq!(longest, whole.2);
        }
    }
}
