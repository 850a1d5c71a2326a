//! Channels against real sockets on the loopback: receivers that behave, and receivers that do not.

mod every;
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

/// Parameters for a channel of any kind that speaks HTTP, to the receiver at `address`. Every text
/// that only the two may know has [`MARK`] in it.
fn params_for(kind: &str, address: std::net::SocketAddr) -> Params {
    let text = |it: &str| Value::Text(it.into());
    let url = format!("http://robot:pass-s3cr3t@{address}/hook/path-s3cr3t?token=query-s3cr3t");
    let place = if kind == "alertmanager" { "urls" } else { "url" };
    let place = if kind == "ticket" { "create_url" } else { place };
    let mut params = params(&[(place, &url)]);
    let more: &[(&'static str, &str)] = match kind {
        "pagerduty" => &[("routing_key", "routing-s3cr3t")],
        "ntfy" => &[("topic", "topic-s3cr3t"), ("token", "token-s3cr3t")],
        "telegram" => &[("token", "12345:token-s3cr3t"), ("chat", "-1001")],
        "sms" => &[("body", r#"{"message": "{{ message }}", "password": "body-s3cr3t"}"#)],
        "ticket" => &[("create_body", r#"{"title": "{{ title }}", "key": "body-s3cr3t"}"#)],
        _ => &[],
    };
    params.0.extend(more.iter().map(|(name, it)| (*name, text(it))));
    let entry = crate::CATALOGUE.iter().find(|it| it.spec.name == kind).unwrap();
    let takes = |name| entry.spec.params.iter().any(|it| it.name == name);
    if takes("headers") {
        let header = ("x-api-key".into(), text("header-s3cr3t"));
        params.0.insert("headers", Value::Map([header].into()));
    }
    if takes("sign") {
        params.0.insert("sign", Value::List(vec![text(SIGN)]));
    }
    params
}

/// A secret to sign with.
const SIGN: &str = "whsec_c2lnbi1zM2NyM3Qtc2lnbi1zM2NyM3Qtc2lnbi1z";

/// What marks a secret in [`params_for`].
const MARK: &str = "s3cr3t";
