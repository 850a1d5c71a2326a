//! What the tests of the channels stand on.

use model::{Alert, AlertKey, AlertKind, Member, Moment, ProblemId, Severity, Status};
use serde_json::Value;

use crate::{World, WorldSettings, letter::sample_alert};

/// Begin of every problem here.
pub(crate) const SINCE: Moment = Moment::from_secs(1_788_256_800);

/// A world with links.
pub(crate) fn world() -> World {
    World::new(WorldSettings { installation: 7, console_url: "https://noc.example".into() })
}

/// An alert about `acme/web/http`.
pub(crate) fn alert(kind: AlertKind) -> Alert {
    let mut alert = Alert { kind, ..sample_alert() };
    alert.content.customer_title = "Acme <Ltd>".into();
    alert.content.text = "<script>alert(1)</script> & *bold* _x_ <!channel>".into();
    if matches!(kind, AlertKind::Resolve | AlertKind::Missed) {
        alert.ordinal = 1;
        alert.content.status = Status::Ok;
        alert.content.title = "acme/web/http is OK".to_owned();
        alert.content.ended_at = Some(Moment::from_secs(1_788_257_100));
    }
    alert
}

/// A digest of `count` problems.
pub(crate) fn digest(count: u64) -> Alert {
    let mut alert = alert(AlertKind::Trigger);
    alert.problem = ProblemId(0);
    alert.content.about = None;
    alert.content.title = format!("{count} alerts");
    alert.content.text = "".into();
    alert.content.members = (1..=count)
        .map(|number| Member {
            key: AlertKey(u128::from(number)),
            kind: AlertKind::Trigger,
            problem: ProblemId(100 + number),
            name: format!("acme/h{number:05}"),
            status: Status::Down,
            severity: Severity::Down,
            text: "no answer".into(),
            since: SINCE,
        })
        .collect();
    alert
}

/// JSON for the eye.
pub(crate) fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
