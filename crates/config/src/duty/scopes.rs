//! What a group or a maintenance is about: label queries and references, as lines of conditions.

use std::sync::Arc;

use model::{MatchOp, Matcher, Scope};

use super::{Clerk, clerk::place_of, names::unknown};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    draft::{CustomerDraft, shape},
    limits, quoted,
    section::Section,
    source::View,
    words,
};

/// Lines of one scope: the combinations that its lists make.
const LINES_MAX: usize = 1_024;
/// Lines of all scopes together: a group counts wherever it is named.
const ALL_LINES_MAX: usize = 1_000_000;
/// Conditions of one line.
const MATCHERS_MAX: usize = 64;

/// Conditions that must all hold.
pub(super) type Line = Vec<Matcher>;

impl<'a> Clerk<'_, 'a, '_> {
    /// The lines of every group, by its place.
    pub(super) fn read_groups(&mut self) {
        let all: Vec<_> = self.all(Section::Groups).collect();
        for (_, _, body) in all {
            let lines = self.query(body).unwrap_or_default();
            self.groups.push(lines);
        }
    }

    /// `{ env: prod, role: [firewall, core-switch] }`: all keys must hold, one text of each list.
    fn query(&mut self, map: View<'a>) -> Option<Vec<Line>> {
        if !map.is_map() {
            self.add(shape(map, "labels with texts: `{ env: prod, os: windows }`"));
            return None;
        }
        let mut lines: Vec<Line> = vec![Vec::new()];
        let mut count = 0;
        for (key, value) in map.pairs() {
            let Some(label) = key.text() else { continue };
            count += 1;
            let choices = self.choices(label, value)?;
            if count > MATCHERS_MAX || lines.len() * choices.len() > LINES_MAX {
                let what = format!("more than {LINES_MAX} combinations of labels");
                self.add(Diagnostic::new(Code::TooMany, what).at(value.place()));
                return None;
            }
            lines = lines
                .iter()
                .flat_map(|line| {
                    choices.iter().map(move |it| line.iter().chain([it]).cloned().collect())
                })
                .collect();
        }
        if count == 0 {
            self.add(shape(map, "at least one label; without any it would mean everything"));
            return None;
        }
        Some(lines)
    }

    /// The conditions of which one must hold.
    fn choices(&mut self, label: &str, value: View<'a>) -> Option<Vec<Matcher>> {
        if value.is_map() {
            self.add(shape(value, "a text or a list of texts"));
            return None;
        }
        let items = value.items();
        if items.is_empty() {
            self.add(shape(value, "a text or a list of texts"));
            return None;
        }
        let several = items.len() > 1;
        let mut choices = Vec::with_capacity(items.len());
        for item in items {
            let text = self.text(item)?;
            let negated = item.plain().is_some_and(|it| it.starts_with("not "));
            if negated && several {
                let found = Diagnostic::new(Code::Shape, "`not` cannot stand in a list");
                self.add(found.at(item.place()).label("any other text would satisfy this list"));
                return None;
            }
            let text = if negated { text["not ".len()..].trim() } else { &*text };
            if text.len() > limits::LABEL_BYTES_MAX {
                let what = format!("a text of more than {} bytes", limits::LABEL_BYTES_MAX);
                self.add(Diagnostic::new(Code::Value, what).at(item.place()));
                return None;
            }
            choices.push(matcher(label, text, negated));
        }
        Some(choices)
    }

    /// What `what:` means; without it everything of the customer.
    pub(super) fn scope(
        &mut self,
        what: Option<View<'a>>,
        customer: Option<&'a CustomerDraft>,
    ) -> Option<Scope> {
        let of_customer: Line =
            customer.iter().map(|it| matcher_is("customer", &it.name)).collect();
        let Some(what) = what else { return Some(Scope { lines: vec![of_customer] }) };
        let mut lines: Vec<Line> = Vec::new();
        if what.is_map() {
            lines.extend(self.query(what)?);
        } else {
            let items = what.items();
            if items.is_empty() {
                self.add(shape(what, "what it is about: `site/hq`, `group/…`, or a map of labels"));
                return None;
            }
            let mut whole = true;
            for item in items {
                let found = match item.is_map() {
                    true => self.query(item),
                    false => self.reference(item, customer),
                };
                whole &= found.is_some();
                lines.extend(found.into_iter().flatten());
                if lines.len() > LINES_MAX {
                    let what = format!("more than {LINES_MAX} lines");
                    self.add(Diagnostic::new(Code::TooMany, what).at(item.place()));
                    return None;
                }
            }
            if !whole {
                return None;
            }
        }
        for line in &mut lines {
            let missing: Line =
                of_customer.iter().filter(|it| !line.contains(it)).cloned().collect();
            line.splice(0..0, missing);
        }
        self.lines += lines.len();
        if self.lines > ALL_LINES_MAX {
            let found = format!("more than {ALL_LINES_MAX} combinations of labels in all");
            self.add(Diagnostic::new(Code::TooMany, found).at(what.place()));
            return None;
        }
        Some(Scope { lines })
    }

    /// `group/prod windows`, `site/hq`, `host/web`, `web/http`, `env=prod`.
    fn reference(
        &mut self,
        item: View<'a>,
        customer: Option<&'a CustomerDraft>,
    ) -> Option<Vec<Line>> {
        let text = self.text(item)?;
        match text.split_once('/') {
            Some(("group", name)) => {
                let group = self.called(name, Section::Groups, item)?;
                return self.groups.get(group as usize).cloned();
            }
            Some(("customer", name)) => {
                let customer = self.customer_called(name, item)?;
                return Some(vec![vec![matcher_is("customer", &customer.name)]]);
            }
            Some(("site", name)) => {
                let (customer, name) = self.owner(name, item, customer)?;
                return Some(vec![self.site_line(customer, name, item)?]);
            }
            Some(("host", name)) => {
                let (customer, name) = self.owner(name, item, customer)?;
                return Some(vec![self.host_line(customer, name, item)?]);
            }
            _ => {}
        }
        if let Some((label, value)) = text.split_once('=') {
            let (label, negated) = match label.strip_suffix('!') {
                Some(label) => (label, true),
                None => (label, false),
            };
            return Some(vec![vec![matcher(label.trim(), value.trim(), negated)]]);
        }
        Some(vec![self.name_line(&text, item, customer)?])
    }

    fn customer_called(&mut self, name: &str, item: View<'_>) -> Option<&'a CustomerDraft> {
        let draft = self.desk.library.draft;
        let found = draft.customer(name);
        if found.is_none() && !draft.incomplete {
            let near = words::nearest(name, draft.customers.iter().map(|it| &*it.name));
            self.add(unknown("customer", name, place_of(name, item), near.map(str::to_owned)));
        }
        found
    }

    /// Whose the thing is: that of the file, or the one named first.
    fn owner<'t>(
        &mut self,
        name: &'t str,
        item: View<'_>,
        customer: Option<&'a CustomerDraft>,
    ) -> Option<(&'a CustomerDraft, &'t str)> {
        if let Some(customer) = customer {
            return Some((customer, name));
        }
        let Some((customer, name)) = name.split_once('/') else {
            let found = Diagnostic::new(Code::Missing, "whose is this?").at(item.place());
            self.add(found.help("write it with its customer, like `site/acme/hq`"));
            return None;
        };
        Some((self.customer_called(customer, item)?, name))
    }

    fn site_line(&mut self, customer: &CustomerDraft, name: &str, item: View<'_>) -> Option<Line> {
        let names = || {
            let only = customer.only_site.map(|_| &*customer.name);
            customer.sites.iter().map(|it| &*it.name).chain(only)
        };
        if !names().any(|it| it == name) {
            let near = words::nearest(name, names()).map(|it| format!("did you mean `{it}`?"));
            self.add(
                Diagnostic::new(Code::UnknownSite, format!("unknown site {}", quoted(name)))
                    .at(place_of(name, item))
                    .label(format!("{} has no site of this name", quoted(&customer.name)))
                    .maybe_help(near),
            );
            return None;
        }
        Some(vec![matcher_is("customer", &customer.name), matcher_is("site", name)])
    }

    fn host_line(&mut self, customer: &CustomerDraft, name: &str, item: View<'_>) -> Option<Line> {
        if !name.contains('*') && customer.host(name).is_none() {
            if self.desk.library.draft.incomplete {
                return None;
            }
            let near = words::nearest(name, customer.hosts.iter().map(|it| &*it.name));
            self.add(
                Diagnostic::new(Code::UnknownHost, format!("unknown host {}", quoted(name)))
                    .at(place_of(name, item))
                    .label(format!("{} has no host of this name", quoted(&customer.name)))
                    .maybe_help(near.map(|it| format!("did you mean {}?", quoted(it)))),
            );
            return None;
        }
        Some(vec![matcher_is("customer", &customer.name), matcher("host", name, false)])
    }

    /// `web`, `web/http`, `*/http`, `-/shop`, or the same behind the customer's name.
    fn name_line(
        &mut self,
        text: &str,
        item: View<'_>,
        customer: Option<&'a CustomerDraft>,
    ) -> Option<Line> {
        const NO_HOST: &str = model::Service::NO_HOST;
        let customer_of = |name: &str| customer.is_none_or(|it| &*it.name == name);
        let full = text.split_once('/').filter(|(first, _)| {
            customer_of(first) && customer.is_none_or(|it| it.host(first).is_none())
        });
        let (customer, rest) = match (full, customer) {
            (Some((first, rest)), _) => (self.customer_called(first, item)?, rest),
            (None, Some(customer)) => (customer, text),
            (None, None) => (self.customer_called(text, item)?, ""),
        };
        if rest.is_empty() {
            return Some(vec![matcher_is("customer", &customer.name)]);
        }
        let (host, service) = match rest.split_once('/') {
            Some((host, service)) => (host, Some(service)),
            None => (rest, None),
        };
        let mut line = match (host, service) {
            (NO_HOST, Some(service)) => {
                if customer.service(service).is_none() && !self.desk.names.is_incomplete() {
                    let names = customer.services.iter().map(|it| &*it.name);
                    let near = words::nearest(service, names).map(str::to_owned);
                    self.add(unknown("service", service, place_of(service, item), near));
                    return None;
                }
                vec![matcher_is("customer", &customer.name), matcher_is("host", "")]
            }
            _ => self.host_line(customer, host, item)?,
        };
        if let Some(service) = service {
            line.push(matcher("service", service, false));
        }
        Some(line)
    }
}

fn matcher_is(label: &str, text: &str) -> Matcher {
    Matcher { label: Arc::from(label), op: MatchOp::Is, value: Arc::from(text) }
}

/// A `*` makes it a pattern.
fn matcher(label: &str, text: &str, negated: bool) -> Matcher {
    let op = match (text.contains('*'), negated) {
        (false, false) => MatchOp::Is,
        (false, true) => MatchOp::IsNot,
        (true, false) => MatchOp::Like,
        (true, true) => MatchOp::NotLike,
    };
    Matcher { label: Arc::from(label), op, value: Arc::from(text) }
}
