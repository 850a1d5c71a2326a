//! Finds and reads the files of a configuration.
//!
//! Sizes are looked at before anything is read, only regular files are opened, and the files are
//! read and parsed by as many threads as there are processors: they know nothing of each other.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
};

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::OWN_CUSTOMER,
    duty, limits, quoted,
    source::{BUILT_IN, FileId, MAIN, Place, Source, Sources, View},
    tree,
};

/// What holds where nothing is written, as a file of its own.
pub(crate) const BUILT_IN_TEXT: &str = include_str!("built_in.yaml");

/// A file to read, and where it was asked for.
#[derive(Debug)]
struct Found {
    path: PathBuf,
    shown: String,
    /// Name of the customer if the file does not say.
    customer: String,
    asked_at: Place,
    bytes: u64,
}

/// What the way to a file says about it.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// The customer that a file is about if it does not say so itself, by file.
    pub(crate) customers: Vec<String>,
    /// Something that was asked for is not there.
    pub(crate) incomplete: bool,
    /// Files of routing tests.
    tests: Vec<Found>,
}

/// The built-in settings and the main file.
pub(crate) fn begin(main: &Path, report: &mut Report) -> Sources {
    let mut built_in = Source::new("built-in".into(), PathBuf::new());
    built_in.text = BUILT_IN_TEXT.into();
    built_in.tree = tree::parse(BUILT_IN_TEXT, BUILT_IN, report);
    let shown = main.file_name().map_or_else(String::new, |it| it.to_string_lossy().into_owned());
    let mut source = Source::new(shown, main.to_owned());
    let id = MAIN;
    match size_of(main) {
        Ok(bytes) => read_into(&mut source, id, bytes, report),
        // In full, since it may be the folder that is wrong.
        Err(error) => report.add(
            Diagnostic::new(Code::Unreadable, format!("cannot read {}: {error}", main.display()))
                .at(Place::whole(id)),
        ),
    }
    Sources { files: vec![built_in, source], ..Sources::default() }
}

/// Reads all files that `checks`, the value of that key in the main file, names.
pub(crate) fn read_checks(
    sources: &mut Sources,
    folder: &Path,
    checks: &[(String, Place)],
    report: &mut Report,
) -> Named {
    let main = sources.files[MAIN.0 as usize].path.clone();
    let before = report.errors;
    let mut search = Search {
        folder,
        found: Vec::new(),
        tests: Vec::new(),
        seen: HashSet::new(),
        full: false,
        report,
    };
    search.seen.extend(fs::canonicalize(main));
    for (entry, place) in checks {
        search.entry(entry, *place);
    }
    let (found, tests) = (search.found, search.tests);
    let found = if within_total(&found, report) { found } else { Vec::new() };
    let incomplete = report.errors > before;
    let mut customers = vec![String::new(); sources.files.len()];
    customers.extend(found.iter().map(|it| it.customer.clone()));
    let first = sources.files.len();
    sources.files.extend(read_all(&found, first, report));
    Named { customers, incomplete, tests }
}

/// Reads the files of routing tests; they come behind all others and are no part of the plan.
pub(crate) fn read_tests(sources: &mut Sources, named: &Named, report: &mut Report) {
    let tests = if within_total(&named.tests, report) { &*named.tests } else { &[] };
    let first = sources.files.len();
    sources.tests = Some(FileId(u32::try_from(first).unwrap_or(u32::MAX)));
    sources.files.extend(read_all(tests, first, report));
}

/// Adds the file that nobody wrote: the hosts that stand for the world outside.
pub(crate) fn add_canaries(sources: &mut Sources, named: &mut Named, report: &mut Report) {
    let text = duty::canary_text(sources.root(MAIN).and_then(|it| it.get("engine")));
    if text.is_empty() {
        return;
    }
    let id = FileId(u32::try_from(sources.files.len()).unwrap_or(u32::MAX));
    let mut source = Source::new("engine.uplink".into(), PathBuf::new());
    source.tree = tree::parse(&text, id, report);
    source.text = text;
    sources.files.push(source);
    sources.canary = Some(id);
    report.hush(id);
    named.customers.resize(id.0 as usize, String::new());
    named.customers.push(OWN_CUSTOMER.to_owned());
}

/// The paths written under `checks:`.
pub(crate) fn paths_of(checks: View<'_>) -> Vec<(String, Place)> {
    let items = checks.items();
    items.iter().filter_map(|it| Some((it.text()?.to_owned(), it.place()))).collect()
}

struct Search<'a> {
    folder: &'a Path,
    found: Vec<Found>,
    tests: Vec<Found>,
    seen: HashSet<PathBuf>,
    full: bool,
    report: &'a mut Report,
}

impl Search<'_> {
    fn entry(&mut self, entry: &str, place: Place) {
        let path = self.folder.join(entry);
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => self.directory(&path, place, 0),
            Ok(meta) => self.file(&path, &meta, place, 0),
            Err(error) => self.report.add(
                Diagnostic::new(
                    Code::Unreadable,
                    format!("cannot read {}: {error}", quoted(entry)),
                )
                .at(place)
                .help("folders and files under `checks:` are relative to this file"),
            ),
        }
    }

    /// Files of one folder and below, in the order of their names.
    fn directory(&mut self, path: &Path, place: Place, depth: usize) {
        if depth >= limits::FOLDERS_DEPTH_MAX {
            let what = format!("more than {} folders within each other", limits::FOLDERS_DEPTH_MAX);
            self.report.add(Diagnostic::new(Code::TooMuch, what).at(place));
            return;
        }
        let mut entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>)
        {
            Ok(entries) => entries,
            Err(error) => {
                let what = format!("cannot read {}: {error}", self.shown(path));
                self.report.add(Diagnostic::new(Code::Unreadable, what).at(place));
                return;
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || self.full {
                continue;
            }
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => self.directory(&path, place, depth + 1),
                Ok(meta) if is_checks_name(&name) => self.file(&path, &meta, place, depth),
                Err(error) if is_checks_name(&name) => {
                    let what = format!("cannot read {}: {error}", self.shown(&path));
                    self.report.add(Diagnostic::new(Code::Unreadable, what).at(place));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn file(&mut self, path: &Path, meta: &fs::Metadata, place: Place, depth: usize) {
        let known = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if !self.seen.insert(known) {
            return;
        }
        if self.found.len() + self.tests.len() >= limits::FILES_MAX {
            self.full = true;
            let what = format!("more than {} files", limits::FILES_MAX);
            self.report.add(Diagnostic::new(Code::TooMuch, what).at(place));
            return;
        }
        let shown = self.shown(path);
        if !meta.is_file() {
            let what = format!("{shown} is no regular file");
            self.report.add(Diagnostic::new(Code::Unreadable, what).at(place));
            return;
        }
        let into = if is_test_name(&shown) { &mut self.tests } else { &mut self.found };
        into.push(Found {
            customer: customer_of(path, depth),
            path: path.to_owned(),
            shown,
            asked_at: place,
            bytes: meta.len(),
        });
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.folder).unwrap_or(path).to_string_lossy().into_owned()
    }
}

/// `*.yaml` and `*.yml`.
fn is_checks_name(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// `*.test.yaml`: routing tests, which are no part of the plan.
fn is_test_name(name: &str) -> bool {
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// `checks/acme.yaml` is acme's, and so is everything in `checks/acme/`.
fn customer_of(path: &Path, depth: usize) -> String {
    let part = match depth {
        0 => path.file_stem(),
        _ => path.parent().and_then(Path::file_name),
    };
    part.map_or_else(String::new, |it| it.to_string_lossy().into_owned())
}

/// Sizes are added up before anything is read; files that are too large are refused one by one.
fn within_total(found: &[Found], report: &mut Report) -> bool {
    let mut total = 0;
    for file in found.iter().filter(|it| it.bytes <= limits::FILE_BYTES_MAX) {
        total += file.bytes;
        if total > limits::TOTAL_BYTES_MAX {
            let limit = mib(limits::TOTAL_BYTES_MAX);
            let what = format!("all files together are larger than {limit}");
            let found = Diagnostic::new(Code::TooMuch, what).at(file.asked_at);
            report.add(found.note("none of them was read"));
            return false;
        }
    }
    true
}

/// Reads and parses in parallel; the order stays.
fn read_all(found: &[Found], first: usize, report: &mut Report) -> Vec<Source> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        let mut report = Report::default();
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(file) = found.get(at) else { return (done, report) };
            let mut source = Source::new(file.shown.clone(), file.path.clone());
            let id = FileId(u32::try_from(first + at).unwrap_or(u32::MAX));
            read_into(&mut source, id, file.bytes, &mut report);
            done.push((at, source));
        }
    };
    let mut all = Vec::with_capacity(found.len());
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(found.len())).map(|_| scope.spawn(work)).collect();
        let mut parts = vec![work()];
        for other in others {
            match other.join() {
                Ok(part) => parts.push(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        for (done, part) in parts {
            all.extend(done);
            report.absorb(part);
        }
    });
    all.sort_by_key(|it| it.0);
    all.into_iter().map(|it| it.1).collect()
}

fn size_of(path: &Path) -> io::Result<u64> {
    let meta = fs::metadata(path)?;
    match meta.is_file() {
        true => Ok(meta.len()),
        false => Err(io::Error::other("it is no regular file")),
    }
}

fn read_into(source: &mut Source, id: FileId, bytes: u64, report: &mut Report) {
    let whole = Place::whole(id);
    if bytes > limits::FILE_BYTES_MAX {
        report.add(too_large(&source.shown).at(whole));
        return;
    }
    let mut read = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    let limit = limits::FILE_BYTES_MAX + 1;
    let done = fs::File::open(&source.path).and_then(|it| it.take(limit).read_to_end(&mut read));
    if let Err(error) = done {
        let what = format!("cannot read {}: {error}", source.shown);
        report.add(Diagnostic::new(Code::Unreadable, what).at(whole));
        return;
    }
    if read.len() as u64 > limits::FILE_BYTES_MAX {
        report.add(too_large(&source.shown).at(whole));
        return;
    }
    match String::from_utf8(read) {
        Ok(text) => source.text = text,
        Err(error) => {
            not_utf8(source, id, &error, report);
            return;
        }
    }
    source.tree = tree::parse(&source.text, id, report);
}

fn too_large(shown: &str) -> Diagnostic {
    let what = format!("{shown} is larger than {}", mib(limits::FILE_BYTES_MAX));
    Diagnostic::new(Code::FileTooLarge, what).help("split it into several files")
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes / (1024 * 1024))
}

/// Shows the line with the wrong bytes replaced.
fn not_utf8(
    source: &mut Source,
    id: FileId,
    error: &std::string::FromUtf8Error,
    report: &mut Report,
) {
    let bytes = error.as_bytes();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        report.add(
            Diagnostic::new(Code::NotUtf8, format!("{} is UTF-16", source.shown))
                .at(Place::whole(id))
                .help("save it as UTF-8 without BOM"),
        );
        return;
    }
    let good = error.utf8_error().valid_up_to();
    // Enough to show the line; the rest of the file may be anything.
    let end = bytes.len().min(good + limits::SHOWN_LINE_BYTES_MAX);
    source.text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    report.add(
        Diagnostic::new(Code::NotUtf8, "this is not UTF-8")
            .at(Place::of(id, good, good + '\u{fffd}'.len_utf8()))
            .help("save the file as UTF-8"),
    );
}
