//! The journal over HTTP: what is shown to whom, and that it proves itself without the node.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use evidence::checkpoint::Checkpoint;
use evidence::key::SigningKey;
use evidence::merkle::{self, Frontier, Hash};
use evidence::note::NoteSigner;
use hanse::bundles::judge::{Judgement, Kind, Known, Mark, judge};
use hanse::bundles::{EntityFile, EntityRegister};
use hanse::journal_api::{self, JournalApi, LogIdentity};
use jiff::Timestamp;
use journal::engine::Snapshots as _;
use journal::fsck;
use journal_sqlite::SqliteSnapshots;
use platform::declined::Declined;
use platform::http::assemble;
use platform::moment::Moment;
use serde_json::{Value, json};

use crate::platform::{START_MS, Zone};

const CANARY: &str = "Canary Qx7Zr2 Plaintext";

fn signer() -> NoteSigner {
    NoteSigner::new("zone.example/log", SigningKey::from_seed([1; 32])).unwrap()
}

fn zone_key() -> SigningKey {
    SigningKey::from_seed([9; 32])
}

fn known() -> Known {
    Known {
        zone: Some(zone_key().did()),
        log: Some(signer().verifier().clone()),
        as_of: Timestamp::from_millisecond(START_MS).unwrap(),
        status_lists: Vec::new(),
    }
}

/// A register with one entity, whose stream is that of the administrator.
struct Register;

impl EntityRegister for Register {
    fn file(&self, _: &Moment<'_>, entity: &str) -> Result<Option<EntityFile>, Declined> {
        Ok((entity == "ent-1").then(|| EntityFile {
            jurisdiction: "pk".to_owned(),
            stream: "hanse/bootstrap".parse().unwrap(),
            credentials: Vec::new(),
            status_lists: Vec::new(),
            packs: Vec::new(),
        }))
    }
}

struct Fixture {
    zone: Zone,
    admin: String,
    regulator: String,
}

impl Fixture {
    /// A zone with an administrator, a regulator and a clerk whose name is the canary.
    async fn start() -> Self {
        let mut zone = Zone::start();
        let identity = LogIdentity::new(zone_key(), signer());
        let api = JournalApi::new(
            zone.platform.clone(),
            Arc::new(identity),
            Box::new(Register),
        );
        zone.router = assemble(&zone.platform, journal_api::routes(api)).0;
        let admin = zone.administrator().await;
        let regulator = zone
            .token_of(&admin, "overseer", json!({"kind": "regulator"}), None)
            .await;
        let clerk = json!({
            "id": "clerk-one", "kind": "person", "display_name": CANARY,
            "standing": {"kind": "staff", "roles": ["registrar"]},
        });
        let created = zone.post("/v1/principals", &admin, "clerk", clerk).await;
        assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
        Self {
            zone,
            admin,
            regulator,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.zone.get(path, &self.regulator).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.body
    }

    async fn size(&self) -> u64 {
        Checkpoint::open(
            self.get("/v1/journal/checkpoint").await.as_str().unwrap(),
            signer().verifier(),
        )
        .unwrap()
        .size
    }

    async fn erase(&self, stream: &str, key: &str) -> crate::platform::Answer {
        let order = json!({"stream": stream, "reason": "subject_request", "reference": "DSR-1"});
        self.zone
            .post("/v1/journal/erasures", &self.admin, key, order)
            .await
    }

    fn fsck(&self) -> fsck::Report {
        let snapshots =
            SqliteSnapshots::open(self.zone.folder.path().join("journal.sqlite")).unwrap();
        let rows = snapshots.snapshot().unwrap();
        fsck::check(&fsck::Rows(&*rows), signer().verifier(), None, |_, _| {})
    }
}

fn judged(text: &[u8], known: &Known) -> Judgement {
    judge(text, known)
}

fn fails(judgement: &Judgement) -> Vec<&str> {
    let failed = judgement
        .checks
        .iter()
        .filter(|check| check.mark == Mark::Fails);
    failed.map(|check| check.what.as_str()).collect()
}

#[tokio::test]
async fn every_event_has_a_bundle_that_verifies_without_the_node() {
    let fixture = Fixture::start().await;
    for index in 0..fixture.size().await {
        let bundle = fixture
            .get(&format!("/v1/journal/proofs/{index}"))
            .await
            .to_string();
        let judgement = judged(bundle.as_bytes(), &known());
        assert!(
            judgement.verified && judgement.compare.is_empty(),
            "{judgement:#?}"
        );
        assert_eq!(judgement.kind, Kind::Bundle);
    }
}

#[tokio::test]
async fn a_bundle_says_what_to_compare_when_no_key_is_given_and_fails_with_a_foreign_one() {
    let fixture = Fixture::start().await;
    let bundle = fixture.get("/v1/journal/proofs/0").await.to_string();
    let nothing = Known {
        zone: None,
        log: None,
        ..known()
    };
    let judgement = judged(bundle.as_bytes(), &nothing);
    assert!(judgement.verified);
    assert_eq!(judgement.compare.len(), 2, "{judgement:#?}");
    let foreign = Known {
        zone: Some(SigningKey::from_seed([8; 32]).did()),
        ..known()
    };
    assert!(!judged(bundle.as_bytes(), &foreign).verified);
    let tampered = bundle.replace("\"at_ms\":1800", "\"at_ms\":1801");
    assert_ne!(tampered, bundle);
    assert!(!judged(tampered.as_bytes(), &known()).verified);
}

#[tokio::test]
async fn a_proof_can_be_asked_for_an_older_checkpoint_and_for_no_other_size() {
    let fixture = Fixture::start().await;
    let checkpoints = fixture.get("/v1/journal/checkpoints").await;
    let first = checkpoints["items"][0]["size"].as_u64().unwrap();
    let bundle = fixture
        .get(&format!("/v1/journal/proofs/0?size={first}"))
        .await
        .to_string();
    assert!(judged(bundle.as_bytes(), &known()).verified);
    for (path, status) in [
        (
            format!("/v1/journal/proofs/0?size={}", u64::MAX),
            StatusCode::NOT_FOUND,
        ),
        (
            format!("/v1/journal/proofs/{first}?size={first}"),
            StatusCode::NOT_FOUND,
        ),
        (
            "/v1/journal/proofs/18446744073709551615".to_owned(),
            StatusCode::NOT_FOUND,
        ),
        ("/v1/journal/proofs/x".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(
            fixture.zone.get(&path, &fixture.regulator).await.status,
            status,
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_entity_s_bundle_holds_its_whole_stream() {
    let fixture = Fixture::start().await;
    let bundle = fixture.get("/v1/entities/ent-1/bundle").await;
    let judgement = judged(bundle.to_string().as_bytes(), &known());
    assert!(judgement.verified, "{judgement:#?}");
    assert!(
        judgement
            .checks
            .iter()
            .any(|check| check.what.contains("follow each other"))
    );
    let unknown = fixture
        .zone
        .get("/v1/entities/ent-2/bundle", &fixture.regulator)
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_of_events_join_to_the_whole_log_and_filters_hold() {
    let fixture = Fixture::start().await;
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let from = cursor
            .map(|cursor| format!("&cursor={cursor}"))
            .unwrap_or_default();
        let page = fixture
            .get(&format!("/v1/journal/events?limit=2{from}"))
            .await;
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["index"].as_u64().unwrap()),
        );
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert!(seen.iter().copied().eq(0..fixture.size().await), "{seen:?}");
    let stream = fixture
        .get("/v1/journal/events?stream=hanse/principal/clerk-one")
        .await;
    assert_eq!(stream["items"].as_array().unwrap().len(), 1);
    let kind = fixture.get("/v1/journal/events?kind=nothing.ever.v1").await;
    assert_eq!(kind["items"], json!([]));
    let refused = fixture
        .zone
        .get("/v1/journal/events?knd=x", &fixture.regulator)
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn sealed_content_is_shown_to_its_scope_only() {
    let fixture = Fixture::start().await;
    let path = "/v1/journal/events?stream=hanse/principal/clerk-one";
    let shown = fixture
        .zone
        .get(path, &fixture.admin)
        .await
        .body
        .to_string();
    assert!(shown.contains(CANARY));
    let page = fixture.get(path).await;
    assert!(!page.to_string().contains(CANARY));
    assert_eq!(page["items"][0]["withheld"], "sealed");
    let index = &page["items"][0]["index"];
    let payload = format!("/v1/journal/events/{index}/payload");
    let refused = fixture.zone.get(&payload, &fixture.regulator).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::FORBIDDEN, "forbidden")
    );
    assert_eq!(
        fixture.zone.get(&payload, &fixture.admin).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_audit_export_verifies_whole_and_in_parts_and_no_line_can_be_changed() {
    let fixture = Fixture::start().await;
    let whole = fixture
        .get("/v1/audit/export")
        .await
        .as_str()
        .unwrap()
        .to_owned();
    let judgement = judged(whole.as_bytes(), &known());
    assert!(judgement.verified, "{judgement:#?}");
    assert_eq!(judgement.kind, Kind::AuditExport);
    for from in 1..fixture.size().await {
        let part = fixture
            .zone
            .get(&format!("/v1/audit/export?from={from}"), &fixture.regulator)
            .await;
        let judgement = judged(part.body.as_str().unwrap().as_bytes(), &known());
        assert!(judgement.verified, "from {from}: {judgement:#?}");
    }
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        assert!(
            !judged(without.concat().as_bytes(), &known()).verified,
            "without line {at}"
        );
    }
    for (number, byte) in whole
        .bytes()
        .enumerate()
        .filter(|(number, _)| number % 13 == 0)
    {
        let mut changed = whole.clone().into_bytes();
        changed[number] = byte ^ 1;
        assert!(!judged(&changed, &known()).verified, "byte {number}");
    }
    let cut = &whole[..whole.len() - lines.last().unwrap().len()];
    assert_eq!(fails(&judged(cut.as_bytes(), &known())).len(), 1);
}

#[tokio::test]
async fn tiles_make_the_root_that_the_checkpoint_signs() {
    let fixture = Fixture::start().await;
    let note = fixture.zone.get("/tlog/checkpoint", "").await.body;
    let checkpoint = Checkpoint::open(note.as_str().unwrap(), signer().verifier()).unwrap();
    let path = format!("/tlog/tile/0/000.p/{}", checkpoint.size);
    let request = crate::platform::request(axum::http::Method::GET, &path, "");
    let response = tower::ServiceExt::oneshot(
        fixture.zone.router.clone(),
        request.body(axum::body::Body::empty()).unwrap(),
    );
    let response = response.await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 16)
        .await
        .unwrap();
    let mut frontier = Frontier::new();
    for hash in bytes.chunks_exact(32) {
        frontier.append(hash.try_into().unwrap(), |_, _, _| {});
    }
    assert_eq!(
        (frontier.size(), frontier.root()),
        (checkpoint.size, checkpoint.root)
    );
    let beyond = format!("/tlog/tile/0/000.p/{}", checkpoint.size + 1);
    for path in [
        beyond.as_str(),
        "/tlog/tile/0/000",
        "/tlog/tile/entries/000.p/1",
        "/tlog/tile/x",
    ] {
        assert_eq!(
            fixture.zone.get(path, "").await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_log_proves_that_it_only_grew() {
    let fixture = Fixture::start().await;
    let page = fixture.get("/v1/journal/checkpoints").await;
    let open = |item: &Value| {
        Checkpoint::open(item["note"].as_str().unwrap(), signer().verifier()).unwrap()
    };
    let notes: Vec<Checkpoint> = page["items"].as_array().unwrap().iter().map(open).collect();
    let (old, new) = (&notes[0], notes.last().unwrap());
    let path = format!("/v1/journal/consistency?from={}&to={}", old.size, new.size);
    let hashes: Vec<Hash> = fixture.get(&path).await["proof"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hash| {
            data_encoding::HEXLOWER
                .decode(hash.as_str().unwrap().as_bytes())
                .unwrap()
        })
        .map(|hash| hash.try_into().unwrap())
        .collect();
    merkle::verify_consistency(old.size, new.size, &hashes, &old.root, &new.root).unwrap();
    for query in ["from=0&to=1", "from=2&to=1"] {
        let path = format!("/v1/journal/consistency?{query}");
        assert_eq!(
            fixture.zone.get(&path, "").await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_checkpoint_proves_nothing_without_its_key() {
    let fixture = Fixture::start().await;
    let note = fixture
        .get("/v1/journal/checkpoint")
        .await
        .as_str()
        .unwrap()
        .to_owned();
    assert!(judged(note.as_bytes(), &known()).verified);
    assert!(
        !judged(
            note.as_bytes(),
            &Known {
                log: None,
                ..known()
            }
        )
        .verified
    );
    assert!(!judged(b"neither JSON nor note", &known()).verified);
    assert!(!judged(b"{\"a\":1,\"a\":2}", &known()).verified);
}

#[tokio::test]
async fn erased_content_is_gone_from_every_answer_and_file_and_every_proof_still_holds() {
    let fixture = Fixture::start().await;
    let stream = "hanse/principal/clerk-one";
    let index = fixture
        .get(&format!("/v1/journal/events?stream={stream}"))
        .await["items"][0]["index"]
        .clone();
    let bundle = fixture
        .get(&format!("/v1/journal/proofs/{index}"))
        .await
        .to_string();

    let erased = fixture.erase(stream, "erase-1").await;
    assert_eq!(erased.status, StatusCode::OK, "{erased:?}");
    assert_eq!(erased.body["events"], 1);

    let payload = format!("/v1/journal/events/{index}/payload");
    let gone = fixture.zone.get(&payload, &fixture.admin).await;
    assert_eq!((gone.status, gone.code()), (StatusCode::GONE, "gone"));
    for path in ["/v1/journal/events", "/v1/audit/export", "/v1/principals"] {
        let answer = fixture.zone.get(path, &fixture.admin).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.body.to_string().contains(CANARY), "{path}");
    }
    assert_eq!(
        files_with(fixture.zone.folder.path(), CANARY),
        Vec::<String>::new()
    );

    assert!(judged(bundle.as_bytes(), &known()).verified);
    let fresh = fixture
        .get(&format!("/v1/journal/proofs/{index}"))
        .await
        .to_string();
    assert!(judged(fresh.as_bytes(), &known()).verified);
    assert_eq!(fixture.fsck().findings, []);

    let replayed = fixture.erase(stream, "erase-1").await;
    assert_eq!(
        (replayed.status, &replayed.body),
        (StatusCode::OK, &erased.body)
    );
    assert_eq!(
        fixture.erase(stream, "erase-2").await.status,
        StatusCode::GONE
    );
    assert_eq!(
        fixture.erase("hanse/bootstrap", "erase-3").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        fixture.erase("no/such/stream", "erase-4").await.status,
        StatusCode::NOT_FOUND
    );
}

/// The control of the search in files: public content is found where sealed content is not.
#[tokio::test]
async fn public_content_is_found_in_the_files_and_sealed_content_never_was() {
    let fixture = Fixture::start().await;
    let folder = fixture.zone.folder.path();
    assert_eq!(files_with(folder, CANARY), Vec::<String>::new());
    assert_eq!(
        fixture
            .erase("hanse/principal/overseer", "erase-1")
            .await
            .status,
        StatusCode::OK
    );
    assert!(!files_with(folder, "DSR-1").is_empty());
}

/// Names of files below a folder that hold the text in UTF-8.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path)
            .unwrap()
            .windows(text.len())
            .any(|part| part == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn a_clock_set_back_changes_times_and_never_the_order() {
    let fixture = Fixture::start().await;
    let before = fixture.size().await;
    for (number, now_ms) in [START_MS - 86_400_000, START_MS, START_MS - 1]
        .into_iter()
        .enumerate()
    {
        fixture.zone.hand.store(now_ms, Ordering::SeqCst);
        // A day back, the tokens are not valid yet; the journal's own order is what is judged here.
        let mut transaction = journal::Transaction::new(now_ms, "clock-test");
        transaction.appends.push(journal::Append {
            stream: "test/clock".parse().unwrap(),
            privacy: journal::Privacy::Public,
            expected: journal::Expected::Any,
            events: vec![journal::NewEvent {
                kind: "clock.read.v1".parse().unwrap(),
                payload: b"{}".to_vec(),
            }],
        });
        let committed = fixture
            .zone
            .platform
            .journal
            .commit(transaction)
            .await
            .unwrap();
        assert_eq!(committed.events[0].index.0, before + number as u64);
    }
    fixture.zone.hand.store(START_MS, Ordering::SeqCst);
    let export = fixture
        .get("/v1/audit/export")
        .await
        .as_str()
        .unwrap()
        .to_owned();
    assert!(judged(export.as_bytes(), &known()).verified);
    assert_eq!(fixture.fsck().findings, []);
}
