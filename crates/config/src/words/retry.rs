//! `retry: 3 x 20s`: believed at the third bad answer, looks 20 seconds apart.

use std::{ops::RangeInclusive, time::Duration};

use super::{Fault, count, duration, scan::Word, shown};

/// How often a bad answer must come before it is believed.
const ATTEMPTS: RangeInclusive<i64> = 1..=100;

/// How bad news is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    /// Believed at this many bad answers in a row.
    pub(crate) attempts: u8,
    /// Time between looks until then.
    pub(crate) every: Duration,
}

/// Reads `3 x 20s`, also `3x20s` and `3 × 20s`.
pub(crate) fn retry(text: &str) -> Result<Retry, Fault> {
    let word = Word::trimmed(text);
    let Some((left, right)) =
        ["x", "×", "X"].iter().find_map(|sign| word.split(sign)).map(|(a, b)| (a.trim(), b.trim()))
    else {
        return Err(without_sign(word));
    };
    if left.text.is_empty() {
        let fault = Fault::new(left.at..left.at, "the number of tries is missing");
        return Err(fault.hint(format!("write `1 x {}` for a single one", example(right.text))));
    }
    if duration(left.text).is_ok() && count(right.text, ATTEMPTS).is_ok() {
        let fault = Fault::new(word.span(), "the number of tries comes first");
        return Err(fault.hint(format!("write `{} x {}`", right.text, left.text)));
    }
    let attempts = count(left.text, ATTEMPTS).map_err(|it| it.moved(left.at))?;
    let every = super::duration::read(right)?;
    if every.is_zero() {
        return Err(Fault::new(right.span(), "the time between tries must be longer than zero"));
    }
    Ok(Retry { attempts: u8::try_from(attempts).expect("100 fits a byte"), every })
}

/// Neither `x` nor `×`: shows how it should look, with what was written in it.
fn without_sign(word: Word<'_>) -> Fault {
    let hint = if duration(word.text).is_ok() {
        format!("write `3 x {}`", word.text)
    } else if count(word.text, ATTEMPTS).is_ok() {
        format!("write `{} x 20s`", word.text)
    } else {
        "write `3 x 20s`: believed at the third bad answer, looks 20s apart".to_owned()
    };
    let what = match word.text {
        "" => "the number of tries and the time between them are missing".to_owned(),
        text => format!("{} does not say how many tries and how far apart", shown(text)),
    };
    Fault::new(word.span(), what).hint(hint)
}

fn example(every: &str) -> &str {
    if duration(every).is_ok() { every } else { "20s" }
}

impl Fault {
    /// The same fault in a text that begins `by` bytes earlier.
    pub(super) fn moved(mut self, by: usize) -> Self {
        self.span = self.span.start + by..self.span.end + by;
        self
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::{super::picture, *};

    #[test]
    fn retries() {
        let texts = [
            "3 x 20s",
            "3x20s",
            "3 × 20s",
            "1 X 1m30s",
            "100 x 1ms",
            "3",
            "20s",
            "",
            "x 20s",
            " × soon",
            "3 x",
            "20s x 3",
            "0 x 20s",
            "101 x 20s",
            "3 x 20",
            "3 x 0s",
            "3 times 20s",
            "3 x 20s x 4",
            "1.5 x 20s",
        ];
        expect![[r#"
            "3 x 20s" is Retry { attempts: 3, every: 20s }
            "3x20s" is Retry { attempts: 3, every: 20s }
            "3 × 20s" is Retry { attempts: 3, every: 20s }
            "1 X 1m30s" is Retry { attempts: 1, every: 90s }
            "100 x 1ms" is Retry { attempts: 100, every: 1ms }
            3|
            ^ `3` does not say how many tries and how far apart
              = write `3 x 20s`
            20s|
            ^^^ `20s` does not say how many tries and how far apart
              = write `3 x 20s`
            |
            ^ the number of tries and the time between them are missing
              = write `3 x 20s`: believed at the third bad answer, looks 20s apart
            x 20s|
            ^ the number of tries is missing
              = write `1 x 20s` for a single one
             × soon|
             ^ the number of tries is missing
              = write `1 x 20s` for a single one
            3 x|
               ^ a duration is missing
              = write a number with its unit, such as `30s`, `5m` or `1h30m`
            20s x 3|
            ^^^^^^^ the number of tries comes first
              = write `3 x 20s`
            0 x 20s|
            ^ `0` is not within 1 to 100
            101 x 20s|
            ^^^ `101` is not within 1 to 100
            3 x 20|
                ^^ `20` has no unit
              = write `20m` or `20s`
            3 x 0s|
                ^^ the time between tries must be longer than zero
            3 times 20s|
            ^^^^^^^^^^^ `3 times 20s` does not say how many tries and how far apart
              = write `3 x 20s`: believed at the third bad answer, looks 20s apart
            3 x 20s x 4|
                ^^^^^^^ `20s x 4` is not a duration
              = units of time are `us`, `ms`, `s`, `m`, `h`, `d` and `w`
            1.5 x 20s|
            ^^^ `1.5` is not a whole number
              = write a number from 1 to 100
        "#]]
        .assert_eq(&picture(&texts, retry));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(attempts in 1_u8..=100, millis in 1_u64..=86_400_000) {
            let every = Duration::from_millis(millis);
            prop_assert_eq!(retry(&format!("{attempts} x {millis}ms")), Ok(Retry { attempts, every }));
        }
    }
}
