//! What a command means where the session stands.
//!
//! Nothing waits here: the taker's two quick questions are asked at once, and what takes time (the
//! text of a mail, a handshake) is handed back as a [`Step`] for the session to do.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use smtp_proto::{
    AUTH_LOGIN, AUTH_PLAIN, Error, MAIL_BODY_BINARYMIME, MAIL_REQUIRETLS, MAIL_SMTPUTF8, MailFrom,
    RcptTo, Request,
};
use tokio::time::Instant;

use super::{
    Refusal, Taker, Welcome,
    crowd::Place,
    limits::Limits,
    login::{LOGINS_MAX, Method},
    reply::{self, Reply},
    server::{Gate, Intake},
};
use crate::Envelope;

/// Errors that are counted where they are found; all others are [`Refusal::Command`].
const COUNTED: [Reply; 4] = [reply::TLS_FIRST, reply::NOBODY, reply::SIZE, reply::WRONG_LOGIN];

/// Whom a session serves, and for whom.
pub(super) struct Floor {
    pub(super) gate: Arc<Gate>,
    pub(super) intake: Arc<Intake>,
    pub(super) taker: Arc<dyn Taker>,
    pub(super) address: IpAddr,
    pub(super) place: Place,
}

/// Where a session stands.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    helo: Option<String>,
    secure: bool,
    mail: Option<Begun>,
    commands: u32,
    errors: u32,
    mails: u32,
    logged_in: bool,
    wrong_logins: u32,
}

/// A mail of which there is the envelope.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) envelope: Envelope,
    pub(super) secure: bool,
    /// Whose shares it takes; each once.
    pub(super) whose: Vec<Arc<str>>,
    /// How large the sender says that it is; 0 if it does not say.
    pub(super) declared: usize,
    utf8: bool,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Step {
    /// Answer, and read on.
    Say(Reply),
    /// Read the text of this mail.
    Text(Box<Begun>),
    /// Go on with TLS.
    Secure,
    /// Hear who it is; what it has said already.
    Login(Method, String),
    /// Answer and close.
    Close(Reply),
}

impl Floor {
    pub(super) fn limits(&self) -> &Limits {
        &self.gate.limits
    }

    /// Counts why something is refused.
    pub(super) fn count(&self, why: Refusal) {
        self.gate.counters.refuse(why);
        let (intake, peer) = (&self.intake.name, self.address);
        tracing::debug!(%intake, %peer, ?why, "refused");
    }

    fn refuse(&self, why: Refusal, reply: Reply) -> Step {
        self.count(why);
        Step::Say(reply)
    }

    fn close(&self, why: Refusal, reply: Reply) -> Step {
        self.count(why);
        Step::Close(reply)
    }

    /// Is there no room for a mail, not even for a small one?
    pub(super) fn is_full(&self) -> bool {
        !self.taker.room()
    }
}

impl Dialogue {
    /// A line of command with its end. `more` is there already behind it.
    pub(super) fn command(&mut self, line: &[u8], more: bool, floor: &Floor) -> Step {
        self.commands += 1;
        if self.commands > floor.limits().commands {
            return floor.close(Refusal::Session, reply::COMMANDS);
        }
        let step = match Request::parse(&mut line.iter()) {
            Ok(request) if !is_well_formed(&request, line) => Step::Say(reply::SYNTAX),
            Ok(request) => self.request(request, more, floor),
            Err(error) => wrong(&error, line),
        };
        self.judge(step, floor)
    }

    /// Everything that was said before TLS could have been said by anybody.
    pub(super) fn secured(&mut self) {
        self.helo = None;
        self.mail = None;
        self.secure = true;
    }

    /// Counts errors, and ends what has too many of them.
    fn judge(&mut self, step: Step, floor: &Floor) -> Step {
        match &step {
            Step::Say(reply) if reply.is_error() => {
                // A relay hands on what others have addressed wrongly.
                if *reply == reply::NOBODY && floor.place.is_relay() {
                    return step;
                }
                self.errors += 1;
                if self.errors > floor.limits().errors {
                    return floor.close(Refusal::Session, reply::ERRORS);
                }
                if !COUNTED.contains(reply) {
                    floor.count(Refusal::Command);
                }
                step
            }
            _ => step,
        }
    }

    fn request(&mut self, request: Request<Cow<'_, str>>, more: bool, floor: &Floor) -> Step {
        let lmtp = floor.intake.lmtp;
        match request {
            Request::Ehlo { host } if !lmtp => self.hello(&host, true, more, floor),
            Request::Helo { host } if !lmtp => self.hello(&host, false, more, floor),
            Request::Lhlo { host } if lmtp => self.hello(&host, true, more, floor),
            Request::Mail { from } => self.sender(&from, floor),
            Request::Rcpt { to } => self.recipient(&to, floor),
            Request::Data => self.text(more, floor),
            Request::StartTls => self.start_tls(more, floor),
            Request::Rset => {
                self.mail = None;
                Step::Say(reply::OK)
            }
            Request::Noop { .. } => Step::Say(reply::OK),
            Request::Quit => Step::Close(reply::BYE),
            Request::Help { .. } => Step::Say(reply::HELP),
            Request::Auth { mechanism, initial_response } => {
                self.login(mechanism, &initial_response, more, floor)
            }
            // What follows them is no command, and must not be read as one.
            Request::Bdat { .. } | Request::Burl { .. } => Step::Close(reply::OFF),
            Request::Vrfy { .. }
            | Request::Expn { .. }
            | Request::Etrn { .. }
            | Request::Atrn { .. } => Step::Say(reply::OFF),
            Request::Ehlo { .. } | Request::Helo { .. } | Request::Lhlo { .. } => {
                Step::Say(reply::UNKNOWN)
            }
        }
    }

    fn hello(&mut self, host: &str, extended: bool, more: bool, floor: &Floor) -> Step {
        if more {
            return floor.close(Refusal::Early, reply::EARLY);
        }
        // Devices call themselves all sorts of things; their reports are not refused for that.
        self.helo = Some(host.replace(is_odd, "?"));
        self.mail = None;
        let name = &floor.intake.host;
        if !extended {
            return Step::Say(Reply::lines(250, name.to_string()));
        }
        let mut text = format!(
            "{name}\nSIZE {}\n8BITMIME\nSMTPUTF8\nPIPELINING\nENHANCEDSTATUSCODES",
            floor.limits().mail_bytes
        );
        if floor.intake.tls.is_some() && !self.secure {
            text.push_str("\nSTARTTLS");
        }
        if self.secure && floor.intake.login.is_some() {
            text.push_str("\nAUTH PLAIN LOGIN");
        }
        Step::Say(Reply::lines(250, text))
    }

    fn start_tls(&mut self, more: bool, floor: &Floor) -> Step {
        if more {
            // Whatever it is, it came in the clear and would be taken for something that did not.
            return floor.close(Refusal::Early, reply::EARLY);
        }
        match &floor.intake.tls {
            None => Step::Say(reply::OFF),
            Some(_) if self.secure => Step::Say(reply::ORDER),
            Some(_) => Step::Secure,
        }
    }

    fn login(&self, mechanism: u64, initial: &str, more: bool, floor: &Floor) -> Step {
        let method = match mechanism {
            AUTH_PLAIN => Some(Method::Plain),
            AUTH_LOGIN => Some(Method::Login),
            _ => None,
        };
        if floor.intake.login.is_none() {
            Step::Say(reply::NO_AUTH)
        } else if !self.secure {
            Step::Say(reply::LOGIN_IN_CLEAR)
        } else if more {
            floor.close(Refusal::Early, reply::EARLY)
        } else if self.helo.is_none() || self.mail.is_some() || self.logged_in {
            Step::Say(reply::ORDER)
        } else if let Some(method) = method {
            Step::Login(method, initial.to_owned())
        } else {
            Step::Say(reply::NO_METHOD)
        }
    }

    /// Somebody has tried to log in.
    pub(super) fn logs_in(&mut self, user: &[u8], password: &[u8], floor: &Floor) -> Step {
        if floor.intake.login.as_ref().is_some_and(|it| it.is_right(user, password)) {
            self.logged_in = true;
            return Step::Say(reply::LOGGED_IN);
        }
        floor.count(Refusal::Login);
        self.wrong_logins += 1;
        if self.wrong_logins >= LOGINS_MAX {
            return Step::Close(reply::ERRORS);
        }
        self.judge(Step::Say(reply::WRONG_LOGIN), floor)
    }

    fn sender(&mut self, from: &MailFrom<Cow<'_, str>>, floor: &Floor) -> Step {
        let limits = floor.limits();
        if floor.intake.tls_only && !self.secure {
            return floor.refuse(Refusal::Plain, reply::TLS_FIRST);
        }
        let Some(helo) = self.helo.clone().filter(|_| self.mail.is_none()) else {
            return Step::Say(reply::ORDER);
        };
        if self.mails >= limits.mails {
            return floor.close(Refusal::Session, reply::MAILS);
        }
        if from.flags & (MAIL_BODY_BINARYMIME | MAIL_REQUIRETLS) != 0 {
            return Step::Say(reply::PARAMETER);
        }
        if from.size > limits.mail_bytes {
            return floor.refuse(Refusal::Size, reply::SIZE);
        }
        let utf8 = from.flags & MAIL_SMTPUTF8 != 0;
        if let Some(fault) = fault_of(&from.address, utf8, reply::SENDER) {
            return Step::Say(fault);
        }
        if !floor.place.mail(Instant::now()) {
            return floor.refuse(Refusal::PeerRate, reply::RATE);
        }
        if floor.is_full() {
            return floor.refuse(Refusal::Room, reply::NO_ROOM);
        }
        self.mails += 1;
        let envelope = Envelope {
            intake: Arc::clone(&floor.intake.name),
            peer: Some(floor.address),
            relays: floor.intake.relays.clone(),
            helo,
            sender: Some(from.address.to_string()),
            ..Envelope::default()
        };
        let (secure, declared) = (self.secure, from.size);
        self.mail = Some(Begun { envelope, secure, whose: Vec::new(), declared, utf8 });
        Step::Say(reply::SENDER_OK)
    }

    fn recipient(&mut self, to: &RcptTo<Cow<'_, str>>, floor: &Floor) -> Step {
        let Some(mail) = &mut self.mail else { return Step::Say(reply::ORDER) };
        if mail.envelope.recipients.len() >= floor.limits().recipients {
            return floor.refuse(Refusal::Recipients, reply::RECIPIENTS);
        }
        if let Some(fault) = fault_of(&to.address, mail.utf8, reply::RECIPIENT) {
            return Step::Say(fault);
        }
        // The parser makes nothing of `<>` and of `<postmaster>`: neither is one of ours.
        let welcome = if to.address.is_empty() {
            Welcome::Nobody
        } else {
            floor.taker.recipient(&to.address, floor.address)
        };
        match welcome {
            Welcome::Nobody => floor.refuse(Refusal::Nobody, reply::NOBODY),
            Welcome::Later => floor.refuse(Refusal::Unsure, reply::NOT_NOW),
            Welcome::Ours { whose } => {
                let is_known = !whose.is_empty();
                if is_known && !floor.gate.crowd.customer(&whose, Instant::now()) {
                    return floor.refuse(Refusal::CustomerRate, reply::RATE);
                }
                mail.envelope.recipients.push(to.address.to_string());
                if is_known && !mail.whose.contains(&whose) {
                    mail.whose.push(whose);
                }
                Step::Say(reply::RECIPIENT_OK)
            }
        }
    }

    fn text(&mut self, more: bool, floor: &Floor) -> Step {
        if more {
            return floor.close(Refusal::Early, reply::EARLY);
        }
        match self.mail.take_if(|it| !it.envelope.recipients.is_empty()) {
            Some(begun) => Step::Text(Box::new(begun)),
            None => Step::Say(reply::ORDER),
        }
    }
}

/// The parser takes these with whatever stands behind them.
fn is_well_formed(request: &Request<Cow<'_, str>>, line: &[u8]) -> bool {
    match request {
        Request::Data | Request::StartTls | Request::Rset | Request::Quit => {
            line.trim_ascii().len() == request.name().len()
        }
        _ => true,
    }
}

fn wrong(error: &Error, line: &[u8]) -> Step {
    match error {
        // A page in a browser can be made to send its request to any port.
        Error::UnknownCommand if line.windows(5).any(|it| it == b"HTTP/") => {
            Step::Close(reply::UNKNOWN)
        }
        Error::UnknownCommand => Step::Say(reply::UNKNOWN),
        Error::InvalidSenderAddress => Step::Say(reply::SENDER),
        Error::InvalidRecipientAddress => Step::Say(reply::RECIPIENT),
        Error::UnsupportedParameter { .. } => Step::Say(reply::PARAMETER),
        Error::SyntaxError { .. }
        | Error::InvalidParameter { .. }
        | Error::NeedsMoreData { .. }
        | Error::ResponseTooLong
        | Error::InvalidResponse { .. } => Step::Say(reply::SYNTAX),
    }
}

/// Has no name such a character? The last one stands for bytes that were no text.
fn is_odd(letter: char) -> bool {
    letter.is_control() || matches!(letter, '<' | '>' | '\u{fffd}')
}

fn fault_of(address: &str, utf8: bool, fault: Reply) -> Option<Reply> {
    if address.contains(is_odd) {
        Some(fault)
    } else if !utf8 && !address.is_ascii() {
        Some(reply::NOT_ASCII)
    } else {
        None
    }
}
