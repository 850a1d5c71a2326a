//! What the page says.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use console::{Board, Entry};
use model::{
    Cause, CauseCode, CheckableId, KindId, Measure, Moment, SkipReason, StateType, Status, Verdict,
};

use crate::{
    fixture::{HTTP, NOW_SECS, PING, Running, answer, believed, host, refused, service, text},
    page::{Format, Page},
};

const WEB: [(&str, &str); 3] = [("customer", "acme"), ("host", "web"), ("service", "site")];

/// A host and two services of which everything is known.
fn busy() -> Running {
    let running = Running::start(vec![
        host(0, "web"),
        service(1, "site", &HTTP),
        Entry { target: Arc::from("10.0.0.1"), ..service(2, "line", &PING) },
    ]);
    let board = running.shared.board();
    let cell = |id| board.cell(CheckableId(id)).unwrap();
    cell(0).believe(&believed(Status::Up, StateType::Hard), 0);
    cell(0).answered(&answer(8, Verdict::OK, vec![Measure::number(0, 0.001)]));
    let mut flapping = believed(Status::Critical, StateType::Soft);
    flapping.flapping = true;
    cell(1).believe(&flapping, 4_250);
    let measures = vec![Measure::number(0, 0.5), text(2, "TLS 1.3"), Measure::number(3, 0.125)];
    cell(1).answered(&answer(5, Verdict::OK, measures));
    cell(2).believe(&believed(Status::Warning, StateType::Hard), 0);
    cell(2).answered(&answer(6, refused(), vec![Measure::number(1, 0.25)]));
    running
}

#[test]
fn states_and_measurements_are_shown() {
    let running = busy();
    let page = Page::read(&running.metrics(), Format::OpenMetrics);
    let of = |name| page.value(name, &WEB);
    assert_eq!(of("campanile_service_state"), Some(2.0));
    assert_eq!(of("campanile_service_hard"), Some(0.0));
    assert_eq!(of("campanile_service_flapping"), Some(1.0));
    assert_eq!(of("campanile_service_stale"), Some(0.0));
    let at = (NOW_SECS - 5) as f64;
    assert_eq!(of("campanile_service_last_check_timestamp_seconds"), Some(at));
    assert_eq!(of("probe_success"), Some(1.0), "all was well before thresholds");
    assert_eq!(of("probe_duration_seconds"), Some(0.25));
    assert_eq!(of("probe_timeout_seconds"), Some(2.5));
    let phases = page.find("probe_http_duration_seconds", &WEB);
    assert_eq!(phases.len(), 1, "what was not measured is not shown");
    assert_eq!((phases[0].0["phase"].as_str(), phases[0].1), ("connect", 0.5));
    let version = page.find("probe_tls_version_info", &WEB);
    assert_eq!((version[0].0["version"].as_str(), version[0].1), ("TLS 1.3", 1.0));
    let lookups = page.find("probe_dns_lookup_time_seconds", &[]);
    let jobs: Vec<_> = lookups.iter().map(|it| (&*it.0["job"], &*it.0["instance"], it.1)).collect();
    let expected = [("http", "https://web.example/", 0.125), ("ping", "10.0.0.1", 0.25)];
    assert_eq!(jobs, expected, "two kinds share one family");

    let line = [("service", "line")];
    assert_eq!(page.value("probe_success", &line), Some(0.0));
    assert_eq!(page.value("campanile_service_state", &line), Some(1.0));
    let web = [("customer", "acme"), ("host", "web")];
    assert_eq!(page.value("campanile_host_state", &web), Some(0.0));
    assert_eq!(page.value("campanile_host_hard", &web), Some(1.0));
    assert_eq!(page.value("campanile_host_flapping", &web), Some(0.0));
    let at = (NOW_SECS - 8) as f64;
    assert_eq!(page.value("campanile_host_last_check_timestamp_seconds", &web), Some(at));
}

#[test]
fn the_engine_tells_about_itself() {
    let running = busy();
    let counters = running.shared.counters();
    for shard in 0..2 {
        let http = counters.of(shard, KindId(0)).unwrap();
        http.started(Duration::from_millis(30), false);
        http.started(Duration::from_millis(300), true);
        http.finished(&refused(), Duration::from_secs(1));
        http.overran();
    }
    let ping = counters.of(1, KindId(1)).unwrap();
    ping.started(Duration::ZERO, false);
    ping.finished(&Cause::bare(CauseCode::NoRight).into(), Duration::ZERO);
    ping.skipped(SkipReason::Limit);
    running.shared.add_source(|out| {
        out.counter("campanile_icmp_replies_late", "Late replies", &[("shard", "0")], 3.0);
        out.gauge("campanile_store_queue_depth", "Orders that wait", &[], 4.0);
    });
    let page = Page::read(&running.metrics(), Format::OpenMetrics);
    let of = |name: &str, labels: &[(&str, &str)]| page.value(name, labels);
    let (http, ping) = (("kind", "http"), ("kind", "ping"));
    assert_eq!(of("campanile_checks_total", &[http, ("result", "critical")]), Some(2.0));
    assert_eq!(of("campanile_checks_total", &[http, ("result", "ok")]), Some(0.0));
    assert_eq!(of("campanile_checks_total", &[ping, ("result", "blind")]), Some(1.0));
    assert_eq!(of("campanile_checks_blind_total", &[ping, ("cause", "no-right")]), Some(1.0));
    assert_eq!(of("campanile_checks_blind_total", &[http, ("cause", "no-right")]), Some(0.0));
    assert_eq!(of("campanile_checks_skipped_total", &[ping, ("reason", "limit")]), Some(1.0));
    assert_eq!(of("campanile_checks_in_flight", &[http]), Some(2.0));
    assert_eq!(of("campanile_checks_late_total", &[http]), Some(2.0));
    assert_eq!(of("campanile_checks_overrun_total", &[http]), Some(2.0));
    assert_eq!(of("campanile_check_lateness_seconds_count", &[http]), Some(4.0));
    assert_eq!(of("campanile_check_lateness_seconds_sum", &[http]), Some(0.66));
    assert_eq!(of("campanile_check_lateness_max_seconds", &[http]), Some(0.3));
    assert_eq!(of("campanile_check_lateness_seconds_bucket", &[http, ("le", "0.05")]), Some(2.0));
    assert_eq!(of("campanile_check_duration_seconds_bucket", &[http, ("le", "1.0")]), Some(2.0));
    assert_eq!(of("campanile_icmp_replies_late_total", &[("shard", "0")]), Some(3.0));
    assert_eq!(of("campanile_store_queue_depth", &[]), Some(4.0));
    assert_eq!(
        of("campanile_build_info", &[("version", "1.2.3"), ("sqlite", "3.54.1")]),
        Some(1.0)
    );
    assert_eq!(of("campanile_hosts", &[]), Some(1.0));
    assert_eq!(of("campanile_services", &[]), Some(2.0));
}

#[test]
fn reloads_are_told() {
    let running = busy();
    let of = |name| Page::read(&running.metrics(), Format::OpenMetrics).value(name, &[]);
    let (ok, at) = (
        "campanile_config_last_reload_successful",
        "campanile_config_last_reload_success_timestamp_seconds",
    );
    assert_eq!((of(ok), of(at)), (Some(1.0), Some(NOW_SECS as f64)));
    running.later.store(60, Relaxed);
    running.shared.reload_failed();
    assert_eq!((of(ok), of(at)), (Some(0.0), Some(NOW_SECS as f64)));
    running.shared.show(running.shared.board());
    assert_eq!((of(ok), of(at)), (Some(1.0), Some((NOW_SECS + 60) as f64)));
}

#[test]
fn both_formats_are_valid_and_say_the_same() {
    let running = busy();
    let plain = running.get("/metrics");
    assert!(plain.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    let plain = plain.text();
    let open = running.metrics();
    let (plain_page, open_page) =
        (Page::read(&plain, Format::Plain), Page::read(&open, Format::OpenMetrics));
    for name in ["campanile_checks_total", "campanile_service_state", "probe_success"] {
        assert_eq!(plain_page.find(name, &[]), open_page.find(name, &[]), "{name}");
    }
    assert_eq!(plain_page.types["campanile_checks_total"], "counter");
    assert_eq!(open_page.types["campanile_checks"], "counter");
    promtool(&plain);
}

/// Prometheus' own reader and its rules of naming find nothing.
fn promtool(page: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let done = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.is_empty(), "{said}");
}

#[test]
fn what_is_stale_is_never_shown_as_fine() {
    let running = Running::start(vec![host(0, "web"), service(1, "site", &HTTP)]);
    let board = running.shared.board();
    let (of_host, of_service) =
        (board.cell(CheckableId(0)).unwrap(), board.cell(CheckableId(1)).unwrap());
    of_host.believe(&believed(Status::Up, StateType::Hard), 0);
    of_service.believe(&believed(Status::Ok, StateType::Hard), 0);
    for cell in [of_host, of_service] {
        cell.answered(&answer(0, Verdict::OK, vec![Measure::number(0, 0.5)]));
    }
    let read = || Page::read(&running.metrics(), Format::OpenMetrics);
    let shown = |page: &Page| {
        [
            "campanile_service_state",
            "campanile_service_stale",
            "campanile_host_state",
            "campanile_host_stale",
        ]
        .map(|name| page.value(name, &[]))
    };
    running.later.store(185, Relaxed);
    assert_eq!(shown(&read()), [0.0, 0.0, 0.0, 0.0].map(Some));
    running.later.store(186, Relaxed);
    let page = read();
    assert_eq!(shown(&page), [Some(3.0), Some(1.0), None, Some(1.0)]);
    assert_eq!(page.value("probe_success", &[]), None);
    assert_eq!(page.value("probe_duration_seconds", &[]), None);
    assert_eq!(page.find("probe_http_duration_seconds", &[]).len(), 0);
    // A look that could not be made tells nothing about the target.
    let mut blind = answer(0, Cause::bare(CauseCode::Ports).into(), Vec::new());
    blind.started_at = Moment::from_secs(NOW_SECS + 186);
    of_service.answered(&blind);
    let page = read();
    assert_eq!(shown(&page), [Some(3.0), Some(1.0), None, Some(1.0)]);
    let name = "campanile_service_last_check_timestamp_seconds";
    assert_eq!(page.value(name, &[]), Some((NOW_SECS + 186) as f64));
    // And one that could be made ends it.
    let mut seen = answer(0, Verdict::OK, Vec::new());
    seen.started_at = Moment::from_secs(NOW_SECS + 186);
    of_service.answered(&seen);
    assert_eq!(shown(&read()), [Some(0.0), Some(0.0), None, Some(1.0)]);
    // Bad news does not become another kind of news by growing old.
    of_host.believe(&believed(Status::Down, StateType::Hard), 0);
    assert_eq!(read().value("campanile_host_state", &[]), Some(1.0));
}

#[test]
fn what_was_never_looked_at_has_no_state_until_that_is_a_fault() {
    let fresh = Entry { watched_since: Moment::from_secs(NOW_SECS), ..service(1, "site", &HTTP) };
    let unasked = Entry { kind: None, stale_after: None, ..host(0, "web") };
    let running = Running::start(vec![unasked, fresh]);
    let page = Page::read(&running.metrics(), Format::OpenMetrics);
    for name in ["campanile_service_state", "campanile_service_hard", "campanile_host_state"] {
        assert_eq!(page.value(name, &[]), None, "{name}");
    }
    assert_eq!(page.value("campanile_service_last_check_timestamp_seconds", &[]), None);
    assert_eq!(page.value("probe_success", &[]), None);
    assert_eq!(page.value("campanile_service_stale", &[]), Some(0.0));

    running.later.store(186, Relaxed);
    let page = Page::read(&running.metrics(), Format::OpenMetrics);
    assert_eq!(page.value("campanile_service_state", &[]), Some(3.0));
    assert_eq!(page.value("campanile_service_stale", &[]), Some(1.0));
    assert_eq!(page.value("campanile_host_stale", &[]), Some(0.0), "nobody asks it");
}

#[test]
fn a_belief_that_was_restored_is_shown_before_the_first_look() {
    let fresh = Entry { watched_since: Moment::from_secs(NOW_SECS), ..service(1, "site", &HTTP) };
    let running = Running::start(vec![fresh]);
    let board = running.shared.board();
    let cell = board.cell(CheckableId(1)).unwrap();
    cell.believe(&believed(Status::Warning, StateType::Hard), 0);
    let page = Page::read(&running.metrics(), Format::OpenMetrics);
    assert_eq!(page.value("campanile_service_state", &[]), Some(1.0));
    assert_eq!(page.value("probe_success", &[]), None);
}

#[test]
fn hostile_names_come_back_as_they_were() {
    let names =
        ["quo\"te", "back\\slash", "line\nbreak", "\\n", "\"}\nx 1\n", "", "{}, =", "ünï 中 🔔"];
    let entries = names.iter().zip(1..).map(|(name, id)| Entry {
        customer: Arc::from(*name),
        host: Arc::from(*name),
        target: Arc::from(*name),
        ..service(id, name, &HTTP)
    });
    let running = Running::start(entries.collect());
    let board = running.shared.board();
    for (name, id) in names.iter().zip(1..) {
        let cell = board.cell(CheckableId(id)).unwrap();
        cell.believe(&believed(Status::Ok, StateType::Hard), 0);
        cell.answered(&answer(1, Verdict::OK, vec![text(2, name)]));
    }
    for (page, format) in
        [(running.metrics(), Format::OpenMetrics), (running.get("/metrics").text(), Format::Plain)]
    {
        let page = Page::read(&page, format);
        for name in names {
            let labels = [("customer", name), ("host", name), ("service", name)];
            assert_eq!(page.value("campanile_service_state", &labels), Some(0.0), "{name:?}");
            let version = page.find("probe_tls_version_info", &labels);
            assert_eq!((&*version[0].0["version"], &*version[0].0["instance"]), (name, name));
        }
    }
    promtool(&running.get("/metrics").text());
}

#[test]
fn control_characters_of_a_target_do_not_reach_the_page() {
    let running = Running::start(vec![service(1, "a\u{0}b\r\u{1b}[31m", &HTTP)]);
    let board = running.shared.board();
    let cell = board.cell(CheckableId(1)).unwrap();
    cell.answered(&answer(1, Verdict::OK, vec![text(2, "v\u{0}\r1")]));
    let page = Page::read(&running.metrics(), Format::OpenMetrics);
    let version = page.find("probe_tls_version_info", &[]);
    assert_eq!(version[0].0["version"], "v\u{fffd}\u{fffd}1");
    assert_eq!(version[0].0["service"], "a\u{fffd}b\u{fffd}\u{fffd}[31m");
}

#[test]
fn odd_numbers_are_shown_or_left_out() {
    let running = Running::start(vec![service(1, "site", &HTTP)]);
    let board = running.shared.board();
    let measures = vec![
        Measure::number(0, f64::INFINITY),
        Measure::number(1, f64::NAN),
        Measure::number(3, 1e300),
    ];
    board.cell(CheckableId(1)).unwrap().answered(&answer(1, Verdict::OK, measures));
    for (page, format) in
        [(running.metrics(), Format::OpenMetrics), (running.get("/metrics").text(), Format::Plain)]
    {
        let page = Page::read(&page, format);
        let phases = page.find("probe_http_duration_seconds", &[]);
        assert_eq!(phases.len(), 1);
        assert_eq!(phases[0].1, f64::INFINITY);
        assert_eq!(page.value("probe_dns_lookup_time_seconds", &[]), Some(1e300));
    }
    promtool(&running.get("/metrics").text());
}

#[test]
fn an_empty_plan_is_a_valid_page() {
    let running = Running::start(Vec::new());
    let page = Page::read(&running.metrics(), Format::OpenMetrics);
    assert_eq!(page.value("campanile_services", &[]), Some(0.0));
    promtool(&running.get("/metrics").text());
    assert_eq!(Board::default().services_len(), 0);
}
