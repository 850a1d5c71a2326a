//! Runs a test of this file once more, in a process of its own that may be killed or starved.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Tells the process that it is the child, and where to work.
const FOLDER: &str = "CAMPANILE_STORE_CHILD";

/// The folder to work in, if this process is a child.
pub(crate) fn folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// The command that runs the test called `test` as a child that works in `dir`; `wrap` comes
/// before it on the command line.
pub(crate) fn command(wrap: &[&str], test: &str, dir: &Path) -> Command {
    let own = env::current_exe().unwrap();
    let mut words = wrap.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    words.push(own.to_str().unwrap().to_owned());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, dir);
    command
}
