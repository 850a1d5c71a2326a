//! Streams of events: resumed without a gap, narrow as their token, and never a burden.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::Request,
};
use futures_util::StreamExt;
use hyper::service::Service;
use model::{EventKind, Token};
use tokio::time::timeout;

use super::{PATIENCE, Who, World, all_scopes, ready, request, token, with};
use crate::api::stream::{STREAMS_MAX, STREAMS_OF_TOKEN_MAX};

struct Listener {
    body: BodyDataStream,
    text: String,
}

impl Listener {
    async fn begin(world: &World, who: u64, last: Option<u64>) -> Self {
        let request = request(Who::Token(who), "GET", "/api/v1/events", None);
        let mut request = with(request, "accept", "text/event-stream");
        if let Some(last) = last {
            request = with(request, "last-event-id", &last.to_string());
        }
        Self::of(world, request).await
    }

    async fn of(world: &World, request: Request<Body>) -> Self {
        let response = world.door.call(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// Reads until `count` events are there, and says their ids.
    async fn ids(&mut self, count: usize) -> Vec<u64> {
        let ids = |text: &str| -> Vec<u64> {
            let lines = text.lines();
            lines.filter_map(|it| it.strip_prefix("id: ")?.parse().ok()).collect()
        };
        while ids(&self.text).len() < count {
            let piece = timeout(PATIENCE, self.body.next()).await.expect("events come");
            let piece = piece.expect("the stream goes on").unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
        ids(&self.text)
    }

    async fn ends(mut self) {
        let all = async { while self.body.next().await.is_some() {} };
        timeout(PATIENCE, all).await.expect("the stream ends");
    }
}

fn happen(world: &World, count: usize) {
    for number in 0..count {
        let customer = ["acme", "bolt", ""][number % 3];
        world.fake.happen(customer, EventKind::ProblemOpened, "engine");
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke_off() {
    let world = ready();
    happen(&world, 5);
    let mut first = Listener::begin(&world, 1, None).await;
    happen(&world, 3);
    assert_eq!(first.ids(3).await, [6, 7, 8], "from now on");
    drop(first);
    happen(&world, 3);
    let mut second = Listener::begin(&world, 1, Some(7)).await;
    assert_eq!(second.ids(4).await, [8, 9, 10, 11], "nothing is missed, nothing comes twice");
    happen(&world, 1);
    assert_eq!(second.ids(5).await, [8, 9, 10, 11, 12]);
    let data = second.text.lines().find_map(|it| it.strip_prefix("data: ")).unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((&data["kind"], &data["id"]), (&"problem-opened".into(), &8.into()));
    assert_eq!(data["text"], "line one\nline two");
    assert!(second.text.starts_with("retry: 2000\n\n"));
}

#[tokio::test]
async fn a_long_past_comes_piece_by_piece_and_in_order() {
    let world = ready();
    happen(&world, 1_000);
    let mut all = Listener::begin(&world, 1, Some(0)).await;
    assert_eq!(all.ids(1_000).await, (1..=1_000).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_narrow_token_hears_only_its_own() {
    let world = World::new();
    world.let_in([token(2, &all_scopes(), Some(&["acme"]))]);
    happen(&world, 9);
    let mut stream = Listener::begin(&world, 2, Some(0)).await;
    assert_eq!(stream.ids(3).await, [1, 4, 7]);
    let piece =
        world.ask(Who::Token(2), "GET", "/api/v1/events?after=1&limit=5", None).await.json();
    let ids: Vec<_> =
        piece["items"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!((ids, &piece["after"]), (vec![4.into()], &6.into()), "read as far as was looked");
}

#[tokio::test]
async fn a_token_that_is_taken_back_ends_its_streams() {
    let world = ready();
    let stream = Listener::begin(&world, 1, None).await;
    world.let_in([Token { revoked_at: Some(super::NOW), ..token(1, &all_scopes(), None) }]);
    happen(&world, 1);
    stream.ends().await;
}

#[tokio::test]
async fn signs_of_life_come_while_nothing_happens() {
    tokio::time::pause();
    let world = ready();
    let mut stream = Listener::begin(&world, 1, None).await;
    let mut said = String::new();
    while said.matches(": still here\n\n").count() < 2 {
        let piece = stream.body.next().await.expect("the stream goes on").unwrap();
        said.push_str(std::str::from_utf8(&piece).unwrap());
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    tokio::time::pause();
    let world = ready();
    let stream = Listener::begin(&world, 1, None).await;
    for _ in 0..10 {
        happen(&world, 3);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.api.0.streams.count(), 1);
    // Time passes, and nobody has read a byte.
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.api.0.streams.count(), 0, "its place is free again");
    stream.ends().await;
}

async fn is_refused(world: &World, who: u64) -> bool {
    let request = request(Who::Token(who), "GET", "/api/v1/events", None);
    let response = world.door.call(with(request, "accept", "text/event-stream")).await.unwrap();
    response.status() == 503
}

#[tokio::test]
async fn there_is_room_for_so_many_streams_and_no_more() {
    let world = World::new();
    world.let_in((1..=9).map(|id| token(id, &all_scopes(), None)));
    let mut streams = Vec::new();
    for number in 0..STREAMS_MAX {
        let who = (number / STREAMS_OF_TOKEN_MAX) as u64 + 1;
        streams.push(Listener::begin(&world, who, None).await);
        if (number + 1) % STREAMS_OF_TOKEN_MAX == 0 {
            assert!(is_refused(&world, who).await, "{who} takes the places of others");
        }
    }
    assert!(is_refused(&world, 9).await, "there is no place at all");
    streams.pop();
    let freed = async {
        while world.api.0.streams.count() == STREAMS_MAX {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, freed).await.expect("a place becomes free");
    streams.push(Listener::begin(&world, 9, None).await);
}

#[tokio::test]
async fn streams_end_with_the_engine() {
    let world = ready();
    let stream = Listener::begin(&world, 1, None).await;
    world.api.end();
    stream.ends().await;
}
