//! `snmp`: what does the agent say about these objects?
//!
//! One file for all three versions: who asks differs, what is asked does not. A value is a number,
//! a text, or the word of an enumeration; thresholds judge it as what it is. Services of one host
//! that are due together are asked together, in one request.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_snmp::{AuthProtocol, PrivProtocol};
use futures_util::future::{join, join_all};
use model::{
    Cause, CauseCode, Form, KindSpec, Measure, MeasureSpec, ParamFault, ParamSpec, Params, Reading,
    Secret, Unit, Value as Written, Verdict,
};
use tokio::time::Instant;

use crate::{
    Ask, Found, Kind, World,
    terms::{self, counted, fault},
    wires::{
        connect,
        resolve::Family,
        snmp::{Access, Agent, Community, Name, Oid, User, Value, Version, Words, look_up},
    },
};

/// Objects of one check. Each has its place among the measurements.
const OBJECTS_MAX: usize = 8;
/// Bytes of a text reading; `sysDescr` of most devices is shorter.
const TEXT_BYTES_MAX: usize = 200;
/// Bytes of a community; the length then still fits one byte on the wire.
const COMMUNITY_BYTES_MAX: usize = 127;
/// Bytes of a user name or a context (RFC 3414, RFC 3415).
const NAME_BYTES_MAX: usize = 32;
/// Bytes of a password at least (RFC 3414, section 11.2).
const PASSWORD_BYTES_MIN: usize = 8;
/// How the storages of a host are named in `get`.
const STORAGE: &str = "hrStorage ";

/// A check of one or several objects.
#[derive(Debug)]
pub(crate) struct Snmp {
    /// Instead of the host's address.
    address: Option<Arc<str>>,
    port: u16,
    family: Family,
    access: Arc<Access>,
    /// As they were written, in order; never none.
    wanted: Vec<(Arc<str>, Wanted)>,
    /// The first object is measured in percent of this one.
    whole: Option<(Arc<str>, Name)>,
}

/// What one entry of `get` asks for.
#[derive(Debug)]
enum Wanted {
    Object(Name),
    /// How full the storage of this name is.
    Storage(Arc<str>),
}

/// Places in `measures` below. The first object is the main one; the others come last.
const VALUE: u8 = 0;
const TIME: u8 = 1;
const DNS: u8 = 2;
const IP_PROTOCOL: u8 = 3;
const IP_HASH: u8 = 4;
const SECOND_VALUE: u8 = 5;

impl Kind for Snmp {
    const SPEC: KindSpec = KindSpec {
        name: "snmp",
        summary: "Asks an SNMP agent for one or several objects.",
        manual: "An object is written by its numbers or, if it is a well-known one, by its name: \
                 `sysUpTime`, `ifOperStatus.3`, `laLoad.5m`. `hrStorage /data` is the storage of \
                 that name, in percent of its size. Objects of an enumeration that are written by \
                 name read as words (`crit: is down`), times read in seconds, texts that are \
                 numbers read as numbers. With several objects the first is judged by `warn` and \
                 `crit`, the others by `value2`, `value3` and so on.\n\n\
                 Services of one host that are due in the same moment are asked in one request. \
                 A request is sent up to three times within the timeout.\n\n\
                 Versions 1 and 2c travel in the clear, and anyone on the way can forge an answer: \
                 prefer version 3. Where a user is named, version 3 is meant; with a password it \
                 signs with SHA-256 and encrypts with AES-128 unless told otherwise.",
        main_param: Some("get"),
        main_measure: "value",
        params: PARAMS,
        measures: MEASURES,
        causes: &[
            CauseCode::Timeout,
            CauseCode::Refused,
            CauseCode::Unreachable,
            CauseCode::NameNotFound,
            CauseCode::NameTimeout,
            CauseCode::NameFailure,
            CauseCode::Malformed,
            CauseCode::NoSuchObject,
            CauseCode::SnmpError,
            CauseCode::WrongPassword,
            CauseCode::UnknownUser,
            CauseCode::SecurityLevel,
            CauseCode::Decryption,
        ],
        asked_together: true,
        example: r#"uptime: { snmp: { get: sysUpTime, community: public }, warn: under 10m }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let built = Self {
            address: params.text("address").map(Arc::from),
            port: params.number("port").and_then(|it| u16::try_from(it).ok()).unwrap_or(161),
            family: terms::family(params),
            access: Arc::new(access(params, &mut faults)),
            wanted: wanted(params, &mut faults),
            whole: whole(params, &mut faults),
        };
        if let (Some(_), [(_, Wanted::Storage(_)), ..]) = (&built.whole, &built.wanted[..]) {
            let hint = "leave `of` out";
            faults.push(fault("of", "a storage is measured in percent of its size anyway", hint));
        }
        if faults.is_empty() { Ok(built) } else { Err(faults) }
    }

    fn needs_host(&self) -> bool {
        self.address.is_none()
    }

    async fn look(&self, world: &World, ask: &Ask<'_>) -> Found {
        let start = Instant::now();
        let mut measures = Vec::new();
        let verdict = match self.ask(world, ask, &mut measures).await {
            Ok(()) => Verdict::OK,
            Err(cause) => cause.into(),
        };
        measures.push(Measure::number(TIME, start.elapsed().as_secs_f64()));
        Found { verdict, measures }
    }
}

impl Snmp {
    async fn ask(
        &self,
        world: &World,
        ask: &Ask<'_>,
        measures: &mut Vec<Measure>,
    ) -> Result<(), Cause> {
        let Some(host) = self.address.as_ref().or(ask.target.address.as_ref()) else {
            return Err(Cause::new(CauseCode::Internal, "no host and no `address`"));
        };
        let resolved = world.resolver.resolve(host, self.family, ask.deadline).await?;
        let (address, took) = (resolved.address, resolved.took);
        ask.trace.step(|| format!("resolved {host} to {address} in {took:?}"));
        measures.push(Measure::number(DNS, took.as_secs_f64()));
        measures.push(Measure::number(IP_PROTOCOL, connect::ip_protocol(address)));
        measures.push(Measure::number(IP_HASH, connect::ip_hash(address)));

        let address = SocketAddr::new(address, self.port);
        let agent = Agent { address, access: Arc::clone(&self.access) };
        let readings = self.readings(world, ask, &agent).await?;
        let mut first_cause = None;
        for (index, ((written, _), reading)) in (0_u8..).zip(self.wanted.iter().zip(readings)) {
            match reading {
                Ok(reading) => {
                    ask.trace.step(|| match &reading {
                        Reading::Number(number) => format!("{written} is {number}"),
                        Reading::Text(text) => format!("{written} is {text:?}"),
                    });
                    let index = if index == 0 { VALUE } else { SECOND_VALUE + index - 1 };
                    measures.push(Measure { index, reading });
                }
                Err(cause) => {
                    ask.trace.step(|| format!("{written}: {cause}"));
                    first_cause.get_or_insert(cause);
                }
            }
        }
        first_cause.map_or(Ok(()), Err)
    }

    /// What was read, in the order of what was wanted.
    async fn readings(
        &self,
        world: &World,
        ask: &Ask<'_>,
        agent: &Agent,
    ) -> Result<Vec<Result<Reading, Cause>>, Cause> {
        let whole = self.whole.iter().map(|it| it.1.oid.clone());
        let names: Vec<Oid> = self.objects().map(|it| it.oid.clone()).chain(whole).collect();
        let values = async {
            match &names[..] {
                [] => Ok(Vec::new()),
                names => world.snmp.get(agent, names, ask.deadline).await.map(|answers| {
                    told(ask, agent, names.len(), &answers.took, answers.together);
                    answers.values
                }),
            }
        };
        let storages = self.wanted.iter().filter_map(|(_, it)| match it {
            Wanted::Storage(name) => Some(world.snmp.storage(agent, name, ask.deadline)),
            Wanted::Object(_) => None,
        });
        let (values, storages) = join(values, join_all(storages)).await;
        let (mut values, mut storages) = (values?, storages.into_iter());
        let whole = self.whole.as_ref().map(|whole| (whole, values.pop()));
        let mut values = values.into_iter();
        let readings = self.wanted.iter().map(|(written, wanted)| match wanted {
            Wanted::Storage(_) => {
                let storage = storages.next().expect("one for each storage")?;
                told(ask, agent, 3, &storage.answers.took, storage.answers.together);
                Ok(Reading::Number(storage.percent))
            }
            Wanted::Object(name) => {
                let value = values.next().expect("one for each object");
                value.map(|it| read(it, name.words)).map_err(|cause| about(written, cause))
            }
        });
        let mut readings: Vec<_> = readings.collect();
        if let Some(((written, _), Some(value))) = whole {
            let value = value.map_err(|cause| about(written, cause));
            let first = readings.remove(0);
            let percent = first.and_then(|part| percent(&part, value.map(|it| read(it, &[]))?));
            readings.insert(0, percent);
        }
        Ok(readings)
    }

    fn objects(&self) -> impl Iterator<Item = &Name> {
        self.wanted.iter().filter_map(|(_, it)| match it {
            Wanted::Object(name) => Some(name),
            Wanted::Storage(_) => None,
        })
    }
}

fn told(ask: &Ask<'_>, agent: &Agent, count: usize, took: &Duration, together: usize) {
    let address = agent.address;
    ask.trace.step(|| {
        let objects = counted(count, "object");
        match together - count.min(together) {
            0 => format!("{address} answered about {objects} in {took:?}"),
            more => {
                format!("{address} answered about {objects}, and {more} of others, in {took:?}")
            }
        }
    });
}

/// The same cause, naming the object if it is about that one alone.
fn about(written: &str, cause: Cause) -> Cause {
    match cause.code {
        CauseCode::NoSuchObject | CauseCode::SnmpError => {
            Cause::new(cause.code, format!("{written}: {}", cause.text))
        }
        _ => cause,
    }
}

fn percent(part: &Reading, whole: Reading) -> Result<Reading, Cause> {
    let (Reading::Number(part), Reading::Number(whole)) = (part, whole) else {
        return Err(Cause::new(CauseCode::Malformed, "percent of what is no number"));
    };
    if whole == 0.0 {
        return Err(Cause::new(CauseCode::Malformed, "percent of zero"));
    }
    Ok(Reading::Number(100.0 * part / whole))
}

/// What a value means.
fn read(value: Value, words: Words) -> Reading {
    const TICKS_PER_SECOND: f64 = 100.0;
    match value {
        Value::Integer(number) => match words.iter().find(|it| it.0 == number) {
            Some((_, word)) => Reading::Text(Box::from(*word)),
            None => Reading::Number(number as f64),
        },
        Value::Unsigned(number) => Reading::Number(number as f64),
        Value::Ticks(ticks) => Reading::Number(f64::from(ticks) / TICKS_PER_SECOND),
        Value::Float(number) => Reading::Number(number),
        Value::Bytes(bytes) => text(&bytes),
        Value::Name(oid) => Reading::Text(oid.to_string().into()),
        Value::Address(address) => {
            Reading::Text(std::net::Ipv4Addr::from(address).to_string().into())
        }
        Value::Null | Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView => {
            unreachable!("the wire hands out values only")
        }
    }
}

/// A number if it reads as one, else a text; bytes that are no text in hexadecimal.
fn text(bytes: &[u8]) -> Reading {
    let kept = &bytes[..bytes.len().min(TEXT_BYTES_MAX)];
    let lossy = String::from_utf8_lossy(kept);
    let text = lossy.trim_end_matches('\0').trim();
    let is_number = text.bytes().any(|it| it.is_ascii_digit())
        && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    if is_number
        && let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return Reading::Number(number);
    }
    let broken = text.chars().filter(|it| *it == char::REPLACEMENT_CHARACTER).count();
    let is_clean = !text.chars().any(|it| it.is_control() && !it.is_whitespace());
    if broken * 8 <= text.len() && is_clean {
        let line: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        return Reading::Text(line.into());
    }
    let digits: Vec<String> =
        kept.iter().take(TEXT_BYTES_MAX / 3).map(|it| format!("{it:02x}")).collect();
    Reading::Text(digits.join(":").into())
}

fn wanted(params: &Params, faults: &mut Vec<ParamFault>) -> Vec<(Arc<str>, Wanted)> {
    let written = match params.get("get") {
        Some(Written::List(list)) => list.iter().filter_map(word).collect(),
        Some(one) => word(one).into_iter().collect::<Vec<&str>>(),
        None => Vec::new(),
    };
    match written.len() {
        0 => faults.push(fault("get", "is missing", "write `snmp: sysUpTime`")),
        1..=OBJECTS_MAX => {}
        count => {
            let what = format!("has {count} objects, and {OBJECTS_MAX} are the limit");
            faults.push(fault("get", what, "write a second service"));
        }
    }
    let mut wanted = Vec::new();
    for text in written {
        let text = text.trim();
        match text.strip_prefix(STORAGE).map(str::trim) {
            Some("") => faults.push(fault("get", "names no storage", "as in `hrStorage /data`")),
            Some(name) => wanted.push((Arc::from(text), Wanted::Storage(Arc::from(name)))),
            None if text == STORAGE.trim() => {
                faults.push(fault("get", "names no storage", "as in `hrStorage /data`"));
            }
            None => match look_up(text) {
                Ok(name) => wanted.push((Arc::from(text), Wanted::Object(name))),
                Err((what, hint)) => faults.push(fault("get", what, hint)),
            },
        }
    }
    wanted
}

fn word(value: &Written) -> Option<&str> {
    match value {
        Written::Text(text) => Some(text),
        Written::Secret(secret) => Some(secret.reveal()),
        _ => None,
    }
}

fn whole(params: &Params, faults: &mut Vec<ParamFault>) -> Option<(Arc<str>, Name)> {
    let text = params.text("of")?.trim();
    match look_up(text) {
        Ok(name) => Some((Arc::from(text), name)),
        Err((what, hint)) => {
            faults.push(fault("of", what, hint));
            None
        }
    }
}

/// Who asks. A user means version 3, unless a version is written.
fn access(params: &Params, faults: &mut Vec<ParamFault>) -> Access {
    let version = match (params.text("version"), params.get("user")) {
        (Some("1"), _) => Version::V1,
        (Some("3"), _) => return Access::User(user(params, faults)),
        (None, Some(_)) if params.get("community").is_some() => {
            let what = "stands beside `user`";
            faults.push(fault("community", what, "say `version: 2c` or `version: 3`"));
            Version::V2c
        }
        (None, Some(_)) => return Access::User(user(params, faults)),
        _ => Version::V2c,
    };
    let community = params.text("community").unwrap_or("public");
    if community.is_empty() || community.len() > COMMUNITY_BYTES_MAX {
        let hint = format!("1 to {COMMUNITY_BYTES_MAX} bytes");
        faults.push(fault("community", "has the wrong length", hint));
    }
    Access::Community { version, community: Community(community.as_bytes().into()) }
}

fn user(params: &Params, faults: &mut Vec<ParamFault>) -> User {
    let name = params.text("user").unwrap_or_default();
    if name.is_empty() {
        faults.push(fault("user", "is missing", "version 3 asks as a user"));
    }
    for (param, text) in [("user", name), ("context", params.text("context").unwrap_or_default())] {
        if text.len() > NAME_BYTES_MAX {
            let hint = format!("{NAME_BYTES_MAX} bytes are the limit");
            faults.push(fault(param, "is too long", hint));
        }
    }
    let auth = match (params.text("auth"), password(params, "password", faults)) {
        (None, None) => None,
        (None, Some(password)) => Some((AuthProtocol::Sha256, password)),
        (Some(word), password) => auth_protocol(word).and_then(|protocol| {
            if password.is_none() {
                faults.push(fault("auth", "signs with a password", "write `password`"));
            }
            Some((protocol, password?))
        }),
    };
    let privacy = privacy(params, auth.as_ref(), faults);
    let context = params.text("context").unwrap_or_default();
    User { name: name.into(), auth, privacy, context: context.into() }
}

fn privacy(
    params: &Params,
    auth: Option<&(AuthProtocol, Secret)>,
    faults: &mut Vec<ParamFault>,
) -> Option<(PrivProtocol, Secret)> {
    let own = password(params, "priv_password", faults);
    let protocol = match params.text("priv") {
        None => auth.map(|_| PrivProtocol::Aes128),
        Some(word) => priv_protocol(word),
    };
    let Some((_, same)) = auth else {
        if protocol.is_some() || own.is_some() {
            let what = "only who signs can encrypt";
            faults.push(fault("priv", what, "write `password`, or `priv: none`"));
        }
        return None;
    };
    Some((protocol?, own.unwrap_or_else(|| same.clone())))
}

fn password(params: &Params, param: &'static str, faults: &mut Vec<ParamFault>) -> Option<Secret> {
    let secret = Secret::new(params.text(param)?);
    if secret.reveal().len() < PASSWORD_BYTES_MIN {
        let hint = format!("{PASSWORD_BYTES_MIN} bytes at least, says the standard");
        faults.push(fault(param, "is too short", hint));
    }
    Some(secret)
}

fn auth_protocol(word: &str) -> Option<AuthProtocol> {
    Some(match word {
        "md5" => AuthProtocol::Md5,
        "sha" => AuthProtocol::Sha1,
        "sha224" => AuthProtocol::Sha224,
        "sha256" => AuthProtocol::Sha256,
        "sha384" => AuthProtocol::Sha384,
        "sha512" => AuthProtocol::Sha512,
        _ => return None,
    })
}

fn priv_protocol(word: &str) -> Option<PrivProtocol> {
    Some(match word {
        "des" => PrivProtocol::Des,
        "3des" => PrivProtocol::Des3,
        "aes128" => PrivProtocol::Aes128,
        "aes192" => PrivProtocol::Aes192Blumenthal,
        "aes256" => PrivProtocol::Aes256Blumenthal,
        "aes192c" => PrivProtocol::Aes192Reeder,
        "aes256c" => PrivProtocol::Aes256Reeder,
        _ => return None,
    })
}

const fn param(
    name: &'static str,
    form: Form,
    default: &'static str,
    doc: &'static str,
) -> ParamSpec {
    ParamSpec { name, form, default, doc }
}

const PARAMS: &[ParamSpec] = &[
    param(
        "get",
        Form::TextList,
        "",
        "The object, or up to eight of them: names, numbers, or `hrStorage /data`.",
    ),
    param("of", Form::Text, "", "Measure the first object in percent of this one."),
    param("address", Form::Text, "", "Name or address to ask, instead of the host's."),
    terms::FAMILY,
    param("port", Form::Count(1, 65_535), "161", "The UDP port to ask at."),
    param(
        "version",
        Form::Choice(&["1", "2c", "3"]),
        "2c",
        "The version to speak; 3 where a `user` is named.",
    ),
    param("community", Form::Secret, "public", "What versions 1 and 2c ask with."),
    param("user", Form::Text, "", "As whom to ask in version 3."),
    param("password", Form::Secret, "", "Signs the request; eight bytes at least."),
    param(
        "auth",
        Form::Choice(&["none", "md5", "sha", "sha224", "sha256", "sha384", "sha512"]),
        "sha256",
        "How to sign. Without `password` nothing is signed.",
    ),
    param("priv_password", Form::Secret, "", "Encrypts the request; `password` if left out."),
    param(
        "priv",
        Form::Choice(&["none", "des", "3des", "aes128", "aes192", "aes256", "aes192c", "aes256c"]),
        "aes128",
        "How to encrypt. `aes192c` and `aes256c` lengthen the key as Cisco does. Without \
         `password` nothing is encrypted.",
    ),
    param("context", Form::Text, "", "Which of the agent's contexts to ask in version 3."),
];

const fn value(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    doc: &'static str,
) -> MeasureSpec {
    MeasureSpec { name, unit: Unit::Any, series: Some(("probe_snmp_value", labels)), doc }
}

const fn number(name: &'static str, series: &'static str, doc: &'static str) -> MeasureSpec {
    MeasureSpec { name, unit: Unit::Number, series: Some((series, &[])), doc }
}

const MEASURES: &[MeasureSpec] = &[
    value("value", &[("object", "1")], "The first object."),
    MeasureSpec { name: "time", unit: Unit::Seconds, series: None, doc: "The whole look." },
    MeasureSpec {
        name: "dns",
        unit: Unit::Seconds,
        series: Some(("probe_dns_lookup_time_seconds", &[])),
        doc: "Learning the address.",
    },
    number("ip_protocol", "probe_ip_protocol", "4 or 6."),
    number("ip_hash", "probe_ip_addr_hash", "A number that changes when the address does."),
    value("value2", &[("object", "2")], "The second object."),
    value("value3", &[("object", "3")], "The third object."),
    value("value4", &[("object", "4")], "The fourth object."),
    value("value5", &[("object", "5")], "The fifth object."),
    value("value6", &[("object", "6")], "The sixth object."),
    value("value7", &[("object", "7")], "The seventh object."),
    value("value8", &[("object", "8")], "The eighth object."),
];

#[cfg(test)]
mod tests;
