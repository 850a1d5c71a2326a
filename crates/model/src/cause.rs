//! Why a look did not find all well.
//!
//! The set of codes is closed: a cause that cannot be counted cannot be alerted on. Free text is
//! only a field, bounded and never a label.

use std::fmt;

/// Longest text kept with a cause, in bytes. One line of a terminal, twice.
pub const CAUSE_TEXT_BYTES_MAX: usize = 240;

/// Whose fault a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The target's, or the network's on the way to it.
    Theirs,
    /// Our own: the look could not be made.
    Ours,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $owner:ident;)+) => {
        /// What went wrong, as a word that can be counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum CauseCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl CauseCode {
            /// Every code, in the order of the manual.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable word for metrics, the store and the log.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// Whose fault it is.
            #[must_use]
            pub fn owner(self) -> Owner {
                match self { $(Self::$name => Owner::$owner,)+ }
            }

            /// One sentence for the manual.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    /// No answer came in time.
    Timeout = "timeout", Theirs;
    /// The far end refused the connection, or said that no one listens there.
    Refused = "refused", Theirs;
    /// The far end cut the connection.
    Reset = "reset", Theirs;
    /// A router on the way said that the target cannot be reached.
    Unreachable = "unreachable", Theirs;
    /// The far end closed the connection before it had said what was expected.
    Closed = "closed", Theirs;
    /// The name does not exist.
    NameNotFound = "name-not-found", Theirs;
    /// No name server answered in time.
    NameTimeout = "name-timeout", Theirs;
    /// The name server answered with a failure.
    NameFailure = "name-failure", Theirs;
    /// Some packets were lost, more than the threshold allows.
    Loss = "loss", Theirs;
    /// The TLS handshake failed.
    TlsHandshake = "tls-handshake", Theirs;
    /// The certificate is past its end, or not valid yet.
    CertificateExpired = "certificate-expired", Theirs;
    /// The certificate is for another name.
    CertificateName = "certificate-name", Theirs;
    /// The certificate's chain does not end at a trusted root.
    CertificateUntrusted = "certificate-untrusted", Theirs;
    /// The certificate could not be verified for another reason.
    CertificateInvalid = "certificate-invalid", Theirs;
    /// The server does not offer STARTTLS, or answered it with a refusal.
    StartTlsRefused = "starttls-refused", Theirs;
    /// The answer was not the expected one.
    Mismatch = "mismatch", Theirs;
    /// The answer breaks its protocol.
    Malformed = "malformed", Theirs;
    /// The answer was larger than the limit.
    TooLarge = "too-large", Theirs;
    /// The server answered with a status code that is not accepted.
    HttpStatus = "http-status", Theirs;
    /// More redirects than the limit, or in a circle.
    Redirects = "redirects", Theirs;
    /// A redirect led to a place that may not be asked.
    RedirectRefused = "redirect-refused", Theirs;
    /// The agent has no such object.
    NoSuchObject = "no-such-object", Theirs;
    /// The agent answered with an SNMP error.
    SnmpError = "snmp-error", Theirs;
    /// The agent says that the password or the digest is wrong.
    WrongPassword = "wrong-password", Theirs;
    /// The agent does not know the user.
    UnknownUser = "unknown-user", Theirs;
    /// The agent does not accept this security level.
    SecurityLevel = "security-level", Theirs;
    /// The agent cannot decrypt what we sent, or we not what it sent.
    Decryption = "decryption", Theirs;
    /// A measurement crossed its threshold.
    Threshold = "threshold", Theirs;
    /// A measurement that a threshold judges did not come.
    NoValue = "no-value", Theirs;
    /// Reported from outside, without a cause of ours.
    Reported = "reported", Theirs;
    /// Our process has no file descriptor left.
    Descriptors = "descriptors", Ours;
    /// Our machine has no local port left.
    Ports = "ports", Ours;
    /// Our machine has no buffer left, or dropped answers before we could read them.
    Buffers = "buffers", Ours;
    /// We lack the right to ask, for example to open a ping socket.
    NoRight = "no-right", Ours;
    /// Our own machine has no route or no address of that family.
    NoRoute = "no-route", Ours;
    /// Our own queue or limit is full.
    Overload = "overload", Ours;
    /// The look itself broke; its panic was contained.
    Panic = "panic", Ours;
    /// Our process stood still while the look was under way.
    Stall = "stall", Ours;
    /// Our own way out is cut.
    Uplink = "uplink", Ours;
    /// The answer of the look itself never came back to the engine.
    Lost = "lost", Ours;
    /// Any other fault of our own.
    Internal = "internal", Ours;
}

impl fmt::Display for CauseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why, with what was seen.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cause {
    /// The countable part.
    pub code: CauseCode,
    /// One line for people, without control characters; may be empty.
    pub text: Box<str>,
}

impl Cause {
    /// A cause with its text. Control characters become spaces and what is too long is cut: the
    /// text may come from a hostile target.
    #[must_use]
    pub fn new(code: CauseCode, text: impl AsRef<str>) -> Self {
        let mut kept = String::new();
        for glyph in text.as_ref().chars() {
            if kept.len() + glyph.len_utf8() > CAUSE_TEXT_BYTES_MAX {
                break;
            }
            kept.push(if glyph.is_control() { ' ' } else { glyph });
        }
        Self { code, text: kept.into_boxed_str() }
    }

    /// A cause that needs no text.
    #[must_use]
    pub fn bare(code: CauseCode) -> Self {
        Self { code, text: Box::from("") }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.text {
            "" => write!(f, "{}", self.code),
            text => write!(f, "{}: {text}", self.code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_one_short_line() {
        let cause = Cause::new(CauseCode::Mismatch, format!("a\nb\u{1b}[31m{}", "é".repeat(500)));
        assert!(cause.text.starts_with("a b [31m"));
        assert!(cause.text.len() <= CAUSE_TEXT_BYTES_MAX);
    }

    #[test]
    fn words_are_unique() {
        let mut words: Vec<_> = CauseCode::ALL.iter().map(|it| it.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), CauseCode::ALL.len());
    }
}
