//! `sim desk`: worlds around the desk from the command line.

use sim::desk::{outage, outage_hosts, run, watch};

use crate::{
    orders::{Orders, number},
    round,
};

/// Most hosts of a site that is cut off, unless the command line says otherwise.
const HOSTS: u64 = 500;
/// What `sim desk` can be asked for.
pub(crate) const USAGE: &str = "\
usage: sim desk [--seeds N] [--from S]    live through N worlds (100), from seed S (0) on
       sim desk --seed S [--plant NAME] [--watch]
                                           live through one world, and tell what happens
       sim desk --outages N [--hosts H]    cut off a site of up to H hosts (500) in N variants,
                                           half of them of about H, the others of any size
       sim desk --plant NAME|all           plant a bug, or each in turn, and see whether it is found
       sim desk --list                     the bugs that can be planted";

/// Carries out what `words` ask for; was everything as it should be?
pub(crate) fn carry_out(words: impl Iterator<Item = String>) -> Result<bool, String> {
    let (mut outages, mut most, mut watched) = (None, HOSTS, false);
    let orders = Orders::parse(words, |word, words| {
        match word {
            "--outages" => outages = Some(number(word, words)?),
            "--hosts" => most = number(word, words)?,
            "--watch" => watched = true,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if outages.is_some() {
        let replay = format!("desk --hosts {most} --outages 1 --watch --from");
        let live = |seed| outage(seed, outage_hosts(seed, most), watched);
        return Ok(round::many(orders.range(outages), &replay, live));
    }
    let one = if watched { watch } else { run };
    Ok(orders.carry_out("desk --watch --seed", run, one))
}
