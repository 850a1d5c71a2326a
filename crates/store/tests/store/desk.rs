//! Rows of the desk: kept together or not at all, and back after a restart.

use std::path::Path;

use model::{
    Alert, AlertState, CallState, CheckableId, EventId, Moment, NoteId, ProposalState, Row,
};
use rusqlite::Connection;
use store::{Batch, DATABASE_NAME, OpenError, Order, Reader, Receipt, Store};

use crate::{
    child,
    objects::*,
    sample::{Running, batch, belief, name},
};

fn reopened(dir: &Path) -> Vec<Row> {
    Store::open(dir, NOON_SECS).unwrap().desk.rows
}

fn sql(dir: &Path, statement: &str) {
    let conn = Connection::open(dir.join(DATABASE_NAME)).unwrap();
    assert_ne!(conn.execute(statement, []).unwrap(), 0, "{statement} changes something");
}

#[test]
fn all_that_is_alive_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    running.keep(alive(), 1);
    assert_eq!(running.receipt(), Receipt::Kept(1));
    running.close();
    assert_eq!(reopened(dir.path()), alive());
}

#[test]
fn what_is_over_for_long_does_not_come_back_but_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let (long_ago, just) = (NOON.before(hours(25)), NOON.before(hours(23)));
    let running = Running::start(dir.path(), 1);
    let withdrawn = ProposalState::Withdrawn { at: NOON };
    let decided = proposal(4, "acme", withdrawn);
    let mut called = ended(3, "acme", long_ago);
    called.call = Some(model::CallId(12));
    running.keep(
        vec![
            Row::Problem(ended(1, "acme", long_ago).into()),
            Row::Problem(ended(2, "acme", just).into()),
            Row::Problem(called.clone().into()),
            Row::Proposal(decided.clone().into()),
            Row::Alert(alert(1, 0, AlertState::Delivered { at: NOON }).into()),
            Row::Silence(silence(5, None, NOON).into()),
            Row::Silence(silence(6, None, Moment::from_nanos(u64::MAX)).into()),
            Row::Occurrence(occurrence(NOON.before(hours(9 * 24)), "acme").into()),
            Row::Planned(NoteId(7), planned(None, NOON.before(hours(9 * 24))).into()),
            Row::Override(duty_override(8, NOON).into()),
            Row::Answered("old".into(), long_ago, "1".to_owned(), 1),
            Row::Call(call(12, "acme", CallState::Open).into()),
        ],
        1,
    );
    assert_eq!(running.receipt(), Receipt::Kept(1));
    running.close();
    let expected = vec![
        Row::Problem(called.into()),
        Row::Problem(ended(2, "acme", just).into()),
        // What a dispatcher has decided is not decided again.
        Row::Proposal(decided.into()),
        Row::Call(call(12, "acme", CallState::Open).into()),
        Row::Silence(silence(6, None, Moment::from_nanos(u64::MAX)).into()),
    ];
    assert_eq!(reopened(dir.path()), expected);
    let reader = Reader::open(dir.path()).unwrap();
    assert!(reader.problem(model::ProblemId(1), None).unwrap().is_some());
}

#[test]
fn the_last_row_of_a_key_counts_and_what_is_gone_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    let mut rows = alive();
    rows.extend([6, 7, 8].map(|id| Row::Gone(NoteId(id))));
    let mut problem = problem(1, "acme");
    problem.version = 9;
    rows.push(Row::Problem(problem.clone().into()));
    rows.push(Row::Alert(alert(1, 0, AlertState::Dead { at: NOON }).into()));
    running.keep(rows, 1);
    running.close();
    let mut expected = alive();
    expected[0] = Row::Problem(problem.into());
    expected.retain(|it| {
        !matches!(it, Row::Silence(_) | Row::Planned(..) | Row::Override(_) | Row::Alert(_))
    });
    assert_eq!(reopened(dir.path()), expected);
}

#[test]
fn ids_go_on_where_they_stopped_and_the_installation_keeps_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path(), NOON_SECS).unwrap().desk;
    assert_eq!((first.next_id, first.rows), (1, Vec::new()));
    let running = Running::start(dir.path(), 1);
    running.keep(vec![Row::NextId(40), Row::NextId(30)], 1);
    running.close();
    let opened = Store::open(dir.path(), NOON_SECS).unwrap();
    assert_eq!((opened.desk.next_id, opened.desk.installation), (40, first.installation));
    drop(opened);
    // Also if the number itself is behind what is in use.
    let running = Running::start(dir.path(), 1);
    running.keep(vec![Row::Event(event(99, "acme").into())], 1);
    running.close();
    assert_eq!(Store::open(dir.path(), NOON_SECS).unwrap().desk.next_id, 100);
    let other = tempfile::tempdir().unwrap();
    let other = Store::open(other.path(), NOON_SECS).unwrap().desk;
    assert_ne!(other.installation, first.installation);
}

#[test]
fn a_batch_with_a_row_that_cannot_be_kept_is_refused_whole_and_loudly() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 2);
    let owed = alert(1, 0, AlertState::Waiting);
    running.send(Batch {
        desk: vec![Row::NextId(10), Row::Alert(owed.clone().into())],
        done: Some(1),
        ..batch(0, 1)
    });
    // The same key for another alert, in the middle of good rows.
    let stolen = Alert { ordinal: 5, ..owed.clone() };
    let desk = vec![
        Row::Problem(problem(1, "acme").into()),
        Row::Event(event(2, "acme").into()),
        Row::Alert(stolen.into()),
        Row::NextId(50),
    ];
    running.send(Batch { desk, done: Some(2), ..batch(0, 2) });
    let fine = vec![Row::Event(event(3, "acme").into()), Row::Problem(problem(4, "acme").into())];
    running.send(Batch { desk: fine.clone(), done: Some(3), ..batch(1, 3) });
    // And a second key for the same alert.
    let twice = Alert { key: model::AlertKey(5), ..owed.clone() };
    running.keep(vec![Row::NextId(60), Row::Alert(twice.into())], 4);
    let receipts = [(); 4].map(|()| running.receipt());
    let expected = [Receipt::Kept(1), Receipt::Refused(2), Receipt::Kept(3), Receipt::Refused(4)];
    assert_eq!(receipts, expected);
    assert_eq!(running.writer.health().refused(), 2);
    running.close();
    let opened = Store::open(dir.path(), NOON_SECS).unwrap();
    assert_eq!(opened.beliefs[&name(0)], belief(1), "nothing of the refused batch");
    assert_eq!(opened.beliefs[&name(1)], belief(3));
    assert_eq!(opened.desk.rows, [fine[1].clone(), Row::Alert(owed.into())]);
    assert_eq!(opened.desk.next_id, 10);
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.verify_events().unwrap(), 1);
}

#[test]
fn two_tokens_with_one_secret_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    running.keep(vec![Row::Token(token(1, 3, None).into())], 1);
    running.keep(vec![Row::Token(token(2, 3, None).into())], 2);
    assert_eq!([running.receipt(), running.receipt()], [Receipt::Kept(1), Receipt::Refused(2)]);
    running.close();
    assert_eq!(reopened(dir.path()), [Row::Token(token(1, 3, None).into())]);
}

/// The occurrence of a window that was planned at run time.
fn occurrence_of(id: u64, from: Moment) -> model::Occurrence {
    let window = model::PlannedWindow::name_of(NoteId(id));
    let key = model::OccurrenceKey { window, planned_from: from };
    model::Occurrence { key, ..occurrence(from, "acme") }
}

#[test]
fn a_planned_window_comes_back_until_what_became_of_it_is_over_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    let long_ago = NOON.before(hours(30 * 24));
    let plan = |id| Row::Planned(NoteId(id), planned(Some("acme"), long_ago).into());
    let mut extended = occurrence_of(1, long_ago.before(hours(4)));
    extended.span.until = NOON.after(hours(1));
    let mut triggered = occurrence_of(2, long_ago.before(hours(4)));
    triggered.ends_at = Some(NOON.after(hours(1)));
    let unreported =
        model::Occurrence { report: None, ..occurrence_of(3, long_ago.before(hours(4))) };
    let over = occurrence_of(4, long_ago.before(hours(4)));
    let never = model::Occurrence { begun: false, report: None, ..occurrence_of(5, long_ago) };
    let mut rows: Vec<Row> = (1..=6).map(plan).collect();
    let kept = [&extended, &triggered, &unreported];
    rows.extend(
        kept.into_iter().chain([&over, &never]).cloned().map(|it| Row::Occurrence(it.into())),
    );
    running.keep(rows, 1);
    assert_eq!(running.receipt(), Receipt::Kept(1));
    running.flush();
    // A window that was extended is not over for those who tidy up either.
    for _ in 0..10 {
        let before = NOON.before(hours(24));
        running.orders.send(Order::Prune { before, rows_max: 100 }).unwrap();
        running.flush();
    }
    running.close();
    let found = reopened(dir.path());
    let of = |it: &model::Occurrence| Row::Occurrence(it.clone().into());
    assert_eq!(found, [of(&extended), of(&triggered), plan(1), plan(2)]);
}

#[test]
fn a_window_that_is_not_reported_yet_comes_back_however_old_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    let long_ago = NOON.before(hours(30 * 24));
    let plan = |id| Row::Planned(NoteId(id), planned(Some("acme"), long_ago).into());
    let it = occurrence_of(3, long_ago);
    let unreported = Row::Occurrence(model::Occurrence { report: None, ..it }.into());
    let reported = Row::Occurrence(occurrence_of(4, long_ago).into());
    running.keep(vec![plan(3), plan(4), unreported.clone(), reported], 1);
    running.close();
    assert_eq!(reopened(dir.path()), [unreported, plan(3)]);
}

#[test]
fn a_token_that_was_taken_back_is_kept_but_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    let revoked = |id: u64| model::Token { revoked_at: Some(NOON), ..token(id, id as u8, None) };
    let mut rows: Vec<Row> = (2..20).map(|id| Row::Token(revoked(id).into())).collect();
    rows.push(Row::Token(token(1, 1, None).into()));
    running.keep(rows, 1);
    running.close();
    assert_eq!(reopened(dir.path()), [Row::Token(token(1, 1, None).into())]);
    let reader = Reader::open(dir.path()).unwrap();
    let ids = |limit| -> Vec<u64> {
        reader.tokens(None, limit).unwrap().iter().map(|it| it.id.0).collect()
    };
    assert_eq!(ids(3), [19, 18, 1], "one in force is always among them");
    assert_eq!(ids(100).len(), 19);
}

#[test]
fn what_was_written_down_once_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    let rows = vec![Row::Event(event(1, "acme").into()), Row::Decision(decision(2, "acme").into())];
    running.keep(rows.clone(), 1);
    running.keep(rows, 2);
    running.keep(vec![Row::Event(event(1, "beta").into())], 3);
    running.keep(vec![Row::Decision(decision(2, "beta").into())], 4);
    let receipts = [(); 4].map(|()| running.receipt());
    let [first, again, event, decision] = receipts;
    assert_eq!([first, again], [Receipt::Kept(1), Receipt::Kept(2)]);
    assert_eq!([event, decision], [Receipt::Refused(3), Receipt::Refused(4)]);
    running.close();
    assert_eq!(Reader::open(dir.path()).unwrap().verify_events().unwrap(), 1);
}

#[test]
fn an_order_without_rows_has_its_receipt_in_line() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    running.keep(Vec::new(), 1);
    running.send(Batch { done: Some(2), ..Batch::default() });
    running.send(batch(0, 1));
    running.keep(Vec::new(), 3);
    let receipts = [(); 3].map(|()| running.receipt());
    assert_eq!(receipts, [Receipt::Kept(1), Receipt::Kept(2), Receipt::Kept(3)]);
    let later = Batch { done: Some(8), desk: vec![Row::NextId(2)], ..Batch::default() };
    let mut both = Batch { done: Some(7), desk: vec![Row::NextId(1)], ..Batch::default() };
    assert!(!both.is_empty());
    both.absorb(later);
    assert_eq!((both.done, both.rows()), (Some(8), 2));
    running.send(both);
    assert_eq!(running.receipt(), Receipt::Kept(8));
    running.close();
}

#[test]
fn a_threshold_memory_comes_back_with_the_rules_it_belongs_to() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 2);
    let mut both = batch(0, 1);
    both.rules.insert(CheckableId(0), u64::MAX - 1);
    both.absorb(batch(1, 2));
    running.send(both);
    running.flush();
    running.close();
    let opened = Store::open(dir.path(), 2_000).unwrap();
    assert_eq!(opened.rules.into_iter().collect::<Vec<_>>(), [(name(0), u64::MAX - 1)]);
    assert_eq!((&opened.beliefs[&name(0)], &opened.beliefs[&name(1)]), (&belief(1), &belief(2)));
    drop(opened.store);

    sql(dir.path(), "UPDATE state SET rules_hash = 0 WHERE rules_hash <> 0");
    let error = Store::open(dir.path(), 3_000).unwrap_err();
    assert!(error.to_string().contains("a state does not match its sum"), "{error}");
}

/// The words that opening is refused with, after `statement` was played into a store of
/// [`alive`].
fn refused_after(statement: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    running.keep(alive(), 1);
    running.close();
    sql(dir.path(), statement);
    let error = Store::open(dir.path(), NOON_SECS).expect_err(statement);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(!dir.path().join("campanile.db-wal").exists(), "it was only looked at");
    error.to_string()
}

#[test]
fn a_row_that_cannot_be_read_back_is_named_with_its_table() {
    for (table, key, row) in [
        ("problem", "id = 1", "1"),
        ("proposal", "id = 3", "3"),
        ("call", "id = 5", "5"),
        ("silence", "id = 6", "6"),
        ("occurrence", "true", "acme/patch 1000000000000000"),
        ("planned", "id = 7", "7"),
        ("duty_override", "id = 8", "8"),
        ("token", "id = 9", "9"),
    ] {
        let told = refused_after(&format!("UPDATE {table} SET body = '{{' WHERE {key}"));
        let expected = format!("row {row} of table {table} cannot be read: it does not match");
        assert!(told.contains(&expected), "{told}");
    }
    let key = alert(1, 0, AlertState::Waiting).key;
    let told = refused_after("UPDATE alert SET sum = sum + 1");
    assert!(told.contains(&format!("row {key} of table alert cannot be read")), "{told}");
    // The sum of `{`: somebody who knows the sums but not the objects.
    let told = refused_after(&format!("UPDATE problem SET body = '{{', sum = {}", fnv("{")));
    assert!(told.contains("row 1 of table problem cannot be read: EOF"), "{told}");
    let told = refused_after("UPDATE answered SET version = version + 1");
    assert!(told.contains("row key 1 of table answered cannot be read"), "{told}");
    let told = refused_after("UPDATE installation SET id = id + 1");
    assert!(told.contains("table installation cannot be read: it does not match"), "{told}");
    let told = refused_after("DELETE FROM installation");
    assert!(told.contains("table installation cannot be read"), "{told}");
}

fn fnv(text: &str) -> i64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let step = |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(start, step).cast_signed()
}

/// A store with the events 1 to `count`, of which each third is beta's.
fn with_events(count: u64) -> (tempfile::TempDir, Reader) {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    for id in 1..=count {
        let customer = if id % 3 == 0 { "beta" } else { "acme" };
        let row = Row::Event(event(id, customer).into());
        // Twice, as after a commit of which nobody knows whether it came through.
        running.keep(vec![row.clone(), row], id);
    }
    running.close();
    let reader = Reader::open(dir.path()).unwrap();
    (dir, reader)
}

#[test]
fn the_chain_of_events_shows_every_change() {
    let (_dir, reader) = with_events(20);
    assert_eq!(reader.verify_events().unwrap(), 20);
    for (statement, told) in [
        ("UPDATE event SET text = 'nothing' WHERE id = 7", "event 7 does not"),
        ("UPDATE event SET at = at + 1 WHERE id = 7", "event 7 does not"),
        ("UPDATE event SET customer = customer || actor, actor = '' WHERE id = 7", "event 7 does"),
        ("UPDATE event SET subject = 99 WHERE id = 1", "event 1 does not"),
        ("DELETE FROM event WHERE id = 7", "event 8 does not"),
        ("DELETE FROM event WHERE id = 1", "event 2 does not"),
        ("DELETE FROM event WHERE id > 18", "the events do not end where"),
        (
            "INSERT INTO event SELECT 21, 21, at, customer, kind, actor, name, subject, text, chain
            FROM event WHERE id = 20",
            "event 21 does not",
        ),
        ("UPDATE event SET place = 30 WHERE id = 3", "event 4 does not"),
        ("UPDATE event_chain SET chain = zeroblob(32) WHERE which = 'last'", "do not end where"),
    ] {
        let (dir, reader) = with_events(20);
        sql(dir.path(), statement);
        let error = reader.verify_events().unwrap_err().to_string();
        assert!(error.contains(told), "{statement}: {error}");
    }
}

#[test]
fn the_chain_goes_on_over_lives_and_after_a_cut() {
    let dir = tempfile::tempdir().unwrap();
    for life in 0..3 {
        let running = Running::start(dir.path(), 1);
        let events = (1..=10).map(|it| Row::Event(event(life * 10 + it, "acme").into()));
        let prune = |secs, rows_max| {
            let before = NOON.after(std::time::Duration::from_secs(secs));
            running.orders.send(Order::Prune { before, rows_max }).unwrap();
        };
        prune(life * 10, 4);
        running.keep(events.collect(), 1);
        prune(life * 10 + 3, 100);
        running.flush();
        let reader = Reader::open(dir.path()).unwrap();
        // Events 1 and 2 of this life are older than its third second.
        assert_eq!(reader.verify_events().unwrap(), 8, "life {life}");
        assert_eq!(reader.event_last().unwrap(), EventId(life * 10 + 10));
        running.close();
    }
}

#[test]
fn old_rows_go_in_portions_and_what_is_alive_stays() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 3);
    for step in 1..=30 {
        let mut it = batch((step % 3) as u32, step);
        it.shard = (step % 2) as u32;
        it.results = vec![crate::sample::recorded(0, step, model::Verdict::OK)];
        running.send(it);
    }
    let old = NOON.before(hours(200));
    let mut called = ended(3, "acme", old);
    called.call = Some(model::CallId(12));
    let delivered = AlertState::Delivered { at: NOON };
    let withdrawn = ProposalState::Withdrawn { at: NOON };
    let mut rows: Vec<Row> = (21..=25).map(|id| Row::Decision(decision(id, "a").into())).collect();
    rows.extend((31..=35).map(|id| Row::Problem(ended(id, "acme", old).into())));
    rows.extend([
        Row::Problem(problem(1, "acme").into()),
        Row::Problem(called.into()),
        Row::Call(call(12, "acme", CallState::Open).into()),
        Row::Call(call(13, "acme", CallState::Closed).into()),
        Row::Alert(alert(1, 0, delivered.clone()).into()),
        Row::Alert(alert(31, 0, AlertState::Waiting).into()),
        Row::Alert(alert(31, 1, delivered).into()),
        Row::Proposal(proposal(14, "acme", ProposalState::Open).into()),
        Row::Proposal(proposal(15, "acme", withdrawn).into()),
        Row::Silence(silence(16, None, old).into()),
        Row::Occurrence(occurrence(old, "acme").into()),
        Row::Planned(NoteId(17), planned(None, old).into()),
        Row::Override(duty_override(18, old).into()),
        Row::Answered("old".into(), old, "1".to_owned(), 1),
    ]);
    running.keep(rows, 1);
    running.flush();
    let before = NOON.after(hours(1));
    let prune = |before| {
        running.orders.send(Order::Prune { before, rows_max: 4 }).unwrap();
        running.flush();
        running.writer.health().pruned()
    };
    assert_eq!(prune(old), 4 + 4, "results and transitions are older than that");
    // Results, transitions, decisions, problems, and one each of seven other tables.
    assert_eq!(prune(before) - 8, 4 * 4 + 7, "a waiting alert and open things stay");
    let mut last = 0;
    while last != running.writer.health().pruned() {
        last = running.writer.health().pruned();
        prune(before);
    }
    // One result stays.
    assert_eq!(last, 29 + 30 + 5 + 5 + 7);
    running.close();
    let opened = Store::open(dir.path(), NOON_SECS).unwrap();
    assert_eq!(opened.boot, 2);
    let expected = [
        Row::Problem(problem(1, "acme").into()),
        Row::Problem({
            let mut called = ended(3, "acme", old);
            called.call = Some(model::CallId(12));
            called.into()
        }),
        Row::Proposal(proposal(14, "acme", ProposalState::Open).into()),
        Row::Call(call(12, "acme", CallState::Open).into()),
        Row::Call(call(13, "acme", CallState::Closed).into()),
        Row::Alert(alert(31, 0, AlertState::Waiting).into()),
    ];
    assert_eq!(opened.desk.rows, expected);
    assert_eq!(opened.beliefs.len(), 3);
}

/// Waiting alerts of the flood, and how many go into one order.
const FLOOD: u64 = 100_000;
const FLOOD_ORDER: u64 = 1_000;

/// What the process may grow by over the flood: a tenth of its rows.
const GROWTH_BYTES_MAX: u64 = 24 << 20;

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn a_flood_of_waiting_alerts_is_kept_and_read_in_flat_memory() {
    let test = "desk::a_flood_of_waiting_alerts_is_kept_and_read_in_flat_memory";
    let Some(dir) = child::folder() else {
        let dir = tempfile::tempdir().unwrap();
        let done = child::command(&[], test, dir.path()).output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && told.contains("1 passed"), "{told}");
        return;
    };
    let running = Running::start(&dir, 1);
    let waiting = |problem| Row::Alert(alert(problem, 0, AlertState::Waiting).into());
    let mut before = 0;
    for portion in 0..FLOOD / FLOOD_ORDER {
        let first = portion * FLOOD_ORDER + 1;
        running.keep((first..first + FLOOD_ORDER).map(waiting).collect(), portion);
        assert_eq!(running.receipt(), Receipt::Kept(portion));
        if portion == 10 {
            before = resident_bytes();
        }
    }
    let reader = Reader::open(&dir).unwrap();
    let mut which = store::AlertFilter { state: Some("waiting"), ..Default::default() };
    let mut count = 0;
    loop {
        let page = reader.alerts(&which, 500).unwrap();
        let Some(last) = page.last() else { break };
        which.before = Some(last.place);
        count += page.len() as u64;
    }
    assert_eq!(count, FLOOD);
    let totals = reader.totals(None).unwrap();
    assert_eq!(totals.alerts, [("waiting".to_owned(), FLOOD)]);
    assert_eq!(totals.alerts_waiting_since, Some(NOON));
    let growth = resident_bytes().saturating_sub(before);
    assert!(growth < GROWTH_BYTES_MAX, "it grew by {growth} bytes");
    running.close();
}
