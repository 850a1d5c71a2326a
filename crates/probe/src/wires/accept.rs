//! What an HTTP answer must be: its code, its text, its JSON. Pure: an answer in, a cause out.

use hyper::header::CONTENT_ENCODING;
use model::{Cause, CauseCode, Value};
use regex::bytes::Regex;
use serde_json::Value as Json;

use super::http::Answer;

/// How much of a body is shown when it is not the expected one.
const SHOWN_BYTES_MAX: usize = 120;

/// Ranges of status codes, ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Codes(Vec<(u16, u16)>);

impl Codes {
    /// What is fine when nothing is written.
    pub(crate) fn default_for(redirects_followed: bool) -> Self {
        let first = (200, 299);
        Self(if redirects_followed { vec![first] } else { vec![first, (300, 399)] })
    }

    /// Reads `200`, `2xx`, `301..308`, or a list of them.
    ///
    /// # Errors
    /// The part that is none of these.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        let mut ranges = Vec::new();
        let list = match value {
            Value::List(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in list {
            let range = match value {
                Value::Number(code) => u16::try_from(*code).ok().map(|it| (it, it)),
                Value::Text(text) => range(text),
                _ => None,
            };
            let valid = range.filter(|(low, high)| 100 <= *low && low <= high && *high <= 599);
            ranges.push(valid.ok_or_else(|| shown(value))?);
        }
        if ranges.is_empty() { Err("[]".to_owned()) } else { Ok(Self(ranges)) }
    }

    pub(crate) fn has(&self, code: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&code))
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    if let Some((low, high)) = text.split_once("..") {
        return Some((low.trim().parse().ok()?, high.trim().parse().ok()?));
    }
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let low = class.parse::<u16>().ok()?.checked_mul(100)?;
        return Some((low, low.checked_add(99)?));
    }
    text.trim().parse().ok().map(|it| (it, it))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
        _ => "that".to_owned(),
    }
}

/// A way through JSON: `$.status`, `checks[0].name`, `["odd.key"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    text: Box<str>,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(Box<str>),
    Index(usize),
}

impl Path {
    /// Reads a path; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('[') {
                Some(inside) => bracketed(inside)?,
                None => {
                    let bare = match rest.strip_prefix('.') {
                        Some(bare) => bare,
                        // Only the first step goes without a dot, and only without a `$`.
                        None if steps.is_empty() && !text.starts_with('$') => rest,
                        None => return None,
                    };
                    let end = bare.find(['.', '[']).unwrap_or(bare.len());
                    let (key, after) = bare.split_at(end);
                    (Step::Key((!key.is_empty()).then(|| key.into())?), after)
                }
            };
            steps.push(step);
            rest = after;
        }
        (!text.is_empty()).then(|| Self { text: text.into(), steps })
    }

    fn find<'a>(&self, root: &'a Json) -> Option<&'a Json> {
        self.steps.iter().try_fold(root, |at, step| match step {
            Step::Key(key) => at.get(&**key),
            Step::Index(index) => at.get(index),
        })
    }
}

fn bracketed(inside: &str) -> Option<(Step, &str)> {
    let quote = inside.chars().next().filter(|it| matches!(it, '"' | '\''));
    if let Some(quote) = quote {
        let (key, after) = inside[1..].split_once(quote)?;
        return Some((Step::Key(key.into()), after.strip_prefix(']')?));
    }
    let (index, after) = inside.split_once(']')?;
    Some((Step::Index(index.parse().ok()?), after))
}

/// Everything that an answer must be.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) codes: Codes,
    /// The body contains this.
    pub(crate) text: Option<Box<[u8]>>,
    /// The body matches this.
    pub(crate) pattern: Option<Regex>,
    /// The body does not match this.
    pub(crate) forbidden: Option<Regex>,
    /// The body is JSON with these values, as text.
    pub(crate) json: Vec<(Path, Box<str>)>,
}

impl Wanted {
    /// Does anything depend on the body?
    pub(crate) fn judges_body(&self) -> bool {
        self.text.is_some()
            || self.pattern.is_some()
            || self.forbidden.is_some()
            || !self.json.is_empty()
    }

    /// Is the code fine?
    ///
    /// # Errors
    /// `http-status` if not.
    pub(crate) fn judge_code(&self, answer: &Answer) -> Result<(), Cause> {
        if self.codes.has(answer.status.as_u16()) {
            return Ok(());
        }
        Err(Cause::new(CauseCode::HttpStatus, answer.status.to_string()))
    }

    /// Is the body fine?
    ///
    /// # Errors
    /// `mismatch` if not, `too-large` if only the rest of it could tell.
    pub(crate) fn judge_body(&self, answer: &Answer) -> Result<(), Cause> {
        if !self.judges_body() {
            return Ok(());
        }
        let encoding = answer.headers.get(CONTENT_ENCODING).map(|it| it.as_bytes());
        if encoding.is_some_and(|it| !it.eq_ignore_ascii_case(b"identity")) {
            let text = "the body is compressed, which was not asked for";
            return Err(Cause::new(CauseCode::Mismatch, text));
        }
        let body = answer.body.as_slice();
        if self.forbidden.as_ref().is_some_and(|it| it.is_match(body)) {
            return Err(mismatch("the body matches `body_not_regex`", body));
        }
        if self.text.as_ref().is_some_and(|it| !contains(body, it)) {
            return Err(absent("the body does not contain `body`", answer));
        }
        if self.pattern.as_ref().is_some_and(|it| !it.is_match(body)) {
            return Err(absent("the body does not match `body_regex`", answer));
        }
        if !answer.whole && (self.forbidden.is_some() || !self.json.is_empty()) {
            return Err(too_large(answer));
        }
        self.judge_json(body)
    }

    fn judge_json(&self, body: &[u8]) -> Result<(), Cause> {
        if self.json.is_empty() {
            return Ok(());
        }
        let root: Json = serde_json::from_slice(body)
            .map_err(|error| mismatch(&format!("the body is not JSON ({error})"), body))?;
        for (path, expected) in &self.json {
            let Some(found) = path.find(&root) else {
                return Err(mismatch(&format!("the JSON has no `{}`", path.text), body));
            };
            if !is_equal(found, expected) {
                let text = format!("`{}` is {found}, not {expected}", path.text);
                return Err(Cause::new(CauseCode::Mismatch, text));
            }
        }
        Ok(())
    }
}

/// A text by its letters, a number by its value, anything else by how JSON writes it.
fn is_equal(found: &Json, expected: &str) -> bool {
    match found {
        Json::String(text) => text == expected,
        Json::Number(number) => {
            number.to_string() == expected || {
                let expected = expected.parse::<f64>().ok();
                expected.is_some() && expected == number.as_f64()
            }
        }
        other => {
            let written = other.to_string();
            written == expected
        }
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|it| it == text)
}

fn absent(what: &str, answer: &Answer) -> Cause {
    if answer.whole { mismatch(what, &answer.body) } else { too_large(answer) }
}

fn too_large(answer: &Answer) -> Cause {
    let text = format!("the body is larger than {} bytes (`body_max`)", answer.body.len());
    Cause::new(CauseCode::TooLarge, text)
}

fn mismatch(what: &str, body: &[u8]) -> Cause {
    let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES_MAX)]);
    Cause::new(CauseCode::Mismatch, format!("{what}: {shown}"))
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, StatusCode, Version};

    use super::*;

    fn answer(body: &str, whole: bool) -> Answer {
        Answer {
            status: StatusCode::OK,
            version: Version::HTTP_11,
            headers: HeaderMap::new(),
            length: None,
            body: body.into(),
            whole,
        }
    }

    fn nothing_wanted() -> Wanted {
        let codes = Codes::default_for(true);
        Wanted { codes, text: None, pattern: None, forbidden: None, json: Vec::new() }
    }

    fn json(path: &str, expected: &str, body: &str) -> Result<(), CauseCode> {
        let json = vec![(Path::parse(path).unwrap(), expected.into())];
        let wanted = Wanted { json, ..nothing_wanted() };
        wanted.judge_body(&answer(body, true)).map_err(|it| it.code)
    }

    fn codes(values: &[Value]) -> Result<Codes, String> {
        Codes::parse(&Value::List(values.to_vec()))
    }

    #[test]
    fn codes_are_numbers_classes_and_ranges() {
        let codes =
            codes(&[Value::Number(200), Value::Text("4xx".into()), Value::Text("301..308".into())]);
        let codes = codes.unwrap();
        for (code, fine) in [(200, true), (201, false), (404, true), (301, true), (309, false)] {
            assert_eq!(codes.has(code), fine, "{code}");
        }
        assert!(Codes::parse(&Value::Number(204)).unwrap().has(204));
    }

    #[test]
    fn what_is_no_code_is_named() {
        for wrong in ["20", "2x", "700", "308..301", "ok", "99xx", "65535xx", ".."] {
            assert_eq!(codes(&[Value::Text(wrong.into())]), Err(wrong.to_owned()));
        }
        assert_eq!(codes(&[Value::Number(99)]), Err("99".to_owned()));
        assert!(codes(&[]).is_err());
    }

    #[test]
    fn a_redirect_is_fine_only_if_it_is_not_followed() {
        assert!(!Codes::default_for(true).has(301));
        assert!(Codes::default_for(false).has(301));
    }

    #[test]
    fn values_are_found_in_json() {
        let body = r#"{"status":"ok","n":1.0,"up":true,"a":[{"b.c":null}]}"#;
        for (path, expected) in [
            ("$.status", "ok"),
            ("status", "ok"),
            ("n", "1"),
            ("up", "true"),
            ("a[0]['b.c']", "null"),
            ("$.a[0][\"b.c\"]", "null"),
            ("a", r#"[{"b.c":null}]"#),
        ] {
            assert_eq!(json(path, expected, body), Ok(()), "{path}");
        }
        for (path, expected) in [("status", "OK"), ("gone", "ok"), ("a[1]", "x"), ("n", "2")] {
            assert_eq!(json(path, expected, body), Err(CauseCode::Mismatch), "{path}");
        }
        assert_eq!(json("a", "1", "<html>"), Err(CauseCode::Mismatch));
        assert_eq!(json("$", "1", "1"), Ok(()));
    }

    #[test]
    fn json_nested_without_end_is_refused_and_not_followed() {
        assert_eq!(json("a", "1", &"[".repeat(100_000)), Err(CauseCode::Mismatch));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for wrong in ["", "a..b", "a[", "a[x]", "a['b]", "$a", "a.", ".", "a[0]b"] {
            assert_eq!(Path::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_body_is_judged_by_its_text() {
        let text = Wanted { text: Some(b"green".as_slice().into()), ..nothing_wanted() };
        assert_eq!(text.judge_body(&answer("all green", true)), Ok(()));
        let code = |wanted: &Wanted, body, whole| {
            wanted.judge_body(&answer(body, whole)).map_err(|it| it.code)
        };
        assert_eq!(code(&text, "all red", true), Err(CauseCode::Mismatch));
        let pattern = Wanted { pattern: Some(Regex::new("^ok$").unwrap()), ..nothing_wanted() };
        assert_eq!(code(&pattern, "ok", true), Ok(()));
        assert_eq!(code(&pattern, "not ok", true), Err(CauseCode::Mismatch));
        let forbidden = Wanted { forbidden: Some(Regex::new("red").unwrap()), ..nothing_wanted() };
        assert_eq!(code(&forbidden, "all green", true), Ok(()));
        assert_eq!(code(&forbidden, "all red", true), Err(CauseCode::Mismatch));
    }

    #[test]
    fn the_unread_rest_of_a_body_is_not_guessed() {
        let text = Wanted { text: Some(b"green".as_slice().into()), ..nothing_wanted() };
        let code =
            |wanted: &Wanted, body| wanted.judge_body(&answer(body, false)).map_err(|it| it.code);
        assert_eq!(code(&text, "green…"), Ok(()));
        assert_eq!(code(&text, "…"), Err(CauseCode::TooLarge));
        let forbidden = Wanted { forbidden: Some(Regex::new("red").unwrap()), ..nothing_wanted() };
        assert_eq!(code(&forbidden, "…"), Err(CauseCode::TooLarge));
        assert_eq!(code(&nothing_wanted(), "…"), Ok(()));
    }

    #[test]
    fn a_compressed_body_is_not_read_as_text() {
        let text = Wanted { text: Some(b"ok".as_slice().into()), ..nothing_wanted() };
        let mut answer = answer("ok", true);
        answer.headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(text.judge_body(&answer).unwrap_err().code, CauseCode::Mismatch);
    }
}
