//! What goes in comes out.

use std::{collections::HashMap, fs, os::unix::fs::PermissionsExt, time::Duration};

use model::{Belief, Cause, CauseCode, CheckableId, Position, Status, Verdict};
use proptest::prelude::*;
use rusqlite::Connection;
use store::{Batch, Closed, DATABASE_NAME, Order, Reader, Store};

use crate::sample::{PATIENCE, Running, any_belief, batch, belief, name, recorded, transition};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_belief_comes_back_exactly(beliefs in proptest::collection::vec(any_belief(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let count = u32::try_from(beliefs.len()).unwrap();
        let running = Running::start(dir.path(), count);
        let rows = (0..).map(CheckableId).zip(beliefs.iter().cloned()).collect();
        running.send(Batch { beliefs: rows, ..Batch::default() });
        running.close();
        let expected: HashMap<String, Belief> = (0..).map(name).zip(beliefs).collect();
        prop_assert_eq!(Store::open(dir.path(), 2_000).unwrap().beliefs, expected);
    }
}

#[test]
fn a_new_store_is_empty_private_and_in_its_first_life() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/b");
    let opened = Store::open(&folder, 1_000).unwrap();
    assert_eq!((opened.boot, opened.past), (1, None));
    assert!(opened.beliefs.is_empty() && opened.positions.is_empty());
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.clone()), 0o700);
    assert_eq!(mode(folder.join(DATABASE_NAME)), 0o600);
}

#[test]
fn each_life_has_a_higher_number_and_knows_how_the_last_one_ended() {
    let dir = tempfile::tempdir().unwrap();
    Running::start(dir.path(), 1).close();
    let opened = Store::open(dir.path(), 2_000).unwrap();
    let past = opened.past.unwrap();
    assert_eq!((past.number, past.started_at_secs, past.clean), (1, 1_000, true));
    assert_eq!(opened.boot, 2);
    drop(opened); // as a process that ends without a word
    let opened = Store::open(dir.path(), 3_000).unwrap();
    assert!(!opened.past.unwrap().clean);
    assert_eq!(opened.boot, 3);
}

#[test]
fn transitions_and_results_are_read_as_they_were_sent() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 2);
    let blind = Verdict::Blind { cause: Cause::new(CauseCode::Ports, "none left") };
    let seen = Verdict::Seen { status: Status::Unknown, cause: None };
    let results = vec![recorded(1, 7, blind), recorded(0, 8, seen)];
    let transitions = vec![(1, transition(0, 1)), (2, transition(1, 2))];
    let (sent_results, sent) = (results.clone(), transitions.clone());
    running.send(Batch { shard: 3, position_last: 2, transitions, results, ..Batch::default() });
    running.flush();

    // While the writer still has the file open.
    let reader = Reader::open(dir.path()).unwrap();
    let mut read = Vec::new();
    reader.transitions(|it| read.push(it)).unwrap();
    assert_eq!(read.len(), sent.len());
    for (read, (seq, sent)) in read.iter().zip(&sent) {
        assert_eq!((read.shard, read.position), (3, Position { boot: running.boot, seq: *seq }));
        assert_eq!(read.name, name(sent.checkable.0));
        assert_eq!((read.at, read.from, read.to), (sent.at, sent.from, sent.to));
        assert_eq!((read.was_flapping, read.flapping), (sent.was_flapping, sent.flapping));
        assert_eq!((read.centipercent, &read.cause), (sent.centipercent, &sent.cause));
    }
    let since = |boot| {
        let mut count = 0;
        reader.transitions_since(boot, |_| count += 1).unwrap();
        count
    };
    assert_eq!((since(running.boot), since(running.boot + 1)), (sent.len(), 0));
    let mut read = Vec::new();
    reader.results(|it| read.push(it)).unwrap();
    assert_eq!(read.len(), sent_results.len());
    for (place, (read, sent)) in read.iter().zip(&sent_results).enumerate() {
        assert_eq!((read.id, read.boot, read.shard), (place as u64 + 1, running.boot, 3));
        assert_eq!((&read.name, read.at), (&name(sent.result.checkable.0), sent.at));
        assert_eq!((read.run, read.started_at), (sent.result.run, sent.result.started_at));
        assert_eq!((read.took, &read.verdict), (sent.result.took, &sent.result.verdict));
        assert_eq!(read.measures, sent.result.measures);
    }
    let position = Position { boot: running.boot, seq: 2 };
    assert_eq!(reader.positions().unwrap(), [(3, position)]);
    running.close();
}

#[test]
fn results_of_the_next_life_follow_those_of_the_last() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let running = Running::start(dir.path(), 1);
        let results = (0..3).map(|step| recorded(0, step, Verdict::OK)).collect();
        running.send(Batch { results, ..Batch::default() });
        running.close();
    }
    let mut read = Vec::new();
    Reader::open(dir.path()).unwrap().results(|it| read.push((it.id, it.boot))).unwrap();
    assert_eq!(read, [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)]);
    read.clear();
    Reader::open(dir.path()).unwrap().results_after(4, |it| read.push((it.id, it.boot))).unwrap();
    assert_eq!(read, [(5, 2), (6, 2)]);
}

/// Holds up the writer as an admin's shell could, so that orders pile up.
fn hold_up(dir: &std::path::Path) -> Connection {
    let other = Connection::open(dir.join(DATABASE_NAME)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn what_waits_goes_into_one_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 10);
    running.flush();
    let health = running.writer.health();
    let (commits, orders) = (health.commits(), health.orders());
    let other = hold_up(dir.path());
    for step in 1..=500 {
        running.send(batch((step % 10) as u32, step));
    }
    other.execute_batch("ROLLBACK").unwrap();
    running.flush();
    // One order may have been taken before the others were there.
    assert!(health.commits() - commits <= 2, "{} commits", health.commits() - commits);
    assert!(health.orders() - orders >= 500);
    assert_eq!(health.rows(), 10 + 1_000);
    running.close();
}

#[test]
fn a_lock_that_lasts_is_waited_out() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    running.flush();
    let health = running.writer.health();
    let other = hold_up(dir.path());
    running.send(batch(0, 1));
    let began = std::time::Instant::now();
    while health.stalled_since_secs().is_none() {
        assert!(began.elapsed() < PATIENCE, "the lock outlasts the busy timeout");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    assert!(health.errors() >= 1);
    drop(other);
    running.flush();
    assert_eq!(health.stalled_since_secs(), None);
    running.close();
    assert_eq!(Store::open(dir.path(), 2_000).unwrap().beliefs[&name(0)], belief(1));
}

#[test]
fn a_writer_that_cannot_write_ends_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    running.flush();
    let _other = hold_up(dir.path());
    running.send(batch(0, 1));
    let closed = running.writer.close(Duration::from_millis(200));
    assert_eq!(closed, Closed::Unclean);
}

#[test]
fn the_store_closes_cleanly_when_the_last_sender_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let Running { writer, orders, .. } = Running::start(dir.path(), 1);
    orders.send(Order::Batch(batch(0, 1))).unwrap();
    drop((writer, orders));
    let began = std::time::Instant::now();
    let opened = loop {
        // Until then the thread holds the lock.
        match Store::open(dir.path(), 2_000) {
            Ok(opened) => break opened,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    assert!(opened.past.unwrap().clean);
    assert_eq!(opened.beliefs[&name(0)], belief(1));
}

#[test]
fn the_last_belief_of_a_batch_counts() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 2);
    let mut kept = batch(0, 1);
    kept.absorb(batch(1, 2));
    kept.absorb(batch(0, 3));
    assert_eq!((kept.position_last, kept.beliefs.len(), kept.transitions.len()), (3, 2, 3));
    running.send(kept);
    running.close();
    let opened = Store::open(dir.path(), 2_000).unwrap();
    assert_eq!(opened.beliefs[&name(0)], belief(3));
    assert_eq!(opened.beliefs[&name(1)], belief(2));
    assert_eq!(opened.positions, [(0, Position { boot: 1, seq: 3 })]);
}

#[test]
fn what_is_forgotten_is_gone_but_its_history_stays() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 2);
    running.send(batch(0, 1));
    running.send(batch(1, 2));
    running.orders.send(Order::Forget(vec![name(0), "nobody/knows".to_owned()])).unwrap();
    running.close();
    let opened = Store::open(dir.path(), 2_000).unwrap();
    assert_eq!(opened.beliefs.keys().collect::<Vec<_>>(), [&name(1)]);
    let mut names = Vec::new();
    Reader::open(dir.path()).unwrap().transitions(|it| names.push(it.name)).unwrap();
    assert_eq!(names, [name(0), name(1)]);
}

#[test]
fn a_name_keeps_its_row_under_another_id() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    running.send(batch(0, 1));
    running.orders.send(Order::Names(vec![(CheckableId(900), name(0))])).unwrap();
    running.send(batch(900, 2));
    running.close();
    let opened = Store::open(dir.path(), 2_000).unwrap();
    assert_eq!(opened.beliefs, HashMap::from([(name(0), belief(2))]));
}

#[test]
fn a_row_about_nobody_is_dropped_alone_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    let mut both = batch(0, 1);
    both.beliefs.push((CheckableId(77), belief(9)));
    running.send(both);
    running.flush();
    assert_eq!(running.writer.health().nameless(), 1);
    running.close();
    assert_eq!(Store::open(dir.path(), 2_000).unwrap().beliefs.len(), 1);
}

#[test]
fn an_order_that_sqlite_refuses_does_not_hold_up_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 2);
    running.flush();
    let other = Connection::open(dir.path().join(DATABASE_NAME)).unwrap();
    other.pragma_update(None, "foreign_keys", false).unwrap();
    other.execute("DELETE FROM checkable WHERE name = ?1", [name(0)]).unwrap();
    drop(other);
    // The first one speaks of a row that is not there any more.
    running.send(batch(0, 1));
    running.send(batch(1, 2));
    running.flush();
    assert_eq!(running.writer.health().refused(), 1);
    running.close();
    let opened = Store::open(dir.path(), 2_000).unwrap();
    assert_eq!(opened.beliefs, HashMap::from([(name(1), belief(2))]));
}

#[test]
fn an_engine_that_was_replaced_writes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    running.send(batch(0, 1));
    running.flush();
    // As if the lock file had been removed and another engine started.
    let other = Connection::open(dir.path().join(DATABASE_NAME)).unwrap();
    other.execute("INSERT INTO boot (number, started_at_secs) VALUES (2, 5)", []).unwrap();
    running.send(batch(0, 2));
    assert!(!running.writer.flush(PATIENCE), "nothing is acknowledged any more");
    assert!(running.writer.health().is_fenced());
    assert_eq!(running.writer.close(PATIENCE), Closed::Unclean);
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.beliefs().unwrap()[&name(0)], belief(1));
}
