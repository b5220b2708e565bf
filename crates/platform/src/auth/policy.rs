//! The one decision: may this identity do this to that?

use api::scope::{Scope, ScopeSet, Standing};
use ids::PrincipalId;
use std::collections::BTreeSet;

use super::action::Action;

/// What a token, or a principal, is limited to. Empty means no limit of that kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The entities it may act for.
    pub entities: BTreeSet<String>,
    /// The one jurisdiction it may act in.
    pub jurisdiction: Option<String>,
}

/// A caller whose token was verified, with what the journal says about its principal at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who it is.
    pub principal: PrincipalId,
    /// What the principal is in the zone now.
    pub standing: Standing,
    /// The scopes in the token.
    pub token_scopes: ScopeSet,
    /// The id of the token.
    pub token_id: String,
    /// The limits of the token and of the principal, already combined.
    pub binding: Binding,
}

impl Identity {
    /// What the caller can do at most: the scopes of the token that its standing still allows.
    pub fn scopes(&self) -> ScopeSet {
        self.token_scopes
            .intersection(&self.standing.scopes())
            .copied()
            .collect()
    }
}

/// What an action is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The zone itself, or a thing that belongs to no entity.
    Zone,
    /// A collection, from which the handler shows only what the identity is bound to.
    Collection,
    /// One entity or a thing that belongs to it.
    Entity {
        /// The entity.
        id: &'a str,
        /// Where it is.
        jurisdiction: &'a str,
    },
}

/// Why an action is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token, or the standing of its principal, lacks the scope.
    #[error("`{}` needs the scope `{scope}`", action.name)]
    ScopeMissing {
        /// What was asked.
        action: Action,
        /// What it needs.
        scope: Scope,
    },
    /// The caller acts for other entities.
    #[error("`{principal}` does not act for this entity")]
    OtherEntity {
        /// Who asked.
        principal: PrincipalId,
    },
    /// The caller acts for entities, and this belongs to the zone.
    #[error("`{principal}` acts for entities only")]
    NotForEntities {
        /// Who asked.
        principal: PrincipalId,
    },
    /// The caller acts in another jurisdiction.
    #[error("`{principal}` acts in the jurisdiction `{bound}` only")]
    OtherJurisdiction {
        /// Who asked.
        principal: PrincipalId,
        /// Where it may act.
        bound: String,
    },
}

/// Proof that one identity may do one action. Only [`authorize`] makes it, and [`Permit::proven`] for those who prove themselves
/// by something else than a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    principal: PrincipalId,
    action: Action,
}

impl Permit {
    /// The permission of a principal that proves itself by something else than a token: the one-time bootstrap token, an
    /// assertion signed with its key, an invitation.
    pub fn proven(principal: PrincipalId, action: Action) -> Self {
        Self { principal, action }
    }

    /// Who was permitted; the actor in the journal.
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// What was permitted.
    pub fn action(&self) -> Action {
        self.action
    }
}

/// Decides whether `identity` may do `action` to `resource`.
///
/// # Errors
/// The first rule that refuses: scope, then entity, then jurisdiction.
pub fn authorize(
    identity: &Identity,
    action: Action,
    resource: Resource<'_>,
) -> Result<Permit, Refusal> {
    let scope = action.scope();
    if !identity.scopes().contains(&scope) {
        return Err(Refusal::ScopeMissing { action, scope });
    }
    let principal = identity.principal.clone();
    let bound = !identity.binding.entities.is_empty() || identity.standing.is_entity_bound();
    match resource {
        Resource::Collection => {}
        Resource::Zone => {
            // Everyone with the scope may see what belongs to the zone; changing it is not for those who act for entities.
            if bound && action.access() == super::Access::Write {
                return Err(Refusal::NotForEntities { principal });
            }
        }
        Resource::Entity { id, jurisdiction } => {
            if bound && !identity.binding.entities.contains(id) {
                return Err(Refusal::OtherEntity { principal });
            }
            if let Some(only) = &identity.binding.jurisdiction
                && only != jurisdiction
            {
                return Err(Refusal::OtherJurisdiction {
                    principal,
                    bound: only.clone(),
                });
            }
        }
    }
    Ok(Permit { principal, action })
}

#[cfg(test)]
mod tests {
    use api::scope::{ReadScope, Role, WriteScope};
    use proptest::prelude::*;

    use super::super::{Access, Need};
    use super::*;

    fn any_scope() -> impl Strategy<Value = Scope> {
        prop::sample::select(Scope::all().collect::<Vec<_>>())
    }

    fn any_action() -> impl Strategy<Value = Action> {
        let reads = prop::sample::select(ReadScope::ALL).prop_map(Need::Read);
        let writes = prop::sample::select(WriteScope::ALL);
        let needs = prop_oneof![
            reads,
            writes.clone().prop_map(Need::See),
            writes.prop_map(Need::Write)
        ];
        needs.prop_map(|need| Action { name: "any", need })
    }

    fn any_standing() -> impl Strategy<Value = Standing> {
        let staff = prop::collection::btree_set(prop::sample::select(Role::ALL), 0..4)
            .prop_map(|roles| Standing::Staff { roles });
        prop_oneof![Just(Standing::Regulator {}), staff]
    }

    fn any_binding() -> impl Strategy<Value = Binding> {
        let entities = prop::collection::btree_set("[a-c]", 0..3);
        let jurisdiction = prop::option::of(prop::sample::select(vec!["pk", "ae"]));
        (entities, jurisdiction).prop_map(|(entities, jurisdiction)| Binding {
            entities,
            jurisdiction: jurisdiction.map(str::to_owned),
        })
    }

    prop_compose! {
        fn any_identity()(
            standing in any_standing(),
            token_scopes in prop::collection::btree_set(any_scope(), 0..20),
            binding in any_binding(),
        ) -> Identity {
            let principal = "someone".parse().unwrap();
            Identity { principal, standing, token_scopes, token_id: "t".to_owned(), binding }
        }
    }

    fn any_resource() -> impl Strategy<Value = Resource<'static>> {
        let entity = (
            prop::sample::select(vec!["a", "b", "z"]),
            prop::sample::select(vec!["pk", "ae"]),
        )
            .prop_map(|(id, jurisdiction)| Resource::Entity { id, jurisdiction });
        prop_oneof![Just(Resource::Zone), Just(Resource::Collection), entity]
    }

    proptest! {
        #[test]
        fn without_its_scope_every_action_is_refused(
            mut identity in any_identity(), action in any_action(), resource in any_resource(),
        ) {
            identity.token_scopes.remove(&action.scope());
            let scope = action.scope();
            prop_assert_eq!(
                authorize(&identity, action, resource), Err(Refusal::ScopeMissing { action, scope })
            );
        }

        #[test]
        fn a_scope_that_the_standing_lost_is_refused_whatever_the_token_says(
            mut identity in any_identity(), action in any_action(), resource in any_resource(),
        ) {
            identity.standing = Standing::Staff { roles: BTreeSet::new() };
            identity.token_scopes = Scope::all().collect();
            prop_assert!(authorize(&identity, action, resource).is_err());
        }

        #[test]
        fn a_regulator_is_never_permitted_a_write(
            mut identity in any_identity(), action in any_action(), resource in any_resource(),
        ) {
            identity.standing = Standing::Regulator {};
            identity.token_scopes = Scope::all().collect();
            let decision = authorize(&identity, action, resource);
            prop_assert!(decision.is_err() || action.access() == Access::Read);
        }

        #[test]
        fn an_officer_acts_for_its_own_entities_only(
            mut identity in any_identity(), action in any_action(), id in "[a-d]",
        ) {
            identity.standing = Standing::staff(Role::Officer);
            identity.token_scopes = Scope::all().collect();
            identity.binding.jurisdiction = None;
            let decision = authorize(&identity, action, Resource::Entity { id: &id, jurisdiction: "pk" });
            let own = identity.binding.entities.contains(&id);
            prop_assert_eq!(decision.is_ok(), own && Role::Officer.scopes().contains(&action.scope()));
            let on_zone = authorize(&identity, action, Resource::Zone);
            prop_assert!(on_zone.is_err() || action.access() == Access::Read);
        }

        #[test]
        fn a_bound_jurisdiction_holds(
            mut identity in any_identity(), action in any_action(),
        ) {
            identity.binding.jurisdiction = Some("pk".to_owned());
            let elsewhere = Resource::Entity { id: "a", jurisdiction: "ae" };
            prop_assert!(authorize(&identity, action, elsewhere).is_err());
        }

        #[test]
        fn fewer_scopes_never_permit_more(
            identity in any_identity(), dropped in any_scope(), action in any_action(), resource in any_resource(),
        ) {
            let mut less = identity.clone();
            less.token_scopes.remove(&dropped);
            if authorize(&less, action, resource).is_ok() {
                prop_assert!(authorize(&identity, action, resource).is_ok());
            }
        }
    }
}
