//! A strict reader of both text formats: whatever the rules forbid is a panic.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    OpenMetrics,
    Plain,
}

/// Labels by name.
pub(crate) type Labels = BTreeMap<String, String>;

/// A page that keeps the rules.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Family name to type.
    pub(crate) types: BTreeMap<String, String>,
    /// Sample name to its series.
    samples: BTreeMap<String, Vec<(Labels, f64)>>,
}

impl Page {
    /// Reads `text`.
    pub(crate) fn read(text: &str, format: Format) -> Self {
        let mut page = Self::default();
        let body = match format {
            Format::OpenMetrics => text.strip_suffix("# EOF\n").expect("it ends with # EOF"),
            Format::Plain => text,
        };
        assert!(body.ends_with('\n') && !body.contains("# EOF"));
        let mut family = None;
        let mut seen = HashSet::new();
        for line in body.split_terminator('\n') {
            assert!(!line.is_empty() && !line.contains('\r'), "{line:?}");
            if let Some(comment) = line.strip_prefix("# ") {
                page.comment(comment, &mut family);
                continue;
            }
            let (name, labels, value) = sample(line);
            let family = family.as_deref().expect("a sample belongs to a family");
            check_name(family, &page.types[family], &name, &labels, format);
            assert!(seen.insert((name.clone(), labels.clone())), "twice: {line}");
            page.samples.entry(name).or_default().push((labels, value));
        }
        page.check_histograms();
        page
    }

    /// The value of the one series of `name` that has these labels, among others.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.find(name, labels);
        assert!(found.len() <= 1, "{name} has {} series with {labels:?}", found.len());
        found.first().map(|it| it.1)
    }

    /// All series of `name` that have these labels, among others.
    pub(crate) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&(Labels, f64)> {
        let has = |it: &&(Labels, f64)| {
            labels.iter().all(|(key, value)| it.0.get(*key).map(String::as_str) == Some(value))
        };
        self.samples.get(name).into_iter().flatten().filter(has).collect()
    }

    fn comment(&mut self, comment: &str, family: &mut Option<String>) {
        let (word, rest) = comment.split_once(' ').expect("a comment has a word and a name");
        let (name, text) = rest.split_once(' ').expect("a comment has a name and a text");
        match word {
            "HELP" => {
                assert!(!self.types.contains_key(name), "{name} is written twice");
                assert!(!text.contains(['"', '\\']), "{text}");
                *family = Some(name.to_owned());
            }
            "TYPE" => {
                assert_eq!(family.as_deref(), Some(name), "TYPE follows HELP of the same family");
                assert!(["gauge", "counter", "histogram"].contains(&text), "{text}");
                self.types.insert(name.to_owned(), text.to_owned());
            }
            _ => panic!("a comment that means nothing: {comment}"),
        }
    }

    fn check_histograms(&self) {
        for (family, _) in self.types.iter().filter(|it| it.1 == "histogram") {
            let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
            for (labels, value) in &self.samples[&format!("{family}_bucket")] {
                let mut labels = labels.clone();
                let end = labels.remove("le").unwrap();
                let end = if end == "+Inf" { f64::INFINITY } else { end.parse().unwrap() };
                buckets.entry(labels).or_default().push((end, *value));
            }
            for (labels, buckets) in buckets {
                let rises = |it: &[(f64, f64)]| it[0].0 < it[1].0 && it[0].1 <= it[1].1;
                assert!(buckets.windows(2).all(rises), "{family} {labels:?} {buckets:?}");
                let last = buckets.last().unwrap();
                assert_eq!(last.0, f64::INFINITY);
                let pairs: Vec<_> =
                    labels.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
                assert_eq!(self.value(&format!("{family}_count"), &pairs), Some(last.1));
                assert!(self.value(&format!("{family}_sum"), &pairs).unwrap() >= 0.0);
            }
        }
    }
}

fn check_name(family: &str, kind: &str, name: &str, labels: &Labels, format: Format) {
    let suffix = name.strip_prefix(family).expect("families do not mix");
    let allowed: &[&str] = match (kind, format) {
        ("counter", Format::OpenMetrics) => &["_total"],
        ("histogram", _) => &["_bucket", "_count", "_sum"],
        _ => &[""],
    };
    assert!(allowed.contains(&suffix), "{name} in the {kind} {family}");
    assert_eq!(suffix == "_bucket", labels.contains_key("le"), "{name} {labels:?}");
    if kind == "counter" {
        assert!(name.ends_with("_total"), "{name}");
    }
}

fn is_name(name: &str, more: &[char]) -> bool {
    let inside = |it: char| it.is_ascii_alphanumeric() || it == '_' || more.contains(&it);
    name.chars().all(inside) && name.chars().next().is_some_and(|it| !it.is_ascii_digit())
}

fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).expect("a name ends with labels or a space");
    let (name, rest) = line.split_at(end);
    assert!(is_name(name, &[':']), "{line}");
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest),
        None => (Labels::new(), rest),
    };
    let value = rest.strip_prefix(' ').expect("one space before the value");
    (name.to_owned(), labels, value.parse().expect("a value is a number, and nothing follows it"))
}

fn labels(mut rest: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let mut order = BTreeSet::new();
    loop {
        let (key, after) = rest.split_once("=\"").expect("a label has a value in quotes");
        assert!(is_name(key, &[]), "{key:?}");
        assert!(order.insert(key.to_owned()), "{key} twice");
        let (value, after) = quoted(after);
        labels.insert(key.to_owned(), value);
        match after.split_at(1) {
            ("}", after) => return (labels, after),
            (",", after) => rest = after,
            _ => panic!("neither comma nor brace: {after}"),
        }
    }
}

fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut glyphs = text.char_indices();
    while let Some((at, glyph)) = glyphs.next() {
        match glyph {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match glyphs.next().expect("something is escaped").1 {
                'n' => '\n',
                it @ ('"' | '\\') => it,
                it => panic!("\\{it} is no escape"),
            }),
            it => {
                assert!(!it.is_control(), "{it:?} in {value:?}");
                value.push(it);
            }
        }
    }
    panic!("a value without an end: {text}")
}
