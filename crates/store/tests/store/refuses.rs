//! What is not ours, not whole or not understood is refused, and left as it is.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use model::Row;
use rusqlite::{Connection, config::DbConfig};
use store::{DATABASE_NAME, LOCK_NAME, OpenError, Reader, Store};

use crate::{
    objects::{NOON_SECS, alive, problem},
    sample::{Running, batch},
};

/// Every file that matters in `dir` with its bytes. The lock and SQLite's shared memory (an index
/// over the log, made anew at will) are not data.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
    let matters =
        |it: &PathBuf| !it.ends_with(LOCK_NAME) && !it.to_str().unwrap().ends_with("-shm");
    paths.filter(matters).map(|it| (it.clone(), fs::read(it).unwrap())).collect()
}

/// The error of opening `dir`, after a look at whether anything in it was changed.
fn refused(dir: &Path) -> OpenError {
    let before = files(dir);
    let error = Store::open(dir, 2_000).expect_err("this must not be opened");
    assert!(files(dir) == before, "{error}: left byte for byte as it was");
    let told = error.to_string();
    assert!(told.contains(dir.to_str().unwrap()), "it names the file: {told}");
    assert!(!error.hint().is_empty());
    error
}

/// A closed store with `steps` transitions of 20 checkables.
fn stored(steps: u64) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 20);
    for step in 1..=steps {
        running.send(batch((step % 20) as u32, step));
    }
    running.close();
    let path = dir.path().join(DATABASE_NAME);
    (dir, path)
}

#[test]
fn a_second_engine_is_told_who_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), 1);
    let error = Store::open(dir.path(), 2_000).unwrap_err();
    let OpenError::InUse { pid, .. } = &error else { panic!("{error}") };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(error.to_string().starts_with("another engine (process "), "{error}");
    running.close();
    Store::open(dir.path(), 3_000).unwrap();
}

#[test]
fn what_is_no_database_is_not_taken_for_one() {
    let long = "not a database ".repeat(1_000);
    for content in [&b""[..], b"short", long.as_bytes()] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(DATABASE_NAME), content).unwrap();
        let error = refused(dir.path());
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    }
}

#[test]
fn another_programs_database_is_not_ours() {
    let dir = tempfile::tempdir().unwrap();
    let other = Connection::open(dir.path().join(DATABASE_NAME)).unwrap();
    other.execute_batch("PRAGMA user_version = 1; CREATE TABLE boot (number)").unwrap();
    drop(other);
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[test]
fn a_newer_schema_is_not_touched() {
    let (dir, path) = stored(5);
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA user_version = 77").unwrap();
    drop(newer);
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Newer { found: 77, known: 3, .. }), "{error}");
}

#[test]
fn a_newer_schema_is_noticed_also_when_only_the_log_has_it() {
    let (dir, path) = stored(5);
    let newer = Connection::open(&path).unwrap();
    newer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    newer.execute_batch("PRAGMA journal_mode = WAL; PRAGMA user_version = 78").unwrap();
    drop(newer);
    assert!(dir.path().join("campanile.db-wal").metadata().unwrap().len() > 0);
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Newer { found: 78, .. }), "{error}");
}

#[test]
fn a_log_without_its_database_is_not_played_into_a_new_one() {
    let (dir, path) = stored(5);
    fs::remove_file(&path).unwrap();
    fs::write(dir.path().join("campanile.db-wal"), b"what was committed last").unwrap();
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    let (dir, path) = stored(200);
    let whole = fs::read(&path).unwrap();
    for part in [1, 2, 3, 5] {
        fs::write(&path, &whole[..whole.len() * part / 6]).unwrap();
        let error = refused(dir.path());
        assert!(matches!(error, OpenError::Damaged { .. }), "{part}/6: {error}");
    }
}

#[test]
fn a_page_of_zeros_is_refused() {
    let (dir, path) = stored(200);
    let whole = fs::read(&path).unwrap();
    for page in 1..whole.len() / 4_096 {
        let mut torn = whole.clone();
        torn[page * 4_096..(page + 1) * 4_096].fill(0);
        fs::write(&path, &torn).unwrap();
        let error = refused(dir.path());
        assert!(matches!(error, OpenError::Damaged { .. }), "page {page}: {error}");
    }
}

/// A thousand single bits, spread over the file: each is either noticed, and then nothing is
/// touched, or lies where it changes nothing that is believed.
#[test]
fn no_flipped_bit_changes_what_is_believed() {
    let (dir, path) = stored(200);
    let running = Running::start(dir.path(), 20);
    running.keep(alive(), 1);
    running.keep((20..40).map(|id| Row::Problem(problem(id, "beta").into())).collect(), 2);
    running.close();
    let whole = fs::read(&path).unwrap();
    let truth = Reader::open(dir.path()).unwrap().beliefs().unwrap();
    assert_eq!(truth.len(), 20);
    let desk = Store::open(dir.path(), NOON_SECS).unwrap().desk;
    assert_eq!(desk.rows.len(), alive().len() + 20);
    let mut noticed = 0;
    for round in 0..1_000_u64 {
        let place = model::stable_hash(&round.to_string());
        let mut flipped = whole.clone();
        let bit = usize::try_from(place % (whole.len() as u64 * 8)).unwrap();
        flipped[bit / 8] ^= 1 << (bit % 8);
        for file in files(dir.path()).into_keys() {
            fs::remove_file(file).unwrap();
        }
        fs::write(&path, &flipped).unwrap();
        match Store::open(dir.path(), NOON_SECS) {
            Ok(opened) => {
                assert_eq!(opened.beliefs, truth, "bit {bit}");
                assert_eq!(opened.desk.rows, desk.rows, "bit {bit}");
                assert_eq!(opened.desk.installation, desk.installation, "bit {bit}");
                assert!(opened.desk.next_id >= desk.next_id, "bit {bit}");
            }
            Err(error) => {
                noticed += 1;
                assert!(fs::read(&path).unwrap() == flipped, "bit {bit}: {error}");
            }
        }
    }
    assert!(noticed > 100, "only {noticed} were noticed: is there anything in the file?");
}

#[test]
fn a_folder_that_cannot_be_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [file.clone(), file.join("inside"), PathBuf::from("/proc/campanile")] {
        let error = Store::open(&path, 1_000).unwrap_err();
        assert!(matches!(error, OpenError::Folder { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}
