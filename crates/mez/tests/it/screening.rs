use law::zone::Manifest;
use mez::screening::policy;
use sanctions::{Policy, RequiredList};

#[test]
fn a_zone_asks_for_its_lists_at_its_thresholds() {
    let zone = Manifest::read(include_bytes!("../../../law/testdata/zone.yaml")).unwrap();
    let expected = Policy {
        required: vec![RequiredList {
            name: "ofac-sdn".to_owned(),
            age_days_max: 3650,
        }],
        review_bp: 8_000,
        block_bp: 9_500,
    };
    assert_eq!(policy(&zone.screening), expected);
}
