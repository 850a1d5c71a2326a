//! Mails that a program delivers into a folder.

use std::fs;

use tests::{Engine, Sandbox};

use crate::estate::{example_text, listening, reports, slots, wait_for_slot};

const JOB: &str = "acme/pve1 nightly";

/// Puts a mail into the folder as delivery agents do.
fn deliver(sandbox: &Sandbox, name: &str, text: &str) {
    let tmp = sandbox.write(&format!("box/tmp/{name}"), text);
    fs::rename(tmp, sandbox.path().join("box/new").join(name)).unwrap();
}

fn addressed(name: &str, to: &str) -> String {
    let text = example_text(name);
    let given = text.lines().find_map(|it| it.strip_prefix("To: ")).unwrap();
    text.replace(given, to)
}

#[test]
fn a_mail_that_is_moved_into_new_is_heard_once_and_put_away() {
    let inlet = "  maildir: { folder: box }\n";
    let engine = listening(inlet, "  pve1 nightly: {}\n");
    let (api, sandbox) = (engine.api(), engine.sandbox());
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(sandbox.path().join("box").join(folder)).unwrap();
    }
    let to = crate::estate::address(&api, JOB);
    deliver(&sandbox, "1.M1P1.host", &addressed("vzdump/one-guest", &to));
    wait_for_slot(&api, JOB, "partial");
    assert!(sandbox.path().join("box/cur/1.M1P1.host:2,S").is_file());

    // While nobody listens it stays where it is.
    let sandbox = engine.kill9();
    deliver(&sandbox, "2.M2P1.host", &addressed("vzdump/good", &to));
    // And what was put away comes back, as after a restore.
    let (new, cur) = (sandbox.path().join("box/new"), sandbox.path().join("box/cur"));
    fs::rename(cur.join("1.M1P1.host:2,S"), new.join("1.M1P1.host")).unwrap();
    let engine = Engine::start_in(sandbox);
    let api = engine.api();
    wait_for_slot(&api, JOB, "kept");
    tests::until("an empty folder", || {
        let left = fs::read_dir(&new).unwrap().count();
        if left == 0 { Ok(()) } else { Err(left.to_string()) }
    });
    let mut classes: Vec<_> =
        reports(&api, JOB).iter().map(|it| it["class"].as_str().unwrap().to_owned()).collect();
    classes.sort();
    assert_eq!(classes, ["counted", "counted", "duplicate"]);
    assert_eq!(slots(&api, JOB)[0]["entries"].as_array().unwrap().len(), 2);
}
