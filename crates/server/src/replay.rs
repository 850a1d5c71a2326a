//! `campanile replay`: recorded results through the pure engine, and what would be believed,
//! proposed and told. Whatever is owed counts as delivered at once; nothing leaves this process.

mod told;

use std::{
    collections::HashMap,
    io::{BufRead, Write},
    sync::Arc,
};

use engine::{Effect, Input, Limits, Reach, Shard};
use jiff::Timestamp;
use model::{
    Cause, CauseCode, CheckableId, FromShard, Moment, Plan, StateType, Status, Transition, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::{build::take_apart, desk::subjects_of, register::Register};
use told::Told;

/// Longest line that is read, in bytes.
const LINE_BYTES_MAX: usize = 1 << 20;

/// One line of input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: Timestamp,
    name: String,
    status: String,
    #[serde(default)]
    output: String,
}

/// A state, as a line of output.
#[derive(Serialize)]
struct StateLine<'a> {
    at: String,
    name: &'a str,
    event: &'static str,
    status: &'static str,
    r#type: &'static str,
    attempt: u8,
    flapping: bool,
    percent_state_change: f64,
}

/// A begin or end of flapping, as a line of output.
#[derive(Serialize)]
struct FlappingLine<'a> {
    at: String,
    name: &'a str,
    event: &'static str,
    percent_state_change: f64,
}

/// A line of input that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// From 1.
    pub line: usize,
    /// Why, lower case, no full stop.
    pub why: String,
}

/// Plays `input` through the engine under `plan` and writes what would be believed to `output`;
/// with `all` the state after every result. Lines that make no sense are left out and returned.
///
/// # Errors
/// `input` cannot be read, or `output` not written.
pub fn replay(
    plan: &Plan,
    mut input: impl BufRead,
    mut output: impl Write,
    all: bool,
) -> std::io::Result<Vec<Refused>> {
    let mut stage = Stage::new(plan);
    let mut refused = Vec::new();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let mut limited = std::io::Read::take(&mut input, LINE_BYTES_MAX as u64);
        if limited.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.len() == LINE_BYTES_MAX && text.last() != Some(&b'\n') {
            let why = format!("longer than {LINE_BYTES_MAX} bytes; nothing after it was read");
            refused.push(Refused { line, why });
            break;
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match stage.understand(&text) {
            Ok((at, id, verdict)) => stage.play(at, id, verdict, all, &mut output)?,
            Err(why) => refused.push(Refused { line, why }),
        }
    }
    output.flush()?;
    Ok(refused)
}

/// The engine with nobody to ask.
struct Stage {
    shard: Shard,
    reach: Reach,
    told: Told,
    ids: HashMap<Arc<str>, CheckableId>,
    names: Vec<Arc<str>>,
    now: Moment,
    effects: Vec<Effect>,
}

impl Stage {
    fn new(plan: &Plan) -> Self {
        let limits = Limits { in_flight_max: 1, in_flight_per_host_max: 1 };
        let mut shard = Shard::new(0, 1, limits, Moment::ZERO);
        let mut reach = Reach::new(false);
        let laid = Register::new(1).lay(plan);
        let pieces = take_apart(plan, &laid, &console::Board::default(), Moment::ZERO);
        let mut ids = HashMap::new();
        let mut names = vec![Arc::from(""); pieces.all.len()];
        for piece in pieces.all {
            names[piece.id.0 as usize] = Arc::clone(&piece.name);
            ids.insert(piece.name, piece.id);
            shard.put(Moment::ZERO, piece.id, piece.spec, None);
        }
        reach.arrange(&pieces.behind, &mut Vec::new());
        let told = Told::new(plan, subjects_of(plan, &laid));
        Self { shard, reach, told, ids, names, now: Moment::ZERO, effects: Vec::new() }
    }

    fn understand(&self, text: &[u8]) -> Result<(Moment, CheckableId, Verdict), String> {
        let line: Line = serde_json::from_slice(text).map_err(|it| it.to_string())?;
        let nanos = u64::try_from(line.at.as_nanosecond())
            .map_err(|_| format!("`at` is before 1970: {}", line.at))?;
        let at = Moment::from_nanos(nanos);
        if at < self.now {
            return Err(format!("`at` goes back in time: {}", line.at));
        }
        let id = *self.ids.get(&*line.name).ok_or_else(|| {
            format!("no host or service is called `{}`", line.name.escape_debug())
        })?;
        let of_host = line.name.matches('/').count() == 1;
        let cause = || Cause::new(CauseCode::Reported, &line.output);
        if line.status == "BLIND" {
            return Ok((at, id, Verdict::Blind { cause: cause() }));
        }
        let status = match Status::from_word(&line.status) {
            Some(Status::Up) if of_host => Status::Ok,
            Some(Status::Down | Status::Unreachable) if of_host => Status::Critical,
            Some(it) if !it.is_of_host() => it,
            _ => return Err(format!("`status` is none of a {}", noun(of_host))),
        };
        let cause = (!status.is_fine()).then(cause);
        Ok((at, id, Verdict::Seen { status, cause }))
    }

    fn play(
        &mut self,
        at: Moment,
        id: CheckableId,
        verdict: Verdict,
        all: bool,
        output: &mut impl Write,
    ) -> std::io::Result<()> {
        self.now = at;
        self.told.pass(at, output)?;
        let mut changes = Vec::new();
        let report = Input::Reported { checkable: id, verdict };
        let mut inputs = vec![report];
        while let Some(input) = inputs.pop() {
            self.shard.handle(at, input, &mut self.effects);
            let mut orders = Vec::new();
            for effect in self.effects.drain(..) {
                if let Effect::Tell(_, message) = effect {
                    self.reach.handle(&message, &mut orders);
                    if let FromShard::Changed(transition) = message {
                        changes.push(transition);
                    }
                }
            }
            inputs.extend(orders.into_iter().rev().map(Input::Desk));
        }
        let mut told = false;
        for change in &changes {
            told |= change.checkable == id && change.from != change.to;
            self.write_change(change, output)?;
            self.told.change(change, output)?;
        }
        if all && !told {
            self.write_state(at, id, output)?;
        }
        Ok(())
    }

    fn write_change(&self, it: &Transition, output: &mut impl Write) -> std::io::Result<()> {
        let name = &*self.names[it.checkable.0 as usize];
        if it.from != it.to {
            let state = StateLine {
                at: shown(it.at),
                name,
                event: "state",
                status: it.to.status.word(),
                r#type: it.to.kind.word(),
                attempt: it.to.attempt,
                flapping: it.flapping,
                percent_state_change: percent(it.centipercent),
            };
            write_line(&state, output)?;
        }
        if it.was_flapping != it.flapping {
            let event = if it.flapping { "flapping_start" } else { "flapping_stop" };
            let percent_state_change = percent(it.centipercent);
            write_line(
                &FlappingLine { at: shown(it.at), name, event, percent_state_change },
                output,
            )?;
        }
        Ok(())
    }

    fn write_state(
        &self,
        at: Moment,
        id: CheckableId,
        output: &mut impl Write,
    ) -> std::io::Result<()> {
        let Some(view) = self.shard.view(id, at) else { return Ok(()) };
        let look = view.belief.now;
        let state = StateLine {
            at: shown(at),
            name: &self.names[id.0 as usize],
            event: "state",
            status: look.status.word(),
            r#type: StateType::word(look.kind),
            attempt: look.attempt,
            flapping: view.belief.flapping,
            percent_state_change: percent(view.centipercent),
        };
        write_line(&state, output)
    }
}

fn noun(of_host: bool) -> &'static str {
    if of_host {
        "host: UP, DOWN or BLIND"
    } else {
        "service: OK, WARNING, CRITICAL, UNKNOWN or BLIND"
    }
}

fn shown(at: Moment) -> String {
    Timestamp::from_nanosecond(at.as_nanos().into())
        .map_or_else(|_| at.to_string(), |it| it.to_string())
}

fn percent(centipercent: u16) -> f64 {
    f64::from(centipercent) / 100.0
}

fn write_line(line: &impl Serialize, output: &mut impl Write) -> std::io::Result<()> {
    serde_json::to_writer(&mut *output, line)?;
    output.write_all(b"\n")
}
