//! The floor: the system calls that a look cannot do without, in a bare loop, as fast as it goes.
//!
//! What the engine spends beyond it is the price of everything else. On loopback the floor holds
//! the target's half of the packet's way too, since the kernel walks it in the sender's time.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    account::own_cpu,
    load::{self, Kind},
    snmp,
    targets::Ports,
};

/// Questions of one loop: about a second's worth of the dearest kind.
pub(crate) const ROUNDS: u32 = 20_000;
/// Datagrams under way at once: the cheapest number on loopback.
const WINDOW: u32 = 64;
/// How long a bare loop waits for an answer.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Bytes of an echo request's payload, as ping(8) has it.
const PAYLOAD_BYTES: usize = 56;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

/// CPU time that one question of `kind` costs at least, as the mean of `rounds` questions.
///
/// # Errors
/// When there is no right to ask, or an answer is missing.
pub(crate) fn measure(kind: Kind, hosts: u32, ports: Ports, rounds: u32) -> Result<Duration> {
    let address = |round: u32, port| SocketAddr::from((load::address(round % hosts), port));
    let start = own_cpu()?;
    match kind {
        Kind::Ping => echo(rounds, |round| address(round, 0))?,
        Kind::Tcp => {
            for round in 0..rounds {
                drop(connect(address(round, ports.tcp))?);
            }
        }
        Kind::Http => {
            for round in 0..rounds {
                fetch(address(round, ports.http))?;
            }
        }
        Kind::Snmp => ask(rounds, |round| address(round, ports.snmp))?,
    }
    Ok((own_cpu()? - start) / rounds)
}

/// A connection that is cut when it is dropped.
fn connect(address: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.connect(&address.into())?;
    socket.set_linger(Some(Duration::ZERO))?;
    Ok(socket)
}

fn fetch(address: SocketAddr) -> Result<()> {
    let mut socket = connect(address)?;
    socket.write_all(REQUEST)?;
    let length = socket.read(&mut [0; 1_024])?;
    ensure!(length > 0, "{address} closed without an answer");
    Ok(())
}

fn ask(rounds: u32, address: impl Fn(u32) -> SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(WAIT_MAX))?;
    let mut answer = [0; 1_024];
    for first in (0..rounds).step_by(WINDOW as usize) {
        let window = first..rounds.min(first + WINDOW);
        for round in window.clone() {
            socket.send_to(&snmp::request(round), address(round))?;
        }
        for _ in window {
            socket.recv_from(&mut answer).context("an SNMP answer is missing")?;
        }
    }
    Ok(())
}

fn echo(rounds: u32, address: impl Fn(u32) -> SocketAddr) -> Result<()> {
    let mut socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))
        .context("no right to open a raw socket")?;
    // Requests go to other addresses of loopback; only answers come to this one.
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.set_read_timeout(Some(WAIT_MAX))?;
    let id = std::process::id().to_be_bytes();
    let id = [id[2], id[3]];
    for first in (0..rounds).step_by(WINDOW as usize) {
        let window = first..rounds.min(first + WINDOW);
        for round in window.clone() {
            socket.send_to(&echo_request(id, round), &address(round).into())?;
        }
        for _ in window {
            while !is_answer(&mut socket, id)? {}
        }
    }
    Ok(())
}

/// Reads one packet. Answers to others come as well.
fn is_answer(socket: &mut Socket, id: [u8; 2]) -> Result<bool> {
    let mut packet = [0; 256];
    let length = socket.read(&mut packet).context("an echo reply is missing")?;
    let header = usize::from(packet[0] & 0x0f) * 4;
    let reply = packet[..length].get(header..).unwrap_or_default();
    Ok(reply.first() == Some(&0) && reply.get(4..6) == Some(&id))
}

fn echo_request(id: [u8; 2], round: u32) -> [u8; 8 + PAYLOAD_BYTES] {
    let mut packet = [0; 8 + PAYLOAD_BYTES];
    packet[0] = 8;
    packet[4..6].copy_from_slice(&id);
    packet[6..8].copy_from_slice(&round.to_be_bytes()[2..]);
    let checksum = checksum(&packet).to_be_bytes();
    packet[2..4].copy_from_slice(&checksum);
    packet
}

/// RFC 1071.
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks_exact(2).map(|it| u32::from(u16::from_be_bytes([it[0], it[1]])));
    let sum: u32 = words.sum();
    let sum = (sum >> 16) + (sum & 0xffff);
    !((sum >> 16) + sum) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_packet_sums_up_to_zero() {
        for round in [0, 1, 0xffff, 0x1_2345] {
            let packet = echo_request([0xfe, 0xdc], round);
            assert_eq!((packet[0], checksum(&packet)), (8, 0), "{round}");
        }
        assert_ne!(checksum(&[8, 0, 0, 0]), 0);
    }
}
