//! What a run of one target came to, read from what libFuzzer says.

use anyhow::Error;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) name: String,
    /// Inputs that were tried.
    runs: u64,
    /// Edges of the code that were reached.
    edges: u64,
    /// Inputs that are of interest.
    pub(super) inputs: usize,
    /// Bytes of those that are kept in the tree.
    pub(super) kept: u64,
    /// Inputs on which something did not hold.
    findings: usize,
    /// What else went wrong.
    fault: Option<String>,
}

impl Report {
    /// What `log` tells of a run that ended well or not.
    pub(super) fn of(name: &str, log: &str, findings: usize, ended_well: bool) -> Self {
        let runs = log.lines().filter_map(|it| number_behind(it, "#")).max().unwrap_or(0);
        let stated =
            log.lines().find_map(|it| number_behind(it, "stat::number_of_executed_units: "));
        let edges = log.lines().filter(|it| it.starts_with('#'));
        let edges = edges.filter_map(|it| number_behind(it.split_once("cov: ")?.1, "")).max();
        let fault = (!ended_well && findings == 0).then(|| "it ended badly".to_owned());
        Self {
            name: name.to_owned(),
            runs: stated.unwrap_or(runs),
            edges: edges.unwrap_or(0),
            findings,
            fault,
            ..Self::default()
        }
    }

    /// A run that did not come about.
    pub(super) fn failed(name: &str, error: &Error) -> Self {
        Self { name: name.to_owned(), fault: Some(format!("{error:#}")), ..Self::default() }
    }

    pub(super) fn is_well(&self) -> bool {
        self.findings == 0 && self.fault.is_none()
    }

    /// The line of the table.
    pub(super) fn line(&self) -> String {
        let Self { name, runs, edges, inputs, kept, findings, fault } = self;
        let fault = fault.as_ref().map(|it| format!("  {it}")).unwrap_or_default();
        format!("{name:<32}{runs:>10}{edges:>8}{inputs:>8}{kept:>8}{findings:>10}{fault}")
    }
}

/// All lines under their headings.
pub(super) fn table(reports: &[Report]) -> String {
    let heads = ("target", "runs", "edges", "corpus", "kept", "findings");
    let (name, runs, edges, inputs, kept, findings) = heads;
    let mut out = format!("{name:<32}{runs:>10}{edges:>8}{inputs:>8}{kept:>8}{findings:>10}\n");
    for report in reports {
        out.push_str(&report.line());
        out.push('\n');
    }
    let bad = reports.iter().filter(|it| !it.is_well()).count();
    let runs: u64 = reports.iter().map(|it| it.runs).sum();
    out.push_str(&format!("{} targets, {runs} runs, {bad} with findings", reports.len()));
    out
}

/// The number that follows `head` at the begin of a line.
fn number_behind(line: &str, head: &str) -> Option<u64> {
    let rest = line.strip_prefix(head)?;
    let end = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
INFO: Seed: 3
#2\tINITED cov: 120 ft: 130 corp: 1/1b exec/s: 0 rss: 40Mb
#4096\tpulse  cov: 900 ft: 1030 corp: 70/9b lim: 8 exec/s: 2048 rss: 41Mb
#5000\tDONE   cov: 950 ft: 1030 corp: 70/9b lim: 8 exec/s: 2048 rss: 41Mb
stat::number_of_executed_units: 5001
";

    #[test]
    fn a_log_is_read() {
        let report = Report::of("smtp", LOG, 0, true);
        assert_eq!((report.runs, report.edges, report.is_well()), (5_001, 950, true));
        let cut = LOG.rsplit_once("stat").unwrap().0;
        assert_eq!(Report::of("smtp", cut, 0, true).runs, 5_000);
    }

    #[test]
    fn a_finding_and_a_bad_end_are_told() {
        assert!(!Report::of("smtp", LOG, 1, false).is_well());
        let bad = Report::of("smtp", "", 0, false);
        assert!(!bad.is_well() && bad.line().ends_with("it ended badly"));
        assert!(table(&[bad, Report::of("mail", LOG, 0, true)]).ends_with("1 with findings"));
        assert!(!Report::failed("smtp", &anyhow::anyhow!("no")).is_well());
    }
}
