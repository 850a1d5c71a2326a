//! What an error of the operating system says about whose fault it is.
//!
//! One table for all wires, because "we ran out of ports" and "they refused" must never be mixed
//! up, whichever kind met them.

use std::io;

use model::{Cause, CauseCode};

/// The cause behind an error of a socket call.
pub(crate) fn code_of(error: &io::Error) -> CauseCode {
    match error.raw_os_error() {
        Some(number) => code_of_number(number).unwrap_or(CauseCode::Internal),
        None => code_of_kind(error.kind()),
    }
}

/// The same with a text that begins with what was attempted: `connect: Connection refused`.
pub(crate) fn cause_of(attempt: &str, error: &io::Error) -> Cause {
    Cause::new(code_of(error), format!("{attempt}: {error}"))
}

/// `None` for a number that says nothing about whose fault it is.
fn code_of_number(number: i32) -> Option<CauseCode> {
    Some(match number {
        libc::EMFILE | libc::ENFILE => CauseCode::Descriptors,
        // A port that is taken and a port that is not to be had are the same shortage. For a
        // missing address of our own see `NoRoute`; only the wire that binds to one can tell.
        libc::EADDRNOTAVAIL | libc::EADDRINUSE => CauseCode::Ports,
        libc::ENOBUFS | libc::ENOMEM => CauseCode::Buffers,
        libc::EPERM | libc::EACCES => CauseCode::NoRight,
        libc::ENETUNREACH | libc::ENETDOWN | libc::EAFNOSUPPORT => CauseCode::NoRoute,
        libc::EHOSTUNREACH | libc::EHOSTDOWN => CauseCode::Unreachable,
        libc::ECONNREFUSED => CauseCode::Refused,
        libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED => CauseCode::Reset,
        libc::ETIMEDOUT => CauseCode::Timeout,
        _ => return None,
    })
}

/// Errors that a library made up have no number.
fn code_of_kind(kind: io::ErrorKind) -> CauseCode {
    match kind {
        io::ErrorKind::ConnectionRefused => CauseCode::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => CauseCode::Reset,
        io::ErrorKind::UnexpectedEof => CauseCode::Closed,
        io::ErrorKind::TimedOut => CauseCode::Timeout,
        io::ErrorKind::HostUnreachable => CauseCode::Unreachable,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => CauseCode::NoRoute,
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => CauseCode::Ports,
        io::ErrorKind::PermissionDenied => CauseCode::NoRight,
        io::ErrorKind::OutOfMemory => CauseCode::Buffers,
        _ => CauseCode::Internal,
    }
}

#[cfg(test)]
mod tests {
    use model::Owner;

    use super::*;

    fn code(number: i32) -> CauseCode {
        code_of(&io::Error::from_raw_os_error(number))
    }

    #[test]
    fn our_own_exhaustion_is_ours() {
        for (number, expected) in [
            (libc::EMFILE, CauseCode::Descriptors),
            (libc::ENFILE, CauseCode::Descriptors),
            (libc::EADDRNOTAVAIL, CauseCode::Ports),
            (libc::ENOBUFS, CauseCode::Buffers),
            (libc::ENOMEM, CauseCode::Buffers),
            (libc::EPERM, CauseCode::NoRight),
            (libc::EACCES, CauseCode::NoRight),
            (libc::ENETUNREACH, CauseCode::NoRoute),
            (libc::EAFNOSUPPORT, CauseCode::NoRoute),
            (libc::EINVAL, CauseCode::Internal),
        ] {
            assert_eq!(code(number), expected);
            assert_eq!(code(number).owner(), Owner::Ours, "{expected}");
        }
    }

    #[test]
    fn the_targets_silence_is_theirs() {
        for (number, expected) in [
            (libc::EHOSTUNREACH, CauseCode::Unreachable),
            (libc::ECONNREFUSED, CauseCode::Refused),
            (libc::ECONNRESET, CauseCode::Reset),
            (libc::EPIPE, CauseCode::Reset),
            (libc::ETIMEDOUT, CauseCode::Timeout),
        ] {
            assert_eq!(code(number), expected);
            assert_eq!(code(number).owner(), Owner::Theirs, "{expected}");
        }
    }

    #[test]
    fn an_error_without_a_number_is_told_by_its_kind() {
        let eof = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(code_of(&eof), CauseCode::Closed);
        assert_eq!(code_of(&io::Error::other("strange")), CauseCode::Internal);
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        assert!(cause_of("connect", &refused).text.starts_with("connect: "));
    }
}
