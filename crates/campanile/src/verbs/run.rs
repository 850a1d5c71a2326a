//! `campanile run`: the engine.

use std::{io, path::Path};

use tracing_subscriber::EnvFilter;

use super::{INVALID, LogForm, PARTLY, may_colour, say};

pub(crate) fn run(config: &Path, log: LogForm) -> u8 {
    begin_log(log);
    match server::run(config) {
        Ok(()) => 0,
        Err(error) => {
            say(&mut io::stderr(), &format!("{error}\n"));
            if matches!(error, server::RunError::Configuration(_)) { INVALID } else { PARTLY }
        }
    }
}

fn begin_log(form: LogForm) {
    // What that library says of rejected packets, the looks themselves say better.
    let filter = EnvFilter::try_from_env("CAMPANILE_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,async_snmp=error"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match form {
        LogForm::Text => log.with_ansi(may_colour(&io::stderr())).init(),
        LogForm::Json => log.json().init(),
    }
}
