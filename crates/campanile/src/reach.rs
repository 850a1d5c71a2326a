//! How a running engine is reached, and how its answers become output and exit codes.

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::{BuildHasher, Hasher},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use crate::{
    client::{Answer, Ask, Client, NoAnswer, Trust},
    verbs::{Form, INVALID, PARTLY, say},
    when,
};

/// Exit code: no engine answers.
const NO_ENGINE: u8 = 4;
/// Where an engine is looked for when nobody says where it is.
const USUAL_PLACE: &str = "http://127.0.0.1:8080";
/// The file in the data folder that holds the engine's first token.
const ADMIN_TOKEN: &str = "admin.token";
/// Bytes of a token's file.
const TOKEN_BYTES_MAX: u64 = 4_096;
/// Items that the engine gives at once.
const PART: usize = 500;
/// Pause before a command that got no answer is repeated.
const REPEAT_PAUSE: Duration = Duration::from_secs(1);

/// How a running engine is reached
#[derive(Args, Clone, Debug)]
pub(crate) struct Reach {
    /// The engine's address; else `CAMPANILE_ENGINE`, else that of --config, else
    /// <http://127.0.0.1:8080>
    #[arg(long, global = true, value_name = "URL", help_heading = "Engine")]
    engine: Option<String>,
    /// A file with a token; else `CAMPANILE_TOKEN`, else the engine's first token by --config
    #[arg(long, global = true, value_name = "PATH", help_heading = "Engine")]
    token_file: Option<PathBuf>,
    /// The main configuration file of an engine on this machine: says where it listens and where
    /// its first token is
    #[arg(long, global = true, value_name = "CONFIG", help_heading = "Engine")]
    config: Option<PathBuf>,
    /// A file with certificates (PEM) to trust beside those of this machine, for an engine behind
    /// https; else `CAMPANILE_CA`
    #[arg(long, global = true, value_name = "FILE", help_heading = "Engine")]
    ca: Option<PathBuf>,
    /// Send the token to another machine over plain http, where anybody on the way can read it
    #[arg(long, global = true, help_heading = "Engine")]
    insecure: bool,
    /// Output for people or for programs
    #[arg(short = 'o', long = "output", global = true, value_enum, default_value_t = Form::Text)]
    form: Form,
}

/// Why a verb did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was written wrong.
    Usage(String),
    /// No engine answers.
    NoEngine(String),
    /// The engine refused.
    Refused(Answer),
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// A running engine.
pub(crate) struct Engine {
    client: Client,
    form: Form,
    pub(crate) zone: TimeZone,
}

impl Reach {
    /// Does something with the engine and says how that ended.
    pub(crate) fn with(&self, act: impl FnOnce(&Engine) -> Outcome) -> u8 {
        let failure = match self.engine().and_then(|engine| act(&engine)) {
            Ok(()) => return 0,
            Err(failure) => failure,
        };
        let (code, text) = match &failure {
            Failure::Usage(why) => (INVALID, why.clone()),
            Failure::NoEngine(why) => (NO_ENGINE, why.clone()),
            Failure::Refused(answer) => {
                if self.form == Form::Json {
                    say(&mut io::stdout(), &format!("{:#}\n", answer.body));
                }
                (PARTLY, refusal(answer))
            }
        };
        say(&mut io::stderr(), &format!("error: {}\n", crate::table::plain(&text)));
        code
    }

    fn engine(&self) -> Outcome<Engine> {
        let variable = |name: &str| env::var(name).ok().filter(|it| !it.is_empty());
        let told = self.engine.clone().or_else(|| variable("CAMPANILE_ENGINE"));
        let settings = match &self.config {
            // Reading a large configuration for nothing would be a waste.
            Some(_) if told.is_some() && self.has_token() => None,
            Some(config) => Some(settings_of(config)?),
            None => None,
        };
        let url = match (told, &settings) {
            (Some(url), _) => url,
            (None, Some(settings)) => url_of(settings.listen)?,
            (None, None) => USUAL_PLACE.to_owned(),
        };
        let token = match (&self.token_file, variable("CAMPANILE_TOKEN"), &settings) {
            (Some(file), ..) => Some(read_token(file)?),
            (None, Some(token), _) => Some(token),
            (None, None, Some(settings)) => Some(read_token(&settings.data.join(ADMIN_TOKEN))?),
            (None, None, None) => None,
        };
        if token.as_ref().is_some_and(|it| !it.bytes().all(|it| it.is_ascii_graphic())) {
            return Err(Failure::Usage("the token has characters that no token has".to_owned()));
        }
        let ca = self.ca.clone().or_else(|| variable("CAMPANILE_CA").map(PathBuf::from));
        let trust = Trust { ca, insecure: self.insecure };
        let client = Client::new(&url, token, trust).map_err(Failure::Usage)?;
        Ok(Engine { client, form: self.form, zone: when::zone() })
    }

    fn has_token(&self) -> bool {
        self.token_file.is_some() || env::var_os("CAMPANILE_TOKEN").is_some_and(|it| !it.is_empty())
    }
}

fn settings_of(config: &std::path::Path) -> Outcome<model::EngineSettings> {
    let mut loaded = server::load(config);
    loaded.plan.take().map(|it| it.engine).ok_or_else(|| {
        let shown = config.display();
        Failure::Usage(format!("{shown} has mistakes: see `campanile validate {shown}`"))
    })
}

/// Whoever listens everywhere is reached on this machine.
fn url_of(listen: SocketAddr) -> Outcome<String> {
    if listen.port() == 0 {
        let why = "the configuration lets the system choose the port: give --engine URL, as the \
                   engine's log says it";
        return Err(Failure::Usage(why.to_owned()));
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(format!("http://{}", SocketAddr::new(ip, listen.port())))
}

fn read_token(file: &std::path::Path) -> Outcome<String> {
    let shown = file.display();
    let fault = |why: String| Failure::Usage(format!("cannot read a token from {shown}: {why}"));
    let read = || -> io::Result<String> {
        let mut text = String::new();
        io::Read::read_to_string(
            &mut io::Read::take(fs::File::open(file)?, TOKEN_BYTES_MAX),
            &mut text,
        )?;
        Ok(text)
    };
    let text = read().map_err(|it| fault(it.to_string()))?;
    let token = text.trim();
    if token.is_empty() { Err(fault("it is empty".to_owned())) } else { Ok(token.to_owned()) }
}

/// What the engine said, in one line.
fn refusal(answer: &Answer) -> String {
    let detail = answer.body["detail"].as_str().unwrap_or("the engine refused");
    let code = answer.body["code"].as_str().unwrap_or("");
    match code {
        "no-token" => {
            "the engine wants a token: give --token-file, CAMPANILE_TOKEN, or --config on its own \
             machine"
                .to_owned()
        }
        "" => format!("{detail} (status {})", answer.status),
        code => format!("{detail} ({code})"),
    }
}

impl Engine {
    fn ask(&self, ask: &Ask<'_>) -> Outcome<Value> {
        let answer = self.client.ask(ask).map_err(|why| match why {
            NoAnswer::Unsafe(why) => Failure::Usage(why),
            NoAnswer::Nobody(error) => {
                let place = self.client.place();
                Failure::NoEngine(format!("no engine answers at {place}: {error}"))
            }
        })?;
        if (200..300).contains(&answer.status) {
            Ok(answer.body)
        } else {
            Err(Failure::Refused(answer))
        }
    }

    /// One thing.
    pub(crate) fn get(&self, path: &str, query: &[(&str, String)]) -> Outcome<Value> {
        self.ask(&Ask { method: "GET", path, query, ..Ask::default() })
    }

    /// A list, part by part, at most `limit` items of it.
    pub(crate) fn list(
        &self,
        path: &str,
        query: &[(&str, String)],
        limit: usize,
    ) -> Outcome<Value> {
        let mut items = Vec::new();
        let mut next = Value::Null;
        while items.len() < limit {
            let mut query = query.to_vec();
            query.push(("limit", (limit - items.len()).min(PART).to_string()));
            if let Some(cursor) = next.as_str() {
                query.push(("cursor", cursor.to_owned()));
            }
            let mut part = self.get(path, &query)?;
            next = part["next"].take();
            if let Value::Array(list) = part["items"].take() {
                items.extend(list);
            }
            if next.is_null() {
                break;
            }
        }
        Ok(json!({ "items": items, "next": next }))
    }

    /// A change. One that got no answer is repeated once under the same key, so it is not done
    /// twice.
    pub(crate) fn change(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        version: Option<u64>,
    ) -> Outcome<Value> {
        let key = repeat_key();
        let repeat_key = Some(&*key);
        let ask = Ask { method, path, body, version, repeat_key, ..Ask::default() };
        match self.ask(&ask) {
            Err(Failure::Refused(answer)) if answer.status == 504 => {
                std::thread::sleep(REPEAT_PAUSE);
                self.ask(&ask)
            }
            outcome => outcome,
        }
    }

    /// A change that cannot be repeated.
    pub(crate) fn post_once(&self, path: &str, body: &Value) -> Outcome<Value> {
        self.ask(&Ask { method: "POST", path, body: Some(body), ..Ask::default() })
    }

    /// A mail as it came. Repeats are told by what the mail holds.
    pub(crate) fn post_mail(&self, path: &str, mail: &[u8]) -> Outcome<Value> {
        self.ask(&Ask { method: "POST", path, mail: Some(mail), ..Ask::default() })
    }

    /// Where the engine is, for people.
    pub(crate) fn place(&self) -> String {
        self.client.place()
    }

    /// Prints what came, for programs as it is, for people as `text` has it.
    pub(crate) fn show(&self, value: &Value, text: impl FnOnce() -> String) {
        let text = match self.form {
            Form::Json => format!("{value:#}\n"),
            Form::Text => text(),
        };
        say(&mut io::stdout(), &text);
    }

    /// Prints a list and whether there is more.
    pub(crate) fn show_list(&self, list: &Value, text: impl FnOnce(&[Value]) -> String) {
        let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        self.show(list, || text(items));
        if !list["next"].is_null() && self.form == Form::Text {
            let count = items.len();
            say(&mut io::stderr(), &format!("these are the first {count}; more with --limit\n"));
        }
    }

    /// Prints that something is done.
    pub(crate) fn done(&self, value: &Value, what: &str) {
        self.show(value, || {
            let id = crate::table::cell(&value["id"]);
            crate::table::plain(&format!("{what} {id}")).trim_end().to_owned() + "\n"
        });
    }

    /// A time as people read it; nothing for null.
    pub(crate) fn time(&self, value: &Value) -> String {
        value.as_str().map(|it| when::shown(it, &self.zone)).unwrap_or_default()
    }

    /// The time that somebody means, for the engine.
    pub(crate) fn meant(&self, text: &str) -> Outcome<String> {
        let now = Timestamp::now().to_zoned(self.zone.clone());
        when::meant(text, &now).map(|it| it.to_string()).map_err(Failure::Usage)
    }

    /// The same for what may be left out.
    pub(crate) fn meant_if(&self, text: Option<&String>) -> Outcome<Option<String>> {
        text.map(|it| self.meant(it)).transpose()
    }
}

/// A key that no other run of this command uses.
fn repeat_key() -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("cli-{:016x}-{:x}", hasher.finish(), now.as_nanos())
}

/// An object of those fields that have a value.
pub(crate) fn body(fields: &[(&str, Value)]) -> Value {
    let given = fields.iter().filter(|it| !it.1.is_null());
    Value::Object(given.map(|it| (it.0.to_owned(), it.1.clone())).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpListener,
        thread::{self, JoinHandle},
    };

    use super::*;

    /// Something that gives prepared answers, one for each connection, and says what was asked.
    struct Scripted {
        reach: Reach,
        thread: JoinHandle<Vec<String>>,
    }

    fn scripted(answers: &[(u16, Value)]) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers.to_vec();
        let thread = thread::spawn(move || {
            let answer = |(status, body): &(u16, Value)| {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                let (mut request, mut length) = (String::new(), 0);
                while !request.ends_with("\r\n\r\n") {
                    let start = request.len();
                    stream.read_line(&mut request).unwrap();
                    if let Some(said) = request[start..].strip_prefix("content-length: ") {
                        length = said.trim().parse().unwrap();
                    }
                }
                let mut asked = vec![0; length];
                stream.read_exact(&mut asked).unwrap();
                request.push_str(std::str::from_utf8(&asked).unwrap());
                let body = body.to_string();
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n");
                stream.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
                request
            };
            answers.iter().map(answer).collect()
        });
        Scripted { reach: reach(&url), thread }
    }

    fn reach(url: &str) -> Reach {
        Reach {
            engine: Some(url.to_owned()),
            token_file: None,
            config: None,
            ca: None,
            insecure: false,
            form: Form::Json,
        }
    }

    #[test]
    fn a_list_is_walked_through_part_by_part() {
        let part = |items: Value, next: Value| (200, json!({ "items": items, "next": next }));
        let engine = scripted(&[part(json!([1, 2]), json!("a b")), part(json!([3]), Value::Null)]);
        let code = engine.reach.with(|it| {
            let list = it.list("/api/v1/problems", &[("state", "all".to_owned())], 10)?;
            assert_eq!(list, json!({ "items": [1, 2, 3], "next": null }));
            Ok(())
        });
        assert_eq!(code, 0);
        let asked = engine.thread.join().unwrap();
        assert!(asked[0].starts_with("GET /api/v1/problems?state=all&limit=10 HTTP/1.1\r\n"));
        let second = "GET /api/v1/problems?state=all&limit=8&cursor=a%20b HTTP/1.1\r\n";
        assert!(asked[1].starts_with(second), "{}", asked[1]);
    }

    #[test]
    fn no_more_is_asked_for_than_is_wanted() {
        let engine = scripted(&[(200, json!({ "items": [1, 2], "next": "c" }))]);
        let code = engine.reach.with(|it| {
            let list = it.list("/api/v1/problems", &[], 2)?;
            assert_eq!(list["next"], "c", "whoever reads it is told that there is more");
            Ok(())
        });
        assert_eq!((code, engine.thread.join().unwrap().len()), (0, 1));
    }

    #[test]
    fn a_command_without_an_answer_is_repeated_under_the_same_key() {
        let late = json!({ "code": "no-answer", "detail": "wait" });
        let engine = scripted(&[(504, late), (200, json!({ "id": 7, "version": 2 }))]);
        let code = engine.reach.with(|it| {
            let body = json!({ "text": "x" });
            let done = it.change("POST", "/api/v1/problems/7/comment", Some(&body), Some(1))?;
            assert_eq!(done["id"], 7);
            Ok(())
        });
        assert_eq!(code, 0);
        let asked = engine.thread.join().unwrap();
        assert_eq!(asked[0], asked[1]);
        assert!(asked[0].contains("idempotency-key: cli-") && asked[0].contains("if-match: \"1\""));
        assert!(asked[0].ends_with("\r\n\r\n{\"text\":\"x\"}"), "{}", asked[0]);
    }

    #[test]
    fn exit_codes_tell_refusals_from_absence() {
        let fault = |status, code: &str| (status, json!({ "code": code, "detail": "d" }));
        for (status, code) in [(404, "unknown"), (409, "stale"), (401, "no-token"), (503, "busy")] {
            let engine = scripted(&[fault(status, code)]);
            assert_eq!(
                engine.reach.with(|it| it.get("/api/v1/x", &[]).map(drop)),
                PARTLY,
                "{code}"
            );
            engine.thread.join().unwrap();
        }
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let absent = reach(&format!("http://{nobody}"));
        assert_eq!(absent.with(|it| it.get("/api/v1/x", &[]).map(drop)), NO_ENGINE);
        assert_eq!(reach("ftp://x").with(|_| Ok(())), INVALID);
        let no_file = Reach { token_file: Some("/nowhere".into()), ..reach("http://x") };
        assert_eq!(no_file.with(|_| Ok(())), INVALID);
    }

    #[test]
    fn something_else_on_the_port_is_no_engine() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
        });
        assert_eq!(reach(&url).with(|it| it.get("/api/v1/x", &[]).map(drop)), NO_ENGINE);
        thread.join().unwrap();
    }

    #[test]
    fn an_engine_that_listens_everywhere_is_reached_here() {
        let url = |listen: &str| url_of(listen.parse().unwrap()).ok();
        assert_eq!(url("0.0.0.0:80").as_deref(), Some("http://127.0.0.1:80"));
        assert_eq!(url("[::]:80").as_deref(), Some("http://[::1]:80"));
        assert_eq!(url("10.1.2.3:80").as_deref(), Some("http://10.1.2.3:80"));
        assert_eq!(url("127.0.0.1:0"), None);
    }

    #[test]
    fn keys_differ_and_bodies_hold_what_was_given() {
        assert_ne!(repeat_key(), repeat_key());
        let body = body(&[("a", json!(1)), ("b", Value::Null), ("c", json!(false))]);
        assert_eq!(body, json!({ "a": 1, "c": false }));
    }
}
