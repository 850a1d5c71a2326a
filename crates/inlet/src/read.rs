//! From bytes and their envelope to what was heard: one [`Heard`] for every job that the mail is
//! for.
//!
//! The order is fixed. A mail of a mail system about mail is never about a run. Then the job's own
//! rules are asked, what is bad before what is good; then the format that the job names, or the one
//! that recognises the mail. What nobody understands is unclassified, and so is good news of a mail
//! that could not be read whole: what was not seen could have been the bad news. A format that
//! breaks down takes nothing with it.

use std::{
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use model::{Heard, MailKey, Moment, Outcome, Proof, Says};
use sha2::{Digest, Sha256};

use crate::{
    Asked, CATALOGUE, Ear, Ears, Fault, Format, Habits, Letter, Net, Proofs, Resolver, ears::Rule,
    keys::keys, mime, token::in_local_part, trust::prove,
};

/// Characters of a title.
pub const TITLE_CHARS_MAX: usize = 300;
/// Bytes of the text of a report.
pub const SAID_BYTES_MAX: usize = 2 * 1024;
/// Characters of a name: of a job, of an object, of a run.
pub const NAME_CHARS_MAX: usize = 200;
/// Objects of a report.
pub const OBJECTS_MAX: usize = 500;
/// A `Date:` is believed if it lies so near to when the mail was taken.
const DATE_APART_MAX: Duration = Duration::from_secs(15 * 60);
/// No time of a report may lie further ahead of its arrival.
const REPORT_AHEAD_MAX: Duration = Duration::from_secs(15 * 60);

/// What is known of a mail besides its bytes.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// The envelope's sender; `None` if there is no envelope, empty for the null sender.
    pub sender: Option<String>,
    /// By which name the peer has introduced itself; may be empty.
    pub helo: String,
    /// The envelope's recipients; none if there is no envelope.
    pub recipients: Vec<String>,
    /// Who handed it over.
    pub peer: Option<IpAddr>,
    /// Of these peers the topmost `Received:` is believed: it says from whom they have it.
    pub relays: Vec<Net>,
    /// When it came in.
    pub at: Moment,
    /// By which intake.
    pub intake: Arc<str>,
    /// These are not all its bytes.
    pub is_cut: bool,
}

/// A mail, taken apart, with what its envelope says.
#[derive(Clone, Debug)]
pub struct Opened<'a> {
    /// Its bytes.
    pub raw: &'a [u8],
    /// What they say.
    pub letter: Letter,
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// Names its bytes.
    pub key: MailKey,
}

/// Makes what was heard of mails.
#[derive(Debug)]
pub struct Inlet {
    catalogue: &'static [&'static Format],
    broken: AtomicU64,
}

impl Default for Inlet {
    fn default() -> Self {
        Self::new(CATALOGUE)
    }
}

impl Inlet {
    /// Reads with these formats.
    #[must_use]
    pub fn new(catalogue: &'static [&'static Format]) -> Self {
        Self { catalogue, broken: AtomicU64::new(0) }
    }

    /// How often a reader has broken down.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    /// What was heard by these bytes; nothing if nobody is found for them and such mails are not
    /// kept: then the mail is refused.
    #[must_use]
    pub fn hear(
        &self,
        raw: &[u8],
        envelope: &Envelope,
        ears: &Ears,
        proofs: &Proofs,
    ) -> Vec<Heard> {
        self.read(&self.open(raw, envelope), ears, proofs)
    }

    /// The same, with what the mail can prove, as far as its jobs ask for that.
    pub async fn hear_proved(
        &self,
        raw: &[u8],
        envelope: &Envelope,
        ears: &Ears,
        resolver: &Resolver,
    ) -> Vec<Heard> {
        let opened = self.open(raw, envelope);
        let proofs = prove(&opened, Asked::by(ears, &opened.letter), resolver).await;
        self.read(&opened, ears, &proofs)
    }

    /// Takes a mail apart.
    #[must_use]
    pub fn open<'a>(&self, raw: &'a [u8], envelope: &'a Envelope) -> Opened<'a> {
        let broken = || Letter { faults: vec![Fault::Broken], ..Letter::default() };
        let mut letter = self.guarded(|| mime::letter(raw)).unwrap_or_else(broken);
        if let Some(sender) = &envelope.sender {
            letter.sender = sender.trim().to_lowercase();
        }
        letter.recipients = recipients(envelope, std::mem::take(&mut letter.recipients));
        letter.peer = peer(envelope, &letter);
        if envelope.is_cut && !letter.faults.contains(&Fault::Cut) {
            letter.faults.push(Fault::Cut);
        }
        Opened { raw, letter, envelope, key: MailKey(Sha256::digest(raw).into()) }
    }

    /// What a mail that is taken apart says to each of its jobs.
    #[must_use]
    pub fn read(&self, opened: &Opened<'_>, ears: &Ears, proofs: &Proofs) -> Vec<Heard> {
        let found = ears.find(&opened.letter);
        if found.is_empty() && ears.keeps_unclaimed() {
            return vec![self.heard(opened, None, Proof::default())];
        }
        let heard = |it: &crate::Found<'_>| {
            let proof = Proof {
                token: it.by_token,
                relay: opened.letter.peer.is_some_and(|peer| it.ear.trusts(peer)),
                spf: proofs.spf.clone(),
                dkim: proofs.dkim.clone(),
                vouched: None,
            };
            self.heard(opened, Some(it.ear), proof)
        };
        found.iter().map(heard).collect()
    }

    /// What was heard by a mail for which nobody is found, for whoever has to keep it all the same.
    #[must_use]
    pub fn unclaimed(&self, opened: &Opened<'_>) -> Heard {
        self.heard(opened, None, Proof::default())
    }

    fn heard(&self, opened: &Opened<'_>, ear: Option<&Ear>, proof: Proof) -> Heard {
        let Opened { letter, envelope, key, .. } = opened;
        let job = ear.map(|it| Arc::clone(&it.job.name));
        Heard {
            keys: keys(job.as_deref(), letter, envelope.at),
            job,
            at: envelope.at,
            intake: Arc::clone(&envelope.intake),
            peer: letter.peer.map(|it| it.to_string()).unwrap_or_default().into(),
            from: line(&letter.from, NAME_CHARS_MAX).into(),
            says: self.says(letter, envelope, ear),
            proof,
            mail: Some(*key),
        }
    }

    fn says(&self, letter: &Letter, envelope: &Envelope, ear: Option<&Ear>) -> Says {
        let mut says = if letter.is_automatic {
            Says {
                outcome: Some(Outcome::Other),
                read_by: "automatic".into(),
                text: "written by a mail system about mail".into(),
                ..Says::default()
            }
        } else {
            self.judged(letter, envelope, ear)
        };
        says.title = line(letter.subject.shown(), TITLE_CHARS_MAX).into();
        says.sent_at = sent_at(letter, envelope, ear);
        bound(&mut says, envelope.at);
        let suffices = self.catalogue.iter().any(|it| it.ends_suffice && it.name == &*says.read_by);
        let matters = |it: &Fault| !(suffices && *it == Fault::Middle);
        let faults: Vec<Fault> = letter.faults.iter().copied().filter(matters).collect();
        doubt(&mut says, &faults);
        says
    }

    /// What the rules and formats say.
    fn judged(&self, letter: &Letter, envelope: &Envelope, ear: Option<&Ear>) -> Says {
        let hears = ear.map(|it| &it.job.hears);
        let rules = ear.map_or(&[][..], |it| &it.rules);
        let Some(rule) = self.guarded(|| rules.iter().find(|it| it.holds(letter))) else {
            // It could have been the one for bad news.
            return unread("an own rule broke down on this mail");
        };
        let named = hears.and_then(|it| it.reads.as_deref());
        let mut says = self.formatted(letter, envelope, hears, named);
        if let Some(rule) = rule {
            ruled(&mut says, rule, letter);
        } else if named.is_none() && rules.iter().any(|it| it.outcome == Outcome::Ok) {
            // Whoever writes what is good says that nothing else is.
            says.outcome = Some(Outcome::Unclassified);
            says.read_by = "".into();
            says.objects.clear();
            says.text = "none of the job's own rules holds".into();
        }
        says
    }

    fn formatted(
        &self,
        letter: &Letter,
        envelope: &Envelope,
        hears: Option<&model::Hears>,
        named: Option<&str>,
    ) -> Says {
        let habits = Habits {
            zone: hears.map_or("UTC", |it| &it.zone).to_owned(),
            dates: hears.map(|it| it.dates).unwrap_or_default(),
            now: envelope.at,
        };
        let format = match named {
            Some(name) => self.catalogue.iter().find(|it| it.name == name).copied(),
            None => self
                .guarded(|| self.catalogue.iter().find(|it| (it.recognises)(letter)).copied())
                .flatten(),
        };
        let Some(format) = format else {
            return unread(letter.body.line(|it| !it.is_empty()).map_or("", |it| it.0));
        };
        let says = self.guarded(|| (format.read)(letter, &habits));
        let mut says = says.unwrap_or_else(|| unread("the format broke down on this mail"));
        says.read_by = format.name.into();
        says
    }

    /// What breaks down is counted and gives nothing.
    fn guarded<T>(&self, read: impl FnOnce() -> T) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(read)).ok();
        if result.is_none() {
            self.broken.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}

/// Nobody has understood it.
fn unread(text: &str) -> Says {
    Says { outcome: Some(Outcome::Unclassified), text: text.into(), ..Says::default() }
}

/// An own rule decides; what the format has found besides stays.
fn ruled(says: &mut Says, rule: &Rule, letter: &Letter) {
    says.outcome = Some(rule.outcome);
    says.read_by = Arc::clone(&rule.at);
    says.text = rule.line(letter).unwrap_or(letter.subject.shown()).into();
}

/// The envelope's recipients say whom a mail is for. Those of the headers help where there is no
/// envelope, or where it has led to no secret address.
fn recipients(envelope: &Envelope, of_headers: Vec<String>) -> Vec<String> {
    let has_token = |it: &str| it.rsplit_once('@').is_some_and(|it| in_local_part(it.0).is_some());
    let mut all: Vec<String> =
        envelope.recipients.iter().map(|it| it.trim().to_lowercase()).collect();
    let is_known = all.iter().any(|it| has_token(it));
    for it in of_headers {
        if !(all.contains(&it) || is_known && has_token(&it)) {
            all.push(it);
        }
    }
    all
}

/// Who handed it over; behind a relay of the intake's own, who handed it to that. Nobody, if the
/// relay says so in words that can be read in two ways.
fn peer(envelope: &Envelope, letter: &Letter) -> Option<IpAddr> {
    let peer = envelope.peer?.to_canonical();
    if !envelope.relays.iter().any(|it| it.holds(peer)) {
        return Some(peer);
    }
    match letter.header("received").map_or(Handed::Here, handed) {
        Handed::Here => Some(peer),
        Handed::By(before) => Some(before),
        Handed::Unsure => None,
    }
}

/// From whom a relay has a mail, by its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handed {
    /// It was written there.
    Here,
    /// From this address.
    By(IpAddr),
    /// It cannot be said.
    Unsure,
}

/// `from NAME (NAME [192.0.2.1]) by NAME ...`, and what other mail systems make of it. What the far
/// end has called itself stands there too, without space in it, and may look like anything: it is
/// passed over where it stands by the shape of the whole, never found by what it says.
fn handed(received: &str) -> Handed {
    let said = received.split(';').next().unwrap_or_default();
    let words: Vec<&str> = said.split_whitespace().collect();
    let is_by = |it: &&str| it.eq_ignore_ascii_case("by");
    let by: Vec<usize> = (0..words.len()).filter(|it| is_by(&words[*it])).collect();
    let from = match (words.first(), by.as_slice()) {
        (Some(_), [0]) => return Handed::Here,
        (Some(first), [end]) if first.eq_ignore_ascii_case("from") => &words[1..*end],
        _ => return Handed::Unsure,
    };
    let names = |it: &&str| it.trim_start_matches('(').starts_with("helo=");
    let found = if from.last().is_some_and(|it| names(it) || it.starts_with("ident=")) {
        // exim: `from NAME ([192.0.2.1] helo=NAME)`, `from [192.0.2.1] (helo=NAME)`.
        let before = from.iter().take_while(|it| !names(it));
        before.filter_map(|it| address(it)).last()
    } else if from.contains(&"(HELO") {
        // qmail: `from NAME (HELO NAME) (192.0.2.1)`.
        from.last().and_then(|it| address(it))
    } else {
        from.iter().skip(1).find_map(|it| address(it))
    };
    found.map_or(Handed::Unsure, Handed::By)
}

/// `[192.0.2.1])`, `([IPv6:2001:db8::1]`, `(192.0.2.1)`, `user@192.0.2.1)`.
fn address(word: &str) -> Option<IpAddr> {
    let divides = |it: char| matches!(it, '(' | ')' | '[' | ']' | '@');
    let bare = |it: &str| it.strip_prefix("IPv6:").unwrap_or(it).parse::<IpAddr>().ok();
    word.split(divides).find_map(bare).map(|it| it.to_canonical())
}

/// When it was sent, if its `Date:` can be believed.
fn sent_at(letter: &Letter, envelope: &Envelope, ear: Option<&Ear>) -> Option<Moment> {
    let date = letter.date?;
    let apart = |it: Moment| date.since(it).max(it.since(date));
    let taken = letter.first_taken.unwrap_or(envelope.at);
    let is_trusted = ear.is_some_and(|it| it.job.hears.trusts_date);
    let is_near = apart(taken) <= DATE_APART_MAX;
    let is_ahead = date > envelope.at.after(REPORT_AHEAD_MAX);
    ((is_trusted || is_near) && !is_ahead).then_some(date)
}

/// Good news of a mail that could not be read whole is none.
fn doubt(says: &mut Says, faults: &[Fault]) {
    let is_good = |it: Outcome| matches!(it, Outcome::Ok | Outcome::Unclassified);
    let too_many = says.objects.len() > OBJECTS_MAX;
    says.objects.truncate(OBJECTS_MAX);
    let outcome = says.outcome.unwrap_or(Outcome::Unclassified);
    says.outcome = Some(outcome);
    if faults.is_empty() && !too_many {
        return;
    }
    for object in &mut says.objects {
        if object.1 == Outcome::Ok {
            object.1 = Outcome::Unclassified;
        }
    }
    if is_good(outcome) {
        let mut why: Vec<&str> = faults.iter().map(|it| it.text()).collect();
        if too_many {
            why.push("it tells of more objects than are kept");
        }
        says.outcome = Some(Outcome::Unclassified);
        let text = format!("over the limit: {}\n{}", why.join("; "), says.text);
        says.text = several(&text).into();
    }
}

/// Nothing that a report says is longer than is kept, or of a time that has not come.
fn bound(says: &mut Says, at: Moment) {
    let lines = several(&says.text);
    says.text = if lines.is_empty() { Arc::clone(&says.title) } else { lines.into() };
    says.names = line(&says.names, NAME_CHARS_MAX).into();
    says.signature = line(&says.signature, NAME_CHARS_MAX).into();
    says.advice = several(&says.advice).into();
    says.run = says
        .run
        .as_deref()
        .map(|it| line(it, NAME_CHARS_MAX))
        .filter(|it| !it.is_empty())
        .map(Into::into);
    // One more shows that there were too many.
    says.objects.truncate(OBJECTS_MAX + 1);
    for object in &mut says.objects {
        object.0 = line(&object.0, NAME_CHARS_MAX).into();
    }
    let latest = at.after(REPORT_AHEAD_MAX);
    says.ended_at = says.ended_at.filter(|it| *it <= latest);
    says.began_at = says.began_at.filter(|it| *it <= says.ended_at.unwrap_or(latest));
}

/// One line of at most so many characters.
fn line(text: &str, chars: usize) -> String {
    let mut out = String::new();
    for it in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(it);
        // Enough is enough, however long the text is.
        if out.len() > chars * 4 {
            break;
        }
    }
    out.retain(is_shown);
    match out.char_indices().nth(chars) {
        Some((end, _)) => out[..end].to_owned(),
        None => out,
    }
}

/// Lines of at most [`SAID_BYTES_MAX`] together.
fn several(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(SAID_BYTES_MAX)];
    cut.trim().chars().filter(|it| *it == '\n' || *it == '\t' || is_shown(*it)).collect()
}

/// Neither control characters nor such as turn the direction of what follows.
fn is_shown(it: char) -> bool {
    !it.is_control() && !matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
pub(crate) mod tests;
