//! Writes down what was refused, at the door or by the desk.
//!
//! The record says who asked for what and why it was refused, never what the request held. Whoever
//! is refused in a loop must not fill the store: beyond a few records a second the rest is counted.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::http::{Method, StatusCode, Uri};
use model::{Actor, Command, Request};
use tokio::sync::Semaphore;

use crate::{
    Readings,
    api::{
        Api,
        bucket::{Bucket, Pace},
        fault::{CODES, Fault},
    },
};

/// Records a second, and at once.
const PACE: Pace = Pace { per_second: 10, burst: 10 };

/// Records that are under way to the desk.
const UNDER_WAY_MAX: usize = 16;

/// Characters kept of a path.
const PATH_CHARS_MAX: usize = 200;

/// Who is meant when nobody has said who they are.
const NOBODY: &str = "nobody";

#[derive(Debug)]
pub(crate) struct Audit {
    bucket: Mutex<Option<Bucket>>,
    under_way: Arc<Semaphore>,
    by_code: [AtomicU64; CODES.len()],
    unwritten: AtomicU64,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            bucket: Mutex::default(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            by_code: std::array::from_fn(|_| AtomicU64::new(0)),
            unwritten: AtomicU64::new(0),
        }
    }
}

/// What of a request is written down.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    method: Method,
    path: String,
}

impl Asked {
    pub(crate) fn of(method: &Method, uri: &Uri) -> Self {
        let path = uri.path().chars().take(PATH_CHARS_MAX).collect();
        Self { method: method.clone(), path }
    }

    /// Reads that find nothing or are written wrong are nobody's business.
    fn is_worth_it(&self, fault: &Fault) -> bool {
        let is_refusal = matches!(
            fault.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        );
        let is_read = matches!(self.method, Method::GET | Method::HEAD);
        is_refusal || fault.foreign || (!is_read && fault.status.is_client_error())
    }
}

impl Audit {
    /// Counts the fault, and writes it down if it is worth it and there is room.
    pub(crate) fn refused(&self, api: &Api, actor: Option<&Actor>, asked: &Asked, fault: &Fault) {
        self.count(fault);
        if !asked.is_worth_it(fault) {
            return;
        }
        let way = Arc::clone(&self.under_way).try_acquire_owned();
        let Some(way) = way.ok().filter(|_| self.may_write(api)) else {
            self.unwritten.fetch_add(1, Relaxed);
            return;
        };
        let by = actor.cloned().unwrap_or_else(|| Actor { name: NOBODY.into(), customers: None });
        let why = if fault.foreign { "it belongs to somebody else" } else { fault.code };
        let what = format!("{} {}", asked.method, asked.path);
        let command = Command::WriteDownRefusal { what, why: why.to_owned() };
        let request = Request { by, version: None, repeat_key: None, command };
        let api = api.clone();
        tokio::spawn(async move {
            let _way = way;
            if api.ask(request).await.is_err() {
                api.0.audit.unwritten.fetch_add(1, Relaxed);
            }
        });
    }

    pub(crate) fn count(&self, fault: &Fault) {
        if let Some(code) = CODES.iter().position(|it| it.0 == fault.code) {
            self.by_code[code].fetch_add(1, Relaxed);
        }
    }

    fn may_write(&self, api: &Api) -> bool {
        let now = api.now();
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.get_or_insert_with(|| Bucket::full(PACE, now)).take(PACE, now)
    }

    pub(crate) fn read(&self, readings: &mut Readings) {
        for ((code, ..), count) in CODES.iter().zip(&self.by_code) {
            let help = "Requests to the interface that were not done, by why";
            let count = count.load(Relaxed) as f64;
            readings.counter("campanile_api_faults", help, &[("code", code)], count);
        }
        let help = "Refusals that were not written down because there were too many";
        let count = self.unwritten.load(Relaxed) as f64;
        readings.counter("campanile_api_refusals_unwritten", help, &[], count);
    }
}
