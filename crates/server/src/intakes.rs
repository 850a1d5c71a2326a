//! Starts and stops the intakes as configuration says, and says how each of them is.
//!
//! All of them live on one runtime of their own. One that cannot listen, because its port is taken or
//! its certificate cannot be read, is deaf: that is said, tried again, and stops nobody else.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use futures_util::{FutureExt as _, future::BoxFuture};
use inlet::{
    Ears, Net,
    imap::Imap,
    maildir::Maildir,
    smtp::{self, Gate, Keys, Limits, Login},
};
use model::{Duty, Intake, IntakeState, Way};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::{
    runtime::Runtime,
    sync::watch,
    task::JoinHandle,
    time::{interval, sleep},
};

use crate::house::House;

/// Threads of the intakes: reading a mail blocks one of them.
pub(crate) const THREADS: usize = 3;
/// How often it is said until when everything was read.
const MARK_EVERY: Duration = Duration::from_secs(2);
/// An intake that cannot listen tries again after so long.
const LISTEN_RETRY: Duration = Duration::from_secs(5);
/// How often a mail server's certificate is read again: it is renewed under a server that runs.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// Name of the file in the data folder from which secret addresses are made.
const KEY_FILE: &str = "inlet.key";
/// Bytes of that key.
const KEY_BYTES: usize = 32;
/// The intake of pings and ticks: it has no place of its own in the configuration.
pub(crate) const CONSOLE: &str = "console";

/// Everything by which reports come in.
pub(crate) struct Intakes {
    /// Taken when it ends: dropped within another runtime, it must not wait for its threads.
    runtime: Option<Runtime>,
    pub(crate) house: Arc<House>,
    gate: Arc<Gate>,
    key: Vec<u8>,
    running: Mutex<BTreeMap<Arc<str>, Running>>,
}

struct Running {
    intake: Intake,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Intakes {
    /// Nobody listens yet. Makes the key of secret addresses if there is none in `folder`.
    pub(crate) fn new(house: Arc<House>, folder: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("intakes")
            .enable_all()
            .build()?;
        let key = key_in(folder)?;
        let ears = Arc::clone(&house);
        runtime.spawn(async move {
            let mut next = interval(MARK_EVERY);
            loop {
                next.tick().await;
                let read_until = ears.read_until();
                ears.mark(IntakeState { name: Arc::from(CONSOLE), read_until, fault: None }).await;
            }
        });
        Ok(Self {
            runtime: Some(runtime),
            house,
            gate: Gate::new(Limits::default()),
            key,
            running: Mutex::default(),
        })
    }

    /// What the mail servers have counted.
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The key from which secret addresses are made.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Listens as `duty` says from now on. What has not changed goes on undisturbed.
    pub(crate) fn follow(&self, duty: &Duty) {
        self.house.listen_for(Ears::new(duty, &self.key));
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted: BTreeMap<Arc<str>, &Intake> =
            duty.intakes.all.iter().map(|it| (Arc::clone(&it.name), it)).collect();
        running.retain(|name, it| {
            let stays = wanted.get(name).is_some_and(|wanted| wanted.way == it.intake.way);
            if !stays {
                it.stop.send_replace(true);
                if let Some(task) = &it.task {
                    task.abort();
                }
            }
            stays
        });
        let host = duty.intakes.domains.first().cloned().unwrap_or_else(|| Arc::from("campanile"));
        for (name, intake) in wanted {
            running.entry(name).or_insert_with(|| self.start(intake, &host));
        }
    }

    fn start(&self, intake: &Intake, host: &Arc<str>) -> Running {
        let (stop, stopping) = watch::channel(false);
        let house = Arc::clone(&self.house);
        let work = match &intake.way {
            Way::Smtp { .. } => {
                let server = Arc::new(MailServer {
                    intake: intake.clone(),
                    host: Arc::clone(host),
                    gate: Arc::clone(&self.gate),
                    house: Arc::clone(&house),
                });
                work(move || MailServer::run(Arc::clone(&server), stopping.clone()))
            }
            Way::Imap { .. } => {
                let (intake, house) = (intake.clone(), Arc::clone(&house));
                work(move || fetch(intake.clone(), Arc::clone(&house)))
            }
            Way::Maildir { folder } => {
                let (name, folder) = (Arc::clone(&intake.name), PathBuf::from(&**folder));
                let house = Arc::clone(&house);
                work(move || collect(Arc::clone(&name), folder.clone(), Arc::clone(&house)))
            }
        };
        let run = revive(house, Arc::clone(&intake.name), work);
        let task = self.runtime.as_ref().map(|it| it.spawn(run));
        Running { intake: intake.clone(), stop, task }
    }
}

/// Begins the work of an intake.
type Work = Box<dyn Fn() -> BoxFuture<'static, ()> + Send>;

fn work<F: Future<Output = ()> + Send + 'static>(begin: impl Fn() -> F + Send + 'static) -> Work {
    Box::new(move || Box::pin(begin()))
}

/// Does the work of an intake. If it breaks down, that is a fault of ours: the intake is deaf, and
/// begins anew.
async fn revive(house: Arc<House>, name: Arc<str>, work: Work) {
    while AssertUnwindSafe(work()).catch_unwind().await.is_err() {
        tracing::error!(intake = %name, "it has broken down, and begins anew");
        deaf(&house, &name, "it has broken down").await;
        sleep(LISTEN_RETRY).await;
    }
}

async fn fetch(intake: Intake, house: Arc<House>) {
    match Imap::new(&intake.name, &intake.way) {
        Some(imap) => imap.run(&*house, &*house).await,
        None => deaf(&house, &intake.name, "its server is not written as HOST:PORT").await,
    }
}

async fn collect(name: Arc<str>, folder: PathBuf, house: Arc<House>) {
    Maildir::new(name, folder).run(&*house).await
}

impl Drop for Intakes {
    /// Takes no more; what is under way is its sender's again.
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        for it in running.values() {
            it.stop.send_replace(true);
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct MailServer {
    intake: Intake,
    host: Arc<str>,
    gate: Arc<Gate>,
    house: Arc<House>,
}

impl MailServer {
    async fn run(self: Arc<Self>, stopping: watch::Receiver<bool>) {
        let name = Arc::clone(&self.intake.name);
        loop {
            match self.open() {
                Ok((listener, intake)) => {
                    tracing::info!(intake = %name, "mails are taken at {}", listener.place());
                    let marks = self.marks();
                    let keys = intake.tls.clone();
                    let taker: Arc<dyn smtp::Taker> = Arc::clone(&self.house) as _;
                    let gate = Arc::clone(&self.gate);
                    let serve = smtp::serve(gate, listener, intake, taker, stopping.clone());
                    tokio::select! {
                        () = serve => return,
                        () = marks => return,
                        () = renew(&name, keys) => return,
                    }
                }
                Err(error) => {
                    tracing::error!(intake = %name, %error, "no mails are taken");
                    deaf(&self.house, &name, &error.to_string()).await;
                    sleep(LISTEN_RETRY).await;
                }
            }
        }
    }

    async fn marks(&self) {
        let mut next = interval(MARK_EVERY);
        loop {
            next.tick().await;
            let (name, read_until) = (Arc::clone(&self.intake.name), self.house.read_until());
            self.house.mark(IntakeState { name, read_until, fault: None }).await;
        }
    }

    fn open(&self) -> anyhow::Result<(smtp::Listener, Arc<smtp::Intake>)> {
        let Way::Smtp { listen, lmtp, tls, tls_only, tls_first, login, relays } = &self.intake.way
        else {
            anyhow::bail!("it is no mail server");
        };
        let tls = tls.as_ref().map(|(chain, key)| Keys::open(&**chain, &**key)).transpose()?;
        let intake = smtp::Intake {
            name: Arc::clone(&self.intake.name),
            host: Arc::clone(&self.host),
            lmtp: *lmtp,
            tls: tls.map(Arc::new),
            tls_only: *tls_only,
            tls_first: *tls_first,
            login: login.as_ref().map(|(user, file)| known(user, file)).transpose()?,
            relays: relays.iter().filter_map(|it| Net::parse(it)).collect(),
        };
        Ok((smtp::Listener::open(listen)?, Arc::new(intake)))
    }
}

/// Shows a certificate that was renewed; one that cannot be read leaves the old one in its place.
async fn renew(intake: &str, keys: Option<Arc<Keys>>) {
    let Some(keys) = keys else { return std::future::pending().await };
    let mut next = interval(RENEW_EVERY);
    let mut said = String::new();
    loop {
        next.tick().await;
        let wrong = tokio::task::block_in_place(|| keys.reload()).err();
        let wrong = wrong.map(|it| it.to_string()).unwrap_or_default();
        if wrong != said && !wrong.is_empty() {
            tracing::error!(intake, error = %wrong, "the certificate is not renewed");
        }
        said = wrong;
    }
}

/// Who may log in, with the password of a file.
fn known(user: &str, file: &str) -> anyhow::Result<Login> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let password = text.lines().next().unwrap_or_default();
    anyhow::ensure!(!password.is_empty(), "{file} holds no password in its first line");
    Ok(Login::new(user, password))
}

async fn deaf(house: &House, name: &Arc<str>, why: &str) {
    let (name, fault) = (Arc::clone(name), Some(Arc::from(why)));
    house.mark(IntakeState { name, read_until: model::Moment::ZERO, fault }).await;
}

/// The key in `folder`; made if it is missing. It is whole or not there.
fn key_in(folder: &Path) -> io::Result<Vec<u8>> {
    let path = folder.join(KEY_FILE);
    match fs::read(&path) {
        Ok(key) if key.len() == KEY_BYTES => return Ok(key),
        Ok(_) => {
            let what = format!("{} is not a key of {KEY_BYTES} bytes", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = vec![0; KEY_BYTES];
    let none = |_| io::Error::other("the system gives no random numbers");
    SystemRandom::new().fill(&mut key).map_err(none)?;
    let new = folder.join("inlet.key.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::PermissionsExt,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let key = key_in(folder.path()).unwrap();
        assert_eq!(key.len(), KEY_BYTES);
        assert!(key.iter().any(|it| *it != 0));
        assert_eq!(key_in(folder.path()).unwrap(), key);
        let mode = fs::metadata(folder.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(folder.path().join(KEY_FILE), b"short").unwrap();
        key_in(folder.path()).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn an_intake_that_breaks_down_is_deaf_and_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, heard) = crossbeam_channel::unbounded();
        let house = Arc::new(House::new(crate::clock::Clock::anchored(), folder.path(), desk));
        let times = Arc::new(AtomicU32::new(0));
        let begun = Arc::clone(&times);
        let twice = work(move || {
            let time = begun.fetch_add(1, Relaxed);
            async move { assert!(time >= 2, "breaks down") }
        });
        revive(house, "box".into(), twice).await;
        assert_eq!(times.load(Relaxed), 3);
        let deaf = heard.try_iter().filter(|it| {
            matches!(it, crate::desk::ToDesk::Intake(it) if &*it.name == "box" && it.fault.is_some())
        });
        assert_eq!(deaf.count(), 2);
    }
}
