//! Who may know whom, checked with what cargo knows.
//!
//! Everything may know the nouns; only `server` and `sim` may know the engine. A kind of check, a
//! page or a parser cannot call the engine because it cannot name it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail};

use crate::{limits, members, source, steps::cargo_command};

/// Direct dependencies of each member: ours and others'.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// What a member may depend on.
#[derive(Clone, Copy, Debug)]
pub enum Allowed {
    /// Exactly these and `serde`, which only says how a value is written, and nothing else.
    Nothing(&'static [&'static str]),
    /// Of ours only these; of others anything.
    Ours(&'static [&'static str]),
    /// Of ours anything but these.
    AllBut(&'static [&'static str]),
}

/// The rule. A member that is not in it has not been thought about, and fails.
pub const RULES: &[(&str, Allowed)] = &[
    ("model", Allowed::Nothing(&[])),
    ("engine", Allowed::Nothing(&["model"])),
    ("calendar", Allowed::Ours(&["model"])),
    ("config", Allowed::Ours(&["model", "calendar"])),
    ("probe", Allowed::Ours(&["model"])),
    ("inlet", Allowed::Ours(&["model", "calendar"])),
    ("notify", Allowed::Ours(&["model"])),
    ("store", Allowed::Ours(&["model"])),
    ("console", Allowed::Ours(&["model"])),
    ("server", Allowed::AllBut(&["campanile", "sim", "xtask", "tests", "benches"])),
    ("campanile", Allowed::AllBut(&["engine", "sim", "xtask", "tests", "benches"])),
    ("sim", Allowed::Ours(&["model", "engine", "calendar", "config"])),
    ("xtask", Allowed::Ours(&[])),
    ("tests", Allowed::Ours(&["xtask"])),
    ("benches", Allowed::AllBut(&["engine", "campanile", "xtask"])),
];

/// Words, and modules with their colons, that have no place in a crate that never touches the
/// world, and what to do instead.
pub const IMPURE: &[(&str, &str)] = &[
    ("Instant", "take `now: Moment`"),
    ("SystemTime", "take `now: Moment`"),
    ("HashMap", "its order depends on a hasher; use a BTreeMap or a dense Vec"),
    ("HashSet", "its order depends on a hasher; use a BTreeSet or a dense Vec"),
    ("async", "hand out an effect and let a driver wait"),
    ("await", "hand out an effect and let a driver wait"),
    ("fs", "the engine has no files"),
    ("TcpStream", "the engine has no sockets"),
    ("TcpListener", "the engine has no sockets"),
    ("UdpSocket", "the engine has no sockets"),
    ("ToSocketAddrs", "the engine resolves no names"),
    ("thread", "the engine has no threads"),
    ("thread_local", "the engine has no threads"),
    ("process::", "the engine has no processes"),
    ("Mutex", "one shard, one owner"),
    ("RwLock", "one shard, one owner"),
    ("tokio", "hand out an effect and let a driver wait"),
    ("rand", "randomness is a seed"),
];

/// The crates in which [`IMPURE`] words are refused.
pub const PURE: [&str; 2] = ["model", "engine"];

/// Checks the tree and prints every fault.
///
/// # Errors
/// When there is one.
pub fn run(root: &Path) -> Result<()> {
    let faults = check(root)?;
    for fault in &faults {
        println!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} faults of architecture", faults.len());
    }
    println!("{} members keep the rule", RULES.len());
    Ok(())
}

/// Every fault of the tree.
///
/// # Errors
/// When cargo or a file cannot be asked.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let graph = graph(root)?;
    let mut faults = forbidden(&graph);
    for name in PURE {
        faults.extend(impurities(root, name)?);
    }
    faults.extend(headings(root)?);
    faults.extend(reasons(root)?);
    faults.extend(limits::faults(root)?);
    Ok(faults)
}

/// Asks cargo for the direct dependencies of every member.
///
/// # Errors
/// When cargo fails.
pub fn graph(root: &Path) -> Result<Graph> {
    let words = ["tree", "--workspace", "--edges", "normal,build", "--depth", "1", "--no-dedupe"];
    let output = cargo_command(root)
        .args(words)
        .args(["--prefix", "depth", "--format", " {p}", "--offline", "--locked"])
        .output()
        .context("running cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(parse_tree(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines such as `0 engine v0.1.0 (…)` and, below, `1 model v0.1.0 (…)`.
fn parse_tree(text: &str) -> Graph {
    let mut graph = Graph::new();
    let mut member = String::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("0"), Some(name)) => {
                name.clone_into(&mut member);
                graph.entry(member.clone()).or_default();
            }
            (Some("1"), Some(name)) => {
                graph.entry(member.clone()).or_default().insert(name.to_owned());
            }
            _ => {}
        }
    }
    graph
}

/// Every dependency that the rule forbids.
#[must_use]
pub fn forbidden(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    let rules: BTreeMap<&str, Allowed> = RULES.iter().copied().collect();
    for (member, dependencies) in graph {
        let Some(rule) = rules.get(member.as_str()) else {
            faults.push(format!("{member}: no rule says what it may know; add one to RULES"));
            continue;
        };
        for dependency in dependencies {
            if !allows(*rule, dependency, graph.contains_key(dependency)) {
                faults.push(format!("{member} must not know {dependency}"));
            }
        }
    }
    for member in rules.keys().filter(|it| !graph.contains_key(**it)) {
        faults.push(format!("{member} has a rule, but is no member of the workspace"));
    }
    faults
}

fn allows(rule: Allowed, dependency: &str, ours: bool) -> bool {
    match rule {
        Allowed::Nothing(but) => dependency == "serde" || but.contains(&dependency),
        Allowed::Ours(only) => !ours || only.contains(&dependency),
        Allowed::AllBut(not) => !ours || !not.contains(&dependency),
    }
}

/// Every word in the sources of a pure crate that belongs to the world.
///
/// # Errors
/// When a source cannot be read.
pub fn impurities(root: &Path, name: &str) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let folder = Path::new("crates").join(name).join("src");
    for path in members::files(&root.join(&folder))? {
        let path = folder.join(path);
        let text = fs::read_to_string(root.join(&path))
            .with_context(|| format!("reading {}", path.display()))?;
        for (line, what) in impure_words(&text) {
            faults.push(format!("{}:{line}: {what}", path.display()));
        }
    }
    Ok(faults)
}

/// Every impure word of `text` with its line and what to do instead.
#[must_use]
pub fn impure_words(text: &str) -> Vec<(usize, String)> {
    let code = source::code_only(text);
    // A name with its colons is a module; without them it may be anything, such as a field.
    let modules = IMPURE.iter().filter(|it| it.0.ends_with("::"));
    let lines = || code.lines().zip(1..);
    let paths = modules.flat_map(|(module, instead)| {
        let found = lines().filter(move |(line, _)| line.contains(module));
        found.map(move |(_, line)| (line, format!("`{module}`: {instead}")))
    });
    let words = source::words(&code).filter_map(|(line, word)| {
        let (_, instead) = IMPURE.iter().find(|(impure, _)| *impure == word)?;
        Some((line, format!("`{word}`: {instead}")))
    });
    words.chain(paths).collect()
}

/// The members without a heading in ARCHITECTURE.md, and the headings without a member.
///
/// # Errors
/// When the page cannot be read.
pub fn headings(root: &Path) -> Result<Vec<String>> {
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let folders: BTreeSet<String> =
        members::all(root)?.into_iter().map(|member| member.folder).collect();
    let headings = code_map(&page);
    let missing = folders
        .difference(&headings)
        .map(|it| format!("ARCHITECTURE.md: \"Code map\" has no heading `### {it}`"));
    let surplus = headings
        .difference(&folders)
        .map(|it| format!("ARCHITECTURE.md: the heading `### {it}` names no folder"));
    Ok(missing.chain(surplus).collect())
}

/// The dependencies of others without a reason in ARCHITECTURE.md, and the reasons for nothing.
///
/// # Errors
/// When a file cannot be read.
pub fn reasons(root: &Path) -> Result<Vec<String>> {
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let manifest = fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml")?;
    let used = theirs(&manifest);
    let explained = explained(&page);
    let missing = used
        .difference(&explained)
        .map(|it| format!("ARCHITECTURE.md: \"Dependencies\" gives no reason for {it}"));
    let surplus = explained
        .difference(&used)
        .map(|it| format!("ARCHITECTURE.md: \"Dependencies\" explains {it}, which is not used"));
    Ok(missing.chain(surplus).collect())
}

/// The names in `[workspace.dependencies]` that are not paths.
fn theirs(manifest: &str) -> BTreeSet<String> {
    manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#') && !line.contains("path ="))
        .filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()))
        .collect()
}

/// The first cells of the table below `## Dependencies`.
fn explained(page: &str) -> BTreeSet<String> {
    page.lines()
        .skip_while(|line| *line != "## Dependencies")
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .filter(|cell| *cell != "Dependency")
        .map(str::to_owned)
        .collect()
}

/// The third-level headings below `## Code map`.
fn code_map(page: &str) -> BTreeSet<String> {
    page.lines()
        .skip_while(|line| *line != "## Code map")
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("### "))
        .map(|heading| heading.trim_matches('`').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(&str, &[&str])]) -> Graph {
        let mut graph: Graph =
            RULES.iter().map(|(name, _)| ((*name).to_owned(), BTreeSet::new())).collect();
        for (name, dependencies) in pairs {
            let names = dependencies.iter().map(|it| (*it).to_owned());
            graph.insert((*name).to_owned(), names.collect());
        }
        graph
    }

    #[test]
    fn the_tree_of_cargo_is_read() {
        let text = "0 engine v0.1.0 (/x/crates/engine)\n1 model v0.1.0 (/x/crates/model)\n\n0 \
                    model v0.1.0 (/x/crates/model)\n";
        let graph = parse_tree(text);
        assert_eq!(graph["engine"], BTreeSet::from(["model".to_owned()]));
        assert!(graph["model"].is_empty());
    }

    #[test]
    fn the_rule_lets_the_shape_pass_and_stops_each_shortcut() {
        let good = edges(&[
            ("engine", &["model"]),
            ("probe", &["model", "tokio"]),
            ("server", &["engine", "probe", "anyhow"]),
            ("sim", &["engine", "model"]),
        ]);
        assert_eq!(forbidden(&good), Vec::<String>::new());
        let shortcuts: [(&str, &[&str], &str); 7] = [
            ("model", &["serde", "jiff"], "model must not know jiff"),
            ("engine", &["model", "tokio"], "engine must not know tokio"),
            ("probe", &["engine"], "probe must not know engine"),
            ("config", &["probe"], "config must not know probe"),
            ("console", &["store"], "console must not know store"),
            ("campanile", &["engine"], "campanile must not know engine"),
            ("tests", &["server"], "tests must not know server"),
        ];
        for (name, dependencies, message) in shortcuts {
            assert_eq!(forbidden(&edges(&[(name, dependencies)])), [message]);
        }
    }

    #[test]
    fn a_member_nobody_thought_about_is_a_fault_and_so_is_a_rule_for_nobody() {
        let mut graph = edges(&[("newcomer", &[])]);
        assert_eq!(forbidden(&graph).len(), 1);
        graph.remove("newcomer");
        graph.remove("store");
        assert_eq!(forbidden(&graph), ["store has a rule, but is no member of the workspace"]);
    }

    #[test]
    fn impure_words_count_in_code_only() {
        let text = "//! No HashMap here.\nuse std::collections::HashMap;\nlet a = \"async\";\n";
        assert_eq!(impure_words(text).iter().map(|it| it.0).collect::<Vec<_>>(), [2]);
        assert_eq!(impure_words("std::time::Instant::now()").len(), 1);
        assert!(impure_words("use std::net::IpAddr; let fs_like = 1;").is_empty());
    }

    #[test]
    fn reasons_and_dependencies_are_read() {
        let manifest = "[workspace.dependencies]\n# ours\na = { path = \"a\" }\nb-c = \"1\"\n\n\
                        [profile.dev]\nd = 1\n";
        assert_eq!(theirs(manifest), BTreeSet::from(["b-c".to_owned()]));
        let page = "## Dependencies\n\n| Dependency | For |\n|---|---|\n| b-c | d |\n\n## E\n\n| f | g |\n";
        assert_eq!(explained(page), BTreeSet::from(["b-c".to_owned()]));
    }

    #[test]
    fn only_the_code_map_lists_crates() {
        let page = "# A\n\n### crates/no\n\n## Code map\n\n### crates/a\n\ntext\n\n### `b`\n\n## C\n\n### d\n";
        let names: Vec<String> = code_map(page).into_iter().collect();
        assert_eq!(names, ["b", "crates/a"]);
    }
}
