//! `sim watchdogs`: worlds around the ledger of promised runs from the command line.

use sim::watchdogs::{run, watch};

use crate::orders::Orders;

/// What `sim watchdogs` can be asked for.
pub(crate) const USAGE: &str = "\
usage: sim watchdogs [--seeds N] [--from S]    live through N worlds (100), from seed S (0) on
       sim watchdogs --seed S [--plant NAME] [--watch]
                                                live through one world, and tell what happens
       sim watchdogs --plant NAME|all           plant a bug, or each in turn, and see whether it is
                                                found
       sim watchdogs --list                     the bugs that can be planted";

/// Carries out what `words` ask for; was everything as it should be?
pub(crate) fn carry_out(words: impl Iterator<Item = String>) -> Result<bool, String> {
    let mut watched = false;
    let orders = Orders::parse(words, |word, _| {
        watched |= word == "--watch";
        Ok(word == "--watch")
    })?;
    let one = if watched { watch } else { run };
    Ok(orders.carry_out("watchdogs --watch --seed", run, one))
}
