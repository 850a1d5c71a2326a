//! Which `probe_*` series the kinds of a plan have, family by family.

use model::KindSpec;

/// Families that every kind has; a measurement cannot be shown under their names.
const TAKEN: [&str; 3] = ["probe_success", "probe_duration_seconds", "probe_timeout_seconds"];

/// One family and what the kinds put into it.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) help: String,
    /// For each kind of the plan, in its order.
    pub(crate) samples: Vec<Vec<Sample>>,
}

/// One measurement as a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Index of the measurement.
    pub(crate) index: usize,
    /// Constant labels; one with an empty value takes a text.
    pub(crate) labels: &'static [(&'static str, &'static str)],
}

impl Series {
    /// The families of `kinds`, in the order in which the kinds first name them.
    pub(crate) fn of(kinds: &[&'static KindSpec]) -> Vec<Self> {
        let mut families: Vec<Self> = Vec::new();
        for (number, kind) in kinds.iter().enumerate() {
            for (index, measure) in kind.measures.iter().enumerate() {
                let Some((name, labels)) = measure.series else { continue };
                if TAKEN.contains(&name) || name.starts_with("campanile_service_") {
                    debug_assert!(false, "{name} is a family of every kind");
                    continue;
                }
                let place = families.iter().position(|it| it.name == name).unwrap_or_else(|| {
                    let samples = vec![Vec::new(); kinds.len()];
                    families.push(Self { name, help: plain(measure.doc), samples });
                    families.len() - 1
                });
                let samples = &mut families[place].samples[number];
                if samples.iter().all(|it| it.labels != labels) {
                    samples.push(Sample { index, labels });
                } else {
                    debug_assert!(false, "{name} has two measurements of {}", kind.name);
                }
            }
        }
        families
    }
}

/// A help text that needs no escaping in any format: one line, no quotes, no backslash.
fn plain(doc: &str) -> String {
    let glyphs = doc.trim().trim_end_matches('.').chars();
    glyphs
        .map(|it| match it {
            '"' => '\'',
            '\\' => '/',
            it if it.is_control() => ' ',
            it => it,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_help_text_is_one_plain_line() {
        assert_eq!(plain(" The \"name\"\n of C:\\x.\n"), "The 'name'  of C:/x");
    }
}
