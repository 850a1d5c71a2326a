//! Why something is not done, as RFC 9457 has it.
//!
//! Every fault has a stable code for programs and a sentence for people that says where, why and
//! what to do. What does not exist and what is not for the eyes of whoever asks is one and the same
//! fault, to the byte.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Map, Value, json};

use crate::api::token::NoEntry;

/// Longest text of a fault, in characters: some of it may come from whoever asks.
const DETAIL_CHARS_MAX: usize = 400;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// Place, cause and remedy.
    pub(crate) detail: String,
    /// Further members.
    pub(crate) more: Map<String, Value>,
    /// Seconds after which a repeat may help.
    pub(crate) retry_after: Option<u64>,
    /// Was it somebody else's object that was asked for? Written down, and never shown.
    pub(crate) foreign: bool,
}

/// Every code with its meaning, for the description of the interface.
pub(crate) const CODES: &[(&str, u16, &str)] = &[
    ("invalid", 400, "A field, parameter or header has a value that makes no sense."),
    ("malformed-json", 400, "The body is not JSON."),
    ("too-deep", 400, "The body nests too deep."),
    ("no-token", 401, "No token was shown."),
    ("bad-token", 401, "The token is unknown, forged, expired or was taken back."),
    ("missing-scope", 403, "The token has not the scope that this needs."),
    ("all-customers-only", 403, "Only a token for all customers may do this."),
    ("cross-origin", 403, "Another site's page may not do this."),
    ("unknown", 404, "There is none, or it is not for your eyes."),
    ("no-such-path", 404, "The interface has no such path."),
    ("no-such-method", 405, "The path does not know this method."),
    ("slow-body", 408, "The body did not come in time."),
    ("stale", 409, "Somebody else was faster; the answer shows how it stands now."),
    ("conflict", 409, "It cannot be done as things stand."),
    ("too-large", 413, "The body is too large."),
    ("not-json", 415, "The body is not said to be JSON."),
    ("not-mail", 415, "The body is not said to be a mail."),
    ("too-many", 429, "The token asks too often."),
    ("full", 503, "There is no room for more."),
    ("busy", 503, "Too much is being asked at once, or the store cannot be read."),
    ("stopping", 503, "The engine is stopping."),
    ("no-answer", 504, "No answer came in time; it may be done all the same."),
];

impl Fault {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let status = CODES.iter().find(|it| it.0 == code).map_or(500, |it| it.1);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let detail: String = detail.into();
        let detail = match detail.char_indices().nth(DETAIL_CHARS_MAX) {
            Some((end, _)) => format!("{}…", &detail[..end]),
            None => detail,
        };
        Self { status, code, detail, more: Map::new(), retry_after: None, foreign: false }
    }

    /// There is none, or it is not for the eyes of whoever asks.
    pub(crate) fn unknown() -> Self {
        Self::new("unknown", "there is no such object, or it belongs to somebody else")
    }

    /// The same to whoever asks.
    pub(crate) fn foreign() -> Self {
        Self { foreign: true, ..Self::unknown() }
    }

    /// `place` (a field, parameter or header) has a value that makes no sense.
    pub(crate) fn invalid(place: &str, cause: impl AsRef<str>) -> Self {
        Self::new("invalid", format!("{place}: {}", cause.as_ref()))
    }

    pub(crate) fn malformed(place: &str, cause: &str) -> Self {
        Self::new("malformed-json", format!("{place}: {cause}; send one JSON object"))
    }

    pub(crate) fn too_deep(levels_max: usize) -> Self {
        Self::new("too-deep", format!("body: lists and objects nest deeper than {levels_max}"))
    }

    pub(crate) fn no_token() -> Self {
        Self::new("no-token", "header Authorization: no token; send `Bearer cmp_…`")
    }

    pub(crate) fn bad_token(why: NoEntry) -> Self {
        let cause = match why {
            NoEntry::Forged => "the token is unknown; ask for a new one",
            NoEntry::Expired => "the token's time is over; ask for a new one",
            NoEntry::Revoked => "the token was taken back; ask for a new one",
        };
        Self::new("bad-token", format!("header Authorization: {cause}"))
    }

    pub(crate) fn missing_scope(scope: &str) -> Self {
        let remedy = "make a token with it: `campanile token add`";
        Self::new("missing-scope", format!("the token has not the scope {scope}; {remedy}"))
    }

    pub(crate) fn all_customers_only() -> Self {
        let detail = "the token is for some customers only, and this concerns all of them";
        Self::new("all-customers-only", detail)
    }

    pub(crate) fn cross_origin() -> Self {
        Self::new("cross-origin", "header Origin: another site's page may not do this")
    }

    pub(crate) fn no_such_path() -> Self {
        let detail = "there is no such path; see /api/v1/openapi.json for those that exist";
        Self::new("no-such-path", detail)
    }

    pub(crate) fn no_such_method() -> Self {
        let detail = "the path does not know this method; see header Allow for those it knows";
        Self::new("no-such-method", detail)
    }

    pub(crate) fn slow_body() -> Self {
        Self::new("slow-body", "the body did not come in time; send it at once")
    }

    pub(crate) fn too_large(bytes_max: usize) -> Self {
        Self::new("too-large", format!("the body is larger than {bytes_max} bytes"))
    }

    pub(crate) fn not_json() -> Self {
        let detail = "header Content-Type: the body must be JSON; send `application/json`";
        Self::new("not-json", detail)
    }

    pub(crate) fn not_mail() -> Self {
        let detail = "header Content-Type: the body must be a mail; send `message/rfc822`";
        Self::new("not-mail", detail)
    }

    pub(crate) fn too_many(per_second: u32) -> Self {
        let detail = format!("the token asks more often than {per_second} times a second; wait");
        Self { retry_after: Some(1), ..Self::new("too-many", detail) }
    }

    pub(crate) fn conflict(why: &str) -> Self {
        Self::new("conflict", why)
    }

    /// `now` is how it stands in words, `current` the object itself.
    pub(crate) fn stale(version: u64, now: &str, current: Option<Value>) -> Self {
        let detail = format!(
            "somebody else was faster: it has version {version} now ({now}); look again and repeat"
        );
        let mut fault = Self::new("stale", detail);
        fault.more.insert("version".to_owned(), json!(version));
        fault.more.insert("now".to_owned(), json!(now));
        if let Some(current) = current {
            fault.more.insert("current".to_owned(), current);
        }
        fault
    }

    pub(crate) fn full(why: &str) -> Self {
        Self { retry_after: Some(60), ..Self::new("full", why) }
    }

    pub(crate) fn busy(why: &str) -> Self {
        Self { retry_after: Some(5), ..Self::new("busy", why) }
    }

    pub(crate) fn stopping() -> Self {
        let detail = "the engine is stopping; repeat once it runs again";
        Self { retry_after: Some(10), ..Self::new("stopping", detail) }
    }

    pub(crate) fn no_answer() -> Self {
        let detail = "no answer came in time, but it may be done all the same; \
            retry with the same Idempotency-Key";
        Self { retry_after: Some(1), ..Self::new("no-answer", detail) }
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("type".to_owned(), json!(format!("urn:campanile:fault:{}", self.code)));
        body.insert("title".to_owned(), json!(self.title()));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("code".to_owned(), json!(self.code));
        body.insert("detail".to_owned(), json!(self.detail));
        body.extend(self.more.clone());
        Value::Object(body)
    }

    fn title(&self) -> &'static str {
        CODES.iter().find(|it| it.0 == self.code).map_or("Fault", |it| it.2)
    }

    pub(crate) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body().to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = match self.code {
                "no-token" => r#"Bearer realm="campanile""#,
                _ => r#"Bearer realm="campanile", error="invalid_token""#,
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
