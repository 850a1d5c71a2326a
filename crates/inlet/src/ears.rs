//! Which job a mail is for, as configuration says it.
//!
//! A secret address leads to its job and to no other. A mail without one is for the jobs whose
//! conditions all hold; if that is more than one job and not all of them share, it is for nobody
//! rather than for a wrong one.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use model::{Duty, Hears, Job, JobKind, MailOp, MailPart, MailTest};
use regex::{Regex, RegexBuilder};

use crate::{
    Letter,
    text::fold,
    token::{in_local_part, token},
};

/// A compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 256 * 1024;
/// Conditions of one mail that are written with the token before the last stay good so long.
const TOKENS_BEFORE: u32 = 1;

/// Everything that is listened for.
#[derive(Debug, Default)]
pub struct Ears {
    by_token: HashMap<String, usize>,
    ears: Vec<Ear>,
    domains: Vec<String>,
    mailbox: Arc<str>,
    unclaimed: bool,
}

/// What one job listens for.
#[derive(Debug)]
pub struct Ear {
    /// The job.
    pub job: Arc<Job>,
    /// Its token now.
    pub token: String,
    wants: Vec<Test>,
    /// Own rules, in their order.
    pub rules: Vec<Rule>,
    relays: Vec<Net>,
}

/// An own rule of a job, compiled.
#[derive(Debug)]
pub struct Rule {
    /// What follows from it.
    pub outcome: model::Outcome,
    /// Where it is written.
    pub at: model::RuleAt,
    tests: Vec<Test>,
}

/// What a recipient means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The secret address of this job, by its full name.
    Job(Arc<str>),
    /// One of our domains; who it is for is seen when the mail is there.
    Open,
    /// Nobody: it is refused.
    Nobody,
}

/// A job that a mail is for.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// What it listens for.
    pub ear: &'a Ear,
    /// The mail came to its secret address.
    pub by_token: bool,
}

impl Ears {
    /// What the jobs of `duty` listen for; tokens are made with `key`.
    #[must_use]
    pub fn new(duty: &Duty, key: &[u8]) -> Self {
        let machines = duty.jobs.iter().filter(|it| it.kind == JobKind::Machine);
        let ears: Vec<Ear> = machines.map(|it| Ear::new(it, key)).collect();
        let mut by_token = HashMap::new();
        for (ear, place) in ears.iter().zip(0..) {
            let Hears { secret_id, secret_number, .. } = &ear.job.hears;
            let oldest = secret_number.saturating_sub(TOKENS_BEFORE);
            for number in oldest..=*secret_number {
                by_token.insert(token(key, secret_id, number), place);
            }
        }
        Self {
            by_token,
            ears,
            domains: duty.intakes.domains.iter().map(|it| it.to_lowercase()).collect(),
            mailbox: Arc::clone(&duty.intakes.mailbox),
            unclaimed: duty.intakes.unclaimed,
        }
    }

    /// The job with this token, in whatever case.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<&Ear> {
        self.by_token.get(&token.to_ascii_lowercase()).map(|it| &self.ears[*it])
    }

    /// The job with this full name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Ear> {
        self.ears.iter().find(|it| *it.job.name == *name)
    }

    /// What a recipient of an envelope means.
    #[must_use]
    pub fn recipient(&self, address: &str) -> Recipient {
        let Some((local, domain)) = address.rsplit_once('@') else { return Recipient::Nobody };
        if !self.is_ours(domain) {
            return Recipient::Nobody;
        }
        match in_local_part(local) {
            Some(token) => match self.by_token.get(&token) {
                Some(place) => Recipient::Job(Arc::clone(&self.ears[*place].job.name)),
                None if self.unclaimed => Recipient::Open,
                None => Recipient::Nobody,
            },
            None if self.unclaimed || self.ears.iter().any(|it| !it.wants.is_empty()) => {
                Recipient::Open
            }
            None => Recipient::Nobody,
        }
    }

    /// The secret addresses of a job, one for each of our domains.
    #[must_use]
    pub fn addresses(&self, ear: &Ear) -> Vec<String> {
        let local = match &*self.mailbox {
            "" => ear.token.clone(),
            mailbox => format!("{mailbox}+{}", ear.token),
        };
        self.domains.iter().map(|domain| format!("{local}@{domain}")).collect()
    }

    /// Is what nobody is found for kept?
    #[must_use]
    pub fn keeps_unclaimed(&self) -> bool {
        self.unclaimed
    }

    /// The jobs that a mail is for.
    #[must_use]
    pub fn find(&self, letter: &Letter) -> Vec<Found<'_>> {
        let mut places: Vec<usize> = letter
            .recipients
            .iter()
            .filter_map(|it| it.rsplit_once('@'))
            .filter(|it| self.is_ours(it.1))
            .filter_map(|it| in_local_part(it.0))
            .filter_map(|it| self.by_token.get(&it).copied())
            .collect();
        places.sort_unstable();
        places.dedup();
        if !places.is_empty() {
            return places
                .into_iter()
                .map(|it| Found { ear: &self.ears[it], by_token: true })
                .collect();
        }
        let wanting: Vec<&Ear> = self.ears.iter().filter(|it| it.wants_it(letter)).collect();
        if wanting.len() > 1 && !wanting.iter().all(|it| it.job.hears.shared) {
            return Vec::new();
        }
        wanting.into_iter().map(|ear| Found { ear, by_token: false }).collect()
    }

    fn is_ours(&self, domain: &str) -> bool {
        self.domains.iter().any(|it| it.eq_ignore_ascii_case(domain))
    }
}

impl Ear {
    fn new(job: &Arc<Job>, key: &[u8]) -> Self {
        let Hears { secret_id, secret_number, mail, rules, .. } = &job.hears;
        let mut wants: Vec<Test> = mail.iter().map(Test::new).collect();
        // Every mail without a token is held against every job: the short texts come first.
        wants.sort_by_key(|it| it.costs());
        Self {
            job: Arc::clone(job),
            token: token(key, secret_id, *secret_number),
            wants,
            rules: rules
                .iter()
                .map(|it| Rule {
                    outcome: it.outcome,
                    at: Arc::clone(&it.at),
                    tests: it.tests.iter().map(Test::new).collect(),
                })
                .collect(),
            relays: job.trust.relays.iter().filter_map(|it| Net::parse(it)).collect(),
        }
    }

    fn wants_it(&self, letter: &Letter) -> bool {
        !self.wants.is_empty() && self.wants.iter().all(|it| it.holds(letter))
    }

    /// Is `peer` one of the relays that the job trusts?
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.relays.iter().any(|it| it.holds(peer))
    }
}

impl Rule {
    /// Do all its conditions hold?
    #[must_use]
    pub fn holds(&self, letter: &Letter) -> bool {
        !self.tests.is_empty() && self.tests.iter().all(|it| it.holds(letter))
    }

    /// The first line of the text that one of its conditions is about, as it came.
    #[must_use]
    pub fn line<'l>(&self, letter: &'l Letter) -> Option<&'l str> {
        let on_body = |it: &&Test| it.part == MailPart::Body && !it.not;
        let line = |it: &Test| letter.body.line(|line| it.how.fits(line)).map(|it| it.0);
        self.tests.iter().filter(on_body).find_map(line)
    }
}

/// A condition, compiled.
#[derive(Debug)]
struct Test {
    part: MailPart,
    how: How,
    not: bool,
}

#[derive(Debug)]
enum How {
    Has(String),
    Is(String),
    Matches(Regex),
    /// It cannot be compiled. Configuration refuses it; here it holds for nothing.
    Never,
}

impl Test {
    fn new(of: &MailTest) -> Self {
        let value = fold(&of.value);
        let how = match of.op {
            MailOp::Has => How::Has(value),
            MailOp::Is => How::Is(value),
            MailOp::Like => {
                let parts: Vec<String> = value.split('*').map(regex::escape).collect();
                compiled(&format!("(?s)^{}$", parts.join(".*")))
            }
            MailOp::Matches => compiled(&of.value),
        };
        Self { part: of.part.clone(), how, not: of.not }
    }

    fn holds(&self, letter: &Letter) -> bool {
        if matches!(self.how, How::Never) {
            return false;
        }
        self.any(letter) != self.not
    }

    /// How long the text is that it looks at.
    fn costs(&self) -> u8 {
        match self.part {
            MailPart::Body | MailPart::Attached => 2,
            MailPart::Header(_) => 1,
            _ => 0,
        }
    }

    fn any(&self, letter: &Letter) -> bool {
        match &self.part {
            MailPart::Subject => self.how.fits(letter.subject.folded()),
            MailPart::Body => self.how.fits(letter.body.folded()),
            MailPart::From => self.how.fits(&letter.from),
            MailPart::To => letter.recipients.iter().any(|it| self.how.fits(it)),
            MailPart::Sender => self.how.fits(&letter.sender),
            MailPart::Peer => letter.peer.is_some_and(|it| self.how.fits(&it.to_string())),
            MailPart::Header(name) => {
                let all = letter.headers.iter().filter(|it| it.0.eq_ignore_ascii_case(name));
                all.map(|it| fold(&it.1)).any(|it| self.how.fits(&it))
            }
            MailPart::Attachment => {
                letter.attachments.iter().any(|it| self.how.fits(&fold(&it.name)))
            }
            MailPart::Attached => {
                let texts = letter.attachments.iter().filter_map(|it| it.text.as_ref());
                texts.into_iter().any(|it| self.how.fits(it.folded()))
            }
        }
    }
}

impl How {
    /// Both sides are folded.
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Has(value) => text.contains(value),
            Self::Is(value) => text.trim() == value.trim(),
            Self::Matches(regex) => regex.is_match(text),
            Self::Never => false,
        }
    }
}

/// Case does not matter, `^` and `$` stand for every line.
fn compiled(pattern: &str) -> How {
    let mut builder = RegexBuilder::new(pattern);
    builder.case_insensitive(true).multi_line(true).size_limit(REGEX_BYTES_MAX);
    builder.build().map_or(How::Never, How::Matches)
}

/// A network: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    base: IpAddr,
    bits: u8,
}

impl Net {
    /// `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { base, bits })
    }

    /// Is `address` in it? An IPv4 address within IPv6 counts as IPv4.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(it)) => self.v4(base, it),
            (IpAddr::V6(base), IpAddr::V6(it)) => self.v6(base, it),
            _ => false,
        }
    }

    fn v4(self, base: Ipv4Addr, it: Ipv4Addr) -> bool {
        let shift = 32 - u32::from(self.bits);
        (u64::from(base.to_bits()) >> shift) == (u64::from(it.to_bits()) >> shift)
    }

    fn v6(self, base: Ipv6Addr, it: Ipv6Addr) -> bool {
        let shift = 128 - u32::from(self.bits);
        let cut = |it: Ipv6Addr| it.to_bits().checked_shr(shift).unwrap_or(0);
        cut(base) == cut(it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_lies_in_them() {
        let holds = |net: &str, it: &str| Net::parse(net).unwrap().holds(it.parse().unwrap());
        assert!(holds("192.0.2.0/24", "192.0.2.77"));
        assert!(!holds("192.0.2.0/24", "192.0.3.1"));
        assert!(holds("192.0.2.5", "192.0.2.5"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(holds("192.0.2.0/24", "::ffff:192.0.2.9"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(holds("::/0", "2001:db9::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        for text in ["", "192.0.2.0/33", "2001:db8::/129", "host", "1.2.3"] {
            assert_eq!(Net::parse(text), None, "{text}");
        }
    }

    #[test]
    fn conditions_compare_without_case_and_typography() {
        let letter = Letter {
            subject: "[Success] Ora d\u{2019}inizio".into(),
            from: "nas@acme.example".into(),
            body: "one\nall is WELL\nthree".into(),
            ..Letter::default()
        };
        let holds = |part: MailPart, op: MailOp, value: &str, not: bool| {
            Test::new(&MailTest { part, op, value: value.into(), not }).holds(&letter)
        };
        assert!(holds(MailPart::Subject, MailOp::Has, "[success]", false));
        assert!(holds(MailPart::Subject, MailOp::Has, "ORA D'INIZIO", false));
        assert!(holds(MailPart::Subject, MailOp::Like, "*Success*", false));
        assert!(!holds(MailPart::Subject, MailOp::Like, "Success*", false));
        assert!(holds(MailPart::From, MailOp::Like, "*@acme.example", false));
        assert!(!holds(MailPart::From, MailOp::Like, "*@acme.exampl", false));
        assert!(holds(MailPart::Body, MailOp::Matches, "^all is well$", false));
        assert!(holds(MailPart::Body, MailOp::Has, "failed", true));
        // What cannot be compiled holds for nothing, also turned round.
        assert!(!holds(MailPart::Body, MailOp::Matches, "(", false));
        assert!(!holds(MailPart::Body, MailOp::Matches, "(", true));
    }
}
