//! From what was written about one check to what is asked and how it is judged.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{Asked, Check, Flapping, Level, Period, Profile, Rule, Status, Test, TimeZone, Unit};

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::shape,
    fill::{Filled, Filler},
    gather::{Gathered, Slot, Written},
    intern::Interner,
    limits, params, quoted,
    source::{Place, View},
    words::{self, Fault},
};

/// What is needed to read values: where placeholders come from, and what was seen before.
pub(crate) struct Settler {
    pub(crate) filler: Filler,
    pub(crate) interner: Interner,
    periods: Mutex<HashMap<PeriodKey, Option<Arc<Period>>>>,
}

/// A period as it was written, and the name of the time zone it is read in.
type PeriodKey = (String, Arc<str>);

/// A duration with where it was written; the built-in ones may be shortened.
#[derive(Clone, Copy, Debug)]
struct Time<'a> {
    is: Duration,
    written: Option<Written<'a>>,
}

impl Settler {
    pub(crate) fn new(filler: Filler) -> Self {
        Self { filler, interner: Interner::default(), periods: Mutex::default() }
    }

    /// The check that `gathered` describes; `None` after a mistake, which is in the report.
    pub(crate) fn settle(
        &self,
        gathered: &Gathered<'_>,
        kinds: &[model::Kind],
        report: &mut Report,
    ) -> Option<Asked> {
        let params = params::params(&self.filler, gathered, kinds, report);
        let times = self.times(gathered, report);
        let profile = self.profile(gathered, report);
        let flapping = profile.and_then(|it| self.flapping(gathered, it, report));
        let period = self.period(gathered, report);
        let rules = self.rules(gathered, report);
        let (every, timeout, retry) = times?;
        let rules = rules?;
        hold_lint(gathered, every, &rules, report);
        let check = Check {
            kind: gathered.kind,
            every,
            retry_every: retry.every,
            attempts_max: retry.attempts,
            timeout,
            profile: profile?,
            flapping: flapping?,
            rules: rules.into_iter().map(|it| it.0).collect(),
            period: period?,
        };
        Some(Asked { check: self.interner.check(check), params: self.interner.params(params?) })
    }

    /// Reads one value with `parse`; a mistake is reported at its place.
    pub(crate) fn read<T>(
        &self,
        view: View<'_>,
        code: Code,
        report: &mut Report,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        read(&self.filler, view, code, report, parse)
    }

    fn duration(&self, view: View<'_>, report: &mut Report) -> Option<Duration> {
        let code = match view.text().is_some_and(|it| it.trim().parse::<f64>().is_ok()) {
            true => Code::WrongUnit,
            false => Code::Value,
        };
        self.read(view, code, report, words::duration)
    }

    fn time<'a>(
        &self,
        gathered: &Gathered<'a>,
        slot: Slot,
        report: &mut Report,
    ) -> Option<Time<'a>> {
        let last = gathered.last(slot)?;
        let is = self.duration(last.value, report)?;
        Some(Time { is, written: gathered.by_hand(slot) })
    }

    /// Interval, timeout and retry, and whether they go together.
    ///
    /// A timeout that nobody wrote is at most half the interval, a retry that nobody wrote at most
    /// one interval apart. What somebody wrote is never changed, only refused.
    fn times(
        &self,
        gathered: &Gathered<'_>,
        report: &mut Report,
    ) -> Option<(Duration, Duration, words::Retry)> {
        let every = self.time(gathered, Slot::Every, report);
        let timeout = self.time(gathered, Slot::Timeout, report);
        let retry = gathered.last(Slot::Retry);
        let retry = retry.and_then(|it| self.read(it.value, Code::Value, report, words::retry));
        let (every, mut timeout, mut retry) = (every?, timeout?, retry?);
        in_limits(&every, "every", limits::EVERY_MIN..limits::EVERY_MAX, report)?;
        in_limits(&timeout, "timeout", limits::TIMEOUT_MIN..limits::EVERY_MAX, report)?;
        if timeout.written.is_none() {
            timeout.is = timeout.is.min(every.is / 2);
        }
        let retry_by_hand = gathered.by_hand(Slot::Retry);
        if retry_by_hand.is_none() {
            retry.every = retry.every.min(every.is);
        }
        if timeout.is >= every.is {
            report.add(timeout_too_long(&every, &timeout));
            return None;
        }
        if let Some(written) = retry_by_hand {
            in_limits(
                &Time { is: retry.every, written: Some(written) },
                "retry",
                limits::EVERY_MIN..limits::EVERY_MAX,
                report,
            )?;
            retry_lints(&every, &timeout, &retry, written, report);
        }
        Some((every.is, timeout.is, retry))
    }

    fn profile(&self, gathered: &Gathered<'_>, report: &mut Report) -> Option<Profile> {
        let written = gathered.last(Slot::States)?;
        self.read(written.value, Code::Value, report, |text| match text {
            "campanile" => Ok(Profile::Campanile),
            "nagios" => Ok(Profile::Nagios),
            "icinga" => Ok(Profile::Icinga),
            other => Err(not_one_of(other, &["campanile", "nagios", "icinga"])),
        })
    }

    fn flapping(
        &self,
        gathered: &Gathered<'_>,
        profile: Profile,
        report: &mut Report,
    ) -> Option<Flapping> {
        let mut flapping = Flapping::default_for(profile);
        let tuned = [Slot::FlappingHigh, Slot::FlappingLow, Slot::FlappingIgnore];
        let tuned_at = tuned.iter().filter_map(|it| gathered.last(*it)).map(|it| it.depth).max();
        if let Some(switch) = gathered.last(Slot::Flapping) {
            let on = self.read(switch.value, Code::Value, report, |text| {
                words::flag(text).map_err(|it| Fault {
                    hint: Some("write `on`, `off` or `{ high: 30%, low: 20% }`".into()),
                    ..it
                })
            })?;
            flapping.judged = on || tuned_at.is_some_and(|it| it > switch.depth);
        } else if tuned_at.is_some() {
            flapping.judged = true;
        }
        let high = gathered.last(Slot::FlappingHigh);
        let low = gathered.last(Slot::FlappingLow);
        if let Some(high) = high {
            flapping.high_centipercent = self.centipercent(high.value, report)?;
        }
        if let Some(low) = low {
            flapping.low_centipercent = self.centipercent(low.value, report)?;
        }
        if flapping.low_centipercent > flapping.high_centipercent {
            report.add(flapping_order(high, low, flapping));
            return None;
        }
        if let Some(ignore) = gathered.last(Slot::FlappingIgnore) {
            flapping.ignored = self.statuses(ignore.value, report)?;
        }
        Some(flapping)
    }

    fn centipercent(&self, view: View<'_>, report: &mut Report) -> Option<u16> {
        let code = match view.text().is_some_and(|it| it.trim().parse::<f64>().is_ok()) {
            true => Code::WrongUnit,
            false => Code::Value,
        };
        let percent = self.read(view, code, report, words::percent)?;
        // Within 0 to 10,000 by the parser's limits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Some((percent * 100.0).round() as u16)
    }

    fn statuses(&self, list: View<'_>, report: &mut Report) -> Option<u8> {
        const WORDS: [&str; 7] =
            ["ok", "warning", "critical", "unknown", "up", "down", "unreachable"];
        let mut bits = Some(0);
        for item in list.items() {
            let bit = self.read(item, Code::Value, report, |text| {
                let found = Status::ALL.into_iter().find(|it| it.word().eq_ignore_ascii_case(text));
                found.map(|it| 1 << it.number()).ok_or_else(|| not_one_of(text, &WORDS))
            });
            bits = bits.zip(bit).map(|(bits, bit): (u8, u8)| bits | bit);
        }
        bits
    }

    fn zone(&self, gathered: &Gathered<'_>, report: &mut Report) -> Option<TimeZone> {
        let Some(written) = gathered.last(Slot::Timezone) else { return Some(TimeZone::utc()) };
        self.read(written.value, Code::Value, report, words::time_zone)
    }

    fn period(&self, gathered: &Gathered<'_>, report: &mut Report) -> Option<Option<Arc<Period>>> {
        let Some(written) = gathered.by_hand(Slot::Period) else { return Some(None) };
        let zone = self.zone(gathered, report)?;
        let text = written.value.text().unwrap_or_default().to_owned();
        let key = (text, zone.name.clone());
        let known = || self.periods.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(period) = known().get(&key) {
            return Some(period.clone());
        }
        let read = self.read(written.value, Code::Value, report, |it| words::period(it, &zone))?;
        let period = read.map(Arc::new);
        known().insert(key, period.clone());
        Some(period)
    }

    fn rules<'a>(
        &self,
        gathered: &Gathered<'a>,
        report: &mut Report,
    ) -> Option<Vec<(Rule, View<'a>)>> {
        let mut rules: Option<Vec<(Rule, View<'a>)>> = Some(Vec::new());
        let slots: Vec<(u8, Level)> = gathered
            .slots
            .keys()
            .filter_map(|it| match it {
                Slot::Rule(measure, level) => Some((*measure, *level)),
                _ => None,
            })
            .collect();
        for (measure, level) in slots {
            let Some(written) = gathered.last(Slot::Rule(measure, level)) else { continue };
            if written.value.is_off() {
                continue;
            }
            for item in written.value.items() {
                let rule = self.rule(item, gathered, measure, level, report);
                rules = rules.zip(rule).map(|(mut rules, rule)| {
                    rules.push((rule, item));
                    rules
                });
            }
        }
        let rules = rules?;
        if let Some((_, extra)) = rules.get(Rule::PER_CHECK_MAX) {
            let what = format!("more than {} thresholds on one check", Rule::PER_CHECK_MAX);
            report.add(Diagnostic::new(Code::TooManyRules, what).at(extra.place()));
            return None;
        }
        in_order(gathered, &rules, report).then_some(rules)
    }

    fn rule(
        &self,
        view: View<'_>,
        gathered: &Gathered<'_>,
        measure: u8,
        level: Level,
        report: &mut Report,
    ) -> Option<Rule> {
        let spec = &gathered.spec.measures[usize::from(measure)];
        let code = threshold_code(view, spec.unit);
        let parsed = self.read(view, code, report, |it| words::threshold(it, spec.unit))?;
        let text = view.text().unwrap_or_default();
        Some(Rule {
            measure,
            level,
            test: parsed.test,
            hold: parsed.hold,
            clear: parsed.clear,
            text: self.interner.text(text),
        })
    }
}

/// Reads one value with `parse`; a mistake is reported at its place.
///
/// What came out of a placeholder is never repeated: the message then only says what is expected.
pub(crate) fn read<T>(
    filler: &Filler,
    view: View<'_>,
    code: Code,
    report: &mut Report,
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> Option<T> {
    match filler.fill(view, report)? {
        Filled::Written(text) => match parse(text) {
            Ok(value) => Some(value),
            Err(fault) => {
                let place = view.part(&fault.span);
                report.add(Diagnostic::new(code, fault.what).at(place).maybe_help(fault.hint));
                None
            }
        },
        Filled::Fetched(text) => match parse(&text) {
            Ok(value) => Some(value),
            Err(_) => {
                let what = "what this placeholder stands for cannot be used here";
                let found = Diagnostic::new(code, what).at(view.place());
                report.add(found.note("its value is not shown: it may be a secret"));
                None
            }
        },
        Filled::Secret(_) => {
            report.add(secret_shown(view));
            None
        }
    }
}

/// Only texts that are never shown may hold secrets.
pub(crate) fn secret_shown(view: View<'_>) -> Diagnostic {
    Diagnostic::new(Code::SecretShown, "a secret cannot stand here")
        .at(view.place())
        .label("this value is shown on pages, in metrics and in logs")
}

/// Something that is none of these words.
pub(crate) fn not_one_of(text: &str, known: &[&str]) -> Fault {
    let near = words::nearest(text, known.iter().copied());
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of {}", crate::gather::list(known)),
    };
    Fault {
        span: 0..text.len(),
        what: format!("{} is not known here", quoted(text)),
        hint: Some(hint),
    }
}

/// A threshold that another unit would accept has the wrong unit.
fn threshold_code(view: View<'_>, unit: Unit) -> Code {
    const UNITS: [Unit; 4] = [Unit::Seconds, Unit::Percent, Unit::Bytes, Unit::Number];
    let text = view.text().unwrap_or_default();
    let fits = |unit: Unit| words::threshold(text, unit).is_ok();
    match !fits(unit) && UNITS.into_iter().any(fits) {
        true => Code::WrongUnit,
        false => Code::Value,
    }
}

fn in_limits(
    time: &Time<'_>,
    name: &str,
    range: Range<Duration>,
    report: &mut Report,
) -> Option<()> {
    let (what, limit) = match time.is {
        it if it < range.start => ("shorter", range.start),
        it if it > range.end => ("longer", range.end),
        _ => return Some(()),
    };
    let what = format!("`{name}` is {what} than {}", spoken(limit));
    let found = Diagnostic::new(Code::Value, what);
    report.add(match time.written {
        Some(written) => found.at(written.value.place()),
        None => found,
    });
    None
}

/// A duration in words, as one would write it.
#[must_use]
pub fn spoken(time: Duration) -> String {
    const UNITS: [(u128, &str); 5] =
        [(24 * 3_600_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let millis = time.as_millis();
    let unit = UNITS.iter().find(|(size, _)| millis >= *size && millis.is_multiple_of(*size));
    unit.map_or_else(|| format!("{time:?}"), |(size, unit)| format!("{}{unit}", millis / size))
}

fn timeout_too_long(every: &Time<'_>, timeout: &Time<'_>) -> Diagnostic {
    let what = format!(
        "a timeout of {} is not shorter than the interval of {}",
        spoken(timeout.is),
        spoken(every.is)
    );
    let mut found = Diagnostic::new(Code::TimeoutTooLong, what);
    if let Some(written) = timeout.written {
        found = found.at(written.value.place()).label("the timeout");
    }
    if let Some(written) = every.written {
        found = found.also(written.value.place(), "the interval");
    }
    found.help("a look must be over before the next one is due")
}

fn retry_lints(
    every: &Time<'_>,
    timeout: &Time<'_>,
    retry: &words::Retry,
    written: Written<'_>,
    report: &mut Report,
) {
    // With one attempt there is nothing to repeat.
    if retry.attempts <= 1 {
        return;
    }
    let place = written.value.place();
    if retry.every < timeout.is && timeout.written.is_some() {
        let what = format!(
            "a look may take {}, but is to be repeated after {}",
            spoken(timeout.is),
            spoken(retry.every)
        );
        let mut found = Diagnostic::new(Code::RetryTooShort, what).at(place).label("the retry");
        if let Some(written) = timeout.written {
            found = found.also(written.value.place(), "the timeout");
        }
        report.add(found.note("a look that is still under way is never doubled; it comes later"));
    }
    if retry.every > every.is {
        let what = format!(
            "bad news is looked at again after {}, good news already after {}",
            spoken(retry.every),
            spoken(every.is)
        );
        let mut found = Diagnostic::new(Code::RetryTooLong, what).at(place).label("the retry");
        if let Some(written) = every.written {
            found = found.also(written.value.place(), "the interval");
        }
        report.add(found);
    }
}

fn flapping_order(
    high: Option<Written<'_>>,
    low: Option<Written<'_>>,
    flapping: Flapping,
) -> Diagnostic {
    let percent = |it: u16| f64::from(it) / 100.0;
    let what = format!(
        "flapping would stop at {}%, above the {}% at which it starts",
        percent(flapping.low_centipercent),
        percent(flapping.high_centipercent)
    );
    let mut found = Diagnostic::new(Code::FlappingOrder, what);
    let mut places = low.into_iter().chain(high).map(|it| it.value.place());
    if let Some(place) = places.next() {
        found = found.at(place);
    }
    if let Some(place) = places.next() {
        found = found.also(place, "it starts here");
    }
    found.help("`low` is smaller than `high`")
}

/// Is every critical level at least as bad as the warning level of the same measurement?
fn in_order(gathered: &Gathered<'_>, rules: &[(Rule, View<'_>)], report: &mut Report) -> bool {
    let mut good = true;
    let of = |level| rules.iter().filter(move |it| it.0.level == level);
    for (warn, warn_at) in of(Level::Warning) {
        for (crit, crit_at) in of(Level::Critical).filter(|it| it.0.measure == warn.measure) {
            if !is_worse(&warn.test, &crit.test) {
                continue;
            }
            good = false;
            let measure = gathered.spec.measures[usize::from(warn.measure)].name;
            report.add(
                Diagnostic::new(
                    Code::WrongOrder,
                    format!("`{measure}` is critical before it is a warning"),
                )
                .at(warn_at.place())
                .label("the warning level")
                .also(crit_at.place(), "the critical level")
                .help("the critical level lies beyond the warning level; are they swapped?"),
            );
        }
    }
    good
}

/// Would `crit` be crossed by better values than `warn`?
fn is_worse(warn: &Test, crit: &Test) -> bool {
    match (warn, crit) {
        (Test::Over(warn), Test::Over(crit)) => warn > crit,
        (Test::Under(warn), Test::Under(crit)) => warn < crit,
        (Test::Outside(low, high), Test::Outside(crit_low, crit_high)) => {
            crit_low > low || crit_high < high
        }
        (Test::Inside(low, high), Test::Inside(crit_low, crit_high)) => {
            (crit_low < low && crit_high >= high) || (crit_high > high && crit_low <= low)
        }
        _ => false,
    }
}

/// A value that must stay bad for less than one interval is seen bad once at most.
fn hold_lint(
    gathered: &Gathered<'_>,
    every: Duration,
    rules: &[(Rule, View<'_>)],
    report: &mut Report,
) {
    let interval: Option<Place> = gathered.by_hand(Slot::Every).map(|it| it.value.place());
    for (rule, at) in rules {
        if rule.hold.is_zero() || rule.hold >= every {
            continue;
        }
        let what = format!(
            "`for {}` is shorter than the interval of {}",
            spoken(rule.hold),
            spoken(every)
        );
        let mut found = Diagnostic::new(Code::HoldTooShort, what)
            .at(at.place())
            .label("it counts at the second look, not before");
        if let Some(place) = interval {
            found = found.also(place, "the interval");
        }
        report.add(found);
    }
}

/// A value that must be a map, a list or nothing at all.
pub(crate) fn expect_map<'a>(
    view: View<'a>,
    wanted: &str,
    report: &mut Report,
) -> Option<View<'a>> {
    if view.is_map() {
        return Some(view);
    }
    report.add(shape(view, wanted));
    None
}
