//! Random people, problems and times against the laws that hold for all of them.

use std::time::Duration;

use model::{
    About, Actor, CallId, CallState, Command, Condition, DismissReason, Ending, EventKind,
    MessageKind, Problem, ProposalId, Severity, Wait,
};
use proptest::prelude::*;

use super::{
    Cases, Place,
    testing::{Bench, at, picture, policy},
};

const NAMES: [&str; 4] = ["acme/web/http", "acme/db/port", "acme/fw", "globex/mail"];
const PEOPLE: [&str; 4] = ["anna", "bruno", "chloe", "nobody"];

/// Something that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Deed {
    Pass(u64),
    Believe { name: usize, at_once: bool },
    End { which: usize, explained: bool },
    Worsen { which: usize },
    Belief { name: usize, fine: bool },
    Policy { which: usize },
    Touch { name: usize },
    Ask { by: usize, what: usize, on: usize, with: usize, stale: bool },
    NewRules { day: u64 },
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (1..200_u64).prop_map(Deed::Pass),
        4 => (0..4_usize, any::<bool>())
            .prop_map(|(name, at_once)| Deed::Believe { name, at_once }),
        3 => (0..9_usize, any::<bool>())
            .prop_map(|(which, explained)| Deed::End { which, explained }),
        1 => (0..9_usize).prop_map(|which| Deed::Worsen { which }),
        2 => (0..4_usize, any::<bool>()).prop_map(|(name, fine)| Deed::Belief { name, fine }),
        1 => (0..9_usize).prop_map(|which| Deed::Policy { which }),
        1 => (0..4_usize).prop_map(|name| Deed::Touch { name }),
        12 => (0..4_usize, 0..12_usize, 0..9_usize, 0..9_usize, 0..10_u8).prop_map(
            |(by, what, on, with, stale)| Deed::Ask { by, what, on, with, stale: stale == 0 }
        ),
        1 => (1..20_u64).prop_map(|day| Deed::NewRules { day }),
        1 => Just(Deed::Restart),
    ]
}

/// The bench with the open problems, newest last, and the minute.
struct Play {
    bench: Bench,
    open: Vec<Problem>,
    minute: u64,
}

impl Play {
    fn new() -> Self {
        let mut bench = Bench::new();
        bench.world.fine = NAMES.iter().map(|it| ((*it).to_owned(), true)).collect();
        Self { bench, open: Vec::new(), minute: 0 }
    }

    fn pick(&self, which: usize) -> Option<Problem> {
        (!self.open.is_empty()).then(|| self.open[which % self.open.len()].clone())
    }

    fn play(&mut self, deed: &Deed) {
        // Between any two things that happen a restart would find everything that there is.
        self.minute += 1;
        self.bench.until(self.minute);
        assert_eq!(picture(&self.bench.restarted()), self.bench.picture());
        match deed {
            Deed::Pass(minutes) => {
                self.minute += minutes;
                self.bench.until(self.minute);
            }
            Deed::Believe { name, at_once } => self.believe(NAMES[*name], *at_once),
            Deed::End { which, explained } => {
                let Some(problem) = self.pick(*which) else { return };
                self.open.retain(|it| it.id != problem.id);
                let ending = if *explained { Ending::Explained } else { Ending::Recovered };
                self.bench.end(&problem, ending);
            }
            Deed::Worsen { which } => {
                let Some(mut problem) = self.pick(*which) else { return };
                problem.severity = Severity::Down;
                problem.symptoms.insert(format!("acme/s{}", self.minute).into(), at(0));
                self.open.iter_mut().filter(|it| it.id == problem.id).for_each(|it| {
                    it.clone_from(&problem);
                });
                let Bench { cases, rules, pen, .. } = &mut self.bench;
                cases.refresh(&problem, rules, pen);
                self.bench.keep();
            }
            Deed::Belief { name, fine } => self.bench.belief(NAMES[*name], *fine),
            Deed::Policy { which } => {
                let Some(problem) = self.pick(*which) else { return };
                let Bench { cases, rules, pen, .. } = &mut self.bench;
                assert!(cases.call_for(&problem, &policy(), Some(0), rules, pen).is_some());
                self.bench.keep();
            }
            Deed::Touch { name } => {
                let about = About::Checkable(NAMES[*name].into());
                self.bench.cases.touch(&about, &mut self.bench.pen);
                self.bench.keep();
            }
            Deed::Ask { by, what, on, with, stale } => self.ask(*by, *what, *on, *with, *stale),
            Deed::NewRules { day } => {
                let mut new = self.bench.rules.clone();
                let times = std::sync::Arc::make_mut(&mut new.times);
                let spans = times.hours[0].spans().iter().copied();
                let kept = spans.filter(|it| it.from != at(day * 24 * 60)).collect();
                times.hours[0] = model::Hours::of(kept);
                let Bench { cases, rules, pen, .. } = &mut self.bench;
                cases.rules_changed(rules, &new, pen);
                self.bench.rules = new;
                self.bench.keep();
            }
            Deed::Restart => self.bench.cases = self.bench.restarted(),
        }
        self.check();
    }

    fn believe(&mut self, name: &str, at_once: bool) {
        let about = About::Checkable(name.into());
        if self.open.iter().any(|it| it.about == about) {
            return;
        }
        let problem = self.bench.believe(name);
        if at_once {
            assert!(self.bench.propose(&problem).is_some());
        } else {
            let Bench { cases, rules, pen, .. } = &mut self.bench;
            cases.problem_back(&problem, rules, pen);
            self.bench.keep();
        }
        self.open.push(problem);
    }

    fn ask(&mut self, by: usize, what: usize, on: usize, with: usize, stale: bool) {
        let proposals: Vec<_> = self.bench.kept.proposals.keys().rev().take(9).copied().collect();
        let calls: Vec<_> = self.bench.kept.calls.keys().rev().take(9).copied().collect();
        let proposal = proposals.get(on).copied().unwrap_or(ProposalId(7));
        let call = calls.get(on).copied().unwrap_or(CallId(7));
        let person = PEOPLE[with % 4].into();
        let later = at(self.minute + 1 + 50 * with as u64);
        let command = match what {
            0 => Command::Accept { proposal, assignee: with.is_multiple_of(2).then_some(person) },
            1 => Command::Merge { proposal, call: calls.get(with).copied().unwrap_or(CallId(7)) },
            2 => Command::Dismiss {
                proposal,
                reason: DismissReason::HumanAtWork,
                text: String::new(),
            },
            3 => Command::Snooze { proposal, until: later },
            4 => Command::OpenCall {
                customer: "acme".into(),
                title: "by telephone".to_owned(),
                severity: Severity::Warning,
                refers_to: (with > 4).then_some(call),
            },
            5 => Command::Assign { call, person },
            6 => Command::Start { call },
            7 => Command::Suspend { call, wait: wait(with, later) },
            8 => Command::Resume { call },
            9 => Command::Close { call, text: "done".to_owned() },
            10 => {
                let kind = MessageKind::FromCustomer;
                Command::Say { call, kind, text: "well?".to_owned() }
            }
            _ => Command::Block { call },
        };
        let customers = (by == 3).then(|| vec!["globex".into()]);
        let by = Actor { name: PEOPLE[by].into(), customers };
        self.bench.ask_as(by, stale.then_some(1), command);
    }

    /// What holds at all times. That versions grow one by one, that calls go only along the edges
    /// and that what has ended stays ended is checked with every row.
    fn check(&mut self) {
        let Bench { cases, kept, .. } = &self.bench;
        assert_eq!(&kept.proposals, &cases.proposals, "what is in memory is what is kept");
        assert_eq!(&kept.calls, &cases.calls);
        for name in NAMES {
            one_place(cases, &About::Checkable(name.into()));
        }
        for call in cases.calls.values() {
            let closed = call.state == CallState::Closed;
            assert_eq!(closed, call.closed_at.is_some());
            for clock in [&call.respond, &call.resolve].into_iter().flatten() {
                assert!(!closed || clock.met_at.is_some(), "a closed call owes nothing: {call:?}");
                assert!(clock.due_at.is_none() || clock.paused_since.is_none());
                let mut warned = clock.warned.clone();
                warned.dedup();
                assert_eq!(warned, clock.warned, "each warning once");
            }
            let said = kept.events.iter().rev().filter(|it| it.subject == call.id.0);
            let ready = said
                .map(|it| it.kind)
                .find(|it| matches!(it, EventKind::CallReady | EventKind::CallNotReady));
            assert_eq!(call.ready_to_close, ready == Some(EventKind::CallReady), "{call:?}");
        }
    }
}

/// At most one open proposal or call is about the same, and it is found.
fn one_place(cases: &Cases, about: &About) {
    let proposals = cases.proposals.values().filter(|it| it.is_open() && it.about == *about);
    let calls = cases
        .calls
        .values()
        .filter(|it| it.state != CallState::Closed && it.about.as_ref() == Some(about));
    let all: Vec<Place> = proposals
        .map(|it| Place::Proposal(it.id))
        .chain(calls.map(|it| Place::Call(it.id)))
        .collect();
    assert!(all.len() <= 1, "{about:?} is in several places: {all:?}");
    if let Some(place) = all.first() {
        assert_eq!(cases.place_of(about), Some(*place));
    }
}

fn wait(with: usize, later: model::Moment) -> Wait {
    match with % 3 {
        0 => {
            let fine_for = Duration::from_secs(60 * 10 * with as u64);
            let name = NAMES[with % 4].into();
            Wait::Process { until: Condition { name, fine_for, fine_since: None } }
        }
        1 => Wait::Customer { until: (with > 4).then_some(later) },
        _ => Wait::Supplier { reference: "4711".to_owned(), until: (with > 4).then_some(later) },
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_in_whatever_order(deeds in proptest::collection::vec(deed(), 1..80)) {
        let mut play = Play::new();
        for it in &deeds {
            play.play(it);
        }
    }
}
