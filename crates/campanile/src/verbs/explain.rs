//! `campanile explain`: the effective settings of a host or service.

use std::{io, path::Path};

use super::{Form, INVALID, PARTLY, may_colour, say};

pub(crate) fn run(config: &Path, name: &str, form: Form) -> u8 {
    let loaded = server::load(config);
    if loaded.errors() > 0 {
        say(&mut io::stderr(), &loaded.render(may_colour(&io::stderr())));
    }
    match (server::explain(&loaded, name), form) {
        (Ok(it), Form::Text) => say(&mut io::stdout(), &it.render()),
        (Ok(it), Form::Json) => say(&mut io::stdout(), &format!("{}\n", it.render_json())),
        (Err(unknown), _) => {
            say(&mut io::stderr(), &format!("error: {unknown}\n"));
            // What could not be read may well have held the name.
            return if loaded.errors() > 0 { INVALID } else { PARTLY };
        }
    }
    if loaded.errors() > 0 { INVALID } else { 0 }
}
