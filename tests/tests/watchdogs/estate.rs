//! What every test here stands on: an engine that hears, mails for it, and what it makes of them.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use serde_json::Value as Json;
use tests::{Api, Engine, MailEstate, encoded, rfc3339, until};

/// Whoever writes to these writes to us. Secret addresses are shown with the first one first.
pub(crate) const DOMAINS: [&str; 2] = ["in.msp.example", "lmtp.msp.example"];
/// So far ahead runs are expected; their slots are open all the time before.
const AHEAD: Duration = Duration::from_secs(3 * 3_600);
/// No run of a test lasts longer, nor may a clock be so far off.
const SOON_SECS: i64 = 600;

/// A main file; `inlet` goes into its part of this name.
pub(crate) fn config(inlet: &str) -> String {
    let domains = DOMAINS.join(", ");
    format!(
        "engine: {{ listen: 127.0.0.1:0, data: data }}\nchecks: [checks]\n\
         defaults: {{ policy: business }}\npolicies: {{ business: {{ propose: at once }} }}\n\
         inlet:\n  domains: [{domains}]\n  mailbox: backup\n{inlet}"
    )
}

/// The file of the customer acme, whose runs are all expected today, a while from now.
pub(crate) fn checks(watchdogs: &str) -> String {
    let by = rfc3339(AHEAD)[11..16].to_owned();
    let usual = format!("watchdog: {{ expect: daily by {by}, early: 6h, grace: 1h }}");
    format!("customer: acme\nname: ACME\ntimezone: UTC\n{usual}\nwatchdogs:\n{watchdogs}")
}

/// An engine with these watchdogs of the customer acme.
pub(crate) fn listening(inlet: &str, watchdogs: &str) -> Engine {
    Engine::start(&config(inlet), &[("acme", &checks(watchdogs))])
}

/// An intake `smtp` at any port.
pub(crate) const SMTP: &str = "  smtp: { listen: \"127.0.0.1:0\" }\n";

/// The port at which it takes mails.
pub(crate) fn port(engine: &Engine) -> u16 {
    MailEstate::door(engine).port()
}

/// Its secrets. An engine that has just begun does not hear yet, and says so.
pub(crate) fn secrets(api: &Api, job: &str) -> Json {
    let path = format!("/api/v1/watchdogs/{}/secrets", encoded(job));
    until(&path, || {
        let answer = api.ask("GET", &path, None);
        assert!(matches!(answer.code, 200 | 429 | 503), "{answer:?}");
        if answer.code == 200 { Ok(answer.body) } else { Err(answer.body.to_string()) }
    })
}

/// The secret address of a job.
pub(crate) fn address(api: &Api, job: &str) -> String {
    secrets(api, job)["addresses"][0].as_str().unwrap().to_owned()
}

/// Its path for pings.
pub(crate) fn ping(api: &Api, job: &str) -> String {
    secrets(api, job)["ping"].as_str().unwrap().to_owned()
}

/// Its slots, newest first.
pub(crate) fn slots(api: &Api, job: &str) -> Vec<Json> {
    api.list(&format!("/api/v1/watchdogs/{}/slots", encoded(job)))
}

/// What was heard for it, newest first.
pub(crate) fn reports(api: &Api, job: &str) -> Vec<Json> {
    api.list(&format!("/api/v1/reports?name={}", encoded(job)))
}

/// Waits until its slot stands so, and returns it.
pub(crate) fn wait_for_slot(api: &Api, job: &str, standing: &str) -> Json {
    let path = format!("/api/v1/watchdogs/{}/slots", encoded(job));
    api.wait_for_item(&path, |it| it["slot"]["standing"] == standing)
}

/// Its open proposals.
pub(crate) fn proposals(api: &Api, job: &str) -> Vec<Json> {
    let all = api.list("/api/v1/proposals?state=open");
    all.into_iter().filter(|it| it["name"] == job).collect()
}

/// What a report has written, as it is shown to people.
pub(crate) fn text_of(engine: &Engine, report: &Json) -> String {
    let token = fs::read_to_string(engine.sandbox().path().join("data/admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let path = format!("/api/v1/reports/{report}/text");
    let page = tests::Page::send(
        engine.address(),
        "GET",
        &path,
        &[("Authorization", &bearer), ("Accept", "text/plain")],
        "",
    )
    .unwrap();
    assert_eq!(page.code, 200, "{path}: {}", page.body);
    page.body
}

/// An example mail that lies beside the format that reads it.
pub(crate) fn example(name: &str) -> PathBuf {
    xtask::root().join("crates/inlet/src/formats/examples").join(name).with_extension("eml")
}

/// Its text.
pub(crate) fn example_text(name: &str) -> String {
    fs::read_to_string(example(name)).unwrap()
}

/// Sends the mail in `file` as programs do, to the server at `port`.
pub(crate) fn swaks(port: u16, to: &str, file: &std::path::Path, more: &[&str]) -> Output {
    let mut command = Command::new("swaks");
    command.args(["--server", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--helo", "nas1.acme.example", "--from", "nas1@acme.example", "--to", to]);
    command.arg("--data").arg(format!("@{}", file.display())).args(more);
    command.output().unwrap_or_else(|error| panic!("swaks: {error}"))
}

/// What it has said and heard.
pub(crate) fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Now, in seconds.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A moment as mails write it.
pub(crate) fn dated(secs: i64) -> String {
    let at = Timestamp::from_second(secs).unwrap();
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// A moment as the interface writes it.
pub(crate) fn moment(text: &Json) -> Timestamp {
    text.as_str().unwrap_or_else(|| panic!("no moment: {text}")).parse().unwrap()
}

/// A mail of a script, about a run that ended then.
pub(crate) fn mail(to: &str, id: &str, subject: &str, ended: i64) -> String {
    assert!((now() - ended).abs() < SOON_SECS, "nobody would believe this date");
    format!(
        "From: Nightly <nightly@acme.example>\r\nTo: {to}\r\nDate: {}\r\n\
         Message-ID: <{id}@acme.example>\r\nSubject: {subject}\r\n\r\n\
         {subject}, says run {id} of the script.\r\n",
        dated(ended)
    )
}
