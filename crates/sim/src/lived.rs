//! What living through a world comes to, whatever kind of world it is.

/// What a world came to; `S` is what was seen in it.
#[derive(Clone, Debug)]
pub struct Lived<S> {
    /// Which world.
    pub seed: u64,
    /// One number for all that happened.
    pub hash: u64,
    /// How much happened.
    pub events: u64,
    /// What was seen.
    pub seen: S,
    /// What is wrong, if anything, and with whom.
    pub fault: Option<String>,
    /// What happened, if somebody watched.
    pub log: Vec<String>,
}

/// Writes down what happens, if somebody watches.
macro_rules! note {
    ($world:expr, $($text:tt)+) => {
        if $world.watched {
            let line = format!("{} {}", calendar::rfc3339($world.now), format_args!($($text)+));
            $world.log.push(line);
        }
    };
}
pub(crate) use note;

/// What `$world` came to, once it has been lived through.
macro_rules! lived {
    ($world:expr, $seed:expr) => {{
        let (world, seed) = ($world, $seed);
        let fault =
            world.judge.fault.map(|it| format!("at {}: {it}", calendar::rfc3339(world.now)));
        $crate::Lived {
            seed,
            hash: world.trace.hash(),
            events: world.events,
            seen: world.judge.seen,
            fault,
            log: world.log,
        }
    }};
}
pub(crate) use lived;
