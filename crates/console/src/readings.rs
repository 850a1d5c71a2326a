//! Numbers of other parts of the engine, asked for at the moment of a scrape.

use std::{fmt, sync::Arc};

/// Asks one part for its numbers.
pub(crate) type Source = Arc<dyn Fn(&mut Readings) + Send + Sync>;

/// What the parts said. Each part is handed this and adds what it has.
#[derive(Debug, Default)]
pub struct Readings {
    list: Vec<Reading>,
}

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) name: &'static str,
    pub(crate) is_counter: bool,
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) help: &'static str,
    pub(crate) value: f64,
}

impl Readings {
    /// Adds a number that only grows. `name` is without `_total`, `help` without a full stop.
    pub fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        self.add(name, help, labels, value, true);
    }

    /// Adds a number that goes up and down. `help` is without a full stop.
    pub fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        self.add(name, help, labels, value, false);
    }

    fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
        is_counter: bool,
    ) {
        let labels = labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        self.list.push(Reading { name, is_counter, labels, help, value });
    }

    /// All of them, families together, and the values of one and the same series added up.
    pub(crate) fn settle(mut self) -> Vec<Reading> {
        self.list.sort_by(|a, b| (a.name, &a.labels).cmp(&(b.name, &b.labels)));
        self.list.dedup_by(|next, kept| {
            let same = next.name == kept.name && next.labels == kept.labels;
            if same {
                kept.value += next.value;
            }
            same
        });
        self.list
    }
}

/// Prints as the number of its sources: closures have nothing else to print.
pub(crate) struct Sources(pub(crate) Vec<Source>);

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sources").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_stand_together_and_shards_add_up() {
        let mut readings = Readings::default();
        readings.counter("b", "B", &[("wire", "icmp")], 2.0);
        readings.gauge("a", "A", &[], 7.0);
        readings.counter("b", "B", &[("wire", "snmp")], 1.0);
        readings.counter("b", "B", &[("wire", "icmp")], 3.0);
        let said: Vec<_> = readings
            .settle()
            .into_iter()
            .map(|it| (it.name, it.labels.first().map(|it| it.1.clone()), it.value))
            .collect();
        let wire = |it: &str| Some(it.to_owned());
        assert_eq!(said, [("a", None, 7.0), ("b", wire("icmp"), 5.0), ("b", wire("snmp"), 1.0)]);
    }
}
