//! The description of the interface is whole, and answers look as it says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Who, World, ready};
use crate::api::{
    fault::CODES,
    openapi::{document, method, names_in},
    routes::ROUTES,
};

/// Calls `each` with every reference in `value`.
fn references(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("$ref", Value::String(to)) => each(to),
                    _ => references(value, each),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|it| references(it, each)),
        _ => {}
    }
}

#[test]
fn every_route_is_described_and_every_reference_leads_somewhere() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for route in ROUTES {
        let operation = &document["paths"][route.path][method(route.verb)];
        assert!(operation.is_object(), "{} is not described", route.path);
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert!(ids.insert(id.clone()), "{id} is there twice");
        let params = operation["parameters"].as_array().unwrap();
        for name in names_in(route.path) {
            let is_there = |it: &Value| it["name"] == name && it["in"] == "path";
            assert!(params.iter().any(is_there), "{} does not describe {name}", route.path);
        }
        assert_eq!(operation["requestBody"].is_object(), route.takes.is_some(), "{}", route.path);
        assert_eq!(operation["security"] == json!([]), route.scope.is_none(), "{}", route.path);
    }
    let described = document["paths"].as_object().unwrap().values();
    assert_eq!(described.map(|it| it.as_object().unwrap().len()).sum::<usize>(), ROUTES.len());
    let mut count = 0;
    references(&document, &mut |to| {
        let pointer = to.strip_prefix('#').expect("all references are to this document");
        let found = document.pointer(pointer);
        assert!(found.is_some_and(Value::is_object), "{to} leads nowhere");
        count += 1;
    });
    assert!(count > 100, "{count} references");
}

#[test]
fn every_code_has_its_status_and_meaning_once() {
    let codes: BTreeSet<_> = CODES.iter().map(|it| it.0).collect();
    assert_eq!(codes.len(), CODES.len());
    assert!(CODES.iter().all(|it| it.1 >= 400 && it.2.ends_with('.')));
}

/// Is `value` as `schema` says? Knows the part of JSON Schema that the document uses.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(to) = schema["$ref"].as_str() {
        let schema = document.pointer(to.strip_prefix('#').unwrap()).unwrap();
        return check(document, schema, value, place);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let null = json!({ "type": "null" });
        let which = if value.is_null() { &null } else { &any[0] };
        assert!(any.contains(&null) || !value.is_null(), "{place} is null");
        return check(document, which, value, place);
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(it) if it.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match &schema["type"] {
        Value::String(one) => one == is,
        Value::Array(several) => several.iter().any(|it| it == is),
        _ => true,
    };
    assert!(fits, "{place} is {is}: {value}, and should be {schema}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{place}: {value} is none of {words:?}");
    }
    if schema["format"] == "date-time" {
        value.as_str().unwrap().parse::<jiff::Timestamp>().expect(place);
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{place}[{at}]"));
    }
    let Some(map) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(map.contains_key(name.as_str().unwrap()), "{place} has no {name}");
    }
    for (name, value) in map {
        let place = format!("{place}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => panic!("{place} is not described"),
            (Value::Null, others) => check(document, others, value, &place),
            (schema, _) => check(document, schema, value, &place),
        }
    }
}

#[tokio::test]
async fn answers_are_as_described() {
    let world = ready();
    let heard = world.ask(Who::Nobody, "GET", "/api/v1/openapi.json", None).await;
    let document = heard.json();
    world.fake.happen("acme", model::EventKind::ProblemOpened, "engine");
    let name = "acme%2Fweb%2Fhttp";
    for (template, path) in [
        ("/problems", "/problems".to_owned()),
        ("/problems/{id}", "/problems/11".to_owned()),
        ("/proposals", "/proposals".to_owned()),
        ("/proposals/{id}", "/proposals/21".to_owned()),
        ("/calls", "/calls".to_owned()),
        ("/calls/{id}", "/calls/31".to_owned()),
        ("/silences", "/silences".to_owned()),
        ("/silences/{id}", "/silences/41".to_owned()),
        ("/windows", "/windows".to_owned()),
        ("/oncall", "/oncall?at=2027-01-15T08:00:00Z".to_owned()),
        ("/alerts", "/alerts?state=all".to_owned()),
        ("/tokens", "/tokens".to_owned()),
        ("/why", format!("/why?name={name}")),
        ("/events", "/events".to_owned()),
        ("/checkables/{name}", format!("/checkables/{name}")),
        ("/watchdogs", "/watchdogs?standing=missing".to_owned()),
        ("/watchdogs/{name}", "/watchdogs/acme%2Fnas".to_owned()),
        ("/watchdogs/{name}/secrets", "/watchdogs/acme%2Fnas/secrets".to_owned()),
        ("/watchdogs/{name}/slots", "/watchdogs/acme%2Fnas/slots".to_owned()),
        ("/watchdogs/grid", "/watchdogs/grid?from=2027-01-10&days=7".to_owned()),
        ("/watchdogs/calendar", "/watchdogs/calendar?name=acme%2Fnas&days=3".to_owned()),
        ("/reports", "/reports?class=unclaimed".to_owned()),
        ("/reports/{id}", "/reports/71".to_owned()),
    ] {
        let heard = world.get(&format!("/api/v1{path}")).await;
        assert_eq!(heard.status.as_u16(), 200, "{path}: {}", heard.json());
        let operation = &document["paths"][format!("/api/v1{template}")]["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{template}");
        let value = heard.json();
        let items = value["items"].as_array();
        assert!(items.is_none_or(|it| !it.is_empty()), "{path} proves nothing: it is empty");
        check(&document, schema, &value, template);
    }
    let fault = world.get("/api/v1/problems/999").await;
    check(&document, &document["components"]["schemas"]["Fault"], &fault.json(), "fault");
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_said_to_be_so() {
    let world: World = ready();
    let heard = world.get("/api/v1/nothing").await;
    assert_eq!((heard.status.as_u16(), &*heard.code()), (404, "no-such-path"));
    let heard = world.ask(Who::Token(1), "PUT", "/api/v1/problems", None).await;
    assert_eq!((heard.status.as_u16(), &*heard.code()), (405, "no-such-method"));
    assert!(heard.headers["allow"].to_str().unwrap().contains("GET"));
}
