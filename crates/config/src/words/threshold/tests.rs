//! Thresholds as pictures, the Nagios table against its definition, and a round trip.

use expect_test::expect;
use proptest::prelude::*;

use super::{super::picture, *};

fn drawn(unit: Unit) -> impl Fn(&str) -> Result<String, Fault> {
    move |text| {
        threshold(text, unit).map(|rule| {
            let mut out = format!("{:?}", rule.test);
            if !rule.hold.is_zero() {
                out += &format!(" for {:?}", rule.hold);
            }
            if let Some(clear) = rule.clear {
                out += &format!(" while {clear:?}");
            }
            out
        })
    }
}

#[test]
fn percentages_are_judged() {
    let texts = [
        "over 85%",
        "85%",
        "under 5.5%",
        "inside 10%..20%",
        "outside 10%..20%",
        "over 95% for 10m",
        "over 85% for 10m clear 80%",
        "over 85% clear 80% for 10m",
        "under 10% clear 15%",
        "outside 10%..90% clear 20%..80%",
        "inside 40%..60% clear 30%..70%",
        "is 0%",
        "not 100%",
        ">80",
        ">= 80%",
        "<5 for 1m",
        "10:20",
        "@10%:20%",
        ">=80 clear 70",
    ];
    expect![[r#"
        "over 85%" is "Over(85.0)"
        "85%" is "Over(85.0)"
        "under 5.5%" is "Under(5.5)"
        "inside 10%..20%" is "Inside(10.0, 20.0)"
        "outside 10%..20%" is "Outside(10.0, 20.0)"
        "over 95% for 10m" is "Over(95.0) for 600s"
        "over 85% for 10m clear 80%" is "Over(85.0) for 600s while Over(80.0)"
        "over 85% clear 80% for 10m" is "Over(85.0) for 600s while Over(80.0)"
        "under 10% clear 15%" is "Under(10.0) while Under(15.0)"
        "outside 10%..90% clear 20%..80%" is "Outside(10.0, 90.0) while Outside(20.0, 80.0)"
        "inside 40%..60% clear 30%..70%" is "Inside(40.0, 60.0) while Inside(30.0, 70.0)"
        "is 0%" is "Is(\"0\")"
        "not 100%" is "Not(\"100\")"
        ">80" is "Over(80.0)"
        ">= 80%" is "Inside(80.0, inf)"
        "<5 for 1m" is "Under(5.0) for 60s"
        "10:20" is "Outside(10.0, 20.0)"
        "@10%:20%" is "Inside(10.0, 20.0)"
        ">=80 clear 70" is "Inside(80.0, inf) while Inside(70.0, inf)"
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Percent)));
}

#[test]
fn values_that_are_no_percentages() {
    let texts = [
        "over 85",
        "85",
        "over 800ms",
        "over 85 %",
        "over 120%",
        "over -5%",
        "over 1,5%",
        "over eighty",
        "is down",
        "inside 20%..10%",
        "inside 10%",
        "inside 10% .. 20%",
        "10%..20%",
    ];
    expect![[r#"
        over 85|
             ^^ `85` has no unit
          = write `85%`
        85|
        ^^ `85` has no unit
          = write `85%`
        over 800ms|
             ^^^^^ `800ms` is a time, not a percentage
          = write a percentage, such as `80%`
        over 85 %|
             ^^^^ a value is written without a space
          = write `85%`
        over 120%|
             ^^^^ a percentage lies between 0% and 100%
        over -5%|
             ^^^ a percentage cannot be negative
        over 1,5%|
             ^^^^ unknown unit in `1,5%`
          = write `1.5%`
        over eighty|
             ^^^^^^ `eighty` is not a percentage
          = write a percentage, such as `80%`
        is down|
           ^^^^ `down` is not a percentage
          = write a percentage, such as `80%`
        inside 20%..10%|
               ^^^^^^^^ the range runs backwards
          = write `10%..20%`
        inside 10%|
               ^^^ `10%` is not a range
          = write it like `inside 10..20`, without spaces
        inside 10% .. 20%|
               ^^^ `10%` is not a range
          = write it like `inside 10..20`, without spaces
        10%..20%|
        ^^^^^^^^ `inside` or `outside` these?
          = write `outside 10%..20%`
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Percent)));
}

#[test]
fn words_that_are_missing_or_misspelt() {
    let texts = [
        "",
        "over",
        "ovr 80%",
        "above 80%",
        "over 85% fro 10m",
        "over 85% for",
        "over 85% for 10",
        "over for 10m",
        "over 85% for 1m for 2m",
        "over 80% of 500",
        "over 80% per cpu",
        "=80",
        "!= 80%",
    ];
    expect![[r#"
        |
        ^ a threshold is missing
          = write it like `over 85%` or `over 95% for 10m`
        over|
            ^ a percentage is missing behind `over`
          = write it like `over 85%` or `over 95% for 10m`
        ovr 80%|
        ^^^ unknown word `ovr`
          = did you mean `over`?
        above 80%|
        ^^^^^ unknown word `above`
          = write `over`
        over 85% fro 10m|
                 ^^^ unknown word `fro`
          = did you mean `for`?
        over 85% for|
                    ^ a duration is missing behind `for`
          = write it like `for 10m`
        over 85% for 10|
                     ^^ `10` has no unit
          = write `10m` or `10s`
        over for 10m|
             ^^^ a percentage is missing between `over` and `for`
        over 85% for 1m for 2m|
                        ^^^ `for` a second time
        over 80% of 500|
                 ^^ a percentage has no `of`
        over 80% per cpu|
                 ^^^ unknown word `per`
          = behind the value come `of`, `for` and `clear`
        =80|
        ^ `=` is not understood
          = write `is 80`
        != 80%|
        ^^ `!=` is not understood
          = write `not 80%`
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Percent)));
}

#[test]
fn clear_levels_on_the_wrong_side() {
    let texts = [
        "over 85% clear 90%",
        "under 10% clear 5%",
        "outside 10%..90% clear 5%..95%",
        "inside 40%..60% clear 45%..55%",
        "inside 40%..60% clear 50%",
        "is 0% clear 1%",
        ">=80 clear 90",
    ];
    expect![[r#"
        over 85% clear 90%|
                       ^^^ this `clear` level is on the wrong side
          = it must not be higher than the level
        under 10% clear 5%|
                        ^^ this `clear` level is on the wrong side
          = it must not be lower than the level
        outside 10%..90% clear 5%..95%|
                               ^^^^^^^ this `clear` level is on the wrong side
          = after `outside` it must lie within the range
        inside 40%..60% clear 45%..55%|
                              ^^^^^^^^ this `clear` level is on the wrong side
          = after `inside` it must reach at least as far as the range
        inside 40%..60% clear 50%|
                              ^^^ `50%` is not a range
          = write it like `clear 12..18`
        is 0% clear 1%|
                    ^^ `clear` goes with numbers, not with `is` and `not`
        >=80 clear 90|
                   ^^ this `clear` level is on the wrong side
          = it must not be higher than the level
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Percent)));
}

#[test]
fn times_are_judged_in_seconds() {
    let texts = [
        "over 100ms",
        "under 10m",
        "under 21d",
        "outside 1s..5s",
        "outside -1.5s..1.5s",
        "1h30m",
        "over 80% of 10s",
        "100ms:1s",
        "~:5m",
        "over 100",
        "100",
        "over 10%",
        "over 5 s",
        ">100",
        "10:20",
        "over 2GiB",
        "over 5min",
        "over 1.5.5s",
    ];
    expect![[r#"
        "over 100ms" is "Over(0.1)"
        "under 10m" is "Under(600.0)"
        "under 21d" is "Under(1814400.0)"
        "outside 1s..5s" is "Outside(1.0, 5.0)"
        "outside -1.5s..1.5s" is "Outside(-1.5, 1.5)"
        "1h30m" is "Over(5400.0)"
        "over 80% of 10s" is "Over(8.0)"
        "100ms:1s" is "Outside(0.1, 1.0)"
        "~:5m" is "Over(300.0)"
        over 100|
             ^^^ `100` has no unit
          = write `100ms` or `100s`
        100|
        ^^^ `100` has no unit
          = write `100ms` or `100s`
        over 10%|
             ^^^ `10%` is a percentage, not a time
          = write a time, such as `800ms` or `5s`
        over 5 s|
             ^^^ a value is written without a space
          = write `5s`
        >100|
         ^^^ `100` has no unit
          = write `100ms` or `100s`
        10:20|
        ^^ `10` has no unit
          = write `10ms` or `10s`
        over 2GiB|
             ^^^^ `2GiB` is a size, not a time
          = write a time, such as `800ms` or `5s`
        over 5min|
              ^^^ `min` is not a unit of time
          = write `5m`
        over 1.5.5s|
                ^ `.` is not a unit of time
          = units of time are `us`, `ms`, `s`, `m`, `h`, `d` and `w`
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Seconds)));
}

#[test]
fn sizes_are_judged() {
    let texts = ["over 2GiB", "under 80% of 1MB", "over 5M", "over 5", "over 5s", "under -5B"];
    expect![[r#"
        "over 2GiB" is "Over(2147483648.0)"
        "under 80% of 1MB" is "Under(800000.0)"
        over 5M|
              ^ `M` is not a unit of size
          = write `5MiB` (powers of 1024) or `5MB` (powers of 1000)
        over 5|
             ^ `5` has no unit
          = write `5KiB` or `5MiB`
        over 5s|
             ^^ `5s` is a time, not a size
          = write a size, such as `2GiB`
        under -5B|
              ^^^ a size cannot be negative
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Bytes)));
}

#[test]
fn numbers_are_judged() {
    let texts = [
        "over 80% of 500000",
        "over 80% of 500000 clear 70%",
        "over 80% of 500000 clear 350000",
        "10",
        "inside -10..20",
        "is 5",
        "over 80%",
        "over 5ms",
        "over 80% of 0",
        "over 80 of 100",
        "is up",
        "over 1234567890123456789012",
        "over 80% of usual",
        "over 5 of",
        "over 80% of 50%",
        "over 1e5",
    ];
    expect![[r#"
        "over 80% of 500000" is "Over(400000.0)"
        "over 80% of 500000 clear 70%" is "Over(400000.0) while Over(350000.0)"
        "over 80% of 500000 clear 350000" is "Over(400000.0) while Over(350000.0)"
        "10" is "Over(10.0)"
        "inside -10..20" is "Inside(-10.0, 20.0)"
        "is 5" is "Is(\"5\")"
        over 80%|
             ^^^ `80%` is a percentage, not a plain number
          = write a plain number, or `80% of N`
        over 5ms|
             ^^^ `5ms` is a time, not a plain number
          = write a number without a unit, such as `10`
        over 80% of 0|
                    ^ a percentage is a part of something larger than zero
        over 80 of 100|
                ^^ `of` needs a percentage before it
          = write it like `over 80% of 500000`
        is up|
           ^^ `up` is not a plain number
          = write a number without a unit, such as `10`
        over 1234567890123456789012|
             ^^^^^^^^^^^^^^^^^^^^^^ a number with too many digits
        over 80% of usual|
                    ^^^^^ `usual` is not a plain number
          = write a number without a unit, such as `10`
        over 5 of|
                 ^ a plain number is missing behind `of`
          = write it like `over 100` or `outside 10..20`
        over 80% of 50%|
                    ^^^ `50%` is a percentage, not a plain number
          = write a plain number, or `50% of N`
        over 1e5|
             ^^^ unknown unit in `1e5`
          = write a number without a unit, such as `10`
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Number)));
}

#[test]
fn texts_are_judged() {
    let texts = [
        "is down",
        "not up",
        "is down for 5m",
        "is \"not ready\" for 1m",
        "is \"for\"",
        "is 5",
        "over 5",
        "85%",
        "refused",
        "is not ready",
        "iss down",
        "is",
        "is down clear up",
        "is 'a",
        "10:20",
    ];
    expect![[r#"
        "is down" is "Is(\"down\")"
        "not up" is "Not(\"up\")"
        "is down for 5m" is "Is(\"down\") for 300s"
        "is \"not ready\" for 1m" is "Is(\"not ready\") for 60s"
        "is \"for\"" is "Is(\"for\")"
        "is 5" is "Is(\"5\")"
        over 5|
        ^^^^ a text is judged by `is` and `not`
          = write it like `is down` or `not up`
        85%|
        ^^^ a text is judged by `is` and `not`
          = write it like `is down` or `not up`
        refused|
        ^^^^^^^ unknown word `refused`
          = write `is refused`
        is not ready|
        ^^^^^^ `is not` is one word too many
          = write `not ready`
        iss down|
        ^^^ unknown word `iss`
          = did you mean `is`?
        is|
          ^ a text is missing behind `is`
          = write it like `is down` or `not up`
        is down clear up|
                      ^^ `clear` goes with numbers, not with `is` and `not`
        is 'a|
           ^^ this quote is never closed
        10:20|
        ^^^^^ a text is judged by `is` and `not`
          = write it like `is down` or `not up`
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Text)));
}

#[test]
fn anything_is_judged_by_what_is_written() {
    let texts = [
        "over 85%",
        "under 10m",
        "over 2KiB",
        "over 10",
        "10",
        "is down",
        "not 5",
        "over 80% of 500000",
        "inside 10..20",
        "~:10",
        "over 5x",
        "down",
        "over 5 for 1m clear 4",
    ];
    expect![[r#"
        "over 85%" is "Over(85.0)"
        "under 10m" is "Under(600.0)"
        "over 2KiB" is "Over(2048.0)"
        "over 10" is "Over(10.0)"
        "10" is "Over(10.0)"
        "is down" is "Is(\"down\")"
        "not 5" is "Not(\"5\")"
        "over 80% of 500000" is "Over(400000.0)"
        "inside 10..20" is "Inside(10.0, 20.0)"
        "~:10" is "Over(10.0)"
        over 5x|
             ^^ unknown unit in `5x`
          = write a number, with a unit if it has one, such as `10` or `80%`
        down|
        ^^^^ unknown word `down`
          = write `is down`
        "over 5 for 1m clear 4" is "Over(5.0) for 60s while Over(4.0)"
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Any)));
}

/// Does `test` say that `value` is bad?
fn crossed(test: &Test, value: f64) -> bool {
    match test {
        Test::Over(level) => value > *level,
        Test::Under(level) => value < *level,
        Test::Inside(low, high) => *low <= value && value <= *high,
        Test::Outside(low, high) => value < *low || value > *high,
        Test::Is(_) | Test::Not(_) => unreachable!("no text here"),
    }
}

#[test]
fn nagios_ranges() {
    let texts = [
        "10:", "~:10", "10:20", "@10:20", ":10", "@10", "@~:10", "@10:", "-5:5", "10:10", "20:10",
        ":", "@", "~:", "@~:", "10:x", "1:2:3", "~", "a:b",
    ];
    expect![[r#"
        "10:" is "Under(10.0)"
        "~:10" is "Over(10.0)"
        "10:20" is "Outside(10.0, 20.0)"
        "@10:20" is "Inside(10.0, 20.0)"
        ":10" is "Outside(0.0, 10.0)"
        "@10" is "Inside(0.0, 10.0)"
        "@~:10" is "Inside(-inf, 10.0)"
        "@10:" is "Inside(10.0, inf)"
        "-5:5" is "Outside(-5.0, 5.0)"
        "10:10" is "Outside(10.0, 10.0)"
        20:10|
        ^^^^^ the range runs backwards
          = the smaller end comes first
        :|
        ^ `:` is not a range
          = write `10:20` to alert outside, `@10:20` to alert inside
        @|
        ^ `@` is not a range
          = write `10:20` to alert outside, `@10:20` to alert inside
        ~:|
        ^^ this is never crossed
        @~:|
        ^^^ this is always crossed
        10:x|
           ^ `x` is not a plain number
          = write a number without a unit, such as `10`
        1:2:3|
          ^^^ unknown unit in `2:3`
          = write a number without a unit, such as `10`
        ~|
        ^ `~` is not a plain number
          = write a number without a unit, such as `10`
        a:b|
        ^^^ unknown word `a:b`
          = write it like `over 100` or `outside 10..20`
    "#]]
    .assert_eq(&picture(&texts, drawn(Unit::Number)));
}

proptest! {
    /// Against the definition: outside the closed interval, inside it with `@`; the start is 0 if
    /// it is left out, and without end if it is `~`.
    #[test]
    fn nagios_ranges_follow_their_definition(
        start in proptest::option::of(-50_i32..50),
        minus_infinity: bool,
        end in proptest::option::of(-50_i32..50),
        at: bool,
        value in -60_i32..60,
    ) {
        let low = if minus_infinity { f64::NEG_INFINITY } else { start.map_or(0.0, f64::from) };
        let high = end.map_or(f64::INFINITY, f64::from);
        prop_assume!(low <= high && (start.is_some() || end.is_some()));
        prop_assume!(low.is_finite() || high.is_finite());
        let start = if minus_infinity { "~".to_owned() } else { start.map_or(String::new(), |it| it.to_string()) };
        let text = format!("{}{start}:{}", if at { "@" } else { "" }, end.map_or(String::new(), |it| it.to_string()));
        prop_assume!(!matches!(text.trim_start_matches('@'), ":"));
        let test = threshold(&text, Unit::Number).unwrap().test;
        let inside = low <= f64::from(value) && f64::from(value) <= high;
        prop_assert_eq!(crossed(&test, f64::from(value)), inside == at, "{} {:?}", text, test);
    }

    #[test]
    fn what_is_printed_reads_the_same(
        shape in 0..6,
        a in -1_000_i32..1_000,
        more in 0_i32..1_000,
        hold in proptest::option::of(1_u64..10_000),
        by in proptest::option::of(0_i32..100),
    ) {
        let (low, high) = (f64::from(a) / 4.0, f64::from(a + more) / 4.0);
        let wide = by.map(|it| f64::from(it) / 4.0);
        let (text, test, clear) = match shape {
            0 => (format!("over {low}"), Test::Over(low), wide.map(|it| (format!("{}", low - it), Test::Over(low - it)))),
            1 => (format!("under {low}"), Test::Under(low), wide.map(|it| (format!("{}", low + it), Test::Under(low + it)))),
            2 => (format!("inside {low}..{high}"), Test::Inside(low, high),
                wide.map(|it| (format!("{}..{}", low - it, high + it), Test::Inside(low - it, high + it)))),
            3 => (format!("outside {low}..{high}"), Test::Outside(low, high),
                wide.map(|_| (format!("{low}..{high}"), Test::Outside(low, high)))),
            4 => (format!("is {low}"), Test::Is(Arc::from(low.to_string())), None),
            _ => (format!("not {low}"), Test::Not(Arc::from(low.to_string())), None),
        };
        let mut words = text;
        let duration = hold.map_or(Duration::ZERO, Duration::from_millis);
        if let Some(millis) = hold {
            words += &format!(" for {millis}ms");
        }
        if let Some((text, _)) = &clear {
            words += &format!(" clear {text}");
        }
        let rule = ParsedRule { test, hold: duration, clear: clear.map(|it| it.1) };
        prop_assert_eq!(threshold(&words, Unit::Number), Ok(rule), "{}", words);
    }

    /// Whatever is crossed also counts as not yet clear.
    #[test]
    fn a_clear_level_never_lets_go_of_what_is_crossed(
        text in r"(over|under|inside|outside|>=|<=|<|>) -?[0-9]{1,2}(\.\.-?[0-9]{1,2})? clear -?[0-9]{1,2}(\.\.-?[0-9]{1,2})?",
        value in -120_i32..120,
    ) {
        if let Ok(ParsedRule { test, clear: Some(clear), .. }) = threshold(&text, Unit::Number) {
            let value = f64::from(value);
            prop_assert!(!crossed(&test, value) || crossed(&clear, value), "{} at {}", text, value);
        }
    }
}
