//! `alertmanager`: posts to real Alertmanagers, as Prometheus does.
//!
//! They forget what is not repeated, so what fires is posted again before its end is reached, and
//! what is over is posted with an end that has passed. All of them get everything: which of them
//! tells somebody is agreed among themselves.

use std::{path::Path, sync::Arc, time::Duration};

use hyper::HeaderMap;
use model::{Alert, ChannelSpec, Delivery, Form, Moment, ParamFault, ParamSpec, Params};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    Channel, Contact, World, answer,
    events::{Event, events},
    http::{Destination, Request, exchange},
    letter::{Letter, rfc3339},
    terms,
};

/// Alerts in one request, as Prometheus has it.
const BATCH_MAX: usize = 256;
/// Alertmanagers of one channel.
const PEERS_MAX: usize = 16;
/// How long an alert lives there without being repeated: five repeats.
const LIFE: Duration = Duration::from_secs(5 * REFRESH_SECS as u64);
/// How often what fires is repeated.
const REFRESH_SECS: u32 = 60;

/// A cluster of Alertmanagers.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    peers: Vec<Destination>,
    ca: Option<Arc<Path>>,
    headers: HeaderMap,
}

impl Channel for Alertmanager {
    const SPEC: ChannelSpec = ChannelSpec {
        name: "alertmanager",
        summary: "Posts to real Alertmanagers, as Prometheus does.",
        manual: "Every alert goes to all of `urls` at `/api/v2/alerts`; it is taken once one of \
                 them has it, since they tell each other, and since it is repeated every minute. \
                 What fires ends there five minutes later unless it is repeated; what is over is \
                 posted with an `endsAt` in the past. Labels are those of \
                 [`alertmanager-webhook`](alertmanager-webhook.md).\n\n\
                 The status 400 is final: the alert will not become better. 2xx is taken, \
                 everything else is tried again or not by the usual rules.",
        params: PARAMS,
        personal: None,
        for_people: false,
        one_by_one: false,
        resolve: true,
        refresh_secs: REFRESH_SECS,
        example: r#"am: { type: alertmanager, urls: ["http://127.0.0.1:9093"] }"#,
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let texts = terms::texts_of(params, "urls");
        if texts.is_empty() {
            faults.push(terms::fault("urls", "is missing", "as in `http://127.0.0.1:9093`"));
        } else if texts.len() > PEERS_MAX {
            faults.push(terms::fault("urls", format!("holds more than {PEERS_MAX}"), ""));
        }
        let peers = texts.iter().filter_map(|it| terms::parsed_url(it, "urls", &mut faults));
        let peers = peers.map(|it| it.with_path("/api/v2/alerts")).collect();
        let (ca, headers) = (terms::ca(params, &mut faults), terms::headers(params, &mut faults));
        terms::settled(Some(Self { peers, ca, headers }), faults)
    }

    async fn deliver(&self, world: &World, alert: &Alert, contact: &Contact) -> Delivery {
        let letter = Letter { world, alert, contact };
        let link = letter.link().unwrap_or_default();
        let (now, deadline) = (world.now(), world.deadline());
        let posts: Vec<Value> = events(&letter).iter().map(|it| post(it, now, &link)).collect();
        let tries = self.peers.iter().map(|peer| self.tell(world, peer, &posts, deadline));
        // Side by side: one that hangs must not keep the news from the others.
        together(tries.map(Box::pin).collect()).await
    }
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "urls",
        form: Form::TextList,
        default: "",
        doc: "The Alertmanagers, all of a cluster; without `/api/v2/alerts`.",
    },
    terms::HEADERS,
    terms::CA,
];

impl Alertmanager {
    async fn tell(
        &self,
        world: &World,
        peer: &Destination,
        posts: &[Value],
        deadline: Instant,
    ) -> Delivery {
        for batch in posts.chunks(BATCH_MAX) {
            let mut request = Request::json(peer, &batch);
            request.ca = self.ca.as_ref();
            request.headers.extend(self.headers.clone());
            match answer::delivery(exchange(world, &request, deadline).await) {
                Delivery::Taken => {}
                failed => return failed,
            }
        }
        Delivery::Taken
    }
}

/// Waits for all, and says the best that one of them said.
async fn together(mut tries: Vec<impl Future<Output = Delivery> + Unpin>) -> Delivery {
    let mut outcomes: Vec<Option<Delivery>> = tries.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (it, outcome) in tries.iter_mut().zip(&mut outcomes) {
            if outcome.is_none() {
                match std::pin::Pin::new(it).poll(context) {
                    std::task::Poll::Ready(delivery) => *outcome = Some(delivery),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    best(outcomes.into_iter().flatten())
}

/// Taken if one has taken it; never if none ever will; else later, and for the shortest while.
fn best(outcomes: impl Iterator<Item = Delivery>) -> Delivery {
    let mut best = Delivery::Never { fault: "no Alertmanager is configured".to_owned() };
    for outcome in outcomes {
        best = match (best, outcome) {
            (Delivery::Taken, _) | (_, Delivery::Taken) => Delivery::Taken,
            (
                Delivery::Later { fault, after: one, may_have_arrived: a },
                Delivery::Later { after: other, may_have_arrived: b, .. },
            ) => Delivery::Later { fault, after: one.min(other), may_have_arrived: a || b },
            (later @ Delivery::Later { .. }, _) => later,
            (Delivery::Never { .. }, outcome) => outcome,
        };
    }
    best
}

fn post(event: &Event, now: Moment, link: &str) -> Value {
    // Its clock may be behind ours: what is over must be over there too.
    let ended = event.ends_at.map(|it| it.min(now).max(event.starts_at));
    json!({
        "labels": event.labels,
        "annotations": event.annotations,
        "startsAt": rfc3339(event.starts_at.min(now)),
        "endsAt": rfc3339(ended.unwrap_or_else(|| now.after(LIFE))),
        "generatorURL": link,
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::AlertKind;

    use super::*;
    use crate::testing::{self, pretty};

    fn posts(alert: &Alert) -> Vec<Value> {
        let world = testing::world();
        let contact = Contact::everybody();
        let letter = Letter { world: &world, alert, contact: &contact };
        let now = Moment::from_secs(1_788_257_200);
        events(&letter).iter().map(|it| post(it, now, "https://noc.example/")).collect()
    }

    #[test]
    fn what_fires_lives_five_minutes_and_what_is_over_has_ended() {
        let firing = posts(&testing::alert(AlertKind::Trigger));
        expect![[r#"
            {
              "annotations": {
                "customer_title": "Acme <Ltd>",
                "description": "<script>alert(1)</script> & *bold* _x_ <!channel>",
                "problem": "campanile-0000000000000007-17",
                "status": "CRITICAL",
                "summary": "acme/web/http is CRITICAL"
              },
              "endsAt": "2026-09-01T10:11:40Z",
              "generatorURL": "https://noc.example/",
              "labels": {
                "alertname": "ServiceProblem",
                "customer": "acme",
                "host": "web",
                "service": "http",
                "severity": "critical",
                "team": "web"
              },
              "startsAt": "2026-09-01T10:00:00Z"
            }"#]]
        .assert_eq(&pretty(&firing[0]));
        let over = posts(&testing::alert(AlertKind::Resolve));
        assert_eq!(over[0]["endsAt"], "2026-09-01T10:05:00Z");
        assert_eq!(over[0]["labels"], firing[0]["labels"]);
    }

    #[test]
    fn one_that_has_it_is_enough_and_all_must_refuse() {
        let never = || Delivery::Never { fault: "no".into() };
        let later = |secs, may_have_arrived| {
            let after = Some(Duration::from_secs(secs));
            Delivery::Later { fault: "busy".into(), after, may_have_arrived }
        };
        assert_eq!(best([never(), Delivery::Taken, later(1, true)].into_iter()), Delivery::Taken);
        assert_eq!(best([never(), later(9, true)].into_iter()), later(9, true));
        assert_eq!(best([later(9, false), never(), later(3, true)].into_iter()), later(3, true));
        assert_eq!(best([never(), never()].into_iter()), never());
    }
}
