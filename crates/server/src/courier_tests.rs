//! Tries and repeats, with real receivers on this machine.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    thread,
};

use crossbeam_channel::Receiver;
use model::{
    About, AlertKind, AlertState, Content, Moment, Params, ProblemId, Route, Severity, Status,
    Value,
};

use super::*;
use crate::refresher::Refresher;

const LONG: Duration = Duration::from_secs(30);

/// A receiver that says when it is asked, and answers 200, or never.
fn receiver(answers: bool) -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (asked, was_asked) = crossbeam_channel::unbounded();
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let start = head.len();
                if stream.read_line(&mut head).unwrap_or(0) == 0 {
                    break;
                }
                let line = head[start..].to_ascii_lowercase();
                if let Some(said) = line.strip_prefix("content-length: ") {
                    length = said.trim().parse().unwrap();
                }
            }
            drop(stream.read_exact(&mut vec![0; length]));
            if asked.send(()).is_err() {
                return;
            }
            if answers {
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                drop(stream.get_mut().write_all(answer.as_bytes()));
            } else {
                open.push(stream);
            }
        }
    });
    (url, was_asked)
}

fn channel(kind: &str, name: &str, url: &str) -> model::Channel {
    let params = Params(BTreeMap::from([("url", Value::Text(url.into()))]));
    model::Channel {
        name: name.into(),
        at: "config.yaml:1".into(),
        kind: kind.into(),
        params: Arc::new(params),
        personal: None,
        resolve: true,
        group: None,
        limit: None,
        ttl: Duration::from_secs(3_600),
        resend_unknown: true,
        fallback: None,
        refresh: Some(Duration::from_nanos(1)),
    }
}

fn alert(channel: &str) -> Alert {
    Alert {
        key: AlertKey(7),
        route: Route { channel: channel.into(), contact: "*".into() },
        kind: AlertKind::Trigger,
        problem: ProblemId(1),
        ordinal: 0,
        step: 0,
        owed_at: Moment::from_secs(1),
        not_before: Moment::ZERO,
        expires_at: Moment::from_secs(3_600),
        attempts: 0,
        may_have_arrived: false,
        fault: String::new(),
        state: AlertState::Waiting,
        content: Content {
            about: Some(About::Checkable("acme/web".into())),
            customer: "acme".into(),
            customer_title: "Acme".into(),
            labels: BTreeMap::new(),
            status: Status::Down,
            severity: Severity::Down,
            text: "".into(),
            flapping: false,
            since: Moment::from_secs(1),
            ended_at: None,
            symptoms: Vec::new(),
            symptoms_count: 0,
            by: "".into(),
            title: "acme/web is DOWN".into(),
            members: Vec::new(),
        },
    }
}

fn duty(channels: Vec<model::Channel>) -> Arc<Duty> {
    Arc::new(Duty { channels, ..Duty::default() })
}

/// A desk on which one alert stands on every channel.
fn desk() -> (Sender<ToDesk>, Receiver<(AlertKey, Delivery)>) {
    let (sender, inbox) = crossbeam_channel::bounded(16);
    let (deliver, delivered) = crossbeam_channel::unbounded();
    thread::spawn(move || {
        for message in inbox {
            match message {
                ToDesk::Standing { channel, reply, .. } => {
                    drop(reply.send(vec![alert(&channel)]));
                }
                ToDesk::Delivered(key, delivery) => drop(deliver.send((key, delivery))),
                _ => {}
            }
        }
    });
    (sender, delivered)
}

#[test]
fn a_channel_that_hangs_does_not_delay_the_repeats_of_another() {
    let (hangs, hung) = receiver(false);
    let (takes, taken) = receiver(true);
    let courier = Courier::new(Clock::anchored(), 1, desk().0).unwrap();
    let channels = vec![channel("webhook", "hangs", &hangs), channel("webhook", "takes", &takes)];
    courier.follow(Arc::new(courier.prepare(&duty(channels))));
    let mut refresher = Refresher::new(Arc::clone(&courier.inner));
    let runtime = courier.runtime.as_ref().unwrap();
    let _inside = runtime.enter();
    for _ in 0..3 {
        refresher.turn();
        taken.recv_timeout(LONG).unwrap();
        hung.try_iter().for_each(drop);
        let is_done = |it: &Refresher| it.is_idle("takes");
        while !is_done(&refresher) {
            thread::yield_now();
        }
    }
    assert!(!refresher.is_idle("hangs"), "one at a time");
}

#[test]
fn failed_templates_are_counted_for_the_channel_whose_they_are() {
    let (url, taken) = receiver(true);
    let (desk, delivered) = desk();
    let courier = Courier::new(Clock::anchored(), 1, desk).unwrap();
    // Fine with the sample it is vetted with, and not with this alert.
    let fragile = Value::Text("{{ 1 // (text|length) }}".into());
    let channels = || {
        let mut first = channel("slack", "a", &url);
        Arc::make_mut(&mut first.params).0.insert("title", fragile.clone());
        vec![first, channel("slack", "b", &url)]
    };
    courier.follow(Arc::new(courier.prepare(&duty(channels()))));
    courier.deliver(alert("a"));
    courier.deliver(Alert { key: AlertKey(8), ..alert("b") });
    for _ in 0..2 {
        taken.recv_timeout(LONG).unwrap();
        delivered.recv_timeout(LONG).unwrap();
    }
    let before = courier.template_failures();
    let of = |name: &str| before.iter().find(|it| &*it.0 == name).map(|it| it.1);
    // One message may have the text more than once.
    assert!(of("a").is_some_and(|it| it > 0), "{before:?}");
    assert_eq!(of("b"), Some(0));
    courier.follow(Arc::new(courier.prepare(&duty(channels()))));
    assert_eq!(courier.template_failures(), before, "a reload forgets no count");
}

/// A channel with a fault of ours.
struct Breaks;

impl Teller for Breaks {
    fn deliver<'a>(
        &'a self,
        _: &'a World,
        _: &'a Alert,
        _: &'a Contact,
    ) -> std::pin::Pin<Box<dyn Future<Output = Delivery> + Send + 'a>> {
        Box::pin(async { panic!("on purpose") })
    }
}

#[test]
fn a_try_always_comes_back_and_one_that_does_not_is_seen() {
    let (desk, delivered) = desk();
    let courier = Courier::new(Clock::anchored(), 1, desk).unwrap();
    let world = World::new(WorldSettings::default());
    let duty = duty(vec![channel("webhook", "breaks", "http://127.0.0.1:9/")]);
    let breaks: (Arc<dyn Teller>, World) = (Arc::new(Breaks), world);
    courier.follow(Arc::new(Book { duty, channels: HashMap::from([("breaks".into(), breaks)]) }));
    courier.deliver(alert("breaks"));
    let (key, delivery) = delivered.recv_timeout(LONG).unwrap();
    assert_eq!(key, AlertKey(7));
    assert!(matches!(delivery, Delivery::Later { may_have_arrived: true, .. }), "{delivery:?}");

    // And if nobody hears of the outcome, it is we who are stuck.
    let (full, _inbox) = crossbeam_channel::bounded(0);
    let courier = Courier::new(Clock::anchored(), 1, full).unwrap();
    courier.deliver(alert("gone"));
    let now = courier.inner.clock.now();
    assert!(courier.gets_on(now.after(TRY_AGE_MAX - Duration::from_secs(1))));
    assert!(!courier.gets_on(now.after(TRY_AGE_MAX)));
}
