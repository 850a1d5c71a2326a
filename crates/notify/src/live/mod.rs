//! Channels against real sockets on the loopback: receivers that behave, and receivers that do not.

mod http;
mod mail;
mod receiver;
mod ticket;

use std::{future::Future, time::Duration};

use model::{Params, Value};

/// Longest wait for anything; a passing test never waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `test` as the server would run deliveries.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.unwrap() })
}

/// Parameters that are all texts.
fn params(texts: &[(&'static str, &str)]) -> Params {
    Params(texts.iter().map(|(name, text)| (*name, Value::Text((*text).into()))).collect())
}
