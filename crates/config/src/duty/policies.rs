//! Policies: how a problem becomes a proposal, a call and alerts.

use std::{sync::Arc, time::Duration};

use model::{NightGate, Policy, Severity, Step, Target};

use super::{Clerk, lints::Told, people::SEVERITIES};
use crate::{
    code::Code,
    diagnostic::Diagnostic,
    draft::{first_line, shape},
    section::Section,
    settle::spoken,
    source::View,
    words,
};

/// Steps of one ladder.
const STEPS_MAX: usize = 64;
/// People, teams and rotations of one step.
const TARGETS_MAX: usize = 256;
/// How long a duty lead may think if nothing is written.
const PATIENCE: Duration = Duration::from_secs(600);

const KEYS: &[&str] = &["hours", "propose", "call", "alert", "remind", "stop", "ask", "timezone"];
const STEP_KEYS: &[&str] = &["after", "to", "via", "at_least"];
const ASK_KEYS: &[&str] = &["outside", "lead", "via", "patience", "silence"];

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn policies(&mut self) -> Vec<Policy> {
        let all: Vec<_> = self.all(Section::Policies).collect();
        all.into_iter().map(|(named, key, body)| self.policy(&named.name, key, body)).collect()
    }

    fn policy(&mut self, name: &str, key: View<'a>, body: View<'a>) -> Policy {
        let mut policy = Policy {
            name: Arc::from(name),
            at: self.rule_at(key),
            hours: None,
            propose: None,
            call: None,
            steps: Vec::new(),
            remind: None,
            stop_on_acknowledge: true,
            gate: None,
        };
        if name == "none" {
            let found = Diagnostic::new(Code::Name, "no policy can be called `none`");
            self.add(found.at(key.place()).help("`policy: none` takes an inherited policy away"));
        }
        if !self.is_map(body, "a policy", KEYS) {
            return policy;
        }
        let zone = self.zone_of(body, &self.zone.clone());
        let hours = Self::get(body, "hours").filter(|it| it.plain() != Some("always"));
        policy.hours = hours.and_then(|it| self.hours(it, &zone));
        policy.propose = self.word_of(body, "propose", None, words::delay).flatten();
        policy.call = self.word_of(body, "call", None, words::delay).flatten();
        policy.remind = self.word_of(body, "remind", None, words::repeat).flatten();
        let stop = [("acknowledged", true), ("never", false)];
        policy.stop_on_acknowledge = self.choice_of(body, "stop", true, &stop).unwrap_or(true);
        if let Some(list) = Self::get(body, "alert") {
            policy.steps = self.steps(list);
        }
        if let Some(ask) = Self::get(body, "ask") {
            policy.gate = self.gate(ask, &zone);
        }
        policy
    }

    fn steps(&mut self, list: View<'a>) -> Vec<Step> {
        if list.is_off() || list.plain() == Some("never") {
            return Vec::new();
        }
        let items = list.items();
        if let Some(extra) = items.get(STEPS_MAX) {
            let what = format!("more than {STEPS_MAX} steps");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return Vec::new();
        }
        let mut steps = Vec::with_capacity(items.len());
        let mut latest: Option<(Duration, View<'a>)> = None;
        for item in items {
            let Some(step) = self.step(item) else { continue };
            match latest {
                Some((before, view)) if step.after < before => {
                    let what = format!(
                        "this step comes after {}, the one before it after {}",
                        spoken(step.after),
                        spoken(before)
                    );
                    let at = Self::get(item, "after").unwrap_or(item);
                    self.add(
                        Diagnostic::new(Code::StepsBack, what)
                            .at(first_line(at))
                            .also(first_line(view), "the one before it")
                            .help("steps stand in the order of time, all counted from the begin"),
                    );
                }
                _ => latest = Some((step.after, Self::get(item, "after").unwrap_or(item))),
            }
            steps.push(step);
        }
        steps
    }

    fn step(&mut self, item: View<'a>) -> Option<Step> {
        if !self.is_map(item, "a step", STEP_KEYS) {
            return None;
        }
        let after = match Self::get(item, "after") {
            None => Some(Duration::ZERO),
            Some(view) => {
                let after = self.word(view, words::delay);
                if after == Some(None) {
                    let found = Diagnostic::new(Code::Value, "a step that never comes");
                    self.add(found.at(view.place()).help("take the step out"));
                }
                after.flatten()
            }
        };
        let to = self.required(item, item, "to", "to: oncall/primary");
        let to = to.and_then(|it| self.targets(it));
        let via = self.required(item, item, "via", "via: [mail]");
        let via = via.and_then(|it| {
            let via = self.via(it)?;
            if via.is_empty() {
                self.add(shape(it, "a channel or a list of channels"));
            }
            Some(via)
        });
        let at_least = self.choice_of(item, "at_least", Severity::Warning, SEVERITIES);
        let (to, via) = (to?, via?);
        self.told.push(Told { to: to.clone(), via: via.clone(), at: first_line(item) });
        Some(Step { after: after?, to, via, at_least: at_least?, at: self.rule_at(item) })
    }

    fn targets(&mut self, view: View<'a>) -> Option<Vec<Target>> {
        if view.is_map() {
            self.add(shape(view, "whom to tell: `anna`, `team/noc`, `oncall/primary`, or a list"));
            return None;
        }
        let items = view.items();
        if items.is_empty() {
            self.add(shape(view, "whom to tell: `anna`, `team/noc`, `oncall/primary`, or a list"));
            return None;
        }
        if let Some(extra) = items.get(TARGETS_MAX) {
            let what = format!("more than {TARGETS_MAX} at once");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return None;
        }
        let found: Vec<Target> = items.iter().filter_map(|it| self.target(*it)).collect();
        (found.len() == items.len()).then_some(found)
    }

    fn gate(&mut self, ask: View<'a>, zone: &Arc<str>) -> Option<NightGate> {
        if !self.is_map(ask, "`ask`", ASK_KEYS) {
            return None;
        }
        let hours = self.required(ask, ask, "outside", "outside: Mon-Fri 08:00-18:00");
        let hours = hours.and_then(|it| self.hours(it, zone));
        let lead = self.required(ask, ask, "lead", "lead: oncall/lead");
        let lead = lead.and_then(|it| self.target(it));
        let via = self.required(ask, ask, "via", "via: [sms]");
        let via = via.and_then(|it| self.via(it));
        let patience = self.word_of(ask, "patience", PATIENCE, words::stretch);
        let silence = [("blocking", true), ("can wait", false)];
        let silence = self.choice_of(ask, "silence", true, &silence);
        let (lead, via) = (lead?, via?);
        self.told.push(Told { to: vec![lead], via: via.clone(), at: first_line(ask) });
        Some(NightGate {
            hours: hours?,
            lead,
            via,
            patience: patience?,
            silence_means_blocking: silence?,
            at: self.rule_at(ask),
        })
    }
}
