//! The names that operators write instead of numbers.
//!
//! Not a MIB compiler: a table of what is watched most, in the words of the MIBs (RFC 3418, 2863,
//! 2790, 4022, 4113, 4293, 3433, 1628, 3805, 4273, 4750, 3635 and UCD-SNMP-MIB). Everything else
//! can be written as numbers. An object with words reads as a word, so that `crit: is down` means
//! what it says; the same object written as numbers reads as a number.

use super::oid::Oid;

/// What the numbers of an enumeration mean.
pub(crate) type Words = &'static [(i64, &'static str)];

/// Names that are suggested for a misspelt one.
const SUGGESTIONS_MAX: usize = 3;

/// An object, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    /// Its numbers, row included.
    pub(crate) oid: Oid,
    /// Empty if it has none.
    pub(crate) words: Words,
}

/// What stands behind the last number that the table gives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    /// Always `.0`.
    Scalar,
    /// A row, and the words that may stand for some rows.
    Column(&'static [(&'static str, u32)]),
}

type Line = (&'static str, &'static str, Shape, Words);

/// The object that `text` names.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(crate) fn look_up(text: &str) -> Result<Name, (String, String)> {
    if text.starts_with(|it: char| it == '.' || it.is_ascii_digit()) {
        let oid = text.parse().map_err(|error| {
            (format!("`{text}` {error}"), "as in `.1.3.6.1.2.1.1.3.0`".to_owned())
        })?;
        return Ok(Name { oid, words: &[] });
    }
    let (name, row) = text.split_once('.').unwrap_or((text, ""));
    let Some((_, base, shape, words)) = table().find(|it| it.0 == name) else {
        return Err((format!("`{name}` is not a name that is known here"), suggestion(name)));
    };
    let base: Oid = base.parse().expect("the table is well formed; a test reads all of it");
    let arcs = match shape {
        Shape::Scalar if row.is_empty() || row == "0" => vec![0],
        Shape::Scalar => {
            return Err((format!("`{name}` has no rows"), format!("write `{name}`")));
        }
        Shape::Column(rows) => self::row(rows, row).ok_or_else(|| {
            let example = rows.first().map_or("1", |it| it.0);
            (format!("`{text}` does not say which row"), format!("as in `{name}.{example}`"))
        })?,
    };
    let oid = base.child(&arcs).ok_or_else(|| (format!("`{text}` is too long"), String::new()))?;
    Ok(Name { oid, words })
}

fn row(rows: &[(&str, u32)], text: &str) -> Option<Vec<u32>> {
    if let Some((_, row)) = rows.iter().find(|it| it.0 == text) {
        return Some(vec![*row]);
    }
    text.split('.')
        .map(|it| it.bytes().all(|b| b.is_ascii_digit()).then(|| it.parse().ok())?)
        .collect()
}

fn suggestion(name: &str) -> String {
    let mut near: Vec<(usize, &str)> = table()
        .map(|it| (distance(name, it.0), it.0))
        .filter(|(distance, it)| *distance <= it.len().max(name.len()) / 3)
        .collect();
    near.sort_unstable();
    near.truncate(SUGGESTIONS_MAX);
    match &near[..] {
        [] => "write the numbers, as in `.1.3.6.1.2.1.1.3.0`".to_owned(),
        near => {
            let names: Vec<String> = near.iter().map(|it| format!("`{}`", it.1)).collect();
            format!("did you mean {}?", names.join(" or "))
        }
    }
}

/// How many letters have to be put in, left out or changed, without regard to case.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().map(|it| it.to_ascii_lowercase()).collect();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, glyph) in left.chars().map(|it| it.to_ascii_lowercase()).enumerate() {
        let mut corner = above[0];
        above[0] = row + 1;
        for (column, other) in right.iter().enumerate() {
            let changed = corner + usize::from(glyph != *other);
            corner = above[column + 1];
            above[column + 1] = changed.min(corner + 1).min(above[column] + 1);
        }
    }
    above[right.len()]
}

fn table() -> impl Iterator<Item = Line> {
    let scalars = SCALARS.iter().map(|it| (it.0, it.1, Shape::Scalar, it.2));
    let columns = COLUMNS.iter().map(|it| (it.0, it.1, Shape::Column(&[]), it.2));
    let loads = LOADS.iter().map(|it| (it.0, it.1, Shape::Column(LOAD_ROWS), [].as_slice()));
    scalars.chain(columns).chain(loads)
}

const PLAIN: Words = &[];
const IF_OPER: Words = &[
    (1, "up"),
    (2, "down"),
    (3, "testing"),
    (4, "unknown"),
    (5, "dormant"),
    (6, "notPresent"),
    (7, "lowerLayerDown"),
];
const IF_ADMIN: Words = &[(1, "up"), (2, "down"), (3, "testing")];
const TRUTH: Words = &[(1, "true"), (2, "false")];
const DUPLEX: Words = &[(1, "unknown"), (2, "halfDuplex"), (3, "fullDuplex")];
const DEVICE: Words =
    &[(1, "unknown"), (2, "running"), (3, "warning"), (4, "testing"), (5, "down")];
const PRINTER: Words = &[(1, "other"), (2, "unknown"), (3, "idle"), (4, "printing"), (5, "warmup")];
const PROCESS: Words = &[(1, "running"), (2, "runnable"), (3, "notRunnable"), (4, "invalid")];
const SENSOR: Words = &[(1, "ok"), (2, "unavailable"), (3, "nonoperational")];
const BATTERY: Words =
    &[(1, "unknown"), (2, "batteryNormal"), (3, "batteryLow"), (4, "batteryDepleted")];
const OUTPUT: Words = &[
    (1, "other"),
    (2, "none"),
    (3, "normal"),
    (4, "bypass"),
    (5, "battery"),
    (6, "booster"),
    (7, "reducer"),
];
const ERROR_FLAG: Words = &[(0, "noError"), (1, "error")];
const BGP: Words = &[
    (1, "idle"),
    (2, "connect"),
    (3, "active"),
    (4, "opensent"),
    (5, "openconfirm"),
    (6, "established"),
];
const OSPF: Words = &[
    (1, "down"),
    (2, "attempt"),
    (3, "init"),
    (4, "twoWay"),
    (5, "exchangeStart"),
    (6, "exchange"),
    (7, "loading"),
    (8, "full"),
];

const SCALARS: &[(&str, &str, Words)] = &[
    ("sysDescr", "1.3.6.1.2.1.1.1", PLAIN),
    ("sysObjectID", "1.3.6.1.2.1.1.2", PLAIN),
    ("sysUpTime", "1.3.6.1.2.1.1.3", PLAIN),
    ("sysContact", "1.3.6.1.2.1.1.4", PLAIN),
    ("sysName", "1.3.6.1.2.1.1.5", PLAIN),
    ("sysLocation", "1.3.6.1.2.1.1.6", PLAIN),
    ("sysServices", "1.3.6.1.2.1.1.7", PLAIN),
    ("ifNumber", "1.3.6.1.2.1.2.1", PLAIN),
    ("ipInReceives", "1.3.6.1.2.1.4.3", PLAIN),
    ("ipForwDatagrams", "1.3.6.1.2.1.4.6", PLAIN),
    ("ipInDiscards", "1.3.6.1.2.1.4.8", PLAIN),
    ("tcpActiveOpens", "1.3.6.1.2.1.6.5", PLAIN),
    ("tcpPassiveOpens", "1.3.6.1.2.1.6.6", PLAIN),
    ("tcpAttemptFails", "1.3.6.1.2.1.6.7", PLAIN),
    ("tcpEstabResets", "1.3.6.1.2.1.6.8", PLAIN),
    ("tcpCurrEstab", "1.3.6.1.2.1.6.9", PLAIN),
    ("tcpInSegs", "1.3.6.1.2.1.6.10", PLAIN),
    ("tcpOutSegs", "1.3.6.1.2.1.6.11", PLAIN),
    ("tcpRetransSegs", "1.3.6.1.2.1.6.12", PLAIN),
    ("udpInDatagrams", "1.3.6.1.2.1.7.1", PLAIN),
    ("udpNoPorts", "1.3.6.1.2.1.7.2", PLAIN),
    ("udpInErrors", "1.3.6.1.2.1.7.3", PLAIN),
    ("udpOutDatagrams", "1.3.6.1.2.1.7.4", PLAIN),
    ("snmpInPkts", "1.3.6.1.2.1.11.1", PLAIN),
    ("snmpEngineBoots", "1.3.6.1.6.3.10.2.1.2", PLAIN),
    ("snmpEngineTime", "1.3.6.1.6.3.10.2.1.3", PLAIN),
    ("hrSystemUptime", "1.3.6.1.2.1.25.1.1", PLAIN),
    ("hrSystemNumUsers", "1.3.6.1.2.1.25.1.5", PLAIN),
    ("hrSystemProcesses", "1.3.6.1.2.1.25.1.6", PLAIN),
    ("hrSystemMaxProcesses", "1.3.6.1.2.1.25.1.7", PLAIN),
    ("hrMemorySize", "1.3.6.1.2.1.25.2.2", PLAIN),
    ("upsBatteryStatus", "1.3.6.1.2.1.33.1.2.1", BATTERY),
    ("upsSecondsOnBattery", "1.3.6.1.2.1.33.1.2.2", PLAIN),
    ("upsEstimatedMinutesRemaining", "1.3.6.1.2.1.33.1.2.3", PLAIN),
    ("upsEstimatedChargeRemaining", "1.3.6.1.2.1.33.1.2.4", PLAIN),
    ("upsBatteryTemperature", "1.3.6.1.2.1.33.1.2.7", PLAIN),
    ("upsOutputSource", "1.3.6.1.2.1.33.1.4.1", OUTPUT),
    ("upsAlarmsPresent", "1.3.6.1.2.1.33.1.6.1", PLAIN),
    ("memTotalSwap", "1.3.6.1.4.1.2021.4.3", PLAIN),
    ("memAvailSwap", "1.3.6.1.4.1.2021.4.4", PLAIN),
    ("memTotalReal", "1.3.6.1.4.1.2021.4.5", PLAIN),
    ("memAvailReal", "1.3.6.1.4.1.2021.4.6", PLAIN),
    ("memTotalFree", "1.3.6.1.4.1.2021.4.11", PLAIN),
    ("memShared", "1.3.6.1.4.1.2021.4.13", PLAIN),
    ("memBuffer", "1.3.6.1.4.1.2021.4.14", PLAIN),
    ("memCached", "1.3.6.1.4.1.2021.4.15", PLAIN),
    ("memSwapError", "1.3.6.1.4.1.2021.4.100", ERROR_FLAG),
    ("ssSwapIn", "1.3.6.1.4.1.2021.11.3", PLAIN),
    ("ssSwapOut", "1.3.6.1.4.1.2021.11.4", PLAIN),
    ("ssCpuUser", "1.3.6.1.4.1.2021.11.9", PLAIN),
    ("ssCpuSystem", "1.3.6.1.4.1.2021.11.10", PLAIN),
    ("ssCpuIdle", "1.3.6.1.4.1.2021.11.11", PLAIN),
    ("ssCpuRawUser", "1.3.6.1.4.1.2021.11.50", PLAIN),
    ("ssCpuRawNice", "1.3.6.1.4.1.2021.11.51", PLAIN),
    ("ssCpuRawSystem", "1.3.6.1.4.1.2021.11.52", PLAIN),
    ("ssCpuRawIdle", "1.3.6.1.4.1.2021.11.53", PLAIN),
    ("ssCpuRawWait", "1.3.6.1.4.1.2021.11.54", PLAIN),
    ("ssIORawSent", "1.3.6.1.4.1.2021.11.57", PLAIN),
    ("ssIORawReceived", "1.3.6.1.4.1.2021.11.58", PLAIN),
    ("ssRawInterrupts", "1.3.6.1.4.1.2021.11.59", PLAIN),
    ("ssRawContexts", "1.3.6.1.4.1.2021.11.60", PLAIN),
];

const COLUMNS: &[(&str, &str, Words)] = &[
    ("ifIndex", "1.3.6.1.2.1.2.2.1.1", PLAIN),
    ("ifDescr", "1.3.6.1.2.1.2.2.1.2", PLAIN),
    ("ifType", "1.3.6.1.2.1.2.2.1.3", PLAIN),
    ("ifMtu", "1.3.6.1.2.1.2.2.1.4", PLAIN),
    ("ifSpeed", "1.3.6.1.2.1.2.2.1.5", PLAIN),
    ("ifPhysAddress", "1.3.6.1.2.1.2.2.1.6", PLAIN),
    ("ifAdminStatus", "1.3.6.1.2.1.2.2.1.7", IF_ADMIN),
    ("ifOperStatus", "1.3.6.1.2.1.2.2.1.8", IF_OPER),
    ("ifLastChange", "1.3.6.1.2.1.2.2.1.9", PLAIN),
    ("ifInOctets", "1.3.6.1.2.1.2.2.1.10", PLAIN),
    ("ifInUcastPkts", "1.3.6.1.2.1.2.2.1.11", PLAIN),
    ("ifInDiscards", "1.3.6.1.2.1.2.2.1.13", PLAIN),
    ("ifInErrors", "1.3.6.1.2.1.2.2.1.14", PLAIN),
    ("ifInUnknownProtos", "1.3.6.1.2.1.2.2.1.15", PLAIN),
    ("ifOutOctets", "1.3.6.1.2.1.2.2.1.16", PLAIN),
    ("ifOutUcastPkts", "1.3.6.1.2.1.2.2.1.17", PLAIN),
    ("ifOutDiscards", "1.3.6.1.2.1.2.2.1.19", PLAIN),
    ("ifOutErrors", "1.3.6.1.2.1.2.2.1.20", PLAIN),
    ("ifOutQLen", "1.3.6.1.2.1.2.2.1.21", PLAIN),
    ("ifName", "1.3.6.1.2.1.31.1.1.1.1", PLAIN),
    ("ifHCInOctets", "1.3.6.1.2.1.31.1.1.1.6", PLAIN),
    ("ifHCInUcastPkts", "1.3.6.1.2.1.31.1.1.1.7", PLAIN),
    ("ifHCOutOctets", "1.3.6.1.2.1.31.1.1.1.10", PLAIN),
    ("ifHCOutUcastPkts", "1.3.6.1.2.1.31.1.1.1.11", PLAIN),
    ("ifHighSpeed", "1.3.6.1.2.1.31.1.1.1.15", PLAIN),
    ("ifPromiscuousMode", "1.3.6.1.2.1.31.1.1.1.16", TRUTH),
    ("ifConnectorPresent", "1.3.6.1.2.1.31.1.1.1.17", TRUTH),
    ("ifAlias", "1.3.6.1.2.1.31.1.1.1.18", PLAIN),
    ("dot3StatsDuplexStatus", "1.3.6.1.2.1.10.7.2.1.19", DUPLEX),
    ("ospfNbrState", "1.3.6.1.2.1.14.10.1.6", OSPF),
    ("bgpPeerState", "1.3.6.1.2.1.15.3.1.2", BGP),
    ("hrStorageDescr", "1.3.6.1.2.1.25.2.3.1.3", PLAIN),
    ("hrStorageAllocationUnits", "1.3.6.1.2.1.25.2.3.1.4", PLAIN),
    ("hrStorageSize", "1.3.6.1.2.1.25.2.3.1.5", PLAIN),
    ("hrStorageUsed", "1.3.6.1.2.1.25.2.3.1.6", PLAIN),
    ("hrDeviceStatus", "1.3.6.1.2.1.25.3.2.1.5", DEVICE),
    ("hrProcessorLoad", "1.3.6.1.2.1.25.3.3.1.2", PLAIN),
    ("hrPrinterStatus", "1.3.6.1.2.1.25.3.5.1.1", PRINTER),
    ("hrSWRunName", "1.3.6.1.2.1.25.4.2.1.2", PLAIN),
    ("hrSWRunStatus", "1.3.6.1.2.1.25.4.2.1.7", PROCESS),
    ("hrSWRunPerfMem", "1.3.6.1.2.1.25.5.1.1.2", PLAIN),
    ("upsOutputPercentLoad", "1.3.6.1.2.1.33.1.4.4.1.5", PLAIN),
    ("prtMarkerLifeCount", "1.3.6.1.2.1.43.10.2.1.4", PLAIN),
    ("prtMarkerSuppliesMaxCapacity", "1.3.6.1.2.1.43.11.1.1.8", PLAIN),
    ("prtMarkerSuppliesLevel", "1.3.6.1.2.1.43.11.1.1.9", PLAIN),
    ("entPhySensorValue", "1.3.6.1.2.1.99.1.1.1.4", PLAIN),
    ("entPhySensorOperStatus", "1.3.6.1.2.1.99.1.1.1.5", SENSOR),
    ("prCount", "1.3.6.1.4.1.2021.2.1.5", PLAIN),
    ("prErrorFlag", "1.3.6.1.4.1.2021.2.1.100", ERROR_FLAG),
    ("dskPath", "1.3.6.1.4.1.2021.9.1.2", PLAIN),
    ("dskPercent", "1.3.6.1.4.1.2021.9.1.9", PLAIN),
    ("dskPercentNode", "1.3.6.1.4.1.2021.9.1.10", PLAIN),
    ("dskErrorFlag", "1.3.6.1.4.1.2021.9.1.100", ERROR_FLAG),
];

const LOAD_ROWS: &[(&str, u32)] = &[("1m", 1), ("5m", 2), ("15m", 3)];
const LOADS: &[(&str, &str)] = &[
    ("laLoad", "1.3.6.1.4.1.2021.10.1.3"),
    ("laLoadInt", "1.3.6.1.4.1.2021.10.1.5"),
    ("laLoadFloat", "1.3.6.1.4.1.2021.10.1.6"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(text: &str) -> String {
        look_up(text).unwrap().oid.to_string()
    }

    #[test]
    fn every_line_of_the_table_works_and_no_name_stands_twice() {
        let mut names = Vec::new();
        for (name, base, shape, words) in table() {
            let row = if shape == Shape::Scalar { "" } else { ".7" };
            let found = look_up(&format!("{name}{row}")).unwrap();
            let end = if shape == Shape::Scalar { 0 } else { 7 };
            assert_eq!(found.oid.to_string(), format!(".{base}.{end}"));
            assert_eq!(found.words, words);
            names.push(name);
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn names_and_numbers_are_understood() {
        assert_eq!(oid("sysUpTime"), ".1.3.6.1.2.1.1.3.0");
        assert_eq!(oid("sysUpTime.0"), ".1.3.6.1.2.1.1.3.0");
        assert_eq!(oid("ifOperStatus.12"), ".1.3.6.1.2.1.2.2.1.8.12");
        assert_eq!(oid("bgpPeerState.192.0.2.1"), ".1.3.6.1.2.1.15.3.1.2.192.0.2.1");
        assert_eq!(oid("laLoad.15m"), ".1.3.6.1.4.1.2021.10.1.3.3");
        assert_eq!(oid("laLoad.2"), ".1.3.6.1.4.1.2021.10.1.3.2");
        assert_eq!(oid(".1.3.6.1.4.1.9999.1.2.0"), ".1.3.6.1.4.1.9999.1.2.0");
        assert_eq!(look_up(".1.3.6.1.2.1.2.2.1.8.1").unwrap().words, PLAIN);
    }

    #[test]
    fn mistakes_come_with_a_way_out() {
        let hint = |text| look_up(text).unwrap_err().1;
        assert_eq!(hint("sysUptime"), "did you mean `sysUpTime`?");
        assert_eq!(hint("ifOperStatu.1"), "did you mean `ifOperStatus`?");
        assert_eq!(hint("ifOperStatus"), "as in `ifOperStatus.1`");
        assert_eq!(hint("ifOperStatus.x"), "as in `ifOperStatus.1`");
        assert_eq!(hint("ifOperStatus.1."), "as in `ifOperStatus.1`");
        assert_eq!(hint("laLoad"), "as in `laLoad.1m`");
        assert_eq!(hint("sysUpTime.1"), "write `sysUpTime`");
        assert_eq!(hint("quite another thing"), "write the numbers, as in `.1.3.6.1.2.1.1.3.0`");
        assert_eq!(hint(".1.3.x"), "as in `.1.3.6.1.2.1.1.3.0`");
        assert_eq!(hint(""), "write the numbers, as in `.1.3.6.1.2.1.1.3.0`");
    }

    #[test]
    fn distances_are_edit_distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("IFname", "ifName"), 0);
    }
}
