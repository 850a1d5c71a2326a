//! A strict reader of the text that `/metrics` serves.
//!
//! Prometheus forgives much; a test must not. Every sample belongs to a family declared right
//! before it, no series is given twice, and the text ends with `# EOF`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// A name with labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// With its suffix: `campanile_checks_total`.
    pub name: String,
    /// By name.
    pub labels: BTreeMap<String, String>,
}

impl Series {
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|it| it == value))
    }
}

/// What is believed about a service or host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Believed {
    /// 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; of a host 0 UP, 1 DOWN, 2 UNREACHABLE.
    pub state: u8,
    /// Believed, or still being looked at again.
    pub hard: bool,
    /// Does it flap?
    pub flapping: bool,
}

/// A page of samples.
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    /// Type of each family, by its name without suffixes.
    pub families: BTreeMap<String, String>,
    /// Every sample.
    pub samples: BTreeMap<Series, f64>,
}

/// What may follow the name of a family in the name of its samples, for each type.
fn suffixes(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "gauge" | "unknown" => &[""],
        "counter" => &["_total", "_created"],
        "histogram" => &["_bucket", "_sum", "_count", "_created"],
        "summary" => &["", "_sum", "_count", "_created"],
        "info" => &["_info"],
        _ => return None,
    })
}

impl Exposition {
    /// Reads OpenMetrics text.
    ///
    /// # Errors
    /// With the first line that breaks the format, and how.
    pub fn parse(text: &str) -> Result<Self, String> {
        let body = text.strip_suffix("# EOF\n").ok_or("the text does not end with `# EOF`")?;
        let mut page = Self::default();
        let mut family = String::new();
        for (index, line) in body.lines().enumerate() {
            let read = match line.strip_prefix("# ") {
                Some(comment) => page.declare(comment, &mut family),
                None => page.take(line, &family),
            };
            read.map_err(|why| format!("line {}: {why}: {line}", index + 1))?;
        }
        Ok(page)
    }

    /// `TYPE name kind`, `HELP name text` or `UNIT name unit`.
    fn declare(&mut self, comment: &str, family: &mut String) -> Result<(), String> {
        let mut words = comment.splitn(3, ' ');
        let (word, name, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
        let name = name.ok_or("a comment without a name")?;
        if name != family && self.families.contains_key(name) {
            return Err("a family is declared in two places".to_owned());
        }
        name.clone_into(family);
        match word {
            Some("TYPE") => {
                suffixes(rest).ok_or("an unknown type")?;
                if self.families.insert(name.to_owned(), rest.to_owned()).is_some() {
                    return Err("a family has two types".to_owned());
                }
                Ok(())
            }
            Some("HELP" | "UNIT") => Ok(()),
            _ => Err("an unknown comment".to_owned()),
        }
    }

    fn take(&mut self, line: &str, family: &str) -> Result<(), String> {
        let end = line.find(['{', ' ']).ok_or("a sample without a value")?;
        let (name, rest) = line.split_at(end);
        let kind = self.families.get(family).ok_or("a sample before the type of its family")?;
        let suffix = name.strip_prefix(family).ok_or("a sample of another family")?;
        if !suffixes(kind).unwrap_or_default().contains(&suffix) {
            return Err(format!("`{suffix}` does not belong to a {kind}"));
        }
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
        let value = number(value.split(' ').next().unwrap_or_default())?;
        let series = Series { name: name.to_owned(), labels };
        match self.samples.insert(series, value) {
            Some(_) => Err("a series is given twice".to_owned()),
            None => Ok(()),
        }
    }

    /// Every sample of `name` that has these labels.
    pub fn all<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = (&'a Series, f64)> {
        self.samples
            .iter()
            .filter(move |(series, _)| series.name == name && series.has(labels))
            .map(|(series, value)| (series, *value))
    }

    /// The value of the only sample of `name` that has these labels.
    ///
    /// # Panics
    /// When there are several.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut all = self.all(name, labels);
        let (series, value) = all.next()?;
        assert!(all.next().is_none(), "several series are {name} {labels:?}, such as {series:?}");
        Some(value)
    }

    /// The sum over every sample of `name` that has these labels.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).map(|(_, value)| value).sum()
    }

    /// Every name under which there are samples.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.samples.keys().map(|it| it.name.as_str()).collect()
    }

    /// What is believed about `customer/host/service`; `None` while nothing is.
    ///
    /// # Panics
    /// When the name has not three parts.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<Believed> {
        let parts: Vec<&str> = name.splitn(3, '/').collect();
        let [customer, host, service] = parts[..] else { panic!("{name} is not a service") };
        let labels = [("customer", customer), ("host", host), ("service", service)];
        Some(Believed {
            state: small(self.value("campanile_service_state", &labels)?),
            hard: self.value("campanile_service_hard", &labels)? == 1.0,
            flapping: self.value("campanile_service_flapping", &labels)? == 1.0,
        })
    }

    /// What is believed about `customer/host` (state 0 UP, 1 DOWN, 2 UNREACHABLE); `None` while
    /// nothing is.
    ///
    /// # Panics
    /// When the name has not two parts.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<Believed> {
        let (customer, host) = name.split_once('/').expect("customer/host");
        let labels = [("customer", customer), ("host", host)];
        Some(Believed {
            state: small(self.value("campanile_host_state", &labels)?),
            hard: self.value("campanile_host_hard", &labels)? == 1.0,
            flapping: self.value("campanile_host_flapping", &labels)? == 1.0,
        })
    }

    /// Everything that is believed, for messages.
    #[must_use]
    pub fn beliefs(&self) -> String {
        let mut text = String::new();
        for (series, value) in &self.samples {
            if ["_state", "_hard"].iter().any(|it| series.name.ends_with(it)) {
                let labels: Vec<&str> = series.labels.values().map(String::as_str).collect();
                let written = writeln!(text, "{} {} {value}", series.name, labels.join("/"));
                written.expect("a string takes everything");
            }
        }
        text
    }
}

fn small(value: f64) -> u8 {
    let found = (0..=u8::MAX).find(|it| f64::from(*it) == value);
    found.unwrap_or_else(|| panic!("{value} is no state"))
}

type Labels = BTreeMap<String, String>;

/// From after the `{` to after the `}`.
fn labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, after) = rest.split_once("=\"").ok_or("a label without a value")?;
        if name.is_empty() || !name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') {
            return Err(format!("`{name}` is no name of a label"));
        }
        let (value, after) = quoted(after)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("the label {name} is given twice"));
        }
        rest = after.strip_prefix(',').unwrap_or(after);
    }
}

/// From after the opening quote to after the closing one.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('\\' | '"'))) => value.push(c),
                _ => return Err("an unknown escape".to_owned()),
            },
            _ => value.push(c),
        }
    }
    Err("a label does not end".to_owned())
}

fn number(text: &str) -> Result<f64, String> {
    match text {
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        "NaN" => Ok(f64::NAN),
        _ if text.starts_with(|it: char| it.is_ascii_digit() || it == '-') => {
            text.parse().map_err(|_| format!("`{text}` is no number"))
        }
        _ => Err(format!("`{text}` is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# HELP campanile_service_state What is believed.
# TYPE campanile_service_state gauge
campanile_service_state{customer="acme",host="web",service="disk \"C\\\""} 2
campanile_service_state{customer="acme",host="web",service="http"} 0
# TYPE campanile_service_hard gauge
campanile_service_hard{customer="acme",host="web",service="http"} 1
# TYPE campanile_service_flapping gauge
campanile_service_flapping{customer="acme",host="web",service="http"} 0
# HELP campanile_checks Looks.
# TYPE campanile_checks counter
campanile_checks_total{kind="tcp"} 17 # {trace="x"} 1
# TYPE campanile_lateness_seconds histogram
# UNIT campanile_lateness_seconds seconds
campanile_lateness_seconds_bucket{le="+Inf"} 3
campanile_lateness_seconds_sum 0.5
campanile_lateness_seconds_count 3
# EOF
"#;

    #[test]
    fn a_page_is_read() {
        let page = Exposition::parse(PAGE).unwrap();
        let believed = Believed { state: 0, hard: true, flapping: false };
        assert_eq!(page.service("acme/web/http"), Some(believed));
        assert_eq!(page.service("acme/web/ftp"), None);
        let disk = page.value("campanile_service_state", &[("service", "disk \"C\\\"")]);
        assert_eq!(disk, Some(2.0));
        assert_eq!(page.sum("campanile_checks_total", &[]), 17.0);
    }

    #[test]
    fn breaches_of_the_format_are_refused() {
        let mistakes = [
            ("a 1\n# EOF\n", "before the type"),
            ("# TYPE a gauge\na 1\n", "does not end with"),
            ("# TYPE a gauge\na 1\na 1\n# EOF\n", "given twice"),
            ("# TYPE a counter\na 1\n# EOF\n", "does not belong"),
            ("# TYPE a gauge\nb 1\n# EOF\n", "another family"),
            ("# TYPE a gauge\n# TYPE b gauge\n# TYPE a gauge\n# EOF\n", "two places"),
            ("# TYPE a gauge\na{b=\"c} 1\n# EOF\n", "does not end"),
            ("# TYPE a gauge\na{b=\"c\",b=\"d\"} 1\n# EOF\n", "given twice"),
            ("# TYPE a gauge\na one\n# EOF\n", "no number"),
            ("# TYPE a gauge\n\n# EOF\n", "without a value"),
            ("# TYPE a blurb\n# EOF\n", "unknown type"),
        ];
        for (text, what) in mistakes {
            let why = Exposition::parse(text).unwrap_err();
            assert!(why.contains(what), "{text}: {why}");
        }
    }
}
