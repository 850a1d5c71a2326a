//! `inlet:`: by which ways reports come in.

use std::{
    collections::HashMap, fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, sync::Arc,
    time::Duration,
};

use model::{Intake, Intakes, Way};

use super::Clerk;
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    draft::shape,
    mask, quoted,
    settle::spoken,
    source::{Place, View},
    words::{self, Fault, NameOf},
};

/// Intakes in all.
const INTAKES_MAX: usize = 64;
/// Domains whose recipients are ours.
const DOMAINS_MAX: usize = 64;
/// Networks whose word about the peer is believed.
const RELAYS_MAX: usize = 64;
/// Folders of one mailbox.
const FOLDERS_MAX: usize = 64;
/// Longest name of a mailbox, user or folder, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Longest name before `+TOKEN`, in bytes: 64 may stand before the `@`, and the token takes 27.
const MAILBOX_BYTES_MAX: usize = 37;
/// How often a mailbox is asked if nothing is written.
const EVERY: Duration = Duration::from_secs(60);
/// Shortest time between two questions to a mailbox.
const EVERY_MIN: Duration = Duration::from_secs(5);
/// Longest time between two questions to a mailbox.
const EVERY_MAX: Duration = Duration::from_secs(24 * 3600);
/// How a socket in a folder is written instead of an address.
const UNIX: &str = "unix:";
/// Longest path of a socket, in bytes: what the system takes.
const SOCKET_BYTES_MAX: usize = 107;
/// Rights of others on a file.
const READABLE_BY_OTHERS: u32 = 0o044;

const KEYS: &[&str] = &["domains", "mailbox", "unclaimed", "smtp", "lmtp", "imap", "maildir"];
const SMTP_KEYS: &[&str] = &["listen", "tls", "tls only", "tls first", "login", "relays", "keeps"];
const IMAP_KEYS: &[&str] =
    &["server", "user", "password_file", "ca", "starttls", "folders", "every"];
const MAILDIR_KEYS: &[&str] = &["folder"];
/// How passwords are written where they must not be.
const PASSWORDS: &[&str] = &["password", "passwd", "pass", "secret"];
/// Names by which reports come in without any intake.
const RESERVED: &[&str] = &["console", "ping", "api", "feed"];

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn intakes(&mut self) -> Intakes {
        let mut intakes = Intakes::default();
        let Some(inlet) = self.desk.library.draft.inlet.map(|it| self.view(it)) else {
            return intakes;
        };
        if !self.is_map(inlet, "`inlet`", KEYS) {
            return intakes;
        }
        intakes.domains =
            Self::get(inlet, "domains").map(|it| self.domains(it)).unwrap_or_default();
        if let Some(view) = Self::get(inlet, "mailbox") {
            intakes.mailbox = self.word(view, mailbox).unwrap_or_default();
        }
        let unclaimed = [("keep", true), ("refuse", false)];
        intakes.unclaimed =
            self.choice_of(inlet, "unclaimed", false, &unclaimed).unwrap_or_default();
        let mut known: HashMap<String, Place> = HashMap::new();
        let ways: [(&str, &[&str]); 4] = [
            ("smtp", SMTP_KEYS),
            ("lmtp", SMTP_KEYS),
            ("imap", IMAP_KEYS),
            ("maildir", MAILDIR_KEYS),
        ];
        for (sort, keys) in ways {
            let Some((key, map)) = inlet.pair(sort).filter(|it| !it.1.is_empty()) else { continue };
            for (name, key, body) in self.named_intakes((key, map), sort, keys) {
                if !self.is_new_intake(&name, key, &mut known) {
                    continue;
                }
                let way = match sort {
                    "smtp" | "lmtp" => self.smtp(key, body, sort == "lmtp"),
                    "imap" => self.imap(key, body),
                    _ => self.maildir(key, body),
                };
                let Some((way, keeps)) = way else { continue };
                intakes.all.push(Intake { name: name.into(), at: self.rule_at(key), way, keeps });
            }
        }
        if intakes.domains.is_empty() && self.takes_mail(inlet) {
            self.required(inlet, inlet, "domains", "domains: [in.msp.example]");
        }
        self.same_listens(inlet);
        intakes.all.sort_by(|a, b| a.name.cmp(&b.name));
        intakes
    }

    /// Is a server of ours asked for, which must know its recipients?
    fn takes_mail(&self, inlet: View<'a>) -> bool {
        ["smtp", "lmtp"].iter().any(|it| Self::get(inlet, it).is_some())
            && Self::get(inlet, "domains").is_none()
    }

    /// One intake, called like its sort, or a map of named ones.
    fn named_intakes(
        &mut self,
        (key, map): (View<'a>, View<'a>),
        sort: &str,
        keys: &[&str],
    ) -> Vec<(String, View<'a>, View<'a>)> {
        if !map.is_map() {
            self.add(
                shape(map, &format!("`{sort}` is a map"))
                    .help(format!("its keys are {}", crate::gather::list(keys))),
            );
            return Vec::new();
        }
        let is_one = map
            .pairs()
            .any(|(key, value)| !value.is_map() || key.text().is_some_and(|it| keys.contains(&it)));
        if is_one {
            return vec![(sort.to_owned(), key, map)];
        }
        map.pairs().filter_map(|(key, body)| Some((key.text()?.to_owned(), key, body))).collect()
    }

    fn is_new_intake(
        &mut self,
        name: &str,
        key: View<'a>,
        known: &mut HashMap<String, Place>,
    ) -> bool {
        if let Err(fault) = words::name(name, NameOf::Of("an intake")) {
            let found = Diagnostic::new(Code::Name, fault.what).at(key.part(&fault.span));
            self.add(found.maybe_help(fault.hint));
            return false;
        }
        if RESERVED.contains(&name) {
            let what = format!("no intake can be called {}", quoted(name));
            let found = Diagnostic::new(Code::Reserved, what).at(key.place());
            self.add(found.label("reports come in by this name without an intake"));
            return false;
        }
        if let Some(first) = known.get(name) {
            let what = format!("two intakes are called {}", quoted(name));
            let found = Diagnostic::new(Code::Clash, what).at(key.place()).label("the second one");
            self.add(found.also(*first, "the first one"));
            return false;
        }
        if known.len() >= INTAKES_MAX {
            let what = format!("more than {INTAKES_MAX} intakes");
            self.add(Diagnostic::new(Code::TooMany, what).at(key.place()));
            return false;
        }
        known.insert(name.to_owned(), key.place());
        true
    }

    fn smtp(&mut self, key: View<'a>, body: View<'a>, lmtp: bool) -> Option<(Way, bool)> {
        if !self.is_map(body, "an intake for mail", SMTP_KEYS) {
            return None;
        }
        let listen = self.required(key, body, "listen", "listen: 127.0.0.1:2525");
        let listen: Option<Arc<str>> = match listen.and_then(|it| Some((it, it.text()?))) {
            Some((view, text)) if lmtp && text.starts_with(UNIX) => self.socket(view, text),
            _ => listen
                .and_then(|it| self.word(it, address_and_port))
                .map(|it| it.to_string().into()),
        };
        let tls = match Self::get(body, "tls") {
            Some(map) => self.tls(map),
            None => None,
        };
        let tls_only = self.needs_tls(body, "tls only");
        let tls_first = self.needs_tls(body, "tls first");
        let login = match Self::get(body, "login") {
            Some(map) => self.login(body, map),
            None => None,
        };
        let relays = Self::get(body, "relays").map(|it| self.networks(it, RELAYS_MAX));
        // Behind LMTP stands a mail server with a queue of its own.
        let keeps = Self::get(body, "keeps").and_then(|it| self.word(it, words::flag));
        let (listen, relays) = (listen?, relays.unwrap_or_default());
        let way = Way::Smtp { listen, lmtp, tls, tls_only, tls_first, login, relays };
        Some((way, keeps.unwrap_or(lmtp)))
    }

    /// A socket in a folder; relative paths begin beside the main file.
    fn socket(&mut self, view: View<'a>, text: &str) -> Option<Arc<str>> {
        let path = self.desk.folder.join(&text[UNIX.len()..]);
        let path = path.to_string_lossy();
        if path.len() <= SOCKET_BYTES_MAX && !text.chars().any(mask::is_hostile) {
            return Some(format!("{UNIX}{path}").into());
        }
        let what = format!("the path of a socket has at most {SOCKET_BYTES_MAX} bytes");
        self.add(Diagnostic::new(Code::Value, what).at(view.place()));
        None
    }

    /// Is this wanted, which makes no sense without a certificate?
    fn needs_tls(&mut self, body: View<'a>, key: &str) -> bool {
        let Some(view) = Self::get(body, key) else { return false };
        let wanted = self.word(view, words::flag).unwrap_or_default();
        if wanted {
            self.must_have_tls(body, view, "nobody could deliver anything");
        }
        wanted
    }

    fn must_have_tls(&mut self, body: View<'a>, view: View<'a>, label: &str) {
        if Self::get(body, "tls").is_none() {
            self.add(
                Diagnostic::new(Code::Missing, "`tls:` is missing")
                    .at(view.place())
                    .label(label)
                    .help("write `tls: { cert: FILE, key: FILE }`"),
            );
        }
    }

    /// A user, and the file with the password.
    fn login(&mut self, body: View<'a>, map: View<'a>) -> Option<(Arc<str>, Arc<str>)> {
        if !self.is_map(map, "`login`", &["user", "password_file"]) {
            return None;
        }
        self.must_have_tls(body, map, "no password is asked for in the clear");
        let user = self.required(map, map, "user", "user: nas");
        let user = user.and_then(|it| self.word(it, short));
        let example = "password_file: /etc/campanile/nas";
        let file = self.required(map, map, "password_file", example);
        user.zip(file.and_then(|it| self.file(it, true)))
    }

    fn tls(&mut self, map: View<'a>) -> Option<(Arc<str>, Arc<str>)> {
        if !self.is_map(map, "`tls`", &["cert", "key"]) {
            return None;
        }
        let cert = self.required(map, map, "cert", "cert: /etc/campanile/in.pem");
        let cert = cert.and_then(|it| self.file(it, false));
        let key = self.required(map, map, "key", "key: /etc/campanile/in.key");
        let key = key.and_then(|it| self.file(it, true));
        cert.zip(key)
    }

    fn imap(&mut self, key: View<'a>, body: View<'a>) -> Option<(Way, bool)> {
        let mut known: Vec<&str> = IMAP_KEYS.to_vec();
        if let Some(found) = body
            .pairs()
            .map(|it| it.0)
            .find(|it| it.text().is_some_and(|it| PASSWORDS.contains(&it)))
        {
            known.extend(PASSWORDS);
            self.add(
                Diagnostic::new(Code::PasswordWritten, "a password cannot stand here")
                    .at(found.place())
                    .label("whoever may read this file could read the mailbox")
                    .help("write it into a file of its own, and here `password_file: FILE`"),
            );
        }
        if !self.is_map(body, "a mailbox", &known) {
            return None;
        }
        let server = self.required(key, body, "server", "server: imap.msp.example:993");
        let server = server.and_then(|it| {
            self.word(it, |text| words::server(text).map(|()| Arc::<str>::from(text.trim())))
        });
        let user = self.required(key, body, "user", "user: backup");
        let user = user.and_then(|it| self.word(it, short));
        let password_file = match known.len() == IMAP_KEYS.len() {
            true => {
                let example = "password_file: /etc/campanile/imap";
                let view = self.required(key, body, "password_file", example);
                view.and_then(|it| self.file(it, true))
            }
            false => None,
        };
        let ca = Self::get(body, "ca").map(|it| self.file(it, false));
        let starttls = self.word_of(body, "starttls", false, words::flag);
        let folders = match Self::get(body, "folders") {
            Some(list) => self.folders(list),
            None => vec![Arc::from("INBOX")],
        };
        let every = self.word_of(body, "every", EVERY, words::stretch)?;
        if !(EVERY_MIN..=EVERY_MAX).contains(&every) {
            let view = Self::get(body, "every").unwrap_or(key);
            let what = format!(
                "a mailbox is asked between every {} and every {}",
                spoken(EVERY_MIN),
                spoken(EVERY_MAX)
            );
            self.add(Diagnostic::new(Code::Value, what).at(view.place()));
        }
        let way = Way::Imap {
            server: server?,
            ca: ca.flatten(),
            starttls: starttls?,
            user: user?,
            password_file: password_file?,
            folders,
            every,
        };
        Some((way, true))
    }

    fn folders(&mut self, list: View<'a>) -> Vec<Arc<str>> {
        let items = list.items();
        if list.is_map() || items.is_empty() {
            self.add(shape(list, "a folder or a list of folders: `[INBOX]`"));
            return Vec::new();
        }
        if let Some(extra) = items.get(FOLDERS_MAX) {
            let what = format!("more than {FOLDERS_MAX} folders");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return Vec::new();
        }
        items.into_iter().filter_map(|it| self.word(it, short)).collect()
    }

    fn maildir(&mut self, key: View<'a>, body: View<'a>) -> Option<(Way, bool)> {
        if !self.is_map(body, "a folder of mails", MAILDIR_KEYS) {
            return None;
        }
        let view = self.required(key, body, "folder", "folder: /var/mail/backup")?;
        let text = self.text(view)?;
        // A mail program makes it with the first mail.
        let folder = self.desk.folder.join(&*text).to_string_lossy().into_owned();
        Some((Way::Maildir { folder: folder.into() }, true))
    }

    /// The path of a file that is there; relative ones begin beside the main file.
    fn file(&mut self, view: View<'a>, secret: bool) -> Option<Arc<str>> {
        let text = self.text(view)?;
        let path = self.desk.folder.join(&*text);
        let why = match fs::metadata(&path) {
            Ok(meta) if !meta.is_file() => "it is no regular file".to_owned(),
            Ok(meta) => {
                if secret && meta.permissions().mode() & READABLE_BY_OTHERS != 0 {
                    let what =
                        format!("others on this machine can read the file {}", quoted(&text));
                    self.add(
                        Diagnostic::new(Code::SecretReadable, what)
                            .at(view.place())
                            .help("take their right to read it away: `chmod 0600`"),
                    );
                }
                return Some(path.to_string_lossy().into());
            }
            Err(error) => error.to_string(),
        };
        let what = format!("cannot read {}: {}", quoted(&text), mask::escape(&why));
        self.add(Diagnostic::new(Code::Unreadable, what).at(view.place()));
        None
    }

    fn domains(&mut self, list: View<'a>) -> Vec<Arc<str>> {
        let items = list.items();
        if list.is_map() || items.is_empty() {
            self.add(shape(list, "a domain or a list of domains: `[in.msp.example]`"));
            return Vec::new();
        }
        if let Some(extra) = items.get(DOMAINS_MAX) {
            let what = format!("more than {DOMAINS_MAX} domains");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return Vec::new();
        }
        let read = items.into_iter().filter_map(|it| self.word(it, words::mail_domain));
        let mut domains: Vec<Arc<str>> = read.map(Arc::from).collect();
        domains.sort_unstable();
        domains.dedup();
        domains
    }

    /// No two servers share an address; the console is one of them.
    fn same_listens(&mut self, inlet: View<'a>) {
        let of = |map: View<'a>| {
            let own = map.get("listen").into_iter();
            own.chain(map.pairs().filter_map(|(_, it)| it.get("listen"))).collect::<Vec<_>>()
        };
        let engine = self.desk.library.draft.engine.map(|it| self.view(it));
        let console = engine.and_then(|it| it.get("listen"));
        let mails = ["smtp", "lmtp"].iter().filter_map(|it| Self::get(inlet, it)).flat_map(of);
        let mut known: Vec<(SocketAddr, Place)> = Vec::new();
        for view in console.into_iter().chain(mails) {
            let Some(address) = view.text().and_then(|it| it.parse::<SocketAddr>().ok()) else {
                continue;
            };
            let same = |it: &&(SocketAddr, Place)| {
                let ips = (it.0.ip(), address.ip());
                let either = ips.0.is_unspecified() || ips.1.is_unspecified();
                it.0.port() == address.port() && (ips.0 == ips.1 || either)
            };
            // Port 0 picks a free one.
            if let Some((_, first)) = known.iter().find(same).filter(|_| address.port() != 0) {
                let found = Diagnostic::new(Code::SameListen, "two listen at the same address");
                self.add(found.at(view.place()).label("the second").also(*first, "the first"));
            }
            known.push((address, view.place()));
        }
    }
}

fn address_and_port(text: &str) -> Result<SocketAddr, Fault> {
    text.trim().parse().map_err(|_| Fault {
        span: 0..text.len(),
        what: format!("{} is no address with a port", quoted(text)),
        hint: Some("write it like `127.0.0.1:2525` or `[::1]:2525`".into()),
    })
}

/// A short text on one line.
fn short(text: &str) -> Result<Arc<str>, Fault> {
    match !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(mask::is_hostile) {
        true => Ok(Arc::from(text)),
        false => Err(Fault {
            span: 0..text.len(),
            what: format!("this is no text of 1 to {NAME_BYTES_MAX} bytes on one line"),
            hint: None,
        }),
    }
}

/// What may stand before `+TOKEN@`.
fn mailbox(text: &str) -> Result<Arc<str>, Fault> {
    let good = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_');
    match !text.is_empty() && text.len() <= MAILBOX_BYTES_MAX && text.chars().all(good) {
        true => Ok(Arc::from(text.to_ascii_lowercase())),
        false => Err(Fault {
            span: 0..text.len(),
            what: format!("{} is no name of a mailbox", quoted(text)),
            hint: Some("write what stands before `+` and `@`, like `backup`".into()),
        }),
    }
}
