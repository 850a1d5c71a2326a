//! The same over SMTP, against the real binary: tokens, relays and replays. Signatures and SPF need
//! names, which nobody has here.

use serde_json::Value as Json;
use tests::{Api, Engine, MailAnswer, MailEstate, MailLine, MailText, encoded, until};

use crate::dice::Dice;

/// Forgeries for each job.
const EACH: usize = 60;
/// Jobs, and what each asks for.
const JOBS: [(&str, &str); 3] = [
    ("token", "token"),
    ("relay", "{ relay: [127.0.4.0/24] }"),
    ("both", "{ token: yes, relay: [127.0.4.0/24] }"),
];

struct Stage {
    engine: Engine,
    api: Api,
    door: std::net::SocketAddr,
}

struct Envelope {
    from: std::net::Ipv4Addr,
    to: String,
}

impl Stage {
    fn new() -> Self {
        let config = "engine: { listen: 127.0.0.1:0, data: data }\nchecks: [checks]\n\
             policies: { urgent: { propose: at once } }\ndefaults: { policy: urgent }\n\
             inlet:\n  domains: [in.msp.example]\n  mailbox: backup\n  smtp: { listen: \
             \"127.0.0.1:0\", relays: [\"127.0.2.0/24\"] }\n";
        let mut checks = "customer: acme\nwatchdogs:\n".to_owned();
        for (name, trust) in JOBS {
            checks.push_str(&format!(
                "  {name}:\n    mail: {{ subject: 'has \"job {name};\"' }}\n    trust: {trust}\n    \
                 crit: subject has \"[failed]\"\n    ok: subject has \"[well]\"\n    \
                 expect: every 1h\n"
            ));
        }
        let engine = Engine::start(config, &[("acme", &checks)]);
        let (api, door) = (engine.api(), MailEstate::door(&engine));
        Self { engine, api, door }
    }

    fn address(&self, name: &str) -> String {
        let name = encoded(&format!("acme/{name}"));
        let found = self.api.get_patiently(&format!("/api/v1/watchdogs/{name}/secrets"));
        found["addresses"][0].as_str().unwrap().to_owned()
    }

    fn send(&self, envelope: &Envelope, text: &str) -> MailAnswer {
        let mut line = MailLine::connect(self.door, envelope.from).unwrap();
        let sent = line.send("nas@acme.example", &envelope.to, &MailText::plain(text));
        line.quit();
        sent.unwrap().0
    }

    /// What the job itself sends.
    fn real(&self, name: &str, word: &str, id: &str) -> (Envelope, String) {
        let from = std::net::Ipv4Addr::new(127, 0, 4, 9);
        (Envelope { from, to: self.address(name) }, written(name, word, id))
    }

    fn problems(&self) -> Vec<Json> {
        let mut all = self.api.list("/api/v1/problems");
        all.sort_by_key(|it| it["name"].to_string());
        all.into_iter().map(|it| it["id"].clone()).collect()
    }

    fn open_proposals(&self) -> usize {
        self.api.list("/api/v1/proposals").len()
    }
}

fn written(name: &str, word: &str, id: &str) -> String {
    format!(
        "From: NAS <nas@acme.example>\r\nTo: backup@in.msp.example\r\nSubject: [{word}] job \
         {name};\r\nMessage-ID: <{id}@acme.example>\r\n\r\nIt has run ({id}).\r\n"
    )
}

/// Without what the job asks for, in one of many ways.
fn forged(stage: &Stage, name: &str, number: usize, dice: &mut Dice) -> (Envelope, String) {
    let mut text = written(name, "well", &format!("forged{number}"));
    let real = stage.address(name);
    let (knows_token, by_relay) = match name {
        "token" => (false, dice.once_in(2)),
        "relay" => (dice.once_in(2), false),
        _ => match dice.below(3) {
            0 => (false, true),
            1 => (true, false),
            _ => (false, false),
        },
    };
    let flipped = || {
        let at = real.find('+').unwrap() + 1 + number % 26;
        let other = if real.as_bytes()[at] == b'a' { "b" } else { "a" };
        format!("{}{other}{}", &real[..at], &real[at + 1..])
    };
    let to = match (knows_token, dice.below(2)) {
        (true, _) => real.clone(),
        // Whoever is written to there is nobody; here the subject leads to the job.
        (false, 0) => {
            text = format!("Delivered-To: {}\r\n{text}", flipped());
            "backup@in.msp.example".to_owned()
        }
        (false, _) => flipped(),
    };
    let trick = dice.of(&["[127.0.4.9]", "x[127.0.4.9]helo=y", "127.0.4.9", "nas"]);
    let through = !by_relay && dice.once_in(2);
    let from = match (by_relay, through) {
        (true, _) => std::net::Ipv4Addr::new(127, 0, 4, 9),
        (false, true) => MailEstate::relay(number),
        (false, false) => MailEstate::device(number),
    };
    if through {
        text = format!(
            "Received: from {trick} (unknown [203.0.113.5]) by mx.msp.example with ESMTP; x\r\n\
             Received: from nas (nas [127.0.4.9]) by mx.msp.example with ESMTP; x\r\n{text}"
        );
    }
    (Envelope { from, to }, text)
}

#[test]
fn forgeries_over_smtp_silence_nothing() {
    let stage = Stage::new();
    // The first word of each is good, and begins its interval; the second one is bad.
    for (name, _) in JOBS {
        for (word, id) in [("well", "first"), ("failed", "second")] {
            let (envelope, text) = stage.real(name, word, &format!("{id}-{name}"));
            let answer = stage.send(&envelope, &text);
            assert!(answer.is_yes(), "{answer:?}");
        }
    }
    until("a problem and a proposal for each", || {
        let count = (stage.problems().len(), stage.open_proposals());
        if count == (3, 3) { Ok(()) } else { Err(format!("{count:?}\n{}", stage.engine.log())) }
    });
    let before = stage.problems();
    let mut dice = Dice::new(0xf0f0);
    let (mut taken, mut refused) = (0, 0);
    for number in 0..EACH * JOBS.len() {
        let (name, _) = JOBS[number % JOBS.len()];
        let (envelope, text) = if dice.once_in(8) {
            let (envelope, text) = stage.real(name, "well", &format!("first-{name}"));
            (envelope, format!("X-Again: {number}\r\n{text}"))
        } else {
            forged(&stage, name, number, &mut dice)
        };
        match stage.send(&envelope, &text) {
            it if it.is_yes() => taken += 1,
            it => {
                assert!(it.text.starts_with("550 5.1.1"), "{it:?}");
                refused += 1;
            }
        }
    }
    assert!(taken >= EACH && refused > 0, "{taken} taken, {refused} refused");
    let classes: Vec<String> = stage
        .api
        .list("/api/v1/reports?limit=500")
        .iter()
        .map(|it| it["class"].as_str().unwrap().to_owned())
        .collect();
    let of = |class: &str| classes.iter().filter(|it| *it == class).count();
    // The six real ones may count, or have come outside of any run.
    assert_eq!(of("unproved") + of("duplicate"), taken, "{classes:?}");
    assert_eq!(classes.len(), taken + 2 * JOBS.len());
    assert!(of("unproved") > 0 && of("duplicate") > 0, "{classes:?}");
    assert_eq!(stage.problems(), before);
    assert_eq!(stage.open_proposals(), JOBS.len());
    for (name, _) in JOBS {
        let (envelope, text) = stage.real(name, "well", &format!("third-{name}"));
        assert!(stage.send(&envelope, &text).is_yes());
    }
    until("no problem and no proposal", || {
        let count = (stage.problems().len(), stage.open_proposals());
        if count == (0, 0) { Ok(()) } else { Err(format!("{count:?}")) }
    });
}
