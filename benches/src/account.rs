//! What the kernel says of a process and of the machine.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::{Context, Result};

/// CPU time of a process at one moment, by thread.
///
/// The sum that the kernel keeps for the whole process comes in hundredths of a second, too coarse
/// for a window of a few; that of each thread comes in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct CpuTimes(BTreeMap<String, u64>);

impl CpuTimes {
    /// Those of the process `pid`.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let entry = entry?;
            // A thread may end while we look.
            if let Ok(nanos) = thread_nanos(&entry.path()) {
                threads.insert(entry.file_name().to_string_lossy().into_owned(), nanos);
            }
        }
        Ok(Self(threads))
    }

    /// CPU time used since `earlier`. Threads that have ended meanwhile are left out.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let used = |(thread, nanos): (&String, &u64)| {
            nanos.saturating_sub(earlier.0.get(thread).copied().unwrap_or(0))
        };
        Duration::from_nanos(self.0.iter().map(used).sum())
    }
}

/// CPU time of the calling thread.
pub(crate) fn own_cpu() -> Result<Duration> {
    thread_nanos(Path::new("/proc/thread-self")).map(Duration::from_nanos)
}

fn thread_nanos(folder: &Path) -> Result<u64> {
    let text = fs::read_to_string(folder.join("schedstat"))?;
    let first = text.split(' ').next().context("an empty schedstat")?;
    Ok(first.trim().parse()?)
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    resident_in(&text).with_context(|| format!("no VmRSS of process {pid}"))
}

fn resident_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1_024)
}

/// How busy all processors of the machine have been, in ticks since it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    busy: u64,
    all: u64,
}

impl Machine {
    /// As it is now.
    pub(crate) fn now() -> Result<Self> {
        Self::parse(&fs::read_to_string("/proc/stat")?).context("/proc/stat has another form")
    }

    /// `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guests are counted in
    /// user and nice already.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|it| it.parse().ok()).collect();
        let all = ticks.get(..8)?.iter().sum();
        Some(Self { busy: all - ticks[3] - ticks[4], all })
    }

    /// The share of all processors' time since `earlier` in which they were busy, 0 to 1.
    pub(crate) fn busy_since(self, earlier: Self) -> f64 {
        (self.busy - earlier.busy) as f64 / (self.all - earlier.all).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_the_kernel_are_read() {
        assert_eq!(resident_in("VmHWM:\t  99 kB\nVmRSS:\t  1234 kB\n"), Some(1_234 * 1_024));
        assert_eq!(resident_in("VmHWM:\t  99 kB\n"), None);
        let before = Machine::parse("cpu  10 0 5 80 5 0 0 0 0 0\ncpu0 1\n").unwrap();
        let after = Machine::parse("cpu  40 10 15 110 15 5 5 0 7 0\ncpu0 1\n").unwrap();
        assert!((after.busy_since(before) - 0.6).abs() < 1e-9);
        assert_eq!(Machine::parse("cpu  1 2 3\n"), None);
    }

    #[test]
    fn time_is_summed_over_threads_new_ones_too() {
        let times = |pairs: &[(&str, u64)]| {
            CpuTimes(pairs.iter().map(|(name, nanos)| ((*name).to_owned(), *nanos)).collect())
        };
        let before = times(&[("1", 100), ("2", 50)]);
        let after = times(&[("1", 130), ("3", 7)]);
        assert_eq!(after.since(&before), Duration::from_nanos(37));
    }

    #[test]
    fn work_of_our_own_shows() {
        let (pid, start) = (std::process::id(), own_cpu().unwrap());
        let before = CpuTimes::of(pid).unwrap();
        while own_cpu().unwrap() - start < Duration::from_millis(20) {}
        assert!(CpuTimes::of(pid).unwrap().since(&before) >= Duration::from_millis(10));
        assert!(resident_bytes(pid).unwrap() > 100_000);
        assert!(Machine::now().unwrap().all > 0);
    }
}
