//! The document about the API: kept in the repository, complete, and the same as what the code makes.

use std::collections::BTreeSet;
use std::path::Path;

use hanse::http::openapi::operations;

use crate::kill9::{Node, agent, get};
use crate::platform::Zone;

/// To write the kept document anew: `HANSE_WRITE_OPENAPI=1 cargo test -p hanse --test it openapi`.
#[test]
fn the_kept_document_is_what_the_node_serves() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("zone"));
    let (status, served) = get(&agent(), &node.url("/openapi.json"), "");
    assert_eq!(status, 200);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let served = served.trim_end().to_owned() + "\n";
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut document = runtime.block_on(async { Zone::start().document });
    let mut ids = BTreeSet::new();
    for (path, item) in &mut document.paths.paths {
        for (_, operation) in operations(item) {
            let id = operation.operation_id.clone().unwrap();
            assert!(ids.insert(id.clone()), "{id} twice");
            assert!(operation.summary.is_some(), "{id}");
            for status in ["400", "406", "429", "500", "503"] {
                assert!(
                    operation.responses.responses.contains_key(status),
                    "{path} {status}"
                );
            }
        }
    }
}
