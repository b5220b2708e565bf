//! The document about the API: kept in the repository, complete, and the same as what the code makes.

use std::collections::BTreeSet;
use std::path::Path;

use axum::http::StatusCode;
use hanse::http::openapi::operations;
use utoipa::openapi::OpenApi;

use crate::platform::Zone;

/// Compares a document with a file of the repository. To write the file anew:
/// `HANSE_WRITE_OPENAPI=1 cargo test -p hanse --test it openapi`.
pub(crate) fn check_kept(document: &OpenApi, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let made = document.to_pretty_json().unwrap() + "\n";
    if std::env::var_os("HANSE_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "{file} differs from the code; see check_kept for how to write it anew"
    );
}

#[tokio::test]
async fn the_kept_document_is_what_the_code_makes_and_what_the_node_serves() {
    let zone = Zone::start();
    check_kept(&zone.document, "testdata/openapi-platform.json");
    let served = zone.get("/openapi.json", "").await;
    assert_eq!(served.status, StatusCode::OK);
    assert_eq!(served.body, serde_json::to_value(&zone.document).unwrap());
    assert_eq!(
        served.body["openapi"].as_str().map(|v| &v[..3]),
        Some("3.1")
    );
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
