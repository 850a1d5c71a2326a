//! One connection to a mail server.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use crate::LIMIT;

/// A server that says more than this in one line is none.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What a server says to one command, or to a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAnswer {
    /// Its code.
    pub code: u16,
    /// All its lines.
    pub text: String,
}

impl MailAnswer {
    /// Did it say yes?
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.code < 400
    }

    /// Did it say that it may be tried again?
    #[must_use]
    pub fn is_later(&self) -> bool {
        (400..500).contains(&self.code)
    }
}

/// The text of a mail as it goes over the wire, without the dot at its end: a head, a piece that is
/// repeated, and a tail. So one of many megabytes takes no memory here.
#[derive(Clone, Debug, Default)]
pub struct MailText {
    /// What comes first.
    pub head: Vec<u8>,
    /// What is repeated.
    pub piece: Vec<u8>,
    /// So often.
    pub times: usize,
    /// What comes last; ends with CR LF.
    pub tail: Vec<u8>,
}

impl MailText {
    /// A text that is not repeated.
    #[must_use]
    pub fn plain(text: impl Into<Vec<u8>>) -> Self {
        Self { head: text.into(), ..Self::default() }
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.head.len() + self.piece.len() * self.times + self.tail.len()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.head)?;
        for _ in 0..self.times {
            out.write_all(&self.piece)?;
        }
        out.write_all(&self.tail)
    }
}

/// One connection.
#[derive(Debug)]
pub struct MailLine {
    stream: BufReader<TcpStream>,
}

impl MailLine {
    /// Connects from an address of the loopback, and says hello.
    ///
    /// # Errors
    /// When nobody listens, or does not want us: then the error has the answer.
    pub fn connect(to: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect_timeout(&to.into(), LIMIT)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let mut line = Self { stream: BufReader::new(stream) };
        line.yes()?;
        line.say("EHLO sender.example\r\n")?;
        line.yes()?;
        Ok(line)
    }

    /// Says one mail, as a relay does: the envelope in one go, then the text. How long it took from
    /// the end of the text to the answer; nothing if it was refused before that.
    ///
    /// # Errors
    /// When the line breaks.
    pub fn send(
        &mut self,
        sender: &str,
        recipient: &str,
        text: &MailText,
    ) -> io::Result<(MailAnswer, Option<Duration>)> {
        self.say(&format!("MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n"))?;
        let answers = [self.answer()?, self.answer()?, self.answer()?];
        if let Some(no) = answers.iter().find(|it| !it.is_yes()) {
            if answers[2].is_yes() {
                // It goes on without the recipient: it gets nothing.
                self.say(".\r\n")?;
                self.answer()?;
            } else if !answers[1].is_yes() {
                self.say("RSET\r\n")?;
                self.answer()?;
            }
            return Ok((no.clone(), None));
        }
        let written = text.write(self.stream.get_mut());
        let written = written.and_then(|()| self.stream.get_mut().write_all(b".\r\n"));
        let ended = Instant::now();
        match (written, self.answer()) {
            // Whoever cuts a mail off says why, if that can still be read.
            (_, Ok(answer)) => Ok((answer, Some(ended.elapsed()))),
            (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(error),
        }
    }

    /// Takes its leave.
    pub fn quit(mut self) {
        // Whoever has gone already needs no good-bye.
        if self.say("QUIT\r\n").is_ok() {
            drop(self.answer());
        }
    }

    /// Says something.
    ///
    /// # Errors
    /// When the line breaks.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    /// Hears the next answer.
    ///
    /// # Errors
    /// When the line breaks, or what is said is none.
    pub fn answer(&mut self) -> io::Result<MailAnswer> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            let bytes = self.stream.read_line(&mut line)?;
            if bytes == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            text.push_str(line.trim_end());
            if text.len() > ANSWER_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an endless answer"));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                let code = line.get(..3).and_then(|it| it.parse().ok());
                let code = code.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, line))?;
                return Ok(MailAnswer { code, text });
            }
            text.push('\n');
        }
    }

    fn yes(&mut self) -> io::Result<()> {
        let answer = self.answer()?;
        if answer.is_yes() { Ok(()) } else { Err(io::Error::other(answer.text)) }
    }
}
