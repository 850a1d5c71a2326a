//! The receiver's record held against the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value as Json;
use tests::{Received, Sandbox};

/// A row of the table of alerts.
struct Alert {
    problem: u64,
    kind: String,
    state: String,
    reason: String,
    into: String,
}

/// Everything there is to know when the storm is over.
pub(crate) struct Books {
    received: Vec<Received>,
    alerts: BTreeMap<String, Alert>,
    /// Whether it was about something that has a policy, by id.
    problems: BTreeMap<u64, Json>,
    /// Problems about which it was decided to tell nobody.
    withheld: BTreeSet<u64>,
}

/// What is to be told at the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    problems: usize,
    told: usize,
    withheld: usize,
    alerts: usize,
    delivered: usize,
    withdrawn: usize,
    aggregated: usize,
    dead: usize,
    requests: usize,
    repeats: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problems, told, withheld, alerts, delivered, withdrawn, .. } = self;
        let Self { aggregated, dead, requests, repeats, .. } = self;
        writeln!(f, "problems      {problems}: {told} told, {withheld} withheld with a reason")?;
        writeln!(
            f,
            "alerts        {alerts}: {delivered} delivered, {withdrawn} withdrawn, {aggregated} \
             aggregated, {dead} dead"
        )?;
        write!(f, "requests      {requests}, {repeats} of them repeats of what was taken")
    }
}

fn text(row: &Json, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

impl Books {
    pub(crate) fn read(sandbox: &Sandbox, received: Vec<Received>) -> Self {
        let rows = sandbox.sql(
            "SELECT key, problem, kind, state, json_extract(body, '$.state.reason') AS reason, \
             json_extract(body, '$.state.into') AS \"into\" FROM alert",
        );
        let alert = |row: &Json| {
            let it = Alert {
                problem: row["problem"].as_u64().unwrap(),
                kind: text(row, "kind"),
                state: text(row, "state"),
                reason: text(row, "reason"),
                into: text(row, "into"),
            };
            (text(row, "key"), it)
        };
        let problems = sandbox.sql(
            "SELECT id, about, open, json_extract(body, '$.policy') AS policy, json_extract(body, \
             '$.ending') AS ending FROM problem",
        );
        // That nothing had to be resolved, or that no step was due, says nothing about the trigger.
        let withheld = sandbox.sql(
            "SELECT DISTINCT problem FROM decision WHERE problem <> 0 AND json_extract(body, \
             '$.verdict.is') = 'nobody' AND json_extract(body, '$.verdict.reason') NOT IN \
             ('resolve', 'step')",
        );
        assert_eq!(sandbox.sql("PRAGMA integrity_check")[0]["integrity_check"], "ok");
        Self {
            received,
            alerts: rows.iter().map(alert).collect(),
            problems: problems.into_iter().map(|it| (it["id"].as_u64().unwrap(), it)).collect(),
            withheld: withheld.iter().map(|it| it["problem"].as_u64().unwrap()).collect(),
        }
    }

    /// # Panics
    /// When they do not agree.
    pub(crate) fn check(&self) -> Figures {
        self.one_id_is_one_alert();
        self.nothing_was_sent_that_was_not_written_down();
        self.every_alert_has_an_end();
        self.every_problem_was_told_or_says_why_not();
        self.order_within_each_problem();
        self.figures()
    }

    /// An id never stands for two contents.
    fn one_id_is_one_alert(&self) {
        let mut words: BTreeMap<&str, &str> = BTreeMap::new();
        for it in &self.received {
            let before = *words.entry(it.id()).or_insert(&it.text);
            assert_eq!(before, it.text, "{} has two contents", it.id());
        }
    }

    /// An alert is committed before it leaves.
    fn nothing_was_sent_that_was_not_written_down(&self) {
        for it in &self.received {
            let row = self.alerts.get(it.id()).unwrap_or_else(|| panic!("no row of {it:#?}"));
            assert_eq!((row.problem, row.kind.as_str()), (it.problem(), it.kind()), "{it:#?}");
        }
    }

    /// Delivered, listed in another one, or withdrawn for a reason; none is lost and none waits.
    fn every_alert_has_an_end(&self) {
        let taken = self.taken();
        for (key, it) in &self.alerts {
            let fine = match it.state.as_str() {
                "delivered" => taken.contains_key(key.as_str()),
                "withdrawn" => !it.reason.is_empty(),
                "aggregated" => self.alerts.contains_key(&it.into),
                // A day is long, and no receiver here says never.
                _ => false,
            };
            assert!(fine, "{key}, {} about {}, is {}", it.kind, it.problem, it.state);
        }
    }

    /// Where each id was taken first.
    fn taken(&self) -> BTreeMap<&str, usize> {
        let mut taken = BTreeMap::new();
        for (place, it) in self.received.iter().enumerate().filter(|it| it.1.taken) {
            taken.entry(it.id()).or_insert(place);
        }
        taken
    }

    fn alerts_of(&self) -> BTreeMap<u64, Vec<(&str, &Alert)>> {
        let mut of: BTreeMap<u64, Vec<(&str, &Alert)>> = BTreeMap::new();
        for (key, it) in &self.alerts {
            of.entry(it.problem).or_default().push((key, it));
        }
        of
    }

    fn every_problem_was_told_or_says_why_not(&self) {
        let (taken, alerts) = (self.taken(), self.alerts_of());
        for (id, problem) in &self.problems {
            assert_eq!(problem["open"], 0, "{problem}");
            let of: &[(&str, &Alert)] = alerts.get(id).map_or(&[], |it| it);
            let triggers: Vec<_> = of.iter().filter(|it| it.1.kind == "trigger").collect();
            let told = triggers.iter().any(|it| taken.contains_key(it.0));
            let withdrawn =
                !triggers.is_empty() && triggers.iter().all(|it| it.1.state == "withdrawn");
            let unexplained = !told && !withdrawn && !self.withheld.contains(id);
            assert!(!unexplained, "nobody knows why nobody was told of {problem}");
        }
    }

    /// The room hears `trigger` first and `resolve` last, each resolve after a trigger, and of each
    /// problem that it has heard of that it is over.
    fn order_within_each_problem(&self) {
        let taken = self.taken();
        let mut heard: BTreeMap<u64, Vec<(usize, &str)>> = BTreeMap::new();
        for (key, place) in &taken {
            let it = &self.received[*place];
            heard.entry(it.problem()).or_default().push((*place, &self.alerts[*key].kind));
        }
        for (problem, mut story) in heard {
            story.sort_unstable();
            let words: Vec<&str> = story.iter().map(|it| it.1).collect();
            let (last, before) = words.split_last().unwrap();
            let in_order = *last == "resolve"
                && before.first() == Some(&"trigger")
                && before.iter().all(|it| *it != "resolve");
            assert!(in_order, "the room heard of {problem}: {words:?}");
        }
    }

    fn figures(&self) -> Figures {
        let taken = self.taken();
        let told: BTreeSet<u64> = taken.keys().map(|it| self.alerts[*it].problem).collect();
        let in_state = |state: &str| self.alerts.values().filter(|it| it.state == state).count();
        let takes = self.received.iter().filter(|it| it.taken).count();
        Figures {
            problems: self.problems.len(),
            told: told.len(),
            withheld: self.problems.len() - told.len(),
            alerts: self.alerts.len(),
            delivered: in_state("delivered"),
            withdrawn: in_state("withdrawn"),
            aggregated: in_state("aggregated"),
            dead: in_state("dead"),
            requests: self.received.len(),
            repeats: takes - taken.len(),
        }
    }
}

/// Books that agree: one problem, told and resolved.
fn in_good_order() -> Books {
    let received = |id: &str, kind: &str| Received {
        at: std::time::UNIX_EPOCH,
        path: "/psa".to_owned(),
        headers: vec![("webhook-id".to_owned(), id.to_owned())],
        body: serde_json::json!({ "data": { "kind": kind, "problem": 7 } }),
        text: format!("{kind} 7"),
        taken: true,
    };
    let alert = |kind: &str| Alert {
        problem: 7,
        kind: kind.to_owned(),
        state: "delivered".to_owned(),
        reason: String::new(),
        into: String::new(),
    };
    let alerts = [("a", "trigger"), ("b", "resolve")];
    Books {
        received: alerts.iter().map(|(id, kind)| received(id, kind)).collect(),
        alerts: alerts.iter().map(|(id, kind)| ((*id).to_owned(), alert(kind))).collect(),
        problems: BTreeMap::from([(7, serde_json::json!({ "open": 0 }))]),
        withheld: BTreeSet::new(),
    }
}

#[test]
fn books_that_do_not_agree_are_noticed() {
    type Spoil = fn(&mut Books);
    assert_eq!(in_good_order().check().told, 1);
    let spoiled: [(&str, Spoil); 9] = [
        ("a resolve before its trigger", |it| it.received.reverse()),
        ("no resolve", |it| drop(it.received.pop())),
        ("a resolve without a trigger", |it| drop(it.received.remove(0))),
        ("one id with two contents", |it| {
            let mut again = it.received[0].clone();
            again.text.push('!');
            it.received.push(again);
        }),
        ("an alert that was never written down", |it| drop(it.alerts.remove("a"))),
        ("an alert that still waits", |it| {
            it.alerts.get_mut("b").unwrap().state = "waiting".to_owned();
        }),
        ("delivered, and yet not taken", |it| it.received[1].taken = false),
        ("a problem that nobody was told of", |it| {
            it.received.clear();
            it.alerts.clear();
        }),
        ("a problem that has not ended", |it| {
            it.problems.insert(7, serde_json::json!({ "open": 1 }));
        }),
    ];
    for (what, spoil) in spoiled {
        let mut books = in_good_order();
        spoil(&mut books);
        let noticed = std::panic::catch_unwind(|| books.check()).is_err();
        assert!(noticed, "{what} went unnoticed");
    }
}
