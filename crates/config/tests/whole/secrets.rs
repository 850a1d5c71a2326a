//! A secret is in no output, whatever else is wrong around it.

use config::explain;

use crate::folder::Folder;

/// In all secrets below and nowhere else.
const CANARY: &str = "canary7";

/// Every way to show something.
fn all_outputs(folder: &Folder, names: &[&str]) -> String {
    let loaded = folder.load();
    let mut all = loaded.render(false) + &loaded.render(true);
    all += &loaded.render_json();
    all += &loaded.summary();
    all += &format!("{loaded:?}");
    for name in names {
        let explained = explain(&loaded, name).unwrap();
        all += &explained.render();
        all += &explained.render_json();
        all += &format!("{explained:?}");
    }
    all
}

fn check(files: &[(&str, &str)], names: &[&str]) -> String {
    let all = all_outputs(&Folder::of(files), names);
    assert!(!all.contains(CANARY), "{all}");
    all
}

const MAIN: (&str, &str) = ("config.yaml", "checks: [acme.yaml]\n");
const SECRET: (&str, &str) = ("secrets/key", "canary7\n");

#[test]
fn of_a_good_plan() {
    let checks = "
snmp: { community: canary7-literal }
hosts:
  h:
    address: 10.0.0.1
    services:
      a: { http: { url: \"http://joe:canary7@x/\", headers: { Authorization: Bearer canary7, X: \"${secret:key}\" }, password: canary7 } }
      b: { http: { url: \"http://x/?key=${secret:key}\", body: \"x${secret:key}y\" } }
      c: { snmp: sysUpTime }
";
    let all = check(
        &[MAIN, SECRET, ("acme.yaml", checks)],
        &["acme/h", "acme/h/a", "acme/h/b", "acme/h/c"],
    );
    assert!(all.contains("(secret)"));
    assert!(all.contains("${secret:key}"), "the name of a secret is none");
}

#[test]
fn of_mistakes_of_all_sorts() {
    let service = |text: &str| {
        format!("hosts:\n  h:\n    address: 10.0.0.1\n    services:\n      a: {text}\n")
    };
    for text in [
        "{ http: { url: \"http://x/\", password: canary7, evry: 5 } }",
        "{ http: { url: \"http://x/\", password: canary7 }, evry: 5m }",
        "{ http: { url: \"http://x/\", passwrd: canary7 } }",
        "{ http: { url: \"http://x/\", password: [canary7] } }",
        "{ http: { url: \"http://x/\", password: { a: canary7 } } }",
        "{ http: { url: \"ftp//joe:canary7@x/\", method: \"${secret:key}\" } }",
        "{ http: { url: \"${secret:key}\" } }",
        "{ http: { url: \"http://x/\", body: \"(${secret:key}\" } }",
        "{ http: { url: \"http://x/\", expect: \"${secret:key}\" } }",
        "{ http: { url: \"http://x/\", headers: { Authorization: \"canary7\" }, headers: {} } }",
        "{ tcp: \"${secret:key}\", every: \"${secret:key}\" }",
        "{ tcp: 1, labels: { a: \"${secret:key}\" }, states: \"${file:secrets/key}\" }",
        "{ tcp: 1, warn: \"over ${secret:key}\", flapping: { high: \"${secret:key}\" } }",
        "{ tcp: 1, period: \"${file:secrets/key}\" }",
        "{ http: { url: \"http://x/\", password: &a canary7, user: !t x } }",
        "{ http: { url: \"http://x/\", password: canary7, password: canary7 } }",
        "{ http: { url: \"http://x/\", password: canary7 } ]",
        "{ http: { url: \"http://x/\", password: \"canary7",
        "\n        http:\n          url: x\n          password: |\n            canary7\n            canary7 more\n        evry: 5",
        "\n        http:\n          password: \"canary7\n            canary7 @\n          x: [",
        "\n        http:\n          password:\n            canary7\n          \tx: 1",
        "\n        http: { password: canary7 }\n       x: 1",
    ] {
        let checks = service(text);
        let folder = Folder::of(&[MAIN, SECRET, ("acme.yaml", &checks)]);
        assert!(folder.load().errors() > 0, "{text} is meant to be wrong");
        check(&[MAIN, SECRET, ("acme.yaml", &checks)], &[]);
    }
}

#[test]
fn of_labels_addresses_and_names() {
    let checks = "
labels: { token: \"${secret:key}\" }
hosts:
  h: { address: \"${secret:key}\", behind: \"${secret:key}\", services: { s: { tcp: 1 } } }
  g[1..2]: { address: \"${secret:key}\", services: { s: { tcp: 1 } } }
";
    check(&[MAIN, SECRET, ("acme.yaml", checks)], &["acme/h", "acme/h/s", "acme/g1"]);
}
