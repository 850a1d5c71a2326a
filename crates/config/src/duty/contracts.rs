//! Contracts, the hours they count, and the calendars of days that do not count.

use std::{fs, io::Read, sync::Arc};

use model::{Channel, Contract, Pauses, SlaStart, WaitSet, WeekHours};

use super::{Clerk, times};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    mask, quoted,
    section::Section,
    source::View,
    words::{self, Fault, Promise},
};

/// Largest calendar file, in bytes.
const ICS_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Days of one calendar, those of every year counted for each year.
const HOLIDAYS_MAX: usize = 10_000;
/// Levels at which one contract warns.
const WARNINGS_MAX: usize = 8;
/// The part of the allowed time at which a contract warns if it does not say so.
const WARN_PERCENT: u8 = 80;

const KEYS: &[&str] =
    &["hours", "respond", "resolve", "policy", "pauses", "starts", "warn", "timezone", "tickets"];
const CALENDAR_KEYS: &[&str] = &["ics", "days"];
const STARTS: &[(&str, SlaStart)] = &[
    ("detected", SlaStart::Detected),
    ("proposed", SlaStart::Proposed),
    ("opened", SlaStart::Opened),
];

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn contracts(&mut self, channels: &[Channel]) -> Vec<Contract> {
        let all: Vec<_> = self.all(Section::Contracts).collect();
        let all = all.into_iter();
        all.map(|(named, key, body)| self.contract(&named.name, key, body, channels)).collect()
    }

    fn contract(
        &mut self,
        name: &str,
        key: View<'a>,
        body: View<'a>,
        channels: &[Channel],
    ) -> Contract {
        let mut contract = Contract {
            name: Arc::from(name),
            at: self.rule_at(key),
            hours: 0,
            respond: None,
            resolve: None,
            pauses: Pauses::default(),
            starts: SlaStart::default(),
            warn_percent: vec![WARN_PERCENT],
            policy: None,
            tickets: None,
        };
        if !self.is_map(body, "a contract", KEYS) {
            return contract;
        }
        let zone = self.zone_of(body, &self.zone.clone());
        let mut promised =
            |key: &str| Self::get(body, key).and_then(|it| self.word(it, words::promise));
        let (respond, resolve) = (promised("respond"), promised("resolve"));
        let hours = self.required(key, body, "hours", "hours: Mon-Fri 08:00-18:00");
        let hours = hours.and_then(|it| Some((self.week_hours(it, &zone)?, it)));
        if let Some((week, view)) = &hours {
            contract.hours = self.keep(week.clone(), *view).unwrap_or_default();
            let open = |promise: Promise| match promise {
                Promise::Open(time) => time,
                Promise::BusinessDays(days) => times::business_days(week, days),
            };
            contract.respond = respond.map(open);
            contract.resolve = resolve.map(open);
        }
        contract.policy =
            Self::get(body, "policy").and_then(|it| self.name(it, Section::Policies, "policy/"));
        if let Some(tickets) = Self::get(body, "tickets") {
            contract.tickets = self.tickets(tickets, channels);
        }
        if let Some(pauses) = Self::get(body, "pauses") {
            self.pauses(pauses, &mut contract.pauses);
        }
        let starts = self.choice_of(body, "starts", SlaStart::default(), STARTS);
        contract.starts = starts.unwrap_or_default();
        if let Some(warn) = Self::get(body, "warn") {
            contract.warn_percent = self.warnings(warn);
        }
        contract
    }

    /// The channel at which every call is a ticket.
    fn tickets(&mut self, view: View<'a>, channels: &[Channel]) -> Option<u32> {
        let found = self.name(view, Section::Channels, "channel/")?;
        let personal = channels.get(found as usize).and_then(|it| it.personal.as_ref());
        let Some(address) = personal else { return Some(found) };
        let what = format!("this channel needs the `{address}` of a person");
        let found = Diagnostic::new(Code::Value, what).at(view.place());
        self.add(found.label("a ticket is made at a service desk"));
        None
    }

    fn pauses(&mut self, map: View<'a>, pauses: &mut Pauses) {
        if !self.is_map(map, "`pauses`", &["respond", "resolve"]) {
            return;
        }
        for (key, into) in [("respond", &mut pauses.respond), ("resolve", &mut pauses.resolve)] {
            let Some(list) = map.get(key) else { continue };
            *into = WaitSet::default();
            for item in list.items() {
                let known = [("process", 0), ("customer", 1), ("supplier", 2)];
                match self.choice(item, &known) {
                    Some(0) => into.process = true,
                    Some(1) => into.customer = true,
                    Some(_) => into.supplier = true,
                    None => {}
                }
            }
        }
    }

    /// `[50%, 80%]`, growing; `never` for none.
    fn warnings(&mut self, list: View<'a>) -> Vec<u8> {
        if list.is_off() || list.plain() == Some("never") {
            return Vec::new();
        }
        let items = list.items();
        if let Some(extra) = items.get(WARNINGS_MAX) {
            let what = format!("more than {WARNINGS_MAX} warnings");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return Vec::new();
        }
        let mut levels: Vec<u8> =
            items.into_iter().filter_map(|it| self.word(it, whole_percent)).collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    /// A place among all hours.
    pub(super) fn hours(&mut self, view: View<'_>, zone: &Arc<str>) -> Option<u32> {
        let hours = self.week_hours(view, zone)?;
        self.keep(hours, view)
    }

    /// `Mon-Fri 08:00-18:00 except holidays/BY`.
    pub(super) fn week_hours(&mut self, view: View<'_>, zone: &Arc<str>) -> Option<WeekHours> {
        const EXCEPT: &str = " except ";
        let text = self.text(view)?;
        let (open, except) = match text.split_once(EXCEPT) {
            Some((open, except)) => (open, Some(except)),
            None => (&*text, None),
        };
        let mut hours = match times::week_hours(open, zone) {
            Ok(hours) => hours,
            Err(fault) => {
                self.add(self.fault(view, fault));
                return None;
            }
        };
        hours.text = Arc::from(text.trim());
        for name in except.into_iter().flat_map(|it| it.split(',')) {
            let calendar = self.called(name.trim(), Section::Calendars, view)?;
            let days = self.holidays.get(calendar as usize).cloned().unwrap_or_default();
            hours.closed.extend(days);
        }
        hours.closed.sort_unstable();
        hours.closed.dedup();
        Some(hours)
    }

    /// What a parser has against the text of `view`.
    pub(super) fn fault(&self, view: View<'_>, fault: Fault) -> Diagnostic {
        let code = match view.text().is_some_and(words::lacks_unit) {
            true => Code::WrongUnit,
            false => Code::Value,
        };
        Diagnostic::new(code, fault.what).at(view.part(&fault.span)).maybe_help(fault.hint)
    }

    /// The closed days of every calendar.
    pub(super) fn read_calendars(&mut self) {
        let all: Vec<_> = self.all(Section::Calendars).collect();
        for (named, key, body) in all {
            if !named.name.starts_with("holidays/") || named.name.len() == "holidays/".len() {
                let what = format!("{} is no name of a calendar", quoted(&named.name));
                let found = Diagnostic::new(Code::Name, what).at(key.place());
                self.add(found.help("write it like `holidays/BY`"));
            }
            let days = self.calendar(key, body);
            self.holidays.push(days);
        }
    }

    fn calendar(&mut self, key: View<'a>, body: View<'a>) -> Vec<i32> {
        let mut days = Vec::new();
        if !self.is_map(body, "a calendar", CALENDAR_KEYS) {
            return days;
        }
        let (ics, list) = (Self::get(body, "ics"), Self::get(body, "days"));
        if ics.is_none() && list.is_none() {
            let found = Diagnostic::new(Code::Missing, "the calendar has no days").at(key.place());
            self.add(found.help("write `ics: FILE` or `days: [2026-12-25, 12-26]`"));
        }
        if let Some(view) = ics {
            days.extend(self.ics(view).unwrap_or_default());
        }
        for item in list.into_iter().flat_map(View::items) {
            days.extend(self.word(item, times::days).unwrap_or_default());
        }
        days.sort_unstable();
        days.dedup();
        if days.len() > HOLIDAYS_MAX {
            let what = format!("more than {HOLIDAYS_MAX} days in one calendar");
            self.add(Diagnostic::new(Code::TooMany, what).at(key.place()));
            days.clear();
        }
        days
    }

    fn ics(&mut self, view: View<'a>) -> Option<Vec<i32>> {
        let path = self.text(view)?;
        let read = |path: &std::path::Path| -> Result<String, String> {
            let meta = fs::metadata(path).map_err(|it| it.to_string())?;
            if !meta.is_file() {
                return Err("it is no regular file".into());
            }
            let mut bytes = Vec::new();
            let file = fs::File::open(path).map_err(|it| it.to_string())?;
            file.take(ICS_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|it| it.to_string())?;
            if bytes.len() as u64 > ICS_BYTES_MAX {
                return Err(format!("it is larger than {} MiB", ICS_BYTES_MAX / (1024 * 1024)));
            }
            String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
        };
        match read(&self.desk.folder.join(&*path)) {
            Ok(text) => match times::holidays(&text) {
                Ok(days) => Some(days),
                Err(fault) => {
                    let found =
                        Diagnostic::new(Code::Value, "this is no calendar that can be read");
                    self.add(found.at(view.place()).label(fault.what).maybe_help(fault.hint));
                    None
                }
            },
            Err(why) => {
                let what = format!("cannot read {}: {}", quoted(&path), mask::escape(&why));
                self.add(Diagnostic::new(Code::Unreadable, what).at(view.place()));
                None
            }
        }
    }
}

/// `80%`, from 1 to 99.
fn whole_percent(text: &str) -> Result<u8, Fault> {
    let percent = words::percent(text)?;
    let fault = || Fault {
        span: 0..text.len(),
        what: "a warning comes at 1% to 99% of the allowed time, without a fraction".into(),
        hint: None,
    };
    if percent.fract() != 0.0 || !(1.0..=99.0).contains(&percent) {
        return Err(fault());
    }
    // From 1 to 99.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(percent as u8)
}
