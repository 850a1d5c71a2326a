//! `campanile validate`: all mistakes of a configuration.

use std::{io, path::Path};

use super::{Deny, Form, INVALID, may_colour, say};

/// Exit code: warnings that were not to be tolerated.
const DENIED: u8 = 3;

pub(crate) fn run(config: &Path, form: Form, deny: Option<Deny>) -> u8 {
    let loaded = server::load(config);
    match form {
        Form::Json => say(&mut io::stdout(), &format!("{}\n", loaded.render_json())),
        Form::Text => {
            say(&mut io::stderr(), &loaded.render(may_colour(&io::stderr())));
            say(&mut io::stdout(), &format!("{}\n", loaded.summary()));
        }
    }
    match () {
        () if loaded.errors() > 0 => INVALID,
        () if loaded.warnings() > 0 && deny.is_some() => DENIED,
        () => 0,
    }
}
