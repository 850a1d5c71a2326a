//! What the thread promises: order, and nothing before it is kept.

use store::Batch;
use tokio::sync::mpsc;

use super::{line::LINE_MAX, *};
use crate::shard::ToDriver;
use model::{Actor, Command, Look as Believed, ProblemId, ToShard, Transition};

const PARENT: CheckableId = CheckableId(0);
/// More children than one shard's inbox takes at once.
const CHILDREN: u32 = 40;
const ROOM: usize = 16;
const LONG: Duration = Duration::from_secs(30);

/// A desk's thread with all its ends in hand.
struct Ends {
    desk: Sender<ToDesk>,
    rows: Sender<Order>,
    kept: Sender<Receipt>,
    store: Receiver<Order>,
    deeds: Receiver<Deed>,
    pulse: Arc<Pulse>,
    thread: JoinHandle<()>,
}

/// What the desk had done.
#[derive(Debug)]
enum Deed {
    Sent(Box<Alert>),
    /// By the number of channels of the book.
    Followed(usize),
    /// Schedules are to be worked out anew.
    Scheduled,
}

/// Room in the store of these tests.
const STORE_ROOM: usize = 100;

fn ends(doors: Vec<Door>) -> Ends {
    let (desk, inbox) = super::inbox();
    let (to_rows, rows) = super::rows();
    let (kept, receipts) = crossbeam_channel::unbounded();
    let (to_store, store) = crossbeam_channel::bounded(STORE_ROOM);
    let (done, deeds) = crossbeam_channel::unbounded();
    let (following, accepted) = (done.clone(), done.clone());
    let pulse = Arc::<Pulse>::default();
    let ways = Ways {
        inbox,
        rows,
        kept: receipts,
        store: to_store,
        doors,
        deliver: Box::new(move |alert| done.send(Deed::Sent(Box::new(alert))).unwrap()),
        follow: Box::new(move |book| {
            following.send(Deed::Followed(book.duty.channels.len())).unwrap();
        }),
        committed: Box::new(|| {}),
        accepted: Box::new(move || accepted.send(Deed::Scheduled).unwrap()),
        watch: Watch {
            timetable: Box::new(|_| true),
            commits: Box::new(|| 0),
            courier: Box::new(|_| true),
        },
        pulse: Arc::clone(&pulse),
        figures: Arc::default(),
    };
    let past = Past {
        folder: std::path::PathBuf::new(),
        away: None,
        installation: 1,
        next_id: 1,
        rows: Vec::new(),
    };
    let thread = start(Clock::anchored(), past, ways).unwrap();
    Ends { desk, rows: to_rows, kept, store, deeds, pulse, thread }
}

#[test]
fn an_arrangement_is_done_once_the_shard_has_every_word_that_follows_from_it() {
    let (sender, mut inbox) = mpsc::channel(ROOM);
    let ends = ends(vec![Door::of(sender)]);
    let behind = (1..=CHILDREN).map(|it| (CheckableId(it), vec![PARENT])).collect();
    let (done, arranged) = crossbeam_channel::bounded(0);
    ends.desk.send(ToDesk::Arrange { behind, restored: vec![(PARENT, false)], done }).unwrap();
    let mut last_words = BTreeMap::new();
    let mut take = |order| {
        if let ToDriver::Desk(ToShard::Parents { host, any_up, .. }) = order {
            last_words.insert(host, any_up);
        }
    };
    // Each child is told twice: that there are parents, and that none of them is up.
    for _ in 0..2 * CHILDREN as usize - ROOM {
        assert!(arranged.try_recv().is_err_and(|it| it.is_empty()), "done too early");
        take(inbox.blocking_recv().unwrap());
    }
    let mut rest = || {
        while let Ok(order) = inbox.try_recv() {
            take(order);
        }
    };
    while arranged.try_recv().is_err_and(|it| it.is_empty()) {
        rest();
    }
    rest();
    let unreachable = (1..=CHILDREN).map(|it| (CheckableId(it), false)).collect();
    assert_eq!(last_words, unreachable);
    ends.desk.send(ToDesk::Stop).unwrap();
    ends.thread.join().unwrap();
}

fn rules() -> Rules {
    let channel = model::Channel {
        name: "psa".into(),
        at: "config.yaml:1".into(),
        kind: "webhook".into(),
        params: Arc::default(),
        personal: None,
        resolve: true,
        group: None,
        limit: None,
        ttl: Duration::from_secs(3_600),
        resend_unknown: true,
        fallback: None,
        refresh: None,
    };
    let step = model::Step {
        after: Duration::ZERO,
        to: Vec::new(),
        via: vec![0],
        at_least: model::Severity::Warning,
        at: "config.yaml:3".into(),
    };
    let policy = model::Policy {
        name: "urgent".into(),
        at: "config.yaml:2".into(),
        hours: None,
        propose: None,
        call: None,
        steps: vec![step],
        remind: None,
        stop_on_acknowledge: true,
        gate: None,
    };
    let subject = Subject {
        id: PARENT,
        name: "acme/web".into(),
        host: None,
        of_host: true,
        customer: 0,
        site: None,
        parents: Arc::from([]),
        labels: Arc::from([]),
        policy: Some(0),
        contract: None,
        measures: &[],
    };
    let duty = Duty { channels: vec![channel], policies: vec![policy], ..Duty::default() };
    Rules {
        book: book_of(&duty),
        duty: Arc::new(duty),
        times: Arc::default(),
        subjects: vec![subject],
        recalled: Some(Vec::new()),
        added: vec![PARENT],
    }
}

fn book_of(duty: &Duty) -> Arc<Book> {
    Arc::new(Book { duty: Arc::new(duty.clone()), ..Book::default() })
}

/// The same with one more channel, which comes first.
fn later_rules() -> Rules {
    let mut rules = rules();
    let mut duty = (*rules.duty).clone();
    let other = model::Channel { name: "other".into(), ..duty.channels[0].clone() };
    duty.channels.insert(0, other);
    rules.book = book_of(&duty);
    Rules { duty: Arc::new(duty), recalled: None, added: Vec::new(), ..rules }
}

impl Ends {
    fn rule(&self, rules: Rules) {
        let (done, ruled) = crossbeam_channel::bounded(0);
        self.desk.send(ToDesk::Rules { rules: Box::new(rules), done }).unwrap();
        let ruled = ruled.recv_timeout(LONG);
        assert!(ruled.is_err_and(|it| !it.is_timeout()), "let go of, nothing sent");
    }

    /// The name of the first host, and that it is down.
    fn goes_down(&self) {
        self.rows.send(Order::Names(vec![(PARENT, "acme/web".to_owned())])).unwrap();
        let batch = Batch { transitions: vec![(1, went_down())], ..Batch::default() };
        self.rows.send(Order::Batch(batch)).unwrap();
    }

    /// Waits for an order in which the desk wants something kept, and gives its number.
    fn number_of(&self, is_it: impl Fn(&[Row]) -> bool) -> u64 {
        loop {
            match self.store.recv_timeout(LONG).unwrap() {
                Order::Batch(Batch { desk: rows, done: Some(done), .. })
                | Order::Desk { rows, done: Some(done) }
                    if is_it(&rows) =>
                {
                    return done;
                }
                _ => {}
            }
        }
    }

    fn deed(&self) -> Deed {
        self.deeds.recv_timeout(LONG).unwrap()
    }

    /// A host goes down, and whoever is on the channel is told: by this alert.
    fn alerts_of_a_dead_host(&self) -> AlertKey {
        self.rule(rules());
        self.goes_down();
        let alerted = self.number_of(has_alert);
        self.kept.send(Receipt::Kept(alerted)).unwrap();
        loop {
            if let Deed::Sent(alert) = self.deed() {
                return alert.key;
            }
        }
    }

    fn ask(&self) -> oneshot::Receiver<Reply> {
        self.ask_for(Command::Comment { problem: ProblemId(77), text: "x".to_owned() })
    }

    fn ask_for(&self, command: Command) -> oneshot::Receiver<Reply> {
        let (reply, answered) = oneshot::channel();
        let request = Request { by: Actor::engine(), version: None, repeat_key: None, command };
        self.desk.send(ToDesk::Ask { request: Box::new(request), reply }).unwrap();
        answered
    }

    /// Waits until the desk has heard all that was said to it so far.
    fn look(&self) {
        let (reply, seen) = crossbeam_channel::bounded(1);
        let look = Look(Box::new(move |_| reply.send(()).unwrap()));
        self.desk.send(ToDesk::Look(look)).unwrap();
        seen.recv_timeout(LONG).unwrap();
    }
}

fn went_down() -> Transition {
    let up = Believed { status: Status::Up, kind: StateType::Hard, attempt: 1 };
    Transition {
        checkable: PARENT,
        at: Moment::from_secs(5),
        from: up,
        to: Believed { status: Status::Down, ..up },
        was_flapping: false,
        flapping: false,
        centipercent: 0,
        cause: None,
        measures: Vec::new(),
    }
}

#[test]
fn nothing_leaves_before_the_store_has_kept_it_together_with_the_belief() {
    let ends = ends(Vec::new());
    ends.rule(rules());
    assert!(matches!(ends.deed(), Deed::Followed(1)));
    let batch = || Batch { transitions: vec![(1, went_down())], ..Batch::default() };
    // The id stood for somebody else: what is said before the name is not about the new one.
    ends.rows.send(Order::Batch(batch())).unwrap();
    ends.rows.send(Order::Names(vec![(PARENT, "acme/web".to_owned())])).unwrap();
    ends.rows.send(Order::Batch(batch())).unwrap();
    let mut passed = Vec::new();
    let done = loop {
        match ends.store.recv_timeout(LONG).unwrap() {
            Order::Batch(batch) if batch.done.is_some() => {
                assert!(batch.desk.iter().any(|it| matches!(it, Row::Problem(_))));
                assert!(batch.desk.iter().any(|it| matches!(it, Row::Alert(_))));
                assert_eq!(batch.transitions.len(), 1, "belief and decision are one order");
                break batch.done.unwrap();
            }
            Order::Batch(batch) => {
                assert!(batch.desk.is_empty());
                passed.push("batch");
            }
            Order::Names(_) => passed.push("names"),
            _ => {}
        }
    };
    assert_eq!(passed, ["batch", "names"]);
    assert!(ends.deeds.try_recv().is_err(), "sent before it was kept");
    ends.kept.send(Receipt::Kept(done)).unwrap();
    let Deed::Sent(alert) = ends.deed() else { panic!("followed once more") };
    assert_eq!(alert.content.about.map(|it| it.name()).as_deref(), Some("acme/web"));
    ends.desk.send(ToDesk::Stop).unwrap();
    ends.thread.join().unwrap();
}

fn has_alert(rows: &[Row]) -> bool {
    rows.iter().any(|it| matches!(it, Row::Alert(_)))
}

#[test]
fn what_was_decided_by_the_old_rules_is_sent_before_the_courier_follows_the_new_ones() {
    let ends = ends(Vec::new());
    ends.rule(rules());
    assert!(matches!(ends.deed(), Deed::Followed(1)));
    ends.goes_down();
    let alerted = ends.number_of(has_alert);
    // The alert is not kept yet when the reload comes.
    ends.rule(later_rules());
    assert!(ends.deeds.try_recv().is_err(), "the old alert would go by the new channels");
    ends.kept.send(Receipt::Kept(alerted)).unwrap();
    let Deed::Sent(alert) = ends.deed() else { panic!("followed too early") };
    assert_eq!(&*alert.route.channel, "psa");
    assert!(matches!(ends.deed(), Deed::Followed(2)));
    ends.desk.send(ToDesk::Stop).unwrap();
    ends.thread.join().unwrap();
}

#[test]
fn canaries_are_judged_at_a_reload_also_by_an_engine_that_began_without_a_past() {
    let ends = ends(Vec::new());
    ends.rule(rules());
    ends.goes_down();
    ends.number_of(has_alert);
    let mut with_canary = rules();
    let mut duty = (*with_canary.duty).clone();
    duty.uplink = model::Uplink { canaries: vec!["acme/web".into()], needed: 1 };
    with_canary.duty = Arc::new(duty);
    ends.rule(Rules { recalled: None, added: Vec::new(), ..with_canary });
    let is_ours =
        |it: &Row| matches!(it, Row::Problem(it) if matches!(it.about, model::About::Own(_)));
    ends.number_of(|rows| rows.iter().any(is_ours));
    ends.desk.send(ToDesk::Stop).unwrap();
    ends.thread.join().unwrap();
}

#[test]
fn while_the_store_takes_nothing_requests_are_refused_and_deliveries_wait_their_turn() {
    let ends = ends(Vec::new());
    let key = ends.alerts_of_a_dead_host();
    // From here on nobody takes anything out of the store.
    let asked: Vec<_> = (0..2 * (LINE_MAX + STORE_ROOM)).map(|_| ends.ask()).collect();
    ends.desk.send(ToDesk::Delivered(key, Delivery::Taken)).unwrap();
    ends.look();
    let busy = |mut it: oneshot::Receiver<Reply>| match it.try_recv() {
        Ok(Reply::Refused(Refusal::Busy { .. })) => true,
        Ok(reply) => panic!("answered before it is kept: {reply:?}"),
        Err(_) => false,
    };
    let refused = asked.into_iter().filter_map(|it| busy(it).then_some(())).count();
    assert!(refused >= LINE_MAX, "only {refused} were refused");
    assert_eq!(ends.pulse.refused.load(Relaxed), refused as u64);
    // The store goes on, and so does everything else, in order.
    ends.number_of(|rows| {
        rows.iter().any(|it| {
            matches!(it, Row::Alert(it)
                if it.key == key && matches!(it.state, model::AlertState::Delivered { .. }))
        })
    });
    let mut later = ends.ask();
    ends.look();
    assert!(later.try_recv().is_err(), "there is room again, so it waits for the store's word");
    ends.desk.send(ToDesk::Stop).unwrap();
    ends.thread.join().unwrap();
}

#[test]
fn what_stands_on_a_channel_is_shown_once_it_is_kept() {
    let ends = ends(Vec::new());
    let key = ends.alerts_of_a_dead_host();
    ends.desk.send(ToDesk::Delivered(key, Delivery::Taken)).unwrap();
    let (reply, mut shown) = oneshot::channel();
    let (channel, recent) = (Arc::from("psa"), LONG);
    ends.desk.send(ToDesk::Standing { channel, recent, reply }).unwrap();
    let taken = ends.number_of(has_alert);
    ends.look();
    assert!(shown.try_recv().is_err(), "a crash could still undo that it was taken");
    ends.kept.send(Receipt::Kept(taken)).unwrap();
    let shown = shown.blocking_recv().unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].key, key);
    ends.desk.send(ToDesk::Stop).unwrap();
    ends.thread.join().unwrap();
}

#[test]
fn a_schedule_is_worked_out_once_it_is_kept_that_somebody_has_accepted_it() {
    let ends = ends(Vec::new());
    let learning = Rules { duty: Arc::new(crate::schedules::tests::learning()), ..rules() };
    ends.rule(learning);
    assert!(matches!(ends.deed(), Deed::Followed(1)));
    let (job, schedule) = ("acme/nas".into(), "daily by 06:30".into());
    let mut answered = ends.ask_for(Command::AcceptSchedule { job, schedule });
    let accepted = ends.number_of(|rows| {
        let text = |it: &Row| match it {
            Row::JobMemory(it) => it.accepted.clone(),
            _ => None,
        };
        rows.iter().filter_map(text).any(|it| *it == *"daily by 06:30")
    });
    ends.look();
    assert!(ends.deeds.try_recv().is_err() && answered.try_recv().is_err(), "before it is kept");
    ends.kept.send(Receipt::Kept(accepted)).unwrap();
    assert!(matches!(ends.deed(), Deed::Scheduled));
    assert!(matches!(answered.blocking_recv().unwrap(), Reply::Done { .. }));
    ends.desk.send(ToDesk::Stop).unwrap();
    ends.thread.join().unwrap();
}
