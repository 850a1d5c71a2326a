//! Names to addresses and addresses to connections.
//!
//! The system's own resolver answers, in threads of its own: deliveries are few beside looks, and
//! whatever an operator set up for the machine holds for them too. A name server that hangs holds
//! up only as many threads as there are permits.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::Semaphore,
    task,
    time::{Instant, timeout_at},
};

use crate::World;

/// Questions to the system's resolver at one time; each holds a thread.
const LOOKUPS_MAX: usize = 16;
/// Addresses of a name that are tried, in the order of the system.
const ADDRESSES_MAX: usize = 4;
/// From the name to the connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// For one address, while there are others to try.
const CONNECT_ONE_MAX: Duration = Duration::from_secs(2);

/// Learns addresses.
#[derive(Debug)]
pub(crate) struct Names {
    lookups: Arc<Semaphore>,
}

impl Default for Names {
    fn default() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Names {
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let permit = Arc::clone(&self.lookups).acquire_owned().await;
        let name = bare.to_owned();
        let asked = task::spawn_blocking(move || {
            // Goes with the thread, not with whoever waits: that one may have given up.
            let _permit = permit;
            (name.as_str(), port).to_socket_addrs().map(|it| it.take(ADDRESSES_MAX).collect())
        });
        let found: io::Result<Vec<SocketAddr>> =
            asked.await.map_err(|error| format!("looking up {host}: {error}"))?;
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            Ok(_) => Err(format!("{host} has no address")),
            Err(error) => Err(format!("{host} cannot be looked up: {error}")),
        }
    }
}

/// Connects to `host`.
///
/// # Errors
/// What went wrong, in words; nothing was sent.
pub(crate) async fn connect(
    world: &World,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<TcpStream, String> {
    let deadline = deadline.min(Instant::now() + CONNECT_MAX);
    let late = |_| format!("no connection to {host} within {} s", CONNECT_MAX.as_secs());
    let addresses =
        timeout_at(deadline, world.names().addresses(host, port)).await.map_err(late)??;
    let mut fault = format!("{host} has no address");
    for (place, address) in addresses.iter().enumerate() {
        let last = place + 1 == addresses.len();
        let until = if last { deadline } else { deadline.min(Instant::now() + CONNECT_ONE_MAX) };
        match timeout_at(until, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                world.count_connection();
                // Small requests whose answer somebody waits for; a refusal costs only time.
                if let Err(error) = tcp.set_nodelay(true) {
                    tracing::debug!(%error, "cannot switch delays off");
                }
                return Ok(tcp);
            }
            Ok(Err(error)) => fault = format!("{host} cannot be reached: {error}"),
            Err(elapsed) => fault = late(elapsed),
        }
    }
    Err(fault)
}
