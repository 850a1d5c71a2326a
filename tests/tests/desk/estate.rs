//! What every test here stands on: one receiver, a few doors, and who is told about them.

use tests::{Door, Engine, Receiver};

/// A ladder with one step: the room at once.
pub(crate) const URGENT: &str = "\
\x20 urgent:
    propose: at once
    call: after 30m
    alert:
      - { after: 0m, to: anna, via: [psa] }
";

/// A main file with `policies`, and two channels that end at `receiver`: `/psa` and `/second`.
pub(crate) fn config(receiver: &Receiver, policies: &str) -> String {
    format!(
        "engine: {{ listen: 127.0.0.1:0, data: data, own: {{ policy: own }} }}\n\
         checks: [checks]\n\
         people:\n\
         \x20 anna: {{ name: Anna Roth, email: anna@msp.example }}\n\
         \x20 ben: {{ name: Ben Okafor, email: ben@msp.example }}\n\
         channels:\n\
         \x20 psa: {{ type: webhook, url: \"{}\" }}\n\
         \x20 second: {{ type: webhook, url: \"{}\", fallback: psa }}\n\
         contracts:\n\
         \x20 gold: {{ hours: always, respond: 15m, resolve: 4h, policy: urgent }}\n\
         policies:\n\
         \x20 own: {{ alert: [{{ after: 0m, to: ben, via: [psa] }}] }}\n\
         {policies}",
        receiver.url("psa"),
        receiver.url("second"),
    )
}

/// The check file of the customer with one service for each door.
pub(crate) fn checks(doors: &[(&str, &Door)]) -> String {
    checks_with("", doors)
}

/// The same; `more` goes into each service.
pub(crate) fn checks_with(more: &str, doors: &[(&str, &Door)]) -> String {
    let mut text = String::from(
        "customer: acme\nname: ACME\ncontract: gold\nflapping: off\nevery: 1s\ntimeout: \
         500ms\nretry: 2 x 500ms\nservices:\n",
    );
    for (name, door) in doors {
        text.push_str(&format!("  {name}: {{ tcp: \"{}\"{more} }}\n", door.address()));
    }
    text
}

/// An engine that believes all `doors` to be open.
pub(crate) fn watching(config: &str, doors: &[(&str, &Door)]) -> Engine {
    let engine = Engine::start(config, &[("acme", &checks(doors))]);
    for (name, _) in doors {
        engine.wait_for_hard(&format!("acme/-/{name}"), 0);
    }
    engine
}
