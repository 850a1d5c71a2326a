//! `cargo xtask fuzz`: every reader gets inputs that nobody would think of, for a minute each.
//!
//! The targets lie in `fuzz/`, a workspace of its own: it needs a nightly compiler, which nothing
//! else here does, and builds everything anew with counters in it. What the targets check stands in
//! the crates themselves, in their modules `corpus`. A run begins with the inputs that are kept in
//! `fuzz/corpora/` and the examples; with `--keep` it ends by keeping the fewest that reach as much, as far as there is room.
//!
//! There is no address sanitizer: `unsafe` is denied in what is fuzzed, and without it there are
//! twice as many runs.

mod report;
mod targets;
mod tools;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use anyhow::{Context, Result, bail};

use self::{report::Report, targets::Target};
use crate::corpora;

/// How long each target runs if nothing is said.
const SECS: u64 = 60;
/// Longer than any input may take, on a machine that does something else beside.
const INPUT_SECS: u32 = 25;
/// Memory of one target.
const MEMORY_MB: u32 = 2_048;
/// Where everything lies that is made here, below the root.
const PLACE: &str = "target/fuzz";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    secs: u64,
    jobs: usize,
    /// What was built last is run as it is.
    is_built: bool,
    keeps: bool,
    names: Vec<String>,
}

/// Runs all targets, or those that `args` name. Was nothing found?
///
/// # Errors
/// An option that makes no sense, a tool that is missing and cannot be installed, or a build that
/// fails.
pub fn run(root: &Path, args: &[&str]) -> Result<bool> {
    let wish = wish(args)?;
    let all = targets::all(root)?;
    let chosen = chosen(all, &wish.names)?;
    if !wish.is_built {
        tools::ensure()?;
        tools::build(root)?;
    }
    println!("{} targets, {} s each, {} at a time", chosen.len(), wish.secs, wish.jobs);
    let reports = at_a_time(wish.jobs, &chosen, |target| {
        let report = Place::of(root, target).and_then(|it| it.fuzz(&wish));
        let report = report.unwrap_or_else(|error| Report::failed(&target.name, &error));
        println!("{}", report.line());
        report
    });
    println!("\n{}", report::table(&reports));
    Ok(reports.iter().all(Report::is_well))
}

fn wish(args: &[&str]) -> Result<Wish> {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut wish = Wish { secs: SECS, jobs, is_built: false, keeps: false, names: Vec::new() };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let mut number = || -> Result<u64> {
            let value = words.next().with_context(|| format!("{word} wants a number"))?;
            let value: u64 = value.parse().with_context(|| format!("{word} {value}: no number"))?;
            if value == 0 { bail!("{word} 0 would do nothing") } else { Ok(value) }
        };
        match *word {
            "--secs" => wish.secs = number()?,
            "--jobs" => wish.jobs = usize::try_from(number()?)?,
            "--keep" => wish.keeps = true,
            "--built" => wish.is_built = true,
            option if option.starts_with('-') => bail!("no such option: {option}"),
            name => wish.names.push(name.to_owned()),
        }
    }
    Ok(wish)
}

/// The targets with these names; `format` stands for all formats, and no name for everything.
fn chosen(all: Vec<Target>, names: &[String]) -> Result<Vec<Target>> {
    let is_meant = |target: &Target, name: &String| target.name == *name || target.binary == *name;
    if let Some(name) = names.iter().find(|name| !all.iter().any(|it| is_meant(it, name))) {
        let known: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
        bail!("no such target: {name}; there are {}", known.join(", "));
    }
    let wanted = |it: &Target| names.is_empty() || names.iter().any(|name| is_meant(it, name));
    Ok(all.into_iter().filter(wanted).collect())
}

/// Does `work` for each target, so many at a time; the results are in the order of the targets.
fn at_a_time(
    jobs: usize,
    targets: &[Target],
    work: impl Fn(&Target) -> Report + Sync,
) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.min(targets.len()) {
            scope.spawn(|| {
                while let Some((place, target)) = {
                    let place = next.fetch_add(1, SeqCst);
                    targets.get(place).map(|it| (place, it))
                } {
                    let report = work(target);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, report));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|it| it.0);
    done.into_iter().map(|it| it.1).collect()
}

/// Where one target and everything about it lies.
struct Place<'a> {
    root: &'a Path,
    target: &'a Target,
    /// Inputs that are of interest.
    corpus: PathBuf,
    /// Inputs on which it has failed.
    findings: PathBuf,
    log: PathBuf,
}

impl<'a> Place<'a> {
    fn of(root: &'a Path, target: &'a Target) -> Result<Self> {
        let own = root.join(PLACE);
        let place = Self {
            root,
            target,
            corpus: own.join("corpus").join(&target.name),
            findings: own.join("findings").join(&target.name),
            log: own.join("logs").join(format!("{}.log", target.name)),
        };
        for folder in [&place.corpus, &place.findings, &own.join("logs")] {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        Ok(place)
    }

    fn fuzz(&self, wish: &Wish) -> Result<Report> {
        self.sow()?;
        let before = files(&self.findings)?.len();
        let status = self.started(&[
            format!("-max_total_time={}", wish.secs),
            format!("-max_len={}", self.target.bytes),
            "-print_final_stats=1".to_owned(),
            self.corpus.display().to_string(),
        ])?;
        let found = files(&self.findings)?.len() - before;
        let log = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let mut report = Report::of(&self.target.name, &log, found, status.success());
        report.inputs = files(&self.corpus)?.len();
        if !report.is_well() {
            println!("{}: see {} and {}", report.name, self.log.display(), self.findings.display());
        } else if wish.keeps {
            report.kept = self.keep()?;
        } else {
            report.kept = kept_bytes(&self.kept())?;
        }
        Ok(report)
    }

    /// The file in the tree.
    fn kept(&self) -> PathBuf {
        corpora::path(self.root, &self.target.name)
    }

    /// Puts what is kept, and the examples, where the target begins.
    fn sow(&self) -> Result<()> {
        if self.kept().is_file() {
            for (place, input) in corpora::read(&self.kept())?.iter().enumerate() {
                fs::write(self.corpus.join(format!("kept-{place:04}")), input)?;
            }
        }
        let log = File::create(&self.log).with_context(|| self.log.display().to_string())?;
        let mut command = self.command();
        let status = command.env("CAMPANILE_FUZZ_SOW", &self.corpus).stderr(log).status()?;
        if !status.success() {
            let log = self.log.display();
            bail!("it gives no inputs to begin with: {status}; see {log}");
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let binary = self.root.join(PLACE).join(triple).join("release").join(&self.target.binary);
        let mut command = Command::new(binary);
        command.current_dir(self.root).stdin(Stdio::null());
        if let Some(format) = &self.target.format {
            command.env("CAMPANILE_FUZZ_FORMAT", format);
        }
        command
    }

    /// Runs the target with these words for libFuzzer; what it says goes into its log.
    fn started(&self, words: &[String]) -> Result<ExitStatus> {
        let log = File::create(&self.log).with_context(|| self.log.display().to_string())?;
        let mut command = self.command();
        command
            .arg(format!("-timeout={INPUT_SECS}"))
            .arg(format!("-rss_limit_mb={MEMORY_MB}"))
            .arg(format!("-artifact_prefix={}/", self.findings.display()))
            .args(words)
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(dictionary) = self.target.dictionary {
            let path = self.root.join("fuzz/dictionaries").join(dictionary);
            command.arg(format!("-dict={}", path.display()));
        }
        command.status().with_context(|| format!("running {}", self.target.name))
    }

    /// Keeps the fewest inputs that reach what all of them do, as far as there is room. How many
    /// bytes are kept.
    fn keep(&self) -> Result<u64> {
        let fewest = self.root.join(PLACE).join("fewest").join(&self.target.name);
        if fewest.is_dir() {
            fs::remove_dir_all(&fewest)?;
        }
        fs::create_dir_all(&fewest)?;
        let folders = [&fewest, &self.corpus].map(|it| it.display().to_string());
        let bytes = format!("-max_len={}", self.target.bytes);
        let status =
            self.started(&["-merge=1".to_owned(), bytes, folders[0].clone(), folders[1].clone()])?;
        if !status.success() {
            bail!("the inputs cannot be merged: {status}; see {}", self.log.display());
        }
        let mut inputs = Vec::new();
        for path in files(&fewest)? {
            inputs.push(fs::read(path)?);
        }
        corpora::write(&self.kept(), fitting(inputs, self.target.kept_bytes))?;
        kept_bytes(&self.kept())
    }
}

fn kept_bytes(path: &Path) -> Result<u64> {
    Ok(if path.is_file() { fs::metadata(path)?.len() } else { 0 })
}

/// As many of these as have room together: every one, or every second, third, … by length, so that
/// short ones and long ones stay.
fn fitting(mut inputs: Vec<Vec<u8>>, bytes: usize) -> Vec<Vec<u8>> {
    inputs.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    let needed = |step: usize| inputs.iter().step_by(step).map(Vec::len).sum::<usize>();
    let step = (1..=inputs.len()).find(|it| needed(*it) <= bytes).unwrap_or(1);
    inputs.into_iter().step_by(step).collect()
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Result<Vec<String>> {
        let all = targets::all(&crate::root())?;
        let names: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
        Ok(chosen(all, &names)?.into_iter().map(|it| it.name).collect())
    }

    #[test]
    fn what_is_not_said_is_everything_for_a_minute() {
        let it = wish(&[]).unwrap();
        assert_eq!((it.secs, it.keeps, it.is_built, it.names.len()), (60, false, false, 0));
        let it =
            wish(&["--secs", "5", "smtp", "--keep", "--built", "--jobs", "3", "mail"]).unwrap();
        let names = vec!["smtp".to_owned(), "mail".to_owned()];
        assert_eq!(it, Wish { secs: 5, jobs: 3, is_built: true, keeps: true, names });
        assert!(names_of_all().len() > 35);
    }

    fn names_of_all() -> Vec<String> {
        names(&[]).unwrap()
    }

    #[test]
    fn nonsense_is_refused() {
        for args in [&["--secs"][..], &["--secs", "x"], &["--jobs", "0"], &["--fast"]] {
            assert!(wish(args).is_err(), "{args:?}");
        }
        assert!(names(&["smtp", "nothing"]).unwrap_err().to_string().contains("nothing"));
    }

    #[test]
    fn one_name_may_stand_for_all_formats() {
        assert_eq!(names(&["smtp"]).unwrap(), ["smtp"]);
        assert_eq!(names(&["format-veeam"]).unwrap(), ["format-veeam"]);
        let formats = names(&["format"]).unwrap();
        assert!(formats.len() >= 30 && formats.iter().all(|it| it.starts_with("format-")));
    }

    #[test]
    fn short_and_long_ones_are_kept_as_far_as_there_is_room() {
        let inputs = vec![vec![1; 50], vec![2; 10], vec![3; 30], vec![4; 11]];
        assert_eq!(fitting(inputs.clone(), 101).len(), 4);
        assert_eq!(fitting(inputs.clone(), 100), [vec![2; 10], vec![3; 30]]);
        assert_eq!(fitting(inputs, 39), [vec![2; 10]]);
        assert_eq!(fitting(Vec::new(), 10), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn the_work_is_shared_and_its_results_are_in_order() {
        let all = targets::all(&crate::root()).unwrap();
        let reports = at_a_time(3, &all, |it| Report::of(&it.name, "", 0, true));
        let found: Vec<String> = reports.into_iter().map(|it| it.name).collect();
        assert_eq!(found, names_of_all());
    }
}
