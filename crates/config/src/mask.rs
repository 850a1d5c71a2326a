//! Keeps secrets and control characters out of everything that is shown.
//!
//! A caret snippet shows a whole line of a file, and that line may hold a password which has
//! nothing to do with the mistake. So the values of all keys that are secrets by name are hidden,
//! those of misspelt ones too. It works on the text rather than on the tree, since a file with a
//! syntax error has none; when in doubt it hides too much.

use std::{collections::HashMap, ops::Range, sync::LazyLock};

use regex::Regex;

use crate::words;

/// Stands for what is hidden.
pub(crate) const HIDDEN: &str = "(secret)";

/// Keys that hold secrets, whatever a kind says about its own.
const SECRET_NAMES: &[&str] = &[
    "api_key",
    "apikey",
    "auth",
    "auth_password",
    "authorization",
    "bearer",
    "community",
    "cookie",
    "passphrase",
    "password",
    "passwd",
    "priv_password",
    "secret",
    "set-cookie",
    "token",
    "x-api-key",
    "x-auth-token",
];

/// User and password in a URL.
static USERINFO: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"//([^/\s:@]*):([^/\s@]+)@").expect("the pattern is a constant"));

/// The names of keys whose values are never shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct SecretNames {
    everywhere: Vec<String>,
    /// Those that are secrets only below `channels:`: the URL of a chat room lets anybody write
    /// into it, that of a web page is no secret.
    of_channels: Vec<String>,
}

/// Secrets of channels besides those that their kinds name.
const CHANNEL_NAMES: &[&str] = &["sign"];

impl SecretNames {
    /// Those of every kind, and what people call such things.
    pub(crate) fn of(kinds: &[model::Kind], channel_kinds: &[model::ChannelKind]) -> Self {
        let mut names: Vec<String> = SECRET_NAMES.iter().map(|it| (*it).to_owned()).collect();
        for kind in kinds {
            let secret = kind.spec.params.iter().filter(|it| it.form == model::Form::Secret);
            for param in secret {
                names.push(param.name.to_owned());
                if kind.spec.main_param == Some(param.name) {
                    names.push(kind.spec.name.to_owned());
                }
            }
        }
        let params = channel_kinds.iter().flat_map(|it| it.spec.params);
        let secret = params.filter(|it| it.form == model::Form::Secret).map(|it| it.name);
        let of_channels = CHANNEL_NAMES.iter().copied().chain(secret).map(str::to_owned).collect();
        Self { everywhere: names, of_channels }
    }

    /// Is `key` such a name, or nearly?
    pub(crate) fn has(&self, key: &str) -> bool {
        let key = key.to_ascii_lowercase();
        // The folder of the secrets.
        if key == "secrets" {
            return false;
        }
        /// Shorter keys are too near to everything.
        const MISSPELT_BYTES_MIN: usize = 5;
        is_near(&key, self.everywhere.iter(), MISSPELT_BYTES_MIN)
    }

    /// Is it one below `channels:`, or nearly?
    fn has_in_channels(&self, key: &str) -> bool {
        /// There are few keys here, and `urll` is one of them.
        const MISSPELT_BYTES_MIN: usize = 4;
        let key = key.to_ascii_lowercase();
        self.has(&key) || is_near(&key, self.of_channels.iter(), MISSPELT_BYTES_MIN)
    }

    /// The bytes of `text` that must not be shown, in order.
    pub(crate) fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut at = 0;
        // The same few keys stand in every line.
        let mut known: HashMap<(&str, bool), bool> = HashMap::new();
        let mut in_channels = false;
        // Lines that are indented more than this belong to a secret value, and so do the items of a
        // list that are indented as much, if there is one.
        let mut hidden_below: Option<(usize, bool)> = None;
        let mut quote: Option<char> = None;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let body = line.trim_end();
            let indent = body.len() - body.trim_start().len();
            if let Some(open) = quote {
                let end = body.find(open).map_or(body.len(), |it| it + 1);
                found.push(start..start + end);
                if body.contains(open) {
                    quote = None;
                }
                continue;
            }
            if body.trim_start().is_empty() {
                continue;
            }
            let is_item = body.trim_start().starts_with('-');
            if hidden_below
                .is_some_and(|(it, list)| indent > it || (list && is_item && indent == it))
            {
                found.push(start + indent..start + body.len());
                continue;
            }
            hidden_below = None;
            if indent == 0 && !body.starts_with('#') {
                in_channels = body.starts_with("channels:");
            }
            for (value, flow) in self.values(body, in_channels, &mut known) {
                found.push(start + value.start..start + value.end);
                quote = unclosed(&body[value.clone()]);
                if !flow && quote.is_none() {
                    hidden_below = Some((indent, value.is_empty() && !is_item));
                }
            }
        }
        found.retain(|it| !it.is_empty());
        found
    }

    /// The values of secret keys in one line, each with whether it stands inside braces.
    fn values<'t>(
        &self,
        line: &'t str,
        in_channels: bool,
        known: &mut HashMap<(&'t str, bool), bool>,
    ) -> Vec<(Range<usize>, bool)> {
        let mut found: Vec<(Range<usize>, bool)> = Vec::new();
        for (colon, _) in line.match_indices(':') {
            if found.last().is_some_and(|it| colon < it.0.end) {
                continue;
            }
            // A colon ends a key if a space follows it or a quote comes before it.
            let key = line[..colon].trim_end();
            let spaced = line[colon + 1..].chars().next().is_none_or(char::is_whitespace);
            if !spaced && !key.ends_with(['"', '\'']) {
                continue;
            }
            let key = key.rsplit(['{', ',', '[']).next().unwrap_or(key).trim_start();
            let key = key.trim_start_matches(['-', '?', ' ']).trim_matches(['"', '\'', ' ']);
            let is_secret = known.entry((key, in_channels)).or_insert_with(|| match in_channels {
                true => self.has_in_channels(key),
                false => self.has(key),
            });
            if key.is_empty() || !*is_secret {
                continue;
            }
            let flow = line[..colon].contains('{');
            let from = colon + 1;
            let rest = &line[from..];
            let lead = rest.len() - rest.trim_start().len();
            let value = &rest[lead..];
            let bytes = value_bytes(value, flow);
            if !is_reference(&value[..bytes]) {
                found.push((from + lead..from + lead + bytes, flow));
            }
        }
        found
    }
}

/// Is `key`, in small letters, one of `names`, or nearly if it has at least so many bytes?
fn is_near<'n>(
    key: &str,
    names: impl Iterator<Item = &'n String> + Clone,
    misspelt_bytes_min: usize,
) -> bool {
    let mut all = names.clone().map(String::as_str);
    all.any(|it| it == key)
        || (key.len() >= misspelt_bytes_min
            && words::nearest(key, names.map(String::as_str)).is_some())
}

/// How far a value reaches in its line.
fn value_bytes(value: &str, flow: bool) -> usize {
    match value.chars().next() {
        // A list of secrets is one.
        Some('[') if flow => value.find(']').map_or(value.len(), |it| it + 1),
        Some(quote @ ('"' | '\'')) => value[1..].find(quote).map_or(value.len(), |it| it + 2),
        _ if value.starts_with("${") => value.find('}').map_or(value.len(), |it| it + 1),
        _ if flow => {
            let end = value.find([',', '}']).unwrap_or(value.len());
            value[..end].trim_end().len()
        }
        _ => value.len(),
    }
}

/// The quote that begins in `value` and does not end there.
fn unclosed(value: &str) -> Option<char> {
    let quote = value.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    (value.len() == 1 || !value.ends_with(quote)).then_some(quote)
}

/// Nothing but one placeholder: it names a secret and is none.
pub(crate) fn is_reference(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    value.starts_with("${") && value.ends_with('}') && value.matches('}').count() == 1
}

/// Hides the passwords of URLs.
pub(crate) fn hide_userinfo(text: &str) -> String {
    USERINFO.replace_all(text, format!("//$1:{HIDDEN}@")).into_owned()
}

/// Does a URL in `text` hold a password?
pub(crate) fn has_userinfo(text: &str) -> bool {
    text.contains('@') && USERINFO.is_match(text)
}

/// Where a URL in `text` holds a password.
pub(crate) fn userinfo_ranges(text: &str) -> impl Iterator<Item = Range<usize>> {
    USERINFO.captures_iter(text).filter_map(|it| it.get(2).map(|it| it.range()))
}

/// May this not be shown as it is: does it move the cursor, or the text around it?
pub(crate) fn is_hostile(glyph: char) -> bool {
    glyph.is_control()
        || matches!(glyph,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// One line without anything that a terminal would act on.
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for glyph in text.chars() {
        match is_hostile(glyph) {
            true => shown.extend(glyph.escape_unicode()),
            false => shown.push(glyph),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut shown = text.to_owned();
        for range in SecretNames::of(&[], &[]).ranges(text).into_iter().rev() {
            shown.replace_range(range, "#");
        }
        shown
    }

    #[test]
    fn values_of_secret_keys_are_hidden_however_they_are_written() {
        assert_eq!(masked("password: hunter2"), "password: #");
        assert_eq!(masked("  - password: \"a, b\" # x"), "  - password: # # x");
        assert_eq!(
            masked("{ user: x, password: y, every: 5 }"),
            "{ user: x, password: #, every: 5 }"
        );
        assert_eq!(masked("{ 'passwrod': 'y' }"), "{ 'passwrod': # }");
        assert_eq!(masked("password:\n  a\n  b\nnext: 1"), "password:\n  #\n  #\nnext: 1");
        assert_eq!(masked("token: |\n  a\n\n  b\nx: y"), "token: #\n  #\n\n  #\nx: y");
        assert_eq!(masked("token: \"a\n b: c\" \nx: y"), "token: #\n# \nx: y");
    }

    #[test]
    fn what_is_secret_of_channels_only_is_shown_elsewhere() {
        let text = "token:\n- a\n- b\nx: c";
        assert_eq!(masked(text), "token:\n#\n#\nx: c");
        let text = "sign: a\nchannels:\n  x: { sign: [b, c], type: d }\n  # e\n  y:\n    sign: f\nteams:\n  sign: g";
        let hidden = "sign: a\nchannels:\n  x: { sign: #, type: d }\n  # e\n  y:\n    sign: #\nteams:\n  sign: g";
        assert_eq!(masked(text), hidden);
    }

    #[test]
    fn names_of_secrets_are_no_secrets() {
        assert_eq!(masked("password: ${secret:x}"), "password: ${secret:x}");
        assert_eq!(masked("{ password: \"${secret:x}\" }"), "{ password: \"${secret:x}\" }");
        assert_eq!(masked("timeout: 5s"), "timeout: 5s");
        assert_eq!(masked("secrets: /run/secrets"), "secrets: /run/secrets");
    }

    #[test]
    fn passwords_in_urls_are_hidden() {
        assert_eq!(hide_userinfo("http://a:b@c/d"), "http://a:(secret)@c/d");
        assert_eq!(hide_userinfo("http://c:80/d"), "http://c:80/d");
    }
}
