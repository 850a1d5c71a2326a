//! How late looks began, out of two readings of the engine's histogram.

use ::tests::Exposition;

const BUCKET: &str = "campanile_check_lateness_seconds_bucket";
const MAX: &str = "campanile_check_lateness_max_seconds";

/// Lateness of the looks between two readings, in classes.
#[derive(Debug)]
pub(crate) struct Lateness {
    /// Upper end in seconds and looks up to there, from the lowest.
    classes: Vec<(f64, f64)>,
    /// The longest since the engine's start, at either reading.
    max: (f64, f64),
}

/// The longest lateness, as exactly as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Longest {
    Exactly(f64),
    /// The engine has seen a longer one before: this is the end of its class.
    AtMost(f64),
}

impl Lateness {
    /// That of looks with these labels.
    pub(crate) fn between(
        before: &Exposition,
        after: &Exposition,
        labels: &[(&str, &str)],
    ) -> Self {
        let mut classes: Vec<(f64, f64)> = Vec::new();
        for (page, sign) in [(after, 1.0), (before, -1.0)] {
            for (series, count) in page.all(BUCKET, labels) {
                let Some(Ok(end)) = series.labels.get("le").map(|it| it.parse()) else { continue };
                match classes.iter_mut().find(|it| it.0 == end) {
                    Some(class) => class.1 += sign * count,
                    None => classes.push((end, sign * count)),
                }
            }
        }
        classes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let max = |page: &Exposition| {
            page.all(MAX, labels).map(|it| it.1).reduce(f64::max).unwrap_or(f64::INFINITY)
        };
        Self { classes, max: (max(before), max(after)) }
    }

    /// How many looks there were.
    pub(crate) fn looks(&self) -> f64 {
        self.classes.last().map_or(0.0, |it| it.1)
    }

    /// The lateness in seconds that a share of the looks does not exceed: as if the looks of a
    /// class were spread evenly over it.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = share * self.looks();
        let (mut start, mut below) = (0.0, 0.0);
        for (end, count) in &self.classes {
            if *count >= rank && *count > below {
                let end = end.min(self.max.1.max(start));
                return start + (end - start) * (rank - below) / (count - below);
            }
            (start, below) = (*end, *count);
        }
        0.0
    }

    /// The longest.
    pub(crate) fn longest(&self) -> Longest {
        if self.max.1 > self.max.0 {
            return Longest::Exactly(self.max.1);
        }
        let all = self.looks();
        let end = self.classes.iter().find(|it| it.1 >= all).map_or(0.0, |it| it.0);
        Longest::AtMost(end.min(self.max.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks up to 1 ms, 10 ms and without end, by kind, and the longest.
    fn page(kinds: &[(&str, [u32; 3], f64)]) -> Exposition {
        let mut text = "# TYPE campanile_check_lateness_seconds histogram\n".to_owned();
        for (kind, counts, _) in kinds {
            for (end, count) in ["0.001", "0.01", "+Inf"].iter().zip(counts) {
                text += &format!("{BUCKET}{{le=\"{end}\",kind=\"{kind}\"}} {count}\n");
            }
        }
        text += &format!("# TYPE {MAX} gauge\n");
        for (kind, _, max) in kinds {
            text += &format!("{MAX}{{kind=\"{kind}\"}} {max}\n");
        }
        Exposition::parse(&(text + "# EOF\n")).unwrap()
    }

    #[test]
    fn quantiles_lie_within_their_class() {
        let before = page(&[("tcp", [100, 100, 100], 0.0005), ("ping", [7, 9, 9], 0.009)]);
        let after = page(&[("tcp", [190, 199, 200], 0.03), ("ping", [7, 9, 9], 0.009)]);
        let tcp = Lateness::between(&before, &after, &[("kind", "tcp")]);
        assert_eq!(tcp.looks(), 100.0);
        assert!((tcp.quantile(0.45) - 0.0005).abs() < 1e-9);
        assert!((tcp.quantile(0.99) - 0.01).abs() < 1e-9);
        assert!((tcp.quantile(1.0) - 0.03).abs() < 1e-9, "the last class ends at the longest");
        assert_eq!(tcp.longest(), Longest::Exactly(0.03));
        let all = Lateness::between(&before, &after, &[]);
        assert_eq!((all.looks(), all.longest()), (100.0, Longest::Exactly(0.03)));
    }

    #[test]
    fn a_longer_one_from_before_hides_the_longest() {
        let before = page(&[("tcp", [100, 100, 101], 0.5)]);
        let quiet = page(&[("tcp", [110, 115, 116], 0.5)]);
        let late = page(&[("tcp", [110, 115, 117], 0.5)]);
        let longest = |after| Lateness::between(&before, after, &[]).longest();
        assert_eq!(longest(&quiet), Longest::AtMost(0.01));
        assert_eq!(longest(&late), Longest::AtMost(0.5));
    }

    #[test]
    fn nothing_is_not_late() {
        let nothing = Lateness::between(&page(&[]), &page(&[]), &[]);
        assert_eq!((nothing.looks(), nothing.quantile(0.99)), (0.0, 0.0));
    }
}
