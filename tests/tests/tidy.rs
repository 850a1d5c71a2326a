//! The rules of style hold for the whole tree. Each rule's own tests live in xtask.

#[test]
fn the_tree_is_tidy() {
    let findings = xtask::tidy::check(&xtask::root()).unwrap();
    let faults: Vec<String> = findings.faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
