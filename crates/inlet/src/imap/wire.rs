//! The line to a server: whole answers out of bytes, within limits.
//!
//! The codecs at hand read what a server announces, up to half a gigabyte, parse nested lists by
//! recursion, which a hostile server can turn into the end of the process, and write what they send
//! into the log, passwords included. This one asks for nothing but lines and literals: a line has a
//! limit, so has a literal, so has all that may come before a command ends, and every pause has one.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    time::{self, Instant},
};

use super::{
    answer::{Answer, Piece, is_fetch, is_words, parse},
    fault::ImapFault,
};

/// Bytes of one answer beside its literals. Capabilities are the longest that is asked for, with a
/// few hundred.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Literals in one answer; we ask for one.
const LITERALS_MAX: usize = 4;
/// Bytes of a literal in an answer that nobody asked for.
const STRAY_BYTES_MAX: usize = 4 << 10;
/// Bytes that come from the system at once.
const CHUNK_BYTES: usize = 16 << 10;

/// How much and how long one command may be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Bytes of a mail or its headers.
    pub(super) literal: usize,
    /// Bytes beside that.
    pub(super) talk: usize,
}

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// For the next byte.
    pub(super) byte: Duration,
    /// For the whole of an answer.
    pub(super) answer: Duration,
}

/// A line to a server.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: BufReader<S>,
    waits: Waits,
    left: usize,
    literal: usize,
    until: Instant,
    what: &'static str,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, waits: Waits) -> Self {
        let stream = BufReader::with_capacity(CHUNK_BYTES, stream);
        let until = Instant::now() + waits.answer;
        Self { stream, waits, left: ANSWER_BYTES_MAX, literal: 0, until, what: "the server" }
    }

    /// Begins a question about `what`, whose answers may be as long as `allowance` says.
    pub(super) fn allow(&mut self, what: &'static str, allowance: Allowance) {
        self.left = allowance.talk.saturating_add(allowance.literal);
        self.literal = allowance.literal;
        self.until = Instant::now() + self.waits.answer;
        self.what = what;
    }

    /// Lets the time for an answer begin anew, after a wait that was ours.
    pub(super) fn rest(&mut self) {
        self.until = Instant::now() + self.waits.answer;
    }

    /// Sends `bytes` as they are.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), ImapFault> {
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match time::timeout(self.waits.byte, sending).await {
            Ok(sent) => sent.map_err(ImapFault::Broken),
            Err(_) => Err(ImapFault::Silent { what: self.what }),
        }
    }

    /// Has nothing been said for `wait`?
    pub(super) async fn is_quiet_for(&mut self, wait: Duration) -> Result<bool, ImapFault> {
        match time::timeout(wait, self.stream.fill_buf()).await {
            Err(_) => Ok(true),
            Ok(Ok([])) => Err(ImapFault::Closed { said: String::new() }),
            Ok(Ok(_)) => Ok(false),
            Ok(Err(error)) => Err(ImapFault::Broken(error)),
        }
    }

    /// The next answer.
    pub(super) async fn answer(&mut self) -> Result<Answer, ImapFault> {
        let mut pieces = Vec::new();
        let mut room = ANSWER_BYTES_MAX;
        let mut stray = None;
        loop {
            let line = self.line(room).await?;
            room -= line.len();
            if pieces.is_empty() {
                stray = stray_limit(&line);
            }
            let announced = if stray == Some(0) { None } else { literal_at_end(&line) };
            let Some((bytes, text_end)) = announced else {
                pieces.push(Piece::Text(line));
                return parse(pieces).map_err(|_| ImapFault::Nonsense("this is no answer"));
            };
            if pieces.len() / 2 >= LITERALS_MAX {
                return Err(ImapFault::TooMuch("an answer of many parts"));
            }
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            if bytes > stray.unwrap_or(self.literal) {
                return Err(ImapFault::TooMuch("a part larger than was asked for"));
            }
            pieces.push(Piece::Text(line[..text_end].to_vec()));
            pieces.push(Piece::Literal(self.literal(bytes).await?));
        }
    }

    /// One line without its end.
    async fn line(&mut self, room: usize) -> Result<Vec<u8>, ImapFault> {
        let mut line = Vec::new();
        loop {
            let chunk = self.chunk().await?;
            let (part, ends) = match chunk.iter().position(|it| *it == b'\n') {
                Some(at) => (&chunk[..=at], true),
                None => (chunk, false),
            };
            if line.len() + part.len() > room {
                return Err(ImapFault::TooMuch("an endless line"));
            }
            line.extend_from_slice(part);
            let taken = part.len();
            self.take(taken)?;
            if ends {
                let end = line.len() - if line.ends_with(b"\r\n") { 2 } else { 1 };
                line.truncate(end);
                return Ok(line);
            }
        }
    }

    async fn literal(&mut self, bytes: usize) -> Result<Vec<u8>, ImapFault> {
        // Not all at once: that it was announced does not mean that it comes.
        let mut literal = Vec::with_capacity(bytes.min(CHUNK_BYTES));
        while literal.len() < bytes {
            let chunk = self.chunk().await?;
            let taken = chunk.len().min(bytes - literal.len());
            literal.extend_from_slice(&chunk[..taken]);
            self.take(taken)?;
        }
        Ok(literal)
    }

    async fn chunk(&mut self) -> Result<&[u8], ImapFault> {
        let silent = || ImapFault::Silent { what: self.what };
        let wait = self.until.saturating_duration_since(Instant::now()).min(self.waits.byte);
        match time::timeout(wait, self.stream.fill_buf()).await {
            Err(_) => Err(silent()),
            Ok(Ok([])) => Err(ImapFault::Closed { said: String::new() }),
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(ImapFault::Broken(error)),
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), ImapFault> {
        self.stream.consume(bytes);
        self.left = self.left.checked_sub(bytes).ok_or(ImapFault::TooMuch("an endless answer"))?;
        Ok(())
    }

    /// Gives the stream back, if nothing was said that has not been read.
    pub(super) fn into_inner(self) -> Result<S, ImapFault> {
        if self.stream.buffer().is_empty() {
            Ok(self.stream.into_inner())
        } else {
            Err(ImapFault::Nonsense("words before the encryption that were not asked for"))
        }
    }
}

/// How large a literal may be in an answer that begins with `line`: `None` for one that was asked
/// for, nothing where `{5}` at the end is words.
fn stray_limit(line: &[u8]) -> Option<usize> {
    if is_fetch(line) {
        None
    } else if is_words(line) {
        Some(0)
    } else {
        Some(STRAY_BYTES_MAX)
    }
}

/// Size of the literal that `line` ends with, and where the text before it ends.
fn literal_at_end(line: &[u8]) -> Option<(u64, usize)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|it| *it == b'{')?;
    let digits = &inner[open + 1..];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let bytes = str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX);
    Some((bytes, open))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::answer::{Fetch, Status};

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(3600);
    const WAITS: Waits = Waits { byte: LONG, answer: LONG };
    const ALLOWED: Allowance = Allowance { literal: 1000, talk: 100_000 };

    fn locally<T>(work: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(work)
    }

    /// What is heard when a server says `text`, so many bytes at a time, and hangs up.
    fn heard(text: &[u8], at_once: usize) -> Result<Vec<Answer>, ImapFault> {
        locally(async {
            let (near, mut far) = tokio::io::duplex(at_once);
            // Whoever has heard enough hangs up in the middle of it.
            let speak = async move { far.write_all(text).await.ok() };
            let hear = async move {
                let mut wire = Wire::new(near, WAITS);
                wire.allow("a test", ALLOWED);
                let mut answers = Vec::new();
                loop {
                    match wire.answer().await {
                        Ok(answer) => answers.push(answer),
                        Err(ImapFault::Closed { .. }) => return Ok(answers),
                        Err(fault) => return Err(fault),
                    }
                }
            };
            tokio::join!(speak, hear).1
        })
    }

    #[test]
    fn lines_and_literals() {
        let text = b"* OK hi {5}\r\n* LIST () {3}\r\na)\n x\r\n\
                     * 1 FETCH (UID 5 BODY[] {6}\r\na\r\n{9} RFC822.SIZE 6)\r\na1 OK {7}\r\n";
        let said = |it: &str| it.as_bytes().to_vec();
        let fetch = Fetch { uid: Some(5), size: Some(6), date: None, body: Some(said("a\r\n{9}")) };
        let expected = [
            Answer::Word { status: Status::Ok, said: said("hi {5}") },
            Answer::Other,
            Answer::Fetch(fetch),
            Answer::Done { tag: said("a1"), status: Status::Ok, said: said("{7}") },
        ];
        for at_once in [1, 2, 3, 7, 4096] {
            assert_eq!(heard(text, at_once).unwrap(), expected);
        }
    }

    #[test]
    fn limits_hold() {
        let long = [b"* OK ".to_vec(), vec![b'x'; ANSWER_BYTES_MAX]].concat();
        let cases: [(&[u8], &str); 7] = [
            (&long, "an endless line"),
            (b"* 1 FETCH (BODY[] {1001}\r\n", "a part larger than was asked for"),
            (b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n", "a part larger than"),
            (b"* LIST () {4097}\r\n", "a part larger than was asked for"),
            (&b"* OK still here\r\n".repeat(10_000), "an endless answer"),
            (&[&b"* 1 FETCH ("[..], &b"{0}\r\n ".repeat(9)].concat(), "an answer of many parts"),
            (b"hello\r\n", "this is no answer"),
        ];
        for (text, expected) in cases {
            let fault = heard(text, 4096).unwrap_err().to_string();
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn silence_and_dripping_end() {
        locally(async {
            let (near, _far) = tokio::io::duplex(64);
            let mut wire = Wire::new(near, Waits { byte: SHORT, answer: LONG });
            wire.allow("a test", ALLOWED);
            let fault = wire.answer().await.unwrap_err().to_string();
            assert_eq!(fault, "a test did not answer in time");

            let (near, mut far) = tokio::io::duplex(64);
            let mut wire = Wire::new(near, Waits { byte: LONG, answer: SHORT });
            wire.allow("a test", ALLOWED);
            let dripping = async {
                while far.write_all(b"x").await.is_ok() {
                    time::sleep(SHORT / 10).await;
                }
            };
            let fault = tokio::select! {
                heard = wire.answer() => heard.unwrap_err().to_string(),
                () = dripping => unreachable!("the wire is open"),
            };
            assert_eq!(fault, "a test did not answer in time");
        });
    }

    #[test]
    fn nothing_may_be_said_ahead_of_the_encryption() {
        locally(async {
            let (near, mut far) = tokio::io::duplex(1000);
            far.write_all(b"a1 OK begin\r\n* OK trust me\r\n").await.unwrap();
            let mut wire = Wire::new(near, WAITS);
            wire.allow("a test", ALLOWED);
            assert!(matches!(wire.answer().await.unwrap(), Answer::Done { .. }));
            assert!(wire.into_inner().is_err());
        });
    }
}
