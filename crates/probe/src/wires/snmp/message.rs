//! SNMP messages of version 1 and 2c, and as much of version 3 as it takes to know whose answer a
//! message is.
//!
//! Reading happens in two steps, because they end differently. [`identify`] reads the envelope: who
//! asked, under which number. A message that has none belongs to nobody. [`Response::decode`] reads
//! the rest: when that breaks, whoever asked is told that the agent answered nonsense.

use std::fmt;

use super::{
    ber::{self, Broken, Reader, Writer},
    oid::Oid,
};

/// Bytes of the largest message that is read, the largest there can be in a datagram.
pub(super) const MESSAGE_BYTES_MAX: usize = 65_535;
/// Objects in one message; more are refused. Far above what one datagram of ours asks for.
pub(super) const BINDINGS_MAX: usize = 4_096;

const GET: u8 = 0xa0;
const GET_NEXT: u8 = 0xa1;
const RESPONSE: u8 = 0xa2;
const GET_BULK: u8 = 0xa5;
const IP_ADDRESS: u8 = 0x40;
const COUNTER32: u8 = 0x41;
const GAUGE32: u8 = 0x42;
const TIME_TICKS: u8 = 0x43;
const OPAQUE: u8 = 0x44;
const COUNTER64: u8 = 0x46;
const UINTEGER32: u8 = 0x47;
const NO_SUCH_OBJECT: u8 = 0x80;
const NO_SUCH_INSTANCE: u8 = 0x81;
const END_OF_MIB_VIEW: u8 = 0x82;
/// How net-snmp puts floating-point numbers into an opaque value: tag and length.
const OPAQUE_FLOAT: [u8; 3] = [0x9f, 0x78, 4];
const OPAQUE_DOUBLE: [u8; 3] = [0x9f, 0x79, 8];

/// Versions that carry a community in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Version {
    /// `SNMPv1`.
    V1,
    /// `SNMPv2c`.
    V2c,
}

impl Version {
    fn number(self) -> i64 {
        match self {
            Self::V1 => 0,
            Self::V2c => 1,
        }
    }
}

/// What is asked about the objects named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Their values.
    Get,
    /// The objects that follow them.
    GetNext,
    /// This many objects that follow each of them. Not in version 1.
    GetBulk(u8),
}

/// What an object holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A number, or the number of a word.
    Integer(i64),
    /// A counter or a gauge.
    Unsigned(u64),
    /// Hundredths of a second.
    Ticks(u32),
    /// A floating-point number, as net-snmp wraps it.
    Float(f64),
    /// Bytes, mostly text.
    Bytes(Box<[u8]>),
    /// The name of another object.
    Name(Oid),
    /// An IPv4 address.
    Address([u8; 4]),
    /// Nothing at all.
    Null,
    /// There is no such object.
    NoSuchObject,
    /// There is such an object, but not this one of it.
    NoSuchInstance,
    /// Nothing follows.
    EndOfMibView,
}

/// Says why there is no value, in the words of SNMP.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchObject => "noSuchObject",
            Self::NoSuchInstance => "noSuchInstance",
            Self::EndOfMibView => "endOfMibView",
            Self::Null => "null",
            _ => "a value",
        })
    }
}

/// Writes a request.
pub(super) fn encode_request(
    version: Version,
    community: &[u8],
    (operation, id): (Operation, u32),
    objects: &[Oid],
) -> Vec<u8> {
    let size: usize = objects.iter().map(|it| it.arcs().len() * 2 + 8).sum();
    let mut writer = Writer::with_capacity(size + community.len() + 40);
    let whole = writer.mark();
    for object in objects.iter().rev() {
        let binding = writer.mark();
        writer.bytes(ber::NULL, &[]);
        writer.oid(object);
        writer.wrap(ber::SEQUENCE, binding);
    }
    writer.wrap(ber::SEQUENCE, whole);
    let (kind, repetitions) = match operation {
        Operation::Get => (GET, 0),
        Operation::GetNext => (GET_NEXT, 0),
        Operation::GetBulk(repetitions) => (GET_BULK, repetitions),
    };
    // Error index and error status, or how often to repeat and how many not to.
    writer.integer(i64::from(repetitions));
    writer.integer(0);
    writer.integer(i64::from(id));
    writer.wrap(kind, whole);
    writer.bytes(ber::OCTET_STRING, community);
    writer.integer(version.number());
    writer.wrap(ber::SEQUENCE, whole);
    writer.finish()
}

/// Whose answer, or which question, a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity<'a> {
    /// Version 1 or 2c.
    Community { version: Version, community: &'a [u8], id: u32 },
    /// Version 3: the number of the message, which is outside of what may be encrypted.
    User { id: u32 },
}

impl Identity<'_> {
    pub(super) fn id(self) -> u32 {
        match self {
            Self::Community { id, .. } | Self::User { id } => id,
        }
    }
}

/// Reads the envelope of a message. What lies behind the number may be anything, even missing: an
/// error message of the network quotes only the beginning of a request of ours.
pub(super) fn identify(bytes: &[u8]) -> Result<Identity<'_>, Broken> {
    let mut message = part(&mut Reader::new(bytes), Some(ber::SEQUENCE))?;
    let id = |reader: &mut Reader<'_>| {
        let id: i64 = reader.integer()?;
        u32::try_from(id).map_err(|_| Broken::Number)
    };
    let version = match message.integer::<u8>()? {
        0 => Version::V1,
        1 => Version::V2c,
        3 => {
            let mut header = part(&mut message, Some(ber::SEQUENCE))?;
            return Ok(Identity::User { id: id(&mut header)? });
        }
        _ => return Err(Broken::Type),
    };
    let community = message.expect(ber::OCTET_STRING)?;
    let mut pdu = part(&mut message, None)?;
    Ok(Identity::Community { version, community, id: id(&mut pdu)? })
}

/// What is there of the next field; `None`: of whatever type.
fn part<'a>(reader: &mut Reader<'a>, kind: Option<u8>) -> Result<Reader<'a>, Broken> {
    match reader.field_or_part()? {
        (found, content) if kind.is_none_or(|it| it == found) => Ok(Reader::new(content)),
        _ => Err(Broken::Type),
    }
}

/// Why an answer has no values, as RFC 3416 numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ErrorStatus(pub(super) i32);

impl ErrorStatus {
    pub(super) const NONE: Self = Self(0);
    pub(super) const TOO_BIG: Self = Self(1);
    pub(super) const NO_SUCH_NAME: Self = Self(2);
}

impl fmt::Display for ErrorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WORDS: [&str; 19] = [
            "noError",
            "tooBig",
            "noSuchName",
            "badValue",
            "readOnly",
            "genErr",
            "noAccess",
            "wrongType",
            "wrongLength",
            "wrongEncoding",
            "wrongValue",
            "noCreation",
            "inconsistentValue",
            "resourceUnavailable",
            "commitFailed",
            "undoFailed",
            "authorizationError",
            "notWritable",
            "inconsistentName",
        ];
        match usize::try_from(self.0).ok().and_then(|it| WORDS.get(it)) {
            Some(word) => f.write_str(word),
            None => write!(f, "error {}", self.0),
        }
    }
}

/// An answer, of any version.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Response {
    pub(super) status: ErrorStatus,
    /// Which object the status is about, counted from 1.
    pub(super) index: usize,
    pub(super) bindings: Vec<(Oid, Value)>,
}

impl Response {
    /// Reads an answer of version 1 or 2c.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let mut outer = Reader::new(bytes);
        let mut message = outer.enter(ber::SEQUENCE)?;
        outer.end()?;
        if message.integer::<u8>()? > 1 {
            return Err(Broken::Type);
        }
        message.expect(ber::OCTET_STRING)?;
        let mut pdu = message.enter(RESPONSE)?;
        message.end()?;
        u32::try_from(pdu.integer::<i64>()?).map_err(|_| Broken::Number)?;
        let status = ErrorStatus(pdu.integer()?);
        // A negative index is as good as none.
        let index = usize::try_from(pdu.integer::<i64>()?).unwrap_or(0);
        let mut list = pdu.enter(ber::SEQUENCE)?;
        pdu.end()?;
        let mut bindings = Vec::new();
        while !list.is_empty() {
            if bindings.len() == BINDINGS_MAX {
                return Err(Broken::Trailing);
            }
            let mut binding = list.enter(ber::SEQUENCE)?;
            let name = ber::oid(binding.expect(ber::OBJECT_IDENTIFIER)?)?;
            let (kind, content) = binding.field()?;
            binding.end()?;
            bindings.push((name, value(kind, content)?));
        }
        Ok(Self { status, index, bindings })
    }
}

fn value(kind: u8, content: &[u8]) -> Result<Value, Broken> {
    let empty = |value| if content.is_empty() { Ok(value) } else { Err(Broken::Length) };
    match kind {
        ber::INTEGER => ber::integer(content).map(Value::Integer),
        ber::OCTET_STRING => Ok(Value::Bytes(content.into())),
        ber::OBJECT_IDENTIFIER => ber::oid(content).map(Value::Name),
        COUNTER32 | GAUGE32 | UINTEGER32 => word(content).map(|it| Value::Unsigned(it.into())),
        TIME_TICKS => word(content).map(Value::Ticks),
        COUNTER64 => ber::unsigned(content).map(Value::Unsigned),
        IP_ADDRESS => content.try_into().map(Value::Address).map_err(|_| Broken::Length),
        OPAQUE => Ok(opaque(content)),
        ber::NULL => empty(Value::Null),
        NO_SUCH_OBJECT => empty(Value::NoSuchObject),
        NO_SUCH_INSTANCE => empty(Value::NoSuchInstance),
        END_OF_MIB_VIEW => empty(Value::EndOfMibView),
        _ => Err(Broken::Type),
    }
}

fn word(content: &[u8]) -> Result<u32, Broken> {
    u32::try_from(ber::unsigned(content)?).map_err(|_| Broken::Number)
}

/// Reads an opaque value: a floating-point number of net-snmp's, or bytes.
pub(super) fn opaque(content: &[u8]) -> Value {
    let float = content.strip_prefix(&OPAQUE_FLOAT).and_then(|it| it.try_into().ok());
    let double = content.strip_prefix(&OPAQUE_DOUBLE).and_then(|it| it.try_into().ok());
    match (float, double) {
        (Some(bytes), _) => Value::Float(f32::from_be_bytes(bytes).into()),
        (_, Some(bytes)) => Value::Float(f64::from_be_bytes(bytes)),
        _ => Value::Bytes(content.into()),
    }
}

/// Writes an answer, as an agent does.
#[cfg(test)]
pub(super) fn encode_response(
    version: Version,
    community: &[u8],
    id: u32,
    response: &Response,
) -> Vec<u8> {
    let mut writer = Writer::default();
    for (name, value) in response.bindings.iter().rev() {
        let binding = writer.mark();
        write_value(&mut writer, value);
        writer.oid(name);
        writer.wrap(ber::SEQUENCE, binding);
    }
    writer.wrap(ber::SEQUENCE, 0);
    writer.integer(i64::try_from(response.index).unwrap());
    writer.integer(i64::from(response.status.0));
    writer.integer(i64::from(id));
    writer.wrap(RESPONSE, 0);
    writer.bytes(ber::OCTET_STRING, community);
    writer.integer(version.number());
    writer.wrap(ber::SEQUENCE, 0);
    writer.finish()
}

#[cfg(test)]
fn write_value(writer: &mut Writer, value: &Value) {
    match value {
        Value::Integer(number) => writer.integer(*number),
        Value::Unsigned(number) => {
            writer.bytes(COUNTER64, &[&[0], &number.to_be_bytes()[..]].concat());
        }
        Value::Ticks(ticks) => {
            writer.bytes(TIME_TICKS, &[&[0], &ticks.to_be_bytes()[..]].concat());
        }
        Value::Float(float) => {
            writer.bytes(OPAQUE, &[&OPAQUE_DOUBLE[..], &float.to_be_bytes()].concat());
        }
        Value::Bytes(bytes) => writer.bytes(ber::OCTET_STRING, bytes),
        Value::Name(oid) => writer.oid(oid),
        Value::Address(address) => writer.bytes(IP_ADDRESS, address),
        Value::Null => writer.bytes(ber::NULL, &[]),
        Value::NoSuchObject => writer.bytes(NO_SUCH_OBJECT, &[]),
        Value::NoSuchInstance => writer.bytes(NO_SUCH_INSTANCE, &[]),
        Value::EndOfMibView => writer.bytes(END_OF_MIB_VIEW, &[]),
    }
}

/// What a request asks for, as an agent reads it: its operation's type and its objects.
#[cfg(test)]
pub(super) fn decode_request(bytes: &[u8]) -> Result<(u8, Vec<Oid>), Broken> {
    let mut message = Reader::new(bytes).enter(ber::SEQUENCE)?;
    message.integer::<u8>()?;
    message.expect(ber::OCTET_STRING)?;
    let (kind, pdu) = message.field()?;
    let mut pdu = Reader::new(pdu);
    for _ in 0..3 {
        pdu.integer::<i64>()?;
    }
    let mut list = pdu.enter(ber::SEQUENCE)?;
    let mut objects = Vec::new();
    while !list.is_empty() {
        let mut binding = list.enter(ber::SEQUENCE)?;
        objects.push(ber::oid(binding.expect(ber::OBJECT_IDENTIFIER)?)?);
    }
    Ok((kind, objects))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    #[test]
    fn a_request_is_what_the_standard_says() {
        let request = (Operation::Get, 0x0102_0304);
        let bytes = encode_request(Version::V2c, b"public", request, &[oid(".1.3.6.1.2.1.1.3.0")]);
        let expected = [
            &[0x30, 0x29, 0x02, 0x01, 0x01, 0x04, 0x06][..],
            b"public",
            &[0xa0, 0x1c, 0x02, 0x04, 1, 2, 3, 4, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00],
            &[0x30, 0x0e, 0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 3, 0, 0x05, 0x00],
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn a_quoted_beginning_still_has_an_identity() {
        let request = (Operation::GetBulk(20), 77);
        let names: Vec<Oid> = (0..40).map(|it| oid(&format!(".1.3.6.1.2.1.{it}"))).collect();
        let bytes = encode_request(Version::V1, b"secret", request, &names);
        let identity = Identity::Community { version: Version::V1, community: b"secret", id: 77 };
        assert_eq!(identify(&bytes), Ok(identity));
        assert_eq!(identify(&bytes[..28]), Ok(identity));
        assert_eq!(identify(&bytes[..12]), Err(Broken::Cut));
    }

    #[test]
    fn the_number_of_a_message_of_version_3_is_read() {
        let bytes = [0x30, 0x0b, 2, 1, 3, 0x30, 0x06, 2, 4, 0x7f, 0xff, 0xff, 0xff];
        assert_eq!(identify(&bytes), Ok(Identity::User { id: 0x7fff_ffff }));
        assert_eq!(identify(&[0x30, 3, 2, 1, 2]), Err(Broken::Type));
    }

    #[test]
    fn floating_point_numbers_of_net_snmp_are_read() {
        assert_eq!(opaque(&[0x9f, 0x78, 4, 0x3f, 0x80, 0, 0]), Value::Float(1.0));
        assert_eq!(opaque(&[0x9f, 0x78, 4, 0x3f]), Value::Bytes(Box::from([0x9f, 0x78, 4, 0x3f])));
    }

    #[test]
    fn what_answers_nobody_is_no_answer() {
        let of = |version: u8, number: u8| {
            let head = [0x30, 19, 2, 1, version, 4, 1, b'x', 0xa2, 11];
            [&head[..], &[2, 1, number, 2, 1, 0, 2, 1, 0, 0x30, 0]].concat()
        };
        assert!(Response::decode(&of(1, 7)).is_ok());
        assert_eq!(Response::decode(&of(9, 7)), Err(Broken::Type));
        assert_eq!(Response::decode(&of(1, 0xff)), Err(Broken::Number));
    }

    #[test]
    fn only_an_answer_is_an_answer() {
        let request = (Operation::Get, 1);
        let echo = encode_request(Version::V2c, b"public", request, &[oid(".1.3.6")]);
        assert_eq!(Response::decode(&echo), Err(Broken::Type));
    }

    #[test]
    fn what_follows_an_answer_makes_it_malformed() {
        let response = Response { status: ErrorStatus::NONE, index: 0, bindings: Vec::new() };
        let mut bytes = encode_response(Version::V2c, b"public", 1, &response);
        assert_eq!(Response::decode(&bytes), Ok(response));
        bytes.push(0);
        assert_eq!(Response::decode(&bytes), Err(Broken::Trailing));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Integer),
            any::<u64>().prop_map(Value::Unsigned),
            any::<u32>().prop_map(Value::Ticks),
            any::<f32>()
                .prop_filter("compared below", |it| !it.is_nan())
                .prop_map(|it| Value::Float(it.into())),
            prop::collection::vec(any::<u8>(), 0..200).prop_map(|it| Value::Bytes(it.into())),
            any::<[u8; 4]>().prop_map(Value::Address),
            Just(Value::Name(oid(".1.3.6.1"))),
            Just(Value::Null),
            Just(Value::NoSuchObject),
            Just(Value::NoSuchInstance),
            Just(Value::EndOfMibView),
        ]
    }

    proptest! {
        #[test]
        fn answers_come_back(
            status in 0..20,
            index in 0_usize..99,
            id in 0_u32..0x8000_0000,
            values in prop::collection::vec(any_value(), 0..30),
        ) {
            let names = (1..).map(|it| oid(&format!(".1.3.6.1.2.{it}")));
            let bindings = names.zip(values).collect();
            let response = Response { status: ErrorStatus(status), index, bindings };
            let bytes = encode_response(Version::V2c, b"public", id, &response);
            prop_assert_eq!(identify(&bytes).unwrap().id(), id);
            prop_assert_eq!(Response::decode(&bytes), Ok(response));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(identify(&bytes).is_err() || bytes[0] == ber::SEQUENCE);
            prop_assert!(Response::decode(&bytes).is_err());
        }

        /// Nearly right is worse than random.
        #[test]
        fn no_damage_makes_it_panic(
            values in prop::collection::vec(any_value(), 0..10),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let bindings = values.into_iter().map(|it| (oid(".1.3.6.1.2.1"), it)).collect();
            let response = Response { status: ErrorStatus::NONE, index: 0, bindings };
            let mut bytes = encode_response(Version::V2c, b"public", 1, &response);
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            if let Ok(response) = Response::decode(&bytes) {
                prop_assert!(response.bindings.len() <= bytes.len());
            }
            if let Ok(identity) = identify(&bytes) {
                prop_assert!(identity.id() < 0x8000_0000);
            }
        }
    }
}
