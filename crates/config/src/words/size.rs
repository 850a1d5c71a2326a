//! Sizes and percentages: `512B`, `10MB`, `2GiB`, `80%`.

use calendar::Decimal;

use super::{Fault, scan::Word, shown};

/// Larger sizes are refused: what a signed 64-bit number can hold.
const BYTES_MAX: u128 = i64::MAX as u128;

/// Units with their bytes. `kB` is how the standard spells it, `KB` how everybody does.
const UNITS: [(&str, u128); 12] = [
    ("B", 1),
    ("KB", 1_000),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

/// Reads a number of bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, Fault> {
    read_bytes(Word::trimmed(text))
}

/// Reads a percentage from 0 to 100.
pub(crate) fn percent(text: &str) -> Result<f64, Fault> {
    let word = Word::trimmed(text);
    let value = read_percent(word)?;
    if value > 100.0 {
        return Err(Fault::new(word.span(), "a percentage lies between 0% and 100%"));
    }
    Ok(value)
}

/// Is `unit` one of a size?
pub(super) fn is_unit(unit: &str) -> bool {
    UNITS.iter().any(|it| it.0 == unit)
}

/// Reads the size that `word` is.
pub(super) fn read_bytes(word: Word<'_>) -> Result<u64, Fault> {
    let Some((number, digits)) = Decimal::read(word.text) else {
        return Err(no_number(word, "a size", "write a number with its unit, such as `64KiB`"));
    };
    let unit = word.after(digits);
    let Some((_, size)) = UNITS.iter().find(|it| it.0 == unit.text) else {
        return Err(wrong_unit(word.part(0..digits), unit));
    };
    match number.times(*size) {
        None => Err(Fault::new(word.span(), "not a whole number of bytes")),
        Some(bytes) if bytes > BYTES_MAX => Err(Fault::new(word.span(), "larger than 8 EiB")),
        Some(bytes) => Ok(u64::try_from(bytes).expect("it is below the largest i64")),
    }
}

/// Reads the percentage that `word` is; it may be above 100.
pub(super) fn read_percent(word: Word<'_>) -> Result<f64, Fault> {
    let Some((_, digits)) = Decimal::read(word.text) else {
        return Err(no_number(word, "a percentage", "write it like `80%`"));
    };
    let (number, unit) = (word.part(0..digits), word.after(digits));
    match unit.text {
        "%" => Ok(number.text.parse().expect("digits with a point are a number")),
        "" => Err(Fault::new(word.span(), format!("{} has no unit", shown(word.text)))
            .hint(format!("write `{}%`", number.text))),
        _ if unit.text.trim() == "%" => {
            let fault = Fault::new(word.span(), "a percentage is written without a space");
            Err(fault.hint(format!("write `{}%`", number.text)))
        }
        _ => {
            let fault = Fault::new(unit.span(), format!("{} is not `%`", shown(unit.text)));
            Err(fault.hint(format!("write `{}%`", number.text)))
        }
    }
}

/// `word` is not `noun`, since no number begins it.
pub(super) fn no_number(word: Word<'_>, noun: &str, hint: &str) -> Fault {
    let what = match word.text.as_bytes() {
        [] => format!("{noun} is missing"),
        [b'-', digit, ..] if digit.is_ascii_digit() => format!("{noun} cannot be negative"),
        [digit, ..] if digit.is_ascii_digit() => "a number with too many digits".to_owned(),
        _ => format!("{} is not {noun}", shown(word.text)),
    };
    let fault = Fault::new(word.span(), what);
    if word.text.starts_with('-') { fault } else { fault.hint(hint) }
}

fn wrong_unit(number: Word<'_>, unit: Word<'_>) -> Fault {
    let (digits, name) = (number.text, unit.text.trim());
    if name.is_empty() {
        let fault = Fault::new(number.span(), format!("{} has no unit", shown(digits)));
        return fault.hint(format!("write `{digits}B`, `{digits}KiB` or `{digits}MiB`"));
    }
    if is_unit(name) {
        let span = number.at..unit.span().end;
        let fault = Fault::new(span, "a size is written without a space");
        return fault.hint(format!("write `{digits}{name}`"));
    }
    let fault = Fault::new(unit.span(), format!("{} is not a unit of size", shown(unit.text)));
    let upper = name.to_uppercase();
    match upper.as_str() {
        "K" | "M" | "G" | "T" | "P" => fault.hint(format!(
            "write `{digits}{upper}iB` (powers of 1024) or `{digits}{upper}B` (powers of 1000)"
        )),
        _ => match UNITS.iter().find(|it| it.0.to_uppercase() == upper) {
            Some((right, _)) => fault.hint(format!("write `{digits}{right}`; these are bytes")),
            None => fault.hint("units of size are `B`, `KB`, `MB`, … and `KiB`, `MiB`, …"),
        },
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::{super::picture, *};

    #[test]
    fn sizes() {
        let texts = [
            "256KiB",
            "2GiB",
            "10MB",
            "512B",
            "1.5GiB",
            "0B",
            "5kB",
            "10",
            "",
            "5M",
            "5 MB",
            "5Mb",
            "5mib",
            "0.1KiB",
            "-5MB",
            "lots",
            "9000PiB",
            "5s",
            "1234567890123456789012B",
        ];
        expect![[r#"
            "256KiB" is 262144
            "2GiB" is 2147483648
            "10MB" is 10000000
            "512B" is 512
            "1.5GiB" is 1610612736
            "0B" is 0
            "5kB" is 5000
            10|
            ^^ `10` has no unit
              = write `10B`, `10KiB` or `10MiB`
            |
            ^ a size is missing
              = write a number with its unit, such as `64KiB`
            5M|
             ^ `M` is not a unit of size
              = write `5MiB` (powers of 1024) or `5MB` (powers of 1000)
            5 MB|
            ^^^^ a size is written without a space
              = write `5MB`
            5Mb|
             ^^ `Mb` is not a unit of size
              = write `5MB`; these are bytes
            5mib|
             ^^^ `mib` is not a unit of size
              = write `5MiB`; these are bytes
            0.1KiB|
            ^^^^^^ not a whole number of bytes
            -5MB|
            ^^^^ a size cannot be negative
            lots|
            ^^^^ `lots` is not a size
              = write a number with its unit, such as `64KiB`
            9000PiB|
            ^^^^^^^ larger than 8 EiB
            5s|
             ^ `s` is not a unit of size
              = units of size are `B`, `KB`, `MB`, … and `KiB`, `MiB`, …
            1234567890123456789012B|
            ^^^^^^^^^^^^^^^^^^^^^^^ a number with too many digits
              = write a number with its unit, such as `64KiB`
        "#]]
        .assert_eq(&picture(&texts, bytes));
    }

    #[test]
    fn percentages() {
        let texts = ["80%", "0.5%", "100%", "101%", "80", "80 %", "80ms", "", "-5%", "most"];
        expect![[r#"
            "80%" is 80.0
            "0.5%" is 0.5
            "100%" is 100.0
            101%|
            ^^^^ a percentage lies between 0% and 100%
            80|
            ^^ `80` has no unit
              = write `80%`
            80 %|
            ^^^^ a percentage is written without a space
              = write `80%`
            80ms|
              ^^ `ms` is not `%`
              = write `80%`
            |
            ^ a percentage is missing
              = write it like `80%`
            -5%|
            ^^^ a percentage cannot be negative
            most|
            ^^^^ `most` is not a percentage
              = write it like `80%`
        "#]]
        .assert_eq(&picture(&texts, percent));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(
            number in 0_u64..=8_191,
            unit in 0..UNITS.len(),
            percents in 0_u32..=10_000,
        ) {
            let (name, size) = UNITS[unit];
            prop_assert_eq!(bytes(&format!("{number}{name}")), Ok(number * size as u64));
            let value = f64::from(percents) / 100.0;
            prop_assert_eq!(percent(&format!("{value}%")), Ok(value));
        }
    }
}
