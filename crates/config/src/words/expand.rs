//! Ranges in names and addresses: `ap[01..40]`, `10.0.9.[1..40]`.

use super::{Fault, scan::Word, shown};

/// More members of one range are refused: as many as a network of class B has addresses.
const MEMBERS_MAX: u64 = 65_536;
/// Numbers in a range have at most this many digits.
const DIGITS_MAX: usize = 18;

/// The members of the range in `text`, or `text` alone if it has none.
///
/// Leading zeros of the first number are kept (`[01..40]` is 01, 02, …). Brackets around something
/// with a colon are an IPv6 address, not a range.
pub(crate) fn expand(text: &str) -> Result<Vec<String>, Fault> {
    let Some(open) = text.find('[') else {
        return match text.find(']') {
            Some(at) => Err(Fault::new(at..at + 1, "`]` without `[`")),
            None => Ok(vec![text.to_owned()]),
        };
    };
    let Some(length) = text[open..].find(']') else {
        let fault = Fault::new(open..text.len(), "`[` is never closed");
        return Err(fault.hint("write a range like `ap[01..40]`"));
    };
    let close = open + length;
    let whole = Word { text, at: 0, quoted: false };
    let inner = whole.part(open + 1..close);
    if inner.text.contains(':') && !inner.text.contains("..") {
        return Ok(vec![text.to_owned()]);
    }
    let range = read(inner, open..close + 1)?;
    if let Some(second) = text[close + 1..].find(['[', ']']) {
        let at = close + 1 + second;
        return Err(Fault::new(at..text.len(), "only one range in a name or address"));
    }
    let (before, behind, width) = (&text[..open], &text[close + 1..], range.width);
    Ok((range.first..=range.last).map(|it| format!("{before}{it:0width$}{behind}")).collect())
}

struct Range {
    first: u64,
    last: u64,
    width: usize,
}

fn read(inner: Word<'_>, brackets: std::ops::Range<usize>) -> Result<Range, Fault> {
    let Some((left, right)) = inner.split("..") else {
        let what = match inner.text {
            "" => "an empty range".to_owned(),
            text => format!("{} is not a range", shown(text)),
        };
        let fault = Fault::new(brackets, what);
        let dashed = inner.split("-").filter(|(a, b)| number(*a).is_ok() && number(*b).is_ok());
        return Err(match dashed {
            Some((a, b)) => fault.hint(format!("write `[{}..{}]`", a.text, b.text)),
            None => fault.hint("write a range like `ap[01..40]`"),
        });
    };
    let (first, last) = (number(left)?, number(right)?);
    let width = if padded(left.text) { left.text.len() } else { 1 };
    if padded(right.text) && right.text.len() != left.text.len() {
        let fault = Fault::new(inner.span(), "the two ends have different numbers of digits");
        return Err(fault.hint("pad both with zeros to the same length, as in `[001..040]`"));
    }
    if last < first {
        let fault = Fault::new(inner.span(), "the range runs backwards");
        return Err(fault.hint(format!("write `[{}..{}]`", right.text, left.text)));
    }
    if last - first >= MEMBERS_MAX {
        return Err(Fault::new(inner.span(), format!("more than {MEMBERS_MAX} members")));
    }
    Ok(Range { first, last, width })
}

fn padded(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0')
}

fn number(word: Word<'_>) -> Result<u64, Fault> {
    let digits = !word.text.is_empty() && word.text.bytes().all(|it| it.is_ascii_digit());
    if !digits {
        let what = match word.text {
            "" => "a number is missing".to_owned(),
            text => format!("{} is not a whole number", shown(text)),
        };
        let fault = Fault::new(word.span(), what);
        return Err(fault.hint("write a range like `ap[01..40]`"));
    }
    if word.text.len() > DIGITS_MAX {
        return Err(Fault::new(word.span(), "a number with too many digits"));
    }
    Ok(word.text.parse().expect("18 digits fit 64 bits"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::{super::picture, *};

    #[test]
    fn ranges() {
        let texts = [
            "ap[01..03]",
            "10.0.9.[9..11]",
            "sw[098..101]-core",
            "ap[08..100]",
            "web",
            "[::1]",
            "fd00::[1..2]",
            "x[5..5]",
        ];
        let read = |text: &str| {
            expand(text).map(|it| if it.len() > 6 { it[it.len() - 2..].to_vec() } else { it })
        };
        expect![[r#"
            "ap[01..03]" is ["ap01", "ap02", "ap03"]
            "10.0.9.[9..11]" is ["10.0.9.9", "10.0.9.10", "10.0.9.11"]
            "sw[098..101]-core" is ["sw098-core", "sw099-core", "sw100-core", "sw101-core"]
            "ap[08..100]" is ["ap99", "ap100"]
            "web" is ["web"]
            "[::1]" is ["[::1]"]
            "fd00::[1..2]" is ["fd00::1", "fd00::2"]
            "x[5..5]" is ["x5"]
        "#]]
        .assert_eq(&picture(&texts, read));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let texts = [
            "ap[01-40]",
            "ap[]",
            "ap[1..]",
            "ap[a..f]",
            "ap[40..01]",
            "ap[1..040]",
            "ap[1..2][3..4]",
            "ap[1..2]]",
            "ap[1..2",
            "ap1]",
            "ap[0..65536]",
            "ap[0..9999999999999999999]",
            "ap[1...3]",
            "ap[-1..3]",
        ];
        expect![[r#"
            ap[01-40]|
              ^^^^^^^ `01-40` is not a range
              = write `[01..40]`
            ap[]|
              ^^ an empty range
              = write a range like `ap[01..40]`
            ap[1..]|
                  ^ a number is missing
              = write a range like `ap[01..40]`
            ap[a..f]|
               ^ `a` is not a whole number
              = write a range like `ap[01..40]`
            ap[40..01]|
               ^^^^^^ the range runs backwards
              = write `[01..40]`
            ap[1..040]|
               ^^^^^^ the two ends have different numbers of digits
              = pad both with zeros to the same length, as in `[001..040]`
            ap[1..2][3..4]|
                    ^^^^^^ only one range in a name or address
            ap[1..2]]|
                    ^ only one range in a name or address
            ap[1..2|
              ^^^^^ `[` is never closed
              = write a range like `ap[01..40]`
            ap1]|
               ^ `]` without `[`
            ap[0..65536]|
               ^^^^^^^^ more than 65536 members
            ap[0..9999999999999999999]|
                  ^^^^^^^^^^^^^^^^^^^ a number with too many digits
            ap[1...3]|
                  ^^ `.3` is not a whole number
              = write a range like `ap[01..40]`
            ap[-1..3]|
               ^^ `-1` is not a whole number
              = write a range like `ap[01..40]`
        "#]]
        .assert_eq(&picture(&texts, expand));
        assert_eq!(expand("ap[1..65536]").map(|it| it.len()), Ok(65_536));
    }

    proptest! {
        #[test]
        fn every_member_is_there_in_order(first in 0_u64..2_000, more in 0_u64..50, width in 1_usize..6) {
            let last = first + more;
            let members = expand(&format!("a[{first:0width$}..{last:0width$}]b"));
            let wanted: Vec<_> = (first..=last).map(|it| format!("a{it:0width$}b")).collect();
            prop_assert_eq!(members, Ok(wanted));
        }
    }
}
