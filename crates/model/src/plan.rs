//! A validated configuration: defaults filled, names resolved, thresholds and periods compiled.
//!
//! `config` makes it, `server` assigns lasting ids to its names, `engine` gets the [`Check`]s,
//! `probe` the parameters. What alike checkables share is behind one `Arc`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use crate::{Check, Duty, Params};

/// Labels as text pairs, sorted by name.
pub type Labels = Arc<[(Arc<str>, Arc<str>)]>;

/// Settings of the engine itself (`engine:`).
#[derive(Clone, Debug, PartialEq)]
pub struct EngineSettings {
    /// Where console and metrics listen.
    pub listen: SocketAddr,
    /// Folder of the store; made if missing.
    pub data: PathBuf,
    /// Shards; 0 means one for each processor.
    pub shards: u32,
    /// Most looks under way at once, in all.
    pub in_flight_max: u32,
    /// Most looks under way at once at one host.
    pub in_flight_per_host_max: u32,
    /// Keep every result, not only changes, so that a replay can be compared.
    pub record_results: bool,
    /// SHA-free fingerprint of the plan's text, to tell revisions apart.
    pub revision: u64,
}

/// A check that is asked actively.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The engine's half.
    pub check: Arc<Check>,
    /// The kind's half.
    pub params: Arc<Params>,
}

/// A host of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Whose it is.
    pub customer: Arc<str>,
    /// Its own name.
    pub name: Box<str>,
    /// Name or address to ask; `None` if nothing needs one.
    pub address: Option<Arc<str>>,
    /// Parents (`behind:`), as indices into [`Plan::hosts`].
    pub parents: Vec<u32>,
    /// All labels, inherited ones included.
    pub labels: Labels,
    /// How it is judged; `None` for `alive: none`.
    pub alive: Option<Asked>,
    /// Where it stands: a place in [`Duty::sites`].
    pub site: Option<u32>,
    /// A place in [`Duty::policies`].
    pub policy: Option<u32>,
    /// A place in [`Duty::contracts`].
    pub contract: Option<u32>,
}

/// A service of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Index into [`Plan::hosts`]; `None` for a service that belongs to no host.
    pub host: Option<u32>,
    /// Whose it is.
    pub customer: Arc<str>,
    /// Its own name.
    pub name: Box<str>,
    /// All labels, inherited ones included.
    pub labels: Labels,
    /// How it is asked.
    pub asked: Asked,
    /// A place in [`Duty::policies`].
    pub policy: Option<u32>,
    /// A place in [`Duty::contracts`].
    pub contract: Option<u32>,
}

/// A validated configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The engine's own settings.
    pub engine: EngineSettings,
    /// Sorted by customer and name.
    pub hosts: Vec<Host>,
    /// Sorted by customer, host and name.
    pub services: Vec<Service>,
    /// Who is told, when and how.
    pub duty: Arc<Duty>,
}

/// One host or service of a plan.
#[derive(Clone, Copy, Debug)]
pub enum CheckableRef<'a> {
    /// A host.
    Host(&'a Host),
    /// A service.
    Service(&'a Service),
}

impl Host {
    /// `customer/host`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.customer, self.name)
    }
}

impl Service {
    /// What stands in the place of the host in the name of a service that belongs to none.
    pub const NO_HOST: &'static str = "-";

    /// `customer/host/service`; `customer/-/service` if it belongs to no host.
    #[must_use]
    pub fn full_name(&self, plan: &Plan) -> String {
        format!("{}/{}/{}", self.customer, self.host_name(plan), self.name)
    }

    /// The name of its host, or [`Service::NO_HOST`].
    #[must_use]
    pub fn host_name<'a>(&self, plan: &'a Plan) -> &'a str {
        self.host.map_or(Self::NO_HOST, |it| &plan.hosts[it as usize].name)
    }
}

impl Plan {
    /// The host or service called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<CheckableRef<'_>> {
        let mut parts = name.splitn(3, '/');
        let (customer, host, service) = (parts.next()?, parts.next()?, parts.next());
        match service {
            None => self
                .hosts
                .iter()
                .find(|it| &*it.customer == customer && &*it.name == host)
                .map(CheckableRef::Host),
            Some(service) => self
                .services
                .iter()
                .find(|it| {
                    &*it.customer == customer && &*it.name == service && it.host_name(self) == host
                })
                .map(CheckableRef::Service),
        }
    }
}
