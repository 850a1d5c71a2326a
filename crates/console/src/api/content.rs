//! The body of a request: read with limits, and read as JSON.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use bytes::BytesMut;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::api::fault::Fault;

/// Largest body.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

/// What is still read of a body that is too large, so that its sender hears why it is refused
/// rather than only that the connection broke.
const DISCARDED_BYTES_MAX: usize = 8 << 20;

/// Longest time in which a body may trickle in.
const BODY_WAIT_MAX: Duration = Duration::from_secs(5);

/// Lists and objects within each other.
const DEPTH_MAX: usize = 64;

/// Largest mail that is fed in. The same as by any other intake.
pub(crate) const MAIL_BYTES_MAX: usize = 35 << 20;

/// Longest time in which a mail may trickle in.
const MAIL_WAIT_MAX: Duration = Duration::from_secs(30);

/// The whole body.
pub(crate) async fn bytes_of(body: Body) -> Result<Bytes, Fault> {
    bytes_within(body, BODY_BYTES_MAX, BODY_WAIT_MAX).await
}

/// A whole mail.
pub(crate) async fn mail_of(body: Body) -> Result<Bytes, Fault> {
    bytes_within(body, MAIL_BYTES_MAX, MAIL_WAIT_MAX).await
}

async fn bytes_within(body: Body, bytes_max: usize, wait_max: Duration) -> Result<Bytes, Fault> {
    let read = async {
        let mut stream = body.into_data_stream();
        let (mut kept, mut seen) = (BytesMut::new(), 0);
        while let Some(piece) = stream.next().await {
            let Ok(piece) = piece else {
                return Err(Fault::malformed("body", "it broke off"));
            };
            seen += piece.len();
            if seen > bytes_max.max(DISCARDED_BYTES_MAX) {
                break;
            }
            if seen > bytes_max {
                kept.clear();
            } else {
                kept.extend_from_slice(&piece);
            }
        }
        if seen > bytes_max { Err(Fault::too_large(bytes_max)) } else { Ok(kept.freeze()) }
    };
    timeout(wait_max, read).await.unwrap_or_else(|_| Err(Fault::slow_body()))
}

/// A body that is there must be said to be JSON: a form of another site's page cannot say so.
pub(crate) fn check_type(headers: &HeaderMap, body: &[u8]) -> Result<(), Fault> {
    if is_said_to_be(headers, "application/json") || body.is_empty() {
        Ok(())
    } else {
        Err(Fault::not_json())
    }
}

/// The same for a mail.
pub(crate) fn check_mail_type(headers: &HeaderMap) -> Result<(), Fault> {
    if is_said_to_be(headers, "message/rfc822") { Ok(()) } else { Err(Fault::not_mail()) }
}

fn is_said_to_be(headers: &HeaderMap, kind: &str) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or("");
    let said = said.split(';').next().unwrap_or("").trim();
    said.eq_ignore_ascii_case(kind)
}

/// What the body says; an empty one counts as an empty object.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let body = if body.is_empty() { b"{}" } else { body };
    if is_deeper(body, DEPTH_MAX) {
        return Err(Fault::too_deep(DEPTH_MAX));
    }
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("body, line {}, column {}", error.line(), error.column());
        let cause = error.to_string();
        // The place stands at its end as well.
        let cause = cause.rsplit_once(" at line ").map_or(&*cause, |it| it.0);
        match error.classify() {
            serde_json::error::Category::Data => Fault::invalid(&place, cause),
            _ => Fault::malformed(&place, cause),
        }
    })
}

/// Do lists and objects nest deeper than `levels`? Looked at before parsing, in one pass.
fn is_deeper(json: &[u8], levels: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > levels {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::forms::problem::{AcknowledgeForm, CommentForm};

    #[test]
    fn depth_is_counted_outside_texts_only() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_deeper(nested(64).as_bytes(), 64));
        assert!(is_deeper(nested(65).as_bytes(), 64));
        assert!(is_deeper("[".repeat(1_000_000).as_bytes(), 64));
        assert!(!is_deeper(br#"{"a": "[[[[\"[[[["}"#, 1));
        assert!(!is_deeper("]]]]".as_bytes(), 1));
        assert!(!is_deeper("[],".repeat(100).as_bytes(), 1));
    }

    #[test]
    fn faults_name_their_place() {
        let fault = |body: &str| {
            let fault = parse::<CommentForm>(body.as_bytes()).unwrap_err();
            (fault.code, fault.detail)
        };
        let (code, detail) = fault(r#"{"txet": "x"}"#);
        assert_eq!(code, "invalid");
        assert_eq!(detail, "body, line 1, column 7: unknown field `txet`, expected `text`");
        let (code, detail) = fault("");
        assert_eq!((code, &*detail), ("invalid", "body, line 1, column 2: missing field `text`"));
        assert_eq!(fault("{").0, "malformed-json");
        assert_eq!(fault(&"[".repeat(100)).0, "too-deep");
        assert_eq!(fault(r#"{"text": 1}"#).0, "invalid");
        assert_eq!(fault(r#"{"text": "a", "text": "b"}"#).0, "invalid");
        assert_eq!(fault(r#"{"text": "a"} x"#).0, "malformed-json");
        let long = fault(&format!(r#"{{"{}": 1}}"#, "x".repeat(100_000))).1;
        assert!(long.len() < 500, "what was sent comes back only in part");
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        let none = AcknowledgeForm { text: None, until: None, sticky: None };
        assert_eq!(parse::<AcknowledgeForm>(b""), Ok(none));
    }
}
