//! `campanile try`: one look now, with the exit codes of a plugin.

use std::{io, path::Path};

use super::{Form, plan_of, say};

/// Exit code: no look was made. 0, 1 and 2 would be answers about the target.
const NO_ANSWER: u8 = 3;

pub(crate) fn run(config: &Path, name: &str, verbose: bool, form: Form) -> u8 {
    let Some(plan) = plan_of(config) else { return NO_ANSWER };
    match server::try_once(&plan, name) {
        Ok(it) => {
            let text = if form == Form::Json { it.render_json() } else { it.render(verbose) };
            say(&mut io::stdout(), &text);
            it.exit_code()
        }
        Err(why) => {
            say(&mut io::stderr(), &format!("error: {why}\n"));
            NO_ANSWER
        }
    }
}
