//! The engine's own settings: `engine:` in the main file.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use model::EngineSettings;

use crate::{
    code::Code,
    diagnostic::Report,
    fill::Filler,
    limits,
    params::shown_text,
    settle::{not_one_of, read},
    source::View,
    words::{self, Fault},
};

/// Where console and metrics listen when nothing is written.
const LISTEN: &str = "127.0.0.1:8080";
/// The store's folder when nothing is written.
const DATA: &str = "/var/lib/campanile";
/// Where secrets lie when nothing is written, beside the main file.
const SECRETS: &str = "secrets";
/// Looks under way at once when nothing is written: 16,667 checks a second, a second each, and
/// some air for those that time out.
const IN_FLIGHT: i64 = 20_000;
/// Looks under way at one host when nothing is written.
const IN_FLIGHT_PER_HOST: i64 = 16;

/// The folder of `${secret:…}`; placeholders have no meaning in it.
pub(crate) fn secrets_folder(engine: Option<View<'_>>) -> PathBuf {
    let written = engine.and_then(|it| it.get("secrets")).and_then(|it| it.text());
    PathBuf::from(written.unwrap_or(SECRETS))
}

/// Reads `engine:`; relative paths begin at `folder`.
pub(crate) fn settings(
    engine: Option<View<'_>>,
    folder: &Path,
    filler: &Filler,
    revision: u64,
    report: &mut Report,
) -> Option<EngineSettings> {
    let at = |name: &str| engine.and_then(|it| it.get(name)).filter(|it| !it.is_empty());
    let count = |name: &str, default: i64, most: i64, report: &mut Report| {
        let Some(view) = at(name) else { return Some(default) };
        let least = i64::from(name != "shards");
        read(filler, view, Code::Value, report, |it| words::count(it, least..=most))
    };
    let shards = count("shards", 0, limits::SHARDS_MAX, report);
    let in_flight = count("in_flight", IN_FLIGHT, limits::IN_FLIGHT_MAX, report);
    let per_host = count("in_flight_per_host", IN_FLIGHT_PER_HOST, limits::IN_FLIGHT_MAX, report);
    let listen = match at("listen") {
        Some(view) => read(filler, view, Code::Value, report, listen),
        None => listen(LISTEN).ok(),
    };
    let data = match at("data") {
        Some(view) => shown_text(filler, view, report),
        None => Some(DATA.to_owned()),
    };
    let record = match at("record") {
        Some(view) => read(filler, view, Code::Value, report, record),
        None => Some(false),
    };
    if let Some(zone) = at("timezone") {
        read(filler, zone, Code::Value, report, words::time_zone)?;
    }
    Some(EngineSettings {
        listen: listen?,
        data: folder.join(data?),
        shards: narrow(shards?),
        in_flight_max: narrow(in_flight?),
        in_flight_per_host_max: narrow(per_host?),
        record_results: record?,
        revision,
    })
}

fn narrow(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn listen(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| Fault {
        span: 0..text.len(),
        what: format!("{} is no address with a port", crate::quoted(text)),
        hint: Some(
            "write it like `127.0.0.1:8080` or `[::1]:8080`; port 0 picks a free one".into(),
        ),
    })
}

fn record(text: &str) -> Result<bool, Fault> {
    match text {
        "results" => Ok(true),
        "off" | "false" => Ok(false),
        other => Err(not_one_of(other, &["results", "off"])),
    }
}
