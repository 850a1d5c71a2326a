//! Steps of a schema that does not exist yet, taken by a file that does.

use std::{fs, path::Path, time::Duration};

use model::{CheckableId, Moment};
use rusqlite::Connection;

use super::*;
use crate::{Batch, Closed, DATABASE_NAME, Order, open::open_with};

/// A later version with one column and one table more.
const LATER: &[&str] = &[
    MIGRATIONS[0],
    MIGRATIONS[1],
    MIGRATIONS[2],
    "ALTER TABLE checkable ADD COLUMN label TEXT NOT NULL DEFAULT 'none'",
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY) STRICT",
];

/// One whose last step fails half-way.
const BROKEN: &[&str] = &[
    MIGRATIONS[0],
    MIGRATIONS[1],
    MIGRATIONS[2],
    LATER[3],
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY) STRICT; INSERT INTO nowhere VALUES (1)",
];

fn belief() -> model::Belief {
    model::Belief {
        now: model::Look { status: model::Status::Down, kind: model::StateType::Soft, attempt: 2 },
        known: true,
        hard_status: model::Status::Up,
        flapping: false,
        history: 42,
        since: Moment::from_secs(9),
        hard_since: Moment::from_secs(8),
        attempt_at: Moment::from_secs(9),
        host_was_down: true,
        thresholds: Vec::new(),
        cause: None,
    }
}

/// Leaves a store of today's schema with one belief in `dir`.
fn store_one(dir: &Path) {
    let (writer, orders) = open_with(dir, 1_000, MIGRATIONS).unwrap().store.writer().unwrap();
    orders.send(Order::Names(vec![(CheckableId(0), "acme/web".to_owned())])).unwrap();
    let beliefs = vec![(CheckableId(0), belief())];
    orders.send(Order::Batch(Batch { beliefs, ..Batch::default() })).unwrap();
    assert_eq!(writer.close(Duration::from_secs(60)), Closed::Clean);
}

fn version(path: &Path) -> u32 {
    let conn = Connection::open(path).unwrap();
    conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_file_is_brought_up_to_date_with_all_it_holds_and_a_copy_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    store_one(dir.path());
    let opened = open_with(dir.path(), 2_000, LATER).unwrap();
    assert_eq!(opened.beliefs["acme/web"], belief());
    assert_eq!(opened.boot, 2);
    let label: String =
        opened.store.conn.query_row("SELECT label FROM checkable", [], |row| row.get(0)).unwrap();
    assert_eq!(label, "none");
    drop(opened);
    assert_eq!(version(&dir.path().join(DATABASE_NAME)), 5);

    // The copy is the file as the older version knew it: that version can go on with it.
    let copy = dir.path().join("campanile.db.before-v5");
    assert_eq!(version(&copy), 3);
    let back = tempfile::tempdir().unwrap();
    fs::copy(copy, back.path().join(DATABASE_NAME)).unwrap();
    let opened = open_with(back.path(), 3_000, MIGRATIONS).unwrap();
    assert_eq!(opened.beliefs["acme/web"], belief());
}

#[test]
fn the_older_version_refuses_what_the_newer_one_has_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    store_one(dir.path());
    drop(open_with(dir.path(), 2_000, LATER).unwrap());
    let error = open_with(dir.path(), 3_000, MIGRATIONS).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 5, known: 3, .. }), "{error}");
}

#[test]
fn a_step_that_fails_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    store_one(dir.path());
    let error = open_with(dir.path(), 2_000, BROKEN).unwrap_err();
    assert!(matches!(error, OpenError::Migration { from: 3, to: 5, .. }), "{error}");
    let path = dir.path().join(DATABASE_NAME);
    let conn = Connection::open(&path).unwrap();
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'outbox'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 0, "half a step is no step");
    drop(conn);
    assert_eq!(version(&path), 4, "the step before it was whole");
    // Once the step is mended, the file goes on from there.
    let opened = open_with(dir.path(), 3_000, LATER).unwrap();
    assert_eq!(opened.beliefs["acme/web"], belief());
}

#[test]
fn a_new_file_takes_all_steps_and_needs_no_copy() {
    let dir = tempfile::tempdir().unwrap();
    drop(open_with(dir.path(), 1_000, LATER).unwrap());
    assert_eq!(version(&dir.path().join(DATABASE_NAME)), 5);
    let names = fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name());
    let names: Vec<_> = names.map(|it| it.into_string().unwrap()).collect();
    assert!(names.iter().all(|it| !it.contains("before") && !it.contains(".new")), "{names:?}");
}

#[test]
fn what_a_crash_left_of_a_new_file_is_swept_away() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["campanile.db.new", "campanile.db.new-journal"] {
        fs::write(dir.path().join(name), b"half").unwrap();
    }
    let opened = open_with(dir.path(), 1_000, MIGRATIONS).unwrap();
    assert!(opened.beliefs.is_empty());
    assert!(!dir.path().join("campanile.db.new-journal").exists());
}

#[test]
fn the_steps_number_the_schema() {
    assert_eq!(latest(MIGRATIONS), 3);
}

/// Leaves a store as the first schema knew it in `dir`: a belief, a change and a result, taken
/// column by column from a store of today.
fn store_first(dir: &Path) {
    let today = tempfile::tempdir().unwrap();
    store_one(today.path());
    let path = dir.join(DATABASE_NAME);
    let old = Connection::open(&path).unwrap();
    old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    old.execute_batch(MIGRATIONS[0]).unwrap();
    let today = today.path().join(DATABASE_NAME);
    old.execute("ATTACH ?1 AS today", [today.to_str().unwrap()]).unwrap();
    old.execute_batch(
        "PRAGMA user_version = 1;
         INSERT INTO main.boot SELECT * FROM today.boot;
         INSERT INTO main.checkable SELECT * FROM today.checkable;
         INSERT INTO main.state SELECT checkable, status, hard, attempt, known, hard_status,
            flapping, history, since, hard_since, attempt_at, host_was_down, thresholds,
            cause_code, cause_text, epoch, sum FROM today.state;
         INSERT INTO main.position VALUES (0, 1, 7);
         INSERT INTO main.transition VALUES (1, 0, 7, 9, 1, 0, 1, 1, 2, 1, 3, 0, 0, 0, NULL, NULL)",
    )
    .unwrap();
}

#[test]
fn a_file_of_the_first_schema_gets_a_desk_and_keeps_what_it_had() {
    let dir = tempfile::tempdir().unwrap();
    store_first(dir.path());
    let path = dir.path().join(DATABASE_NAME);
    assert_eq!(version(&path), 1);
    let opened = open_with(dir.path(), 2_000, MIGRATIONS).unwrap();
    assert_eq!(opened.beliefs["acme/web"], belief());
    assert!(opened.rules.is_empty(), "nobody said which rules");
    assert_eq!((opened.boot, opened.positions.len()), (2, 1));
    assert!(opened.past.unwrap().clean);
    assert_eq!((opened.desk.next_id, opened.desk.rows.len()), (1, 0));
    let installation = opened.desk.installation;
    let (writer, orders) = opened.store.writer().unwrap();
    orders.send(Order::Desk { rows: vec![model::Row::NextId(5)], done: None }).unwrap();
    assert_eq!(writer.close(Duration::from_secs(60)), Closed::Clean);
    assert_eq!(version(&path), 3);
    let span = model::Span { from: Moment::ZERO, until: Moment::from_secs(1) };
    let history = crate::Reader::open(dir.path()).unwrap().history("acme/web", span, 9).unwrap();
    assert_eq!(history.len(), 1);
    let again = open_with(dir.path(), 3_000, MIGRATIONS).unwrap();
    assert_eq!((again.desk.next_id, again.desk.installation), (5, installation));
    assert_eq!(again.beliefs["acme/web"], belief());
}
