//! The interface through the console's real door: sockets, limits of connections, shutting down.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::sync::{mpsc, oneshot};

use super::{PATIENCE, SECRET, World, all_scopes, ready, token as made};
use crate::{Build, Shared, api::token, serve};

struct Running {
    world: World,
    shared: Arc<Shared>,
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start() -> Self {
        let world = ready();
        world.let_in([made(1, &all_scopes(), None)]);
        let build = Build { version: "1", labels: Vec::new() };
        let shared = Arc::new(Shared::new(build, 1, &[], || super::NOW));
        shared.offer(world.api.clone());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (reload, _) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build().unwrap();
            let until = async { drop(stopped.await) };
            runtime.block_on(serve(listener, served, reload, until)).unwrap();
        });
        Self { world, shared, addr, stop: Some(stop), thread: Some(thread) }
    }

    fn send(&self, head: &str, body: &[u8]) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let shown = token::text(model::NoteId(1), SECRET);
        let length = body.len();
        let head = format!(
            "{head}\r\nhost: x\r\nauthorization: Bearer {shown}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        BufReader::new(stream)
    }
}

/// Everything until the connection ends.
fn rest(mut stream: BufReader<TcpStream>) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn whoever_sends_a_megabyte_hears_why_it_is_refused() {
    let engine = Running::start();
    let body = format!("{{\"text\": \"{}\"}}", "x".repeat(4 << 20));
    let head = "POST /api/v1/problems/11/comment HTTP/1.1\r\nconnection: close\r\n\
                content-type: application/json";
    let text = rest(engine.send(head, body.as_bytes()));
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    assert!(text.contains("\"code\":\"too-large\""), "{text}");
}

#[test]
fn the_pages_go_on_beside_it_and_count_it() {
    let engine = Running::start();
    let close = "HTTP/1.1\r\nconnection: close";
    assert!(rest(engine.send(&format!("GET /api/v1/problems {close}"), b"")).contains("200 OK"));
    assert!(rest(engine.send(&format!("GET /api/v1/problems/999 {close}"), b"")).contains(" 404 "));
    assert!(rest(engine.send(&format!("GET /-/healthy {close}"), b"")).ends_with("healthy\n"));
    assert!(rest(engine.send(&format!("GET /nothing {close}"), b"")).contains("no such page"));
    engine.shared.add_source(|readings| {
        let help = "Open problems";
        readings.gauge("campanile_problems", help, &[("severity", "critical")], 2.0);
        readings.counter("campanile_sla_breaches", "Promises that were missed", &[], 0.0);
        let labels = [("channel", "sms"), ("reason", "timeout")];
        readings.counter("campanile_notifications_failed", "Sends that failed", &labels, 3.0);
    });
    let metrics = rest(engine.send(&format!("GET /metrics {close}"), b""));
    for line in [
        "campanile_problems{severity=\"critical\"} 2",
        "campanile_sla_breaches_total 0",
        "campanile_notifications_failed_total{channel=\"sms\",reason=\"timeout\"} 3",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    assert!(metrics.contains("campanile_api_faults_total{code=\"unknown\"} 1"), "{metrics}");
    assert!(metrics.contains("path=\"/api/v1\""), "{metrics}");
}

#[test]
fn a_stream_ends_in_good_order_when_the_engine_stops() {
    let mut engine = Running::start();
    let head = "GET /api/v1/events HTTP/1.1\r\naccept: text/event-stream";
    let mut stream = engine.send(head, b"");
    let mut line = String::new();
    while !line.starts_with("retry: ") {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream begins");
    }
    engine.world.fake.happen("acme", model::EventKind::ProblemOpened, "engine");
    while line != "id: 1\n" {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "an event comes");
    }
    drop(engine.stop.take());
    let text = rest(stream);
    assert!(text.ends_with("0\r\n\r\n"), "it was cut off rather than ended: {text}");
    engine.thread.take().unwrap().join().unwrap();
}
