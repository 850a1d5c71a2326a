//! Where a redirect leads, and what may go along.
//!
//! A redirect is an order from the target, and the target may have been taken over. So it can send
//! us to another page, but not to another protocol, and never with our passwords in the bag.

use hyper::Method;
use model::{Cause, CauseCode};
use url::Url;

/// What happens to the request on the way to the next place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) url: Url,
    /// May passwords, tokens, bodies and the admin's own headers go along?
    pub(crate) trusted: bool,
}

/// Is `status` one that leads elsewhere?
pub(crate) fn leads_elsewhere(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Does a request with `method` go on as GET without a body after `status`? As browsers and curl
/// have it, which is not quite what the standard had in mind.
pub(crate) fn becomes_get(status: u16, method: &Method) -> bool {
    match status {
        303 => *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

/// The next place after `from` answered with `location`. What it says is not repeated in causes:
/// it may contain what we sent, and that may have been a secret.
///
/// # Errors
/// `redirect-refused` if it leads out of HTTP or brings a user along, `malformed` if it leads
/// nowhere.
pub(crate) fn follow(from: &Url, location: &[u8]) -> Result<Hop, Cause> {
    let text = String::from_utf8_lossy(location);
    let mut url = from.join(text.trim()).map_err(|error| {
        Cause::new(CauseCode::Malformed, format!("a redirect to nowhere: {error}"))
    })?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        let text = format!("to `{}:`, which is not of HTTP", url.scheme());
        return Err(Cause::new(CauseCode::RedirectRefused, text));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let text = format!("to {} with a user of its own", url.host_str().unwrap_or_default());
        return Err(Cause::new(CauseCode::RedirectRefused, text));
    }
    url.set_fragment(None);
    let trusted = is_trusted(from, &url);
    Ok(Hop { url, trusted })
}

/// The same server, or the same host on its way up to encryption.
fn is_trusted(from: &Url, to: &Url) -> bool {
    let same_port = from.port_or_known_default() == to.port_or_known_default();
    let upgraded = from.scheme() == "http"
        && to.scheme() == "https"
        && from.port().is_none()
        && to.port().is_none();
    from.host() == to.host() && ((from.scheme() == to.scheme() && same_port) || upgraded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(from: &str, location: &str) -> Result<Hop, CauseCode> {
        let from = Url::parse(from).unwrap();
        follow(&from, location.as_bytes()).map_err(|it| it.code)
    }

    fn url(from: &str, location: &str) -> String {
        hop(from, location).unwrap().url.to_string()
    }

    #[test]
    fn a_relative_place_is_found_from_where_we_stand() {
        assert_eq!(url("http://a.example/x/y?q#f", "z"), "http://a.example/x/z");
        assert_eq!(url("http://a.example/x/y", "/z#top"), "http://a.example/z");
        assert_eq!(url("http://a.example/x", "//b.example/z"), "http://b.example/z");
        assert_eq!(url("http://a.example/x", "?q=1"), "http://a.example/x?q=1");
    }

    #[test]
    fn passwords_stay_with_the_server_they_are_for() {
        for (from, to, trusted) in [
            ("http://a.example/", "/b", true),
            ("http://a.example/", "http://a.example:80/b", true),
            ("http://a.example/", "https://a.example/b", true),
            ("https://a.example/", "http://a.example/b", false),
            ("http://a.example/", "http://b.example/", false),
            ("http://a.example/", "http://a.example:8080/", false),
            ("http://a.example:8080/", "https://a.example/", false),
            ("http://a.example/", "http://a.example.evil.example/", false),
            ("http://127.0.0.1/", "http://127.0.0.2/", false),
        ] {
            assert_eq!(hop(from, to).unwrap().trusted, trusted, "{from} to {to}");
        }
    }

    #[test]
    fn a_redirect_does_not_leave_http() {
        for location in
            ["file:///etc/passwd", "gopher://a.example/", "javascript:alert(1)", "data:,x"]
        {
            assert_eq!(hop("http://a.example/", location), Err(CauseCode::RedirectRefused));
        }
        for location in
            ["http://root@b.example/", "http://a.example:x@b.example/", "//u:p@a.example"]
        {
            assert_eq!(hop("http://a.example/", location), Err(CauseCode::RedirectRefused));
        }
        assert_eq!(hop("http://a.example/", "http://[::1"), Err(CauseCode::Malformed));
    }

    #[test]
    fn only_307_and_308_repeat_a_post() {
        for (status, becomes) in [(301, true), (302, true), (303, true), (307, false), (308, false)]
        {
            assert!(leads_elsewhere(status));
            assert_eq!(becomes_get(status, &Method::POST), becomes);
            assert!(!becomes_get(status, &Method::HEAD));
        }
        assert!(becomes_get(303, &Method::DELETE) && !becomes_get(301, &Method::DELETE));
        assert!(!leads_elsewhere(304) && !leads_elsewhere(300));
    }
}
