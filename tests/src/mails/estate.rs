//! Customers with backup jobs, and an engine that takes mails for them.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
};

use serde_json::Value as Json;

use super::bomb::WELL;
use crate::{Api, Engine, encoded, until};

/// What the engine prints once it takes mails.
const TAKES: &str = "mails are taken at ";
/// The net of the relays that the engine knows.
const RELAYS: [u8; 3] = [127, 0, 2];
/// The net of devices that nobody knows.
const DEVICES: [u8; 3] = [127, 0, 3];

/// So many customers with so many jobs each.
#[derive(Clone, Copy, Debug)]
pub struct MailEstate {
    /// Customers.
    pub customers: usize,
    /// Jobs of each of them.
    pub jobs: usize,
}

impl MailEstate {
    /// The address of the relay of this number, at most 200 of them.
    #[must_use]
    pub fn relay(number: usize) -> Ipv4Addr {
        let [a, b, c] = RELAYS;
        Ipv4Addr::new(a, b, c, 1 + (number % 200) as u8)
    }

    /// The address of the device of this number, at most 200 of them.
    #[must_use]
    pub fn device(number: usize) -> Ipv4Addr {
        let [a, b, c] = DEVICES;
        Ipv4Addr::new(a, b, c, 1 + (number % 200) as u8)
    }

    /// The main file.
    #[must_use]
    pub fn config(&self) -> String {
        let [a, b, c] = RELAYS;
        format!(
            "engine: {{ listen: 127.0.0.1:0, data: data }}\nchecks: [checks]\n\
             policies: {{ urgent: {{ propose: at once }} }}\ndefaults: {{ policy: urgent }}\n\
             inlet:\n  domains: [in.msp.example]\n  mailbox: backup\n\
             \x20 smtp: {{ listen: \"127.0.0.1:0\", relays: [\"{a}.{b}.{c}.0/24\"] }}\n"
        )
    }

    /// A check file for each customer, with its name.
    #[must_use]
    pub fn checks(&self) -> Vec<(String, String)> {
        let of = |customer: usize| {
            let mut text = format!("customer: c{customer}\nwatchdogs:\n");
            for job in 0..self.jobs {
                // Writing into memory does not fail.
                writeln!(
                    text,
                    "  j{job}: {{ trust: token, ok: subject has \"{WELL}\", expect: every 1h }}"
                )
                .unwrap();
            }
            (format!("c{customer}"), text)
        };
        (0..self.customers).map(of).collect()
    }

    /// The full name of the job that a mail of this number is for.
    #[must_use]
    pub fn job(&self, number: usize) -> String {
        let customer = number % self.customers;
        format!("c{customer}/j{}", number / self.customers % self.jobs)
    }

    /// An engine with all of them.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(&self) -> Engine {
        let checks = self.checks();
        let checks: Vec<(&str, &str)> = checks.iter().map(|it| (&*it.0, &*it.1)).collect();
        Engine::start(&self.config(), &checks)
    }

    /// The secret address of every job, in the order in which numbers go round.
    ///
    /// # Panics
    /// When one has none.
    #[must_use]
    pub fn addresses(&self, api: &Api) -> Vec<String> {
        let all = 0..self.customers * self.jobs;
        let address = |number: usize| {
            let path = format!("/api/v1/watchdogs/{}/secrets", encoded(&self.job(number)));
            let found: Json = api.get_patiently(&path);
            found["addresses"][0].as_str().unwrap_or_else(|| panic!("{path}: {found}")).to_owned()
        };
        all.map(address).collect()
    }

    /// Where an engine takes mails.
    ///
    /// # Panics
    /// When it does not say so.
    #[must_use]
    pub fn door(engine: &Engine) -> SocketAddr {
        until("where mails are taken", || {
            let log = engine.log();
            let found = log.split_once(TAKES).and_then(|it| it.1.split_once('\n')).map(|it| it.0);
            let found = found.and_then(|it| it.split(' ').next()).map(str::to_owned);
            found.and_then(|it| it.parse().ok()).ok_or(log)
        })
    }
}
