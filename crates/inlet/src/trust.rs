//! What a mail can prove: that its envelope's sender may use the peer (SPF), and that a domain has
//! signed it (DKIM).
//!
//! Only good news needs proof, so names are looked up only if a job of the mail asks for it. A
//! signature counts if it covers what makes the mail this one: who wrote it, when, with which
//! subject and id. Otherwise the mail of another day could be sent again under a new id. What is there
//! twice is not signed, whatever the signature says: it covers the one and people see the other.
//! What shapes the body (`Content-Type`) need not be covered, since large providers leave it out.
//! `Authentication-Results` and ARC are not believed.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use mail_auth::{
    AuthenticatedMessage, DkimResult, DnsError, DnssecStatus, Error, MX, MessageAuthenticator,
    Parameters, RecordSet, ResolverCache, SpfResult, Txt,
    common::{crypto::Algorithm, parse::TxtRecordParser, verify::DomainKey},
    dkim::Signature,
    hickory_resolver::{config::ResolverConfig, proto::op::ResponseCode},
    spf::{Spf, verify::SpfParameters},
};
use model::Trust;

use crate::{Ears, Fault, Letter, Opened, mime};

/// Signatures of one mail that are looked at; with more none is.
pub const SIGNATURES_MAX: usize = 10;
/// Headers that one signature may cover.
pub const SIGNED_HEADERS_MAX: usize = 200;
/// Proofs that have not come by then are none.
pub const PROVE_TIME_MAX: Duration = Duration::from_secs(20);
/// A signed mail proves nothing any more when its date lies so far from its arrival.
pub const SIGNED_AGE_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Bytes of the least RSA signature that is believed.
const RSA_BYTES_MIN: usize = 128;

/// Headers that a signature has to cover.
const COVERED: [&str; 3] = ["from", "date", "subject"];
/// Headers that may be there once only.
const SINGLE: [&str; 7] = [
    "from",
    "date",
    "subject",
    "message-id",
    "content-type",
    "content-transfer-encoding",
    "mime-version",
];

/// What was proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proofs {
    /// The domain of the envelope's sender, if the peer may send for it.
    pub spf: Option<Arc<str>>,
    /// The domains that have signed it.
    pub dkim: Vec<Arc<str>>,
}

/// What has to be proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// A job asks for SPF.
    pub spf: bool,
    /// A job asks for a signature.
    pub dkim: bool,
}

impl Asked {
    /// What the jobs that a mail is for ask for.
    #[must_use]
    pub fn by(ears: &Ears, letter: &Letter) -> Self {
        ears.find(letter).iter().fold(Self::default(), |asked, it| {
            let Trust { spf, dkim, .. } = &it.ear.job.trust;
            Self { spf: asked.spf || spf.is_some(), dkim: asked.dkim || dkim.is_some() }
        })
    }

    /// Is there anything to prove?
    #[must_use]
    pub fn is_any(self) -> bool {
        self.spf || self.dkim
    }
}

/// Asks for names.
pub struct Resolver {
    asks: MessageAuthenticator,
    fixed: Option<Fixed>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("is_fixed", &self.fixed.is_some()).finish_non_exhaustive()
    }
}

/// The system's resolver cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot look names up: {0}")]
pub struct NoResolver(String);

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A text: an SPF record, or a key.
    Text(String),
    /// Addresses of a host.
    Addresses(Vec<IpAddr>),
    /// Names of mail servers.
    Mail(Vec<String>),
}

impl Resolver {
    /// As the system is set up.
    ///
    /// # Errors
    ///
    /// If its configuration cannot be read.
    pub fn system() -> Result<Self, NoResolver> {
        let asks = MessageAuthenticator::new_system_conf();
        asks.map(|asks| Self { asks, fixed: None }).map_err(|it| NoResolver(it.to_string()))
    }

    /// Knows these names and no others, and asks nobody: for installations without a network, and
    /// for tests.
    ///
    /// # Errors
    ///
    /// If no resolver can be made at all.
    pub fn fixed<'r>(
        records: impl IntoIterator<Item = (&'r str, Record)>,
    ) -> Result<Self, NoResolver> {
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let asks = MessageAuthenticator::new(config, Default::default());
        let asks = asks.map_err(|it| NoResolver(it.to_string()))?;
        let mut fixed = Fixed::default();
        for (name, record) in records {
            fixed.add(name, record);
        }
        Ok(Self { asks, fixed: Some(fixed) })
    }

    fn parameters<P>(&self, params: P) -> Parameters<'_, P, Fixed, Fixed, Fixed, Fixed, Fixed> {
        let cache = self.fixed.as_ref();
        Parameters {
            params,
            cache_txt: cache,
            cache_mx: cache,
            cache_ptr: cache,
            cache_ipv4: cache,
            cache_ipv6: cache,
        }
    }
}

/// Proves what is asked for. Never fails: what cannot be proved is not.
pub async fn prove(opened: &Opened<'_>, asked: Asked, resolver: &Resolver) -> Proofs {
    if !asked.is_any() {
        return Proofs::default();
    }
    let proving = async {
        Proofs {
            spf: if asked.spf { spf(opened, resolver).await } else { None },
            dkim: if asked.dkim { dkim(opened, resolver).await } else { Vec::new() },
        }
    };
    let proving = AssertUnwindSafe(proving).catch_unwind();
    match tokio::time::timeout(PROVE_TIME_MAX, proving).await {
        Ok(Ok(proofs)) => proofs,
        Ok(Err(_)) => {
            tracing::warn!("a mail has broken the reader of signatures");
            Proofs::default()
        }
        Err(_) => {
            tracing::warn!("names for the proofs of a mail were not answered in time");
            Proofs::default()
        }
    }
}

async fn spf(opened: &Opened<'_>, resolver: &Resolver) -> Option<Arc<str>> {
    let peer = opened.letter.peer?;
    let sender = opened.envelope.sender.as_ref()?.trim().to_lowercase();
    let helo = opened.envelope.helo.trim().to_lowercase();
    let domain = sender.rsplit_once('@').map_or(helo.as_str(), |it| it.1);
    let params = SpfParameters::verify_mail_from(peer, &helo, "localhost", &sender);
    let output = resolver.asks.verify_spf(resolver.parameters(params)).await;
    (output.result() == SpfResult::Pass && !domain.is_empty()).then(|| domain.into())
}

async fn dkim(opened: &Opened<'_>, resolver: &Resolver) -> Vec<Arc<str>> {
    let faults = &opened.letter.faults;
    if [Fault::Headers, Fault::NoMail, Fault::Cut].iter().any(|it| faults.contains(it)) {
        return Vec::new();
    }
    let Some(raw) = with_line_ends(opened.raw) else { return Vec::new() };
    let Some(mut message) = AuthenticatedMessage::parse(&raw) else { return Vec::new() };
    if !can_be_signed(&message, opened.envelope.at) {
        return Vec::new();
    }
    let has_id = count(&message, "message-id") > 0;
    message.errors.clear();
    message.dkim_headers.retain(|it| is_believed(&it.header, has_id));
    let mut domains: Vec<Arc<str>> = Vec::new();
    for output in resolver.asks.verify_dkim(resolver.parameters(&message)).await {
        let Some(signature) = output.signature() else { continue };
        let domain: Arc<str> = signature.d.trim_end_matches('.').to_lowercase().into();
        if *output.result() == DkimResult::Pass && !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    domains
}

/// Is there, of everything that matters, one, and is it of these days?
fn can_be_signed(message: &AuthenticatedMessage<'_>, at: model::Moment) -> bool {
    let date = |it: &&(&[u8], &[u8])| it.0.trim_ascii().eq_ignore_ascii_case(b"date");
    let written = message.headers.iter().find(date).and_then(|it| mime::date_of(it.1));
    message.dkim_headers.len() <= SIGNATURES_MAX
        && message.headers.len() <= mime::HEADERS_MAX
        && SINGLE.iter().all(|it| count(message, it) <= 1)
        && written.is_some_and(|it| at.since(it).max(it.since(at)) <= SIGNED_AGE_MAX)
}

fn count(message: &AuthenticatedMessage<'_>, name: &str) -> usize {
    let of = |it: &&(&[u8], &[u8])| it.0.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
    message.headers.iter().filter(of).count()
}

/// A signature that covers enough, by means that still hold, of all of the body.
fn is_believed(signature: &Signature, has_id: bool) -> bool {
    let covers = |name: &str| signature.h.iter().any(|it| it.trim().eq_ignore_ascii_case(name));
    let is_strong = match signature.a {
        Algorithm::RsaSha1 => false,
        Algorithm::RsaSha256 => signature.b.len() >= RSA_BYTES_MIN,
        Algorithm::Ed25519Sha256 => true,
    };
    is_strong
        && signature.l == 0
        && signature.atps.is_none()
        && signature.h.len() <= SIGNED_HEADERS_MAX
        && COVERED.iter().all(|it| covers(it))
        && (!has_id || covers("message-id"))
}

/// Lines end as they were signed. A mail with a carriage return elsewhere is not looked at: for a
/// signature it is not there, for a reader it is.
fn with_line_ends(raw: &[u8]) -> Option<std::borrow::Cow<'_, [u8]>> {
    let mut bare = 0;
    for (at, it) in raw.iter().enumerate() {
        match it {
            b'\r' if raw.get(at + 1) != Some(&b'\n') => return None,
            b'\n' if at == 0 || raw[at - 1] != b'\r' => bare += 1,
            _ => {}
        }
    }
    if bare == 0 {
        return Some(raw.into());
    }
    let mut out = Vec::with_capacity(raw.len() + bare);
    for &it in raw {
        if it == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(it);
    }
    Some(out.into())
}

/// Names that are known; it stands where the library keeps what it has looked up, and has an answer
/// for every name, so nothing is ever looked up.
#[derive(Default)]
struct Fixed {
    texts: HashMap<Box<str>, Txt>,
    v4: HashMap<Box<str>, Arc<[Ipv4Addr]>>,
    v6: HashMap<Box<str>, Arc<[Ipv6Addr]>>,
    mail: HashMap<Box<str>, Arc<[MX]>>,
}

impl Fixed {
    fn add(&mut self, name: &str, record: Record) {
        let name = format!("{}.", name.trim_end_matches('.').to_lowercase()).into_boxed_str();
        match record {
            Record::Text(text) if name.contains("._domainkey.") => {
                self.texts.insert(name, DomainKey::parse(text.as_bytes()).into());
            }
            Record::Text(text) => {
                self.texts.insert(name, Spf::parse(text.as_bytes()).into());
            }
            Record::Addresses(all) => {
                let v4 = all
                    .iter()
                    .filter_map(|it| if let IpAddr::V4(it) = it { Some(*it) } else { None });
                let v6 = all
                    .iter()
                    .filter_map(|it| if let IpAddr::V6(it) = it { Some(*it) } else { None });
                self.v4.insert(name.clone(), v4.collect());
                self.v6.insert(name, v6.collect());
            }
            Record::Mail(hosts) => {
                let exchanges = hosts.iter().map(|it| format!("{it}.").into_boxed_str()).collect();
                self.mail.insert(name, [MX { exchanges, preference: 10 }].into());
            }
        }
    }
}

fn set<T>(rrset: Arc<[T]>) -> RecordSet<T> {
    RecordSet { rrset, dnssec_status: DnssecStatus::Indeterminate }
}

impl ResolverCache<Box<str>, Txt> for Fixed {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        let missing = || Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)));
        Some(self.texts.get(name).cloned().unwrap_or_else(missing))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

/// The rest of what is known is found by name in one table each.
macro_rules! known {
    ($($value:ty, $key:ty, $find:expr;)*) => {$(
        impl ResolverCache<$key, RecordSet<$value>> for Fixed {
            fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<RecordSet<$value>>
            where
                $key: Borrow<Q>,
            {
                let found: Option<Arc<[$value]>> = $find(self, name);
                Some(set(found.unwrap_or_else(|| Arc::from(Vec::new()))))
            }

            fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<RecordSet<$value>>
            where
                $key: Borrow<Q>,
            {
                None
            }

            fn insert(&self, _: $key, _: RecordSet<$value>, _: Instant) {}
        }
    )*};
}

known! {
    Ipv4Addr, Box<str>, |it: &Self, name| it.v4.get(name).cloned();
    Ipv6Addr, Box<str>, |it: &Self, name| it.v6.get(name).cloned();
    MX, Box<str>, |it: &Self, name| it.mail.get(name).cloned();
    Box<str>, IpAddr, |_: &Self, _: &Q| None;
}

#[cfg(test)]
mod tests;
