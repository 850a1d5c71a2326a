//! Messages about calls: to whoever has it, or to those who were told of its problem.

use std::sync::Arc;

use model::{AlertKind, CallId, Route, Status};

use super::{
    Desk,
    cases::{CaseNews, Promise},
    who::place_of_person,
};

impl Desk {
    /// Something about a call that people may have to be told.
    pub(super) fn tell_of_call(&mut self, news: &CaseNews) {
        let (id, title) = match news {
            CaseNews::Opened(_) => return,
            CaseNews::Resumed(id) => (*id, "goes on".to_owned()),
            CaseNews::Assigned(id, _) => (*id, "assigned to you".to_owned()),
            CaseNews::SlaWarned(id, which, percent) => {
                (*id, format!("{percent} % of the time {} is spent", promise(*which)))
            }
            CaseNews::SlaBreached(id, which) => {
                (*id, format!("the time {} is over", promise(*which)))
            }
            CaseNews::Ready(id) => (*id, "may be closed".to_owned()),
        };
        let Some(call) = self.cases.call(id) else { return };
        let mut content = self.bare_content(Status::Critical, call.severity);
        content.about.clone_from(&call.about);
        content.customer = Arc::clone(&call.customer);
        content.since = call.opened_at;
        content.title = format!("call {id} ({}): {title}", call.title);
        let person = match news {
            CaseNews::Assigned(_, person) => Some(Arc::clone(person)),
            _ => call.assignee.clone(),
        };
        for route in self.routes_about_call(id, person) {
            self.owe_message(route, AlertKind::Call, content.clone(), Some(id.0));
        }
    }

    /// The person who has a call, by the first channel that reaches them; if nobody has it, whoever
    /// was told of the problem.
    fn routes_about_call(&self, id: CallId, person: Option<Arc<str>>) -> Vec<Route> {
        let duty = &self.rules.duty;
        if let Some(name) = person {
            let Some(place) = place_of_person(&self.rules, &name) else { return Vec::new() };
            let addresses = &duty.people[place as usize].addresses;
            let reaches = |it: &&model::Channel| {
                it.personal.as_ref().is_some_and(|it| addresses.contains_key(it))
            };
            let channel = duty.channels.iter().find(reaches);
            let route =
                |it: &model::Channel| Route { channel: Arc::clone(&it.name), contact: name };
            return channel.map(route).into_iter().collect();
        }
        let Some(call) = self.cases.call(id) else { return Vec::new() };
        let problems = call.problems.iter().rev();
        let found =
            problems.filter_map(|it| self.problems.get(it).or_else(|| self.ended.get(it))).next();
        found.map(|it| it.told.keys().cloned().collect()).unwrap_or_default()
    }
}

fn promise(which: Promise) -> &'static str {
    match which {
        Promise::Respond => "to take charge",
        Promise::Resolve => "to close",
    }
}
