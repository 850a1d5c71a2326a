//! Writes the manual of the channels, one page each, into the folder given as the only argument.
//! `cargo xtask manual` calls it; the pages lie in `docs/channels/`.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    for (name, text) in notify::manual_pages() {
        fs::write(Path::new(&folder).join(name), text)?;
    }
    Ok(())
}
