//! Inlet and desk on a bench: mails go in, time passes, and what would be on the disk is looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use engine::desk::{Desk, Input, Outcome};
use inlet::{Asked, Ears, Envelope, Inlet, Net, trust::prove};
use model::{
    Class, Duty, Moment, ProblemId, Proposal, ProposalId, ProposalState, Row, Span, Standing,
};
use tests::Sandbox;
use tokio::runtime::{Builder, Runtime};

use crate::forger::{Forger, Mail};

/// A day of which nothing else is known: 2026-03-02, a Monday.
const DAY: u64 = 1_772_409_600;

/// What a job asks for before it believes good news.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: &'static str,
    pub(crate) token: bool,
    pub(crate) relay: bool,
    pub(crate) spf: bool,
    pub(crate) dkim: bool,
}

const fn wanted(name: &'static str, [token, relay, spf, dkim]: [bool; 4]) -> Wanted {
    Wanted { name, token, relay, spf, dkim }
}

/// A job of every level of trust, and of some together.
pub(crate) const JOBS: [Wanted; 8] = [
    wanted("acme/token", [true, false, false, false]),
    wanted("acme/relay", [false, true, false, false]),
    wanted("acme/spf", [false, false, true, false]),
    wanted("acme/dkim", [false, false, false, true]),
    wanted("acme/token-relay", [true, true, false, false]),
    wanted("acme/spf-dkim", [false, false, true, true]),
    wanted("acme/token-dkim", [true, false, false, true]),
    wanted("acme/all-of-it", [true, true, true, true]),
];

/// Networks of the intake's relays, whose word of who was before them is believed.
pub(crate) const INTAKE_RELAYS: &str = "10.9.0.0/24";

pub(crate) struct Bench {
    inlet: Inlet,
    ears: Ears,
    desk: Desk,
    now: Moment,
    runtime: Runtime,
    resolver: Arc<inlet::Resolver>,
    keys: BTreeSet<[u8; 16]>,
    proposals: BTreeMap<ProposalId, Proposal>,
    ticket: u64,
}

/// The check file: every job is found by its subject, whoever sends it.
fn checks() -> String {
    let mut text = "customer: acme\ntimezone: UTC\nwatchdogs:\n".to_owned();
    for it in &JOBS {
        let mut trust = Vec::new();
        if it.token {
            trust.push("token: yes");
        }
        if it.relay {
            trust.push("relay: [198.51.100.0/24]");
        }
        if it.spf {
            trust.push("spf: acme.example");
        }
        if it.dkim {
            trust.push("dkim: acme.example");
        }
        let name = it.name.split_once('/').unwrap().1;
        text.push_str(&format!(
            "  {name}:\n    mail: {{ subject: 'has \"job {name};\"' }}\n    trust: {{ {} }}\n    \
             crit: subject has \"[failed]\"\n    warn: subject has \"[warning]\"\n    \
             ok: subject has \"[well]\"\n    expect: daily by 23:00\n    early: 6h\n    grace: 1h\n",
            trust.join(", ")
        ));
    }
    text
}

const CONFIG: &str = "\
engine: { listen: 127.0.0.1:0, data: data }
checks: [checks]
policies: { urgent: { propose: at once } }
defaults: { policy: urgent }
inlet:
  domains: [in.msp.example]
  mailbox: backup
  smtp: { listen: \"127.0.0.1:0\" }
";

fn duty() -> Arc<Duty> {
    let sandbox = Sandbox::new();
    sandbox.write("checks/acme.yaml", &checks());
    let main = sandbox.write("config.yaml", CONFIG);
    let loaded = server::load(&main);
    let plan = loaded.plan.as_ref().unwrap_or_else(|| panic!("{}", loaded.render(false)));
    Arc::clone(&plan.duty)
}

impl Bench {
    /// At noon of the first day.
    pub(crate) fn new(forger: &Forger) -> Self {
        let duty = duty();
        let now = Moment::from_secs(DAY + 12 * 3600);
        let mut bench = Self {
            inlet: Inlet::default(),
            ears: Ears::new(&duty, Forger::KEY),
            desk: Desk::new(1, 1),
            now,
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
            resolver: forger.names(),
            keys: BTreeSet::new(),
            proposals: BTreeMap::new(),
            ticket: 0,
        };
        let range = Span { from: now.before(DAYS), until: now.after(DAYS) };
        let times = Arc::new(calendar::times(&duty, range, now));
        let arranged = bench.desk.arrange(now, duty, times, Vec::new());
        bench.keep(&arranged);
        let believed = bench.desk.handle(now, Input::Believed(Vec::new()));
        bench.keep(&believed);
        bench.wake();
        bench
    }

    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// Lets so many seconds pass.
    pub(crate) fn pass(&mut self, secs: u64) {
        self.until(self.now.after(Duration::from_secs(secs)));
    }

    /// Lets time pass until so many seconds behind the first midnight.
    pub(crate) fn go_to(&mut self, secs: u64) {
        self.until(Moment::from_secs(DAY + secs));
    }

    fn until(&mut self, end: Moment) {
        assert!(end >= self.now);
        while let Some(at) = self.desk.next_wake().filter(|it| *it <= end) {
            self.now = self.now.max(at);
            self.wake();
        }
        self.now = end;
        self.wake();
    }

    fn wake(&mut self) {
        // Everything that came in until now has been read.
        for name in ["smtp", "console"] {
            let (name, read_until) = (Arc::from(name), self.now);
            let state = model::IntakeState { name, read_until, fault: None };
            let outcome = self.desk.handle(self.now, Input::Intake(state));
            self.keep(&outcome);
        }
        let outcome = self.desk.handle(self.now, Input::Wake);
        self.keep(&outcome);
    }

    /// What became of a mail, for each job that it reached.
    pub(crate) fn hear(&mut self, mail: &Mail) -> Vec<Class> {
        let envelope = Envelope {
            sender: Some(mail.sender.clone()),
            helo: mail.helo.clone(),
            recipients: vec![mail.to.clone()],
            peer: Some(mail.peer),
            relays: vec![Net::parse(INTAKE_RELAYS).unwrap()],
            at: self.now,
            intake: Arc::from("smtp"),
            is_cut: false,
        };
        let opened = self.inlet.open(&mail.text, &envelope);
        let asked = Asked::by(&self.ears, &opened.letter);
        let proofs = self.runtime.block_on(prove(&opened, asked, &self.resolver));
        let all = self.inlet.read(&opened, &self.ears, &proofs);
        assert_eq!(self.inlet.broken(), 0);
        let mut classes = Vec::new();
        for heard in all {
            self.ticket += 1;
            let seen = self.desk.keys_of(&heard).iter().any(|it| self.keys.contains(it));
            let input = Input::Heard { ticket: self.ticket, heard: Box::new(heard), seen };
            let outcome = self.desk.handle(self.now, input);
            let class = outcome.rows.iter().find_map(|it| match it {
                Row::Report(it) => Some(it.class),
                _ => None,
            });
            classes.push(class.expect("whatever is heard has a row"));
            self.keep(&outcome);
        }
        classes
    }

    fn keep(&mut self, outcome: &Outcome) {
        for row in &outcome.rows {
            match row {
                Row::ReportKey(key, ..) => {
                    self.keys.insert(*key);
                }
                Row::Proposal(it) => {
                    self.proposals.insert(it.id, it.as_ref().clone());
                }
                _ => {}
            }
        }
    }

    /// How the last slot of a job stands that was judged.
    pub(crate) fn standing(&self, job: &str) -> Standing {
        let (seen, _) = self.desk.job(job, self.now).unwrap();
        let open = seen.open.filter(|it| it.standing != Standing::Open);
        open.or(seen.last).map_or(Standing::Open, |it| it.standing)
    }

    pub(crate) fn problem(&self, job: &str) -> Option<ProblemId> {
        self.desk.problem_of_job(job)
    }

    /// How the proposals about a job stand, as they were written down.
    pub(crate) fn proposals(&self, job: &str) -> Vec<ProposalState> {
        let about = |it: &&Proposal| it.about.name() == job;
        self.proposals.values().filter(about).map(|it| it.state.clone()).collect()
    }
}

/// How far the calendar is worked out.
const DAYS: Duration = Duration::from_secs(10 * 86_400);
