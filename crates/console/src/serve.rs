//! The console's door: takes connections, bounds them, and closes them in an orderly way.
//!
//! On hyper and not on `axum::serve`, which has no timeouts and no bound on connections.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::Router;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Shared,
    pages::{ReloadRequest, router},
    ping::Peer,
};

/// Most connections at once; further ones wait in the system's queue.
pub const CONNECTIONS_MAX: usize = 256;

/// Longest wait for the head of a request, from the end of the one before. Longer than the usual
/// scrape interval, so that a scraper keeps its connection.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(75);

/// Largest head of a request, and most fields in it.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEAD_FIELDS_MAX: usize = 64;

/// A peer that confirms nothing for this long is gone.
const PEER_SILENCE_MAX: Duration = Duration::from_secs(30);

/// A connection gets no further request after this time, however busy it is.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(600);

/// What a request may still take after its connection was asked to end.
const LINGER_MAX: Duration = Duration::from_secs(60);

/// The same when the whole engine ends.
const DRAIN_MAX: Duration = Duration::from_secs(3);

/// Pause after the system refused to give a connection, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves on `listener` until `shutdown`, then lets what is under way finish, for a while.
///
/// # Errors
/// The listener cannot be used. What goes wrong with a connection ends only that connection.
pub async fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    reload: mpsc::Sender<ReloadRequest>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let router = router(Arc::clone(&shared), reload);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let next = next_connection(&listener, &places, &shared);
        let (stream, peer, place) = tokio::select! {
            () = &mut shutdown => break,
            next = next => next,
        };
        while let Some(ended) = connections.try_join_next() {
            log_panic(ended);
        }
        let visitor = Visitor { shared: Arc::clone(&shared), _place: place };
        visitor.shared.visits.connections.fetch_add(1, Relaxed);
        connections.spawn(attend(stream, peer, router.clone(), stopped.clone(), visitor));
    }
    drop((listener, stop));
    if let Some(api) = shared.api() {
        api.end();
    }
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            log_panic(ended);
        }
    };
    if timeout(DRAIN_MAX, drained).await.is_err() {
        tracing::warn!("connections were cut off at the end");
    }
    Ok(())
}

/// A place among the connections; given back, and no longer counted, when it is dropped.
struct Visitor {
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.shared.visits.connections.fetch_sub(1, Relaxed);
    }
}

async fn next_connection(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shared: &Shared,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    if places.available_permits() == 0 {
        shared.visits.held_back.fetch_add(1, Relaxed);
    }
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection to the console");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stopped: watch::Receiver<()>,
    _visitor: Visitor,
) {
    let socket = SockRef::from(&stream);
    let settled = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_user_timeout(Some(PEER_SILENCE_MAX)));
    if let Err(error) = settled {
        tracing::debug!(%error, %peer, "the connection has not all its limits");
    }
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEAD_FIELDS_MAX);
    let pages = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        pages.call(request)
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = sleep(CONNECTION_AGE_MAX) => None,
        _ = stopped.changed() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(LINGER_MAX, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection to the console broke");
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a request broke; the console goes on");
    }
}
