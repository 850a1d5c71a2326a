//! What the command line asks of worlds, whatever kind of worlds they are.

use std::{fmt::Debug, process::ExitCode};

use sim::{Bug, Lived};

use crate::round;

/// Worlds that are lived through if no number is given.
const WORLDS: u64 = 100;

/// What every kind of world can be asked for.
pub(crate) struct Orders<B> {
    seeds: Option<u64>,
    from: u64,
    seed: Option<u64>,
    plant: Vec<B>,
    list: bool,
}

/// What remains of the command line.
pub(crate) type Words<'a> = &'a mut dyn Iterator<Item = String>;

impl<B: Bug> Orders<B> {
    /// Reads `words`; `own` takes the options that only one kind of world has, and says whether it
    /// knows the option.
    pub(crate) fn parse(
        mut words: impl Iterator<Item = String>,
        mut own: impl FnMut(&str, Words<'_>) -> Result<bool, String>,
    ) -> Result<Self, String> {
        let mut orders = Self { seeds: None, from: 0, seed: None, plant: Vec::new(), list: false };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--seeds" => orders.seeds = Some(number(&word, &mut words)?),
                "--from" => orders.from = number(&word, &mut words)?,
                "--seed" => orders.seed = Some(number(&word, &mut words)?),
                "--plant" => orders.plant = planted(&value(&word, &mut words)?)?,
                "--list" => orders.list = true,
                _ if own(&word, &mut words)? => {}
                _ => return Err(format!("no such option: {word}")),
            }
        }
        Ok(orders)
    }

    /// Carries it out: `run` lives through a world, `watch` through the one of `--seed`, and
    /// `replay` are the words before the seed that do the latter. Was everything as it should be?
    pub(crate) fn carry_out<S: Debug>(
        &self,
        replay: &str,
        run: impl Fn(u64, Option<B>) -> Lived<S>,
        watch: impl Fn(u64, Option<B>) -> Lived<S>,
    ) -> bool {
        if self.list {
            B::ALL.iter().for_each(|it| println!("{}", it.word()));
            return true;
        }
        if let Some(seed) = self.seed {
            return round::one(&watch(seed, self.plant.first().copied()));
        }
        if self.plant.is_empty() {
            return round::many(self.range(self.seeds), replay, |seed| run(seed, None));
        }
        round::find_all(&self.plant, |it| {
            round::find(it.word(), self.from, |seed| run(seed, Some(*it)))
        })
    }

    /// The seeds of `count` worlds, from the one asked for on.
    pub(crate) fn range(&self, count: Option<u64>) -> std::ops::Range<u64> {
        self.from..self.from.saturating_add(count.unwrap_or(WORLDS))
    }
}

/// What the process ends with: `usage` is told to who asks for what is not there.
pub(crate) fn exit(done: Result<bool, String>, usage: &str) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(what) => {
            println!("sim: {what}\n{usage}");
            ExitCode::from(2)
        }
    }
}

/// The value of the option `word`.
pub(crate) fn value(word: &str, words: Words<'_>) -> Result<String, String> {
    words.next().ok_or(format!("{word} needs a value"))
}

/// The value of the option `word`, a number.
pub(crate) fn number(word: &str, words: Words<'_>) -> Result<u64, String> {
    let value = value(word, words)?;
    value.parse().map_err(|_| format!("{word}: not a number: {value}"))
}

fn planted<B: Bug>(word: &str) -> Result<Vec<B>, String> {
    match word {
        "all" => Ok(B::ALL.to_vec()),
        _ => Ok(vec![B::from_word(word).ok_or(format!("no such bug: {word}"))?]),
    }
}
