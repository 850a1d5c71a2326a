//! The interface of a running engine, asked as a dispatcher's program would.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value as Json;

use crate::{Page, until};

/// Asks one engine in somebody's name.
#[derive(Clone, Debug)]
pub struct Api {
    address: SocketAddr,
    token: String,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// The body; null if it is not JSON.
    pub body: Json,
}

impl Api {
    /// Asks the engine at `address` with `token`.
    #[must_use]
    pub fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, token: token.to_owned() }
    }

    /// One request; `body` makes it JSON.
    ///
    /// # Panics
    /// When there is no whole answer.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        self.ask_with(method, path, body, &[])
    }

    /// The same with headers of the test's own.
    ///
    /// # Panics
    /// When there is no whole answer.
    #[must_use]
    pub fn ask_with(
        &self,
        method: &str,
        path: &str,
        body: Option<&Json>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str())];
        if body.is_some() {
            all.push(("Content-Type", "application/json"));
        }
        all.extend(headers);
        let text = body.map(Json::to_string).unwrap_or_default();
        let page = Page::send(self.address, method, path, &all, &text)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let body = serde_json::from_str(&page.body).unwrap_or(Json::Null);
        Answer { code: page.code, body }
    }

    /// Reads `path`.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn get(&self, path: &str) -> Json {
        let answer = self.ask("GET", path, None);
        assert_eq!(answer.code, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// The same, however often: waits when it is told that it asks too often.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn get_patiently(&self, path: &str) -> Json {
        until(path, || match self.ask("GET", path, None) {
            Answer { code: 200, body } => Ok(body),
            Answer { code: 429, body } => Err(body.to_string()),
            other => panic!("{path}: {other:?}"),
        })
    }

    /// Changes something.
    ///
    /// # Panics
    /// When that is refused.
    pub fn post(&self, path: &str, body: &Json) -> Json {
        let answer = self.ask("POST", path, Some(body));
        assert!((200..300).contains(&answer.code), "{path} {body}: {answer:?}");
        answer.body
    }

    /// Ends something.
    ///
    /// # Panics
    /// When that is refused.
    pub fn delete(&self, path: &str) {
        let answer = self.ask("DELETE", path, None);
        assert!((200..300).contains(&answer.code), "{path}: {answer:?}");
    }

    /// The items of a list.
    ///
    /// # Panics
    /// When there is no list.
    #[must_use]
    pub fn list(&self, path: &str) -> Vec<Json> {
        let body = self.get(path);
        body["items"].as_array().unwrap_or_else(|| panic!("no list: {body}")).clone()
    }

    /// Waits until a list has an item of which `holds`, and returns that.
    ///
    /// # Panics
    /// When there is none in time.
    pub fn wait_for_item(&self, path: &str, holds: impl Fn(&Json) -> bool) -> Json {
        until(&format!("an item of {path}"), || {
            let items = self.list(path);
            let found = items.iter().find(|it| holds(it)).cloned();
            found.ok_or_else(|| format!("{items:#?}"))
        })
    }

    /// Waits until `path` shows something of which `holds`.
    ///
    /// # Panics
    /// When that does not come.
    pub fn wait_for(&self, path: &str, holds: impl Fn(&Json) -> bool) -> Json {
        until(path, || {
            let body = self.get(path);
            if holds(&body) { Ok(body) } else { Err(format!("{body:#}")) }
        })
    }

    /// Waits until there is a problem about `name`.
    ///
    /// # Panics
    /// When there is none in time.
    #[must_use]
    pub fn wait_for_problem(&self, name: &str) -> Json {
        self.wait_for_item("/api/v1/problems", |it| it["name"] == name)
    }

    /// Everything that was decided about `name`, newest first.
    ///
    /// # Panics
    /// When nothing is known of it.
    #[must_use]
    pub fn why(&self, name: &str) -> Json {
        self.get(&format!("/api/v1/why?name={}", encoded(name)))
    }

    /// Waits until the last decision about `name` was to tell nobody because of `gate`.
    ///
    /// # Panics
    /// When it is not.
    pub fn wait_for_closed(&self, name: &str, gate: &str) -> Json {
        until(&format!("{name} withheld by {gate}"), || {
            let why = self.why(name);
            let last = &why["decisions"][0];
            let closed = last["verdict"] == "nobody" && last["reason"] == gate;
            if closed { Ok(last.clone()) } else { Err(format!("{why:#}")) }
        })
    }
}

/// `text` as it may stand in a path or behind a `?`.
#[must_use]
pub fn encoded(text: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-._~".contains(&it);
    text.bytes()
        .map(|it| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect()
}

/// So long from now, as the interface reads it.
///
/// # Panics
/// When the clock stands before 1970.
#[must_use]
pub fn rfc3339(from_now: Duration) -> String {
    rfc3339_at((SystemTime::now() + from_now).duration_since(UNIX_EPOCH).unwrap())
}

/// A moment, as the interface reads it; counted since 1970.
#[must_use]
pub fn rfc3339_at(at: Duration) -> String {
    let (days, secs) = (at.as_secs() / 86_400, at.as_secs() % 86_400);
    // Days are counted from 1 March of the year 0, so that the leap day is a year's last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
    let millis = at.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_system() {
        let output = std::process::Command::new("date")
            .args(["-u", "-d", "+1000 days", "+%Y-%m-%dT%H"])
            .output()
            .unwrap();
        let expected = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let ours = rfc3339(Duration::from_secs(1_000 * 86_400));
        let later = rfc3339(Duration::from_secs(1_000 * 86_400 - 60));
        assert!(ours.starts_with(&expected) || later.starts_with(&expected), "{ours} {expected}");
    }

    #[test]
    fn names_can_stand_in_a_path() {
        assert_eq!(encoded("site acme/hq@2"), "site%20acme%2Fhq%402");
    }
}
