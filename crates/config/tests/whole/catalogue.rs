//! A small fixed catalogue of kinds, so that the tests of this crate do not change when a real kind
//! gains a parameter.

use model::{
    CauseCode, ChannelKind, ChannelSpec, Form, Kind, KindSpec, MeasureSpec, ParamFault, ParamSpec,
    Params, Unit,
};

const fn param(name: &'static str, form: Form) -> ParamSpec {
    ParamSpec { name, form, default: "", doc: "" }
}

const fn measure(name: &'static str, unit: Unit) -> MeasureSpec {
    MeasureSpec { name, unit, series: None, doc: "" }
}

const fn kind(
    name: &'static str,
    main_param: Option<&'static str>,
    params: &'static [ParamSpec],
    main_measure: &'static str,
    measures: &'static [MeasureSpec],
) -> KindSpec {
    KindSpec {
        name,
        summary: "",
        manual: "",
        main_param,
        main_measure,
        params,
        measures,
        causes: &[CauseCode::Timeout],
        asked_together: false,
        example: "",
    }
}

static PING: KindSpec = kind(
    "ping",
    None,
    &[
        param("packets", Form::Count(1, 20)),
        param("address", Form::Text),
        param("size", Form::Bytes),
    ],
    "rtt",
    &[measure("rtt", Unit::Seconds), measure("loss", Unit::Percent)],
);

static TCP: KindSpec = kind(
    "tcp",
    Some("port"),
    &[
        param("port", Form::Count(1, 65_535)),
        param("address", Form::Text),
        param("send", Form::Text),
        param("expect", Form::Regex),
        param("tls", Form::Flag),
        param("starttls", Form::Choice(&["smtp", "imap", "pop3"])),
        param("names", Form::TextList),
    ],
    "time",
    &[measure("time", Unit::Seconds), measure("cert", Unit::Seconds)],
);

static HTTP: KindSpec = kind(
    "http",
    Some("url"),
    &[
        param("url", Form::Text),
        param("method", Form::Choice(&["GET", "HEAD", "POST"])),
        param("headers", Form::TextMap),
        param("user", Form::Text),
        param("password", Form::Secret),
        param("expect", Form::Codes),
        param("body", Form::Regex),
        param("body_max", Form::Bytes),
        param("pause", Form::Duration),
    ],
    "time",
    &[measure("time", Unit::Seconds), measure("cert", Unit::Seconds), measure("size", Unit::Bytes)],
);

static SNMP: KindSpec = kind(
    "snmp",
    Some("get"),
    &[
        param("get", Form::Text),
        param("version", Form::Choice(&["1", "2c", "3"])),
        param("community", Form::Secret),
        param("user", Form::Text),
        param("password", Form::Secret),
    ],
    "value",
    &[measure("value", Unit::Any), measure("time", Unit::Seconds)],
);

fn needs(params: &Params, name: &'static str, hint: &str) -> Vec<ParamFault> {
    match params.get(name) {
        Some(_) => Vec::new(),
        None => vec![ParamFault {
            param: name,
            what: format!("the parameter `{name}` is missing"),
            hint: hint.into(),
        }],
    }
}

fn vet_http(params: &Params) -> Vec<ParamFault> {
    let mut faults = needs(params, "url", "write `http: \"https://host/path\"`");
    if params.text("url").is_some_and(|it| !it.contains("://")) {
        faults.push(ParamFault {
            param: "url",
            what: "the URL has no scheme".into(),
            hint: "it begins with `http://` or `https://`".into(),
        });
    }
    faults
}

fn needs_host(params: &Params) -> bool {
    params.get("address").is_none() && params.text("url").is_none()
}

/// ping, tcp, http and snmp, as far as `config` can tell.
pub(crate) const KINDS: &[Kind] = &[
    Kind { spec: &PING, vet: |_| Vec::new(), needs_host },
    Kind { spec: &TCP, vet: |it| needs(it, "port", "write `tcp: 22`"), needs_host },
    Kind { spec: &HTTP, vet: vet_http, needs_host },
    Kind { spec: &SNMP, vet: |it| needs(it, "get", "write `snmp: sysUpTime`"), needs_host },
];

static MAIL: ChannelSpec = ChannelSpec {
    name: "email",
    summary: "",
    manual: "",
    params: &[
        param("from", Form::Text),
        param("smtp", Form::Text),
        param("password", Form::Secret),
    ],
    personal: Some("email"),
    for_people: true,
    one_by_one: false,
    resolve: true,
    refresh_secs: 0,
    example: "",
};

static WEBHOOK: ChannelSpec = ChannelSpec {
    name: "webhook",
    summary: "",
    manual: "",
    params: &[
        param("url", Form::Secret),
        param("sign", Form::TextList),
        param("headers", Form::TextMap),
    ],
    personal: None,
    for_people: false,
    one_by_one: false,
    resolve: true,
    refresh_secs: 0,
    example: "",
};

static ALERTMANAGER: ChannelSpec = ChannelSpec {
    name: "alertmanager",
    summary: "",
    manual: "",
    params: &[param("url", Form::Text)],
    personal: None,
    for_people: false,
    one_by_one: false,
    resolve: true,
    refresh_secs: 60,
    example: "",
};

static PAGER: ChannelSpec = ChannelSpec {
    name: "pager",
    params: &[param("key", Form::Secret)],
    one_by_one: true,
    refresh_secs: 0,
    ..ALERTMANAGER
};

/// Mail, a webhook, a place that forgets and one that is told each problem by itself, as far as
/// `config` can tell.
pub(crate) const CHANNELS: &[ChannelKind] = &[
    ChannelKind { spec: &MAIL, vet: |it| needs(it, "smtp", "write `smtp: \"host:587\"`") },
    ChannelKind { spec: &WEBHOOK, vet: |it| needs(it, "url", "write `url: \"https://…\"`") },
    ChannelKind { spec: &ALERTMANAGER, vet: |it| needs(it, "url", "write `url: \"https://…\"`") },
    ChannelKind { spec: &PAGER, vet: |_| Vec::new() },
];

/// Some formats of reports.
pub(crate) const FORMATS: &[&str] = &["veeam", "vzdump", "hyper-backup"];
