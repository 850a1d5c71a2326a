//! docs/states.md is true: every picture of it is played through `campanile replay`.
//!
//! The page is the description that the engine and its reference model both follow; a picture is a
//! row of results above rows of what must be believed after each. Percentages on the page were
//! computed from the formulas, by hand.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    io::Write,
    process::{Output, Stdio},
};

use serde_json::Value;
use tests::Sandbox;

/// One picture of the page.
struct Picture<'a> {
    head: &'a str,
    results: Vec<&'a str>,
    /// `belief`, `percent` or `flapping` with one entry for each result.
    rows: Vec<(&'a str, Vec<&'a str>)>,
}

fn pictures(page: &str) -> Vec<Picture<'_>> {
    let blocks = page.split("```text\n").skip(1).map(|it| it.split("```").next().unwrap());
    blocks
        .map(|block| {
            let mut lines = block.lines();
            let head = lines.next().unwrap();
            let mut rows = lines.map(|line| {
                let mut words = line.split_whitespace();
                (words.next().unwrap(), words.collect::<Vec<_>>())
            });
            let (name, results) = rows.next().unwrap();
            assert_eq!(name, "result", "{head}");
            Picture { head, results, rows: rows.collect() }
        })
        .collect()
}

/// What is asked about: the host, or the service on it.
fn subject(picture: &Picture<'_>) -> &'static str {
    if picture.head.contains(" host,") { "a/host" } else { "a/host/service" }
}

/// A host behind a parent, with a service; the subject has the settings of the picture's head.
fn checks(picture: &Picture<'_>) -> String {
    let profile = picture.head.split(' ').next().unwrap();
    let attempts = picture.head.split("attempts ").nth(1).unwrap().split(',').next().unwrap();
    let mut settings = format!("states: {profile}, retry: {attempts} x 10s");
    if picture.head.contains("ignore UNKNOWN") {
        settings.push_str(", flapping: { ignore: [unknown] }");
    }
    let (host, service) = if subject(picture) == "a/host" {
        (settings.as_str(), "")
    } else {
        ("", settings.as_str())
    };
    let comma = |it: &str| if it.is_empty() { String::new() } else { format!(", {it}") };
    format!(
        "customer: a\nhosts:\n  parent: {{ address: 127.0.0.1 }}\n  host: {{ address: 127.0.0.2, \
         behind: parent{}, services: {{ service: {{ tcp: 9{} }} }} }}\n",
        comma(host),
        comma(service)
    )
}

/// Who is meant by a sign of the row `result`, and what came.
fn event(picture: &Picture<'_>, sign: &str) -> (&'static str, &'static str) {
    match sign {
        "." => (subject(picture), "OK"),
        "w" => (subject(picture), "WARNING"),
        "x" => (subject(picture), "CRITICAL"),
        "u" => (subject(picture), "UNKNOWN"),
        "b" => (subject(picture), "BLIND"),
        "-" => ("a/host", "DOWN"),
        "+" => ("a/host", "UP"),
        "(" => ("a/parent", "DOWN"),
        ")" => ("a/parent", "UP"),
        other => panic!("{}: no such sign: {other}", picture.head),
    }
}

fn replay(picture: &Picture<'_>) -> Output {
    let sandbox = Sandbox::new();
    sandbox.write("config.yaml", "engine: { listen: 127.0.0.1:0, data: data }\nchecks: [checks]\n");
    sandbox.write("checks/a.yaml", &checks(picture));
    let mut lines = String::new();
    for (minute, sign) in picture.results.iter().enumerate() {
        let (name, status) = event(picture, sign);
        let at = at(minute);
        lines.push_str(&format!(
            "{{\"at\":\"{at}\",\"name\":\"{name}\",\"status\":\"{status}\"}}\n"
        ));
    }
    let mut child = sandbox
        .command()
        .args(["replay", "config.yaml", "--all"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn at(minute: usize) -> String {
    format!("2026-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60)
}

/// What was believed of the subject after each result, in the words of each row of the page.
fn believed(picture: &Picture<'_>, output: &Output) -> Vec<[String; 3]> {
    assert!(output.status.success(), "{}: {output:?}", picture.head);
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let mut lines = text.lines().map(|it| serde_json::from_str::<Value>(it).unwrap()).peekable();
    let mut now = [".H1", "0.00", "-"].map(str::to_owned);
    let mut all = Vec::new();
    for minute in 0..picture.results.len() {
        while let Some(line) = lines.next_if(|it| it["at"] == at(minute)) {
            if line["name"] == subject(picture) && line["event"] == "state" {
                now = state(&line);
            }
        }
        all.push(now.clone());
    }
    assert_eq!(lines.next(), None, "{}: lines out of order", picture.head);
    all
}

fn state(line: &Value) -> [String; 3] {
    let status = match line["status"].as_str().unwrap() {
        "OK" | "UP" => '.',
        "WARNING" => 'w',
        "CRITICAL" => 'x',
        "UNKNOWN" => 'u',
        "DOWN" => 'd',
        "UNREACHABLE" => 'n',
        other => panic!("no such status: {other}"),
    };
    let kind = if line["type"] == "HARD" { 'H' } else { 'S' };
    let percent = line["percent_state_change"].as_f64().unwrap();
    let flapping = if line["flapping"] == true { "F" } else { "-" };
    [format!("{status}{kind}{}", line["attempt"]), format!("{percent:.2}"), flapping.to_owned()]
}

#[test]
fn every_picture_of_the_page_is_what_a_replay_prints() {
    let page = std::fs::read_to_string(xtask::root().join("docs/states.md")).unwrap();
    let pictures = pictures(&page);
    assert!(pictures.len() >= 20, "the page has lost its pictures");
    for profile in ["campanile", "nagios", "icinga"] {
        assert!(pictures.iter().any(|it| it.head.starts_with(profile)), "{profile}");
    }
    for picture in &pictures {
        let believed = believed(picture, &replay(picture));
        for (name, wanted) in &picture.rows {
            let column =
                ["belief", "percent", "flapping"].iter().position(|it| it == name).unwrap();
            let seen: Vec<_> = believed.iter().map(|it| it[column].as_str()).collect();
            assert_eq!(&seen, wanted, "{}: {name} of {:?}", picture.head, picture.results);
        }
    }
}
