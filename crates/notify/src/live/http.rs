//! Delivering by HTTP: what arrives, what is refused, and what is known when nothing comes back.

use std::{io::Write, sync::Arc, time::Duration};

use model::{Alert, AlertKind, Delivery, Params, Value};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use super::{
    params, params_for,
    receiver::{Act, Identity, Receiver},
    run,
};
use crate::{Contact, Teller, World, build, sign::Signer, testing};

fn webhook(params: &Params) -> Arc<dyn Teller> {
    build("webhook", params).unwrap().unwrap()
}

async fn deliver(teller: &dyn Teller, world: &World, alert: &Alert) -> Delivery {
    teller.deliver(world, alert, &Contact::everybody()).await
}

#[test]
fn a_webhook_arrives_signed_and_with_its_key() {
    run(async {
        let receiver = Receiver::start(None, |_, _| Act::ok()).await;
        let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
        let mut params = params(&[("url", &receiver.url())]);
        params.0.insert("sign", Value::List(vec![Value::Text(secret.into())]));
        let world = testing::world();
        let alert = testing::alert(AlertKind::Trigger);
        assert_eq!(deliver(&*webhook(&params), &world, &alert).await, Delivery::Taken);
        let heard = receiver.heard().remove(0);
        assert_eq!(heard.line, "POST /hook/secret-path HTTP/1.1");
        assert_eq!(heard.header("content-type"), "application/json");
        assert_eq!(heard.header("webhook-id"), alert.key.to_string());
        assert_eq!(heard.header("idempotency-key"), alert.key.to_string());
        let timestamp: u64 = heard.header("webhook-timestamp").parse().unwrap();
        let signer = Signer::new(&[secret]).unwrap();
        let expected = signer.signature(heard.header("webhook-id"), timestamp, &heard.body);
        assert_eq!(heard.header("webhook-signature"), expected.unwrap());
        assert_eq!(heard.json()["data"]["key"], alert.key.to_string());
    });
}

#[test]
fn one_connection_serves_many_alerts() {
    run(async {
        let receiver = Receiver::start(None, |_, _| Act::ok()).await;
        let teller = webhook(&params(&[("url", &receiver.url())]));
        let world = testing::world();
        for _ in 0..50 {
            let alert = testing::alert(AlertKind::Trigger);
            assert_eq!(deliver(&*teller, &world, &alert).await, Delivery::Taken);
        }
        assert_eq!(receiver.heard().len(), 50);
        // A pause of the machine may cost a connection, but not one for each alert.
        assert!(world.counts().connections_opened < 25, "{:?}", world.counts());
    });
}

#[test]
fn answers_become_what_they_mean_and_tell_no_secret() {
    run(async {
        let acts = [
            Act::answer("429 Too Many Requests", "Retry-After: 30\r\n", "slow, secret-path"),
            Act::answer("500 Internal Server Error", "", "\u{1b}[31mbroken\r\n"),
            Act::answer("404 Not Found", "", ""),
            Act::answer("302 Found", "Location: https://evil.example/x\r\n", ""),
            Act::answer("308 Permanent Redirect", "Location: /other\r\n", ""),
        ];
        let receiver = Receiver::start(None, move |number, _| acts[number].clone()).await;
        let teller = webhook(&params(&[("url", &receiver.url())]));
        let (world, alert) = (testing::world(), testing::alert(AlertKind::Trigger));
        let place = format!("http://{}", receiver.address);
        let later = |fault: &str, after| Delivery::Later {
            fault: format!("{place} answered {fault}"),
            after,
            may_have_arrived: false,
        };
        let never = |fault: &str| Delivery::Never { fault: format!("{place} answered {fault}") };
        let expected = [
            later("429 Too Many Requests: slow, …", Some(Duration::from_secs(30))),
            later("500 Internal Server Error: [31mbroken", None),
            never("404 Not Found"),
            never(
                "302 Found: it points to another host, https://evil.example, and is not followed",
            ),
            never("308 Permanent Redirect: it points to the same host, and is not followed"),
        ];
        for expected in expected {
            assert_eq!(deliver(&*teller, &world, &alert).await, expected);
        }
        assert_eq!(receiver.heard().len(), 5, "nothing was followed");
    });
}

#[test]
fn what_was_read_before_the_cut_may_have_arrived() {
    run(async {
        for act in [Act::Reset, Act::Close] {
            let receiver = Receiver::start(None, move |_, _| act.clone()).await;
            let teller = webhook(&params(&[("url", &receiver.url())]));
            let alert = testing::alert(AlertKind::Trigger);
            let delivery = deliver(&*teller, &testing::world(), &alert).await;
            let Delivery::Later { may_have_arrived, fault, .. } = delivery else {
                panic!("{delivery:?}");
            };
            assert!(may_have_arrived, "{fault}");
            assert!(!fault.contains("secret-path"), "{fault}");
        }
    });
}

#[test]
fn what_found_nobody_has_not_arrived() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let alert = testing::alert(AlertKind::Trigger);
        let teller = webhook(&params(&[("url", &url)]));
        let delivery = deliver(&*teller, &testing::world(), &alert).await;
        assert!(
            matches!(delivery, Delivery::Later { may_have_arrived: false, .. }),
            "{delivery:?}"
        );
    });
}

#[test]
fn a_receiver_that_says_nothing_is_given_up_and_may_have_it() {
    run(async {
        let receiver = Receiver::start(None, |_, _| Act::Hang).await;
        let teller = webhook(&params(&[("url", &receiver.url())]));
        let alert = testing::alert(AlertKind::Trigger);
        let delivery = deliver(&*teller, &testing::world(), &alert).await;
        assert!(matches!(delivery, Delivery::Later { may_have_arrived: true, .. }), "{delivery:?}");
    });
}

#[test]
fn a_gigabyte_is_cut_and_endless_headers_are_an_error() {
    run(async {
        let receiver = Receiver::start(None, |number, _| match number {
            0 => Act::Flood,
            _ => Act::Drip,
        })
        .await;
        let teller = webhook(&params(&[("url", &receiver.url())]));
        let (world, alert) = (testing::world(), testing::alert(AlertKind::Trigger));
        assert_eq!(deliver(&*teller, &world, &alert).await, Delivery::Taken);
        let delivery = deliver(&*teller, &world, &alert).await;
        assert!(matches!(delivery, Delivery::Later { may_have_arrived: true, .. }), "{delivery:?}");
    });
}

#[test]
fn a_certificate_must_be_for_the_name_and_from_a_known_issuer() {
    run(async {
        let (ours, other) = (Identity::new("localhost"), Identity::new("other.example"));
        let mut ca = NamedTempFile::new().unwrap();
        ca.write_all(ours.issuer_pem.as_bytes()).unwrap();
        ca.write_all(other.issuer_pem.as_bytes()).unwrap();
        let ca = ca.path().to_str().unwrap();
        let (world, alert) = (testing::world(), testing::alert(AlertKind::Trigger));

        let receiver = Receiver::start(Some(&ours), |_, _| Act::ok()).await;
        let url = format!("https://localhost:{}/hook", receiver.address.port());
        let trusting = webhook(&params(&[("url", &url), ("ca", ca)]));
        assert_eq!(deliver(&*trusting, &world, &alert).await, Delivery::Taken);
        // A connection that was trusted with that file is not used without it.
        let delivery = deliver(&*webhook(&params(&[("url", &url)])), &world, &alert).await;
        let Delivery::Later { fault, may_have_arrived: false, .. } = delivery else {
            panic!("{delivery:?}");
        };
        assert!(fault.contains("its issuer is not trusted"), "{fault}");

        let impostor = Receiver::start(Some(&other), |_, _| Act::ok()).await;
        let url = format!("https://localhost:{}/hook", impostor.address.port());
        let delivery =
            deliver(&*webhook(&params(&[("url", &url), ("ca", ca)])), &world, &alert).await;
        let Delivery::Later { fault, may_have_arrived: false, .. } = delivery else {
            panic!("{delivery:?}");
        };
        assert!(fault.contains("it is for another name"), "{fault}");
        assert_eq!((receiver.heard().len(), impostor.heard().len()), (1, 0));
    });
}

#[test]
fn telegram_goes_without_markup_when_its_markup_is_refused() {
    run(async {
        let receiver = Receiver::start(None, |number, _| match number {
            0 => Act::answer(
                "400 Bad Request",
                "",
                r#"{"description":"Bad Request: can't parse entities"}"#,
            ),
            1 => Act::answer("200 OK", "", r#"{"ok":true,"result":{}}"#),
            _ => Act::answer("429 Too Many Requests", "", r#"{"parameters":{"retry_after":9}}"#),
        })
        .await;
        let url = format!("http://{}", receiver.address);
        let params = params(&[("url", &url), ("token", "1:secret-token"), ("chat", "7")]);
        let teller = build("telegram", &params).unwrap().unwrap();
        let (world, alert) = (testing::world(), testing::alert(AlertKind::Trigger));
        assert_eq!(deliver(&*teller, &world, &alert).await, Delivery::Taken);
        let heard = receiver.heard();
        assert_eq!(heard[0].line, "POST /bot1:secret-token/sendMessage HTTP/1.1");
        assert_eq!(heard[0].json()["parse_mode"], "HTML");
        assert_eq!(heard[1].json().get("parse_mode"), None);
        let delivery = deliver(&*teller, &world, &alert).await;
        let Delivery::Later { fault, after, .. } = delivery else { panic!("{delivery:?}") };
        assert_eq!(after, Some(Duration::from_secs(9)));
        assert!(!fault.contains("secret-token"), "{fault}");
    });
}

#[test]
fn an_alertmanager_that_hangs_does_not_keep_the_news_from_the_others() {
    run(async {
        let dead = Receiver::start(None, |_, _| Act::answer("400 Bad Request", "", "no")).await;
        let alive = Receiver::start(None, |_, _| Act::ok()).await;
        let urls = [&dead, &alive].map(|it| Value::Text(format!("http://{}", it.address).into()));
        let params = Params([("urls", Value::List(urls.to_vec()))].into());
        let teller = build("alertmanager", &params).unwrap().unwrap();
        let alert = testing::digest(600);
        assert_eq!(deliver(&*teller, &testing::world(), &alert).await, Delivery::Taken);
        let sizes: Vec<usize> =
            alive.heard().iter().map(|it| it.json().as_array().unwrap().len()).collect();
        assert_eq!(sizes, [256, 256, 88]);
        assert_eq!(dead.heard().len(), 1);
        assert!(alive.heard().iter().all(|it| it.line == "POST /api/v2/alerts HTTP/1.1"));
    });
}

#[test]
fn pagerduty_is_told_each_problem_of_a_digest() {
    run(async {
        let receiver = Receiver::start(None, |_, _| Act::answer("202 Accepted", "", "{}")).await;
        let params = params(&[("url", &receiver.url()), ("routing_key", "key")]);
        let teller = build("pagerduty", &params).unwrap().unwrap();
        let alert = testing::digest(3);
        assert_eq!(deliver(&*teller, &testing::world(), &alert).await, Delivery::Taken);
        let keys: Vec<String> =
            receiver.heard().iter().map(|it| it.json()["dedup_key"].to_string()).collect();
        assert_eq!(keys.len(), 3);
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
    });
}

#[test]
fn pagerduty_says_how_far_it_came_when_it_refuses_in_the_middle() {
    run(async {
        let receiver = Receiver::start(None, |number, _| match number {
            0..7 => Act::answer("202 Accepted", "", "{}"),
            _ => Act::answer("429 Too Many Requests", "", ""),
        })
        .await;
        let params = params(&[("url", &receiver.url()), ("routing_key", "key")]);
        let teller = build("pagerduty", &params).unwrap().unwrap();
        let delivery = deliver(&*teller, &testing::world(), &testing::digest(1000)).await;
        let Delivery::Later { fault, may_have_arrived: true, .. } = delivery else {
            panic!("{delivery:?}");
        };
        assert!(fault.starts_with("7 of 1000 events were taken, then http://"), "{fault}");
        assert_eq!(receiver.heard().len(), 8, "it is not asked on");
    });
}

#[test]
fn a_page_to_log_in_at_has_taken_nothing() {
    run(async {
        let page = "<html>Please log in</html>";
        let no = r#"{"ok": false, "error": "invalid_auth"}"#;
        for kind in ["slack", "telegram", "ntfy", "pagerduty"] {
            for body in [page, no] {
                let receiver =
                    Receiver::start(None, move |_, _| Act::answer("200 OK", "", body)).await;
                let teller = build(kind, &params_for(kind, receiver.address)).unwrap().unwrap();
                let alert = testing::alert(AlertKind::Trigger);
                let delivery = deliver(&*teller, &testing::world(), &alert).await;
                let Delivery::Later { fault, may_have_arrived: true, .. } = delivery else {
                    panic!("{kind}: {delivery:?}");
                };
                assert!(fault.contains("takes it"), "{kind}: {fault}");
            }
        }
        for body in ["ok", "", r#"{"success":true}"#] {
            let receiver = Receiver::start(None, move |_, _| Act::answer("200 OK", "", body)).await;
            let teller = build("slack", &params_for("slack", receiver.address)).unwrap().unwrap();
            let alert = testing::alert(AlertKind::Trigger);
            assert_eq!(deliver(&*teller, &testing::world(), &alert).await, Delivery::Taken);
        }
    });
}

#[test]
fn a_template_that_fails_costs_the_words_and_not_the_alert() {
    run(async {
        let receiver =
            Receiver::start(None, |_, _| Act::answer("200 OK", "", r#"{"id":"x"}"#)).await;
        // With the sample it works; without a member there is no first one.
        let text = "{% if members_count > 0 %}{{ 1 // 0 }}{% endif %}own {{ name }}";
        let params = params(&[("url", &receiver.url()), ("topic", "noc"), ("text", text)]);
        let teller = build("ntfy", &params).unwrap().unwrap();
        let world = testing::world();
        assert_eq!(
            deliver(&*teller, &world, &testing::alert(AlertKind::Trigger)).await,
            Delivery::Taken
        );
        assert_eq!(world.counts().templates_failed, 0);
        assert_eq!(deliver(&*teller, &world, &testing::digest(2)).await, Delivery::Taken);
        assert_eq!(world.counts().templates_failed, 1);
        let heard = receiver.heard();
        assert_eq!(heard[0].json()["message"], "own acme/web/http");
        assert!(heard[1].json()["message"].as_str().unwrap().contains("- DOWN acme/h00001"));
    });
}
