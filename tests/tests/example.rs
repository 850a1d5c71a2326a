//! The shipped example does what the README says of it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, path::Path, sync::Arc};

use tests::{Believed, Engine, Sandbox, free_port};

/// Where the example listens, and looks at itself.
const SHIPPED: &str = "127.0.0.1:8080";

/// A copy of the shipped files in which only the port is another one, since the shipped one may be
/// taken on the machine that runs the tests.
fn copy() -> Arc<Sandbox> {
    let sandbox = Sandbox::new();
    let ours = format!("127.0.0.1:{}", free_port());
    let root = xtask::root();
    let main = fs::read_to_string(root.join("config.example.yaml")).unwrap();
    assert!(main.contains(SHIPPED));
    sandbox.write("config.yaml", &main.replace(SHIPPED, &ours));
    let mut folders = vec![root.join("checks")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            sandbox.write(&relative(&path, &root), &text.replace(SHIPPED, &ours));
        }
    }
    Arc::new(sandbox)
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_shipped_files_have_no_mistake_and_raise_no_doubt() {
    let path = xtask::root().join("config.example.yaml");
    let path = path.to_str().unwrap();
    let output = Sandbox::new().campanile(&["validate", path, "--deny", "warnings"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn within_a_minute_one_service_is_soft_and_then_hard() {
    let engine = Engine::start_in(copy());
    engine.wait_for("local/self/discard soft", |it| {
        let believed = it.service("local/self/discard");
        believed.is_some_and(|it| it == Believed { state: 2, hard: false, flapping: false })
    });
    engine.wait_for_hard("local/self/discard", 2);
    engine.wait_for("all four services", |it| {
        let host = [("customer", "local"), ("host", "self")];
        it.all("campanile_service_state", &host).count() == 4
    });
    engine.wait_for_hard("local/self/healthy", 0);
    engine.wait_for_hard("local/self/metrics", 0);
}
