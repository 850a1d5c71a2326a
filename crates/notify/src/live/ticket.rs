//! Tickets of a service desk outside: made once, found again, commented on and closed.

use std::sync::{Arc, Mutex};

use model::{Alert, AlertKind, Delivery};

use super::{
    params,
    receiver::{Act, Heard, Receiver},
    run,
};
use crate::{Contact, build, testing};

/// A desk with tickets by our key.
fn desk(
    tickets: &Arc<Mutex<Vec<String>>>,
) -> impl Fn(usize, &Heard) -> Act + Send + Sync + 'static {
    let tickets = Arc::clone(tickets);
    move |_, heard| {
        let mut tickets = tickets.lock().unwrap();
        if let Some(key) = heard.line.strip_prefix("GET /tickets?key=") {
            let key = key.trim_end_matches(" HTTP/1.1");
            return match tickets.iter().position(|it| it == key) {
                Some(place) => Act::answer("200 OK", "", &format!(r#"[{{"id": {place}}}]"#)),
                None => Act::answer("200 OK", "", "[]"),
            };
        }
        if heard.line.starts_with("POST /tickets ") {
            tickets.push(heard.json()["key"].as_str().unwrap().to_owned());
            // The first one is made and its answer lost.
            return match tickets.len() {
                1 => Act::Reset,
                count => Act::answer("201 Created", "", &format!(r#"{{"id": {}}}"#, count - 1)),
            };
        }
        Act::ok()
    }
}

#[test]
fn a_ticket_is_made_once_although_the_answer_was_lost() {
    run(async {
        let tickets = Arc::default();
        let receiver = Receiver::start(None, desk(&tickets)).await;
        let base = format!("http://{}/tickets", receiver.address);
        let find = format!("{base}?key={{{{ problem_key }}}}");
        let (comment, state) =
            (format!("{base}/{{{{ reference }}}}/comments"), format!("{base}/{{{{ reference }}}}"));
        let params = params(&[
            ("create_url", &base),
            ("create_body", r#"{"key": "{{ problem_key }}", "title": "{{ title }}"}"#),
            ("find_url", &find),
            ("comment_url", &comment),
            ("comment_body", r#"{"text": "{{ message }}"}"#),
            ("state_url", &state),
            ("state_body", r#"{"state": "resolved"}"#),
        ]);
        let teller = build("ticket", &params).unwrap().unwrap();
        let (world, contact) = (testing::world(), Contact::everybody());
        let tell = async |alert: &Alert| teller.deliver(&world, alert, &contact).await;

        let mut alert = testing::alert(AlertKind::Trigger);
        let delivery = tell(&alert).await;
        assert!(matches!(delivery, Delivery::Later { may_have_arrived: true, .. }), "{delivery:?}");
        (alert.attempts, alert.may_have_arrived) = (1, true);
        assert_eq!(tell(&alert).await, Delivery::Taken);
        assert_eq!(tickets.lock().unwrap().len(), 1, "not a second one");

        assert_eq!(tell(&testing::alert(AlertKind::Acknowledged)).await, Delivery::Taken);
        assert_eq!(tell(&testing::alert(AlertKind::Resolve)).await, Delivery::Taken);
        let lines: Vec<String> = receiver.heard().iter().map(|it| it.line.clone()).collect();
        assert!(lines.contains(&"POST /tickets/0/comments HTTP/1.1".to_owned()), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "PUT /tickets/0 HTTP/1.1");

        // A call is another ticket: made at its first word, commented on, closed at its end.
        let call = |ordinal: u32, text: &str| {
            let mut alert = testing::alert(AlertKind::Call);
            (alert.problem, alert.ordinal) = (model::ProblemId(70), ordinal);
            alert.content.text = text.into();
            alert
        };
        assert_eq!(tell(&call(0, "opened")).await, Delivery::Taken);
        assert_eq!(tell(&call(801, "suspended\nuntil noon")).await, Delivery::Taken);
        let mut closed = call(802, "solved");
        closed.content.ended_at = Some(closed.owed_at);
        assert_eq!(tell(&closed).await, Delivery::Taken);
        assert_eq!(tickets.lock().unwrap().len(), 2);
        let heard = receiver.heard();
        let mut lines = heard.iter().map(|it| &*it.line);
        assert!(lines.any(|it| it == "POST /tickets/1/comments HTTP/1.1"));
        assert_eq!(heard.last().unwrap().line, "PUT /tickets/1 HTTP/1.1");
        let comment = heard.iter().rev().find(|it| it.line.contains("comments")).unwrap();
        let text = comment.json()["text"].as_str().unwrap().to_owned();
        assert!(text.starts_with("suspended\nuntil noon\n"), "{text}");

        let mut other = testing::alert(AlertKind::Resolve);
        other.problem = model::ProblemId(99);
        assert_eq!(tell(&other).await, Delivery::Taken, "nothing to close is no fault");
    });
}
