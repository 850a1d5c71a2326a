//! What can be asked of the console.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state, map_response},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};

use crate::{
    Readings, Shared, api, badge,
    body::pieces,
    exposition::{self, Format},
    ping,
};

/// Most scrapes at once; each has a thread.
const SCRAPES_MAX: usize = 4;

/// Largest body of a request. No page wants one at all.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Longest time in which a body may trickle in.
const BODY_WAIT_MAX: Duration = Duration::from_secs(5);

/// Longest time a reload may take before its asker is told that it goes on without an answer.
const RELOAD_WAIT_MAX: Duration = Duration::from_secs(120);

const INDEX: &str = "\
Campanile

/metrics      what is believed, measured and counted, for Prometheus
/-/healthy    200 while the process lives
/-/ready      200 once every shard watches
/-/reload     POST: read the configuration anew
/api/v1/      problems, proposals, calls and more, for holders of a token
              (described in /api/v1/openapi.json)
/ping/        for jobs that say that they have run
/badge/       how a watchdog stands, as a picture
";

/// Asks the server to read its configuration anew.
#[derive(Debug)]
pub struct ReloadRequest {
    /// Where the answer goes.
    pub reply: oneshot::Sender<ReloadOutcome>,
}

/// How a reload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// The new plan runs; a summary for people.
    Done(String),
    /// The old plan goes on; the mistakes, rendered for people.
    Refused(String),
}

/// What the pages share.
#[derive(Clone)]
struct Desk {
    shared: Arc<Shared>,
    reload: mpsc::Sender<ReloadRequest>,
    scrapes: Arc<Semaphore>,
}

/// All pages.
pub(crate) fn router(shared: Arc<Shared>, reload: mpsc::Sender<ReloadRequest>) -> Router {
    let api = shared.api().map(doors).unwrap_or_default();
    let desk = Desk { shared, reload, scrapes: Arc::new(Semaphore::new(SCRAPES_MAX)) };
    Router::new()
        .route("/", get(|| async { INDEX }))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(|| async { "healthy\n" }))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload_now))
        .merge(api)
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is no such page\n") })
        .layer(map_response(harden))
        .layer(from_fn_with_state(Arc::clone(&desk.shared), count))
        .with_state(desk)
}

/// Whatever needs the interface.
fn doors(api: &api::Api) -> Router<Desk> {
    api::router(api).merge(ping::router(api)).merge(badge::router(api))
}

async fn metrics(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let Ok(permit) = Arc::clone(&desk.scrapes).try_acquire_owned() else {
        return busy("too many scrapes at once\n");
    };
    let format = choose(&headers);
    let (mut writer, body) = pieces();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        // An error means that the reader is gone; there is nobody left to tell.
        if exposition::write(&desk.shared, format, &mut writer).is_ok() {
            writer.finish().ok();
        }
    });
    ([(header::CONTENT_TYPE, format.content_type())], Body::from_stream(body)).into_response()
}

async fn ready(State(desk): State<Desk>) -> Response {
    match desk.shared.not_ready() {
        None => "ready\n".into_response(),
        Some(why) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response()
        }
    }
}

async fn reload_now(State(desk): State<Desk>, request: Request) -> Response {
    if is_from_elsewhere(request.headers()) {
        return (StatusCode::FORBIDDEN, "not from another site's page\n").into_response();
    }
    match timeout(BODY_WAIT_MAX, to_bytes(request.into_body(), BODY_BYTES_MAX)).await {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => {
            return (StatusCode::PAYLOAD_TOO_LARGE, "no body is wanted\n").into_response();
        }
        Err(_) => return (StatusCode::REQUEST_TIMEOUT, "the body did not come\n").into_response(),
    }
    let (reply, answer) = oneshot::channel();
    if desk.reload.try_send(ReloadRequest { reply }).is_err() {
        return busy("another reload is under way, or the engine is stopping\n");
    }
    match timeout(RELOAD_WAIT_MAX, answer).await {
        Ok(Ok(ReloadOutcome::Done(summary))) => summary.into_response(),
        Ok(Ok(ReloadOutcome::Refused(mistakes))) => {
            (StatusCode::BAD_REQUEST, mistakes).into_response()
        }
        Ok(Err(_)) => busy("the engine is stopping\n"),
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "the reload goes on\n").into_response(),
    }
}

fn busy(why: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], why).into_response()
}

/// A browser that was sent here by another site says so. Tools say nothing.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None => headers.contains_key(header::ORIGIN),
        Some(site) => site != b"same-origin" && site != b"none",
    }
}

/// The format that the reader likes best; the older one if it does not say.
fn choose(headers: &HeaderMap) -> Format {
    let (mut open, mut plain) = (0.0, 0.0_f32);
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok());
    for range in accepts.flat_map(|it| it.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|it| it.strip_prefix("q="));
        let weight = weight.map_or(1.0, |it| it.parse::<f32>().unwrap_or(0.0));
        match name.as_str() {
            "application/openmetrics-text" => open = weight.max(open),
            "text/plain" | "text/*" | "*/*" => plain = weight.max(plain),
            _ => {}
        }
    }
    if open > 0.0 && open >= plain { Format::OpenMetrics } else { Format::Plain }
}

async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let nosniff = HeaderName::from_static("x-content-type-options");
    headers.insert(nosniff, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn count(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let is_other =
        !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST | Method::DELETE);
    let page = if is_other { Visits::OTHER } else { Visits::page(request.uri().path()) };
    let response = next.run(request).await;
    shared.visits.count(page, response.status());
    response
}

/// How often each page was asked for and how that ended.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    counts: [[AtomicU64; Self::CODES.len() + 1]; Self::PAGES.len() + 1],
    pub(crate) connections: AtomicU64,
    pub(crate) held_back: AtomicU64,
}

impl Visits {
    /// Only pages that exist become a label: anybody can ask for any path.
    const PAGES: [&'static str; 8] =
        ["/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/api/v1", "/ping", "/badge"];
    const OTHER: usize = Self::PAGES.len();
    const CODES: [u16; 12] = [200, 201, 400, 401, 403, 404, 405, 409, 413, 429, 503, 504];

    fn page(path: &str) -> usize {
        let folders = ["/api/v1", "/ping", "/badge"].into_iter();
        let mut inside =
            folders.filter(|it| path.strip_prefix(it).is_some_and(|it| it.starts_with('/')));
        let path = inside.next().unwrap_or(path);
        Self::PAGES.iter().position(|it| *it == path).unwrap_or(Self::OTHER)
    }

    fn count(&self, page: usize, status: StatusCode) {
        let code = Self::CODES.iter().position(|it| *it == status.as_u16());
        self.counts[page][code.unwrap_or(Self::CODES.len())].fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, readings: &mut Readings) {
        for (page, counts) in self.counts.iter().enumerate() {
            for (code, count) in counts.iter().enumerate() {
                let count = count.load(Relaxed);
                if count == 0 {
                    continue;
                }
                let path = Self::PAGES.get(page).copied().unwrap_or("other");
                let code = Self::CODES.get(code).map_or("other".to_owned(), ToString::to_string);
                let labels = [("path", path), ("code", code.as_str())];
                let name = "campanile_console_requests";
                readings.counter(name, "Requests answered", &labels, count as f64);
            }
        }
        let open = self.connections.load(Relaxed) as f64;
        readings.gauge("campanile_console_connections", "Connections that are open", &[], open);
        let held_back = self.held_back.load(Relaxed) as f64;
        let help = "Times that new connections had to wait for others to end";
        readings.counter("campanile_console_connections_held_back", help, &[], held_back);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: &'static str) -> Format {
        choose(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
    }

    #[test]
    fn the_reader_chooses_the_format() {
        assert_eq!(choose(&HeaderMap::new()), Format::Plain);
        assert_eq!(chosen("*/*"), Format::Plain);
        assert_eq!(chosen("text/plain;version=0.0.4;q=1,*/*;q=0.1"), Format::Plain);
        let prometheus = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(chosen(prometheus), Format::OpenMetrics);
        assert_eq!(chosen("application/openmetrics-text;q=0"), Format::Plain);
        assert_eq!(chosen("text/plain, application/openmetrics-text;q=0.5"), Format::Plain);
        assert_eq!(chosen("text/plain;q=x, application/openmetrics-text"), Format::OpenMetrics);
    }

    #[test]
    fn only_another_sites_page_is_turned_away() {
        let with = |name: &'static str, value: &'static str| {
            let name = HeaderName::from_static(name);
            is_from_elsewhere(&HeaderMap::from_iter([(name, HeaderValue::from_static(value))]))
        };
        assert!(!is_from_elsewhere(&HeaderMap::new()));
        assert!(!with("sec-fetch-site", "same-origin"));
        assert!(!with("sec-fetch-site", "none"));
        assert!(with("sec-fetch-site", "cross-site"));
        assert!(with("origin", "https://elsewhere.example"));
    }
}
