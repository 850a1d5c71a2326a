//! Time zones as tables, from the tz data that is compiled in.
//!
//! The engine gets a table of offsets instead of a database: it can neither fail nor change under a
//! running process. What the tables do not hold, years after 2037, keeps the last offset.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{Timestamp, tz::TimeZoneDatabase};
use model::{Offset, TimeZone};

use super::{Fault, nearest, scan::Word, shown};

/// 2038-01-01 00:00 UTC: changes of offset from then on are not in the tables.
const TABLE_END_SECS: i64 = 2_145_916_800;

/// The compiled-in data and the tables made from it so far. Every table is a constant; keeping them
/// only means that all periods of one zone share one. At most one for each IANA name.
static TABLES: Mutex<BTreeMap<String, TimeZone>> = Mutex::new(BTreeMap::new());

/// Reads the IANA name of a time zone, in any case.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, Fault> {
    let word = Word::trimmed(name);
    if let Some(table) = tables().get(word.text) {
        return Ok(table.clone());
    }
    let data = TimeZoneDatabase::bundled();
    let found = data.available().find(|it| it.as_str().eq_ignore_ascii_case(word.text));
    let Some(found) = found else { return Err(unknown(word, &data)) };
    let key = found.as_str();
    let Ok(zone) = data.get(key) else { return Err(unknown(word, &data)) };
    let table = TimeZone { name: Arc::from(key), offsets: offsets(&zone) };
    // Another thread may have been faster: then its table is the one to share.
    Ok(tables().entry(key.to_owned()).or_insert(table).clone())
}

fn tables() -> MutexGuard<'static, BTreeMap<String, TimeZone>> {
    TABLES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The offset of 1970 and every change until 2037.
fn offsets(zone: &jiff::tz::TimeZone) -> Arc<[Offset]> {
    let start = zone.to_offset(Timestamp::UNIX_EPOCH).seconds();
    let mut table = vec![Offset { from_secs: i64::MIN, seconds: start }];
    for change in zone.following(Timestamp::UNIX_EPOCH) {
        let (from_secs, seconds) = (change.timestamp().as_second(), change.offset().seconds());
        if from_secs >= TABLE_END_SECS {
            break;
        }
        if table.last().is_some_and(|it| it.seconds != seconds) {
            table.push(Offset { from_secs, seconds });
        }
    }
    table.into()
}

fn unknown(word: Word<'_>, data: &TimeZoneDatabase) -> Fault {
    if word.text.is_empty() {
        let fault = Fault::new(word.span(), "the name of a time zone is missing");
        return fault.hint("write it like `Europe/Rome`");
    }
    let names: Vec<_> = data.available().collect();
    let names: Vec<&str> = names.iter().map(|it| it.as_str()).collect();
    let city = word.text.rsplit('/').next().unwrap_or(word.text).replace(' ', "_");
    let same_city = || {
        let city_of =
            |it: &&str| it.rsplit('/').next().is_some_and(|of| of.eq_ignore_ascii_case(&city));
        names.iter().copied().filter(city_of).min_by_key(|it| (it.len(), *it))
    };
    let near_city = || {
        let near = nearest(&city, names.iter().filter_map(|it| it.rsplit('/').next()))?;
        names.iter().copied().filter(|it| it.rsplit('/').next() == Some(near)).min()
    };
    let near = nearest(word.text, names.iter().copied()).or_else(same_city).or_else(near_city);
    let fault = Fault::new(word.span(), format!("unknown time zone {}", shown(word.text)));
    match near {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint("write an IANA name such as `Europe/Rome` or `UTC`"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::picture, *};

    #[test]
    fn names() {
        let texts = [
            "Europe/Rome",
            "europe/berlin",
            "UTC",
            "Europe/Rom",
            "Rome",
            "New York",
            "America/NewYork",
            "Berlim",
            "Middle/Earth",
            "",
            "+02:00",
        ];
        expect![[r#"
            "Europe/Rome" is "Europe/Rome"
            "europe/berlin" is "Europe/Berlin"
            "UTC" is "UTC"
            Europe/Rom|
            ^^^^^^^^^^ unknown time zone `Europe/Rom`
              = did you mean `Europe/Rome`?
            Rome|
            ^^^^ unknown time zone `Rome`
              = did you mean `Europe/Rome`?
            New York|
            ^^^^^^^^ unknown time zone `New York`
              = did you mean `America/New_York`?
            America/NewYork|
            ^^^^^^^^^^^^^^^ unknown time zone `America/NewYork`
              = did you mean `America/New_York`?
            Berlim|
            ^^^^^^ unknown time zone `Berlim`
              = did you mean `Europe/Berlin`?
            Middle/Earth|
            ^^^^^^^^^^^^ unknown time zone `Middle/Earth`
              = write an IANA name such as `Europe/Rome` or `UTC`
            |
            ^ the name of a time zone is missing
              = write it like `Europe/Rome`
            +02:00|
            ^^^^^^ unknown time zone `+02:00`
              = write an IANA name such as `Europe/Rome` or `UTC`
        "#]]
        .assert_eq(&picture(&texts, |it| time_zone(it).map(|zone| zone.name)));
    }

    #[test]
    fn one_table_is_shared_by_all() {
        let (a, b) = (time_zone("Asia/Tokyo").unwrap(), time_zone("asia/tokyo").unwrap());
        assert!(Arc::ptr_eq(&a.offsets, &b.offsets));
    }

    /// Every zone, at every change of its offset from 1970 to 2037 and around it, a thousand
    /// seconds before and after, and in the middle of every year.
    #[test]
    fn tables_agree_with_the_database_in_every_zone() {
        let data = TimeZoneDatabase::bundled();
        let mut zones = 0;
        for name in data.available() {
            let (table, zone) =
                (time_zone(name.as_str()).unwrap(), data.get(name.as_str()).unwrap());
            let changes =
                table.offsets.iter().skip(1).flat_map(|it| {
                    [-1_000, -1, 0, 1, 1_000].map(|by| it.from_secs.saturating_add(by))
                });
            let middles = (0..68).map(|year| year * 31_556_952 + 15_778_476);
            for secs in changes.chain(middles).filter(|it| (0..TABLE_END_SECS).contains(it)) {
                let offset = zone.to_offset(Timestamp::from_second(secs).unwrap()).seconds();
                let local = table.local_secs(secs);
                assert_eq!(local, secs + i64::from(offset), "{} at {secs}", name.as_str());
            }
            zones += 1;
        }
        assert!(zones > 400, "the whole database was compared, not a part of {zones}");
    }

    #[test]
    fn tables_are_sorted_and_short() {
        for name in ["Europe/Rome", "Australia/Lord_Howe", "America/New_York", "Africa/Casablanca"]
        {
            let table = time_zone(name).unwrap();
            assert!(table.offsets.is_sorted_by_key(|it| it.from_secs), "{name}");
            assert!((2..=200).contains(&table.offsets.len()), "{name}: {}", table.offsets.len());
        }
    }
}
