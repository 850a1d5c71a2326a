//! Routing tests: who would be told, written beside the check files in `*.test.yaml`.
//!
//! They are no part of the plan: a mistake in them neither stops an engine nor changes one. They are
//! read here, names resolved, and run by whoever has an engine to run them in.

use std::time::Duration;

use model::{CheckableRef, Moment, Plan, RuleAt, Status, Target};

use crate::{
    code::Code,
    diagnostic::{Diagnostic, Report},
    draft::shape,
    duty::{self, Clerk, Desk, Names},
    engine,
    fill::Filler,
    keys,
    layers::Library,
    loaded::Loaded,
    quoted,
    section::Section,
    settle::{Settler, not_one_of},
    source::View,
    words::{self, Fault},
};

/// Tests in all files together.
const TESTS_MAX: usize = 10_000;
/// States that one test starts from, and people whom it expects to be told.
const ITEMS_MAX: usize = 1_000;
const KEYS: &[&str] = &["given", "at", "answer", "told", "asked", "call", "proposal"];

/// What is to come of some states at some time.
#[derive(Clone, Debug, PartialEq)]
pub struct RoutingTest {
    /// What it shows, in words.
    pub name: String,
    /// What is believed, in the order in which it was written.
    pub given: Vec<Given>,
    /// When, as it was written.
    pub at: String,
    /// The next such moment, on the engine's clock.
    pub moment: Moment,
    /// What a duty lead says as soon as one is asked whether it blocks the customer; `None`: nothing.
    pub answer: Option<bool>,
    /// Exactly these are told until then and nobody else; empty: nobody. `None`: any.
    pub told: Option<Vec<ToldBy>>,
    /// Exactly these are asked until then whether it blocks the customer. `None`: any.
    pub asked: Option<Vec<ToldBy>>,
    /// Is there a call? `None`: either way.
    pub call: Option<bool>,
    /// Is there a proposal? `None`: either way.
    pub proposal: Option<bool>,
    /// Where it was written.
    pub place: RuleAt,
}

/// The state of one host or service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// `customer/host` or `customer/host/service`.
    pub name: String,
    /// What is believed of it.
    pub status: Status,
    /// For how long already; zero: since just now.
    pub held: Duration,
}

/// Somebody who is to be told, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldBy {
    /// As it was written.
    pub text: String,
    /// Who.
    pub who: Target,
    /// By which channel, a place in the plan's channels; `None`: by any.
    pub via: Option<u32>,
}

/// All routing tests beside the check files, and what is wrong with them.
///
/// The diagnostics are rendered by [`Loaded::render_all`]. Without a plan there are no tests.
#[must_use]
pub fn tests(loaded: &Loaded) -> (Vec<RoutingTest>, Vec<Diagnostic>) {
    let mut report = Report::default();
    for found in &loaded.test_diagnostics {
        report.add(found.clone());
    }
    let Some(plan) = &loaded.plan else { return (Vec::new(), report.sorted()) };
    let mut ignored = Report::default();
    let library = Library::new(&loaded.sources, &loaded.kinds, &loaded.draft, &mut ignored);
    let engine = loaded.draft.engine.map(|it| loaded.sources.view(it));
    let secrets = engine::secrets_folder(engine);
    let filler = Filler::new(&loaded.folder, &secrets, loaded.secrets.clone());
    let (settler, names) = (Settler::new(filler), Names::new(&loaded.draft));
    let desk = Desk {
        library: &library,
        settler: &settler,
        names: &names,
        channel_kinds: &[],
        formats: &[],
        folder: &loaded.folder,
        now: loaded.now,
    };
    let mut reader = Reader { clerk: Clerk::new(desk, &mut report), plan, tests: Vec::new() };
    for (file, _) in loaded.sources.tests() {
        let Some(root) = loaded.sources.root(file).filter(|it| !it.is_empty()) else { continue };
        reader.file(root);
    }
    let tests = std::mem::take(&mut reader.tests);
    (tests, report.sorted())
}

struct Reader<'p, 'l, 'a, 'r> {
    clerk: Clerk<'l, 'a, 'r>,
    plan: &'p Plan,
    tests: Vec<RoutingTest>,
}

impl<'a> Reader<'_, '_, 'a, '_> {
    fn file(&mut self, root: View<'a>) {
        if !root.is_map() {
            self.clerk.add(shape(root, "a file is a map of keys and values"));
            return;
        }
        keys::only(root, "a file of tests", &["tests"], self.clerk.report);
        let Some(all) = root.get("tests").filter(|it| !it.is_empty()) else { return };
        if !all.is_map() {
            self.clerk.add(shape(all, "tests by name"));
            return;
        }
        for (key, body) in all.pairs() {
            if self.tests.len() >= TESTS_MAX {
                let what = format!("more than {TESTS_MAX} tests");
                self.clerk.add(Diagnostic::new(Code::TooMany, what).at(key.place()));
                return;
            }
            let test = self.test(key, body);
            self.tests.extend(test);
        }
    }

    fn test(&mut self, key: View<'a>, body: View<'a>) -> Option<RoutingTest> {
        if !self.clerk.is_map(body, "a test", KEYS) {
            return None;
        }
        let example = "given: { acme/web/http: crit for 20m }";
        let given = self.clerk.required(key, body, "given", example);
        let given = given.and_then(|it| self.given(it));
        let at = self.clerk.required(key, body, "at", "at: Sun 03:00");
        let (zone, now) = (self.clerk.zone.clone(), self.clerk.now());
        let moment = at.and_then(|it| self.clerk.word(it, |text| duty::moment(text, &zone, now)));
        let (told, asked) = (self.people(body, "told")?, self.people(body, "asked")?);
        let answers = [("blocking", Some(true)), ("can wait", Some(false))];
        let answer = self.clerk.choice_of(body, "answer", None, &answers);
        let opened = [("opened", Some(true)), ("none", Some(false))];
        let call = self.clerk.choice_of(body, "call", None, &opened);
        let proposal = self.clerk.choice_of(body, "proposal", None, &opened);
        let expects_people = told.is_some() || asked.is_some();
        if !expects_people && call == Some(None) && proposal == Some(None) {
            let found = Diagnostic::new(Code::Missing, "the test expects nothing");
            let found = found.at(key.place());
            self.clerk.add(found.help("write `told:`, `asked:`, `call:` or `proposal:`"));
            return None;
        }
        Some(RoutingTest {
            name: key.text()?.to_owned(),
            given: given?,
            at: at?.text()?.to_owned(),
            moment: moment?,
            answer: answer?,
            told,
            asked,
            call: call?,
            proposal: proposal?,
            place: self.clerk.rule_at(key),
        })
    }

    fn given(&mut self, map: View<'a>) -> Option<Vec<Given>> {
        if !map.is_map() || map.pairs().next().is_none() {
            self.clerk.add(shape(map, "hosts and services with a state"));
            return None;
        }
        let mut given = Vec::new();
        let mut whole = true;
        for (key, value) in map.pairs() {
            if given.len() >= ITEMS_MAX {
                let what = format!("more than {ITEMS_MAX} states");
                self.clerk.add(Diagnostic::new(Code::TooMany, what).at(key.place()));
                return None;
            }
            let Some(name) = key.text() else { continue };
            let Some(found) = self.plan.find(name) else {
                let what = format!("no host and no service is called {}", quoted(name));
                let found = Diagnostic::new(Code::UnknownName, what).at(key.place());
                self.clerk.add(found.help("write it like `customer/host/service`"));
                whole = false;
                continue;
            };
            let of_host = matches!(found, CheckableRef::Host(_));
            match self.clerk.word(value, |text| state(text, of_host)) {
                Some((status, held)) => given.push(Given { name: name.to_owned(), status, held }),
                None => whole = false,
            }
        }
        whole.then_some(given)
    }

    /// What stands under `key`, if anything does. `None`: it is wrong.
    fn people(&mut self, body: View<'a>, key: &str) -> Option<Option<Vec<ToldBy>>> {
        match body.get(key).filter(|it| !it.is_empty()) {
            Some(view) => self.told(view).map(Some),
            None => Some(None),
        }
    }

    /// `nobody`, or `[ "oncall/primary by sms" ]`.
    fn told(&mut self, list: View<'a>) -> Option<Vec<ToldBy>> {
        if list.plain() == Some("nobody") {
            return Some(Vec::new());
        }
        if list.is_map() {
            self.clerk.add(shape(list, "`nobody`, or a list like `[ \"oncall/primary by sms\" ]`"));
            return None;
        }
        let items = list.items();
        if let Some(extra) = items.get(ITEMS_MAX) {
            let what = format!("more than {ITEMS_MAX} to be told");
            self.clerk.add(Diagnostic::new(Code::TooMany, what).at(extra.place()));
            return None;
        }
        let told: Vec<ToldBy> = items.iter().filter_map(|it| self.told_by(*it)).collect();
        (told.len() == items.len()).then_some(told)
    }

    fn told_by(&mut self, item: View<'a>) -> Option<ToldBy> {
        let text = self.clerk.text(item)?;
        let (who, via) = match text.rsplit_once(" by ") {
            Some((who, via)) => (who.trim(), Some(via.trim())),
            None => (text.trim(), None),
        };
        let who = self.clerk.target_called(who, item)?;
        let via = match via {
            Some(via) => Some(self.clerk.called(via, Section::Channels, item)?),
            None => None,
        };
        Some(ToldBy { text: text.to_string(), who, via })
    }
}

/// `crit for 20m`, `down`.
fn state(text: &str, of_host: bool) -> Result<(Status, Duration), Fault> {
    const OF_HOST: &[(&str, Status)] = &[("down", Status::Down), ("up", Status::Up)];
    const OF_SERVICE: &[(&str, Status)] = &[
        ("crit", Status::Critical),
        ("critical", Status::Critical),
        ("warn", Status::Warning),
        ("warning", Status::Warning),
        ("unknown", Status::Unknown),
        ("ok", Status::Ok),
    ];
    let known = if of_host { OF_HOST } else { OF_SERVICE };
    let (word, held) = match text.split_once(" for ") {
        Some((word, held)) => (word.trim(), Some((held, text.len() - held.len()))),
        None => (text.trim(), None),
    };
    let found = known.iter().find(|it| it.0.eq_ignore_ascii_case(word)).map(|it| it.1);
    let status = found.ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|it| it.0).collect();
        not_one_of(word, &names)
    })?;
    let held = match held {
        Some((held, at)) => words::duration(held)
            .map_err(|it| Fault { span: it.span.start + at..it.span.end + at, ..it })?,
        None => Duration::ZERO,
    };
    Ok((status, held))
}
