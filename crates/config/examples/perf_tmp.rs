//! tmp
#![allow(missing_docs, clippy::print_stdout, unused)]
#[path = "../tests/catalogue/mod.rs"]
mod catalogue;
use std::{fs, io::Write, time::Instant};
fn rss() -> u64 {
    let s = fs::read_to_string("/proc/self/statm").unwrap();
    s.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
fn main() {
    let dir = tempfile::tempdir().unwrap();
    let mode = std::env::args().nth(1).unwrap();
    let customers: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let hosts: usize = std::env::args().nth(3).unwrap().parse().unwrap();
    fs::create_dir(dir.path().join("checks")).unwrap();
    fs::write(
        dir.path().join("config.yaml"),
        "checks: [checks]\ndefaults: { every: 1m }\ntemplates:\n  t:\n    services:\n".to_string()
            + &(0..10)
                .map(|i| {
                    format!(
                        "      s{i}: {{ tcp: {}, time: {{ warn: over 1s, crit: over 2s }} }}\n",
                        i + 1
                    )
                })
                .collect::<String>(),
    )
    .unwrap();
    for c in 0..customers {
        let mut f = std::io::BufWriter::new(
            fs::File::create(dir.path().join(format!("checks/c{c}.yaml"))).unwrap(),
        );
        writeln!(f, "hosts:").unwrap();
        for h in 0..hosts {
            if mode == "t" {
                writeln!(
                    f,
                    "  h{h}: {{ address: 10.{}.{}.{}, use: [t] }}",
                    h >> 16,
                    (h >> 8) & 255,
                    h & 255
                )
                .unwrap();
            } else {
                writeln!(
                    f,
                    "  h{h}:\n    address: 10.{}.{}.{}\n    labels: {{ env: prod }}\n    services:",
                    h >> 16,
                    (h >> 8) & 255,
                    h & 255
                )
                .unwrap();
                for s in 0..10 {
                    writeln!(f, "      s{s}: {{ http: \"http://h{h}.example/{s}\", time: {{ warn: over 1s, crit: over 2s }}, every: 5m }}").unwrap();
                }
            }
        }
    }
    let t = Instant::now();
    let before = rss();
    let loaded = config::load(&dir.path().join("config.yaml"), catalogue::KINDS);
    println!("{} in {:?}, {} MB", loaded.summary(), t.elapsed(), (rss() - before) >> 20);
    if loaded.errors() > 0 {
        println!("{}", loaded.render(false).chars().take(2000).collect::<String>());
    }
    let plan = loaded.plan;
    drop(loaded.diagnostics);
    println!("{}", plan.map_or(0, |it| it.services.len()));
}
