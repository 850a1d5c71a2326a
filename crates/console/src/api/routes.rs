//! The one table of what can be asked.
//!
//! The router, the OpenAPI document and the tests of who may do what are made from it, so a route
//! that is not here does not exist, and one that is here has a scope and a rule of customers.

use model::TokenScope;
use serde_json::{Value, json};

use crate::api::{
    act,
    ask::ITEMS_MAX,
    forms::{
        SeverityWord,
        case::{
            AcceptForm, AssignForm, CallForm, CallLine, CloseForm, DismissForm, MergeForm,
            OpenForm, ProposalForm, SayForm, SnoozeForm, SuspendForm,
        },
        duty::{
            EndForm, ExtendForm, NewTokenForm, OncallForm, OverrideRequest, SilenceForm,
            SilenceRequest, TokenForm, TokenRequest, WindowForm, WindowRequest,
        },
        hearing::{ClaimForm, FedForm, JobReportForm, class_words},
        problem::{
            AcknowledgeForm, BlockingForm, CheckableForm, CommentForm, NothingForm, ProblemForm,
            ProblemLine,
        },
        told::{AlertForm, ConsequenceForm, EventsForm, StoryForm, SupposeForm, TestForm},
        watchdog::{
            AcceptScheduleForm, GridRow, PauseRequest, SecretsForm, SlotForm, TickForm, ToComeForm,
            WatchdogForm, WatchdogLine, standing_words,
        },
    },
    object::Kind,
    read,
    route::{Does, Param, Route, Tenant, Verb},
    shape::{At, Defs, Listed, SchemaOf, Shape},
    watchdogs::{self, AHEAD_DAYS_MAX, GRID_DAYS_MAX},
};

const CUSTOMER: Param =
    Param { name: "customer", doc: "Only this customer's.", schema: String::schema };
const CURSOR: Param =
    Param { name: "cursor", doc: "What `next` said in the part before.", schema: String::schema };
const LIMIT: Param = Param { name: "limit", doc: "Most items.", schema: limit_schema };
const SEVERITY: Param =
    Param { name: "severity", doc: "At least this bad.", schema: SeverityWord::schema };
const TEXT: Param =
    Param { name: "text", doc: "Whose name has this in it.", schema: String::schema };
const ASSIGNEE: Param =
    Param { name: "assignee", doc: "Only this person's.", schema: String::schema };
const AT: Param = Param { name: "at", doc: "At this moment; else now.", schema: At::schema };
const FROM: Param = Param { name: "from", doc: "From then on; else from now.", schema: At::schema };
const UNTIL: Param = Param { name: "until", doc: "Until then.", schema: At::schema };
const NAME: Param = Param {
    name: "name",
    doc: "`customer/host`, `customer/host/service`, `site customer/site` or `own …`.",
    schema: String::schema,
};
const PROBLEM: Param = Param { name: "problem", doc: "About this problem.", schema: u64::schema };
const AFTER: Param = Param { name: "after", doc: "Behind this event.", schema: u64::schema };

const SEARCH: Param =
    Param { name: "search", doc: "Whose name has this in it.", schema: String::schema };
const STANDING: Param = Param {
    name: "standing",
    doc: "Whose last judged run stands so.",
    schema: |_| json!({ "type": "string", "enum": standing_words() }),
};
const CLASS: Param = Param {
    name: "class",
    doc: "What became of it.",
    schema: |_| json!({ "type": "string", "enum": class_words() }),
};
const WATCHDOG: Param =
    Param { name: "name", doc: "Only of this watchdog, by full name.", schema: String::schema };
const FROM_DAY: Param = Param {
    name: "from",
    doc: "The first day; else so that today is the last.",
    schema: |_| json!({ "type": "string", "format": "date" }),
};
const DAYS: Param = Param {
    name: "days",
    doc: "How many.",
    schema: |_| json!({ "type": "integer", "minimum": 1, "maximum": GRID_DAYS_MAX, "default": 14 }),
};
const DAYS_AHEAD: Param = Param {
    name: "days",
    doc: "How many.",
    schema: |_| json!({ "type": "integer", "minimum": 1, "maximum": AHEAD_DAYS_MAX, "default": 14 }),
};

const fn state(doc: &'static str, schema: SchemaOf) -> Param {
    Param { name: "state", doc, schema }
}

fn limit_schema(_: &mut Defs) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": ITEMS_MAX, "default": 100 })
}

fn words(list: &[&str]) -> Value {
    json!({ "type": "string", "enum": list, "default": list[0] })
}

fn document_schema(_: &mut Defs) -> Value {
    json!({ "type": "object" })
}

const SEEN: TokenScope = TokenScope::Ack;
const DISPATCH: TokenScope = TokenScope::Dispatch;
const ADMIN: TokenScope = TokenScope::Admin;
const OF_PROBLEM: (TokenScope, Tenant) = (SEEN, Tenant::Object(Kind::Problem));
const OF_PROPOSAL: (TokenScope, Tenant) = (DISPATCH, Tenant::Object(Kind::Proposal));
const OF_CALL: (TokenScope, Tenant) = (DISPATCH, Tenant::Object(Kind::Call));
const OF_REPORT: (TokenScope, Tenant) = (DISPATCH, Tenant::Object(Kind::Report));
const OF_WATCHDOG: Tenant = Tenant::Object(Kind::Watchdog);
const OF_WINDOW: (TokenScope, Tenant) = (TokenScope::Maintenance, Tenant::Object(Kind::Window));

/// Everything that can be asked.
pub(crate) static ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/api/v1/openapi.json",
        summary: "This description",
        scope: None,
        tenant: Tenant::Open,
        params: &[],
        takes: None,
        mail: false,
        gives: document_schema,
        makes: None,
        does: Does::Show,
    },
    // Problems.
    Route::list(
        "/api/v1/problems",
        "Problems, newest first",
        &[
            state("Which.", |_| words(read::PROBLEMS_SHOWN)),
            CUSTOMER,
            SEVERITY,
            TEXT,
            CURSOR,
            LIMIT,
        ],
        Listed::<ProblemLine>::schema,
        |ask| Box::pin(read::problems(ask)),
    ),
    Route::show(
        "/api/v1/problems/{id}",
        "A problem with its symptoms, who was told, and its timeline",
        Kind::Problem,
        ProblemForm::schema,
    ),
    Route::change(
        "/api/v1/problems/{id}/acknowledge",
        "I have seen it",
        OF_PROBLEM,
        AcknowledgeForm::schema,
        act::acknowledge,
    ),
    Route::change(
        "/api/v1/problems/{id}/unacknowledge",
        "Take an acknowledgement back",
        OF_PROBLEM,
        NothingForm::schema,
        act::unacknowledge,
    ),
    Route::change(
        "/api/v1/problems/{id}/comment",
        "Add a note",
        OF_PROBLEM,
        CommentForm::schema,
        act::comment,
    ),
    Route::change(
        "/api/v1/problems/{id}/blocking",
        "Judge whether it blocks the customer",
        OF_PROBLEM,
        BlockingForm::schema,
        act::blocking,
    ),
    // Proposals.
    Route::list(
        "/api/v1/proposals",
        "Proposals, newest first",
        &[state("Which.", |_| words(read::PROPOSALS_SHOWN)), CUSTOMER, CURSOR, LIMIT],
        Listed::<ProposalForm>::schema,
        |ask| Box::pin(read::proposals(ask)),
    ),
    Route::show(
        "/api/v1/proposals/{id}",
        "A proposal with its evidence",
        Kind::Proposal,
        ProposalForm::schema,
    ),
    Route::change(
        "/api/v1/proposals/{id}/accept",
        "Make a call of it",
        OF_PROPOSAL,
        AcceptForm::schema,
        act::accept,
    ),
    Route::change(
        "/api/v1/proposals/{id}/merge",
        "Make it a part of a call that is there",
        OF_PROPOSAL,
        MergeForm::schema,
        act::merge,
    ),
    Route::change(
        "/api/v1/proposals/{id}/dismiss",
        "It is not worth a call",
        OF_PROPOSAL,
        DismissForm::schema,
        act::dismiss,
    ),
    Route::change(
        "/api/v1/proposals/{id}/snooze",
        "Show it again later",
        OF_PROPOSAL,
        SnoozeForm::schema,
        act::snooze,
    ),
    // Calls.
    Route::list(
        "/api/v1/calls",
        "Calls, newest first",
        &[
            state("Which; `live` are all that are not closed.", |_| words(read::CALLS_SHOWN)),
            CUSTOMER,
            ASSIGNEE,
            CURSOR,
            LIMIT,
        ],
        Listed::<CallLine>::schema,
        |ask| Box::pin(read::calls(ask)),
    ),
    Route::show(
        "/api/v1/calls/{id}",
        "A call with its clocks and messages",
        Kind::Call,
        CallForm::schema,
    ),
    Route::change(
        "/api/v1/calls",
        "Open a call without a proposal",
        (DISPATCH, Tenant::Named),
        OpenForm::schema,
        act::open,
    )
    .makes("/api/v1/calls"),
    Route::change(
        "/api/v1/calls/{id}/assign",
        "Give it to somebody",
        OF_CALL,
        AssignForm::schema,
        act::assign,
    ),
    Route::change(
        "/api/v1/calls/{id}/start",
        "I work on it",
        OF_CALL,
        NothingForm::schema,
        act::start,
    ),
    Route::change(
        "/api/v1/calls/{id}/suspend",
        "Nothing can be done for now",
        OF_CALL,
        SuspendForm::schema,
        act::suspend,
    ),
    Route::change(
        "/api/v1/calls/{id}/resume",
        "It goes on",
        OF_CALL,
        NothingForm::schema,
        act::resume,
    ),
    Route::change("/api/v1/calls/{id}/close", "It is done", OF_CALL, CloseForm::schema, act::close),
    Route::change(
        "/api/v1/calls/{id}/say",
        "Add a message or note",
        OF_CALL,
        SayForm::schema,
        act::say,
    ),
    Route::change(
        "/api/v1/calls/{id}/block",
        "It blocks the customer: its clocks run day and night from now on",
        OF_CALL,
        NothingForm::schema,
        act::block,
    ),
    // Silences.
    Route::list(
        "/api/v1/silences",
        "Silences that have not ended",
        &[],
        Listed::<SilenceForm>::schema,
        |ask| Box::pin(read::silences(ask)),
    ),
    Route::show("/api/v1/silences/{id}", "A silence", Kind::Silence, SilenceForm::schema),
    Route::change(
        "/api/v1/silences",
        "Put up a silence; for the customers of the token",
        (SEEN, Tenant::Listed),
        SilenceRequest::schema,
        act::silence,
    )
    .makes("/api/v1/silences"),
    Route::delete(
        "/api/v1/silences/{id}",
        "End a silence",
        (SEEN, Tenant::Object(Kind::Silence)),
        act::unsilence,
    ),
    // Windows.
    Route::list(
        "/api/v1/windows",
        "Occurrences of windows, by begin, with their reports",
        &[FROM, UNTIL, CUSTOMER, CURSOR, LIMIT],
        Listed::<WindowForm>::schema,
        |ask| Box::pin(read::windows(ask)),
    ),
    Route::show(
        "/api/v1/windows/{key}",
        "An occurrence of a window; its key is percent-encoded",
        Kind::Window,
        WindowForm::schema,
    ),
    Route::change(
        "/api/v1/windows",
        "Plan a window",
        (TokenScope::Maintenance, Tenant::Named),
        WindowRequest::schema,
        act::plan_window,
    )
    .makes("/api/v1/windows"),
    Route::change(
        "/api/v1/windows/{key}/extend",
        "Move the end of an occurrence",
        OF_WINDOW,
        ExtendForm::schema,
        act::extend_window,
    ),
    Route::change(
        "/api/v1/windows/{key}/end",
        "End an occurrence that runs, or cancel one that is to come",
        OF_WINDOW,
        EndForm::schema,
        act::end_window,
    ),
    // Duties.
    Route::list("/api/v1/oncall", "Who has which duty", &[AT], OncallForm::schema, |ask| {
        Box::pin(read::oncall(ask))
    })
    .needs(TokenScope::Read, Tenant::Whole),
    Route::change(
        "/api/v1/oncall/overrides",
        "Give a duty to somebody else for a while",
        (TokenScope::Oncall, Tenant::Whole),
        OverrideRequest::schema,
        act::put_override,
    )
    .makes("/api/v1/oncall/overrides"),
    Route::delete(
        "/api/v1/oncall/overrides/{id}",
        "Take an override back",
        (TokenScope::Oncall, Tenant::Whole),
        act::end_override,
    ),
    // Alerts and channels.
    Route::list(
        "/api/v1/alerts",
        "Alerts, the longest owed first",
        &[state("Which.", |_| words(read::ALERTS_SHOWN)), PROBLEM, CUSTOMER, CURSOR, LIMIT],
        Listed::<AlertForm>::schema,
        |ask| Box::pin(read::alerts(ask)),
    ),
    Route::show("/api/v1/alerts/{key}", "An alert", Kind::Alert, AlertForm::schema),
    Route::change(
        "/api/v1/alerts/{key}/redeliver",
        "Try a dead alert again",
        (ADMIN, Tenant::Object(Kind::Alert)),
        NothingForm::schema,
        act::redeliver,
    ),
    Route::change(
        "/api/v1/channels/{name}/test",
        "Send a test through a channel",
        (ADMIN, Tenant::Whole),
        TestForm::schema,
        act::test_channel,
    ),
    // Tokens.
    Route::list("/api/v1/tokens", "Tokens", &[], Listed::<TokenForm>::schema, |ask| {
        Box::pin(read::tokens(ask))
    })
    .needs(ADMIN, Tenant::Whole),
    Route {
        verb: Verb::Post,
        takes: Some(TokenRequest::schema),
        makes: Some("/api/v1/tokens"),
        ..Route::list(
            "/api/v1/tokens",
            "Make a token; its secret is shown this once",
            &[],
            NewTokenForm::schema,
            |ask| Box::pin(act::create_token(ask)),
        )
        .needs(ADMIN, Tenant::Whole)
    },
    Route::delete(
        "/api/v1/tokens/{id}",
        "Take a token back",
        (ADMIN, Tenant::Whole),
        act::revoke_token,
    ),
    // Why.
    Route::list(
        "/api/v1/why",
        "What was believed and decided about a host, service or site",
        &[NAME, AT, LIMIT],
        StoryForm::schema,
        |ask| Box::pin(read::why(ask)),
    )
    .needs(TokenScope::Read, Tenant::Named),
    Route {
        verb: Verb::Post,
        takes: Some(SupposeForm::schema),
        ..Route::list(
            "/api/v1/why/what-if",
            "What would be decided, and who would be told",
            &[],
            ConsequenceForm::schema,
            |ask| Box::pin(read::what_if(ask)),
        )
        .needs(TokenScope::Read, Tenant::Named)
    },
    Route::list(
        "/api/v1/events",
        "What happened: a piece as JSON, or a stream for `Accept: text/event-stream`",
        &[AFTER, CUSTOMER, LIMIT],
        EventsForm::schema,
        |ask| Box::pin(read::events(ask)),
    ),
    Route::show(
        "/api/v1/checkables/{name}",
        "A host or service; its name is percent-encoded",
        Kind::Checkable,
        CheckableForm::schema,
    ),
    // Watchdogs.
    Route::list(
        "/api/v1/watchdogs",
        "Watchdogs, by name",
        &[CUSTOMER, STANDING, SEARCH, CURSOR, LIMIT],
        Listed::<WatchdogLine>::schema,
        |ask| Box::pin(watchdogs::list(ask)),
    ),
    Route::list(
        "/api/v1/watchdogs/grid",
        "Watchdogs by days: the worst standing of each day, and the bytes",
        &[FROM_DAY, DAYS, CUSTOMER, STANDING, SEARCH, CURSOR, LIMIT],
        Listed::<GridRow>::schema,
        |ask| Box::pin(watchdogs::grid(ask)),
    ),
    Route::list(
        "/api/v1/watchdogs/calendar",
        "Runs to come, by time",
        &[FROM, DAYS_AHEAD, WATCHDOG, CUSTOMER, LIMIT],
        Listed::<ToComeForm>::schema,
        |ask| Box::pin(watchdogs::to_come(ask)),
    ),
    Route::show(
        "/api/v1/watchdogs/{name}",
        "A watchdog without its secrets; its name is percent-encoded",
        Kind::Watchdog,
        WatchdogForm::schema,
    ),
    Route::list(
        "/api/v1/watchdogs/{name}/secrets",
        "Where a watchdog can be reached: whoever knows this can speak for it",
        &[],
        SecretsForm::schema,
        |ask| Box::pin(watchdogs::secrets(ask)),
    )
    .needs(ADMIN, OF_WATCHDOG),
    Route::list(
        "/api/v1/watchdogs/{name}/slots",
        "Expected runs of a watchdog, newest first",
        &[CURSOR, LIMIT],
        Listed::<SlotForm>::schema,
        |ask| Box::pin(watchdogs::slots(ask)),
    )
    .needs(TokenScope::Read, OF_WATCHDOG),
    Route::change(
        "/api/v1/watchdogs/{name}/tick",
        "A duty of people is done",
        (DISPATCH, OF_WATCHDOG),
        TickForm::schema,
        watchdogs::tick,
    ),
    Route::change(
        "/api/v1/watchdogs/{name}/pause",
        "Nothing is expected for a while",
        (TokenScope::Maintenance, OF_WATCHDOG),
        PauseRequest::schema,
        watchdogs::pause,
    ),
    Route::change(
        "/api/v1/watchdogs/{name}/resume",
        "It is expected again",
        (TokenScope::Maintenance, OF_WATCHDOG),
        NothingForm::schema,
        watchdogs::resume,
    ),
    Route::change(
        "/api/v1/watchdogs/{name}/accept-schedule",
        "Its runs are expected by a schedule that was learned",
        (ADMIN, OF_WATCHDOG),
        AcceptScheduleForm::schema,
        watchdogs::accept_schedule,
    ),
    Route {
        verb: Verb::Post,
        takes: Some(String::schema),
        mail: true,
        ..Route::list(
            "/api/v1/watchdogs/feed",
            "Hear a mail as if it had come by an intake; the token vouches for it",
            &[],
            Listed::<FedForm>::schema,
            |ask| Box::pin(watchdogs::feed(ask)),
        )
        .needs(ADMIN, Tenant::Whole)
    },
    Route {
        verb: Verb::Post,
        takes: Some(String::schema),
        mail: true,
        ..Route::list(
            "/api/v1/watchdogs/test",
            "What a mail would say, and for which watchdog; nothing is kept",
            &[],
            Listed::<FedForm>::schema,
            |ask| Box::pin(watchdogs::try_mail(ask)),
        )
        .needs(TokenScope::Read, Tenant::Whole)
    },
    // Reports.
    Route::list(
        "/api/v1/reports",
        "Reports, newest first; those that nobody has claimed only for tokens for all customers",
        &[CLASS, WATCHDOG, CUSTOMER, CURSOR, LIMIT],
        Listed::<JobReportForm>::schema,
        |ask| Box::pin(watchdogs::reports(ask)),
    ),
    Route::show("/api/v1/reports/{id}", "A report", Kind::Report, JobReportForm::schema),
    Route::list(
        "/api/v1/reports/{id}/text",
        "The mail or body of a report as plain text",
        &[],
        String::schema,
        |ask| Box::pin(watchdogs::text(ask)),
    )
    .needs(TokenScope::Read, Tenant::Object(Kind::Report)),
    Route::change(
        "/api/v1/reports/{id}/claim",
        "Say for which watchdog it is",
        OF_REPORT,
        ClaimForm::schema,
        watchdogs::claim,
    ),
    Route::change(
        "/api/v1/reports/{id}/drop",
        "It is for no watchdog",
        OF_REPORT,
        NothingForm::schema,
        watchdogs::drop_it,
    ),
];
