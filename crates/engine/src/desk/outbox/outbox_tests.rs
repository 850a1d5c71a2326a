//! What the outbox does with a few alerts, one rule at a time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{About, Channel, Content, Duty, Params, Person, Rate, Severity, Status, stable_hash};

use super::*;

/// Every test begins here; a moment with room before it.
pub(super) const BEGIN: Moment = Moment::from_secs(1_800_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

pub(super) fn channel(name: &str) -> Channel {
    Channel {
        name: name.into(),
        at: "test.yaml:1".into(),
        kind: "webhook".into(),
        params: Arc::new(Params::default()),
        personal: None,
        resolve: true,
        group: None,
        limit: None,
        ttl: HOUR,
        resend_unknown: true,
        fallback: None,
        refresh: None,
    }
}

pub(super) fn person(name: &str) -> Person {
    Person {
        name: name.into(),
        title: name.into(),
        at: "test.yaml:1".into(),
        addresses: BTreeMap::from([("phone".into(), "+391".into())]),
        quiet: None,
        wakes: None,
        skills: BTreeMap::new(),
        level: model::HelpLevel::HelpDesk,
    }
}

/// Rules with these channels, and two people.
pub(super) fn rules(mut channels: Vec<Channel>) -> Rules {
    channels.sort_by(|a, b| a.name.cmp(&b.name));
    let people = vec![person("anna"), person("ben")];
    Rules { duty: Arc::new(Duty { channels, people, ..Duty::default() }), ..Rules::default() }
}

pub(super) fn route(channel: &str, contact: &str) -> Route {
    Route { channel: channel.into(), contact: contact.into() }
}

pub(super) fn alert(
    problem: u64,
    kind: AlertKind,
    ordinal: u32,
    route: &Route,
    now: Moment,
    rules: &Rules,
) -> Alert {
    let problem = ProblemId(problem);
    let ttl = find_channel(rules, &route.channel).map_or(HOUR, |it| it.ttl);
    let about = (problem.0 != 0).then(|| About::Checkable(format!("acme/web{problem}").into()));
    let site: (Arc<str>, Arc<str>) = ("site".into(), "hq".into());
    Alert {
        key: AlertKey::of(7, problem, stable_hash(kind.word()) as u32 % 100, route, ordinal),
        route: route.clone(),
        kind,
        problem,
        ordinal,
        step: 0,
        owed_at: now,
        not_before: now,
        expires_at: now.after(ttl),
        attempts: 0,
        may_have_arrived: false,
        fault: String::new(),
        state: AlertState::Waiting,
        content: Content {
            about,
            customer: "acme".into(),
            customer_title: "ACME".into(),
            labels: BTreeMap::from([site, ("id".into(), problem.to_string().into())]),
            status: Status::Critical,
            severity: Severity::Critical,
            text: "connection refused".into(),
            flapping: false,
            since: now,
            ended_at: None,
            symptoms: Vec::new(),
            symptoms_count: 0,
            by: "".into(),
            title: format!("acme/web{problem} is critical"),
            members: Vec::new(),
        },
    }
}

pub(super) fn sure_failure() -> Delivery {
    Delivery::Later { fault: "503".into(), after: None, may_have_arrived: false }
}

pub(super) fn unknown_outcome() -> Delivery {
    Delivery::Later { fault: "timed out".into(), after: None, may_have_arrived: true }
}

/// An outbox with its surroundings.
struct Bench {
    outbox: Outbox,
    pen: Pen,
    rules: Rules,
    /// What the store holds.
    rows: BTreeMap<AlertKey, Alert>,
    /// Was any route told of any problem before?
    told: bool,
}

impl Bench {
    fn new(channels: Vec<Channel>) -> Self {
        let mut pen = Pen::new(1_000);
        pen.now = BEGIN;
        let outbox = Outbox::new(7);
        Self { outbox, pen, rules: rules(channels), rows: BTreeMap::new(), told: false }
    }

    fn commit(&mut self) {
        for row in self.pen.rows.drain(..) {
            if let Row::Alert(it) = row {
                self.rows.insert(it.key, *it);
            }
        }
    }

    fn owe(&mut self, problem: u64, kind: AlertKind, ordinal: u32, to: &Route) -> AlertKey {
        let alert = alert(problem, kind, ordinal, to, self.pen.now, &self.rules);
        let key = alert.key;
        self.outbox.owe(alert, &self.rules, &mut self.pen);
        self.commit();
        key
    }

    fn trigger(&mut self, problem: u64, to: &Route) -> AlertKey {
        self.owe(problem, AlertKind::Trigger, 0, to)
    }

    fn due(&mut self) -> Vec<AlertKey> {
        let keys = self.outbox.due(&self.rules, &mut self.pen);
        self.commit();
        keys
    }

    fn expire(&mut self) -> Vec<Settled> {
        let told = self.told;
        let settled = self.outbox.expire(&self.rules, &|_, _| told, &mut self.pen);
        self.commit();
        settled
    }

    fn settle(&mut self, key: AlertKey, delivery: Delivery) -> Option<Settled> {
        let told = self.told;
        let settled = self.outbox.settle(key, delivery, &self.rules, &|_, _| told, &mut self.pen);
        self.commit();
        settled
    }

    fn ended(&mut self, problem: u64) -> Vec<(Route, Fate)> {
        let fates = self.outbox.problem_ended(ProblemId(problem), &mut self.pen);
        self.commit();
        fates
    }

    fn suppressed(&mut self, problem: u64) -> Vec<(Route, Fate)> {
        let fates = self.outbox.suppressed(ProblemId(problem), &mut self.pen);
        self.commit();
        fates
    }

    fn pass(&mut self, by: Duration) {
        self.pen.now = self.pen.now.after(by);
    }

    /// Passes the time until something is to be done, and says how much.
    fn wake(&mut self) -> Duration {
        let at = self.outbox.next_wake().expect("something is to be done");
        let passed = at.since(self.pen.now);
        self.pass(passed);
        passed
    }

    fn restart(&mut self) -> Vec<Settled> {
        self.outbox = Outbox::new(7);
        for row in self.rows.values().filter(|it| it.is_waiting()) {
            self.outbox.restore(row.clone());
        }
        self.channels_changed()
    }

    fn channels_changed(&mut self) -> Vec<Settled> {
        let settled = self.outbox.channels_changed(&self.rules, &mut self.pen);
        self.commit();
        settled
    }

    fn state(&self, key: AlertKey) -> &AlertState {
        &self.rows[&key].state
    }

    fn withdrawn(&self, key: AlertKey) -> Option<WithdrawReason> {
        match *self.state(key) {
            AlertState::Withdrawn { reason } => Some(reason),
            _ => None,
        }
    }
}

fn hook() -> Bench {
    Bench::new(vec![channel("hook")])
}

fn to_hook() -> Route {
    route("hook", "*")
}

#[test]
fn what_is_taken_is_delivered_and_nothing_waits() {
    let mut bench = hook();
    let key = bench.trigger(1, &to_hook());
    assert_eq!(bench.outbox.next_wake(), Some(BEGIN));
    assert_eq!(bench.due(), [key]);
    assert!(bench.rows[&key].may_have_arrived, "a hand-out is written down before it is sent");
    assert_eq!(bench.due(), []);
    let tale =
        Tale { problem: ProblemId(1), kind: AlertKind::Trigger, status: Status::Critical, key };
    let reached = Settled::Reached { route: to_hook(), key, tales: vec![tale] };
    assert_eq!(bench.settle(key, Delivery::Taken), Some(reached));
    assert_eq!(bench.state(key), &AlertState::Delivered { at: BEGIN });
    assert!(!bench.rows[&key].may_have_arrived);
    assert_eq!((bench.outbox.waiting(), bench.outbox.next_wake()), (0, None));
    assert_eq!(bench.settle(key, Delivery::Taken), None, "a second outcome changes nothing");
    assert!(bench.outbox.expiry.is_empty() && !bench.outbox.has_waiting(ProblemId(1)));
    assert_eq!(bench.outbox.labels.len(), 0);
}

#[test]
fn an_unknown_channel_is_said_in_the_row() {
    let mut bench = hook();
    let key = bench.trigger(1, &route("pager", "*"));
    assert_eq!(bench.withdrawn(key), Some(WithdrawReason::NoChannel));
    assert_eq!(bench.outbox.waiting(), 0);
}

#[test]
fn one_problem_is_told_in_order_and_others_do_not_wait_for_it() {
    let mut bench = hook();
    let trigger = bench.trigger(1, &to_hook());
    assert_eq!(bench.due(), [trigger]);
    let acknowledged = bench.owe(1, AlertKind::Acknowledged, 1, &to_hook());
    let resolve = bench.owe(1, AlertKind::Resolve, 2, &to_hook());
    let other = bench.trigger(2, &to_hook());
    assert_eq!(bench.due(), [other]);
    bench.settle(trigger, sure_failure());
    assert_eq!(bench.due(), [], "the failed one comes first");
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.due(), [trigger]);
    bench.settle(trigger, Delivery::Taken);
    bench.told = true;
    assert_eq!(bench.due(), [acknowledged]);
    bench.settle(acknowledged, Delivery::Taken);
    assert_eq!(bench.due(), [resolve]);
}

#[test]
fn an_older_one_that_comes_later_still_goes_first() {
    let mut bench = hook();
    let second = bench.owe(1, AlertKind::Call, 1, &to_hook());
    let first = bench.owe(1, AlertKind::Call, 0, &to_hook());
    assert_eq!(bench.due(), [first]);
    bench.settle(first, Delivery::Taken);
    assert_eq!(bench.due(), [second]);
    let late = bench.owe(1, AlertKind::Window, 0, &to_hook());
    assert_eq!(bench.due(), [], "but not beside one that is on its way");
    bench.settle(second, sure_failure());
    assert_eq!(bench.due(), [], "nor between its tries");
    bench.wake();
    assert_eq!(bench.due(), [second]);
    bench.settle(second, Delivery::Taken);
    assert_eq!(bench.due(), [late]);
}

#[test]
fn a_failure_waits_longer_each_time_and_is_given_up_when_its_time_is_over() {
    let mut bench = hook();
    let key = bench.trigger(1, &to_hook());
    let mut waits = Vec::new();
    let dead = loop {
        if let Some(Settled::Dead { alert, fallback }) = bench.expire().pop() {
            assert_eq!(fallback, None);
            break alert;
        }
        assert_eq!(bench.due(), [key]);
        assert_eq!(bench.settle(key, sure_failure()), Some(Settled::Retry));
        assert_eq!(bench.rows[&key].fault, "503");
        waits.push(bench.wake());
    };
    assert!(waits[..5].is_sorted_by(|a, b| a < b), "{waits:?}");
    assert!(waits.iter().all(|it| *it <= Duration::from_secs(720)), "{waits:?}");
    assert_eq!(dead.state, AlertState::Dead { at: BEGIN.after(HOUR) });
    assert!(!dead.may_have_arrived && dead.attempts as usize == waits.len());
    assert_eq!(bench.state(key), &dead.state);
}

#[test]
fn what_is_on_its_way_when_its_time_is_over_may_still_arrive() {
    let mut bench = hook();
    let (late, lost) = (bench.trigger(1, &to_hook()), bench.trigger(2, &to_hook()));
    assert_eq!(bench.due(), [late, lost]);
    bench.pass(HOUR);
    assert_eq!(bench.expire(), []);
    assert!(matches!(bench.settle(late, Delivery::Taken), Some(Settled::Reached { .. })));
    assert!(matches!(bench.settle(lost, sure_failure()), Some(Settled::Dead { .. })));
}

#[test]
fn a_receiver_that_wants_rest_gets_it_but_not_for_ever() {
    let mut bench = hook();
    for (wanted, got) in [(45, 45), (86_400, 600)] {
        let key = bench.trigger(wanted, &to_hook());
        let other = bench.trigger(wanted + 1, &to_hook());
        assert_eq!(bench.due(), [key, other]);
        bench.settle(other, Delivery::Taken);
        let after = Some(Duration::from_secs(wanted));
        let busy = Delivery::Later { fault: "429".into(), after, may_have_arrived: false };
        bench.settle(key, busy);
        let further = bench.trigger(wanted + 2, &to_hook());
        assert_eq!(bench.wake(), Duration::from_secs(got), "others leave it alone, too");
        assert_eq!(bench.due().len(), 2);
        bench.settle(key, Delivery::Taken);
        bench.settle(further, Delivery::Taken);
    }
}

#[test]
fn never_is_final_at_once_and_the_fallback_is_told_what_matters() {
    let mut sms = channel("sms");
    sms.personal = Some("phone".into());
    sms.fallback = Some(0);
    let mut bench = Bench::new(vec![channel("hook"), sms]);
    let to = route("sms", "anna");
    let trigger = bench.trigger(1, &to);
    let resolve = bench.owe(2, AlertKind::Resolve, 1, &to);
    assert_eq!(bench.due(), [trigger, resolve]);
    let never = || Delivery::Never { fault: "400".into() };
    let Some(Settled::Dead { alert, fallback }) = bench.settle(trigger, never()) else {
        panic!("it is dead");
    };
    assert_eq!(fallback, Some(to_hook()));
    let Some(Settled::Dead { fallback, .. }) = bench.settle(resolve, never()) else {
        panic!("it is dead");
    };
    assert_eq!(fallback, None, "nobody there has heard of the problem");
    let instead = bench.outbox.fallback_of(&alert, 4, &bench.rules, &mut bench.pen).unwrap();
    assert_eq!((&instead.route, instead.ordinal, instead.attempts), (&to_hook(), 4, 0));
    assert_eq!((instead.kind, &instead.content), (AlertKind::Trigger, &alert.content));
    let again = bench.outbox.fallback_of(&alert, 4, &bench.rules, &mut bench.pen).unwrap();
    assert_ne!(instead.key, again.key, "no key is made twice");
    let late = in_past_tense(instead, &|problem| problem == ProblemId(1));
    assert_eq!(late.kind, AlertKind::Missed);
}

#[test]
fn a_digest_falls_apart_where_each_problem_is_told_by_itself() {
    let mut sms = Channel { group: Some(MINUTE), fallback: Some(0), ..channel("sms") };
    sms.personal = Some("phone".into());
    let mut bench = Bench::new(vec![channel("hook"), sms]);
    let to = route("sms", "anna");
    bench.trigger(1, &to);
    bench.due();
    bench.trigger(2, &to);
    bench.owe(3, AlertKind::Resolve, 1, &to);
    assert_eq!(bench.due(), []);
    bench.wake();
    let [digest] = bench.due()[..] else { panic!("one message") };
    let never = Delivery::Never { fault: "400".into() };
    let Some(Settled::Dead { alert, fallback: Some(to) }) = bench.settle(digest, never) else {
        panic!("it is dead, and goes elsewhere");
    };
    let apart = bench.outbox.apart(&alert, &to, &bench.rules);
    let mut handed_on = Vec::new();
    for dead in &apart {
        let own = &bench.rows[&dead.key];
        assert_eq!((dead.problem, dead.kind, dead.ordinal), (own.problem, own.kind, own.ordinal));
        assert_eq!(dead.content.labels, own.content.labels);
        assert_eq!(dead.content.customer, own.content.customer);
        handed_on.extend(bench.outbox.fallback_of(dead, 0, &bench.rules, &mut bench.pen));
    }
    let [instead] = &handed_on[..] else { panic!("a resolve goes nowhere: {handed_on:?}") };
    assert_eq!((&instead.route, instead.problem), (&to_hook(), ProblemId(2)));
    assert!(instead.content.members.is_empty());
    // One that gathers takes it whole.
    let grouped = Channel { group: Some(MINUTE), ..channel("hook") };
    assert!(bench.outbox.apart(&alert, &to, &rules(vec![grouped])).is_empty());
}

#[test]
fn labels_in_a_digest_are_pooled_and_bounded() {
    let mut bench = sms(Some(MINUTE), None);
    let anna = route("sms", "anna");
    bench.trigger(1, &anna);
    bench.due();
    let large: Arc<str> = "x".repeat(digest::DIGEST_LABEL_BYTES_MAX / 4).into();
    for it in 2..12 {
        let mut alert = alert(it, AlertKind::Trigger, 0, &anna, BEGIN, &bench.rules);
        alert.content.labels = BTreeMap::from([("large".into(), Arc::clone(&large))]);
        bench.outbox.owe(alert, &bench.rules, &mut bench.pen);
    }
    bench.commit();
    let mut listed = 0;
    while listed < 10 {
        bench.wake();
        for key in bench.due() {
            let pooled = bench.outbox.labels.len();
            assert_eq!(pooled, 2, "one set for all that wait, and the first one's");
            let members = &bench.rows[&key].content.members;
            let labels = members.iter().flat_map(|it| it.labels.values());
            let bytes: usize = labels.map(|it| it.len()).sum();
            assert!(bytes <= digest::DIGEST_LABEL_BYTES_MAX, "{bytes} bytes");
            listed += members.len().max(1);
            bench.settle(key, Delivery::Taken);
        }
    }
    assert_eq!(listed, 10, "nobody is left out");
    bench.outbox.problem_ended(ProblemId(1), &mut bench.pen);
    assert!(bench.outbox.labels.len() <= 1, "what has gone is forgotten");
}

#[test]
fn chains_of_fallbacks_end() {
    let with = |name: &str, fallback: Option<u32>| Channel { fallback, ..channel(name) };
    // a -> b -> c -> a, and d -> d.
    let circle = [with("a", Some(1)), with("b", Some(2)), with("c", Some(0)), with("d", Some(3))];
    let mut bench = Bench::new(circle.to_vec());
    for (begin, expected) in [("a", vec!["b", "c"]), ("b", vec!["c", "a"]), ("d", vec![])] {
        let mut now = alert(1, AlertKind::Trigger, 0, &route(begin, "*"), BEGIN, &bench.rules);
        let mut way = Vec::new();
        while let Some(next) = bench.outbox.fallback_of(&now, 0, &bench.rules, &mut bench.pen) {
            way.push(next.route.channel.to_string());
            now = next;
        }
        assert_eq!(way, expected, "from {begin}");
    }
    // A person without an address for it is passed over.
    let mut mail = with("b", Some(2));
    mail.personal = Some("email".into());
    let bench = Bench::new(vec![with("a", Some(1)), mail, with("c", None)]);
    let dead = alert(1, AlertKind::Trigger, 0, &route("a", "anna"), BEGIN, &bench.rules);
    assert_eq!(fallback::route_of(&dead, &bench.rules), Some(route("c", "*")));
}

fn sms(group: Option<Duration>, limit: Option<Rate>) -> Bench {
    let personal = Some("phone".into());
    Bench::new(vec![Channel { personal, group, limit, ..channel("sms") }])
}

#[test]
fn the_first_page_goes_at_once_and_the_others_follow_in_one_digest() {
    let mut bench = sms(Some(MINUTE), None);
    let (anna, ben) = (route("sms", "anna"), route("sms", "ben"));
    let first = bench.trigger(1, &anna);
    assert_eq!(bench.due(), [first]);
    let members: Vec<_> = (2..5).map(|it| bench.trigger(it, &anna)).collect();
    let question = bench.owe(9, AlertKind::Question, 0, &anna);
    let elsewhere = bench.trigger(1, &ben);
    assert_eq!(bench.due(), [question, elsewhere], "a question never waits, nor another route");
    bench.pass(Duration::from_secs(20));
    assert_eq!(bench.wake(), Duration::from_secs(40));
    let [digest] = bench.due()[..] else { panic!("one message") };
    for it in &members {
        assert_eq!(bench.state(*it), &AlertState::Aggregated { into: digest });
    }
    let row = &bench.rows[&digest];
    assert!(row.is_waiting() && row.may_have_arrived && row.kind == AlertKind::Trigger);
    let listed: Vec<_> = row.content.members.iter().map(|it| it.key).collect();
    assert_eq!(listed, members);
    for it in &row.content.members {
        let own = &bench.rows[&it.key];
        assert_eq!((&it.labels, &it.about), (&own.content.labels, &own.content.about));
    }
    assert_eq!(row.content.title, "3 alerts: acme/web2, acme/web3, acme/web4");
    assert_eq!(row.content.labels.len(), 1, "the labels that all have: {:?}", row.content.labels);
    // The next one goes into the next digest; alone, it stays what it is.
    let next = bench.trigger(7, &anna);
    assert_eq!(bench.due(), []);
    assert_eq!(bench.wake(), MINUTE);
    assert_eq!(bench.due(), [next]);
    let Some(Settled::Reached { tales, key, .. }) = bench.settle(digest, Delivery::Taken) else {
        panic!("it has arrived");
    };
    assert_eq!(key, digest);
    let told: Vec<_> = tales.iter().map(|it| (it.problem.0, it.key)).collect();
    assert_eq!(told, [(2, members[0]), (3, members[1]), (4, members[2])]);
}

#[test]
fn the_line_of_a_member_waits_for_its_digest() {
    let mut bench = sms(Some(MINUTE), None);
    let anna = route("sms", "anna");
    for it in 1..4 {
        bench.trigger(it, &anna);
    }
    let [digest] = bench.due()[..] else { panic!("one message") };
    assert_eq!(bench.ended(2), [(anna.clone(), Fate::MayReach)]);
    let resolve = bench.owe(2, AlertKind::Resolve, 1, &anna);
    bench.pass(MINUTE);
    assert_eq!(bench.due(), []);
    bench.restart();
    assert_eq!(bench.due(), [digest], "nor is that forgotten in a restart");
    bench.settle(digest, Delivery::Taken);
    bench.pass(MINUTE);
    assert_eq!(bench.due(), [resolve]);
}

#[test]
fn over_the_limit_nothing_is_lost() {
    let mut bench = sms(None, Some(Rate { count: 2, per: Duration::from_secs(600) }));
    let anna = route("sms", "anna");
    let (a, b) = (bench.trigger(1, &anna), bench.due());
    assert_eq!(b, [a]);
    bench.pass(MINUTE);
    let c = bench.trigger(2, &anna);
    assert_eq!(bench.due(), [c]);
    let held: Vec<_> = (3..9).map(|it| bench.trigger(it, &anna)).collect();
    assert_eq!(bench.due(), []);
    assert_eq!(bench.wake(), Duration::from_secs(540), "the first of the two is forgotten then");
    let [digest] = bench.due()[..] else { panic!("one message") };
    let listed: Vec<_> = bench.rows[&digest].content.members.iter().map(|it| it.key).collect();
    assert_eq!(listed, held);
    bench.trigger(20, &anna);
    assert_eq!((bench.due(), bench.wake()), (vec![], MINUTE));
}

#[test]
fn what_its_own_limit_holds_back_does_not_grow_too_old() {
    let personal = Some("phone".into());
    let limit = Some(Rate { count: 1, per: 3 * HOUR });
    let mut bench = Bench::new(vec![Channel { personal, limit, ..channel("sms") }]);
    let anna = route("sms", "anna");
    let first = bench.trigger(1, &anna);
    bench.due();
    bench.settle(first, Delivery::Taken);
    let held = [bench.trigger(2, &anna), bench.owe(2, AlertKind::Acknowledged, 1, &anna)];
    assert_eq!(bench.due(), []);
    bench.pass(2 * HOUR);
    assert_eq!(bench.expire(), [], "its time to live is an hour, and has not begun");
    bench.pass(HOUR);
    assert_eq!((bench.expire(), bench.due()), (vec![], vec![held[0]]));
    bench.settle(held[0], Delivery::Taken);
    bench.pass(4 * HOUR);
    let [Settled::Dead { alert, .. }] = &bench.expire()[..] else { panic!("it could have left") };
    assert_eq!(alert.key, held[1]);
}

#[test]
fn a_great_many_members_make_several_digests() {
    let mut bench = sms(Some(MINUTE), None);
    let anna = route("sms", "anna");
    for it in 0..2_500 {
        bench.trigger(it + 1, &anna);
    }
    let mut sizes = Vec::new();
    while bench.outbox.waiting() > 0 {
        let [digest] = bench.due()[..] else { panic!("one message") };
        sizes.push(bench.rows[&digest].content.members.len());
        bench.settle(digest, Delivery::Taken);
        if bench.outbox.waiting() > 0 {
            assert_eq!(bench.wake(), MINUTE);
        }
    }
    assert_eq!(sizes, [1_000, 1_000, 500]);
}

#[test]
fn what_was_never_sent_is_withdrawn_when_the_problem_ends() {
    let mut bench = hook();
    let failed = bench.trigger(1, &to_hook());
    let flying = bench.trigger(2, &to_hook());
    assert_eq!(bench.due(), [failed, flying]);
    bench.settle(failed, sure_failure());
    let untried = bench.owe(3, AlertKind::Reminder, 3, &to_hook());
    assert_eq!(bench.ended(1), [(to_hook(), Fate::Withdrawn)]);
    assert_eq!(bench.ended(3), [(to_hook(), Fate::Withdrawn)]);
    assert_eq!(bench.ended(4), []);
    assert_eq!(bench.withdrawn(failed), Some(WithdrawReason::Ended));
    assert_eq!(bench.withdrawn(untried), Some(WithdrawReason::Ended));
    assert_eq!(bench.ended(2), [(to_hook(), Fate::MayReach)]);
    let resolve = bench.owe(2, AlertKind::Resolve, 1, &to_hook());
    // It turns out that it never arrived: nobody is told that something unheard of is over.
    let settled = bench.settle(flying, sure_failure());
    assert!(matches!(settled, Some(Settled::Withdrawn { alert }) if !alert.may_have_arrived));
    assert_eq!(bench.withdrawn(resolve), Some(WithdrawReason::Ended));
    assert_eq!((bench.outbox.waiting(), bench.outbox.next_wake()), (0, None));
}

#[test]
fn a_resolve_follows_what_may_have_arrived_and_what_was_told_before() {
    let mut bench = hook();
    let trigger = bench.trigger(1, &to_hook());
    bench.due();
    bench.settle(trigger, unknown_outcome());
    assert_eq!(bench.ended(1), [(to_hook(), Fate::MayReach)]);
    let resolve = bench.owe(1, AlertKind::Resolve, 1, &to_hook());
    bench.wake();
    assert_eq!(bench.due(), [trigger], "with the same key, so that the receiver knows it");
    let dead = bench.settle(trigger, Delivery::Never { fault: "gone".into() });
    assert!(matches!(dead, Some(Settled::Dead { alert, .. }) if alert.may_have_arrived));
    assert_eq!(bench.due(), [resolve]);

    bench.told = true;
    let reminder = bench.owe(2, AlertKind::Reminder, 1, &to_hook());
    bench.due();
    bench.ended(2);
    let resolve = bench.owe(2, AlertKind::Resolve, 2, &to_hook());
    bench.settle(reminder, sure_failure());
    assert_eq!(bench.withdrawn(reminder), Some(WithdrawReason::Ended));
    assert_eq!(bench.due(), [resolve], "an earlier one has arrived");
}

#[test]
fn nothing_is_tried_again_while_nobody_is_to_be_told() {
    let mut bench = hook();
    let flying = bench.trigger(1, &to_hook());
    let unsure = bench.trigger(2, &to_hook());
    bench.due();
    bench.settle(unsure, unknown_outcome());
    let untried = bench.trigger(3, &to_hook());
    let note = bench.owe(3, AlertKind::Acknowledged, 1, &to_hook());
    assert_eq!(bench.suppressed(1), [(to_hook(), Fate::MayReach)]);
    assert_eq!(bench.suppressed(2), [(to_hook(), Fate::MayReach)]);
    assert_eq!(bench.suppressed(3), [(to_hook(), Fate::Withdrawn)]);
    assert_eq!(bench.withdrawn(untried), Some(WithdrawReason::Suppressed));
    let [Settled::Withdrawn { alert }] = &bench.expire()[..] else { panic!("it was unsure") };
    assert!(alert.key == unsure && alert.may_have_arrived);
    let settled = bench.settle(flying, sure_failure());
    assert!(matches!(settled, Some(Settled::Withdrawn { alert }) if !alert.may_have_arrived));
    assert_eq!(bench.due(), [note]);
    bench.pass(HOUR);
    assert_eq!((bench.due(), bench.outbox.waiting()), (vec![], 1));
}

#[test]
fn newer_news_replace_older_ones_that_were_never_sent() {
    let mut bench = hook();
    let first = bench.trigger(1, &to_hook());
    bench.due();
    let reminder = bench.owe(1, AlertKind::Reminder, 1, &to_hook());
    let second = bench.owe(1, AlertKind::Trigger, 2, &to_hook());
    let third = bench.owe(1, AlertKind::Trigger, 3, &to_hook());
    for it in [reminder, second] {
        assert_eq!(bench.withdrawn(it), Some(WithdrawReason::Superseded));
    }
    bench.settle(first, Delivery::Taken);
    assert_eq!(bench.due(), [third]);
    // Signs of life do not pile up for a receiver that is down.
    let mut beats = (0..5).map(|it| bench.owe(0, AlertKind::Heartbeat, it, &to_hook()));
    let last = beats.by_ref().last().unwrap();
    assert_eq!(bench.due(), [last]);
    assert!(bench.outbox.has_waiting(ProblemId(0)));
}

#[test]
fn after_a_restart_only_what_was_handed_out_may_have_arrived() {
    let mut bench = hook();
    let sent = bench.trigger(1, &to_hook());
    bench.due();
    let failed = bench.trigger(3, &to_hook());
    bench.due();
    bench.settle(failed, sure_failure());
    bench.trigger(2, &to_hook());
    bench.restart();
    assert_eq!(bench.ended(1), [(to_hook(), Fate::MayReach)]);
    assert_eq!(bench.ended(2), [(to_hook(), Fate::Withdrawn)]);
    let mut keys = bench.due();
    keys.sort_unstable();
    let mut expected = [sent, failed];
    expected.sort_unstable();
    assert_eq!(keys, expected, "what failed is due at once");
}

#[test]
fn a_send_that_must_not_be_repeated_is_not() {
    let mut bench = Bench::new(vec![Channel { resend_unknown: false, ..channel("sms") }]);
    let to = route("sms", "*");
    let key = bench.trigger(1, &to);
    let crashed = bench.trigger(2, &to);
    bench.due();
    assert!(matches!(bench.settle(key, unknown_outcome()), Some(Settled::Reached { .. })));
    let row = &bench.rows[&key];
    assert!(row.may_have_arrived && row.fault.starts_with("timed out; it is not known"));
    let settled = bench.restart();
    assert!(matches!(&settled[..], [Settled::Reached { key, .. }] if *key == crashed));
    assert!(matches!(bench.state(crashed), AlertState::Delivered { .. }));
    assert_eq!((bench.due(), bench.outbox.waiting()), (vec![], 0));
}

#[test]
fn a_broken_channel_sees_one_probe_at_a_time_and_then_everything() {
    let mut bench = hook();
    for it in 1..=100 {
        bench.trigger(it, &to_hook());
    }
    let flying = bench.due();
    assert_eq!(flying.len(), doors::SENDS_PER_CHANNEL_MAX as usize);
    for key in flying {
        bench.settle(key, sure_failure());
    }
    let mut probes = 0;
    let broken_since = bench.pen.now;
    while bench.pen.now.since(broken_since) < Duration::from_secs(600) {
        assert!(bench.wake() >= Duration::from_secs(1), "not at once again");
        let [probe] = bench.due()[..] else { panic!("one probe") };
        probes += 1;
        bench.settle(probe, sure_failure());
    }
    assert!((8..30).contains(&probes), "{probes} probes in ten minutes");
    bench.wake();
    let [probe] = bench.due()[..] else { panic!("one probe") };
    bench.settle(probe, Delivery::Taken);
    let mended_at = bench.pen.now;
    while bench.outbox.waiting() > 0 {
        for key in bench.due() {
            bench.settle(key, Delivery::Taken);
        }
    }
    assert_eq!(bench.pen.now, mended_at, "those that had failed before need not wait either");
}

#[test]
fn when_a_channel_is_mended_nothing_waits_for_its_next_try() {
    let mut bench = hook();
    let keys: Vec<_> = (1..=7).map(|it| bench.trigger(it, &to_hook())).collect();
    while bench.rows.values().any(|it| it.attempts < 6) {
        bench.wake();
        for key in bench.due() {
            bench.settle(key, sure_failure());
        }
    }
    let waits = bench.rows.values().filter(|it| it.not_before > bench.pen.now.after(MINUTE));
    assert!(waits.count() >= 2, "they would wait for minutes");
    bench.wake();
    let [probe] = bench.due()[..] else { panic!("one probe") };
    bench.settle(probe, Delivery::Taken);
    assert_eq!(bench.due().len(), keys.len() - 1);
}

#[test]
fn a_dead_alert_is_tried_again_under_its_own_key() {
    let mut bench = hook();
    let key = bench.trigger(1, &to_hook());
    bench.due();
    bench.settle(key, Delivery::Never { fault: "401".into() });
    bench.pass(HOUR);
    let row = bench.rows[&key].clone();
    assert!(bench.outbox.redeliver(row.clone(), &bench.rules, &mut bench.pen));
    assert!(!bench.outbox.redeliver(row, &bench.rules, &mut bench.pen), "it waits already");
    bench.commit();
    assert_eq!(bench.expire(), []);
    assert_eq!(bench.due(), [key]);
    bench.settle(key, Delivery::Taken);
    assert!(matches!(bench.state(key), AlertState::Delivered { .. }));
}

#[test]
fn a_reload_moves_everything_to_the_new_rules() {
    let mut bench = Bench::new(vec![channel("hook"), channel("old")]);
    let kept = bench.trigger(1, &to_hook());
    let gone = bench.trigger(2, &route("old", "*"));
    let flying = bench.trigger(3, &route("old", "*"));
    bench.outbox.lift(gone);
    bench.outbox.place(gone, BEGIN);
    assert_eq!(bench.due().len(), 3);
    bench.settle(kept, sure_failure());
    bench.settle(gone, sure_failure());
    let waiting: Vec<_> = (10..13).map(|it| bench.trigger(it, &to_hook())).collect();
    let grouped = Channel { group: Some(MINUTE), ..channel("hook") };
    bench.rules = rules(vec![grouped]);
    let settled = bench.channels_changed();
    assert!(matches!(&settled[..], [Settled::Withdrawn { alert }] if alert.key == gone));
    assert_eq!(bench.withdrawn(gone), Some(WithdrawReason::NoChannel));
    assert_eq!(bench.due(), []);
    bench.wake();
    assert_eq!(bench.due(), [kept], "what failed comes at its time");
    bench.wake();
    assert_eq!(bench.pen.now, BEGIN.after(MINUTE));
    let [digest] = bench.due()[..] else { panic!("one message") };
    assert_eq!(bench.rows[&digest].content.members.len(), waiting.len());
    assert!(matches!(bench.settle(flying, sure_failure()), Some(Settled::Withdrawn { .. })));
    assert_eq!(bench.withdrawn(flying), Some(WithdrawReason::NoChannel));
}

#[test]
fn what_may_not_be_sent_yet_waits_and_then_joins_the_others() {
    let mut bench = sms(Some(MINUTE), None);
    let anna = route("sms", "anna");
    let morning = BEGIN.after(Duration::from_secs(1_800));
    for it in 1..4 {
        let mut alert = alert(it, AlertKind::Trigger, 0, &anna, BEGIN, &bench.rules);
        alert.not_before = morning;
        bench.outbox.owe(alert, &bench.rules, &mut bench.pen);
    }
    assert_eq!(bench.due(), []);
    assert_eq!(bench.wake(), Duration::from_secs(1_800));
    let [digest] = bench.due()[..] else { panic!("one message") };
    bench.commit();
    assert_eq!(bench.rows[&digest].content.members.len(), 3);
}
