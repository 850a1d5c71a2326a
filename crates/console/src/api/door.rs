//! The one way in: token, pace, origin, scope, customer, and only then what was asked.

use axum::{
    RequestExt, Router,
    body::Bytes,
    extract::{RawPathParams, Request},
    http::{HeaderMap, Uri, header},
    response::Response,
    routing::{MethodFilter, any, on},
};
use model::{Actor, Command, NoteId, OccurrenceKey, PlannedWindow, Refusal, Reply, Token};

use crate::api::{
    Api,
    ask::{Answer, Ask, Query},
    audit::Asked,
    content,
    fault::Fault,
    forms::{DoneForm, IdForm, duty::key_text},
    object::{Kind, Object},
    openapi,
    route::{Does, Route, Tenant, Verb},
    routes::ROUTES,
};

/// All routes of the table.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(api: &Api) -> Router<S> {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Delete => MethodFilter::DELETE,
        };
        let api = api.clone();
        let serve = move |request: Request| serve(api.clone(), route, request);
        router = router.route(route.path, on(filter, serve));
    }
    let no_path = counted(api, Fault::no_such_path);
    let no_method = counted(api, Fault::no_such_method);
    router.route("/api/{*rest}", any(no_path)).method_not_allowed_fallback(no_method)
}

/// Answers with the fault and counts it.
fn counted(
    api: &Api,
    fault: fn() -> Fault,
) -> impl Fn() -> std::future::Ready<Response> + Clone + Send + Sync + 'static {
    let api = api.clone();
    move || {
        let fault = fault();
        api.0.audit.count(&fault);
        std::future::ready(fault.into_response())
    }
}

async fn serve(api: Api, route: &'static Route, request: Request) -> Response {
    let Some(scope) = route.scope else { return openapi::serve() };
    let asked = Asked::of(request.method(), request.uri());
    let mut actor = None;
    let served = async {
        let token = enter(&api, request.headers())?;
        let who = Actor { name: token.name.clone(), customers: token.customers.clone() };
        actor = Some(who.clone());
        if !api.0.buckets.take(token.id.0, api.now()) {
            return Err(Fault::too_many(api.0.buckets.pace().per_second));
        }
        if route.verb != Verb::Get && is_from_elsewhere(request.headers()) {
            return Err(Fault::cross_origin());
        }
        if !token.scopes.contains(&scope) {
            let word = model::TokenScope::ALL.iter().find(|it| it.0 == scope).map_or("", |it| it.1);
            return Err(Fault::missing_scope(word));
        }
        if route.tenant == Tenant::Whole && who.customers.is_some() {
            return Err(Fault::all_customers_only());
        }
        let ask = admit(&api, route, &token, who, request).await?;
        carry_out(ask).await
    };
    match served.await {
        Ok(answer) => answer.into_response(),
        Err(fault) => {
            api.0.audit.refused(&api, actor.as_ref(), &asked, &fault);
            fault.into_response()
        }
    }
}

/// Who asks.
fn enter(api: &Api, headers: &HeaderMap) -> Result<std::sync::Arc<Token>, Fault> {
    let said = headers.get(header::AUTHORIZATION).ok_or_else(Fault::no_token)?;
    let said = said.to_str().unwrap_or("");
    let (scheme, shown) = said.split_once(' ').unwrap_or((said, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Fault::no_token());
    }
    api.0.seams.tokens.find(shown.trim(), api.now()).map_err(Fault::bad_token)
}

/// A browser says from which site's page a request comes. Tools say nothing.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
    if text("sec-fetch-site").is_some_and(|it| it != "same-origin" && it != "none") {
        return true;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|it| it.parse::<Uri>().ok());
    let origin = origin.as_ref().and_then(Uri::authority);
    let host = text("host").and_then(|it| it.parse::<axum::http::uri::Authority>().ok());
    origin.is_none() || origin != host.as_ref()
}

/// Everything of the request that is to be known before it is carried out.
async fn admit(
    api: &Api,
    route: &'static Route,
    token: &Token,
    actor: Actor,
    mut request: Request,
) -> Result<Ask, Fault> {
    let query = Query::parse(route.params, request.uri().query())?;
    let path = request.extract_parts::<RawPathParams>().await.map_err(|_| Fault::unknown())?;
    let path: Vec<String> = path.iter().map(|(_, it)| it.to_owned()).collect();
    let headers = request.headers().clone();
    let body = match route.verb {
        Verb::Get => Bytes::new(),
        _ if route.mail => {
            content::check_mail_type(&headers)?;
            content::mail_of(request.into_body()).await?
        }
        Verb::Post | Verb::Delete => content::bytes_of(request.into_body()).await?,
    };
    if !route.mail {
        content::check_type(&headers, &body)?;
    }
    let object = match (route.tenant, path.first()) {
        (Tenant::Object(kind), Some(text)) => Some(Object::load(api, kind, text, &actor).await?),
        _ => None,
    };
    let (api, token) = (api.clone(), token.id);
    Ok(Ask { api, actor, token, route, path, query, headers, body, object })
}

async fn carry_out(ask: Ask) -> Result<Answer, Fault> {
    match ask.route.does {
        Does::Show => {
            let object = ask.object.as_ref().ok_or_else(Fault::unknown)?;
            Ok(Answer::json(&object.form()).version(object.version()))
        }
        Does::Read(read) => read(ask).await,
        Does::Change(command) => {
            let command = command(&ask)?;
            check_mentions(&ask, &command).await?;
            change(&ask, command).await
        }
    }
}

/// What a command names beside the object of its path must be for the asker's eyes as well.
async fn check_mentions(ask: &Ask, command: &Command) -> Result<(), Fault> {
    let (customer, call) = match command {
        Command::OpenCall { customer, refers_to, .. } => (Some(customer), *refers_to),
        Command::Merge { call, .. } => (None, Some(*call)),
        Command::PlanWindow(window) => (window.customer.as_ref(), None),
        _ => (None, None),
    };
    if customer.is_some_and(|it| !ask.actor.may_see(it)) {
        return Err(Fault::foreign());
    }
    if let Command::Claim { job, .. } = command {
        Object::load(&ask.api, Kind::Watchdog, job, &ask.actor).await?;
    }
    if let Some(call) = call {
        Object::load(&ask.api, Kind::Call, &call.to_string(), &ask.actor).await?;
    }
    Ok(())
}

/// Asks the desk.
pub(crate) async fn done(ask: &Ask, command: Command) -> Result<(String, u64), Fault> {
    let request = model::Request {
        by: ask.actor.clone(),
        version: ask.version()?,
        repeat_key: ask.repeat_key()?.map(Into::into),
        command,
    };
    let refusal = match ask.api.ask(request).await? {
        Reply::Done { id, version } => return Ok((id, version)),
        Reply::Refused(refusal) => refusal,
    };
    Err(match refusal {
        Refusal::Unknown => Fault::unknown(),
        Refusal::Conflict { why } => Fault::conflict(&why),
        Refusal::Invalid { why } => Fault::invalid("request", why),
        Refusal::Full { why } => Fault::full(&why),
        Refusal::Busy { why } => Fault::busy(&why),
        Refusal::Stale { version, now } => Fault::stale(version, &now, current(ask).await),
    })
}

/// The window that a command is about: its key is shown as paths have it.
enum Window {
    None,
    Named(String),
    Planned(model::Moment),
}

async fn change(ask: &Ask, command: Command) -> Result<Answer, Fault> {
    let window = match &command {
        Command::PlanWindow(window) => Window::Planned(window.span.from),
        Command::ExtendWindow { occurrence, .. } | Command::EndWindow { occurrence, .. } => {
            Window::Named(key_text(occurrence))
        }
        _ => Window::None,
    };
    let (id, version) = done(ask, command).await?;
    let id = match window {
        Window::None => id,
        Window::Named(key) => key,
        // The desk names the plan; what people go on with is its only occurrence.
        Window::Planned(planned_from) => id.parse().map_or(id, |plan| {
            let window = PlannedWindow::name_of(NoteId(plan));
            key_text(&OccurrenceKey { window, planned_from })
        }),
    };
    let location = ask.route.makes.map(|folder| {
        let key = form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
        format!("{folder}/{}", key.replace('+', "%20"))
    });
    let answer = Answer::json(&DoneForm { id: IdForm::from(id), version }).version(Some(version));
    Ok(match location {
        Some(location) => answer.made(location),
        None => answer,
    })
}

/// How the object of the path stands now.
async fn current(ask: &Ask) -> Option<serde_json::Value> {
    let Tenant::Object(kind) = ask.route.tenant else { return None };
    Object::load(&ask.api, kind, ask.named(), &ask.actor).await.ok().map(|it| it.form())
}
