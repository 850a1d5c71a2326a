//! What the certificates of a server say about themselves.
//!
//! The facts are read apart from their verification: an expired certificate, or one nobody
//! vouches for, still has an end that an operator wants to see. They come from the target and are
//! believed by nobody else: bytes that make no certificate are left out, never an error.

use std::{collections::HashMap, fmt::Write as _};

use tokio_rustls::rustls::{crypto::ring::cipher_suite, pki_types::CertificateDer};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

/// More certificates than this in one chain are refused; real ones have two to five.
pub(crate) const CERTIFICATES_MAX: usize = 16;

/// The facts of one chain. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// When the first of the certificates that the server sent ends.
    pub(crate) earliest_end: i64,
    /// When the server's own begins and ends.
    pub(crate) leaf_begin: i64,
    pub(crate) leaf_end: i64,
    /// When the first certificate between the server's own and a trusted root ends, both included;
    /// `None` when the way does not lead to one.
    pub(crate) trusted_end: Option<i64>,
    /// SHA-256 of the server's own, in hexadecimal.
    pub(crate) fingerprint: String,
    /// Does the server's own name itself as its issuer?
    pub(crate) self_issued: bool,
}

/// When each trusted root ends, by the bytes of its name; of several with one name the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct RootEnds(HashMap<Box<[u8]>, i64>);

impl RootEnds {
    /// Reads one root.
    pub(crate) fn add(&mut self, root: &CertificateDer<'_>) {
        let Ok((_, parsed)) = X509Certificate::from_der(root) else { return };
        let end = parsed.validity().not_after.timestamp();
        let known = self.0.entry(parsed.subject().as_raw().into()).or_insert(end);
        *known = end.max(*known);
    }
}

impl Chain {
    /// Reads what the server sent, its own certificate first; `None` if that cannot be read.
    pub(crate) fn read(sent: &[CertificateDer<'_>], roots: &RootEnds) -> Option<Self> {
        let parsed: Vec<_> = sent.iter().take(CERTIFICATES_MAX).map(parse).collect();
        let leaf = parsed.first()?.as_ref()?;
        let ends = parsed.iter().flatten().map(|it| it.validity().not_after.timestamp());
        Some(Self {
            earliest_end: ends.min()?,
            leaf_begin: leaf.validity().not_before.timestamp(),
            leaf_end: leaf.validity().not_after.timestamp(),
            trusted_end: trusted_end(leaf, &parsed, roots),
            fingerprint: sha256_hex(&sent[0]),
            self_issued: leaf.issuer().as_raw() == leaf.subject().as_raw(),
        })
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed)
}

/// Walks by names from `leaf` to a root. Names, not signatures: the verifier has checked those, and
/// without its blessing nobody looks at the answer.
fn trusted_end(
    leaf: &X509Certificate<'_>,
    sent: &[Option<X509Certificate<'_>>],
    roots: &RootEnds,
) -> Option<i64> {
    let mut end = leaf.validity().not_after.timestamp();
    let mut at = leaf;
    // Each step uses one certificate up, so a circle ends too.
    for _ in 0..=sent.len() {
        if let Some(root_end) = roots.0.get(at.issuer().as_raw()) {
            return Some(end.min(*root_end));
        }
        let issuer = at.issuer().as_raw();
        at = sent.iter().skip(1).flatten().find(|it| it.subject().as_raw() == issuer)?;
        end = end.min(at.validity().not_after.timestamp());
    }
    None
}

/// `2026-11-21`, for messages.
pub(crate) fn day(seconds: i64) -> String {
    x509_parser::time::ASN1Time::from_timestamp(seconds)
        .map_or_else(|_| format!("second {seconds}"), |it| it.to_datetime().date().to_string())
}

/// The hash comes from the cipher suites that are here anyway.
fn sha256_hex(bytes: &[u8]) -> String {
    let suite = cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = suite.tls13().map(|it| it.common.hash_provider.hash(bytes));
    let hash = hash.expect("a TLS 1.3 suite has its hash");
    hash.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
    };

    use super::*;

    fn named(name: &str, end: i32) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(end, 1, 1);
        params
    }

    /// A leaf until 2050, an intermediate until 2040, a root until 2060.
    fn chain() -> [CertificateDer<'static>; 3] {
        let key = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(named("root", 2060), key()).unwrap();
        let middle = CertifiedIssuer::signed_by(named("middle", 2040), key(), &root).unwrap();
        let leaf = named("leaf", 2050).signed_by(&key(), &middle).unwrap();
        [leaf.der().clone(), middle.der().clone(), root.der().clone()]
    }

    fn end(year: i32) -> i64 {
        date_time_ymd(year, 1, 1).unix_timestamp()
    }

    #[test]
    fn the_earliest_end_counts() {
        let [leaf, middle, root] = chain();
        let mut roots = RootEnds::default();
        let without = Chain::read(&[leaf.clone(), middle.clone()], &roots).unwrap();
        assert_eq!(without.earliest_end, end(2040));
        assert_eq!(without.leaf_end, end(2050));
        assert_eq!(without.trusted_end, None);
        assert!(!without.self_issued);
        roots.add(&root);
        // The order in which the others come does not matter, nor what does not belong.
        let with = Chain::read(&[leaf.clone(), chain()[0].clone(), middle], &roots).unwrap();
        assert_eq!(with.trusted_end, Some(end(2040)));
        // Without the intermediate no way leads to the root.
        assert_eq!(Chain::read(&[leaf], &roots).unwrap().trusted_end, None);
        assert!(Chain::read(&[root], &roots).unwrap().self_issued);
    }

    #[test]
    fn a_circle_of_issuers_ends() {
        let key = || KeyPair::generate().unwrap();
        let a = CertifiedIssuer::self_signed(named("a", 2050), key()).unwrap();
        let b = CertifiedIssuer::self_signed(named("b", 2050), key()).unwrap();
        let a_by_b = named("a", 2050).signed_by(&key(), &b).unwrap();
        let b_by_a = named("b", 2050).signed_by(&key(), &a).unwrap();
        let sent = [a_by_b.der().clone(), b_by_a.der().clone(), a_by_b.der().clone()];
        assert_eq!(Chain::read(&sent, &RootEnds::default()).unwrap().trusted_end, None);
    }

    #[test]
    fn what_is_no_certificate_is_left_out() {
        let nothing = CertificateDer::from(b"nonsense".to_vec());
        let roots = RootEnds::default();
        assert_eq!(Chain::read(&[], &roots), None);
        assert_eq!(Chain::read(std::slice::from_ref(&nothing), &roots), None);
        let [leaf, ..] = chain();
        assert_eq!(Chain::read(&[leaf, nothing], &roots).unwrap().earliest_end, end(2050));
    }

    proptest! {
        /// Whatever a server sends, reading it ends, and without a panic.
        #[test]
        fn a_damaged_certificate_harms_nobody(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            length in any::<prop::sample::Index>(),
        ) {
            static SENT: std::sync::LazyLock<[CertificateDer<'static>; 3]> =
                std::sync::LazyLock::new(chain);
            let mut bytes = SENT[0].to_vec();
            for (place, byte) in edits {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes.truncate(length.index(bytes.len()) + 1);
            let mut roots = RootEnds::default();
            roots.add(&SENT[2]);
            let damaged = CertificateDer::from(bytes);
            roots.add(&damaged);
            let read = Chain::read(&[damaged, SENT[1].clone()], &roots);
            prop_assert!(read.is_none_or(|it| it.fingerprint.len() == 64));
        }
    }
}
