//! People and teams.

use std::{collections::BTreeMap, sync::Arc};

use model::{HelpLevel, Person, Severity, Team};

use super::Clerk;
use crate::{
    code::Code, diagnostic::Diagnostic, draft::shape, quoted, section::Section, source::View,
    words::Fault,
};

/// Longest address of a person, in bytes.
const ADDRESS_BYTES_MAX: usize = 512;
/// Addresses of one person.
const ADDRESSES_MAX: usize = 32;
/// Skills of one person.
const SKILLS_MAX: usize = 64;
/// People of one team.
pub(super) const TEAM_MAX: usize = 1_000;

const KEYS: &[&str] =
    &["name", "email", "phone", "addresses", "quiet", "wakes", "skills", "level", "timezone"];
pub(super) const SEVERITIES: &[(&str, Severity)] = &[
    ("warning", Severity::Warning),
    ("warn", Severity::Warning),
    ("unknown", Severity::Unknown),
    ("critical", Severity::Critical),
    ("crit", Severity::Critical),
    ("down", Severity::Down),
];
pub(super) const LEVELS: &[(&str, HelpLevel)] = &[
    ("help desk", HelpLevel::HelpDesk),
    ("tele-assistance", HelpLevel::TeleAssistance),
    ("on site", HelpLevel::OnSite),
];

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn people(&mut self) -> Vec<Person> {
        let all: Vec<_> = self.all(Section::People).collect();
        all.into_iter().map(|(named, key, body)| self.person(&named.name, key, body)).collect()
    }

    fn person(&mut self, name: &str, key: View<'a>, body: View<'a>) -> Person {
        let mut person = Person {
            name: Arc::from(name),
            title: Arc::from(name),
            at: self.rule_at(key),
            addresses: BTreeMap::new(),
            quiet: None,
            wakes: Some(Severity::Critical),
            skills: BTreeMap::new(),
            level: HelpLevel::default(),
        };
        if !self.is_map(body, "a person", KEYS) {
            return person;
        }
        let zone = self.zone_of(body, &self.zone.clone());
        if let Some(title) = Self::get(body, "name").and_then(|it| self.text(it)) {
            person.title = title;
        }
        self.addresses(body, &mut person.addresses);
        person.quiet = Self::get(body, "quiet").and_then(|it| self.hours(it, &zone));
        if let Some(wakes) = Self::get(body, "wakes") {
            let known: Vec<(&str, Option<Severity>)> =
                SEVERITIES.iter().map(|it| (it.0, Some(it.1))).chain([("nothing", None)]).collect();
            person.wakes = self.choice(wakes, &known).flatten();
        }
        if let Some(skills) = Self::get(body, "skills") {
            self.skills(skills, &mut person.skills);
        }
        let level = self.choice_of(body, "level", HelpLevel::default(), LEVELS);
        person.level = level.unwrap_or_default();
        person
    }

    fn addresses(&mut self, body: View<'a>, into: &mut BTreeMap<Arc<str>, Arc<str>>) {
        for name in ["email", "phone"] {
            let Some(view) = Self::get(body, name) else { continue };
            if let Some(address) = self.address(name, view) {
                into.insert(Arc::from(name), address);
            }
        }
        let Some(further) = Self::get(body, "addresses") else { return };
        if !further.is_map() {
            self.add(shape(further, "`{ telegram: \"12345\", slack: U012AB }`"));
            return;
        }
        for (key, view) in further.pairs() {
            let Some(name) = key.text() else { continue };
            if into.contains_key(name) {
                let what = format!("the address {} is written twice", quoted(name));
                self.add(Diagnostic::new(Code::Clash, what).at(key.place()));
                continue;
            }
            if into.len() >= ADDRESSES_MAX {
                let what = format!("more than {ADDRESSES_MAX} addresses of one person");
                self.add(Diagnostic::new(Code::TooMany, what).at(key.place()));
                return;
            }
            if let Some(address) = self.address(name, view) {
                into.insert(Arc::from(name), address);
            }
        }
    }

    pub(super) fn address(&mut self, name: &str, view: View<'_>) -> Option<Arc<str>> {
        let parse = match name {
            "email" => email,
            "phone" => phone,
            _ => other,
        };
        self.word(view, parse)
    }

    fn skills(&mut self, map: View<'a>, into: &mut BTreeMap<Arc<str>, u8>) {
        if !map.is_map() {
            self.add(shape(map, "`{ network: 3 }`: subjects with 0 to 3"));
            return;
        }
        for (key, view) in map.pairs() {
            let Some(name) = key.text() else { continue };
            if into.len() >= SKILLS_MAX {
                let what = format!("more than {SKILLS_MAX} skills of one person");
                self.add(Diagnostic::new(Code::TooMany, what).at(key.place()));
                return;
            }
            if let Some(skill) = self.count(view, 0..=3).and_then(|it| u8::try_from(it).ok()) {
                into.insert(Arc::from(name), skill);
            }
        }
    }

    pub(super) fn teams(&mut self) -> Vec<Team> {
        let all: Vec<_> = self.all(Section::Teams).collect();
        all.into_iter().map(|(named, key, body)| self.team(&named.name, key, body)).collect()
    }

    fn team(&mut self, name: &str, key: View<'a>, body: View<'a>) -> Team {
        let mut team = Team { name: Arc::from(name), people: Vec::new() };
        if body.is_map() {
            self.add(shape(body, "a team is a list of people: `[anna, ben]`"));
            return team;
        }
        let items = body.items();
        if items.is_empty() {
            self.add(nobody("team", name, key));
        }
        if let Some(extra) = items.get(TEAM_MAX) {
            let what = format!("more than {TEAM_MAX} people in one team");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return team;
        }
        for item in items {
            let Some(person) = self.name(item, Section::People, "person/") else { continue };
            if !team.people.contains(&person) {
                team.people.push(person);
            }
        }
        team
    }
}

/// Something that must name people names none.
pub(super) fn nobody(noun: &str, name: &str, key: View<'_>) -> Diagnostic {
    Diagnostic::new(Code::Nobody, format!("the {noun} {} has nobody", quoted(name)))
        .at(key.place())
        .help("name at least one person, or take it out")
}

fn fault(text: &str, what: &str, hint: &str) -> Fault {
    Fault { span: 0..text.len(), what: what.to_owned(), hint: Some(hint.to_owned()) }
}

/// `anna@msp.example`: not whether it exists, only that it can be handed to a mail server safely.
pub(super) fn email(text: &str) -> Result<Arc<str>, Fault> {
    const HINT: &str = "write it like `anna@msp.example`";
    let plain = |it: char| !it.is_whitespace() && !it.is_control() && !"<>,;:\"()[]\\".contains(it);
    let good = text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && !host.is_empty()
            && !host.contains('@')
            && !user.starts_with('-')
            && text.chars().all(plain)
    });
    match good && text.len() <= ADDRESS_BYTES_MAX {
        true => Ok(Arc::from(text)),
        false => Err(fault(text, &format!("{} is no mail address", quoted(text)), HINT)),
    }
}

fn phone(text: &str) -> Result<Arc<str>, Fault> {
    const HINT: &str = "write it like `\"+49 151 0000001\"`, in quotes";
    /// As many as a number with an international prefix has.
    const DIGITS: std::ops::RangeInclusive<usize> = 2..=20;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let plain =
        |it: char| it.is_ascii_digit() || matches!(it, '+' | ' ' | '-' | '.' | '/' | '(' | ')');
    match DIGITS.contains(&digits) && text.chars().all(plain) && text.len() <= ADDRESS_BYTES_MAX {
        true => Ok(Arc::from(text)),
        false => Err(fault(text, &format!("{} is no telephone number", quoted(text)), HINT)),
    }
}

fn other(text: &str) -> Result<Arc<str>, Fault> {
    const HINT: &str = "an address is a short text";
    if text.is_empty() || text.len() > ADDRESS_BYTES_MAX || text.contains(char::is_control) {
        return Err(fault(text, "this is no address", HINT));
    }
    Ok(Arc::from(text))
}
