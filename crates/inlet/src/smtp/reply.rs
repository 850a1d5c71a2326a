//! What a peer is told. Nothing that it said is ever said back.

use std::borrow::Cow;

/// Characters of a text that a taker has for a peer.
const TEXT_CHARS_MAX: usize = 200;

/// An answer to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// RFC 3463; empty where none belongs.
    pub(super) status: &'static str,
    /// Several lines are divided by `\n`.
    pub(super) text: Cow<'static, str>,
}

const fn reply(code: u16, status: &'static str, text: &'static str) -> Reply {
    Reply { code, status, text: Cow::Borrowed(text) }
}

pub(super) const BYE: Reply = reply(221, "2.0.0", "bye");
pub(super) const OK: Reply = reply(250, "2.0.0", "ok");
pub(super) const SENDER_OK: Reply = reply(250, "2.1.0", "ok");
pub(super) const RECIPIENT_OK: Reply = reply(250, "2.1.5", "ok");
pub(super) const TAKEN: Reply = reply(250, "2.6.0", "taken and kept");
pub(super) const HELP: Reply =
    reply(214, "2.0.0", "this server takes reports of jobs; it relays nothing");
pub(super) const GO_AHEAD: Reply = reply(354, "", "go ahead; end with a dot on a line of its own");
pub(super) const GO_SECURE: Reply = reply(220, "2.0.0", "go ahead");

pub(super) const LOGGED_IN: Reply = reply(235, "2.7.0", "that is right");

pub(super) const STOPPING: Reply = reply(421, "4.3.2", "stopping; come again soon");
pub(super) const CROWDED: Reply = reply(421, "4.3.2", "too many connections; come again later");
pub(super) const PEER_CROWDED: Reply =
    reply(421, "4.7.0", "too many connections from your address; come again later");
pub(super) const IDLE: Reply = reply(421, "4.4.2", "nothing came in time");
pub(super) const SLOW: Reply = reply(421, "4.4.2", "the mail comes too slowly");
pub(super) const ERRORS: Reply = reply(421, "4.7.0", "too many errors");
pub(super) const COMMANDS: Reply = reply(421, "4.7.0", "too many commands; connect again");
pub(super) const MAILS: Reply = reply(421, "4.7.0", "too many mails at once; connect again");
pub(super) const RATE: Reply = reply(450, "4.7.1", "too many mails in a minute; come again later");
pub(super) const NOT_NOW: Reply =
    reply(451, "4.3.0", "cannot say or keep it now; come again later");
pub(super) const NO_ROOM: Reply = reply(452, "4.3.1", "no room at the moment; come again later");
pub(super) const RECIPIENTS: Reply = reply(452, "4.5.3", "too many recipients");

pub(super) const UNKNOWN: Reply = reply(500, "5.5.2", "no such command");
pub(super) const LONG_COMMAND: Reply = reply(500, "5.5.2", "the line is too long");
pub(super) const SYNTAX: Reply = reply(501, "5.5.4", "it is not written like that");
pub(super) const OFF: Reply = reply(502, "5.5.1", "not done here");
pub(super) const NO_METHOD: Reply = reply(504, "5.5.4", "log in by PLAIN or LOGIN");
pub(super) const NO_LOGIN: Reply = reply(501, "5.7.0", "no login then");
pub(super) const WRONG_LOGIN: Reply = reply(535, "5.7.8", "user or password is wrong");
pub(super) const LOGIN_IN_CLEAR: Reply = reply(538, "5.7.11", "STARTTLS first");
pub(super) const NO_AUTH: Reply =
    reply(502, "5.5.1", "AUTH is not offered; the recipient's address is the secret");
pub(super) const ORDER: Reply = reply(503, "5.5.1", "not now: another command comes first");
pub(super) const BARE: Reply =
    reply(521, "5.5.2", "lines end with CR LF, and CR or LF stand nowhere else");
pub(super) const NUL: Reply = reply(521, "5.5.2", "there is a byte of zero");
pub(super) const TLS_FIRST: Reply = reply(530, "5.7.0", "STARTTLS first");
pub(super) const NOBODY: Reply = reply(550, "5.1.1", "nobody of that name here");
pub(super) const SIZE: Reply = reply(552, "5.3.4", "the mail is too large");
pub(super) const SENDER: Reply = reply(553, "5.1.7", "no such sender can be");
pub(super) const RECIPIENT: Reply = reply(553, "5.1.3", "no such recipient can be");
pub(super) const NOT_ASCII: Reply = reply(553, "5.6.7", "such an address needs SMTPUTF8");
pub(super) const EARLY: Reply = reply(554, "5.5.0", "something came before our answer");
pub(super) const LONG_LINE: Reply = reply(554, "5.6.0", "a line of the mail is too long");
pub(super) const PARAMETER: Reply = reply(555, "5.5.4", "such a parameter is not known here");

impl Reply {
    /// An answer in several lines.
    pub(super) fn lines(code: u16, text: String) -> Self {
        Self { code, status: "", text: Cow::Owned(text) }
    }

    /// One more line of a login is wanted.
    pub(super) fn ask(prompt: &'static str) -> Self {
        reply(334, "", prompt)
    }

    /// Come again, for the reason that the taker has.
    pub(super) fn later(text: &str) -> Self {
        Self { code: 451, status: "4.3.0", text: plain(text, &NOT_NOW) }
    }

    /// Never, for the reason that the taker has.
    pub(super) fn never(text: &str) -> Self {
        Self { code: 554, status: "5.6.0", text: plain(text, &NOBODY) }
    }

    /// Was the command one that should not have been sent?
    pub(super) fn is_error(&self) -> bool {
        self.code >= 500
    }

    /// As it goes over the wire.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let more = if lines.peek().is_some() { '-' } else { ' ' };
            let gap = if self.status.is_empty() { "" } else { " " };
            let line = format!("{}{more}{}{gap}{line}\r\n", self.code, self.status);
            out.extend_from_slice(line.as_bytes());
        }
    }
}

/// One line of plain characters, whatever the taker has put into it.
fn plain(text: &str, otherwise: &Reply) -> Cow<'static, str> {
    let is_plain = |it: &char| matches!(it, ' '..='~');
    let line: String = text.chars().filter(is_plain).take(TEXT_CHARS_MAX).collect();
    if line.trim().is_empty() { otherwise.text.clone() } else { Cow::Owned(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_taker_cannot_break_out_of_its_line() {
        let mut out = Vec::new();
        Reply::later("disk full\r\n250 taken\u{1b}[31m \u{e8}").put(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "451 4.3.0 disk full250 taken[31m \r\n");
        let mut out = Vec::new();
        Reply::never(&"x".repeat(5000)).put(&mut out);
        assert_eq!(out.len(), "554 5.6.0 \r\n".len() + TEXT_CHARS_MAX);
        assert_eq!(Reply::later("\r\n").text, NOT_NOW.text);
    }

    #[test]
    fn every_line_of_an_answer_has_its_code() {
        let mut out = Vec::new();
        Reply::lines(250, "in.msp.example\nPIPELINING\nHELP".to_owned()).put(&mut out);
        let wanted = "250-in.msp.example\r\n250-PIPELINING\r\n250 HELP\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
