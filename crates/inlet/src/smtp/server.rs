//! The door: who gets in, and what all who are in share.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Counters, Keys, Limits, Login, Reading, Refusal, Taker,
    budget::Budget,
    crowd::{Crowd, Place, peer_of},
    dialogue::Floor,
    listener::{Caller, Listener},
    reply::{self, Reply},
    session::{Session, stopped},
    wire::Wire,
};
use crate::Net;

/// A rest when the system has no descriptors or memory left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all mail servers of an engine share: their limits, and what is counted.
#[derive(Debug)]
pub struct Gate {
    pub(super) limits: Limits,
    pub(super) crowd: Arc<Crowd>,
    pub(super) budget: Arc<Budget>,
    pub(super) counters: Counters,
}

/// One mail server, as configuration has it.
#[derive(Debug, Default)]
pub struct Intake {
    /// Its name.
    pub name: Arc<str>,
    /// What it calls itself to peers.
    pub host: Arc<str>,
    /// LMTP instead of SMTP: an answer for each recipient. Only mail systems speak that, so each
    /// peer has the limits of a relay; that does not make anybody believe it.
    pub lmtp: bool,
    /// Offers STARTTLS with this certificate.
    pub tls: Option<Arc<Keys>>,
    /// Nothing is taken before STARTTLS.
    pub tls_only: bool,
    /// TLS from the first byte instead of STARTTLS.
    pub tls_first: bool,
    /// Who may log in; nobody has to.
    pub login: Option<Login>,
    /// Peers that hand on the mail of many.
    pub relays: Vec<Net>,
}

impl Gate {
    /// A gate with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            crowd: Crowd::new(&limits),
            budget: Budget::new(&limits),
            counters: Counters::default(),
            limits,
        })
    }

    /// What has been counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// All numbers for `/metrics`.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let gauge = |name, help, value: usize| Reading {
            name,
            help,
            is_counter: false,
            label: None,
            value: value as u64,
        };
        let mut all = self.counters.readings();
        all.push(gauge(
            "campanile_inlet_connections_open",
            "Connections to the mail servers that are open",
            self.crowd.connections(),
        ));
        all.push(gauge(
            "campanile_inlet_flight_bytes",
            "Memory of mails that have begun to come and are kept by nobody yet",
            self.budget.taken().0,
        ));
        all
    }
}

/// Takes mails at `listener` until `stopping` says otherwise; then what is under way is finished, as
/// far as that does not take too long.
pub async fn serve(
    gate: Arc<Gate>,
    listener: impl Into<Listener>,
    intake: Arc<Intake>,
    taker: Arc<dyn Taker>,
    stopping: watch::Receiver<bool>,
) {
    let listener = listener.into();
    let mut stop = stopping.clone();
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(ended) = sessions.join_next() => note(&gate, ended),
            accepted = listener.accept() => match accepted {
                Ok(caller) => {
                    let taker = Arc::clone(&taker);
                    if let Some(session) = welcome(&gate, &intake, taker, caller, stopping.clone()) {
                        sessions.spawn(session.run());
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, intake = %intake.name, "cannot take a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let ended = async {
        while let Some(ended) = sessions.join_next().await {
            note(&gate, ended);
        }
    };
    if timeout(gate.limits.times.drain, ended).await.is_err() {
        tracing::warn!(intake = %intake.name, "cut off who was still sending; nothing was taken");
    }
    sessions.shutdown().await;
}

/// One session over any stream, as if it had come from `peer`; for what is no socket.
pub async fn converse(
    gate: Arc<Gate>,
    intake: Arc<Intake>,
    taker: Arc<dyn Taker>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: IpAddr,
) {
    let address = peer.to_canonical();
    let Ok(place) = enter(&gate, &intake, address) else { return };
    let (_running, stopping) = watch::channel(false);
    let floor = Floor { gate, intake, taker, address, place };
    Session::new(floor, Wire::new(Box::new(stream)), stopping).run().await;
}

fn welcome(
    gate: &Arc<Gate>,
    intake: &Arc<Intake>,
    taker: Arc<dyn Taker>,
    caller: Caller,
    stopping: watch::Receiver<bool>,
) -> Option<Session> {
    let address = caller.address();
    let place = match enter(gate, intake, address) {
        Ok(place) => place,
        Err(reply) => {
            let mut line = Vec::new();
            reply.put(&mut line);
            caller.refuse(&line);
            return None;
        }
    };
    let (gate, intake) = (Arc::clone(gate), Arc::clone(intake));
    let floor = Floor { gate, intake, taker, address, place };
    Some(Session::new(floor, Wire::new(caller.into_stream()), stopping))
}

/// A place for a connection, or what the peer is told instead.
fn enter(gate: &Gate, intake: &Intake, address: IpAddr) -> Result<Place, Reply> {
    let relay = intake.lmtp || intake.relays.iter().any(|it| it.holds(address));
    match gate.crowd.enter(peer_of(address), relay) {
        Ok(place) => {
            gate.counters.connections.fetch_add(1, Relaxed);
            Ok(place)
        }
        Err(why) => {
            gate.counters.refuse(why);
            let of_peer = why == Refusal::PeerConnections;
            Err(if of_peer { reply::PEER_CROWDED } else { reply::CROWDED })
        }
    }
}

fn note(gate: &Gate, ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|it| it.is_panic()) {
        gate.counters.panics.fetch_add(1, Relaxed);
        tracing::error!("a session of a mail server has panicked; what it had was not taken");
    }
}
