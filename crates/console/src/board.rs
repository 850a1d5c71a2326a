//! The picture of a plan: who there is, and a [`Cell`] for each.

use std::{collections::BTreeMap, ptr, sync::Arc, time::Duration};

use model::{Age, CheckableId, KindSpec, Moment};

use crate::{
    cell::Cell,
    names::{Column, Names, Spans},
    probes::Series,
    texts::Texts,
};

/// One checkable of a plan, as the board wants it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: CheckableId,
    /// Whose it is.
    pub customer: Arc<str>,
    /// The host's own name; `-` for a service of no host.
    pub host: Arc<str>,
    /// The service's own name; `None` for a host.
    pub service: Option<Arc<str>>,
    /// What it is asked; `None` for a host that is judged by its services alone.
    pub kind: Option<&'static KindSpec>,
    /// The target as the user wrote it, for the label `instance`.
    pub target: Arc<str>,
    /// How old the last conclusive result may be; `None`: it never goes stale, as nobody asks.
    pub stale_after: Option<Duration>,
    /// How long one look may take.
    pub timeout: Duration,
    /// Since when it is watched, for one that is new: now.
    pub watched_since: Moment,
}

/// Everything that is shown of one plan. Made anew at each reload; the cells of those that stay
/// are taken over, with their values.
#[derive(Debug)]
pub struct Board {
    names: Names,
    hosts: Vec<Row>,
    services: Vec<Row>,
    /// Place of each id: index into `hosts`, or into `services` after them.
    places: Vec<u32>,
    kinds: Vec<&'static KindSpec>,
    series: Vec<Series>,
    texts: Arc<Texts>,
}

/// What a board keeps of an [`Entry`].
#[derive(Debug)]
pub(crate) struct Row {
    spans: Spans,
    /// In milliseconds; [`NEVER`]: never stale.
    stale_after: u32,
    /// In milliseconds.
    timeout: u32,
    kind: u8,
    pub(crate) cell: Arc<Cell>,
}

const NEVER: u32 = u32::MAX;
const NO_PLACE: u32 = u32::MAX;
const NO_KIND: u8 = u8::MAX;

/// A row with its names, as a scrape walks over it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) board: &'a Board,
    pub(crate) row: &'a Row,
}

impl Default for Board {
    fn default() -> Self {
        Self::new(Vec::new(), None)
    }
}

impl Board {
    /// The board of a plan; `entries` in the order in which they are to be shown.
    ///
    /// A checkable that `before` had under the same id, name and kind keeps its cell.
    #[must_use]
    pub fn new(entries: Vec<Entry>, before: Option<&Self>) -> Self {
        let texts = before.map(|it| Arc::clone(&it.texts)).unwrap_or_default();
        let (mut hosts, mut services) = (Vec::new(), Vec::new());
        let mut names = Names::default();
        let mut kinds = Kinds::default();
        let mut ids = Vec::with_capacity(entries.len());
        for entry in entries {
            let is_host = entry.service.is_none();
            let kind = kinds.number(entry.kind);
            let cell = before.and_then(|it| it.cell_of(&entry)).unwrap_or_else(|| {
                let measures = entry.kind.map_or(0, |it| it.measures.len());
                Arc::new(Cell::new(measures, entry.watched_since, Arc::clone(&texts)))
            });
            let row = Row {
                spans: names.put([
                    &entry.customer,
                    &entry.host,
                    entry.service.as_deref().unwrap_or_default(),
                    &entry.target,
                ]),
                stale_after: entry.stale_after.map_or(NEVER, millis),
                timeout: millis(entry.timeout),
                kind,
                cell,
            };
            let rows = if is_host { &mut hosts } else { &mut services };
            ids.push((entry.id, is_host, rows.len()));
            rows.push(row);
        }
        names.finish();
        let places = places(&ids, hosts.len());
        let series = Series::of(&kinds.specs);
        Self { names, hosts, services, places, kinds: kinds.specs, series, texts }
    }

    /// The cell of a checkable, to be kept by its shard for as long as the plan holds.
    #[must_use]
    pub fn cell(&self, id: CheckableId) -> Option<&Arc<Cell>> {
        self.row(id).map(|it| &it.cell)
    }

    /// How many hosts there are.
    #[must_use]
    pub fn hosts_len(&self) -> usize {
        self.hosts.len()
    }

    /// How many services there are.
    #[must_use]
    pub fn services_len(&self) -> usize {
        self.services.len()
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = Seen<'_>> {
        self.hosts.iter().map(|row| Seen { board: self, row })
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = Seen<'_>> {
        self.services.iter().map(|row| Seen { board: self, row })
    }

    pub(crate) fn series(&self) -> &[Series] {
        &self.series
    }

    pub(crate) fn text(&self, key: u64) -> Option<Arc<str>> {
        self.texts.get(key)
    }

    fn row(&self, id: CheckableId) -> Option<&Row> {
        let place = *self.places.get(id.0 as usize)? as usize;
        self.hosts.get(place).or_else(|| self.services.get(place.checked_sub(self.hosts.len())?))
    }

    fn cell_of(&self, entry: &Entry) -> Option<Arc<Cell>> {
        let row = self.row(entry.id)?;
        let seen = Seen { board: self, row };
        let same_kind = match (seen.kind(), entry.kind) {
            (Some(old), Some(new)) => ptr::eq(old, new) || old.name == new.name,
            (None, None) => true,
            _ => false,
        };
        let measures = entry.kind.map_or(0, |it| it.measures.len());
        let same = same_kind
            && row.cell.measures_len() == measures
            && seen.customer() == &*entry.customer
            && seen.host() == &*entry.host
            && seen.service() == entry.service.as_deref().unwrap_or_default();
        same.then(|| Arc::clone(&row.cell))
    }
}

impl<'a> Seen<'a> {
    pub(crate) fn customer(self) -> &'a str {
        self.text(Column::Customer)
    }

    pub(crate) fn host(self) -> &'a str {
        self.text(Column::Host)
    }

    pub(crate) fn service(self) -> &'a str {
        self.text(Column::Service)
    }

    pub(crate) fn target(self) -> &'a str {
        self.text(Column::Target)
    }

    fn text(self, column: Column) -> &'a str {
        self.board.names.get(&self.row.spans, column)
    }

    pub(crate) fn kind(self) -> Option<&'static KindSpec> {
        self.board.kinds.get(usize::from(self.row.kind)).copied()
    }

    pub(crate) fn kind_number(self) -> Option<usize> {
        Some(self.row.kind).filter(|it| *it != NO_KIND).map(usize::from)
    }

    pub(crate) fn timeout_secs(self) -> f64 {
        f64::from(self.row.timeout) / 1e3
    }

    /// May what it shows still be gone by?
    pub(crate) fn age(self, now: Moment) -> Age {
        let cell = &self.row.cell;
        let limit = match self.row.stale_after {
            NEVER => Duration::MAX,
            millis => Duration::from_millis(millis.into()),
        };
        Age::of(cell.conclusive_at(), cell.watched_since(), now, limit)
    }
}

/// Gives each kind of a plan a small number.
#[derive(Default)]
struct Kinds {
    specs: Vec<&'static KindSpec>,
    by_name: BTreeMap<&'static str, u8>,
}

impl Kinds {
    fn number(&mut self, spec: Option<&'static KindSpec>) -> u8 {
        let Some(spec) = spec else { return NO_KIND };
        *self.by_name.entry(spec.name).or_insert_with(|| {
            self.specs.push(spec);
            u8::try_from(self.specs.len() - 1).expect("there are fewer than 255 kinds")
        })
    }
}

fn places(ids: &[(CheckableId, bool, usize)], hosts: usize) -> Vec<u32> {
    let length = ids.iter().map(|(id, ..)| id.0 as usize + 1).max().unwrap_or(0);
    let mut places = vec![NO_PLACE; length];
    for (id, is_host, index) in ids {
        let place = if *is_host { *index } else { hosts + index };
        places[id.0 as usize] = u32::try_from(place).expect("ids are 32 bits, so are places");
    }
    places
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The design allows 700 bytes of a service all told; this is the console's part of it, names
    /// and measurements apart.
    #[test]
    fn a_row_is_small() {
        let counts = 2 * size_of::<usize>();
        let place = size_of::<u32>();
        assert!(size_of::<Row>() + counts + size_of::<Cell>() + place <= 136);
    }
}
