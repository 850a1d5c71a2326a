//! Version 3: users, digests, encryption. A library speaks the protocol; we own the socket and the
//! reasons.
//!
//! The library believes nothing that is not proven, and rightly so: an agent's complaint about a
//! wrong password arrives without proof, so to the library it is silence. To an operator it is the
//! one thing worth knowing. So the [`Ear`] between the library and the socket reads what the
//! library rejects, and when nothing better comes, that becomes the cause. It never becomes a
//! value, and it never makes a look succeed.
//!
//! A client is made for every request: it is a few allocations and two short hashes, and it carries
//! this look's own times. What is dear is kept: the master keys (a megabyte is hashed for each
//! password, on another thread) and what is known of each agent's engine. That is forgotten, and
//! learnt again, whenever an agent does not prove what we expect: the device may have been replaced.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_snmp::{
    Auth, AuthProtocol, Candidate, Client, ClientBuilder, DecodeConfig, DesSaltState, EngineCache,
    Error, MasterKeys, PersistedDesSaltState, PrivProtocol, RequestRegistration, ResponseIdentity,
    Retry, Transport, UsmConfig,
    message::{RawV3Message, SecurityLevel, V3Message},
    v3::{ReportStatus, classify_report},
};
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, Shared},
};
use model::{Cause, CauseCode, Secret};
use tokio::{
    task,
    time::{Instant, timeout_at},
};

use super::{
    exchange::{RESENDS, malformed, overflow, undeliverable, unsent},
    line::{Heard, Line},
    message::{self, ErrorStatus, Operation, Response, Value},
    oid::Oid,
};
use crate::raw::NetworkError;

/// How long a proven answer may still come after an unproven complaint. Both would have left the
/// agent at about the same time.
const GRACE: Duration = Duration::from_millis(100);
/// What is known of an engine is forgotten when it was not used for this long, so that hosts which
/// left the configuration do not stay for ever.
const ENGINE_IDLE_MAX: Duration = Duration::from_secs(6 * 3_600);
/// Idle engines are looked for when there are this many, and then at every doubling.
const ENGINES_SWEEP_MIN: usize = 1_024;
/// Sets of keys that are kept; all are derived again when there are more.
const KEYS_MAX: usize = 65_536;

/// A user, with what proves who he is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct User {
    /// The name.
    pub(crate) name: Arc<str>,
    /// Signs; `None`: the level is noAuthNoPriv.
    pub(crate) auth: Option<(AuthProtocol, Secret)>,
    /// Encrypts; only with `auth`.
    pub(crate) privacy: Option<(PrivProtocol, Secret)>,
    /// Which of the agent's contexts.
    pub(crate) context: Arc<str>,
}

/// To whom, as whom, until when.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    pub(super) address: SocketAddr,
    pub(super) user: &'a User,
    pub(super) deadline: Instant,
}

type KeyTerms = (AuthProtocol, Secret, Option<(PrivProtocol, Secret)>);
type Derived = Shared<LocalBoxFuture<'static, Result<Rc<MasterKeys>, Cause>>>;

/// What is kept of users and engines.
#[derive(Default)]
pub(super) struct Users {
    keys: RefCell<HashMap<KeyTerms, Derived>>,
    engines: RefCell<HashMap<SocketAddr, Engine>>,
    /// Look for idle engines when there are this many.
    sweep_at: Cell<usize>,
    salt: RefCell<Option<DesSaltState>>,
}

struct Engine {
    known: Arc<EngineCache>,
    used_at: Instant,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({} engines)", self.engines.borrow().len())
    }
}

impl Users {
    /// Asks.
    pub(super) async fn ask(
        &self,
        line: &Arc<Line>,
        terms: &Terms<'_>,
        operation: Operation,
        objects: &[Oid],
    ) -> Result<Response, Cause> {
        let auth = self.auth(terms).await?;
        let dropped = line.dropped();
        let names: Vec<async_snmp::Oid> =
            objects.iter().map(|it| async_snmp::Oid::from_slice(it.arcs())).collect();
        let watch = line.watch(terms.address);
        let mut earlier = None;
        loop {
            let ear = Ear::new(line, terms);
            let lenient =
                matches!(earlier, Some(Noted::Report(ReportStatus::NotInTimeWindow { .. })));
            let client = self.client(&ear, auth.clone(), terms, lenient)?;
            let failure = match request(&client, terms, (operation, &names)).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            if let Failure::Answered(cause) = failure {
                return Err(cause);
            }
            let noted = ear.noted();
            if noted.as_ref().is_none_or(Noted::is_about_the_engine) {
                self.engines.borrow_mut().remove(&terms.address);
            }
            let doubtful = noted.as_ref().is_some_and(Noted::is_about_the_engine);
            if doubtful && earlier.is_none() && Instant::now() < terms.deadline {
                // Once more, with what the agent says of itself now.
                earlier = noted;
                continue;
            }
            if noted.is_none() && line.dropped() != dropped {
                return Err(overflow());
            }
            if noted.is_none() && watch.garbled().is_some() {
                return Err(malformed(terms.address, format_args!("it is not SNMP")));
            }
            let told = noted.or(earlier).map(|it| it.cause(terms.address));
            return Err(told.unwrap_or_else(|| ear.silence()));
        }
    }

    async fn auth(&self, terms: &Terms<'_>) -> Result<Auth, Cause> {
        let user = terms.user;
        let config = UsmConfig::new(Bytes::copy_from_slice(user.name.as_bytes()))
            .context_name(Bytes::copy_from_slice(user.context.as_bytes()));
        let Some((protocol, password)) = &user.auth else { return Ok(config.into()) };
        let wanted = (*protocol, password.clone(), user.privacy.clone());
        let Ok(keys) = timeout_at(terms.deadline, self.keys(wanted.clone())).await else {
            return Err(Cause::new(CauseCode::Overload, "no time to derive the keys"));
        };
        if keys.is_err() {
            self.keys.borrow_mut().remove(&wanted);
        }
        let config = config.with_master_keys((*keys?).clone());
        config.map(Auth::from).map_err(|error| internal(&error))
    }

    /// The master keys, derived once, on a thread where that holds nobody up.
    fn keys(&self, terms: KeyTerms) -> Derived {
        let mut keys = self.keys.borrow_mut();
        if let Some(derived) = keys.get(&terms) {
            return derived.clone();
        }
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        let work = task::spawn_blocking({
            let terms = terms.clone();
            move || derive(&terms)
        });
        let derived = async move {
            let keys = work.await.map_err(|error| internal(&error))?;
            keys.map(Rc::new).map_err(|error| internal(&error))
        };
        let derived = derived.boxed_local().shared();
        keys.insert(terms, derived.clone());
        derived
    }

    /// A client for one request. A `lenient` one believes the time that an agent claims without
    /// proof, for one message: some devices cannot sign that claim. All that an attacker gains is
    /// to choose the time in one signed question of ours; an answer must prove itself all the same.
    fn client(
        &self,
        ear: &Ear,
        auth: Auth,
        terms: &Terms<'_>,
        lenient: bool,
    ) -> Result<Client<Ear>, Cause> {
        let left = terms.deadline.saturating_duration_since(Instant::now());
        let retry =
            Retry::fixed(RESENDS, Duration::ZERO).expect("two repeats are within its limit");
        let mut builder = ClientBuilder::new(auth)
            .request_timeout(left / (RESENDS + 1))
            .exchange_timeout(Some(left))
            .retry(retry)
            .max_oids_per_request(super::OBJECTS_PER_REQUEST_MAX)
            .allow_unauthenticated_v3_time_correction(lenient)
            .engine_cache(self.engine(terms.address));
        let privacy = terms.user.privacy.as_ref();
        if privacy.is_some_and(|(protocol, _)| protocol.is_des_family()) {
            builder = builder.des_salt_state(self.salt()?);
        }
        let client = builder.build_with_transport(ear.clone());
        client.map_err(|error| internal(&error))
    }

    fn engine(&self, address: SocketAddr) -> Arc<EngineCache> {
        let now = Instant::now();
        let mut engines = self.engines.borrow_mut();
        if let Some(engine) = engines.get_mut(&address) {
            engine.used_at = now;
            return Arc::clone(&engine.known);
        }
        if engines.len() >= self.sweep_at.get().max(ENGINES_SWEEP_MIN) {
            engines.retain(|_, it| now.duration_since(it.used_at) < ENGINE_IDLE_MAX);
            self.sweep_at.set(engines.len() * 2);
        }
        let known = Arc::new(EngineCache::new());
        engines.insert(address, Engine { known: Arc::clone(&known), used_at: now });
        known
    }

    /// What keeps DES from encrypting twice alike: our number of boots, and a counter. We keep no
    /// number of boots across restarts; one drawn at random does as well.
    fn salt(&self) -> Result<DesSaltState, Cause> {
        use std::hash::{BuildHasher, RandomState};
        const BOOTS_MAX: u64 = 0x7fff_fff0;
        let mut kept = self.salt.borrow_mut();
        if let Some(salt) = &*kept {
            return Ok(salt.clone());
        }
        let boots = u32::try_from(RandomState::new().hash_one(0) % BOOTS_MAX).unwrap_or(0) + 1;
        let previous = PersistedDesSaltState::new(boots).map_err(|error| internal(&error))?;
        let nowhere = |_: &PersistedDesSaltState| Ok::<_, std::io::Error>(());
        let salt = DesSaltState::restart(previous, nowhere).map_err(|error| internal(&error))?;
        Ok(kept.insert(salt).clone())
    }
}

async fn request(
    client: &Client<Ear>,
    terms: &Terms<'_>,
    (operation, names): (Operation, &[async_snmp::Oid]),
) -> Result<Response, Failure> {
    let exchange = async {
        match operation {
            Operation::Get => client.get_many(names).await.map(|it| it.varbinds),
            Operation::GetNext => client.get_next_many(names).await.map(|it| it.varbinds),
            Operation::GetBulk(count) => client.get_bulk(names, 0, count.into()).await,
        }
    };
    match timeout_at(terms.deadline, exchange).await {
        Err(_) => Err(Failure::Silence),
        Ok(Ok(bindings)) => {
            let bindings = bindings.into_iter().map(binding);
            let bindings = bindings.collect::<Result<_, _>>().map_err(Failure::Answered)?;
            Ok(Response { status: ErrorStatus::NONE, index: 0, bindings })
        }
        Ok(Err(error)) => Failure::of(&error, terms.address),
    }
}

fn derive((auth, password, privacy): &KeyTerms) -> async_snmp::CryptoResult<MasterKeys> {
    let keys = MasterKeys::new(*auth, password.reveal().as_bytes())?;
    match privacy {
        None => Ok(keys),
        Some((protocol, same)) if same == password => keys.with_privacy_same_password(*protocol),
        Some((protocol, other)) => keys.with_privacy(*protocol, other.reveal().as_bytes()),
    }
}

fn internal(error: &dyn fmt::Display) -> Cause {
    Cause::new(CauseCode::Internal, format!("SNMPv3: {error}"))
}

/// What the library rejected.
#[derive(Clone, Debug)]
enum Noted {
    /// A complaint, without proof.
    Report(ReportStatus),
    /// An answer that does not prove itself, or that we cannot decrypt.
    Unproven { encrypted: bool },
    /// What came is not version 3 at all.
    Nonsense,
    /// The network could not deliver the request.
    Undeliverable(NetworkError),
}

impl Noted {
    /// May it be so only because the engine is another one than we think?
    fn is_about_the_engine(&self) -> bool {
        match self {
            Self::Report(ReportStatus::UnknownEngineId { .. })
            | Self::Report(ReportStatus::NotInTimeWindow { .. })
            | Self::Unproven { .. } => true,
            Self::Report(_) | Self::Nonsense | Self::Undeliverable(_) => false,
        }
    }

    fn cause(&self, address: SocketAddr) -> Cause {
        match self {
            Self::Report(status) => complaint(status),
            Self::Unproven { encrypted: true } => {
                let text = "the agent's answer cannot be decrypted; compare `priv` on both sides";
                Cause::new(CauseCode::Decryption, text)
            }
            Self::Unproven { encrypted: false } => {
                malformed(address, format_args!("it does not prove that it is the agent's"))
            }
            Self::Nonsense => malformed(address, format_args!("it is not SNMP version 3")),
            Self::Undeliverable(error) => undeliverable(address, *error),
        }
    }
}

fn complaint(status: &ReportStatus) -> Cause {
    let (code, text) = match status {
        ReportStatus::WrongDigest { .. } => {
            (CauseCode::WrongPassword, "the agent says that the password or `auth` is wrong")
        }
        ReportStatus::UnknownUserName { .. } => {
            (CauseCode::UnknownUser, "the agent does not know the user")
        }
        ReportStatus::UnsupportedSecurityLevel { .. } => {
            (CauseCode::SecurityLevel, "the agent does not let the user ask with these means")
        }
        ReportStatus::DecryptionError { .. } => {
            let text = "the agent cannot decrypt the request: `priv_password` or `priv` is wrong";
            (CauseCode::Decryption, text)
        }
        other => return Cause::new(CauseCode::SnmpError, format!("the agent reports {other}")),
    };
    Cause::new(code, text)
}

/// How a request failed.
#[derive(Debug)]
enum Failure {
    /// Nothing came that the library could accept.
    Silence,
    /// Something came, or something of our own broke; this is the cause.
    Answered(Cause),
}

impl Failure {
    /// What an error of the library means. An error that the agent reports in a good answer is an
    /// answer.
    fn of(error: &Error, address: SocketAddr) -> Result<Response, Self> {
        Err(match error.exchange_source() {
            Error::Snmp { status, index, .. } => {
                let status = ErrorStatus(status.as_i32());
                let index = usize::try_from(*index).unwrap_or(0);
                return Ok(Response { status, index, bindings: Vec::new() });
            }
            Error::Timeout { .. } | Error::Auth { .. } => Self::Silence,
            Error::Report { status, .. } => Self::Answered(complaint(status)),
            Error::Network { source, .. } => Self::Answered(unsent(address, source)),
            Error::Decode(_) | Error::MalformedResponse { .. } | Error::ResponseShape { .. } => {
                Self::Answered(malformed(address, format_args!("it cannot be read")))
            }
            other => Self::Answered(internal(other)),
        })
    }
}

/// The library's way to one agent: over our line, and with us listening.
#[derive(Clone)]
struct Ear {
    line: Arc<Line>,
    address: SocketAddr,
    /// Is what we ask encrypted?
    encrypts: bool,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    noted: Option<Noted>,
    /// What the agent answered before it fell silent.
    accepted: Option<SecurityLevel>,
}

impl Ear {
    fn new(line: &Arc<Line>, terms: &Terms<'_>) -> Self {
        let encrypts = terms.user.privacy.is_some();
        Self { line: Arc::clone(line), address: terms.address, encrypts, notes: Arc::default() }
    }

    fn note(&self, note: impl FnOnce(&mut Notes)) {
        note(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn noted(&self) -> Option<Noted> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).noted.clone()
    }

    /// The cause when nothing came that tells more.
    ///
    /// Some agents, net-snmp's among them, drop what they cannot decrypt without a word. But they
    /// first look at the signature and the time, which are in the clear, and with a clock that they
    /// do not know yet they answer, signed. Who does that and is silent afterwards found the
    /// signature good.
    fn silence(&self) -> Cause {
        let accepted = self.notes.lock().unwrap_or_else(PoisonError::into_inner).accepted;
        let address = self.address;
        match accepted {
            Some(SecurityLevel::AuthNoPriv | SecurityLevel::AuthPriv) if self.encrypts => {
                let text = "the agent finds the signature good and does not answer what is \
                            encrypted: `priv_password` or `priv` is wrong";
                Cause::new(CauseCode::Decryption, text)
            }
            Some(_) => {
                let text = format!("{address} said who it is and did not answer the request");
                Cause::new(CauseCode::Timeout, text)
            }
            None => Cause::new(CauseCode::Timeout, format!("no answer from {address}")),
        }
    }

    fn timeout(&self) -> Box<Error> {
        let elapsed = Duration::ZERO;
        Error::Timeout { target: self.address, elapsed, retries: 0 }.boxed()
    }

    fn failed(&self, source: std::io::Error) -> Box<Error> {
        Error::Network { target: self.address, source }.boxed()
    }
}

impl Transport for Ear {
    async fn send(&self, data: &[u8]) -> async_snmp::Result<()> {
        self.line.send(data, self.address).await.map_err(|error| self.failed(error))
    }

    async fn request_with<T, F>(
        &self,
        data: &[u8],
        registration: RequestRegistration,
        mut validate: F,
    ) -> async_snmp::Result<T>
    where
        T: Send,
        F: FnMut(Bytes, SocketAddr) -> async_snmp::Result<Candidate<T>> + Send,
    {
        let ids = std::iter::once(registration.request_id()).chain(registration.aliases().clone());
        let ids = ids.filter_map(|it| u32::try_from(it).ok());
        let (mut slot, mut heard) = self.line.expect_candidates(ids, self.address);
        let mut until = registration.deadline();
        match timeout_at(until, self.send(data)).await {
            Ok(sent) => sent?,
            Err(_) => return Err(self.timeout()),
        }
        loop {
            let candidate = match timeout_at(until, heard.recv()).await {
                Ok(Some(Heard::Candidate(candidate))) => candidate,
                Ok(Some(Heard::Undeliverable(error))) => {
                    self.note(|it| it.noted = Some(Noted::Undeliverable(error)));
                    return Err(Error::Auth { target: self.address }.boxed());
                }
                Ok(Some(_)) => continue,
                Ok(None) => return Err(Error::Closed { target: self.address }.boxed()),
                Err(_) if until < registration.deadline() => {
                    return Err(Error::Auth { target: self.address }.boxed());
                }
                Err(_) => return Err(self.timeout()),
            };
            let identity = registration.evaluate_response_identity(&candidate, true);
            if identity != ResponseIdentity::Reject
                && let Candidate::Accept(value) = validate(candidate.clone(), self.address)?
            {
                slot.settle();
                self.note(|it| it.accepted = it.accepted.max(level_of(&candidate)));
                return Ok(value);
            }
            self.note(|it| it.noted = Some(read_rejected(&candidate)));
            until = until.min(Instant::now() + GRACE);
        }
    }

    fn peer_addr(&self) -> SocketAddr {
        self.address
    }

    fn local_addr(&self) -> SocketAddr {
        self.line.local_address()
    }

    fn alloc_request_id(&self) -> i32 {
        i32::try_from(self.line.fresh_id()).expect("it has 31 bits")
    }

    fn is_reliable(&self) -> bool {
        false
    }
}

fn level_of(message: &Bytes) -> Option<SecurityLevel> {
    let raw = RawV3Message::decode(message.clone(), DecodeConfig::default()).ok()?;
    Some(raw.value.security_level())
}

/// What a message says that the library would not take.
fn read_rejected(message: &Bytes) -> Noted {
    let config = DecodeConfig::default();
    let Ok(raw) = RawV3Message::decode(message.clone(), config) else { return Noted::Nonsense };
    let level = raw.value.security_level();
    if level != SecurityLevel::NoAuthNoPriv {
        return Noted::Unproven { encrypted: level == SecurityLevel::AuthPriv };
    }
    let Ok(message) = V3Message::decode(message.clone(), config) else { return Noted::Nonsense };
    match message.value.pdu().map(classify_report) {
        Some(Ok(status)) => Noted::Report(status),
        _ => Noted::Unproven { encrypted: false },
    }
}

/// One object of an answer, in our words.
fn binding(binding: async_snmp::VarBind) -> Result<(Oid, Value), Cause> {
    use async_snmp::Value as Theirs;
    let unreadable = || Cause::new(CauseCode::Malformed, "the answer has an unreadable value");
    let name = |oid: &async_snmp::Oid| Oid::new(oid.arcs()).ok_or_else(unreadable);
    let value = match binding.value {
        Theirs::Integer(number) => Value::Integer(number.into()),
        Theirs::OctetString(bytes) | Theirs::Nsap(bytes) => Value::Bytes(bytes[..].into()),
        Theirs::Null => Value::Null,
        Theirs::ObjectIdentifier(oid) => Value::Name(name(&oid)?),
        Theirs::IpAddress(address) => Value::Address(address),
        Theirs::Counter32(number) | Theirs::Gauge32(number) | Theirs::UInteger32(number) => {
            Value::Unsigned(number.into())
        }
        Theirs::TimeTicks(ticks) => Value::Ticks(ticks),
        Theirs::Opaque(bytes) => message::opaque(&bytes),
        Theirs::Counter64(number) => Value::Unsigned(number),
        Theirs::NoSuchObject => Value::NoSuchObject,
        Theirs::NoSuchInstance => Value::NoSuchInstance,
        Theirs::EndOfMibView => Value::EndOfMibView,
        _ => return Err(unreadable()),
    };
    Ok((name(&binding.oid)?, value))
}
