//! The process is killed, the disk is full, the disk fails.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use model::{AlertState, CheckableId, Position, Row};
use store::{Batch, Reader, Store};

use crate::{
    child,
    objects::{alert, event, problem},
    sample::{PATIENCE, Running, batch, belief, name},
};

/// Checkables of the child; step n is about checkable n % this.
const NAMES: u32 = 50;

/// How often the child is killed.
const KILLS: u64 = 12;

fn id(step: u64) -> u32 {
    u32::try_from(step % u64::from(NAMES)).unwrap()
}

/// What the desk makes of a step: a problem, what is owed about it, and the record.
fn desk_rows(step: u64) -> Vec<Row> {
    vec![
        Row::NextId(step + 1),
        Row::Problem(problem(step, "acme").into()),
        Row::Alert(alert(step, 0, AlertState::Waiting).into()),
        Row::Event(event(step, "acme").into()),
    ]
}

/// Writes without end; says on its standard output up to which step all was acknowledged.
fn write_without_end(dir: &Path) -> ! {
    let running = Running::start(dir, NAMES);
    let mut step = 0;
    loop {
        for _ in 0..7 {
            step += 1;
            running.send(Batch { desk: desk_rows(step), ..batch(id(step), step) });
        }
        running.flush();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {step}").unwrap();
        out.flush().unwrap();
    }
}

/// Lets the child write until it has acknowledged `lines` times, kills it, and gives the last step
/// that it acknowledged.
fn killed_after(dir: &Path, lines: u64) -> u64 {
    let mut command = child::command(&[], "outages::a_kill_loses_nothing_acknowledged", dir);
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(process.stdout.take().unwrap());
    let told = out.lines().map_while(Result::ok);
    let mut told = told.filter_map(|it| it.split_once("acknowledged ")?.1.parse::<u64>().ok());
    let mut last = 0;
    for _ in 0..lines {
        last = told.next().expect("the child writes until it is killed");
    }
    process.kill().unwrap();
    process.wait().unwrap();
    // What it had said before the kill, and nobody had read yet.
    told.last().unwrap_or(last)
}

#[test]
fn a_kill_loses_nothing_acknowledged() {
    if let Some(dir) = child::folder() {
        write_without_end(&dir);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut longest = 0;
    for kill in 1..=KILLS {
        let acknowledged = killed_after(dir.path(), 1 + kill * 7 % 11);
        let opened = Store::open(dir.path(), 1_000 + kill).unwrap();
        assert_eq!(opened.past.unwrap().number, 2 * kill - 1);
        assert!(!opened.past.unwrap().clean);
        let [(0, Position { boot, seq: kept })] = opened.positions[..] else {
            panic!("one shard has one position: {:?}", opened.positions)
        };
        assert_eq!(boot, 2 * kill - 1);
        assert!(kept >= acknowledged, "acknowledged {acknowledged}, kept {kept}");
        check_prefix(dir.path(), boot, kept, &opened.beliefs);
        longest = check_desk(dir.path(), longest.max(kept), opened.desk);
        drop(opened.store); // its own life took one number too
    }
}

/// Everything up to step `kept` is there, and nothing after it: no state without the transition
/// that led to it, no transition without its state.
fn check_prefix(dir: &Path, boot: u64, kept: u64, beliefs: &HashMap<String, model::Belief>) {
    let mut steps = Vec::new();
    let reader = Reader::open(dir).unwrap();
    reader
        .transitions(|it| steps.extend((it.position.boot == boot).then_some(it.position.seq)))
        .unwrap();
    assert_eq!(steps, (1..=kept).collect::<Vec<_>>());
    for step in kept.saturating_sub(NAMES.into()) + 1..=kept {
        assert_eq!(beliefs[&name(id(step))], belief(step), "step {step} of {kept}");
    }
}

/// The desk has all of the steps up to `kept`, which is the highest of any life, and no more.
fn check_desk(dir: &Path, kept: u64, desk: store::DeskPast) -> u64 {
    let expected = |it: fn(u64) -> Row| (1..=kept).map(it).collect::<Vec<_>>();
    let (problems, rest): (Vec<_>, Vec<_>) =
        desk.rows.into_iter().partition(|it| matches!(it, Row::Problem(_)));
    assert!(problems == expected(|step| Row::Problem(problem(step, "acme").into())));
    assert!(rest == expected(|step| Row::Alert(alert(step, 0, AlertState::Waiting).into())));
    assert_eq!(desk.next_id, kept + 1);
    assert_eq!(Reader::open(dir).unwrap().verify_events().unwrap(), kept);
    kept
}

/// Runs `work` as a child in `dir` on a file system of its own: `size` of memory.
fn on_small_disk(size: &str, test: &str, dir: &Path) {
    let script = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" && exec \"$@\"");
    let wrap = ["unshare", "-m", "sh", "-c", &script, dir.to_str().unwrap()];
    succeed(child::command(&wrap, test, dir));
}

fn succeed(mut command: Command) {
    let done = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{}\n{out}\n{err}", done.status);
    assert!(out.contains("1 passed"), "the child ran its test:\n{out}\n{err}");
}

/// Fills the disk that `dir` is on to the last byte.
fn fill(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("ballast");
    let mut ballast = fs::File::create(&path).unwrap();
    let mut piece = vec![7; 64 << 10];
    while !piece.is_empty() {
        match ballast.write(&piece) {
            Ok(0) | Err(_) => piece.truncate(piece.len() / 2),
            Ok(_) => {}
        }
    }
    path
}

fn wait_until(what: &str, mut it_is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !it_is() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn a_full_disk_is_waited_out_and_nothing_is_lost() {
    let test = "outages::a_full_disk_is_waited_out_and_nothing_is_lost";
    let Some(dir) = child::folder() else {
        let dir = tempfile::tempdir().unwrap();
        return on_small_disk("2m", test, dir.path());
    };
    let running = Running::start(&dir, NAMES);
    let mut step = 1;
    running.send(batch(id(step), step));
    running.flush();
    let health = running.writer.health();
    let ballast = fill(&dir);
    wait_until("a full disk is noticed", || {
        // The log has some pages left that it may use again.
        step += 1;
        running.send(batch(id(step), step));
        health.stalled_since_secs().is_some()
    });
    let at_the_wall = health.commits();
    for _ in 0..100 {
        step += 1;
        running.send(batch(id(step), step));
    }
    wait_until("it is tried again", || health.errors() >= 3);
    assert_eq!(health.commits(), at_the_wall);
    let kept = Reader::open(&dir).unwrap().positions().unwrap()[0].1.seq;
    assert!(kept < step, "what is committed can be read on a full disk");

    fs::remove_file(ballast).unwrap();
    running.flush();
    assert_eq!(health.stalled_since_secs(), None);
    running.close();
    let opened = Store::open(&dir, 2_000).unwrap();
    check_prefix(&dir, 1, step, &opened.beliefs);
}

#[test]
fn a_flush_that_fails_is_not_believed() {
    let test = "outages::a_flush_that_fails_is_not_believed";
    let Some(dir) = child::folder() else {
        let dir = tempfile::tempdir().unwrap();
        let trace = dir.path().join("trace");
        let inject = "inject=fsync,fdatasync:error=EIO:when=30..35";
        let wrap = [
            "strace",
            "-f",
            "-qq",
            "-o",
            trace.to_str().unwrap(),
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            inject,
        ];
        succeed(child::command(&wrap, test, &dir.path().join("data")));
        let trace = fs::read_to_string(trace).unwrap();
        assert!(trace.matches("INJECTED").count() >= 6, "{trace}");
        return;
    };
    let running = Running::start(&dir, NAMES);
    for step in 1..=60 {
        running.send(batch(id(step), step));
        running.flush();
    }
    let health = running.writer.health();
    assert!(health.errors() >= 1 && health.reopens() >= 1, "{health:?}");
    assert!(!health.is_damaged());
    running.close();
    let opened = Store::open(&dir, 2_000).unwrap();
    assert!(opened.past.unwrap().clean);
    check_prefix(&dir, 1, 60, &opened.beliefs);
}

#[test]
fn a_read_only_disk_is_refused_by_name() {
    let test = "outages::a_read_only_disk_is_refused_by_name";
    let Some(dir) = child::folder() else {
        let dir = tempfile::tempdir().unwrap();
        let script = "mount -t tmpfs -o ro tmpfs \"$0\" && exec \"$@\"";
        let wrap = ["unshare", "-m", "sh", "-c", script, dir.path().to_str().unwrap()];
        return succeed(child::command(&wrap, test, dir.path()));
    };
    let error = Store::open(&dir, 1_000).unwrap_err();
    assert!(matches!(error, store::OpenError::Folder { .. }), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("Read-only file system"), "{source}");
}

#[test]
fn a_batch_larger_than_a_transaction_is_still_one() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), NAMES);
    running.flush();
    let health = running.writer.health();
    let commits = health.commits();
    let count = store::ROWS_PER_COMMIT_MAX as u64 + 1;
    let beliefs = (1..=count).map(|step| (CheckableId(id(step)), belief(step))).collect();
    running.send(Batch { beliefs, position_last: count, ..Batch::default() });
    running.flush();
    assert_eq!(health.commits() - commits, 1);
    running.close();
}
