//! The command line as scripts and people rely on it: exit codes, what goes to which stream,
//! colours, and what is said of files that are not what they should be.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tests::{ENGINE_YAML, Nginx, Sandbox, free_port};

const FINE: &str = "customer: acme\nhosts:\n  web: { address: 127.0.0.1, services: { ssh: { tcp: \
                    22 } } }\n";

/// A folder with one check file of the customer acme.
fn sandbox(checks: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("config.yaml", ENGINE_YAML);
    sandbox.write("checks/acme.yaml", checks);
    sandbox
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn validate_answers_by_its_exit_code() {
    let mistake = FINE.replace("tcp:", "tpc:");
    let doubt = format!("from: [hq]\n{FINE}");
    for (checks, words, expected) in [
        (FINE, &[][..], 0),
        (FINE, &["--deny", "warnings"], 0),
        (&doubt, &[], 0),
        (&doubt, &["--deny", "warnings"], 3),
        (&mistake, &[], 2),
        (&mistake, &["--deny", "warnings"], 2),
        (FINE, &["--deny", "everything"], 2),
    ] {
        let output = sandbox(checks).campanile(&[&["validate", "config.yaml"], words].concat());
        assert_eq!(code(&output), expected, "{words:?} of {checks}: {output:?}");
    }
}

#[test]
fn messages_go_to_one_stream_and_answers_to_the_other() {
    let sandbox = sandbox(&format!("from: [hq]\n{}", FINE.replace("tcp:", "tpc:")));
    let text = sandbox.campanile(&["validate", "config.yaml"]);
    let summary = "validate: 2 files, 1 customer, 1 host, 0 services   1 error, 1 warning\n";
    assert_eq!(out(&text), summary);
    for expected in ["warning[L0101]: ", "error[", " --> checks/acme.yaml:4:", "did you mean `tcp`"]
    {
        assert!(err(&text).contains(expected), "no {expected:?} in {}", err(&text));
    }
    let json = sandbox.campanile(&["validate", "config.yaml", "-o", "json"]);
    assert_eq!((code(&json), err(&json)), (2, String::new()));
    let all: Value = serde_json::from_str(&out(&json)).unwrap();
    let of = |severity: &str| all.as_array().unwrap().iter().find(|it| it["severity"] == severity);
    let mistake = of("error").unwrap();
    assert_eq!((&mistake["file"], &mistake["line"]), (&"checks/acme.yaml".into(), &4.into()));
    assert!(mistake["code"].as_str().unwrap().starts_with('E'), "{mistake}");
    assert_eq!(of("warning").unwrap()["code"], "L0101");
}

#[test]
fn explain_answers_by_its_exit_code() {
    let sandbox = sandbox(FINE);
    let known = sandbox.campanile(&["explain", "config.yaml", "acme/web/ssh"]);
    assert_eq!(code(&known), 0, "{known:?}");
    assert!(out(&known).contains("tcp.port"), "{known:?}");
    assert!(out(&known).contains("checks/acme.yaml:3:"), "{known:?}");
    let json = sandbox.campanile(&["explain", "config.yaml", "acme/web/ssh", "-o", "json"]);
    let json: Value = serde_json::from_str(&out(&json)).unwrap();
    assert_eq!(json["name"], "acme/web/ssh");
    let unknown = sandbox.campanile(&["explain", "config.yaml", "acme/web/shs"]);
    assert_eq!((code(&unknown), out(&unknown)), (1, String::new()));
    assert!(err(&unknown).contains("did you mean acme/web/ssh?"), "{unknown:?}");
    sandbox.write("checks/broken.yaml", "hosts: [");
    for (name, shows) in [("acme/web/ssh", "tcp.port"), ("broken/x", "")] {
        let output = sandbox.campanile(&["explain", "config.yaml", name]);
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(out(&output).contains(shows) && err(&output).contains("error[E01"), "{output:?}");
    }
}

/// A service for each answer that a look can have.
fn answers(good: u16, closed: u16) -> String {
    format!(
        "customer: acme\nalive: none\nhosts:\n  web:\n    address: 127.0.0.1\n    services:\n      \
         good: {{ tcp: {good} }}\n      slow: {{ tcp: {good}, warn: over 0us }}\n      \
         bad: {{ tcp: {closed} }}\n      \
         unknown: {{ tcp: {good}, cert: {{ warn: under 7d }} }}\n      line: {{ ping: {{}} }}\n"
    )
}

#[test]
fn try_answers_as_a_plugin_does_and_changes_nothing() {
    let nginx = Nginx::start("location / { return 204; }");
    let sandbox = sandbox(&answers(nginx.port(), free_port()));
    for (name, expected, line) in [
        ("acme/web/good", 0, "acme/web/good: OK ("),
        ("acme/web/slow", 1, "acme/web/slow: WARNING - threshold: "),
        ("acme/web/bad", 2, "acme/web/bad: CRITICAL - refused: "),
        ("acme/web/unknown", 3, "acme/web/unknown: UNKNOWN - no-value: "),
    ] {
        let output = sandbox.campanile(&["try", "config.yaml", name]);
        assert_eq!(code(&output), expected, "{output:?}");
        assert!(out(&output).starts_with(line) && out(&output).lines().count() == 1, "{output:?}");
        let json = sandbox.campanile(&["try", "config.yaml", name, "-o", "json"]);
        assert_eq!(code(&json), expected, "{json:?}");
        let json: Value = serde_json::from_str(&out(&json)).unwrap();
        assert_eq!((&json["name"], &json["kind"]), (&name.into(), &"tcp".into()));
    }
    let steps = out(&sandbox.campanile(&["try", "config.yaml", "acme/web/good", "-v"]));
    for expected in [" ms  resolved 127.0.0.1", " ms  connected to 127.0.0.1:", "\n  connect "] {
        assert!(steps.contains(expected), "no {expected:?} in {steps}");
    }
    assert!(!sandbox.path().join("data").exists(), "there is a database");
}

#[test]
fn try_tells_what_could_not_be_looked_at_from_what_is_bad() {
    let sandbox = sandbox(&answers(9, 9));
    let try_line = ["try", "config.yaml", "acme/web/line"];
    let output = without(&sandbox, "-net_raw").args(try_line).output().unwrap();
    assert_eq!(code(&output), 3, "{output:?}");
    let line = "acme/web/line: BLIND - no-right: ";
    assert!(out(&output).starts_with(line) && out(&output).contains("cap_net_raw"), "{output:?}");
    for (name, why) in [
        ("acme/web/lien", "error: no host or service is called `acme/web/lien`"),
        ("acme/web", "error: `acme/web` is left to its services"),
    ] {
        let output = sandbox.campanile(&["try", "config.yaml", name]);
        assert_eq!((code(&output), out(&output)), (3, String::new()));
        assert!(err(&output).starts_with(why), "{output:?}");
    }
    sandbox.write("checks/acme.yaml", "customer: [\n");
    let output = sandbox.campanile(&try_line);
    assert_eq!(code(&output), 3, "2 would be an answer about the target: {output:?}");
    assert!(err(&output).contains("error[E0108]"), "{output:?}");
}

#[test]
fn replay_answers_by_its_exit_code() {
    let sandbox = sandbox(FINE);
    let replay = |input: &str| {
        let file = fs::File::open(sandbox.write("results.jsonl", input)).unwrap();
        sandbox.command().args(["replay", "config.yaml"]).stdin(file).output().unwrap()
    };
    let good = r#"{"at": "2026-01-01T00:01:00Z", "name": "acme/web/ssh", "status": "CRITICAL"}"#;
    let output = replay(&format!("{good}\n"));
    assert_eq!((code(&output), out(&output).lines().count()), (0, 1), "{output:?}");
    let output = replay(&format!("nonsense\n{good}\n"));
    assert_eq!((code(&output), out(&output).lines().count()), (1, 1), "{output:?}");
    assert!(err(&output).starts_with("error: line 1: "), "{output:?}");
    sandbox.write("checks/acme.yaml", "customer: [\n");
    assert_eq!(code(&replay(good)), 2);
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let doubt = format!("from: [hq]\n{FINE}");
    let sandbox = sandbox(&doubt);
    for (words, expected) in [
        (&["validate", "config.yaml", "-o", "json"][..], 0),
        (&["validate", "config.yaml", "--deny", "warnings"], 3),
        (&["explain", "config.yaml", "acme/web/ssh"], 0),
        (&["replay", "config.yaml", "--all"], 0),
    ] {
        let input = sandbox.write(
            "results.jsonl",
            "{\"at\": \"2026-01-01T00:01:00Z\", \"name\": \"acme/web\", \"status\": \"DOWN\"}\n",
        );
        let gone = || {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer
        };
        let mut command = sandbox.command();
        command.args(words).stdin(fs::File::open(input).unwrap()).stdout(gone()).stderr(gone());
        assert_eq!(command.status().unwrap().code(), Some(expected), "{words:?}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_who_wants_them() {
    let sandbox = sandbox(&FINE.replace("tcp:", "tpc:"));
    let piped = sandbox.command().env_remove("NO_COLOR").args(["validate", "config.yaml"]).output();
    assert!(!err(&piped.unwrap()).contains('\u{1b}'));
    let on_a_terminal = |no_color: Option<&str>| {
        let campanile = sandbox.command();
        let call = format!("{} validate config.yaml", campanile.get_program().display());
        let mut command = Command::new("script");
        command.args(["-qec", &call, "/dev/null"]).current_dir(sandbox.path());
        match no_color {
            Some(value) => command.env("NO_COLOR", value),
            None => command.env_remove("NO_COLOR"),
        };
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(out(&output).contains("did you mean"), "{output:?}");
        out(&output).contains('\u{1b}')
    };
    assert!(on_a_terminal(None));
    assert!(!on_a_terminal(Some("1")));
    assert!(on_a_terminal(Some("")), "an empty variable counts as none");
}

/// The command without some capability, so that even root meets a denial.
fn without(sandbox: &Sandbox, capabilities: &str) -> Command {
    let campanile = sandbox.command();
    let mut command = Command::new("setpriv");
    command.arg(format!("--bounding-set={capabilities}")).arg(campanile.get_program());
    command.current_dir(sandbox.path()).env("NO_COLOR", "1");
    command
}

#[test]
fn files_that_cannot_be_read_are_named_with_the_reason() {
    let sandbox = sandbox(FINE);
    fs::create_dir(sandbox.path().join("folder.yaml")).unwrap();
    let shut = |name: &str, text: &str| {
        let path = sandbox.write(name, text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    };
    shut("shut.yaml", ENGINE_YAML);
    shut("secrets/shut", "s3cret");
    sandbox.write("inside.yaml", "checks: [more/shut.yaml]\n");
    shut("more/shut.yaml", FINE);
    sandbox.write("secret.yaml", "checks: [asks.yaml]\n");
    let asks = "{ http: { url: \"http://x/\", bearer: \"${secret:shut}\" } }";
    sandbox.write("asks.yaml", &format!("customer: acme\nservices:\n  a: {asks}\n"));
    for (main, expected) in [
        ("nowhere.yaml", "error[E0101]: cannot read nowhere.yaml: No such file or directory"),
        ("folder.yaml", "error[E0101]: cannot read folder.yaml: it is no regular file"),
        ("shut.yaml", "error[E0101]: cannot read shut.yaml: Permission denied"),
        ("inside.yaml", "error[E0101]: cannot read more/shut.yaml: Permission denied"),
        ("secret.yaml", "error[E0307]: the secret `shut` cannot be read"),
    ] {
        for verb in ["validate", "run"] {
            let mut command = without(&sandbox, "-dac_override,-dac_read_search");
            let output = command.args([verb, main]).output().unwrap();
            assert_eq!(code(&output), 2, "{verb} {main}: {output:?}");
            assert!(err(&output).starts_with(expected), "{verb} {main}: {}", err(&output));
            assert!(!err(&output).contains("s3cret"), "{}", err(&output));
        }
    }
}

#[test]
fn a_configuration_with_nothing_in_it_is_a_doubt() {
    let sandbox = Sandbox::new();
    for text in ["", "engine: { listen: 127.0.0.1:0 }\n", "checks: []\n", "# nothing\n"] {
        sandbox.write("config.yaml", text);
        let output = sandbox.campanile(&["validate", "config.yaml"]);
        assert_eq!(code(&output), 0, "{text:?}: {output:?}");
        let doubt = "warning[L0111]: there is no host and no service to watch";
        assert!(err(&output).starts_with(doubt), "{text:?}: {output:?}");
        let denied = sandbox.campanile(&["validate", "config.yaml", "--deny", "warnings"]);
        assert_eq!(code(&denied), 3, "{text:?}: {denied:?}");
    }
}

/// The examples in YAML of a page of the manual, each with the comment on its first line.
fn examples(page: &str) -> Vec<String> {
    let text = fs::read_to_string(xtask::root().join("docs").join(page)).unwrap();
    let blocks = text.split("```yaml\n").skip(1);
    blocks.map(|it| it.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_examples_of_the_manual_are_good() {
    let kinds = fs::read_dir(xtask::root().join("docs/kinds")).unwrap();
    let mut seen = 0;
    for page in kinds.map(|it| it.unwrap().file_name().into_string().unwrap()) {
        for example in examples(&format!("kinds/{page}")) {
            let indented = example.replace('\n', "\n    ");
            let host = format!("hosts:\n  h:\n    address: 127.0.0.1\n    {indented}");
            let output =
                sandbox(&host).campanile(&["validate", "config.yaml", "--deny", "warnings"]);
            assert_eq!(code(&output), 0, "{page}: {}", err(&output));
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} kinds have an example");
    let smallest = examples("config.md");
    let sandbox = Sandbox::new();
    assert!(smallest[0].starts_with("# config.yaml\n"), "{}", smallest[0]);
    sandbox.write("config.yaml", &smallest[0]);
    assert!(smallest[1].starts_with("# checks/acme.yaml\n"), "{}", smallest[1]);
    sandbox.write("checks/acme.yaml", &smallest[1]);
    let golden = xtask::root().join("tests/golden/config/good-smallest/config.yaml");
    for main in ["config.yaml", golden.to_str().unwrap()] {
        let output = sandbox.campanile(&["validate", main, "--deny", "warnings"]);
        assert_eq!(code(&output), 0, "{main}: {}", err(&output));
    }
}
