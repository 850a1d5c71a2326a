//! The folder intake beside writers, readers and things that are no mails.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{Heard, House, subjects};
use inlet::{
    keeper::{FETCHED_BYTES_MAX, Part, Taking},
    maildir::Maildir,
};
use model::Moment;
use tempfile::TempDir;
use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_millis(20);
/// For the test that runs itself as nobody.
const AS_NOBODY: &str = "INLET_TEST_FOLDER";
const NOBODY: u32 = 65534;

struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new() -> Self {
        let it = Self { dir: TempDir::new().unwrap() };
        for name in ["tmp", "new", "cur"] {
            fs::create_dir(it.path(name)).unwrap();
        }
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Delivers as the rules of the format say.
    fn deliver(&self, name: &str, subject: &str) {
        deliver(self.dir.path(), name, subject);
    }

    fn names(&self, of: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(self.path(of)).unwrap();
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn deliver(folder: &Path, name: &str, subject: &str) {
    let tmp = folder.join("tmp").join(name);
    fs::write(&tmp, format!("Subject: {subject}\r\n\r\nbody\r\n")).unwrap();
    fs::rename(tmp, folder.join("new").join(name)).unwrap();
}

/// Starts reading `folder`.
fn read(folder: &Path) -> (Arc<House>, Heard, JoinHandle<()>) {
    let (house, heard) = House::new();
    let house = Arc::new(house);
    let maildir = Maildir::new("drop".into(), folder).every(EVERY);
    let keeper = Arc::clone(&house);
    let task = tokio::spawn(async move { maildir.run(&*keeper).await });
    (house, heard, task)
}

fn set_time(path: &Path, secs: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[tokio::test]
async fn what_lies_there_is_taken_in_the_order_of_its_time_and_put_away() {
    let folder = Folder::new();
    for (name, time) in [("b", 1_700_000_300), ("c", 1_700_000_100), ("a", 1_700_000_200)] {
        folder.deliver(name, name);
        set_time(&folder.path("new").join(name), time);
    }
    fs::write(folder.path("tmp/half"), "Subject: half").unwrap();
    let (_house, mut heard, _task) = read(folder.dir.path());
    let mails = heard.mails_until_well().await;
    assert_eq!(subjects(&mails), ["c", "a", "b"]);
    assert_eq!(mails[0].at, Moment::from_secs(1_700_000_100));
    assert_eq!((&*mails[0].intake, &*mails[0].place), ("drop", "new/c"));
    assert_eq!(mails[0].part, Part::Whole);
    assert_eq!(folder.names("new"), BTreeSet::new());
    assert_eq!(folder.names("cur"), ["a:2,S", "b:2,S", "c:2,S"].map(String::from).into());
    assert_eq!(folder.names("tmp"), BTreeSet::from(["half".to_owned()]));
    folder.deliver("d", "later");
    assert_eq!(subjects(&[heard.mail().await]), ["later"]);
}

#[tokio::test]
async fn the_mark_follows_what_was_taken() {
    let folder = Folder::new();
    for (name, time) in [("1", 1_700_000_000), ("2", 1_700_000_001)] {
        folder.deliver(name, name);
        set_time(&folder.path("new").join(name), time);
    }
    let (house, mut heard, _task) = read(folder.dir.path());
    house.answer([Taking::Taken, Taking::Later, Taking::Later, Taking::Never]);
    assert_eq!(subjects(&[heard.mail().await, heard.mail().await]), ["1", "2"]);
    let fault = heard.fault().await;
    assert!(fault.contains("not taken at the moment"), "{fault}");
    assert_eq!(folder.names("new"), BTreeSet::from(["2".to_owned()]));
    // What is never taken is out of the way all the same.
    assert_eq!(subjects(&heard.mails_until_well().await), ["2", "2"]);
    assert_eq!(folder.names("new"), BTreeSet::new());
    let mark = heard.well().await;
    assert!(mark > Moment::ZERO && heard.well().await > mark);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_a_fault_until_it_is_there() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("mail");
    let (_house, mut heard, _task) = read(&folder);
    let fault = heard.fault().await;
    assert!(fault.contains("mail/new"), "{fault}");
    for name in ["tmp", "new"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let began = heard.well().await;
    assert!(began > Moment::ZERO);
    // Without `cur` nothing can be put away: then it is remembered.
    deliver(&folder, "1", "one");
    assert_eq!(heard.text().await, "Subject: one\r\n\r\nbody\r\n");
    heard.well().await;
    heard.well().await;
    // Another mail under the old name is another mail.
    deliver(&folder, "1", "another");
    assert!(heard.text().await.contains("another"));
    fs::create_dir(folder.join("cur")).unwrap();
    deliver(&folder, "2", "two");
    assert!(heard.text().await.contains("two"));
    heard.well().await;
    fs::rename(&folder, dir.path().join("gone")).unwrap();
    heard.fault().await;
    fs::rename(dir.path().join("gone"), &folder).unwrap();
    heard.well().await;
}

#[tokio::test]
async fn what_is_no_mail_is_left_alone() {
    let folder = Folder::new();
    let secret = folder.path("secret");
    fs::write(&secret, "Subject: secret\r\n\r\n").unwrap();
    std::os::unix::fs::symlink(&secret, folder.path("new/link")).unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.path("new/dangling")).unwrap();
    fs::create_dir(folder.path("new/folder")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path("new/pipe")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("new/socket")).unwrap();
    fs::write(folder.path("new/.hidden"), "Subject: hidden\r\n\r\n").unwrap();
    folder.deliver("1", "real");
    let (_house, mut heard, _task) = read(folder.dir.path());
    assert_eq!(subjects(&heard.mails_until_well().await), ["real"]);
    heard.well().await;
    assert_eq!(folder.names("new").len(), 6);
}

#[tokio::test]
async fn a_large_mail_comes_as_its_headers_and_an_empty_one_as_it_is() {
    let folder = Folder::new();
    let bytes = u64::try_from(FETCHED_BYTES_MAX).unwrap();
    for (name, size) in [("at", bytes), ("over", bytes + 1), ("huge", 1 << 40)] {
        let path = folder.path("tmp").join(name);
        fs::write(&path, format!("Subject: {name}\r\n\r\n")).unwrap();
        // A hole: it takes no room on the disk.
        File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
        fs::rename(path, folder.path("new").join(name)).unwrap();
    }
    fs::write(folder.path("new/void"), "").unwrap();
    let (_house, mut heard, _task) = read(folder.dir.path());
    let mut mails = heard.mails_until_well().await;
    mails.sort_by(|one, other| one.place.cmp(&other.place));
    let found: Vec<_> = mails.iter().map(|it| (&*it.place, it.part, it.raw.len())).collect();
    assert_eq!(
        found,
        [
            ("new/at", Part::Whole, FETCHED_BYTES_MAX),
            ("new/huge", Part::TooLarge(1 << 40), "Subject: huge\r\n\r\n".len()),
            ("new/over", Part::TooLarge(bytes + 1), "Subject: over\r\n\r\n".len()),
            ("new/void", Part::Whole, 0),
        ]
    );
}

#[tokio::test]
async fn every_mail_of_a_busy_writer_is_taken_once() {
    const MAILS: usize = 2000;
    let folder = Folder::new();
    let path = folder.dir.path().to_owned();
    let writer = std::thread::spawn(move || {
        for at in 0..MAILS {
            deliver(&path, &format!("{at}.host"), &at.to_string());
        }
    });
    let (_house, mut heard, _task) = read(folder.dir.path());
    let mut seen = BTreeSet::new();
    while seen.len() < MAILS {
        let mail = heard.mail().await;
        assert!(seen.insert(subjects(&[mail]).remove(0)), "a mail came twice");
    }
    writer.join().unwrap();
    heard.well().await;
    assert_eq!((folder.names("new").len(), folder.names("cur").len()), (0, MAILS));
}

#[tokio::test]
async fn another_reader_does_no_harm() {
    const MAILS: usize = 1000;
    let folder = Folder::new();
    for at in 0..MAILS {
        folder.deliver(&format!("{at}"), &at.to_string());
    }
    let path = folder.dir.path().to_owned();
    let thief = std::thread::spawn(move || {
        let take = |at: &usize| {
            fs::rename(path.join(format!("new/{at}")), path.join(format!("stolen.{at}"))).is_ok()
        };
        (0..MAILS).rev().filter(take).count()
    });
    let (_house, mut heard, _task) = read(folder.dir.path());
    let taken = heard.mails_until_well().await.len();
    let stolen = thief.join().unwrap();
    heard.mails_until_well().await;
    // A mail that was read and then moved away by the other has been seen by both.
    assert!(taken + stolen >= MAILS, "{taken} + {stolen}");
    assert_eq!(folder.names("cur").len() + stolen, MAILS);
}

#[tokio::test]
async fn a_restart_hands_over_only_what_was_not_taken() {
    let folder = Folder::new();
    folder.deliver("1", "one");
    let (house, mut heard, task) = read(folder.dir.path());
    heard.mails_until_well().await;
    house.answer(std::iter::repeat_n(Taking::Later, 1000));
    folder.deliver("2", "two");
    assert!(heard.text().await.contains("two"));
    task.abort();
    let (_house, mut heard, _task) = read(folder.dir.path());
    assert_eq!(subjects(&heard.mails_until_well().await), ["two"]);
}

/// Root may read everything, so then this one runs itself again as nobody.
#[test]
fn a_mail_that_may_not_be_read_is_a_fault_and_holds_only_the_mark() {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout.trim_ascii() != b"0" {
        let given = std::env::var_os(AS_NOBODY);
        let dir = TempDir::new().unwrap();
        return read_what_is_forbidden(given.as_deref().map_or(dir.path(), Path::new));
    }
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
    // Where the test lies nobody may be able to go.
    let program = dir.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new(&program)
        .args(["--exact", "a_mail_that_may_not_be_read_is_a_fault_and_holds_only_the_mark"])
        .env(AS_NOBODY, dir.path().join("mail"))
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && log.contains("1 passed"), "{log}{output:?}");
}

fn read_what_is_forbidden(folder: &Path) {
    let forbid = |path: &str, mode| {
        fs::set_permissions(folder.join(path), Permissions::from_mode(mode)).unwrap();
    };
    for name in ["tmp", "new", "cur"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        deliver(folder, "1", "forbidden");
        forbid("new/1", 0o000);
        deliver(folder, "2", "allowed");
        let (_house, mut heard, _task) = read(folder);
        assert!(heard.text().await.contains("allowed"));
        let fault = heard.fault().await;
        assert!(fault.contains("cannot read the mail 1"), "{fault}");
        forbid("new/1", 0o600);
        assert!(heard.text().await.contains("forbidden"));
        heard.well().await;
        forbid("new", 0o000);
        let fault = heard.fault().await;
        assert!(fault.contains("cannot look into"), "{fault}");
        // Read only: what was taken cannot be moved, and is not taken again.
        forbid("new", 0o700);
        heard.well().await;
        deliver(folder, "3", "stays");
        forbid("new", 0o500);
        assert!(heard.text().await.contains("stays"));
        heard.well().await;
        heard.well().await;
        forbid("new", 0o700);
    });
}
