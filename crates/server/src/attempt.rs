//! `campanile try`: one look now, step by step; no state changes.

use std::time::Duration;

use model::{
    Asked, Cause, CheckableRef, KindSpec, Measure, Moment, Plan, Reading, Rule, Status, Unit,
    Verdict,
};
use probe::{CATALOGUE, Found, Target, Trace, World, WorldSettings};
use serde_json::{Value as Json, json};
use tokio::task::LocalSet;

use crate::{build::Question, looks::look_once};

/// What one look now found.
#[derive(Debug)]
pub struct Attempt {
    name: String,
    kind: &'static KindSpec,
    found: Found,
    /// After thresholds; `None` if we could not look.
    status: Option<Status>,
    cause: Option<Cause>,
    took: Duration,
    steps: Vec<(Duration, String)>,
    of_host: bool,
}

/// Looks at `name` once.
///
/// # Errors
/// Why there was nothing to look at, as one sentence.
pub fn try_once(plan: &Plan, name: &str) -> Result<Attempt, String> {
    let found = plan.find(name).ok_or_else(|| format!("no host or service is called `{name}`"))?;
    let (asked, address, of_host) = match found {
        CheckableRef::Host(host) => (host.alive.as_ref(), host.address.clone(), true),
        CheckableRef::Service(service) => {
            let host = service.host.and_then(|it| plan.hosts.get(it as usize));
            (Some(&service.asked), host.and_then(|it| it.address.clone()), false)
        }
    };
    let asked = asked.ok_or_else(|| format!("`{name}` is left to its services (`alive: none`)"))?;
    let kind = CATALOGUE
        .get(usize::from(asked.check.kind.0))
        .ok_or_else(|| format!("`{name}` is not asked by any kind"))?;
    let looker = (kind.build)(&asked.params).map_err(|faults| {
        faults.iter().map(|it| format!("{}: {}", it.param, it.what)).collect::<Vec<_>>().join("; ")
    })?;
    let target = std::sync::Arc::new(Target { name: name.into(), address });
    let question =
        Question { looker, target, timeout: asked.check.timeout, kind: asked.check.kind };
    let (found, took, steps) = look(&question).map_err(|it| format!("cannot look: {it}"))?;
    Ok(Attempt::judged(name, kind.spec, asked, found, of_host, took, steps))
}

type Looked = (Found, Duration, Vec<(Duration, String)>);

fn look(question: &Question) -> std::io::Result<Looked> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(LocalSet::new().block_on(&runtime, async {
        let world = World::new(&WorldSettings::default());
        let trace = Trace::on();
        let begun = tokio::time::Instant::now();
        let found = look_once(&world, question, &trace).await;
        (found, begun.elapsed(), trace.steps())
    }))
}

impl Attempt {
    fn judged(
        name: &str,
        kind: &'static KindSpec,
        asked: &Asked,
        found: Found,
        of_host: bool,
        took: Duration,
        steps: Vec<(Duration, String)>,
    ) -> Self {
        let (status, cause) = match &found.verdict {
            Verdict::Blind { cause } => (None, Some(cause.clone())),
            Verdict::Seen { status, cause } => {
                let (status, cause) = worse(*status, cause, &asked.check.rules, &found.measures);
                (Some(status), cause)
            }
        };
        Self { name: name.to_owned(), kind, found, status, cause, took, steps, of_host }
    }

    /// The exit code of a plugin: 0, 1, 2, 3; 3 too when we could not look.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.status.unwrap_or(Status::Unknown).number()
    }

    /// One line as a plugin prints it; with `verbose` the steps before and the measurements after.
    #[must_use]
    pub fn render(&self, verbose: bool) -> String {
        let mut text = String::new();
        if verbose {
            for (at, step) in &self.steps {
                let step = harmless(step);
                text.push_str(&format!("{:>9.3} ms  {step}\n", at.as_secs_f64() * 1e3));
            }
        }
        let cause = self.cause.as_ref().map(|it| format!(" - {it}")).unwrap_or_default();
        let took = self.took.as_secs_f64() * 1e3;
        text.push_str(&format!("{}: {}{cause} ({took:.1} ms)\n", self.name, self.word()));
        if verbose {
            for (spec, reading) in self.measured() {
                text.push_str(&format!("  {:<14} {}\n", spec.name, shown(spec.unit, reading)));
            }
        }
        text
    }

    /// The same for programs.
    #[must_use]
    pub fn render_json(&self) -> String {
        let measures: serde_json::Map<String, Json> = self
            .measured()
            .map(|(spec, reading)| {
                let value = match reading {
                    Reading::Number(number) => json!(number),
                    Reading::Text(text) => json!(text),
                };
                (spec.name.to_owned(), value)
            })
            .collect();
        let steps: Vec<Json> = self
            .steps
            .iter()
            .map(|(at, step)| json!({ "ms": at.as_secs_f64() * 1e3, "step": step }))
            .collect();
        let value = json!({
            "name": self.name,
            "kind": self.kind.name,
            "status": self.word(),
            "cause": self.cause.as_ref().map(|it| it.code.word()),
            "text": self.cause.as_ref().map(|it| it.text.clone()),
            "seconds": self.took.as_secs_f64(),
            "measures": measures,
            "steps": steps,
        });
        format!("{value:#}\n")
    }

    fn word(&self) -> &'static str {
        match self.status {
            None => "BLIND",
            Some(Status::Ok | Status::Warning) if self.of_host => Status::Up.word(),
            Some(_) if self.of_host => Status::Down.word(),
            Some(status) => status.word(),
        }
    }

    fn measured(&self) -> impl Iterator<Item = (&'static model::MeasureSpec, &Reading)> {
        let of = |it: &'static [model::MeasureSpec], measure: &Measure| {
            it.get(usize::from(measure.index))
        };
        self.found
            .measures
            .iter()
            .filter_map(move |it| Some((of(self.kind.measures, it)?, &it.reading)))
    }
}

/// The status after thresholds, judged as if they had been crossed for ever: a single look cannot
/// know for how long.
fn worse(
    status: Status,
    cause: &Option<Cause>,
    rules: &[Rule],
    measures: &[Measure],
) -> (Status, Option<Cause>) {
    if status.severity() >= Status::Critical.severity() {
        return (status, cause.clone());
    }
    let at_once: Vec<Rule> =
        rules.iter().map(|it| Rule { hold: Duration::ZERO, ..it.clone() }).collect();
    match engine::judge(&at_once, &mut Vec::new(), measures, Moment::from_secs(1)) {
        Some((judged, why)) if judged.severity() > status.severity() => (judged, Some(why)),
        _ => (status, cause.clone()),
    }
}

fn shown(unit: Unit, reading: &Reading) -> String {
    match (unit, reading) {
        (_, Reading::Text(text)) => harmless(text),
        (Unit::Seconds, Reading::Number(value)) if value.abs() < 1.0 => {
            format!("{:.3} ms", value * 1e3)
        }
        (Unit::Seconds, Reading::Number(value)) => format!("{value:.3} s"),
        (Unit::Percent, Reading::Number(value)) => format!("{value:.2} %"),
        (Unit::Bytes, Reading::Number(value)) => format!("{value:.0} B"),
        (_, Reading::Number(value)) => format!("{value}"),
    }
}

/// What a target sent must not steer a terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}
