//! The document about the API: kept in the repository, complete, and the same as what the node serves.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::kill9::{Node, agent, get};

/// The document of the whole node, as it is served.
fn served() -> String {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("zone"));
    let (status, served) = get(&agent(), &node.url("/openapi.json"), "");
    assert_eq!(status, 200);
    served.trim_end().to_owned() + "\n"
}

/// To write the kept document anew: `HANSE_WRITE_OPENAPI=1 cargo test -p hanse --test it openapi`.
#[test]
fn the_kept_document_is_what_the_node_serves() {
    let served = served();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("HANSE_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &served).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == served,
        "docs/openapi.json differs from what the node serves"
    );
    assert!(kept.contains("\"openapi\": \"3.1"));
}

#[test]
fn every_operation_has_its_own_id_a_summary_and_the_answers_of_the_layers() {
    let document: Value = serde_json::from_str(&served()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut ids = BTreeSet::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} twice");
            assert!(operation["summary"].is_string(), "{id}");
            let mut statuses = vec!["400", "406", "429", "500", "503"];
            if operation["security"].is_array() {
                statuses.extend(["401", "403"]);
            }
            for status in statuses {
                let answer = &operation["responses"][status];
                assert!(answer.is_object(), "{method} {path} {status}");
            }
        }
    }
    assert!(!ids.is_empty());
}
