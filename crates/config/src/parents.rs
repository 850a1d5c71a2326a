//! `behind:`, from names to hosts, without circles.

use model::Plan;

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    layers::Library,
    limits, quoted,
    source::Place,
    words,
};

/// A name under `behind:`.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// Suggestions cost a comparison with every host, so only the first mistakes get one.
const SUGGESTIONS_MAX: usize = 20;

/// Fills in the parents of all hosts. `wanted` is in the order of the plan's hosts.
pub(crate) fn connect(
    library: &Library<'_>,
    plan: &mut Plan,
    wanted: &[Vec<Wanted>],
    report: &mut Report,
) {
    let index = Index::new(library);
    let mut edges: Vec<Vec<(u32, Place)>> = Vec::with_capacity(wanted.len());
    let mut unknown = 0;
    for (host, wanted) in plan.hosts.iter_mut().zip(wanted) {
        let mut parents: Vec<(u32, Place)> = Vec::new();
        for one in wanted {
            match index.find(&host.customer, &one.name) {
                Some(parent) if parents.iter().any(|it| it.0 == parent) => {}
                Some(parent) => parents.push((parent, one.place)),
                None if library.draft.incomplete => {}
                None => {
                    unknown += 1;
                    let near = match unknown <= SUGGESTIONS_MAX {
                        true => index.near(&host.customer, &one.name),
                        false => None,
                    };
                    report.add(unknown_host(one, near));
                }
            }
        }
        if let Some((_, place)) = parents.get(limits::PARENTS_MAX) {
            let what = format!("more than {} parents of one host", limits::PARENTS_MAX);
            report.add(Diagnostic::new(Code::TooMany, what).at(*place));
        }
        host.parents = parents.iter().map(|it| it.0).collect();
        edges.push(parents);
    }
    for found in loops(plan, &edges) {
        report.add(found);
    }
}

fn unknown_host(wanted: &Wanted, near: Option<String>) -> Diagnostic {
    Diagnostic::new(Code::UnknownHost, format!("unknown host {}", quoted(&wanted.name)))
        .at(wanted.place)
        .label("no host has this name")
        .maybe_help(near.map(|it| format!("did you mean {}?", quoted(&it))))
}

/// Finds hosts by name. The plan has the customers and hosts in the order of the draft.
struct Index<'a, 'l> {
    library: &'l Library<'a>,
    /// Where each customer's hosts begin in the plan.
    first: Vec<usize>,
}

impl<'a, 'l> Index<'a, 'l> {
    fn new(library: &'l Library<'a>) -> Self {
        let sizes = library.draft.customers.iter().map(|it| it.hosts.len());
        let first = sizes.scan(0, |at, size| Some(std::mem::replace(at, *at + size))).collect();
        Self { library, first }
    }

    /// `name` of the same customer, or `customer/name`.
    fn find(&self, customer: &str, name: &str) -> Option<u32> {
        let (customer, name) = name.split_once('/').unwrap_or((customer, name));
        let customers = &self.library.draft.customers;
        let at = customers.binary_search_by(|it| (*it.name).cmp(customer)).ok()?;
        let hosts = &customers[at].hosts;
        let host = hosts.binary_search_by(|it| (*it.name).cmp(name)).ok()?;
        u32::try_from(self.first[at] + host).ok()
    }

    fn near(&self, customer: &str, name: &str) -> Option<String> {
        let (of, name) = name.split_once('/').unwrap_or((customer, name));
        let customer = self.library.draft.customer(of)?;
        let near = words::nearest(name, customer.hosts.iter().map(|it| &*it.name))?;
        Some(near.to_owned())
    }
}

/// Walks from every host to its parents, each edge once.
fn loops(plan: &Plan, edges: &[Vec<(u32, Place)>]) -> Vec<Diagnostic> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnPath,
        Done,
    }
    let mut seen = vec![Seen::No; edges.len()];
    let mut found = Vec::new();
    for start in 0..edges.len() {
        if seen[start] != Seen::No {
            continue;
        }
        seen[start] = Seen::OnPath;
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((host, done)) = path.last_mut() {
            let host = *host;
            let Some((parent, place)) = edges[host].get(*done).copied() else {
                seen[host] = Seen::Done;
                path.pop();
                continue;
            };
            *done += 1;
            let parent = parent as usize;
            match seen[parent] {
                Seen::Done => {}
                Seen::No => {
                    seen[parent] = Seen::OnPath;
                    path.push((parent, 0));
                }
                Seen::OnPath => found.push(circle(plan, &path, parent, place)),
            }
        }
    }
    found
}

/// The chain from `back_to` up to the place that leads to it again.
fn circle(plan: &Plan, path: &[(usize, usize)], back_to: usize, place: Place) -> Diagnostic {
    /// Longer chains are shortened in the middle.
    const SHOWN_MAX: usize = 12;
    let start = path.iter().position(|it| it.0 == back_to).unwrap_or(0);
    let names: Vec<String> = path[start..].iter().map(|it| plan.hosts[it.0].full_name()).collect();
    let last = plan.hosts[back_to].full_name();
    let chain = match names.len() {
        it if it > SHOWN_MAX => {
            let (head, tail) = (&names[..SHOWN_MAX / 2], &names[it - SHOWN_MAX / 2..]);
            let between = it - SHOWN_MAX;
            format!(
                "{} -> … {between} more … -> {} -> {last}",
                head.join(" -> "),
                tail.join(" -> ")
            )
        }
        _ => format!("{} -> {last}", names.join(" -> ")),
    };
    Diagnostic::new(Code::ParentLoop, "hosts stand behind each other in a circle")
        .at(place)
        .label("this closes the circle")
        .note(chain)
}
