//! `campanile run`: the engine.

use std::{io, path::Path, time::Duration};

use server::Log;
use tracing_subscriber::EnvFilter;

use super::{INVALID, LogForm, PARTLY, may_colour, say};

/// How long the end waits for whoever reads the log.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(1);

pub(crate) fn run(config: &Path, form: LogForm) -> u8 {
    let log = match Log::to(io::stderr()) {
        Ok(log) => log,
        Err(error) => {
            say(&mut io::stderr(), &format!("error: cannot start the log: {error}\n"));
            return PARTLY;
        }
    };
    begin_log(form, log.clone());
    let ended = server::run(config, &log);
    log.flush(LAST_LINES_WITHIN);
    match ended {
        Ok(()) => 0,
        Err(error) => {
            say(&mut io::stderr(), &format!("{error}\n"));
            if matches!(error, server::RunError::Configuration(_)) { INVALID } else { PARTLY }
        }
    }
}

fn begin_log(form: LogForm, to: Log) {
    // What that library says of rejected packets, the looks themselves say better.
    let filter = EnvFilter::try_from_env("CAMPANILE_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,async_snmp=error"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || to.clone());
    match form {
        LogForm::Text => log.with_ansi(may_colour(&io::stderr())).init(),
        LogForm::Json => log.json().init(),
    }
}
