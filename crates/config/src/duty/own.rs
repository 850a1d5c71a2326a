//! What the engine watches of itself: its uplink, its own problems, its sign of life.

use std::{fmt::Write as _, time::Duration};

use model::{Channel, Duty, Heartbeat, Uplink};

use super::Clerk;
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    draft::{OWN_CUSTOMER, shape},
    plan::address,
    quoted,
    section::Section,
    source::View,
    words,
};

/// Canaries of one uplink.
const CANARIES_MAX: usize = 32;
/// How often a sign of life leaves if nothing is written.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// Shortest time between two signs of life.
const HEARTBEAT_MIN: Duration = Duration::from_secs(5);
/// Longest URL of the console, in bytes.
const URL_BYTES_MAX: usize = 2_048;

/// The addresses among the canaries, each with its number; others are names of what is watched.
fn addresses(engine: View<'_>) -> Vec<(usize, &str)> {
    let uplink = engine.get("uplink").and_then(|it| it.get("canaries"));
    let items = uplink.map(View::items).unwrap_or_default();
    let texts = items.into_iter().take(CANARIES_MAX).filter_map(|it| it.text());
    texts.zip(1..).filter(|(it, _)| address(it).is_ok()).map(|(it, at)| (at, it)).collect()
}

/// A check file with a host for each canary that is an address; empty if there is none.
///
/// The canaries go the way of all hosts; only that nobody is told about them one by one.
pub(crate) fn canary_text(engine: Option<View<'_>>) -> String {
    let all = engine.map(addresses).unwrap_or_default();
    if all.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "customer: {OWN_CUSTOMER}\nname: The engine itself\npolicy: none\ncontract: none\nhosts:\n"
    );
    for (number, address) in all {
        let quoted = serde_json::Value::String(address.to_owned());
        let written = write!(
            text,
            "  uplink-{number}:\n    address: {quoted}\n    alive: {{ ping: {{}} }}\n    \
             every: 5s\n    timeout: 2s\n    retry: 2 x 1s\n    period: always\n    \
             states: campanile\n    flapping: off\n"
        );
        debug_assert!(written.is_ok(), "a text takes what is written to it");
    }
    text
}

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn own(&mut self, duty: &mut Duty) {
        let Some(engine) = self.desk.library.draft.engine.map(|it| self.view(it)) else { return };
        if let Some(uplink) = Self::get(engine, "uplink") {
            duty.uplink = self.uplink(uplink);
        }
        if let Some(own) = Self::get(engine, "own")
            && self.is_map(own, "`own`", &["policy"])
        {
            let policy = self.required(own, own, "policy", "policy: urgent");
            duty.own_policy = policy.and_then(|it| self.name(it, Section::Policies, "policy/"));
        }
        if let Some(heartbeat) = Self::get(engine, "heartbeat") {
            duty.heartbeat = self.heartbeat(heartbeat, &duty.channels);
        }
        if let Some(url) = Self::get(engine, "url")
            && let Some(text) = self.text(url)
        {
            let good = text.starts_with("https://") || text.starts_with("http://");
            let plain = |it: char| !it.is_whitespace() && !it.is_control() && !"<>\"'".contains(it);
            if !good || text.len() > URL_BYTES_MAX || !text.chars().all(plain) {
                let what = format!("{} is no URL of a console", quoted(&text));
                let found = Diagnostic::new(Code::Value, what).at(url.place());
                self.add(found.help("write it like `https://noc.msp.example`"));
                return;
            }
            duty.console_url = text.trim_end_matches('/').into();
        }
    }

    fn uplink(&mut self, map: View<'a>) -> Uplink {
        let mut uplink = Uplink::default();
        if !self.is_map(map, "`uplink`", &["canaries", "needed"]) {
            return uplink;
        }
        let Some(list) = self.required(map, map, "canaries", "canaries: [192.0.2.1, acme/gw]")
        else {
            return uplink;
        };
        if list.is_map() {
            self.add(shape(list, "a list of addresses and of names of hosts"));
            return uplink;
        }
        let items = list.items();
        if let Some(extra) = items.get(CANARIES_MAX) {
            let what = format!("more than {CANARIES_MAX} canaries");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
        }
        let count = items.len().min(CANARIES_MAX);
        for (item, number) in items.into_iter().take(CANARIES_MAX).zip(1..) {
            let name = self.canary(item, number);
            uplink.canaries.extend(name);
        }
        uplink.needed = 1;
        if let Some(view) = Self::get(map, "needed") {
            let most = i64::try_from(count.max(1)).unwrap_or(1);
            let needed = self.count(view, 1..=most).and_then(|it| u32::try_from(it).ok());
            uplink.needed = needed.unwrap_or(1);
        }
        uplink
    }

    /// The full name of what stands for the world outside.
    fn canary(&mut self, item: View<'a>, number: usize) -> Option<std::sync::Arc<str>> {
        let text = self.text(item)?;
        if item.text().is_some_and(|it| address(it).is_ok()) {
            return Some(format!("{OWN_CUSTOMER}/uplink-{number}").into());
        }
        let draft = self.desk.library.draft;
        let known = text.split_once('/').is_some_and(|(customer, host)| {
            draft.customer(customer).is_some_and(|it| it.host(host).is_some())
        });
        if known || draft.incomplete {
            return Some(text);
        }
        self.add(
            Diagnostic::new(Code::UnknownHost, format!("unknown host {}", quoted(&text)))
                .at(item.place())
                .label("this is neither an address nor `customer/host`"),
        );
        None
    }

    fn heartbeat(&mut self, map: View<'a>, channels: &[Channel]) -> Option<Heartbeat> {
        if !self.is_map(map, "`heartbeat`", &["channel", "every"]) {
            return None;
        }
        let channel = self.required(map, map, "channel", "channel: alive")?;
        let found = self.name(channel, Section::Channels, "channel/");
        let personal = found.and_then(|it| channels.get(it as usize)?.personal.as_ref());
        if let Some(address) = personal {
            let what = format!("this channel needs the `{address}` of a person");
            let found = Diagnostic::new(Code::Value, what).at(channel.place());
            self.add(found.label("a sign of life is for a machine"));
        }
        let every = self.word_of(map, "every", HEARTBEAT, words::stretch)?;
        if every < HEARTBEAT_MIN {
            let view = Self::get(map, "every").unwrap_or(map);
            let found = Diagnostic::new(Code::Value, "a sign of life more often than every 5s");
            self.add(found.at(view.place()));
        }
        Some(Heartbeat { channel: found?, every, at: self.rule_at(map) })
    }
}
