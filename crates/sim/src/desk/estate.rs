//! Who is watched, who is told and by which rules: drawn anew for every world.
//!
//! Times are built as spans directly: working out local rules is the calendar's affair, and the
//! desk never sees them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    Begin, Channel, CheckableId, Contract, Customer, Duty, Heartbeat, HelpLevel, Hours, MatchOp,
    Matcher, Moment, NightGate, Oncall, Params, Pauses, Person, Policy, Rate, Recurrence, Rotation,
    Scope, Severity, Shift, Site, SlaStart, Span, Step, Subject, Target, Team, Times, Uplink,
    WeekHours, Window, WindowEffect,
};

use crate::dice::{Dice, MILLION};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// Days for which spans are built.
const HORIZON_DAYS: u64 = 40;
/// Monday, 2026-01-05 00:00 UTC, from where worlds begin.
pub(crate) const FIRST_MONDAY: u64 = 1_767_571_200;
/// Name of the customer that is ourselves.
const OURS: &str = "campanile";
/// Places of the rules of hours.
const OFFICE: u32 = 0;
const NIGHT: u32 = 1;

/// One host or service.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: Arc<str>,
    pub(crate) of_host: bool,
    pub(crate) host: Option<usize>,
    pub(crate) parents: Vec<usize>,
    /// Its services, or the hosts behind it.
    pub(crate) below: Vec<usize>,
    pub(crate) customer: u32,
    pub(crate) site: Option<u32>,
    pub(crate) policy: Option<u32>,
    pub(crate) contract: Option<u32>,
    pub(crate) labels: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) canary: bool,
    pub(crate) present: bool,
}

/// The whole of it. Places in `items` are ids.
#[derive(Clone, Debug)]
pub(crate) struct Estate {
    pub(crate) duty: Arc<Duty>,
    pub(crate) times: Arc<Times>,
    pub(crate) items: Vec<Item>,
    /// Places of those that stand for the world outside.
    pub(crate) canaries: Vec<usize>,
    places: BTreeMap<Arc<str>, usize>,
}

/// How large an estate is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) customers: u64,
    pub(crate) sites: u64,
    pub(crate) hosts: u64,
    pub(crate) services: u64,
    /// Exactly so many hosts, or one to so many?
    pub(crate) exact: bool,
}

impl Estate {
    /// Draws one for a world that begins at `start`.
    pub(crate) fn draw(dice: &mut Dice, size: Size, start: Moment) -> Self {
        let mut duty = Duty { console_url: Arc::from("http://127.0.0.1/"), ..Duty::default() };
        let mut times = Times { covers: Some(horizon(start)), ..Times::default() };
        draw_hours(&mut duty, &mut times, start);
        draw_people(dice, &mut duty, &mut times, start);
        draw_channels(dice, &mut duty);
        draw_policies(dice, &mut duty);
        draw_contracts(dice, &mut duty);
        let items = draw_items(dice, size, &mut duty);
        draw_windows(dice, &mut duty, &mut times, start);
        // Names and canaries stay what they are, whatever a reload changes.
        let names = items.iter().enumerate();
        let places = names.map(|(place, it)| (Arc::clone(&it.name), place)).collect();
        let canaries = (0..items.len()).filter(|it| items[*it].canary).collect();
        Self { duty: Arc::new(duty), times: Arc::new(times), items, canaries, places }
    }

    /// One in which there is no host, and whatever else `duty` says.
    pub(crate) fn of(duty: Duty, times: Times) -> Self {
        Self {
            duty: Arc::new(duty),
            times: Arc::new(times),
            items: Vec::new(),
            canaries: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// The same at other times.
    pub(crate) fn at(&self, times: Times) -> Self {
        Self { times: Arc::new(times), ..self.clone() }
    }

    /// What the desk is told of those who are watched.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let id = |place: usize| CheckableId(u32::try_from(place).expect("estates are small"));
        let present = self.items.iter().enumerate().filter(|it| it.1.present);
        present
            .map(|(place, it)| Subject {
                id: id(place),
                name: Arc::clone(&it.name),
                host: it.host.map(id),
                of_host: it.of_host,
                customer: it.customer,
                site: it.site,
                parents: it
                    .parents
                    .iter()
                    .copied()
                    .filter(|it| self.items[*it].present)
                    .map(id)
                    .collect(),
                labels: it.labels.clone().into(),
                policy: it.policy,
                contract: it.contract,
                measures: &[],
            })
            .collect()
    }

    /// Changes what a reload may change; gives whether anything is another than before.
    pub(crate) fn change(&mut self, dice: &mut Dice) {
        let mut duty = Duty::clone(&self.duty);
        match dice.below(5) {
            0 => {
                let place = dice.index(duty.policies.len());
                let policy = &mut duty.policies[place];
                policy.remind = dice.chance(MILLION / 2).then(|| dice.span(10 * MINUTE, 6 * HOUR));
            }
            1 => {
                let place = dice.index(duty.channels.len());
                let channel = &mut duty.channels[place];
                channel.ttl = dice.span(10 * MINUTE, DAY);
            }
            2 => {
                let policies = duty.policies.len() as u64;
                let place = dice.index(self.items.len());
                if !self.items[place].canary {
                    self.items[place].policy = Some(dice.below(policies) as u32);
                }
            }
            3 => self.toggle(dice),
            _ => duty.console_url = Arc::from(format!("http://127.0.0.1/{}", dice.below(100))),
        }
        self.duty = Arc::new(duty);
    }

    /// Removes a host without hosts behind it, or a service; or brings one back.
    fn toggle(&mut self, dice: &mut Dice) {
        let place = dice.index(self.items.len());
        let has_hosts = self.items[place].below.iter().any(|it| self.items[*it].of_host);
        if self.items[place].canary || has_hosts {
            return;
        }
        let present = !self.items[place].present;
        let host_is_gone = self.items[place].host.is_some_and(|it| !self.items[it].present);
        if present && host_is_gone {
            return;
        }
        self.items[place].present = present;
        for below in self.items[place].below.clone() {
            self.items[below].present = present;
        }
    }

    /// What `label` says of the item at `place`.
    pub(crate) fn label(&self, place: usize, label: &str) -> &str {
        let it = &self.items[place];
        let mut parts = it.name.splitn(3, '/');
        let (customer, host) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        match label {
            "customer" => customer,
            "host" if host == "-" => "",
            "host" => host,
            "service" => parts.next().unwrap_or(""),
            "name" => &it.name,
            "site" => it.site.map_or("", |at| &self.duty.sites[at as usize].name),
            _ => it.labels.iter().find(|pair| &*pair.0 == label).map_or("", |pair| &pair.1),
        }
    }

    /// The place of the item called `name`.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The channel called `name`.
    pub(crate) fn channel(&self, name: &str) -> Option<&Channel> {
        self.duty.channels.iter().find(|it| &*it.name == name)
    }

    /// The policy called `name`.
    pub(crate) fn policy(&self, name: &str) -> Option<&Policy> {
        self.duty.policies.iter().find(|it| &*it.name == name)
    }
}

fn horizon(start: Moment) -> Span {
    Span { from: start.before(2 * DAY), until: start.after(DAY * HORIZON_DAYS as u32) }
}

/// Midnights, from two days before the start on.
fn midnights(start: Moment) -> impl Iterator<Item = (u64, Moment)> {
    let first = start.before(2 * DAY);
    (0..HORIZON_DAYS).map(move |day| (day, first.after(DAY * day as u32)))
}

fn draw_hours(duty: &mut Duty, times: &mut Times, start: Moment) {
    let text = |text: &str| WeekHours {
        text: Arc::from(text),
        zone: Arc::from("UTC"),
        always: false,
        spans: Vec::new(),
        closed: Vec::new(),
        extra: Vec::new(),
    };
    duty.hours = vec![text("Mon-Fri 08:00-18:00"), text("daily 22:00-06:00")];
    let office = midnights(start).filter(|(day, _)| !matches!(day % 7, 0 | 1));
    let office =
        office.map(|(_, at)| Span { from: at.after(8 * HOUR), until: at.after(18 * HOUR) });
    let night = midnights(start);
    let night = night.map(|(_, at)| Span { from: at.after(22 * HOUR), until: at.after(30 * HOUR) });
    times.hours = vec![Hours::of(office.collect()), Hours::of(night.collect())];
}

fn draw_people(dice: &mut Dice, duty: &mut Duty, times: &mut Times, start: Moment) {
    let people = 3 + dice.below(3);
    for name in ["anna", "bert", "carl", "dora", "emil"].into_iter().take(people as usize) {
        let mut addresses = BTreeMap::new();
        addresses.insert(Arc::from("email"), Arc::from(format!("{name}@example.org")));
        addresses.insert(Arc::from("phone"), Arc::from("+390000"));
        duty.people.push(Person {
            name: Arc::from(name),
            title: Arc::from(name),
            at: Arc::from("config.yaml:1"),
            addresses,
            quiet: dice.chance(MILLION / 4).then_some(NIGHT),
            wakes: dice.chance(MILLION / 2).then_some(Severity::Critical),
            skills: BTreeMap::new(),
            level: HelpLevel::TeleAssistance,
        });
    }
    let team = Team { name: Arc::from("all"), people: (0..people as u32).collect() };
    duty.teams.push(team);
    let rotation = Rotation { zone: Arc::from("UTC"), layers: Vec::new() };
    let (name, at) = (Arc::from("desk"), Arc::from("config.yaml:2"));
    duty.oncall.push(Oncall { name, at, rotation, otherwise: None });
    let mut shifts = Vec::new();
    for (day, at) in midnights(start) {
        // Now and then nobody has the duty for a night.
        let hours = if dice.chance(MILLION / 8) { 12 } else { 24 };
        let span = Span { from: at, until: at.after(hours * HOUR) };
        shifts.push(Shift { span, people: vec![(day % people) as u32] });
    }
    times.shifts = vec![shifts.into()];
}

fn draw_channels(dice: &mut Dice, duty: &mut Duty) {
    let group =
        |dice: &mut Dice| dice.chance(MILLION / 2).then(|| dice.span(10 * SECOND, 5 * MINUTE));
    let limit = |dice: &mut Dice| {
        let rate = Rate { count: 1 + dice.below(5) as u32, per: dice.span(MINUTE, HOUR) };
        dice.chance(MILLION / 2).then_some(rate)
    };
    let channel = |dice: &mut Dice, name: &str, personal: Option<&str>| Channel {
        name: Arc::from(name),
        at: Arc::from("config.yaml:3"),
        kind: Arc::from("webhook"),
        params: Arc::new(Params::default()),
        personal: personal.map(Arc::from),
        resolve: dice.chance(MILLION * 3 / 4),
        group: None,
        limit: None,
        ttl: dice.span(10 * MINUTE, DAY),
        resend_unknown: dice.chance(MILLION * 3 / 4),
        fallback: None,
        refresh: None,
    };
    let mut chat = channel(dice, "chat", None);
    let hook = channel(dice, "hook", None);
    let mut mail = channel(dice, "mail", Some("email"));
    let mut sms = channel(dice, "sms", Some("phone"));
    chat.group = group(dice);
    (mail.group, mail.limit) = (group(dice), limit(dice));
    sms.limit = limit(dice);
    let mut hook = Channel { resolve: true, ..hook };
    hook.fallback = dice.chance(MILLION / 2).then_some(0);
    mail.fallback = dice.chance(MILLION / 2).then_some(0);
    sms.fallback = dice.chance(MILLION * 3 / 4).then_some(2);
    // In the order of their names: chat 0, hook 1, mail 2, sms 3.
    duty.channels = vec![chat, hook, mail, sms];
}

fn draw_policies(dice: &mut Dice, duty: &mut Duty) {
    let count = 2 + dice.below(3);
    for number in 0..count {
        let name = format!("p{number}");
        let policy = draw_policy(dice, &name, duty);
        duty.policies.push(policy);
    }
    let own = Step {
        after: Duration::ZERO,
        to: vec![Target::Team(0)],
        via: vec![0, 1],
        at_least: Severity::Warning,
        at: Arc::from("config.yaml:own"),
    };
    // Sorts before `p0`.
    duty.policies.insert(0, Policy { steps: vec![own], ..quiet_policy("own") });
    duty.own_policy = Some(0);
    let every = dice.span(20 * MINUTE, 2 * HOUR);
    let at = Arc::from("config.yaml:heartbeat");
    duty.heartbeat = dice.chance(MILLION / 4).then_some(Heartbeat { channel: 1, every, at });
}

fn quiet_policy(name: &str) -> Policy {
    Policy {
        name: Arc::from(name),
        at: Arc::from(format!("config.yaml:{name}")),
        hours: None,
        propose: None,
        call: None,
        steps: Vec::new(),
        remind: None,
        stop_on_acknowledge: true,
        gate: None,
    }
}

fn draw_policy(dice: &mut Dice, name: &str, duty: &Duty) -> Policy {
    let mut policy = quiet_policy(name);
    let mut after = Duration::ZERO;
    for number in 0..1 + dice.below(3) {
        if number > 0 || dice.chance(MILLION / 4) {
            after += dice.span(MINUTE, HOUR);
        }
        let to = match dice.below(3) {
            0 => Target::Person(dice.index(duty.people.len()) as u32),
            1 => Target::Team(0),
            _ => Target::Oncall(0),
        };
        let mut via = vec![dice.below(4) as u32];
        if dice.chance(MILLION / 2) {
            via.push(dice.below(4) as u32);
        }
        via.dedup();
        let at_least =
            if dice.chance(MILLION / 5) { Severity::Critical } else { Severity::Warning };
        let at = Arc::from(format!("config.yaml:{name}.{number}"));
        policy.steps.push(Step { after, to: vec![to], via, at_least, at });
    }
    policy.hours = dice.chance(MILLION / 6).then_some(OFFICE);
    policy.propose = dice.chance(MILLION * 3 / 4).then(|| dice.span(SECOND, 20 * MINUTE));
    let wait = dice.span(10 * MINUTE, 3 * HOUR);
    policy.call = dice.chance(MILLION / 3).then_some(policy.propose.unwrap_or_default() + wait);
    policy.remind = dice.chance(MILLION / 2).then(|| dice.span(10 * MINUTE, 6 * HOUR));
    policy.stop_on_acknowledge = dice.chance(MILLION * 4 / 5);
    policy.gate = dice.chance(MILLION / 5).then(|| NightGate {
        hours: OFFICE,
        lead: Target::Person(0),
        via: vec![3],
        patience: dice.span(MINUTE, HOUR),
        silence_means_blocking: dice.chance(MILLION / 2),
        at: Arc::from(format!("config.yaml:{name}.gate")),
    });
    policy
}

fn draw_contracts(dice: &mut Dice, duty: &mut Duty) {
    for number in 0..1 + dice.below(2) {
        duty.contracts.push(Contract {
            name: Arc::from(format!("k{number}")),
            at: Arc::from(format!("config.yaml:k{number}")),
            hours: OFFICE,
            respond: Some(dice.span(10 * MINUTE, 4 * HOUR)),
            resolve: dice.chance(MILLION * 3 / 4).then(|| dice.span(HOUR, 20 * HOUR)),
            pauses: Pauses::default(),
            starts: dice.pick(&[SlaStart::Detected, SlaStart::Proposed, SlaStart::Opened]),
            warn_percent: vec![50, 80],
            policy: None,
            tickets: None,
        });
    }
}

fn draw_items(dice: &mut Dice, size: Size, duty: &mut Duty) -> Vec<Item> {
    let mut items = Vec::new();
    for number in 0..size.customers {
        duty.customers.push(Customer {
            name: Arc::from(format!("c{number}")),
            title: Arc::from(format!("Customer {number}")),
            contract: dice.chance(MILLION * 2 / 3).then(|| dice.index(duty.contracts.len()) as u32),
            zone: Arc::from("UTC"),
            contacts: vec![Arc::from("it@example.org")],
        });
        for site in 0..size.sites {
            let place = duty.sites.len() as u32;
            let name = Arc::from(format!("s{site}"));
            duty.sites.push(Site { customer: number as u32, name });
            draw_site(dice, size, duty, (number, Some(place)), &mut items);
        }
        if size.sites == 0 || dice.chance(MILLION / 2) {
            draw_site(dice, Size { hosts: 2, ..size }, duty, (number, None), &mut items);
        }
    }
    let ours = duty.customers.len() as u32;
    let name = Arc::from(OURS);
    let (title, zone) = (Arc::clone(&name), Arc::from("UTC"));
    duty.customers.push(Customer { name, title, contract: None, zone, contacts: Vec::new() });
    if dice.chance(MILLION * 3 / 4) {
        for number in 0..3 {
            let name: Arc<str> = Arc::from(format!("{OURS}/k{number}"));
            duty.uplink.canaries.push(Arc::clone(&name));
            items.push(Item { canary: true, ..item(name, ours, None) });
        }
        duty.uplink = Uplink { needed: 2, ..std::mem::take(&mut duty.uplink) };
    }
    for place in 0..items.len() {
        let above: Vec<_> =
            items[place].host.iter().chain(&items[place].parents).copied().collect();
        above.iter().for_each(|it| items[*it].below.push(place));
    }
    items
}

fn item(name: Arc<str>, customer: u32, site: Option<u32>) -> Item {
    Item {
        name,
        of_host: true,
        host: None,
        parents: Vec::new(),
        below: Vec::new(),
        customer,
        site,
        policy: None,
        contract: None,
        labels: Vec::new(),
        canary: false,
        present: true,
    }
}

/// The hosts of one site, perhaps behind its router, with their services.
fn draw_site(
    dice: &mut Dice,
    size: Size,
    duty: &Duty,
    (customer, site): (u64, Option<u32>),
    items: &mut Vec<Item>,
) {
    let first = items.len();
    // A policy is that of the site, with exceptions.
    let policies = duty.policies.len() as u64 - 1;
    let usual = 1 + dice.below(policies) as u32;
    let routed = dice.chance(MILLION / 3);
    let hosts = if size.exact { size.hosts } else { 1 + dice.below(size.hosts.max(1)) };
    for _ in 0..hosts {
        let place = items.len();
        let name = Arc::from(format!("c{customer}/h{place}"));
        let mut host = item(name, customer as u32, site);
        host.policy = Some(usual);
        if dice.chance(MILLION / 10) {
            host.policy = Some(1 + dice.below(policies) as u32);
        }
        if routed && place != first {
            host.parents.push(first);
        }
        let role = dice.pick(&["db", "web", "mail"]);
        host.labels = vec![(Arc::from("role"), Arc::from(role))];
        let pattern = host.clone();
        items.push(host);
        for number in 0..dice.below(size.services + 1) {
            let name = Arc::from(format!("{}/v{number}", pattern.name));
            let host = Some(place);
            items.push(Item { name, host, of_host: false, parents: Vec::new(), ..pattern.clone() });
        }
    }
}

/// A scope that some of the estate satisfies.
pub(crate) fn draw_scope(dice: &mut Dice, customers: u64) -> Scope {
    let is = |label: &str, value: String| Matcher {
        label: Arc::from(label),
        op: MatchOp::Is,
        value: Arc::from(value),
    };
    let customer = is("customer", format!("c{}", dice.below(customers.max(1))));
    let line = match dice.below(4) {
        0 => vec![customer],
        1 => vec![customer, is("site", format!("s{}", dice.below(2)))],
        2 => vec![is("role", dice.pick(&["db", "web", "mail"]).to_owned())],
        _ => {
            let value = Arc::from(format!("*h{}*", dice.below(10)));
            vec![Matcher { label: Arc::from("name"), op: MatchOp::Like, value }]
        }
    };
    Scope { lines: vec![line] }
}

fn draw_windows(dice: &mut Dice, duty: &mut Duty, times: &mut Times, start: Moment) {
    let customers = duty.customers.len() as u64 - 1;
    for number in 0..dice.below(4) {
        let every = dice.pick(&[12 * HOUR, DAY, 2 * DAY]);
        let length = dice.span(10 * MINUTE, 6 * HOUR);
        let first = start.after(dice.span(MINUTE, DAY));
        let spans = (0..15).map(|turn| {
            let from = first.after(every * turn);
            Span { from, until: from.after(length) }
        });
        times.windows.push(spans.collect());
        let text = Arc::from("daily");
        let rule = Begin::Days { days: 127, second: 0 };
        duty.windows.push(Window {
            name: Arc::from(format!("w{number}")),
            customer: None,
            at: Arc::from(format!("checks/w.yaml:{number}")),
            recurrence: Recurrence { text, zone: Arc::from("UTC"), rule, length },
            scope: draw_scope(dice, customers),
            effect: match dice.chance(MILLION / 4) {
                true => WindowEffect::NoChecks,
                false => WindowEffect::NoAlerts,
            },
            sla_counts: dice.chance(MILLION / 2),
            flexible: dice.chance(MILLION / 4).then(|| dice.span(10 * MINUTE, 2 * HOUR)),
            reminders: if dice.chance(MILLION / 2) { vec![HOUR] } else { Vec::new() },
            impact: Arc::from("nothing works"),
            contact: Arc::from("desk"),
        });
    }
}
