use std::path::Path;

use evidence::digest::Digest;
use evidence::mcf;
use serde_json::Value;

fn vectors(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/mez")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[track_caller]
fn check(input: &Value, canonical: &str, sha256: &str) {
    let bytes = mcf::to_vec(input).unwrap();
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), canonical);
    assert_eq!(Digest::raw(&bytes).to_hex(), sha256);
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

#[test]
fn the_reference_digests_are_reproduced() {
    let vectors = vectors("01_canonical_digests.json");
    let rows = vectors["digests"].as_array().unwrap();
    for row in rows {
        check(
            &row["input"],
            text(row, "canonical_utf8"),
            text(row, "sha256"),
        );
    }
    assert_eq!(rows.len(), 34);
    let row = &vectors["timestamp_divergence"];
    check(
        &row["input"],
        text(row, "rust_canonical_utf8"),
        text(row, "rust_sha256"),
    );
}

#[test]
fn content_addressed_artifacts_have_their_published_names() {
    let vectors = vectors("02_cas_digests.json");
    let rows = vectors["artifacts"].as_array().unwrap();
    for row in rows {
        let digest = Digest::raw(&mcf::to_vec(&row["content"]).unwrap()).to_hex();
        assert_eq!(digest, text(row, "sha256"));
        assert!(text(row, "path").ends_with(&format!("{digest}.json")));
    }
    assert_eq!(rows.len(), 5);
}

#[test]
fn doubles_are_refused_and_integers_accepted() {
    let vectors = vectors("01_canonical_digests.json");
    for value in vectors["float_reject"].as_array().unwrap() {
        assert_eq!(
            mcf::to_vec(value),
            Err(mcf::McfError::FloatRejected),
            "{value}"
        );
    }
    for value in vectors["integer_accept"].as_array().unwrap() {
        assert_eq!(mcf::to_vec(value).unwrap(), value.to_string().into_bytes());
    }
}

#[test]
fn strings_that_read_as_date_times_are_coerced_as_the_reference_does() {
    let vectors = vectors("01_canonical_digests.json");
    let source = vectors["datetime_source_cases"].as_array().unwrap();
    let derived = vectors["DERIVED_datetime_edge_cases"].as_array().unwrap();
    for row in source.iter().chain(derived) {
        let bytes = mcf::to_vec(&row["in"]).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            row["out"].to_string(),
            "{}",
            row["in"]
        );
    }
    assert_eq!(source.len() + derived.len(), 28);
}

#[test]
fn edge_cases_of_json_come_out_as_the_reference_does() {
    let vectors = vectors("01_canonical_digests.json");
    let rows = vectors["DERIVED_json_edge_cases"].as_array().unwrap();
    for row in rows {
        // The reference reads with serde_json, which this form presupposes.
        let value = serde_json::from_str::<Value>(text(row, "json"));
        let bytes = value.ok().and_then(|value| mcf::to_vec(&value).ok());
        let expected = row
            .get("canonical")
            .map(|canonical| canonical.as_str().unwrap().into());
        assert_eq!(bytes, expected, "{row}");
    }
    assert_eq!(rows.len(), 12);
}
