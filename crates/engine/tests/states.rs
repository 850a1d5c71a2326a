//! Beliefs against the reference model: every short sequence of results, and random long ones.
//!
//! The model (`crates/sim/src/reference/`) is included as a source file, so that it is the very
//! same that the simulator uses while `engine` depends on nothing but the nouns.

use std::{sync::Arc, time::Duration};

use engine::belief::{self, HostView, Subject};
use model::{
    Belief, Check, CheckableId, Flapping, KindId, Moment, Profile, StateType, Status, Transition,
};
use proptest::prelude::*;
use reference::{Believed, Event, Rules, believe};

#[allow(unreachable_pub, dead_code, reason = "it is at home in the simulator, which uses more")]
#[path = "../../sim/src/reference/mod.rs"]
mod reference;

const PROFILES: [Profile; 3] = [Profile::Campanile, Profile::Nagios, Profile::Icinga];
/// Length of every sequence of the exhaustive tests.
const LENGTH: usize = 8;
/// Attempts tried by the exhaustive tests: 1 up to this.
const ATTEMPTS_MAX: u8 = 4;

/// The engine's side: a belief with what surrounds it.
#[derive(Clone)]
struct Twin {
    belief: Belief,
    check: Check,
    of_host: bool,
    host: HostView,
    parents_up: bool,
    now: Moment,
}

impl Twin {
    fn new(rules: Rules) -> Self {
        let now = Moment::from_secs(1_000_000);
        let check = Check {
            kind: KindId(0),
            every: Duration::from_secs(60),
            retry_every: Duration::from_secs(10),
            attempts_max: rules.attempts_max,
            timeout: Duration::from_secs(5),
            profile: rules.profile,
            flapping: rules.flapping,
            rules: Arc::new([]),
            period: None,
        };
        Self {
            belief: belief::initial(rules.profile, rules.of_host, now),
            check,
            of_host: rules.of_host,
            host: HostView::Up,
            parents_up: true,
            now,
        }
    }

    /// Lets `event` happen to the engine, a minute after the one before it.
    fn live(&mut self, event: Event) -> Option<Transition> {
        self.now = self.now.after(Duration::from_secs(60));
        match event {
            Event::Blind => return None, // A blind look never reaches the beliefs.
            Event::HostUp(true) => self.host = HostView::Up,
            Event::HostUp(false) => self.host = HostView::NotUp,
            Event::ParentsUp(up) => self.parents_up = up,
            Event::Judged(judged) => self.check.flapping.judged = judged,
            Event::Found(_) => {}
        }
        let subject = Subject {
            checkable: CheckableId(7),
            check: &self.check,
            of_host: self.of_host,
            host: self.host,
            parents_up: self.parents_up,
        };
        match event {
            Event::Found(status) => {
                belief::observe(&mut self.belief, &subject, self.now, status, None)
            }
            Event::ParentsUp(_) => belief::parents_changed(&mut self.belief, &subject, self.now),
            _ => None,
        }
    }

    fn believed(&self) -> Believed {
        Believed {
            look: self.belief.now,
            known: self.belief.known,
            hard_status: self.belief.hard_status,
            flapping: self.belief.flapping,
            centipercent: belief::centipercent(&self.belief, self.check.profile),
        }
    }
}

/// Lets the last of `events` happen to `twin`, which has lived the ones before it, and compares.
fn step(twin: &mut Twin, rules: Rules, events: &[Event]) {
    let before = twin.believed();
    let event = *events.last().expect("a step has an event");
    let transition = twin.live(event);
    let after = believe(rules, events);
    assert_eq!(twin.believed(), after, "{rules:?} {events:?}");
    let must_tell = before.look != after.look || before.flapping != after.flapping;
    assert_eq!(transition.is_some(), must_tell, "{rules:?} {events:?}: {transition:?}");
    if let Some(it) = transition {
        let told = (it.checkable, it.at, it.from, it.was_flapping);
        assert_eq!(told, (CheckableId(7), twin.now, before.look, before.flapping), "{events:?}");
        let told = (it.to, it.flapping, it.centipercent);
        assert_eq!(told, (after.look, after.flapping, after.centipercent), "{events:?}");
    }
    let look = after.look;
    assert!((1..=rules.attempts_max).contains(&look.attempt), "{rules:?} {events:?}");
    assert!(after.centipercent <= 10_000, "{rules:?} {events:?}");
}

/// Walks the tree of all sequences over `alphabet`, so that what sequences share is done once.
fn walk(twin: &Twin, rules: Rules, alphabet: &[Event], events: &mut Vec<Event>, leaves: &mut u32) {
    if events.len() == LENGTH {
        *leaves += 1;
        return;
    }
    for event in alphabet {
        let mut twin = twin.clone();
        events.push(*event);
        step(&mut twin, rules, events);
        walk(&twin, rules, alphabet, events, leaves);
        events.pop();
    }
}

/// All sequences over `alphabet` for one profile and each number of attempts.
fn all_sequences(profile: Profile, of_host: bool, alphabet: &[Event]) {
    for attempts_max in 1..=ATTEMPTS_MAX {
        // Judged in every profile, or the exhaustive runs would never see a start of flapping
        // where the profile leaves it off.
        let flapping = Flapping { judged: true, ..Flapping::default_for(profile) };
        let rules = Rules { profile, of_host, attempts_max, flapping };
        let mut leaves = 0;
        walk(&Twin::new(rules), rules, alphabet, &mut Vec::new(), &mut leaves);
        let width = u32::try_from(alphabet.len()).expect("a small alphabet");
        assert_eq!(leaves, width.pow(8));
    }
}

const RESULTS: [Event; 4] = [
    Event::Found(Status::Ok),
    Event::Found(Status::Warning),
    Event::Found(Status::Critical),
    Event::Found(Status::Unknown),
];

const UNDER_A_HOST: [Event; 5] = [
    Event::Found(Status::Ok),
    Event::Found(Status::Critical),
    Event::HostUp(false),
    Event::HostUp(true),
    Event::Blind,
];

const BEHIND_PARENTS: [Event; 4] = [
    Event::Found(Status::Ok),
    Event::Found(Status::Critical),
    Event::ParentsUp(false),
    Event::ParentsUp(true),
];

#[test]
fn services_believe_as_the_model_in_every_short_story() {
    for profile in PROFILES {
        all_sequences(profile, false, &RESULTS);
    }
}

#[test]
fn hosts_believe_as_the_model_in_every_short_story() {
    for profile in PROFILES {
        all_sequences(profile, true, &RESULTS);
    }
}

#[test]
fn services_wait_for_their_host_as_the_model_in_every_short_story() {
    all_sequences(Profile::Campanile, false, &UNDER_A_HOST);
}

#[test]
fn nagios_services_ignore_their_host_in_every_short_story() {
    all_sequences(Profile::Nagios, false, &UNDER_A_HOST);
}

#[test]
fn icinga_services_ignore_their_host_in_every_short_story() {
    all_sequences(Profile::Icinga, false, &UNDER_A_HOST);
}

#[test]
fn hosts_behind_parents_believe_as_the_model_in_every_short_story() {
    for profile in PROFILES {
        all_sequences(profile, true, &BEHIND_PARENTS);
    }
}

/// Until the first result a checkable is fine, hard and unknown.
#[test]
fn nothing_is_known_before_the_first_result() {
    for profile in PROFILES {
        for (of_host, status) in [(false, Status::Ok), (true, Status::Up)] {
            let flapping = Flapping::default_for(profile);
            let rules = Rules { profile, of_host, attempts_max: 3, flapping };
            let twin = Twin::new(rules).believed();
            assert_eq!(twin, believe(rules, &[]));
            assert_eq!((twin.look.status, twin.look.kind), (status, StateType::Hard));
            assert_eq!((twin.look.attempt, twin.known, twin.centipercent), (1, false, 0));
        }
    }
}

/// Random rules. What `ignore` names are a host's own statuses, also where their changes are
/// counted by those of services.
fn any_rules() -> impl Strategy<Value = Rules> {
    let profile = prop::sample::select(PROFILES.to_vec());
    let thresholds = (0..=10_000_u16, 0..=10_000_u16);
    let ignored = prop_oneof![3 => Just(0_u8), 1 => any::<u8>()];
    (profile, any::<bool>(), 1..=10_u8, any::<bool>(), thresholds, ignored).prop_map(
        |(profile, of_host, attempts_max, judged, (one, other), ignored)| {
            let own = if of_host { 0b111_0000 } else { 0b1111 };
            let flapping = Flapping {
                judged,
                high_centipercent: one.max(other),
                low_centipercent: one.min(other),
                ignored: ignored & own,
            };
            Rules { profile, of_host, attempts_max, flapping }
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    let statuses = vec![Status::Ok, Status::Warning, Status::Critical, Status::Unknown];
    prop_oneof![
        12 => prop::sample::select(statuses).prop_map(Event::Found),
        1 => Just(Event::Blind),
        2 => any::<bool>().prop_map(Event::HostUp),
        2 => any::<bool>().prop_map(Event::ParentsUp),
        1 => any::<bool>().prop_map(Event::Judged),
    ]
}

/// Services have no parents of their own, hosts no host.
fn fits(event: &Event, of_host: bool) -> bool {
    match event {
        Event::HostUp(_) => !of_host,
        Event::ParentsUp(_) => of_host,
        _ => true,
    }
}

/// Plays `events` and compares after each.
fn play(rules: Rules, events: &[Event]) {
    let events: Vec<_> = events.iter().copied().filter(|it| fits(it, rules.of_host)).collect();
    let mut twin = Twin::new(rules);
    for lived in 1..=events.len() {
        step(&mut twin, rules, &events[..lived]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_random_stories_agree_with_the_model(
        rules in any_rules(),
        events in prop::collection::vec(any_event(), 0..200),
    ) {
        play(rules, &events);
    }

    /// Runs of the same status are what real targets give; they reach the ends of the flap ring
    /// that wild changes never see.
    #[test]
    fn long_stories_of_steady_targets_agree_with_the_model(
        rules in any_rules(),
        stretches in prop::collection::vec((any_event(), 1..25_usize), 0..20),
    ) {
        let events: Vec<_> =
            stretches.into_iter().flat_map(|(event, times)| vec![event; times]).collect();
        play(rules, &events);
    }
}
