//! One request of version 1 or 2c, repeated until its answer comes or the time is over.

use std::net::SocketAddr;

use model::{Cause, CauseCode};
use tokio::time::{Instant, timeout_at};

use super::{
    Agent, Community,
    line::{Heard, Line, Proof},
    message::{Operation, Response, Version, encode_request},
    oid::Oid,
    silence,
};
use crate::{raw::NetworkError, wires::errno};

/// A request is repeated this often, at equal distances. One lost datagram is no outage; two in a
/// row are rare enough to be worth telling. All of it is one attempt for the engine.
pub(super) const RESENDS: u32 = 2;

/// To whom, as whom, until when.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    pub(super) agent: &'a Agent,
    pub(super) version: Version,
    pub(super) community: &'a Community,
    pub(super) deadline: Instant,
}

/// Asks.
pub(super) async fn ask(
    line: &Line,
    terms: &Terms<'_>,
    operation: Operation,
    objects: &[Oid],
) -> Result<Response, Cause> {
    let start = Instant::now();
    if start >= terms.deadline {
        return Err(silence(terms.agent));
    }
    let id = line.fresh_id();
    let community = &terms.community.0;
    let bytes = encode_request(terms.version, community, (operation, id), objects);
    let dropped = line.dropped();
    let target = terms.agent.address;
    let proof = Proof::Community(terms.version, community.clone());
    let (slot, mut heard) = line.expect(id, target, proof);

    let pause = terms.deadline.saturating_duration_since(start) / (RESENDS + 1);
    for sent in 1..=RESENDS + 1 {
        line.send(&bytes, target).await.map_err(|error| unsent(target, &error))?;
        let until = if sent > RESENDS { terms.deadline } else { start + pause * sent };
        if let Ok(heard) = timeout_at(until, &mut heard).await {
            let heard = heard.map_err(|_| Cause::new(CauseCode::Internal, "the line is gone"))?;
            return answer(heard, target);
        }
    }
    if line.dropped() != dropped {
        return Err(overflow());
    }
    Err(match slot.garbled() {
        Some(broken) => malformed(target, format_args!("what it sends is not SNMP: {broken}")),
        None => silence(terms.agent),
    })
}

fn answer(heard: Heard, target: SocketAddr) -> Result<Response, Cause> {
    match heard {
        Heard::Response(response) => Ok(response),
        Heard::Broken(broken) => Err(malformed(target, format_args!("{broken}"))),
        Heard::Undeliverable(error) => Err(undeliverable(target, error)),
        Heard::Candidate(_) => Err(malformed(target, format_args!("it is of another version"))),
    }
}

/// The cause of an answer that makes no sense.
pub(super) fn malformed(target: SocketAddr, what: std::fmt::Arguments<'_>) -> Cause {
    Cause::new(CauseCode::Malformed, format!("the answer of {target}: {what}"))
}

/// The cause of a request that did not leave the machine.
pub(super) fn unsent(target: SocketAddr, error: &std::io::Error) -> Cause {
    errno::cause_of(&format!("sending to {target}"), error)
}

/// The cause when our own kernel threw answers away while we waited.
pub(super) fn overflow() -> Cause {
    Cause::new(CauseCode::Buffers, "answers came faster than we could read them")
}

/// The cause behind what the network said.
pub(super) fn undeliverable(target: SocketAddr, error: NetworkError) -> Cause {
    let said = std::io::Error::from_raw_os_error(error.number);
    if error.message.is_none() {
        return unsent(target, &said);
    }
    let by = error.offender.map(|it| format!(", says {it}")).unwrap_or_default();
    match error.number {
        libc::ECONNREFUSED => {
            Cause::new(CauseCode::Refused, format!("nobody listens at {target}{by}"))
        }
        _ => Cause::new(CauseCode::Unreachable, format!("{target}: {said}{by}")),
    }
}
