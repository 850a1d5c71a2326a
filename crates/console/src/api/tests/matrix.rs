//! Who may do what: every route of the table with every scope, every kind of token and every
//! owner of what it is about. The expectation follows from the table's rules alone; a route without
//! a sample fails the test, so a new one cannot slip through.

use std::sync::atomic::Ordering::SeqCst;

use model::{Moment, Token, TokenScope};
use serde_json::{Value, json};

use super::{NOW, Who, World, all_scopes, objects, token};
use crate::api::{
    forms::duty::key_text,
    object::Kind,
    openapi::method,
    route::{Route, Tenant, Verb},
    routes::ROUTES,
};

/// Whose object a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Own,
    Foreign,
    /// Ours as a provider, no customer's.
    Nobody,
    /// There is no such object.
    Missing,
}

const OWNERS: [Owner; 4] = [Owner::Own, Owner::Foreign, Owner::Nobody, Owner::Missing];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    None,
    Forged,
    Expired,
    Revoked,
    /// For the customer `acme` only.
    Narrow,
    /// For everybody's.
    Wide,
}

const HOLDERS: [Holder; 6] =
    [Holder::None, Holder::Forged, Holder::Expired, Holder::Revoked, Holder::Narrow, Holder::Wide];

impl Owner {
    fn place(self) -> u64 {
        OWNERS.iter().position(|it| *it == self).unwrap() as u64 + 1
    }

    fn customer(self) -> &'static str {
        objects::CUSTOMERS.get(self.place() as usize - 1).copied().unwrap_or("nowhere")
    }
}

/// What stands in the place of the braces.
fn name_of(kind: Kind, owner: Owner) -> String {
    let encoded = |text: &str| text.replace('/', "%2F").replace(' ', "%20").replace('@', "%40");
    match kind {
        Kind::Problem => (10 + owner.place()).to_string(),
        Kind::Proposal => (20 + owner.place()).to_string(),
        Kind::Call => (30 + owner.place()).to_string(),
        Kind::Silence => (40 + owner.place()).to_string(),
        Kind::Window => encoded(&key_text(&objects::window_key(owner.customer()))),
        Kind::Alert => objects::key(owner.place()).to_string(),
        Kind::Watchdog => encoded(&super::hearing::name(owner.customer())),
        Kind::Report => (70 + owner.place()).to_string(),
        Kind::Checkable => encoded(&objects::checkable_name(owner.customer())),
    }
}

fn path_of(route: &Route, owner: Owner) -> String {
    let name = match route.tenant {
        Tenant::Object(kind) => name_of(kind, owner),
        _ if route.path.contains("/overrides/{id}") => "51".to_owned(),
        _ if route.path.contains("/tokens/{id}") => "61".to_owned(),
        _ => "sms".to_owned(),
    };
    let path: Vec<_> = route
        .path
        .split('/')
        .map(|it| if it.starts_with('{') { name.as_str() } else { it })
        .collect();
    let path = path.join("/");
    match route.path {
        "/api/v1/why" => {
            format!("{path}?name={}", objects::checkable_name(owner.customer()))
        }
        _ => path,
    }
}

fn body_of(route: &Route, owner: Owner) -> Option<Value> {
    route.takes?;
    let scope = json!([[{ "label": "host", "op": "like", "value": "web*" }]]);
    let until = "2027-01-15T10:00:00Z";
    Some(match route.path {
        "/api/v1/problems/{id}/acknowledge" => json!({ "text": "seen", "sticky": true }),
        "/api/v1/problems/{id}/comment" => json!({ "text": "hello" }),
        "/api/v1/problems/{id}/blocking" => json!({ "blocking": true }),
        "/api/v1/proposals/{id}/accept" => json!({ "assignee": "anna" }),
        "/api/v1/proposals/{id}/merge" => json!({ "call": 31 }),
        "/api/v1/proposals/{id}/dismiss" => json!({ "reason": "known" }),
        "/api/v1/proposals/{id}/snooze" => json!({ "until": until }),
        "/api/v1/calls" => json!({ "customer": owner.customer(), "title": "printer" }),
        "/api/v1/calls/{id}/assign" => json!({ "person": "anna" }),
        "/api/v1/calls/{id}/suspend" => json!({ "for": "customer", "until": until }),
        "/api/v1/calls/{id}/close" => json!({ "text": "mended" }),
        "/api/v1/calls/{id}/say" => json!({ "text": "on my way", "kind": "to-customer" }),
        "/api/v1/silences" => json!({ "scope": scope, "until": until, "text": "works" }),
        "/api/v1/windows" => json!({
            "name": "patch", "customer": owner.customer(), "scope": scope, "until": until,
        }),
        "/api/v1/windows/{key}/extend" => json!({ "until": until, "text": "longer" }),
        "/api/v1/windows/{key}/end" => json!({ "text": "done" }),
        "/api/v1/oncall/overrides" => {
            json!({ "oncall": "primary", "person": "ben", "until": until })
        }
        "/api/v1/channels/{name}/test" => json!({ "person": "anna" }),
        "/api/v1/tokens" => json!({ "name": "robot", "scopes": ["read"] }),
        "/api/v1/why/what-if" => {
            json!({ "name": objects::checkable_name(owner.customer()), "status": "critical" })
        }
        "/api/v1/watchdogs/{name}/tick" => json!({ "text": "tape is off site" }),
        "/api/v1/watchdogs/{name}/pause" => json!({ "text": "moved" }),
        "/api/v1/watchdogs/{name}/accept-schedule" => json!({ "schedule": "daily 02:00" }),
        "/api/v1/watchdogs/feed" | "/api/v1/watchdogs/test" => json!("Subject: x"),
        "/api/v1/reports/{id}/claim" => json!({ "watchdog": "acme/nas" }),
        "/api/v1/watchdogs/{name}/resume"
        | "/api/v1/reports/{id}/drop"
        | "/api/v1/problems/{id}/unacknowledge"
        | "/api/v1/calls/{id}/start"
        | "/api/v1/calls/{id}/resume"
        | "/api/v1/calls/{id}/block"
        | "/api/v1/alerts/{key}/redeliver" => json!({}),
        path => panic!("no sample for {path}: add one"),
    })
}

fn held(holder: Holder, scopes: &[TokenScope]) -> (Who, Option<Token>) {
    let token = token(7, scopes, None);
    match holder {
        Holder::None => (Who::Nobody, Some(token)),
        Holder::Forged => (Who::Token(7), Some(Token { hash: [7; 32], ..token })),
        Holder::Expired => (Who::Token(7), Some(Token { expires_at: Some(NOW), ..token })),
        Holder::Revoked => (Who::Token(7), Some(Token { revoked_at: Some(Moment::ZERO), ..token })),
        Holder::Narrow => {
            let customers = Some(vec!["acme".into()]);
            (Who::Token(7), Some(Token { customers, ..token }))
        }
        Holder::Wide => (Who::Token(7), Some(token)),
    }
}

/// The rules, said once more and in another way than the door does.
fn expected(route: &Route, holder: Holder, scope: TokenScope, owner: Owner) -> (u16, &'static str) {
    let fine = if route.makes.is_some() { (201, "") } else { (200, "") };
    let Some(needed) = route.scope else { return (200, "") };
    match holder {
        Holder::None => return (401, "no-token"),
        Holder::Forged | Holder::Expired | Holder::Revoked => return (401, "bad-token"),
        Holder::Narrow | Holder::Wide if scope != needed => return (403, "missing-scope"),
        Holder::Narrow if route.tenant == Tenant::Whole => return (403, "all-customers-only"),
        Holder::Narrow | Holder::Wide => {}
    }
    let is_named = matches!(route.tenant, Tenant::Object(_) | Tenant::Named);
    // What is made for a customer that does not exist is the desk's business.
    let makes = route.makes.is_some() && route.tenant == Tenant::Named;
    match (owner, holder) {
        _ if !is_named => fine,
        (Owner::Own, _) => fine,
        (Owner::Missing, Holder::Wide) if makes => fine,
        (Owner::Missing, _) => (404, "unknown"),
        (Owner::Foreign | Owner::Nobody, Holder::Wide) => fine,
        (Owner::Foreign | Owner::Nobody, _) => (404, "unknown"),
    }
}

#[tokio::test]
async fn no_cell_of_the_matrix_is_wrong() {
    let unknown = World::new();
    unknown.let_in([token(1, &all_scopes(), None)]);
    let unknown = unknown.get("/api/v1/problems/999").await;
    let (mut cells, mut refused) = (0, 0);
    for route in ROUTES {
        for (holder, scope, owner) in cells_of() {
            // The customer of a call or window to be made cannot be nobody.
            if owner == Owner::Nobody && route.makes.is_some() && route.tenant == Tenant::Named {
                continue;
            }
            let world = World::new();
            let (who, held) = held(holder, &[scope]);
            world.let_in(held);
            let (verb, path) = (method(route.verb).to_uppercase(), path_of(route, owner));
            let body = body_of(route, owner);
            let request = super::request(who, &verb, &path, body.as_ref());
            let heard = match route.mail {
                true => world.send(super::with(request, "content-type", "message/rfc822")).await,
                false => world.send(request).await,
            };
            let cell = format!("{verb} {path} as {holder:?} with {scope:?} on {owner:?}");
            let (status, code) = expected(route, holder, scope, owner);
            let said = if status >= 400 { heard.code() } else { String::new() };
            assert_eq!((heard.status.as_u16(), &*said), (status, code), "{cell}");
            if status == 404 {
                assert_eq!(heard.body, unknown.body, "{cell} tells more than it should");
            }
            let asked = world.fake.commands.load(SeqCst);
            let may_ask = status < 400 && route.verb != Verb::Get;
            assert!(may_ask || asked == 0, "{cell} came to the desk");
            assert_eq!(heard.headers.contains_key("www-authenticate"), status == 401, "{cell}");
            if holder == Holder::Narrow && status < 400 && route.tenant == Tenant::Listed {
                let text = String::from_utf8_lossy(&heard.body).into_owned();
                assert!(!text.contains("bolt"), "{cell} shows somebody else's: {text}");
                assert!(!text.contains("own uplink"), "{cell} shows our own: {text}");
            }
            cells += 1;
            refused += u32::from(status >= 400);
        }
    }
    assert!(cells > 4_000 && refused > 2_000, "{cells} cells, {refused} refused");
}

fn cells_of() -> impl Iterator<Item = (Holder, TokenScope, Owner)> {
    HOLDERS.into_iter().flat_map(|holder| {
        all_scopes()
            .into_iter()
            .flat_map(move |scope| OWNERS.into_iter().map(move |owner| (holder, scope, owner)))
    })
}

/// What a body names is held to the same rules as what a path names.
#[tokio::test]
async fn a_body_cannot_reach_for_what_a_path_cannot() {
    let world = World::new();
    world.let_in([token(7, &all_scopes(), Some(&["acme"]))]);
    let ask = async |path: &str, body: Value| {
        let heard = world.ask(Who::Token(7), "POST", path, Some(&body)).await;
        (heard.status.as_u16(), heard.body)
    };
    let merge = "/api/v1/proposals/21/merge";
    let missing = ask(merge, json!({ "call": 999 })).await;
    assert_eq!(missing.0, 404);
    assert_eq!(ask(merge, json!({ "call": 32 })).await, missing, "a foreign call");
    assert_eq!(ask(merge, json!({ "call": 33 })).await, missing, "a call of our own");
    let open = |customer: &str, refers_to: u64| json!({ "customer": customer, "title": "x", "refers_to": refers_to });
    assert_eq!(ask("/api/v1/calls", open("acme", 32)).await, missing);
    assert_eq!(ask("/api/v1/calls", open("bolt", 31)).await, missing);
    assert_eq!(ask("/api/v1/calls", open("acme", 31)).await.0, 201);
}

/// A silence or window of a token for one customer is never for others.
#[tokio::test]
async fn what_a_narrow_token_makes_is_narrow() {
    let world = World::new();
    world.let_in([
        token(7, &all_scopes(), Some(&["acme"])),
        token(8, &all_scopes(), Some(&["acme", "bolt"])),
    ]);
    let scope = json!([[{ "label": "service", "op": "is", "value": "http" }]]);
    let until = "2027-01-15T10:00:00Z";
    let silence = json!({ "scope": scope, "until": until, "text": "" });
    let heard = world.ask(Who::Token(7), "POST", "/api/v1/silences", Some(&silence)).await;
    let place = heard.headers["location"].to_str().unwrap().to_owned();
    let heard = world.ask(Who::Token(7), "GET", &place, None).await;
    assert_eq!(heard.json()["customers"], json!(["acme"]));
    let window = json!({ "name": "w", "scope": scope, "until": until });
    let heard = world.ask(Who::Token(7), "POST", "/api/v1/windows", Some(&window)).await;
    let place = heard.headers["location"].to_str().unwrap().to_owned();
    let heard = world.ask(Who::Token(7), "GET", &place, None).await;
    assert_eq!(heard.json()["customer"], "acme");
    let heard = world.ask(Who::Token(8), "POST", "/api/v1/windows", Some(&window)).await;
    assert_eq!((heard.status.as_u16(), &*heard.code()), (400, "invalid"), "for which of the two?");
}
