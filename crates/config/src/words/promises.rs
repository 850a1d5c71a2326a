//! What a watchdog promises, in words: `when online, missing after 3d`, `50% of usual`,
//! `veeam nightly + 1h`, `192.0.2.0/24`.

use std::{net::IpAddr, time::Duration};

use model::Reporting;

use super::{Fault, count, duration::read, scan::Word, shown, size::read_percent, stretch};

/// Longest tolerance around an expected moment: 31 days.
const TOLERANCE_MAX: Duration = Duration::from_secs(31 * 24 * 3600);
/// Most reports that one slot may want: the ledger tells 64 of one slot apart, repeats included.
const REPORTS_MAX: i64 = 50;
/// Most warnings in a row that may pass.
const IN_A_ROW_MAX: i64 = 1_000;
/// Most percent of the usual.
const OF_USUAL_MAX: f64 = 100_000.0;
/// Longest name of a machine or domain, in bytes.
const HOST_BYTES_MAX: usize = 253;

/// Reads a tolerance: from nothing at all to 31 days.
pub(crate) fn tolerance(text: &str) -> Result<Duration, Fault> {
    let word = Word::trimmed(text);
    let time = read(word)?;
    match time > TOLERANCE_MAX {
        true => Err(Fault::new(word.span(), "this is too long").hint("the most is 31d")),
        false => Ok(time),
    }
}

/// Reads what silence means.
pub(crate) fn reporting(text: &str) -> Result<Reporting, Fault> {
    const HINT: &str = "write `every run`, `failures only`, `digest` or \
                        `when online, missing after 3d`";
    let word = Word::trimmed(text);
    match word.text {
        "every run" => return Ok(Reporting::EveryRun),
        "failures only" => return Ok(Reporting::FailuresOnly),
        "digest" => return Ok(Reporting::Digest),
        _ => {}
    }
    let Some(rest) = word.text.strip_prefix("when online") else {
        let what = format!("{} says nothing about when it reports", shown(word.text));
        return Err(Fault::new(word.span(), what).hint(HINT));
    };
    let behind = rest.trim_start_matches(',').trim();
    let Some(time) = behind.strip_prefix("missing after ") else {
        let fault = Fault::new(word.span(), "it is not said when silence is too long");
        return Err(fault.hint("write `when online, missing after 3d`"));
    };
    let at = word.text.len() - time.len();
    let part = word.part(at..word.text.len()).trim();
    let missing_after = stretch(part.text).map_err(|it| it.moved(part.at))?;
    Ok(Reporting::WhenOnline { missing_after })
}

/// Reads how many reports a slot wants: `3`, `3 per slot`.
pub(crate) fn reports(text: &str) -> Result<u32, Fault> {
    number_before(text, " per slot", 1..=REPORTS_MAX)
}

/// Reads how many warnings are proposed: `3`, `3 in a row`, or `never`.
pub(crate) fn warnings(text: &str) -> Result<u32, Fault> {
    match text.trim() {
        "never" => Ok(u32::MAX),
        _ => number_before(text, " in a row", 1..=IN_A_ROW_MAX),
    }
}

fn number_before(
    text: &str,
    words: &str,
    allowed: std::ops::RangeInclusive<i64>,
) -> Result<u32, Fault> {
    let word = Word::trimmed(text);
    let number = word.text.strip_suffix(words).unwrap_or(word.text);
    let found = count(number, allowed).map_err(|it| it.moved(word.at))?;
    Ok(u32::try_from(found).expect("the range is within 32 bits"))
}

/// A limit on a figure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// So much.
    Fixed(u64),
    /// So many percent of the usual.
    Usual(u32),
}

/// Reads `50% of usual`, or an amount by `amount`.
pub(crate) fn bound(
    text: &str,
    amount: impl Fn(&str) -> Result<u64, Fault>,
) -> Result<Bound, Fault> {
    let word = Word::trimmed(text);
    let Some(percent) = word.text.strip_suffix(" of usual") else {
        if word.text.ends_with('%') {
            let fault = Fault::new(word.span(), format!("{} of what?", shown(word.text)));
            return Err(fault.hint(format!("write `{} of usual`", word.text)));
        }
        return amount(text).map(Bound::Fixed);
    };
    let number = read_percent(word.part(0..percent.len()).trim())?;
    if number.fract() != 0.0 || !(1.0..=OF_USUAL_MAX).contains(&number) {
        return Err(Fault::new(word.span(), "from 1% to 100000% of usual, without a fraction"));
    }
    // From 1 to 100,000.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(Bound::Usual(number as u32))
}

/// Reads `under 50% of usual`, `over 6h`: the limit, and whether it is the upper one.
pub(crate) fn crossed(
    text: &str,
    amount: impl Fn(&str) -> Result<u64, Fault>,
) -> Result<(bool, Bound), Fault> {
    let word = Word::trimmed(text);
    for (name, over) in [("under ", false), ("over ", true)] {
        if word.text.starts_with(name) {
            let rest = word.after(name.len()).trim();
            let found = bound(rest.text, amount).map_err(|it| it.moved(rest.at))?;
            return Ok((over, found));
        }
    }
    let fault = Fault::new(word.span(), format!("{} is no limit", shown(word.text)));
    Err(fault.hint("write it like `under 50% of usual` or `over 200% of usual`"))
}

/// Reads `veeam nightly + 1h`: a name, and how long behind it.
pub(crate) fn behind(text: &str) -> Result<(String, Duration), Fault> {
    let word = Word::trimmed(text);
    let Some((name, _)) = word.text.rsplit_once(" + ") else {
        return Ok((word.text.to_owned(), Duration::ZERO));
    };
    let time = word.after(name.len() + " + ".len()).trim();
    let offset = tolerance(time.text).map_err(|it| it.moved(time.at))?;
    Ok((name.trim().to_owned(), offset))
}

/// Reads a network or one address: `192.0.2.0/24`, `2001:db8::1`.
pub(crate) fn network(text: &str) -> Result<(), Fault> {
    let word = Word::trimmed(text);
    let (base, bits) = match word.text.split_once('/') {
        Some((base, bits)) => (base, Some(bits)),
        None => (word.text, None),
    };
    let most = match base.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => {
            let fault = Fault::new(word.span(), format!("{} is no network", shown(word.text)));
            return Err(fault.hint("write it like `192.0.2.0/24` or `192.0.2.1`"));
        }
    };
    match bits.map_or(Ok(most), |it| it.parse::<u8>().map_err(drop)) {
        Ok(bits) if bits <= most && bits > 0 => Ok(()),
        Ok(0) => Err(Fault::new(word.span(), "this is everybody")),
        _ => Err(Fault::new(word.span(), format!("a network has 1 to {most} bits"))),
    }
}

/// Reads the domain of mail addresses, in small letters.
pub(crate) fn mail_domain(text: &str) -> Result<String, Fault> {
    let word = Word::trimmed(text);
    let good = |it: &str| {
        let plain = |it: char| it.is_ascii_alphanumeric() || it == '-';
        !it.is_empty() && it.chars().all(plain) && !it.starts_with('-') && !it.ends_with('-')
    };
    if word.text.len() > HOST_BYTES_MAX || !word.text.split('.').all(good) {
        let fault = Fault::new(word.span(), format!("{} is no domain", shown(word.text)));
        return Err(fault.hint("write it like `in.msp.example`"));
    }
    Ok(word.text.to_ascii_lowercase())
}

/// Checks the name and port of a server: `imap.msp.example:993`.
pub(crate) fn server(text: &str) -> Result<(), Fault> {
    let word = Word::trimmed(text);
    let fault =
        |what: String| Fault::new(word.span(), what).hint("write it like `imap.msp.example:993`");
    let Some((host, port)) = word.text.rsplit_once(':') else {
        return Err(fault(format!("{} has no port", shown(word.text))));
    };
    let bracketed = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host_is_good = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => mail_domain(host).is_ok(),
    };
    match host_is_good && port.parse::<u16>().is_ok_and(|it| it > 0) {
        true => Ok(()),
        false => Err(fault(format!("{} is no server with a port", shown(word.text)))),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{
        super::{bytes, picture},
        *,
    };

    #[test]
    fn what_silence_means() {
        let texts = [
            "every run",
            "failures only",
            "digest",
            "when online, missing after 3d",
            "when online missing after 72h",
            "when online",
            "when online, missing after 3",
            "sometimes",
            "",
        ];
        expect![[r#"
            "every run" is EveryRun
            "failures only" is FailuresOnly
            "digest" is Digest
            "when online, missing after 3d" is WhenOnline { missing_after: 259200s }
            "when online missing after 72h" is WhenOnline { missing_after: 259200s }
            when online|
            ^^^^^^^^^^^ it is not said when silence is too long
              = write `when online, missing after 3d`
            when online, missing after 3|
                                       ^ `3` has no unit
              = write `3m` or `3s`
            sometimes|
            ^^^^^^^^^ `sometimes` says nothing about when it reports
              = write `every run`, `failures only`, `digest` or `when online, missing after 3d`
            |
            ^ `` says nothing about when it reports
              = write `every run`, `failures only`, `digest` or `when online, missing after 3d`
        "#]]
        .assert_eq(&picture(&texts, reporting));
    }

    #[test]
    fn numbers_with_their_words() {
        let texts = ["1", "3 per slot", "0", "51", "3 in a row", "many"];
        expect![[r#"
            "1" is 1
            "3 per slot" is 3
            0|
            ^ `0` is not within 1 to 50
            51|
            ^^ `51` is not within 1 to 50
            3 in a row|
            ^^^^^^^^^^ `3 in a row` is not a whole number
              = write a number from 1 to 50
            many|
            ^^^^ `many` is not a whole number
              = write a number from 1 to 50
        "#]]
        .assert_eq(&picture(&texts, reports));
        let texts = ["3 in a row", "5", "never", "0", "3 per slot"];
        expect![[r#"
            "3 in a row" is 3
            "5" is 5
            "never" is 4294967295
            0|
            ^ `0` is not within 1 to 1000
            3 per slot|
            ^^^^^^^^^^ `3 per slot` is not a whole number
              = write a number from 1 to 1000
        "#]]
        .assert_eq(&picture(&texts, warnings));
    }

    #[test]
    fn limits_of_figures() {
        let texts = [
            "under 50% of usual",
            "over 200% of usual",
            "under 1GB",
            "over 1",
            "50% of usual",
            "under 50%",
            "under 0% of usual",
            "under half of usual",
        ];
        expect![[r#"
            "under 50% of usual" is (false, Usual(50))
            "over 200% of usual" is (true, Usual(200))
            "under 1GB" is (false, Fixed(1000000000))
            over 1|
                 ^ `1` has no unit
              = write `1B`, `1KiB` or `1MiB`
            50% of usual|
            ^^^^^^^^^^^^ `50% of usual` is no limit
              = write it like `under 50% of usual` or `over 200% of usual`
            under 50%|
                  ^^^ `50%` of what?
              = write `50% of usual`
            under 0% of usual|
                  ^^^^^^^^^^^ from 1% to 100000% of usual, without a fraction
            under half of usual|
                  ^^^^ `half` is not a percentage
              = write it like `80%`
        "#]]
        .assert_eq(&picture(&texts, |it| crossed(it, bytes)));
    }

    #[test]
    fn what_runs_behind_what() {
        let texts =
            ["veeam nightly", "veeam nightly + 1h", "a + b + 90m", "veeam + soon", "v + 99d"];
        expect![[r#"
            "veeam nightly" is ("veeam nightly", 0ns)
            "veeam nightly + 1h" is ("veeam nightly", 3600s)
            "a + b + 90m" is ("a + b", 5400s)
            veeam + soon|
                    ^^^^ `soon` is not a duration
              = write a number with its unit, such as `30s`, `5m` or `1h30m`
            v + 99d|
                ^^^ this is too long
              = the most is 31d
        "#]]
        .assert_eq(&picture(&texts, behind));
    }

    #[test]
    fn networks_domains_and_servers() {
        let texts =
            ["192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "0.0.0.0/0", "192.0.2.0/33", "relay"];
        expect![[r#"
            "192.0.2.0/24" is ()
            "192.0.2.1" is ()
            "2001:db8::/32" is ()
            0.0.0.0/0|
            ^^^^^^^^^ this is everybody
            192.0.2.0/33|
            ^^^^^^^^^^^^ a network has 1 to 32 bits
            relay|
            ^^^^^ `relay` is no network
              = write it like `192.0.2.0/24` or `192.0.2.1`
        "#]]
        .assert_eq(&picture(&texts, network));
        let texts = ["in.MSP.example", "a..b", "x@y", "-a.example", ""];
        expect![[r#"
            "in.MSP.example" is "in.msp.example"
            a..b|
            ^^^^ `a..b` is no domain
              = write it like `in.msp.example`
            x@y|
            ^^^ `x@y` is no domain
              = write it like `in.msp.example`
            -a.example|
            ^^^^^^^^^^ `-a.example` is no domain
              = write it like `in.msp.example`
            |
            ^ `` is no domain
              = write it like `in.msp.example`
        "#]]
        .assert_eq(&picture(&texts, mail_domain));
        let texts = ["imap.msp.example:993", "[::1]:993", "imap.msp.example", "x:0", "[::1:9"];
        expect![[r#"
            "imap.msp.example:993" is ()
            "[::1]:993" is ()
            imap.msp.example|
            ^^^^^^^^^^^^^^^^ `imap.msp.example` has no port
              = write it like `imap.msp.example:993`
            x:0|
            ^^^ `x:0` is no server with a port
              = write it like `imap.msp.example:993`
            [::1:9|
            ^^^^^^ `[::1:9` is no server with a port
              = write it like `imap.msp.example:993`
        "#]]
        .assert_eq(&picture(&texts, server));
    }
}
