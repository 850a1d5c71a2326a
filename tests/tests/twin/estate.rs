//! What the engine watches here: hosts and services on loopback addresses that fail and recover
//! by a seeded schedule, and the check files about them.

use std::{fmt::Write, net::SocketAddr, time::Duration};

use crate::{
    dice::Dice,
    doors::{Door, Doors},
    web::Web,
};

/// Services at one host.
const SERVICES_PER_HOST: u32 = 25;
/// Hosts in one network of the address plan: the last byte of their addresses.
const HOSTS_PER_NETWORK: u32 = 250;

/// How much there is, and how quick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) services: u32,
    /// Time between two looks.
    pub(crate) every: Duration,
}

/// Everything that is watched, running.
pub(crate) struct Estate {
    /// The file of the customer.
    pub(crate) checks: String,
    _doors: Doors,
    _web: Web,
}

impl Estate {
    pub(crate) fn open(size: Size, dice: Dice) -> Self {
        let hosts = size.services.div_ceil(SERVICES_PER_HOST);
        let doors: Vec<Door> = (0..hosts).map(|host| Door::new(host, address(host))).collect();
        let ports: Vec<u16> = doors.iter().map(Door::port).collect();
        let web = Web::open(size.every, dice);
        let mut checks = String::from("customer: acme\n");
        defaults(&mut checks, size.every);
        checks.push_str("hosts:\n");
        for (host, port) in (0..hosts).zip(ports) {
            let services = (size.services - host * SERVICES_PER_HOST).min(SERVICES_PER_HOST);
            write_host(&mut checks, host, port, services, web.address(), size.every);
        }
        Self { checks, _doors: Doors::open(doors, size.every, dice), _web: web }
    }
}

/// The settings of everything: `every`, and retries five times as quick.
fn defaults(checks: &mut String, every: Duration) {
    let (every, retry) = (every.as_millis(), every.as_millis() / 5);
    let timeout = every / 2;
    writeln!(checks, "every: {every}ms\ntimeout: {timeout}ms\nretry: 3 x {retry}ms").unwrap();
}

/// An address that no other process of tests uses, so that nobody else's socket can stand where a
/// closed door is meant to be.
fn address(host: u32) -> [u8; 4] {
    let byte = |it: u32| u8::try_from(it).unwrap();
    let own = 64 + std::process::id() % 128;
    [127, byte(own), byte(host / HOSTS_PER_NETWORK), byte(1 + host % HOSTS_PER_NETWORK)]
}

/// One host: judged by its door, by its services or by ping, and services of every kind, profile
/// and number of attempts.
fn write_host(
    checks: &mut String,
    host: u32,
    port: u16,
    services: u32,
    web: SocketAddr,
    every: Duration,
) {
    let alive = match host % 3 {
        0 => format!("{{ tcp: {port} }}"),
        1 => "none".to_owned(),
        _ => "{ ping: { packets: 1 } }".to_owned(),
    };
    let [a, b, c, d] = address(host);
    writeln!(checks, "  h{host}:\n    address: {a}.{b}.{c}.{d}\n    alive: {alive}").unwrap();
    writeln!(checks, "    services:").unwrap();
    for service in 0..services {
        let question = match service % 5 {
            0 | 1 => format!("tcp: {port}"),
            2 | 3 => page(web, host, service, every),
            _ => format!("ping: {{ packets: 1 }}, rtt: {{ warn: over 90us for {every:?} }}"),
        };
        let states = ["campanile", "nagios", "icinga", "campanile"][(host + service) as usize % 4];
        let attempts = 1 + service % 4;
        let retry = every.as_millis() / 5;
        let flapping = match service % 3 {
            0 => ", flapping: { high: 20%, low: 10% }",
            1 => ", flapping: on",
            _ => "",
        };
        writeln!(
            checks,
            "      s{service}: {{ {question}, states: {states}, retry: {attempts} x \
             {retry}ms{flapping} }}"
        )
        .unwrap();
    }
}

/// A page whose size is judged, with everything that a threshold remembers.
fn page(web: SocketAddr, host: u32, service: u32, every: Duration) -> String {
    let patience = every.as_millis() * 3 / 2;
    format!(
        "http: \"http://{web}/{host}/{service}\", size: {{ warn: over 500B clear 300B, crit: over \
         700B for {patience}ms }}"
    )
}
