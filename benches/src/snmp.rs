//! As much of SNMP as it takes to ask for `sysUpTime` and to answer it.
//!
//! Written apart from the engine's own, which is what is measured.

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const TIME_TICKS: u8 = 0x43;
const GET: u8 = 0xa0;
const RESPONSE: u8 = 0xa2;
/// `sysUpTime.0`.
const UPTIME: [u8; 8] = [0x2b, 6, 1, 2, 1, 1, 3, 0];
/// What every agent here has been up: an hour, in hundredths of a second.
const TICKS: [u8; 3] = [0x05, 0x7e, 0x40];
const VERSION_2C: [u8; 1] = [1];
const ZERO: [u8; 1] = [0];

/// A question for `sysUpTime`, in version 2c with the community `public`.
pub(crate) fn request(id: u32) -> Vec<u8> {
    // An integer is signed: its first bit must be 0.
    let id = (id & 0x7fff_ffff).to_be_bytes();
    let binding = field(SEQUENCE, &[field(OBJECT, &[UPTIME]), field(NULL, &[[]])]);
    message(&VERSION_2C, b"public", GET, &id, &[binding])
}

/// The answer to a question: every object that it names has been up for an hour. `None` if it is
/// no question.
pub(crate) fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let (message_, _) = read(request, SEQUENCE)?;
    let (version, rest) = read(message_, INTEGER)?;
    let (community, rest) = read(rest, OCTET_STRING)?;
    let (question, _) = read(rest, GET)?;
    let (id, rest) = read(question, INTEGER)?;
    let (_, rest) = read(rest, INTEGER)?;
    let (_, rest) = read(rest, INTEGER)?;
    let (mut list, _) = read(rest, SEQUENCE)?;
    let mut bindings = Vec::new();
    while !list.is_empty() {
        let (binding, rest) = read(list, SEQUENCE)?;
        let (object, _) = read(binding, OBJECT)?;
        let ticks = field(TIME_TICKS, &[TICKS]);
        bindings.push(field(SEQUENCE, &[field(OBJECT, &[object]), ticks]));
        list = rest;
    }
    Some(message(version, community, RESPONSE, id, &bindings))
}

fn message(version: &[u8], community: &[u8], kind: u8, id: &[u8], bindings: &[Vec<u8>]) -> Vec<u8> {
    let inner = [
        field(INTEGER, &[id]),
        field(INTEGER, &[ZERO]),
        field(INTEGER, &[ZERO]),
        field(SEQUENCE, bindings),
    ];
    let outer =
        [field(INTEGER, &[version]), field(OCTET_STRING, &[community]), field(kind, &inner)];
    field(SEQUENCE, &outer)
}

/// A field: its type, its length and what is in it.
fn field(kind: u8, parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let length: usize = parts.iter().map(|it| it.as_ref().len()).sum();
    let mut bytes = vec![kind];
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => bytes.push(short),
        _ => {
            let long = u16::try_from(length).expect("what fits into a datagram");
            bytes.push(0x82);
            bytes.extend(long.to_be_bytes());
        }
    }
    for part in parts {
        bytes.extend(part.as_ref());
    }
    bytes
}

/// What is in the first field, if it is of this type, and what follows.
fn read(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 => rest.split_first().map(|(it, rest)| (usize::from(*it), rest))?,
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    (*found == kind).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_what_the_standard_says() {
        let expected = [
            &[0x30, 0x29, 2, 1, 1, 4, 6][..],
            b"public",
            &[0xa0, 0x1c, 2, 4, 1, 2, 3, 4, 2, 1, 0, 2, 1, 0, 0x30, 0x0e, 0x30, 0x0c],
            &[6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0],
        ];
        assert_eq!(request(0x0102_0304), expected.concat());
    }

    #[test]
    fn an_answer_has_the_number_and_the_objects_of_its_question() {
        let expected = [
            &[0x30, 0x2c, 2, 1, 1, 4, 6][..],
            b"public",
            &[0xa2, 0x1f, 2, 4, 0, 0, 0, 7, 2, 1, 0, 2, 1, 0, 0x30, 0x11, 0x30, 0x0f],
            &[6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 0x43, 3, 5, 0x7e, 0x40],
        ];
        assert_eq!(answer(&request(7)), Some(expected.concat()));
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        let question = request(7);
        for end in 0..question.len() {
            assert_eq!(answer(&question[..end]), None, "{end}");
        }
        assert_eq!(answer(&answer(&question).unwrap()), None);
    }
}
