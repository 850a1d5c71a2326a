//! Times as people write and read them: on the clock of whoever sits before the terminal.

use std::path::Path;

use jiff::{
    SignedDuration, Timestamp, ToSpan, Zoned,
    civil::{Time, Weekday},
    tz::TimeZone,
};

const FORMS: &str = "write 2h, 30m, 17:30, `Sun 03:00`, `2026-11-30 08:00` or 2026-11-30T08:00:00Z";

/// The zone of the reader: `TZ` if it is set, otherwise that of the machine, UTC at worst.
pub(crate) fn zone() -> TimeZone {
    let named = std::env::var("TZ").ok().filter(|it| !it.is_empty());
    let found = match &named {
        Some(name) => {
            let name = name.trim_start_matches(':');
            TimeZone::get(name).or_else(|_| TimeZone::posix(name)).ok()
        }
        None => zone_of_machine(Path::new("/etc/localtime")),
    };
    found.unwrap_or(TimeZone::UTC)
}

/// The file is a link to one whose name ends with the zone's.
fn zone_of_machine(file: &Path) -> Option<TimeZone> {
    let target = std::fs::canonicalize(file).ok()?;
    let target = target.to_str()?;
    if let Some((_, name)) = target.split_once("/zoneinfo/")
        && let Ok(zone) = TimeZone::get(name)
    {
        return Some(zone);
    }
    TimeZone::tzif("Local", &std::fs::read(file).ok()?).ok()
}

/// A time of the interface as people read it; what is none is shown as it is.
pub(crate) fn shown(text: &str, zone: &TimeZone) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// The time that somebody means: never one that has passed, if only a clock time or weekday is
/// said.
pub(crate) fn meant(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let text = text.trim();
    let fault = || format!("`{text}` is no time; {FORMS}");
    if text == "now" {
        return Ok(now.timestamp());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Some(length) = length_of(text.strip_prefix("in ").unwrap_or(text)) {
        return now.timestamp().checked_add(length).map_err(|_| fault());
    }
    let is_date = text.starts_with(|it: char| it.is_ascii_digit());
    let at_t = text.split_once('T').filter(|_| is_date);
    if let Some((day, time)) = text.split_once(' ').or(at_t) {
        let time = time_of(time).ok_or_else(fault)?;
        if let Ok(date) = day.parse::<jiff::civil::Date>() {
            let at = date.to_datetime(time).to_zoned(now.time_zone().clone());
            return at.map(|it| it.timestamp()).map_err(|_| fault());
        }
        let weekday = weekday_of(day).ok_or_else(fault)?;
        return next(now, time, |it| it.weekday() == weekday).ok_or_else(fault);
    }
    let time = time_of(text).ok_or_else(fault)?;
    next(now, time, |_| true).ok_or_else(fault)
}

/// A length of time: `2h`, `1d 12h`, `90m`.
pub(crate) fn length_of(text: &str) -> Option<SignedDuration> {
    let mut sum = SignedDuration::ZERO;
    let mut count = 0;
    let mut digits = String::new();
    for it in text.chars().filter(|it| *it != ' ') {
        if it.is_ascii_digit() {
            digits.push(it);
            continue;
        }
        let unit = match it {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return None,
        };
        let number: i64 = digits.parse().ok()?;
        sum = sum.checked_add(SignedDuration::from_secs(number.checked_mul(unit)?))?;
        digits.clear();
        count += 1;
    }
    (count > 0 && digits.is_empty()).then_some(sum)
}

fn time_of(text: &str) -> Option<Time> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':').unwrap_or((rest, "0"));
    Time::new(hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?, 0).ok()
}

fn weekday_of(text: &str) -> Option<Weekday> {
    let short = text.to_ascii_lowercase();
    Some(match short.get(..3)? {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// The first `time` after `now` on a day that fits.
fn next(now: &Zoned, time: Time, fits: impl Fn(jiff::civil::Date) -> bool) -> Option<Timestamp> {
    (0..=7).find_map(|days| {
        let date = now.date().checked_add(days.days()).ok().filter(|it| fits(*it))?;
        let at = date.to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
        (at.timestamp() > now.timestamp()).then(|| at.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-10-23T17:30:00+02:00[Europe/Rome]".parse().unwrap()
    }

    #[test]
    fn times_are_what_people_mean() {
        let meant = |text: &str| meant(text, &now()).map(|it| it.to_string());
        let is = |text: &str| Ok::<String, String>(text.to_owned());
        assert_eq!(meant("now"), is("2026-10-23T15:30:00Z"));
        assert_eq!(meant("2h"), is("2026-10-23T17:30:00Z"));
        assert_eq!(meant("in 1d 12h"), is("2026-10-25T03:30:00Z"));
        assert_eq!(meant("18:00"), is("2026-10-23T16:00:00Z"));
        assert_eq!(meant("17:30"), is("2026-10-24T15:30:00Z"), "what has passed is tomorrow's");
        // After the clocks have gone back.
        assert_eq!(meant("Sun 03:00"), is("2026-10-25T02:00:00Z"));
        assert_eq!(meant("Tue 10:00"), is("2026-10-27T09:00:00Z"));
        assert_eq!(meant("2026-11-30T08:00"), is("2026-11-30T07:00:00Z"));
        assert_eq!(meant("friday 09:00"), is("2026-10-30T08:00:00Z"));
        assert_eq!(meant("2026-11-30 08:00"), is("2026-11-30T07:00:00Z"));
        assert_eq!(meant("2026-11-30T08:00:00Z"), is("2026-11-30T08:00:00Z"));
        for wrong in [
            "",
            "soon",
            "25:00",
            "2x",
            "2",
            "Xyz 03:00",
            "99999999999999999999d",
            "2026-13-01 08:00",
        ] {
            assert!(meant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_shown_with_their_zone() {
        let zone = TimeZone::get("Europe/Rome").unwrap();
        assert_eq!(shown("2026-10-24T22:30:00Z", &zone), "2026-10-25 00:30:00 CEST");
        assert_eq!(shown("2026-10-26T00:00:00.5Z", &zone), "2026-10-26 01:00:00 CET");
        assert_eq!(shown("never", &zone), "never");
    }

    #[test]
    fn the_zone_of_the_machine_is_found_by_its_link() {
        let folder = std::env::temp_dir().join(format!("campanile-zone-{}", std::process::id()));
        let file = folder.join("usr/zoneinfo/Europe/Rome");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "not read").unwrap();
        let link = folder.join("localtime");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let found = zone_of_machine(&link).and_then(|it| it.iana_name().map(str::to_owned));
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.as_deref(), Some("Europe/Rome"));
        assert_eq!(zone_of_machine(Path::new("/nowhere")), None);
    }
}
