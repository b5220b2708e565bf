//! Which content of the journal a caller may see.

use api::journal::Withheld;
use api::scope::ScopeSet;
use std::collections::BTreeSet;

use journal::Event;

use crate::institutions;
use platform::auth::Identity;

/// What one caller may see.
#[derive(Clone, Debug)]
pub struct Disclosure {
    scopes: ScopeSet,
    /// Streams of these entities only, when the caller is bound.
    bound_to: Option<BTreeSet<String>>,
}

impl Disclosure {
    /// What this identity may see. Nothing is remembered between requests.
    pub fn of(identity: &Identity) -> Self {
        let binding = &identity.binding;
        let bound = !binding.entities.is_empty()
            || binding.jurisdiction.is_some()
            || identity.standing.is_entity_bound();
        Self {
            scopes: identity.scopes(),
            bound_to: bound.then(|| binding.entities.clone()),
        }
    }

    /// What everybody may see: public content.
    pub fn of_public() -> Self {
        Self {
            scopes: ScopeSet::new(),
            bound_to: None,
        }
    }

    /// The payload as it was given, if the caller may see it.
    ///
    /// # Errors
    /// Why it is withheld.
    pub fn content<'a>(&self, event: &'a Event) -> Result<&'a [u8], Withheld> {
        let (area, owner) = area_of(event.stream.as_str());
        if let Some(entities) = &self.bound_to
            && (area != "mez/entity" || !entities.contains(owner))
        {
            return Err(Withheld::OutOfScope);
        }
        if event.header.sealed && !self.opens(area) {
            return Err(Withheld::Sealed);
        }
        event.payload.as_deref().ok_or(Withheld::Erased)
    }

    /// Whether sealed content of an area is shown. An area that no institution opens is never shown.
    fn opens(&self, area: &str) -> bool {
        let needed = institutions::opened_by(area);
        self.bound_to.is_none() && needed.is_some_and(|scope| self.scopes.contains(&scope))
    }
}

/// `mez/person` and `per-1` of `mez/person/per-1`.
fn area_of(stream: &str) -> (&str, &str) {
    let cut = stream
        .match_indices('/')
        .nth(1)
        .map_or(stream.len(), |(at, _)| at);
    let (area, rest) = stream.split_at(cut);
    (area, rest.strip_prefix('/').unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use evidence::digest::Digest;
    use evidence::event::{EventHeader, Version, genesis, payload_digest};
    use journal::{LogIndex, Seq};

    use super::*;
    use api::scope::{ReadScope, Role, Scope, Standing};
    use platform::auth::Binding;

    fn event(stream: &str, sealed: bool, payload: Option<&[u8]>) -> Event {
        let header = EventHeader {
            actor: "someone".to_owned(),
            at_ms: 0,
            kind: "thing.happened.v1".to_owned(),
            payload_digest: payload_digest(b"stored"),
            prev: genesis(stream),
            sealed,
            seq: std::num::NonZeroU64::MIN,
            stream: stream.to_owned(),
            version: Version,
        };
        let header_bytes = header.encode().unwrap().into_bytes();
        Event {
            index: LogIndex(0),
            stream: stream.parse().unwrap(),
            seq: Seq::FIRST,
            kind: "thing.happened.v1".parse().unwrap(),
            header,
            digest: Digest::raw(&header_bytes),
            header_bytes,
            stored: b"stored".to_vec(),
            payload: payload.map(<[u8]>::to_vec),
        }
    }

    fn identity(standing: Standing, scopes: &[Scope], binding: Binding) -> Identity {
        Identity {
            principal: "someone".parse().unwrap(),
            token_scopes: scopes.iter().copied().collect(),
            standing,
            token_id: "t".to_owned(),
            binding,
        }
    }

    const JOURNAL: Scope = Scope::Read(ReadScope::JournalRead);
    const ENTITIES: Scope = Scope::Read(ReadScope::EntitiesRead);

    #[test]
    fn reading_the_journal_shows_public_content_and_no_sealed_content() {
        let may = Disclosure::of(&identity(
            Standing::Regulator {},
            &[JOURNAL],
            Binding::default(),
        ));
        let public = event("mez/entity/e-1", false, Some(b"p"));
        assert_eq!(may.content(&public), Ok(b"p".as_slice()));
        for stream in [
            "mez/person/p-1",
            "mez/screening/e-1",
            "hanse/principal/x",
            "zenb/session/1",
        ] {
            assert_eq!(
                may.content(&event(stream, true, Some(b"p"))),
                Err(Withheld::Sealed),
                "{stream}"
            );
        }
    }

    #[test]
    fn a_scope_opens_its_own_area_only() {
        let may = Disclosure::of(&identity(
            Standing::Regulator {},
            &[JOURNAL, ENTITIES],
            Binding::default(),
        ));
        assert!(
            may.content(&event("mez/person/p-1", true, Some(b"p")))
                .is_ok()
        );
        let screening = event("mez/screening/e-1", true, Some(b"p"));
        assert_eq!(may.content(&screening), Err(Withheld::Sealed));
    }

    #[test]
    fn every_scope_together_opens_no_area_without_a_rule() {
        let scopes: Vec<_> = Scope::all().collect();
        let standing = Standing::Staff {
            roles: Role::ALL.iter().copied().collect(),
        };
        let may = Disclosure::of(&identity(standing, &scopes, Binding::default()));
        let unknown = event("zenb/session/1", true, Some(b"p"));
        assert_eq!(may.content(&unknown), Err(Withheld::Sealed));
    }

    #[test]
    fn a_bound_caller_sees_its_own_public_stream_and_nothing_sealed() {
        let scopes: Vec<_> = Scope::all().collect();
        let binding = Binding {
            entities: ["e-1".to_owned()].into(),
            jurisdiction: None,
        };
        let may = Disclosure::of(&identity(
            Standing::staff(Role::Registrar),
            &scopes,
            binding,
        ));
        assert!(
            may.content(&event("mez/entity/e-1", false, Some(b"p")))
                .is_ok()
        );
        for (stream, sealed) in [
            ("mez/entity/e-2", false),
            ("mez/register/pk", false),
            ("mez/person/p-1", true),
            ("mez/screening/e-1", true),
        ] {
            let event = event(stream, sealed, Some(b"p"));
            assert_eq!(may.content(&event), Err(Withheld::OutOfScope), "{stream}");
        }
    }

    #[test]
    fn erased_content_is_said_to_be_erased() {
        let may = Disclosure::of(&identity(
            Standing::Regulator {},
            &[JOURNAL, ENTITIES],
            Binding::default(),
        ));
        assert_eq!(
            may.content(&event("mez/person/p-1", true, None)),
            Err(Withheld::Erased)
        );
    }
}
