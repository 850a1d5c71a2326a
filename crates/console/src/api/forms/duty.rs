//! Silences, windows, duties and tokens: what people put up and take down again.

use std::time::Duration;

use model::{
    MatchOp, Matcher, NoteId, OccurrenceKey, Override, PlannedWindow, Scope, Silence, Span, Token,
    TokenScope, WindowEffect, WindowReport,
};
use serde::{Deserialize, Serialize};

use super::{at, secs, text, texts};
use crate::api::{
    fault::Fault,
    seams::{OnDuty, WindowView},
    shape::{At, Defs, Line, Shape, Text, shape, words},
};

/// Lines of a scope, and conditions of a line.
const LINES_MAX: usize = 32;

/// Customers that one token can be for.
const CUSTOMERS_MAX: usize = 256;

words! {
    /// How a condition compares; `like` knows `*` for any text.
    OpWord(MatchOp) = [
        "is" => MatchOp::Is,
        "is-not" => MatchOp::IsNot,
        "like" => MatchOp::Like,
        "not-like" => MatchOp::NotLike,
    ]
}

words! {
    /// What a window does.
    EffectWord(WindowEffect) = [
        "no-alerts" => WindowEffect::NoAlerts,
        "no-checks" => WindowEffect::NoChecks,
    ]
}

words! {
    /// What a token may do.
    ScopeWord(TokenScope) = [
        "read" => TokenScope::Read,
        "ack" => TokenScope::Ack,
        "dispatch" => TokenScope::Dispatch,
        "maintenance" => TokenScope::Maintenance,
        "oncall" => TokenScope::Oncall,
        "admin" => TokenScope::Admin,
    ]
}

/// One condition on a label; the same in both directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatcherForm {
    label: String,
    op: OpWord,
    value: String,
}

impl Shape for MatcherForm {
    fn schema(defs: &mut Defs) -> serde_json::Value {
        use crate::api::shape::{Field, named};
        let doc = "One condition on a label; a label that is absent counts as empty.";
        named(defs, "MatcherForm", &[doc], |defs| {
            let label = "A label, or one of `customer`, `site`, `host`, `service`, `name`.";
            vec![
                Field::of::<Line>("label", &[label], true, defs),
                Field::of::<OpWord>("op", &["How it is compared."], true, defs),
                Field::of::<String>("value", &["With what."], true, defs),
            ]
        })
    }
}

type ScopeForm = Vec<Vec<MatcherForm>>;

fn scope_form(scope: &Scope) -> ScopeForm {
    let matcher = |it: &Matcher| MatcherForm {
        label: it.label.to_string(),
        op: OpWord(it.op),
        value: it.value.to_string(),
    };
    scope.lines.iter().map(|line| line.iter().map(matcher).collect()).collect()
}

/// Bounded, and never about everything by mistake: every line needs a condition.
fn scope_of(form: ScopeForm) -> Result<Scope, Fault> {
    let fault = |why: &str| Err(Fault::invalid("scope", why));
    if form.is_empty() || form.iter().any(Vec::is_empty) {
        return fault("needs at least one line, and each line at least one condition");
    }
    if form.len() > LINES_MAX || form.iter().any(|it| it.len() > LINES_MAX) {
        return fault("has too many lines or conditions");
    }
    let conditions = || form.iter().flatten();
    if conditions().any(|it| it.label.is_empty() || it.label.len() > 128 || it.value.len() > 1024) {
        return fault("a label is empty or longer than 128 bytes, or a value longer than 1024");
    }
    let matcher =
        |it: MatcherForm| Matcher { label: it.label.into(), op: it.op.0, value: it.value.into() };
    let lines = form.into_iter().map(|line| line.into_iter().map(matcher).collect()).collect();
    Ok(Scope { lines })
}

fn span_of(from: Option<At>, until: At, now: At) -> Result<Span, Fault> {
    let from = from.unwrap_or(now);
    if until <= from {
        return Err(Fault::invalid("until", "is not later than `from`"));
    }
    if until <= now {
        return Err(Fault::invalid("until", "is in the past"));
    }
    Ok(Span { from: from.0, until: until.0 })
}

shape! {
    /// Nobody is told of what the scope names.
    out SilenceForm {
        /// Its id.
        id: u64,
        /// Grows by one with every change.
        version: u64,
        /// Whose problems it is for; null: everybody's.
        customers: Option<Vec<String>>,
        /// Lines of conditions: all of at least one line must hold.
        scope: Vec<Vec<MatcherForm>>,
        /// From when.
        from: At,
        /// Until when.
        until: At,
        /// Who put it up.
        by: String,
        /// Why.
        text: String,
    }
}

impl From<&Silence> for SilenceForm {
    fn from(it: &Silence) -> Self {
        Self {
            id: it.id.0,
            version: it.version,
            customers: it.customers.as_ref().map(texts),
            scope: scope_form(&it.scope),
            from: At(it.span.from),
            until: At(it.span.until),
            by: it.by.to_string(),
            text: it.text.clone(),
        }
    }
}

shape! {
    /// Puts up a silence.
    in SilenceRequest {
        /// Lines of conditions: all of at least one line must hold.
        scope: Vec<Vec<MatcherForm>>,
        /// From when; left out: from now on.
        from: Option<At>,
        /// Until when.
        until: At,
        /// Why.
        text: Text,
    }
}

impl SilenceRequest {
    pub(crate) fn command(self, now: At) -> Result<model::Command, Fault> {
        let span = span_of(self.from, self.until, now)?;
        Ok(model::Command::Silence { scope: scope_of(self.scope)?, span, text: self.text.0 })
    }
}

shape! {
    /// One occurrence of a window.
    out WindowForm {
        /// Names it for ever; use it in paths, percent-encoded.
        key: String,
        /// Name of the window.
        name: String,
        /// Grows by one with every change; 0 while it is as its rule has it.
        version: u64,
        /// Whose; empty for several customers'.
        customer: String,
        /// When it was planned to begin.
        planned_from: At,
        /// When it begins. For a flexible one: from when it is armed.
        from: At,
        /// When it ends.
        until: At,
        /// When a flexible one began.
        triggered_at: Option<At>,
        /// Was it cancelled before it began?
        cancelled: bool,
        /// Has it begun?
        begun: bool,
        /// What it does.
        effect: EffectWord,
        /// For what: all conditions of at least one line must hold.
        scope: Vec<Vec<MatcherForm>>,
        /// Does the time count for the clocks of calls?
        sla_counts: bool,
        /// It begins with the first bad news and then lasts so long.
        flexible_secs: Option<u64>,
        /// What the customer will notice.
        impact: String,
        /// Whom to ask.
        contact: String,
        /// Where its rule was written; null for one that was planned at run time.
        rule: Option<String>,
        /// What was found when it had ended.
        report: Option<ReportForm>,
    }
}

shape! {
    /// What was found when a window had ended.
    out ReportForm {
        /// When it ended.
        ended_at: At,
        /// Was bad within it and is well again.
        recovered: Vec<String>,
        /// Was well before and is bad now.
        still_bad: Vec<String>,
        /// Was bad before and is well now.
        mended: Vec<String>,
        /// How many hosts and services the scope holds.
        members: u64,
    }
}

impl From<&WindowReport> for ReportForm {
    fn from(it: &WindowReport) -> Self {
        Self {
            ended_at: At(it.ended_at),
            recovered: texts(&it.recovered),
            still_bad: texts(&it.still_bad),
            mended: texts(&it.mended),
            members: u64::from(it.members),
        }
    }
}

impl From<&WindowView> for WindowForm {
    fn from(it: &WindowView) -> Self {
        let WindowView { occurrence, .. } = it;
        Self {
            key: key_text(&occurrence.key),
            name: occurrence.key.window.to_string(),
            version: occurrence.version,
            customer: occurrence.customer.to_string(),
            planned_from: At(occurrence.key.planned_from),
            from: At(occurrence.span.from),
            until: At(occurrence.span.until),
            triggered_at: at(occurrence.triggered_at),
            cancelled: occurrence.cancelled,
            begun: occurrence.begun,
            effect: EffectWord(it.effect),
            scope: scope_form(&it.scope),
            sla_counts: it.sla_counts,
            flexible_secs: it.flexible.map(secs),
            impact: it.impact.to_string(),
            contact: it.contact.to_string(),
            rule: text(it.rule.as_ref()),
            report: occurrence.report.as_ref().map(ReportForm::from),
        }
    }
}

/// `NAME@BEGIN`.
pub(crate) fn key_text(key: &OccurrenceKey) -> String {
    format!("{}@{}", key.window, At(key.planned_from))
}

/// The key that `text` shows. A name may have an `@`; a time has none.
pub(crate) fn key_of(text: &str) -> Option<OccurrenceKey> {
    let (window, planned_from) = text.rsplit_once('@')?;
    let planned_from: At = planned_from.parse().ok()?;
    Some(OccurrenceKey { window: window.into(), planned_from: planned_from.0 })
}

shape! {
    /// Plans a window.
    in WindowRequest {
        /// For people.
        name: Line,
        /// Whose; left out: for all whom the scope names.
        customer: Option<Line>,
        /// When it begins; left out: now.
        from: Option<At>,
        /// When it ends.
        until: At,
        /// For what: all conditions of at least one line must hold.
        scope: Vec<Vec<MatcherForm>>,
        /// What it does; left out: `no-alerts`.
        effect: Option<EffectWord>,
        /// Does the time count for the clocks of calls? Left out: no.
        sla_counts: Option<bool>,
        /// It begins with the first bad news within the span and then lasts so long.
        flexible_secs: Option<u32>,
        /// How long before the begin the customer is reminded by mail, at most 8 times; left out:
        /// 72 h and 1 h before if it has a customer. An empty list: never.
        remind_secs: Option<Vec<u32>>,
        /// What the customer will notice.
        impact: Option<Text>,
        /// Whom to ask.
        contact: Option<Line>,
    }
}

impl WindowRequest {
    /// `only`: the one customer of the token, if it has one only.
    pub(crate) fn command(self, now: At, only: Option<&str>) -> Result<model::Command, Fault> {
        let span = span_of(self.from, self.until, now)?;
        if self.flexible_secs == Some(0) {
            return Err(Fault::invalid("flexible_secs", "must be longer than 0"));
        }
        let customer = self.customer.map(|it| it.0).or_else(|| only.map(str::to_owned));
        let reminders = reminders_of(self.remind_secs, customer.is_some())?;
        Ok(model::Command::PlanWindow(PlannedWindow {
            name: self.name.0.into(),
            customer: customer.map(Into::into),
            span,
            scope: scope_of(self.scope)?,
            effect: self.effect.map_or(WindowEffect::NoAlerts, |it| it.0),
            sla_counts: self.sla_counts.unwrap_or(false),
            flexible: self.flexible_secs.map(|it| Duration::from_secs(it.into())),
            reminders,
            impact: self.impact.map_or_else(String::new, |it| it.0).into(),
            contact: self.contact.map_or_else(String::new, |it| it.0).into(),
        }))
    }
}

/// What was asked for, or what is usual for a customer's own.
fn reminders_of(asked: Option<Vec<u32>>, of_customer: bool) -> Result<Vec<Duration>, Fault> {
    let Some(asked) = asked else {
        let usual = if of_customer { &PlannedWindow::REMINDERS[..] } else { &[] };
        return Ok(usual.to_vec());
    };
    if asked.len() > PlannedWindow::REMINDERS_MAX {
        let why = format!("at most {} reminders", PlannedWindow::REMINDERS_MAX);
        return Err(Fault::invalid("remind_secs", why));
    }
    if asked.contains(&0) {
        return Err(Fault::invalid("remind_secs", "must be longer than 0"));
    }
    Ok(asked.into_iter().map(|it| Duration::from_secs(it.into())).collect())
}

shape! {
    /// Moves the end of a window.
    in ExtendForm {
        /// The new end.
        until: At,
        /// Why.
        text: Text,
    }
}

shape! {
    /// Ends a window that runs, or cancels one that is to come.
    in EndForm {
        /// Why.
        text: Text,
    }
}

shape! {
    /// Who has which duty, and what was changed for a while.
    out OncallForm {
        /// The moment it is about.
        at: At,
        /// All duties.
        duties: Vec<DutyForm>,
        /// Overrides that have not ended.
        overrides: Vec<OverrideForm>,
    }
}

shape! {
    /// Who has a duty.
    out DutyForm {
        /// Name of the rotation.
        oncall: String,
        /// People's ids; empty in a gap.
        people: Vec<String>,
        /// Until when, as far as is known.
        until: Option<At>,
        /// The override that made it so.
        by_override: Option<u64>,
    }
}

impl From<&OnDuty> for DutyForm {
    fn from(it: &OnDuty) -> Self {
        Self {
            oncall: it.oncall.to_string(),
            people: texts(&it.people),
            until: at(it.until),
            by_override: it.by_override.map(|it| it.0),
        }
    }
}

shape! {
    /// Somebody else has a duty for a while.
    out OverrideForm {
        /// Its id.
        id: u64,
        /// Name of the rotation.
        oncall: String,
        /// Who; a person's id.
        person: String,
        /// From when.
        from: At,
        /// Until when.
        until: At,
        /// Who said so.
        by: String,
    }
}

impl From<&Override> for OverrideForm {
    fn from(it: &Override) -> Self {
        Self {
            id: it.id.0,
            oncall: it.oncall.to_string(),
            person: it.person.to_string(),
            from: At(it.span.from),
            until: At(it.span.until),
            by: it.by.to_string(),
        }
    }
}

shape! {
    /// Gives a duty to somebody else for a while.
    in OverrideRequest {
        /// Name of the rotation.
        oncall: Line,
        /// A person's id.
        person: Line,
        /// From when; left out: from now on.
        from: Option<At>,
        /// Until when.
        until: At,
    }
}

impl OverrideRequest {
    pub(crate) fn command(self, now: At) -> Result<model::Command, Fault> {
        let span = span_of(self.from, self.until, now)?;
        let (oncall, person) = (self.oncall.0.into(), self.person.0.into());
        Ok(model::Command::Override { oncall, person, span })
    }
}

shape! {
    /// A right to speak with the engine. The secret is never shown again.
    out TokenForm {
        /// Its id.
        id: u64,
        /// For people; also the name under which it acts.
        name: String,
        /// What it may do.
        scopes: Vec<ScopeWord>,
        /// Whose objects; null: everybody's.
        customers: Option<Vec<String>>,
        /// When it was made.
        made_at: At,
        /// When it ends by itself.
        expires_at: Option<At>,
        /// When it was taken back.
        revoked_at: Option<At>,
    }
}

impl From<&Token> for TokenForm {
    fn from(it: &Token) -> Self {
        Self {
            id: it.id.0,
            name: it.name.to_string(),
            scopes: it.scopes.iter().copied().map(ScopeWord).collect(),
            customers: it.customers.as_ref().map(texts),
            made_at: At(it.made_at),
            expires_at: at(it.expires_at),
            revoked_at: at(it.revoked_at),
        }
    }
}

shape! {
    /// Lets somebody in.
    in TokenRequest {
        /// For people; also the name under which it acts.
        name: Line,
        /// What it may do.
        scopes: Vec<ScopeWord>,
        /// Whose objects; left out: everybody's.
        customers: Option<Vec<Line>>,
        /// When it ends by itself; left out: never.
        expires_at: Option<At>,
    }
}

shape! {
    /// A new token. Keep it: it is shown this once.
    out NewTokenForm {
        /// Its id.
        id: u64,
        /// To be sent as `Authorization: Bearer TOKEN`.
        token: String,
    }
}

impl TokenRequest {
    pub(crate) fn token(self, hash: [u8; 32], now: At) -> Result<Token, Fault> {
        let mut scopes: Vec<TokenScope> = self.scopes.into_iter().map(|it| it.0).collect();
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(Fault::invalid("scopes", "a token without any scope can do nothing"));
        }
        if self.customers.as_ref().is_some_and(|it| it.is_empty() || it.len() > CUSTOMERS_MAX) {
            let why = format!("name 1 to {CUSTOMERS_MAX}, or leave it out for all of them");
            return Err(Fault::invalid("customers", why));
        }
        if self.expires_at.is_some_and(|it| it <= now) {
            return Err(Fault::invalid("expires_at", "is in the past"));
        }
        let customers = self.customers.map(|it| it.into_iter().map(|it| it.0.into()).collect());
        Ok(Token {
            id: NoteId(0),
            name: self.name.0.into(),
            hash,
            scopes,
            customers,
            made_at: now.0,
            expires_at: self.expires_at.map(|it| it.0),
            revoked_at: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use model::Moment;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_key_is_read_back() {
        let planned_from = Moment::from_secs(1_800_000_000);
        for name in ["acme/patch night", "a@b", "x"] {
            let key = OccurrenceKey { window: name.into(), planned_from };
            assert_eq!(key_of(&key_text(&key)), Some(key));
        }
        assert_eq!(key_of("acme/patch night"), None);
        assert_eq!(key_of("acme/patch night@soon"), None);
    }

    #[test]
    fn a_scope_cannot_mean_everything_by_mistake() {
        let line = |label: &str| {
            vec![MatcherForm { label: label.into(), op: OpWord(MatchOp::Is), value: "x".into() }]
        };
        assert!(scope_of(vec![line("host")]).is_ok());
        assert!(scope_of(vec![]).is_err());
        assert!(scope_of(vec![line("host"), vec![]]).is_err());
        assert!(scope_of(vec![line("")]).is_err());
        assert!(scope_of(vec![line("host"); LINES_MAX + 1]).is_err());
    }

    /// The reminders of what `fields` ask for, in hours, or where the fault is.
    fn reminders(fields: &Value) -> Result<Vec<u64>, Value> {
        let mut body = json!({
            "name": "new disks",
            "until": "2026-09-02T00:00:00Z",
            "scope": [[{ "label": "host", "op": "is", "value": "web" }]],
        });
        let (Value::Object(body_fields), Value::Object(more)) = (&mut body, fields.clone()) else {
            panic!("two objects");
        };
        body_fields.extend(more);
        let request: WindowRequest = serde_json::from_value(body).unwrap();
        let now = At(model::Moment::from_secs(1_788_256_800));
        match request.command(now, None).map_err(|it| it.body()["errors"].clone())? {
            model::Command::PlanWindow(it) => {
                Ok(it.reminders.iter().map(|it| it.as_secs() / 3600).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_customer_is_reminded_as_usual_unless_it_is_said_otherwise() {
        assert_eq!(reminders(&json!({ "customer": "acme" })), Ok(vec![72, 1]));
        assert_eq!(reminders(&json!({})), Ok(vec![]), "nobody's own");
        assert_eq!(reminders(&json!({ "customer": "acme", "remind_secs": [] })), Ok(vec![]));
        assert_eq!(reminders(&json!({ "remind_secs": [7200, 86400] })), Ok(vec![2, 24]));
        assert!(reminders(&json!({ "remind_secs": [0] })).is_err());
        assert!(reminders(&json!({ "remind_secs": vec![3600; 9] })).is_err());
    }
}
