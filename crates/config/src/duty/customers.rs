//! Customers: what the desk needs to know of them beside their hosts.

use std::sync::Arc;

use model::Customer;

use super::{Clerk, assign::last_named, people::email};
use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::CustomerDraft,
    section::Section,
    source::View,
};

/// Mail addresses of one customer.
const CONTACTS_MAX: usize = 64;

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn customers(&mut self) -> Vec<Customer> {
        let customers = &self.desk.library.draft.customers;
        customers.iter().map(|it| self.customer(it)).collect()
    }

    fn customer(&mut self, draft: &CustomerDraft) -> Customer {
        let library = self.desk.library;
        // What is wrong with its templates is reported where its hosts are read.
        let base = library.base(draft, None, &mut Report::default());
        let views: Vec<View<'a>> = draft.bodies.iter().map(|it| self.view(*it)).collect();
        let of = |key: &str| views.iter().find_map(|it| Self::get(*it, key));
        let title = of("name").and_then(|it| self.text(it));
        // A customer with one site lives where that is.
        let only_site = draft.only_site.map(|it| self.view(it));
        let places = only_site.iter().chain(&views);
        let zone = places.fold(self.zone.clone(), |zone, it| self.zone_of(*it, &zone));
        let contract = last_named(library, &base.layers, "contract")
            .filter(|(_, view)| !is_none(*view))
            .and_then(|(_, view)| self.name(view, Section::Contracts, "contract/"));
        let contacts = of("contacts").map(|it| self.contacts(it)).unwrap_or_default();
        Customer {
            name: draft.name.clone(),
            title: title.unwrap_or_else(|| draft.name.clone()),
            contract,
            zone,
            contacts,
        }
    }

    fn contacts(&mut self, list: View<'a>) -> Vec<Arc<str>> {
        let items = list.items();
        if let Some(extra) = items.get(CONTACTS_MAX) {
            let what = format!("more than {CONTACTS_MAX} contacts");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return Vec::new();
        }
        items.into_iter().filter_map(|it| self.word(it, email)).collect()
    }
}

/// `policy: none`, `contract: none`, or `off`.
pub(super) fn is_none(view: View<'_>) -> bool {
    view.is_off() || view.plain() == Some("none")
}
