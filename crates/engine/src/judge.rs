//! Thresholds: from measurements to a status.

use model::{
    Cause, CauseCode, Level, Measure, Moment, Reading, Rule, Status, Test, ThresholdMemory,
};

/// Holds `measures` against `rules` and says what they make of an otherwise good look: the worst
/// level that counts, with the cause to show. `memory` carries what `for` and `clear` need from
/// one result to the next; it is empty while nothing is or was crossed.
///
/// A measurement that a rule judges and that did not come makes the look unknown: silence must
/// not pass for a good value.
pub fn judge(
    rules: &[Rule],
    memory: &mut Vec<ThresholdMemory>,
    measures: &[Measure],
    now: Moment,
) -> Option<(Status, Cause)> {
    if rules.is_empty() {
        memory.clear();
        return None;
    }
    let mut worst: Option<(Status, Cause)> = None;
    for (index, rule) in rules.iter().enumerate() {
        let reading = measures.iter().find(|it| it.index == rule.measure).map(|it| &it.reading);
        let found = match reading {
            None => Some((Status::Unknown, no_value(rule))),
            Some(reading) => weigh(rule, index, rules.len(), memory, reading, now),
        };
        let worse = |it: &(Status, Cause)| {
            worst.as_ref().is_none_or(|known| known.0.severity() < it.0.severity())
        };
        if let Some(found) = found.filter(worse) {
            worst = Some(found);
        }
    }
    if memory.iter().all(|it| *it == ThresholdMemory::default()) {
        memory.clear();
    }
    worst
}

fn no_value(rule: &Rule) -> Cause {
    Cause::new(CauseCode::NoValue, format!("nothing to hold against `{}`", rule.text))
}

/// One rule against one reading.
fn weigh(
    rule: &Rule,
    index: usize,
    rules: usize,
    memory: &mut Vec<ThresholdMemory>,
    reading: &Reading,
    now: Moment,
) -> Option<(Status, Cause)> {
    let crossed = holds(&rule.test, reading);
    if !crossed && memory.is_empty() {
        return None;
    }
    memory.resize(rules, ThresholdMemory::default());
    let it = &mut memory[index];
    let lingers = it.raised && rule.clear.as_ref().is_some_and(|clear| holds(clear, reading));
    if !crossed && !lingers {
        *it = ThresholdMemory::default();
        return None;
    }
    if it.since == Moment::ZERO {
        it.since = now;
    }
    it.raised |= now.since(it.since) >= rule.hold;
    if !it.raised {
        return None;
    }
    let status = match rule.level {
        Level::Warning => Status::Warning,
        Level::Critical => Status::Critical,
    };
    Some((status, Cause::new(CauseCode::Threshold, format!("{} ({})", show(reading), rule.text))))
}

fn holds(test: &Test, reading: &Reading) -> bool {
    match (test, reading) {
        (Test::Is(text), reading) => is_text(reading, text),
        (Test::Not(text), reading) => !is_text(reading, text),
        (Test::Over(limit), Reading::Number(value)) => value > limit,
        (Test::Under(limit), Reading::Number(value)) => value < limit,
        (Test::Inside(low, high), Reading::Number(value)) => low <= value && value <= high,
        (Test::Outside(low, high), Reading::Number(value)) => value < low || high < value,
        // A text where a number was to come is crossed: it is certainly not the wanted value.
        (_, Reading::Text(_)) => true,
    }
}

fn is_text(reading: &Reading, wanted: &str) -> bool {
    match reading {
        Reading::Text(text) => **text == *wanted,
        Reading::Number(value) => wanted.parse() == Ok(*value),
    }
}

fn show(reading: &Reading) -> String {
    match reading {
        Reading::Number(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
            format!("{value:.0}")
        }
        Reading::Number(value) => format!("{value:.4}"),
        Reading::Text(text) => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    fn rule(level: Level, test: Test, hold_mins: u64, clear: Option<Test>) -> Rule {
        let hold = Duration::from_secs(60 * hold_mins);
        Rule { measure: 0, level, test, hold, clear, text: Arc::from("as written") }
    }

    /// One reading a minute; one glyph of the answer each: `.` fine, `w`, `x`, `u`.
    fn picture(rules: &[Rule], readings: &[f64]) -> String {
        let mut memory = Vec::new();
        let judged = readings.iter().enumerate().map(|(minute, value)| {
            let now = Moment::from_secs(60 * (minute as u64 + 1));
            let measures = if value.is_nan() { vec![] } else { vec![Measure::number(0, *value)] };
            match judge(rules, &mut memory, &measures, now) {
                None => '.',
                Some((Status::Warning, _)) => 'w',
                Some((Status::Critical, _)) => 'x',
                Some(_) => 'u',
            }
        });
        judged.collect()
    }

    #[test]
    fn the_worst_level_wins() {
        let rules = [
            rule(Level::Warning, Test::Over(80.0), 0, None),
            rule(Level::Critical, Test::Over(95.0), 0, None),
        ];
        assert_eq!(picture(&rules, &[80.0, 81.0, 96.0, 95.0, 10.0]), ".wxw.");
    }

    #[test]
    fn for_needs_an_unbroken_stretch() {
        let rules = [rule(Level::Critical, Test::Over(95.0), 3, None)];
        let readings = [96.0, 96.0, 90.0, 96.0, 96.0, 96.0, 96.0, 90.0];
        assert_eq!(picture(&rules, &readings), "......x.");
    }

    #[test]
    fn a_clear_level_keeps_it_raised() {
        let rules = [rule(Level::Warning, Test::Over(85.0), 0, Some(Test::Over(80.0)))];
        assert_eq!(picture(&rules, &[82.0, 86.0, 82.0, 80.0, 82.0]), ".ww..");
    }

    #[test]
    fn a_value_that_does_not_come_is_not_a_good_one() {
        let rules = [rule(Level::Warning, Test::Under(10.0), 0, None)];
        assert_eq!(picture(&rules, &[11.0, f64::NAN, 9.0]), ".uw");
    }

    #[test]
    fn all_tests_at_their_ends() {
        let number = Reading::Number;
        assert!(!holds(&Test::Over(5.0), &number(5.0)));
        assert!(!holds(&Test::Under(5.0), &number(5.0)));
        assert!(holds(&Test::Inside(5.0, 6.0), &number(5.0)));
        assert!(holds(&Test::Inside(5.0, 6.0), &number(6.0)));
        assert!(!holds(&Test::Outside(5.0, 6.0), &number(6.0)));
        assert!(holds(&Test::Outside(5.0, 6.0), &number(6.5)));
        assert!(holds(&Test::Is("down".into()), &Reading::Text("down".into())));
        assert!(holds(&Test::Not("up".into()), &Reading::Text("down".into())));
        assert!(holds(&Test::Is("2".into()), &number(2.0)));
        assert!(!holds(&Test::Over(f64::NAN), &number(2.0)));
    }
}
