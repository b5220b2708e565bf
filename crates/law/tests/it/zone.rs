use law::compliance::{Domain, Gate, Operation};
use law::pack::PackFiles;
use law::zone::{Drift, DriftKind, Lock, LockError, Manifest, PackPin};

use super::support::{id, pack_folder, read_pack};

const ZONE: &str = include_str!("../../testdata/zone.yaml");

#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(ZONE.contains(from), "the example has no {from}");
    let problems = Manifest::read(ZONE.replacen(from, to, 1).as_bytes()).unwrap_err();
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(texts, expected);
}

#[test]
fn the_example_manifest_reads() {
    let manifest = Manifest::read(ZONE.as_bytes()).unwrap();
    assert_eq!(manifest.jurisdiction().as_str(), "pk-demo");
    assert_eq!(manifest.screening_age_max_ms(), 24 * 60 * 60 * 1000);
    let formation = manifest.gates(Operation::EntityFormation);
    assert_eq!(formation[&Domain::Tax], Gate::BlocksUnlessPassing);
    assert_eq!(formation[&Domain::Sanctions], Gate::BlocksUnlessPassing);
}

#[test]
fn a_zone_tightens_gates_and_never_loosens_them() {
    let loose = ZONE.replace(
        "tax: blocks_unless_passing",
        "sanctions: blocks_when_non_compliant",
    );
    let manifest = Manifest::read(loose.as_bytes()).unwrap();
    let formation = manifest.gates(Operation::EntityFormation);
    assert_eq!(formation[&Domain::Sanctions], Gate::BlocksUnlessPassing);
}

#[test]
fn a_slip_of_the_fingers_is_told_the_name() {
    check(
        "operator:",
        "operater:",
        &[
            "operater: there is no such member; did you mean `operator`?",
            "operator: is missing",
        ],
    );
}

#[test]
fn another_dialect_is_told_the_translation() {
    check(
        "name: Demo zone",
        "zone_name: Demo zone",
        &[
            "zone_name: this spelling is another program's; here: `name`",
            "name: is missing",
        ],
    );
    check(
        "tax: blocks_unless_passing",
        "aml_cft: blocks_unless_passing",
        &[
            "compliance_domains.entity.formation.aml_cft: this spelling is another program's; here: aml",
        ],
    );
}

#[test]
fn values_are_checked_where_they_stand() {
    check(
        "approvals_required: 1",
        "approvals_required: 0",
        &["review.approvals_required: must be a whole number from 1 to 9"],
    );
    check(
        "version: 0.1.0",
        "version: 1.0",
        &["packs[0].version: must be a text; quote it"],
    );
    check(
        "[pk, pk-demo]",
        "[pk, ae-demo]",
        &["jurisdiction_stack[1]: must be inside `pk`, such as `pk-zone`"],
    );
    check(
        "block_from_bps: 9500",
        "block_from_bps: 100",
        &["screening.block_from_bps: must be at least `review_from_bps`"],
    );
    check(
        "demo.zone.example/log",
        "https://demo.example/log",
        &["log_origin: must be a host and a path without scheme, blanks and plus signs"],
    );
}

#[test]
fn all_problems_are_listed_at_once() {
    let problems = Manifest::read(b"zone_id: UPPER\nscreening: {lists: []}\n").unwrap_err();
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    for expected in [
        "format",
        "zone_id",
        "name",
        "screening.lists",
        "review",
        "packs",
    ] {
        assert!(paths.contains(&expected), "{expected} in {paths:?}");
    }
}

#[test]
fn what_is_not_yaml_is_one_problem() {
    for bad in ["a: [", "a: 1\na: 2\n", "&x a: *x\n"] {
        assert_eq!(
            Manifest::read(bad.as_bytes()).unwrap_err().len(),
            1,
            "{bad}"
        );
    }
}

fn pin() -> PackPin {
    PackPin {
        id: id("pk"),
        version: "0.1.0".to_owned(),
    }
}

fn pk_files() -> PackFiles {
    read_pack(&pack_folder("pk"))
}

#[test]
fn a_lock_is_reproducible_and_reads_back() {
    let files = pk_files();
    let lock = Lock::of(ZONE.as_bytes(), &[(pin(), &files)]);
    assert_eq!(
        lock.to_bytes(),
        Lock::of(ZONE.as_bytes(), &[(pin(), &pk_files())]).to_bytes()
    );
    assert_eq!(Lock::read(&lock.to_bytes()).unwrap(), lock);
    assert_eq!(lock.check(ZONE.as_bytes(), &[(pin(), &files)]), []);
}

#[test]
fn any_flipped_byte_is_found_under_its_name() {
    let files = pk_files();
    let lock = Lock::of(ZONE.as_bytes(), &[(pin(), &files)]);
    for (path, bytes) in files.iter() {
        let mut flipped = bytes.to_vec();
        flipped[bytes.len() / 2] ^= 1;
        let mut changed = files.clone();
        changed.insert(path.clone(), flipped);
        let place = format!("packs/pk/{path}");
        let expected = [Drift {
            place,
            kind: DriftKind::Changed,
        }];
        assert_eq!(lock.check(ZONE.as_bytes(), &[(pin(), &changed)]), expected);
    }
}

#[test]
fn added_and_missing_files_packs_and_manifests_are_found() {
    let files = pk_files();
    let lock = Lock::of(ZONE.as_bytes(), &[(pin(), &files)]);
    let mut more = files.clone();
    more.insert("policies/more.cedar".parse().unwrap(), vec![]);
    let drift = &lock.check(ZONE.as_bytes(), &[(pin(), &more)])[0];
    assert_eq!(
        drift.to_string(),
        "packs/pk/policies/more.cedar is not in zone.lock"
    );
    let drift =
        &Lock::of(ZONE.as_bytes(), &[(pin(), &more)]).check(ZONE.as_bytes(), &[(pin(), &files)])[0];
    assert_eq!(drift.kind, DriftKind::Missing);
    assert_eq!(
        lock.check(b"other", &[(pin(), &files)])[0].place,
        "zone.yaml"
    );
    assert_eq!(lock.check(ZONE.as_bytes(), &[])[0].place, "packs/pk");
}

#[test]
fn an_edited_lock_is_refused() {
    let lock = Lock::of(ZONE.as_bytes(), &[(pin(), &pk_files())]);
    let text = String::from_utf8(lock.to_bytes()).unwrap();
    let edited = text.replace("0.1.0", "0.2.0");
    assert!(matches!(
        Lock::read(edited.as_bytes()),
        Err(LockError::Edited)
    ));
    assert!(matches!(Lock::read(b"{"), Err(LockError::NotJson(_))));
    assert!(matches!(Lock::read(b"{}"), Err(LockError::Shape(_))));
}
