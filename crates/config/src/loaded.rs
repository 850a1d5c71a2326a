//! The way through all stages, and what comes out at its end.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use model::{ChannelKind, Kind, Moment, Plan, stable_hash};
use serde_json::Value as Json;

use crate::{
    code::{Code, Severity},
    diagnostic::{Diagnostic, Report},
    draft::{self, Draft, OWN_CUSTOMER},
    duty::{self, Assigner, Desk, Names},
    engine, files,
    fill::Filler,
    layers::{self, Library},
    limits,
    mask::SecretNames,
    plan::{self, Makings},
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
    /// What promises to report.
    pub watchdogs: usize,
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
    /// What is wrong with the files of routing tests, as files.
    pub(crate) test_diagnostics: Vec<Diagnostic>,
    pub(crate) now: Moment,
}

/// Reads the main file and everything it names, today. `formats` are names of formats of reports.
#[must_use]
pub fn load(
    main_file: &Path,
    kinds: &[Kind],
    channel_kinds: &[ChannelKind],
    formats: &[&str],
) -> Loaded {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Moment::ZERO.after(now);
    load_at(main_file, kinds, channel_kinds, formats, now)
}

/// The same on another day: some doubts are about the time to come.
#[must_use]
pub fn load_at(
    main_file: &Path,
    kinds: &[Kind],
    channel_kinds: &[ChannelKind],
    formats: &[&str],
    now: Moment,
) -> Loaded {
    let mut report = Report::default();
    let folder = main_file.parent().unwrap_or(Path::new("")).to_owned();
    let mut sources = files::begin(main_file, &mut report);
    let checks = match sources.root(MAIN).and_then(|it| it.get("checks")) {
        Some(checks) => files::paths_of(checks),
        None => Vec::new(),
    };
    let mut named = files::read_checks(&mut sources, &folder, &checks, &mut report);
    files::add_canaries(&mut sources, &mut named, &mut report);
    let mut test_report = Report::default();
    files::read_tests(&mut sources, &named, &mut test_report);
    let draft = draft::read(&sources, &named, kinds, &mut report);
    let library = Library::new(&sources, kinds, &draft, &mut report);
    let engine = draft.engine.map(|it| sources.view(it));
    let secrets = SecretNames::of(kinds, channel_kinds);
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
    let names = Names::new(&draft);
    let (library, settler) = (&library, &settler);
    let desk =
        Desk { library, settler, names: &names, channel_kinds, formats, folder: &folder, now };
    let read = duty::read(desk, &mut report);
    let of_contract: Vec<Option<u32>> = read.duty.contracts.iter().map(|it| it.policy).collect();
    let (filler, of_contract) = (&settler.filler, &of_contract);
    let assigner = Assigner { library, filler, names: &names, of_contract };
    assigner.mentioned(&mut report);
    let makings = Makings { library, settler, assigner, sites: &duty::sites(&draft).0 };
    let mut plan = plan::plan(makings, engine.unwrap_or_else(stand_in), &mut report);
    if !draft.incomplete {
        layers::unused_templates(library, &mut report);
        duty::lint(&read, &plan, desk, &mut report);
    }
    plan.duty = Arc::new(read.duty);
    if report.errors == 0 {
        nothing_to_watch(&sources, &plan, &mut report);
    }
    let counts = Counts {
        files: sources.written().count(),
        // The engine's own are no customer of anybody.
        customers: draft.customers.iter().filter(|it| &*it.name != OWN_CUSTOMER).count(),
        hosts: plan.hosts.iter().filter(|it| &*it.customer != OWN_CUSTOMER).count(),
        services: plan.services.len(),
        watchdogs: plan.duty.jobs.len(),
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
        test_diagnostics: test_report.sorted(),
        now,
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
    if !plan.hosts.is_empty() || !plan.services.is_empty() || !plan.duty.jobs.is_empty() {
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
        let mut text = self.render_all(&self.diagnostics, colour);
        if self.dropped > 0 {
            let shown = limits::DIAGNOSTICS_MAX;
            let dropped = self.dropped;
            text.push_str(&format!("{dropped} more are not shown, after the first {shown}\n\n"));
        }
        text
    }

    /// These diagnostics in the same way: those of routing tests are no part of the load.
    #[must_use]
    pub fn render_all(&self, all: &[Diagnostic], colour: bool) -> String {
        let mut printer = Printer::new(&self.sources, &self.secrets, colour);
        let mut text = String::new();
        for found in all {
            text.push_str(&printer.print(found));
            text.push_str("\n\n");
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
        let Counts { files, customers, hosts, services, watchdogs } = self.counts;
        let watchdogs = match watchdogs {
            0 => String::new(),
            some => format!(", {}", several(some, "watchdog")),
        };
        format!(
            "validate: {}, {}, {}, {}{watchdogs}   {}, {}",
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
