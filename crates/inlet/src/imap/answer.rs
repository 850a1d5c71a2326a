//! What a server says, taken apart: one answer at a time, without recursion and without copies of
//! mails.
//!
//! Only what we ask for has a place in [`Answer`]. Everything else a server may say unasked is
//! skipped over by its form alone, so an extension that nobody here has heard of does no harm, and
//! neither does one that is made up.

/// A stretch of an answer as it came over the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text up to the end of a line or to a literal, without its line end.
    Text(Vec<u8>),
    /// A literal.
    Literal(Vec<u8>),
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The end of what was asked under `tag`.
    Done { tag: Vec<u8>, status: Status, said: Vec<u8> },
    /// Word about the state of things.
    Word { status: Status, said: Vec<u8> },
    /// Go on.
    Continue,
    /// What it can do, in capitals.
    Capability(Vec<String>),
    /// So many mails are in the folder.
    Exists(u32),
    /// One fewer is.
    Expunge,
    /// Something about a mail.
    Fetch(Fetch),
    /// What nobody here asks for.
    Other,
}

/// How a command ended, or what a word is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    No,
    Bad,
    Bye,
    PreAuth,
}

/// What was said about a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetch {
    pub(super) uid: Option<u32>,
    pub(super) size: Option<u64>,
    /// When it came there.
    pub(super) date: Option<Vec<u8>>,
    /// The mail or its headers, whichever was asked for.
    pub(super) body: Option<Vec<u8>>,
}

/// Not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Garbled;

/// May an answer that begins with `line` hold literals that are of use?
pub(super) fn is_fetch(line: &[u8]) -> bool {
    let mut words = line.split(|it| *it == b' ');
    words.next() == Some(b"*")
        && words.next().is_some_and(|it| !it.is_empty() && it.iter().all(u8::is_ascii_digit))
        && words.next().is_some_and(|it| it.eq_ignore_ascii_case(b"FETCH"))
}

/// Is `line` words for people up to its end, whatever they look like?
pub(super) fn is_words(line: &[u8]) -> bool {
    let (first, rest) = word(line);
    first.starts_with(b"+") || status(word(rest).0).is_some()
}

/// Takes an answer apart.
///
/// # Errors
/// When it is none.
pub(super) fn parse(pieces: Vec<Piece>) -> Result<Answer, Garbled> {
    let Some(Piece::Text(line)) = pieces.first() else { return Err(Garbled) };
    let (tag, rest) = word(line);
    match tag {
        b"" => Err(Garbled),
        b"+" => Ok(Answer::Continue),
        b"*" => untagged(rest.to_vec(), pieces),
        tag => {
            let (state, said) = word(rest);
            let status = status(state).ok_or(Garbled)?;
            Ok(Answer::Done { tag: tag.to_vec(), status, said: said.to_vec() })
        }
    }
}

fn untagged(rest: Vec<u8>, pieces: Vec<Piece>) -> Result<Answer, Garbled> {
    let (first, behind) = word(&rest);
    if let Some(status) = status(first) {
        return Ok(Answer::Word { status, said: behind.to_vec() });
    }
    if first.eq_ignore_ascii_case(b"CAPABILITY") {
        return Ok(Answer::Capability(capabilities(behind)));
    }
    let Some(number) = number(first).and_then(|it| u32::try_from(it).ok()) else {
        return if first.is_empty() { Err(Garbled) } else { Ok(Answer::Other) };
    };
    let (what, behind) = word(behind);
    match what.to_ascii_uppercase().as_slice() {
        b"EXISTS" => Ok(Answer::Exists(number)),
        b"EXPUNGE" => Ok(Answer::Expunge),
        b"FETCH" => fetch(behind.to_vec(), pieces).map(Answer::Fetch),
        b"" => Err(Garbled),
        _ => Ok(Answer::Other),
    }
}

fn capabilities(text: &[u8]) -> Vec<String> {
    let words = text.split(|it| *it == b' ').filter(|it| !it.is_empty());
    words.map(|it| String::from_utf8_lossy(it).to_ascii_uppercase()).collect()
}

/// `[UIDVALIDITY 7] go on` has the number 7 under `UIDVALIDITY`.
pub(super) fn code_number(said: &[u8], code: &str) -> Option<u32> {
    let inner = said.strip_prefix(b"[")?.split(|it| *it == b']').next()?;
    let (name, value) = word(inner);
    if !name.eq_ignore_ascii_case(code.as_bytes()) {
        return None;
    }
    u32::try_from(number(value)?).ok()
}

/// `[CAPABILITY …] go on` has its words.
pub(super) fn code_capabilities(said: &[u8]) -> Option<Vec<String>> {
    let inner = said.strip_prefix(b"[")?.split(|it| *it == b']').next()?;
    let (name, value) = word(inner);
    name.eq_ignore_ascii_case(b"CAPABILITY").then(|| capabilities(value))
}

fn status(word: &[u8]) -> Option<Status> {
    match word.to_ascii_uppercase().as_slice() {
        b"OK" => Some(Status::Ok),
        b"NO" => Some(Status::No),
        b"BAD" => Some(Status::Bad),
        b"BYE" => Some(Status::Bye),
        b"PREAUTH" => Some(Status::PreAuth),
        _ => None,
    }
}

/// The first word, and what is behind the space.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|it| *it == b' ') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

/// What is between spaces and brackets.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    /// An atom, a number, `NIL`; names like `BODY[HEADER]` are one.
    Atom(Vec<u8>),
    /// In quotes or a literal.
    String(Vec<u8>),
}

/// Tells the tokens of an answer one after the other.
struct Tokens {
    pieces: std::vec::IntoIter<Piece>,
    text: Vec<u8>,
    at: usize,
}

impl Tokens {
    fn next(&mut self) -> Result<Option<Token>, Garbled> {
        loop {
            let Some(byte) = self.text.get(self.at).copied() else {
                match self.pieces.next() {
                    None => return Ok(None),
                    Some(Piece::Literal(bytes)) => return Ok(Some(Token::String(bytes))),
                    Some(Piece::Text(text)) => (self.text, self.at) = (text, 0),
                }
                continue;
            };
            self.at += 1;
            match byte {
                b' ' => {}
                b'(' => return Ok(Some(Token::Open)),
                b')' => return Ok(Some(Token::Close)),
                b'"' => return self.quoted().map(Some),
                _ => return Ok(Some(self.atom())),
            }
        }
    }

    fn quoted(&mut self) -> Result<Token, Garbled> {
        let mut string = Vec::new();
        loop {
            let byte = *self.text.get(self.at).ok_or(Garbled)?;
            self.at += 1;
            match byte {
                b'"' => return Ok(Token::String(string)),
                b'\\' => {
                    string.push(*self.text.get(self.at).ok_or(Garbled)?);
                    self.at += 1;
                }
                _ => string.push(byte),
            }
        }
    }

    /// Up to a space or bracket; those between square brackets belong to it.
    fn atom(&mut self) -> Token {
        let from = self.at - 1;
        let mut inside = self.text[from] == b'[';
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'[' => inside = true,
                b']' => inside = false,
                b' ' | b'(' | b')' | b'"' if !inside => break,
                _ => {}
            }
            self.at += 1;
        }
        Token::Atom(self.text[from..self.at].to_vec())
    }

    /// The value of an item: what is in brackets is skipped, however deep it goes.
    fn value(&mut self) -> Result<Option<Vec<u8>>, Garbled> {
        let mut depth = 0_usize;
        loop {
            match self.next()?.ok_or(Garbled)? {
                Token::Open => depth += 1,
                Token::Close => depth = depth.checked_sub(1).ok_or(Garbled)?,
                Token::Atom(value) | Token::String(value) if depth == 0 => return Ok(Some(value)),
                Token::Atom(_) | Token::String(_) => {}
            }
            if depth == 0 {
                return Ok(None);
            }
        }
    }
}

fn fetch(text: Vec<u8>, pieces: Vec<Piece>) -> Result<Fetch, Garbled> {
    let mut pieces = pieces.into_iter();
    pieces.next();
    let mut tokens = Tokens { pieces, text, at: 0 };
    let mut fetch = Fetch::default();
    if tokens.next()? != Some(Token::Open) {
        return Err(Garbled);
    }
    loop {
        let name = match tokens.next()?.ok_or(Garbled)? {
            Token::Close => break,
            Token::Atom(name) => name.to_ascii_uppercase(),
            Token::Open | Token::String(_) => return Err(Garbled),
        };
        let value = tokens.value()?;
        let value_number = || value.as_deref().and_then(number).ok_or(Garbled);
        match name.as_slice() {
            b"UID" => fetch.uid = Some(u32::try_from(value_number()?).map_err(|_| Garbled)?),
            b"RFC822.SIZE" => fetch.size = Some(value_number()?),
            b"INTERNALDATE" => fetch.date = value,
            // `NIL` for a mail is as good as none.
            b"BODY[]" | b"BODY[HEADER]" | b"BODY[HEADER]<0>" => {
                fetch.body = value.filter(|it| !it.eq_ignore_ascii_case(b"NIL"));
            }
            _ => {}
        }
    }
    match tokens.next()? {
        None => Ok(fetch),
        Some(_) => Err(Garbled),
    }
}

#[cfg(test)]
mod tests;
