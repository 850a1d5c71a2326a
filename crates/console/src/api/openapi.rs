//! The description of the interface, as OpenAPI 3.1, made from the table of routes.

use std::sync::LazyLock;

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use serde_json::{Map, Value, json};

use crate::api::{
    fault::CODES,
    route::{Route, Tenant, Verb},
    routes::ROUTES,
    shape::Defs,
};

/// Written once: it depends on nothing but the program.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

const ABOUT: &str = "\
What people and programs may ask of a running engine. Times are RFC 3339 in UTC, ids are numbers, \
lists come in parts: give `next` as `cursor`. Every change is committed before it is answered. \
Give `If-Match` to be told rather than to overwrite when somebody else was faster, and \
`Idempotency-Key` to repeat a request without doing it twice. What is not for your eyes does not \
exist for you.";

pub(crate) fn serve() -> Response {
    let mut response = Response::new(Body::from(DOCUMENT.as_str()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

pub(crate) fn document() -> Value {
    let mut defs = Defs::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let operations = paths.entry(route.path).or_insert_with(|| json!({}));
        operations[method(route.verb)] = operation(route, &mut defs);
    }
    defs.insert("Fault", fault_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Campanile",
            "version": "1",
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": defs,
            "responses": {
                "Fault": {
                    "description": "It was not done, and nothing has changed unless it says so.",
                    "content": {
                        "application/problem+json": {
                            "schema": { "$ref": "#/components/schemas/Fault" },
                        },
                    },
                },
            },
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

pub(crate) fn method(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "get",
        Verb::Post => "post",
        Verb::Delete => "delete",
    }
}

fn operation(route: &Route, defs: &mut Defs) -> Value {
    let status = if route.makes.is_some() { "201" } else { "200" };
    let gives = json!({
        "description": "It is done.",
        "content": contents(route, (route.gives)(defs)),
    });
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": rights(route),
        "parameters": parameters(route, defs),
        "responses": { status: gives, "default": { "$ref": "#/components/responses/Fault" } },
        "security": match route.scope {
            None => json!([]),
            Some(_) => json!([{ "token": [] }]),
        },
    });
    if let Some(takes) = route.takes {
        let schema = takes(defs);
        operation["requestBody"] = match route.mail {
            true => json!({ "content": { "message/rfc822": { "schema": schema } } }),
            false => json!({ "content": { "application/json": { "schema": schema } } }),
        };
    }
    operation
}

fn contents(route: &Route, schema: Value) -> Value {
    if route.path.ends_with("/text") {
        return json!({ "text/plain": { "schema": schema } });
    }
    let mut contents = json!({ "application/json": { "schema": schema } });
    if route.path.ends_with("/events") {
        contents["text/event-stream"] = json!({ "schema": { "type": "string" } });
    }
    contents
}

/// Who may do it, in words.
fn rights(route: &Route) -> String {
    let Some(scope) = route.scope else { return "Needs no token.".to_owned() };
    let scope = model::TokenScope::ALL.iter().find(|it| it.0 == scope).map_or("", |it| it.1);
    let whose = match route.tenant {
        Tenant::Open => "",
        Tenant::Listed => " Only what the token may see is listed or concerned.",
        Tenant::Object(_) | Tenant::Named => {
            " What belongs to customers of others does not exist for the token."
        }
        Tenant::Whole => " Only for tokens for all customers.",
    };
    format!("Needs a token with scope `{scope}`.{whose}")
}

fn parameters(route: &Route, defs: &mut Defs) -> Vec<Value> {
    let in_path = names_in(route.path).map(|name| {
        let schema = match name {
            "id" => json!({ "type": "integer", "minimum": 0 }),
            _ => json!({ "type": "string" }),
        };
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    let mut all: Vec<Value> = in_path.collect();
    for param in route.params {
        let schema = (param.schema)(defs);
        let (name, doc) = (param.name, param.doc);
        let required = route.path.ends_with("/why") && name == "name";
        all.push(json!({
            "name": name, "in": "query", "description": doc, "required": required, "schema": schema,
        }));
    }
    let headers: &[(&str, &str)] = match route.verb {
        _ if route.path.ends_with("/events") => {
            &[("Last-Event-ID", "The last event of a stream that broke off.")]
        }
        Verb::Get => &[],
        _ if route.mail => &[],
        _ if route.path.ends_with("/what-if") || route.path == "/api/v1/tokens" => &[],
        Verb::Post | Verb::Delete => &[
            ("If-Match", "The version that was seen, as in `ETag`."),
            ("Idempotency-Key", "The same for a repeat of the same request."),
        ],
    };
    for (name, doc) in headers {
        all.push(json!({
            "name": name, "in": "header", "description": doc, "required": false,
            "schema": { "type": "string" },
        }));
    }
    all
}

/// What stands in braces.
pub(crate) fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'))
}

/// `get_problems_id`.
fn operation_id(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/v1/");
    let words = path.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    [method(route.verb)].into_iter().chain(words).collect::<Vec<_>>().join("_")
}

fn fault_schema() -> Value {
    let codes: Vec<_> = CODES.iter().map(|it| it.0).collect();
    let meanings: Vec<_> =
        CODES.iter().map(|it| format!("`{}` ({}): {}", it.0, it.1, it.2)).collect();
    json!({
        "type": "object",
        "description": "Why something was not done, as RFC 9457 has it.",
        "properties": {
            "type": { "type": "string", "format": "uri" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "enum": codes, "description": meanings.join(" ") },
            "detail": { "type": "string", "description": "Place, cause and remedy." },
            "version": { "type": "integer", "description": "With `stale`: the version now." },
            "now": { "type": "string", "description": "With `stale`: how it stands, in words." },
            "current": { "type": "object", "description": "With `stale`: the object as it is." },
        },
        "required": ["type", "title", "status", "code", "detail"],
    })
}
