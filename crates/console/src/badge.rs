//! Badges: how a watchdog stands, as a picture or as JSON, for a page of others.
//!
//! A badge has an id of its own, from which nobody can find the secret, and shows a name and a word.
//! The picture has no script, fetches nothing, and every text in it is escaped.

use axum::{
    Extension, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use model::Standing;
use serde_json::json;

use crate::{
    api::{Api, BadgeView},
    ping::{Peer, bucket_of},
    watchdogs::number_of,
};

/// Characters of the id of a badge.
const ID_CHARS_MAX: usize = 64;

/// Characters of the name that are shown.
const NAME_CHARS_MAX: usize = 60;

/// Width of a character, and of the margins of a text, in pixels.
const CHAR_WIDTH: usize = 7;
const MARGIN_WIDTH: usize = 12;

/// The paths of badges.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(api: &Api) -> Router<S> {
    Router::new().route("/badge/{file}", get(show)).with_state(api.clone())
}

async fn show(
    State(api): State<Api>,
    peer: Option<Extension<Peer>>,
    Path(file): Path<String>,
    headers: axum::http::HeaderMap,
) -> Response {
    if !api.may_ping(bucket_of(peer, &headers)) {
        return (StatusCode::TOO_MANY_REQUESTS, "too many at once\n").into_response();
    }
    let (Some((id, form)), Some(watchdogs)) = (parts(&file), api.ears()) else { return unknown() };
    let id = id.to_owned();
    match api.read(move |_| watchdogs.badge(&id)).await {
        Ok(Some(badge)) => match form {
            Form::Svg => picture(&badge),
            Form::Json => json_answer(&badge),
        },
        Ok(None) => unknown(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not now\n").into_response(),
    }
}

fn unknown() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Svg,
    Json,
}

fn parts(file: &str) -> Option<(&str, Form)> {
    let (id, form) = match file.rsplit_once('.')? {
        (id, "svg") => (id, Form::Svg),
        (id, "json") => (id, Form::Json),
        _ => return None,
    };
    let is_fine = (1..=ID_CHARS_MAX).contains(&id.len())
        && id.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    is_fine.then_some((id, form))
}

/// The word and its colour.
fn shown(standing: Option<Standing>) -> (&'static str, &'static str) {
    let Some(standing) = standing else { return ("unknown", "#666666") };
    let colour = match number_of(standing) {
        0..=3 => "#007a5a",
        4..=6 => "#b35c00",
        7..=9 => "#b02a1c",
        _ => "#666666",
    };
    (standing.word(), colour)
}

/// As shields draw badges from it, with a little more.
fn as_json(badge: &BadgeView) -> serde_json::Value {
    let (word, colour) = shown(badge.standing);
    json!({
        "schemaVersion": 1,
        "label": badge.name,
        "message": word,
        "color": colour,
        "good": badge.standing.is_some_and(Standing::is_kept),
        "since": badge.since.map(crate::api::moment_text),
    })
}

fn json_answer(badge: &BadgeView) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        // Pages of others may read it: it says no more than the picture does.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, as_json(badge).to_string()).into_response()
}

fn picture(badge: &BadgeView) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    (headers, svg(badge)).into_response()
}

fn svg(badge: &BadgeView) -> String {
    let (word, colour) = shown(badge.standing);
    let name: String =
        badge.name.chars().filter(|it| !it.is_control()).take(NAME_CHARS_MAX).collect();
    let left = name.chars().count() * CHAR_WIDTH + MARGIN_WIDTH;
    let right = word.len() * CHAR_WIDTH + MARGIN_WIDTH;
    let (whole, name) = (left + right, escaped(&name));
    let (at_name, at_word) = (left / 2, left + right / 2);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"20\" role=\"img\" \
         aria-label=\"{name}: {word}\"><title>{name}: {word}</title>\
         <rect width=\"{left}\" height=\"20\" fill=\"#444444\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/>\
         <g fill=\"#ffffff\" text-anchor=\"middle\" font-family=\"sans-serif\" font-size=\"11\">\
         <text x=\"{at_name}\" y=\"14\">{name}</text><text x=\"{at_word}\" y=\"14\">{word}</text>\
         </g></svg>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            '"' => all.push_str("&quot;"),
            '\'' => all.push_str("&#39;"),
            // XML has no such characters, not even escaped.
            '\u{fffe}' | '\u{ffff}' => all.push('\u{fffd}'),
            other => all.push(other),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn badge(name: &str, standing: Option<Standing>) -> BadgeView {
        BadgeView { name: name.into(), standing, since: None }
    }

    #[test]
    fn a_name_cannot_leave_its_place() {
        let evil = "\"><script>alert('x')</script>&\u{0}\u{ffff}";
        let svg = svg(&badge(evil, Some(Standing::Kept)));
        assert!(!svg.contains("<script") && !svg.contains("alert('"), "{svg}");
        assert!(!svg.contains('\u{0}') && !svg.contains('\u{ffff}'));
        assert!(svg.contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)"), "{svg}");
        assert_eq!(svg.matches("<text").count(), 2);
        let long = super::svg(&badge(&"é".repeat(10_000), None));
        assert!(long.len() < 2_000, "a long name is cut");
    }

    #[test]
    fn only_good_news_is_green() {
        let green = shown(Some(Standing::Kept)).1;
        for &standing in Standing::ALL {
            let (said, colour) = shown(Some(standing));
            assert_eq!((said, colour == green), (standing.word(), standing.is_kept()));
            let json = as_json(&badge("x", Some(standing)));
            assert_eq!(json["good"], standing.is_kept());
        }
        assert_ne!(shown(None).1, green);
    }

    #[test]
    fn only_what_looks_like_an_id_is_asked_for() {
        assert_eq!(parts("ab-12.svg"), Some(("ab-12", Form::Svg)));
        assert_eq!(parts("ab.json"), Some(("ab", Form::Json)));
        let long = format!("{}.svg", "a".repeat(65));
        for wrong in ["", ".svg", "ab", "ab.png", "../x.svg", "a%2fb.svg", "a b.svg", &long] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }
}
