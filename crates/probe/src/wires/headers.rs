//! Headers: those an admin sends along, and what can be read from those that come back.
//!
//! Whatever identifies the admin is marked as sensitive at once, so that it is neither shown by
//! mistake nor kept in the compression tables of HTTP/2.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hyper::{
    HeaderMap,
    header::{self, HeaderName, HeaderValue},
};
use model::{ParamFault, Params, Value};

use crate::terms::fault;

/// Headers that belong to the connection, not to the admin.
const OWN_HEADERS: &[HeaderName] = &[
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::UPGRADE,
    header::EXPECT,
];

/// Reads `headers`, and `user` with `password` or `bearer`.
pub(crate) fn written_headers(params: &Params, faults: &mut Vec<ParamFault>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(Value::Map(written)) = params.get("headers") {
        for (name, value) in written {
            match one_header(name, value) {
                Ok((name, value)) => drop(headers.insert(name, value)),
                Err(what) => faults.push(fault("headers", what, "")),
            }
        }
    }
    match (params.text("user"), params.text("password"), params.text("bearer")) {
        (None, None, None) => return headers,
        (Some(user), Some(_), None) if user.contains(':') => {
            faults.push(fault("user", "has a colon in it", "HTTP knows no such user"));
        }
        (Some(user), Some(password), None) => {
            let pair = BASE64.encode(format!("{user}:{password}"));
            authorize(&mut headers, ("password", &format!("Basic {pair}")), faults);
        }
        (None, None, Some(token)) => {
            authorize(&mut headers, ("bearer", &format!("Bearer {token}")), faults);
        }
        (_, _, Some(_)) => faults.push(fault("bearer", "stands beside `user`", "keep one")),
        (Some(_), None, _) => faults.push(fault("password", "is missing", "`user` needs one")),
        (None, Some(_), _) => faults.push(fault("user", "is missing", "`password` needs one")),
    }
    headers
}

fn one_header(name: &str, value: &Value) -> Result<(HeaderName, HeaderValue), String> {
    let parsed = HeaderName::from_bytes(name.as_bytes());
    let name = parsed.map_err(|_| format!("`{name}` is no name of a header"))?;
    if OWN_HEADERS.contains(&name) {
        return Err(format!("`{name}` is set by the check itself"));
    }
    let (text, secret) = match value {
        Value::Secret(secret) => (secret.reveal(), true),
        Value::Text(text) => (&**text, false),
        _ => return Err(format!("the value of `{name}` is no text")),
    };
    let parsed = HeaderValue::from_str(text);
    let mut value = parsed.map_err(|_| format!("the value of `{name}` has odd characters"))?;
    value.set_sensitive(secret || name == header::AUTHORIZATION || name == header::COOKIE);
    Ok((name, value))
}

fn authorize(
    headers: &mut HeaderMap,
    (param, text): (&'static str, &str),
    faults: &mut Vec<ParamFault>,
) {
    if headers.contains_key(header::AUTHORIZATION) {
        faults.push(fault(param, "stands beside a header `authorization`", "keep one"));
    }
    match HeaderValue::from_str(text) {
        Ok(mut value) => {
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Err(_) => faults.push(fault(param, "has characters that no header can hold", "")),
    }
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that is still sent.
pub(crate) fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.strip_suffix(" GMT")?.split(' ');
    let day: i64 = words.next()?.parse().ok().filter(|it| (1..=31).contains(it))?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|it| *it == name)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok().filter(|it| (1970..=9999).contains(it))?;
    // The largest second is a leap second.
    let mut clock = words.next()?.splitn(3, ':').map(|it| it.parse::<i64>().ok());
    let mut below = |max: i64| clock.next()?.filter(|it| (0..=max).contains(it));
    let (hour, minute, second) = (below(23)?, below(59)?, below(60)?);
    // Days from 1970 in the Gregorian calendar, with years that begin in March.
    let march_year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        365 * march_year + march_year / 4 - march_year / 100 + march_year / 400 + day_of_year
            - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_sent() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
            ("Tue, 01 Mar 2100 00:00:00 GMT", Some(4_107_542_400)),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("Sun, 06 Foo 1994 08:49:37 GMT", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 99999999999 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 9223372036854775807:49:37 GMT", None),
            ("1994-11-06", None),
            ("", None),
        ] {
            assert_eq!(http_date(text), seconds, "{text}");
        }
    }

    #[test]
    fn what_identifies_the_admin_is_sensitive() {
        let pairs =
            [("x-token", Value::Secret(model::Secret::new("zzz"))), ("x", Value::Text("t".into()))];
        let pairs = pairs.map(|(name, value)| (name.into(), value)).to_vec();
        let params = Params([("headers", Value::Map(pairs))].into());
        let headers = written_headers(&params, &mut Vec::new());
        assert!(headers["x-token"].is_sensitive() && !headers["x"].is_sensitive());
        assert!(!format!("{:?}", headers["x-token"]).contains("zzz"), "{headers:?}");
    }
}
