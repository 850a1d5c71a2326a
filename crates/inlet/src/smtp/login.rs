//! Logins, for senders that cannot send without one.
//!
//! Many devices insist on a user and a password. What leads to a job, and what it believes, is the
//! secret address and whatever else it asks for: a login proves nothing to it. So nobody has to log
//! in; but whoever tries is told whether that was right, and never without TLS.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::mime;

/// Wrong logins on one connection.
pub(super) const LOGINS_MAX: u32 = 3;

/// The user and the password that a mail server knows.
pub struct Login {
    user: String,
    /// The password itself is not kept.
    digest: [u8; 32],
}

/// How a sender says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Both in one line.
    Plain,
    /// One after the other.
    Login,
}

/// What a sender has said so far.
#[derive(Debug)]
pub(super) struct Said {
    method: Method,
    user: Option<Vec<u8>>,
}

/// What is to be done with a line of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// One more line is wanted.
    Ask(&'static str),
    /// This is who it says it is, and its password.
    Try(Vec<u8>, Vec<u8>),
    /// It has thought better of it, or this is none.
    Stop,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Login {
    /// This user with this password.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), digest: Sha256::digest(password).into() }
    }

    /// Digests are compared: how long that takes says nothing about the password.
    pub(super) fn is_right(&self, user: &[u8], password: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(password).into();
        (digest == self.digest) & (user == self.user.as_bytes())
    }
}

impl Said {
    pub(super) fn new(method: Method) -> Self {
        Self { method, user: None }
    }

    /// What is asked for first, if nothing came with the command.
    pub(super) fn first(&self) -> &'static str {
        match self.method {
            Method::Plain => "",
            Method::Login => "VXNlcm5hbWU6",
        }
    }

    /// A line in base64; `=` stands for an empty one, `*` ends it.
    pub(super) fn hear(&mut self, line: &[u8]) -> Next {
        let line = line.trim_ascii();
        if line == b"*" {
            return Next::Stop;
        }
        let text = mime::of_base64(line);
        match (self.method, self.user.take()) {
            (Method::Plain, _) => {
                let mut parts = text.split(|it| *it == 0).map(<[u8]>::to_vec);
                match (parts.next(), parts.next(), parts.next(), parts.next()) {
                    // Whom it wants to act for is of no interest here.
                    (Some(_), Some(user), Some(password), None) => Next::Try(user, password),
                    _ => Next::Stop,
                }
            }
            (Method::Login, None) => {
                self.user = Some(text);
                Next::Ask("UGFzc3dvcmQ6")
            }
            (Method::Login, Some(user)) => Next::Try(user, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_saying_it_are_understood() {
        let try_it = Next::Try(b"nas".to_vec(), b"secret".to_vec());
        assert_eq!(Said::new(Method::Plain).hear(b"AG5hcwBzZWNyZXQ=\r\n"), try_it);
        assert_eq!(Said::new(Method::Plain).hear(b"YWRtAG5hcwBzZWNyZXQ="), try_it);
        let mut said = Said::new(Method::Login);
        assert_eq!(said.hear(b"bmFz\r\n"), Next::Ask("UGFzc3dvcmQ6"));
        assert_eq!(said.hear(b"c2VjcmV0"), try_it);
        for line in [&b"*"[..], b"", b"=", b"bmFz", b"AG5hcwBzZQBjcmV0"] {
            assert_eq!(Said::new(Method::Plain).hear(line), Next::Stop, "{line:?}");
        }
    }

    #[test]
    fn only_the_whole_of_it_is_right() {
        let login = Login::new("nas", "secret");
        assert!(login.is_right(b"nas", b"secret"));
        for (user, password) in [("nas", "secre"), ("nas", "secret "), ("NAS", "secret"), ("", "")]
        {
            assert!(!login.is_right(user.as_bytes(), password.as_bytes()), "{user} {password}");
        }
        assert!(!format!("{login:?}").contains("secret"));
    }
}
