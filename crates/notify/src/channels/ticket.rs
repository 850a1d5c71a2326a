//! `ticket`: tickets of a service desk outside, by whatever HTTP API it has.
//!
//! We keep no number of theirs. Each ticket carries the key of its problem, and is looked for by
//! that: before it is made a second time because an answer was lost, and before it is commented on
//! or closed. So there is nothing here that could be lost between making a ticket and knowing it.

use std::{path::Path, sync::Arc};

use hyper::{HeaderMap, Method, StatusCode, body::Bytes};
use model::{Alert, AlertKind, ChannelSpec, Delivery, Form, ParamFault, ParamSpec, Params};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    Channel, Contact, World, answer,
    http::{Answer, Destination, Request, exchange},
    json_form::{self, JsonForm},
    letter::Letter,
    template::Template,
    terms::{self, fault},
    text::Sink,
};

/// What layouts and URLs may use besides the names of every template.
const MORE_NAMES: &[&str] = &["reference", "message"];
/// Characters of `message`.
const MESSAGE_CHARS_MAX: usize = 20_000;

/// A service desk outside.
#[derive(Debug)]
pub(crate) struct Ticket {
    create: Call,
    id_pointer: Arc<str>,
    comment: Option<Call>,
    state: Option<Call>,
    find: Option<Find>,
    place: Destination,
    headers: HeaderMap,
    ca: Option<Arc<Path>>,
}

/// One thing that can be asked of it.
#[derive(Debug)]
struct Call {
    method: Method,
    url: Template,
    body: JsonForm,
    /// Does it need the ticket's own number?
    needs_reference: bool,
}

#[derive(Debug)]
struct Find {
    url: Template,
    pointer: Arc<str>,
}

impl Channel for Ticket {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "ticket",
        summary: "Makes, comments and closes tickets of a service desk outside, by its HTTP API.",
        manual: "Bodies are JSON whose texts are [templates](README.md#templates), URLs are \
                 templates too. Besides the usual names they know `message`, the built-in text, \
                 and `reference`, the ticket's own number. Put `{{ problem_key }}` into a field of \
                 the ticket that can be searched: it is the same from the first alert to the last.\n\n\
                 The first alert about a problem makes a ticket. Reminders, acknowledgements and \
                 changes are comments, the end sets the state; what has no URL is left out. A contract \
                 that names the channel in `tickets` has a ticket for each of its calls in the same \
                 way: made when the call is opened, commented on with all that happens to it, its \
                 state set when it is closed. If \
                 `find_url` is written, the ticket is looked for by it before a comment, before \
                 its state is set, and before it is made again after a try whose outcome is not \
                 known; otherwise `reference` is not known, and the API must go by our key. A \
                 ticket that is not found can be neither commented on nor closed, and that is no \
                 fault. All URLs must be on the host of `create_url`.",
        params: PARAMS,
        personal: None,
        for_people: false,
        one_by_one: true,
        resolve: true,
        refresh_secs: 0,
        example: r#"psa: { type: ticket, create_url: "https://psa.example/api/tickets", create_body: '{"title": "{{ title }}", "text": "{{ message }}", "external": "{{ problem_key }}"}', find_url: "https://psa.example/api/tickets?external={{ problem_key }}", find_pointer: /0/id, state_url: "https://psa.example/api/tickets/{{ reference }}", state_body: '{"state": "resolved"}' }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let place = terms::url(params, "create_url", &mut faults);
        let mut reader = Reader { params, place: place.as_ref(), faults: &mut faults };
        let create = reader.call(["create_url", "create_body", "create_method"], Method::POST);
        let comment = reader.call(["comment_url", "comment_body", "comment_method"], Method::POST);
        let state = reader.call(["state_url", "state_body", "state_method"], Method::PUT);
        let find = reader.find();
        let id_pointer = reader.pointer("id_pointer").unwrap_or_else(|| "/id".into());
        let needs = [&comment, &state].into_iter().flatten().any(|it| it.needs_reference);
        if needs && find.is_none() {
            let what = "is missing, and `reference` can be known only by it";
            faults.push(fault("find_url", what, "write it, or use `problem_key` in its place"));
        }
        if create.as_ref().is_some_and(|it| it.needs_reference) {
            faults.push(fault("create_body", "uses `reference` before there is a ticket", ""));
        }
        let (headers, ca) = (terms::headers(params, &mut faults), terms::ca(params, &mut faults));
        let built = place.zip(create).map(|(place, create)| Self {
            create,
            id_pointer,
            comment,
            state,
            find,
            place,
            headers,
            ca,
        });
        terms::settled(built, faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let letter = Letter { world, alert, contact };
        match self.work(&letter, world.deadline()).await {
            Ok(()) => Delivery::Taken,
            Err(delivery) => delivery,
        }
    }
}

const PARAMS: &[ParamSpec] = &[
    text_param("create_url", "Where a ticket is made."),
    text_param("create_body", "What is sent there."),
    method_param("create_method", "POST"),
    ParamSpec {
        name: "id_pointer",
        form: Form::Text,
        default: "/id",
        doc: "Where the answer has the number of the ticket, as a JSON pointer. An answer without \
              one is not taken for a ticket.",
    },
    text_param("find_url", "Where tickets are looked for, by our key; asked with GET."),
    ParamSpec {
        name: "find_pointer",
        form: Form::Text,
        default: "/0/id",
        doc: "Where that answer has the number, as a JSON pointer.",
    },
    text_param("comment_url", "Where a comment is made."),
    text_param("comment_body", "What is sent there."),
    method_param("comment_method", "POST"),
    text_param("state_url", "Where the state is set when the problem is over."),
    text_param("state_body", "What is sent there."),
    method_param("state_method", "PUT"),
    terms::HEADERS,
    terms::CA,
];

const fn text_param(name: &'static str, doc: &'static str) -> ParamSpec {
    ParamSpec { name, form: Form::Text, default: "", doc }
}

const fn method_param(name: &'static str, default: &'static str) -> ParamSpec {
    let form = Form::Choice(&["POST", "PUT", "PATCH"]);
    ParamSpec { name, form, default, doc: "How it is asked for." }
}

/// Reads the parameters of the calls.
struct Reader<'a> {
    params: &'a Params,
    place: Option<&'a Destination>,
    faults: &'a mut Vec<ParamFault>,
}

impl Reader<'_> {
    fn call(&mut self, [url, body, method]: [&'static str; 3], default: Method) -> Option<Call> {
        let (url_text, body_text) = (self.params.text(url), self.params.text(body));
        let (Some(url_text), Some(body_text)) = (url_text, body_text) else {
            if url_text.is_some() != body_text.is_some() || url == "create_url" {
                self.faults.push(fault(body, format!("goes with `{url}`"), "write both"));
            }
            return None;
        };
        let needs_reference = [url_text, body_text].iter().any(|it| it.contains("reference"));
        let url = self.url(url, url_text);
        let body = JsonForm::new(body_text, MORE_NAMES)
            .map_err(|what| {
                self.faults.push(fault(body, what, "JSON with templates for its texts"))
            })
            .ok();
        let method = match self.params.text(method) {
            Some("POST") => Method::POST,
            Some("PUT") => Method::PUT,
            Some("PATCH") => Method::PATCH,
            _ => default,
        };
        Some(Call { method, url: url?, body: body?, needs_reference })
    }

    fn find(&mut self) -> Option<Find> {
        let text = self.params.text("find_url")?;
        let pointer = self.pointer("find_pointer").unwrap_or_else(|| "/0/id".into());
        Some(Find { url: self.url("find_url", text)?, pointer })
    }

    fn url(&mut self, param: &'static str, text: &str) -> Option<Template> {
        let template = match Template::with_names(text, Sink::Url, MORE_NAMES) {
            Ok(template) => template,
            Err(what) => {
                self.faults.push(fault(param, what, ""));
                return None;
            }
        };
        let more = [("reference", "sample"), ("message", "sample")];
        let sample = template.render(&crate::letter::sample_view(), &more).ok()?;
        let here = Destination::parse(&sample).map(|it| it.shown());
        if let (Some(place), Ok(here)) = (self.place, &here)
            && place.shown() != *here
        {
            let what = "is on another host than `create_url`";
            self.faults.push(fault(param, what, "use another channel for that"));
        }
        if let Err(what) = here
            && param != "create_url"
        {
            self.faults.push(fault(param, what, ""));
        }
        Some(template)
    }

    fn pointer(&mut self, param: &'static str) -> Option<Arc<str>> {
        let text = self.params.text(param)?;
        if !json_form::is_pointer(text) {
            self.faults.push(fault(param, "is not a JSON pointer", "as in `/tickets/0/id`"));
        }
        Some(text.into())
    }
}

impl Ticket {
    async fn work(&self, letter: &Letter<'_>, deadline: Instant) -> Result<(), Delivery> {
        let alert = letter.alert;
        let again = alert.attempts > 0 || alert.may_have_arrived || alert.ordinal > 0;
        let call_is_closed = alert.kind == AlertKind::Call && alert.content.ended_at.is_some();
        let follows = call_is_closed
            || matches!(
                alert.kind,
                AlertKind::Reminder | AlertKind::Acknowledged | AlertKind::Resolve
            );
        let call = match alert.kind {
            _ if call_is_closed => self.state.as_ref().or(self.comment.as_ref()),
            AlertKind::Resolve => self.state.as_ref().or(self.comment.as_ref()),
            _ => self.comment.as_ref(),
        };
        let searched = follows || again;
        let found = match &self.find {
            Some(find) if searched => self.search(find, letter, deadline).await?,
            _ => None,
        };
        if !follows && found.is_none() && (alert.ordinal == 0 || self.find.is_some()) {
            return self.make(letter, deadline).await;
        }
        // A first alert whose ticket is there already: the try before has made it.
        let Some(call) = call.filter(|_| follows || alert.ordinal > 0) else { return Ok(()) };
        if call.needs_reference && found.is_none() {
            return Ok(());
        }
        let reference = found.unwrap_or_default();
        let result = self.ask(call, letter, &reference, deadline).await?;
        settled(&result)
    }

    async fn make(&self, letter: &Letter<'_>, deadline: Instant) -> Result<(), Delivery> {
        let answer = self.ask(&self.create, letter, "", deadline).await?;
        settled(&answer)?;
        if json_form::text_at(&answer.body, &self.id_pointer).is_none() {
            let fault = format!("{} answered without the number of a ticket", answer.shown);
            return Err(Delivery::Later { fault, after: answer.after, may_have_arrived: true });
        }
        Ok(())
    }

    async fn search(
        &self,
        find: &Find,
        letter: &Letter<'_>,
        deadline: Instant,
    ) -> Result<Option<String>, Delivery> {
        let to = self.destination(&find.url, letter, "")?;
        let mut request = self.request(&to);
        request.method = Method::GET;
        let answer = exchange(letter.world, &request, deadline).await;
        // A question leaves nothing behind, whether it has arrived or not.
        let answer = answer.map_err(|silence| {
            answer::of_silence(crate::http::Silence { may_have_arrived: false, ..silence })
        })?;
        if answer.code == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        settled(&answer)?;
        if serde_json::from_slice::<Value>(&answer.body).is_err() {
            let fault = format!("{} answered a search with something else than JSON", answer.shown);
            return Err(Delivery::Later { fault, after: None, may_have_arrived: false });
        }
        Ok(json_form::text_at(&answer.body, &find.pointer))
    }

    async fn ask(
        &self,
        call: &Call,
        letter: &Letter<'_>,
        reference: &str,
        deadline: Instant,
    ) -> Result<Answer, Delivery> {
        let to = self.destination(&call.url, letter, reference)?;
        let message = letter.built_in_text(Sink::Plain, MESSAGE_CHARS_MAX);
        let more = [("reference", reference), ("message", &*message)];
        let body = call.body.fill(&letter.view(), &more).map_err(|what| {
            letter.world.count_template_failed();
            Delivery::Never { fault: format!("the body of a request {what}") }
        })?;
        let mut request = self.request(&to);
        request.method = call.method.clone();
        request.secrets = call.body.literals();
        request.body = Bytes::from(body.to_string());
        exchange(letter.world, &request, deadline).await.map_err(answer::of_silence)
    }

    fn request<'a>(&'a self, to: &'a Destination) -> Request<'a> {
        let mut request = Request::json(to, &Value::Null);
        request.body = Bytes::new();
        request.ca = self.ca.as_ref();
        request.headers.extend(self.headers.clone());
        request
    }

    /// Never another host, whatever stood in a value.
    fn destination(
        &self,
        url: &Template,
        letter: &Letter<'_>,
        reference: &str,
    ) -> Result<Destination, Delivery> {
        let more = [("reference", reference), ("message", "")];
        let text = url.render(&letter.view(), &more);
        let to = text.and_then(|it| Destination::parse(&it));
        match to {
            Ok(to) if to.shown() == self.place.shown() => Ok(to),
            Ok(_) => Err(Delivery::Never { fault: "a URL leads to another host".to_owned() }),
            Err(what) => Err(Delivery::Never { fault: format!("a URL {what}") }),
        }
    }
}

fn settled(answer: &Answer) -> Result<(), Delivery> {
    match answer::of_answer(answer) {
        Delivery::Taken => Ok(()),
        failed => Err(failed),
    }
}

#[cfg(test)]
mod tests {
    use model::Value as Param;

    use super::*;

    fn faults(more: &[(&'static str, &str)]) -> Vec<ParamFault> {
        let mut params = Params::default();
        let common = [
            ("create_url", "https://psa.example/tickets"),
            ("create_body", r#"{"title": "{{ title }}"}"#),
        ];
        for (name, text) in common.iter().chain(more) {
            params.0.insert(name, Param::Text((*text).into()));
        }
        Ticket::build(&params).err().unwrap_or_default()
    }

    #[test]
    fn mistakes_are_found_when_it_is_read() {
        assert_eq!(faults(&[]), []);
        let state =
            [("state_url", "https://psa.example/tickets/{{ reference }}"), ("state_body", "{}")];
        let params = |faults: Vec<ParamFault>| faults.iter().map(|it| it.param).collect::<Vec<_>>();
        assert_eq!(params(faults(&state)), ["find_url"]);
        let find = ("find_url", "https://psa.example/tickets?q={{ problem_key }}");
        assert_eq!(faults(&[state[0], state[1], find]), []);
        assert_eq!(params(faults(&[("find_url", "https://evil.example/")])), ["find_url"]);
        assert_eq!(
            params(faults(&[("find_url", "https://psa.example/{{ nobody }}")])),
            ["find_url"]
        );
        assert_eq!(params(faults(&[("id_pointer", "id")])), ["id_pointer"]);
        assert_eq!(params(faults(&[("comment_url", "https://psa.example/c")])), ["comment_body"]);
    }
}
