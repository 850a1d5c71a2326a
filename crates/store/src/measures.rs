//! Measurements of a recorded result as bytes, exact to the bit.
//!
//! Not JSON: another engine must judge the very same numbers, and JSON has no NaN and no infinity.

use model::{Measure, Reading};

const NUMBER: u8 = 0;
const TEXT: u8 = 1;

/// Longest text of one reading that is kept, in bytes.
const TEXT_BYTES_MAX: usize = u16::MAX as usize;

/// Writes `measures` one after the other: index, form, then 8 bytes of number or a length (2
/// bytes) and that much text.
pub(crate) fn encode(measures: &[Measure]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(measures.len() * 10);
    for measure in measures {
        bytes.push(measure.index);
        match &measure.reading {
            Reading::Number(number) => {
                bytes.push(NUMBER);
                bytes.extend(number.to_bits().to_le_bytes());
            }
            Reading::Text(text) => {
                let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
                let length = u16::try_from(text.len()).expect("the text was cut to fit");
                bytes.push(TEXT);
                bytes.extend(length.to_le_bytes());
                bytes.extend(text.as_bytes());
            }
        }
    }
    bytes
}

/// Reads what [`encode`] wrote; `None` if it did not.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Vec<Measure>> {
    let mut measures = Vec::new();
    while let [index, form, rest @ ..] = bytes {
        let (reading, rest) = match *form {
            NUMBER => {
                let (number, rest) = rest.split_first_chunk()?;
                (Reading::Number(f64::from_bits(u64::from_le_bytes(*number))), rest)
            }
            TEXT => {
                let (length, rest) = rest.split_first_chunk()?;
                let (text, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
                (Reading::Text(str::from_utf8(text).ok()?.into()), rest)
            }
            _ => return None,
        };
        measures.push(Measure { index: *index, reading });
        bytes = rest;
    }
    bytes.is_empty().then_some(measures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(index: u8, text: &str) -> Measure {
        Measure { index, reading: Reading::Text(text.into()) }
    }

    #[test]
    fn what_is_written_is_read() {
        let measures = vec![
            Measure::number(0, -0.0),
            Measure::number(255, f64::INFINITY),
            text(3, ""),
            text(4, "TLS 1.3 é\0\n"),
        ];
        assert_eq!(decode(&encode(&measures)), Some(measures));
        assert_eq!(decode(&[]), Some(Vec::new()));
    }

    #[test]
    fn not_a_number_keeps_its_bits() {
        let odd = f64::from_bits(0x7ff8_dead_beef_0001);
        let read = decode(&encode(&[Measure::number(1, odd)])).unwrap();
        let Reading::Number(number) = read[0].reading else { panic!("a number went in") };
        assert_eq!(number.to_bits(), odd.to_bits());
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_two_glyphs() {
        let read = decode(&encode(&[text(0, &"é".repeat(40_000))])).unwrap();
        assert_eq!(read, [text(0, &"é".repeat(32_767))]);
    }

    #[test]
    fn what_was_never_written_is_not_read() {
        let good = encode(&[Measure::number(1, 2.0), text(2, "abc")]);
        for end in 1..good.len() {
            // Cut between two measures, the front is whole.
            assert_eq!(decode(&good[..end]).is_some(), end == 10, "cut at {end}");
        }
        assert_eq!(decode(&[0, 7, 0, 0]), None, "an unknown form");
        assert_eq!(decode(&[0, TEXT, 1, 0, 0xff]), None, "text that is not UTF-8");
    }
}
