//! What is watched in the storm: doors that open and close at random until all is healed.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tests::{Door, Receiver};

use crate::chance::Chance;

/// Time between two rounds to all doors.
const ROUND: Duration = Duration::from_millis(50);
/// One door out of so many is turned in a round.
const STEADINESS: u64 = 40;
/// One service out of so many is watched for going up and down too often.
const RESTLESS: usize = 10;

/// Everything is told at once, to one room.
pub(crate) fn config(receiver: &Receiver) -> String {
    format!(
        "engine: {{ listen: 127.0.0.1:0, data: data, own: {{ policy: urgent }} }}\n\
         checks: [checks]\n\
         people:\n  anna: {{ name: Anna Roth, email: anna@msp.example }}\n\
         channels:\n  psa: {{ type: webhook, url: \"{}\" }}\n\
         policies:\n  urgent: {{ propose: at once, alert: [{{ after: 0m, to: anna, via: [psa] }}] \
         }}\n\
         contracts:\n  gold: {{ hours: always, respond: 15m, resolve: 4h, policy: urgent }}\n",
        receiver.url("psa"),
    )
}

/// All doors, in the care of one thread.
pub(crate) struct Town {
    /// The file of the customer.
    pub(crate) checks: String,
    calm: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Town {
    pub(crate) fn build(services: usize, chance: Chance) -> Self {
        let mut doors: Vec<Door> = (0..services).map(|_| Door::new()).collect();
        let checks = checks(&doors);
        let (calm, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (quiet, stopped) = (Arc::clone(&calm), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            for round in 0.. {
                if stopped.load(Relaxed) {
                    return;
                }
                for (number, door) in (0_u64..).zip(&mut doors) {
                    let turned = chance.below(STEADINESS, &format!("door {number}"), round) == 0;
                    match (quiet.load(Relaxed), turned, door.is_open()) {
                        (true, ..) | (false, true, false) => door.open(),
                        (false, true, true) => door.close(),
                        (false, false, _) => {}
                    }
                    door.welcome();
                }
                thread::sleep(ROUND);
            }
        });
        Self { checks, calm, stop, thread: Some(thread) }
    }

    /// All doors are open from now on.
    pub(crate) fn heal(&self) {
        self.calm.store(true, Relaxed);
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_some_and(|it| it.is_ok()) || thread::panicking(), "the doors broke");
    }
}

fn checks(doors: &[Door]) -> String {
    let mut text = String::from(
        "customer: acme\nname: ACME\ncontract: gold\nevery: 1s\ntimeout: 400ms\nretry: 1 x \
         500ms\nservices:\n",
    );
    for (number, door) in doors.iter().enumerate() {
        let flapping = if number % RESTLESS == 0 { "on" } else { "off" };
        let address = door.address();
        writeln!(text, "  d{number}: {{ tcp: \"{address}\", flapping: {flapping} }}").unwrap();
    }
    text
}
