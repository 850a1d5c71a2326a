//! What a watchdog hears, how its mails are read, and what they must prove.

use std::sync::Arc;

use model::{
    DateOrder, Intakes, Job, JobKind, MailOp, MailPart, MailRule, MailTest, Outcome, Trust,
};
use regex::RegexBuilder;

use super::{Clerk, clerk::place_of, jobs::Promise};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    draft::{first_line, shape},
    gather, quoted,
    source::View,
    words,
};

/// Conditions of one watchdog by which mails are found for it.
const MATCHERS_MAX: usize = 32;
/// Own rules of one watchdog for each outcome.
const RULES_MAX: usize = 64;
/// A compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 256 * 1024;
/// Networks that one watchdog trusts.
const RELAYS_MAX: usize = 64;
/// Longest `id:` of a secret address, in bytes.
const SECRET_ID_BYTES_MAX: usize = 256;
/// Most changes of one secret address.
const SECRET_NUMBER_MAX: i64 = 1_000_000;
/// The parts of a mail that `mail:` may name.
const PARTS: &[&str] =
    &["from", "to", "sender", "subject", "body", "peer", "attachment", "attached"];

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn hears(&mut self, promise: &Promise<'a>, job: &mut Job) {
        let said = &promise.settings;
        let flag = |clerk: &mut Self, key: &str| {
            said.get(key).and_then(|it| clerk.word(it, words::flag)).unwrap_or_default()
        };
        job.hears.ping = flag(self, "ping");
        job.hears.shared = flag(self, "shared");
        if let Some(map) = said.get("mail") {
            job.hears.mail = self.matchers(map);
        }
        job.hears.reads = said.get("reads").and_then(|it| self.format(it));
        for (key, outcome) in
            [("crit", Outcome::Failed), ("warn", Outcome::Warning), ("ok", Outcome::Ok)]
        {
            if let Some(list) = said.get(key) {
                let rules = self.rules(list, outcome);
                job.hears.rules.extend(rules);
            }
        }
        let dates = [("day first", DateOrder::DayFirst), ("month first", DateOrder::MonthFirst)];
        if let Some(view) = said.get("dates") {
            job.hears.dates = self.choice(view, &dates).unwrap_or_default();
        }
        if let Some(view) = said.get("sender timezone")
            && let Some(zone) = self.word(view, words::time_zone)
        {
            job.hears.zone = zone.name;
        }
        if let Some(view) = said.get("sender date") {
            let known = [("trusted", true), ("checked", false)];
            job.hears.trusts_date = self.choice(view, &known).unwrap_or_default();
        }
        if let Some(map) = said.get("secret") {
            self.secret(map, job);
        }
        self.trust(promise, job);
    }

    /// `{ from: "*@acme.example", header X-Job: nightly }`; all of them must hold.
    fn matchers(&mut self, map: View<'a>) -> Vec<MailTest> {
        if !map.is_map() {
            self.add(shape(map, "a map: `{ from: \"*@acme.example\", subject: \"*Veeam*\" }`"));
            return Vec::new();
        }
        let mut tests = Vec::new();
        for (key, value) in map.pairs() {
            let Some(name) = key.text() else { continue };
            if !PARTS.contains(&name) && !name.starts_with("header ") {
                let near = words::nearest(name, PARTS.iter().copied());
                let help = near.map_or_else(
                    || format!("its keys are {} and `header NAME`", gather::list(PARTS)),
                    |it| format!("did you mean `{it}`?"),
                );
                self.add(
                    Diagnostic::new(Code::UnknownKey, format!("unknown key {}", quoted(name)))
                        .at(key.place())
                        .label("a mail has no such part")
                        .help(help),
                );
                continue;
            }
            if tests.len() >= MATCHERS_MAX {
                let what = format!("more than {MATCHERS_MAX} conditions");
                self.add(Diagnostic::new(Code::TooMany, what).at(key.place()));
                break;
            }
            let Some(part) = self.word(key, words::mail_part) else { continue };
            let Some(test) = self.word(value, |it| words::mail_pattern(&part, it)) else {
                continue;
            };
            if self.compiles(&test, value) {
                tests.push(test);
            }
        }
        if tests.is_empty() && map.pairs().next().is_none() {
            self.add(shape(map, "at least one part of the mail, like `subject: \"*Veeam*\"`"));
        }
        tests
    }

    /// One rule or a list of them; any may hold.
    fn rules(&mut self, list: View<'a>, outcome: Outcome) -> Vec<MailRule> {
        if list.is_map() {
            self.add(shape(list, "a rule like `subject has \"[Success]\"`, or a list of them"));
            return Vec::new();
        }
        let items = list.items();
        if let Some(extra) = items.get(RULES_MAX) {
            let what = format!("more than {RULES_MAX} rules");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return Vec::new();
        }
        let mut rules = Vec::with_capacity(items.len());
        for item in items {
            let Some(tests) = self.word(item, words::mail_rule) else { continue };
            let mut whole = true;
            for test in &tests {
                whole &= self.compiles(test, item);
            }
            if whole {
                rules.push(MailRule { outcome, tests, at: self.rule_at(item) });
            }
        }
        rules
    }

    /// Is the expression one that can be used?
    fn compiles(&mut self, test: &MailTest, view: View<'_>) -> bool {
        if test.op != MailOp::Matches {
            return true;
        }
        let mut builder = RegexBuilder::new(&test.value);
        builder.case_insensitive(true).multi_line(true).size_limit(REGEX_BYTES_MAX);
        let why = match builder.build() {
            Ok(regex) if regex.is_match("") && test.part == MailPart::Body => {
                "it matches an empty text, so it would hold for every mail".to_owned()
            }
            Ok(_) => return true,
            Err(regex::Error::CompiledTooBig(_)) => {
                format!("it takes more than {} KiB", REGEX_BYTES_MAX / 1024)
            }
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                last.trim_start_matches("error: ").to_owned()
            }
        };
        self.add(
            Diagnostic::new(Code::Pattern, "this regular expression cannot be used")
                .at(place_of(&test.value, view))
                .label(why),
        );
        false
    }

    fn format(&mut self, view: View<'a>) -> Option<Arc<str>> {
        let text = self.text(view)?;
        let known = self.desk.formats;
        if known.contains(&&*text) {
            return Some(text);
        }
        let help = match words::nearest(&text, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the formats are {}", gather::list(known)),
        };
        self.add(
            Diagnostic::new(Code::UnknownFormat, format!("unknown format {}", quoted(&text)))
                .at(view.place())
                .label("no format of reports has this name")
                .help(help),
        );
        None
    }

    /// `{ id: acme-nightly, number: 2 }`.
    fn secret(&mut self, map: View<'a>, job: &mut Job) {
        if !self.is_map(map, "`secret`", &["id", "number"]) {
            return;
        }
        if let Some(view) = Self::get(map, "id")
            && let Some(id) = self.text(view)
        {
            let good =
                !id.is_empty() && id.len() <= SECRET_ID_BYTES_MAX && !id.contains(char::is_control);
            if !good {
                let what = format!("an id has 1 to {SECRET_ID_BYTES_MAX} bytes on one line");
                self.add(Diagnostic::new(Code::Value, what).at(view.place()));
            }
            job.hears.secret_id = id;
        }
        if let Some(view) = Self::get(map, "number")
            && let Some(number) = self.count(view, 1..=SECRET_NUMBER_MAX)
        {
            job.hears.secret_number = u32::try_from(number).unwrap_or(1);
        }
    }

    /// `token`, `none`, or a map of everything that must be proved.
    fn trust(&mut self, promise: &Promise<'a>, job: &mut Job) {
        let Some(view) = promise.settings.get("trust") else {
            if let Some(mail) = promise.settings.get("mail").filter(|_| !job.hears.mail.is_empty())
            {
                self.add(
                    Diagnostic::new(Code::NoProof, "nothing says by whom good news is believed")
                        .at(first_line(mail))
                        .label("any mail that looks like this one is taken")
                        .help(
                            "write `trust: { relay: [192.0.2.0/24] }`, or `trust: token` if all is \
                             well only by the secret address",
                        ),
                );
            }
            return;
        };
        if !view.is_map() {
            let known = [("token", true), ("none", false)];
            if let Some(token) = self.choice(view, &known) {
                job.trust.token = token;
            }
            return;
        }
        let (before, mut trust) = (self.report.errors, Trust::default());
        if !self.is_map(view, "`trust`", &["token", "relay", "spf", "dkim"]) {
            return;
        }
        if let Some(token) = Self::get(view, "token") {
            trust.token = self.word(token, words::flag).unwrap_or_default();
        }
        if let Some(list) = Self::get(view, "relay") {
            trust.relays = self.networks(list, RELAYS_MAX);
        }
        let mut domain = |key: &str| {
            let found = Self::get(view, key).and_then(|it| self.word(it, words::mail_domain));
            found.map(Arc::from)
        };
        (trust.spf, trust.dkim) = (domain("spf"), domain("dkim"));
        let proves_nothing = trust == Trust::default();
        if proves_nothing && self.report.errors == before {
            self.add(
                Diagnostic::new(Code::NoProof, "nothing says by whom good news is believed")
                    .at(first_line(view))
                    .help("write `trust: none` if anybody is to be believed"),
            );
        }
        job.trust = trust;
    }

    /// Networks as they were written.
    pub(super) fn networks(&mut self, list: View<'a>, most: usize) -> Vec<Arc<str>> {
        if list.is_map() {
            self.add(shape(list, "a network or a list of networks: `[192.0.2.0/24]`"));
            return Vec::new();
        }
        let items = list.items();
        if let Some(extra) = items.get(most) {
            let what = format!("more than {most} networks");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return Vec::new();
        }
        let read = |text: &str| words::network(text).map(|()| Arc::from(text.trim()));
        items.into_iter().filter_map(|it| self.word(it, read)).collect()
    }

    /// Can what the watchdog waits for come in at all?
    pub(super) fn intake_needed(&mut self, job: &Job, promise: &Promise<'a>, intakes: &Intakes) {
        if job.kind == JobKind::Person || !intakes.all.is_empty() {
            return;
        }
        let by_mail = ["reads", "crit", "warn", "ok"].iter().filter(|_| !job.hears.ping);
        let waits = ["mail"].iter().chain(by_mail).find_map(|key| promise.settings.get(key));
        // A mistake in `inlet:` is one mistake, not one for each watchdog.
        let mistaken = self.desk.library.draft.inlet.is_some();
        let Some(waits) = waits.filter(|_| !mistaken) else { return };
        self.add(
            Diagnostic::new(Code::NoIntake, "no mail can come in")
                .at(first_line(waits))
                .label("this is about mails")
                .help(
                    "write `inlet:` into the main file, with `smtp`, `lmtp`, `imap` or `maildir`",
                ),
        );
    }
}
