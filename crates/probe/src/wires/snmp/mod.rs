//! SNMP: one socket per address family for all agents, whatever version they speak.
//!
//! Versions 1 and 2c are our own ([`message`], [`exchange`]): a GET is small, and there are
//! thousands a second of them. Version 3 is cryptography and a protocol of its own, so a library
//! speaks it, over the same socket ([`v3`]). Above both, [`round`] puts what the services of one
//! host want to know in one moment into one request.
//!
//! There is no SET anywhere.

mod ber;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod corpus;
mod exchange;
mod line;
mod message;
mod names;
mod oid;
mod round;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod v3;
mod walk;

use std::{
    cell::RefCell, collections::HashMap, fmt, net::SocketAddr, rc::Rc, sync::Arc, time::Duration,
};

use model::{Cause, CauseCode};
use tokio::{
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use self::{
    line::Line,
    message::{Operation, Response},
    round::Rounds,
    v3::Users,
    walk::Places,
};
pub(crate) use self::{
    message::{Value, Version},
    names::{Name, Words, look_up},
    oid::Oid,
    v3::User,
};
pub use line::SnmpCounts;

/// Objects in one request. An answer takes about 40 bytes for each, and so this many still fit one
/// Ethernet frame; what comes in pieces is lost when one piece is.
const OBJECTS_PER_REQUEST_MAX: usize = 32;

/// By what right we ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// Versions 1 and 2c.
    Community {
        /// Which of them.
        version: Version,
        /// A password that travels in the clear.
        community: Community,
    },
    /// Version 3.
    User(User),
}

/// A community; not printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Community(pub(crate) Arc<[u8]>);

impl fmt::Debug for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Whom we ask, and by what right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Agent {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// By what right we ask.
    pub(crate) access: Arc<Access>,
}

/// What one look learnt.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    /// In the order of the objects.
    pub(crate) values: Vec<Result<Value, Cause>>,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// How many objects were asked for together, those of other services included.
    pub(crate) together: usize,
}

/// Asks agents.
#[derive(Debug)]
pub(crate) struct SnmpWire(Rc<Inner>);

/// What the rounds, which outlive a single look, share.
#[derive(Debug, Default)]
struct Inner {
    /// For IPv4 and for IPv6; opened when first wanted.
    lines: [RefCell<Option<OpenLine>>; 2],
    rounds: Rounds,
    users: Users,
    places: Places,
    /// Agents that cannot answer as many objects in one message as we would like.
    limits: RefCell<HashMap<SocketAddr, usize>>,
}

/// A line and the task that reads from it.
#[derive(Debug)]
struct OpenLine {
    line: Arc<Line>,
    listener: AbortHandle,
}

impl Drop for OpenLine {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl SnmpWire {
    /// A wire without a socket yet.
    pub(crate) fn new() -> Self {
        Self(Rc::default())
    }

    /// The values of `objects`.
    ///
    /// # Errors
    /// Those of the whole request; those of single objects are in the answers.
    pub(crate) async fn get(
        &self,
        agent: &Agent,
        objects: &[Oid],
        deadline: Instant,
    ) -> Result<Answers, Cause> {
        let together = self.0.rounds.join(&self.0, agent, objects, deadline);
        match timeout_at(deadline, together).await {
            Ok(answers) => Ok(answers),
            Err(_) => Err(silence(agent)),
        }
    }

    /// How full the storage called `name` is, as the host resources table has it.
    ///
    /// # Errors
    /// Those of a request; `NoSuchObject`, with the names that there are.
    pub(crate) async fn storage(
        &self,
        agent: &Agent,
        name: &str,
        deadline: Instant,
    ) -> Result<walk::Storage, Cause> {
        walk::storage(self, agent, name, deadline).await
    }

    /// What became of all datagrams so far.
    pub(crate) fn counts(&self) -> SnmpCounts {
        let lines = self.0.lines.iter().filter_map(|it| Some(it.borrow().as_ref()?.line.counts()));
        lines.fold(SnmpCounts::default(), |sum, it| sum.plus(it))
    }
}

impl Inner {
    /// The line to `address`, opened now if it is the first time.
    fn line(&self, address: SocketAddr) -> Result<Arc<Line>, Cause> {
        let mut place = self.lines[usize::from(address.is_ipv6())].borrow_mut();
        if let Some(open) = &*place {
            return Ok(Arc::clone(&open.line));
        }
        let line = Arc::new(Line::open(address.is_ipv6())?);
        let listener = tokio::spawn(Arc::clone(&line).listen()).abort_handle();
        *place = Some(OpenLine { line: Arc::clone(&line), listener });
        Ok(line)
    }

    /// One request and its answer, in whatever version the agent is asked.
    async fn exchange(
        &self,
        agent: &Agent,
        operation: Operation,
        objects: &[Oid],
        deadline: Instant,
    ) -> Result<Response, Cause> {
        let line = self.line(agent.address)?;
        match &*agent.access {
            Access::Community { version, community } => {
                let terms = exchange::Terms { agent, version: *version, community, deadline };
                exchange::ask(&line, &terms, operation, objects).await
            }
            Access::User(user) => {
                let terms = v3::Terms { address: agent.address, user, deadline };
                self.users.ask(&line, &terms, operation, objects).await
            }
        }
    }
}

/// The cause of a look that heard nothing.
fn silence(agent: &Agent) -> Cause {
    let hint = match &*agent.access {
        Access::Community { .. } => "; an agent is silent, too, when the community is wrong",
        Access::User(_) => "",
    };
    Cause::new(CauseCode::Timeout, format!("no answer from {}{hint}", agent.address))
}
