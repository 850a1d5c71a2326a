//! The parameters that more than one kind has: where to connect to, and on what terms.
//!
//! They are described and read here once, so that `verify: off` means the same everywhere.

use std::{path::Path, sync::Arc};

use model::{Form, ParamFault, ParamSpec, Params};
use regex::bytes::Regex;

use crate::wires::{
    resolve::Family,
    tls::{TlsTerms, read_roots},
};

/// `family`.
pub(crate) const FAMILY: ParamSpec = ParamSpec {
    name: "family",
    form: Form::Choice(&["any", "ipv4", "ipv6"]),
    default: "any",
    doc: "Which addresses to use. `any` takes IPv4 if the name has such an address, else IPv6.",
};
/// `verify`.
pub(crate) const VERIFY: ParamSpec = ParamSpec {
    name: "verify",
    form: Form::Flag,
    default: "yes",
    doc: "Must the certificate be valid, for the right name, and from an issuer that is trusted? \
          With `off` all of it is still measured.",
};
/// `ca`.
pub(crate) const CA: ParamSpec = ParamSpec {
    name: "ca",
    form: Form::Text,
    default: "",
    doc: "A file with certificates in PEM, by its full path. They are trusted besides the \
          machine's own roots, as issuers and, exactly as they stand there, as servers.",
};
/// `server_name`.
pub(crate) const SERVER_NAME: ParamSpec = ParamSpec {
    name: "server_name",
    form: Form::Text,
    default: "",
    doc: "The name to ask for in TLS, and to find in the certificate, instead of the host's.",
};

/// `1 packet`, `2 packets`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// Reads `family`.
pub(crate) fn family(params: &Params) -> Family {
    match params.text("family") {
        Some("ipv4") => Family::V4,
        Some("ipv6") => Family::V6,
        _ => Family::Any,
    }
}

/// Reads `verify`, `ca` and `server_name`.
pub(crate) fn tls(params: &Params, faults: &mut Vec<ParamFault>) -> TlsTerms {
    let ca = params.text("ca").map(|it| Arc::<Path>::from(Path::new(it)));
    if let Some(path) = &ca {
        if !path.is_absolute() {
            faults.push(fault("ca", "is not a full path", "begin it with `/`"));
        } else if let Err(what) = read_roots(path) {
            faults.push(fault("ca", what, "name a file with certificates in PEM"));
        }
    }
    TlsTerms {
        verify: params.flag("verify").unwrap_or(true),
        ca,
        server_name: params.text("server_name").map(Arc::from),
    }
}

/// Reads the regular expression `param`.
pub(crate) fn pattern(
    params: &Params,
    param: &'static str,
    faults: &mut Vec<ParamFault>,
) -> Option<Regex> {
    match Regex::new(params.text(param)?) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            // The lines above the last one only show the place, and we have a place of our own.
            let text = error.to_string();
            let what = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            faults.push(fault(param, what, "see the syntax of the crate `regex`"));
            None
        }
    }
}

/// A mistake in `param`.
pub(crate) fn fault(
    param: &'static str,
    what: impl Into<String>,
    hint: impl Into<String>,
) -> ParamFault {
    ParamFault { param, what: what.into(), hint: hint.into() }
}
