//! The draft, layer by layer and name by name, made into a plan.
//!
//! Customers know nothing of each other except by `behind:`, so they are planned in parallel and
//! their parents found afterwards. Hosts that use the same templates and add nothing of their own
//! are put together once: that is what lets a million services load in seconds.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use model::{Asked, EngineSettings, Host, Labels, Plan, Service};

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::{CustomerDraft, HostDraft, Named, OWN_CUSTOMER, range_fault},
    duty::{Assigned, Assigner},
    gather::gather,
    labels,
    layers::{Base, Layer, Library, Put, Rank},
    params::{changes, shown_text},
    parents::{self, Wanted},
    quoted,
    settle::{Settler, read},
    source::{At, Place, View},
    words,
};

/// Keys of a host that say where it is, not how it is watched.
const OF_PLACE: &[&str] = &["address", "use", "behind", "site"];

/// What a plan is made of.
#[derive(Clone, Copy)]
pub(crate) struct Makings<'l, 'a> {
    pub(crate) library: &'l Library<'a>,
    pub(crate) settler: &'l Settler,
    pub(crate) assigner: Assigner<'l, 'a>,
    /// The place of each site, by its map.
    pub(crate) sites: &'l HashMap<At, u32>,
}

/// Makes the plan; mistakes go into the report, and then it is good for nothing.
pub(crate) fn plan(makings: Makings<'_, '_>, engine: EngineSettings, report: &mut Report) -> Plan {
    let library = makings.library;
    let parts = plan_customers(makings, report);
    let mut plan = Plan { engine, hosts: Vec::new(), services: Vec::new(), duty: Arc::default() };
    let mut wanted = Vec::new();
    for part in parts {
        let first = u32::try_from(plan.hosts.len()).unwrap_or(u32::MAX);
        plan.services.extend(part.services.into_iter().map(|mut it| {
            it.host = it.host.map(|host| host + first);
            it
        }));
        plan.hosts.extend(part.hosts);
        wanted.extend(part.wanted);
    }
    parents::connect(library, &mut plan, &wanted, report);
    plan
}

/// One customer's part of the plan; hosts are numbered from 0.
#[derive(Default)]
struct Part {
    hosts: Vec<Host>,
    services: Vec<Service>,
    /// For each host the names behind which it stands.
    wanted: Vec<Vec<Wanted>>,
}

fn plan_customers(makings: Makings<'_, '_>, report: &mut Report) -> Vec<Part> {
    let Makings { library, settler, .. } = makings;
    let customers = &library.draft.customers;
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut planner =
            Planner { makings, library, settler, asked: HashMap::new(), report: Report::default() };
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(customer) = customers.get(at) else { return (done, planner.report) };
            done.push((at, planner.customer(customer)));
        }
    };
    let mut all = Vec::with_capacity(customers.len());
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(customers.len())).map(|_| scope.spawn(work)).collect();
        let mut parts = vec![work()];
        for other in others {
            match other.join() {
                Ok(part) => parts.push(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        for (done, found) in parts {
            all.extend(done);
            report.absorb(found);
        }
    });
    all.sort_by_key(|it| it.0);
    all.into_iter().map(|it| it.1).collect()
}

struct Planner<'l, 'a> {
    makings: Makings<'l, 'a>,
    library: &'l Library<'a>,
    settler: &'l Settler,
    /// Checks that were put together of the same layers before, by the kind of the name as well.
    asked: HashMap<(Vec<Layer>, Option<&'static str>), Option<Watched>>,
    report: Report,
}

/// What is asked, and who hears of it.
#[derive(Clone)]
struct Watched {
    asked: Asked,
    assigned: Assigned,
}

/// Hosts that are alike but for name and address.
#[derive(PartialEq, Eq, Hash)]
struct Alike {
    templates: Vec<u32>,
    site: Option<At>,
    /// The host's own map, if it says more than where the host is.
    own: Option<At>,
}

/// Everything of a host but name, address and parents.
#[derive(Clone)]
struct Built {
    alive: Option<Asked>,
    assigned: Assigned,
    labels: Labels,
    services: Vec<(Box<str>, Labels, Watched)>,
    /// Some were written, whether they could be read or not.
    has_services: bool,
    /// The first thing that asks the host's address.
    needs_address: Option<Place>,
}

impl<'a> Planner<'_, 'a> {
    fn customer(&mut self, customer: &CustomerDraft) -> Part {
        let mut part = Part::default();
        self.services_without_host(customer, &mut part);
        let mut known: HashMap<Alike, Arc<Built>> = HashMap::new();
        let mut addresses = Addresses::default();
        for host in &customer.hosts {
            let before = self.report.errors;
            let base = self.library.base(customer, Some(host), &mut self.report);
            let base_is_whole = self.report.errors == before;
            let body = self.library.view(host.body);
            let special =
                !body.pairs().all(|(key, _)| key.text().is_some_and(|it| OF_PLACE.contains(&it)));
            let built = if special && host.of == 1 {
                Arc::new(self.build(&base, host))
            } else {
                let own = special.then_some(host.body);
                let alike = Alike { templates: base.templates.clone(), site: base.site, own };
                let build = || Arc::new(self.build(&base, host));
                known.entry(alike).or_insert_with(build).clone()
            };
            let own = &*customer.name == OWN_CUSTOMER;
            if base_is_whole && !built.has_services && host.ordinal == 0 && !own {
                self.report.add(without_service(self.library.view(host.key)));
            }
            self.host(customer, host, &base, &built, &mut addresses, &mut part);
        }
        part
    }

    fn host(
        &mut self,
        customer: &CustomerDraft,
        host: &HostDraft,
        base: &Base,
        built: &Built,
        addresses: &mut Addresses,
        part: &mut Part,
    ) {
        let key = self.library.view(host.key);
        let address = self.address(host, base, addresses);
        match (&address, built.needs_address) {
            (Ok(None), Some(_)) if self.misspelt_address(host) => {}
            (Ok(None), Some(place)) => self.report.add(no_address(host, key, place)),
            (Ok(Some(address)), _) => addresses.lint(base.site, address, key, &mut self.report),
            _ => {}
        }
        let number = u32::try_from(part.hosts.len()).unwrap_or(u32::MAX);
        part.services.extend(built.services.iter().map(|(name, labels, watched)| Service {
            host: Some(number),
            customer: customer.name.clone(),
            name: name.clone(),
            labels: labels.clone(),
            asked: watched.asked.clone(),
            policy: watched.assigned.policy,
            contract: watched.assigned.contract,
        }));
        part.wanted.push(self.wanted(base));
        part.hosts.push(Host {
            customer: customer.name.clone(),
            name: host.name.clone(),
            address: address.unwrap_or_default(),
            parents: Vec::new(),
            labels: built.labels.clone(),
            alive: built.alive.clone(),
            site: base.site.and_then(|it| self.makings.sites.get(&it).copied()),
            policy: built.assigned.policy,
            contract: built.assigned.contract,
        });
    }

    /// `adress:` is one mistake, not two.
    fn misspelt_address(&self, host: &HostDraft) -> bool {
        let keys = self.library.view(host.body).pairs().filter_map(|(key, _)| key.text());
        keys.into_iter().any(|it| words::nearest(it, ["address"]).is_some())
    }

    fn build(&mut self, base: &Base, host: &HostDraft) -> Built {
        let mut needs_address = None;
        let mut services = Vec::new();
        let puts = self.library.services_of_host(base, host, &mut self.report);
        let own = self.library.view(host.body).get("services");
        let has_services = !puts.is_empty() || own.is_some_and(|it| it.pairs().next().is_some());
        let alive = self.library.alive(base, &mut self.report);
        let layers = alive.as_ref().map_or(&base.layers, |it| &it.layers);
        let assigned = self.makings.assigner.assign(layers, &mut self.report);
        let alive = alive.and_then(|put| {
            let asked = self.watched(&put, "")?.asked;
            needs_address = self.needs_host(&asked).then_some(put.key);
            Some(asked)
        });
        for (name, put) in puts {
            let labels = self.labels(&put.labelled);
            let Some((watched, labels)) = self.watched(&put, name).zip(labels) else { continue };
            if self.needs_host(&watched.asked) {
                needs_address = needs_address.or(Some(put.key));
            }
            services.push((name.into(), labels, watched));
        }
        let labels = self.labels(&base.layers).unwrap_or_default();
        Built { alive, assigned, labels, services, has_services, needs_address }
    }

    fn labels(&mut self, layers: &[Layer]) -> Option<Labels> {
        let merged = labels::merge(self.library, &self.settler.filler, layers, &mut self.report)?;
        let texts = &self.settler.interner;
        let pairs = merged.iter().map(|(name, it)| (texts.text(name), texts.text(&it.text)));
        Some(texts.labels(pairs.collect()))
    }

    /// The check that is put together of these layers.
    fn watched(&mut self, put: &Put, name: &str) -> Option<Watched> {
        let alone = put.layers.iter().any(|it| it.rank >= Rank::Host);
        if alone {
            return self.settle(put, name);
        }
        let by_name = self.library.kinds.iter().map(|it| it.spec.name).find(|it| *it == name);
        let key = (put.layers.clone(), by_name);
        if let Some(known) = self.asked.get(&key) {
            return known.clone();
        }
        let watched = self.settle(put, name);
        self.asked.insert(key, watched.clone());
        watched
    }

    fn settle(&mut self, put: &Put, name: &str) -> Option<Watched> {
        let assigned = self.makings.assigner.assign(&put.layers, &mut self.report);
        let gathered = gather(self.library, put, name, &mut self.report)?;
        let asked = self.settler.settle(&gathered, self.library.kinds, &mut self.report)?;
        Some(Watched { asked, assigned })
    }

    /// Does the check ask the host's address, rather than one of its own?
    fn needs_host(&self, asked: &Asked) -> bool {
        let kind = self.library.kinds.get(usize::from(asked.check.kind.0));
        kind.is_some_and(|it| (it.needs_host)(&asked.params))
    }

    fn services_without_host(&mut self, customer: &CustomerDraft, part: &mut Part) {
        if customer.services.is_empty() {
            return;
        }
        let base = self.library.base(customer, None, &mut self.report);
        for service in &customer.services {
            let Some(put) = put_alone(self.library, &base, service, &mut self.report) else {
                continue;
            };
            let labels = self.labels(&put.labelled);
            let Some((watched, labels)) = self.watched(&put, &service.name).zip(labels) else {
                continue;
            };
            if self.needs_host(&watched.asked) {
                self.report.add(no_host(service, put.key));
            }
            part.services.push(Service {
                host: None,
                customer: customer.name.clone(),
                name: service.name.clone(),
                labels,
                asked: watched.asked,
                policy: watched.assigned.policy,
                contract: watched.assigned.contract,
            });
        }
    }

    /// The address; `Err` after a mistake.
    fn address(
        &mut self,
        host: &HostDraft,
        base: &Base,
        addresses: &mut Addresses,
    ) -> Result<Option<Arc<str>>, ()> {
        let mut layers = base.layers.iter().rev();
        let Some(view) = layers.find_map(|it| self.library.view(it.at).get("address")) else {
            return Ok(None);
        };
        if host.of == 1 {
            let filler = &self.settler.filler;
            let read = read(filler, view, Code::Value, &mut self.report, address);
            return read.map(Some).ok_or(());
        }
        let written = (view.at, host.of);
        if addresses.last.as_ref().is_none_or(|it| it.written != written) {
            let read = self.paired_addresses(view, host);
            addresses.last = Some(Paired { written, addresses: read });
        }
        let all = addresses.last.as_ref().and_then(|it| it.addresses.as_ref());
        let one = |it: &Vec<Arc<str>>| match it.len() {
            1 => it.first().cloned(),
            _ => it.get(host.ordinal as usize).cloned(),
        };
        all.and_then(one).map(Some).ok_or(())
    }

    /// The addresses for a range of hosts: a range of the same length, or one for all.
    fn paired_addresses(&mut self, view: View<'a>, host: &HostDraft) -> Option<Vec<Arc<str>>> {
        let text = shown_text(&self.settler.filler, view, &mut self.report)?;
        let all = match words::expand(&text) {
            Ok(all) => all,
            Err(fault) => {
                self.report.add(range_fault(view, fault));
                return None;
            }
        };
        if all.len() != 1 && all.len() != host.of as usize {
            let key = self.library.view(host.key);
            let what = format!("{} addresses for {} hosts", all.len(), host.of);
            self.report.add(
                Diagnostic::new(Code::Range, what)
                    .at(view.place())
                    .label("this range must be as long as that of the names")
                    .also(key.place(), "the names"),
            );
            return None;
        }
        let mut read = Vec::with_capacity(all.len());
        for text in all {
            match address(&text) {
                Ok(address) => read.push(address),
                Err(fault) => {
                    let found = Diagnostic::new(Code::Value, fault.what).at(view.place());
                    self.report.add(found.maybe_help(fault.hint));
                    return None;
                }
            }
        }
        Some(read)
    }

    /// The names under `behind:`, inherited ones included.
    fn wanted(&mut self, base: &Base) -> Vec<Wanted> {
        let mut kept: Vec<Wanted> = Vec::new();
        for layer in &base.layers {
            let Some(list) = self.library.view(layer.at).get("behind") else { continue };
            let Some(changes) = changes(list, &mut self.report) else { continue };
            if changes.replaces {
                kept.clear();
            }
            for (sign, view) in changes.items {
                let place = view.place();
                match sign {
                    None => {
                        let name = shown_text(&self.settler.filler, view, &mut self.report);
                        kept.extend(name.map(|name| Wanted { name, place }));
                    }
                    Some((true, name)) => kept.push(Wanted { name: name.into(), place }),
                    Some((false, name)) => kept.retain(|it| it.name != name),
                }
            }
        }
        kept
    }
}

/// The maps about a service that belongs to no host; `off` is a mistake here.
pub(crate) fn put_alone(
    library: &Library<'_>,
    base: &Base,
    service: &Named,
    report: &mut Report,
) -> Option<Put> {
    let (key, body) = (library.view(service.key), library.view(service.body));
    if !body.is_map() && !body.is_empty() {
        report.add(crate::draft::shape(body, "a service is a map: `{ http: \"https://…\" }`"));
        return None;
    }
    Some(library.put(base, &[(Rank::Service, key, body)], report))
}

fn without_service(key: View<'_>) -> Diagnostic {
    let what = format!("the host {} has no service", quoted(key.text().unwrap_or_default()));
    Diagnostic::new(Code::HostWithoutService, what)
        .at(key.place())
        .note("only whether it is alive is watched")
}

fn no_address(host: &HostDraft, key: View<'_>, asked_by: Place) -> Diagnostic {
    let what = format!("the host {} has no address", quoted(&host.name));
    let found = Diagnostic::new(Code::NoAddress, what).at(key.place());
    match asked_by.file == crate::source::BUILT_IN {
        true => found.help("write `address:`, or `alive: none` if only its services are watched"),
        false => found.also(asked_by, "this asks it").help("write `address:`"),
    }
}

fn no_host(service: &Named, key: Place) -> Diagnostic {
    let what =
        format!("the service {} belongs to no host and has no address", quoted(&service.name));
    Diagnostic::new(Code::NoAddress, what)
        .at(key)
        .help("write it under `services:` of a host, or give the check an address of its own")
}

/// Name or IP address of a host.
pub(crate) fn address(text: &str) -> Result<Arc<str>, words::Fault> {
    /// As long as a DNS name may be.
    const BYTES_MAX: usize = 253;
    let fault = |what: String| words::Fault {
        span: 0..text.len(),
        what,
        hint: Some("write a name or an IP address, without a port".into()),
    };
    let plain = text.split('%').next().unwrap_or(text);
    let good = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_');
    if plain.parse::<IpAddr>().is_ok() {
        return Ok(Arc::from(text));
    }
    if text.is_empty() || text.len() > BYTES_MAX || !text.chars().all(good) {
        return Err(fault(format!("{} is no address", quoted(text))));
    }
    Ok(Arc::from(text))
}

/// The addresses of one written range, and for how many hosts it was read.
struct Paired {
    written: (At, u32),
    addresses: Option<Vec<Arc<str>>>,
}

/// Addresses of one customer.
#[derive(Default)]
struct Addresses {
    seen: HashMap<(Option<At>, Arc<str>), Place>,
    /// The last written range of addresses and how many hosts share it.
    last: Option<Paired>,
}

impl Addresses {
    fn lint(&mut self, site: Option<At>, address: &Arc<str>, key: View<'_>, report: &mut Report) {
        match self.seen.get(&(site, address.clone())) {
            Some(first) => report.add(
                Diagnostic::new(
                    Code::SameAddress,
                    format!("the address {} is written for two hosts of one site", quoted(address)),
                )
                .at(key.place())
                .label("the second host")
                .also(*first, "the first one"),
            ),
            None => drop(self.seen.insert((site, address.clone()), key.place())),
        }
    }
}
