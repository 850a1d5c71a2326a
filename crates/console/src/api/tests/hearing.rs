//! Watchdogs over the interface: what is shown, pings, badges, and mails that are fed in.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use axum::{body::Body, http::Request};
use model::{
    Class, Heard, Hears, Job, JobMemory, MailKey, Nominal, Outcome, Proof, Report, ReportId, Says,
    Schedule, Slot, SlotKey, Span, Standing, TimeSource,
};
use serde_json::json;

use super::{
    NOW, Who, World, all_scopes,
    fake::{Fake, cut, is_of},
    objects::CUSTOMERS,
    ready, request, token, with,
};
use crate::{
    PING_BODY_BYTES_MAX,
    api::{
        BadgeView, Fed, Feed, JobFilter, JobView, NotTaken, Page, Ping, Read, ReportsFilter,
        Secrets, Signal, SlotsFilter, Suggestion, Taking, ToCome, ToComeFilter, Watchdogs,
    },
};

const TOKEN: &str = "abcdefghijklmnopqrstuvwx27";
const EVIL: &str = "<script>alert(1)</script>";

pub(crate) fn name(customer: &str) -> String {
    let customer = if customer.is_empty() { "campanile" } else { customer };
    format!("{customer}/nas")
}

fn job(customer: &str) -> Job {
    Job {
        name: name(customer).into(),
        at: "checks/acme.yaml:7".into(),
        schedule: Schedule {
            text: "daily 02:00".into(),
            zone: "Europe/Rome".into(),
            ..Schedule::default()
        },
        grace: Some(Duration::from_secs(3600)),
        hears: Hears { ping: true, ..Hears::default() },
        ..Job::default()
    }
}

fn nominal() -> Nominal {
    Nominal { at: NOW, from: NOW, until: NOW, by: false, holiday: false }
}

fn slot(customer: &str) -> Slot {
    Slot {
        key: SlotKey { job: name(customer).into(), at: NOW },
        version: 1,
        customer: customer.into(),
        nominal: nominal(),
        open: NOW,
        due: NOW,
        close: NOW,
        standing: Standing::Missing,
        why: "nothing was heard".to_owned(),
        judged_at: Some(NOW),
        entries: Vec::new(),
        more: 0,
        ended_at: None,
        size: Some(7),
        duration: None,
        retried: false,
        corrected: false,
        parent: None,
    }
}

fn view(customer: &str) -> JobView {
    let memory = JobMemory { version: 3, sizes: vec![5, 9, 7], ..JobMemory::default() };
    JobView {
        job: job(customer),
        customer: customer.into(),
        memory: Some(memory),
        open: Some(slot(customer)),
        last: Some(slot(customer)),
        next_due: Some(NOW),
        suggestion: Some(Suggestion { schedule: "daily 02:10".into(), why: "ten runs".into() }),
        problem: None,
        policy: None,
        contract: None,
        badge: "badge-1".into(),
    }
}

fn says() -> Says {
    Says { outcome: Some(Outcome::Failed), text: EVIL.into(), ..Says::default() }
}

pub(crate) fn report(id: u64, customer: &str) -> Report {
    let is_claimed = !customer.is_empty();
    Report {
        id: ReportId(id),
        version: 1,
        job: is_claimed.then(|| name(customer).into()),
        customer: customer.into(),
        at: NOW,
        ran_at: NOW,
        ran_by: TimeSource::Body,
        intake: "mail".into(),
        peer: "192.0.2.1".into(),
        from: "nas@example".into(),
        says: says(),
        proof: Proof::default(),
        class: if is_claimed { Class::Counted } else { Class::Unclaimed },
        slot: None,
        mail: Some(MailKey([1; 32])),
    }
}

fn heard() -> Heard {
    Heard {
        job: Some("acme/nas".into()),
        at: NOW,
        intake: "feed".into(),
        peer: "robot".into(),
        from: "".into(),
        says: says(),
        proof: Proof::default(),
        keys: vec![[1; 16]],
        mail: None,
    }
}

impl Watchdogs for Fake {
    fn jobs(&self, filter: &JobFilter) -> Read<Page<JobView>> {
        let all = CUSTOMERS.into_iter().filter(|it| is_of(&filter.customers, it)).map(view);
        let fits = |it: &JobView| {
            let standing = it.last.as_ref().map(|it| it.standing);
            filter.standing.is_none() || filter.standing == standing
        };
        cut(self.whole(all.filter(fits).collect())?, &filter.cut)
    }

    fn job(&self, wanted: &str) -> Read<Option<JobView>> {
        self.whole(CUSTOMERS.into_iter().find(|it| name(it) == wanted).map(view))
    }

    fn secrets(&self, _: &str) -> Read<Option<Secrets>> {
        let addresses = vec![format!("backup+{TOKEN}@in.example")];
        self.whole(Some(Secrets { addresses, ping: Some(format!("/ping/{TOKEN}")) }))
    }

    fn slots(&self, filter: &SlotsFilter) -> Read<Page<Slot>> {
        let all = CUSTOMERS.into_iter().filter(|it| name(it) == filter.job).map(slot);
        cut(self.whole(all.collect())?, &filter.cut)
    }

    fn slots_within(&self, jobs: &[Arc<str>], within: Span, _: usize) -> Read<Vec<Slot>> {
        let all = CUSTOMERS.into_iter().filter(|it| jobs.iter().any(|job| **job == name(it)));
        let fits = |it: &Slot| within.from <= it.nominal.at && it.nominal.at < within.until;
        self.whole(all.map(slot).filter(fits).collect())
    }

    fn to_come(&self, filter: &ToComeFilter) -> Read<Vec<ToCome>> {
        let all = CUSTOMERS.into_iter().filter(|it| is_of(&filter.customers, it));
        let one = |it: &str| ToCome {
            job: name(it).into(),
            customer: it.into(),
            nominal: nominal(),
            due: NOW,
        };
        self.whole(all.map(one).collect())
    }

    fn reports(&self, filter: &ReportsFilter) -> Read<Page<Report>> {
        let kept = self.kept();
        let fits = |it: &&Report| {
            is_of(&filter.customers, &it.customer)
                && filter.class.is_none_or(|class| class == it.class)
        };
        cut(self.whole(kept.reports.values().rev().filter(fits).cloned().collect())?, &filter.cut)
    }

    fn report(&self, id: ReportId) -> Read<Option<Report>> {
        self.whole(self.kept().reports.get(&id.0).cloned())
    }

    fn text(&self, _: &Report) -> Read<Option<String>> {
        self.whole(Some(format!("Subject: x\n\n{EVIL}")))
    }

    fn try_mail(&self, feed: &Feed) -> Read<Vec<Fed>> {
        let is_mail = feed.raw.windows(8).any(|it| it == b"Subject:");
        self.whole(if is_mail { vec![Fed { heard: heard(), report: None }] } else { Vec::new() })
    }

    fn badge(&self, id: &str) -> Read<Option<BadgeView>> {
        let badge = BadgeView { name: EVIL.into(), standing: Some(Standing::Kept), since: None };
        self.whole((id == "badge-1").then_some(badge))
    }

    fn feed(&self, _: Feed) -> Taking<'_, Vec<Fed>> {
        Box::pin(async move {
            self.commands.fetch_add(1, SeqCst);
            Ok(vec![Fed { heard: heard(), report: Some(ReportId(9)) }])
        })
    }

    fn ping(&self, ping: Ping) -> Taking<'_, ()> {
        Box::pin(async move {
            if self.broken.load(SeqCst) {
                return Err(NotTaken::NotNow("the disk is full".to_owned()));
            }
            if ping.token != TOKEN {
                return Err(NotTaken::Nobody);
            }
            self.kept().pings.push(ping);
            Ok(())
        })
    }
}

async fn ping(world: &World, method: &str, path: &str, body: impl Into<Body>) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).header("user-agent", "curl/8\tx");
    let heard = world.send(request.body(body.into()).unwrap()).await;
    (heard.status.as_u16(), String::from_utf8(heard.body).unwrap())
}

#[tokio::test]
async fn pings_are_taken_in_every_shape_and_kept_before_they_are_answered() {
    let world = World::new();
    let fine = (200, "OK".to_owned());
    let upper = TOKEN.to_uppercase();
    for (path, signal) in [
        (format!("/ping/{TOKEN}"), Signal::Success),
        (format!("/ping/{upper}"), Signal::Success),
        (format!("/ping/{TOKEN}/start"), Signal::Start),
        (format!("/ping/{TOKEN}/fail"), Signal::Fail),
        (format!("/ping/{TOKEN}/log"), Signal::Log),
        (format!("/ping/{TOKEN}/0"), Signal::Exit(0)),
        (format!("/ping/{TOKEN}/3"), Signal::Exit(3)),
    ] {
        assert_eq!(ping(&world, "GET", &path, "").await, fine, "{path}");
        assert_eq!(ping(&world, "POST", &path, "two\nlines").await, fine, "{path}");
        assert_eq!(ping(&world, "HEAD", &path, "").await.0, 200, "{path}");
        let kept = std::mem::take(&mut world.fake.kept().pings);
        assert_eq!(kept.len(), 3);
        assert!(kept.iter().all(|it| it.signal == signal && it.token == TOKEN), "{kept:?}");
        assert_eq!((&*kept[1].body, &*kept[1].agent), (&b"two\nlines"[..], "curl/8x"));
    }
    let run = "728b3763-4f9c-4b7a-8d2f-0123456789ab";
    assert_eq!(ping(&world, "GET", &format!("/ping/{TOKEN}?rid={run}"), "").await, fine);
    assert_eq!(world.fake.kept().pings[0].run.as_deref(), Some(run));
    world.fake.broken.store(true, SeqCst);
    assert_eq!(ping(&world, "GET", &format!("/ping/{TOKEN}"), "").await.0, 503, "not kept");
}

#[tokio::test]
async fn pings_that_are_none_are_told_nothing() {
    let world = World::new();
    let unknown = ping(&world, "GET", "/ping/bbcdefghijklmnopqrstuvwx27", "").await;
    assert_eq!(unknown, (404, "not found\n".to_owned()));
    for path in [
        "/ping/x".to_owned(),
        format!("/ping/{TOKEN}x"),
        format!("/ping/{TOKEN}/256"),
        format!("/ping/{TOKEN}/-1"),
        format!("/ping/{TOKEN}/%2e%2e"),
        "/ping/%00".to_owned(),
        "/badge/x.svg".to_owned(),
        format!("/badge/{TOKEN}.svg"),
        "/badge/badge-1.html".to_owned(),
    ] {
        assert_eq!(ping(&world, "GET", &path, "").await, unknown, "{path}");
    }
    assert_eq!(ping(&world, "GET", &format!("/ping/{TOKEN}?rid=x"), "").await.0, 400);
    assert!(world.fake.kept().pings.is_empty());
}

#[tokio::test]
async fn a_long_body_is_cut_and_an_endless_one_refused() {
    let world = World::new();
    let path = format!("/ping/{TOKEN}");
    let long = "x".repeat(PING_BODY_BYTES_MAX + 1);
    let request = Request::post(&path).body(Body::from(long)).unwrap();
    let heard = world.send(request).await;
    assert_eq!(heard.headers["ping-body-limit"], "100000");
    let kept = world.fake.kept().pings.pop().unwrap();
    assert_eq!((kept.body.len(), kept.cut), (PING_BODY_BYTES_MAX, true));
    assert_eq!(ping(&world, "POST", &path, vec![b'x'; 9 << 20]).await.0, 413);
    assert!(world.fake.kept().pings.is_empty());
}

#[tokio::test]
async fn one_address_cannot_ping_for_ever() {
    let world = World::new();
    let mut seen = BTreeMap::new();
    for _ in 0..1_100 {
        *seen.entry(ping(&world, "GET", "/ping/x", "").await.0).or_insert(0) += 1;
    }
    assert_eq!(seen, BTreeMap::from([(404, 1_000), (429, 100)]));
}

#[tokio::test]
async fn badges_show_no_more_than_a_name_and_a_word() {
    let world = World::new();
    let request = Request::get("/badge/badge-1.svg").body(Body::empty()).unwrap();
    let heard = world.send(request).await;
    assert_eq!(heard.headers["content-type"], "image/svg+xml; charset=utf-8");
    assert!(!String::from_utf8(heard.body).unwrap().contains("<script"));
    let request = Request::get("/badge/badge-1.json").body(Body::empty()).unwrap();
    let heard = world.send(request).await.json();
    assert_eq!((&heard["message"], &heard["good"]), (&json!("kept"), &json!(true)));
}

#[tokio::test]
async fn the_text_of_a_mail_is_text_and_never_a_page() {
    let heard = ready().get("/api/v1/reports/71/text").await;
    assert_eq!(heard.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(heard.headers["x-content-type-options"], "nosniff");
    assert!(String::from_utf8(heard.body).unwrap().contains(EVIL));
}

#[tokio::test]
async fn secrets_are_in_no_list_and_only_for_their_scope() {
    let world = ready();
    for path in ["/watchdogs", "/watchdogs/acme%2Fnas", "/watchdogs/acme%2Fnas/slots", "/reports"] {
        let heard = world.get(&format!("/api/v1{path}")).await;
        assert_eq!(heard.status.as_u16(), 200, "{path}");
        assert!(!String::from_utf8(heard.body).unwrap().contains(TOKEN), "{path}");
    }
    let secrets = world.get("/api/v1/watchdogs/acme%2Fnas/secrets").await.json();
    assert_eq!(secrets["ping"], format!("/ping/{TOKEN}"));
}

#[tokio::test]
async fn mails_are_fed_as_mails_and_within_their_limit() {
    let world = ready();
    let feed = "/api/v1/watchdogs/feed";
    let raw = |path: &str, kind: &str, body: Vec<u8>| {
        let mut it = with(request(Who::Token(1), "POST", path, None), "content-type", kind);
        *it.body_mut() = Body::from(body);
        it
    };
    for (kind, body, status, code) in [
        ("application/json", b"{}".to_vec(), 415, "not-mail"),
        ("text/plain", b"Subject: x".to_vec(), 415, "not-mail"),
        ("message/rfc822", Vec::new(), 400, "invalid"),
        ("message/rfc822", vec![b'x'; (35 << 20) + 1], 413, "too-large"),
    ] {
        let heard = world.send(raw(feed, kind, body)).await;
        assert_eq!((heard.status.as_u16(), &*heard.code()), (status, code), "{kind}");
    }
    assert_eq!(world.fake.commands.load(SeqCst), 0);
    let heard = world.send(raw(feed, "message/rfc822", vec![b'x'; 2 << 20])).await;
    assert_eq!(heard.json()["items"][0]["report"], 9, "larger than any JSON may be");
    let dry = "/api/v1/watchdogs/test";
    let heard = world.send(raw(dry, "message/rfc822", b"Subject: x\xff".to_vec())).await;
    assert_eq!(heard.json()["items"][0]["says"]["outcome"], "failed");
    let heard = world.send(raw(dry, "message/rfc822", b"\x00\xff".to_vec())).await;
    assert_eq!(heard.code(), "invalid");
}

#[tokio::test]
async fn a_grid_has_every_day_on_the_clock_of_its_watchdog() {
    let world = ready();
    let grid = world.get("/api/v1/watchdogs/grid?from=2027-01-13&days=3&limit=1").await.json();
    let days = grid["items"][0]["days"].as_array().unwrap();
    let said: Vec<_> = days.iter().map(|it| (it["day"].clone(), it["standing"].clone())).collect();
    let day = |it: &str, standing: serde_json::Value| (json!(it), standing);
    assert_eq!(
        said,
        [
            day("2027-01-13", json!(null)),
            day("2027-01-14", json!(null)),
            day("2027-01-15", json!("missing")),
        ]
    );
    assert_eq!((&days[2]["size"], &grid["next"]), (&json!(7), &json!("1")));
    for query in ["from=x", "from=0001-01-01", "from=9999-12-31", "days=0", "days=63", "days=-1"] {
        let heard = world.get(&format!("/api/v1/watchdogs/grid?{query}")).await;
        assert_eq!(heard.code(), "invalid", "{query}");
    }
    for query in ["watchdogs?standing=good", "reports?class=x"] {
        assert_eq!(world.get(&format!("/api/v1/{query}")).await.code(), "invalid", "{query}");
    }
}

#[tokio::test]
async fn a_report_cannot_be_claimed_for_somebody_elses_watchdog() {
    let world = World::new();
    world.let_in([token(7, &all_scopes(), Some(&["acme"]))]);
    let claim = async |report: u64, name: &str| {
        let body = json!({ "watchdog": name });
        let path = format!("/api/v1/reports/{report}/claim");
        world.ask(Who::Token(7), "POST", &path, Some(&body)).await.status.as_u16()
    };
    assert_eq!(claim(71, "bolt/nas").await, 404);
    assert_eq!(claim(73, "acme/nas").await, 404, "nobody's is for all customers only");
    assert_eq!(claim(71, "acme/nas").await, 200);
}
