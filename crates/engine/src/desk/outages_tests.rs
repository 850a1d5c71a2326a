//! Stories of what hits the jobs of many customers at once, as a dispatcher sees them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    About, Actor, Begin, CheckableId, Command, Customer, Due, Duty, Heard, Intake, IntakeState,
    Job, Labels, Look, Moment, Nominal, Outcome, Policy, Proof, Proposal, ProposalState, Request,
    Row, Says, Schedule, StateType, Status, Subject, Times, Transition, Way,
};

use super::{Desk, Input};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// A midnight.
const START: u64 = 20_000 * DAY;
const CUSTOMERS: usize = 6;
const NAS: CheckableId = CheckableId(1);

fn at(secs: u64) -> Moment {
    Moment::from_secs(START + secs)
}

/// `c0/a` to `c5/b`, each due every day at 06:00 with an hour of grace.
fn job(customer: usize, name: &str) -> Job {
    Job {
        name: format!("c{customer}/{name}").into(),
        customer: u32::try_from(customer).unwrap(),
        at: "c.yaml:1".into(),
        on: (customer == 0 && name == "a").then(|| "c0/nas".into()),
        schedule: Schedule {
            text: "daily by 06:00".into(),
            dues: vec![Due::At { rule: Begin::Days { days: 0x7f, second: 6 * 3600 }, by: true }],
            ..Schedule::default()
        },
        grace: Some(Duration::from_secs(HOUR)),
        policy: Some(0),
        ..Job::default()
    }
}

fn duty() -> Duty {
    let customer = |place: usize| Customer {
        name: format!("c{place}").into(),
        title: "".into(),
        contract: None,
        zone: "UTC".into(),
        contacts: Vec::new(),
    };
    let jobs = (0..CUSTOMERS).flat_map(|it| ["a", "b"].map(|name| Arc::new(job(it, name))));
    let mut duty = Duty {
        customers: (0..CUSTOMERS).map(customer).collect(),
        policies: vec![Policy {
            name: "desk".into(),
            at: "config.yaml:3".into(),
            hours: None,
            steps: Vec::new(),
            remind: None,
            stop_on_acknowledge: true,
            propose: Some(Duration::ZERO),
            call: None,
            gate: None,
        }],
        jobs: jobs.collect(),
        ..Duty::default()
    };
    let way = Way::Maildir { folder: "/x".into() };
    let intake = Intake { name: "box".into(), at: "config.yaml:9".into(), way, keeps: true };
    duty.intakes.all.push(intake);
    duty
}

fn times() -> Times {
    let of = |day: u64| {
        let at = at(day * DAY + 6 * HOUR);
        Nominal { at, from: at, until: at, by: true, holiday: false }
    };
    let daily: Arc<[Nominal]> = (0..20).map(of).collect();
    Times { slots: vec![daily; 2 * CUSTOMERS], ..Times::default() }
}

fn key(number: u8) -> [u8; 16] {
    let mut key = [0; 16];
    key[0] = number;
    key
}

struct Stage {
    desk: Desk,
    now: u64,
    mails: u8,
    rows: Vec<Row>,
}

impl Stage {
    fn new() -> Self {
        Self::of(Desk::new(1, 1), 0)
    }

    fn of(mut desk: Desk, now: u64) -> Self {
        let nas = Subject {
            id: NAS,
            name: "c0/nas".into(),
            host: None,
            of_host: true,
            customer: 0,
            site: None,
            parents: Arc::from([]),
            labels: Labels::from([]),
            policy: None,
            contract: None,
            measures: &[],
        };
        let outcome = desk.arrange(at(now), Arc::new(duty()), Arc::new(times()), vec![nas]);
        Self { desk, now, mails: 0, rows: outcome.rows }
    }

    fn feed(&mut self, input: Input) {
        self.rows.extend(self.desk.handle(at(self.now), input).rows);
    }

    /// Lets time pass; intakes say every five minutes that everything was read.
    fn until(&mut self, secs: u64) {
        while self.now < secs {
            self.now = (self.now + 300).min(secs);
            for name in ["box", "console"] {
                let read_until = at(self.now);
                self.feed(Input::Intake(IntakeState {
                    name: name.into(),
                    read_until,
                    fault: None,
                }));
            }
        }
    }

    /// A mail for `job` by `relay`; each customer has its own sender, and no product is known.
    fn mail(&mut self, job: &str, relay: &str, outcome: Outcome) {
        self.mails += 1;
        let customer = job.split('/').next().unwrap();
        let heard = Heard {
            job: Some(job.into()),
            at: at(self.now),
            intake: "box".into(),
            peer: relay.into(),
            from: format!("nas@{customer}.example").into(),
            says: Says { outcome: Some(outcome), ..Says::default() },
            proof: Proof { token: true, ..Proof::default() },
            keys: vec![key(self.mails)],
            mail: None,
        };
        self.feed(Input::Heard { ticket: 1, heard: Box::new(heard), seen: false });
    }

    fn all(&mut self, relay: impl Fn(usize) -> &'static str, outcome: Outcome) {
        for customer in 0..CUSTOMERS {
            for name in ["a", "b"] {
                self.mail(&format!("c{customer}/{name}"), relay(customer), outcome);
            }
        }
    }

    fn proposals(&self) -> Vec<Proposal> {
        let of =
            |it: &Row| if let Row::Proposal(it) = it { Some((it.id, *it.clone())) } else { None };
        let last: BTreeMap<_, _> = self.rows.iter().filter_map(of).collect();
        last.into_values().collect()
    }

    /// What waits for a dispatcher.
    fn waiting(&self) -> Vec<String> {
        let open = self.proposals().into_iter().filter(|it| it.state == ProposalState::Open);
        open.map(|it| it.about.name()).collect()
    }

    fn proposal_of(&self, name: &str) -> Proposal {
        let all = self.proposals();
        all.into_iter().rfind(|it| it.about.name() == name).unwrap()
    }

    fn problems(&self) -> usize {
        self.desk.open_problems().filter(|it| matches!(it.about, About::Job(_))).count()
    }

    fn touch(&mut self, name: &str) {
        let proposal = self.proposal_of(name).id;
        let by = Actor { name: "ben".into(), customers: None };
        let until = at(self.now + DAY);
        let command = Command::Snooze { proposal, until };
        let request = Request { by, version: None, repeat_key: None, command };
        self.feed(Input::Asked { ticket: 2, request });
    }
}

/// Customers 0 to 3 send by one relay, the others by their own.
fn shared(customer: usize) -> &'static str {
    ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "198.51.100.4", "198.51.100.5"][customer]
}

#[test]
fn failures_of_one_relay_at_several_customers_are_one_proposal_with_all_of_them() {
    let mut stage = Stage::new();
    stage.until(2 * HOUR);
    let hit = ["c0/a", "c0/b", "c1/a", "c2/a", "c2/b", "c3/a", "c3/b"];
    for (count, job) in (0..).zip(hit) {
        stage.until(2 * HOUR + count * 5 * MINUTE);
        stage.mail(job, "192.0.2.1", Outcome::Failed);
        if count == 4 {
            assert_eq!(stage.waiting().len(), 5, "five may be chance");
        }
    }
    assert_eq!(stage.waiting(), ["outage relay 192.0.2.1"]);
    let proposal = stage.proposal_of("outage relay 192.0.2.1");
    let listed: Vec<&str> = proposal.evidence.symptoms.iter().map(|it| &**it).collect();
    assert_eq!((listed, proposal.evidence.symptoms_count), (hit.to_vec(), 7));
    assert!(proposal.customer.is_empty(), "it names several customers: none of them may see it");
    assert_eq!(stage.problems(), 7, "each keeps its own");
}

#[test]
fn the_silence_of_a_relay_is_one_proposal_and_is_withdrawn_once_all_are_well() {
    let mut stage = Stage::new();
    stage.until(5 * HOUR);
    stage.all(shared, Outcome::Ok);
    stage.until(DAY + 5 * HOUR);
    // The relay delivers nothing this night; the other two customers are well.
    for job in ["c4/a", "c4/b", "c5/a", "c5/b"] {
        stage.mail(job, shared(usize::from(job.as_bytes()[1] - b'0')), Outcome::Ok);
    }
    stage.until(DAY + 8 * HOUR);
    assert_eq!(stage.problems(), 8);
    assert_eq!(stage.waiting(), ["outage relay 192.0.2.1"]);
    assert_eq!(stage.proposals().len(), 1, "nobody has seen any other");
    stage.until(DAY + 9 * HOUR);
    for job in ["c0/a", "c0/b", "c1/a", "c1/b", "c2/a", "c2/b", "c3/a"] {
        stage.mail(job, "192.0.2.1", Outcome::Ok);
    }
    assert_eq!(stage.waiting().len(), 1);
    stage.until(DAY + 9 * HOUR + 5 * MINUTE);
    assert_eq!(stage.proposal_of("outage relay 192.0.2.1").evidence.symptoms_count, 1);
    stage.mail("c3/b", "192.0.2.1", Outcome::Ok);
    assert!(stage.waiting().is_empty(), "{:?}", stage.waiting());
    assert_eq!(stage.problems(), 0);
    // One that fails again later fails for itself.
    stage.until(2 * DAY + 5 * HOUR);
    stage.mail("c0/a", "192.0.2.1", Outcome::Failed);
    assert_eq!(stage.waiting(), ["c0/a"]);
}

#[test]
fn one_that_fails_for_itself_while_the_others_are_still_bad_has_its_own_proposal() {
    let mut stage = Stage::new();
    stage.until(2 * HOUR);
    for job in ["c0/a", "c0/b", "c1/a", "c2/a", "c2/b", "c3/a"] {
        stage.mail(job, "192.0.2.1", Outcome::Failed);
    }
    stage.until(2 * HOUR + 10 * MINUTE);
    stage.mail("c0/a", "192.0.2.1", Outcome::Ok);
    assert_eq!(stage.proposal_of("outage relay 192.0.2.1").state, ProposalState::Open);
    stage.until(5 * HOUR);
    stage.mail("c0/a", "192.0.2.1", Outcome::Failed);
    assert_eq!(stage.waiting(), ["outage relay 192.0.2.1", "c0/a"]);
}

#[test]
fn few_of_many_are_no_outage_however_close_they_are() {
    let mut stage = Stage::new();
    stage.until(2 * HOUR);
    for job in ["c0/b", "c1/b", "c2/b"] {
        stage.mail(job, "192.0.2.1", Outcome::Ok);
    }
    for job in ["c0/a", "c1/a", "c2/a", "c3/a", "c4/a", "c5/a"] {
        stage.mail(job, "192.0.2.1", Outcome::Failed);
    }
    assert_eq!(stage.waiting().len(), 6, "six of nine");
    for job in ["c3/b", "c4/b"] {
        stage.mail(job, "192.0.2.1", Outcome::Failed);
    }
    assert_eq!(stage.waiting().len(), 8, "eight of eleven");
    stage.mail("c5/b", "192.0.2.1", Outcome::Failed);
    assert_eq!(stage.waiting(), ["outage relay 192.0.2.1"], "nine of twelve");
}

#[test]
fn without_proof_nobody_hides_one_trouble_in_an_invented_one_of_all() {
    let mut stage = Stage::new();
    stage.until(2 * HOUR);
    for job in ["c0/a", "c1/a", "c2/a", "c3/a", "c4/a", "c5/a"] {
        stage.mails += 1;
        let heard = Heard {
            job: Some(job.into()),
            at: at(stage.now),
            intake: "box".into(),
            peer: "203.0.113.9".into(),
            from: "nas@c0.example".into(),
            says: Says { outcome: Some(Outcome::Failed), ..Says::default() },
            proof: Proof::default(),
            keys: vec![key(stage.mails)],
            mail: None,
        };
        stage.feed(Input::Heard { ticket: 1, heard: Box::new(heard), seen: false });
    }
    assert_eq!(stage.waiting().len(), 6);
}

#[test]
fn a_warning_is_no_part_of_an_outage() {
    let mut stage = Stage::new();
    let hit = ["c0/a", "c0/b", "c1/a", "c2/a", "c2/b", "c3/b"];
    for day in 0..3 {
        stage.until(day * DAY + 2 * HOUR);
        if day == 2 {
            for job in hit {
                stage.mail(job, "192.0.2.1", Outcome::Failed);
            }
        }
        stage.mail("c3/a", "192.0.2.1", Outcome::Warning);
        for job in hit {
            let outcome = if day == 2 { Outcome::Started } else { Outcome::Ok };
            stage.mail(job, "192.0.2.1", outcome);
        }
    }
    let waiting = stage.waiting();
    assert!(waiting.contains(&"outage relay 192.0.2.1".to_owned()), "{waiting:?}");
    assert!(waiting.contains(&"c3/a".to_owned()), "three warnings in a row: {waiting:?}");
}

#[test]
fn a_proposal_that_somebody_has_looked_at_stays_beside_the_common_one() {
    let mut stage = Stage::new();
    stage.until(2 * HOUR);
    stage.mail("c0/a", "192.0.2.1", Outcome::Failed);
    stage.touch("c0/a");
    for job in ["c0/b", "c1/a", "c2/a", "c2/b", "c3/a"] {
        stage.mail(job, "192.0.2.1", Outcome::Failed);
    }
    assert_eq!(stage.waiting(), ["c0/a", "outage relay 192.0.2.1"]);
}

#[test]
fn a_restart_knows_who_belongs_together() {
    let mut stage = Stage::new();
    stage.until(2 * HOUR);
    for job in ["c0/a", "c0/b", "c1/a", "c2/a", "c2/b", "c3/a"] {
        stage.mail(job, "192.0.2.1", Outcome::Failed);
    }
    let now = stage.now;
    let mut kept: BTreeMap<String, Row> = BTreeMap::new();
    for row in stage.rows {
        let key = match &row {
            Row::NextId(_) => "next".to_owned(),
            Row::Problem(it) => format!("problem {}", it.id),
            Row::Proposal(it) => format!("proposal {}", it.id),
            Row::Slot(it) => format!("slot {:?}", it.key),
            Row::JobMemory(it) => format!("job {}", it.job),
            _ => continue,
        };
        kept.insert(key, row);
    }
    let mut desk = Desk::new(1, 1);
    desk.restore(kept.values().cloned());
    let mut stage = Stage::of(desk, now + MINUTE);
    stage.rows.splice(0..0, kept.into_values());
    stage.mails = 100;
    stage.feed(Input::Believed(Vec::new()));
    stage.until(3 * HOUR);
    assert_eq!(stage.waiting(), ["outage relay 192.0.2.1"]);
    for job in ["c0/a", "c0/b", "c1/a", "c2/a", "c2/b", "c3/a"] {
        stage.mail(job, "192.0.2.1", Outcome::Ok);
    }
    assert!(stage.waiting().is_empty() && stage.problems() == 0);
}

#[test]
fn how_its_host_was_stands_beside_what_is_missing() {
    let mut stage = Stage::new();
    let host = |stage: &mut Stage, status: Status| {
        let look = |status| Look { status, kind: StateType::Hard, attempt: 1 };
        stage.feed(Input::Changed(Transition {
            checkable: NAS,
            at: at(stage.now),
            from: look(Status::Up),
            to: look(status),
            was_flapping: false,
            flapping: false,
            centipercent: 0,
            cause: None,
            measures: Vec::new(),
        }));
    };
    host(&mut stage, Status::Up);
    stage.until(DAY + 2 * HOUR);
    host(&mut stage, Status::Down);
    stage.until(DAY + 5 * HOUR);
    host(&mut stage, Status::Up);
    stage.until(DAY + 8 * HOUR);
    let notes = |stage: &Stage, name: &str| {
        let all = stage.desk.open_problems();
        let own = all.into_iter().find(|it| it.about.name() == name);
        own.unwrap().notes.clone()
    };
    let line = "c0/nas: up when the slot opened, down 5h ago, up 2h ago".to_owned();
    assert!(notes(&stage, "c0/a").contains(&line), "{:?}", notes(&stage, "c0/a"));
    assert!(!notes(&stage, "c0/b").iter().any(|it| it.starts_with("c0/nas")), "it runs elsewhere");
}
