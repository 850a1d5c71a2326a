//! The way through all stages, and what comes out at its end.

use std::path::{Path, PathBuf};

use model::{Kind, Plan, stable_hash};
use serde_json::Value as Json;

use crate::{
    code::{Code, Severity},
    diagnostic::{Diagnostic, Report},
    draft::{self, Draft},
    engine, files,
    fill::Filler,
    layers::{self, Library},
    limits,
    mask::SecretNames,
    plan,
    render::Printer,
    settle::Settler,
    source::{MAIN, Place, Sources},
};

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files that were read, the main file among them.
    pub files: usize,
    /// Customers.
    pub customers: usize,
    /// Hosts, ranges expanded.
    pub hosts: usize,
    /// Services that could be put together, inherited ones included.
    pub services: usize,
}

/// A configuration after it was read.
#[derive(Debug)]
pub struct Loaded {
    /// What is to be done; `None` if there is any error.
    pub plan: Option<Plan>,
    /// All mistakes and doubts, by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// How much there is.
    pub counts: Counts,
    errors: usize,
    warnings: usize,
    dropped: usize,
    pub(crate) sources: Sources,
    pub(crate) draft: Draft,
    pub(crate) secrets: SecretNames,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) folder: PathBuf,
}

/// Reads the main file and everything it names.
#[must_use]
pub fn load(main_file: &Path, kinds: &[Kind]) -> Loaded {
    let mut report = Report::default();
    let folder = main_file.parent().unwrap_or(Path::new("")).to_owned();
    let mut sources = files::begin(main_file, &mut report);
    let checks = match sources.root(MAIN).and_then(|it| it.get("checks")) {
        Some(checks) => files::paths_of(checks),
        None => Vec::new(),
    };
    let named = files::read_checks(&mut sources, &folder, &checks, &mut report);
    let draft = draft::read(&sources, &named, kinds, &mut report);
    let library = Library::new(&sources, kinds, &draft, &mut report);
    let engine = draft.engine.map(|it| sources.view(it));
    let secrets = SecretNames::of(kinds);
    let filler = Filler::new(&folder, &engine::secrets_folder(engine), secrets.clone());
    let revision = revision(&sources);
    let engine = engine::settings(engine, &folder, &filler, revision, &mut report);
    let settler = Settler::new(filler);
    // Without its settings the plan is made all the same: for its mistakes.
    let stand_in = || model::EngineSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        data: PathBuf::new(),
        shards: 0,
        in_flight_max: 1,
        in_flight_per_host_max: 1,
        record_results: false,
        revision,
    };
    let plan = plan::plan(&library, &settler, engine.unwrap_or_else(stand_in), &mut report);
    if !draft.incomplete {
        layers::unused_templates(&library, &mut report);
    }
    if report.errors == 0 {
        nothing_to_watch(&sources, &plan, &mut report);
    }
    let counts = Counts {
        files: sources.written().count(),
        customers: draft.customers.len(),
        hosts: plan.hosts.len(),
        services: plan.services.len(),
    };
    let (errors, warnings, dropped) = (report.errors, report.warnings, report.dropped());
    Loaded {
        plan: (errors == 0).then_some(plan),
        diagnostics: report.sorted(),
        counts,
        errors,
        warnings,
        dropped,
        draft,
        sources,
        secrets,
        kinds: kinds.to_vec(),
        folder,
    }
}

/// Tells one state of the files from another; secrets have no part in it.
fn revision(sources: &Sources) -> u64 {
    let mut all = String::new();
    for (_, source) in sources.written() {
        all.push_str(&format!("{}\0{:016x}\0", source.shown, stable_hash(&source.text)));
    }
    stable_hash(&all)
}

fn nothing_to_watch(sources: &Sources, plan: &Plan, report: &mut Report) {
    if !plan.hosts.is_empty() || !plan.services.is_empty() {
        return;
    }
    let checks = sources.root(MAIN).and_then(|it| it.pair("checks"));
    let place = checks.map_or(Place::whole(MAIN), |(key, _)| key.place());
    report.add(
        Diagnostic::new(Code::NothingToWatch, "there is no host and no service to watch")
            .at(place)
            .help("`checks:` names folders or files with hosts and services"),
    );
}

impl Loaded {
    /// Number of errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Number of warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// File, line and column of a diagnostic; line and column are absent if it is about a whole
    /// file, everything if it is about none.
    #[must_use]
    pub fn place_of(&self, found: &Diagnostic) -> Option<(&str, Option<(usize, usize)>)> {
        let place = found.place?;
        let source = self.sources.of(place.file);
        let within = (!place.is_whole()).then(|| source.line_and_column(place.start));
        Some((&source.shown, within))
    }

    /// All diagnostics as rustc prints them, an empty line between them; empty if there are none.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let mut printer = Printer::new(&self.sources, &self.secrets, colour);
        let mut text = String::new();
        for found in &self.diagnostics {
            text.push_str(&printer.print(found));
            text.push_str("\n\n");
        }
        if self.dropped > 0 {
            let shown = limits::DIAGNOSTICS_MAX;
            let dropped = self.dropped;
            text.push_str(&format!("{dropped} more are not shown, after the first {shown}\n\n"));
        }
        text
    }

    /// All diagnostics as one JSON array.
    #[must_use]
    pub fn render_json(&self) -> String {
        let printer = Printer::new(&self.sources, &self.secrets, false);
        let all: Vec<Json> = self.diagnostics.iter().map(|it| printer.json(it)).collect();
        format!("{:#}", Json::Array(all))
    }

    /// `validate: 3 files, 2 customers, 47 hosts, 168 services   1 error, 1 warning`.
    #[must_use]
    pub fn summary(&self) -> String {
        let Counts { files, customers, hosts, services } = self.counts;
        format!(
            "validate: {}, {}, {}, {}   {}, {}",
            several(files, "file"),
            several(customers, "customer"),
            several(hosts, "host"),
            several(services, "service"),
            several(self.errors, Severity::Error.word()),
            several(self.warnings, Severity::Warning.word()),
        )
    }
}

fn several(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
