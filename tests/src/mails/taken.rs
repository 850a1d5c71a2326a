//! What the ledger has of the mails that were sent.

use std::{collections::BTreeMap, fmt, fs};

use super::{Fate, Flood, MailEstate, Sent};
use crate::Api;

/// Items that the interface gives at once.
const PAGE: usize = 500;

/// What the ledger has of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    job: Option<String>,
    class: String,
    outcome: String,
}

/// All reports that an engine has, by whom they say they are from.
#[derive(Debug, Default)]
pub struct Ledger(BTreeMap<String, Vec<Entry>>);

/// What is wrong with a ledger.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Taken, and not there.
    pub missing: Vec<usize>,
    /// There more than once.
    pub twice: Vec<usize>,
    /// There for another job, or called the same as another one.
    pub astray: Vec<usize>,
    /// Ordinary, and not good news; or a bomb that is.
    pub misread: Vec<usize>,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = [&self.missing, &self.twice, &self.astray, &self.misread].map(Vec::len);
        let [missing, twice, astray, misread] = count;
        write!(f, "{missing} lost, {twice} twice, {astray} astray, {misread} misread")
    }
}

impl Ledger {
    /// As the interface shows it.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn read(api: &Api) -> Self {
        let mut all = Self::default();
        let mut path = format!("/api/v1/reports?limit={PAGE}");
        loop {
            let page = api.get_patiently(&path);
            for it in page["items"].as_array().unwrap() {
                let text = |it: &serde_json::Value| it.as_str().unwrap_or_default().to_owned();
                let entry = Entry {
                    job: it["watchdog"].as_str().map(str::to_owned),
                    class: text(&it["class"]),
                    outcome: text(&it["says"]["outcome"]),
                };
                all.0.entry(text(&it["from"])).or_default().push(entry);
            }
            match page["next"].as_str() {
                Some(next) => path = format!("/api/v1/reports?limit={PAGE}&cursor={next}"),
                None => return all,
            }
        }
    }

    /// How many reports there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds what was sent against what is there. Whatever was taken has to be there once, for its
    /// job; of what was not, nobody has said that it is not there, but never more than once.
    #[must_use]
    pub fn against(&self, flood: &Flood, estate: MailEstate, sent: &[Sent]) -> Lost {
        let mut lost = Lost::default();
        for it in sent {
            let found = self.0.get(&flood.sender(it.number)).map_or(&[][..], Vec::as_slice);
            match found {
                [] if it.fate == Fate::Taken => lost.missing.push(it.number),
                [] => {}
                [one] => {
                    let job = estate.job(it.number);
                    let is_own = one.job.as_ref() == Some(&job);
                    if !is_own || one.class == "duplicate" {
                        lost.astray.push(it.number);
                    }
                    if it.bomb.is_some() == (one.outcome == "ok") {
                        lost.misread.push(it.number);
                    }
                }
                _ => lost.twice.push(it.number),
            }
        }
        lost
    }
}

/// Most memory that a process has ever had resident, in bytes.
///
/// # Panics
/// When the kernel does not say.
#[must_use]
pub fn peak_bytes(pid: u32) -> u64 {
    status(pid, "VmHWM:")
}

/// Memory that a process has resident now, in bytes.
///
/// # Panics
/// When the kernel does not say.
#[must_use]
pub fn resident_bytes(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

fn status(pid: u32, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|it| it.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sent(number: usize, fate: Fate) -> Sent {
        let (later, took, late) = (0, Duration::ZERO, Duration::ZERO);
        Sent { number, bomb: None, fate, later, took, late }
    }

    fn entry(job: &str, outcome: &str) -> Entry {
        Entry { job: Some(job.into()), class: "counted".into(), outcome: outcome.into() }
    }

    #[test]
    fn everything_that_is_wrong_shows() {
        let estate = MailEstate { customers: 1, jobs: 1 };
        let flood = Flood {
            mails: 5,
            a_second: 0,
            relays: 1,
            lines: 1,
            devices: 1,
            bombs: false,
            name: "f".into(),
        };
        let good = entry("c0/j0", "ok");
        let mut ledger = Ledger::default();
        for (number, entries) in [
            (0, vec![good.clone()]),
            (2, vec![good.clone(), good]),
            (3, vec![entry("c1/j0", "ok")]),
            (4, vec![entry("c0/j0", "failed")]),
        ] {
            ledger.0.insert(flood.sender(number), entries);
        }
        let no = Fate::Refused(String::new());
        let all = [
            sent(0, Fate::Taken),
            sent(1, Fate::Taken),
            sent(2, Fate::Taken),
            sent(3, Fate::Taken),
            sent(4, Fate::Taken),
            sent(5, no),
        ];
        let lost = ledger.against(&flood, estate, &all);
        let expected = Lost { missing: vec![1], twice: vec![2], astray: vec![3], misread: vec![4] };
        assert_eq!(lost, expected);
        assert_eq!(ledger.len(), 5);
        assert!(peak_bytes(std::process::id()) >= resident_bytes(std::process::id()) / 2);
    }
}
