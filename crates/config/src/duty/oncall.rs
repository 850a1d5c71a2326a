//! Rotations: who has a duty, and when it is handed over.

use std::sync::Arc;

use model::{LocalTime, Oncall, Rotation, RotationLayer, Turn};

use super::{
    Clerk,
    people::{TEAM_MAX, nobody},
    times,
};
use crate::{
    code::Code, diagnostic::Diagnostic, draft::shape, quoted, section::Section, source::View, words,
};

/// Layers of one rotation.
const LAYERS_MAX: usize = 64;
/// Groups that take turns in one layer.
const TURNS_MAX: usize = 366;
/// People of one layer, each counted for every turn they have.
const LAYER_PEOPLE_MAX: usize = 10_000;
/// The first hand-over if nothing is written: Monday, 2024-01-01.
const SINCE: &str = "2024-01-01";
/// Time of day of a hand-over if nothing is written, in seconds.
const HANDOVER_SECS: u32 = 8 * 3600;

const LAYER_KEYS: &[&str] = &["level", "rotate", "handover", "since", "people", "hours"];
const KEYS: &[&str] =
    &["level", "rotate", "handover", "since", "people", "hours", "layers", "otherwise", "timezone"];

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn rotations(&mut self) -> Vec<Oncall> {
        let all: Vec<_> = self.all(Section::Oncall).collect();
        let rotations: Vec<Oncall> =
            all.iter().map(|(named, key, body)| self.rotation(&named.name, *key, *body)).collect();
        let next: Vec<Option<u32>> = rotations.iter().map(|it| it.otherwise).collect();
        for at in circles(&next) {
            let (named, key, body) = &all[at];
            let view = Self::get(*body, "otherwise").unwrap_or(*key);
            let what = format!("the rotation {} ends up at itself", quoted(&named.name));
            self.add(
                Diagnostic::new(Code::StandInLoop, what)
                    .at(view.place())
                    .label("this closes the circle")
                    .note(chain(at, &next, |it| all[it].0.name.to_string())),
            );
        }
        rotations
    }

    fn rotation(&mut self, name: &str, key: View<'a>, body: View<'a>) -> Oncall {
        let mut oncall = Oncall {
            name: Arc::from(name),
            at: self.rule_at(key),
            rotation: Rotation { zone: self.zone.clone(), layers: Vec::new() },
            otherwise: None,
        };
        if !self.is_map(body, "a rotation", KEYS) {
            return oncall;
        }
        let zone = self.zone_of(body, &self.zone.clone());
        oncall.rotation.zone = zone.clone();
        oncall.otherwise =
            Self::get(body, "otherwise").and_then(|it| self.name(it, Section::Oncall, "oncall/"));
        if let Some(layers) = Self::get(body, "layers") {
            if let Some((key, _)) = body.pair("people") {
                let found = Diagnostic::new(Code::Clash, "people stand beside layers of people");
                self.add(found.at(key.place()).help("make another layer of them"));
            }
            let items = layers.items();
            if let Some(extra) = items.get(LAYERS_MAX) {
                let what = format!("more than {LAYERS_MAX} layers");
                self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
                return oncall;
            }
            for layer in items {
                if self.is_map(layer, "a layer", LAYER_KEYS) {
                    let read = self.layer(name, layer, layer, &zone);
                    oncall.rotation.layers.extend(read);
                }
            }
        } else {
            oncall.rotation.layers.extend(self.layer(name, key, body, &zone));
        }
        oncall
    }

    fn layer(
        &mut self,
        name: &str,
        key: View<'a>,
        body: View<'a>,
        zone: &Arc<str>,
    ) -> Option<RotationLayer> {
        let level = match Self::get(body, "level") {
            Some(view) => u8::try_from(self.count(view, 0..=255)?).ok()?,
            None => 0,
        };
        let hours = match Self::get(body, "hours") {
            Some(view) => Some(self.week_hours(view, zone)?),
            None => None,
        };
        let turn = self.word_of(body, "rotate", Turn::Fixed, words::turn)?;
        let since = self.since(body, turn)?;
        let people = self.required(key, body, "people", "people: [anna, ben]")?;
        let mut turns = self.turns(people)?;
        if turns.iter().all(Vec::is_empty) {
            self.add(nobody("rotation", name, people));
            return None;
        }
        if turn == Turn::Fixed {
            // Without turns all of them have the duty together.
            let mut all: Vec<u32> = turns.into_iter().flatten().collect();
            let mut seen = std::collections::BTreeSet::new();
            all.retain(|it| seen.insert(*it));
            turns = vec![all];
        }
        Some(RotationLayer { level, hours, turns, turn, since })
    }

    /// The first hand-over: the first such weekday at or after `since:`.
    fn since(&mut self, body: View<'a>, turn: Turn) -> Option<LocalTime> {
        let day = match Self::get(body, "since") {
            Some(view) => self.word(view, times::date)?,
            None => times::date(SINCE).unwrap_or_default(),
        };
        let Some(view) = Self::get(body, "handover") else {
            return Some(LocalTime { day, second: HANDOVER_SECS });
        };
        let (weekday, second) = self.word(view, words::handover)?;
        if turn == Turn::Fixed {
            let found = Diagnostic::new(Code::Misplaced, "nothing is handed over here");
            self.add(found.at(view.place()).help("write `rotate: weekly`, or take it out"));
            return None;
        }
        let Some(weekday) = weekday else { return Some(LocalTime { day, second }) };
        if matches!(turn, Turn::Months(_)) {
            let found = Diagnostic::new(Code::Value, "a month does not begin on a weekday");
            self.add(
                found
                    .at(view.place())
                    .help("write the time alone; the day of the month is that of `since:`"),
            );
            return None;
        }
        // 1970-01-01 was a Thursday, three days after a Monday.
        let of_day = (day + 3).rem_euclid(7);
        let ahead = (i32::from(weekday) - of_day).rem_euclid(7);
        Some(LocalTime { day: day + ahead, second })
    }

    /// `[anna, [ben, chloe], team/noc]`: each item is a group that has its turn together.
    fn turns(&mut self, list: View<'a>) -> Option<Vec<Vec<u32>>> {
        if list.is_map() {
            self.add(shape(list, "a list of people: `[anna, [ben, chloe]]`"));
            return None;
        }
        let items = list.items();
        if let Some(extra) = items.get(TURNS_MAX) {
            let what = format!("more than {TURNS_MAX} turns");
            self.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return None;
        }
        let mut turns = Vec::with_capacity(items.len());
        let mut whole = true;
        for item in items {
            let mut group = Vec::new();
            let members = item.items();
            if members.is_empty() {
                let found = Diagnostic::new(Code::Nobody, "this turn has nobody").at(item.place());
                self.add(found.help("name at least one person, or take it out"));
                whole = false;
            }
            for member in members {
                match self.member(member) {
                    Some(people) => group.extend(people),
                    None => whole = false,
                }
            }
            let mut seen = std::collections::BTreeSet::new();
            group.retain(|it| seen.insert(*it));
            if group.len() > TEAM_MAX {
                let what = format!("more than {TEAM_MAX} people in one turn");
                self.add(Diagnostic::new(Code::TooMany, what).at(item.place()));
                whole = false;
            }
            turns.push(group);
            if turns.iter().map(Vec::len).sum::<usize>() > LAYER_PEOPLE_MAX {
                let what = format!("more than {LAYER_PEOPLE_MAX} people in one layer");
                self.add(Diagnostic::new(Code::TooMany, what).at(item.place()));
                return None;
            }
        }
        whole.then_some(turns)
    }

    /// A person, or all of a team.
    fn member(&mut self, view: View<'a>) -> Option<Vec<u32>> {
        let text = self.text(view)?;
        let names = self.desk.names;
        let team = match text.strip_prefix("team/") {
            Some(name) => Some(self.called(name, Section::Teams, view)?),
            None if names.find(Section::People, &text).is_some() => None,
            None => names.find(Section::Teams, &text),
        };
        let Some(team) = team else {
            let person = text.strip_prefix("person/").unwrap_or(&text);
            return Some(vec![self.called(person, Section::People, view)?]);
        };
        let body = self.view(names.all(Section::Teams)[team as usize].body);
        // Unknown names are reported where the team is read.
        let known = body.items().into_iter().take(TEAM_MAX);
        Some(known.filter_map(|it| names.find(Section::People, it.text()?)).collect())
    }
}

/// One thing of every circle: where to follow `next` leads back to it.
pub(super) fn circles(next: &[Option<u32>]) -> Vec<usize> {
    let mut found = Vec::new();
    // The walk in which each was seen first.
    let mut seen = vec![usize::MAX; next.len()];
    for start in 0..next.len() {
        let mut at = start;
        while seen[at] == usize::MAX {
            seen[at] = start;
            match next[at] {
                Some(to) if seen[to as usize] == start => found.push(at),
                Some(to) => at = to as usize,
                None => break,
            }
        }
    }
    found
}

/// `a -> b -> a`.
pub(super) fn chain(start: usize, next: &[Option<u32>], name: impl Fn(usize) -> String) -> String {
    /// Longer chains are cut.
    const SHOWN_MAX: usize = 12;
    let mut names = vec![quoted(&name(start))];
    let mut at = start;
    while let Some(to) = next[at] {
        at = to as usize;
        names.push(quoted(&name(at)));
        if at == start {
            break;
        }
        if names.len() >= SHOWN_MAX {
            names.push("…".into());
            break;
        }
    }
    names.join(" -> ")
}
