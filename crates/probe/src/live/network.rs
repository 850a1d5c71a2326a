//! Tests that need a network, or a machine, of their own.
//!
//! Such a test starts itself again in namespaces of its own, where it is the only one and may
//! break whatever it likes.

use std::{env, process::Command};

/// Set in the second life of a test.
const INSIDE: &str = "CAMPANILE_TEST_INSIDE";

/// Runs `body` in a network of its own, after the commands in `setup`, a line each. `name` is the
/// test's own, with its modules.
pub(super) fn alone(name: &str, setup: &str, body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let script =
        format!("set -e\nip link set lo up\n{setup}\nexec \"$0\" --exact {name} --nocapture");
    let output = Command::new("unshare")
        .args([
            "--net",
            "--mount-proc",
            "--pid",
            "--fork",
            "--kill-child",
            "/bin/sh",
            "-c",
            &script,
        ])
        .arg(env::current_exe().unwrap())
        .env(INSIDE, "1")
        .output()
        .expect("unshare is among the packages that the tests need");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "no test called {name} ran:\n{out}\n{err}");
}
