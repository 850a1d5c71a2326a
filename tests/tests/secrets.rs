//! No secret of a channel comes out again: receivers that repeat all they are told, and everything
//! that an operator, a console or a thief of backups could read afterwards.

#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code; a panic is how a test reports"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
};

use tests::{Door, Engine, Receiver, Sandbox, encoded};

/// Stands in every secret, and nowhere else.
const MARK: &str = "s3cr3t";

/// All kinds of channels, each with what only it and its receiver may know.
const CHANNELS: [(&str, &str); 11] = [
    (
        "webhook",
        r#"url: "{URL}", sign: ["${secret:sign}"], headers: { x-key: "${secret:header}" }"#,
    ),
    ("alertmanager-webhook", r#"url: "{URL}", headers: { x-key: "${secret:header}" }"#),
    ("alertmanager", r#"urls: ["{BARE}"], headers: { x-key: "${secret:header}" }"#),
    ("pagerduty", r#"url: "{BARE}", routing_key: "${secret:routing}""#),
    ("slack", r#"url: "{URL}""#),
    ("teams", r#"url: "{URL}""#),
    ("ntfy", r#"url: "{BARE}", topic: "${secret:topic}", token: "${secret:token}""#),
    ("telegram", r#"url: "{BARE}", chat: "-1001", token: "${secret:bot}""#),
    (
        "email",
        r#"server: 127.0.0.1, port: {MAIL}, tls: none, from: noc@msp.example, user: noc, password: "${secret:mail}""#,
    ),
    ("sms", r#"url: "{URL}", headers: { x-key: "${secret:header}" }"#),
    (
        "ticket",
        r#"create_url: "{BARE}", create_body: '{"title": "{{ title }}"}', headers: { x-key: "${secret:header}" }"#,
    ),
];

/// What the placeholders stand for.
const SECRETS: [(&str, &str); 7] = [
    ("SIGN", "whsec_czNjcjN0LXMzY3IzdC1zM2NyM3QtczNjcjN0"),
    ("HEADER", "header-s3cr3t"),
    ("ROUTING", "routing-s3cr3t"),
    ("TOPIC", "topic-s3cr3t"),
    ("TOKEN", "token-s3cr3t"),
    ("BOT", "12345:bot-s3cr3t"),
    ("MAIL", "mail-s3cr3t"),
];

/// Serves each connection in a thread of its own.
fn listen(serve: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let serve = Arc::clone(&serve);
            // A client that goes away in the middle is its own affair.
            thread::spawn(move || drop(serve(stream)));
        }
    });
    address
}

/// Refuses everything, and says back all that it was told.
fn echo_http(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
            head.push_str(line.trim());
            head.push(' ');
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        // The end first: only the beginning of an answer is kept.
        let said =
            format!("{} {head}", String::from_utf8_lossy(&body[length.saturating_sub(60)..]));
        let answer =
            format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{said}", said.len());
        reader.get_mut().write_all(answer.as_bytes())?;
    }
}

/// Takes no password, and says which one it was.
fn echo_smtp(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(b"220 mail.example\r\n")?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let answer = match line.split([' ', '\r']).next() {
            Some("EHLO") => "250-mail.example\r\n250 AUTH PLAIN\r\n".to_owned(),
            Some("AUTH") => format!("535 {} is mail-s3cr3t\r\n", line.trim()),
            _ => "250 fine\r\n".to_owned(),
        };
        reader.get_mut().write_all(answer.as_bytes())?;
        line.clear();
    }
    Ok(())
}

fn config(echo: SocketAddr, mail: SocketAddr, receiver: &Receiver) -> String {
    let url = format!("http://robot:password-s3cr3t@{echo}/hook/path-s3cr3t?token=query-s3cr3t");
    let mut text = String::from(
        "engine: { listen: 127.0.0.1:0, data: data, own: { policy: own } }\nchecks: [checks]\n\
         people: { anna: { email: anna@msp.example, phone: \"+39 02\" } }\nchannels:\n",
    );
    text.push_str(&format!("  safe: {{ type: webhook, url: \"{}\" }}\n", receiver.url("safe")));
    let mut steps = String::new();
    for (kind, params) in CHANNELS {
        let params = params
            .replace("{URL}", &url)
            .replace("{BARE}", &format!("http://{echo}"))
            .replace("{MAIL}", &mail.port().to_string());
        text.push_str(&format!("  c-{kind}: {{ type: {kind}, fallback: safe, {params} }}\n"));
        steps.push_str(&format!("      - {{ after: 0m, to: anna, via: [c-{kind}] }}\n"));
    }
    text.push_str("contracts: { gold: { hours: always, policy: urgent } }\npolicies:\n");
    text.push_str("  own: { alert: [{ after: 0m, to: anna, via: [safe] }] }\n");
    text.push_str(&format!("  urgent:\n    propose: at once\n    alert:\n{steps}"));
    text
}

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    entries.flat_map(|it| if it.is_dir() { files(&it) } else { vec![it] }).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|it| it == text.as_bytes())
}

#[test]
fn no_secret_of_a_channel_comes_out_again() {
    let (echo, mail) = (listen(echo_http), listen(echo_smtp));
    let (receiver, mut door) = (Receiver::new(), Door::new());
    let sandbox = Arc::new(Sandbox::new());
    sandbox.write("config.yaml", &config(echo, mail, &receiver));
    let checks = format!(
        "customer: acme\ncontract: gold\nflapping: off\nevery: 1s\ntimeout: 500ms\nretry: 2 x \
         500ms\nservices:\n  door: {{ tcp: \"{}\" }}\n",
        door.address()
    );
    sandbox.write("checks/acme.yaml", &checks);
    let secrets = SECRETS.map(|(name, value)| (format!("CAMPANILE_SECRET_{name}"), value));
    let mut command = sandbox.command();
    command.args(["run", "config.yaml"]).env("CAMPANILE_LOG", "trace").envs(secrets.clone());
    let engine = Engine::start_as(Arc::clone(&sandbox), &mut command);
    engine.wait_for_hard("acme/-/door", 0);
    door.close();

    let api = engine.api();
    for (kind, _) in CHANNELS {
        let channel = format!("c-{kind}");
        let dead = api.wait_for_item("/api/v1/alerts?state=dead", |it| it["channel"] == *channel);
        let fault = dead["fault"].as_str().unwrap().to_owned();
        assert!(fault.contains('…'), "{kind} was told nothing back: {fault}");
        receiver.wait_for(&format!("the trouble with {channel}"), |all| {
            all.iter().any(|it| it.says("trigger", &format!("own channel {channel}")))
        });
    }

    let mut seen: Vec<(String, Vec<u8>)> = vec![("the log".to_owned(), engine.log().into_bytes())];
    for path in [
        "/api/v1/alerts?state=all",
        "/api/v1/problems?state=all",
        "/api/v1/calls?state=all",
        "/api/v1/proposals?state=all",
        "/metrics",
    ] {
        let text = match path {
            "/metrics" => engine.page(path).body,
            _ => api.ask("GET", path, None).body.to_string(),
        };
        seen.push((path.to_owned(), text.into_bytes()));
    }
    for name in ["acme/-/door", "own channel c-webhook"] {
        let answer = api.ask("GET", &format!("/api/v1/why?name={}", encoded(name)), None);
        seen.push((format!("why {name}"), answer.body.to_string().into_bytes()));
    }
    for words in [["explain", "config.yaml", "acme/-/door"], ["validate", "config.yaml", "-ojson"]]
    {
        let output = sandbox.command().args(words).envs(secrets.clone()).output().unwrap();
        seen.push((words.join(" "), [output.stdout, output.stderr].concat()));
    }
    for it in receiver.all() {
        seen.push((format!("what {} was told", it.path), it.text.into_bytes()));
    }
    drop(engine);
    for file in files(&sandbox.path().join("data")) {
        seen.push((file.display().to_string(), fs::read(&file).unwrap()));
    }
    for (place, bytes) in seen {
        let at = bytes.windows(MARK.len()).position(|it| it == MARK.as_bytes());
        let near = at.map(|at| {
            let from = at.saturating_sub(200);
            String::from_utf8_lossy(&bytes[from..bytes.len().min(at + 40)]).into_owned()
        });
        assert_eq!(near, None, "{place}");
        assert!(!holds(&bytes, "whsec_"), "{place}");
    }
}
