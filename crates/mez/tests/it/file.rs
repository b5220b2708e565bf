//! What is put on the file of an entity, and what is not.

use ids::aggregate::Aggregate as _;
use mez::file::{Accept, OnFile, Refusal};
use serde_json::json;

use crate::law_support::NOW_MS;
use crate::support::{applied, full_evidence};

#[test]
fn evidence_about_an_entity_or_who_is_behind_it_is_put_on_its_file_once() {
    let entity = applied();
    for verified in full_evidence(&entity, NOW_MS) {
        let accept = || Accept {
            verified: verified.clone(),
            credential: json!({"a": 1}),
        };
        let decided = OnFile::decide(None, accept(), &entity).unwrap();
        let on_file = OnFile::replay(None, &decided.events).unwrap().unwrap();
        assert_eq!(on_file.digest, verified.digest());
        assert_eq!(on_file.subject, verified.subject().to_string());
        assert_eq!(on_file.domain, verified.domain());
        let again = OnFile::decide(Some(&on_file), accept(), &entity);
        assert_eq!(again, Err(Refusal::OnFile));
    }
}

#[test]
fn evidence_about_somebody_else_is_put_on_no_file() {
    let entity = applied();
    let mut other = applied();
    other.id = "somebody-else".parse().unwrap();
    other.directors.clear();
    other.owners.clear();
    for verified in full_evidence(&entity, NOW_MS) {
        let accept = Accept {
            verified,
            credential: json!({}),
        };
        let decided = OnFile::decide(None, accept, &other);
        assert_eq!(decided, Err(Refusal::SomebodyElse));
    }
}
