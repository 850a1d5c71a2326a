//! Answer codes: `200`, `2xx`, `301..308`.

use std::{ops::RangeInclusive, sync::Arc};

use model::Value;

use super::{Fault, count, scan::Word, shown};

/// Codes have three digits.
const CODES: RangeInclusive<i64> = 100..=999;

/// Reads one code, a class of codes or a range; keeps the latter two as text.
pub(crate) fn codes(text: &str) -> Result<Value, Fault> {
    let word = Word::trimmed(text);
    if let Some((first, last)) = word.split("..") {
        return range(word, first, last);
    }
    if let [class @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] = word.text.as_bytes() {
        return Ok(Value::Text(Arc::from(format!("{}xx", char::from(*class)))));
    }
    count(word.text, CODES).map(Value::Number).map_err(|fault| {
        let fault = fault.moved(word.at);
        let listed = word.text.contains([',', ' ']);
        if listed {
            return Fault::new(word.span(), format!("{} is not one code", shown(word.text)))
                .hint("write a list: `[200, 301..308]`");
        }
        fault.hint("write a code, a class or a range: `200`, `2xx`, `301..308`")
    })
}

fn range(word: Word<'_>, first: Word<'_>, last: Word<'_>) -> Result<Value, Fault> {
    let low = count(first.text, CODES).map_err(|it| it.moved(first.at))?;
    let high = count(last.text, CODES).map_err(|it| it.moved(last.at))?;
    if high < low {
        let fault = Fault::new(word.span(), "the range runs backwards");
        return Err(fault.hint(format!("write `{high}..{low}`")));
    }
    Ok(Value::Text(Arc::from(format!("{low}..{high}"))))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::{super::picture, *};

    #[test]
    fn codes_classes_and_ranges() {
        let texts = [
            "200",
            "2xx",
            "5XX",
            "301..308",
            " 204 ",
            "404..404",
            "20",
            "1000",
            "0xx",
            "2x",
            "308..301",
            "200, 204",
            "200-204",
            "ok",
            "",
            "200..",
            "200...204",
        ];
        expect![[r#"
            "200" is Number(200)
            "2xx" is Text("2xx")
            "5XX" is Text("5xx")
            "301..308" is Text("301..308")
            " 204 " is Number(204)
            "404..404" is Text("404..404")
            20|
            ^^ `20` is not within 100 to 999
              = write a code, a class or a range: `200`, `2xx`, `301..308`
            1000|
            ^^^^ `1000` is not within 100 to 999
              = write a code, a class or a range: `200`, `2xx`, `301..308`
            0xx|
            ^^^ `0xx` is not a whole number
              = write a code, a class or a range: `200`, `2xx`, `301..308`
            2x|
            ^^ `2x` is not a whole number
              = write a code, a class or a range: `200`, `2xx`, `301..308`
            308..301|
            ^^^^^^^^ the range runs backwards
              = write `301..308`
            200, 204|
            ^^^^^^^^ `200, 204` is not one code
              = write a list: `[200, 301..308]`
            200-204|
            ^^^^^^^ `200-204` is not a whole number
              = write a code, a class or a range: `200`, `2xx`, `301..308`
            ok|
            ^^ `ok` is not a whole number
              = write a code, a class or a range: `200`, `2xx`, `301..308`
            |
            ^ a number is missing
              = write a code, a class or a range: `200`, `2xx`, `301..308`
            200..|
                 ^ a number is missing
              = write a number from 100 to 999
            200...204|
                 ^^^^ `.204` is not a whole number
              = write a number from 100 to 999
        "#]]
        .assert_eq(&picture(&texts, codes));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(low in CODES, more in 0_i64..100) {
            prop_assert_eq!(codes(&low.to_string()), Ok(Value::Number(low)));
            let text = format!("{low}..{}", (low + more).min(*CODES.end()));
            prop_assert_eq!(codes(&text), Ok(Value::Text(Arc::from(text.clone()))));
        }
    }
}
