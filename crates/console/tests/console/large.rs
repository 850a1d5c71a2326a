//! A large plan, and writers that never rest.

use std::{
    fs,
    io::{BufReader, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use console::{Board, Entry};
use model::{CheckableId, Measure, StateType, Status, Verdict};

use crate::{
    fixture::{HTTP, NOW_SECS, Running, answer, believed, read_with, refused, service, text},
    page::{Format, Page},
};

/// The most that this process ever had in memory, in bytes.
fn memory_peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

fn entries(count: u32) -> Vec<Entry> {
    (0..count)
        .map(|id| Entry {
            host: Arc::from(format!("h{}", id / 8)),
            ..service(id, &format!("s{id}"), &HTTP)
        })
        .collect()
}

fn fill(board: &Board, count: u32) {
    for id in 0..count {
        let cell = board.cell(CheckableId(id)).unwrap();
        cell.believe(&believed(Status::Ok, StateType::Hard), 0);
        let measures = vec![Measure::number(0, 0.5), Measure::number(1, 0.25), text(2, "TLS 1.3")];
        cell.answered(&answer(1, Verdict::OK, measures));
    }
}

/// Lets the writers rest when the test ends, also when it fails.
struct Rest<'a>(&'a AtomicBool);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn a_hundred_thousand_services_are_streamed() {
    const COUNT: u32 = 100_000;
    let running = Running::start(entries(COUNT));
    fill(&running.shared.board(), COUNT);
    let before = memory_peak();
    let mut stream = BufReader::with_capacity(64 << 10, running.connect());
    stream.get_mut().write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (mut bytes, mut lines, mut chunk_max) = (0_u64, 0_u64, 0);
    let (_, whole) = read_with(&mut stream, |chunk| {
        bytes += chunk.len() as u64;
        lines += chunk.iter().filter(|it| **it == b'\n').count() as u64;
        chunk_max = chunk_max.max(chunk.len());
    })
    .unwrap();
    assert!(whole);
    // Five of our own, three of every probe, and three measurements.
    assert!(lines > u64::from(COUNT) * 11, "{lines} lines");
    assert!(chunk_max <= 66 << 10, "a piece of {chunk_max} bytes");
    let grown = memory_peak() - before;
    assert!(grown < bytes / 4, "{grown} bytes more for a text of {bytes}");
}

#[test]
fn a_scrape_reads_while_shards_write_and_a_reload_comes() {
    const COUNT: u32 = 500;
    let running = Running::start(entries(COUNT));
    fill(&running.shared.board(), COUNT);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _rest = Rest(&done);
        for writer in 0..2_u32 {
            let (board, done) = (running.shared.board(), &done);
            scope.spawn(move || {
                let mut step = u64::from(writer);
                while !done.load(Relaxed) {
                    step += 1;
                    let id = CheckableId(writer * COUNT / 2 + (step % 250) as u32);
                    let cell = board.cell(id).unwrap();
                    let status = [Status::Ok, Status::Warning, Status::Critical][step as usize % 3];
                    cell.believe(&believed(status, StateType::Hard), 0);
                    let verdict = if status == Status::Ok { Verdict::OK } else { refused() };
                    let version = text(2, &format!("v{}", step % 5));
                    let mut result = answer(0, verdict, vec![Measure::number(0, 0.5), version]);
                    result.started_at = model::Moment::from_secs(NOW_SECS);
                    cell.answered(&result);
                }
            });
        }
        for round in 0..20 {
            let page = Page::read(&running.metrics(), Format::OpenMetrics);
            let states = page.find("campanile_service_state", &[]);
            assert_eq!(states.len(), COUNT as usize);
            assert!(states.iter().all(|it| [0.0, 1.0, 2.0].contains(&it.1)));
            for (labels, _) in page.find("probe_tls_version_info", &[]) {
                let version = &*labels["version"];
                assert!(version == "TLS 1.3" || version.starts_with('v'), "{version}");
            }
            if round % 5 == 0 {
                let old = running.shared.board();
                running.shared.show(Arc::new(Board::new(entries(COUNT), Some(&old))));
            }
        }
    });
}
