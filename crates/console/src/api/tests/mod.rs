//! Tests of the interface over an engine in memory.

mod document;
mod door;
mod fake;
mod hearing;
mod hostile;
mod lists;
mod matrix;
mod objects;
mod stream;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use model::{Moment, NoteId, Token, TokenScope};
use serde_json::Value;
use tokio::sync::watch;

use self::fake::Fake;
use crate::api::{Api, Seams, Tokens, bucket::Pace, door as way_in, token};

/// When the tests take place.
const NOW: Moment = Moment::from_secs(1_800_000_000);

/// Longest wait for anything that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// So fast that nobody is ever held up.
const FAST: Pace = Pace { per_second: 1_000_000, burst: 1_000_000 };

/// 43 characters that any token of the tests has as its secret.
const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ-_0123456789x";

/// An interface over an engine in memory.
struct World {
    fake: Arc<Fake>,
    tokens: Arc<Tokens>,
    api: Api,
    door: TowerToHyperService<Router>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    /// The token with this id.
    Token(u64),
}

#[derive(Debug)]
struct Heard {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("").to_owned()
    }
}

impl World {
    fn new() -> Self {
        Self::with(FAST, Duration::from_secs(10))
    }

    fn with(pace: Pace, patience: Duration) -> Self {
        let (wake, wakes) = watch::channel(model::EventId(0));
        let fake = Arc::new(Fake::new(wake));
        let tokens = Arc::new(Tokens::default());
        let clock = {
            let fake = Arc::clone(&fake);
            Arc::new(move || fake.now())
        };
        let (ledger, desk) = (Arc::clone(&fake) as _, Arc::clone(&fake) as _);
        let seams = Seams { ledger, desk, tokens: Arc::clone(&tokens), wakes, clock };
        let api = Api::with(seams, pace, patience);
        api.hear(Arc::clone(&fake) as _);
        let router = way_in::router(&api);
        let router = router.merge(crate::ping::router(&api)).merge(crate::badge::router(&api));
        let door = TowerToHyperService::new(router);
        Self { fake, tokens, api, door }
    }

    /// Lets in whoever shows the token with `id`.
    fn let_in(&self, tokens: impl IntoIterator<Item = Token>) {
        self.tokens.replace(tokens);
    }

    async fn send(&self, request: Request<Body>) -> Heard {
        let response = self.door.call(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 64 << 20).await.unwrap().to_vec();
        Heard { status: head.status, headers: head.headers, body }
    }

    async fn ask(&self, who: Who, method: &str, path: &str, body: Option<&Value>) -> Heard {
        self.send(request(who, method, path, body)).await
    }

    async fn get(&self, path: &str) -> Heard {
        self.ask(Who::Token(1), "GET", path, None).await
    }

    async fn post(&self, path: &str, body: &Value) -> Heard {
        self.ask(Who::Token(1), "POST", path, Some(body)).await
    }
}

/// A world with token 1, which may do everything.
fn ready() -> World {
    let world = World::new();
    world.let_in([token(1, &all_scopes(), None)]);
    world
}

fn all_scopes() -> Vec<TokenScope> {
    TokenScope::ALL.iter().map(|it| it.0).collect()
}

fn token(id: u64, scopes: &[TokenScope], customers: Option<&[&str]>) -> Token {
    Token {
        id: NoteId(id),
        name: format!("t{id}").into(),
        hash: token::hash(SECRET),
        scopes: scopes.to_vec(),
        customers: customers.map(|it| it.iter().map(|it| Arc::from(*it)).collect()),
        made_at: NOW,
        expires_at: None,
        revoked_at: None,
    }
}

fn request(who: Who, method: &str, path: &str, body: Option<&Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "engine:8080");
    if let Who::Token(id) = who {
        let shown = token::text(NoteId(id), SECRET);
        request = request.header("authorization", format!("Bearer {shown}"));
    }
    match body {
        None => request.body(Body::empty()).unwrap(),
        Some(body) => {
            let request = request.header("content-type", "application/json");
            request.body(Body::from(body.to_string())).unwrap()
        }
    }
}

/// The same request with one more header.
fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}
