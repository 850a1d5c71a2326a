//! A taker that does what the recipient's name says, and a server around it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use futures_util::{FutureExt, future::BoxFuture};
use model::Moment;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use super::client::{Client, within};
use crate::{
    Envelope,
    smtp::{Answer, Gate, Intake, Limits, Mail, Taker, Welcome, bind, serve},
};

/// When every mail of these tests comes in.
pub(super) const NOW: Moment = Moment::from_secs(1_800_000_000);

/// What was taken.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) envelope: Envelope,
    pub(super) secure: bool,
    pub(super) raw: String,
}

/// The taker. A recipient `ok.acme@…` is taken for the customer `acme`; `busy`, `bad`, `hang`,
/// `boom`, `short` and `wait` do what they say, `later` and `panic` already when they are asked for.
#[derive(Debug, Default)]
pub(super) struct House {
    pub(super) kept: Mutex<Vec<Kept>>,
    pub(super) full: AtomicBool,
    pub(super) asked: Notify,
    pub(super) go: Notify,
}

impl House {
    pub(super) fn kept(&self) -> Vec<Kept> {
        self.kept.lock().unwrap().clone()
    }

    /// The texts of what was taken.
    pub(super) fn texts(&self) -> Vec<String> {
        self.kept().into_iter().map(|it| it.raw).collect()
    }
}

fn word(address: &str) -> &str {
    address.split(['.', '@']).next().unwrap()
}

impl Taker for House {
    fn now(&self) -> Moment {
        NOW
    }

    fn recipient(&self, address: &str, _: IpAddr) -> Welcome {
        let Some((local, "in.msp.example")) = address.rsplit_once('@') else {
            return Welcome::Nobody;
        };
        match word(local) {
            "ok" | "busy" | "bad" | "hang" | "boom" | "short" | "wait" => {
                let whose = local.split_once('.').map_or("", |it| it.1);
                Welcome::Ours { whose: whose.into() }
            }
            "later" => Welcome::Later,
            "panic" => panic!("asked for panic"),
            _ => Welcome::Nobody,
        }
    }

    fn room(&self) -> bool {
        !self.full.load(SeqCst)
    }

    fn take(&self, mail: Mail) -> BoxFuture<'_, Vec<Answer>> {
        async move {
            let mut answers = Vec::new();
            for recipient in &mail.envelope.recipients {
                answers.push(match word(recipient) {
                    "busy" => Answer::Later("the disk is\r\n250 full".to_owned()),
                    "bad" => Answer::Never("not for us".to_owned()),
                    "hang" => std::future::pending().await,
                    "boom" => panic!("asked for panic"),
                    "short" => return Vec::new(),
                    "wait" => {
                        self.asked.notify_one();
                        self.go.notified().await;
                        Answer::Taken
                    }
                    _ => Answer::Taken,
                });
            }
            if answers.contains(&Answer::Taken) {
                let raw = String::from_utf8_lossy(&mail.raw).into_owned();
                let Mail { envelope, secure, .. } = mail;
                self.kept.lock().unwrap().push(Kept { envelope, secure, raw });
            }
            answers
        }
        .boxed()
    }
}

/// An SMTP server without TLS.
pub(super) fn intake() -> Intake {
    Intake { name: "smtp".into(), host: "in.msp.example".into(), ..Intake::default() }
}

/// A server that runs.
pub(super) struct Running {
    pub(super) gate: Arc<Gate>,
    pub(super) house: Arc<House>,
    pub(super) address: SocketAddr,
    pub(super) stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    pub(super) fn start(limits: Limits, intake: Intake) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, house) = (Gate::new(limits), Arc::new(House::default()));
        let (stop, stopping) = watch::channel(false);
        let taker: Arc<dyn Taker> = Arc::clone(&house) as Arc<dyn Taker>;
        let task =
            tokio::spawn(serve(Arc::clone(&gate), listener, Arc::new(intake), taker, stopping));
        Self { gate, house, address, stop, task }
    }

    pub(super) fn smtp() -> Self {
        Self::start(Limits::default(), intake())
    }

    pub(super) fn lmtp() -> Self {
        Self::start(Limits::default(), Intake { lmtp: true, ..intake() })
    }

    /// A client that has read the banner.
    pub(super) async fn client(&self) -> Client {
        self.client_from([127, 0, 0, 1]).await
    }

    pub(super) async fn client_from(&self, ip: [u8; 4]) -> Client {
        let mut client = Client::connect(self.address, ip).await;
        assert!(client.reply().await.starts_with("220 in.msp.example "));
        client
    }

    /// A client that has said hello and who the mail is from and for.
    pub(super) async fn addressed(&self, recipients: &[&str]) -> Client {
        let mut client = self.client().await;
        client.address(recipients).await;
        client
    }

    /// Waits until the server has come to its end.
    pub(super) async fn ended(self) {
        within(self.task).await.unwrap();
    }
}
