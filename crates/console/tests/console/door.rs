//! Requests, good and bad.

use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    time::Instant,
};

use console::{CONNECTIONS_MAX, ReloadOutcome};

use crate::{
    fixture::{Answer, HTTP, PATIENCE, Running, read_with, service},
    page::{Format, Page},
};

fn post(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n")
}

#[test]
fn it_is_healthy_from_the_start_and_ready_once_all_shards_have_begun() {
    let running = Running::start(Vec::new());
    assert_eq!(running.get("/-/healthy").code, 200);
    let answer = running.get("/-/ready");
    assert_eq!(answer.code, 503);
    assert_eq!(answer.text(), "not ready: 2 of 2 shards have not begun yet\n");
    running.shared.shard_began(0);
    assert_eq!(running.get("/-/ready").code, 503);
    running.shared.shard_began(1);
    assert_eq!(running.get("/-/ready").code, 200);
    running.shared.stopping();
    assert_eq!(running.get("/-/ready").text(), "not ready: stopping\n");
    assert_eq!(running.get("/-/healthy").code, 200);
}

#[test]
fn a_reload_is_asked_for_and_answered() {
    let mut running = Running::start(Vec::new());
    let outcomes = [
        (ReloadOutcome::Done("3 added\n".to_owned()), 200, "3 added\n"),
        (ReloadOutcome::Refused("error: unknown key\n".to_owned()), 400, "error: unknown key\n"),
    ];
    for (outcome, code, said) in outcomes {
        let mut stream = running.connect();
        stream.write_all(post("/-/reload", "Content-Length: 0\r\n").as_bytes()).unwrap();
        let request = running.reloads.blocking_recv().unwrap();
        request.reply.send(outcome).unwrap();
        let answer = Answer::read(&mut BufReader::new(stream)).unwrap();
        assert_eq!((answer.code, answer.text().as_str()), (code, said));
    }
}

#[test]
fn a_second_reload_at_once_is_told_to_come_back() {
    let mut running = Running::start(Vec::new());
    // One is with the server, one waits in the queue, the third is too much.
    let mut first = running.connect();
    first.write_all(post("/-/reload", "").as_bytes()).unwrap();
    let request = running.reloads.blocking_recv().unwrap();
    let mut second = running.connect();
    second.write_all(post("/-/reload", "").as_bytes()).unwrap();
    let began = Instant::now();
    while running.reloads.is_empty() {
        assert!(began.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    let third = running.ask(&post("/-/reload", ""));
    assert_eq!(third.code, 503);
    assert!(third.head.contains("retry-after: 5\r\n"));
    request.reply.send(ReloadOutcome::Done(String::new())).unwrap();
    assert_eq!(Answer::read(&mut BufReader::new(first)).unwrap().code, 200);
    // The server goes away with the second one in its hands.
    drop(running.reloads.blocking_recv().unwrap());
    assert_eq!(Answer::read(&mut BufReader::new(second)).unwrap().code, 503);
}

#[test]
fn what_is_not_offered_is_refused() {
    let running = Running::start(Vec::new());
    assert_eq!(running.get("/nothing").code, 404);
    let answer = running.get("/-/reload");
    assert_eq!(answer.code, 405);
    assert!(answer.head.contains("allow: post"), "{}", answer.head);
    assert_eq!(running.ask(&post("/metrics", "")).code, 405);
    let elsewhere = "Sec-Fetch-Site: cross-site\r\nOrigin: https://elsewhere.example\r\n";
    assert_eq!(running.ask(&post("/-/reload", elsewhere)).code, 403);
    let answer = running.get("/");
    assert!(answer.text().contains("/metrics"));
    assert!(answer.head.contains("x-content-type-options: nosniff\r\n"), "{}", answer.head);
    assert!(answer.head.contains("cache-control: no-store\r\n"), "{}", answer.head);
}

#[test]
fn a_head_request_has_no_body() {
    let running = Running::start(Vec::new());
    let mut stream = running.connect();
    stream.write_all(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(all.starts_with("HTTP/1.1 200"), "{all}");
    assert!(all.ends_with("\r\n\r\n"), "{all}");
}

#[test]
fn requests_beyond_the_limits_are_turned_away_one_by_one() {
    let running = Running::start(Vec::new());
    let length = format!("Content-Length: {}\r\n", 65 << 10);
    let body = "x".repeat(65 << 10);
    assert_eq!(running.ask(&(post("/-/reload", &length) + &body)).code, 413);
    let many: String = (0..100).map(|it| format!("X-{it}: y\r\n")).collect();
    let answer = running.ask(&format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"));
    assert_eq!(answer.code, 431);
    let long = "y".repeat(20 << 10);
    let answer = running.ask(&format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"));
    assert_eq!(answer.code, 431);
    assert_eq!(running.ask("\u{0}\u{1}\u{2} nonsense\r\n\r\n").code, 400);
    assert_eq!(running.get("/-/healthy").code, 200);
}

#[test]
fn a_request_that_breaks_ends_nothing_else() {
    let running = Running::start(Vec::new());
    let armed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let trigger = std::sync::Arc::clone(&armed);
    running.shared.add_source(move |_| {
        assert!(!trigger.load(std::sync::atomic::Ordering::Relaxed), "a source that breaks");
    });
    let answer = running.get("/metrics");
    assert!(!answer.whole, "half a page must not look like a whole one");
    armed.store(false, std::sync::atomic::Ordering::Relaxed);
    assert!(running.get("/metrics").whole);
}

#[test]
fn a_connection_serves_many_requests() {
    let running = Running::start(Vec::new());
    let mut stream = BufReader::new(running.connect());
    for _ in 0..5 {
        stream.get_mut().write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let answer = Answer::read(&mut stream).unwrap();
        Page::read(&answer.text(), Format::Plain);
    }
    let page = Page::read(&running.metrics(), Format::OpenMetrics);
    let labels = [("path", "/metrics"), ("code", "200")];
    // This one is counted when it is answered, that is, after it was written.
    assert!(page.value("campanile_console_requests_total", &labels).unwrap() >= 5.0);
}

#[test]
fn what_is_under_way_is_finished_before_the_end() {
    let mut running = Running::start(Vec::new());
    let mut stream = running.connect();
    stream.write_all(post("/-/reload", "").as_bytes()).unwrap();
    let request = running.reloads.blocking_recv().unwrap();
    running.shut_down();
    // The door is closed before what is under way has ended.
    let began = Instant::now();
    while TcpStream::connect(running.addr).is_ok() {
        assert!(began.elapsed() < PATIENCE);
    }
    request.reply.send(ReloadOutcome::Done("done\n".to_owned())).unwrap();
    let answer = Answer::read(&mut BufReader::new(stream)).unwrap();
    assert_eq!(answer.text(), "done\n");
    running.wait();
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let running = Running::start(Vec::new());
    let mut held: Vec<_> = (0..CONNECTIONS_MAX).map(|_| running.connect()).collect();
    let mut late = running.connect();
    late.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    // Over one of the connections that are in, until all of them are.
    let mut inside = BufReader::new(held.remove(0));
    let began = Instant::now();
    loop {
        inside.get_mut().write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let page = Page::read(&Answer::read(&mut inside).unwrap().text(), Format::Plain);
        let open = page.value("campanile_console_connections", &[]).unwrap();
        assert!(open <= CONNECTIONS_MAX as f64);
        if page.value("campanile_console_connections_held_back_total", &[]).unwrap() > 0.0 {
            assert_eq!(open, CONNECTIONS_MAX as f64);
            break;
        }
        assert!(began.elapsed() < PATIENCE);
    }
    held.pop();
    assert_eq!(Answer::read(&mut BufReader::new(late)).unwrap().code, 200);
}

#[test]
fn scrapes_beyond_the_limit_are_told_to_come_back() {
    let entries = (0..30_000).map(|id| service(id, &format!("s{id}"), &HTTP));
    let running = Running::start(entries.collect());
    // More than fits the buffers on the way, and nobody reads it.
    let stuck: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = BufReader::with_capacity(512, running.connect());
            stream.get_mut().write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    assert_eq!(running.get("/metrics").code, 503);
    assert_eq!(running.get("/-/healthy").code, 200, "the other pages do not suffer");
    drop(stuck);
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE, "a reader that goes away frees its place");
        let mut stream = BufReader::new(running.connect());
        stream.get_mut().write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let (head, whole) = read_with(&mut stream, |_| {}).unwrap();
        if head.starts_with("http/1.1 200") {
            assert!(whole);
            break;
        }
    }
}
