//! Makes mails: those that a job can believe, and those that only look so.

use std::{net::IpAddr, sync::Arc};

use inlet::{Resolver, token::token, trust::Record};
use mail_auth::{
    common::{crypto::Ed25519Key, headers::HeaderWriter},
    dkim::{Canonicalization, DkimSigner},
};
use model::Moment;
use tests::base64;

use crate::{bench::Wanted, dice::Dice};

/// Everything that is signed.
const SIGNED: [&str; 5] = ["From", "Subject", "Date", "Message-ID", "Content-Type"];
/// A peer that is a relay of the jobs, and that acme's SPF names.
const RELAY: &str = "198.51.100.7";
/// One that only SPF names.
const OWN: &str = "192.0.2.9";
/// Those that neither does; some come close.
const FOREIGN: [&str; 5] =
    ["203.0.113.5", "198.51.101.7", "2001:db8::bad", "::ffff:203.0.113.5", "198.51.99.255"];
/// A relay of the intake.
const INTAKE_RELAY: &str = "10.9.0.5";

/// A mail with its envelope.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) text: Vec<u8>,
    pub(crate) to: String,
    pub(crate) sender: String,
    pub(crate) helo: String,
    pub(crate) peer: IpAddr,
}

/// What a mail says of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Well,
    Warning,
    Failed,
    /// Nothing: it is the answer of a machine.
    Aside,
}

pub(crate) struct Forger {
    own: Vec<u8>,
    foreign: Vec<u8>,
}

/// What a forgery lacks of what its job asks for.
#[derive(Clone, Copy, Debug, Default)]
struct Lacks {
    token: bool,
    relay: bool,
    spf: bool,
    dkim: bool,
}

impl Mail {
    pub(crate) fn shown(&self) -> String {
        let Self { to, sender, helo, peer, text } = self;
        format!("{peer} {helo} <{sender}> to <{to}>\n{}", String::from_utf8_lossy(text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let text = std::str::from_utf8(&self.text).unwrap();
        let line = text.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap()
    }
}

impl Word {
    fn tag(self) -> &'static str {
        match self {
            Self::Well => "[well]",
            Self::Warning => "[warning]",
            Self::Failed => "[failed]",
            Self::Aside => "[away]",
        }
    }
}

/// Now, as mails write it.
fn dated(at: Moment) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = tests::rfc3339_at(std::time::Duration::from_nanos(at.as_nanos()));
    let month: usize = text[5..7].parse().unwrap();
    format!("{} {} {} {} +0000", &text[8..10], MONTHS[month - 1], &text[..4], &text[11..19])
}

fn short(job: &Wanted) -> &str {
    job.name.split_once('/').unwrap().1
}

/// A mail that says `word`, unsigned.
fn written(job: &Wanted, word: Word, id: &str, run: usize, at: Moment) -> String {
    let id = if id.is_empty() { String::new() } else { format!("Message-ID: {id}\r\n") };
    let away = if word == Word::Aside { "Auto-Submitted: auto-replied\r\n" } else { "" };
    format!(
        "From: NAS <nas@acme.example>\r\nTo: backup@in.msp.example\r\nSubject: {} job {};\r\n\
         Date: {}\r\n{id}{away}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Job {} has run.\r\nAll that it did is in log {run}.\r\n",
        word.tag(),
        short(job),
        dated(at),
        short(job),
    )
}

fn id_of(job: &Wanted, number: usize) -> String {
    format!("<{number}.{}@acme.example>", short(job))
}

impl Forger {
    /// From which secret addresses are made.
    pub(crate) const KEY: &'static [u8] = b"the key of this installation";

    pub(crate) fn new() -> Self {
        let key = || Ed25519Key::generate_pkcs8().unwrap();
        Self { own: key(), foreign: key() }
    }

    /// What names lead to.
    pub(crate) fn names(&self) -> Arc<Resolver> {
        let text = |it: &str| Record::Text(it.to_owned());
        let key = |pkcs8: &[u8]| {
            let public = Ed25519Key::from_pkcs8_der(pkcs8).unwrap().public_key();
            text(&format!("v=DKIM1; k=ed25519; p={}", base64(&public).trim()))
        };
        let records = [
            ("s1._domainkey.acme.example", key(&self.own)),
            ("s1._domainkey.evil.example", key(&self.foreign)),
            ("acme.example", text("v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 -all")),
            ("evil.example", text("v=spf1 +all")),
            ("acme.example.evil.example", text("v=spf1 +all")),
        ];
        Arc::new(Resolver::fixed(records).unwrap())
    }

    fn signed(
        &self,
        pkcs8: &[u8],
        text: &str,
        domain: &str,
        headers: &[&str],
        part: bool,
    ) -> String {
        let signer = DkimSigner::from_key(Ed25519Key::from_pkcs8_der(pkcs8).unwrap())
            .domain(domain)
            .selector("s1")
            .headers(headers.iter().copied())
            .header_canonicalization(Canonicalization::Relaxed)
            .body_canonicalization(Canonicalization::Relaxed)
            .body_length(part);
        format!("{}{text}", signer.sign(text.as_bytes()).unwrap().to_header())
    }

    fn signed_by_own(&self, text: &str) -> String {
        let there = |it: &&&str| text.contains(&format!("\n{it}: ")) || text.starts_with(**it);
        let headers: Vec<&str> = SIGNED.iter().filter(there).copied().collect();
        self.signed(&self.own, text, "acme.example", &headers, false)
    }

    fn address(&self, job: &Wanted) -> String {
        format!("backup+{}@in.msp.example", token(Self::KEY, job.name, 1))
    }

    /// What the job itself sends.
    pub(crate) fn real(&self, job: &Wanted, word: Word, number: usize, at: Moment) -> Mail {
        let text = self.signed_by_own(&written(job, word, &id_of(job, number), number, at));
        Mail {
            text: text.into_bytes(),
            to: self.address(job),
            sender: "bounce@acme.example".to_owned(),
            helo: "nas.acme.example".to_owned(),
            peer: RELAY.parse().unwrap(),
        }
    }

    /// A text that nobody has signed.
    pub(crate) fn bare(&self, job: &Wanted, word: Word, id: &str, at: Moment) -> Vec<u8> {
        written(job, word, id, 0, at).into_bytes()
    }

    /// A mail with nothing that its job asks for.
    pub(crate) fn nameless(
        &self,
        job: &Wanted,
        word: Word,
        number: usize,
        at: Moment,
        dice: &mut Dice,
    ) -> Mail {
        Mail {
            text: self.bare(job, word, &format!("<x{number}@evil.example>"), at),
            to: "backup@in.msp.example".to_owned(),
            sender: "x@evil.example".to_owned(),
            helo: "evil.example".to_owned(),
            peer: dice.of(&FOREIGN).parse().unwrap(),
        }
    }

    /// A mail that says that all is well, with everything that its job asks for but at least one
    /// thing; or one that has it all, and was sent before.
    pub(crate) fn forged(&self, job: &Wanted, number: usize, at: Moment, dice: &mut Dice) -> Mail {
        if dice.once_in(12) {
            return self.again(job, at, dice);
        }
        let lacks = lacks(job, dice);
        let word = if dice.once_in(4) { Word::Warning } else { Word::Well };
        let id = match dice.below(8) {
            0 => id_of(job, 0),
            1 => id_of(job, 1),
            2 => String::new(),
            _ => format!("<{number}.new@acme.example>"),
        };
        let text = written(job, word, &id, number, at);
        let text = if job.dkim && !lacks.dkim {
            self.signed_by_own(&text)
        } else {
            self.badly_signed(job, &text, word, at, dice)
        };
        let mut mail = envelope(lacks, dice);
        mail.text = mail.text.into_iter().chain(dressed(&text, dice).into_bytes()).collect();
        mail.to = if job.token && !lacks.token {
            self.address(job)
        } else {
            self.wrong_address(job, dice)
        };
        mail
    }

    /// Yesterday's own word, which was true then.
    fn again(&self, job: &Wanted, at: Moment, dice: &mut Dice) -> Mail {
        let yesterday = at.before(std::time::Duration::from_secs(86_400));
        // The first day's mail went out at 22:00 sharp.
        let sharp = Moment::from_secs(yesterday.as_nanos() / 1_000_000_000 / 86_400 * 86_400);
        let sent = sharp.after(std::time::Duration::from_secs(22 * 3600));
        let mut mail = self.real(job, Word::Well, 0, sent);
        match dice.below(4) {
            0 => mail.text = dressed(std::str::from_utf8(&mail.text).unwrap(), dice).into_bytes(),
            1 => mail.text.retain(|it| *it != b'\r'),
            2 => mail.to = mail.to.to_uppercase(),
            _ => {}
        }
        mail
    }

    /// An address like that of the job, which is none.
    fn wrong_address(&self, job: &Wanted, dice: &mut Dice) -> String {
        let real = token(Self::KEY, job.name, 1);
        let wrong = match dice.below(7) {
            0 => {
                let at = dice.below(real.len());
                let other = if real.as_bytes()[at] == b'a' { 'b' } else { 'a' };
                format!("{}{other}{}", &real[..at], &real[at + 1..])
            }
            1 => token(Self::KEY, job.name, 5),
            2 => token(b"the key of another one", job.name, 1),
            3 => token(Self::KEY, "acme/gone", 1),
            4 => real[..real.len() - 1].to_owned(),
            5 => format!("{real}a"),
            _ => return "backup@in.msp.example".to_owned(),
        };
        format!("backup+{wrong}@in.msp.example")
    }

    /// Signed in one of the ways that prove nothing, or not at all.
    fn badly_signed(
        &self,
        job: &Wanted,
        text: &str,
        word: Word,
        at: Moment,
        dice: &mut Dice,
    ) -> String {
        let subject = format!("Subject: {} job {};\r\n", word.tag(), short(job));
        match dice.below(10) {
            0 => text.to_owned(),
            1 => self.signed(&self.foreign, text, "acme.example", &SIGNED, false),
            2 => self.signed(&self.foreign, text, "evil.example", &SIGNED, false),
            3 => format!("{}One more line.\r\n", self.signed_by_own(text)),
            // Its own word of a failure, turned round on the way.
            4 => {
                let failed = text.replace(word.tag(), Word::Failed.tag());
                self.signed_by_own(&failed).replace(Word::Failed.tag(), word.tag())
            }
            // The same, with a second subject before the one that was signed.
            5 => {
                let failed = text.replace(word.tag(), Word::Failed.tag());
                format!("{subject}{}", self.signed_by_own(&failed))
            }
            6 => {
                let bare = text.replace(&subject, "");
                let signed =
                    self.signed(&self.own, &bare, "acme.example", &["From", "Date"], false);
                format!("{subject}{signed}")
            }
            7 => {
                let part = self.signed(&self.own, text, "acme.example", &SIGNED, true);
                format!("{part}And so on.\r\n")
            }
            // Signed long ago, when nobody looked.
            8 => {
                let old = at.before(std::time::Duration::from_secs(40 * 86_400));
                self.signed_by_own(&text.replace(&dated(at), &dated(old)))
            }
            _ => self.signed_by_own(text).replace("s=s1", "s=s2"),
        }
    }
}

/// At least one of the things that the job asks for.
fn lacks(job: &Wanted, dice: &mut Dice) -> Lacks {
    loop {
        let mut toss = |wanted: bool| wanted && dice.once_in(2);
        let lacks = Lacks {
            token: toss(job.token),
            relay: toss(job.relay),
            spf: toss(job.spf),
            dkim: toss(job.dkim),
        };
        if lacks.token || lacks.relay || lacks.spf || lacks.dkim {
            return lacks;
        }
    }
}

/// Who hands it over and from whom it says it is; its text begins with what the way adds to it.
fn envelope(lacks: Lacks, dice: &mut Dice) -> Mail {
    let real: &str = match (lacks.relay, lacks.spf) {
        (false, _) => RELAY,
        (true, false) => OWN,
        (true, true) => dice.of::<&str>(&FOREIGN),
    };
    let is_foreign = FOREIGN.contains(&real);
    let (sender, helo) = match (lacks.spf, dice.below(5)) {
        (false, _) => ("bounce@acme.example", "nas.acme.example"),
        (true, 0) if is_foreign => ("bounce@ACME.example", "nas.acme.example"),
        (true, 1) if is_foreign => ("", "acme.example"),
        (true, 2) => ("x@acme.example.evil.example", "acme.example"),
        (true, 3) => ("\"bounce@acme.example\"@evil.example", "acme.example"),
        (true, _) => ("", "evil.example"),
    };
    let (mut text, mut peer) = (Vec::new(), real);
    if lacks.relay {
        let by = "by mx.msp.example (Postfix) with ESMTP id 4Xy; Tue, 3 Mar 2026 22:00:00 +0000";
        if dice.once_in(2) {
            // Behind a relay of ours, which says who was before it, and that in the words of
            // whoever was.
            let name = *dice.of(&[
                "[198.51.100.7]",
                "198.51.100.7",
                "x[198.51.100.7]helo=y",
                "([198.51.100.7]",
                "helo=[198.51.100.7])",
            ]);
            text.extend(format!("Received: from {name} (unknown [{real}])\r\n\t{by}\r\n").bytes());
            peer = INTAKE_RELAY;
        }
        // Whatever stands below that is its own invention.
        text.extend(format!("Received: from nas (nas [{RELAY}])\r\n\t{by}\r\n").bytes());
    }
    Mail {
        text,
        to: String::new(),
        sender: sender.to_owned(),
        helo: helo.to_owned(),
        peer: peer.parse().unwrap(),
    }
}

/// With headers that claim what is not proved, and ends of line as they come.
fn dressed(text: &str, dice: &mut Dice) -> String {
    let mut out = String::new();
    if dice.once_in(3) {
        out.push_str(
            "Authentication-Results: in.msp.example; dkim=pass header.d=acme.example;\r\n spf=pass \
             smtp.mailfrom=acme.example\r\n",
        );
    }
    if dice.once_in(5) {
        out.push_str("Received-SPF: pass (in.msp.example: domain of acme.example)\r\n");
    }
    if dice.once_in(5) {
        out.push_str("X-Original-To: backup+aaaaaaaaaaaaaaaaaaaaaaaaaa@in.msp.example\r\n");
    }
    if dice.once_in(7) {
        out.push_str("ARC-Authentication-Results: i=1; mx.acme.example; dkim=pass\r\n");
    }
    out.push_str(text);
    if dice.once_in(4) { out.replace("\r\n", "\n") } else { out }
}
