//! As much of BER as SNMP needs.
//!
//! Reading is a walk over a slice with checked lengths: SNMP messages nest to a fixed depth, so
//! nothing here calls itself, whatever a hostile agent sends. Writing goes from the end to the
//! beginning, so that every length is known when its turn comes and nothing is copied twice.

use super::oid::{ARCS_MAX, Oid};

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// Bytes of the largest length that is read; four could say more than any datagram holds.
const LENGTH_BYTES_MAX: usize = 4;
/// Bytes of the largest number, a `Counter64` with its sign byte.
const NUMBER_BYTES_MAX: usize = 9;

/// Where an encoding is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("it ends too early")]
    Cut,
    #[error("a length is not written as SNMP allows")]
    Length,
    #[error("a field is of the wrong type")]
    Type,
    #[error("a number is too large or empty")]
    Number,
    #[error("an object identifier is not well formed")]
    Oid,
    #[error("more follows where the end should be")]
    Trailing,
}

/// Walks over the fields of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next field: its type and its content.
    pub(super) fn field(&mut self) -> Result<(u8, &'a [u8]), Broken> {
        let (kind, length, rest) = self.head()?;
        let (content, rest) = rest.split_at_checked(length).ok_or(Broken::Cut)?;
        self.0 = rest;
        Ok((kind, content))
    }

    /// The next field, of which the end may be missing.
    pub(super) fn field_or_part(&mut self) -> Result<(u8, &'a [u8]), Broken> {
        let (kind, length, rest) = self.head()?;
        let (content, rest) = rest.split_at(length.min(rest.len()));
        self.0 = rest;
        Ok((kind, content))
    }

    /// Type and length of the next field, and all that follows.
    fn head(self) -> Result<(u8, usize, &'a [u8]), Broken> {
        let [kind, first, rest @ ..] = self.0 else { return Err(Broken::Cut) };
        // The types of SNMP all fit one byte; a number of 31 announces more.
        if kind & 0x1f == 0x1f {
            return Err(Broken::Type);
        }
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            long => {
                let count = usize::from(long & 0x7f);
                if count == 0 || count > LENGTH_BYTES_MAX {
                    return Err(Broken::Length);
                }
                let (digits, rest) = rest.split_at_checked(count).ok_or(Broken::Cut)?;
                (digits.iter().fold(0, |sum, it| sum << 8 | usize::from(*it)), rest)
            }
        };
        Ok((*kind, length, rest))
    }

    /// The content of the next field, which must be of this type.
    pub(super) fn expect(&mut self, kind: u8) -> Result<&'a [u8], Broken> {
        match self.field()? {
            (found, content) if found == kind => Ok(content),
            _ => Err(Broken::Type),
        }
    }

    /// A reader over the content of the next field, which must be of this type.
    pub(super) fn enter(&mut self, kind: u8) -> Result<Self, Broken> {
        self.expect(kind).map(Self)
    }

    /// The next field as a number that fits `T`.
    pub(super) fn integer<T: TryFrom<i64>>(&mut self) -> Result<T, Broken> {
        let number = integer(self.expect(INTEGER)?)?;
        T::try_from(number).map_err(|_| Broken::Number)
    }

    pub(super) fn end(self) -> Result<(), Broken> {
        if self.0.is_empty() { Ok(()) } else { Err(Broken::Trailing) }
    }
}

/// Reads a number with a sign.
pub(super) fn integer(content: &[u8]) -> Result<i64, Broken> {
    let (first, _) = content.split_first().ok_or(Broken::Number)?;
    if content.len() > size_of::<i64>() {
        return Err(Broken::Number);
    }
    let sign = if first & 0x80 == 0 { 0 } else { -1_i64 };
    Ok(content.iter().fold(sign, |sum, it| sum << 8 | i64::from(*it)))
}

/// Reads a number without a sign. Some agents leave the leading zero out, so that a large counter
/// looks negative; it never is.
pub(super) fn unsigned(content: &[u8]) -> Result<u64, Broken> {
    let significant = match content {
        [] => return Err(Broken::Number),
        [0, rest @ ..] if content.len() == NUMBER_BYTES_MAX => rest,
        _ => content,
    };
    if significant.len() > size_of::<u64>() {
        return Err(Broken::Number);
    }
    Ok(significant.iter().fold(0, |sum, it| sum << 8 | u64::from(*it)))
}

/// Reads an object identifier.
pub(super) fn oid(content: &[u8]) -> Result<Oid, Broken> {
    let mut arcs = [0_u32; ARCS_MAX];
    let mut count = 0;
    let mut arc = 0_u64;
    for (index, byte) in content.iter().enumerate() {
        arc = arc << 7 | u64::from(byte & 0x7f);
        if arc > u64::from(u32::MAX) {
            return Err(Broken::Oid);
        }
        if byte & 0x80 != 0 {
            if index + 1 == content.len() {
                return Err(Broken::Oid);
            }
            continue;
        }
        let number = u32::try_from(arc).map_err(|_| Broken::Oid)?;
        if count == 0 {
            // The first number holds two arcs.
            let first = (number / 40).min(2);
            (arcs[0], arcs[1], count) = (first, number - first * 40, 2);
        } else {
            *arcs.get_mut(count).ok_or(Broken::Oid)? = number;
            count += 1;
        }
        arc = 0;
    }
    if count == 0 {
        return Err(Broken::Oid);
    }
    Ok(Oid::from_checked(&arcs[..count]))
}

/// Writes a message, last field first.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// How much is written so far; see [`Self::wrap`].
    pub(super) fn mark(&self) -> usize {
        self.0.len()
    }

    /// Makes all that was written since `mark` the content of a field.
    pub(super) fn wrap(&mut self, kind: u8, mark: usize) {
        let length = self.0.len() - mark;
        if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
            self.0.push(short);
        } else {
            let bytes = length.to_be_bytes();
            let digits = &bytes[length.leading_zeros() as usize / 8..];
            self.0.extend(digits.iter().rev());
            let count = u8::try_from(digits.len()).expect("a length has at most eight bytes");
            self.0.push(0x80 | count);
        }
        self.0.push(kind);
    }

    pub(super) fn bytes(&mut self, kind: u8, content: &[u8]) {
        let mark = self.mark();
        self.0.extend(content.iter().rev());
        self.wrap(kind, mark);
    }

    pub(super) fn integer(&mut self, number: i64) {
        let bytes = number.to_be_bytes();
        // A leading byte that only repeats the sign is left out.
        let mut digits = bytes.as_slice();
        while let [0x00, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] = digits {
            digits = &digits[1..];
        }
        self.bytes(INTEGER, digits);
    }

    pub(super) fn oid(&mut self, oid: &Oid) {
        let mark = self.mark();
        let [first, second, rest @ ..] = oid.arcs() else {
            unreachable!("an object identifier has at least two arcs")
        };
        rest.iter().rev().for_each(|arc| self.arc(*arc));
        self.arc(first * 40 + second);
        self.wrap(OBJECT_IDENTIFIER, mark);
    }

    fn arc(&mut self, mut arc: u32) {
        let mut more = 0;
        loop {
            let digits = u8::try_from(arc & 0x7f).expect("seven bits fit a byte");
            self.0.push(digits | more);
            arc >>= 7;
            more = 0x80;
            if arc == 0 {
                return;
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.reverse();
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.finish()
    }

    #[test]
    fn the_bytes_are_those_of_the_standard() {
        assert_eq!(written(|it| it.integer(0)), [2, 1, 0]);
        assert_eq!(written(|it| it.integer(127)), [2, 1, 127]);
        assert_eq!(written(|it| it.integer(128)), [2, 2, 0, 128]);
        assert_eq!(written(|it| it.integer(-1)), [2, 1, 255]);
        assert_eq!(written(|it| it.integer(-129)), [2, 2, 255, 127]);
        let oid: Oid = ".1.3.6.1.4.1.8072".parse().unwrap();
        assert_eq!(written(|it| it.oid(&oid)), [6, 7, 43, 6, 1, 4, 1, 0xbf, 8]);
        let long = written(|it| it.bytes(OCTET_STRING, &[7; 300]));
        assert_eq!(long[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn broken_encodings_are_told_apart() {
        let read = |bytes: &'static [u8]| Reader::new(bytes).field().map(|_| ());
        assert_eq!(read(&[]), Err(Broken::Cut));
        assert_eq!(read(&[4, 3, 0]), Err(Broken::Cut));
        assert_eq!(read(&[4, 0x80, 0, 0]), Err(Broken::Length));
        assert_eq!(read(&[4, 0x85, 0, 0, 0, 0, 1, 0]), Err(Broken::Length));
        assert_eq!(read(&[0x1f, 1, 0]), Err(Broken::Type));
        assert_eq!(oid(&[]), Err(Broken::Oid));
        assert_eq!(oid(&[43, 0x86]), Err(Broken::Oid));
        assert_eq!(oid(&[43, 0x90, 0x80, 0x80, 0x80, 0]), Err(Broken::Oid));
        assert_eq!(oid(&[43; ARCS_MAX]), Err(Broken::Oid));
        assert_eq!(integer(&[]), Err(Broken::Number));
        assert_eq!(integer(&[0; 9]), Err(Broken::Number));
        assert_eq!(unsigned(&[1; 9]), Err(Broken::Number));
    }

    #[test]
    fn a_counter_without_its_leading_zero_is_still_positive() {
        assert_eq!(unsigned(&[0xff; 8]), Ok(u64::MAX));
        assert_eq!(unsigned(&[0, 0xff, 0xff, 0xff, 0xff]), Ok(u64::from(u32::MAX)));
        assert_eq!(unsigned(&[0xff, 0xff, 0xff, 0xff]), Ok(u64::from(u32::MAX)));
    }

    fn any_oid() -> impl Strategy<Value = Oid> {
        (0_u32..3, 0_u32..40, prop::collection::vec(any::<u32>(), 0..126)).prop_map(
            |(first, second, rest)| Oid::new(&[&[first, second], &rest[..]].concat()).unwrap(),
        )
    }

    proptest! {
        #[test]
        fn numbers_come_back(number in any::<i64>()) {
            let bytes = written(|it| it.integer(number));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.integer::<i64>(), Ok(number));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn names_come_back(oid in any_oid()) {
            let bytes = written(|it| it.oid(&oid));
            let content = Reader::new(&bytes).expect(OBJECT_IDENTIFIER).unwrap();
            prop_assert_eq!(super::oid(content), Ok(oid));
        }

        #[test]
        fn texts_come_back(text in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let bytes = written(|it| it.bytes(OCTET_STRING, &text));
            prop_assert_eq!(Reader::new(&bytes).expect(OCTET_STRING), Ok(&text[..]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = Reader::new(&bytes);
            while let Ok((_, content)) = reader.field() {
                let read = (integer(content), unsigned(content), oid(content));
                prop_assert!(read.1.is_ok() || read.0.is_err() || content.len() <= 8);
            }
        }
    }
}
