//! Flags and whole numbers.

use std::ops::RangeInclusive;

use super::{Fault, scan::Word, shown};

const FLAGS: [(&str, bool); 6] =
    [("yes", true), ("no", false), ("true", true), ("false", false), ("on", true), ("off", false)];

/// Reads `yes`, `no`, `true`, `false`, `on` or `off`, in any case.
pub(crate) fn flag(text: &str) -> Result<bool, Fault> {
    let word = Word::trimmed(text);
    if let Some(found) = FLAGS.iter().find(|it| it.0.eq_ignore_ascii_case(word.text)) {
        return Ok(found.1);
    }
    let what = match word.text {
        "" => "`yes` or `no` is missing".to_owned(),
        text => format!("{} is neither `yes` nor `no`", shown(text)),
    };
    let fault = Fault::new(word.span(), what);
    Err(match super::nearest(word.text, FLAGS.map(|it| it.0)) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint("write `yes` or `no`"),
    })
}

/// Reads a whole number within `allowed`.
///
/// `010` is refused: YAML 1.1 tools read it as eight.
pub(crate) fn count(text: &str, allowed: RangeInclusive<i64>) -> Result<i64, Fault> {
    let word = Word::trimmed(text);
    let (low, high) = (allowed.start(), allowed.end());
    let digits = word.text.strip_prefix('-').unwrap_or(word.text);
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err(not_whole(word).hint(format!("write a number from {low} to {high}")));
    }
    if digits.len() > 1 && digits.starts_with('0') {
        let fault = Fault::new(word.span(), "a number with a leading zero can be misread");
        let bare = digits.trim_start_matches('0');
        return Err(
            fault.hint(format!("write {}", shown(if bare.is_empty() { "0" } else { bare })))
        );
    }
    match word.text.parse() {
        Ok(number) if allowed.contains(&number) => Ok(number),
        _ => {
            let what = format!("{} is not within {low} to {high}", shown(word.text));
            Err(Fault::new(word.span(), what))
        }
    }
}

fn not_whole(word: Word<'_>) -> Fault {
    let what = match word.text {
        "" => "a number is missing".to_owned(),
        text => format!("{} is not a whole number", shown(text)),
    };
    Fault::new(word.span(), what)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::{super::picture, *};

    #[test]
    fn flags() {
        let texts =
            ["yes", "no", "true", "false", "on", "off", "Yes", "FALSE", " on ", "y", "ye", "1", ""];
        expect![[r#"
            "yes" is true
            "no" is false
            "true" is true
            "false" is false
            "on" is true
            "off" is false
            "Yes" is true
            "FALSE" is false
            " on " is true
            y|
            ^ `y` is neither `yes` nor `no`
              = write `yes` or `no`
            ye|
            ^^ `ye` is neither `yes` nor `no`
              = did you mean `yes`?
            1|
            ^ `1` is neither `yes` nor `no`
              = write `yes` or `no`
            |
            ^ `yes` or `no` is missing
              = write `yes` or `no`
        "#]]
        .assert_eq(&picture(&texts, flag));
    }

    #[test]
    fn counts() {
        let texts = [
            "1",
            "100",
            " 7 ",
            "0",
            "101",
            "-3",
            "010",
            "007",
            "00",
            "1.5",
            "1,000",
            "1e3",
            "+5",
            "three",
            "",
            "99999999999999999999",
        ];
        expect![[r#"
            "1" is 1
            "100" is 100
            " 7 " is 7
            0|
            ^ `0` is not within 1 to 100
            101|
            ^^^ `101` is not within 1 to 100
            -3|
            ^^ `-3` is not within 1 to 100
            010|
            ^^^ a number with a leading zero can be misread
              = write `10`
            007|
            ^^^ a number with a leading zero can be misread
              = write `7`
            00|
            ^^ a number with a leading zero can be misread
              = write `0`
            1.5|
            ^^^ `1.5` is not a whole number
              = write a number from 1 to 100
            1,000|
            ^^^^^ `1,000` is not a whole number
              = write a number from 1 to 100
            1e3|
            ^^^ `1e3` is not a whole number
              = write a number from 1 to 100
            +5|
            ^^ `+5` is not a whole number
              = write a number from 1 to 100
            three|
            ^^^^^ `three` is not a whole number
              = write a number from 1 to 100
            |
            ^ a number is missing
              = write a number from 1 to 100
            99999999999999999999|
            ^^^^^^^^^^^^^^^^^^^^ `99999999999999999999` is not within 1 to 100
        "#]]
        .assert_eq(&picture(&texts, |it| count(it, 1..=100)));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(number: i64) {
            prop_assert_eq!(count(&number.to_string(), i64::MIN..=i64::MAX), Ok(number));
        }
    }
}
