//! The table of what is complied with is true to the tests that it names and to the pages written from it.

use std::path::{Path, PathBuf};

use iris::compliance::{ROWS, Status, doap, markdown};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_pages_are_current() {
    let read = |name: &str| std::fs::read_to_string(root().join("docs/iris").join(name)).unwrap();
    let hint = "run `cargo run -p iris --example doap`";
    assert!(read("compliance.md") == markdown(), "{hint}");
    assert!(read("doap.xml") == doap(), "{hint}");
}

#[test]
fn every_named_test_exists() {
    for row in ROWS {
        for (file, name) in row.tests {
            let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            let is_there = [format!("fn {name}("), format!("def {name}(")]
                .iter()
                .any(|definition| source.contains(definition));
            assert!(is_there, "{}: {name} in {file}", row.id);
        }
    }
}

#[test]
fn what_is_said_to_be_there_is_shown_by_a_test() {
    for row in ROWS {
        assert_eq!(
            row.tests.is_empty(),
            row.status == Status::Missing,
            "{}",
            row.id
        );
    }
}

#[test]
fn the_description_is_well_formed_and_lists_each_specification_once() {
    let page: minidom::Element = doap().parse().unwrap();
    let project = page.children().next().unwrap();
    let listed = project
        .children()
        .filter(|child| child.name() == "implements")
        .count();
    let ids: std::collections::BTreeSet<_> = ROWS.iter().map(|row| row.id).collect();
    assert_eq!(listed, ids.len());
}
