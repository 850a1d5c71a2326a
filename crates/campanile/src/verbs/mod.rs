//! The verbs of the command line, a file each.

pub(crate) mod ack;
pub(crate) mod alerts;
pub(crate) mod attempt;
pub(crate) mod calls;
pub(crate) mod explain;
pub(crate) mod maintenance;
pub(crate) mod oncall;
pub(crate) mod problems;
pub(crate) mod proposals;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod silence;
pub(crate) mod test;
pub(crate) mod token;
pub(crate) mod validate;
pub(crate) mod watchdog;
pub(crate) mod why;

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};

use clap::{Args, ValueEnum};

/// Exit code: problems found, only a part could be done, or refused.
pub(crate) const PARTLY: u8 = 1;
/// Exit code: wrong usage or invalid configuration.
pub(crate) const INVALID: u8 = 2;

#[derive(Args, Debug)]
pub(crate) struct Output {
    /// Output for people or for programs
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Form::Text)]
    pub(crate) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// A line each, for people
    Text,
    /// A JSON object each
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deny {
    /// Warnings
    Warnings,
}

/// The plan, or its mistakes on standard error.
fn plan_of(config: &Path) -> Option<server::Plan> {
    let mut loaded = server::load(config);
    if loaded.plan.is_none() {
        say(&mut io::stderr(), &loaded.render(may_colour(&io::stderr())));
        say(&mut io::stderr(), &format!("{}\n", loaded.summary()));
    }
    loaded.plan.take()
}

/// As <https://no-color.org> has it: an empty variable counts as none.
fn may_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
}

/// Prints, and takes no offence when nobody reads.
pub(crate) fn say(stream: &mut impl Write, text: &str) {
    drop(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
}
