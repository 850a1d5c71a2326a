//! Starts and stops the intakes as configuration says, and says how each of them is.
//!
//! All of them live on one runtime of their own. One that cannot listen, because its port is taken or
//! its certificate cannot be read, is deaf: that is said, tried again, and stops nobody else.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use inlet::{
    Ears, Net,
    imap::Imap,
    maildir::Maildir,
    smtp::{self, Gate, Keys, Limits},
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
const THREADS: usize = 2;
/// How often it is said until when everything was read.
const MARK_EVERY: Duration = Duration::from_secs(2);
/// An intake that cannot listen tries again after so long.
const LISTEN_RETRY: Duration = Duration::from_secs(5);
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
        let name = Arc::clone(&intake.name);
        let task = match &intake.way {
            Way::Smtp { .. } => {
                let server = MailServer {
                    intake: intake.clone(),
                    host: Arc::clone(host),
                    gate: Arc::clone(&self.gate),
                    house,
                };
                self.spawn(async move { server.run(stopping).await })
            }
            Way::Imap { .. } => match Imap::new(&name, &intake.way) {
                Some(imap) => self.spawn(async move { imap.run(&*house, &*house).await }),
                None => self.spawn(async move {
                    deaf(&house, &name, "its server is not written as HOST:PORT").await;
                }),
            },
            Way::Maildir { folder } => {
                let maildir = Maildir::new(name, PathBuf::from(&**folder));
                self.spawn(async move { maildir.run(&*house).await })
            }
        };
        Running { intake: intake.clone(), stop, task }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Option<JoinHandle<()>> {
        self.runtime.as_ref().map(|it| it.spawn(work))
    }
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
    async fn run(self, stopping: watch::Receiver<bool>) {
        let name = Arc::clone(&self.intake.name);
        loop {
            match self.open() {
                Ok((listener, intake)) => {
                    if let Ok(at) = listener.local_addr() {
                        tracing::info!(intake = %name, "mails are taken at {at}");
                    }
                    let marks = self.marks();
                    let taker: Arc<dyn smtp::Taker> = Arc::clone(&self.house) as _;
                    let gate = Arc::clone(&self.gate);
                    let serve = smtp::serve(gate, listener, intake, taker, stopping.clone());
                    tokio::select! {
                        () = serve => return,
                        () = marks => return,
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

    fn open(&self) -> anyhow::Result<(tokio::net::TcpListener, Arc<smtp::Intake>)> {
        let Way::Smtp { listen, lmtp, tls, tls_only, relays } = &self.intake.way else {
            anyhow::bail!("it is no mail server");
        };
        let address: SocketAddr = listen.parse()?;
        let tls = tls.as_ref().map(|(chain, key)| Keys::open(&**chain, &**key)).transpose()?;
        let intake = smtp::Intake {
            name: Arc::clone(&self.intake.name),
            host: Arc::clone(&self.host),
            lmtp: *lmtp,
            tls: tls.map(Arc::new),
            tls_only: *tls_only,
            relays: relays.iter().filter_map(|it| Net::parse(it)).collect(),
        };
        Ok((smtp::bind(address)?, Arc::new(intake)))
    }
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
    use std::os::unix::fs::PermissionsExt;

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
}
