//! What the end-to-end tests stand on: the real binary and real servers, each in a folder and on a
//! port of its own, ended with the test.
//!
//! Nothing here knows a crate of the engine: what a test sees is what an operator sees.

#![allow(
    clippy::unwrap_used,
    reason = "the whole crate is test code; a panic is how a test reports"
)]

mod alertmanager;
mod api;
mod door;
mod dovecot;
mod engine;
mod exposition;
mod ferry;
mod history;
mod mails;
mod netns;
mod nginx;
mod page;
mod postfix;
mod process;
mod prometheus;
mod receiver;
mod sandbox;
mod settings;
mod snmpd;
mod wait;

pub use alertmanager::AlertmanagerServer;
pub use api::{Answer, Api, encoded, rfc3339, rfc3339_at};
pub use door::{Door, Porter};
pub use dovecot::Dovecot;
pub use engine::{ENGINE_YAML, Engine};
pub use exposition::{Believed, Exposition, Series};
pub use ferry::Ferry;
pub use history::Change;
pub use mails::{
    Bomb, Fate, Flood, Ledger, Lost, MailAnswer, MailEstate, MailLine, MailText, Sent, Sink,
    base64, peak_bytes, resident_bytes,
};
pub use netns::Netns;
pub use nginx::{Certificate, Nginx};
pub use page::Page;
pub use postfix::{Asked, Letter, Postfix};
pub use process::{Running, free_port};
pub use prometheus::PrometheusServer;
pub use receiver::{Manner, Received, Receiver};
pub use sandbox::Sandbox;
pub use settings::setting;
pub use snmpd::Snmpd;
pub use wait::{LIMIT, until, until_within};
