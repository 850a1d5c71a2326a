//! Object identifiers as numbers, cheap to copy: the same few stand in thousands of checks.

use std::{fmt, str::FromStr, sync::Arc};

/// Most arcs of an object identifier (RFC 3416, section 4.1).
pub(crate) const ARCS_MAX: usize = 128;

/// The name of an object, as numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Oid(Arc<[u32]>);

impl Oid {
    /// Takes in what was checked already: at least two arcs that can be encoded.
    pub(super) fn from_checked(arcs: &[u32]) -> Self {
        debug_assert!(is_encodable(arcs), "checked by the caller");
        Self(Arc::from(arcs))
    }

    /// `None` if it cannot be encoded.
    pub(crate) fn new(arcs: &[u32]) -> Option<Self> {
        is_encodable(arcs).then(|| Self(Arc::from(arcs)))
    }

    /// This one with more arcs behind it.
    pub(crate) fn child(&self, arcs: &[u32]) -> Option<Self> {
        Self::new(&[&self.0, arcs].concat())
    }

    /// The numbers.
    pub(crate) fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// What follows `prefix`, if it begins with it.
    pub(crate) fn strip(&self, prefix: &Self) -> Option<&[u32]> {
        self.0.strip_prefix(prefix.arcs())
    }
}

/// Two arcs at least, no more than the limit, and the first two fit into one encoded number.
fn is_encodable(arcs: &[u32]) -> bool {
    let head = match arcs {
        [0 | 1, second, ..] => *second < 40,
        [2, second, ..] => *second <= u32::MAX - 80,
        _ => false,
    };
    head && arcs.len() <= ARCS_MAX
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|arc| write!(f, ".{arc}"))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Not an object identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an object identifier")]
pub(crate) struct NotAnOid;

impl FromStr for Oid {
    type Err = NotAnOid;

    /// `.1.3.6.1` and `1.3.6.1` alike.
    fn from_str(text: &str) -> Result<Self, NotAnOid> {
        let mut arcs = Vec::new();
        for digits in text.strip_prefix('.').unwrap_or(text).split('.') {
            if arcs.len() == ARCS_MAX || !digits.bytes().all(|it| it.is_ascii_digit()) {
                return Err(NotAnOid);
            }
            arcs.push(digits.parse().map_err(|_| NotAnOid)?);
        }
        Self::new(&arcs).ok_or(NotAnOid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        for text in ["1.3.6.1.2.1.1.3.0", ".1.3.6.1.2.1.1.3.0"] {
            assert_eq!(text.parse::<Oid>().unwrap().to_string(), ".1.3.6.1.2.1.1.3.0");
        }
        assert_eq!(".2.4294967215".parse::<Oid>().unwrap().arcs(), [2, 4_294_967_215]);
    }

    #[test]
    fn what_cannot_be_encoded_is_refused() {
        let long = ".1".repeat(ARCS_MAX + 1);
        for text in
            ["", ".", "1", "..1.3", "1.3.", "3.1", "1.40", "1.3.x", "1.3.4294967296", "1.+3", &long]
        {
            assert_eq!(text.parse::<Oid>(), Err(NotAnOid), "{text}");
        }
        assert_eq!(".2.4294967216".parse::<Oid>(), Err(NotAnOid));
        assert!(".1".repeat(ARCS_MAX).parse::<Oid>().is_ok());
    }

    #[test]
    fn a_child_knows_its_parent() {
        let parent: Oid = ".1.3.6".parse().unwrap();
        let child = parent.child(&[7, 0]).unwrap();
        assert_eq!(child.strip(&parent), Some([7, 0].as_slice()));
        assert_eq!(parent.strip(&child), None);
        assert!(parent < child);
    }
}
