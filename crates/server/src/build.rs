//! From a plan to what shards, desk and board each need of it.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use console::{Board, Cell, Entry};
use engine::Spec;
use model::{Age, Asked, CheckableId, KindId, Moment, Params, Plan, Service, stable_hash};
use probe::{CATALOGUE, Looker, Target};

use crate::register::Laid;

/// Everything a shard's driver must know to ask one checkable.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) looker: Arc<dyn Looker>,
    pub(crate) target: Arc<Target>,
    pub(crate) timeout: Duration,
    pub(crate) kind: KindId,
}

/// One checkable, ready for its shard.
pub(crate) struct Piece {
    pub(crate) id: CheckableId,
    pub(crate) name: Arc<str>,
    pub(crate) spec: Spec,
    pub(crate) question: Option<Question>,
    pub(crate) cell: Option<Arc<Cell>>,
}

/// A plan in pieces.
pub(crate) struct Pieces {
    /// Hosts first, so that a service finds its own.
    pub(crate) all: Vec<Piece>,
    /// Every host with parents.
    pub(crate) behind: Vec<(CheckableId, Vec<CheckableId>)>,
    pub(crate) board: Board,
}

/// Takes `plan` to pieces. What `before` shows of those that stay is kept.
pub(crate) fn take_apart(plan: &Plan, laid: &Laid, before: &Board, now: Moment) -> Pieces {
    let mut bench = Bench { built: HashMap::new(), all: Vec::new(), entries: Vec::new(), now };
    let mut behind = Vec::new();
    for (host, (id, name)) in plan.hosts.iter().zip(&laid.hosts) {
        let parents: Vec<_> = host.parents.iter().map(|it| laid.hosts[*it as usize].0).collect();
        let spec = Spec {
            of_host: true,
            host: None,
            has_parents: !parents.is_empty(),
            canary: is_canary(plan, name),
            check: host.alive.as_ref().map(|it| Arc::clone(&it.check)),
            phase: stable_hash(name),
            definition: 0,
        };
        if !parents.is_empty() {
            behind.push((*id, parents));
        }
        let shown = (Arc::clone(&host.customer), Arc::from(&*host.name), None);
        bench.add(*id, name, spec, host.alive.as_ref(), host.address.as_ref(), shown);
    }
    for (service, (id, name)) in plan.services.iter().zip(&laid.services) {
        let host = service.host.map(|it| (&plan.hosts[it as usize], laid.hosts[it as usize].0));
        let spec = Spec {
            of_host: false,
            host: host.map(|it| it.1),
            has_parents: false,
            canary: is_canary(plan, name),
            check: Some(Arc::clone(&service.asked.check)),
            phase: phase_of(service, name, plan),
            definition: 0,
        };
        let address = host.and_then(|it| it.0.address.as_ref());
        let host = Arc::from(service.host_name(plan));
        let shown = (Arc::clone(&service.customer), host, Some(Arc::from(&*service.name)));
        bench.add(*id, name, spec, Some(&service.asked), address, shown);
    }
    let board = Board::new(bench.entries, Some(before));
    for piece in &mut bench.all {
        piece.cell = board.cell(piece.id).cloned();
    }
    Pieces { all: bench.all, behind, board }
}

/// Does it tell whether we ourselves can see out?
fn is_canary(plan: &Plan, name: &str) -> bool {
    plan.duty.uplink.canaries.iter().any(|it| **it == *name)
}

/// Services of one host whose kind can put them into one request share their place in time.
fn phase_of(service: &Service, name: &str, plan: &Plan) -> u64 {
    let kind = CATALOGUE.get(usize::from(service.asked.check.kind.0)).map(|it| it.spec);
    match (kind, service.host) {
        (Some(kind), Some(host)) if kind.asked_together => {
            stable_hash(&format!("{} {}", plan.hosts[host as usize].full_name(), kind.name))
        }
        _ => stable_hash(name),
    }
}

type Shown = (Arc<str>, Arc<str>, Option<Arc<str>>);

/// Where pieces are made. Checks with the same parameters are built once.
struct Bench {
    built: HashMap<(KindId, *const Params), Arc<dyn Looker>>,
    all: Vec<Piece>,
    entries: Vec<Entry>,
    now: Moment,
}

impl Bench {
    fn add(
        &mut self,
        id: CheckableId,
        name: &Arc<str>,
        spec: Spec,
        asked: Option<&Asked>,
        address: Option<&Arc<str>>,
        (customer, host, service): Shown,
    ) {
        let question = asked.and_then(|it| self.question(it, name, address));
        let definition = asked.map_or(0, |it| definition(it, address));
        let kind = asked.and_then(|it| CATALOGUE.get(usize::from(it.check.kind.0)));
        self.entries.push(Entry {
            id,
            customer,
            host,
            service,
            kind: kind.map(|it| it.spec),
            target: instance(asked, address),
            stale_after: asked.and_then(|it| {
                let limit = it.check.every * Age::INTERVALS_MAX + it.check.timeout;
                it.check.period.is_none().then_some(limit)
            }),
            timeout: asked.map_or(Duration::ZERO, |it| it.check.timeout),
            watched_since: self.now,
        });
        let spec = Spec { definition, ..spec };
        self.all.push(Piece { id, name: Arc::clone(name), spec, question, cell: None });
    }

    fn question(
        &mut self,
        asked: &Asked,
        name: &Arc<str>,
        address: Option<&Arc<str>>,
    ) -> Option<Question> {
        let kind = asked.check.kind;
        let key = (kind, Arc::as_ptr(&asked.params));
        let looker = match self.built.get(&key) {
            Some(looker) => Arc::clone(looker),
            None => {
                // `config` has had the parameters vetted by the same code.
                let build = CATALOGUE.get(usize::from(kind.0))?.build;
                let looker = build(&asked.params).ok()?;
                self.built.insert(key, Arc::clone(&looker));
                looker
            }
        };
        let target = Arc::new(Target { name: Arc::clone(name), address: address.cloned() });
        Some(Question { looker, target, timeout: asked.check.timeout, kind })
    }
}

/// Tells questions apart across reloads of one process.
fn definition(asked: &Asked, address: Option<&Arc<str>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    asked.check.kind.hash(&mut hasher);
    asked.params.hash(&mut hasher);
    address.hash(&mut hasher);
    hasher.finish()
}

/// The target as it was written, for the label `instance`: a URL or address of the check's own, or
/// the host's address, with the port where there is one.
fn instance(asked: Option<&Asked>, address: Option<&Arc<str>>) -> Arc<str> {
    let fallback = || address.cloned().unwrap_or_default();
    let Some(asked) = asked else { return fallback() };
    let params = &asked.params;
    if let Some(model::Value::Text(url)) = params.get("url") {
        return Arc::clone(url);
    }
    let own = match params.get("address") {
        Some(model::Value::Text(own)) => Arc::clone(own),
        _ => fallback(),
    };
    match params.get("port") {
        Some(model::Value::Text(port)) => Arc::from(format!("{own}:{port}")),
        Some(model::Value::Number(port)) => Arc::from(format!("{own}:{port}")),
        _ => own,
    }
}
