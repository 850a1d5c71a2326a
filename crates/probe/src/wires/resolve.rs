//! Names to addresses, apart from the looks that need them.
//!
//! One resolver for each world, with one cache, so that a thousand services behind one name cost
//! the name server one question. An address literal never gets here in earnest: it is answered
//! without a task and without an allocation, so looks by address do not notice an outage of DNS.
//!
//! The system's own files decide (`/etc/hosts`, `/etc/resolv.conf`), and are read again when they
//! change. No answer outlives its time to live: a stale address would let us judge a host that is
//! no longer the one we were told to watch. So while no name server answers, looks by name say
//! `name-timeout`, and looks by address go on.

use std::{
    cell::{Cell, RefCell},
    fs::{self, File},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    rc::Rc,
    time::{Duration, SystemTime},
};

use hickory_resolver::{
    Hosts, TokioResolver,
    config::{ResolveHosts, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::{Query, ResponseCode},
        rr::{Name, RecordType},
    },
    system_conf,
};
use model::{Cause, CauseCode};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::errno;

/// Questions under way at one time. Each may hold a socket, and a shard that begins ten thousand
/// looks by name at once must not spend its descriptors on them.
const QUERIES_MAX: usize = 256;
/// The system's files are compared with what we read from them no more often than this.
const FILES_EVERY: Duration = Duration::from_secs(5);

/// The files that decide.
#[derive(Clone, Copy, Debug)]
struct Files<'a> {
    hosts: &'a Path,
    servers: &'a Path,
}

impl Files<'_> {
    /// When each of them was last changed, as far as anybody can tell.
    fn changed_at(self) -> [Option<SystemTime>; 2] {
        [self.hosts, self.servers].map(|it| fs::metadata(it).and_then(|it| it.modified()).ok())
    }
}

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    /// IPv4 if the name has such an address, else IPv6.
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    /// Is `address` one of these?
    pub(crate) fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// For messages.
    fn word(self) -> &'static str {
        match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    /// This machine.
    fn loopback(self) -> IpAddr {
        match self {
            Self::Any | Self::V4 => Ipv4Addr::LOCALHOST.into(),
            Self::V6 => Ipv6Addr::LOCALHOST.into(),
        }
    }

    /// What to ask for, in this order.
    fn record_types(self) -> &'static [RecordType] {
        match self {
            Self::Any => &[RecordType::A, RecordType::AAAA],
            Self::V4 => &[RecordType::A],
            Self::V6 => &[RecordType::AAAA],
        }
    }

    /// The first address in `lookup` that is wanted; a lookup may hold aliases too.
    fn pick(self, lookup: &Lookup) -> Option<IpAddr> {
        let addresses = lookup.answers().iter().filter_map(|it| it.data.ip_addr());
        addresses.into_iter().find(|it| self.has(*it))
    }
}

/// An address, and how long it took to learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The first address of the wanted family.
    pub(crate) address: IpAddr,
    /// Zero for an address literal.
    pub(crate) took: Duration,
}

/// Learns addresses.
#[derive(Debug)]
pub(crate) struct Resolver {
    files: Files<'static>,
    system: RefCell<Rc<System>>,
    compared_at: Cell<Instant>,
    queries: Semaphore,
}

/// What the system's files said.
#[derive(Debug)]
struct System {
    hosts: Hosts,
    /// A cause of our own when there is no name server to ask; the hosts file still is of use.
    dns: Result<TokioResolver, Cause>,
    changed_at: [Option<SystemTime>; 2],
}

impl Resolver {
    /// A resolver that follows the system's files.
    pub(crate) fn new() -> Self {
        let hosts = Path::new("/etc/hosts");
        Self::over(Files { hosts, servers: Path::new("/etc/resolv.conf") })
    }

    fn over(files: Files<'static>) -> Self {
        Self {
            files,
            system: RefCell::new(Rc::new(System::read(files))),
            compared_at: Cell::new(Instant::now()),
            queries: Semaphore::new(QUERIES_MAX),
        }
    }

    /// The address of `name`, which may be an address itself, in brackets or not.
    ///
    /// # Errors
    /// `name-not-found`, `name-failure` and `name-timeout` are the name's; a missing name server
    /// in the system's files and our own exhaustion are ours.
    pub(crate) async fn resolve(
        &self,
        name: &str,
        family: Family,
        deadline: Instant,
    ) -> Result<Resolved, Cause> {
        if let Some(address) = literal(name) {
            return match family.has(address) {
                true => Ok(Resolved { address, took: Duration::ZERO }),
                false => Err(no_address(name, family)),
            };
        }
        let started = Instant::now();
        let address = self.look_up(name, family, deadline).await?;
        Ok(Resolved { address, took: started.elapsed() })
    }

    async fn look_up(
        &self,
        name: &str,
        family: Family,
        deadline: Instant,
    ) -> Result<IpAddr, Cause> {
        let parsed = parse(name)?;
        let system = self.system();
        if let Some(address) = system.host(&parsed, family) {
            return Ok(address);
        }
        if parsed.is_localhost() {
            return Ok(family.loopback());
        }
        let dns = system.dns.as_ref().map_err(Clone::clone)?;
        let Ok(permit) = timeout_at(deadline, self.queries.acquire()).await else {
            let text = format!("{name}: {QUERIES_MAX} other names are being resolved already");
            return Err(Cause::new(CauseCode::Overload, text));
        };
        let permit = permit.expect("the semaphore is never closed");
        let asked = timeout_at(deadline, ask(dns, name, &parsed, family)).await;
        drop(permit);
        asked.unwrap_or_else(|_| Err(silence(name)))
    }

    /// What the files say now.
    fn system(&self) -> Rc<System> {
        let now = Instant::now();
        if now.duration_since(self.compared_at.get()) >= FILES_EVERY {
            self.compared_at.set(now);
            if self.system.borrow().changed_at != self.files.changed_at() {
                self.system.replace(Rc::new(System::read(self.files)));
            }
        }
        Rc::clone(&self.system.borrow())
    }
}

impl System {
    fn read(files: Files<'_>) -> Self {
        // Taken first: a change while we read is then seen the next time.
        let changed_at = files.changed_at();
        let mut hosts = Hosts::default();
        if let Err(error) = File::open(files.hosts).and_then(|it| hosts.read_hosts_conf(it)) {
            tracing::debug!(%error, "no hosts file");
        }
        let dns = fs::read(files.servers)
            .map_err(NetError::from)
            .and_then(system_conf::parse_resolv_conf)
            .and_then(|(servers, options)| over_servers(servers, options))
            .map_err(|error| unusable(files.servers, &error));
        Self { hosts, dns, changed_at }
    }

    /// The hosts file speaks first, for either family, as it does for every other program.
    fn host(&self, name: &Name, family: Family) -> Option<IpAddr> {
        family.record_types().iter().find_map(|record_type| {
            let query = Query::query(name.clone(), *record_type);
            family.pick(&self.hosts.lookup_static_host(&query)?)
        })
    }
}

/// A resolver over these servers. The hosts file has been asked already when it is.
fn over_servers(
    servers: ResolverConfig,
    mut options: ResolverOpts,
) -> Result<TokioResolver, NetError> {
    options.use_hosts_file = ResolveHosts::Never;
    // One connection must carry as many questions as we let out; else it answers "busy".
    options.max_active_requests = QUERIES_MAX;
    let mut builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build()
}

/// Asks for one family after the other; only a name that has no such address leads on.
async fn ask(
    dns: &TokioResolver,
    name: &str,
    parsed: &Name,
    family: Family,
) -> Result<IpAddr, Cause> {
    let mut last = no_address(name, family);
    for record_type in family.record_types() {
        match dns.lookup(parsed.clone(), *record_type).await {
            Ok(lookup) => match family.pick(&lookup) {
                Some(address) => return Ok(address),
                None => last = no_address(name, family),
            },
            Err(error) => {
                last = cause(name, family, &error);
                if last.code != CauseCode::NameNotFound {
                    break;
                }
            }
        }
    }
    Err(last)
}

/// Refuses what can never be a host name before any name server is troubled with it.
fn parse(name: &str) -> Result<Name, Cause> {
    let bad = |why: String| {
        Cause::new(CauseCode::NameNotFound, format!("`{name}` is no host name: {why}"))
    };
    let stray = |it: &char| it.is_whitespace() || it.is_control() || "/:%@[]\\".contains(*it);
    if let Some(stray) = name.chars().find(stray) {
        return Err(bad(format!("it holds {stray:?}")));
    }
    let parsed = Name::from_utf8(name).map_err(|error| bad(error.to_string()))?;
    if parsed.is_root() {
        return Err(bad("it is empty".into()));
    }
    Ok(parsed)
}

/// The address that `name` spells out.
fn literal(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok(),
    }
}

fn no_address(name: &str, family: Family) -> Cause {
    let text = format!("{name} has no {} address", family.word());
    Cause::new(CauseCode::NameNotFound, text)
}

fn silence(name: &str) -> Cause {
    Cause::new(CauseCode::NameTimeout, format!("{name}: no name server answered in time"))
}

/// The machine is not set up to resolve names.
fn unusable(file: &Path, error: &NetError) -> Cause {
    Cause::new(CauseCode::Internal, format!("cannot use {}: {error}", file.display()))
}

/// Whose fault it is that there is no answer.
fn cause(name: &str, family: Family, error: &NetError) -> Cause {
    let failure = |what: String| Cause::new(CauseCode::NameFailure, format!("{name}: {what}"));
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => {
                Cause::new(CauseCode::NameNotFound, format!("{name} does not exist"))
            }
            _ => no_address(name, family),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => {
            failure(format!("the name server answered `{code}`"))
        }
        NetError::Timeout => silence(name),
        NetError::Busy => {
            Cause::new(CauseCode::Overload, format!("{name}: our resolver has too much to do"))
        }
        NetError::Io(error) => match errno::code_of(error) {
            // A name server that refuses or resets is broken, but the name is not.
            CauseCode::Refused | CauseCode::Reset | CauseCode::Closed => {
                failure(format!("the name server: {error}"))
            }
            CauseCode::Unreachable | CauseCode::Timeout => silence(name),
            code => Cause::new(code, format!("{name}: asking the name server: {error}")),
        },
        other => failure(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use hickory_resolver::config::{ConnectionConfig, NameServerConfig};
    use tokio::{net::UdpSocket, task::LocalSet};

    use super::*;

    /// Longer than any answer takes; no test waits for it unless it says so.
    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// A resolver over files of its own, which must not exist at first.
    fn resolver_over(folder: &Path) -> Resolver {
        let leak = |name| -> &'static Path { Box::leak(folder.join(name).into_boxed_path()) };
        Resolver::over(Files { hosts: leak("hosts"), servers: leak("resolv.conf") })
    }

    /// A resolver that asks a name server on `port` of the loopback, with a hosts file.
    fn resolver(port: u16, hosts: &str) -> Resolver {
        let mut udp = ConnectionConfig::udp();
        udp.port = port;
        let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![udp]);
        let servers = ResolverConfig::from_parts(None, vec![], vec![server]);
        let dns = Ok(over_servers(servers, ResolverOpts::default()).unwrap());
        let mut read = Hosts::default();
        read.read_hosts_conf(hosts.as_bytes()).unwrap();
        let resolver = resolver_over(Path::new("/nonexistent"));
        resolver.system.replace(Rc::new(System { hosts: read, dns, changed_at: [None; 2] }));
        resolver
    }

    /// A name server that misbehaves by name: what the first label says is what it does.
    async fn serve(socket: Arc<UdpSocket>) {
        let mut bytes = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
            if let Some(answer) = answer(&bytes[..length]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    }

    /// Answers by hand, so that the test does not use the code that it tests.
    fn answer(query: &[u8]) -> Option<Vec<u8>> {
        let label = &query[13..13 + usize::from(query[12])];
        let mut end = 12;
        while query[end] != 0 {
            end += 1 + usize::from(query[end]);
        }
        let record_type = query[end + 2];
        let question = &query[12..end + 5];
        let (code, record): (u8, &[u8]) = match (label, record_type) {
            (b"silent", _) => return None,
            (b"broken", _) => (2, &[]),
            (b"absent", _) => (3, &[]),
            (b"both" | b"four", 1) => (0, &[192, 0, 2, 7]),
            (b"both" | b"six", 28) => {
                (0, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7])
            }
            _ => (0, &[]),
        };
        let mut answer = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0];
        answer.extend([u8::from(!record.is_empty()), 0, 0, 0, 0]);
        answer.extend(question);
        if !record.is_empty() {
            let length = u8::try_from(record.len()).unwrap();
            answer.extend([0xc0, 12, 0, record_type, 0, 1, 0, 0, 0, 60, 0, length]);
            answer.extend(record);
        }
        Some(answer)
    }

    async fn with_server<F: Future>(test: impl FnOnce(u16) -> F) -> F::Output {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let server = tokio::spawn(serve(Arc::new(socket)));
        let out = LocalSet::new().run_until(test(port)).await;
        server.abort();
        out
    }

    #[tokio::test]
    async fn a_literal_needs_no_name_server() {
        let resolver = resolver_over(Path::new("/nonexistent"));
        for (text, family, expected) in [
            ("192.0.2.1", Family::Any, Some("192.0.2.1")),
            ("192.0.2.1", Family::V4, Some("192.0.2.1")),
            ("192.0.2.1", Family::V6, None),
            ("::1", Family::Any, Some("::1")),
            ("[::1]", Family::V6, Some("::1")),
            ("[2001:db8::1]", Family::V4, None),
        ] {
            let found = resolver.resolve(text, family, soon()).await;
            match expected {
                Some(expected) => {
                    let resolved = found.unwrap();
                    assert_eq!(resolved.address, address(expected));
                    assert_eq!(resolved.took, Duration::ZERO);
                }
                None => assert_eq!(found.unwrap_err().code, CauseCode::NameNotFound),
            }
        }
        // A name is a fault of ours on a machine that cannot resolve any.
        let cause = resolver.resolve("example.test", Family::Any, soon()).await.unwrap_err();
        assert_eq!(cause.code, CauseCode::Internal);
        assert!(cause.text.starts_with("cannot use /nonexistent/resolv.conf: "), "{cause}");
    }

    #[tokio::test]
    async fn changed_files_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let resolver = resolver_over(folder.path());
        let text = |cause: Cause| cause.text.into_string();
        fs::write(folder.path().join("resolv.conf"), "search test\n").unwrap();
        fs::write(folder.path().join("hosts"), "192.0.2.5 nas\n").unwrap();
        let missing = text(resolver.resolve("nas", Family::Any, soon()).await.unwrap_err());
        assert!(missing.contains("No such file"), "not looked at again so soon: {missing}");

        let long_ago = Instant::now().checked_sub(FILES_EVERY).unwrap();
        resolver.compared_at.set(long_ago);
        let found = resolver.resolve("nas", Family::Any, soon()).await.unwrap();
        assert_eq!(found.address, address("192.0.2.5"));
        let empty = text(resolver.resolve("other", Family::Any, soon()).await.unwrap_err());
        assert!(empty.contains("no nameservers"), "{empty}");
    }

    #[tokio::test]
    async fn the_family_decides_which_address() {
        with_server(|port| async move {
            let resolver = resolver(port, "");
            for (name, family, expected) in [
                ("both.test.", Family::Any, "192.0.2.7"),
                ("both.test.", Family::V6, "2001:db8::7"),
                ("four.test.", Family::Any, "192.0.2.7"),
                ("six.test.", Family::Any, "2001:db8::7"),
            ] {
                let resolved = resolver.resolve(name, family, soon()).await.unwrap();
                assert_eq!(resolved.address, address(expected), "{name} {family:?}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        with_server(|port| async move {
            let resolver = resolver(port, "");
            for (name, family, expected) in [
                ("absent.test.", Family::Any, CauseCode::NameNotFound),
                ("four.test.", Family::V6, CauseCode::NameNotFound),
                ("broken.test.", Family::Any, CauseCode::NameFailure),
                ("a..b", Family::Any, CauseCode::NameNotFound),
                (&"a".repeat(70), Family::Any, CauseCode::NameNotFound),
                (&"a.".repeat(200), Family::Any, CauseCode::NameNotFound),
                ("fe80::1%lo", Family::Any, CauseCode::NameNotFound),
                ("", Family::Any, CauseCode::NameNotFound),
            ] {
                let cause = resolver.resolve(name, family, soon()).await.unwrap_err();
                assert_eq!(cause.code, expected, "{name}: {cause}");
            }
            let deadline = Instant::now() + Duration::from_millis(50);
            let cause = resolver.resolve("silent.test.", Family::Any, deadline).await.unwrap_err();
            assert_eq!(cause.code, CauseCode::NameTimeout);
        })
        .await;
    }

    #[tokio::test]
    async fn the_hosts_file_speaks_first() {
        with_server(|port| async move {
            let resolver = resolver(port, "192.0.2.99 four.test\n2001:db8::99 nas\n");
            let found = resolver.resolve("four.test", Family::Any, soon()).await.unwrap();
            assert_eq!(found.address, address("192.0.2.99"));
            let found = resolver.resolve("nas", Family::Any, soon()).await.unwrap();
            assert_eq!(found.address, address("2001:db8::99"));
        })
        .await;
    }

    #[tokio::test]
    async fn localhost_needs_no_name_server() {
        let resolver = resolver_over(Path::new("/nonexistent"));
        let found = resolver.resolve("localhost", Family::V4, soon()).await.unwrap();
        assert_eq!(found.address, address("127.0.0.1"));
        let found = resolver.resolve("localhost", Family::V6, soon()).await.unwrap();
        assert_eq!(found.address, address("::1"));
    }

    #[tokio::test]
    async fn a_name_that_never_got_its_turn_is_ours() {
        with_server(|port| async move {
            let resolver = resolver(port, "");
            let all = resolver.queries.acquire_many(QUERIES_MAX as u32).await.unwrap();
            let deadline = Instant::now() + Duration::from_millis(20);
            let cause = resolver.resolve("both.test.", Family::Any, deadline).await.unwrap_err();
            assert_eq!(cause.code, CauseCode::Overload);
            drop(all);
            assert!(resolver.resolve("both.test.", Family::Any, soon()).await.is_ok());
        })
        .await;
    }

    #[test]
    fn our_own_exhaustion_is_ours() {
        let io = |number| NetError::from(io::Error::from_raw_os_error(number));
        for (error, expected) in [
            (io(libc::EMFILE), CauseCode::Descriptors),
            (io(libc::ENOBUFS), CauseCode::Buffers),
            (io(libc::ENETUNREACH), CauseCode::NoRoute),
            (NetError::Busy, CauseCode::Overload),
            (io(libc::ECONNREFUSED), CauseCode::NameFailure),
            (io(libc::EHOSTUNREACH), CauseCode::NameTimeout),
            (NetError::Timeout, CauseCode::NameTimeout),
            (NetError::NoConnections, CauseCode::NameFailure),
        ] {
            assert_eq!(cause("x", Family::Any, &error).code, expected, "{error}");
        }
    }
}
