//! A request that has passed the door, and the answer to it.

use std::str::FromStr;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use model::{Actor, NoteId, stable_hash};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{
    Api, content,
    fault::Fault,
    object::Object,
    route::{Param, Route},
    seams::Cut,
    shape::At,
};

/// Items of a list, unless it is said how many.
const ITEMS_USUAL: usize = 100;

/// Items of a list at most.
pub(crate) const ITEMS_MAX: usize = 500;

/// Characters of an `Idempotency-Key`.
const REPEAT_KEY_CHARS_MAX: usize = 128;

/// Bytes of a parameter in the path or the query.
const PARAM_BYTES_MAX: usize = 1024;

/// A request that has passed the door.
pub(crate) struct Ask {
    pub(crate) api: Api,
    pub(crate) actor: Actor,
    pub(crate) token: NoteId,
    pub(crate) route: &'static Route,
    /// The values in the path, decoded.
    pub(crate) path: Vec<String>,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What the path names, if the route says so.
    pub(crate) object: Option<Object>,
}

impl Ask {
    pub(crate) fn form<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        content::parse(&self.body)
    }

    pub(crate) fn now(&self) -> At {
        At(self.api.now())
    }

    /// The first value in the path.
    pub(crate) fn named(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// The first value in the path as an id.
    pub(crate) fn id(&self) -> Result<u64, Fault> {
        id_of(self.named())
    }

    /// The version in `If-Match`.
    pub(crate) fn version(&self) -> Result<Option<u64>, Fault> {
        let Some(said) = self.headers.get(header::IF_MATCH) else { return Ok(None) };
        let said = said.to_str().unwrap_or("").trim();
        if said == "*" {
            return Ok(None);
        }
        let number = said.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        number.and_then(|it| it.parse().ok()).map(Some).ok_or_else(|| {
            Fault::invalid("header If-Match", "not a version; send it as in ETag: \"7\"")
        })
    }

    /// What repeats of this very request have in common, and nothing else has.
    ///
    /// It holds a fingerprint of what is asked, so that a key which is used for two different
    /// things never gives the answer of the one to the other.
    pub(crate) fn repeat_key(&self) -> Result<Option<String>, Fault> {
        let Some(said) = self.headers.get("idempotency-key") else { return Ok(None) };
        let said = said.to_str().unwrap_or("");
        let is_fine = !said.is_empty()
            && said.len() <= REPEAT_KEY_CHARS_MAX
            && said.bytes().all(|it| it.is_ascii_graphic());
        if !is_fine {
            let why = format!("not 1 to {REPEAT_KEY_CHARS_MAX} visible characters of ASCII");
            return Err(Fault::invalid("header Idempotency-Key", why));
        }
        let body = String::from_utf8_lossy(&self.body);
        let what = format!("{}\n{}\n{body}", self.route.path, self.path.join("\n"));
        Ok(Some(format!("{}:{said}:{:016x}", self.token, stable_hash(&what))))
    }
}

/// What does not look like an id names nothing.
pub(crate) fn id_of(text: &str) -> Result<u64, Fault> {
    let is_number = text.bytes().all(|it| it.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or_else(Fault::unknown)
}

/// The parameters behind the `?`.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Only `known` parameters, each once.
    pub(crate) fn parse(known: &'static [Param], raw: Option<&str>) -> Result<Self, Fault> {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(raw.unwrap_or("").as_bytes()) {
            let place = format!("parameter {name}");
            let Some(param) = known.iter().find(|it| it.name == name) else {
                let names: Vec<_> = known.iter().map(|it| it.name).collect();
                let why = format!("unknown; known are: {}", names.join(", "));
                return Err(Fault::invalid(&place, why));
            };
            if found.iter().any(|it| it.0 == param.name) {
                return Err(Fault::invalid(&place, "is there twice"));
            }
            if value.len() > PARAM_BYTES_MAX {
                let why = format!("longer than {PARAM_BYTES_MAX} bytes");
                return Err(Fault::invalid(&place, why));
            }
            found.push((param.name, value.into_owned()));
        }
        Ok(Self(found))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }

    pub(crate) fn value<T: FromStr<Err = String>>(&self, name: &str) -> Result<Option<T>, Fault> {
        let parsed = self.text(name).map(str::parse).transpose();
        parsed.map_err(|why: String| Fault::invalid(&format!("parameter {name}"), why))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Fault> {
        let parsed = self.text(name).map(str::parse).transpose();
        parsed.map_err(|_| Fault::invalid(&format!("parameter {name}"), "not a number"))
    }

    pub(crate) fn limit(&self) -> Result<usize, Fault> {
        let said = self.number("limit")?.unwrap_or(ITEMS_USUAL as u64);
        let limit = usize::try_from(said).ok().filter(|it| (1..=ITEMS_MAX).contains(it));
        limit.ok_or_else(|| Fault::invalid("parameter limit", format!("not 1 to {ITEMS_MAX}")))
    }

    pub(crate) fn cut(&self) -> Result<Cut, Fault> {
        Ok(Cut { cursor: self.text("cursor").map(str::to_owned), limit: self.limit()? })
    }

    /// One of `words`, the first if nothing is said.
    pub(crate) fn word(
        &self,
        name: &str,
        words: &'static [&'static str],
    ) -> Result<&'static str, Fault> {
        let said = self.text(name).unwrap_or(words[0]);
        words.iter().copied().find(|it| *it == said).ok_or_else(|| {
            Fault::invalid(&format!("parameter {name}"), format!("not one of {}", words.join(", ")))
        })
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    kind: &'static str,
    body: Body,
    version: Option<u64>,
    location: Option<String>,
}

impl Answer {
    pub(crate) fn json(value: &impl Serialize) -> Self {
        let text = serde_json::to_vec(value).expect("a shape can always be written");
        Self::of("application/json", Body::from(text))
    }

    pub(crate) fn of(kind: &'static str, body: Body) -> Self {
        Self { status: StatusCode::OK, kind, body, version: None, location: None }
    }

    /// Text that others wrote: plain, whatever it looks like.
    pub(crate) fn plain(text: String) -> Self {
        Self::of("text/plain; charset=utf-8", Body::from(text))
    }

    pub(crate) fn version(self, version: Option<u64>) -> Self {
        Self { version, ..self }
    }

    pub(crate) fn made(self, location: String) -> Self {
        Self { status: StatusCode::CREATED, location: Some(location), ..self }
    }

    pub(crate) fn into_response(self) -> Response {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        if let Some(version) = self.version.filter(|it| *it > 0)
            && let Ok(tag) = HeaderValue::try_from(format!("\"{version}\""))
        {
            headers.insert(header::ETAG, tag);
        }
        if let Some(location) = self.location.and_then(|it| HeaderValue::try_from(it).ok()) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}
