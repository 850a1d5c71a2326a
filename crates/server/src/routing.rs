//! `campanile test`: who would be told, by the rules as they are written, without sending anything.

use std::{sync::Arc, time::Duration};

use config::{Loaded, RoutingTest, ToldBy};
use engine::desk::{Desk, Expectation, Foreseen, Hypothesis, Supposed};
use model::{Moment, Plan};

use crate::{desk::subjects_of, follower::horizon, register::Register};

/// What one routing test came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// What it shows, in words.
    pub name: String,
    /// Where it was written.
    pub place: Arc<str>,
    /// What is not as expected, one line each; empty if all is.
    pub faults: Vec<String>,
}

/// Runs all routing tests of `loaded` against its own rules.
#[must_use]
pub fn routing_tests(loaded: &Loaded, tests: &[RoutingTest]) -> Vec<Routed> {
    let Some(plan) = &loaded.plan else { return Vec::new() };
    tests.iter().map(|it| run(plan, it)).collect()
}

fn run(plan: &Plan, test: &RoutingTest) -> Routed {
    let desk = desk_at(plan, test.moment);
    let given = test.given.iter().map(|it| Supposed {
        name: Arc::from(it.name.as_str()),
        status: it.status,
        at: test.moment.before(it.held),
    });
    let it = Hypothesis { given: given.collect(), until: test.moment, answer: test.answer };
    let faults = match desk.suppose(&it) {
        Some(expected) => faults(plan, &desk, test, &expected),
        None => vec!["not all that is given is watched".to_owned()],
    };
    Routed { name: test.name.clone(), place: Arc::clone(&test.place), faults }
}

fn faults(plan: &Plan, desk: &Desk, test: &RoutingTest, expected: &Expectation) -> Vec<String> {
    let asked: Vec<Foreseen> = expected.asked.iter().map(|it| it.asked.clone()).collect();
    let mut faults = compare(plan, desk, "told", test.told.as_deref(), &expected.told);
    faults.extend(compare(plan, desk, "asked", test.asked.as_deref(), &asked));
    for (what, wanted, found) in
        [("call", test.call, expected.called_at), ("proposal", test.proposal, expected.proposed_at)]
    {
        if wanted.is_some_and(|it| it != found.is_some()) {
            faults.push(format!("there is {} {what}", if found.is_some() { "a" } else { "no" }));
        }
    }
    faults
}

/// Who is `told` or `asked` and should not be, and the other way round.
fn compare(
    plan: &Plan,
    desk: &Desk,
    verb: &str,
    wanted: Option<&[ToldBy]>,
    all: &[Foreseen],
) -> Vec<String> {
    let Some(wanted) = wanted else { return Vec::new() };
    let mut faults = Vec::new();
    for it in wanted {
        if !all.iter().any(|seen| fits(plan, desk, it, seen)) {
            faults.push(format!("not {verb}: {}", it.text));
        }
    }
    for seen in all {
        if !wanted.iter().any(|it| fits(plan, desk, it, seen)) {
            let Foreseen { route, rule, how, .. } = seen;
            faults.push(format!(
                "{verb} besides: {} by {} ({how}, {rule})",
                route.contact, route.channel
            ));
        }
    }
    faults.dedup();
    faults
}

/// Is `seen` what `wanted` means: the same way, and a step for the same people?
fn fits(plan: &Plan, desk: &Desk, wanted: &ToldBy, seen: &Foreseen) -> bool {
    let channel = wanted.via.and_then(|it| plan.duty.channels.get(it as usize));
    if channel.is_some_and(|it| it.name != seen.route.channel) {
        return false;
    }
    let people = desk.people_behind(wanted.who, seen.at);
    let of_step = || seen.to.iter().flat_map(|it| desk.people_behind(*it, seen.at));
    seen.to.contains(&wanted.who)
        || people.contains(&seen.route.contact)
        || &*seen.route.contact == "*" && of_step().any(|it| people.contains(&it))
}

/// A desk that has just begun, with the rules of `plan` worked out around `at`.
fn desk_at(plan: &Plan, at: Moment) -> Desk {
    let mut desk = Desk::new(0, 1);
    let laid = Register::new(1).lay(plan);
    let times = calendar::times(&plan.duty, horizon(at.before(Duration::from_secs(86_400))), at);
    let subjects = subjects_of(plan, &laid);
    drop(desk.arrange(at, Arc::clone(&plan.duty), Arc::new(times), subjects));
    desk
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "\
engine: { timezone: Europe/Berlin }
checks: [checks]
people:
  anna: { phone: \"+49 151 0000001\" }
  lead: { phone: \"+49 151 0000002\" }
oncall:
  primary: { people: [anna] }
channels:
  psa: { type: webhook, url: \"http://127.0.0.1:9/\" }
  sms: { type: sms, url: \"http://127.0.0.1:9/\" }
policies:
  urgent:
    propose: at once
    alert:
      - { to: oncall/primary, via: psa }
      - { after: 10m, to: oncall/primary, via: sms }
    ask: { outside: Mon-Fri 08:00-18:00, lead: lead, via: sms, patience: 15m, silence: can wait }
";
    const ACME: &str = "\
customer: acme
policy: urgent
maintenance:
  patch: { when: \"Sun 12:00 for 4h\", what: host/web }
hosts:
  web: { address: 127.0.0.1, services: { http: { tcp: 80 } } }
";

    /// What each test of `texts` finds wrong, by name.
    fn found(texts: &str) -> Vec<(String, Vec<String>)> {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("checks")).unwrap();
        put("config.yaml", MAIN);
        put("checks/acme.yaml", ACME);
        put("checks/acme.test.yaml", texts);
        let loaded = crate::load(&folder.path().join("config.yaml"));
        assert!(loaded.plan.is_some(), "{}", loaded.render(false));
        let (tests, wrong) = config::tests(&loaded);
        assert!(wrong.is_empty(), "{}", loaded.render_all(&wrong, false));
        routing_tests(&loaded, &tests).into_iter().map(|it| (it.name, it.faults)).collect()
    }

    #[test]
    fn a_question_at_night_can_be_expected_and_what_follows_from_the_answer() {
        let found = found(
            "\
tests:
  at night the lead is asked and nobody else is told:
    { given: { acme/web/http: crit for 40m }, at: Sun 03:00, asked: [lead by sms], told: nobody }
  what blocks reaches everybody:
    given: { acme/web/http: crit for 40m }
    at: Sun 03:00
    answer: blocking
    asked: [lead]
    told: [oncall/primary by psa, oncall/primary by sms]
  what can wait reaches nobody:
    { given: { acme/web/http: crit for 40m }, at: Sun 03:00, answer: can wait, told: nobody }
  by day nobody is asked:
    { given: { acme/web/http: crit for 5m }, at: Mon 10:00, asked: nobody, told: [anna by psa] }
  in maintenance nobody is asked:
    { given: { acme/web/http: crit for 5m }, at: Sun 13:00, asked: nobody, told: nobody }
  what is well is told to nobody:
    { given: { acme/web/http: ok for 5m }, at: Mon 10:00, asked: nobody, told: nobody }
  a host explains its services:
    given: { acme/web: down for 5m, acme/web/http: crit for 4m }
    at: Mon 10:00
    told: [anna by psa]
    proposal: opened
",
        );
        assert_eq!(found.len(), 7);
        for (name, faults) in found {
            assert_eq!(faults, [""; 0], "{name}");
        }
    }

    #[test]
    fn what_is_not_as_expected_is_said_with_the_rule() {
        let found = found(
            "\
tests:
  nobody: { given: { acme/web/http: crit }, at: Sun 03:00, asked: nobody }
  by day: { given: { acme/web/http: crit }, at: Mon 10:00, asked: [lead], told: nobody, call: opened }
",
        );
        let faults = |place: usize| found[place].1.join("\n");
        assert_eq!(faults(0), "asked besides: lead by sms (lead -> lead, config.yaml:17)");
        assert_eq!(
            faults(1),
            "told besides: * by psa (oncall/primary -> anna, config.yaml:15)\n\
             not asked: lead\nthere is no call"
        );
    }
}
