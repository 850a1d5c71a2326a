//! `campanile test`: would those be told who should be?

use std::{io, path::Path};

use serde_json::json;

use super::{Form, INVALID, PARTLY, may_colour, say};

pub(crate) fn run(config: &Path, form: Form) -> u8 {
    let loaded = server::load(config);
    if loaded.plan.is_none() {
        say(&mut io::stderr(), &loaded.render(may_colour(&io::stderr())));
        say(&mut io::stderr(), &format!("{}\n", loaded.summary()));
        return INVALID;
    }
    let (tests, mistakes) = server::tests(&loaded);
    say(&mut io::stderr(), &loaded.render_all(&mistakes, may_colour(&io::stderr())));
    let routed = server::routing_tests(&loaded, &tests);
    let failed = routed.iter().filter(|it| !it.faults.is_empty()).count();
    let text = match form {
        Form::Json => {
            let one = |it: &server::Routed| json!({ "name": it.name, "place": it.place.as_ref(), "faults": it.faults });
            let all = json!({
                "tests": routed.iter().map(one).collect::<Vec<_>>(),
                "failed": failed,
                "mistakes": mistakes.len(),
            });
            format!("{all:#}\n")
        }
        Form::Text => report(&routed, failed),
    };
    say(&mut io::stdout(), &text);
    match () {
        () if !mistakes.is_empty() => INVALID,
        () if failed > 0 => PARTLY,
        () => 0,
    }
}

fn report(routed: &[server::Routed], failed: usize) -> String {
    let mut text = String::new();
    for it in routed {
        let word = if it.faults.is_empty() { "ok    " } else { "FAILED" };
        text.push_str(&format!("{word}  {}  ({})\n", it.name, it.place));
        for fault in &it.faults {
            text.push_str(&format!("          {fault}\n"));
        }
    }
    let count = routed.len();
    text.push_str(&format!("{count} routing tests, {failed} failed\n"));
    text
}
