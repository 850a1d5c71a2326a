//! `campanile replay`: recorded results through the pure engine.

use std::{
    io::{self, BufWriter},
    path::Path,
};

use super::{INVALID, PARTLY, plan_of, say};

pub(crate) fn run(config: &Path, all: bool) -> u8 {
    let Some(plan) = plan_of(config) else { return INVALID };
    let output = BufWriter::new(io::stdout().lock());
    match server::replay(&plan, io::stdin().lock(), output, all) {
        Ok(refused) => {
            for it in &refused {
                say(&mut io::stderr(), &format!("error: line {}: {}\n", it.line, it.why));
            }
            if refused.is_empty() { 0 } else { PARTLY }
        }
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            say(&mut io::stderr(), &format!("error: {error}\n"));
            PARTLY
        }
    }
}
