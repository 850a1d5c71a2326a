//! What the engine is given to watch: hosts with ten services each, their kinds taking turns.
//!
//! Hosts are not looked at themselves, so that the number of looks is exactly that of the services.

use std::{fmt, fmt::Write as _, net::Ipv4Addr, time::Duration};

use crate::targets::Ports;

/// Services of one host.
pub(crate) const PER_HOST: u32 = 10;
/// Time between two looks at one service.
pub(crate) const EVERY: Duration = Duration::from_secs(10);
/// The first host's address; the others follow.
const ADDRESS_FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ping,
    Tcp,
    Http,
    Snmp,
}

impl Kind {
    /// All that are measured.
    pub(crate) const ALL: [Self; 4] = [Self::Ping, Self::Tcp, Self::Http, Self::Snmp];

    /// Its name in the configuration and in the metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Snmp => "snmp",
        }
    }

    /// The kind of a host's service by its number: over two hosts each has the same share.
    fn of(host: u32, service: u32) -> Self {
        Self::ALL[((host * PER_HOST + service) % 4) as usize]
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The address of host number `host`.
pub(crate) fn address(host: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(ADDRESS_FIRST.to_bits() + host)
}

/// The engine's own settings.
pub(crate) fn main_file() -> String {
    let every = EVERY.as_secs();
    format!(
        "engine: {{ listen: \"127.0.0.1:0\", data: data }}\nchecks: [checks]\n\
         defaults: {{ every: {every}s, timeout: 5s, retry: 3 x 5s }}\n"
    )
}

/// A check file with `hosts` hosts and, of their services, those whose kind is wanted.
pub(crate) fn check_file(hosts: u32, ports: Ports, wanted: &[Kind]) -> String {
    let mut text = String::from("customer: bench\nhosts:\n");
    for host in 0..hosts {
        host_entry(&mut text, host, ports, wanted).expect("a string takes everything");
    }
    text
}

fn host_entry(text: &mut String, host: u32, ports: Ports, wanted: &[Kind]) -> fmt::Result {
    let address = address(host);
    writeln!(text, "  h{host}:\n    address: {address}\n    alive: none\n    services:")?;
    for service in 0..PER_HOST {
        let kind = Kind::of(host, service);
        if !wanted.contains(&kind) {
            continue;
        }
        write!(text, "      {kind}{service}: ")?;
        match kind {
            Kind::Ping => writeln!(text, "{{ ping: {{ packets: 1 }} }}"),
            Kind::Tcp => writeln!(text, "{{ tcp: {} }}", ports.tcp),
            Kind::Http => writeln!(text, "{{ http: \"http://{address}:{}/\" }}", ports.http),
            Kind::Snmp => {
                writeln!(text, "{{ snmp: {{ get: sysUpTime, port: {} }} }}", ports.snmp)
            }
        }?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: Ports = Ports { tcp: 1, http: 2, snmp: 3 };

    #[test]
    fn each_kind_has_a_quarter_of_the_services() {
        let text = check_file(40, PORTS, &Kind::ALL);
        assert_eq!(text.matches("alive: none").count(), 40);
        for kind in Kind::ALL {
            let written = format!("{{ {kind}: ");
            assert_eq!(text.matches(&written).count(), 100, "{kind}");
            let alone = check_file(40, PORTS, &[kind]);
            for other in Kind::ALL {
                let count = if other == kind { 100 } else { 0 };
                assert_eq!(alone.matches(&format!("{{ {other}: ")).count(), count);
            }
        }
    }

    #[test]
    fn addresses_follow_each_other() {
        assert_eq!(address(0), Ipv4Addr::new(127, 1, 0, 1));
        assert_eq!(address(255), Ipv4Addr::new(127, 1, 1, 0));
    }
}
