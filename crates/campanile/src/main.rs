//! The `campanile` command: one verb, a few lines each.

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code: problems found, or only a part could be done.
const PARTLY: u8 = 1;
/// Exit code: wrong usage or invalid configuration.
const INVALID: u8 = 2;
/// Exit code of `try`: no look was made. 0, 1 and 2 would be answers about the target.
const NO_ANSWER: u8 = 3;
/// Exit code: warnings that were not to be tolerated.
const DENIED: u8 = 3;

/// Watches hosts and services for service providers and network operation centres.
#[derive(Debug, Parser)]
#[command(name = "campanile", version, propagate_version = true)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the engine: SIGHUP reloads, SIGTERM drains and stops
    ///
    /// A reload with a mistake in the files leaves the running engine as it is. What is logged can
    /// be set by the variable `CAMPANILE_LOG`: `debug`, or `info,probe=trace`. Exits with 0 once it
    /// was told to stop, with 1 if it could not start, with 2 if the configuration has mistakes.
    Run {
        /// The main configuration file
        config: PathBuf,
        /// How the log is written, on standard error
        #[arg(long, value_enum, default_value_t = LogForm::Text)]
        log: LogForm,
    },
    /// Check a configuration and print all its mistakes (exit 0 fine, 2 errors, 3 denied warnings)
    Validate {
        /// The main configuration file
        config: PathBuf,
        #[command(flatten)]
        output: Output,
        /// What to treat as an error
        #[arg(long, value_enum)]
        deny: Option<Deny>,
    },
    /// Print the effective settings of a host or service, each with where it was written (exit 0,
    /// 1 no such name, 2 the configuration has mistakes)
    Explain {
        /// The main configuration file
        config: PathBuf,
        /// `customer/host` or `customer/host/service`
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Look once now, without changing any state (exit 0 to 3 as a plugin)
    ///
    /// Exits with what the look found, thresholds included: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
    /// A look that could not be made, for a fault of our own, exits with 3.
    Try {
        /// The main configuration file
        config: PathBuf,
        /// `customer/host` or `customer/host/service`
        name: String,
        /// Show every step and every measurement
        #[arg(short, long)]
        verbose: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Play recorded results (JSON lines on standard input) through the engine and print what would
    /// be believed
    ///
    /// A line is `{"at": "2026-01-01T00:01:00Z", "name": "acme/web/http", "status": "CRITICAL",
    /// "output": "text"}`. The status of a host is UP or DOWN; BLIND is a look that could not be
    /// made. Times must not go back. Prints a line for each change of state and for each begin and
    /// end of flapping. Lines that make no sense are left out and named; then it exits with 1.
    Replay {
        /// The main configuration file
        config: PathBuf,
        /// Print the state after every result, not only changes
        #[arg(long)]
        all: bool,
    },
}

#[derive(Args, Debug)]
struct Output {
    /// Output for people or for programs
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Form::Text)]
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogForm {
    /// A line each, for people
    Text,
    /// A JSON object each
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// Warnings
    Warnings,
}

fn main() -> ExitCode {
    let code = match Command::parse().verb {
        Verb::Run { config, log } => run(&config, log),
        Verb::Validate { config, output, deny } => validate(&config, output.form, deny),
        Verb::Explain { config, name, output } => explain(&config, &name, output.form),
        Verb::Try { config, name, verbose, output } => {
            try_once(&config, &name, verbose, output.form)
        }
        Verb::Replay { config, all } => replay(&config, all),
    };
    ExitCode::from(code)
}

fn run(config: &Path, log: LogForm) -> u8 {
    begin_log(log);
    match server::run(config) {
        Ok(()) => 0,
        Err(error) => {
            say(&mut io::stderr(), &format!("{error}\n"));
            if matches!(error, server::RunError::Configuration(_)) { INVALID } else { PARTLY }
        }
    }
}

fn validate(config: &Path, form: Form, deny: Option<Deny>) -> u8 {
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

fn explain(config: &Path, name: &str, form: Form) -> u8 {
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

fn try_once(config: &Path, name: &str, verbose: bool, form: Form) -> u8 {
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

fn replay(config: &Path, all: bool) -> u8 {
    let Some(plan) = plan_of(config) else { return INVALID };
    let output = BufWriter::new(io::stdout().lock());
    match server::replay(&plan, io::stdin().lock(), output, all) {
        Ok(refused) => {
            for it in &refused {
                say(&mut io::stderr(), &format!("error: line {}: {}\n", it.line, it.why));
            }
            if refused.is_empty() { 0 } else { PARTLY }
        }
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            say(&mut io::stderr(), &format!("error: {error}\n"));
            PARTLY
        }
    }
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
fn say(stream: &mut impl Write, text: &str) {
    drop(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
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
