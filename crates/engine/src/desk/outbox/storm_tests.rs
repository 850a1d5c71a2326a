//! Whatever receivers do and whenever the process dies: nothing is lost, nothing is told twice
//! under two names, and news come in order.
//!
//! A small desk drives the outbox as the real one does. What it wants kept is kept in one step, or
//! not at all if the process dies first; only then is anything sent. The receivers take, refuse,
//! fail, hang, and fail after they have taken. They remember everything, which the desk does not:
//! so they can judge it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use model::{Channel, Rate};
use proptest::prelude::*;

use super::{
    outbox_tests::{BEGIN, alert, channel, route, rules, sure_failure, unknown_outcome},
    *,
};

const MINUTE: Duration = Duration::from_secs(60);

/// What the desk knows of a problem.
#[derive(Clone, Debug, Default)]
struct Known {
    over: bool,
    suppressed: bool,
    told: BTreeMap<Route, KnownRoute>,
}

#[derive(Clone, Debug, Default)]
struct KnownRoute {
    ordinal: u32,
    reached: bool,
    resolved: bool,
}

/// A desk, its store and the receivers.
struct World {
    rules: Rules,
    outbox: Outbox,
    pen: Pen,
    problems: BTreeMap<ProblemId, Known>,
    /// What is kept.
    rows: BTreeMap<AlertKey, Alert>,
    next_id: u64,
    /// What is on its way.
    flying: BTreeSet<AlertKey>,
    /// What receivers have got, in order, repeats included.
    arrived: Vec<Alert>,
    problems_made: u64,
}

/// What happens next; the numbers choose among what there is.
#[derive(Clone, Debug)]
enum Deed {
    Open,
    Worsen(usize),
    Remind(usize),
    Suppress(usize),
    Allow(usize),
    End(usize),
    Pass(u32),
    PassToWake,
    Settle(usize, Outcome),
    Reload,
    /// The process dies; so many of those on their way have arrived.
    Crash(usize),
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Taken,
    Fails,
    /// The answer never came, but it has arrived.
    TakenAndReset,
    /// The answer never came, and it has not arrived.
    Hangs,
    Refused,
}

fn all_routes() -> [Route; 5] {
    [
        route("hook", "*"),
        route("pager", "anna"),
        route("room", "*"),
        route("sms", "anna"),
        route("sms", "ben"),
    ]
}

fn all_rules() -> Rules {
    let personal = Some(Arc::from("phone"));
    let ttl = Duration::from_secs(1_800);
    rules(vec![
        Channel { ttl, ..channel("hook") },
        // Places in the list of channels by name: hook 0, pager 1, room 2, sms 3.
        Channel {
            resend_unknown: false,
            personal: personal.clone(),
            fallback: Some(3),
            ttl,
            ..channel("pager")
        },
        Channel { group: Some(MINUTE), ttl, ..channel("room") },
        Channel {
            personal,
            group: Some(MINUTE),
            limit: Some(Rate { count: 3, per: 10 * MINUTE }),
            fallback: Some(0),
            ttl,
            ..channel("sms")
        },
    ])
}

impl World {
    fn new() -> Self {
        let mut pen = Pen::new(1_000_000);
        pen.now = BEGIN;
        Self {
            rules: all_rules(),
            outbox: Outbox::new(7),
            next_id: pen.next_id(),
            pen,
            problems: BTreeMap::new(),
            rows: BTreeMap::new(),
            flying: BTreeSet::new(),
            arrived: Vec::new(),
            problems_made: 0,
        }
    }

    /// One input of the desk. If the process dies before anything is kept, it never was.
    fn input(&mut self, dies_first: bool, deed: impl FnOnce(&mut Self)) {
        let before = self.problems.clone();
        deed(self);
        let sent = self.hand_out();
        if dies_first {
            self.problems = before;
            self.restart(usize::MAX);
            return;
        }
        self.commit();
        self.flying.extend(sent);
        self.check_kept();
    }

    fn hand_out(&mut self) -> Vec<AlertKey> {
        loop {
            let (problems, outbox) = (&self.problems, &mut self.outbox);
            let told = |id, route: &Route| was_told(problems, id, route);
            let expired = outbox.expire(&self.rules, &told, &mut self.pen);
            if expired.is_empty() {
                break;
            }
            expired.into_iter().for_each(|it| self.settled(it));
        }
        let keys = self.outbox.due(&self.rules, &mut self.pen);
        let mut per_channel = BTreeMap::<Arc<str>, u32>::new();
        for key in self.flying.iter().chain(&keys) {
            let channel = self.outbox.get(*key).expect("it waits").route.channel;
            *per_channel.entry(channel).or_default() += 1;
        }
        assert!(per_channel.values().all(|it| *it <= doors::SENDS_PER_CHANNEL_MAX));
        keys
    }

    fn commit(&mut self) {
        self.next_id = self.pen.next_id();
        let mut fresh = Vec::new();
        for row in std::mem::take(&mut self.pen.rows) {
            let Row::Alert(alert) = row else { continue };
            if let Some(old) = self.rows.get(&alert.key) {
                assert_eq!(old.content, alert.content, "a key keeps its content");
                assert_eq!((&old.route, old.kind), (&alert.route, alert.kind));
                assert!(old.is_waiting(), "what is final stays so: {old:?}");
            }
            fresh.push(alert.key);
            self.rows.insert(alert.key, *alert);
        }
        for key in fresh {
            self.check_order(key);
        }
    }

    /// What is marked as sent for the first time has nothing unsettled before it.
    fn check_order(&self, key: AlertKey) {
        let alert = &self.rows[&key];
        if !alert.is_waiting() || !self.outbox.get(key).is_some_and(|it| it.may_have_arrived) {
            return;
        }
        let place = (alert.problem, &alert.route, alert.ordinal);
        if alert.problem == ProblemId(0) {
            return;
        }
        for other in self.rows.values() {
            if (other.problem, &other.route) != (place.0, place.1) || other.ordinal >= place.2 {
                continue;
            }
            let is_settled = match other.state {
                AlertState::Waiting => false,
                AlertState::Aggregated { into } => !self.rows[&into].is_waiting(),
                _ => true,
            };
            assert!(is_settled, "{place:?} overtakes {} {:?}", other.ordinal, other.state);
        }
    }

    /// The outbox is what is kept: no more, no less, nothing else.
    fn check_kept(&self) {
        let waiting: Vec<_> = self.rows.values().filter(|it| it.is_waiting()).collect();
        assert_eq!(waiting.len(), self.outbox.waiting());
        for row in waiting {
            let mut now = self.outbox.get(row.key).expect("what is kept as waiting waits");
            now.not_before = row.not_before;
            assert_eq!(&now, row);
        }
        let by_channel = self.outbox.waiting_by_channel();
        assert_eq!(by_channel.iter().map(|it| it.1).sum::<usize>(), self.outbox.waiting());
        if self.flying.is_empty() && self.outbox.waiting() > 0 {
            assert!(self.outbox.next_wake().is_some(), "something is to be done some time");
        }
    }

    fn restart(&mut self, arrived: usize) {
        let flying = std::mem::take(&mut self.flying);
        for key in flying.into_iter().take(arrived) {
            self.arrived.push(self.rows[&key].clone());
        }
        let now = self.pen.now;
        self.pen = Pen::new(self.next_id);
        self.pen.now = now;
        self.outbox = Outbox::new(7);
        for row in self.rows.values().filter(|it| it.is_waiting()) {
            self.outbox.restore(row.clone());
        }
        self.input(false, Self::reload);
    }

    fn reload(&mut self) {
        let settled = self.outbox.channels_changed(&self.rules, &mut self.pen);
        settled.into_iter().for_each(|it| self.settled(it));
    }

    fn owe(&mut self, problem: ProblemId, kind: AlertKind, route: &Route) {
        let known = self.problems.entry(problem).or_default();
        let told = known.told.entry(route.clone()).or_default();
        told.ordinal += 1;
        told.resolved |= matches!(kind, AlertKind::Resolve | AlertKind::Missed);
        let ordinal = told.ordinal - 1;
        let alert = alert(problem.0, kind, ordinal, route, self.pen.now, &self.rules);
        self.outbox.owe(alert, &self.rules, &mut self.pen);
    }

    fn tell_all(&mut self, problem: ProblemId, kind: AlertKind) {
        for route in all_routes() {
            self.owe(problem, kind, &route);
        }
    }

    fn mark_reached(&mut self, tales: &[Tale], route: &Route) {
        for tale in tales.iter().filter(|it| says_bad(it.kind)) {
            let known = self.problems.get_mut(&tale.problem).expect("a problem of ours");
            known.told.entry(route.clone()).or_default().reached = true;
        }
    }

    fn settled(&mut self, settled: Settled) {
        match settled {
            Settled::Retry => {}
            Settled::Reached { route, tales, .. } => self.mark_reached(&tales, &route),
            Settled::Withdrawn { alert } => {
                if alert.may_have_arrived {
                    self.mark_reached(&tales(&alert), &alert.route);
                }
            }
            Settled::Dead { alert, fallback } => {
                if alert.may_have_arrived {
                    self.mark_reached(&tales(&alert), &alert.route);
                }
                if let Some(route) = fallback {
                    self.fall_back(&alert, route);
                }
            }
        }
    }

    fn fall_back(&mut self, dead: &Alert, route: Route) {
        let mut ordinal = 0;
        if dead.problem != ProblemId(0) {
            let known = self.problems.get_mut(&dead.problem).expect("a problem of ours");
            let told = known.told.entry(route).or_default();
            ordinal = told.ordinal;
            told.ordinal += 1;
        }
        let (rules, pen) = (&self.rules, &mut self.pen);
        let alert = self.outbox.fallback_of(dead, ordinal, rules, pen).expect("there is a route");
        // What nobody is to be told of now is not worth a fallback either.
        let known = self.problems.get(&dead.problem);
        if known.is_none_or(|it| !it.suppressed) {
            let over = |it| self.problems.get(&it).is_some_and(|it: &Known| it.over);
            self.outbox.owe(in_past_tense(alert, &over), rules, pen);
        }
    }

    fn end(&mut self, problem: ProblemId) {
        let fates = self.outbox.problem_ended(problem, &mut self.pen);
        let known = self.problems.get_mut(&problem).expect("a problem of ours");
        known.over = true;
        for (route, _) in &fates {
            known.told.entry(route.clone()).or_default();
        }
        let may_reach: BTreeSet<_> =
            fates.into_iter().filter(|it| it.1 == Fate::MayReach).map(|it| it.0).collect();
        let routes: Vec<Route> = known
            .told
            .iter()
            .filter(|(route, told)| told.reached || may_reach.contains(*route))
            .map(|it| it.0.clone())
            .collect();
        for route in routes {
            self.owe(problem, AlertKind::Resolve, &route);
        }
    }

    /// A problem that is open and not suppressed, if there is one.
    fn choose(&self, number: usize) -> Option<ProblemId> {
        let open = self.problems.iter().filter(|it| !it.1.over && !it.1.suppressed);
        let open: Vec<_> = open.map(|it| *it.0).collect();
        open.get(number % open.len().max(1)).copied()
    }

    fn receive(&mut self, key: AlertKey, outcome: Outcome) -> Delivery {
        if matches!(outcome, Outcome::Taken | Outcome::TakenAndReset) {
            let alert = self.outbox.get(key).expect("it waits");
            for tale in tales(&alert).iter().filter(|_| alert.content.members.is_empty()) {
                let known = &self.problems[&tale.problem];
                let first = !self.arrived.iter().any(|it| it.key == key);
                assert!(
                    !known.over || !says_bad(tale.kind) || !first || {
                        // Only what was on its way when the problem ended comes after that.
                        self.outbox.entries[&key].halt.is_some() || alert.may_have_arrived
                    }
                );
            }
            self.arrived.push(alert);
        }
        match outcome {
            Outcome::Taken => Delivery::Taken,
            Outcome::Fails => sure_failure(),
            Outcome::TakenAndReset | Outcome::Hangs => unknown_outcome(),
            Outcome::Refused => Delivery::Never { fault: "400".into() },
        }
    }

    fn settle(&mut self, key: AlertKey, outcome: Outcome, dies_first: bool) {
        let delivery = self.receive(key, outcome);
        self.flying.remove(&key);
        self.input(dies_first, |it| {
            let (problems, outbox) = (&it.problems, &mut it.outbox);
            let told = |id, route: &Route| was_told(problems, id, route);
            let settled = outbox.settle(key, delivery, &it.rules, &told, &mut it.pen);
            it.settled(settled.expect("it was on its way"));
        });
    }

    fn act(&mut self, deed: &Deed, dies_first: bool) {
        match *deed {
            Deed::Open => {
                self.problems_made += 1;
                let id = ProblemId(self.problems_made);
                self.input(dies_first, |it| it.tell_all(id, AlertKind::Trigger));
            }
            Deed::Worsen(which) => self.tell(which, AlertKind::Trigger, dies_first),
            Deed::Remind(which) => self.tell(which, AlertKind::Reminder, dies_first),
            Deed::Suppress(which) => {
                let Some(id) = self.choose(which) else { return };
                self.input(dies_first, |it| {
                    it.problems.get_mut(&id).expect("chosen").suppressed = true;
                    it.outbox.suppressed(id, &mut it.pen);
                    it.owe(id, AlertKind::Acknowledged, &route("room", "*"));
                });
            }
            Deed::Allow(which) => {
                let all = self.problems.len().max(1);
                let some = self.problems.values_mut().filter(|it| !it.over).nth(which % all);
                some.into_iter().for_each(|it| it.suppressed = false);
            }
            Deed::End(which) => {
                let open = self.problems.iter().filter(|it| !it.1.over).map(|it| *it.0);
                let open: Vec<_> = open.collect();
                let Some(id) = open.get(which % open.len().max(1)).copied() else { return };
                self.input(dies_first, |it| it.end(id));
            }
            Deed::Pass(secs) => self.pass(Duration::from_secs(secs.into()), dies_first),
            Deed::PassToWake => {
                let at = self.outbox.next_wake().unwrap_or(self.pen.now);
                self.pass(at.since(self.pen.now), dies_first);
            }
            Deed::Settle(which, outcome) => {
                let all = self.flying.len().max(1);
                let Some(key) = self.flying.iter().nth(which % all).copied() else { return };
                self.settle(key, outcome, dies_first);
            }
            Deed::Reload => self.input(dies_first, Self::reload),
            Deed::Crash(arrived) => self.restart(arrived),
        }
    }

    fn tell(&mut self, which: usize, kind: AlertKind, dies_first: bool) {
        let Some(id) = self.choose(which) else { return };
        self.input(dies_first, |it| it.tell_all(id, kind));
    }

    fn pass(&mut self, by: Duration, dies_first: bool) {
        self.pen.now = self.pen.now.after(by);
        self.input(dies_first, |_| {});
    }

    /// All receivers are well, and all problems end.
    fn heal(&mut self) {
        let open: Vec<_> = self.problems.iter().filter(|it| !it.1.over).map(|it| *it.0).collect();
        for id in open {
            self.input(false, |it| it.end(id));
        }
        for _ in 0..20_000 {
            while let Some(key) = self.flying.first().copied() {
                self.settle(key, Outcome::Taken, false);
            }
            let Some(at) = self.outbox.next_wake() else { break };
            self.pass(at.since(self.pen.now), false);
        }
        assert_eq!(self.outbox.waiting(), 0, "with all well, all is settled");
        assert_eq!(self.outbox.labels.len(), 0);
        assert!(!self.problems.keys().any(|it| self.outbox.has_waiting(*it)));
    }

    /// What holds in the end.
    fn judge(&self) {
        self.judge_digests();
        for (id, known) in &self.problems {
            for route in known.told.keys() {
                self.judge_resolve(*id, route);
            }
        }
        for (place, alert) in self.arrived.iter().enumerate() {
            let repeats = self.arrived[place..].iter().filter(|it| it.key == alert.key);
            repeats.for_each(|it| assert_eq!(it.content, alert.content));
        }
    }

    /// Every alert that is said to be listed is listed once, in one digest, and there alone.
    fn judge_digests(&self) {
        let mut listed = BTreeMap::new();
        let digests = self.rows.values().filter(|it| it.step == digest::DIGEST_STEP);
        for digest in digests {
            for member in &digest.content.members {
                assert_eq!(listed.insert(member.key, digest.key), None, "listed twice");
                let into = AlertState::Aggregated { into: digest.key };
                let own = &self.rows[&member.key];
                assert_eq!(own.state, into);
                assert_eq!(member.labels, own.content.labels);
            }
        }
        let aggregated =
            self.rows.values().filter(|it| matches!(it.state, AlertState::Aggregated { .. }));
        assert_eq!(aggregated.count(), listed.len());
    }

    /// A resolve went to a route if and only if something bad did, or may have.
    fn judge_resolve(&self, problem: ProblemId, route: &Route) {
        let tells = |alert: &Alert, bad: bool| {
            alert.route == *route
                && tales(alert).iter().any(|it| {
                    it.problem == problem
                        && if bad { says_bad(it.kind) } else { it.kind == AlertKind::Resolve }
                })
        };
        let bad_came = self.arrived.iter().any(|it| tells(it, true));
        let resolve_came = self.arrived.iter().any(|it| tells(it, false));
        let resolve_died = self
            .rows
            .values()
            .any(|it| tells(it, false) && matches!(it.state, AlertState::Dead { .. }));
        let resolve_in_doubt = self.rows.values().any(|it| tells(it, false) && it.may_have_arrived);
        if bad_came {
            let settled = resolve_came || resolve_died || resolve_in_doubt;
            assert!(settled, "{problem} on {route:?} was told and never taken back");
        }
        if resolve_came {
            let bad_may_have = self.rows.values().any(|it| {
                tells(it, true)
                    && (it.may_have_arrived || matches!(it.state, AlertState::Delivered { .. }))
            });
            assert!(bad_came || bad_may_have, "{problem} on {route:?} was never told");
        }
    }
}

fn was_told(problems: &BTreeMap<ProblemId, Known>, problem: ProblemId, route: &Route) -> bool {
    problems.get(&problem).and_then(|it| it.told.get(route)).is_some_and(|it| it.reached)
}

fn deeds() -> impl Strategy<Value = Vec<(Deed, u8)>> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Taken),
        4 => Just(Outcome::Fails),
        2 => Just(Outcome::TakenAndReset),
        2 => Just(Outcome::Hangs),
        1 => Just(Outcome::Refused),
    ];
    let n = 0..1_000_usize;
    let deed = prop_oneof![
        4 => Just(Deed::Open),
        1 => n.clone().prop_map(Deed::Worsen),
        1 => n.clone().prop_map(Deed::Remind),
        1 => n.clone().prop_map(Deed::Suppress),
        1 => n.clone().prop_map(Deed::Allow),
        3 => n.clone().prop_map(Deed::End),
        3 => (0..900_u32).prop_map(Deed::Pass),
        4 => Just(Deed::PassToWake),
        20 => (n.clone(), outcome).prop_map(|(which, it)| Deed::Settle(which, it)),
        1 => Just(Deed::Reload),
        1 => n.prop_map(|it| Deed::Crash(it % 20)),
    ];
    prop::collection::vec((deed, any::<u8>()), 1..160)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_whatever_happens(deeds in deeds()) {
        let mut world = World::new();
        for (deed, dice) in &deeds {
            // One input in sixteen is cut off before anything of it is kept.
            world.act(deed, *dice < 16);
        }
        world.heal();
        world.judge();
    }
}

/// Owes `count` triggers on a route.
fn flood(outbox: &mut Outbox, count: u64, to: &Route, rules: &Rules, pen: &mut Pen) {
    for it in 1..=count {
        outbox.owe(alert(it, AlertKind::Trigger, 0, to, pen.now, rules), rules, pen);
        pen.rows.clear();
    }
}

#[test]
fn a_hundred_thousand_for_one_dead_channel_cost_the_others_nothing() {
    let rules = rules(vec![channel("dead"), channel("well")]);
    let (mut outbox, mut pen) = (Outbox::new(7), Pen::new(1));
    pen.now = BEGIN;
    flood(&mut outbox, 100_000, &route("dead", "*"), &rules, &mut pen);
    assert_eq!(outbox.waiting(), 100_000);
    let told = |_: ProblemId, _: &Route| false;
    for round in 0..10_000_u64 {
        let to = route("well", "*");
        let fresh = alert(1_000_000 + round, AlertKind::Trigger, 0, &to, pen.now, &rules);
        let wanted = fresh.key;
        outbox.owe(fresh, &rules, &mut pen);
        let keys = outbox.due(&rules, &mut pen);
        assert!(keys.contains(&wanted), "at once, whatever else waits");
        for key in keys {
            let delivery = if key == wanted { Delivery::Taken } else { sure_failure() };
            outbox.settle(key, delivery, &rules, &told, &mut pen).expect("it was on its way");
        }
        pen.rows.clear();
        pen.now = pen.now.after(Duration::from_millis(20));
    }
    let waiting = outbox.waiting_by_channel();
    assert_eq!(waiting, [("dead".into(), 100_000), ("well".into(), 0)]);
    // The dead one comes back.
    while outbox.waiting() > 0 {
        pen.now = pen.now.max(outbox.next_wake().expect("they are due some time"));
        for key in outbox.due(&rules, &mut pen) {
            outbox.settle(key, Delivery::Taken, &rules, &told, &mut pen);
        }
        pen.rows.clear();
    }
    assert!(pen.now.since(BEGIN) < Duration::from_secs(300 + 72), "as fast as they are taken");
}

#[test]
fn a_waiting_alert_stays_small() {
    // Measured on x86-64: 673 bytes of resident memory for each of 100,000 alerts that share their
    // labels, in all. An entry and its content, which is in a box, are the larger half of it.
    assert!(size_of::<Entry>() <= 112, "{} bytes", size_of::<Entry>());
    let content = Packed::CONTENT_BYTES;
    assert!(content <= 152, "{content} bytes");
}
