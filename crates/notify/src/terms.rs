//! The parameters that more than one channel has, described and read once, so that they mean the
//! same everywhere.

use std::{path::Path, sync::Arc};

use hyper::{
    HeaderMap,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
    },
};
use model::{Form, ParamFault, ParamSpec, Params, Value};

use crate::{
    http::Destination,
    template::Template,
    text::{Sink, Texts},
    tls::read_roots,
};

/// Headers that one channel may add.
const ADDED_HEADERS_MAX: usize = 32;
/// Bytes of one of them.
const ADDED_HEADER_BYTES_MAX: usize = 8 << 10;

/// `ca`.
pub(crate) const CA: ParamSpec = ParamSpec {
    name: "ca",
    form: Form::Text,
    default: "",
    doc: "A file with certificates in PEM, by its full path. They are trusted as issuers besides \
          the machine's own roots. Certificates are always verified.",
};
/// `headers`.
pub(crate) const HEADERS: ParamSpec = ParamSpec {
    name: "headers",
    form: Form::TextMap,
    default: "",
    doc: "Headers to add to each request, such as `authorization`. Their values are not printed.",
};
/// `title`.
pub(crate) const TITLE: ParamSpec = ParamSpec {
    name: "title",
    form: Form::Text,
    default: "",
    doc: "A [template](README.md#templates) for the one line that comes first, instead of the \
          built-in one.",
};
/// `text`.
pub(crate) const TEXT: ParamSpec = ParamSpec {
    name: "text",
    form: Form::Text,
    default: "",
    doc: "A [template](README.md#templates) for everything below, instead of the built-in text.",
};

/// A mistake in `param`.
pub(crate) fn fault(
    param: &'static str,
    what: impl Into<String>,
    hint: impl Into<String>,
) -> ParamFault {
    ParamFault { param, what: what.into(), hint: hint.into() }
}

/// The value, or the mistakes.
pub(crate) fn settled<T>(built: Option<T>, faults: Vec<ParamFault>) -> Result<T, Vec<ParamFault>> {
    match built {
        Some(built) if faults.is_empty() => Ok(built),
        _ => Err(faults),
    }
}

/// Reads a parameter that must be there.
pub(crate) fn required<'a>(
    params: &'a Params,
    param: &'static str,
    faults: &mut Vec<ParamFault>,
) -> Option<&'a str> {
    let text = params.text(param).map(str::trim).filter(|it| !it.is_empty());
    if text.is_none() {
        faults.push(fault(param, "is missing", ""));
    }
    text
}

/// Reads the URL in `param`, which must be there.
pub(crate) fn url(
    params: &Params,
    param: &'static str,
    faults: &mut Vec<ParamFault>,
) -> Option<Destination> {
    let text = required(params, param, faults)?;
    parsed_url(text, param, faults)
}

/// Reads the URL in `param`, or the product's own.
pub(crate) fn url_or(
    params: &Params,
    param: &'static str,
    default: &'static str,
    faults: &mut Vec<ParamFault>,
) -> Option<Destination> {
    parsed_url(params.text(param).unwrap_or(default), param, faults)
}

/// Reads a URL.
pub(crate) fn parsed_url(
    text: &str,
    param: &'static str,
    faults: &mut Vec<ParamFault>,
) -> Option<Destination> {
    match Destination::parse(text) {
        Ok(to) => Some(to),
        Err(what) => {
            faults.push(fault(param, what, "as in `https://noc.example/hook`"));
            None
        }
    }
}

/// Reads `ca`.
pub(crate) fn ca(params: &Params, faults: &mut Vec<ParamFault>) -> Option<Arc<Path>> {
    let path = Arc::<Path>::from(Path::new(params.text("ca")?));
    if !path.is_absolute() {
        faults.push(fault("ca", "is not a full path", "begin it with `/`"));
    } else if let Err(what) = read_roots(&path) {
        faults.push(fault("ca", what, "name a file with certificates in PEM"));
    }
    Some(path)
}

/// Reads `headers`.
pub(crate) fn headers(params: &Params, faults: &mut Vec<ParamFault>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(Value::Map(pairs)) = params.get("headers") else { return headers };
    if pairs.len() > ADDED_HEADERS_MAX {
        faults.push(fault("headers", format!("are more than {ADDED_HEADERS_MAX}"), ""));
        return headers;
    }
    for (name, value) in pairs {
        let text = text_of(value).filter(|it| it.len() <= ADDED_HEADER_BYTES_MAX);
        let read = HeaderName::try_from(&**name).ok().filter(is_ours_to_set);
        let value = text.and_then(|it| HeaderValue::from_str(it).ok());
        match (read, value) {
            (Some(name), Some(mut value)) => {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
            (None, _) => faults.push(fault("headers", format!("`{name}` cannot be set"), "")),
            (_, None) => {
                faults.push(fault("headers", format!("the value of `{name}` cannot be sent"), ""));
            }
        }
    }
    headers
}

/// What frames the message is not an admin's.
fn is_ours_to_set(name: &HeaderName) -> bool {
    ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE].contains(name)
}

/// A text, secret or not.
pub(crate) fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Secret(secret) => Some(secret.reveal()),
        _ => None,
    }
}

/// All texts of a list, or the one text that was written instead.
pub(crate) fn texts_of<'a>(params: &'a Params, param: &str) -> Vec<&'a str> {
    match params.get(param) {
        Some(Value::List(list)) => list.iter().filter_map(text_of).collect(),
        Some(value) => text_of(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Reads `title` and `text` for `sink`.
pub(crate) fn texts(params: &Params, sink: Sink, faults: &mut Vec<ParamFault>) -> Texts {
    let title = template(params, "title", sink, faults);
    Texts { title, text: template(params, "text", sink, faults) }
}

/// Reads the template in `param`.
pub(crate) fn template(
    params: &Params,
    param: &'static str,
    sink: Sink,
    faults: &mut Vec<ParamFault>,
) -> Option<Template> {
    match Template::new(params.text(param)?, sink) {
        Ok(template) => Some(template),
        Err(what) => {
            faults.push(fault(param, what, "docs/channels/README.md lists what a text may use"));
            None
        }
    }
}
